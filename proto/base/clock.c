/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks.  A clock id that the kernel has always had cannot fail, so nothing is returned for
 * failure. */
#include "proto/base/clock.h"

#include <assert.h>
#include <time.h>

#include "proto/units.h"

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;
	int r = clock_gettime(id, &ts);

	assert(r == 0);
	(void)r;
	return (uint64_t)ts.tv_sec * HR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t hr_clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t hr_clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t hr_clock_wall_ms(void)
{
	struct timespec ts;

	/* the one clock that may stand before 1970: shown as 0 then */
	if (clock_gettime(CLOCK_REALTIME, &ts) != 0 || ts.tv_sec < 0)
		return 0;
	return (uint64_t)ts.tv_sec * HR_MS_PER_S + hr_ns_to_ms((uint64_t)ts.tv_nsec);
}

uint64_t hr_clock_cpu_us(void)
{
	return hr_ns_to_us(read_ns(CLOCK_PROCESS_CPUTIME_ID));
}

uint32_t hr_clock_tick_ns(void)
{
	struct timespec ts;
	int r = clock_getres(CLOCK_MONOTONIC_COARSE, &ts); /* moves on with the tick */

	assert(r == 0 && ts.tv_sec == 0);
	(void)r;
	return (uint32_t)ts.tv_nsec;
}
