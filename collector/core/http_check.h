/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is decided about a request when its headers are complete and no byte of
 * its body has been read: route, refusal, or go on.  A pure function of method,
 * path and header list, because the HTTP library lets through what proxies and
 * smugglers make use of (two Content-Length, Transfer-Encoding beside it, HTTP/1.0
 * without Host).  The order of the checks is the contract's, see http_check.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_HTTP_HEADERS_MAX 64
#define HR_HTTP_ID_LEN      65 /* host id, host name or page file, with NUL */

enum hr_route {
	HR_ROUTE_NONE = 0,
	HR_ROUTE_SUMMARIES, /* POST /v1/summaries */
	HR_ROUTE_FLEET,     /* GET, and HEAD, from here on */
	HR_ROUTE_HOSTS,
	HR_ROUTE_HOST, /* /v1/hosts/{id} */
	HR_ROUTE_ANSWER,
	HR_ROUTE_HISTORY,
	HR_ROUTE_SIZES,
	HR_ROUTE_EXPLAIN,
	HR_ROUTE_METRICS,
	HR_ROUTE_HEALTHZ,
	HR_ROUTE_READYZ,
	HR_ROUTE_PAGE,         /* / and /<file>; id is the file's name */
	HR_ROUTE_ENROL,        /* POST /v1/enrol */
	HR_ROUTE_FORGET,       /* DELETE /v1/hosts/{id}; from here on only for the admin */
	HR_ROUTE_TOKENS,       /* GET /v1/tokens */
	HR_ROUTE_TOKEN_NEW,    /* POST /v1/tokens */
	HR_ROUTE_TOKEN_REVOKE, /* DELETE /v1/tokens/{id} */
	HR_ROUTE_N,
};
const char *hr_route_name(enum hr_route r); /* for metrics: "summaries" */

/* Bytes as received; names and values need no NUL. */
struct hr_http_header {
	const char *name, *value;
	size_t name_len, value_len;
};

struct hr_http_request {
	const char *method;
	const char *path; /* percent-decoded, without the query */
	const struct hr_http_header *header;
	size_t n_headers;
	bool admin;    /* came through the admin's socket: its routes exist */
	bool too_many; /* there were more than HR_HTTP_HEADERS_MAX */
};

struct hr_http_verdict {
	unsigned status;    /* 0: go on; else refuse with this status */
	const char *reason; /* stable word of a refusal, for metrics: "length-required" */
	const char *detail; /* one plain sentence for problem+json */
	const char *allow;  /* 405: the Allow header, else NULL */
	enum hr_route route;
	char id[HR_HTTP_ID_LEN];
	uint64_t content_length;
	bool has_sent;    /* Headroom-Sent: the sender's clock at this try */
	uint64_t sent_ms; /* Unix ms */
};

/* @body_max: largest body accepted, in bytes. */
void hr_http_check(
	const struct hr_http_request *req, uint64_t body_max, struct hr_http_verdict *ret_verdict);

/* Every reason that hr_http_check can give, for counters made beforehand; NULL beyond the last. */
const char *hr_http_reason(size_t i);
