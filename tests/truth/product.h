/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the product, agent and collector, on simulated jobs. */
#pragma once

#include <stdbool.h>

#include "collector/core/answer.h"
#include "plan.h"

#define PRODUCT_WINDOW_S 10

struct product_opts {
	unsigned cpus;
	bool stage1;       /* without the replay of recorded bursts */
	bool service;      /* minutes, each with a k of its own, one slice a minute */
	bool busy_hour;    /* the load is that of one hour in the middle */
	bool explain;      /* print each step of each row */
	unsigned envelope; /* an arrival envelope in place of the virtual queue: envelope.h */
	unsigned go_on;    /* windows up to which `measure --until-known` goes on */
};

/* Measures the load @o for @seconds.  Returns the seconds it took. */
unsigned product_measure(const struct product_opts *p, const struct plan_opts *o, unsigned seconds,
	struct hr_answer *ret);
