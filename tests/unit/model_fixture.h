/* SPDX-License-Identifier: Apache-2.0 */
/* Synthetic windows for the tests of the model: an idle 2-CPU VM that a test then changes. */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/answer_json.h"
#include "proto/facts.h"
#include "proto/summary.h"

/* In double: cmocka 1.1 compares floats. */
#define fx_near(a, b, eps) assert_true(fabs((double)(a) - (double)(b)) <= (eps))

#define FX_T0_MS 1790000000000ULL
#define FX_MIB   1048576ULL

static inline struct hr_facts fx_facts(void)
{
	struct hr_facts f = {.epoch = 1,
		.name = "vm",
		.cpus_online = 2,
		.cpus_possible = 2,
		.threads_per_core = 1,
		.mem_total_bytes = 4096 * FX_MIB,
		.n_dev = 2};

	f.dev[0] = (struct hr_dev_facts){.kind = HR_DEV_DISK, .name = "vda"};
	f.dev[1] = (struct hr_dev_facts){.kind = HR_DEV_NIC, .name = "eth0", .is_virtual = true};
	for (unsigned i = 0; i < HR_SIG_N; i++)
		f.signal[i].rung = HR_RUNG_FILE;
	return f;
}

/* 10 s of an idle 2-CPU VM: 1 % busy, 400 bursts, nobody late, 0.5 GiB anon, 3 GiB available. */
static inline struct hr_summary *fx_idle(uint64_t seq)
{
	struct hr_summary *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->seq_first = s->seq_last = seq;
	s->t_end_ms = FX_T0_MS + (seq + 1) * 10000;
	s->dur_ms = 10000;
	s->epoch = 1;
	s->cpus = 2;
	s->have = (1ULL << HR_SIG_N) - 1;
	s->ctr[HR_CTR_ONCPU_NS] = 200000000;
	s->ctr[HR_CTR_SLOT_N] = 1192;
	s->ctr[HR_CTR_BURST_N] = 400;
	s->ctr[HR_CTR_VQ_TOT_N] = 400;
	s->ctr[HR_CTR_CHARGE_NS] = 200000000;
	s->ctr[HR_CTR_FROZEN_C_NS] = s->ctr[HR_CTR_FROZEN_2C_NS] = 200000000;
	s->ctr[HR_CTR_STAT_USER_MS] = 150;
	s->ctr[HR_CTR_STAT_SYSTEM_MS] = 50;
	s->ctr[HR_CTR_STAT_IDLE_MS] = 19800;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 3072 * FX_MIB;
	s->ctr[HR_CTR_MEM_FREE_BYTES] = 2048 * FX_MIB;
	s->ctr[HR_CTR_MEM_ANON_BYTES] = 256 * FX_MIB;
	s->ctr[HR_CTR_TCP_OUT_SEGS] = 50;
	for (unsigned i = 0; i < 10; i++) {
		hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 20, 1);
		hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], 2, 1);
		hr_hist_add(&s->dist[HR_DIST_STEAL_1S], 0, 1);
	}
	s->n_dev = 2;
	s->dev[0].dev = 0;
	s->dev[0].have = HR_SIG_BIT(HR_SIG_DISK_IO) | HR_SIG_BIT(HR_SIG_DISK_STAT);
	s->dev[1].dev = 1;
	s->dev[1].have = HR_SIG_BIT(HR_SIG_NET_IO) | HR_SIG_BIT(HR_SIG_NET_STAT);
	s->n_top = 1;
	s->top[0] = (struct hr_top){.pid = 1,
		.tid = 1,
		.oncpu_ms = 50,
		.process_oncpu_ms = 50,

		.comm = "init",
		.process = "init"};
	return s;
}

/* The first answer about @r; there must be one. */
static inline const struct hr_res_answer *fx_res(const struct hr_answer *a, enum hr_resource r)
{
	for (unsigned i = 0; i < a->n_res; i++)
		if (a->res[i].resource == r)
			return &a->res[i];
	fail();
	return NULL;
}

/* The same answer as the contract's JSON: padding between members may differ. */
static inline void fx_same_answer(const struct hr_answer *a, const struct hr_answer *b)
{
	char *x = hr_answer_json(a, true), *y = hr_answer_json(b, true);

	assert_non_null(x);
	assert_non_null(y);
	assert_string_equal(x, y);
	free(x);
	free(y);
}
