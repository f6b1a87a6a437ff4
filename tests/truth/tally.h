/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the bench against the truth, summed up. */
#pragma once

#include "collector/core/answer.h"

struct tally {
	unsigned n, over, covered, likely_n, right, wrong, unknown, clear;
	unsigned fits, yes, lacks, low; /* clear of the target by 1.25, and told so */
	double ln_err, ln_low;
	unsigned low_n;
};

/* @inside, @apart: the true k of the two ways to grow. */
void tally_judge(struct tally *t, double inside, double apart, const struct hr_answer *a);
void tally_add(struct tally *to, const struct tally *t);
void tally_print(const char *name, const struct tally *t);
