/* SPDX-License-Identifier: Apache-2.0 */
/* One dump of NETLINK_SOCK_DIAG, both families; see host_tcp.h. */
#include "agent/host_tcp.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/core/sort.h"
#include "agent/host_netlink.h"
#include "proto/cleanup.h"

#define REPLY_ROOM  32768 /* the kernel fills at most this much per recv of a dump */
#define SOCKETS_MAX 512   /* enough for a median; more are not looked at */
#define SEEN_MAX                                                                                   \
	4096 /* connections of the list, most of them idle on a large server: 1 us each            \
	      */
#define ESTABLISHED (1u << 1)

struct hr_host_tcp {
	int nl;
	uint32_t seq;
	uint32_t n, seen;
	uint32_t us[SOCKETS_MAX];
	_Alignas(16) unsigned char buf[REPLY_ROOM];
};

static int open_socket(void)
{
	const struct timeval wait = {.tv_sec = 1}; /* the kernel answers at once or not at all */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd;
}

int hr_host_tcp_open(struct hr_host_tcp **ret_tcp)
{
	struct hr_host_tcp *t = calloc(1, sizeof *t);
	struct hr_rtt_raw none;
	int r;

	if (!t)
		return -ENOMEM;
	r = t->nl = open_socket();
	if (r >= 0)
		r = hr_host_tcp_read(t, &none); /* without tcp_diag only the dump says so */
	if (r < 0) {
		hr_host_tcp_close(t);
		return r;
	}
	*ret_tcp = t;
	return 0;
}

void hr_host_tcp_close(struct hr_host_tcp *t)
{
	if (!t)
		return;
	hr_closep(&t->nl);
	free(t);
}

/* Between two addresses of this machine nothing on the way can shape. */
static bool is_local(const struct inet_diag_msg *m)
{
	size_t len = m->idiag_family == AF_INET6 ? 16 : 4;

	return memcmp(m->id.idiag_src, m->id.idiag_dst, len) == 0 ||
	       (len == 4 && ntohl(m->id.idiag_dst[0]) >> 24 == IN_LOOPBACKNET);
}

static void take_info(struct hr_host_tcp *t, const struct tcp_info *i)
{
	/* Nothing under way: srtt is of another time.  Sent again and again: it is not renewed. */
	if (i->tcpi_unacked == 0 || i->tcpi_retransmits > 0 || i->tcpi_min_rtt == 0 ||
		i->tcpi_min_rtt == UINT32_MAX || t->n == SOCKETS_MAX)
		return;
	t->us[t->n++] = i->tcpi_rtt > i->tcpi_min_rtt ? i->tcpi_rtt - i->tcpi_min_rtt : 0;
}

/* One socket of the dump: its INET_DIAG_INFO, as much of it as this kernel has. */
static void take_socket(void *arg, const unsigned char *p, size_t len)
{
	struct hr_host_tcp *t = arg;
	struct tcp_info i = {0};
	struct inet_diag_msg m;
	const void *info;
	size_t n;

	t->seen++;
	if (len < NLMSG_ALIGN(sizeof m))
		return;
	memcpy(&m, p, sizeof m);
	if (is_local(&m))
		return;
	info = hr_netlink_attr(
		p + NLMSG_ALIGN(sizeof m), len - NLMSG_ALIGN(sizeof m), INET_DIAG_INFO, &n);
	if (!info)
		return;
	memcpy(&i, info, n < sizeof i ? n : sizeof i);
	take_info(t, &i);
}

/* 1: to its end; 0: as many sockets as there is room for; -errno. */
static int dump(struct hr_host_tcp *t)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	/* The old request asks for both families at once: one pass over the table. */
	struct {
		struct nlmsghdr h;
		struct inet_diag_req req;
	} ask = {
		.h = {.nlmsg_len = sizeof ask,
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++t->seq},
		.req = {.idiag_family = AF_INET,
			.idiag_ext = 1u << (INET_DIAG_INFO - 1),
			.idiag_states = ESTABLISHED},
	};

	if (sendto(t->nl, &ask, sizeof ask, 0, (const void *)&kernel, sizeof kernel) < 0)
		return -errno;
	while (t->n < SOCKETS_MAX && t->seen < SEEN_MAX) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(t->nl, t->buf, sizeof t->buf, 0, (void *)&from, &from_len);
		int r;

		if (n < 0)
			return -errno;
		if (from_len != sizeof from || from.nl_pid != 0) /* not the kernel */
			continue;
		r = hr_netlink_take(t->buf, (size_t)n, t->seq, TCPDIAG_GETSOCK, take_socket, t);
		if (r != 0)
			return r;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

int hr_host_tcp_read(struct hr_host_tcp *t, struct hr_rtt_raw *ret)
{
	int r;

	*ret = (struct hr_rtt_raw){0};
	t->n = t->seen = 0;
	if (t->nl < 0) {
		t->nl = open_socket();
		if (t->nl < 0)
			return t->nl;
	}
	r = dump(t);
	if (r <= 0) { /* what was not fetched would come in the next dump */
		hr_closep(&t->nl);
		t->nl = -1;
	}
	if (r < 0)
		return r;
	if (t->n == 0)
		return 0;
	hr_sort(t->us, t->n, sizeof *t->us, by_value);
	*ret = (struct hr_rtt_raw){.n = t->n, .median_us = t->us[(t->n - 1) / 2]};
	return 0;
}
