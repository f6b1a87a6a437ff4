// SPDX-License-Identifier: Apache-2.0
/*
 * What the simulation puts in the place of clock, identity, randomness, log and
 * libcurl: the same functions, linked before the libraries that hold the real ones.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/ship.h"
#include "agent/core/journal.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "tests/failure/sim.h"

uint64_t hr_clock_mono_ns(void)
{
	return sim.now_ns + 1000000000; /* a machine is never at 0 */
}

uint64_t hr_clock_boot_ns(void)
{
	return sim.self ? sim.now_ns - sim.self->boot_ns : sim.now_ns;
}

uint64_t hr_clock_wall_ms(void)
{
	return (uint64_t)((int64_t)(SIM_EPOCH_MS + sim.now_ns / 1000000) + sim.skew_ms);
}

uint64_t hr_clock_cpu_us(void)
{
	return 0;
}

int hr_identity_read(const char *root, struct hr_identity *ret)
{
	const struct sim_agent *a = sim.self;

	(void)root;
	*ret = (struct hr_identity){.boot = a->boot[a->n_boots - 1].boot};
	memcpy(ret->host, a->id, sizeof(ret->host));
	snprintf(ret->name, sizeof(ret->name), "sim-%u", a->no);
	return 0;
}

void hr_host_id_print(const uint8_t id[HR_HOST_ID_LEN], char out[2 * HR_HOST_ID_LEN + 1])
{
	for (size_t i = 0; i < HR_HOST_ID_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

/* libc's: the courier seeds its jitter from it. */
ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)buf)[i] = (unsigned char)hr_rand_u64(&sim.rnd);
	return (ssize_t)len;
}

void hr_log(enum hr_log_prio prio, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (!sim.verbose)
		return;
	printf("%10.3f %c%02u <%d>%s ", (double)sim.now_ns / 1e9, sim.self ? 'a' : 'c',
		sim.self ? sim.self->no : 0, (int)prio, event);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

struct hr_ship {
	struct sim_agent *a;
	bool busy, ended;
	uint64_t conn, seq;
	struct hr_ship_result r;
};

static uint64_t last_conn;

int hr_ship_open(struct hr_ship **ret_ship, const struct hr_ship_opts *opts, char err[512])
{
	struct hr_ship *s = calloc(1, sizeof(*s));

	(void)opts;
	(void)err;
	if (!s)
		return -1;
	s->a = sim.self;
	*ret_ship = s;
	return 0;
}

void hr_ship_close(struct hr_ship *s)
{
	if (s)
		s->a->ship = NULL;
	free(s);
}

bool hr_ship_loopback(const struct hr_ship *s)
{
	(void)s;
	return false;
}

bool hr_ship_busy(const struct hr_ship *s)
{
	return s->busy;
}

const char *hr_ship_outcome_name(enum hr_ship_outcome o)
{
	static const char *const name[] = {
		"none", "durable", "unknown", "not-taken", "refused", "denied", "clash"};

	return name[o];
}

unsigned hr_ship_wait(struct hr_ship *s, const int *fd, unsigned n, int timeout_ms)
{
	(void)s;
	(void)fd;
	(void)n;
	(void)timeout_ms;
	return 0;
}

bool hr_ship_take_result(struct hr_ship *s, struct hr_ship_result *ret)
{
	if (!s->ended)
		return false;
	s->ended = false;
	*ret = s->r;
	return true;
}

static void deliver(
	const struct hr_ship *s, const void *body, size_t len, uint64_t delay_ns, bool copied)
{
	struct sim_event e = {.kind = SIM_ARRIVE,
		.agent = s->a->no,
		.conn = s->conn,
		.body = malloc(len),
		.len = len,
		.sent_ms = hr_clock_wall_ms(),
		.copied = copied};

	if (!e.body)
		abort();
	memcpy(e.body, body, len);
	sim_schedule(sim.now_ns + delay_ns, e);
}

int hr_ship_post(struct hr_ship *s, const void *body, size_t len, uint64_t seq)
{
	const struct sim_weather *w = &sim.weather;
	bool cut = sim.now_ns < s->a->cut_ns, copied;

	s->busy = true;
	s->ended = false;
	s->seq = seq;
	s->conn = ++last_conn;
	sim.total.events++;
	sim_schedule(sim.now_ns + SIM_TIMEOUT_NS,
		(struct sim_event){.kind = SIM_TIMEOUT, .agent = s->a->no, .conn = s->conn});
	if (cut || sim_hits(w->request_lost)) {
		sim.total.events++;
		return 0;
	}
	if (sim_hits(w->proxy_413)) {
		sim_reply(s->a->no, s->conn, &(struct sim_answer){.status = 413});
		return 0;
	}
	if (w->proxy_poison && !sim.healed && hr_journal_crc(body, len) % 16 == 0) {
		/* these very bytes never, though half of them were passed on */
		if (hr_journal_crc(body, len) % 32 == 0)
			deliver(s, body, len, sim_between(100000, 80000000), true);
		sim_reply(s->a->no, s->conn, &(struct sim_answer){.status = 502});
		return 0;
	}
	copied = sim_hits(w->duplicated);
	deliver(s, body, len,
		sim_hits(w->late) ? sim_between(1000000000, 4 * SIM_TIMEOUT_NS)
				  : sim_between(100000, 80000000),
		copied);
	if (copied) {
		sim.total.events++;
		deliver(s, body, len, sim_between(100000, 4 * SIM_TIMEOUT_NS), true);
	}
	return 0;
}

/* As ship.c judges a status. */
static enum hr_ship_outcome outcome_of(
	const struct hr_ship *s, const struct sim_answer *a, struct hr_ack *ret_ack)
{
	switch (a->status) {
	case 0:
	case 429:
	case 503:
		return HR_SHIP_NOT_TAKEN;
	case 204:
		return hr_ack_parse(a->ack, strlen(a->ack), ret_ack) && ret_ack->seq == s->seq
			       ? HR_SHIP_DURABLE
			       : HR_SHIP_UNKNOWN;
	case 400:
	case 413:
	case 415:
		return HR_SHIP_REFUSED;
	case 401:
	case 403:
		return HR_SHIP_DENIED;
	case 409:
		return HR_SHIP_CLASH;
	default:
		return HR_SHIP_UNKNOWN;
	}
}

void sim_ship_result(struct hr_ship *s, uint64_t conn, const struct sim_answer *a)
{
	if (!s || !s->busy || s->conn != conn)
		return; /* given up before it came */
	s->busy = false;
	s->ended = true;
	s->r = (struct hr_ship_result){
		.status = (long)a->status, .retry_after_ns = a->retry_after_s * 1000000000ULL};
	s->r.outcome = outcome_of(s, a, &s->r.ack);
	s->r.certain = a->ours || a->status == 0;
}

void sim_ship_timeout(struct hr_ship *s, uint64_t conn)
{
	if (!s || !s->busy || s->conn != conn)
		return;
	s->busy = false;
	s->ended = true;
	s->r = (struct hr_ship_result){.outcome = HR_SHIP_UNKNOWN};
}
