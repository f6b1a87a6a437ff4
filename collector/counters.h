/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the collector itself, written from several threads.  Conservation:
 * received = stored + duplicate + every refused_*; a test and /metrics readers
 * can check it.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"

/* X(id, metric without the prefix headroom_collector_, label, help); same metric: one family. */
#define HR_COUNTERS(X)                                                                             \
	X(RECEIVED, "summaries_received_total", "", "Windows in bodies that were well-formed.")    \
	X(STORED, "summaries_stored_total", "", "Windows stored durably.")                         \
	X(DUPLICATE, "summaries_duplicate_total", "",                                              \
		"Windows known already, acknowledged again.")                                      \
	X(REFUSED_OVERLAP, "summaries_refused_total", "overlap", "Windows not taken, by reason.")  \
	X(REFUSED_FORGOTTEN, "summaries_refused_total", "forgotten", NULL)                         \
	X(REFUSED_SEQUENCE, "summaries_refused_total", "sequence", NULL)                           \
	X(REFUSED_CLONE, "summaries_refused_total", "clone", NULL)                                 \
	X(REFUSED_CLOCK, "summaries_refused_total", "clock", NULL)                                 \
	X(REFUSED_BUSY, "summaries_refused_total", "busy", NULL)                                   \
	X(REFUSED_STORE, "summaries_refused_total", "store", NULL)                                 \
	X(LOST, "summaries_lost_total", "", "Windows an agent said are gone for good.")            \
	X(CLOCK_STEPS, "clock_steps_total", "",                                                    \
		"Clocks of hosts that moved by more than 10 min within a boot.")                   \
	X(FORGOTTEN, "sequences_forgotten_total", "",                                              \
		"Sequences given up when a gap list was full.")                                    \
	X(EXPIRED, "rows_expired_total", "", "Rows removed by age.")                               \
	X(NOT_CONSERVED, "not_conserved_total", "",                                                \
		"Roll-ups whose counts differ from what went in; 0 unless there is a bug.")        \
	X(DAMAGED, "rows_damaged_total", "", "Stored windows that could not be read back.")        \
	X(REPLAYED, "rows_replayed_total", "", "Windows the model was given again at start.")      \
	X(FOLLOWED, "rows_followed_total", "",                                                     \
		"Windows that other collectors stored, given to the models here.")                 \
	X(STATES_SAVED, "states_saved_total", "", "Model states written.")                         \
	X(STATES_LOST, "states_lost_total", "", "Model states that could not be read at start.")   \
	X(ANSWERS, "answers_total", "", "Answers computed.")                                       \
	X(COMMITS, "commits_total", "", "Transactions made durable.")                              \
	X(COMMIT_US, "commit_seconds_total", "", "Time spent in commits.")                         \
	X(COMMITS_FAILED, "commits_failed_total", "", "Transactions rolled back.")                 \
	X(REQUESTS, "requests_total", "", "HTTP requests whose headers arrived.")                  \
	X(CONNECTIONS, "connections_total", "", "Connections accepted.")                           \
	X(DEADLINES, "connections_closed_total", "deadline", "Connections closed by us.")          \
	X(CONNECT_RATE, "connections_closed_total", "rate", NULL)                                  \
	X(REMOTE_SENT, "remote_write_samples_total", "", "Samples that the receiver took.")        \
	X(REMOTE_FAILED, "remote_write_failures_total", "",                                        \
		"Requests that failed and are sent again.")                                        \
	X(REMOTE_REFUSED, "remote_write_dropped_total", "refused", "Samples given up, by reason.") \
	X(REMOTE_QUEUE, "remote_write_dropped_total", "queue", NULL)                               \
	X(BODIES_BUSY, "bodies_refused_total", "busy", "Bodies refused, by reason.")

enum hr_count {
#define X(id, metric, label, help) HR_COUNT_##id,
	HR_COUNTERS(X)
#undef X
	HR_COUNT_N
};

#define HR_HTTP_REASONS_MAX 32

/* Steps of the writer's upkeep, each of which a group that is due may have to wait for. */
#define HR_STEPS(X)                                                                                \
	X(SHOW, "answers")                                                                         \
	X(SAVE, "states")                                                                          \
	X(TURNS, "turns")                                                                          \
	X(EXPIRY, "expiry")                                                                        \
	X(LATE, "late")                                                                            \
	X(ROLL_UP, "roll-up")                                                                      \
	X(PACK, "packing")                                                                         \
	X(LOG, "log")                                                                              \
	X(PEERS, "peers")

enum hr_step {
#define X(id, name) HR_STEP_##id,
	HR_STEPS(X)
#undef X
	HR_STEP_N
};

struct hr_counters {
	_Atomic uint64_t v[HR_COUNT_N];
	_Atomic uint64_t wire[HR_WIRE_ERROR_N];     /* bodies refused by the decoder */
	_Atomic uint64_t http[HR_HTTP_REASONS_MAX]; /* requests refused, by hr_http_reason() */
	_Atomic int64_t inflight_bytes;             /* bodies in memory */
	_Atomic int64_t connections;                /* open now */
	_Atomic uint64_t stall_us[HR_STEP_N];       /* longest since the start */
	_Atomic uint64_t hosts, vm_bytes, queue;    /* gauges of the writer */
	_Atomic uint64_t remote_bytes,
		remote_ok_ms; /* remote write: waiting; last success, Unix ms */
	_Atomic uint64_t file_bytes, wal_bytes, quarantined, collisions, journal;
};

static inline void hr_count(struct hr_counters *c, enum hr_count id, uint64_t n)
{
	atomic_fetch_add_explicit(&c->v[id], n, memory_order_relaxed);
}
