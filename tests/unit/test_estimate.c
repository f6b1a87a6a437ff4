/* SPDX-License-Identifier: Apache-2.0 */
/* The estimators of one minute: worked examples 8, 9, 12, 13 of answer-model, and their properties.
 */
#include "tests/unit/estimate_fixture.h"

#include <math.h>

#include "collector/core/gates.h"

static void one_thread(struct bench *b, uint16_t u_pm, uint16_t o_pm)
{
	b->m.n_use = 1;
	b->m.use[0] = (struct hr_use){.pid = 7,
		.tid = 8,
		.oncpu_ms = o_pm * 10u,
		.wait_ms = (u_pm - o_pm) * 10u,
		.process_oncpu_ms = o_pm * 10u,
		.seen_ms = 10000,
		.u_max_pm = u_pm,
		.o_max_pm = o_pm,
		.comm = "main",
		.process = "main"};
}

static void a_thread_at_60_percent_has_half_as_much_again(void **state)
{
	struct bench *b = *state;

	one_thread(b, 600, 600);
	hr_model_serial(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 1.5, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 1.304348, 1e-6);
	fx_near(b->e.r.headroom.at_most.v, 1.725, 1e-9);
	one_thread(b, 450, 450);
	for (uint32_t c = 2; c <= 64; c *= 2) {
		b->m.cpus = c; /* 2.0 on 2, 4 or 64 vCPUs */
		hr_model_serial(&b->x, &b->e);
		fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
		fx_near(b->e.at[HR_SIZE_VCPUS].likely.v, 2, 1e-9);
	}
}

static void a_pool_is_not_serial(void **state)
{
	struct bench *b = *state;

	one_thread(b, 950, 950);
	b->m.use[0].peers = 7;
	b->m.use[0].process_oncpu_ms = 8 * 9500;
	assert_int_equal(hr_serial_candidate(&b->m), -1);
	/* two processes of one name, equally busy: a pool of processes */
	one_thread(b, 950, 950);
	b->m.use[1] = b->m.use[0];
	b->m.use[1].pid = b->m.use[1].tid = 9;
	b->m.n_use = 2;
	assert_int_equal(hr_serial_candidate(&b->m), -1);
	/* two programs of different names: each is limited by its own thread */
	memcpy(b->m.use[1].process, "other", 6);
	assert_true(hr_serial_candidate(&b->m) >= 0);
}

/* Eight times as hot as today's hottest, 3 %, is 24 % of a CPU. */
static void where_nothing_is_hot_the_claim_shows_what_it_is_about(void **state)
{
	struct bench *b = *state;

	one_thread(b, 30, 30);
	hr_model_serial(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 8, 0);
	assert_true(b->e.r.demand.max.has);
	fx_near(b->e.r.demand.max.v, 0.03, 1e-9);
	one_thread(b, 950, 950); /* one of a pool of eight: no demand of one thread */
	b->m.use[0].peers = 7;
	b->m.use[0].process_oncpu_ms = 8 * 9500;
	hr_model_serial(&b->x, &b->e);
	assert_false(b->e.r.demand.max.has);
}

static void a_thread_hot_for_a_minute_is_not_yet_serial_for_the_service(void **state)
{
	struct bench *b = *state;

	one_thread(b, 950, 950);
	b->conf.min_history_h = 30;
	b->x.serial_since_ms = b->m.to_ms - 60000;
	hr_model_serial(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 8, 0);
	b->x.serial_since_ms = b->m.to_ms - 600000;
	hr_model_serial(&b->x, &b->e);
	assert_true(b->e.r.saturated);
	fx_near(b->e.r.headroom.likely.v, 0.9 / 0.95, 1e-9);
}

static void without_threads_the_busy_cpus_bound_serial(void **state)
{
	struct bench *b = *state;

	b->m.have &= ~HR_SIG_BIT(HR_SIG_THREADS);
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 300;
	hr_model_serial(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 0.9 / 0.3 / 1.15, 1e-9);
	assert_false(b->e.r.headroom.likely.has);
}

static void softirq_of_30_percent_leaves_three(void **state)
{
	struct bench *b = *state;

	b->m.dist[HR_DIST_SOFTIRQ_CPU].p99_hi = 300;
	hr_model_softirq(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 3, 1e-9);
	fx_near(b->e.at[HR_SIZE_BOTH].likely.v, 3, 1e-9);
	/* an only CPU has all of it, and what of it would spread over two is not known */
	b->m.cpus = 1;
	hr_model_softirq(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 3, 1e-9);
	fx_near(b->e.at[HR_SIZE_MEMORY].at_most.v, 3 * 1.15, 1e-9);
	fx_near(b->e.at[HR_SIZE_VCPUS].at_least.v, 3 / 1.15, 1e-9);
	fx_near(b->e.at[HR_SIZE_VCPUS].likely.v, 6, 1e-9);
	fx_near(b->e.at[HR_SIZE_BOTH].at_most.v, 6 * 1.15, 1e-9);
}

/* In MiB; -1: it is not told. */
static double needed(const struct bench *b, const char *signal)
{
	for (uint8_t i = 0; i < b->e.r.n_evidence; i++)
		if (strcmp(b->e.r.evidence[i].signal, signal) == 0)
			return b->e.r.evidence[i].value / FX_MIB;
	return -1;
}

static void memory_reaches_as_far_as_available_over_anonymous(void **state)
{
	struct bench *b = *state;

	/* example 13: available 1500 MB, peak anon 2000 MB */
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 1500 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 1800 * FX_MIB;
	b->x.peak_anon_bytes = 2000 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1.75, 1e-12);
	assert_false(b->e.r.headroom.likely.has);
	assert_false(b->e.r.headroom.at_most.has);
	/* RAM x2 adds 4096: 1 + (1500 + 4096) / 2000 */
	fx_near(b->e.at[HR_SIZE_MEMORY].at_least.v, 3.798, 1e-9);
	fx_near(b->e.r.demand.max.v, 2596 * FX_MIB, 0);
}

/* 4096 MB: 2100 available, 1500 of it page cache that was used again, 1000 anonymous. */
static void page_cache_in_use_is_not_left_for_growth(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 2100 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = 1500 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 1000 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1.6, 1e-12);
	fx_near(b->e.at[HR_SIZE_MEMORY].at_least.v, 5.696, 1e-9); /* 1 + (600 + 4096) / 1000 */
	fx_near(b->e.at[HR_SIZE_VCPUS].at_least.v, 3.1, 1e-9);    /* vCPUs are no worse for it */
	fx_near(b->e.r.demand.max.v, 3496 * FX_MIB, 0);
	fx_near(needed(b, "mem_available"), 2100, 0);
	fx_near(needed(b, "mem_cache_used_again"), 1500, 0);
	/* of what is not available, locked pages among it, none can be left either */
	b->m.ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = 2500 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1, 0);
	fx_near(needed(b, "mem_cache_used_again"), 2100, 0);
}

/* 4096 MB: 1500 available, 600 free, 2000 anonymous. */
static void what_is_needed_lies_between_what_cannot_go_and_what_is_not_free(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 1500 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_FREE_BYTES] = 600 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 2000 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(needed(b, "need_at_least"), 2596 - 0.05 * 4096, 1e-6); /* watermarks may be 5 % */
	fx_near(needed(b, "need_likely"), sqrt(2596.0 * 3496), 1e-6);  /* off by 1.16 at most */
	fx_near(needed(b, "need_at_most"), 3496, 1e-6);
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] =
		500 * FX_MIB; /* no cache, and the kernel keeps 100 */
	hr_model_memory(&b->x, &b->e);
	fx_near(needed(b, "need_likely"), 3496, 1e-6);
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 1500 * FX_MIB;
	b->m.ctr[HR_CTR_SWAP_FREE_BYTES] = 300 * FX_MIB; /* so much may be cold, too */
	hr_model_memory(&b->x, &b->e);
	fx_near(needed(b, "need_at_least"), 2296 - 0.05 * 4096, 1e-6);
	fx_near(needed(b, "need_likely"), -1, 0); /* 3496 / 2296 = 1.52 */
	fx_near(needed(b, "need_at_most"), 3496, 1e-6);
	b->m.ctr[HR_CTR_SWAP_FREE_BYTES] = 0;
	b->m.ctr[HR_CTR_PSI_MEM_SOME_US] = 200000; /* 2 % of 10 s, half is read again: short */
	b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 1000;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 500;
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 50 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(needed(b, "need_at_least"), 4046 - 0.05 * 4096, 1e-6);
	fx_near(needed(b, "need_likely"), -1, 0);
	fx_near(needed(b, "need_at_most"), -1, 0);
}

static void dropped_caches_and_pressure_without_reclaim_are_not_a_short_vm(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 305890;
	b->m.ctr[HR_CTR_DROP_CACHES_N] = 1;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	fx_near(g.refault_per_s, 0, 0);
	b->m.ctr[HR_CTR_PSI_MEM_SOME_US] = 200000; /* 2 % of 10 s */
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_UNEXPLAINED);
	b->m.ctr[HR_CTR_MEMCG_MAX_N] = 85;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_LOCAL);
	b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 1000;
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 50 * FX_MIB;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/* 10 s of 4096 MB, 60 % available: 5068 pages/s looked at, pressure 7.5 %, 0.64 % of reclaim. */
static void much_is_reclaimed(struct bench *b)
{
	b->m.ctr[HR_CTR_PSI_MEM_SOME_US] = 750000;
	b->m.ctr[HR_CTR_PGSCAN_KSWAPD_N] = 46680;
	b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 4000;
	b->m.ctr[HR_CTR_RECLAIM_NS] = 64000000;
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 2458 * FX_MIB;
	b->m.n_dev = 0;
}

/*
 * working-set/reclaimed: pressure and the reader's own reclaim, and nothing comes back.  Were 100
 * pages/s read again, and a read took 1 ms, that would be a tenth of the time.
 */
static void a_file_that_is_read_once_is_no_shortage(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	much_is_reclaimed(b);
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 1000;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 0;
	b->m.ctr[HR_CTR_SWAP_IN_N] = 999;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_SWAP_IN_N] = 1000;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->m.ctr[HR_CTR_SWAP_IN_N] = 0;
	b->m.ctr[HR_CTR_DROP_CACHES_N] = 1; /* nobody knows what comes back */
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/*
 * memory/file-quick: four threads wait for pages to be read again, 830/s of 1 ms each, and with
 * multi-generational LRU that is no memory pressure: 0.45 %.  100 a second are a tenth of the time.
 */
static void reading_again_is_a_shortage_without_memory_pressure(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	b->m.n_dev = 1;
	b->dev[0] = (struct hr_minute_dev){.seen = true, .have = HR_SIG_BIT(HR_SIG_DISK_IO)};
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 8300;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 8300 * 4096;
	b->dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS] = 8300000000;
	b->m.ctr[HR_CTR_PSI_MEM_SOME_US] = 45000;
	b->m.ctr[HR_CTR_PGSCAN_KSWAPD_N] = 7467;
	b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 160;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 8300;
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 2000 * FX_MIB;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 990;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 1010;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->m.ctr[HR_CTR_MEMCG_MAX_N] = 5; /* a cgroup that may have no more reads them */
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_LOCAL);
	b->m.ctr[HR_CTR_DROP_CACHES_N] = 1;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_DROP_CACHES_N] = 0;
	b->m.ctr[HR_CTR_PGSCAN_KSWAPD_N] = b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 0;
	hr_gate_memory(&b->x, &g); /* dropped in a minute before */
	assert_int_equal(g.verdict, HR_MEM_OK);
	/* memory-grows/beside-file: what was taken is not there yet, so nothing is taken again */
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 800 * FX_MIB;
	hr_gate_memory(&b->x, &g); /* a cgroup at its limit reads again, too */
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_MEMCG_MAX_N] = 0;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_UNEXPLAINED);
	b->m.have &= ~HR_SIG_BIT(HR_SIG_MEMCG);
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.have |= HR_SIG_BIT(HR_SIG_MEMCG);
}

/*
 * working-set/backup-again: 40 MB/s of a file of thrice the RAM, from begin to end and again; 6390
 * pages/s come back in 320 requests of 32 pages, of a disk of 0.1 ms, and pressure is 10.7 %.
 * Single pages beside them are waited for.
 */
static void what_is_fetched_ahead_again_is_no_shortage(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	much_is_reclaimed(b);
	b->m.n_dev = 1;
	b->dev[0] = (struct hr_minute_dev){.seen = true, .have = HR_SIG_BIT(HR_SIG_DISK_IO)};
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 3200;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 3200 * 32 * 4096;
	b->dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS] = 320000000;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 63900;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	fx_near(g.waited_per_s, 0, 1e-9);
	/* as it was: 395 requests of 6232 pages, a few of which were counted a little later; 58
	 * from elsewhere, 206.7 single: 5.2 % of the pages looked at */
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 3952;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 62323ULL * 4096;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 62907;
	hr_gate_memory(&b->x, &g);
	fx_near(g.waited_per_s, 58.4 + (32 * 395.2 - 6232.3) / 31, 1e-9);
	assert_int_equal(g.verdict, HR_MEM_OK);
	/* another time 113 of 6237 a second: less than the 40 MB that are read in one second */
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 3915;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 61235ULL * 4096;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 62367;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->dev[0].ctr[HR_DCTR_SEC_KIB_MAX] = 40960;
	hr_gate_memory(&b->x, &g);
	fx_near(g.waited_per_s, (32 * 391.5 - 6123.5) / 31, 1e-9);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->dev[0].ctr[HR_DCTR_SEC_KIB_MAX] = 0;
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 3200;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 3200 * 32 * 4096;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 63900;
	/* and 700 single ones a second: 700 of 5068 that are looked at, of 7.5 % pressure are 1.04
	 * % */
	b->dev[0].ctr[HR_DCTR_IO_RD_N] += 7000;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] += 7000 * 4096;
	hr_gate_memory(&b->x, &g);
	fx_near(g.waited_per_s, 700, 1e-9);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	/* programs' own pages are read with those around them: each fault is waited for */
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 3200;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 3200 * 32 * 4096;
	b->m.ctr[HR_CTR_MAJFAULT_N] = 7000;
	hr_gate_memory(&b->x, &g);
	fx_near(g.waited_per_s, 700, 1e-9);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/* 1000 requests/s take 0.2 ms each: 500 pages/s that come back are a tenth of the time. */
static void what_comes_back_counts_by_the_time_to_read_it_again(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	much_is_reclaimed(b);
	b->m.n_dev = 1;
	b->dev[0] = (struct hr_minute_dev){.seen = true, .have = HR_SIG_BIT(HR_SIG_DISK_IO)};
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = 10000;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 10000 * 4096;
	b->dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS] = 2000000000;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 4990;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 5010;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 0; /* read from a server, 1 ms each */
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 1010;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = 10000 * 4096;
	b->dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS] = 0; /* at no cost: 13.4 % of 7.5 % */
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 6700;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 6800;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 500;
	b->m.ctr[HR_CTR_RECLAIM_NS] = 5000000000; /* 1 % of half of the time: what tasks lost */
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_OK);
	b->m.ctr[HR_CTR_RECLAIM_NS] = 5200000000;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/* Nothing comes back, but there is little left: neither a shortage nor room. */
static void little_that_is_available_leaves_it_open(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	much_is_reclaimed(b);
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 800 * FX_MIB; /* less than a fifth */
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 1000 * FX_MIB;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_UNEXPLAINED);
	hr_model_memory(&b->x, &b->e);
	assert_false(b->e.r.saturated);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	assert_false(b->e.r.headroom.likely.has);
	b->m.ctr[HR_CTR_OOM_N] = 1;
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/* A minute at random: anything a sender could say. */
static void random_minute(struct hr_rand *r, struct bench *b)
{
	struct hr_minute *m = &b->m;

	for (unsigned i = 0; i < HR_CTR_N; i++)
		m->ctr[i] = hr_rand_bits(r, hr_rand_below(r, 2) ? 34 : 64);
	for (unsigned z = 0; z < HR_VQ_ROWS; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			m->vq_bad[z][g] = hr_rand_bits(r, 32);
	m->have = hr_rand_below(r, 2) ? ~0ULL : hr_rand_u64(r);
	m->cpus = (uint32_t)hr_rand_below(r, 130);
	m->covered_ms = hr_rand_bits(r, 22);
	for (unsigned i = 0; i < HR_DIST_N; i++) {
		m->dist[i].total = hr_rand_bits(r, 32);
		m->dist[i].sum = hr_rand_bits(r, 64);
		m->dist[i].p99_lo = m->dist[i].p99_hi = (uint32_t)hr_rand_bits(r, 32);
		m->dist[i].max = (uint32_t)hr_rand_bits(r, 32);
	}
	for (unsigned d = 0; d < 2; d++) {
		b->dev[d].have = hr_rand_below(r, 2) ? ~0ULL : hr_rand_u64(r);
		for (unsigned i = 0; i < HR_DCTR_N; i++)
			b->dev[d].ctr[i] = hr_rand_bits(r, 64);
		for (unsigned i = 0; i < HR_DDIST_N; i++)
			b->dev[d].dist[i].p99_hi = (uint32_t)hr_rand_bits(r, 32);
		b->dev[d].late[0] = hr_rand_bits(r, 20);
		b->dev[d].judged[0] = hr_rand_bits(r, 20);
	}
	b->facts.threads_per_core = (uint32_t)hr_rand_below(r, 3);
}

static void in_range(const struct hr_bounds *k)
{
	const struct hr_opt *o[3] = {&k->at_least, &k->likely, &k->at_most};
	double last = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (!o[i]->has)
			continue;
		assert_true(o[i]->v >= HR_K_MIN && o[i]->v <= HR_K_MAX);
		assert_true(o[i]->v >= last);
		last = o[i]->v;
	}
}

static void any_minute_gives_ordered_bounds_in_range(void **state)
{
	struct hr_rand r = hr_rand_seeded("any_minute");
	struct bench *b = *state;

	for (unsigned i = getenv("HR_TEST_QUICK") ? 19000 : 0; i < 20000; i++) {
		random_minute(&r, b);
		hr_eval_minute(&b->x, &b->v);
		in_range(&b->v.k);
		for (unsigned j = 0; j < b->v.n; j++)
			in_range(&b->v.e[j].r.headroom);
		/* k(2c) >= k(c), end by end */
		for (unsigned z = 0; z < HR_SIZE_N; z++) {
			const struct hr_estimate *e = &b->v.e[0];

			in_range(&e->at[z]);
			if (e->r.headroom.at_least.has && e->at[z].at_least.has)
				assert_true(
					e->at[z].at_least.v >= e->r.headroom.at_least.v - 1e-12);
			if (e->r.headroom.likely.has && e->at[z].likely.has)
				assert_true(e->at[z].likely.v >= e->r.headroom.likely.v - 1e-12);
		}
	}
}

/* What becomes history is evaluated without texts: every number is the same, and texts are counted.
 */
static void a_bare_minute_has_the_same_numbers(void **state)
{
	struct hr_rand r = hr_rand_seeded("bare_minute");
	struct hr_eval *v = malloc(sizeof(*v));
	struct bench *b = *state;

	assert_non_null(v);
	for (unsigned i = 0; i < 2000; i++) {
		random_minute(&r, b);
		hr_eval_minute(&b->x, &b->v);
		memset(v, 0xa5, sizeof(*v)); /* what was on the stack */
		b->x.bare = true;
		hr_eval_minute(&b->x, v);
		b->x.bare = false;
		assert_int_equal(v->n, b->v.n);
		for (unsigned j = 0; j < v->n; j++) {
			v->e[j].bare = false;
			assert_memory_equal(
				&v->e[j].r, &b->v.e[j].r, offsetof(struct hr_res_answer, missing));
			assert_memory_equal(&v->e[j].at, &b->v.e[j].at,
				sizeof(v->e[j]) - offsetof(struct hr_estimate, at));
		}
		assert_memory_equal(v, &b->v, offsetof(struct hr_eval, e));
	}
	free(v);
}

static void dropping_a_resource_never_lowers_k(void **state)
{
	struct hr_rand r = hr_rand_seeded("dropping_a_resource");
	struct bench *b = *state;

	for (unsigned i = 0; i < 2000; i++) {
		struct hr_bounds all, less;
		unsigned drop;

		random_minute(&r, b);
		hr_eval_minute(&b->x, &b->v);
		all = b->v.k;
		drop = 1 + (unsigned)hr_rand_below(&r, b->v.n - 1u); /* cpu is never dropped */
		b->v.e[drop].quiet = true;
		less = hr_eval_min(&b->v, -1);
		if (all.at_least.has && less.at_least.has)
			assert_true(less.at_least.v >= all.at_least.v);
		if (all.likely.has && less.likely.has && !(all.at_most.has && !less.at_most.has))
			assert_true(less.likely.v >= all.likely.v);
	}
}

static void more_steal_never_raises_k(void **state)
{
	struct bench *b = *state;
	double last = 8, last_likely = 8;

	b->m.ctr[HR_CTR_ONCPU_NS] = 12000000000;
	b->m.ctr[HR_CTR_STAT_USER_MS] = 12000;
	for (uint64_t steal = 0; steal <= 8000; steal += 50) {
		b->m.ctr[HR_CTR_STEAL_MS] = steal;
		hr_eval_minute(&b->x, &b->v);
		assert_true(b->v.k.at_least.v <= last + 1e-12);
		assert_true(b->v.k.likely.v <= last_likely + 1e-12);
		last = b->v.k.at_least.v;
		last_likely = b->v.k.likely.v;
	}
	assert_true(last_likely <= 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_thread_at_60_percent_has_half_as_much_again),
		T(a_pool_is_not_serial),
		T(where_nothing_is_hot_the_claim_shows_what_it_is_about),
		T(a_thread_hot_for_a_minute_is_not_yet_serial_for_the_service),
		T(without_threads_the_busy_cpus_bound_serial),
		T(softirq_of_30_percent_leaves_three),
		T(memory_reaches_as_far_as_available_over_anonymous),
		T(page_cache_in_use_is_not_left_for_growth),
		T(what_is_needed_lies_between_what_cannot_go_and_what_is_not_free),
		T(a_file_that_is_read_once_is_no_shortage),
		T(what_comes_back_counts_by_the_time_to_read_it_again),
		T(reading_again_is_a_shortage_without_memory_pressure),
		T(what_is_fetched_ahead_again_is_no_shortage),
		T(little_that_is_available_leaves_it_open),
		T(dropped_caches_and_pressure_without_reclaim_are_not_a_short_vm),
		T(any_minute_gives_ordered_bounds_in_range),
		T(a_bare_minute_has_the_same_numbers),
		T(dropping_a_resource_never_lowers_k),
		T(more_steal_never_raises_k),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
