/* SPDX-License-Identifier: Apache-2.0 */
/* What to send, when, and what the answer means; see courier.h. */
#include "agent/courier.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/core/backoff.h"
#include "agent/core/detour.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "proto/wire.h"

/* Until a collector says otherwise: half of what a POST can hold. */
#define BACKLOG_DEFAULT 32
/* A wrong token or a cloned identity does not mend itself (ecosystem.md 10.2). */
#define DENIED_PAUSE_NS (300 * HR_NS_PER_S)
/* A collector on this machine has no herd to fear, and its operator is watching. */
#define LOOPBACK_PAUSE_NS (10 * HR_NS_PER_S)
/* Facts go with the first POST, after a change, and hourly (facts.h). */
#define FACTS_AGAIN_NS (3600 * HR_NS_PER_S)
#define TEND_NS        (60 * HR_NS_PER_S)
#define FACTS_ROOM     8192
#define WINDOW_ROOM    (HR_SPOOL_RECORD_MAX - 64)

struct hr_courier {
	struct hr_spool *spool;
	struct hr_ship *ship;
	struct hr_backoff backoff;
	uint8_t host[HR_HOST_ID_LEN];

	uint64_t next_ns; /* no POST before */
	uint64_t tend_ns;
	uint32_t backlog; /* granted per POST */
	bool old_turn;    /* the next POST serves another boot or epoch */
	bool is_old;      /* the one under way does */

	/* the POST under way, or without an answer; body_len 0: none */
	struct hr_outbox_batch batch;
	size_t body_len;
	bool with_facts;
	bool uncertain;                 /* a try of these very bytes may be stored */
	bool held[HR_JOURNAL_LIST_MAX]; /* windows that an earlier POST may have stored */
	uint32_t posted_crc;            /* of the facts in it */

	/* windows of a refused POST, to be sent one by one */
	struct hr_outbox_batch single;
	uint32_t single_at;

	struct hr_outbox_batch clashed; /* of the newest boot, in its turn again; n 0: none */

	/* windows aside */
	struct hr_detour detour;
	uint32_t probe_at;

	struct hr_facts facts; /* as last spooled */
	bool has_facts;
	uint64_t acked_boot;             /* facts the collector holds: of this boot and epoch, */
	uint32_t acked_epoch, acked_crc; /* these bytes */
	uint64_t acked_ns;               /* 0: none */

	struct hr_courier_status status;
	bool spool_told, unread_told;
	unsigned char facts_buf[FACTS_ROOM];
	unsigned char window_buf[WINDOW_ROOM];
	unsigned char body[HR_BODY_MAX];
};

/* The spool's troubles are worth one line when they begin and one when they end. */
static void tell_spool(struct hr_courier *c)
{
	const char *what = hr_spool_trouble(c->spool);

	if (what[0] && !c->spool_told)
		hr_log(HR_LOG_WARNING, "spool-in-memory", "what=\"%s\"", what);
	if (!what[0] && c->spool_told)
		hr_log(HR_LOG_NOTICE, "spool-on-disk", "windows=%u", hr_spool_outbox(c->spool)->n);
	c->spool_told = what[0] != '\0';
	if (hr_spool_unread(c->spool) != c->unread_told)
		hr_log(HR_LOG_WARNING, c->unread_told ? "spool-read" : "spool-unread", "%s",
			c->unread_told ? "what=\"the windows of the file set aside wait with the "
					 "others\""
				       : "what=\"the spool as it was found cannot be read; it is "
					 "kept, as spool.unread when it can be renamed, and read "
					 "as soon as that works\"");
	c->unread_told = hr_spool_unread(c->spool);
}

static int open_spool(
	struct hr_courier *c, const char *state, uint64_t bytes, uint64_t boot, char err[512])
{
	char dir[PATH_MAX] = "";
	int r;

	if (state[0] && (size_t)snprintf(dir, sizeof dir, "%s/spool", state) >= sizeof dir)
		return -ENAMETOOLONG;
	r = hr_spool_open(&c->spool, dir, bytes, boot);
	if (r == -EBUSY)
		(void)snprintf(err, 512,
			"%.200s is in use by another headroom-agent; stop it, or give this one "
			"its own state directory",
			dir);
	else if (r < 0)
		(void)snprintf(err, 512, "cannot open the spool: %s", strerror(-r));
	if (r == 0 && hr_spool_damaged(c->spool))
		hr_log(HR_LOG_WARNING, "spool-damaged",
			"kept=%u todo=\"the file is set aside as spool.damaged\"",
			hr_spool_outbox(c->spool)->n);
	return r;
}

int hr_courier_start(struct hr_courier **ret_courier, struct hr_ship *ship, const char *state,
	uint64_t spool_bytes, char err[512])
{
	struct hr_courier *c = calloc(1, sizeof *c);
	uint64_t now = hr_clock_mono_ns(), seed = now;
	struct hr_identity id;
	int r;

	(void)snprintf(err, 512, "out of memory");
	if (!c) {
		hr_ship_close(ship);
		return -ENOMEM;
	}
	c->ship = ship;
	r = hr_identity_read("", &id);
	if (r < 0)
		(void)snprintf(err, 512,
			"this machine has no identity: neither /etc/machine-id nor a DMI product "
			"uuid (%s); run systemd-machine-id-setup",
			strerror(-r));
	else
		r = open_spool(c, state, spool_bytes, id.boot, err);
	if (r < 0) {
		hr_courier_close(c);
		return r;
	}
	memcpy(c->host, id.host, sizeof c->host);
	c->backlog = BACKLOG_DEFAULT;
	(void)getrandom(&seed, sizeof seed, GRND_NONBLOCK); /* jitter only: the time will do, too */
	hr_backoff_init(&c->backoff, seed);
	c->next_ns = now + hr_backoff_next_phase(&c->backoff, hr_clock_wall_ms() * HR_NS_PER_MS,
				   hr_ship_loopback(ship));
	c->tend_ns = now + TEND_NS;
	tell_spool(c);
	*ret_courier = c;
	return 0;
}

void hr_courier_first_free(const struct hr_courier *c, uint64_t *ret_seq, uint32_t *ret_epoch)
{
	const struct hr_outbox *box = hr_spool_outbox(c->spool);

	*ret_seq = box->seq_last > 0 ? box->seq_last + 1 : 0;
	*ret_epoch = box->epoch + 1;
}

void hr_courier_close(struct hr_courier *c)
{
	if (!c)
		return;
	hr_ship_close(c->ship);
	hr_spool_close(c->spool);
	free(c);
}

struct hr_ship *hr_courier_ship(const struct hr_courier *c)
{
	return c->ship;
}

void hr_courier_set_ship(struct hr_courier *c, struct hr_ship *ship)
{
	c->uncertain = c->uncertain || hr_ship_busy(c->ship);
	hr_ship_close(c->ship);
	c->ship = ship;
	c->acked_ns = 0;         /* another collector may know nothing of us */
	hr_spool_back(c->spool); /* and other things lie on the way to it */
	c->detour = (struct hr_detour){0};
	c->next_ns = hr_clock_mono_ns();
}

bool hr_courier_busy(const struct hr_courier *c)
{
	return hr_ship_busy(c->ship);
}

void hr_courier_facts(struct hr_courier *c, const struct hr_facts *facts)
{
	size_t n;

	/* padding may differ: then they are sent once more */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (c->has_facts && memcmp(&c->facts, facts, sizeof *facts) == 0)
		return;
	n = hr_wire_encode_facts(facts, c->facts_buf, sizeof c->facts_buf);
	if (n == 0 || hr_spool_add_facts(c->spool, facts->epoch, c->facts_buf, n) < 0) {
		hr_log(HR_LOG_ERR, "facts-not-spooled", "bytes=%zu", n);
		return;
	}
	memcpy(&c->facts, facts, sizeof c->facts); /* padding too: it is compared by memcmp */
	c->has_facts = true;
}

void hr_courier_window(struct hr_courier *c, const struct hr_summary *s)
{
	const struct hr_journal_span span = {s->seq_first, s->seq_last};
	size_t n = hr_wire_encode_window(s, c->window_buf, sizeof c->window_buf);
	int r = -EMSGSIZE;

	if (n > 0)
		r = hr_spool_add(c->spool, s->epoch, span, s->t_end_ms, c->window_buf, n);
	if (r < 0)
		hr_log(HR_LOG_ERR, "window-lost", "seq=%llu reason=\"%s\"",
			(unsigned long long)s->seq_last, strerror(-r));
	tell_spool(c);
}

/* Puts the batch into c->body; false when a record cannot be read back (it is given up then). */
static bool pack(struct hr_courier *c, struct hr_outbox_batch *b)
{
	const struct hr_outbox_facts *f =
		hr_outbox_facts_of(hr_spool_outbox(c->spool), b->boot, b->epoch);
	struct hr_wire_builder w;
	uint64_t now = hr_clock_mono_ns();
	long facts_len = 0;
	uint32_t crc = 0, i;

	if (f)
		facts_len = hr_spool_read_facts(c->spool, f, c->facts_buf, sizeof c->facts_buf);
	if (facts_len > 0)
		crc = hr_journal_crc(c->facts_buf, (size_t)facts_len);
	c->posted_crc = crc;
	c->with_facts =
		facts_len > 0 &&
		(c->acked_ns == 0 || b->boot != c->acked_boot || b->epoch != c->acked_epoch ||
			crc != c->acked_crc || now - c->acked_ns > FACTS_AGAIN_NS);
	if (!hr_wire_batch_begin(&w, c->body, sizeof c->body, c->host, b->boot))
		return false;
	if (c->with_facts && !hr_wire_batch_facts(&w, c->facts_buf, (size_t)facts_len))
		return false;
	for (i = 0; i < b->n; i++) {
		long n = hr_spool_read(c->spool, b->at[i], c->window_buf, sizeof c->window_buf);

		if (n <= 0) {
			struct hr_outbox_batch bad = {
				.boot = b->boot, .n = 1, .span = {b->span[i]}};

			hr_log(HR_LOG_ERR, "spool-record-unreadable", "seq=%llu",
				(unsigned long long)b->span[i].seq_last);
			(void)hr_spool_mark(c->spool, HR_JOURNAL_LOST, &bad);
			return false;
		}
		if (!hr_wire_batch_add(&w, c->window_buf, (size_t)n))
			break;
	}
	b->n = i; /* what did not fit waits */
	c->body_len = i > 0 ? w.len : 0;
	return i > 0;
}

/* The next window of a refused POST that still waits, as a batch of its own. */
static bool pick_single(struct hr_courier *c, struct hr_outbox_batch *b)
{
	while (c->single_at < c->single.n)
		if (hr_outbox_find(hr_spool_outbox(c->spool), c->single.boot,
			    c->single.span[c->single_at++], b))
			return true;
	c->single.n = c->single_at = 0;
	return false;
}

/* Windows of that boot and epoch clashed. */
static bool is_clashed(const struct hr_courier *c, const struct hr_outbox_batch *b)
{
	return c->clashed.n > 0 && c->clashed.boot == b->boot && c->clashed.epoch == b->epoch;
}

static bool pick(struct hr_courier *c, struct hr_outbox_batch *b)
{
	const struct hr_outbox *box = hr_spool_outbox(c->spool);
	uint32_t n_aside = hr_outbox_n_aside(box);
	enum hr_detour_turn turn;
	bool old;

	if (hr_detour_closed(&c->detour))
		c->single.n = 0;
	if (pick_single(c, b)) {
		c->detour.probing = false;
		c->detour.unproven = 0;
		return true;
	}
	turn = hr_detour_next(&c->detour, hr_clock_mono_ns(), box->n > n_aside, n_aside);
	if (turn == HR_DETOUR_PROBE)
		return hr_outbox_probe(box, &c->probe_at, b);
	old = turn == HR_DETOUR_QUEUE && c->old_turn && hr_outbox_has_old(box);
	c->is_old = old;
	c->old_turn = !old;
	if (!hr_outbox_pick(box, turn == HR_DETOUR_NEWEST ? 0 : c->backlog, old,
		    HR_BODY_MAX - FACTS_ROOM - 1024, b))
		return false;
	if (old || !is_clashed(c, b) || hr_outbox_again(box, &c->clashed, b))
		return true;
	c->clashed.n = 0; /* dropped for room: what is there now is next */
	return false;
}

static void start_post(struct hr_courier *c)
{
	const struct hr_outbox *box = hr_spool_outbox(c->spool);
	struct hr_outbox_batch *b = &c->batch;

	if (c->body_len == 0) {
		if (!pick(c, b) || !pack(c, b))
			return;
		c->uncertain = false;
		for (uint32_t i = 0; i < b->n; i++) {
			const struct hr_outbox_item *it = &box->item[b->at[i]];

			c->held[i] = it->held;
			c->uncertain = c->uncertain || it->frozen; /* of an agent before this one */
		}
		/* on disk before the first byte: a killed agent must not merge what may be stored
		 */
		if (hr_spool_mark(c->spool, HR_JOURNAL_FROZEN, b) < 0) {
			c->body_len = 0;
			return;
		}
	}
	if (hr_ship_post(c->ship, c->body, c->body_len, b->span[b->n - 1].seq_last) < 0)
		c->next_ns = hr_clock_mono_ns() + HR_NS_PER_S;
}

static void back_off(struct hr_courier *c, uint64_t retry_after_ns)
{
	uint64_t wall_ns = hr_clock_wall_ms() * HR_NS_PER_MS;
	uint64_t pause = hr_backoff_failure(&c->backoff, wall_ns, retry_after_ns);

	if (hr_ship_loopback(c->ship) && pause > LOOPBACK_PAUSE_NS &&
		retry_after_ns <= LOOPBACK_PAUSE_NS)
		pause = LOOPBACK_PAUSE_NS;
	c->next_ns = hr_clock_mono_ns() + pause;
}

static void on_durable(struct hr_courier *c, const struct hr_ship_result *r)
{
	uint64_t now = hr_clock_mono_ns(), wall_ns = hr_clock_wall_ms() * HR_NS_PER_MS;

	(void)hr_spool_mark(c->spool, HR_JOURNAL_ACKED, &c->batch);
	for (uint32_t i = 0; i < c->batch.n; i++)
		c->status.durable += c->batch.span[i].seq_last - c->batch.span[i].seq_first + 1;
	if (c->with_facts) {
		c->acked_boot = c->batch.boot;
		c->acked_epoch = c->batch.epoch;
		c->acked_crc = c->posted_crc;
		c->acked_ns = now;
	}
	c->body_len = 0;
	if (is_clashed(c, &c->batch))
		c->clashed.n = 0;
	if (hr_detour_taken(&c->detour, now, hr_outbox_n_aside(hr_spool_outbox(c->spool)))) {
		hr_spool_back(c->spool);
		hr_log(HR_LOG_NOTICE, "windows-taken-again", "waiting=%u",
			hr_spool_outbox(c->spool)->n);
	}
	hr_backoff_success(&c->backoff);
	if (r->ack.period_ms > 0)
		hr_backoff_told(&c->backoff, r->ack.phase_ms * HR_NS_PER_MS,
			r->ack.period_ms * HR_NS_PER_MS);
	if (r->ack.has_backlog)
		c->backlog = r->ack.backlog;
	c->next_ns = now + hr_backoff_next_phase(&c->backoff, wall_ns, hr_ship_loopback(c->ship));
}

/*
 * The POST was not taken, so its windows wait again.  Those that an earlier try may
 * have stored are never merged: a merged window that overlaps a stored one in part
 * would be refused, and lost.  Only those: one held window among them must not hold all that ever
 * travelled with it, or a day no longer fits.
 */
static void put_back(struct hr_courier *c, const struct hr_ship_result *r)
{
	struct hr_outbox_batch held = {.boot = c->batch.boot}, thawed = held;

	for (uint32_t i = 0; i < c->batch.n; i++) {
		bool hold = c->uncertain || !r->certain || c->held[i];
		struct hr_outbox_batch *to = hold ? &held : &thawed;

		to->span[to->n++] = c->batch.span[i];
	}
	if (held.n > 0)
		(void)hr_spool_mark(c->spool, HR_JOURNAL_HELD, &held);
	if (thawed.n > 0)
		(void)hr_spool_mark(c->spool, HR_JOURNAL_THAWED, &thawed);
	c->body_len = 0;
}

/* The windows of this POST let others pass.  @refused: see detour.h. */
static void step_aside(struct hr_courier *c, const struct hr_ship_result *r, bool refused)
{
	const struct hr_outbox *box = hr_spool_outbox(c->spool);

	put_back(c, r);
	if (hr_outbox_n_aside(box) == 0)
		hr_log(HR_LOG_WARNING, "windows-refused-on-the-way",
			"seq=%llu windows=%u status=%ld why=\"%s\" todo=\"not the collector's own "
			"words: see to what stands before it; kept, and tried again\"",
			(unsigned long long)c->batch.span[c->batch.n - 1].seq_last, c->batch.n,
			r->status, r->why);
	hr_spool_aside(c->spool, &c->batch);
	hr_detour_aside(&c->detour, hr_clock_mono_ns(), hr_outbox_n_aside(box), refused);
}

/*
 * 400, 413, 415, and 401, 403 or 409 in a proxy's words.  Of several windows each gets its own try.
 * One alone is lost only when the collector itself says so: it will never take it.  A proxy's
 * limit or mood can change, and the window is good.
 */
static void on_refused(struct hr_courier *c, const struct hr_ship_result *r)
{
	if (c->batch.n > 1) {
		put_back(c, r);
		c->single = c->batch;
		c->single_at = 0;
		return;
	}
	if (!r->certain) {
		step_aside(c, r, true);
		if (hr_detour_closed(&c->detour))
			c->next_ns = hr_clock_mono_ns() + HR_DETOUR_PROBE_NS;
		return;
	}
	c->body_len = 0;
	(void)hr_spool_mark(c->spool, HR_JOURNAL_LOST, &c->batch);
	c->status.refused += c->batch.span[0].seq_last - c->batch.span[0].seq_first + 1;
	hr_log(HR_LOG_ERR, "window-refused", "seq=%llu status=%ld why=\"%s\"",
		(unsigned long long)c->batch.span[0].seq_last, r->status, r->why);
}

/*
 * Refused now and not for good: the other machine falls silent, a clock is set, and a copy of this
 * POST that was made on the way may be stored then.  So the same comes again, and nothing else is
 * put in doubt.  It may be for one boot and not for the next: where others wait they take turns.
 */
static void on_clash(struct hr_courier *c, const struct hr_ship_result *r)
{
	c->uncertain = true;
	if (hr_outbox_has_old(hr_spool_outbox(c->spool))) {
		if (!c->is_old)
			c->clashed = c->batch;
		put_back(c, r);
	}
	c->next_ns = hr_clock_mono_ns() + DENIED_PAUSE_NS;
}

/*
 * Nobody knows whether it is stored: the same bytes again, after a pause.  A 404, a 5xx or silence
 * for these bytes alone would hold what is live for ever, so they do not come for ever.  The
 * collector's own 429 and 503 are no such thing: it says when it has room.
 */
static void on_unproven(struct hr_courier *c, const struct hr_ship_result *r)
{
	c->uncertain = true;
	if ((r->outcome == HR_SHIP_UNKNOWN || !r->certain) && hr_detour_unproven(&c->detour))
		step_aside(c, r, false);
	back_off(c, r->retry_after_ns);
}

static void log_change(struct hr_courier *c, const struct hr_ship_result *r)
{
	const unsigned waiting = hr_spool_outbox(c->spool)->n;

	if (c->status.last == r->outcome)
		return;
	switch (r->outcome) {
	case HR_SHIP_DURABLE:
		hr_log(HR_LOG_NOTICE, "collector-reached", "waiting=%u", waiting);
		break;
	case HR_SHIP_DENIED:
		if (!r->certain) /* said as windows-refused-on-the-way */
			break;
		hr_log(HR_LOG_ERR, "collector-denied",
			"why=\"%s\" todo=\"join it again (headroom-agent --join), or check "
			"token_file; retried every 5 min, windows wait\"",
			r->why);
		break;
	case HR_SHIP_CLASH:
		hr_log(HR_LOG_ERR, "collector-clash",
			"why=\"%s\" todo=\"another machine has this machine-id, or the clock is "
			"wrong; retried every 5 min\"",
			r->why);
		break;
	default:
		hr_log(HR_LOG_WARNING, "collector-unreached", "outcome=%s waiting=%u why=\"%s\"",
			hr_ship_outcome_name(r->outcome), waiting, r->why);
	}
	c->status.last = r->outcome;
}

static void take_result(struct hr_courier *c, const struct hr_ship_result *r)
{
	switch (r->outcome) {
	case HR_SHIP_DURABLE:
		on_durable(c, r);
		break;
	case HR_SHIP_REFUSED:
		on_refused(c, r);
		break;
	case HR_SHIP_CLASH:
		if (r->certain)
			on_clash(c, r);
		else
			on_refused(c, r);
		break;
	case HR_SHIP_DENIED:
		if (!r->certain) { /* not the token: what this body holds, or all of us */
			on_refused(c, r);
			break;
		}
		/* now and not for good: a copy of it made on the way may be stored as soon as the
		 * credential is known (again), so the same comes again, as after a clash */
		c->uncertain = true;
		c->next_ns = hr_clock_mono_ns() + DENIED_PAUSE_NS;
		break;
	case HR_SHIP_NOT_TAKEN:
		/* what is in doubt goes on as the same bytes: packed anew, each try would put more
		 * windows in doubt, and those cannot be merged */
		if (r->status == 0 && !c->uncertain) {
			put_back(c, r);
			back_off(c, r->retry_after_ns);
			break;
		}
		/* a copy made on the way may be stored yet: the same bytes are always right */
		__attribute__((fallthrough));
	default:
		on_unproven(c, r);
	}
	log_change(c, r);
	tell_spool(c);
}

void hr_courier_work(struct hr_courier *c)
{
	struct hr_ship_result r;
	uint64_t now;

	if (hr_ship_take_result(c->ship, &r))
		take_result(c, &r);
	now = hr_clock_mono_ns();
	if (!hr_ship_busy(c->ship) && now >= c->next_ns &&
		(c->body_len > 0 || hr_spool_outbox(c->spool)->n > 0))
		start_post(c);
	if (now >= c->tend_ns && !hr_ship_busy(c->ship)) {
		c->tend_ns = now + TEND_NS;
		hr_spool_tend(c->spool, hr_clock_wall_ms());
		tell_spool(c);
	}
}

void hr_courier_hurry(struct hr_courier *c)
{
	c->next_ns = 0;
	c->backlog = 0; /* the newest window only: seconds are left */
}

void hr_courier_end(struct hr_courier *c)
{
	struct hr_ship_result r;

	if (hr_ship_take_result(c->ship, &r))
		take_result(c, &r);
	hr_spool_sync(c->spool);
}

void hr_courier_status(const struct hr_courier *c, struct hr_courier_status *ret)
{
	const struct hr_outbox *box = hr_spool_outbox(c->spool);

	*ret = c->status;
	ret->waiting = box->n;
	ret->aside = hr_outbox_n_aside(box);
	ret->dropped = box->dropped;
}

const struct hr_outbox *hr_courier_outbox(const struct hr_courier *c)
{
	return hr_spool_outbox(c->spool);
}
