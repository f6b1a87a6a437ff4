/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd and signalfd inside curl_multi_poll; see loop.h. */
#include "agent/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/status.h"
#include "agent/trim.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/sdnotify.h"
#include "proto/cleanup.h"
#include "proto/limits.h"
#include "proto/units.h"

/* systemd gives 90 s, CONTRACT 5 s: the last POST gets this long. */
#define STOP_NS (4 * HR_NS_PER_S)

/* Without descriptors to wait for there is always the timer; this is only a net below it. */
#define WAIT_MAX_MS 60000

/* A notification also says STATUS=: a few a minute are enough. */
#define FEED_NS HR_WINDOW_NS

/* Ticks after which the start is over, and the first POST with it. */
#define TRIM_OPEN   3
#define TRIM_POSTED 25

enum {
	FD_TIMER,
	FD_SIGNAL,
	FD_N
};

struct run {
	const struct hr_loop *l;
	int fd[FD_N];
	int status_fd; /* < 0: none; see status.h */
	bool ready;
	uint64_t fed_ns; /* when the watchdog was */
	unsigned ticks;
	bool reload_failed;
	bool stop;
};

static int arm(int timer, uint64_t at_ns)
{
	const struct itimerspec when = {.it_value = {
						.tv_sec = (time_t)(at_ns / HR_NS_PER_S),
						.tv_nsec = (long)(at_ns % HR_NS_PER_S),
					}};

	return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

static int open_fds(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	r->fd[FD_SIGNAL] = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->fd[FD_SIGNAL] < 0)
		return -errno;
	r->fd[FD_TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->fd[FD_TIMER] < 0)
		return -errno;
	/* a time of 0 would disarm it */
	return arm(r->fd[FD_TIMER], hr_engine_next_ns(r->l->engine) | 1);
}

static void notify(const struct run *r, const char *state)
{
	struct hr_courier_status st;
	char text[256];

	hr_courier_status(r->l->courier, &st);
	(void)snprintf(text, sizeof text, "%s\nSTATUS=measuring; %u waiting, last POST %s%s", state,
		st.waiting, hr_ship_outcome_name(st.last),
		r->reload_failed ? "; the configuration file has an error, the old one is in use"
				 : "");
	(void)hr_sd_notify(text);
}

static void hand_on_facts(const struct run *r)
{
	struct hr_facts f;

	memcpy(&f, hr_engine_facts(r->l->engine), sizeof f);
	if (r->l->name[0])
		(void)snprintf(f.name, sizeof f.name, "%s", r->l->name);
	if (r->l->instance_type[0])
		(void)snprintf(f.instance_type, sizeof f.instance_type, "%s", r->l->instance_type);
	hr_courier_facts(r->l->courier, &f);
}

/*
 * One tick.  Progress is a folded tick, so only this feeds the watchdog: once in FEED_NS, and not
 * with each window, because a starved VM may take most of WatchdogSec for the tick that closes one.
 */
static void tick(struct run *r)
{
	const struct hr_summary *s = NULL;
	int e = hr_engine_tick(r->l->engine, &s);
	uint64_t now = hr_clock_mono_ns();

	if (e < 0)
		hr_log(HR_LOG_ERR, "tick-failed", "reason=\"%s\"", strerror(-e));
	if (!r->ready || e == 1)
		hand_on_facts(r); /* before the window: it is of the facts' epoch or an older one */
	if (e == 1)
		hr_courier_window(r->l->courier, s);
	if (e == 1 && r->status_fd >= 0)
		(void)hr_status_write(r->status_fd, hr_engine_status(r->l->engine));
	if (!r->ready || (e >= 0 && now - r->fed_ns >= FEED_NS)) {
		notify(r, r->ready ? "WATCHDOG=1" : "READY=1");
		r->fed_ns = now;
	}
	r->ready = true;
	if (++r->ticks == TRIM_OPEN || r->ticks == TRIM_POSTED)
		hr_trim_memory();
	if (r->ticks == TRIM_POSTED && !hr_stay_in_memory())
		hr_log(HR_LOG_NOTICE, "not-locked",
			"why=\"%s\" todo=\"LimitMEMLOCK=infinity: else windows may be lost where "
			"memory "
			"is short\"",
			strerror(errno));
	(void)arm(r->fd[FD_TIMER], hr_engine_next_ns(r->l->engine) | 1);
	hr_courier_work(r->l->courier);
}

static void reload(struct run *r)
{
	char err[512] = "";
	int e;

	notify(r, "RELOADING=1");
	e = r->l->reload(r->l->reload_arg, err);
	r->reload_failed = e < 0;
	if (e < 0)
		hr_log(HR_LOG_ERR, "reload-refused",
			"why=\"%s\" todo=\"the old configuration stays\"", err);
	else
		hr_log(HR_LOG_NOTICE, "reloaded", "%s", err[0] ? err : "ok");
	notify(r, "READY=1");
}

static void take_signals(struct run *r)
{
	struct signalfd_siginfo si;

	while (read(r->fd[FD_SIGNAL], &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGHUP)
			reload(r);
		else
			r->stop = true;
	}
}

/* The open window, then one last POST for a bounded time; what is left waits on disk. */
static void finish(struct run *r)
{
	const struct hr_summary *s;
	uint64_t end = hr_clock_mono_ns() + STOP_NS;
	struct hr_courier_status before, now;

	notify(r, "STOPPING=1");
	if (hr_engine_flush(r->l->engine, &s) == 1) {
		hand_on_facts(r);
		hr_courier_window(r->l->courier, s);
	}
	hr_courier_status(r->l->courier, &before);
	hr_courier_hurry(r->l->courier);
	hr_courier_work(r->l->courier);
	while (hr_courier_busy(r->l->courier) && hr_clock_mono_ns() < end) {
		uint64_t left_ms = hr_ns_to_ms(end - hr_clock_mono_ns());

		(void)hr_ship_wait(hr_courier_ship(r->l->courier), NULL, 0, (int)left_ms + 1);
		if (!hr_courier_busy(r->l->courier))
			break;
	}
	hr_courier_end(r->l->courier);
	hr_courier_status(r->l->courier, &now);
	hr_log(HR_LOG_NOTICE, "stopped", "sent=%llu waiting=%u",
		(unsigned long long)(now.durable - before.durable), now.waiting);
}

int hr_loop_run(const struct hr_loop *l)
{
	struct run r = {.l = l, .fd = {-1, -1}, .status_fd = -1};
	int e = open_fds(&r);

	if (l->state && l->state[0]) /* without it doctor knows less, and that is all */
		r.status_fd = hr_status_open(l->state);

	while (e == 0 && !r.stop) {
		unsigned ready = hr_ship_wait(hr_courier_ship(l->courier), r.fd, FD_N, WAIT_MAX_MS);
		uint64_t expired;

		if (ready & 1u << FD_SIGNAL)
			take_signals(&r);
		if (ready & 1u << FD_TIMER &&
			read(r.fd[FD_TIMER], &expired, sizeof expired) == (ssize_t)sizeof expired)
			tick(&r);
	}
	if (e == 0)
		finish(&r);
	hr_status_close(r.status_fd);
	hr_closep(&r.fd[FD_TIMER]);
	hr_closep(&r.fd[FD_SIGNAL]);
	return e;
}
