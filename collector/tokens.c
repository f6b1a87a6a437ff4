// SPDX-License-Identifier: Apache-2.0
/*
 * POST /v1/enrol, and the admin's routes for tokens.  None has a body: parameters stand in the
 * query, so that nobody who is not known yet feeds a parser.  A secret is in an answer once,
 * when it is made.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/auth.h"
#include "collector/core/fleet_json.h"
#include "collector/core/json_util.h"
#include "collector/serve_private.h"
#include "collector/tls.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/base/secure.h"

static const struct hr_refusal
	no_store = {503, "auth-store", "auth.db could not be written; see the collector's log.",
		30},
	no_tls = {409, "no-tls",
		"No address of listen= has TLS, so no machine can join: add one, such as "
		"10.0.0.5:7868, and restart the collector.",
		0},
	no_address = {409, "no-address",
		"It listens on all addresses: set address= in [tls] to the one that agents use.",
		0},
	full = {503, "auth-full", "There are too many credentials: revoke some.", 300};

static enum MHD_Result reply(struct hr_request *r, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return hr_reply_json(r, text);
}

static const struct hr_refusal *refusal_of(enum hr_auth_result a)
{
	static const struct hr_refusal
		over = {401, "credential", "This token's time or uses are over.", 0},
		other = {403, "forbidden", "This token was made for another machine.", 0},
		taken = {409, "enrolled",
			"A machine with this host id is known here already. If this one is a "
			"clone, "
			"give it a machine-id of its own (rm /etc/machine-id; "
			"systemd-machine-id-setup). If it is the same, make a token for it: "
			"headroom "
			"hosts enrol --host NAME.",
			0};

	switch (a) {
	case HR_AUTH_OK:
		return NULL;
	case HR_AUTH_EXPIRED:
		return &over;
	case HR_AUTH_TAKEN:
		return &taken;
	case HR_AUTH_UNKNOWN:
		return &other;
	case HR_AUTH_FULL:
		return &full;
	default:
		return &no_store;
	}
}

/* Has this host history here? */
static bool has_history(struct hr_serve *s, const uint8_t host[HR_HOST_ID_LEN])
{
	struct hr_snapshot *snap = hr_board_get(s->board);
	char id[HR_HEX_LEN(HR_HOST_ID_LEN)];
	struct hr_view *view;
	bool has;

	hr_hex_print(host, HR_HOST_ID_LEN, id);
	has = hr_snapshot_find(snap, id, &view) == HR_FIND_ONE;
	hr_snapshot_unref(snap);
	return has;
}

static enum MHD_Result enrol(struct hr_request *r, const struct hr_query_enrol *q)
{
	struct hr_serve *s = r->door->serve;
	struct hr_auth_enrol e = {.token = &r->cred, .known = has_history(s, q->host)};
	char holder[HR_NAME_LEN], id[HR_HEX_LEN(HR_HOST_ID_LEN)];
	enum hr_auth_result a;

	memcpy(e.host, q->host, sizeof(e.host));
	memcpy(e.hash, q->hash, sizeof(e.hash));
	memcpy(e.name, q->name, sizeof(e.name));
	a = hr_auth_enrol(s->conf.auth, &e, hr_clock_wall_ms(), holder);
	hr_hex_print(e.host, sizeof(e.host), id);
	if (a == HR_AUTH_TAKEN)
		hr_log(HR_LOG_WARNING, "clone_or_thief",
			"host_id=%s known_as=\"%s\" asks_as=\"%s\" note=\"refused; the one that is "
			"known goes on\"",
			id, holder, e.name);
	if (a != HR_AUTH_OK)
		return hr_reply_problem(r, refusal_of(a));
	hr_log(HR_LOG_NOTICE, "enrolled", "host_id=%s name=\"%s\"", id, e.name);
	return reply(r, json_pack("{s:s,s:s}", "schema", "headroom.enrolled/1", "host_id", id));
}

/* Where agents reach us; NULL with the reason in *ret_why. */
static const char *join_address(
	struct hr_serve *s, char to[HR_ADDRESS_LEN], const struct hr_refusal **ret_why)
{
	*ret_why = &no_tls;
	for (unsigned i = 0; i < s->conf.n_listen; i++) {
		const struct hr_listen *l = &s->conf.listen[i];

		if (!l->tls)
			continue;
		if (s->conf.address && s->conf.address[0])
			return s->conf.address;
		*ret_why = &no_address;
		if (strcmp(l->host, "0.0.0.0") == 0 || strcmp(l->host, "::") == 0)
			continue;
		(void)snprintf(
			to, HR_ADDRESS_LEN, l->v6 ? "[%s]:%u" : "%s:%u", l->host, s->door[i].port);
		return to;
	}
	return NULL;
}

static void add_pin(json_t *o)
{
	uint8_t pin[HR_PIN_LEN];
	char text[HR_PIN_TEXT];

	hr_tls_pin(pin);
	if (hr_pin_print(pin, text))
		json_object_set_new(o, "pin", json_string(text));
}

static enum MHD_Result make(struct hr_request *r, const struct hr_query_token *q)
{
	struct hr_serve *s = r->door->serve;
	struct hr_auth_new want = {.kind = q->enrol ? HR_SECRET_ENROL : HR_SECRET_READ,
		.uses = q->uses,
		.has_host = q->has_host};
	const struct hr_refusal *why = NULL;
	char room[HR_ADDRESS_LEN], text[HR_JOIN_TEXT], id[HR_HEX_LEN(HR_HOST_ID_LEN)];
	const char *address = join_address(s, room, &why);
	uint64_t now = hr_clock_wall_ms();
	struct hr_join j = {0};
	enum hr_auth_result a;
	json_t *o;

	if (q->enrol && (!address || strlen(address) >= sizeof(j.address)))
		return hr_reply_problem(r, why);
	memcpy(want.name, q->name, sizeof(want.name));
	memcpy(want.host, q->host, sizeof(want.host));
	want.expires_ms = q->ttl_ms > 0 ? now + q->ttl_ms : 0;
	a = hr_auth_add(s->conf.auth, &want, now, &j.token);
	if (a != HR_AUTH_OK)
		return hr_reply_problem(r, refusal_of(a));
	if (q->enrol) {
		(void)snprintf(j.address, sizeof(j.address), "%s", address);
		hr_tls_pin(j.pin);
		hr_join_print(&j, text);
	} else {
		hr_secret_print(&j.token, text);
	}
	hr_hex_print(j.token.id, sizeof(j.token.id), id);
	hr_log(HR_LOG_NOTICE, "token_made", "kind=%s id=%s", q->enrol ? "enrol" : "read", id);
	o = json_pack("{s:s,s:s,s:s,s:s}", "schema", "headroom.token/1", "kind",
		q->enrol ? "enrol" : "read", "id", id, q->enrol ? "join" : "token", text);
	if (want.expires_ms)
		json_object_set_new(o, "expires_at", hr_json_time(want.expires_ms));
	if (address)
		add_pin(o);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&j, sizeof(j));
	return reply(r, o);
}

static enum MHD_Result list(struct hr_request *r)
{
	uint32_t n;
	struct hr_auth_info *info = hr_auth_list(r->door->serve->conf.auth, &n);
	json_t *all = json_array();

	for (uint32_t i = 0; info && i < n; i++) {
		const struct hr_auth_info *e = &info[i];
		char id[HR_HEX_LEN(HR_HOST_ID_LEN)];
		json_t *o;

		hr_hex_print(e->id, sizeof(e->id), id);
		o = json_pack("{s:s,s:s,s:s?}", "kind",
			e->kind == HR_SECRET_AGENT  ? "agent"
			: e->kind == HR_SECRET_READ ? "read"
						    : "enrol",
			"id", id, "name", e->name[0] ? e->name : NULL);
		json_object_set_new(o, "made_at", hr_json_time(e->made_ms));
		json_object_set_new(
			o, "expires_at", e->expires_ms ? hr_json_time(e->expires_ms) : json_null());
		if (e->kind == HR_SECRET_ENROL)
			json_object_set_new(o, "uses", json_integer(e->uses));
		json_array_append_new(all, o);
	}
	free(info);
	return reply(r, json_pack("{s:s,s:o}", "schema", "headroom.tokens/1", "tokens", all));
}

static enum MHD_Result end_token(struct hr_request *r)
{
	static const struct hr_refusal none = {404, "no-token",
		"No credential has this id or name; see headroom hosts tokens.", 0};
	unsigned n;

	if (hr_auth_revoke(r->door->serve->conf.auth, HR_SECRET_NONE, r->v.id, &n) != HR_AUTH_OK)
		return hr_reply_problem(r, &no_store);
	if (n == 0)
		return hr_reply_problem(r, &none);
	hr_log(HR_LOG_NOTICE, "revoked", "what=%s credentials=%u", r->v.id, n);
	return reply(r, json_pack("{s:s,s:i}", "schema", "headroom.revoked/1", "revoked", (int)n));
}

enum MHD_Result hr_tokens_get(struct hr_request *r, const struct hr_query_arg *args, size_t n_args)
{
	char err[HR_QUERY_ERR_LEN];
	struct hr_query_enrol enrol_q;
	struct hr_query_token token;
	struct hr_refusal bad = {400, "query", err, 0};
	bool fine;

	if (!r->door->serve->conf.auth)
		return hr_reply_problem(r, &no_store);
	if (r->v.route == HR_ROUTE_ENROL)
		fine = hr_query_enrol(args, n_args, &enrol_q, err);
	else if (r->v.route == HR_ROUTE_TOKEN_NEW)
		fine = hr_query_token(args, n_args, &token, err);
	else
		fine = hr_query_none(args, n_args, err);
	if (!fine)
		return hr_reply_problem(r, &bad);
	switch (r->v.route) {
	case HR_ROUTE_ENROL:
		return enrol(r, &enrol_q);
	case HR_ROUTE_TOKEN_NEW:
		return make(r, &token);
	case HR_ROUTE_TOKENS:
		return list(r);
	default:
		return end_token(r);
	}
}
