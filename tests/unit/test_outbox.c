/* SPDX-License-Identifier: Apache-2.0 */
/* Which windows wait, which travel together, and that none has two identities. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "agent/core/outbox.h"

#define A 0xaaaaULL
#define B 0xbbbbULL

static int add(struct hr_outbox *ob, uint64_t boot, uint32_t epoch, uint64_t first, uint64_t last)
{
	const struct hr_journal_record r = {.type = HR_JOURNAL_WINDOW,
		.boot = boot,
		.epoch = epoch,
		.span = {first, last},
		.t_end_ms = last * 10000,
		.size = 100};

	return hr_outbox_apply(ob, &r, (uint32_t)first * 100);
}

static void mark(struct hr_outbox *ob, enum hr_journal_type what, uint64_t boot, uint64_t first,
	uint64_t last)
{
	const struct hr_journal_record r = {
		.type = what, .boot = boot, .n = 1, .list = {{first, last}}};

	assert_int_equal(hr_outbox_apply(ob, &r, 0), 0);
}

static void head(struct hr_outbox *ob, uint64_t boot, uint64_t seq_last, uint32_t epoch)
{
	const struct hr_journal_record r = {.type = HR_JOURNAL_HEAD,
		.boot = boot,
		.epoch = epoch,
		.span = {.seq_last = seq_last}};

	assert_int_equal(hr_outbox_apply(ob, &r, 0), 0);
}

static int fresh(void **state)
{
	struct hr_outbox *ob = calloc(1, sizeof(*ob));

	if (!ob)
		return -1;
	head(ob, A, 0, 0);
	*state = ob;
	return 0;
}

static int done(void **state)
{
	free(*state);
	return 0;
}

static void windows_stand_in_order_whatever_their_arrival(void **state)
{
	struct hr_outbox *ob = *state;

	assert_int_equal(add(ob, B, 1, 900, 900), 0);
	assert_int_equal(add(ob, A, 1, 12, 12), 0);
	assert_int_equal(add(ob, A, 1, 10, 10), 0);
	assert_int_equal(add(ob, B, 1, 901, 901), 0);
	assert_int_equal(ob->n, 4);
	assert_int_equal(ob->item[0].span.seq_first, 900);
	assert_int_equal(ob->item[1].span.seq_first, 901);
	assert_int_equal(ob->item[2].span.seq_first, 10);
	assert_int_equal(ob->item[3].span.seq_first, 12);
	assert_int_equal(ob->live_bytes, 400);
	assert_int_equal(ob->seq_last, 12); /* of the current boot */
}

static void a_window_number_is_never_in_two_items(void **state)
{
	struct hr_outbox *ob = *state;

	assert_int_equal(add(ob, A, 1, 10, 12), 0);
	assert_int_equal(add(ob, A, 1, 10, 12), -EEXIST);
	assert_int_equal(add(ob, A, 1, 11, 11), -EEXIST);
	assert_int_equal(add(ob, A, 1, 12, 13), -EEXIST);
	assert_int_equal(add(ob, A, 1, 8, 10), -EEXIST);
	assert_int_equal(add(ob, B, 1, 11, 11), 0); /* another boot counts for itself */
	assert_int_equal(ob->n, 2);
}

static void a_merged_window_replaces_its_parts(void **state)
{
	struct hr_outbox *ob = *state;

	for (uint64_t s = 6; s < 12; s++)
		assert_int_equal(add(ob, A, 1, s, s), 0);
	assert_int_equal(add(ob, A, 1, 20, 20), 0);
	assert_int_equal(add(ob, A, 1, 6, 11), 0);
	assert_int_equal(ob->n, 2);
	assert_int_equal(ob->item[0].span.seq_first, 6);
	assert_int_equal(ob->item[0].span.seq_last, 11);
	assert_int_equal(ob->merged, 5);
	assert_int_equal(ob->live_bytes, 200);
}

static void frozen_windows_are_never_merged(void **state)
{
	struct hr_outbox *ob = *state;

	assert_int_equal(add(ob, A, 1, 6, 6), 0);
	assert_int_equal(add(ob, A, 1, 7, 7), 0);
	mark(ob, HR_JOURNAL_FROZEN, A, 7, 7);
	assert_int_equal(add(ob, A, 1, 6, 7), -EEXIST);
	mark(ob, HR_JOURNAL_THAWED, A, 7, 7);
	assert_int_equal(add(ob, A, 1, 6, 7), 0);
}

/*
 * Unanswered, then refused with 503, a window may be stored all the same: merged with
 * others it would overlap itself, and all of them be lost.  Found by simulation.
 */
static void held_windows_wait_their_turn_but_are_never_merged(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_outbox_batch b;
	struct hr_coalesce_item plan[2];

	assert_int_equal(add(ob, A, 1, 6, 6), 0);
	assert_int_equal(add(ob, A, 1, 7, 7), 0);
	mark(ob, HR_JOURNAL_FROZEN, A, 6, 6);
	mark(ob, HR_JOURNAL_HELD, A, 6, 6);
	assert_int_equal(add(ob, A, 1, 6, 7), -EEXIST);
	hr_outbox_plan(ob, 0, plan);
	assert_true(plan[0].frozen);
	assert_false(plan[1].frozen);
	assert_true(hr_outbox_pick(ob, 0, false, 10000, &b)); /* not before the newest */
	assert_int_equal(b.n, 1);
	assert_int_equal(b.span[0].seq_first, 7);
	mark(ob, HR_JOURNAL_FROZEN, A, 6, 6); /* sent again: still held when that fails */
	assert_true(ob->item[0].held);
	mark(ob, HR_JOURNAL_THAWED, A, 6, 6);
	assert_int_equal(add(ob, A, 1, 6, 7), 0);
}

static void acknowledged_windows_leave_and_lost_ones_are_counted(void **state)
{
	struct hr_outbox *ob = *state;

	assert_int_equal(add(ob, A, 1, 1, 1), 0);
	assert_int_equal(add(ob, A, 1, 2, 7), 0);
	mark(ob, HR_JOURNAL_ACKED, A, 1, 1);
	assert_int_equal(ob->n, 1);
	assert_int_equal(ob->dropped, 0);
	mark(ob, HR_JOURNAL_ACKED, A, 2, 6); /* not what waits: nothing happens */
	assert_int_equal(ob->n, 1);
	mark(ob, HR_JOURNAL_LOST, A, 2, 7);
	assert_int_equal(ob->n, 0);
	assert_int_equal(ob->dropped, 6);
	assert_int_equal(ob->seq_last, 7); /* numbers are not used again */
}

static void the_newest_goes_first_and_those_before_it_with_it(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_outbox_batch b;

	assert_false(hr_outbox_pick(ob, 8, false, 10000, &b));
	for (uint64_t s = 1; s <= 10; s++)
		assert_int_equal(add(ob, A, 1, s, s), 0);
	assert_true(hr_outbox_pick(ob, 3, false, 10000, &b));
	assert_int_equal(b.n, 4);
	assert_int_equal(b.span[0].seq_first, 7);
	assert_int_equal(b.span[2].seq_first, 9);
	assert_int_equal(b.span[3].seq_first, 10);
	assert_true(hr_outbox_pick(ob, 0, false, 10000, &b));
	assert_int_equal(b.n, 1);
	assert_int_equal(b.span[0].seq_first, 10);
	assert_true(hr_outbox_pick(ob, 64, false, 350, &b)); /* room for three records of 100 */
	assert_int_equal(b.n, 3);
	assert_true(hr_outbox_pick(ob, 64, false, 10000, &b)); /* all, and the newest once */
	assert_int_equal(b.n, 10);
	assert_int_equal(b.span[9].seq_first, 10);
}

static void frozen_windows_go_before_anything_and_alone(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_outbox_batch b;

	for (uint64_t s = 1; s <= 5; s++)
		assert_int_equal(add(ob, A, 1, s, s), 0);
	mark(ob, HR_JOURNAL_FROZEN, A, 2, 2);
	mark(ob, HR_JOURNAL_FROZEN, A, 4, 4);
	assert_true(hr_outbox_pick(ob, 64, false, 10, &b));
	assert_int_equal(b.n, 2);
	assert_int_equal(b.span[0].seq_first, 2);
	assert_int_equal(b.span[1].seq_first, 4);
}

static void a_post_is_of_one_boot_and_one_epoch(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_outbox_batch b;

	assert_int_equal(add(ob, B, 1, 50, 50), 0);
	assert_int_equal(add(ob, A, 1, 1, 1), 0);
	assert_int_equal(add(ob, A, 2, 2, 2), 0);
	assert_int_equal(add(ob, A, 2, 3, 3), 0);
	assert_true(hr_outbox_has_old(ob));
	assert_true(hr_outbox_pick(ob, 64, false, 10000, &b));
	assert_int_equal(b.n, 2);
	assert_int_equal(b.epoch, 2);
	assert_true(hr_outbox_pick(ob, 64, true, 10000, &b));
	assert_int_equal(b.n, 1);
	assert_true(b.boot == B);
	mark(ob, HR_JOURNAL_ACKED, B, 50, 50);
	assert_true(hr_outbox_pick(ob, 64, true, 10000, &b));
	assert_int_equal(b.n, 1);
	assert_int_equal(b.epoch, 1);
	mark(ob, HR_JOURNAL_ACKED, A, 1, 1);
	assert_false(hr_outbox_has_old(ob));
}

/* Something before the collector refuses 4, 6 and B's 50: the others go on without them. */
static void windows_aside_are_passed_over_until_they_are_back(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_outbox_batch b;
	uint32_t at = 0;

	assert_int_equal(add(ob, B, 1, 50, 50), 0);
	for (uint64_t s = 3; s <= 6; s++)
		assert_int_equal(add(ob, A, 1, s, s), 0);
	hr_outbox_aside(ob, &(struct hr_outbox_batch){.boot = A, .n = 2, .span = {{4, 4}, {6, 6}}});
	hr_outbox_aside(ob, &(struct hr_outbox_batch){.boot = B, .n = 1, .span = {{50, 50}}});
	assert_int_equal(hr_outbox_n_aside(ob), 3);
	assert_false(hr_outbox_has_old(ob));
	assert_true(hr_outbox_pick(ob, 64, false, 10000, &b));
	assert_int_equal(b.n, 2);
	assert_int_equal(b.span[0].seq_first, 3);
	assert_int_equal(b.span[1].seq_first, 5);
	assert_true(hr_outbox_pick(ob, 64, true, 10000, &b));
	assert_int_equal(b.n, 2);
	assert_int_equal(b.span[0].seq_first, 3);
	/* one after the other, round and round */
	for (int round = 0; round < 2; round++) {
		assert_true(hr_outbox_probe(ob, &at, &b) && b.boot == B && b.n == 1);
		assert_true(hr_outbox_probe(ob, &at, &b) && b.span[0].seq_first == 4);
		assert_true(hr_outbox_probe(ob, &at, &b) && b.span[0].seq_first == 6);
	}
	mark(ob, HR_JOURNAL_ACKED, A, 3, 3);
	mark(ob, HR_JOURNAL_ACKED, A, 5, 5);
	assert_false(hr_outbox_pick(ob, 64, false, 10000, &b)); /* all that is left is aside */
	hr_outbox_back(ob);
	assert_int_equal(hr_outbox_n_aside(ob), 0);
	assert_false(hr_outbox_probe(ob, &at, &b));
	assert_true(hr_outbox_has_old(ob));
	assert_true(hr_outbox_pick(ob, 64, false, 10000, &b));
	assert_int_equal(b.n, 2);
	assert_int_equal(b.span[0].seq_first, 4);
}

static void facts(struct hr_outbox *ob, uint64_t boot, uint32_t epoch, uint32_t off, int want)
{
	const struct hr_journal_record r = {
		.type = HR_JOURNAL_FACTS, .boot = boot, .epoch = epoch, .size = 50};

	assert_int_equal(hr_outbox_apply(ob, &r, off), want);
}

static void facts_stay_while_a_window_needs_them(void **state)
{
	struct hr_outbox *ob = *state;

	facts(ob, A, 1, 11, 0);
	facts(ob, A, 1, 22, 0); /* the later one holds */
	assert_int_equal(ob->live_bytes, 50);
	assert_int_equal(hr_outbox_facts_of(ob, A, 1)->off, 22);
	assert_int_equal(add(ob, A, 1, 1, 1), 0);
	facts(ob, A, 2, 33, 0);
	assert_int_equal(ob->epoch, 2);
	mark(ob, HR_JOURNAL_ACKED, A, 1, 1);
	assert_null(hr_outbox_facts_of(ob, A, 1));     /* nobody needs them */
	assert_non_null(hr_outbox_facts_of(ob, A, 2)); /* the current ones */
	assert_int_equal(ob->live_bytes, 50);
}

static void a_full_table_of_facts_refuses(void **state)
{
	struct hr_outbox *ob = *state;

	for (uint32_t e = 1; e <= HR_OUTBOX_FACTS; e++) {
		facts(ob, A, e, e, 0);
		assert_int_equal(add(ob, A, e, e, e), 0);
	}
	facts(ob, A, HR_OUTBOX_FACTS + 1, 1, -ENOSPC);
	mark(ob, HR_JOURNAL_ACKED, A, 5, 5);
	facts(ob, A, HR_OUTBOX_FACTS + 1, 1, 0);
}

static void a_full_index_refuses_but_still_merges(void **state)
{
	struct hr_outbox *ob = *state;

	for (uint64_t s = 1; s <= HR_OUTBOX_MAX; s++)
		assert_int_equal(add(ob, A, 1, s, s), 0);
	assert_int_equal(add(ob, A, 1, 5000, 5000), -ENOSPC);
	assert_int_equal(add(ob, A, 1, 6, 11), 0);
	assert_int_equal(add(ob, A, 1, 5000, 5000), 0);
}

static void the_planner_sees_age_and_frost(void **state)
{
	struct hr_outbox *ob = *state;
	struct hr_coalesce_item plan[2];

	assert_int_equal(add(ob, A, 1, 1, 1), 0); /* ended at 10 000 ms */
	assert_int_equal(add(ob, A, 1, 2, 2), 0); /* at 20 000 */
	mark(ob, HR_JOURNAL_FROZEN, A, 2, 2);
	hr_outbox_plan(ob, 15000, plan);
	assert_int_equal(plan[0].age_ns, 5000000000ULL);
	assert_false(plan[0].frozen);
	assert_int_equal(plan[1].age_ns, 0); /* the clock went back: not old */
	assert_true(plan[1].frozen);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, done)
	const struct CMUnitTest tests[] = {
		T(windows_stand_in_order_whatever_their_arrival),
		T(a_window_number_is_never_in_two_items),
		T(a_merged_window_replaces_its_parts),
		T(frozen_windows_are_never_merged),
		T(acknowledged_windows_leave_and_lost_ones_are_counted),
		T(held_windows_wait_their_turn_but_are_never_merged),
		T(the_newest_goes_first_and_those_before_it_with_it),
		T(frozen_windows_go_before_anything_and_alone),
		T(a_post_is_of_one_boot_and_one_epoch),
		T(windows_aside_are_passed_over_until_they_are_back),
		T(facts_stay_while_a_window_needs_them),
		T(a_full_table_of_facts_refuses),
		T(a_full_index_refuses_but_still_merges),
		T(the_planner_sees_age_and_frost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
