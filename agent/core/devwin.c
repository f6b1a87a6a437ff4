/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100 ms windows of a device.  Mean latency of a window is residence time over
 * completions (Little's law), so "in-flight > 3 l0 x" and "latency > 3 l0" are
 * one comparison; the floor of 2 in flight keeps a single slow request from
 * being called a queue.
 */
#include "agent/core/devwin.h"

#include <string.h>

#include "proto/units.h"

#define WINDOW_NS (HR_DEVWIN_SLOTS * HR_SLOT_NS)

void hr_devwin_init(struct hr_devwin *w, uint8_t kind)
{
	memset(w, 0, sizeof(*w));
	w->kind = kind;
}

static void window_clear(struct hr_devwin *w)
{
	w->slots = 0;
	for (int d = 0; d < 2; d++) {
		w->ops[d] = 0;
		w->bytes[d] = 0;
		w->inflight_ns[d] = 0;
	}
}

static void second_clear(struct hr_devwin *w)
{
	w->sec_windows = 0;
	w->sec_ops = 0;
	w->sec_bytes = 0;
}

void hr_devwin_gap(struct hr_devwin *w)
{
	window_clear(w);
	second_clear(w);
	w->clean_run = 0;
	hr_plateau_start(&w->plateau);
	w->run_slots = 0;
	for (int d = 0; d < 2; d++) {
		w->run_ops[d] = 0;
		w->run_ns[d] = 0;
	}
}

static uint32_t mid(const struct hr_quantile *q)
{
	return q->lo + (q->hi - q->lo) / 2;
}

/* P10 of both halves of the day; a smaller n than HR_DEVWIN_L0_MIN is no P10. */
static uint32_t l0_of(const struct hr_devwin *w, int dir)
{
	struct hr_hist h = w->l0_hist[0][dir];
	struct hr_quantile q;

	if (!hr_hist_merge(&h, &w->l0_hist[1][dir]) || h.total < HR_DEVWIN_L0_MIN ||
		!hr_hist_quantile(&h, 0.10, &q))
		return 0;
	return mid(&q) ? mid(&q) : 1; /* 0 means "not learned" */
}

/*
 * A busy period lies between two idle slots, so residence and completions in it
 * belong together: requests that straddle the edge of a window would look
 * shorter than they were, and P10 would pick just those.  With at most one in flight
 * on average its requests met an idle device; their mean counts once per request.
 */
static void run_end(struct hr_devwin *w)
{
	bool alone = w->run_ns[0] + w->run_ns[1] <= w->run_slots * HR_SLOT_NS;

	for (int d = 0; d < 2; d++) {
		if (alone && w->run_ops[d] > 0) {
			uint64_t us = w->run_ns[d] / w->run_ops[d] / HR_NS_PER_US;
			uint32_t n = w->run_ops[d] > 1000 ? 1000 : (uint32_t)w->run_ops[d];

			if (hr_hist_add(&w->l0_hist[0][d], us, n))
				w->l0_us[d] = l0_of(w, d);
		}
		w->run_ops[d] = 0;
		w->run_ns[d] = 0;
	}
	w->run_slots = 0;
}

static void run_add(struct hr_devwin *w, const struct hr_slot_dev *s)
{
	bool idle = s->inflight_ns[0] + s->inflight_ns[1] == 0 && s->ops[0] + s->ops[1] == 0;

	if (!idle) {
		w->run_slots++;
		for (int d = 0; d < 2; d++) {
			w->run_ops[d] += s->ops[d];
			w->run_ns[d] += s->inflight_ns[d];
		}
	}
	/* a period without an idle slot is cut after a second: its edges weigh little then */
	if (w->run_slots > 0 && (idle || w->run_slots >= HR_DEVWIN_RUN_SLOTS))
		run_end(w);
}

static void l0_age(struct hr_devwin *w)
{
	if (++w->l0_slots < HR_DEVWIN_DAY_SLOTS / 2)
		return;
	w->l0_slots = 0;
	for (int d = 0; d < 2; d++) {
		w->l0_hist[1][d] = w->l0_hist[0][d];
		memset(&w->l0_hist[0][d], 0, sizeof(w->l0_hist[0][d]));
		w->l0_us[d] = l0_of(w, d);
	}
}

enum verdict {
	CLEAN,
	QUEUED,
	UNJUDGED, /* an l0 that matters is not learned yet */
};

/* answer-model 8.1: f > max(2, 3 l0 x) and l > 3 l0, with l0 weighted by what was asked. */
static enum verdict judge(const struct hr_devwin *w)
{
	uint64_t flight = w->inflight_ns[0] + w->inflight_ns[1], need = 0;

	if (flight <= 2 * WINDOW_NS)
		return CLEAN;
	for (int d = 0; d < 2; d++) {
		if (w->ops[d] != 0 && w->l0_us[d] == 0)
			return UNJUDGED;
		need += w->ops[d] * w->l0_us[d] * HR_NS_PER_US;
	}
	return flight > 3 * need ? QUEUED : CLEAN;
}

static void max_to(uint64_t *to, uint64_t v)
{
	if (v > *to)
		*to = v;
}

static void second_add(struct hr_devwin *w, struct hr_dev_summary *d)
{
	w->sec_ops += w->ops[0] + w->ops[1];
	w->sec_bytes += w->bytes[0] + w->bytes[1];
	if (++w->sec_windows < HR_DEVWIN_SECOND)
		return;
	max_to(&d->ctr[HR_DCTR_SEC_OPS_MAX], w->sec_ops);
	max_to(&d->ctr[HR_DCTR_SEC_KIB_MAX], w->sec_bytes >> 10);
	second_clear(w);
}

static void disk_window(struct hr_devwin *w, struct hr_dev_summary *d)
{
	uint64_t ops = w->ops[0] + w->ops[1], kib = (w->bytes[0] + w->bytes[1]) >> 10;
	enum verdict v = judge(w);

	(void)hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], ops, 1);
	(void)hr_hist_add(&d->dist[HR_DDIST_KIB_100MS], kib, 1);
	if (v != UNJUDGED)
		d->ctr[HR_DCTR_WIN_N]++;
	/* An episode's first window has what a token bucket had saved: 0.1 s worth under QEMU, so
	 * twice the rate. */
	if (v == QUEUED && w->clean_run >= HR_DEVWIN_SECOND) {
		d->ctr[HR_DCTR_WIN_EPISODES]++;
		hr_plateau_start(&w->plateau);
	} else if (v == QUEUED) {
		d->ctr[HR_DCTR_WIN_QUEUED_N]++;
		d->ctr[HR_DCTR_WIN_QUEUED_OPS] += ops;
		d->ctr[HR_DCTR_WIN_QUEUED_OPS2] += ops * ops;
		d->ctr[HR_DCTR_WIN_QUEUED_KIB] += kib;
		d->ctr[HR_DCTR_WIN_QUEUED_KIB2] += kib * kib;
		hr_plateau_add(&w->plateau, ops, kib, d);
	} else if (v == CLEAN) {
		max_to(&d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX], ops);
		max_to(&d->ctr[HR_DCTR_WIN_CLEAN_KIB_MAX], kib);
	}
	second_add(w, d);
	if (v != CLEAN)
		w->clean_run = 0;
	else if (w->clean_run < HR_DEVWIN_SECOND)
		w->clean_run++;
}

static void nic_window(const struct hr_devwin *w, struct hr_dev_summary *d)
{
	(void)hr_hist_add(&d->dist[HR_DDIST_RX_KIB_100MS], w->bytes[0] >> 10, 1);
	(void)hr_hist_add(&d->dist[HR_DDIST_TX_KIB_100MS], w->bytes[1] >> 10, 1);
	(void)hr_hist_add(&d->dist[HR_DDIST_PKT_100MS], w->ops[0] + w->ops[1], 1);
}

void hr_devwin_slot(struct hr_devwin *w, const struct hr_slot_dev *s, struct hr_dev_summary *d)
{
	bool disk = w->kind == HR_DEV_DISK;
	uint64_t flight = s->inflight_ns[0] + s->inflight_ns[1];

	if (disk) {
		(void)hr_hist_add(&d->dist[HR_DDIST_INFLIGHT], flight * 100 / HR_SLOT_NS, 1);
		run_add(w, s);
		l0_age(w);
	}
	for (int i = 0; i < 2; i++) {
		w->ops[i] += s->ops[i];
		w->bytes[i] += s->bytes[i];
		w->inflight_ns[i] += s->inflight_ns[i];
	}
	if (++w->slots < HR_DEVWIN_SLOTS)
		return;
	if (disk)
		disk_window(w, d);
	else if (w->kind == HR_DEV_NIC)
		nic_window(w, d);
	window_clear(w);
}

void hr_devwin_gauges(const struct hr_devwin *w, struct hr_dev_summary *d)
{
	if (w->kind != HR_DEV_DISK)
		return;
	d->ctr[HR_DCTR_L0_RD_US] = w->l0_us[0];
	d->ctr[HR_DCTR_L0_WR_US] = w->l0_us[1];
}
