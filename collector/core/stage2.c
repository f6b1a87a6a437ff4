/* SPDX-License-Identifier: Apache-2.0 */
/* Pooled replays; see stage2.h. */
#include "collector/core/stage2.h"

#include <math.h>

#define K_MIN        0.125
#define K_MAX        8.0
#define BURSTS_MIN   200 /* from there on it erred less than the queue (MODEL.md 3) */
#define CLUMP        6.0 /* late ones vary by 2 to 8 times as much as independent ones (MODEL.md 3) */
#define SLOPE_MAX    8.0
#define SLOPE_MIN    1.0 /* two bursts meet at least in proportion to the load */
#define TODAY_MIN    0.25
#define TODAY_MAX    2.0
#define LATE_SEEN    5     /* late bursts; fewer are +-45 % chance */
#define BUSIER       3.0   /* deviations above the mean of the pool's minutes, in clumps */
#define CHECK_OFFSET 0.002 /* shares below it are alike (answer-model 4.7) */
#define QUEUED_MIN   0.9 /* of the recorded bursts, whose queue is known (others: older agents') */
#define CHECK_COUNT  3   /* none seen where three were expected is 5 % chance */

static void fade(float *v, unsigned n, float keep)
{
	for (unsigned i = 0; i < n; i++)
		v[i] *= keep;
}

void hr_pool_add(struct hr_pool *p, const struct hr_minute *m)
{
	float keep = (float)exp(-hr_minute_s(m) / HR_POOL_S);

	_Static_assert(sizeof(*p) % sizeof(float) == 0, "nothing but floats");
	fade((float *)p, sizeof(*p) / sizeof(float), keep);
	if (hr_minute_has(m, HR_SIG_BURSTS)) {
		p->vq_tot += (float)m->ctr[HR_CTR_VQ_TOT_N];
		for (unsigned i = 0; i < HR_VQ_ROWS; i++)
			for (unsigned g = 0; g < HR_VQ_GRID; g++)
				p->vq_bad[i][g] += (float)m->vq_bad[i][g];
	}
	if (!hr_minute_has(m, HR_SIG_REPLAY))
		return;
	p->bursts += (float)m->ctr[HR_CTR_REPLAY_BURST_N];
	p->late_n += (float)m->ctr[HR_CTR_REPLAY_LATE_N];
	p->slices += (float)m->ctr[HR_CTR_REPLAY_SLICE_N];
	p->lost += (float)m->ctr[HR_CTR_REPLAY_LOST_N];
	p->queued_n += (float)m->ctr[HR_CTR_REPLAY_QUEUED_N];
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			p->late[i][g] += (float)m->replay.late[i][g];
			p->tot[i][g] += (float)m->replay.tot[i][g];
		}
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			p->queued[z][g] += (float)m->replay.queued[z][g];
}

static double grid_k(double g)
{
	return exp2((g - 2.0) / 3.0);
}

static void never_falls(struct hr_curve *c)
{
	for (unsigned g = 1; g < HR_VQ_GRID; g++)
		c->f[g] = fmax(c->f[g], c->f[g - 1]);
}

/*
 * A slice that had more than a fifth late at one load was not replayed at larger ones: its bursts
 * are missing there.  They count as late.  Older agents drew each copy by itself: up to three
 * standard deviations fewer than k per burst are chance.
 */
bool hr_pool_replay(const struct hr_pool *p, unsigned row, struct hr_curve *ret)
{
	double n = (double)p->bursts;

	if (!(p->tot[row][0] > 0))
		return false;
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		double all = n * grid_k(g), missing = all - (double)p->tot[row][g];

		if (missing <= 1 + 1.5 * sqrt(n)) {
			missing = 0;
			all = (double)p->tot[row][g];
		}
		ret->f[g] = all > 0 ? ((double)p->late[row][g] + missing) / all : 0;
	}
	ret->n = n;
	never_falls(ret);
	return true;
}

bool hr_pool_queue(const struct hr_pool *p, unsigned row, struct hr_curve *ret)
{
	if (!(p->vq_tot > 0))
		return false;
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		ret->f[g] = (double)p->vq_bad[row][g] / (double)p->vq_tot;
	ret->n = (double)p->vq_tot;
	never_falls(ret);
	return true;
}

/*
 * Slices are a sample of the time, and what is late comes in clumps: one slow second in a slice of
 * twenty weighs too much, one in none nothing.  The virtual queue saw all the time and the slices;
 * by what it makes of the one more than of the others the replay is off, too (a control variate),
 * as far as it follows the queue at all.  Where messages tell the load (agent/core/light.h) the
 * queue of all the time leaves stalls as they are, which the replay and the queue of its bursts let
 * grow: that is put right, too.  Not for independent growth: its copies of a short slice lie
 * elsewhere than those of a minute.
 */
static void of_all_time(const struct hr_pool *p, unsigned z, struct hr_curve *c)
{
	struct hr_curve all;

	if (p->queued_n < QUEUED_MIN * p->bursts || !hr_pool_queue(p, z, &all))
		return;
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		double slices = fmin(fmax((double)(p->queued[z][g] / p->queued_n), 0), 1);
		double follows = fmin((c->f[g] + CHECK_OFFSET) / (slices + CHECK_OFFSET), 1);

		c->f[g] = fmin(fmax(c->f[g] + follows * (all.f[g] - slices), 0), 1);
	}
	never_falls(c);
}

/* 1e-5 stands for "none seen": the curve stays finite where none was late (answer-model 4.3). */
static double ln_share(double f)
{
	return log(f + 1e-5);
}

/* How far the share at grid point @g is above the tolerated one; ln. */
static double above(const struct hr_curve *c, const struct hr_allow *a, unsigned g)
{
	return ln_share(c->f[g]) - ln_share(hr_allowed(a, grid_k(g)));
}

double hr_curve_k(const struct hr_curve *c, const struct hr_allow *a)
{
	double lo, hi, slope;
	unsigned g = 0;

	while (g < HR_VQ_GRID &&
		(c->f[g] <= hr_allowed(a, grid_k(g)) || c->f[g] * c->n * grid_k(g) <= 1.5))
		g++;
	if (g == HR_VQ_GRID)
		return K_MAX;
	hi = above(c, a, g);
	if (g == 0) {
		slope = (above(c, a, 1) - hi) / (log(2) / 3);
		return grid_k(0) * exp(-hi / fmax(slope, SLOPE_MIN));
	}
	lo = fmin(above(c, a, g - 1), 0);
	return grid_k(g - 1 + (hi > lo ? -lo / (hi - lo) : 1));
}

/*
 * Standard deviation, ln, of a minute's k about that of a pool's curve with the same load: as many
 * late ones as the minute may have decide it, in clumps, and the curve's slope says how far a share
 * is off.
 */
static double noise_of(const struct hr_curve *c, const struct hr_allow *a, double k)
{
	double at = floor(2 + 3 * log2(fmax(k, grid_k(0)))) - 1, slope;
	unsigned lo = at < 0 ? 0 : at > HR_VQ_GRID - 4 ? HR_VQ_GRID - 4 : (unsigned)at;

	if (!(a->bursts > 0))
		return 0;
	slope = (ln_share(c->f[lo + 3]) - ln_share(c->f[lo])) / log(2);
	return sqrt(CLUMP / hr_late_most(a->eps, a->dev, a->bursts * k)) /
	       fmin(fmax(slope, SLOPE_MIN), SLOPE_MAX);
}

/* As hr_vq_today: one burst is the resolution, few late ones say nothing against the replay. */
static double today_of(const struct hr_curve *c, double measured)
{
	struct hr_allow as_much = {.eps = fmax(measured, 1 / c->n)};
	double k = hr_curve_k(c, &as_much);

	return fmin(fmax(k, TODAY_MIN), measured * c->n >= LATE_SEEN ? TODAY_MAX : 1);
}

/*
 * A minute of a busier time than the pool's is not to be read against it.  The service records one
 * slice a minute, which tells how many minutes the pool stands for; with none it stands for none.
 */
static bool is_busier(const struct hr_pool *p, const struct hr_allow *a)
{
	double minutes = (double)(p->slices + p->lost);
	double mean = minutes > 0 ? (double)p->vq_tot / minutes : 0;

	return a->bursts > mean + BUSIER * sqrt(CLUMP * mean);
}

/* Of the queue, which needs no slices. */
static void queue_of(const struct hr_pool *p, const struct hr_allow *a, struct hr_stage2 *ret)
{
	struct hr_curve c;

	for (unsigned z = 0; z < HR_VQ_SIZES; z++) {
		if (!hr_pool_queue(p, z, &c))
			return;
		ret->vq_inside[z] = hr_curve_k(&c, a);
		ret->noise_inside[z] = noise_of(&c, a, ret->vq_inside[z]);
		(void)hr_pool_queue(p, HR_VQ_SPREAD + z, &c);
		ret->vq_apart[z] = hr_curve_k(&c, a);
		ret->noise[z] = noise_of(&c, a, ret->vq_apart[z]);
	}
	ret->vq_bursts = c.n;
	ret->busier = is_busier(p, a);
}

void hr_stage2_of(const struct hr_pool *p, const struct hr_allow *a, struct hr_stage2 *ret)
{
	struct hr_curve c;
	double alike;

	*ret = (struct hr_stage2){.bursts = (double)p->bursts, .slices = (double)p->slices};
	queue_of(p, a, ret);
	if (!(p->slices > 0)) {
		ret->why = "no bursts were recorded";
		return;
	}
	if (p->bursts < BURSTS_MIN) {
		ret->why = "too few bursts were recorded";
		return;
	}
	ret->measured = (double)(p->late_n / p->bursts);
	for (unsigned z = 0; z < HR_VQ_SIZES; z++) {
		if (!hr_pool_replay(p, z, &c)) {
			ret->why = "the replay covers no size as large";
			return;
		}
		if (z == 0)
			ret->predicted = c.f[2];
		ret->recorded[z] = hr_curve_k(&c, a);
		of_all_time(p, z, &c);
		ret->inside[z] = hr_curve_k(&c, a);
		(void)hr_pool_replay(p, HR_VQ_SPREAD + z, &c);
		if (z == 0)
			ret->today = today_of(&c, ret->measured);
		ret->apart[z] = hr_curve_k(&c, a);
	}
	alike = fmax(CHECK_OFFSET, CHECK_COUNT / (double)p->bursts);
	ret->used = fabs(log((ret->predicted + alike) / (ret->measured + alike))) <= log(2);
	if (!ret->used)
		ret->why = "the replay does not see what was measured at today's load";
}

double hr_stage2_k(double k_vq, double replay, double pool_vq)
{
	/* Beyond the grid the queue says nothing that could be scaled. */
	if (k_vq >= K_MAX && pool_vq >= K_MAX)
		return replay;
	return fmin(fmax(k_vq * replay / pool_vq, K_MIN), K_MAX);
}

double hr_stage2_shrunk(double k_vq, double pool_vq, double noise, double chance)
{
	double off = log(k_vq / pool_vq), by = chance * noise;

	return pool_vq * exp(off > by ? off - by : off < -by ? off + by : 0);
}
