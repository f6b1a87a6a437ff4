/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook on messages of UNIX sockets, beside the one on TCP.  Usage: test_unix tp_btf|raw_tp.
 */
#include "tests/bpf/readers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Messages of all threads in the slots that were closed since the last call. */
static uint64_t read_in_slots(void)
{
	uint64_t n = 0;

	/* each take gives what was closed at the one before it */
	for (int takes = 0; takes < 3; takes++) {
		live_sleep_until(live_now() + 100 * MS);
		assert_return_code(hr_bpf_take(live->b, live_now(), live->take), 0);
		for (uint32_t i = 0; i < live->take->n_slots; i++)
			n += live->take->cpu_slot[i].reads;
	}
	return n;
}

/* A thread whose place was tried by a read from TCP is one that reads from TCP, for a second. */
static void forget_tcp(void)
{
	live_sleep_until(live_now() + 1100 * MS);
}

static void read_messages(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	uint64_t n;

	forget_tcp();
	(void)read_in_slots();
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct pair p = unix_pair(types[i]);

		for (int k = 0; k < 100; k++) {
			send_one(p);
			read_one(p);
		}
		hang_up(p);
	}
	said("stream, datagram, seqpacket", reads_of(own_tid()), 300, 0);
	n = read_in_slots();
	print_message("%llu in the slots\n", (unsigned long long)n);
	if (!again)
		assert_true(n + 2 >= 300); /* others read too; a switch may not be delivered */
}

/* Once it is read wholly; a glance, an end of the stream and what nobody reads are nothing. */
static void read_parts(void)
{
	struct pair p = unix_pair(SOCK_STREAM);
	char c[4];

	forget_tcp();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(send(p.out, "abcd", 4, 0), 4);
		assert_int_equal(recv(p.in, c, 4, MSG_PEEK), 4);
		assert_int_equal(recv(p.in, c, 2, 0), 2);
		assert_int_equal(recv(p.in, c, 2, 0), 2);
	}
	send_one(p);
	hang_up(p);
	p = unix_pair(SOCK_STREAM);
	close(p.out);
	assert_int_equal(recv(p.in, c, 1, 0), 0);
	close(p.in);
	said("in two parts", reads_of(own_tid()), 50, 0);
}

/* A connection comes as a message without a byte. */
static void accept_some(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(at);
	int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	forget_tcp();
	/* a name that the kernel chooses */
	assert_return_code(bind(door, (struct sockaddr *)&at, sizeof(at.sun_family)), errno);
	assert_return_code(listen(door, 1), errno);
	assert_return_code(getsockname(door, (struct sockaddr *)&at, &len), errno);
	for (int i = 0; i < 20; i++) {
		struct pair p = {.out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

		assert_return_code(connect(p.out, (struct sockaddr *)&at, len), errno);
		p.in = accept4(door, NULL, NULL, SOCK_CLOEXEC);
		assert_return_code(p.in, errno);
		send_one(p);
		read_one(p);
		hang_up(p);
	}
	close(door);
	said("after accepting", reads_of(own_tid()), 20, 0);
}

/* A sender's socket of another kind. */
static void read_datagrams(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct pair p = {.in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
	socklen_t len = sizeof(at);

	p.out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(p.in, (struct sockaddr *)&at, len), errno);
	assert_return_code(getsockname(p.in, (struct sockaddr *)&at, &len), errno);
	assert_return_code(connect(p.out, (struct sockaddr *)&at, len), errno);
	for (int i = 0; i < 100; i++) {
		send_one(p);
		read_one(p);
	}
	hang_up(p);
	said("over UDP", reads_of(own_tid()), 0, 0);
}

static void both(struct pair p)
{
	send_one(p);
	read_one(p);
}

/* What is late over TCP is so with a message in its midst, and what is not is not. */
static void work_on_tcp(void)
{
	struct pair tcp = connect_to_ourselves(), p = unix_pair(SOCK_STREAM);
	char half[2];

	for (int i = 0; i < 10; i++) {
		assert_int_equal(send(tcp.out, "abcd", 4, 0), 4);
		assert_int_equal(recv(tcp.in, half, 2, 0), 2);
		live_burn(30 * MS);
		both(p);
		assert_int_equal(recv(tcp.in, half, 2, 0), 2);
		live_burn(21 * MS); /* another tick */
		send_one(tcp);
		live_burn(30 * MS);
		both(p);
		read_one(tcp);
	}
	said("beside TCP", reads_of(own_tid()), 30, 10);
	hang_up(tcp);
	hang_up(p);
}

static void each_message_is_counted(void **state)
{
	(void)state;
	as_reader(read_messages);
	as_reader(read_parts);
}

static void nothing_else_is(void **state)
{
	(void)state;
	as_reader(accept_some);
	as_reader(read_datagrams);
}

/*
 * A burst that works for 60 ms before it reads: its messages count in the slots it began in, as its
 * work does.  A try in which it was preempted in its midst says nothing.
 */
static void work_then_read(void)
{
	struct pair p = unix_pair(SOCK_STREAM);
	struct sched_param first = {.sched_priority = 1};
	uint64_t early = 0, late = 0, woke, slot;

	/* so that few preempt it */
	assert_return_code(sched_setscheduler(0, SCHED_FIFO, &first), errno);
	for (int tries = 0; tries < 10 && early < 50; tries++) {
		early = late = 0;
		(void)read_in_slots();
		live_sleep_until(live_now() + 20 * MS);
		woke = live_now();
		live_burn(60 * MS);
		for (int i = 0; i < 50; i++) {
			send_one(p);
			read_one(p);
		}
		for (int takes = 0; takes < 3; takes++) {
			live_sleep_until(live_now() + 100 * MS);
			assert_return_code(hr_bpf_take(live->b, live_now(), live->take), 0);
			for (uint32_t i = 0; i < live->take->n_slots; i++) {
				slot = (live->take->first_slot + i) << HR_SLOT_SHIFT;
				*(slot < woke + 30 * MS ? &early : &late) +=
					live->take->cpu_slot[i].reads;
			}
		}
		print_message("%llu messages where the burst woke, %llu later\n",
			(unsigned long long)early, (unsigned long long)late);
	}
	hang_up(p);
	assert_true(early >= 50);
}

static void messages_count_where_their_burst_woke(void **state)
{
	(void)state;
	as_reader(work_then_read);
}

static void late_is_what_came_over_tcp(void **state)
{
	(void)state;
	as_reader(work_on_tcp);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_is_counted),
		cmocka_unit_test(nothing_else_is),
		cmocka_unit_test(messages_count_where_their_burst_woke),
		cmocka_unit_test(late_is_what_came_over_tcp),
	};

	(void)argc;
	return readers_main(argv, tests, sizeof(tests) / sizeof(*tests));
}
