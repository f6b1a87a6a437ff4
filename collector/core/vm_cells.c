/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See vm_cells.h.  A state of a week has some thousand cells, and each turn of its host reads and
 * writes them all: so each way has a loop of its own, which knows that cells come in order.
 */
#include "collector/core/vm_cells.h"

#include <string.h>

#include "collector/core/vm_state.h"

/* --- writing --- */

struct writer {
	unsigned char *out;
	size_t cap, at; /* bytes needed so far, may exceed cap */
};

static inline void put(struct writer *w, uint32_t v)
{
	for (;; v >>= 7) {
		if (w->at < w->cap)
			w->out[w->at] = (unsigned char)(v | (v > 0x7f ? 0x80 : 0));
		w->at++;
		if (v <= 0x7f)
			return;
	}
}

/* How many cells from @i on are of one day and track. */
static uint32_t alike(const struct hr_lookback *l, uint32_t i)
{
	uint32_t run = 1;

	while (i + run < l->n && l->cell[i + run].day == l->cell[i].day &&
		l->cell[i + run].track == l->cell[i].track)
		run++;
	return run;
}

size_t hr_cells_put(const struct hr_lookback *l, unsigned char *buf, size_t cap)
{
	struct writer w = {.out = buf, .cap = cap};
	struct hr_cell was = {0};

	for (uint32_t i = 0; i < l->n;) {
		uint32_t run = alike(l, i), code = 0;
		bool same_day = i > 0 && l->cell[i].day == was.day;

		was.track = same_day ? was.track : 0;
		put(&w, (uint32_t)l->cell[i].day - was.day);
		put(&w, (uint32_t)l->cell[i].track - was.track);
		put(&w, run);
		was = l->cell[i];
		for (; run > 0; run--, i++) {
			put(&w, l->cell[i].code - code);
			put(&w, l->cell[i].n);
			code = l->cell[i].code;
		}
	}
	return w.at;
}

/* --- reading --- */

struct reader {
	const unsigned char *p, *end;
	bool bad; /* from then on all is 0 */
};

static uint64_t get_long(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; r->p < r->end && shift < 64; shift += 7) {
		unsigned char b = *r->p++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

/* A number up to @max.  Most are of one byte. */
static inline uint32_t get(struct reader *r, uint32_t max)
{
	uint64_t v = r->p < r->end && *r->p <= 0x7f ? *r->p++ : get_long(r);

	if (v <= max && !r->bad)
		return (uint32_t)v;
	r->bad = true;
	return 0;
}

/* @run cells of one day and track, to the end of @l; cells of no count are no cells. */
static void get_run(struct reader *r, struct hr_lookback *l, struct hr_cell cell, uint32_t run)
{
	uint32_t code = get(r, 255), at = l->n;

	for (;;) {
		cell.code = (uint8_t)code;
		cell.n = get(r, UINT32_MAX);
		l->cell[at] = cell;
		at += cell.n > 0;
		if (--run == 0 || r->bad)
			break;
		code = get(r, 255 - code);
		r->bad |= code == 0;
		code += cell.code;
	}
	l->n = at;
}

enum hr_cells_result hr_cells_get(
	struct hr_lookback *l, uint32_t n, const unsigned char *bytes, size_t len, size_t *ret_used)
{
	struct reader r = {.p = bytes, .end = bytes + len};
	struct hr_cell was = {0};

	if (!hr_lookback_reserve(l, n))
		return HR_CELLS_MEMORY;
	for (uint32_t i = 0, run; i < n && !r.bad; i += run) {
		uint32_t days = get(&r, (uint32_t)UINT16_MAX - was.day), track, from = 0;

		if (days == 0 && i > 0)
			from = was.track;
		track = get(&r, TRACK_N - 1 - from);
		r.bad |= days == 0 && i > 0 && track == 0;
		run = get(&r, n - i);
		r.bad |= run == 0;
		was.day = (uint16_t)(was.day + days);
		was.track = (uint8_t)(from + track);
		if (!r.bad)
			get_run(&r, l, was, run);
	}
	*ret_used = (size_t)(r.p - bytes);
	return r.bad ? HR_CELLS_BAD : HR_CELLS_OK;
}
