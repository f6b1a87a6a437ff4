// SPDX-License-Identifier: Apache-2.0
/* The collector of a history: the real writer, driven group by group, over a store that may fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/check_store.h"
#include "collector/writer_private.h"
#include "tests/failure/fault_store.h"
#include "tests/failure/sim.h"

#define MS         1000000ULL
#define GROUP_NS   (30 * MS)
#define UPKEEP_NS  (5000 * MS)
#define MAX_BODIES 4096

/* A POST with where its answer goes. */
struct job {
	struct hr_post post;
	uint32_t agent;
	uint64_t conn;
	struct job *next;
};

static struct hr_store *mem; /* outlives the writers */
static struct hr_store *store;
static struct hr_writer *writer;
static struct hr_counters counters;
static struct hr_board board;
static struct job *queue, **queue_end, *done_list;
static bool flush_due;

bool sim_collector_up(void)
{
	return writer != NULL;
}

static struct hr_store *open_sqlite(void)
{
	char path[96], note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s;

	snprintf(path, sizeof(path), "%s/headroom.db", sim.dir);
	s = hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = path}, note, error);
	if (!s || note[0])
		sim_fail("the database does not open: %s%s", error, note);
	return s;
}

void sim_collector_start(void)
{
	struct hr_writer_conf conf = {.max_hosts = 1000,
		.backlog = 60,
		.period_ns = 10000 * MS,
		/* nothing expires: the store is compared whole */
		.roll_slice_ns = 1ULL << 62, /* the same calls each time */
		.windows_ms = 10000ULL * 86400000,
		.five_min_ms = 10000ULL * 86400000,
		.hours_ms = 10000ULL * 86400000,
		.save_ns = sim.weather.save_ns,
		.answer_ns = 3600000 * MS};
	char error[HR_STORE_ERROR_LEN];

	if (sim.weather.cold) { /* no model stays in memory */
		conf.model_bytes = 1;
		conf.answer_ns = 20000 * MS;
	}

	if (writer)
		return;
	hr_model_conf_default(&conf.model);
	if (!sim.weather.sqlite && !mem && !(mem = hr_store_mem_open()))
		abort();
	store = fault_store_new(sim.weather.sqlite ? open_sqlite() : mem, sim.weather.sqlite);
	memset(&counters, 0, sizeof(counters));
	writer = store ? hr_writer_open(&conf, store, &counters, &board, error) : NULL;
	if (!writer)
		sim_fail("the collector does not start: %s", error);
	queue_end = &queue;
	flush_due = false;
	sim.total.collector_starts++;
	if (sim.verbose) /* shows which life broke it; otherwise only the end is checked */
		sim_check_models(writer);
	sim_schedule(sim.now_ns + UPKEEP_NS, (struct sim_event){.kind = SIM_FLUSH});
}

static void free_jobs(struct job *j)
{
	while (j) {
		struct job *next = j->next;

		free(j->post.body);
		free(j->post.facts);
		free(j);
		j = next;
	}
}

/* Nothing is saved, nobody is answered: what is durable is all there is. */
void sim_collector_crash(uint64_t down_ns)
{
	if (!writer)
		return;
	hr_writer_close(writer);
	writer = NULL;
	free_jobs(queue);
	queue = NULL;
	queue_end = &queue;
	sim_schedule(sim.now_ns + down_ns, (struct sim_event){.kind = SIM_START});
}

static void on_done(struct hr_work *k)
{
	struct job *j = (struct job *)k; /* post is the first member, work of post */

	j->next = done_list;
	done_list = j;
}

/* What ingest does with a body; false: refused as malformed. */
static bool parse(struct job *j)
{
	static struct hr_wire_arena arena;
	static struct hr_summary s;
	static struct hr_facts f;
	struct hr_post *p = &j->post;
	struct hr_wire_batch batch;

	if (hr_wire_open(&arena, p->body, p->len, &batch) != HR_WIRE_OK)
		return false;
	p->head = batch.head;
	p->n_rows = batch.head.n_summaries;
	if (batch.head.has_facts) {
		hr_wire_facts(&batch, &f);
		p->facts = malloc(HR_BODY_MAX);
		if (!p->facts)
			abort();
		p->facts_len = hr_wire_encode_facts(&f, p->facts, HR_BODY_MAX);
		snprintf(p->name, sizeof(p->name), "%s", f.name);
	}
	for (uint32_t i = 0; i < p->n_rows; i++) {
		struct hr_post_row *r = &p->row[i];

		hr_wire_summary(&batch, i, &s);
		*r = (struct hr_post_row){.seq_first = s.seq_first,
			.seq_last = s.seq_last,
			.t_end_ms = s.t_end_ms,
			.dur_ms = s.dur_ms,
			.lost = s.lost};
		if (hr_wire_summary_bytes(p->body, p->len, i, &r->bytes, &r->len) != HR_WIRE_OK)
			return false;
	}
	return true;
}

void sim_collector_arrive(struct sim_event *e)
{
	struct job *j;

	sim.total.events++;
	if (!writer) {
		free(e->body);
		/*
		 * Nobody listens.  Where nothing copies, nothing of the request has left the agent,
		 * and it knows that for certain.  What copies requests stands between, accepted the
		 * connection, and speaks for itself: the other copy may still arrive.
		 */
		sim_reply(e->agent, e->conn,
			&(struct sim_answer){.status = e->copied ? 503 : 0, .retry_after_s = 5});
		return;
	}
	if (sim.now_ns < sim.agent[e->agent].denied_ns) { /* before its body is read */
		free(e->body);
		sim_reply(e->agent, e->conn, &(struct sim_answer){.status = 401, .ours = true});
		return;
	}
	j = calloc(1, sizeof(*j));
	if (!j)
		abort();
	j->agent = e->agent;
	j->conn = e->conn;
	j->post = (struct hr_post){.work = {.kind = HR_WORK_POST, .done = on_done},
		.body = e->body,
		.len = e->len,
		.received_ms = SIM_EPOCH_MS + sim.now_ns / MS,
		.has_sent = true,
		.sent_ms = e->sent_ms};
	if (!parse(j))
		sim_fail("agent %u sent what the wire refuses", e->agent);
	if (sim.verbose) {
		printf("%10.3f from %u:", (double)sim.now_ns / 1e9, j->agent);
		for (uint32_t i = 0; i < j->post.n_rows; i++)
			printf(" %llu-%llu", (unsigned long long)j->post.row[i].seq_first,
				(unsigned long long)j->post.row[i].seq_last);
		putchar('\n');
	}
	*queue_end = j;
	queue_end = &j->next;
	if (!flush_due) {
		flush_due = true;
		sim_schedule(sim.now_ns + GROUP_NS, (struct sim_event){.kind = SIM_FLUSH});
	}
}

static void answer(const struct job *j)
{
	const struct hr_refusal *r = &j->post.refused;
	struct sim_answer a = {.status = r->status ? r->status : 204,
		.retry_after_s = r->retry_after_s,
		.ours = true};

	snprintf(a.ack, sizeof(a.ack), "%s", j->post.ack);
	/* more gaps than a list holds are more than a day can leave */
	if (r->status && strcmp(r->reason, "forgotten") == 0)
		sim_fail("agent %u delivers a window below the floor, which is refused", j->agent);
	if (sim.verbose && r->status)
		printf("%10.3f answer to %u: %u %s\n", (double)sim.now_ns / 1e9, j->agent,
			r->status, r->reason);
	sim_reply(j->agent, j->conn, &a);
}

/* A right agent never sends a window that is stored in part. */
static void check_overlap(void)
{
	if (atomic_load(&counters.v[HR_COUNT_REFUSED_OVERLAP]) != 0)
		sim_fail("a window overlapped a stored one in part");
}

/* received = stored + duplicate + refused, whatever happened. */
static void check_counters(void)
{
	uint64_t sum = atomic_load(&counters.v[HR_COUNT_STORED]) +
		       atomic_load(&counters.v[HR_COUNT_DUPLICATE]);

	for (int i = HR_COUNT_REFUSED_OVERLAP; i <= HR_COUNT_REFUSED_STORE; i++)
		sum += atomic_load(&counters.v[i]);
	if (sum != atomic_load(&counters.v[HR_COUNT_RECEIVED]))
		sim_fail("the collector received %llu windows and accounts for %llu",
			(unsigned long long)counters.v[HR_COUNT_RECEIVED], (unsigned long long)sum);
}

static void plan_fault(bool busy)
{
	struct fault_plan *p = fault_store_plan(store);
	uint64_t calls = busy ? 40 : 4; /* so that some lie in begin, rows, commit, upkeep */

	*p = (struct fault_plan){0};
	if (sim_hits(sim.weather.store_crash))
		*p = (struct fault_plan){
			.kind = sim_chance() < 0.5 ? FAULT_DIE_BEFORE : FAULT_DIE_AFTER,
			.at = sim_between(1, calls),
			.result = HR_STORE_FAILED};
	else if (sim_hits(sim.weather.store_full))
		*p = (struct fault_plan){.kind = FAULT_ONCE,
			.at = sim_between(1, calls),
			.result = sim_chance() < 0.8 ? HR_STORE_FULL : HR_STORE_FAILED};
}

void sim_collector_flush(void)
{
	struct hr_work *list = NULL, **end = &list;
	struct fault_plan *p;
	struct job *j, *next;

	if (!writer)
		return;
	flush_due = false;
	plan_fault(queue != NULL);
	for (j = queue; j; j = j->next) {
		*end = &j->post.work;
		end = &j->post.work.next;
	}
	queue = NULL;
	queue_end = &queue;
	done_list = NULL;
	hr_writer_step(writer, list);
	p = fault_store_plan(store);
	sim.total.faults += p->hit;
	if (p->hit && (p->kind == FAULT_DIE_BEFORE || p->kind == FAULT_DIE_AFTER)) {
		free_jobs(done_list);
		done_list = NULL;
		sim_collector_crash(sim_between(500, 20000) * MS);
		return;
	}
	*p = (struct fault_plan){0};
	for (j = done_list; j; j = next) {
		next = j->next;
		answer(j);
		j->next = NULL;
		free_jobs(j);
	}
	done_list = NULL;
	check_counters();
	check_overlap();
	if (hr_writer_state(writer) == HR_WRITER_FAILED)
		sim_collector_crash(sim_between(500, 20000) * MS); /* it ends, systemd starts it */
	else if (!list)
		sim_schedule(sim.now_ns + UPKEEP_NS, (struct sim_event){.kind = SIM_FLUSH});
}

void sim_collector_begin(void)
{
	if (hr_board_init(&board) < 0)
		abort();
	sim_collector_start();
}

/* Every tier accounts for what was acknowledged: judged by the program for operators. */
static void check_store(void)
{
	static char text[65536];
	char path[96];
	FILE *to;

	if (!sim.weather.sqlite)
		return;
	snprintf(path, sizeof(path), "%s/headroom.db", sim.dir);
	to = fmemopen(text, sizeof(text), "w");
	if (!to)
		abort();
	bool sound = hr_check_store(path, to);

	fclose(to);
	if (!sound)
		sim_fail("--check-store says: %s", text);
}

/* Checks what is there, and that it is there again after the last crash. */
void sim_collector_end(void)
{
	sim_check(writer);
	hr_writer_close(writer);
	writer = NULL;
	sim_collector_start();
	sim_check(writer);
	hr_writer_close(writer);
	writer = NULL;
	check_store();
	free_jobs(queue);
	queue = NULL;
	hr_board_done(&board);
	if (mem)
		mem->ops->close(mem);
	mem = NULL;
}
