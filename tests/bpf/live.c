/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests against the live kernel. */
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/num.h"
#include "tests/bpf/live.h"

#define NS 1000000000ULL

static char **self; /* argv */

void live_need_kernel(char **argv)
{
	const char *why = NULL;

	self = argv;

	if (geteuid() != 0)
		why = "needs root";
	else if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		why = "no kernel BTF (/sys/kernel/btf/vmlinux)";
	if (!why)
		return;
	printf("SKIP: %s\n", why);
	exit(77);
}

void live_keep_caps(int a, int b)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	const int caps[] = {a, b};

	memset(d, 0, sizeof(d));
	for (int i = 0; i < 2; i++)
		if (caps[i] >= 0)
			d[caps[i] >> 5].effective |= 1u << (caps[i] & 31);
	for (int i = 0; i < 2; i++)
		d[i].permitted = d[i].effective;
	if (syscall(SYS_capset, &h, d) != 0)
		_exit(9);
}

uint64_t live_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static uint64_t own_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

void live_burn(uint64_t ns)
{
	uint64_t end = own_cpu() + ns;

	while (own_cpu() < end)
		;
}

void live_sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / NS), (long)(ns % NS)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

static void read_stat(unsigned long long *idle_ticks, unsigned long long *ctxt)
{
	char line[512];
	FILE *f = fopen("/proc/stat", "r");

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long v[5];

		if (strncmp(line, "cpu ", 4) == 0 &&
			sscanf(line, "cpu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3],
				&v[4]) == 5)
			*idle_ticks = v[3] + v[4];
		else
			(void)sscanf(line, "ctxt %llu", ctxt);
	}
	if (f)
		fclose(f);
}

uint64_t live_ctxt(void)
{
	unsigned long long idle = 0, ctxt = 0;

	read_stat(&idle, &ctxt);
	return ctxt;
}

uint64_t live_idle_ns(void)
{
	unsigned long long idle = 0, ctxt = 0;

	read_stat(&idle, &ctxt);
	return idle * (NS / (uint64_t)sysconf(_SC_CLK_TCK));
}

int live_cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void *spin(void *arg)
{
	struct live_spinner *s = arg;
	unsigned long long run = 0, delay = 0;
	struct timespec t;
	char path[64];
	FILE *f;

	s->tid = (int)syscall(SYS_gettid);
	if (s->cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)s->cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	while (live_now() < s->until)
		;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	s->cpu_ns = (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", s->tid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%llu %llu", &run, &delay) == 2)
		s->wait_ns = delay;
	if (f)
		fclose(f);
	return NULL;
}

void live_spin(struct live_spinner *s, int cpu, uint64_t until)
{
	s->cpu = cpu;
	s->until = until;
	if (pthread_create(&s->thread, NULL, spin, s) != 0)
		abort();
}

void live_join(struct live_spinner *s)
{
	pthread_join(s->thread, NULL);
}

struct live_record *live_start(enum hr_rung force, const struct hr_bpf_dev *dev, uint32_t n)
{
	struct hr_bpf_opts o = {.force = force, .disks = 1, .nics = 2};
	struct live_record *r = calloc(1, sizeof(*r));

	r->take = calloc(1, sizeof(*r->take));
	if (hr_bpf_open(&r->b, &o, r->signal) != 0 || (dev && hr_bpf_devices(r->b, dev, n) != 0))
		abort();
	hr_bpf_take(r->b, live_now(), r->take);
	r->ctxt0 = live_ctxt();
	r->first = r->take->first_slot;
	live_sleep_until(r->first << HR_SLOT_SHIFT);
	return r;
}

static void add_counters(struct live_record *r)
{
	const struct hr_take_cpu *c = &r->take->cpu;

	r->sum.switches += c->switches;
	r->sum.voluntary += c->voluntary;
	r->sum.resync += c->resync;
	r->sum.bad += c->bad;
	r->sum.bursts += c->bursts;
	r->sum.bursts_late += c->bursts_late;
	r->sum.late_ns += c->late_ns;
	hr_hist_merge(&r->sum.wait, &c->wait);
	hr_hist_merge(&r->sum.burst_cpu, &c->burst_cpu);
	hr_hist_merge(&r->sum.burst_wait, &c->burst_wait);
	r->mem.ooms += r->take->mem.ooms;
	r->mem.retransmits += r->take->mem.retransmits;
	r->disk.errors += r->take->disk[0].errors;
	r->disk.sync_ns += r->take->disk[0].sync_ns;
	for (int d = 0; d < 2; d++) {
		r->disk.n[d] += r->take->disk[0].n[d];
		r->disk.measured[d] += r->take->disk[0].measured[d];
		r->disk.bytes[d] += r->take->disk[0].bytes[d];
		hr_hist_merge(&r->disk.lat[d], &r->take->disk[0].lat[d]);
	}
}

/* A ring holds two seconds; a machine that stood still for longer is no ground for a verdict. */
static void start_again(void)
{
	const char *text = getenv("HR_LIVE_TRY");
	uint64_t tries = 1;
	char next[16], path[4096];
	ssize_t n;

	if (text && !hr_num_u64(text, 1, 3, &tries)) {
		printf("FAILED: HR_LIVE_TRY=%s is no number from 1 to 3\n", text);
		exit(1);
	}
	if (tries >= 3) {
		printf("FAILED: three times in a row\n");
		exit(1);
	}
	printf("once more, from the start\n");
	fflush(stdout);
	snprintf(next, sizeof(next), "%u", (unsigned)tries + 1);
	setenv("HR_LIVE_TRY", next, 1);
	/* by its path: the kernel names a process after the last part of what it was started as */
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = '\0';
		execv(path, self);
	}
	exit(1);
}

static void take_once(struct live_record *r)
{
	hr_bpf_take(r->b, live_now(), r->take);
	r->ctxt1 = live_ctxt();
	if (r->take->overrun || r->take->first_slot != r->first + r->n ||
		r->n + r->take->n_slots > LIVE_SLOTS) {
		printf("slots lost: overrun %d, next %llu, expected %llu\n", r->take->overrun,
			(unsigned long long)r->take->first_slot,
			(unsigned long long)r->first + r->n);
		start_again();
	}
	for (uint32_t i = 0; i < r->take->n_slots; i++) {
		r->cpu[r->n] = r->take->cpu_slot[i];
		r->dev[0][r->n] = r->take->dev_slot[0][i];
		r->dev[1][r->n] = r->take->dev_slot[1][i];
		r->n++;
	}
	add_counters(r);
}

void live_record_until(struct live_record *r, uint64_t until)
{
	while ((r->first + r->n) << HR_SLOT_SHIFT < until) {
		live_sleep_until(live_now() + 200000000);
		take_once(r);
	}
}

void live_stop(struct live_record *r)
{
	hr_bpf_close(r->b);
	free(r->take);
	free(r);
}

struct hr_slot_cpu live_sum(const struct live_record *r, uint64_t from, uint64_t to)
{
	struct hr_slot_cpu s = {0};

	for (uint32_t i = 0; i < r->n; i++) {
		const struct hr_slot_cpu *x = &r->cpu[i];
		uint64_t begins = (r->first + i) << HR_SLOT_SHIFT;

		if (begins < from || begins + HR_SLOT_NS > to)
			continue;
		s.oncpu_ns += x->oncpu_ns;
		s.wait_ns += x->wait_ns;
		s.charge_ns += x->charge_ns;
		s.hog_ns += x->hog_ns;
		s.unknown_ns += x->unknown_ns;
		s.wakes += x->wakes;
	}
	return s;
}

uint64_t live_lost(uint64_t hook, uint64_t kernel)
{
	uint64_t most = getenv("HR_TEST_EXACT") ? 0 : 2;

	if (hook == kernel)
		return 0;
	printf("%s: the hook saw %llu events, the kernel counted %llu\n",
		hook > kernel || kernel - hook > most ? "FAILED" : "not delivered",
		(unsigned long long)hook, (unsigned long long)kernel);
	if (hook > kernel || kernel - hook > most)
		exit(1);
	return kernel - hook;
}
