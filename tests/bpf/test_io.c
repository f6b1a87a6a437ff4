/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk hook against /proc/diskstats under direct I/O, network hooks against device
 * counters: on devices of our own, so that counts are equal and not just near.
 * Usage: test_io tp_btf|raw_tp.
 */
#include "tests/unit/hr_cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/live.h"
#include "tests/bpf/scratch.h"

static enum hr_rung arg_rung = HR_RUNG_UNKNOWN;

/* --- disk ------------------------------------------------------------------- */

#define BLOCK 65536
#define COUNT 150

/* Not so fast that only a sample is measured: see test_dense.c. */
static void direct_io(int fd, bool write_it)
{
	void *buf = NULL;

	assert_int_equal(posix_memalign(&buf, 4096, BLOCK), 0);
	memset(buf, 0x5a, BLOCK);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(write_it ? pwrite(fd, buf, BLOCK, (off_t)i * BLOCK)
					  : pread(fd, buf, BLOCK, (off_t)i * BLOCK),
			BLOCK);
		usleep(200);
	}
	free(buf);
}

static void check_direction(
	const struct live_record *r, int d, const struct scratch_diskstats *kernel)
{
	uint64_t ops = 0, slot_bytes = 0, misses = 0, lost;

	for (uint32_t i = 0; i < r->n; i++) {
		ops += r->dev[0][i].ops[d];
		slot_bytes += r->dev[0][i].bytes[d];
	}
	(void)hr_bpf_misses(r->b, &misses);
	print_message("%s: hook %llu requests %llu bytes, diskstats %llu and %llu, slots "
		      "%llu and %llu; %llu misses\n",
		d ? "write" : "read", (unsigned long long)r->disk.n[d],
		(unsigned long long)r->disk.bytes[d], kernel->n[d], kernel->sectors[d] * 512,
		(unsigned long long)ops, (unsigned long long)slot_bytes,
		(unsigned long long)misses);
	assert_true(kernel->n[d] >= COUNT);
	lost = live_lost(r->disk.n[d], kernel->n[d]);
	assert_int_equal(r->disk.bytes[d] + lost * BLOCK, kernel->sectors[d] * 512);
	assert_int_equal(ops, r->disk.n[d]);
	assert_int_equal(slot_bytes, r->disk.bytes[d]);
	assert_int_equal(r->disk.lat[d].total, r->disk.n[d]);
	assert_true(hr_hist_valid(&r->disk.lat[d]));
}

static void requests_and_bytes_are_those_of_diskstats(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK};
	struct live_record *r;
	struct scratch_diskstats d0, d1;
	double inflight = 0, latency = 0, n = 0;
	int fd = scratch_disk(COUNT * BLOCK, &dev.major, &dev.minor);

	(void)state;
	if (fd < 0)
		skip();
	live_sleep_until(live_now() + 50000000); /* whoever looks at new disks has done so */
	d0 = scratch_diskstats(dev.major, dev.minor);
	r = live_start(arg_rung, &dev, 1);
	direct_io(fd, true);
	direct_io(fd, false);
	d1 = scratch_diskstats(dev.major, dev.minor);
	live_record_until(r, live_now());
	close(fd);
	assert_int_equal(r->signal[HR_SIG_DISK_IO].rung,
		arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF);
	for (int d = 0; d < 2; d++) {
		d1.n[d] -= d0.n[d];
		d1.sectors[d] -= d0.sectors[d];
		check_direction(r, d, &d1);
		latency += (double)r->disk.lat[d].sum * 1000;
		n += (double)r->disk.n[d];
		for (uint32_t i = 0; i < r->n; i++)
			inflight += (double)r->dev[0][i].inflight_ns[d];
	}
	print_message("in flight %.3f ms, latencies %.3f ms\n", inflight / 1e6, latency / 1e6);
	/* Little's law; latencies are cut to whole us, the parts in slots rounded to 64 ns */
	assert_true(inflight >= latency - n * 64);
	assert_true(inflight <= latency + n * 1064);
	/* somebody asked for every one of them */
	print_message("asked for %.3f ms\n", (double)r->disk.sync_ns / 1e6);
	assert_true((double)r->disk.sync_ns >= latency);
	assert_true((double)r->disk.sync_ns <= latency + n * 1000);
	assert_int_equal(r->disk.errors, 0);
	live_stop(r);
}

/* Pages written back because somebody may want the memory: nobody asked for the writes. */
static void write_back_is_not_asked_for_and_fsync_is(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK};
	struct live_record *r;
	uint64_t written;
	char buf[BLOCK];
	int fd = scratch_disk(COUNT * BLOCK, &dev.major, &dev.minor);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* through the page cache */
	memset(buf, 0x33, sizeof(buf));
	r = live_start(arg_rung, &dev, 1);
	for (int i = 0; i < 16; i++)
		assert_int_equal(pwrite(fd, buf, BLOCK, (off_t)i * BLOCK), BLOCK);
	assert_int_equal(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
	assert_int_equal(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_AFTER), 0);
	live_record_until(r, live_now());
	written = r->disk.n[1];
	print_message("write-back: %llu writes, asked for %llu ns\n", (unsigned long long)written,
		(unsigned long long)r->disk.sync_ns);
	assert_true(written > 0);
	assert_int_equal(r->disk.sync_ns, 0);
	assert_int_equal(pwrite(fd, buf, BLOCK, 0), BLOCK);
	assert_int_equal(fsync(fd), 0);
	live_record_until(r, live_now());
	assert_true(r->disk.n[1] > written);
	assert_true(r->disk.sync_ns > 0);
	close(fd);
	live_stop(r);
}

/* One read of 64 KiB of which 32 are there: the kernel completes it in two parts. */
static void a_request_completed_in_parts_is_one_request(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK};
	struct live_record *r;
	struct scratch_diskstats d0, d1;
	void *buf = NULL;
	int fd = scratch_torn_disk(4 * BLOCK, BLOCK + BLOCK / 2, &dev.major, &dev.minor);

	(void)state;
	if (fd < 0 || posix_memalign(&buf, 4096, BLOCK) != 0)
		skip();
	live_sleep_until(live_now() + 50000000);
	r = live_start(arg_rung, &dev, 1);
	d0 = scratch_diskstats(dev.major, dev.minor);
	assert_int_equal(pread(fd, buf, BLOCK, 2 * BLOCK), -1);
	live_record_until(r, live_now());
	d1 = scratch_diskstats(dev.major, dev.minor);
	print_message("hook %llu requests %llu bytes %llu errors, diskstats %llu and %llu\n",
		(unsigned long long)r->disk.n[0], (unsigned long long)r->disk.bytes[0],
		(unsigned long long)r->disk.errors, d1.n[0] - d0.n[0],
		(d1.sectors[0] - d0.sectors[0]) * 512);
	if (live_lost(r->disk.n[0], d1.n[0] - d0.n[0]) == 0) {
		assert_int_equal(r->disk.n[0], 1);
		assert_int_equal(r->disk.bytes[0], BLOCK);
		assert_int_equal(r->disk.bytes[0], (d1.sectors[0] - d0.sectors[0]) * 512);
		assert_int_equal(r->disk.errors, 1);
	}
	free(buf);
	close(fd);
	live_stop(r);
}

static void a_disk_that_was_not_named_counts_nothing(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK}, other = {.kind = HR_DEV_DISK};
	struct live_record *r;
	int fd = scratch_disk(COUNT * BLOCK, &dev.major, &dev.minor);

	(void)state;
	if (fd < 0)
		skip();
	other.major = dev.major;
	other.minor = dev.minor + 1000;
	r = live_start(arg_rung, &other, 1);
	direct_io(fd, true);
	live_record_until(r, live_now());
	close(fd);
	assert_int_equal(r->disk.n[0] + r->disk.n[1], 0);
	live_stop(r);
}

/* --- network ------------------------------------------------------------------ */

#define PACKETS 400
#define PAYLOAD 1000
#define ON_WIRE (PAYLOAD + 8 + 20 + 14) /* UDP, IP, link header */

static int send_packets(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int rx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    tx = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(to);
	char data[PAYLOAD] = {0};
	int bad = bind(rx, (struct sockaddr *)&to, sizeof(to)) ||
		  getsockname(rx, (struct sockaddr *)&to, &len);

	for (int i = 0; i < PACKETS && !bad; i++)
		bad = sendto(tx, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to)) !=
		      PAYLOAD;
	close(rx);
	close(tx);
	return bad;
}

struct traffic {
	unsigned long long bytes[2], packets[2]; /* receive, transmit */
};

/* Counters of a device in the namespace of this thread. */
static struct traffic read_device(const char *name)
{
	struct traffic t = {0};
	char line[512], *colon;
	FILE *f = fopen("/proc/thread-self/net/dev", "r");

	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = '\0';
		if (strcmp(line + strspn(line, " "), name) == 0)
			(void)sscanf(colon + 1, "%llu %llu %*u %*u %*u %*u %*u %*u %llu %llu",
				&t.bytes[0], &t.packets[0], &t.bytes[1], &t.packets[1]);
	}
	if (f)
		fclose(f);
	return t;
}

static struct traffic in_slots(const struct live_record *r, int dev)
{
	struct traffic t = {0};

	for (int d = 0; d < 2; d++) {
		for (uint32_t i = 0; i < r->n; i++) {
			t.bytes[d] += r->dev[dev][i].bytes[d];
			t.packets[d] += r->dev[dev][i].ops[d];
		}
	}
	return t;
}

/* Ethernet frames of the local experimental type (0x88b5) out of device @ifindex. */
static void send_frames(int ifindex)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	unsigned char frame[ON_WIRE];

	assert_true(fd >= 0);
	memset(frame, 0xff, sizeof(frame)); /* to everybody */
	frame[12] = 0x88;
	frame[13] = 0xb5;
	for (int i = 0; i < PACKETS; i++)
		assert_int_equal(
			sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			ON_WIRE);
	close(fd);
}

static bool own_network(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	print_message("not run: no network namespace (%s)\n", strerror(errno));
	return false;
}

/* One end of a cable sends, the other receives: each as the device itself counts it. */
static void bytes_and_packets_are_those_of_the_device(void **state)
{
	static const char *const name[2] = {"hrt1", "hrt0"}; /* receives, transmits */
	struct hr_bpf_dev dev[2] = {{.kind = HR_DEV_NIC}, {.kind = HR_DEV_NIC}};
	struct traffic before[2], after[2];
	struct live_record *r;
	int ifindex[2], bad;

	(void)state;
	if (!own_network())
		skip();
	bad = scratch_cable(ifindex);
	if (bad) {
		print_message("not run: no virtual Ethernet (%s)\n", strerror(-bad));
		skip();
	}
	dev[0].ifindex = (uint32_t)ifindex[1];
	dev[1].ifindex = (uint32_t)ifindex[0];
	for (int i = 0; i < 2; i++)
		before[i] = read_device(name[i]);
	r = live_start(arg_rung, dev, 2);
	send_frames(ifindex[0]);
	live_record_until(r, live_now());
	for (int i = 0; i < 2; i++)
		after[i] = read_device(name[i]);
	assert_int_equal(r->signal[HR_SIG_NET_IO].rung,
		arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF);
	for (int d = 0; d < 2; d++) {
		struct traffic t = in_slots(r, d);
		uint64_t lost;

		print_message("%s: hook %llu packets %llu bytes, device %llu and %llu\n", name[d],
			t.packets[d], t.bytes[d], after[d].packets[d] - before[d].packets[d],
			after[d].bytes[d] - before[d].bytes[d]);
		lost = live_lost(t.packets[d], after[d].packets[d] - before[d].packets[d]);
		assert_int_equal(t.packets[d] + lost, PACKETS);
		assert_int_equal(
			t.bytes[d] + lost * ON_WIRE, after[d].bytes[d] - before[d].bytes[d]);
		assert_int_equal(t.packets[!d], 0);
	}
	live_stop(r);
}

/*
 * Small frames, one a millisecond: a slot's clock is read once a tick, so up to three of them may
 * be told in the slot before theirs (ring_index in net.bpf.c), and none in the slot after.
 */
#define SPACED 320
#define EARLY  3

struct spaced {
	uint64_t before[SPACED], after[SPACED]; /* of each call that sent one */
};

static void send_spaced(int ifindex, struct spaced *ret)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	unsigned char frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x88, 0xb5};
	uint64_t at = live_now();

	assert_true(fd >= 0);
	for (int i = 0; i < SPACED; i++) {
		live_sleep_until(at += 1000000);
		ret->before[i] = live_now();
		assert_int_equal(
			sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			sizeof(frame));
		ret->after[i] = live_now();
	}
	close(fd);
}

/* At each end of a slot: what the slots up to it hold, against what had been sent by then. */
static void judge_borders(const struct live_record *r, const struct spaced *s)
{
	uint64_t told = 0, lost = live_lost(in_slots(r, 0).packets[1], SPACED);
	unsigned borders = 0, good = 0, most = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t end = (r->first + i + 1) << HR_SLOT_SHIFT;
		unsigned surely = 0, perhaps = 0, early;

		told += r->dev[0][i].ops[1];
		for (int k = 0; k < SPACED; k++) {
			surely += s->after[k] < end;
			perhaps += s->before[k] < end;
		}
		assert_true(told + lost >= surely); /* none late */
		if (perhaps == 0 || perhaps == SPACED)
			continue;
		early = told > perhaps ? (unsigned)(told - perhaps) : 0;
		most = early > most ? early : most;
		borders++;
		good += early <= EARLY;
	}
	print_message("%u borders, at most %u told early; %u had no more than %d\n", borders, most,
		good, EARLY);
	assert_true(borders >= SPACED / 10);
	/* a tick that the host holds up lasts longer, and so does the slot it was in */
	assert_true(good * 10 >= borders * 7);
}

static void at_a_border_three_small_packets_may_be_early_and_none_late(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_NIC};
	static struct spaced sent;
	struct live_record *r;
	int ifindex[2];
	cpu_set_t one, all;

	(void)state;
	if (!own_network() || scratch_cable(ifindex) != 0)
		skip();
	dev.ifindex = (uint32_t)ifindex[0];
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	r = live_start(arg_rung, &dev, 1);
	send_spaced(ifindex[0], &sent);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	live_record_until(r, live_now() + HR_SLOT_NS);
	judge_borders(r, &sent);
	live_stop(r);
}

/* A child that stays in the first namespace and sends there, on a device of the same number. */
static void same_number_elsewhere(int go)
{
	char c;

	/* a run that began again after lost slots starts in the namespace it made last, where lo is
	 * down */
	(void)scratch_up("lo");
	_exit(read(go, &c, 1) == 1 ? send_packets() : 1);
}

/* lo is number 1 in every namespace.  (Its own byte counter leaves the link header out.) */
static void another_namespaces_device_of_the_same_number_is_left_out(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_NIC};
	struct live_record *r;
	struct traffic t;
	int go[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(go), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		same_number_elsewhere(go[0]);
	if (!own_network()) {
		close(go[1]);
		skip();
	}
	assert_int_equal(scratch_up("lo"), 0);
	dev.ifindex = if_nametoindex("lo");
	r = live_start(arg_rung, &dev, 1);
	assert_int_equal(send_packets(), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	live_record_until(r, live_now());
	t = in_slots(r, 0);
	for (int d = 0; d < 2; d++) {
		uint64_t lost = live_lost(t.packets[d], PACKETS);

		assert_int_equal(t.bytes[d], (PACKETS - lost) * ON_WIRE);
	}
	live_stop(r);
}

/* RetransSegs of this network namespace. */
static unsigned long long retransmitted(void)
{
	unsigned long long n = 0;
	char line[1024];
	FILE *f = fopen("/proc/thread-self/net/snmp", "r");

	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Tcp: %*u %*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %llu", &n);
	if (f)
		fclose(f);
	return n;
}

/* A listener that takes nobody: the third connect's SYN is dropped and sent again after 1 s. */
static void a_retransmit_is_counted(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd[6];
	socklen_t len = sizeof(a);
	unsigned long long before = retransmitted(), kernel;
	struct live_record *r;
	uint64_t give_up;

	(void)state;
	assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(l, 0), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	r = live_start(arg_rung, NULL, 0);
	for (int i = 0; i < 6; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fd[i], (struct sockaddr *)&a, sizeof(a));
	}
	/* from here: loading the programs takes an emulated machine on a busy host 15 s and more */
	give_up = live_now() + 30000000000ULL;
	while (retransmitted() == before && live_now() < give_up)
		live_record_until(r, live_now());
	kernel = retransmitted() - before;
	live_record_until(r, live_now());
	print_message("retransmits %llu, by the kernel %llu\n",
		(unsigned long long)r->mem.retransmits, kernel);
	assert_true(kernel >= 1);
	assert_true(r->mem.retransmits >= kernel); /* other namespaces have theirs */
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	close(l);
	live_stop(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_bytes_are_those_of_diskstats),
		cmocka_unit_test(write_back_is_not_asked_for_and_fsync_is),
		cmocka_unit_test(a_request_completed_in_parts_is_one_request),
		cmocka_unit_test(a_disk_that_was_not_named_counts_nothing),
		cmocka_unit_test(another_namespaces_device_of_the_same_number_is_left_out),
		cmocka_unit_test(a_retransmit_is_counted),
		cmocka_unit_test(bytes_and_packets_are_those_of_the_device), /* lo is down there */
		cmocka_unit_test(at_a_border_three_small_packets_may_be_early_and_none_late),
	};

	live_need_kernel(argv);
	if (argc > 1 && strcmp(argv[1], "raw_tp") == 0)
		arg_rung = HR_RUNG_RAW_TP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
