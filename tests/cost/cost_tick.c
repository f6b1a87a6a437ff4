/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tick of the real agent on this machine, as its own thread pays for it: BPF loaded, cells of
 * every possible CPU, files, fold; and the memory of its maps as the kernel accounts it.  One line
 * of JSON.  For machines of many possible CPUs: tests/kernels/run scale.
 *
 *	cost_tick TICKS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/engine.h"
#include "proto/num.h"
#include "proto/units.h"

#define TICKS_MAX 600

static double thread_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / HR_NS_PER_S), (long)(ns % HR_NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the ticks that close no window: one in ten also walks the threads and cgroups. */
static void print_json(const struct hr_facts *f, double *us, unsigned n)
{
	qsort(us, n, sizeof(*us), by_value);
	printf("{\"possible\": %u, \"online\": %u, \"map_bytes\": %llu, \"ticks\": %u, "
	       "\"tick_us\": {\"least\": %.1f, \"median\": %.1f, \"largest\": %.1f}}\n",
		f->cpus_possible, f->cpus_online, (unsigned long long)f->map_bytes, n, us[0],
		us[n / 2], us[n - 1]);
}

int main(int argc, char **argv)
{
	static double us[TICKS_MAX];
	const struct hr_engine_opts opts = {.root = ""};
	const struct hr_summary *s;
	struct hr_engine *e;
	uint64_t ticks;
	char err[512];
	unsigned n = 0;

	if (argc != 2 || !hr_num_u64(argv[1], 1, TICKS_MAX, &ticks)) {
		fprintf(stderr, "usage: cost_tick TICKS (1 to %d)\n", TICKS_MAX);
		return 2;
	}
	if (hr_engine_open(&e, &opts, err) < 0) {
		fprintf(stderr, "cost_tick: %s\n", err);
		return 1;
	}
	for (uint64_t i = 0; n < ticks; i++) {
		double t0;
		int r;

		sleep_until(hr_engine_next_ns(e));
		t0 = thread_us();
		r = hr_engine_tick(e, &s);
		us[n] = thread_us() - t0;
		if (r < 0) {
			fprintf(stderr, "cost_tick: tick: error %d\n", -r);
			return 1;
		}
		if (i > 0 && r == 0) /* the first only sets the base */
			n++;
	}
	print_json(hr_engine_facts(e), us, n);
	hr_engine_close(e);
	return 0;
}
