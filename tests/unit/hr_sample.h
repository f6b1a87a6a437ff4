/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic windows of a 2-CPU VM with one disk and one network device, for
 * sizes, round trips and fuzz seeds.  The shapes are those of real hosts:
 * latencies are log-normal over one to two decades with a slow tail, per-slot
 * numbers cover what a Poisson load makes of 1192 slots, and per-second ones
 * have 10 samples.
 */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/facts.h"
#include "proto/summary.h"
#include "tests/unit/hr_cmocka.h"

#define HR_SAMPLE_SLOTS 1192 /* 10 s / 8.388608 ms */

/* Standard normal deviate, Box-Muller. */
static inline double hr_sample_normal(struct hr_rand *r)
{
	double u = ((double)(hr_rand_u64(r) >> 11) + 0.5) / 9007199254740992.0;
	double v = ((double)(hr_rand_u64(r) >> 11) + 0.5) / 9007199254740992.0;

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* @n samples of a log-normal with @median and @sigma (natural log; 1 = most within a decade). */
static inline void hr_sample_lognormal(
	struct hr_rand *r, struct hr_hist *h, unsigned n, double median, double sigma)
{
	for (unsigned i = 0; i < n; i++)
		hr_hist_add(h, (uint64_t)(median * exp(sigma * hr_sample_normal(r))), 1);
}

/* @n samples of a normal, cut at 0 and @max. */
static inline void hr_sample_around(
	struct hr_rand *r, struct hr_hist *h, unsigned n, double mean, double sd, double max)
{
	for (unsigned i = 0; i < n; i++) {
		double v = mean + sd * hr_sample_normal(r);

		hr_hist_add(h, (uint64_t)(v < 0 ? 0 : v > max ? max : v), 1);
	}
}

static inline void hr_sample_head(struct hr_summary *s, uint64_t seq)
{
	memset(s, 0, sizeof(*s));
	s->seq_first = s->seq_last = seq;
	s->t_end_ms = 1795528800000 + seq * 10000; /* 2026-11-24 */
	s->dur_ms = 10003;
	s->epoch = 1;
	s->cpus = 2;
	s->have = (1ULL << HR_SIG_N) - 1;
	s->have &= ~(HR_SIG_BIT(HR_SIG_TOPOLOGY) | HR_SIG_BIT(HR_SIG_MACHINE));
	s->n_dev = 2;
	s->dev[0].dev = 0;
	s->dev[0].have = HR_SIG_BIT(HR_SIG_DISK_IO) | HR_SIG_BIT(HR_SIG_DISK_STAT);
	s->dev[1].dev = 1;
	s->dev[1].have =
		HR_SIG_BIT(HR_SIG_NET_IO) | HR_SIG_BIT(HR_SIG_NET_STAT) | HR_SIG_BIT(HR_SIG_QDISC);
}

static inline void hr_sample_thread(
	struct hr_summary *s, uint32_t pid, uint32_t ms, const char *comm, const char *process)
{
	struct hr_top *t = &s->top[s->n_top];

	*t = (struct hr_top){
		pid, pid + s->n_top % 3, ms, ms / 5, ms + ms / 2, 1, 40 * ms, ms / 9, "", ""};
	snprintf(t->comm, HR_COMM_LEN, "%s", comm);
	snprintf(t->process, HR_COMM_LEN, "%s", process);
	s->n_top++;
}

/* Counters that any window has; @load 0..1 scales what work makes. */
static inline void hr_sample_ctrs(struct hr_rand *r, struct hr_summary *s, double load)
{
	static const struct {
		enum hr_ctr id;
		double idle, busy;
	} c[] = {
		{HR_CTR_ONCPU_NS, 40e6, 14e9},
		{HR_CTR_SWITCHES, 2500, 80000},
		{HR_CTR_SWITCH_VOLUNTARY, 2300, 60000},
		{HR_CTR_SLOT_N, 1192, 1192},
		{HR_CTR_BUSY_ALL_N, 0, 300},
		{HR_CTR_WAIT_NS, 5e6, 4e9},
		{HR_CTR_FROZEN_C_NS, 41e6, 15e9},
		{HR_CTR_FROZEN_2C_NS, 42e6, 17e9},
		{HR_CTR_BURST_N, 1200, 40000},
		{HR_CTR_BURST_LATE_N, 0, 120},
		{HR_CTR_CHARGE_NS, 40e6, 13e9},
		{HR_CTR_HOG_NS, 0, 1e9},
		{HR_CTR_VQ_TOT_N, 1200, 40000},
		{HR_CTR_STAT_USER_MS, 20, 11000},
		{HR_CTR_STAT_SYSTEM_MS, 20, 2600},
		{HR_CTR_STAT_IDLE_MS, 19900, 6000},
		{HR_CTR_STAT_IRQ_MS, 0, 300},
		{HR_CTR_CTXT_N, 2500, 80000},
		{HR_CTR_RUNNING_MAX, 1, 9},
		{HR_CTR_STEAL_MS, 0, 50},
		{HR_CTR_STEAL_MAX_MS, 0, 10},
		{HR_CTR_PSI_CPU_SOME_US, 3000, 3e6},
		{HR_CTR_PSI_IO_SOME_US, 500, 200000},
		{HR_CTR_PSI_IO_FULL_US, 300, 90000},
		{HR_CTR_MAJFAULT_N, 0, 12},
		{HR_CTR_REFAULT_FILE_N, 0, 90},
		{HR_CTR_MEM_AVAILABLE_BYTES, 3e9, 1.2e9},
		{HR_CTR_MEM_FREE_BYTES, 1e9, 2e8},
		{HR_CTR_MEM_ANON_BYTES, 5e8, 2.1e9},
		{HR_CTR_MEM_ACTIVE_FILE_BYTES, 8e8, 9e8},
		{HR_CTR_TCP_OUT_SEGS, 30, 60000},
		{HR_CTR_TCP_RETRANS_N, 0, 8},
		{HR_CTR_LOCAL_BYTES, 2000, 3e6},
		{HR_CTR_SELF_CPU_US, 12000, 25000},
		{HR_CTR_SELF_RSS_BYTES, 5e6, 5e6},
		{HR_CTR_SELF_BPF_NS, 400000, 16e6},
		{HR_CTR_SELF_BPF_EVENTS, 2600, 140000},
	};

	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		double v = c[i].idle + (c[i].busy - c[i].idle) * load;

		/* a fair share of noise, so that low bits are not conveniently zero */
		if (c[i].id != HR_CTR_SLOT_N)
			v *= 1 + 0.05 * hr_sample_normal(r);
		s->ctr[c[i].id] = v < 0 ? 0 : (uint64_t)v;
	}
}

static inline void hr_sample_disk(
	struct hr_rand *r, struct hr_dev_summary *d, unsigned rd, unsigned wr)
{
	d->ctr[HR_DCTR_RD_N] = d->ctr[HR_DCTR_IO_RD_N] = rd;
	d->ctr[HR_DCTR_WR_N] = d->ctr[HR_DCTR_IO_WR_N] = wr;
	d->ctr[HR_DCTR_RD_BYTES] = d->ctr[HR_DCTR_IO_RD_BYTES] = rd * 16384ULL;
	d->ctr[HR_DCTR_WR_BYTES] = d->ctr[HR_DCTR_IO_WR_BYTES] = wr * 24576ULL;
	d->ctr[HR_DCTR_FLUSH_N] = d->ctr[HR_DCTR_IO_FLUSH_N] = wr / 20;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = rd * 350000ULL + wr * 900000ULL;
	d->ctr[HR_DCTR_L0_RD_US] = 210;
	d->ctr[HR_DCTR_L0_WR_US] = 640;
	d->ctr[HR_DCTR_WIN_N] = 99;
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = (rd + wr) / 40;
	d->ctr[HR_DCTR_WIN_CLEAN_KIB_MAX] = (rd + wr) / 2;
	d->ctr[HR_DCTR_SEC_OPS_MAX] = (rd + wr) / 7;
	d->ctr[HR_DCTR_SEC_KIB_MAX] = (rd + wr) * 3;
	hr_sample_lognormal(r, &d->dist[HR_DDIST_RD_LAT], rd, 300, 0.6);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_WR_LAT], wr, 800, 0.7);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_INFLIGHT], HR_SAMPLE_SLOTS,
		(rd * 350e-6 + wr * 900e-6) * 10, 1.0);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_OPS_100MS], 99, (rd + wr) / 100.0, 0.5);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_KIB_100MS], 99, (rd * 16 + wr * 24) / 100.0, 0.7);
}

static inline void hr_sample_nic(
	struct hr_rand *r, struct hr_dev_summary *d, double kib_per_s, double sigma)
{
	d->ctr[HR_DCTR_RX_BYTES] = (uint64_t)(kib_per_s * 10240);
	d->ctr[HR_DCTR_TX_BYTES] = (uint64_t)(kib_per_s * 30720);
	d->ctr[HR_DCTR_RX_PACKETS] = (uint64_t)(kib_per_s * 9);
	d->ctr[HR_DCTR_TX_PACKETS] = (uint64_t)(kib_per_s * 11);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_RX_KIB_100MS], 99, kib_per_s / 10, sigma);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_TX_KIB_100MS], 99, kib_per_s * 3 / 10, sigma);
	hr_sample_lognormal(r, &d->dist[HR_DDIST_PKT_100MS], 99, kib_per_s / 5, sigma);
}

/*
 * A web server with a database at 70 % of both CPUs: @switches in 10 s, and
 * waits and bursts spread by @sigma.  3000 a second and sigma 1 are an ordinary
 * busy VM; 8000 and 1.3 a storm of tiny requests.
 */
static inline void hr_sample_work(
	struct hr_rand *r, struct hr_summary *s, uint64_t seq, unsigned switches, double sigma)
{
	hr_sample_head(s, seq);
	hr_sample_ctrs(r, s, 1);
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			s->vq_bad[i][g] =
				(uint32_t)(exp(g * 0.9) * (i % 2 ? 0.5 : 2) / (1 + i / 2));
	hr_sample_lognormal(r, &s->dist[HR_DIST_RUNQ_WAIT], switches, 25, sigma);
	hr_sample_lognormal(r, &s->dist[HR_DIST_BURST_CPU], switches / 2, 150, sigma);
	hr_sample_lognormal(r, &s->dist[HR_DIST_BURST_WAIT], switches / 2, 40, sigma);
	hr_sample_around(r, &s->dist[HR_DIST_BUSY], HR_SAMPLE_SLOTS, 1400, 400, 2000);
	hr_sample_lognormal(r, &s->dist[HR_DIST_RUNNABLE], HR_SAMPLE_SLOTS, 1700, 0.4);
	hr_sample_around(r, &s->dist[HR_DIST_BUSY_1S], 10, 1400, 80, 2000);
	hr_sample_around(r, &s->dist[HR_DIST_SOFTIRQ_CPU], 10, 40, 6, 1000);
	hr_sample_around(r, &s->dist[HR_DIST_STEAL_1S], 10, 4, 3, 2000);
	hr_sample_lognormal(r, &s->dist[HR_DIST_RTT_INFLATION], 200, 300, 0.8);
	hr_sample_disk(r, &s->dev[0], 1500, 2500);
	hr_sample_nic(r, &s->dev[1], 3000, 0.4);
	hr_sample_thread(s, 812, 3100, "postgres", "postgres");
	hr_sample_thread(s, 31877, 2800, "http-nio-8080-e", "java");
	hr_sample_thread(s, 31877, 2100, "http-nio-8081-e", "java");
	hr_sample_thread(s, 914, 900, "nginx", "nginx");
	hr_sample_thread(s, 2, 210, "kworker/0:1H", "kworker/0:1H");
	hr_sample_thread(s, 1200, 150, "redis-server", "redis-server");
}

static inline void hr_sample_busy(struct hr_rand *r, struct hr_summary *s, uint64_t seq)
{
	hr_sample_work(r, s, seq, 30000, 1.0);
}

/* A VM with nothing but its daemons. */
static inline void hr_sample_idle(struct hr_rand *r, struct hr_summary *s, uint64_t seq)
{
	hr_sample_head(s, seq);
	hr_sample_ctrs(r, s, 0);
	hr_sample_lognormal(r, &s->dist[HR_DIST_RUNQ_WAIT], 2500, 5, 0.6);
	hr_sample_lognormal(r, &s->dist[HR_DIST_BURST_CPU], 1200, 30, 0.8);
	hr_sample_lognormal(r, &s->dist[HR_DIST_BURST_WAIT], 1200, 5, 0.6);
	hr_sample_around(r, &s->dist[HR_DIST_BUSY], HR_SAMPLE_SLOTS, 4, 4, 2000);
	hr_sample_around(r, &s->dist[HR_DIST_RUNNABLE], HR_SAMPLE_SLOTS, 4, 5, 2000);
	hr_sample_around(r, &s->dist[HR_DIST_BUSY_1S], 10, 4, 2, 2000);
	hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], 0, 10);
	hr_hist_add(&s->dist[HR_DIST_STEAL_1S], 0, 10);
	hr_sample_disk(r, &s->dev[0], 0, 12);
	memset(&s->dev[0].dist[HR_DDIST_INFLIGHT], 0, sizeof(struct hr_hist));
	hr_hist_add(&s->dev[0].dist[HR_DDIST_INFLIGHT], 0, HR_SAMPLE_SLOTS - 12);
	hr_sample_lognormal(r, &s->dev[0].dist[HR_DDIST_INFLIGHT], 12, 9, 0.5);
	hr_sample_nic(r, &s->dev[1], 0.4, 0.8);
	hr_sample_thread(s, 400, 11, "headroom-agent", "headroom-agent");
	hr_sample_thread(s, 512, 6, "containerd", "containerd");
	hr_sample_thread(s, 1, 2, "systemd", "systemd");
	hr_sample_thread(s, 15, 1, "rcu_preempt", "rcu_preempt");
}

static inline void hr_sample_facts(struct hr_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->epoch = 1;
	(void)snprintf(f->name, sizeof(f->name), "vm-17");
	(void)snprintf(f->kernel, sizeof(f->kernel), "6.1.0-18-cloud-amd64");
	(void)snprintf(f->agent, sizeof(f->agent), "0.1.0");
	(void)snprintf(f->hypervisor, sizeof(f->hypervisor), "kvm");
	(void)snprintf(f->instance_type, sizeof(f->instance_type), "m5.large");
	(void)snprintf(f->tight_cgroup, sizeof(f->tight_cgroup), "/system.slice/batch.service");
	f->tight_cpu_m = 1500;
	f->tight_mem_mib = HR_NO_LIMIT;
	f->cpus_online = f->cpus_possible = 2;
	f->mem_total_bytes = 8ULL << 30;
	f->map_bytes = 600000;
	f->n_dev = 2;
	f->dev[0] = (struct hr_dev_facts){.kind = HR_DEV_DISK, .name = "vda", .nr_requests = 256};
	f->dev[1] = (struct hr_dev_facts){.kind = HR_DEV_NIC, .name = "eth0", .is_virtual = true};
	for (unsigned i = 0; i < HR_SIG_N; i++)
		f->signal[i].rung = HR_RUNG_FILE;
	f->signal[HR_SIG_CPU_SLOTS].rung = HR_RUNG_TP_BTF;
	f->signal[HR_SIG_CPU_QUOTA].rung = HR_RUNG_MISSING;
	(void)snprintf(f->signal[HR_SIG_CPU_QUOTA].reason,
		sizeof(f->signal[HR_SIG_CPU_QUOTA].reason), "cgroup v2 is not mounted");
}
