/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/http_check.h"

#define MAX_BODY 65536

/* "Name: value" strings, NULL-terminated. */
static struct hr_http_verdict check(const char *method, const char *path, const char *const *lines)
{
	struct hr_http_header h[HR_HTTP_HEADERS_MAX + 2];
	struct hr_http_request req = {.method = method, .path = path, .header = h};
	struct hr_http_verdict v;

	for (; *lines; lines++) {
		const char *colon = strchr(*lines, ':');

		h[req.n_headers].name = *lines;
		h[req.n_headers].name_len = (size_t)(colon - *lines);
		h[req.n_headers].value = colon + 2;
		h[req.n_headers++].value_len = strlen(colon + 2);
	}
	hr_http_check(&req, MAX_BODY, &v);
	return v;
}
#define CHECK(method, path, ...) check(method, path, (const char *const[]){__VA_ARGS__, NULL})

#define HOST "Host: localhost"
#define TYPE "Content-Type: application/x-protobuf"

static void a_right_post_goes_on(void **state)
{
	struct hr_http_verdict v = CHECK("POST", "/v1/summaries", HOST, TYPE, "content-length: 374",
		"Headroom-Sent: 1790000000000");

	(void)state;
	assert_int_equal(v.status, 0);
	assert_int_equal(v.route, HR_ROUTE_SUMMARIES);
	assert_int_equal(v.content_length, 374);
	assert_true(v.has_sent);
	assert_int_equal(v.sent_ms, 1790000000000);
	v = CHECK("POST", "/v1/summaries", HOST, TYPE, "Content-Length: 65536");
	assert_int_equal(v.status, 0);
	assert_false(v.has_sent);
}

static void routes_and_methods_are_told_apart(void **state)
{
	static const struct {
		const char *method, *path;
		unsigned status;
		enum hr_route route;
		const char *id;
	} t[] = {
		{"GET", "/", 0, HR_ROUTE_PAGE, "index.html"},
		{"GET", "/style.css", 0, HR_ROUTE_PAGE, "style.css"},
		{"HEAD", "/metrics", 0, HR_ROUTE_METRICS, ""},
		{"GET", "/v1/fleet", 0, HR_ROUTE_FLEET, ""},
		{"GET", "/v1/hosts", 0, HR_ROUTE_HOSTS, ""},
		{"GET", "/v1/hosts/vm-17", 0, HR_ROUTE_HOST, "vm-17"},
		{"GET", "/v1/hosts/vm-17/answer", 0, HR_ROUTE_ANSWER, "vm-17"},
		{"GET", "/v1/hosts/a.b_C/history", 0, HR_ROUTE_HISTORY, "a.b_C"},
		{"GET", "/v1/hosts/vm-17/sizes", 0, HR_ROUTE_SIZES, "vm-17"},
		{"POST", "/v1/hosts/vm-17/sizes", 405, HR_ROUTE_SIZES, "vm-17"},
		{"GET", "/v1/hosts/vm-17/explain", 0, HR_ROUTE_EXPLAIN, "vm-17"},
		{"GET", "/healthz", 0, HR_ROUTE_HEALTHZ, ""},
		{"GET", "/readyz", 0, HR_ROUTE_READYZ, ""},
		{"GET", "/v1/summaries", 405, HR_ROUTE_SUMMARIES, ""},
		{"DELETE", "/v1/fleet", 405, HR_ROUTE_FLEET, ""},
		{"POST", "/metrics", 405, HR_ROUTE_METRICS, ""},
		{"get", "/metrics", 405, HR_ROUTE_METRICS, ""},
		{"GET", "/v1/hosts/", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/v1/hosts/vm-17/", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/v1/hosts/vm-17/answers", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/v1/hosts/../x", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/../etc/passwd", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/.hidden", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/a/b", 404, HR_ROUTE_NONE, NULL}, {"GET", "*", 404, HR_ROUTE_NONE, NULL},
		{"GET", "", 404, HR_ROUTE_NONE, NULL},
		{"GET", "/v1", 0, HR_ROUTE_PAGE, "v1"}, /* a file that will not be there */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hr_http_verdict v = CHECK(t[i].method, t[i].path, HOST);

		if (v.status != t[i].status || v.route != t[i].route)
			fail_msg("%s %s: %u", t[i].method, t[i].path, v.status);
		if (t[i].id)
			assert_string_equal(v.id, t[i].id);
	}
	assert_string_equal(CHECK("GET", "/v1/summaries", HOST).allow, "POST");
	assert_string_equal(CHECK("PUT", "/v1/hosts", HOST).allow, "GET, HEAD");
}

static void an_id_has_at_most_64_bytes(void **state)
{
	char path[128] = "/v1/hosts/";
	struct hr_http_verdict v;

	(void)state;
	memset(path + 10, 'a', 64);
	v = CHECK("GET", path, HOST);
	assert_int_equal(v.status, 0);
	assert_int_equal(strlen(v.id), 64);
	memset(path + 10, 'a', 65);
	assert_int_equal(CHECK("GET", path, HOST).status, 404);
}

static void smuggling_is_refused(void **state)
{
	(void)state;
#define POST(...) CHECK("POST", "/v1/summaries", __VA_ARGS__)
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5", "Content-Length: 5").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5", "content-length: 6").status, 400);
	assert_int_equal(POST(HOST, HOST, TYPE, "Content-Length: 5").status, 400);
	assert_int_equal(POST(TYPE, "Content-Length: 5").status, 400); /* no Host */
	assert_int_equal(
		POST(HOST, TYPE, "Content-Length: 5", "Transfer-Encoding: chunked").status, 411);
	assert_int_equal(POST(HOST, TYPE, "Transfer-Encoding: chunked").status, 411);
	assert_int_equal(POST(HOST, TYPE, "Transfer-Encoding: xyzzy").status, 411);
	assert_int_equal(POST(HOST, TYPE).status, 411);
	assert_int_equal(
		POST(HOST, TYPE, "Content-Length : 5").status, 400); /* space in the name */
	assert_int_equal(POST(HOST, TYPE, "Content-Length: +5").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: -1").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5x").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5, 5").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: ").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 99999999999999999999").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5", "X: a\nb").status, 400);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5", "X Y: a").status, 400);
	assert_int_equal(CHECK("GET", "/metrics", HOST, "Content-Length: 3").status, 400);
	assert_int_equal(CHECK("GET", "/metrics", HOST, "Content-Length: 0").status, 0);
}

static void a_nul_in_a_value_or_name_is_seen(void **state)
{
	struct hr_http_header h[] = {{"Host", "a\0b", 4, 3}, {"X\0", "v", 2, 1}};
	struct hr_http_request req = {.method = "GET", .path = "/", .header = h, .n_headers = 1};
	struct hr_http_verdict v;

	(void)state;
	hr_http_check(&req, MAX_BODY, &v);
	assert_int_equal(v.status, 400);
	h[0].value_len = 1;
	hr_http_check(&req, MAX_BODY, &v);
	assert_int_equal(v.status, 0);
	req.n_headers = 2;
	hr_http_check(&req, MAX_BODY, &v);
	assert_int_equal(v.status, 400);
}

static void bodies_of_the_wrong_size_or_kind_are_refused_before_they_come(void **state)
{
	(void)state;
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 65537").status, 413);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 9007199254740993").status, 400);
	assert_int_equal(POST(HOST, "Content-Length: 5").status, 415);
	assert_int_equal(POST(HOST, "Content-Type: text/plain", "Content-Length: 5").status, 415);
	assert_int_equal(
		POST(HOST, "Content-Type: application/x-protobufx", "Content-Length: 5").status,
		415);
	assert_int_equal(POST(HOST, TYPE, TYPE, "Content-Length: 5").status, 415);
	assert_int_equal(
		POST(HOST, TYPE, "Content-Length: 5", "Content-Encoding: gzip").status, 415);
	assert_int_equal(
		POST(HOST, "Content-Type: Application/X-Protobuf; v=1", "Content-Length: 5").status,
		0);
	assert_int_equal(POST(HOST, TYPE, "Content-Length: 5", "Headroom-Sent: soon").status, 400);
}

static void the_order_of_the_checks_is_the_contracts(void **state)
{
	(void)state;
	/* everything is wrong: the first check speaks */
	assert_int_equal(CHECK("PUT", "/no/where", "Transfer-Encoding: x").status, 404);
	assert_int_equal(CHECK("PUT", "/v1/summaries", "Transfer-Encoding: x").status, 405);
	assert_int_equal(POST("Transfer-Encoding: x").status, 400);
	assert_int_equal(POST(HOST, "Transfer-Encoding: x", "Content-Length: x").status, 411);
	assert_int_equal(POST(HOST, "Content-Length: 1", "Content-Length: 99999999").status, 400);
	assert_int_equal(POST(HOST, "Content-Length: 99999999").status, 413);
}

static void too_many_headers_are_refused(void **state)
{
	const char *lines[HR_HTTP_HEADERS_MAX + 2] = {HOST};
	struct hr_http_request req = {.method = "GET", .path = "/", .too_many = true};
	struct hr_http_verdict v;

	(void)state;
	for (int i = 1; i < HR_HTTP_HEADERS_MAX; i++)
		lines[i] = "X: y";
	assert_int_equal(check("GET", "/", lines).status, 0);
	lines[HR_HTTP_HEADERS_MAX] = "X: y";
	assert_int_equal(check("GET", "/", lines).status, 431);
	hr_http_check(&req, MAX_BODY, &v);
	assert_int_equal(v.status, 431);
}

static void every_refusal_has_a_reason_that_is_listed(void **state)
{
	struct hr_http_verdict v = POST(HOST, TYPE);
	bool found = false;

	(void)state;
	for (size_t i = 0; hr_http_reason(i); i++)
		found |= strcmp(hr_http_reason(i), v.reason) == 0;
	assert_true(found);
	assert_string_equal(v.reason, "length-required");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_post_goes_on),
		cmocka_unit_test(routes_and_methods_are_told_apart),
		cmocka_unit_test(an_id_has_at_most_64_bytes),
		cmocka_unit_test(smuggling_is_refused),
		cmocka_unit_test(a_nul_in_a_value_or_name_is_seen),
		cmocka_unit_test(bodies_of_the_wrong_size_or_kind_are_refused_before_they_come),
		cmocka_unit_test(the_order_of_the_checks_is_the_contracts),
		cmocka_unit_test(too_many_headers_are_refused),
		cmocka_unit_test(every_refusal_has_a_reason_that_is_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
