/* SPDX-License-Identifier: Apache-2.0 */
/* What is given back, and what stays, where memory is short. */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/trim.h"

#define LEN (16 * 4096UL)

/* Pages of @at that are present; what reclaim may take is not told by this, but a page that was
 * given up is. */
static unsigned present(unsigned char *at)
{
	unsigned char is[LEN / 4096];
	unsigned n = 0;

	assert_int_equal(mincore(at, LEN, is), 0);
	for (size_t i = 0; i < sizeof is; i++)
		n += is[i] & 1;
	return n;
}

/* MADV_DONTNEED takes a page as reclaim would, and is refused where it must stay. */
static void what_stays_is_not_taken(void **state)
{
	unsigned char *mine =
		mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rlimit was, none;

	(void)state;
	assert_ptr_not_equal(mine, MAP_FAILED);
	memset(mine, 1, LEN / 2);
	assert_true(hr_stay_in_memory());
	assert_int_equal(madvise(mine, LEN, MADV_DONTNEED), -1);
	assert_int_equal(mine[0], 1);
	/* what was not touched is not there for it, and comes when it is */
	assert_int_equal(present(mine), LEN / 2 / 4096);
	memset(mine + LEN / 2, 2, LEN / 2);
	assert_int_equal(present(mine), LEN / 4096);
	hr_trim_memory(); /* once more: takes nothing of it, and harms nothing */
	assert_int_equal(mine[0] + mine[LEN - 1], 3);
	/* a mapping of later is as any other, also where nothing more may be locked */
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &was), 0);
	none = (struct rlimit){0, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	assert_ptr_not_equal(
		mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		MAP_FAILED);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &was), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_is_not_taken),
	};

	if (!hr_stay_in_memory()) {
		(void)fputs("SKIPPED: neither RLIMIT_MEMLOCK nor CAP_IPC_LOCK allows it\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
