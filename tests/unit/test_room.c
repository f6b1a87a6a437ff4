/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By hand: 12 KiB of CPU cell and 1 of memory, 8 per disk, 4 per NIC; 368 KiB beside them.  With
 * one disk and one NIC 25 KiB per possible CPU, of 32; 144 KiB of the 512 are left for all.
 */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/room.h"

static void spare_room_stays_within_the_memory_promised(void **state)
{
	static const struct {
		uint32_t cpus, disks, nics, room_disks, room_nics;
	} want[] = {
		{2, 1, 1, 3, 3},   /* (13 + 24 + 12) x 2 + 368 = 466 of 576 KiB */
		{8, 1, 1, 3, 3},   /* 49 x 8 + 368 = 760 of 768 */
		{16, 1, 1, 2, 3},  /* of 1024: 3 + 2 is 45 x 16 + 368 = 1088, 2 + 3 just 1024 */
		{64, 1, 1, 2, 1},  /* of 2560: 2 + 1 is 33 x 64 + 368 = 2480, 2 + 2 is 2736 */
		{256, 1, 1, 1, 2}, /* of 8704: 2 + 1 is 8816, 1 + 2 is 29 x 256 + 368 = 7792 */
		{2, 0, 0, 3, 3},   /* as with one of each */
		{0, 1, 1, 3, 3},   /* CPUs unknown */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct hr_room r = hr_room(want[i].cpus, want[i].disks, want[i].nics);

		assert_int_equal(r.disks, want[i].room_disks);
		assert_int_equal(r.nics, want[i].room_nics);
	}
}

static void devices_that_are_there_always_have_room(void **state)
{
	struct hr_room r = hr_room(256, 3, 2);

	(void)state;
	assert_int_equal(r.disks, 3);
	assert_int_equal(r.nics, 2);
	r = hr_room(2, 20, 20);
	assert_int_equal(r.disks, 8); /* as many as a summary holds */
	assert_int_equal(r.nics, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spare_room_stays_within_the_memory_promised),
		cmocka_unit_test(devices_that_are_there_always_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
