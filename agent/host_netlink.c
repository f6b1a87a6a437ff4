/* SPDX-License-Identifier: Apache-2.0 */
/* See host_netlink.h. */
#include "agent/host_netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* What the kernel says is wrong: the first number of struct nlmsgerr. */
static int error_of(const unsigned char *p, size_t len)
{
	int e = 0;

	if (len >= sizeof e)
		memcpy(&e, p, sizeof e);
	return e < 0 ? e : -EIO;
}

int hr_netlink_take(const unsigned char *buf, size_t len, uint32_t seq, uint16_t type,
	hr_netlink_fn fn, void *arg)
{
	const unsigned char *p = buf;

	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t step;

		memcpy(&h, p, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > len)
			return -EBADMSG;
		if (h.nlmsg_seq == seq && h.nlmsg_type == NLMSG_DONE)
			return 1;
		if (h.nlmsg_seq == seq && h.nlmsg_type == NLMSG_ERROR)
			return error_of(p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);
		if (h.nlmsg_seq == seq && h.nlmsg_type == type)
			fn(arg, p + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);
		step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (step >= len)
			break;
		p += step;
		len -= step;
	}
	return 0;
}

const void *hr_netlink_attr(const void *at, size_t len, unsigned type, size_t *ret_len)
{
	const unsigned char *p = at;

	while (len >= sizeof(struct rtattr)) {
		struct rtattr a;
		size_t step;

		memcpy(&a, p, sizeof a);
		if (a.rta_len < sizeof a || a.rta_len > len)
			return NULL;
		if ((a.rta_type & NLA_TYPE_MASK) == type) {
			*ret_len = a.rta_len - sizeof a;
			return p + sizeof a;
		}
		step = RTA_ALIGN((size_t)a.rta_len);
		if (step > len)
			return NULL;
		p += step;
		len -= step;
	}
	return NULL;
}
