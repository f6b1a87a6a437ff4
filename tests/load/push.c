// SPDX-License-Identifier: Apache-2.0
/*
 * The windows of gen.c as series, pushed into a Prometheus by remote write: what tests/load/beside
 * compares the collector with.
 *
 * usage: push --url URL --hosts N [--windows N] [--period S | --flood] [--histograms]
 *
 * Each host has one series for every number of its window that is not always 0: counters (summed
 * up, as Prometheus wants them), gauges, and of each distribution sum, count and maximum; with
 * --histograms every bucket that is ever used too, cumulative, as a classic histogram has them.
 * Hosts come at their phase of the period; --flood: as fast as requests are answered, with times
 * from the past on.  At most 2000 samples a request, one request at a time.  A request that fails
 * ends it.
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "collector/core/write_request.h"
#include "proto/num.h"
#include "tests/load/gen.h"
#include "tests/unit/hr_sample.h"

#define NUMBERS_MAX 16384 /* every bucket of every distribution, before the unused go */
#define BATCH       2000
#define RAW_CAP     (BATCH * 512)

struct number {
	char name[96], le[16];
	const char *device;
	bool adds; /* else a gauge */
	double v[GEN_POOL], before[GEN_POOL + 1];
};

static struct {
	const char *url;
	uint64_t hosts, windows;
	double period_s;
	bool flood, histograms;
} arg = {.hosts = 1000, .windows = 3, .period_s = 10};

static struct number *number;
static unsigned numbers;
static unsigned char *raw;
static char *packed;
static size_t raw_len;
static uint64_t in_batch, samples, requests, bytes;
static CURL *curl;

static uint64_t now_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- numbers of windows --- */

struct place {
	const char *device;
	unsigned window;
	unsigned at; /* the number under this place */
};

/* The next number in order, with its value in this window; the first window makes them. */
static void take(struct place *p, const char *name, const char *le, bool adds, double v)
{
	struct number *n = &number[p->at++];

	if (p->at > NUMBERS_MAX)
		abort();
	if (p->window == 0) {
		(void)snprintf(n->name, sizeof(n->name), "headroom_window_%s%s", name,
			adds && !le ? "_total" : "");
		(void)snprintf(n->le, sizeof(n->le), "%s", le ? le : "");
		n->device = p->device;
		n->adds = adds;
		numbers = p->at;
	}
	n->v[p->window] = v;
}

static void take_dist(struct place *p, const char *name, const struct hr_hist *h)
{
	char text[80], le[16];
	uint64_t upto = 0;

	(void)snprintf(text, sizeof(text), "%s_sum", name);
	take(p, text, "", true, (double)h->sum);
	(void)snprintf(text, sizeof(text), "%s_count", name);
	take(p, text, "", true, (double)h->total);
	(void)snprintf(text, sizeof(text), "%s_max", name);
	take(p, text, NULL, false, h->max);
	(void)snprintf(text, sizeof(text), "%s_bucket", name);
	for (unsigned i = 0; arg.histograms && i < HR_BUCKETS; i++) {
		upto += h->n[i];
		(void)snprintf(le, sizeof(le), "%u", hr_bucket_hi(i));
		take(p, text, le, true, (double)upto);
	}
}

static void take_window(const struct hr_summary *s, unsigned window)
{
	struct place p = {.device = "", .window = window};

	for (enum hr_ctr c = 0; c < HR_CTR_N; c++)
		take(&p, hr_ctr_name(c), NULL, hr_ctr_kind(c) == HR_KIND_S, (double)s->ctr[c]);
	for (enum hr_dist d = 0; d < HR_DIST_N; d++)
		take_dist(&p, hr_dist_name(d), &s->dist[d]);
	for (unsigned i = 0; i < s->n_dev; i++) {
		p.device = i == 0 ? "vda" : "eth0";
		for (enum hr_dctr c = 0; c < HR_DCTR_N; c++)
			take(&p, hr_dctr_name(c), NULL, hr_dctr_kind(c) == HR_KIND_S,
				(double)s->dev[i].ctr[c]);
		for (enum hr_ddist d = 0; d < HR_DDIST_N; d++)
			take_dist(&p, hr_ddist_name(d), &s->dev[i].dist[d]);
	}
}

/* Whether bucket @i of a distribution is ever used: it holds more than the one below it. */
static bool is_used(unsigned i)
{
	const struct number *n = &number[i];
	bool is_bucket = strstr(n->name, "_bucket") != NULL;
	const struct number *below = is_bucket && i > 0 && strcmp(number[i - 1].name, n->name) == 0
					     ? &number[i - 1]
					     : NULL;

	for (unsigned w = 0; w < GEN_POOL; w++)
		if (n->v[w] > (below ? below->v[w] : 0))
			return true;
	return false;
}

/* The pool of gen_body.c, and of it what is worth a series. */
static void make_numbers(void)
{
	static struct hr_summary s;
	struct hr_rand r = {.s = 1};
	bool *used = calloc(NUMBERS_MAX, sizeof(*used));
	unsigned n = 0;

	number = calloc(NUMBERS_MAX, sizeof(*number));
	if (!number || !used)
		abort();
	for (unsigned w = 0; w < GEN_POOL; w++) {
		if (w < 0.7 * GEN_POOL)
			hr_sample_busy(&r, &s, 1000);
		else
			hr_sample_idle(&r, &s, 1000);
		take_window(&s, w);
	}
	for (unsigned i = 0; i < numbers; i++)
		used[i] = is_used(i);
	for (unsigned i = 0; i < numbers; i++) {
		if (!used[i])
			continue;
		number[n] = number[i];
		for (unsigned w = 0; w < GEN_POOL; w++)
			number[n].before[w + 1] = number[n].before[w] + number[n].v[w];
		n++;
	}
	numbers = n;
	free(used);
}

/* After window @seq of @host, which repeats the pool from a place of its own. */
static double value(const struct number *n, uint64_t host, uint64_t seq)
{
	uint64_t from = host * 7 % GEN_POOL, to = from + seq + 1;

	if (!n->adds)
		return n->v[(to - 1) % GEN_POOL];
	return (double)(to / GEN_POOL) * n->before[GEN_POOL] + n->before[to % GEN_POOL] -
	       n->before[from];
}

/* --- requests --- */

static size_t ignore(char *data, size_t size, size_t n, void *arg_)
{
	(void)arg_;
	(void)fwrite(data, size, n, stderr); /* only refusals have a body */
	return size * n;
}

static void flush(void)
{
	size_t len = snappy_max_compressed_length(RAW_CAP);
	long status = 0;
	CURLcode e;

	if (in_batch == 0)
		return;
	if (snappy_compress((const char *)raw, raw_len, packed, &len) != SNAPPY_OK)
		abort();
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, packed);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	e = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (e != CURLE_OK || status / 100 != 2) {
		fprintf(stderr, "push: %s, status %ld\n", curl_easy_strerror(e), status);
		exit(1);
	}
	requests++;
	samples += in_batch;
	bytes += len;
	in_batch = 0;
	raw_len = 0;
}

static void push_host(uint64_t host, uint64_t seq, uint64_t at_ms)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "vm-%06" PRIu64, host);
	for (unsigned i = 0; i < numbers; i++) {
		const struct number *n = &number[i];
		struct hr_series s = {.name = n->name,
			.n = 3,
			.label = {{"host", name}, {"device", n->device}, {"le", n->le}},
			.v = value(n, host, seq)};
		size_t len = hr_write_request_put(
			&s, NULL, (int64_t)at_ms, raw + raw_len, RAW_CAP - raw_len);

		if (len == 0)
			abort();
		raw_len += len;
		if (++in_batch == BATCH)
			flush();
	}
}

static void wait_until(uint64_t ms)
{
	uint64_t now = now_ms(CLOCK_MONOTONIC);
	struct timespec ts = {.tv_sec = (time_t)((ms - now) / 1000),
		.tv_nsec = (long)((ms - now) % 1000 * 1000000)};

	if (ms <= now)
		return;
	flush(); /* nothing waits while there is nothing to do */
	(void)nanosleep(&ts, NULL);
}

static void run(void)
{
	uint64_t period = (uint64_t)(arg.period_s * 1000), start = now_ms(CLOCK_MONOTONIC);
	uint64_t base = now_ms(CLOCK_REALTIME) - (arg.flood ? arg.windows * period : 0);

	for (uint64_t seq = 0; seq < arg.windows; seq++) {
		for (uint64_t host = 0; host < arg.hosts; host++) {
			uint64_t at = seq * period + period * host / arg.hosts;

			/* in ten steps a period: requests are full, as Prometheus fills its own */
			if (!arg.flood && host % (arg.hosts / 10 + 1) == 0)
				wait_until(start + at);
			push_host(host, seq, base + at);
		}
	}
	flush();
}

static bool option(const char *k, const char *v)
{
	if (strcmp(k, "--url") == 0)
		arg.url = v;
	else if (strcmp(k, "--period") == 0)
		return hr_num_f64(v, 0.01, 3600, &arg.period_s);
	else if (strcmp(k, "--hosts") == 0)
		return hr_num_u64(v, 1, 1000000, &arg.hosts);
	else if (strcmp(k, "--windows") == 0)
		return hr_num_u64(v, 1, 1000000, &arg.windows);
	else
		return false;
	return true;
}

static bool set_up(void)
{
	static const char *const header[] = {"Content-Type: application/x-protobuf",
		"Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0", "Expect:"};
	struct curl_slist *list = NULL;

	raw = malloc(RAW_CAP);
	packed = malloc(snappy_max_compressed_length(RAW_CAP));
	if (!raw || !packed || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		!(curl = curl_easy_init()))
		return false;
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		list = curl_slist_append(list, header[i]);
	(void)curl_easy_setopt(curl, CURLOPT_URL, arg.url);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	return true;
}

int main(int argc, char **argv)
{
	struct rusage ru;
	uint64_t start;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--flood") == 0) {
			arg.flood = true;
		} else if (strcmp(argv[i], "--histograms") == 0) {
			arg.histograms = true;
		} else if (i + 1 < argc && option(argv[i], argv[i + 1])) {
			i++;
		} else {
			fprintf(stderr, "push: '%s': see the top of tests/load/push.c\n", argv[i]);
			return 2;
		}
	}
	if (!arg.url || !set_up())
		return 2;
	make_numbers();
	start = now_ms(CLOCK_MONOTONIC);
	run();
	getrusage(RUSAGE_SELF, &ru);
	printf("hosts=%" PRIu64 " series_per_host=%u samples=%" PRIu64 " requests=%" PRIu64
	       " wire_bytes=%" PRIu64 " seconds=%.1f push_cpu_s=%.2f\n",
		arg.hosts, numbers, samples, requests, bytes,
		(double)(now_ms(CLOCK_MONOTONIC) - start) / 1000,
		(double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
			(double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	return 0;
}
