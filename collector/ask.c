// SPDX-License-Identifier: Apache-2.0
/* Questions answered from store and models: explain (text) and history (JSON). */
#include <stdlib.h>
#include <string.h>

#include "collector/core/digest.h"
#include "collector/core/history_json.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"

#define EXPLAIN_CAP 65536

static const struct hr_refusal no_host = {404, "no-host", "No host of this number is known.", 0};
static const struct hr_refusal no_memory = {503, "memory", "The collector is out of memory.", 30};
static const struct hr_refusal no_store = {
	503, "store", "The stored windows could not be read.", 30};

static void explain(
	const struct hr_writer *w, const struct hr_host *host, struct hr_vm *vm, struct hr_ask *ask)
{
	struct hr_trace t;

	ask->text = vm ? malloc(EXPLAIN_CAP) : NULL;
	if (!ask->text) {
		ask->refused = no_memory;
		return;
	}
	t = (struct hr_trace){.buf = ask->text, .cap = EXPLAIN_CAP};
	hr_host_rules_say(&w->conf.rules, host->rules, &t);
	ask->len = t.len +
		   hr_vm_explain(vm, hr_clock_wall_ms(), ask->text + t.len, EXPLAIN_CAP - t.len);
	if (ask->len >= EXPLAIN_CAP)
		ask->len = EXPLAIN_CAP - 1;
}

struct reading {
	struct hr_writer *w;
	struct hr_host *host;
	struct hr_history h;
	struct hr_past past;
	struct hr_digest sum; /* of a tier's bin */
	uint64_t bin_ms;
};

static int read_row(void *arg, const struct hr_store_row *row)
{
	struct reading *rd = arg;
	struct hr_writer *w = rd->w;
	int64_t offset = 0;

	if (row->damaged ||
		hr_wire_decode_summary(w->arena, row->body, row->len, w->summary) != HR_WIRE_OK)
		return 0; /* a step without it; start-up moves such rows to quarantine */
	for (uint32_t i = 0; i < rd->host->n_boots; i++) {
		if (rd->host->boot[i].now.ord == row->boot_ord)
			offset = rd->host->boot[i].now.offset_ms;
	}
	w->summary->t_end_ms += (uint64_t)offset;
	hr_history_add(&rd->h, w->summary, w->summary->t_end_ms);
	hr_past_add(&rd->past, w->summary);
	return 0;
}

/* A bin is the mean of all steps in it; the headroom of then cannot be had from it. */
static int read_tier(void *arg, const struct hr_tier_row *row)
{
	struct reading *rd = arg;
	uint64_t begin = row->bin * rd->bin_ms;
	uint64_t parts = rd->h.step_ms < rd->bin_ms ? rd->bin_ms / rd->h.step_ms : 1;

	hr_digest_clear(&rd->sum);
	if (row->damaged || hr_digest_decode(&rd->sum, row->body, row->len) != HR_DIGEST_OK)
		return 0;
	for (uint64_t k = 1; k <= parts; k++)
		for (uint32_t i = 0; i < rd->sum.n; i++)
			hr_history_add(&rd->h, rd->sum.piece[i].s, begin + k * rd->bin_ms / parts);
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int read_bins(struct reading *rd, enum hr_tier tier, uint64_t from_ms, uint64_t to_ms)
{
	struct hr_store *s = rd->w->store;

	rd->bin_ms = tier == HR_TIER_HOUR ? HR_HOUR_MS : HR_5MIN_MS;
	if (from_ms >= to_ms)
		return 0;
	return s->ops->tier(s,
		&(struct hr_tier_span){
			tier, rd->host->no, from_ms / rd->bin_ms, (to_ms - 1) / rd->bin_ms},
		read_tier, rd);
}

/*
 * The coarsest tier that is as fine as the steps, from it what it has; before that what is old
 * enough to have left the finer ones.  Each moment is read from one tier only.
 */
static int read_tiers(struct hr_writer *w, const struct hr_query_history *q, struct reading *rd)
{
	uint64_t now = hr_clock_wall_ms(), raw_from = 0, five_from = 0;
	int r = 0;

	if (w->rollup) {
		raw_from = hr_rollup_upto_ms(w, HR_TIER_5MIN);
		five_from = hr_rollup_upto_ms(w, HR_TIER_HOUR);
		if (q->step_ms % HR_5MIN_MS != 0)
			raw_from = least(
				raw_from, (now - w->conf.windows_ms) / HR_5MIN_MS * HR_5MIN_MS);
		if (q->step_ms % HR_HOUR_MS != 0)
			five_from = least(
				five_from, (now - w->conf.five_min_ms) / HR_HOUR_MS * HR_HOUR_MS);
		five_from = least(five_from, raw_from);
		r = read_bins(rd, HR_TIER_HOUR, q->from_ms, least(five_from, q->to_ms));
		if (r == 0)
			r = read_bins(rd, HR_TIER_5MIN,
				q->from_ms > five_from ? q->from_ms : five_from,
				least(raw_from, q->to_ms));
	}
	raw_from = q->from_ms > raw_from ? q->from_ms : raw_from;
	if (r == 0 && raw_from <= q->to_ms)
		r = w->store->ops->range(w->store, rd->host->no, raw_from / HR_STORE_SLOT_MS,
			q->to_ms / HR_STORE_SLOT_MS, read_row, rd);
	hr_digest_done(&rd->sum);
	return r;
}

/* Steps from the stored windows: the demand that was, and the headroom as the model sees it now. */
static char *steps(struct hr_writer *w, struct hr_host *host, struct hr_vm *vm, struct hr_ask *ask,
	struct reading *rd)
{
	const struct hr_query_history *q = &ask->history;
	char *text = NULL;

	rd->w = w;
	rd->host = host;
	rd->h.from_ms = rd->past.from_ms = q->from_ms;
	rd->h.step_ms = rd->past.step_ms = q->step_ms;
	rd->h.n = rd->past.n = (size_t)((q->to_ms - q->from_ms + q->step_ms - 1) / q->step_ms);
	rd->h.cell = calloc(rd->h.n, sizeof(*rd->h.cell));
	rd->past.step = calloc(rd->past.n, sizeof(*rd->past.step));
	rd->past.vm = vm;
	hr_past_init(&rd->past);
	if (!rd->h.cell || !rd->past.step) {
		ask->refused = no_memory;
	} else if (read_tiers(w, q, rd) != 0) {
		ask->refused = no_store;
	} else {
		hr_history_end(&rd->h);
		hr_past_end(&rd->past);
		text = hr_history_json(host->name, q, &rd->h, &rd->past, vm);
	}
	free(rd->h.cell);
	free(rd->past.step);
	return text;
}

static void history(struct hr_writer *w, struct hr_host *host, struct hr_vm *vm, struct hr_ask *ask)
{
	struct reading *rd = calloc(1, sizeof(*rd)); /* 60 KB: too large for a stack */

	if (rd && vm)
		ask->text = ask->history.step_ms == HR_QUERY_DAY_MS
				    ? hr_history_days_json(host->name, &ask->history, vm)
				    : steps(w, host, vm, ask, rd);
	free(rd);
	if (ask->text)
		ask->len = strlen(ask->text);
	else if (ask->refused.status == 0)
		ask->refused = no_memory;
}

void hr_ask_run(struct hr_writer *w, struct hr_ask *ask)
{
	struct hr_host *host = hr_hosts_by_no(&w->hosts, ask->host_no);
	struct hr_vm *vm;

	if (ask->work.kind == HR_WORK_FORGET) {
		hr_writer_forget(w, ask);
		return;
	}
	if (!host) {
		ask->refused = no_host;
		return;
	}
	vm = host->cold.is ? hr_turn_peek(w, host) : hr_writer_vm(w, host);
	if (ask->work.kind == HR_WORK_EXPLAIN)
		explain(w, host, vm, ask);
	else if (ask->work.kind == HR_WORK_ANSWER)
		ask->view = vm ? hr_writer_view(w, host, vm, true) : NULL;
	else
		history(w, host, vm, ask);
	if (ask->work.kind == HR_WORK_ANSWER && !ask->view)
		ask->refused = no_memory;
	if (host->cold.is)
		hr_vm_free(vm);
}
