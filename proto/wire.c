/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes -> domain types.  In this order: length, a pass over the tags
 * (wire_scan.c), unpacking into the caller's arena, every number and column
 * checked, and only then a copy.  Distributions and grids are in wire_bits.c, the other
 * direction in wire_encode.c; nobody else includes the generated header.
 */
#include "proto/wire.h"

#include <string.h>

#include "headroom.pb-c.h"
#include "proto/wire_bits.h"
#include "proto/wire_scan.h"

#define TOP_COLS   6 /* numbers per hot thread */
#define READ_COLS  2 /* per hot thread, or none at all */
#define GROUP_COLS 2 /* per hot cgroup */
#define FS_COLS    4 /* numbers per file system */
#define SIG_MASK   ((1ULL << HR_SIG_N) - 1)
_Static_assert(HR_SIG_N < 64, "SIG_MASK shifts by it");
_Static_assert(HR_DCTR_N <= 64 && HR_DIST_N <= 32 && HR_DDIST_N <= 32, "a word of bits each");

/* --- the arena --- */

static void *arena_alloc(void *data, size_t size)
{
	struct hr_wire_arena *a = data;
	size_t need = (size + 15) & ~(size_t)15;
	void *p;

	if (need < size || need > sizeof(a->mem) || a->used > sizeof(a->mem) - need) {
		a->used = sizeof(a->mem) + 1; /* stays so: tells exhaustion from bad bytes */
		return NULL;
	}
	p = a->mem + a->used;
	a->used += need;
	return p;
}

static void arena_free(void *data, void *p)
{
	(void)data;
	(void)p; /* all at once, by the next open */
}

static enum hr_wire_error unpack(struct hr_wire_arena *arena, const ProtobufCMessageDescriptor *d,
	const void *bytes, size_t len, ProtobufCMessage **ret)
{
	ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
	ProtobufCMessage *m;

	arena->used = 0;
	m = protobuf_c_message_unpack(d, &allocator, len, bytes);
	if (!m)
		return arena->used > sizeof(arena->mem) ? HR_WIRE_TOO_COMPLEX : HR_WIRE_MALFORMED;
	*ret = m;
	return HR_WIRE_OK;
}

/* --- checks of a summary --- */

static bool ascending(const uint32_t *id, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (id[i] <= id[i - 1])
			return false;
	return true;
}

/* As many values as bits are set, each in range. */
static enum hr_wire_error check_counters(
	const uint64_t *set, size_t n_set, const uint64_t *v, size_t n)
{
	size_t bits = 0;

	if (n_set > HR_SET_WORDS_MAX)
		return HR_WIRE_TOO_COMPLEX;
	for (size_t i = 0; i < n_set; i++)
		bits += (size_t)__builtin_popcountll(set[i]);
	if (bits != n)
		return HR_WIRE_COLUMNS;
	for (size_t i = 0; i < n; i++)
		if (v[i] > HR_VALUE_MAX)
			return HR_WIRE_VALUE;
	return HR_WIRE_OK;
}

static enum hr_wire_error check_head(const Headroom__Summary *m)
{
	if (!m->has_seq_first || !m->has_seq_last || m->seq_first > m->seq_last)
		return HR_WIRE_SEQUENCE;
	if (!m->has_dur_ms || m->dur_ms < 1 || m->dur_ms > HR_DUR_MAX_MS)
		return HR_WIRE_SEQUENCE;
	if (m->seq_last > HR_SEQ_MAX || m->t_end_ms > HR_WALL_MAX_MS)
		return HR_WIRE_VALUE;
	if (m->cpus < 1 || m->cpus > HR_CPUS_MAX)
		return HR_WIRE_VALUE;
	if (m->lost > m->seq_last - m->seq_first) /* at least the last window is there */
		return HR_WIRE_VALUE;
	return HR_WIRE_OK;
}

static enum hr_wire_error check_devs(const Headroom__Summary *m)
{
	if (m->n_dev > HR_DEVS_MAX)
		return HR_WIRE_TOO_COMPLEX;
	if (m->n_dev != m->n_dev_have || m->n_dev != m->n_dctr_set || !ascending(m->dev, m->n_dev))
		return HR_WIRE_COLUMNS;
	if (m->n_dev > 0 && m->dev[m->n_dev - 1] >= HR_DEVS_MAX)
		return HR_WIRE_VALUE;
	return check_counters(m->dctr_set, m->n_dctr_set, m->dctr, m->n_dctr);
}

static enum hr_wire_error check_top(const Headroom__Summary *m)
{
	if (m->n_top % TOP_COLS != 0 || m->n_top_name * TOP_COLS != m->n_top * 2)
		return HR_WIRE_COLUMNS;
	if (m->n_group % GROUP_COLS != 0 || m->n_group_name * GROUP_COLS != m->n_group)
		return HR_WIRE_COLUMNS;
	if (m->n_read > 0 && m->n_read * TOP_COLS != m->n_top * READ_COLS)
		return HR_WIRE_COLUMNS;
	return m->n_top / TOP_COLS > HR_TOP_MAX || m->n_group_name > HR_GROUP_MAX
		       ? HR_WIRE_TOO_COMPLEX
		       : HR_WIRE_OK;
}

static enum hr_wire_error check_fs(const Headroom__Summary *m)
{
	if (m->n_fs_mount > HR_FS_MAX)
		return HR_WIRE_TOO_COMPLEX;
	if (m->n_fs != m->n_fs_mount * FS_COLS)
		return HR_WIRE_COLUMNS;
	for (size_t i = 0; i < m->n_fs; i++)
		if (m->fs[i] > HR_VALUE_MAX)
			return HR_WIRE_VALUE;
	for (size_t i = 0; i < m->n_fs_mount; i++)
		if (!*m->fs_mount[i])
			return HR_WIRE_VALUE; /* could not be named in an answer */
	return HR_WIRE_OK;
}

/* All but the distributions, which hr_wire_check_bits() or hr_wire_take_bits() look at. */
static enum hr_wire_error check_columns(const Headroom__Summary *m)
{
	enum hr_wire_error e = check_head(m);

	if (e == HR_WIRE_OK)
		e = check_counters(m->ctr_set, m->n_ctr_set, m->ctr, m->n_ctr);
	if (e == HR_WIRE_OK)
		e = check_devs(m);
	if (e == HR_WIRE_OK)
		e = check_fs(m);
	return e == HR_WIRE_OK ? check_top(m) : e;
}

static enum hr_wire_error check_summary(const Headroom__Summary *m)
{
	enum hr_wire_error e = check_columns(m);

	return e == HR_WIRE_OK ? hr_wire_check_bits(m) : e;
}

/* --- checks of facts --- */

static enum hr_wire_error check_facts(const Headroom__Facts *m)
{
	if (m->n_reason != m->n_reason_signal || !ascending(m->reason_signal, m->n_reason_signal))
		return HR_WIRE_COLUMNS;
	if (m->n_rung > 64) /* as many as there are bits for signals */
		return HR_WIRE_TOO_COMPLEX;
	if (m->cpus_online > HR_CPUS_MAX || m->cpus_possible > HR_CPUS_MAX ||
		m->threads_per_core > HR_CPUS_MAX)
		return HR_WIRE_VALUE;
	if (m->mem_total_bytes > HR_VALUE_MAX || m->map_bytes > HR_VALUE_MAX)
		return HR_WIRE_VALUE;
	for (size_t i = 0; i < m->n_dev; i++) {
		const Headroom__Device *d = m->dev[i];

		if (d->cap_iops > HR_VALUE_MAX || d->cap_bytes_per_s > HR_VALUE_MAX ||
			d->burst_iops > HR_VALUE_MAX || d->burst_bytes_per_s > HR_VALUE_MAX)
			return HR_WIRE_VALUE;
		if (d->kind != HR_DEV_NONE && (!d->name || !*d->name))
			return HR_WIRE_VALUE; /* a device that could not be named in an answer */
	}
	return HR_WIRE_OK;
}

static bool host_ok(const Headroom__SummaryBatch *m)
{
	static const uint8_t zero[HR_HOST_ID_LEN];

	return m->has_host && m->host.len == HR_HOST_ID_LEN &&
	       memcmp(m->host.data, zero, HR_HOST_ID_LEN) != 0 && m->has_boot && m->boot != 0;
}

static enum hr_wire_error check_batch(const Headroom__SummaryBatch *m)
{
	enum hr_wire_error e;

	if (!m->has_schema || m->schema != HR_SCHEMA)
		return HR_WIRE_SCHEMA;
	if (!host_ok(m))
		return HR_WIRE_HOST;
	if (!m->facts && m->n_s == 0)
		return HR_WIRE_EMPTY;
	if (m->facts) {
		e = check_facts(m->facts);
		if (e != HR_WIRE_OK)
			return e;
	}
	for (size_t i = 0; i < m->n_s; i++) {
		e = check_summary(m->s[i]);
		if (e != HR_WIRE_OK)
			return e;
		if (i > 0 && m->s[i]->seq_first <= m->s[i - 1]->seq_last)
			return HR_WIRE_SEQUENCE;
	}
	return HR_WIRE_OK;
}

/* --- copies: of checked messages only, but for the distributions of a summary --- */

static void copy_devs(const Headroom__Summary *m, struct hr_summary *ret)
{
	const uint64_t *v = m->dctr;

	ret->n_dev = (uint8_t)m->n_dev;
	for (size_t i = 0; i < m->n_dev; i++) {
		struct hr_dev_summary *d = &ret->dev[i];

		memset(d, 0, sizeof(*d));
		d->dev = (uint8_t)m->dev[i];
		d->have = m->dev_have[i] & SIG_MASK;
		for (uint64_t set = m->dctr_set[i]; set != 0; set &= set - 1, v++) {
			unsigned id = (unsigned)__builtin_ctzll(set);

			if (id < HR_DCTR_N &&
				(d->have & HR_SIG_BIT(hr_dctr_signal((enum hr_dctr)id))))
				d->ctr[id] = *v;
		}
	}
}

static void copy_ctrs(const Headroom__Summary *m, uint64_t ret[HR_CTR_N])
{
	const uint64_t *v = m->ctr;

	for (size_t i = 0; i < m->n_ctr_set; i++) {
		for (uint64_t set = m->ctr_set[i]; set != 0; set &= set - 1, v++) {
			size_t id = 64 * i + (size_t)__builtin_ctzll(set);

			if (id < HR_CTR_N && (m->have & HR_SIG_BIT(hr_ctr_signal((enum hr_ctr)id))))
				ret[id] = *v;
		}
	}
}

static void copy_top(const Headroom__Summary *m, struct hr_summary *ret)
{
	ret->n_top = 0;
	ret->n_group = 0;
	if (!hr_has(ret, HR_SIG_THREADS))
		return;
	for (size_t i = 0; i < m->n_top / TOP_COLS; i++) {
		const uint32_t *v = &m->top[i * TOP_COLS];
		char *const *name = &m->top_name[2 * i];
		struct hr_top *t = &ret->top[ret->n_top++];

		*t = (struct hr_top){
			v[0], v[0] + v[1], v[2], v[3], v[2] + v[4], v[5], 0, 0, "", ""};
		if (m->n_read && hr_has(ret, HR_SIG_READS)) {
			t->reads = m->read[READ_COLS * i];
			t->reads_late = m->read[READ_COLS * i + 1];
		}
		strncpy(t->comm, name[0], sizeof(t->comm) - 1);
		strncpy(t->process, *name[1] ? name[1] : name[0], sizeof(t->process) - 1);
	}
	for (size_t i = 0; i < m->n_group_name; i++) {
		const uint32_t *v = &m->group[i * GROUP_COLS];
		struct hr_top_group *g = &ret->group[ret->n_group++];

		*g = (struct hr_top_group){v[0], v[1], ""};
		strncpy(g->name, m->group_name[i], sizeof(g->name) - 1);
	}
}

static void copy_fs(const Headroom__Summary *m, struct hr_summary *ret)
{
	ret->n_fs = 0;
	if (!hr_has(ret, HR_SIG_FS))
		return;
	for (size_t i = 0; i < m->n_fs_mount; i++) {
		const uint64_t *v = &m->fs[i * FS_COLS];
		struct hr_fs *f = &ret->fs[ret->n_fs++];

		*f = (struct hr_fs){"", v[0], v[1], v[2], v[3]};
		strncpy(f->mount, m->fs_mount[i], sizeof(f->mount) - 1);
	}
}

static enum hr_wire_error copy_summary(const Headroom__Summary *m, struct hr_summary *ret)
{
	memset(ret, 0, offsetof(struct hr_summary, dev));
	ret->seq_first = m->seq_first;
	ret->seq_last = m->seq_last;
	ret->t_end_ms = m->t_end_ms;
	ret->dur_ms = m->dur_ms;
	ret->lost = m->lost;
	ret->epoch = m->epoch;
	ret->cpus = m->cpus;
	ret->have = m->have & SIG_MASK;
	copy_ctrs(m, ret->ctr);
	copy_devs(m, ret);
	copy_top(m, ret);
	copy_fs(m, ret);
	return hr_wire_take_bits(m, ret);
}

static void copy_name(char to[HR_NAME_LEN], const char *from)
{
	if (from)
		strncpy(to, from, HR_NAME_LEN - 1);
}

static void copy_facts(const Headroom__Facts *m, struct hr_facts *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->epoch = m->epoch;
	copy_name(ret->name, m->name);
	copy_name(ret->kernel, m->kernel);
	copy_name(ret->agent, m->agent);
	copy_name(ret->hypervisor, m->hypervisor);
	copy_name(ret->provider, m->provider);
	copy_name(ret->instance_type, m->instance_type);
	copy_name(ret->tight_cgroup, m->tight_cgroup);
	ret->tight_cpu_m = m->tight_cpu_m;
	ret->tight_mem_mib = m->tight_mem_mib;
	ret->cpus_online = m->cpus_online;
	ret->cpus_possible = m->cpus_possible;
	ret->threads_per_core = m->threads_per_core;
	ret->mem_total_bytes = m->mem_total_bytes;
	ret->map_bytes = m->map_bytes;
	ret->shed = m->shed & ((1u << HR_SHED_N) - 1);
	ret->n_dev = (uint8_t)m->n_dev;
	for (size_t i = 0; i < m->n_dev; i++) {
		const Headroom__Device *from = m->dev[i];
		struct hr_dev_facts *to = &ret->dev[i];

		/* a kind of a newer agent keeps its number's place and means nothing here */
		to->kind = from->kind <= HR_DEV_NIC ? (uint8_t)from->kind : HR_DEV_NONE;
		copy_name(to->name, from->name);
		to->nr_requests = from->nr_requests;
		to->speed_mbps = from->speed_mbps;
		to->cap_iops = from->cap_iops;
		to->cap_bytes_per_s = from->cap_bytes_per_s;
		to->burst_iops = from->burst_iops;
		to->burst_bytes_per_s = from->burst_bytes_per_s;
		to->is_virtual = from->is_virtual;
	}
	for (size_t i = 0; i < m->n_rung && i < HR_SIG_N; i++)
		if (m->rung[i] <= HR_RUNG_MISSING)
			ret->signal[i].rung = (uint8_t)m->rung[i];
	for (size_t i = 0; i < m->n_reason; i++)
		if (m->reason_signal[i] < HR_SIG_N)
			strncpy(ret->signal[m->reason_signal[i]].reason, m->reason[i],
				HR_REASON_LEN - 1);
}

/* --- the interface --- */

enum hr_wire_error hr_wire_open(
	struct hr_wire_arena *arena, const void *body, size_t len, struct hr_wire_batch *ret_batch)
{
	const Headroom__SummaryBatch *m;
	struct hr_wire_batch b = {0};
	ProtobufCMessage *msg;
	enum hr_wire_error e;

	if (len > HR_BODY_MAX)
		return HR_WIRE_TOO_LONG;
	e = hr_wire_scan(HR_WIRE_MSG_BATCH, body, len);
	if (e == HR_WIRE_OK)
		e = unpack(arena, &headroom__summary_batch__descriptor, body, len, &msg);
	if (e != HR_WIRE_OK)
		return e;
	m = (const Headroom__SummaryBatch *)msg;
	e = check_batch(m);
	if (e != HR_WIRE_OK)
		return e;
	memcpy(b.head.host, m->host.data, HR_HOST_ID_LEN);
	b.head.boot = m->boot;
	b.head.has_facts = m->facts != NULL;
	b.head.n_summaries = (uint32_t)m->n_s;
	b.msg = m;
	*ret_batch = b;
	return HR_WIRE_OK;
}

void hr_wire_facts(const struct hr_wire_batch *b, struct hr_facts *ret_facts)
{
	const Headroom__SummaryBatch *m = b->msg;

	copy_facts(m->facts, ret_facts);
}

void hr_wire_summary(const struct hr_wire_batch *b, uint32_t i, struct hr_summary *ret_summary)
{
	const Headroom__SummaryBatch *m = b->msg;

	(void)copy_summary(m->s[i], ret_summary); /* it passed */
}

void hr_wire_summary_head(
	const struct hr_wire_batch *b, uint32_t i, struct hr_wire_summary_head *ret_head)
{
	const Headroom__Summary *s = ((const Headroom__SummaryBatch *)b->msg)->s[i];

	*ret_head = (struct hr_wire_summary_head){.seq_first = s->seq_first,
		.seq_last = s->seq_last,
		.t_end_ms = s->t_end_ms,
		.dur_ms = s->dur_ms,
		.lost = s->lost};
}

void hr_wire_summary_load(const struct hr_wire_batch *b, uint32_t i, struct hr_wire_load *ret_load)
{
	const Headroom__Summary *m = ((const Headroom__SummaryBatch *)b->msg)->s[i];
	const uint64_t *v = m->dctr;
	struct hr_wire_load *l = ret_load;

	*l = (struct hr_wire_load){.dur_ms = m->dur_ms,
		.have = m->have & SIG_MASK,
		.fs_left_bytes = UINT64_MAX,
		.fs_left_inodes = UINT64_MAX};
	copy_ctrs(m, l->ctr);
	for (size_t d = 0; d < m->n_dev; d++) {
		for (uint64_t set = m->dctr_set[d]; set != 0; set &= set - 1, v++) {
			unsigned id = (unsigned)__builtin_ctzll(set);

			if (id < HR_DCTR_N && __builtin_add_overflow(l->dctr[id], *v, &l->dctr[id]))
				l->dctr[id] = UINT64_MAX;
		}
	}
	if (m->n_top >= TOP_COLS)
		l->top_ms = (uint64_t)m->top[2] + m->top[3];
	for (size_t f = 0; f < m->n_fs_mount; f++) {
		const uint64_t *fs = &m->fs[f * FS_COLS];
		uint64_t left = fs[1] > fs[0] ? fs[1] - fs[0] : 0;
		uint64_t inodes = fs[3] > fs[2] ? fs[3] - fs[2] : 0;

		l->has_fs = true;
		l->fs_left_bytes = left < l->fs_left_bytes ? left : l->fs_left_bytes;
		if (fs[3]) /* 0: no limit */
			l->fs_left_inodes = inodes < l->fs_left_inodes ? inodes : l->fs_left_inodes;
	}
}

enum hr_wire_error hr_wire_decode_summary(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_summary *ret_summary)
{
	ProtobufCMessage *msg;
	enum hr_wire_error e;

	if (len > HR_BODY_MAX)
		return HR_WIRE_TOO_LONG;
	e = hr_wire_scan(HR_WIRE_MSG_SUMMARY, bytes, len);
	if (e == HR_WIRE_OK)
		e = unpack(arena, &headroom__summary__descriptor, bytes, len, &msg);
	if (e == HR_WIRE_OK)
		e = check_columns((const Headroom__Summary *)msg);
	if (e == HR_WIRE_OK)
		e = copy_summary((const Headroom__Summary *)msg, ret_summary);
	return e;
}

bool hr_wire_decode_again(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_summary *ret_summary)
{
	ProtobufCMessage *msg;

	if (unpack(arena, &headroom__summary__descriptor, bytes, len, &msg) != HR_WIRE_OK)
		return false;
	return copy_summary((const Headroom__Summary *)msg, ret_summary) == HR_WIRE_OK;
}

enum hr_wire_error hr_wire_decode_facts(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_facts *ret_facts)
{
	ProtobufCMessage *msg;
	enum hr_wire_error e;

	if (len > HR_BODY_MAX)
		return HR_WIRE_TOO_LONG;
	e = hr_wire_scan(HR_WIRE_MSG_FACTS, bytes, len);
	if (e == HR_WIRE_OK)
		e = unpack(arena, &headroom__facts__descriptor, bytes, len, &msg);
	if (e == HR_WIRE_OK)
		e = check_facts((const Headroom__Facts *)msg);
	if (e == HR_WIRE_OK)
		copy_facts((const Headroom__Facts *)msg, ret_facts);
	return e;
}
