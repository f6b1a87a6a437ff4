/* SPDX-License-Identifier: Apache-2.0 */
/* Text to numbers: whole string or nothing, bounds always. */
#include "proto/num.h"

#include <stdlib.h>
#include <string.h>

#include "proto/units.h"

/* Digits of @base from the start of [s, s + len); the number of bytes used, 0 when none or too
 * large. */
static size_t digits(const char *s, size_t len, unsigned base, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		char c = s[i];
		unsigned d;

		if (c >= '0' && c <= '9')
			d = (unsigned)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			d = (unsigned)(c - 'a') + 10;
		else if (base == 16 && c >= 'A' && c <= 'F')
			d = (unsigned)(c - 'A') + 10;
		else
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return 0;
	}
	*ret = v;
	return i;
}

static bool whole(const char *s, size_t len, unsigned base, uint64_t *ret)
{
	uint64_t v;

	if (len == 0 || digits(s, len, base, &v) != len)
		return false;
	*ret = v;
	return true;
}

static bool in_range(uint64_t v, uint64_t min, uint64_t max, uint64_t *ret)
{
	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool hr_num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	return whole(s, strlen(s), 10, &v) && in_range(v, min, max, ret);
}

bool hr_num_hex_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	return whole(s, strlen(s), 16, &v) && in_range(v, min, max, ret);
}

bool hr_num_u64_n(const char *s, size_t len, uint64_t *ret)
{
	return whole(s, len, 10, ret);
}

bool hr_num_f64(const char *s, double min, double max, double *ret)
{
	char *end;
	double v;

	/* strtod also takes spaces, hex floats, "inf" and "nan": only plain decimals pass */
	if (*s == '\0' || s[strspn(s, "0123456789.eE+-")] != '\0' || *s == '+')
		return false;
	v = strtod(s, &end); /* overflow gives infinity, which is above every max */
	if (end == s || *end != '\0' || !__builtin_isfinite(v) || !(v >= min && v <= max))
		return false;
	*ret = v;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and one of @units (ends with a NULL name); the factor of no unit at all is @bare, 0 =
 * refused. */
static bool with_unit(const char *s, const struct unit *units, uint64_t bare, uint64_t *ret)
{
	uint64_t v;
	size_t used = digits(s, strlen(s), 10, &v);

	if (used == 0)
		return false;
	if (s[used] == '\0') {
		if (bare == 0 && v != 0)
			return false;
		return !__builtin_mul_overflow(v, bare, ret);
	}
	for (; units->name; units++)
		if (strcmp(s + used, units->name) == 0)
			return !__builtin_mul_overflow(v, units->factor, ret);
	return false;
}

bool hr_num_duration(const char *s, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns)
{
	static const struct unit units[] = {
		{"ns", 1},
		{"us", HR_NS_PER_US},
		{"ms", HR_NS_PER_MS},
		{"s", HR_NS_PER_S},
		{"m", 60 * HR_NS_PER_S},
		{"h", 3600 * HR_NS_PER_S},
		{"d", 86400 * HR_NS_PER_S},
		{NULL, 0},
	};
	uint64_t v;

	return with_unit(s, units, 0, &v) && in_range(v, min_ns, max_ns, ret_ns);
}

bool hr_num_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	static const struct unit units[] = {
		{"K", 1ULL << 10},
		{"M", 1ULL << 20},
		{"G", 1ULL << 30},
		{"T", 1ULL << 40},
		{NULL, 0},
	};
	uint64_t v;

	return with_unit(s, units, 1, &v) && in_range(v, min, max, ret);
}

bool hr_num_ratio(const char *s, double min, double max, double *ret)
{
	size_t len = strlen(s);
	char buf[32];
	double v;

	if (len == 0 || s[len - 1] != '%')
		return hr_num_f64(s, min, max, ret);
	if (len > sizeof(buf))
		return false;
	memcpy(buf, s, len - 1);
	buf[len - 1] = '\0';
	if (!hr_num_f64(buf, -1e300, 1e300, &v))
		return false;
	v /= 100;
	if (!(v >= min && v <= max))
		return false;
	*ret = v;
	return true;
}
