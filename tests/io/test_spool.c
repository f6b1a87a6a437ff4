/* SPDX-License-Identifier: Apache-2.0 */
/* The spool on real files: killed, torn, damaged, full, taken, unwritable. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool.h"
#include "proto/summary.h"
#include "proto/wire.h"
#include "tests/io/spool_dir.h"

#define BOOT  0x1111ULL
#define LIMIT (512 * 1024)

struct world {
	char dir[64], file[96];
	struct hr_spool *s;
};

/* An encoded window that counted @n switches in 10 s. */
static size_t encode(uint64_t seq, uint64_t n, unsigned char *buf, size_t cap)
{
	static struct hr_summary s;
	size_t len;

	memset(&s, 0, sizeof(s));
	s.seq_first = s.seq_last = seq;
	s.t_end_ms = (seq + 1) * 10000;
	s.dur_ms = 10000;
	s.epoch = 1;
	s.cpus = 2;
	s.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS);
	s.ctr[HR_CTR_SWITCHES] = n;
	for (uint32_t v = 0; v < 40; v++)
		assert_true(hr_hist_add(&s.dist[HR_DIST_BUSY], v * 25 + seq % 7, 3));
	len = hr_wire_encode_summary(&s, buf, cap);
	assert_true(len > 0);
	return len;
}

static int put(struct hr_spool *s, uint64_t seq)
{
	unsigned char buf[4096];
	size_t n = encode(seq, 1000 + seq, buf, sizeof(buf));

	return hr_spool_add(s, 1, (struct hr_journal_span){seq, seq}, (seq + 1) * 10000, buf, n);
}

static void open_again(struct world *w, uint64_t limit, uint64_t boot)
{
	hr_spool_close(w->s);
	w->s = NULL;
	assert_int_equal(hr_spool_open(&w->s, w->dir, limit, boot), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/hr-spool-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	(void)snprintf(w->file, sizeof(w->file), "%s/spool", w->dir);
	open_again(w, LIMIT, BOOT);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	hr_spool_close(w->s);
	remove_dir(w->dir);
	free(w);
	return 0;
}

static uint32_t waiting(const struct world *w)
{
	return hr_spool_outbox(w->s)->n;
}

/* Window numbers covered by what waits, merged windows counted in full. */
static uint64_t covered(const struct world *w)
{
	const struct hr_outbox *b = hr_spool_outbox(w->s);
	uint64_t n = 0;

	for (uint32_t i = 0; i < b->n; i++)
		n += b->item[i].span.seq_last - b->item[i].span.seq_first + 1;
	return n;
}

static long file_size(const struct world *w)
{
	struct stat st;

	return stat(w->file, &st) < 0 ? -1 : (long)st.st_size;
}

static void take(struct world *w, enum hr_journal_type what, uint64_t seq)
{
	struct hr_outbox_batch b;

	assert_true(hr_outbox_find(
		hr_spool_outbox(w->s), BOOT, (struct hr_journal_span){seq, seq}, &b));
	assert_int_equal(hr_spool_mark(w->s, what, &b), 0);
}

static void a_killed_agent_s_windows_are_there_for_the_next(void **state)
{
	struct world *w = *state;
	unsigned char want[4096], got[4096];
	size_t n = encode(7, 1007, want, sizeof(want));
	int status;
	pid_t pid;

	hr_spool_close(w->s);
	w->s = NULL;
	pid = fork();
	if (pid == 0) {
		struct hr_spool *s;

		if (hr_spool_open(&s, w->dir, LIMIT, BOOT) == 0 && put(s, 6) == 0 && put(s, 7) == 0)
			(void)raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	open_again(w, LIMIT, BOOT);
	assert_int_equal(waiting(w), 2);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, 7);
	assert_int_equal(hr_spool_read(w->s, 1, got, sizeof(got)), n);
	assert_memory_equal(got, want, n);
	assert_false(hr_spool_damaged(w->s));
}

static void acknowledged_windows_do_not_return_and_numbers_are_not_reused(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w->s, 1), 0);
	assert_int_equal(put(w->s, 2), 0);
	take(w, HR_JOURNAL_ACKED, 2);
	open_again(w, LIMIT, BOOT);
	assert_int_equal(waiting(w), 1);
	assert_int_equal(hr_spool_outbox(w->s)->item[0].span.seq_first, 1);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, 2);
	assert_int_equal(put(w->s, 1), -EEXIST);
	open_again(w, LIMIT, BOOT);
	assert_int_equal(waiting(w), 1);
}

static void frozen_windows_stay_frozen_through_a_restart_and_a_rewrite(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w->s, 1), 0);
	assert_int_equal(put(w->s, 2), 0);
	take(w, HR_JOURNAL_FROZEN, 1);
	open_again(w, LIMIT, BOOT);
	assert_true(hr_spool_outbox(w->s)->item[0].frozen);
	/* enough acknowledged windows to make garbage worth a rewrite */
	for (uint64_t s = 3; s < 1500; s++) {
		assert_int_equal(put(w->s, s), 0);
		take(w, HR_JOURNAL_ACKED, s);
	}
	assert_true(file_size(w) < LIMIT);
	open_again(w, LIMIT, BOOT);
	assert_int_equal(waiting(w), 2);
	assert_true(hr_spool_outbox(w->s)->item[0].frozen);
	assert_false(hr_spool_outbox(w->s)->item[1].frozen);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, 1499);
}

static void a_record_torn_at_any_byte_costs_only_itself(void **state)
{
	struct world *w = *state;
	char whole[8192];
	long before, after;
	int fd;

	assert_int_equal(put(w->s, 1), 0);
	before = file_size(w);
	assert_int_equal(put(w->s, 2), 0);
	after = file_size(w);
	assert_true(after > before && after < (long)sizeof(whole));
	fd = open(w->file, O_RDONLY);
	assert_int_equal(read(fd, whole, sizeof(whole)), after);
	(void)close(fd);
	for (long cut = before; cut <= after; cut++) {
		hr_spool_close(w->s);
		w->s = NULL;
		fd = open(w->file, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, whole, (size_t)cut), cut);
		(void)close(fd);
		open_again(w, LIMIT, BOOT);
		assert_false(hr_spool_damaged(w->s));
		assert_int_equal(waiting(w), cut == after ? 2 : 1);
		/* what is appended now is found the next time */
		assert_int_equal(put(w->s, 3), 0);
		open_again(w, LIMIT, BOOT);
		assert_int_equal(waiting(w), cut == after ? 3 : 2);
	}
}

static void a_damaged_file_is_set_aside_and_what_stands_before_is_kept(void **state)
{
	struct world *w = *state;
	char aside[112];
	struct stat st;
	long second;
	int fd;

	assert_int_equal(put(w->s, 1), 0);
	second = file_size(w);
	assert_int_equal(put(w->s, 2), 0);
	assert_int_equal(put(w->s, 3), 0);
	fd = open(w->file, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, second + 40), 1);
	(void)close(fd);
	open_again(w, LIMIT, BOOT);
	assert_true(hr_spool_damaged(w->s));
	assert_int_equal(waiting(w), 1);
	(void)snprintf(aside, sizeof(aside), "%s/spool.damaged", w->dir);
	assert_int_equal(stat(aside, &st), 0);
	assert_true(st.st_size > second);
	assert_int_equal(put(w->s, 4), 0);
	open_again(w, LIMIT, BOOT);
	assert_false(hr_spool_damaged(w->s));
	assert_int_equal(waiting(w), 2);
}

static void a_file_of_noise_never_stops_the_agent(void **state)
{
	struct world *w = *state;
	struct hr_rand r = hr_rand_seeded("noise");
	unsigned char noise[3000];

	for (int round = 0; round < 50; round++) {
		int fd;

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (unsigned char)hr_rand_u64(&r);
		hr_spool_close(w->s);
		w->s = NULL;
		fd = open(w->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_true(write(fd, noise, sizeof(noise)) == sizeof(noise));
		(void)close(fd);
		open_again(w, LIMIT, BOOT);
		assert_true(hr_spool_damaged(w->s));
		assert_int_equal(waiting(w), 0);
		assert_int_equal(put(w->s, 1), 0);
	}
}

static void a_bounded_spool_merges_first_then_drops_and_counts(void **state)
{
	struct world *w = *state;
	const struct hr_outbox *b;
	const uint64_t limit = 65536;

	open_again(w, limit, BOOT);
	for (uint64_t s = 1; s <= 3000; s++) {
		assert_int_equal(put(w->s, s), 0);
		assert_true((uint64_t)file_size(w) <= 2 * limit);
	}
	b = hr_spool_outbox(w->s);
	assert_true(b->merged > 0);
	/* nothing vanishes uncounted */
	assert_int_equal(covered(w) + b->dropped, 3000);
	assert_int_equal(b->item[b->n - 1].span.seq_last, 3000);
	assert_true(b->live_bytes <= limit);
	open_again(w, limit, BOOT);
	b = hr_spool_outbox(w->s);
	assert_int_equal(covered(w) + b->dropped, 3000);
	assert_int_equal(b->seq_last, 3000);
}

static void old_windows_become_one_whose_counts_are_their_sum(void **state)
{
	static struct hr_wire_arena arena;
	static struct hr_summary got;
	struct world *w = *state;
	unsigned char buf[8192];
	long n;

	for (uint64_t s = 6; s < 13; s++)
		assert_int_equal(put(w->s, s), 0);
	hr_spool_tend(w->s, 130000 + 299000); /* the youngest of 6..11 ended 309 s ago */
	assert_int_equal(waiting(w), 2);      /* 6..11, and 12 of the next minute */
	assert_int_equal(hr_spool_outbox(w->s)->item[0].span.seq_first, 6);
	assert_int_equal(hr_spool_outbox(w->s)->item[0].span.seq_last, 11);
	n = hr_spool_read(w->s, 0, buf, sizeof(buf));
	assert_true(n > 0);
	assert_int_equal(hr_wire_decode_summary(&arena, buf, (size_t)n, &got), HR_WIRE_OK);
	assert_int_equal(got.ctr[HR_CTR_SWITCHES], 6 * 1000 + 6 + 7 + 8 + 9 + 10 + 11);
	assert_int_equal(got.dist[HR_DIST_BUSY].total, 6 * 120);
	assert_int_equal(got.dur_ms, 60000);
	open_again(w, LIMIT, BOOT);
	assert_int_equal(waiting(w), 2);
}

static void a_new_boot_keeps_the_old_one_s_windows_and_counts_from_its_own(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w->s, 500), 0);
	open_again(w, LIMIT, BOOT + 1);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, 0);
	assert_int_equal(put(w->s, 3), 0);
	open_again(w, LIMIT, BOOT + 1);
	assert_int_equal(waiting(w), 2);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, 3);
	assert_true(hr_spool_outbox(w->s)->item[0].boot == BOOT);
}

static void a_second_agent_is_told_that_the_directory_is_taken(void **state)
{
	struct world *w = *state;
	struct hr_spool *other;

	assert_int_equal(hr_spool_open(&other, w->dir, LIMIT, BOOT), -EBUSY);
}

static void without_a_directory_windows_wait_in_memory(void **state)
{
	struct world *w = *state;
	char under_a_file[128];
	struct hr_spool *s;

	(void)snprintf(under_a_file, sizeof(under_a_file), "%s/spool/below", w->dir);
	assert_int_equal(hr_spool_open(&s, under_a_file, LIMIT, BOOT), 0);
	assert_true(hr_spool_trouble(s)[0] != '\0');
	for (uint64_t i = 1; i <= 2000; i++)
		assert_int_equal(put(s, i), 0);
	assert_true(hr_spool_outbox(s)->live_bytes <= HR_SPOOL_MEMORY_MAX);
	hr_spool_close(s);
	assert_int_equal(hr_spool_open(&s, "", LIMIT, BOOT), 0); /* asked for: no trouble */
	assert_string_equal(hr_spool_trouble(s), "");
	hr_spool_close(s);
}

/* In a mount namespace of its own, on a tmpfs of 128 KiB. */
static int on_a_full_disk(const char *dir)
{
	struct hr_spool *s;
	char ballast[128];
	static char block[4096];
	int fd;

	if (hr_spool_open(&s, dir, LIMIT, BOOT) < 0 || put(s, 1) < 0)
		return 1;
	(void)snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	fd = open(ballast, O_WRONLY | O_CREAT, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	for (uint64_t i = 2; i < 40; i++)
		if (put(s, i) < 0)
			return 2;
	if (!hr_spool_trouble(s)[0] || hr_spool_outbox(s)->n != 39 || hr_spool_outbox(s)->dropped)
		return 3;
	(void)close(fd);
	(void)unlink(ballast);
	hr_spool_tend(s, 0); /* there is room again */
	if (hr_spool_trouble(s)[0] || hr_spool_outbox(s)->n != 39)
		return 4;
	hr_spool_close(s);
	if (hr_spool_open(&s, dir, LIMIT, BOOT) < 0 || hr_spool_outbox(s)->n != 39)
		return 5;
	hr_spool_close(s);
	return 0;
}

static void a_full_disk_moves_the_queue_to_memory_and_back(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	hr_spool_close(w->s);
	w->s = NULL;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("none", w->dir, "tmpfs", 0, "size=128k") < 0)
			_exit(99);
		_exit(on_a_full_disk(w->dir));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
		print_message("skipped: mounting a small disk needs root\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/*
 * An operator may give 1 GiB.  A file longer than what is read at a start (64 MiB) would be set
 * aside as damaged then: what waits would be lost, and the numbers of windows used again.  2 400
 * windows of 30 000 bytes are 72 MB, all but the last acknowledged.
 */
static void the_largest_limit_still_makes_a_file_that_the_next_agent_reads(void **state)
{
	enum {
		WINDOWS = 2400,
		BODY = 30000
	};
	static unsigned char body[BODY];
	struct world *w = *state;

	open_again(w, 1ULL << 30, BOOT);
	for (uint64_t i = 1; i <= WINDOWS; i++) {
		assert_int_equal(hr_spool_add(w->s, 1, (struct hr_journal_span){i, i}, i * 10000,
					 body, sizeof(body)),
			0);
		if (i < WINDOWS)
			take(w, HR_JOURNAL_ACKED, i);
	}
	open_again(w, 1ULL << 30, BOOT);
	assert_false(hr_spool_damaged(w->s));
	assert_int_equal(waiting(w), 1);
	assert_int_equal(hr_spool_outbox(w->s)->seq_last, WINDOWS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_killed_agent_s_windows_are_there_for_the_next),
		T(acknowledged_windows_do_not_return_and_numbers_are_not_reused),
		T(frozen_windows_stay_frozen_through_a_restart_and_a_rewrite),
		T(a_record_torn_at_any_byte_costs_only_itself),
		T(a_damaged_file_is_set_aside_and_what_stands_before_is_kept),
		T(a_file_of_noise_never_stops_the_agent),
		T(a_bounded_spool_merges_first_then_drops_and_counts),
		T(old_windows_become_one_whose_counts_are_their_sum),
		T(a_new_boot_keeps_the_old_one_s_windows_and_counts_from_its_own),
		T(the_largest_limit_still_makes_a_file_that_the_next_agent_reads),
		T(a_second_agent_is_told_that_the_directory_is_taken),
		T(without_a_directory_windows_wait_in_memory),
		T(a_full_disk_moves_the_queue_to_memory_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
