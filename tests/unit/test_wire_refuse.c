/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and broken bodies: every reason of enum hr_wire_error is triggered, each alone. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/grid_bits.h"
#include "proto/wire.h"
#include "tests/unit/hr_pb.h"

static struct hr_wire_arena arena;
static struct hr_summary out;
static struct hr_pb s, m, fa; /* summary, message (body), facts */
static const uint8_t host[16] = {1};

enum hr_field { /* of headroom.proto */
	S_SEQ_FIRST = 1,
	S_SEQ_LAST,
	S_T_END,
	S_DUR,
	S_LOST,
	S_EPOCH,
	S_CPUS,
	S_HAVE,
	S_CTR_SET,
	S_CTR,
	S_VQ,
	S_DIST_SET,
	S_DIST,
	S_DEV,
	S_DEV_HAVE,
	S_DCTR_SET,
	S_DCTR,
	S_TOP,
	S_TOP_NAME,
	S_REPLAY,
	S_FS_MOUNT,
	S_FS,
	S_BITS,
	S_QUEUED = 27,
};

/* The least a summary must say. */
static void start(uint64_t first, uint64_t last, uint64_t dur_ms, uint64_t cpus)
{
	s.len = 0;
	hr_pb_num(&s, S_SEQ_FIRST, first);
	hr_pb_num(&s, S_SEQ_LAST, last);
	hr_pb_num(&s, S_DUR, dur_ms);
	hr_pb_num(&s, S_CPUS, cpus);
}

static void column(uint32_t field, size_t n, const uint64_t *v)
{
	hr_pb_column(&s, field, v, n);
}
#define COLUMN(field, ...)                                                                         \
	column(field, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})

static enum hr_wire_error summary(void)
{
	return hr_wire_decode_summary(&arena, s.b, s.len, &out);
}

static void head(void)
{
	m.len = 0;
	hr_pb_bytes(&m, 1, host, sizeof(host));
	hr_pb_fixed64(&m, 2, 77);
	hr_pb_num(&m, 3, HR_SCHEMA);
}

static enum hr_wire_error open_body(void)
{
	struct hr_wire_batch b;

	return hr_wire_open(&arena, m.b, m.len, &b);
}

static enum hr_wire_error facts(void)
{
	static struct hr_facts f;

	return hr_wire_decode_facts(&arena, fa.b, fa.len, &f);
}

static void the_least_is_enough(void **state)
{
	(void)state;
	start(5, 5, 10000, 2);
	assert_int_equal(summary(), HR_WIRE_OK);
	head();
	hr_pb_msg(&m, 5, &s);
	assert_int_equal(open_body(), HR_WIRE_OK);
	fa.len = 0;
	assert_int_equal(facts(), HR_WIRE_OK);
	head();
	hr_pb_msg(&m, 4, &fa);
	assert_int_equal(open_body(), HR_WIRE_OK);
}

static void too_long(void **state)
{
	static unsigned char big[HR_BODY_MAX + 1];
	static struct hr_facts f;
	struct hr_wire_batch b;

	(void)state;
	assert_int_equal(hr_wire_open(&arena, big, sizeof(big), &b), HR_WIRE_TOO_LONG);
	assert_int_equal(hr_wire_decode_summary(&arena, big, sizeof(big), &out), HR_WIRE_TOO_LONG);
	assert_int_equal(hr_wire_decode_facts(&arena, big, sizeof(big), &f), HR_WIRE_TOO_LONG);
}

static void malformed(void **state)
{
	static const unsigned char bad[][12] = {
		{0x0b},             /* wire type 3 */
		{0x0c},             /* 4 */
		{0x0e},             /* 6 */
		{0x0f},             /* 7 */
		{0x00, 0x01},       /* field 0 */
		{0x80, 0x00, 0x01}, /* field 0, overlong */
		{0x08, 0xff},       /* varint cut */
		{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0x01},                        /* 11 bytes */
		{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, /* tag of 6 bytes */
		{0x4a, 0x05, 0x01},                   /* length beyond the end */
		{0x09, 1, 2, 3, 4, 5, 6, 7, 8},       /* seq_first as fixed64 */
		{0x48, 0x01},                         /* column not packed */
		{0x4a, 0x01, 0xff},                   /* column that ends in a varint */
	};
	static const size_t len[] = {1, 1, 1, 1, 2, 3, 2, 12, 6, 3, 9, 2, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		enum hr_wire_error e = hr_wire_decode_summary(&arena, bad[i], len[i], &out);

		if (e != HR_WIRE_MALFORMED)
			fail_msg("case %zu: %s", i, hr_wire_error_name(e));
	}
	/* inside a sub-message too */
	head();
	hr_pb_bytes(&m, 5, "\x0b", 1);
	assert_int_equal(open_body(), HR_WIRE_MALFORMED);
}

static void too_complex(void **state)
{
	uint64_t many[HR_SET_WORDS_MAX + 1] = {0};
	struct hr_pb empty = {.len = 0};

	(void)state;
	start(5, 5, 10000, 2);
	head();
	for (int i = 0; i <= HR_BATCH_MAX; i++)
		hr_pb_msg(&m, 5, &empty);
	assert_int_equal(open_body(), HR_WIRE_TOO_COMPLEX); /* 65 summaries */
	head();
	hr_pb_msg(&m, 4, &empty);
	hr_pb_msg(&m, 4, &empty); /* facts twice would be merged */
	assert_int_equal(open_body(), HR_WIRE_TOO_COMPLEX);
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_CPUS, 2); /* a number twice */
	assert_int_equal(summary(), HR_WIRE_TOO_COMPLEX);
	start(5, 5, 10000, 2);
	for (int i = 0; i < HR_UNKNOWN_FIELDS_MAX; i++)
		hr_pb_num(&s, 1000, 1);
	assert_int_equal(summary(), HR_WIRE_OK); /* so many are fine: a newer agent */
	hr_pb_num(&s, 1000, 1);
	assert_int_equal(summary(), HR_WIRE_TOO_COMPLEX);
	fa.len = 0;
	for (int i = 0; i <= HR_DEVS_MAX; i++)
		hr_pb_msg(&fa, 13, &empty);
	assert_int_equal(facts(), HR_WIRE_TOO_COMPLEX); /* 17 devices */
	start(5, 5, 10000, 2);
	column(S_CTR_SET, HR_SET_WORDS_MAX + 1, many);
	assert_int_equal(summary(), HR_WIRE_TOO_COMPLEX);
	start(5, 5, 10000, 2);
	COLUMN(S_DEV, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
	assert_int_equal(summary(), HR_WIRE_TOO_COMPLEX);
	start(5, 5, 10000, 2);
	for (int i = 0; i < 2 * (HR_TOP_MAX + 1); i++)
		hr_pb_text(&s, S_TOP_NAME, "x");
	assert_int_equal(summary(), HR_WIRE_TOO_COMPLEX);
	fa.len = 0;
	hr_pb_bytes(&fa, 14, (unsigned char[65]){0}, 65); /* rungs of 65 signals */
	assert_int_equal(facts(), HR_WIRE_TOO_COMPLEX);
}

static void schema(void **state)
{
	(void)state;
	start(5, 5, 10000, 2);
	for (uint64_t v = 0; v < 4; v++) {
		m.len = 0;
		hr_pb_bytes(&m, 1, host, sizeof(host));
		hr_pb_fixed64(&m, 2, 77);
		if (v < 3)
			hr_pb_num(&m, 3, v);
		hr_pb_msg(&m, 5, &s);
		assert_int_equal(open_body(), v == HR_SCHEMA ? HR_WIRE_OK : HR_WIRE_SCHEMA);
	}
}

static void host_and_boot(void **state)
{
	static const uint8_t zero[16];

	(void)state;
	start(5, 5, 10000, 2);
	for (int i = 0; i < 6; i++) {
		m.len = 0;
		if (i == 1)
			hr_pb_bytes(&m, 1, zero, 16);
		else if (i != 0)
			hr_pb_bytes(&m, 1, host, i == 2 ? 15 : 16);
		if (i != 3)
			hr_pb_fixed64(&m, 2, i == 4 ? 0 : 77);
		hr_pb_num(&m, 3, HR_SCHEMA);
		hr_pb_msg(&m, 5, &s);
		assert_int_equal(open_body(), i == 5 ? HR_WIRE_OK : HR_WIRE_HOST);
	}
}

static void empty(void **state)
{
	(void)state;
	head();
	assert_int_equal(open_body(), HR_WIRE_EMPTY);
}

static void sequence(void **state)
{
	static const struct {
		uint64_t first, last, dur_ms;
		enum hr_wire_error e;
	} t[] = {
		{5, 4, 10000, HR_WIRE_SEQUENCE},
		{5, 5, 0, HR_WIRE_SEQUENCE},
		{5, 5, 3600001, HR_WIRE_SEQUENCE},
		{5, 5, 3600000, HR_WIRE_OK},
		{0, 0, 1, HR_WIRE_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		start(t[i].first, t[i].last, t[i].dur_ms, 2);
		assert_int_equal(summary(), t[i].e);
	}
	s.len = 0; /* absent altogether */
	hr_pb_num(&s, S_CPUS, 2);
	hr_pb_num(&s, S_DUR, 10);
	assert_int_equal(summary(), HR_WIRE_SEQUENCE);
	/* two summaries: next, equal, overlapping, before */
	static const uint64_t second[][2] = {{8, 9}, {5, 7}, {7, 8}, {1, 4}};

	for (int i = 0; i < 4; i++) {
		head();
		start(5, 7, 10000, 2);
		hr_pb_msg(&m, 5, &s);
		start(second[i][0], second[i][1], 10000, 2);
		hr_pb_msg(&m, 5, &s);
		assert_int_equal(open_body(), i == 0 ? HR_WIRE_OK : HR_WIRE_SEQUENCE);
	}
}

/* 21 bits: three 5s, as in test_hist_bits.c */
static const char one_hist[] = "\x05\x00\x20";

static void columns(void **state)
{
	(void)state;
	start(5, 5, 10000, 2);
	COLUMN(S_CTR_SET, 5); /* two counters, one value */
	COLUMN(S_CTR, 1);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_CTR, 1); /* a value of no counter */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_VQ, 1, 2, 3);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_REPLAY, 1, 2, 3);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DEV, 1, 0);
	COLUMN(S_DEV_HAVE, 0, 0);
	COLUMN(S_DCTR_SET, 0, 0);
	assert_int_equal(summary(), HR_WIRE_COLUMNS); /* not ascending */
	start(5, 5, 10000, 2);
	COLUMN(S_DEV, 0, 1);
	COLUMN(S_DEV_HAVE, 0);
	COLUMN(S_DCTR_SET, 0, 0);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DEV, 0);
	COLUMN(S_DEV_HAVE, 0);
	COLUMN(S_DCTR_SET, 1);
	assert_int_equal(summary(), HR_WIRE_COLUMNS); /* the counter's value is not there */
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1, 0); /* two words, no device */
	hr_pb_bytes(&s, S_DIST, one_hist, 3);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_DIST, "\x05\x00\x20\x00", 4); /* a byte too many */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_TOP, 1, 2, 3, 4, 5); /* five of six numbers */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_TOP, 1, 2, 3, 4, 5, 6);
	hr_pb_text(&s, S_TOP_NAME, "a"); /* one of two names */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	hr_pb_text(&s, S_FS_MOUNT, "/");
	COLUMN(S_FS, 1, 2, 3); /* three of four numbers */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	hr_pb_text(&s, S_FS_MOUNT, "/");
	COLUMN(S_FS, 1, HR_VALUE_MAX + 1, 3, 4);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, 2);
	hr_pb_text(&s, S_FS_MOUNT, ""); /* no name */
	COLUMN(S_FS, 1, 2, 3, 4);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	fa.len = 0;
	hr_pb_text(&fa, 15, "why");
	assert_int_equal(facts(), HR_WIRE_COLUMNS); /* a reason of no signal */
	fa.len = 0;
	hr_pb_text(&fa, 15, "why");
	hr_pb_text(&fa, 15, "why");
	hr_pb_bytes(&fa, 16, "\x03\x03", 2); /* twice for one signal */
	assert_int_equal(facts(), HR_WIRE_COLUMNS);
}

static void hist(void **state)
{
	(void)state;
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_HAVE, (1ULL << HR_SIG_N) - 1);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_DIST, one_hist, 3);
	assert_int_equal(summary(), HR_WIRE_OK);
	assert_true(out.dist[0].n[5] == 3);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 3); /* two distributions, bits of one */
	hr_pb_bytes(&s, S_DIST, one_hist, 3);
	assert_int_equal(summary(), HR_WIRE_HIST);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_DIST, "\xf0\x00\x20", 3); /* first bucket 240 */
	assert_int_equal(summary(), HR_WIRE_HIST);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_DIST, "\x10\x01\x7b", 3); /* a sum above what the buckets allow */
	assert_int_equal(summary(), HR_WIRE_HIST);
}

/* Three 5s in groups of one (23 bits, test_hist_bits.c), no virtual queue and no replay: 0 0. */
#define ONE_HIST "\x01\x40\x08\x00"

static void bits(void **state)
{
	static uint32_t late[HR_VQ_ROWS][HR_VQ_GRID], tot[HR_VQ_ROWS][HR_VQ_GRID];
	unsigned char buf[64];
	struct hr_bits b = {buf, sizeof(buf), 0};

	(void)state;
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_HAVE, (1ULL << HR_SIG_N) - 1);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_BITS, ONE_HIST, 4);
	assert_int_equal(summary(), HR_WIRE_OK);
	assert_true(out.dist[0].n[5] == 3 && out.dist[0].shift == 0);
	assert_true(out.vq_bad[0][0] == 0 && out.replay.tot[0][0] == 0);
	hr_pb_bytes(&s, S_DIST, one_hist, 3); /* both forms */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_BITS, ONE_HIST, 3); /* nothing about the replay */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_BITS, ONE_HIST "\0", 5); /* a byte too many */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	start(5, 5, 10000, 2);
	COLUMN(S_DIST_SET, 3); /* two distributions, bits of one */
	hr_pb_bytes(&s, S_BITS, ONE_HIST, 4);
	assert_int_equal(summary(), HR_WIRE_HIST);
	for (late[0][3] = 4; late[0][3] <= 5; late[0][3]++) { /* of 4 bursts, 4 or 5 late */
		tot[0][3] = 4;
		b.at = 0;
		assert_true(hr_bits_put(&b, 1, 2) && hr_grid_put(&b, late) && hr_grid_put(&b, tot));
		start(5, 5, 10000, 2);
		hr_pb_bytes(&s, S_BITS, buf, hr_bits_bytes(&b));
		assert_int_equal(summary(), late[0][3] == 4 ? HR_WIRE_OK : HR_WIRE_VALUE);
	}
	b.at = 0;
	assert_true(hr_grid_put(&b, tot));
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_HAVE, (1ULL << HR_SIG_N) - 1);
	COLUMN(S_DIST_SET, 1);
	hr_pb_bytes(&s, S_BITS, ONE_HIST, 4);
	hr_pb_bytes(&s, S_QUEUED, buf, hr_bits_bytes(&b));
	assert_int_equal(summary(), HR_WIRE_OK);
	assert_int_equal(out.replay.queued[0][3], 4);
	hr_pb_bytes(&s, S_QUEUED, buf, hr_bits_bytes(&b) - 1); /* the grid ends too soon */
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
	buf[hr_bits_bytes(&b)] = 0;
	hr_pb_bytes(&s, S_QUEUED, buf, hr_bits_bytes(&b) + 1);
	assert_int_equal(summary(), HR_WIRE_COLUMNS);
}

static void text(void **state)
{
	static const char *const bad[] = {"a\nb", "\xff", "\xc0\xaf", "sixteen letters!"};
	static const unsigned of_facts[] = {2, 3, 4, 5, 6, 7, 18};

	(void)state;
	for (int i = 0; i < 5; i++) {
		start(5, 5, 10000, 2);
		COLUMN(S_TOP, 1, 0, 3, 4, 0, 6);
		hr_pb_text(&s, S_TOP_NAME, "fine");
		if (i < 4)
			hr_pb_text(&s, S_TOP_NAME, bad[i]);
		else
			hr_pb_bytes(&s, S_TOP_NAME, "a\0b", 3);
		assert_int_equal(summary(), HR_WIRE_TEXT);
	}
	for (unsigned i = 0; i < sizeof(of_facts) / sizeof(*of_facts); i++) {
		fa.len = 0;
		hr_pb_text(&fa, of_facts[i], "a host or group with a \x1b[31m colour");
		assert_int_equal(facts(), HR_WIRE_TEXT);
	}
	fa.len = 0;
	hr_pb_bytes(&fa, 2, (const char[HR_NAME_LEN]){[0 ... HR_NAME_LEN - 1] = 'x'}, HR_NAME_LEN);
	assert_int_equal(facts(), HR_WIRE_TEXT); /* no room for the NUL */
}

static void value(void **state)
{
	struct hr_pb dev = {.len = 0};

	(void)state;
	start(HR_SEQ_MAX + 1, HR_SEQ_MAX + 1, 10000, 2);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, 0);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, HR_CPUS_MAX + 1);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_T_END, HR_WALL_MAX_MS + 1);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 7, 10000, 2);
	hr_pb_num(&s, S_LOST, 3); /* all three lost: then there is no summary */
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, 2);
	COLUMN(S_CTR_SET, 1);
	COLUMN(S_CTR, HR_VALUE_MAX + 1);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	start(5, 5, 10000, 2);
	COLUMN(S_DEV, HR_DEVS_MAX);
	COLUMN(S_DEV_HAVE, 0);
	COLUMN(S_DCTR_SET, 0);
	assert_int_equal(summary(), HR_WIRE_VALUE);
	fa.len = 0;
	hr_pb_num(&fa, 8, HR_CPUS_MAX + 1);
	assert_int_equal(facts(), HR_WIRE_VALUE);
	fa.len = 0;
	hr_pb_num(&fa, 11, HR_VALUE_MAX + 1);
	assert_int_equal(facts(), HR_WIRE_VALUE);
	hr_pb_num(&dev, 1, HR_DEV_DISK); /* a disk without a name */
	fa.len = 0;
	hr_pb_msg(&fa, 13, &dev);
	assert_int_equal(facts(), HR_WIRE_VALUE);
}

/* What a newer agent may send is skipped, and what is known around it is taken. */
static void newer_agents_are_understood(void **state)
{
	(void)state;
	start(5, 5, 10000, 2);
	hr_pb_num(&s, S_HAVE, UINT64_MAX);
	COLUMN(S_CTR_SET, 4, 0, 1); /* SWITCHES, and number 128 */
	COLUMN(S_CTR, 300, 9);
	COLUMN(S_DIST_SET, 1u << HR_DIST_RUNQ_WAIT | 1u << 31);
	hr_pb_bytes(&s, S_DIST, "\x05\x00\x20\x28\x01\x00", 6); /* twice 05 00 20, 21 bits each */
	hr_pb_num(&s, 999, 1);
	assert_int_equal(summary(), HR_WIRE_OK);
	assert_true(out.have == (1ULL << HR_SIG_N) - 1);
	assert_true(out.ctr[HR_CTR_SWITCHES] == 300);
	assert_true(out.dist[HR_DIST_RUNQ_WAIT].total == 3);
}

static void a_refusal_writes_nothing(void **state)
{
	struct hr_wire_batch b = {.msg = &out};
	static struct hr_facts f, f2;

	(void)state;
	memset(&out, 0x5a, sizeof(out));
	start(5, 4, 10000, 2);
	assert_int_equal(summary(), HR_WIRE_SEQUENCE);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(((unsigned char *)&out)[i], 0x5a);
	head();
	assert_int_equal(hr_wire_open(&arena, m.b, m.len, &b), HR_WIRE_EMPTY);
	assert_ptr_equal(b.msg, &out);
	memset(&f, 0x5a, sizeof(f));
	f2 = f;
	fa.len = 0;
	hr_pb_num(&fa, 8, HR_CPUS_MAX + 1);
	assert_int_equal(hr_wire_decode_facts(&arena, fa.b, fa.len, &f), HR_WIRE_VALUE);
	assert_memory_equal(&f, &f2, sizeof(f));
}

static void every_refusal_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < HR_WIRE_ERROR_N; i++) {
		const char *name = hr_wire_error_name((enum hr_wire_error)i);
		const char *say = hr_wire_error_text((enum hr_wire_error)i);

		assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
		assert_true(say[strlen(say) - 1] == '.');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, hr_wire_error_name((enum hr_wire_error)j));
	}
	assert_string_equal(hr_wire_error_name(HR_WIRE_ERROR_N), "?");
	assert_string_equal(hr_wire_error_text(HR_WIRE_ERROR_N), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_is_enough),
		cmocka_unit_test(too_long),
		cmocka_unit_test(malformed),
		cmocka_unit_test(too_complex),
		cmocka_unit_test(schema),
		cmocka_unit_test(host_and_boot),
		cmocka_unit_test(empty),
		cmocka_unit_test(sequence),
		cmocka_unit_test(columns),
		cmocka_unit_test(hist),
		cmocka_unit_test(bits),
		cmocka_unit_test(text),
		cmocka_unit_test(value),
		cmocka_unit_test(newer_agents_are_understood),
		cmocka_unit_test(a_refusal_writes_nothing),
		cmocka_unit_test(every_refusal_has_a_name_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
