// SPDX-License-Identifier: Apache-2.0
/*
 * The writer's thread.  It sleeps until there is work or a second has passed;
 * after a first POST it waits the group time for more.  Between groups it does
 * what upkeep.c has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "collector/core/answer_pack.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"

struct hr_vm *hr_writer_vm(struct hr_writer *w, struct hr_host *host)
{
	struct hr_model_conf c;

	if (!host->vm)
		host->vm = hr_vm_new(hr_writer_model(w, host, &c));
	return host->vm;
}

const struct hr_model_conf *hr_writer_model(
	const struct hr_writer *w, const struct hr_host *host, struct hr_model_conf *room)
{
	if (!host->rules)
		return &w->conf.model;
	*room = w->conf.model;
	hr_host_rules_apply(&w->conf.rules, host->rules, room);
	return room;
}

void hr_writer_know(const struct hr_writer *w, struct hr_host *host)
{
	uint64_t rules = hr_host_rules_of(&w->conf.rules, host->name);
	struct hr_model_conf c;

	if (rules == host->rules)
		return;
	host->rules = rules;
	if (host->vm)
		hr_vm_reconfigure(host->vm, hr_writer_model(w, host, &c));
}

struct hr_vm *hr_writer_state_vm(const struct hr_writer *w, const struct hr_host *host,
	const struct hr_store_state *s, bool *ret_no_memory)
{
	size_t part = hr_part_len(s->bytes, s->len);
	struct hr_model_conf c;

	return hr_vm_decode(hr_writer_model(w, host, &c), (const unsigned char *)s->bytes + part,
		s->len - part, ret_no_memory);
}

bool hr_writer_feed_facts(
	struct hr_writer *w, struct hr_host *host, const void *facts, size_t len, uint64_t at_ms)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	if (!vm || hr_wire_decode_facts(w->arena, facts, len, w->facts_scratch) != HR_WIRE_OK)
		return false;
	hr_vm_facts(vm, w->facts_scratch, at_ms);
	hr_writer_answer_soon(w, host);
	return true;
}

bool hr_writer_window(
	struct hr_writer *w, const struct hr_store_row *row, int64_t offset_ms, bool checked)
{
	if (!(checked ? hr_wire_decode_again(w->arena, row->body, row->len, w->summary)
		      : hr_wire_decode_summary(w->arena, row->body, row->len, w->summary) ==
				    HR_WIRE_OK))
		return false;
	w->summary->t_end_ms += (uint64_t)offset_ms; /* checked when it was stored */
	/* stored under another offset, or as of its arrival: the row knows */
	if (w->summary->t_end_ms / HR_STORE_SLOT_MS != row->slot)
		w->summary->t_end_ms = (row->slot + 1) * HR_STORE_SLOT_MS - 1;
	return true;
}

bool hr_writer_feed(struct hr_writer *w, struct hr_host *host, const struct hr_store_row *row,
	int64_t offset_ms, bool checked)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	if (!vm || !hr_writer_window(w, row, offset_ms, checked))
		return false;
	hr_vm_add(vm, w->summary);
	hr_turn_weigh(w, host);
	hr_writer_answer_soon(w, host);
	return true;
}

void hr_writer_failed(struct hr_writer *w, int result, const char *doing)
{
	enum hr_writer_state state = result == HR_STORE_FULL   ? HR_WRITER_DISK_FULL
				     : result == HR_STORE_BUSY ? HR_WRITER_FOREIGN
				     : result == HR_STORE_AWAY ? HR_WRITER_AWAY
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
			"free space or lower windows= in [retention]",
			doing, hr_store_error(w->store));
	else if (state == HR_WRITER_FOREIGN)
		hr_log(HR_LOG_ERR, "foreign_writer",
			"%s: %s; another program writes to the database: stop it (readers use "
			"mode=ro); windows are refused until then",
			doing, hr_store_error(w->store));
	else if (state == HR_WRITER_AWAY)
		hr_log(HR_LOG_ERR, "database_away",
			"%s: %s; windows are refused with 503 (agents keep them), answers go on, "
			"and it is tried again; see to the server of database= in [collector]",
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
bool hr_writer_space_left(struct hr_writer *w)
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

static struct timespec at_ns(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / HR_NS_PER_S), .tv_nsec = (long)(ns % HR_NS_PER_S)};
}

/* A store that cannot give one state back keeps every model in memory. */
static void take_conf(struct hr_writer *w, const struct hr_writer_conf *conf)
{
	w->conf = *conf;
	if (!w->store->ops->state)
		w->conf.model_bytes = 0;
}

static bool is_due(const struct hr_writer *w, uint64_t now)
{
	return w->stop || w->asked || (w->first && now >= w->first_ns + w->conf.group_ns);
}

bool hr_writer_is_due(struct hr_writer *w)
{
	bool due;

	pthread_mutex_lock(&w->lock);
	due = is_due(w, hr_clock_mono_ns());
	pthread_mutex_unlock(&w->lock);
	return due;
}

/*
 * Waits for work, then for the group to fill, unless upkeep can use that time.  The queue is taken
 * whole; false: stop and it is empty.
 */
static bool next_work(struct hr_writer *w, struct hr_work **ret_list)
{
	struct timespec until;
	bool go_on;

	pthread_mutex_lock(&w->lock);
	/* with work left over only long enough to see whether there is a POST */
	until = at_ns(hr_clock_mono_ns() + (w->behind ? HR_NS_PER_MS : HR_NS_PER_S));
	while (!w->first && !w->stop &&
		pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
		;
	until = at_ns(w->first_ns + w->conf.group_ns);
	while (w->first && !w->behind && !is_due(w, hr_clock_mono_ns()))
		(void)pthread_cond_timedwait(&w->wake, &w->lock, &until);
	*ret_list = NULL;
	if (is_due(w, hr_clock_mono_ns())) {
		*ret_list = w->first;
		w->first = NULL;
		w->last = &w->first;
		w->asked = false;
	}
	go_on = !w->stop || *ret_list;
	if (w->has_new_conf) {
		struct hr_model_conf model = w->conf.model;
		struct hr_host_rules rules = w->conf.rules;
		const char *dir = w->conf.state_dir;

		take_conf(w, &w->new_conf);
		w->conf.model = model;
		w->conf.rules = rules;
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

	if (atomic_load(&w->state) == HR_WRITER_FAILED || !hr_writer_space_left(w)) {
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
		if (group && list)
			hr_writer_maintain(w);
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
	hr_writer_upkeep(w);
}

static void *run(void *arg)
{
	struct hr_writer *w = arg;
	struct hr_work *list;

	(void)pthread_setname_np(pthread_self(), "writer"); /* as ps and top show it */
	while (next_work(w, &list))
		hr_writer_step(w, list);
	hr_writer_upkeep_last(w);
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
	w->store = store;
	take_conf(w, conf);
	w->count = counters;
	w->board = board;
	w->last = &w->first;
	w->due_end = &w->due;
	atomic_store(&w->keeper, !store->shared);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	w->row = calloc(HR_GROUP_ROWS + HR_BATCH_MAX, sizeof(*w->row));
	w->arena = malloc(sizeof(*w->arena));
	w->summary = malloc(sizeof(*w->summary));
	w->facts_scratch = malloc(sizeof(*w->facts_scratch));
	w->answer = calloc(1, sizeof(*w->answer));
	w->pack_room = malloc(HR_ANSWER_PACK_MAX);
	w->state_room = malloc(HR_PART_MAX + HR_STATE_MAX);
	w->part = calloc(1, sizeof(*w->part));
	if (!w->row || !w->arena || !w->summary || !w->facts_scratch || !w->answer ||
		!w->pack_room || !w->state_room || !w->part ||
		hr_hosts_init(&w->hosts, conf->max_hosts) < 0 || !hr_peers_open(&w->peers, store)) {
		snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
		hr_writer_close(w);
		return NULL;
	}
	if (hr_recover(w, error) != 0) {
		hr_writer_close(w);
		return NULL;
	}
	hr_writer_gauges(w);
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
	hr_writer_list_done(w);
	hr_orders_done(&w->orders);
	if (w->hosts.slot)
		hr_hosts_done(&w->hosts);
	free(w->row);
	free(w->facts);
	free(w->touched);
	free(w->arena);
	free(w->summary);
	free(w->facts_scratch);
	free(w->answer);
	free(w->pack_room);
	free(w->state_room);
	if (w->part)
		hr_part_done(w->part);
	free(w->part);
	hr_rollup_close(w->rollup);
	hr_peers_close(w->peers);
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
	if (w->first == work)
		w->first_ns = hr_clock_mono_ns();
	w->asked |= work->kind != HR_WORK_POST;
	/* waking it for every further POST of a group would only cost switches */
	if (w->first == work || work->kind != HR_WORK_POST)
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
