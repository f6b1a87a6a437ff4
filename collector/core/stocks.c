/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/stocks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000ULL

void hr_stocks_done(struct hr_stocks *s)
{
	for (uint8_t i = 0; i < s->n; i++)
		free(s->fs[i].v);
	memset(s, 0, sizeof(*s));
}

size_t hr_stocks_bytes(const struct hr_stocks *s)
{
	size_t n = 0;

	for (uint8_t i = 0; i < s->n; i++)
		n += s->fs[i].cap * sizeof(*s->fs[i].v);
	return n;
}

static void drop(struct hr_stocks *s, uint8_t i)
{
	free(s->fs[i].v);
	s->n--;
	memmove(&s->fs[i], &s->fs[i + 1], (size_t)(s->n - i) * sizeof(s->fs[0]));
	memset(&s->fs[s->n], 0, sizeof(s->fs[0]));
}

static struct hr_stocks_fs *find(struct hr_stocks *s, const struct hr_fs *f, uint64_t t_ms)
{
	for (uint8_t i = 0; i < s->n; i++)
		if (strcmp(s->fs[i].now.mount, f->mount) == 0)
			return &s->fs[i];
	for (uint8_t i = s->n; i > 0; i--)
		if (t_ms > s->fs[i - 1].seen_ms + HR_STOCKS_FORGET_MS)
			drop(s, (uint8_t)(i - 1));
	return s->n < HR_FS_MAX ? &s->fs[s->n++] : NULL;
}

static bool push(struct hr_stocks_fs *f, struct hr_stocks_day v)
{
	if (f->n == HR_STOCKS_DAYS) {
		memmove(f->v, f->v + 1, (HR_STOCKS_DAYS - 1) * sizeof(*f->v));
		f->n--;
	}
	if (f->n == f->cap) {
		uint16_t cap = (uint16_t)(f->cap ? f->cap + f->cap / 2 : 8);
		struct hr_stocks_day *p = realloc(f->v, cap * sizeof(*p));

		if (!p)
			return false;
		f->v = p;
		f->cap = cap;
	}
	f->v[f->n++] = v;
	return true;
}

bool hr_stocks_day(struct hr_stocks_fs *f, uint16_t day, struct hr_stocks_day v)
{
	if (f->n > 0 && day <= f->day) {
		if (day == f->day)
			f->v[f->n - 1] = v;
		return day == f->day;
	}
	/* a hole longer than all that is kept: nothing before it counts */
	if (f->n > 0 && day - f->day >= HR_STOCKS_DAYS)
		f->n = 0;
	for (uint16_t d = (uint16_t)(f->day + 1); f->n > 0 && d < day; d++)
		if (!push(f, (struct hr_stocks_day){NAN, NAN}))
			return false;
	if (!push(f, v))
		return false;
	f->day = day;
	return true;
}

bool hr_stocks_add(struct hr_stocks *s, const struct hr_fs *f, uint64_t t_ms)
{
	struct hr_stocks_fs *to = find(s, f, t_ms);
	uint64_t day = t_ms / DAY_MS;

	if (!to || t_ms < to->seen_ms || day > UINT16_MAX)
		return false; /* a clock set back by days stays silent until it is there again */
	to->now = *f;
	to->seen_ms = t_ms;
	return hr_stocks_day(to, (uint16_t)day,
		(struct hr_stocks_day){(float)f->used_bytes, (float)f->used_inodes});
}

void hr_stocks_fit(
	const struct hr_stocks_fs *f, bool inodes, unsigned drop, struct hr_stock *ret_fit)
{
	double used[HR_STOCKS_DAYS];
	uint32_t n = f->n > drop ? f->n - drop : 0;

	for (uint32_t i = 0; i < n; i++)
		used[i] = (double)(inodes ? f->v[i].inodes : f->v[i].bytes);
	hr_stock_fit(used, n,
		HR_STOCKS_FULL * (double)(inodes ? f->now.usable_inodes : f->now.usable_bytes),
		ret_fit);
}
