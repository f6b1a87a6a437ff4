/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole collector in the test's process: store in memory, writer, HTTP server on
 * a free loopback port, and a client of raw sockets.  The store's commit waits at a
 * gate that the test opens, and fails when it is told to.
 */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector/serve.h"
#include "collector/store.h"
#include "collector/writer.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/num.h"
#include "proto/units.h"
#include "proto/wire.h"

#define MS HR_NS_PER_MS

struct world {
	struct hr_store *store;
	struct hr_counters count;
	struct hr_board board;
	struct hr_writer *writer;
	struct hr_serve_conf conf;
	struct hr_serve *serve;
	uint16_t port;
	bool stopped;
	char page[64];
	pthread_t ticker;
	atomic_bool tick_stop;
};

/* --- the gate --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool closed;
	int fail_with; /* enum hr_store_result; 0 none */
	unsigned commits;
	int (*commit)(struct hr_store *s);
	struct hr_store_ops ops;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static inline int gated_commit(struct hr_store *s)
{
	int r;

	pthread_mutex_lock(&gate.lock);
	while (gate.closed)
		pthread_cond_wait(&gate.moved, &gate.lock);
	r = gate.fail_with;
	if (r == 0)
		r = gate.commit(s);
	else
		(void)snprintf(s->error, sizeof(s->error), "made to fail");
	gate.commits++;
	pthread_mutex_unlock(&gate.lock);
	return r;
}

static inline void gate_set(bool closed, int fail_with)
{
	pthread_mutex_lock(&gate.lock);
	gate.closed = closed;
	gate.fail_with = fail_with;
	pthread_cond_broadcast(&gate.moved);
	pthread_mutex_unlock(&gate.lock);
}

/* --- the world --- */

static inline void *run_ticker(void *arg)
{
	struct world *w = arg;

	while (!atomic_load(&w->tick_stop)) {
		usleep(20 * 1000);
		hr_serve_tick(w->serve);
	}
	return NULL;
}

/* Generous times and limits; a test lowers the one it is about before world_open(). */
static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->conf = (struct hr_serve_conf){.listen = {{.host = "127.0.0.1"}},
		.n_listen = 1,
		.connections = 100,
		.per_address = 50,
		.metrics_hosts = 100,
		.inflight_bytes = 1 << 20,
		.idle_ns = 20 * HR_NS_PER_S,
		.receive_ns = 20 * HR_NS_PER_S,
		.send_ns = 20 * HR_NS_PER_S,
		.page_dir = w->page};
	(void)snprintf(w->page, sizeof(w->page), "/tmp/hr-page-XXXXXX");
	assert_non_null(mkdtemp(w->page));
	return w;
}

static inline void world_open(struct world *w)
{
	struct hr_writer_conf wc = {.max_hosts = 100,
		.backlog = 30,
		.group_ns = 2 * MS,
		.period_ns = 10 * HR_NS_PER_S,
		.windows_ms = 86400000,
		.five_min_ms = 14 * 86400000ULL,
		.hours_ms = 730 * 86400000ULL,
		.save_ns = 3600 * HR_NS_PER_S,
		.answer_ns = 0};
	char err[HR_SERVE_ERROR_LEN];

	hr_log_init("test", HR_LOG_ERR);
	hr_model_conf_default(&wc.model);
	gate_set(false, 0);
	w->store = hr_store_mem_open();
	gate.ops = *w->store->ops;
	gate.commit = gate.ops.commit;
	gate.ops.commit = gated_commit;
	w->store->ops = &gate.ops;
	assert_int_equal(hr_board_init(&w->board), 0);
	w->writer = hr_writer_open(&wc, w->store, &w->count, &w->board, err);
	assert_non_null(w->writer);
	w->serve = hr_serve_open(&w->conf, w->writer, &w->count, &w->board, err);
	if (!w->serve)
		fail_msg("%s", err);
	assert_int_equal(hr_writer_start(w->writer), 0);
	w->port = hr_serve_port(w->serve, 0);
	assert_int_equal(pthread_create(&w->ticker, NULL, run_ticker, w), 0);
}

static inline void world_stop(struct world *w)
{
	if (w->stopped)
		return;
	w->stopped = true;
	gate_set(false, 0);
	hr_serve_quiesce(w->serve);
	hr_writer_stop(w->writer);
	atomic_store(&w->tick_stop, true);
	pthread_join(w->ticker, NULL);
	hr_serve_close(w->serve);
	/* nothing may be left behind by whatever the clients did */
	assert_int_equal(atomic_load(&w->count.inflight_bytes), 0);
	assert_int_equal(atomic_load(&w->count.connections), 0);
}

static inline void world_free(struct world *w)
{
	char cmd[128];

	world_stop(w);
	hr_writer_close(w->writer);
	hr_board_done(&w->board);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->page);
	assert_int_equal(system(cmd), 0);
	free(w);
}

static inline int world_setup(void **state)
{
	struct world *w = world_new();

	world_open(w);
	*state = w;
	return 0;
}

static inline int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

/* --- the client --- */

struct answer_head {
	unsigned status; /* 0: closed without an answer */
	size_t head_len, body_len;
	char text[1 << 20]; /* head and body, NUL-terminated */
	size_t len;
};

static inline int dial(const struct world *w)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(w->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval t = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	return fd;
}

static inline void send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return; /* the answer tells why */
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

static inline void send_text(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
}

/* Value of a header of the answer into @to; "" when it is not there. */
static inline void header(const struct answer_head *a, const char *name, char to[256])
{
	char want[64];
	const char *p;

	to[0] = '\0';
	(void)snprintf(want, sizeof(want), "\r\n%s: ", name);
	p = strstr(a->text, want);
	if (p && p < a->text + a->head_len) {
		p += strlen(want);
		(void)snprintf(to, 256, "%.*s", (int)strcspn(p, "\r"), p);
	}
}

/* Reads one answer; @head: it is one to HEAD and has no body. */
static inline void read_answer(int fd, bool head, struct answer_head *a)
{
	char *end = NULL, length[256];
	uint64_t value = 0;

	memset(a, 0, offsetof(struct answer_head, text));
	a->len = 0;
	a->text[0] = '\0';
	/* byte by byte: what follows belongs to the next answer */
	while (!end && a->len < sizeof(a->text) - 1) {
		ssize_t n = recv(fd, a->text + a->len, 1, 0);

		if (n <= 0)
			return;
		a->text[++a->len] = '\0';
		end = a->len >= 4 && strcmp(a->text + a->len - 4, "\r\n\r\n") == 0 ? a->text : NULL;
	}
	a->head_len = a->len;
	assert_true(a->len > 12 && hr_num_u64_n(a->text + strlen("HTTP/1.1 "), 3, &value));
	a->status = (unsigned)value;
	header(a, "Content-Length", length);
	value = 0;
	if (!head && a->status != 204 && a->status != 100 && length[0])
		assert_true(hr_num_u64(length, 0, sizeof(a->text), &value));
	a->body_len = (size_t)value;
	assert_true(a->head_len + a->body_len < sizeof(a->text));
	while (a->len < a->head_len + a->body_len) {
		ssize_t n = recv(fd, a->text + a->len, a->head_len + a->body_len - a->len, 0);

		if (n <= 0)
			break;
		a->len += (size_t)n;
		a->text[a->len] = '\0';
	}
}

static inline const char *body_of(const struct answer_head *a)
{
	return a->text + a->head_len;
}

/* True when the peer has closed (or resets); false when it is still there after @ms. */
static inline bool closed_within(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static inline bool silent_for(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 0;
}

static inline unsigned ask_text(struct world *w, const char *request, struct answer_head *a)
{
	int fd = dial(w);

	send_text(fd, request);
	read_answer(fd, strncmp(request, "HEAD", 4) == 0, a);
	close(fd);
	return a->status;
}

static inline unsigned get(struct world *w, const char *path, struct answer_head *a)
{
	char request[512];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	return ask_text(w, request, a);
}

/* --- bodies --- */

/* A body with window @seq of host @host (every byte of its id), @name in its facts ("" none). */
static inline size_t make_body(
	unsigned char host, uint64_t seq, const char *name, unsigned char *body)
{
	static struct hr_summary s;
	static unsigned char one[HR_BODY_MAX];
	struct hr_wire_builder b;
	struct hr_facts f = {.epoch = 1, .cpus_online = 2, .cpus_possible = 2};
	uint8_t id[HR_HOST_ID_LEN];
	size_t len;

	memset(id, host, sizeof(id));
	assert_true(hr_wire_batch_begin(&b, body, HR_BODY_MAX, id, 0xb007));
	if (name[0]) {
		(void)snprintf(f.name, sizeof(f.name), "%s", name);
		len = hr_wire_encode_facts(&f, one, sizeof(one));
		assert_true(len > 0 && hr_wire_batch_facts(&b, one, len));
	}
	memset(&s, 0, sizeof(s));
	s.seq_first = s.seq_last = seq;
	s.t_end_ms = hr_clock_wall_ms() - 3600000 + seq * 10000;
	s.dur_ms = 10000;
	s.epoch = 1;
	s.cpus = 2;
	s.have = HR_SIG_BIT(HR_SIG_CPU_STAT);
	s.ctr[HR_CTR_STAT_USER_MS] = 5000; /* half a core for 10 s */
	len = hr_wire_encode_summary(&s, one, sizeof(one));
	assert_true(len > 0 && hr_wire_batch_add(&b, one, len));
	return b.len;
}

static inline void send_post_head(int fd, size_t len, const char *extra)
{
	char head[512];

	(void)snprintf(head, sizeof(head),
		"POST /v1/summaries HTTP/1.1\r\nHost: x\r\n"
		"Content-Type: application/x-protobuf\r\nContent-Length: %zu\r\n%s\r\n",
		len, extra);
	send_text(fd, head);
}

static inline unsigned post(struct world *w, const void *body, size_t len, struct answer_head *a)
{
	int fd = dial(w);

	send_post_head(fd, len, "");
	send_all(fd, body, len);
	read_answer(fd, false, a);
	close(fd);
	return a->status;
}

/* Rows of the store; only while the writer is stopped. */
static inline int count_row(void *arg, const struct hr_store_row *r)
{
	unsigned *n = arg;

	(void)r;
	(*n)++;
	return 0;
}

static inline unsigned rows_stored(struct world *w)
{
	unsigned n = 0;

	world_stop(w);
	assert_int_equal(w->store->ops->range(w->store, 0, 0, HR_STORE_SLOT_MAX, count_row, &n), 0);
	return n;
}
