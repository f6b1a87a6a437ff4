/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Per-CPU cells: what the programs write and the agent maps.  Every number only
 * grows (u32 ones modulo 2^32) and has one writer, its CPU; the reader takes
 * differences against its own copy and writes nothing but struct hr_ctl and the
 * device tables.  Index of a map = cpu * stride + device.  The includer provides
 * uint32_t, uint64_t; sizes and offsets are asserted at the end.
 */
#pragma once

#include "bpf/slots.h"
#include "proto/bucket.h"

/* What the reader tells the programs of disks; those of CPUs have it in each cell. */
struct hr_ctl {
	uint64_t horizon; /* ns; slots before it are read: nothing may be added to them any more */
};

/* ns / 1000, clamped to 32 bits.  The multiplication is exact below 2^32 ns. */
static inline __attribute__((always_inline)) uint32_t hr_us(uint64_t ns)
{
	if (ns >> 32 == 0)
		return (uint32_t)((ns * 274877907) >> 38);
	ns /= 1000;
	return ns >> 32 ? 0xffffffff : (uint32_t)ns;
}

/* One time on a CPU, as the burst recorder tells it while a slice is armed. */
struct hr_stint_rec {
	uint64_t since;           /* ns, CLOCK_MONOTONIC */
	uint32_t ran_ns, wait_ns; /* the wait lies just before @since; both capped at 2^32 - 1 */
	uint32_t pid;
	uint32_t flags;
};
#define HR_STINT_SLEEPS    1 /* and then the task went to sleep: its burst is over */
#define HR_STINT_CONTINUES 2 /* its burst began before this stint */
/* Bytes; a record takes 8 more than its own, and the ring is never full to the last byte. */
#define HR_STINT_RING (256 * 1024)
#define HR_STINT_READ (HR_STINT_RING / (8 + sizeof(struct hr_stint_rec)) - 1)

/* Of us.  A value below HR_SMALL has a bucket of its own, which tells sum and maximum too. */
#define HR_SMALL (1u << HR_BUCKET_BITS)
struct hr_cell_hist {
	uint64_t sum; /* of the values from HR_SMALL on, exact */
	uint32_t max; /* of them, since load */
	uint32_t pad;
	uint32_t n[HR_BUCKETS];
};

/*
 * What an event touches lies on few pages: under page-table isolation without PCIDs each system
 * call empties the TLB, and every page that a program touches costs it another walk (5 ns each,
 * measured end to end with 1 to 16 pages).  So a cell is whole pages: counters and histograms
 * on one, slots on the others, and what the reader tells beside the counters.
 */
#define HR_PAGE 4096

/* --- CPU ------------------------------------------------------------------ */

#define HR_HOG_NS 1000000000ULL /* a burst older than this is a hog (answer-model 4.1) */
#define HR_LATE_NS                                                                                 \
	10000000ULL /* X: a burst that waited longer than max(X, own CPU time) is late             \
		     */

/*
 * 32 bytes: two slots share a cache line.  At most 8.39 ms per slot and CPU go into a half of a
 * word, so the difference of two readings of a word, modulo 2^64, splits into its halves, and of
 * the quarters beside the time on CPUs: 64 CPUs may add up to 1023 wakes and reads a slot each.
 */
struct hr_cpu_slot {
	uint64_t wait_ns; /* stints that ended here waited in this slot */
	/* their work charged here (from the wake of its burst on) less that done here, modulo 2^64:
	 * most bursts wake in the slot they sleep in, and nothing is to be written */
	uint64_t moved_ns;
	/* time on the CPU; 16 bits of bursts that ended here or later and woke in this slot; 16 of
	 * messages read in stints whose work is charged here */
	uint64_t oncpu_wakes;
	uint64_t hog_unknown; /* work of bursts older than HR_HOG_NS, where it ran; unknown time */
};
#define HR_SLOT_WAKE          (1ULL << 32)
#define HR_SLOT_READ          (1ULL << 48)
#define HR_SLOT_UNKNOWN_SHIFT 32

struct hr_cpu_cell {
	/* the stint now running; read together under @seq (odd: being written) */
	uint32_t seq;        /* two an event, idle included: compare with ctxt of /proc/stat */
	uint32_t pid;        /* 0: idle */
	uint64_t task;       /* its address, to tell whether prev is it */
	uint64_t since;      /* ns, 0: no switch seen yet */
	uint64_t run_delay;  /* of the task when its wait began */
	uint64_t burst;      /* its burst before this stint, as in struct hr_last */
	uint64_t exec;       /* its sum_exec_runtime when it was switched in */
	uint64_t offset;     /* CLOCK_MONOTONIC less the runqueue's clock, ns */
	uint64_t plain_from; /* the reader's: the later of the two below; bursts that woke before it
				need the long way */

	/* counters */
	uint64_t resync;  /* prev was not the task last switched in: an event was missed */
	uint64_t bad;     /* run_delay went backwards: taken as 0 */
	uint64_t late_ns; /* waiting that lay before the horizon when it became known */
	uint64_t bursts_late;
	uint64_t broken; /* switch-ins whose burst could not be continued (table collision, missed
			    stint) */

	/* written by the reader */
	uint64_t horizon;      /* ns, as in struct hr_ctl */
	uint64_t record_until; /* ns; stints that end before it are recorded */

	uint64_t read; /* messages read in the stint now running, HR_SLOT_READ each */

	/* bursts of one stint, both below HR_SMALL: [wait][time on the CPU], us; in none of those
	 * below */
	uint32_t quick[HR_SMALL * HR_SMALL];
	struct hr_cell_hist wait;         /* per stint, us */
	struct hr_cell_hist burst_cpu_us; /* as many as went to sleep or ended */
	struct hr_cell_hist burst_wait_us;
	uint64_t unused[98]; /* to the end of the page */
	struct hr_cpu_slot slot[HR_RING_SLOTS];
};

/*
 * Tasks that are off CPU: one fixed table indexed by pid & 1023 (kernel-signals
 * 3.3).  Both words carry the pid, so a torn, foreign or stale entry is seen as such;
 * it only costs the continuation of that burst.
 */
#define HR_LAST_N 1024

struct hr_last {
	uint64_t at;    /* pid << 42 + pcount << 36 + run_delay */
	uint64_t burst; /* pid << 42 + (wait : 26 | cpu : 26), both in 1.024 us, capped at 68.7 s */
};
#define HR_LAST_PART_BITS 26
#define HR_LAST_PART_UNIT 10 /* 2^10 ns */

/* Wait and time on CPUs of a burst as it is kept, ns. */
#define HR_BURST_WAIT(burst) ((burst) >> HR_LAST_PART_BITS << HR_LAST_PART_UNIT)
#define HR_BURST_CPU(burst)  (((burst) & ((1ULL << HR_LAST_PART_BITS) - 1)) << HR_LAST_PART_UNIT)

/*
 * Who reads from TCP or a UNIX socket, by tid & 511: of TCP pieces, as they were received, that a
 * thread copied to its own memory; of UNIX sockets messages that it has read wholly, where its last
 * read from TCP is older than half of HR_READER_KEEP_NS.  A thread whose place another one wrote in
 * the last HR_READER_KEEP_NS is not counted at all, so that two busy ones do not chase each other;
 * one that takes a place over starts at 0.
 */
#define HR_READERS_N      512
#define HR_READER_KEEP_NS 2000000000ULL
#define HR_READ_MOST_NS   60000000000ULL /* what seems to have waited longer is not believed */

/*
 * Stands for the call of bpf_rdonly_cast in a program, until the agent puts that in.  libbpf would
 * do it, but looks for one that the kernel lacks in the BTF of modules, which only CAP_SYS_ADMIN
 * may list, and then gives up the whole object.
 */
#define HR_CALL_CAST 0x68720000

struct hr_reader { /* modulo 2^32 */
	uint32_t tid;
	uint16_t at;   /* jiffies when it was written last, modulo 2^16: after half of that, 33 s at
			  1,000 a second, old looks new; reads from UNIX leave one from TCP that is
			  younger than half of HR_READER_KEEP_NS */
	uint16_t sock; /* of TCP, read then: of its address, HR_READER_SOCK(); 0: UNIX */
	uint32_t n;    /* reads */
	/*
	 * Of data that came in the midst of its burst, more than HR_LATE_NS before; not the rest of
	 * what it had begun to read from the same socket.
	 */
	uint32_t late;
};
/* A struct sock is larger than 64 bytes and aligned. */
#define HR_READER_SOCK(at) ((uint16_t)((at) >> 6))

/* --- disk ----------------------------------------------------------------- */

#define HR_INFLIGHT_SHIFT                                                                          \
	6 /* in-flight time is kept in 64 ns: 32,768 requests fit a slot's u32                     \
	   */

/* What a request does.  The kernel's numbers differ between kernels; the agent looks them up by
 * name. */
enum hr_op {
	HR_OP_OTHER = 0, /* zone management, passthrough */
	HR_OP_READ,
	HR_OP_WRITE,   /* and write-zeroes, zone-append */
	HR_OP_DISCARD, /* and secure erase */
	HR_OP_FLUSH,
};
#define HR_OPS_N   64 /* operations a table of them holds; 37 in 7.3 */
#define HR_OP_BITS 8  /* of request.cmd_flags, since 4.10 */

struct hr_disk_id {
	uint32_t major, minor; /* 0, 0: unused */
};

/* Requests in the upper half, sectors of 512 bytes in the lower: as struct hr_nic_slot. */
#define HR_DISK_OPS_SHIFT 32
struct hr_disk_slot {         /* [0] read, [1] write */
	uint32_t inflight[2]; /* 64 ns: requests that ended here were in flight in this slot */
	uint64_t sum[2];
};

/*
 * At a high rate the clock is read for some requests only, and those are measured.  Each direction
 * of a cell is cut into runs of 2^k requests, of which one at random counts 2^k times in residence,
 * latency and in-flight time: each is measured with a probability of 2^-k, so all sums are
 * unbiased, whatever the pattern.  Few slow requests would make them noisy: one that is slow is in
 * no run, is always measured and counts once, and so does the first one in a tick.  Slow is what
 * began four times the mean before the latest of those that came before it.  The last reading
 * tells the time too, but also whether the one of the run is past: those behind it would be found
 * slow more often than those before it, for which it stands as well (3 % of the mean too much where
 * one in eight takes about that long: unit/gate).  For the same reason the limit stays all tick.
 * k is chosen about once a tick so that a slot of 8.39 ms holds 32 measured requests or more: 0,
 * every request, below 7,600 a second on a CPU, 3 from 30,000 on.  A run that ends early, since the
 * rate fell, is not made up for: the histogram's total is the number of requests but for a few.
 * Numbers of requests and bytes are exact always; the slot of a request that is not measured is
 * that of the last reading in the same tick.
 */
#define HR_RUN_MAX      4  /* k */
#define HR_RUN_REQUESTS 32 /* measured in a slot, at least */

/*
 * gate: all requests of a direction in the upper half (modulo 2^32).  In the lower, from bit 0: how
 * many pass before the next one of a run is measured, then how many of its run follow it, then its
 * k.
 */
#define HR_GATE_ONE        (1ULL << 32)
#define HR_GATE_LEFT       0xff
#define HR_GATE_REST_SHIFT 8
#define HR_GATE_RUN_SHIFT  16

/* Bytes have no total: the slots have them. */
struct hr_disk_cell {
	/* all that a request touches which is not measured, but for its slot */
	uint64_t gate[2];
	uint64_t latest; /* start of a request, or the reading for the first one in a tick */
	uint64_t rate;  /* when k was chosen (1.024 us) in the upper half, requests by then below */
	uint32_t tick;  /* jiffies of the last reading */
	uint32_t last;  /* the slot of that reading, modulo 2^32 */
	uint32_t limit; /* ns: what is longer under way is slow; by the mean when the tick began */
	uint32_t k : 3; /* of the runs that begin now */
	uint32_t mean : 29; /* ns of residence: of some thirty, none taken for more than slow */

	uint64_t res_ns[2]; /* residence, start to completion */
	uint64_t lazy_ns;   /* of the requests nobody asked for: hr_flags_sync */
	uint64_t errors;
	uint64_t discards;
	uint64_t flushes;
	struct hr_cell_hist
		lat[2]; /* us; for a sum (res_ns is more exact) how many were measured */
	struct hr_disk_slot slot[HR_RING_SLOTS];
};

/* --- network -------------------------------------------------------------- */

/*
 * Packets (as the stack sees them: GRO and TSO make one of many) in the upper half, bytes in the
 * lower: one atomic addition.  Modulo 2^64 the difference of two readings is exact as long as less
 * than 4 GiB lie between them, and a slot lasts 8.39 ms.
 */
#define HR_NIC_PACKETS_SHIFT 32
struct hr_nic_slot {
	uint64_t sum[2]; /* [0] receive, [1] transmit */
};

struct hr_nic_cell {
	struct hr_nic_slot slot[HR_RING_SLOTS];
};

/* --- memory --------------------------------------------------------------- */

#define HR_RECLAIM_N 1024 /* tasks in direct reclaim at once, by pid & 1023 */

struct hr_mem_cell {
	uint64_t reclaims;
	uint64_t reclaim_ns;
	uint64_t lost; /* ends without their begin: table collision, or begun before attach */
	uint64_t unused[3];
	struct hr_cell_hist reclaim; /* us */
};

/* --- page frames ---------------------------------------------------------- */

#define HR_PAGE_LOOKS  2048 /* at once: the share of RAM they stand for is off by 1.1 % at most */
#define HR_PAGE_RANGES 32

struct hr_page_range { /* of frame numbers */
	uint64_t first, n;
};

/* Where struct pages lie, and which of them to look at. */
struct hr_page_where {
	uint64_t bytes;      /* of struct page */
	uint64_t align;      /* at a multiple of it frame 0 has its, or would have */
	uint64_t base;       /* that place, as the program found it; 0 not yet */
	uint64_t first, end; /* lowest frame of all ranges; one after the highest */
	uint64_t frames;     /* of all ranges */
	struct hr_page_range range[HR_PAGE_RANGES];
};

/* What one round of looks found; a page of a large folio counts as one. */
struct hr_page_seen {
	uint64_t looked; /* holes not */
	uint64_t file;   /* on a list of Active(file) or Inactive(file) */
	uint64_t active; /* of them: PG_active, as all of Active(file) without generations */
	uint64_t again;  /* of them: PG_active, or the marks of what is used again */
};

/* What a page of our own shows while it is used. */
struct hr_page_own {
	uint32_t fd;         /* of a file of one page in memory */
	uint32_t workingset; /* 1: PG_workingset came, and before any of @marks */
	uint64_t flags;      /* at the last look; 0 none */
	uint64_t marks;      /* that came between two looks; flags with a name left out */
};

/* --- threads -------------------------------------------------------------- */

struct hr_task_rec { /* one record of the iterator; field for field struct hr_task of
			agent/core/raw.h */
	uint32_t pid, tid;
	uint64_t start_ns;
	uint64_t oncpu_ns;
	uint64_t wait_ns;
	uint64_t cgroup;
	uint32_t reads, reads_late; /* 0: the agent fills them in */
	char comm[HR_COMM_LEN];
	char group[HR_GROUP_LEN];
};

/* What the maps of all hooks may take with one disk and one NIC: per possible CPU, and beside them.
 */
#define HR_MAPS_PER_CPU 32768
#define HR_MAPS_FIXED   524288

#define HR_CELL_ALIGNED(type) _Static_assert(sizeof(type) % 64 == 0, #type " fills cache lines")

_Static_assert(sizeof(struct hr_cell_hist) == 16 + 4 * HR_BUCKETS, "no hidden padding");
_Static_assert(sizeof(struct hr_cpu_slot) == 32, "two to a cache line");
_Static_assert(__builtin_offsetof(struct hr_cpu_cell, resync) == 64, "the hot line");
_Static_assert(__builtin_offsetof(struct hr_cpu_cell, quick) == 128, "quick ones on lines");
_Static_assert(__builtin_offsetof(struct hr_cpu_cell, slot) == HR_PAGE, "slots on pages");
_Static_assert(sizeof(struct hr_cpu_cell) == 3 * HR_PAGE, "12 KiB per CPU");
_Static_assert(sizeof(struct hr_reader) == 16, "four to a cache line");
_Static_assert(__builtin_offsetof(struct hr_disk_cell, slot) % 64 == 0, "slots on lines");
_Static_assert(
	2 * (1 << HR_RUN_MAX) <= HR_GATE_LEFT, "the rest of a run and the next in eight bits");
_Static_assert(sizeof(struct hr_disk_cell) == 8192, "8 KiB per disk and CPU");
_Static_assert(sizeof(struct hr_nic_cell) == 4096, "4 KiB per NIC and CPU");
HR_CELL_ALIGNED(struct hr_mem_cell);
_Static_assert(sizeof(struct hr_cpu_cell) + sizeof(struct hr_disk_cell) +
			       sizeof(struct hr_nic_cell) + sizeof(struct hr_mem_cell) <=
		       HR_MAPS_PER_CPU,
	"budget per possible CPU, one disk and one NIC");
