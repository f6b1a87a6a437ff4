/* SPDX-License-Identifier: Apache-2.0 */
/* hr_base against real files, sockets and a real stderr, in a directory of its own. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/fsio.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/base/sdnotify.h"
#include "proto/num.h"

static char dir[64];

static const char *at(const char *name)
{
	static char path[4][256];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void put(const char *name, const char *text)
{
	assert_int_equal(hr_fs_replace(at(name), text, strlen(text), 0644), 0);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/hr_base.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void clocks_agree_with_the_systems(void **state)
{
	uint64_t a = hr_clock_mono_ns(), b = hr_clock_mono_ns();
	uint64_t wall_ms = hr_clock_wall_ms(), now_s = (uint64_t)time(NULL);
	uint64_t now_ns;
	struct timespec ts;

	(void)state;
	assert_true(b >= a);
	assert_true(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	now_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	assert_true(now_ns >= b && now_ns - a < 10000000000); /* the same clock, not ms or us */
	assert_true(wall_ms / 1000 + 5 > now_s && wall_ms / 1000 < now_s + 5);
	assert_true(hr_clock_boot_ns() >= b); /* suspended time comes on top */
	a = hr_clock_cpu_us();
	while (hr_clock_cpu_us() < a + 1000) /* one millisecond of CPU passes by working */
		;
}

static void a_file_is_read_whole_or_not(void **state)
{
	char buf[8];

	(void)state;
	put("seven", "1234567");
	assert_int_equal(hr_fs_read(at("seven"), buf, 8), 7);
	assert_string_equal(buf, "1234567");
	assert_int_equal(hr_fs_read(at("seven"), buf, 7), -EFBIG); /* no room for the NUL */
	assert_int_equal(hr_fs_read(at("seven"), buf, 0), -EFBIG);
	assert_int_equal(hr_fs_read(at("none"), buf, 8), -ENOENT);
	assert_int_equal(hr_fs_read(dir, buf, 8), -EISDIR);
	put("empty", "");
	assert_int_equal(hr_fs_read(at("empty"), buf, 1), 0);
	assert_string_equal(buf, "");
}

static unsigned lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned lines = 0;

	if (!f)
		return 0; /* not on this kernel */
	for (int c; (c = fgetc(f)) != EOF;)
		lines += c == '\n';
	(void)fclose(f);
	return lines;
}

/* Areas of memory that differ from their neighbours: a line of /proc/self/maps each. */
#define AREAS 4096u

/* The kernel hands a long file over a page at a time: none may be missing.  None of these files is
 * changed by others meanwhile, as kallsyms is by each BPF program that is loaded. */
static void a_file_of_several_pages_is_read_to_its_end(void **state)
{
	static const char *const path[] = {
		"/proc/vmstat", "/proc/net/netstat", "/proc/net/softnet_stat", "/proc/self/maps"};
	static char buf[4 << 20];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *areas = mmap(NULL, AREAS * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned seen = 0;

	(void)state;
	assert_true(areas != MAP_FAILED);
	for (size_t i = 0; i < AREAS; i += 2)
		assert_int_equal(mprotect(areas + i * page, page, PROT_NONE), 0);
	for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
		unsigned lines = lines_of(path[i]);

		assert_true(lines == 0 || hr_fs_read(path[i], buf, sizeof buf) >= 0);
		seen = 0;
		for (const char *p = buf; lines > 0 && *p; p++)
			seen += *p == '\n';
		assert_int_equal(seen, lines);
	}
	assert_true(seen >= AREAS);
	assert_int_equal(munmap(areas, AREAS * page), 0);
}

static void a_kept_descriptor_reads_the_present(void **state)
{
	char buf[4096];
	uint64_t pid = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_true(hr_fs_pread(fd, buf, sizeof(buf)) > 20); /* a file of /proc has no size */
	assert_true(hr_fs_pread(fd, buf, sizeof(buf)) > 20); /* again from its start */
	assert_true(hr_num_u64_n(buf, strcspn(buf, " "), &pid));
	assert_int_equal(pid, getpid());
	close(fd);
}

static void a_replaced_file_is_the_new_one_with_its_mode(void **state)
{
	struct stat st;
	char buf[16];

	(void)state;
	put("f", "old");
	assert_int_equal(hr_fs_replace(at("f"), "newer", 5, 0600), 0);
	assert_int_equal(hr_fs_read(at("f"), buf, sizeof(buf)), 5);
	assert_string_equal(buf, "newer");
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(hr_fs_replace(at("no/f"), "x", 1, 0600), -ENOENT);
	/* a directory in the way: the temporary is taken back */
	assert_int_equal(hr_fs_mkdirs(at("d/x"), 0755), 0);
	assert_true(hr_fs_replace(at("d"), "x", 1, 0600) < 0);
	{
		char cmd[160];

		snprintf(cmd, sizeof(cmd), "test -z \"$(ls %s | grep 'd\\.')\"", dir);
		assert_int_equal(system(cmd), 0);
	}
}

static void directories_are_made_to_the_last(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(hr_fs_mkdirs(at("a/b//c/"), 0750), 0);
	assert_int_equal(stat(at("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(hr_fs_mkdirs(at("a/b/c"), 0750), 0); /* there already */
	put("file", "");
	assert_int_equal(hr_fs_mkdirs(at("file"), 0750), -ENOTDIR);
	assert_int_equal(hr_fs_mkdirs(at("file/x"), 0750), -ENOTDIR);
	assert_int_equal(hr_fs_mkdirs("", 0750), -EINVAL);
}

#define MACHINE_ID "0123456789abcdef0123456789abcdef"
#define BOOT_ID    "00112233-4455-6677-8899-aabbccddeeff\n"

static void make_root(void)
{
	assert_int_equal(hr_fs_mkdirs(at("etc"), 0755), 0);
	assert_int_equal(hr_fs_mkdirs(at("proc/sys/kernel/random"), 0755), 0);
	assert_int_equal(hr_fs_mkdirs(at("sys/class/dmi/id"), 0755), 0);
	put("etc/machine-id", MACHINE_ID "\n");
	put("proc/sys/kernel/random/boot_id", BOOT_ID);
	put("proc/sys/kernel/hostname", "vm-17\n");
}

static void the_host_id_is_the_documented_hmac(void **state)
{
	struct hr_identity id;
	char hex[2 * HR_HOST_ID_LEN + 1];

	(void)state;
	make_root();
	assert_int_equal(hr_identity_read(dir, &id), 0);
	/* printf 0123456789abcdef0123456789abcdef | openssl dgst -sha256 -hmac "headroom host id 1"
	 */
	hr_host_id_print(id.host, hex);
	assert_string_equal(hex, "889d44d938ea5ebbe3ac7db2e7f729b2");
	assert_true(id.boot == 0x0011223344556677);
	assert_string_equal(id.name, "vm-17");
}

static void firmware_names_a_machine_without_machine_id(void **state)
{
	struct hr_identity id, dmi;
	char name[200];

	(void)state;
	make_root();
	assert_int_equal(hr_identity_read(dir, &id), 0);
	put("etc/machine-id", "uninitialized\n");
	memset(&dmi, 0x5a, sizeof(dmi));
	assert_int_equal(hr_identity_read(dir, &dmi), -ENOENT);
	assert_int_equal(dmi.host[0], 0x5a); /* untouched */
	put("sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n");
	assert_int_equal(hr_identity_read(dir, &dmi), -ENOENT); /* a placeholder is no identity */
	/* the same 128 bits in the other notation are the same machine */
	put("sys/class/dmi/id/product_uuid", "01234567-89AB-CDEF-0123-456789ABCDEF\n");
	assert_int_equal(hr_identity_read(dir, &dmi), 0);
	assert_memory_equal(id.host, dmi.host, sizeof(id.host));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put("proc/sys/kernel/hostname", name);
	assert_int_equal(hr_identity_read(dir, &dmi), 0);
	assert_int_equal(strlen(dmi.name), HR_NAME_LEN - 1);
	put("proc/sys/kernel/random/boot_id", "nonsense\n");
	assert_int_equal(hr_identity_read(dir, &dmi), -EINVAL);
}

static void this_machine_has_an_identity_or_says_why(void **state)
{
	struct hr_identity id;
	int r = hr_identity_read("", &id);

	(void)state;
	if (r == 0)
		assert_true(id.boot != 0);
	else
		assert_int_equal(r, -ENOENT);
}

static void a_state_reaches_the_socket(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buf[64] = "";

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(hr_sd_notify("READY=1"), 0); /* nobody listens: nothing to do */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/notify", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	setenv("NOTIFY_SOCKET", sa.sun_path, 1);
	assert_int_equal(hr_sd_notify("READY=1\nSTATUS=fine"), 0);
	assert_int_equal(recv(fd, buf, sizeof(buf) - 1, 0), 19);
	assert_string_equal(buf, "READY=1\nSTATUS=fine");
	close(fd);
	assert_int_equal(hr_sd_notify("STOPPING=1"), -ECONNREFUSED);
	/* an abstract one */
	memset(&sa, 0, sizeof(sa));
	sa.sun_family = AF_UNIX;
	snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "hr_base_%d", (int)getpid());
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					     strlen(sa.sun_path + 1))),
		0);
	snprintf(buf, sizeof(buf), "@hr_base_%d", (int)getpid());
	setenv("NOTIFY_SOCKET", buf, 1);
	assert_int_equal(hr_sd_notify("READY=1"), 0);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 7);
	close(fd);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(hr_sd_notify("READY=1"), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
}

/* What is written to stderr while @write runs. */
static void logged(void (*write_lines)(void), char *buf, size_t cap)
{
	int saved = dup(STDERR_FILENO), fd = open(at("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	write_lines();
	dup2(saved, STDERR_FILENO);
	n = hr_fs_pread(fd, buf, cap);
	close(fd);
	close(saved);
	assert_true(n >= 0);
}

static void three_lines(void)
{
	hr_log_init("test", HR_LOG_INFO);
	hr_log(HR_LOG_INFO, "started", "port=%d", 7867);
	hr_log(HR_LOG_DEBUG, "detail", "not=%s", "shown");
	hr_log(HR_LOG_ERR, "refused", "host=%s", "a\nb\x1b[31m");
	hr_log(HR_LOG_NOTICE, "stopped", "%s", "");
}

static void a_line_has_priority_event_and_values(void **state)
{
	char buf[4096];

	(void)state;
	logged(three_lines, buf, sizeof(buf));
	assert_string_equal(buf, "<6>event=started port=7867\n"
				 "<3>event=refused host=a?b?[31m\n"
				 "<5>event=stopped \n");
}

static void many_lines(void)
{
	for (int i = 0; i < 25; i++)
		hr_log(HR_LOG_INFO, "flood", "i=%d", i);
	hr_log(HR_LOG_INFO, "other", "i=%d", 1);
}

static void repeats_of_an_event_are_limited(void **state)
{
	char buf[4096];

	(void)state;
	logged(many_lines, buf, sizeof(buf));
	assert_non_null(strstr(buf, "event=flood i=9\n"));
	assert_null(strstr(buf, "i=10"));
	assert_non_null(strstr(buf, "event=other i=1\n")); /* each event for itself */
}

static void long_line(void)
{
	hr_log(HR_LOG_INFO, "long", "%04000d", 1);
}

static void a_long_line_is_cut_and_stays_one_line(void **state)
{
	char buf[4096];

	(void)state;
	logged(long_line, buf, sizeof(buf));
	assert_int_equal(strlen(buf), 1024); /* 1023 and the newline */
	assert_ptr_equal(strchr(buf, '\n'), buf + 1023);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(clocks_agree_with_the_systems),
		T(a_file_is_read_whole_or_not),
		T(a_kept_descriptor_reads_the_present),
		T(a_file_of_several_pages_is_read_to_its_end),
		T(a_replaced_file_is_the_new_one_with_its_mode),
		T(directories_are_made_to_the_last),
		T(the_host_id_is_the_documented_hmac),
		T(firmware_names_a_machine_without_machine_id),
		T(this_machine_has_an_identity_or_says_why),
		T(a_state_reaches_the_socket),
		T(a_line_has_priority_event_and_values),
		T(repeats_of_an_event_are_limited),
		T(a_long_line_is_cut_and_stays_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
