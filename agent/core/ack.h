/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's acknowledgement: "seq=8640; phase=41250; period=60000; backlog=30"
 * in the Headroom-Ack header of a 204.  Only with it is a POST durable: a bare
 * 2xx may come from a proxy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hr_ack {
	uint64_t seq;       /* last window number of the POST it answers */
	uint64_t phase_ms;  /* when in each period to post; < period_ms */
	uint64_t period_ms; /* 0: not told */
	uint32_t backlog;   /* old windows welcome in the next POST */
	bool has_backlog;
};

#define HR_ACK_PERIOD_MAX_MS 3600000 /* a longer pause is not believed */

/* False, and *ret untouched: not an acknowledgement.  Unknown keys are skipped. */
bool hr_ack_parse(const char *text, size_t len, struct hr_ack *ret);
