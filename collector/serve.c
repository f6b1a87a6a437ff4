// SPDX-License-Identifier: Apache-2.0
/*
 * Connections and requests.  libmicrohttpd's own timeout counts from the last byte,
 * so a peer that drips one byte a second would live for ever: each connection here
 * carries an absolute deadline for its phase, and the main thread's tick shuts the
 * socket down when it is over; the library then closes it.  It also ends connections
 * whose close the library (0.9.75, edge-triggered epoll) missed because it came
 * together with data.
 *
 * A request that is refused before its body was read is answered after the body is
 * thrown away, as far as that is small: closing a socket with unread bytes makes
 * the kernel send a reset, which overtakes the answer.  Where the length itself is
 * in doubt, the answer goes out at once and the connection ends: what follows must
 * never be taken for a second request.
 */
#include "collector/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "collector/listen.h"
#include "collector/serve_private.h"
#include "collector/tls.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define CONN_MEMORY       8192         /* request line, headers and a piece of the body */
#define DRAIN_MAX         (256 * 1024) /* of a refused body, to answer without a reset */
#define DRAIN_UNKNOWN     (16 * 1024)
#define FIRST_NS          (10 * HR_NS_PER_S) /* over TLS: accept to the first request's headers */
#define DESCRIPTORS       64                 /* besides connections: database, log, timers, page */
#define CLOSE_WAIT_MS     2000
#define ADMIN_CONNECTIONS 4 /* one person at a time, and a script */

/* --- connections --- */

static void conn_deadline(struct hr_conn *c, uint64_t in_ns)
{
	atomic_store(&c->deadline_ns, in_ns > 0 ? hr_clock_mono_ns() + in_ns : 0);
}

static void on_connection(
	void *arg, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode what)
{
	struct hr_door *d = arg;
	struct hr_serve *s = d->serve;
	struct hr_conn *c = *ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		hr_count(s->count, HR_COUNT_CONNECTIONS, 1);
		atomic_fetch_add(&s->count->connections, 1);
		c = info ? calloc(1, sizeof(*c)) : NULL;
		*ctx = c;
		if (!c)
			return; /* its requests are refused */
		c->serve = s;
		c->fd = info->connect_fd;
		conn_deadline(c, d->tls && s->conf.idle_ns > FIRST_NS ? FIRST_NS : s->conf.idle_ns);
		pthread_mutex_lock(&s->lock);
		c->next = s->conns;
		c->link = &s->conns;
		if (c->next)
			c->next->link = &c->next;
		s->conns = c;
		pthread_mutex_unlock(&s->lock);
		return;
	}
	atomic_fetch_sub(&s->count->connections, 1);
	if (!c)
		return;
	/* before the library closes the descriptor: the tick never meets a reused number */
	pthread_mutex_lock(&s->lock);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	pthread_mutex_unlock(&s->lock);
	free(c);
	*ctx = NULL;
}

void hr_serve_tick(struct hr_serve *s)
{
	uint64_t now = hr_clock_mono_ns();

	pthread_mutex_lock(&s->lock);
	for (struct hr_conn *c = s->conns; c; c = c->next) {
		uint64_t deadline = atomic_load(&c->deadline_ns);

		if (deadline == 0 || now < deadline)
			continue;
		hr_count(s->count, HR_COUNT_DEADLINES, 1);
		(void)shutdown(c->fd, SHUT_RDWR);
		atomic_store(&c->deadline_ns, 0); /* once is enough */
	}
	pthread_mutex_unlock(&s->lock);
}

static struct hr_conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* The request line has come: from here on time is short. */
static void *on_request_line(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	struct hr_door *d = arg;
	struct hr_conn *c = conn_of(mhd);

	(void)uri;
	if (c) {
		atomic_store(&c->busy, true);
		conn_deadline(c, d->serve->conf.receive_ns);
	}
	return NULL;
}

/* --- requests --- */

struct headers {
	struct hr_http_header h[HR_HTTP_HEADERS_MAX];
	size_t n;
	bool too_many;
};

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *key,
	size_t key_len, const char *value, size_t value_len)
{
	struct headers *all = cls;

	(void)kind;
	if (all->n == HR_HTTP_HEADERS_MAX) {
		all->too_many = true;
		return MHD_NO;
	}
	all->h[all->n++] = (struct hr_http_header){.name = key,
		.name_len = key_len,
		.value = value ? value : "",
		.value_len = value ? value_len : 0};
	return MHD_YES;
}

static size_t how_often(const struct headers *all, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (all->h[i].name_len == strlen(name) &&
			strncasecmp(all->h[i].name, name, all->h[i].name_len) == 0)
			n++;
	}
	return n;
}

/* May the rest of a refused request be read, and the connection used again? */
static bool may_drain(const struct hr_request *r, const struct headers *all)
{
	bool framed = !all->too_many && how_often(all, "Transfer-Encoding") == 0 &&
		      how_often(all, "Content-Length") <= 1;

	/* whoever is not known is not listened to for longer than an agent's own POST takes */
	if ((r->v.status == 401 || r->v.status == 403) && r->v.content_length > DRAIN_UNKNOWN)
		return false;
	return framed && r->v.status != 400 && r->v.status != 411 && r->v.status != 431 &&
	       r->v.content_length <= DRAIN_MAX && how_often(all, "Expect") == 0;
}

static void count_refusal(struct hr_serve *s, const char *reason)
{
	const char *name;

	for (size_t i = 0; i < HR_HTTP_REASONS_MAX && (name = hr_http_reason(i)); i++) {
		if (strcmp(name, reason) == 0)
			atomic_fetch_add(&s->count->http[i], 1);
	}
}

/* Headers are complete and no byte of the body was read. */
static enum MHD_Result begin(struct hr_request *r, const char *method, const char *path)
{
	const struct hr_refusal *kept_out = NULL;
	struct headers all = {.n = 0};
	struct hr_http_request req = {.method = method, .path = path, .header = all.h};
	struct hr_refusal why = {0};

	(void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, add_header, &all);
	req.n_headers = all.n;
	req.too_many = all.too_many;
	req.admin = r->door->admin;
	hr_http_check(&req, HR_BODY_MAX, &r->v);
	if (r->v.status == 0)
		kept_out = hr_gate(r, &req);
	if (kept_out) {
		r->v.status = kept_out->status;
		r->v.reason = kept_out->reason;
		r->v.detail = kept_out->detail;
	}
	if (r->v.status != 0) {
		count_refusal(r->door->serve, r->v.reason);
	} else if (r->v.route == HR_ROUTE_SUMMARIES && !hr_ingest_begin(r, &why)) {
		r->v.status = why.status;
		r->v.reason = why.reason;
		r->v.detail = why.detail;
		r->u.post.refused = why;
	}
	if (r->v.status == 0) {
		atomic_store(&r->state, HR_REQUEST_BODY);
		return MHD_YES;
	}
	if (!may_drain(r, &all))
		return hr_reply_refused(r); /* the library ends the connection after it */
	atomic_store(&r->state, HR_REQUEST_DRAIN);
	return MHD_YES;
}

static enum MHD_Result take_body(struct hr_request *r, const char *data, size_t *size)
{
	size_t n = *size;

	*size = 0;
	if (atomic_load(&r->state) == HR_REQUEST_DRAIN) {
		r->got += n;
		return r->got <= DRAIN_MAX ? MHD_YES : MHD_NO;
	}
	if (r->v.route != HR_ROUTE_SUMMARIES)
		return MHD_NO;
	return hr_ingest_data(r, data, n) ? MHD_YES : MHD_NO;
}

static enum MHD_Result go_on(struct hr_request *r)
{
	switch (atomic_load(&r->state)) {
	case HR_REQUEST_DRAIN:
		return r->u.post.refused.status ? hr_reply_problem(r, &r->u.post.refused)
						: hr_reply_refused(r);
	case HR_REQUEST_BODY:
		return r->v.route == HR_ROUTE_SUMMARIES ? hr_ingest_end(r) : hr_routes_get(r);
	case HR_REQUEST_READY:
		return r->v.route == HR_ROUTE_SUMMARIES ? hr_ingest_reply(r) : hr_routes_reply(r);
	default: /* HELD: the library looked in early; it is called again after the resume */
		return MHD_YES;
	}
}

/* NOLINTNEXTLINE(readability-function-size): the signature is the library's */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
	const char *method, const char *version, const char *data, size_t *size, void **ctx)
{
	struct hr_door *d = arg;
	struct hr_request *r = *ctx;

	(void)version;
	if (r)
		return *size > 0 ? take_body(r, data, size) : go_on(r);
	r = calloc(1, sizeof(*r));
	if (!r)
		return MHD_NO;
	r->door = d;
	r->mhd = mhd;
	r->conn = conn_of(mhd);
	if (!r->conn) {
		free(r);
		return MHD_NO;
	}
	*ctx = r;
	hr_count(d->serve->count, HR_COUNT_REQUESTS, 1);
	return begin(r, method, path);
}

static void on_completed(
	void *arg, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why)
{
	struct hr_door *d = arg;
	struct hr_request *r = *ctx;

	(void)mhd;
	(void)why;
	*ctx = NULL;
	if (!r)
		return;
	atomic_store(&r->conn->busy, false);
	conn_deadline(r->conn, d->serve->conf.idle_ns);
	if (r->v.route == HR_ROUTE_SUMMARIES) {
		hr_ingest_free(r);
	} else {
		free(r->u.ask.text);
		hr_view_unref(r->u.ask.view);
		hr_list_unref(r->u.ask.list);
	}
	if (r->document)
		atomic_fetch_sub(&d->serve->documents, 1);
	free(r);
}

/* --- the half of the writer, and of the scribe --- */

static void on_done(struct hr_work *work)
{
	struct hr_request *r = (struct hr_request *)work; /* the union is its first member */
	struct MHD_Connection *mhd = r->mhd;

	conn_deadline(r->conn, r->door->serve->conf.send_ns);
	atomic_store(&r->state, HR_REQUEST_READY);
	MHD_resume_connection(mhd); /* from here on it is the HTTP thread's again */
}

bool hr_serve_hold(struct hr_request *r, enum hr_work_kind kind)
{
	struct hr_serve *s = r->door->serve;
	bool taken;

	r->u.work.kind = kind;
	r->u.work.done = on_done;
	pthread_mutex_lock(&s->lock);
	taken = !s->stopping;
	if (taken) {
		conn_deadline(r->conn, 0);
		atomic_store(&r->state, HR_REQUEST_HELD);
		MHD_suspend_connection(r->mhd); /* before the writer can resume it */
		if (kind == HR_WORK_METRICS || kind == HR_WORK_LIST)
			hr_scribe_submit(&s->scribe, &r->u.work);
		else
			hr_writer_submit(s->writer, &r->u.work);
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

/* --- start and end --- */

__attribute__((format(printf, 2, 0))) static void on_library_message(
	void *arg, const char *fmt, va_list ap)
{
	char text[200];

	(void)arg;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\r\n")] = '\0';
	hr_log(HR_LOG_DEBUG, "http", "%s", text);
}

/* The logger first: what the other options say is said to it. */
#define DOOR_OPTIONS                                                                               \
	MHD_OPTION_EXTERNAL_LOGGER, on_library_message, d, MHD_OPTION_LISTEN_SOCKET, fd,           \
		MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,      \
		(unsigned)conf->per_address, MHD_OPTION_CONNECTION_MEMORY_LIMIT,                   \
		(size_t)CONN_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,                              \
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, d, MHD_OPTION_NOTIFY_COMPLETED,       \
		on_completed, d, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, d

static struct MHD_Daemon *start(struct hr_door *d, int fd, unsigned flags, unsigned connections)
{
	const struct hr_serve_conf *conf = &d->serve->conf;
	const char *ca = hr_tls_client_ca();

	flags |= MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
		 MHD_USE_ERROR_LOG;
	if (!d->tls)
		return MHD_start_daemon(
			flags, 0, NULL, NULL, on_request, d, DOOR_OPTIONS, MHD_OPTION_END);
	/* an option of value END ends the list: the CA stands last */
	return MHD_start_daemon(flags | MHD_USE_TLS, 0, hr_gate_accept, d, on_request, d,
		DOOR_OPTIONS, MHD_OPTION_HTTPS_PRIORITIES, HR_TLS_PRIORITIES,
		MHD_OPTION_HTTPS_CERT_CALLBACK, hr_tls_retrieve,
		ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, ca, MHD_OPTION_END);
}

static bool open_door(struct hr_serve *s, unsigned i, char error[HR_SERVE_ERROR_LEN])
{
	struct hr_door *d = &s->door[i];
	int fd = hr_listen_open(&s->conf.listen[i], &d->port, error);

	if (fd < 0)
		return fd == -EAFNOSUPPORT; /* left out */
	d->serve = s;
	d->tls = s->conf.listen[i].tls;
	d->arena = malloc(sizeof(*d->arena));
	d->facts = malloc(sizeof(*d->facts));
	if (d->arena && d->facts)
		d->mhd = start(d, fd, s->conf.listen[i].v6 ? MHD_USE_IPv6 : 0, s->conf.connections);
	if (d->mhd)
		return true;
	(void)snprintf(error, HR_SERVE_ERROR_LEN,
		"cannot start the HTTP server on port %u: out of memory or threads", d->port);
	close(fd);
	return false;
}

/* Without it the collector works all the same, and says what is missing. */
static void open_admin(struct hr_serve *s)
{
	struct hr_door *d = &s->door[HR_LISTEN_MAX];
	char error[HR_SERVE_ERROR_LEN] = "out of memory or threads";
	int fd;

	if (!s->conf.admin || !s->conf.admin[0])
		return;
	d->serve = s;
	d->admin = true;
	fd = hr_listen_admin(s->conf.admin, error);
	if (fd >= 0)
		d->mhd = start(d, fd, 0, ADMIN_CONNECTIONS);
	if (d->mhd)
		return;
	if (fd >= 0)
		close(fd);
	hr_log(HR_LOG_WARNING, "no_admin_socket",
		"why=\"%s\" note=\"headroom hosts forget, enrol and token do not work\"", error);
}

/* One descriptor per connection must be there before the first client is. */
static bool enough_descriptors(const struct hr_serve_conf *conf, char error[HR_SERVE_ERROR_LEN])
{
	uint64_t want = (uint64_t)conf->connections * conf->n_listen + DESCRIPTORS;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
		return true;
	if (l.rlim_max >= want) {
		l.rlim_cur = want;
		if (setrlimit(RLIMIT_NOFILE, &l) == 0)
			return true;
	}
	(void)snprintf(error, HR_SERVE_ERROR_LEN,
		"%llu open files are needed (connections= in [limits] for each address) and the "
		"limit is %llu: lower connections=, or raise LimitNOFILE",
		(unsigned long long)want, (unsigned long long)l.rlim_max);
	return false;
}

struct hr_serve *hr_serve_open(const struct hr_serve_conf *conf, struct hr_writer *w,
	struct hr_counters *counters, struct hr_board *board, char error[HR_SERVE_ERROR_LEN])
{
	struct hr_serve *s = calloc(1, sizeof(*s));

	if (!s) {
		(void)snprintf(error, HR_SERVE_ERROR_LEN, "out of memory");
		return NULL;
	}
	s->conf = *conf;
	atomic_store(&s->inflight_max, conf->inflight_bytes);
	s->writer = w;
	s->count = counters;
	s->board = board;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->rate_lock, NULL);
	hr_lists_init(&s->lists);
	hr_scribe_init(&s->scribe, s);
	if (hr_scribe_start(&s->scribe) < 0) {
		(void)snprintf(error, HR_SERVE_ERROR_LEN, "cannot start a thread");
	} else if (enough_descriptors(conf, error)) {
		unsigned i = 0;

		while (i < conf->n_listen && open_door(s, i, error))
			i++;
		if (i == conf->n_listen) {
			open_admin(s);
			return s;
		}
	}
	hr_serve_quiesce(s);
	hr_serve_close(s);
	return NULL;
}

uint16_t hr_serve_port(const struct hr_serve *s, unsigned i)
{
	return s->door[i].mhd ? s->door[i].port : 0;
}

void hr_serve_reconfigure(struct hr_serve *s, uint64_t inflight_bytes)
{
	atomic_store(&s->inflight_max, inflight_bytes);
}

void hr_serve_quiesce(struct hr_serve *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i <= HR_LISTEN_MAX; i++) {
		if (s->door[i].mhd) {
			int fd = MHD_quiesce_daemon(s->door[i].mhd);

			if (fd >= 0)
				close(fd);
		}
	}
}

/* Any connection in the middle of a request or an answer? */
static bool busy(struct hr_serve *s)
{
	bool any = false;

	pthread_mutex_lock(&s->lock);
	for (struct hr_conn *c = s->conns; c; c = c->next)
		any = any || atomic_load(&c->busy);
	pthread_mutex_unlock(&s->lock);
	return any;
}

void hr_serve_close(struct hr_serve *s)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000000};

	if (!s)
		return;
	hr_scribe_done(&s->scribe); /* nothing is submitted any more */
	for (unsigned waited = 0; waited < CLOSE_WAIT_MS && busy(s); waited += 5)
		(void)nanosleep(&pause, NULL);
	for (unsigned i = 0; i <= HR_LISTEN_MAX; i++) {
		struct hr_door *d = &s->door[i];

		if (d->mhd)
			MHD_stop_daemon(d->mhd);
		free(d->arena);
		free(d->facts);
	}
	hr_lists_done(&s->lists);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->rate_lock);
	free(s);
}
