/* SPDX-License-Identifier: Apache-2.0 */
/* One VM end to end through the model: windows in, answer out, as `headroom measure` does it. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <math.h>

#include "collector/core/ladder.h"
#include "collector/core/vm.h"

/* As the service judges it by the minute, or `measure` all of it. */
static struct hr_vm *vm_of(uint64_t minute_ms)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	c.min_history_h = 0;
	c.minute_ms = minute_ms;
	vm = hr_vm_new(&c);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	return vm;
}

static struct hr_answer *answer_of(struct hr_vm *vm)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	static char text[65536];

	assert_non_null(a);
	hr_vm_answer(vm, "vm", FX_T0_MS + 20000, a);
	if (getenv("HR_VERBOSE")) {
		hr_vm_explain(vm, FX_T0_MS + 20000, text, sizeof(text));
		print_message("%s\n-> %s\n-> %s\n", text, a->sentence, a->advice);
	}
	return a;
}

/* Two windows of 10 s, each changed by @change. */
static struct hr_answer *measure(void (*change)(struct hr_summary *s))
{
	struct hr_vm *vm = vm_of(300000);
	struct hr_answer *a;

	for (uint64_t i = 0; i < 2; i++) {
		struct hr_summary *s = fx_idle(i);

		if (change)
			change(s);
		hr_vm_add(vm, s);
		free(s);
	}
	a = answer_of(vm);
	hr_vm_free(vm);
	return a;
}

static void an_idle_vm_has_headroom_capped_at_8(void **state)
{
	struct hr_answer *a = measure(NULL);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_YES);
	assert_true(a->headroom.capped);
	fx_near(a->headroom.likely.v, 8, 0);
	/* virtual queue never late at 8x, model error 1.25; chance: 800 x 8 bursts */
	fx_near(a->headroom.at_least.v, 6.4 / exp(0.5 / sqrt(64)), 1e-9);
	assert_false(fx_res(a, HR_RES_DISK)->saturated);
	assert_true(a->sentence[0] && a->advice[0]);
	free(a);
}

/* 9 ms, most of which the one thread seen had: what is left when `headroom measure --for 60s` ends.
 */
static struct hr_summary *rest(uint64_t t_end_ms)
{
	struct hr_summary *s = fx_idle(0);

	s->t_end_ms = t_end_ms;
	s->dur_ms = 9;
	s->n_top = 1;
	s->top[0] = (struct hr_top){.pid = 1, .tid = 1, .oncpu_ms = 8, .process_oncpu_ms = 8};
	return s;
}

static void the_rest_of_a_measurement_is_no_minute_of_its_own(void **state)
{
	for (unsigned windows = 5; windows < 8; windows++) {
		struct hr_vm *vm = vm_of(60000);
		struct hr_summary *s = NULL;
		struct hr_answer *a;
		uint64_t end = 0;

		(void)state;
		for (uint64_t i = 0; i < windows; i++) {
			free(s);
			s = fx_idle(i);
			end = s->t_end_ms;
			hr_vm_add(vm, s);
		}
		free(s);
		s = rest(end + 9);
		hr_vm_add(vm, s);
		free(s);
		a = answer_of(vm);
		assert_int_equal(a->kind, HR_ANSWER_YES);
		fx_near(fx_res(a, HR_RES_SERIAL)->headroom.likely.v, 8, 0);
		fx_near(a->window.seconds, windows * 10 + 0.009, 1e-9);
		free(a);
		hr_vm_free(vm);
	}
}

/* @n threads of one program that never sleep, on 2 CPUs. */
static void hogs(struct hr_summary *s, unsigned n)
{
	double run = n < 2 ? n : 2;

	s->ctr[HR_CTR_ONCPU_NS] = (uint64_t)(run * 1e10);
	s->ctr[HR_CTR_HOG_NS] = s->ctr[HR_CTR_ONCPU_NS] - 100000000;
	s->ctr[HR_CTR_BUSY_ALL_N] = n >= 2 ? 1192 : 10;
	s->ctr[HR_CTR_WAIT_NS] = (uint64_t)((n - run) * 1e10);
	s->ctr[HR_CTR_FROZEN_C_NS] = (uint64_t)(run * 1e10);
	s->ctr[HR_CTR_FROZEN_2C_NS] = (uint64_t)((n < 4 ? n : 4) * 1e10);
	s->ctr[HR_CTR_STAT_USER_MS] = (uint64_t)(run * 1e4);
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], (uint64_t)(run * 1000), 10);
	s->n_top = (uint8_t)(n < HR_TOP_MAX ? n : HR_TOP_MAX);
	for (unsigned i = 0; i < s->n_top; i++) {
		s->top[i] = (struct hr_top){.pid = 100 + i,
			.tid = 100 + i,
			.oncpu_ms = (uint32_t)(1e4 * run / n),
			.comm = "stress-ng-cpu",
			.process = "stress-ng-cpu"};
		s->top[i].process_oncpu_ms = s->top[i].oncpu_ms;
		s->top[i].wait_ms = 10000 - s->top[i].oncpu_ms;
	}
}

static void one_hog(struct hr_summary *s)
{
	hogs(s, 1);
}

/* 0.5 % on CPU, 90 % "waiting" on idle CPUs: what a kernel that counts sleeps as waits reports. */
static void mostly_waiting(struct hr_summary *s)
{
	s->top[0].oncpu_ms = 50;
	s->top[0].wait_ms = 9000;
}

static void a_thread_that_only_waits_is_not_the_limit(void **state)
{
	struct hr_answer *a = measure(mostly_waiting);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_YES);
	assert_false(fx_res(a, HR_RES_SERIAL)->saturated);
	free(a);
}

static void two_hogs(struct hr_summary *s)
{
	hogs(s, 2);
}

static void four_hogs(struct hr_summary *s)
{
	hogs(s, 4);
}

static void one_spinning_thread_is_serial_and_more_vcpus_gain_nothing(void **state)
{
	struct hr_answer *a = measure(one_hog);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_SERIAL_THREAD);
	assert_int_equal(a->binding.resource, HR_RES_SERIAL);
	fx_near(a->headroom.likely.v, 0.9, 1e-9); /* 0.9 / 1.0 */
	assert_int_equal(a->top[0].resource, HR_RES_SERIAL);
	assert_string_equal(a->top[0].thread, "stress-ng-cpu");
	assert_int_equal(a->top[0].tid, 100);
	fx_near(a->bigger[0].gain.at_most.v, 1, 1e-9);
	free(a);
}

static void as_many_hogs_as_vcpus_leave_nothing_and_say_so(void **state)
{
	struct hr_answer *a = measure(two_hogs);

	(void)state;
	assert_true(a->kind == HR_ANSWER_NO);
	assert_int_equal(a->binding.resource, HR_RES_CPU);
	assert_true(fx_res(a, HR_RES_CPU)->saturated);
	assert_true(a->headroom.likely.v <= 1 && a->headroom.at_most.v <= 1);
	fx_near(a->bigger[0].gain.at_most.v, 1, 1e-9); /* frozen 2/2 */
	assert_non_null(strstr(a->advice, "starts more workers"));
	free(a);
}

static void twice_as_many_hogs_gain_from_more_vcpus(void **state)
{
	struct hr_answer *a = measure(four_hogs);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_RESIZE);
	assert_int_equal(a->binding.resource, HR_RES_CPU);
	assert_true(fx_res(a, HR_RES_CPU)->saturated);
	assert_true(a->headroom.likely.v <= 1);
	fx_near(a->bigger[0].gain.likely.v, 2, 0.01); /* frozen 4/2 */
	free(a);
}

static void quota(struct hr_summary *s)
{
	hogs(s, 1);
	s->ctr[HR_CTR_ONCPU_NS] = 2000000000;
	s->top[0].oncpu_ms = s->top[0].process_oncpu_ms = 2000;
	s->top[0].wait_ms = 0;
	s->ctr[HR_CTR_QUOTA_THROTTLED_N] = 100;
	s->ctr[HR_CTR_QUOTA_THROTTLED_US] = 8000000;
}

static void a_throttling_quota_is_a_local_limit(void **state)
{
	struct hr_answer *a = measure(quota);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_LOCAL_LIMIT);
	assert_non_null(strstr(a->sentence, "quota"));
	free(a);
}

static void memcg_thrash(struct hr_summary *s)
{
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 3000000;
	s->ctr[HR_CTR_MEMCG_MAX_N] = 5000;
	s->ctr[HR_CTR_MEMCG_FULL_RATIO_PM] = 1000;
	s->ctr[HR_CTR_REFAULT_FILE_N] = 20000;
}

static void a_thrashing_memory_cgroup_is_a_local_limit_not_a_small_vm(void **state)
{
	struct hr_answer *a = measure(memcg_thrash);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_LOCAL_LIMIT);
	assert_int_equal(a->binding.resource, HR_RES_MEMORY);
	assert_false(fx_res(a, HR_RES_MEMORY)->saturated);
	assert_non_null(strstr(a->sentence, "memory limit of a cgroup"));
	free(a);
}

/* The virtual queue expects half of the bursts late and none was: no likely k of the CPU. */
static void memcg_thrash_and_vague_cpu(struct hr_summary *s)
{
	memcg_thrash(s);
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		for (unsigned i = 0; i < HR_VQ_ROWS; i++)
			s->vq_bad[i][g] = 200;
}

static void the_cgroup_that_is_held_back_is_named(void **state)
{
	struct hr_facts f = fx_facts();
	struct hr_vm *vm = vm_of(60000);
	struct hr_summary *s = fx_idle(0);
	struct hr_answer *a;

	(void)state;
	(void)snprintf(f.tight_cgroup, sizeof(f.tight_cgroup), "%s", "/system.slice/batch.service");
	hr_vm_facts(vm, &f, FX_T0_MS);
	memcg_thrash(s);
	hr_vm_add(vm, s);
	a = answer_of(vm);
	assert_non_null(strstr(a->sentence, "cgroup /system.slice/batch.service"));
	free(a);
	free(s);
	hr_vm_free(vm);
}

static void what_is_at_its_end_needs_no_likely_k_of_the_cpu(void **state)
{
	struct hr_answer *a = measure(memcg_thrash_and_vague_cpu);

	(void)state;
	assert_false(fx_res(a, HR_RES_CPU)->headroom.likely.has);
	assert_int_equal(a->reason, HR_REASON_LOCAL_LIMIT);
	assert_int_equal(a->binding.resource, HR_RES_MEMORY);
	free(a);
}

/* The queue turns from 0.125 % late at today's load to all late at 1.26 x. */
static void steep_queue_few_late(struct hr_summary *s)
{
	s->ctr[HR_CTR_BURST_N] = s->ctr[HR_CTR_VQ_TOT_N] = 4000;
	s->ctr[HR_CTR_BURST_LATE_N] = 5;
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			s->vq_bad[i][g] = g < 3 ? 5 : 4000;
}

/* 0.125 % late now and no faster than the cube of the load: 1 % at cbrt(1 / 0.125) = 2 x. */
static void the_measured_late_share_grows_at_most_with_the_cube_of_the_load(void **state)
{
	struct hr_answer *a = measure(steep_queue_few_late);

	(void)state;
	fx_near(fx_res(a, HR_RES_CPU)->headroom.likely.v, 2, 1e-9);
	free(a);
}

/* 98 % of one thread is the demand of `serial`, 0 that of steal: each from its own samples. */
static void demand_stands_at_its_own_resource(void **state)
{
	struct hr_answer *a = measure(one_hog);

	(void)state;
	fx_near(fx_res(a, HR_RES_SERIAL)->demand.p99.v, 1, 0.1);
	fx_near(fx_res(a, HR_RES_STEAL)->demand.p99.v, 0, 0.01);
	free(a);
}

/* Late by measurement, and twice the vCPUs late, too: short, and the gain is vague. */
static void vague_gain(struct hr_summary *s)
{
	s->ctr[HR_CTR_BURST_LATE_N] = 20;
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		s->vq_bad[0][g] = s->vq_bad[HR_VQ_SPREAD][g] = 12 + 8 * g;
		s->vq_bad[1][g] = s->vq_bad[HR_VQ_SPREAD + 1][g] = 5 + 2 * g;
	}
}

static void an_unknown_answer_names_what_is_missing(void **state)
{
	struct hr_answer *a = measure(vague_gain);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	assert_true(a->n_missing > 0);
	free(a);
}

static void vm_thrash(struct hr_summary *s)
{
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 3000000;
	s->ctr[HR_CTR_REFAULT_FILE_N] = 20000;
	s->ctr[HR_CTR_PGSCAN_KSWAPD_N] = 100000;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 100 * FX_MIB;
}

static void a_vm_short_of_memory_is_told_to_take_more(void **state)
{
	struct hr_answer *a = measure(vm_thrash);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_RESIZE);
	assert_int_equal(a->binding.resource, HR_RES_MEMORY);
	assert_true(fx_res(a, HR_RES_MEMORY)->saturated);
	free(a);
}

/* Of 4096 MiB 3072 are available, 2048 of them page cache in use; 512 are anonymous. */
static void a_cache_in_use(struct hr_summary *s)
{
	s->ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = 2048 * FX_MIB;
	s->ctr[HR_CTR_MEM_ANON_BYTES] = 512 * FX_MIB;
}

static void half_the_memory_is_not_enough_beside_a_cache_in_use(void **state)
{
	struct hr_answer *a = measure(a_cache_in_use);
	const struct hr_res_answer *r = fx_res(a, HR_RES_MEMORY);
	struct hr_ladder_vm vm = {.vcpus = 2, .mem_bytes = 4096 * FX_MIB};
	struct hr_size_row half = {.vcpus = 2, .mem_bytes = 2048 * FX_MIB};
	struct hr_ladder_rung rung;

	(void)state;
	fx_near(r->headroom.at_least.v, 3, 1e-9); /* 1 + 1024 / 512 */
	fx_near(r->demand.mean.v, 3072 * FX_MIB, 1);
	assert_in_range(r->demand.max.v, 3072 * FX_MIB, 3400 * FX_MIB); /* of its bucket */
	hr_ladder_rung(a, &vm, &half, 1, &rung);
	assert_int_equal(rung.binding, HR_RES_MEMORY);
	assert_false(rung.enough);
	half.mem_bytes = 8192 * FX_MIB;
	hr_ladder_rung(a, &vm, &half, 1, &rung);
	assert_int_not_equal(rung.binding, HR_RES_MEMORY);
	free(a);
}

static void steal_12(struct hr_summary *s)
{
	s->ctr[HR_CTR_ONCPU_NS] = 12000000000;
	s->ctr[HR_CTR_STAT_USER_MS] = 12000;
	s->ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	s->ctr[HR_CTR_STEAL_MS] = 1000;
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 1200, 10);
}

static void stolen_cpu_time_is_the_hypervisors_fault(void **state)
{
	struct hr_answer *a = measure(steal_12);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_STEAL);
	/* 1000 / (12000 + 1000) */
	fx_near(fx_res(a, HR_RES_STEAL)->demand.mean.v, 0.076923, 1e-6);
	free(a);
}

/* 60 of the 260 ms that an idle VM wanted: 23 %, and nothing that anybody would notice. */
static void steal_of_next_to_nothing(struct hr_summary *s)
{
	s->ctr[HR_CTR_ONCPU_NS] = 200000000;
	s->ctr[HR_CTR_STAT_USER_MS] = 200;
	s->ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	s->ctr[HR_CTR_STEAL_MS] = 60;
	s->ctr[HR_CTR_STEAL_MAX_MS] = 10;
	memset(&s->dist[HR_DIST_STEAL_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_STEAL_1S], 6, 10);
}

static void a_share_of_next_to_nothing_is_not_held_against_the_limit(void **state)
{
	struct hr_answer *a = measure(steal_of_next_to_nothing);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_YES);
	assert_false(fx_res(a, HR_RES_STEAL)->saturated);
	fx_near(fx_res(a, HR_RES_STEAL)->demand.mean.v, 0.006, 0.0005);
	free(a);
}

static void no_bursts(struct hr_summary *s)
{
	s->have &= ~HR_SIG_BIT(HR_SIG_BURSTS);
}

static void a_missing_signal_is_never_yes(void **state)
{
	struct hr_answer *a = measure(no_bursts);

	(void)state;
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	assert_int_equal(a->reason, HR_REASON_MISSING_EVIDENCE);
	assert_true(a->n_missing > 0);
	assert_false(a->headroom.at_least.has);
	free(a);
}

static void the_service_says_unknown_before_30_hours(void **state)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_vm *vm;

	(void)state;
	hr_model_conf_default(&c);
	vm = hr_vm_new(&c);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (uint64_t i = 0; i < 3; i++) {
		struct hr_summary *s = fx_idle(i);

		hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 30000, a);
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	assert_non_null(strstr(a->missing[0].evidence, "30 h of history"));
	/* 30 h from now, less the 30 s seen */
	assert_int_equal(a->missing[0].available_ms, FX_T0_MS + 30000 + 30ULL * 3600000 - 30000);
	assert_true(fx_res(a, HR_RES_CPU)->headroom.has); /* resources are shown already */
	free(a);
	hr_vm_free(vm);
}

/* A day of the service, 6000 bursts a minute: @late of each 1000 in the last @minutes, else none.
 */
static struct hr_answer *a_day(unsigned minutes, uint64_t late)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_vm *vm = vm_of(60000);

	assert_non_null(a);
	for (uint64_t i = 0; i < 8640; i++) {
		struct hr_summary *s = fx_idle(i);

		s->ctr[HR_CTR_BURST_N] = s->ctr[HR_CTR_VQ_TOT_N] = 1000;
		s->ctr[HR_CTR_BURST_LATE_N] = i >= 8640 - 6 * minutes ? late : 0;
		hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 86400000, a);
	hr_vm_free(vm);
	return a;
}

/*
 * Of 6000, 60 are tolerated, and 5 sqrt(60) = 38.7 more may be a clump: 96 are no shortage, 102 are
 * one; in an hour of the day, not in seven minutes of it, which are 0.49 %.
 */
static void an_hour_of_the_day_binds_and_no_few_minutes_do(void **state)
{
	struct hr_answer *a = a_day(60, 17);

	(void)state;
	assert_true(fx_res(a, HR_RES_CPU)->saturated);
	assert_true(a->headroom.at_least.v < 1 && a->headroom.likely.v <= 1);
	assert_true(a->kind != HR_ANSWER_YES);
	free(a);
	a = a_day(60, 16);
	assert_false(fx_res(a, HR_RES_CPU)->saturated);
	assert_true(a->headroom.at_least.v >= 1);
	free(a);
	a = a_day(7, 17);
	assert_false(fx_res(a, HR_RES_CPU)->saturated);
	assert_int_equal(a->kind, HR_ANSWER_YES);
	free(a);
	a = a_day(8, 17);
	assert_true(fx_res(a, HR_RES_CPU)->saturated);
	free(a);
}

static void time_without_a_claim_was_seen_all_the_same(void **state)
{
	struct hr_vm *vm = vm_of(60000);
	struct hr_answer *a = calloc(1, sizeof(*a));

	(void)state;
	/* 100 windows of 10 s, the 41st to 60th never came: 80 of 100 */
	for (uint64_t i = 0; i < 100; i++) {
		struct hr_summary *s = fx_idle(i);

		no_bursts(s);
		if (i < 40 || i >= 60)
			hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 1000000, a);
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	fx_near(a->window.seconds, 1000, 1e-9);
	fx_near(a->window.covered, 0.8, 1e-9);
	free(a);
	hr_vm_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_vm_has_headroom_capped_at_8),
		cmocka_unit_test(the_rest_of_a_measurement_is_no_minute_of_its_own),
		cmocka_unit_test(one_spinning_thread_is_serial_and_more_vcpus_gain_nothing),
		cmocka_unit_test(a_thread_that_only_waits_is_not_the_limit),
		cmocka_unit_test(as_many_hogs_as_vcpus_leave_nothing_and_say_so),
		cmocka_unit_test(twice_as_many_hogs_gain_from_more_vcpus),
		cmocka_unit_test(a_throttling_quota_is_a_local_limit),
		cmocka_unit_test(a_thrashing_memory_cgroup_is_a_local_limit_not_a_small_vm),
		cmocka_unit_test(the_cgroup_that_is_held_back_is_named),
		cmocka_unit_test(what_is_at_its_end_needs_no_likely_k_of_the_cpu),
		cmocka_unit_test(the_measured_late_share_grows_at_most_with_the_cube_of_the_load),
		cmocka_unit_test(demand_stands_at_its_own_resource),
		cmocka_unit_test(an_unknown_answer_names_what_is_missing),
		cmocka_unit_test(a_vm_short_of_memory_is_told_to_take_more),
		cmocka_unit_test(half_the_memory_is_not_enough_beside_a_cache_in_use),
		cmocka_unit_test(a_share_of_next_to_nothing_is_not_held_against_the_limit),
		cmocka_unit_test(stolen_cpu_time_is_the_hypervisors_fault),
		cmocka_unit_test(a_missing_signal_is_never_yes),
		cmocka_unit_test(an_hour_of_the_day_binds_and_no_few_minutes_do),
		cmocka_unit_test(time_without_a_claim_was_seen_all_the_same),
		cmocka_unit_test(the_service_says_unknown_before_30_hours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
