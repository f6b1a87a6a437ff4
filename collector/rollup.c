// SPDX-License-Identifier: Apache-2.0
/* See rollup.h.  Sums are changed in a copy and taken over when their transaction is durable. */
#include "collector/rollup_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define GRACE_MS 60000ULL           /* behind the latest POST of a bin: a retry */
#define POSTS_MS 60000ULL           /* agents post each 10 to 60 s, or as they are told */
#define SLICE_NS (8 * HR_NS_PER_MS) /* work in one transaction: it delays the next group */
#define LATE_MAX 32                 /* late windows in one transaction */

#define PACK_LOOK_MS   10000 /* a host whose state is not saved yet is looked at again */
#define PACK_WAIT_BINS 12    /* of older bins: once, and then passed by */

int hr_rollup_reload(struct hr_writer *w)
{
	struct hr_rollup *u = w->rollup;
	int r = u ? w->store->ops->tally(w->store, u->now) : 0;

	if (!u || r != 0)
		return r;
	memcpy(u->kept, u->now, sizeof(u->kept));
	u->start_bin = hr_clock_wall_ms() / HR_5MIN_MS; /* windows of the open bins may be gone */
	return 0;
}

void hr_rollup_look_late(struct hr_writer *w)
{
	if (w->rollup)
		w->rollup->has_late = true;
}

int hr_rollup_open(struct hr_writer *w, struct hr_rollup **ret)
{
	struct hr_rollup *u;
	int r;

	*ret = NULL;
	if (!w->store->ops->tally)
		return 0;
	u = calloc(1, sizeof(*u));
	if (!u || !(u->buf = malloc(HR_DIGEST_MAX))) {
		free(u);
		return HR_STORE_FAILED;
	}
	u->w = w;
	u->has_late = true; /* found out by the first step */
	w->rollup = *ret = u;
	r = hr_rollup_reload(w);
	return r;
}

void hr_rollup_close(struct hr_rollup *u)
{
	if (!u)
		return;
	hr_digest_done(&u->sum);
	hr_digest_done(&u->check);
	free(u->buf);
	free(u);
}

static bool is_rolled(const struct hr_tally *t, uint64_t bin, uint32_t host_no)
{
	return bin < t->bin || (bin == t->bin && host_no < t->host_no);
}

static uint64_t windows_of(const struct hr_store_row *row)
{
	return row->seq_last - row->seq_first + 1;
}

int hr_rollup_row(struct hr_writer *w, const struct hr_store_row *row)
{
	struct hr_rollup *u = w->rollup;
	uint64_t bin = row->slot / HR_TIER_5MIN_SLOTS;

	if (!u)
		return 0;
	if (is_rolled(&u->now[HR_TIER_5MIN], bin, row->host_no)) {
		u->late_in_group = true;
		return w->store->ops->put_late(w->store, row);
	}
	if (u->fresh[bin % HR_ROLLUP_FRESH].bin != bin) {
		u->fresh[bin % HR_ROLLUP_FRESH].bin = bin;
		u->fresh[bin % HR_ROLLUP_FRESH].kept = u->fresh[bin % HR_ROLLUP_FRESH].group = 0;
	}
	u->fresh[bin % HR_ROLLUP_FRESH].group += windows_of(row);
	return 0;
}

int hr_rollup_boot_gone(struct hr_writer *w, uint64_t windows)
{
	struct hr_rollup *u = w->rollup;

	if (!u)
		return 0;
	u->now[HR_TIER_RAW].in_windows += windows;
	return w->store->ops->put_tally(w->store, HR_TIER_RAW, &u->now[HR_TIER_RAW]);
}

void hr_rollup_settle(struct hr_writer *w, bool durable)
{
	struct hr_rollup *u = w->rollup;

	if (!u)
		return;
	if (durable)
		memcpy(u->kept, u->now, sizeof(u->kept));
	else
		memcpy(u->now, u->kept, sizeof(u->now));
	u->has_late |= durable && u->late_in_group;
	u->late_in_group = false;
	for (unsigned i = 0; i < HR_ROLLUP_FRESH; i++) {
		u->fresh[i].kept += durable ? u->fresh[i].group : 0;
		u->fresh[i].group = 0;
	}
}

uint64_t hr_rollup_first_bin(const struct hr_writer *w, uint32_t host_no)
{
	const struct hr_tally *t = &w->rollup->now[HR_TIER_5MIN];

	return t->bin + (host_no < t->host_no);
}

uint64_t hr_rollup_upto_ms(const struct hr_writer *w, enum hr_tier tier)
{
	if (!w->rollup)
		return 0;
	return w->rollup->kept[tier].bin * (tier == HR_TIER_HOUR ? HR_HOUR_MS : HR_5MIN_MS);
}

/* --- adding up: one host, one bin --- */

static int add_window(void *arg, const struct hr_store_row *row)
{
	struct hr_rollup *u = arg;
	struct hr_writer *w = u->w;

	if (row->n <= u->after_n)
		return 0;
	if (row->damaged ||
		hr_wire_decode_summary(w->arena, row->body, row->len, w->summary) != HR_WIRE_OK)
		u->bad_windows += windows_of(row);
	else if (!hr_digest_add(&u->sum, row->boot_ord, windows_of(row), w->summary))
		u->no_memory = true;
	return 0;
}

static int add_tier(void *arg, const struct hr_tier_row *row)
{
	struct hr_rollup *u = arg;
	uint64_t windows = u->sum.windows;
	enum hr_digest_result r = HR_DIGEST_DAMAGED;

	if (!row->damaged)
		r = hr_digest_decode(&u->sum, row->body, row->len);
	u->no_memory |= r == HR_DIGEST_MEMORY;
	if (u->sum.windows - windows < row->windows) /* what could not be read is known by number */
		u->bad_windows += row->windows - (u->sum.windows - windows);
	return 0;
}

static void broken(struct hr_writer *w, const char *where, uint64_t is, uint64_t should)
{
	hr_count(w->count, HR_COUNT_NOT_CONSERVED, 1);
	hr_log(HR_LOG_ERR, "not_conserved",
		"where=%s is=%" PRIu64 " should=%" PRIu64
		": the stored history is wrong there; run headroom-collector --check-store",
		where, is, should);
}

/* The two tiers of sums; lean: each keeps what else the next one has. */
static enum hr_digest_detail detail_of(const struct hr_writer *w, enum hr_tier tier)
{
	static const enum hr_digest_detail details[] = {
		HR_DIGEST_SHARP, HR_DIGEST_BRIEF, HR_DIGEST_LEAN};

	return details[(tier == HR_TIER_HOUR ? 1 : 0) + (w->conf.brief ? 1 : 0)];
}

void hr_rollup_finish(struct hr_writer *w, struct hr_part *part)
{
	hr_part_finish(part, hr_rollup_over_bin(w), detail_of(w, HR_TIER_5MIN), &w->rollup->check);
}

/* Not 0: it is to be tried again later. */
static int encode_sum(struct hr_writer *w, enum hr_tier tier, size_t *ret_len)
{
	struct hr_rollup *u = w->rollup;

	*ret_len = hr_digest_encode(&u->sum, detail_of(w, tier), u->buf, HR_DIGEST_MAX);
	hr_digest_clear(&u->check);
	if (u->no_memory || hr_digest_decode(&u->check, u->buf, *ret_len) == HR_DIGEST_MEMORY)
		return HR_STORE_FULL;
	if (u->check.windows != u->sum.windows)
		broken(w, "windows", u->check.windows, u->sum.windows);
	if (u->check.samples != u->sum.samples)
		broken(w, "samples", u->check.samples, u->sum.samples);
	return 0;
}

/* Writes the sum, after reading back what is going to be written: now, or when it was done. */
static int put_sum(struct hr_writer *w, enum hr_tier tier, uint32_t host_no, uint64_t bin)
{
	struct hr_rollup *u = w->rollup;
	size_t len = u->done_len;
	int r = len > 0 ? 0 : encode_sum(w, tier, &len);

	return r ? r
		 : w->store->ops->put_tier(w->store, tier,
			   &(struct hr_tier_row){.host_no = host_no,
				   .bin = bin,
				   .windows = u->sum.windows,
				   .samples = u->sum.samples,
				   .body = u->buf,
				   .len = len});
}

static void start_sum(struct hr_rollup *u)
{
	hr_digest_clear(&u->sum);
	u->after_n = 0;
	u->bad_windows = 0;
	u->done_len = 0;
	u->no_memory = false;
}

struct started {
	struct hr_rollup *u;
	uint64_t bin;
	uint64_t lo, hi; /* slots of it in which windows wait; hi 0: none */
	bool has_sum;
};

/* As it lies there when nothing is added to it, which is as good as always. */
static void take_sum(struct started *t, const struct hr_part_found *f)
{
	struct hr_rollup *u = t->u;
	enum hr_digest_result r;

	if (f->is_done && t->hi == 0) {
		memcpy(u->buf, f->bytes, f->len);
		u->done_len = f->len;
		u->sum.windows = f->windows;
		u->sum.samples = f->samples;
		return;
	}
	r = hr_digest_decode(&u->sum, f->bytes, f->len);
	t->has_sum = r == HR_DIGEST_OK;
	u->no_memory = r == HR_DIGEST_MEMORY;
}

static int take_part(void *arg, const struct hr_store_state *s)
{
	struct started *t = arg;
	struct hr_part_found f;

	t->has_sum = hr_part_find(s->bytes, s->len, t->bin, &f) == HR_PART_OK;
	if (t->has_sum && f.bytes)
		take_sum(t, &f);
	t->u->after_n = t->has_sum ? s->upto : 0;
	return 0;
}

/* Once, for a damaged row is told with any slot of its bin. */
static void find_waiting(struct started *t, const struct hr_cold *c)
{
	uint64_t first = t->bin * HR_TIER_5MIN_SLOTS, last = first + HR_TIER_5MIN_SLOTS - 1;

	t->lo = last;
	for (unsigned i = 0; i < c->n_slots; i++)
		if (c->slots[i].lo <= last && c->slots[i].hi >= first) {
			t->lo = c->slots[i].lo < t->lo ? c->slots[i].lo : t->lo;
			t->hi = c->slots[i].hi;
		}
	t->lo = t->lo > first ? t->lo : first;
	t->hi = t->hi < last ? t->hi : last;
}

/*
 * The windows of a bin.  Of a host that had its turn since they came the saved state has their sum,
 * and what came after that turn waits in slots that are known.
 */
static int add_bin(struct hr_rollup *u, const struct hr_host *host, uint64_t bin)
{
	const struct hr_store_ops *ops = u->w->store->ops;
	uint64_t first = bin * HR_TIER_5MIN_SLOTS;
	struct started t = {.u = u, .bin = bin};
	int r = 0;

	if (host->cold.is && !u->w->scan_n) {
		find_waiting(&t, &host->cold);
		r = ops->state(u->w->store, host->no, take_part, &t);
	}
	if (r != 0 || u->no_memory)
		return r;
	if (!t.has_sum) {
		hr_digest_clear(&u->sum);
		return ops->range(u->w->store, host->no, first, first + HR_TIER_5MIN_SLOTS - 1,
			add_window, u);
	}
	return t.hi == 0 ? 0 : ops->range(u->w->store, host->no, t.lo, t.hi, add_window, u);
}

static int roll_host(
	struct hr_writer *w, enum hr_tier tier, const struct hr_host *host, uint64_t bin)
{
	const struct hr_store_ops *ops = w->store->ops;
	struct hr_rollup *u = w->rollup;
	struct hr_tally *t = &u->now[tier];
	int r;

	start_sum(u);
	if (tier == HR_TIER_5MIN)
		r = add_bin(u, host, bin);
	else
		r = ops->tier(w->store,
			&(struct hr_tier_span){HR_TIER_5MIN, host->no, bin * HR_TIER_HOUR_BINS,
				(bin + 1) * HR_TIER_HOUR_BINS - 1},
			add_tier, u);
	if (r == 0 && (u->sum.windows > 0 || u->no_memory))
		r = put_sum(w, tier, host->no, bin);
	if (r != 0)
		return r;
	t->in_windows += u->sum.windows;
	t->in_samples += u->sum.samples;
	t->bad_windows += u->bad_windows;
	u->bin_windows += u->sum.windows + u->bad_windows;
	return 0;
}

/*
 * Windows of a bin that is rolled up are kept as one row from when no journal needs them: of a
 * model that is saved it does not.  Sums and progress are those of tier RAW.
 */
static int pack_host(struct hr_writer *w, const struct hr_host *host, uint64_t bin)
{
	struct hr_rollup *u = w->rollup;
	uint64_t below_n = host->unsaved_n ? host->unsaved_n : UINT64_MAX;
	bool waits;
	int r = w->store->ops->pack(w->store, host->no, bin, below_n, &waits);

	if (r == 0 && waits &&
		(bin + PACK_WAIT_BINS >= u->now[HR_TIER_5MIN].bin || u->waited_bin != bin)) {
		u->pack_at_ms = hr_clock_wall_ms() + PACK_LOOK_MS;
		u->waited_bin = bin;
	}
	return r;
}

static bool is_packing_due(const struct hr_writer *w)
{
	const struct hr_rollup *u = w->rollup;

	return w->store->ops->pack && !w->scan_n && hr_clock_wall_ms() >= u->pack_at_ms &&
	       u->now[HR_TIER_RAW].bin < u->now[HR_TIER_5MIN].bin;
}

/* --- a slice of a tier --- */

static uint32_t first_host(const struct hr_writer *w, uint32_t host_no)
{
	uint32_t lo = 0, hi = w->hosts.n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->hosts.by_no[mid]->no < host_no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* All of a bin is rolled up: as much as came for it, when this process has seen it all come. */
static void end_bin(struct hr_writer *w, enum hr_tier tier)
{
	struct hr_rollup *u = w->rollup;
	struct hr_tally *t = &u->now[tier];
	uint64_t bin = t->bin;

	if (tier == HR_TIER_5MIN && u->fresh[bin % HR_ROLLUP_FRESH].bin == bin &&
		bin > u->start_bin + 2 && u->fresh[bin % HR_ROLLUP_FRESH].kept != u->bin_windows)
		broken(w, "bin", u->bin_windows, u->fresh[bin % HR_ROLLUP_FRESH].kept);
	t->bin++;
	t->host_no = 0;
	u->bin_windows = 0;
}

/* Bins without a row are jumped over.  False: no bin before @closed has one. */
static int find_bin(struct hr_writer *w, enum hr_tier tier, uint64_t closed)
{
	struct hr_tally *t = &w->rollup->now[tier];
	uint64_t per = tier == HR_TIER_HOUR ? HR_TIER_HOUR_BINS : HR_TIER_5MIN_SLOTS, slot;
	enum hr_tier from = tier == HR_TIER_HOUR ? HR_TIER_5MIN : HR_TIER_RAW;
	int r = w->store->ops->next_slot(w->store, from, t->bin * per, &slot);

	if (r == 0)
		t->bin = slot == UINT64_MAX || slot / per > closed ? closed : slot / per;
	return r;
}

static int roll_some(struct hr_writer *w, enum hr_tier tier, uint64_t closed)
{
	uint64_t slice = w->conf.roll_slice_ns ? w->conf.roll_slice_ns : SLICE_NS;
	uint64_t end = hr_clock_mono_ns() + slice;
	struct hr_tally *t = &w->rollup->now[tier];
	int r = 0;

	while (r == 0 && t->bin < closed && hr_clock_mono_ns() < end) {
		uint32_t i;

		if (t->host_no == 0)
			r = find_bin(w, tier, closed);
		if (r != 0 || t->bin >= closed)
			break;
		for (i = first_host(w, t->host_no); i < w->hosts.n && r == 0; i++) {
			if (hr_clock_mono_ns() >= end)
				break;
			r = tier == HR_TIER_RAW ? pack_host(w, w->hosts.by_no[i], t->bin)
						: roll_host(w, tier, w->hosts.by_no[i], t->bin);
			if (tier == HR_TIER_RAW && !is_packing_due(w))
				return r ? r : w->store->ops->put_tally(w->store, tier, t);
			t->host_no = w->hosts.by_no[i]->no + 1;
		}
		if (r == 0 && i >= w->hosts.n)
			end_bin(w, tier);
	}
	return r ? r : w->store->ops->put_tally(w->store, tier, t);
}

/* --- late windows --- */

struct late {
	struct hr_rollup *u;
	uint32_t n;
	uint64_t last_n;
	int result;
};

static int fold_late(struct hr_rollup *u, enum hr_tier tier, const struct hr_store_row *row)
{
	struct hr_writer *w = u->w;
	uint64_t bin = row->slot / HR_TIER_5MIN_SLOTS, windows, samples;
	struct hr_tally *t = &u->now[tier];
	int r;

	bin /= tier == HR_TIER_HOUR ? HR_TIER_HOUR_BINS : 1;
	if (!is_rolled(t, bin, row->host_no))
		return 0; /* comes with its hour */
	start_sum(u);
	r = w->store->ops->tier(
		w->store, &(struct hr_tier_span){tier, row->host_no, bin, bin}, add_tier, u);
	t->out_windows += u->bad_windows; /* of a damaged sum, which is replaced */
	u->bad_windows = 0;
	windows = u->sum.windows;
	samples = u->sum.samples;
	(void)add_window(u, row);
	if (r == 0 && u->no_memory)
		return HR_STORE_FULL; /* it stays among the late ones */
	if (tier == HR_TIER_5MIN)     /* what it lacks, hours cannot have */
		t->bad_windows += u->bad_windows;
	if (r == 0 && u->sum.windows > windows)
		r = put_sum(w, tier, row->host_no, bin);
	t->in_windows += u->sum.windows - windows;
	t->in_samples += u->sum.samples - samples;
	return r;
}

static int each_late(void *arg, const struct hr_store_row *row)
{
	struct late *l = arg;

	l->n++;
	l->last_n = row->n;
	if (row->boot_ord != 0) /* 0: it is gone with its host */
		l->result = fold_late(l->u, HR_TIER_5MIN, row);
	if (row->boot_ord != 0 && l->result == 0)
		l->result = fold_late(l->u, HR_TIER_HOUR, row);
	return l->result;
}

static int roll_late(struct hr_writer *w)
{
	const struct hr_store_ops *ops = w->store->ops;
	struct hr_rollup *u = w->rollup;
	struct late l = {.u = u};
	int r = ops->late(w->store, LATE_MAX, each_late, &l);

	if (r == 0 && l.n > 0)
		r = ops->drop_late(w->store, l.last_n);
	for (enum hr_tier t = HR_TIER_5MIN; t < HR_TIER_N && r == 0 && l.n > 0; t++)
		r = ops->put_tally(w->store, t, &u->now[t]);
	if (r == 0)
		u->has_late = l.n >= LATE_MAX;
	return r;
}

/* --- the interface --- */

/* From the end of a bin until its last window should have come. */
static uint64_t late_ms(const struct hr_writer *w)
{
	uint64_t period = hr_hosts_period_ms(w->hosts.n, hr_ns_to_ms(w->conf.period_ns));

	return GRACE_MS + (period > POSTS_MS ? period : POSTS_MS);
}

uint64_t hr_rollup_over_bin(const struct hr_writer *w)
{
	return (hr_clock_wall_ms() - late_ms(w)) / HR_5MIN_MS;
}

/* Not before the turn that decodes a window anyhow (part.h), which is then the only time. */
static uint64_t grace_ms(const struct hr_writer *w)
{
	uint64_t turn = hr_turn_longest_ns(w);

	return turn ? late_ms(w) + hr_ns_to_ms(turn) : late_ms(w);
}

bool hr_rollup_step(struct hr_writer *w)
{
	struct hr_rollup *u = w->rollup;
	uint64_t closed, hours, t = hr_clock_mono_ns();
	enum hr_step step = HR_STEP_ROLL_UP;
	int r;

	if (!u)
		return false;
	closed = (hr_clock_wall_ms() - grace_ms(w)) / HR_5MIN_MS;
	hours = u->now[HR_TIER_5MIN].bin / HR_TIER_HOUR_BINS;
	if (!u->has_late && u->now[HR_TIER_5MIN].bin >= closed &&
		u->now[HR_TIER_HOUR].bin >= hours && !is_packing_due(w))
		return false;
	r = hr_peers_begin_alone(w);
	if (u->has_late)
		step = HR_STEP_LATE;
	else if (u->now[HR_TIER_5MIN].bin >= closed && u->now[HR_TIER_HOUR].bin >= hours)
		step = HR_STEP_PACK;
	if (r == 0 && u->has_late)
		r = roll_late(w);
	else if (r == 0 && u->now[HR_TIER_5MIN].bin < closed)
		r = roll_some(w, HR_TIER_5MIN, closed);
	else if (r == 0 && u->now[HR_TIER_HOUR].bin < hours)
		r = roll_some(w, HR_TIER_HOUR, hours);
	else if (r == 0)
		r = roll_some(w, HR_TIER_RAW, u->now[HR_TIER_5MIN].bin);
	if (r == 0)
		r = w->store->ops->commit(w->store);
	if (r != 0) {
		w->store->ops->rollback(w->store);
		u->has_late = true;
	}
	hr_rollup_settle(w, r == 0);
	if (r != 0) {
		u->bin_windows = 0;
		u->start_bin =
			hr_clock_wall_ms() / HR_5MIN_MS; /* a bin begun twice is not counted */
		hr_writer_failed(w, r, "rolling up");
		return false;
	}
	hr_writer_stall(w, step, t);
	return true;
}
