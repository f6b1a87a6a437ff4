/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the bench: cases of simulated load, at shares of what they carry. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "breaks.h"
#include "plan.h"

#define ROWS_LOADS 4
#define ROWS_CASES (ARRIVE_N * 3 * 3 * GROW_N)

/* Today's load, as shares of where it breaks. */
extern const double rows_load[ROWS_LOADS];

/* Where a case breaks, and what its loads carry in the other way. */
struct truth {
	struct breaks at, other[ROWS_LOADS];
};

/* A case of the bench; @w < ROWS_CASES numbers them.  false: the same as another. */
bool rows_case(unsigned w, unsigned cpus, struct plan_opts *ret_o, char ret_name[64]);

/* The truth of one seed, in the long run only. */
struct truth rows_truth(const struct plan_opts *o, unsigned cpus);

/* Truths of @minutes of simulated time as a line of a file; and the case's line; false: none. */
void rows_print_truth(const char *name, const struct plan_opts *o, unsigned cpus, unsigned minutes);
bool rows_read_truth(FILE *file, const char *name, struct truth *ret);

/* The load of @o of row @i, of which @t is the truth, as it is measured; false: no such row. */
bool rows_at(const struct truth *t, unsigned i, struct plan_opts *o);

/* What a load like @o, which breaks at @at, carries inside its bursts and apart from them. */
struct rows_k {
	double inside, apart;
};
struct rows_k rows_k(const struct plan_opts *o, double at, double other);

/* "FIRST" or "FIRST-LAST". */
bool rows_seeds(const char *s, unsigned *ret_first, unsigned *ret_last);
