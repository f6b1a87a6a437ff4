/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open load as a list of jobs: when each arrives and how much CPU it takes.  One
 * list per (kind, seed, k), made before the run, so that making it costs the
 * run nothing.  k raises the load in one of two ways, as the answer has two
 * bounds: inside the bursts of the list at k = 1 (at_least), or by further
 * independent streams like it (likely).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arrive {
	ARRIVE_POISSON, /* independent users */
	ARRIVE_MMPP,    /* 20 % of the time 3.4 x, else 0.4 x the rate; stays of 0.2 and 0.8 s */
	ARRIVE_BATCH,   /* Poisson batches, geometric, mean 4 jobs at one instant */
	ARRIVE_TICK,    /* 85 % Poisson, 15 % within 5 ms once a second */
	ARRIVE_N
};

enum size {
	SIZE_EXP,
	SIZE_LOGNORMAL, /* squared coefficient of variation 4 */
	SIZE_BIMODAL,   /* 95 % exp(a), 5 % exp(20 a), a = mean / 1.95 */
	SIZE_FIXED,
	SIZE_N
};

enum grow {
	GROW_INSIDE, /* bursts k times as dense, batches k times as large */
	GROW_COPIES, /* k streams, the last one thinned to the fraction */
	GROW_N
};

struct plan_opts {
	enum arrive arrive;
	enum size size;
	enum grow grow;
	double rate_per_s; /* at k = 1 */
	double mean_s;     /* CPU time of a job */
	double for_s;
	double k;
	double other; /* the other way to grow, as well; 0 and 1: not */
	uint64_t seed;
};

struct job {
	uint64_t at_ns; /* since the start of the run */
	uint64_t cpu_ns;
	/* filled by the run */
	uint64_t end_ns;
	uint64_t took_ns; /* CPU time really used */
};

/* Jobs by time, malloc'ed; NULL without memory. */
struct job *plan_make(const struct plan_opts *o, size_t *ret_n);

/* The same, but at a quarter of the rate outside the hour that begins at @busy_s. */
struct job *plan_busy_hour(const struct plan_opts *o, double busy_s, size_t *ret_n);
