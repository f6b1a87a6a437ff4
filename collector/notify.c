// SPDX-License-Identifier: Apache-2.0
/* Receivers' threads over libcurl; the signature is GnuTLS's HMAC.  See notify.h. */
#include "collector/notify.h"

#include <curl/curl.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/base/fsio.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define CONNECT_MS   5000L
#define TOTAL_MS     15000L /* a receiver that takes longer is as good as away */
#define PAUSE_MIN_MS 1000U
#define PAUSE_MAX_MS 300000U
#define SECRET_MAX   256
#define MAC_LEN      32 /* SHA-256 */

static const char *const to_name[HR_NOTIFY_N] = {"webhook", "alertmanager", "mail"};

struct receiver {
	enum hr_notify_to to;
	bool on;
	pthread_t thread;
	pthread_mutex_t lock; /* guards queue, n, count, stop */
	pthread_cond_t work;
	char *queue[HR_NOTIFY_QUEUE];
	uint32_t n;
	uint64_t serial; /* of queue[0]: known after a try whether it is still the same */
	struct hr_notify_count count;
	atomic_bool stop;
	struct hr_notify *all;
};

struct hr_notify {
	struct receiver r[HR_NOTIFY_N];
	char url[HR_NOTIFY_N][512];
	char mail_from[128], mail_to[512], ca_file[256];
	unsigned char secret[SECRET_MAX];
	size_t secret_len;
};

struct reading {
	const char *at;
	size_t left;
};

static size_t read_body(char *to, size_t size, size_t n, void *arg)
{
	struct reading *r = arg;
	size_t len = size * n < r->left ? size * n : r->left;

	memcpy(to, r->at, len);
	r->at += len;
	r->left -= len;
	return len;
}

static size_t ignore_answer(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static int watch_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct receiver *r = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&r->stop);
}

static void set_common(CURL *c, struct receiver *r)
{
	const struct hr_notify *n = r->all;

	(void)curl_easy_setopt(c, CURLOPT_URL, n->url[r->to]);
	(void)curl_easy_setopt(
		c, CURLOPT_PROTOCOLS_STR, r->to == HR_NOTIFY_MAIL ? "smtp,smtps" : "http,https");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TOTAL_MS);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore_answer);
	(void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, watch_stop);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
	if (n->ca_file[0])
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, n->ca_file);
}

/* "Headroom-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "t.body">". */
static struct curl_slist *sign(const struct hr_notify *n, const char *body, struct curl_slist *list)
{
	unsigned char mac[MAC_LEN];
	char header[128], stamp[24];
	gnutls_hmac_hd_t h;
	int len;

	if (n->secret_len == 0)
		return list;
	(void)snprintf(stamp, sizeof(stamp), "%" PRIu64, hr_clock_wall_ms() / 1000);
	if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, n->secret, n->secret_len) < 0)
		return list; /* without its signature the receiver refuses it, which is logged */
	(void)gnutls_hmac(h, stamp, strlen(stamp));
	(void)gnutls_hmac(h, ".", 1);
	(void)gnutls_hmac(h, body, strlen(body));
	gnutls_hmac_deinit(h, mac);
	len = snprintf(header, sizeof(header), "Headroom-Signature: t=%s,v1=", stamp);
	for (size_t i = 0; i < MAC_LEN; i++)
		len += snprintf(header + len, sizeof(header) - (size_t)len, "%02x", mac[i]);
	return curl_slist_append(list, header);
}

static CURLcode post(CURL *c, struct receiver *r, const char *body, long *ret_status)
{
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	CURLcode e;

	if (r->to == HR_NOTIFY_WEBHOOK)
		list = sign(r->all, body, list);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	e = curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(list);
	return e;
}

/*
 * A mail server on this machine: exim, as Debian installs it, offers STARTTLS with a certificate of
 * its own making that nobody can check, and there is no wire to listen on.
 */
static bool on_loopback(const char *url)
{
	static const char *const host[] = {"smtp://127.", "smtp://localhost", "smtp://[::1]"};

	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++)
		if (strncmp(url, host[i], strlen(host[i])) == 0)
			return true;
	return false;
}

static CURLcode mail(CURL *c, struct receiver *r, const char *body, long *ret_status)
{
	struct reading reading = {body, strlen(body)};
	struct curl_slist *to = NULL;
	CURLcode e;

	for (const char *p = r->all->mail_to; *p;) {
		char one[256];
		size_t n = strcspn(p, ", ");

		if (n > 0 && n < sizeof(one)) {
			memcpy(one, p, n);
			one[n] = '\0';
			to = curl_slist_append(to, one);
		}
		p += n;
		p += strspn(p, ", ");
	}
	(void)curl_easy_setopt(c, CURLOPT_MAIL_FROM, r->all->mail_from);
	(void)curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
	(void)curl_easy_setopt(c, CURLOPT_USE_SSL,
		(long)(on_loopback(r->all->url[HR_NOTIFY_MAIL]) ? CURLUSESSL_NONE
								: CURLUSESSL_TRY));
	(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, read_body);
	(void)curl_easy_setopt(c, CURLOPT_READDATA, &reading);
	e = curl_easy_perform(c);
	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(to);
	return e;
}

enum fate {
	DONE,
	AGAIN,
	REFUSED,
};

static enum fate fate_of(const struct receiver *r, CURLcode e, long status)
{
	if (r->to == HR_NOTIFY_MAIL) /* 5xx of SMTP is for good, 4xx for now */
		return e == CURLE_OK ? DONE : status >= 500 && status < 600 ? REFUSED : AGAIN;
	if (e != CURLE_OK)
		return AGAIN;
	if (status >= 200 && status < 300)
		return DONE;
	return status >= 400 && status < 500 && status != 408 && status != 429 ? REFUSED : AGAIN;
}

/* One try, without the lock. */
static enum fate try_one(struct receiver *r, const char *body, char why[160])
{
	CURL *c = curl_easy_init();
	long status = 0;
	CURLcode e;
	enum fate f;

	if (!c) {
		(void)snprintf(why, 160, "out of memory");
		return AGAIN;
	}
	set_common(c, r);
	e = r->to == HR_NOTIFY_MAIL ? mail(c, r, body, &status) : post(c, r, body, &status);
	f = fate_of(r, e, status);
	if (f != DONE)
		(void)snprintf(why, 160, "%s, status %ld", curl_easy_strerror(e), status);
	curl_easy_cleanup(c);
	return f;
}

/* With the lock: the oldest leaves. */
static void drop_first(struct receiver *r)
{
	free(r->queue[0]);
	r->n--;
	memmove(&r->queue[0], &r->queue[1], r->n * sizeof(r->queue[0]));
	r->serial++;
}

static uint32_t jitter(uint32_t ms)
{
	uint32_t v = 0;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != (ssize_t)sizeof(v))
		v = 0; /* then without: it only spreads load */
	return ms - ms / 4 + (uint32_t)((uint64_t)(ms / 2) * v / UINT32_MAX);
}

/* With the lock: until there is work after @pause_ms, or an end. */
static void wait_for_work(struct receiver *r, uint32_t pause_ms)
{
	struct timespec end;
	uint64_t at_ns = hr_clock_mono_ns() + (uint64_t)jitter(pause_ms) * HR_NS_PER_MS;

	end.tv_sec = (time_t)(at_ns / HR_NS_PER_S);
	end.tv_nsec = (long)(at_ns % HR_NS_PER_S);
	while (!atomic_load(&r->stop) && pause_ms > 0) {
		if (pthread_cond_timedwait(&r->work, &r->lock, &end) == ETIMEDOUT)
			break;
	}
	while (!atomic_load(&r->stop) && r->n == 0)
		(void)pthread_cond_wait(&r->work, &r->lock);
}

/* With the lock: what a try came to.  The next pause in ms. */
static uint32_t settle(
	struct receiver *r, enum fate f, uint64_t serial, uint32_t pause_ms, const char *why)
{
	bool same = r->n > 0 && r->serial == serial;

	if (f == DONE) {
		r->count.sent++;
		if (pause_ms > 0)
			hr_log(HR_LOG_NOTICE, "receiver_back", "to=%s", to_name[r->to]);
	} else if (f == REFUSED) {
		r->count.dropped++;
		hr_log(HR_LOG_ERR, "receiver_refuses",
			"to=%s why=\"%s\" todo=\"check its address and what it accepts\"",
			to_name[r->to], why);
	} else {
		r->count.failed_tries++;
		if (pause_ms == 0)
			hr_log(HR_LOG_WARNING, "receiver_away",
				"to=%s why=\"%s\" todo=\"none: it is tried again\"", to_name[r->to],
				why);
		return pause_ms == 0                  ? PAUSE_MIN_MS
		       : pause_ms >= PAUSE_MAX_MS / 2 ? PAUSE_MAX_MS
						      : 2 * pause_ms;
	}
	if (same)
		drop_first(r);
	return 0;
}

static void *deliver(void *arg)
{
	struct receiver *r = arg;
	uint32_t pause_ms = 0;

	(void)pthread_mutex_lock(&r->lock);
	for (;;) {
		char why[160] = "", *body;
		uint64_t serial;
		enum fate f;

		wait_for_work(r, pause_ms);
		if (atomic_load(&r->stop))
			break;
		serial = r->serial;
		body = strdup(r->queue[0]);
		(void)pthread_mutex_unlock(&r->lock);
		f = body ? try_one(r, body, why) : AGAIN;
		free(body);
		(void)pthread_mutex_lock(&r->lock);
		pause_ms = settle(r, f, serial, pause_ms, why);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

void hr_notify_send(struct hr_notify *n, enum hr_notify_to to, char *body, bool replace)
{
	struct receiver *r = &n->r[to];

	if (!body || !r->on) {
		free(body);
		return;
	}
	(void)pthread_mutex_lock(&r->lock);
	while (replace && r->n > 0)
		drop_first(r);
	if (r->n == HR_NOTIFY_QUEUE) {
		drop_first(r);
		r->count.dropped++;
		hr_log(HR_LOG_ERR, "alert_dropped", "to=%s why=\"%d wait already\"", to_name[to],
			HR_NOTIFY_QUEUE);
	}
	r->queue[r->n++] = body;
	(void)pthread_cond_signal(&r->work);
	(void)pthread_mutex_unlock(&r->lock);
}

bool hr_notify_has(const struct hr_notify *n, enum hr_notify_to to)
{
	return n->r[to].on;
}

void hr_notify_count(struct hr_notify *n, enum hr_notify_to to, struct hr_notify_count *ret)
{
	struct receiver *r = &n->r[to];

	*ret = (struct hr_notify_count){0};
	if (!r->on)
		return;
	(void)pthread_mutex_lock(&r->lock);
	*ret = r->count;
	ret->waiting = r->n;
	(void)pthread_mutex_unlock(&r->lock);
}

static int read_secret(struct hr_notify *n, const char *path, char err[512])
{
	char text[SECRET_MAX + 1];
	struct stat st;
	ssize_t len;

	if (!path[0])
		return 0;
	if (stat(path, &st) < 0) {
		int e = errno;

		(void)snprintf(err, 512, "webhook_secret_file %s: %s", path, strerror(e));
		return -e;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		(void)snprintf(err, 512,
			"webhook_secret_file %s: others may read it; chmod 600, owned by the "
			"collector's user",
			path);
		return -EPERM;
	}
	len = hr_fs_read(path, text, sizeof(text));
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len < 16) {
		(void)snprintf(err, 512,
			"webhook_secret_file %s: expected 16 to %d bytes; make one: openssl rand "
			"-hex 32",
			path, SECRET_MAX);
		return len < 0 ? (int)len : -EINVAL;
	}
	memcpy(n->secret, text, (size_t)len);
	n->secret_len = (size_t)len;
	return 0;
}

static int start(struct hr_notify *n, enum hr_notify_to to)
{
	struct receiver *r = &n->r[to];
	pthread_condattr_t attr;
	int e;

	r->to = to;
	r->all = n;
	if (!n->url[to][0])
		return 0;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->work, &attr);
	(void)pthread_condattr_destroy(&attr);
	e = pthread_create(&r->thread, NULL, deliver, r);
	r->on = e == 0;
	return -e;
}

int hr_notify_open(struct hr_notify **ret, const struct hr_notify_conf *conf, char err[512])
{
	struct hr_notify *n = calloc(1, sizeof(*n));
	/* counted by libcurl: one for each open */
	int e = !n ? -ENOMEM : curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ? -EIO : 0;

	if (e == 0) {
		size_t len = strlen(conf->manager);

		(void)snprintf(n->url[HR_NOTIFY_WEBHOOK], sizeof(n->url[0]), "%s", conf->webhook);
		if (len > 0)
			(void)snprintf(n->url[HR_NOTIFY_MANAGER], sizeof(n->url[0]),
				"%s%sapi/v2/alerts", conf->manager,
				conf->manager[len - 1] == '/' ? "" : "/");
		(void)snprintf(n->url[HR_NOTIFY_MAIL], sizeof(n->url[0]), "%s", conf->smtp);
		(void)snprintf(n->mail_from, sizeof(n->mail_from), "%s", conf->mail_from);
		(void)snprintf(n->mail_to, sizeof(n->mail_to), "%s", conf->mail_to);
		(void)snprintf(n->ca_file, sizeof(n->ca_file), "%s", conf->ca_file);
		err[0] = '\0';
		e = read_secret(n, conf->secret_file, err);
	}
	for (enum hr_notify_to to = 0; e == 0 && to < HR_NOTIFY_N; to++)
		e = start(n, to);
	if (e < 0) {
		if (!n || !err[0])
			(void)snprintf(
				err, 512, "cannot start a thread for alerts: %s", strerror(-e));
		hr_notify_close(n);
		return e;
	}
	*ret = n;
	return 0;
}

void hr_notify_close(struct hr_notify *n)
{
	for (enum hr_notify_to to = 0; n && to < HR_NOTIFY_N; to++) {
		struct receiver *r = &n->r[to];

		if (!r->on)
			continue;
		(void)pthread_mutex_lock(&r->lock);
		atomic_store(&r->stop, true);
		(void)pthread_cond_signal(&r->work);
		(void)pthread_mutex_unlock(&r->lock);
	}
	for (enum hr_notify_to to = 0; n && to < HR_NOTIFY_N; to++) {
		struct receiver *r = &n->r[to];

		if (!r->on)
			continue;
		(void)pthread_join(r->thread, NULL);
		while (r->n > 0)
			drop_first(r);
		(void)pthread_cond_destroy(&r->work);
		(void)pthread_mutex_destroy(&r->lock);
	}
	if (n) {
		gnutls_memset(n->secret, 0, sizeof(n->secret));
		curl_global_cleanup();
	}
	free(n);
}
