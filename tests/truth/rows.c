/* SPDX-License-Identifier: Apache-2.0 */
/* Cases, loads, truths; see rows.h. */
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/num.h"

static const char *const arrive_name[] = {"poisson", "bursts", "batches", "ticks"};
static const char *const size_name[] = {"exp", "lognormal", "bimodal"};
static const double mean_ms[] = {0.5, 2, 10};

const double rows_load[ROWS_LOADS] = {0.15, 0.3, 0.6, 1.25};

#define BREAKS_LEAST 0.4 /* late at any load: no level of service to break */
/* Of the batches' mean of four: below it they are single jobs, which no size makes smaller. */
#define BATCH_LEAST 0.5

bool rows_case(unsigned w, unsigned cpus, struct plan_opts *ret_o, char ret_name[64])
{
	*ret_o = (struct plan_opts){.arrive = w % 4,
		.size = w / 4 % 3,
		.mean_s = mean_ms[w / 12 % 3] / 1e3,
		.grow = w / 36,
		.k = 1};
	ret_o->rate_per_s = 0.05 * cpus / ret_o->mean_s;
	snprintf(ret_name, 64, "%s-%s-%gms-%s", arrive_name[ret_o->arrive], size_name[ret_o->size],
		ret_o->mean_s * 1e3, ret_o->grow ? "more" : "in");
	return ret_o->arrive != ARRIVE_POISSON || ret_o->grow != GROW_COPIES;
}

void rows_print_truth(const char *name, const struct plan_opts *o, unsigned cpus, unsigned minutes)
{
	struct breaks at = breaks_of(o, false, cpus, minutes);

	printf("%s %.3f %.3f", name, at.long_run, at.minutes);
	for (unsigned i = 0; i < ROWS_LOADS; i++) {
		struct plan_opts mine = *o;
		struct breaks other = {NAN, NAN};

		mine.k = rows_load[i] * at.long_run;
		if (o->arrive != ARRIVE_POISSON && rows_load[i] < 1)
			other = breaks_of(&mine, true, cpus, minutes);
		printf(" %.3f %.3f", other.long_run, other.minutes);
	}
	puts("");
	fflush(stdout);
}

bool rows_read_truth(FILE *file, const char *name, struct truth *ret)
{
	char line[512], *at;
	size_t len = strlen(name);

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) != 0 || line[len] != ' ')
			continue;
		at = line + len;
		ret->at.long_run = strtod(at, &at);
		ret->at.minutes = strtod(at, &at);
		for (unsigned i = 0; i < ROWS_LOADS; i++) {
			ret->other[i].long_run = strtod(at, &at);
			ret->other[i].minutes = strtod(at, &at);
		}
		return true;
	}
	return false;
}

struct truth rows_truth(const struct plan_opts *o, unsigned cpus)
{
	struct truth t = {.at = {breaks_of_seed(o, cpus), NAN}};

	for (unsigned i = 0; i < ROWS_LOADS; i++) {
		struct plan_opts mine = *o;

		mine.k = rows_load[i] * t.at.long_run;
		t.other[i].long_run = o->arrive == ARRIVE_POISSON || rows_load[i] > 1
					      ? NAN
					      : breaks_other_of_seed(&mine, cpus);
	}
	return t;
}

bool rows_at(const struct truth *t, unsigned i, struct plan_opts *o)
{
	o->k = rows_load[i] * t->at.long_run;
	return t->at.long_run >= BREAKS_LEAST &&
	       !(o->arrive == ARRIVE_BATCH && o->grow == GROW_INSIDE && o->k < BATCH_LEAST);
}

struct rows_k rows_k(const struct plan_opts *o, double at, double other)
{
	double own = at / o->k;

	if (isnan(other)) /* does not matter, or nowhere */
		other = o->arrive == ARRIVE_POISSON || own < 1 ? own : 12;
	return o->grow == GROW_COPIES ? (struct rows_k){other, own} : (struct rows_k){own, other};
}

bool rows_seeds(const char *s, unsigned *ret_first, unsigned *ret_last)
{
	size_t n = strcspn(s, "-");
	uint64_t first, last;

	if (!hr_num_u64_n(s, n, &first) || first > UINT32_MAX)
		return false;
	last = first;
	if (s[n] && !hr_num_u64(s + n + 1, first, UINT32_MAX, &last))
		return false;
	*ret_first = (unsigned)first;
	*ret_last = (unsigned)last;
	return true;
}
