// SPDX-License-Identifier: Apache-2.0
/* Answers: common headers, JSON, and refusals as problem documents (RFC 9457). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/serve_private.h"
#include "proto/base/clock.h"

void hr_reply_headers(struct MHD_Response *response)
{
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (!MHD_get_response_header(response, "Cache-Control"))
		(void)MHD_add_response_header(response, "Cache-Control", "no-store");
}

enum MHD_Result hr_reply_shared(
	struct hr_request *r, unsigned status, struct MHD_Response *response)
{
	struct hr_serve *s = r->door->serve;

	atomic_store(&r->state, HR_REQUEST_CLOSED);
	atomic_store(&r->conn->deadline_ns, hr_clock_mono_ns() + s->conf.send_ns);
	return MHD_queue_response(r->mhd, status, response);
}

enum MHD_Result hr_reply(struct hr_request *r, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result ok;

	if (!response)
		return MHD_NO; /* out of memory: the connection closes */
	hr_reply_headers(response);
	ok = hr_reply_shared(r, status, response);
	MHD_destroy_response(response);
	return ok;
}

enum MHD_Result hr_reply_text(
	struct hr_request *r, unsigned status, const char *type, char *text, size_t len)
{
	static const struct hr_refusal no_memory = {
		503, "memory", "The collector is out of memory.", 30};
	struct MHD_Response *p;

	if (!text)
		return hr_reply_problem(r, &no_memory);
	p = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (!p) {
		free(text);
		return MHD_NO;
	}
	(void)MHD_add_response_header(p, "Content-Type", type);
	return hr_reply(r, status, p);
}

enum MHD_Result hr_reply_json(struct hr_request *r, char *text)
{
	return hr_reply_text(r, 200, "application/json", text, text ? strlen(text) : 0);
}

static enum MHD_Result problem(
	struct hr_request *r, const struct hr_refusal *why, const char *allow)
{
	json_t *o = json_object();
	struct MHD_Response *p = NULL;
	char *text, seconds[16];

	json_object_set_new(o, "type", json_string("about:blank"));
	json_object_set_new(o, "title", json_string(MHD_get_reason_phrase_for(why->status)));
	json_object_set_new(o, "status", json_integer(why->status));
	json_object_set_new(o, "detail", json_string(why->detail));
	json_object_set_new(o, "reason", json_string(why->reason));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text)
		p = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!p) {
		free(text);
		return MHD_NO;
	}
	(void)MHD_add_response_header(p, "Content-Type", "application/problem+json");
	if (why->retry_after_s > 0) {
		(void)snprintf(seconds, sizeof(seconds), "%u", why->retry_after_s);
		(void)MHD_add_response_header(p, "Retry-After", seconds);
	}
	if (why->status == 401)
		(void)MHD_add_response_header(
			p, "WWW-Authenticate", "Bearer, Basic realm=\"headroom\"");
	if (allow)
		(void)MHD_add_response_header(p, "Allow", allow);
	return hr_reply(r, why->status, p);
}

enum MHD_Result hr_reply_problem(struct hr_request *r, const struct hr_refusal *why)
{
	return problem(r, why, NULL);
}

enum MHD_Result hr_reply_refused(struct hr_request *r)
{
	const struct hr_refusal why = {r->v.status, r->v.reason, r->v.detail, 0};

	return problem(r, &why, r->v.allow);
}
