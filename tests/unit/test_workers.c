/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that each serve what they read in turn (collector/core/model_workers.h). */
#include "tests/unit/estimate_fixture.h"

#include <math.h>

#include "collector/core/model_workers.h"

/* @n processes of one name, each busy @o_pm and waiting for a CPU for the rest of @u_pm. */
static void workers(
	struct bench *b, uint8_t n, uint16_t u_pm, uint16_t o_pm, uint32_t reads, uint32_t late)
{
	b->m.n_use = n;
	for (uint8_t i = 0; i < n; i++)
		b->m.use[i] = (struct hr_use){.pid = 70u + i,
			.tid = 70u + i,
			.oncpu_ms = o_pm * 10u,
			.wait_ms = (u_pm - o_pm) * 10u,
			.process_oncpu_ms = o_pm * 10u,
			.seen_ms = 10000,
			.u_max_pm = u_pm,
			.o_max_pm = o_pm,
			.reads = reads,
			.reads_late = late,
			.reads_busy = (uint64_t)reads * u_pm,
			.reads_oncpu = (uint64_t)reads * o_pm,
			.comm = "nginx",
			.process = "nginx"};
}

/* M/M/1 at u = 0.5 with T = 9.21 s: P(wait > T) = 0.5 exp(-0.5 x 9.21) = 0.5 %. */
static void the_decay_is_that_of_a_single_server_queue(void **state)
{
	(void)state;
	fx_near(hr_workers_decay(0.5, 0.005), 9.210340, 1e-6);
	/* by hand: 0.5769 exp(-9.2103 x 0.4231) = 0.5769 x 0.02030 = 0.01171; a little less */
	fx_near(hr_workers_reach(9.210340, 0.01171), 0.5769, 1e-3);
	for (double u = 0.1; u < 0.95; u += 0.1) /* what is measured at the limit is the limit */
		fx_near(hr_workers_reach(hr_workers_decay(u, 0.01), 0.01), u, 1e-9);
	for (double a = 1; a < 40; a++) /* shorter requests carry more */
		assert_true(hr_workers_reach(a + 1, 0.01) > hr_workers_reach(a, 0.01));
}

static void requests_behind_their_worker_are_no_shortage_of_cpus(void **state)
{
	struct bench *b = *state;
	struct hr_estimate *serial = &b->v.e[2];

	b->conf.minute_ms = 300000; /* as `measure` has it */
	/* nginx that compresses, at 1.25 of its break: 2.5 % late, busy 0.61, waiting 0.05 */
	workers(b, 2, 660, 610, 4100, 103);
	hr_eval_minute(&b->x, &b->v);
	assert_int_equal(b->v.bind, 2);
	assert_string_equal(serial->workers, "nginx");
	assert_true(serial->r.saturated == false);
	fx_near(serial->r.headroom.likely.v, 0.87, 0.01);
	assert_true(serial->r.headroom.at_least.v < 0.8 && serial->r.headroom.at_least.v > 0.6);
	assert_true(serial->r.headroom.at_most.v < 1.1);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		fx_near(serial->at[z].likely.v, serial->r.headroom.likely.v, 1e-9);
	/* many more of them: short beyond chance */
	workers(b, 2, 660, 610, 41000, 2050);
	hr_eval_minute(&b->x, &b->v);
	assert_true(serial->r.saturated);
}

static void what_workers_wait_for_a_cpu_more_cpus_give(void **state)
{
	struct bench *b = *state;
	struct hr_estimate cpu, serial, was;
	struct hr_bounds now, more;

	b->m.cpus = 1;
	b->conf.minute_ms = 300000;
	hr_model_cpu(&b->x, &cpu, &b->steal);
	hr_model_serial(&b->x, &was);
	hr_model_serial(&b->x, &serial);
	workers(b, 2, 420, 250, 1600, 35);
	hr_model_workers(&b->x, &cpu, &serial);
	now = cpu.r.headroom;
	more = cpu.at[HR_SIZE_VCPUS];
	assert_string_equal(cpu.workers, "nginx");
	assert_memory_equal(&serial.r.headroom, &was.r.headroom, sizeof(now));
	fx_near(now.likely.v, 0.76, 0.02);
	assert_true(more.likely.v > 2.5 * now.likely.v && more.likely.v < 3.2 * now.likely.v);
	assert_true(more.at_least.v > now.at_least.v);
	fx_near(cpu.at[HR_SIZE_MEMORY].likely.v, now.likely.v, 1e-9);
}

static void below_the_limit_they_bound_what_fits(void **state)
{
	struct bench *b = *state;
	struct hr_workers w;

	/* 0.6 of the break: 20 of 28,800 waited */
	workers(b, 2, 350, 340, 14400, 10);
	assert_true(hr_workers_of(&b->x, &w));
	fx_near(w.reads, 28800, 0);
	fx_near(w.late, 20, 0);
	assert_true(w.now.likely.v > 1.5 && w.now.likely.v < 1.85);
	assert_true(w.now.at_least.v > 1.2 && w.now.at_least.v < 1.5);
}

/* Of which nothing is known, nothing is said: bounds stay those of the others. */
static void what_tells_nothing_changes_nothing(void **state)
{
	struct bench *b = *state;
	struct hr_workers w;

	workers(b, 2, 660, 610, 4100, 5); /* ten in all: they may be one row */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 50, 40, 4100, 30); /* hardly busy */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 300, 300, 4100, 700); /* a third of them, though two thirds find it idle */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 1, 660, 610, 4100, 103); /* section 4 has a limit for one alone */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 5, 300, 300, 4100, 103); /* five equals on two CPUs are a pool of jobs */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 4100, 103);
	b->m.use[1].oncpu_ms = 100; /* a namesake that does little, one that reads little */
	b->m.use[1].wait_ms = 0;
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 4100, 103);
	b->m.use[1].reads = 2;
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 1000, 30); /* 6.1 ms of work each: jobs, late beside 10 ms anyhow */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 4100, 103); /* a vCPU stood still 2.5 % of the time */
	b->m.ctr[HR_CTR_STEAL_MS] = 500;
	assert_false(hr_workers_of(&b->x, &w));
	b->m.ctr[HR_CTR_STEAL_MS] = 0;
	b->m.use[0].peers = 40;
	assert_false(hr_workers_of(&b->x, &w));
	b->m.use[0].peers = 0;
	assert_true(hr_workers_of(&b->x, &w));
	memcpy(b->m.use[1].process, "other", 6); /* two programs, each with one thread */
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 4100, 103);
	b->m.have &= ~HR_SIG_BIT(HR_SIG_READS);
	assert_false(hr_workers_of(&b->x, &w));
}

/* Half as busy as the busiest, a quarter of its reads, a tenth of the time: still an equal. */
static void what_makes_an_equal_holds_on_either_side(void **state)
{
	struct bench *b = *state;
	struct hr_workers w;

	workers(b, 2, 660, 610, 4100, 103); /* 6600 ms each */
	b->m.use[1].oncpu_ms = 2900;
	b->m.use[1].wait_ms = 500;
	assert_true(hr_workers_of(&b->x, &w));
	b->m.use[1].oncpu_ms = 2700;
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 660, 610, 4100, 103);
	b->m.use[1].reads = 1030;
	assert_true(hr_workers_of(&b->x, &w));
	b->m.use[1].reads = 1020;
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 110, 100, 4100, 30);
	assert_true(hr_workers_of(&b->x, &w));
	workers(b, 2, 90, 80, 4100, 30);
	assert_false(hr_workers_of(&b->x, &w));
	workers(b, 2, 900, 800, 4100, 103);
	assert_true(hr_workers_of(&b->x, &w));
	fx_near(w.u, 0.9, 1e-9);
	workers(b, 2, 990, 980, 4100, 103); /* at its end */
	assert_true(hr_workers_of(&b->x, &w));
	fx_near(w.u, 0.95, 1e-9);
	fx_near(w.o, 0.95, 1e-9);
}

/*
 * Busy 0.66 with 2.5 % late: 1 % at 0.876 times the load.  On CPUs without a wait 0.56 of it would
 * be left, and 1.132 times fit, 1.29 of that; with 0.59, 1.046 and 1.19.
 */
static void a_quarter_more_without_a_wait_blames_the_cpus(void **state)
{
	struct bench *b = *state;

	b->conf.minute_ms = 300000;
	workers(b, 2, 660, 560, 4100, 103);
	hr_eval_minute(&b->x, &b->v);
	assert_string_equal(b->v.e[0].workers, "nginx");
	fx_near(b->v.e[0].at[HR_SIZE_VCPUS].likely.v, 1.132, 0.002);
	workers(b, 2, 660, 590, 4100, 103);
	hr_eval_minute(&b->x, &b->v);
	assert_string_equal(b->v.e[0].workers, "");
	assert_string_equal(b->v.e[2].workers, "nginx");
	fx_near(b->v.e[2].r.headroom.likely.v, 0.876, 0.002);
}

static void of_two_programs_the_tighter_one_binds(void **state)
{
	struct bench *b = *state;
	struct hr_workers w;

	workers(b, 4, 660, 610, 4100, 103);
	for (int i = 2; i < 4; i++) {
		memcpy(b->m.use[i].process, "envoy", 6);
		b->m.use[i].reads_late = 400;
	}
	assert_true(hr_workers_of(&b->x, &w));
	assert_string_equal(w.use->process, "envoy");
}

struct row {
	unsigned n, u_pm, o_pm, reads, late; /* of each, in 10 s */
	enum hr_answer_kind kind;
	enum hr_reason reason;
};

static void put(struct hr_summary *s, const struct row *r)
{
	s->n_top = (uint8_t)r->n;
	for (unsigned i = 0; i < r->n; i++)
		s->top[i] = (struct hr_top){.pid = 70 + i,
			.tid = 70 + i,
			.oncpu_ms = r->o_pm * 10,
			.wait_ms = (r->u_pm - r->o_pm) * 10,
			.process_oncpu_ms = r->o_pm * 10,
			.reads = r->reads,
			.reads_late = r->late,
			.comm = "nginx",
			.process = "nginx"};
}

static struct hr_answer *answer_of(
	const struct hr_model_conf *c, unsigned windows, const struct row *r, unsigned calm)
{
	struct hr_vm *vm = hr_vm_new(c);
	struct hr_facts f = fx_facts();
	struct hr_answer *a = calloc(1, sizeof(*a));
	uint64_t end = 0;

	assert_true(vm && a);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (unsigned i = 0; i < windows + calm; i++) {
		struct hr_summary *s = fx_idle(i);

		if (i < windows)
			put(s, r);
		end = s->t_end_ms;
		hr_vm_add(vm, s);
		free(s);
	}
	hr_vm_answer(vm, "vm", end, a);
	hr_vm_free(vm);
	return a;
}

static void the_answer_is_no_only_where_it_is_sure(void **state)
{
	static const struct row rows[] = {
		{2, 660, 610, 4100, 103, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD},
		{2, 300, 300, 700, 8, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE},
		{2, 350, 340, 7200, 3, HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT},
		{2, 350, 340, 7200, 0, HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT},
		{2, 20, 20, 300, 200, HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT},
		{5, 300, 300, 4100, 103, HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT},
	};
	struct hr_model_conf c;

	(void)state;
	hr_model_conf_default(&c);
	c.min_history_h = 0;
	c.minute_ms = 300000;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hr_answer *a = answer_of(&c, 2, &rows[i], 0);

		assert_int_equal(a->kind, rows[i].kind);
		assert_int_equal(a->reason, rows[i].reason);
		if (a->kind == HR_ANSWER_NO) {
			assert_false(fx_res(a, HR_RES_SERIAL)->headroom.capped);
			assert_non_null(strstr(a->sentence, "2.5 % of what nginx read"));
			assert_non_null(strstr(a->advice, "Let nginx start more workers"));
		}
		free(a);
	}
}

/* What binds in the minutes that decide need not be there in the newest one: no number of it is
 * told. */
static void a_calm_minute_does_not_speak_for_the_tight_ones(void **state)
{
	static const struct row busy = {2, 660, 610, 4100, 103, HR_ANSWER_NO, 0};
	struct hr_model_conf c;
	struct hr_answer *a;

	(void)state;
	hr_model_conf_default(&c);
	c.min_history_h = 0;
	a = answer_of(&c, 360, &busy, 0);
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_SERIAL_THREAD);
	assert_non_null(strstr(a->sentence, "nginx"));
	free(a);
	a = answer_of(&c, 360, &busy, 8);
	assert_int_equal(a->kind, HR_ANSWER_NO);
	assert_int_equal(a->reason, HR_REASON_SERIAL_THREAD);
	assert_null(strstr(a->sentence, " 0 %"));
	assert_non_null(strstr(a->sentence, "serve in turn"));
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_decay_is_that_of_a_single_server_queue),
		cmocka_unit_test_setup_teardown(
			requests_behind_their_worker_are_no_shortage_of_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_workers_wait_for_a_cpu_more_cpus_give, setup, teardown),
		cmocka_unit_test_setup_teardown(
			below_the_limit_they_bound_what_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_tells_nothing_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_makes_an_equal_holds_on_either_side, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_quarter_more_without_a_wait_blames_the_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(
			of_two_programs_the_tighter_one_binds, setup, teardown),
		cmocka_unit_test(the_answer_is_no_only_where_it_is_sure),
		cmocka_unit_test(a_calm_minute_does_not_speak_for_the_tight_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
