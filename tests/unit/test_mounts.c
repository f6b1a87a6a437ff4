/* SPDX-License-Identifier: Apache-2.0 */
/* Which file systems count, and what full means. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/mounts.h"

static struct hr_mounts m;

static void parse(const char *text)
{
	memset(&m, 0xff, sizeof(m));
	hr_mounts_parse(text, strlen(text), &m);
}

static void block_devices_count_once_and_by_their_first_path(void **state)
{
	(void)state;
	parse("21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
	      "22 21 0:20 / /proc rw - proc proc rw\n"
	      "23 21 0:5 / /dev rw - devtmpfs udev rw\n"
	      "24 21 0:22 / /run rw shared:2 master:7 - tmpfs tmpfs rw,size=1g\n"
	      "25 21 254:16 / /srv/a\\040b rw - xfs /dev/vdb rw\n"
	      "26 21 254:1 /etc /var/lib/x/etc rw - ext4 /dev/vda1 rw\n"
	      "27 21 0:44 /@home /home rw - btrfs /dev/vdc rw,subvol=/@home\n"
	      "28 21 0:50 / /var/lib/docker/overlay2/q/merged rw - overlay overlay rw\n");
	assert_int_equal(m.n, 3);
	assert_string_equal(m.m[0].path, "/");
	assert_string_equal(m.m[1].path, "/srv/a b");
	assert_string_equal(m.m[2].path, "/home");
	assert_int_equal(m.remote, 0);
	assert_int_equal(m.refused, 0);
}

static void what_may_hang_is_never_asked(void **state)
{
	(void)state;
	parse("31 1 0:60 / /mnt/dead rw,relatime - nfs4 10.0.0.9:/export rw,hard\n"
	      "32 1 0:61 / /mnt/win rw - cifs //srv/share rw\n"
	      "33 1 0:62 / /mnt/ssh rw - fuse.sshfs me@host:/ rw\n"
	      "34 1 8:17 / /mnt/stick rw - fuseblk /dev/sdb1 rw\n"
	      "35 1 0:63 / /net rw - autofs /etc/auto.net rw\n"
	      "36 1 0:64 / /ceph rw - ceph 1.2.3.4:6789:/ rw\n");
	assert_int_equal(m.n, 0);
	assert_int_equal(m.remote, 6);
}

static void what_cannot_be_filled_is_left_out(void **state)
{
	(void)state;
	parse("41 1 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro,errors=continue\n"
	      "42 1 11:0 / /cdrom ro - iso9660 /dev/sr0 ro\n"
	      "43 1 254:17 / /srv/archive ro - ext4 /dev/vdb1 ro\n"
	      /* this process' own view: systemd's ProtectSystem mounts it again, read-only */
	      "44 1 254:18 / /srv/data ro,relatime - ext4 /dev/vdc1 rw\n");
	assert_int_equal(m.n, 1);
	assert_string_equal(m.m[0].path, "/srv/data");
}

static void a_mount_over_another_is_the_one_that_is_seen(void **state)
{
	(void)state;
	parse("51 1 254:1 / /data rw - ext4 /dev/vda1 rw\n52 1 254:2 / /data rw - xfs /dev/vda2 "
	      "rw\n");
	assert_int_equal(m.n, 1);
	assert_true(m.m[0].dev == (254ULL << 32 | 2));
}

static void lines_of_nonsense_are_passed_over(void **state)
{
	char many[HR_MOUNTS_MAX * 64 + 256] = "";
	size_t n = 0;

	(void)state;
	parse("");
	assert_int_equal(m.n, 0);
	parse("- - -\n\n61 1 x:y / / rw - ext4 /dev/vda rw\n61 1 8:1 / rel rw - ext4 /dev/vda rw\n"
	      "61 1 8:1 / / rw ext4 /dev/vda rw\n61 1 8:1 / /cut rw - ext4");
	assert_int_equal(m.n, 0);
	assert_int_equal(m.refused, 1); /* the relative path */
	for (unsigned i = 0; i < HR_MOUNTS_MAX + 3; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n,
			"%u 1 8:%u / /m%u rw - ext4 /dev/sda rw\n", i, i, i);
	parse(many);
	assert_int_equal(m.n, HR_MOUNTS_MAX);
	assert_int_equal(m.refused, 3);
}

static void full_is_where_an_unprivileged_program_fails(void **state)
{
	/* 1000 blocks of 4 KiB, 50 kept for root: 400 used, 600 free, 550 of them for all */
	struct hr_fs_raw raw = {4096, 1000, 600, 550, 2000, 500};
	struct hr_fs f;

	(void)state;
	assert_true(hr_fs_of("/srv", &raw, &f));
	assert_int_equal(f.used_bytes, 400 * 4096);
	assert_int_equal(f.usable_bytes, 950 * 4096);
	assert_int_equal(f.used_inodes, 1500);
	assert_int_equal(f.usable_inodes, 2000);
	raw.inodes = raw.inodes_free = 0; /* btrfs */
	assert_true(hr_fs_of("/srv", &raw, &f));
	assert_int_equal(f.usable_inodes, 0);
	raw.blocks_avail = 601; /* more than is free: no number to add up */
	assert_false(hr_fs_of("/srv", &raw, &f));
	raw.blocks_avail = 550;
	raw.blocks = 0;
	assert_false(hr_fs_of("/srv", &raw, &f));
	raw.blocks = 1ULL << 60;
	raw.blocks_free = raw.blocks_avail = 0;
	assert_false(hr_fs_of("/srv", &raw, &f)); /* 4 ZiB */
}

static void a_long_path_keeps_its_end(void **state)
{
	struct hr_fs_raw raw = {4096, 10, 5, 5, 0, 0};
	char path[101] = "/";
	struct hr_fs f;

	(void)state;
	memset(path + 1, 'a', 98);
	path[99] = 'z';
	assert_true(hr_fs_of(path, &raw, &f));
	assert_int_equal(strlen(f.mount), HR_NAME_LEN - 1);
	assert_int_equal(f.mount[HR_NAME_LEN - 2], 'z');
}

static void the_fullest_are_kept_inodes_too(void **state)
{
	struct hr_fs fs[HR_FS_MAX], f = {"", 0, 100, 0, 0};
	uint8_t n = 0;

	(void)state;
	for (unsigned i = 0; i < HR_FS_MAX; i++) {
		f.used_bytes = 10 + i;
		assert_true(hr_fs_keep(fs, &n, &f));
	}
	f.used_bytes = 5;
	assert_false(hr_fs_keep(fs, &n, &f)); /* emptier than all */
	f.used_inodes = 99;
	f.usable_inodes = 100;
	assert_false(hr_fs_keep(fs, &n, &f)); /* kept, and another is not */
	assert_int_equal(n, HR_FS_MAX);
	assert_int_equal(fs[0].used_inodes, 99);
	assert_int_equal(fs[1].used_bytes, 10 + HR_FS_MAX - 1);
	assert_int_equal(fs[HR_FS_MAX - 1].used_bytes, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_devices_count_once_and_by_their_first_path),
		cmocka_unit_test(what_may_hang_is_never_asked),
		cmocka_unit_test(what_cannot_be_filled_is_left_out),
		cmocka_unit_test(a_mount_over_another_is_the_one_that_is_seen),
		cmocka_unit_test(lines_of_nonsense_are_passed_over),
		cmocka_unit_test(full_is_where_an_unprivileged_program_fails),
		cmocka_unit_test(a_long_path_keeps_its_end),
		cmocka_unit_test(the_fullest_are_kept_inodes_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
