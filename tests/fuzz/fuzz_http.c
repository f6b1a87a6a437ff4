/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any request head and query.  Lines of the input: method, path, query, then headers
 * "name:value".  What goes on to a handler is what handlers rely on: one certain
 * length, no coding, an id that cannot leave its directory, times in their bounds.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>
#include <strings.h>

#include "collector/core/http_check.h"
#include "collector/core/query.h"
#include "proto/text.h"

#define BODY_MAX 65536
#define NOW_MS   1795528800000ULL

/* The next line of [*p, end), without its newline. */
static const char *line(const char **p, const char *end, size_t *ret_len)
{
	const char *begin = *p, *nl = memchr(begin, '\n', (size_t)(end - begin));

	*ret_len = (size_t)((nl ? nl : end) - begin);
	*p = nl ? nl + 1 : end;
	return begin;
}

static size_t named(const struct hr_http_request *r, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_headers; i++)
		n += r->header[i].name_len == strlen(name) &&
		     strncasecmp(r->header[i].name, name, strlen(name)) == 0;
	return n;
}

static void check_id(const char *id)
{
	HR_FUZZ_CHECK(memchr(id, '\0', HR_HTTP_ID_LEN));
	HR_FUZZ_CHECK(id[0] != '\0' && id[0] != '.');
	for (; *id; id++)
		HR_FUZZ_CHECK(*id != '/' && *id != '\\' && *id != '%' && *id > ' ' && *id < 0x7f);
}

static void check_request(const struct hr_http_request *r)
{
	struct hr_http_verdict v;
	bool known = false;

	hr_http_check(r, BODY_MAX, &v);
	if (v.status != 0) {
		for (size_t i = 0; hr_http_reason(i); i++)
			known = known || strcmp(hr_http_reason(i), v.reason) == 0;
		HR_FUZZ_CHECK(known && v.status >= 400 && v.status < 500 && v.detail[0]);
		HR_FUZZ_CHECK((v.status == 405) == (v.allow != NULL));
		return;
	}
	HR_FUZZ_CHECK(v.route > HR_ROUTE_NONE && v.route < HR_ROUTE_N);
	HR_FUZZ_CHECK(!r->too_many && named(r, "Host") == 1);
	HR_FUZZ_CHECK(named(r, "Transfer-Encoding") == 0);
	if (v.route == HR_ROUTE_SUMMARIES) {
		HR_FUZZ_CHECK(strcmp(r->method, "POST") == 0);
		HR_FUZZ_CHECK(named(r, "Content-Length") == 1 && v.content_length <= BODY_MAX);
		HR_FUZZ_CHECK(named(r, "Content-Encoding") == 0);
	} else if (v.route == HR_ROUTE_ENROL) {
		HR_FUZZ_CHECK(strcmp(r->method, "POST") == 0 && v.content_length == 0);
	} else {
		HR_FUZZ_CHECK(strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0);
		HR_FUZZ_CHECK(v.content_length == 0);
	}
	if (v.route == HR_ROUTE_PAGE || (v.route >= HR_ROUTE_HOST && v.route <= HR_ROUTE_EXPLAIN))
		check_id(v.id);
}

static void check_writes(const struct hr_query_arg *arg, size_t n)
{
	struct hr_query_enrol e;
	struct hr_query_token t;
	char err[HR_QUERY_ERR_LEN] = "";

	if (hr_query_enrol(arg, n, &e, err))
		HR_FUZZ_CHECK(hr_text_ok(e.name, strlen(e.name)));
	else
		HR_FUZZ_CHECK(err[0]);
	err[0] = '\0';
	if (hr_query_token(arg, n, &t, err))
		HR_FUZZ_CHECK((!t.enrol || (t.ttl_ms > 0 && t.uses > 0)) &&
			      hr_text_ok(t.name, strlen(t.name)));
	else
		HR_FUZZ_CHECK(err[0]);
}

static void check_query(const char *text, size_t len)
{
	struct hr_query_arg arg[HR_QUERY_ARGS_MAX];
	struct hr_query_fleet f;
	struct hr_query_history h;
	char err[HR_QUERY_ERR_LEN] = "";
	const char *p = text, *end = text + len;
	size_t n = 0;

	while (p < end && n < HR_QUERY_ARGS_MAX) {
		const char *amp = memchr(p, '&', (size_t)(end - p));
		const char *stop = amp ? amp : end, *eq = memchr(p, '=', (size_t)(stop - p));

		arg[n++] = (struct hr_query_arg){.key = p,
			.key_len = (size_t)((eq ? eq : stop) - p),
			.value = eq ? eq + 1 : NULL,
			.value_len = eq ? (size_t)(stop - eq - 1) : 0};
		p = amp ? amp + 1 : end;
	}
	if (hr_query_fleet(arg, n, &f, err))
		HR_FUZZ_CHECK(f.limit >= 1 && f.limit <= 1000 && f.sort < HR_FLEET_SORT_N &&
			      f.answer < HR_ANSWER_N);
	else
		HR_FUZZ_CHECK(err[0] && strlen(err) < sizeof(err));
	if (hr_query_history(arg, n, NOW_MS, &h, err))
		HR_FUZZ_CHECK(h.from_ms < h.to_ms && h.to_ms - h.from_ms <= HR_QUERY_SPAN_HOUR_MS &&
			      h.step_ms >= HR_QUERY_STEP_MIN_MS &&
			      h.step_ms % HR_QUERY_STEP_MIN_MS == 0 && h.resource < HR_RES_N);
	HR_FUZZ_CHECK(hr_query_none(arg, n, err) == (n == 0));
	check_writes(arg, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hr_http_header header[HR_HTTP_HEADERS_MAX];
	struct hr_http_request r = {.header = header};
	const char *p, *end, *s;
	char *text = malloc(size + 1), *method, *path;
	size_t len;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	p = text;
	end = text + size;
	s = line(&p, end, &len);
	method = strndup(s, len);
	s = line(&p, end, &len);
	path = strndup(s, len);
	s = line(&p, end, &len);
	check_query(s, len);
	while (p < end && r.n_headers < HR_HTTP_HEADERS_MAX) {
		const char *colon;

		s = line(&p, end, &len);
		colon = memchr(s, ':', len);
		header[r.n_headers++] = (struct hr_http_header){.name = s,
			.name_len = colon ? (size_t)(colon - s) : len,
			.value = colon ? colon + 1 : s + len,
			.value_len = colon ? len - (size_t)(colon - s) - 1 : 0};
	}
	r.too_many = p < end;
	r.method = method;
	r.path = path;
	if (method && path)
		check_request(&r);
	free(method);
	free(path);
	free(text);
	return 0;
}
