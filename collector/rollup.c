// SPDX-License-Identifier: Apache-2.0
/* See rollup.h.  Sums are changed in a copy and taken over when their transaction is durable. */
#include "collector/rollup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/digest.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define GRACE_MS 120000ULL          /* agents post each 10 to 60 s, and may be late by a retry */
#define SLICE_NS (8 * HR_NS_PER_MS) /* work in one transaction: it delays the next group */
#define LATE_MAX 32                 /* late windows in one transaction */
#define FRESH    16                 /* bins whose windows are counted as they come */

#define PACK_LOOK_MS   10000 /* a host whose state is not saved yet is looked at again */
#define PACK_WAIT_BINS 12    /* of older bins: once, and then passed by */

struct hr_rollup {
	struct hr_tally now[HR_TIER_N];  /* as of the open transaction */
	struct hr_tally kept[HR_TIER_N]; /* as stored */
	bool has_late, late_in_group;
	struct hr_digest sum, check;
	uint8_t *buf; /* [HR_DIGEST_MAX] */
	/* windows that came for a bin, against what its roll-up found */
	uint64_t start_bin;
	struct {
		uint64_t bin, kept, group;
	} fresh[FRESH];
	uint64_t bin_windows; /* of the bin that is being rolled up */
	uint64_t pack_at_ms;  /* not to be packed on before, */
	uint64_t waited_bin;  /* because of one in this bin */
	/* the host at work */
	struct hr_writer *w;
	uint64_t after_n; /* windows up to it are in the sum already */
	uint64_t bad_windows;
	bool no_memory;
};

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
	if (u->fresh[bin % FRESH].bin != bin) {
		u->fresh[bin % FRESH].bin = bin;
		u->fresh[bin % FRESH].kept = u->fresh[bin % FRESH].group = 0;
	}
	u->fresh[bin % FRESH].group += windows_of(row);
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
	for (unsigned i = 0; i < FRESH; i++) {
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

/* Writes the sum, after reading back what is going to be written. */
static int put_sum(struct hr_writer *w, enum hr_tier tier, uint32_t host_no, uint64_t bin)
{
	struct hr_rollup *u = w->rollup;
	/* the two tiers of sums; lean: each keeps what else the next one has */
	static const enum hr_digest_detail details[] = {
		HR_DIGEST_FINE, HR_DIGEST_BRIEF, HR_DIGEST_LEAN};
	enum hr_digest_detail detail =
		details[(tier == HR_TIER_HOUR ? 1 : 0) + (w->conf.brief ? 1 : 0)];
	size_t len = hr_digest_encode(&u->sum, detail, u->buf, HR_DIGEST_MAX);

	hr_digest_clear(&u->check);
	if (u->no_memory || hr_digest_decode(&u->check, u->buf, len) == HR_DIGEST_MEMORY)
		return HR_STORE_FULL; /* tried again later */
	if (u->check.windows != u->sum.windows)
		broken(w, "windows", u->check.windows, u->sum.windows);
	if (u->check.samples != u->sum.samples)
		broken(w, "samples", u->check.samples, u->sum.samples);
	return w->store->ops->put_tier(w->store, tier,
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
	u->no_memory = false;
}

struct started {
	struct hr_rollup *u;
	uint64_t bin;
	bool has_sum;
};

static int take_part(void *arg, const struct hr_store_state *s)
{
	struct started *t = arg;
	enum hr_part_result r = hr_part_sum_of(s->bytes, s->len, t->bin, &t->u->sum);

	t->has_sum = r == HR_PART_OK;
	t->u->no_memory = r == HR_PART_MEMORY;
	t->u->after_n = t->has_sum ? s->upto : 0;
	return 0;
}

/*
 * The windows of a bin.  Of a host that had its turn since they came the saved state has their sum,
 * and what came after that turn waits in slots that are known.
 */
static int add_bin(struct hr_rollup *u, const struct hr_host *host, uint64_t bin)
{
	const struct hr_store_ops *ops = u->w->store->ops;
	uint64_t first = bin * HR_TIER_5MIN_SLOTS, last = first + HR_TIER_5MIN_SLOTS - 1;
	struct started t = {.u = u, .bin = bin};
	const struct hr_cold *c = &host->cold;
	uint64_t lo = last, hi = 0;
	int r = 0;

	if (c->is && !u->w->scan_n)
		r = ops->state(u->w->store, host->no, take_part, &t);
	if (r != 0 || u->no_memory)
		return r;
	if (!t.has_sum) {
		hr_digest_clear(&u->sum);
		return ops->range(u->w->store, host->no, first, last, add_window, u);
	}
	/* once, for a damaged row is told with any slot of its bin */
	for (unsigned i = 0; i < c->n_slots; i++)
		if (c->slots[i].lo <= last && c->slots[i].hi >= first) {
			lo = c->slots[i].lo < lo ? c->slots[i].lo : lo;
			hi = c->slots[i].hi;
		}
	if (hi == 0)
		return 0;
	return ops->range(u->w->store, host->no, lo > first ? lo : first, hi < last ? hi : last,
		add_window, u);
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

	if (tier == HR_TIER_5MIN && u->fresh[bin % FRESH].bin == bin && bin > u->start_bin + 2 &&
		u->fresh[bin % FRESH].kept != u->bin_windows)
		broken(w, "bin", u->bin_windows, u->fresh[bin % FRESH].kept);
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

/* Not before the turn that decodes a window anyhow (part.h), which is then the only time. */
static uint64_t grace_ms(const struct hr_writer *w)
{
	uint64_t turn = hr_turn_longest_ns(w);

	return turn ? GRACE_MS + hr_ns_to_ms(turn) : GRACE_MS;
}

bool hr_rollup_step(struct hr_writer *w)
{
	struct hr_rollup *u = w->rollup;
	uint64_t closed, hours, t = hr_clock_mono_ns();
	int r;

	if (!u)
		return false;
	closed = (hr_clock_wall_ms() - grace_ms(w)) / HR_5MIN_MS;
	hours = u->now[HR_TIER_5MIN].bin / HR_TIER_HOUR_BINS;
	if (!u->has_late && u->now[HR_TIER_5MIN].bin >= closed &&
		u->now[HR_TIER_HOUR].bin >= hours && !is_packing_due(w))
		return false;
	r = hr_peers_begin_alone(w);
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
	hr_writer_stall(w, hr_clock_mono_ns() - t);
	return true;
}

static int expire_raw(struct hr_writer *w, uint64_t below_n, uint32_t max, uint32_t *ret_rows)
{
	uint64_t keep_from = (hr_clock_wall_ms() - w->conf.windows_ms) / HR_STORE_SLOT_MS, windows;
	struct hr_rollup *u = w->rollup;
	int r;

	if (u && keep_from > u->now[HR_TIER_5MIN].bin * HR_TIER_5MIN_SLOTS)
		keep_from = u->now[HR_TIER_5MIN].bin * HR_TIER_5MIN_SLOTS;
	if (u && u->has_late)
		return 0; /* soon done */
	r = w->store->ops->expire(w->store, keep_from, below_n, max, ret_rows, &windows);
	if (r != 0 || !u || *ret_rows == 0)
		return r;
	u->now[HR_TIER_RAW].out_windows += windows;
	return w->store->ops->put_tally(w->store, HR_TIER_RAW, &u->now[HR_TIER_RAW]);
}

static int expire_tier(
	struct hr_writer *w, enum hr_tier tier, uint64_t bin, uint32_t max, uint32_t *ret_rows)
{
	struct hr_tally out, *t = &w->rollup->now[tier];
	int r = w->store->ops->expire_tier(w->store, tier, bin, max, ret_rows, &out);

	if (r != 0 || *ret_rows == 0)
		return r;
	t->out_windows += out.out_windows;
	t->out_samples += out.out_samples;
	return w->store->ops->put_tally(w->store, tier, t);
}

int hr_rollup_expire(struct hr_writer *w, uint64_t below_n, uint32_t max, uint32_t *ret_rows)
{
	uint64_t now = hr_clock_wall_ms(), bin;
	struct hr_rollup *u = w->rollup;
	uint32_t rows = 0;
	int r = expire_raw(w, below_n, max, &rows);

	*ret_rows = rows;
	if (r != 0 || !u || rows >= max)
		return r;
	bin = (now - w->conf.five_min_ms) / HR_5MIN_MS;
	if (bin > u->now[HR_TIER_HOUR].bin * HR_TIER_HOUR_BINS)
		bin = u->now[HR_TIER_HOUR].bin * HR_TIER_HOUR_BINS;
	rows = 0;
	r = expire_tier(w, HR_TIER_5MIN, bin, max, &rows);
	*ret_rows = rows > *ret_rows ? rows : *ret_rows;
	if (r != 0 || rows >= max)
		return r;
	rows = 0;
	r = expire_tier(w, HR_TIER_HOUR, (now - w->conf.hours_ms) / HR_HOUR_MS, max, &rows);
	*ret_rows = rows > *ret_rows ? rows : *ret_rows;
	return r;
}
