/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk hook at a rate at which it measures a sample: beside its raw_tp twin, which measures
 * all, on the same requests.  Usage: test_dense [SECONDS].
 */
#include "tests/unit/hr_cmocka.h"

#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/cell.h"
#include "proto/num.h"
#include "tests/bpf/live.h"
#include "tests/bpf/scratch.h"

#define BLOCK       4096
#define BLOCKS      8192
#define WORKERS_MAX 64

static uint64_t arg_seconds = 3, arg_workers = 16;

static atomic_int at_work;

struct worker {
	pthread_t thread;
	int fd;
	uint64_t seed, until;
};

/* Reads at random, and one write in eight: as fast as it goes. */
static void *work(void *arg)
{
	struct worker *w = arg;
	void *buf = NULL;

	if (posix_memalign(&buf, BLOCK, BLOCK) != 0)
		abort();
	memset(buf, 0x5a, BLOCK);
	while (live_now() < w->until) {
		off_t at;
		ssize_t n;

		w->seed = w->seed * 6364136223846793005ULL + 1442695040888963407ULL;
		at = (off_t)(w->seed >> 40) % BLOCKS * BLOCK;
		n = w->seed >> 61 ? pread(w->fd, buf, BLOCK, at) : pwrite(w->fd, buf, BLOCK, at);
		if (n != BLOCK)
			abort();
	}
	free(buf);
	atomic_fetch_sub(&at_work, 1);
	return NULL;
}

/* This thread before the others: the slots must be read in time, however busy the machine is. */
static void hurry(void)
{
	struct sched_param p = {.sched_priority = 1};

	assert_int_equal(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p), 0);
}

/* A thread like any other. */
static void start(struct worker *w)
{
	pthread_attr_t attr;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
	assert_int_equal(pthread_create(&w->thread, &attr, work, w), 0);
	pthread_attr_destroy(&attr);
}

/* Both recordings go on while the workers work. */
static void load(int fd, struct live_record *r[2])
{
	struct worker w[WORKERS_MAX];
	uint64_t until = live_now() + arg_seconds * 1000000000;

	atomic_store(&at_work, (int)arg_workers);
	for (uint64_t i = 0; i < arg_workers; i++) {
		w[i] = (struct worker){.fd = fd, .seed = i * 7919 + 1, .until = until};
		start(&w[i]);
	}
	while (atomic_load(&at_work) > 0 || live_now() < until)
		for (int i = 0; i < 2; i++)
			live_record_until(r[i], live_now() - 450000000);
	for (uint64_t i = 0; i < arg_workers; i++)
		pthread_join(w[i].thread, NULL);
	until = live_now();
	for (int i = 0; i < 2; i++)
		live_record_until(r[i], until);
}

static double mean_us(const struct live_record *r, int d)
{
	return (double)r->disk.lat[d].sum / (double)r->disk.lat[d].total;
}

static double in_flight_ms(const struct live_record *r)
{
	double ns = 0;

	for (uint32_t i = 0; i < r->n; i++)
		ns += (double)(r->dev[0][i].inflight_ns[0] + r->dev[0][i].inflight_ns[1]);
	return ns / 1e6;
}

static int bucket_of(const struct live_record *r, int d, double q)
{
	struct hr_quantile v;

	assert_true(hr_hist_quantile(&r->disk.lat[d], q, &v));
	return (int)hr_bucket(v.lo);
}

/* Sum of the latencies. */
static double told_ms(const struct live_record *r)
{
	return (double)(r->disk.lat[0].sum + r->disk.lat[1].sum) / 1000;
}

/* Share of the latencies in buckets before @at. */
static double share_below(const struct live_record *r, int d, int at)
{
	double n = 0;

	for (int i = 0; i < at; i++)
		n += r->disk.lat[d].n[i];
	return n / (double)r->disk.lat[d].total;
}

/*
 * How many times at most one that was measured counts: the rate may be twice its mean for a while.
 */
static double times_at_most(const struct live_record *part)
{
	double slots =
		(double)arg_seconds * 1e9 / HR_SLOT_NS * (double)sysconf(_SC_NPROCESSORS_ONLN);
	double rate = 2 * (double)(part->disk.n[0] + part->disk.n[1]) / slots;

	return fmin(fmax(rate / HR_RUN_REQUESTS, 2), 1 << HR_RUN_MAX);
}

/*
 * Standard deviation, per mille, of a mean of which some are measured and count for all; the
 * others, and slow ones, once.
 */
static double deviation_pm(const struct live_record *part, const struct live_record *all, int d)
{
	const struct hr_hist *h = &all->disk.lat[d];
	double left_out = 1 - (double)part->disk.measured[d] / (double)part->disk.n[d];
	double squares = 0;

	for (uint32_t i = 0; i < HR_BUCKETS && hr_bucket_lo(i) < 8 * mean_us(all, d); i++)
		squares += (double)h->n[i] * hr_bucket_hi(i) * hr_bucket_hi(i);
	return 1000 * sqrt(times_at_most(part) * left_out * squares) / (double)h->sum;
}

static void compare(const struct live_record *part, const struct live_record *all, int d,
	double *ret_off, double *ret_sd)
{
	static const double q[] = {0.5, 0.9, 0.99};
	double off, sd;

	if (part->disk.measured[d] < 1000) /* too few to tell */
		return;
	off = mean_us(part, d) / mean_us(all, d) - 1;
	sd = deviation_pm(part, all, d);

	print_message("%s: %llu requests, %llu measured, which stand for %llu; the twin %llu and "
		      "%llu; mean %.3f of %.3f us "
		      "(%+.2f per mille, deviation %.2f)\n",
		d ? "write" : "read", (unsigned long long)part->disk.n[d],
		(unsigned long long)part->disk.measured[d],
		(unsigned long long)part->disk.lat[d].total, (unsigned long long)all->disk.n[d],
		(unsigned long long)all->disk.measured[d], mean_us(part, d), mean_us(all, d),
		off * 1000, sd);
	*ret_off = off * 1000;
	*ret_sd = sd;
	/* runs that are cut short count as they fall */
	assert_true(fabs((double)part->disk.lat[d].total - (double)part->disk.n[d]) <
		    0.005 * (double)part->disk.n[d] + 2 * sqrt((double)part->disk.n[d]));
	for (unsigned i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		double near = 0.003 + 4 * sqrt(q[i] * (1 - q[i]) * times_at_most(part) /
						  (double)part->disk.n[d]);
		int at = bucket_of(part, d, q[i]);
		double below = share_below(all, d, at), with = share_below(all, d, at + 1);

		print_message("  p%g: of all %.2f to %.2f %% lie up to it\n", q[i] * 100,
			below * 100, with * 100);
		assert_true(below - near <= q[i] && q[i] <= with + near);
	}
}

/* Slot by slot: requests that are told in another slot than by the twin, of all. */
static double astray(const struct live_record *part, const struct live_record *all)
{
	uint64_t first = part->first > all->first ? part->first : all->first;
	double off = 0, n = 0;

	for (uint64_t s = first; s < part->first + part->n && s < all->first + all->n; s++) {
		const struct hr_slot_dev *a = &part->dev[0][s - part->first],
					 *b = &all->dev[0][s - all->first];

		for (int d = 0; d < 2; d++) {
			off += fabs((double)a->ops[d] - (double)b->ops[d]);
			n += b->ops[d];
		}
	}
	return off / 2 / n;
}

/* Of @n requests of @sectors by the kernel's count. */
static void check_numbers(struct live_record *const r[2], int d, uint64_t n, uint64_t sectors)
{
	assert_int_equal(r[1]->disk.measured[d], r[1]->disk.n[d]);
	/* A completion that interrupts another's program on its CPU is lost to it: 0.8 % of them
	 * beside a busy host, by the twin's count the same. */
	print_message("%s: diskstats %llu, the hook misses %lld of them, its twin %lld\n",
		d ? "write" : "read", (unsigned long long)n, (long long)(n - r[0]->disk.n[d]),
		(long long)(n - r[1]->disk.n[d]));
	if (arg_workers == 0) /* requests came before the hooks */
		return;
	assert_in_range(r[0]->disk.n[d], n - n / 50, n);
	assert_in_range(r[0]->disk.n[d] + n / 200, r[1]->disk.n[d], n + n / 200);
	assert_in_range(r[0]->disk.bytes[d], (sectors - sectors / 50) * 512, sectors * 512);
}

/* Both hooks on the same requests; @twin_first: what it takes lies in the other one's latencies. */
static void measure(bool twin_first, double ret_off[2], double ret_sd[2])
{
	static const enum hr_rung rung[2] = {HR_RUNG_UNKNOWN, HR_RUNG_RAW_TP};
	struct hr_bpf_dev dev = {.kind = HR_DEV_DISK};
	struct scratch_diskstats before, after;
	struct live_record *r[2];
	int fd = scratch_disk((uint64_t)BLOCKS * BLOCK, &dev.major, &dev.minor);
	double a, b, stray;

	if (fd < 0)
		skip();
	live_sleep_until(live_now() + 50000000);
	before = scratch_diskstats(dev.major, dev.minor);
	r[twin_first] = live_start(rung[twin_first], &dev, 1);
	r[!twin_first] = live_start(rung[!twin_first], &dev, 1);
	load(fd, r);
	after = scratch_diskstats(dev.major, dev.minor);
	close(fd);
	if (r[0]->disk.measured[0] * 4 > r[0]->disk.n[0] * 3) {
		print_message("%llu of %llu measured: too slow a machine, or runs may nest\n",
			(unsigned long long)r[0]->disk.measured[0],
			(unsigned long long)r[0]->disk.n[0]);
		skip();
	}
	for (int d = 0; d < 2; d++) {
		check_numbers(r, d, after.n[d] - before.n[d], after.sectors[d] - before.sectors[d]);
		compare(r[0], r[1], d, &ret_off[d], &ret_sd[d]);
	}
	a = in_flight_ms(r[0]);
	b = in_flight_ms(r[1]);
	stray = astray(r[0], r[1]);
	print_message("in flight %.1f of %.1f ms; %.2f %% of the requests in another slot\n", a, b,
		stray * 100);
	/* of a request that took longer than slots stay open one recording may have lost more */
	if (a > 0.98 * told_ms(r[0]) && b > 0.98 * told_ms(r[1]))
		assert_true(fabs(a / b - 1) < 0.05);
	assert_true(stray < 0.05);
	for (int i = 0; i < 2; i++)
		live_stop(r[i]);
}

static void a_sample_tells_what_all_requests_tell(void **state)
{
	double off[2][2] = {{0}}, sd[2][2] = {{0}};

	(void)state;
	hurry();
	for (int first = 0; first < 2; first++)
		measure(first, off[first], sd[first]);
	for (int d = 0; d < 2; d++) {
		double both = (off[0][d] + off[1][d]) / 2, dev = hypot(sd[0][d], sd[1][d]) / 2;

		print_message("%s: mean %+.2f per mille, deviation %.2f, in both orders\n",
			d ? "write" : "read", both, dev);
		assert_true(fabs(both) <= 4 * dev + 5);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_tells_what_all_requests_tell),
	};

	live_need_kernel(argv);
	if ((argc > 1 && !hr_num_u64(argv[1], 1, 10, &arg_seconds)) ||
		(argc > 2 && !hr_num_u64(argv[2], 0, WORKERS_MAX, &arg_workers)))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
