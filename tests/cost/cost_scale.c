/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time of one tick by the number of possible CPUs: cells as the programs leave them
 * after a busy second (every slot written on every CPU, one disk, one NIC), a
 * /proc/stat of that many lines, and the agent's own code from cells to window.
 *
 *	cost_scale CPUS...
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/cells.h"
#include "agent/core/sampler.h"
#include "bpf/cell.h"
#include "proto/num.h"
#include "proto/units.h"

#define STAT_LINE 128 /* bytes of a line of /proc/stat, at most */

#define TICKS 41

struct machine {
	uint32_t cpus;
	struct hr_cpu_cell *cpu;
	struct hr_disk_cell *disk;
	struct hr_nic_cell *nic;
	struct hr_mem_cell *mem;
	struct hr_cells *cells;
	struct hr_cells_view view;
	struct hr_take take;
	struct hr_sampler sampler;
	struct hr_raw raw;
	char *stat;
};

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fprintf(stderr, "cost_scale: out of memory\n");
		exit(1);
	}
	return p;
}

static uint64_t real_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * HR_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* What a CPU's programs add in one slot of a busy second. */
static void busy_slot(struct machine *m, uint32_t cpu, uint64_t slot)
{
	struct hr_cpu_cell *c = &m->cpu[cpu];
	struct hr_cpu_slot *s = &c->slot[slot & HR_RING_MASK];
	struct hr_disk_cell *d = &m->disk[cpu];

	s->wait_ns += 1000 + cpu;
	s->oncpu_wakes += HR_SLOT_NS / 2 + 7 * HR_SLOT_WAKE;
	c->seq += 40;
	c->quick[(slot + cpu) % (HR_SMALL * HR_SMALL)] += 3;
	c->wait.n[(slot + cpu) % HR_BUCKETS] += 7;
	c->burst_cpu_us.n[(slot + cpu) % HR_BUCKETS] += 7;
	c->burst_wait_us.n[(slot * 3 + cpu) % HR_BUCKETS] += 7;
	d->res_ns[slot & 1] += 50000;
	d->lat[slot & 1].n[(slot + cpu) % HR_BUCKETS]++;
	d->slot[slot & HR_RING_MASK].sum[slot & 1] += 1ULL << HR_DISK_OPS_SHIFT | 8;
	m->nic[cpu].slot[slot & HR_RING_MASK].sum[slot & 1] += 1ULL << HR_NIC_PACKETS_SHIFT | 1500;
}

static void busy_second(struct machine *m, uint64_t from_ns)
{
	for (uint64_t s = from_ns >> HR_SLOT_SHIFT; s < (from_ns + HR_NS_PER_S) >> HR_SLOT_SHIFT;
		s++)
		for (uint32_t cpu = 0; cpu < m->cpus; cpu++)
			busy_slot(m, cpu, s);
}

static long write_stat(char *p, size_t cap, uint32_t cpus, uint64_t tick)
{
	size_t at = 0;
	unsigned long long t = tick * 50;

	at += (size_t)snprintf(p + at, cap - at, "cpu  %llu 0 %llu %llu 0 0 0 0 0 0\n", t * cpus,
		t * cpus, t * cpus);
	for (uint32_t i = 0; i < cpus; i++)
		at += (size_t)snprintf(
			p + at, cap - at, "cpu%u %llu 0 %llu %llu 0 0 0 0 0 0\n", i, t, t, t);
	at += (size_t)snprintf(p + at, cap - at, "ctxt %llu\nprocs_running 3\n", t * cpus * 100);
	return at < cap ? (long)at : -1;
}

static struct machine *build(uint32_t cpus)
{
	struct machine *m = zeroed(1, sizeof *m);
	struct hr_sampler_conf conf = {.align = false,
		.epoch = 1,
		.cpus = cpus,
		.n_dev = 2,
		.dev_kind = {HR_DEV_DISK, HR_DEV_NIC},
		.dev_name = {"vda", "eth0"}};

	m->cpus = cpus;
	m->cpu = zeroed(cpus, sizeof *m->cpu);
	m->disk = zeroed(cpus, sizeof *m->disk);
	m->nic = zeroed(cpus, sizeof *m->nic);
	m->mem = zeroed(cpus, sizeof *m->mem);
	m->cells = zeroed(1, hr_cells_size(cpus, 1, 1));
	m->stat = zeroed(cpus + 8, STAT_LINE);
	hr_cells_init(m->cells, cpus, 1, 1);
	m->view = (struct hr_cells_view){.cpus = cpus,
		.disks = 1,
		.nics = 1,
		.cpu = m->cpu,
		.disk = m->disk,
		.nic = m->nic,
		.mem = m->mem};
	memset(m->view.disk_dev, HR_DEVS_MAX, sizeof m->view.disk_dev);
	memset(m->view.nic_dev, HR_DEVS_MAX, sizeof m->view.nic_dev);
	m->view.disk_dev[0] = 0;
	m->view.nic_dev[0] = 1;
	hr_sampler_init(&m->sampler, &conf);
	return m;
}

static void one_tick(struct machine *m, uint64_t tick, double *ret_take_us, double *ret_fold_us)
{
	uint64_t now = 1000 * HR_NS_PER_S + tick * HR_NS_PER_S, t0, t1, t2;
	const struct hr_summary *s;

	busy_second(m, now - HR_NS_PER_S);
	m->raw = (struct hr_raw){.mono_ns = now, .boot_ns = now, .wall_ms = now / 1000000};
	m->raw.due_ns = now;
	m->raw.take = &m->take;
	for (int i = 0; i < HR_FILE_N; i++)
		m->raw.file[i] = (struct hr_text){"", -ENOENT};
	m->raw.file[HR_FILE_STAT] = (struct hr_text){
		m->stat, write_stat(m->stat, (m->cpus + 8) * (size_t)STAT_LINE, m->cpus, tick)};
	t0 = real_ns();
	(void)hr_cells_plan(m->cells, now);
	hr_cells_take(m->cells, &m->view, &m->take);
	t1 = real_ns();
	m->take.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
		       HR_SIG_BIT(HR_SIG_BURSTS) | HR_SIG_BIT(HR_SIG_DISK_IO) |
		       HR_SIG_BIT(HR_SIG_NET_IO);
	(void)hr_sampler_tick(&m->sampler, &m->raw, &s);
	t2 = real_ns();
	*ret_take_us = (double)(t1 - t0) / 1e3;
	*ret_fold_us = (double)(t2 - t1) / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(uint32_t cpus)
{
	double take[TICKS], fold[TICKS], sum[TICKS];
	struct machine *m = build(cpus);

	for (uint64_t i = 0; i < TICKS + 2; i++) { /* the first two set the base */
		unsigned k = i < 2 ? 0 : (unsigned)i - 2;

		one_tick(m, i, &take[k], &fold[k]);
		sum[k] = take[k] + fold[k];
	}
	qsort(take, TICKS, sizeof take[0], by_value);
	qsort(fold, TICKS, sizeof fold[0], by_value);
	qsort(sum, TICKS, sizeof sum[0], by_value);
	printf("%6u %10.1f %10.1f %10.1f [%8.1f, %8.1f] %12.2f\n", cpus, take[TICKS / 2],
		fold[TICKS / 2], sum[TICKS / 2], sum[0], sum[TICKS - 1], sum[TICKS / 2] / cpus);
	free(m->cpu);
	free(m->disk);
	free(m->nic);
	free(m->mem);
	free(m->cells);
	free(m->stat);
	free(m);
}

int main(int argc, char **argv)
{
	printf("%6s %10s %10s %10s %20s %12s\n", "CPUs", "take us", "fold us", "tick us",
		"[least, largest]", "us per CPU");
	for (int i = 1; i < argc; i++) {
		uint64_t cpus;

		if (!hr_num_u64(argv[i], 1, HR_CPUS_MAX, &cpus)) {
			fprintf(stderr, "cost_scale: '%s': expected 1 to %u CPUs\n", argv[i],
				(unsigned)HR_CPUS_MAX);
			return 2;
		}
		report((uint32_t)cpus);
	}
	return 0;
}
