/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round of remote write: every series of a snapshot with one sample each, as compressed
 * bodies, and an end mark for each series that the round before had and this one has not: without
 * it Prometheus shows an answer that is over beside the new one for five minutes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/render_metrics.h"
#include "collector/core/write_request.h"
#include "collector/snapshot.h"

#define HR_ROUND_SAMPLES 2000 /* in one request: what Prometheus itself sends at most */

struct hr_round; /* what the last round said; a few hundred bytes a host */

struct hr_round_in {
	const struct hr_snapshot *snap;
	uint32_t hosts; /* at most; of more the tightest */
	const struct hr_remote_labels *labels;
	uint64_t at_ms;
	const struct hr_metrics_own *own; /* of the collector itself */
	size_t n_own;
};

/* Takes over @body (malloc'd).  @ends: it holds end marks and nothing else. */
typedef void (*hr_round_fn)(void *arg, void *body, size_t len, uint32_t samples, bool ends);

struct hr_round *hr_round_new(void); /* NULL: out of memory */
void hr_round_free(struct hr_round *r);
/* Nothing was said: no series of before is ended (another collector goes on with them). */
void hr_round_forget(struct hr_round *r);
/* 0, or -ENOMEM: what came before it was given to @fn; the next round ends what is to be ended. */
int hr_round_make(struct hr_round *r, const struct hr_round_in *in, hr_round_fn fn, void *arg);
