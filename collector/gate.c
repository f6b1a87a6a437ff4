// SPDX-License-Identifier: Apache-2.0
/*
 * Who may come in.  Asked when the headers are complete and before a byte of the body is
 * looked at; nothing here touches a disk.
 *
 * The admin's socket needs no token: its file mode says who opens it.  Plain loopback is open
 * as far as the operator leaves it so.  Over TLS everything but /healthz needs one:
 *   POST /v1/summaries   the agent's own secret, for windows of its own host id (ingest.c)
 *   POST /v1/enrol       an enrol token
 *   everything else      a read token; an agent's secret reads about its own host
 * A read token may also be the password of HTTP basic authentication: browsers ask for that.
 */
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "collector/auth.h"
#include "collector/serve_private.h"
#include "collector/tls.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

#define BASIC_MAX    400  /* bytes of an Authorization header */
#define FAILURE_COST 10.0 /* connections that a refused credential counts as */
#define BURST_S      10.0 /* seconds' worth of connections at once */

static const struct hr_refusal
	no_token = {401, "credential", "A token is needed here; see headroom hosts token.", 0},
	wrong_token = {401, "credential", "This token is not known, or its time is over.", 0},
	not_yours = {403, "forbidden",
		"This token is not for this; an agent's secret reads about its own VM only. For "
		"the fleet: headroom hosts token, and HEADROOM_TOKEN_FILE.",
		0},
	no_certificate = {403, "client-certificate",
		"A client certificate is needed, signed by the CA that the collector was told.", 0},
	too_often = {429, "rate", "This token is used too often; slow down.", 10};

/* --- addresses --- */

/* IPv4, or the /64 that an IPv6 client can choose from. */
static bool address_key(const struct sockaddr *a, uint8_t key[HR_RATE_KEY_LEN])
{
	memset(key, 0, HR_RATE_KEY_LEN);
	if (a && a->sa_family == AF_INET) {
		memcpy(key + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
		return true;
	}
	if (a && a->sa_family == AF_INET6) {
		memcpy(key, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 8);
		key[15] = 1; /* no IPv4 address ends up here */
		return true;
	}
	return false;
}

/* One connection's worth of what this address may do; @penalty: it is charged in any case. */
static bool address_take(struct hr_serve *s, const struct sockaddr *a, bool penalty)
{
	uint8_t key[HR_RATE_KEY_LEN];
	uint64_t now = hr_clock_mono_ns();
	double per_s = s->conf.connect_per_s, burst = per_s * BURST_S;
	struct hr_bucket *b;
	bool fine = true;

	if (per_s <= 0 || !address_key(a, key))
		return true;
	pthread_mutex_lock(&s->rate_lock);
	s->rate.per_s = per_s;
	s->rate.burst = burst;
	b = hr_rate_of(&s->rate, key, now);
	if (penalty)
		hr_bucket_charge(b, now, per_s, burst, FAILURE_COST);
	else
		fine = hr_bucket_take(b, now, per_s, burst, 1);
	pthread_mutex_unlock(&s->rate_lock);
	return fine;
}

enum MHD_Result hr_gate_accept(void *arg, const struct sockaddr *addr, socklen_t len)
{
	struct hr_door *d = arg;

	(void)len;
	if (!d->tls || address_take(d->serve, addr, false))
		return MHD_YES;
	hr_count(d->serve->count, HR_COUNT_CONNECT_RATE, 1);
	return MHD_NO;
}

/* --- credentials --- */

static bool is(const struct hr_http_header *h, const char *name)
{
	return strlen(name) == h->name_len && strncasecmp(h->name, name, h->name_len) == 0;
}

/* "Basic base64(anybody:token)" */
static bool basic(const char *value, size_t len, struct hr_secret *ret)
{
	static const char scheme[] = "Basic ";
	const size_t n = sizeof(scheme) - 1;
	gnutls_datum_t in, out = {0};
	const unsigned char *colon;
	bool fine = false;

	if (len <= n || strncasecmp(value, scheme, n) != 0)
		return false;
	in = (gnutls_datum_t){(unsigned char *)value + n, (unsigned)(len - n)};
	if (gnutls_base64_decode2(&in, &out) != 0)
		return false;
	colon = memchr(out.data, ':', out.size);
	if (colon)
		fine = hr_secret_parse(
			(const char *)colon + 1, out.size - (size_t)(colon + 1 - out.data), ret);
	explicit_bzero(out.data, out.size);
	gnutls_free(out.data);
	return fine;
}

/* The one Authorization header; false: there is one, and it is no credential of ours. */
static bool read_credential(const struct hr_http_request *req, struct hr_secret *ret)
{
	const struct hr_http_header *auth = NULL;

	*ret = (struct hr_secret){0};
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!is(&req->header[i], "Authorization"))
			continue;
		if (auth)
			return false;
		auth = &req->header[i];
	}
	if (!auth)
		return true;
	return auth->value_len <= BASIC_MAX &&
	       (hr_secret_bearer(auth->value, auth->value_len, ret) ||
		       (basic(auth->value, auth->value_len, ret) && ret->kind == HR_SECRET_READ));
}

static bool about_itself(const struct hr_request *r)
{
	char id[HR_HEX_LEN(HR_HOST_ID_LEN)];

	if (r->v.route < HR_ROUTE_HOST || r->v.route > HR_ROUTE_EXPLAIN)
		return false;
	hr_hex_print(r->cred.id, sizeof(r->cred.id), id);
	return strcmp(r->v.id, id) == 0;
}

static bool may(const struct hr_request *r)
{
	switch (r->cred.kind) {
	case HR_SECRET_AGENT:
		return r->v.route == HR_ROUTE_SUMMARIES || about_itself(r);
	case HR_SECRET_ENROL:
		return r->v.route == HR_ROUTE_ENROL;
	case HR_SECRET_READ:
		return r->v.route != HR_ROUTE_SUMMARIES && r->v.route != HR_ROUTE_ENROL;
	case HR_SECRET_NONE:
		break;
	}
	return false;
}

static const struct hr_refusal *known(struct hr_request *r)
{
	struct hr_serve *s = r->door->serve;
	const union MHD_ConnectionInfo *info;

	switch (s->conf.auth ? hr_auth_check(s->conf.auth, &r->cred, hr_clock_wall_ms(),
				       hr_clock_mono_ns())
			     : HR_AUTH_UNKNOWN) {
	case HR_AUTH_OK:
		return may(r) ? NULL : &not_yours;
	case HR_AUTH_RATE:
		return &too_often;
	default:
		break;
	}
	info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (r->door->tls && info)
		(void)address_take(s, info->client_addr, true);
	/* which id, never which secret; the log limits how often it says so */
	hr_log(HR_LOG_WARNING, "credential_refused", "route=%s", hr_route_name(r->v.route));
	return &wrong_token;
}

static bool has_certificate(struct hr_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info && hr_tls_client_ok((gnutls_session_t)info->tls_session);
}

const struct hr_refusal *hr_gate(struct hr_request *r, const struct hr_http_request *req)
{
	const struct hr_serve_conf *conf = &r->door->serve->conf;

	if (r->door->admin || r->v.route == HR_ROUTE_HEALTHZ)
		return NULL;
	if (r->door->tls && hr_tls_client_ca() && !has_certificate(r))
		return &no_certificate;
	if (!read_credential(req, &r->cred))
		return &wrong_token;
	if (r->cred.kind != HR_SECRET_NONE)
		return known(r);
	return r->door->tls || conf->loopback_tokens || r->v.route == HR_ROUTE_ENROL ? &no_token
										     : NULL;
}

const struct hr_refusal *hr_gate_body(struct hr_request *r, const uint8_t host[HR_HOST_ID_LEN])
{
	static const struct hr_refusal
		other = {403, "identity", "This secret is of another host than the windows.", 0},
		enrolled = {403, "identity",
			"This host has a secret of its own: it must come with it.", 0};

	if (r->cred.kind == HR_SECRET_AGENT)
		return memcmp(r->cred.id, host, HR_HOST_ID_LEN) == 0 ? NULL : &other;
	return r->door->serve->conf.auth && hr_auth_has_agent(r->door->serve->conf.auth, host)
		       ? &enrolled
		       : NULL;
}
