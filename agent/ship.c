/* SPDX-License-Identifier: Apache-2.0 */
/* POST by libcurl's multi interface; see ship.h.  Rules: ecosystem.md 2.1. */
#include "agent/ship.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/clock.h"
#include "proto/base/secure.h"
#include "proto/units.h"

#define REPLY_MAX      16384 /* bytes of an answer read before it is cut off */
#define HEADER_MAX     256
#define CONNECT_MAX_MS 5000L
#define FDS_MAX        4

struct hr_ship {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers; /* fixed ones and, first, Headroom-Sent */
	char sent[64];              /* its text: libcurl reads the list while sending */
	char token[256];
	bool loopback;
	bool busy, ended;
	CURLcode code;
	uint64_t seq;
	size_t body_len;
	size_t reply_len;
	char reply[256]; /* start of the answer, for the log */
	char ack[HEADER_MAX];
	char curl_err[CURL_ERROR_SIZE];
};

const char *hr_ship_outcome_name(enum hr_ship_outcome o)
{
	static const char *const names[] = {
		"none", "durable", "unknown", "not-taken", "refused", "denied", "clash"};

	return (unsigned)o < sizeof names / sizeof *names ? names[o] : "?";
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct hr_ship *s = arg;
	size_t len = size * n;

	if (s->reply_len + len > REPLY_MAX)
		return 0; /* aborts the transfer: nothing of ours answers that long */
	if (s->reply_len < sizeof s->reply - 1) {
		size_t room = sizeof s->reply - 1 - s->reply_len;
		size_t take = len < room ? len : room;

		memcpy(s->reply + s->reply_len, p, take);
		s->reply[s->reply_len + take] = '\0';
	}
	s->reply_len += len;
	return len;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char name[] = "Headroom-Ack:";
	struct hr_ship *s = arg;
	size_t len = size * n, skip = sizeof name - 1;

	/* an interim answer (100) begins a new header: what stood in it is not the answer's */
	if (len >= 5 && memcmp(p, "HTTP/", 5) == 0)
		s->ack[0] = '\0';
	if (len > skip && len - skip < sizeof s->ack && strncasecmp(p, name, skip) == 0) {
		memcpy(s->ack, p + skip, len - skip);
		s->ack[len - skip] = '\0';
	}
	return len;
}

/* Judged on the host libcurl itself would connect to, so no spelling gets past it. */
static bool is_loopback(const char *url)
{
	struct in_addr a;
	struct in6_addr a6;
	CURLU *u = curl_url();
	char *host = NULL;
	bool is = false;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		char bare[64] = "";

		if (host[0] == '[')
			(void)snprintf(
				bare, sizeof bare, "%.*s", (int)strcspn(host + 1, "]"), host + 1);
		is = strcasecmp(host, "localhost") == 0 ||
		     (inet_pton(AF_INET, host, &a) == 1 && ntohl(a.s_addr) >> 24 == 127) ||
		     (inet_pton(AF_INET6, bare, &a6) == 1 && IN6_IS_ADDR_LOOPBACK(&a6));
	}
	curl_free(host);
	curl_url_cleanup(u);
	return is;
}

/* Adds "name: value" lines that no transfer changes. */
static int add_headers(struct hr_ship *s)
{
	static const char *const fixed[] = {
		"Content-Type: application/x-protobuf", "Expect:", "Accept:"};
	char auth[sizeof s->token + 32];

	s->headers = curl_slist_append(NULL, "Headroom-Sent: 0");
	for (size_t i = 0; s->headers && i < sizeof fixed / sizeof *fixed; i++)
		if (!curl_slist_append(s->headers, fixed[i]))
			return -ENOMEM;
	if (s->headers && s->token[0]) {
		(void)snprintf(auth, sizeof auth, "Authorization: Bearer %s", s->token);
		if (!curl_slist_append(s->headers, auth))
			return -ENOMEM;
	}
	if (!s->headers)
		return -ENOMEM;
	/* Headroom-Sent is written afresh for each try: its text lives in the struct */
	free(s->headers->data);
	s->headers->data = s->sent;
	return 0;
}

static int set_options(struct hr_ship *s, const struct hr_ship_opts *o)
{
	static const char path[] = "/v1/summaries";
	long timeout_ms = (long)hr_ns_to_ms(o->timeout_ns);
	size_t n = strlen(o->url);
	char url[512];
	CURL *c = s->easy;
	CURLcode r = CURLE_OK;

	while (n > 0 && o->url[n - 1] == '/')
		n--;
	if ((size_t)snprintf(url, sizeof url, "%.*s%s", (int)n, o->url, path) >= sizeof url)
		return -ENAMETOOLONG;
#define SET(opt, v) (r = r != CURLE_OK ? r : curl_easy_setopt(c, CURLOPT_##opt, (v)))
	SET(URL, url);
	SET(PROTOCOLS_STR, s->loopback ? "http,https" : "https");
	SET(FOLLOWLOCATION, 0L);
	SET(PROXY, "");
	SET(NOSIGNAL, 1L);
	SET(POST, 1L);
	SET(HTTPHEADER, s->headers);
	SET(USERAGENT, "headroom-agent/" HR_VERSION);
	SET(CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MAX_MS ? timeout_ms : CONNECT_MAX_MS);
	SET(TIMEOUT_MS, timeout_ms);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	/* without this GnuTLS reads every file of /etc/ssl/certs: 7 MB of private memory */
	SET(CAPATH, NULL);
	if (o->pin && o->pin[0]) {
		/* the pin is the whole of the check: nobody else has the key */
		SET(PINNEDPUBLICKEY, o->pin);
		SET(SSL_VERIFYPEER, 0L);
		SET(SSL_VERIFYHOST, 0L);
		SET(CAINFO, NULL);
	} else if (o->ca_file[0]) {
		SET(CAINFO, o->ca_file);
	}
	if (o->cert_file && o->cert_file[0]) {
		SET(SSLCERT, o->cert_file);
		SET(SSLKEY, o->key_file);
	}
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, s);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, s);
	SET(ERRORBUFFER, s->curl_err);
	SET(BUFFERSIZE, 4096L);
	SET(UPLOAD_BUFFERSIZE, 16384L); /* allocated whole; libcurl's least */
	SET(MAXCONNECTS, 1L);
#undef SET
	return r == CURLE_OK ? 0 : -EINVAL;
}

static int read_token(struct hr_ship *s, const char *path, char err[512])
{
	long n;

	if (!path[0])
		return 0;
	n = hr_secret_file_read(path, s->token, sizeof s->token);
	if (n < 0) {
		(void)snprintf(err, 512,
			"cannot use the token file %.200s: %s; it must be this user's with mode "
			"0600, or leave token_file empty",
			path, hr_secret_file_why(n));
		return (int)n;
	}
	s->token[strcspn(s->token, "\r\n")] = '\0';
	return 0;
}

int hr_ship_open(struct hr_ship **ret_ship, const struct hr_ship_opts *opts, char err[512])
{
	struct hr_ship *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	s->loopback = is_loopback(opts->url);
	if (!s->loopback && strncasecmp(opts->url, "https://", 8) != 0) {
		(void)snprintf(err, 512,
			"collector %.200s: beyond loopback it must be https; use "
			"https://host:port, or a collector on 127.0.0.1",
			opts->url);
		free(s);
		return -EINVAL;
	}
	(void)snprintf(s->sent, sizeof s->sent, "Headroom-Sent: 0");
	(void)snprintf(err, 512, "out of memory while preparing to send");
	if (opts->secret && opts->secret[0])
		r = (size_t)snprintf(s->token, sizeof s->token, "%s", opts->secret) <
				    sizeof s->token
			    ? 0
			    : -EINVAL;
	else
		r = read_token(s, opts->token_file, err);
	if (r == 0)
		r = add_headers(s);
	if (r == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		r = -ENOMEM;
	if (r == 0) {
		s->multi = curl_multi_init();
		s->easy = curl_easy_init();
		r = s->multi && s->easy ? set_options(s, opts) : -ENOMEM;
	}
	if (r == -EINVAL || r == -ENAMETOOLONG)
		(void)snprintf(err, 512,
			"libcurl does not take the URL %.200s; expected http://127.0.0.1:7867 or "
			"https://host:port",
			opts->url);
	if (r < 0) {
		hr_ship_close(s);
		return r;
	}
	*ret_ship = s;
	return 0;
}

void hr_ship_close(struct hr_ship *s)
{
	if (!s)
		return;
	if (s->busy)
		(void)curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	if (s->multi)
		(void)curl_multi_cleanup(s->multi);
	if (s->headers) {
		if (s->headers->data == s->sent)
			s->headers->data = NULL; /* ours, not libcurl's; free(NULL) is fine */
		curl_slist_free_all(s->headers);
	}
	explicit_bzero(s->token, sizeof s->token);
	free(s);
}

bool hr_ship_loopback(const struct hr_ship *s)
{
	return s->loopback;
}

bool hr_ship_busy(const struct hr_ship *s)
{
	return s->busy;
}

int hr_ship_post(struct hr_ship *s, const void *body, size_t len, uint64_t seq)
{
	if (s->busy)
		return -EBUSY;
	s->seq = seq;
	s->body_len = len;
	s->ended = false;
	s->reply_len = 0;
	s->reply[0] = s->ack[0] = s->curl_err[0] = '\0';
	(void)snprintf(s->sent, sizeof s->sent, "Headroom-Sent: %llu",
		(unsigned long long)hr_clock_wall_ms());
	if (curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
		curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)len) != CURLE_OK ||
		curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		return -ENOMEM;
	s->busy = true;
	return 0;
}

/* Lets libcurl work; notes the end of the transfer. */
static void drive(struct hr_ship *s)
{
	int running, left;
	CURLMsg *m;

	if (!s->busy)
		return;
	(void)curl_multi_perform(s->multi, &running);
	while ((m = curl_multi_info_read(s->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		s->code = m->data.result;
		(void)curl_multi_remove_handle(s->multi, s->easy);
		s->busy = false;
		s->ended = true;
	}
}

/* The whole request has left: only the answer is missing. */
static bool awaits_answer(const struct hr_ship *s)
{
	curl_off_t body = 0;

	(void)curl_easy_getinfo(s->easy, CURLINFO_SIZE_UPLOAD_T, &body);
	return body > 0 && (size_t)body == s->body_len;
}

unsigned hr_ship_wait(struct hr_ship *s, const int *fd, unsigned n, int timeout_ms)
{
	struct pollfd w[FDS_MAX] = {{0}};
	struct curl_waitfd cw[FDS_MAX] = {{0}};
	unsigned ready = 0;
	bool was_busy = s->busy;

	if (n > FDS_MAX)
		n = FDS_MAX;
	for (unsigned i = 0; i < n; i++) {
		w[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
		cw[i] = (struct curl_waitfd){.fd = fd[i], .events = CURL_WAIT_POLLIN};
	}
	drive(s);
	if (was_busy && !s->busy)
		timeout_ms = 0; /* it just ended: let the caller know */
	if (n > 0 && (!s->busy || awaits_answer(s))) {
		/* an answer may wait for the next tick; being woken for it is a tenth of all wakes
		 */
		(void)poll(w, n, timeout_ms);
		for (unsigned i = 0; i < n; i++)
			ready |= (w[i].revents != 0 ? 1u : 0u) << i;
	} else {
		(void)curl_multi_poll(s->multi, cw, n, timeout_ms, NULL);
		for (unsigned i = 0; i < n; i++)
			ready |= (cw[i].revents != 0 ? 1u : 0u) << i;
	}
	drive(s);
	return ready;
}

/* No byte of the request left: whatever happened, the collector has not stored it. */
static bool unsent(const struct hr_ship *s)
{
	curl_off_t body = 1;
	long head = 1;

	(void)curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &head);
	(void)curl_easy_getinfo(s->easy, CURLINFO_SIZE_UPLOAD_T, &body);
	return head == 0 && body == 0;
}

static enum hr_ship_outcome judge(struct hr_ship *s, long status, struct hr_ship_result *ret)
{
	if (s->code != CURLE_OK)
		return unsent(s) ? HR_SHIP_NOT_TAKEN : HR_SHIP_UNKNOWN;
	switch (status) {
	case 204:
		if (hr_ack_parse(s->ack, strlen(s->ack), &ret->ack) && ret->ack.seq == s->seq)
			return HR_SHIP_DURABLE;
		return HR_SHIP_UNKNOWN;
	case 400:
	case 413:
	case 415:
		return HR_SHIP_REFUSED;
	case 401:
	case 403:
		return HR_SHIP_DENIED;
	case 409:
		return HR_SHIP_CLASH;
	case 429:
	case 503:
		return HR_SHIP_NOT_TAKEN;
	default:
		return HR_SHIP_UNKNOWN;
	}
}

/*
 * Nothing of it left, or the collector itself says so.  Anything else on the way
 * may answer for a POST that it has passed on.
 */
static bool is_certain(struct hr_ship *s)
{
	const char *type = NULL;

	if (s->code != CURLE_OK)
		return unsent(s);
	(void)curl_easy_getinfo(s->easy, CURLINFO_CONTENT_TYPE, &type);
	return type && strncasecmp(type, "application/problem+json", 24) == 0;
}

/* The sentence of a problem document, the collector's own words; else the reply as it is. */
static const char *sentence(const char *reply, int *ret_len)
{
	static const char key[] = "\"detail\":\"";
	const char *p = strstr(reply, key);

	p = p ? p + sizeof key - 1 : reply;
	*ret_len = (int)(p == reply ? strlen(p) : strcspn(p, "\""));
	return p;
}

static void say_why(const struct hr_ship *s, struct hr_ship_result *ret)
{
	if (s->code != CURLE_OK)
		(void)snprintf(ret->why, sizeof ret->why, "%.150s",
			s->curl_err[0] ? s->curl_err : curl_easy_strerror(s->code));
	else if (ret->outcome == HR_SHIP_UNKNOWN && ret->status / 100 == 2)
		(void)snprintf(ret->why, sizeof ret->why,
			"status %ld without a valid Headroom-Ack: not the collector?", ret->status);
	else if (ret->outcome != HR_SHIP_DURABLE) {
		int len;
		const char *text = sentence(s->reply, &len);

		(void)snprintf(ret->why, sizeof ret->why, "status %ld: %.*s", ret->status,
			len < 140 ? len : 140, text);
	}
	for (char *p = ret->why; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

bool hr_ship_take_result(struct hr_ship *s, struct hr_ship_result *ret)
{
	curl_off_t after = 0;

	if (!s->ended)
		return false;
	s->ended = false;
	*ret = (struct hr_ship_result){0};
	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &ret->status);
	(void)curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &after);
	if (after > 0 && after < 86400)
		ret->retry_after_ns = (uint64_t)after * HR_NS_PER_S;
	ret->outcome = judge(s, ret->status, ret);
	ret->certain = ret->outcome > HR_SHIP_UNKNOWN && is_certain(s);
	say_why(s, ret);
	return true;
}
