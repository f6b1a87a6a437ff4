/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU model against a scheduler in virtual time: the arrivals of tests/truth, the agent's own
 * slots, virtual queue and replay, the collector's own model; only the kernel is simulated
 * (sched.h).  Thousands of rows in minutes on any machine: what MODEL.md marks [S].
 *
 *   truth_bench [--cpus N] [--seconds S [--until-known S2]] [--seeds A-B] [--only NAME] [--rows]
 *               [--explain] [--stage1 [--envelope eps|safe]] [--service] [--busy-hour]
 *               [--truth FILE]
 *   truth_bench --minutes N [--cpus N] [--only NAME] >FILE
 *
 * The truth is that of the same seed's next minutes, in the long run; or, of FILE, that of N
 * minutes of any, in the long run and by the share of minutes that are BAD: both are judged then.
 * --envelope: stage 1 by the arrival envelope in place of the virtual queue (envelope.h).
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "product.h"
#include "proto/num.h"
#include "rows.h"
#include "sched.h"
#include "tally.h"

/* Sums by both definitions. */
struct tallies {
	struct tally long_run, minutes;
};

static void judge(struct tally *t, const struct plan_opts *o, double at, double other,
	const struct hr_answer *a)
{
	struct rows_k k = rows_k(o, at, other);
	struct tally one = {0};

	tally_judge(&one, k.inside, k.apart, a);
	tally_add(t, &one);
}

static void print_tallies(const char *name, const struct tallies *t)
{
	char minutes[80];

	if (t->long_run.n)
		tally_print(name, &t->long_run);
	if (!t->minutes.n)
		return;
	snprintf(minutes, sizeof(minutes), "%s, minutes", name);
	tally_print(minutes, &t->minutes);
}

static void add_tallies(struct tallies *to, const struct tallies *t)
{
	tally_add(&to->long_run, &t->long_run);
	tally_add(&to->minutes, &t->minutes);
}

struct bench {
	struct product_opts product;
	unsigned seconds, first, last, minutes;
	const char *only;
	bool rows, help;
	FILE *truth;
	struct tallies all, by_f[ROWS_LOADS];
};

static void row(const struct bench *b, const struct plan_opts *o, const char *name,
	const struct truth *t, unsigned i, struct tallies *ret)
{
	struct hr_answer a;
	unsigned took;

	*ret = (struct tallies){0};
	took = product_measure(&b->product, o, b->seconds, &a);
	judge(&ret->long_run, o, t->at.long_run, t->other[i].long_run, &a);
	if (b->truth)
		judge(&ret->minutes, o, t->at.minutes, t->other[i].minutes, &a);
	if (!b->rows)
		return;
	printf("%s %u %.2f at %.2f: %.2f %.2f %.2f %s %.2f", name, (unsigned)o->seed, rows_load[i],
		t->at.long_run, a.headroom.at_least.v, a.headroom.likely.v, a.headroom.at_most.v,
		hr_answer_kind_name(a.kind), t->other[i].long_run);
	if (b->truth)
		printf(" minutes %.2f %.2f", t->at.minutes, t->other[i].minutes);
	printf(" after %u s\n", took);
}

static void run_case(struct bench *b, const struct plan_opts *as, const char *name)
{
	struct tallies sum = {0};
	struct truth t = {0};

	if (b->truth && !rows_read_truth(b->truth, name, &t)) {
		fprintf(stderr, "%s: no truth\n", name);
		return;
	}
	for (unsigned seed = b->first; seed <= b->last; seed++) {
		struct plan_opts o = *as;

		o.seed = seed;
		if (!b->truth)
			t = rows_truth(&o, b->product.cpus);
		for (unsigned i = 0; i < ROWS_LOADS; i++) {
			struct tallies one;

			if (!rows_at(&t, i, &o))
				continue;
			row(b, &o, name, &t, i, &one);
			add_tallies(&sum, &one);
			add_tallies(&b->by_f[i], &one);
		}
	}
	print_tallies(name, &sum);
	fflush(stdout);
	add_tallies(&b->all, &sum);
}

static void usage(FILE *to)
{
	(void)fputs(
		"usage: truth_bench [--cpus N] [--seconds S [--until-known S2]] [--seeds A-B]\n"
		"                   [--only NAME] [--rows] [--explain]\n"
		"                   [--stage1 [--envelope eps|safe]] [--service] [--busy-hour]\n"
		"                   [--truth FILE]\n"
		"       truth_bench --minutes N [--cpus N] [--only NAME] >FILE\n"
		"Without options: every load on one CPU for 20 s, seed 1; minutes of CPU time.\n",
		to);
}

static bool options(int argc, char **argv, struct bench *ret)
{
	static const struct option longs[] = {{"cpus", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'},
		{"seeds", 1, NULL, 'e'}, {"only", 1, NULL, 'o'}, {"rows", 0, NULL, 'r'},
		{"explain", 0, NULL, 'x'}, {"stage1", 0, NULL, '1'}, {"service", 0, NULL, 'v'},
		{"minutes", 1, NULL, 'm'}, {"truth", 1, NULL, 't'}, {"busy-hour", 0, NULL, 'b'},
		{"until-known", 1, NULL, 'u'}, {"envelope", 1, NULL, 'n'}, {"help", 0, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	uint64_t v;
	int c;

	*ret = (struct bench){
		.product = {.cpus = 1}, .seconds = 20, .first = 1, .last = 1, .only = ""};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'c' && hr_num_u64(optarg, 1, SCHED_CPUS_MAX, &v))
			ret->product.cpus = (unsigned)v;
		else if (c == 's' && hr_num_u64(optarg, 20, 7 * 86400, &v))
			ret->seconds = (unsigned)v;
		else if (c == 'u' && hr_num_u64(optarg, 20, 300, &v))
			ret->product.go_on = (unsigned)v / PRODUCT_WINDOW_S;
		else if (c == 'm' && hr_num_u64(optarg, 10, 100000, &v))
			ret->minutes = (unsigned)v;
		else if (c == 't' && (ret->truth = fopen(optarg, "re")))
			;
		else if (c == 'r')
			ret->rows = true;
		else if (c == 'o')
			ret->only = optarg;
		else if (c == 'x')
			ret->product.explain = true;
		else if (c == 'h')
			ret->help = true;
		else if (c == 'b')
			ret->product.busy_hour = ret->product.service = true;
		else if (c == 'v')
			ret->product.service = true;
		else if (c == '1')
			ret->product.stage1 = true;
		else if (c == 'n')
			ret->product.envelope =
				strcmp(optarg, "safe") ? ENVELOPE_EPS : ENVELOPE_SAFE;
		else if (c != 'e' || !rows_seeds(optarg, &ret->first, &ret->last))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct bench b;

	if (!options(argc, argv, &b) || b.help) {
		usage(b.help ? stdout : stderr);
		return b.help ? 0 : 2;
	}
	for (unsigned w = 0; w < ROWS_CASES; w++) {
		struct plan_opts o;
		char name[64];

		if (!rows_case(w, b.product.cpus, &o, name) || !strstr(name, b.only))
			continue;
		if (b.minutes)
			rows_print_truth(name, &o, b.product.cpus, b.minutes);
		else
			run_case(&b, &o, name);
	}
	for (unsigned i = 0; i < ROWS_LOADS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "load %.2f", rows_load[i]);
		print_tallies(name, &b.by_f[i]);
	}
	print_tallies("all", &b.all);
	if (b.truth)
		(void)fclose(b.truth);
	return 0;
}
