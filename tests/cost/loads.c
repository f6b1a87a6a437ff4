/* SPDX-License-Identifier: Apache-2.0 */
/* Pipe ping-pong, direct reads, datagrams, TCP and UNIX sockets to oneself, netlink; see loads.h.
 */
#include "tests/cost/loads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a slice: 1 to 2 ms, so that many are free of a tick, an interrupt or a neighbour. */
#define ROUND_TRIPS 100
#define READS       50
#define DATAGRAMS   300
#define PIECES      100
#define MESSAGES    300
#define REQUESTS    200
#define LATE_PIECES 500
#define LATE_NS     14000000ULL /* more than 10 ms by ticks of 4 */

#define BLOCK 4096

static struct {
	enum load load;
	int child;
	int to[2], from[2]; /* pipes */
	int disk;
	uint64_t blocks, next;
	void *buffer;
	int socket; /* of a connection: the end that is read */
	int sender;
} l;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "cost_hooks: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void pass(int from, int to)
{
	char c;

	if (read(from, &c, 1) != 1 || write(to, &c, 1) != 1)
		_exit(0); /* the other end is gone */
}

static void init_switch(void)
{
	if (pipe(l.to) < 0 || pipe(l.from) < 0)
		die("pipe");
	l.child = fork();
	if (l.child < 0)
		die("fork");
	if (l.child == 0) {
		close(l.to[1]);
		close(l.from[0]);
		for (;;)
			pass(l.to[0], l.from[1]);
	}
}

static void init_block(const char *disk)
{
	off_t end;

	l.disk = open(disk, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (l.disk < 0)
		die(disk);
	end = lseek(l.disk, 0, SEEK_END);
	l.blocks = end < BLOCK ? 1 : (uint64_t)end / BLOCK;
	if (posix_memalign(&l.buffer, BLOCK, BLOCK) != 0)
		die("memory");
}

static void init_packet(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof a;

	l.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l.socket < 0 || bind(l.socket, (struct sockaddr *)&a, sizeof a) < 0 ||
		getsockname(l.socket, (struct sockaddr *)&a, &len) < 0 ||
		connect(l.socket, (struct sockaddr *)&a, len) < 0)
		die("socket");
}

static void init_read(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof a;
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	l.sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (door < 0 || l.sender < 0 || bind(door, (struct sockaddr *)&a, sizeof a) < 0 ||
		listen(door, 1) < 0 || getsockname(door, (struct sockaddr *)&a, &len) < 0 ||
		connect(l.sender, (struct sockaddr *)&a, len) < 0 ||
		setsockopt(l.sender, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
		die("socket");
	l.socket = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	if (l.socket < 0)
		die("accept");
	close(door);
}

static void init_unix(void)
{
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		die("socketpair");
	l.socket = s[0];
	l.sender = s[1];
}

static void init_other(void)
{
	l.socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (l.socket < 0)
		die("netlink");
}

void load_init(enum load load, const struct load_opts *o)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)o->cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) < 0)
		die("sched_setaffinity");
	l.load = load;
	if (load == LOAD_SWITCH)
		init_switch();
	else if (load == LOAD_BLOCK)
		init_block(o->disk);
	else if (load == LOAD_PACKET)
		init_packet();
	else if (load == LOAD_UNIX)
		init_unix();
	else if (load == LOAD_OTHER)
		init_other();
	else
		init_read();
}

void load_done(void)
{
	if (l.child <= 0)
		return;
	(void)kill(l.child, SIGKILL);
	(void)waitpid(l.child, NULL, 0);
}

static void switch_slice(void)
{
	char c = 0;

	for (int i = 0; i < ROUND_TRIPS; i++)
		if (write(l.to[1], &c, 1) != 1 || read(l.from[0], &c, 1) != 1)
			die("pipe");
}

static void block_slice(void)
{
	for (int i = 0; i < READS; i++) {
		l.next = (l.next + 7919) % l.blocks; /* a prime stride: no read-ahead, no merge */
		if (pread(l.disk, l.buffer, BLOCK, (off_t)(l.next * BLOCK)) != BLOCK)
			die("read");
	}
}

static void packet_slice(void)
{
	char data[64] = {0};

	for (int i = 0; i < DATAGRAMS; i++)
		if (send(l.socket, data, sizeof data, 0) != (ssize_t)sizeof data ||
			recv(l.socket, data, sizeof data, 0) != (ssize_t)sizeof data)
			die("datagram");
}

static void read_slice(void)
{
	char data[64] = {0};

	for (int i = 0; i < PIECES; i++)
		if (send(l.sender, data, sizeof data, 0) != (ssize_t)sizeof data ||
			recv(l.socket, data, sizeof data, 0) != (ssize_t)sizeof data)
			die("tcp");
}

static uint64_t unix_slice(void)
{
	char data[64] = {0};
	uint64_t t;

	usleep(1); /* as below */
	t = now_ns();
	for (int i = 0; i < MESSAGES; i++)
		if (send(l.sender, data, sizeof data, 0) != (ssize_t)sizeof data ||
			recv(l.socket, data, sizeof data, 0) != (ssize_t)sizeof data)
			die("unix");
	return t;
}

/* Each way a message of the kernel's own sockets: its request that does nothing, and the answer. */
static void other_slice(void)
{
	struct nlmsghdr ask = {.nlmsg_len = sizeof ask,
		.nlmsg_type = NLMSG_NOOP,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	char answer[256];

	for (int i = 0; i < REQUESTS; i++)
		if (send(l.socket, &ask, sizeof ask, 0) != (ssize_t)sizeof ask ||
			recv(l.socket, answer, sizeof answer, 0) <= 0)
			die("netlink");
}

/* What waited for us while we were awake, byte by byte.  Returns when the first is read. */
static uint64_t late_slice(void)
{
	char data[LATE_PIECES] = {0};
	uint64_t t;

	usleep(1); /* the switch hook is to see us come */
	if (send(l.sender, data, sizeof data, 0) != (ssize_t)sizeof data)
		die("tcp");
	t = now_ns();
	while (now_ns() - t < LATE_NS)
		;
	t = now_ns();
	for (int i = 0; i < LATE_PIECES; i++)
		if (recv(l.socket, data, 1, 0) != 1)
			die("tcp");
	return t;
}

uint64_t load_slice_events(void)
{
	static const uint64_t events[LOAD_N] = {
		2 * ROUND_TRIPS, READS, 2 * DATAGRAMS, PIECES, LATE_PIECES, MESSAGES, 2 * REQUESTS};

	return events[l.load];
}

double load_slice(void)
{
	uint64_t t = now_ns();

	if (l.load == LOAD_SWITCH)
		switch_slice();
	else if (l.load == LOAD_BLOCK)
		block_slice();
	else if (l.load == LOAD_PACKET)
		packet_slice();
	else if (l.load == LOAD_READ)
		read_slice();
	else if (l.load == LOAD_UNIX)
		t = unix_slice();
	else if (l.load == LOAD_OTHER)
		other_slice();
	else
		t = late_slice();
	return (double)(now_ns() - t) / (double)load_slice_events();
}
