/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticks -> summaries.  Takes struct hr_raw once a second, parses, takes
 * differences, folds, and closes one struct hr_summary per 10 s.  No clock, no
 * I/O, no allocation: all state is one struct (1.2 MB; let the engine
 * allocate it once).
 *
 * When a window ends: at the first tick that reaches its planned end (less a
 * quarter of a tick, so that a timer that fires a little early still closes it).
 * Aligned windows end at multiples of 10 s of CLOCK_BOOTTIME, others 10 s apart
 * from the first tick.  seq = (planned end - 1) / 10 s.  A sequence number is
 * used once: after an early close (change, flush) the next window runs on to the
 * end of the following 10 s and takes that number.  Time without ticks (> 60 s:
 * suspend, stopped) is in no window.
 *
 * Missing: @have of a summary is the intersection over its ticks.  A signal
 * read every 10 s (cgroups, threads, qdisc; totals of which only the growth in the
 * window counts) is set when it was read in the window and had a base from an earlier
 * one.  A window that ends early because the machine changed has no such totals.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/counter.h"
#include "agent/core/fold.h"
#include "agent/core/procfs.h"
#include "agent/core/raw.h"
#include "agent/core/topk.h"
#include "proto/facts.h"
#include "proto/summary.h"

#define HR_SAMPLER_GAP_NS  60000000000ULL /* a longer pause ends the window at the last tick */
#define HR_SAMPLER_LATE_NS 500000000ULL   /* a tick later than this counts in SELF_TICK_LATE_N */

struct hr_sampler_conf {
	bool align;        /* windows end at multiples of 10 s of boot time */
	uint64_t seq_min;  /* first sequence number free to use in this boot (agent restarted: last
			      sent + 1) */
	uint32_t self_pid; /* never the hot thread */
	/* the VM, as of hr_facts.epoch */
	uint32_t epoch;
	uint32_t cpus; /* online */
	uint8_t n_dev;
	uint8_t dev_kind[HR_DEVS_MAX];
	char dev_name[HR_DEVS_MAX][HR_NAME_LEN];
};

/* Fills the VM part of @conf from @facts; leaves align, seq_min, self_pid. */
void hr_sampler_conf_facts(struct hr_sampler_conf *conf, const struct hr_facts *facts);

/* Running totals whose growth is counted, VM-wide and per device. */
enum hr_sampler_total {
	HR_TOTAL_USER,
	HR_TOTAL_SYSTEM,
	HR_TOTAL_IDLE,
	HR_TOTAL_IRQ,
	HR_TOTAL_CTXT,
	HR_TOTAL_STEAL,
	HR_TOTAL_VMSTAT, /* HR_VMSTAT_N in a row */
	HR_TOTAL_NETSTAT = HR_TOTAL_VMSTAT + HR_VMSTAT_N,
	HR_TOTAL_SNMP = HR_TOTAL_NETSTAT + HR_NETSTAT_N,
	HR_TOTAL_SOFTNET_DROP = HR_TOTAL_SNMP + HR_SNMP_N,
	HR_TOTAL_SOFTNET_SQUEEZE,
	HR_TOTAL_PSI_CPU,
	HR_TOTAL_PSI_MEM_SOME,
	HR_TOTAL_PSI_MEM_FULL,
	HR_TOTAL_PSI_IO_SOME,
	HR_TOTAL_PSI_IO_FULL,
	HR_TOTAL_LOCAL_BYTES,
	HR_TOTAL_THROTTLED_N,
	HR_TOTAL_THROTTLED_US,
	HR_TOTAL_MEMCG_MAX,
	HR_TOTAL_MEMCG_OOM,
	HR_TOTAL_SELF_CPU,
	HR_TOTAL_BPF_NS,
	HR_TOTAL_BPF_N,
	HR_TOTAL_BPF_MISSED,
	HR_TOTAL_N,
};
enum {
	HR_SAMPLER_DEV_TOTALS = 12, /* a disk has 6, a NIC 8 + 4 */
};

struct hr_sampler {
	struct hr_sampler_conf conf;
	/* the open window */
	bool begun;        /* a first tick has set the base */
	bool phased;       /* phase_ns is decided */
	uint64_t phase_ns; /* windows end at this offset modulo 10 s of boot time */
	uint64_t start_mono_ns, start_boot_ns;
	uint64_t end_boot_ns; /* planned */
	uint64_t seq_next;    /* first number not used yet */
	uint32_t ticks;
	uint64_t have;      /* intersection over the ticks that read it */
	uint64_t seen;      /* measured in any tick */
	uint64_t slow_have; /* signals read once per window */
	uint64_t dev_have[HR_DEVS_MAX], dev_seen[HR_DEVS_MAX], dev_slow_have[HR_DEVS_MAX];
	uint64_t tick_dev[HR_DEVS_MAX]; /* of the tick being folded */
	/* the last tick */
	uint64_t last_mono_ns, last_boot_ns, last_wall_ms;
	/* running totals */
	struct hr_counter total[HR_TOTAL_N];
	struct hr_counter dev_total[HR_DEVS_MAX][HR_SAMPLER_DEV_TOTALS];
	uint32_t irq_n; /* entries of irq_last that mean something */
	uint64_t irq_last[HR_CPUS_MAX];
	struct hr_procfs_stat stat; /* scratch: too large for a stack */
	struct hr_fold fold;
	struct hr_topk topk;
	struct hr_summary sum[2]; /* open and last closed */
	uint8_t open;
	/* of the last snapshot of threads, for the engine's reason when THREADS is missing */
	uint32_t top_unheld, top_unknown;
};

/* @s: zeroed memory, or one used before; tables for devices and threads stay untouched. */
void hr_sampler_init(struct hr_sampler *s, const struct hr_sampler_conf *conf);

/* Monotonic time of the next tick after one at (mono, boot): on the grid of 1 s that window ends
 * lie on. */
uint64_t hr_sampler_next_ns(const struct hr_sampler *s, uint64_t mono_ns, uint64_t boot_ns);

/* Whether a tick at @boot_ns will end the window or set a base: what is read every 10 s is then. */
bool hr_sampler_closes(const struct hr_sampler *s, uint64_t boot_ns);

/*
 * Whether the NICs have sent so little since the window began, up to the texts of @raw, that no
 * rate of theirs can be at a plateau: then round trips tell of no shaper (MODEL.md, section 5).
 */
bool hr_sampler_quiet(const struct hr_sampler *s, const struct hr_raw *raw);

/*
 * One tick.  1: a window closed, *ret points at it (the sampler's own, valid until
 * the next close); 0: none.  The first tick after init or change only sets the base.
 */
int hr_sampler_tick(struct hr_sampler *s, const struct hr_raw *raw, const struct hr_summary **ret);

/* Time the hooks took in the window just closed: into its summary, before anybody else reads it. */
void hr_sampler_hook_us(struct hr_sampler *s, uint64_t us);

/* What the replay of one slice gave, added to the open window. */
struct hr_sampler_slice {
	uint32_t bursts, late, ms;
	uint32_t even_ms; /* reach.h */
	bool mixed;
	bool lost; /* given up: the rest is 0 */
	struct hr_replay_sum sum;
};
void hr_sampler_replay(struct hr_sampler *s, const struct hr_sampler_slice *slice);

/* Ends the open window at the last tick: at exit.  As hr_sampler_tick; 0 when it holds no tick. */
int hr_sampler_flush(struct hr_sampler *s, const struct hr_summary **ret);

/*
 * CPUs or devices changed: ends the open window at the last tick (as flush) and
 * starts afresh under @conf; call it before the tick that saw the change, which then
 * sets the base.  The second in which it happened is in no window: it was two machines; but of
 * @raw, that tick's, what is read once a window (cgroups, threads) is the window's that ends.
 */
int hr_sampler_change(struct hr_sampler *s, const struct hr_sampler_conf *conf,
	const struct hr_raw *raw, const struct hr_summary **ret);

/*
 * Internal to the sampler: one tick's texts (sampler_files.c) and devices (sampler_dev.c) into the
 * open summary.  Return the signals measured; *ret_lost: over the tick.
 */
uint64_t hr_sampler_files(
	struct hr_sampler *s, const struct hr_raw *raw, uint64_t dt_ns, struct hr_lost *ret_lost);
uint64_t hr_sampler_devices(struct hr_sampler *s, const struct hr_raw *raw);
void hr_sampler_slow(struct hr_sampler *s, const struct hr_raw *raw);
