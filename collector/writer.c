// SPDX-License-Identifier: Apache-2.0
/*
 * The writer's thread.  It sleeps until there is work or a second has passed;
 * after a first POST it waits the group time for more.  Between groups, and
 * never inside one: answers, saved states, expiry, checkpoint.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define EXPIRE_ROWS    1000               /* per transaction: it delays the next group */
#define EXPIRE_EVERY   (2 * HR_NS_PER_S)  /* 500 rows/s: 5000 hosts at 10 s */
#define EXPIRE_IDLE    (30 * HR_NS_PER_S) /* nothing was left over last time */
#define STATS_EVERY    (5 * HR_NS_PER_S)
#define SAVE_AT_ONCE   64                /* states per transaction */
#define STATE_MAX      (4 * 1024 * 1024) /* bytes of one host's state, refused above */
#define CLONE_SHOWN_MS (3600 * 1000ULL)  /* an hour without evidence ends the doubt */

struct hr_vm *hr_writer_vm(struct hr_writer *w, struct hr_host *host)
{
	if (!host->vm)
		host->vm = hr_vm_new(&w->conf.model);
	return host->vm;
}

bool hr_writer_feed_facts(
	struct hr_writer *w, struct hr_host *host, const void *facts, size_t len, uint64_t at_ms)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	if (!vm || hr_wire_decode_facts(w->arena, facts, len, w->facts_scratch) != HR_WIRE_OK)
		return false;
	hr_vm_facts(vm, w->facts_scratch, at_ms);
	host->answer_due = true;
	return true;
}

bool hr_writer_feed(struct hr_writer *w, struct hr_host *host, const struct hr_store_row *row,
	int64_t offset_ms)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	if (!vm || hr_wire_decode_summary(w->arena, row->body, row->len, w->summary) != HR_WIRE_OK)
		return false;
	w->summary->t_end_ms += (uint64_t)offset_ms; /* checked when it was stored */
	/* stored under another offset, or as of its arrival: the row knows */
	if (w->summary->t_end_ms / HR_STORE_SLOT_MS != row->slot)
		w->summary->t_end_ms = (row->slot + 1) * HR_STORE_SLOT_MS - 1;
	hr_vm_add(vm, w->summary);
	host->answer_due = true;
	return true;
}

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
		"/etc/machine-id), then restart its agent.");
	if (a->n_missing == HR_ANS_MISSING_MAX)
		a->n_missing--;
	a->missing[a->n_missing] = (struct hr_missing){0};
	snprintf(a->missing[a->n_missing++].evidence, sizeof(a->missing[0].evidence),
		"identity: one host id for one machine");
}

void hr_writer_answer(struct hr_writer *w, struct hr_host *host)
{
	uint64_t now = hr_clock_wall_ms();
	struct hr_vm *vm = hr_writer_vm(w, host);
	struct hr_answer *a = vm ? calloc(1, sizeof(*a)) : NULL;
	struct hr_view *v;

	if (!a)
		return; /* the answer before stays; tried again with the next window */
	hr_vm_answer(vm, host->name, now, a);
	hr_host_id_print(host->id, a->host_id);
	if (host->clone_ms && now < host->clone_ms + CLONE_SHOWN_MS)
		deny_for_clone(a);
	v = hr_view_new(host->no, a, host->heard_ms);
	if (!v)
		return;
	hr_view_unref(host->view);
	host->view = v;
	host->answer_due = false;
	host->answered_ns = hr_clock_mono_ns();
	w->views_changed = true;
	hr_count(w->count, HR_COUNT_ANSWERS, 1);
}

void hr_writer_publish(struct hr_writer *w)
{
	struct hr_snapshot *s = hr_snapshot_new(w->hosts.n);
	uint32_t n = 0;

	if (!s)
		return;
	for (uint32_t i = 0; i < w->hosts.n; i++) {
		if (w->hosts.by_no[i]->view)
			s->view[n++] = hr_view_ref(w->hosts.by_no[i]->view);
	}
	s->n = n;
	hr_board_put(w->board, s);
	w->views_changed = false;
}

void hr_writer_failed(struct hr_writer *w, int result, const char *doing)
{
	enum hr_writer_state state = result == HR_STORE_FULL   ? HR_WRITER_DISK_FULL
				     : result == HR_STORE_BUSY ? HR_WRITER_FOREIGN
							       : HR_WRITER_FAILED;

	hr_count(w->count, HR_COUNT_COMMITS_FAILED, 1);
	if (atomic_load(&w->state) == HR_WRITER_FAILED)
		return;
	w->full_in_store = state == HR_WRITER_DISK_FULL;
	if (atomic_exchange(&w->state, state) == (int)state)
		return; /* said already */
	if (state == HR_WRITER_DISK_FULL)
		hr_log(HR_LOG_ERR, "disk_full",
			"%s: %s; windows are refused with 503 (agents keep them), answers go on; "
			"free space or lower windows= in [keep]",
			doing, hr_store_error(w->store));
	else if (state == HR_WRITER_FOREIGN)
		hr_log(HR_LOG_ERR, "foreign_writer",
			"%s: %s; another program writes to the database: stop it (readers use "
			"mode=ro); windows are refused until then",
			doing, hr_store_error(w->store));
	else
		hr_log(HR_LOG_ERR, "store_failed",
			"%s: %s; nothing more is acknowledged, the collector ends for a clean "
			"start",
			doing, hr_store_error(w->store));
}

void hr_writer_stored(struct hr_writer *w)
{
	int state = atomic_load(&w->state);

	if (state == HR_WRITER_OK || state == HR_WRITER_FAILED)
		return;
	w->full_in_store = false;
	atomic_store(&w->state, HR_WRITER_OK);
	hr_log(HR_LOG_NOTICE, "storing_again", "ok");
}

/* Below the reserve nothing is taken: expiring rows needs log space too. */
static bool space_left(struct hr_writer *w)
{
	struct statvfs v;

	if (!w->conf.state_dir || statvfs(w->conf.state_dir, &v) < 0)
		return true;
	if ((uint64_t)v.f_bavail * v.f_frsize >= w->conf.reserve_bytes) {
		if (atomic_load(&w->state) == HR_WRITER_DISK_FULL && !w->full_in_store) {
			hr_log(HR_LOG_NOTICE, "disk_space", "back above the reserve");
			atomic_store(&w->state, HR_WRITER_OK);
		}
		return true;
	}
	if (atomic_load(&w->state) == HR_WRITER_OK) {
		hr_log(HR_LOG_ERR, "disk_full",
			"free=%" PRIu64 " reserve=%" PRIu64
			": windows are refused with 503 (agents keep them), answers go on; free "
			"space, or lower reserve= in [limits]",
			(uint64_t)v.f_bavail * v.f_frsize, w->conf.reserve_bytes);
		atomic_store(&w->state, HR_WRITER_DISK_FULL);
	}
	return false;
}

static int save_one(struct hr_writer *w, struct hr_host *host)
{
	size_t len = hr_vm_encode(host->vm, NULL, 0);
	void *buf = len <= STATE_MAX ? malloc(len) : NULL;
	int r;

	if (!buf)
		return 0; /* stays unsaved, so its windows stay in the journal */
	len = hr_vm_encode(host->vm, buf, len);
	r = w->store->ops->put_state(w->store,
		&(struct hr_store_state){
			.host_no = host->no, .upto = w->last_n, .bytes = buf, .len = len});
	free(buf);
	return r;
}

/* Saves up to SAVE_AT_ONCE states that are due (@all: whatever changed), in one transaction. */
static int save_some(struct hr_writer *w, bool all, uint32_t *ret_saved)
{
	uint64_t now = hr_clock_mono_ns();
	struct hr_host *due[SAVE_AT_ONCE];
	uint32_t n = 0;
	int r;

	for (uint32_t i = 0; i < w->hosts.n && n < SAVE_AT_ONCE; i++) {
		struct hr_host *host = w->hosts.by_no[i];

		if (host->vm && host->unsaved_n && host->is_stored &&
			(all || now - host->saved_ns >= w->conf.save_ns))
			due[n++] = host;
	}
	*ret_saved = n;
	if (n == 0)
		return 0;
	r = w->store->ops->begin(w->store);
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = save_one(w, due[i]);
	if (r == 0)
		r = w->store->ops->commit(w->store);
	if (r != 0) {
		w->store->ops->rollback(w->store);
		return r;
	}
	for (uint32_t i = 0; i < n; i++) {
		due[i]->saved_ns = now;
		due[i]->upto = w->last_n;
		due[i]->unsaved_n = 0;
	}
	hr_count(w->count, HR_COUNT_STATES_SAVED, n);
	return 0;
}

/* Smallest n that some host's saved state lacks. */
static uint64_t first_unsaved(const struct hr_writer *w)
{
	uint64_t n = w->last_n + 1;

	for (uint32_t i = 0; i < w->hosts.n; i++) {
		uint64_t u = w->hosts.by_no[i]->unsaved_n;

		if (u != 0 && u < n)
			n = u;
	}
	return n;
}

/* Trims the journal and removes a chunk of old rows.  True: there may be more. */
static bool expire(struct hr_writer *w)
{
	uint64_t keep_from = (hr_clock_wall_ms() - w->conf.windows_ms) / HR_STORE_SLOT_MS;
	uint64_t below = first_unsaved(w);
	uint32_t rows = 0;
	int r = w->store->ops->begin(w->store);

	if (r == 0)
		r = w->store->ops->trim_journal(w->store, below);
	if (r == 0)
		r = w->store->ops->expire(w->store, keep_from, below, EXPIRE_ROWS, &rows);
	if (r == 0)
		r = w->store->ops->commit(w->store);
	if (r != 0) {
		w->store->ops->rollback(w->store);
		hr_writer_failed(w, r, "expiring windows");
		return false;
	}
	hr_count(w->count, HR_COUNT_EXPIRED, rows);
	return rows >= EXPIRE_ROWS;
}

static void answer_due(struct hr_writer *w, uint64_t now)
{
	for (uint32_t i = 0; i < w->hosts.n; i++) {
		struct hr_host *host = w->hosts.by_no[i];

		if (host->answer_due && host->is_stored &&
			(!host->view || now - host->answered_ns >= w->conf.answer_ns))
			hr_writer_answer(w, host);
	}
	if (w->views_changed)
		hr_writer_publish(w);
}

static void gauges(struct hr_writer *w)
{
	struct hr_store_stats st;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < w->hosts.n; i++)
		bytes += w->hosts.by_no[i]->vm ? hr_vm_bytes(w->hosts.by_no[i]->vm) : 0;
	atomic_store(&w->count->vm_bytes, bytes);
	atomic_store(&w->count->hosts, w->hosts.n);
	atomic_store(&w->count->journal, w->last_n + 1 - first_unsaved(w));
	if (w->store->ops->stats(w->store, &st) != 0)
		return;
	atomic_store(&w->count->file_bytes, st.file_bytes);
	atomic_store(&w->count->wal_bytes, st.wal_bytes);
	atomic_store(&w->count->quarantined, st.quarantined);
	atomic_store(&w->count->collisions, st.collisions);
}

/* Between groups.  Each step is short, so that no acknowledgement waits long behind it. */
static void upkeep(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();
	uint32_t saved = 0;
	int r;

	answer_due(w, now);
	if (now - w->stats_ns >= STATS_EVERY) {
		w->stats_ns = now;
		gauges(w);
	}
	if (atomic_load(&w->state) == HR_WRITER_FAILED)
		return;
	(void)space_left(w); /* ready again, or not, without a POST to find out */
	r = save_some(w, false, &saved);
	if (r != 0)
		hr_writer_failed(w, r, "saving model states");
	else if (now >= w->next_expire_ns)
		w->next_expire_ns = now + (expire(w) ? EXPIRE_EVERY : EXPIRE_IDLE);
	r = w->store->ops->maintain(w->store);
	if (r != 0)
		hr_writer_failed(w, r, "checkpoint");
}

static void deadline_in(uint64_t ns, struct timespec *ts)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ns += (uint64_t)ts->tv_nsec;
	ts->tv_sec += (time_t)(ns / HR_NS_PER_S);
	ts->tv_nsec = (long)(ns % HR_NS_PER_S);
}

/* Waits for work, then for the group to fill.  The queue is taken whole; false: stop and it is
 * empty. */
static bool next_work(struct hr_writer *w, struct hr_work **ret_list)
{
	struct timespec until;
	bool go_on;

	pthread_mutex_lock(&w->lock);
	deadline_in(HR_NS_PER_S, &until);
	while (!w->first && !w->stop &&
		pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
		;
	if (w->first && !w->stop && w->conf.group_ns > 0) {
		deadline_in(w->conf.group_ns, &until);
		while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
			;
	}
	*ret_list = w->first;
	w->first = NULL;
	w->last = &w->first;
	go_on = !w->stop || *ret_list;
	if (w->has_new_conf) {
		struct hr_model_conf model = w->conf.model;
		const char *dir = w->conf.state_dir;

		w->conf = w->new_conf;
		w->conf.model = model;
		w->conf.state_dir = dir;
		w->has_new_conf = false;
	}
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void run_group(struct hr_writer *w, struct hr_work *posts)
{
	static const struct hr_refusal not_now = {
		503, "store", "The collector cannot store at the moment; send it again.", 30};

	if (atomic_load(&w->state) == HR_WRITER_FAILED || !space_left(w)) {
		for (struct hr_work *k = posts; k; k = k->next) {
			struct hr_post *p = (struct hr_post *)k;

			p->refused = not_now;
			hr_count(w->count, HR_COUNT_RECEIVED, p->n_rows);
			hr_count(w->count, HR_COUNT_REFUSED_STORE, p->n_rows);
		}
	} else {
		hr_group_run(w, posts);
	}
	while (posts) {
		struct hr_work *next = posts->next; /* done() gives the memory back */

		posts->done(posts);
		posts = next;
	}
}

/* POSTs of @list in groups of at most HR_GROUP_ROWS windows; questions after them. */
static void run_all(struct hr_writer *w, struct hr_work *list)
{
	struct hr_work *asks = NULL, **ask_end = &asks;

	while (list) {
		struct hr_work *group = NULL, **end = &group;
		uint32_t rows = 0;

		while (list && rows < HR_GROUP_ROWS) {
			struct hr_work *k = list;

			list = k->next;
			k->next = NULL;
			if (k->kind == HR_WORK_POST) {
				rows += ((struct hr_post *)k)->n_rows;
				*end = k;
				end = &k->next;
			} else {
				*ask_end = k;
				ask_end = &k->next;
			}
		}
		if (group)
			run_group(w, group);
	}
	while (asks) {
		struct hr_work *next = asks->next;

		hr_ask_run(w, (struct hr_ask *)asks);
		asks->done(asks);
		asks = next;
	}
}

void hr_writer_step(struct hr_writer *w, struct hr_work *list)
{
	run_all(w, list);
	upkeep(w);
}

static void *run(void *arg)
{
	struct hr_writer *w = arg;
	struct hr_work *list;
	uint32_t saved;

	while (next_work(w, &list))
		hr_writer_step(w, list);
	if (atomic_load(&w->state) == HR_WRITER_FAILED)
		return NULL;
	do {
		if (save_some(w, true, &saved) != 0)
			return NULL; /* the journal still has it all */
	} while (saved > 0);
	(void)expire(w);
	return NULL;
}

struct hr_writer *hr_writer_open(const struct hr_writer_conf *conf, struct hr_store *store,
	struct hr_counters *counters, struct hr_board *board, char error[HR_STORE_ERROR_LEN])
{
	struct hr_writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w) {
		store->ops->close(store);
		snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
		return NULL;
	}
	w->conf = *conf;
	w->store = store;
	w->count = counters;
	w->board = board;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	w->row = calloc(HR_GROUP_ROWS + HR_BATCH_MAX, sizeof(*w->row));
	w->arena = malloc(sizeof(*w->arena));
	w->summary = malloc(sizeof(*w->summary));
	w->facts_scratch = malloc(sizeof(*w->facts_scratch));
	if (!w->row || !w->arena || !w->summary || !w->facts_scratch ||
		hr_hosts_init(&w->hosts, conf->max_hosts) < 0) {
		snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
		hr_writer_close(w);
		return NULL;
	}
	if (hr_recover(w, error) != 0) {
		hr_writer_close(w);
		return NULL;
	}
	gauges(w);
	return w;
}

int hr_writer_start(struct hr_writer *w)
{
	int r = pthread_create(&w->thread, NULL, run, w);

	w->started = r == 0;
	return -r;
}

void hr_writer_stop(struct hr_writer *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->started = false;
}

void hr_writer_close(struct hr_writer *w)
{
	if (!w)
		return;
	w->store->ops->close(w->store);
	if (w->hosts.slot)
		hr_hosts_done(&w->hosts);
	free(w->row);
	free(w->facts);
	free(w->touched);
	free(w->arena);
	free(w->summary);
	free(w->facts_scratch);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void hr_writer_submit(struct hr_writer *w, struct hr_work *work)
{
	pthread_mutex_lock(&w->lock);
	work->next = NULL;
	*w->last = work;
	w->last = &work->next;
	/* waking it for every further POST of a group would only cost switches */
	if (w->first == work)
		pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

enum hr_writer_state hr_writer_state(const struct hr_writer *w)
{
	return (enum hr_writer_state)atomic_load(&w->state);
}

void hr_writer_reconfigure(struct hr_writer *w, const struct hr_writer_conf *conf)
{
	pthread_mutex_lock(&w->lock);
	w->new_conf = *conf;
	w->has_new_conf = true;
	pthread_mutex_unlock(&w->lock);
}
