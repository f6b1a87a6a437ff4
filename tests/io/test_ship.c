/* SPDX-License-Identifier: Apache-2.0 */
/* Real POSTs to a real HTTP server: what each answer, and each silence, means. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>

#include "agent/ship.h"
#include "proto/base/clock.h"
#include "proto/units.h"
#include "tests/io/http_server.h"

struct world {
	struct http_server srv;
	struct hr_ship *ship;
	char url[64];
};

static void open_ship(struct world *w, uint64_t timeout_ms)
{
	const struct hr_ship_opts o = {.url = w->url,
		.token_file = "",
		.ca_file = "",
		.timeout_ns = timeout_ms * HR_NS_PER_MS};
	char err[512];

	hr_ship_close(w->ship);
	if (hr_ship_open(&w->ship, &o, err) < 0)
		fail_msg("%s", err);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || !http_start(&w->srv, 0))
		return -1;
	(void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/", w->srv.port);
	open_ship(w, 3000);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_ship_close(w->ship);
	http_stop(&w->srv);
	free(w);
	return 0;
}

static struct hr_ship_result post(struct world *w, const char *body, uint64_t seq)
{
	uint64_t end = hr_clock_mono_ns() + 10 * HR_NS_PER_S;
	struct hr_ship_result r = {0};

	assert_int_equal(hr_ship_post(w->ship, body, strlen(body), seq), 0);
	assert_int_equal(hr_ship_post(w->ship, body, strlen(body), seq), -EBUSY);
	while (!hr_ship_take_result(w->ship, &r)) {
		if (hr_clock_mono_ns() > end)
			fail_msg("no result after 10 s");
		(void)hr_ship_wait(w->ship, NULL, 0, 100);
	}
	assert_false(hr_ship_busy(w->ship));
	assert_false(hr_ship_take_result(w->ship, &r)); /* once */
	return r;
}

static struct hr_ship_result answer(struct world *w, unsigned status, const char *ack)
{
	atomic_store(&w->srv.status, status);
	w->srv.ack = ack;
	return post(w, "bytes", 42);
}

static void an_acknowledgement_of_this_post_is_durable(void **state)
{
	struct world *w = *state;
	uint64_t before = hr_clock_wall_ms();
	struct hr_ship_result r = answer(w, 204, "seq=42; phase=5; period=10000; backlog=7");
	unsigned long long sent = strtoull(w->srv.sent[0], NULL, 10);

	assert_int_equal(r.outcome, HR_SHIP_DURABLE);
	assert_int_equal(r.ack.backlog, 7);
	assert_int_equal(r.ack.period_ms, 10000);
	assert_int_equal(w->srv.body_len[0], 5);
	assert_memory_equal(w->srv.body[0], "bytes", 5);
	assert_string_equal(w->srv.type, "application/x-protobuf");
	assert_string_equal(w->srv.auth, "");
	assert_true(sent >= before && sent <= hr_clock_wall_ms());
}

static void the_send_time_is_fresh_and_the_connection_kept(void **state)
{
	struct world *w = *state;

	(void)answer(w, 204, "seq=42");
	usleep(5000);
	assert_int_equal(answer(w, 204, "seq=42").outcome, HR_SHIP_DURABLE);
	assert_true(strcmp(w->srv.sent[0], w->srv.sent[1]) < 0);
	assert_int_equal(atomic_load(&w->srv.connections), 1);
}

static void a_bare_or_foreign_success_proves_nothing(void **state)
{
	struct world *w = *state;
	struct hr_ship_result r = answer(w, 204, NULL);

	assert_int_equal(r.outcome, HR_SHIP_UNKNOWN);
	assert_non_null(strstr(r.why, "Headroom-Ack"));
	assert_int_equal(answer(w, 204, "seq=41").outcome, HR_SHIP_UNKNOWN);
	assert_int_equal(answer(w, 204, "nonsense").outcome, HR_SHIP_UNKNOWN);
	assert_int_equal(answer(w, 200, "seq=42").outcome, HR_SHIP_UNKNOWN);
	assert_int_equal(answer(w, 307, NULL).outcome, HR_SHIP_UNKNOWN); /* not followed */
	assert_int_equal(answer(w, 500, NULL).outcome, HR_SHIP_UNKNOWN);
}

static void refusals_are_told_apart(void **state)
{
	static const struct {
		unsigned status;
		enum hr_ship_outcome want;
	} t[] = {{400, HR_SHIP_REFUSED}, {413, HR_SHIP_REFUSED}, {415, HR_SHIP_REFUSED},
		{401, HR_SHIP_DENIED}, {403, HR_SHIP_DENIED}, {409, HR_SHIP_CLASH},
		{429, HR_SHIP_NOT_TAKEN}, {503, HR_SHIP_NOT_TAKEN}};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hr_ship_result r = answer(w, t[i].status, NULL);

		assert_int_equal(r.outcome, t[i].want);
		assert_int_equal(r.status, t[i].status);
		assert_int_equal(r.retry_after_ns, 0);
	}
}

static void the_collectors_own_sentence_is_told_whole(void **state)
{
	struct world *w = *state;

	w->srv.text = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
		      "\"detail\":\"The table of hosts is full: raise hosts= in [limits] or forget "
		      "some.\",\"reason\":\"hosts\"}";
	assert_string_equal(answer(w, 503, NULL).why,
		"status 503: The table of hosts is full: raise "
		"hosts= in [limits] or forget some.");
	w->srv.text = "Bad Gateway\n"; /* of a proxy */
	assert_string_equal(answer(w, 502, NULL).why, "status 502: Bad Gateway ");
}

static void retry_after_is_read(void **state)
{
	struct world *w = *state;

	w->srv.retry_after = "7";
	assert_int_equal(answer(w, 503, NULL).retry_after_ns, 7 * HR_NS_PER_S);
	w->srv.retry_after = "-3";
	assert_int_equal(answer(w, 503, NULL).retry_after_ns, 0);
}

static void a_reply_without_end_is_cut_off(void **state)
{
	struct world *w = *state;

	w->srv.reply_len = 1000000;
	assert_int_equal(answer(w, 400, NULL).outcome, HR_SHIP_UNKNOWN);
	w->srv.reply_len = 16000;
	assert_int_equal(answer(w, 400, NULL).outcome, HR_SHIP_REFUSED);
}

static void silence_and_a_lost_connection_are_unknown(void **state)
{
	struct world *w = *state;

	assert_int_equal(answer(w, 0, NULL).outcome, HR_SHIP_UNKNOWN); /* hung up after the body */
	open_ship(w, 300);
	atomic_store(&w->srv.delay_ms, 1500);
	assert_int_equal(answer(w, 204, "seq=42").outcome, HR_SHIP_UNKNOWN); /* timeout */
}

static void a_refused_connection_took_nothing(void **state)
{
	struct world *w = *state;
	struct hr_ship_result r;

	http_stop(&w->srv);
	r = post(w, "bytes", 1);
	assert_int_equal(r.outcome, HR_SHIP_NOT_TAKEN);
	assert_int_equal(r.status, 0);
	assert_true(r.why[0] != '\0');
	/* and when it comes back, so does the next POST */
	assert_true(http_start(&w->srv, (uint16_t)w->srv.port));
	assert_int_equal(answer(w, 204, "seq=42").outcome, HR_SHIP_DURABLE);
}

static void the_environment_s_proxy_is_not_used(void **state)
{
	struct world *w = *state;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	open_ship(w, 3000);
	assert_int_equal(answer(w, 204, "seq=42").outcome, HR_SHIP_DURABLE);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
}

static void the_token_travels_and_a_missing_one_is_told(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/hr-token-XXXXXX", err[512];
	struct hr_ship_opts o = {
		.url = w->url, .token_file = path, .ca_file = "", .timeout_ns = HR_NS_PER_S};
	int fd = mkstemp(path);

	assert_true(write(fd, "host.secret\n", 12) == 12);
	(void)close(fd);
	hr_ship_close(w->ship);
	w->ship = NULL;
	assert_int_equal(hr_ship_open(&w->ship, &o, err), 0);
	assert_int_equal(answer(w, 204, "seq=42").outcome, HR_SHIP_DURABLE);
	assert_string_equal(w->srv.auth, "Bearer host.secret");
	(void)unlink(path);
	hr_ship_close(w->ship);
	w->ship = NULL;
	assert_int_equal(hr_ship_open(&w->ship, &o, err), -ENOENT);
	assert_non_null(strstr(err, path));
}

static void plain_http_beyond_loopback_is_refused(void **state)
{
	static const char *const far[] = {"http://192.0.2.1:7867", "http://collector.example",
		"ftp://host", "http://localhost.example:7867", "", "http://127.example.org",
		"http://127.0.0.1@collector.example:7867", "http://[2001:db8::1]:7867"};
	struct hr_ship *s = NULL;
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		const struct hr_ship_opts o = {
			.url = far[i], .token_file = "", .ca_file = "", .timeout_ns = HR_NS_PER_S};

		if (hr_ship_open(&s, &o, err) == 0)
			fail_msg("taken: %s", far[i]);
		assert_non_null(strstr(err, "https"));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_acknowledgement_of_this_post_is_durable),
		T(the_send_time_is_fresh_and_the_connection_kept),
		T(a_bare_or_foreign_success_proves_nothing),
		T(refusals_are_told_apart),
		T(the_collectors_own_sentence_is_told_whole),
		T(retry_after_is_read),
		T(a_reply_without_end_is_cut_off),
		T(silence_and_a_lost_connection_are_unknown),
		T(a_refused_connection_took_nothing),
		T(the_environment_s_proxy_is_not_used),
		T(the_token_travels_and_a_missing_one_is_told),
		T(plain_http_beyond_loopback_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
