/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HTTP threads hand to the writer, and get back.  Owner: the HTTP side until
 * hr_writer_submit(), the writer until it calls done(), then the HTTP side again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/query.h"
#include "collector/core/strain.h"
#include "proto/wire.h"

enum hr_work_kind {
	HR_WORK_POST = 1,
	HR_WORK_EXPLAIN,
	HR_WORK_ANSWER, /* of a host whose view is only a row */
	HR_WORK_HISTORY,
	HR_WORK_FORGET,
	HR_WORK_METRICS, /* the scribe's, not the writer's; and the next */
	HR_WORK_LIST,    /* a page of the fleet that is not kept */
};

struct hr_work {
	struct hr_work *next; /* the writer's */
	enum hr_work_kind kind;
	void (*done)(struct hr_work *w); /* called once, on the writer's or scribe's thread */
};

/* One window of a body, already checked. */
struct hr_post_row {
	uint64_t seq_first, seq_last;
	uint64_t t_end_ms; /* sender's clock */
	uint32_t dur_ms, lost;
	const void *bytes; /* into the body */
	size_t len;
};

/* A refusal with no effect; also the shape of an answer's status line. */
struct hr_refusal {
	unsigned status;             /* HTTP; 0: none */
	const char *reason, *detail; /* static text */
	unsigned retry_after_s;      /* 429, 503 */
};

struct hr_post {
	struct hr_work work;
	void *body;
	size_t len;
	struct hr_wire_head head;
	uint32_t n_rows;
	struct hr_post_row row[HR_BATCH_MAX];
	struct hr_strain strain; /* of all of them */
	void *facts;             /* hr_wire_encode_facts, NULL: none */
	size_t facts_len;
	char name[HR_NAME_LEN]; /* of the facts */
	uint64_t received_ms;   /* Unix ms */
	bool has_sent;
	uint64_t sent_ms; /* sender's clock at this try */
	/* result */
	struct hr_refusal refused;
	char ack[128]; /* value of Headroom-Ack when not refused */
};

/* What became of HR_WORK_FORGET. */
struct hr_forgotten {
	uint32_t no;
	uint8_t id[HR_HOST_ID_LEN];
	char name[HR_NAME_LEN];
	uint32_t boots;
	uint64_t windows; /* deleted */
};

struct hr_view;
struct hr_list;

/* A question that only the owner of store and models can answer, or that takes long. */
struct hr_ask {
	struct hr_work work;
	uint32_t host_no;
	struct hr_query_history history;
	struct hr_query_fleet fleet;   /* LIST */
	bool revoke;                   /* FORGET: its secret, too; the asker's part */
	bool openmetrics;              /* METRICS */
	const char *host;              /* FORGET: id or name */
	struct hr_forgotten forgotten; /* result of FORGET unless refused */
	/* result: text is malloc'd and the asker's; NULL: refused */
	char *text;
	size_t len;
	struct hr_view *view; /* ANSWER: the asker's */
	struct hr_list *list; /* LIST: a reference, the asker's */
	struct hr_refusal refused;
};
