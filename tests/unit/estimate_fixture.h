/* SPDX-License-Identifier: Apache-2.0 */
/* One window of an idle VM as a minute's evidence, for the tests of the estimators. */
#pragma once

#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/eval.h"

struct bench {
	struct hr_model_conf conf;
	struct hr_facts facts;
	struct hr_minute_dev dev[HR_DEVS_MAX];
	struct hr_minute m;
	struct hr_limit limit[HR_DEVS_MAX];
	struct hr_ctx x;
	struct hr_estimate e, steal;
	struct hr_eval v;
};

/* One window of an idle VM as the minute's evidence; the test changes b->m. */
static inline int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct hr_summary *s = fx_idle(0);

	assert_non_null(b);
	hr_model_conf_default(&b->conf);
	b->conf.min_history_h = 0;
	b->facts = fx_facts();
	b->m.dev = b->dev;
	b->m.dev_cap = HR_DEVS_MAX;
	hr_minute_add(&b->m, s);
	free(s);
	b->x = (struct hr_ctx){.m = &b->m, .conf = &b->conf, .facts = &b->facts, .limit = b->limit};
	*state = b;
	return 0;
}

static inline int teardown(void **state)
{
	free(*state);
	return 0;
}
