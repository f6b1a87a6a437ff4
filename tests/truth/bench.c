/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU model against a scheduler in virtual time: the arrivals of tests/truth, the agent's own
 * slots, virtual queue and replay, the collector's own model; only the kernel is simulated
 * (sched.h).  Thousands of rows in minutes on any machine: what MODEL.md marks [S].
 *
 *   truth_bench [--cpus N] [--seconds S] [--seeds A-B] [--only NAME] [--rows]
 *               [--explain] [--stage1] [--service]
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/fold.h"
#include "agent/core/reach.h"
#include "agent/core/replay.h"
#include "collector/core/vm.h"
#include "proto/num.h"
#include "sched.h"

#define NS       1000000000ULL
#define TRUTH_S  40.0 /* length of a run that searches the truth */
#define WINDOW_S 10
#define SLICE_S  5
#define EPS      0.01
#define LEAD_NS  (1 * NS)
#define OVER     1.25
/* Of the batches' mean of four: below it they are single jobs, which no size makes smaller. */
#define BATCH_LEAST 0.5
#define CLEAR       (1.3 * 1.25 * 1.25) /* both ways to grow: twice the error from the target */

static const char *const arrive_name[] = {"poisson", "bursts", "batches", "ticks"};
static const char *const size_name[] = {"exp", "lognormal", "bimodal"};

/* --- one run of the product on simulated jobs ----------------------------------- */

static bool stage1;  /* without the replay of recorded bursts */
static bool service; /* minutes, each with a k of its own, one slice a minute */
static bool explain; /* print each step of each row */

struct feed {
	struct hr_slot_cpu *slot;
	uint32_t n_slots;
	const struct job *job;
};

/* Adds [from, to) to a member of the slots it covers. */
static void spread_over(struct feed *f, uint64_t from, uint64_t to, size_t member)
{
	while (from < to) {
		uint64_t s = from / HR_SLOT_NS, end = (s + 1) * HR_SLOT_NS;

		end = end < to ? end : to;
		if (s < f->n_slots)
			*(uint64_t *)((char *)&f->slot[s] + member) += end - from;
		from = end;
	}
}

static void ran(void *arg, size_t i, uint64_t from, uint64_t to)
{
	(void)i;
	spread_over(arg, from, to, offsetof(struct hr_slot_cpu, oncpu_ns));
}

static void base(struct hr_summary *s, unsigned cpus, uint64_t seq)
{
	memset(s, 0, sizeof(*s));
	s->seq_first = s->seq_last = seq;
	s->dur_ms = WINDOW_S * 1000;
	s->t_end_ms = 1790000000000ULL + (seq + 1) * s->dur_ms;
	s->epoch = 1;
	s->cpus = cpus;
	s->have = (1ULL << HR_SIG_N) - 1;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = s->ctr[HR_CTR_MEM_FREE_BYTES] = 3ULL << 30;
	s->ctr[HR_CTR_MEM_ANON_BYTES] = 256ULL << 20;
	for (unsigned i = 0; i < WINDOW_S; i++) {
		(void)hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], 2, 1);
		(void)hr_hist_add(&s->dist[HR_DIST_STEAL_1S], 0, 1);
	}
}

static int by_wake(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

static struct hr_reach_seen seen;

/* The slice of 5 s from @at on, as far as its jobs ended; how many were late. */
static uint64_t slice_of(const struct job *job, size_t n, uint64_t at, struct hr_replay_in *ret_in)
{
	static struct hr_burst burst[HR_BURSTS_MAX];
	uint64_t until = at + SLICE_S * NS, late = 0;

	*ret_in = (struct hr_replay_in){.burst = burst,
		.length_ns = SLICE_S * NS,
		.seed = 1790000000000ULL ^ at,
		.seen = &seen};
	for (size_t i = 0; i < n && ret_in->n < HR_BURSTS_MAX; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		if (job[i].at_ns < at || job[i].end_ns >= until)
			continue;
		burst[ret_in->n++] =
			(struct hr_burst){job[i].at_ns - at, job[i].took_ns, (uint32_t)wait, false};
		late += wait > HR_STINTS_LATE_NS && wait > job[i].took_ns;
	}
	qsort(burst, ret_in->n, sizeof(*burst), by_wake);
	return late;
}

/* Slices from @from on: back to back, as `measure` records them; the service one a minute. */
static unsigned slices_in(unsigned window)
{
	if (!service)
		return WINDOW_S / SLICE_S;
	return window % 6 == window / 6 * 5 % 6;
}

static void replay_window(
	struct hr_summary *s, const struct job *job, size_t n, uint64_t from, unsigned window)
{
	static struct hr_replay_work work;

	for (unsigned i = 0; i < slices_in(window); i++) {
		struct hr_replay_in in;
		uint64_t late = slice_of(job, n, from + i * SLICE_S * NS, &in);

		if (service)
			hr_reach_learn(&in, &work, &seen);
		s->ctr[HR_CTR_REPLAY_SLICE_N]++;
		s->ctr[HR_CTR_REPLAY_SLICE_MS] += SLICE_S * 1000;
		s->ctr[HR_CTR_REPLAY_BURST_N] += in.n;
		s->ctr[HR_CTR_REPLAY_LATE_N] += late;
		for (unsigned r = 0; in.n && r < HR_VQ_ROWS; r++)
			hr_replay_row(&in, s->cpus, r, &work, &s->replay);
		s->ctr[HR_CTR_REPLAY_EVEN_MS] += in.n ? work.even_ns / 1000000 : 0;
		s->ctr[HR_CTR_REPLAY_MIXED_N] += in.n && work.mixed;
	}
}

/* `measure` has recorded all slices before it replays one. */
static void learn_all(const struct job *job, size_t n, unsigned windows)
{
	static struct hr_replay_work work;
	struct hr_replay_in in;

	memset(&seen, 0, sizeof(seen));
	for (unsigned i = 0; !service && i < windows * WINDOW_S / SLICE_S; i++) {
		(void)slice_of(job, n, LEAD_NS + i * SLICE_S * NS, &in);
		hr_reach_learn(&in, &work, &seen);
	}
}

static void counters(struct hr_summary *s, const struct job *job, size_t n, uint64_t from)
{
	uint64_t until = from + WINDOW_S * NS;

	for (size_t i = 0; i < n; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		if (job[i].end_ns < from || job[i].end_ns >= until)
			continue;
		s->ctr[HR_CTR_BURST_N]++;
		s->ctr[HR_CTR_BURST_LATE_N] += wait > HR_STINTS_LATE_NS && wait > job[i].took_ns;
	}
	s->ctr[HR_CTR_STAT_USER_MS] = s->ctr[HR_CTR_ONCPU_NS] / 1000000;
	s->ctr[HR_CTR_STAT_IDLE_MS] = (uint64_t)s->cpus * s->dur_ms - s->ctr[HR_CTR_STAT_USER_MS];
}

/* Feeds @windows windows of the jobs, which have run, into a new VM and asks it. */
static void ask(
	const struct feed *f, size_t n, unsigned cpus, unsigned windows, struct hr_answer *ret)
{
	static struct hr_fold fold;
	static struct hr_take take;
	static struct hr_summary s;
	struct hr_facts facts = {.epoch = 1, .name = "bench", .cpus_online = cpus};
	struct hr_model_conf conf;
	struct hr_vm *vm;
	uint64_t lead = LEAD_NS / HR_SLOT_NS, per = WINDOW_S * NS / HR_SLOT_NS;

	hr_model_conf_default(&conf);
	conf.min_history_h = 0;
	if (!service)
		conf.minute_ms = 300000;
	facts.cpus_possible = cpus;
	facts.threads_per_core = 1;
	facts.mem_total_bytes = 4ULL << 30;
	vm = hr_vm_new(&conf);
	if (!vm)
		abort();
	hr_vm_facts(vm, &facts, 1790000000000ULL);
	memset(&fold, 0, sizeof(fold));
	hr_fold_init(&fold, cpus, NULL, 0, 0);
	learn_all(f->job, n, windows);
	for (unsigned w = 0; w < windows; w++) {
		base(&s, cpus, w);
		for (uint64_t i = lead + w * per; i < lead + (w + 1) * per && i < f->n_slots;) {
			memset(&take, 0, sizeof(take));
			take.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
				    HR_SIG_BIT(HR_SIG_BURSTS);
			take.first_slot = i;
			while (take.n_slots < 119 && i < lead + (w + 1) * per && i < f->n_slots)
				take.cpu_slot[take.n_slots++] = f->slot[i++];
			(void)hr_fold_take(&fold, &take, 0, &s);
		}
		counters(&s, f->job, n, LEAD_NS + w * WINDOW_S * NS);
		if (!stage1)
			replay_window(&s, f->job, n, LEAD_NS + w * WINDOW_S * NS, w);
		hr_vm_add(vm, &s);
	}
	hr_vm_answer(vm, "bench", 1790000000000ULL + windows * WINDOW_S * 1000ULL, ret);
	if (explain) {
		static char text[65536];

		(void)hr_vm_explain(
			vm, 1790000000000ULL + windows * WINDOW_S * 1000ULL, text, sizeof(text));
		puts(text);
	}
	hr_vm_free(vm);
}

static void measure(
	const struct plan_opts *o, unsigned cpus, unsigned seconds, struct hr_answer *ret)
{
	struct plan_opts mine = *o;
	struct feed f;
	size_t n;
	struct job *job;

	mine.for_s = seconds + 3;
	job = plan_make(&mine, &n);
	f.n_slots = (uint32_t)(mine.for_s * 1e9 / HR_SLOT_NS) + 1;
	f.slot = calloc(f.n_slots, sizeof(*f.slot));
	f.job = job;
	if (!job || !f.slot)
		abort();
	sched_run(job, n, cpus, ran, &f);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = job[i].at_ns, s = at / HR_SLOT_NS;

		if (s < f.n_slots)
			f.slot[s].wakes++;
		spread_over(&f, at, at + job[i].cpu_ns, offsetof(struct hr_slot_cpu, charge_ns));
		spread_over(&f, at, job[i].end_ns, offsetof(struct hr_slot_cpu, wait_ns));
	}
	for (uint32_t i = 0; i < f.n_slots; i++) /* there, but not running */
		f.slot[i].wait_ns -= f.slot[i].oncpu_ns;
	ask(&f, n, cpus, seconds / WINDOW_S, ret);
	free(f.slot);
	free(job);
}

/* --- truth ------------------------------------------------------------------------ */

static double late_at(const struct plan_opts *o, double k, unsigned cpus)
{
	double late = 0;

	for (unsigned i = 0; i < 2; i++) { /* another minute of the same kind */
		struct plan_opts mine = *o;
		struct job *job;
		size_t n;

		mine.k = k;
		mine.for_s = TRUTH_S;
		mine.seed += 7919 * (i + 1);
		job = plan_make(&mine, &n);
		if (!job)
			abort();
		sched_run(job, n, cpus, NULL, NULL);
		late += sched_late(job, n) / 2;
		free(job);
	}
	return late;
}

/* Growth of today's load (k copies, or k inside) in the other way, until it breaks. */
static double other_truth(const struct plan_opts *o, unsigned cpus)
{
	struct plan_opts mine = *o;
	double lo = 0.4, hi = 12;

	for (unsigned i = 0; i < 6; i++) {
		mine.other = sqrt(lo * hi);
		if (late_at(&mine, mine.k, cpus) > EPS)
			hi = mine.other;
		else
			lo = mine.other;
	}
	return sqrt(lo * hi);
}

static double break_point(const struct plan_opts *o, unsigned cpus)
{
	double lo = 0.3, hi = 22;

	for (unsigned i = 0; i < 9; i++) {
		double mid = sqrt(lo * hi);

		if (late_at(o, mid, cpus) > EPS)
			hi = mid;
		else
			lo = mid;
	}
	return sqrt(lo * hi);
}

/* --- rows -------------------------------------------------------------------------- */

struct tally {
	unsigned n, over, covered, likely_n, right, wrong, unknown, clear;
	double ln_err;
};

static double cut(double k)
{
	return k > 8 ? 8 : k < 0.125 ? 0.125 : k;
}

/* @inside, @apart: the true k of the two ways to grow. */
static void judge(struct tally *t, double inside, double apart, const struct hr_answer *a)
{
	const struct hr_bounds *b = &a->headroom;
	double low_k = cut(fmin(inside, apart)), k = cut(apart);
	bool yes = a->kind == HR_ANSWER_YES;
	bool low = a->kind == HR_ANSWER_RESIZE || a->kind == HR_ANSWER_NO;

	t->n++;
	t->over += b->at_least.has && b->at_least.v > OVER * low_k;
	t->covered += (!b->at_least.has || b->at_least.v <= low_k) &&
		      (!b->at_most.has || b->at_most.v >= k || b->at_most.v >= 8);
	if (b->likely.has) {
		t->likely_n++;
		t->ln_err += fabs(log(b->likely.v / k));
	}
	if (low_k > CLEAR || k < 1 / OVER + 0.01) {
		t->clear++;
		t->right += low_k > CLEAR ? yes : low;
		t->wrong += low_k > CLEAR ? low : yes;
		t->unknown += !yes && !low;
	} else {
		t->wrong += (yes && low_k < 1) || (low && k > 1.3 * OVER);
	}
}

static void print_tally(const char *name, const struct tally *t)
{
	printf("%-34s %5u | over-promised %4.1f %% | likely x%.2f | covered %3.0f %% | clear %u: "
	       "right %.0f %% unknown %.0f %%; wrong %u\n",
		name, t->n, 100.0 * t->over / t->n,
		t->likely_n ? exp(t->ln_err / t->likely_n) : NAN, 100.0 * t->covered / t->n,
		t->clear, t->clear ? 100.0 * t->right / t->clear : 0,
		t->clear ? 100.0 * t->unknown / t->clear : 0, t->wrong);
}

static void add_tally(struct tally *to, const struct tally *t)
{
	to->n += t->n;
	to->over += t->over;
	to->covered += t->covered;
	to->likely_n += t->likely_n;
	to->right += t->right;
	to->wrong += t->wrong;
	to->unknown += t->unknown;
	to->clear += t->clear;
	to->ln_err += t->ln_err;
}

/* "FIRST" or "FIRST-LAST". */
static bool seeds_of(const char *s, unsigned *ret_first, unsigned *ret_last)
{
	size_t n = strcspn(s, "-");
	uint64_t first, last;

	if (!hr_num_u64_n(s, n, &first) || first > UINT32_MAX)
		return false;
	last = first;
	if (s[n] && !hr_num_u64(s + n + 1, first, UINT32_MAX, &last))
		return false;
	*ret_first = (unsigned)first;
	*ret_last = (unsigned)last;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"cpus", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
		{"seeds", 1, NULL, 'e'}, {"only", 1, NULL, 'o'}, {"rows", 0, NULL, 'r'},
		{"explain", 0, NULL, 'x'}, {"stage1", 0, NULL, '1'}, {"service", 0, NULL, 'v'},
		{NULL, 0, NULL, 0}};
	static const double mean_ms[] = {0.5, 2, 10}, fraction[] = {0.15, 0.3, 0.6, 1.25};
	unsigned cpus = 1, seconds = 20, first = 1, last = 1;
	struct tally all = {0}, by_f[4] = {{0}};
	const char *only = "";
	bool rows = false;
	uint64_t v;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'c' && hr_num_u64(optarg, 1, SCHED_CPUS_MAX, &v))
			cpus = (unsigned)v;
		else if (c == 's' && hr_num_u64(optarg, 20, 86400, &v))
			seconds = (unsigned)v;
		else if (c == 'r')
			rows = true;
		else if (c == 'o')
			only = optarg;
		else if (c == 'x')
			explain = true;
		else if (c == 'v')
			service = true;
		else if (c == '1')
			stage1 = true;
		else if (c != 'e' || !seeds_of(optarg, &first, &last))
			return 2;
	}
	for (unsigned w = 0; w < ARRIVE_N * 3 * 3 * GROW_N; w++) {
		struct plan_opts o = {.arrive = w % 4,
			.size = w / 4 % 3,
			.mean_s = mean_ms[w / 12 % 3] / 1e3,
			.grow = w / 36};
		struct tally t = {0};
		char name[64];

		if (o.arrive == ARRIVE_POISSON && o.grow == GROW_COPIES)
			continue; /* the same as inside */
		o.rate_per_s = 0.05 * cpus / o.mean_s;
		snprintf(name, sizeof(name), "%s-%s-%gms-%s", arrive_name[o.arrive],
			size_name[o.size], o.mean_s * 1e3, o.grow ? "more" : "in");
		if (!strstr(name, only))
			continue;
		for (unsigned seed = first; seed <= last; seed++) {
			double at, other;

			o.seed = seed;
			at = break_point(&o, cpus);
			if (at < 0.4) /* late at any load: no level of service to break */
				continue;
			for (unsigned i = 0; i < 4; i++) {
				struct hr_answer a;
				struct tally one = {0};

				o.k = fraction[i] * at;
				if (o.arrive == ARRIVE_BATCH && o.grow == GROW_INSIDE &&
					o.k < BATCH_LEAST)
					continue;
				other = o.arrive == ARRIVE_POISSON || fraction[i] > 1
						? 1 / fraction[i]
						: other_truth(&o, cpus);
				measure(&o, cpus, seconds, &a);
				judge(&one, o.grow == GROW_COPIES ? other : 1 / fraction[i],
					o.grow == GROW_COPIES ? 1 / fraction[i] : other, &a);
				add_tally(&t, &one);
				add_tally(&by_f[i], &one);
				if (rows)
					printf("%s %u %.2f at %.2f: %.2f %.2f %.2f %s "
					       "%.2f\n",
						name, seed, fraction[i], at, a.headroom.at_least.v,
						a.headroom.likely.v, a.headroom.at_most.v,
						hr_answer_kind_name(a.kind), other);
			}
		}
		if (t.n)
			print_tally(name, &t);
		fflush(stdout);
		add_tally(&all, &t);
	}
	for (unsigned i = 0; i < 4; i++) {
		char name[32];

		snprintf(name, sizeof(name), "load %.2f", fraction[i]);
		print_tally(name, &by_f[i]);
	}
	print_tally("all", &all);
	return 0;
}
