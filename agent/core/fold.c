/* SPDX-License-Identifier: Apache-2.0 */
/* One take -> the open summary; see fold.h for what belongs to which window. */
#include "agent/core/fold.h"

#include <string.h>

#include "proto/units.h"

/* Signals made of slots: worth nothing for a window with a hole in it. */
#define SLOT_SIGNALS                                                                               \
	(HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) | HR_SIG_BIT(HR_SIG_BURSTS) | \
		HR_SIG_BIT(HR_SIG_DISK_IO) | HR_SIG_BIT(HR_SIG_NET_IO))

static bool has(uint64_t have, enum hr_signal sig)
{
	return have & HR_SIG_BIT(sig);
}

void hr_fold_init(
	struct hr_fold *f, uint32_t cpus, const uint8_t *kind, uint8_t n_dev, uint32_t keep)
{
	hr_vqueue_reset(&f->vq);
	hr_marginal_reset(&f->marginal);
	f->light = (struct hr_light){0};
	f->cpus = cpus;
	f->n_dev = n_dev;
	f->sec_slots = 0;
	f->sec_oncpu_ns = 0;
	f->begun = false;
	memset(f->untimed, 0, sizeof(f->untimed));
	for (uint8_t i = 0; i < n_dev; i++)
		if (keep & 1u << i)
			hr_devwin_gap(&f->win[i]);
		else
			hr_devwin_init(&f->win[i], kind[i]);
}

static void gap(struct hr_fold *f)
{
	hr_vqueue_reset(&f->vq);
	hr_marginal_reset(&f->marginal);
	f->sec_slots = 0;
	f->sec_oncpu_ns = 0;
	for (uint8_t i = 0; i < f->n_dev; i++)
		hr_devwin_gap(&f->win[i]);
}

void hr_fold_gap(struct hr_fold *f)
{
	gap(f);
	f->begun = false;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t permille(uint64_t ns, uint64_t of_ns)
{
	return (ns * 1000 + of_ns / 2) / of_ns;
}

static void second_add(struct hr_fold *f, uint64_t oncpu_ns, struct hr_summary *s)
{
	f->sec_oncpu_ns += oncpu_ns;
	if (++f->sec_slots < HR_FOLD_SECOND_SLOTS)
		return;
	(void)hr_hist_add(&s->dist[HR_DIST_BUSY_1S],
		permille(f->sec_oncpu_ns, HR_FOLD_SECOND_SLOTS * HR_SLOT_NS), 1);
	f->sec_slots = 0;
	f->sec_oncpu_ns = 0;
}

static void cpu_slot(struct hr_fold *f, uint64_t have, const struct hr_slot_cpu *c,
	double lost_cpus, struct hr_summary *s)
{
	uint64_t all_ns = f->cpus * HR_SLOT_NS, runnable_ns = c->oncpu_ns + c->wait_ns;

	if (has(have, HR_SIG_CPU_SLOTS)) {
		s->ctr[HR_CTR_SLOT_N]++;
		s->ctr[HR_CTR_ONCPU_NS] += c->oncpu_ns;
		s->ctr[HR_CTR_UNKNOWN_NS] += c->unknown_ns;
		if (c->oncpu_ns >= all_ns - all_ns / 100)
			s->ctr[HR_CTR_BUSY_ALL_N]++;
		(void)hr_hist_add(&s->dist[HR_DIST_BUSY], permille(c->oncpu_ns, HR_SLOT_NS), 1);
		second_add(f, c->oncpu_ns, s);
	}
	if (has(have, HR_SIG_RUNQ_WAIT)) {
		s->ctr[HR_CTR_WAIT_NS] += c->wait_ns;
		s->ctr[HR_CTR_FROZEN_C_NS] += min_u64(runnable_ns, all_ns);
		s->ctr[HR_CTR_FROZEN_2C_NS] += min_u64(runnable_ns, 2 * all_ns);
		(void)hr_hist_add(&s->dist[HR_DIST_RUNNABLE], permille(runnable_ns, HR_SLOT_NS), 1);
	}
	if (has(have, HR_SIG_BURSTS)) {
		/* Hogs are neither arriving nor fixed work (answer-model 4.3): what wakes runs
		 * before them.  With two hogs on two CPUs as fixed work the queue put k at 1/8
		 * while 0.1 % of the bursts were late. */
		struct hr_vqueue_slot q = {(double)c->charge_ns,
			has(have, HR_SIG_READS) ? hr_light_grow(&f->light, c)
						: (double)c->charge_ns,
			0, lost_cpus, (double)HR_SLOT_NS, c->wakes};

		s->ctr[HR_CTR_CHARGE_NS] += c->charge_ns;
		s->ctr[HR_CTR_HOG_NS] += c->hog_ns;
		s->ctr[HR_CTR_VQ_TOT_N] += c->wakes;
		hr_vqueue_add(&f->vq, f->cpus, &q, s->vq_bad);
		if (has(have, HR_SIG_READS))
			hr_marginal_add(&f->marginal, c->reads, c->charge_ns, s->ctr);
	}
}

static void dev_slot(
	struct hr_fold *f, uint64_t have, const struct hr_take *t, uint32_t i, struct hr_summary *s)
{
	for (uint8_t d = 0; d < f->n_dev; d++) {
		const struct hr_slot_dev *slot = &t->dev_slot[d][i];
		bool disk = f->win[d].kind == HR_DEV_DISK;

		if (!has(have, disk ? HR_SIG_DISK_IO : HR_SIG_NET_IO))
			continue;
		if (disk)
			s->dev[d].ctr[HR_DCTR_IO_INFLIGHT_NS] +=
				slot->inflight_ns[0] + slot->inflight_ns[1];
		hr_devwin_slot(&f->win[d], slot, &s->dev[d]);
	}
}

static uint32_t slots_in(const struct hr_take *t)
{
	return t->n_slots < HR_TAKE_SLOTS ? t->n_slots : HR_TAKE_SLOTS;
}

/*
 * A packet that a task sends to another here is softirq time, too, in the midst of its own.  In the
 * midst of hogs, which the queue does not have, it is lost as well.
 */
static double lost_cpus(const struct hr_take *t, const struct hr_lost *lost)
{
	uint64_t oncpu_ns = 0, hog_ns = 0;
	uint32_t n = slots_in(t);
	double idle, hogs;

	if (!lost)
		return 0;
	if (n == 0 || !has(t->have, HR_SIG_CPU_SLOTS))
		return lost->steal + lost->irq;
	for (uint32_t i = 0; i < n; i++) {
		oncpu_ns += t->cpu_slot[i].oncpu_ns;
		hog_ns += t->cpu_slot[i].hog_ns;
	}
	idle = lost->busy - (double)oncpu_ns / (double)(n * HR_SLOT_NS);
	idle = idle < 0 ? 0 : idle < lost->irq ? idle : lost->irq;
	hogs = hog_ns < oncpu_ns ? (double)hog_ns / (double)oncpu_ns : oncpu_ns > 0;
	return lost->steal + idle + (lost->irq - idle) * hogs;
}

/* False: slots are missing before or in this take. */
static bool slots(struct hr_fold *f, const struct hr_take *t, const struct hr_lost *lost,
	struct hr_summary *s)
{
	double lost_now = lost_cpus(t, lost);
	uint32_t n = slots_in(t), i = 0;
	bool whole = !t->overrun && n == t->n_slots;

	if (f->begun && n > 0) {
		if (t->first_slot > f->next_slot)
			whole = false;
		else if (t->first_slot < f->next_slot) /* told twice: once is enough */
			i = (uint32_t)min_u64(f->next_slot - t->first_slot, n);
	}
	if (!whole)
		gap(f);
	for (; i < n; i++) {
		cpu_slot(f, t->have, &t->cpu_slot[i], lost_now, s);
		dev_slot(f, t->have, t, i, s);
	}
	if (n > 0 && (!f->begun || t->first_slot + n > f->next_slot)) {
		f->begun = true;
		f->next_slot = t->first_slot + n;
	}
	return whole;
}

static void learn(struct hr_fold *f, const struct hr_take *t)
{
	struct hr_slot_cpu sum = {0};

	if (!has(t->have, HR_SIG_BURSTS) || !has(t->have, HR_SIG_READS))
		return;
	for (uint32_t i = 0; i < slots_in(t); i++) {
		sum.charge_ns += t->cpu_slot[i].charge_ns;
		sum.reads += t->cpu_slot[i].reads;
		sum.wakes += t->cpu_slot[i].wakes;
	}
	hr_light_learn(&f->light, &sum, &t->cpu.burst_cpu);
}

static void cpu_counters(const struct hr_take *t, struct hr_summary *s)
{
	const struct hr_take_cpu *c = &t->cpu;

	if (has(t->have, HR_SIG_CPU_SLOTS)) {
		s->ctr[HR_CTR_SWITCHES] += c->switches;
		s->ctr[HR_CTR_SWITCH_VOLUNTARY] += c->voluntary;
		s->ctr[HR_CTR_SWITCH_RESYNC] += c->resync;
		s->ctr[HR_CTR_LATE_NS] += c->late_ns;
	}
	if (has(t->have, HR_SIG_RUNQ_WAIT))
		(void)hr_hist_merge(&s->dist[HR_DIST_RUNQ_WAIT], &c->wait);
	if (has(t->have, HR_SIG_BURSTS)) {
		s->ctr[HR_CTR_BURST_N] += c->bursts;
		s->ctr[HR_CTR_BURST_LATE_N] += c->bursts_late;
		s->ctr[HR_CTR_BURST_BROKEN_N] += c->broken;
		(void)hr_hist_merge(&s->dist[HR_DIST_BURST_CPU], &c->burst_cpu);
		(void)hr_hist_merge(&s->dist[HR_DIST_BURST_WAIT], &c->burst_wait);
	}
}

/* Requests are read before the timed ones among them: what comes in between evens out later. */
static uint64_t untimed(int64_t *owed, const struct hr_take_disk *k)
{
	int64_t n;

	*owed += (int64_t)(k->n[0] + k->n[1] - k->measured[0] - k->measured[1]);
	n = *owed > 0 ? *owed : 0;
	*owed -= n;
	return (uint64_t)n;
}

static void disk_counters(uint64_t have, const struct hr_take_disk *k, struct hr_dev_summary *d)
{
	for (int i = 0; i < 2; i++) {
		d->ctr[HR_DCTR_IO_RD_N + i] += k->n[i];
		d->ctr[HR_DCTR_IO_RD_BYTES + i] += k->bytes[i];
		(void)hr_hist_merge(&d->dist[HR_DDIST_RD_LAT + i], &k->lat[i]);
	}
	d->ctr[HR_DCTR_IO_ERROR_N] += k->errors;
	d->ctr[HR_DCTR_IO_DISCARD_N] += k->discards;
	d->ctr[HR_DCTR_IO_FLUSH_N] += k->flushes;
	if (has(have, HR_SIG_DISK_SYNC))
		d->ctr[HR_DCTR_IO_SYNC_NS] += k->sync_ns;
}

static void mem_counters(const struct hr_take *t, struct hr_summary *s)
{
	const struct hr_take_mem *m = &t->mem;

	if (has(t->have, HR_SIG_RECLAIM)) {
		s->ctr[HR_CTR_RECLAIM_N] += m->reclaims;
		s->ctr[HR_CTR_RECLAIM_NS] += m->reclaim_ns;
		(void)hr_hist_merge(&s->dist[HR_DIST_RECLAIM], &m->reclaim);
	}
	if (has(t->have, HR_SIG_OOM))
		s->ctr[HR_CTR_OOM_N] += m->ooms;
	if (has(t->have, HR_SIG_TCP_RETRANS))
		s->ctr[HR_CTR_TCP_RETRANS_N] += m->retransmits;
}

uint64_t hr_fold_take(struct hr_fold *f, const struct hr_take *take, const struct hr_lost *lost,
	struct hr_summary *s)
{
	bool whole = slots(f, take, lost, s);

	learn(f, take);
	cpu_counters(take, s);
	mem_counters(take, s);
	for (uint8_t i = 0; i < f->n_dev; i++)
		if (f->win[i].kind == HR_DEV_DISK && has(take->have, HR_SIG_DISK_IO)) {
			disk_counters(take->have, &take->disk[i], &s->dev[i]);
			s->dev[i].ctr[HR_DCTR_IO_UNTIMED_N] +=
				untimed(&f->untimed[i], &take->disk[i]);
		}
	return whole ? take->have : take->have & ~SLOT_SIGNALS;
}
