/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU model against a scheduler in virtual time: the arrivals of tests/truth, the agent's own
 * slots, virtual queue and replay, the collector's own model; only the kernel is simulated
 * (sched.h).  Thousands of rows in minutes on any machine: what MODEL.md marks [S].
 *
 *   truth_bench [--cpus N] [--seconds S [--until-known S2]] [--seeds A-B] [--only NAME] [--rows]
 *               [--explain] [--stage1] [--service] [--busy-hour] [--truth FILE]
 *   truth_bench --minutes N [--cpus N] [--only NAME] >FILE
 *
 * The truth is that of the same seed's next minutes, in the long run; or, of FILE, that of N
 * minutes of any, in the long run and by the share of minutes that are BAD: both are judged then.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/fold.h"
#include "agent/core/reach.h"
#include "agent/core/replay.h"
#include "breaks.h"
#include "collector/core/vm.h"
#include "proto/num.h"
#include "sched.h"
#include "tally.h"

#define NS         1000000000ULL
#define WINDOW_S   10
#define SLICE_S    5
#define LEAD_NS    (1 * NS)
#define LONGEST_NS (60 * NS) /* no job of these loads takes longer */
/* Of the batches' mean of four: below it they are single jobs, which no size makes smaller. */
#define BATCH_LEAST 0.5

static const char *const arrive_name[] = {"poisson", "bursts", "batches", "ticks"};
static const char *const size_name[] = {"exp", "lognormal", "bimodal"};

/* --- one run of the product on simulated jobs ----------------------------------- */

static bool stage1;    /* without the replay of recorded bursts */
static bool service;   /* minutes, each with a k of its own, one slice a minute */
static bool busy_hour; /* the load is that of one hour in the middle */
static bool explain;   /* print each step of each row */
static unsigned go_on; /* windows up to which `measure --until-known` goes on */

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

/* The first of the jobs, by arrival, that came at @at or later. */
static size_t first_from(const struct job *job, size_t n, uint64_t at)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (job[mid].at_ns < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The slice of 5 s from @at on, as far as its jobs ended; how many were late. */
static uint64_t slice_of(const struct job *job, size_t n, uint64_t at, struct hr_replay_in *ret_in)
{
	static struct hr_burst burst[HR_BURSTS_MAX];
	uint64_t until = at + SLICE_S * NS, late = 0;

	*ret_in = (struct hr_replay_in){.burst = burst,
		.length_ns = SLICE_S * NS,
		.seed = 1790000000000ULL ^ at,
		.seen = &seen};
	for (size_t i = first_from(job, n, at); i < n && job[i].at_ns < until; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		if (ret_in->n == HR_BURSTS_MAX)
			break;
		if (job[i].end_ns >= until)
			continue;
		burst[ret_in->n++] = (struct hr_burst){.wake_ns = job[i].at_ns - at,
			.cpu_ns = job[i].took_ns,
			.wait_ns = (uint32_t)wait};
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
		s->ctr[HR_CTR_REPLAY_QUEUED_N] += in.n;
		for (unsigned r = 0; in.n && r < HR_VQ_ROWS; r++)
			hr_replay_row(&in, s->cpus, r, &work, &s->replay);
		s->ctr[HR_CTR_REPLAY_EVEN_MS] += in.n ? work.even_ns / 1000000 : 0;
		s->ctr[HR_CTR_REPLAY_MIXED_N] += in.n && work.mixed;
	}
}

/* `measure` has recorded all slices of a look before it replays one. */
static void learn(const struct job *job, size_t n, unsigned first, unsigned windows)
{
	static struct hr_replay_work work;
	struct hr_replay_in in;

	for (unsigned i = first * WINDOW_S / SLICE_S; i < windows * WINDOW_S / SLICE_S; i++) {
		(void)slice_of(job, n, LEAD_NS + i * SLICE_S * NS, &in);
		hr_reach_learn(&in, &work, &seen);
	}
}

static void counters(struct hr_summary *s, const struct job *job, size_t n, uint64_t from)
{
	uint64_t until = from + WINDOW_S * NS, back = from > LONGEST_NS ? from - LONGEST_NS : 0;

	for (size_t i = first_from(job, n, back); i < n && job[i].at_ns < until; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		if (job[i].end_ns < from || job[i].end_ns >= until)
			continue;
		s->ctr[HR_CTR_BURST_N]++;
		s->ctr[HR_CTR_BURST_LATE_N] += wait > HR_STINTS_LATE_NS && wait > job[i].took_ns;
	}
	s->ctr[HR_CTR_STAT_USER_MS] = s->ctr[HR_CTR_ONCPU_NS] / 1000000;
	s->ctr[HR_CTR_STAT_IDLE_MS] = (uint64_t)s->cpus * s->dur_ms - s->ctr[HR_CTR_STAT_USER_MS];
}

static struct hr_vm *vm_of(unsigned cpus)
{
	struct hr_facts facts = {.epoch = 1, .name = "bench", .cpus_online = cpus};
	struct hr_model_conf conf;
	struct hr_vm *vm;

	hr_model_conf_default(&conf);
	conf.min_history_h = 0;
	if (!service)
		conf.minute_ms = 300000;
	conf.until_ms = go_on * WINDOW_S * 1000ULL;
	facts.cpus_possible = cpus;
	facts.threads_per_core = 1;
	facts.mem_total_bytes = 4ULL << 30;
	vm = hr_vm_new(&conf);
	if (!vm)
		abort();
	hr_vm_facts(vm, &facts, 1790000000000ULL);
	return vm;
}

static void feed_window(const struct feed *f, size_t n, unsigned cpus, unsigned w,
	struct hr_fold *fold, struct hr_vm *vm)
{
	static struct hr_take take;
	static struct hr_summary s;
	uint64_t lead = LEAD_NS / HR_SLOT_NS, per = WINDOW_S * NS / HR_SLOT_NS;

	base(&s, cpus, w);
	for (uint64_t i = lead + w * per; i < lead + (w + 1) * per && i < f->n_slots;) {
		memset(&take, 0, sizeof(take));
		take.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
			    HR_SIG_BIT(HR_SIG_BURSTS);
		take.first_slot = i;
		while (take.n_slots < 119 && i < lead + (w + 1) * per && i < f->n_slots)
			take.cpu_slot[take.n_slots++] = f->slot[i++];
		(void)hr_fold_take(fold, &take, NULL, &s);
	}
	counters(&s, f->job, n, LEAD_NS + w * WINDOW_S * NS);
	if (!stage1)
		replay_window(&s, f->job, n, LEAD_NS + w * WINDOW_S * NS, w);
	hr_vm_add(vm, &s);
}

/*
 * Feeds @windows windows of the jobs, which have run, into a new VM and asks it; while the answer
 * is unknown again at each doubling, up to @go_on.  Returns the windows it took.
 */
static unsigned ask(
	const struct feed *f, size_t n, unsigned cpus, unsigned windows, struct hr_answer *ret)
{
	static struct hr_fold fold;
	struct hr_vm *vm = vm_of(cpus);
	unsigned w = 0;
	uint64_t at_ms;

	memset(&fold, 0, sizeof(fold));
	memset(&seen, 0, sizeof(seen));
	hr_fold_init(&fold, cpus, NULL, 0, 0);
	for (;;) {
		if (!service)
			learn(f->job, n, w, windows);
		for (; w < windows; w++)
			feed_window(f, n, cpus, w, &fold, vm);
		at_ms = 1790000000000ULL + windows * WINDOW_S * 1000ULL;
		hr_vm_answer(vm, "bench", at_ms, ret);
		if (ret->kind != HR_ANSWER_UNKNOWN || windows >= go_on)
			break;
		windows = 2 * windows < go_on ? 2 * windows : go_on;
	}
	if (explain) {
		static char text[65536];

		(void)hr_vm_explain(vm, at_ms, text, sizeof(text));
		puts(text);
	}
	hr_vm_free(vm);
	return windows;
}

/* Returns the seconds it took. */
static unsigned measure(
	const struct plan_opts *o, unsigned cpus, unsigned seconds, struct hr_answer *ret)
{
	unsigned most = go_on * WINDOW_S > seconds ? go_on * WINDOW_S : seconds;
	struct plan_opts mine = *o;
	struct feed f;
	size_t n;
	struct job *job;

	mine.for_s = most + 3;
	job = busy_hour ? plan_busy_hour(&mine, seconds / 2, &n) : plan_make(&mine, &n);
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
	seconds = ask(&f, n, cpus, seconds / WINDOW_S, ret) * WINDOW_S;
	free(f.slot);
	free(job);
	return seconds;
}

/* --- rows -------------------------------------------------------------------------- */

#define FRACTIONS 4
static const double fraction[FRACTIONS] = {0.15, 0.3, 0.6, 1.25};
static const double mean_ms[] = {0.5, 2, 10};

/* A case of the bench; @w numbers them.  false: the same as another. */
#define CASES (ARRIVE_N * 3 * 3 * GROW_N)
static bool case_of(unsigned w, unsigned cpus, struct plan_opts *ret_o, char name[64])
{
	*ret_o = (struct plan_opts){.arrive = w % 4,
		.size = w / 4 % 3,
		.mean_s = mean_ms[w / 12 % 3] / 1e3,
		.grow = w / 36,
		.k = 1};
	ret_o->rate_per_s = 0.05 * cpus / ret_o->mean_s;
	snprintf(name, 64, "%s-%s-%gms-%s", arrive_name[ret_o->arrive], size_name[ret_o->size],
		ret_o->mean_s * 1e3, ret_o->grow ? "more" : "in");
	return ret_o->arrive != ARRIVE_POISSON || ret_o->grow != GROW_COPIES;
}

/* Where a case breaks, and what its loads carry in the other way. */
struct truth {
	struct breaks at, other[FRACTIONS];
};

/* --minutes: the truths of a case as a line of FILE. */
static void print_truth(
	const char *name, const struct plan_opts *o, unsigned cpus, unsigned minutes)
{
	struct breaks at = breaks_of(o, false, cpus, minutes);

	printf("%s %.3f %.3f", name, at.long_run, at.minutes);
	for (unsigned i = 0; i < FRACTIONS; i++) {
		struct plan_opts mine = *o;
		struct breaks other = {NAN, NAN};

		mine.k = fraction[i] * at.long_run;
		if (o->arrive != ARRIVE_POISSON && fraction[i] < 1)
			other = breaks_of(&mine, true, cpus, minutes);
		printf(" %.3f %.3f", other.long_run, other.minutes);
	}
	puts("");
	fflush(stdout);
}

/* The case's line of @file; false: none. */
static bool read_truth(FILE *file, const char *name, struct truth *ret)
{
	char line[512], *at;
	size_t len = strlen(name);

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len) != 0 || line[len] != ' ')
			continue;
		at = line + len;
		ret->at.long_run = strtod(at, &at);
		ret->at.minutes = strtod(at, &at);
		for (unsigned i = 0; i < FRACTIONS; i++) {
			ret->other[i].long_run = strtod(at, &at);
			ret->other[i].minutes = strtod(at, &at);
		}
		return true;
	}
	return false;
}

/* The same of one seed, in the long run only. */
static struct truth seed_truth(const struct plan_opts *o, unsigned cpus)
{
	struct truth t = {.at = {breaks_of_seed(o, cpus), NAN}};

	for (unsigned i = 0; i < FRACTIONS; i++) {
		struct plan_opts mine = *o;

		mine.k = fraction[i] * t.at.long_run;
		t.other[i].long_run = o->arrive == ARRIVE_POISSON || fraction[i] > 1
					      ? NAN
					      : breaks_other_of_seed(&mine, cpus);
	}
	return t;
}

/* Sums by both definitions. */
struct tallies {
	struct tally long_run, minutes;
};

static void judge(struct tally *t, const struct plan_opts *o, double at, double other,
	const struct hr_answer *a)
{
	struct tally one = {0};
	double own = at / o->k;

	if (isnan(other)) /* does not matter, or nowhere */
		other = o->arrive == ARRIVE_POISSON || own < 1 ? own : 12;
	tally_judge(&one, o->grow == GROW_COPIES ? other : own,
		o->grow == GROW_COPIES ? own : other, a);
	tally_add(t, &one);
}

static void print_tallies(const char *name, const struct tallies *t)
{
	char minutes[80];

	if (t->long_run.n)
		tally_print(name, &t->long_run);
	if (!t->minutes.n)
		return;
	snprintf(minutes, sizeof(minutes), "%s, minutes", name);
	tally_print(minutes, &t->minutes);
}

static void add_tallies(struct tallies *to, const struct tallies *t)
{
	tally_add(&to->long_run, &t->long_run);
	tally_add(&to->minutes, &t->minutes);
}

struct bench {
	unsigned cpus, seconds, first, last, minutes;
	const char *only;
	bool rows;
	FILE *truth;
	struct tallies all, by_f[FRACTIONS];
};

static void row(const struct bench *b, const struct plan_opts *o, const char *name,
	const struct truth *t, unsigned i, struct tallies *ret)
{
	struct hr_answer a;
	unsigned took;

	*ret = (struct tallies){0};
	took = measure(o, b->cpus, b->seconds, &a);
	judge(&ret->long_run, o, t->at.long_run, t->other[i].long_run, &a);
	if (b->truth)
		judge(&ret->minutes, o, t->at.minutes, t->other[i].minutes, &a);
	if (!b->rows)
		return;
	printf("%s %u %.2f at %.2f: %.2f %.2f %.2f %s %.2f", name, (unsigned)o->seed, fraction[i],
		t->at.long_run, a.headroom.at_least.v, a.headroom.likely.v, a.headroom.at_most.v,
		hr_answer_kind_name(a.kind), t->other[i].long_run);
	if (b->truth)
		printf(" minutes %.2f %.2f", t->at.minutes, t->other[i].minutes);
	printf(" after %u s\n", took);
}

static void run_case(struct bench *b, const struct plan_opts *as, const char *name)
{
	struct tallies sum = {0};
	struct truth t = {0};

	if (b->truth && !read_truth(b->truth, name, &t)) {
		fprintf(stderr, "%s: no truth\n", name);
		return;
	}
	for (unsigned seed = b->first; seed <= b->last; seed++) {
		struct plan_opts o = *as;

		o.seed = seed;
		if (!b->truth)
			t = seed_truth(&o, b->cpus);
		if (t.at.long_run < 0.4) /* late at any load: no level of service to break */
			continue;
		for (unsigned i = 0; i < FRACTIONS; i++) {
			struct tallies one;

			o.k = fraction[i] * t.at.long_run;
			if (o.arrive == ARRIVE_BATCH && o.grow == GROW_INSIDE && o.k < BATCH_LEAST)
				continue;
			row(b, &o, name, &t, i, &one);
			add_tallies(&sum, &one);
			add_tallies(&b->by_f[i], &one);
		}
	}
	print_tallies(name, &sum);
	fflush(stdout);
	add_tallies(&b->all, &sum);
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

static bool options(int argc, char **argv, struct bench *ret)
{
	static const struct option longs[] = {{"cpus", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
		{"seeds", 1, NULL, 'e'}, {"only", 1, NULL, 'o'}, {"rows", 0, NULL, 'r'},
		{"explain", 0, NULL, 'x'}, {"stage1", 0, NULL, '1'}, {"service", 0, NULL, 'v'},
		{"minutes", 1, NULL, 'm'}, {"truth", 1, NULL, 't'}, {"busy-hour", 0, NULL, 'b'},
		{"until-known", 1, NULL, 'u'}, {NULL, 0, NULL, 0}};
	uint64_t v;
	int c;

	*ret = (struct bench){.cpus = 1, .seconds = 20, .first = 1, .last = 1, .only = ""};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'c' && hr_num_u64(optarg, 1, SCHED_CPUS_MAX, &v))
			ret->cpus = (unsigned)v;
		else if (c == 's' && hr_num_u64(optarg, 20, 7 * 86400, &v))
			ret->seconds = (unsigned)v;
		else if (c == 'u' && hr_num_u64(optarg, 20, 300, &v))
			go_on = (unsigned)v / WINDOW_S;
		else if (c == 'm' && hr_num_u64(optarg, 10, 100000, &v))
			ret->minutes = (unsigned)v;
		else if (c == 't' && (ret->truth = fopen(optarg, "re")))
			;
		else if (c == 'r')
			ret->rows = true;
		else if (c == 'o')
			ret->only = optarg;
		else if (c == 'x')
			explain = true;
		else if (c == 'b')
			busy_hour = service = true;
		else if (c == 'v')
			service = true;
		else if (c == '1')
			stage1 = true;
		else if (c != 'e' || !seeds_of(optarg, &ret->first, &ret->last))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct bench b;

	if (!options(argc, argv, &b))
		return 2;
	for (unsigned w = 0; w < CASES; w++) {
		struct plan_opts o;
		char name[64];

		if (!case_of(w, b.cpus, &o, name) || !strstr(name, b.only))
			continue;
		if (b.minutes)
			print_truth(name, &o, b.cpus, b.minutes);
		else
			run_case(&b, &o, name);
	}
	for (unsigned i = 0; i < FRACTIONS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "load %.2f", fraction[i]);
		print_tallies(name, &b.by_f[i]);
	}
	print_tallies("all", &b.all);
	if (b.truth)
		(void)fclose(b.truth);
	return 0;
}
