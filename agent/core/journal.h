/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Format of the agent's spool file: records of a checksummed header and a
 * payload, appended only.  A crash can tear the last record; anything else that
 * does not read as written is damage.  The file is input too: nothing is
 * believed before its checksum and its bounds have been.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_journal_type {
	HR_JOURNAL_NONE = 0,
	HR_JOURNAL_HEAD,   /* first record of a file: what outlives the windows */
	HR_JOURNAL_WINDOW, /* one encoded Summary */
	HR_JOURNAL_FACTS,  /* encoded Facts of one boot and epoch */
	HR_JOURNAL_ACKED,  /* windows the collector holds durably */
	HR_JOURNAL_FROZEN, /* windows of which a byte went out: they travel as they are */
	HR_JOURNAL_THAWED, /* the collector said it did not take them */
	HR_JOURNAL_LOST,   /* refused for good, or dropped for room */
	HR_JOURNAL_HELD,   /* not taken now, but an earlier try may be stored: never merged */
	HR_JOURNAL_N,
};

#define HR_JOURNAL_HEADER      16
#define HR_JOURNAL_HEAD_SIZE   52 /* of a HEAD, its header included */
#define HR_JOURNAL_PAYLOAD_MAX 65536
#define HR_JOURNAL_LIST_MAX    64 /* windows named by one record = HR_BATCH_MAX */

/* A run of windows of one boot: identity of a spooled Summary. */
struct hr_journal_span {
	uint64_t seq_first, seq_last;
};

struct hr_journal_record {
	enum hr_journal_type type;
	uint64_t boot;
	uint32_t epoch;              /* WINDOW, FACTS, HEAD: highest used */
	struct hr_journal_span span; /* WINDOW; HEAD: seq_last = highest used */
	uint64_t t_end_ms;           /* WINDOW */
	uint64_t dropped, merged;    /* HEAD: windows lost and merged so far */
	uint32_t n;                  /* spans of a list record */
	struct hr_journal_span list[HR_JOURNAL_LIST_MAX];
	/* Encoded message of WINDOW and FACTS: where it lies in the buffer parsed. */
	const void *body;
	size_t body_len;
	size_t size; /* of the whole record in the file */
};

/* Writes @r (body copied from r->body) to @buf.  Bytes written, 0 when @cap is too small. */
size_t hr_journal_put(const struct hr_journal_record *r, void *buf, size_t cap);

/*
 * Reads the record at the start of @buf.  1: *ret holds it (body points into
 * @buf); 0: @len is 0; -EAGAIN: the record is cut short by @len, as a crash
 * leaves it; -EBADMSG: not a record.
 */
int hr_journal_get(const void *buf, size_t len, struct hr_journal_record *ret);

/* CRC-32C (Castagnoli), bitwise: 600 bytes take ~3 us, once in 10 s. */
uint32_t hr_journal_crc(const void *p, size_t len);
