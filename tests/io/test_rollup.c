/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiers by the real writer over a real file, against sums made while sending; with HR_TEST_PG over
 * a real PostgreSQL, as one of several collectors might use it.
 */
#include <jansson.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/check_store.h"
#include "collector/core/digest.h"
#include "collector/rollup_private.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "tests/io/pg_world.h"
#include "tests/io/sql_number.h"
#include "tests/unit/hr_sample.h"

struct world {
	char dir[64], path[256];
	struct hr_writer_conf conf;
	struct hr_counters count;
	struct hr_board board;
	struct hr_writer *w;
	struct hr_rand r;
	uint64_t base_ms; /* start of an hour, three hours ago */
	uint64_t switches, waits, windows;
	bool tells_clock; /* the sender, which is right */
	struct hr_post post;
	uint8_t body[HR_BODY_MAX];
	struct hr_digest sum;
	uint64_t row_windows;
};

static void open_writer(struct world *t)
{
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s;

	note[0] = '\0';
#ifdef HR_HAVE_PG
	if (getenv("HR_TEST_PG"))
		s = hr_store_pg_open(t->path, error);
	else
#endif
		s = hr_store_sqlite_open(
			&(struct hr_store_sqlite_conf){.path = t->path}, note, error);
	if (!s)
		fail_msg("%s", error);
	assert_string_equal(note, "");
	t->w = hr_writer_open(&t->conf, s, &t->count, &t->board, error);
	if (!t->w)
		fail_msg("%s", error);
}

static int setup(void **state)
{
	struct world *t = calloc(1, sizeof(*t));

	hr_log_init("test", HR_LOG_ERR);
	t->r = (struct hr_rand){.s = 3};
	(void)snprintf(t->dir, sizeof(t->dir), "/tmp/hr-rollup-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->path, sizeof(t->path), "%s/t.db", t->dir);
#ifdef HR_HAVE_PG
	if (getenv("HR_TEST_PG"))
		pg_schema(t->path);
#endif
	t->conf = (struct hr_writer_conf){.max_hosts = 100,
		.period_ns = 10000000000,
		.windows_ms = 30 * 86400000ULL,
		.five_min_ms = 30 * 86400000ULL,
		.hours_ms = 730 * 86400000ULL};
	hr_model_conf_default(&t->conf.model);
	assert_int_equal(hr_board_init(&t->board), 0);
	t->base_ms = hr_clock_wall_ms() / 3600000 * 3600000 - 3 * 3600000;
	open_writer(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct world *t = *state;
	char cmd[128];

	hr_writer_close(t->w);
	hr_board_done(&t->board);
	hr_digest_done(&t->sum);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->dir);
	assert_int_equal(system(cmd), 0);
	free(t);
	return 0;
}

static void on_done(struct hr_work *k)
{
	(void)k;
}

/* One window of @host in boot @boot that ends @at_ms after the base; what is acknowledged counts.
 */
static unsigned send(struct world *t, uint8_t host, uint64_t boot, uint64_t seq, uint64_t at_ms)
{
	static struct hr_summary s;
	static struct hr_wire_arena arena;
	uint8_t id[HR_HOST_ID_LEN] = {host, 1}, one[8192];
	struct hr_post *p = &t->post;
	struct hr_wire_builder b;
	struct hr_wire_batch batch;
	size_t len;

	hr_sample_work(&t->r, &s, seq, 200, 1.0);
	s.t_end_ms = t->base_ms + at_ms;
	s.dur_ms = 10000;
	len = hr_wire_encode_summary(&s, one, sizeof(one));
	assert_true(hr_wire_batch_begin(&b, t->body, sizeof(t->body), id, boot) &&
		    hr_wire_batch_add(&b, one, len));
	assert_int_equal(hr_wire_open(&arena, t->body, b.len, &batch), HR_WIRE_OK);
	*p = (struct hr_post){.work = {.kind = HR_WORK_POST, .done = on_done},
		.body = t->body,
		.len = b.len,
		.head = batch.head,
		.n_rows = 1,
		.received_ms = hr_clock_wall_ms(),
		.has_sent = t->tells_clock,
		.sent_ms = hr_clock_wall_ms()};
	p->row[0] = (struct hr_post_row){
		.seq_first = seq, .seq_last = seq, .t_end_ms = s.t_end_ms, .dur_ms = s.dur_ms};
	assert_int_equal(hr_wire_summary_bytes(t->body, b.len, 0, &p->row[0].bytes, &p->row[0].len),
		HR_WIRE_OK);
	hr_group_run(t->w, &p->work);
	if (p->refused.status == 0) {
		t->windows++;
		t->switches += s.ctr[HR_CTR_ONCPU_NS];
		t->waits += s.dist[HR_DIST_RUNQ_WAIT].total;
	}
	return p->refused.status;
}

static void roll(struct world *t)
{
	for (int i = 0; i < 1000 && hr_rollup_step(t->w); i++)
		;
	assert_false(hr_rollup_step(t->w));
	assert_int_equal(atomic_load(&t->count.v[HR_COUNT_NOT_CONSERVED]), 0);
	assert_int_equal(hr_writer_state(t->w), HR_WRITER_OK);
}

static int see_tier(void *arg, const struct hr_tier_row *row)
{
	struct world *t = arg;

	assert_false(row->damaged);
	t->row_windows += row->windows;
	assert_int_equal(hr_digest_decode(&t->sum, row->body, row->len), HR_DIGEST_OK);
	return 0;
}

/*
 * All of a tier holds what was acknowledged: no more, no less.  Both round their counters, each
 * time that they are written, by a thousandth at most.
 */
static void assert_tier(struct world *t, enum hr_tier tier)
{
	uint64_t bin_ms = tier == HR_TIER_HOUR ? HR_HOUR_MS : HR_5MIN_MS, cpu = 0, waits = 0;

	hr_digest_clear(&t->sum);
	t->row_windows = 0;
	for (uint32_t i = 0; i < t->w->hosts.n; i++)
		assert_int_equal(
			t->w->store->ops->tier(t->w->store,
				&(struct hr_tier_span){tier, t->w->hosts.by_no[i]->no,
					t->base_ms / bin_ms - 50, t->base_ms / bin_ms + 50},
				see_tier, t),
			0);
	for (uint32_t i = 0; i < t->sum.n; i++) {
		cpu += t->sum.piece[i].s->ctr[HR_CTR_ONCPU_NS];
		waits += t->sum.piece[i].s->dist[HR_DIST_RUNQ_WAIT].total;
	}
	assert_int_equal(t->row_windows, t->windows);
	assert_int_equal(t->sum.windows, t->windows);
	assert_true(waits == t->waits);
	assert_true(fabs((double)cpu / (double)t->switches - 1) < 3e-3);
}

static void every_tier_holds_what_was_acknowledged_also_late_and_after_a_restart(void **state)
{
	struct world *t = *state;

	for (uint64_t i = 0; i < 90; i++) {
		assert_int_equal(send(t, 1, 11, i, i * 10000 + 500), 0);
		assert_int_equal(send(t, 2, 22, i, i * 10000 + 700), 0);
	}
	roll(t);
	assert_tier(t, HR_TIER_5MIN);
	assert_tier(t, HR_TIER_HOUR);
	/* late: into a bin of either tier that is closed; a reboot inside it; twice the same */
	assert_int_equal(send(t, 1, 11, 200, 5000), 0);
	assert_int_equal(send(t, 1, 12, 0, 6000), 0);
	assert_int_equal(send(t, 2, 22, 201, 1800000), 0);
	hr_writer_close(t->w);
	open_writer(t);
	roll(t);
	assert_tier(t, HR_TIER_5MIN);
	assert_tier(t, HR_TIER_HOUR);
}

static void nothing_leaves_a_tier_before_the_next_one_has_it(void **state)
{
	struct world *t = *state;
	uint32_t rows;

	t->base_ms -= 2 * 86400000ULL; /* a store may keep whole days */
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(send(t, 1, 11, i, i * 10000), 0);
	t->w->conf.windows_ms = 3600000;
	t->w->conf.five_min_ms = 3600000;
	assert_int_equal(t->w->store->ops->begin(t->w->store), 0);
	assert_int_equal(hr_rollup_expire(t->w, UINT64_MAX >> 1, 1000, &rows), 0);
	assert_int_equal(t->w->store->ops->commit(t->w->store), 0);
	hr_rollup_settle(t->w, true);
	assert_int_equal(rows, 0);
	roll(t);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(t->w->store->ops->begin(t->w->store), 0);
		assert_int_equal(hr_rollup_expire(t->w, UINT64_MAX >> 1, 1000, &rows), 0);
		assert_int_equal(t->w->store->ops->commit(t->w->store), 0);
		hr_rollup_settle(t->w, true);
		assert_int_equal(rows, i == 0 ? 40 : 0);
	}
	assert_tier(t, HR_TIER_HOUR);
}

static bool check_store(const struct world *t, FILE *to)
{
#ifdef HR_HAVE_PG
	if (getenv("HR_TEST_PG"))
		return hr_store_pg_check(t->path, to);
#endif
	return hr_check_store(t->path, to);
}

static int64_t count_of(const struct world *t, const char *sql)
{
	return sql_number(t->path, sql);
}

static struct {
	const struct hr_store_ops *real;
	unsigned pieces, fail_piece; /* of a transaction; the number of the one that fails */
	bool fail_commit;
} expiry;

static int watch_expire(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
	uint32_t *ret_rows, uint64_t *ret_windows)
{
	if (++expiry.pieces == expiry.fail_piece)
		return HR_STORE_FULL;
	return expiry.real->expire(s, slot, below_n, max, ret_rows, ret_windows);
}

static int watch_commit(struct hr_store *s)
{
	return expiry.fail_commit ? HR_STORE_FULL : expiry.real->commit(s);
}

static uint64_t raw_windows(const struct world *t)
{
	return (uint64_t)count_of(t, "SELECT ifnull(sum(last-seq+1),0) FROM w10");
}

/*
 * A transaction of as many pieces as fit its time, which is not durable: until one of at least two
 * was undone, and nothing is to be seen of any.
 */
static void expire_in_vain(struct world *t, unsigned fail_piece)
{
	uint64_t windows = raw_windows(t);
	int i;

	expiry.fail_piece = fail_piece;
	expiry.fail_commit = fail_piece == 0;
	for (i = 0, expiry.pieces = 0; i < 10000 && expiry.pieces < 2; i++) {
		expiry.pieces = 0;
		assert_false(hr_writer_expire(t->w));
		assert_int_equal(raw_windows(t), windows);
		assert_int_equal(atomic_load(&t->count.v[HR_COUNT_EXPIRED]), 0);
		assert_int_equal(t->w->rollup->now[HR_TIER_RAW].out_windows, 0);
		assert_int_equal(hr_writer_state(t->w), HR_WRITER_DISK_FULL);
	}
	assert_true(expiry.pieces >= 2);
	expiry.fail_piece = 0;
	expiry.fail_commit = false;
}

static void pieces_of_expiry_that_are_not_durable_are_neither_lost_nor_expired_twice(void **state)
{
	struct world *t = *state;
	FILE *to = fopen("/dev/null", "w");
	struct hr_store_ops ops = *t->w->store->ops;
	const unsigned n = 300; /* six pieces */

	assert_non_null(to);
	for (uint64_t i = 0; i < n && !getenv("HR_TEST_PG"); i++)
		assert_int_equal(send(t, 1, 11, i, i * 10000), 0);
	roll(t);
	hr_writer_upkeep_last(t->w); /* the journal needs none of them from here on */
	t->w->conf.windows_ms = HR_HOUR_MS;
	expiry.real = t->w->store->ops;
	ops.expire = watch_expire;
	ops.commit = watch_commit;
	t->w->store->ops = &ops;
	if (!getenv("HR_TEST_PG")) {
		assert_int_equal(raw_windows(t), n);
		expire_in_vain(t, 2);
		expire_in_vain(t, 0);
		assert_true(check_store(t, to));
		while (hr_writer_expire(t->w))
			;
		assert_int_equal(raw_windows(t), 0);
		assert_int_equal(atomic_load(&t->count.v[HR_COUNT_EXPIRED]), n);
		assert_int_equal(t->w->rollup->now[HR_TIER_RAW].out_windows, n);
		assert_true(check_store(t, to));
		assert_tier(t, HR_TIER_5MIN);
	}
	t->w->store->ops = expiry.real;
	fclose(to);
}

/* Asked in steps of 5 minutes, of an hour and of 10 s: the same mean from whichever tier. */
static void history_reads_the_same_demand_from_every_tier(void **state)
{
	static const uint64_t step_ms[] = {HR_5MIN_MS, HR_HOUR_MS, 10000};
	struct world *t = *state;
	double want;

	for (uint64_t i = 1; i <= 360; i++)
		assert_int_equal(send(t, 1, 11, i, i * 10000 - 1), 0);
	want = (double)t->switches / 1e9 / 3600; /* cores over the hour */
	roll(t);
	for (int expired = 0; expired < 2; expired++) {
		for (unsigned i = 0; i < 3; i++) {
			struct hr_ask ask = {.work = {.kind = HR_WORK_HISTORY, .done = on_done},
				.host_no = t->w->hosts.by_no[0]->no,
				.history = {.from_ms = t->base_ms,
					.to_ms = t->base_ms + HR_HOUR_MS,
					.step_ms = step_ms[i],
					.resource = HR_RES_CPU}};
			json_t *o, *v;
			double sum = 0;
			size_t k, n = 0;

			hr_ask_run(t->w, &ask);
			assert_non_null(ask.text);
			o = json_loads(ask.text, 0, NULL);
			assert_non_null(o);
			json_array_foreach(
				json_object_get(
					json_array_get(json_object_get(o, "series"), 0), "values"),
				k, v)
			{
				if (json_is_null(v))
					continue;
				sum += json_real_value(v);
				n++;
			}
			assert_int_equal(n, HR_HOUR_MS / step_ms[i]);
			assert_true(fabs(sum / (double)n / want - 1) < 1e-3);
			json_decref(o);
			free(ask.text);
		}
		/* again when the 10 s rows and the sums of 5 minutes have gone by age */
		uint32_t rows;

		t->w->conf.windows_ms = t->w->conf.five_min_ms = HR_HOUR_MS;
		for (int i = 0; i < 3; i++) {
			assert_int_equal(t->w->store->ops->begin(t->w->store), 0);
			assert_int_equal(hr_rollup_expire(t->w, UINT64_MAX >> 1, 1000, &rows), 0);
			assert_int_equal(t->w->store->ops->commit(t->w->store), 0);
			hr_rollup_settle(t->w, true);
		}
	}
}

/* Windows that are in every saved state become packs, late ones stay; nothing is lost or doubled.
 */
static void what_is_rolled_up_and_saved_is_packed(void **state)
{
	struct world *t = *state;
	FILE *to = fopen("/dev/null", "w");

	assert_non_null(to);
	if (getenv("HR_TEST_PG")) {
		fclose(to);
		return;
	}
	for (uint64_t i = 0; i < 65; i++)
		assert_int_equal(send(t, 1, 11, i, (i + 1) * 10000), 0);
	roll(t);
	assert_int_equal(count_of(t, "SELECT count(*) FROM w300"), 0); /* nothing is saved yet */
	hr_writer_upkeep_last(t->w);
	hr_writer_close(t->w);
	open_writer(t);
	roll(t);
	assert_int_equal(count_of(t, "SELECT count(*) FROM w300"), 3);
	assert_int_equal(count_of(t, "SELECT sum(windows) FROM w300"), 65);
	assert_int_equal(count_of(t, "SELECT count(*) FROM w10"), 0);
	assert_int_equal(send(t, 1, 11, 65, 20000), 0);
	assert_int_equal(send(t, 1, 11, 7, 80000), 0); /* known: it is not stored again */
	t->windows--;
	assert_true(check_store(t, to));
	roll(t);
	assert_int_equal(count_of(t, "SELECT count(*) FROM w10"), 1);
	assert_true(check_store(t, to));
	hr_writer_close(t->w);
	t->w = NULL;
	assert_int_equal(count_of(t, "DELETE FROM w300 RETURNING windows"), 29);
	assert_false(check_store(t, to));
	fclose(to);
	open_writer(t);
}

/* The last POST with windows of a bin comes a period behind it, and is not to be late. */
static void a_bin_is_over_when_the_fleet_has_posted(void **state)
{
	struct world *t = *state;
	uint64_t now = hr_clock_wall_ms(), end = now / HR_5MIN_MS * HR_5MIN_MS - HR_5MIN_MS;

	assert_int_equal(send(t, 1, 11, 1, end - 5000 - t->base_ms), 0);
	t->w->conf.period_ns = (now - end) * HR_NS_PER_MS; /* and a minute for a retry */
	roll(t);
	assert_true(hr_rollup_upto_ms(t->w, HR_TIER_5MIN) < end);
	t->w->conf.period_ns = 10 * HR_NS_PER_S;
	roll(t);
	assert_true(hr_rollup_upto_ms(t->w, HR_TIER_5MIN) >= end);
}

static void take_one_out(const struct world *t)
{
	static const char sql[] = "DELETE FROM r300 WHERE id=(SELECT max(id) FROM r300)";
	sqlite3 *db;

#ifdef HR_HAVE_PG
	if (getenv("HR_TEST_PG")) {
		pg_sql(t->path, sql);
		return;
	}
#endif
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* The operator's check finds nothing, and finds one window that is taken out behind its back. */
static void the_check_of_the_store_finds_a_missing_window(void **state)
{
	struct world *t = *state;
	FILE *to = fopen("/dev/null", "w");

	assert_non_null(to);
	for (uint64_t i = 0; i < 70; i++)
		assert_int_equal(send(t, 1, 11, i, i * 10000), 0);
	roll(t);
	assert_int_equal(send(t, 1, 11, 70, 0), 0); /* late, not folded in yet */
	assert_true(check_store(t, to));
	roll(t);
	assert_true(check_store(t, to));
	hr_writer_close(t->w);
	t->w = NULL;
	take_one_out(t);
	assert_false(check_store(t, to));
	fclose(to);
}

/* 64 boots, the 65th is refused for its window: the oldest one's sequences stay known. */
static void a_refused_post_makes_no_boot_go(void **state)
{
	struct world *t = *state;
	struct hr_host *host;

	for (uint64_t i = 0; i < HR_BOOTS_MAX; i++)
		assert_int_equal(send(t, 1, 100 + i, 5, i * 10000), 0);
	host = t->w->hosts.by_no[0];
	assert_int_equal(host->n_boots, HR_BOOTS_MAX);
	for (uint32_t i = 0; i < host->n_boots; i++) /* all were last heard long ago */
		host->boot[i].now.heard_ms = 1000 + i;
	assert_int_equal(send(t, 1, 500, 5, 100 * 86400000ULL), 409); /* ends in the future */
	assert_int_equal(host->n_boots, HR_BOOTS_MAX);
	assert_non_null(hr_host_boot(host, 100));
	assert_null(hr_host_boot(host, 500));
	/* the same window of the oldest boot is known still, and not stored again */
	assert_int_equal(send(t, 1, 100, 5, 0), 0);
	t->windows--; /* a duplicate */
	assert_int_equal(atomic_load(&t->count.v[HR_COUNT_DUPLICATE]), 1);
	/* one that is taken makes the oldest go, in the store as well */
	assert_int_equal(send(t, 1, 501, 5, 3600000), 0);
	assert_int_equal(host->n_boots, HR_BOOTS_MAX);
	assert_null(hr_host_boot(host, 100));
	hr_writer_close(t->w);
	open_writer(t);
	host = t->w->hosts.by_no[0];
	assert_int_equal(host->n_boots, HR_BOOTS_MAX);
	assert_null(hr_host_boot(host, 100));
	assert_non_null(hr_host_boot(host, 501));
}

/*
 * Boot 12 began an hour ago and is heard.  What boot 11 measures now is of a second machine; what
 * it had measured by a clock that was ahead is not, however it comes to lie behind that beginning.
 */
static void a_clone_is_told_by_what_is_measured_now(void **state)
{
	struct world *t = *state;
	uint64_t now = hr_clock_wall_ms() - t->base_ms;
	struct hr_host *host;

	assert_int_equal(send(t, 1, 11, 0, now - 7200000), 0);
	assert_int_equal(send(t, 1, 12, 0, now - 3600000), 0);
	host = t->w->hosts.by_no[0];
	assert_int_equal(send(t, 1, 11, 1, now - 1800000), 0);
	t->tells_clock =
		true; /* of a window that says that it is not over it is not known when it was */
	assert_int_equal(send(t, 1, 11, 2, now + 3600000), 0);
	assert_int_equal(host->clone_ms, 0);
	assert_int_equal(send(t, 1, 11, 3, now - 1000), 409);
	assert_true(host->clone_ms > 0);
	assert_int_equal(send(t, 1, 12, 1, now - 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_tier_holds_what_was_acknowledged_also_late_and_after_a_restart, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			nothing_leaves_a_tier_before_the_next_one_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pieces_of_expiry_that_are_not_durable_are_neither_lost_nor_expired_twice,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			history_reads_the_same_demand_from_every_tier, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_check_of_the_store_finds_a_missing_window, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_rolled_up_and_saved_is_packed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_bin_is_over_when_the_fleet_has_posted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_post_makes_no_boot_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_clone_is_told_by_what_is_measured_now, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
