// SPDX-License-Identifier: Apache-2.0
/* GET routes: each takes a reference to the snapshot, makes one document, gives it back. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "collector/auth.h"
#include "collector/core/answer_json.h"
#include "collector/core/fleet_json.h"
#include "collector/core/ladder_json.h"
#include "collector/core/query.h"
#include "collector/serve_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"

static const struct hr_refusal stopping = {503, "stopping", "The collector is stopping.", 5};

struct args {
	struct hr_query_arg arg[HR_QUERY_ARGS_MAX];
	size_t n;
	bool too_many;
};

static enum MHD_Result add_arg(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_len,
	const char *value, size_t value_len)
{
	struct args *a = cls;

	(void)kind;
	if (a->n == HR_QUERY_ARGS_MAX) {
		a->too_many = true;
		return MHD_NO;
	}
	a->arg[a->n++] = (struct hr_query_arg){
		.key = key, .key_len = key_len, .value = value, .value_len = value_len};
	return MHD_YES;
}

static void read_args(struct hr_request *r, struct args *a)
{
	a->n = 0;
	a->too_many = false;
	(void)MHD_get_connection_values_n(r->mhd, MHD_GET_ARGUMENT_KIND, add_arg, a);
}

static enum MHD_Result bad_query(struct hr_request *r, const char *sentence)
{
	const struct hr_refusal why = {400, "query", sentence, 0};

	return hr_reply_problem(r, &why);
}

static enum MHD_Result get_fleet(struct hr_request *r, const struct args *a)
{
	struct hr_query_fleet q;
	char err[HR_QUERY_ERR_LEN];

	return hr_query_fleet(a->arg, a->n, &q, err) ? hr_lists_get(r, &q) : bad_query(r, err);
}

static const struct hr_refusal *not_one(enum hr_find f)
{
	static const struct hr_refusal
		none = {404, "no-host", "No host of this id or name reports to this collector.", 0},
		several = {409, "ambiguous", "Several hosts have this name: use the host id.", 0};

	return f == HR_FIND_NONE ? &none : &several;
}

static double target_of(const struct hr_serve_conf *conf, const char *host)
{
	struct hr_model_conf c = {.k_target = conf->target};

	hr_host_rules_apply(&conf->rules, hr_host_rules_of(&conf->rules, host), &c);
	return c.k_target;
}

static char *answer_text(const struct hr_serve_conf *conf, const struct hr_view *view, bool sizes)
{
	struct hr_answer *a = hr_view_answer(view);
	char *text = !a      ? NULL
		     : sizes ? hr_ladder_document(a, conf->sizes, target_of(conf, a->host))
			     : hr_answer_json(a, false);

	free(a);
	return text;
}

/* Document of one host made from the snapshot alone, or an answer that only the writer has. */
static enum MHD_Result get_host(struct hr_request *r)
{
	struct hr_snapshot *snap = hr_board_get(r->door->serve->board);
	struct hr_view *view;
	enum hr_find f = hr_snapshot_find(snap, r->v.id, &view);
	char *text = NULL;

	if (f == HR_FIND_ONE && r->v.route != HR_ROUTE_HOST && !view->packed) {
		r->u.ask.host_no = view->no;
		hr_snapshot_unref(snap);
		return hr_serve_hold(r, HR_WORK_ANSWER) ? MHD_YES : hr_reply_problem(r, &stopping);
	}
	if (f == HR_FIND_ONE && r->v.route != HR_ROUTE_HOST)
		text = answer_text(&r->door->serve->conf, view, r->v.route == HR_ROUTE_SIZES);
	else if (f == HR_FIND_ONE)
		text = hr_fleet_host_json(&view->row);
	hr_snapshot_unref(snap);
	return f == HR_FIND_ONE ? hr_reply_json(r, text) : hr_reply_problem(r, not_one(f));
}

/* Questions that the writer answers: explain and history. */
static enum MHD_Result ask(struct hr_request *r, const struct args *a)
{
	bool history = r->v.route == HR_ROUTE_HISTORY;
	struct hr_snapshot *snap;
	struct hr_view *view;
	char err[HR_QUERY_ERR_LEN];
	enum hr_find f;

	if (history && !hr_query_history(a->arg, a->n, hr_clock_wall_ms(), &r->u.ask.history, err))
		return bad_query(r, err);
	snap = hr_board_get(r->door->serve->board);
	f = hr_snapshot_find(snap, r->v.id, &view);
	if (f == HR_FIND_ONE)
		r->u.ask.host_no = view->no;
	hr_snapshot_unref(snap);
	if (f != HR_FIND_ONE)
		return hr_reply_problem(r, not_one(f));
	return hr_serve_hold(r, history ? HR_WORK_HISTORY : HR_WORK_EXPLAIN)
		       ? MHD_YES
		       : hr_reply_problem(r, &stopping);
}

static enum MHD_Result forget(struct hr_request *r, const struct args *a)
{
	static const char key[] = "revoke";
	bool revoke = a->n == 1 && a->arg[0].key_len == sizeof(key) - 1 &&
		      memcmp(a->arg[0].key, key, sizeof(key) - 1) == 0;

	if (a->n > 0 && !revoke)
		return bad_query(r, "Only ?revoke is known at this path.");
	r->u.ask.host = r->v.id;
	r->u.ask.revoke = revoke;
	return hr_serve_hold(r, HR_WORK_FORGET) ? MHD_YES : hr_reply_problem(r, &stopping);
}

static enum MHD_Result forgotten(struct hr_request *r)
{
	const struct hr_forgotten *f = &r->u.ask.forgotten;
	struct hr_auth *auth = r->door->serve->conf.auth;
	unsigned revoked = 0;
	char id[2 * HR_HOST_ID_LEN + 1], *text;
	json_t *o = json_object();

	hr_host_id_print(f->id, id);
	if (r->u.ask.revoke && auth &&
		hr_auth_revoke(auth, HR_SECRET_AGENT, id, &revoked) != HR_AUTH_OK) {
		static const struct hr_refusal kept = {503, "auth-store",
			"The host is forgotten, but its secret could not be revoked: see the log.",
			30};

		json_decref(o);
		return hr_reply_problem(r, &kept);
	}
	json_object_set_new(o, "schema", json_string("headroom.forgotten/1"));
	json_object_set_new(o, "revoked", json_boolean(revoked > 0));
	json_object_set_new(o, "host", json_string(f->name));
	json_object_set_new(o, "host_id", json_string(id));
	json_object_set_new(o, "boots", json_integer(f->boots));
	json_object_set_new(o, "windows", json_integer((json_int_t)f->windows));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return hr_reply_json(r, text);
}

enum MHD_Result hr_routes_reply(struct hr_request *r)
{
	struct hr_ask *k = &r->u.ask;
	char *text = k->text;

	k->text = NULL;
	if (k->refused.status != 0) {
		free(text);
		return hr_reply_problem(r, &k->refused);
	}
	if (k->work.kind == HR_WORK_FORGET)
		return forgotten(r);
	if (k->work.kind == HR_WORK_METRICS)
		return hr_metrics_reply(r, text);
	if (k->work.kind == HR_WORK_LIST)
		return hr_lists_reply(r);
	if (k->work.kind == HR_WORK_ANSWER)
		return hr_reply_json(r,
			answer_text(&r->door->serve->conf, k->view, r->v.route == HR_ROUTE_SIZES));
	return k->work.kind == HR_WORK_HISTORY
		       ? hr_reply_json(r, text)
		       : hr_reply_text(r, 200, "text/plain; charset=utf-8", text, k->len);
}

static enum MHD_Result get_health(struct hr_request *r)
{
	static const struct hr_refusal
		failed = {503, "store-failed", "The store failed; the collector is ending.", 0},
		full = {503, "disk-full",
			"The disk is below the reserve: windows are refused, answers go on.", 0},
		foreign = {503, "foreign-writer",
			"Another program writes to the database: windows are refused.", 0},
		away = {503, "database-away",
			"The database server is not reached: windows are refused, answers go on.",
			0};
	const struct hr_refusal *why = NULL;

	switch (hr_writer_state(r->door->serve->writer)) {
	case HR_WRITER_OK:
		break;
	case HR_WRITER_DISK_FULL:
		why = &full;
		break;
	case HR_WRITER_FOREIGN:
		why = &foreign;
		break;
	case HR_WRITER_FAILED:
		why = &failed;
		break;
	case HR_WRITER_AWAY:
		why = &away;
		break;
	}
	/* alive as long as answers come; ready only while windows are taken */
	if (why && (r->v.route == HR_ROUTE_READYZ || why == &failed))
		return hr_reply_problem(r, why);
	return hr_reply_text(r, 200, "text/plain; charset=utf-8", strdup("ok\n"), 3);
}

enum MHD_Result hr_routes_get(struct hr_request *r)
{
	struct args a;
	char err[HR_QUERY_ERR_LEN];

	read_args(r, &a);
	if (a.too_many)
		return bad_query(r, "Too many parameters.");
	if (r->v.route == HR_ROUTE_FLEET || r->v.route == HR_ROUTE_HOSTS)
		return get_fleet(r, &a);
	if (r->v.route == HR_ROUTE_HISTORY)
		return ask(r, &a);
	if (r->v.route >= HR_ROUTE_ENROL && r->v.route != HR_ROUTE_FORGET)
		return hr_tokens_get(r, a.arg, a.n);
	/* the page's own files may carry a version in the query */
	if (r->v.route != HR_ROUTE_PAGE && r->v.route != HR_ROUTE_FORGET &&
		!hr_query_none(a.arg, a.n, err))
		return bad_query(r, err);
	switch (r->v.route) {
	case HR_ROUTE_HOST:
	case HR_ROUTE_ANSWER:
	case HR_ROUTE_SIZES:
		return get_host(r);
	case HR_ROUTE_EXPLAIN:
		return ask(r, &a);
	case HR_ROUTE_FORGET:
		return forget(r, &a);
	case HR_ROUTE_HEALTHZ:
	case HR_ROUTE_READYZ:
		return get_health(r);
	case HR_ROUTE_PAGE:
		return hr_page_get(r);
	case HR_ROUTE_METRICS:
		return hr_metrics_get(r);
	default:
		return MHD_NO; /* POST's route, which never comes here */
	}
}
