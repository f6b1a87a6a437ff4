/* SPDX-License-Identifier: Apache-2.0 */
/* A collector made of one switch: libmicrohttpd on a loopback port, answering as it is told. */
#pragma once

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct http_server {
	struct MHD_Daemon *mhd;
	unsigned port;
	/* what to answer */
	atomic_uint status; /* 0: hang up after the body */
	const char *ack;    /* Headroom-Ack; "auto": seq of the struct; NULL: none */
	atomic_ullong seq;
	const char *retry_after;
	size_t reply_len;    /* bytes of 'x' */
	const char *text;    /* instead, when not NULL */
	atomic_bool problem; /* as the collector itself says what is wrong */
	atomic_uint delay_ms;
	/* what came */
	atomic_uint posts, connections;
	unsigned char body[16][65536]; /* of each POST, modulo 16 */
	size_t body_len[16];
	char sent[16][64], type[64], auth[64], encoding[16], version[16];
};

struct http_request {
	unsigned char body[65536];
	size_t len;
};

static void http_keep(char *to, size_t cap, struct MHD_Connection *c, const char *name)
{
	const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

	(void)snprintf(to, cap, "%s", v ? v : "");
}

static enum MHD_Result http_answer(struct http_server *s, struct MHD_Connection *c)
{
	unsigned status = atomic_load(&s->status);
	char ack[128];
	struct MHD_Response *r;
	enum MHD_Result ok;
	char *text;

	usleep(atomic_load(&s->delay_ms) * 1000);
	if (status == 0)
		return MHD_NO; /* closes the connection without an answer */
	if (s->text)
		s->reply_len = strlen(s->text);
	text = malloc(s->reply_len + 1);
	if (!text)
		return MHD_NO;
	if (s->text)
		memcpy(text, s->text, s->reply_len);
	else
		memset(text, 'x', s->reply_len);
	r = MHD_create_response_from_buffer(s->reply_len, text, MHD_RESPMEM_MUST_FREE);
	if (s->ack) {
		if (strcmp(s->ack, "auto") == 0)
			(void)snprintf(ack, sizeof(ack), "seq=%llu",
				(unsigned long long)atomic_load(&s->seq));
		else
			(void)snprintf(ack, sizeof(ack), "%s", s->ack);
		(void)MHD_add_response_header(r, "Headroom-Ack", ack);
	}
	if (atomic_load(&s->problem))
		(void)MHD_add_response_header(r, "Content-Type", "application/problem+json");
	if (s->retry_after)
		(void)MHD_add_response_header(r, "Retry-After", s->retry_after);
	if (status / 100 == 3)
		(void)MHD_add_response_header(r, "Location", "http://127.0.0.1:1/");
	ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result http_handle(void *arg, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **req)
{
	struct http_server *s = arg;
	struct http_request *q = *req;

	(void)version;
	if (strcmp(url, "/v1/summaries") != 0 || strcmp(method, "POST") != 0)
		return MHD_NO;
	if (!q) {
		*req = calloc(1, sizeof(*q));
		return *req ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		if (q->len + *size > sizeof(q->body))
			return MHD_NO;
		memcpy(q->body + q->len, data, *size);
		q->len += *size;
		*size = 0;
		return MHD_YES;
	}
	unsigned n = atomic_load(&s->posts) % 16;

	memcpy(s->body[n], q->body, q->len);
	s->body_len[n] = q->len;
	http_keep(s->sent[n], sizeof(s->sent[n]), c, "Headroom-Sent");
	http_keep(s->type, sizeof(s->type), c, "Content-Type");
	http_keep(s->auth, sizeof(s->auth), c, "Authorization");
	http_keep(s->encoding, sizeof(s->encoding), c, "Content-Encoding");
	http_keep(s->version, sizeof(s->version), c, "X-Prometheus-Remote-Write-Version");
	atomic_fetch_add(&s->posts, 1);
	return http_answer(s, c);
}

static void http_done(
	void *arg, struct MHD_Connection *c, void **req, enum MHD_RequestTerminationCode why)
{
	(void)arg;
	(void)c;
	(void)why;
	free(*req);
}

static void http_connection(
	void *arg, struct MHD_Connection *c, void **ctx, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = arg;

	(void)c;
	(void)ctx;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		atomic_fetch_add(&s->connections, 1);
}

static bool http_start(struct http_server *s, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const union MHD_DaemonInfo *info;

	s->mhd = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, http_handle, s,
		MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_NOTIFY_COMPLETED, http_done, s,
		MHD_OPTION_NOTIFY_CONNECTION, http_connection, s, MHD_OPTION_END);
	if (!s->mhd)
		return false;
	info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_BIND_PORT);
	s->port = info->port;
	return true;
}

static void http_stop(struct http_server *s)
{
	if (s->mhd)
		MHD_stop_daemon(s->mhd);
	s->mhd = NULL;
}
