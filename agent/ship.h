/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One POST at a time to the collector, over libcurl, without a thread: the
 * loop waits in hr_ship_wait(), which watches its own descriptors too.  What an
 * answer means is decided here; what to do about it in courier.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/ack.h"

struct hr_ship;

struct hr_ship_opts {
	const char *url;        /* http://127.0.0.1:7867; the path is added */
	const char *token_file; /* "" none; read at each open, never logged */
	const char *ca_file;    /* "" the system's */
	const char *pin; /* "sha256//...": the collector's key, and nothing else; "" or NULL none */
	const char *secret; /* credential itself, instead of token_file; "" or NULL none */
	const char *cert_file, *key_file; /* client certificate; "" or NULL none */
	uint64_t timeout_ns;              /* of one POST, connecting included */
};

/* What became of a POST; see collector.md 6. */
enum hr_ship_outcome {
	HR_SHIP_NONE = 0,
	HR_SHIP_DURABLE,   /* 204 with an acknowledgement of this very POST */
	HR_SHIP_UNKNOWN,   /* no answer, or one that proves nothing: send the same bytes again */
	HR_SHIP_NOT_TAKEN, /* nothing left (status 0: may be packed anew), or 429, 503 */
	HR_SHIP_REFUSED,   /* 400, 413, 415: never as it is */
	HR_SHIP_DENIED,    /* 401, 403: the token is wrong */
	HR_SHIP_CLASH,     /* 409: another machine uses this identity, or the clock is unusable */
};
const char *hr_ship_outcome_name(enum hr_ship_outcome o); /* "durable", for logs */

struct hr_ship_result {
	enum hr_ship_outcome outcome;
	long status;             /* HTTP, 0: none arrived */
	uint64_t retry_after_ns; /* 0: not told */
	struct hr_ack ack;       /* DURABLE only */
	bool certain;            /* NOT_TAKEN, DENIED, CLASH, REFUSED: this try is not stored */
	char why[160];           /* one line for the log, printable */
};

/* 0, or -errno with what, why and what to do in @err. */
int hr_ship_open(struct hr_ship **ret_ship, const struct hr_ship_opts *opts, char err[512]);
void hr_ship_close(struct hr_ship *s);

/* Whether the collector is on this machine: then there is no herd to avoid. */
bool hr_ship_loopback(const struct hr_ship *s);

bool hr_ship_busy(const struct hr_ship *s);

/* Starts a POST of @body, which the caller keeps until it ended.  @seq: its last window number. */
int hr_ship_post(struct hr_ship *s, const void *body, size_t len, uint64_t seq);

/*
 * Waits until @fd[] or the transfer has something, at most @timeout_ms, and drives the
 * transfer.  With @n > 0 an answer does not wake: it is read when something else does, so
 * let one of @fd be a timer.  Returns bits: 1 << i for a readable fd[i].
 */
unsigned hr_ship_wait(struct hr_ship *s, const int *fd, unsigned n, int timeout_ms);

/* True once per POST: it ended, *ret says how. */
bool hr_ship_take_result(struct hr_ship *s, struct hr_ship_result *ret);
