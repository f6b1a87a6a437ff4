/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what the store keeps: a model's state, a part before it, a digest of many windows,
 * a pack of them, the dedupe state of a boot, a row of the fleet.  Refused, or taken, and then the
 * same again after writing it.  The first byte says which; checksums are made right, so that
 * mutated fields get past them.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "collector/core/crc32.h"
#include "collector/core/digest.h"
#include "collector/core/fleet.h"
#include "collector/core/hostseq.h"
#include "collector/core/pack.h"
#include "collector/core/part.h"
#include "collector/core/vm.h"

#define NOW_MS 1795528800000ULL

static unsigned char one[1 << 20], two[1 << 20];

/* As vm_codec.c ends it: FNV-1a 64 of older versions, CRC-32 of those since 9. */
static void sign(unsigned char *p, size_t n)
{
	size_t tail = n > 4 && p[4] >= 9 ? 4 : 8;
	uint64_t h = 14695981039346656037ULL;

	if (n < tail)
		return;
	for (size_t i = 0; i < n - tail; i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	if (tail == 4)
		h = hr_crc32(p, n - tail);
	for (unsigned i = 0; i < tail; i++)
		p[n - tail + i] = (unsigned char)(h >> (8 * i));
}

static void check_state(unsigned char *p, size_t n)
{
	static struct hr_answer a;
	struct hr_model_conf conf;
	bool no_memory;
	struct hr_vm *vm;
	size_t len;

	hr_model_conf_default(&conf);
	sign(p, n);
	vm = hr_vm_decode(&conf, p, n, &no_memory);
	HR_FUZZ_CHECK(!no_memory); /* damage is never taken for that */
	if (!vm)
		return;
	len = hr_vm_encode(vm, one, sizeof(one));
	HR_FUZZ_CHECK(len <= sizeof(one));
	hr_vm_answer(vm, "vm", NOW_MS, &a);
	HR_FUZZ_CHECK(!a.headroom.at_least.has ||
		      (a.headroom.at_least.v > 0 && a.headroom.at_least.v <= 8));
	hr_vm_free(vm);
	vm = hr_vm_decode(&conf, one, len, &no_memory);
	HR_FUZZ_CHECK(vm);
	HR_FUZZ_CHECK(hr_vm_encode(vm, two, sizeof(two)) == len && memcmp(one, two, len) == 0);
	hr_vm_free(vm);
}

static void check_digest(const unsigned char *p, size_t n)
{
	struct hr_digest d = {0}, again = {0};
	size_t len;

	/* less and less of it: what does not fit or cannot be rounded is given up but for its
	 * counts */
	for (enum hr_digest_detail detail = HR_DIGEST_FULL;
		detail <= HR_DIGEST_SHARP && hr_digest_decode(&d, p, n) == HR_DIGEST_OK; detail++) {
		len = hr_digest_encode(&d, detail, one, HR_DIGEST_MAX);
		HR_FUZZ_CHECK(len > 0 && len <= HR_DIGEST_MAX);
		HR_FUZZ_CHECK(hr_digest_decode(&again, one, len) == HR_DIGEST_OK);
		HR_FUZZ_CHECK(again.windows == d.windows && again.samples == d.samples);
		hr_digest_clear(&d);
		hr_digest_clear(&again);
	}
	hr_digest_done(&d);
	hr_digest_done(&again);
}

/* What may stand before a state: its head is made right. */
static void check_part(unsigned char *p, size_t n)
{
	struct hr_part part = {0}, again = {0};
	uint32_t crc;
	size_t len;

	if (n < 12)
		return;
	crc = hr_crc32(p + 12, n - 12);
	memcpy(p, "HRPS", 4);
	for (unsigned i = 0; i < 4; i++) {
		p[4 + i] = (unsigned char)((n - 12) >> (8 * i));
		p[8 + i] = (unsigned char)(crc >> (8 * i));
	}
	HR_FUZZ_CHECK(hr_part_len(p, n) == n);
	if (hr_part_decode(&part, 0, p, n) == HR_PART_OK) {
		len = hr_part_encode(&part, one, HR_PART_MAX);
		HR_FUZZ_CHECK(len > 0 && len <= HR_PART_MAX);
		HR_FUZZ_CHECK(hr_part_decode(&again, 0, one, len) == HR_PART_OK);
		HR_FUZZ_CHECK(again.n == part.n && again.from_bin == part.from_bin);
		for (uint32_t i = 0; i < part.n; i++)
			HR_FUZZ_CHECK(again.sum[i].bin == part.sum[i].bin &&
				      again.sum[i].done_len == part.sum[i].done_len &&
				      again.sum[i].windows == part.sum[i].windows &&
				      again.sum[i].sum.windows == part.sum[i].sum.windows);
	}
	hr_part_done(&part);
	hr_part_done(&again);
}

static void check_same(const struct hr_pack *p, const struct hr_pack *again)
{
	HR_FUZZ_CHECK(again->n == p->n);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct hr_pack_row *a = &p->row[i], *b = &again->row[i];

		HR_FUZZ_CHECK(a->at == b->at && a->boot_ord == b->boot_ord &&
			      a->seq_first == b->seq_first && a->seq_last == b->seq_last &&
			      a->n == b->n && a->len == b->len);
		HR_FUZZ_CHECK(a->len == 0 || memcmp(b->body, two, b->len) == 0);
	}
}

/* A plain pack of any bytes, and a compressed one of what its rows say with other bodies. */
static void check_pack(const unsigned char *p, size_t n)
{
	static struct hr_packer *k;
	struct hr_pack pack, again;
	size_t len;

	k = k ? k : hr_packer_new();
	HR_FUZZ_CHECK(k);
	if (!hr_pack_decode(k, p, n, &pack))
		return;
	for (uint32_t i = 0; i < pack.n; i++)
		pack.row[i].body = two;
	len = hr_pack_encode(k, &pack, one);
	HR_FUZZ_CHECK(len > 0 && len <= HR_PACK_MAX && hr_pack_is(one, len));
	HR_FUZZ_CHECK(hr_pack_decode(k, one, len, &again));
	check_same(&pack, &again);
	len = hr_pack_encode_plain(&pack, one);
	HR_FUZZ_CHECK(len > 0 && len <= HR_PACK_MAX && hr_pack_is(one, len));
	HR_FUZZ_CHECK(hr_pack_decode(NULL, one, len, &again));
	check_same(&pack, &again);
}

static uint64_t u64(const unsigned char *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void check_seen(const unsigned char *p, size_t n)
{
	uint8_t gaps[HR_HOSTSEQ_BLOB_MAX];
	struct hr_hostseq h, again;
	uint64_t forgotten, first;
	size_t len;

	if (n < 32 || !hr_hostseq_decode(&h, u64(p), u64(p + 8), u64(p + 16), p + 32, n - 32))
		return;
	HR_FUZZ_CHECK(hr_hostseq_missing(&h) <= h.high);
	HR_FUZZ_CHECK(hr_hostseq_check(&h, h.high, h.high) == HR_HOSTSEQ_DUPLICATE);
	first = u64(p + 24) % (h.high + 100);
	if (hr_hostseq_add(&h, first, first, &forgotten) == HR_HOSTSEQ_NEW)
		HR_FUZZ_CHECK(hr_hostseq_check(&h, first, first) != HR_HOSTSEQ_NEW);
	len = hr_hostseq_gaps_encode(&h, gaps);
	HR_FUZZ_CHECK(hr_hostseq_decode(&again, h.high, h.bits, h.floor, gaps, len));
	HR_FUZZ_CHECK(hr_hostseq_missing(&again) == hr_hostseq_missing(&h));
}

static void check_fleet(const unsigned char *p, size_t n)
{
	struct hr_fleet_row row, again;
	size_t len;

	if (!hr_fleet_row_get(p, n, &row))
		return;
	len = hr_fleet_row_put(&row, one);
	HR_FUZZ_CHECK(len <= HR_FLEET_ROW_MAX && hr_fleet_row_get(one, len, &again));
	HR_FUZZ_CHECK(hr_fleet_row_put(&again, two) == len && memcmp(one, two, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *p;

	if (size < 1)
		return 0;
	/* a copy of its exact length: a read beyond it is a report */
	p = malloc(size > 1 ? size - 1 : 1);
	if (!p)
		return 0;
	memcpy(p, data + 1, size - 1);
	switch (data[0] & 0x80 ? 4 : data[0] & 0x40 ? 5 : data[0] % 4) {
	case 5:
		check_pack(p, size - 1);
		break;
	case 4:
		check_part(p, size - 1);
		break;
	case 0:
		check_state(p, size - 1);
		break;
	case 1:
		check_digest(p, size - 1);
		break;
	case 2:
		check_seen(p, size - 1);
		break;
	default:
		check_fleet(p, size - 1);
	}
	free(p);
	return 0;
}
