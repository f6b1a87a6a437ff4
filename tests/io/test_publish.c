/* SPDX-License-Identifier: Apache-2.0 */
/* The list of the fleet, made in slices while hosts come, are renamed and go. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define HOSTS 5000

static uint64_t now_ns = 1000 * HR_NS_PER_S;

/* Each look at the clock finds it a millisecond later, so a slice ends after two or three. */
uint64_t hr_clock_mono_ns(void)
{
	return now_ns += HR_NS_PER_MS;
}

uint64_t hr_clock_wall_ms(void)
{
	return 1800000000000 + hr_ns_to_ms(now_ns);
}

static struct {
	struct hr_counters count;
	struct hr_board board;
	struct hr_writer *w;
	struct hr_rand r;
} t;

static void name_of(char to[HR_NAME_LEN])
{
	(void)snprintf(to, HR_NAME_LEN, "vm-%06u", (unsigned)hr_rand_below(&t.r, 1000000));
}

static void show(struct hr_host *host)
{
	struct hr_fleet_row row = {.kind = HR_ANSWER_YES};
	struct hr_view *v;

	for (unsigned i = 0; i < HR_HOST_ID_LEN; i++)
		(void)snprintf(row.id + (size_t)2 * i, 3, "%02x", host->id[i]);
	memcpy(row.name, host->name, sizeof(host->name));
	v = hr_view_of_row(host->no, &row);
	assert_non_null(v);
	hr_orders_show(&t.w->orders, host, v);
	t.w->views_changed = true;
}

static struct hr_host *add(void)
{
	uint8_t id[HR_HOST_ID_LEN];
	struct hr_host *host;

	for (unsigned i = 0; i < HR_HOST_ID_LEN; i++)
		id[i] = (uint8_t)hr_rand_u64(&t.r);
	host = hr_hosts_add(&t.w->hosts, id, 0);
	assert_non_null(host);
	host->is_stored = true;
	name_of(host->name);
	return host;
}

static struct hr_host *any(void)
{
	return t.w->hosts.by_no[hr_rand_below(&t.r, t.w->hosts.n)];
}

/* As facts do; every other host's answer comes later, so the fleet shows the old name meanwhile. */
static void rename_one(void)
{
	struct hr_host *host = any();
	char name[HR_NAME_LEN];

	name_of(name);
	host->cold.is = host->no % 2 == 0;
	hr_writer_rename(t.w, host, name);
}

static int setup(void **state)
{
	struct hr_writer_conf conf = {.max_hosts = 3 * HOSTS, .model_bytes = 1};
	char error[HR_STORE_ERROR_LEN];

	(void)state;
	memset(&t, 0, sizeof(t));
	t.r = hr_rand_seeded("publish");
	hr_log_init("test", HR_LOG_ERR);
	hr_model_conf_default(&conf.model);
	assert_int_equal(hr_board_init(&t.board), 0);
	t.w = hr_writer_open(&conf, hr_store_mem_open(), &t.count, &t.board, error);
	assert_non_null(t.w);
	for (unsigned i = 0; i < HOSTS; i++)
		show(add());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hr_writer_close(t.w);
	hr_board_done(&t.board);
	return 0;
}

/* All who had a view when it was begun are in it once, in both orders, and counted. */
static void assert_whole(uint32_t n)
{
	const struct hr_snapshot *s = t.board.current;
	const struct hr_fleet_row *row, *before = NULL;

	assert_int_equal(s->n, n);
	assert_int_equal(s->fleet.n, n);
	for (uint32_t i = 1; i < n; i++)
		assert_true(s->view[i - 1]->no < s->view[i]->no);
	for (uint32_t i = 0; i < n; i++, before = row) {
		row = &s->view[s->by_name[i]]->row;
		if (before)
			assert_true(strcmp(before->name, row->name) < 0 ||
				    (strcmp(before->name, row->name) == 0 &&
					    strcmp(before->id, row->id) < 0));
	}
	for (uint32_t i = 1; i < n; i++)
		assert_true(
			strcmp(s->view[s->by_id[i - 1]]->row.id, s->view[s->by_id[i]]->row.id) < 0);
}

/* Whoever is shown is found by name, whatever others are called since. */
static void assert_found(void)
{
	const struct hr_snapshot *s = t.board.current;
	struct hr_view *v;

	for (uint32_t i = 0; i < s->n; i++) {
		assert_true(hr_snapshot_find(s, s->view[i]->row.name, &v) != HR_FIND_NONE);
		assert_int_equal(hr_snapshot_find(s, s->view[i]->row.id, &v), HR_FIND_ONE);
	}
}

/* Passes until another list is on the board; @meanwhile is done between each two of them. */
static unsigned passes(void (*meanwhile)(void))
{
	uint64_t serial = t.board.serial;
	unsigned n = 0;

	for (; n < 10000 && t.board.serial == serial; n++) {
		(void)hr_writer_list(t.w);
		if (meanwhile)
			meanwhile();
	}
	assert_true(t.board.serial > serial);
	return n;
}

static void a_pass_makes_a_part_of_the_list_that_does_not_grow_with_the_fleet(void **state)
{
	uint64_t begin = now_ns, longest = 0, serial;

	(void)state;
	serial = t.board.serial;
	for (int i = 0; i < 10000 && (t.board.serial == serial || t.w->list.old); i++) {
		begin = now_ns;
		(void)hr_writer_list(t.w);
		longest = now_ns - begin > longest ? now_ns - begin : longest;
	}
	assert_whole(HOSTS);
	assert_null(t.w->list.old);
	/* looks at the clock, with 256 hosts between two of them */
	assert_in_range(longest, 1, 5 * HR_NS_PER_MS);
	show(any());
	assert_in_range(passes(NULL), 20, 10000);
	assert_whole(HOSTS);
}

static void the_list_of_a_small_fleet_is_there_at_once(void **state)
{
	(void)state;
	while (t.w->hosts.n > 1000)
		hr_writer_drop_host(t.w, t.w->hosts.by_no[t.w->hosts.n - 1]);
	assert_int_equal(passes(NULL), 1);
	assert_whole(1000);
	show(any());
	assert_int_equal(passes(NULL), 1);
}

static void come(void)
{
	show(add());
	(void)add(); /* without an answer yet */
}

static void hosts_that_come_meanwhile_wait_for_the_next_list(void **state)
{
	uint32_t shown = HOSTS;

	(void)state;
	now_ns += HR_NS_PER_S; /* it is begun at once */
	(void)passes(come);
	assert_whole(HOSTS);
	for (uint32_t i = HOSTS; i < t.w->hosts.n; i++)
		shown += t.w->hosts.by_no[i]->view != NULL;
	assert_true(shown > HOSTS);
	(void)passes(NULL);
	assert_whole(shown);
}

static void now_and_then(void)
{
	if (hr_rand_below(&t.r, 40) == 0)
		rename_one();
	if (hr_rand_below(&t.r, 40) == 0)
		hr_writer_drop_host(t.w, any());
	if (hr_rand_below(&t.r, 40) == 0)
		show(add());
	show(any());
}

static void a_list_is_right_whatever_happened_while_it_was_made(void **state)
{
	uint32_t least = UINT32_MAX;

	(void)state;
	for (int i = 0; i < 40; i++) {
		(void)passes(now_and_then);
		assert_whole(t.board.current->n);
		assert_found();
		least = t.board.current->n < least ? t.board.current->n : least;
	}
	assert_true(least > HOSTS / 2);
	now_ns += HR_NS_PER_S;
	(void)passes(NULL);
	assert_whole(t.w->hosts.n);
}

static void hosts_renamed_all_the_time_do_not_keep_a_list_from_being_made(void **state)
{
	(void)state;
	(void)passes(NULL);
	for (int i = 0; i < 3; i++)
		assert_in_range(passes(rename_one), 1, 1000);
	assert_whole(HOSTS);
}

static void the_new_name_of_a_host_is_shown_with_its_answer_and_of_a_cold_one_at_once(void **state)
{
	struct hr_host *hot, *cold;
	struct hr_view *v;

	(void)state;
	(void)passes(NULL);
	hot = t.w->hosts.by_no[17];
	cold = t.w->hosts.by_no[18];
	cold->cold.is = true;
	hr_writer_rename(t.w, hot, "zz-hot");
	hr_writer_rename(t.w, cold, "aa-cold");
	now_ns += HR_NS_PER_S;
	(void)passes(NULL);
	assert_whole(HOSTS);
	assert_int_equal(hr_snapshot_find(t.board.current, "aa-cold", &v), HR_FIND_ONE);
	assert_int_equal(v->no, cold->no);
	assert_int_equal(hr_snapshot_find(t.board.current, "zz-hot", &v), HR_FIND_NONE);
	show(hot);
	now_ns += HR_NS_PER_S;
	(void)passes(NULL);
	assert_whole(HOSTS);
	assert_int_equal(hr_snapshot_find(t.board.current, "zz-hot", &v), HR_FIND_ONE);
}

static void a_list_that_somebody_reads_stays_until_he_is_through(void **state)
{
	struct hr_snapshot *s;

	(void)state;
	(void)passes(NULL);
	s = hr_board_get(&t.board);
	show(any());
	(void)passes(NULL);
	for (int i = 0; i < 100; i++)
		(void)hr_writer_list(t.w);
	assert_ptr_equal(t.w->list.old, s);
	for (uint32_t i = 0; i < s->n; i++)
		assert_int_equal(s->view[i]->no, i + 1);
	hr_snapshot_unref(s);
	for (int i = 0; i < 100; i++)
		(void)hr_writer_list(t.w);
	assert_null(t.w->list.old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_pass_makes_a_part_of_the_list_that_does_not_grow_with_the_fleet, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			the_list_of_a_small_fleet_is_there_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hosts_that_come_meanwhile_wait_for_the_next_list, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_is_right_whatever_happened_while_it_was_made, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hosts_renamed_all_the_time_do_not_keep_a_list_from_being_made, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			the_new_name_of_a_host_is_shown_with_its_answer_and_of_a_cold_one_at_once,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_that_somebody_reads_stays_until_he_is_through, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
