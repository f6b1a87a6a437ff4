/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/status.h"

static char dir[64], path[96];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/hr-status.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof path, "%s/status", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static struct hr_status status(const char *why)
{
	struct hr_status s = {.pid = (uint64_t)getpid(),
		.wall_ms = 1764115200000,
		.cost_ppm = 15200,
		.hook_ppm = 14000,
		.budget_ppm = 10000,
		.event_ns = 212,
		.rss_bytes = 2500000,
		.map_bytes = 205000,
		.shed = 1u << HR_SHED_BURST | 1u << HR_SHED_NET};

	(void)snprintf(s.why, sizeof s.why, "%s", why);
	return s;
}

static void what_is_written_is_read(void **state)
{
	struct hr_status s = status("shed: agent cost 1.52 % of a CPU, budget 1.00 %"), got;
	int fd = hr_status_open(dir);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(hr_status_read(dir, &got), -ENOENT); /* no window yet */
	assert_int_equal(hr_status_write(fd, &s), 0);
	assert_int_equal(hr_status_read(dir, &got), 0);
	assert_memory_equal(&got, &s, sizeof s);
	s = status(""); /* shorter: nothing of the longer one is left */
	s.cost_ppm = 1;
	s.shed = 0;
	assert_int_equal(hr_status_write(fd, &s), 0);
	assert_int_equal(hr_status_read(dir, &got), 0);
	assert_memory_equal(&got, &s, sizeof s);
	hr_status_close(fd);
	assert_int_equal(hr_status_read(dir, &got), -ENOENT);
}

static void an_agent_that_was_killed_is_not_there(void **state)
{
	struct hr_status s = status(""), got;
	int fd = hr_status_open(dir);
	pid_t gone = fork();

	(void)state;
	assert_true(fd >= 0 && gone >= 0);
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	s.pid = (uint64_t)gone;
	assert_int_equal(hr_status_write(fd, &s), 0);
	assert_int_equal(hr_status_read(dir, &got), -ENOENT);
	hr_status_close(fd);
}

static void another_file_is_refused(void **state)
{
	static const char zero_pid[] = "pid=0\nwall_ms=1\ncost_ppm=1\nhook_ppm=1\nbudget_ppm=1\n"
				       "event_ns=1\nrss_bytes=1\nmap_bytes=1\nshed=0\nwhy=\n";
	static const char *const bad[] = {"hello\n", "pid=1\n", "pid=x\nwall_ms=1\n", zero_pid};
	struct hr_status got;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_int_equal(write(fd, bad[i], strlen(bad[i])), (ssize_t)strlen(bad[i]));
		close(fd);
		assert_int_equal(hr_status_read(dir, &got), -EBADMSG);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read),
		T(an_agent_that_was_killed_is_not_there),
		T(another_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
