/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do two vCPUs share a core?  Most hypervisors hide it, and a busy sibling may halve what a vCPU is
 * worth.  Hyper-threads share the adders of their core: a loop that keeps all of them busy takes
 * twice as long while the other thread runs it too, and as long as alone on a core of its own.
 * Pure: agent/core_probe.c runs the loop, this judges the times.
 *
 * All cores of a VM are taken to be alike, so one CPU (index 0) beside each of the others tells.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"

enum hr_cores_kind {
	HR_CORES_UNKNOWN = 0, /* not measured, or neither clearly */
	HR_CORES_OWN,         /* no two share one */
	HR_CORES_SHARED,      /* two were found that do */
};

/* The loop once, on one CPU; @undisturbed: on neither CPU did anything else run meanwhile. */
struct hr_cores_run {
	uint64_t ns;
	uint32_t peer; /* parts of the loop that the other CPU did in that time; alone: not looked
			  at */
	bool undisturbed;
};
#define HR_CORES_PARTS 40 /* parts one loop has */

/* Fastest undisturbed run, ns; 0: none. */
struct hr_cores_pair {
	uint64_t alone_ns, together_ns;
};
void hr_cores_alone(struct hr_cores_pair *p, const struct hr_cores_run *r);
/* Counts only if the other CPU did as much: a vCPU that the hypervisor holds back slows nobody. */
void hr_cores_together(struct hr_cores_pair *p, const struct hr_cores_run *r);
enum hr_cores_kind hr_cores_judge(const struct hr_cores_pair *p);

/* What is known about @n CPUs.  Zeroed memory is "nothing about none". */
struct hr_cores {
	uint32_t n, left;               /* others that are not settled yet */
	uint8_t slow[HR_CPUS_MAX];      /* times in a row that an other was found to share */
	uint64_t own[HR_CPUS_MAX / 64]; /* bit per other: does not */
	enum hr_cores_kind verdict;     /* of the last complete round; SHARED at once */
};
/* A new round over @n <= HR_CPUS_MAX CPUs; the verdict stays unless @n is another. */
void hr_cores_begin(struct hr_cores *c, uint32_t n);
/* The next other to try, after @last (0: any); 0: none is left. */
uint32_t hr_cores_next(const struct hr_cores *c, uint32_t last);
/* CPU 0 beside @other.  True: the verdict changed. */
bool hr_cores_take(struct hr_cores *c, uint32_t other, const struct hr_cores_pair *p);
