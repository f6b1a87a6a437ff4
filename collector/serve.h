/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's HTTP side: libmicrohttpd with one thread of its own per listening
 * address.  Its threads read the board and hand work to the writer; they own
 * nothing else.  Limits: connections in all and per client, bytes of headers, bytes
 * of bodies in memory, and an absolute deadline for each phase of a connection, so
 * that dripping bytes buys no time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/core/config.h"
#include "collector/counters.h"
#include "collector/snapshot.h"
#include "collector/writer.h"

struct hr_serve_conf {
	struct hr_listen listen[HR_LISTEN_MAX];
	unsigned n_listen;
	uint32_t connections; /* per listening address */
	uint32_t per_address; /* per client address */
	uint64_t inflight_bytes;
	uint64_t idle_ns;       /* between two requests, and until the first one */
	uint64_t receive_ns;    /* request line to the last byte of the body */
	uint64_t send_ns;       /* an answer, once it is made */
	struct hr_auth *auth;   /* outlives the server; NULL: nobody has a credential (tests) */
	bool loopback_tokens;   /* plain loopback needs tokens, too */
	uint32_t metrics_hosts; /* that have series of their own in /metrics */
	double connect_per_s;   /* new TLS connections of one address; 0: any number */
	const char *address;    /* host:port for join strings; NULL or "": the first with TLS */
	const char *admin;      /* path of the admin's socket; NULL or "": none */
	const struct hr_catalogue *sizes; /* outlives the server; NULL: no sizes are known */
	double target;                    /* the headroom wanted */
	struct hr_host_rules rules; /* of single hosts; what it points to outlives the server */
	const char *page_dir;       /* files of GET /; outlives the server */
	const char *plots_dir;      /* dygraph.min.js and .css; likewise */
};

struct hr_serve;

#define HR_SERVE_ERROR_LEN 512
/*
 * Listens and begins to answer.  @w, @counters and @board outlive it.  NULL: @error has
 * what, why and what to do.
 */
struct hr_serve *hr_serve_open(const struct hr_serve_conf *conf, struct hr_writer *w,
	struct hr_counters *counters, struct hr_board *board, char error[HR_SERVE_ERROR_LEN]);

uint16_t hr_serve_port(const struct hr_serve *s, unsigned i); /* of listen[i]; 0: left out */

/* Once a second: closes the connections whose deadline is over. */
void hr_serve_tick(struct hr_serve *s);

/* What a reload may change: inflight_bytes. */
void hr_serve_reconfigure(struct hr_serve *s, uint64_t inflight_bytes);

/*
 * First step of stopping: no new connection, and every POST from now on is refused with 503.
 * Then hr_writer_stop(), which answers what it holds, then hr_serve_close().
 */
void hr_serve_quiesce(struct hr_serve *s);
/* Waits up to 2 s for answers under way. NULL is fine. */
void hr_serve_close(struct hr_serve *s);
