// SPDX-License-Identifier: Apache-2.0
/*
 * Start: hosts, boots, saved model states, then the journal from where each
 * state ends.  A state that cannot be read (older version, damage) is rebuilt
 * from the windows still stored, and counted: a day of them takes a second for each host, so the
 * start does not wait for it where the host can have its turn (turns.c).  Out of memory is no
 * damage: the start fails, and the next one finds everything where it was.  Of a fleet whose
 * models do not fit in memory nothing is read but what it showed last
 * (turns_start.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define LOAD_ALL    1000  /* hosts: their models take a second to read */
#define MODEL_BYTES 16384 /* of one model in memory, at least */

struct loading {
	struct hr_writer *w;
	bool out_of_memory;
	bool lost; /* a state that cannot be read: its host is cold */
	struct hr_host *rebuilding;
	uint64_t rebuilt_n; /* largest n it was given */
	uint32_t *gone; /* tombstones: hosts whose forgetting was cut short, or the last of all */
	size_t n_gone;
	struct hr_store_row *bad; /* rows to quarantine once no walk is open */
	size_t n_bad;
};

static int no_memory(struct loading *l)
{
	l->out_of_memory = true;
	return HR_STORE_FAILED;
}

static int load_host(void *arg, const struct hr_store_host *h)
{
	struct loading *l = arg;
	struct hr_hosts *t = &l->w->hosts;
	struct hr_host *host;

	if (h->name[0] == '\0') {
		uint32_t *p = realloc(l->gone, (l->n_gone + 1) * sizeof(*p));

		if (!p)
			return no_memory(l);
		l->gone = p;
		l->gone[l->n_gone++] = h->no;
		t->next_no = h->no + 1;
		return 0;
	}
	/* what is stored is kept, also when the limit was lowered since */
	t->max = t->n >= t->max ? t->n + 1 : t->max;
	host = hr_hosts_add(t, h->id, h->no);
	if (!host)
		return no_memory(l);
	memcpy(host->name, h->name, sizeof(host->name));
	hr_writer_know(l->w, host);
	host->is_stored = true;
	return 0;
}

static int load_boot(void *arg, const struct hr_store_boot *b)
{
	struct loading *l = arg;
	struct hr_host *host = hr_hosts_by_no(&l->w->hosts, b->host_no);
	struct hr_boot *boot;

	if (!host)
		return 0; /* a host that was forgotten */
	boot = hr_host_add_boot(host, b->boot, b->ord);
	if (!boot && host->n_boots < HR_BOOTS_MAX)
		return no_memory(l); /* without it a resend of its windows would be stored again */
	if (!boot) {
		hr_log(HR_LOG_WARNING, "boot_left_out", "host=%s ord=%" PRIu32, host->name, b->ord);
		return 0;
	}
	if (!hr_boot_set(boot, b))
		return no_memory(l);
	boot->is_stored = true;
	if (b->heard_ms > host->heard_ms)
		host->heard_ms = b->heard_ms;
	return 0;
}

static int load_state(void *arg, const struct hr_store_state *s)
{
	struct loading *l = arg;
	struct hr_host *host = hr_hosts_by_no(&l->w->hosts, s->host_no);

	if (!host)
		return 0;
	host->vm = hr_writer_state_vm(l->w, host, s, &l->out_of_memory);
	if (l->out_of_memory)
		return no_memory(l); /* rebuilt it would lack all that expired */
	host->has_state = true;      /* one was there; without vm it is rebuilt */
	host->upto = s->upto;
	if (!host->vm && l->w->store->ops->state)
		host->cold.is = l->lost = true;
	return 0;
}

static void set_aside(struct loading *l, const struct hr_store_row *row)
{
	struct hr_store_row *p = realloc(l->bad, (l->n_bad + 1) * sizeof(*p));

	hr_count(l->w->count, HR_COUNT_DAMAGED, 1);
	if (!p)
		return; /* counted; it stays where it is */
	l->bad = p;
	l->bad[l->n_bad] = *row;
	l->bad[l->n_bad++].body = NULL;
}

static int replay(struct loading *l, struct hr_host *host, const struct hr_store_row *row)
{
	if (!hr_writer_vm(l->w, host))
		return no_memory(l); /* not to be taken for a damaged row, and set aside */
	if (row->damaged ||
		!hr_writer_feed(l->w, host, row, hr_host_offset(host, row->boot_ord), false))
		set_aside(l, row);
	else
		hr_count(l->w->count, HR_COUNT_REPLAYED, 1);
	return 0;
}

static int replay_facts(struct loading *l, struct hr_host *host, const struct hr_store_event *e)
{
	if (!hr_writer_vm(l->w, host))
		return no_memory(l);
	(void)hr_writer_feed_facts(l->w, host, e->facts, e->facts_len, e->at_ms);
	return 0;
}

static int replay_event(void *arg, const struct hr_store_event *e)
{
	struct loading *l = arg;
	struct hr_host *host = hr_hosts_by_no(&l->w->hosts, e->row.host_no);
	int r;

	if (!host || host->cold.is || e->row.n <= host->upto)
		return 0;
	r = e->facts ? replay_facts(l, host, e) : replay(l, host, &e->row);
	if (r != 0)
		return r;
	host->upto = e->row.n;
	host->unsaved_n = host->unsaved_n ? host->unsaved_n : e->row.n;
	return 0;
}

static int rebuild_facts(void *arg, const struct hr_store_event *e)
{
	struct loading *l = arg;

	return replay_facts(l, l->rebuilding, e);
}

static int rebuild_row(void *arg, const struct hr_store_row *row)
{
	struct loading *l = arg;

	l->rebuilt_n = row->n > l->rebuilt_n ? row->n : l->rebuilt_n;
	return replay(l, l->rebuilding, row);
}

/* All stored windows of @host are fed, also those of the journal: upto says so. */
static int rebuild(struct loading *l, struct hr_host *host)
{
	struct hr_store *s = l->w->store;
	uint64_t now = hr_clock_wall_ms() / HR_STORE_SLOT_MS;
	uint64_t keep = l->w->conf.windows_ms / HR_STORE_SLOT_MS + 360;
	int r;

	hr_count(l->w->count, HR_COUNT_STATES_LOST, 1);
	hr_log(HR_LOG_WARNING, "state_unreadable",
		"host=%s: the model starts afresh from the windows still stored", host->name);
	l->rebuilding = host;
	l->rebuilt_n = 0;
	r = s->ops->facts(s, host->no, rebuild_facts, l);
	if (r == 0)
		r = s->ops->range(
			s, host->no, now > keep ? now - keep : 0, now + 360, rebuild_row, l);
	host->upto = l->w->peers ? l->rebuilt_n : l->w->last_n;
	host->unsaved_n = host->upto;
	return r;
}

/* A full disk keeps nobody from answers: those windows go at a later start, or by age. */
static int purge_again(struct hr_writer *w, uint32_t host_no)
{
	uint64_t windows = 0;

	return hr_writer_purge(w, host_no, &windows) == HR_STORE_FAILED ? HR_STORE_FAILED : 0;
}

static int quarantine(struct loading *l)
{
	struct hr_store *s = l->w->store;
	int r = l->n_bad > 0 ? hr_peers_begin_alone(l->w) : 0;

	for (size_t i = 0; i < l->n_bad && r == 0; i++)
		r = s->ops->quarantine(s, &l->bad[i]);
	if (r == 0 && l->n_bad > 0)
		r = s->ops->commit(s);
	if (r != 0)
		s->ops->rollback(s);
	return r;
}

int hr_recover(struct hr_writer *w, char error[HR_STORE_ERROR_LEN])
{
	struct loading l = {.w = w};
	struct hr_store *s = w->store;
	bool cold = false;
	int r;

	w->open_ns = hr_clock_mono_ns();
	r = hr_peers_load_begin(w);

	if (r == 0)
		r = s->ops->hosts(s, load_host, &l);
	if (r == 0)
		r = s->ops->boots(s, load_boot, &l);
	cold = w->conf.model_bytes &&
	       (w->hosts.n > LOAD_ALL || w->hosts.n * MODEL_BYTES > w->conf.model_bytes);
	for (uint32_t i = 0; i < w->hosts.n && r == 0 && cold; i++)
		w->hosts.by_no[i]->cold.is = true;
	if (r == 0 && !cold)
		r = s->ops->states(s, load_state, &l);
	if (r == 0 && (cold || l.lost))
		r = hr_turn_recover(w);
	if (r == 0)
		r = s->ops->last_n(s, &w->last_n);
	for (uint32_t i = 0; i < w->hosts.n && r == 0; i++) {
		struct hr_host *host = w->hosts.by_no[i];

		if (host->has_state && !host->vm && !host->cold.is)
			r = rebuild(&l, host);
	}
	if (r == 0 && !cold)
		r = s->ops->journal(s, replay_event, &l);
	if (r == 0)
		r = hr_peers_load_end(w);
	if (r == 0)
		r = quarantine(&l);
	free(l.bad);
	for (size_t i = 0; i < l.n_gone && r == 0; i++)
		r = purge_again(w, l.gone[i]);
	free(l.gone);
	if (r == 0) /* after what changes its sums */
		r = hr_rollup_open(w, &w->rollup);
	if (r != 0) {
		snprintf(error, HR_STORE_ERROR_LEN, "loading the database: %s",
			l.out_of_memory ? "out of memory" : hr_store_error(s));
		return r;
	}
	for (uint32_t i = 0; i < w->hosts.n; i++) {
		hr_turn_weigh(w, w->hosts.by_no[i]);
		hr_writer_answer_soon(w, w->hosts.by_no[i]);
	}
	hr_writer_answer_first(w);
	hr_log(HR_LOG_INFO, "loaded", "hosts=%" PRIu32 " replayed=%" PRIu64 " took_ms=%" PRIu64,
		w->hosts.n, atomic_load(&w->count->v[HR_COUNT_REPLAYED]),
		hr_ns_to_ms(hr_clock_mono_ns() - w->open_ns));
	return 0;
}
