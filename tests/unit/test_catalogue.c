/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as data, and what an answer says about each rung; worked by hand. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/catalogue.h"
#include "collector/core/ladder_json.h"
#include "collector/core/merge.h"

#define HEAD                                                                                       \
	"# a comment\n"                                                                            \
	"provider\tfamily\tname\tvcpus\tmemory_mib\tarch\tgeneration\tnet_base_mbps\t"             \
	"net_max_mbps\tdisk_base_iops\tdisk_max_iops\tdisk_base_bytes_per_s\t"                     \
	"disk_max_bytes_per_s\tsource\tdate\n"
#define ROWS                                                                                       \
	"own\tf\tf.8\t8\t32768\tamd64\t1\t1000\t-\t4000\t-\t100000000\t-\tx\t-\n"                  \
	"own\tf\tf.2\t2\t8192\tamd64\t1\t500\t-\t2000\t-\t50000000\t-\tx\t-\n"                     \
	"own\tf\tf.1\t1\t4096\tamd64\t1\t-\t-\t-\t-\t-\t-\tx\t-\n"                                 \
	"own\tf\tf.4\t4\t16384\tamd64\t1\t500\t-\t4000\t-\t50000000\t-\tx\t-\n"                    \
	"own\tg\tg.4\t4\t16384\tarm64\t1\t-\t-\t-\t-\t-\t-\tx\t-\n"

static struct hr_size_row row[HR_CATALOGUE_MAX];

static struct hr_catalogue parsed(void)
{
	struct hr_catalogue c = {.row = row};
	char err[160];

	assert_true(hr_catalogue_parse(HEAD ROWS, strlen(HEAD ROWS), row, &c.n, err));
	hr_catalogue_sort(&c);
	return c;
}

static void rows_are_read_and_a_family_is_in_order(void **state)
{
	struct hr_catalogue c = parsed();
	const struct hr_size_row *r;
	uint32_t n;

	(void)state;
	assert_int_equal(c.n, 5);
	r = hr_catalogue_find(&c, "own", "f.4");
	assert_non_null(r);
	assert_int_equal(r->vcpus, 4);
	assert_true(r->mem_bytes == 16384 * FX_MIB);
	fx_near(r->limit[HR_SIZE_NET_BASE], 62500000, 0); /* 500 Mbit/s */
	fx_near(r->limit[HR_SIZE_NET_MAX], 0, 0);
	fx_near(r->limit[HR_SIZE_DISK_BASE_IOPS], 4000, 0);
	assert_null(hr_catalogue_find(&c, "other", "f.4"));
	assert_non_null(hr_catalogue_find(&c, "", "g.4"));
	r = hr_catalogue_family(&c, r, &n);
	assert_int_equal(n, 4);
	assert_string_equal(r[0].name, "f.1");
	assert_string_equal(r[3].name, "f.8");
}

static void a_wrong_line_is_named_and_nothing_is_taken(void **state)
{
	static const char *const bad[] = {
		"own\tf\tf.8\t8\n",
		"own\tf\tf.8\t0\t1\tamd64\t1\t-\t-\t-\t-\t-\t-\tx\t-\n",
		"own\tf\tf.8\t8\t0\tamd64\t1\t-\t-\t-\t-\t-\t-\tx\t-\n",
		"own\tf\tf.8\t8\t1\tamd64\t1\t1.5\t-\t-\t-\t-\t-\tx\t-\n",
		"own\tf f\tf.8\t8\t1\tamd64\t1\t-\t-\t-\t-\t-\t-\tx\t-\n",
		"own\tf\tf.8\t8\t1\tamd64\t1\t-\t-\t-\t-\t-\t-\tx\t-\tmore\n",
	};
	char err[160], text[1024];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint32_t n = 0;

		snprintf(text, sizeof(text), "%s%s%s", HEAD, ROWS, bad[i]);
		assert_false(hr_catalogue_parse(text, strlen(text), row, &n, err));
		assert_int_equal(n, 0);
		assert_non_null(strstr(err, "line 8: "));
	}
	{
		uint32_t n = 0;

		assert_false(hr_catalogue_parse(ROWS, strlen(ROWS), row, &n, err));
		assert_non_null(strstr(err, "line 1: expected the line of column names"));
		assert_true(hr_catalogue_parse("", 0, row, &n, err));
	}
}

static void the_shipped_catalogue_is_read_whole(void **state)
{
	struct hr_catalogue c = {.row = row};
	char *text = malloc(1 << 20), err[160];
	const struct hr_size_row *r;
	unsigned lines = 0;
	uint32_t n;
	size_t len;
	FILE *f = fopen(HR_SIZES_TSV, "re");

	(void)state;
	assert_non_null(f);
	assert_non_null(text);
	len = fread(text, 1, 1 << 20, f);
	(void)fclose(f);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' && i + 1 < len && text[i + 1] != '#';
	assert_true(hr_catalogue_parse(text, len, row, &c.n, err));
	assert_int_equal(c.n, lines - 1); /* the line of names */
	assert_true(c.n > 1000);
	hr_catalogue_sort(&c);
	/* AWS: m5.large has 2 vCPUs, 8 GiB; the family ends at 96 vCPUs */
	r = hr_catalogue_find(&c, "aws", "m5.large");
	assert_non_null(r);
	assert_true(r->vcpus == 2 && r->mem_bytes == 8192 * FX_MIB);
	r = hr_catalogue_family(&c, r, &n);
	assert_int_equal(r[n - 1].vcpus, 96);
	assert_non_null(hr_catalogue_find(&c, "azure", "Standard_D4s_v5"));
	assert_non_null(hr_catalogue_find(&c, "gcp", "n2-standard-4"));
	free(text);
}

/* f.4 with CPU 2 / 3, memory 1.5 (6 of 16 GiB used), network 4, disk 3, serial 5. */
static void answer(struct hr_answer *a)
{
	static const struct {
		enum hr_resource r;
		double lo, mid;
	} k[] = {{HR_RES_CPU, 2, 3}, {HR_RES_MEMORY, 1.5, 0}, {HR_RES_NETWORK, 4, 4},
		{HR_RES_DISK, 3, 3}, {HR_RES_SERIAL, 5, 5}};

	memset(a, 0, sizeof(*a));
	for (unsigned i = 0; i < sizeof(k) / sizeof(*k); i++) {
		struct hr_res_answer *r = &a->res[a->n_res++];

		r->resource = k[i].r;
		r->headroom = (struct hr_bounds){.has = true,
			.at_least = {true, k[i].lo},
			.likely = {k[i].mid > 0, k[i].mid}};
	}
	a->res[1].demand.max = (struct hr_opt){true, 10.0 * 1024 * FX_MIB};
	a->res[0].capacity.value = (struct hr_opt){true, 4};
	a->res[1].capacity.value = (struct hr_opt){true, 16.0 * 1024 * FX_MIB};
}

static struct hr_ladder_vm vm_of(const struct hr_catalogue *c)
{
	return (struct hr_ladder_vm){
		.size = hr_catalogue_find(c, "", "f.4"), .vcpus = 4, .mem_bytes = 16384 * FX_MIB};
}

static void each_resource_scales_by_its_own_ratio(void **state)
{
	struct hr_catalogue c = parsed();
	struct hr_ladder_vm vm = vm_of(&c);
	struct hr_ladder_rung rung[HR_LADDER_MAX];
	struct hr_ladder_picks p;
	static struct hr_answer a;

	(void)state;
	answer(&a);
	assert_int_equal(hr_ladder_climb(&a, &vm, &c, 1, 1.3, rung), 4);
	/* here: the smallest of 2, 1.5, 4, 3, 5 */
	assert_true(rung[2].current);
	fx_near(rung[2].headroom.at_least.v, 1.5, 1e-9);
	assert_int_equal(rung[2].binding, HR_RES_MEMORY);
	/*
	 * f.8: CPU 2 x 2 = 4; memory: available 6 of 16 GiB, need 6 / 0.5 = 12, with 16 more
	 * 1 + 22 / 12 = 2.833; network at_least 4, likely 4 x 2; disk: operations x1, so 3 stays
	 */
	fx_near(rung[3].headroom.at_least.v, 1 + 22 / 12.0, 1e-9);
	assert_int_equal(rung[3].binding, HR_RES_MEMORY);
	fx_near(rung[3].headroom.likely.v, 3, 1e-9); /* disk; the CPU's 3 doubled */
	/* f.2: CPU 1; memory 1 + (6 - 8) / 12 = 0.8333 */
	fx_near(rung[1].headroom.at_least.v, 1 - 2 / 12.0, 1e-9);
	/* f.1 has no limits: disk and network are taken as here, and said so */
	assert_true(rung[0].unknown & 1U << HR_RES_DISK);
	assert_true(rung[0].unknown & 1U << HR_RES_NETWORK);
	p = hr_ladder_pick(rung, 4);
	assert_true(p.current == 2 && p.next == 3 && p.ceiling == 3 && p.smaller == -1);
}

static void twice_the_load_is_half_the_headroom(void **state)
{
	struct hr_catalogue c = parsed();
	struct hr_ladder_vm vm = vm_of(&c);
	static struct hr_answer a;
	struct hr_ladder_rung r;

	(void)state;
	answer(&a);
	hr_ladder_rung(&a, &vm, vm.size, 2, &r);
	fx_near(r.headroom.at_least.v, 0.75, 1e-9);
	hr_ladder_rung(&a, &vm, vm.size, 0.5, &r);
	fx_near(r.headroom.at_least.v, 3, 1e-9);
	/* with the answer's own figure: that one, not the smallest resource's */
	a.headroom = (struct hr_bounds){.has = true, .at_least = {true, 1.4}};
	hr_ladder_rung(&a, &vm, vm.size, 2, &r);
	fx_near(r.headroom.at_least.v, 0.7, 1e-9);
}

static void the_smallest_size_that_does_is_found_and_the_largest_has_no_next(void **state)
{
	struct hr_catalogue c = parsed();
	struct hr_ladder_vm vm = vm_of(&c);
	struct hr_ladder_rung rung[HR_LADDER_MAX];
	struct hr_ladder_picks p;
	static struct hr_answer a;

	(void)state;
	answer(&a);
	a.res[0].headroom.at_least.v = 6;
	a.res[0].headroom.likely.v = 7;
	a.res[1].headroom.at_least.v = 7; /* 14 of 16 GiB available: need 14 / 6 */
	a.res[1].demand.max.v = 2.0 * 1024 * FX_MIB;
	hr_ladder_climb(&a, &vm, &c, 1, 1.3, rung);
	/* f.1: CPU 6 / 4 x 0.8 = 1.2, below 1.3; f.2: CPU 3, disk 3 x min(0.5, 1) = 1.5 */
	p = hr_ladder_pick(rung, 4);
	fx_near(rung[0].headroom.at_least.v, 1.2, 1e-9);
	fx_near(rung[1].headroom.at_least.v, 1.5, 1e-9);
	assert_int_equal(rung[1].binding, HR_RES_DISK);
	assert_int_equal(p.smaller, 1);
	vm.size = hr_catalogue_find(&c, "", "f.8");
	vm.vcpus = 8;
	vm.mem_bytes = 32768 * FX_MIB;
	hr_ladder_climb(&a, &vm, &c, 1, 1.3, rung);
	p = hr_ladder_pick(rung, 4);
	assert_true(p.current == 3 && p.next == -1 && p.ceiling == -1);
	vm.size = NULL;
	assert_int_equal(hr_ladder_climb(&a, &vm, &c, 1, 1.3, rung), 0);
}

static void a_size_is_believed_only_with_its_own_vcpus_and_memory(void **state)
{
	struct hr_size_row size = {.vcpus = 4, .mem_bytes = 16384 * FX_MIB},
			   no_memory = {.vcpus = 4};

	(void)state;
	assert_true(hr_catalogue_fits(&size, 4, 16384 * FX_MIB));
	assert_true(
		hr_catalogue_fits(&size, 4, 14300 * FX_MIB)); /* 0.873 of it: the kernel's share */
	assert_false(hr_catalogue_fits(&size, 2, 16384 * FX_MIB));
	assert_false(hr_catalogue_fits(&size, 4, 13000 * FX_MIB)); /* 0.793 */
	assert_false(hr_catalogue_fits(&size, 4, 16800 * FX_MIB)); /* 1.025 */
	assert_true(hr_catalogue_fits(&no_memory, 4, 1));
}

/* The JSON at @key of @o, as the whole number it must be. */
static json_int_t whole(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static json_t *document(const struct hr_answer *a, const struct hr_catalogue *c)
{
	char *text = hr_ladder_document(a, c, 1.3);
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "schema")), "headroom.sizes/1");
	free(text);
	return o;
}

static void the_document_holds_the_whole_ladder_and_none_of_a_size_that_is_not_there(void **state)
{
	struct hr_catalogue c = parsed();
	static struct hr_answer a;
	json_t *o, *sizes, *r;

	(void)state;
	answer(&a);
	(void)snprintf(a.host, sizeof(a.host), "vm");
	a.size.has = true;
	(void)snprintf(a.size.name, sizeof(a.size.name), "f.4");
	a.size.vcpus = 4;
	a.size.mem_bytes = 16384 * FX_MIB;
	o = document(&a, &c);
	sizes = json_object_get(o, "sizes");
	assert_int_equal(json_array_size(sizes), 4);
	/* as in each_resource_scales_by_its_own_ratio */
	assert_int_equal(whole(o, "next"), 3);
	assert_int_equal(whole(o, "ceiling"), 3);
	assert_true(json_is_null(json_object_get(o, "smaller")));
	r = json_array_get(sizes, 3);
	assert_string_equal(json_string_value(json_object_get(r, "name")), "f.8");
	assert_int_equal(whole(r, "vcpus"), 8);
	assert_true(json_is_true(json_object_get(r, "enough")));
	assert_true(json_is_null(json_object_get(r, "price")));
	fx_near(json_real_value(json_object_get(json_object_get(r, "headroom"), "at_least")),
		1 + 22 / 12.0, 1e-6);
	assert_true(json_is_true(json_object_get(json_array_get(sizes, 2), "current")));
	json_decref(o);
	a.size.vcpus = 8; /* somebody's file says f.4, the VM has 8 */
	o = document(&a, &c);
	assert_int_equal(json_array_size(json_object_get(o, "sizes")), 0);
	assert_true(json_is_null(json_object_get(o, "size")));
	assert_true(json_is_null(json_object_get(o, "next")));
	json_decref(o);
	a.size.has = false;
	o = document(&a, &c);
	assert_int_equal(json_array_size(json_object_get(o, "sizes")), 0);
	json_decref(o);
}

static void two_vms_on_one_add_their_tightest_moments(void **state)
{
	static struct hr_answer a, b;
	struct hr_bounds k;

	(void)state;
	answer(&a);
	answer(&b);
	b.res[0].capacity.value.v = 2;                   /* 2 vCPUs at k = 2: one full CPU */
	b.res[1].capacity.value.v = 4.0 * 1024 * FX_MIB; /* a quarter of the memory */
	k = hr_ladder_merge(&a, &b);
	/* CPU 1 / (1/2 + 0.5/2) = 1.3333; memory 1 / (1/1.5 + 0.25/1.5) = 1.2 */
	fx_near(k.at_least.v, 1.2, 1e-9);
	assert_false(k.likely.has);
	b.n_res = 0;
	assert_false(hr_ladder_merge(&a, &b).has);
}

static void two_days_of_minutes_are_added_minute_by_minute(void **state)
{
	static double a[2880], b[2880];
	uint32_t minutes;
	struct hr_opt r;

	(void)state;
	for (unsigned i = 0; i < 2880; i++) { /* by day one, by night the other */
		a[i] = i % 1440 < 720 ? 2 : 0.5;
		b[i] = i % 1440 < 720 ? 0.25 : 1;
	}
	r = hr_merge_ratio(a, 1, b, 2880, 0.005, &minutes);
	assert_true(r.has);
	assert_int_equal(minutes, 2880);
	fx_near(r.v, 2 / 2.25, 1e-12); /* peak + peak would be 2/3 */
	fx_near(hr_merge_peak(a, 1, b, 2880).v, 2.25, 1e-12);
	r = hr_merge_ratio(a, 2, b, 2880, 0.005, &minutes);
	fx_near(r.v, 4 / 4.25, 1e-12);
	/* 14 minutes of 2880 lie above the rank of the 0.5 % quantile: 15 count */
	for (unsigned i = 0; i < 14; i++)
		b[i] = 6;
	fx_near(hr_merge_ratio(a, 1, b, 2880, 0.005, &minutes).v, 2 / 2.25, 1e-12);
	b[14] = 6;
	fx_near(hr_merge_ratio(a, 1, b, 2880, 0.005, &minutes).v, 2.0 / 8, 1e-12);
	fx_near(hr_merge_peak(a, 1, b, 2880).v, 8, 1e-12);
	/* only minutes that both have: 1439 of them are no day */
	for (unsigned i = 0; i < 2880; i++)
		a[i] = i < 1441 ? NAN : a[i];
	assert_false(hr_merge_ratio(a, 1, b, 2880, 0.005, &minutes).has);
	assert_int_equal(minutes, 1439);
	assert_false(hr_merge_peak(a, 1, b, 2880).has);
}

static void prices_are_the_operators_and_a_wrong_line_is_named(void **state)
{
	struct hr_size_row two[2] = {
		{.provider = "own", .name = "s"}, {.provider = "own", .name = "m"}};
	struct hr_catalogue c = {.row = two, .n = 2};
	static const char good[] = "# ours\nown\tm\t0.25\tEUR/h\n";
	static const struct {
		const char *text, *err;
	} bad[] = {
		{"own\tm\t0.25\n",
			"line 1: expected provider, name, price and unit with tabs between"},
		{"own\tm\t0\tEUR/h\n", "line 1: price: expected a number above 0"},
		{"own\tm\tfree\tEUR/h\n", "line 1: price: expected a number above 0"},
		{"\nown\tl\t1\tEUR/h\n", "line 2: no such size in the catalogue or the ladder"},
		{"own\tm\t1\tEuros an hour\n",
			"line 1: unit: expected a word of at most 15 characters, like USD/h"},
	};
	char err[160];

	(void)state;
	assert_true(hr_catalogue_prices(good, strlen(good), &c, err));
	fx_near(two[1].price, 0.25, 0);
	assert_string_equal(two[1].price_unit, "EUR/h");
	fx_near(two[0].price, 0, 0); /* not told */
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(hr_catalogue_prices(bad[i].text, strlen(bad[i].text), &c, err));
		assert_string_equal(err, bad[i].err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_read_and_a_family_is_in_order),
		cmocka_unit_test(a_wrong_line_is_named_and_nothing_is_taken),
		cmocka_unit_test(the_shipped_catalogue_is_read_whole),
		cmocka_unit_test(each_resource_scales_by_its_own_ratio),
		cmocka_unit_test(twice_the_load_is_half_the_headroom),
		cmocka_unit_test(the_smallest_size_that_does_is_found_and_the_largest_has_no_next),
		cmocka_unit_test(a_size_is_believed_only_with_its_own_vcpus_and_memory),
		cmocka_unit_test(
			the_document_holds_the_whole_ladder_and_none_of_a_size_that_is_not_there),
		cmocka_unit_test(two_vms_on_one_add_their_tightest_moments),
		cmocka_unit_test(two_days_of_minutes_are_added_minute_by_minute),
		cmocka_unit_test(prices_are_the_operators_and_a_wrong_line_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
