/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by serve.c (connections), reply.c (answers), ingest.c (POST) and routes.c (GET). */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "collector/core/http_check.h"
#include "collector/core/query.h"
#include "collector/core/rate.h"
#include "collector/serve.h"
#include "proto/secret.h"
#include "proto/wire.h"

/* One listening address: its thread, and what that thread needs for decoding. */
struct hr_door {
	struct hr_serve *serve;
	struct MHD_Daemon *mhd;
	uint16_t port;
	bool tls;
	bool admin; /* the local socket of whoever runs the collector */
	struct hr_wire_arena *arena;
	struct hr_facts *facts;
};

struct hr_conn {
	struct hr_conn *next, **link; /* of hr_serve.conns */
	struct hr_serve *serve;
	int fd;
	_Atomic uint64_t deadline_ns; /* monotonic; 0: none, the writer has the request */
	atomic_bool busy;             /* between a request line and the end of its answer */
};

/* scribe.c */
struct hr_scribe {
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct hr_work *first, **last;
	bool stop;
	bool watching; /* pages of lists.c are kept: it looks at them four times a second */
	struct hr_serve *serve;
};

/* lists.c: pages of the fleet, each kept for a second. */
#define HR_LISTS 8
struct hr_list;
struct hr_list_key {
	enum hr_route route; /* FLEET or HOSTS */
	struct hr_query_fleet q;
};
struct hr_list_slot {
	struct hr_list_key key;
	struct hr_list *list; /* NULL: the slot is free */
	uint64_t serial;      /* of the snapshot it was made from */
	uint64_t made_ns, asked_ns;
	bool again; /* it was asked for since it has the slot */
};
#define HR_LIST_TEXTS 64 /* in memory, kept or under way to somebody slow: 250 KB for 1000 rows */
struct hr_lists {
	atomic_uint texts;
	pthread_mutex_t lock;
	struct hr_list_slot slot[HR_LISTS];
};

struct hr_serve {
	struct hr_serve_conf conf;
	_Atomic uint64_t inflight_max;
	struct hr_writer *writer;
	struct hr_counters *count;
	struct hr_board *board;
	struct hr_door door[HR_LISTEN_MAX + 1]; /* the last one is the admin's */
	struct hr_scribe scribe;
	atomic_uint documents; /* of the scribe's, asked for and not sent yet */
	struct hr_lists lists;
	pthread_mutex_t rate_lock; /* of rate */
	struct hr_rate rate;       /* by client address */
	pthread_mutex_t lock;      /* of what follows */
	struct hr_conn *conns;
	bool stopping; /* nothing is submitted any more */
};

/* Where a request stands. */
enum hr_request_state {
	HR_REQUEST_NEW = 0,
	HR_REQUEST_BODY,   /* headers accepted: the body, if any, is coming */
	HR_REQUEST_DRAIN,  /* refused: what is left of the body is thrown away first */
	HR_REQUEST_HELD,   /* suspended, the writer has it */
	HR_REQUEST_READY,  /* the writer gave it back */
	HR_REQUEST_CLOSED, /* answered */
};

struct hr_request {
	union {
		struct hr_work work;
		struct hr_post post;
		struct hr_ask ask;
	} u; /* first: done() gets it back from the writer */
	struct hr_door *door;
	struct hr_conn *conn;
	struct MHD_Connection *mhd;
	struct hr_http_verdict v;
	struct hr_secret cred; /* checked; NONE: came without one */
	_Atomic int state;     /* enum hr_request_state */
	uint64_t reserved;     /* bytes counted as in flight */
	bool document;         /* counted among the scribe's */
	size_t got;
};

/* reply.c: each queues one answer and returns what MHD's handler is to return. */
enum MHD_Result hr_reply(struct hr_request *r, unsigned status, struct MHD_Response *response);
/*
 * The same for a response that is sent to several: it has its headers, by hr_reply_headers, and
 * stays the caller's.
 */
enum MHD_Result hr_reply_shared(
	struct hr_request *r, unsigned status, struct MHD_Response *response);
void hr_reply_headers(struct MHD_Response *response); /* that every answer has */
/* Takes over @text (malloc); NULL: 503. */
enum MHD_Result hr_reply_text(
	struct hr_request *r, unsigned status, const char *type, char *text, size_t len);
enum MHD_Result hr_reply_json(struct hr_request *r, char *text);
enum MHD_Result hr_reply_problem(struct hr_request *r, const struct hr_refusal *why);
/* The refusal in r->v. */
enum MHD_Result hr_reply_refused(struct hr_request *r);

/*
 * Suspends the connection and gives the work to the writer, or what is the scribe's to the scribe;
 * false: stopping, nothing was done.
 */
bool hr_serve_hold(struct hr_request *r, enum hr_work_kind kind);

/* gate.c: NULL, or why not.  _body: the windows' host, once they are decoded. */
const struct hr_refusal *hr_gate(struct hr_request *r, const struct hr_http_request *req);
const struct hr_refusal *hr_gate_body(struct hr_request *r, const uint8_t host[HR_HOST_ID_LEN]);
enum MHD_Result hr_gate_accept(void *arg, const struct sockaddr *addr, socklen_t len);

/* tokens.c */
enum MHD_Result hr_tokens_get(struct hr_request *r, const struct hr_query_arg *args, size_t n_args);

/* ingest.c */
/* Headers are fine: room for the body, or a refusal in *ret_why. */
bool hr_ingest_begin(struct hr_request *r, struct hr_refusal *ret_why);
bool hr_ingest_data(struct hr_request *r, const void *data, size_t len); /* false: too long */
/* The body is complete: decodes and submits, or answers. */
enum MHD_Result hr_ingest_end(struct hr_request *r);
enum MHD_Result hr_ingest_reply(struct hr_request *r); /* the writer is done with it */
void hr_ingest_free(struct hr_request *r);

/* routes.c */
enum MHD_Result hr_routes_get(struct hr_request *r);
enum MHD_Result hr_routes_reply(struct hr_request *r); /* the writer is done with a question */
/* page.c */
enum MHD_Result hr_page_get(struct hr_request *r);
/* metrics.c: _make on the scribe's thread; _reply takes over @text. */
enum MHD_Result hr_metrics_get(struct hr_request *r);
void hr_metrics_make(struct hr_request *r);
enum MHD_Result hr_metrics_reply(struct hr_request *r, char *text);
/* lists.c: _make and _again on the scribe's thread.  _again: pages that are asked for are made
 * anew; true: some are kept, look again. */
enum MHD_Result hr_lists_get(struct hr_request *r, const struct hr_query_fleet *q);
void hr_lists_make(struct hr_request *r);
enum MHD_Result hr_lists_reply(struct hr_request *r);
bool hr_lists_again(struct hr_serve *s);
void hr_list_unref(struct hr_list *l);
void hr_lists_init(struct hr_lists *ls);
void hr_lists_done(struct hr_lists *ls);
/* scribe.c: _init, then _start; _submit before _done, which makes what is left and ends it. */
void hr_scribe_init(struct hr_scribe *b, struct hr_serve *s);
void hr_scribe_watch(struct hr_scribe *b); /* a page of lists.c is kept */
int hr_scribe_start(struct hr_scribe *b);  /* 0 or -errno */
void hr_scribe_submit(struct hr_scribe *b, struct hr_work *k);
void hr_scribe_done(struct hr_scribe *b);
