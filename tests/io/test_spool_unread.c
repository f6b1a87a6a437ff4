/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool that cannot be read when the agent starts, or not be made durable: nothing in it may be
 * replaced, and all of it is sent when that works again.
 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/core/journal.h"
#include "agent/spool.h"
#include "tests/io/spool_dir.h"

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
	(void)state;
	remove_dir(dir);
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

/* Puts and takes as many windows as make a rewrite worth while. */
static void churn(struct hr_spool *s, uint64_t from)
{
	for (uint64_t i = from; i < from + 400; i++) {
		struct hr_outbox_batch b = {.boot = BOOT, .n = 1, .span = {{i, i}}};

		assert_int_equal(put(s, i), 0);
		assert_int_equal(hr_spool_mark(s, HR_JOURNAL_ACKED, &b), 0);
	}
}

static void the_next_file_that_is_durable_ends_the_trouble(void **state)
{
	struct hr_spool *s = start();

	(void)state;
	assert_non_null(s);
	fsync_fails = true;
	churn(s, 3);
	assert_non_null(strstr(hr_spool_trouble(s), "directory durable"));
	fsync_fails = false;
	churn(s, 403);
	assert_string_equal(hr_spool_trouble(s), "");
	hr_spool_close(s);
}

static int mark(struct hr_spool *s, enum hr_journal_type what, uint64_t boot, uint64_t seq)
{
	const struct hr_outbox_batch b = {.boot = boot, .n = 1, .span = {{seq, seq}}};

	return hr_spool_mark(s, what, &b);
}

static int put_small(struct hr_spool *s, uint64_t from, uint64_t to)
{
	int r = 0;

	for (uint64_t i = from; r == 0 && i <= to; i++)
		r = hr_spool_add(s, 1, (struct hr_journal_span){i, i}, i * 10000, "window", 6);
	return r;
}

/* 2 + 1498 of before and 1000 since: 453 more than an index of 2048 with one place free. */
static void where_both_do_not_fit_the_index_the_oldest_go(void **state)
{
	struct hr_spool *s = start();
	const struct hr_outbox *b;

	(void)state;
	assert_non_null(s);
	assert_int_equal(put_small(s, 3, 1500), 0);
	assert_int_equal(mark(s, HR_JOURNAL_FROZEN, BOOT, 2), 0);
	hr_spool_close(s);
	pread_fails = true;
	s = start();
	assert_non_null(s);
	assert_int_equal(put_small(s, 1501, 2500), 0);
	pread_fails = false;
	hr_spool_tend(s, 0);
	assert_false(hr_spool_unread(s));
	b = hr_spool_outbox(s);
	assert_int_equal(b->dropped, 453);
	assert_int_equal(b->n, 2047);
	assert_int_equal(b->item[0].span.seq_first, 2); /* frozen: it may be stored */
	assert_true(b->item[0].frozen);
	for (uint32_t i = 1; i < b->n; i++)
		assert_int_equal(b->item[i].span.seq_first, 454 + i);
	assert_int_equal(put_small(s, 2501, 2501), 0);
	hr_spool_close(s);
	s = start();
	assert_non_null(s);
	assert_int_equal(hr_spool_outbox(s)->n, 2048);
	assert_int_equal(hr_spool_outbox(s)->dropped, 453);
	hr_spool_close(s);
}

/*
 * What is no spool delays nothing, and of the others only what waits is copied: two files of much
 * garbage were more than one may have.
 */
static void files_set_aside_of_any_size_are_done_with(void **state)
{
	char from[128], to[128];
	static unsigned char rec[2048];
	struct hr_journal_record r = {
		.type = HR_JOURNAL_ACKED, .boot = BOOT + 9, .n = HR_JOURNAL_LIST_MAX};
	size_t n = hr_journal_put(&r, rec, sizeof(rec));
	struct hr_spool *s;
	struct stat st;
	int fd;

	(void)state;
	assert_true(n > 1000);
	(void)snprintf(from, sizeof(from), "%s/spool", dir);
	(void)snprintf(to, sizeof(to), "%s/spool.unread.1", dir);
	assert_int_equal(rename(from, to), 0);
	fd = open(to, O_WRONLY | O_APPEND); /* 1 MB that says nothing about windows 1 and 2 */
	for (size_t i = 0; i < 1000000 / n; i++)
		assert_int_equal(write(fd, rec, n), (ssize_t)n);
	(void)close(fd);
	(void)snprintf(to, sizeof(to), "%s/spool.unread", dir);
	fd = open(to, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 65 << 20), 0);
	(void)close(fd);
	s = start();
	assert_non_null(s);
	assert_true(hr_spool_damaged(s));
	assert_true(there("spool.damaged"));
	assert_false(there("spool.unread") || there("spool.unread.1"));
	assert_false(hr_spool_unread(s));
	assert_true(HOLDS(s, 1, 2));
	(void)snprintf(from, sizeof(from), "%s/spool", dir);
	assert_int_equal(stat(from, &st), 0);
	assert_true(st.st_size < 4096); /* two windows of 552 bytes and a head */
	hr_spool_close(s);
}

/* What the queue knows and no file says, or says late: facts of this epoch, windows aside. */
static void taking_a_file_in_forgets_nothing_of_the_queue(void **state)
{
	const struct hr_outbox_batch b = {.boot = BOOT + 1, .n = 1, .span = {{2, 2}}};
	const struct hr_outbox_facts *f;
	unsigned char buf[64];
	struct hr_spool *s;

	(void)state;
	pread_fails = true;
	assert_int_equal(hr_spool_open(&s, dir, LIMIT, BOOT + 1), 0);
	assert_int_equal(hr_spool_add_facts(s, 1, "first", 5), 0);
	assert_int_equal(put(s, 1), 0);
	assert_int_equal(put(s, 2), 0);
	assert_int_equal(mark(s, HR_JOURNAL_HELD, BOOT + 1, 1), 0);
	hr_spool_aside(s, &b);
	assert_int_equal(hr_spool_add_facts(s, 2, "second", 6), 0); /* no window has it yet */
	pread_fails = false;
	hr_spool_tend(s, 0);
	assert_false(hr_spool_unread(s));
	assert_true(HOLDS(s, 1, 2, 1, 2));
	assert_true(hr_spool_outbox(s)->item[2].held);
	assert_true(hr_spool_outbox(s)->item[3].aside);
	assert_int_equal(hr_outbox_n_aside(hr_spool_outbox(s)), 1);
	f = hr_outbox_facts_of(hr_spool_outbox(s), BOOT + 1, 2);
	assert_non_null(f);
	assert_int_equal(hr_spool_read_facts(s, f, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "second", 6);
	f = hr_outbox_facts_of(hr_spool_outbox(s), BOOT + 1, 1);
	assert_non_null(f);
	assert_int_equal(hr_spool_read_facts(s, f, buf, sizeof(buf)), 5);
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
		T(the_next_file_that_is_durable_ends_the_trouble),
		T(where_both_do_not_fit_the_index_the_oldest_go),
		T(files_set_aside_of_any_size_are_done_with),
		T(taking_a_file_in_forgets_nothing_of_the_queue),
		T(what_lies_on_a_read_only_mount_is_never_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
