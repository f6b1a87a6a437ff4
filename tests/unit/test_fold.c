/* SPDX-License-Identifier: Apache-2.0 */
/* One take into a summary: sums, distributions, lost slots. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/fold.h"
#include "proto/facts.h"

#define BIT         HR_SIG_BIT
#define CPU_SIGNALS (BIT(HR_SIG_CPU_SLOTS) | BIT(HR_SIG_RUNQ_WAIT) | BIT(HR_SIG_BURSTS))

static struct hr_fold f;
static struct hr_take t;
static struct hr_summary s;

static void start(uint32_t cpus)
{
	static const uint8_t kind[2] = {HR_DEV_DISK, HR_DEV_NIC};

	hr_fold_init(&f, cpus, kind, 2, 0);
	memset(&t, 0, sizeof(t));
	memset(&s, 0, sizeof(s));
	t.have = CPU_SIGNALS | BIT(HR_SIG_DISK_IO) | BIT(HR_SIG_NET_IO) | BIT(HR_SIG_RECLAIM);
	t.first_slot = 500;
}

/* Frozen concurrency, answer-model.md 13.9: (R,Q) = (1,0)(2,0)(2,1.5)(2,3) on 2 CPUs -> 10.5/7. */
static void slots_add_up_to_the_frozen_bound_of_the_worked_example(void **state)
{
	static const double run[4] = {1, 2, 2, 2}, wait[4] = {0, 0, 1.5, 3};

	(void)state;
	start(2);
	t.n_slots = 4;
	for (int i = 0; i < 4; i++) {
		t.cpu_slot[i].oncpu_ns = (uint64_t)(run[i] * HR_SLOT_NS);
		t.cpu_slot[i].wait_ns = (uint64_t)(wait[i] * HR_SLOT_NS);
	}
	assert_true(hr_fold_take(&f, &t, NULL, &s) == t.have);
	assert_int_equal(s.ctr[HR_CTR_SLOT_N], 4);
	assert_int_equal(s.ctr[HR_CTR_ONCPU_NS], 7 * HR_SLOT_NS);
	assert_int_equal(s.ctr[HR_CTR_WAIT_NS], 9 * HR_SLOT_NS / 2);
	/* min(R + Q, 2) = 1 2 2 2; min(R + Q, 4) = 1 2 3.5 4 */
	assert_int_equal(s.ctr[HR_CTR_FROZEN_C_NS], 7 * HR_SLOT_NS);
	assert_int_equal(s.ctr[HR_CTR_FROZEN_2C_NS], 21 * HR_SLOT_NS / 2);
	assert_int_equal(s.ctr[HR_CTR_BUSY_ALL_N], 3);
	assert_int_equal(s.dist[HR_DIST_BUSY].total, 4);
	assert_int_equal(s.dist[HR_DIST_BUSY].max, 2000);
	assert_int_equal(s.dist[HR_DIST_BUSY].sum, 7000);
	assert_int_equal(s.dist[HR_DIST_RUNNABLE].max, 5000);
	assert_int_equal(s.dist[HR_DIST_RUNNABLE].sum, 1000 + 2000 + 3500 + 5000);
}

static void all_cpus_busy_means_at_least_99_percent(void **state)
{
	(void)state;
	start(2);
	t.n_slots = 2;
	t.cpu_slot[0].oncpu_ns = 2 * HR_SLOT_NS * 99 / 100 - 1000;
	t.cpu_slot[1].oncpu_ns = 2 * HR_SLOT_NS * 99 / 100 + 1000;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_BUSY_ALL_N], 1);
}

/* 16 slots of which each fourth had messages: one block.  A hole in the midst of one drops it. */
static void messages_and_work_go_into_blocks(void **state)
{
	(void)state;
	start(1);
	t.have |= BIT(HR_SIG_READS);
	t.n_slots = 16;
	for (uint32_t i = 0; i < 16; i++)
		t.cpu_slot[i] = (struct hr_slot_cpu){.charge_ns = 1000000, .reads = i % 4 ? 0 : i};
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_READ_BLOCK_N], 1);
	assert_int_equal(s.ctr[HR_CTR_READ_N], 0 + 4 + 8 + 12);
	assert_int_equal(s.ctr[HR_CTR_READ_WORK_US], 16000);
	assert_int_equal(s.ctr[HR_CTR_READ_N2], 4 * (16 + 64 + 144) - 24 * 24);
	assert_int_equal(s.ctr[HR_CTR_READ_WORK_US2], 0);
	t.first_slot += 16;
	t.n_slots = 8;
	(void)hr_fold_take(&f, &t, NULL, &s);
	t.first_slot += 9;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_READ_BLOCK_N], 1);
	t.have &= ~BIT(HR_SIG_READS);
	t.first_slot += 8;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_READ_BLOCK_N], 1);
}

static void bursts_feed_the_virtual_queue_with_the_capacity_left(void **state)
{
	(void)state;
	start(1);
	t.n_slots = 3;
	/* 3 slots of 2 CPU-slots of work on 1 CPU: backlog 1, 2, 3 slots at k = 1; X = 10 ms > 1
	 * slot */
	for (int i = 0; i < 3; i++)
		t.cpu_slot[i] = (struct hr_slot_cpu){
			.charge_ns = 2 * HR_SLOT_NS, .hog_ns = 2 * HR_SLOT_NS, .wakes = 10};
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_VQ_TOT_N], 30);
	assert_int_equal(s.ctr[HR_CTR_CHARGE_NS], 6 * HR_SLOT_NS);
	assert_int_equal(s.ctr[HR_CTR_HOG_NS], 6 * HR_SLOT_NS); /* not in the queue */
	assert_int_equal(s.vq_bad[0][2], 20);                   /* k = 1: late in slots 2 and 3 */
	assert_int_equal(s.vq_bad[1][2], 0);                    /* two CPUs take it all */
	/* the same with half a CPU stolen on an empty queue: backlog 1.5 slots = 12.6 ms at once */
	start(1);
	t.n_slots = 1;
	t.cpu_slot[0] = (struct hr_slot_cpu){.charge_ns = 2 * HR_SLOT_NS, .wakes = 10};
	(void)hr_fold_take(&f, &t, &(struct hr_lost){.steal = 0.5, .busy = 0.5}, &s);
	assert_int_equal(s.vq_bad[0][2], 10);
}

/*
 * One CPU at 90 % in every slot, 0.2 of it softirq: nothing is lost beside the tasks' own time.  Of
 * 1.1 CPUs that files call busy 0.2 are more than tasks had: that much is lost.  So it is where all
 * of that time is a hog's, which is not in the queue.
 */
static void softirqs_in_the_midst_of_tasks_are_not_lost_twice(void **state)
{
	const struct hr_lost within = {.irq = 0.2, .busy = 0.9}, beside = {.irq = 0.2, .busy = 1.1};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		start(1);
		t.n_slots = 50;
		for (unsigned k = 0; k < 50; k++)
			t.cpu_slot[k] = (struct hr_slot_cpu){.oncpu_ns = HR_SLOT_NS * 9 / 10,
				.charge_ns = HR_SLOT_NS * 9 / 10,
				.hog_ns = i == 2 ? HR_SLOT_NS * 9 / 10 : 0,
				.wakes = 10};
		(void)hr_fold_take(&f, &t, i == 1 ? &beside : &within, &s);
		/* a tenth of 8.4 ms more than 0.8 a slot: > 10 ms from the twelfth on */
		assert_int_equal(s.vq_bad[0][2], i ? 10 * (50 - 11) : 0);
	}
}

static void busy_seconds_are_119_slots_whatever_the_ticks(void **state)
{
	(void)state;
	start(4);
	t.n_slots = 100;
	for (int i = 0; i < 100; i++)
		t.cpu_slot[i].oncpu_ns = 3 * HR_SLOT_NS;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.dist[HR_DIST_BUSY_1S].total, 0);
	t.first_slot += 100;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.dist[HR_DIST_BUSY_1S].total, 1);
	assert_int_equal(s.dist[HR_DIST_BUSY_1S].max, 3000);
}

static void counters_and_histograms_add(void **state)
{
	(void)state;
	start(2);
	t.cpu = (struct hr_take_cpu){.switches = 100,
		.voluntary = 60,
		.resync = 3,
		.late_ns = 7,
		.bursts = 50,
		.bursts_late = 2,
		.broken = 4};
	assert_true(hr_hist_add(&t.cpu.wait, 40, 9));
	assert_true(hr_hist_add(&t.cpu.burst_cpu, 500, 8));
	assert_true(hr_hist_add(&t.cpu.burst_wait, 60, 8));
	t.mem = (struct hr_take_mem){
		.reclaims = 4, .reclaim_ns = 9000, .ooms = 1, .retransmits = 6};
	assert_true(hr_hist_add(&t.mem.reclaim, 2, 4));
	t.disk[0] = (struct hr_take_disk){.n = {5, 6},
		.bytes = {5000, 6000},
		.errors = 1,
		.discards = 2,
		.flushes = 3,
		.sync_ns = 700};
	assert_true(hr_hist_add(&t.disk[0].lat[1], 900, 6));
	(void)hr_fold_take(&f, &t, NULL, &s);
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_SWITCHES], 200);
	assert_int_equal(s.ctr[HR_CTR_SWITCH_VOLUNTARY], 120);
	assert_int_equal(s.ctr[HR_CTR_SWITCH_RESYNC], 6);
	assert_int_equal(s.ctr[HR_CTR_LATE_NS], 14);
	assert_int_equal(s.ctr[HR_CTR_BURST_N], 100);
	assert_int_equal(s.ctr[HR_CTR_BURST_LATE_N], 4);
	assert_int_equal(s.ctr[HR_CTR_BURST_BROKEN_N], 8);
	assert_int_equal(s.dist[HR_DIST_RUNQ_WAIT].total, 18);
	assert_int_equal(s.dist[HR_DIST_BURST_CPU].sum, 8000);
	assert_int_equal(s.dist[HR_DIST_BURST_WAIT].total, 16);
	assert_int_equal(s.ctr[HR_CTR_RECLAIM_N], 8);
	assert_int_equal(s.ctr[HR_CTR_RECLAIM_NS], 18000);
	assert_int_equal(s.dist[HR_DIST_RECLAIM].total, 8);
	/* no bits for these: not counted */
	assert_int_equal(s.ctr[HR_CTR_OOM_N], 0);
	assert_int_equal(s.ctr[HR_CTR_TCP_RETRANS_N], 0);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_RD_N], 10);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_WR_BYTES], 12000);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_ERROR_N], 2);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_DISCARD_N], 4);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_FLUSH_N], 6);
	assert_int_equal(s.dev[0].dist[HR_DDIST_WR_LAT].total, 12);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_SYNC_NS], 0); /* no bit */
	t.have |= BIT(HR_SIG_DISK_SYNC);
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_SYNC_NS], 700);
}

/* Of 11 requests in two directions; what was timed ahead of being counted is taken off later. */
static void requests_that_were_not_timed_are_counted(void **state)
{
	const uint64_t timed[] = {5, 12, 10, 11};
	const uint64_t want[] = {6, 6, 6, 6};

	(void)state;
	start(2);
	for (unsigned i = 0; i < 4; i++) {
		t.disk[0] = (struct hr_take_disk){.n = {5, 6}, .measured = {1, timed[i] - 1}};
		(void)hr_fold_take(&f, &t, NULL, &s);
		assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_UNTIMED_N], want[i]);
	}
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_RD_N] + s.dev[0].ctr[HR_DCTR_IO_WR_N], 44);
}

static void device_slots_go_to_their_device(void **state)
{
	(void)state;
	start(2);
	t.n_slots = 12;
	t.dev_slot[0][3] = (struct hr_slot_dev){.inflight_ns = {700, 300}, .ops = {2, 1}};
	t.dev_slot[1][3] = (struct hr_slot_dev){.ops = {4, 5}, .bytes = {4096, 8192}};
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS], 1000);
	assert_int_equal(s.dev[0].dist[HR_DDIST_OPS_100MS].max, 3);
	assert_int_equal(s.dev[1].dist[HR_DDIST_PKT_100MS].max, 9);
	assert_int_equal(s.dev[1].dist[HR_DDIST_RX_KIB_100MS].max, 4);
	assert_int_equal(s.dev[1].dist[HR_DDIST_TX_KIB_100MS].max, 8);
}

static void lost_slots_clear_the_slot_signals_and_empty_the_queue(void **state)
{
	uint64_t have;

	(void)state;
	start(1);
	t.n_slots = 1;
	t.cpu_slot[0] = (struct hr_slot_cpu){.charge_ns = 100 * HR_SLOT_NS, .wakes = 1};
	assert_true(hr_fold_take(&f, &t, NULL, &s) == t.have);
	assert_int_equal(s.vq_bad[0][2], 1);
	/* slots 501..509 are missing */
	t.first_slot = 510;
	t.cpu_slot[0] = (struct hr_slot_cpu){.wakes = 1};
	have = hr_fold_take(&f, &t, NULL, &s);
	assert_true(have == BIT(HR_SIG_RECLAIM)); /* no slots in it */
	assert_int_equal(s.vq_bad[0][2], 1);      /* the backlog before the hole is nobody's now */
	/* in order again */
	t.first_slot = 511;
	assert_true(hr_fold_take(&f, &t, NULL, &s) == t.have);
	/* the producer says so itself */
	t.first_slot = 512;
	t.overrun = true;
	assert_true(hr_fold_take(&f, &t, NULL, &s) == BIT(HR_SIG_RECLAIM));
}

static void a_slot_told_twice_counts_once(void **state)
{
	(void)state;
	start(1);
	t.n_slots = 10;
	(void)hr_fold_take(&f, &t, NULL, &s);
	t.first_slot = 505; /* 505..514: five known ones */
	assert_true(hr_fold_take(&f, &t, NULL, &s) == t.have);
	assert_int_equal(s.ctr[HR_CTR_SLOT_N], 15);
	t.first_slot = 500; /* all known */
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_SLOT_N], 15);
	t.first_slot = 515;
	assert_true(hr_fold_take(&f, &t, NULL, &s) == t.have);
	assert_int_equal(s.ctr[HR_CTR_SLOT_N], 25);
}

static void more_slots_than_a_take_can_hold_are_lost_not_read(void **state)
{
	(void)state;
	start(1);
	t.n_slots = HR_TAKE_SLOTS + 1;
	assert_true(hr_fold_take(&f, &t, NULL, &s) == BIT(HR_SIG_RECLAIM));
	assert_int_equal(s.ctr[HR_CTR_SLOT_N], HR_TAKE_SLOTS);
}

static void a_signal_without_its_bit_is_not_counted(void **state)
{
	(void)state;
	start(1);
	t.have = BIT(HR_SIG_CPU_SLOTS);
	t.n_slots = 12;
	t.cpu_slot[0] =
		(struct hr_slot_cpu){.oncpu_ns = 9, .wait_ns = 9, .charge_ns = 9, .wakes = 9};
	t.dev_slot[0][0].ops[0] = 4;
	t.cpu.bursts = 5;
	(void)hr_fold_take(&f, &t, NULL, &s);
	assert_int_equal(s.ctr[HR_CTR_ONCPU_NS], 9);
	assert_int_equal(s.ctr[HR_CTR_WAIT_NS], 0);
	assert_int_equal(s.ctr[HR_CTR_CHARGE_NS], 0);
	assert_int_equal(s.ctr[HR_CTR_BURST_N], 0);
	assert_int_equal(s.dist[HR_DIST_RUNNABLE].total, 0);
	assert_int_equal(s.dev[0].dist[HR_DDIST_OPS_100MS].total, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_add_up_to_the_frozen_bound_of_the_worked_example),
		cmocka_unit_test(all_cpus_busy_means_at_least_99_percent),
		cmocka_unit_test(messages_and_work_go_into_blocks),
		cmocka_unit_test(bursts_feed_the_virtual_queue_with_the_capacity_left),
		cmocka_unit_test(softirqs_in_the_midst_of_tasks_are_not_lost_twice),
		cmocka_unit_test(busy_seconds_are_119_slots_whatever_the_ticks),
		cmocka_unit_test(counters_and_histograms_add),
		cmocka_unit_test(requests_that_were_not_timed_are_counted),
		cmocka_unit_test(device_slots_go_to_their_device),
		cmocka_unit_test(lost_slots_clear_the_slot_signals_and_empty_the_queue),
		cmocka_unit_test(a_slot_told_twice_counts_once),
		cmocka_unit_test(more_slots_than_a_take_can_hold_are_lost_not_read),
		cmocka_unit_test(a_signal_without_its_bit_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
