/* SPDX-License-Identifier: Apache-2.0 */
/* File systems of a VM: days kept, dates, bytes of the state, and the answer. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/stocks.h"
#include "collector/core/vm.h"

#define DAY_MS 86400000ULL
#define GIB    (1024 * FX_MIB)

static struct hr_fs fs_of(const char *mount, double gib)
{
	struct hr_fs f = {.used_bytes = (uint64_t)(gib * (double)GIB),
		.usable_bytes = 100 * GIB,
		.used_inodes = 1000,
		.usable_inodes = 1000000};

	snprintf(f.mount, sizeof(f.mount), "%s", mount);
	return f;
}

static void a_day_keeps_its_last_sample_and_holes_are_no_values(void **state)
{
	struct hr_stocks s = {0};
	struct hr_fs f = fs_of("/", 1);

	(void)state;
	assert_true(hr_stocks_add(&s, &f, 100 * DAY_MS));
	f.used_bytes = 2 * GIB;
	assert_true(hr_stocks_add(&s, &f, 100 * DAY_MS + 1000));
	assert_false(hr_stocks_add(&s, &f, 100 * DAY_MS)); /* late: it is known better */
	f.used_bytes = 5 * GIB;
	assert_true(hr_stocks_add(&s, &f, 103 * DAY_MS));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.fs[0].n, 4);
	fx_near(s.fs[0].v[0].bytes, 2 * GIB, 1);
	assert_true(isnan(s.fs[0].v[1].bytes) && isnan(s.fs[0].v[2].inodes));
	fx_near(s.fs[0].v[3].bytes, 5 * GIB, 1);
	for (unsigned d = 104; d < 400; d++)
		assert_true(hr_stocks_add(&s, &f, d * DAY_MS));
	assert_int_equal(s.fs[0].n, HR_STOCKS_DAYS);
	assert_int_equal(s.fs[0].day, 399);
	assert_true(hr_stocks_add(&s, &f, 700 * DAY_MS)); /* a year away: begins anew */
	assert_int_equal(s.fs[0].n, 1);
	hr_stocks_done(&s);
}

static void what_is_gone_for_two_weeks_makes_room(void **state)
{
	struct hr_stocks s = {0};
	char name[16];

	(void)state;
	for (unsigned i = 0; i < HR_FS_MAX; i++) {
		struct hr_fs f;

		snprintf(name, sizeof(name), "/m%u", i);
		f = fs_of(name, 1);
		assert_true(hr_stocks_add(&s, &f, 100 * DAY_MS + i));
	}
	{
		struct hr_fs f = fs_of("/new", 1), old = fs_of("/m3", 1);

		assert_false(
			hr_stocks_add(&s, &f, 101 * DAY_MS)); /* no room, and counted by none */
		assert_true(hr_stocks_add(&s, &old, 110 * DAY_MS));
		assert_true(hr_stocks_add(&s, &f, 115 * DAY_MS));
		assert_int_equal(s.n, 2);
		assert_string_equal(s.fs[0].now.mount, "/m3");
		assert_string_equal(s.fs[1].now.mount, "/new");
	}
	hr_stocks_done(&s);
}

/* A VM with / steady and /srv growing by @gib a day from 50 GiB; windows of 5 minutes. */
static struct hr_vm *filling_vm(unsigned days, double gib)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	uint64_t t0 = (FX_T0_MS / DAY_MS + 1) * DAY_MS;
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	vm = hr_vm_new(&c);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, t0);
	for (unsigned i = 0; i < days * 288; i++) {
		struct hr_summary *s = fx_idle(i);
		unsigned day = i / 288;

		s->dur_ms = 300000;
		s->t_end_ms = t0 + (i + 1) * 300000ULL - 1; /* the last of a day is of that day */
		s->n_fs = 2;
		s->fs[0] = fs_of("/", 40);
		s->fs[1] = fs_of("/srv", 50 + gib * day);
		s->fs[1].used_inodes = 1000 * day;
		hr_vm_add(vm, s);
		free(s);
	}
	return vm;
}

static const struct hr_res_answer *res_of(
	const struct hr_answer *a, enum hr_resource r, const char *device)
{
	for (uint8_t i = 0; i < a->n_res; i++)
		if (a->res[i].resource == r && strcmp(a->res[i].device, device) == 0)
			return &a->res[i];
	return NULL;
}

static void a_file_system_that_fills_is_dated_and_heads_the_answer(void **state)
{
	struct hr_vm *vm = filling_vm(41, 1), *back;
	struct hr_answer *a = calloc(2, sizeof(*a));
	static unsigned char bytes[262144];
	uint64_t now = (FX_T0_MS / DAY_MS + 42) * DAY_MS;
	const struct hr_res_answer *r;
	struct hr_model_conf c;
	bool no_memory;
	size_t n;

	(void)state;
	assert_non_null(a);
	hr_model_conf_default(&c);
	hr_vm_answer(vm, "vm", now, a);
	r = res_of(a, HR_RES_FILESYSTEM, "/srv");
	assert_non_null(r);
	assert_false(r->headroom.has); /* a stock has no factor */
	fx_near(r->demand.max.v, 90.0 * GIB, 1);
	fx_near(r->capacity.value.v, 100.0 * GIB, 1);
	assert_false(r->saturated);
	/* 5 GiB to 95 %, 1 GiB a day: 5 days by the last month; earliest, half as fast again: 3.3
	 */
	assert_true(r->days_left.has && r->days_left.agreed);
	fx_near(r->days_left.likely.v, 5, 0);
	fx_near(r->days_left.at_least.v, 3, 0);
	assert_false(r->days_left.at_most.has);
	assert_int_equal(r->confidence, HR_CONFIDENCE_HIGH);
	r = res_of(a, HR_RES_FILESYSTEM, "/");
	assert_non_null(r);
	assert_false(r->days_left.has);
	assert_null(res_of(a, HR_RES_INODES, "/")); /* 1000 of a million are no news */
	assert_int_equal(a->days_left.resource, HR_RES_FILESYSTEM);
	assert_string_equal(a->days_left.device, "/srv");
	fx_near(a->days_left.at_least.v, 3, 0);
	assert_non_null(strstr(a->advice, "file system /srv is full in 3 days at the earliest"));
	assert_int_equal(a->kind, HR_ANSWER_YES); /* K knows nothing of disks that fill */
	n = hr_vm_encode(vm, bytes, sizeof(bytes));
	assert_true(n <= sizeof(bytes));
	back = hr_vm_decode(&c, bytes, n, &no_memory);
	assert_non_null(back);
	hr_vm_answer(back, "vm", now, a + 1);
	fx_same_answer(a, a + 1);
	for (size_t cut = n - 2000; cut < n; cut += 97) { /* damage is refused, not read */
		unsigned char was = bytes[cut];

		bytes[cut] ^= 0x55;
		assert_null(hr_vm_decode(&c, bytes, n, &no_memory));
		bytes[cut] = was;
	}
	hr_vm_free(back);
	hr_vm_free(vm);
	free(a);
}

static void young_samples_say_how_many_days_they_lack_and_full_is_full(void **state)
{
	struct hr_vm *vm = filling_vm(10, 5); /* 95 GiB on the tenth day */
	struct hr_answer *a = calloc(1, sizeof(*a));
	const struct hr_res_answer *r;

	(void)state;
	assert_non_null(a);
	hr_vm_answer(vm, "vm", (FX_T0_MS / DAY_MS + 11) * DAY_MS, a);
	r = res_of(a, HR_RES_FILESYSTEM, "/srv");
	assert_non_null(r);
	assert_true(r->saturated);
	assert_false(r->days_left.has);
	/* days 0 to 9 are nine apart; fourteen are needed */
	assert_int_equal(r->n_missing, 1);
	assert_string_equal(r->missing[0].evidence, "5 more days of samples until it can be dated");
	assert_non_null(strstr(a->advice, "file system /srv is 95 % full"));
	hr_vm_free(vm);
	free(a);
}

static void an_unmounted_file_system_leaves_the_answer(void **state)
{
	struct hr_vm *vm = filling_vm(3, 1);
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_summary *s = fx_idle(100000);

	(void)state;
	assert_non_null(a);
	s->t_end_ms = (FX_T0_MS / DAY_MS + 4) * DAY_MS + 2 * HR_STOCKS_CURRENT_MS;
	s->n_fs = 1;
	s->fs[0] = fs_of("/", 40);
	hr_vm_add(vm, s);
	hr_vm_answer(vm, "vm", s->t_end_ms, a);
	assert_non_null(res_of(a, HR_RES_FILESYSTEM, "/"));
	assert_null(res_of(a, HR_RES_FILESYSTEM, "/srv"));
	free(s);
	hr_vm_free(vm);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_keeps_its_last_sample_and_holes_are_no_values),
		cmocka_unit_test(what_is_gone_for_two_weeks_makes_room),
		cmocka_unit_test(a_file_system_that_fills_is_dated_and_heads_the_answer),
		cmocka_unit_test(young_samples_say_how_many_days_they_lack_and_full_is_full),
		cmocka_unit_test(an_unmounted_file_system_leaves_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
