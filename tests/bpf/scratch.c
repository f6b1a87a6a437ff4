/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of our own for the tests: nobody else's work is on them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/loop.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/bpf/scratch.h"

/* A loop device over memory, open for direct I/O; the kernel ends it with its last descriptor. */
static int open_loop(uint64_t bytes, uint64_t missing)
{
	struct loop_config c;
	char path[32];
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), memory, fd = -1;

	if (control < 0)
		return -1;
	memory = memfd_create("hr_test_disk", MFD_CLOEXEC);
	memset(&c, 0, sizeof(c));
	c.fd = (__u32)memory;
	c.block_size = 512;
	c.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	/* another program may take the free number first */
	for (int tries = 0; tries < 10 && memory >= 0 && ftruncate(memory, (off_t)bytes) == 0;
		tries++) {
		snprintf(path, sizeof(path), "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
		fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &c) == 0)
			break;
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && ftruncate(memory, (off_t)(bytes - missing)) != 0) {
		close(fd);
		fd = -1;
	}
	close(memory);
	close(control);
	return fd;
}

int scratch_disk(uint64_t bytes, unsigned *ret_major, unsigned *ret_minor)
{
	const char *given = getenv("HR_TEST_DISK");
	int fd = given ? open(given, O_RDWR | O_DIRECT | O_CLOEXEC) : open_loop(bytes, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		printf("no scratch disk: %s (%s)\n", given ? given : "loop device",
			strerror(errno));
		return -1;
	}
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	return fd;
}

int scratch_torn_disk(uint64_t bytes, uint64_t missing, unsigned *ret_major, unsigned *ret_minor)
{
	int fd = open_loop(bytes, missing);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		printf("no loop device (%s)\n", strerror(errno));
		return -1;
	}
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	return fd;
}

struct scratch_diskstats scratch_diskstats(unsigned major_no, unsigned minor_no)
{
	struct scratch_diskstats d = {0};
	char line[512];
	FILE *f = fopen("/proc/diskstats", "r");

	while (f && fgets(line, sizeof(line), f)) {
		unsigned ma, mi;
		unsigned long long n0, s0, n1, s1;

		if (sscanf(line, "%u %u %*s %llu %*u %llu %*u %llu %*u %llu", &ma, &mi, &n0, &s0,
			    &n1, &s1) == 6 &&
			ma == major_no && mi == minor_no)
			d = (struct scratch_diskstats){{n0, n1}, {s0, s1}};
	}
	if (f)
		fclose(f);
	return d;
}

/* --- network ------------------------------------------------------------------ */

int scratch_up(const char *name)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	r = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0 ? 0 : -errno;
	close(fd);
	return r;
}

/* A netlink message in the making. */
struct message {
	union {
		struct nlmsghdr head;
		char bytes[512];
	} u;
};

static struct rtattr *attribute(struct message *m, unsigned short type, const void *data, size_t n)
{
	struct rtattr *a = (struct rtattr *)(m->u.bytes + NLMSG_ALIGN(m->u.head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	if (n)
		memcpy(RTA_DATA(a), data, n);
	m->u.head.nlmsg_len = (__u32)(NLMSG_ALIGN(m->u.head.nlmsg_len) + RTA_ALIGN(a->rta_len));
	return a;
}

static void nest_end(struct message *m, struct rtattr *a)
{
	a->rta_len = (unsigned short)(m->u.bytes + m->u.head.nlmsg_len - (char *)a);
}

/* Sends @m and waits for its answer: 0 or -errno. */
static int ask(struct message *m)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), r = -EIO;
	struct message answer;
	const struct nlmsgerr *e = NLMSG_DATA(&answer.u.head);

	if (send(fd, m, m->u.head.nlmsg_len, 0) > 0 &&
		recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(*e)) &&
		answer.u.head.nlmsg_type == NLMSG_ERROR)
		r = e->error;
	close(fd);
	return r;
}

int scratch_cable(int ret_ifindex[2])
{
	static const char *const name[2] = {"hrt0", "hrt1"};
	static const struct ifinfomsg none;
	struct message m;
	struct rtattr *info, *data, *peer;
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC), r;

	/* else each end greets its neighbours */
	if (fd >= 0 && write(fd, "1", 1) < 0)
		perror("disable_ipv6");
	if (fd >= 0)
		close(fd);
	memset(&m, 0, sizeof(m));
	m.u.head.nlmsg_type = RTM_NEWLINK;
	m.u.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	m.u.head.nlmsg_len = NLMSG_LENGTH(sizeof(none));
	attribute(&m, IFLA_IFNAME, name[0], strlen(name[0]) + 1);
	info = attribute(&m, IFLA_LINKINFO, NULL, 0);
	attribute(&m, IFLA_INFO_KIND, "veth", 4);
	data = attribute(&m, IFLA_INFO_DATA, NULL, 0);
	peer = attribute(&m, VETH_INFO_PEER, &none, sizeof(none));
	attribute(&m, IFLA_IFNAME, name[1], strlen(name[1]) + 1);
	nest_end(&m, peer);
	nest_end(&m, data);
	nest_end(&m, info);
	r = ask(&m);
	for (int i = 0; i < 2 && r == 0; i++) {
		ret_ifindex[i] = (int)if_nametoindex(name[i]);
		r = scratch_up(name[i]);
	}
	return r;
}
