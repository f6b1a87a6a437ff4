/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM takes in the collector's memory, connections apart.  Counted in the allocator, without
 * a clock: a thousand hosts that wait for their turn, as nearly all of a large fleet do, each with
 * a window, facts, an answer and a place in the list that the fleet shows.
 */
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/core/config.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tests/unit/hr_sample.h"

#define HOSTS     1000
#define LARGE     100000 /* the fleet that the aim is about */
#define AIM       2048   /* bytes a VM */
#define HOST_MOST 924    /* of them without the parts that have a limit of their own */

static struct hr_counters count;
static struct hr_board board;
static uint8_t facts[4096], body[HR_BODY_MAX];
static size_t facts_len;

static struct hr_writer *open_writer(const char *path)
{
	struct hr_writer_conf conf = {.max_hosts = LARGE,
		.period_ns = 60000000000,
		.windows_ms = 30 * 86400000ULL,
		.five_min_ms = 30 * 86400000ULL,
		.hours_ms = 730 * 86400000ULL,
		.save_ns = 3600000000000,
		.model_bytes = 1};
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s =
		hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = path}, note, error);
	struct hr_writer *w;

	hr_model_conf_default(&conf.model);
	w = s ? hr_writer_open(&conf, s, &count, &board, error) : NULL;
	if (!w)
		fail_msg("%s", error);
	return w;
}

static void on_done(struct hr_work *k)
{
	(void)k;
}

/* The first POST of host @no. */
static void give(struct hr_writer *w, unsigned no, struct hr_rand *r)
{
	static struct hr_wire_arena arena;
	static struct hr_summary s;
	uint8_t id[HR_HOST_ID_LEN] = {(uint8_t)no, (uint8_t)(no >> 8), 1}, one[8192];
	uint64_t now = hr_clock_wall_ms();
	struct hr_wire_batch batch;
	struct hr_wire_builder b;
	struct hr_post p;

	hr_sample_busy(r, &s, 0);
	s.t_end_ms = now - 60000;
	assert_true(hr_wire_batch_begin(&b, body, sizeof(body), id, 7 + no));
	assert_true(hr_wire_batch_facts(&b, facts, facts_len));
	assert_true(hr_wire_batch_add(&b, one, hr_wire_encode_summary(&s, one, sizeof(one))));
	assert_int_equal(hr_wire_open(&arena, body, b.len, &batch), HR_WIRE_OK);
	p = (struct hr_post){.work = {.kind = HR_WORK_POST, .done = on_done},
		.body = body,
		.len = b.len,
		.head = batch.head,
		.n_rows = 1,
		.facts = facts,
		.facts_len = facts_len,
		.received_ms = now};
	snprintf(p.name, sizeof(p.name), "vm-%05u.eu-1.example", no);
	p.row[0] = (struct hr_post_row){.seq_first = s.seq_first,
		.seq_last = s.seq_last,
		.t_end_ms = s.t_end_ms,
		.dur_ms = s.dur_ms};
	assert_int_equal(
		hr_wire_summary_bytes(body, b.len, 0, &p.row[0].bytes, &p.row[0].len), HR_WIRE_OK);
	hr_group_run(w, &p.work);
	assert_int_equal(p.refused.status, 0);
}

/* In use, but for what SQLite holds, which has its own limit. */
static int64_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return (int64_t)(m.uordblks + m.hblkhd) - sqlite3_memory_used();
}

static bool all_shown(const struct hr_writer *w)
{
	for (uint32_t i = 0; i < w->hosts.n; i++)
		if (!w->hosts.by_no[i]->view)
			return false;
	return w->hosts.n == HOSTS;
}

/* A row in the list, too; nothing is left of the turns it took. */
static int64_t bytes_of_a_host(struct hr_writer *w)
{
	struct hr_rand r = hr_rand_seeded("bytes");
	int64_t before;

	give(w, 0, &r); /* what is allocated once */
	hr_writer_turns(w);
	hr_writer_publish(w);
	before = in_use();
	for (unsigned no = 1; no < HOSTS; no++)
		give(w, no, &r);
	for (int i = 0; i < 10 * HOSTS && !all_shown(w); i++)
		hr_writer_turns(w);
	assert_true(all_shown(w));
	hr_writer_publish(w);
	return (in_use() - before) / (HOSTS - 1);
}

static void a_vm_of_a_large_fleet_takes_two_kib(void **state)
{
	struct hr_collector_config conf;
	char dir[] = "/tmp/hr-bytes-XXXXXX", path[64], cmd[96];
	struct hr_facts f;
	struct hr_writer *w;
	int64_t each, limits;

	(void)state;
	hr_log_init("test", HR_LOG_ERR);
	if (mallinfo2().uordblks == 0)
		skip(); /* valgrind's allocator does not say */
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/t.db", dir);
	assert_int_equal(hr_board_init(&board), 0);
	hr_sample_facts(&f);
	facts_len = hr_wire_encode_facts(&f, facts, sizeof(facts));
	w = open_writer(path);
	each = bytes_of_a_host(w);

	/* what the defaults allow models and pages of the database, whatever the fleet */
	hr_conf_defaults(hr_collector_config_table(), &conf, NULL);
	w->conf.model_bytes = conf.model_bytes;
	w->n_hot = LARGE / 100;
	w->hot_bytes = w->n_hot * 20000ULL;
	w->hosts.n = LARGE;
	limits = (int64_t)(hr_turn_room(w) + conf.cache_bytes) / LARGE;
	w->n_hot = 0;
	w->hot_bytes = 0;
	w->hosts.n = HOSTS;
	print_message("%lld bytes a host and %lld of limits\n", (long long)each, (long long)limits);
	assert_true(each > 400); /* or it counts nothing */
	assert_true(each <= HOST_MOST);
	assert_true(each + limits <= AIM);

	hr_writer_close(w);
	hr_board_done(&board);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

static void models_have_all_their_room_while_a_part_worth_having_fits(void **state)
{
	struct hr_writer *w = calloc(1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	w->conf.model_bytes = 128000000;
	assert_int_equal(hr_turn_room(w), 128000000);
	w->n_hot = 10;
	w->hot_bytes = 10 * 20000;
	w->hosts.n = 25600; /* four times what fits */
	assert_int_equal(hr_turn_room(w), 128000000);
	w->hosts.n = 25601;
	assert_int_equal(hr_turn_room(w), 16000000);
	w->hosts.n = 19201; /* and not back and forth at each host more or less */
	assert_int_equal(hr_turn_room(w), 16000000);
	w->hosts.n = 19200;
	assert_int_equal(hr_turn_room(w), 128000000);
	w->conf.model_bytes = 0;
	w->hosts.n = 1000000;
	assert_true(hr_turn_room(w) == UINT64_MAX);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_of_a_large_fleet_takes_two_kib),
		cmocka_unit_test(models_have_all_their_room_while_a_part_worth_having_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
