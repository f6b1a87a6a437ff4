/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <ctype.h>
#include <string.h>

#include "proto/summary.h"
#include "tests/unit/hr_same.h"
#include "tests/unit/hr_sample.h"

static struct hr_summary a, b, c, d; /* 140 KB each */

#define HAVE(sig) HR_SIG_BIT(HR_SIG_##sig)

static void pair(uint64_t have_a, uint64_t have_b)
{
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.seq_first = a.seq_last = 10;
	b.seq_first = b.seq_last = 11;
	a.t_end_ms = 1000;
	b.t_end_ms = 2000;
	a.dur_ms = 10000;
	b.dur_ms = 9000;
	a.cpus = b.cpus = 2;
	a.have = have_a;
	b.have = have_b;
}

static bool lower_of(const char *name, const char *id)
{
	if (strnlen(name, 24) == 24) /* no room for the NUL in summary.c's table */
		return false;
	for (; *name && *id; name++, id++)
		if (*name != tolower((unsigned char)*id))
			return false;
	return *name == *id;
}

static void names_are_the_ids_in_lower_case(void **state)
{
	(void)state;
#define X(id, ...) assert_true(lower_of(hr_ctr_name(HR_CTR_##id), #id));
	HR_CTRS(X)
#undef X
#define X(id, ...) assert_true(lower_of(hr_dctr_name(HR_DCTR_##id), #id));
	HR_DCTRS(X)
#undef X
#define X(id, ...) assert_true(lower_of(hr_dist_name(HR_DIST_##id), #id));
	HR_DISTS(X)
#undef X
#define X(id, ...) assert_true(lower_of(hr_ddist_name(HR_DDIST_##id), #id));
	HR_DDISTS(X)
#undef X
	assert_string_equal(hr_ctr_name(HR_CTR_ONCPU_NS), "oncpu_ns");
	assert_string_equal(hr_ctr_name(HR_CTR_N), "?");
	assert_string_equal(hr_dctr_name(HR_DCTR_N), "?");
	assert_string_equal(hr_dist_name(HR_DIST_N), "?");
	assert_string_equal(hr_ddist_name(HR_DDIST_N), "?");
}

static void tables_say_what_the_header_says(void **state)
{
	(void)state;
	assert_int_equal(hr_ctr_signal(HR_CTR_WAIT_NS), HR_SIG_RUNQ_WAIT);
	assert_int_equal(hr_ctr_kind(HR_CTR_RUNNING_MAX), HR_KIND_M);
	assert_int_equal(hr_ctr_kind(HR_CTR_MEM_AVAILABLE_BYTES), HR_KIND_L);
	assert_int_equal(hr_ctr_kind(HR_CTR_SELF_RSS_BYTES), HR_KIND_G);
	assert_int_equal(hr_dctr_signal(HR_DCTR_RX_BYTES), HR_SIG_NET_STAT);
	assert_int_equal(hr_dctr_kind(HR_DCTR_WIN_CLEAN_OPS_MAX), HR_KIND_M);
	assert_int_equal(hr_dist_signal(HR_DIST_STEAL_1S), HR_SIG_STEAL);
	assert_int_equal(hr_ddist_signal(HR_DDIST_TX_KIB_100MS), HR_SIG_NET_IO);
}

static void each_kind_of_counter_follows_its_rule(void **state)
{
	(void)state;
	pair(HAVE(CPU_STAT) | HAVE(MEMINFO), HAVE(CPU_STAT) | HAVE(MEMINFO));
	a.ctr[HR_CTR_CTXT_N] = 100;
	b.ctr[HR_CTR_CTXT_N] = 30;
	a.ctr[HR_CTR_RUNNING_MAX] = 7;
	b.ctr[HR_CTR_RUNNING_MAX] = 3;
	a.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 5000;
	b.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 4000;
	a.ctr[HR_CTR_MEM_FREE_BYTES] = 900;
	b.ctr[HR_CTR_MEM_FREE_BYTES] = 1200;
	assert_true(hr_summary_merge(&a, &b));
	assert_true(a.ctr[HR_CTR_CTXT_N] == 130);
	assert_true(a.ctr[HR_CTR_RUNNING_MAX] == 7);
	assert_true(a.ctr[HR_CTR_MEM_AVAILABLE_BYTES] == 4000);
	assert_true(a.ctr[HR_CTR_MEM_FREE_BYTES] == 1200);
	assert_true(a.seq_first == 10 && a.seq_last == 11);
	assert_true(a.t_end_ms == 2000 && a.dur_ms == 19000);
}

static void what_one_window_lacks_is_missing_in_the_sum(void **state)
{
	(void)state;
	pair(HAVE(CPU_STAT) | HAVE(STEAL) | HAVE(BURSTS) | HAVE(THREADS), HAVE(CPU_STAT));
	a.ctr[HR_CTR_STEAL_MS] = 50;
	a.ctr[HR_CTR_CTXT_N] = 1;
	a.vq_bad[1][3] = 4;
	a.n_top = 1;
	assert_true(hr_hist_add(&a.dist[HR_DIST_STEAL_1S], 5, 10));
	b.ctr[HR_CTR_STEAL_MS] = 60; /* of a signal whose bit is clear: means nothing */
	assert_true(hr_summary_merge(&a, &b));
	assert_true(a.have == HAVE(CPU_STAT));
	assert_true(a.ctr[HR_CTR_STEAL_MS] == 0);
	assert_true(a.dist[HR_DIST_STEAL_1S].total == 0);
	assert_int_equal(a.vq_bad[1][3], 0);
	assert_int_equal(a.n_top, 0);
	assert_true(a.ctr[HR_CTR_CTXT_N] == 1);
}

static void windows_that_do_not_belong_together_are_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		pair(HAVE(CPU_STAT), HAVE(CPU_STAT));
		switch (i) {
		case 0:
			b.seq_first = b.seq_last = 12; /* a gap */
			break;
		case 1:
			b.seq_first = 10; /* overlap */
			break;
		case 2:
			b.epoch = 1;
			break;
		case 3:
			b.cpus = 4;
			break;
		case 4:
			a.dur_ms = HR_DUR_MAX_MS;
			break;
		default:
			a.ctr[HR_CTR_CTXT_N] = UINT64_MAX;
			b.ctr[HR_CTR_CTXT_N] = 1;
			break;
		}
		c = a;
		assert_false(hr_summary_merge(&a, &b));
		assert_memory_equal(&a, &c, sizeof(a));
	}
}

static void an_overflow_deep_inside_changes_nothing(void **state)
{
	(void)state;
	pair(HAVE(CPU_STAT) | HAVE(BURSTS), HAVE(CPU_STAT) | HAVE(BURSTS));
	a.ctr[HR_CTR_CTXT_N] = 5;
	b.ctr[HR_CTR_CTXT_N] = 6;
	a.n_dev = b.n_dev = 1;
	a.dev[0].have = b.dev[0].have = HAVE(DISK_IO);
	assert_true(hr_hist_add(&a.dev[0].dist[HR_DDIST_WR_LAT], 3, UINT32_MAX));
	assert_true(hr_hist_add(&b.dev[0].dist[HR_DDIST_WR_LAT], 3, 1));
	c = a;
	assert_false(hr_summary_merge(&a, &b));
	assert_memory_equal(&a, &c, sizeof(a));
	b.dev[0].have = 0; /* then it is not summed */
	assert_true(hr_summary_merge(&a, &b));
	pair(HAVE(BURSTS), HAVE(BURSTS));
	a.vq_bad[0][0] = UINT32_MAX;
	b.vq_bad[0][0] = 1;
	assert_false(hr_summary_merge(&a, &b));
	assert_true(a.seq_last == 10);
}

/* A window in which no slice was armed adds 0: the replay of the other stays whole. */
static void replay_counts_of_slices_add(void **state)
{
	(void)state;
	pair(HAVE(REPLAY), HAVE(REPLAY));
	a.replay.late[1][2] = 3;
	a.replay.tot[1][2] = 700;
	a.replay.queued[1][2] = 5;
	a.ctr[HR_CTR_REPLAY_SLICE_N] = 1;
	assert_true(hr_summary_merge(&a, &b));
	b.seq_first = b.seq_last = a.seq_last + 1;
	b.replay.late[1][2] = 4;
	b.replay.tot[1][2] = 300;
	b.replay.queued[1][2] = 6;
	b.ctr[HR_CTR_REPLAY_SLICE_N] = 1;
	assert_true(hr_summary_merge(&a, &b));
	assert_int_equal(a.replay.late[1][2], 7);
	assert_int_equal(a.replay.tot[1][2], 1000);
	assert_int_equal(a.replay.queued[1][2], 11);
	assert_int_equal(a.ctr[HR_CTR_REPLAY_SLICE_N], 2);
	b.seq_first = b.seq_last = a.seq_last + 1;
	b.replay.tot[1][2] = UINT32_MAX;
	assert_false(hr_summary_merge(&a, &b));
	b.replay.tot[1][2] = 0;
	b.replay.queued[1][2] = UINT32_MAX;
	assert_false(hr_summary_merge(&a, &b));
	b.have = 0;
	assert_true(hr_summary_merge(&a, &b));
	assert_int_equal(a.replay.tot[1][2], 0);
}

static void devices_are_matched_by_number_and_half_ones_dropped(void **state)
{
	(void)state;
	pair(0, 0);
	a.n_dev = 3;
	b.n_dev = 2;
	for (uint8_t i = 0; i < 3; i++) {
		a.dev[i].dev = i; /* 0 1 2 */
		a.dev[i].have = HAVE(DISK_STAT);
		a.dev[i].ctr[HR_DCTR_RD_N] = 10u + i;
	}
	b.dev[0].dev = 1; /* 1 2 */
	b.dev[1].dev = 2;
	b.dev[0].have = HAVE(DISK_STAT);
	b.dev[1].have = HAVE(DISK_IO);
	b.dev[0].ctr[HR_DCTR_RD_N] = 100;
	b.dev[1].ctr[HR_DCTR_RD_N] = 200;
	assert_true(hr_summary_merge(&a, &b));
	assert_int_equal(a.n_dev, 2);
	assert_int_equal(a.dev[0].dev, 1);
	assert_true(a.dev[0].ctr[HR_DCTR_RD_N] == 111);
	assert_int_equal(a.dev[1].dev, 2);
	assert_true(a.dev[1].have == 0 && a.dev[1].ctr[HR_DCTR_RD_N] == 0);
}

static void top(struct hr_summary *s, uint32_t pid, uint32_t oncpu_ms, uint32_t wait_ms)
{
	struct hr_top *t = &s->top[s->n_top++];

	*t = (struct hr_top){.pid = pid,
		.tid = pid,
		.oncpu_ms = oncpu_ms,
		.wait_ms = wait_ms,
		.process_oncpu_ms = oncpu_ms,
		.peers = 1};
	snprintf(t->comm, sizeof(t->comm), "t%u", pid);
}

static void hot_threads_add_up_and_the_hottest_stay(void **state)
{
	(void)state;
	pair(HAVE(THREADS), HAVE(THREADS));
	for (uint32_t i = 0; i < HR_TOP_MAX; i++) {
		top(&a, 100 + i, 600 - 100 * i, 0); /* 600 500 400 300 200 100 */
		top(&b, 103 + i, 350, 0);           /* 103..108 */
	}
	b.top[0].peers = 4;
	a.top[3].reads = 70; /* 103, too */
	b.top[0].reads = 7;
	b.top[0].reads_late = 2;
	assert_true(hr_summary_merge(&a, &b));
	/* 103: 650, 100: 600, 104: 550, 101: 500, 105: 450, 102: 400; 106..108: 350 are out */
	static const uint32_t pid[] = {103, 100, 104, 101, 105, 102};
	static const uint32_t ms[] = {650, 600, 550, 500, 450, 400};

	assert_int_equal(a.n_top, HR_TOP_MAX);
	for (int i = 0; i < HR_TOP_MAX; i++) {
		assert_int_equal(a.top[i].pid, pid[i]);
		assert_int_equal(a.top[i].oncpu_ms, ms[i]);
	}
	assert_int_equal(a.top[0].peers, 4);
	assert_int_equal(a.top[0].process_oncpu_ms, 650);
	assert_int_equal(a.top[0].reads, 77);
	assert_int_equal(a.top[0].reads_late, 2);
}

static void group(struct hr_summary *s, const char *name, uint32_t oncpu_ms, uint32_t wait_ms)
{
	struct hr_top_group *g = &s->group[s->n_group++];

	*g = (struct hr_top_group){oncpu_ms, wait_ms, ""};
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
}

static void hot_cgroups_add_up_by_name(void **state)
{
	(void)state;
	pair(HAVE(THREADS), HAVE(THREADS));
	group(&a, "a", 400, 0);
	group(&a, "b", 300, 0);
	group(&a, "c", 200, UINT32_MAX - 210);
	group(&a, "d", 100, 0);
	group(&b, "b", 350, 10);
	group(&b, "c", 30, 400);
	group(&b, "e", 340, 0);
	group(&b, "f", 320, 0);
	assert_true(hr_summary_merge(&a, &b));
	/* c 230 + all that 32 bits hold, b 650 + 10, a 400, e 340; f 320 and d 100 are out */
	static const char name[] = "cbae";
	static const uint32_t ms[] = {230, 650, 400, 340};

	assert_int_equal(a.n_group, HR_GROUP_MAX);
	for (int i = 0; i < HR_GROUP_MAX; i++) {
		assert_int_equal(a.group[i].name[0], name[i]);
		assert_int_equal(a.group[i].oncpu_ms, ms[i]);
	}
	assert_int_equal(a.group[0].wait_ms, UINT32_MAX);
	assert_int_equal(a.group[1].wait_ms, 10);
}

static void of_file_systems_the_later_sample_counts(void **state)
{
	struct hr_rand r = hr_rand_seeded("summary/fs");

	(void)state;
	hr_sample_idle(&r, &a, 10);
	hr_sample_idle(&r, &b, 11);
	hr_sample_idle(&r, &c, 12);
	a.n_fs = b.n_fs = c.n_fs = 0;
	a.have &= ~HR_SIG_BIT(HR_SIG_FS);
	c.have &= ~HR_SIG_BIT(HR_SIG_FS);
	b.n_fs = 1;
	b.fs[0] = (struct hr_fs){"/", 5, 9, 1, 2};
	assert_true(hr_summary_merge(&a, &b)); /* only one window in thirty has a sample */
	assert_true(hr_has(&a, HR_SIG_FS));
	assert_int_equal(a.fs[0].used_bytes, 5);
	assert_true(hr_summary_merge(&a, &c));
	assert_true(hr_has(&a, HR_SIG_FS));
	assert_int_equal(a.n_fs, 1);
	assert_string_equal(a.fs[0].mount, "/");
}

/* A window carries one of them at a time: what the others were is kept. */
static void a_sample_replaces_that_of_its_own_mount_alone(void **state)
{
	struct hr_rand r = hr_rand_seeded("summary/mounts");

	(void)state;
	hr_sample_idle(&r, &a, 10);
	hr_sample_idle(&r, &b, 11);
	hr_sample_idle(&r, &c, 12);
	a.n_fs = 2;
	a.fs[0] = (struct hr_fs){"/", 5, 9, 1, 2};
	a.fs[1] = (struct hr_fs){"/srv", 50, 90, 10, 20};
	b.n_fs = 1;
	b.fs[0] = (struct hr_fs){"/srv", 60, 90, 11, 20};
	c.n_fs = 1;
	c.fs[0] = (struct hr_fs){"/home", 7, 8, 3, 4};
	a.have |= HR_SIG_BIT(HR_SIG_FS);
	b.have |= HR_SIG_BIT(HR_SIG_FS);
	c.have |= HR_SIG_BIT(HR_SIG_FS);
	assert_true(hr_summary_merge(&a, &b));
	assert_true(hr_summary_merge(&a, &c));
	assert_int_equal(a.n_fs, 3);
	assert_int_equal(a.fs[0].used_bytes, 5);
	assert_int_equal(a.fs[1].used_bytes, 60);
	assert_string_equal(a.fs[2].mount, "/home");
}

/* Any grouping of four neighbouring windows gives the same hour: what the tiers rest on. */
static void grouping_does_not_matter(void **state)
{
	struct hr_rand r = hr_rand_seeded("summary");
	static struct hr_summary w[4];

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 4; i++) {
			if (hr_rand_below(&r, 2))
				hr_sample_busy(&r, &w[i], 100 + i);
			else
				hr_sample_idle(&r, &w[i], 100 + i);
			w[i].have &= ~(HR_SIG_BIT(hr_rand_below(&r, HR_SIG_N)));
			w[i].n_top = w[i].n_top > 4 ? 4 : w[i].n_top;
			if (hr_rand_below(&r, 3) == 0)
				w[i].n_dev = 1;
		}
		/* ((0+1)+2)+3, (0+1)+(2+3), 0+(1+(2+3)) */
		a = w[0];
		assert_true(hr_summary_merge(&a, &w[1]));
		b = a;
		assert_true(hr_summary_merge(&a, &w[2]));
		assert_true(hr_summary_merge(&a, &w[3]));
		d = w[2];
		assert_true(hr_summary_merge(&d, &w[3]));
		assert_true(hr_summary_merge(&b, &d));
		c = w[1];
		assert_true(hr_summary_merge(&c, &d));
		d = w[0];
		assert_true(hr_summary_merge(&d, &c));
		/* only the six hottest threads are kept, so what was dropped depends on the
		 * grouping */
		b.n_top = d.n_top = a.n_top = 0;
		assert_true(hr_same_summary(&a, &b));
		assert_true(hr_same_summary(&a, &d));
		for (int i = 0; i < HR_DIST_N; i++) {
			uint64_t total = 0;

			for (int k = 0; k < 4; k++)
				total += w[k].dist[i].total;
			if (hr_has(&a, hr_dist_signal((enum hr_dist)i)))
				assert_true(a.dist[i].total == total);
			assert_true(hr_hist_valid(&a.dist[i]));
		}
	}
}

static void a_fold_adds_counters_and_distributions_alone(void **state)
{
	uint64_t have = HAVE(CPU_STAT) | HAVE(STEAL) | HAVE(BURSTS) | HAVE(REPLAY) | HAVE(THREADS);

	(void)state;
	pair(have, have);
	b.seq_first = b.seq_last = 20; /* a gap is none of its business */
	a.ctr[HR_CTR_CTXT_N] = 5;
	b.ctr[HR_CTR_CTXT_N] = 6;
	a.vq_bad[0][0] = a.replay.tot[0][0] = UINT32_MAX;
	b.vq_bad[0][0] = b.replay.tot[0][0] = 1;
	b.n_top = b.n_group = b.n_fs = 1;
	assert_true(hr_hist_add(&a.dist[HR_DIST_STEAL_1S], 5, 10));
	assert_true(hr_hist_add(&b.dist[HR_DIST_STEAL_1S], 900, 1));
	assert_true(hr_summary_fold(&a, &b));
	assert_true(a.seq_first == 10 && a.seq_last == 20 && a.dur_ms == 19000);
	assert_true(a.ctr[HR_CTR_CTXT_N] == 11);
	assert_true(
		a.dist[HR_DIST_STEAL_1S].total == 11 && hr_hist_valid(&a.dist[HR_DIST_STEAL_1S]));
	assert_true(a.vq_bad[0][0] == UINT32_MAX && a.replay.tot[0][0] == UINT32_MAX);
	assert_true(a.n_top == 0 && a.n_group == 0 && a.n_fs == 0);
	b.have = HAVE(CPU_STAT);
	assert_false(hr_summary_fold(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_ids_in_lower_case),
		cmocka_unit_test(tables_say_what_the_header_says),
		cmocka_unit_test(each_kind_of_counter_follows_its_rule),
		cmocka_unit_test(what_one_window_lacks_is_missing_in_the_sum),
		cmocka_unit_test(windows_that_do_not_belong_together_are_refused),
		cmocka_unit_test(an_overflow_deep_inside_changes_nothing),
		cmocka_unit_test(replay_counts_of_slices_add),
		cmocka_unit_test(devices_are_matched_by_number_and_half_ones_dropped),
		cmocka_unit_test(hot_cgroups_add_up_by_name),
		cmocka_unit_test(hot_threads_add_up_and_the_hottest_stay),
		cmocka_unit_test(of_file_systems_the_later_sample_counts),
		cmocka_unit_test(a_sample_replaces_that_of_its_own_mount_alone),
		cmocka_unit_test(grouping_does_not_matter),
		cmocka_unit_test(a_fold_adds_counters_and_distributions_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
