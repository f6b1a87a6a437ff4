/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of netlink made by hand: every length that lies is refused, never followed. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/host_netlink.h"

static _Alignas(16) unsigned char buf[256];
static size_t at, seen, seen_len;

static void put(uint16_t type, uint32_t seq, const void *payload, size_t len)
{
	struct nlmsghdr h = {
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = type, .nlmsg_seq = seq};

	memcpy(buf + at, &h, sizeof(h));
	memcpy(buf + at + NLMSG_HDRLEN, payload, len);
	at += NLMSG_ALIGN(h.nlmsg_len);
}

static void count(void *arg, const unsigned char *p, size_t len)
{
	assert_ptr_equal(arg, buf);
	assert_int_equal(p[0], 'x');
	seen++;
	seen_len += len;
}

static int setup(void **state)
{
	(void)state;
	memset(buf, 0, sizeof(buf));
	at = seen = seen_len = 0;
	return 0;
}

static int take(size_t len)
{
	return hr_netlink_take(buf, len, 3, 20, count, buf);
}

static void messages_of_the_dump_are_handed_on_until_it_ends(void **state)
{
	(void)state;
	put(20, 3, "xab", 3);
	put(20, 2, "old", 3);   /* another dump's */
	put(21, 3, "other", 5); /* another type */
	put(20, 3, "xabcdefg", 8);
	assert_int_equal(take(at), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(seen_len, 11);
	put(NLMSG_DONE, 3, "", 0);
	assert_int_equal(take(at), 1);
}

static void the_kernels_error_is_the_result(void **state)
{
	const int e = -ENOENT, none = 0;

	(void)state;
	put(NLMSG_ERROR, 3, &e, sizeof(e));
	assert_int_equal(take(at), -ENOENT);
	(void)setup(state);
	put(NLMSG_ERROR, 3, &none, sizeof(none)); /* an acknowledgement is no end of a dump */
	assert_int_equal(take(at), -EIO);
	(void)setup(state);
	put(NLMSG_ERROR, 3, "", 0);
	assert_int_equal(take(at), -EIO);
}

static void a_length_that_lies_is_refused(void **state)
{
	struct nlmsghdr h = {.nlmsg_type = 20, .nlmsg_seq = 3};

	(void)state;
	put(20, 3, "xab", 3);
	assert_int_equal(take(at - 2), -EBADMSG); /* cut: 19 bytes in 18 */
	assert_int_equal(take(NLMSG_HDRLEN - 1), 0);
	h.nlmsg_len = NLMSG_HDRLEN - 1;
	memcpy(buf, &h, sizeof(h));
	assert_int_equal(take(at), -EBADMSG);
	assert_int_equal(seen, 0);
}

static void the_attribute_asked_for_is_found_or_none(void **state)
{
	/* length, type; host byte order like the kernel's: built with the struct */
	const struct rtattr a[2] = {
		{.rta_len = 4 + 3, .rta_type = 1}, {.rta_len = 4 + 2, .rta_type = 2}};
	size_t n = 0;

	(void)state;
	memcpy(buf, &a[0], 4);
	memcpy(buf + 4, "abc", 3);
	memcpy(buf + 8, &a[1], 4);
	memcpy(buf + 12, "de", 2);
	assert_ptr_equal(hr_netlink_attr(buf, 14, 2, &n), buf + 12);
	assert_int_equal(n, 2);
	assert_ptr_equal(hr_netlink_attr(buf, 14, 1, &n), buf + 4);
	assert_int_equal(n, 3);
	assert_null(hr_netlink_attr(buf, 14, 3, &n));
	assert_null(hr_netlink_attr(buf, 13, 2, &n)); /* the second is cut */
	assert_null(hr_netlink_attr(buf, 7, 2, &n));  /* its padding is, too */
	buf[0] = 3;                                   /* shorter than its head */
	assert_null(hr_netlink_attr(buf, 14, 2, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(messages_of_the_dump_are_handed_on_until_it_ends, setup),
		cmocka_unit_test_setup(the_kernels_error_is_the_result, setup),
		cmocka_unit_test_setup(a_length_that_lies_is_refused, setup),
		cmocka_unit_test_setup(the_attribute_asked_for_is_found_or_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
