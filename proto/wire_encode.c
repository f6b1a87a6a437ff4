/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain types -> bytes.  Zeros, empty distributions and everything of a missing
 * signal are left out; texts are made fit for the wire here, because a thread
 * may call itself anything and one name must not get a batch refused.
 */
#include "proto/wire.h"

#include <string.h>

#include "headroom.pb-c.h"
#include "proto/grid_bits.h"
#include "proto/hist_bits.h"
#include "proto/text.h"
#include "proto/wire_scan.h"

#define TOP_COLS   6
#define READ_COLS  2
#define GROUP_COLS 2
#define FS_COLS    4
#define CTR_WORDS  ((HR_CTR_N + 63) / 64)

/* The columns of one summary: 75 KiB of stack, of which only what is used is touched. */
struct columns {
	uint64_t ctr_set[CTR_WORDS];
	uint64_t ctr[HR_CTR_N];
	uint32_t dist_set[1 + HR_DEVS_MAX];
	struct hr_bits bits;
	unsigned level; /* of coarseness, see coarse[] */
	bool any;       /* bits say more than that there is nothing */
	uint32_t dev[HR_DEVS_MAX];
	uint64_t dev_have[HR_DEVS_MAX];
	uint64_t dctr_set[HR_DEVS_MAX];
	uint64_t dctr[HR_DEVS_MAX * HR_DCTR_N];
	uint32_t top[HR_TOP_MAX * TOP_COLS];
	char name[2 * HR_TOP_MAX][HR_COMM_LEN];
	char *top_name[2 * HR_TOP_MAX];
	uint32_t read[HR_TOP_MAX * READ_COLS];
	uint32_t group[HR_GROUP_MAX * GROUP_COLS];
	char group_text[HR_GROUP_MAX][HR_GROUP_LEN];
	char *group_name[HR_GROUP_MAX];
	uint64_t fs[HR_FS_MAX * FS_COLS];
	char mount[HR_FS_MAX][HR_NAME_LEN];
	char *mounts[HR_FS_MAX];
	unsigned char queued[HR_GRID_BYTES];
	unsigned char dist[HR_BODY_MAX];
};

/*
 * log2 of the buckets that count as one, by kind of distribution and level.  What only describes
 * goes first; what the model takes quantiles of follows; what it counts slots with stays.
 */
enum coarse_kind {
	WAITS,
	TIMES,
	RATES,
	SLOTS,
	COARSE_KINDS,
};
#define LEVELS 7
static const uint8_t coarse[COARSE_KINDS][LEVELS] = {
	[WAITS] = {0, 1, 2, 2, 3, 3, 3},
	[TIMES] = {0, 0, 0, 1, 2, 3, 3},
	[RATES] = {0, 0, 0, 0, 1, 2, 3},
	[SLOTS] = {0, 0, 0, 0, 0, 0, 0},
};

static enum coarse_kind dist_kind(uint32_t id)
{
	switch ((enum hr_dist)id) {
	case HR_DIST_RUNQ_WAIT:
	case HR_DIST_BURST_WAIT:
		return WAITS;
	case HR_DIST_BURST_CPU:
	case HR_DIST_RTT_INFLATION:
	case HR_DIST_RECLAIM:
		return TIMES;
	default:
		return SLOTS;
	}
}

static enum coarse_kind ddist_kind(uint32_t id)
{
	switch ((enum hr_ddist)id) {
	case HR_DDIST_INFLIGHT:
		return WAITS;
	case HR_DDIST_RD_LAT:
	case HR_DDIST_WR_LAT:
		return TIMES;
	default:
		return RATES;
	}
}

static bool add_dist(struct columns *c, uint32_t word, uint32_t id, const struct hr_hist *h)
{
	enum coarse_kind kind = word == 0 ? dist_kind(id) : ddist_kind(id);

	if (h->total == 0)
		return true;
	c->dist_set[word] |= 1u << id;
	c->any = true;
	return hr_hist_put(&c->bits, h, coarse[kind][c->level]);
}

static bool add_vm(Headroom__Summary *m, struct columns *c, const struct hr_summary *s)
{
	for (uint32_t i = 0; i < HR_CTR_N; i++) {
		if (s->ctr[i] == 0 || !hr_has(s, hr_ctr_signal((enum hr_ctr)i)))
			continue;
		c->ctr_set[i / 64] |= 1ULL << i % 64;
		c->ctr[m->n_ctr++] = s->ctr[i];
	}
	for (uint32_t i = 0; i < HR_DIST_N; i++)
		if (hr_has(s, hr_dist_signal((enum hr_dist)i)) && !add_dist(c, 0, i, &s->dist[i]))
			return false;
	return true;
}

static bool add_dev(
	Headroom__Summary *m, struct columns *c, const struct hr_dev_summary *d, uint32_t pos)
{
	c->dev[pos] = d->dev;
	c->dev_have[pos] = d->have;
	for (uint32_t i = 0; i < HR_DCTR_N; i++) {
		if (d->ctr[i] == 0 || !(d->have & HR_SIG_BIT(hr_dctr_signal((enum hr_dctr)i))))
			continue;
		c->dctr_set[pos] |= 1ULL << i;
		c->dctr[m->n_dctr++] = d->ctr[i];
	}
	for (uint32_t i = 0; i < HR_DDIST_N; i++)
		if ((d->have & HR_SIG_BIT(hr_ddist_signal((enum hr_ddist)i))) &&
			!add_dist(c, pos + 1, i, &d->dist[i]))
			return false;
	return true;
}

/* Beyond the aim a thread that ran and waited for less than a hundredth of a CPU is not a hot one.
 */
static void add_top(Headroom__Summary *m, struct columns *c, const struct hr_summary *s)
{
	uint32_t n = 0, reads = 0;

	for (uint32_t i = 0; i < s->n_top; i++) {
		const struct hr_top *t = &s->top[i];

		if (c->level > 0 && (uint64_t)t->oncpu_ms + t->wait_ms < s->dur_ms / 100)
			continue;
		const uint32_t v[TOP_COLS] = {t->pid, t->tid - t->pid, t->oncpu_ms, t->wait_ms,
			t->process_oncpu_ms - t->oncpu_ms, t->peers};

		memcpy(&c->top[n * TOP_COLS], v, sizeof(v));
		c->read[n * READ_COLS] = t->reads;
		c->read[n * READ_COLS + 1] = t->reads_late;
		reads |= t->reads | t->reads_late;
		hr_text_clean(t->comm, c->name[2 * n], HR_COMM_LEN);
		hr_text_clean(t->process, c->name[2 * n + 1], HR_COMM_LEN);
		if (strcmp(c->name[2 * n], c->name[2 * n + 1]) == 0)
			c->name[2 * n + 1][0] = '\0';
		c->top_name[2 * n] = c->name[2 * n];
		c->top_name[2 * n + 1] = c->name[2 * n + 1];
		n++;
	}
	m->n_top = (size_t)n * TOP_COLS;
	m->n_top_name = (size_t)n * 2;
	m->n_read = hr_has(s, HR_SIG_READS) && reads ? (size_t)n * READ_COLS : 0;
}

static void add_groups(Headroom__Summary *m, struct columns *c, const struct hr_summary *s)
{
	for (uint32_t i = 0; i < s->n_group; i++) {
		c->group[i * GROUP_COLS] = s->group[i].oncpu_ms;
		c->group[i * GROUP_COLS + 1] = s->group[i].wait_ms;
		hr_text_clean(s->group[i].name, c->group_text[i], HR_GROUP_LEN);
		c->group_name[i] = c->group_text[i];
	}
	m->n_group = (size_t)s->n_group * GROUP_COLS;
	m->n_group_name = s->n_group;
}

static void add_fs(Headroom__Summary *m, struct columns *c, const struct hr_summary *s)
{
	for (uint32_t i = 0; i < s->n_fs; i++) {
		const struct hr_fs *f = &s->fs[i];
		const uint64_t v[FS_COLS] = {
			f->used_bytes, f->usable_bytes, f->used_inodes, f->usable_inodes};

		memcpy(&c->fs[i * FS_COLS], v, sizeof(v));
		hr_text_clean(f->mount, c->mount[i], HR_NAME_LEN);
		c->mounts[i] = c->mount[i];
	}
	m->n_fs = (size_t)s->n_fs * FS_COLS;
	m->n_fs_mount = s->n_fs;
}

static const uint32_t no_grid[HR_VQ_ROWS][HR_VQ_GRID];
static const struct hr_replay_sum no_replay;

/* Behind the distributions: the grids. */
static bool add_grids(struct columns *c, const struct hr_summary *s)
{
	bool vq = hr_has(s, HR_SIG_BURSTS) && memcmp(s->vq_bad, no_grid, sizeof(no_grid)) != 0;
	bool replay =
		hr_has(s, HR_SIG_REPLAY) && memcmp(&s->replay, &no_replay, sizeof(no_replay)) != 0;

	if (!c->any && !vq && !replay)
		return true;
	c->any = true;
	return hr_bits_put(&c->bits, vq, 1) && (!vq || hr_grid_put(&c->bits, s->vq_bad)) &&
	       hr_bits_put(&c->bits, replay, 1) &&
	       (!replay || (hr_grid_put(&c->bits, s->replay.late) &&
				   hr_grid_put(&c->bits, s->replay.tot)));
}

static bool add_queued(Headroom__Summary *m, struct columns *c, const struct hr_summary *s)
{
	struct hr_bits b = {c->queued, sizeof(c->queued), 0};
	uint32_t grid[HR_VQ_ROWS][HR_VQ_GRID] = {0};

	if (!hr_has(s, HR_SIG_REPLAY) ||
		memcmp(s->replay.queued, no_grid, sizeof(s->replay.queued)) == 0)
		return true;
	memcpy(grid, s->replay.queued, sizeof(s->replay.queued));
	if (!hr_grid_put(&b, grid))
		return false;
	m->has_queued = true;
	m->queued.data = c->queued;
	m->queued.len = hr_bits_bytes(&b);
	return true;
}

static void point(Headroom__Summary *m, struct columns *c)
{
	m->n_ctr_set = CTR_WORDS;
	m->ctr_set = c->ctr_set;
	m->ctr = c->ctr;
	m->has_bits = c->any;
	m->bits.data = c->dist;
	m->bits.len = hr_bits_bytes(&c->bits);
	for (size_t i = 0; i < 1 + m->n_dev; i++)
		if (c->dist_set[i])
			m->n_dist_set = 1 + m->n_dev;
	m->dist_set = c->dist_set;
	m->n_dev_have = m->n_dctr_set = m->n_dev;
	m->dev = c->dev;
	m->dev_have = c->dev_have;
	m->dctr_set = c->dctr_set;
	m->dctr = c->dctr;
	m->top = c->top;
	m->top_name = c->top_name;
	m->read = c->read;
	m->group = c->group;
	m->group_name = c->group_name;
	m->fs = c->fs;
	m->fs_mount = c->mounts;
}

static size_t pack(const ProtobufCMessage *m, void *buf, size_t cap)
{
	size_t len = protobuf_c_message_get_packed_size(m);

	if (len > cap)
		return 0;
	return protobuf_c_message_pack(m, buf);
}

static size_t encode(const struct hr_summary *s, unsigned level, void *buf, size_t cap)
{
	Headroom__Summary m = HEADROOM__SUMMARY__INIT;
	struct columns c;

	memset(&c, 0, offsetof(struct columns, dist));
	c.bits = (struct hr_bits){c.dist, sizeof(c.dist), 0};
	c.level = level;
	/* seq, duration and have are always there: their absence would mean a broken sender */
	m.has_seq_first = m.has_seq_last = m.has_dur_ms = m.has_have = true;
	m.seq_first = s->seq_first;
	m.seq_last = s->seq_last;
	m.dur_ms = s->dur_ms;
	m.have = s->have;
	m.t_end_ms = s->t_end_ms;
	m.has_t_end_ms = s->t_end_ms != 0;
	m.lost = s->lost;
	m.has_lost = s->lost != 0;
	m.epoch = s->epoch;
	m.has_epoch = s->epoch != 0;
	m.cpus = s->cpus;
	m.has_cpus = s->cpus != 0;
	if (!add_vm(&m, &c, s))
		return 0;
	m.n_dev = s->n_dev;
	for (uint32_t i = 0; i < s->n_dev; i++)
		if (!add_dev(&m, &c, &s->dev[i], i))
			return 0;
	if (!add_grids(&c, s) || !add_queued(&m, &c, s))
		return 0;
	if (hr_has(s, HR_SIG_THREADS)) {
		add_top(&m, &c, s);
		add_groups(&m, &c, s);
	}
	if (hr_has(s, HR_SIG_FS))
		add_fs(&m, &c, s);
	point(&m, &c);
	return pack(&m.base, buf, cap);
}

size_t hr_wire_encode_summary(const struct hr_summary *s, void *buf, size_t cap)
{
	return encode(s, 0, buf, cap);
}

static size_t aim_of(const struct hr_summary *s)
{
	uint64_t whole_ns = (uint64_t)s->cpus * s->dur_ms * 1000000;

	return hr_has(s, HR_SIG_CPU_SLOTS) && s->ctr[HR_CTR_ONCPU_NS] < whole_ns / 10
		       ? HR_WINDOW_AIM_IDLE
		       : HR_WINDOW_AIM;
}

size_t hr_wire_encode_window(const struct hr_summary *s, void *buf, size_t cap)
{
	size_t aim = aim_of(s);

	for (unsigned level = 0; level < LEVELS; level++) {
		size_t n = encode(s, level, buf, cap);

		if (n > 0 && (n <= aim || level == LEVELS - 1))
			return n;
	}
	return encode(s, 0, buf, cap); /* a group that 32 bits do not hold, or no room */
}

/* --- facts --- */

struct facts_text {
	char name[7 + HR_DEVS_MAX][HR_NAME_LEN];
	char reason[HR_SIG_N][HR_REASON_LEN];
	unsigned n_name;
};

/* A cleaned copy that lives in @t; NULL (absent) when empty. */
static char *name_of(struct facts_text *t, const char *s)
{
	char *to = t->name[t->n_name];

	if (*s == '\0')
		return NULL;
	hr_text_clean(s, to, HR_NAME_LEN);
	t->n_name++;
	return to;
}

static void fill_device(Headroom__Device *m, const struct hr_dev_facts *d, struct facts_text *t)
{
	*m = (Headroom__Device)HEADROOM__DEVICE__INIT;
	m->kind = d->kind;
	m->has_kind = d->kind != 0;
	m->name = name_of(t, d->name);
	m->nr_requests = d->nr_requests;
	m->has_nr_requests = d->nr_requests != 0;
	m->speed_mbps = d->speed_mbps;
	m->has_speed_mbps = d->speed_mbps != 0;
	m->cap_iops = d->cap_iops;
	m->has_cap_iops = d->cap_iops != 0;
	m->cap_bytes_per_s = d->cap_bytes_per_s;
	m->has_cap_bytes_per_s = d->cap_bytes_per_s != 0;
	m->burst_iops = d->burst_iops;
	m->has_burst_iops = d->burst_iops != 0;
	m->burst_bytes_per_s = d->burst_bytes_per_s;
	m->has_burst_bytes_per_s = d->burst_bytes_per_s != 0;
	m->is_virtual = d->is_virtual;
	m->has_is_virtual = d->is_virtual;
}

static void fill_numbers(Headroom__Facts *m, const struct hr_facts *f)
{
	m->epoch = f->epoch;
	m->has_epoch = f->epoch != 0;
	m->cpus_online = f->cpus_online;
	m->has_cpus_online = f->cpus_online != 0;
	m->cpus_possible = f->cpus_possible;
	m->has_cpus_possible = f->cpus_possible != 0;
	m->threads_per_core = f->threads_per_core;
	m->has_threads_per_core = f->threads_per_core != 0;
	m->mem_total_bytes = f->mem_total_bytes;
	m->has_mem_total_bytes = f->mem_total_bytes != 0;
	m->tight_cpu_m = f->tight_cpu_m;
	m->has_tight_cpu_m = f->tight_cpu_m != 0;
	m->tight_mem_mib = f->tight_mem_mib;
	m->has_tight_mem_mib = f->tight_mem_mib != 0;
	m->map_bytes = f->map_bytes;
	m->has_map_bytes = f->map_bytes != 0;
	m->shed = f->shed;
	m->has_shed = f->shed != 0;
}

size_t hr_wire_encode_facts(const struct hr_facts *f, void *buf, size_t cap)
{
	Headroom__Facts m = HEADROOM__FACTS__INIT;
	Headroom__Device dev[HR_DEVS_MAX], *devs[HR_DEVS_MAX];
	uint32_t rung[HR_SIG_N], reason_signal[HR_SIG_N];
	char *reason[HR_SIG_N];
	struct facts_text t;

	t.n_name = 0;
	fill_numbers(&m, f);
	m.name = name_of(&t, f->name);
	m.kernel = name_of(&t, f->kernel);
	m.agent = name_of(&t, f->agent);
	m.hypervisor = name_of(&t, f->hypervisor);
	m.provider = name_of(&t, f->provider);
	m.instance_type = name_of(&t, f->instance_type);
	m.tight_cgroup = name_of(&t, f->tight_cgroup);
	for (size_t i = 0; i < f->n_dev; i++) {
		fill_device(&dev[i], &f->dev[i], &t);
		devs[i] = &dev[i];
	}
	m.n_dev = f->n_dev;
	m.dev = devs;
	for (uint32_t i = 0; i < HR_SIG_N; i++) {
		rung[i] = f->signal[i].rung;
		if (f->signal[i].reason[0] == '\0')
			continue;
		hr_text_clean(f->signal[i].reason, t.reason[m.n_reason], HR_REASON_LEN);
		reason[m.n_reason] = t.reason[m.n_reason];
		reason_signal[m.n_reason++] = i;
	}
	m.n_rung = HR_SIG_N;
	m.rung = rung;
	m.reason = reason;
	m.n_reason_signal = m.n_reason;
	m.reason_signal = reason_signal;
	return pack(&m.base, buf, cap);
}
