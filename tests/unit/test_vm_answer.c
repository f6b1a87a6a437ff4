/* SPDX-License-Identifier: Apache-2.0 */
/* From the minutes of a VM to its answer: the largest size, what is missing, which minutes count.
 */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/catalogue.h"
#include "collector/core/vm.h"

static struct hr_model_conf conf_of(uint64_t minute_ms)
{
	struct hr_model_conf c;

	hr_model_conf_default(&c);
	c.min_history_h = 0;
	c.minute_ms = minute_ms;
	return c;
}

/* Four threads that never sleep on two vCPUs: twice of them do twice as much. */
static void full(struct hr_summary *s)
{
	s->ctr[HR_CTR_ONCPU_NS] = s->ctr[HR_CTR_WAIT_NS] = 20000000000;
	s->ctr[HR_CTR_HOG_NS] = s->ctr[HR_CTR_FROZEN_C_NS] = 20000000000;
	s->ctr[HR_CTR_FROZEN_2C_NS] = 40000000000;
	s->ctr[HR_CTR_BUSY_ALL_N] = s->ctr[HR_CTR_SLOT_N];
	s->ctr[HR_CTR_STAT_USER_MS] = 20000;
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 2000, 10);
}

/* Of one window changed by @change, asked @later_ms after its end. */
static struct hr_answer *ask(const struct hr_model_conf *c, const struct hr_facts *f,
	void (*change)(struct hr_summary *s), uint64_t later_ms)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_summary *s = fx_idle(0);
	struct hr_vm *vm = hr_vm_new(c);

	assert_non_null(a);
	assert_non_null(vm);
	hr_vm_facts(vm, f, FX_T0_MS);
	change(s);
	hr_vm_add(vm, s);
	hr_vm_answer(vm, "vm", s->t_end_ms + later_ms, a);
	hr_vm_free(vm);
	free(s);
	return a;
}

static void is(struct hr_answer *a, enum hr_answer_kind kind, enum hr_reason reason)
{
	assert_int_equal(a->kind, kind);
	assert_int_equal(a->reason, reason);
	free(a);
}

static void the_largest_size_that_is_told_is_the_ceiling(void **state)
{
	struct hr_model_conf c = conf_of(300000);
	struct hr_facts f = fx_facts();

	(void)state;
	c.max_vcpus = 4;
	is(ask(&c, &f, full, 0), HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	c.max_vcpus = 3;
	is(ask(&c, &f, full, 0), HR_ANSWER_NO, HR_REASON_AT_CEILING);
}

/* Two vCPUs and 4096 MiB each; the others are of another provider, or another machine. */
static struct hr_size_row sizes[] = {
	{.provider = "own",
		.family = "f",
		.name = "f.2",
		.vcpus = 2,
		.mem_bytes = 4096 * FX_MIB,
		.arch = "amd64"},
	{.provider = "own",
		.family = "f",
		.name = "f.4",
		.vcpus = 4,
		.mem_bytes = 8192 * FX_MIB,
		.arch = "amd64"},
	{.provider = "own",
		.family = "g",
		.name = "g.8",
		.vcpus = 8,
		.mem_bytes = 16384 * FX_MIB,
		.arch = "arm64"},
	{.provider = "they",
		.family = "f",
		.name = "f.8",
		.vcpus = 8,
		.mem_bytes = 16384 * FX_MIB,
		.arch = "amd64"},
};

static void the_largest_size_of_the_catalogue_is_the_ceiling(void **state)
{
	struct hr_size_row three[] = {sizes[0], sizes[2], sizes[3]};
	struct hr_catalogue all = {sizes, 4}, none_larger = {three, 3};
	struct hr_model_conf c = conf_of(300000);
	struct hr_facts f = fx_facts();

	(void)state;
	(void)snprintf(f.provider, sizeof(f.provider), "own");
	(void)snprintf(f.instance_type, sizeof(f.instance_type), "f.2");
	c.catalogue = &all;
	is(ask(&c, &f, full, 0), HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	c.catalogue = &none_larger;
	is(ask(&c, &f, full, 0), HR_ANSWER_NO, HR_REASON_AT_CEILING);
	c.max_vcpus = 8; /* the operator's word counts more */
	is(ask(&c, &f, full, 0), HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	c.catalogue = &all;
	c.max_vcpus = 3;
	is(ask(&c, &f, full, 0), HR_ANSWER_NO, HR_REASON_AT_CEILING);
	c.max_vcpus = 0;
	c.catalogue = &none_larger;
	f.cpus_online = 1; /* not of that size: none is known */
	is(ask(&c, &f, full, 0), HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

static void short_of_memory(struct hr_summary *s)
{
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 3000000;
	s->ctr[HR_CTR_REFAULT_FILE_N] = 20000;
	s->ctr[HR_CTR_PGSCAN_KSWAPD_N] = 100000;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 100 * FX_MIB;
}

static void the_advice_names_the_next_size_of_the_catalogue(void **state)
{
	struct hr_catalogue all = {sizes, 4};
	struct hr_model_conf c = conf_of(300000);
	struct hr_facts f = fx_facts();
	struct hr_answer *a;

	(void)state;
	(void)snprintf(f.provider, sizeof(f.provider), "own");
	(void)snprintf(f.instance_type, sizeof(f.instance_type), "f.2");
	c.catalogue = &all;
	a = ask(&c, &f, short_of_memory, 0);
	assert_true(a->size.in_catalogue);
	assert_string_equal(a->size.next.name, "f.4");
	assert_non_null(strstr(a->advice, "Next size: f.4, predicted at least"));
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	(void)snprintf(f.instance_type, sizeof(f.instance_type), "f.9");
	a = ask(&c, &f, short_of_memory, 0);
	assert_null(strstr(a->advice, "Next size"));
	free(a);
}

static void no_meminfo(struct hr_summary *s)
{
	s->have &= ~HR_SIG_BIT(HR_SIG_MEMINFO);
}

static void a_resource_without_evidence_is_named(void **state)
{
	struct hr_model_conf c = conf_of(300000);
	struct hr_facts f = fx_facts();
	struct hr_answer *a = ask(&c, &f, no_meminfo, 0);

	(void)state;
	assert_non_null(strstr(a->missing[0].evidence, "meminfo"));
	is(a, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void unaccounted(struct hr_summary *s)
{
	s->ctr[HR_CTR_UNKNOWN_NS] = 400000000; /* 2 % of two CPUs' 10 s */
}

static void cpu_time_that_nobody_accounts_for_forbids_a_yes(void **state)
{
	struct hr_model_conf c = conf_of(300000);
	struct hr_facts f = fx_facts();
	struct hr_answer *a = ask(&c, &f, unaccounted, 0);

	(void)state;
	assert_non_null(strstr(a->missing[0].evidence, "2.00 % of the CPU time"));
	is(a, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void idle(struct hr_summary *s)
{
	(void)s;
}

static void an_agent_is_silent_after_five_minutes(void **state)
{
	struct hr_model_conf c = conf_of(60000);
	struct hr_facts f = fx_facts();
	struct hr_answer *a;

	(void)state;
	c.min_history_h = 10.0 / 3600; /* what the window has */
	is(ask(&c, &f, idle, 300000), HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT);
	a = ask(&c, &f, idle, 300001);
	assert_non_null(strstr(a->missing[0].evidence, "the agent is silent"));
	is(a, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	c.min_history_h = 0; /* `measure` has no agent that sends on */
	is(ask(&c, &f, idle, 300001), HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT);
}

/* @n minutes of the service, the first @first of them changed by @change, the others by @other. */
static struct hr_answer *minutes(unsigned n, unsigned first, void (*change)(struct hr_summary *s),
	void (*other)(struct hr_summary *s))
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_model_conf c = conf_of(60000);
	struct hr_facts f = fx_facts();
	struct hr_vm *vm = hr_vm_new(&c);

	assert_non_null(a);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (uint64_t i = 0; i < 6ULL * n; i++) {
		struct hr_summary *s = fx_idle(i);

		(i < 6ULL * first ? change : other)(s);
		hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 60000ULL * n, a);
	hr_vm_free(vm);
	return a;
}

/* One thread of 60 % of a CPU: 0.9 / 0.6 / 1.15 = 1.304 at least. */
static void one_thread(struct hr_summary *s)
{
	s->top[0].oncpu_ms = s->top[0].process_oncpu_ms = 6000;
}

static void softirqs(struct hr_summary *s, uint64_t pm)
{
	memset(&s->dist[HR_DIST_SOFTIRQ_CPU], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], pm, 10);
}

/* 0.9 / 0.56 / 1.15 = 1.40 at least, 7 % above the thread's. */
static void softirqs_near(struct hr_summary *s)
{
	softirqs(s, 560);
}

/* 1.74, a third above. */
static void softirqs_far(struct hr_summary *s)
{
	softirqs(s, 450);
}

/* Six minutes against two: what binds is asked of those within a tenth of K. */
static void minutes_within_a_tenth_of_the_tightest_tell_what_binds(void **state)
{
	struct hr_answer *a = minutes(8, 2, one_thread, softirqs_near);

	(void)state;
	assert_int_equal(a->binding.resource, HR_RES_SOFTIRQ);
	free(a);
	a = minutes(8, 2, one_thread, softirqs_far);
	assert_int_equal(a->binding.resource, HR_RES_SERIAL);
	fx_near(a->headroom.at_least.v, 1.3, 0.01);
	free(a);
}

/* Late from 1.26 times the load on, not on twice the vCPUs; nothing ever waits. */
static void late_soon(struct hr_summary *s)
{
	s->ctr[HR_CTR_BURST_N] = s->ctr[HR_CTR_VQ_TOT_N] = 10000;
	for (unsigned g = 3; g < HR_VQ_GRID; g++)
		s->vq_bad[0][g] = s->vq_bad[HR_VQ_SPREAD][g] = 1000;
}

/* One of a pool of eight: hot, and no limit by itself. */
static void and_hot(struct hr_summary *s)
{
	late_soon(s);
	s->top[0].oncpu_ms = 9500;
	s->top[0].peers = 7;
	s->top[0].process_oncpu_ms = 8 * 9500;
}

static void a_thread_counts_as_hot_in_more_than_half_of_the_minutes(void **state)
{
	struct hr_answer *a = minutes(10, 6, and_hot, late_soon);

	(void)state;
	assert_string_equal(a->bigger[0].change, "vcpus x2");
	fx_near(a->bigger[0].gain.at_most.v, 1, 1e-9); /* what waited was nothing: proven */
	free(a);
	a = minutes(10, 5, and_hot, late_soon);
	assert_true(a->bigger[0].gain.likely.v > 1.5);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_size_that_is_told_is_the_ceiling),
		cmocka_unit_test(the_largest_size_of_the_catalogue_is_the_ceiling),
		cmocka_unit_test(the_advice_names_the_next_size_of_the_catalogue),
		cmocka_unit_test(a_resource_without_evidence_is_named),
		cmocka_unit_test(cpu_time_that_nobody_accounts_for_forbids_a_yes),
		cmocka_unit_test(an_agent_is_silent_after_five_minutes),
		cmocka_unit_test(minutes_within_a_tenth_of_the_tightest_tell_what_binds),
		cmocka_unit_test(a_thread_counts_as_hot_in_more_than_half_of_the_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
