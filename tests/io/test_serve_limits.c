/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may not take: time, connections, memory; and a stop that loses nothing. */
#include "tests/io/serve_world.h"

#include "collector/listen.h"

static unsigned char body[HR_BODY_MAX];
static struct answer_head a;

static struct world *lowered(void (*change)(struct hr_serve_conf *c))
{
	struct world *w = world_new();

	if (change)
		change(&w->conf);
	world_open(w);
	return w;
}

/* Sends @text a byte every 20 ms; true when the peer closed before its end. */
static bool drip(int fd, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1)
			return true;
		if (closed_within(fd, 20))
			return true;
	}
	return false;
}

static void short_receive(struct hr_serve_conf *c)
{
	c->receive_ns = 400 * MS;
	c->idle_ns = 20 * HR_NS_PER_S;
}

static void dripping_headers_or_a_body_buys_no_time(void **state)
{
	struct world *w = lowered(short_receive);
	char text[2000];
	uint64_t t;
	int fd;

	(void)state;
	memset(text, 'x', sizeof(text));
	fd = dial(w);
	send_text(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
	t = hr_clock_mono_ns();
	assert_true(drip(fd, text, sizeof(text))); /* 40 s if nobody ended it */
	assert_true(hr_clock_mono_ns() - t < 10 * HR_NS_PER_S);
	close(fd);
	fd = dial(w);
	send_post_head(fd, sizeof(text), "");
	t = hr_clock_mono_ns();
	assert_true(drip(fd, text, sizeof(text)));
	assert_true(hr_clock_mono_ns() - t < 10 * HR_NS_PER_S);
	close(fd);
	assert_int_equal(atomic_load(&w->count.v[HR_COUNT_DEADLINES]), 2);
	world_free(w);
}

static void short_idle(struct hr_serve_conf *c)
{
	c->idle_ns = 400 * MS;
}

static void a_silent_or_half_spoken_connection_ends(void **state)
{
	struct world *w = lowered(short_idle);
	int silent = dial(w), half = dial(w), kept = dial(w);

	(void)state;
	send_text(half, "GET /hea");
	send_text(kept, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	read_answer(kept, false, &a);
	assert_int_equal(a.status, 200);
	assert_true(closed_within(silent, 10000));
	assert_true(closed_within(half, 10000));
	assert_true(closed_within(kept, 10000)); /* after its own idle time */
	close(silent);
	close(half);
	close(kept);
	world_free(w);
}

/* The writer's time is not the client's: no deadline while it holds the request. */
static void short_all(struct hr_serve_conf *c)
{
	c->receive_ns = c->idle_ns = c->send_ns = 300 * MS;
}

static void a_request_that_the_writer_holds_has_no_deadline(void **state)
{
	struct world *w = lowered(short_all);
	size_t len = make_body(1, 1, "vm-1", body);
	int fd;

	(void)state;
	gate_set(true, 0);
	fd = dial(w);
	send_post_head(fd, len, "");
	send_all(fd, body, len);
	assert_true(silent_for(fd, 1200));
	gate_set(false, 0);
	read_answer(fd, false, &a);
	assert_int_equal(a.status, 204);
	close(fd);
	world_free(w);
}

static void few_per_address(struct hr_serve_conf *c)
{
	c->per_address = 3;
}

static void one_address_has_its_share_of_connections_and_no_more(void **state)
{
	struct world *w = lowered(few_per_address);
	int fd[3], over;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fd[i] = dial(w);
		send_text(fd[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
		read_answer(fd[i], false, &a);
		assert_int_equal(a.status, 200);
	}
	over = dial(w);
	assert_true(closed_within(over, 5000));
	close(over);
	close(fd[0]);
	for (int i = 0; i < 100; i++) { /* until the server saw the close */
		if (get(w, "/healthz", &a) == 200)
			break;
		usleep(20 * 1000);
	}
	assert_int_equal(a.status, 200);
	close(fd[1]);
	close(fd[2]);
	world_free(w);
}

static void one_host_in_metrics(struct hr_serve_conf *c)
{
	c->metrics_hosts = 1;
}

/* Of three hosts one has series, all are counted, and it is said how many have none. */
static void metrics_have_series_of_so_many_hosts_and_no_more(void **state)
{
	struct world *w = lowered(one_host_in_metrics);
	unsigned n = 0;

	(void)state;
	for (uint8_t i = 1; i <= 3; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "vm-%u", i);
		assert_int_equal(post(w, body, make_body(i, 1, name, body), &a), 204);
	}
	for (int i = 0; i < 100; i++) { /* answers are made after the acknowledgement */
		get(w, "/v1/fleet", &a);
		if (strstr(body_of(&a), "\"count\":3"))
			break;
		usleep(50 * 1000);
	}
	assert_int_equal(get(w, "/metrics", &a), 200);
	assert_non_null(strstr(body_of(&a), "headroom_fleet_hosts{answer=\"unknown\"} 3\n"));
	assert_non_null(strstr(body_of(&a), "\nheadroom_collector_hosts_without_series 2\n"));
	for (const char *p = body_of(&a); (p = strstr(p, "\nheadroom_answer_info{")); p++)
		n++;
	assert_int_equal(n, 1);
	world_free(w);
}

/* 16 are under way: the board is held, so none of them is made. */
static void few_read_metrics_at_once_and_the_excess_is_told_to_come_again(void **state)
{
	struct world *w = lowered(NULL);
	unsigned refused = 0, given = 0;
	int fd[17];

	(void)state;
	pthread_mutex_lock(&w->board.lock);
	for (unsigned i = 0; i < 17; i++) {
		fd[i] = dial(w);
		send_text(fd[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	for (unsigned i = 0; i < 2000 && refused == 0; i++) /* whichever came last */
		for (unsigned k = 0; k < 17; k++)
			refused += !silent_for(fd[k], 1);
	pthread_mutex_unlock(&w->board.lock);
	assert_int_equal(refused, 1);
	refused = 0;
	for (unsigned i = 0; i < 17; i++) {
		char value[256];

		read_answer(fd[i], false, &a);
		given += a.status == 200;
		if (a.status != 503)
			continue;
		refused++;
		header(&a, "Retry-After", value);
		assert_string_equal(value, "5");
	}
	assert_int_equal(given, 16);
	assert_int_equal(refused, 1);
	for (unsigned i = 0; i < 17; i++)
		close(fd[i]);
	assert_int_equal(get(w, "/metrics", &a), 200); /* all that was counted is given back */
	world_free(w);
}

static void little_memory(struct hr_serve_conf *c)
{
	c->inflight_bytes = 1000;
}

static void bodies_in_memory_are_bounded_and_the_excess_told_to_come_again(void **state)
{
	struct world *w = lowered(little_memory);
	size_t len = make_body(1, 1, "vm-1", body);
	char value[256];
	int fd = dial(w);

	(void)state;
	assert_true(len < 300);
	send_post_head(fd, 900, ""); /* room is taken when it is announced */
	for (int i = 0; i < 200 && atomic_load(&w->count.inflight_bytes) != 900; i++)
		usleep(10 * 1000);
	assert_int_equal(post(w, body, len, &a), 503);
	header(&a, "Retry-After", value);
	assert_string_equal(value, "5");
	assert_non_null(strstr(body_of(&a), "\"reason\":\"busy\""));
	assert_int_equal(atomic_load(&w->count.v[HR_COUNT_BODIES_BUSY]), 1);
	close(fd); /* in the middle of its body */
	for (int i = 0; i < 200 && atomic_load(&w->count.inflight_bytes) != 0; i++)
		usleep(10 * 1000);
	assert_int_equal(atomic_load(&w->count.inflight_bytes), 0);
	assert_int_equal(post(w, body, len, &a), 204);
	assert_int_equal(rows_stored(w), 1);
	world_free(w);
}

static void headers_are_bounded_in_number_and_in_bytes(void **state)
{
	struct world *w = *state;
	static char text[40000];
	size_t n = (size_t)snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: x\r\n");

	for (int i = 0; i < 64; i++) /* with Host one too many */
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A%d: b\r\n", i);
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(ask_text(w, text, &a), 431);
	n = (size_t)snprintf(text, sizeof(text), "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
	memset(text + n, 'x', 20000);
	snprintf(text + n + 20000, sizeof(text) - n - 20000, "\r\n\r\n");
	ask_text(w, text, &a);
	if (a.status != 0 && a.status != 413 && a.status != 431)
		fail_msg("status %u for 20 000 bytes of header", a.status);
	assert_int_equal(get(w, "/healthz", &a), 200);
}

/* The end of the world while a POST waits for its commit: it still gets its answer. */
static void *open_gate_later(void *arg)
{
	(void)arg;
	usleep(300 * 1000);
	gate_set(false, 0);
	return NULL;
}

static void a_stop_answers_what_is_under_way_and_takes_nothing_new(void **state)
{
	struct world *w = *state;
	size_t len = make_body(1, 5, "vm-1", body);
	int held = dial(w), idle = dial(w);
	pthread_t later;

	gate_set(true, 0);
	send_text(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	read_answer(idle, false, &a);
	send_post_head(held, len, "");
	send_all(held, body, len);
	assert_true(silent_for(held, 200));
	hr_serve_quiesce(w->serve);
	len = make_body(1, 6, "", body);
	send_post_head(idle, len, "");
	send_all(idle, body, len);
	read_answer(idle, false, &a);
	assert_int_equal(a.status, 503);
	assert_int_equal(pthread_create(&later, NULL, open_gate_later, NULL), 0);
	hr_writer_stop(w->writer);
	pthread_join(later, NULL);
	read_answer(held, false, &a);
	assert_int_equal(a.status, 204);
	close(held);
	close(idle);
	atomic_store(&w->tick_stop, true);
	pthread_join(w->ticker, NULL);
	hr_serve_close(w->serve);
	w->stopped = true;
	assert_int_equal(rows_stored(w), 1);
}

static void a_taken_port_is_told_with_what_to_do(void **state)
{
	struct hr_listen l = {.host = "127.0.0.1"};
	char err[512], want[32];
	uint16_t port, other;
	int fd = hr_listen_open(&l, &port, err);

	(void)state;
	assert_true(fd >= 0);
	assert_true(port > 0);
	l.port = port;
	assert_int_equal(hr_listen_open(&l, &other, err), -EADDRINUSE);
	(void)snprintf(want, sizeof(want), "127.0.0.1 port %u", port);
	assert_non_null(strstr(err, want));
	assert_non_null(strstr(err, "choose another in listen="));
	close(fd);
}

/*
 * Hangs up at every point of a request, also while the writer holds it.  The library
 * can miss an end that comes with the last bytes (one edge for both); such a
 * connection lasts until its deadline, and no longer.
 */
static void clients_that_hang_up_leave_nothing_behind(void **state)
{
	struct world *w = lowered(short_receive);
	struct hr_rand r = hr_rand_seeded("clients_that_hang_up");
	size_t len = make_body(1, 1, "vm-1", body);

	(void)state;
	for (int i = 0; i < 60; i++) {
		int fd = dial(w);

		send_post_head(fd, len, "");
		send_all(fd, body, hr_rand_below(&r, len + 1));
		close(fd);
	}
	for (int i = 0; i < 100 && post(w, body, len, &a) != 204; i++)
		usleep(100 * 1000); /* 60 are over the limit of 50 until they are noticed */
	assert_int_equal(a.status, 204);
	assert_int_equal(rows_stored(w), 1);
	world_free(w);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dripping_headers_or_a_body_buys_no_time),
		cmocka_unit_test(a_silent_or_half_spoken_connection_ends),
		cmocka_unit_test(a_request_that_the_writer_holds_has_no_deadline),
		cmocka_unit_test(metrics_have_series_of_so_many_hosts_and_no_more),
		cmocka_unit_test(one_address_has_its_share_of_connections_and_no_more),
		cmocka_unit_test(bodies_in_memory_are_bounded_and_the_excess_told_to_come_again),
		T(few_read_metrics_at_once_and_the_excess_is_told_to_come_again),
		T(headers_are_bounded_in_number_and_in_bytes),
		T(a_stop_answers_what_is_under_way_and_takes_nothing_new),
		cmocka_unit_test(a_taken_port_is_told_with_what_to_do),
		cmocka_unit_test(clients_that_hang_up_leave_nothing_behind),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
