/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl behind three functions; see client.h. */
#include "collector/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/fsio.h"
#include "proto/base/identity.h"
#include "proto/base/secure.h"
#include "proto/cleanup.h"
#include "proto/text.h"

#define CONNECT_MS 3000L
#define TOTAL_MS   8000L /* monitoring gives a plugin 10 s */
#define TOKEN_MAX  512

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct hr_reply *r = arg;
	char *grown;

	n *= size;
	if (r->len + n > HR_CLIENT_MAX)
		return 0;
	grown = realloc(r->body, r->len + n + 1);
	if (!grown)
		return 0;
	r->body = grown;
	memcpy(r->body + r->len, data, n);
	r->len += n;
	r->body[r->len] = '\0';
	return n;
}

static int no_answer(const struct hr_cli_target *t, const char *why, char err[HR_CLIENT_ERR_LEN])
{
	if (t->socket[0]) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"cannot ask the collector through %s (state= in %s): %s; run this as root "
			"or the collector's user, on its machine, while it runs",
			t->socket, t->from, why);
		return -ECONNREFUSED;
	}
	(void)snprintf(err, HR_CLIENT_ERR_LEN,
		"no collector at %s: %s (address from %s); start one (systemctl start "
		"headroom-collector, or deploy/quickstart), name another with --config or "
		"HEADROOM_COLLECTOR, or ask this VM without one: sudo headroom measure",
		t->url, why, t->from);
	return -ECONNREFUSED;
}

/* Somebody answers, and it is not known to be the collector. */
static int not_trusted(
	const struct hr_cli_target *t, CURLcode r, const char *why, char err[HR_CLIENT_ERR_LEN])
{
	if (r == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"what answers at %s has not the key that is pinned (address from %s): "
			"another collector, or it has a new key; make a new token there (headroom "
			"hosts token), or join it anew (headroom hosts enrol, headroom-agent "
			"--join)",
			t->url, t->from);
	else
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"the certificate of %s is not trusted: %s (address from %s); on the second "
			"line of the file in HEADROOM_TOKEN_FILE stands the collector's pin, as "
			"headroom hosts token prints it there; or name its CA: ca_file in the file "
			"of --config",
			t->url, why, t->from);
	return -EKEYREJECTED;
}

/* The sentence of a problem document, else the bare status. */
static void refusal(const struct hr_reply *r, long status, char err[HR_CLIENT_ERR_LEN])
{
	json_t *o = r->body ? json_loads(r->body, 0, NULL) : NULL;
	const char *detail = json_string_value(json_object_get(o, "detail"));

	if (detail) {
		hr_text_clean(detail, err, HR_CLIENT_ERR_LEN);
	} else if (status == 404) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"the server has no such document: is it a headroom-collector of this "
			"version?");
	} else {
		(void)snprintf(
			err, HR_CLIENT_ERR_LEN, "the server answered with status %ld", status);
	}
	json_decref(o);
}

/*
 * The credential: of the file that HEADROOM_TOKEN_FILE names (a token, and on a second line the
 * collector's pin, as headroom hosts token prints them), else this host's own.  False with a
 * message when the file cannot be used.
 */
static bool add_token(
	struct hr_cli_target *t, struct curl_slist **headers, char err[HR_CLIENT_ERR_LEN])
{
	const char *path = getenv("HEADROOM_TOKEN_FILE");
	char text[TOKEN_MAX], line[TOKEN_MAX + 32], *pin;
	struct curl_slist *more;
	long n;

	(void)snprintf(text, sizeof(text), "%s", t->token);
	if (path && path[0]) {
		n = hr_secret_file_read(path, text, sizeof(text));
		if (n < 0) {
			(void)snprintf(err, HR_CLIENT_ERR_LEN,
				"cannot use the token in %s (HEADROOM_TOKEN_FILE): %s", path,
				hr_secret_file_why(n));
			return false;
		}
		pin = strchr(text, '\n');
		if (pin && strncmp(pin + 1, "sha256//", 8) == 0)
			(void)snprintf(t->pin, sizeof(t->pin), "%.*s",
				(int)strcspn(pin + 1, "\r\n"), pin + 1);
		text[strcspn(text, "\r\n")] = '\0';
	}
	if (!text[0])
		return true;
	(void)snprintf(line, sizeof(line), "Authorization: Bearer %s", text);
	more = curl_slist_append(*headers, line);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(line, sizeof(line));
	if (!more) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN, "out of memory");
		return false;
	}
	*headers = more;
	return true;
}

static CURLcode prepare(CURL *c, const struct hr_cli_target *t, const char *method, const char *url,
	struct curl_slist *headers, struct hr_reply *body)
{
	CURLcode r = CURLE_OK;

#define SET(opt, v) (r = r != CURLE_OK ? r : curl_easy_setopt(c, CURLOPT_##opt, (v)))
	SET(URL, url);
	if (strcmp(method, "POST") == 0) {
		SET(POST, 1L);
		SET(POSTFIELDSIZE, 0L); /* what is asked stands in the URL */
	} else if (strcmp(method, "GET") != 0) {
		SET(CUSTOMREQUEST, method);
	}
	if (t->socket[0])
		SET(UNIX_SOCKET_PATH, t->socket);
	SET(PROTOCOLS_STR, "http,https");
	SET(PROXY, "");
	SET(NOSIGNAL, 1L);
	SET(CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(TIMEOUT_MS, TOTAL_MS);
	SET(USERAGENT, "headroom/" HR_VERSION);
	SET(HTTPHEADER, headers);
	SET(WRITEFUNCTION, take);
	SET(WRITEDATA, body);
	if (t->pin[0]) {
		/* the pin is the whole of the check */
		SET(PINNEDPUBLICKEY, t->pin);
		SET(SSL_VERIFYPEER, 0L);
		SET(SSL_VERIFYHOST, 0L);
	} else if (t->ca_file[0]) {
		SET(CAINFO, t->ca_file);
	}
#undef SET
	return r;
}

static int perform(
	CURL *c, const struct hr_cli_target *t, struct hr_reply *body, char err[HR_CLIENT_ERR_LEN])
{
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode r;

	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
	r = curl_easy_perform(c);
	if (r == CURLE_WRITE_ERROR)
		return no_answer(t, "its reply is too large", err);
	if (r == CURLE_COULDNT_CONNECT)
		return no_answer(t, "nothing listens there", err);
	if (r == CURLE_OPERATION_TIMEDOUT)
		return no_answer(t, "no answer in time", err);
	if (r == CURLE_PEER_FAILED_VERIFICATION || r == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return not_trusted(t, r, why[0] ? why : curl_easy_strerror(r), err);
	if (r != CURLE_OK)
		return no_answer(t, why[0] ? why : curl_easy_strerror(r), err);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return 0;
	refusal(body, status, err);
	return status > 0 && status < 1000 ? (int)status : -EPROTO;
}

int hr_client_get(const struct hr_cli_target *t, const char *path, struct hr_reply *ret,
	char err[HR_CLIENT_ERR_LEN])
{
	return hr_client_ask(t, "GET", path, ret, err);
}

int hr_client_ask(const struct hr_cli_target *t, const char *method, const char *path,
	struct hr_reply *ret, char err[HR_CLIENT_ERR_LEN])
{
	struct curl_slist *headers = NULL;
	struct hr_cli_target with = *t; /* and what the token's file says */
	struct hr_reply body = {0};
	char url[1024];
	CURL *c;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c = curl_easy_init())) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN, "cannot prepare a request: out of memory");
		return -ENOMEM;
	}
	(void)snprintf(url, sizeof(url), "%s%s", t->url, path);
	if (!t->socket[0] && !add_token(&with, &headers, err))
		r = -EACCES;
	else if (prepare(c, &with, method, url, headers, &body) != CURLE_OK)
		r = no_answer(t, "not an address that can be asked", err);
	else
		r = perform(c, t, &body, err);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	if (r == 0 && !body.body) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN, "%s answered with nothing", t->url);
		r = -EPROTO;
	}
	if (r == 0)
		*ret = (struct hr_reply){.body = hr_take_ptr(body.body), .len = body.len};
	free(body.body);
	return r;
}

bool hr_client_host(const char *host, char ret[HR_CLIENT_HOST_LEN], char err[HR_CLIENT_ERR_LEN])
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	struct hr_identity me;

	if (!host) {
		if (hr_identity_read("", &me) < 0) {
			(void)snprintf(err, HR_CLIENT_ERR_LEN,
				"this VM has no identity (/etc/machine-id): name a HOST");
			return false;
		}
		hr_host_id_print(me.host, ret);
		return true;
	}
	if (!host[0] || host[0] == '.' || host[strspn(host, letters)] != '\0' ||
		strlen(host) >= HR_CLIENT_HOST_LEN) {
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"'%.80s' is no host name or id (letters, digits, - . _)", host);
		return false;
	}
	(void)snprintf(ret, HR_CLIENT_HOST_LEN, "%s", host);
	return true;
}

int hr_client_get_host(const struct hr_cli_target *t, const char *host, const char *what,
	struct hr_reply *ret, char err[HR_CLIENT_ERR_LEN])
{
	char id[HR_CLIENT_HOST_LEN], path[HR_CLIENT_HOST_LEN + 64];
	int r;

	if (!hr_client_host(host, id, err))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s%s", id, what);
	r = hr_client_get(t, path, ret, err);
	if (r == 404 && host)
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"no host '%s' reports to %s; see: headroom hosts list", host, t->url);
	else if (r == 404)
		(void)snprintf(err, HR_CLIENT_ERR_LEN,
			"this VM does not report to the collector at %s; an agent does so 10 s "
			"after its start (systemctl start headroom-agent); or name another host "
			"(headroom hosts list), or measure now: sudo headroom measure",
			t->url);
	return r;
}
