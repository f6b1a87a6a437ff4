/* SPDX-License-Identifier: Apache-2.0 */
/* Each step down the ladder, and the sentence that goes with it. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "agent/core/ladder.h"

static struct hr_kernel_facts good(void)
{
	struct hr_kernel_facts f;

	memset(&f, 0, sizeof(f));
	f.has_btf = f.cap_bpf = f.cap_perfmon = f.sched_info = f.request_times = f.receive_times =
		true;
	for (int h = 0; h < HR_HOOK_N; h++) {
		f.hook[h].exists = true;
		f.hook[h].args = 1;
	}
	return f;
}

static void the_best_rung_needs_no_reason(void **state)
{
	struct hr_kernel_facts f = good();
	char why[HR_REASON_LEN];

	(void)state;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why), HR_RUNG_TP_BTF);
	assert_string_equal(why, "");
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_TASKS, HR_RUNG_UNKNOWN, why), HR_RUNG_ITER);
	assert_string_equal(why, "");
}

static void a_failed_rung_steps_down_and_says_why(void **state)
{
	struct hr_kernel_facts f = good();
	char why[HR_REASON_LEN];

	(void)state;
	hr_ladder_failed(&f, HR_HOOK_BLOCK, HR_RUNG_TP_BTF, -EACCES, "");
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_BLOCK, HR_RUNG_UNKNOWN, why), HR_RUNG_RAW_TP);
	assert_string_equal(why, "tp_btf refused by the kernel (errno 13)");
	hr_ladder_failed(&f, HR_HOOK_BLOCK, HR_RUNG_RAW_TP, -EINVAL, "unknown func 174");
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_BLOCK, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "raw_tp rejected by the kernel: unknown func 174");
	/* other hooks are not touched by it */
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why), HR_RUNG_TP_BTF);
}

static void what_stops_bpf_as_a_whole_is_named(void **state)
{
	struct hr_kernel_facts f = good();
	char why[HR_REASON_LEN];

	(void)state;
	f.cap_perfmon = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "needs CAP_PERFMON (has CAP_BPF)");
	f.cap_bpf = false;
	hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why);
	assert_string_equal(why, "needs CAP_BPF and CAP_PERFMON (run as root)");
	f.has_btf = false;
	hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why);
	assert_string_equal(why, "no kernel BTF (/sys/kernel/btf/vmlinux)");
}

static void an_absent_tracepoint_or_field_is_named(void **state)
{
	struct hr_kernel_facts f = good();
	char why[HR_REASON_LEN];

	(void)state;
	f.hook[HR_HOOK_XMIT].exists = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_XMIT, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "this kernel has no tracepoint net_dev_start_xmit");
	f.sched_info = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "kernel built without CONFIG_SCHED_INFO");
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_READ, HR_RUNG_UNKNOWN, why), HR_RUNG_TP_BTF);
	f.receive_times = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_READ, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "kernel's struct inet_connection_sock has no icsk_ack.lrcvtime");
	f.hook[HR_HOOK_READ].exists = false; /* CONFIG_INET off */
	f.receive_times = true;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_READ, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "this kernel has no tracepoint tcp_rcv_space_adjust");
	/* UNIX sockets need no field of TCP's */
	f.receive_times = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_UNIX, HR_RUNG_UNKNOWN, why), HR_RUNG_TP_BTF);
	f.hook[HR_HOOK_UNIX].exists = false;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_UNIX, HR_RUNG_UNKNOWN, why), HR_RUNG_MISSING);
	assert_string_equal(why, "this kernel has no tracepoint consume_skb");
}

static void force_never_takes_a_better_rung(void **state)
{
	struct hr_kernel_facts f = good();
	char why[HR_REASON_LEN];

	(void)state;
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_RAW_TP, why), HR_RUNG_RAW_TP);
	assert_string_equal(why, "raw_tp by option");
	assert_int_equal(hr_ladder_hook(&f, HR_HOOK_SWITCH, HR_RUNG_FILE, why), HR_RUNG_MISSING);
	assert_string_equal(why, "files only, by option");
}

static void only_signals_with_a_file_fall_to_the_file(void **state)
{
	struct hr_signal_state s;

	(void)state;
	hr_ladder_signal(HR_SIG_THREADS, HR_RUNG_MISSING, "no kernel BTF", &s);
	assert_int_equal(s.rung, HR_RUNG_FILE);
	assert_string_equal(s.reason, "no kernel BTF");
	hr_ladder_signal(HR_SIG_CPU_SLOTS, HR_RUNG_MISSING, "no kernel BTF", &s);
	assert_int_equal(s.rung, HR_RUNG_MISSING);
	hr_ladder_signal(HR_SIG_CPU_SLOTS, HR_RUNG_TP_BTF, "", &s);
	assert_int_equal(s.rung, HR_RUNG_TP_BTF);
	assert_string_equal(s.reason, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_rung_needs_no_reason),
		cmocka_unit_test(a_failed_rung_steps_down_and_says_why),
		cmocka_unit_test(what_stops_bpf_as_a_whole_is_named),
		cmocka_unit_test(an_absent_tracepoint_or_field_is_named),
		cmocka_unit_test(force_never_takes_a_better_rung),
		cmocka_unit_test(only_signals_with_a_file_fall_to_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
