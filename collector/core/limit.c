/* SPDX-License-Identifier: Apache-2.0 */
/* Learned caps of devices: sums over queued 100 ms windows -> operations or byte cap (answer-model
 * 8). */
#include "collector/core/limit.h"

#include <math.h>
#include <string.h>

#define WIN_PER_S    10.0
#define CAP_WINDOWS  30 /* queued windows needed ... */
#define CAP_EPISODES 3  /* ... in so many separate runs */
/*
 * Rate of a capped device: CV 0.6 % measured where the throttle is smooth, 12.3 % where it lets
 * requests go ten times a second, so that a window now and then has two lumps of them.
 */
#define CAP_CV     0.15
#define KEEP_MS    (30ULL * 86400 * 1000)
#define RTT_BAD_US 10000 /* srtt - min_rtt (answer-model 2) */
#define OUTGROWN   1.1   /* a clean window this far above the cap ends it: volume was resized */
/* And a second, of which what a throttle has saved makes 1.1, or the window alone. */
#define OUTGROWN_S   HR_LIMIT_OUTGROWN_S
#define SAVED        2.0  /* a throttle saves at most that for 0.1 s: 0.1 s worth */
#define DROP         0.75 /* a rate below that share of another is a drop from it */
#define RUN_WINDOWS  600  /* of a minute */
#define REST_WINDOWS 50   /* fewer are no rate of 10 s */
#define DAY_WINDOWS  864000
#define BESIDE       4 /* a queue a quarter as long as another may be the same one */

static bool has_disk_io(const struct hr_dev_summary *d)
{
	return d->have & HR_SIG_BIT(HR_SIG_DISK_IO);
}

static void max_u32(uint32_t *m, uint64_t v)
{
	uint32_t w = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;

	if (w > *m)
		*m = w;
}

bool hr_rate_flat(const struct hr_hist *rate)
{
	struct hr_quantile mid, top;

	return hr_hist_quantile(rate, 0.5, &mid) && hr_hist_quantile(rate, 0.99, &top) &&
	       mid.lo > 0 && (double)mid.hi >= 0.9 * (double)top.lo;
}

bool hr_rtt_inflated(const struct hr_summary *s)
{
	struct hr_quantile q;

	return hr_has(s, HR_SIG_TCP_RTT) &&
	       hr_hist_quantile(&s->dist[HR_DIST_RTT_INFLATION], 0.5, &q) && q.lo > RTT_BAD_US;
}

static void forget_cap(struct hr_limit *l)
{
	l->queued_n = l->episodes = 0;
	l->ops = l->ops2 = l->kib = l->kib2 = 0;
	memset(l->saved, 0, sizeof(l->saved));
	memset(l->spent, 0, sizeof(l->spent));
}

static double mean_of(const struct hr_hist *h)
{
	return h->total ? (double)h->sum / (double)h->total : 0;
}

/*
 * A network device has no queued windows of its own: its best window is the lower bound.  What it
 * sent while round trips were inflated is what the way carries; 10 s are one observation, for the
 * 100 ms within are the bursts of a token bucket.
 */
static bool add_nic(struct hr_limit *l, const struct hr_dev_summary *d, bool inflated)
{
	bool outgrown;
	const struct hr_hist *tx = &d->dist[HR_DDIST_TX_KIB_100MS];
	double mean = mean_of(tx);
	struct hr_cap cap;

	max_u32(&l->clean_kib, d->dist[HR_DDIST_RX_KIB_100MS].max);
	max_u32(&l->clean_kib, tx->max);
	max_u32(&l->clean_ops, d->dist[HR_DDIST_PKT_100MS].max);
	max_u32(&l->best_kib_s,
		(uint64_t)(WIN_PER_S * fmax(mean, mean_of(&d->dist[HR_DDIST_RX_KIB_100MS]))));
	hr_limit_cap(l, &cap);
	outgrown = cap.bytes_per_s > 0 && mean * 1024 * WIN_PER_S > OUTGROWN * cap.bytes_per_s;
	if (outgrown)
		forget_cap(l);
	if (!inflated || !hr_rate_flat(tx))
		return outgrown;
	l->queued_n += tx->total;
	l->episodes++;
	l->kib += (double)tx->sum;
	l->kib2 += mean * (double)tx->sum;
	return outgrown;
}

/*
 * Did the disk carry more of a quantity than @cap a second, other than from what was saved?  A load
 * of bursts shows it by a window that is more than what may have been saved; its seconds never do.
 * A bucket that was seen to hold more than 0.1 s of its rate is outgrown when that is spent, too.
 */
static bool disk_outgrown(
	const struct hr_limit *l, unsigned q, double cap, uint64_t clean_100ms, uint64_t second)
{
	double clean = (double)clean_100ms * WIN_PER_S, most = OUTGROWN_S * l->saved[q];

	if (most > 0 && l->spent[q] <= most && (double)second - cap <= most)
		return false;
	return cap > 0 && clean > OUTGROWN * cap &&
	       ((double)second > OUTGROWN_S * cap || clean > SAVED * OUTGROWN * cap);
}

/* What is left to be refilled after this summary. */
static void spend(struct hr_limit *l, unsigned q, double cap, const struct hr_hist *h)
{
	double refilled = cap * (double)h->total / WIN_PER_S;

	l->spent[q] = cap > 0 ? fmax(l->spent[q] + (double)h->sum - refilled, 0) : 0;
}

bool hr_limit_beside(uint64_t queued, uint64_t beside)
{
	return queued > 0 && beside > 0 && beside >= queued / BESIDE;
}

bool hr_limit_shared(const struct hr_summary *s, const struct hr_dev_summary *disk)
{
	uint64_t most = 0;

	for (uint8_t i = 0; i < s->n_dev && i < HR_DEVS_MAX; i++) {
		const struct hr_dev_summary *d = &s->dev[i];

		if (d != disk && has_disk_io(d) && d->ctr[HR_DCTR_WIN_QUEUED_N] > most)
			most = d->ctr[HR_DCTR_WIN_QUEUED_N];
	}
	return hr_limit_beside(disk->ctr[HR_DCTR_WIN_QUEUED_N], most);
}

static bool below_sold(const struct hr_dev_summary *d)
{
	double s = (double)d->ctr[HR_DCTR_WIN_QUEUED_N] / WIN_PER_S;

	return (double)d->ctr[HR_DCTR_WIN_QUEUED_OPS] < HR_SOLD_OPS * s &&
	       1024.0 * (double)d->ctr[HR_DCTR_WIN_QUEUED_KIB] < HR_SOLD_BYTES * s;
}

/* No windows have such sums: some were not added, as they queued beside another disk. */
static bool impossible(double n, double sum, double sum2)
{
	return sum < 0 || sum2 < 0 || n * sum2 < 0.999 * sum * sum;
}

/*
 * Takes the heads of token buckets out again: what was saved is no cap.  They may lie in summaries
 * before this one; if some were not added there, nothing that is left can be relied on.
 */
static void take_heads(struct hr_limit *l, const struct hr_dev_summary *d)
{
	const uint64_t *c = d->ctr;

	if (!c[HR_DCTR_WIN_HEAD_N])
		return;
	if (c[HR_DCTR_WIN_HEAD_N] > l->queued_n) {
		forget_cap(l);
		return;
	}
	l->queued_n -= c[HR_DCTR_WIN_HEAD_N];
	l->ops -= (double)c[HR_DCTR_WIN_HEAD_OPS];
	l->ops2 -= (double)c[HR_DCTR_WIN_HEAD_OPS2];
	l->kib -= (double)c[HR_DCTR_WIN_HEAD_KIB];
	l->kib2 -= (double)c[HR_DCTR_WIN_HEAD_KIB2];
	l->saved[0] = fmax(l->saved[0], (double)c[HR_DCTR_WIN_SAVED_OPS_MAX]);
	l->saved[1] = fmax(l->saved[1], (double)c[HR_DCTR_WIN_SAVED_KIB_MAX]);
	if (impossible((double)l->queued_n, l->ops, l->ops2) ||
		impossible((double)l->queued_n, l->kib, l->kib2))
		forget_cap(l);
}

static void add_queued(struct hr_limit *l, const struct hr_dev_summary *d, bool shared)
{
	if (shared && !below_sold(d))
		return;
	l->queued_n += d->ctr[HR_DCTR_WIN_QUEUED_N];
	l->episodes += shared ? 0 : d->ctr[HR_DCTR_WIN_EPISODES];
	l->ops += (double)d->ctr[HR_DCTR_WIN_QUEUED_OPS];
	l->ops2 += (double)d->ctr[HR_DCTR_WIN_QUEUED_OPS2];
	l->kib += (double)d->ctr[HR_DCTR_WIN_QUEUED_KIB];
	l->kib2 += (double)d->ctr[HR_DCTR_WIN_QUEUED_KIB2];
	if (!shared)
		take_heads(l, d);
}

/* A rate below 3/4 of the run's, of both quantities: larger requests at the same bytes are none. */
static bool dropped(const struct hr_run *run, const double v[2], double n)
{
	return v[0] * run->n < DROP * run->sum[0] * n && v[1] * run->n < DROP * run->sum[1] * n;
}

/*
 * Follows what the disk carried from one summary to the next.  Where it drops and requests queued
 * for half of the time there is more to do, not less: if it had gone on for a minute, something
 * that was saved may be used up.
 */
static void follow(struct hr_limit *l, const struct hr_dev_summary *d, uint64_t end_ms)
{
	const struct hr_hist *ops = &d->dist[HR_DDIST_OPS_100MS],
			     *kib = &d->dist[HR_DDIST_KIB_100MS];
	double n = (double)ops->total, v[2] = {(double)ops->sum, (double)kib->sum};
	struct hr_run *run = &l->run;

	if (n < REST_WINDOWS)
		return;
	if (dropped(run, v, n)) {
		bool queued = 2 * (double)d->ctr[HR_DCTR_WIN_QUEUED_N] >= n;

		if (queued && run->n >= RUN_WINDOWS) {
			l->high = *run;
			l->high_ms = end_ms;
		}
		*run = (struct hr_run){0};
	} else if (run->n > 0 && DROP * v[0] * run->n > run->sum[0] * n) {
		*run = (struct hr_run){0}; /* a rise: what was before is no part of it */
	}
	run->n += n;
	run->sum[0] += v[0];
	run->sum[1] += v[1];
}

bool hr_limit_was_higher(const struct hr_limit *l, unsigned q, double rate, uint64_t since_ms,
	double *ret_s, double *ret_rate)
{
	double r = l->high.n > 0 ? WIN_PER_S * l->high.sum[q] / l->high.n : 0;

	/* What went on for more than a day was no bucket: the volume is another one now. */
	if (!(rate > 0) || l->high.n > DAY_WINDOWS || l->high_ms < since_ms || DROP * r < rate)
		return false;
	*ret_s = l->high.n / WIN_PER_S;
	*ret_rate = r;
	return true;
}

/* True: a cap was outgrown. */
static bool add_disk(
	struct hr_limit *l, const struct hr_dev_summary *d, bool shared, uint64_t end_ms)
{
	struct hr_cap cap;
	bool outgrown;

	hr_limit_cap(l, &cap);
	spend(l, 0, cap.ops_per_s, &d->dist[HR_DDIST_OPS_100MS]);
	spend(l, 1, cap.bytes_per_s / 1024, &d->dist[HR_DDIST_KIB_100MS]);
	outgrown = disk_outgrown(l, 0, cap.ops_per_s, d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX],
			   d->ctr[HR_DCTR_SEC_OPS_MAX]) ||
		   disk_outgrown(l, 1, cap.bytes_per_s / 1024, d->ctr[HR_DCTR_WIN_CLEAN_KIB_MAX],
			   d->ctr[HR_DCTR_SEC_KIB_MAX]);
	if (outgrown)
		forget_cap(l);
	add_queued(l, d, shared);
	if (!shared)
		follow(l, d, end_ms);
	max_u32(&l->best_ops, d->dist[HR_DDIST_OPS_100MS].max);
	max_u32(&l->best_kib, d->dist[HR_DDIST_KIB_100MS].max);
	max_u32(&l->clean_ops, d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX]);
	max_u32(&l->clean_kib, d->ctr[HR_DCTR_WIN_CLEAN_KIB_MAX]);
	max_u32(&l->best_ops_s, d->ctr[HR_DCTR_SEC_OPS_MAX]);
	max_u32(&l->best_kib_s, d->ctr[HR_DCTR_SEC_KIB_MAX]);
	return outgrown;
}

bool hr_limit_add(struct hr_limit *l, const struct hr_dev_summary *d, bool inflated, bool shared,
	uint64_t end_ms)
{
	bool outgrown = false;

	if (l->since_ms && end_ms > l->since_ms && end_ms - l->since_ms > KEEP_MS)
		memset(l, 0, sizeof(*l));
	if (!l->since_ms || end_ms < l->since_ms)
		l->since_ms = end_ms;
	if (end_ms > l->last_ms)
		l->last_ms = end_ms;
	if (d->have & HR_SIG_BIT(HR_SIG_NET_IO))
		outgrown = add_nic(l, d, inflated);
	return has_disk_io(d) ? add_disk(l, d, shared, end_ms) || outgrown : outgrown;
}

/* Population CV from sums; 1 when there is nothing to vary. */
static double cv(double sum, double sum2, double n)
{
	double mean = sum / n, var = sum2 / n - mean * mean;

	return mean > 0 ? sqrt(fmax(var, 0)) / mean : 1;
}

void hr_limit_cap(const struct hr_limit *l, struct hr_cap *ret_cap)
{
	double n = (double)l->queued_n;
	struct hr_cap c = {.why = "requests never queued"};

	*ret_cap = c;
	if (l->queued_n == 0)
		return;
	c.cv_ops = cv(l->ops, l->ops2, n);
	c.cv_bytes = cv(l->kib, l->kib2, n);
	c.why = "fewer than 30 queued windows in 3 separate episodes so far";
	*ret_cap = c;
	if (l->queued_n < CAP_WINDOWS || l->episodes < CAP_EPISODES)
		return;
	c.why = "the rate varied while requests queued: no constant cap";
	if (c.cv_ops <= CAP_CV && c.cv_ops < c.cv_bytes / 2)
		c.kind = HR_LIMIT_OPS;
	else if (c.cv_bytes <= CAP_CV && c.cv_bytes < c.cv_ops / 2)
		c.kind = HR_LIMIT_BYTES;
	else if (c.cv_ops <= CAP_CV && c.cv_bytes <= CAP_CV)
		c.kind = HR_LIMIT_EITHER;
	if (c.kind == HR_LIMIT_OPS || c.kind == HR_LIMIT_EITHER)
		c.ops_per_s = l->ops / n * WIN_PER_S;
	if (c.kind == HR_LIMIT_BYTES || c.kind == HR_LIMIT_EITHER)
		c.bytes_per_s = l->kib / n * 1024 * WIN_PER_S;
	if (c.kind != HR_LIMIT_NONE)
		c.why = "the rate stayed constant whenever requests queued";
	*ret_cap = c;
}
