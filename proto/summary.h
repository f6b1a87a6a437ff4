/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One window of one VM (10 s, or several coalesced): the domain type of both
 * ends.  Everything in it adds up: merging two windows of one boot and epoch is
 * field-wise addition (max for *_max, latest for gauges), see hr_summary_merge.
 *
 * Missing is not 0: a counter, distribution or device number means something
 * only if the bit of its signal is set in @have.  hr_ctr_signal() and friends
 * say which signal a field belongs to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/hist.h"
#include "proto/limits.h"
#include "proto/signal.h"

/* Grid of the virtual queue: load factors 2^((g-2)/3), g = 0..11 (answer-model 4.3). */
#define HR_VQ_GRID   12
#define HR_VQ_SIZES  2 /* c and 2c vCPUs */
#define HR_VQ_MODES  2 /* growth inside today's bursts, and independent of them */
#define HR_VQ_ROWS   (HR_VQ_MODES * HR_VQ_SIZES)
#define HR_VQ_SPREAD HR_VQ_SIZES /* first row of independent growth; then the sizes */

/*
 * VM-wide counters.  X(id, signal, kind, unit): kind S sums over the window,
 * M is a maximum, L a minimum over the window's seconds, G a gauge (last value
 * of the window; on merge the later one).
 * The order is on the wire: append only.
 */
#define HR_CTRS(X)                                                                                 \
	/* sched_switch */                                                                         \
	X(ONCPU_NS, CPU_SLOTS, S, ns)   /* all CPUs, idle not counted */                           \
	X(UNKNOWN_NS, CPU_SLOTS, S, ns) /* CPU time nobody can account for (missed events) */      \
	X(SWITCHES, CPU_SLOTS, S, n)                                                               \
	X(SWITCH_VOLUNTARY, CPU_SLOTS, S, n)                                                       \
	X(SWITCH_RESYNC, CPU_SLOTS, S, n) /* prev was not the task last switched in */             \
	X(LATE_NS, CPU_SLOTS, S, ns)      /* arrived after its slots were read */                  \
	X(SLOT_N, CPU_SLOTS, S, n)        /* slots covered by this window */                       \
	X(BUSY_ALL_N, CPU_SLOTS, S, n)    /* slots in which every CPU was busy (>= 99 %) */        \
	X(WAIT_NS, RUNQ_WAIT, S, ns)                                                               \
	X(FROZEN_C_NS, RUNQ_WAIT, S, ns)  /* sum over slots of min(R+Q, c) x slot */               \
	X(FROZEN_2C_NS, RUNQ_WAIT, S, ns) /* sum over slots of min(R+Q, 2c) x slot */              \
	X(BURST_N, BURSTS, S, n)                                                                   \
	X(BURST_LATE_N, BURSTS, S, n) /* waited > max(X, own CPU time), X = 10 ms */               \
	X(CHARGE_NS, BURSTS, S, ns)   /* wake-charged work, hogs left out */                       \
	X(HOG_NS, BURSTS, S, ns)      /* work of bursts older than 1 s */                          \
	X(VQ_TOT_N, BURSTS, S, n)     /* weight seen by the virtual queue; see vq_bad */           \
	/* /proc/stat */                                                                           \
	X(STAT_USER_MS, CPU_STAT, S, ms)                                                           \
	X(STAT_SYSTEM_MS, CPU_STAT, S, ms)                                                         \
	X(STAT_IDLE_MS, CPU_STAT, S, ms) /* idle + iowait */                                       \
	X(STAT_IRQ_MS, CPU_STAT, S, ms)  /* irq + softirq */                                       \
	X(CTXT_N, CPU_STAT, S, n)                                                                  \
	X(RUNNING_MAX, CPU_STAT, M, n) /* procs_running, sampled each second */                    \
	X(STEAL_MS, STEAL, S, ms)                                                                  \
	X(STEAL_MAX_MS, STEAL, M, ms) /* in one second, all CPUs */                                \
	X(SOFTNET_DROP_N, SOFTNET, S, n)                                                           \
	X(SOFTNET_SQUEEZE_N, SOFTNET, S, n)                                                        \
	X(PSI_CPU_SOME_US, PSI_CPU, S, us)                                                         \
	X(PSI_MEM_SOME_US, PSI_MEMORY, S, us)                                                      \
	X(PSI_MEM_FULL_US, PSI_MEMORY, S, us)                                                      \
	X(PSI_IO_SOME_US, PSI_IO, S, us)                                                           \
	X(PSI_IO_FULL_US, PSI_IO, S, us)                                                           \
	/* cgroups: sums over the cgroups that have a limit */                                     \
	X(QUOTA_THROTTLED_N, CPU_QUOTA, S, n)                                                      \
	X(QUOTA_THROTTLED_US, CPU_QUOTA, S, us)                                                    \
	X(QUOTA_GROUPS, CPU_QUOTA, G, n) /* cgroups with a CPU quota */                            \
	X(MEMCG_MAX_N, MEMCG, S, n)      /* times a cgroup hit its memory limit */                 \
	X(MEMCG_OOM_N, MEMCG, S, n)                                                                \
	X(MEMCG_GROUPS, MEMCG, G, n)               /* cgroups with a memory limit */               \
	X(MEMCG_FULL_RATIO_PM, MEMCG, M, permille) /* fullest limited cgroup, usage/limit */       \
	/* memory */                                                                               \
	X(RECLAIM_N, RECLAIM, S, n)                                                                \
	X(RECLAIM_NS, RECLAIM, S, ns)                                                              \
	X(OOM_N, OOM, S, n)                                                                        \
	X(REFAULT_ANON_N, VMSTAT, S, pages)                                                        \
	X(REFAULT_FILE_N, VMSTAT, S, pages)                                                        \
	X(SWAP_IN_N, VMSTAT, S, pages)                                                             \
	X(SWAP_OUT_N, VMSTAT, S, pages)                                                            \
	X(MAJFAULT_N, VMSTAT, S, n)                                                                \
	X(PGSCAN_DIRECT_N, VMSTAT, S, pages)                                                       \
	X(PGSCAN_KSWAPD_N, VMSTAT, S, pages)                                                       \
	X(DROP_CACHES_N, VMSTAT, S, n) /* drop_pagecache + drop_slab */                            \
	X(MEM_AVAILABLE_BYTES, MEMINFO, L, bytes)                                                  \
	X(MEM_FREE_BYTES, MEMINFO, G, bytes)                                                       \
	X(MEM_ANON_BYTES, MEMINFO, G, bytes)                                                       \
	X(MEM_ACTIVE_FILE_BYTES, MEMINFO, G, bytes)                                                \
	X(SWAP_FREE_BYTES, MEMINFO, G, bytes)                                                      \
	X(SWAP_TOTAL_BYTES, MEMINFO, G, bytes)                                                     \
	/* network, VM-wide */                                                                     \
	X(TCP_OUT_SEGS, NETSTAT, S, n)                                                             \
	X(TCP_RETRANS_N, TCP_RETRANS, S, n)                                                        \
	X(LISTEN_DROP_N, NETSTAT, S, n) /* ListenDrops: each ListenOverflow counts there too */    \
	X(ZERO_WINDOW_N, NETSTAT, S, n)                                                            \
	X(PRUNED_N, NETSTAT, S, n)                                                                 \
	X(LOCAL_BYTES, NET_LOCAL, S, bytes) /* through lo */                                       \
	/* the agent itself */                                                                     \
	X(SELF_CPU_US, COST, S, us)                                                                \
	X(SELF_RSS_BYTES, COST, G, bytes)                                                          \
	X(SELF_TICK_LATE_N, COST, S, n) /* ticks later than 500 ms: data degraded */               \
	X(SELF_BPF_NS, EVENT_NS, S, ns) /* run time of our programs, scaled from samples */        \
	X(SELF_BPF_EVENTS, EVENT_NS, S, n)                                                         \
	X(BURST_BROKEN_N, BURSTS, S, n) /* bursts cut in two: a stint whose burst was not found */ \
	X(SELF_HOOK_US, COST, S, us)    /* time in our hooks, dispatch included: events x ns */    \
	/* armed slices of recorded bursts; 0 slices in most windows: that is not missing */       \
	X(REPLAY_SLICE_N, REPLAY, S, n)                                                            \
	X(REPLAY_SLICE_MS, REPLAY, S, ms) /* recorded time in them */                              \
	X(REPLAY_BURST_N, REPLAY, S, n)   /* whole bursts recorded, hogs left out */               \
	X(REPLAY_LATE_N, REPLAY, S, n)    /* of them late as they really ran: the self-check */    \
	X(REPLAY_LOST_N, REPLAY, S, n)    /* slices given up: the ring was full too soon */        \
	X(HOOK_MISSED_N, COST, S,                                                                  \
		n) /* events that the kernel kept from our programs: nested runs */                \
	/* of the slices replayed, agent/core/reach.h */                                           \
	X(REPLAY_EVEN_MS, REPLAY, S, ms) /* window within which wake-ups come by chance, summed */ \
	X(REPLAY_MIXED_N, REPLAY, S, n)  /* slices in which bursts of any length follow any */     \
	/*                                                                                         \
	 * Messages read and the work charged, in groups of 4 slots, 4 groups a block              \
	 * (agent/core/marginal.h).  The three with 2: sums over blocks of 4 times the sum of      \
	 * squares about the block's mean, of messages, of us of work, and of both added up, from  \
	 * which their covariance follows: (BOTH2 - N2 - US2) / 2.                                 \
	 */                                                                                        \
	X(READ_BLOCK_N, READS, S, n)                                                               \
	X(READ_N, READS, S, n)                                                                     \
	X(READ_WORK_US, READS, S, us)                                                              \
	X(READ_N2, READS, S, n2)                                                                   \
	X(READ_WORK_US2, READS, S, us2)                                                            \
	X(READ_BOTH2, READS, S, n2)                                                                \
	X(READER_MS, READS, S, ms)       /* on CPUs, of threads that read any */                   \
	X(REPLAY_QUEUED_N, REPLAY, S, n) /* of REPLAY_BURST_N, those behind hr_replay_sum.queued   \
					  */

enum hr_ctr {
#define X(id, sig, kind, unit) HR_CTR_##id,
	HR_CTRS(X)
#undef X
	HR_CTR_N
};

/* VM-wide distributions.  X(id, signal, unit of the values); wire order: append only. */
#define HR_DISTS(X)                                                                                \
	X(RUNQ_WAIT, RUNQ_WAIT, us)       /* wait before a stint */                                \
	X(BURST_CPU, BURSTS, us)          /* CPU time of a burst */                                \
	X(BURST_WAIT, BURSTS, us)         /* run-queue wait of a burst, all its stints */          \
	X(BUSY, CPU_SLOTS, permille)      /* busy CPUs in a slot, 1000 = one CPU */                \
	X(RUNNABLE, RUNQ_WAIT, permille)  /* running + waiting tasks in a slot */                  \
	X(BUSY_1S, CPU_SLOTS, permille)   /* busy CPUs in a second */                              \
	X(SOFTIRQ_CPU, SOFTIRQ, permille) /* irq + softirq share of the busiest CPU, per second */ \
	X(STEAL_1S, STEAL, permille)      /* stolen CPUs in a second */                            \
	X(RTT_INFLATION, TCP_RTT, us)     /* srtt - min_rtt of sampled sockets */                  \
	X(RECLAIM, RECLAIM, us)           /* one direct reclaim */

enum hr_dist {
#define X(id, sig, unit) HR_DIST_##id,
	HR_DISTS(X)
#undef X
	HR_DIST_N
};

/* Per-device counters: X(id, signal, kind, unit).  RD/RX and WR/TX are adjacent: [id + is_write].
 */
#define HR_DCTRS(X)                                                                                \
	X(RD_N, DISK_STAT, S, n)                                                                   \
	X(WR_N, DISK_STAT, S, n)                                                                   \
	X(RD_BYTES, DISK_STAT, S, bytes)                                                           \
	X(WR_BYTES, DISK_STAT, S, bytes)                                                           \
	X(DISCARD_N, DISK_STAT, S, n)                                                              \
	X(FLUSH_N, DISK_STAT, S, n)                                                                \
	X(IO_RD_N, DISK_IO, S, n) /* requests completed, as seen by the hook */                    \
	X(IO_WR_N, DISK_IO, S, n)                                                                  \
	X(IO_RD_BYTES, DISK_IO, S, bytes)                                                          \
	X(IO_WR_BYTES, DISK_IO, S, bytes)                                                          \
	X(IO_ERROR_N, DISK_IO, S, n)                                                               \
	X(IO_DISCARD_N, DISK_IO, S, n)                                                             \
	X(IO_FLUSH_N, DISK_IO, S, n)                                                               \
	X(IO_INFLIGHT_NS, DISK_IO, S, ns) /* sum of request residence times */                     \
	X(L0_RD_US, DISK_IO, G, us)       /* unloaded latency learned by the agent; 0 not yet */   \
	X(L0_WR_US, DISK_IO, G, us)                                                                \
	X(RX_BYTES, NET_STAT, S, bytes)                                                            \
	X(TX_BYTES, NET_STAT, S, bytes)                                                            \
	X(RX_PACKETS, NET_STAT, S, n)                                                              \
	X(TX_PACKETS, NET_STAT, S, n)                                                              \
	X(RX_DROP_N, NET_STAT, S, n)                                                               \
	X(TX_DROP_N, NET_STAT, S, n)                                                               \
	X(RX_ERROR_N, NET_STAT, S, n)                                                              \
	X(TX_ERROR_N, NET_STAT, S, n)                                                              \
	X(QDISC_BACKLOG_BYTES, QDISC, M, bytes)                                                    \
	X(QDISC_DROP_N, QDISC, S, n)                                                               \
	X(QDISC_SHAPER, QDISC, G, n) /* 1: an admin-installed shaper (tbf, htb, cake, police) */   \
	X(ALLOWANCE_EXCEEDED_N, NET_STAT, S, n) /* vendor counters (ENA), all of them */           \
	/* 100 ms windows (12 slots) of the device, for learned limits (answer-model 8) */         \
	X(WIN_N, DISK_IO, S, n)                                                                    \
	/* queued: in-flight > max(2, 3 l0 x) and latency > 3 l0; not the first of an episode */   \
	X(WIN_QUEUED_N, DISK_IO, S, n)                                                             \
	X(WIN_QUEUED_OPS, DISK_IO, S, n)  /* operations in queued windows */                       \
	X(WIN_QUEUED_OPS2, DISK_IO, S, n) /* sum of squares of operations per queued window */     \
	X(WIN_QUEUED_KIB, DISK_IO, S, KiB)                                                         \
	X(WIN_QUEUED_KIB2, DISK_IO, S, KiB2)                                                       \
	X(WIN_EPISODES, DISK_IO, S, n)      /* queued runs begun after >= 1 s clean */             \
	X(WIN_CLEAN_OPS_MAX, DISK_IO, M, n) /* best 100 ms window that was not queued */           \
	X(WIN_CLEAN_KIB_MAX, DISK_IO, M, KiB)                                                      \
	X(SEC_OPS_MAX, DISK_IO, M, n) /* best whole second, queued or not */                       \
	X(SEC_KIB_MAX, DISK_IO, M, KiB)                                                            \
	X(IO_SYNC_NS, DISK_SYNC, S, ns) /* residence of requests that somebody asked for */        \
	/* of IO_RD_N + IO_WR_N: not timed, for others of the sample stand for them */             \
	X(IO_UNTIMED_N, DISK_IO, S, n)                                                             \
	/* of ALLOWANCE_EXCEEDED_N; agents of before 28 November tell no parts of it */            \
	X(ALLOWANCE_CONNTRACK_N, NET_STAT, S, n)                                                   \
	X(ALLOWANCE_LINKLOCAL_N, NET_STAT, S, n)                                                   \
	/*                                                                                         \
	 * Of WIN_QUEUED_*, of this window or of ones before it: the head of an episode, in which  \
	 * a token bucket was emptied; to be taken from them (agent/core/plateau.h).               \
	 */                                                                                        \
	X(WIN_HEAD_N, DISK_IO, S, n)                                                               \
	X(WIN_HEAD_OPS, DISK_IO, S, n)                                                             \
	X(WIN_HEAD_OPS2, DISK_IO, S, n)                                                            \
	X(WIN_HEAD_KIB, DISK_IO, S, KiB)                                                           \
	X(WIN_HEAD_KIB2, DISK_IO, S, KiB2)                                                         \
	/* most that one head carried beyond the rate of its tail: what the bucket holds at least  \
	 */                                                                                        \
	X(WIN_SAVED_OPS_MAX, DISK_IO, M, n)                                                        \
	X(WIN_SAVED_KIB_MAX, DISK_IO, M, KiB)

enum hr_dctr {
#define X(id, sig, kind, unit) HR_DCTR_##id,
	HR_DCTRS(X)
#undef X
	HR_DCTR_N
};

/* Per-device distributions; RD/RX and WR/TX adjacent. */
#define HR_DDISTS(X)                                                                               \
	X(RD_LAT, DISK_IO, us) /* whole request: queue + device */                                 \
	X(WR_LAT, DISK_IO, us)                                                                     \
	X(INFLIGHT, DISK_IO, centi) /* mean in-flight requests of a slot x 100 */                  \
	X(OPS_100MS, DISK_IO, n)    /* operations per 100 ms window */                             \
	X(KIB_100MS, DISK_IO, KiB)                                                                 \
	X(RX_KIB_100MS, NET_IO, KiB)                                                               \
	X(TX_KIB_100MS, NET_IO, KiB)                                                               \
	X(PKT_100MS, NET_IO, n) /* both directions */

enum hr_ddist {
#define X(id, sig, unit) HR_DDIST_##id,
	HR_DDISTS(X)
#undef X
	HR_DDIST_N
};

struct hr_dev_summary {
	uint8_t dev;   /* index into hr_facts.dev of @epoch */
	uint64_t have; /* bit per signal: this device has it in this window */
	uint64_t ctr[HR_DCTR_N];
	struct hr_hist dist[HR_DDIST_N];
};

/* A hot thread of the window; waits count, so a starved thread is visible. */
struct hr_top {
	uint32_t pid; /* process (tgid) */
	uint32_t tid;
	uint32_t oncpu_ms;
	uint32_t wait_ms;
	uint32_t process_oncpu_ms; /* whole process; pools and single threads differ here */
	uint32_t peers;            /* threads of the process with >= half this thread's time */
	/*
	 * What this thread read from TCP, in pieces as they were received; of one that does not
	 * read from TCP, messages from UNIX sockets (READS; of older agents, and where that hook
	 * cannot be had, none).  Of those from TCP the ones that had waited in their socket for
	 * more than 10 ms while the thread was not asleep: for the thread's own work, or for a CPU
	 * in its midst (where it was preempted between waking and reading, before it, too).  Not
	 * the rest of what it had begun to read from the same socket.  10 ms by the timer's ticks.
	 */
	uint32_t reads, reads_late;
	char comm[HR_COMM_LEN];    /* thread name */
	char process[HR_COMM_LEN]; /* name of the thread-group leader */
};

/* A hot cgroup of the window: the sums of its threads; its children are cgroups of their own. */
struct hr_top_group {
	uint32_t oncpu_ms;
	uint32_t wait_ms;
	char name[HR_GROUP_LEN]; /* last part of its path, cut at its end; "/" for the root */
};

/*
 * Recorded slices replayed through c and 2c servers at each load factor of the grid
 * (answer-model 4.6), rows as vq_bad: inside today's bursts (mode A) on c and 2c, then
 * independent growth (mode S) on c and 2c.  Counts, so slices, windows and VMs add.
 * late/tot is the share of bursts that waited longer than max(10 ms, own CPU time).
 * tot = 0: that load was not simulated, for a smaller one already had > 20 % late (read
 * it as late).  k is the largest grid point, or between two, with a share <= eps; pool
 * >= 500 bursts (REPLAY_BURST_N) before believing it, and compare REPLAY_LATE_N /
 * REPLAY_BURST_N with the share at k = 1 (g = 2) of row 0 first (4.7).
 * queued / REPLAY_QUEUED_N is what the virtual queue says of the same bursts on c and 2c, growth
 * inside today's bursts, at every load: it is known of all the time, too, so what the slices met
 * by chance can be told from it.
 */
struct hr_replay_sum {
	uint32_t late[HR_VQ_ROWS][HR_VQ_GRID];
	uint32_t tot[HR_VQ_ROWS][HR_VQ_GRID];
	uint32_t queued[HR_VQ_SIZES][HR_VQ_GRID];
};

/*
 * A mounted file system.  Full = an unprivileged program gets ENOSPC: what only root may
 * still take counts as neither used nor usable.
 */
struct hr_fs {
	char mount[HR_NAME_LEN]; /* cut to its end when longer */
	uint64_t used_bytes, usable_bytes;
	uint64_t used_inodes, usable_inodes; /* usable 0: no limit of inodes (btrfs) */
};

struct hr_summary {
	uint64_t seq_first, seq_last; /* 10 s windows since boot; one window: equal */
	uint64_t t_end_ms;            /* wall clock of the sender at the end, Unix ms */
	uint32_t dur_ms;              /* covered time; may fall short of the windows' span */
	uint32_t lost;                /* windows of this span that are gone for good */
	uint32_t epoch;               /* hr_facts.epoch: CPUs and devices it was taken under */
	uint32_t cpus;                /* online vCPUs, c of the virtual queue */
	uint64_t have;                /* HR_SIG_BIT per signal measured in this window */
	uint64_t ctr[HR_CTR_N];
	uint32_t vq_bad[HR_VQ_ROWS][HR_VQ_GRID]; /* wakes that found > X of backlog (BURSTS) */
	struct hr_replay_sum replay;             /* REPLAY; all 0 without a slice */
	struct hr_hist dist[HR_DIST_N];
	uint8_t n_dev;
	struct hr_dev_summary dev[HR_DEVS_MAX];
	uint8_t n_top;
	struct hr_top top[HR_TOP_MAX]; /* by oncpu + wait, largest first (THREADS) */
	uint8_t n_group;
	/* by oncpu + wait, from 1 % of one CPU on (THREADS) */
	struct hr_top_group group[HR_GROUP_MAX];
	uint8_t n_fs; /* 0: none in this window (each is sampled every fifth minute) */
	struct hr_fs fs[HR_FS_MAX]; /* no mount twice */
};

enum hr_ctr_kind {
	HR_KIND_S = 1,
	HR_KIND_M,
	HR_KIND_L,
	HR_KIND_G,
};

/* Tables behind the X-macros above. */
enum hr_signal hr_ctr_signal(enum hr_ctr c);
enum hr_ctr_kind hr_ctr_kind(enum hr_ctr c);
const char *hr_ctr_name(enum hr_ctr c); /* "oncpu_ns", stable */
enum hr_signal hr_dctr_signal(enum hr_dctr c);
enum hr_ctr_kind hr_dctr_kind(enum hr_dctr c);
const char *hr_dctr_name(enum hr_dctr c);
enum hr_signal hr_dist_signal(enum hr_dist d);
const char *hr_dist_name(enum hr_dist d);
enum hr_signal hr_ddist_signal(enum hr_ddist d);
const char *hr_ddist_name(enum hr_ddist d);

static inline bool hr_has(const struct hr_summary *s, enum hr_signal sig)
{
	return s->have & HR_SIG_BIT(sig);
}

/*
 * Appends window @next (same boot, same epoch, seq_first = into->seq_last + 1)
 * to @into: sums add, the other kinds follow their rule, @have is the
 * intersection (a sum over half the time would be a confident wrong number).
 * False, and no change, when the two may not be merged or a counter would overflow.
 */
bool hr_summary_merge(struct hr_summary *into, const struct hr_summary *next);

/*
 * Adds @next (same boot) in any order and with gaps, for roll-ups: only windows that measured the
 * same signals of the same devices, so that nothing counted is lost.  False, and no change:
 * they did not, or a counter would overflow.  dur_ms is not bounded by HR_DUR_MAX_MS, and the
 * span of sequences does not mean that all of them are inside.  Counters and distributions only:
 * threads, cgroups, file systems and grids of @into stay as they were, so signals of those alone
 * may differ: a level that is looked at now and then, and what is kept with threads.
 */
#define HR_FOLD_APART (HR_SIG_BIT(HR_SIG_FS) | HR_SIG_BIT(HR_SIG_READS))
bool hr_summary_fold(struct hr_summary *into, const struct hr_summary *next);
