// SPDX-License-Identifier: Apache-2.0
/*
 * usage: window DIRECTORY [HOSTS [DAYS [CALM [WINDOWS]]]]
 *        window DIRECTORY past DAYS
 * CPU that one window costs the collector in each part of its life: its body checked, stored, the
 * turn of its host (models that are not in memory), rolled up, expired, and pages moved into the
 * file.  One thread, a file database, the writer's own code, windows of gen_body.c; without
 * sockets, threads, answers over HTTP and the fleet's list.  HOSTS (1000) each post WINDOWS (10)
 * windows at a time, one POST of three or five across the end of a bin; models know DAYS (7)
 * already.  A turn is of 30 windows, that of a host without
 * news of the windows of CALM (15) minutes, 0: likewise 30; a roll-up is of 30; what is
 * turned and expired has left SQLite's cache, as in a fleet of a hundred thousand.
 * past: instead the DAYS of one VM up to now, as a collector would have kept them, in
 * DIRECTORY/headroom.db, which is left there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/num.h"
#include "proto/units.h"
#include "proto/wire.h"
#include "tests/load/gen.h"

#define MINUTES 60 /* of which the first 30 are not looked at */
#define SKIP    30
#define GROUP   400 /* POSTs in a transaction */
#define BUSY    0.7 /* as gen's */

enum part {
	CHECK,
	STORE,
	TURN,
	ROLL,
	EXPIRE,
	MOVE,
	PARTS
};
static const char *const part_name[PARTS] = {"check", "store", "turn", "roll-up", "expiry", "log"};
static uint64_t cpu_us[PARTS];

static struct hr_writer *w;
static struct hr_wire_arena arena;
static uint32_t hosts = 1000, per_post = 10;
static uint64_t start_ms, now_ms; /* the run's own time: minutes pass when their work is done */
static bool past;                 /* a past, facts and all */
static struct hr_post *post;
static uint64_t transactions, expired_before, turns_before;
static struct hr_counters count;

/* The clock of the code under test, linked before the library's. */
uint64_t hr_clock_wall_ms(void)
{
	return now_ms;
}

static uint64_t read_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * HR_NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t hr_clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC) + (now_ms - start_ms) * 1000000;
}

uint64_t hr_clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t hr_clock_cpu_us(void)
{
	return hr_ns_to_us(read_ns(CLOCK_PROCESS_CPUTIME_ID));
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "window: %s\n", what);
	exit(1);
}

/* As ingest.c does it. */
static void check(struct hr_post *p)
{
	struct hr_wire_batch b;

	must(hr_wire_open(&arena, p->body, p->len, &b) == HR_WIRE_OK, "a body is not accepted");
	if (b.head.has_facts) {
		static uint8_t room[HR_BODY_MAX];
		static struct hr_facts facts;

		hr_wire_facts(&b, &facts);
		p->facts = room;
		p->facts_len = hr_wire_encode_facts(&facts, room, sizeof(room));
		memcpy(p->name, facts.name, sizeof(p->name));
	}
	p->head = b.head;
	p->n_rows = b.head.n_summaries;
	for (uint32_t i = 0; i < p->n_rows; i++) {
		struct hr_post_row *row = &p->row[i];
		struct hr_wire_summary_head head;
		struct hr_wire_load load;

		must(hr_wire_summary_bytes(p->body, p->len, i, &row->bytes, &row->len) ==
				HR_WIRE_OK,
			"a window is not found");
		hr_wire_summary_head(&b, i, &head);
		row->seq_first = head.seq_first;
		row->seq_last = head.seq_last;
		row->t_end_ms = head.t_end_ms;
		row->dur_ms = head.dur_ms;
		row->lost = head.lost;
		hr_wire_summary_load(&b, i, &load);
		hr_strain_add(&p->strain, &load);
	}
}

static void settle(enum part part, uint64_t from_us)
{
	cpu_us[part] += hr_clock_cpu_us() - from_us;
}

static void move_log(void)
{
	uint64_t t = hr_clock_cpu_us();

	must(w->store->ops->maintain(w->store) == 0, "checkpoint");
	settle(MOVE, t);
	transactions++;
}

/* Hosts @from.. of one round of POSTs. */
static void post_group(uint32_t from, uint64_t seq)
{
	uint32_t n = hosts - from < GROUP ? hosts - from : GROUP;
	uint64_t t;

	for (uint32_t i = 0; i < n; i++) {
		struct hr_post *p = &post[i];
		void *body = p->body;

		*p = (struct hr_post){.body = body,
			.received_ms = now_ms,
			.work.next = i + 1 < n ? &post[i + 1].work : NULL};
		p->len = gen_body(from + i, seq, per_post, now_ms - 1, past && seq == 1, body);
		must(p->len > 0, "a body is too long");
	}
	t = hr_clock_cpu_us();
	for (uint32_t i = 0; i < n; i++)
		check(&post[i]);
	settle(CHECK, t);
	t = hr_clock_cpu_us();
	hr_group_run(w, &post[0].work);
	settle(STORE, t);
	for (uint32_t i = 0; i < n; i++)
		must(post[i].refused.status == 0, "a POST is refused");
	move_log();
}

/* Of the hosts whose place in the round has come in this minute. */
static void turns(void)
{
	uint64_t t;

	do {
		t = hr_clock_cpu_us();
		w->behind = false;
		hr_writer_turns(w);
		settle(TURN, t);
		move_log();
	} while (w->behind);
}

static void roll_up(void)
{
	bool more;

	do {
		uint64_t t = hr_clock_cpu_us();

		more = hr_rollup_step(w);
		settle(ROLL, t);
		move_log();
	} while (more);
}

/* The journal, too. */
static void expire(void)
{
	bool more;

	do {
		uint64_t t = hr_clock_cpu_us();

		more = hr_writer_expire(w);
		settle(EXPIRE, t);
		must(hr_writer_state(w) == HR_WRITER_OK, hr_store_error(w->store));
		move_log();
	} while (more);
}

/* A model that has seen @days of the same windows, for every host. */
static void grow_old(uint64_t days)
{
	static struct hr_summary s[GEN_POOL];
	struct hr_vm *vm = hr_vm_new(&w->conf.model);
	size_t len;

	must(vm, "out of memory");
	for (unsigned i = 0; i < GEN_POOL; i++) {
		post[0].len = gen_body(0, i, 1, start_ms, false, post[0].body);
		check(&post[0]);
		must(hr_wire_decode_summary(
			     &arena, post[0].row[0].bytes, post[0].row[0].len, &s[i]) == HR_WIRE_OK,
			"a window does not decode");
	}
	for (uint64_t left = days * 24 * HR_HOUR_MS / HR_STORE_SLOT_MS; left > 0; left--) {
		struct hr_summary *one = &s[(left * 7) % GEN_POOL];

		one->t_end_ms = start_ms - left * HR_STORE_SLOT_MS;
		hr_vm_add(vm, one);
	}
	len = hr_vm_encode(vm, w->state_room, HR_STATE_MAX);
	must(len <= HR_STATE_MAX && w->store->ops->begin(w->store) == 0, "begin");
	for (uint32_t i = 0; i < w->hosts.n; i++)
		must(w->store->ops->put_state(
			     w->store, &(struct hr_store_state){.host_no = w->hosts.by_no[i]->no,
					       .bytes = w->state_room,
					       .len = len}) == 0,
			"state");
	must(w->store->ops->commit(w->store) == 0, "commit");
	(void)printf("%u hosts, models of %llu days: %zu bytes each\n", hosts,
		(unsigned long long)days, len);
	hr_vm_free(vm);
}

static void round_of(uint64_t round, uint64_t step_ms)
{
	now_ms = start_ms + (round + 1) * step_ms;
	for (uint32_t from = 0; from < hosts; from += GROUP)
		post_group(from, 1 + round * per_post);
}

static void keep_up(void)
{
	turns();
	roll_up();
	expire();
}

static void run_past(uint64_t days)
{
	uint64_t step = per_post * (uint64_t)HR_STORE_SLOT_MS, round = 0;

	for (; round < days * 24 * HR_HOUR_MS / step; round++) {
		round_of(round, step);
		keep_up();
	}
	(void)printf("%llu windows of %llu days\n", (unsigned long long)round * per_post,
		(unsigned long long)days);
}

static void run(uint64_t days)
{
	uint64_t step = per_post * (uint64_t)HR_STORE_SLOT_MS, round = 0, windows = 0;
	double sum = 0;

	for (; round < MINUTES * 60000ULL / step; round++, windows += (uint64_t)per_post * hosts) {
		if (round == SKIP * 60000ULL / step) {
			windows = 0;
			memset(cpu_us, 0, sizeof(cpu_us));
			transactions = 0;
			expired_before = atomic_load(&count.v[HR_COUNT_EXPIRED]);
			turns_before = atomic_load(&count.v[HR_COUNT_STATES_SAVED]);
		}
		round_of(round, step);
		if (round == 0)
			grow_old(days);
		keep_up();
	}
	(void)printf(
		"us of CPU a window (%llu windows, %llu turns, %llu expired, %llu transactions):",
		(unsigned long long)windows,
		(unsigned long long)(atomic_load(&count.v[HR_COUNT_STATES_SAVED]) - turns_before),
		(unsigned long long)(atomic_load(&count.v[HR_COUNT_EXPIRED]) - expired_before),
		(unsigned long long)transactions);
	for (unsigned i = 0; i < PARTS; i++) {
		(void)printf(" %s %.1f%s", part_name[i], (double)cpu_us[i] / (double)windows,
			i + 1 < PARTS ? "," : "");
		sum += (double)cpu_us[i] / (double)windows;
	}
	(void)printf("; together %.1f\n", sum);
}

int main(int argc, char **argv)
{
	char path[4096], note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_writer_conf conf = {.windows_ms = 10 * 60000, /* instead of a day */
		.five_min_ms = 14 * 24 * HR_HOUR_MS,
		.hours_ms = 730 * 24 * HR_HOUR_MS,
		.answer_ns = 300 * HR_NS_PER_S, /* between two turns of a host, as at 100 000 */
		.alert_at_least = 1.1,
		.alert_days = 14,
		.model_bytes = 1};
	struct hr_board board;
	struct hr_store *store;
	uint64_t n = hosts, days = 7, calm = 15, windows = per_post;

	past = argc == 4 && strcmp(argv[2], "past") == 0;
	if (past) {
		n = 1;
		conf.windows_ms = 24 * HR_HOUR_MS;
	}
	if (argc < 2 || (argc > 2 && !past && !hr_num_u64(argv[2], 1, 100000, &n)) ||
		(argc > 3 && !hr_num_u64(argv[3], 0, 30, &days)) ||
		(argc > 4 && !hr_num_u64(argv[4], 0, 60, &calm)) ||
		(argc > 5 && !hr_num_u64(argv[5], 1, HR_BATCH_MAX, &windows))) {
		(void)fputs("usage: window DIRECTORY [HOSTS [DAYS [CALM [WINDOWS]]]]\n"
			    "       window DIRECTORY past DAYS\n",
			stderr);
		return 2;
	}
	hosts = (uint32_t)n;
	per_post = (uint32_t)windows;
	conf.calm_ns = calm * 60 * HR_NS_PER_S;
	hr_log_init("window", HR_LOG_ERR);
	must(gen_body_init(BUSY), "no bodies");
	/* a full hour and 5 minutes, and half a POST: now and then one has windows of two bins */
	now_ms = start_ms = 1800000000000 + windows * HR_STORE_SLOT_MS / 2;
	if (past)
		now_ms = start_ms = hr_ns_to_ms(read_ns(CLOCK_REALTIME)) - days * 24 * HR_HOUR_MS;
	(void)snprintf(path, sizeof(path), "%s/%s.db", argv[1], past ? "headroom" : "window");
	(void)unlink(path);
	store = hr_store_sqlite_open(
		&(struct hr_store_sqlite_conf){.path = path, .cache_bytes = 8 << 20}, note, error);
	must(store, error);
	hr_model_conf_default(&conf.model);
	conf.max_hosts = hosts + 1;
	must(hr_board_init(&board) == 0, "board");
	w = hr_writer_open(&conf, store, &count, &board, error);
	must(w, error);
	post = calloc(GROUP, sizeof(*post));
	must(post, "out of memory");
	for (unsigned i = 0; i < GROUP; i++)
		must((post[i].body = malloc(HR_BODY_MAX)), "out of memory");
	if (past)
		run_past(days);
	else
		run(days);
	must(atomic_load(&count.v[HR_COUNT_NOT_CONSERVED]) == 0, "sums are not conserved");
	hr_writer_close(w);
	hr_board_done(&board);
	for (unsigned i = 0; i < GROUP; i++)
		free(post[i].body);
	free(post);
	if (!past)
		(void)unlink(path);
	return 0;
}
