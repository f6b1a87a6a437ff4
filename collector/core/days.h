/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's days: what the forecast remembers when minutes are forgotten.  Per day
 * with enough evidence: ln K of each resource (0.5 % quantile of at_least over
 * the day's minutes), what had evidence, and p95 of 5-minute demand of the day
 * and of the seven days that end with it.  A k at its cap is not stored: a day
 * with evidence and without a cell was at the cap.  A quiet VM takes 5 cells of
 * 8 bytes a day, 91 days at most.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/lookback.h"
#include "proto/limits.h"

#define HR_DAYS_MAX       91 /* kept */
#define HR_DAYS_GROUPS    (5 + HR_DEVS_MAX + 1)
#define HR_DAYS_VM        (HR_DAYS_GROUPS - 1) /* group of the smallest k of all */
#define HR_DAYS_CELLS     4096                 /* 32 KiB: 91 days of 45 cells; then the oldest go */
#define HR_DAYS_UNITS     8640                 /* of 10 s in a day */
#define HR_DAYS_ENOUGH    6912                 /* 80 % of them: less is not a day */
#define HR_DAYS_LOW       8                    /* smallest k of the open day that are kept */
#define HR_DAYS_K_CAP     6.3                  /* at_least of an estimate of 8 is 6.4 or more */
#define HR_DAYS_LOAD_MAX  2000.0               /* percent */
#define HR_DAYS_LOAD_STEP 0.03                 /* width of a code of demand, of 1 + percent */

enum hr_day_what {
	HR_DAY_K = 0,     /* + group: ln K */
	HR_DAY_SEEN = 32, /* bits: groups with evidence */
	HR_DAY_CPU_P95,   /* percent of the capacity of that day */
	HR_DAY_CPU_WEEK,
	HR_DAY_MEM_P95,
	HR_DAY_MEM_WEEK,
	HR_DAY_RESIZED, /* capacity changed on this day; bits: of these groups, 1: of all */
	HR_DAY_WHAT_N,
};

struct hr_day_cell {
	uint16_t day; /* since 1970, UTC */
	uint8_t what;
	union {
		float v;
		uint32_t bits;
	};
};

/* The day that is not over. */
struct hr_day_open {
	uint16_t day;
	uint32_t units; /* of 10 s with a claim of the VM's k */
	struct {
		uint32_t units;
		float k[HR_DAYS_LOW]; /* smallest first */
		uint16_t w[HR_DAYS_LOW];
	} low[HR_DAYS_GROUPS];
	/* five minutes of demand */
	uint32_t five;      /* since 1970 */
	uint32_t five_ms;   /* covered */
	double busy_ms;     /* CPU time */
	double mem_percent; /* largest */
};

struct hr_days {
	struct hr_day_cell *cell; /* sorted by (day, what) */
	uint32_t n, cap;
	struct hr_day_open open;
};

/* Demand on a scale of 3 % steps of 1 + percent, one byte; and back (middle of the step). */
uint8_t hr_days_load_code(double percent);
double hr_days_load(uint8_t code);

void hr_days_done(struct hr_days *d);
size_t hr_days_bytes(const struct hr_days *d);

/* One minute's k of a group (HR_DAYS_VM: of the VM), weight in units of 10 s. */
void hr_days_k(struct hr_days *d, unsigned group, double k, uint32_t weight);

/*
 * Ends the open day when @day is later and begins @day; @cpu, @mem: lookback tracks with the load
 * codes, read for the p95s.  True when a day with enough evidence was added.  Earlier days: false,
 * and their minutes must not be added.
 */
bool hr_days_roll(
	struct hr_days *d, uint16_t day, const struct hr_lookback *back, uint8_t cpu, uint8_t mem);

/*
 * The VM was resized on @day: k of CPU and all are scaled by @cpu (new / old vCPUs), those of
 * serial and softirq stay, the others are forgotten; demand is in percent of the new capacity.
 */
void hr_days_resize(struct hr_days *d, uint16_t day, double cpu, double mem);

/*
 * A known limit of device @group changed on @day: its k are scaled by @by (new / old), or forgotten
 * (@by 0: nobody knows by how much).  On days when that device bound, the VM's k becomes the least
 * of all resources' k of then, or is forgotten, too.
 */
void hr_days_limit(struct hr_days *d, uint16_t day, unsigned group, double by);

/*
 * A limit inside the VM that held @group back changed on @day, nobody knows by how much for its k:
 * days on which its k was not above 1 are forgotten, and the VM's where that bound.
 */
void hr_days_held(struct hr_days *d, uint16_t day, unsigned group);

/* What is known of @group changed on @day, its past is as it was: a cut for the trend, no more. */
void hr_days_cut(struct hr_days *d, uint16_t day, unsigned group);

/* A device number means another device now. */
void hr_days_forget(struct hr_days *d, unsigned group);

/* Adds a cell; false when out of memory.  Beyond HR_DAYS_CELLS the oldest day goes first. */
bool hr_days_add(struct hr_days *d, uint16_t day, uint8_t what, uint32_t bits);

/* Groups with evidence on any day, a bit each; and those that were below their cap on any. */
uint32_t hr_days_seen(const struct hr_days *d);
uint32_t hr_days_below_cap(const struct hr_days *d);

/* Last closed day, 0 none. */
uint16_t hr_days_last(const struct hr_days *d);

/*
 * Series of the last @n days up to hr_days_last(), NaN where there is no day or no evidence:
 * ln K of @group with the cap where it was at the cap, or a demand.  Returns days with a value.
 */
uint32_t hr_days_k_series(const struct hr_days *d, unsigned group, uint32_t n, double *ret);
uint32_t hr_days_series(const struct hr_days *d, enum hr_day_what what, uint32_t n, double *ret);
/* All of them, in one pass over the cells. */
struct hr_days_all {
	double h[HR_DAYS_GROUPS][HR_DAYS_MAX]; /* as hr_days_k_series; only of groups with days */
	double load[4][HR_DAYS_MAX];           /* as hr_days_series, from HR_DAY_CPU_P95 on */
	uint32_t event[HR_DAYS_MAX];           /* groups whose capacity changed, a bit each */
	bool events;                           /* any of them */
	uint32_t days[HR_DAYS_GROUPS], load_days[4];
	uint32_t below; /* groups below their cap on any day, a bit each */
};
void hr_days_read(const struct hr_days *d, struct hr_days_all *ret);
/* Which of those days a change of @group's capacity fell on. */
void hr_days_events(const struct hr_days *d, unsigned group, uint32_t n, bool *ret);
