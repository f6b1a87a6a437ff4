/* SPDX-License-Identifier: Apache-2.0 */
/* What a day's refit costs: the outlook and the file systems of VMs with all the days there can be.
 */
#include "tests/forecast/eval.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdbool.h>
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

/* Resources below their cap of k, whether their headroom falls, steps and days missing. */
struct fleet {
	const char *name;
	unsigned groups, below;
	bool falls, rough;
};

static void fill(struct hr_days *d, const struct fleet *f, uint64_t *seed)
{
	double slope = f->falls ? 0.01 * uniform(seed) : 0, level = 1 + uniform(seed);
	uint16_t step = (uint16_t)(DAY0 + 20 + 50 * uniform(seed));

	for (uint16_t day = DAY0; day < DAY0 + HR_DAYS_MAX; day++) {
		struct hr_day_cell c = {0};

		level += f->rough && day == step ? 0.5 : 0;
		if (f->rough && uniform(seed) < 0.1 && day + 1 < DAY0 + HR_DAYS_MAX)
			continue;
		for (unsigned g = 0; g <= f->groups; g++) {
			uint8_t what = (uint8_t)(HR_DAY_K + (g < f->groups ? g : HR_DAYS_VM));

			if (g >= f->below && g < f->groups)
				continue;
			c.v = (float)(level - slope * (day - DAY0) + 0.1 * uniform(seed));
			(void)hr_days_add(d, day, what, c.bits);
		}
		c.bits = (1U << f->groups) - 1U + (1U << HR_DAYS_VM);
		(void)hr_days_add(d, day, HR_DAY_SEEN, c.bits);
		for (int what = HR_DAY_CPU_P95; what <= HR_DAY_MEM_WEEK; what++) {
			c.v = (float)(20 + (f->falls ? 0.3 * (day - DAY0) : 0) +
				      10 * uniform(seed));
			(void)hr_days_add(d, day, (uint8_t)what, c.bits);
		}
	}
}

static void fill_stocks(struct hr_stocks *s)
{
	for (unsigned d = 0; d < HR_STOCKS_DAYS; d++)
		for (unsigned f = 0; f < 3; f++) {
			struct hr_fs fs = {.used_bytes = (1ULL << 30) * (d + 1),
				.usable_bytes = 1ULL << 38,
				.used_inodes = 1000,
				.usable_inodes = 100000};

			(void)snprintf(fs.mount, sizeof(fs.mount), "/m%u", f);
			(void)hr_stocks_add(s, &fs, (DAY0 + d) * 86400000ULL);
		}
}

/* Outlook and file systems of all, with what they cost. */
static void run(
	const char *name, const struct hr_days *days, const struct hr_stocks *stocks, unsigned vms)
{
	size_t dates = 0;
	clock_t t = clock();
	double s;

	for (unsigned i = 0; i < vms; i++) {
		struct hr_outlook o;
		struct hr_stock fit;

		hr_outlook_make(&days[i], 1.3, &o);
		dates += o.date.has;
		for (unsigned k = 0; k < 12; k++) { /* space, inodes, and each of a day before */
			hr_stocks_fit(&stocks[i].fs[k / 4], k % 4 / 2, k % 2, &fit);
			dates += fit.early.has;
		}
	}
	s = (double)(clock() - t) / CLOCKS_PER_SEC;
	printf("refit, %-50s %6.1f us of CPU a VM, %5.1f s per 100,000 VMs (%zu dates)\n", name,
		1e6 * s / vms, 1e5 * s / vms, dates);
}

static void done(struct hr_days *days, struct hr_stocks *stocks, unsigned vms)
{
	for (unsigned i = 0; i < vms; i++) {
		hr_days_done(&days[i]);
		hr_stocks_done(&stocks[i]);
	}
}

static void refit(const struct fleet *f)
{
	static struct hr_days days[VMS];
	static struct hr_stocks stocks[VMS];
	uint64_t seed = 7;

	for (unsigned i = 0; i < VMS; i++) {
		fill(&days[i], f, &seed);
		fill_stocks(&stocks[i]);
	}
	run(f->name, days, stocks, VMS);
	done(days, stocks, VMS);
}

static void put(struct hr_days *d, uint16_t day, unsigned what, double v)
{
	struct hr_day_cell c = {.v = (float)v};

	(void)hr_days_add(d, day, (uint8_t)what, c.bits);
}

/* k = limit / busiest hour, of CPU and memory; the other resources at their cap. */
static void fill_recorded(struct hr_days *d, const double *cpu, const double *mem)
{
	for (uint16_t i = 0; i < HR_DAYS_MAX; i++) {
		const double k[2] = {100 / fmax(cpu[i], 1), 100 / fmax(mem[i], 1)};
		struct hr_day_cell seen = {.bits = (1U << GROUPS) - 1U + (1U << HR_DAYS_VM)};

		if (isnan(cpu[i]) || isnan(mem[i]))
			continue;
		for (unsigned r = 0; r < 2; r++) {
			if (k[r] < HR_DAYS_K_CAP)
				put(d, DAY0 + i, HR_DAY_K + 3 * r, log(k[r]));
			put(d, DAY0 + i, HR_DAY_CPU_P95 + 2 * r, r ? mem[i] : cpu[i]);
			put(d, DAY0 + i, HR_DAY_CPU_WEEK + 2 * r, r ? mem[i] : cpu[i]);
		}
		if (fmin(k[0], k[1]) < HR_DAYS_K_CAP)
			put(d, DAY0 + i, HR_DAY_K + HR_DAYS_VM, log(fmin(k[0], k[1])));
		(void)hr_days_add(d, DAY0 + i, HR_DAY_SEEN, seen.bits);
	}
}

void eval_refit_recorded(const char *dir)
{
	static struct hr_days days[VMS];
	static struct hr_stocks stocks[VMS];
	struct tr_grid g[2] = {tr_load(dir, "bitbrains_hourly.csv", "cpu_p95", 3600,
				       EVAL_BITBRAINS_T0, "bitbrains"),
		tr_load(dir, "bitbrains_hourly.csv", "mem_max", 3600, EVAL_BITBRAINS_T0,
			"bitbrains")};
	unsigned n = g[0].n < VMS ? g[0].n : VMS, below = 0;

	for (unsigned i = 0; i < n; i++) {
		double peak[2][HR_DAYS_MAX];

		for (unsigned r = 0; r < 2; r++)
			for (unsigned day = 0; day < HR_DAYS_MAX; day++)
				peak[r][day] =
					(day + 1) * 24 > g[r].slots
						? NAN
						: tr_quantile(tr_row(&g[r], i) + 24 * day, 24, 1);
		fill_recorded(&days[i], peak[0], peak[1]);
		fill_stocks(&stocks[i]);
		below += hr_days_below_cap(&days[i]) != 0;
	}
	printf("## refit of the %u recorded VMs, k = limit / busiest hour; %u of them are ever "
	       "below the cap of k\n",
		n, below);
	for (unsigned k = 0; k < 3; k++)
		run("recorded loads:", days, stocks, n);
	done(days, stocks, n);
	tr_free(&g[0]);
	tr_free(&g[1]);
}

void eval_refit(void)
{
	static const struct fleet fleet[] = {
		{"all 7 resources fall, all dated:", 7, 7, true, false},
		{"the same with steps, a tenth of the days missing:", 7, 7, true, true},
		{"all 7 below the cap, none falls:", 7, 7, false, false},
		{"2 of 7 below the cap and falling:", 7, 2, true, false},
		{"2 of 7 below the cap, none falls:", 7, 2, false, false},
		{"all at the cap of k:", 7, 0, false, false},
		{"13 resources (8 devices), all fall:", 13, 13, true, false},
	};

	puts("91 days, 181 days of 3 file systems; every VM is fitted whole");
	for (unsigned i = 0; i < sizeof(fleet) / sizeof(*fleet); i++)
		refit(&fleet[i]);
}
