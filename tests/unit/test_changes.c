/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known events: a VM gets more vCPUs, a device another limit.  The days before are brought to the
 * new scale or forgotten; neither the step nor what was seen under the old limit is a trend.
 */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <jansson.h>

#include "collector/core/days.h"
#include "collector/core/history_json.h"
#include "collector/core/outlook.h"
#include "collector/core/render.h"
#include "collector/core/vm.h"

#define DAY0    20000
#define DISK    5 /* group of device 0 */
#define FIVE    300000ULL
#define DAY_MS  86400000ULL
#define BEFORE  28
#define IN_FIVE 30 /* windows that a five minutes' one stands for */

static void put(struct hr_days *d, uint16_t day, unsigned what, double v)
{
	struct hr_day_cell c = {.v = (float)v};

	assert_true(hr_days_add(d, day, (uint8_t)what, c.bits));
}

/* A day with evidence of CPU, disk and VM; k of 0: at its cap. */
static void day(struct hr_days *d, uint16_t at, double cpu, double disk, double vm)
{
	const double k[3] = {cpu, disk, vm};
	const unsigned group[3] = {0, DISK, HR_DAYS_VM};
	uint32_t seen = 0;

	for (unsigned i = 0; i < 3; i++) {
		seen |= 1U << group[i];
		if (k[i] > 0)
			put(d, at, HR_DAY_K + group[i], log(k[i]));
	}
	assert_true(hr_days_add(d, at, HR_DAY_SEEN, seen));
}

static void a_limit_scales_its_device_and_the_days_it_bound(void **state)
{
	struct hr_days d = {0};
	double disk[4], vm[4], cpu[4];
	bool event[4], other[4];

	(void)state;
	day(&d, DAY0, 4, 1.5, 1.5);   /* it bound */
	day(&d, DAY0 + 1, 2, 5, 1.9); /* the CPU bound */
	day(&d, DAY0 + 2, 0, 4, 4);   /* it bound, and will be at the cap */
	day(&d, DAY0 + 3, 2.5, 1.5, 1.5);
	hr_days_limit(&d, DAY0 + 3, DISK, 2);
	assert_int_equal(hr_days_k_series(&d, DISK, 4, disk), 4);
	assert_int_equal(hr_days_k_series(&d, HR_DAYS_VM, 4, vm), 4);
	assert_int_equal(hr_days_k_series(&d, 0, 4, cpu), 4);
	fx_near(disk[0], log(3), 1e-6);
	fx_near(disk[1], log(HR_DAYS_K_CAP), 1e-6); /* 10 */
	fx_near(disk[2], log(HR_DAYS_K_CAP), 1e-6); /* 8 */
	fx_near(vm[0], log(3), 1e-6);
	fx_near(vm[1], log(1.9), 1e-6); /* as it was: the disk had no part in it */
	fx_near(vm[2], log(HR_DAYS_K_CAP), 1e-6);
	fx_near(vm[3], log(2.5), 1e-6); /* now the CPU is the least */
	fx_near(cpu[0], log(4), 1e-6);
	hr_days_events(&d, DISK, 4, event);
	hr_days_events(&d, 0, 4, other);
	assert_true(event[3] && !event[2] && !other[3]);
	hr_days_cut(&d, DAY0 + 3, 0); /* the marks of one day are added */
	hr_days_events(&d, 0, 4, other);
	hr_days_events(&d, DISK, 4, event);
	assert_true(event[3] && other[3]);
	hr_days_done(&d);
}

static void a_limit_changed_by_nobody_knows_what_leaves_no_k_of_it(void **state)
{
	struct hr_days d = {0};
	double v[2];

	(void)state;
	day(&d, DAY0, 4, 1.5, 1.5);
	day(&d, DAY0 + 1, 2, 5, 1.9);
	hr_days_limit(&d, DAY0 + 1, DISK, 0);
	assert_int_equal(hr_days_k_series(&d, DISK, 2, v), 0);
	assert_int_equal(hr_days_k_series(&d, HR_DAYS_VM, 2, v), 1);
	assert_true(isnan(v[0]));
	fx_near(v[1], log(1.9), 1e-6);
	assert_int_equal(hr_days_k_series(&d, 0, 2, v), 2);
	hr_days_done(&d);
}

static void a_mark_stored_by_an_older_collector_is_of_all(void **state)
{
	struct hr_days d = {0};
	bool event[1];

	(void)state;
	day(&d, DAY0, 4, 1.5, 1.5);
	assert_true(hr_days_add(&d, DAY0, HR_DAY_RESIZED, 1));
	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		hr_days_events(&d, g, 1, event);
		assert_true(event[0]);
	}
	hr_days_done(&d);
}

/* --- a whole VM, in windows of five minutes --- */

struct story {
	struct hr_vm *vm;
	struct hr_facts facts;
	uint64_t seq;
	void (*change)(struct hr_summary *s);
};

static void begin(struct story *s, void (*change)(struct hr_summary *s))
{
	struct hr_model_conf c;

	hr_model_conf_default(&c);
	*s = (struct story){.vm = hr_vm_new(&c), .facts = fx_facts(), .change = change};
	assert_non_null(s->vm);
	s->facts.dev[0].cap_iops = 1000;
	hr_vm_facts(s->vm, &s->facts, FX_T0_MS);
}

static uint64_t now(const struct story *s)
{
	return FX_T0_MS + s->seq * FIVE;
}

static void days_pass(struct story *s, unsigned days)
{
	for (unsigned i = 0; i < days * 288; i++) {
		struct hr_summary *w = fx_idle(s->seq);

		s->seq++;
		w->dur_ms = (uint32_t)FIVE;
		w->t_end_ms = now(s);
		w->cpus = s->facts.cpus_online;
		w->ctr[HR_CTR_SLOT_N] *= IN_FIVE;
		w->ctr[HR_CTR_BURST_N] *= IN_FIVE;
		s->change(w);
		hr_vm_add(s->vm, w);
		free(w);
	}
}

/* 500 requests in each second, 50 in each 100 ms; nothing late, nothing waited for. */
static void steady_disk(struct hr_summary *s)
{
	struct hr_dev_summary *d = &s->dev[0];

	d->ctr[HR_DCTR_IO_RD_N] = d->ctr[HR_DCTR_RD_N] = 500 * FIVE / 1000;
	d->ctr[HR_DCTR_IO_RD_BYTES] = d->ctr[HR_DCTR_IO_RD_N] * 4096;
	d->ctr[HR_DCTR_L0_RD_US] = 300;
	hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], 50, (uint32_t)(FIVE / 100));
	hr_hist_add(&d->dist[HR_DDIST_RD_LAT], 300, (uint32_t)d->ctr[HR_DCTR_IO_RD_N]);
}

/* Every vCPU is busy in every slot: at_least is 1 / 1.25 (answer-model 2). */
static void full_cpu(struct hr_summary *s)
{
	s->ctr[HR_CTR_ONCPU_NS] = s->cpus * FIVE * 1000000ULL;
	s->ctr[HR_CTR_BUSY_ALL_N] = s->ctr[HR_CTR_SLOT_N];
}

/* at_least of the VM on the last closed days, from the history that users read. */
static void k_of_days(const struct story *s, unsigned n, double *ret)
{
	struct hr_query_history q = {
		.from_ms = now(s) - n * DAY_MS, .to_ms = now(s), .step_ms = DAY_MS};
	char *text = hr_history_days_json("vm", &q, s->vm);
	json_t *o = json_loads(text, 0, NULL), *k;
	size_t have;

	assert_non_null(o);
	k = json_object_get(json_object_get(o, "headroom"), "at_least");
	have = json_array_size(k);
	for (unsigned i = 0; i < n; i++)
		ret[i] = i < have ? json_number_value(json_array_get(k, have - 1 - i)) : 0;
	json_decref(o);
	free(text);
}

static void a_day_before_the_first_one_is_unknown_and_not_at_the_cap(void **state)
{
	struct hr_query_history q = {.step_ms = DAY_MS};
	struct story s;
	json_t *o, *k;
	char *text;

	(void)state;
	begin(&s, steady_disk);
	days_pass(&s, 3);
	q.to_ms = now(&s);
	q.from_ms = q.to_ms - 20 * DAY_MS;
	text = hr_history_days_json("vm", &q, s.vm);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	k = json_object_get(json_object_get(o, "headroom"), "at_least");
	assert_true(json_array_size(k) > 15);
	assert_true(json_is_null(json_array_get(k, 0)));
	assert_true(json_is_number(json_array_get(k, json_array_size(k) - 1)));
	json_decref(o);
	free(text);
	hr_vm_free(s.vm);
}

static void days_before_all_that_are_kept_are_the_range_asked_for(void **state)
{
	struct hr_query_history q = {
		.from_ms = 1741996800000, .to_ms = 1742083200000, .step_ms = DAY_MS};
	struct story s;
	char *text;

	(void)state;
	begin(&s, steady_disk);
	days_pass(&s, 3);
	text = hr_history_days_json("vm", &q, s.vm);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"at_least\":[]"));
	/* date -u -d 2025-03-15 +%s */
	assert_non_null(
		strstr(text, "\"from\":\"2025-03-15T00:00:00Z\",\"to\":\"2025-03-16T00:00:00Z\""));
	free(text);
	hr_vm_free(s.vm);
}

static void a_silent_agent_is_what_its_answer_advises_about(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct story s;

	(void)state;
	assert_non_null(a);
	begin(&s, steady_disk);
	days_pass(&s, BEFORE);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	assert_null(strstr(a->advice, "headroom-agent"));
	hr_vm_answer(s.vm, "vm", now(&s) + 420000, a);
	assert_int_equal(a->reason, HR_REASON_MISSING_EVIDENCE);
	assert_non_null(strstr(a->missing[0].evidence, "the agent is silent"));
	assert_non_null(strstr(a->advice, "systemctl status headroom-agent"));
	hr_vm_free(s.vm);
	free(a);
}

static void a_larger_limit_of_a_disk_is_no_better_load(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct story s;
	double k[7];

	(void)state;
	assert_non_null(a);
	begin(&s, steady_disk);
	days_pass(&s, BEFORE);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	/* 1000 / 500 / 1.1, in codes of 6.7 % and rounded down: 1.818 -> 1.70 or more */
	assert_in_range((int)(1000 * fx_res(a, HR_RES_DISK)->headroom.at_least.v), 1700, 1818);
	k_of_days(&s, 7, k);
	fx_near(k[3], 1000 / 500.0 / 1.1, 1e-4);
	s.facts.dev[0].cap_iops = 3000;
	hr_vm_facts(s.vm, &s.facts, now(&s));
	k_of_days(&s, 7, k);
	for (unsigned i = 0; i < 5; i++)
		fx_near(k[i], 3000 / 500.0 / 1.1, 1e-4);
	days_pass(&s, 3);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	/* nothing of the old limit is left: 5.45 in codes */
	assert_in_range((int)(1000 * fx_res(a, HR_RES_DISK)->headroom.at_least.v), 5100, 5455);
	assert_in_range((int)(1000 * a->headroom.at_least.v), 5100, 5455);
	assert_false(a->days_left.has);
	assert_non_null(strstr(a->outlook.trend, "no trend"));
	assert_true(a->outlook.probability_30d.has && a->outlook.probability_30d.v < 0.1);
	k_of_days(&s, 7, k);
	fx_near(k[0], 3000 / 500.0 / 1.1, 1e-4);
	hr_vm_free(s.vm);
	free(a);
}

static void what_an_unchanged_limit_says_again_is_no_event(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct story s;

	(void)state;
	assert_non_null(a);
	begin(&s, steady_disk);
	days_pass(&s, 3);
	hr_vm_facts(s.vm, &s.facts, now(&s)); /* as every hour */
	days_pass(&s, 1);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	assert_int_equal(a->n_missing, 0);
	s.facts.dev[0].cap_iops = 0; /* nobody tells one any more: all of it begins anew */
	hr_vm_facts(s.vm, &s.facts, now(&s));
	days_pass(&s, 1);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	assert_non_null(strstr(a->missing[0].evidence, "since its size or a limit of it changed"));
	hr_vm_free(s.vm);
	free(a);
}

/* And requests queued now and then, at 2000 a second. */
static void disk_with_a_cap(struct hr_summary *s)
{
	struct hr_dev_summary *d = &s->dev[0];

	steady_disk(s);
	d->ctr[HR_DCTR_WIN_QUEUED_N] = 10;
	d->ctr[HR_DCTR_WIN_EPISODES] = 1;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = 2000;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS2] = 400000;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB] = 8000;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB2] = 16000000;
}

static void a_limit_told_for_the_first_time_forgets_nothing(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct story s;
	double k[7];

	(void)state;
	assert_non_null(a);
	begin(&s, disk_with_a_cap);
	s.facts.dev[0].cap_iops = 0;
	hr_vm_facts(s.vm, &s.facts, FX_T0_MS);
	days_pass(&s, 4);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	assert_int_equal(fx_res(a, HR_RES_DISK)->capacity.source, HR_CAP_LEARNED);
	fx_near(fx_res(a, HR_RES_DISK)->capacity.value.v, 2000, 1e-6);
	s.facts.dev[0].cap_iops = 16000;
	hr_vm_facts(s.vm, &s.facts, now(&s));
	s.change = steady_disk;
	days_pass(&s, 1);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	/* the cap of before it is not met again, and binds below what is told */
	assert_int_equal(fx_res(a, HR_RES_DISK)->capacity.source, HR_CAP_LEARNED);
	fx_near(fx_res(a, HR_RES_DISK)->capacity.value.v, 2000, 1e-6);
	for (uint8_t i = 0; i < a->n_missing; i++)
		assert_null(strstr(a->missing[i].evidence, "since its size or a limit"));
	k_of_days(&s, 7, k);
	fx_near(k[3], 2000 / 500.0 / 1.1, 1e-4);
	s.facts.dev[0].cap_bytes_per_s = 100 << 20; /* the other quantity, later */
	hr_vm_facts(s.vm, &s.facts, now(&s));
	days_pass(&s, 1);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	fx_near(fx_res(a, HR_RES_DISK)->capacity.value.v, 2000, 1e-6);
	hr_vm_free(s.vm);
	free(a);
}

/* Half of the CPUs' time held back while they are free, in every window. */
static void throttled(struct hr_summary *s)
{
	s->have |= HR_SIG_BIT(HR_SIG_CPU_QUOTA);
	s->ctr[HR_CTR_QUOTA_THROTTLED_N] = 100;
	s->ctr[HR_CTR_QUOTA_THROTTLED_US] = FIVE * 500;
}

static void idle(struct hr_summary *s)
{
	s->have |= HR_SIG_BIT(HR_SIG_CPU_QUOTA);
}

static void a_quota(struct story *s, const char *group, uint32_t cpu_m)
{
	(void)snprintf(s->facts.tight_cgroup, sizeof(s->facts.tight_cgroup), "%s", group);
	s->facts.tight_cpu_m = cpu_m;
	s->facts.tight_mem_mib = HR_NO_LIMIT;
	hr_vm_facts(s->vm, &s->facts, now(s));
}

static void held_back_for_three_days(struct story *s)
{
	begin(s, idle);
	days_pass(s, BEFORE);
	a_quota(s, "/batch.service", 500);
	s->change = throttled;
	days_pass(s, 3);
}

static void a_raised_cpu_quota_takes_with_it_what_it_held_back(void **state)
{
	static const uint32_t raised[] = {1000, HR_NO_LIMIT};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct hr_answer *a = calloc(1, sizeof(*a));
		struct story s;

		assert_non_null(a);
		held_back_for_three_days(&s);
		hr_vm_answer(s.vm, "vm", now(&s), a);
		assert_int_equal(a->reason, HR_REASON_LOCAL_LIMIT);
		assert_true(a->outlook.probability_30d.v == 1); /* it is so already */
		a_quota(&s, "/batch.service", raised[i]);
		s.change = idle;
		days_pass(&s, 2);
		hr_vm_answer(s.vm, "vm", now(&s), a);
		assert_int_equal(a->reason, HR_REASON_HEADROOM_LEFT);
		assert_true(a->headroom.at_least.v > 1.3);
		/* the days before the throttled ones are known still */
		assert_true(a->outlook.probability_30d.has && a->outlook.probability_30d.v < 0.1);
		assert_true(a->outlook.history_days >= BEFORE - 1);
		hr_vm_free(s.vm);
		free(a);
	}
}

static void what_is_not_a_raised_quota_forgets_nothing(void **state)
{
	static const struct {
		const char *group;
		uint32_t cpu_m;
	} next[] = {{"/batch.service", 500}, /* as every hour */
		{"/batch.service", 250},     /* lowered */
		{"/other.service", 1000},    /* another group's */
		{"/batch.service", 0}};      /* an older agent: unknown */

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct hr_answer *a = calloc(1, sizeof(*a));
		struct story s;

		assert_non_null(a);
		held_back_for_three_days(&s);
		a_quota(&s, next[i].group, next[i].cpu_m);
		s.change = idle;
		days_pass(&s, 2);
		hr_vm_answer(s.vm, "vm", now(&s), a);
		assert_int_equal(a->reason, HR_REASON_LOCAL_LIMIT);
		assert_true(a->outlook.probability_30d.v > 0.5);
		hr_vm_free(s.vm);
		free(a);
	}
}

/* Whether the text of @a has @what in it. */
static bool says(const struct hr_answer *a, const char *what)
{
	char *buf = calloc(1, 8192);
	struct hr_out o;
	bool has;

	assert_non_null(buf);
	hr_out_init(&o, buf, 8192, 120, false);
	hr_render_answer(a, &o);
	has = strstr(buf, what) != NULL;
	free(buf);
	return has;
}

static void twice_the_vcpus_are_twice_the_headroom_of_the_days_before(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct story s;
	double k[7], before;

	(void)state;
	assert_non_null(a);
	begin(&s, full_cpu);
	days_pass(&s, BEFORE);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	fx_near(a->outlook.probability_30d.v, 1, 0); /* below the target now */
	assert_true(
		says(a, "Next 30 days: below the target on 3 or more of the last 7 days already;"));
	k_of_days(&s, 7, k);
	before = k[3];
	fx_near(before, 0.8, 0.05); /* full: nothing fits beside it, less the model's error */
	s.facts.cpus_online = s.facts.cpus_possible = 4;
	hr_vm_facts(s.vm, &s.facts, now(&s));
	k_of_days(&s, 7, k);
	for (unsigned i = 0; i < 5; i++)
		fx_near(k[i], 2 * before, 1e-4);
	hr_vm_answer(s.vm, "vm", now(&s), a);
	/* 28 days at 1.3 / 1.6 of the line: likely enough to be told, but no certainty */
	assert_true(a->outlook.probability_30d.v > 0 && a->outlook.probability_30d.v < 0.5);
	assert_true(says(a, "Next 30 days: below the target for days with a probability of "));
	assert_false(a->days_left.has);
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	hr_vm_free(s.vm);
	free(a);
}

static void a_date_comes_with_the_probability_of_what_it_is_about(void **state)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	char *text;

	(void)state;
	assert_non_null(a);
	a->n_res = 2;
	a->res[0].resource = HR_RES_CPU;
	a->res[0].probability_30d = (struct hr_opt){.has = true, .v = 0.75};
	a->res[1].resource = HR_RES_MEMORY;
	a->res[1].probability_30d = (struct hr_opt){.has = true, .v = 0.25};
	a->res[1].days_left.has = a->days_left.has = true;
	a->days_left.resource = HR_RES_MEMORY;
	text = hr_answer_json(a, false);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"probability_30d\":0.75,\"days_left\":null"));
	assert_non_null(
		strstr(text, "\"days_left\":{\"at_least\":null,\"likely\":null,\"at_most\":null,"
			     "\"agreed\":false,\"probability_30d\":0.25}"));
	assert_non_null(strstr(text,
		"\"resource\":\"memory\",\"device\":null,\"agreed\":false,\"probability_30d\":"
		"0.25}"));
	free(text);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_scales_its_device_and_the_days_it_bound),
		cmocka_unit_test(a_limit_changed_by_nobody_knows_what_leaves_no_k_of_it),
		cmocka_unit_test(a_mark_stored_by_an_older_collector_is_of_all),
		cmocka_unit_test(a_day_before_the_first_one_is_unknown_and_not_at_the_cap),
		cmocka_unit_test(days_before_all_that_are_kept_are_the_range_asked_for),
		cmocka_unit_test(a_silent_agent_is_what_its_answer_advises_about),
		cmocka_unit_test(a_larger_limit_of_a_disk_is_no_better_load),
		cmocka_unit_test(what_an_unchanged_limit_says_again_is_no_event),
		cmocka_unit_test(a_limit_told_for_the_first_time_forgets_nothing),
		cmocka_unit_test(a_raised_cpu_quota_takes_with_it_what_it_held_back),
		cmocka_unit_test(what_is_not_a_raised_quota_forgets_nothing),
		cmocka_unit_test(a_date_comes_with_the_probability_of_what_it_is_about),
		cmocka_unit_test(twice_the_vcpus_are_twice_the_headroom_of_the_days_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
