/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every named limit of the contract between agent and collector.  A table,
 * queue, label or body without a limit here does not exist.  What exceeds a
 * limit is refused or left out, and counted where that happens.
 */
#pragma once

#define HR_SCHEMA 1 /* SummaryBatch.schema */

#define HR_WINDOW_NS  10000000000ULL /* one summary: 10 s */
#define HR_REST_MS    2000           /* a shorter window is a rest: the agent begins with none */
#define HR_TICK_NS    1000000000ULL  /* the agent wakes once a second */
#define HR_SLOT_SHIFT 23             /* a slot is 2^23 ns = 8.388608 ms */
#define HR_SLOT_NS    (1ULL << HR_SLOT_SHIFT)
#define HR_RING_SLOTS 256 /* 2.147 s in the kernel's ring */

#define HR_WINDOW_AIM         900     /* bytes of one summary: beyond, resolution is given up */
#define HR_WINDOW_AIM_IDLE    500     /* the same of a VM that is busy for less than a tenth */
#define HR_BODY_MAX           65536   /* bytes of one POST body, before unpacking */
#define HR_ARENA_MAX          1048576 /* bytes that unpacking one body may take */
#define HR_BATCH_MAX          64      /* summaries in one POST */
#define HR_DUR_MAX_MS         3600000 /* a coalesced window is at most 1 h */
#define HR_UNKNOWN_FIELDS_MAX 32      /* unknown tags tolerated in one body */

#define HR_SEQ_MAX       (1ULL << 40)     /* windows since boot: 348 000 years of them */
#define HR_WALL_MAX_MS   9000000000000ULL /* year 2255: nanoseconds still fit 63 bits */
#define HR_VALUE_MAX     (1ULL << 56)     /* a counter of one summary; 72 PB, 833 CPU-days in ns */
#define HR_SET_WORDS_MAX 16 /* words of 64 bits in a set of counters, known and newer */

#define HR_DISKS_MAX   8 /* whole disks in one summary */
#define HR_NICS_MAX    8 /* devices with a bus parent in one summary */
#define HR_DEVS_MAX    (HR_DISKS_MAX + HR_NICS_MAX)
#define HR_FS_MAX      8    /* file systems in one summary, the fullest */
#define HR_TOP_MAX     6    /* hottest threads in one summary */
#define HR_NAME_LEN    64   /* bytes with NUL: host, device, kernel, instance type */
#define HR_GROUP_MAX   4    /* hottest cgroups in one summary */
#define HR_GROUP_LEN   32   /* bytes with NUL: start of the last part of a cgroup's path */
#define HR_COMM_LEN    16   /* bytes with NUL: TASK_COMM_LEN of the kernel */
#define HR_CPUS_MAX    4096 /* possible CPUs handled */
#define HR_HOST_ID_LEN 16   /* bytes of a host id; printed as 32 hex digits */
