/* SPDX-License-Identifier: Apache-2.0 */
/* Spool records: what is written is read, and nothing else is. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "agent/core/journal.h"

static void crc_is_the_castagnoli_polynomial(void **state)
{
	(void)state;
	/* the check value of CRC-32C in RFC 3720 B.4 and the CRC catalogue */
	assert_int_equal(hr_journal_crc("123456789", 9), 0xe3069283u);
	assert_int_equal(hr_journal_crc("", 0), 0);
}

static struct hr_journal_record window(void)
{
	return (struct hr_journal_record){.type = HR_JOURNAL_WINDOW,
		.boot = 0x1122334455667788ULL,
		.epoch = 3,
		.span = {100, 105},
		.t_end_ms = 1795531686809ULL,
		.body = "body",
		.body_len = 4};
}

static void a_window_is_read_as_it_was_written(void **state)
{
	struct hr_journal_record w = window(), r;
	unsigned char buf[256];
	size_t n = hr_journal_put(&w, buf, sizeof(buf));

	(void)state;
	/* header 16, boot 8, epoch 4, span 16, end 8, body 4 */
	assert_int_equal(n, 56);
	assert_int_equal(hr_journal_get(buf, n, &r), 1);
	assert_int_equal(r.size, 56);
	assert_int_equal(r.type, HR_JOURNAL_WINDOW);
	assert_true(r.boot == w.boot);
	assert_int_equal(r.epoch, 3);
	assert_int_equal(r.span.seq_first, 100);
	assert_int_equal(r.span.seq_last, 105);
	assert_true(r.t_end_ms == w.t_end_ms);
	assert_int_equal(r.body_len, 4);
	assert_memory_equal(r.body, "body", 4);
	assert_int_equal(hr_journal_put(&w, buf, 55), 0);
}

static void lists_and_heads_are_read_as_they_were_written(void **state)
{
	struct hr_journal_record l = {
		.type = HR_JOURNAL_ACKED, .boot = 7, .n = 2, .list = {{1, 1}, {2, 7}}};
	struct hr_journal_record h = {.type = HR_JOURNAL_HEAD,
		.boot = 9,
		.epoch = 4,
		.span = {.seq_last = 99},
		.dropped = 5,
		.merged = 6};
	struct hr_journal_record r;
	unsigned char buf[256];
	size_t n = hr_journal_put(&l, buf, sizeof(buf));

	(void)state;
	assert_int_equal(n, 16 + 12 + 32);
	assert_int_equal(hr_journal_get(buf, n, &r), 1);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.list[1].seq_last, 7);
	n = hr_journal_put(&h, buf, sizeof(buf));
	assert_int_equal(hr_journal_get(buf, n, &r), 1);
	assert_int_equal(r.boot, 9);
	assert_int_equal(r.span.seq_last, 99);
	assert_int_equal(r.dropped, 5);
	assert_int_equal(r.merged, 6);
}

static void a_record_cut_anywhere_is_torn(void **state)
{
	struct hr_journal_record w = window(), r = {.boot = 1};
	unsigned char buf[256];
	size_t n = hr_journal_put(&w, buf, sizeof(buf));

	(void)state;
	assert_int_equal(hr_journal_get(buf, 0, &r), 0);
	for (size_t cut = 1; cut < n; cut++)
		assert_int_equal(hr_journal_get(buf, cut, &r), -EAGAIN);
	assert_int_equal(r.boot, 1); /* untouched */
}

static void any_flipped_bit_is_noticed(void **state)
{
	struct hr_journal_record w = window(), r;
	unsigned char buf[256];
	size_t n = hr_journal_put(&w, buf, sizeof(buf));

	(void)state;
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] ^= (unsigned char)(1u << bit % 8);
		/* a longer length reads as torn, anything else as no record */
		assert_true(hr_journal_get(buf, n, &r) < 0);
		buf[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(hr_journal_get(buf, n, &r), 1);
}

static void nonsense_under_a_right_checksum_is_refused(void **state)
{
	struct hr_journal_record r, list = {.type = HR_JOURNAL_LOST, .n = 1, .list = {{5, 4}}};
	struct hr_journal_record w = window();
	unsigned char buf[256];
	size_t n = hr_journal_put(&list, buf, sizeof(buf));

	(void)state;
	assert_int_equal(hr_journal_get(buf, n, &r), -EBADMSG); /* first after last */
	w.span.seq_first = 106;
	n = hr_journal_put(&w, buf, sizeof(buf));
	assert_int_equal(hr_journal_get(buf, n, &r), -EBADMSG);
	w = window();
	w.body_len = 0;
	n = hr_journal_put(&w, buf, sizeof(buf));
	assert_int_equal(hr_journal_get(buf, n, &r), -EBADMSG); /* no body */
	list.n = 65;
	assert_int_equal(hr_journal_put(&list, buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_the_castagnoli_polynomial),
		cmocka_unit_test(a_window_is_read_as_it_was_written),
		cmocka_unit_test(lists_and_heads_are_read_as_they_were_written),
		cmocka_unit_test(a_record_cut_anywhere_is_torn),
		cmocka_unit_test(any_flipped_bit_is_noticed),
		cmocka_unit_test(nonsense_under_a_right_checksum_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
