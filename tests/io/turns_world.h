/* SPDX-License-Identifier: Apache-2.0 */
/* Two collectors that get the same windows: one keeps its models in memory, the other cannot. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "tests/unit/hr_sample.h"

#define HOSTS 3

/* A collector of its own file. */
struct side {
	char path[96];
	struct hr_writer_conf conf;
	struct hr_counters count;
	struct hr_board board;
	struct hr_writer *w;
	uint64_t turns; /* before the last start */
};

struct world {
	char dir[64];
	struct side kept, cold;
	struct hr_rand r;
	uint64_t base_ms;
	struct hr_post post;
	uint8_t body[HR_BODY_MAX], facts[4096];
	size_t facts_len;
};

static inline void open_side(struct side *s)
{
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *store =
		hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = s->path}, note, error);

	if (!store)
		fail_msg("%s", error);
	memset(&s->count, 0, sizeof(s->count));
	s->w = hr_writer_open(&s->conf, store, &s->count, &s->board, error);
	if (!s->w)
		fail_msg("%s", error);
}

static inline void make_side(
	struct world *t, struct side *s, const char *name, uint64_t model_bytes)
{
	snprintf(s->path, sizeof(s->path), "%s/%s.db", t->dir, name);
	s->conf = (struct hr_writer_conf){.max_hosts = 20000,
		.period_ns = 10000000000,
		.windows_ms = 30 * 86400000ULL,
		.five_min_ms = 30 * 86400000ULL,
		.hours_ms = 730 * 86400000ULL,
		.save_ns = 3600000000000,
		.model_bytes = model_bytes};
	hr_model_conf_default(&s->conf.model);
	assert_int_equal(hr_board_init(&s->board), 0);
	open_side(s);
}

static inline int setup(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	struct hr_facts f;

	hr_log_init("test", HR_LOG_ERR);
	t->r = hr_rand_seeded("turns");
	(void)snprintf(t->dir, sizeof(t->dir), "/tmp/hr-turns-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->base_ms = hr_clock_wall_ms() / 3600000 * 3600000 - 3 * 3600000;
	hr_sample_facts(&f);
	t->facts_len = hr_wire_encode_facts(&f, t->facts, sizeof(t->facts));
	make_side(t, &t->kept, "kept", 0);
	make_side(t, &t->cold, "cold", 1);
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *t = *state;
	char cmd[128];

	hr_writer_close(t->kept.w);
	hr_writer_close(t->cold.w);
	hr_board_done(&t->kept.board);
	hr_board_done(&t->cold.board);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->dir);
	assert_int_equal(system(cmd), 0);
	free(t);
	return 0;
}

static inline void on_done(struct hr_work *k)
{
	(void)k;
}

static inline void give(struct world *t, struct side *s, size_t len, const struct hr_summary *win)
{
	static struct hr_wire_arena arena;
	struct hr_post *p = &t->post;
	struct hr_wire_batch batch;

	assert_int_equal(hr_wire_open(&arena, t->body, len, &batch), HR_WIRE_OK);
	*p = (struct hr_post){.work = {.kind = HR_WORK_POST, .done = on_done},
		.body = t->body,
		.len = len,
		.head = batch.head,
		.n_rows = 1,
		.received_ms = t->base_ms + 3 * 3600000};
	if (batch.head.has_facts) {
		p->facts = t->facts;
		p->facts_len = t->facts_len;
		snprintf(p->name, sizeof(p->name), "vm-%u", batch.head.host[0]);
	}
	p->row[0] = (struct hr_post_row){.seq_first = win->seq_first,
		.seq_last = win->seq_last,
		.t_end_ms = win->t_end_ms,
		.dur_ms = win->dur_ms};
	assert_int_equal(
		hr_wire_summary_bytes(t->body, len, 0, &p->row[0].bytes, &p->row[0].len), 0);
	hr_group_run(s->w, &p->work);
	assert_int_equal(p->refused.status, 0);
}

/* One window of @host that ends @at_ms after the base, to both. */
static inline void send(struct world *t, uint8_t host, uint64_t seq, uint64_t at_ms, bool facts)
{
	static struct hr_summary s;
	uint8_t id[HR_HOST_ID_LEN] = {host, 1}, one[8192];
	struct hr_wire_builder b;
	size_t len;

	if (hr_rand_below(&t->r, 2))
		hr_sample_busy(&t->r, &s, seq);
	else
		hr_sample_idle(&t->r, &s, seq);
	s.t_end_ms = t->base_ms + at_ms;
	s.dur_ms = 10000;
	len = hr_wire_encode_summary(&s, one, sizeof(one));
	assert_true(hr_wire_batch_begin(&b, t->body, sizeof(t->body), id, 7));
	if (facts)
		assert_true(hr_wire_batch_facts(&b, t->facts, t->facts_len));
	assert_true(hr_wire_batch_add(&b, one, len));
	give(t, &t->kept, b.len, &s);
	give(t, &t->cold, b.len, &s);
}

/* What both know of each host is the same, byte for byte. */
static inline void assert_same(struct world *t)
{
	static uint8_t a[1 << 20], b[1 << 20];

	for (uint32_t i = 0; i < t->kept.w->hosts.n; i++) {
		struct hr_host *k = t->kept.w->hosts.by_no[i], *c = t->cold.w->hosts.by_no[i];
		struct hr_vm *vm;
		size_t len;

		assert_true(c->cold.is);
		assert_null(c->vm);
		vm = hr_turn_peek(t->cold.w, c);
		assert_non_null(vm);
		len = hr_vm_encode(k->vm, a, sizeof(a));
		assert_int_equal(hr_vm_encode(vm, b, sizeof(b)), len);
		assert_memory_equal(a, b, len);
		hr_vm_free(vm);
	}
}

static inline void restart(struct side *s)
{
	s->turns += atomic_load(&s->count.v[HR_COUNT_STATES_SAVED]);
	hr_writer_close(s->w);
	open_side(s);
	while (s->w->scan_n)
		hr_writer_turns(s->w);
}
