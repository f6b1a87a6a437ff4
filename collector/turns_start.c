// SPDX-License-Identifier: Apache-2.0
/*
 * A start with hosts whose models are not read: the fleet's list as it was shown last, and then,
 * between groups, the journal in pieces, which says what waits for whose turn.
 */
#include <inttypes.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define SCAN_ROWS 20000 /* entries of the journal in a pass */

static int note_event(void *arg, const struct hr_store_event *e)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, e->row.host_no);

	w->scan_n = e->row.n + 1;
	if (!host || !host->cold.is)
		return 0; /* forgotten; or new, and not of the old journal */
	if (!e->facts)
		hr_turn_note_bin(host, e->row.n, e->row.slot);
	else if (host->cold.n_facts == 0 || host->cold.facts_n[host->cold.n_facts - 1] < e->row.n)
		hr_turn_note_facts(host, e->row.n);
	return 0;
}

void hr_turn_scan(struct hr_writer *w)
{
	uint64_t from = w->scan_n;
	int r = w->store->ops->journal_heads(w->store, from, SCAN_ROWS, note_event, w);

	if (r != 0) {
		hr_writer_failed(w, r, "reading the journal");
		return;
	}
	if (w->scan_n == from) {
		w->scan_n = 0; /* nothing was left */
		hr_log(HR_LOG_INFO, "journal_read", "took_ms=%" PRIu64,
			hr_ns_to_ms(hr_clock_mono_ns() - w->open_ns));
	}
	w->behind = true;
}

static int show(void *arg, const struct hr_store_view *v)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, v->host_no);
	struct hr_fleet_row row;

	if (!host || !host->cold.is || !hr_fleet_row_get(v->bytes, v->len, &row))
		return 0; /* has a model; or its turn makes it anew */
	hr_host_id_print(host->id, row.id);
	memcpy(row.name, host->name, sizeof(row.name));
	host->view = hr_view_of_row(host->no, &row);
	return host->view ? 0 : HR_STORE_FAILED;
}

int hr_turn_recover(struct hr_writer *w)
{
	w->scan_n = 1;
	return w->store->ops->views(w->store, show, w);
}
