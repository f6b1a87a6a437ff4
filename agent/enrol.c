/* SPDX-License-Identifier: Apache-2.0 */
/* Joining a collector; see enrol.h. */
#include "agent/enrol.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fsio.h"
#include "proto/base/identity.h"
#include "proto/cleanup.h"
#include "proto/units.h"

#define FILE_MAX  1024
#define REPLY_MAX 2048

static bool file_of(const char *state, const char *name, char to[512])
{
	return snprintf(to, 512, "%s/%s", state, name) < 512;
}

/* The text of line @n, without its end. */
static bool line(const char *text, unsigned n, char *to, size_t cap)
{
	size_t len;

	while (n-- > 0) {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
	len = strcspn(text, "\n");
	if (len == 0 || len >= cap)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

static int read_file(const char *path, struct hr_enrolled *ret, char err[512])
{
	struct hr_enrolled e = {0};
	struct hr_secret s;
	char text[FILE_MAX];
	long n = hr_secret_file_read(path, text, sizeof(text));
	bool fine;

	if (n == -ENOENT)
		return 1;
	if (n < 0) {
		(void)snprintf(err, 512, "cannot use %.200s: %s", path, hr_secret_file_why(n));
		return (int)n;
	}
	fine = line(text, 0, e.url, sizeof(e.url)) && strncmp(e.url, "https://", 8) == 0 &&
	       line(text, 1, e.pin, sizeof(e.pin)) && strncmp(e.pin, "sha256//", 8) == 0 &&
	       line(text, 2, e.secret, sizeof(e.secret)) &&
	       hr_secret_parse(e.secret, strlen(e.secret), &s) && s.kind == HR_SECRET_AGENT;
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&s, sizeof(s));
	if (!fine) {
		(void)snprintf(err, 512,
			"%.200s is damaged: remove it and join again (headroom-agent --join)",
			path);
		return -EINVAL;
	}
	*ret = e;
	return 0;
}

int hr_enrol_load(const char *state, struct hr_enrolled *ret, char err[512])
{
	char path[512];

	return file_of(state, "enrolled", path) ? read_file(path, ret, err) : 1;
}

bool hr_enrol_applies(const struct hr_enrolled *e, const char *url, const char *default_url)
{
	size_t n = strlen(e->url);

	return strcmp(url, default_url) == 0 ||
	       (strncasecmp(url, e->url, n) == 0 && (url[n] == '\0' || strcmp(url + n, "/") == 0));
}

/* Whoever runs the agent owns its state; root may join for it. */
static int write_file(const char *state, const char *path, const struct hr_enrolled *e)
{
	char text[FILE_MAX];
	struct stat st;
	int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n", e->url, e->pin, e->secret);
	int r = hr_fs_replace(path, text, (size_t)n, 0600);

	explicit_bzero(text, sizeof(text));
	if (r == 0 && geteuid() == 0 && stat(state, &st) == 0 && st.st_uid != 0 &&
		chown(path, st.st_uid, st.st_gid) < 0)
		r = -errno;
	return r;
}

/* --- asking --- */

struct reply {
	size_t len;
	char text[REPLY_MAX];
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct reply *r = arg;
	size_t len = size * n;

	if (len > sizeof(r->text) - 1 - r->len)
		return 0;
	memcpy(r->text + r->len, p, len);
	r->len += len;
	r->text[r->len] = '\0';
	return len;
}

/* The sentence of a problem document, by hand: the agent has no JSON. */
static void say_refusal(const struct reply *r, long status, char err[512])
{
	static const char key[] = "\"detail\":\"";
	const char *p = strstr(r->text, key), *end = p ? strchr(p + sizeof(key) - 1, '"') : NULL;
	int n = 0;

	if (p && end) {
		p += sizeof(key) - 1;
		n = (int)(end - p);
	}
	(void)snprintf(err, 512, "the collector refused (status %ld): %.*s", status,
		n < 400 ? n : 400, n > 0 ? p : "");
	for (char *c = err; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
}

static int perform(CURL *c, const struct hr_enrol_opts *o, const struct hr_enrolled *e,
	const char *url, struct curl_slist *headers, char err[512])
{
	long ms = (long)hr_ns_to_ms(o->timeout_ns), status = 0;
	char why[CURL_ERROR_SIZE] = "";
	struct reply reply = {0};
	CURLcode r = CURLE_OK;

#define SET(opt, v) (r = r != CURLE_OK ? r : curl_easy_setopt(c, CURLOPT_##opt, (v)))
	SET(URL, url);
	SET(PROTOCOLS_STR, "https");
	SET(FOLLOWLOCATION, 0L);
	SET(PROXY, "");
	SET(NOSIGNAL, 1L);
	SET(POST, 1L);
	SET(POSTFIELDSIZE, 0L);
	SET(HTTPHEADER, headers);
	SET(USERAGENT, "headroom-agent/" HR_VERSION);
	SET(TIMEOUT_MS, ms);
	SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	SET(CAPATH, NULL);
	SET(CAINFO, NULL);
	/* the pin is the whole of the check: nobody else has the key */
	SET(PINNEDPUBLICKEY, e->pin);
	SET(SSL_VERIFYPEER, 0L);
	SET(SSL_VERIFYHOST, 0L);
	if (o->cert_file[0]) {
		SET(SSLCERT, o->cert_file);
		SET(SSLKEY, o->key_file);
	}
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, &reply);
	SET(ERRORBUFFER, why);
#undef SET
	if (r == CURLE_OK)
		r = curl_easy_perform(c);
	if (r == CURLE_SSL_PINNEDPUBKEYNOTMATCH) {
		(void)snprintf(err, 512,
			"%.100s is not the collector of the join string: its key is another one; "
			"nothing was sent to it",
			e->url);
		return -EKEYREJECTED;
	}
	if (r != CURLE_OK) {
		(void)snprintf(err, 512, "cannot reach the collector at %.100s: %.200s", e->url,
			why[0] ? why : curl_easy_strerror(r));
		return -ECONNREFUSED;
	}
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return 0;
	say_refusal(&reply, status, err);
	return -EACCES;
}

static int ask(const struct hr_enrol_opts *o, const struct hr_join *j, const struct hr_enrolled *e,
	const struct hr_identity *id, char err[512])
{
	char host[HR_HEX_LEN(HR_HOST_ID_LEN)], hash_text[HR_HEX_LEN(HR_SHA256_LEN)];
	char url[1024], token[HR_SECRET_TEXT], auth[HR_SECRET_TEXT + 32];
	uint8_t hash[HR_SHA256_LEN];
	struct curl_slist *headers;
	struct hr_secret mine;
	char *name;
	int r = -ENOMEM;
	CURL *c;

	(void)snprintf(err, 512, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(c = curl_easy_init()))
		return r;
	name = curl_easy_escape(c, o->name[0] ? o->name : id->name, 0);
	hr_secret_print(&j->token, token);
	(void)snprintf(auth, sizeof(auth), "Authorization: Bearer %s", token);
	headers = curl_slist_append(NULL, auth);
	hr_hex_print(id->host, sizeof(id->host), host);
	if (name && headers && hr_secret_parse(e->secret, strlen(e->secret), &mine) &&
		hr_secret_hash(mine.secret, hash)) {
		hr_hex_print(hash, sizeof(hash), hash_text);
		(void)snprintf(url, sizeof(url), "%s/v1/enrol?host=%s&hash=%s%s%s", e->url, host,
			hash_text, name[0] ? "&name=" : "", name);
		r = perform(c, o, e, url, headers, err);
	}
	explicit_bzero(&mine, sizeof(mine));
	explicit_bzero(auth, sizeof(auth));
	explicit_bzero(token, sizeof(token));
	curl_slist_free_all(headers);
	curl_free(name);
	curl_easy_cleanup(c);
	return r;
}

/* The secret of an earlier try at the same collector, else a new one; on disk before it is used. */
static int prepare(const struct hr_enrol_opts *o, const struct hr_join *j,
	const struct hr_identity *id, const char *pending, struct hr_enrolled *e)
{
	struct hr_secret mine = {.kind = HR_SECRET_AGENT};
	struct hr_enrolled before;
	char ignored[512];
	int r;

	*e = (struct hr_enrolled){0};
	(void)snprintf(e->url, sizeof(e->url), "https://%s", j->address);
	if (!hr_pin_print(j->pin, e->pin))
		return -ENOMEM;
	if (read_file(pending, &before, ignored) == 0 && strcmp(before.url, e->url) == 0 &&
		strcmp(before.pin, e->pin) == 0) {
		*e = before;
		return 0;
	}
	memcpy(mine.id, id->host, sizeof(mine.id));
	r = hr_random(mine.secret, sizeof(mine.secret));
	if (r == 0) {
		hr_secret_print(&mine, e->secret);
		r = write_file(o->state, pending, e);
	}
	explicit_bzero(&mine, sizeof(mine));
	return r;
}

static int read_join(const char *from, struct hr_join *ret, char err[512])
{
	char text[HR_JOIN_TEXT + 16];
	long n = hr_secret_file_read(from, text, sizeof(text));
	bool fine;

	if (n < 0) {
		(void)snprintf(err, 512, "cannot read the join string in %.200s: %s",
			strcmp(from, "-") == 0 ? "standard input" : from, hr_secret_file_why(n));
		return (int)n;
	}
	fine = hr_join_parse(text, (size_t)n, ret);
	explicit_bzero(text, sizeof(text));
	if (fine)
		return 0;
	(void)snprintf(err, 512,
		"this is no join string: expected the one line that headroom hosts enrol printed");
	return -EINVAL;
}

int hr_enrol_join(const struct hr_enrol_opts *o, char err[512])
{
	char pending[512], final[512];
	struct hr_enrolled e;
	struct hr_identity id;
	struct hr_join j;
	int r = read_join(o->join, &j, err);

	if (r < 0)
		return r;
	r = hr_identity_read("", &id);
	if (r < 0) {
		(void)snprintf(err, 512,
			"this machine has no identity (/etc/machine-id): %s; run "
			"systemd-machine-id-setup",
			strerror(-r));
		return r;
	}
	if (!file_of(o->state, "enrolled.pending", pending) ||
		!file_of(o->state, "enrolled", final))
		return -ENAMETOOLONG;
	r = hr_fs_mkdirs(o->state, 0700);
	if (r == 0)
		r = prepare(o, &j, &id, pending, &e);
	if (r < 0)
		(void)snprintf(err, 512,
			"cannot write %.200s: %s; run this as root or the agent's "
			"user",
			pending, strerror(-r));
	else
		r = ask(o, &j, &e, &id, err);
	if (r == 0 && rename(pending, final) < 0) {
		r = -errno;
		(void)snprintf(err, 512, "cannot write %.200s: %s", final, strerror(-r));
	}
	explicit_bzero(&e, sizeof(e));
	explicit_bzero(&j, sizeof(j));
	return r;
}
