/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM keeps of its days, and what they say: quantiles, gaps, resizes, bytes, the answer. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/answer_json.h"
#include "collector/core/cone.h"
#include "collector/core/days.h"
#include "collector/core/outlook.h"
#include "collector/core/trend.h"
#include "collector/core/vm.h"

#define CPU_TRACK 186
#define MEM_TRACK 187
#define DAY0      20000

static void roll(struct hr_days *d, uint16_t day, const struct hr_lookback *l)
{
	(void)hr_days_roll(d, day, l, CPU_TRACK, MEM_TRACK);
}

/* A whole day in which the VM's and the CPU's k is @k, and 5 minutes of load are @load %. */
static void whole_day(struct hr_days *d, struct hr_lookback *l, uint16_t day, double k, double load)
{
	roll(d, day, l);
	for (unsigned m = 0; m < 1440; m++) {
		hr_days_k(d, 0, k, 6);
		hr_days_k(d, HR_DAYS_VM, k, 6);
	}
	assert_true(hr_lookback_add(l, day, CPU_TRACK, hr_days_load_code(load), 288));
	assert_true(hr_lookback_add(l, day, MEM_TRACK, hr_days_load_code(50), 288));
	hr_lookback_expire(l, (uint16_t)(day - 7));
}

static void load_codes_are_within_3_percent(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 570; i++) {
		double v = 0.7 * i, back = hr_days_load(hr_days_load_code(v));

		assert_true((1 + back) / (1 + v) <= 1.016 && (1 + v) / (1 + back) <= 1.016);
	}
	assert_int_equal(hr_days_load_code(-5), 0);
	assert_int_equal(hr_days_load_code(1e9), hr_days_load_code(HR_DAYS_LOAD_MAX));
}

static void a_days_k_is_the_8th_smallest_of_1440_minutes(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	double h[3];

	(void)state;
	roll(&d, DAY0, &l);
	/* 1440 minutes of 6 units: rank floor(0.005 x 8640) = 43 units, inside the 8th minute */
	for (unsigned m = 0; m < 1440; m++) {
		hr_days_k(&d, 0, m % 100 == 7 ? 1 + 0.1 * (m - 7) / 100 : 5, 6);
		hr_days_k(&d, 3, 8, 6); /* at the cap */
		hr_days_k(&d, HR_DAYS_VM, 2, 6);
		if (m < 700)
			hr_days_k(&d, 4, 2, 6); /* half a day is no day */
	}
	roll(&d, DAY0 + 1, &l);
	assert_int_equal(hr_days_last(&d), DAY0);
	assert_int_equal(hr_days_k_series(&d, 0, 3, h), 1);
	assert_true(isnan(h[0]) && isnan(h[1]));
	fx_near(h[2], log(1.7), 1e-6); /* 1.0 1.1 ... the 8th is 1.7 */
	assert_int_equal(hr_days_k_series(&d, 3, 1, h), 1);
	fx_near(h[0], log(HR_DAYS_K_CAP), 1e-6);
	assert_false(hr_days_below_cap(&d) & 1U << 3);
	assert_int_equal(hr_days_k_series(&d, 4, 1, h), 0);
	hr_days_done(&d);
	hr_lookback_done(&l);
}

static void a_day_without_80_percent_is_missing(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	double h[3];

	(void)state;
	whole_day(&d, &l, DAY0, 2, 20);
	roll(&d, DAY0 + 1, &l);
	for (unsigned m = 0; m < 1000; m++)
		hr_days_k(&d, HR_DAYS_VM, 1, 6);
	whole_day(&d, &l, DAY0 + 2, 2, 20);
	roll(&d, DAY0 + 3, &l);
	assert_int_equal(hr_days_k_series(&d, HR_DAYS_VM, 3, h), 2);
	fx_near(h[0], log(2), 1e-6);
	assert_true(isnan(h[1]));
	hr_days_done(&d);
	hr_lookback_done(&l);
}

static void a_resize_scales_the_cpu_and_forgets_the_rest(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	double h[1];
	bool event[2];

	(void)state;
	whole_day(&d, &l, DAY0, 2, 20);
	roll(&d, DAY0 + 1, &l);
	assert_true(hr_days_add(&d, DAY0, HR_DAY_K + 3, 0x3f000000)); /* memory, 0.5 */
	hr_days_resize(&d, DAY0 + 1, 2, 1);
	assert_int_equal(hr_days_k_series(&d, 0, 1, h), 1);
	fx_near(h[0], log(4), 1e-6);
	assert_int_equal(hr_days_k_series(&d, 3, 1, h), 0);
	assert_int_equal(hr_days_series(&d, HR_DAY_CPU_P95, 1, h), 1);
	fx_near(h[0], hr_days_load(hr_days_load_code(20)) / 2, 1e-4);
	whole_day(&d, &l, DAY0 + 1, 4, 10);
	roll(&d, DAY0 + 2, &l);
	hr_days_events(&d, 0, 2, event);
	assert_false(event[0]);
	assert_true(event[1]);
	hr_days_done(&d);
	hr_lookback_done(&l);
}

/* Steps of the clock are holes or nothing, never a step of the headroom. */
static void a_step_of_the_clock_is_a_hole_and_no_step(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	struct hr_trend t;
	double h[28];

	(void)state;
	for (uint16_t i = 0; i < 22; i++)
		whole_day(&d, &l, (uint16_t)(DAY0 + i), 2, 20);
	/* on by three days: day 21 ends, 22 to 24 never were */
	for (uint16_t i = 25; i < 28; i++)
		whole_day(&d, &l, (uint16_t)(DAY0 + i), 2, 20);
	/* and back by one, an hour of DST or a bad server: its minutes are of no day */
	assert_false(hr_days_roll(&d, DAY0 + 26, &l, CPU_TRACK, MEM_TRACK));
	assert_int_equal(d.open.day, DAY0 + 27);
	roll(&d, DAY0 + 28, &l);
	assert_int_equal(hr_days_last(&d), DAY0 + 27);
	assert_int_equal(hr_days_k_series(&d, 0, 28, h), 25);
	assert_true(isnan(h[22]) && isnan(h[23]) && isnan(h[24]));
	fx_near(h[21], log(2), 1e-6);
	fx_near(h[25], log(2), 1e-6);
	for (unsigned i = 0; i < 28; i++) /* a noise of its own: equal days are told at once */
		h[i] += 0.01 * (i * 7 % 5);
	hr_trend_fit(&(struct hr_trend_in){.h = h, .n = 28, .target = log(1.3)}, &t);
	assert_int_equal(t.kind, HR_TREND_NONE);
	assert_int_equal(t.n_cut, 0);
	assert_int_equal(t.days, 25);
	/* ahead by a month and set right: what was dated wrongly is not believed */
	whole_day(&d, &l, DAY0 + 58, 2, 20);
	roll(&d, DAY0 + 59, &l);
	assert_int_equal(hr_days_last(&d), DAY0 + 58);
	roll(&d, DAY0 + 29, &l);
	assert_int_equal(hr_days_last(&d), 0);
	assert_int_equal(d.open.day, DAY0 + 29);
	hr_days_done(&d);
	hr_lookback_done(&l);
}

static void one_pass_reads_what_the_series_are(void **state)
{
	static struct hr_days_all all;
	struct hr_rand r = hr_rand_seeded("days-all");
	struct hr_days d = {0};
	double want[HR_DAYS_MAX];
	bool event[HR_DAYS_MAX];

	(void)state;
	for (uint16_t day = DAY0; day < DAY0 + 120; day++) {
		struct hr_day_cell c;

		if (hr_rand_below(&r, 6) == 0 && day != DAY0 + 119)
			continue;
		for (unsigned what = 0; what < HR_DAYS_GROUPS; what++) {
			c.v = (float)hr_rand_below(&r, 1000) / 1000;
			if (hr_rand_below(&r, 2))
				assert_true(hr_days_add(&d, day, (uint8_t)what, c.bits));
		}
		assert_true(hr_days_add(
			&d, day, HR_DAY_SEEN, (uint32_t)hr_rand_below(&r, 1U << HR_DAYS_GROUPS)));
		for (unsigned what = HR_DAY_CPU_P95; what <= HR_DAY_MEM_WEEK; what++) {
			c.v = (float)hr_rand_below(&r, 100);
			if (hr_rand_below(&r, 2))
				assert_true(hr_days_add(&d, day, (uint8_t)what, c.bits));
		}
		if (hr_rand_below(&r, 20) == 0)
			hr_days_cut(&d, day, (unsigned)hr_rand_below(&r, HR_DAYS_VM));
	}
	hr_days_read(&d, &all);
	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		assert_int_equal(all.days[g], hr_days_k_series(&d, g, HR_DAYS_MAX, want));
		for (unsigned i = 0; all.days[g] && i < HR_DAYS_MAX; i++) {
			assert_int_equal(isnan(all.h[g][i]), isnan(want[i]));
			assert_true(isnan(want[i]) || all.h[g][i] == want[i]);
		}
	}
	for (unsigned w = 0; w < 4; w++) {
		assert_int_equal(
			all.load_days[w], hr_days_series(&d, (enum hr_day_what)(HR_DAY_CPU_P95 + w),
						  HR_DAYS_MAX, want));
		for (unsigned i = 0; i < HR_DAYS_MAX; i++)
			assert_true(
				isnan(want[i]) ? isnan(all.load[w][i]) : all.load[w][i] == want[i]);
	}
	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		hr_days_events(&d, g, HR_DAYS_MAX, event);
		for (unsigned i = 0; i < HR_DAYS_MAX; i++)
			assert_int_equal(event[i], (all.event[i] >> g) & 1);
	}
	hr_days_done(&d);
}

static void weeks_and_days_of_demand_are_kept_and_old_days_go(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	double day[91], week[91];

	(void)state;
	for (uint16_t i = 0; i < 120; i++)
		whole_day(&d, &l, (uint16_t)(DAY0 + i), 2, i % 7 == 3 ? 40 : 20);
	roll(&d, DAY0 + 120, &l);
	assert_int_equal(hr_days_series(&d, HR_DAY_CPU_P95, 91, day), 91);
	assert_int_equal(hr_days_series(&d, HR_DAY_CPU_WEEK, 91, week), 91);
	/* one day of seven at 40 is 14 % of the week: above its p95 */
	fx_near(week[90], hr_days_load(hr_days_load_code(40)), 1e-3);
	fx_near(day[90], hr_days_load(hr_days_load_code(20)), 1e-3); /* 119 % 7 = 0 */
	assert_int_equal(d.cell[0].day, DAY0 + 29);
	hr_days_done(&d);
	hr_lookback_done(&l);
}

static void steady_decline_gives_a_date_and_a_flat_vm_a_probability(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	struct hr_outlook o;

	(void)state;
	hr_outlook_make(&d, 1.3, &o);
	assert_string_equal(o.trend, "unknown: 14 more days needed");
	for (uint16_t i = 0; i < 40; i++) /* 3 e^(-0.01 d), with a little noise */
		whole_day(
			&d, &l, (uint16_t)(DAY0 + i), 3 * exp(-0.01 * i + 0.003 * (i * 7 % 5)), 20);
	roll(&d, DAY0 + 40, &l);
	hr_outlook_make(&d, 1.3, &o);
	assert_int_equal(o.day, DAY0 + 39);
	assert_int_equal(o.history_days, 40);
	assert_true(o.date.has && o.date.held && o.date.agreed);
	assert_int_equal(o.date.group, 0);
	/* (ln 3 - 0.39 - ln 1.3) / 0.01 = 44.6 days after the last */
	assert_true(fabs(o.date.likely.v - 44.6) < 3);
	assert_true(o.date.early.v <= o.date.likely.v);
	/* load/line 1.3/2.03: the probability is one of a few per cent */
	assert_int_equal(o.group[0].state, HR_CROSSING_AHEAD);
	assert_true((double)o.group[0].p > 0.01 && (double)o.group[0].p < 0.15);
	assert_true(o.week[0].bound.has && o.week[0].bound.v > 20 && o.week[0].bound.v < 23);
	/* weeks that end 0, 7, 14 days ago had 33, 26, 19 days before them, the next one 12 */
	assert_int_equal(o.week[0].of, 3);
	assert_int_equal(o.week[0].held, 3);
	hr_days_done(&d);
	hr_lookback_done(&l);
}

static void a_level_held_is_now_and_not_a_forecast(void **state)
{
	struct hr_days d = {0};
	struct hr_lookback l = {0};
	struct hr_outlook o;

	(void)state;
	for (uint16_t i = 0; i < 28; i++)
		whole_day(&d, &l, (uint16_t)(DAY0 + i), i < 24 ? 3 : 1.1, 20);
	roll(&d, DAY0 + 28, &l);
	hr_outlook_make(&d, 1.3, &o);
	assert_int_equal(o.group[HR_DAYS_VM].state, HR_CROSSING_NOW);
	assert_false(o.date.has); /* a step is no trend */
	hr_days_done(&d);
	hr_lookback_done(&l);
}

/* The date of a need of memory in percent of all, after 40 days. */
static struct hr_outlook_date memory_date(double (*need)(unsigned day))
{
	struct hr_days d = {0};
	struct hr_outlook o;

	for (uint16_t i = 0; i < 40; i++) {
		struct hr_day_cell c = {.v = (float)need(i)};

		assert_true(hr_days_add(&d, (uint16_t)(DAY0 + i), HR_DAY_MEM_P95, c.bits));
		assert_true(hr_days_add(&d, (uint16_t)(DAY0 + i), HR_DAY_SEEN, 1U << HR_DAYS_VM));
	}
	hr_outlook_make(&d, 1.3, &o);
	hr_days_done(&d);
	return o.memory;
}

static double grows(unsigned day)
{
	return 30 + day + 0.1 * (day * 7 % 5); /* 69.3 on the last */
}

static double restarts(unsigned day)
{
	return 30 + 4.0 * (day % 7); /* 40 days end where they began, four days after a restart */
}

static double held(unsigned day)
{
	return day < 20 ? 40 : 70;
}

static void need_of_memory_is_a_stock_that_a_restart_empties(void **state)
{
	struct hr_outlook_date m = memory_date(grows);

	(void)state;
	assert_true(m.has && m.agreed);
	/* full at 95 %: 25.7 points at 1 a day; the earliest is half as fast again */
	fx_near(m.likely.v, 25.7, 0.3);
	fx_near(m.early.v, 25.7 / 1.5, 0.3);
	assert_false(m.late.has);
	assert_false(memory_date(restarts).has);
	assert_false(memory_date(held).has); /* a step is growth, but no trend */
}

/* A VM of the service: days of windows of five minutes, its 2 CPUs busy for a tenth. */
static struct hr_vm *service_vm(unsigned days)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	vm = hr_vm_new(&c);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (unsigned i = 0; i < days * 288; i++) {
		struct hr_summary *s = fx_idle(i);

		s->dur_ms = 300000;
		s->t_end_ms = FX_T0_MS + (i + 1) * 300000ULL;
		s->ctr[HR_CTR_ONCPU_NS] = 60000000000; /* 0.2 cores: 10 % of two */
		hr_vm_add(vm, s);
		free(s);
	}
	return vm;
}

/* Written, read and written again: the outlook is the same text. */
static void same_as_json(const struct hr_answer *a)
{
	struct hr_answer *b = calloc(1, sizeof(*b));
	char *one = hr_answer_json(a, false), *two, *at, err[160];

	assert_non_null(b);
	assert_non_null(one);
	assert_non_null(strstr(one, "\"next_week\":[{\"resource\":\"cpu\",\"p95_at_most\":0.2"));
	assert_true(hr_answer_from_json(one, strlen(one), b, err));
	assert_true(b->outlook.has);
	assert_int_equal(b->outlook.history_days, a->outlook.history_days);
	assert_string_equal(b->outlook.trend, a->outlook.trend);
	fx_near(b->res[0].probability_30d.v, a->res[0].probability_30d.v, 1e-9);
	two = hr_answer_json(b, false);
	assert_non_null(two);
	at = strstr(one, "\"outlook\":{");
	assert_non_null(at);
	assert_non_null(strstr(at, "},\"missing\""));
	strstr(at, "},\"missing\"")[0] = '\0';
	assert_non_null(strstr(two, at));
	free(one);
	free(two);
	free(b);
}

static void the_answer_of_a_service_has_an_outlook_and_it_survives_the_bytes(void **state)
{
	struct hr_vm *vm = service_vm(23), *back;
	struct hr_answer *a = calloc(2, sizeof(*a));
	static unsigned char bytes[262144];
	uint64_t now = FX_T0_MS + 23 * 86400000ULL;
	struct hr_model_conf c;
	bool no_memory;
	size_t n;

	(void)state;
	assert_non_null(a);
	hr_model_conf_default(&c);
	hr_vm_answer(vm, "vm", now, a);
	assert_true(a->outlook.has);
	assert_int_equal(a->outlook.history_days, 22);
	assert_false(a->days_left.has);
	assert_true(a->outlook.probability_30d.has);
	assert_true(a->outlook.probability_30d.v < 0.1);
	assert_true(a->outlook.week[0].bound.has);
	/* 10 % of 2 CPUs: 0.2 cores and a margin for 5-minute means that never differ */
	fx_near(a->outlook.week[0].bound.v, 0.2, 0.03);
	/* 1 of 4 GiB needed */
	fx_near(a->outlook.week[1].bound.v / FX_MIB, 1024, 90);
	same_as_json(a);
	{
		struct hr_cone cone;
		uint64_t from;

		/* 23 days of hours: 82 % of 28 days */
		assert_true(hr_vm_cone(vm, 0, &from, &cone));
		assert_int_equal(cone.shape, HR_CONE_FLAT);
		/* the hour after the last one that has a whole five minutes */
		assert_true(from % 3600000 == 0 && from <= now + 3600000 && from + 7200000 > now);
		fx_near(cone.at_most[0], 0.2, 0.02);
		assert_true(hr_vm_cone(vm, 1, &from, &cone));
		fx_near(cone.at_most[167] / FX_MIB, 3072, 90); /* 3 of 4 GiB stay available */
	}
	n = hr_vm_encode(vm, bytes, sizeof(bytes));
	assert_true(n <= sizeof(bytes));
	back = hr_vm_decode(&c, bytes, n, &no_memory);
	assert_non_null(back);
	hr_vm_answer(back, "vm", now, a + 1);
	fx_same_answer(a, a + 1);
	print_message("23 days: %zu bytes stored, %zu held\n", n, hr_vm_bytes(back));
	hr_vm_free(back);
	hr_vm_free(vm);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_codes_are_within_3_percent),
		cmocka_unit_test(a_days_k_is_the_8th_smallest_of_1440_minutes),
		cmocka_unit_test(a_day_without_80_percent_is_missing),
		cmocka_unit_test(a_resize_scales_the_cpu_and_forgets_the_rest),
		cmocka_unit_test(a_step_of_the_clock_is_a_hole_and_no_step),
		cmocka_unit_test(one_pass_reads_what_the_series_are),
		cmocka_unit_test(weeks_and_days_of_demand_are_kept_and_old_days_go),
		cmocka_unit_test(steady_decline_gives_a_date_and_a_flat_vm_a_probability),
		cmocka_unit_test(a_level_held_is_now_and_not_a_forecast),
		cmocka_unit_test(need_of_memory_is_a_stock_that_a_restart_empties),
		cmocka_unit_test(the_answer_of_a_service_has_an_outlook_and_it_survives_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
