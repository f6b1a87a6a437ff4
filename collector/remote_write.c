// SPDX-License-Identifier: Apache-2.0
/* See remote_write.h.  Everything but stop belongs to the thread. */
#include "collector/remote_write.h"

#include <curl/curl.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/remote_conf.h"
#include "collector/metrics.h"
#include "collector/remote_round.h"
#include "collector/store_side.h"
#include "collector/writer.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/secure.h"
#include "proto/text.h"
#include "proto/units.h"

#define CONNECT_MS   5000L
#define PAUSE_MIN_NS HR_NS_PER_S
#define PAUSE_MAX_NS (60 * HR_NS_PER_S)  /* a receiver is back for at most a minute unnoticed */
#define AFTER_MAX_NS (300 * HR_NS_PER_S) /* a longer Retry-After is not believed */
#define POLL_MAX_NS  HR_NS_PER_S
#define TOKEN_MAX    4096 /* such as a JSON web token */
#define SAID_MAX     200  /* of a refusal's text */

struct body {
	struct body *next;
	void *data;
	size_t len;
	uint64_t no; /* in the order in which they were made */
	uint32_t samples;
	bool ends; /* marks of series that are over, and nothing else */
};

struct queue {
	struct body *first, *last;
};

struct hr_remote {
	struct hr_collector_config conf;
	struct hr_remote_labels labels;
	struct hr_remote_sources from;
	char token[TOKEN_MAX];
	pthread_t thread;
	atomic_bool stop;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct hr_round *round;
	struct queue waits;
	struct queue owed;   /* end marks that were refused on the way */
	struct body *flying; /* NULL: nothing is under way */
	uint64_t bytes;      /* of all */
	uint64_t last_no;
	uint64_t round_ns; /* next round */
	uint64_t retry_ns, pause_ns;
	char said[SAID_MAX + 1]; /* what the receiver said */
	size_t said_len;
	struct hr_metrics_gathered own;
};

/* --- queue --- */

static void note_bytes(struct hr_remote *r, const struct body *b, bool add)
{
	r->bytes = add ? r->bytes + b->len : r->bytes - b->len;
	atomic_store(&r->from.count->remote_bytes, r->bytes);
}

static void drop(struct hr_remote *r, struct body *b, enum hr_count why)
{
	hr_count(r->from.count, why, b->samples);
	note_bytes(r, b, false);
	free(b->data);
	free(b);
}

static struct body *take_first(struct queue *q)
{
	struct body *b = q->first;

	q->first = b->next;
	q->last = q->first ? q->last : NULL;
	return b;
}

/* In its place by number: nearly always the first or the last. */
static void put(struct queue *q, struct body *b)
{
	struct body **at = &q->first;

	if (q->last && q->last->no < b->no)
		at = &q->last->next;
	while (*at && (*at)->no < b->no)
		at = &(*at)->next;
	b->next = *at;
	*at = b;
	q->last = b->next ? q->last : b;
}

/* The oldest that holds samples; NULL: all hold end marks. */
static struct body *take_samples(struct queue *q)
{
	struct body *before = NULL, *b = q->first;

	for (; b && b->ends; b = b->next)
		before = b;
	if (!b)
		return NULL;
	if (!before)
		return take_first(q);
	before->next = b->next;
	q->last = b->next ? q->last : before;
	return b;
}

/* What goes when there is no room: samples, then end marks, the oldest first.  NULL: nothing waits.
 */
static struct body *take_for_room(struct hr_remote *r)
{
	struct body *b = take_samples(&r->waits);

	if (!b && r->owed.first)
		b = take_first(&r->owed);
	if (!b && r->waits.first)
		b = take_first(&r->waits);
	return b;
}

static void enqueue(void *arg, void *data, size_t len, uint32_t samples, bool ends)
{
	struct hr_remote *r = arg;
	struct body *b = calloc(1, sizeof(*b)), *gone;

	if (!b) {
		free(data);
		hr_count(r->from.count, HR_COUNT_REMOTE_QUEUE, samples);
		return;
	}
	*b = (struct body){
		.data = data, .len = len, .no = ++r->last_no, .samples = samples, .ends = ends};
	while (r->bytes + len > r->conf.remote_queue_bytes && (gone = take_for_room(r)))
		drop(r, gone, HR_COUNT_REMOTE_QUEUE);
	note_bytes(r, b, true);
	put(&r->waits, b);
}

/* --- a round --- */

static bool is_mine(const struct hr_remote *r)
{
	struct hr_side *side = r->from.side;

	return !side || side->ops->elected(side);
}

static void say_all(struct hr_remote *r)
{
	struct hr_round_in in = {.hosts = (uint32_t)r->conf.remote_hosts,
		.labels = &r->labels,
		.at_ms = hr_clock_wall_ms()};
	struct hr_snapshot *snap;

	if (!is_mine(r)) {
		hr_round_forget(r->round);
		return;
	}
	hr_metrics_gather(&r->own, r->from.count,
		r->from.writer && hr_writer_state(r->from.writer) == HR_WRITER_OK);
	if (r->owed.first) /* one, before what is newer: is the way free? */
		put(&r->waits, take_first(&r->owed));
	in.own = r->own.own;
	in.n_own = r->own.n;
	snap = hr_board_get(r->from.board);
	in.snap = snap;
	if (hr_round_make(r->round, &in, enqueue, r) < 0)
		hr_log(HR_LOG_ERR, "remote_write_round",
			"why=\"out of memory\" todo=\"none: the "
			"next one has all that is left\"");
	hr_snapshot_unref(snap);
}

/* --- a request --- */

static size_t hear(char *data, size_t size, size_t n, void *arg)
{
	struct hr_remote *r = arg;
	size_t len = size * n, fits = SAID_MAX - r->said_len < len ? SAID_MAX - r->said_len : len;

	memcpy(r->said + r->said_len, data, fits);
	r->said_len += fits;
	r->said[r->said_len] = '\0';
	return len;
}

static void launch(struct hr_remote *r)
{
	r->flying = take_first(&r->waits);
	r->said_len = 0;
	r->said[0] = '\0';
	(void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->flying->data);
	(void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->flying->len);
	if (curl_multi_add_handle(r->multi, r->easy) != CURLM_OK) {
		put(&r->waits, r->flying);
		r->flying = NULL;
		r->retry_ns = hr_clock_mono_ns() + PAUSE_MAX_NS;
	}
}

static uint64_t jitter(uint64_t ns)
{
	uint32_t v = 0;

	(void)hr_random(&v, sizeof(v)); /* without it load is only less spread */
	return ns - ns / 4 + ns / 2 * (v >> 16) / 65536;
}

static void again(struct hr_remote *r, CURLcode e, long status)
{
	curl_off_t after_s = 0;
	uint64_t after_ns;

	(void)curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after_s);
	after_ns = after_s > 0 ? (uint64_t)after_s * HR_NS_PER_S : 0;
	after_ns = after_ns > AFTER_MAX_NS ? AFTER_MAX_NS : after_ns;
	hr_count(r->from.count, HR_COUNT_REMOTE_FAILED, 1);
	if (r->pause_ns == 0)
		hr_log(HR_LOG_WARNING, "remote_write_away",
			"why=\"%s, status %ld\" todo=\"none: it is sent again\"",
			curl_easy_strerror(e), status);
	r->pause_ns = r->pause_ns == 0 ? PAUSE_MIN_NS : 2 * r->pause_ns;
	r->pause_ns = r->pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : r->pause_ns;
	r->retry_ns = jitter(r->pause_ns);
	r->retry_ns = hr_clock_mono_ns() + (after_ns > r->retry_ns ? after_ns : r->retry_ns);
	put(&r->waits, r->flying);
}

/* Not for what the body holds, but who sends it, or where to: another one fares no better. */
static bool is_of_the_way(long status)
{
	return status != 400 && status != 413 && status != 415 && status != 422;
}

static void taken(struct hr_remote *r, struct body *b)
{
	hr_count(r->from.count, HR_COUNT_REMOTE_SENT, b->samples);
	atomic_store(&r->from.count->remote_ok_ms, hr_clock_wall_ms());
	b->samples = 0; /* none of them is given up */
	drop(r, b, HR_COUNT_REMOTE_REFUSED);
	while (r->owed.first)
		put(&r->waits, take_first(&r->owed));
}

static void refused(struct hr_remote *r, struct body *b, long status)
{
	bool kept = b->ends && is_of_the_way(status);

	r->said[strcspn(r->said, "\r\n")] = '\0';
	hr_text_clean(r->said, r->said, sizeof(r->said));
	hr_log(HR_LOG_ERR, "remote_write_refused",
		"status=%ld samples=%u said=\"%s\" todo=\"check url, token and what it accepts%s\"",
		status, b->samples, r->said,
		kept ? "; these end marks are kept and said again" : "");
	if (kept)
		put(&r->owed, b);
	else
		drop(r, b, HR_COUNT_REMOTE_REFUSED);
}

/* @b, which was under way. */
static void landed(struct hr_remote *r, struct body *b, CURLcode e)
{
	long status = 0;

	(void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_multi_remove_handle(r->multi, r->easy);
	if (e != CURLE_OK || status == 429 || status / 100 == 5) {
		again(r, e, status);
		r->flying = NULL;
		return;
	}
	if (r->pause_ns > 0)
		hr_log(HR_LOG_NOTICE, "remote_write_back", "status=%ld", status);
	r->pause_ns = r->retry_ns = 0;
	r->flying = NULL;
	if (status / 100 == 2)
		taken(r, b);
	else
		refused(r, b, status);
}

static void transfer(struct hr_remote *r, uint64_t now)
{
	CURLMsg *msg;
	int left;

	if (!r->flying && r->waits.first && now >= r->retry_ns)
		launch(r);
	(void)curl_multi_perform(r->multi, &left);
	while ((msg = curl_multi_info_read(r->multi, &left)))
		if (msg->msg == CURLMSG_DONE && r->flying)
			landed(r, r->flying, msg->data.result);
}

static void *work(void *arg)
{
	struct hr_remote *r = arg;

	while (!atomic_load(&r->stop)) {
		uint64_t now = hr_clock_mono_ns(), until = now + POLL_MAX_NS;

		if (now >= r->round_ns) {
			say_all(r);
			r->round_ns += r->conf.remote_interval_ns;
			if (r->round_ns < now) /* the machine slept */
				r->round_ns = now + r->conf.remote_interval_ns;
		}
		transfer(r, now);
		if (!r->flying && r->waits.first)
			until = r->retry_ns < until ? r->retry_ns : until;
		until = r->round_ns < until ? r->round_ns : until;
		now = hr_clock_mono_ns();
		if (until > now)
			(void)curl_multi_poll(
				r->multi, NULL, 0, (int)((until - now) / 1000000) + 1, NULL);
	}
	return NULL;
}

/* --- opening --- */

static int read_token(struct hr_remote *r, char err[512])
{
	const char *path = r->conf.remote_token_file;
	long len;

	if (!path[0])
		return 0;
	len = hr_secret_file_read(path, r->token, sizeof(r->token));
	if (len < 0) {
		(void)snprintf(err, 512, "[remote_write] token_file %s: %s", path,
			hr_secret_file_why(len));
		return (int)len;
	}
	r->token[strcspn(r->token, "\r\n")] = '\0';
	for (const char *p = r->token; *p || p == r->token; p++) {
		if (*p > ' ' && *p < 0x7f)
			continue;
		(void)snprintf(err, 512,
			"[remote_write] token_file %s: expected one line of printable characters "
			"without spaces",
			path);
		return -EINVAL;
	}
	return 0;
}

static bool set_headers(struct hr_remote *r)
{
	static const char *const fixed[] = {"Content-Type: application/x-protobuf",
		"Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0",
		"Expect:" /* no round of questions before a body of some 30 KB */};
	char line[TOKEN_MAX + 32];
	struct curl_slist *l;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		l = curl_slist_append(r->headers, fixed[i]);
		if (!l)
			return false;
		r->headers = l;
	}
	if (!r->token[0])
		return true;
	(void)snprintf(line, sizeof(line), "Authorization: Bearer %s", r->token);
	l = curl_slist_append(r->headers, line);
	gnutls_memset(line, 0, sizeof(line));
	r->headers = l ? l : r->headers;
	return l != NULL;
}

static bool set_up(struct hr_remote *r)
{
	CURL *c;

	r->round = hr_round_new();
	r->multi = curl_multi_init();
	r->easy = c = curl_easy_init();
	if (!r->round || !r->multi || !c || !set_headers(r))
		return false;
	(void)curl_easy_setopt(c, CURLOPT_URL, r->conf.remote_url);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(
		c, CURLOPT_TIMEOUT_MS, (long)(r->conf.remote_timeout_ns / HR_NS_PER_MS));
	(void)curl_easy_setopt(c, CURLOPT_POST, 1L);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "headroom-collector/" HR_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, hear);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	if (r->conf.remote_ca_file[0])
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, r->conf.remote_ca_file);
	return true;
}

static void wipe(struct hr_remote *r)
{
	if (r->flying) {
		(void)curl_multi_remove_handle(r->multi, r->easy);
		drop(r, r->flying, HR_COUNT_REMOTE_QUEUE);
	}
	while (r->owed.first)
		put(&r->waits, take_first(&r->owed));
	while (r->waits.first)
		drop(r, take_first(&r->waits), HR_COUNT_REMOTE_QUEUE);
	curl_easy_cleanup(r->easy);
	(void)curl_multi_cleanup(r->multi);
	for (struct curl_slist *l = r->headers; l; l = l->next)
		gnutls_memset(l->data, 0, strlen(l->data));
	curl_slist_free_all(r->headers);
	hr_round_free(r->round);
	gnutls_memset(r->token, 0, sizeof(r->token));
	free(r);
	curl_global_cleanup();
}

/* Everything but the thread. */
static int prepare(struct hr_remote **ret, const struct hr_collector_config *conf,
	const struct hr_remote_sources *sources, char err[512])
{
	struct hr_remote *r;
	int e;

	if (!hr_remote_conf_check(conf, err))
		return -EINVAL;
	(void)snprintf(err, 512, "cannot start remote write: out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counted by libcurl */
		return -EIO;
	r = calloc(1, sizeof(*r));
	if (!r) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	r->conf = *conf;
	r->from = *sources;
	(void)hr_remote_labels_parse(conf->remote_labels, &r->labels, err);
	e = read_token(r, err);
	if (e == 0 && !set_up(r))
		e = -ENOMEM;
	if (e < 0) {
		wipe(r);
		return e;
	}
	*ret = r;
	return 0;
}

static int start(struct hr_remote *r, char err[512])
{
	int e;

	/* a first round of an empty board would say 0 hosts of a fleet that is being loaded */
	r->round_ns = hr_clock_mono_ns() + r->conf.remote_interval_ns;
	e = pthread_create(&r->thread, NULL, work, r);
	if (e == 0)
		return 0;
	(void)snprintf(err, 512, "cannot start a thread for remote write: %s", strerror(e));
	wipe(r);
	return -e;
}

int hr_remote_open(struct hr_remote **ret, const struct hr_collector_config *conf,
	const struct hr_remote_sources *sources, char err[512])
{
	struct hr_remote *r = NULL;
	int e = conf->remote_url[0] ? prepare(&r, conf, sources, err) : 0;

	if (e == 0 && r)
		e = start(r, err);
	if (e == 0)
		*ret = r;
	return e;
}

int hr_remote_try(const struct hr_collector_config *conf, const struct hr_remote_sources *sources,
	char err[512])
{
	struct hr_remote *r = NULL;
	int e = conf->remote_url[0] ? prepare(&r, conf, sources, err) : 0;

	if (r)
		wipe(r);
	return e;
}

int hr_remote_reconfigure(struct hr_remote **remote, const struct hr_collector_config *conf,
	const struct hr_remote_sources *sources, char err[512])
{
	struct hr_remote *next = NULL, *old = *remote;
	int e = conf->remote_url[0] ? prepare(&next, conf, sources, err) : 0;

	if (e < 0)
		return e;
	if (old && next && hr_remote_conf_same(&old->conf, conf) &&
		strcmp(old->token, next->token) == 0) {
		wipe(next); /* what waits, and what the last round said, stay */
		return 0;
	}
	if (next) {
		e = start(next, err);
		if (e < 0)
			return e;
	}
	hr_remote_close(old);
	*remote = next;
	return 0;
}

void hr_remote_close(struct hr_remote *r)
{
	if (!r)
		return;
	atomic_store(&r->stop, true);
	(void)curl_multi_wakeup(r->multi);
	(void)pthread_join(r->thread, NULL);
	wipe(r);
}
