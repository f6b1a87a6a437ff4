/* SPDX-License-Identifier: Apache-2.0 */
/* One VM: windows in, minutes evaluated, lookback kept.  See vm.h. */
#include "collector/core/model.h"
#include "collector/core/model_cpu.h"
#include "collector/core/vm_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS 60000
#define UNIT_MS   10000
#define DAY_MS    86400000ULL

void hr_model_conf_default(struct hr_model_conf *c)
{
	*c = (struct hr_model_conf){
		.x_ms = 10,
		.eps = 0.01,
		.q = 0.005,
		.k_target = 1.3,
		.m_lo = 1.25,
		.m_hi = 2.6,
		.m2_lo = 1.1,
		.m2_hi = 1.7,
		.wakeup_us = 80,
		.steal_bad = 0.05,
		.stall_bad = 0.01,
		.throttled_bad = 0.05,
		.drop_bad = 0.01,
		.lookback_days = 7,
		.min_history_h = 30,
		.minute_ms = MINUTE_MS,
	};
}

struct hr_vm *hr_vm_new(const struct hr_model_conf *conf)
{
	struct hr_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->conf = *conf;
	vm->worst = HR_K_MAX;
	return vm;
}

void hr_vm_reconfigure(struct hr_vm *vm, const struct hr_model_conf *conf)
{
	vm->conf = *conf;
	vm->outlook_due = true;
}

double hr_vm_target(const struct hr_vm *vm)
{
	return vm->conf.k_target;
}

void hr_vm_free(struct hr_vm *vm)
{
	if (!vm)
		return;
	hr_lookback_done(&vm->back);
	hr_days_done(&vm->days);
	hr_hours_done(&vm->hours);
	hr_stocks_done(&vm->stocks);
	free(vm->open.dev);
	free(vm);
}

size_t hr_vm_bytes(const struct hr_vm *vm)
{
	return sizeof(*vm) + vm->open.dev_cap * sizeof(*vm->open.dev) +
	       vm->back.cap * sizeof(*vm->back.cell) + hr_days_bytes(&vm->days) +
	       hr_hours_bytes(&vm->hours) + hr_stocks_bytes(&vm->stocks);
}

double hr_vm_worst(const struct hr_vm *vm)
{
	return vm->worst;
}

uint64_t hr_vm_last_ms(const struct hr_vm *vm)
{
	return vm->last_ms;
}

bool hr_vm_size_devices(struct hr_vm *vm, uint8_t n_dev)
{
	struct hr_minute_dev *dev;

	if (n_dev > HR_DEVS_MAX)
		n_dev = HR_DEVS_MAX;
	if (n_dev <= vm->open.dev_cap)
		return true;
	dev = realloc(vm->open.dev, n_dev * sizeof(*dev));
	if (!dev)
		return false;
	memset(dev + vm->open.dev_cap, 0, (size_t)(n_dev - vm->open.dev_cap) * sizeof(*dev));
	vm->open.dev = dev;
	vm->open.dev_cap = n_dev;
	return true;
}

uint32_t hr_vm_weight(uint64_t ms)
{
	uint64_t w = (ms + UNIT_MS / 2) / UNIT_MS;

	return w < 1 ? 1 : w > UINT32_MAX ? UINT32_MAX : (uint32_t)w;
}

unsigned hr_vm_group(const struct hr_estimate *e, unsigned index)
{
	return e->dev >= 0 ? 5u + (unsigned)e->dev : index;
}

static bool part_is_late(const struct hr_vm *vm)
{
	return vm->part_late || hr_cpu_is_late(vm->conf.eps, HR_LATE_SERVICE,
					(double)vm->part_bursts, (double)vm->part_late_n);
}

/* Of a longer minute each 60 s is judged, too: what is late in one of them is not made good. */
static void add_part(struct hr_vm *vm, const struct hr_summary *s)
{
	if (vm->conf.minute_ms <= MINUTE_MS || !hr_has(s, HR_SIG_BURSTS))
		return;
	if (vm->part_ms >= MINUTE_MS) {
		vm->part_late = part_is_late(vm);
		vm->part_ms = vm->part_bursts = vm->part_late_n = 0;
	}
	vm->part_ms += s->dur_ms;
	vm->part_bursts += s->ctr[HR_CTR_BURST_N];
	vm->part_late_n += s->ctr[HR_CTR_BURST_LATE_N];
}

void hr_vm_eval(struct hr_vm *vm, const struct hr_minute *m, bool bare, struct hr_trace *t,
	struct hr_eval *ret)
{
	struct hr_pool pool = vm->pool;
	struct hr_ctx x = {
		.m = m,
		.pool = &pool,
		.conf = &vm->conf,
		.facts = vm->has_facts ? &vm->facts : NULL,
		.limit = vm->limit,
		.peak_anon_bytes = vm->peak_anon_bytes,
		.growth = hr_vm_growth(vm),
		.part_late = m == &vm->open && part_is_late(vm),
		.bare = bare,
		.t = t,
	};

	hr_pool_add(&pool, m);
	hr_serial_follow(&vm->serial, m);
	x.serial_since_ms = vm->serial.since_ms;
	hr_eval_minute(&x, ret);
}

static void vote(struct hr_vote *v, uint32_t *n, unsigned track, uint8_t code)
{
	if (*n < VM_VOTES_MAX)
		v[(*n)++] = (struct hr_vote){.track = (uint8_t)track, .code = code};
}

static uint8_t code_of(const struct hr_opt *o, bool up)
{
	return !o->has ? VM_NO_CLAIM : up ? hr_k_code_up(o->v) : hr_k_code(o->v);
}

static void vote_bounds(struct hr_vote *v, uint32_t *n, unsigned track, const struct hr_bounds *b)
{
	vote(v, n, track + SERIES_AT_LEAST, code_of(&b->at_least, false));
	vote(v, n, track + SERIES_LIKELY, code_of(&b->likely, false));
	vote(v, n, track + SERIES_AT_MOST, code_of(&b->at_most, true));
}

uint32_t hr_vm_votes(const struct hr_eval *e, struct hr_vote ret[VM_VOTES_MAX])
{
	bool more_mem = false, more_cpus = false;
	uint32_t n = 0;

	vote_bounds(ret, &n, TRACK_K(0), &e->k);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		vote_bounds(ret, &n, TRACK_AT(z, 0), &e->at[z]);
	for (uint8_t i = 0; i < e->n; i++) {
		unsigned g = hr_vm_group(&e->e[i], i);

		vote_bounds(ret, &n, TRACK_RES(g, 0), &e->e[i].r.headroom);
		vote(ret, &n, TRACK_RES(g, SERIES_FLAGS), e->e[i].r.saturated);
		more_mem |= e->e[i].grows[HR_SIZE_MEMORY];
		more_cpus |= e->e[i].grows[HR_SIZE_VCPUS];
	}
	if (e->bind >= 0) {
		const struct hr_estimate *b = &e->e[e->bind];
		unsigned g = hr_vm_group(b, (unsigned)e->bind);

		vote(ret, &n,
			TRACK_BIND(g, b->local      ? 1
				      : b->external ? 2
						    : 0),
			code_of(e->k.at_least.has ? &e->k.at_least : &e->k.likely, false));
	}
	/* Only minutes that are tight ask whether more vCPUs would help. */
	if (e->frozen.has && e->k.likely.has && e->k.likely.v < 2)
		vote(ret, &n, TRACK_FROZEN, code_of(&e->frozen, true));
	vote(ret, &n, TRACK_LOAD,
		(uint8_t)(e->hot_thread | (e->hog_share >= 0.5) << 1 | more_mem << 2 |
			  more_cpus << 3));
	return n;
}

static uint16_t day_of(uint64_t ms)
{
	uint64_t d = ms / DAY_MS;

	return d > UINT16_MAX ? UINT16_MAX : (uint16_t)d;
}

/* Ends a minute: its k become history. */
static void close_minute(struct hr_vm *vm, const struct hr_minute *m)
{
	uint16_t day = day_of(m->to_ms), keep = (uint16_t)vm->conf.lookback_days;
	struct hr_vote votes[VM_VOTES_MAX];
	struct hr_eval v;
	uint32_t n, w = hr_vm_weight(m->covered_ms);

	if (m->windows == 0)
		return;
	hr_vm_eval(vm, m, true, NULL, &v);
	if (!v.k.at_least.has || v.k.at_least.v < vm->worst)
		vm->worst = v.k.at_least.has ? v.k.at_least.v : 0;
	hr_pool_add(&vm->pool, m);
	hr_vm_day_minute(vm, &v, day, w);
	n = hr_vm_votes(&v, votes);
	for (uint32_t i = 0; i < n; i++)
		(void)hr_lookback_add(&vm->back, day, votes[i].track, votes[i].code, w);
	vm->closed++;
	if (day_of(vm->last_ms) > keep)
		hr_lookback_expire(&vm->back, (uint16_t)(day_of(vm->last_ms) - keep));
}

static void reset_history(struct hr_vm *vm, uint64_t at_ms)
{
	hr_lookback_forget(&vm->back, 0, TRACK_DEMAND(0) - 1);
	hr_lookback_forget(&vm->back, TRACK_FROZEN, TRACK_LOAD);
	vm->closed = 0;
	memset(&vm->pool, 0, sizeof(vm->pool)); /* replayed on as many CPUs as there were */
	vm->cut_ms = at_ms;
}

static bool same_device(const struct hr_dev_facts *a, const struct hr_dev_facts *b)
{
	return a->kind == b->kind && strncmp(a->name, b->name, sizeof(a->name)) == 0;
}

static void forget_device(struct hr_vm *vm, unsigned d)
{
	unsigned r = 5 + d;

	memset(&vm->limit[d], 0, sizeof(vm->limit[d]));
	hr_lookback_forget(&vm->back, (uint8_t)TRACK_RES(r, 0), (uint8_t)TRACK_RES(r, 3));
	hr_lookback_forget(&vm->back, (uint8_t)TRACK_BIND(r, 0), (uint8_t)TRACK_BIND(r, 2));
}

/* A device number that now means another device starts anew. */
static void reset_devices(struct hr_vm *vm, const struct hr_facts *f)
{
	for (unsigned d = 0; d < HR_DEVS_MAX; d++) {
		unsigned r = 5 + d;

		if (d < f->n_dev && d < vm->facts.n_dev &&
			same_device(&f->dev[d], &vm->facts.dev[d]))
			continue;
		forget_device(vm, d);
		hr_lookback_forget(&vm->back, (uint8_t)TRACK_DEMAND(r), (uint8_t)TRACK_DEMAND(r));
		hr_days_forget(&vm->days, r);
		vm->outlook_due = true;
	}
}

/* Whether @r bound like this in any closed minute that was below the cap of k. */
static bool ever_bound_as(const struct hr_vm *vm, unsigned r, unsigned how)
{
	uint64_t n[256];

	hr_lookback_counts(&vm->back, (uint8_t)TRACK_BIND(r, how), n);
	for (unsigned c = 0; c < hr_k_code(HR_DAYS_K_CAP); c++)
		if (n[c])
			return true;
	return false;
}

static bool ever_bound(const struct hr_vm *vm, unsigned d)
{
	return ever_bound_as(vm, 5 + d, 0) || ever_bound_as(vm, 5 + d, 1) ||
	       ever_bound_as(vm, 5 + d, 2);
}

/* New limit / old, where both told limits moved alike or only one is known; 0: by nobody knows
 * what. */
static double limit_ratio(const struct hr_dev_facts *was, const struct hr_dev_facts *is)
{
	double ops =
		was->cap_iops && is->cap_iops ? (double)is->cap_iops / (double)was->cap_iops : 0;
	double bytes = was->cap_bytes_per_s && is->cap_bytes_per_s
			       ? (double)is->cap_bytes_per_s / (double)was->cap_bytes_per_s
			       : 0;
	bool same_kinds =
		!was->cap_iops == !is->cap_iops && !was->cap_bytes_per_s == !is->cap_bytes_per_s;

	/* A load of bursts has no one scale. */
	if (was->burst_iops != is->burst_iops || was->burst_bytes_per_s != is->burst_bytes_per_s)
		return 0;
	if (!same_kinds || (ops > 0 && bytes > 0 && fabs(ops - bytes) > 0.01 * ops))
		return 0;
	return fmax(ops, bytes);
}

static bool other_limit(const struct hr_vm *vm, const struct hr_facts *f, unsigned d)
{
	const struct hr_dev_facts *was = &vm->facts.dev[d], *is = &f->dev[d];

	return d < f->n_dev && d < vm->facts.n_dev && same_device(is, was) &&
	       (is->cap_iops != was->cap_iops || is->cap_bytes_per_s != was->cap_bytes_per_s ||
		       is->burst_iops != was->burst_iops ||
		       is->burst_bytes_per_s != was->burst_bytes_per_s);
}

static bool other_limits(const struct hr_vm *vm, const struct hr_facts *f)
{
	bool any = false;

	for (unsigned d = 0; d < HR_DEVS_MAX; d++)
		any |= other_limit(vm, f, d);
	return any;
}

/* Something is told that was not told before, and what was is as it was. */
static bool first_told(const struct hr_dev_facts *was, const struct hr_dev_facts *is)
{
	return (!was->cap_iops || was->cap_iops == is->cap_iops) &&
	       (!was->cap_bytes_per_s || was->cap_bytes_per_s == is->cap_bytes_per_s) &&
	       (!was->burst_iops || was->burst_iops == is->burst_iops) &&
	       (!was->burst_bytes_per_s || was->burst_bytes_per_s == is->burst_bytes_per_s);
}

/*
 * A told limit of a device is another one: a known event.  What was judged by the old one is no
 * evidence any more; days are kept on the scale of the new one where it is known.  Where none was
 * told the device is what it was: what was seen of it stays true, a cap that was learned, too.
 */
static void changed_limits(struct hr_vm *vm, const struct hr_facts *f, uint64_t at_ms)
{
	bool bound = false;

	for (unsigned d = 0; d < HR_DEVS_MAX; d++) {
		if (!other_limit(vm, f, d))
			continue;
		vm->outlook_due = true;
		if (first_told(&vm->facts.dev[d], &f->dev[d])) {
			hr_days_cut(&vm->days, day_of(at_ms), 5 + d);
			continue;
		}
		bound |= ever_bound(vm, d);
		forget_device(vm, d);
		hr_days_limit(&vm->days, day_of(at_ms), 5 + d,
			limit_ratio(&vm->facts.dev[d], &f->dev[d]));
	}
	if (bound)
		reset_history(vm, at_ms);
}

#define QUOTA_OF 0 /* resource that a CPU quota holds back, as tracks are numbered; */
#define LIMIT_OF 3 /* and that a memory limit does */

/* Of the same cgroup: 1 raised or lifted, -1 lowered or set, 0 as it was or nobody knows. */
static int moved(const struct hr_facts *a, const struct hr_facts *b, unsigned r)
{
	uint32_t was = r == QUOTA_OF ? a->tight_cpu_m : a->tight_mem_mib;
	uint32_t is = r == QUOTA_OF ? b->tight_cpu_m : b->tight_mem_mib;

	if (a->tight_cgroup[0] == '\0' || !was || !is ||
		strncmp(a->tight_cgroup, b->tight_cgroup, sizeof(a->tight_cgroup)) != 0)
		return 0;
	return (is > was) - (is < was);
}

/*
 * Minutes that a cgroup's limit held back tell nothing of the VM once it is raised.  A lowered one
 * shows itself in the minutes to come: what was before is only no part of their trend.
 */
static void changed_quota(struct hr_vm *vm, int by, unsigned r, uint64_t at_ms)
{
	if (by < 0) {
		hr_days_cut(&vm->days, day_of(at_ms), r);
	} else if (ever_bound_as(vm, r, 1)) {
		hr_days_held(&vm->days, day_of(at_ms), r);
		reset_history(vm, at_ms);
	}
	vm->outlook_due = true;
}

/* MemTotal moves by less than this when only the kernel's own reservation changes. */
#define MEM_CHANGE 0.02

static bool is_resize(const struct hr_facts *a, const struct hr_facts *b)
{
	double was = (double)a->mem_total_bytes, is = (double)b->mem_total_bytes;

	return (a->cpus_online && b->cpus_online && a->cpus_online != b->cpus_online) ||
	       (was > 0 && is > 0 && fabs(is - was) > MEM_CHANGE * was);
}

void hr_vm_facts(struct hr_vm *vm, const struct hr_facts *f, uint64_t at_ms)
{
	if (vm->has_facts) {
		bool resize = is_resize(&vm->facts, f), limits = other_limits(vm, f);
		int quota = moved(&vm->facts, f, QUOTA_OF), limit = moved(&vm->facts, f, LIMIT_OF);

		if (resize || limits || quota || limit || f->epoch != vm->facts.epoch) {
			close_minute(vm, &vm->open);
			hr_minute_reset(&vm->open);
		}
		if (resize || f->epoch != vm->facts.epoch)
			reset_devices(vm, f);
		if (limits)
			changed_limits(vm, f, at_ms);
		if (quota)
			changed_quota(vm, quota, QUOTA_OF, at_ms);
		if (limit)
			changed_quota(vm, limit, LIMIT_OF, at_ms);
		if (resize) {
			reset_history(vm, at_ms);
			hr_vm_day_resize(vm, f, at_ms);
		}
	}
	vm->facts = *f;
	if (vm->facts.n_dev > HR_DEVS_MAX)
		vm->facts.n_dev = HR_DEVS_MAX;
	vm->has_facts = true;
	(void)hr_vm_size_devices(vm, vm->facts.n_dev);
}

static void add_hist(
	struct hr_vm *vm, uint16_t day, unsigned res, const struct hr_hist *h, uint64_t have)
{
	uint64_t left = have ? h->total : 0;

	for (unsigned b = 0; left > 0 && b < HR_BUCKETS; b++) {
		if (!h->n[b])
			continue;
		/* of a group its last bucket: demand is not told smaller than it was */
		(void)hr_lookback_add(&vm->back, day, (uint8_t)TRACK_DEMAND(res),
			(uint8_t)hr_bucket(hr_hist_hi(h, b)), h->n[b]);
		left -= h->n[b] < left ? h->n[b] : left;
	}
}

static void add_sample(struct hr_vm *vm, uint16_t day, unsigned res, double v, uint32_t n)
{
	uint32_t u = v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;

	(void)hr_lookback_add(&vm->back, day, (uint8_t)TRACK_DEMAND(res), (uint8_t)hr_bucket(u), n);
}

/* Demand distributions: seconds for CPU, steal and softirq, 100 ms for devices, windows for the
 * rest. */
static void add_demand(struct hr_vm *vm, const struct hr_summary *s)
{
	uint16_t day = day_of(s->t_end_ms);
	uint32_t w = hr_vm_weight(s->dur_ms);
	double total = vm->has_facts ? (double)vm->facts.mem_total_bytes : 0;

	add_hist(vm, day, 0, &s->dist[HR_DIST_BUSY_1S], s->have & HR_SIG_BIT(HR_SIG_CPU_SLOTS));
	add_hist(vm, day, 1, &s->dist[HR_DIST_STEAL_1S], s->have & HR_SIG_BIT(HR_SIG_STEAL));
	if (s->n_top && s->dur_ms >= HR_REST_MS && hr_has(s, HR_SIG_THREADS))
		add_sample(vm, day, 2,
			1e3 * (s->top[0].oncpu_ms + (double)s->top[0].wait_ms) / s->dur_ms, w);
	if (hr_has(s, HR_SIG_MEMINFO) && total > 0)
		add_sample(vm, day, 3, fmax(total - hr_memory_left(s->ctr), 0) / 1048576, w);
	add_hist(vm, day, 4, &s->dist[HR_DIST_SOFTIRQ_CPU], s->have & HR_SIG_BIT(HR_SIG_SOFTIRQ));
	for (uint8_t i = 0; i < s->n_dev && i < HR_DEVS_MAX; i++) {
		const struct hr_dev_summary *d = &s->dev[i];
		const struct hr_hist *rx = &d->dist[HR_DDIST_RX_KIB_100MS];
		const struct hr_hist *tx = &d->dist[HR_DDIST_TX_KIB_100MS];

		if (d->dev >= HR_DEVS_MAX)
			continue;
		add_hist(vm, day, 5u + d->dev, &d->dist[HR_DDIST_OPS_100MS],
			d->have & HR_SIG_BIT(HR_SIG_DISK_IO));
		add_hist(vm, day, 5u + d->dev, tx->sum > rx->sum ? tx : rx,
			d->have & HR_SIG_BIT(HR_SIG_NET_IO));
	}
}

static void add_limits(struct hr_vm *vm, const struct hr_summary *s)
{
	bool inflated = hr_rtt_inflated(s);

	for (uint8_t i = 0; i < s->n_dev && i < HR_DEVS_MAX; i++) {
		const struct hr_dev_summary *d = &s->dev[i];

		if (d->dev < HR_DEVS_MAX && hr_limit_add(&vm->limit[d->dev], d, inflated,
						    hr_limit_shared(s, d), s->t_end_ms))
			hr_days_cut(&vm->days, day_of(s->t_end_ms), 5U + d->dev);
	}
	if (hr_has(s, HR_SIG_MEMINFO) && s->ctr[HR_CTR_MEM_ANON_BYTES] > vm->peak_anon_bytes)
		vm->peak_anon_bytes = s->ctr[HR_CTR_MEM_ANON_BYTES];
}

void hr_vm_last_look(struct hr_vm *vm)
{
	vm->conf.until_ms = 0;
}

static int64_t minute_no(const struct hr_vm *vm, const struct hr_summary *s)
{
	int64_t mid = (int64_t)(s->t_end_ms - vm->origin_ms) - (int64_t)s->dur_ms / 2;

	int64_t len = (int64_t)vm->conf.minute_ms;

	return mid >= 0 ? mid / len : -((-mid + len - 1) / len);
}

/*
 * A rest (minute.h) belongs to the minute before it: alone it would be a minute without bursts, in
 * which whoever ran just then looks like a thread that never sleeps.
 */
static bool is_rest(const struct hr_vm *vm, const struct hr_summary *s, int64_t no)
{
	return s->dur_ms < HR_REST_MS && no == vm->open_no + 1 && hr_minute_fits(&vm->open, s);
}

/* A window of a minute that is over: evidence of its own. */
static void add_late(struct hr_vm *vm, const struct hr_summary *s)
{
	struct hr_minute m = {0};
	uint8_t n = vm->open.dev_cap;

	m.dev = n ? calloc(n, sizeof(*m.dev)) : NULL;
	m.dev_cap = m.dev ? n : 0;
	hr_minute_add(&m, s);
	close_minute(vm, &m);
	free(m.dev);
}

void hr_vm_add(struct hr_vm *vm, const struct hr_summary *s)
{
	uint64_t from = s->t_end_ms > s->dur_ms ? s->t_end_ms - s->dur_ms : 0;
	uint8_t n_dev = 0;
	int64_t no;

	if (s->dur_ms == 0)
		return;
	if (!vm->origin_ms)
		vm->origin_ms = from;
	vm->first_ms = !vm->first_ms || from < vm->first_ms ? from : vm->first_ms;
	vm->last_ms = s->t_end_ms > vm->last_ms ? s->t_end_ms : vm->last_ms;
	vm->covered_ms += s->dur_ms;
	vm->lost_windows += s->lost;
	for (uint8_t i = 0; i < s->n_dev && i < HR_DEVS_MAX; i++)
		n_dev = s->dev[i].dev >= n_dev ? (uint8_t)(s->dev[i].dev + 1) : n_dev;
	(void)hr_vm_size_devices(vm, n_dev);
	add_limits(vm, s);
	add_demand(vm, s);
	hr_vm_day_window(vm, s);
	for (uint8_t i = 0; i < s->n_fs; i++)
		(void)hr_stocks_add(&vm->stocks, &s->fs[i], s->t_end_ms);
	no = minute_no(vm, s);
	if (vm->open.windows && no < vm->open_no) {
		add_late(vm, s);
		return;
	}
	if (vm->open.windows && is_rest(vm, s, no))
		no = vm->open_no;
	if (vm->open.windows && (no > vm->open_no || !hr_minute_fits(&vm->open, s))) {
		close_minute(vm, &vm->open);
		hr_minute_reset(&vm->open);
		vm->part_ms = vm->part_bursts = vm->part_late_n = 0;
		vm->part_late = false;
	}
	add_part(vm, s);
	vm->open_no = no;
	hr_minute_add(&vm->open, s);
}
