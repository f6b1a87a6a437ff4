// SPDX-License-Identifier: Apache-2.0
/* Pages of the fleet that are kept for a second, of boards made here. */
#include "tests/io/serve_world.h"

#include <poll.h>
#include <semaphore.h>

#include "collector/serve_private.h"

#define LARGE 300

static struct answer_head a;

/* A fleet of @n hosts "<mark>000", "<mark>001" ..., host i with a headroom of 1 + i / 1000. */
static void put_fleet(struct world *w, uint32_t n, char mark)
{
	struct hr_snapshot *s = hr_snapshot_new(n);

	assert_non_null(s);
	for (uint32_t i = 0; i < n; i++) {
		struct hr_fleet_row row = {.kind = i % 2 ? HR_ANSWER_YES : HR_ANSWER_NO};

		(void)snprintf(row.id, sizeof(row.id), "%032x", i);
		(void)snprintf(row.name, sizeof(row.name), "%c%03u", mark, i);
		row.headroom.has = true;
		row.headroom.at_least = (struct hr_opt){.has = true, .v = 1 + i / 1000.0};
		s->view[i] = hr_view_of_row(i + 1, &row);
		assert_non_null(s->view[i]);
		s->by_name[i] = s->by_id[i] = i;
	}
	hr_snapshot_index(s);
	hr_board_put(&w->board, s);
}

static bool first_is(const char *name)
{
	char want[64];

	(void)snprintf(want, sizeof(want), "\"hosts\":[{\"host\":\"%s\",", name);
	return strstr(body_of(&a), want) != NULL;
}

static void of_a_small_fleet_no_page_is_older_than_the_newest_answer(void **state)
{
	struct world *w = *state;

	for (char mark = 'a'; mark <= 'e'; mark++) {
		put_fleet(w, 3, mark);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(get(w, "/v1/fleet?limit=1", &a), 200);
			assert_true(first_is((char[]){mark, '0', '0', '0', '\0'}));
		}
	}
}

static void of_a_large_fleet_a_page_is_kept_and_for_a_second_at_most(void **state)
{
	struct world *w = *state;
	bool kept = false;

	/* on a busy machine a second may pass between two questions: not each time */
	for (int i = 0; i < 20 && !kept; i++) {
		put_fleet(w, LARGE, 'a');
		usleep(1100 * 1000);
		assert_int_equal(get(w, "/v1/fleet", &a), 200);
		assert_true(first_is("a000"));
		put_fleet(w, LARGE, 'b');
		assert_int_equal(get(w, "/v1/fleet", &a), 200);
		kept = first_is("a000");
	}
	assert_true(kept);
	usleep(1100 * 1000);
	assert_int_equal(get(w, "/v1/fleet", &a), 200);
	assert_true(first_is("b000"));
}

/* Four times as many questions as pages are kept, and again while they are. */
static void a_question_never_gets_the_page_of_another(void **state)
{
	struct world *w = *state;
	char path[80], name[8];

	put_fleet(w, LARGE, 'a');
	for (int i = 0; i < 3 * 32; i++) {
		(void)snprintf(path, sizeof(path), "/v1/fleet?sort=name&limit=2&cursor=%d", i % 32);
		(void)snprintf(name, sizeof(name), "a%03d", i % 32);
		assert_int_equal(get(w, path, &a), 200);
		assert_true(first_is(name));
		assert_non_null(strstr(body_of(&a), "\"matches\":300,"));
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(get(w, "/v1/fleet?limit=1", &a), 200);
		assert_non_null(strstr(body_of(&a), "\"schema\":\"headroom.fleet/1\""));
		assert_non_null(strstr(body_of(&a), "\"next\":1}"));
		assert_int_equal(get(w, "/v1/hosts?limit=1", &a), 200);
		assert_non_null(strstr(body_of(&a), "\"schema\":\"headroom.hosts/1\""));
		assert_int_equal(get(w, "/v1/fleet?limit=1&answer=yes", &a), 200);
		assert_true(first_is("a001"));
		assert_non_null(strstr(body_of(&a), "\"matches\":150,"));
		assert_int_equal(get(w, "/v1/fleet?limit=1&answer=no", &a), 200);
		assert_true(first_is("a000"));
		assert_int_equal(get(w, "/v1/fleet?limit=1&answer=resize", &a), 200);
		assert_non_null(strstr(body_of(&a), "\"matches\":0,"));
		assert_int_equal(get(w, "/v1/fleet?limit=2", &a), 200);
		assert_non_null(strstr(body_of(&a), "\"next\":2}"));
	}
}

static uint64_t made_ns(struct world *w)
{
	struct hr_lists *ls = &w->serve->lists;
	uint64_t t;

	pthread_mutex_lock(&ls->lock);
	t = ls->slot[0].list ? ls->slot[0].made_ns : 0;
	pthread_mutex_unlock(&ls->lock);
	return t;
}

static void a_page_asked_for_twice_is_made_before_it_is_asked_for_again(void **state)
{
	struct world *w = *state;
	uint64_t first;
	int waited = 0;

	put_fleet(w, LARGE, 'a');
	assert_int_equal(get(w, "/v1/fleet", &a), 200);
	assert_int_equal(get(w, "/v1/fleet", &a), 200);
	first = made_ns(w);
	assert_true(first > 0);
	while (made_ns(w) == first && waited++ < 400)
		usleep(50 * 1000);
	assert_true(made_ns(w) > first);
}

static void the_last_page_goes_to_each_client_whole(void **state)
{
	struct world *w = *state;
	size_t len;
	int fd[10];

	put_fleet(w, LARGE, 'a');
	assert_int_equal(get(w, "/v1/fleet?sort=name", &a), 200);
	len = a.body_len;
	for (int i = 0; i < 10; i++) {
		fd[i] = dial(w);
		send_text(fd[i], "GET /v1/fleet?sort=name HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (int i = 0; i < 10; i++) {
		read_answer(fd[i], false, &a);
		assert_int_equal(a.status, 200);
		assert_int_equal(a.body_len, len);
		assert_true(first_is("a000"));
		assert_non_null(strstr(body_of(&a), "\"host\":\"a299\""));
		close(fd[i]);
	}
}

/* Pages that are sent or replaced are counted no more; at the bound only a page that is kept is
 * had. */
static void texts_in_memory_are_bounded(void **state)
{
	struct world *w = *state;
	struct hr_lists *ls = &w->serve->lists;
	char path[80];

	put_fleet(w, LARGE, 'a');
	for (int i = 0; i < 3 * HR_LISTS; i++) {
		(void)snprintf(path, sizeof(path), "/v1/fleet?limit=2&cursor=%d", i);
		assert_int_equal(get(w, path, &a), 200);
	}
	/* the client may have the last byte before the server is through */
	for (int i = 0; i < 400 && atomic_load(&ls->texts) > HR_LISTS; i++)
		usleep(5 * 1000);
	assert_int_equal(atomic_load(&ls->texts), HR_LISTS);
	atomic_fetch_add(&ls->texts, HR_LIST_TEXTS - HR_LISTS); /* that so many slow readers hold */
	assert_int_equal(get(w, "/v1/fleet?limit=3", &a), 503);
	assert_non_null(strstr(a.text, "Retry-After: 2"));
	assert_int_equal(get(w, "/v1/hosts?limit=3", &a), 503);
	assert_int_equal(atomic_load(&ls->texts), HR_LIST_TEXTS);
	atomic_fetch_sub(&ls->texts, HR_LIST_TEXTS - HR_LISTS);
	assert_int_equal(get(w, "/v1/fleet?limit=3", &a), 200);
}

static sem_t busy, go_on;

static void until_told(struct hr_work *k)
{
	(void)k;
	sem_post(&busy);
	sem_wait(&go_on);
}

/* The scribe stands still: whoever asks for a page that is not kept waits, and nobody else. */
static void a_page_of_a_large_fleet_is_not_made_by_the_thread_that_acknowledges(void **state)
{
	struct hr_work hold = {.done = until_told};
	struct world *w = *state;
	struct pollfd p = {.events = POLLIN};
	unsigned status;
	int other, early;

	sem_init(&busy, 0, 0);
	sem_init(&go_on, 0, 0);
	put_fleet(w, LARGE, 'a');
	hr_scribe_submit(&w->serve->scribe, &hold);
	sem_wait(&busy);
	p.fd = dial(w);
	other = dial(w);
	send_text(p.fd, "GET /v1/fleet HTTP/1.1\r\nHost: x\r\n\r\n");
	send_text(other, "GET /v1/fleet HTTP/1.1\r\nHost: x\r\n\r\n");
	early = poll(&p, 1, 200);
	status = get(w, "/healthz", &a);
	sem_post(&go_on);
	assert_int_equal(early, 0);
	assert_int_equal(status, 200);
	for (int i = 0; i < 2; i++) {
		read_answer(i ? other : p.fd, false, &a);
		assert_int_equal(a.status, 200);
		assert_true(first_is("a000"));
	}
	close(p.fd);
	close(other);
	for (int i = 0; i < 400 && atomic_load(&w->serve->lists.texts) > 1; i++)
		usleep(5 * 1000);
	assert_int_equal(atomic_load(&w->serve->lists.texts), 1); /* one text for both */
	sem_destroy(&busy);
	sem_destroy(&go_on);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(of_a_small_fleet_no_page_is_older_than_the_newest_answer),
		T(of_a_large_fleet_a_page_is_kept_and_for_a_second_at_most),
		T(a_question_never_gets_the_page_of_another),
		T(a_page_asked_for_twice_is_made_before_it_is_asked_for_again),
		T(the_last_page_goes_to_each_client_whole),
		T(texts_in_memory_are_bounded),
		T(a_page_of_a_large_fleet_is_not_made_by_the_thread_that_acknowledges),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
