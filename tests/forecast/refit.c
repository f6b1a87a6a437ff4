/* SPDX-License-Identifier: Apache-2.0 */
/* What a day's refit costs: the outlook and the file systems of VMs with all the days there can be.
 */
#include "tests/forecast/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/core/outlook.h"
#include "collector/core/stocks.h"

#define VMS    500
#define DAY0   20000
#define GROUPS 7 /* CPU, steal, serial, memory, softirq, a disk, a network device; and the VM */

static double uniform(uint64_t *s)
{
	*s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
	return (double)(*s >> 11) / 9007199254740992.0;
}

static void fill(struct hr_days *d, uint64_t *seed)
{
	double slope = 0.01 * uniform(seed), level = 1 + uniform(seed);

	for (uint16_t day = DAY0; day < DAY0 + HR_DAYS_MAX; day++) {
		struct hr_day_cell c = {0};

		for (unsigned g = 0; g <= GROUPS; g++) {
			uint8_t what = (uint8_t)(HR_DAY_K + (g < GROUPS ? g : HR_DAYS_VM));

			c.v = (float)(level - slope * (day - DAY0) + 0.1 * uniform(seed));
			(void)hr_days_add(d, day, what, c.bits);
		}
		c.bits = (1U << GROUPS) - 1U + (1U << HR_DAYS_VM);
		(void)hr_days_add(d, day, HR_DAY_SEEN, c.bits);
		for (int what = HR_DAY_CPU_P95; what <= HR_DAY_MEM_WEEK; what++) {
			c.v = (float)(20 + 0.3 * (day - DAY0) + 10 * uniform(seed));
			(void)hr_days_add(d, day, (uint8_t)what, c.bits);
		}
	}
}

void eval_refit(void)
{
	static struct hr_days days[VMS];
	static struct hr_stocks stocks[VMS];
	uint64_t seed = 7;
	size_t dates = 0;
	clock_t t;
	double s;

	for (unsigned i = 0; i < VMS; i++) {
		fill(&days[i], &seed);
		for (unsigned d = 0; d < HR_STOCKS_DAYS; d++)
			for (unsigned f = 0; f < 3; f++) {
				struct hr_fs fs = {.used_bytes = (1ULL << 30) * (d + 1),
					.usable_bytes = 1ULL << 38,
					.used_inodes = 1000,
					.usable_inodes = 100000};

				(void)snprintf(fs.mount, sizeof(fs.mount), "/m%u", f);
				(void)hr_stocks_add(&stocks[i], &fs, (DAY0 + d) * 86400000ULL);
			}
	}
	t = clock();
	for (unsigned i = 0; i < VMS; i++) {
		struct hr_outlook o;
		struct hr_stock fit;

		hr_outlook_make(&days[i], 1.3, &o);
		dates += o.date.has;
		for (unsigned f = 0; f < 12; f++) { /* space, inodes, and each of a day before */
			hr_stocks_fit(&stocks[i].fs[f / 4], f % 4 / 2, f % 2, &fit);
			dates += fit.early.has;
		}
	}
	s = (double)(clock() - t) / CLOCKS_PER_SEC;
	printf("refit: 91 days of %d resources, 181 days of 3 file systems: %.1f us of CPU a VM, "
	       "%.1f s per 100,000 VMs (%zu dates)\n",
		GROUPS, 1e6 * s / VMS, 1e5 * s / VMS, dates);
	for (unsigned i = 0; i < VMS; i++) {
		hr_days_done(&days[i]);
		hr_stocks_done(&stocks[i]);
	}
}
