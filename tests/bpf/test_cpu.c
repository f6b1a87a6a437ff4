/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch hook against the kernel's own accounts, under loads of known size.
 * Usage: test_cpu tp_btf|raw_tp.  Other work on the machine adds to every sum, so
 * what must hold is: at least our own, and equal to what the kernel says of all.
 */
#include "tests/unit/hr_cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "proto/num.h"
#include "tests/bpf/live.h"

#define MS 1000000ULL

static enum hr_rung arg_rung = HR_RUNG_UNKNOWN;

/*
 * Share of all CPU time that may be in no account: a vCPU that its host stops for a
 * while loses ticks, most of all in a guest under emulation (HR_TEST_SLACK there).
 */
static double slack(void)
{
	const char *text = getenv("HR_TEST_SLACK");
	double told;

	return text && hr_num_f64(text, 0, 1, &told) ? told : 0.02;
}

struct window {
	uint64_t from, to, idle0, idle1;
};

static void begin(struct window *w)
{
	w->idle0 = live_idle_ns(); /* takes a while on busy CPUs: the time belongs behind it */
	w->from = live_now();
}

static void end(struct window *w)
{
	w->idle1 = live_idle_ns();
	w->to = live_now();
}

static void near(const char *what, double a, double b, double tolerance)
{
	print_message("%s: %.3f, expected %.3f +- %.3f\n", what, a, b, tolerance);
	assert_true(a >= b - tolerance && a <= b + tolerance);
}

static void at_least(const char *what, double a, double b)
{
	print_message("%s: %.3f, at least %.3f\n", what, a, b);
	assert_true(a >= b);
}

/* What is true of every window, whatever ran in it.  Seconds. */
static void check_identities(const struct live_record *r, const struct window *w)
{
	struct hr_slot_cpu s = live_sum(r, w->from, w->to);
	double cpus = live_cpus(), wall = (double)(w->to - w->from) / 1e9;
	double idle = (double)(w->idle1 - w->idle0) / 1e9, edge = 2 * cpus * HR_SLOT_NS / 1e9;

	/* busy + idle + unknown = wall x CPUs; /proc/stat counts in 10 ms, idle and iowait per CPU
	 */
	near("oncpu + unknown + idle", (double)(s.oncpu_ns + s.unknown_ns) / 1e9 + idle,
		wall * cpus, edge + 0.02 * cpus + slack() * wall * cpus);
	/*
	 * Each ns of work is charged, from its wake on, or is a hog's.  Over all slots: what was
	 * woken before the base stays at the base; at the end, work that ran behind the last slot
	 * but was woken before it comes in addition.
	 */
	s = live_sum(r, 0, UINT64_MAX);
	at_least("charge + hog", (double)(s.charge_ns + s.hog_ns) / 1e9,
		(double)s.oncpu_ns / 1e9 * 0.98 - edge);
	at_least("oncpu, some woken late", (double)s.oncpu_ns / 1e9 + 0.2 * cpus + edge,
		(double)(s.charge_ns + s.hog_ns) / 1e9);
	for (uint32_t i = 0; i < r->n; i++)
		assert_true(r->cpu[i].oncpu_ns + r->cpu[i].unknown_ns <=
			    (uint64_t)((double)HR_SLOT_NS * cpus * 1.001) + 1000);
}

static void switches_agree_with_proc_stat(const struct live_record *r)
{
	double ctxt = (double)(r->ctxt1 - r->ctxt0);

	print_message("switches %llu resync %llu bad %llu, ctxt %.0f\n",
		(unsigned long long)r->sum.switches, (unsigned long long)r->sum.resync,
		(unsigned long long)r->sum.bad, ctxt);
	/* a missed switch shows as one resync, unless two in a row were missed on a CPU */
	near("switches + resync", (double)(r->sum.switches + r->sum.resync), ctxt,
		0.02 * ctxt + 20);
	assert_int_equal(r->sum.bad, 0);
	assert_true(hr_hist_valid(&r->sum.wait));
	assert_true(hr_hist_valid(&r->sum.burst_cpu));
	assert_true(hr_hist_valid(&r->sum.burst_wait));
}

/* Two spinners on two CPUs: two busy CPUs (or one, where there is only one). */
static void sum_over_slots_is_time_times_concurrency(void **state)
{
	struct live_record *r = live_start(arg_rung, NULL, 0);
	struct live_spinner s[2];
	struct window w;
	int n = live_cpus() > 1 ? 2 : 1;
	uint64_t own = 0;

	(void)state;
	assert_int_equal(r->signal[HR_SIG_CPU_SLOTS].rung,
		arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF);
	begin(&w);
	for (int i = 0; i < n; i++)
		live_spin(&s[i], i, w.from + 700 * MS);
	for (int i = 0; i < n; i++) {
		live_join(&s[i]);
		own += s[i].cpu_ns;
	}
	end(&w);
	live_record_until(r, w.to);
	check_identities(r, &w);
	at_least("oncpu against our threads' CPU time",
		(double)live_sum(r, w.from, w.to).oncpu_ns / 1e9, (double)own / 1e9 - 0.03);
	switches_agree_with_proc_stat(r);
	live_stop(r);
}

/* Two spinners on one CPU: one runs, one waits, all the time. */
static void two_on_one_cpu_are_two_runnable(void **state)
{
	struct live_record *r = live_start(arg_rung, NULL, 0);
	struct live_spinner s[2];
	struct hr_slot_cpu sum;
	struct window w;
	double wait, own;

	(void)state;
	begin(&w);
	for (int i = 0; i < 2; i++)
		live_spin(&s[i], 0, w.from + 800 * MS);
	for (int i = 0; i < 2; i++)
		live_join(&s[i]);
	end(&w);
	live_record_until(r, w.to);
	sum = live_sum(r, w.from, w.to);
	wait = (double)sum.wait_ns / 1e9;
	own = (double)(s[0].wait_ns + s[1].wait_ns) / 1e9;
	at_least("wait of both, by the kernel", own, 0.75);
	/* a segment that ended after the slots were read is in late_ns */
	at_least("wait in slots", wait + (double)r->sum.late_ns / 1e9, own * 0.97 - 0.02);
	at_least("runnable", wait + (double)sum.oncpu_ns / 1e9, 1.55);
	if ((double)sum.oncpu_ns / 1e9 - 0.8 < 0.1) /* nobody else ran: then it is an equality */
		near("wait, alone", wait, own, 0.05 * own + 0.03);
	check_identities(r, &w);
	assert_int_equal(r->sum.bad, 0);
	live_stop(r);
}

/* One thread without a break: its first second is a burst, the rest is a hog's, switch or no
 * switch. */
static void a_hog_is_seen_while_it_runs(void **state)
{
	struct live_record *r = live_start(arg_rung, NULL, 0);
	struct live_spinner s;
	struct hr_slot_cpu sum;
	struct window w;
	double hog;

	(void)state;
	begin(&w);
	live_spin(&s, live_cpus() - 1, w.from + 1900 * MS);
	live_record_until(r, w.from + 1600 * MS); /* it still runs: takes see it open */
	sum = live_sum(r, w.from, w.from + 1600 * MS);
	at_least("hog, still running", (double)sum.hog_ns / 1e9,
		0.6 - 0.03 - 0.3 * (double)sum.wait_ns / 1e9);
	live_join(&s);
	end(&w);
	live_record_until(r, w.to);
	sum = live_sum(r, w.from, w.to);
	hog = (double)(s.cpu_ns + s.wait_ns) / 1e9 - 1.0; /* older than 1 s since its start */
	at_least("hog", (double)sum.hog_ns / 1e9, hog - (double)s.wait_ns / 1e9 - 0.03);
	if ((double)(sum.oncpu_ns - s.cpu_ns) / 1e9 < 0.1)
		near("hog, alone", (double)sum.hog_ns / 1e9, hog, 0.04);
	check_identities(r, &w);
	live_stop(r);
}

/* How often this process has gone to sleep, as the kernel counts it. */
static uint64_t own_sleeps(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (uint64_t)u.ru_nvcsw;
}

/* 80 bursts of 1 ms, 1 ms of sleep between. */
static void each_wake_to_sleep_is_a_burst(void **state)
{
	struct live_record *r = live_start(arg_rung, NULL, 0);
	struct window w;
	uint64_t ms = 0, slept;

	(void)state;
	begin(&w);
	slept = own_sleeps();
	for (int i = 0; i < 80; i++) {
		live_burn(1 * MS);
		live_sleep_until(live_now() + 1 * MS);
	}
	slept = own_sleeps() - slept;
	live_sleep_until(live_now() + 10 * MS);
	end(&w);
	live_record_until(r, w.to);
	/* time in which the host stopped the vCPU counts as CPU time of whom it hit */
	for (uint32_t i = hr_bucket(960); i <= hr_bucket(slack() > 0.02 ? 50000 : 1300); i++)
		ms += r->sum.burst_cpu.n[i];
	/* a late clock or a waiter may stretch some; a stopped vCPU sleeps through its own wake-up
	 */
	at_least("bursts of about 1 ms", (double)ms, slack() > 0.02 ? 60 : 72);
	at_least("wakes in slots", (double)live_sum(r, w.from, w.to).wakes,
		slack() > 0.02 ? 60 : 76);
	assert_int_equal(r->sum.bursts, r->sum.burst_cpu.total);
	assert_int_equal(r->sum.bursts, r->sum.burst_wait.total);
	/* ours are among them, and each ended with a switch */
	at_least("bursts", (double)r->sum.bursts, (double)slept - 2);
	at_least("switches", (double)r->sum.switches, (double)r->sum.bursts);
	live_stop(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_over_slots_is_time_times_concurrency),
		cmocka_unit_test(two_on_one_cpu_are_two_runnable),
		cmocka_unit_test(each_wake_to_sleep_is_a_burst),
	};
	const struct CMUnitTest hog[] = {cmocka_unit_test(a_hog_is_seen_while_it_runs)};

	live_need_kernel(argv);
	if (argc > 1 && strcmp(argv[1], "hog") == 0)
		return cmocka_run_group_tests(hog, NULL, NULL);
	if (argc > 1 && strcmp(argv[1], "raw_tp") == 0)
		arg_rung = HR_RUNG_RAW_TP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
