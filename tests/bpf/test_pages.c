/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample of page frames against /proc/meminfo; and with multi-generational LRU what is read
 * once against what is read again.  "bpf_test_pages look" prints one sample, for experiments,
 * "bpf_test_pages cost" what it takes.
 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/caps.h"
#include "agent/core/procfs.h"
#include "agent/host_read.h"
#include "agent/page_cache.h"
#include "proto/base/fsio.h"
#include "tests/bpf/live.h"

#define PAGE 4096
#define READ (48 << 20) /* bytes of HR_TEST_DISK that are read */

static struct hr_page_ranges ranges;

static struct hr_bpf *open_pages(void)
{
	struct hr_bpf_opts o = {.no_hooks = ~0ULL, .disks = 1, .nics = 1, .pages = true};
	struct hr_signal_state signal[HR_SIG_N];
	struct hr_bpf *b;

	if (hr_host_read_zones("", &ranges) < 0)
		exit(1);
	if (hr_bpf_open(&b, &o, signal) != 0)
		exit(1);
	(void)hr_bpf_pages_frames(b, &ranges); /* an error of it is one of the look, too */
	return b;
}

static bool lru_gen(void)
{
	char text[32];

	hr_host_read_line("", "/sys/kernel/mm/lru_gen/enabled", text, sizeof(text));
	return hr_pages_lru_gen(text);
}

static struct hr_bpf *need_pages(void)
{
	struct hr_bpf *b = open_pages();
	const struct hr_page_seen *seen;
	int r = hr_bpf_pages(b, &seen);

	if (r == 0)
		return b;
	print_message("not run: no look at page frames here (%s)\n", strerror(-r));
	hr_bpf_close(b);
	skip();
	return NULL;
}

/* Many rounds as one. */
static struct hr_page_seen look(struct hr_bpf *b, int rounds)
{
	struct hr_page_seen sum = {0};
	const struct hr_page_seen *s;

	for (int i = 0; i < rounds; i++) {
		assert_int_equal(hr_bpf_pages(b, &s), 0);
		sum.looked += s->looked;
		sum.file += s->file;
		sum.active += s->active;
		sum.again += s->again;
	}
	return sum;
}

static struct hr_procfs_meminfo meminfo(void)
{
	struct hr_procfs_meminfo m;
	static char text[16384];
	ssize_t n = hr_fs_read("/proc/meminfo", text, sizeof(text));

	assert_true(n > 0);
	assert_int_equal(hr_procfs_meminfo(text, (size_t)n, &m), 0);
	return m;
}

/* 100 rounds are 204,800 looks: a share of all frames is known to 0.11 % of them (one deviation).
 */
static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void what_it_sees_is_what_meminfo_says(void **state)
{
	struct hr_bpf *b = need_pages();
	uint64_t began = live_now(), ns;
	struct hr_page_seen s = look(b, 100);
	struct hr_procfs_meminfo m;
	double active, file, frames = (double)ranges.frames;

	(void)state;
	ns = (live_now() - began) / 100;
	m = meminfo();
	active = (double)m.v[HR_MEMINFO_ACTIVE_FILE] / PAGE;
	file = active + (double)m.v[HR_MEMINFO_INACTIVE_FILE] / PAGE;
	print_message("%.0f frames, %llu looks, %llu at pages; %llu us a round\n", frames,
		100ULL * HR_PAGE_LOOKS, (unsigned long long)s.looked,
		(unsigned long long)ns / 1000);
	print_message(
		"of all frames: file %.2f %%, kernel %.2f %%; of those active %.1f %%, kernel "
		"%.1f %%; used again %.1f %%\n",
		percent((double)s.file, 100.0 * HR_PAGE_LOOKS), percent(file, frames),
		percent((double)s.active, (double)s.file), percent(active, file),
		percent((double)s.again, (double)s.file));
	assert_true(percent((double)s.looked, 100.0 * HR_PAGE_LOOKS) >
		    0.95 * percent((double)m.v[HR_MEMINFO_TOTAL] / PAGE, frames));
	assert_true(fabs((double)s.file / (100.0 * HR_PAGE_LOOKS) - file / frames) < 0.01);
	assert_true(s.again >= s.active);
	if (!lru_gen() && file > 0.02 * frames)
		assert_true(fabs((double)s.active / (double)s.file - active / file) < 0.03);
	hr_bpf_close(b);
}

/* CAP_BPF and CAP_PERFMON to load, none to look. */
static void no_rights_are_needed_to_look(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	hr_bpf_close(need_pages());
	pid = fork();
	if (pid == 0) {
		const struct hr_page_seen *s;
		struct hr_bpf *b;
		int r;

		live_keep_caps(38, 39);
		b = open_pages();
		if (hr_caps_drop() != 0)
			_exit(2);
		r = lru_gen() ? hr_bpf_pages_learn(b) : 0;
		r = r == 0 ? hr_bpf_pages(b, &s) : r;
		if (r != 0)
			printf("without rights: %s\n", hr_pages_why(r, strerror(-r)));
		fflush(stdout);
		_exit(r == 0 && s->looked > 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Where a file cannot be written, no page of our own shows what marks one that is used. */
static void what_marks_a_used_page_is_learned_later_if_not_at_once(void **state)
{
	struct rlimit was, none;
	struct hr_bpf *b;

	(void)state;
	if (!lru_gen()) {
		print_message("not run: no multi-generational LRU\n");
		skip();
	}
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){0, was.rlim_max};
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	b = need_pages();
	assert_int_equal(hr_bpf_pages_learn(b), -EAGAIN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(hr_bpf_pages_learn(b), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(hr_bpf_pages_learn(b), 0); /* known */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	hr_bpf_close(b);
}

/* From begin to end, in pieces. */
static void read_all(int fd, size_t piece)
{
	static char buf[1 << 20];

	for (off_t at = 0; at < READ; at += (off_t)piece)
		assert_int_equal(pread(fd, buf, piece, at), piece);
}

/* More where what is read is less of the machine. */
static int rounds(void)
{
	return ranges.frames < 20 * 4096 ? 20 : (int)(ranges.frames / 4096);
}

/* Looks that fall on what is read. */
static double looks_at_it(void)
{
	return (double)rounds() * HR_PAGE_LOOKS * READ / PAGE / (double)ranges.frames;
}

/* Of them, in per cent; 1.3 % is one deviation in a guest of 320 MB. */
static double used_again(const struct hr_page_seen *now, const struct hr_page_seen *before)
{
	return percent((double)now->again - (double)before->again, looks_at_it());
}

static void what_is_read_once_is_not_used_again(void **state)
{
	static const size_t pieces[] = {1024, PAGE, 131072, 1 << 20};
	const char *disk = getenv("HR_TEST_DISK");
	struct hr_bpf *b;

	(void)state;
	if (!disk || !lru_gen()) {
		print_message("not run: no HR_TEST_DISK, or no multi-generational LRU\n");
		skip();
	}
	b = need_pages();
	if (rounds() > 400) {
		print_message("not run: too large a machine to find %d MiB of it\n", READ >> 20);
		hr_bpf_close(b);
		skip();
	}
	assert_int_equal(hr_bpf_pages_learn(b), 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		int fd = open(disk, O_RDONLY | O_CLOEXEC);
		struct hr_page_seen none, once, twice, often;

		assert_true(fd >= 0);
		assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
		none = look(b, rounds());
		read_all(fd, pieces[i]);
		once = look(b, rounds());
		read_all(fd, pieces[i]);
		twice = look(b, rounds());
		for (int k = 0; k < 4; k++)
			read_all(fd, pieces[i]);
		often = look(b, rounds());
		close(fd);
		print_message("pieces of %zu: used again: %.1f %% of them after once, %.1f %% "
			      "after twice, %.1f %% after six times\n",
			pieces[i], used_again(&once, &none), used_again(&twice, &none),
			used_again(&often, &none));
		assert_true(used_again(&once, &none) < 5);
		assert_true(used_again(&twice, &none) > 90);
		assert_true(used_again(&often, &none) > 90);
	}
	hr_bpf_close(b);
}

/* What the agent does at a window's end. */
struct window {
	struct hr_page_cache cache;
	struct hr_facts facts;
	struct hr_bpf *b;
};

static const struct hr_page_seen *end_of_window(struct window *w)
{
	static char buf[16384];
	ssize_t n = hr_fs_read("/proc/meminfo", buf, sizeof(buf));
	const struct hr_text meminfo = {.p = buf, .len = n};

	w->facts.signal[HR_SIG_MEMINFO].rung = HR_RUNG_FILE;
	return hr_page_cache_look(&w->cache, "", w->b, &meminfo, &w->facts);
}

/* Is it a guest's own /sys to write to? */
static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void generations_switched_off_and_on_are_noticed(void **state)
{
	static const char path[] = "/sys/kernel/mm/lru_gen/enabled";
	const char *why;
	struct window w = {0};
	char was[32];

	(void)state;
	if (!getenv("HR_TEST_EXACT") || !hr_page_cache_wanted("")) {
		print_message("not run: not a guest of ours, or no multi-generational LRU\n");
		skip();
	}
	hr_host_read_line("", path, was, sizeof(was));
	why = w.facts.signal[HR_SIG_MEMINFO].reason;
	assert_true(write_file(path, "0"));
	assert_true(hr_page_cache_wanted(""));
	w.b = need_pages();
	assert_null(end_of_window(&w));
	assert_string_equal(why, "");
	assert_true(write_file(path, "7"));
	assert_non_null(end_of_window(&w));
	assert_string_equal(why, "cache used again: by a sample of page frames");
	assert_true(write_file(path, "0"));
	assert_null(end_of_window(&w));
	assert_string_equal(why, "");
	assert_true(write_file(path, was));
	hr_bpf_close(w.b);
}

/* Memory blocks that are there and not used are used from now on; how many. */
static int plug_memory(void)
{
	char path[128], state[32];
	glob_t blocks;
	int n = 0;

	if (glob("/sys/devices/system/memory/memory*/state", 0, NULL, &blocks) != 0)
		return 0;
	for (size_t i = 0; i < blocks.gl_pathc; i++) {
		snprintf(path, sizeof(path), "%s", blocks.gl_pathv[i]);
		hr_host_read_line("", path, state, sizeof(state));
		if (strcmp(state, "offline") == 0 && write_file(path, "online_kernel"))
			n++;
	}
	globfree(&blocks);
	return n;
}

/* Many windows as one. */
static uint64_t again_in_windows(struct window *w, int n)
{
	const struct hr_page_seen *s;
	uint64_t sum = 0;

	for (int i = 0; i < n; i++) {
		s = end_of_window(w);
		assert_non_null(s);
		sum += s->again;
	}
	return sum;
}

/* It is the highest zone's, where the kernel puts page cache first: no other memory has any. */
static void memory_that_comes_later_is_looked_at(void **state)
{
	const char *disk = getenv("HR_TEST_DISK");
	struct hr_page_seen before = {0}, now = {0};
	struct window w = {0};
	uint64_t total;
	int fd;

	(void)state;
	if (!getenv("HR_TEST_EXACT") || !disk || !lru_gen()) {
		print_message("not run: not a guest of ours, or no multi-generational LRU\n");
		skip();
	}
	w.b = need_pages();
	assert_non_null(end_of_window(&w));
	total = meminfo().v[HR_MEMINFO_TOTAL];
	if (plug_memory() == 0) {
		print_message("not run: no memory to plug\n");
		hr_bpf_close(w.b);
		skip();
	}
	assert_true(meminfo().v[HR_MEMINFO_TOTAL] > total);
	assert_int_equal(hr_host_read_zones("", &ranges), 0);
	fd = open(disk, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	before.again = again_in_windows(&w, rounds());
	read_all(fd, 131072);
	read_all(fd, 131072);
	now.again = again_in_windows(&w, rounds());
	close(fd);
	print_message("plugged %llu MiB; used again: %.1f %% of what was read twice\n",
		(unsigned long long)(meminfo().v[HR_MEMINFO_TOTAL] - total) >> 20,
		used_again(&now, &before));
	assert_true(used_again(&now, &before) > 90);
	hr_bpf_close(w.b);
}

/* In one line. */
static int print_look(void)
{
	struct hr_bpf *b = open_pages();
	const struct hr_page_seen *seen;
	struct hr_page_seen sum;
	int r = hr_bpf_pages(b, &seen);
	double mb;

	if (r < 0) {
		printf("no look at page frames here: %s\n", strerror(-r));
		hr_bpf_close(b);
		return 1;
	}
	if (lru_gen() && hr_bpf_pages_learn(b) != 0)
		printf("%s\n", hr_pages_why(-EAGAIN, ""));
	sum = look(b, rounds());
	mb = (double)ranges.frames / 256 / rounds() / HR_PAGE_LOOKS;
	printf("file %.1f MB, active %.1f, used again %.1f\n", mb * (double)sum.file,
		mb * (double)sum.active, mb * (double)sum.again);
	hr_bpf_close(b);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* One row: median in us, and between what nine of ten lie. */
static void print_cost(const char *what, int (*once)(struct hr_bpf *b), struct hr_bpf *b)
{
	uint64_t ns[200];
	const int n = sizeof(ns) / sizeof(*ns);

	for (int i = 0; i < n; i++) {
		uint64_t began = live_now();

		if (once(b) < 0) {
			printf("%-28s not to be had here\n", what);
			return;
		}
		ns[i] = live_now() - began;
	}
	qsort(ns, (size_t)n, sizeof(*ns), by_size);
	printf("%-28s %8.1f [%.1f, %.1f]\n", what, 1e-3 * (double)ns[n / 2],
		1e-3 * (double)ns[n / 20], 1e-3 * (double)ns[n - 1 - n / 20]);
}

static int cost_of_look(struct hr_bpf *b)
{
	const struct hr_page_seen *seen;

	return hr_bpf_pages(b, &seen);
}

static int cost_of_zones(struct hr_bpf *b)
{
	struct hr_page_ranges r;
	int e = hr_host_read_zones("", &r);

	return e < 0 ? e : hr_bpf_pages_frames(b, &r);
}

static int cost_of_switch(struct hr_bpf *b)
{
	(void)b;
	return hr_page_cache_wanted("") ? 0 : -ENOENT;
}

static int cost_of_all(struct hr_bpf *b)
{
	static struct window w;

	w.b = b;
	return end_of_window(&w) ? 0 : -ENODATA;
}

/* What tests/cost/run pages prints. */
static int print_costs(void)
{
	struct hr_bpf_opts o = {.no_hooks = ~0ULL, .disks = 1, .nics = 1};
	struct hr_signal_state signal[HR_SIG_N];
	struct hr_bpf *b = open_pages(), *without;

	printf("us a window of 10 s: median [5th, 95th percentile of 200]\n");
	print_cost("2048 looks", cost_of_look, b);
	print_cost("are generations on", cost_of_switch, b);
	print_cost("all of it", cost_of_all, b);
	print_cost("zones, when MemTotal changed", cost_of_zones, b);
	if (hr_bpf_open(&without, &o, signal) != 0)
		return 1;
	printf("maps: %llu bytes\n",
		(unsigned long long)(hr_bpf_map_bytes(b) - hr_bpf_map_bytes(without)));
	hr_bpf_close(without);
	hr_bpf_close(b);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_sees_is_what_meminfo_says),
		cmocka_unit_test(no_rights_are_needed_to_look),
		cmocka_unit_test(what_marks_a_used_page_is_learned_later_if_not_at_once),
		cmocka_unit_test(generations_switched_off_and_on_are_noticed),
		cmocka_unit_test(memory_that_comes_later_is_looked_at),
		cmocka_unit_test(what_is_read_once_is_not_used_again),
	};

	live_need_kernel(argv);
	if (argc == 2 && strcmp(argv[1], "look") == 0)
		return print_look();
	if (argc == 2 && strcmp(argv[1], "cost") == 0)
		return print_costs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
