/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests against the live kernel share: skipping, loads of known size, slots by absolute
 * number. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/bpf_io.h"

/* Says why and exits 77 unless root, with kernel BTF.  @argv: to start again when slots are lost.
 */
void live_need_kernel(char **argv);

/* Keeps only these two capabilities, in all sets; -1: none. */
void live_keep_caps(int a, int b);

uint64_t live_now(void); /* CLOCK_MONOTONIC, ns */
void live_sleep_until(uint64_t ns);
/* Works for so much CPU time, not wall time: waiting for a CPU does not shorten it. */
void live_burn(uint64_t ns);
uint64_t live_ctxt(void);    /* of /proc/stat */
uint64_t live_idle_ns(void); /* idle + iowait of all CPUs, /proc/stat */
int live_cpus(void);         /* online */

/* A thread that burns CPU from now until @until, on @cpu (-1: anywhere). */
struct live_spinner {
	pthread_t thread;
	int cpu;
	uint64_t until;
	int tid;
	uint64_t cpu_ns;  /* its CPU time, when joined */
	uint64_t wait_ns; /* its run_delay, when joined */
};
void live_spin(struct live_spinner *s, int cpu, uint64_t until);
void live_join(struct live_spinner *s);

/* All slots of a recording by absolute number, and the growth of every counter. */
#define LIVE_SLOTS 2048
struct live_record {
	struct hr_bpf *b;
	struct hr_signal_state signal[HR_SIG_N];
	struct hr_take *take;
	uint64_t first; /* absolute number of cpu[0] */
	uint32_t n;
	struct hr_slot_cpu cpu[LIVE_SLOTS];
	struct hr_slot_dev dev[2][LIVE_SLOTS]; /* device numbers 0 and 1 */
	struct hr_take_cpu sum;                /* growth since the base */
	uint64_t ctxt0, ctxt1;                 /* of /proc/stat, at the base and at the last take */
	struct hr_take_disk disk;              /* device number 0 */
	struct hr_take_mem mem;
};

/* Opens with @force and sets the base.  @dev may be NULL. */
struct live_record *live_start(enum hr_rung force, const struct hr_bpf_dev *dev, uint32_t n);
/* Takes until all slots before @until (ns) are closed and recorded. */
void live_record_until(struct live_record *r, uint64_t until);
void live_stop(struct live_record *r);

/* Sum of a field over the slots that lie wholly in [from, to) ns. */
struct hr_slot_cpu live_sum(const struct live_record *r, uint64_t from, uint64_t to);

/*
 * Events a hook did not get, of those the kernel counted itself; prints them.  On
 * some machines the events of certain processes (and of interrupts that hit them)
 * are not delivered to BPF at all: two are let pass there, none with HR_TEST_EXACT=1
 * (guests).  More, or one too many, ends the program.
 */
uint64_t live_lost(uint64_t hook, uint64_t kernel);
