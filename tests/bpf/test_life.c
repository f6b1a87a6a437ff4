/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, OOM; rights given up, hooks shed, a reader killed: what stays and what goes. */
#include "tests/unit/hr_cmocka.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/core/procfs.h"
#include "tests/bpf/live.h"

static int child_status(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- threads ------------------------------------------------------------------ */

static const struct hr_task *find(const struct hr_task *t, uint32_t n, uint32_t tid)
{
	for (uint32_t i = 0; i < n; i++)
		if (t[i].tid == tid)
			return &t[i];
	return NULL;
}

static bool write_text(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ok = f && fputs(text, f) >= 0;
	return f && fclose(f) == 0 && ok;
}

/* What the kernel's own file says, read by a parser that shares nothing with the program. */
static void assert_own_group(const struct hr_task *me)
{
	char text[4096] = "", want[HR_GROUP_LEN] = "";
	FILE *f = fopen("/proc/self/cgroup", "r");
	uint64_t id;

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_int_equal(hr_procfs_cgroup(text, strlen(text), &id, want), 0);
	assert_string_equal(me->group, want);
	assert_true(me->cgroup != 0);
}

/* In a cgroup of its own where that can be had, in whichever it is else. */
static const char *enter_group(void)
{
	static const char *const dirs[] = {"/sys/fs/cgroup/unified/hr_test_life_group",
		"/sys/fs/cgroup/cpu/hr_test_life_group", "/sys/fs/cgroup/hr_test_life_group"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if ((mkdir(dirs[i], 0700) == 0 || errno == EEXIST) &&
			write_text(dirs[i], "cgroup.procs", "0"))
			return dirs[i];
	print_message("no cgroup of its own\n");
	return NULL;
}

static void leave_group(const char *dir)
{
	char parent[64] = "";

	if (!dir)
		return;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(dir, '/') - dir), dir);
	assert_true(write_text(parent, "cgroup.procs", "0"));
	assert_int_equal(rmdir(dir), 0);
}

/* What the scheduler has accounted to this thread, in ns. */
static void own_schedstat(unsigned long long *run, unsigned long long *delay)
{
	FILE *f = fopen("/proc/self/schedstat", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%llu %llu", run, delay), 2);
	fclose(f);
}

static void the_iterator_tells_what_proc_tells(void **state)
{
	struct live_record *r = live_start(HR_RUNG_UNKNOWN, NULL, 0);
	struct hr_task *t = calloc(20000, sizeof(*t));
	const struct hr_task *me;
	uint32_t n = 0, tid = (uint32_t)syscall(SYS_gettid);
	const char *dir;
	unsigned long long run[2], delay[2], jiffies;
	char stat_text[1024], *p;
	bool cut = true;
	FILE *f;

	(void)state;
	assert_int_equal(r->signal[HR_SIG_THREADS].rung, HR_RUNG_ITER);
	dir = enter_group();
	own_schedstat(&run[0], &delay[0]);
	assert_int_equal(hr_bpf_tasks(r->b, t, 20000, &n, &cut), 0);
	own_schedstat(&run[1], &delay[1]);
	assert_false(cut);
	me = find(t, n, tid);
	assert_non_null(me);
	assert_int_equal(me->pid, getpid());
	assert_string_equal(me->comm, "bpf_test_life");
	assert_own_group(me);
	leave_group(dir);
	/* the same sums, which only grow, read before, between and after */
	assert_in_range(me->oncpu_ns, run[0], run[1]);
	assert_in_range(me->wait_ns, delay[0], delay[1]);
	f = fopen("/proc/self/stat", "r");
	assert_true(fread(stat_text, 1, sizeof(stat_text) - 1, f) > 0);
	fclose(f);
	p = strrchr(stat_text, ')');
	assert_int_equal(sscanf(p + 2,
				 "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				 "%*d %*d %*d %llu",
				 &jiffies),
		1);
	assert_in_range(me->start_ns / 10000000, jiffies - 1, jiffies + 1);
	/* cut is said, never silent */
	assert_int_equal(hr_bpf_tasks(r->b, t, 3, &n, &cut), 0);
	assert_int_equal(n, 3);
	assert_true(cut);
	free(t);
	live_stop(r);
}

/* --- OOM ------------------------------------------------------------------------ */

/* A child in a cgroup of 16 MiB that wants 64: the kernel picks it as victim. */
static void an_oom_kill_is_counted(void **state)
{
	bool v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	const char *dir = v2 ? "/sys/fs/cgroup/hr_test_oom" : "/sys/fs/cgroup/memory/hr_test_oom";
	struct live_record *r;
	uint64_t ooms;
	pid_t pid;
	bool ok;

	(void)state;
	if (v2)
		(void)write_text("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		print_message("not run: no memory cgroup (%s)\n", strerror(errno));
		skip();
	}
	ok = write_text(dir, v2 ? "memory.max" : "memory.limit_in_bytes", "16777216");
	(void)write_text(
		dir, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", v2 ? "0" : "16777216");
	if (!ok) {
		rmdir(dir);
		print_message("not run: no memory controller\n");
		skip();
	}
	r = live_start(HR_RUNG_UNKNOWN, NULL, 0);
	assert_int_equal(r->signal[HR_SIG_OOM].rung, HR_RUNG_TP_BTF);
	pid = fork();
	if (pid == 0) {
		char *m = mmap(
			NULL, 67108864, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (!write_text(dir, "cgroup.procs", "0") || m == MAP_FAILED)
			_exit(1);
		memset(m, 1, 67108864);
		_exit(0);
	}
	assert_int_equal(child_status(pid), -1); /* killed */
	live_record_until(r, live_now());
	ooms = r->mem.ooms;
	rmdir(dir);
	live_stop(r);
	print_message("ooms %llu\n", (unsigned long long)ooms);
	assert_true(ooms >= 1);
}

/* --- rights ------------------------------------------------------------------------ */

static void without_rights_every_signal_says_why(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct hr_bpf_opts o = {.disks = 1, .nics = 1};
		struct hr_signal_state s[HR_SIG_N];
		struct hr_bpf *b;
		int bad;

		memset(s, 0, sizeof(s));
		live_keep_caps(-1, -1);
		if (hr_bpf_open(&b, &o, s) != 0)
			_exit(1);
		bad = s[HR_SIG_CPU_SLOTS].rung != HR_RUNG_MISSING ||
		      s[HR_SIG_DISK_IO].rung != HR_RUNG_MISSING ||
		      s[HR_SIG_THREADS].rung != HR_RUNG_FILE ||
		      strcmp(s[HR_SIG_CPU_SLOTS].reason,
			      "needs CAP_BPF and CAP_PERFMON (run as root)") != 0;
		hr_bpf_close(b);
		_exit(bad ? 2 : 0);
	}
	assert_int_equal(child_status(pid), 0);
}

/* CAP_BPF and CAP_PERFMON suffice to open; nothing is needed to read and to detach. */
static int with_two_rights_then_none(void)
{
	struct live_record *r;
	struct hr_take *t;

	live_keep_caps(38, 39);
	r = live_start(HR_RUNG_UNKNOWN, NULL, 0);
	t = r->take;
	for (int s = 0; s < HR_SIG_N; s++)
		if (s != HR_SIG_EVENT_NS && r->signal[s].rung == HR_RUNG_MISSING) {
			printf("%s: %s\n", hr_signal_name((enum hr_signal)s), r->signal[s].reason);
			return 1;
		}
	live_keep_caps(-1, -1);
	live_sleep_until(live_now() + 100000000);
	if (hr_bpf_take(r->b, live_now(), t) != 0 || t->cpu.switches == 0)
		return 2;
	hr_bpf_shed(r->b, HR_SHED_SCHED);
	hr_bpf_take(r->b, live_now(), t);
	live_sleep_until(live_now() + 100000000);
	hr_bpf_take(r->b, live_now(), t);
	if (t->have & (HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_BURSTS) |
			      HR_SIG_BIT(HR_SIG_READS)))
		return 3;
	if (!(t->have & HR_SIG_BIT(HR_SIG_DISK_IO)))
		return 4;
	if (t->cpu.switches != 0) /* really detached */
		return 5;
	live_stop(r);
	return 0;
}

static void two_rights_to_open_and_none_to_read_or_shed(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int bad = with_two_rights_then_none();

		fflush(stdout);
		_exit(bad);
	}
	assert_int_equal(child_status(pid), 0);
}

/* --- a killed reader ------------------------------------------------------------------ */

/* Ids of the BPF programs a process holds, from its descriptors. */
static int programs_of(pid_t pid, uint32_t *ids, int max)
{
	char dir[64], path[400], line[128];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(dir, sizeof(dir), "/proc/%d/fdinfo", pid);
	d = opendir(dir);
	while (d && (e = readdir(d)) && n < max) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			if (n < max && sscanf(line, "prog_id: %u", &ids[n]) == 1)
				n++;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

static int still_there(const uint32_t *ids, int n)
{
	int there = 0;

	for (int i = 0; i < n; i++) {
		int fd = bpf_prog_get_fd_by_id(ids[i]);

		if (fd >= 0) {
			there++;
			close(fd);
		}
	}
	return there;
}

static void a_killed_reader_leaves_nothing_attached(void **state)
{
	uint32_t ids[64];
	int ready[2], n, left;
	uint64_t begin;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		(void)live_start(HR_RUNG_UNKNOWN, NULL, 0);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	n = programs_of(pid, ids, 64);
	print_message("%d program descriptors\n", n);
	assert_true(n >= 9);
	assert_true(still_there(ids, n) >= 9);
	kill(pid, SIGKILL);
	assert_int_equal(child_status(pid), -1);
	/* freed after grace periods and by a worker: 2 s were too few on a machine at a load of 14
	 */
	begin = live_now();
	while ((left = still_there(ids, n)) > 0 && live_now() - begin < 60000000000)
		live_sleep_until(live_now() + 20000000);
	print_message("gone after %.2f s\n", (double)(live_now() - begin) / 1e9);
	assert_int_equal(left, 0);
}

/* --- memory, and devices that find no room ------------------------------------- */

static uint32_t possible_cpus(void)
{
	unsigned first = 0, last = 0;
	FILE *f = fopen("/sys/devices/system/cpu/possible", "r");
	int n = f ? fscanf(f, "%u-%u", &first, &last) : 0;

	if (f)
		fclose(f);
	assert_true(n >= 1);
	return (n == 2 ? last : first) + 1;
}

/*
 * One disk and one NIC: 25 KiB of cells per possible CPU (12 CPU, 8 disk, 4 NIC, 1 memory), and
 * what hr_room() takes for all the rest, 368 KiB.  A second disk has no room, and takes say so.
 */
static void maps_are_as_large_as_counted_and_a_second_disk_is_told(void **state)
{
	const struct hr_bpf_dev dev[3] = {
		{.kind = HR_DEV_DISK, .major = 240, .minor = 1},
		{.kind = HR_DEV_NIC, .ifindex = 1000000},
		{.kind = HR_DEV_DISK, .major = 240, .minor = 2},
	};
	struct hr_bpf_opts o = {.disks = 1, .nics = 1};
	static struct hr_take take;
	struct hr_signal_state signal[HR_SIG_N];
	uint64_t cells = 25 * 1024 * (uint64_t)possible_cpus();
	struct hr_bpf *b;

	(void)state;
	assert_int_equal(hr_bpf_open(&b, &o, signal), 0);
	print_message("maps %llu KiB, cells of them %llu\n",
		(unsigned long long)hr_bpf_map_bytes(b) / 1024, (unsigned long long)cells / 1024);
	assert_in_range(hr_bpf_map_bytes(b), cells + 256 * 1024, cells + 368 * 1024);
	assert_int_equal(hr_bpf_devices(b, dev, 3), -ENOSPC);
	assert_int_equal(hr_bpf_take(b, live_now(), &take), 0);
	assert_int_equal(take.blind, 1 << 2);
	assert_int_equal(hr_bpf_devices(b, dev + 1, 2), 0); /* the first one is gone */
	assert_int_equal(hr_bpf_take(b, live_now(), &take), 0);
	assert_int_equal(take.blind, 0);
	hr_bpf_close(b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_iterator_tells_what_proc_tells),
		cmocka_unit_test(an_oom_kill_is_counted),
		cmocka_unit_test(without_rights_every_signal_says_why),
		cmocka_unit_test(two_rights_to_open_and_none_to_read_or_shed),
		cmocka_unit_test(a_killed_reader_leaves_nothing_attached),
		cmocka_unit_test(maps_are_as_large_as_counted_and_a_second_disk_is_told),
	};

	(void)argc;
	live_need_kernel(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
