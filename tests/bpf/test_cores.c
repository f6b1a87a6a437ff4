/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two vCPUs share a core, measured on this machine: prints what was found.  Where the
 * kernel shows the topology the two must agree; a CPU that has work to do tells nothing.
 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core_probe.h"
#include "agent/host_facts.h"
#include "agent/host_read.h"
#include "proto/base/clock.h"
#include "proto/units.h"
#include "tests/bpf/live.h"

static struct hr_facts facts;

static struct hr_bpf *open_hooks(void)
{
	const struct hr_bpf_opts o = {.disks = 1, .nics = 1};
	struct hr_bpf *b;

	assert_int_equal(hr_bpf_open(&b, &o, facts.signal), 0);
	if (facts.signal[HR_SIG_CPU_SLOTS].rung == HR_RUNG_MISSING) {
		print_message("no sched_switch hook: %s\n", facts.signal[HR_SIG_CPU_SLOTS].reason);
		hr_bpf_close(b);
		skip();
	}
	return b;
}

static void shown_and_measured_agree(void **state)
{
	struct hr_host_cpus cpus = {
		.online = (uint32_t)live_cpus(), .possible = (uint32_t)live_cpus()};
	struct hr_bpf *b = open_hooks();
	struct hr_core_probe *p;
	uint64_t now = live_now(), before = hr_clock_cpu_us();
	uint32_t shown;
	int r = hr_core_probe_open(&p, b, cpus.online);

	print_message("%u CPUs: the start took %.2f ms of CPU\n", cpus.online,
		(double)(hr_clock_cpu_us() - before) / 1e3);

	(void)state;
	if (r == -EOPNOTSUPP) {
		print_message("one CPU, not all of them ours, or no loop for this architecture\n");
		hr_bpf_close(b);
		skip();
	}
	assert_int_equal(r, 0);
	/* others may keep the CPUs busy: 600 looks of at least 11 s, in 6 s */
	for (unsigned i = 0; i < 600; i++) {
		hr_core_probe_facts(p, &facts);
		if (facts.threads_per_core > 0)
			break;
		now += 11 * HR_NS_PER_S;
		(void)hr_core_probe_tick(p, now);
		live_sleep_until(live_now() + 10 * HR_NS_PER_MS);
	}
	print_message("%u threads per core; %s\n", facts.threads_per_core,
		facts.signal[HR_SIG_TOPOLOGY].reason);
	hr_core_probe_close(p);
	hr_bpf_close(b);
	r = (int)facts.threads_per_core;
	hr_host_facts_cpus("", &cpus, &facts);
	shown = facts.threads_per_core;
	if (r == 0 || shown == 0)
		print_message("nothing to compare: measured %d, shown %u (0: not)\n", r, shown);
	else
		assert_int_equal(r > 1, shown > 1);
}

static void a_busy_cpu_tells_nothing(void **state)
{
	const uint32_t cpus = (uint32_t)live_cpus();
	struct hr_bpf *b = open_hooks();
	struct hr_core_probe *p;
	struct live_spinner busy;
	int r;

	(void)state;
	live_spin(&busy, 1, live_now() + 1500 * HR_NS_PER_MS);
	live_sleep_until(live_now() + 100 * HR_NS_PER_MS);
	r = hr_core_probe_open(&p, b, cpus);
	if (r == 0) {
		hr_core_probe_facts(p, &facts);
		assert_int_equal(facts.threads_per_core, 0);
		assert_int_equal(facts.signal[HR_SIG_TOPOLOGY].rung, HR_RUNG_MISSING);
		hr_core_probe_close(p);
	} else {
		assert_int_equal(r, -EOPNOTSUPP);
	}
	live_join(&busy);
	hr_bpf_close(b);
}

/* From here on this thread, and those it starts, may not give up rights. */
static void refuse_capset(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* The last of all: the filter stays. */
static void a_thread_that_keeps_its_rights_does_not_blame_the_cpus(void **state)
{
	struct hr_bpf *b = open_hooks();
	struct hr_core_probe *p;
	int r;

	(void)state;
	refuse_capset();
	r = hr_core_probe_open(&p, b, (uint32_t)live_cpus());
	if (r == 0) {
		hr_core_probe_facts(p, &facts);
		assert_int_equal(facts.signal[HR_SIG_TOPOLOGY].rung, HR_RUNG_MISSING);
		assert_non_null(strstr(facts.signal[HR_SIG_TOPOLOGY].reason, "kept its rights"));
		hr_core_probe_close(p);
	}
	hr_bpf_close(b);
	if (r == -EOPNOTSUPP)
		skip();
	assert_int_equal(r, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown_and_measured_agree),
		cmocka_unit_test(a_busy_cpu_tells_nothing),
		cmocka_unit_test(a_thread_that_keeps_its_rights_does_not_blame_the_cpus),
	};

	(void)argc;
	live_need_kernel(argv);
	if (live_cpus() < 2) {
		print_message("one CPU: nothing to share\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
