// SPDX-License-Identifier: Apache-2.0
/* See follow.h. */
#include "collector/follow.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "collector/alerts.h"
#include "collector/auth.h"
#include "proto/base/clock.h"

struct hr_follow {
	struct hr_auth *auth;
	struct hr_alerts *alerts;
	pthread_t thread;
	pthread_mutex_t look; /* held during one */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	bool stop;
};

/* Waits a second; false: the end. */
static bool pause_1s(struct hr_follow *f)
{
	struct timespec until;
	bool go_on;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&f->lock);
	while (!f->stop && pthread_cond_timedwait(&f->wake, &f->lock, &until) != ETIMEDOUT)
		;
	go_on = !f->stop;
	pthread_mutex_unlock(&f->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct hr_follow *f = arg;

	while (pause_1s(f)) {
		pthread_mutex_lock(&f->look);
		hr_auth_follow(f->auth, hr_clock_wall_ms());
		hr_alerts_tick(f->alerts);
		pthread_mutex_unlock(&f->look);
	}
	return NULL;
}

struct hr_follow *hr_follow_start(struct hr_auth *auth, struct hr_alerts *alerts)
{
	struct hr_follow *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (!f)
		return NULL;
	f->auth = auth;
	f->alerts = alerts;
	pthread_mutex_init(&f->look, NULL);
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&f->thread, NULL, run, f) == 0)
		return f;
	free(f);
	return NULL;
}

bool hr_follow_try(struct hr_follow *f)
{
	return pthread_mutex_trylock(&f->look) == 0;
}

void hr_follow_let(struct hr_follow *f)
{
	pthread_mutex_unlock(&f->look);
}

void hr_follow_stop(struct hr_follow *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	pthread_mutex_destroy(&f->look);
	free(f);
}
