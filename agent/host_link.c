/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_GETQDISC dump and SIOCETHTOOL statistics; see host_link.h. */
#include "agent/host_link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/gen_stats.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/core/allowance.h"
#include "agent/host_netlink.h"
#include "proto/cleanup.h"

#define REPLY_ROOM  32768 /* the kernel fills at most this much per recv of a dump */
#define REPLIES_MAX 256   /* one dump: some 8 MiB of qdiscs */
#define STATS_MAX   2048  /* ethtool statistics of one NIC: ENA has 24 and ~30 per queue */

/* Qdiscs that hold packets back to a configured rate. */
static const char *const shapers[] = {"tbf", "htb", "hfsc", "cbq", "cake"};

struct nic {
	uint32_t ifindex; /* 0: this number is no NIC */
	char name[IFNAMSIZ];
	uint32_t n_stats; /* as told when the indexes were found; another count = look again */
	struct hr_allowances allow;
};

struct hr_host_link {
	int nl, inet;
	uint32_t seq;
	struct nic nic[HR_DEVS_MAX];
	/* One buffer for replies, names and numbers: never needed at the same time. */
	_Alignas(16) unsigned char buf[sizeof(struct ethtool_gstrings) +
				       STATS_MAX * ETH_GSTRING_LEN];
};
_Static_assert(sizeof((struct hr_host_link *)0)->buf >= REPLY_ROOM, "room for a netlink reply");
_Static_assert(HR_STAT_NAME_LEN == ETH_GSTRING_LEN, "names as ethtool tells them");

int hr_host_link_open(struct hr_host_link **ret_link)
{
	const struct timeval wait = {.tv_sec = 1}; /* the kernel answers at once or not at all */
	struct hr_host_link *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	l->nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (l->nl < 0) {
		int r = -errno;

		hr_host_link_close(l);
		return r;
	}
	(void)setsockopt(l->nl, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	*ret_link = l;
	return 0;
}

void hr_host_link_close(struct hr_host_link *l)
{
	if (!l)
		return;
	hr_closep(&l->nl);
	hr_closep(&l->inet);
	free(l);
}

static int ethtool(const struct hr_host_link *l, const char *name, void *data)
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, name, IFNAMSIZ);
	r.ifr_data = data;
	return l->inet < 0 ? -EBADF : ioctl(l->inet, SIOCETHTOOL, &r) < 0 ? -errno : 0;
}

static void find_allowances(struct hr_host_link *l, struct nic *nic)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_gstrings *names = (void *)l->buf;

	nic->n_stats = nic->allow.n = 0;
	if (ethtool(l, nic->name, &info) < 0 || info.n_stats > STATS_MAX)
		return;
	info.driver[sizeof info.driver - 1] = '\0';
	if (strcmp(info.driver, "ena") != 0)
		return;
	*names = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = info.n_stats};
	if (ethtool(l, nic->name, names) < 0 || names->len > STATS_MAX)
		return;
	nic->n_stats = names->len;
	hr_allowances_find(names->data, names->len, &nic->allow);
}

void hr_host_link_devices(struct hr_host_link *l, const struct hr_host_devs *devs)
{
	memset(l->nic, 0, sizeof l->nic);
	for (uint32_t i = 0; i < devs->n && i < HR_DEVS_MAX; i++) {
		const struct hr_host_dev *d = &devs->dev[i];
		size_t n = strlen(d->facts.name);

		if (d->facts.kind != HR_DEV_NIC || n >= IFNAMSIZ)
			continue;
		l->nic[i].ifindex = d->ifindex;
		memcpy(l->nic[i].name, d->facts.name, n);
		find_allowances(l, &l->nic[i]);
	}
}

static void read_allowances(struct hr_host_link *l, const struct nic *nic, struct hr_nic_raw *ret)
{
	struct ethtool_stats *s = (void *)l->buf;

	if (nic->allow.n == 0)
		return;
	*s = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = nic->n_stats};
	/* The kernel writes as many as the driver has now; a changed count means other indexes. */
	if (ethtool(l, nic->name, s) < 0 || s->n_stats != nic->n_stats)
		return;
	ret->has_allowance = true;
	hr_allowances_sum(
		&nic->allow, (const unsigned char *)s->data, nic->n_stats, ret->allowance);
}

static bool is_shaper(const char *kind, size_t len)
{
	for (size_t i = 0; i < sizeof shapers / sizeof *shapers; i++)
		if (len == strlen(shapers[i]) + 1 && memcmp(kind, shapers[i], len) == 0)
			return true;
	return false;
}

struct qdiscs {
	const struct hr_host_link *l;
	struct hr_nic_raw *ret; /* [HR_DEVS_MAX] */
};

/* One qdisc of the dump.  Only the root counts packets once; a shaper counts wherever it hangs. */
static void take_qdisc(void *arg, const unsigned char *p, size_t len)
{
	const struct qdiscs *to = arg;
	const struct hr_host_link *l = to->l;
	struct hr_nic_raw *ret = to->ret;
	struct gnet_stats_queue q;
	struct tcmsg tc;
	const void *kind, *stats, *queue;
	size_t kind_len, n;
	uint32_t i;

	if (len < NLMSG_ALIGN(sizeof tc))
		return;
	memcpy(&tc, p, sizeof tc);
	p += NLMSG_ALIGN(sizeof tc);
	len -= NLMSG_ALIGN(sizeof tc);
	for (i = 0; i < HR_DEVS_MAX; i++)
		if (l->nic[i].ifindex != 0 && l->nic[i].ifindex == (uint32_t)tc.tcm_ifindex)
			break;
	kind = hr_netlink_attr(p, len, TCA_KIND, &kind_len);
	if (i == HR_DEVS_MAX || !kind)
		return;
	ret[i].shaper |= is_shaper(kind, kind_len);
	if (tc.tcm_parent != TC_H_ROOT)
		return;
	stats = hr_netlink_attr(p, len, TCA_STATS2, &n);
	queue = stats ? hr_netlink_attr(stats, n, TCA_STATS_QUEUE, &n) : NULL;
	if (!queue || n < sizeof q)
		return;
	memcpy(&q, queue, sizeof q);
	ret[i].has_qdisc = true;
	ret[i].qdisc_drops = q.drops;
	ret[i].qdisc_backlog_bytes = q.backlog;
}

static int dump_qdiscs(struct hr_host_link *l, struct hr_nic_raw ret[HR_DEVS_MAX])
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct qdiscs to = {l, ret};
	struct {
		struct nlmsghdr h;
		struct tcmsg tc;
	} ask = {
		.h = {.nlmsg_len = sizeof ask,
			.nlmsg_type = RTM_GETQDISC,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++l->seq},
		.tc = {.tcm_family = AF_UNSPEC},
	};

	if (sendto(l->nl, &ask, sizeof ask, 0, (const void *)&kernel, sizeof kernel) < 0)
		return -errno;
	for (int i = 0; i < REPLIES_MAX; i++) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(l->nl, l->buf, sizeof l->buf, 0, (void *)&from, &from_len);
		int r;

		if (n < 0)
			return -errno;
		if (from_len != sizeof from || from.nl_pid != 0) /* not the kernel */
			continue;
		r = hr_netlink_take(l->buf, (size_t)n, l->seq, RTM_NEWQDISC, take_qdisc, &to);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return -EMSGSIZE;
}

int hr_host_link_read(struct hr_host_link *l, struct hr_nic_raw ret[HR_DEVS_MAX])
{
	int r;

	memset(ret, 0, HR_DEVS_MAX * sizeof *ret);
	r = dump_qdiscs(l, ret);
	if (r < 0)
		for (int i = 0; i < HR_DEVS_MAX; i++)
			ret[i] = (struct hr_nic_raw){0};
	for (int i = 0; i < HR_DEVS_MAX; i++)
		read_allowances(l, &l->nic[i], &ret[i]);
	return r;
}
