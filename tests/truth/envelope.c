/* SPDX-License-Identifier: Apache-2.0 */
/* The arrival envelope; see envelope.h. */
#include "envelope.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COPIES ((unsigned)8) /* at k = 8, the end of the grid */

void envelope_init(struct envelope *e, unsigned cpus, double slot_ns, double x_ns)
{
	memset(e, 0, sizeof(*e));
	e->c = cpus;
	e->slot_ns = slot_ns;
	e->x_ns = x_ns;
}

/* Work of 1, 2 .. 8 streams in this slot, as the virtual queue has them (vqueue.c). */
static void streams(struct envelope *e, double charge_ns, double ret_sum[COPIES])
{
	uint64_t known = e->slots + 1 < HR_VQUEUE_RING ? e->slots + 1 : HR_VQUEUE_RING;
	double sum = 0;

	e->past[e->slots % HR_VQUEUE_RING] = (float)charge_ns;
	for (unsigned z = 0; z < COPIES; z++) {
		uint64_t delay = z * HR_VQUEUE_APART % known;

		sum += (double)e->past[(e->slots - delay) % HR_VQUEUE_RING];
		ret_sum[z] = sum;
	}
}

static double work_of(const double sum[COPIES], double k)
{
	unsigned whole = (unsigned)k;

	if (whole >= COPIES)
		return sum[COPIES - 1];
	if (whole == 0)
		return k * sum[0];
	return sum[whole - 1] + (k - whole) * (sum[whole] - sum[whole - 1]);
}

/* Windows that end in this slot, of one way to grow and one load factor. */
static void windows(struct envelope *e, bool spread, unsigned g, uint32_t wakes)
{
	const double *sum = e->sum[spread][g];

	for (unsigned j = 0; j < ENVELOPE_TAUS; j++) {
		uint64_t len = 1ULL << j < e->slots ? 1ULL << j : e->slots;
		double before = len == e->slots ? 0 : sum[(e->slots - len) % ENVELOPE_RING];
		double work_ns = sum[e->slots % ENVELOPE_RING] - before;
		double room_ns = e->c * ((double)(1ULL << j) * e->slot_ns + e->x_ns);

		for (unsigned z = 0; z < HR_VQ_SIZES; z++)
			if (work_ns > room_ns * (z + 1))
				e->late[spread * HR_VQ_SPREAD + z][g][j] += wakes;
	}
}

void envelope_slot(struct envelope *e, double charge_ns, uint32_t wakes)
{
	double sum[COPIES];
	uint64_t last = e->slots % ENVELOPE_RING;

	streams(e, charge_ns, sum);
	e->slots++;
	e->wakes += wakes;
	for (unsigned spread = 0; spread < 2; spread++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			double k = hr_vqueue_k(g), *s = e->sum[spread][g];

			s[e->slots % ENVELOPE_RING] =
				s[last] + (spread ? work_of(sum, k) : k * charge_ns);
			windows(e, spread, g, wakes);
		}
}

void envelope_take(
	struct envelope *e, enum envelope_kind kind, uint32_t ret_bad[HR_VQ_ROWS][HR_VQ_GRID])
{
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			uint64_t late = 0;

			for (unsigned j = 0; j < ENVELOPE_TAUS; j++)
				late = e->late[r][g][j] > late ? e->late[r][g][j] : late;
			if (kind == ENVELOPE_SAFE)
				late *= ENVELOPE_TAUS;
			late = late < e->wakes ? late : e->wakes;
			ret_bad[r][g] = (uint32_t)(late - e->told[r][g]);
			e->told[r][g] = late;
		}
}

struct window {
	double work;
	uint32_t wakes;
};

static int by_work(const void *a, const void *b)
{
	const struct window *x = a, *y = b;

	return x->work < y->work ? -1 : x->work > y->work;
}

/* The smallest with no more than @above wakes beyond it. */
static double but_for(struct window *w, size_t n, double above)
{
	double beyond = 0;

	qsort(w, n, sizeof(*w), by_work);
	while (n > 0) {
		beyond += w[--n].wakes;
		if (w[n].wakes > 0 && beyond > above)
			return w[n].work;
	}
	return 0;
}

void envelope_of(const double *work, const uint32_t *wakes, size_t n, double eps,
	double ret_e[ENVELOPE_TAUS])
{
	struct window *w = calloc(n + 1, sizeof(*w));
	double all = 0;

	if (!w)
		abort();
	for (size_t i = 0; i < n; i++)
		all += wakes[i];
	for (unsigned j = 0; j < ENVELOPE_TAUS; j++) {
		for (size_t i = 0; i < n; i++) {
			w[i] = (struct window){.wakes = wakes[i]};
			for (size_t m = 0; m < 1ULL << j && m <= i; m++)
				w[i].work += work[i - m];
		}
		ret_e[j] = but_for(w, n, eps * all);
	}
	free(w);
}

double envelope_k(const double e[ENVELOPE_TAUS], double slot, double rate, double d)
{
	double k = INFINITY;

	for (unsigned j = 0; j < ENVELOPE_TAUS; j++)
		if (e[j] > 0)
			k = fmin(k, rate * (ldexp(slot, (int)j) + d) / e[j]);
	return k;
}
