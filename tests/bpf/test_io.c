/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk hook against /proc/diskstats under O_DIRECT I/O on the disk this runs from;
 * network hooks against the device counters of a loopback in a namespace of our own.
 * Usage: test_io tp_btf|raw_tp.
 */
#include "tests/unit/hr_cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/live.h"

static enum hr_rung arg_rung = HR_RUNG_UNKNOWN;

/* --- disk ------------------------------------------------------------------- */

struct diskstats {
	unsigned long long n[2], sectors[2];
};

/* Whole disk under @path; false: none with a request queue of its own (overlay, tmpfs, dm). */
static bool disk_of(const char *path, unsigned *major_no, unsigned *minor_no)
{
	struct stat st;
	char link[128], target[512], parent[700];
	FILE *f;
	ssize_t n;
	bool ok;

	if (stat(path, &st) != 0 || major(st.st_dev) == 0)
		return false;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0 || strstr(target, "/virtual/"))
		return false;
	snprintf(parent, sizeof(parent), "%s/partition", link);
	snprintf(link + strlen(link), 16, access(parent, F_OK) == 0 ? "/../dev" : "/dev");
	f = fopen(link, "r");
	ok = f && fscanf(f, "%u:%u", major_no, minor_no) == 2;
	if (f)
		fclose(f);
	return ok;
}

static struct diskstats read_diskstats(unsigned major_no, unsigned minor_no)
{
	struct diskstats d = {0};
	char line[512];
	FILE *f = fopen("/proc/diskstats", "r");

	while (f && fgets(line, sizeof(line), f)) {
		unsigned ma, mi;
		unsigned long long n0, s0, n1, s1;

		if (sscanf(line, "%u %u %*s %llu %*u %llu %*u %llu %*u %llu", &ma, &mi, &n0, &s0,
			    &n1, &s1) == 6 &&
			ma == major_no && mi == minor_no)
			d = (struct diskstats){{n0, n1}, {s0, s1}};
	}
	if (f)
		fclose(f);
	return d;
}

#define BLOCK 65536
#define COUNT 150

static void direct_io(int fd, bool write_it)
{
	void *buf = NULL;

	assert_int_equal(posix_memalign(&buf, 4096, BLOCK), 0);
	memset(buf, 0x5a, BLOCK);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(write_it ? pwrite(fd, buf, BLOCK, (off_t)i * BLOCK)
					  : pread(fd, buf, BLOCK, (off_t)i * BLOCK),
			BLOCK);
	free(buf);
}

static void requests_and_bytes_are_those_of_diskstats(void **state)
{
	const char *path = "hr_test_io.tmp";
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK};
	struct live_record *r;
	struct diskstats d0, d1;
	double inflight = 0, latency = 0;
	int fd;

	(void)state;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0 || !disk_of(path, &dev.major, &dev.minor)) {
		print_message("not run: no disk with its own queue, or no O_DIRECT, under the "
			      "build folder\n");
		unlink(path);
		skip();
	}
	/* allocate first, so that the measured writes are only data */
	direct_io(fd, true);
	assert_int_equal(fsync(fd), 0);
	r = live_start(arg_rung, &dev, 1);
	d0 = read_diskstats(dev.major, dev.minor);
	direct_io(fd, true);
	direct_io(fd, false);
	live_record_until(r, live_now());
	d1 = read_diskstats(dev.major, dev.minor);
	close(fd);
	unlink(path);
	assert_int_equal(r->signal[HR_SIG_DISK_IO].rung,
		arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF);
	for (int d = 0; d < 2; d++) {
		unsigned long long n = d1.n[d] - d0.n[d],
				   bytes = (d1.sectors[d] - d0.sectors[d]) * 512;
		uint64_t ops = 0, slot_bytes = 0;

		for (uint32_t i = 0; i < r->n; i++) {
			ops += r->dev[0][i].ops[d];
			slot_bytes += r->dev[0][i].bytes[d];
			inflight += (double)r->dev[0][i].inflight_ns[d];
		}
		latency += (double)r->disk.lat[d].sum * 1000;
		print_message("%s: hook %llu requests %llu bytes, diskstats %llu and %llu, slots "
			      "%llu and %llu\n",
			d ? "write" : "read", (unsigned long long)r->disk.n[d],
			(unsigned long long)r->disk.bytes[d], n, bytes, (unsigned long long)ops,
			(unsigned long long)slot_bytes);
		assert_true(r->disk.n[d] >= COUNT);
		assert_true(r->disk.bytes[d] >= (uint64_t)COUNT * BLOCK);
		/* others may be at work between the two readings, and empty flushes count as writes
		 * there */
		assert_in_range(r->disk.n[d], n > 8 ? n - 8 : 0, n + 8);
		assert_in_range(
			r->disk.bytes[d], bytes > 262144 ? bytes - 262144 : 0, bytes + 262144);
		/* the newest slots are still open when the counters are read */
		assert_in_range(ops, COUNT, r->disk.n[d]);
		assert_in_range(slot_bytes, (uint64_t)COUNT * BLOCK, r->disk.bytes[d]);
		assert_int_equal(r->disk.lat[d].total, r->disk.n[d]);
		assert_true(hr_hist_valid(&r->disk.lat[d]));
	}
	print_message("in flight %.3f ms, latencies %.3f ms\n", inflight / 1e6, latency / 1e6);
	/* Little's law; latencies are cut to whole us, parts rounded to 64 ns */
	assert_true(inflight >= latency * 0.97);
	assert_true(inflight <= latency * 1.03 + 2.0 * COUNT * 1100);
	assert_int_equal(r->disk.errors, 0);
	live_stop(r);
}

static void a_disk_that_was_not_named_counts_nothing(void **state)
{
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK, .major = 4094, .minor = 7};
	const char *path = "hr_test_io.tmp";
	struct live_record *r;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);

	(void)state;
	if (fd < 0)
		skip();
	r = live_start(arg_rung, &dev, 1);
	direct_io(fd, true);
	live_record_until(r, live_now());
	close(fd);
	unlink(path);
	assert_int_equal(r->disk.n[0] + r->disk.n[1], 0);
	live_stop(r);
}

/* --- network ------------------------------------------------------------------ */

#define PACKETS 400
#define PAYLOAD 1000
#define ON_WIRE (PAYLOAD + 8 + 20 + 14) /* UDP, IP, link header */

static void loopback_up(void)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, "lo");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

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

/* Receive and transmit bytes of lo in the namespace of this thread. */
static void read_lo(unsigned long long bytes[2], unsigned long long packets[2])
{
	char line[512];
	FILE *f = fopen("/proc/thread-self/net/dev", "r");

	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, " lo: %llu %llu %*u %*u %*u %*u %*u %*u %llu %llu", &bytes[0],
			&packets[0], &bytes[1], &packets[1]);
	if (f)
		fclose(f);
}

/* A child that stays in the first namespace and sends there, on a device of the same number. */
static void same_number_elsewhere(int go)
{
	char c;

	_exit(read(go, &c, 1) == 1 ? send_packets() : 1);
}

static void bytes_and_packets_are_those_of_the_device(void **state)
{
	struct hr_bpf_dev dev[2] = {{.kind = HR_DEV_NONE}, {.kind = HR_DEV_NIC}};
	unsigned long long b0[2], p0[2], b1[2], p1[2];
	struct live_record *r;
	int go[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(go), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		same_number_elsewhere(go[0]);
	if (unshare(CLONE_NEWNET) != 0) {
		print_message("not run: no network namespace (%s)\n", strerror(errno));
		close(go[1]);
		skip();
	}
	loopback_up();
	dev[1].ifindex = if_nametoindex("lo");
	r = live_start(arg_rung, dev, 2);
	read_lo(b0, p0);
	assert_int_equal(send_packets(), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	live_record_until(r, live_now());
	read_lo(b1, p1);
	assert_int_equal(r->signal[HR_SIG_NET_IO].rung,
		arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF);
	for (int d = 0; d < 2; d++) {
		uint64_t bytes = 0, packets = 0;

		for (uint32_t i = 0; i < r->n; i++) {
			bytes += r->dev[1][i].bytes[d];
			packets += r->dev[1][i].ops[d];
		}
		print_message("%s: hook %llu packets %llu bytes, device %llu and %llu\n",
			d ? "tx" : "rx", (unsigned long long)packets, (unsigned long long)bytes,
			p1[d] - p0[d], b1[d] - b0[d]);
		assert_int_equal(packets, PACKETS);
		assert_int_equal(bytes, (uint64_t)PACKETS * ON_WIRE);
		assert_int_equal(packets, p1[d] - p0[d]);
		assert_int_equal(bytes, b1[d] - b0[d]);
	}
	live_stop(r);
}

/* A listener that takes nobody: the third connect's SYN is dropped and sent again after 1 s. */
static void a_retransmit_is_counted(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd[6];
	socklen_t len = sizeof(a);
	struct live_record *r;

	(void)state;
	assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(l, 0), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	r = live_start(arg_rung, NULL, 0);
	for (int i = 0; i < 6; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fd[i], (struct sockaddr *)&a, sizeof(a));
	}
	live_record_until(r, live_now() + 1200000000);
	print_message("retransmits %llu\n", (unsigned long long)r->mem.retransmits);
	assert_true(r->mem.retransmits >= 1);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	close(l);
	live_stop(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_bytes_are_those_of_diskstats),
		cmocka_unit_test(a_disk_that_was_not_named_counts_nothing),
		cmocka_unit_test(
			bytes_and_packets_are_those_of_the_device), /* changes the namespace */
		cmocka_unit_test(a_retransmit_is_counted),
	};

	live_need_kernel();
	if (argc > 1 && strcmp(argv[1], "raw_tp") == 0)
		arg_rung = HR_RUNG_RAW_TP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
