/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall.bpf.c against two truths: a thread on each CPU that does nothing but read the clock, and
 * finds holes in which it neither ran nor waited for the CPU; and the steal column of /proc/stat.
 * Usage: bpf_stall [SECONDS].  Prints a table; no test.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/num.h"
#include "tests/bpf/live.h"
#include "tests/bpf/stall.h"

#include "stall.skel.h"

static struct watcher {
	pthread_t thread;
	int cpu;
	uint64_t until;
	uint64_t holes, hole_ns, most_ns, own_ns;
} watcher[STALL_CPUS];

/* How long this thread has waited for a CPU, ns. */
static uint64_t waited(int fd)
{
	char text[128] = "";
	unsigned long long run, delay = 0;

	if (pread(fd, text, sizeof text - 1, 0) < 0 || sscanf(text, "%llu %llu", &run, &delay) != 2)
		delay = 0;
	return delay;
}

static void *watch(void *arg)
{
	struct watcher *w = arg;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	uint64_t last, now, before, after, hole;
	struct timespec t;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)w->cpu, &set);
	(void)sched_setaffinity(0, sizeof set, &set);
	before = waited(fd);
	for (last = live_now(); last < w->until; last = now) {
		now = live_now();
		if (now - last < STALL_LEAST_NS)
			continue;
		after = waited(fd);
		hole = now - last > after - before ? now - last - (after - before) : 0;
		if (hole > STALL_LEAST_NS) {
			w->holes++;
			w->hole_ns += hole;
			w->most_ns = hole > w->most_ns ? hole : w->most_ns;
		}
		before = after;
		now = live_now();
	}
	close(fd);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	w->own_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	return NULL;
}

/* Steal of each CPU in /proc/stat, ms. */
static void steal_ms(double ret[STALL_CPUS])
{
	unsigned cpu;
	unsigned long long steal;
	char line[512];
	FILE *f = fopen("/proc/stat", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "cpu%u %*u %*u %*u %*u %*u %*u %*u %llu", &cpu, &steal) == 2 &&
			cpu < STALL_CPUS && line[3] != ' ')
			ret[cpu] = (double)steal * 1000 / (double)sysconf(_SC_CLK_TCK);
	if (f)
		(void)fclose(f);
}

int main(int argc, char **argv)
{
	struct hr_stall_bpf *b;
	static struct hr_stall_bpf__bss before;
	double from[STALL_CPUS] = {0}, to[STALL_CPUS] = {0};
	uint64_t seconds = 5, until;
	int n = live_cpus();

	if (argc > 1 && !hr_num_u64(argv[1], 1, 600, &seconds))
		return 2;
	live_need_kernel(argv);
	b = hr_stall_bpf__open();
	if (b)
		b->bss->stall_tick_ns = hr_clock_tick_ns();
	if (!b || hr_stall_bpf__load(b) != 0 || hr_stall_bpf__attach(b) != 0 || n > STALL_CPUS) {
		printf("SKIP: no such tracepoint here\n");
		return 77;
	}
	steal_ms(from);
	memcpy(&before, b->bss, sizeof before);
	until = live_now() + seconds * 1000000000;
	for (int i = 0; i < n; i++) {
		watcher[i] = (struct watcher){.cpu = i, .until = until};
		if (pthread_create(&watcher[i].thread, NULL, watch, &watcher[i]) != 0)
			return 1;
	}
	for (int i = 0; i < n; i++)
		(void)pthread_join(watcher[i].thread, NULL);
	steal_ms(to);
	printf("| CPU | a thread ran, ms | holes in it: n, ms, largest | late ticks: n, ms, "
	       "largest | of ticks | steal clock, ms | /proc/stat steal, ms "
	       "|\n|---|---|---|---|---|---|---|\n");
	for (int i = 0; i < n; i++) {
		const struct watcher *w = &watcher[i];

		printf("| %d | %.0f | %llu, %.1f, %.1f | %llu, %.1f, %.1f | %llu | %s%.1f | %.0f "
		       "|\n",
			i, (double)w->own_ns / 1e6, (unsigned long long)w->holes,
			(double)w->hole_ns / 1e6, (double)w->most_ns / 1e6,
			(unsigned long long)(b->bss->stall_cells[i].late -
					     before.stall_cells[i].late),
			(double)(b->bss->stall_cells[i].late_ns - before.stall_cells[i].late_ns) /
				1e6,
			(double)b->bss->stall_cells[i].most_ns / 1e6,
			(unsigned long long)(b->bss->stall_cells[i].timers -
					     before.stall_cells[i].timers),
			b->bss->stall_has_steal ? "" : "none ",
			(double)(b->bss->stall_cells[i].steal - before.stall_cells[i].steal) / 1e6,
			to[i] - from[i]);
	}
	hr_stall_bpf__destroy(b);
	return 0;
}
