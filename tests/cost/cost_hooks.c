/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hook adds to the event it is on, end to end and relative to an empty
 * program of the same type: visits alternate forwards and backwards through the
 * modes (ABBA), each a few slices.  A visit is worth its fastest slice (what the machine
 * does when nothing else happens); the cost of a mode is the median, over all passes, of
 * the difference between two visits of the same pass.  Neighbours that slow a pass down
 * slow both, so the interval around the median shrinks with the passes on a busy machine too.
 *
 *	cost_hooks switch|packet|block|read|late|unix|other [-d DISK] [-c CPU] [-n PASSES] [-s MS]
 *-o DIR -e EMPTY MODE... cost_hooks hold-switch|hold-packet|hold-block ... MODE     keeps one mode
 *on until a signal cost_hooks maps -o DIR CPUS...                             map bytes by possible
 *CPUs
 *
 * MODE: none, empty, clock (reads it and no more), headroom, NAME@DIR of another build of
 *headroom's objects, or NAME=COMMAND of a tool.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <math.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proto/num.h"
#include "tests/cost/hooks.h"
#include "tests/cost/loads.h"

#define MODES_MAX   8
#define PASSES_MIN  8
#define BODY_TIMES  8
#define BODY_SLICES 20

static struct {
	enum load load;
	bool hold;
	struct load_opts load_opts;
	struct hooks_where where;
	unsigned passes;
	unsigned ms;
	unsigned nr_mode;
	struct mode mode[MODES_MAX];
} arg = {.passes = 160, .ms = 10, .load_opts = {.cpu = -1}};

static double *visit[MODES_MAX];                     /* [passes] ns per event */
static double body_ns[MODES_MAX], body_n[MODES_MAX]; /* per event: run time, runs */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double one_visit(void)
{
	double spent = 0, budget = (double)arg.ms * 1e6, least = load_slice();

	while (spent < budget) {
		double ns = load_slice();

		spent += ns * (double)load_slice_events();
		if (ns < least)
			least = ns;
	}
	return least;
}

/* Run time per event by the kernel's own statistics, which cost an empty program the same. */
static void body(unsigned i)
{
	uint64_t ns0, n0, ns, n;
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	double ev = (double)(BODY_SLICES * load_slice_events()), per;

	if (fd < 0)
		return;
	hooks_stats(&arg.mode[i], &ns0, &n0);
	for (int k = 0; k < BODY_SLICES; k++)
		(void)load_slice();
	hooks_stats(&arg.mode[i], &ns, &n);
	close(fd);
	per = (double)(ns - ns0) / ev;
	if (body_n[i] > 0 && per >= body_ns[i])
		return; /* the least of all: interrupts only add */
	body_ns[i] = per;
	body_n[i] = (double)(n - n0) / ev;
}

static void run(void)
{
	for (unsigned p = 0; p < arg.passes; p++) {
		for (unsigned k = 0; k < arg.nr_mode; k++) {
			unsigned i = p % 2 ? arg.nr_mode - 1 - k : k;

			hooks_on(&arg.mode[i], arg.load);
			visit[i][p] = one_visit();
			if (p * BODY_TIMES / arg.passes != (p + 1) * BODY_TIMES / arg.passes)
				body(i);
			hooks_off(&arg.mode[i]);
		}
		if (isatty(2))
			fprintf(stderr, "\rpass %u of %u", p + 1, arg.passes);
	}
	if (isatty(2))
		fputc('\n', stderr);
}

static int index_of(const char *name)
{
	for (unsigned i = 0; i < arg.nr_mode; i++)
		if (strcmp(arg.mode[i].name, name) == 0)
			return (int)i;
	return -1;
}

/*
 * Median over the passes of what mode @i takes more than @base (-1: all), and the order statistics
 * that hold the true median between them in 95 of 100 runs.
 */
static void difference(unsigned i, int base, double ret[3])
{
	double n = arg.passes, half = 0.98 * sqrt(n);
	double *d = calloc(arg.passes, sizeof *d);

	if (!d)
		exit(1);
	for (unsigned p = 0; p < arg.passes; p++)
		d[p] = visit[i][p] - (base >= 0 ? visit[base][p] : 0);
	qsort(d, arg.passes, sizeof *d, by_value);
	ret[0] = (d[(arg.passes - 1) / 2] + d[arg.passes / 2]) / 2;
	ret[1] = d[(unsigned)(n / 2 - half)];
	ret[2] = d[(unsigned)(n / 2 + half)];
	free(d);
}

static void report(void)
{
	static const char *const unit[LOAD_N] = {
		"switch", "request", "packet", "read", "read", "message", "message"};
	int none = index_of("none"), empty = index_of("empty");
	double per_run = empty >= 0 && body_n[empty] > 0 ? body_ns[empty] / body_n[empty] : 0;

	printf("# ns per %s; median of %u alternating passes [its 95 %% interval]; body: run time "
	       "by "
	       "the kernel's statistics\n",
		unit[arg.load], arg.passes);
	printf("%-12s %9s %25s %25s %11s %5s\n", "mode", "total", "over none", "over empty",
		"body-empty", "runs");
	for (unsigned i = 0; i < arg.nr_mode; i++) {
		double t[3], a[3] = {0}, b[3] = {0};

		difference(i, -1, t);
		if (none >= 0)
			difference(i, none, a);
		if (empty >= 0)
			difference(i, empty, b);
		printf("%-12s %9.1f %9.1f [%6.1f,%6.1f] %9.1f [%6.1f,%6.1f] %11.1f %5.2f\n",
			arg.mode[i].name, t[0], a[0], a[1], a[2], b[0], b[1], b[2],
			body_ns[i] - body_n[i] * per_run, body_n[i]);
	}
}

static int report_maps(int argc, char **argv, int first)
{
	for (int i = first; i < argc; i++) {
		uint64_t told;
		uint32_t cpus;

		if (!hr_num_u64(argv[i], 1, 65536, &told))
			return 2;
		cpus = (uint32_t)told;
		printf("%u %llu\n", cpus,
			(unsigned long long)hooks_map_bytes(arg.where.dir, cpus, 1, 1));
	}
	return 0;
}

static void add_mode(char *text)
{
	struct mode *m = &arg.mode[arg.nr_mode++];
	char *command = strchr(text, '='), *dir = strchr(text, '@');

	if (command)
		*command++ = '\0';
	else if (dir)
		*dir++ = '\0';
	m->name = text;
	m->command = command;
	m->dir = command ? NULL : dir;
	hooks_load(m, arg.load, &arg.where);
}

static bool set_load(const char *word)
{
	static const char *const word_of[LOAD_N] = {
		"switch", "block", "packet", "read", "late", "unix", "other"};

	arg.hold = strncmp(word, "hold-", 5) == 0;
	for (int i = 0; i < LOAD_N; i++)
		if (strcmp(word + (arg.hold ? 5 : 0), word_of[i]) == 0) {
			arg.load = (enum load)i;
			return true;
		}
	return false;
}

static void find_devices(void)
{
	struct stat st;

	arg.where.ifindex = if_nametoindex("lo");
	if (arg.load_opts.disk && stat(arg.load_opts.disk, &st) == 0) {
		arg.where.major = major(st.st_rdev);
		arg.where.minor = minor(st.st_rdev);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: see the head of tests/cost/cost_hooks.c\n");
	return 2;
}

static void hold(void)
{
	sigset_t set;
	int sig;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	hooks_on(&arg.mode[0], arg.load);
	puts("on");
	(void)fflush(stdout);
	(void)sigwait(&set, &sig);
	hooks_off(&arg.mode[0]);
}

int main(int argc, char **argv)
{
	bool maps = argc > 1 && strcmp(argv[1], "maps") == 0;
	uint64_t n;
	int c;

	if (argc < 2 || (!maps && !set_load(argv[1])))
		return usage();
	for (optind = 2; (c = getopt(argc, argv, "d:c:n:s:o:e:")) != -1;) {
		if (c == 'd')
			arg.load_opts.disk = optarg;
		else if (c == 'c' && hr_num_u64(optarg, 0, INT32_MAX, &n))
			arg.load_opts.cpu = (int)n;
		else if (c == 'n' && hr_num_u64(optarg, 1, UINT32_MAX, &n))
			arg.passes = (unsigned)n;
		else if (c == 's' && hr_num_u64(optarg, 1, UINT32_MAX, &n))
			arg.ms = (unsigned)n;
		else if (c == 'o')
			arg.where.dir = optarg;
		else if (c == 'e')
			arg.where.empty = optarg;
		else
			return usage();
	}
	if (!arg.where.dir || arg.passes < PASSES_MIN)
		return usage();
	if (maps)
		return report_maps(argc, argv, optind);
	if (!arg.where.empty || optind == argc || argc - optind > MODES_MAX)
		return usage();
	find_devices();
	for (int i = optind; i < argc; i++)
		add_mode(argv[i]);
	if (arg.hold) {
		hold();
		return 0;
	}
	if (arg.load_opts.cpu < 0)
		arg.load_opts.cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	for (unsigned i = 0; i < arg.nr_mode; i++) {
		visit[i] = calloc(arg.passes, sizeof **visit);
		if (!visit[i])
			return 1;
	}
	load_init(arg.load, &arg.load_opts);
	run();
	load_done();
	report();
	return 0;
}
