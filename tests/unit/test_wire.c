/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/wire.h"

static struct hr_wire_arena arena;
static struct hr_summary a, b;

static void a_summary_comes_back_as_it_was(void **state)
{
	static unsigned char buf[HR_BODY_MAX];
	size_t len;

	(void)state;
	a = (struct hr_summary){.seq_first = 7, .seq_last = 8, .dur_ms = 20000, .cpus = 2};
	a.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT);
	a.ctr[HR_CTR_ONCPU_NS] = 123456789;
	assert_true(hr_hist_add(&a.dist[HR_DIST_RUNQ_WAIT], 1000, 3));
	a.n_dev = 1;
	a.dev[0].dev = 3;
	a.dev[0].have = HR_SIG_BIT(HR_SIG_DISK_IO);
	a.dev[0].ctr[HR_DCTR_IO_RD_N] = 5;
	assert_true(hr_hist_add(&a.dev[0].dist[HR_DDIST_RD_LAT], 70, 5));
	len = hr_wire_encode_summary(&a, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(hr_wire_decode_summary(&arena, buf, len, &b), HR_WIRE_OK);
	assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_summary_comes_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
