// SPDX-License-Identifier: Apache-2.0
/* See remote_round.h.  Memory is taken for a round and given back: between rounds only shapes stay.
 */
#include "collector/remote_round.h"

#include <errno.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/answer_pack.h"

#define RAW_CAP                                                                                    \
	(512 * 1024) /* 2000 samples of 150 bytes, twice the labels; else a body is shorter */
#define KEYS_MAX (12 * HR_ANS_RES_MAX + 32) /* series of one host */

/* A host as the last round told it. */
struct told {
	uint32_t no;
	bool heard;
	char label[HR_SERIES_HOST_LEN];
	void *shape; /* packed */
	size_t len;
};

struct hr_round {
	struct told *told; /* in order of no */
	uint32_t n;
};

struct making {
	const struct hr_round_in *in;
	hr_round_fn fn;
	void *arg;
	unsigned char *raw;
	size_t len;
	uint32_t samples;
	bool ending; /* what is put are end marks */
	uint64_t at_ms;
	int e;
	void *room;              /* of HR_ANSWER_PACK_MAX */
	struct hr_answer *shape; /* zeroed */
	uint64_t key[KEYS_MAX];  /* series of the host at hand, when they are compared */
	unsigned n_key;
};

struct hr_round *hr_round_new(void)
{
	return calloc(1, sizeof(struct hr_round));
}

static void free_told(struct told *t, uint32_t n)
{
	for (uint32_t i = 0; t && i < n; i++)
		free(t[i].shape);
	free(t);
}

void hr_round_forget(struct hr_round *r)
{
	free_told(r->told, r->n);
	*r = (struct hr_round){.n = 0};
}

void hr_round_free(struct hr_round *r)
{
	if (r)
		hr_round_forget(r);
	free(r);
}

/* --- bodies --- */

static void flush(struct making *m)
{
	size_t len = snappy_max_compressed_length(m->len);
	char *body = m->samples > 0 ? malloc(len) : NULL, *fit;

	if (m->samples > 0 &&
		(!body || snappy_compress((const char *)m->raw, m->len, body, &len) != SNAPPY_OK)) {
		m->e = -ENOMEM;
		free(body);
	} else if (m->samples > 0) {
		fit = realloc(body, len); /* a tenth of it */
		m->fn(m->arg, fit ? fit : body, len, m->samples, m->ending);
	}
	m->len = 0;
	m->samples = 0;
}

static void put(struct making *m, const struct hr_series *s)
{
	size_t n;

	if (m->e)
		return;
	if (m->samples == HR_ROUND_SAMPLES || RAW_CAP - m->len < HR_WRITE_SERIES_MAX)
		flush(m);
	n = hr_write_request_put(
		s, m->in->labels, (int64_t)m->at_ms, m->raw + m->len, RAW_CAP - m->len);
	m->len += n;
	m->samples += n > 0;
}

static void put_sample(void *arg, const struct hr_series *s)
{
	put(arg, s);
}

/* --- ends --- */

/* FNV-1a over name and labels: two of some hundred are the same by chance once in 10^14. */
static uint64_t key_of(const struct hr_series *s)
{
	uint64_t h = 14695981039346656037ULL;
	const char *text[1 + 2 * HR_SERIES_LABELS_MAX] = {s->name};
	unsigned n = 1;

	for (unsigned i = 0; i < s->n; i++) {
		text[n++] = s->label[i].key;
		text[n++] = s->label[i].value;
	}
	for (unsigned i = 0; i < n; i++) {
		for (const char *p = text[i]; *p; p++)
			h = (h ^ (unsigned char)*p) * 1099511628211ULL;
		h = (h ^ 0xff) * 1099511628211ULL; /* in no text: UTF-8 */
	}
	return h;
}

static void note_key(void *arg, const struct hr_series *s)
{
	struct making *m = arg;

	if (m->n_key < KEYS_MAX)
		m->key[m->n_key++] = key_of(s);
}

static void end_missing(void *arg, const struct hr_series *s)
{
	struct making *m = arg;
	struct hr_series end = *s;
	uint64_t key = key_of(s);

	for (unsigned i = 0; i < m->n_key; i++)
		if (m->key[i] == key)
			return;
	end.v = hr_write_request_stale();
	put(m, &end);
}

static void each(const struct hr_series_host *h, hr_series_fn fn, void *arg)
{
	size_t n;
	const struct hr_series_family *f = hr_series_families(&n);

	for (size_t i = 0; i < n; i++)
		f[i].each(&f[i], h, fn, arg);
}

/* Ends what @old said and @now (NULL: the host is gone) does not say. */
static void end_series(struct making *m, const struct told *old, const struct hr_series_host *now)
{
	struct hr_answer *a = calloc(1, sizeof(*a));

	m->n_key = 0;
	if (now)
		each(now, note_key, m);
	if (a && hr_answer_unpack(old->shape, old->len, true, a))
		each(&(struct hr_series_host){old->label, a, old->heard}, end_missing, m);
	free(a);
}

/* --- hosts --- */

/* The shape of @v's answer into *@ret_told; ends what @old (NULL: nothing) said beyond it. */
static void compare(
	struct making *m, const struct hr_view *v, const struct told *old, struct told *ret_told)
{
	struct hr_answer *a = hr_view_answer(v);
	size_t len;

	ret_told->no = v->no;
	ret_told->heard = v->row.heard_ms > 0;
	if (!a) {
		m->e = -ENOMEM;
		return;
	}
	hr_series_shape(a, m->shape);
	len = hr_answer_pack(m->shape, m->room);
	memset(m->shape, 0, sizeof(*m->shape));
	if (old &&
		(old->len != len || memcmp(old->shape, m->room, len) != 0 ||
			old->heard != ret_told->heard || strcmp(old->label, ret_told->label) != 0))
		end_series(m, old, &(struct hr_series_host){ret_told->label, a, v->row.heard_ms});
	ret_told->shape = malloc(len);
	if (ret_told->shape)
		memcpy(ret_told->shape, m->room, len);
	else
		m->e = -ENOMEM;
	ret_told->len = len;
	free(a);
}

/* Per place in view[]: bit 0 it has series, bit 1 another host has its name. */
static unsigned char *choose(const struct hr_snapshot *s, uint32_t hosts)
{
	unsigned char *chosen = calloc(s->n + 1, 1);
	uint64_t *key = malloc((s->n + 1) * sizeof(*key));
	uint32_t n = s->n < hosts ? s->n : hosts;

	if (!chosen || !key) {
		free(chosen);
		free(key);
		return NULL;
	}
	if (s->n > 0)
		memcpy(key, s->key[HR_FLEET_BY_HEADROOM], s->n * sizeof(*key));
	if (n < s->n)
		hr_fleet_select(key, s->n, 0, n);
	for (uint32_t i = 0; i < n; i++)
		chosen[s->by_name[(uint32_t)key[i]]] = 1;
	for (uint32_t r = 1; r < s->n; r++) {
		uint32_t a = s->by_name[r - 1], b = s->by_name[r];

		if (strcmp(s->view[a]->row.name, s->view[b]->row.name) == 0) {
			chosen[a] |= 2;
			chosen[b] |= 2;
		}
	}
	free(key);
	return chosen;
}

/* A millisecond before the samples: a series that another host goes on with ends, and begins. */
static void ends(struct making *m, const unsigned char *chosen, const struct hr_round *r,
	struct hr_round *ret_next)
{
	const struct hr_snapshot *s = m->in->snap;
	uint32_t old = 0;

	m->at_ms = m->in->at_ms - 1;
	m->ending = true;
	for (uint32_t i = 0; i < s->n && !m->e; i++) {
		const struct hr_view *v = s->view[i];
		struct told *to = &ret_next->told[ret_next->n];
		const struct told *before = NULL;

		if (!(chosen[i] & 1))
			continue;
		for (; old < r->n && r->told[old].no < v->no; old++)
			end_series(m, &r->told[old], NULL);
		if (old < r->n && r->told[old].no == v->no)
			before = &r->told[old++];
		hr_series_host_label(v->row.name, v->row.id, chosen[i] & 2, to->label);
		compare(m, v, before, to);
		ret_next->n++;
	}
	for (; old < r->n && !m->e; old++)
		end_series(m, &r->told[old], NULL);
	flush(m); /* before any sample */
	m->ending = false;
}

static void hosts(struct making *m, const unsigned char *chosen, const struct hr_round *next)
{
	const struct hr_snapshot *s = m->in->snap;
	uint32_t n = 0;

	m->at_ms = m->in->at_ms;
	for (uint32_t i = 0; i < s->n && !m->e; i++) {
		struct hr_answer *a;

		if (!(chosen[i] & 1))
			continue;
		a = hr_view_answer(s->view[i]);
		if (a)
			each(&(struct hr_series_host){next->told[n++].label, a,
				     s->view[i]->row.heard_ms},
				put_sample, m);
		else
			m->e = -ENOMEM;
		free(a);
	}
}

/* --- the collector itself --- */

static void own(struct making *m)
{
	const struct hr_snapshot *s = m->in->snap;
	struct hr_series one = {.name = "headroom_fleet_hosts", .n = 1};
	char name[128];

	for (enum hr_answer_kind k = 0; k < HR_ANSWER_N; k++) {
		one.label[0] = (struct hr_label){"answer", hr_answer_kind_name(k)};
		one.v = s->fleet.by_kind[k];
		put(m, &one);
	}
	one.name = name;
	for (size_t i = 0; i < m->in->n_own; i++) {
		const struct hr_metrics_own *o = &m->in->own[i];

		(void)snprintf(name, sizeof(name), HR_METRICS_OWN "%s", o->name);
		one.n = o->key != NULL;
		one.label[0] = (struct hr_label){o->key, o->value};
		one.v = o->v;
		put(m, &one);
	}
}

int hr_round_make(struct hr_round *r, const struct hr_round_in *in, hr_round_fn fn, void *arg)
{
	struct making *m = calloc(1, sizeof(*m));
	unsigned char *chosen = choose(in->snap, in->hosts);
	struct hr_round next = {.told = calloc(in->snap->n + 1, sizeof(*next.told))};
	int e = -ENOMEM;

	if (m) {
		*m = (struct making){.in = in, .fn = fn, .arg = arg};
		m->raw = malloc(RAW_CAP);
		m->room = malloc(HR_ANSWER_PACK_MAX);
		m->shape = calloc(1, sizeof(*m->shape));
	}
	if (m && chosen && next.told && m->raw && m->room && m->shape) {
		ends(m, chosen, r, &next);
		hosts(m, chosen, &next);
		own(m);
		flush(m);
		e = m->e;
	}
	if (e == 0) {
		hr_round_forget(r);
		*r = next;
	} else {
		free_told(next.told, next.n);
	}
	if (m) {
		free(m->raw);
		free(m->room);
		free(m->shape);
	}
	free(m);
	free(chosen);
	return e;
}
