/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URL parameters -> checked structs.  An unknown parameter, one given twice, or a
 * wrong value refuses the request with a sentence: a typo must not quietly mean
 * "the default".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "collector/core/fleet.h"
#include "proto/limits.h"

#define HR_QUERY_ARGS_MAX 16
#define HR_QUERY_ERR_LEN  200

/* Percent-decoded by the HTTP library; @value NULL: "?key" without "=". */
struct hr_query_arg {
	const char *key, *value;
	size_t key_len, value_len;
};

/* GET /v1/fleet and /v1/hosts: ?answer=no&sort=headroom&limit=50&cursor=100 */
struct hr_query_fleet {
	bool has_answer;
	enum hr_answer_kind answer;
	enum hr_fleet_sort sort;
	uint32_t limit;  /* 1..1000, default 1000 */
	uint32_t cursor; /* rows to skip */
};

#define HR_QUERY_SPAN_MAX_MS (6 * 3600 * 1000ULL) /* one request reads at most 6 h of 10 s rows */
/* ... or as many sums: 14 days by 5 minutes, half a year by hours */
#define HR_QUERY_SPAN_5MIN_MS (14 * 86400000ULL)
#define HR_QUERY_SPAN_HOUR_MS (183 * 86400000ULL)
#define HR_QUERY_STEP_MIN_MS  10000ULL
#define HR_QUERY_POINTS_MAX   4392
#define HR_QUERY_DAY_MS       86400000ULL /* step=1d: days that the model remembers */
#define HR_QUERY_DAYS_MAX_MS  (92 * HR_QUERY_DAY_MS)

/* GET /v1/hosts/{id}/history: ?from&to&step&resource */
struct hr_query_history {
	uint64_t from_ms, to_ms;   /* Unix ms; from < to, apart by at most what the steps
				      allow */
	uint64_t step_ms;          /* multiple of 10 s, or HR_QUERY_DAY_MS */
	enum hr_resource resource; /* NONE: all that can be shown */
};

/* False with a sentence in @err, *ret untouched. */
bool hr_query_fleet(const struct hr_query_arg *args, size_t n, struct hr_query_fleet *ret,
	char err[HR_QUERY_ERR_LEN]);
/* Times are RFC 3339 UTC ("2026-11-23T17:00:00Z"), Unix seconds, or "-2h" (before now). Default:
 * the last hour, 1 min steps; with step=1d the last 91 days. */
bool hr_query_history(const struct hr_query_arg *args, size_t n, uint64_t now_ms,
	struct hr_query_history *ret, char err[HR_QUERY_ERR_LEN]);
/* POST /v1/enrol: ?host=<32 hex>&hash=<64 hex>[&name=vm-17] */
struct hr_query_enrol {
	uint8_t host[HR_HOST_ID_LEN];
	uint8_t hash[32]; /* SHA-256 of the secret that the agent made for itself */
	char name[HR_NAME_LEN];
};
bool hr_query_enrol(const struct hr_query_arg *args, size_t n, struct hr_query_enrol *ret,
	char err[HR_QUERY_ERR_LEN]);
/* POST /v1/tokens: ?kind=enrol|read [&ttl=1h][&uses=1][&name=who][&host=<32 hex>] */
struct hr_query_token {
	bool enrol;
	uint64_t ttl_ms; /* 0: for ever, read tokens only */
	uint32_t uses;
	bool has_host;
	uint8_t host[HR_HOST_ID_LEN];
	char name[HR_NAME_LEN];
};
bool hr_query_token(const struct hr_query_arg *args, size_t n, struct hr_query_token *ret,
	char err[HR_QUERY_ERR_LEN]);
/* Routes without parameters. */
bool hr_query_none(const struct hr_query_arg *args, size_t n, char err[HR_QUERY_ERR_LEN]);

/* "2026-11-23T17:00:00Z" or with ".123"; UTC only, years 1970..9999.  False when it is not that. */
bool hr_query_time(const char *s, size_t len, uint64_t *ret_ms);
