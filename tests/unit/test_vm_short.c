/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows in, answer out: what is short by measurement, whose limit it is, and what may be said of
 * it where another resource has no signal.
 */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/vm.h"

typedef void change(struct hr_summary *s);

#define HOURS(n) ((n)*360U) /* windows */

struct of {
	change *first, *second; /* of each window; NULL: none */
	unsigned calm;          /* so many at the end stay as they are, but for @second */
	unsigned windows;       /* 0: `measure`, two of them; else the service */
	uint32_t max_vcpus, nic_cap;
};

static struct hr_answer *answer(const struct of *of)
{
	unsigned n = of->windows ? of->windows : 2;
	struct hr_answer *a = calloc(1, sizeof(*a));
	struct hr_facts f = fx_facts();
	struct hr_model_conf c;
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	c.max_vcpus = of->max_vcpus;
	if (!of->windows) {
		c.min_history_h = 0;
		c.minute_ms = 300000;
	}
	vm = hr_vm_new(&c);
	assert_true(a && vm);
	f.dev[1].cap_bytes_per_s = of->nic_cap;
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (uint64_t i = 0; i < n; i++) {
		struct hr_summary *s = fx_idle(i);

		if (of->first && i + of->calm < n)
			of->first(s);
		if (of->second)
			of->second(s);
		hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 10000ULL * n, a);
	if (getenv("HR_VERBOSE"))
		print_message("-> %s\n-> %s\n", a->sentence, a->advice);
	hr_vm_free(vm);
	return a;
}

static struct hr_answer *measure(change *first, change *second)
{
	return answer(&(struct of){.first = first, .second = second});
}

static void is(const struct hr_answer *a, enum hr_answer_kind kind, enum hr_reason reason,
	enum hr_resource bind)
{
	assert_string_equal(hr_answer_kind_name(a->kind), hr_answer_kind_name(kind));
	assert_string_equal(hr_reason_name(a->reason), hr_reason_name(reason));
	assert_string_equal(hr_resource_name(a->binding.resource), hr_resource_name(bind));
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no '%s' in: %s", words, text);
}

static bool misses(const struct hr_answer *a, const char *words)
{
	for (uint8_t i = 0; i < a->n_missing; i++)
		if (strstr(a->missing[i].evidence, words))
			return true;
	return false;
}

/* --- a provider's allowances --- */

/* 5 MB/s in and out, 10,000 packets. */
static void traffic(struct hr_summary *s)
{
	s->dev[1].ctr[HR_DCTR_RX_BYTES] = s->dev[1].ctr[HR_DCTR_TX_BYTES] = 50000000;
	s->dev[1].ctr[HR_DCTR_RX_PACKETS] = s->dev[1].ctr[HR_DCTR_TX_PACKETS] = 5000;
	for (unsigned i = 0; i < 99; i++) {
		hr_hist_add(&s->dev[1].dist[HR_DDIST_RX_KIB_100MS], 488, 1);
		hr_hist_add(&s->dev[1].dist[HR_DDIST_TX_KIB_100MS], 488, 1);
	}
}

static void bandwidth(struct hr_summary *s)
{
	traffic(s);
	s->dev[1].ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N] = 300;
}

static void connections(struct hr_summary *s)
{
	traffic(s);
	s->dev[1].ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N] = 300;
	s->dev[1].ctr[HR_DCTR_ALLOWANCE_CONNTRACK_N] = 200;
}

/* Next to no bytes: a few hundred queries. */
static void dns(struct hr_summary *s)
{
	s->dev[1].ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N] = 300;
	s->dev[1].ctr[HR_DCTR_ALLOWANCE_LINKLOCAL_N] = 298;
}

static void gains_something_unknown(const struct hr_answer *a, const char *size)
{
	for (uint8_t i = 0; i < a->n_bigger; i++) {
		if (strcmp(a->bigger[i].change, size) != 0)
			continue;
		fx_near(a->bigger[i].gain.at_least.v, 1, 0);
		assert_false(a->bigger[i].gain.likely.has || a->bigger[i].gain.at_most.has);
		return;
	}
	fail_msg("no %s", size);
}

static void an_allowance_of_the_size_asks_for_a_larger_one(void **state)
{
	struct hr_answer *a = measure(bandwidth, NULL);

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_NETWORK);
	assert_string_equal(a->binding.device, "eth0");
	says(a->sentence, "network eth0 is short (the provider held packets back");
	says(a->sentence, "vcpus x2 would help; by how much was not measurable");
	says(a->advice, "more network bandwidth and packets per second");
	assert_int_equal(a->n_missing, 0);
	gains_something_unknown(a, "vcpus x2");
	gains_something_unknown(a, "vcpus x2, memory x2");
	fx_near(a->bigger[1].gain.at_most.v, 1, 0); /* memory x2: no more packets */
	free(a);
}

static void where_no_size_is_larger_the_allowance_is_the_ceiling(void **state)
{
	struct hr_answer *a = answer(&(struct of){.first = bandwidth, .max_vcpus = 2});

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_AT_CEILING, HR_RES_NETWORK);
	says(a->sentence, "no such size exists");
	free(a);
}

static void tracked_connections_are_the_sizes_too_and_may_be_fewer(void **state)
{
	struct hr_answer *a = measure(connections, NULL);

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_NETWORK);
	says(a->sentence, "may track no more connections");
	says(a->advice, "fewer of them tracked");
	free(a);
}

static void a_limit_of_the_interface_grows_with_no_size(void **state)
{
	struct hr_answer *a = measure(dns, NULL);

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, HR_RES_NETWORK);
	says(a->sentence, "DNS, metadata or time service");
	says(a->sentence, "no larger size has more of that");
	says(a->advice, "Cache DNS answers");
	fx_near(a->bigger[0].gain.at_most.v, 1, 0);
	free(a);
}

/* An hour of a day and a half; the newest minutes are calm. */
static void an_hour_beyond_the_allowance_is_remembered(void **state)
{
	struct hr_answer *a =
		answer(&(struct of){.first = bandwidth, .windows = HOURS(36), .calm = HOURS(1)});

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_NETWORK);
	says(a->sentence, "packets were held back or dropped");
	says(a->sentence, "by how much was not measurable");
	says(a->advice, "more network bandwidth");
	gains_something_unknown(a, "vcpus x2");
	free(a);
	/* ten minutes of 36 hours are 0.46 % of it */
	a = answer(&(struct of){.first = bandwidth, .windows = HOURS(36), .calm = HOURS(36) - 60});
	assert_int_equal(a->kind, HR_ANSWER_YES);
	free(a);
}

/* --- lost packets --- */

/* 400 of 10,000 packets. */
static void losses(struct hr_summary *s)
{
	traffic(s);
	s->dev[1].ctr[HR_DCTR_RX_DROP_N] = 400;
}

static void lost_packets_do_not_tell_whose_limit_it_is(void **state)
{
	struct hr_answer *a = measure(losses, NULL);

	(void)state;
	is(a, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE, HR_RES_NETWORK);
	assert_true(misses(a, "where the packets of eth0 were lost"));
	assert_false(misses(a, "surer bound"));
	says(a->sentence, "whether a larger size would help is not known");
	says(a->advice, "ss -ti");
	gains_something_unknown(a, "vcpus x2");
	free(a);
}

/* 4,997,120 of 5 MB/s. */
static void losses_at_a_told_limit_are_that_limits(void **state)
{
	struct hr_answer *a = answer(&(struct of){.first = losses, .nic_cap = 5000000});

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, HR_RES_NETWORK);
	free(a);
}

static void softnet(struct hr_summary *s)
{
	s->ctr[HR_CTR_SOFTNET_DROP_N] = 50;
}

/* 70 % of one CPU, the other idle. */
static void one_cpu_of_packets(struct hr_summary *s)
{
	memset(&s->dist[HR_DIST_SOFTIRQ_CPU], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], 700, 10);
}

static void packets_that_one_cpu_drops_are_no_question_of_size(void **state)
{
	struct hr_answer *a = measure(softnet, one_cpu_of_packets);

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD, HR_RES_SOFTIRQ);
	says(a->sentence, "100 packets were dropped");
	says(a->sentence, "more vCPUs do not share it");
	says(a->advice, "RPS/RFS");
	assert_false(fx_res(a, HR_RES_NETWORK)->saturated);
	free(a);
	/* 78 % without drops carry 0.9 / 0.7 of the load */
	a = measure(one_cpu_of_packets, NULL);
	assert_false(fx_res(a, HR_RES_SOFTIRQ)->saturated);
	free(a);
}

static void packets_dropped_by_idle_cpus_are_unexplained(void **state)
{
	struct hr_answer *a = measure(softnet, NULL);

	(void)state;
	is(a, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE, HR_RES_SOFTIRQ);
	assert_true(misses(a, "what kept a CPU from taking packets in time"));
	assert_false(misses(a, "surer bound"));
	says(a->advice, "netdev_max_backlog");
	gains_something_unknown(a, "vcpus x2");
	free(a);
}

/* Four threads that never sleep on two CPUs; packets wait for a CPU as everybody does. */
static void full_cpus(struct hr_summary *s)
{
	s->ctr[HR_CTR_ONCPU_NS] = s->ctr[HR_CTR_WAIT_NS] = s->ctr[HR_CTR_FROZEN_C_NS] = 20000000000;
	s->ctr[HR_CTR_HOG_NS] = 19900000000;
	s->ctr[HR_CTR_FROZEN_2C_NS] = 40000000000;
	s->ctr[HR_CTR_BUSY_ALL_N] = 1192;
	s->ctr[HR_CTR_STAT_USER_MS] = 20000;
	s->ctr[HR_CTR_STAT_IDLE_MS] = s->ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], 2000, 10);
}

static void packets_dropped_by_full_cpus_are_the_cpus_shortage(void **state)
{
	struct hr_answer *a = measure(full_cpus, softnet);

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_CPU);
	free(a);
}

/* --- short for sure, where another resource has no signal --- */

static void no_cpu(struct hr_summary *s)
{
	s->have &= ~(HR_SIG_BIT(HR_SIG_BURSTS) | HR_SIG_BIT(HR_SIG_CPU_SLOTS) |
		     HR_SIG_BIT(HR_SIG_RUNQ_WAIT));
}

static void no_memory(struct hr_summary *s)
{
	s->have &= ~(HR_SIG_BIT(HR_SIG_MEMINFO) | HR_SIG_BIT(HR_SIG_PSI_MEMORY) |
		     HR_SIG_BIT(HR_SIG_VMSTAT) | HR_SIG_BIT(HR_SIG_RECLAIM));
}

static void thrash(struct hr_summary *s)
{
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 10000000;
	s->ctr[HR_CTR_REFAULT_FILE_N] = 20000;
	s->ctr[HR_CTR_PGSCAN_KSWAPD_N] = 100000;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 100 * FX_MIB;
}

static void memory_is_short_whatever_the_cpus_are(void **state)
{
	struct hr_answer *a = measure(thrash, no_cpu);

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_MEMORY);
	says(a->sentence, "memory x2 would help; by how much was not measurable");
	says(a->sentence, "Whether more is short is not known: missing");
	assert_true(misses(a, "cpu_slots") && misses(a, "bursts"));
	gains_something_unknown(a, "memory x2");
	free(a);
	a = measure(thrash, NULL);
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_MEMORY);
	assert_int_equal(a->n_missing, 0);
	gains_something_unknown(a, "memory x2");
	free(a);
}

static void the_service_says_so_too_once_it_has_its_history(void **state)
{
	struct hr_answer *a =
		answer(&(struct of){.first = thrash, .second = no_cpu, .windows = HOURS(31)});

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_MEMORY);
	assert_true(misses(a, "cpu_slots"));
	assert_int_equal(fx_res(a, HR_RES_MEMORY)->confidence, HR_CONFIDENCE_LOW);
	free(a);
	a = answer(&(struct of){.first = thrash, .windows = HOURS(31)});
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_MEMORY);
	assert_int_equal(fx_res(a, HR_RES_MEMORY)->confidence, HR_CONFIDENCE_MEDIUM);
	gains_something_unknown(a, "memory x2");
	free(a);
	a = answer(&(struct of){.first = thrash, .second = no_cpu, .windows = HOURS(2)});
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	assert_true(misses(a, "30 h of history"));
	free(a);
}

static void allowances_are_exceeded_whatever_the_cpus_are(void **state)
{
	struct hr_answer *a = measure(bandwidth, no_cpu);

	(void)state;
	is(a, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, HR_RES_NETWORK);
	assert_true(misses(a, "cpu_slots"));
	free(a);
	a = measure(dns, no_cpu);
	is(a, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, HR_RES_NETWORK);
	free(a);
}

static void memcg(struct hr_summary *s)
{
	s->ctr[HR_CTR_PSI_MEM_SOME_US] = 3000000;
	s->ctr[HR_CTR_MEMCG_MAX_N] = 5000;
	s->ctr[HR_CTR_REFAULT_FILE_N] = 20000;
}

static void shaper(struct hr_summary *s)
{
	s->dev[1].have |= HR_SIG_BIT(HR_SIG_QDISC);
	s->dev[1].ctr[HR_DCTR_QDISC_SHAPER] = 1;
	s->dev[1].ctr[HR_DCTR_QDISC_DROP_N] = 10;
}

static void a_limit_inside_the_vm_is_one_whatever_the_cpus_are(void **state)
{
	struct hr_answer *a = measure(memcg, no_cpu);

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_LOCAL_LIMIT, HR_RES_MEMORY);
	assert_true(misses(a, "cpu_slots"));
	free(a);
	a = measure(shaper, no_cpu);
	is(a, HR_ANSWER_NO, HR_REASON_LOCAL_LIMIT, HR_RES_NETWORK);
	free(a);
}

static void steal(struct hr_summary *s)
{
	s->ctr[HR_CTR_STAT_USER_MS] = 12000;
	s->ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	s->ctr[HR_CTR_STEAL_MS] = 1000;
}

static void stolen_time_is_not_delivered_whatever_waited_for_it(void **state)
{
	struct hr_answer *a = measure(steal, no_cpu);

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_STEAL, HR_RES_STEAL);
	free(a);
}

/* 300 requests a second of 320 that the volume is told to carry, nearly all of them late. */
static void full_disk(struct hr_summary *s)
{
	struct hr_dev_summary *d = &s->dev[0];

	d->ctr[HR_DCTR_IO_RD_N] = 3000;
	d->ctr[HR_DCTR_IO_RD_BYTES] = 3000 * 4096;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 159000000000;
	d->ctr[HR_DCTR_IO_SYNC_NS] = 159000000000;
	d->ctr[HR_DCTR_L0_RD_US] = 1000;
	hr_hist_add(&d->dist[HR_DDIST_RD_LAT], 53000, 3000);
	for (unsigned i = 0; i < 99; i++) {
		hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], 30, 1);
		hr_hist_add(&d->dist[HR_DDIST_KIB_100MS], 120, 1);
	}
	s->ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	d->ctr[HR_DCTR_WIN_N] = 99;
	d->ctr[HR_DCTR_WIN_QUEUED_N] = 60;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = 60 * 30;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS2] = 60 * 900;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB] = 60 * 120;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB2] = 60 * 14400;
	d->ctr[HR_DCTR_WIN_EPISODES] = 3;
}

static void a_full_disk_is_one_unless_it_may_be_memorys_fault(void **state)
{
	struct hr_answer *a = measure(full_disk, NULL);

	(void)state;
	is(a, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, HR_RES_DISK);
	free(a);
	a = measure(full_disk, no_cpu);
	is(a, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, HR_RES_DISK);
	free(a);
	a = measure(full_disk, no_memory);
	assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
	free(a);
}

static void no_meminfo(struct hr_summary *s)
{
	s->have &= ~HR_SIG_BIT(HR_SIG_MEMINFO);
}

static void the_same_where_memory_has_no_signal(void **state)
{
	static const struct {
		change *first, *second;
		enum hr_answer_kind kind;
		enum hr_reason reason;
	} by[] = {{bandwidth, no_memory, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS},
		{dns, no_memory, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT},
		{shaper, no_memory, HR_ANSWER_NO, HR_REASON_LOCAL_LIMIT},
		{steal, no_memory, HR_ANSWER_NO, HR_REASON_STEAL},
		{full_cpus, no_memory, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE},
		{losses, no_memory, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE},
		/* its own signal is the one that is missing */
		{thrash, no_meminfo, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE}};

	(void)state;
	for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		struct hr_answer *a = measure(by[i].first, by[i].second);

		assert_int_equal(a->kind, by[i].kind);
		assert_int_equal(a->reason, by[i].reason);
		assert_true(misses(a, "meminfo"));
		free(a);
	}
}

/* --- and where what is missing may change the answer --- */

static void quota(struct hr_summary *s)
{
	s->ctr[HR_CTR_QUOTA_THROTTLED_N] = 100;
	s->ctr[HR_CTR_QUOTA_THROTTLED_US] = 8000000;
}

static void far_shaper(struct hr_summary *s)
{
	traffic(s);
	hr_hist_add(&s->dist[HR_DIST_RTT_INFLATION], 48000, 6);
}

static void what_hangs_on_the_missing_signal_stays_unknown(void **state)
{
	static change *const none[] = {
		full_cpus, quota, losses, far_shaper, softnet, traffic, NULL};

	(void)state;
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct hr_answer *a = measure(none[i], no_cpu);

		assert_int_equal(a->kind, HR_ANSWER_UNKNOWN);
		assert_true(misses(a, "bursts"));
		assert_false(misses(a, "surer bound"));
		free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowance_of_the_size_asks_for_a_larger_one),
		cmocka_unit_test(where_no_size_is_larger_the_allowance_is_the_ceiling),
		cmocka_unit_test(tracked_connections_are_the_sizes_too_and_may_be_fewer),
		cmocka_unit_test(a_limit_of_the_interface_grows_with_no_size),
		cmocka_unit_test(an_hour_beyond_the_allowance_is_remembered),
		cmocka_unit_test(lost_packets_do_not_tell_whose_limit_it_is),
		cmocka_unit_test(losses_at_a_told_limit_are_that_limits),
		cmocka_unit_test(packets_that_one_cpu_drops_are_no_question_of_size),
		cmocka_unit_test(packets_dropped_by_idle_cpus_are_unexplained),
		cmocka_unit_test(packets_dropped_by_full_cpus_are_the_cpus_shortage),
		cmocka_unit_test(memory_is_short_whatever_the_cpus_are),
		cmocka_unit_test(the_service_says_so_too_once_it_has_its_history),
		cmocka_unit_test(allowances_are_exceeded_whatever_the_cpus_are),
		cmocka_unit_test(a_limit_inside_the_vm_is_one_whatever_the_cpus_are),
		cmocka_unit_test(stolen_time_is_not_delivered_whatever_waited_for_it),
		cmocka_unit_test(a_full_disk_is_one_unless_it_may_be_memorys_fault),
		cmocka_unit_test(the_same_where_memory_has_no_signal),
		cmocka_unit_test(what_hangs_on_the_missing_signal_stays_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
