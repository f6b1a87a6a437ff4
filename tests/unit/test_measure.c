/* SPDX-License-Identifier: Apache-2.0 */
/* What `headroom measure` asks of one model: minutes that are one, and looks before the last. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <math.h>

#include "collector/core/vm.h"

/* Two minutes of 6000 bursts each, so many of 1000 late in each window of the one and the other. */
static struct hr_vm *two_minutes(uint64_t first, uint64_t second, uint64_t until_ms)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	c.min_history_h = 0;
	c.minute_ms = 300000;
	c.until_ms = until_ms;
	vm = hr_vm_new(&c);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (uint64_t i = 0; i < 12; i++) {
		struct hr_summary *s = fx_idle(i);

		s->ctr[HR_CTR_BURST_N] = s->ctr[HR_CTR_VQ_TOT_N] = 1000;
		s->ctr[HR_CTR_BURST_LATE_N] = i < 6 ? first : second;
		hr_vm_add(vm, s);
		free(s);
	}
	return vm;
}

static void check_answer(struct hr_vm *vm, bool saturated, struct hr_answer *ret_a)
{
	hr_vm_answer(vm, "vm", FX_T0_MS + 20000, ret_a);
	assert_int_equal(fx_res(ret_a, HR_RES_CPU)->saturated, saturated);
}

/*
 * 102 of 6000 are more than 60 + 5 x 7.7, 96 are not; both less than 120 + 22 of 12000.  With none
 * late the numbers are of one minute, exact: 8 / 1.25, and of 12000 x 8 bursts by chance.
 */
static void a_measurement_of_minutes_is_one_minute_but_late_as_its_worst(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_vm *vm;

	(void)state;
	assert_non_null(a);
	for (uint64_t late = 16; late <= 17; late++) {
		vm = two_minutes(late, 0, 0);
		check_answer(vm, late == 17, a);
		hr_vm_free(vm);
	}
	vm = two_minutes(0, 0, 0);
	check_answer(vm, false, a);
	assert_int_equal(a->kind, HR_ANSWER_YES);
	fx_near(a->headroom.at_least.v, 6.4 / exp(0.5 / sqrt(960)), 1e-9);
	hr_vm_free(vm);
	free(a);
}

/*
 * 150 of 12000 are more than 120 + 2 x 11, and less than 120 + 2 sqrt(300 / 120) x 11, which a look
 * after 120 s of 300 wants.  Where what is measured ends then, that look was the last.
 */
static void what_ends_early_is_judged_as_if_asked_once(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_vm *vm = two_minutes(12, 13, 300000);

	(void)state;
	assert_non_null(a);
	check_answer(vm, false, a);
	hr_vm_last_look(vm);
	check_answer(vm, true, a);
	hr_vm_free(vm);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_measurement_of_minutes_is_one_minute_but_late_as_its_worst),
		cmocka_unit_test(what_ends_early_is_judged_as_if_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
