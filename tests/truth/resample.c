/* SPDX-License-Identifier: Apache-2.0 */
/* Late counts drawn again and again; see resample.h. */
#include "resample.h"

#include <stdlib.h>

#include "collector/core/stage2.h"

/* splitmix64, as plan.c's. */
static uint64_t next_u64(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

struct sums {
	double late[HR_VQ_GRID], tot[HR_VQ_GRID];
};

static void add(struct sums *s, const struct resample_unit *u, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			s->late[g] += u[i].late[g];
			s->tot[g] += u[i].tot[g];
		}
}

/* By the model's own reading of a curve. */
static double k_of(const struct sums *s, double eps)
{
	struct hr_allow allow = {.eps = eps};
	struct hr_curve c = {.n = s->tot[2]}; /* k = 1 */

	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		c.f[g] = s->tot[g] > 0 ? s->late[g] / s->tot[g] : 0;
		if (g > 0 && c.f[g] < c.f[g - 1])
			c.f[g] = c.f[g - 1];
	}
	return hr_curve_k(&c, &allow);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct resample resample_k(
	const struct resample_unit *u, size_t n, size_t block, double eps, uint64_t seed)
{
	double k[RESAMPLE_DRAWS];
	struct sums all = {0};

	add(&all, u, n);
	for (unsigned d = 0; d < RESAMPLE_DRAWS; d++) {
		struct sums s = {0};

		for (size_t drawn = 0; drawn < n; drawn += block) {
			size_t at = next_u64(&seed) % (n - block + 1);

			add(&s, u + at, n - drawn < block ? n - drawn : block);
		}
		k[d] = k_of(&s, eps);
	}
	qsort(k, RESAMPLE_DRAWS, sizeof(*k), by_value);
	return (struct resample){
		k_of(&all, eps), k[RESAMPLE_DRAWS / 20 - 1], k[RESAMPLE_DRAWS * 19 / 20 - 1]};
}
