// SPDX-License-Identifier: Apache-2.0
/*
 * Order: route (404, 405); header names, values and Host (400); Transfer-Encoding
 * (411); Content-Length (400, 411, 413); coding and type of a body (415).  The
 * credential comes after these, rate and capacity last, both in ingest.c.
 */
#include "collector/core/http_check.h"

#include <string.h>
#include <strings.h>

struct refusal {
	unsigned status;
	const char *reason, *detail;
};

enum {
	R_NOT_FOUND,
	R_METHOD,
	R_HEADERS,
	R_HEADER,
	R_HOST,
	R_CODING,
	R_LENGTH_TWICE,
	R_LENGTH,
	R_NO_LENGTH,
	R_UNWANTED_BODY,
	R_TOO_LARGE,
	R_ENCODING,
	R_TYPE,
	R_SENT,
	R_CREDENTIAL,
	R_FORBIDDEN,
	R_CERTIFICATE,
	R_RATE,
	R_IDENTITY,
	R_N
};
static const struct refusal refusals[R_N] = {
	[R_NOT_FOUND] = {404, "not-found", "There is nothing at this path."},
	[R_METHOD] = {405, "method", "This path does not take this method."},
	[R_HEADERS] = {431, "headers", "The request has more than 64 headers."},
	[R_HEADER] = {400, "header",
		"A header name is not a token, or a value has control characters."},
	[R_HOST] = {400, "host", "There must be exactly one Host header."},
	[R_CODING] = {411, "transfer-encoding",
		"Transfer-Encoding is not taken; send a Content-Length."},
	[R_LENGTH_TWICE] = {400, "length-twice", "There is more than one Content-Length."},
	[R_LENGTH] = {400, "length", "Content-Length is not a plain number."},
	[R_NO_LENGTH] = {411, "length-required", "A POST needs a Content-Length."},
	[R_UNWANTED_BODY] = {400, "unwanted-body", "A GET has no body."},
	[R_TOO_LARGE] = {413, "too-large", "The body is larger than 65536 bytes."},
	[R_ENCODING] = {415, "content-encoding", "The body must not be compressed."},
	[R_TYPE] = {415, "content-type", "Content-Type must be application/x-protobuf."},
	/* decided in gate.c and ingest.c */
	[R_CREDENTIAL] = {401, "credential", ""},
	[R_FORBIDDEN] = {403, "forbidden", ""},
	[R_CERTIFICATE] = {403, "client-certificate", ""},
	[R_RATE] = {429, "rate", ""},
	[R_IDENTITY] = {403, "identity", ""},
	[R_SENT] = {400, "sent", "Headroom-Sent is not a time in Unix milliseconds."},
};

const char *hr_http_reason(size_t i)
{
	return i < R_N ? refusals[i].reason : NULL;
}

const char *hr_route_name(enum hr_route r)
{
	switch (r) {
	case HR_ROUTE_SUMMARIES:
		return "summaries";
	case HR_ROUTE_FLEET:
		return "fleet";
	case HR_ROUTE_HOSTS:
		return "hosts";
	case HR_ROUTE_HOST:
		return "host";
	case HR_ROUTE_ANSWER:
		return "answer";
	case HR_ROUTE_HISTORY:
		return "history";
	case HR_ROUTE_SIZES:
		return "sizes";
	case HR_ROUTE_EXPLAIN:
		return "explain";
	case HR_ROUTE_METRICS:
		return "metrics";
	case HR_ROUTE_HEALTHZ:
		return "healthz";
	case HR_ROUTE_READYZ:
		return "readyz";
	case HR_ROUTE_PAGE:
		return "page";
	case HR_ROUTE_ENROL:
		return "enrol";
	case HR_ROUTE_FORGET:
		return "forget";
	case HR_ROUTE_TOKENS:
	case HR_ROUTE_TOKEN_NEW:
	case HR_ROUTE_TOKEN_REVOKE:
		return "tokens";
	case HR_ROUTE_NONE:
	case HR_ROUTE_N:
		break;
	}
	return "none";
}

static bool refuse(struct hr_http_verdict *v, int r)
{
	v->status = refusals[r].status;
	v->reason = refusals[r].reason;
	v->detail = refusals[r].detail;
	return false;
}

/* Letters, digits and - . _ : what host ids, host names and page files consist of. */
static bool id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_';
}

/* Copies the path segment at @p into the verdict; its end, or NULL when it is no id. */
static const char *take_id(const char *p, struct hr_http_verdict *v)
{
	size_t n = 0;

	while (id_char(p[n]))
		n++;
	if (n == 0 || n >= HR_HTTP_ID_LEN || p[0] == '.')
		return NULL;
	memcpy(v->id, p, n);
	v->id[n] = '\0';
	return p + n;
}

static enum hr_route find_route(const char *path, struct hr_http_verdict *v)
{
	static const struct {
		const char *path;
		enum hr_route route;
	} whole[] =
		{
			{"/v1/summaries", HR_ROUTE_SUMMARIES},
			{"/v1/enrol", HR_ROUTE_ENROL},
			{"/v1/fleet", HR_ROUTE_FLEET},
			{"/v1/hosts", HR_ROUTE_HOSTS},
			{"/metrics", HR_ROUTE_METRICS},
			{"/healthz", HR_ROUTE_HEALTHZ},
			{"/readyz", HR_ROUTE_READYZ},
		},
	  below[] = {
		  {"", HR_ROUTE_HOST},
		  {"/answer", HR_ROUTE_ANSWER},
		  {"/history", HR_ROUTE_HISTORY},
		  {"/sizes", HR_ROUTE_SIZES},
		  {"/explain", HR_ROUTE_EXPLAIN},
	  };
	static const char hosts[] = "/v1/hosts/";
	const char *end;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		if (strcmp(path, whole[i].path) == 0)
			return whole[i].route;
	}
	if (strncmp(path, hosts, sizeof(hosts) - 1) == 0) {
		end = take_id(path + sizeof(hosts) - 1, v);
		for (size_t i = 0; end && i < sizeof(below) / sizeof(below[0]); i++) {
			if (strcmp(end, below[i].path) == 0)
				return below[i].route;
		}
		return HR_ROUTE_NONE;
	}
	if (strcmp(path, "/") == 0) {
		memcpy(v->id, "index.html", sizeof("index.html"));
		return HR_ROUTE_PAGE;
	}
	end = path[0] == '/' ? take_id(path + 1, v) : NULL;
	return end && *end == '\0' ? HR_ROUTE_PAGE : HR_ROUTE_NONE;
}

/* Routes that only the admin's socket has. */
static bool find_admin(const struct hr_http_request *req, struct hr_http_verdict *v)
{
	static const char tokens[] = "/v1/tokens", hosts[] = "/v1/hosts/";
	size_t n = sizeof(tokens) - 1;
	bool delete = strcmp(req->method, "DELETE") == 0;
	const char *end = NULL;

	if (strcmp(req->path, tokens) == 0 && strcmp(req->method, "GET") == 0)
		v->route = HR_ROUTE_TOKENS;
	else if (strcmp(req->path, tokens) == 0 && strcmp(req->method, "POST") == 0)
		v->route = HR_ROUTE_TOKEN_NEW;
	else if (delete &&strncmp(req->path, hosts, sizeof(hosts) - 1) == 0 &&
		 (end = take_id(req->path + sizeof(hosts) - 1, v)) && *end == '\0')
		v->route = HR_ROUTE_FORGET;
	else if (delete &&strncmp(req->path, tokens, n) == 0 && req->path[n] == '/' &&
		 (end = take_id(req->path + n + 1, v)) && *end == '\0')
		v->route = HR_ROUTE_TOKEN_REVOKE;
	return v->route != HR_ROUTE_NONE;
}

static bool check_route(const struct hr_http_request *req, struct hr_http_verdict *v)
{
	bool post = strcmp(req->method, "POST") == 0;
	bool get = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;

	bool to_post;

	if (req->admin && find_admin(req, v))
		return true;
	v->route = find_route(req->path, v);
	if (v->route == HR_ROUTE_NONE)
		return refuse(v, R_NOT_FOUND);
	to_post = v->route == HR_ROUTE_SUMMARIES || v->route == HR_ROUTE_ENROL;
	if (to_post ? post : get)
		return true;
	v->allow = to_post ? "POST" : "GET, HEAD";
	return refuse(v, R_METHOD);
}

/* tchar of RFC 9110, 5.6.2 */
static bool token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			(c != '\0' && strchr("!#$%&'*+-.^_`|~", c)))
			continue;
		return false;
	}
	return n > 0;
}

static bool plain_value(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is(const struct hr_http_header *h, const char *name)
{
	return strlen(name) == h->name_len && strncasecmp(h->name, name, h->name_len) == 0;
}

/* How often a header stands there; @ret_last is the last one. */
static size_t find(
	const struct hr_http_request *req, const char *name, const struct hr_http_header **ret_last)
{
	size_t n = 0;

	*ret_last = NULL;
	for (size_t i = 0; i < req->n_headers; i++) {
		if (is(&req->header[i], name)) {
			*ret_last = &req->header[i];
			n++;
		}
	}
	return n;
}

/* Digits only, at most 2^53: no sign, no list, no space. */
static bool number(const struct hr_http_header *h, uint64_t *ret)
{
	uint64_t v = 0;

	if (h->value_len == 0 || h->value_len > 16)
		return false;
	for (size_t i = 0; i < h->value_len; i++) {
		if (h->value[i] < '0' || h->value[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(h->value[i] - '0');
	}
	*ret = v;
	return v <= 1ULL << 53;
}

static bool check_headers(const struct hr_http_request *req, struct hr_http_verdict *v)
{
	const struct hr_http_header *h;

	if (req->too_many || req->n_headers > HR_HTTP_HEADERS_MAX)
		return refuse(v, R_HEADERS);
	for (size_t i = 0; i < req->n_headers; i++) {
		h = &req->header[i];
		if (!token(h->name, h->name_len) || !plain_value(h->value, h->value_len))
			return refuse(v, R_HEADER);
	}
	if (find(req, "Host", &h) != 1)
		return refuse(v, R_HOST);
	if (find(req, "Transfer-Encoding", &h) > 0)
		return refuse(v, R_CODING);
	return true;
}

static bool check_length(
	const struct hr_http_request *req, uint64_t body_max, struct hr_http_verdict *v)
{
	const struct hr_http_header *h;
	size_t n = find(req, "Content-Length", &h);

	if (n > 1)
		return refuse(v, R_LENGTH_TWICE);
	if (n == 1 && !number(h, &v->content_length))
		return refuse(v, R_LENGTH);
	if (v->route != HR_ROUTE_SUMMARIES)
		return v->content_length == 0 || refuse(v, R_UNWANTED_BODY);
	if (n == 0)
		return refuse(v, R_NO_LENGTH);
	return v->content_length <= body_max || refuse(v, R_TOO_LARGE);
}

static bool check_type(const struct hr_http_request *req, struct hr_http_verdict *v)
{
	static const char want[] = "application/x-protobuf";
	const struct hr_http_header *h;
	size_t n = sizeof(want) - 1;

	if (find(req, "Content-Encoding", &h) > 0)
		return refuse(v, R_ENCODING);
	if (find(req, "Content-Type", &h) != 1 || h->value_len < n ||
		strncasecmp(h->value, want, n) != 0 ||
		(h->value_len > n && h->value[n] != ';' && h->value[n] != ' '))
		return refuse(v, R_TYPE);
	n = find(req, "Headroom-Sent", &h);
	if (n > 1 || (n == 1 && !number(h, &v->sent_ms)))
		return refuse(v, R_SENT);
	v->has_sent = n == 1;
	return true;
}

void hr_http_check(
	const struct hr_http_request *req, uint64_t body_max, struct hr_http_verdict *ret_verdict)
{
	struct hr_http_verdict v = {0};

	if (check_route(req, &v) && check_headers(req, &v) && check_length(req, body_max, &v) &&
		v.route == HR_ROUTE_SUMMARIES)
		(void)check_type(req, &v);
	*ret_verdict = v;
}
