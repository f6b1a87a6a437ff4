/* SPDX-License-Identifier: Apache-2.0 */
/* The back-test's parts; each prints its tables. */
#pragma once

#include <stdint.h>

#define EVAL_BITBRAINS_T0 1372629600 /* 2013-07-01 00:00 CEST */

void eval_week(const char *dir);  /* A: next week's demand */
void eval_hours(const char *dir); /* the same by hour */
void eval_cross(const char *dir); /* B: sustained crossings within 30 days */
void eval_store(const char *dir); /* C: dates of full storage */
/* CPU time of a refit, no data needed. */
void eval_refit(void);
void eval_refit_recorded(const char *dir); /* of the recorded VMs */
/* Known truth, no data needed.  Returns how many of its bounds were missed. */
int eval_known(unsigned series, uint64_t seed);
