/* SPDX-License-Identifier: Apache-2.0 */
/* The answer in plain words: sentence and advice, from its numbers. */
#pragma once

#include "collector/core/eval.h"
#include "collector/core/verdict.h"

struct hr_text_in {
	const struct hr_model_conf *conf;
	const struct hr_verdict *verdict;
	const struct hr_gain *gain;     /* [HR_SIZE_N] */
	const struct hr_estimate *bind; /* what binds; NULL: nothing */
	const struct hr_answer *a;      /* numbers, missing and top are filled */
	const char *cgroup;             /* held back by its limit; "" not known */
	struct hr_opt frozen;
	bool hot_thread;
	bool trend;  /* headroom is left, but falls steadily: days_left decided */
	bool whole;  /* one window only (measure): no quantile over minutes */
	bool silent; /* nothing came from the agent for minutes */
};
void hr_text_answer(const struct hr_text_in *in, char *ret_sentence, char *ret_advice);
