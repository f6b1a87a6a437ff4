/* SPDX-License-Identifier: Apache-2.0 */
/* What a window counts and what it claims, on texts that grow by known steps. */
#include "tests/unit/sampler_feed.h"

static void a_window_sums_what_grew_in_its_ten_ticks(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	assert_int_equal(run(100, 110, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 10);
	assert_int_equal(s->dur_ms, 10000);
	assert_int_equal(s->t_end_ms, 1700000110000ULL);
	assert_int_equal(s->epoch, 3);
	assert_int_equal(s->cpus, 2);
	/* ten ticks of 10 ms ticks: 10 x 50 x 10 ms */
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 5000);
	assert_int_equal(s->ctr[HR_CTR_STAT_SYSTEM_MS], 2000);
	assert_int_equal(s->ctr[HR_CTR_STAT_IDLE_MS], 10000);
	assert_int_equal(s->ctr[HR_CTR_STAT_IRQ_MS], 1000);
	assert_int_equal(s->ctr[HR_CTR_CTXT_N], 10000);
	assert_int_equal(s->ctr[HR_CTR_RUNNING_MAX], 2); /* 3 with the reader of the file */
	assert_int_equal(s->ctr[HR_CTR_STEAL_MS], 2000);
	assert_int_equal(s->ctr[HR_CTR_STEAL_MAX_MS], 200);
	assert_int_equal(s->dist[HR_DIST_STEAL_1S].total, 10);
	assert_int_equal(s->dist[HR_DIST_STEAL_1S].max, 200);
	/* 100 ms of softirq a second, all on one CPU */
	assert_int_equal(s->dist[HR_DIST_SOFTIRQ_CPU].total, 10);
	assert_int_equal(s->dist[HR_DIST_SOFTIRQ_CPU].max, 100);
	assert_int_equal(s->dist[HR_DIST_SOFTIRQ_CPU].sum, 1000);
	assert_int_equal(s->ctr[HR_CTR_REFAULT_ANON_N], 10);
	assert_int_equal(s->ctr[HR_CTR_REFAULT_FILE_N], 20);
	assert_int_equal(s->ctr[HR_CTR_MAJFAULT_N], 30);
	assert_int_equal(s->ctr[HR_CTR_OOM_N], 0);
	assert_int_equal(s->ctr[HR_CTR_MEM_AVAILABLE_BYTES], 1500 * 1024); /* the lowest second */
	assert_int_equal(s->ctr[HR_CTR_MEM_FREE_BYTES], 1000 * 1024);
	assert_int_equal(s->ctr[HR_CTR_PSI_CPU_SOME_US], 10000);
	assert_int_equal(s->ctr[HR_CTR_PSI_MEM_FULL_US], 200);
	assert_int_equal(s->ctr[HR_CTR_PSI_IO_SOME_US], 50);
	assert_int_equal(s->ctr[HR_CTR_TCP_OUT_SEGS], 1000);
	assert_int_equal(s->ctr[HR_CTR_TCP_RETRANS_N], 20);
	assert_int_equal(s->ctr[HR_CTR_LISTEN_DROP_N], 10);
	assert_int_equal(s->ctr[HR_CTR_LOCAL_BYTES], 4000);
	assert_int_equal(s->ctr[HR_CTR_SOFTNET_DROP_N], 10);
	assert_int_equal(s->ctr[HR_CTR_SOFTNET_SQUEEZE_N], 20);
	assert_int_equal(s->ctr[HR_CTR_SELF_CPU_US], 5000);
	assert_int_equal(s->ctr[HR_CTR_HOOK_MISSED_N], 30);
	assert_int_equal(s->ctr[HR_CTR_SELF_RSS_BYTES], 3 << 20);
	assert_int_equal(s->ctr[HR_CTR_SELF_TICK_LATE_N], 0);
}

/* 200 ms stolen and 100 ms of softirq in a tick of 9 ms: counted, and no second of 100 %. */
static void the_few_ms_of_a_last_tick_are_no_second(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 105, &s);
	assert_int_equal(tick_at(105 * S + 9000000, &s), 0);
	assert_int_equal(hr_sampler_flush(&sampler, &s), 1);
	assert_int_equal(s->ctr[HR_CTR_STEAL_MS], 6 * 200);
	assert_int_equal(s->ctr[HR_CTR_STEAL_MAX_MS], 200);
	assert_int_equal(s->dist[HR_DIST_STEAL_1S].total, 5);
	assert_int_equal(s->dist[HR_DIST_STEAL_1S].max, 200);
	assert_int_equal(s->dist[HR_DIST_SOFTIRQ_CPU].total, 5);
	assert_int_equal(s->dist[HR_DIST_SOFTIRQ_CPU].max, 100);
}

/* Of 800 kB of page cache 200 are on the kernel's list of what was used again; 3 of 8 are 300. */
static void cache_used_again_is_the_larger_of_list_and_sample(void **state)
{
	struct hr_page_seen seen = {.looked = 20, .file = 8, .again = 3};
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 110, &s);
	assert_int_equal(s->ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES], 200 * 1024);
	feed.raw.pages = &seen;
	run(111, 120, &s);
	assert_int_equal(s->ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES], 300 * 1024);
	seen.again = 1;
	run(121, 130, &s);
	assert_int_equal(s->ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES], 200 * 1024);
}

static void devices_are_found_by_name_and_count_in_bytes(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 110, &s);
	assert_int_equal(s->n_dev, 2);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_RD_N], 50);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_WR_N], 70);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_RD_BYTES], 800 * 512);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_WR_BYTES], 1120 * 512);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_FLUSH_N], 10);
	assert_int_equal(s->dev[0].have, BIT(HR_SIG_DISK_STAT));
	assert_int_equal(s->dev[1].dev, 1);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_RX_BYTES], 10000);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_TX_PACKETS], 200);
	assert_int_equal(s->dev[1].have, BIT(HR_SIG_NET_STAT));
}

static void only_what_was_measured_is_claimed(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 110, &s);
	assert_int_equal(s->have,
		BIT(HR_SIG_CPU_STAT) | BIT(HR_SIG_STEAL) | BIT(HR_SIG_SOFTIRQ) |
			BIT(HR_SIG_SOFTNET) | BIT(HR_SIG_PSI_CPU) | BIT(HR_SIG_PSI_MEMORY) |
			BIT(HR_SIG_PSI_IO) | BIT(HR_SIG_DISK_STAT) | BIT(HR_SIG_NET_STAT) |
			BIT(HR_SIG_NET_LOCAL) | BIT(HR_SIG_TCP_RETRANS) | BIT(HR_SIG_NETSTAT) |
			BIT(HR_SIG_OOM) | BIT(HR_SIG_VMSTAT) | BIT(HR_SIG_MEMINFO) |
			BIT(HR_SIG_COST));
}

static void a_signal_missing_in_one_tick_is_missing_in_the_window(void **state)
{
	const struct hr_summary *s = NULL;
	struct hr_text psi;

	(void)state;
	start(true);
	run(100, 104, &s);
	texts(feed.ticks);
	feed.raw.boot_ns = 105 * S;
	feed.raw.mono_ns = 98 * S;
	psi = feed.raw.file[HR_FILE_PSI_CPU];
	feed.raw.file[HR_FILE_PSI_CPU] = (struct hr_text){NULL, -2};
	feed.ticks++;
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 0);
	feed.raw.file[HR_FILE_PSI_CPU] = psi;
	assert_int_equal(run(106, 110, &s), 1);
	assert_false(hr_has(s, HR_SIG_PSI_CPU));
	assert_true(hr_has(s, HR_SIG_PSI_IO));
	/* the next window has it again */
	assert_int_equal(run(111, 120, &s), 1);
	assert_true(hr_has(s, HR_SIG_PSI_CPU));
	assert_int_equal(s->ctr[HR_CTR_PSI_CPU_SOME_US], 10000);
	assert_int_equal(s->seq_first, 11);
}

static void a_total_that_went_back_spoils_its_signal_only(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 104, &s);
	feed.steal_back = true;
	tick_at(105 * S, &s);
	feed.steal_back = false;
	assert_int_equal(run(106, 110, &s), 1);
	assert_false(hr_has(s, HR_SIG_STEAL));
	assert_true(hr_has(s, HR_SIG_CPU_STAT));
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 5000);
}

static void a_device_that_vanished_has_no_numbers(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 109, &s);
	texts(feed.ticks);
	put(HR_FILE_NET_DEV, "Inter-|\n face |\n    lo: 5000 1 0 0 0 0 0 0 5000 1 0 0 0 0 0 0\n");
	feed.raw.boot_ns = 110 * S;
	feed.raw.mono_ns = 103 * S;
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 1);
	assert_false(s->dev[1].have & BIT(HR_SIG_NET_STAT));
	assert_true(s->dev[0].have & BIT(HR_SIG_DISK_STAT));
	assert_true(hr_has(s, HR_SIG_NET_LOCAL));
}

/* What is read once a window needs a base from an earlier reading. */
static void cgroups_and_qdiscs_count_between_readings(void **state)
{
	static struct hr_nic_raw nic[HR_DEVS_MAX];
	struct hr_cgroup_raw g = {.have = BIT(HR_SIG_CPU_QUOTA) | BIT(HR_SIG_MEMCG),
		.quota_groups = 2,
		.memcg_groups = 1,
		.throttled_n = 100,
		.throttled_us = 5000,
		.mem_max_n = 7,
		.mem_oom_n = 0,
		.mem_full_pm = 900};
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	nic[1] = (struct hr_nic_raw){.has_qdisc = true, .qdisc_drops = 10};
	feed.raw.cgroup = &g;
	feed.raw.nic = nic;
	tick_at(100 * S, &s);
	feed.raw.cgroup = NULL;
	feed.raw.nic = NULL;
	run(101, 109, &s);
	g.throttled_n = 130;
	g.throttled_us = 9000;
	g.mem_max_n = 9;
	nic[1].qdisc_drops = 14;
	nic[1].qdisc_backlog_bytes = 3000;
	nic[1].shaper = true;
	feed.raw.cgroup = &g;
	feed.raw.nic = nic;
	assert_int_equal(tick_at(110 * S, &s), 1);
	assert_true(
		hr_has(s, HR_SIG_CPU_QUOTA) && hr_has(s, HR_SIG_MEMCG) && hr_has(s, HR_SIG_QDISC));
	assert_int_equal(s->ctr[HR_CTR_QUOTA_THROTTLED_N], 30);
	assert_int_equal(s->ctr[HR_CTR_QUOTA_THROTTLED_US], 4000);
	assert_int_equal(s->ctr[HR_CTR_QUOTA_GROUPS], 2);
	assert_int_equal(s->ctr[HR_CTR_MEMCG_MAX_N], 2);
	assert_int_equal(s->ctr[HR_CTR_MEMCG_FULL_RATIO_PM], 900);
	assert_true(s->dev[1].have & BIT(HR_SIG_QDISC));
	assert_int_equal(s->dev[1].ctr[HR_DCTR_QDISC_DROP_N], 4);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_QDISC_BACKLOG_BYTES], 3000);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_QDISC_SHAPER], 1);
	/* a window in which they were not read does not have them */
	feed.raw.cgroup = NULL;
	feed.raw.nic = NULL;
	assert_int_equal(run(111, 120, &s), 1);
	assert_false(hr_has(s, HR_SIG_CPU_QUOTA) || hr_has(s, HR_SIG_QDISC));
	assert_int_equal(s->ctr[HR_CTR_QUOTA_THROTTLED_N], 0);
}

/* Parts of the first counter, which is all of them; a count that began anew is none. */
static void exceeded_allowances_count_between_readings(void **state)
{
	static struct hr_nic_raw nic[HR_DEVS_MAX];
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	nic[1] = (struct hr_nic_raw){.has_allowance = true, .allowance = {100, 20, 3}};
	feed.raw.nic = nic;
	tick_at(100 * S, &s);
	feed.raw.nic = NULL;
	run(101, 109, &s);
	nic[1].allowance[HR_ALLOWANCE_SIZE] = 150;
	nic[1].allowance[HR_ALLOWANCE_CONNTRACK] = 27;
	nic[1].allowance[HR_ALLOWANCE_LINKLOCAL] = 4;
	feed.raw.nic = nic;
	assert_int_equal(tick_at(110 * S, &s), 1);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N], 58);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_ALLOWANCE_CONNTRACK_N], 7);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_ALLOWANCE_LINKLOCAL_N], 1);
	nic[1].allowance[HR_ALLOWANCE_SIZE] = 0;
	assert_int_equal(run(111, 120, &s), 1);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N], 0);
}

static void threads_are_those_of_the_window(void **state)
{
	struct hr_task t[2] = {
		{.pid = 5, .tid = 5, .start_ns = 1, .oncpu_ns = 4 * S, .comm = "old"},
		{.pid = 99, .tid = 99, .start_ns = 2, .oncpu_ns = 9 * S, .comm = "agent"}};
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	feed.raw.task = t;
	feed.raw.n_task = 2;
	tick_at(100 * S, &s);
	feed.raw.task = NULL;
	run(101, 109, &s);
	t[0].oncpu_ns += 3 * S;
	t[1].oncpu_ns += 8 * S;
	feed.raw.task = t;
	assert_int_equal(tick_at(110 * S, &s), 1);
	assert_true(hr_has(s, HR_SIG_THREADS));
	assert_int_equal(s->n_top, 1); /* the agent itself is never hot */
	assert_int_equal(s->top[0].tid, 5);
	assert_int_equal(s->top[0].oncpu_ms, 3000);
	assert_false(hr_has(s, HR_SIG_READS)); /* no hook */
}

/* Read with the threads: known when those are, and the hook was there when they were read. */
static void reads_are_had_with_the_threads_and_the_hook(void **state)
{
	struct hr_task t = {.pid = 5, .tid = 5, .start_ns = 1, .reads = 900};
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	feed.take.have = BIT(HR_SIG_READS);
	feed.raw.take = &feed.take;
	feed.raw.task = &t;
	feed.raw.n_task = 1;
	tick_at(100 * S, &s);
	for (uint64_t end = 110; end <= 130; end += 10) {
		feed.raw.task = NULL;
		run(end - 9, end - 1, &s);
		t.oncpu_ns += S;
		t.reads = 30;
		t.reads_late = 2;
		feed.raw.task = end < 130 ? &t : NULL;
		if (end == 120) { /* shed; and nothing is claimed of what it had counted */
			feed.take.have = 0;
			t.reads = t.reads_late = 0;
		}
		assert_int_equal(tick_at(end * S, &s), 1);
		assert_int_equal(hr_has(s, HR_SIG_THREADS), end < 130);
		assert_int_equal(hr_has(s, HR_SIG_READS), end == 110);
		if (end < 130) {
			assert_int_equal(s->top[0].reads, end == 110 ? 30 : 0);
			assert_int_equal(s->top[0].reads_late, end == 110 ? 2 : 0);
		}
	}
}

static void time_of_bpf_programs_counts_when_it_was_measured(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 102, &s);
	feed.raw.bpf_run_ns = 90000;
	feed.raw.bpf_run_n = 1000;
	assert_int_equal(run(103, 110, &s), 1);
	assert_true(hr_has(s, HR_SIG_EVENT_NS));
	assert_int_equal(s->ctr[HR_CTR_SELF_BPF_NS], 90000);
	assert_int_equal(s->ctr[HR_CTR_SELF_BPF_EVENTS], 1000);
	assert_int_equal(run(111, 120, &s), 1);
	assert_false(hr_has(s, HR_SIG_EVENT_NS));
}

/* The kernel side takes part: its signals need every tick, its slots see the steal of the tick. */
static void a_take_in_every_tick_gives_the_slot_signals(void **state)
{
	const struct hr_summary *s = NULL;
	uint64_t slot = 1000;

	(void)state;
	start(true);
	feed.take.have = BIT(HR_SIG_CPU_SLOTS) | BIT(HR_SIG_OOM) | BIT(HR_SIG_TCP_RETRANS);
	feed.take.n_slots = 119;
	feed.take.mem.retransmits = 4;
	for (int i = 0; i < 119; i++)
		feed.take.cpu_slot[i].oncpu_ns = HR_SLOT_NS / 2;
	feed.raw.take = &feed.take;
	for (uint64_t t = 100; t <= 110; t++, slot += 119) {
		feed.take.first_slot = slot;
		(void)tick_at(t * S, &s);
	}
	assert_true(hr_has(s, HR_SIG_CPU_SLOTS));
	assert_int_equal(s->ctr[HR_CTR_SLOT_N], 1190);
	assert_int_equal(s->ctr[HR_CTR_ONCPU_NS], 1190 * (HR_SLOT_NS / 2));
	/* the hook's number, not the file's 20 */
	assert_int_equal(s->ctr[HR_CTR_TCP_RETRANS_N], 40);
	assert_int_equal(s->ctr[HR_CTR_OOM_N], 0);
	assert_true(hr_has(s, HR_SIG_OOM));
	/* one tick without a take: the slot signals are gone for this window, the files stay */
	for (uint64_t t = 111; t <= 120; t++, slot += 119) {
		feed.take.first_slot = slot;
		feed.raw.take = t == 115 ? NULL : &feed.take;
		(void)tick_at(t * S, &s);
	}
	assert_false(hr_has(s, HR_SIG_CPU_SLOTS));
	assert_true(hr_has(s, HR_SIG_CPU_STAT));
}

/* A disk that came later and found no room in the maps has not done nothing. */
static void a_device_the_hooks_do_not_count_has_no_hook_signals(void **state)
{
	const uint64_t hook = BIT(HR_SIG_DISK_IO) | BIT(HR_SIG_DISK_SYNC) | BIT(HR_SIG_NET_IO);
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	feed.take.have = hook;
	feed.take.blind = 1u << 0;
	feed.raw.take = &feed.take;
	assert_int_equal(run(100, 110, &s), 1);
	assert_int_equal(s->dev[0].have & hook, 0);
	assert_true(s->dev[0].have & BIT(HR_SIG_DISK_STAT));
	feed.take.blind = 0;
	assert_int_equal(run(111, 120, &s), 1);
	assert_int_equal(s->dev[0].have & hook, BIT(HR_SIG_DISK_IO) | BIT(HR_SIG_DISK_SYNC));
}

/* Two ticks of a captured tree: what its files offer is there, what they lack is missing. */
static uint64_t have_of_tree(const char *root)
{
	static const char *const file[HR_FILE_N] = {"stat", "meminfo", "vmstat", "diskstats",
		"net/dev", "net/netstat", "net/snmp", "net/softnet_stat", "pressure/cpu",
		"pressure/memory", "pressure/io"};
	static char text[HR_FILE_N][8192];
	const struct hr_summary *s = NULL;
	struct hr_raw raw = {.mono_ns = S, .boot_ns = S};

	start(false);
	for (int i = 0; i < HR_FILE_N; i++) {
		char path[512];
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/%s/proc/%s", HR_TEST_DATA, root, file[i]);
		f = fopen(path, "re");
		raw.file[i] = (struct hr_text){text[i], -2};
		if (!f)
			continue;
		raw.file[i].len = (long)fread(text[i], 1, sizeof(text[i]), f);
		assert_true(raw.file[i].len > 0);
		assert_int_equal(fclose(f), 0);
	}
	assert_int_equal(hr_sampler_tick(&sampler, &raw, &s), 0);
	raw.mono_ns += S;
	raw.boot_ns += S;
	assert_int_equal(hr_sampler_tick(&sampler, &raw, &s), 0);
	assert_int_equal(hr_sampler_flush(&sampler, &s), 1);
	assert_int_equal(s->ctr[HR_CTR_CTXT_N], 0);
	return s->have;
}

static void each_kind_of_vm_has_what_its_files_offer(void **state)
{
	const uint64_t psi = BIT(HR_SIG_PSI_CPU) | BIT(HR_SIG_PSI_MEMORY) | BIT(HR_SIG_PSI_IO);
	const uint64_t all = psi | BIT(HR_SIG_CPU_STAT) | BIT(HR_SIG_STEAL) | BIT(HR_SIG_SOFTIRQ) |
			     BIT(HR_SIG_SOFTNET) | BIT(HR_SIG_DISK_STAT) | BIT(HR_SIG_NET_STAT) |
			     BIT(HR_SIG_NET_LOCAL) | BIT(HR_SIG_TCP_RETRANS) | BIT(HR_SIG_NETSTAT) |
			     BIT(HR_SIG_OOM) | BIT(HR_SIG_VMSTAT) | BIT(HR_SIG_MEMINFO) |
			     BIT(HR_SIG_COST);

	(void)state;
	assert_true(have_of_tree("root-kvm-v1") == all);
	assert_true(have_of_tree("root-nitro-v2") == all);
	assert_true(have_of_tree("root-510-nopsi") == (all & ~psi));
	/* only /proc/stat is in this tree */
	assert_true(have_of_tree("root-metal") == (BIT(HR_SIG_CPU_STAT) | BIT(HR_SIG_STEAL) |
							  BIT(HR_SIG_SOFTIRQ) | BIT(HR_SIG_COST)));
}

/* 10 s after the base at 100 s, of which the feed's eth0 had sent nothing yet. */
static bool quiet_after(unsigned long long tx, unsigned long long lo)
{
	put(HR_FILE_NET_DEV,
		"Inter-|\n face |\n    lo: %llu 1 0 0 0 0 0 0 %llu 1 0 0 0 0 0 0\n"
		" docker0: 9 9 0 0 0 0 0 0 %llu 9 0 0 0 0 0 0\n"
		"  eth0: 9000000 9 0 0 0 0 0 0 %llu 9 0 0 0 0 0 0\n",
		lo, lo, lo, tx);
	feed.raw.mono_ns = 103 * S;
	return hr_sampler_quiet(&sampler, &feed.raw);
}

static void a_window_is_quiet_below_4_kib_a_second_sent_by_its_nics(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	texts(0);
	assert_false(hr_sampler_quiet(&sampler, &feed.raw)); /* no base: not known */
	tick_at(100 * S, &s);
	assert_true(quiet_after(0, 0));
	assert_true(quiet_after(40959, 1 << 30));
	assert_false(quiet_after(40960, 0));
	feed.raw.file[HR_FILE_NET_DEV].len = -5;
	assert_false(hr_sampler_quiet(&sampler, &feed.raw));
	feed.raw.brief = true;
	run(101, 109, &s);
	feed.raw.brief = false;
	tick_at(110 * S, &s); /* 20 000 sent: less than that is a device that began anew */
	assert_false(quiet_after(19999, 0));
}

static void facts_become_the_device_table(void **state)
{
	static struct hr_facts f = {.epoch = 7, .cpus_online = 8, .n_dev = 1};
	struct hr_sampler_conf c = {.align = true, .seq_min = 5, .self_pid = 12};

	(void)state;
	f.dev[0].kind = HR_DEV_NIC;
	(void)snprintf(f.dev[0].name, sizeof(f.dev[0].name), "%s", "ens5");
	hr_sampler_conf_facts(&c, &f);
	assert_int_equal(c.epoch, 7);
	assert_int_equal(c.cpus, 8);
	assert_int_equal(c.n_dev, 1);
	assert_int_equal(c.dev_kind[0], HR_DEV_NIC);
	assert_string_equal(c.dev_name[0], "ens5");
	assert_true(c.align && c.seq_min == 5 && c.self_pid == 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_sums_what_grew_in_its_ten_ticks),
		cmocka_unit_test(the_few_ms_of_a_last_tick_are_no_second),
		cmocka_unit_test(cache_used_again_is_the_larger_of_list_and_sample),
		cmocka_unit_test(devices_are_found_by_name_and_count_in_bytes),
		cmocka_unit_test(only_what_was_measured_is_claimed),
		cmocka_unit_test(a_signal_missing_in_one_tick_is_missing_in_the_window),
		cmocka_unit_test(a_total_that_went_back_spoils_its_signal_only),
		cmocka_unit_test(a_device_that_vanished_has_no_numbers),
		cmocka_unit_test(cgroups_and_qdiscs_count_between_readings),
		cmocka_unit_test(exceeded_allowances_count_between_readings),
		cmocka_unit_test(threads_are_those_of_the_window),
		cmocka_unit_test(reads_are_had_with_the_threads_and_the_hook),
		cmocka_unit_test(time_of_bpf_programs_counts_when_it_was_measured),
		cmocka_unit_test(a_take_in_every_tick_gives_the_slot_signals),
		cmocka_unit_test(a_device_the_hooks_do_not_count_has_no_hook_signals),
		cmocka_unit_test(each_kind_of_vm_has_what_its_files_offer),
		cmocka_unit_test(a_window_is_quiet_below_4_kib_a_second_sent_by_its_nics),
		cmocka_unit_test(facts_become_the_device_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
