// SPDX-License-Identifier: Apache-2.0
/*
 * POST /v1/summaries:
 *  1. headers are fine (http_check.c): room for the announced length is reserved,
 *     or 503;
 *  2. the body arrives, never more than announced;
 *  3. it is decoded and checked whole (wire.c): any fault is 400 and a counter;
 *  4. the writer gets it, the request sleeps;
 *  5. its transaction is durable: 204 with Headroom-Ack.  Or it was refused.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/serve_private.h"
#include "proto/base/clock.h"

bool hr_ingest_begin(struct hr_request *r, struct hr_refusal *ret_why)
{
	static const struct hr_refusal busy = {
		503, "busy", "Too many request bodies are under way; send it again.", 5};
	static const struct hr_refusal failed = {503, "store",
		"The store failed and the collector is ending for a clean start; send it again.",
		30};
	struct hr_serve *s = r->door->serve;
	struct hr_post *p = &r->u.post;
	int64_t before;

	if (hr_writer_state(s->writer) == HR_WRITER_FAILED) {
		*ret_why = failed;
		return false;
	}
	before = atomic_fetch_add(&s->count->inflight_bytes, (int64_t)r->v.content_length);
	r->reserved = r->v.content_length;
	if ((uint64_t)before + r->reserved <= atomic_load(&s->inflight_max))
		p->body = malloc(r->reserved > 0 ? r->reserved : 1);
	if (p->body)
		return true;
	hr_count(s->count, HR_COUNT_BODIES_BUSY, 1);
	*ret_why = busy;
	return false;
}

bool hr_ingest_data(struct hr_request *r, const void *data, size_t len)
{
	if (len > r->reserved - r->got)
		return false;
	memcpy((unsigned char *)r->u.post.body + r->got, data, len);
	r->got += len;
	return true;
}

/* The checked facts in the store's own form. */
static bool take_facts(struct hr_door *d, const struct hr_wire_batch *b, struct hr_post *p)
{
	void *exact;

	hr_wire_facts(b, d->facts);
	p->facts = malloc(HR_BODY_MAX);
	if (!p->facts)
		return false;
	p->facts_len = hr_wire_encode_facts(d->facts, p->facts, HR_BODY_MAX);
	if (p->facts_len == 0)
		return false;
	/* a whole fleet that says hello at once would keep 64 KiB for each until the commit */
	exact = realloc(p->facts, p->facts_len);
	p->facts = exact ? exact : p->facts;
	memcpy(p->name, d->facts->name, sizeof(p->name));
	return true;
}

static enum hr_wire_error take_rows(const struct hr_wire_batch *b, struct hr_post *p)
{
	for (uint32_t i = 0; i < b->head.n_summaries; i++) {
		struct hr_post_row *row = &p->row[i];
		struct hr_wire_summary_head head;
		struct hr_wire_load load;
		enum hr_wire_error e =
			hr_wire_summary_bytes(p->body, p->len, i, &row->bytes, &row->len);

		if (e != HR_WIRE_OK)
			return e;
		hr_wire_summary_head(b, i, &head);
		row->seq_first = head.seq_first;
		row->seq_last = head.seq_last;
		row->t_end_ms = head.t_end_ms;
		row->dur_ms = head.dur_ms;
		row->lost = head.lost;
		hr_wire_summary_load(b, i, &load);
		hr_strain_add(&p->strain, &load);
	}
	p->n_rows = b->head.n_summaries;
	return HR_WIRE_OK;
}

enum MHD_Result hr_ingest_end(struct hr_request *r)
{
	static const struct hr_refusal no_memory = {
		503, "memory", "The collector is out of memory.", 30};
	static const struct hr_refusal stopping = {
		503, "stopping", "The collector is stopping; send it again.", 5};
	struct hr_door *d = r->door;
	struct hr_post *p = &r->u.post;
	const struct hr_refusal *not_its_own;
	struct hr_wire_batch b;
	enum hr_wire_error e;

	p->len = r->got;
	e = hr_wire_open(d->arena, p->body, p->len, &b);
	if (e == HR_WIRE_OK)
		e = take_rows(&b, p);
	if (e != HR_WIRE_OK) {
		const struct hr_refusal why = {
			400, hr_wire_error_name(e), hr_wire_error_text(e), 0};

		atomic_fetch_add(&d->serve->count->wire[e], 1);
		return hr_reply_problem(r, &why);
	}
	not_its_own = hr_gate_body(r, b.head.host);
	if (not_its_own)
		return hr_reply_problem(r, not_its_own);
	p->head = b.head;
	if (b.head.has_facts && !take_facts(d, &b, p))
		return hr_reply_problem(r, &no_memory);
	p->received_ms = hr_clock_wall_ms();
	p->has_sent = r->v.has_sent;
	p->sent_ms = r->v.sent_ms;
	return hr_serve_hold(r, HR_WORK_POST) ? MHD_YES : hr_reply_problem(r, &stopping);
}

enum MHD_Result hr_ingest_reply(struct hr_request *r)
{
	const struct hr_post *p = &r->u.post;
	struct MHD_Response *answer;

	if (p->refused.status != 0)
		return hr_reply_problem(r, &p->refused);
	answer = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (answer)
		(void)MHD_add_response_header(answer, "Headroom-Ack", p->ack);
	return hr_reply(r, 204, answer);
}

void hr_ingest_free(struct hr_request *r)
{
	free(r->u.post.body);
	free(r->u.post.facts);
	atomic_fetch_sub(&r->door->serve->count->inflight_bytes, (int64_t)r->reserved);
}
