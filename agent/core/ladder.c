/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel facts -> rung per hook and signal, with the reason (kernel-signals rules 1-5). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/ladder.h"

static const char *const hooks[HR_HOOK_N] = {
#define X(id, tp) [HR_HOOK_##id] = tp,
	HR_HOOKS(X)
#undef X
};

const char *hr_hook_name(enum hr_hook h)
{
	if (h == HR_HOOK_TASKS)
		return "iter/task";
	return (unsigned)h < HR_HOOK_N ? hooks[h] : "?";
}

static void say(char reason[HR_REASON_LEN], const char *text)
{
	snprintf(reason, HR_REASON_LEN, "%s", text);
}

/* What stops every BPF program alike; NULL: nothing. */
static const char *no_bpf(const struct hr_kernel_facts *f)
{
	if (!f->has_btf)
		return "no kernel BTF (/sys/kernel/btf/vmlinux)";
	if (!f->cap_bpf && !f->cap_perfmon)
		return "needs CAP_BPF and CAP_PERFMON (run as root)";
	if (!f->cap_bpf)
		return "needs CAP_BPF (has CAP_PERFMON)";
	if (!f->cap_perfmon)
		return "needs CAP_PERFMON (has CAP_BPF)";
	if (f->locked_down)
		return "kernel lockdown 'confidentiality' forbids BPF to read";
	return NULL;
}

static const char *missing_field(const struct hr_kernel_facts *f, enum hr_hook h)
{
	if ((h == HR_HOOK_SWITCH || h == HR_HOOK_TASKS) && !f->sched_info)
		return "kernel built without CONFIG_SCHED_INFO";
	if (h == HR_HOOK_BLOCK && !f->request_times)
		return "kernel's struct request has no start_time_ns";
	if (h == HR_HOOK_READ && !f->receive_times)
		return "kernel's struct inet_connection_sock has no icsk_ack.lrcvtime";
	return NULL;
}

static const char *error_text(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "refused by the kernel";
	case -ENOENT:
	case -ESRCH:
		return "not found in this kernel";
	case -EINVAL:
		return "rejected by the kernel";
	case -ENOMEM:
		return "no memory for it (RLIMIT_MEMLOCK?)";
	case -EOPNOTSUPP:
	case -524: /* ENOTSUPP of the kernel, no errno.h has it */
		return "not supported by this kernel";
	case -ENODATA:
		return "attached but never fired";
	default:
		return "failed";
	}
}

static void say_failed(char reason[HR_REASON_LEN], const char *rung, int err, const char *log)
{
	if (log[0])
		snprintf(reason, HR_REASON_LEN, "%s %s: %s", rung, error_text(err), log);
	else
		snprintf(reason, HR_REASON_LEN, "%s %s (errno %d)", rung, error_text(err), -err);
}

enum hr_rung hr_ladder_hook(const struct hr_kernel_facts *f, enum hr_hook h, enum hr_rung force,
	char ret_reason[HR_REASON_LEN])
{
	const struct hr_hook_facts *k = &f->hook[h];
	const char *why;

	ret_reason[0] = '\0';
	if (force == HR_RUNG_FILE || force == HR_RUNG_MISSING) {
		say(ret_reason, "files only, by option");
		return HR_RUNG_MISSING;
	}
	why = no_bpf(f);
	if (!why)
		why = missing_field(f, h);
	if (why) {
		say(ret_reason, why);
		return HR_RUNG_MISSING;
	}
	if (!k->exists) {
		snprintf(ret_reason, HR_REASON_LEN, "this kernel has no %s%s",
			h == HR_HOOK_TASKS ? "" : "tracepoint ", hr_hook_name(h));
		return HR_RUNG_MISSING;
	}
	if (h == HR_HOOK_TASKS) {
		if (!k->err_tp_btf)
			return HR_RUNG_ITER;
		say_failed(ret_reason, "iter", k->err_tp_btf, k->log);
		return HR_RUNG_MISSING;
	}
	if (force == HR_RUNG_RAW_TP)
		say(ret_reason, "raw_tp by option");
	else if (k->err_tp_btf)
		say_failed(ret_reason, "tp_btf", k->err_tp_btf, k->log);
	else
		return HR_RUNG_TP_BTF;
	if (!k->err_raw_tp)
		return HR_RUNG_RAW_TP;
	say_failed(ret_reason, "raw_tp", k->err_raw_tp, k->log);
	return HR_RUNG_MISSING;
}

void hr_ladder_failed(
	struct hr_kernel_facts *f, enum hr_hook h, enum hr_rung rung, int err, const char *log)
{
	struct hr_hook_facts *k = &f->hook[h];

	if (rung == HR_RUNG_RAW_TP)
		k->err_raw_tp = err;
	else
		k->err_tp_btf = err;
	snprintf(k->log, sizeof(k->log), "%s", log ? log : "");
}

void hr_ladder_signal(
	enum hr_signal sig, enum hr_rung hook_rung, const char *reason, struct hr_signal_state *ret)
{
	bool has_file = sig == HR_SIG_THREADS || sig == HR_SIG_OOM || sig == HR_SIG_TCP_RETRANS;

	ret->rung = (uint8_t)hook_rung;
	if (hook_rung == HR_RUNG_MISSING && has_file)
		ret->rung = HR_RUNG_FILE;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}
