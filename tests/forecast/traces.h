/* SPDX-License-Identifier: Apache-2.0 */
/* Real traces as grids: one row per VM, one column per slot, NaN = no sample. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tr_grid {
	uint32_t n, slots; /* series, slots each: whole days */
	uint32_t per_day;
	uint32_t *unit; /* [n] near-identical replicas share one */
	char (*id)[64];
	float *v; /* [n][slots] */
};

/* Slot @s of series @i. */
static inline const float *tr_row(const struct tr_grid *g, uint32_t i)
{
	return g->v + (size_t)i * g->slots;
}

/*
 * Column @col of DIR/@file (plain CSV: series_id,timestamp_s,...), slot k begins at t0 + k*step_s.
 * @dataset: replica groups of DIR/series.csv, NULL none.  Exits with a message when it cannot.
 */
struct tr_grid tr_load(const char *dir, const char *file, const char *col, uint32_t step_s,
	int64_t t0, const char *dataset);
void tr_free(struct tr_grid *g);

/* Quantile q (linear interpolation) of @n floats that are not NaN; NaN when none. */
double tr_quantile(const float *v, size_t n, double q);
/* Share of slots with a sample. */
double tr_cover(const float *v, size_t n);
