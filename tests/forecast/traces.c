/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/rank.h"

#define LINE 512
#define COLS 16

static _Noreturn void die(const char *what, const char *name)
{
	fprintf(stderr, "forecast: %s: %s\n", name, what);
	exit(1);
}

static void *need(void *p)
{
	if (!p)
		die("out of memory", "traces");
	return p;
}

static FILE *open_csv(const char *dir, const char *file)
{
	char path[1024];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		die("cannot be read", path);
	return f;
}

/* Cuts @line at commas; returns the number of fields. */
static unsigned fields(char *line, char *f[COLS])
{
	unsigned n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *p = line; p && n < COLS; n++) {
		f[n] = p;
		p = strchr(p, ',');
		if (p)
			*p++ = '\0';
	}
	return n;
}

static unsigned column(FILE *f, const char *name, const char *file)
{
	char line[LINE], *h[COLS];

	if (fgets(line, sizeof(line), f))
		for (unsigned n = fields(line, h), i = 0; i < n; i++)
			if (strcmp(h[i], name) == 0)
				return i;
	die("no such column", file);
}

/* Two passes: extent, then values. */
static void extent(struct tr_grid *g, FILE *f, uint32_t step_s, int64_t t0)
{
	char line[LINE], *x[COLS], last[64] = "";
	uint32_t cap = 0, days;
	int64_t max = 0;

	while (fgets(line, sizeof(line), f)) {
		int64_t slot;

		if (fields(line, x) < 3)
			continue;
		if (strcmp(x[0], last) != 0) {
			if (g->n == cap) {
				cap = cap ? 2 * cap : 64;
				g->id = need(realloc(g->id, cap * sizeof(*g->id)));
			}
			(void)snprintf(g->id[g->n++], sizeof(*g->id), "%.63s", x[0]);
			(void)snprintf(last, sizeof(last), "%.63s", x[0]);
		}
		slot = (strtoll(x[1], NULL, 10) - t0) / step_s;
		max = slot > max ? slot : max;
	}
	g->per_day = 86400 / step_s;
	days = (uint32_t)(max / g->per_day) + 1;
	g->slots = days * g->per_day;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Number of a unit = its rank among the sorted names, "gN" for replica group N: the folds of the
 * reference's scripts. */
static void units(struct tr_grid *g, const char *dir, const char *dataset)
{
	char(*key)[64] = need(calloc(g->n, sizeof(*key)));
	char(*sorted)[64] = need(calloc(g->n, sizeof(*key)));
	char line[LINE], *x[COLS];
	uint32_t n = 0;
	FILE *f;

	memcpy(key, g->id, g->n * sizeof(*key));
	f = dataset ? open_csv(dir, "series.csv") : NULL;
	while (f && fgets(line, sizeof(line), f)) {
		if (fields(line, x) < 6 || strcmp(x[0], dataset) != 0 || !x[5][0])
			continue;
		for (uint32_t i = 0; i < g->n; i++)
			if (strcmp(g->id[i], x[1]) == 0)
				(void)snprintf(key[i], sizeof(*key), "g%.60s", x[5]);
	}
	if (f)
		(void)fclose(f);
	memcpy(sorted, key, g->n * sizeof(*key));
	qsort(sorted, g->n, sizeof(*sorted), by_name);
	for (uint32_t i = 0; i < g->n; i++)
		if (i == 0 || strcmp(sorted[i], sorted[n - 1]) != 0)
			memmove(sorted[n++], sorted[i], sizeof(*sorted));
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < n; k++)
			if (strcmp(key[i], sorted[k]) == 0)
				g->unit[i] = k;
	free(key);
	free(sorted);
}

struct tr_grid tr_load(const char *dir, const char *file, const char *col, uint32_t step_s,
	int64_t t0, const char *dataset)
{
	FILE *f = open_csv(dir, file);
	unsigned at = column(f, col, file);
	char line[LINE], *x[COLS];
	struct tr_grid g = {0};
	uint32_t i = 0;
	size_t all;

	extent(&g, f, step_s, t0);
	all = (size_t)g.n * g.slots;
	if (all == 0)
		die("holds no sample", file);
	g.v = need(malloc(all * sizeof(*g.v)));
	g.unit = need(calloc(g.n, sizeof(*g.unit)));
	for (size_t k = 0; k < all; k++)
		g.v[k] = NAN;
	rewind(f);
	if (!fgets(line, sizeof(line), f))
		die("is empty", file);
	while (fgets(line, sizeof(line), f)) {
		if (fields(line, x) <= at)
			continue;
		while (i < g.n && strcmp(g.id[i], x[0]) != 0)
			i++;
		if (i == g.n)
			die("series are not grouped", file);
		if (x[at][0])
			g.v[(size_t)i * g.slots + (size_t)((strtoll(x[1], NULL, 10) - t0) /
							   step_s)] = strtof(x[at], NULL);
	}
	(void)fclose(f);
	units(&g, dir, dataset);
	return g;
}

void tr_free(struct tr_grid *g)
{
	free(g->id);
	free(g->unit);
	free(g->v);
	memset(g, 0, sizeof(*g));
}

double tr_quantile(const float *v, size_t n, double q)
{
	static double tmp[1 << 16];
	size_t k = 0;

	for (size_t i = 0; i < n && k < sizeof(tmp) / sizeof(*tmp); i++)
		if (!isnan(v[i]))
			tmp[k++] = (double)v[i];
	return hr_rank_quantile(tmp, k, q);
}

double tr_cover(const float *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += isnan(v[i]) ? 0 : 1;
	return (double)k / (double)n;
}
