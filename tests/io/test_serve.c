/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP as it stands on the wire: acknowledgement, statuses, framing, documents, page. */
#include "tests/io/serve_world.h"

#include <sys/stat.h>

#include "proto/num.h"

static unsigned char body[HR_BODY_MAX];
static struct answer_head a;

static void an_acknowledgement_comes_after_the_commit_and_never_before(void **state)
{
	struct world *w = *state;
	size_t len = make_body(1, 7, "vm-1", body);
	char ack[256];
	int fd;

	gate_set(true, 0);
	fd = dial(w);
	send_post_head(fd, len, "");
	send_all(fd, body, len);
	assert_true(silent_for(fd, 400)); /* the group closed after 2 ms; the commit is held */
	gate_set(false, 0);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 204);
	header(&a, "Headroom-Ack", ack);
	assert_string_equal(ack, "seq=7; phase=0; period=10000; backlog=30"); /* the only one */
	close(fd);
	assert_int_equal(rows_stored(w), 1);
}

static void what_was_not_stored_is_not_acknowledged_and_is_taken_later(void **state)
{
	struct world *w = *state;
	size_t len = make_body(1, 1, "vm-1", body);
	char value[256];

	gate_set(false, HR_STORE_FULL);
	assert_int_equal(post(w, body, len, &a), 503);
	header(&a, "Headroom-Ack", value);
	assert_string_equal(value, "");
	header(&a, "Retry-After", value);
	assert_string_equal(value, "10");
	assert_int_equal(get(w, "/readyz", &a), 503);
	assert_int_equal(get(w, "/healthz", &a), 200);
	gate_set(false, 0);
	assert_int_equal(post(w, body, len, &a), 204);
	assert_int_equal(get(w, "/readyz", &a), 200);
	/* known by now: acknowledged again, stored once */
	assert_int_equal(post(w, body, len, &a), 204);
	assert_int_equal(atomic_load(&w->count.v[HR_COUNT_DUPLICATE]), 1);
	assert_int_equal(rows_stored(w), 1);
}

#define H   "Host: x\r\n"
#define PB  "Content-Type: application/x-protobuf\r\n"
#define P   "POST /v1/summaries HTTP/1.1\r\n"
#define END "\r\n"

static void each_refusal_has_its_status_and_is_a_problem_document(void **state)
{
	static const struct {
		const char *request;
		unsigned status;
		const char *reason;
	} t[] = {
		{"GET /nothing-here HTTP/1.1\r\n" H END, 404, "not-found"},
		{"GET /v1/hosts/a/b HTTP/1.1\r\n" H END, 404, "not-found"},
		{"GET /v1/hosts/ffffffffffffffffffffffffffffffff/answer HTTP/1.1\r\n" H END, 404,
			"no-host"},
		{"DELETE /v1/fleet HTTP/1.1\r\n" H END, 405, "method"},
		{"GET /v1/summaries HTTP/1.1\r\n" H END, 405, "method"},
		{"OPTIONS /v1/summaries HTTP/1.1\r\n" H END, 405, "method"},
		{"GET /v1/fleet?anser=yes HTTP/1.1\r\n" H END, 400, "query"},
		{"GET /v1/fleet?answer=maybe HTTP/1.1\r\n" H END, 400, "query"},
		{"GET /metrics?a=1 HTTP/1.1\r\n" H END, 400, "query"},
		{P H PB END, 411, "length-required"},
		{P H PB "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n", 411, "transfer-encoding"},
		{P H PB "Content-Length: 2\r\nContent-Length: 2\r\n" END "ab", 400, "length-twice"},
		{P H PB "Content-Length: 1000000\r\n" END, 413, "too-large"},
		{P H PB "Content-Encoding: gzip\r\nContent-Length: 2\r\n" END "ab", 415,
			"content-encoding"},
		{P H "Content-Type: text/plain\r\nContent-Length: 2\r\n" END "ab", 415,
			"content-type"},
		{P H PB "Headroom-Sent: soon\r\nContent-Length: 2\r\n" END "ab", 400, "sent"},
		{P H PB "Content-Length: 0\r\n" END, 400, "schema"},
		{P H PB "Content-Length: 5\r\n" END "hello", 400, "malformed"},
		{"GET /healthz HTTP/1.1\r\n" H "Content-Length: 2\r\n" END "ab", 400,
			"unwanted-body"},
	};
	struct world *w = *state;
	char value[256], want[64];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = dial(w);

		send_text(fd, t[i].request);
		read_answer(fd, false, &a);
		close(fd);
		if (a.status != t[i].status)
			fail_msg("%u instead of %u for:\n%s\n%s", a.status, t[i].status,
				t[i].request, a.text);
		header(&a, "Content-Type", value);
		assert_string_equal(value, "application/problem+json");
		header(&a, "X-Content-Type-Options", value);
		assert_string_equal(value, "nosniff");
		header(&a, "Allow", value);
		assert_int_equal(value[0] != '\0', t[i].status == 405);
		(void)snprintf(want, sizeof(want), "\"status\":%u,", t[i].status);
		assert_non_null(strstr(body_of(&a), want));
		(void)snprintf(want, sizeof(want), "\"reason\":\"%s\"", t[i].reason);
		if (!strstr(body_of(&a), want))
			fail_msg("no %s in %s", want, body_of(&a));
	}
	assert_int_equal(rows_stored(w), 0);
}

static void a_head_request_gets_the_head_of_the_answer(void **state)
{
	struct world *w = *state;
	char of_get[256], of_head[256];
	int fd = dial(w);

	send_text(fd, "HEAD /v1/hosts HTTP/1.1\r\n" H END "GET /v1/hosts HTTP/1.1\r\n" H END);
	read_answer(fd, true, &a);
	assert_int_equal(a.status, 200);
	header(&a, "Content-Length", of_head);
	read_answer(fd, false, &a); /* a body after HEAD would be taken for this one's head */
	assert_int_equal(a.status, 200);
	header(&a, "Content-Length", of_get);
	assert_string_equal(of_head, of_get);
	assert_string_not_equal(of_get, "0");
	close(fd);
}

static void a_connection_goes_on_after_a_refusal_whose_length_is_certain(void **state)
{
	struct world *w = *state;
	int fd = dial(w);

	send_text(fd, P H "Content-Type: text/plain\r\nContent-Length: 5\r\n" END "hello");
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 415);
	send_text(fd, "GET /healthz HTTP/1.1\r\n" H END);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 200);
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct world *w = *state;
	size_t len = make_body(1, 3, "vm-1", body);
	char ack[256];
	int fd = dial(w);

	gate_set(true, 0);
	send_post_head(fd, len, "");
	send_all(fd, body, len);
	send_text(fd, "GET /healthz HTTP/1.1\r\n" H END "GET /nothing-here HTTP/1.1\r\n" H END);
	assert_true(silent_for(fd, 200)); /* the GET must not overtake the POST */
	gate_set(false, 0);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 204);
	header(&a, "Headroom-Ack", ack);
	assert_memory_equal(ack, "seq=3;", 6);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 200);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 404);
	close(fd);
}

/* One refusal, then the end: what follows in doubt about the length is no request. */
static void smuggled_requests_are_never_answered(void **state)
{
	static const char *const t[] = {
		P H PB "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n"
		       "GET /healthz HTTP/1.1\r\n" H END,
		P H PB "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n" END "0\r\n\r\n"
		       "GET /healthz HTTP/1.1\r\n" H END,
		P H PB "Transfer-Encoding: xchunked\r\n" END "GET /healthz HTTP/1.1\r\n" H END,
		P H PB "Content-Length: 0\r\nContent-Length: 45\r\n" END
		       "GET /healthz HTTP/1.1\r\n" H END,
		"GET /healthz HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 45\r\n" END
		"GET /healthz HTTP/1.1\r\n" H END,
		"GET /healthz HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n"
		"GET /healthz HTTP/1.1\r\n" H END,
		"GET /nothing-here HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n"
		"GET /healthz HTTP/1.1\r\n" H END,
		P H PB "Content-Length: +4\r\n" END "abcdGET /healthz HTTP/1.1\r\n" H END,
		P H PB "Content-Length: 4, 4\r\n" END "abcdGET /healthz HTTP/1.1\r\n" H END,
		"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n" END
		"GET /healthz HTTP/1.1\r\n" H END,
		"GET /healthz HTTP/1.1\r\n" END "GET /healthz HTTP/1.1\r\n" H END,
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int fd = dial(w);
		uint64_t status = 0;
		size_t n = 0;
		ssize_t r;

		send_text(fd, t[i]);
		while ((r = recv(fd, a.text + n, sizeof(a.text) - 1 - n, 0)) > 0)
			n += (size_t)r;
		if (r < 0 && errno == EAGAIN)
			fail_msg("not closed after:\n%s", t[i]);
		a.text[n] = '\0';
		if (n < sizeof("HTTP/1.1 400") - 1 ||
			!hr_num_u64_n(a.text + strlen("HTTP/1.1 "), 3, &status))
			fail_msg("no status line after:\n%s", t[i]);
		a.status = (unsigned)status;
		if (a.status != 400 && a.status != 404 && a.status != 411)
			fail_msg("%u for:\n%s", a.status, t[i]);
		if (strstr(a.text, " 200 "))
			fail_msg("a second answer after:\n%s", t[i]);
		close(fd);
	}
}

/* The body is on its way when the refusal is made; a reset would overtake the answer. */
static void a_body_that_is_too_large_is_told_so_whether_it_comes_or_not(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 20; i++) {
		static unsigned char large[200000];
		int fd = dial(w);

		send_post_head(fd, sizeof(large), "");
		send_all(fd, large, sizeof(large));
		read_answer(fd, false, &a);
		assert_int_equal(a.status, 413);
		close(fd);
	}
	assert_int_equal(ask_text(w, P H PB "Content-Length: 1099511627776\r\n" END, &a), 413);
}

static void expect_continue_is_honoured_only_for_a_body_that_is_wanted(void **state)
{
	struct world *w = *state;
	size_t len = make_body(1, 1, "vm-1", body);
	int fd = dial(w);

	send_post_head(fd, len, "Expect: 100-continue\r\n");
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 100);
	send_all(fd, body, len);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 204);
	close(fd);
	fd = dial(w);
	send_post_head(fd, 65537, "Expect: 100-continue\r\n");
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 413);
	close(fd);
}

static void answers_come_as_documents_by_id_and_by_name(void **state)
{
	struct world *w = *state;
	char value[256];

	assert_int_equal(post(w, body, make_body(0x1a, 1, "vm-1", body), &a), 204);
	assert_int_equal(post(w, body, make_body(0x2b, 1, "twin", body), &a), 204);
	assert_int_equal(post(w, body, make_body(0x3c, 1, "twin", body), &a), 204);
	for (int i = 0; i < 100; i++) { /* answers are made after the acknowledgement */
		get(w, "/v1/fleet", &a);
		if (strstr(body_of(&a), "\"count\":3"))
			break;
		usleep(50 * 1000);
	}
	assert_non_null(strstr(body_of(&a), "\"count\":3,\"answers\":{\"unknown\":3,"));
	header(&a, "Content-Type", value);
	assert_string_equal(value, "application/json");
	header(&a, "Cache-Control", value);
	assert_string_equal(value, "no-store");
	assert_int_equal(get(w, "/v1/hosts/vm-1/answer", &a), 200);
	assert_non_null(strstr(body_of(&a), "\"schema\":\"headroom.answer/1\",\"host\":\"vm-1\""));
	assert_int_equal(get(w, "/v1/hosts/1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a", &a), 200);
	assert_non_null(strstr(body_of(&a), "\"schema\":\"headroom.host/1\",\"host\":\"vm-1\""));
	assert_int_equal(get(w, "/v1/hosts/twin/answer", &a), 409);
	assert_non_null(strstr(body_of(&a), "\"reason\":\"ambiguous\""));
	assert_int_equal(get(w, "/v1/fleet?sort=name&limit=1&cursor=1", &a), 200);
	assert_non_null(strstr(body_of(&a), "\"host\":\"twin\""));
	assert_null(strstr(body_of(&a), "\"host\":\"vm-1\""));
	assert_non_null(strstr(body_of(&a), "\"next\":2}"));
	assert_int_equal(get(w, "/v1/fleet?answer=yes", &a), 200);
	assert_non_null(strstr(body_of(&a), "\"matches\":0,\"hosts\":[],\"next\":null}"));
	assert_int_equal(get(w, "/v1/hosts/vm-1/explain", &a), 200);
	header(&a, "Content-Type", value);
	assert_string_equal(value, "text/plain; charset=utf-8");
	assert_non_null(strstr(body_of(&a), "service level"));
	assert_int_equal(get(w, "/v1/hosts/vm-1/history?from=-2h&step=2h&resource=cpu", &a), 200);
	assert_non_null(strstr(body_of(&a), "\"values\":[0.5]"));  /* 5 s of work in 10 s */
	assert_non_null(strstr(body_of(&a), "\"forecast\":null")); /* no history for one */
	assert_int_equal(get(w, "/v1/hosts/vm-1/history?step=1s", &a), 400);
	assert_int_equal(get(w, "/metrics", &a), 200);
	header(&a, "Content-Type", value);
	assert_string_equal(value, "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(body_of(&a), "headroom_collector_summaries_stored_total 3\n"));
	assert_non_null(strstr(body_of(&a), "headroom_fleet_hosts{answer=\"unknown\"} 3\n"));
	assert_non_null(
		strstr(body_of(&a), "headroom_collector_upkeep_longest_seconds{step=\"log\"} "));
}

static void put_file(const struct world *w, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", w->page, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void the_page_serves_regular_files_of_its_directory_and_nothing_else(void **state)
{
	struct world *w = *state;
	char value[256], path[128];

	assert_int_equal(get(w, "/", &a), 200); /* nothing installed: the built-in page */
	assert_non_null(strstr(body_of(&a), "<h1>headroom</h1>"));
	put_file(w, "index.html", "<p>installed</p>");
	put_file(w, "page.js", "1");
	put_file(w, "secret.key", "2");
	put_file(w, ".hidden.js", "3");
	(void)snprintf(path, sizeof(path), "%s/link.js", w->page);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	(void)snprintf(path, sizeof(path), "%s/dir.js", w->page);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/pipe.js", w->page);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(get(w, "/", &a), 200);
	assert_string_equal(body_of(&a), "<p>installed</p>");
	header(&a, "Content-Security-Policy", value);
	assert_non_null(strstr(value, "default-src 'none'; script-src 'self';"));
	assert_null(strstr(value, "unsafe"));
	header(&a, "Content-Type", value);
	assert_string_equal(value, "text/html; charset=utf-8");
	assert_int_equal(get(w, "/page.js?v=1", &a), 200);
	header(&a, "Content-Type", value);
	assert_string_equal(value, "text/javascript; charset=utf-8");
	assert_int_equal(get(w, "/secret.key", &a), 404);
	assert_int_equal(get(w, "/.hidden.js", &a), 404);
	assert_int_equal(get(w, "/link.js", &a), 404);
	assert_int_equal(get(w, "/dir.js", &a), 404);
	assert_int_equal(get(w, "/pipe.js", &a), 404);
	assert_int_equal(get(w, "/..%2fetc%2fpasswd", &a), 404);
	assert_int_equal(get(w, "/../page.js", &a), 404);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(an_acknowledgement_comes_after_the_commit_and_never_before),
		T(what_was_not_stored_is_not_acknowledged_and_is_taken_later),
		T(each_refusal_has_its_status_and_is_a_problem_document),
		T(a_head_request_gets_the_head_of_the_answer),
		T(a_connection_goes_on_after_a_refusal_whose_length_is_certain),
		T(pipelined_requests_are_answered_in_order),
		T(smuggled_requests_are_never_answered),
		T(a_body_that_is_too_large_is_told_so_whether_it_comes_or_not),
		T(expect_continue_is_honoured_only_for_a_body_that_is_wanted),
		T(answers_come_as_documents_by_id_and_by_name),
		T(the_page_serves_regular_files_of_its_directory_and_nothing_else),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
