/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes written out by hand from the protobuf encoding, and read back by protobuf-c's decoder. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/write_request.h"
#include "remote_write.pb-c.h"

static struct hr_series series(const char *name, double v)
{
	return (struct hr_series){.name = name, .n = 1, .label = {{"host", "a"}}, .v = v};
}

static void a_sample_has_the_bytes_of_the_specification(void **state)
{
	/* label: 1 = name, 2 = value; sample: 1 = 1.0 as IEEE 754, 2 = 1000 as a varint (e8 07) */
	static const unsigned char want[] =
		"\x0a\x30"
		"\x0a\x0d\x0a\x08__name__\x12\x01m"
		"\x0a\x09\x0a\x04host\x12\x01"
		"a"
		"\x0a\x06\x0a\x01x\x12\x01y"
		"\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07";
	struct hr_remote_labels more;
	struct hr_series s = series("m", 1);
	unsigned char buf[128];
	char err[256];

	(void)state;
	assert_true(hr_remote_labels_parse("x=y", &more, err));
	assert_int_equal(hr_write_request_put(&s, &more, 1000, buf, sizeof(buf)), sizeof(want) - 1);
	assert_memory_equal(buf, want, sizeof(want) - 1);
	assert_int_equal(
		hr_write_request_put(&s, &more, 1000, buf, sizeof(want) - 1), sizeof(want) - 1);
	memset(buf, 0x55, sizeof(buf));
	assert_int_equal(hr_write_request_put(&s, &more, 1000, buf, sizeof(want) - 2), 0);
	assert_int_equal(buf[0], 0x55); /* nothing half written */
}

static void labels_without_a_value_are_left_out(void **state)
{
	static const unsigned char want[] = "\x0a\x24"
					    "\x0a\x0d\x0a\x08__name__\x12\x01m"
					    "\x0a\x06\x0a\x01z\x12\x01y"
					    "\x12\x0b\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x01";
	struct hr_series s = {
		.name = "m", .n = 3, .label = {{"host", ""}, {"z", "y"}, {"device", ""}}, .v = 1};
	unsigned char buf[128];

	(void)state;
	assert_int_equal(hr_write_request_put(&s, NULL, 1, buf, sizeof(buf)), sizeof(want) - 1);
	assert_memory_equal(buf, want, sizeof(want) - 1);
}

static void the_end_of_a_series_is_that_nan_and_no_other(void **state)
{
	static const unsigned char bits[] = {0x02, 0, 0, 0, 0, 0, 0xf0, 0x7f};
	struct hr_series s = series("m", hr_write_request_stale());
	unsigned char buf[128];
	size_t len;

	(void)state;
	len = hr_write_request_put(&s, NULL, 1, buf, sizeof(buf));
	assert_memory_equal(buf + len - 2 - sizeof(bits), bits, sizeof(bits));
}

static void text(struct hr_rand *r, char *to, size_t cap)
{
	size_t n = hr_rand_below(r, cap);

	for (size_t i = 0; i < n; i++)
		to[i] = (char)('!' + hr_rand_below(r, 94));
	to[n] = '\0';
}

/* Any series, many in one buffer: read back they are the same, in order, labels ascending. */
static void what_is_written_is_read_back(void **state)
{
	static const char *const key[] = {"zone", "host", "device", "bound", "resource", "answer"};
	struct hr_rand r = hr_rand_seeded("write_request");
	static unsigned char buf[64 * HR_WRITE_SERIES_MAX];
	static char value[64][6][HR_REMOTE_VALUE_LEN];
	Prometheus__WriteRequest *req;
	struct hr_series s[64];
	size_t len = 0, n;

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		s[i] = (struct hr_series){.name = i % 2 ? "headroom_ratio" : "headroom_x",
			.n = (unsigned)hr_rand_below(&r, 7),
			.v = (double)hr_rand_bits(&r, 60) / 1024};
		for (unsigned k = 0; k < s[i].n; k++) {
			text(&r, value[i][k], HR_REMOTE_VALUE_LEN);
			s[i].label[k] = (struct hr_label){key[k], value[i][k]};
		}
		n = hr_write_request_put(
			&s[i], NULL, (int64_t)i + 1764000000000, buf + len, sizeof(buf) - len);
		assert_true(n > 0 && n <= HR_WRITE_SERIES_MAX);
		len += n;
	}
	req = prometheus__write_request__unpack(NULL, len, buf);
	assert_non_null(req);
	assert_int_equal(req->n_timeseries, 64);
	for (size_t i = 0; i < 64; i++) {
		const Prometheus__TimeSeries *t = req->timeseries[i];
		size_t want = 1;

		assert_int_equal(t->n_samples, 1);
		assert_true(t->samples[0]->value >= s[i].v && t->samples[0]->value <= s[i].v);
		assert_int_equal(t->samples[0]->timestamp, (int64_t)i + 1764000000000);
		assert_string_equal(t->labels[0]->name, "__name__");
		assert_string_equal(t->labels[0]->value, s[i].name);
		for (size_t k = 1; k < t->n_labels; k++)
			assert_true(strcmp(t->labels[k - 1]->name, t->labels[k]->name) < 0);
		for (unsigned k = 0; k < s[i].n; k++) {
			bool found = false;

			want += s[i].label[k].value[0] != '\0';
			for (size_t j = 1; j < t->n_labels; j++)
				found |= strcmp(t->labels[j]->name, s[i].label[k].key) == 0 &&
					 strcmp(t->labels[j]->value, s[i].label[k].value) == 0;
			assert_int_equal(found, s[i].label[k].value[0] != '\0');
		}
		assert_int_equal(t->n_labels, want);
	}
	prometheus__write_request__free_unpacked(req, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_has_the_bytes_of_the_specification),
		cmocka_unit_test(labels_without_a_value_are_left_out),
		cmocka_unit_test(the_end_of_a_series_is_that_nan_and_no_other),
		cmocka_unit_test(what_is_written_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
