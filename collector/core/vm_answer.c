/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of one VM from its lookback and its open minute, and how it came about. */
#include "collector/core/text.h"
#include "collector/core/vm_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_S           10.0
#define STALE_MS         300000 /* 30 windows: the agent is silent */
#define HOUR_MS          3600000.0
#define TIGHT            1.1 /* minutes with k <= 1.1 K are the tight ones (answer-model 1) */
#define HISTORY_MEDIUM_H (14 * 24.0)

/* One answer in the making. */
struct making {
	struct hr_vm *vm;
	uint64_t now_ms;
	struct hr_eval v; /* of the open minute */
	struct hr_vote vote[VM_VOTES_MAX];
	uint32_t n_vote, weight;
	bool whole; /* nothing but the open minute: exact numbers, no codes */
	struct hr_trace *t;
	struct hr_verdict_in in;
	struct hr_verdict verdict;
	struct hr_opt frozen;
	double hog_share;
	int bind_group;
	uint8_t bind_how;
	double bind_share;
	uint64_t units; /* 10 s units behind K */
	uint64_t counts[256];
	struct hr_lookback_tracks tracks; /* of vm->back */
};

/* Lookback plus open minute; "no claim" left out. Returns the sum that made a claim. */
static uint64_t counts(struct making *k, unsigned track)
{
	uint64_t sum = hr_lookback_counts_of(&k->vm->back, &k->tracks, (uint8_t)track, k->counts);

	for (uint32_t i = 0; i < k->n_vote; i++) {
		if (k->vote[i].track != track)
			continue;
		k->counts[k->vote[i].code] += k->weight;
		sum += k->weight;
	}
	sum -= k->counts[VM_NO_CLAIM];
	k->counts[VM_NO_CLAIM] = 0;
	return sum;
}

static struct hr_opt quantile(struct making *k, unsigned track)
{
	uint8_t code;

	if (counts(k, track) == 0 || !hr_counts_quantile(k->counts, k->vm->conf.q, &code))
		return (struct hr_opt){0};
	return hr_opt_of(hr_k_decode(code));
}

static struct hr_bounds bounds(struct making *k, unsigned track)
{
	struct hr_bounds b = {.at_least = quantile(k, track + SERIES_AT_LEAST),
		.likely = quantile(k, track + SERIES_LIKELY),
		.at_most = quantile(k, track + SERIES_AT_MOST)};

	b.capped =
		b.likely.has ? b.likely.v >= HR_K_MAX : b.at_least.has && b.at_least.v >= HR_K_MAX;
	hr_bounds_tidy(&b);
	return b;
}

/* Shares of what bound the tight minutes. */
static void find_bind(struct making *k, const struct hr_bounds *best)
{
	uint8_t tight = hr_k_code(best->at_least.has ? best->at_least.v * TIGHT : HR_K_MAX);
	uint64_t all = 0, top = 0;

	k->bind_group = -1;
	for (int r = 0; r < VM_RES_N; r++) {
		uint64_t n[3] = {0}, sum = 0;

		for (unsigned how = 0; how < 3; how++) {
			counts(k, TRACK_BIND((unsigned)r, how));
			for (unsigned c = 0; c <= tight; c++)
				n[how] += k->counts[c];
			sum += n[how];
		}
		all += sum;
		if (sum <= top)
			continue;
		top = sum;
		k->bind_group = r;
		k->bind_how = n[1] * 2 >= sum ? 1 : n[2] * 2 >= sum ? 2 : 0;
	}
	k->bind_share = all ? (double)top / (double)all : 0;
}

static const struct hr_estimate *estimate_of(const struct hr_eval *v, int group)
{
	for (uint8_t i = 0; i < v->n; i++)
		if ((int)hr_vm_group(&v->e[i], i) == group)
			return &v->e[i];
	return NULL;
}

/* What the days no longer tell of memory, minutes that believed them do not either. */
static void forget_growth(const struct hr_vm *vm, struct hr_bounds *b)
{
	if (vm->growth.state == HR_GROWTH_KNOWN || !b->likely.has || b->likely.v <= 1)
		return; /* 1 or less was measured */
	b->likely.has = b->at_most.has = false;
	b->capped = b->at_least.has && b->at_least.v >= HR_K_MAX;
}

static void copy_resources(struct making *k, struct hr_answer *a)
{
	double hours = (double)k->vm->covered_ms / HOUR_MS;
	enum hr_confidence cap = hours < k->vm->conf.min_history_h || k->vm->conf.min_history_h <= 0
					 ? HR_CONFIDENCE_LOW
				 : hours < HISTORY_MEDIUM_H ? HR_CONFIDENCE_MEDIUM
							    : HR_CONFIDENCE_HIGH;

	for (uint8_t i = 0; i < k->v.n; i++) {
		struct hr_res_answer *r = &a->res[a->n_res++];
		unsigned g = hr_vm_group(&k->v.e[i], i);

		*r = k->v.e[i].r;
		if (r->confidence > cap)
			r->confidence = cap;
		if (k->whole)
			continue;
		r->headroom = bounds(k, TRACK_RES(g, 0));
		if (r->resource == HR_RES_MEMORY)
			forget_growth(k->vm, &r->headroom);
		if (counts(k, TRACK_RES(g, SERIES_FLAGS)))
			r->saturated = (double)k->counts[1] >
				       k->vm->conf.q * (double)(k->counts[0] + k->counts[1]);
	}
}

/* Demand over the lookback, from the merged distributions. */
static void fill_demand(struct making *k, struct hr_answer *a)
{
	for (uint8_t i = 0; i < a->n_res; i++) {
		struct hr_res_answer *r = &a->res[i];
		unsigned g = hr_vm_group(&k->v.e[i], i);
		double unit = r->resource == HR_RES_MEMORY    ? 1048576
			      : r->resource == HR_RES_DISK    ? 10
			      : r->resource == HR_RES_NETWORK ? 10240
							      : 1e-3;
		uint64_t sum = counts(k, TRACK_DEMAND(g)), below = 0;
		double total = 0;

		/* The hottest thread of a window may be one of a pool: then nothing is serial. */
		if (sum == 0 || r->resource == HR_RES_SERIAL)
			continue;
		r->demand.p50.has = false;
		r->demand.p99.has = false;
		for (unsigned b = 0; b < HR_BUCKETS; b++) {
			double mid = (hr_bucket_lo(b) + (double)hr_bucket_hi(b)) / 2;

			if (!k->counts[b])
				continue;
			below += k->counts[b];
			total += mid * (double)k->counts[b];
			if (!r->demand.p50.has && below * 2 >= sum)
				r->demand.p50 = hr_opt_of(mid * unit);
			if (!r->demand.p99.has && (double)below >= ceil(0.99 * (double)sum))
				r->demand.p99 = hr_opt_of(hr_bucket_hi(b) * unit);
			if (!k->whole || !r->demand.max.has || r->resource == HR_RES_MEMORY)
				r->demand.max = hr_opt_of(hr_bucket_hi(b) * unit);
		}
		if (!k->whole || !r->demand.mean.has)
			r->demand.mean = hr_opt_of(total / (double)sum * unit);
		if (r->demand.max.has && r->demand.p99.has && r->demand.p99.v > r->demand.max.v)
			r->demand.p99 = r->demand.max;
	}
}

static void add_missing(struct hr_answer *a, uint64_t available_ms, const char *text)
{
	struct hr_missing *m;

	if (a->n_missing >= HR_ANS_MISSING_MAX)
		return;
	for (uint8_t i = 0; i < a->n_missing; i++)
		if (strcmp(a->missing[i].evidence, text) == 0)
			return;
	m = &a->missing[a->n_missing++];
	snprintf(m->evidence, sizeof(m->evidence), "%s", text);
	m->available_ms = available_ms;
}

static void missing_of(struct hr_answer *a, const struct hr_estimate *e)
{
	for (uint8_t i = 0; e && i < e->r.n_missing; i++)
		add_missing(a, e->r.missing[i].available_ms, e->r.missing[i].evidence);
}

/* "30 h", "12 min", "40 s". */
static const char *span(double hours, char to[32])
{
	if (hours >= 2)
		snprintf(to, 32, "%.3g h", hours);
	else if (hours * 60 >= 2)
		snprintf(to, 32, "%.0f min", hours * 60);
	else
		snprintf(to, 32, "%.0f s", hours * 3600);
	return to;
}

/* A model that needs no history is that of `measure`, whose windows are what it is asked about. */
static bool silent(const struct making *k)
{
	const struct hr_vm *vm = k->vm;

	return vm->last_ms && k->now_ms > vm->last_ms + STALE_MS && vm->conf.min_history_h > 0;
}

/* Section 11: what forbids an answer, whatever the numbers say. */
static bool evidence_fails(struct making *k, struct hr_answer *a)
{
	const struct hr_vm *vm = k->vm;
	double have_h = (double)vm->covered_ms / HOUR_MS;
	bool fails = false;
	char text[160];

	if (vm->open.windows == 0) {
		add_missing(a, 0,
			vm->last_ms ? "a window since the collector started"
				    : "any window of this VM");
		fails = true;
	}
	if (silent(k)) {
		snprintf(text, sizeof(text), "data of the last %.0f minutes: the agent is silent",
			(double)(k->now_ms - vm->last_ms) / 60000);
		add_missing(a, 0, text);
		fails = true;
	}
	if (vm->cut_ms)
		have_h = fmin(
			have_h, (double)(vm->last_ms -
					 (vm->cut_ms < vm->last_ms ? vm->cut_ms : vm->last_ms)) /
					HOUR_MS);
	if (have_h < vm->conf.min_history_h) {
		char need[32], have[32];

		snprintf(text, sizeof(text), "%s of history%s (%s so far)",
			span(vm->conf.min_history_h, need),
			vm->cut_ms ? " since its size or a limit of it changed" : "",
			span(have_h, have));
		add_missing(a, k->now_ms + (uint64_t)((vm->conf.min_history_h - have_h) * HOUR_MS),
			text);
		fails = true;
	}
	k->in.lacks = k->v.lacking >= 0;
	k->in.memory_lacks = k->v.memory_lacks;
	if (k->in.lacks)
		missing_of(a, &k->v.e[k->v.lacking]);
	return fails;
}

/* CPU time that nobody accounts for makes no claim trustworthy that rests on the CPU. */
static bool cpu_lossy(const struct hr_eval *v)
{
	return v->n && v->e[0].r.n_missing && v->e[0].r.confidence == HR_CONFIDENCE_LOW &&
	       strstr(v->e[0].r.missing[0].evidence, "accounted") != NULL;
}

/* What binds in the one minute that there is, and what the sizes do to it. */
static const struct hr_estimate *take_minute(struct making *k, struct hr_gain_in *gi)
{
	const struct hr_estimate *b = k->v.bind >= 0 ? &k->v.e[k->v.bind] : NULL;
	struct hr_verdict_in *in = &k->in;

	k->bind_group = b ? (int)hr_vm_group(b, (unsigned)k->v.bind) : -1;
	k->bind_how = b && b->local ? 1 : b && b->external ? 2 : 0;
	k->bind_share = b ? 1 : 0;
	k->frozen = k->v.frozen;
	k->hog_share = k->v.hog_share;
	in->hot_thread = k->v.hot_thread;
	memcpy(gi->at, k->v.at, sizeof(gi->at));
	if (b)
		memcpy(in->grows, b->grows, sizeof(in->grows));
	return b;
}

/* The same over the lookback. */
static const struct hr_estimate *take_lookback(
	struct making *k, const struct hr_bounds *best, struct hr_gain_in *gi)
{
	uint64_t n, of[4] = {0};
	struct hr_verdict_in *in = &k->in;
	const struct hr_estimate *b;
	double few;

	find_bind(k, best);
	b = estimate_of(&k->v, k->bind_group);
	k->frozen = quantile(k, TRACK_FROZEN);
	n = counts(k, TRACK_LOAD);
	for (unsigned c = 0; c < 16; c++)
		for (unsigned bit = 0; bit < 4; bit++)
			of[bit] += c >> bit & 1 ? k->counts[c] : 0;
	few = k->vm->conf.q * (double)n;
	in->hot_thread = of[0] * 2 > n;
	k->hog_share = of[1] * 2 > n ? 1 : 0;
	in->grows[HR_SIZE_MEMORY] = b && b->r.resource == HR_RES_MEMORY && (double)of[2] > few;
	in->grows[HR_SIZE_VCPUS] = b && b->r.resource == HR_RES_NETWORK && (double)of[3] > few;
	in->grows[HR_SIZE_BOTH] = in->grows[HR_SIZE_MEMORY] || in->grows[HR_SIZE_VCPUS];
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		gi->at[z] = bounds(k, TRACK_AT(z, 0));
	return b;
}

/* Is what binds short by measurement, and not only by what was concluded? */
static bool is_sure(struct making *k, const struct hr_estimate *b)
{
	struct hr_bounds h;

	if (!b || b->r.confidence < HR_CONFIDENCE_MEDIUM)
		return false;
	h = k->whole ? b->r.headroom : bounds(k, TRACK_RES((unsigned)k->bind_group, 0));
	return h.at_most.has && h.at_most.v < k->in.target;
}

/* What was decided although a resource has no signal is told so. */
static void decided_without(struct making *k, struct hr_answer *a)
{
	for (uint8_t i = 0; k->in.lacks && i < a->n_res && i < k->v.n; i++)
		if ((int)hr_vm_group(&k->v.e[i], i) == k->bind_group)
			a->res[i].confidence = HR_CONFIDENCE_LOW;
}

static void decide(struct making *k, struct hr_answer *a)
{
	struct hr_verdict_in *in = &k->in;
	struct hr_gain_in gi = {.k = a->headroom};
	struct hr_model_conf conf = k->vm->conf;
	const struct hr_estimate *b =
		k->whole ? take_minute(k, &gi) : take_lookback(k, &a->headroom, &gi);

	in->k = a->headroom;
	in->target = k->vm->conf.k_target;
	in->bind = b ? b->r.resource : HR_RES_NONE;
	in->local = k->bind_how == 1;
	in->external = k->bind_how == 2;
	in->frozen = gi.frozen = k->frozen;
	gi.closed = k->v.closed;
	gi.hog_share = k->hog_share;
	gi.hot_thread = in->hot_thread;
	memcpy(gi.grows, in->grows, sizeof(gi.grows));
	gi.vcpus = k->vm->open.cpus;
	gi.mem_bytes = k->vm->has_facts ? k->vm->facts.mem_total_bytes : 0;
	hr_vm_ceiling(k->vm, &conf);
	hr_sizes_gain(&gi, &conf, in->gain);
	in->trend_soon = hr_vm_trend_soon(k->vm, a);
	in->bind_sure = is_sure(k, b);
	in->evidence_fails = evidence_fails(k, a);
	if (!in->evidence_fails && !in->lacks && cpu_lossy(&k->v) &&
		(in->bind == HR_RES_CPU ||
			(a->headroom.at_least.has && a->headroom.at_least.v >= in->target))) {
		missing_of(a, &k->v.e[0]);
		in->evidence_fails = true;
	}
	k->verdict = hr_verdict_of(in);
	if (k->verdict.kind == HR_ANSWER_UNKNOWN)
		missing_of(a, b);
	else
		decided_without(k, a);
	if (k->verdict.kind == HR_ANSWER_UNKNOWN && a->n_missing == 0)
		add_missing(a, 0,
			k->verdict.row == 7 ? "a surer bound of what a larger size would gain"
					    : "tighter bounds: more minutes under load");
}

static void fill_window(struct making *k, struct hr_answer *a)
{
	const struct hr_vm *vm = k->vm;
	uint64_t back = vm->conf.lookback_days * 86400000ULL, span;

	a->window.to_ms = vm->last_ms;
	a->window.from_ms = vm->first_ms;
	if (vm->last_ms > back && vm->first_ms < vm->last_ms - back)
		a->window.from_ms = vm->last_ms - back;
	span = a->window.to_ms - a->window.from_ms;
	a->window.seconds = (double)span / 1e3;
	a->window.covered = 0;
	/* all there is; of a longer life the closed units that are looked at, and the open one */
	if (span > 0)
		a->window.covered = fmin(1,
			(a->window.from_ms == vm->first_ms ? (double)vm->covered_ms
							   : (double)k->units * UNIT_S * 1e3 +
								     (double)vm->open.covered_ms) /
				(double)span);
}

static void fill_bigger(const struct making *k, struct hr_answer *a)
{
	for (unsigned z = 0; z < HR_SIZE_N; z++) {
		const struct hr_gain *g = &k->in.gain[z];

		if (!g->exists)
			continue;
		snprintf(a->bigger[a->n_bigger].change, sizeof(a->bigger[0].change), "%s",
			g->change);
		a->bigger[a->n_bigger].gain = g->gain;
		a->n_bigger++;
	}
}

static void begin(struct making *k, struct hr_vm *vm, uint64_t now_ms, struct hr_trace *t)
{
	memset(k, 0, offsetof(struct making, tracks));
	hr_lookback_tracks(&vm->back, &k->tracks);
	k->vm = vm;
	k->now_ms = now_ms;
	k->t = t;
	k->whole = vm->closed == 0;
	hr_vm_eval(vm, &vm->open, false, t, &k->v);
	k->weight = hr_vm_weight(vm->open.covered_ms);
	if (vm->open.windows)
		k->n_vote = hr_vm_votes(&k->v, k->vote);
}

static void make(struct making *k, struct hr_answer *a)
{
	k->units = counts(k, TRACK_K(SERIES_AT_LEAST));
	a->headroom = k->whole ? k->v.k : bounds(k, TRACK_K(0));
	fill_window(k, a);
	copy_resources(k, a);
	fill_demand(k, a);
	hr_vm_outlook(k->vm, &k->v, a);
	hr_vm_stocks(k->vm, a);
	hr_vm_soonest(a);
	hr_vm_size(k->vm, a);
	decide(k, a);
	a->kind = k->verdict.kind;
	a->reason = k->verdict.reason;
	fill_bigger(k, a);
	hr_vm_lists(k->vm, a);
}

void hr_vm_answer(struct hr_vm *vm, const char *host, uint64_t now_ms, struct hr_answer *ret_answer)
{
	struct hr_answer *a = ret_answer;
	const struct hr_estimate *b;
	struct making k;

	memset(a, 0, sizeof(*a));
	snprintf(a->host, sizeof(a->host), "%s", host);
	a->at_ms = now_ms;
	begin(&k, vm, now_ms, NULL);
	make(&k, a);
	b = estimate_of(&k.v, k.bind_group);
	if (b) {
		a->binding.resource = b->r.resource;
		snprintf(a->binding.device, sizeof(a->binding.device), "%s", b->r.device);
		a->binding.share = k.bind_share;
	}
	hr_text_answer(&(struct hr_text_in){.conf = &vm->conf,
			       .verdict = &k.verdict,
			       .gain = k.in.gain,
			       .bind = b,
			       .a = a,
			       .cgroup = vm->facts.tight_cgroup,
			       .frozen = k.frozen,
			       .hot_thread = k.in.hot_thread,
			       .trend = k.in.trend_soon && a->headroom.at_least.has &&
					a->headroom.at_least.v >= vm->conf.k_target,
			       .whole = k.whole,
			       .silent = silent(&k)},
		a->sentence, a->advice);
	hr_vm_size_advice(a);
	hr_vm_stocks_advice(a);
}

static void say_opt(char out[32], const struct hr_opt *o)
{
	if (o->has)
		snprintf(out, 32, "%.3f", o->v);
	else
		snprintf(out, 32, "unknown");
}

static void say_bounds(
	struct hr_trace *t, const char *name, const struct hr_bounds *b, const char *why)
{
	char lo[32], mid[32], hi[32];

	say_opt(lo, &b->at_least);
	say_opt(mid, &b->likely);
	say_opt(hi, &b->at_most);
	hr_trace_say(t, "%s = at least %s, likely %s, at most %s  (%s)", name, lo, mid, hi, why);
}

static void explain_end(struct making *k, const struct hr_answer *a)
{
	const struct hr_model_conf *c = &k->vm->conf;
	struct hr_trace *t = k->t;

	for (uint8_t i = 0; i < a->n_res; i++) {
		char name[HR_NAME_LEN + 32];

		snprintf(name, sizeof(name), "k(%s%s%s)", hr_resource_name(a->res[i].resource),
			a->res[i].device[0] ? " " : "", a->res[i].device);
		if (i < k->v.n)
			say_bounds(t, name, &a->res[i].headroom, k->v.e[i].reason);
		else
			hr_trace_say(t,
				"%s %s = %.0f of %.0f used  (a stock: no k, full at %.0f %%)",
				hr_resource_name(a->res[i].resource), a->res[i].device,
				a->res[i].demand.max.v, a->res[i].capacity.value.v,
				100 * HR_STOCKS_FULL);
	}
	if (k->whole)
		hr_trace_say(t, "scope = this window of %.1f s only, no quantile over minutes",
			a->window.seconds);
	else
		hr_trace_say(t,
			"scope = %.4g h of evidence; K = the value that %.2g %% of the time is "
			"below",
			(double)k->units * UNIT_S / 3600, 100 * c->q);
	say_bounds(t, "K of the VM", &a->headroom, "smallest over the resources");
	for (uint8_t i = 0; i < a->n_bigger; i++) {
		char name[sizeof(a->bigger[0].change) + 16];

		snprintf(name, sizeof(name), "gain of %s", a->bigger[i].change);
		say_bounds(t, name, &a->bigger[i].gain, "K there / K here");
	}
	for (uint8_t i = 0; i < a->n_missing; i++)
		hr_trace_say(t, "missing: %s", a->missing[i].evidence);
	hr_trace_say(t, "verdict = %s  (row %u of the table; target %.2f)",
		hr_reason_name(a->reason), k->verdict.row, c->k_target);
}

size_t hr_vm_explain(struct hr_vm *vm, uint64_t now_ms, char *buf, size_t cap)
{
	struct hr_trace t = {.buf = buf, .cap = cap};
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct making k;

	if (cap)
		buf[0] = '\0';
	if (!a)
		return 0;
	hr_trace_say(&t,
		"service level: wait > max(%g ms, own CPU time) for at most %.2g %% of bursts; "
		"target "
		"%.2fx; K at the %.2g %% quantile",
		vm->conf.x_ms, 100 * vm->conf.eps, vm->conf.k_target, 100 * vm->conf.q);
	hr_trace_say(
		&t, "newest minute: %u windows, %.1f s", vm->open.windows, hr_minute_s(&vm->open));
	begin(&k, vm, now_ms, &t);
	make(&k, a);
	explain_end(&k, a);
	free(a);
	return t.len;
}
