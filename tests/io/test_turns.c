/* SPDX-License-Identifier: Apache-2.0 */
/* Models that do not fit in memory, against the same windows fed to models that stay there. */
#include <sqlite3.h>

#include "tests/io/turns_world.h"

static void models_in_turn_learn_what_models_in_memory_learn(void **state)
{
	struct world *t = *state;
	uint64_t seq[HOSTS] = {0};

	for (uint64_t k = 0; k < 60; k++) {
		for (uint8_t h = 0; h < HOSTS; h++) {
			/* in order of time, but for some that come hours late; one host reboots */
			uint64_t at = hr_rand_below(&t->r, 20) ? k * 10000
							       : hr_rand_below(&t->r, k + 1) * 9973;

			send(t, (uint8_t)(h + 1), seq[h]++, at + h * 700,
				k == 0 || (h == 1 && k % 50 == 9));
		}
		if (hr_rand_below(&t->r, 8) == 0)
			hr_writer_turns(t->cold.w);
		if (k % 20 == 19) {
			assert_same(t);
			restart(&t->cold); /* crashes: nothing is saved at the end */
			assert_same(t);
		}
	}
	assert_true(t->cold.turns > 0);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_STATES_LOST]), 0);
	assert_int_equal(t->cold.w->hot_bytes, 0);
}

static void a_start_shows_the_last_answers_before_it_reads_a_model(void **state)
{
	struct world *t = *state;
	unsigned char before[HR_FLEET_ROW_MAX], after[HR_FLEET_ROW_MAX]; /* rows without padding */
	struct hr_fleet_row was;
	size_t len;

	for (uint64_t k = 0; k < 12; k++)
		send(t, 1, k, k * 10000, k == 0);
	hr_writer_turns(t->cold.w);
	assert_non_null(t->cold.w->hosts.by_no[0]->view);
	assert_null(t->cold.w->hosts.by_no[0]->view->packed);
	was = t->cold.w->hosts.by_no[0]->view->row;
	assert_string_equal(was.name, "vm-1");
	hr_writer_close(t->cold.w);
	open_side(&t->cold);
	assert_int_equal(t->cold.board.current->n, 1);
	len = hr_fleet_row_put(&was, before);
	assert_int_equal(hr_fleet_row_put(&t->cold.board.current->view[0]->row, after), len);
	assert_memory_equal(after, before, len);
	assert_string_equal(t->cold.board.current->view[0]->row.id, was.id);
	assert_string_equal(t->cold.board.current->view[0]->row.name, was.name);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_REPLAYED]), 0);
}

static void a_state_that_is_damaged_is_made_anew_from_the_stored_windows(void **state)
{
	struct world *t = *state;
	sqlite3 *db;

	for (uint64_t k = 0; k < 30; k++)
		send(t, 1, k, k * 10000, k == 0);
	hr_writer_turns(t->cold.w);
	assert_int_equal(t->cold.w->hosts.by_no[0]->cold.n_slots, 0);
	hr_writer_close(t->cold.w);
	assert_int_equal(sqlite3_open(t->cold.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE state SET body=x'00'", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	open_side(&t->cold);
	while (t->cold.w->scan_n)
		hr_writer_turns(t->cold.w);
	send(t, 1, 30, 300000, false);
	assert_same(t);
	hr_writer_turns(t->cold.w);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_STATES_LOST]), 1);
	assert_same(t);
}

/* As after an update of the program: of a day of windows that took a second for each host. */
static void a_start_does_not_wait_for_models_whose_state_cannot_be_read(void **state)
{
	static uint8_t a[1 << 20], b[1 << 20];
	struct world *t = *state;
	struct hr_host *host;
	sqlite3 *db;
	size_t len;

	for (uint64_t k = 0; k < 30; k++) {
		send(t, 1, k, k * 10000, k == 0);
		send(t, 2, k, k * 10000, k == 0);
	}
	for (int i = 0; i < 4; i++)
		hr_writer_turns(t->cold.w);
	hr_writer_close(t->cold.w);
	assert_int_equal(sqlite3_open(t->cold.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE state SET body=x'00' WHERE host=1", NULL, NULL, NULL), 0);
	sqlite3_close(db);
	t->cold.conf.model_bytes = 0; /* there is room for all */
	open_side(&t->cold);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_REPLAYED]), 0);
	assert_int_equal(t->cold.board.current->n, 2); /* the answers it had */
	host = t->cold.w->hosts.by_no[0];
	assert_true(host->cold.is && host->view);
	assert_false(t->cold.w->hosts.by_no[1]->cold.is);
	while (t->cold.w->scan_n)
		hr_writer_turns(t->cold.w);
	send(t, 1, 30, 300000, false);
	send(t, 2, 30, 300000, false);
	hr_writer_turns(t->cold.w);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_STATES_LOST]), 1);
	for (uint32_t i = 0; i < 2; i++) { /* and both are in memory again */
		host = t->cold.w->hosts.by_no[i];
		assert_false(host->cold.is);
		/* an answer notes the serial thread of the open minute, and each had its last at
		 * another window */
		hr_view_unref(hr_writer_view(
			t->kept.w, t->kept.w->hosts.by_no[i], t->kept.w->hosts.by_no[i]->vm, true));
		hr_view_unref(hr_writer_view(t->cold.w, host, host->vm, true));
		len = hr_vm_encode(t->kept.w->hosts.by_no[i]->vm, a, sizeof(a));
		assert_int_equal(hr_vm_encode(host->vm, b, sizeof(b)), len);
		assert_memory_equal(a, b, len);
	}
}

/* More of them than a cold host remembers the numbers of, and each is another machine. */
static void facts_that_came_often_between_two_turns_are_all_learned(void **state)
{
	struct world *t = *state;
	struct hr_facts f;

	hr_sample_facts(&f);
	for (uint64_t k = 0; k < 4 * HR_PENDING_MAX; k++) {
		f.cpus_online = 2 + (uint32_t)(k % 3);
		f.mem_total_bytes = (1 + k) << 30;
		t->facts_len = hr_wire_encode_facts(&f, t->facts, sizeof(t->facts));
		send(t, 1, k, k * 10000, true);
		send(t, 2, k, k * 10000, k == 0);
	}
	assert_true(t->cold.w->hosts.by_no[0]->cold.facts_many);
	assert_same(t);
	restart(&t->cold);
	assert_same(t);
	for (int i = 0; i < 3 && t->cold.w->hosts.by_no[0]->cold.facts_many; i++)
		hr_writer_turns(t->cold.w); /* a host at least in each */
	assert_false(t->cold.w->hosts.by_no[0]->cold.facts_many);
	assert_same(t);
}

static struct {
	const struct hr_store_ops *real;
	unsigned transactions, read, read_outside;
	bool open, broken;
} watched;

static int watch_begin(struct hr_store *s)
{
	watched.transactions++;
	watched.open = true;
	return watched.real->begin_lazy(s);
}

static int watch_commit(struct hr_store *s)
{
	watched.open = false;
	return watched.real->commit(s);
}

static int watch_state(struct hr_store *s, uint32_t host_no, hr_store_state_fn fn, void *arg)
{
	watched.read++;
	watched.read_outside += !watched.open;
	return watched.broken ? HR_STORE_BUSY : watched.real->state(s, host_no, fn, arg);
}

/* Each read outside one takes the file's locks by itself. */
static void hosts_whose_turns_come_together_are_read_in_the_transaction_that_saves_them(
	void **state)
{
	struct world *t = *state;
	struct hr_store *store = t->cold.w->store;
	struct hr_store_ops ops = *store->ops;

	watched.real = store->ops;
	ops.begin_lazy = watch_begin;
	ops.commit = watch_commit;
	ops.state = watch_state;
	for (uint8_t h = 1; h <= HOSTS; h++)
		send(t, h, 1, 10000, true);
	store->ops = &ops;
	watched.broken = true;
	hr_writer_turns(t->cold.w);
	assert_int_equal(watched.read, 1);
	watched.broken = watched.open = false;
	watched.transactions = watched.read = 0;
	for (int i = 0; i < HOSTS && watched.read < HOSTS; i++) /* nothing is left open */
		hr_writer_turns(t->cold.w);
	assert_int_equal(watched.read, HOSTS);
	assert_int_equal(watched.read_outside, 0);
	assert_in_range(watched.transactions, 1, HOSTS);
	store->ops = watched.real;
	assert_same(t);
}

static int slow_put(struct hr_store *s, const struct hr_store_state *v)
{
	usleep(11000);
	return watched.real->put_state(s, v);
}

/* A window of each host, and a store of @s from then on that is slow to put a state. */
static void send_to_slow(struct world *t, struct side *s, struct hr_store_ops *ops)
{
	for (uint8_t h = 1; h <= HOSTS; h++)
		send(t, h, 1, 10000, true);
	watched.real = s->w->store->ops;
	*ops = *watched.real;
	ops->put_state = slow_put;
	s->w->store->ops = ops;
}

static uint64_t states_saved(struct side *s)
{
	return atomic_load(&s->count.v[HR_COUNT_STATES_SAVED]);
}

/* A state that is slow to be put delays the next group as one that is slow to be read. */
static void what_is_put_counts_in_the_time_of_a_pass(void **state)
{
	struct world *t = *state;
	struct hr_store_ops ops;

	send_to_slow(t, &t->cold, &ops);
	for (uint64_t i = 1; i <= HOSTS; i++) {
		hr_writer_turns(t->cold.w);
		assert_int_equal(states_saved(&t->cold), i);
	}
	t->cold.w->store->ops = watched.real;
	assert_same(t);
}

/* The same of models that stay in memory and are due to be saved, one look for each. */
static void what_is_saved_counts_in_the_time_of_a_pass(void **state)
{
	struct world *t = *state;
	struct hr_store_ops ops;

	send_to_slow(t, &t->kept, &ops);
	t->kept.w->conf.save_ns = 0;
	for (uint64_t i = 1; i <= HOSTS; i++) {
		hr_writer_upkeep(t->kept.w);
		assert_int_equal(states_saved(&t->kept), i);
	}
	for (uint32_t i = 0; i < HOSTS; i++)
		assert_int_equal(t->kept.w->hosts.by_no[i]->unsaved_n, 0);
	t->kept.w->store->ops = watched.real;
}

static int put_twice(struct hr_store *s, const struct hr_store_state *v)
{
	return watched.read++ == 1 ? HR_STORE_FULL : watched.real->put_state(s, v);
}

/* A disk that is full amid a pass: the turns before it are undone with it, and are had again. */
static void a_state_that_cannot_be_put_undoes_the_turns_of_its_pass(void **state)
{
	struct world *t = *state;
	struct hr_store *store = t->cold.w->store;
	struct hr_store_ops ops = *store->ops;

	watched.real = store->ops;
	watched.read = 0;
	ops.put_state = put_twice;
	for (uint8_t h = 1; h <= HOSTS; h++)
		send(t, h, 1, 10000, true);
	store->ops = &ops;
	for (int i = 0; i < HOSTS && watched.read < 2; i++)
		hr_writer_turns(t->cold.w);
	assert_true(watched.read == 2);
	assert_int_equal(hr_writer_state(t->cold.w), HR_WRITER_DISK_FULL);
	store->ops = watched.real;
	assert_same(t);
	for (int i = 0; i < 2 * HOSTS; i++)
		hr_writer_turns(t->cold.w);
	for (uint32_t i = 0; i < HOSTS; i++) {
		assert_int_equal(t->cold.w->hosts.by_no[i]->unsaved_n, 0);
		assert_non_null(t->cold.w->hosts.by_no[i]->view);
	}
	assert_same(t);
}

/* store.h: all four calls or none; a limit of models means nothing then. */
static void a_store_that_gives_no_single_state_keeps_every_model(void **state)
{
	struct world *t = *state;
	struct hr_store *store = hr_store_mem_open();
	struct hr_store_ops bare;
	char error[HR_STORE_ERROR_LEN];

	assert_non_null(store);
	bare = *store->ops;
	bare.state = NULL;
	bare.journal_heads = NULL;
	bare.put_view = NULL;
	bare.views = NULL;
	store->ops = &bare;
	hr_writer_close(t->cold.w);
	memset(&t->cold.count, 0, sizeof(t->cold.count));
	t->cold.w = hr_writer_open(&t->cold.conf, store, &t->cold.count, &t->cold.board, error);
	assert_non_null(t->cold.w);
	for (uint64_t k = 0; k < 12; k++) {
		send(t, 1, k, k * 10000, k == 0);
		hr_writer_upkeep(t->cold.w);
	}
	assert_false(t->cold.w->hosts.by_no[0]->cold.is);
	assert_non_null(t->cold.w->hosts.by_no[0]->vm);
	hr_writer_close(t->cold.w); /* while the calls are there */
	open_side(&t->cold);
}

static void every_waiting_slot_lies_in_exactly_one_range(void **state)
{
	struct world *t = *state;

	for (int round = 0; round < 300; round++) {
		struct hr_host h = {.no = 1};
		bool noted[64] = {false};

		for (uint64_t n = 1; n <= 24; n++) {
			uint32_t slot = 10 + (uint32_t)hr_rand_below(&t->r, 50);

			noted[slot] = true;
			hr_turn_note_row(&h, n, slot, &(struct hr_strain){0});
			assert_true(h.cold.n_slots <= HR_PENDING_MAX);
			assert_int_equal(h.unsaved_n, 1);
			for (uint32_t s = 0; s < 64; s++) {
				unsigned in = 0;

				for (unsigned i = 0; i < h.cold.n_slots; i++)
					in += h.cold.slots[i].lo <= s && s <= h.cold.slots[i].hi;
				assert_true(noted[s] ? in == 1 : in <= 1);
			}
		}
	}
}

/* Ten thousand post each 10 s, more of them less often. */
static void agents_of_a_large_fleet_are_told_a_longer_period(void **state)
{
	struct world *t = *state;
	struct hr_hosts *h = &t->cold.w->hosts; /* that of the last answer */
	uint8_t id[HR_HOST_ID_LEN] = {255};

	send(t, 1, 0, 0, true);
	assert_non_null(strstr(t->post.ack, "; period=10000; "));
	for (uint32_t i = 0; h->n < 10001; i++) {
		id[14] = (uint8_t)(i >> 8);
		id[15] = (uint8_t)i;
		assert_non_null(hr_hosts_add(h, id, 0));
	}
	send(t, 1, 1, 10000, false);
	assert_non_null(strstr(t->post.ack, "; period=20000; "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			models_in_turn_learn_what_models_in_memory_learn, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_start_shows_the_last_answers_before_it_reads_a_model, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_state_that_is_damaged_is_made_anew_from_the_stored_windows, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_start_does_not_wait_for_models_whose_state_cannot_be_read, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			facts_that_came_often_between_two_turns_are_all_learned, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hosts_whose_turns_come_together_are_read_in_the_transaction_that_saves_them,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_put_counts_in_the_time_of_a_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_saved_counts_in_the_time_of_a_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_state_that_cannot_be_put_undoes_the_turns_of_its_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_store_that_gives_no_single_state_keeps_every_model, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_waiting_slot_lies_in_exactly_one_range, setup, teardown),
		cmocka_unit_test_setup_teardown(
			agents_of_a_large_fleet_are_told_a_longer_period, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
