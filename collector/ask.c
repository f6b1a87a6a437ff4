// SPDX-License-Identifier: Apache-2.0
/* Questions answered from store and models: explain (text) and history (JSON). */
#include <stdlib.h>
#include <string.h>

#include "collector/core/history_json.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"

#define EXPLAIN_CAP 65536

static const struct hr_refusal no_host = {404, "no-host", "No host of this number is known.", 0};
static const struct hr_refusal no_memory = {503, "memory", "The collector is out of memory.", 30};
static const struct hr_refusal no_store = {
	503, "store", "The stored windows could not be read.", 30};

static void explain(struct hr_writer *w, struct hr_host *host, struct hr_ask *ask)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	ask->text = vm ? malloc(EXPLAIN_CAP) : NULL;
	if (!ask->text) {
		ask->refused = no_memory;
		return;
	}
	ask->len = hr_vm_explain(vm, hr_clock_wall_ms(), ask->text, EXPLAIN_CAP);
	if (ask->len >= EXPLAIN_CAP)
		ask->len = EXPLAIN_CAP - 1;
}

struct reading {
	struct hr_writer *w;
	struct hr_host *host;
	struct hr_history h;
	struct hr_past past;
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
	} else if (w->store->ops->range(w->store, host->no, q->from_ms / HR_STORE_SLOT_MS,
			   q->to_ms / HR_STORE_SLOT_MS, read_row, rd) != 0) {
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

static void history(struct hr_writer *w, struct hr_host *host, struct hr_ask *ask)
{
	struct reading *rd = calloc(1, sizeof(*rd)); /* 60 KB: too large for a stack */
	struct hr_vm *vm = hr_writer_vm(w, host);

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

	if (ask->work.kind == HR_WORK_FORGET)
		hr_writer_forget(w, ask);
	else if (!host)
		ask->refused = no_host;
	else if (ask->work.kind == HR_WORK_EXPLAIN)
		explain(w, host, ask);
	else
		history(w, host, ask);
}
