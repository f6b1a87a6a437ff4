/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's state as bytes: "HRVM", version, varints, CRC-32 of all before.
 * The checksum finds damage, not malice; every length and index is checked
 * against its limit all the same.  Bytes of an older version
 * are read; what they lack begins anew.  Newer ones are refused: the caller
 * starts the VM afresh, and its answer says that the history is short.
 */
#include "collector/core/crc32.h"
#include "collector/core/vm_cells.h"
#include "collector/core/vm_codec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VM_MAGIC "HRVM"
/* 2: without days, 3: without hours and file systems, 4: without replays, 5: without hot cgroups,
 * 6: without limits of the tight cgroup; still read, those begin anew.  7: cells one by one,
 * 8: FNV-1a 64 at the end, which takes as long as all the rest of reading; 9: without
 * what threads read; 10: as many counters as there were then, and no queue of the replayed bursts;
 * 11: without token buckets of devices
 */
#define VM_VERSION 12
#define VM_OLDEST  2

static void limit(struct codec *c, struct hr_limit *l)
{
	FIELD(c, l->since_ms, UINT64_MAX);
	if (!l->since_ms)
		return;
	FIELD(c, l->last_ms, UINT64_MAX);
	FIELD(c, l->queued_n, UINT64_MAX);
	FIELD(c, l->episodes, UINT64_MAX);
	f64(c, &l->ops);
	f64(c, &l->ops2);
	f64(c, &l->kib);
	f64(c, &l->kib2);
	FIELD(c, l->best_ops, UINT32_MAX);
	FIELD(c, l->best_kib, UINT32_MAX);
	FIELD(c, l->clean_ops, UINT32_MAX);
	FIELD(c, l->clean_kib, UINT32_MAX);
	FIELD(c, l->best_ops_s, UINT32_MAX);
	FIELD(c, l->best_kib_s, UINT32_MAX);
}

static void run(struct codec *c, struct hr_run *r)
{
	f64(c, &r->n);
	f64(c, &r->sum[0]);
	f64(c, &r->sum[1]);
}

/* What devices carry for a while: learned of each whose limit is kept, and told. */
static void buckets(struct codec *c, struct hr_vm *vm)
{
	for (unsigned d = 0; d < HR_DEVS_MAX; d++) {
		struct hr_limit *l = &vm->limit[d];
		bool any = l->saved[0] > 0 || l->saved[1] > 0 || l->run.n > 0 || l->high.n > 0;

		if (l->since_ms)
			FIELD(c, any, 1);
		if (!l->since_ms || !any)
			continue;
		for (unsigned q = 0; q < 2; q++) {
			f64(c, &l->saved[q]);
			f64(c, &l->spent[q]);
		}
		run(c, &l->run);
		run(c, &l->high);
		FIELD(c, l->high_ms, INT64_MAX);
	}
	for (uint8_t i = 0; vm->has_facts && i < vm->facts.n_dev; i++) {
		FIELD(c, vm->facts.dev[i].burst_iops, HR_VALUE_MAX);
		FIELD(c, vm->facts.dev[i].burst_bytes_per_s, HR_VALUE_MAX);
	}
}

static void keep_cell(struct codec *c, struct hr_lookback *l, const struct hr_cell *cell)
{
	if (!c->encode && !c->bad &&
		!hr_lookback_add(l, cell->day, cell->track, cell->code, cell->n))
		c->bad = c->no_memory = true; /* no more cells than it has room for */
}

/* As vm_cells.h has them. */
static void cells(struct codec *c, struct hr_lookback *l, uint32_t n)
{
	enum hr_cells_result r;
	size_t used = 0;

	if (c->bad)
		return;
	if (c->encode) {
		size_t at = c->at < c->cap ? c->at : c->cap;

		c->at += hr_cells_put(l, at < c->cap ? c->out + at : NULL, c->cap - at);
		return;
	}
	r = hr_cells_get(l, n, c->in + c->at, c->cap - c->at, &used);
	c->bad |= r != HR_CELLS_OK;
	c->no_memory |= r == HR_CELLS_MEMORY;
	c->at += used;
}

static void lookback(struct codec *c, struct hr_lookback *l)
{
	uint32_t n = l->n;

	FIELD(c, l->dropped_days, UINT32_MAX);
	FIELD(c, n, HR_LOOKBACK_CELLS);
	if (c->version >= 8) {
		cells(c, l, n);
		return;
	}
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct hr_cell cell = c->encode ? l->cell[i] : (struct hr_cell){0};

		FIELD(c, cell.day, UINT16_MAX);
		FIELD(c, cell.track, TRACK_N - 1);
		FIELD(c, cell.code, 255);
		FIELD(c, cell.n, UINT32_MAX);
		keep_cell(c, l, &cell);
	}
}

static void pool(struct codec *c, struct hr_pool *p)
{
	float *v = (float *)p;
	size_t n = (c->version >= 11 ? sizeof(*p) : offsetof(struct hr_pool, queued)) / sizeof(*v);
	bool any = p->vq_tot > 0 || p->slices > 0;

	FIELD(c, any, 1);
	for (unsigned i = 0; any && i < n; i++)
		f32(c, &v[i]);
}

static void open_day(struct codec *c, struct hr_day_open *o)
{
	FIELD(c, o->day, UINT16_MAX);
	FIELD(c, o->units, UINT32_MAX);
	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		FIELD(c, o->low[g].units, UINT32_MAX);
		for (unsigned i = 0; o->low[g].units && i < HR_DAYS_LOW; i++) {
			FIELD(c, o->low[g].w[i], UINT16_MAX);
			if (!o->low[g].w[i])
				break;
			f32(c, &o->low[g].k[i]);
		}
	}
	FIELD(c, o->five, UINT32_MAX);
	FIELD(c, o->five_ms, UINT32_MAX);
	f64(c, &o->busy_ms);
	f64(c, &o->mem_percent);
}

static void days(struct codec *c, struct hr_days *d)
{
	uint32_t n = d->n;

	open_day(c, &d->open);
	FIELD(c, n, HR_DAYS_CELLS);
	for (uint32_t i = 0; i < n && !c->bad; i++) {
		struct hr_day_cell cell = c->encode ? d->cell[i] : (struct hr_day_cell){0};
		uint32_t bits = cell.bits;

		FIELD(c, cell.day, UINT16_MAX);
		FIELD(c, cell.what, HR_DAY_WHAT_N - 1);
		if (cell.what == HR_DAY_SEEN)
			FIELD(c, bits, (1U << HR_DAYS_GROUPS) - 1);
		else
			f32(c, &cell.v);
		if (c->encode)
			continue;
		if (cell.what >= HR_DAYS_GROUPS && cell.what < HR_DAY_SEEN)
			c->bad = true;
		if (cell.what != HR_DAY_SEEN)
			bits = cell.bits;
		if (!c->bad && !hr_days_add(d, cell.day, cell.what, bits))
			c->bad = c->no_memory = true; /* as above */
	}
}

/* In runs: a code and how many hours have it; most hours of a quiet VM are alike. */
static void hours(struct codec *c, struct hr_hours *h)
{
	uint32_t last = h->last;

	FIELD(c, last, UINT32_MAX);
	for (unsigned k = 0; last && k < 2; k++)
		for (uint32_t i = 0; i < HR_HOURS && !c->bad;) {
			uint32_t at = last - (HR_HOURS - 1 - i), run = 0;
			uint8_t code = HR_HOURS_NONE;

			if (c->encode)
				code = hr_hours_get(h, (enum hr_bound_kind)k, at);

			while (c->encode && i + run < HR_HOURS &&
				hr_hours_get(h, (enum hr_bound_kind)k, at + run) == code)
				run++;
			FIELD(c, code, 255);
			FIELD(c, run, HR_HOURS - i);
			if (run == 0 || last < HR_HOURS)
				c->bad = true;
			for (uint32_t r = 0; !c->encode && !c->bad && r < run; r++)
				if (at + r < HR_HOURS) /* January 1970 */
					c->bad = code != HR_HOURS_NONE;
				else if (!hr_hours_set(h, (enum hr_bound_kind)k, at + r, code))
					c->bad = c->no_memory = true; /* all are within reach */
			i += run;
		}
}

static void stocks_fs(struct codec *c, struct hr_stocks_fs *f)
{
	uint16_t n = f->n, day = f->day;

	text(c, f->now.mount, sizeof(f->now.mount));
	FIELD(c, f->now.used_bytes, HR_VALUE_MAX);
	FIELD(c, f->now.usable_bytes, HR_VALUE_MAX);
	FIELD(c, f->now.used_inodes, HR_VALUE_MAX);
	FIELD(c, f->now.usable_inodes, HR_VALUE_MAX);
	FIELD(c, f->seen_ms, INT64_MAX);
	FIELD(c, day, UINT16_MAX);
	FIELD(c, n, HR_STOCKS_DAYS);
	if (n > day)
		c->bad = true;
	for (uint16_t i = 0; i < n && !c->bad; i++) {
		struct hr_stocks_day v = c->encode ? f->v[i] : (struct hr_stocks_day){0};
		bool has = !isnan(v.bytes);

		FIELD(c, has, 1);
		if (has) {
			f32(c, &v.bytes);
			f32(c, &v.inodes);
		}
		if (!c->encode && !c->bad &&
			!hr_stocks_day(f, (uint16_t)(day - (n - 1 - i)),
				has ? v : (struct hr_stocks_day){NAN, NAN}))
			c->bad = c->no_memory = true; /* days ascend */
	}
}

static void stocks(struct codec *c, struct hr_stocks *s)
{
	uint8_t n = s->n;

	FIELD(c, n, HR_FS_MAX);
	for (uint8_t i = 0; i < n && !c->bad; i++) {
		if (!c->encode)
			s->n = (uint8_t)(i + 1);
		stocks_fs(c, &s->fs[i]);
	}
}

static void walk(struct codec *c, struct hr_vm *vm)
{
	uint64_t no = (uint64_t)vm->open_no;

	FIELD(c, vm->has_facts, 1);
	if (vm->has_facts)
		hr_vm_codec_facts(c, &vm->facts);
	u64(c, &no);
	if (!c->encode)
		vm->open_no = (int64_t)no;
	FIELD(c, vm->origin_ms, INT64_MAX);
	FIELD(c, vm->first_ms, INT64_MAX);
	FIELD(c, vm->last_ms, INT64_MAX);
	FIELD(c, vm->covered_ms, INT64_MAX);
	FIELD(c, vm->cut_ms, INT64_MAX);
	FIELD(c, vm->peak_anon_bytes, UINT64_MAX);
	FIELD(c, vm->closed, UINT32_MAX);
	FIELD(c, vm->lost_windows, UINT32_MAX);
	for (unsigned d = 0; d < HR_DEVS_MAX; d++)
		limit(c, &vm->limit[d]);
	FIELD(c, vm->serial.pid, UINT32_MAX);
	FIELD(c, vm->serial.tid, UINT32_MAX);
	FIELD(c, vm->serial.since_ms, UINT64_MAX);
	FIELD(c, vm->serial.last_ms, UINT64_MAX);
	hr_vm_codec_minute(c, vm);
	lookback(c, &vm->back);
	if (c->version >= 3)
		days(c, &vm->days);
	if (c->version >= 4) {
		hours(c, &vm->hours);
		stocks(c, &vm->stocks);
	}
	if (c->version >= 5) {
		hr_vm_codec_replay(c, &vm->open.replay);
		pool(c, &vm->pool);
	}
	if (c->version >= 6)
		hr_vm_codec_groups(c, &vm->open);
	if (c->version >= 12)
		buckets(c, vm);
}

static uint64_t fnv1a(const unsigned char *p, size_t n)
{
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return h;
}

#define HEAD 5 /* magic, version */
#define TAIL 4

static size_t tail_of(unsigned version)
{
	return version >= 9 ? TAIL : 8;
}

static uint64_t sum_of(unsigned version, const unsigned char *p, size_t n)
{
	return version >= 9 ? hr_crc32(p, n) : fnv1a(p, n);
}

size_t hr_vm_encode(const struct hr_vm *vm, void *buf, size_t cap)
{
	struct codec c = {.encode = true, .version = VM_VERSION, .out = buf, .cap = cap};
	uint64_t sum;

	for (unsigned i = 0; i < 4; i++)
		put(&c, (unsigned char)VM_MAGIC[i]);
	put(&c, VM_VERSION);
	walk(&c, (struct hr_vm *)vm); /* an encoding walk only reads it */
	if (c.at + TAIL > cap)
		return c.at + TAIL;
	sum = sum_of(VM_VERSION, buf, c.at);
	for (unsigned i = 0; i < TAIL; i++)
		put(&c, (unsigned char)(sum >> (8 * i)));
	return c.at;
}

/* Whether @p may be a state, and where its walk ends. */
static bool is_whole(struct codec *c, const unsigned char *p, size_t len)
{
	uint64_t sum = 0;
	size_t tail;

	if (len <= HEAD || memcmp(p, VM_MAGIC, 4) != 0 || p[4] < VM_OLDEST || p[4] > VM_VERSION)
		return false;
	c->version = p[4];
	tail = tail_of(c->version);
	if (len < HEAD + tail)
		return false;
	c->cap = len - tail;
	for (unsigned i = 0; i < tail; i++)
		sum |= (uint64_t)p[c->cap + i] << (8 * i);
	return sum == sum_of(c->version, p, c->cap);
}

struct hr_vm *hr_vm_decode(
	const struct hr_model_conf *conf, const void *buf, size_t len, bool *ret_no_memory)
{
	struct codec c = {.in = buf, .at = HEAD};
	struct hr_vm *vm;

	*ret_no_memory = false;
	if (!is_whole(&c, buf, len))
		return NULL;
	vm = hr_vm_new(conf);
	if (!vm) {
		*ret_no_memory = true;
		return NULL;
	}
	walk(&c, vm);
	if (c.bad || c.at != c.cap) {
		*ret_no_memory = c.no_memory;
		hr_vm_free(vm);
		return NULL;
	}
	return vm;
}
