/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that owns the store and every host's model.  It gathers POSTs
 * for a short time, stores them in one transaction, and only when that is durable
 * lets them be acknowledged; then the models take the windows in.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/core/host_rules.h"
#include "collector/counters.h"
#include "collector/snapshot.h"
#include "collector/store.h"
#include "collector/work.h"

/* How the writer stands; HTTP threads read it before they take a body. */
enum hr_writer_state {
	HR_WRITER_OK = 0,
	HR_WRITER_DISK_FULL, /* goes on by itself when space returns */
	HR_WRITER_FOREIGN,   /* another process writes to the file */
	HR_WRITER_FAILED,    /* nothing more is acknowledged; the program ends */
	HR_WRITER_AWAY,      /* the database server is not reached; goes on by itself */
};

struct hr_writer_conf {
	struct hr_model_conf model;
	struct hr_host_rules
		rules; /* of single hosts, over it; what it points to outlives the writer */
	uint32_t max_hosts;
	uint32_t backlog; /* told to agents */
	uint64_t group_ns, period_ns;
	uint64_t windows_ms, five_min_ms, hours_ms; /* age at which rows of each tier expire */
	uint64_t roll_slice_ns; /* roll-up in one transaction; 0: 8 ms (simulations: no end) */
	bool brief;             /* 5 minute rows with less detail */
	uint64_t save_ns, answer_ns;
	uint64_t calm_ns; /* between two turns of a host with no news; 0: as of any other */
	double alert_at_least, alert_days; /* thresholds; 0: none */
	uint64_t model_bytes; /* of models in memory, the others are cold; 0: no limit */
	uint64_t reserve_bytes;
	const char *state_dir; /* for statvfs; NULL: not asked (tests) */
};

struct hr_writer;

/*
 * Loads hosts, states and journal and makes the first answers; no thread yet.  Takes
 * over @store, also on failure.  NULL: @error says what.
 */
struct hr_writer *hr_writer_open(const struct hr_writer_conf *conf, struct hr_store *store,
	struct hr_counters *counters, struct hr_board *board, char error[HR_STORE_ERROR_LEN]);
int hr_writer_start(struct hr_writer *w); /* 0 or -errno */
/* Finishes what is queued, saves every state, ends the thread. */
void hr_writer_stop(struct hr_writer *w);
void hr_writer_close(struct hr_writer *w); /* after stop, or instead of start; NULL is fine */

void hr_writer_submit(struct hr_writer *w, struct hr_work *work);
enum hr_writer_state hr_writer_state(const struct hr_writer *w);
/* What a reload may change: all but max_hosts, model, rules and state_dir. */
void hr_writer_reconfigure(struct hr_writer *w, const struct hr_writer_conf *conf);
