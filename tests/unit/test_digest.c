/* SPDX-License-Identifier: Apache-2.0 */
/* Digests against plain sums over the windows they are made of. */
#include "collector/core/digest.h"

#include <stdlib.h>

#include "tests/unit/hr_sample.h"

#define N 40

struct world {
	struct hr_rand r;
	struct hr_summary *win; /* [N] */
	struct hr_digest a, b;
	uint8_t buf[HR_DIGEST_MAX], buf2[HR_DIGEST_MAX];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->r = (struct hr_rand){.s = 7};
	w->win = calloc(N, sizeof(*w->win));
	for (uint64_t i = 0; i < N; i++) {
		if (i % 3 == 0)
			hr_sample_work(&w->r, &w->win[i], i, 2000, 1.0);
		else
			hr_sample_idle(&w->r, &w->win[i], i);
	}
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_digest_done(&w->a);
	hr_digest_done(&w->b);
	free(w->win);
	free(w);
	return 0;
}

static uint64_t hist_n(const struct hr_hist *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HR_BUCKETS; i++)
		n += h->n[i];
	return n;
}

/* Every count of the windows is in the pieces, by adding up again. */
static void assert_sums(const struct world *w, const struct hr_digest *d)
{
	uint64_t oncpu = 0, waits = 0, wait_sum = 0, lat = 0, got_lat = 0, got[3] = {0};

	for (uint32_t i = 0; i < N; i++) {
		oncpu += w->win[i].ctr[HR_CTR_ONCPU_NS];
		waits += hist_n(&w->win[i].dist[HR_DIST_RUNQ_WAIT]);
		wait_sum += w->win[i].dist[HR_DIST_RUNQ_WAIT].sum;
		lat += hist_n(&w->win[i].dev[0].dist[HR_DDIST_WR_LAT]);
	}
	for (uint32_t i = 0; i < d->n; i++) {
		const struct hr_summary *s = d->piece[i].s;

		got[0] += s->ctr[HR_CTR_ONCPU_NS];
		got[1] += hist_n(&s->dist[HR_DIST_RUNQ_WAIT]);
		got[2] += s->dist[HR_DIST_RUNQ_WAIT].sum;
		got_lat += hist_n(&s->dev[0].dist[HR_DDIST_WR_LAT]);
		assert_true(
			s->dist[HR_DIST_RUNQ_WAIT].total == hist_n(&s->dist[HR_DIST_RUNQ_WAIT]));
	}
	assert_true(got[0] == oncpu && got[1] == waits && got[2] == wait_sum && got_lat == lat);
	assert_int_equal(d->windows, N);
}

static void add_all(struct world *w, struct hr_digest *d)
{
	for (uint32_t i = 0; i < N; i++)
		assert_true(hr_digest_add(d, 1, 1, &w->win[i]));
}

/* Exact: windows, samples, maxima.  Near: counters, sums. */
static void assert_near(const struct hr_digest *is, const struct hr_digest *was)
{
	assert_int_equal(is->n, was->n);
	assert_int_equal(is->windows, was->windows);
	assert_true(is->samples == was->samples);
	for (uint32_t i = 0; i < is->n; i++) {
		const struct hr_summary *a = is->piece[i].s, *b = was->piece[i].s;
		const struct hr_hist *wait = &a->dist[HR_DIST_RUNQ_WAIT];
		const struct hr_hist *lat = &a->dev[0].dist[HR_DDIST_WR_LAT];

		assert_true(hr_hist_valid(wait) && hr_hist_valid(lat));
		assert_true(wait->total == b->dist[HR_DIST_RUNQ_WAIT].total);
		assert_true(wait->max == b->dist[HR_DIST_RUNQ_WAIT].max);
		assert_true(lat->total == b->dev[0].dist[HR_DDIST_WR_LAT].total);
		assert_true(lat->max == b->dev[0].dist[HR_DDIST_WR_LAT].max);
		assert_int_equal(a->have, b->have & ~HR_FOLD_APART);
		assert_int_equal(a->dur_ms, b->dur_ms);
		assert_int_equal(a->epoch, b->epoch);
		assert_int_equal(a->cpus, b->cpus);
		assert_int_equal(a->dev[1].have, b->dev[1].have);
		assert_true(fabs((double)a->ctr[HR_CTR_ONCPU_NS] / (double)b->ctr[HR_CTR_ONCPU_NS] -
				    1) < 1e-3);
		assert_true(fabs((double)a->dev[1].ctr[HR_DCTR_RX_BYTES] /
					    (double)b->dev[1].ctr[HR_DCTR_RX_BYTES] -
				    1) < 1e-3);
		assert_true(fabs((double)wait->sum / (double)b->dist[HR_DIST_RUNQ_WAIT].sum - 1) <
			    0.05);
	}
}

/* Full -> brief -> lean, each from the one before it as an upkeep with other settings would. */
static void every_sample_is_kept_at_any_detail(void **state)
{
	struct world *w = *state;
	size_t full, brief, lean;

	add_all(w, &w->a);
	assert_int_equal(w->a.n, 1);
	assert_sums(w, &w->a);
	full = hr_digest_encode(&w->a, HR_DIGEST_FULL, w->buf, sizeof(w->buf));
	assert_true(full > 0);
	assert_int_equal(hr_digest_decode(&w->b, w->buf, full), HR_DIGEST_OK);
	assert_sums(w, &w->b);
	assert_true(w->b.samples == w->a.samples);
	brief = hr_digest_encode(&w->b, HR_DIGEST_BRIEF, w->buf, sizeof(w->buf));
	assert_true(brief > 0 && brief < full);
	hr_digest_clear(&w->b);
	assert_int_equal(hr_digest_decode(&w->b, w->buf, brief), HR_DIGEST_OK);
	assert_near(&w->b, &w->a);
	/* what only the full one keeps */
	assert_int_equal(w->b.piece[0].s->ctr[HR_CTR_SWITCHES], 0);
	assert_true(w->a.piece[0].s->ctr[HR_CTR_SWITCHES] > 0);
	lean = hr_digest_encode(&w->b, HR_DIGEST_LEAN, w->buf, sizeof(w->buf));
	assert_true(lean > 0 && lean < brief);
	assert_true(w->b.piece[0].s->ctr[HR_CTR_MEM_ANON_BYTES] > 0);
	hr_digest_clear(&w->b);
	assert_int_equal(hr_digest_decode(&w->b, w->buf, lean), HR_DIGEST_OK);
	assert_near(&w->b, &w->a);
	assert_int_equal(w->b.piece[0].s->ctr[HR_CTR_MEM_ANON_BYTES], 0);
	assert_int_equal(w->b.piece[0].s->dist[HR_DIST_RUNQ_WAIT].shift, 3);
	assert_int_equal(w->b.piece[0].s->dist[HR_DIST_BUSY_1S].shift, 2);
}

/* Samples in buckets from @from on. */
static double beyond(const struct hr_hist *h, uint32_t from)
{
	double n = 0;

	for (uint32_t i = from; i < HR_BUCKETS; i++)
		n += h->n[i];
	return n;
}

/* What was left of @c in a sum of @detail: within a thousandth, or nothing where it is not kept. */
static bool kept(uint64_t left, uint64_t was, enum hr_digest_detail detail)
{
	if (detail == HR_DIGEST_SHARP && left == 0)
		return true;
	return fabs((double)left - (double)was) <= (double)was / 1000;
}

/*
 * An hour of twelve sums of 5 minutes, each rounded as its tier keeps it, against the sum of all
 * windows: what is read of an hour is off by no more than one rounding of the hour itself allows,
 * and what is read of the 5 minutes (history: means) by a thousandth.
 */
static size_t an_hour(struct world *w, enum hr_digest_detail detail, const enum hr_dist *dist,
	uint32_t n_dist, size_t *ret_full)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_digest exact = {0}, hour = {0};
	size_t len, all = 0;

	for (uint32_t bin = 0; bin < 12; bin++) {
		hr_digest_clear(&w->a);
		for (uint32_t i = 0; i < 30; i++) {
			hr_sample_busy(&w->r, s, bin * 30 + i);
			assert_true(
				hr_digest_add(&w->a, 1, 1, s) && hr_digest_add(&exact, 1, 1, s));
		}
		*ret_full += hr_digest_encode(&w->a, HR_DIGEST_FULL, w->buf, sizeof(w->buf));
		len = hr_digest_encode(&w->a, detail, w->buf, sizeof(w->buf));
		all += len;
		hr_digest_clear(&w->b);
		assert_int_equal(hr_digest_decode(&w->b, w->buf, len), HR_DIGEST_OK);
		for (unsigned c = 0; c < HR_CTR_N; c++)
			assert_true(kept(w->b.piece[0].s->ctr[c], w->a.piece[0].s->ctr[c], detail));
		assert_int_equal(hr_digest_decode(&hour, w->buf, len), HR_DIGEST_OK);
	}
	assert_int_equal(hour.windows, 360);
	assert_true(hour.samples == exact.samples);
	for (uint32_t i = 0; i < n_dist; i++) {
		const struct hr_hist *a = &exact.piece[0].s->dist[dist[i]],
				     *b = &hour.piece[0].s->dist[dist[i]];

		assert_true(a->total > 0 && a->total == b->total && a->max == b->max);
		assert_true(fabs((double)b->sum / (double)a->sum - 1) < 0.02);
		for (uint32_t from = 0; from < HR_BUCKETS; from += 2)
			assert_true(fabs(beyond(b, from) - beyond(a, from)) <=
				    (beyond(a, from) < (double)a->total / 2
						    ? beyond(a, from)
						    : (double)a->total - beyond(a, from)) /
						    50 +
					    (double)a->total / 2000 + 12);
	}
	/* of a sharp one as many as the hour keeps */
	len = hr_digest_encode(&exact, detail == HR_DIGEST_SHARP ? HR_DIGEST_BRIEF : detail, w->buf,
		sizeof(w->buf));
	hr_digest_clear(&w->b);
	assert_int_equal(hr_digest_decode(&w->b, w->buf, len), HR_DIGEST_OK);
	for (unsigned c = 0; c < HR_CTR_N; c++) {
		assert_true(kept(hour.piece[0].s->ctr[c], exact.piece[0].s->ctr[c], detail));
		assert_true((hour.piece[0].s->ctr[c] == 0) == (w->b.piece[0].s->ctr[c] == 0));
	}
	/* what the history shows of it */
	assert_true(hour.piece[0].s->ctr[HR_CTR_ONCPU_NS] > 0);
	assert_true(hour.piece[0].s->ctr[HR_CTR_STAT_USER_MS] > 0);
	assert_true(hour.piece[0].s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] > 0);
	hr_digest_done(&exact);
	hr_digest_done(&hour);
	free(s);
	return all;
}

static void an_hour_of_rounded_sums_is_as_good_as_one_of_exact_ones(void **state)
{
	static const enum hr_dist fine[] = {HR_DIST_RUNQ_WAIT, HR_DIST_BUSY_1S, HR_DIST_BURST_CPU,
		HR_DIST_RUNNABLE},
				  sharp[] = {HR_DIST_RUNQ_WAIT, HR_DIST_BUSY_1S};
	size_t full = 0, as_fine = an_hour(*state, HR_DIGEST_FINE, fine, 4, &full), again = 0;

	assert_true(as_fine * 4 < full * 3);
	assert_true(an_hour(*state, HR_DIGEST_SHARP, sharp, 2, &again) * 2 < as_fine);
}

static void order_and_grouping_change_no_byte(void **state)
{
	struct world *w = *state;
	size_t n1, n2, part;

	/* backwards, in groups of 7, each through its own full bytes; gauges are the later one's */
	for (uint32_t i = 0; i < N; i++)
		for (unsigned c = 0; c < HR_CTR_N; c++)
			if (hr_ctr_kind((enum hr_ctr)c) == HR_KIND_G)
				w->win[i].ctr[c] = 5;
	hr_digest_clear(&w->a);
	add_all(w, &w->a);
	n1 = hr_digest_encode(&w->a, HR_DIGEST_BRIEF, w->buf, sizeof(w->buf));
	for (uint32_t i = N; i > 0;) {
		struct hr_digest group = {0};
		uint8_t *bytes = w->buf2;

		for (uint32_t k = 0; k < 7 && i > 0; k++)
			assert_true(hr_digest_add(&group, 1, 1, &w->win[--i]));
		part = hr_digest_encode(&group, HR_DIGEST_FULL, bytes, sizeof(w->buf2));
		assert_int_equal(hr_digest_decode(&w->b, bytes, part), HR_DIGEST_OK);
		hr_digest_done(&group);
	}
	n2 = hr_digest_encode(&w->b, HR_DIGEST_BRIEF, w->buf2, sizeof(w->buf2));
	assert_int_equal(n1, n2);
	assert_memory_equal(w->buf, w->buf2, n1);
}

static void what_measured_other_things_stands_beside_it(void **state)
{
	struct world *w = *state;
	struct hr_summary *s = &w->win[1];

	assert_true(hr_digest_add(&w->a, 1, 1, &w->win[0]));
	s->have &= ~HR_SIG_BIT(HR_SIG_STEAL);
	assert_true(hr_digest_add(&w->a, 1, 1, s));
	assert_int_equal(w->a.n, 2);
	assert_true(hr_digest_add(&w->a, 2, 3, &w->win[2])); /* another boot */
	assert_int_equal(w->a.n, 3);
	assert_int_equal(w->a.windows, 5);
	size_t len = hr_digest_encode(&w->a, HR_DIGEST_FULL, w->buf, sizeof(w->buf));
	assert_int_equal(hr_digest_decode(&w->b, w->buf, len), HR_DIGEST_OK);
	assert_int_equal(w->b.n, 3);
	assert_int_equal(w->b.windows, 5);
	assert_int_equal(w->b.piece[2].boot_ord, 2);
	assert_int_equal(w->b.piece[2].windows, 3);
}

/* More kinds of windows than pieces, and less room than they need: the counts stay. */
static void counts_stay_when_pieces_cannot(void **state)
{
	struct world *w = *state;
	uint64_t samples = 0;
	size_t len;

	for (uint32_t i = 0; i < N; i++) {
		samples += hr_digest_samples(&w->win[i]);
		assert_true(hr_digest_add(&w->a, i + 1, 1, &w->win[i]));
	}
	assert_int_equal(w->a.n, HR_DIGEST_PIECES);
	assert_int_equal(w->a.bare_windows, N - HR_DIGEST_PIECES);
	len = hr_digest_encode(&w->a, HR_DIGEST_FULL, w->buf, 2000);
	assert_true(len > 0 && len <= 2000);
	assert_int_equal(hr_digest_decode(&w->b, w->buf, len), HR_DIGEST_OK);
	assert_int_equal(w->b.windows, N);
	assert_true(w->b.samples == samples);
	assert_true(w->b.n < HR_DIGEST_PIECES && w->b.n > 0);
}

/* A brief digest as the collectors up to schema 5 wrote it: of two windows of an idle VM. */
static const uint8_t version_2[] = {0x22, 0x1e, 0x18, 0x52, 0x81, 0x04, 0x20, 0x21, 0x0f, 0x38,
	0x98, 0x08, 0x5c, 0xff, 0xff, 0xff, 0xed, 0x9c, 0x75, 0x8d, 0x36, 0x07, 0x63, 0xfa, 0x4c,
	0x2a, 0x08, 0xc7, 0x8c, 0x5a, 0x07, 0x12, 0xc1, 0x35, 0xe9, 0x09, 0x60, 0x84, 0xa2, 0x20,
	0x06, 0x05, 0x44, 0xfb, 0x1c, 0xd7, 0x74, 0x0f, 0x7f, 0x8e, 0x36, 0x8c, 0x00, 0x30, 0x01,
	0xba, 0x06, 0x24, 0x0a, 0xf9, 0x04, 0x45, 0x08, 0x58, 0xa5, 0x2b, 0xe7, 0xc6, 0xf0, 0x00,
	0x43, 0x5a, 0xf1, 0xbc, 0x00, 0x00, 0x54, 0x03, 0x00, 0x00, 0x15, 0x00, 0x08, 0x0f, 0x80,
	0x01, 0x16, 0x15, 0x08, 0x00, 0x02, 0xca, 0x4c, 0xb8, 0x03, 0x0c, 0x10, 0xd0, 0x9e, 0x9b,
	0xa1, 0xc4, 0x65, 0xde, 0x00, 0x00, 0x06, 0x38, 0x00, 0x0a, 0xc1, 0x80, 0x00, 0x9c, 0x00,
	0x09, 0xf0, 0x00, 0x06, 0x00, 0x00, 0x06, 0x38, 0x00, 0x60, 0x00, 0x00, 0x63, 0x80, 0x00};

static void rows_of_older_collectors_are_read_and_kept_on_with(void **state)
{
	struct world *w = *state;
	const struct hr_hist *wait;
	size_t len;

	assert_int_equal(hr_digest_decode(&w->a, version_2, sizeof(version_2)), HR_DIGEST_OK);
	assert_int_equal(w->a.windows, 2);
	assert_int_equal(w->a.samples, 5678);
	assert_int_equal(w->a.piece[0].s->ctr[HR_CTR_ONCPU_NS], 82029673);
	wait = &w->a.piece[0].s->dist[HR_DIST_RUNQ_WAIT];
	assert_true(wait->total == 5000 && wait->sum == 27483 && wait->max == 46);
	assert_int_equal(w->a.piece[0].s->dev[0].dist[HR_DDIST_WR_LAT].total, 24);
	/* a window that comes late: one piece still */
	assert_true(hr_digest_add(&w->a, 1, 1, &w->win[1]));
	assert_int_equal(w->a.n, 1);
	len = hr_digest_encode(&w->a, HR_DIGEST_BRIEF, w->buf, sizeof(w->buf));
	assert_int_equal(hr_digest_decode(&w->b, w->buf, len), HR_DIGEST_OK);
	assert_near(&w->b, &w->a);
}

/* Bytes from the file are input: any change is refused or gives a digest, never a crash. */
static void damaged_bytes_do_no_harm(void **state)
{
	struct world *w = *state;
	size_t len = 0;

	add_all(w, &w->a);
	for (uint32_t i = 0; i < 5000; i++) {
		enum hr_digest_detail detail = HR_DIGEST_FULL + i / 1000;

		if (i % 1000 == 0) {
			len = hr_digest_encode(&w->a, detail, w->buf, sizeof(w->buf));
			hr_digest_clear(&w->b);
			assert_int_equal(
				hr_digest_decode(&w->b, w->buf, len - 1), HR_DIGEST_DAMAGED);
			assert_int_equal(hr_digest_decode(&w->b, w->buf, 0), HR_DIGEST_DAMAGED);
		}
		memcpy(w->buf2, w->buf, len);
		for (uint32_t k = 0; k <= i % 4; k++)
			w->buf2[hr_rand_u64(&w->r) % len] ^=
				(uint8_t)(1u << hr_rand_u64(&w->r) % 8);
		hr_digest_clear(&w->b);
		(void)hr_digest_decode(&w->b, w->buf2, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_sample_is_kept_at_any_detail, setup, teardown),
		cmocka_unit_test_setup_teardown(order_and_grouping_change_no_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_hour_of_rounded_sums_is_as_good_as_one_of_exact_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_measured_other_things_stands_beside_it, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_stay_when_pieces_cannot, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rows_of_older_collectors_are_read_and_kept_on_with, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_bytes_do_no_harm, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
