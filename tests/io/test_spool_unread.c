/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool that cannot be read when the agent starts, or not be made durable: nothing in it may be
 * replaced, and all of it is sent when that works again.
 */
#include "tests/unit/hr_cmocka.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool.h"

#define BOOT  0x1111ULL
#define LIMIT (512 * 1024)

/* The disk of this program, broken when a test wants it: in front of the C library's. */
static bool pread_fails, fsync_fails;

ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	if (pread_fails) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, buf, n, at);
}

int fsync(int fd)
{
	if (fsync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static char dir[64];

static int put(struct hr_spool *s, uint64_t seq)
{
	unsigned char body[500];

	memset(body, (int)seq, sizeof(body));
	return hr_spool_add(
		s, 1, (struct hr_journal_span){seq, seq}, (seq + 1) * 10000, body, sizeof(body));
}

/* Which windows wait, in order. */
static bool holds(struct hr_spool *s, const uint64_t *seq, uint32_t n)
{
	const struct hr_outbox *b = hr_spool_outbox(s);
	unsigned char body[600];

	if (b->n != n || b->dropped != 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (b->item[i].span.seq_first != seq[i] || b->item[i].span.seq_last != seq[i] ||
			hr_spool_read(s, i, body, sizeof(body)) != 500 ||
			body[499] != (unsigned char)seq[i])
			return false;
	return true;
}
#define HOLDS(s, ...)                                                                              \
	holds(s, (const uint64_t[]){__VA_ARGS__},                                                  \
		sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static struct hr_spool *start(void)
{
	struct hr_spool *s;

	return hr_spool_open(&s, dir, LIMIT, BOOT) == 0 ? s : NULL;
}

static bool there(const char *name)
{
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0;
}

static int setup(void **state)
{
	struct hr_spool *s;

	(void)state;
	pread_fails = fsync_fails = false;
	(void)snprintf(dir, sizeof(dir), "/tmp/hr-unread-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	s = start();
	if (!s || put(s, 1) < 0 || put(s, 2) < 0)
		return -1;
	hr_spool_close(s);
	return 0;
}

static int teardown(void **state)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	(void)state;
	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(dir);
	return 0;
}

static void a_file_with_an_io_error_is_set_aside_and_read_when_that_works(void **state)
{
	struct hr_spool *s;

	(void)state;
	pread_fails = true;
	s = start();
	assert_non_null(s);
	assert_true(hr_spool_unread(s));
	assert_string_equal(hr_spool_trouble(s), ""); /* the rest of the directory is well */
	assert_true(there("spool.unread"));
	assert_int_equal(put(s, 3), 0);
	hr_spool_tend(s, 0);
	assert_true(hr_spool_unread(s));
	hr_spool_close(s);
	/* the next agent cannot read either file, and loses neither */
	s = start();
	assert_non_null(s);
	assert_true(there("spool.unread") && there("spool.unread.1"));
	assert_int_equal(put(s, 4), 0);
	pread_fails = false;
	hr_spool_tend(s, 0);
	assert_true(HOLDS(s, 1, 2, 3, 4));
	assert_false(there("spool.unread") || there("spool.unread.1") || hr_spool_unread(s));
	hr_spool_close(s);
	s = start();
	assert_non_null(s);
	assert_true(HOLDS(s, 1, 2, 3, 4));
	assert_int_equal(hr_spool_outbox(s)->seq_last, 4);
	hr_spool_close(s);
}

static void a_new_boot_s_windows_stand_behind_those_of_the_file_that_was_not_read(void **state)
{
	struct hr_spool *s;

	(void)state;
	pread_fails = true;
	assert_int_equal(hr_spool_open(&s, dir, LIMIT, BOOT + 1), 0);
	assert_int_equal(put(s, 1), 0);
	pread_fails = false;
	hr_spool_tend(s, 0);
	assert_true(HOLDS(s, 1, 2, 1));
	assert_true(hr_spool_outbox(s)->item[2].boot == BOOT + 1); /* the newest goes first */
	assert_true(hr_spool_outbox(s)->boot == BOOT + 1);
	assert_int_equal(hr_spool_outbox(s)->seq_last, 1);
	assert_false(hr_spool_unread(s));
	assert_false(there("spool.unread"));
	hr_spool_close(s);
}

/* Killed between the two steps: both files hold the same windows. */
static void a_file_taken_in_twice_doubles_nothing(void **state)
{
	char from[128], to[128];
	struct hr_spool *s;

	(void)state;
	(void)snprintf(from, sizeof(from), "%s/spool", dir);
	(void)snprintf(to, sizeof(to), "%s/spool.unread", dir);
	assert_int_equal(link(from, to), 0);
	s = start();
	assert_non_null(s);
	assert_true(HOLDS(s, 1, 2));
	assert_false(there("spool.unread"));
	assert_int_equal(put(s, 3), 0);
	assert_true(HOLDS(s, 1, 2, 3));
	hr_spool_close(s);
}

static void damage_in_a_file_set_aside_is_kept_for_inspection(void **state)
{
	char from[128], to[128];
	struct hr_spool *s;
	int fd;

	(void)state;
	(void)snprintf(from, sizeof(from), "%s/spool", dir);
	(void)snprintf(to, sizeof(to), "%s/spool.unread", dir);
	assert_int_equal(rename(from, to), 0);
	fd = open(to, O_WRONLY);
	/* HEAD has 16 + 36 bytes, window 1 has 16 + 36 + 500: this is in window 2 */
	assert_int_equal(pwrite(fd, "X", 1, 52 + 552 + 100), 1);
	(void)close(fd);
	s = start();
	assert_non_null(s);
	assert_true(HOLDS(s, 1));
	assert_true(there("spool.damaged"));
	assert_false(there("spool.unread"));
	hr_spool_close(s);
}

/* Records written to the file that lost its name would be nobody's after a restart. */
static void a_directory_that_cannot_be_synced_gets_the_new_file_all_the_same(void **state)
{
	struct hr_spool *s = start();

	(void)state;
	assert_non_null(s);
	fsync_fails = true;
	/* enough garbage for a rewrite: LIMIT / 4 of file, less than half of it live */
	for (uint64_t i = 3; i < 400; i++) {
		struct hr_outbox_batch b;

		assert_int_equal(put(s, i), 0);
		assert_true(hr_outbox_find(
			hr_spool_outbox(s), BOOT, (struct hr_journal_span){i, i}, &b));
		assert_int_equal(hr_spool_mark(s, HR_JOURNAL_ACKED, &b), 0);
	}
	assert_non_null(strstr(hr_spool_trouble(s), "directory durable"));
	assert_int_equal(put(s, 500), 0);
	hr_spool_tend(s, 0);
	assert_true(hr_spool_trouble(s)[0] != '\0');
	hr_spool_close(s);
	s = start(); /* killed and started again */
	assert_non_null(s);
	assert_true(HOLDS(s, 1, 2, 500));
	for (uint64_t i = 501; i < 900; i++) {
		struct hr_outbox_batch b;

		assert_int_equal(put(s, i), 0);
		assert_true(hr_outbox_find(
			hr_spool_outbox(s), BOOT, (struct hr_journal_span){i, i}, &b));
		assert_int_equal(hr_spool_mark(s, HR_JOURNAL_ACKED, &b), 0);
	}
	assert_true(hr_spool_trouble(s)[0] != '\0');
	fsync_fails = false;
	hr_spool_tend(s, 0);
	assert_string_equal(hr_spool_trouble(s), "");
	hr_spool_close(s);
}

/* On a tmpfs of its own in a mount namespace, read-only when the agent starts. */
static int on_a_read_only_mount(void)
{
	struct hr_spool *s = start();

	if (!s || put(s, 1) < 0 || put(s, 2) < 0)
		return 1;
	hr_spool_close(s);
	if (mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 99;
	s = start();
	if (!s || !hr_spool_trouble(s)[0] || !hr_spool_unread(s) || put(s, 3) < 0)
		return 2;
	hr_spool_tend(s, 0);
	if (!hr_spool_trouble(s)[0] || !HOLDS(s, 3))
		return 3;
	if (mount("none", dir, NULL, MS_REMOUNT, NULL) < 0)
		return 4;
	hr_spool_tend(s, 0);
	if (hr_spool_trouble(s)[0] || hr_spool_unread(s) || !HOLDS(s, 1, 2, 3))
		return 5;
	hr_spool_close(s);
	s = start();
	if (!s || !HOLDS(s, 1, 2, 3) || hr_spool_outbox(s)->seq_last != 3)
		return 6;
	hr_spool_close(s);
	return 0;
}

static void what_lies_on_a_read_only_mount_is_never_replaced(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("none", dir, "tmpfs", 0, "size=1m") < 0)
			_exit(99);
		_exit(on_a_read_only_mount());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
		print_message("skipped: mounting needs root\n");
		skip();
	}
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_with_an_io_error_is_set_aside_and_read_when_that_works),
		T(a_new_boot_s_windows_stand_behind_those_of_the_file_that_was_not_read),
		T(a_file_taken_in_twice_doubles_nothing),
		T(damage_in_a_file_set_aside_is_kept_for_inspection),
		T(a_directory_that_cannot_be_synced_gets_the_new_file_all_the_same),
		T(what_lies_on_a_read_only_mount_is_never_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
