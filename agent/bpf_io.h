/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel side as one object: skeletons opened, loaded and attached one
 * resource at a time; cells mapped; read without a system call.  The only user
 * of libbpf.  Decides each rung from BTF (never from a version number), checks
 * after attaching that a hook really fires, and says why a rung was not taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/pages.h"
#include "agent/core/raw.h"
#include "bpf/cell.h"
#include "proto/facts.h"

struct hr_bpf;

struct hr_bpf_opts {
	enum hr_rung force; /* as hr_engine_opts */
	uint64_t no_hooks;  /* bit per enum hr_shed */
	bool bpf_stats;
	uint32_t disks, nics; /* room to make, spare included; <= HR_DISKS_MAX, HR_NICS_MAX */
	bool pages;           /* load what looks at page frames */
};

/* What a device number (index in hr_facts.dev) means to the kernel. */
struct hr_bpf_dev {
	uint8_t kind;          /* enum hr_dev_kind; NONE leaves the number unused */
	uint32_t major, minor; /* disk */
	uint32_t ifindex;      /* nic */
};

/*
 * Loads what can be loaded.  Sets rung and reason of each signal it is responsible
 * for in @signal (CPU_SLOTS RUNQ_WAIT BURSTS THREADS READS DISK_IO NET_IO RECLAIM OOM TCP_RETRANS
 * EVENT_NS) and leaves the others.  0 even when nothing loads; -ENOMEM only.
 */
int hr_bpf_open(struct hr_bpf **ret_bpf, const struct hr_bpf_opts *opts,
	struct hr_signal_state signal[HR_SIG_N]);
void hr_bpf_close(struct hr_bpf *b);

/*
 * (Re)assigns device numbers; counters of a number whose device changed start afresh.  0, or the
 * last error: -ENOSPC when the maps have no room for one of them, which takes then tell
 * (hr_take.blind), -EINVAL for one of no kind we know.
 */
int hr_bpf_devices(struct hr_bpf *b, const struct hr_bpf_dev *dev, uint32_t n);

/* All closed slots and counter growth since the last take; the first take only sets the base. */
int hr_bpf_take(struct hr_bpf *b, uint64_t now_ns, struct hr_take *ret_take);

/* Runs the task iterator.  0 or -errno (then read /proc). */
int hr_bpf_tasks(
	struct hr_bpf *b, struct hr_task *buf, uint32_t cap, uint32_t *ret_n, bool *ret_cut);

/*
 * What each of the threads of a snapshot read since the one before: into @task.  Returns
 * the reads of all, or of all that had a place in the table.
 */
uint64_t hr_bpf_reads(struct hr_bpf *b, struct hr_task *task, uint32_t n);

/*
 * Learns from a page of our own what marks one that is used again; needs no rights, and nothing to
 * do once it is known.  For kernels with multi-generational LRU on: others set no such marks.
 * -EAGAIN: not seen, the next try may; else as hr_bpf_pages().
 */
int hr_bpf_pages_learn(struct hr_bpf *b);

/*
 * The memory to look at, before the first look and when it changed.  -ENODATA: hardly any; else as
 * hr_bpf_pages().
 */
int hr_bpf_pages_frames(struct hr_bpf *b, const struct hr_page_ranges *ranges);

/*
 * Looks at HR_PAGE_LOOKS page frames at random, in 0.5 ms (tests/cost/run pages); needs no rights.
 * *ret_seen is the kernel's own, and holds until the next look.
 * -EOPNOTSUPP: not asked for at the open, or not to be had here; -ENODATA: the array of struct
 * pages was not found where it is expected; -errno of the load or of the run.
 */
int hr_bpf_pages(struct hr_bpf *b, const struct hr_page_seen **ret_seen);

/*
 * The burst recorder: stints that end before @until_ns go into a ring of bounded size (0: off).
 * hr_bpf_stints() hands over what is there and returns how many did not fit since the last call.
 */
typedef void hr_bpf_stint_fn(const struct hr_stint_rec *r, void *arg);
void hr_bpf_record(struct hr_bpf *b, uint64_t until_ns);
uint64_t hr_bpf_stints(struct hr_bpf *b, hr_bpf_stint_fn *fn, void *arg);
/* Some did not fit since the last call: then the first HR_STINT_READ of the next came before them.
 */
bool hr_bpf_stints_lost(const struct hr_bpf *b);
/* CPUs whose task has run without a switch since before @ns: no stint tells of it. */
uint32_t hr_bpf_running_since(const struct hr_bpf *b, uint64_t ns);

/*
 * What CPU @cpu runs at this moment, as its cell has it: 0 is idle.  *ret_seq is another after
 * each switch.  False: not watched, or caught in the middle of one.
 */
bool hr_bpf_running(const struct hr_bpf *b, uint32_t cpu, uint32_t *ret_seq, uint32_t *ret_pid);

uint64_t hr_bpf_map_bytes(const struct hr_bpf *b); /* memory of all maps, from fdinfo */
/* Detaches; needs no rights.  Returns the signals that went with it, as bits. */
uint64_t hr_bpf_shed(struct hr_bpf *b, enum hr_shed what);

/* Run time and count of all our programs; 0, 0 when the kernel does not measure. */
void hr_bpf_run_stats(const struct hr_bpf *b, uint64_t *ret_ns, uint64_t *ret_n);
/*
 * Events that our programs did not see because they interrupted a run of the same
 * program on the same CPU (the kernel drops the nested one).  -EOPNOTSUPP: this
 * kernel does not count them (before 5.12, which has no such guard either).
 */
int hr_bpf_misses(const struct hr_bpf *b, uint64_t *ret_n);
/* BPF_ENABLE_STATS for the caller's short sample; -EPERM without CAP_SYS_ADMIN. */
int hr_bpf_stats_begin(struct hr_bpf *b);
void hr_bpf_stats_end(struct hr_bpf *b);
