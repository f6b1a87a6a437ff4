/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of remote write against a receiver that takes, fails, refuses and hangs.  Bodies are
 * read by libsnappy and protobuf-c.  Waits are for something to happen, at most 20 s.
 */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <snappy-c.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/core/answer_pack.h"
#include "collector/remote_write.h"
#include "collector/store_side.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "remote_write.pb-c.h"
#include "tests/io/http_server.h"

struct world {
	struct http_server http;
	struct hr_board board;
	struct hr_counters count;
	struct hr_collector_config conf;
	struct hr_remote *remote;
	struct hr_side *side;
	char err[512];
};

static struct world w;

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	hr_log_init("test", 0); /* what it says of failures is not of interest */
	if (hr_board_init(&w.board) < 0 || !http_start(&w.http, 0))
		return -1;
	atomic_store(&w.http.status, 204);
	hr_conf_defaults(hr_collector_config_table(), &w.conf, NULL);
	(void)snprintf(w.conf.remote_url, sizeof(w.conf.remote_url),
		"http://127.0.0.1:%u/v1/summaries", w.http.port);
	w.conf.remote_interval_ns = 100 * HR_NS_PER_MS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hr_remote_close(w.remote);
	http_stop(&w.http);
	hr_board_done(&w.board);
	return 0;
}

static void open_remote(void)
{
	const struct hr_remote_sources from = {
		.board = &w.board, .count = &w.count, .side = w.side};

	if (hr_remote_open(&w.remote, &w.conf, &from, w.err) < 0)
		fail_msg("%s", w.err);
}

static struct hr_answer answer(const char *name, const char *id, double likely)
{
	struct hr_answer a = {
		.kind = HR_ANSWER_YES, .reason = HR_REASON_HEADROOM_LEFT, .at_ms = 1764000000000};

	(void)snprintf(a.host, sizeof(a.host), "%s", name);
	(void)snprintf(a.host_id, sizeof(a.host_id), "%s", id);
	a.headroom = (struct hr_bounds){.has = true, .likely = {true, likely}};
	return a;
}

/* The board shows @n answers (at most 8), in order of name and of id. */
static void show(const struct hr_answer *a, uint32_t n)
{
	static unsigned char room[HR_ANSWER_PACK_MAX];
	struct hr_snapshot *s = hr_snapshot_new(n);

	assert_non_null(s);
	for (uint32_t i = 0; i < n; i++) {
		s->view[i] = hr_view_new(i + 1, &a[i], 1764000000000, room);
		assert_non_null(s->view[i]);
		s->by_name[i] = s->by_id[i] = i;
	}
	hr_snapshot_index(s);
	hr_board_put(&w.board, s);
}

#define UNTIL(what)                                                                                \
	do {                                                                                       \
		uint64_t end_ = hr_clock_mono_ns() + 20 * HR_NS_PER_S;                             \
		while (!(what)) {                                                                  \
			if (hr_clock_mono_ns() > end_)                                             \
				fail_msg("in vain: %s", #what);                                    \
			usleep(5000);                                                              \
		}                                                                                  \
	} while (0)

static uint64_t counted(enum hr_count id)
{
	return atomic_load(&w.count.v[id]);
}

static Prometheus__WriteRequest *request(unsigned n)
{
	static char raw[1 << 20];
	size_t len = sizeof(raw);
	Prometheus__WriteRequest *q;

	assert_int_equal(snappy_uncompress((const char *)w.http.body[n % 16],
				 w.http.body_len[n % 16], raw, &len),
		SNAPPY_OK);
	q = prometheus__write_request__unpack(NULL, len, (const uint8_t *)raw);
	assert_non_null(q);
	return q;
}

static const char *label(const Prometheus__TimeSeries *t, const char *name)
{
	for (size_t i = 0; i < t->n_labels; i++)
		if (strcmp(t->labels[i]->name, name) == 0)
			return t->labels[i]->value;
	return "";
}

/* The first sample of the series @name of @host with this @key = @value; NULL: none. */
static const Prometheus__Sample *find(const Prometheus__WriteRequest *q, const char *name,
	const char *host, const char *key, const char *value)
{
	for (size_t i = 0; i < q->n_timeseries; i++) {
		const Prometheus__TimeSeries *t = q->timeseries[i];

		if (strcmp(label(t, "__name__"), name) == 0 &&
			strcmp(label(t, "host"), host) == 0 && strcmp(label(t, key), value) == 0)
			return t->samples[0];
	}
	return NULL;
}

static void a_round_says_every_host_with_the_headers_and_the_token(void **state)
{
	struct hr_answer a[] = {
		answer("twin", "01", 2), answer("twin", "02", 3), answer("web", "03", 1.5)};
	char path[] = "/tmp/hr-remote-XXXXXX";
	int fd = mkstemp(path);
	Prometheus__WriteRequest *q;
	const Prometheus__Sample *s;
	uint64_t now;

	(void)state;
	assert_true(fd >= 0 && write(fd, "s3cret\n", 7) == 7 && fchmod(fd, 0600) == 0);
	(void)snprintf(w.conf.remote_token_file, sizeof(w.conf.remote_token_file), "%s", path);
	(void)snprintf(w.conf.remote_labels, sizeof(w.conf.remote_labels), "cluster=eu");
	show(a, 3);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	now = hr_clock_wall_ms();
	assert_string_equal(w.http.type, "application/x-protobuf");
	assert_string_equal(w.http.encoding, "snappy");
	assert_string_equal(w.http.version, "0.1.0");
	assert_string_equal(w.http.auth, "Bearer s3cret");
	q = request(0);
	s = find(q, "headroom_ratio", "web", "bound", "likely");
	assert_non_null(s);
	assert_true(s->value >= 1.5 && s->value <= 1.5);
	assert_true(s->timestamp <= (int64_t)now && s->timestamp > (int64_t)now - 20000);
	assert_non_null(find(q, "headroom_ratio", "twin@01", "resource", "vm"));
	assert_non_null(find(q, "headroom_ratio", "twin@02", "cluster", "eu"));
	s = find(q, "headroom_fleet_hosts", "", "answer", "yes");
	assert_true(s && s->value >= 3 && s->value <= 3);
	assert_non_null(find(q, "headroom_collector_build_info", "", "version", HR_VERSION));
	prometheus__write_request__free_unpacked(q, NULL);
	assert_true(atomic_load(&w.count.remote_ok_ms) > 0);
	assert_int_equal(counted(HR_COUNT_REMOTE_FAILED), 0);
	(void)close(fd);
	(void)unlink(path);
}

static void what_failed_comes_again_byte_for_byte(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);

	(void)state;
	atomic_store(&w.http.status, 500);
	show(&a, 1);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) == 2); /* a first try and one more */
	assert_int_equal(counted(HR_COUNT_REMOTE_SENT), 0);
	assert_int_equal(w.http.body_len[0], w.http.body_len[1]);
	assert_memory_equal(w.http.body[0], w.http.body[1], w.http.body_len[0]);
	assert_true(atomic_load(&w.count.remote_bytes) > 2 * w.http.body_len[0]); /* others wait */
	atomic_store(&w.http.status, 200);
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	UNTIL(atomic_load(&w.count.remote_bytes) < 3 * w.http.body_len[0]);
	assert_int_equal(counted(HR_COUNT_REMOTE_REFUSED) + counted(HR_COUNT_REMOTE_QUEUE), 0);
}

static void a_busy_receiver_is_left_alone_as_long_as_it_says(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);
	uint64_t from;

	(void)state;
	atomic_store(&w.http.status, 429);
	w.http.retry_after = "3"; /* its own pause would be 0.75 to 1.25 s */
	show(&a, 1);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) == 1);
	from = hr_clock_mono_ns();
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) == 2);
	assert_true(hr_clock_mono_ns() - from > 2 * HR_NS_PER_S);
}

static void what_is_refused_is_counted_and_never_comes_again(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);
	Prometheus__WriteRequest *q[2];

	(void)state;
	atomic_store(&w.http.status, 400);
	w.http.text = "out of order sample";
	show(&a, 1);
	open_remote();
	UNTIL(atomic_load(&w.http.posts) >= 2);
	q[0] = request(0);
	q[1] = request(1);
	assert_true(q[0]->timeseries[0]->samples[0]->timestamp <
		    q[1]->timeseries[0]->samples[0]->timestamp);
	UNTIL(counted(HR_COUNT_REMOTE_REFUSED) >= q[0]->n_timeseries + q[1]->n_timeseries);
	assert_int_equal(counted(HR_COUNT_REMOTE_FAILED), 0);
	assert_int_equal(counted(HR_COUNT_REMOTE_SENT), 0);
	prometheus__write_request__free_unpacked(q[0], NULL);
	prometheus__write_request__free_unpacked(q[1], NULL);
	atomic_store(&w.http.status, 302); /* nobody is followed to another address */
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) == 0 && atomic_load(&w.http.posts) >= 4);
}

static void a_receiver_that_hangs_costs_a_timeout_and_holds_no_stop(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);
	uint64_t from;
	unsigned n;

	(void)state;
	atomic_store(&w.http.delay_ms, 700);
	w.conf.remote_timeout_ns = 200 * HR_NS_PER_MS;
	show(&a, 1);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) >= 1);
	assert_int_equal(counted(HR_COUNT_REMOTE_SENT), 0);
	/* the rounds went on meanwhile */
	UNTIL(atomic_load(&w.count.remote_bytes) > 0);
	hr_remote_close(w.remote);
	w.remote = NULL;
	w.conf.remote_timeout_ns = 60 * HR_NS_PER_S;
	n = atomic_load(&w.http.posts);
	atomic_store(&w.http.delay_ms, 5000);
	open_remote();
	UNTIL(atomic_load(&w.http.posts) > n);
	from = hr_clock_mono_ns();
	hr_remote_close(w.remote);
	w.remote = NULL;
	assert_true(hr_clock_mono_ns() - from < 4 * HR_NS_PER_S); /* not the answer's 5 s */
	assert_int_equal(atomic_load(&w.count.remote_bytes), 0);
}

static void the_queue_is_bounded_and_its_oldest_go(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);
	Prometheus__WriteRequest *q;
	int64_t first;

	(void)state;
	atomic_store(&w.http.status, 503);
	w.conf.remote_interval_ns = 20 * HR_NS_PER_MS;
	w.conf.remote_queue_bytes = 8192; /* a body is about 1.5 KB */
	show(&a, 1);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_QUEUE) > 0 && counted(HR_COUNT_REMOTE_FAILED) > 0);
	for (int i = 0; i < 20; i++) {
		assert_true(atomic_load(&w.count.remote_bytes) <= 8192);
		usleep(10000);
	}
	q = request(0);
	first = q->timeseries[0]->samples[0]->timestamp;
	prometheus__write_request__free_unpacked(q, NULL);
	atomic_store(&w.http.status, 200);
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	q = request(atomic_load(&w.http.posts) - 1);
	assert_true(q->timeseries[0]->samples[0]->timestamp > first);
	prometheus__write_request__free_unpacked(q, NULL);
}

static bool is_end(const Prometheus__Sample *s)
{
	static const unsigned char bits[] = {0x02, 0, 0, 0, 0, 0, 0xf0, 0x7f};

	return s && memcmp(&s->value, bits, sizeof(bits)) == 0;
}

static void what_is_no_longer_said_ends(void **state)
{
	struct hr_answer a[] = {answer("web", "01", 2), answer("zoo", "02", 3)};
	Prometheus__WriteRequest *q = NULL;
	const Prometheus__Sample *end, *now;
	unsigned n;

	(void)state;
	show(a, 2);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	a[0].kind = HR_ANSWER_NO; /* its info has another label */
	show(a, 1);               /* and the other host is gone */
	n = atomic_load(&w.http.posts);
	for (int i = 0; i < 8 && !q; i++, n++) { /* ends come in a request before the samples */
		UNTIL(atomic_load(&w.http.posts) > n);
		q = request(n);
		if (is_end(find(q, "headroom_ratio", "zoo", "bound", "likely")))
			break;
		prometheus__write_request__free_unpacked(q, NULL);
		q = NULL;
	}
	assert_non_null(q);
	end = find(q, "headroom_answer_info", "web", "answer", "yes");
	assert_true(is_end(end));
	assert_null(find(q, "headroom_answer_info", "web", "answer", "no"));
	assert_null(find(q, "headroom_ratio", "web", "bound", "likely")); /* goes on */
	UNTIL(atomic_load(&w.http.posts) > n + 1);
	{
		Prometheus__WriteRequest *next = request(n + 1);

		now = find(next, "headroom_answer_info", "web", "answer", "no");
		assert_true(now && now->value >= 1 && now->value <= 1);
		assert_int_equal(now->timestamp, end->timestamp + 1);
		assert_null(find(next, "headroom_ratio", "zoo", "bound", "likely"));
		prometheus__write_request__free_unpacked(next, NULL);
	}
	prometheus__write_request__free_unpacked(q, NULL);
}

/* The end of zoo's series in one of the posts from number @n on. */
static int64_t await_end(unsigned n)
{
	for (int i = 0; i < 12; i++, n++) {
		Prometheus__WriteRequest *q;
		const Prometheus__Sample *s;
		int64_t at = 0;

		UNTIL(atomic_load(&w.http.posts) > n);
		q = request(n);
		s = find(q, "headroom_ratio", "zoo", "bound", "likely");
		if (is_end(s))
			at = s->timestamp;
		prometheus__write_request__free_unpacked(q, NULL);
		if (at)
			return at;
	}
	fail_msg("the end mark did not come");
	return 0;
}

/* Two hosts are told, then the receiver answers @status and one host is gone. */
static void tell_and_lose(unsigned status)
{
	struct hr_answer a[] = {answer("web", "01", 2), answer("zoo", "02", 3)};

	show(a, 2);
	open_remote();
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	atomic_store(&w.http.status, status);
	show(a, 1);
}

static void end_marks_outlast_a_queue_that_is_too_small(void **state)
{
	int64_t from = (int64_t)hr_clock_wall_ms(), gone_at, at;
	uint64_t n_failed;
	unsigned n;

	(void)state;
	w.conf.remote_queue_bytes = 8192; /* a body is about 1.5 KB, one with 100 samples */
	tell_and_lose(503);
	UNTIL(counted(HR_COUNT_REMOTE_QUEUE) > 2000);
	gone_at = (int64_t)hr_clock_wall_ms();
	assert_true(atomic_load(&w.count.remote_bytes) <= 8192);
	n_failed = counted(HR_COUNT_REMOTE_FAILED);
	UNTIL(counted(HR_COUNT_REMOTE_FAILED) >
		n_failed); /* now nothing is under way for a while */
	n = atomic_load(&w.http.posts);
	atomic_store(&w.http.status, 200);
	at = await_end(n);
	assert_true(at >= from && at < gone_at - 500);
}

static void end_marks_refused_for_who_sends_them_are_said_again(void **state)
{
	uint64_t refused, sent;
	int64_t from, at;
	unsigned n;

	(void)state;
	w.conf.remote_interval_ns = 300 * HR_NS_PER_MS;
	tell_and_lose(401);
	from = (int64_t)hr_clock_wall_ms();
	refused = counted(HR_COUNT_REMOTE_REFUSED);
	UNTIL(counted(HR_COUNT_REMOTE_REFUSED) > refused + 300); /* rounds go on, and are dropped */
	n = atomic_load(&w.http.posts);
	sent = counted(HR_COUNT_REMOTE_SENT);
	atomic_store(&w.http.status, 200);
	at = await_end(n > 0 ? n - 1 : 0); /* the one that was under way is not taken */
	assert_true(at < from + 700);
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > sent);
	/* for what they hold: another try is in vain */
	assert_int_equal(counted(HR_COUNT_REMOTE_FAILED), 0);
}

/* --- several collectors --- */

static atomic_bool is_elected;

static bool elected(struct hr_side *s)
{
	(void)s;
	return atomic_load(&is_elected);
}

static void of_several_only_the_elected_one_writes(void **state)
{
	static const struct hr_side_ops ops = {.elected = elected};
	struct hr_side side = {.ops = &ops};
	struct hr_answer a = answer("web", "03", 1.5);

	(void)state;
	w.side = &side;
	show(&a, 1);
	open_remote();
	usleep(400000); /* four rounds */
	assert_int_equal(atomic_load(&w.http.posts), 0);
	atomic_store(&is_elected, true);
	UNTIL(counted(HR_COUNT_REMOTE_SENT) > 0);
	hr_remote_close(w.remote);
	w.remote = NULL;
}

static void a_reload_that_changes_nothing_keeps_what_waits(void **state)
{
	struct hr_answer a = answer("web", "03", 1.5);
	const struct hr_remote_sources from = {.board = &w.board, .count = &w.count};
	struct hr_collector_config next;
	struct hr_remote *before;

	(void)state;
	atomic_store(&w.http.status, 500);
	show(&a, 1);
	open_remote();
	UNTIL(atomic_load(&w.count.remote_bytes) > 0);
	before = w.remote;
	next = w.conf;
	next.log_level = 7;
	assert_int_equal(hr_remote_reconfigure(&w.remote, &next, &from, w.err), 0);
	assert_ptr_equal(w.remote, before);
	(void)snprintf(next.remote_token_file, sizeof(next.remote_token_file), "/nonexistent");
	assert_true(hr_remote_try(&next, &from, w.err) < 0);
	assert_true(hr_remote_reconfigure(&w.remote, &next, &from, w.err) < 0);
	assert_non_null(strstr(w.err, "/nonexistent"));
	assert_ptr_equal(w.remote, before);
	next = w.conf;
	next.remote_url[0] = '\0';
	assert_int_equal(hr_remote_reconfigure(&w.remote, &next, &from, w.err), 0);
	assert_null(w.remote);
	assert_int_equal(atomic_load(&w.count.remote_bytes), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_round_says_every_host_with_the_headers_and_the_token),
		CASE(what_failed_comes_again_byte_for_byte),
		CASE(a_busy_receiver_is_left_alone_as_long_as_it_says),
		CASE(what_is_refused_is_counted_and_never_comes_again),
		CASE(a_receiver_that_hangs_costs_a_timeout_and_holds_no_stop),
		CASE(the_queue_is_bounded_and_its_oldest_go),
		CASE(what_is_no_longer_said_ends),
		CASE(end_marks_outlast_a_queue_that_is_too_small),
		CASE(end_marks_refused_for_who_sends_them_are_said_again),
		CASE(of_several_only_the_elected_one_writes),
		CASE(a_reload_that_changes_nothing_keeps_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
