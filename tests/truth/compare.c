/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CPU model does against what it could do instead, on the rows of truth_bench:
 *
 *   truth_compare [--cpus N] [--seconds S] [--seeds A-B] [--only NAME] [--load N] [--truth FILE]
 *                 [--queues]
 *
 * - stage 1 by the virtual queue, and by the arrival envelope (envelope.h) in its place;
 * - k of the recorded slices from late counts on the grid, and by bisection of the replay to 1 %:
 *   how far apart, how far from the truth, and the CPU time of each;
 * - what chance may have done to k, by the model's factor and by a block bootstrap (resample.h);
 * - how much more the same jobs could grow with one queue for all CPUs than with one each
 *   (--queues: this alone).
 *
 * --load: only rows of load N of 0.15, 0.3, 0.6, 1.25, from 0 on; --truth: as truth_bench.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/reach.h"
#include "collector/core/stage2.h"
#include "envelope.h"
#include "feed.h"
#include "product.h"
#include "proto/num.h"
#include "resample.h"
#include "rows.h"
#include "tally.h"

#define EPS        0.01
#define SLICES_MAX 60
#define STEP       1.01 /* bisection ends there */
#define OVER       1.25
#define TARGET     1.3
#define SECOND     119 /* slots */

/* ln of factors, of which means and quantiles are printed. */
struct factors {
	double *ln;
	size_t n, cap;
};

static void put(struct factors *f, double factor)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 256;
		f->ln = realloc(f->ln, f->cap * sizeof(*f->ln));
		if (!f->ln)
			abort();
	}
	f->ln[f->n++] = log(factor);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const struct factors *f, double q)
{
	return exp(f->ln[(size_t)fmax(ceil(q * (double)f->n) - 1, 0)]);
}

static void say(const char *what, struct factors *f)
{
	double off = 0, sum = 0;

	if (f->n == 0)
		return;
	for (size_t i = 0; i < f->n; i++) {
		off += fabs(f->ln[i]);
		sum += f->ln[i];
	}
	qsort(f->ln, f->n, sizeof(*f->ln), by_value);
	printf("%-44s %5zu | mean x%.3f, off by x%.3f | 5 %% x%.3f, median x%.3f, 95 %% x%.3f\n",
		what, f->n, exp(sum / (double)f->n), exp(off / (double)f->n), quantile(f, 0.05),
		quantile(f, 0.5), quantile(f, 0.95));
}

/* --- slices, solved in two ways -------------------------------------------------- */

struct slices {
	struct hr_replay_in in[SLICES_MAX];
	struct hr_burst burst[SLICES_MAX][HR_BURSTS_MAX];
	struct resample_unit unit[HR_VQ_ROWS][SLICES_MAX];
	struct hr_reach_seen seen;
	struct hr_replay_work work;
	unsigned n;
	struct hr_pool pool;
};

static void record(struct slices *s, const struct feed *f, unsigned seconds)
{
	memset(&s->seen, 0, sizeof(s->seen));
	memset(&s->pool, 0, sizeof(s->pool));
	s->n = seconds / FEED_SLICE_S < SLICES_MAX ? seconds / FEED_SLICE_S : SLICES_MAX;
	for (unsigned i = 0; i < s->n; i++) {
		(void)feed_slice(
			f, FEED_LEAD_NS + i * FEED_SLICE_S * NS, s->burst[i], &s->seen, &s->in[i]);
		hr_reach_learn(&s->in[i], &s->work, &s->seen);
		s->pool.bursts += (float)s->in[i].n;
	}
}

static double cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As the agent does: counts at the loads of the grid. */
static void by_grid(struct slices *s, unsigned cpus, unsigned row)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct hr_replay_sum sum = {0};

		if (s->in[i].n == 0)
			continue;
		hr_replay_row(&s->in[i], cpus, row, &s->work, &sum);
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			struct resample_unit *u = &s->unit[row][i];
			/* not replayed, for more than a fifth was late at less: late as well */
			uint32_t all = (uint32_t)(s->in[i].n * hr_vqueue_k(g));

			s->pool.late[row][g] += (float)sum.late[row][g];
			s->pool.tot[row][g] += (float)sum.tot[row][g];
			u->tot[g] = sum.tot[row][g] ? sum.tot[row][g] : all;
			u->late[g] = sum.tot[row][g] ? sum.late[row][g] : all;
		}
	}
}

static double grid_k(const struct slices *s, unsigned row)
{
	struct hr_allow allow = {.eps = EPS};
	struct hr_curve c;

	return hr_pool_replay(&s->pool, row, &c) ? hr_curve_k(&c, &allow) : NAN;
}

/* As hr_curve_k: one late burst passes nothing. */
static bool passes(struct slices *s, unsigned cpus, unsigned row, double k)
{
	double late = 0, tot = 0;

	for (unsigned i = 0; i < s->n; i++) {
		uint32_t r[2];

		if (s->in[i].n == 0)
			continue;
		hr_replay_at(&s->in[i], k, row < HR_VQ_SPREAD ? HR_REPLAY_A : HR_REPLAY_S,
			cpus * (row % HR_VQ_SIZES + 1), &s->work, r);
		late += r[0];
		tot += r[1];
	}
	return late > fmax(EPS * tot, 1.5);
}

static double bisected(struct slices *s, unsigned cpus, unsigned row)
{
	double lo = 0.125, hi = 8;

	if (!passes(s, cpus, row, hi))
		return hi;
	if (passes(s, cpus, row, lo))
		return lo;
	while (hi / lo > STEP) {
		double mid = sqrt(lo * hi);

		*(passes(s, cpus, row, mid) ? &hi : &lo) = mid;
	}
	return lo;
}

/* --- what chance does ---------------------------------------------------------- */

/* Intervals of k about the truth, with what the model itself errs by: m. */
struct cover {
	unsigned n, low, high, both, over, fits, yes;
	struct factors width;
};

static void cover_add(struct cover *c, double lo, double hi, double inside, double apart)
{
	bool low = lo <= inside, high = hi >= apart;

	c->n++;
	c->low += low;
	c->high += high;
	c->both += low && high;
	c->over += lo > OVER * inside;
	c->fits += inside >= TARGET * OVER;
	c->yes += inside >= TARGET * OVER && lo >= TARGET;
}

static void cover_say(const char *what, struct cover *c)
{
	if (c->n == 0)
		return;
	printf("%-44s %5u | low end holds %3.0f %%, high end %3.0f %%, both %3.0f %% | "
	       "over-promised %4.1f %% | low end >= %.1f for %u of %u\n",
		what, c->n, 100.0 * c->low / c->n, 100.0 * c->high / c->n, 100.0 * c->both / c->n,
		100.0 * c->over / c->n, TARGET, c->yes, c->fits);
	say("  widths, each end", &c->width);
}

enum {
	FACTOR,
	BOOTSTRAP,
	WIDER,
	NOTHING,
	WAYS
};
static const char *const way_name[WAYS] = {
	"factor", "bootstrap", "factor, as wide", "model error alone"};

/* Of one row: k of growth inside and apart, each with its draws, and the errors of the stage. */
struct known {
	struct resample inside, apart;
	struct rows_k truth;
	double bursts, chance, m_lo, m_hi;
};

struct known_rows {
	struct known *row;
	size_t n, cap;
};

static void keep(struct known_rows *k, const struct known *r, const struct rows_k *t)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 256;
		k->row = realloc(k->row, k->cap * sizeof(*k->row));
		if (!k->row)
			abort();
	}
	k->row[k->n] = *r;
	k->row[k->n++].truth = *t;
}

static double by_chance(const struct known *r, double k)
{
	return exp(r->chance / sqrt(EPS * fmax(r->bursts, 1) * fmax(k, 1)));
}

/* By how much each end is further off, @way: [0] the low one. */
static void chance_of(const struct known *r, unsigned way, double wider, double ret[2])
{
	double hi = fmax(r->apart.k, r->inside.k), power = way == WIDER ? wider : 1;

	ret[0] = ret[1] = 1;
	if (way == FACTOR || way == WIDER) {
		ret[0] = pow(by_chance(r, r->inside.k), power);
		ret[1] = pow(by_chance(r, hi), power);
	} else if (way == BOOTSTRAP) {
		ret[0] = r->inside.k / r->inside.lo;
		ret[1] = fmax(r->apart.hi / r->apart.k, 1);
	}
}

/* The power of the factor that makes it as wide as the bootstrap, on average of the rows. */
static double as_wide(const struct known_rows *k)
{
	double sum[2] = {0};

	for (size_t i = 0; i < k->n; i++)
		for (unsigned way = FACTOR; way <= BOOTSTRAP; way++) {
			double by[2];

			chance_of(&k->row[i], way, 1, by);
			sum[way] += log(by[0] * by[1]);
		}
	return sum[FACTOR] > 0 ? sum[BOOTSTRAP] / sum[FACTOR] : 1;
}

static void chance_say(const char *stage, const struct known_rows *k)
{
	double wider = as_wide(k);

	for (unsigned way = 0; way < WAYS; way++) {
		struct cover c = {0};
		char name[64];

		for (size_t i = 0; i < k->n; i++) {
			const struct known *r = &k->row[i];
			double inside = fmin(fmin(r->truth.inside, r->truth.apart), 8);
			double by[2], most;

			chance_of(r, way, wider, by);
			most = fmin(fmax(r->apart.k, r->inside.k) * r->m_hi * by[1], 8);
			cover_add(&c, r->inside.k / r->m_lo / by[0], most, inside,
				fmin(r->truth.apart, 8));
			put(&c.width, by[0]);
			put(&c.width, by[1]);
		}
		snprintf(name, sizeof(name), "chance, %s: %s", stage, way_name[way]);
		cover_say(name, &c);
		free(c.width.ln);
	}
	if (k->n)
		printf("  as wide: the factor's constant times %.2f\n", wider);
}

/* Late ones of each slot by the virtual queue, growth inside and apart. */
static struct known queue_row(const struct feed *f, unsigned cpus, unsigned seconds, uint64_t seed)
{
	size_t n = seconds * NS / HR_SLOT_NS, lead = FEED_LEAD_NS / HR_SLOT_NS;
	struct resample_unit *in = calloc(n, sizeof(*in)), *out = calloc(n, sizeof(*out));
	struct hr_vqueue *q = calloc(1, sizeof(*q));
	struct known r = {.chance = 0.5, .m_lo = 1.25, .m_hi = 2.6};

	if (!in || !out || !q)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct hr_slot_cpu *c = &f->slot[lead + i];
		double work = (double)c->charge_ns;
		struct hr_vqueue_slot slot = {work, work, 0, 0, (double)HR_SLOT_NS, c->wakes};
		uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID] = {0};

		hr_vqueue_add(q, cpus, &slot, bad);
		r.bursts += c->wakes;
		memcpy(in[i].late, bad[0], sizeof(bad[0]));
		memcpy(out[i].late, bad[HR_VQ_SPREAD], sizeof(bad[0]));
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			in[i].tot[g] = out[i].tot[g] = c->wakes;
	}
	r.inside = resample_k(in, n, SECOND, EPS, seed);
	r.apart = resample_k(out, n, SECOND, EPS, seed);
	free(in);
	free(out);
	free(q);
	return r;
}

static struct known replay_row(const struct slices *s, uint64_t seed)
{
	struct known r = {.bursts = (double)s->pool.bursts, .chance = 0.3, .m_hi = 1.7};

	r.inside = resample_k(s->unit[0], s->n, 1, EPS, seed);
	r.apart = resample_k(s->unit[HR_VQ_SPREAD], s->n, 1, EPS, seed);
	r.m_lo = 1.1 * pow(fmax(r.inside.k / 1.5, 1), 0.6);
	return r;
}

/* --- rows -------------------------------------------------------------------------- */

static const char *const stage1_name[] = {"virtual queue", "envelope", "envelope, eps / 11"};
#define KINDS (ENVELOPE_SAFE + 1)

struct compare {
	unsigned cpus, seconds, first, last;
	const char *only;
	bool queues_alone;
	FILE *truth;
	unsigned loads; /* bits */
	struct tally stage1[KINDS], stage1_at[ROWS_LOADS][KINDS];
	struct slices *s;
	struct factors apart[HR_VQ_ROWS], grid_off[2], bisect_off[2], queues;
	double grid_s, bisect_s;
	struct known_rows by_queue, by_replay;
};

static void stage1_row(
	struct compare *c, const struct plan_opts *o, unsigned i, const struct rows_k *t)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct product_opts p = {.cpus = c->cpus, .stage1 = true, .envelope = kind};
		struct hr_answer a;

		(void)product_measure(&p, o, c->seconds, &a);
		tally_judge(&c->stage1[kind], t->inside, t->apart, &a);
		tally_judge(&c->stage1_at[i][kind], t->inside, t->apart, &a);
	}
}

static void solve_row(struct compare *c, const struct rows_k *t)
{
	double was = cpu_s(), is, grid[HR_VQ_ROWS], k[HR_VQ_ROWS];

	memset(c->s->unit, 0, sizeof(c->s->unit));
	for (unsigned r = 0; r < HR_VQ_ROWS; r++) {
		by_grid(c->s, c->cpus, r);
		grid[r] = grid_k(c->s, r);
	}
	is = cpu_s();
	c->grid_s += is - was;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		k[r] = bisected(c->s, c->cpus, r);
	c->bisect_s += cpu_s() - is;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		if (grid[r] < 8 && k[r] < 8 && k[r] > 0.125)
			put(&c->apart[r], grid[r] / k[r]);
	for (unsigned way = 0; way < 2; way++) {
		unsigned r = way * HR_VQ_SPREAD;
		double true_k = fmin(way ? t->apart : fmin(t->inside, t->apart), 8);

		put(&c->grid_off[way], grid[r] / true_k);
		put(&c->bisect_off[way], k[r] / true_k);
	}
}

static void compare_row(
	struct compare *c, const struct plan_opts *o, unsigned i, const struct truth *truth)
{
	struct plan_opts mine = *o;
	struct rows_k t = rows_k(o, truth->at.long_run, truth->other[i].long_run);
	struct known r;
	struct feed f;
	size_t n;
	struct job *job;

	stage1_row(c, o, i, &t);
	mine.for_s = c->seconds + 3;
	job = plan_make(&mine, &n);
	f = feed_of(job, n, c->cpus, mine.for_s);
	record(c->s, &f, c->seconds);
	if (c->s->pool.bursts > 0) {
		solve_row(c, &t);
		r = queue_row(&f, c->cpus, c->seconds, o->seed);
		keep(&c->by_queue, &r, &t);
	}
	if (c->s->pool.bursts >= 200) { /* from there on the replay is believed */
		r = replay_row(c->s, o->seed);
		keep(&c->by_replay, &r, &t);
	}
	feed_free(&f);
}

static void compare_case(struct compare *c, const struct plan_opts *as, const char *name)
{
	struct truth t = {0};

	if (c->truth && !rows_read_truth(c->truth, name, &t))
		return;
	for (unsigned seed = c->first; seed <= c->last; seed++) {
		struct plan_opts o = *as;

		o.seed = seed;
		if (c->cpus > 1)
			put(&c->queues,
				breaks_of_seed_shared(&o, c->cpus) / breaks_of_seed(&o, c->cpus));
		if (c->queues_alone)
			continue;
		if (!c->truth)
			t = rows_truth(&o, c->cpus);
		for (unsigned i = 0; i < ROWS_LOADS; i++)
			if ((c->loads >> i & 1) && rows_at(&t, i, &o))
				compare_row(c, &o, i, &t);
	}
}

static void print_all(struct compare *c)
{
	static const char *const row_name[HR_VQ_ROWS] = {"grid / bisection, inside, c",
		"grid / bisection, inside, 2c", "grid / bisection, independent, c",
		"grid / bisection, independent, 2c"};

	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned i = 0; i < ROWS_LOADS; i++) {
			char name[64];

			snprintf(name, sizeof(name), "  load %.2f, %s", rows_load[i],
				stage1_name[kind]);
			if (c->stage1_at[i][kind].n)
				tally_print(name, &c->stage1_at[i][kind]);
		}
		if (c->stage1[kind].n)
			tally_print(stage1_name[kind], &c->stage1[kind]);
	}
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		say(row_name[r], &c->apart[r]);
	for (unsigned way = 0; way < 2; way++) {
		say(way ? "grid / truth, independent" : "grid / truth, inside", &c->grid_off[way]);
		say(way ? "bisection / truth, independent" : "bisection / truth, inside",
			&c->bisect_off[way]);
	}
	if (c->grid_s > 0)
		printf("CPU time: grid %.3f s, bisection %.3f s: x%.2f\n", c->grid_s, c->bisect_s,
			c->bisect_s / c->grid_s);
	chance_say("virtual queue", &c->by_queue);
	chance_say("replay", &c->by_replay);
	say("one queue / a queue per CPU, truth", &c->queues);
}

static bool options(int argc, char **argv, struct compare *ret)
{
	static const struct option longs[] = {{"cpus", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
		{"seeds", 1, NULL, 'e'}, {"only", 1, NULL, 'o'}, {"queues", 0, NULL, 'q'},
		{"load", 1, NULL, 'l'}, {"truth", 1, NULL, 't'}, {NULL, 0, NULL, 0}};
	uint64_t v;
	int o;

	*ret = (struct compare){
		.cpus = 1, .seconds = 60, .first = 1, .last = 1, .only = "", .loads = 15};
	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (o == 'c' && hr_num_u64(optarg, 1, 16, &v))
			ret->cpus = (unsigned)v;
		else if (o == 's' && hr_num_u64(optarg, 20, SLICES_MAX * FEED_SLICE_S, &v))
			ret->seconds = (unsigned)v;
		else if (o == 'l' && hr_num_u64(optarg, 0, ROWS_LOADS - 1, &v))
			ret->loads = 1U << v;
		else if (o == 't' && (ret->truth = fopen(optarg, "re")))
			;
		else if (o == 'q')
			ret->queues_alone = true;
		else if (o == 'o')
			ret->only = optarg;
		else if (o != 'e' || !rows_seeds(optarg, &ret->first, &ret->last))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct compare c;

	if (!options(argc, argv, &c))
		return 2;
	c.s = malloc(sizeof(*c.s));
	if (!c.s)
		return 1;
	for (unsigned w = 0; w < ROWS_CASES; w++) {
		struct plan_opts o;
		char name[64];

		if (rows_case(w, c.cpus, &o, name) && strstr(name, c.only))
			compare_case(&c, &o, name);
	}
	print_all(&c);
	if (c.truth)
		(void)fclose(c.truth);
	return 0;
}
