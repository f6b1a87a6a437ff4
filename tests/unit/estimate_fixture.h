/* SPDX-License-Identifier: Apache-2.0 */
/* One window of an idle VM as a minute's evidence, for the tests of the estimators. */
#pragma once

#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/eval.h"

struct bench {
	struct hr_model_conf conf;
	struct hr_facts facts;
	struct hr_minute_dev dev[HR_DEVS_MAX];
	struct hr_minute m;
	struct hr_limit limit[HR_DEVS_MAX];
	struct hr_ctx x;
	struct hr_estimate e, steal;
	struct hr_eval v;
};

/* One window of an idle VM as the minute's evidence; the test changes b->m. */
static inline int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct hr_summary *s = fx_idle(0);

	assert_non_null(b);
	hr_model_conf_default(&b->conf);
	b->conf.min_history_h = 0;
	b->facts = fx_facts();
	b->m.dev = b->dev;
	b->m.dev_cap = HR_DEVS_MAX;
	hr_minute_add(&b->m, s);
	free(s);
	b->x = (struct hr_ctx){.m = &b->m, .conf = &b->conf, .facts = &b->facts, .limit = b->limit};
	*state = b;
	return 0;
}

static inline int teardown(void **state)
{
	free(*state);
	return 0;
}

/* @per_s requests of 4 KiB a second, steady, for the 10 s of the minute. */
static inline void disk_load(struct bench *b, uint64_t per_s, double inflight)
{
	struct hr_minute_dev *d = &b->dev[0];

	d->ctr[HR_DCTR_IO_RD_N] = per_s * 10;
	d->ctr[HR_DCTR_IO_RD_BYTES] = per_s * 40960;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = (uint64_t)(inflight * 1e10);
	d->ctr[HR_DCTR_L0_RD_US] = 2000;
	d->judged[0] = per_s * 10;
	d->dist[HR_DDIST_OPS_100MS] = (struct hr_spread){.total = 100,
		.sum = per_s * 10,
		.p99_lo = (uint32_t)per_s / 10,
		.p99_hi = (uint32_t)per_s / 10,
		.max = (uint32_t)per_s / 10};
	d->dist[HR_DDIST_KIB_100MS] = (struct hr_spread){.total = 100,
		.sum = per_s * 40,
		.p99_lo = (uint32_t)per_s * 4 / 10,
		.p99_hi = (uint32_t)per_s * 4 / 10};
}

/* -1: it is not told. */
static inline double evidence(const struct bench *b, const char *signal)
{
	for (uint8_t i = 0; i < b->e.r.n_evidence; i++)
		if (strcmp(b->e.r.evidence[i].signal, signal) == 0)
			return b->e.r.evidence[i].value;
	return -1;
}

/* Sums over 40 queued windows of 30 requests, of any size: 300 a second. */
static const struct hr_limit queued_at_300 = {.since_ms = 1,
	.queued_n = 40,
	.episodes = 4,
	.ops = 1200,
	.ops2 = 36000,
	.kib = 8000,
	.kib2 = 2500000,
	.clean_ops = 29,
	.clean_kib = 116};
