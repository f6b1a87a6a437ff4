/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of another root are read when, and how a device that comes is noticed. */
#include "tests/io/root_dir.h"

#include <string.h>

#include "agent/host_dev.h"
#include "agent/host_facts.h"
#include "agent/host_read.h"
#include "agent/page_cache.h"

static struct hr_host_read *host;
static struct hr_text text[HR_FILE_N];

/* A root with some of the files; @events: the kernel's count of them, NULL for none. */
static int setup(const char *events)
{
	make_root();
	dir("proc");
	dir("proc/net");
	dir("sys");
	dir("sys/kernel");
	put("proc/stat", "cpu 1\n");
	put("proc/meminfo", "MemTotal: 1 kB\n");
	put("proc/vmstat", "pswpin 1\n");
	put("proc/diskstats", "254 0 vda 1\n");
	put("proc/net/dev", "eth0: 1\n");
	if (events)
		put("sys/kernel/uevent_seqnum", events);
	memset(text, 0, sizeof(text));
	return hr_host_read_open(&host, root);
}

static void done(void)
{
	hr_host_read_close(host);
	remove_root();
}

static bool is(enum hr_file f, const char *want)
{
	return text[f].p && text[f].len == (long)strlen(want) && strcmp(text[f].p, want) == 0;
}

static void a_tick_reads_what_it_needs_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(setup("7\n"), 0);
	hr_host_read_files(host, HR_TEXTS_TICK, text);
	assert_true(is(HR_FILE_STAT, "cpu 1\n") && is(HR_FILE_MEMINFO, "MemTotal: 1 kB\n"));
	assert_null(text[HR_FILE_VMSTAT].p);
	assert_null(text[HR_FILE_NET_DEV].p);
	hr_host_read_files(host, HR_TEXTS_DEVICES, text);
	assert_true(is(HR_FILE_NET_DEV, "eth0: 1\n") && is(HR_FILE_DISKSTATS, "254 0 vda 1\n"));
	assert_null(text[HR_FILE_VMSTAT].p);
	hr_host_read_files(host, HR_TEXTS_ALL, text);
	assert_true(is(HR_FILE_VMSTAT, "pswpin 1\n"));
	assert_int_equal(text[HR_FILE_PSI_CPU].len, -2); /* there is none here */
	done();
}

static void an_event_of_a_device_is_seen_once(void **state)
{
	uint64_t names;

	(void)state;
	assert_int_equal(setup("7\n"), 0);
	assert_true(hr_host_read_stirred(host)); /* before the first look everything may be new */
	hr_host_read_files(host, HR_TEXTS_ALL, text);
	names = hr_host_read_names(host);
	assert_false(hr_host_read_stirred(host));
	put("proc/net/dev", "eth0: 5\neth1: 1\n");
	put("sys/kernel/uevent_seqnum", "9\n");
	assert_true(hr_host_read_stirred(host));
	hr_host_read_files(host, HR_TEXTS_DEVICES, text);
	assert_true(hr_host_read_names(host) != names);
	assert_false(hr_host_read_stirred(host));
	done();
}

static void without_a_count_of_events_each_look_counts(void **state)
{
	(void)state;
	assert_int_equal(setup(NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_true(hr_host_read_stirred(host));
	done();
}

/* A disk and a NIC, as links to their drivers are left out: no /sys of this machine is read. */
static void what_is_told_of_a_device_is_among_its_facts(void **state)
{
	static struct hr_host_devs devs;
	static struct hr_facts f;
	struct hr_host_dev_opts o = {root, "", "", "vda=3000:1M eth0=:2M vdb=7"};

	(void)state;
	make_root();
	dir("sys");
	dir("sys/block");
	dir("sys/block/vda");
	dir("sys/block/vda/device");
	put("sys/block/vda/dev", "254:0\n");
	put("sys/block/vda/size", "2048\n");
	dir("sys/class");
	dir("sys/class/net");
	dir("sys/class/net/eth0");
	dir("sys/class/net/eth0/device");
	put("sys/class/net/eth0/type", "1\n");
	put("sys/class/net/eth0/ifindex", "2\n");
	assert_true(hr_host_dev_scan(&o, &devs));
	hr_host_facts_devs(&devs, &f);
	assert_int_equal(f.n_dev, 2);
	assert_string_equal(f.dev[0].name, "vda");
	assert_int_equal(f.dev[0].cap_iops, 3000);
	assert_int_equal(f.dev[0].cap_bytes_per_s, 1 << 20);
	assert_string_equal(f.dev[1].name, "eth0");
	assert_int_equal(f.dev[1].cap_iops, 0);
	assert_int_equal(f.dev[1].cap_bytes_per_s, 2 << 20);
	remove_root();
}

/* Read to its end, however the kernel cuts it, and not at all without a file. */
static void memory_is_the_zones_of_zoneinfo(void **state)
{
	static char zones[6000];
	struct hr_page_ranges r;

	(void)state;
	assert_int_equal(setup(NULL), 0);
	assert_int_equal(hr_host_read_zones(root, &r), -2);
	assert_int_equal(r.frames, 0);
	memset(zones, '\n', sizeof(zones) - 1);
	memcpy(zones, "spanned 8\npresent 8\nstart_pfn: 1\n", 33);
	memcpy(zones + 5900, "spanned 4\npresent 4\nstart_pfn: 16\n", 34);
	put("proc/zoneinfo", zones);
	assert_int_equal(hr_host_read_zones(root, &r), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.frames, 12);
	assert_int_equal(r.end, 20);
	done();
}

/* Another root is another machine's: its page frames are not looked at, and nothing is said. */
static void no_look_at_the_memory_of_another_root(void **state)
{
	const struct hr_text meminfo = {.p = "MemTotal: 1 kB\n", .len = 15};
	struct hr_page_cache c = {0};
	struct hr_facts f = {0};

	(void)state;
	assert_int_equal(setup(NULL), 0);
	dir("sys/kernel/mm");
	dir("sys/kernel/mm/lru_gen");
	put("sys/kernel/mm/lru_gen/enabled", "0x0007\n");
	assert_false(hr_page_cache_wanted(root));
	hr_host_facts_signal(&f, HR_SIG_MEMINFO, HR_RUNG_FILE, "");
	assert_null(hr_page_cache_look(&c, root, NULL, &meminfo, &f));
	assert_string_equal(f.signal[HR_SIG_MEMINFO].reason, "");
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tick_reads_what_it_needs_and_no_more),
		cmocka_unit_test(an_event_of_a_device_is_seen_once),
		cmocka_unit_test(without_a_count_of_events_each_look_counts),
		cmocka_unit_test(what_is_told_of_a_device_is_among_its_facts),
		cmocka_unit_test(memory_is_the_zones_of_zoneinfo),
		cmocka_unit_test(no_look_at_the_memory_of_another_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
