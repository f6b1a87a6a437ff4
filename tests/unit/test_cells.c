/* SPDX-License-Identifier: Apache-2.0 */
/* Cells as the programs would leave them -> what a take delivers.  Two CPUs, one disk, one NIC. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>
#include <sys/mman.h>

#include "agent/core/cells.h"

#define S        HR_SLOT_NS
#define SLOT(ns) ((ns) / S)
#define RING(n)  ((n) % HR_RING_SLOTS)

struct fixture {
	struct hr_cells *cells;
	struct hr_cells_view view;
	struct hr_cpu_cell cpu[2];
	struct hr_disk_cell disk[2];
	struct hr_nic_cell nic[2];
	struct hr_mem_cell mem[2];
	struct hr_take take;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->cells = calloc(1, hr_cells_size(2, 1, 1));
	hr_cells_init(f->cells, 2, 1, 1);
	f->view = (struct hr_cells_view){.cpus = 2,
		.disks = 1,
		.nics = 1,
		.cpu = f->cpu,
		.disk = f->disk,
		.nic = f->nic,
		.mem = f->mem,
		.disk_dev = {0},
		.nic_dev = {1}};
	f->cpu[0].seq = f->cpu[1].seq = 2;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->cells);
	free(f);
	return 0;
}

/* A take in the middle of slot @slot. */
static void take_at(struct fixture *f, uint64_t slot)
{
	hr_cells_plan(f->cells, slot * S + S / 2);
	hr_cells_take(f->cells, &f->view, &f->take);
}

static void the_first_take_sets_a_base_and_delivers_nothing(void **state)
{
	struct fixture *f = *state;

	f->cpu[0].seq = 1000;
	f->cpu[1].slot[RING(500)].oncpu_wakes = 77;
	f->disk[0].lat[1].n[9] = 5;
	assert_int_equal(hr_cells_plan(f->cells, 500 * S + 3), 501 * S);
	hr_cells_take(f->cells, &f->view, &f->take);
	assert_int_equal(f->take.n_slots, 0);
	assert_int_equal(f->take.first_slot, 501);
	assert_int_equal(f->take.cpu.switches, 0);
	assert_int_equal(f->take.disk[0].n[1], 0);
	assert_false(f->take.overrun);
}

static void a_take_delivers_closed_slots_summed_over_cpus(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->cpu[0].slot[RING(501)].oncpu_wakes = 1000;
	f->cpu[1].slot[RING(501)].oncpu_wakes = 2000;
	f->cpu[1].slot[RING(502)].wait_ns = 300;
	f->cpu[0].slot[RING(502)].oncpu_wakes = 4 * HR_SLOT_WAKE;
	f->cpu[1].slot[RING(502)].oncpu_wakes = 9 * HR_SLOT_READ + HR_SLOT_WAKE;
	f->cpu[0].slot[RING(503)].moved_ns = 50;            /* charged here, done ... */
	f->cpu[1].slot[RING(504)].moved_ns = -(uint64_t)50; /* ... there, with 20 more */
	f->cpu[1].slot[RING(504)].oncpu_wakes = 70;
	f->cpu[0].slot[RING(505)].hog_unknown = 8ULL << 32 | 6;
	f->cpu[0].slot[RING(588)].hog_unknown = 9; /* still open at slot 620: 620 - 32 = 588 */
	take_at(f, 620);
	assert_int_equal(f->take.first_slot, 501);
	assert_int_equal(f->take.n_slots, 87);
	assert_int_equal(f->take.cpu_slot[0].oncpu_ns, 3000);
	assert_int_equal(f->take.cpu_slot[1].wait_ns, 300);
	assert_int_equal(f->take.cpu_slot[1].wakes, 5);
	assert_int_equal(f->take.cpu_slot[1].reads, 9);
	assert_int_equal(f->take.cpu_slot[0].charge_ns, 3000); /* where it was done */
	assert_int_equal(f->take.cpu_slot[2].charge_ns, 50);
	assert_int_equal(f->take.cpu_slot[3].charge_ns, 20);
	assert_int_equal(f->take.cpu_slot[3].oncpu_ns, 70);
	assert_int_equal(f->take.cpu_slot[4].hog_ns, 6);
	assert_int_equal(f->take.cpu_slot[4].unknown_ns, 8);
	take_at(f, 630);
	assert_int_equal(f->take.first_slot, 588);
	assert_int_equal(f->take.n_slots, 10);
	assert_int_equal(f->take.cpu_slot[0].hog_ns, 9);
}

static void a_slot_used_again_delivers_only_what_is_new(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	/* parts about to overflow */
	f->cpu[0].slot[RING(510)].oncpu_wakes = 0xfffe0000fffffff0;
	f->cpu[0].slot[RING(510)].hog_unknown = 0xfffffffffffffff0u;
	take_at(f, 600);
	take_at(f, 750);
	f->cpu[0].slot[RING(766)].oncpu_wakes += 0x20 + 3 * HR_SLOT_READ; /* 510 + 256 */
	f->cpu[0].slot[RING(766)].hog_unknown += 5ULL << 32 | 0x12;
	f->cpu[0].slot[RING(766)].moved_ns -= 30;
	take_at(f, 850);
	assert_int_equal(f->take.first_slot, 718);
	assert_int_equal(f->take.cpu_slot[766 - 718].oncpu_ns, 0x20);
	assert_int_equal(f->take.cpu_slot[766 - 718].wakes, 0);
	assert_int_equal(f->take.cpu_slot[766 - 718].reads, 3);
	assert_int_equal(f->take.cpu_slot[766 - 718].charge_ns, 2); /* 32 - 30 */
	assert_int_equal(f->take.cpu_slot[766 - 718].hog_ns, 0x12);
	assert_int_equal(f->take.cpu_slot[766 - 718].unknown_ns, 5);
}

static void a_task_that_does_not_switch_counts_until_the_horizon_once(void **state)
{
	struct fixture *f = *state;
	uint64_t oncpu = 0, charge = 0, hog = 0;

	take_at(f, 500);
	/* on CPU 1 since the middle of slot 510; its burst is 0.2 s old already, a quarter of it
	 * waiting: in 1.024 us, 48,829 of 195,313 */
	f->cpu[1].pid = 42;
	f->cpu[1].since = 510 * S + S / 2;
	f->cpu[1].burst = 48829ULL << 26 | 146484;
	for (uint64_t slot = 620; slot <= 860; slot += 120) {
		take_at(f, slot);
		for (uint32_t i = 0; i < f->take.n_slots; i++) {
			assert_in_range(f->take.cpu_slot[i].oncpu_ns, 0, S);
			oncpu += f->take.cpu_slot[i].oncpu_ns;
			charge += f->take.cpu_slot[i].charge_ns;
			hog += f->take.cpu_slot[i].hog_ns;
		}
	}
	/* from 510.5 to slot 860 - 32 = 828: 317.5 slots, 2663383040 ns; the first 0.8 s of it are
	 * a young burst's */
	assert_int_equal(oncpu, 2663383040);
	assert_int_equal(charge, 799999488); /* of 1e9, less 195,313 * 1024 */
	assert_int_equal(hog, 1863383552);
}

static void work_is_charged_left_by_the_wait_of_its_burst(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->cpu[0].pid = 42;
	f->cpu[0].since = 520 * S;
	f->cpu[0].burst = (2 * S >> 10) << 26; /* a slot is 8192 of 1.024 us */
	take_at(f, 553);                       /* up to slot 521 */
	assert_int_equal(f->take.n_slots, 20);
	assert_int_equal(f->take.cpu_slot[19].oncpu_ns, S); /* slot 520 */
	assert_int_equal(f->take.cpu_slot[19].charge_ns, 0);
	assert_int_equal(f->take.cpu_slot[17].charge_ns, S); /* slot 518 */
}

static void idle_and_unseen_cpus_add_nothing(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->cpu[0].pid = 0;
	f->cpu[0].since = 505 * S;
	f->cpu[1].pid = 7; /* no switch seen: since 0 */
	take_at(f, 620);
	for (uint32_t i = 0; i < f->take.n_slots; i++)
		assert_int_equal(f->take.cpu_slot[i].oncpu_ns, 0);
}

static void a_stint_known_to_be_over_counts_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct hr_open_end end[2] = {{510 * S, 511 * S}, {0, 0}};
	uint64_t oncpu = 0;

	f->view.open_end = end;
	take_at(f, 500);
	f->cpu[0].pid = 42;
	f->cpu[0].since = 510 * S;
	take_at(f, 620);
	for (uint32_t i = 0; i < f->take.n_slots; i++)
		oncpu += f->take.cpu_slot[i].oncpu_ns;
	assert_int_equal(oncpu, S);
	/* another stint than the one asked about is believed */
	f->cpu[0].since = 590 * S;
	take_at(f, 630);
	assert_int_equal(f->take.cpu_slot[2].oncpu_ns, S); /* slot 590 */
}

static void a_take_that_comes_too_late_says_so_and_starts_afresh(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->cpu[0].seq += 20;
	take_at(f, 501 + 32 + 222); /* exactly what fits */
	assert_false(f->take.overrun);
	assert_int_equal(f->take.n_slots, 222);
	assert_int_equal(f->take.cpu.switches, 10);
	f->cpu[0].seq = 62;
	f->cpu[0].slot[RING(800)].oncpu_wakes = 5;
	take_at(f, 723 + 32 + 223);
	assert_true(f->take.overrun);
	assert_int_equal(f->take.n_slots, 0);
	assert_int_equal(f->take.cpu.switches, 0);
	take_at(f, 1100);
	assert_false(f->take.overrun);
	assert_int_equal(f->take.first_slot, 979);
	for (uint32_t i = 0; i < f->take.n_slots; i++)
		assert_int_equal(f->take.cpu_slot[i].oncpu_ns, 0);
}

static void a_histogram_never_contradicts_itself(void **state)
{
	struct fixture *f = *state;
	struct hr_cell_hist *h = &f->cpu[0].wait;

	take_at(f, 500);
	/* three waits of 1000 us, a fourth caught between sum and bucket */
	h->n[hr_bucket(1000)] = 3;
	h->sum = 4000;
	h->max = 1000;
	take_at(f, 620);
	assert_int_equal(f->take.cpu.wait.total, 3);
	assert_int_equal(f->take.cpu.wait.sum, 3000);
	assert_int_equal(f->take.cpu.wait.max, 1000);
	assert_true(hr_hist_valid(&f->take.cpu.wait));
	/* its bucket has arrived: what was held back comes now */
	h->n[hr_bucket(1000)] = 4;
	take_at(f, 740);
	assert_int_equal(f->take.cpu.wait.total, 1);
	assert_int_equal(f->take.cpu.wait.sum, 1000);
	/* a small one later: the old maximum is not its maximum; bucket of 10 is [10, 10] */
	h->n[hr_bucket(10)]++;
	h->sum += 10;
	take_at(f, 860);
	assert_int_equal(f->take.cpu.wait.max, 10);
	assert_int_equal(f->take.cpu.wait.sum, 10);
	assert_true(hr_hist_valid(&f->take.cpu.wait));
}

/* The program adds nothing to sum and maximum for 0 to 7 us: their buckets tell both. */
static void values_below_8_us_are_exact_without_a_sum(void **state)
{
	struct fixture *f = *state;
	struct hr_cell_hist *h = &f->cpu[1].wait;

	take_at(f, 500);
	h->n[0] = 5;
	h->n[3] = 2;
	h->n[7] = 1;
	take_at(f, 620);
	assert_int_equal(f->take.cpu.wait.total, 8);
	assert_int_equal(f->take.cpu.wait.sum, 13); /* 2 * 3 + 7 */
	assert_int_equal(f->take.cpu.wait.max, 7);
	assert_true(hr_hist_valid(&f->take.cpu.wait));
	h->n[2] = 4;
	h->n[hr_bucket(1000)] = 1;
	h->sum = 1000;
	h->max = 1000;
	take_at(f, 740);
	assert_int_equal(f->take.cpu.wait.sum, 1008);
	assert_int_equal(f->take.cpu.wait.max, 1000);
	h->n[1]++; /* the maximum since load is not this one's */
	take_at(f, 860);
	assert_int_equal(f->take.cpu.wait.sum, 1);
	assert_int_equal(f->take.cpu.wait.max, 1);
}

static void devices_land_under_their_number(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->disk[1].flushes = 1;
	f->disk[1].lat[1].n[5] = 1; /* 5.7 and 20.2 us, and one whose beginning nobody knows */
	f->disk[1].lat[1].n[hr_bucket(20)] = 1;
	f->disk[1].lat[1].max = 20;
	f->disk[1].lat[1].sum = 2;                /* measured */
	f->disk[1].gate[1] = 3 * HR_GATE_ONE + 5; /* the gate's own business below */
	f->disk[1].res_ns[1] = 25900;
	f->disk[0].res_ns[0] = 3000; /* its bucket comes later */
	f->disk[1].lazy_ns = 20200;
	f->disk[1].slot[RING(503)].sum[1] = 3ULL << 32 | 16;
	f->disk[1].slot[RING(503)].inflight[1] = 100; /* 64 ns each */
	f->nic[0].slot[RING(504)].sum[0] = 1ULL << 32 | 1500;
	take_at(f, 620);
	assert_int_equal(f->take.disk[0].n[1], 3);
	assert_int_equal(f->take.disk[0].measured[1], 2);
	assert_int_equal(f->take.disk[0].bytes[1], 8192);
	assert_int_equal(f->take.disk[0].flushes, 1);
	assert_int_equal(f->take.disk[0].lat[1].sum, 25);
	assert_int_equal(f->take.disk[0].lat[1].max, 20);
	assert_int_equal(f->take.disk[0].lat[0].sum, 0);
	assert_int_equal(f->take.disk[0].sync_ns, 25900 + 3000 - 20200);
	assert_int_equal(f->take.dev_slot[0][2].ops[1], 3);
	assert_int_equal(f->take.dev_slot[0][2].bytes[1], 8192);
	assert_int_equal(f->take.dev_slot[0][2].inflight_ns[1], 6400);
	assert_int_equal(f->take.dev_slot[1][3].bytes[0], 1500);
	assert_int_equal(f->take.dev_slot[1][3].ops[0], 1);
}

static void a_forgotten_device_starts_afresh(void **state)
{
	struct fixture *f = *state;

	take_at(f, 500);
	f->disk[0].gate[0] = 0xfffffffeULL * HR_GATE_ONE; /* about to overflow */
	f->disk[0].slot[RING(510)].sum[0] = 7ULL << 32;
	hr_cells_forget(f->cells, &f->view, HR_DEV_DISK, 0);
	f->disk[0].gate[0] += 3 * HR_GATE_ONE;
	take_at(f, 620);
	assert_int_equal(f->take.disk[0].n[0], 3);
	assert_int_equal(f->take.dev_slot[0][9].ops[0], 0);
}

static void sums_over_600_cpus_do_not_wrap(void **state)
{
	enum {
		CPUS = 600
	};
	struct hr_cells *c = calloc(1, hr_cells_size(CPUS, 0, 0));
	struct hr_cpu_cell *cpu = calloc(CPUS, sizeof(*cpu));
	struct hr_take *t = calloc(1, sizeof(*t));
	struct hr_cells_view v = {.cpus = CPUS, .cpu = cpu};

	(void)state;
	for (int i = 0; i < CPUS; i++)
		cpu[i].seq = 2;
	hr_cells_init(c, CPUS, 0, 0);
	hr_cells_plan(c, 500 * S);
	hr_cells_take(c, &v, t);
	for (int i = 0; i < CPUS; i++)
		cpu[i].slot[RING(510)].oncpu_wakes = S + 1023 * (HR_SLOT_WAKE + HR_SLOT_READ);
	hr_cells_plan(c, 620 * S);
	hr_cells_take(c, &v, t);
	assert_int_equal(t->cpu_slot[9].oncpu_ns, 600ULL * 8388608); /* 5.03e9 > 2^32 */
	assert_int_equal(t->cpu_slot[9].wakes, 600 * 1023);
	assert_int_equal(t->cpu_slot[9].reads, 600 * 1023);
	free(t);
	free(cpu);
	free(c);
}

/* CPU 1 is possible and not there: its cells may not even be touched.  Then it comes. */
static void cells_of_a_cpu_that_never_ran_are_not_read(void **state)
{
	struct fixture *f = *state;
	const size_t size = sizeof(struct hr_disk_cell);
	struct hr_disk_cell *disk =
		mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(disk != MAP_FAILED);
	assert_int_equal(size % 4096, 0);
	f->view.disk = disk;
	f->cpu[1].seq = 0;
	assert_int_equal(mprotect(disk + 1, size, PROT_NONE), 0);
	take_at(f, 500);
	disk[0].errors = 2;
	take_at(f, 600);
	assert_int_equal(f->take.disk[0].errors, 2);
	assert_int_equal(mprotect(disk + 1, size, PROT_READ | PROT_WRITE), 0);
	f->cpu[1].seq = 2;
	disk[1].errors = 3;
	disk[1].slot[RING(610)].sum[1] = 5ULL << HR_DISK_OPS_SHIFT;
	take_at(f, 700);
	assert_int_equal(f->take.disk[0].errors, 3);
	assert_int_equal(f->take.dev_slot[0][610 - 568].ops[1], 5);
	assert_int_equal(munmap(disk, 2 * size), 0);
}

/* It may serve a disk's interrupts and not switch: what it has done is not news when it does. */
static void cells_of_a_cpu_that_is_online_are_read(void **state)
{
	struct fixture *f = *state;

	f->cpu[1].seq = 0;
	f->view.online = 2;
	f->disk[1].errors = 7; /* before the first take */
	take_at(f, 500);
	f->disk[1].errors = 9;
	take_at(f, 600);
	assert_int_equal(f->take.disk[0].errors, 2);
	f->cpu[1].seq = 2;
	take_at(f, 700);
	assert_int_equal(f->take.disk[0].errors, 0);
}

/* Two an event, modulo 2^32; odd: an event is being counted. */
static void switches_are_half_of_the_sequence(void **state)
{
	struct fixture *f = *state;

	f->cpu[0].seq = 0xfffffffeU; /* 2147483647 */
	take_at(f, 500);
	f->cpu[0].seq = 5; /* 2147483648 and 2, and one more begun */
	f->cpu[1].seq = 8; /* 3 more */
	take_at(f, 600);
	assert_int_equal(f->take.cpu.switches, 6);
	f->cpu[0].seq = 6;
	take_at(f, 700);
	assert_int_equal(f->take.cpu.switches, 1);
}

/* A quick burst is one of its wait and of its time on the CPU in all three histograms. */
static void a_quick_burst_is_in_three_histograms(void **state)
{
	struct fixture *f = *state;
	struct hr_take_cpu *t = &f->take.cpu;

	take_at(f, 500);
	f->cpu[0].quick[2 * 8 + 5] = 3; /* three waited 2 us and ran 5 */
	f->cpu[1].quick[7] = 1;         /* one ran 7 and did not wait */
	f->cpu[1].wait.n[2] = 4;        /* four stints of others waited 2 */
	take_at(f, 600);
	assert_int_equal(t->wait.n[2], 7);
	assert_int_equal(t->wait.n[0], 1);
	assert_int_equal(t->wait.sum, 14);
	assert_int_equal(t->burst_wait.n[2], 3);
	assert_int_equal(t->burst_wait.n[0], 1);
	assert_int_equal(t->burst_wait.sum, 6);
	assert_int_equal(t->burst_cpu.n[5], 3);
	assert_int_equal(t->burst_cpu.n[7], 1);
	assert_int_equal(t->burst_cpu.sum, 22);
	assert_int_equal(t->bursts, 4);
	assert_int_equal(t->voluntary, 4);
}

/* Nobody counts switches any more: they do not tell who is there. */
static void without_the_switch_hook_all_cells_are_read(void **state)
{
	struct fixture *f = *state;

	f->cpu[1].seq = 0;
	f->view.unwatched = true;
	take_at(f, 500);
	f->disk[1].errors = 3;
	take_at(f, 600);
	assert_int_equal(f->take.disk[0].errors, 3);
	f->view.cpu = NULL;
	f->disk[1].errors = 4;
	take_at(f, 700);
	assert_int_equal(f->take.disk[0].errors, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_first_take_sets_a_base_and_delivers_nothing),
		T(a_take_delivers_closed_slots_summed_over_cpus),
		T(a_slot_used_again_delivers_only_what_is_new),
		T(a_task_that_does_not_switch_counts_until_the_horizon_once),
		T(work_is_charged_left_by_the_wait_of_its_burst),
		T(idle_and_unseen_cpus_add_nothing),
		T(a_stint_known_to_be_over_counts_to_its_end),
		T(a_take_that_comes_too_late_says_so_and_starts_afresh),
		T(a_histogram_never_contradicts_itself),
		T(values_below_8_us_are_exact_without_a_sum),
		T(a_quick_burst_is_in_three_histograms),
		T(switches_are_half_of_the_sequence),
		T(cells_of_a_cpu_that_is_online_are_read),
		T(devices_land_under_their_number),
		T(a_forgotten_device_starts_afresh),
		T(sums_over_600_cpus_do_not_wrap),
		T(cells_of_a_cpu_that_never_ran_are_not_read),
		T(without_the_switch_hook_all_cells_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
