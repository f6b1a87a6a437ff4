/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer for people (terminal) and for monitoring (plugin line).  Numbers
 * that are unknown are shown as "-" or named as missing, never as 0.
 */
#pragma once

#include <stddef.h>

#include "collector/core/answer.h"
#include "collector/core/fleet.h"
#include "collector/core/out.h"

/* "1.8x", ">8x" at the cap, "-" unknown; @to of HR_FACTOR_LEN. */
#define HR_FACTOR_LEN 16
const char *hr_render_factor(const struct hr_opt *k, char to[HR_FACTOR_LEN]);

/* A quantity with its unit: "0.31 cores", "1.2 GiB", "310/s", "12.0 MB/s", "31 %". */
#define HR_QUANTITY_LEN 32
const char *hr_render_quantity(double v, enum hr_unit unit, char to[HR_QUANTITY_LEN]);

/* "yes  headroom-left  at least 2.10x, likely 3.00x  (host)" and an empty line. */
void hr_render_headline(const struct hr_answer *a, struct hr_out *o);

/* Who uses the CPU: up to three threads, or nothing. */
void hr_render_busiest(const struct hr_answer *a, struct hr_out *o);

/* Everything a person needs to act: verdict, sentence, advice, resources, what is missing. */
void hr_render_answer(const struct hr_answer *a, struct hr_out *o);

/*
 * From kernel counts to the verdict: what was counted and where, then @steps (lines of
 * hr_vm_explain()), then the answer.
 */
void hr_render_explain(const struct hr_answer *a, const char *steps, struct hr_out *o);

/*
 * A device whose limit was never reached, and whose only bound says that it carries what it carries
 * now ("at least 0.91x" of an idle disk): right, and nothing to read.  Not when it binds.
 */
bool hr_render_unproven(const struct hr_answer *a, const struct hr_res_answer *r);

/* The interval on a logarithmic axis from 1/8 to 8: "....|[==o--]....". */
#define HR_BAR_LEN 26
void hr_render_bar(const struct hr_bounds *b, char to[HR_BAR_LEN]);

/* What decides, in the order in which one looks, for a live terminal of 80x24. */
void hr_render_top(const struct hr_answer *a, struct hr_out *o);

/*
 * The @n sizes of the family of @vm (whose size is known), smallest first: predicted headroom, the
 * operator's prices, what binds there.  80 columns hold names up to 20 letters, prices included.
 */
struct hr_ladder_rung;
struct hr_ladder_vm;
void hr_render_sizes(const char *host, const struct hr_ladder_vm *vm, double target,
	const struct hr_ladder_rung *rung, uint32_t n, struct hr_out *o);

/* A time in the unit in which one says it: "20 s", "45 min", "30 h", "7 days". */
#define HR_SPAN_LEN 24
const char *hr_render_span(double seconds, char to[HR_SPAN_LEN]);

/* One line per host, headed by the counts. @rows sorted by the caller. */
void hr_render_fleet(const struct hr_fleet *f, const struct hr_fleet_row *const *rows, size_t n,
	uint64_t now_ms, struct hr_out *o);

/* Plugin states are exit statuses of the monitoring plugins' rules. */
enum hr_plugin_state {
	HR_PLUGIN_OK = 0,
	HR_PLUGIN_WARNING = 1,
	HR_PLUGIN_CRITICAL = 2,
	HR_PLUGIN_UNKNOWN = 3,
};

/*
 * One line "HEADROOM OK - …|perfdata" judged on at_least: critical when below @crit,
 * else warning when below @warn, unknown without a claim.  The answer `unknown` is
 * UNKNOWN, unless history and data suffice and even the likely factor is below @crit.
 * Text before '|' stays below 80 characters.
 */
enum hr_plugin_state hr_render_plugin(
	const struct hr_answer *a, double warn, double crit, struct hr_out *o);
