// SPDX-License-Identifier: Apache-2.0
/*
 * Forgetting a host, on the writer's thread.  Once the first transaction is durable the host
 * is gone from every answer; its windows follow in pieces, each a transaction of its own.  A
 * crash in between leaves a tombstone, and the next start goes on from there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"

#define PURGE_SLOTS 1000 /* per transaction: about 10 ms */

static const struct hr_refusal none = {404, "no-host",
				       "No host of this id or name reports to this collector.", 0},
			       several = {409, "ambiguous",
				       "Several hosts have this name: use the host id.", 0},
			       store = {503, "store",
				       "The collector cannot store at the moment; try again.", 30};

static struct hr_host *find(
	struct hr_writer *w, const char *what, const struct hr_refusal **ret_why)
{
	struct hr_host *found = NULL;
	char id[2 * HR_HOST_ID_LEN + 1];

	*ret_why = &none;
	for (uint32_t i = 0; i < w->hosts.n; i++) {
		struct hr_host *host = w->hosts.by_no[i];

		hr_host_id_print(host->id, id);
		if (strcmp(id, what) == 0)
			return host;
		if (strcmp(host->name, what) != 0)
			continue;
		*ret_why = found ? &several : NULL;
		found = host;
	}
	return *ret_why ? NULL : found;
}

int hr_writer_purge(struct hr_writer *w, uint32_t host_no, uint64_t *ret_windows)
{
	const struct hr_store_ops *ops = w->store->ops;
	uint64_t slot = 0;
	int r = 0;

	while (r == 0 && slot != HR_STORE_PURGED) {
		r = hr_peers_begin_alone(w);
		if (r == 0)
			r = ops->purge(w->store, host_no, &slot, PURGE_SLOTS, ret_windows);
		if (r == 0)
			r = ops->commit(w->store);
		if (r != 0)
			ops->rollback(w->store);
	}
	return r;
}

static void leave_queue(struct hr_writer *w, struct hr_host *host)
{
	struct hr_host **link = &w->due;

	if (!host->answer_due)
		return;
	while (*link && *link != host)
		link = &(*link)->next_due;
	if (!*link)
		return;
	*link = host->next_due;
	if (!host->next_due)
		w->due_end = link;
	w->n_due--;
}

void hr_writer_drop_host(struct hr_writer *w, struct hr_host *host)
{
	leave_queue(w, host);
	hr_orders_drop(&w->orders, host);
	w->hot_bytes -= host->vm_bytes;
	w->n_hot -= host->vm_bytes > 0;
	hr_hosts_remove(&w->hosts, host);
	w->save_at = 0;
	w->views_changed = true;
}

void hr_writer_forget(struct hr_writer *w, struct hr_ask *ask)
{
	const struct hr_store_ops *ops = w->store->ops;
	struct hr_forgotten *f = &ask->forgotten;
	const struct hr_refusal *why;
	struct hr_host *host = find(w, ask->host, &why);
	int r;

	if (!host) {
		ask->refused = why ? *why : none;
		return;
	}
	f->no = host->no;
	r = hr_peers_begin_alone(w);
	host = hr_hosts_by_no(&w->hosts, f->no); /* another one may have forgotten it meanwhile */
	if (r == 0 && !host) {
		ops->rollback(w->store);
		ask->refused = none;
		return;
	}
	if (r == 0)
		r = ops->forget(w->store, host->no);
	if (r == 0)
		r = ops->commit(w->store);
	if (r != 0) {
		ops->rollback(w->store);
		hr_writer_failed(w, r, "forgetting a host");
		ask->refused = store;
		return;
	}
	memcpy(f->id, host->id, sizeof(f->id));
	memcpy(f->name, host->name, sizeof(f->name));
	f->boots = host->n_boots;
	hr_writer_drop_host(w, host);
	hr_writer_publish(w);
	r = hr_writer_purge(w, f->no, &f->windows);
	if (r == 0)
		r = hr_rollup_reload(w);
	if (r != 0) {
		/* said so: what is left goes at the next start, or by age */
		hr_writer_failed(w, r, "deleting a forgotten host's windows");
		ask->refused = store;
	}
	hr_writer_gauges(w);
	hr_log(HR_LOG_NOTICE, "host_forgotten", "host=%s boots=%" PRIu32 " windows=%" PRIu64,
		f->name, f->boots, f->windows);
}
