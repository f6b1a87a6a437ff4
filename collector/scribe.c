// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that makes documents which take longer than an acknowledgement may wait.  It reads the
 * board only, as HTTP threads do; requests wait suspended, in order.
 */
#include <errno.h>

#include "collector/serve_private.h"

static struct hr_work *next(struct hr_scribe *b)
{
	struct hr_work *k;

	pthread_mutex_lock(&b->lock);
	while (!b->first && !b->stop)
		pthread_cond_wait(&b->wake, &b->lock);
	k = b->first;
	if (k)
		b->first = k->next;
	if (!b->first)
		b->last = &b->first;
	pthread_mutex_unlock(&b->lock);
	return k;
}

static void *run(void *arg)
{
	struct hr_scribe *b = arg;
	struct hr_work *k;

	while ((k = next(b)) != NULL) {
		hr_metrics_make((struct hr_request *)k); /* the union is its first member */
		k->done(k);
	}
	return NULL;
}

void hr_scribe_init(struct hr_scribe *b)
{
	b->last = &b->first;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->wake, NULL);
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
