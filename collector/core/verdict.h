/* SPDX-License-Identifier: Apache-2.0 */
/* The decision table (answer-model 10): numbers and flags in, answer and reason out. */
#pragma once

#include "collector/core/sizes.h"

struct hr_verdict_in {
	struct hr_bounds k;
	double target;
	bool evidence_fails; /* a gate of section 11 fails, whatever would decide */
	bool lacks;          /* a resource has no signal */
	bool memory_lacks;   /* and memory is one */
	bool bind_sure;  /* what binds carries less than the target for sure, by its own signals */
	bool trend_soon; /* confirmed trend below the target within 30 days */
	enum hr_resource bind;
	bool local, external;  /* of what binds */
	bool grows[HR_SIZE_N]; /* what binds is short, and that size has more: not known how much */
	struct hr_gain gain[HR_SIZE_N];
	struct hr_opt frozen;
	bool hot_thread;
};

struct hr_verdict {
	enum hr_answer_kind kind;
	enum hr_reason reason;
	uint8_t row; /* of the table, 1..7 */
	int8_t size; /* enum hr_size that decided, -1 none */
};

struct hr_verdict hr_verdict_of(const struct hr_verdict_in *in);
