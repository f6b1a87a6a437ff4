/* SPDX-License-Identifier: Apache-2.0 */
/* The answer in words (collector/core/text.c): what a reader must find in it, whatever is known. */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/text.h"
#include "collector/core/trace.h"

static struct hr_model_conf conf;
static struct hr_verdict verdict;
static struct hr_gain gain[HR_SIZE_N];
static struct hr_estimate bind;
static struct hr_answer a;
static struct hr_text_in in;
static char sentence[HR_TEXT_LEN], advice[HR_TEXT_LEN];

#define OPT(x) ((struct hr_opt){true, x})

/* A day of evidence, 1.5x at least, 2.5x likely, CPU closest. */
static int set_up(void **state)
{
	static const char *const change[] = {"vcpus x2", "memory x2", "vcpus x2, memory x2"};

	(void)state;
	hr_model_conf_default(&conf);
	verdict = (struct hr_verdict){.reason = HR_REASON_HEADROOM_LEFT, .row = 2, .size = -1};
	memset(&a, 0, sizeof(a));
	a.window.seconds = 30 * 3600;
	a.headroom = (struct hr_bounds){true, OPT(1.5), OPT(2.5), OPT(4), false};
	memset(&bind, 0, sizeof(bind));
	bind.r.resource = HR_RES_CPU;
	bind.reason = "the CPUs were full";
	for (int i = 0; i < HR_SIZE_N; i++)
		gain[i] = (struct hr_gain){
			change[i], true, {true, OPT(1.6), OPT(1.8), OPT(2), false}};
	in = (struct hr_text_in){.conf = &conf,
		.verdict = &verdict,
		.gain = gain,
		.bind = &bind,
		.a = &a,
		.cgroup = ""};
	return 0;
}

static void says(const char *const *words)
{
	hr_text_answer(&in, sentence, advice);
	for (; *words; words++)
		if (!strstr(sentence, *words) && !strstr(advice, *words))
			fail_msg("no '%s' in: %s | %s", *words, sentence, advice);
}
#define SAYS(...) says((const char *const[]){__VA_ARGS__, NULL})

static void is_silent_of(const char *word)
{
	assert_null(strstr(sentence, word));
	assert_null(strstr(advice, word));
}

static void yes_says_how_much_and_what_is_closest(void **state)
{
	(void)state;
	SAYS("In 99.5 % of the minutes of the last 30 hours", "carried 2.5x (at least 1.5x)",
		"more than 1 % of wake-ups waited > 10 ms", "Closest: CPU", "1.3x the load");
	a.window.seconds = 600;
	SAYS("In 99.5 % of the last 10 minutes");
	a.window.seconds = 80; /* not "1 minutes" */
	SAYS("In the last 80 seconds");
	a.window.seconds = 9 * 86400;
	SAYS("of the minutes of the last 9 days");
	in.whole = true;
	a.window.seconds = 20;
	a.headroom.likely = OPT(HR_K_MAX);
	SAYS("In the 20 s measured", "carried more than 8x (at least 1.5x)");
	a.headroom.at_least = OPT(HR_K_MAX);
	SAYS("carried more than 8x its load");
	is_silent_of("at least");
	a.headroom.likely.has = false;
	a.headroom.at_least = OPT(3);
	SAYS("carried at least 3.0x its load");
	in.bind = NULL;
	SAYS("Closest: nothing measured");
}

static void resize_names_the_size_and_its_gain(void **state)
{
	(void)state;
	verdict = (struct hr_verdict){.reason = HR_REASON_BIGGER_SIZE_HELPS, .row = 4, .size = 0};
	a.headroom.likely = OPT(0.7);
	SAYS("In the tightest minutes of the last 30 hours CPU is short",
		"about 0.7x of today's load", "vcpus x2 would raise that by 1.6x to 2.0x",
		"Take the next size (vcpus x2)");
	is_silent_of("no such size");
	a.window.seconds = 80;
	SAYS("In the tightest minutes of the last 80 seconds CPU is short");
	gain[0].gain.at_most = OPT(1.6);
	SAYS("by 1.6x.");
	gain[0].gain.at_least.has = false;
	SAYS("CPU is short (the CPUs were full)", "by how much was not measurable");
	bind.r.resource = HR_RES_MEMORY;
	verdict.size = HR_SIZE_MEMORY;
	SAYS("memory is short", "memory x2", "next size with more memory");
	verdict.reason = HR_REASON_AT_CEILING;
	SAYS("no such size exists", "largest size");
}

static void a_thread_is_named_and_vcpus_are_not_advised(void **state)
{
	(void)state;
	verdict.reason = HR_REASON_SERIAL_THREAD;
	bind.r.resource = HR_RES_SERIAL;
	bind.r.n_evidence = 1;
	bind.r.evidence[0] =
		(struct hr_evidence){"thread_busy_or_waiting", 0.97, HR_UNIT_RATIO, ""};
	SAYS("one thread was running or waiting for a CPU 97 % of the time");
	a.n_top = 1;
	a.top[0].resource = HR_RES_SERIAL;
	a.top[0].tid = 77;
	(void)snprintf(a.top[0].thread, HR_COMM_LEN, "parser");
	(void)snprintf(a.top[0].process, HR_COMM_LEN, "indexd");
	SAYS("thread parser of indexd (77)", "more vCPUs do not help", "keep the number of vCPUs");
	bind.r.resource = HR_RES_SOFTIRQ;
	bind.r.evidence[0] =
		(struct hr_evidence){"softirq_busiest_cpu_p99", 0.95, HR_UNIT_RATIO, ""};
	SAYS("kept one CPU 95 % busy", "receive queues");
	bind.r.resource = HR_RES_CPU;
	in.frozen = OPT(1.03);
	SAYS("twice the vCPUs would find at most 1.03x as much to run");
}

static void a_local_limit_is_named_and_no_larger_vm_advised(void **state)
{
	(void)state;
	verdict.reason = HR_REASON_LOCAL_LIMIT;
	bind.r.n_evidence = 2;
	bind.r.evidence[0] = (struct hr_evidence){"quota_throttled", 0.25, HR_UNIT_CORES, ""};
	SAYS("CPU quota of a cgroup held threads back for 0.25 CPU-seconds", "cpu.max",
		"a larger VM changes nothing");
	in.cgroup = "/db";
	SAYS("CPU quota of cgroup /db");
	bind.r.resource = HR_RES_MEMORY;
	bind.r.evidence[0] = (struct hr_evidence){"memcg_limit_hits", 42, HR_UNIT_COUNT, ""};
	bind.r.evidence[1] =
		(struct hr_evidence){"mem_available", 512 * 1048576.0, HR_UNIT_BYTES, ""};
	SAYS("memory limit of cgroup /db was hit 42 times", "512 MiB", "memory.max",
		"a larger VM changes nothing");
	bind.r.resource = HR_RES_NETWORK;
	(void)snprintf(bind.r.device, HR_NAME_LEN, "eth3");
	SAYS("traffic shaper installed on eth3", "tc qdisc show dev eth3",
		"a larger VM changes nothing");
}

static void an_external_limit_has_its_size_unless_only_bounded(void **state)
{
	(void)state;
	verdict.reason = HR_REASON_EXTERNAL_LIMIT;
	a.headroom.likely = OPT(0.9);
	bind.r.resource = HR_RES_DISK;
	(void)snprintf(bind.r.device, HR_NAME_LEN, "vdb");
	bind.r.capacity.value = OPT(3000);
	bind.r.capacity.unit = HR_UNIT_IOPS;
	bind.r.capacity.source = HR_CAP_LEARNED;
	SAYS("disk vdb was at its limit (about 3000 requests/s)", "about 0.9x of today's load",
		"Raise the limit of volume vdb");
	bind.high = 16000;
	bind.high_s = 1810;
	SAYS("disk vdb was at its limit (about 3000 requests/s)", "Raise the limit of volume vdb",
		"It came after 30 minutes at 16000 requests/s: burst credits used up?");
	bind.high = 0;
	bind.below_told = true;
	SAYS("disk vdb was at its limit (about 3000 requests/s)",
		"less than volume vdb is told to carry", "disk limit of this size");
	is_silent_of("Raise the limit");
	is_silent_of("does not grow with the VM");
	bind.r.capacity.source = HR_CAP_CONFIGURED; /* late, and far from it */
	SAYS("disk vdb was short well below its told limit (about 3000 requests/s)",
		"about 0.9x of today's load", "less than volume vdb is told to carry");
	is_silent_of("at its limit");
	bind.below_told = false;
	bind.r.capacity.source = HR_CAP_LOWER_BOUND;
	SAYS("disk vdb was at its limit:");
	bind.r.capacity.source = HR_CAP_CONFIGURED;
	bind.burst = 16000;
	bind.bursts_gone = true;
	SAYS("at its baseline (3000 requests/s) with bursts (16000) used up",
		"about 0.9x of today's load", "Raise the baseline of volume vdb");
	bind.r.resource = HR_RES_NETWORK;
	bind.r.capacity.unit = HR_UNIT_BYTES_PER_S;
	bind.r.capacity.value = OPT(12.5e6);
	bind.burst = 25e6;
	SAYS("(12.5 MB/s) with bursts (25.0) used up", "the link behind vdb");
	bind.bursts_gone = false;
	SAYS("network vdb", "(about 12.5 MB/s)", "link behind vdb");
}

static void a_limit_of_two_disks_is_nobodys_until_told(void **state)
{
	(void)state;
	verdict.reason = HR_REASON_MISSING_EVIDENCE;
	verdict.row = 7;
	bind.r.resource = HR_RES_DISK;
	(void)snprintf(bind.r.device, HR_NAME_LEN, "vdb");
	a.headroom = (struct hr_bounds){true, OPT(0.91), OPT(1), OPT(1), false};
	hr_text_answer(&in, sentence, advice);
	is_silent_of("another disk");
	bind.whose_open = true;
	SAYS("disk vdb was at a limit together with another disk (1.0x", "that of the VM",
		"`limits` in [measure]");
	is_silent_of("vcpus");
	bind.below_told = true;
	SAYS("well below what is told of it", "disk limit of this size");
	is_silent_of("`limits`");
	in.trend = true; /* short in weeks, and nothing was met */
	hr_text_answer(&in, sentence, advice);
	is_silent_of("another disk");
}

static void unknown_says_what_is_missing_and_what_to_do(void **state)
{
	(void)state;
	verdict = (struct hr_verdict){.reason = HR_REASON_MISSING_EVIDENCE, .row = 1, .size = -1};
	a.n_missing = 1;
	(void)snprintf(a.missing[0].evidence, sizeof(a.missing[0].evidence), "one Monday peak");
	SAYS("Not known yet", "Missing: one Monday peak.", "headroom explain");
	in.whole = true;
	a.window.seconds = 60;
	SAYS("Measure again, longer", "headroom measure --until-known 5m");
	a.window.seconds = 299;
	SAYS("More of the same load will hardly tell");
	a.window.seconds = 30 * 3600;
	in.whole = false;
	a.missing[0].available_ms = 1;
	SAYS("Let the agent run on");
	verdict.row = 3;
	a.headroom.at_least = OPT(1.1);
	SAYS("between 1.1x and 2.5x its load, and the target is 1.3x", "one Monday peak");
	verdict.row = 7;
	SAYS("vcpus x2 would gain between 1.6x and 2.0x", "too little or too vague");
	verdict.row = 1;
	a.n_missing = 0;
	SAYS("the bounds disagree");
}

/* The load has nothing to do with it: neither waiting nor measuring again helps. */
static void a_silent_agent_is_to_be_looked_at(void **state)
{
	(void)state;
	verdict = (struct hr_verdict){.reason = HR_REASON_MISSING_EVIDENCE, .row = 1, .size = -1};
	a.n_missing = 1;
	(void)snprintf(a.missing[0].evidence, sizeof(a.missing[0].evidence),
		"data of the last 7 minutes: the agent is silent");
	in.silent = true;
	in.whole = true;
	SAYS("the agent is silent.", "systemctl status headroom-agent", "headroom doctor");
	is_silent_of("headroom measure");
	in.whole = false;
	a.missing[0].available_ms = 1;
	SAYS("systemctl status headroom-agent");
	is_silent_of("by itself");
}

static void a_trend_leads_and_steal_blames_the_host(void **state)
{
	(void)state;
	in.trend = true;
	a.days_left.resource = HR_RES_MEMORY;
	a.days_left.at_least = OPT(12);
	SAYS("Headroom is left today (at least 1.5x), but that of memory falls steadily",
		"in 12 days at the earliest.");
	a.days_left.likely = OPT(20);
	SAYS("in 12 days at the earliest, likely in 20.");
	in.trend = false;
	verdict.reason = HR_REASON_STEAL;
	bind.r.resource = HR_RES_STEAL;
	bind.r.n_evidence = 1;
	bind.r.evidence[0] = (struct hr_evidence){"steal_share", 0.31, HR_UNIT_RATIO, ""};
	SAYS("withheld 31 % of the CPU time", "Move to another host");
}

/* Every reason, resource and row, with and without each number: whole, and never a nan. */
static void whatever_is_known_the_words_are_whole(void **state)
{
	(void)state;
	for (unsigned reason = 0; reason < HR_REASON_N; reason++)
		for (unsigned res = HR_RES_CPU; res <= HR_RES_SOFTIRQ; res++)
			for (uint8_t row = 1; row <= 7; row++)
				for (unsigned known = 0; known < 16; known++) {
					(void)set_up(state);
					verdict = (struct hr_verdict){
						.reason = reason, .row = row, .size = 0};
					bind.r.resource = res;
					memset(bind.r.device, 'd', HR_NAME_LEN - 1);
					a.headroom.likely.has = known & 1;
					a.headroom.at_least.has = known & 2;
					gain[0].gain.at_least.has = known & 4;
					in.whole = known & 8;
					hr_text_answer(&in, sentence, advice);
					assert_true(strlen(sentence) > 20 && strlen(advice) > 20);
					assert_true(strchr(".)", sentence[strlen(sentence) - 1]));
					assert_int_equal(advice[strlen(advice) - 1], '.');
					is_silent_of("nan");
					is_silent_of("inf");
					is_silent_of("(null)");
					is_silent_of("  ");
					is_silent_of("?");
				}
}

/* 8 bytes with NUL: lines that fit, a line that is cut, and nothing beyond. */
static void a_trace_is_cut_and_never_overrun(void **state)
{
	char buf[9] = {[8] = 'x'};
	struct hr_trace t = {buf, 8, 0};

	(void)state;
	hr_trace_say(NULL, "nothing");
	hr_trace_say(&t, "a%d", 1);
	assert_string_equal(buf, "a1\n");
	hr_trace_say(&t, "%s", "bcdefghij");
	assert_string_equal(buf, "a1\nbcd\n");
	assert_int_equal(t.len, 7);
	hr_trace_say(&t, "more");
	assert_string_equal(buf, "a1\nbcd\n");
	assert_int_equal(buf[8], 'x');
	assert_int_equal(t.len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(yes_says_how_much_and_what_is_closest, set_up),
		cmocka_unit_test_setup(resize_names_the_size_and_its_gain, set_up),
		cmocka_unit_test_setup(a_thread_is_named_and_vcpus_are_not_advised, set_up),
		cmocka_unit_test_setup(a_local_limit_is_named_and_no_larger_vm_advised, set_up),
		cmocka_unit_test_setup(an_external_limit_has_its_size_unless_only_bounded, set_up),
		cmocka_unit_test_setup(a_limit_of_two_disks_is_nobodys_until_told, set_up),
		cmocka_unit_test_setup(unknown_says_what_is_missing_and_what_to_do, set_up),
		cmocka_unit_test_setup(a_silent_agent_is_to_be_looked_at, set_up),
		cmocka_unit_test_setup(a_trend_leads_and_steal_blames_the_host, set_up),
		cmocka_unit_test(whatever_is_known_the_words_are_whole),
		cmocka_unit_test(a_trace_is_cut_and_never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
