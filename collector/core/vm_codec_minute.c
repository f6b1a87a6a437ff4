/* SPDX-License-Identifier: Apache-2.0 */
/* Facts and the open minute of a VM's state; see vm_codec.c. */
#include "collector/core/vm_codec.h"

enum counted {
	SIGNALS,
	CTRS,
	DCTRS
};

/* How many there are of what grew since: of older versions as the last trees that wrote them had.
 */
static uint64_t count_of(struct codec *c, enum counted what)
{
	static const uint8_t older[][3] = {[2] = {30, 67, 39},
		{32, 74, 39},
		{33, 74, 40},
		{33, 74, 40},
		{33, 74, 40},
		{33, 76, 41},
		{33, 76, 41},
		{33, 76, 41},
		[10] = {34, 83, 41}};
	static const uint64_t now[] = {HR_SIG_N, HR_CTR_N, HR_DCTR_N};
	uint64_t n = now[what];

	if (c->version <= 10)
		return older[c->version][what];
	bounded(c, &n, n);
	return n;
}

/* They were appended, but for two of the devices in the midst, up to version 7. */
static void counters(struct codec *c, uint64_t *ctr, enum counted what)
{
	uint64_t n = count_of(c, what), moved = 0;
	bool in_place = what != DCTRS || c->version > 7;

	for (uint64_t i = 0; i < n; i++)
		if (in_place)
			FIELD(c, ctr[i], UINT64_MAX);
		else
			u64(c, &moved);
}

void hr_vm_codec_facts(struct codec *c, struct hr_facts *f)
{
	uint64_t n;

	FIELD(c, f->epoch, UINT32_MAX);
	text(c, f->name, sizeof(f->name));
	text(c, f->kernel, sizeof(f->kernel));
	text(c, f->agent, sizeof(f->agent));
	text(c, f->hypervisor, sizeof(f->hypervisor));
	text(c, f->provider, sizeof(f->provider));
	text(c, f->instance_type, sizeof(f->instance_type));
	text(c, f->tight_cgroup, sizeof(f->tight_cgroup));
	if (c->version >= 7) {
		FIELD(c, f->tight_cpu_m, UINT32_MAX);
		FIELD(c, f->tight_mem_mib, UINT32_MAX);
	}
	FIELD(c, f->cpus_online, UINT32_MAX);
	FIELD(c, f->cpus_possible, UINT32_MAX);
	FIELD(c, f->threads_per_core, UINT32_MAX);
	FIELD(c, f->mem_total_bytes, UINT64_MAX);
	FIELD(c, f->map_bytes, UINT64_MAX);
	FIELD(c, f->n_dev, HR_DEVS_MAX);
	for (uint8_t i = 0; i < f->n_dev; i++) {
		struct hr_dev_facts *d = &f->dev[i];

		FIELD(c, d->kind, HR_DEV_NIC);
		text(c, d->name, sizeof(d->name));
		FIELD(c, d->nr_requests, UINT32_MAX);
		FIELD(c, d->speed_mbps, UINT32_MAX);
		FIELD(c, d->cap_iops, UINT64_MAX);
		FIELD(c, d->cap_bytes_per_s, UINT64_MAX);
		FIELD(c, d->is_virtual, 1);
	}
	n = count_of(c, SIGNALS);
	for (uint64_t i = 0; i < n; i++) {
		FIELD(c, f->signal[i].rung, HR_RUNG_MISSING);
		text(c, f->signal[i].reason, sizeof(f->signal[i].reason));
	}
	FIELD(c, f->shed, UINT32_MAX);
}

static void spread(struct codec *c, struct hr_spread *s)
{
	FIELD(c, s->total, UINT64_MAX);
	FIELD(c, s->sum, UINT64_MAX);
	FIELD(c, s->p99_lo, UINT32_MAX);
	FIELD(c, s->p99_hi, UINT32_MAX);
	FIELD(c, s->max, UINT32_MAX);
}

static void minute_dev(struct codec *c, struct hr_minute_dev *d)
{
	FIELD(c, d->seen, 1);
	if (!d->seen)
		return;
	FIELD(c, d->have, UINT64_MAX);
	counters(c, d->ctr, DCTRS);
	for (unsigned i = 0; i < HR_DDIST_N; i++)
		spread(c, &d->dist[i]);
	for (unsigned w = 0; w < 2; w++) {
		FIELD(c, d->late[w], UINT64_MAX);
		FIELD(c, d->judged[w], UINT64_MAX);
	}
	FIELD(c, d->very_late, UINT64_MAX);
	f64(c, &d->rate_ops);
	f64(c, &d->rate_kib);
	FIELD(c, d->flat_ms, UINT64_MAX);
}

static void minute_use(struct codec *c, struct hr_use *u)
{
	FIELD(c, u->pid, UINT32_MAX);
	FIELD(c, u->tid, UINT32_MAX);
	FIELD(c, u->oncpu_ms, UINT32_MAX);
	FIELD(c, u->wait_ms, UINT32_MAX);
	FIELD(c, u->process_oncpu_ms, UINT32_MAX);
	FIELD(c, u->seen_ms, UINT32_MAX);
	FIELD(c, u->peers, UINT32_MAX);
	FIELD(c, u->u_max_pm, UINT16_MAX);
	FIELD(c, u->o_max_pm, UINT16_MAX);
	text(c, u->comm, sizeof(u->comm));
	text(c, u->process, sizeof(u->process));
	if (c->version >= 10) {
		FIELD(c, u->reads, UINT32_MAX);
		FIELD(c, u->reads_late, UINT32_MAX);
		FIELD(c, u->reads_busy, UINT64_MAX);
		FIELD(c, u->reads_oncpu, UINT64_MAX);
	}
}

void hr_vm_codec_groups(struct codec *c, struct hr_minute *m)
{
	FIELD(c, m->n_group, HR_GROUP_MAX);
	for (uint8_t i = 0; i < m->n_group; i++) {
		FIELD(c, m->group[i].oncpu_ms, UINT32_MAX);
		FIELD(c, m->group[i].wait_ms, UINT32_MAX);
		text(c, m->group[i].name, sizeof(m->group[i].name));
	}
}

/* Mostly empty: a slice a minute, few of the large loads. */
void hr_vm_codec_replay(struct codec *c, struct hr_replay_sum *r)
{
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			FIELD(c, r->tot[i][g], UINT32_MAX);
			if (r->tot[i][g])
				FIELD(c, r->late[i][g], UINT32_MAX);
		}
	for (unsigned z = 0; c->version >= 11 && z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			FIELD(c, r->queued[z][g], UINT32_MAX);
}

void hr_vm_codec_minute(struct codec *c, struct hr_vm *vm)
{
	struct hr_minute *m = &vm->open;
	uint8_t n_dev = m->n_dev;

	FIELD(c, m->windows, UINT32_MAX);
	FIELD(c, m->from_ms, UINT64_MAX);
	FIELD(c, m->to_ms, UINT64_MAX);
	FIELD(c, m->covered_ms, UINT64_MAX);
	FIELD(c, m->lost, UINT32_MAX);
	FIELD(c, m->epoch, UINT32_MAX);
	FIELD(c, m->cpus, UINT32_MAX);
	FIELD(c, m->have, UINT64_MAX);
	counters(c, m->ctr, CTRS);
	for (unsigned z = 0; z < HR_VQ_ROWS; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			FIELD(c, m->vq_bad[z][g], UINT64_MAX);
	for (unsigned i = 0; i < HR_DIST_N; i++)
		spread(c, &m->dist[i]);
	FIELD(c, m->n_use, HR_USES_MAX);
	for (uint8_t i = 0; i < m->n_use; i++)
		minute_use(c, &m->use[i]);
	FIELD(c, n_dev, HR_DEVS_MAX);
	if (!c->bad && !c->encode && !hr_vm_size_devices(vm, n_dev))
		c->bad = c->no_memory = true;
	if (c->bad)
		return;
	if (!c->encode)
		m->n_dev = n_dev;
	for (uint8_t i = 0; i < n_dev; i++)
		minute_dev(c, &m->dev[i]);
}
