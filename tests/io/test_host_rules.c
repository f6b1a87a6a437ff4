/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [host "PATTERN"] through a collector: the same windows from two hosts, one of which has a
 * constant of its own, are two answers.  The windows go the way of a POST, the constants that of a
 * file.
 */
#include "tests/unit/hr_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/config.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tests/unit/model_fixture.h"

#define WINDOWS 600 /* 100 minutes */

struct world {
	struct hr_collector_config conf;
	struct hr_counters count;
	struct hr_board board;
	struct hr_writer *w;
	uint64_t base_ms;
	char dir[64]; /* of a database whose models are cold; "": all are in memory */
	uint8_t body[HR_BODY_MAX], facts[4096];
};

static struct hr_store *open_store(struct world *t)
{
	char path[96], note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];

	if (!t->dir[0])
		return hr_store_mem_open();
	assert_non_null(mkdtemp(t->dir));
	(void)snprintf(path, sizeof(path), "%s/t.db", t->dir);
	return hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = path}, note, error);
}

static void open_world(struct world *t, const char *sections)
{
	struct hr_writer_conf wc = {.max_hosts = 100, .period_ns = 10000000000};
	char text[1024], err[HR_CONF_ERR_LEN], error[HR_STORE_ERROR_LEN];

	hr_log_init("test", HR_LOG_ERR);
	(void)snprintf(text, sizeof(text), "[model]\nmin_history = 1m\n%s", sections);
	hr_conf_defaults(hr_collector_config_table(), &t->conf, NULL);
	if (hr_conf_parse(hr_collector_config_table(), "c.conf", text, &t->conf, NULL, err) != 0)
		fail_msg("%s", err);
	hr_collector_config_model(&t->conf, &wc.model);
	wc.rules = hr_collector_config_rules(&t->conf);
	wc.windows_ms = wc.five_min_ms = wc.hours_ms = 30 * 86400000ULL;
	wc.save_ns = 3600000000000;
	wc.model_bytes = t->dir[0] ? 1 : 0;
	assert_int_equal(hr_board_init(&t->board), 0);
	t->w = hr_writer_open(&wc, open_store(t), &t->count, &t->board, error);
	if (!t->w)
		fail_msg("%s", error);
	t->base_ms = hr_clock_wall_ms() / 60000 * 60000 - 2 * 3600000;
}

static void close_world(struct world *t)
{
	hr_writer_close(t->w);
	hr_board_done(&t->board);
	if (t->dir[0]) {
		char cmd[96];

		(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->dir);
		assert_int_equal(system(cmd), 0);
	}
	free(t);
}

static void on_done(struct hr_work *k)
{
	(void)k;
}

static void post(struct world *t, size_t len, const char *name, const struct hr_summary *s)
{
	static struct hr_wire_arena arena;
	static struct hr_post p;
	struct hr_wire_batch batch;
	struct hr_facts f = fx_facts();

	assert_int_equal(hr_wire_open(&arena, t->body, len, &batch), HR_WIRE_OK);
	p = (struct hr_post){.work = {.kind = HR_WORK_POST, .done = on_done},
		.body = t->body,
		.len = len,
		.head = batch.head,
		.n_rows = 1,
		.received_ms = s->t_end_ms};
	p.facts = t->facts;
	p.facts_len = hr_wire_encode_facts(&f, t->facts, sizeof(t->facts));
	(void)snprintf(p.name, sizeof(p.name), "%s", name);
	p.row[0] = (struct hr_post_row){.seq_first = s->seq_first,
		.seq_last = s->seq_last,
		.t_end_ms = s->t_end_ms,
		.dur_ms = s->dur_ms};
	assert_int_equal(hr_wire_summary_bytes(t->body, len, 0, &p.row[0].bytes, &p.row[0].len), 0);
	hr_group_run(t->w, &p.work);
	assert_int_equal(p.refused.status, 0);
}

/* @change makes of idle windows what they are about; their number is given. */
static struct hr_host *feed(struct world *t, uint8_t id, const char *name,
	void (*change)(struct hr_summary *, unsigned))
{
	uint8_t host[HR_HOST_ID_LEN] = {id, 1}, one[8192];

	for (unsigned i = 0; i < WINDOWS; i++) {
		struct hr_summary *s = fx_idle(i);
		struct hr_facts f = fx_facts();
		struct hr_wire_builder b;

		s->t_end_ms = t->base_ms + (i + 1) * 10000ULL;
		change(s, i);
		assert_true(hr_wire_batch_begin(&b, t->body, sizeof(t->body), host, 7));
		assert_true(hr_wire_batch_facts(
			&b, t->facts, hr_wire_encode_facts(&f, t->facts, sizeof(t->facts))));
		assert_true(
			hr_wire_batch_add(&b, one, hr_wire_encode_summary(s, one, sizeof(one))));
		post(t, b.len, name, s);
		free(s);
	}
	return hr_hosts_find(&t->w->hosts, host);
}

static struct hr_answer *answer_of(struct world *t, const struct hr_host *host)
{
	struct hr_answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	assert_non_null(host);
	hr_vm_answer(host->vm, host->name, t->base_ms + WINDOWS * 10000ULL, a);
	if (getenv("HR_VERBOSE")) {
		static char text[65536];

		(void)hr_vm_explain(host->vm, a->at_ms, text, sizeof(text));
		print_message("%s\n%s: %s (%s)\n", text, host->name, a->sentence,
			hr_reason_name(a->reason));
	}
	return a;
}

/* --- what the windows are about --- */

static void idle(struct hr_summary *s, unsigned i)
{
	(void)s;
	(void)i;
}

/* Both CPUs are busy for 60 % of the time, by 6000 bursts. */
static void busy(struct hr_summary *s, unsigned i)
{
	(void)i;
	s->ctr[HR_CTR_ONCPU_NS] = s->ctr[HR_CTR_CHARGE_NS] = 12000000000;
	s->ctr[HR_CTR_FROZEN_C_NS] = s->ctr[HR_CTR_FROZEN_2C_NS] = 12000000000;
	s->ctr[HR_CTR_STAT_USER_MS] = 12000;
	s->ctr[HR_CTR_STAT_IDLE_MS] = 7950;
	s->ctr[HR_CTR_BURST_N] = s->ctr[HR_CTR_VQ_TOT_N] = 40000;
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 1200, 10);
}

static void late(struct hr_summary *s, unsigned i)
{
	busy(s, i);
	s->ctr[HR_CTR_BURST_LATE_N] = 1200; /* 3 % */
}

static void late_in_the_end(struct hr_summary *s, unsigned i)
{
	busy(s, i);
	if (i >= WINDOWS - 30)
		s->ctr[HR_CTR_BURST_LATE_N] = 1200;
}

static void swaps(struct hr_summary *s, unsigned i)
{
	(void)i;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 256 * FX_MIB;
	s->ctr[HR_CTR_PGSCAN_DIRECT_N] = 50000;
	s->ctr[HR_CTR_SWAP_IN_N] = 5000;
}

/* 2 % of the time somebody waits for memory. */
static void stalls(struct hr_summary *s, unsigned i)
{
	(void)i;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 512 * FX_MIB;
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 200000;
}

/* 8 % of what was wanted, evenly. */
static void stolen(struct hr_summary *s, unsigned i)
{
	busy(s, i);
	s->ctr[HR_CTR_STEAL_MS] = 1043;
	s->ctr[HR_CTR_STEAL_MAX_MS] = 105;
}

static void throttled(struct hr_summary *s, unsigned i)
{
	(void)i;
	s->ctr[HR_CTR_QUOTA_THROTTLED_US] = 1000000;
}

static void drops(struct hr_summary *s, unsigned i)
{
	(void)i;
	s->dev[1].ctr[HR_DCTR_RX_BYTES] = 20000000;
	s->dev[1].ctr[HR_DCTR_RX_PACKETS] = 20000;
	s->dev[1].ctr[HR_DCTR_RX_DROP_N] = 600;
}

/* --- the tests --- */

struct pair {
	struct world *t;
	struct hr_answer *plain, *own;
};

/* Two hosts with the same windows; @value of @key is one's own. */
static struct pair pair(const char *value, void (*change)(struct hr_summary *, unsigned))
{
	struct pair p = {.t = calloc(1, sizeof(*p.t))};
	char section[256];

	assert_non_null(p.t);
	(void)snprintf(section, sizeof(section), "[host \"own-*\"]\n%s\n", value);
	open_world(p.t, section);
	p.plain = answer_of(p.t, feed(p.t, 1, "plain-1", change));
	p.own = answer_of(p.t, feed(p.t, 2, "own-1", change));
	return p;
}

static void pair_done(struct pair *p)
{
	free(p->plain);
	free(p->own);
	close_world(p->t);
}

static void one_constant_is_another_answer(void **state)
{
	static const struct {
		const char *value;
		void (*change)(struct hr_summary *, unsigned);
		enum hr_reason plain, own;
	} c[] = {
		{"target = 7", idle, HR_REASON_HEADROOM_LEFT, HR_REASON_MISSING_EVIDENCE},
		{"late_share = 10%", late, HR_REASON_BIGGER_SIZE_HELPS, HR_REASON_MISSING_EVIDENCE},
		{"tight_share = 20%", late_in_the_end, HR_REASON_BIGGER_SIZE_HELPS,
			HR_REASON_HEADROOM_LEFT},
		{"max_vcpus = 2", late, HR_REASON_BIGGER_SIZE_HELPS, HR_REASON_AT_CEILING},
		{"max_memory = 4G", swaps, HR_REASON_BIGGER_SIZE_HELPS, HR_REASON_AT_CEILING},
		{"stall_share = 10%", stalls, HR_REASON_BIGGER_SIZE_HELPS, HR_REASON_HEADROOM_LEFT},
		{"steal_share = 20%", stolen, HR_REASON_STEAL, HR_REASON_MISSING_EVIDENCE},
		{"throttled = 0.5", throttled, HR_REASON_LOCAL_LIMIT, HR_REASON_HEADROOM_LEFT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct pair p = pair(c[i].value, c[i].change);

		if (p.plain->reason != c[i].plain || p.own->reason != c[i].own)
			fail_msg("%s: %s and %s", c[i].value, hr_reason_name(p.plain->reason),
				hr_reason_name(p.own->reason));
		pair_done(&p);
	}
}

/* Whose the losses are is open either way; that so many are too many is not. */
static void how_many_packets_may_be_lost_is_a_host_s_own(void **state)
{
	struct pair p = pair("drop_share = 20%", drops);

	(void)state;
	assert_true(p.plain->headroom.at_most.has && p.plain->headroom.at_most.v <= 1);
	assert_false(p.own->headroom.at_most.has && p.own->headroom.at_most.v <= 1);
	pair_done(&p);
}

static void the_error_of_the_queue_is_a_host_s_own(void **state)
{
	struct pair p = pair("queue_low = 2.5", idle);

	(void)state; /* twice the 1.25 that is shipped; what is kept has steps of 2 % */
	assert_true(p.plain->headroom.at_least.v > 1.9 * p.own->headroom.at_least.v);
	assert_true(p.plain->headroom.at_least.v < 2.1 * p.own->headroom.at_least.v);
	pair_done(&p);
}

static void without_the_work_of_wake_ups_less_load_fits_at_most(void **state)
{
	struct pair p = pair("wakeup = 0", busy);
	const struct hr_opt *plain = &fx_res(p.plain, HR_RES_CPU)->headroom.at_most,
			    *own = &fx_res(p.own, HR_RES_CPU)->headroom.at_most;

	(void)state; /* idle CPUs add 240000 x 80 us x 0.4 = 7.7 s to the 72, 7.2 of which are fixed
		      */
	assert_true(plain->has && own->has);
	fx_near(own->v, 1.1 * 112.8 / 64.8, 0.05);
	fx_near(plain->v / own->v, 64.8 / 57.1, 0.03);
	pair_done(&p);
}

static char *explain(struct world *t, const struct hr_host *host)
{
	struct hr_ask ask = {
		.work = {.kind = HR_WORK_EXPLAIN, .done = on_done}, .host_no = host->no};

	hr_ask_run(t->w, &ask);
	assert_int_equal(ask.refused.status, 0);
	return ask.text;
}

static void what_is_no_default_is_told_with_where_it_is_from(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	struct hr_host *host;
	char *text;

	(void)state;
	assert_non_null(t);
	open_world(t, "[host \"db-*, web-1\"]\ntarget = 2\nsteal_share = 10%\n[host \"db-1\"]\n"
		      "target = 3\nmax_vcpus = 0\n");
	host = feed(t, 1, "db-1", idle);
	fx_near(hr_vm_target(host->vm), 3, 0);
	text = explain(t, host);
	assert_non_null(strstr(text, "constant target = 3  (of [host \"db-1\"]; by default 1.3)"));
	assert_non_null(strstr(
		text, "constant steal_share = 0.1  (of [host \"db-*, web-1\"]; by default 0.05)"));
	assert_non_null(strstr(text, "constant min_history = 1m  (of [model]; by default 30h)"));
	assert_null(strstr(text, "late_share"));
	assert_null(strstr(text, "max_vcpus")); /* told, but as it is anyway */
	assert_non_null(strstr(text, "target 3.00x"));
	free(text);
	/* whom no section names has the rest */
	host = feed(t, 2, "xdb-1", idle);
	fx_near(hr_vm_target(host->vm), 1.3, 0);
	text = explain(t, host);
	assert_null(strstr(text, "constant target"));
	free(text);
	close_world(t);
}

static void a_host_of_another_name_has_that_one_s(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	struct hr_host *host;

	(void)state;
	assert_non_null(t);
	open_world(t, "[host \"db-*\"]\ntarget = 2\n");
	host = feed(t, 1, "web-1", idle);
	fx_near(hr_vm_target(host->vm), 1.3, 0);
	hr_writer_rename(t->w, host, "db-1");
	fx_near(hr_vm_target(host->vm), 2, 0);
	hr_writer_rename(t->w, host, "web-1");
	fx_near(hr_vm_target(host->vm), 1.3, 0);
	close_world(t);
}

/* The model of one that waits for its turn, and of one that is read at the start. */
static void a_saved_model_goes_on_with_its_host_s(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	struct hr_store_state saved = {0};
	static unsigned char bytes[1 << 20];
	struct hr_host *plain, *own;
	struct hr_vm *vm;
	bool no_memory;

	(void)state;
	assert_non_null(t);
	open_world(t, "[host \"db-*\"]\ntarget = 2\n");
	plain = feed(t, 1, "web-1", idle);
	own = feed(t, 2, "db-1", idle);
	saved.bytes = bytes;
	saved.len = hr_vm_encode(plain->vm, bytes, sizeof(bytes));
	vm = hr_writer_state_vm(t->w, plain, &saved, &no_memory);
	fx_near(hr_vm_target(vm), 1.3, 0);
	hr_vm_free(vm);
	vm = hr_writer_state_vm(t->w, own, &saved, &no_memory);
	fx_near(hr_vm_target(vm), 2, 0);
	hr_vm_free(vm);
	close_world(t);
}

/* Of a large fleet: windows wait in the store, and the model is made for a turn. */
static void a_cold_host_is_judged_with_its_own(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	struct hr_host *plain, *own;
	struct hr_vm *vm;

	(void)state;
	assert_non_null(t);
	(void)snprintf(t->dir, sizeof(t->dir), "/tmp/hr-rules-XXXXXX");
	open_world(t, "[host \"db-*\"]\ntarget = 2\n");
	plain = feed(t, 1, "web-1", idle);
	own = feed(t, 2, "db-1", idle);
	assert_true(plain->cold.is && own->cold.is);
	vm = hr_turn_peek(t->w, plain);
	assert_non_null(vm);
	fx_near(hr_vm_target(vm), 1.3, 0);
	hr_vm_free(vm);
	vm = hr_turn_peek(t->w, own);
	assert_non_null(vm);
	fx_near(hr_vm_target(vm), 2, 0);
	hr_vm_free(vm);
	close_world(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_constant_is_another_answer),
		cmocka_unit_test(how_many_packets_may_be_lost_is_a_host_s_own),
		cmocka_unit_test(the_error_of_the_queue_is_a_host_s_own),
		cmocka_unit_test(without_the_work_of_wake_ups_less_load_fits_at_most),
		cmocka_unit_test(what_is_no_default_is_told_with_where_it_is_from),
		cmocka_unit_test(a_host_of_another_name_has_that_one_s),
		cmocka_unit_test(a_cold_host_is_judged_with_its_own),
		cmocka_unit_test(a_saved_model_goes_on_with_its_host_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
