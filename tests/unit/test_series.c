/* SPDX-License-Identifier: Apache-2.0 */
/* Which series an answer has; their text in /metrics is test_render_metrics.c's. */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <string.h>

#include "collector/core/answer_pack.h"
#include "collector/core/series.h"

struct seen {
	char line[256][256]; /* name{key=value,...} */
	double v[256];
	size_t n;
};

static void note(void *arg, const struct hr_series *s)
{
	struct seen *x = arg;
	char *to = x->line[x->n];
	size_t len = (size_t)snprintf(to, 256, "%s{", s->name);

	for (unsigned i = 0; i < s->n; i++)
		len += (size_t)snprintf(
			to + len, 256 - len, "%s=%s,", s->label[i].key, s->label[i].value);
	x->v[x->n++] = s->v;
}

static void all(const struct hr_answer *a, struct seen *ret)
{
	size_t n;
	const struct hr_series_family *f = hr_series_families(&n);
	const struct hr_series_host h = {"vm", a, 1000};

	ret->n = 0;
	for (size_t i = 0; i < n; i++)
		f[i].each(&f[i], &h, note, ret);
}

static double value(const struct seen *s, const char *line)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->line[i], line) == 0)
			return s->v[i];
	return NAN;
}

static struct hr_answer answer(void)
{
	struct hr_answer a = {.kind = HR_ANSWER_YES, .reason = HR_REASON_HEADROOM_LEFT, .n_res = 2};

	a.res[0].resource = HR_RES_CPU;
	a.res[0].headroom = (struct hr_bounds){.has = true, .likely = {true, 2}};
	a.res[0].saturated = true;
	a.res[0].demand.unit = HR_UNIT_CORES;
	a.res[0].demand.p99 = (struct hr_opt){true, 1.5};
	a.res[0].capacity.unit = HR_UNIT_CORES;
	a.res[0].capacity.source = HR_CAP_KNOWN;
	a.res[0].capacity.value = (struct hr_opt){true, 4};
	a.res[1].resource = HR_RES_DISK;
	memcpy(a.res[1].device, "vda", 4);
	a.res[1].demand.unit = HR_UNIT_IOPS;
	a.res[1].demand.mean = (struct hr_opt){true, 120};
	return a;
}

static void demand_and_capacity_are_named_by_their_unit(void **state)
{
	static struct seen s;
	struct hr_answer a = answer();
	bool near;

	(void)state;
	all(&a, &s);
	near = fabs(value(&s, "headroom_demand_cores{host=vm,resource=cpu,device=,stat=p99,") -
		       1.5) < 1e-9;
	assert_true(near);
	near = fabs(value(&s, "headroom_demand_iops{host=vm,resource=disk,device=vda,stat=mean,") -
		       120) < 1e-9;
	assert_true(near);
	near = fabs(value(&s,
			    "headroom_capacity_cores{host=vm,resource=cpu,device=,source=known,") -
		       4) < 1e-9;
	assert_true(near);
	near = fabs(value(&s, "headroom_saturated{host=vm,resource=cpu,device=,") - 1) < 1e-9;
	assert_true(near);
	/* no claim about the disk: whether it is saturated is not known */
	assert_true(isnan(value(&s, "headroom_saturated{host=vm,resource=disk,device=vda,")));
	/* unknown numbers have no sample */
	assert_true(
		isnan(value(&s, "headroom_demand_cores{host=vm,resource=cpu,device=,stat=max,")));
	assert_true(isnan(value(
		&s, "headroom_capacity_iops{host=vm,resource=disk,device=vda,source=unknown,")));
}

static size_t pack_shape(const struct hr_answer *a, void *to)
{
	struct hr_answer *s = calloc(1, sizeof(*s));
	size_t len;

	assert_non_null(s);
	hr_series_shape(a, s);
	len = hr_answer_pack(s, to);
	free(s);
	return len;
}

static void answers_that_differ_in_numbers_have_one_shape(void **state)
{
	static unsigned char x[HR_ANSWER_PACK_MAX], y[HR_ANSWER_PACK_MAX];
	struct hr_answer a = answer(), b = answer();
	size_t len;

	(void)state;
	b.res[0].headroom.likely.v = 3;
	b.res[1].demand.mean.v = 0;
	b.at_ms = a.at_ms = 5;
	b.at_ms++;
	(void)snprintf(b.sentence, sizeof(b.sentence), "another one");
	len = pack_shape(&a, x);
	assert_int_equal(pack_shape(&b, y), len);
	assert_memory_equal(x, y, len);
	b.res[0].headroom.likely.v = NAN; /* such a number has no sample */
	assert_false(pack_shape(&b, y) == len && memcmp(x, y, len) == 0);
}

/* Whatever is known or not: a shape has the series of its answer, none more and none less. */
static void a_shape_has_the_series_of_its_answer(void **state)
{
	struct hr_rand r = hr_rand_seeded("series");
	static struct seen a_seen, s_seen;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct hr_answer a = answer(), *s = calloc(1, sizeof(*s));
		struct hr_opt *opt[] = {&a.headroom.at_least, &a.headroom.at_most,
			&a.res[0].headroom.likely, &a.res[0].demand.max, &a.res[1].demand.p50,
			&a.res[1].capacity.value, &a.res[1].days_left.likely, &a.cost.cpu_ratio,
			&a.cost.ns_per_event, &a.cost.rss_bytes};

		assert_non_null(s);
		a.headroom.has = hr_rand_below(&r, 2);
		a.res[0].headroom.has = hr_rand_below(&r, 2);
		a.res[1].days_left.has = hr_rand_below(&r, 2);
		a.res[1].capacity.unit = (enum hr_unit)hr_rand_below(&r, HR_UNIT_N);
		a.at_ms = hr_rand_below(&r, 2) * 1764000000000;
		a.window.seconds = (double)hr_rand_below(&r, 2) * 30;
		for (size_t i = 0; i < sizeof(opt) / sizeof(opt[0]); i++)
			*opt[i] = (struct hr_opt){hr_rand_below(&r, 2) == 0,
				hr_rand_below(&r, 8) == 0 ? NAN : (double)hr_rand_below(&r, 9)};
		hr_series_shape(&a, s);
		all(&a, &a_seen);
		all(s, &s_seen);
		assert_int_equal(a_seen.n, s_seen.n);
		for (size_t i = 0; i < a_seen.n; i++)
			assert_string_equal(a_seen.line[i], s_seen.line[i]);
		free(s);
	}
}

static void two_hosts_of_one_name_are_told_apart(void **state)
{
	char label[HR_SERIES_HOST_LEN];

	(void)state;
	hr_series_host_label("web", "0a", false, label);
	assert_string_equal(label, "web");
	hr_series_host_label("web", "0a", true, label);
	assert_string_equal(label, "web@0a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(demand_and_capacity_are_named_by_their_unit),
		cmocka_unit_test(answers_that_differ_in_numbers_have_one_shape),
		cmocka_unit_test(a_shape_has_the_series_of_its_answer),
		cmocka_unit_test(two_hosts_of_one_name_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
