/* SPDX-License-Identifier: Apache-2.0 */
/* The two truths of a simulated load; see breaks.h. */
#include "breaks.h"

#include <math.h>
#include <stdlib.h>

#include "collector/core/model_cpu.h"
#include "sched.h"

#define EPS        0.01
#define Q          0.005
#define TRUTH_S    40.0 /* of a seed */
#define NO_FIT     1.02 /* of the CPUs' time in it: 0.8 s are left at its end */
#define PIECE      BREAKS_PIECE
#define MINUTE_S   60
#define LEAD_S     BREAKS_LEAD_S
#define STEP       1.19 /* of the scan: a quarter of an octave */
#define LEAST      0.1
#define MOST       22.0
#define MOST_OTHER 12.0 /* nothing above 8 is claimed */
#define ROUNDS     4    /* of the search between two steps */

struct shares {
	double late, bad; /* of the bursts, of the minutes */
};

struct search {
	struct plan_opts o;
	bool other;
	unsigned cpus, minutes;
};

void breaks_count(const struct job *job, size_t n, double ret_bursts[PIECE], double ret_late[PIECE])
{
	for (size_t i = 0; i < n; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;
		uint64_t s = job[i].end_ns / 1000000000ULL;

		if (s < LEAD_S || s >= LEAD_S + PIECE * MINUTE_S)
			continue;
		ret_bursts[(s - LEAD_S) / MINUTE_S]++;
		ret_late[(s - LEAD_S) / MINUTE_S] += wait > 10000000 && wait > job[i].took_ns;
	}
}

static struct shares shares_at(const struct search *s, double factor)
{
	unsigned bad = 0, pieces = (s->minutes + PIECE - 1) / PIECE;
	double bursts = 0, late = 0;

	for (unsigned p = 0; p < pieces; p++) {
		double b[PIECE] = {0}, l[PIECE] = {0};
		struct plan_opts o = s->o;
		struct job *job;
		size_t n;

		if (s->other)
			o.other = factor;
		else
			o.k *= factor;
		o.for_s = LEAD_S + PIECE * MINUTE_S + 1;
		o.seed += 1000003ULL * (p + 1);
		job = plan_make(&o, &n);
		if (!job)
			abort();
		sched_run(job, n, s->cpus, NULL, NULL);
		breaks_count(job, n, b, l);
		free(job);
		for (unsigned i = 0; i < PIECE; i++) {
			bursts += b[i];
			late += l[i];
			bad += hr_cpu_is_late(EPS, HR_LATE_SERVICE, b[i], l[i]);
		}
	}
	return (struct shares){bursts > 0 ? late / bursts : 0, (double)bad / (pieces * PIECE)};
}

/* Straightened: shares of late bursts go as a power, those of minutes as odds. */
static double straight(const struct search *s, const struct shares *v, bool by_minutes)
{
	double least = 0.5 / s->minutes;

	if (!by_minutes)
		return log(v->late + 1e-5) - log(EPS + 1e-5);
	return log((v->bad + least) / (1 - v->bad + least)) - log((Q + least) / (1 - Q + least));
}

/* The root in the step that ends at @hi; at the first of all nothing is below. */
static double between(const struct search *s, bool by_minutes, double hi, const struct shares *was,
	const struct shares *is)
{
	double lo = hi / STEP;
	double at_lo = straight(s, was, by_minutes), at_hi = straight(s, is, by_minutes);

	if (hi <= LEAST)
		return hi;
	for (unsigned i = 0; i < ROUNDS && hi / lo > 1.02; i++) {
		double part = at_lo / (at_lo - at_hi);
		double mid = lo * pow(hi / lo, fmin(fmax(part, 0.15), 0.85));
		struct shares v = shares_at(s, mid);
		double at = straight(s, &v, by_minutes);

		*(at > 0 ? &hi : &lo) = mid;
		*(at > 0 ? &at_hi : &at_lo) = at;
	}
	return lo * pow(hi / lo, at_lo / (at_lo - at_hi));
}

struct breaks breaks_of(const struct plan_opts *o, bool other, unsigned cpus, unsigned minutes)
{
	struct search s = {.o = *o, .other = other, .cpus = cpus, .minutes = minutes};
	struct breaks b = {NAN, NAN};
	struct shares was = {0, 0};

	for (double f = LEAST; f < (other ? MOST_OTHER : MOST) && isnan(b.long_run); f *= STEP) {
		struct shares is = shares_at(&s, f);

		if (is.bad > Q && isnan(b.minutes))
			b.minutes = between(&s, true, f, &was, &is);
		if (is.late > EPS)
			b.long_run = between(&s, false, f, &was, &is);
		was = is;
	}
	if (isnan(b.minutes))
		b.minutes = b.long_run;
	return b;
}

/*
 * Work that does not fit: what comes last waits for all that is left, by itself far more than a
 * burst may.  Queues of a hundred thousand need not be walked to find it out.
 */
static bool never_fits(const struct job *job, size_t n, unsigned cpus)
{
	double work_s = 0;

	for (size_t i = 0; i < n; i++)
		work_s += (double)job[i].cpu_ns / 1e9;
	return work_s > NO_FIT * TRUTH_S * cpus;
}

static double late_at(const struct plan_opts *o, double k, unsigned cpus, bool shared)
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
		if (never_fits(job, n, cpus)) {
			free(job);
			return 1;
		}
		if (shared)
			sched_run_shared(job, n, cpus);
		else
			sched_run(job, n, cpus, NULL, NULL);
		late += sched_late(job, n) / 2;
		free(job);
	}
	return late;
}

double breaks_other_of_seed(const struct plan_opts *o, unsigned cpus)
{
	struct plan_opts mine = *o;
	double lo = 0.4, hi = 12;

	for (unsigned i = 0; i < 6; i++) {
		mine.other = sqrt(lo * hi);
		if (late_at(&mine, mine.k, cpus, false) > EPS)
			hi = mine.other;
		else
			lo = mine.other;
	}
	return sqrt(lo * hi);
}

static double of_seed(const struct plan_opts *o, unsigned cpus, bool shared)
{
	double lo = 0.3, hi = 22;

	for (unsigned i = 0; i < 9; i++) {
		double mid = sqrt(lo * hi);

		if (late_at(o, mid, cpus, shared) > EPS)
			hi = mid;
		else
			lo = mid;
	}
	return sqrt(lo * hi);
}

double breaks_of_seed(const struct plan_opts *o, unsigned cpus)
{
	return of_seed(o, cpus, false);
}

double breaks_of_seed_shared(const struct plan_opts *o, unsigned cpus)
{
	return of_seed(o, cpus, true);
}
