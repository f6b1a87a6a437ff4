/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a POST body and as a stored Summary and Facts.  What is accepted
 * must be valid by itself (every distribution agrees with its counts), come back
 * equal after encode and decode, and keep its counts when merged.
 */
#include "tests/fuzz/hr_fuzz.h"

#include "proto/wire.h"
#include "tests/unit/hr_same.h"

static struct hr_wire_arena arena, arena2;
static struct hr_summary one, again, merged;
static unsigned char bytes[2 * HR_BODY_MAX];

static void check_values(const struct hr_summary *s)
{
	HR_FUZZ_CHECK(s->seq_first <= s->seq_last && s->dur_ms >= 1 && s->dur_ms <= HR_DUR_MAX_MS);
	HR_FUZZ_CHECK(s->cpus >= 1 && s->cpus <= HR_CPUS_MAX);
	HR_FUZZ_CHECK(s->n_dev <= HR_DEVS_MAX && s->n_top <= HR_TOP_MAX);
	for (int i = 0; i < HR_DIST_N; i++)
		HR_FUZZ_CHECK(hr_hist_valid(&s->dist[i]));
	for (int d = 0; d < s->n_dev; d++) {
		HR_FUZZ_CHECK(s->dev[d].dev < HR_DEVS_MAX);
		HR_FUZZ_CHECK(d == 0 || s->dev[d].dev > s->dev[d - 1].dev);
		for (int i = 0; i < HR_DDIST_N; i++)
			HR_FUZZ_CHECK(hr_hist_valid(&s->dev[d].dist[i]));
	}
	for (int i = 0; i < HR_CTR_N; i++)
		HR_FUZZ_CHECK(s->ctr[i] == 0 || hr_has(s, hr_ctr_signal((enum hr_ctr)i)));
}

static void check_round_trip(const struct hr_summary *s)
{
	size_t len = hr_wire_encode_summary(s, bytes, sizeof(bytes));

	HR_FUZZ_CHECK(len > 0);
	if (len > HR_BODY_MAX)
		return; /* a body at the limit may grow by the fields that are always written */
	HR_FUZZ_CHECK(hr_wire_decode_summary(&arena2, bytes, len, &again) == HR_WIRE_OK);
	HR_FUZZ_CHECK(hr_same_summary(s, &again));
}

/* The window before @s, equal otherwise: merged, everything that sums has doubled. */
static void check_merge(const struct hr_summary *s)
{
	uint64_t span = s->seq_last - s->seq_first + 1;

	if (s->seq_first < span)
		return;
	merged = *s;
	merged.seq_first -= span;
	merged.seq_last -= span;
	again = *s;
	if (!hr_summary_merge(&merged, &again)) {
		/* refused: nothing may have changed */
		HR_FUZZ_CHECK(merged.seq_last == s->seq_first - 1 && merged.dur_ms == s->dur_ms);
		for (int i = 0; i < HR_DIST_N; i++)
			HR_FUZZ_CHECK(hr_same_hist(&merged.dist[i], &s->dist[i]));
		return;
	}
	HR_FUZZ_CHECK(merged.dur_ms == 2 * s->dur_ms && merged.have == s->have);
	HR_FUZZ_CHECK(merged.n_dev == s->n_dev);
	for (int i = 0; i < HR_CTR_N; i++) {
		uint64_t times = hr_ctr_kind((enum hr_ctr)i) == HR_KIND_S ? 2 : 1;

		HR_FUZZ_CHECK(merged.ctr[i] == times * s->ctr[i]);
	}
	for (int i = 0; i < HR_DIST_N; i++) {
		HR_FUZZ_CHECK(merged.dist[i].total == 2 * s->dist[i].total);
		HR_FUZZ_CHECK(merged.dist[i].sum == 2 * s->dist[i].sum);
		HR_FUZZ_CHECK(hr_hist_valid(&merged.dist[i]));
	}
	for (int d = 0; d < s->n_dev; d++)
		for (int i = 0; i < HR_DDIST_N; i++)
			HR_FUZZ_CHECK(merged.dev[d].dist[i].total == 2 * s->dev[d].dist[i].total);
}

static void check_facts(const struct hr_facts *f)
{
	static struct hr_facts back;
	size_t len = hr_wire_encode_facts(f, bytes, sizeof(bytes));

	HR_FUZZ_CHECK(len > 0 && len <= HR_BODY_MAX);
	HR_FUZZ_CHECK(hr_wire_decode_facts(&arena2, bytes, len, &back) == HR_WIRE_OK);
	HR_FUZZ_CHECK(hr_same_facts(f, &back));
}

static void as_body(const uint8_t *data, size_t size)
{
	static struct hr_facts facts;
	struct hr_wire_batch b;
	uint64_t last = 0;

	if (hr_wire_open(&arena, data, size, &b) != HR_WIRE_OK)
		return;
	HR_FUZZ_CHECK(b.head.has_facts || b.head.n_summaries > 0);
	HR_FUZZ_CHECK(b.head.n_summaries <= HR_BATCH_MAX);
	if (b.head.has_facts) {
		hr_wire_facts(&b, &facts);
		check_facts(&facts);
	}
	for (uint32_t i = 0; i < b.head.n_summaries; i++) {
		const void *at;
		size_t len;

		hr_wire_summary(&b, i, &one);
		check_values(&one);
		HR_FUZZ_CHECK(i == 0 || one.seq_first > last);
		last = one.seq_last;
		check_round_trip(&one);
		check_merge(&one);
		/* what the store keeps is the same summary */
		HR_FUZZ_CHECK(hr_wire_summary_bytes(data, size, i, &at, &len) == HR_WIRE_OK);
		HR_FUZZ_CHECK(hr_wire_decode_summary(&arena2, at, len, &again) == HR_WIRE_OK);
		HR_FUZZ_CHECK(hr_same_summary(&one, &again));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hr_facts facts;

	as_body(data, size);
	if (hr_wire_decode_summary(&arena, data, size, &one) == HR_WIRE_OK) {
		check_values(&one);
		check_round_trip(&one);
		check_merge(&one);
	}
	if (hr_wire_decode_facts(&arena, data, size, &facts) == HR_WIRE_OK)
		check_facts(&facts);
	return 0;
}
