/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summaries and facts <-> bytes: wire.c and wire_encode.c are the only includers
 * of the generated protobuf code, and every limit of the contract is checked here.  Bytes from
 * the network are hostile: nothing here reads beyond @len, recurses, or takes
 * more than HR_ARENA_MAX of memory, and nothing is returned that has not been
 * checked field by field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/facts.h"
#include "proto/limits.h"
#include "proto/summary.h"

/* Why a body was refused; > 0, each with a counter at the collector.  Not forwarded. */
enum hr_wire_error {
	HR_WIRE_OK = 0,
	HR_WIRE_TOO_LONG,    /* > HR_BODY_MAX */
	HR_WIRE_MALFORMED,   /* not protobuf, or truncated */
	HR_WIRE_TOO_COMPLEX, /* arena, unknown fields or counts beyond limits */
	HR_WIRE_SCHEMA,      /* unknown schema version */
	HR_WIRE_HOST,        /* host id missing, wrong length or zero */
	HR_WIRE_EMPTY,       /* neither facts nor summaries */
	HR_WIRE_SEQUENCE,    /* seq_first > seq_last, not ascending, duration out of range */
	HR_WIRE_COLUMNS,     /* columns of unequal length, ids out of order or range */
	HR_WIRE_HIST,        /* a distribution that contradicts itself */
	HR_WIRE_TEXT,        /* not UTF-8, control characters, or too long */
	HR_WIRE_VALUE,       /* a number out of its range */
	HR_WIRE_ERROR_N,
};
const char *hr_wire_error_name(enum hr_wire_error e); /* stable, for metrics: "malformed" */
const char *hr_wire_error_text(enum hr_wire_error e); /* one plain sentence for problem+json */

struct hr_wire_head {
	uint8_t host[HR_HOST_ID_LEN];
	uint64_t boot;
	bool has_facts;
	uint32_t n_summaries;
};

/*
 * Decoding.  The arena is the caller's: one per thread, reused.  After
 * hr_wire_open() the batch is wholly unpacked and checked; hr_wire_facts() and
 * hr_wire_summary() then only copy.  The batch borrows @arena and stays valid
 * until the next open on it.
 */
struct hr_wire_arena {
	size_t used;
	_Alignas(16) unsigned char mem[HR_ARENA_MAX];
};
struct hr_wire_batch {
	struct hr_wire_head head;
	const void *msg; /* private */
};
enum hr_wire_error hr_wire_open(
	struct hr_wire_arena *arena, const void *body, size_t len, struct hr_wire_batch *ret_batch);
/* Only when head.has_facts. */
void hr_wire_facts(const struct hr_wire_batch *b, struct hr_facts *ret_facts);
/*
 * Summary @i < head.n_summaries.  Writes all of it but the unused tails of dev[]
 * and top[], which keep what was there (a struct is 140 KB, a small VM uses 26).
 * Counters and distributions of missing signals come out as zeros.
 */
void hr_wire_summary(const struct hr_wire_batch *b, uint32_t i, struct hr_summary *ret_summary);

/* What the store needs of summary @i, without copying the rest. */
struct hr_wire_summary_head {
	uint64_t seq_first, seq_last;
	uint64_t t_end_ms;
	uint32_t dur_ms, lost;
};
void hr_wire_summary_head(
	const struct hr_wire_batch *b, uint32_t i, struct hr_wire_summary_head *ret_head);

/* Of summary @i what counts its load, without the distributions. */
struct hr_wire_load {
	uint32_t dur_ms;
	uint64_t have;            /* as in struct hr_summary */
	uint64_t ctr[HR_CTR_N];   /* likewise */
	uint64_t dctr[HR_DCTR_N]; /* of all devices together, cut at 64 bits */
	uint64_t top_ms;          /* of the first hot thread: on a CPU and waiting */
	bool has_fs;
	uint64_t fs_left_bytes, fs_left_inodes; /* on the file systems with the least */
};
void hr_wire_summary_load(const struct hr_wire_batch *b, uint32_t i, struct hr_wire_load *ret_load);

/*
 * Encoding.  A Summary is encoded once, when its window closes, and travels as
 * those bytes: hr_wire_batch_* only frames them.  All return the bytes written,
 * or 0 when @cap is too small (nothing useful in @buf then).
 */
size_t hr_wire_encode_summary(const struct hr_summary *s, void *buf, size_t cap);
/*
 * The same within HR_WINDOW_AIM bytes, or HR_WINDOW_AIM_IDLE, where that is possible: distributions
 * then count more buckets as one (hist.h), those of waits first and those of the slots of the CPUs
 * never, and threads below 1 % of one CPU are left out of the hot ones (three or four of them, 25
 * bytes each, are all that an idle VM has).  No count is lost.
 */
size_t hr_wire_encode_window(const struct hr_summary *s, void *buf, size_t cap);
size_t hr_wire_encode_facts(const struct hr_facts *f, void *buf, size_t cap);

struct hr_wire_builder {
	unsigned char *buf;
	size_t cap, len;
	uint32_t n;
};
/* Starts a body in @buf. */
bool hr_wire_batch_begin(struct hr_wire_builder *b, void *buf, size_t cap,
	const uint8_t host[HR_HOST_ID_LEN], uint64_t boot);
/* Bytes of hr_wire_encode_facts, once and before any summary.  False, and no change: they do not
 * fit. */
bool hr_wire_batch_facts(struct hr_wire_builder *b, const void *facts, size_t len);
/* False, and no change, when the body or HR_BATCH_MAX is full. */
bool hr_wire_batch_add(struct hr_wire_builder *b, const void *summary, size_t len);

/* One stored or spooled Summary message back to the domain type, with all checks of hr_wire_open.
 */
enum hr_wire_error hr_wire_decode_summary(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_summary *ret_summary);
/*
 * The same for bytes that this process has had through hr_wire_open before: of the checks only
 * those of the distributions are made again.  False: they are not such bytes; *ret_summary is
 * undefined then.
 */
bool hr_wire_decode_again(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_summary *ret_summary);
/* The bytes of summary @i inside the body given to hr_wire_open (what the store keeps). */
enum hr_wire_error hr_wire_summary_bytes(
	const void *body, size_t len, uint32_t i, const void **ret_bytes, size_t *ret_len);
enum hr_wire_error hr_wire_decode_facts(
	struct hr_wire_arena *arena, const void *bytes, size_t len, struct hr_facts *ret_facts);
