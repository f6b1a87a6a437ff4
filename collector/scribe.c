// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that makes documents which take longer than an acknowledgement may wait.  It reads the
 * board only, as HTTP threads do; requests wait suspended, in order.  Between them it makes pages
 * of the fleet before they are asked for (lists.c).
 */
#include <errno.h>
#include <time.h>

#include "collector/serve_private.h"
#include "proto/base/clock.h"
#include "proto/units.h"

#define LOOK_NS (250 * HR_NS_PER_MS)

/* Waits for work, for a quarter of a second while pages are kept.  False: the end. */
static bool next(struct hr_scribe *b, struct hr_work **ret_work)
{
	uint64_t end = hr_clock_mono_ns() + LOOK_NS;
	struct timespec until = {
		.tv_sec = (time_t)(end / HR_NS_PER_S), .tv_nsec = (long)(end % HR_NS_PER_S)};
	struct hr_work *k;
	bool go_on;

	pthread_mutex_lock(&b->lock);
	while (!b->first && !b->stop) {
		if (!b->watching)
			pthread_cond_wait(&b->wake, &b->lock);
		else if (pthread_cond_timedwait(&b->wake, &b->lock, &until) == ETIMEDOUT)
			break;
	}
	k = b->first;
	if (k)
		b->first = k->next;
	if (!b->first)
		b->last = &b->first;
	go_on = k || !b->stop;
	pthread_mutex_unlock(&b->lock);
	*ret_work = k;
	return go_on;
}

static void make(struct hr_request *r, enum hr_work_kind kind)
{
	if (kind == HR_WORK_METRICS)
		hr_metrics_make(r);
	else if (kind == HR_WORK_LIST)
		hr_lists_make(r);
}

static void look(struct hr_scribe *b)
{
	bool watching;

	pthread_mutex_lock(&b->lock);
	watching = b->watching;
	b->watching = false; /* a page that is put from here on sets it again */
	pthread_mutex_unlock(&b->lock);
	if (watching && hr_lists_again(b->serve))
		hr_scribe_watch(b);
}

static void *run(void *arg)
{
	struct hr_scribe *b = arg;
	struct hr_work *k;

	(void)pthread_setname_np(pthread_self(), "scribe");
	while (next(b, &k)) {
		if (k) {
			make((struct hr_request *)k, k->kind); /* the union is its first member */
			k->done(k);
		}
		look(b);
	}
	return NULL;
}

void hr_scribe_init(struct hr_scribe *b, struct hr_serve *s)
{
	pthread_condattr_t attr;

	b->serve = s;
	b->last = &b->first;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->wake, &attr);
	pthread_condattr_destroy(&attr);
}

void hr_scribe_watch(struct hr_scribe *b)
{
	pthread_mutex_lock(&b->lock);
	if (!b->watching)
		pthread_cond_signal(&b->wake);
	b->watching = true;
	pthread_mutex_unlock(&b->lock);
}

int hr_scribe_start(struct hr_scribe *b)
{
	int r = pthread_create(&b->thread, NULL, run, b);

	b->started = r == 0;
	return -r;
}

void hr_scribe_submit(struct hr_scribe *b, struct hr_work *k)
{
	pthread_mutex_lock(&b->lock);
	k->next = NULL;
	*b->last = k;
	b->last = &k->next;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
}

void hr_scribe_done(struct hr_scribe *b)
{
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->wake);
	pthread_mutex_unlock(&b->lock);
	if (b->started)
		pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->wake);
	pthread_mutex_destroy(&b->lock);
}
