/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of a cgroup tree that this test writes: which group is held back, and what it may use.
 */
#include "tests/io/root_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host_cgroup.h"

static void cpu(const char *group, const char *max, unsigned throttled_us)
{
	char path[128], text[128];

	(void)snprintf(path, sizeof(path), "%s/cpu.max", group);
	put(path, max);
	(void)snprintf(path, sizeof(path), "%s/cpu.stat", group);
	(void)snprintf(text, sizeof(text), "nr_periods 9\nnr_throttled %u\nthrottled_usec %u\n",
		throttled_us / 1000, throttled_us);
	put(path, text);
}

static void memory(const char *group, const char *max, unsigned hits)
{
	char path[128], text[128];

	(void)snprintf(path, sizeof(path), "%s/memory.max", group);
	put(path, max);
	(void)snprintf(path, sizeof(path), "%s/memory.current", group);
	put(path, "1000000\n");
	(void)snprintf(path, sizeof(path), "%s/memory.events", group);
	(void)snprintf(text, sizeof(text), "low 0\nhigh 0\nmax %u\noom 0\noom_kill 0\n", hits);
	put(path, text);
}

static int begin(void **state)
{
	struct hr_host_cgroup *c = NULL;

	make_root();
	dir("proc");
	dir("proc/self");
	dir("cg");
	put("proc/self/mounts", "cgroup2 /cg cgroup2 rw 0 0\n");
	put("cg/cgroup.controllers", "cpu memory\n");
	dir("cg/a");
	dir("cg/b");
	cpu("cg/a", "50000 100000\n", 0);
	cpu("cg/b", "20000 10000\n", 0);
	memory("cg/b", "max\n", 0);
	assert_int_equal(hr_host_cgroup_open(&c, root), 0);
	*state = c;
	return 0;
}

static int end(void **state)
{
	hr_host_cgroup_close(*state);
	remove_root();
	return 0;
}

static void expect(struct hr_host_cgroup *c, struct hr_facts *f, const char *group, uint32_t cpu_m,
	uint32_t mem_mib)
{
	struct hr_cgroup_raw raw;

	assert_true(hr_host_cgroup_pass(c, &raw));
	hr_host_cgroup_facts(&raw, f);
	assert_string_equal(f->tight_cgroup, group);
	assert_int_equal(f->tight_cpu_m, cpu_m);
	assert_int_equal(f->tight_mem_mib, mem_mib);
}

static void the_quota_of_the_group_held_back_last_is_told_as_it_is_now(void **state)
{
	struct hr_host_cgroup *c = *state;
	struct hr_facts f = {0};

	expect(c, &f, "", 0, 0); /* none was ever held back: nothing to tell */
	cpu("cg/a", "50000 100000\n", 5000);
	expect(c, &f, "/a", 500, 0);
	expect(c, &f, "/a", 500, 0); /* told still when it is not held back */
	cpu("cg/a", "150000 100000\n", 5000);
	expect(c, &f, "/a", 1500, 0);
	cpu("cg/a", "max 100000\n", 5000);
	expect(c, &f, "/a", HR_NO_LIMIT, 0);
	cpu("cg/b", "20000 10000\n", 9000);
	expect(c, &f, "/b", 2000, HR_NO_LIMIT);
	cpu("cg/a", "70000 100000\n", 5000); /* another group's quota is not its business */
	expect(c, &f, "/b", 2000, HR_NO_LIMIT);
}

/* A group that goes, or whose controller is taken away, has not had its limit lifted. */
static void a_quota_that_cannot_be_read_is_not_lifted(void **state)
{
	struct hr_host_cgroup *c = *state;
	struct hr_facts f = {0};
	char path[128];

	expect(c, &f, "", 0, 0);
	cpu("cg/a", "50000 100000\n", 5000);
	expect(c, &f, "/a", 500, 0);
	(void)snprintf(path, sizeof(path), "%s/cg/a/cpu.max", root);
	assert_int_equal(unlink(path), 0);
	expect(c, &f, "/a", 500, 0);
}

static void the_memory_limit_of_the_group_held_back_last_is_told_as_it_is_now(void **state)
{
	struct hr_host_cgroup *c = *state;
	struct hr_facts f = {0};

	memory("cg/b", "104857600\n", 0);
	expect(c, &f, "", 0, 0);
	memory("cg/b", "104857600\n", 3);
	expect(c, &f, "/b", 2000, 100);
	memory("cg/b", "209715200\n", 3);
	expect(c, &f, "/b", 2000, 200);
	memory("cg/b", "max\n", 3);
	expect(c, &f, "/b", 2000, HR_NO_LIMIT);
	memory("cg/b", "4096\n", 3); /* less than the unit is not "unknown" */
	expect(c, &f, "/b", 2000, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_quota_of_the_group_held_back_last_is_told_as_it_is_now, begin, end),
		cmocka_unit_test_setup_teardown(
			the_memory_limit_of_the_group_held_back_last_is_told_as_it_is_now, begin,
			end),
		cmocka_unit_test_setup_teardown(
			a_quota_that_cannot_be_read_is_not_lifted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
