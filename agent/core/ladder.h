/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of every BPF-backed signal: tp_btf -> raw_tp twin -> file -> missing,
 * decided from what the kernel's BTF says and from what trying taught, never
 * from a version number.  Pure: facts in, rung and reason out, so that each step
 * down is a unit test and not a kernel one would have to find.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/cell.h"
#include "proto/signal.h"

/* Hooks we can attach to.  X(id, tracepoint) */
#define HR_HOOKS(X)                                                                                \
	X(SWITCH, "sched_switch")                                                                  \
	X(BLOCK, "block_rq_complete")                                                              \
	X(RECEIVE, "netif_receive_skb")                                                            \
	X(XMIT, "net_dev_start_xmit")                                                              \
	X(RETRANS, "tcp_retransmit_skb")                                                           \
	X(READ, "tcp_rcv_space_adjust")                                                            \
	X(UNIX, "consume_skb") /* goes with READ; that needs none of it */                         \
	X(RECLAIM_BEGIN, "mm_vmscan_direct_reclaim_begin")                                         \
	X(RECLAIM_END, "mm_vmscan_direct_reclaim_end")                                             \
	X(VICTIM, "mark_victim")                                                                   \
	X(TASKS, "task") /* iter/task, not a tracepoint */

enum hr_hook {
#define X(id, tp) HR_HOOK_##id,
	HR_HOOKS(X)
#undef X
	HR_HOOK_N
};
const char *hr_hook_name(enum hr_hook h); /* "sched_switch"; "iter/task" */

struct hr_hook_facts {
	bool exists;  /* btf_trace_NAME (iterator: struct bpf_iter__task) is in the kernel's BTF */
	uint8_t args; /* its arguments, the tracepoint's own data left out */
	int err_tp_btf; /* 0 not tried or fine; -errno of load or attach */
	int err_raw_tp;
	char log[64]; /* last line of the loader or verifier about the latest failure */
};

struct hr_kernel_facts {
	bool has_btf;              /* /sys/kernel/btf/vmlinux readable and parsed */
	bool cap_bpf, cap_perfmon; /* effective, CAP_SYS_ADMIN counts for both */
	bool cap_sys_admin;
	bool sched_info;    /* task_struct.sched_info.run_delay */
	bool request_times; /* request.start_time_ns */
	bool receive_times; /* inet_connection_sock.icsk_ack.lrcvtime */
	uint32_t cast; /* BTF id of bpf_rdonly_cast: a struct sock as what it is part of; 0 none */
	bool no_nesting;            /* a program on a tracepoint is not run within itself */
	bool locked_down;           /* kernel lockdown "confidentiality" refuses BPF reads */
	uint8_t op_class[HR_OPS_N]; /* enum hr_op by this kernel's request operation */
	uint32_t flags_sync;        /* REQ_SYNC, REQ_FUA, REQ_PREFLUSH of this kernel; 0 unknown */
	uint32_t flags_ahead;       /* REQ_RAHEAD */
	uint32_t page_bytes;        /* of struct page; 0 unknown */
	struct hr_hook_facts hook[HR_HOOK_N];
};

/*
 * The rung to try (or, after a success, to report) for @h: HR_RUNG_TP_BTF,
 * HR_RUNG_RAW_TP, HR_RUNG_ITER or HR_RUNG_MISSING.  @force: as hr_engine_opts.
 * @ret_reason says why not a better one; empty on the best.
 */
enum hr_rung hr_ladder_hook(const struct hr_kernel_facts *f, enum hr_hook h, enum hr_rung force,
	char ret_reason[HR_REASON_LEN]);

/* Tells the facts that trying @h on @rung failed, so that the next call steps down. */
void hr_ladder_failed(
	struct hr_kernel_facts *f, enum hr_hook h, enum hr_rung rung, int err, const char *log);

/*
 * A signal's state from the state of its hook.  Signals that a file can also
 * give (THREADS, OOM, TCP_RETRANS) fall to HR_RUNG_FILE and keep the reason.
 */
void hr_ladder_signal(enum hr_signal sig, enum hr_rung hook_rung, const char *reason,
	struct hr_signal_state *ret);
