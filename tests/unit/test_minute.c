/* SPDX-License-Identifier: Apache-2.0 */
/* What of a window a minute believes, and when a request of it is late. */
#include "tests/unit/estimate_fixture.h"

/* One window more: of each latency ten reads, with @l0_us unloaded. */
static const struct hr_minute_dev *reads_of(
	struct bench *b, uint64_t l0_us, uint32_t a_us, uint32_t b_us)
{
	struct hr_summary *s = fx_idle(1);

	hr_minute_reset(&b->m);
	s->dev[0].ctr[HR_DCTR_L0_RD_US] = l0_us;
	assert_true(hr_hist_add(&s->dev[0].dist[HR_DDIST_RD_LAT], a_us, 10));
	assert_true(hr_hist_add(&s->dev[0].dist[HR_DDIST_RD_LAT], b_us, 10));
	hr_minute_add(&b->m, s);
	free(s);
	return &b->m.dev[0];
}

/* max(5 l0, l0 + 10 ms): 11 ms. */
static void a_quick_disk_is_late_10_ms_above_its_own_latency(void **state)
{
	const struct hr_minute_dev *d = reads_of(*state, 1000, 10000, 12500);

	assert_int_equal(d->judged[0], 20);
	assert_int_equal(d->late[0], 10);
	assert_int_equal(d->late[1], 0);
}

static void a_slow_disk_is_late_at_five_times_its_own_latency(void **state)
{
	const struct hr_minute_dev *d = reads_of(*state, 5000, 23000, 28000); /* 25 ms */

	assert_int_equal(d->late[0], 10);
	d = reads_of(*state, 5000, 14000, 17000); /* not at 15 */
	assert_int_equal(d->late[0], 0);
}

static void without_a_latency_of_its_own_a_request_is_late_from_50_ms_on(void **state)
{
	const struct hr_minute_dev *d = reads_of(*state, 0, 45000, 56000);

	assert_int_equal(d->judged[0], 0);
	assert_int_equal(d->late[0], 0);
	assert_int_equal(d->very_late, 10);
}

/* 1 s on a CPU: 3.9 s of waiting for one are told as they are, of more four times as much. */
static void of_a_wait_four_times_the_work_is_believed(void **state)
{
	struct bench *b = *state;

	for (uint32_t wait = 3900; wait < 10000; wait += 5000) {
		struct hr_summary *s = fx_idle(1);

		hr_minute_reset(&b->m);
		s->top[0].oncpu_ms = 1000;
		s->top[0].wait_ms = wait;
		hr_minute_add(&b->m, s);
		assert_int_equal(b->m.use[0].wait_ms, wait == 3900 ? 3900 : 4000);
		free(s);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_quick_disk_is_late_10_ms_above_its_own_latency),
		T(a_slow_disk_is_late_at_five_times_its_own_latency),
		T(of_a_wait_four_times_the_work_is_believed),
		T(without_a_latency_of_its_own_a_request_is_late_from_50_ms_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
