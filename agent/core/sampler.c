/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: when one begins and ends, which number it has, and what it may claim to have measured.
 */
#include "agent/core/sampler.h"

#include <assert.h>
#include <string.h>

#include "proto/units.h"

/* A timer that fires this much early still closes its window. */
#define EARLY_NS (HR_TICK_NS / 4)

/* A first free number further ahead than an hour was not written in this boot: not believed. */
#define SEQ_AHEAD_MAX (3600 * HR_NS_PER_S / HR_WINDOW_NS)

/* Signals read once a window, each by a function of its own that says so. */
#define SLOW_SIGNALS                                                                               \
	(HR_SIG_BIT(HR_SIG_CPU_QUOTA) | HR_SIG_BIT(HR_SIG_MEMCG) | HR_SIG_BIT(HR_SIG_THREADS) |    \
		HR_SIG_BIT(HR_SIG_QDISC) | HR_SIG_BIT(HR_SIG_EVENT_NS) | HR_SIG_BIT(HR_SIG_FS) |   \
		HR_SIG_BIT(HR_SIG_TCP_RTT) | HR_SIG_BIT(HR_SIG_READS))

/*
 * Totals read once a window (raw.brief), but for those of them that a hook counts at each tick.
 * Every other signal must be there at each tick.
 */
#define TOTAL_SIGNALS                                                                              \
	(HR_SIG_BIT(HR_SIG_VMSTAT) | HR_SIG_BIT(HR_SIG_OOM) | HR_SIG_BIT(HR_SIG_PSI_CPU) |         \
		HR_SIG_BIT(HR_SIG_PSI_MEMORY) | HR_SIG_BIT(HR_SIG_PSI_IO) |                        \
		HR_SIG_BIT(HR_SIG_NETSTAT) | HR_SIG_BIT(HR_SIG_TCP_RETRANS) |                      \
		HR_SIG_BIT(HR_SIG_SOFTNET) | HR_SIG_BIT(HR_SIG_DISK_STAT) |                        \
		HR_SIG_BIT(HR_SIG_NET_STAT) | HR_SIG_BIT(HR_SIG_NET_LOCAL) |                       \
		HR_SIG_BIT(HR_SIG_COST))

void hr_sampler_conf_facts(struct hr_sampler_conf *conf, const struct hr_facts *facts)
{
	conf->epoch = facts->epoch;
	conf->cpus = facts->cpus_online;
	conf->n_dev = facts->n_dev;
	for (uint8_t i = 0; i < HR_DEVS_MAX; i++) {
		bool used = i < facts->n_dev;

		conf->dev_kind[i] = used ? facts->dev[i].kind : HR_DEV_NONE;
		memcpy(conf->dev_name[i], used ? facts->dev[i].name : "", used ? HR_NAME_LEN : 1);
	}
}

/* Only what was in use is cleared: untouched pages of unused devices stay untouched. */
static void sum_clear(struct hr_summary *s, uint8_t n_dev)
{
	memset(s, 0, offsetof(struct hr_summary, dev));
	memset(s->dev, 0, n_dev * sizeof(s->dev[0]));
	s->n_top = 0;
	s->n_group = 0;
	memset(s->top, 0, sizeof(s->top));
	s->n_fs = 0;
}

/* Bit per device number that means the same device under both. */
static uint32_t same_devices(const struct hr_sampler_conf *a, const struct hr_sampler_conf *b)
{
	uint32_t same = 0;

	for (uint8_t i = 0; i < a->n_dev && i < b->n_dev; i++)
		if (a->dev_kind[i] == b->dev_kind[i] && strcmp(a->dev_name[i], b->dev_name[i]) == 0)
			same |= 1u << i;
	return same;
}

static void epoch_begin(struct hr_sampler *s, const struct hr_sampler_conf *conf, uint32_t keep)
{
	assert(conf->n_dev <= HR_DEVS_MAX);
	s->conf = *conf;
	s->begun = false;
	s->irq_n = 0;
	memset(s->dev_total, 0, sizeof(s->dev_total));
	hr_fold_init(&s->fold, conf->cpus, conf->dev_kind, conf->n_dev, keep);
}

void hr_sampler_init(struct hr_sampler *s, const struct hr_sampler_conf *conf)
{
	/* irq_last and what is behind it: cleared where it is used */
	memset(s, 0, offsetof(struct hr_sampler, irq_last));
	s->open = 0;
	s->top_unheld = s->top_unknown = 0;
	sum_clear(&s->sum[0], 0);
	sum_clear(&s->sum[1], 0);
	hr_topk_init(&s->topk, conf->self_pid);
	s->seq_next = conf->seq_min;
	epoch_begin(s, conf, 0);
}

/* ---- the grid of window ends ---- */

/* Smallest window end >= @boot_ns. */
static uint64_t grid_up(const struct hr_sampler *s, uint64_t boot_ns)
{
	uint64_t over = (boot_ns + HR_WINDOW_NS - s->phase_ns) % HR_WINDOW_NS;

	return over ? boot_ns + HR_WINDOW_NS - over : boot_ns;
}

static uint64_t seq_of_end(uint64_t end_ns)
{
	return end_ns ? (end_ns - 1) / HR_WINDOW_NS : 0;
}

static void window_begin(struct hr_sampler *s, const struct hr_raw *raw)
{
	uint64_t end, seq;

	if (!s->phased) {
		uint64_t now_seq = raw->boot_ns / HR_WINDOW_NS;

		s->phased = true;
		s->phase_ns = s->conf.align ? 0 : raw->boot_ns % HR_WINDOW_NS;
		if (s->seq_next > now_seq + SEQ_AHEAD_MAX)
			s->seq_next = 0;
	}
	/* a first window that would be a rest joins the next */
	end = grid_up(s, raw->boot_ns + HR_REST_MS * HR_NS_PER_MS);
	seq = seq_of_end(end);
	if (seq < s->seq_next)
		end += (s->seq_next - seq) * HR_WINDOW_NS;
	s->end_boot_ns = end;
	s->start_boot_ns = raw->boot_ns;
	s->start_mono_ns = raw->mono_ns;
	s->ticks = 0;
	s->have = ~0ULL;
	s->seen = s->slow_have = 0;
	for (uint8_t i = 0; i < s->conf.n_dev; i++) {
		s->dev_have[i] = ~0ULL;
		s->dev_seen[i] = s->dev_slow_have[i] = 0;
	}
	sum_clear(&s->sum[s->open], s->conf.n_dev);
}

static void identify(struct hr_sampler *s, uint64_t end_ns, struct hr_summary *sum)
{
	uint64_t dur_ms = hr_ns_to_ms(s->last_mono_ns - s->start_mono_ns + HR_NS_PER_MS / 2);
	uint64_t first = seq_of_end(grid_up(s, s->start_boot_ns + EARLY_NS)), last;

	sum->seq_first = first > s->seq_next ? first : s->seq_next;
	last = seq_of_end(end_ns);
	sum->seq_last = last > sum->seq_first ? last : sum->seq_first;
	s->seq_next = sum->seq_last + 1;
	sum->t_end_ms = s->last_wall_ms;
	sum->dur_ms = dur_ms < 1 ? 1 : dur_ms > HR_DUR_MAX_MS ? HR_DUR_MAX_MS : (uint32_t)dur_ms;
	sum->lost = 0;
	sum->epoch = s->conf.epoch;
	sum->cpus = s->conf.cpus;
}

/* Ends the window at the last tick; @end_ns: the grid point it stands for. */
static const struct hr_summary *window_close(struct hr_sampler *s, uint64_t end_ns)
{
	struct hr_summary *sum = &s->sum[s->open];

	identify(s, end_ns, sum);
	sum->have = (s->have & s->seen & ~SLOW_SIGNALS) | s->slow_have;
	if (sum->ctr[HR_CTR_SELF_BPF_EVENTS] > 0)
		sum->have |= HR_SIG_BIT(HR_SIG_EVENT_NS);
	sum->n_dev = s->conf.n_dev;
	for (uint8_t i = 0; i < s->conf.n_dev; i++) {
		struct hr_dev_summary *d = &sum->dev[i];

		d->dev = i;
		d->have = (s->dev_have[i] & s->dev_seen[i] & ~SLOW_SIGNALS) | s->dev_slow_have[i];
		hr_devwin_gauges(&s->fold.win[i], d);
	}
	s->open ^= 1;
	return sum;
}

/* Ends the window ahead of time, at the last tick. */
static int close_early(struct hr_sampler *s, const struct hr_summary **ret)
{
	uint64_t at = s->last_boot_ns;

	if (!s->begun || s->ticks == 0)
		return 0;
	*ret = window_close(s, grid_up(s, at > EARLY_NS ? at - EARLY_NS : 0));
	return 1;
}

/* ---- ticks ---- */

uint64_t hr_sampler_next_ns(const struct hr_sampler *s, uint64_t mono_ns, uint64_t boot_ns)
{
	uint64_t phase = s->phased       ? s->phase_ns % HR_TICK_NS
			 : s->conf.align ? 0
					 : boot_ns % HR_TICK_NS;
	uint64_t into = (boot_ns + HR_TICK_NS - phase) % HR_TICK_NS;
	uint64_t wait = HR_TICK_NS - into;

	if (wait < EARLY_NS) /* this tick was the early one of that grid point */
		wait += HR_TICK_NS;
	return mono_ns + wait;
}

bool hr_sampler_closes(const struct hr_sampler *s, uint64_t boot_ns)
{
	return !s->begun || boot_ns + EARLY_NS >= s->end_boot_ns;
}

static uint64_t cost(struct hr_sampler *s, const struct hr_raw *raw)
{
	struct hr_summary *sum = &s->sum[s->open];
	bool ok = true, bpf_ok = true, missed_ok = true;
	uint64_t us;
	/* from the 0, 0 of "not measured" on, too: our programs started at 0 with us */
	uint64_t ns = hr_counter_grow(&s->total[HR_TOTAL_BPF_NS], true, raw->bpf_run_ns, &bpf_ok);
	uint64_t n = hr_counter_grow(&s->total[HR_TOTAL_BPF_N], true, raw->bpf_run_n, &bpf_ok);
	uint64_t missed =
		hr_counter_grow(&s->total[HR_TOTAL_BPF_MISSED], true, raw->bpf_missed, &missed_ok);

	if (raw->mono_ns > raw->due_ns && raw->mono_ns - raw->due_ns > HR_SAMPLER_LATE_NS)
		sum->ctr[HR_CTR_SELF_TICK_LATE_N]++;
	sum->ctr[HR_CTR_HOOK_MISSED_N] += missed;
	if (bpf_ok) {
		sum->ctr[HR_CTR_SELF_BPF_NS] += ns;
		sum->ctr[HR_CTR_SELF_BPF_EVENTS] += n;
	}
	if (raw->brief)
		return 0;
	us = hr_counter_grow(&s->total[HR_TOTAL_SELF_CPU], true, raw->self_cpu_us, &ok);
	if (!ok)
		return 0;
	sum->ctr[HR_CTR_SELF_CPU_US] += us;
	sum->ctr[HR_CTR_SELF_RSS_BYTES] = raw->self_rss_bytes;
	return HR_SIG_BIT(HR_SIG_COST);
}

/* Everything of one tick into the open summary; growth since the last tick, over @dt_ns. */
static void fold_tick(struct hr_sampler *s, const struct hr_raw *raw, uint64_t dt_ns, bool slots)
{
	uint64_t have, unread = SLOW_SIGNALS | (raw->brief ? TOTAL_SIGNALS : 0);
	struct hr_lost lost;

	memset(s->tick_dev, 0, sizeof(s->tick_dev));
	have = hr_sampler_files(s, raw, dt_ns, &lost);
	if (!raw->brief)
		have |= hr_sampler_devices(s, raw);
	have |= cost(s, raw);
	hr_sampler_slow(s, raw);
	if (raw->take && slots) {
		uint64_t took = hr_fold_take(&s->fold, raw->take, &lost, &s->sum[s->open]);

		have |= took;
		for (uint8_t i = 0; i < s->conf.n_dev; i++) {
			if (raw->take->blind >> i & 1)
				continue;
			s->tick_dev[i] |=
				took & (s->conf.dev_kind[i] == HR_DEV_DISK
						       ? HR_SIG_BIT(HR_SIG_DISK_IO) |
								 HR_SIG_BIT(HR_SIG_DISK_SYNC)
						       : HR_SIG_BIT(HR_SIG_NET_IO));
		}
	}
	s->have &= have | unread;
	s->seen |= have;
	for (uint8_t i = 0; i < s->conf.n_dev; i++) {
		s->dev_have[i] &= s->tick_dev[i] | unread;
		s->dev_seen[i] |= s->tick_dev[i];
	}
}

static void remember(struct hr_sampler *s, const struct hr_raw *raw)
{
	s->last_mono_ns = raw->mono_ns;
	s->last_boot_ns = raw->boot_ns;
	s->last_wall_ms = raw->wall_ms;
}

/* Sets the base: totals are noted, nothing is counted. */
static void base(struct hr_sampler *s, const struct hr_raw *raw)
{
	s->begun = true;
	window_begin(s, raw);
	fold_tick(s, raw, HR_TICK_NS, false);
	hr_fold_gap(&s->fold);
	remember(s, raw);
	window_begin(s, raw);
}

int hr_sampler_tick(struct hr_sampler *s, const struct hr_raw *raw, const struct hr_summary **ret)
{
	uint64_t dt_ns = raw->mono_ns - s->last_mono_ns, end;
	int closed = 0;

	if (!s->begun) {
		base(s, raw);
		return 0;
	}
	if (raw->boot_ns - s->last_boot_ns > HR_SAMPLER_GAP_NS || raw->mono_ns <= s->last_mono_ns) {
		closed = close_early(s, ret);
		base(s, raw);
		return closed;
	}
	fold_tick(s, raw, dt_ns, true);
	s->ticks++;
	remember(s, raw);
	if (!hr_sampler_closes(s, raw->boot_ns))
		return 0;
	/* late: the window stands for every whole 10 s that passed */
	end = s->end_boot_ns;
	while (end + HR_WINDOW_NS <= raw->boot_ns + EARLY_NS)
		end += HR_WINDOW_NS;
	*ret = window_close(s, end);
	window_begin(s, raw);
	return 1;
}

void hr_sampler_hook_us(struct hr_sampler *s, uint64_t us)
{
	s->sum[s->open ^ 1].ctr[HR_CTR_SELF_HOOK_US] = us;
}

void hr_sampler_replay(struct hr_sampler *s, const struct hr_sampler_slice *slice)
{
	struct hr_summary *sum = &s->sum[s->open];

	if (slice->lost) {
		sum->ctr[HR_CTR_REPLAY_LOST_N]++;
		return;
	}
	sum->ctr[HR_CTR_REPLAY_SLICE_N]++;
	sum->ctr[HR_CTR_REPLAY_SLICE_MS] += slice->ms;
	sum->ctr[HR_CTR_REPLAY_BURST_N] += slice->bursts;
	sum->ctr[HR_CTR_REPLAY_QUEUED_N] += slice->bursts;
	sum->ctr[HR_CTR_REPLAY_LATE_N] += slice->late;
	sum->ctr[HR_CTR_REPLAY_EVEN_MS] += slice->even_ms;
	sum->ctr[HR_CTR_REPLAY_MIXED_N] += slice->mixed;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			sum->replay.late[r][g] += slice->sum.late[r][g];
			sum->replay.tot[r][g] += slice->sum.tot[r][g];
		}
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			sum->replay.queued[z][g] += slice->sum.queued[z][g];
}

int hr_sampler_flush(struct hr_sampler *s, const struct hr_summary **ret)
{
	int closed = close_early(s, ret);

	s->begun = false;
	return closed;
}

int hr_sampler_change(struct hr_sampler *s, const struct hr_sampler_conf *conf,
	const struct hr_raw *raw, const struct hr_summary **ret)
{
	int closed;

	if (s->begun && s->ticks > 0) {
		struct hr_raw last = *raw;

		last.nic = NULL; /* its devices are numbered anew */
		hr_sampler_slow(s, &last);
	}
	closed = close_early(s, ret);

	epoch_begin(s, conf, same_devices(&s->conf, conf));
	return closed;
}
