/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of windows, against the rows that went in. */
#include "collector/core/pack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "proto/wire.h"
#include "tests/unit/hr_sample.h"

struct world {
	struct hr_packer *k;
	struct hr_rand r;
	struct hr_pack p, back;
	unsigned char body[HR_PACK_ROWS][1024], buf[HR_PACK_MAX];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->k = hr_packer_new();
	assert_non_null(w->k);
	w->r = hr_rand_seeded("pack");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_packer_free(w->k);
	free(w);
	return 0;
}

/* Windows of a busy VM, as an agent sends six at a time. */
static void fill(struct world *w, uint32_t n)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	uint64_t at_n = 1000;

	w->p.n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct hr_pack_row *r = &w->p.row[i];

		hr_sample_busy(&w->r, s, 77 + i);
		at_n += i % 6 == 0 ? 600000 : 1;
		*r = (struct hr_pack_row){.at = (uint8_t)(i * HR_PACK_SLOTS / n),
			.boot_ord = 3,
			.seq_first = 77 + i,
			.seq_last = 77 + i,
			.n = at_n,
			.body = w->body[i],
			.len = hr_wire_encode_window(s, w->body[i], sizeof(w->body[i]))};
	}
	free(s);
}

static void assert_same(const struct world *w)
{
	assert_int_equal(w->back.n, w->p.n);
	for (uint32_t i = 0; i < w->p.n; i++) {
		const struct hr_pack_row *a = &w->p.row[i], *b = &w->back.row[i];

		assert_int_equal(a->at, b->at);
		assert_int_equal(a->boot_ord, b->boot_ord);
		assert_int_equal(a->seq_first, b->seq_first);
		assert_int_equal(a->seq_last, b->seq_last);
		assert_int_equal(a->n, b->n);
		assert_int_equal(a->len, b->len);
		assert_memory_equal(a->body, b->body, a->len);
	}
}

static void five_minutes_take_two_thirds_of_their_bytes(void **state)
{
	struct world *w = *state;
	size_t all = 0, len;

	fill(w, 30);
	for (uint32_t i = 0; i < 30; i++)
		all += w->p.row[i].len;
	len = hr_pack_encode(w->k, &w->p, w->buf);
	assert_true(len > 0 && len < all * 2 / 3);
	assert_true(hr_pack_decode(w->k, w->buf, len, &w->back));
	assert_same(w);
	assert_false(hr_pack_decode(NULL, w->buf, len, &w->back)); /* it takes memory */
	assert_true(hr_pack_is(w->buf, len));
	assert_false(hr_pack_is(w->body[0], w->p.row[0].len)); /* a Summary */
	assert_false(hr_pack_is(w->buf, 0));
}

/* Windows of a POST: some ten bytes each over their bodies. */
static void plain_ones_need_no_memory_and_lie_where_they_were_read(void **state)
{
	struct world *w = *state;
	size_t all = 0, len;

	fill(w, 6);
	for (uint32_t i = 0; i < 6; i++)
		all += w->p.row[i].len;
	len = hr_pack_encode_plain(&w->p, w->buf);
	assert_true(len > all && len < all + 6 * 12);
	assert_true(hr_pack_is(w->buf, len));
	assert_true(hr_pack_decode(NULL, w->buf, len, &w->back));
	assert_same(w);
	assert_ptr_equal(
		(const unsigned char *)w->back.row[5].body + w->back.row[5].len, w->buf + len);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(hr_pack_decode(w->k, w->buf, cut, &w->back));
	w->buf[len] = 0;
	assert_false(hr_pack_decode(w->k, w->buf, len + 1, &w->back));
}

static void any_rows_come_back_by_slot_and_number(void **state)
{
	struct world *w = *state;

	for (unsigned round = 0; round < 300; round++) {
		size_t len;

		w->p.n = 1 + (uint32_t)hr_rand_below(&w->r, HR_PACK_ROWS);
		for (uint32_t i = 0; i < w->p.n; i++) {
			uint64_t width = hr_rand_u64(&w->r) >> (32 + hr_rand_below(&w->r, 32));

			w->p.row[i] = (struct hr_pack_row){
				.at = (uint8_t)hr_rand_below(&w->r, HR_PACK_SLOTS),
				.boot_ord = (uint32_t)hr_rand_u64(&w->r),
				.seq_first = hr_rand_u64(&w->r) >> hr_rand_below(&w->r, 64),
				.n = hr_rand_u64(&w->r) >> hr_rand_below(&w->r, 64),
				.body = w->body[i],
				.len = hr_rand_below(&w->r, 1024)};
			w->p.row[i].seq_last = w->p.row[i].seq_first + width % UINT32_MAX;
			if (w->p.row[i].seq_last < w->p.row[i].seq_first)
				w->p.row[i].seq_last = w->p.row[i].seq_first;
			for (size_t k = 0; k < w->p.row[i].len; k++)
				w->body[i][k] = (unsigned char)hr_rand_u64(&w->r);
		}
		hr_pack_sort(&w->p);
		for (uint32_t i = 1; i < w->p.n; i++)
			assert_true(w->p.row[i - 1].at < w->p.row[i].at ||
				    (w->p.row[i - 1].at == w->p.row[i].at &&
					    w->p.row[i - 1].n <= w->p.row[i].n));
		len = hr_pack_encode(w->k, &w->p, w->buf);
		assert_true(len > 0);
		assert_true(hr_pack_decode(w->k, w->buf, len, &w->back));
		assert_same(w);
		len = hr_pack_encode_plain(&w->p, w->buf);
		assert_true(hr_pack_decode(NULL, w->buf, len, &w->back));
		assert_same(w);
	}
}

/* No checksum is in it: what is changed is refused, or is rows within their bounds. */
static void damage_is_refused_or_stays_within_bounds(void **state)
{
	struct world *w = *state;
	static unsigned char was[HR_PACK_MAX];
	size_t len;

	fill(w, 30);
	len = hr_pack_encode(w->k, &w->p, w->buf);
	memcpy(was, w->buf, len);
	for (size_t cut = 0; cut < len; cut += cut < 400 ? 1 : 97)
		assert_false(hr_pack_decode(w->k, w->buf, cut, &w->back));
	w->buf[len] = 0;
	assert_false(hr_pack_decode(w->k, w->buf, len + 1, &w->back)); /* bytes behind it */
	for (unsigned i = 0; i < 4000; i++) {
		size_t at = hr_rand_below(&w->r, i % 2 ? len : 400);

		w->buf[at] ^= (unsigned char)(1 + hr_rand_below(&w->r, 255));
		if (hr_pack_decode(w->k, w->buf, len, &w->back)) {
			size_t all = 0;

			assert_in_range(w->back.n, 1, HR_PACK_ROWS);
			for (uint32_t k = 0; k < w->back.n; k++) {
				assert_true(w->back.row[k].at < HR_PACK_SLOTS);
				assert_true(w->back.row[k].seq_last >= w->back.row[k].seq_first);
				all += w->back.row[k].len;
			}
			assert_true(all <= HR_PACK_RAW);
		}
		memcpy(w->buf, was, len);
	}
}

/* One row whose length is @says, and a frame of @is bytes of nothing. */
static size_t bomb(unsigned char *buf, size_t cap, size_t says, size_t is)
{
	static const unsigned char head[] = {1, 1, 0, 1, 0, 0, 2};
	void *nothing = calloc(1, is);
	size_t at = sizeof(head), n;

	assert_non_null(nothing);
	memcpy(buf, head, sizeof(head));
	for (; says >= 128; says >>= 7)
		buf[at++] = (unsigned char)(says | 128);
	buf[at++] = (unsigned char)says;
	n = ZSTD_compress(buf + at, cap - at, nothing, is, 1);
	assert_false(ZSTD_isError(n));
	free(nothing);
	return at + n;
}

static void a_frame_becomes_no_more_than_its_rows_say_and_those_are_bounded(void **state)
{
	struct world *w = *state;
	size_t len = bomb(w->buf, sizeof(w->buf), 5000, 5000);

	assert_true(hr_pack_decode(w->k, w->buf, len, &w->back)); /* so the head is right */
	assert_int_equal(w->back.row[0].len, 5000);
	len = bomb(w->buf, sizeof(w->buf), 5000, 100 << 20);
	assert_true(len < 20000);
	assert_false(hr_pack_decode(w->k, w->buf, len, &w->back));
	len = bomb(w->buf, sizeof(w->buf), 100 << 20, 100 << 20);
	assert_false(hr_pack_decode(w->k, w->buf, len, &w->back));
	len = bomb(w->buf, sizeof(w->buf), HR_PACK_RAW + 1, HR_PACK_RAW + 1);
	assert_false(hr_pack_decode(w->k, w->buf, len, &w->back));
	len = bomb(w->buf, sizeof(w->buf), 5000, 4999);
	assert_false(hr_pack_decode(w->k, w->buf, len, &w->back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			five_minutes_take_two_thirds_of_their_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			plain_ones_need_no_memory_and_lie_where_they_were_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			any_rows_come_back_by_slot_and_number, setup, teardown),
		cmocka_unit_test_setup_teardown(
			damage_is_refused_or_stays_within_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_frame_becomes_no_more_than_its_rows_say_and_those_are_bounded, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
