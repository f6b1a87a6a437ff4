/* SPDX-License-Identifier: Apache-2.0 */
/* Sentence and advice: one or two plain sentences with the numbers in them. */
#include "collector/core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LONG_S 290 /* `measure` judges five minutes as one at most */
#define NUM    24

static const char *factor(const struct hr_opt *o, char out[NUM])
{
	if (!o->has)
		snprintf(out, NUM, "an unknown factor");
	else if (o->v >= HR_K_MAX)
		snprintf(out, NUM, "more than %gx", HR_K_MAX);
	else
		snprintf(out, NUM, "%.1fx", o->v);
	return out;
}

/* What fits does so in all but the tightest share q of the minutes; what is short is short in
 * those. */
static void scope(const struct hr_text_in *in, bool fits, char *out, size_t cap)
{
	double s = in->a->window.seconds;

	if (in->whole)
		snprintf(out, cap, "In the %.0f s measured", s);
	else if (!fits)
		snprintf(out, cap, "In the tightest minutes of the last %.0f %s",
			s < 120         ? s
			: s < 2 * 3600  ? s / 60
			: s < 2 * 86400 ? s / 3600
					: s / 86400,
			s < 120         ? "seconds"
			: s < 2 * 3600  ? "minutes"
			: s < 2 * 86400 ? "hours"
					: "days");
	else if (s < 120)
		snprintf(out, cap, "In the last %.0f seconds", s);
	else if (s < 2 * 3600)
		snprintf(out, cap, "In %.3g %% of the last %.0f minutes", 100 * (1 - in->conf->q),
			s / 60);
	else if (s < 2 * 86400)
		snprintf(out, cap, "In %.3g %% of the minutes of the last %.0f hours",
			100 * (1 - in->conf->q), s / 3600);
	else
		snprintf(out, cap, "In %.3g %% of the minutes of the last %.0f days",
			100 * (1 - in->conf->q), s / 86400);
}

/* The resource in words, with its device. */
static void what(const struct hr_text_in *in, char *out, size_t cap)
{
	const struct hr_estimate *e = in->bind;

	if (!e) {
		snprintf(out, cap, "nothing measured");
		return;
	}
	switch (e->r.resource) {
	case HR_RES_CPU:
		snprintf(out, cap, "CPU");
		break;
	case HR_RES_SERIAL:
		if (e->workers[0])
			snprintf(out, cap, "the threads of %s, each of which serves in turn",
				e->workers);
		else if (in->a->n_top && in->a->top[0].resource == HR_RES_SERIAL)
			snprintf(out, cap, "thread %s of %s (%u)", in->a->top[0].thread,
				in->a->top[0].process, in->a->top[0].tid);
		else
			snprintf(out, cap, "one thread");
		break;
	case HR_RES_STEAL:
		snprintf(out, cap, "CPU time not delivered by the hypervisor");
		break;
	case HR_RES_MEMORY:
		snprintf(out, cap, "memory");
		break;
	case HR_RES_DISK:
		snprintf(out, cap, "disk %s", e->r.device);
		break;
	case HR_RES_NETWORK:
		snprintf(out, cap, "network %s", e->r.device);
		break;
	case HR_RES_SOFTIRQ:
		snprintf(out, cap, "interrupt work of one CPU");
		break;
	default:
		snprintf(out, cap, "?");
	}
}

/* "before ...": the service level that would break. */
static void until(const struct hr_text_in *in, char *out, size_t cap)
{
	const struct hr_model_conf *c = in->conf;

	switch (in->bind ? in->bind->r.resource : HR_RES_NONE) {
	case HR_RES_CPU:
	case HR_RES_STEAL:
		snprintf(out, cap, "more than %.2g %% of wake-ups waited > %g ms for a CPU",
			100 * c->eps, c->x_ms);
		break;
	case HR_RES_SERIAL:
	case HR_RES_SOFTIRQ:
		if (in->bind->workers[0])
			snprintf(out, cap,
				"more than %.2g %% of what %s reads waited > %g ms for it",
				100 * c->eps, in->bind->workers, c->x_ms);
		else
			snprintf(out, cap, "one CPU's worth of work was 90 %% busy");
		break;
	case HR_RES_MEMORY:
		snprintf(out, cap, "available memory ran out");
		break;
	case HR_RES_DISK:
		snprintf(out, cap, "requests became late");
		break;
	case HR_RES_NETWORK:
		snprintf(out, cap, "the link was full");
		break;
	default:
		snprintf(out, cap, "a service level broke");
	}
}

static double ev(const struct hr_estimate *e, const char *signal)
{
	for (uint8_t i = 0; i < e->r.n_evidence; i++)
		if (strcmp(e->r.evidence[i].signal, signal) == 0)
			return e->r.evidence[i].value;
	return 0;
}

static void say_yes(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	char w[96], u[96], l[NUM], a[NUM];
	const struct hr_bounds *k = &in->a->headroom;

	what(in, w, sizeof(w));
	until(in, u, sizeof(u));
	if (k->likely.has && !(k->likely.v >= HR_K_MAX && k->at_least.v >= HR_K_MAX))
		snprintf(s, HR_TEXT_LEN,
			"%s this VM could have carried %s (at least %s) its load before %s. "
			"Closest: %s.",
			sc, factor(&k->likely, l), factor(&k->at_least, a), u, w);
	else
		snprintf(s, HR_TEXT_LEN,
			"%s this VM could have carried %s%s its load. Closest: %s.", sc,
			k->at_least.v >= HR_K_MAX ? "" : "at least ", factor(&k->at_least, a), w);
	snprintf(adv, HR_TEXT_LEN,
		"Nothing to do: no larger VM and no distribution is needed for %.1fx the load.",
		in->conf->k_target);
}

/* Of a calm newest minute's estimate the reason is not the one that decided. */
static const char *why(const struct hr_text_in *in)
{
	if (!in->bind)
		return "";
	if (in->whole || in->bind->r.saturated)
		return in->bind->reason;
	return in->bind->r.resource == HR_RES_MEMORY    ? "tasks waited for memory"
	       : in->bind->r.resource == HR_RES_NETWORK ? "packets were held back or dropped"
							: in->bind->reason;
}

static void say_resize(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	const struct hr_gain *g = &in->gain[in->verdict->size < 0 ? 0 : in->verdict->size];
	bool ceiling = in->verdict->reason == HR_REASON_AT_CEILING;
	char w[96], l[NUM], lo[NUM], hi[NUM];

	what(in, w, sizeof(w));
	factor(&in->a->headroom.likely, l);
	factor(&g->gain.at_least, lo);
	factor(&g->gain.at_most, hi);
	if (g->gain.at_least.has && g->gain.at_most.has)
		snprintf(s, HR_TEXT_LEN,
			"%s %s is short: at most about %s of today's load fits. %s would raise "
			"that by %s%s%s%s.",
			sc, w, l, g->change, lo, strcmp(lo, hi) == 0 ? "" : " to ",
			strcmp(lo, hi) == 0 ? "" : hi, ceiling ? ", and no such size exists" : "");
	else
		snprintf(s, HR_TEXT_LEN,
			"%s %s is short (%s). %s would help%s; by how much was not measurable.", sc,
			w, why(in), g->change, ceiling ? ", and no such size exists" : "");
	if (ceiling)
		snprintf(adv, HR_TEXT_LEN,
			"This is the largest size: reduce the work per request, or distribute the "
			"load.");
	else if (in->bind && in->bind->fix)
		snprintf(adv, HR_TEXT_LEN, "%s", in->bind->fix);
	else if (in->bind && in->bind->r.resource == HR_RES_NETWORK)
		snprintf(adv, HR_TEXT_LEN,
			"Take a size with more network bandwidth and packets per second all the "
			"time (its baseline, not its bursts), or send less.");
	else if (in->bind && in->bind->r.resource == HR_RES_MEMORY)
		snprintf(adv, HR_TEXT_LEN,
			"Take the next size with more memory, or let the programs and caches use "
			"less.");
	else
		snprintf(adv, HR_TEXT_LEN, "Take the next size (%s) before anything else.",
			g->change);
}

/*
 * Those of the newest minute, unless it is a calm one: then which threads it was in the minutes
 * that decide is not kept.
 */
static void say_workers(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	const char *who = in->bind->workers[0] ? in->bind->workers : "the program";
	double reads = ev(in->bind, "reads"), late = ev(in->bind, "late_reads");

	if (reads > 0 && late > in->conf->eps * reads)
		snprintf(s, HR_TEXT_LEN,
			"%s %.2g %% of what %s read had waited over %g ms for the thread that "
			"serves it, busy %.0f %% of the time: more vCPUs alone do not help.",
			sc, 100 * late / reads, who, in->conf->x_ms,
			100 * ev(in->bind, "worker_busy_or_waiting"));
	else
		snprintf(s, HR_TEXT_LEN,
			"%s work waited for threads that serve in turn: more vCPUs alone do not "
			"help.",
			sc);
	snprintf(adv, HR_TEXT_LEN,
		"Let %s start more workers, or make its requests shorter. A larger size helps "
		"only if it starts more of them there.",
		who);
}

static void say_serial(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	char w[96];

	what(in, w, sizeof(w));
	if (in->bind && in->bind->r.resource == HR_RES_CPU) {
		snprintf(s, HR_TEXT_LEN,
			"%s every vCPU was busy, yet every runnable thread already had one: twice "
			"the vCPUs would "
			"find at most %.2fx as much to run.",
			sc, in->frozen.has ? in->frozen.v : 1);
		snprintf(adv, HR_TEXT_LEN,
			"More vCPUs help only if the program starts more workers; if it can, do "
			"that together "
			"with the larger size, else look for faster cores or less work.");
		return;
	}
	if (in->bind && in->bind->r.resource == HR_RES_SOFTIRQ) {
		if (in->bind->fix)
			snprintf(s, HR_TEXT_LEN,
				"%s %.0f packets were dropped before a CPU took them: interrupt "
				"and packet work kept one %.0f %% busy while others were idle; "
				"more vCPUs do not share it.",
				sc, ev(in->bind, "softnet_dropped"),
				100 * ev(in->bind, "softirq_busiest_cpu_p99"));
		else
			snprintf(s, HR_TEXT_LEN,
				"%s interrupt and packet work kept one CPU %.0f %% busy; more "
				"vCPUs do not share it.",
				sc, 100 * ev(in->bind, "softirq_busiest_cpu_p99"));
		snprintf(adv, HR_TEXT_LEN,
			"Spread the receive queues (RPS/RFS, more NIC queues) before changing the "
			"size.");
		return;
	}
	if (in->bind && in->bind->r.resource == HR_RES_SERIAL &&
		(in->bind->workers[0] || !(ev(in->bind, "thread_busy_or_waiting") > 0))) {
		say_workers(in, sc, s, adv);
		return;
	}
	snprintf(s, HR_TEXT_LEN,
		"%s %s was running or waiting for a CPU %.0f %% of the time, and one thread uses "
		"one CPU at most: "
		"more vCPUs do not help.",
		sc, w, in->bind ? 100 * ev(in->bind, "thread_busy_or_waiting") : 0);
	snprintf(adv, HR_TEXT_LEN,
		"Split that thread's work (more workers, sharding inside the process) or use "
		"faster cores; keep "
		"the number of vCPUs.");
}

static void say_local(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	enum hr_resource r = in->bind ? in->bind->r.resource : HR_RES_NONE;
	char group[HR_NAME_LEN + 16] = "a cgroup";

	if (in->cgroup && in->cgroup[0])
		snprintf(group, sizeof(group), "cgroup %s", in->cgroup);
	if (r == HR_RES_MEMORY) {
		snprintf(s, HR_TEXT_LEN,
			"%s the memory limit of %s was hit %.0f times while the VM had %.0f MiB "
			"of memory available: the limit binds, not the VM.",
			sc, group, ev(in->bind, "memcg_limit_hits"),
			ev(in->bind, "mem_available") / 1048576);
		snprintf(adv, HR_TEXT_LEN,
			"Raise that cgroup's memory limit (memory.max); a larger VM changes "
			"nothing.");
	} else if (r == HR_RES_NETWORK) {
		snprintf(s, HR_TEXT_LEN,
			"%s a traffic shaper installed on %s held packets back: it binds, not the "
			"VM.",
			sc, in->bind->r.device);
		snprintf(adv, HR_TEXT_LEN,
			"Raise the shaper's rate (tc qdisc show dev %s); a larger VM changes "
			"nothing.",
			in->bind->r.device);
	} else {
		snprintf(s, HR_TEXT_LEN,
			"%s the CPU quota of %s held threads back for %.2f CPU-seconds per second "
			"while vCPUs were free: the quota binds, not the VM.",
			sc, group, in->bind ? ev(in->bind, "quota_throttled") : 0);
		snprintf(adv, HR_TEXT_LEN,
			"Raise that cgroup's CPU quota (cpu.max); a larger VM changes nothing.");
	}
}

/* Its limit is not the one that the operator tells: then raising that one changes nothing. */
static void say_below_told(const struct hr_text_in *in, char *adv)
{
	bool disk = in->bind->r.resource == HR_RES_DISK;

	snprintf(adv, HR_TEXT_LEN,
		"That is less than %s %s is told to carry: the VM's own limit binds, or bursts are "
		"used up. Compare with the %s limit of this size before the %s's is raised.",
		disk ? "volume" : "the link behind", in->bind->r.device, disk ? "disk" : "network",
		disk ? "volume" : "link");
}

/* Where bursts are told beside the baseline: they are earned below it. */
static void say_bursts_gone(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	const struct hr_res_answer *r = &in->bind->r;
	bool disk = r->resource == HR_RES_DISK, ops = r->capacity.unit == HR_UNIT_IOPS;
	double scale = ops ? 1 : 1e6;
	char w[96], l[NUM];

	what(in, w, sizeof(w));
	snprintf(s, HR_TEXT_LEN,
		"%s %s was at its baseline (%.*f %s) with bursts (%.*f) used up: about %s of "
		"today's load fits, and that limit does not grow with the VM as far as is known.",
		sc, w, ops ? 0 : 1, r->capacity.value.v / scale, ops ? "requests/s" : "MB/s",
		ops ? 0 : 1, in->bind->burst / scale, factor(&in->a->headroom.likely, l));
	snprintf(adv, HR_TEXT_LEN,
		"Raise the baseline of %s %s, or cause less on average: bursts are earned below "
		"it. A larger VM alone does not help.",
		disk ? "volume" : "the link behind", r->device);
}

/* A hint, no more: a plateau after minutes of a higher rate. */
static void say_high(const struct hr_estimate *e, char *adv)
{
	size_t n = strlen(adv);
	bool ops = e->r.capacity.unit != HR_UNIT_BYTES_PER_S;

	if (!(e->high > 0) || n >= HR_TEXT_LEN)
		return;
	snprintf(adv + n, HR_TEXT_LEN - n,
		" It came after %.0f minutes at %.*f %s: burst credits used up?",
		fmax(e->high_s / 60, 1), ops ? 0 : 1, ops ? e->high : e->high / 1e6,
		ops ? "requests/s" : "MB/s");
}

static void say_external(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	const struct hr_res_answer *r = &in->bind->r;
	bool disk = r->resource == HR_RES_DISK;
	bool far = in->bind->below_told && r->capacity.source == HR_CAP_CONFIGURED;
	char w[96], l[NUM], cap[64] = "";

	if (in->bind->bursts_gone) {
		say_bursts_gone(in, sc, s, adv);
		return;
	}
	what(in, w, sizeof(w));
	if (in->bind->fix) {
		snprintf(s, HR_TEXT_LEN, "%s %s was short (%s): no larger size has more of that.",
			sc, w, in->bind->reason);
		snprintf(adv, HR_TEXT_LEN, "%s", in->bind->fix);
		return;
	}
	if (r->capacity.value.has && r->capacity.unit == HR_UNIT_IOPS)
		snprintf(cap, sizeof(cap), " (about %.0f requests/s)", r->capacity.value.v);
	else if (r->capacity.value.has && r->capacity.unit == HR_UNIT_BYTES_PER_S)
		snprintf(cap, sizeof(cap), " (about %.1f MB/s)", r->capacity.value.v / 1e6);
	snprintf(s, HR_TEXT_LEN, "%s %s was %s%s: about %s of today's load fits%s.", sc, w,
		far ? "short well below its told limit" : "at its limit",
		r->capacity.source == HR_CAP_LOWER_BOUND ? "" : cap,
		factor(&in->a->headroom.likely, l),
		in->bind->below_told
			? ""
			: ", and that limit does not grow with the VM as far as is known");
	if (in->bind->below_told) {
		say_below_told(in, adv);
		return;
	}
	snprintf(adv, HR_TEXT_LEN,
		disk ? "Raise the limit of volume %s (type or provisioned operations), or cause "
		       "less I/O; a larger VM "
		       "alone does not help."
		     : "Raise the limit of the link behind %s, or send less; a larger VM alone may "
		       "not help.",
		r->device);
}

/* Row 7: short, and the gain of a larger size is too small to tell. */
static void say_straddle(const struct hr_text_in *in, const char *sc, char *s)
{
	char w[96], l[NUM], lo[NUM], hi[NUM];

	what(in, w, sizeof(w));
	snprintf(s, HR_TEXT_LEN,
		"%s %s was the limit (%s its load fits), but vcpus x2 would gain between %s and "
		"%s: "
		"too little or too vague to tell from model error.",
		sc, w, factor(&in->a->headroom.likely, l),
		factor(&in->gain[HR_SIZE_VCPUS].gain.at_least, lo),
		factor(&in->gain[HR_SIZE_VCPUS].gain.at_most, hi));
}

/* Row 7 of a disk: a limit was met, and nobody knows whose (model_disk.c). */
static void say_whose(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	char w[96], l[NUM];

	what(in, w, sizeof(w));
	snprintf(s, HR_TEXT_LEN,
		"%s %s was at a limit together with another disk (%s of today's load fits): %s", sc,
		w, factor(&in->a->headroom.likely, l),
		in->bind->below_told
			? "well below what is told of it, so most likely at the VM's own."
			: "each may have met its own, which no larger VM raises, or both that of "
			  "the VM.");
	snprintf(adv, HR_TEXT_LEN, "%s",
		in->bind->below_told
			? "Compare what both carried with the disk limit of this size: if that was "
			  "met, a larger size has more of it, and no larger volume helps."
			: "Tell what the volumes are sold to carry (`limits` in [measure], or "
			  "headroom "
			  "measure --limits). Where each is sold more than it got, the VM's own "
			  "disk "
			  "limit binds, and a larger size has more of it.");
}

static void say_unknown(const struct hr_text_in *in, const char *sc, char *s, char *adv)
{
	const struct hr_answer *a = in->a;
	const char *first = a->n_missing ? a->missing[0].evidence : "the bounds disagree";
	char lo[NUM], hi[NUM], w[96];

	if (in->verdict->row == 7 && !in->trend && in->bind && in->bind->whose_open) {
		say_whose(in, sc, s, adv);
		return;
	}
	if (in->verdict->row == 7 && !in->trend && in->bind && in->bind->fix) {
		what(in, w, sizeof(w));
		snprintf(s, HR_TEXT_LEN,
			"%s %s did not meet its service level (%s): whether a larger size would "
			"help is not known.",
			sc, w, in->bind->reason);
		snprintf(adv, HR_TEXT_LEN, "%s", in->bind->fix);
		return;
	}
	if (in->verdict->row == 3 && a->headroom.at_least.has && a->headroom.likely.has)
		snprintf(s, HR_TEXT_LEN,
			"%s this VM carries between %s and %s its load, and the target is %.1fx: "
			"not decided. Missing: %s.",
			sc, factor(&a->headroom.at_least, lo), factor(&a->headroom.likely, hi),
			in->conf->k_target, first);
	else if (in->verdict->row == 7)
		say_straddle(in, sc, s);
	else
		snprintf(s, HR_TEXT_LEN, "Not known yet whether headroom is left. Missing: %s.",
			first);
	if (in->silent)
		snprintf(adv, HR_TEXT_LEN,
			"Is the VM up? On it, systemctl status headroom-agent and its log say what "
			"it cannot reach, and headroom doctor what it can measure.");
	else if (a->n_missing && a->missing[0].available_ms)
		snprintf(adv, HR_TEXT_LEN,
			"Let the agent run on; the missing evidence comes by itself.");
	else if (in->bind && in->bind->hidden_cores)
		snprintf(adv, HR_TEXT_LEN,
			"It is measured when two vCPUs are idle at once. Or find out whether this "
			"size's vCPUs are cores or hyper-threads, and tell it: threads_per_core in "
			"agent.conf, or headroom measure --threads-per-core.");
	else if (in->whole && a->window.seconds >= LONG_S)
		snprintf(adv, HR_TEXT_LEN,
			"More of the same load will hardly tell: measure again while it is higher. "
			"`headroom measure --explain` shows each step.");
	else if (in->whole)
		snprintf(adv, HR_TEXT_LEN,
			"Measure again, longer, while the load is on: headroom measure "
			"--until-known 5m. --explain shows each step.");
	else
		snprintf(adv, HR_TEXT_LEN,
			"See `headroom explain` for what is missing, or measure while the load is "
			"on: `headroom measure`.");
}

/* The numbers of today would say yes: the trend decided, so it leads. */
static void say_trend(const struct hr_text_in *in, char *s)
{
	const struct hr_answer *a = in->a;
	char lo[NUM], likely[40] = "";

	if (a->days_left.likely.has)
		snprintf(likely, sizeof(likely), ", likely in %.0f", a->days_left.likely.v);
	snprintf(s, HR_TEXT_LEN,
		"Headroom is left today (at least %s), but that of %s falls steadily: it reaches "
		"the "
		"target of %.1fx in %.0f days at the earliest%s.",
		factor(&a->headroom.at_least, lo), hr_resource_name(a->days_left.resource),
		in->conf->k_target, a->days_left.at_least.v, likely);
}

/* What is short was measured; something else was not. */
static void say_rest(const struct hr_answer *a, char *s)
{
	size_t n = strlen(s);

	(void)snprintf(s + n, HR_TEXT_LEN - n, " Whether more is short is not known: missing %s.",
		a->missing[0].evidence);
}

void hr_text_answer(const struct hr_text_in *in, char *ret_sentence, char *ret_advice)
{
	char sc[72];

	scope(in, in->verdict->reason == HR_REASON_HEADROOM_LEFT || in->verdict->row == 3, sc,
		sizeof(sc));
	switch (in->verdict->reason) {
	case HR_REASON_HEADROOM_LEFT:
		say_yes(in, sc, ret_sentence, ret_advice);
		break;
	case HR_REASON_BIGGER_SIZE_HELPS:
	case HR_REASON_AT_CEILING:
		say_resize(in, sc, ret_sentence, ret_advice);
		break;
	case HR_REASON_SERIAL_THREAD:
		say_serial(in, sc, ret_sentence, ret_advice);
		break;
	case HR_REASON_STEAL:
		snprintf(ret_sentence, HR_TEXT_LEN,
			"%s the hypervisor withheld %.0f %% of the CPU time this VM wanted: the "
			"host is short, not "
			"the size.",
			sc, in->bind ? 100 * ev(in->bind, "steal_share") : 0);
		snprintf(ret_advice, HR_TEXT_LEN,
			"Move to another host or family, or to a type without CPU credits; a "
			"larger size may get no more.");
		break;
	case HR_REASON_LOCAL_LIMIT:
		say_local(in, sc, ret_sentence, ret_advice);
		break;
	case HR_REASON_EXTERNAL_LIMIT:
		say_external(in, sc, ret_sentence, ret_advice);
		if (!in->bind->bursts_gone)
			say_high(in->bind, ret_advice);
		break;
	default:
		say_unknown(in, sc, ret_sentence, ret_advice);
	}
	if (in->trend && in->verdict->reason != HR_REASON_MISSING_EVIDENCE)
		say_trend(in, ret_sentence);
	else if (in->verdict->reason != HR_REASON_MISSING_EVIDENCE && in->a->n_missing)
		say_rest(in->a, ret_sentence);
}
