/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk: is it late now (stage 0), and how far is its limit, which nobody
 * told us (answer-model 2, 8)?  A device with next to no load never decides.
 */
#include "collector/core/model.h"
#include "collector/core/model_device.h"

#include <math.h>

/* Under 1/8 of what the smallest volumes sold carry a load does not decide. */
#define SOLD_SAVED     2.0 /* in 100 ms: their rate, and as much that the throttle has saved */
#define SOLD_INFLIGHT  0.8 /* and one request at a time is enough for that many in flight */
#define QUIET_OPS      12.0
#define QUIET_BYTES    3e6
#define QUIET_INFLIGHT 0.1
#define QUEUE_INFLIGHT 2.0  /* mean in-flight that is a queue when l0 is unknown */
#define PSI_IO_WAITED  0.01 /* below it nobody slept for the late requests (write-back) */
#define SYNC_INFLIGHT                                                                              \
	2.0 /* mean in flight of asked-for requests that is a queue, slept for or not */

#define HIGH_MS   (7ULL * 86400 * 1000) /* so far back minutes of a higher rate are told */
#define ASKED_FOR 0.1 /* share of the time in flight below which reads are reads ahead */

struct disk {
	const struct hr_minute_dev *d;
	double t_s, ops, bytes, inflight; /* means per second, mean concurrency */
	double write_share;
	double late_share, psi_io, sync;
	double timed; /* share of the requests that latencies are made of */
	bool l0_known, has_psi, has_sync, waited, late_bad, queue_bad;
	/*
	 * Write-back and reads ahead come in clumps that nobody waits for: then the window's mean
	 * is the need, and a second shows what can be carried.  A queue in it takes nothing from
	 * that; what a throttle had saved for it, 0.1 s worth, is the bound's margin.
	 */
	bool deferred;
};

static void disk_facts(const struct hr_ctx *x, const struct hr_minute_dev *d, struct disk *k)
{
	const uint64_t *c = d->ctr;
	double n = (double)(c[HR_DCTR_IO_RD_N] + c[HR_DCTR_IO_WR_N]);
	double judged = (double)(d->judged[0] + d->judged[1]);
	double late = (double)(d->late[0] + d->late[1]);

	*k = (struct disk){.d = d, .t_s = hr_minute_s(x->m)};
	if (!(k->t_s > 0))
		return;
	k->ops = n / k->t_s;
	k->bytes = (double)(c[HR_DCTR_IO_RD_BYTES] + c[HR_DCTR_IO_WR_BYTES]) / k->t_s;
	k->inflight = (double)c[HR_DCTR_IO_INFLIGHT_NS] / 1e9 / k->t_s;
	k->timed = n > 0 ? fmax(0, 1 - (double)c[HR_DCTR_IO_UNTIMED_N] / n) : 1;
	k->write_share = n > 0 ? (double)c[HR_DCTR_IO_WR_N] / n : 0;
	k->has_psi = hr_minute_has(x->m, HR_SIG_PSI_IO);
	k->psi_io = k->has_psi ? (double)x->m->ctr[HR_CTR_PSI_IO_SOME_US] / 1e6 / k->t_s : 0;
	k->has_sync = d->have & HR_SIG_BIT(HR_SIG_DISK_SYNC);
	k->sync = k->has_sync ? (double)c[HR_DCTR_IO_SYNC_NS] / 1e9 / k->t_s : 0;
	/* libaio and io_uring sleep for events, not for I/O: pressure stalls do not see them. */
	k->waited = !k->has_psi || k->psi_io >= PSI_IO_WAITED || k->sync > SYNC_INFLIGHT;
	k->deferred =
		(k->write_share > 0.5 || (k->has_sync && k->sync <= ASKED_FOR * k->inflight)) &&
		!k->waited;
	k->l0_known = judged > 0 && judged >= n / 2;
	if (!k->l0_known) {
		judged = n;
		late = (double)d->very_late;
	}
	k->late_share = judged > 0 ? late / judged : 0;
	k->late_bad = late > fmax(1, x->conf->eps * judged) && k->waited &&
		      (k->l0_known || k->inflight > QUEUE_INFLIGHT);
	k->queue_bad = !k->l0_known && k->waited && k->inflight > QUEUE_INFLIGHT &&
		       d->flat_ms * 2 > x->m->covered_ms;
}

/*
 * How much of a quantity the smallest volume sold, which carries @sold a second, would carry like
 * this load: @rate a second over a window, at most @in_100ms in so many, or 0 where that may wait.
 * In units of @demand; one request after the other, if @inflight is not 0.
 */
static double sold_of(const struct disk *k, double sold, double rate, double in_100ms,
	double demand, double inflight)
{
	double fits = fmin(sold / fmax(rate, 1e-9),
		k->deferred ? INFINITY : SOLD_SAVED * sold / 10 / fmax(in_100ms, 1e-9));

	return demand * fmin(fmin(fits, SOLD_INFLIGHT / fmax(inflight, 1e-9)), HR_K_MAX);
}

/* Requests that were late, or have queued at less, show that this one carries less. */
static bool below_sold(const struct hr_ctx *x, const struct disk *k, const struct hr_limit *l)
{
	double queued_s = (double)l->queued_n / 10;

	return k->late_share > x->conf->eps ||
	       (l->queued_n > 0 && l->ops < HR_SOLD_OPS * queued_s &&
		       1024 * l->kib < HR_SOLD_BYTES * queued_s);
}

/*
 * A learned cap on one quantity decides: the other, unknown, is not the limit that was met.  A told
 * one need not have been met, and then the other may be: NULL.
 */
static const struct hr_rate *met_alone(const struct hr_cap *learned, const struct hr_rate r[2])
{
	if (learned->ops_per_s > 0 && r[1].cap <= 0)
		return &r[0];
	if (learned->bytes_per_s > 0 && r[0].cap <= 0)
		return &r[1];
	return NULL;
}

static void of_bucket(const struct disk *k, const struct hr_limit *l, struct hr_rate r[2])
{
	r[0].saved = l->saved[0];
	r[0].mean = k->d->rate_ops;
	r[0].minute = k->ops;
	r[0].second = l->best_ops_s;
	r[1].saved = 1024 * l->saved[1];
	r[1].mean = 1024 * k->d->rate_kib;
	r[1].minute = k->bytes;
	r[1].second = 1024.0 * l->best_kib_s;
}

static void disk_rates(const struct hr_ctx *x, const struct disk *k, struct hr_estimate *e)
{
	const struct hr_dev_facts *f =
		x->facts && e->dev < x->facts->n_dev ? &x->facts->dev[e->dev] : NULL;
	const struct hr_limit none = {0}, *l = x->limit ? &x->limit[e->dev] : &none;
	struct hr_rate r[2] = {
		{.unit = HR_UNIT_IOPS, .what = "requests", .source = HR_CAP_LEARNED},
		{.unit = HR_UNIT_BYTES_PER_S, .what = "bytes", .source = HR_CAP_LEARNED},
	};
	const struct hr_rate *met;
	struct hr_cap cap;

	hr_limit_cap(l, &cap);
	if (k->deferred)
		hr_trace_say(x->t,
			"  %s that nobody waits for: the mean of the window is its need, "
			"a second shows what is carried",
			k->write_share > 0.5 ? "write-back" : "reads ahead");
	r[0].demand = k->deferred ? k->d->rate_ops : 10.0 * k->d->dist[HR_DDIST_OPS_100MS].p99_hi;
	r[1].demand = k->deferred ? 1024 * k->d->rate_kib
				  : 10240.0 * k->d->dist[HR_DDIST_KIB_100MS].p99_hi;
	r[0].clean = k->deferred ? fmax(l->best_ops_s, k->d->rate_ops)
				 : 10.0 * fmax(l->clean_ops, l->best_ops);
	r[1].clean = k->deferred ? fmax(1024.0 * l->best_kib_s, 1024 * k->d->rate_kib)
				 : 10240.0 * fmax(l->clean_kib, l->best_kib);
	r[0].cap = cap.ops_per_s;
	r[1].cap = cap.bytes_per_s;
	of_bucket(k, l, r);
	hr_device_told(x, f ? (double)f->cap_iops : 0, f ? (double)f->burst_iops : 0, &r[0]);
	hr_device_told(
		x, f ? (double)f->cap_bytes_per_s : 0, f ? (double)f->burst_bytes_per_s : 0, &r[1]);
	if (!below_sold(x, k, l)) {
		r[0].sold = sold_of(k, HR_SOLD_OPS, fmax(k->d->rate_ops, k->ops),
			k->d->dist[HR_DDIST_OPS_100MS].p99_hi, r[0].demand, k->inflight);
		/* A told limit of requests says that so many are carried, side by side or not. */
		r[1].sold = sold_of(k, HR_SOLD_BYTES, fmax(1024 * k->d->rate_kib, k->bytes),
			1024.0 * k->d->dist[HR_DDIST_KIB_100MS].p99_hi, r[1].demand,
			r[0].source == HR_CAP_CONFIGURED ? 0 : k->inflight);
	}
	hr_trace_say(x->t,
		"  learned cap: %s%s  (%.0f queued windows, %.0f episodes, CV %.1f %% of "
		"requests, %.1f %% of bytes)",
		cap.why, cap.kind == HR_LIMIT_EITHER ? "; kind not identified" : "",
		(double)l->queued_n, (double)l->episodes, 100 * cap.cv_ops, 100 * cap.cv_bytes);
	met = met_alone(&cap, r);
	hr_device_bounds(x, met ? met : r, met ? 1 : 2, e);
}

static void disk_report(const struct hr_ctx *x, const struct disk *k, struct hr_estimate *e)
{
	const char *src = hr_signal_source(x->facts, HR_SIG_DISK_IO);
	const struct hr_spread *s = &k->d->dist[HR_DDIST_OPS_100MS];

	e->r.demand.unit = HR_UNIT_IOPS;
	e->r.demand.mean = hr_opt_of(k->ops);
	if (s->total) {
		e->r.demand.p99 = hr_opt_of(10.0 * s->p99_hi);
		e->r.demand.max = hr_opt_of(10.0 * s->max);
	}
	hr_estimate_evidence(e, "requests", k->ops, HR_UNIT_IOPS, src);
	hr_estimate_evidence(e, "bytes", k->bytes, HR_UNIT_BYTES_PER_S, src);
	hr_estimate_evidence(e, "in_flight_mean", k->inflight, HR_UNIT_COUNT, src);
	hr_estimate_evidence(e, "late_share", k->late_share, HR_UNIT_RATIO, src);
	if (k->timed < 1)
		hr_estimate_evidence(e, "requests_timed", k->timed, HR_UNIT_RATIO, src);
	for (unsigned w = 0; w < 2; w++) {
		const struct hr_spread *lat = &k->d->dist[HR_DDIST_RD_LAT + w];

		if (lat->total)
			hr_estimate_evidence(e, w ? "write_latency_p99" : "read_latency_p99",
				(double)lat->p99_hi / 1e3, HR_UNIT_MS, src);
		if (k->d->ctr[HR_DCTR_L0_RD_US + w])
			hr_estimate_evidence(e, w ? "write_unloaded" : "read_unloaded",
				(double)k->d->ctr[HR_DCTR_L0_RD_US + w] / 1e3, HR_UNIT_MS, src);
	}
	if (k->has_psi)
		hr_estimate_evidence(
			e, "psi_io_some", k->psi_io, HR_UNIT_RATIO, "/proc/pressure/io");
	if (k->has_sync)
		hr_estimate_evidence(e, "in_flight_asked_for", k->sync, HR_UNIT_COUNT,
			hr_signal_source(x->facts, HR_SIG_DISK_SYNC));
	hr_trace_say(x->t,
		"  requests = %.1f/s, %.0f KB/s, in flight %.2f, late %.2f %% (%s), waited for: %s",
		k->ops, k->bytes / 1e3, k->inflight, 100 * k->late_share,
		k->l0_known ? "limit max(5 l0, l0 + 10 ms)" : "l0 unknown: limit 50 ms",
		k->waited ? "yes" : "no");
}

/* Another disk whose requests queued in this minute as this one's did; NULL: none. */
static const char *queued_beside(const struct hr_ctx *x, uint8_t dev)
{
	for (uint8_t i = 0; i < x->m->n_dev; i++) {
		const struct hr_minute_dev *d = &x->m->dev[i];

		if (i != dev && d->seen && (d->have & HR_SIG_BIT(HR_SIG_DISK_IO)) &&
			hr_limit_beside(x->m->dev[dev].ctr[HR_DCTR_WIN_QUEUED_N],
				d->ctr[HR_DCTR_WIN_QUEUED_N]))
			return x->facts && i < x->facts->n_dev ? x->facts->dev[i].name : "another";
	}
	return NULL;
}

/*
 * Its own limit was not met, as far as is told or was seen while this disk alone was busy: where
 * two queue at once it may be the VM's, which a larger one has more of.
 */
static void whose_limit(const struct hr_ctx *x, struct hr_estimate *e)
{
	const char *other = queued_beside(x, (uint8_t)e->dev);
	enum hr_cap_source source = e->r.capacity.source;

	if (!other || source == HR_CAP_LEARNED || (source == HR_CAP_CONFIGURED && !e->below_told))
		return;
	e->external = false;
	e->whose_open = true;
	e->r.confidence = HR_CONFIDENCE_LOW;
	hr_trace_say(x->t, "  requests of %s queued, too: whose limit was met is not known", other);
	if (e->below_told)
		hr_estimate_missing(e, 0,
			"whether the VM's own disk limit was met (%s and %s queued at once, well "
			"below "
			"what is told)",
			e->r.device, other);
	else
		hr_estimate_missing(e, 0,
			"whose limit %s met, its own or the VM's (%s queued at the same time; "
			"`limits` "
			"in [measure] tells what each is sold to carry)",
			e->r.device, other);
}

/* More than it has now, for minutes, until requests queued: credits are one thing that does that.
 */
static void was_higher(const struct hr_ctx *x, const struct disk *k, struct hr_estimate *e)
{
	bool ops = e->r.capacity.unit != HR_UNIT_BYTES_PER_S;
	uint64_t back = x->m->to_ms > HIGH_MS ? x->m->to_ms - HIGH_MS : 0;
	double scale = ops ? 1 : 1024, rate;

	rate = e->r.capacity.source == HR_CAP_LEARNED ? e->r.capacity.value.v
						      : (ops ? k->ops : k->bytes);
	if (!x->limit || !hr_limit_was_higher(
				 &x->limit[e->dev], !ops, rate / scale, back, &e->high_s, &e->high))
		return;
	e->high *= scale;
	hr_estimate_evidence(
		e, "carried_before", e->high, ops ? HR_UNIT_IOPS : HR_UNIT_BYTES_PER_S, "learned");
	hr_estimate_evidence(e, "carried_before_for", 1e3 * e->high_s, HR_UNIT_MS, "learned");
	hr_trace_say(x->t,
		"  a plateau after %.0f s at %.0f per s, now %.0f: burst credits used up?",
		e->high_s, e->high, rate);
}

static void disk_saturated(const struct hr_ctx *x, const struct disk *k, struct hr_estimate *e)
{
	enum hr_cap_source source = e->r.capacity.source;

	if (hr_device_far(e)) {
		e->below_told = true;
		hr_trace_say(x->t, "  late well below the limit that is told");
	}
	hr_device_bursts(x, e->r.capacity.unit == HR_UNIT_IOPS ? k->ops : k->bytes, e);
	was_higher(x, k, e);
	e->r.saturated = e->external = true;
	if (!e->r.headroom.at_least.has || e->r.headroom.at_least.v > 1 / 1.1)
		e->r.headroom.at_least = hr_opt_of(1 / 1.1);
	hr_bounds_bad(&e->r.headroom);
	e->r.confidence =
		source == HR_CAP_LEARNED || (source == HR_CAP_CONFIGURED && !e->below_told)
			? HR_CONFIDENCE_HIGH
		: k->l0_known ? HR_CONFIDENCE_MEDIUM
			      : HR_CONFIDENCE_LOW;
	e->reason = e->bursts_gone ? "requests were late at the baseline: bursts are used up"
		    : k->late_bad  ? "more requests than tolerated were late"
				   : "requests queued all the time at a constant rate";
	hr_trace_say(x->t, "  BAD: %s", e->reason);
	if (e->r.confidence == HR_CONFIDENCE_LOW)
		hr_estimate_missing(e, 0,
			"latency of %s without load (one quiet minute with some I/O)", e->r.device);
}

/* Without the hook: totals of /proc/diskstats still tell whether the device matters. */
static bool quiet_by_totals(const struct hr_ctx *x, const struct hr_minute_dev *d)
{
	const uint64_t *c = d->ctr;
	double t = hr_minute_s(x->m);

	return d->seen && (d->have & HR_SIG_BIT(HR_SIG_DISK_STAT)) && t > 0 &&
	       (double)(c[HR_DCTR_RD_N] + c[HR_DCTR_WR_N]) <= QUIET_OPS * t &&
	       (double)(c[HR_DCTR_RD_BYTES] + c[HR_DCTR_WR_BYTES]) <= QUIET_BYTES * t;
}

void hr_model_disk(const struct hr_ctx *x, uint8_t dev, struct hr_estimate *ret)
{
	const struct hr_minute_dev *d = &x->m->dev[dev];
	struct disk k;

	hr_estimate_init(ret, HR_RES_DISK, (int8_t)dev, x);
	hr_trace_say(x->t, "disk %s:", ret->r.device);
	if (!d->seen || !(d->have & HR_SIG_BIT(HR_SIG_DISK_IO))) {
		hr_estimate_no_signal(ret, x, HR_SIG_DISK_IO);
		ret->quiet = quiet_by_totals(x, d);
		if (ret->quiet)
			ret->reason = "next to no load: does not decide";
		return;
	}
	disk_facts(x, d, &k);
	disk_report(x, &k, ret);
	disk_rates(x, &k, ret);
	ret->external = ret->r.headroom.likely.has; /* a cap of the volume until told otherwise */
	ret->r.confidence = ret->r.headroom.likely.has ? HR_CONFIDENCE_MEDIUM : HR_CONFIDENCE_LOW;
	ret->reason = ret->r.headroom.likely.has ? "known or learned limit of the device"
						 : "limit never reached: only a lower bound";
	if (k.late_bad || k.queue_bad) {
		disk_saturated(x, &k, ret);
		whose_limit(x, ret);
	} else {
		/* Measured not late: today's load fits, whatever the learned limit says. */
		if (ret->r.headroom.likely.has && ret->r.headroom.likely.v < 1)
			ret->r.headroom.likely.v = 1;
		if (ret->r.headroom.at_most.has && ret->r.headroom.at_most.v < 1)
			ret->r.headroom.at_most.v = 1;
	}
	if (!ret->r.headroom.likely.has && k.ops <= QUIET_OPS && k.bytes <= QUIET_BYTES &&
		k.inflight < QUIET_INFLIGHT) {
		ret->quiet = true;
		ret->reason = "next to no load: does not decide";
		hr_trace_say(x->t,
			"  does not decide: under %.0f requests/s, %.0f MB/s and %.1f in flight",
			QUIET_OPS, QUIET_BYTES / 1e6, QUIET_INFLIGHT);
	}
	if (!ret->r.headroom.likely.has)
		hr_estimate_missing(ret, 0,
			"the limit of %s (never reached; a load test or configuration tells it)",
			ret->r.device);
	else if (ret->r.capacity.source == HR_CAP_LOWER_BOUND && !ret->r.saturated)
		hr_estimate_missing(ret, 0,
			"the limit of %s in %s (only the other one was told; configuration tells "
			"it)",
			ret->r.device, ret->r.capacity.unit == HR_UNIT_IOPS ? "requests" : "bytes");
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		ret->at[z] = ret->r.headroom;
}
