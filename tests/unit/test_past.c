/* SPDX-License-Identifier: Apache-2.0 */
/* The past from stored windows: headroom per step, the tightest minute, pooled demand. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <jansson.h>
#include <math.h>

#include "collector/core/history_json.h"
#include "collector/core/vm.h"

#define STEP_MS 60000
#define STEPS   4

struct world {
	struct hr_vm *vm;
	struct hr_history h;
	struct hr_past past;
	struct hr_history_cell cell[STEPS][HR_HISTORY_N];
	struct hr_past_step step[STEPS];
	uint64_t from_ms; /* a minute of the model begins here */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hr_facts f = fx_facts();
	struct hr_summary *s = fx_idle(0);
	struct hr_model_conf c;

	assert_non_null(w);
	hr_model_conf_default(&c);
	c.min_history_h = 0;
	w->vm = hr_vm_new(&c);
	assert_non_null(w->vm);
	hr_vm_facts(w->vm, &f, FX_T0_MS);
	hr_vm_add(w->vm, s);
	w->from_ms = s->t_end_ms - s->dur_ms;
	free(s);
	w->h.from_ms = w->past.from_ms = w->from_ms;
	w->h.step_ms = w->past.step_ms = STEP_MS;
	w->h.n = w->past.n = STEPS;
	w->h.cell = w->cell;
	w->past.step = w->step;
	w->past.vm = w->vm;
	hr_past_init(&w->past);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_vm_free(w->vm);
	free(w);
	return 0;
}

/* The window of 10 s that ends (@i + 1) x 10 s after the begin; @busy: both CPUs, by hogs. */
static void window(struct world *w, unsigned i, bool busy)
{
	struct hr_summary *s = fx_idle(i);

	s->dur_ms = 10000;
	s->t_end_ms = w->from_ms + (i + 1) * 10000ULL;
	if (busy) {
		s->ctr[HR_CTR_ONCPU_NS] = 20000000000;
		s->ctr[HR_CTR_HOG_NS] = 19900000000;
		s->ctr[HR_CTR_BUSY_ALL_N] = s->ctr[HR_CTR_SLOT_N];
		s->ctr[HR_CTR_FROZEN_C_NS] = 20000000000;
		s->ctr[HR_CTR_FROZEN_2C_NS] = 40000000000;
		memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
		hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 2000, 10);
	}
	hr_history_add(&w->h, s, s->t_end_ms);
	hr_past_add(&w->past, s);
	free(s);
}

static void end(struct world *w)
{
	hr_history_end(&w->h);
	hr_past_end(&w->past);
}

static void each_step_has_the_least_headroom_of_its_minutes(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 18; i++)
		window(w, i, i >= 6 && i < 12);
	end(w);
	/* idle: virtual queue never late at 8x, model error 1.25; chance: 2400 x 8 bursts */
	fx_near(w->step[0].at_least.v, 6.4 / exp(0.5 / sqrt(192)), 1e-9);
	fx_near(w->step[2].at_least.v, 6.4 / exp(0.5 / sqrt(192)), 1e-9);
	assert_true(w->step[1].at_least.has && w->step[1].at_least.v <= 1);
	assert_false(w->step[3].at_least.has);
}

static void the_tightest_minute_keeps_its_slots(void **state)
{
	struct world *w = *state;
	const struct hr_past_bursts *t = &w->past.tight;

	for (unsigned i = 0; i < 18; i++)
		window(w, i, i >= 6 && i < 12);
	end(w);
	assert_int_equal(t->from_ms, w->from_ms + 60000);
	assert_int_equal(t->to_ms, w->from_ms + 120000);
	assert_int_equal(t->cpus, 2);
	assert_int_equal(t->binding, HR_RES_CPU);
	assert_true(t->slot_n > 0);
	assert_int_equal(t->busy_n, t->slot_n);
	assert_int_equal(t->busy_1s.total, 60); /* six windows of ten seconds */
	assert_int_equal(t->busy_1s.max, 2000);
}

static void demand_is_pooled_over_the_step(void **state)
{
	struct world *w = *state;
	struct hr_opt mean;

	/* 6 x 10 s, one of them at 2 cores: of 60 seconds the P99 is the 60th, 2 cores */
	for (unsigned i = 0; i < 6; i++)
		window(w, i, i == 3);
	/* 5 idle windows and a busy second among 60: still the 60th; idle only: their own */
	for (unsigned i = 6; i < 12; i++)
		window(w, i, false);
	end(w);
	fx_near(w->cell[0][HR_HISTORY_CPU].p99.v, 2.0, 1e-9); /* the last rank is exact */
	fx_near(w->cell[0][HR_HISTORY_CPU].max.v, 2.0, 1e-9);
	assert_true(w->cell[1][HR_HISTORY_CPU].p99.v < 1);
	mean = hr_history_value(&w->h, 0, HR_HISTORY_CPU);
	assert_true(mean.has && mean.v > 20.0 / 60 && mean.v < 20.0 / 60 + 0.5);
	assert_false(w->cell[2][HR_HISTORY_CPU].p99.has);
	assert_false(w->cell[0][HR_HISTORY_MEMORY].p99.has); /* a least has no percentile */
}

static void the_document_says_null_where_nothing_is_known(void **state)
{
	struct world *w = *state;
	struct hr_query_history q = {
		.from_ms = w->from_ms, .to_ms = w->from_ms + STEPS * STEP_MS, .step_ms = STEP_MS};
	json_t *o, *k, *cpu;
	char *text;

	for (unsigned i = 0; i < 12; i++)
		window(w, i, i < 6);
	end(w);
	text = hr_history_json("vm", &q, &w->h, &w->past, w->vm);
	assert_non_null(text);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	k = json_object_get(json_object_get(o, "headroom"), "at_least");
	assert_int_equal(json_array_size(k), STEPS);
	assert_true(json_is_real(json_array_get(k, 1)));
	assert_true(json_is_null(json_array_get(k, 2)));
	fx_near(json_real_value(json_object_get(o, "threshold")), 1.3, 1e-9);
	cpu = json_array_get(json_object_get(o, "series"), 0);
	assert_string_equal(json_string_value(json_object_get(cpu, "resource")), "cpu");
	assert_int_equal(json_array_size(json_object_get(cpu, "p99")), STEPS);
	cpu = json_object_get(o, "tightest");
	assert_int_equal(json_integer_value(json_object_get(cpu, "slots")),
		json_integer_value(json_object_get(cpu, "slots_all_busy")));
	/* 60 seconds at exactly 2 cores: one bucket */
	cpu = json_object_get(cpu, "busy_cores_1s");
	assert_int_equal(json_array_size(cpu), 1);
	assert_int_equal(json_integer_value(json_array_get(json_array_get(cpu, 0), 2)), 60);
	json_decref(o);
	free(text);
}

static void a_vm_without_a_whole_day_has_no_days(void **state)
{
	struct world *w = *state;
	struct hr_query_history q = {
		.from_ms = 1794009600000, .to_ms = 1794096000000, .step_ms = 86400000};
	char *text = hr_history_days_json("vm", &q, w->vm);

	assert_non_null(text);
	assert_non_null(strstr(text, "\"at_least\":[]"));
	/* the range is the one asked for: `date -u -d 2026-11-07 +%s` */
	assert_non_null(
		strstr(text, "\"from\":\"2026-11-07T00:00:00Z\",\"to\":\"2026-11-08T00:00:00Z\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_step_has_the_least_headroom_of_its_minutes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_tightest_minute_keeps_its_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(demand_is_pooled_over_the_step, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_document_says_null_where_nothing_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_vm_without_a_whole_day_has_no_days, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
