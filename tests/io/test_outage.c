/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A day without a collector: the real courier and spool, 8640 windows of a busy or an idle VM, a
 * simulated clock and a collector that counts.  Within 512 KiB of file every count arrives once,
 * in the resolution that collector.md 6 promises, the newest window first and the backlog at the
 * rate that was granted.
 */
#include "tests/unit/hr_cmocka.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/courier.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "proto/wire.h"
#include "tests/io/spool_dir.h"
#include "tests/unit/hr_sample.h"

#define LIMIT     (512 * 1024)
#define EPOCH_MS  1795528800000ULL /* 2026-11-24 */
#define BEFORE    30               /* windows while all is well */
#define WINDOWS   (BEFORE + 8640)
#define CREDIT    60
#define KINDS     24  /* of windows, made once: a busy one takes 6 ms */
#define PROMISED  361 /* 30 of 10 s, 55 of a minute, 276 of five: collector.md 6 */
#define FILE_NAME "spool/spool"

static uint64_t now_ns;

/* What a POST meets. */
static enum there {
	COLLECTOR,
	NOBODY,
	SILENCE, /* it may be stored */
	DENIAL,  /* the collector's own 401 */
} there_is;

uint64_t hr_clock_mono_ns(void)
{
	return now_ns + HR_NS_PER_S;
}

uint64_t hr_clock_boot_ns(void)
{
	return now_ns;
}

uint64_t hr_clock_wall_ms(void)
{
	return EPOCH_MS + now_ns / 1000000;
}

uint64_t hr_clock_cpu_us(void)
{
	return 0;
}

int hr_identity_read(const char *root, struct hr_identity *ret)
{
	(void)root;
	*ret = (struct hr_identity){.host = {1, 2, 3}, .boot = 77, .name = "vm"};
	return 0;
}

void hr_host_id_print(const uint8_t id[HR_HOST_ID_LEN], char out[2 * HR_HOST_ID_LEN + 1])
{
	(void)snprintf(out, 2 * HR_HOST_ID_LEN + 1, "%02x", id[0]);
}

void hr_log(enum hr_log_prio prio, const char *event, const char *fmt, ...)
{
	(void)prio;
	(void)event;
	(void)fmt;
}

/* What adds up. */
struct sums {
	uint64_t dur_ms, ctr[4];
	uint64_t total[HR_DIST_N], sum[HR_DIST_N], dev_total[2][HR_DDIST_N];
};

static void add(struct sums *t, const struct hr_summary *s)
{
	t->dur_ms += s->dur_ms;
	t->ctr[0] += s->ctr[HR_CTR_ONCPU_NS];
	t->ctr[1] += s->ctr[HR_CTR_SWITCHES];
	t->ctr[2] += s->ctr[HR_CTR_WAIT_NS];
	t->ctr[3] += s->ctr[HR_CTR_BURST_N];
	for (unsigned i = 0; i < HR_DIST_N; i++) {
		t->total[i] += s->dist[i].total;
		t->sum[i] += s->dist[i].sum;
	}
	for (unsigned d = 0; d < s->n_dev && d < 2; d++)
		for (unsigned i = 0; i < HR_DDIST_N; i++)
			t->dev_total[d][i] += s->dev[d].dist[i].total;
}

/* The collector, in the place of ship.c. */
struct hr_ship {
	bool busy, ended;
	struct hr_ship_result r;
};

static struct {
	struct hr_ship ship;
	struct hr_wire_arena arena;
	struct hr_summary s;
	struct sums got;
	uint8_t seen[WINDOWS + 1000]; /* windows go on */
	uint32_t posts, windows;
	uint64_t first, last; /* of the latest POST */
} there;

static void take(const void *body, size_t len)
{
	struct hr_wire_batch b;

	if (hr_wire_open(&there.arena, body, len, &b) != HR_WIRE_OK)
		fail_msg("a POST is malformed");
	there.posts++;
	there.windows = b.head.n_summaries;
	for (uint32_t i = 0; i < b.head.n_summaries; i++) {
		hr_wire_summary(&b, i, &there.s);
		add(&there.got, &there.s);
		there.first = i == 0 ? there.s.seq_first : there.first;
		there.last = there.s.seq_last;
		for (uint64_t s = there.s.seq_first; s <= there.s.seq_last; s++)
			there.seen[s]++;
	}
}

int hr_ship_open(struct hr_ship **ret_ship, const struct hr_ship_opts *opts, char err[512])
{
	(void)opts;
	(void)err;
	*ret_ship = &there.ship;
	return 0;
}

void hr_ship_close(struct hr_ship *s)
{
	(void)s;
}

bool hr_ship_loopback(const struct hr_ship *s)
{
	(void)s;
	return false;
}

bool hr_ship_busy(const struct hr_ship *s)
{
	return s->busy;
}

const char *hr_ship_outcome_name(enum hr_ship_outcome o)
{
	return o == HR_SHIP_DURABLE ? "durable" : "not";
}

unsigned hr_ship_wait(struct hr_ship *s, const int *fd, unsigned n, int timeout_ms)
{
	(void)s;
	(void)fd;
	(void)n;
	(void)timeout_ms;
	return 0;
}

bool hr_ship_take_result(struct hr_ship *s, struct hr_ship_result *ret)
{
	if (!s->ended)
		return false;
	s->ended = false;
	*ret = s->r;
	return true;
}

int hr_ship_post(struct hr_ship *s, const void *body, size_t len, uint64_t seq)
{
	static const struct hr_ship_result not_taken[] = {
		[NOBODY] = {.outcome = HR_SHIP_NOT_TAKEN, .certain = true},
		[SILENCE] = {.outcome = HR_SHIP_UNKNOWN},
		[DENIAL] = {.outcome = HR_SHIP_DENIED, .status = 401, .certain = true},
	};

	s->ended = true;
	if (there_is != COLLECTOR) {
		s->r = not_taken[there_is];
		return 0;
	}
	take(body, len);
	s->r = (struct hr_ship_result){.outcome = HR_SHIP_DURABLE,
		.status = 204,
		.certain = true,
		.ack = {.seq = seq,
			.phase_ms = 3000,
			.period_ms = 10000,
			.backlog = CREDIT,
			.has_backlog = true}};
	return 0;
}

struct world {
	char dir[64];
	struct hr_courier *c;
	struct hr_summary kind[KINDS];
	struct sums made;
	uint64_t seq; /* next */
	size_t largest;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hr_facts f;
	char err[512];

	if (!w)
		return -1;
	now_ns = 0;
	there_is = COLLECTOR;
	memset(&there, 0, sizeof(there));
	(void)snprintf(w->dir, sizeof(w->dir), "%s/hr-outage-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(w->dir) || hr_courier_start(&w->c, &there.ship, w->dir, LIMIT, err) < 0)
		return -1;
	hr_sample_facts(&f);
	hr_courier_facts(w->c, &f);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_courier_close(w->c);
	remove_state(w->dir);
	free(w);
	return 0;
}

static void window(struct world *w)
{
	struct hr_summary *s = &w->kind[w->seq * 7 % KINDS];
	unsigned char buf[4096];
	size_t n;

	s->seq_first = s->seq_last = w->seq++;
	s->t_end_ms = hr_clock_wall_ms();
	s->ctr[HR_CTR_ONCPU_NS] += w->seq % 1013; /* no two alike */
	add(&w->made, s);
	if (w->seq % 100 == 0) {
		n = hr_wire_encode_window(s, buf, sizeof(buf));
		w->largest = n > w->largest ? n : w->largest;
	}
	hr_courier_window(w->c, s);
}

/* One second of the agent's life; windows end with every tenth, until there are @upto. */
static void second(struct world *w, uint64_t upto)
{
	now_ns += HR_NS_PER_S;
	if (now_ns / HR_NS_PER_S % 10 == 0 && w->seq < upto)
		window(w);
	hr_courier_work(w->c);
}

static size_t file_bytes(const struct world *w)
{
	char path[96];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/" FILE_NAME, w->dir);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void bear_the_outage(struct world *w, enum there first, enum there then)
{
	size_t most = 0;

	while (w->seq < BEFORE)
		second(w, BEFORE);
	for (int i = 0; i < 30; i++)
		second(w, BEFORE);
	assert_int_equal(hr_courier_outbox(w->c)->n, 0);
	there_is = first;
	while (w->seq < BEFORE + 3)
		second(w, BEFORE + 3);
	there_is = then;
	while (w->seq < WINDOWS) {
		second(w, WINDOWS);
		if (now_ns / HR_NS_PER_S % 60 == 0 && file_bytes(w) > most)
			most = file_bytes(w);
	}
	print_message(
		"windows of at most %zu bytes; %u wait in %lu bytes, the file had %zu at most\n",
		w->largest, hr_courier_outbox(w->c)->n,
		(unsigned long)hr_courier_outbox(w->c)->live_bytes, most);
	assert_true(most <= LIMIT);
}

/* Younger than 5 min: 10 s; than an hour: a minute; else five.  One merge a minute is due. */
static void check_resolution(const struct world *w)
{
	const struct hr_outbox *b = hr_courier_outbox(w->c);
	uint64_t next = BEFORE;

	assert_int_equal(b->dropped, 0);
	assert_true(b->n <= PROMISED + 12); /* those whose group or minute is not full yet */
	for (uint32_t i = 0; i < b->n; i++) {
		const struct hr_outbox_item *it = &b->item[i];
		uint64_t width = it->span.seq_last - it->span.seq_first + 1;
		uint64_t age_s = 10 * (WINDOWS - 1 - it->span.seq_last);

		assert_int_equal(it->span.seq_first, next);
		next = it->span.seq_last + 1;
		assert_true(width <= (age_s < 300 ? 1 : age_s < 3600 ? 6 : 30));
	}
	assert_int_equal(next, WINDOWS);
}

static void catch_up(struct world *w)
{
	uint32_t before = there.posts;
	uint64_t begun = now_ns, lowest = UINT64_MAX, seq = w->seq;

	there_is = COLLECTOR;
	while (hr_courier_outbox(w->c)->n > 0) {
		uint32_t posts = there.posts;

		second(w, UINT64_MAX);
		if (there.posts == posts)
			continue;
		if (posts == before) { /* the one that may be stored goes first, as it was */
			assert_int_equal(there.first, BEFORE);
			continue;
		}
		assert_int_equal(there.last, w->seq - 1); /* the newest, always */
		assert_true(there.windows <= CREDIT + 1);
		assert_true(there.first < lowest); /* and the backlog from there backwards */
		lowest = there.first;
		assert_true(now_ns - begun < 1800 * HR_NS_PER_S);
	}
	print_message(
		"caught up in %u POSTs, %lu s after the collector was back, %lu windows later\n",
		there.posts - before, (unsigned long)((now_ns - begun) / HR_NS_PER_S),
		(unsigned long)(w->seq - seq));
}

static void bridge(struct world *w, enum there first, enum there then)
{
	bear_the_outage(w, first, then);
	check_resolution(w);
	catch_up(w);
	for (uint64_t s = 0; s < w->seq && s < WINDOWS; s++)
		assert_int_equal(there.seen[s], 1);
	assert_memory_equal(&there.got, &w->made, sizeof(w->made));
}

static void a_busy_vm_bridges_a_day_within_512_kib(void **state)
{
	struct hr_rand r = hr_rand_seeded("busy");
	struct world *w = *state;

	for (unsigned i = 0; i < KINDS; i++)
		hr_sample_busy(&r, &w->kind[i], 0);
	bridge(w, SILENCE, NOBODY);
	assert_true(w->largest > 700); /* or they are not what a busy VM sends */
}

/*
 * Something before the collector answers for it all day, so that any window sent may be stored and
 * cannot be merged: few are sent, and the day fits all the same.
 */
static void a_day_of_answers_that_prove_nothing_fits_too(void **state)
{
	struct hr_rand r = hr_rand_seeded("busy");
	struct world *w = *state;
	uint64_t begun;
	size_t most = 0;
	uint32_t held = 0;

	for (unsigned i = 0; i < KINDS; i++)
		hr_sample_busy(&r, &w->kind[i], 0);
	there_is = SILENCE;
	while (w->seq < WINDOWS) {
		second(w, WINDOWS);
		if (now_ns / HR_NS_PER_S % 60 == 0 && file_bytes(w) > most)
			most = file_bytes(w);
	}
	for (uint32_t i = 0; i < hr_courier_outbox(w->c)->n; i++)
		held += hr_courier_outbox(w->c)->item[i].held;
	print_message("%u wait, %u of them in doubt; the file had %zu at most\n",
		hr_courier_outbox(w->c)->n, held, most);
	assert_true(most <= LIMIT);
	assert_int_equal(hr_courier_outbox(w->c)->dropped, 0);
	assert_in_range(held, 57, 72 + 12); /* one in 20 to 25 min, and those of the start */
	there_is = COLLECTOR;
	begun = now_ns;
	while (hr_courier_outbox(w->c)->n > 0) {
		second(w, UINT64_MAX);
		assert_true(now_ns - begun < 3600 * HR_NS_PER_S);
	}
	for (uint64_t s = 0; s < w->seq; s++)
		assert_int_equal(there.seen[s], 1);
	assert_memory_equal(&there.got, &w->made, sizeof(w->made));
}

static void an_idle_vm_bridges_a_day_within_512_kib(void **state)
{
	struct hr_rand r = hr_rand_seeded("idle");
	struct world *w = *state;

	for (unsigned i = 0; i < KINDS; i++)
		hr_sample_idle(&r, &w->kind[i], 0);
	bridge(w, SILENCE, NOBODY);
	assert_true(w->largest > 400);
}

/* A copy of what is denied may be stored once the secret is known: it alone is never merged. */
static void a_day_without_a_valid_secret_fits_too(void **state)
{
	struct hr_rand r = hr_rand_seeded("busy");
	struct world *w = *state;

	for (unsigned i = 0; i < KINDS; i++)
		hr_sample_busy(&r, &w->kind[i], 0);
	bridge(w, DENIAL, DENIAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_busy_vm_bridges_a_day_within_512_kib),
		T(an_idle_vm_bridges_a_day_within_512_kib),
		T(a_day_of_answers_that_prove_nothing_fits_too),
		T(a_day_without_a_valid_secret_fits_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
