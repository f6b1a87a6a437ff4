// SPDX-License-Identifier: Apache-2.0
/*
 * The writer's work between groups, and never inside one: answers, saved states,
 * expiry, checkpoint.  Each pass is short whatever the size of the fleet, because the next
 * group waits behind it: answers have a slice of time, saving looks at a part of the hosts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/units.h"

#define EXPIRE_ROWS     50                 /* at once, between two looks at the clock: 1 to 2 ms */
#define EXPIRE_SLICE_NS (8 * HR_NS_PER_MS) /* in one transaction: it delays the next group */
#define EXPIRE_EVERY    (100 * HR_NS_PER_MS)
#define EXPIRE_IDLE     (30 * HR_NS_PER_S) /* nothing was left over last time */
#define TRIM_ROWS       1000               /* of the journal at once: less than 1 ms */
#define TRIM_LAST       20                 /* such transactions at the end */
#define STATS_EVERY     (5 * HR_NS_PER_S)
#define SAVE_AT_ONCE    64                 /* states per transaction, */
#define SAVE_SLICE_NS   (8 * HR_NS_PER_MS) /* and as many as are put in that time */
#define SAVE_LOOK       2000               /* hosts looked at per pass, */
#define LOOK_ROUND_NS   (10 * HR_NS_PER_S) /* and of more all in this time */
#define FEW_HOSTS       1000               /* looking at all of them takes no time */
#define CLONE_SHOWN_MS  (3600 * 1000ULL)   /* an hour without evidence ends the doubt */
#define ANSWER_SLICE_NS (10 * HR_NS_PER_MS)
#define ANSWER_HOST_NS                                                                             \
	300000         /* interval per host of the fleet: 30 s between answers at 100 000          \
			*/
#define ANSWER_SKIP 64 /* hosts passed over in a pass because it is too early for them */

/* Two machines in one history: no number of it is about either. */
static void deny_for_clone(struct hr_answer *a)
{
	a->kind = HR_ANSWER_UNKNOWN;
	a->reason = HR_REASON_MISSING_EVIDENCE;
	a->headroom = (struct hr_bounds){0};
	memset(&a->binding, 0, sizeof(a->binding));
	a->n_bigger = 0;
	memset(&a->days_left, 0, sizeof(a->days_left));
	snprintf(a->sentence, sizeof(a->sentence),
		"Two machines report with this host id, so nothing can be said about either.");
	snprintf(a->advice, sizeof(a->advice),
		"Give each its own machine-id (systemd-machine-id-setup after removing "
		"/etc/machine-id), enrol the new one (headroom-agent --join), then restart its "
		"agent.");
	if (a->n_missing == HR_ANS_MISSING_MAX)
		a->n_missing--;
	a->missing[a->n_missing] = (struct hr_missing){0};
	snprintf(a->missing[a->n_missing++].evidence, sizeof(a->missing[0].evidence),
		"identity: one host id for one machine");
}

void hr_writer_answer_soon(struct hr_writer *w, struct hr_host *host)
{
	if (host->answer_due)
		return;
	host->answer_due = true;
	host->next_due = NULL;
	*w->due_end = host;
	w->due_end = &host->next_due;
	w->n_due++;
}

/* Of a cold host the row says it at once, for its next answer may be 15 minutes away. */
void hr_writer_rename(struct hr_writer *w, struct hr_host *host, const char *name)
{
	struct hr_fleet_row row;
	struct hr_view *v;

	if (strcmp(host->name, name) == 0)
		return;
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	hr_writer_know(w, host);
	if (!host->view)
		return; /* its first answer comes anyhow */
	hr_writer_answer_soon(w, host);
	if (!host->cold.is)
		return;
	row = host->view->row;
	memcpy(row.name, host->name, sizeof(row.name));
	v = hr_view_of_row(host->no, &row);
	if (!v)
		return; /* with the next answer, then */
	hr_orders_show(&w->orders, host, v);
	w->views_changed = true;
}

struct hr_view *hr_writer_view(
	struct hr_writer *w, struct hr_host *host, struct hr_vm *vm, bool whole)
{
	uint64_t now = hr_clock_wall_ms();
	struct hr_answer *a = w->answer;

	hr_vm_answer(vm, host->name, now, a);
	hr_host_id_print(host->id, a->host_id);
	if (host->clone_ms && now < host->clone_ms + CLONE_SHOWN_MS)
		deny_for_clone(a);
	hr_count(w->count, HR_COUNT_ANSWERS, 1);
	return hr_view_new(host->no, a, host->heard_ms, whole ? w->pack_room : NULL);
}

static void answer(struct hr_writer *w, struct hr_host *host)
{
	struct hr_vm *vm = host->cold.is ? NULL : hr_writer_vm(w, host);
	struct hr_view *v = vm ? hr_writer_view(w, host, vm, true) : NULL;

	if (!v)
		return; /* the answer before stays; tried again with the next window */
	hr_orders_show(&w->orders, host, v);
	host->answered_ns = hr_clock_mono_ns();
	w->views_changed = true;
	hr_turn_weigh(w, host);
}

/*
 * Answers of hosts with news, for a slice of time (@all: until none is left).  A host
 * without any answer comes at once, others after an interval that grows with the fleet.
 */
static void answer_due(struct hr_writer *w, bool all)
{
	uint64_t now = hr_clock_mono_ns(), end = now + ANSWER_SLICE_NS;
	uint64_t interval = w->n_hot * (uint64_t)ANSWER_HOST_NS;
	uint32_t skipped = 0;

	interval = interval > w->conf.answer_ns ? interval : w->conf.answer_ns;
	w->behind = false;
	for (uint32_t left = w->n_due; left > 0 && w->due && skipped < ANSWER_SKIP; left--) {
		struct hr_host *host = w->due;

		w->due = host->next_due;
		w->due_end = w->due ? w->due_end : &w->due;
		w->n_due--;
		host->answer_due = false;
		if (host->cold.is)
			continue;
		if (host->is_stored && (!host->view || now - host->answered_ns >= interval)) {
			answer(w, host);
			now = hr_clock_mono_ns();
			if (!all && now >= end) {
				w->behind = w->n_due > 0;
				return;
			}
		} else {
			hr_writer_answer_soon(w, host); /* at the end of the queue */
			skipped++;
		}
	}
}

void hr_writer_answer_first(struct hr_writer *w)
{
	answer_due(w, w->hosts.n <= FEW_HOSTS);
	hr_writer_publish(w);
}

void hr_writer_stall(struct hr_writer *w, enum hr_step step, uint64_t from_ns)
{
	uint64_t us = hr_ns_to_us(hr_clock_mono_ns() - from_ns);

	if (us > atomic_load(&w->count->stall_us[step]))
		atomic_store(&w->count->stall_us[step], us);
}

/* Numbers of other hosts may be another collector's, and not known here. */
static uint64_t knows(const struct hr_writer *w, const struct hr_host *host)
{
	return w->peers ? host->upto : w->last_n;
}

/* *ret_saved false with 0: it stays unsaved, so its windows stay in the journal. */
static int save_one(struct hr_writer *w, struct hr_host *host, bool *ret_saved)
{
	size_t len = hr_vm_encode(host->vm, w->state_room, HR_STATE_MAX);
	int r;

	*ret_saved = len <= HR_STATE_MAX;
	if (!*ret_saved)
		return 0;
	r = w->store->ops->put_state(w->store, &(struct hr_store_state){.host_no = host->no,
						       .upto = knows(w, host),
						       .bytes = w->state_room,
						       .len = len});
	return r == 0 ? hr_writer_put_view(w, host->view) : r;
}

int hr_writer_put_view(struct hr_writer *w, const struct hr_view *v)
{
	unsigned char buf[HR_FLEET_ROW_MAX];

	if (!v || !w->store->ops->put_view)
		return 0;
	return w->store->ops->put_view(w->store,
		&(struct hr_store_view){
			.host_no = v->no, .bytes = buf, .len = hr_fleet_row_put(&v->row, buf)});
}

uint32_t hr_writer_look(const struct hr_writer *w, uint32_t most, uint64_t *at_ns)
{
	uint64_t now = hr_clock_mono_ns(), passed = now - *at_ns, n = w->hosts.n;

	if (n <= most)
		return (uint32_t)n;
	if (passed < LOOK_ROUND_NS / n) /* what is passed is not lost */
		return 0;
	*at_ns = now;
	n = passed < LOOK_ROUND_NS ? n * passed / LOOK_ROUND_NS : n;
	return n < most ? (uint32_t)n : most;
}

static bool is_due_to_save(
	const struct hr_writer *w, const struct hr_host *host, bool all, bool too_hot, uint64_t now)
{
	if (!host->vm || !host->is_stored)
		return false;
	return too_hot || (host->unsaved_n && (all || now - host->saved_ns >= w->conf.save_ns));
}

/*
 * Saves states that are due (@all: whatever changed), in one transaction that ends by
 * number or by time; goes on next time where it stopped.
 */
static int save_some(struct hr_writer *w, bool all, uint32_t *ret_saved)
{
	uint64_t now = hr_clock_mono_ns();
	uint64_t room = hr_turn_room(w);
	bool too_hot = !all && w->hot_bytes > room;
	uint32_t look = all ? w->hosts.n : hr_writer_look(w, SAVE_LOOK, &w->save_look_ns);
	struct hr_host *due[SAVE_AT_ONCE];
	bool saved[SAVE_AT_ONCE];
	uint32_t n = 0, n_saved = 0;
	int r = 0;

	*ret_saved = 0;
	for (; look > 0 && n < SAVE_AT_ONCE && r == 0; look--) {
		w->save_at = w->save_at + 1 < w->hosts.n ? w->save_at + 1 : 0;
		due[n] = w->hosts.by_no[w->save_at];
		if (!is_due_to_save(w, due[n], all, too_hot, now))
			continue;
		r = n == 0 ? hr_store_begin_lazy(w->store) : 0;
		r = r ? r : save_one(w, due[n], &saved[n]);
		n++;
		if (!all && hr_clock_mono_ns() >= now + SAVE_SLICE_NS)
			break;
	}
	if (n == 0)
		return 0;
	if (r == 0)
		r = w->store->ops->commit(w->store);
	if (r != 0) {
		w->store->ops->rollback(w->store);
		return r;
	}
	for (uint32_t i = 0; i < n; i++) {
		due[i]->saved_ns = now; /* or tried */
		if (!saved[i])
			continue;
		n_saved++;
		due[i]->upto = knows(w, due[i]);
		due[i]->unsaved_n = 0;
		if (w->hot_bytes > room)
			hr_turn_cool(w, due[i]);
	}
	*ret_saved = n_saved;
	hr_count(w->count, HR_COUNT_STATES_SAVED, n_saved);
	return 0;
}

/* Smallest n that some host's saved state lacks. */
static uint64_t first_unsaved(struct hr_writer *w)
{
	uint64_t n = w->scan_n ? w->scan_n : w->last_n + 1, now = hr_clock_mono_ns();

	/* it only rises: of a large fleet an older one does */
	if (w->hosts.n > FEW_HOSTS && w->first_unsaved && now - w->first_unsaved_ns < STATS_EVERY)
		return w->first_unsaved;
	for (uint32_t i = 0; i < w->hosts.n; i++) {
		uint64_t u = w->hosts.by_no[i]->unsaved_n;

		if (u != 0 && u < n)
			n = u;
	}
	w->first_unsaved = n;
	w->first_unsaved_ns = now;
	return n;
}

bool hr_writer_expire(struct hr_writer *w)
{
	uint64_t below = w->peers ? 0 : first_unsaved(w); /* shared: the store trims by states */
	uint64_t t = hr_clock_mono_ns(), end;
	uint32_t rows = 0, some;
	bool more = true;
	int r = hr_peers_begin_alone(w);

	end = hr_clock_mono_ns() + EXPIRE_SLICE_NS; /* not of who stores, who was waited for */
	while (r == 0 && more && hr_clock_mono_ns() < end) {
		some = 0;
		more = false;
		if (!w->peers)
			r = w->store->ops->trim_journal(w->store, below, TRIM_ROWS, &more);
		if (r == 0)
			r = hr_rollup_expire(w, below, EXPIRE_ROWS, &some);
		rows += some;
		more |= some >= EXPIRE_ROWS;
	}
	if (r == 0)
		r = w->store->ops->commit(w->store);
	hr_rollup_settle(w, r == 0);
	hr_writer_stall(w, HR_STEP_EXPIRY, t);
	if (r != 0) {
		w->store->ops->rollback(w->store);
		hr_writer_failed(w, r, "expiring windows");
		return false;
	}
	hr_count(w->count, HR_COUNT_EXPIRED, rows);
	return more;
}

void hr_writer_gauges(struct hr_writer *w)
{
	struct hr_store_stats st;

	atomic_store(&w->count->vm_bytes, w->hot_bytes);
	atomic_store(&w->count->hosts, w->hosts.n);
	atomic_store(&w->count->journal, w->peers ? 0 : w->last_n + 1 - first_unsaved(w));
	if (w->store->ops->stats(w->store, &st) != 0)
		return;
	atomic_store(&w->count->file_bytes, st.file_bytes);
	atomic_store(&w->count->wal_bytes, st.wal_bytes);
	atomic_store(&w->count->quarantined, st.quarantined);
	atomic_store(&w->count->collisions, st.collisions);
}

static void answer_some(struct hr_writer *w)
{
	uint64_t t = hr_clock_mono_ns();

	answer_due(w, false);
	hr_writer_stall(w, HR_STEP_SHOW, t);
}

static void list_some(struct hr_writer *w)
{
	uint64_t t = hr_clock_mono_ns();

	w->behind = hr_writer_list(w);
	hr_writer_stall(w, HR_STEP_SHOW, t);
}

static void gauge(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();

	if (now - w->stats_ns < STATS_EVERY)
		return;
	w->stats_ns = now;
	hr_writer_gauges(w);
	hr_writer_stall(w, HR_STEP_SHOW, now);
}

static void save(struct hr_writer *w)
{
	uint64_t t = hr_clock_mono_ns();
	uint32_t saved = 0;
	int r = save_some(w, false, &saved);

	hr_writer_stall(w, HR_STEP_SAVE, t);
	if (r != 0)
		hr_writer_failed(w, r, "saving model states");
}

static void expire_some(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();

	if (now >= w->next_expire_ns && atomic_load(&w->keeper))
		w->next_expire_ns = now + (hr_writer_expire(w) ? EXPIRE_EVERY : EXPIRE_IDLE);
}

static void roll_up(struct hr_writer *w)
{
	hr_peers_follow(w); /* just before the step, which takes late windows of others in */
	if (atomic_load(&w->keeper))
		w->behind |= hr_rollup_step(w);
}

void hr_writer_maintain(struct hr_writer *w)
{
	uint64_t t = hr_clock_mono_ns();
	int r = 0;

	if (atomic_load(&w->state) != HR_WRITER_FAILED)
		r = w->store->ops->maintain(w->store);
	hr_writer_stall(w, HR_STEP_LOG, t);
	if (r != 0)
		hr_writer_failed(w, r, "checkpoint");
}

/*
 * Between groups.  Each job is short, and no group that is due waits for more than one of them;
 * the next pass goes on with the job behind it.
 */
void hr_writer_upkeep(struct hr_writer *w)
{
	static void (*const job[])(struct hr_writer * w) = {
		answer_some, list_some, gauge, save, hr_writer_turns, expire_some, roll_up};
	const uint32_t n = sizeof(job) / sizeof(job[0]), shows = 3; /* without the store */
	bool behind = false;

	if (atomic_load(&w->state) != HR_WRITER_FAILED)
		(void)hr_writer_space_left(w); /* ready again, or not, without a POST */
	for (uint32_t i = 0; i < n; i++) {
		w->behind = false;
		if (atomic_load(&w->state) != HR_WRITER_FAILED || w->job_at < shows)
			job[w->job_at](w);
		w->job_at = (w->job_at + 1) % n;
		behind |= w->behind;
		if (hr_writer_is_due(w)) {
			behind |= i + 1 < n;
			break;
		}
	}
	w->behind = behind;
	hr_writer_maintain(w);
}

void hr_writer_upkeep_last(struct hr_writer *w)
{
	uint32_t saved;

	if (atomic_load(&w->state) == HR_WRITER_FAILED)
		return;
	do {
		if (save_some(w, true, &saved) != 0)
			return; /* the journal still has it all */
	} while (saved > 0);
	for (unsigned i = 0; i < TRIM_LAST && atomic_load(&w->keeper) && hr_writer_expire(w); i++)
		;
}
