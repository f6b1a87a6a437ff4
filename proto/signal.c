/* SPDX-License-Identifier: Apache-2.0 */
/* Names of signals, rungs and shed hooks: spelled once, used by doctor, JSON and metrics. */
#include "proto/facts.h"
#include "proto/signal.h"

static const char *const signal_name[HR_SIG_N] = {
#define X(id, name, what) [HR_SIG_##id] = name,
	HR_SIGNALS(X)
#undef X
};

static const char *const signal_what[HR_SIG_N] = {
#define X(id, name, what) [HR_SIG_##id] = what,
	HR_SIGNALS(X)
#undef X
};

static const char *const rung_name[] = {
	[HR_RUNG_UNKNOWN] = "unknown",
	[HR_RUNG_TP_BTF] = "tp_btf",
	[HR_RUNG_RAW_TP] = "raw_tp",
	[HR_RUNG_ITER] = "iter",
	[HR_RUNG_FILE] = "file",
	[HR_RUNG_MISSING] = "missing",
};

static const char *const shed_name[HR_SHED_N] = {
	[HR_SHED_BURST] = "burst",
	[HR_SHED_NET] = "net",
	[HR_SHED_DISK] = "disk",
	[HR_SHED_SCHED] = "sched_switch",
};

const char *hr_signal_name(enum hr_signal sig)
{
	return (unsigned)sig < HR_SIG_N ? signal_name[sig] : "?";
}

const char *hr_signal_what(enum hr_signal sig)
{
	return (unsigned)sig < HR_SIG_N ? signal_what[sig] : "?";
}

const char *hr_rung_name(enum hr_rung rung)
{
	return (unsigned)rung <= HR_RUNG_MISSING ? rung_name[rung] : "?";
}

const char *hr_shed_name(enum hr_shed s)
{
	return (unsigned)s < HR_SHED_N ? shed_name[s] : "?";
}
