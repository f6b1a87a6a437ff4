/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/crc32.h"

static void the_published_check_values_hold(void **state)
{
	(void)state;
	/* check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRCs */
	assert_int_equal(hr_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(hr_crc32("", 0), 0);
	/* the Ethernet FCS of four zero bytes */
	assert_int_equal(hr_crc32("\0\0\0\0", 4), 0x2144df1c);
}

/* The definition, bit by bit. */
static uint32_t slow(const uint8_t *p, size_t n)
{
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		for (int b = 0; b < 8; b++) {
			uint32_t bit = (c ^ (uint32_t)(p[i] >> b)) & 1;

			c = (c >> 1) ^ (bit ? 0xedb88320 : 0);
		}
	}
	return ~c;
}

static void random_bytes_agree_with_the_definition(void **state)
{
	struct hr_rand r = hr_rand_seeded("crc32");
	uint8_t buf[300];

	(void)state;
	for (int i = 0; i < 200; i++) {
		size_t n = hr_rand_below(&r, sizeof(buf));

		for (size_t k = 0; k < n; k++)
			buf[k] = (uint8_t)hr_rand_u64(&r);
		assert_int_equal(hr_crc32(buf, n), slow(buf, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_check_values_hold),
		cmocka_unit_test(random_bytes_agree_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
