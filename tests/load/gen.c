// SPDX-License-Identifier: Apache-2.0
/*
 * A fleet of agents on loopback, in one thread.
 *
 * usage: gen --port N [--agents N] [--connections N] [--seconds N] [--windows N]
 *            [--period S | --flood] [--random-phase] [--busy RATIO] [--acked FILE] [--again P]
 *            [--settle S]
 *
 * Each agent sends windows 0, 1, 2 ... of its own boot, --windows in one POST, and the
 * next only when the last was acknowledged; without an answer it sends the same bytes
 * again.  With --period each posts once per period at the phase the collector told it
 * (--random-phase: at its own); with --flood as fast as it is answered, with windows
 * from the past on.  --connections < --agents: agents share them.  --acked FILE: the
 * number of acknowledged windows of each agent, as uint64 in a shared mapping.  --again P: a
 * share of POSTs is sent a second time though it was acknowledged.  --settle S: what is
 * reported leaves out the first S seconds.  all_s: when each agent had been acknowledged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/hist.h"
#include "proto/num.h"
#include "tests/load/gen.h"

#define PER_ADDRESS  20000 /* connections from one source address: below its ports */
#define REPLY_MAX    1024
#define CONNECT_RATE 200 /* new connections per turn: SYN queues are finite */

struct agent {
	uint64_t acked;   /* windows */
	uint64_t due_ns;  /* when its POST was due */
	uint64_t last_ms; /* its POST of this period was due, since the start */
	uint32_t phase_ms;
	uint32_t at;   /* in heap[] */
	uint32_t next; /* in a queue: agent + 1 */
	bool waits;    /* in a queue or under way */
	bool heard;    /* acknowledged in this run */
};

struct due {
	uint64_t ms; /* since the start */
	uint32_t agent;
};

struct conn {
	int fd; /* -1: closed */
	bool connecting, waits_out;
	uint32_t agent;       /* POST under way: agent + 1 */
	uint32_t first, last; /* queue: agent + 1 */
	uint32_t cursor;      /* flood: its agents in turn */
	uint64_t sent_ns, retry_ns;
	size_t got, out_len, out_at;
	unsigned char *out;
	char reply[REPLY_MAX];
};

static struct {
	uint16_t port;
	uint32_t agents, conns, windows;
	uint64_t seconds, settle, period_ms;
	bool flood, random_phase;
	double busy, again;
	const char *acked_path;
} arg = {.agents = 1000, .windows = 1, .seconds = 10, .period_ms = 10000, .busy = 0.7};

static struct agent *agent;
static struct conn *conn;
static uint64_t *acked_map;
static struct due *heap; /* by time; one entry per agent */
static int ep;
static uint64_t start_ns, base_ms;
static struct hr_hist latency_us, late_us;
static uint64_t posts, windows_acked, refused, broken, repeated, bytes_out, all_ns;
static uint32_t heard;
static unsigned char scratch[HR_BODY_MAX + 1024];

static uint64_t now_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t rnd(void)
{
	static uint64_t s = 20261124;
	uint64_t z = (s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void watch(struct conn *c, int op, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u32 = (uint32_t)(c - conn)};

	(void)epoll_ctl(ep, op, c->fd, &e);
}

static void push(struct conn *c, uint32_t i)
{
	agent[i].next = 0;
	if (c->last)
		agent[c->last - 1].next = i + 1;
	else
		c->first = i + 1;
	c->last = i + 1;
}

/* Gives the POST under way back to the head of the queue. */
static void drop_conn(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->retry_ns = now_ns(CLOCK_MONOTONIC) + 20000000 + rnd() % 80000000;
	c->got = 0;
	free(c->out);
	c->out = NULL;
	c->waits_out = false;
	if (c->agent) {
		broken++;
		agent[c->agent - 1].next = c->first;
		c->first = c->agent;
		c->last = c->last ? c->last : c->agent;
		c->agent = 0;
	}
}

static void open_conn(struct conn *c)
{
	uint32_t no = (uint32_t)(c - conn);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(arg.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in from = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x10000 + no / PER_ADDRESS)};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return drop_conn(c);
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		(connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		return drop_conn(c);
	c->connecting = true;
	watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static size_t compose(uint32_t i)
{
	unsigned char *body = scratch + 512;
	struct agent *a = &agent[i];
	uint64_t end = base_ms + (a->acked + arg.windows) * 10000;
	size_t n, head;
	char text[512];

	n = gen_body(i, a->acked, arg.windows, end, a->acked == 0, body);
	if (n == 0)
		return 0;
	head = (size_t)snprintf(text, sizeof(text),
		"POST /v1/summaries HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: gen\r\n"
		"Content-Type: application/x-protobuf\r\nHeadroom-Sent: %llu\r\n"
		"Content-Length: %zu\r\n\r\n",
		(unsigned long long)(now_ns(CLOCK_REALTIME) / 1000000), n);
	memmove(scratch + head, body, n);
	memcpy(scratch, text, head);
	return head + n;
}

static void send_more(struct conn *c, const unsigned char *p, size_t len)
{
	ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return drop_conn(c);
	n = n < 0 ? 0 : n;
	bytes_out += (size_t)n;
	if ((size_t)n == len) {
		if (c->waits_out)
			watch(c, EPOLL_CTL_MOD, EPOLLIN);
		c->waits_out = false;
		free(c->out);
		c->out = NULL;
		return;
	}
	if (!c->out) {
		c->out = malloc(len);
		if (!c->out)
			abort();
		memcpy(c->out, p + n, len - (size_t)n);
		c->out_len = len - (size_t)n;
		c->out_at = 0;
	} else {
		c->out_at += (size_t)n;
	}
	if (!c->waits_out)
		watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	c->waits_out = true;
}

/* Starts the next POST of this connection, if one is due. */
static void next_post(struct conn *c)
{
	uint32_t i;
	size_t len;

	if (c->fd < 0 || c->connecting || c->agent)
		return;
	if (c->first) {
		i = c->first - 1;
		c->first = agent[i].next;
		c->last = c->first ? c->last : 0;
	} else if (arg.flood) {
		uint32_t no = (uint32_t)(c - conn);

		i = no + c->cursor * arg.conns;
		if (i >= arg.agents) {
			c->cursor = 0;
			i = no;
		}
		c->cursor++;
		agent[i].due_ns = now_ns(CLOCK_MONOTONIC);
	} else {
		return;
	}
	len = compose(i);
	if (len == 0)
		abort();
	c->agent = i + 1;
	c->got = 0;
	c->sent_ns = now_ns(CLOCK_MONOTONIC);
	hr_hist_add(&late_us, (c->sent_ns - agent[i].due_ns) / 1000, 1);
	posts++;
	send_more(c, scratch, len);
}

static void place(uint32_t i, struct due d)
{
	heap[i] = d;
	agent[d.agent].at = i;
}

/* Entry @i was changed: to its place. */
static void sift(uint32_t i)
{
	struct due moved = heap[i];

	for (; i > 0 && moved.ms < heap[(i - 1) / 2].ms; i = (i - 1) / 2)
		place(i, heap[(i - 1) / 2]);
	for (;;) {
		uint32_t least = 2 * i + 1;

		if (least + 1 < arg.agents && heap[least + 1].ms < heap[least].ms)
			least++;
		if (least >= arg.agents || heap[least].ms >= moved.ms)
			break;
		place(i, heap[least]);
		i = least;
	}
	place(i, moved);
}

/* Its next POST: the first time of its phase, half a period behind the last or more. */
static void plan(struct agent *a)
{
	uint64_t period = arg.period_ms, next = a->last_ms + period / 2;

	/* the told phase is of wall time */
	next += (a->phase_ms % period + period - (base_ms + next) % period) % period;
	heap[a->at].ms = next;
	sift(a->at);
}

/* "phase=N" of the acknowledgement: as an agent does, it keeps to it from the next POST on. */
static void take_phase(struct agent *a, const char *reply)
{
	const char *p = strstr(reply, "phase=");
	uint64_t ms;

	if (!p || arg.random_phase || arg.flood ||
		!hr_num_u64_n(p + 6, strspn(p + 6, "0123456789"), &ms) || ms > UINT32_MAX ||
		ms == a->phase_ms)
		return;
	a->phase_ms = (uint32_t)ms;
	plan(a);
}

static void answered(struct conn *c)
{
	struct agent *a = &agent[c->agent - 1];

	if (memcmp(c->reply, "HTTP/1.1 204", 12) != 0 || !strstr(c->reply, "Headroom-Ack:")) {
		refused++;
		if (refused <= 3)
			fprintf(stderr, "gen: answered '%.60s'\n", c->reply + 9);
		drop_conn(c);
		return;
	}
	hr_hist_add(&latency_us, (now_ns(CLOCK_MONOTONIC) - c->sent_ns) / 1000, 1);
	if (arg.again > 0 && (double)(rnd() >> 11) / 9007199254740992.0 < arg.again) {
		repeated++;
		agent[c->agent - 1].next = c->first; /* the same windows once more */
		c->first = c->agent;
		c->last = c->last ? c->last : c->agent;
	} else {
		a->acked += arg.windows;
		heard += !a->heard;
		if (!a->heard && heard == arg.agents)
			all_ns = now_ns(CLOCK_MONOTONIC);
		a->heard = true;
		windows_acked += arg.windows;
		if (acked_map)
			__atomic_store_n(&acked_map[c->agent - 1], a->acked, __ATOMIC_RELEASE);
	}
	take_phase(a, c->reply);
	a->waits = c->first == c->agent;
	c->agent = 0;
	c->got = 0;
	next_post(c);
}

static void readable(struct conn *c)
{
	ssize_t n = recv(c->fd, c->reply + c->got, REPLY_MAX - 1 - c->got, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		return drop_conn(c);
	c->got += (size_t)n;
	c->reply[c->got] = '\0';
	if (strstr(c->reply, "\r\n\r\n") && c->agent)
		answered(c);
	else if (c->got == REPLY_MAX - 1)
		drop_conn(c);
}

static void on_event(const struct epoll_event *e)
{
	struct conn *c = &conn[e->data.u32];

	if (c->fd < 0)
		return;
	if (c->connecting) {
		int err = 0;
		socklen_t len = sizeof(err);

		(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		c->connecting = false;
		if (err)
			return drop_conn(c);
		watch(c, EPOLL_CTL_MOD, EPOLLIN);
		return next_post(c);
	}
	if (e->events & EPOLLOUT && c->out)
		send_more(c, c->out + c->out_at, c->out_len - c->out_at);
	if (c->fd >= 0 && e->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(c);
}

/* Agents whose time has come; one that still waits for its last answer misses a turn. */
static void make_due(uint64_t now_ms)
{
	while (heap[0].ms <= now_ms) {
		uint32_t i = heap[0].agent;
		struct agent *a = &agent[i];

		a->last_ms = heap[0].ms;
		if (!a->waits) {
			struct conn *c = &conn[i % arg.conns];

			a->due_ns = start_ns + a->last_ms * 1000000;
			a->waits = true;
			push(c, i);
			next_post(c);
		}
		plan(a);
	}
}

static void start_fleet(void)
{
	agent = calloc(arg.agents, sizeof(*agent));
	conn = calloc(arg.conns, sizeof(*conn));
	heap = calloc(arg.agents, sizeof(*heap));
	if (!agent || !conn || !heap)
		abort();
	for (uint32_t i = 0; i < arg.conns; i++)
		conn[i].fd = -1;
	for (uint32_t i = 0; i < arg.agents; i++) {
		agent[i].phase_ms = (uint32_t)(rnd() % arg.period_ms);
		/* the first round in order, so that host numbers follow the agents' */
		place(i, (struct due){.ms = 1 + arg.period_ms * i / arg.agents, .agent = i});
	}
	if (arg.acked_path) {
		int fd = open(arg.acked_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0 || ftruncate(fd, (off_t)(arg.agents * sizeof(uint64_t))) < 0)
			abort();
		acked_map = mmap(NULL, arg.agents * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
		if (acked_map == MAP_FAILED)
			abort();
		/* an earlier run's fleet goes on where it was */
		for (uint32_t i = 0; i < arg.agents; i++)
			agent[i].acked = acked_map[i];
		close(fd);
	}
}

static void reconnect(uint32_t *cursor)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	uint32_t opened = 0;

	for (uint32_t k = 0; k < arg.conns && opened < CONNECT_RATE; k++) {
		struct conn *c = &conn[*cursor];

		*cursor = (*cursor + 1) % arg.conns;
		if (c->fd < 0 && now >= c->retry_ns && (arg.flood || c->first)) {
			open_conn(c);
			opened++;
		}
	}
}

static void run(void)
{
	bool settled = arg.settle == 0;
	uint64_t end;
	uint32_t cursor = 0;

	/* flood: windows of the last hours; else of now on */
	base_ms = now_ns(CLOCK_REALTIME) / 1000000 - (arg.flood ? 20 * 3600000ULL : 0);
	start_ns = now_ns(CLOCK_MONOTONIC);
	end = start_ns + arg.seconds * 1000000000;
	while (now_ns(CLOCK_MONOTONIC) < end) {
		struct epoll_event e[512];
		int n = epoll_wait(ep, e, 512, arg.flood ? 5 : 2);

		for (int i = 0; i < n; i++)
			on_event(&e[i]);
		if (!arg.flood)
			make_due((now_ns(CLOCK_MONOTONIC) - start_ns) / 1000000);
		reconnect(&cursor);
		if (!settled && now_ns(CLOCK_MONOTONIC) >= start_ns + arg.settle * 1000000000ULL) {
			settled = true;
			memset(&latency_us, 0, sizeof(latency_us));
			memset(&late_us, 0, sizeof(late_us));
			posts = windows_acked = bytes_out = 0;
		}
	}
}

static double quantile_ms(const struct hr_hist *h, double q)
{
	uint64_t n = 0, at = 0;

	for (unsigned i = 0; i < HR_BUCKETS; i++)
		n += h->n[i];
	for (unsigned i = 0; i < HR_BUCKETS; i++) {
		at += h->n[i];
		if (n > 0 && (double)at >= q * (double)n)
			return (double)hr_bucket_hi(i) / 1000;
	}
	return 0;
}

static void report(double took)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	printf("agents=%u connections=%u windows_per_post=%u seconds=%.1f posts=%llu "
	       "windows_acked=%llu windows_per_s=%.0f refused=%llu broken=%llu again=%llu "
	       "ack_p50_ms=%.1f ack_p99_ms=%.1f ack_p999_ms=%.1f late_p99_ms=%.1f bytes_per_s=%.0f "
	       "gen_cpu_s=%.2f all_s=%.1f\n",
		arg.agents, arg.conns, arg.windows, took, (unsigned long long)posts,
		(unsigned long long)windows_acked, (double)windows_acked / took,
		(unsigned long long)refused, (unsigned long long)broken,
		(unsigned long long)repeated, quantile_ms(&latency_us, 0.5),
		quantile_ms(&latency_us, 0.99), quantile_ms(&latency_us, 0.999),
		quantile_ms(&late_us, 0.99), (double)bytes_out / took,
		(double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
			(double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
		all_ns ? (double)(all_ns - start_ns) / 1e9 : -1);
}

/* One option with a value; false: not known, or the value is not what it takes. */
static bool option(const char *k, const char *v, bool *ret_period)
{
	uint64_t n = 0;
	double s;

	if (strcmp(k, "--port") == 0 && hr_num_u64(v, 0, UINT16_MAX, &n))
		arg.port = (uint16_t)n;
	else if (strcmp(k, "--agents") == 0 && hr_num_u64(v, 0, UINT32_MAX, &n))
		arg.agents = (uint32_t)n;
	else if (strcmp(k, "--connections") == 0 && hr_num_u64(v, 0, UINT32_MAX, &n))
		arg.conns = (uint32_t)n;
	else if (strcmp(k, "--seconds") == 0 && hr_num_u64(v, 0, 86400, &n))
		arg.seconds = n;
	else if (strcmp(k, "--windows") == 0 && hr_num_u64(v, 0, UINT32_MAX, &n))
		arg.windows = (uint32_t)n;
	else if (strcmp(k, "--settle") == 0 && hr_num_u64(v, 0, 86400, &n))
		arg.settle = n;
	else if (strcmp(k, "--period") == 0 && hr_num_f64(v, 0, 86400, &s))
		arg.period_ms = (uint64_t)(s * 1000), *ret_period = true;
	else if (strcmp(k, "--busy") == 0 && hr_num_f64(v, 0, 1, &s))
		arg.busy = s;
	else if (strcmp(k, "--again") == 0 && hr_num_f64(v, 0, 1, &s))
		arg.again = s;
	else if (strcmp(k, "--acked") == 0 && *v)
		arg.acked_path = v;
	else
		return false;
	return true;
}

static bool parse(int argc, char **argv)
{
	bool period_given = false;

	for (int i = 1; i < argc; i++) {
		const char *k = argv[i];

		if (strcmp(k, "--flood") == 0)
			arg.flood = true;
		else if (strcmp(k, "--random-phase") == 0)
			arg.random_phase = true;
		else if (i + 1 < argc && option(k, argv[i + 1], &period_given))
			i++;
		else
			return false;
	}
	if (arg.conns == 0 || arg.conns > arg.agents)
		arg.conns = arg.agents;
	if (!period_given)
		arg.period_ms = arg.windows * 10000ULL;
	return arg.port && arg.agents > 0 && arg.windows > 0 && arg.windows <= HR_BATCH_MAX &&
	       arg.seconds > arg.settle && arg.period_ms >= 10;
}

int main(int argc, char **argv)
{
	struct rlimit l;

	if (!parse(argc, argv))
		return fprintf(stderr, "gen: see the top of tests/load/gen.c\n"), 2;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < arg.conns + 64) {
		l.rlim_cur = arg.conns + 64;
		l.rlim_max = l.rlim_max < l.rlim_cur ? l.rlim_cur : l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			return fprintf(stderr, "gen: %u descriptors: %s\n", arg.conns,
				       strerror(errno)),
			       1;
	}
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0 || !gen_body_init(arg.busy))
		return fprintf(stderr, "gen: cannot start\n"), 1;
	start_fleet();
	run();
	report((double)(now_ns(CLOCK_MONOTONIC) - start_ns) / 1e9 - (double)arg.settle);
	return 0;
}
