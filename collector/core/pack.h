/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of one host's five minutes as one row: what says which they are, as numbers, and then the
 * bodies behind each other, as they are or compressed.  A body is mostly what the one before it
 * was: names of threads, fields, counters that do not change; the rest of it are bits that nothing
 * makes shorter. So a fast level of zstd takes nearly as much off as the slowest, in 1 us a window:
 * of 30 windows 0.61 of the bytes are left idle, 0.63 busy, synthetic, of ten 0.65 and 0.68; of a
 * real agent's 0.74 to 0.82, however many.
 *
 * Stored: a byte that says how the bodies are, the number of windows; of each its slot in the bin,
 * boot, sequences and n less those of the one before it, length of its body; the bodies, or one
 * frame of zstd.  Numbers are varints.  The file is input: every count and length is checked
 * against what there is before anything is read of it, and no frame becomes more than HR_PACK_RAW
 * bytes.  A Summary begins with a field's number and so never as a pack does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_PACK_SLOTS 30          /* of a bin */
#define HR_PACK_ROWS  64          /* two boots and more in each slot */
#define HR_PACK_RAW   (64 * 1024) /* of all bodies: an agent's 30 have 27 KB at most */
#define HR_PACK_MAX   (68 * 1024) /* bytes encoded */

struct hr_pack_row {
	uint8_t at; /* slot of the bin, 0.. */
	uint32_t boot_ord;
	uint64_t seq_first, seq_last, n;
	const void *body;
	size_t len;
};

struct hr_pack {
	uint32_t n;
	struct hr_pack_row row[HR_PACK_ROWS]; /* by slot, then by n */
};

struct hr_packer;

/* What packing and unpacking need of memory, some 300 KB.  NULL: there is none. */
struct hr_packer *hr_packer_new(void);
void hr_packer_free(struct hr_packer *p); /* NULL is fine */

/* Windows of all rows: a row may hold several. */
uint64_t hr_pack_windows(const struct hr_pack *p);
/* Sorts the rows as they are kept. */
void hr_pack_sort(struct hr_pack *p);
/*
 * Bytes written to @buf, which has room for HR_PACK_MAX.  0: no memory.  The rows are sorted, at
 * least one, and their bodies no more than HR_PACK_RAW.
 */
size_t hr_pack_encode(struct hr_packer *k, const struct hr_pack *p, void *buf);
/* The same with the bodies as they are; it needs no memory. */
size_t hr_pack_encode_plain(const struct hr_pack *p, void *buf);
/* Whether a row's body is a pack rather than one window's Summary. */
bool hr_pack_is(const void *body, size_t len);
/*
 * False: damaged, and *ret_p is void.  Compressed bodies live in @k until its next call, plain ones
 * lie in @bytes.  Without @k (NULL) only a plain pack is read.
 */
bool hr_pack_decode(struct hr_packer *k, const void *bytes, size_t len, struct hr_pack *ret_p);
