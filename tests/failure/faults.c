// SPDX-License-Identifier: Apache-2.0
/*
 * A short life of a collector, again and again, each time with another of its calls failing, once
 * or from there on: every call of SQLite on its files, every allocation.  The real writer over the
 * real file, no thread.  What was acknowledged must be stored exactly once when the calls work
 * again; what was not must be taken when it is sent again; the file must stay the same file.
 * usage: faults [--step N] [--what 0..3] [--from N] [--upto N]
 * Allocations of our own files (what 3) are few: each of them is tried, whatever --step says.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/check_store.h"
#include "collector/core/vm_state.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/num.h"
#include "tests/failure/fault_file.h"
#include "tests/unit/hr_sample.h"

#define POSTS   11
#define WINDOWS 3 /* of a POST at most */

/* Who sends what in which round; a round is one group.  Hosts and boots by number. */
static const struct {
	uint8_t round, host, boot;
	uint8_t seq, n;
	bool facts;
} script[POSTS] = {
	{0, 1, 1, 0, 2, true}, {0, 2, 1, 0, 1, false}, {1, 1, 1, 2, 1, false},
	{1, 2, 1, 1, 3, false}, {2, 1, 2, 0, 1, true}, /* another boot */
	{2, 2, 1, 1, 3, false}, /* sent again though it may have been acknowledged */
	{3, 1, 2, 1, 2, false},
	{3, 3, 1, 0, 1, false}, /* new where models are saved, and without facts */
	{4, 3, 1, 1, 1, false}, {3, 2, 1, 4, 1, true},
	{4, 1, 1, 3, 1, false}, /* the former boot's last one, late */
};
#define ROUNDS 5
/*
 * How the collector ends with a round, by a kill.  The first life saves no model: its journal is
 * all there is.
 */
static const bool killed_after[ROUNDS] = {[1] = true, [2] = true};
#define SAVES_FROM 2

static char dir[64], path[96];
static unsigned char body[POSTS][16384], facts_bytes[8192];
static size_t facts_len;
static struct hr_post post[POSTS];
static bool acked[POSTS];
static struct hr_counters counters;
static struct hr_board board;
static struct hr_writer *writer;
static bool foreign_file; /* a database was put aside */
static char what_for[256];

static void failed(const char *text)
{
	fault_calls.armed = false;
	printf("what %d, call %" PRIu64 "%s: %s\n", (int)fault_calls.what, fault_calls.at,
		fault_calls.forever ? " and all later ones" : "", text);
	exit(1);
}

/*
 * Time passes as often as it is read, so that one life is like the other: work that is done for a
 * slice of time ends at the same call.  An hour after the windows, whose boots are two apart.
 */
static uint64_t clock_reads;

uint64_t hr_clock_mono_ns(void)
{
	return 1000000000 + 10000 * ++clock_reads;
}

uint64_t hr_clock_boot_ns(void)
{
	return hr_clock_mono_ns();
}

uint64_t hr_clock_wall_ms(void)
{
	return 1795528800000ULL + 5 * 3600000 + ++clock_reads / 100;
}

uint64_t hr_clock_cpu_us(void)
{
	return 0;
}

/* The log is not the matter here. */
void hr_log(enum hr_log_prio prio, const char *event, const char *fmt, ...)
{
	(void)prio;
	(void)event;
	(void)fmt;
}

static void make_facts(void)
{
	static struct hr_facts f = {.cpus_possible = 2, .cpus_online = 2, .epoch = 1};

	snprintf(f.name, sizeof(f.name), "vm");
	facts_len = hr_wire_encode_facts(&f, facts_bytes, sizeof(facts_bytes));
	if (facts_len == 0)
		failed("the facts are not encoded");
}

static void make_post(unsigned i)
{
	static struct hr_summary s;
	static struct hr_wire_arena arena;
	static unsigned char one[8192];
	uint8_t id[HR_HOST_ID_LEN] = {script[i].host, 7};
	struct hr_rand r = hr_rand_seeded("faults");
	struct hr_post *p = &post[i];
	struct hr_wire_builder b;
	struct hr_wire_batch batch;
	bool ok = hr_wire_batch_begin(&b, body[i], sizeof(body[i]), id, script[i].boot * 1000U);

	if (script[i].facts)
		ok = ok && hr_wire_batch_facts(&b, facts_bytes, facts_len);
	for (uint8_t k = 0; k < script[i].n; k++) {
		hr_sample_idle(&r, &s, script[i].seq + k);
		s.t_end_ms += script[i].boot * 7200000ULL; /* two boots do not overlap */
		ok = ok && hr_wire_batch_add(&b, one, hr_wire_encode_summary(&s, one, sizeof(one)));
	}
	if (!ok || hr_wire_open(&arena, body[i], b.len, &batch) != HR_WIRE_OK)
		failed("a POST is not encoded");
	*p = (struct hr_post){.body = body[i],
		.len = b.len,
		.head = batch.head,
		.n_rows = script[i].n,
		.facts = script[i].facts ? facts_bytes : NULL,
		.facts_len = facts_len,
		.has_sent = true};
	snprintf(p->name, sizeof(p->name), "vm");
	for (uint32_t k = 0; k < p->n_rows; k++) {
		struct hr_wire_summary_head h;

		hr_wire_summary_head(&batch, k, &h);
		p->row[k] = (struct hr_post_row){
			h.seq_first, h.seq_last, h.t_end_ms, h.dur_ms, h.lost, NULL, 0};
		if (hr_wire_summary_bytes(body[i], b.len, k, &p->row[k].bytes, &p->row[k].len) !=
			HR_WIRE_OK)
			failed("a POST has no bytes");
		p->received_ms = p->sent_ms = h.t_end_ms;
	}
}

static void start(unsigned round)
{
	struct hr_writer_conf conf = {.max_hosts = 10,
		.backlog = 60,
		.period_ns = 10000000000,
		.roll_slice_ns = 1ULL << 62,
		.save_ns = round < SAVES_FROM ? 1ULL << 62 : 0,
		.windows_ms = 10000ULL * 86400000,
		.five_min_ms = 10000ULL * 86400000,
		.hours_ms = 10000ULL * 86400000};
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s =
		hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = path}, note, error);

	hr_model_conf_default(&conf.model);
	if (s && note[0]) {
		foreign_file = true;
		snprintf(what_for, sizeof(what_for), "%.250s", note);
	}
	writer = s ? hr_writer_open(&conf, s, &counters, &board, error) : NULL;
	if (!writer)
		snprintf(what_for, sizeof(what_for), "%.250s", error);
}

static void stop(void)
{
	hr_writer_close(writer);
	writer = NULL;
}

static void on_done(struct hr_work *k)
{
	struct hr_post *p = (struct hr_post *)k; /* first member */

	if (p->refused.status == 0)
		acked[p - post] = true;
}

/* One group of those POSTs; a collector that gave up is started again, as systemd would. */
static void send_round(unsigned round, bool all)
{
	struct hr_work *list = NULL, **end = &list;

	if (!writer)
		start(round);
	if (!writer)
		return;
	for (unsigned i = 0; i < POSTS; i++) {
		if (!all && script[i].round != round)
			continue;
		post[i].work = (struct hr_work){.kind = HR_WORK_POST, .done = on_done};
		memset(&post[i].refused, 0, sizeof(post[i].refused));
		*end = &post[i].work;
		end = &post[i].work.next;
	}
	hr_writer_step(writer, list);
	if (hr_writer_state(writer) != HR_WRITER_FAILED)
		hr_writer_step(writer, NULL); /* upkeep: states, answers, roll-up */
	if (hr_writer_state(writer) == HR_WRITER_FAILED)
		stop();
}

struct stored {
	unsigned n[4][3][8]; /* host, boot, sequence */
	uint64_t ms[4];
};

static int see(void *arg, const struct hr_store_row *r)
{
	struct stored *st = arg;
	struct hr_host *host = hr_hosts_by_no(&writer->hosts, r->host_no);

	if (r->damaged || !host || host->id[0] > 3)
		failed("a row of nobody, or damaged");
	if (hr_wire_decode_summary(writer->arena, r->body, r->len, writer->summary) != HR_WIRE_OK)
		failed("a row does not decode");
	for (uint32_t i = 0; i < host->n_boots; i++) {
		const struct hr_boot_kept *b = &host->boot[i].now;

		if (b->ord != r->boot_ord)
			continue;
		for (uint64_t s = r->seq_first; s <= r->seq_last && s < 8; s++)
			st->n[host->id[0]][b->boot / 1000][s]++;
		st->ms[host->id[0]] += writer->summary->dur_ms;
	}
	return 0;
}

static bool facts_acked(uint8_t host)
{
	for (unsigned i = 0; i < POSTS; i++)
		if (script[i].host == host && script[i].facts && acked[i])
			return true;
	return false;
}

/* Acknowledged: once.  Not: once at most, or @all: once, too. */
static void check(bool all)
{
	struct stored st = {0};

	if (writer->store->ops->range(writer->store, 0, 0, HR_STORE_SLOT_MAX, see, &st) != 0)
		failed("the rows cannot be read");
	for (unsigned i = 0; i < POSTS; i++) {
		for (unsigned k = 0; k < script[i].n; k++) {
			unsigned n = st.n[script[i].host][script[i].boot][script[i].seq + k];

			if (n > 1)
				failed("a window is stored twice");
			if (n == 0 && (all || acked[i]))
				failed("an acknowledged window is not stored");
		}
	}
	for (uint32_t i = 0; i < writer->hosts.n; i++) {
		struct hr_host *host = writer->hosts.by_no[i];
		struct hr_vm *vm = host->cold.is ? hr_turn_peek(writer, host) : host->vm;
		uint64_t in_model = vm ? vm->covered_ms : 0;
		bool has_facts = vm && vm->has_facts;

		if (host->cold.is)
			hr_vm_free(vm);
		if (in_model != st.ms[host->id[0]])
			failed("a model does not hold what the store holds");
		if (facts_acked(host->id[0]) && !has_facts)
			failed("a model lacks facts that were acknowledged");
	}
}

static void remove_files(void)
{
	char name[128];
	static const char *const end[] = {"", "-wal", "-shm", "-journal", ".lock"};

	for (unsigned i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, end[i]);
		(void)unlink(name);
	}
}

static void live_and_check(void)
{
	FILE *nowhere = fopen("/dev/null", "w");

	memset(acked, 0, sizeof(acked));
	foreign_file = false;
	clock_reads = 0;
	fault_calls.calls = 0;
	fault_calls.hit = false;
	fault_calls.armed = true;
	for (unsigned round = 0; round < ROUNDS; round++) {
		send_round(round, false);
		if (killed_after[round])
			stop();
	}
	stop();
	fault_calls.armed = false;
	start(ROUNDS);
	if (foreign_file || !writer)
		failed(what_for);
	check(false);
	for (int tries = 0; tries < 3; tries++) /* a boot that was not heard of needs its turn */
		send_round(ROUNDS, true);
	check(true);
	for (unsigned i = 0; i < POSTS; i++) {
		if (!acked[i])
			failed("a POST is not taken when it is sent again");
	}
	stop();
	if (!nowhere || !hr_check_store(path, nowhere))
		failed("--check-store finds something");
	fclose(nowhere);
	remove_files();
}

/* All calls of a kind, each @step-th of them.  Returns how many lives were lived. */
static unsigned long try_all(enum fault_what what, uint64_t step, uint64_t from, uint64_t upto)
{
	unsigned long lives = 0;
	uint64_t total;

	fault_calls = (struct fault_calls){.what = what};
	live_and_check();
	total = fault_calls.calls;
	step = what == FAULT_OURS ? 1 : step;
	for (int i = 0; i < POSTS; i++) {
		if (!acked[i])
			failed("without a fault a POST is not taken");
	}
	for (uint64_t at = from; at <= total && at <= upto; at += step) {
		for (int forever = 0; forever < 2; forever++) {
			fault_calls.at = at;
			fault_calls.forever = forever;
			live_and_check();
			if (!fault_calls.hit)
				failed("the call was not made: a life is not like the other");
			lives++;
		}
	}
	printf("what %d: %" PRIu64
	       " calls in a life, %lu lives, each with one failing, once or on\n",
		(int)what, total, lives);
	return lives;
}

#define USAGE "usage: faults [--step N] [--what 0..3] [--from N] [--upto N]"

int main(int argc, char **argv)
{
	uint64_t step = 1, from = 1, upto = UINT64_MAX;
	int only = -1;

	for (int i = 1; i < argc; i += 2) {
		uint64_t v;

		if (i + 1 == argc || !hr_num_u64(argv[i + 1], 0, UINT32_MAX, &v))
			failed(USAGE);
		if (strcmp(argv[i], "--step") == 0 && v > 0)
			step = v;
		else if (strcmp(argv[i], "--what") == 0 && v < FAULT_WHAT_N)
			only = (int)v;
		else if (strcmp(argv[i], "--from") == 0 && v > 0)
			from = v;
		else if (strcmp(argv[i], "--upto") == 0)
			upto = v;
		else
			failed(USAGE);
	}
	/* in memory when there is such a place: thousands of lives, no disk worn */
	snprintf(dir, sizeof(dir), "%s/hr-faults-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!fault_file_begin() || !mkdtemp(dir) || hr_board_init(&board) < 0)
		failed("cannot begin");
	snprintf(path, sizeof(path), "%s/t.db", dir);
	make_facts();
	for (unsigned i = 0; i < POSTS; i++)
		make_post(i);
	for (int what = 0; what < FAULT_WHAT_N; what++) {
		if (only < 0 || only == what)
			(void)try_all((enum fault_what)what, step, from, upto);
	}
	hr_board_done(&board);
	(void)rmdir(dir);
	return 0;
}
