// SPDX-License-Identifier: Apache-2.0
/* Values of keys: from text, to text, and what is expected of them. */
#include "proto/conf_value.h"

#include <stdio.h>
#include <string.h>

#include "proto/num.h"
#include "proto/text.h"
#include "proto/units.h"

static uint64_t u64_of(double d)
{
	if (!(d > 0)) /* also the least of a signed real, which is no number of this kind */
		return 0;
	return d >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)d;
}

static bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

/*
 * " #" is refused: it is meant as a comment, and libinih knows only " ;" as one.  So is "=;x",
 * which is a value without the space that makes it a comment, and would be printed with one.
 */
static bool text_ok(const struct hr_conf_key *k, const char *s)
{
	size_t len = strlen(s);

	return len < k->size && hr_text_ok(s, len) && !strstr(s, " #") && s[0] != ';';
}

bool hr_conf_read(const struct hr_conf_key *k, const char *s, union hr_conf_number *ret)
{
	switch (k->type) {
	case HR_CONF_U64:
		return hr_num_u64(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_DURATION:
		return hr_num_duration(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_BYTES:
		return hr_num_bytes(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_F64:
		return hr_num_f64(s, k->min, k->max, &ret->f64);
	case HR_CONF_RATIO:
		return hr_num_ratio(s, k->min, k->max, &ret->f64);
	case HR_CONF_BOOL:
		return parse_bool(s, &ret->b);
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		return text_ok(k, s);
	}
	return false;
}

void hr_conf_store(
	const struct hr_conf_key *k, const char *s, const union hr_conf_number *v, char *to)
{
	switch (k->type) {
	case HR_CONF_U64:
	case HR_CONF_DURATION:
	case HR_CONF_BYTES:
		memcpy(to, &v->u64, sizeof(v->u64));
		break;
	case HR_CONF_F64:
	case HR_CONF_RATIO:
		memcpy(to, &v->f64, sizeof(v->f64));
		break;
	case HR_CONF_BOOL:
		memcpy(to, &v->b, sizeof(v->b));
		break;
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		memset(to, 0, k->size);
		memcpy(to, s, strlen(s) + 1);
		break;
	}
}

/* --- values as text --- */

static size_t print_scaled(
	uint64_t v, const uint64_t *factors, const char *const *names, char *buf, size_t cap)
{
	unsigned i = 0;

	while (factors[i] > 1 && (v == 0 || v % factors[i] != 0))
		i++;
	return (size_t)snprintf(buf, cap, "%llu%s", (unsigned long long)(v / factors[i]), names[i]);
}

/* The shortest decimal that reads back as the same number. */
static size_t print_f64(double v, char *buf, size_t cap)
{
	double back;
	int n = 0;

	for (int digits = 1; digits <= 17; digits++) {
		n = snprintf(buf, cap, "%.*g", digits, v);
		if (hr_num_f64(buf, v, v, &back))
			break;
	}
	return (size_t)n;
}

size_t hr_conf_value(const struct hr_conf_key *k, const void *from, char *buf, size_t cap)
{
	static const uint64_t ns[] = {86400 * HR_NS_PER_S, 3600 * HR_NS_PER_S, 60 * HR_NS_PER_S,
		HR_NS_PER_S, HR_NS_PER_MS, HR_NS_PER_US, 1};
	static const char *const ns_name[] = {"d", "h", "m", "s", "ms", "us", "ns"};
	static const uint64_t bytes[] = {1ULL << 40, 1ULL << 30, 1ULL << 20, 1ULL << 10, 1};
	static const char *const bytes_name[] = {"T", "G", "M", "K", ""};
	union hr_conf_number v = {0};

	switch (k->type) {
	case HR_CONF_U64:
		memcpy(&v.u64, from, sizeof(v.u64));
		return (size_t)snprintf(buf, cap, "%llu", (unsigned long long)v.u64);
	case HR_CONF_DURATION:
		memcpy(&v.u64, from, sizeof(v.u64));
		return print_scaled(v.u64, ns, ns_name, buf, cap);
	case HR_CONF_BYTES:
		memcpy(&v.u64, from, sizeof(v.u64));
		return print_scaled(v.u64, bytes, bytes_name, buf, cap);
	case HR_CONF_F64:
	case HR_CONF_RATIO:
		memcpy(&v.f64, from, sizeof(v.f64));
		return print_f64(v.f64, buf, cap);
	case HR_CONF_BOOL:
		memcpy(&v.b, from, sizeof(v.b));
		return (size_t)snprintf(buf, cap, "%s", v.b ? "yes" : "no");
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		return (size_t)snprintf(buf, cap, "%s", (const char *)from);
	}
	return 0;
}

void hr_conf_expected(const struct hr_conf_key *k, char *buf, size_t cap)
{
	static const char *const what[] = {
		[HR_CONF_U64] = "a number",
		[HR_CONF_F64] = "a number such as 1.5",
		[HR_CONF_DURATION] = "a duration such as 500ms, 10s, 5m, 24h or 14d",
		[HR_CONF_BYTES] = "a size such as 65536, 64K, 512M or 2G",
		[HR_CONF_RATIO] = "a share such as 80% or 0.8",
	};
	uint64_t lo = u64_of(k->min), hi = u64_of(k->max);
	bool is_real = k->type == HR_CONF_F64 || k->type == HR_CONF_RATIO;
	char min[32], max[32];

	if (k->type == HR_CONF_BOOL) {
		snprintf(buf, cap, "yes or no");
		return;
	}
	if (k->type == HR_CONF_TEXT || k->type == HR_CONF_FILE) {
		snprintf(buf, cap,
			"at most %zu bytes of printable text without ' #' and no ';' in front",
			k->size - 1);
		return;
	}
	hr_conf_value(k, is_real ? (const void *)&k->min : &lo, min, sizeof(min));
	hr_conf_value(k, is_real ? (const void *)&k->max : &hi, max, sizeof(max));
	snprintf(buf, cap, "%s, from %s to %s", what[k->type], min, max);
}

uint64_t hr_conf_default_bits(const struct hr_conf_key *k)
{
	union hr_conf_number v = {0};

	(void)hr_conf_read(k, k->def, &v);
	return v.u64; /* of a real, its bits */
}
