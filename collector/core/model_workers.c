/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of one program that each serve what they read in turn, as event loops do: what waits in a
 * socket waits for its own thread, however many CPUs are idle, and no run queue shows it
 * (MODEL.md section 4).  Of several equals only: one alone has a limit of its own (model_serial.c).
 */
#include "collector/core/model_workers.h"

#include <math.h>
#include <string.h>

#include "collector/core/allow.h"

#define WORKERS_M    1.15        /* as serial's: what its rows in tests/truth are off by */
#define CLUMP        6           /* late ones come in rows (stage2.c) */
#define LATE_LEAST   (2 * CLUMP) /* fewer may be one accident: a CPU that stood still */
#define HOT_U        0.1         /* of a thread; 8 times 0.1 is 0.8 */
#define U_MAX        0.95        /* a thread busier than that is at its end */
#define BY_CHANCE    0.5         /* of u: more of them late came together, not by chance */
#define PER_CPU      2           /* equals for each CPU, at most: more are no event loops */
#define ALIKE        2           /* equals are busy alike within this factor ... */
#define ALIKE_READS  4           /* ... and read alike within this one */
#define LONG_REQUEST 0.5  /* of the tolerated wait: work per piece that is a job, not a turn */
#define GAIN_BY_CPUS 1.25 /* from it on what they wait for CPUs is why (verdict.c) */

static bool same_program(const struct hr_use *a, const struct hr_use *b)
{
	return strcmp(a->process, b->process) == 0 && strcmp(a->comm, b->comm) == 0;
}

/* A namesake that does little, or reads little, is no equal. */
static bool is_equal(const struct hr_use *u, const struct hr_use *first)
{
	return same_program(u, first) && u->reads > 0 &&
	       ALIKE * ((uint64_t)u->oncpu_ms + u->wait_ms) >=
		       (uint64_t)first->oncpu_ms + first->wait_ms &&
	       ALIKE_READS * (uint64_t)u->reads >= first->reads &&
	       u->reads <= ALIKE_READS * (uint64_t)first->reads;
}

/* Share of the time that the hypervisor kept a vCPU: so many found it standing still. */
static double stolen_share(const struct hr_minute *m)
{
	return hr_minute_has(m, HR_SIG_STEAL)
		       ? (double)m->ctr[HR_CTR_STEAL_MS] / ((double)m->covered_ms * m->cpus)
		       : 0;
}

/*
 * Sums over the equals of @first, the busiest of them; false: it is alone, or they are too many to
 * be all listed, or what each piece takes is long beside what may be waited.
 */
static bool group_of(const struct hr_ctx *x, const struct hr_use *first, struct hr_workers *w)
{
	const struct hr_minute *m = x->m;
	double busy = 0, on_cpu = 0, cpu_ms = 0;
	uint32_t peers = 0;

	*w = (struct hr_workers){.use = first};
	for (uint8_t i = 0; i < m->n_use; i++) {
		const struct hr_use *u = &m->use[i];

		if (!is_equal(u, first))
			continue;
		w->n++;
		peers = u->peers > peers ? u->peers : peers;
		w->reads += u->reads;
		w->late += u->reads_late;
		cpu_ms += u->oncpu_ms;
		busy += (double)u->reads_busy;
		on_cpu += (double)u->reads_oncpu;
	}
	w->u = busy / w->reads / 1e3;
	w->o = on_cpu / w->reads / 1e3;
	w->late = fmax(w->late - stolen_share(m) * w->reads, 0);
	return w->n >= 2 && peers + 1 <= HR_TOP_MAX && w->n < HR_TOP_MAX &&
	       w->n <= PER_CPU * m->cpus && cpu_ms < LONG_REQUEST * x->conf->x_ms * w->reads;
}

/* The busiest thread that is of @u's program and reads. */
static const struct hr_use *busiest_of(const struct hr_minute *m, const struct hr_use *u)
{
	for (uint8_t i = 0; i < m->n_use; i++) {
		const struct hr_use *v = &m->use[i];

		if (same_program(u, v) && v->reads > 0 &&
			(uint64_t)v->oncpu_ms + v->wait_ms > (uint64_t)u->oncpu_ms + u->wait_ms)
			u = v;
	}
	return u;
}

double hr_workers_decay(double u, double p)
{
	return log(u / p) / (1 - u);
}

double hr_workers_reach(double decay, double eps)
{
	double lo = 0, hi = 1;

	for (int i = 0; i < 50; i++) {
		double mid = (lo + hi) / 2;

		if (mid * exp(-decay * (1 - mid)) < eps)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* k where the share of late ones is @p today and may be @eps, of threads busy @u of their time that
 * would be busy @u2 today on another size. */
static double k_of(double u, double u2, double p, double eps)
{
	double decay = hr_workers_decay(u, fmin(p, BY_CHANCE * u)) * u / u2;

	return hr_workers_reach(decay, eps) / u2;
}

static struct hr_bounds bounds_of(const struct hr_ctx *x, const struct hr_workers *w, double u2)
{
	double eps = x->conf->eps, dev = hr_late_dev(x->conf, hr_minute_s(x->m));
	double sd = sqrt(CLUMP * w->late);
	double most = w->late + 2 * sd, least = fmax(w->late - dev * sd, 0.5);
	struct hr_bounds b = {0};

	b.at_least =
		hr_opt_of(k_of(w->u, (w->u + u2) / 2, fmin(most / w->reads, 1), eps) / WORKERS_M);
	b.likely = hr_opt_of(k_of(w->u, u2, w->late / w->reads, eps));
	b.at_most = hr_opt_of(k_of(w->u, u2, least / w->reads, eps) * WORKERS_M);
	hr_bounds_tidy(&b);
	return b;
}

/* A few late ones are a likely below the target by chance: only an at_most below it is a shortage.
 */
static void not_by_chance(const struct hr_ctx *x, struct hr_bounds *b)
{
	if (b->at_most.v >= x->conf->k_target)
		b->likely.v = fmax(b->likely.v, x->conf->k_target);
	hr_bounds_tidy(b);
}

/* Whether its late ones say anything, and what. */
static bool tells(const struct hr_ctx *x, const struct hr_workers *w)
{
	if (w->late < LATE_LEAST || w->u < HOT_U)
		return false;
	if (w->late / w->reads >= BY_CHANCE * w->u) {
		hr_trace_say(x->t,
			"  workers of %s: %.1f %% of what they read waited, and they are busy %.3f "
			"of the time: it comes in batches; not judged",
			w->use->process, 100 * w->late / w->reads, w->u);
		return false;
	}
	return true;
}

bool hr_workers_of(const struct hr_ctx *x, struct hr_workers *ret)
{
	const struct hr_minute *m = x->m;
	bool found = false;

	*ret = (struct hr_workers){0};
	if (!hr_minute_has(m, HR_SIG_THREADS) || !hr_minute_has(m, HR_SIG_READS) || !m->covered_ms)
		return false;
	for (uint8_t i = 0; i < m->n_use; i++) {
		const struct hr_use *use = &m->use[i];
		struct hr_workers w;

		if (use->reads == 0 || busiest_of(m, use) != use || !group_of(x, use, &w))
			continue;
		w.u = fmin(w.u, U_MAX);
		w.o = fmin(w.o, w.u);
		if (!tells(x, &w))
			continue;
		w.now = bounds_of(x, &w, w.u);
		w.more_cpus = bounds_of(x, &w, w.o);
		not_by_chance(x, &w.now);
		hr_bounds_raise(&w.more_cpus, &w.now);
		if (!found || w.now.likely.v < ret->now.likely.v)
			*ret = w;
		found = true;
	}
	return found;
}

static void min_of(struct hr_bounds *into, const struct hr_bounds *b)
{
	if (into->at_least.has)
		into->at_least.v = fmin(into->at_least.v, b->at_least.v);
	if (!into->likely.has || into->likely.v > b->likely.v)
		into->likely = b->likely;
	if (!into->at_most.has || into->at_most.v > b->at_most.v)
		into->at_most = b->at_most;
	into->capped &= into->likely.v >= HR_K_MAX;
	hr_bounds_tidy(into);
}

static void say(const struct hr_ctx *x, const struct hr_workers *w, bool cpus)
{
	hr_trace_say(x->t,
		"  workers of %s: of %.0f pieces read %.0f had waited for them (%.2f %%); each is "
		"busy or waiting %.3f, on a CPU %.3f of the time",
		w->use->process, w->reads, w->late, 100 * w->late / w->reads, w->u, w->o);
	hr_trace_say(x->t,
		"    share late = x exp(-%.2f (1 - x)) at x = k %.3f; %.2f %% at k = %.2f [%.2f, "
		"%.2f]; on CPUs without a wait %.2f [%.2f, %.2f], so %s",
		hr_workers_decay(w->u, w->late / w->reads), w->u, 100 * x->conf->eps,
		w->now.likely.v, w->now.at_least.v, w->now.at_most.v, w->more_cpus.likely.v,
		w->more_cpus.at_least.v, w->more_cpus.at_most.v,
		cpus ? "CPUs are what is short" : "more vCPUs alone do not help");
}

static void evidence(const struct hr_ctx *x, const struct hr_workers *w, struct hr_estimate *e)
{
	const char *reads = hr_signal_source(x->facts, HR_SIG_READS);

	hr_estimate_evidence(e, "reads", w->reads, HR_UNIT_COUNT, reads);
	hr_estimate_evidence(e, "late_reads", w->late, HR_UNIT_COUNT, reads);
	hr_estimate_evidence(e, "worker_busy_or_waiting", w->u, HR_UNIT_RATIO,
		hr_signal_source(x->facts, HR_SIG_THREADS));
}

void hr_model_workers(
	const struct hr_ctx *x, struct hr_estimate *ret_cpu, struct hr_estimate *ret_serial)
{
	struct hr_workers w;
	struct hr_estimate *e;
	bool cpus, binds;

	if (!hr_workers_of(x, &w))
		return;
	cpus = w.more_cpus.likely.v >= GAIN_BY_CPUS * w.now.likely.v;
	say(x, &w, cpus);
	e = cpus ? ret_cpu : ret_serial;
	binds = !e->r.headroom.likely.has || w.now.likely.v < e->r.headroom.likely.v;
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		min_of(&e->at[z], cpus && z != HR_SIZE_MEMORY ? &w.more_cpus : &w.now);
	min_of(&e->r.headroom, &w.now);
	evidence(x, &w, e);
	if (!binds)
		return;
	e->reason = cpus ? "requests wait for threads that wait for a CPU"
			 : "requests wait in their sockets for the threads that serve them";
	memcpy(e->workers, w.use->process, sizeof(e->workers));
	e->r.saturated |= w.now.at_most.v < 1;
}
