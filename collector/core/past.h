/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM's stored windows say in hindsight: headroom over time, and the tightest
 * minute with its bursts.  Every minute is judged as the model would judge it now, with
 * the limits it has learned since; the model itself is not changed.
 *
 * Windows come in order of time (an older one than the open minute is evidence of its
 * own, as in vm.c).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/core/growth.h"
#include "collector/core/minute.h"
#include "collector/core/vm.h"

/* Least of the minutes that ended in a step; a minute without a claim does not count. */
struct hr_past_step {
	struct hr_opt at_least, likely;
};

/* Which thread has been the serial candidate, and since when. */
struct hr_serial_watch {
	uint32_t pid, tid;
	uint64_t since_ms, last_ms;
};

/* The bursts of one minute: how its ~8 ms slots and its work were distributed. */
struct hr_past_bursts {
	uint64_t from_ms, to_ms; /* 0: no minute yet */
	struct hr_bounds headroom;
	enum hr_resource binding; /* NONE: nothing decides */
	char device[HR_NAME_LEN];
	uint32_t cpus;
	uint64_t have;            /* signals of every window of it */
	uint64_t slot_n, busy_n;  /* slots, and those in which every CPU was busy */
	struct hr_hist busy;      /* permille of a CPU in a slot */
	struct hr_hist busy_1s;   /* the same over a second */
	struct hr_hist runnable;  /* running + waiting tasks x 1000 in a slot */
	struct hr_hist burst_cpu; /* us */
	struct hr_hist burst_wait;
};

struct hr_past {
	const struct hr_vm *vm; /* not changed */
	uint64_t from_ms, step_ms;
	size_t n;
	struct hr_past_step *step;   /* [n], the caller's, zeroed */
	struct hr_past_bursts tight; /* least at_least, else least likely, of the steps */
	/* inside */
	struct hr_minute minute;
	uint64_t minute_no;
	struct hr_serial_watch serial;
	struct hr_past_bursts open;
	bool has_growth; /* of memory with load, as it is known now */
	struct hr_growth growth;
	struct hr_minute_dev dev[HR_DEVS_MAX];
};

/* @p: zeroed but for vm, from_ms, step_ms, n, step. */
void hr_past_init(struct hr_past *p);
/* A window, its t_end_ms in the collector's clock. */
void hr_past_add(struct hr_past *p, const struct hr_summary *s);
/* Judges the last minute. */
void hr_past_end(struct hr_past *p);

/* Follows the hottest thread of @m (vm.c); @w starts anew with another thread or after a gap. */
void hr_serial_follow(struct hr_serial_watch *w, const struct hr_minute *m);
