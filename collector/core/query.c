// SPDX-License-Identifier: Apache-2.0
/* Parameters are few: each is looked at once, against a list of those its route knows. */
#include "collector/core/query.h"

#include <stdio.h>
#include <string.h>

#include "proto/num.h"
#include "proto/secret.h"
#include "proto/text.h"
#include "proto/units.h"

#define VALUE_MAX  72 /* a hash in hex is the longest right value */
#define YEAR_NS    (366ULL * 86400 * HR_NS_PER_S)
#define LIMIT_MAX  1000
#define CURSOR_MAX 0xffffff

/* A decoded value as text; the key stays for messages. */
struct value {
	const char *key;
	char text[VALUE_MAX];
};

static bool wrong(char err[HR_QUERY_ERR_LEN], const char *key, const char *expected)
{
	snprintf(err, HR_QUERY_ERR_LEN, "Parameter %s: expected %s.", key, expected);
	return false;
}

/* Fills @v for each of @keys that is given (text "" = not given). */
static bool collect(const struct hr_query_arg *args, size_t n, struct value *v, size_t n_keys,
	char err[HR_QUERY_ERR_LEN])
{
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < n_keys && !(strlen(v[k].key) == args[i].key_len &&
					     memcmp(v[k].key, args[i].key, args[i].key_len) == 0))
			k++;
		if (k == n_keys) {
			snprintf(err, HR_QUERY_ERR_LEN,
				"Parameter number %zu is not known at this path.", i + 1);
			return false;
		}
		if (v[k].text[0] != '\0')
			return wrong(err, v[k].key, "to be given once");
		if (!args[i].value || args[i].value_len == 0 || args[i].value_len >= VALUE_MAX ||
			memchr(args[i].value, '\0', args[i].value_len))
			return wrong(err, v[k].key, "a value");
		memcpy(v[k].text, args[i].value, args[i].value_len);
		v[k].text[args[i].value_len] = '\0';
	}
	return true;
}

bool hr_query_none(const struct hr_query_arg *args, size_t n, char err[HR_QUERY_ERR_LEN])
{
	return collect(args, n, NULL, 0, err);
}

static bool fleet_sort(const char *s, enum hr_fleet_sort *ret)
{
	for (enum hr_fleet_sort k = 0; k < HR_FLEET_SORT_N; k++) {
		if (strcmp(s, hr_fleet_sort_name(k)) == 0) {
			*ret = k;
			return true;
		}
	}
	return false;
}

bool hr_query_fleet(const struct hr_query_arg *args, size_t n, struct hr_query_fleet *ret,
	char err[HR_QUERY_ERR_LEN])
{
	struct value v[] = {
		{.key = "answer"}, {.key = "sort"}, {.key = "limit"}, {.key = "cursor"}};
	struct hr_query_fleet q = {.limit = LIMIT_MAX};
	uint64_t u;

	if (!collect(args, n, v, 4, err))
		return false;
	if (v[0].text[0] && !hr_answer_kind_parse(v[0].text, &q.answer))
		return wrong(err, "answer", "yes, resize, no or unknown");
	q.has_answer = v[0].text[0] != '\0';
	if (v[1].text[0] && !fleet_sort(v[1].text, &q.sort))
		return wrong(err, "sort", "headroom, name or days");
	if (v[2].text[0]) {
		if (!hr_num_u64(v[2].text, 1, LIMIT_MAX, &u))
			return wrong(err, "limit", "1 to 1000");
		q.limit = (uint32_t)u;
	}
	if (v[3].text[0]) {
		if (!hr_num_u64(v[3].text, 0, CURSOR_MAX, &u))
			return wrong(err, "cursor", "the cursor of the page before");
		q.cursor = (uint32_t)u;
	}
	*ret = q;
	return true;
}

/* @n digits at *s. */
static bool digits(const char **s, const char *end, int n, uint64_t *ret)
{
	uint64_t v = 0;

	if (end - *s < n)
		return false;
	for (int i = 0; i < n; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		v = v * 10 + (uint64_t)((*s)[i] - '0');
	}
	*s += n;
	*ret = v;
	return true;
}

static bool literal(const char **s, const char *end, char c)
{
	if (*s == end || **s != c)
		return false;
	(*s)++;
	return true;
}

/* Days from 1970-01-01 of the proleptic Gregorian calendar; March-based years make leap days last.
 */
static uint64_t days_from_civil(uint64_t y, uint64_t m, uint64_t d)
{
	y -= m <= 2;
	uint64_t era = y / 400, yoe = y % 400;
	uint64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	uint64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static uint64_t days_in_month(uint64_t y, uint64_t m)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[m - 1] + (uint64_t)(m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

bool hr_query_time(const char *s, size_t len, uint64_t *ret_ms)
{
	const char *end = s + len;
	uint64_t y, mo, d, h, mi, sec, ms = 0;

	if (!digits(&s, end, 4, &y) || !literal(&s, end, '-') || !digits(&s, end, 2, &mo) ||
		!literal(&s, end, '-') || !digits(&s, end, 2, &d) || !literal(&s, end, 'T') ||
		!digits(&s, end, 2, &h) || !literal(&s, end, ':') || !digits(&s, end, 2, &mi) ||
		!literal(&s, end, ':') || !digits(&s, end, 2, &sec))
		return false;
	if (literal(&s, end, '.') && !digits(&s, end, 3, &ms))
		return false;
	if (!literal(&s, end, 'Z') || s != end)
		return false;
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || h > 23 ||
		mi > 59 || sec > 59)
		return false;
	*ret_ms = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi) * 60000 + sec * 1000 + ms;
	return true;
}

static bool point_in_time(const char *s, uint64_t now_ms, uint64_t *ret_ms)
{
	uint64_t v;

	if (s[0] == '-') {
		if (!hr_num_duration(s + 1, 0, YEAR_NS, &v) || hr_ns_to_ms(v) > now_ms)
			return false;
		*ret_ms = now_ms - hr_ns_to_ms(v);
		return true;
	}
	if (hr_num_u64(s, 0, 253402300799ULL, &v)) { /* the last second of year 9999 */
		*ret_ms = v * HR_MS_PER_S;
		return true;
	}
	return hr_query_time(s, strlen(s), ret_ms);
}

static bool step(const char *s, uint64_t *ret_ms)
{
	uint64_t ns;

	if (!s[0])
		return true;
	if (!hr_num_duration(
		    s, HR_QUERY_STEP_MIN_MS * HR_NS_PER_MS, HR_QUERY_DAY_MS * HR_NS_PER_MS, &ns) ||
		hr_ns_to_ms(ns) % HR_QUERY_STEP_MIN_MS != 0 ||
		(hr_ns_to_ms(ns) > HR_QUERY_SPAN_MAX_MS && hr_ns_to_ms(ns) != HR_QUERY_DAY_MS))
		return false;
	*ret_ms = hr_ns_to_ms(ns);
	return true;
}

bool hr_query_history(const struct hr_query_arg *args, size_t n, uint64_t now_ms,
	struct hr_query_history *ret, char err[HR_QUERY_ERR_LEN])
{
	struct value v[] = {{.key = "from"}, {.key = "to"}, {.key = "step"}, {.key = "resource"}};
	struct hr_query_history q = {.to_ms = now_ms, .step_ms = 60000};
	uint64_t span, most;

	if (!collect(args, n, v, 4, err))
		return false;
	if (!step(v[2].text, &q.step_ms))
		return wrong(err, "step", "a multiple of 10s up to 6h, or 1d");
	most = q.step_ms == HR_QUERY_DAY_MS ? HR_QUERY_DAYS_MAX_MS
	       : q.step_ms % 3600000 == 0   ? HR_QUERY_SPAN_HOUR_MS
	       : q.step_ms % 300000 == 0    ? HR_QUERY_SPAN_5MIN_MS
					    : HR_QUERY_SPAN_MAX_MS;
	span = q.step_ms == HR_QUERY_DAY_MS ? most - HR_QUERY_DAY_MS : 3600000;
	if (v[1].text[0] && !point_in_time(v[1].text, now_ms, &q.to_ms))
		return wrong(err, "to", "a time as 2026-11-23T17:00:00Z, Unix seconds or -1h");
	q.from_ms = q.to_ms > span ? q.to_ms - span : 0;
	if (v[0].text[0] && !point_in_time(v[0].text, now_ms, &q.from_ms))
		return wrong(err, "from", "a time as 2026-11-23T17:00:00Z, Unix seconds or -1h");
	if (v[3].text[0] &&
		(!hr_resource_parse(v[3].text, &q.resource) || q.resource == HR_RES_NONE))
		return wrong(err, "resource", "cpu, memory, disk or network");
	if (q.from_ms >= q.to_ms || q.to_ms - q.from_ms > most)
		return wrong(err, "from",
			"a time before to, by at most 6 h (14 days with steps of "
			"5m, 183 days of 1h, 91 days with step=1d)");
	*ret = q;
	return true;
}

/* A name as hosts have it: printable, not too long. */
static bool name_of(const char *s, char to[HR_NAME_LEN])
{
	if (strlen(s) >= HR_NAME_LEN)
		return false;
	hr_text_clean(s, to, HR_NAME_LEN);
	return true;
}

bool hr_query_enrol(const struct hr_query_arg *args, size_t n, struct hr_query_enrol *ret,
	char err[HR_QUERY_ERR_LEN])
{
	struct value v[] = {{.key = "host"}, {.key = "hash"}, {.key = "name"}};
	struct hr_query_enrol q = {0};

	if (!collect(args, n, v, 3, err))
		return false;
	if (!hr_hex_parse(v[0].text, strlen(v[0].text), q.host, sizeof(q.host)))
		return wrong(err, "host", "a host id of 32 hex digits");
	if (!hr_hex_parse(v[1].text, strlen(v[1].text), q.hash, sizeof(q.hash)))
		return wrong(err, "hash", "64 hex digits");
	if (!name_of(v[2].text, q.name))
		return wrong(err, "name", "at most 63 bytes");
	*ret = q;
	return true;
}

bool hr_query_token(const struct hr_query_arg *args, size_t n, struct hr_query_token *ret,
	char err[HR_QUERY_ERR_LEN])
{
	struct value v[] = {
		{.key = "kind"}, {.key = "ttl"}, {.key = "uses"}, {.key = "name"}, {.key = "host"}};
	struct hr_query_token q = {.uses = 1};
	uint64_t u = 3600 * HR_NS_PER_S;

	if (!collect(args, n, v, 5, err))
		return false;
	q.enrol = strcmp(v[0].text, "enrol") == 0;
	if (!q.enrol && strcmp(v[0].text, "read") != 0)
		return wrong(err, "kind", "enrol or read");
	if (v[1].text[0] && !hr_num_duration(v[1].text, HR_NS_PER_S, 10 * YEAR_NS, &u))
		return wrong(err, "ttl", "a time from 1s to 3650d");
	q.ttl_ms = q.enrol || v[1].text[0] ? hr_ns_to_ms(u) : 0;
	if (v[2].text[0]) {
		if (!q.enrol || !hr_num_u64(v[2].text, 1, 100000, &u))
			return wrong(err, "uses", "1 to 100000, with kind=enrol");
		q.uses = (uint32_t)u;
	}
	if (!name_of(v[3].text, q.name))
		return wrong(err, "name", "at most 63 bytes");
	q.has_host = v[4].text[0] != '\0';
	if (q.has_host &&
		(!q.enrol || !hr_hex_parse(v[4].text, strlen(v[4].text), q.host, sizeof(q.host))))
		return wrong(err, "host", "a host id of 32 hex digits, with kind=enrol");
	*ret = q;
	return true;
}
