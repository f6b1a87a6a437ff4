// SPDX-License-Identifier: Apache-2.0
/*
 * usage: tiers DIRECTORY [lean] [WINDOWS]
 *        tiers DIRECTORY stall HOSTS
 * What a VM's history takes on disk, measured in a real database that is filled with as much as
 * each tier keeps: windows of a VM that is busy for 8 of 24 hours and idle otherwise, and of one
 * that is always idle or busy, WINDOWS (1) a POST.  stall: how long the transactions of roll-up and
 * expiry are, with 40 minutes of HOSTS hosts to be rolled up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/core/digest.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/num.h"
#include "tests/unit/hr_sample.h"

#define POOL    64
#define DAYS5   14
#define HOURS   (730 * 24)
#define RAW_MAX 8192

static struct hr_summary *pool[2];     /* idle, busy */
static struct hr_digest five[2][POOL]; /* of 30 windows each */
static unsigned char raw[2][POOL][RAW_MAX];
static size_t raw_len[2][POOL];
static struct hr_rand r = {.s = 1};
static uint64_t per_post = 1;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "tiers: %s\n", what);
	exit(1);
}

static struct hr_summary *any(int busy)
{
	return &pool[busy][hr_rand_u64(&r) % POOL];
}

/* As an agent sends it (hr_wire_encode_window), and as the collector reads that. */
static void make_pool(void)
{
	static struct hr_wire_arena arena;
	size_t bytes;

	for (int b = 0; b < 2; b++) {
		pool[b] = calloc(POOL, sizeof(*pool[b]));
		must(pool[b], "out of memory");
		bytes = 0;
		for (unsigned i = 0; i < POOL; i++) {
			if (b)
				hr_sample_busy(&r, &pool[b][i], 1000);
			else
				hr_sample_idle(&r, &pool[b][i], 1000);
			raw_len[b][i] =
				hr_wire_encode_window(&pool[b][i], raw[b][i], sizeof(raw[b][i]));
			must(hr_wire_decode_summary(
				     &arena, raw[b][i], raw_len[b][i], &pool[b][i]) == HR_WIRE_OK,
				"a window does not decode");
			bytes += raw_len[b][i];
		}
		(void)printf("%s: %zu bytes a window\n", b ? "busy" : "idle", bytes / POOL);
		for (unsigned i = 0; i < POOL; i++)
			for (unsigned k = 0; k < 30; k++)
				must(hr_digest_add(&five[b][i], 1, 1, any(b)), "out of memory");
	}
}

static struct hr_store *open_store(const char *path)
{
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s =
		hr_store_sqlite_open(&(struct hr_store_sqlite_conf){.path = path}, note, error);

	must(s, error);
	return s;
}

/* 0 idle, 1 busy; @kind 2: eight hours of the day. */
static int is_busy(int kind, uint64_t ms)
{
	uint64_t hour = ms / HR_HOUR_MS % 24;

	return kind < 2 ? kind : hour >= 9 && hour < 17;
}

/*
 * As it is after a day: all but the last two bins are packed.  Each window is made for its place:
 * out of the pool a fifth of a bin's would be there twice, and packed for nothing.
 */
static void put_raw(struct hr_store *s, int kind, uint64_t slots)
{
	static struct hr_summary one;
	static unsigned char body[RAW_MAX];
	const uint64_t per = HR_TIER_5MIN_SLOTS, first = 180000000 / per * per;
	uint64_t n = 0; /* with a gap before each POST: those behind it were of other hosts */
	bool more, waits;

	for (uint64_t i = 0; i < slots; i++) {
		if (i % per == 0 && i >= 2 * per)
			must(s->ops->pack(s, 1, (first + i) / per - 2, UINT64_MAX, &waits) == 0,
				"pack");
		n += (i + per_post / 2) % per_post == 0 ? 2 : 1;
		if (is_busy(kind, i * HR_STORE_SLOT_MS))
			hr_sample_busy(&r, &one, i);
		else
			hr_sample_idle(&r, &one, i);
		must(s->ops->put_row(s,
			     &(struct hr_store_row){.n = n,
				     .host_no = 1,
				     .slot = first + i,
				     .boot_ord = 1,
				     .seq_first = i,
				     .seq_last = i,
				     .body = body,
				     .len = hr_wire_encode_window(&one, body, sizeof(body))}) == 0,
			"row");
		if (i % 1000 == 0 || i + 1 == slots)
			must(s->ops->trim_journal(s, n + 1, UINT32_MAX, &more) == 0, "journal");
	}
}

static void put_tier(struct hr_store *s, enum hr_tier tier, int kind, uint64_t bins,
	enum hr_digest_detail detail)
{
	static uint8_t buf[HR_DIGEST_MAX], part[HR_DIGEST_MAX];
	uint64_t bin_ms = tier == HR_TIER_HOUR ? HR_HOUR_MS : HR_5MIN_MS;
	static struct hr_digest d;

	for (uint64_t i = 1; i <= bins; i++) {
		int b = is_busy(kind, i * bin_ms);
		size_t len;

		hr_digest_clear(&d);
		for (unsigned k = 0; k < (tier == HR_TIER_HOUR ? 12 : 1); k++) {
			len = hr_digest_encode(&five[b][hr_rand_u64(&r) % POOL], HR_DIGEST_FULL,
				part, sizeof(part));
			must(hr_digest_decode(&d, part, len) == HR_DIGEST_OK, "digest");
		}
		len = hr_digest_encode(&d, detail, buf, sizeof(buf));
		must(s->ops->put_tier(s, tier,
			     &(struct hr_tier_row){.host_no = 1,
				     .bin = 400000 + i,
				     .windows = d.windows,
				     .samples = d.samples,
				     .body = buf,
				     .len = len}) == 0,
			"tier");
	}
}

static double megabytes(const char *path)
{
	struct hr_store *s = open_store(path); /* opening checkpoints */
	struct hr_store_stats st;

	must(s->ops->stats(s, &st) == 0, "stats");
	s->ops->close(s);
	return (double)st.file_bytes / 1e6;
}

static void size_of(const char *dir, int kind, bool lean)
{
	static const char *const name[] = {"idle", "busy", "busy 8 of 24 hours"};
	double mb[4];
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/tiers-%d.db", dir, kind);
	(void)unlink(path); /* of a run that was ended */
	for (int step = 0; step < 4; step++) {
		struct hr_store *s = open_store(path);

		must(s->ops->begin(s) == 0, "begin");
		if (step == 1)
			put_raw(s, kind, lean ? 720 : 8640);
		else if (step == 2)
			put_tier(s, HR_TIER_5MIN, kind, DAYS5 * 288,
				lean ? HR_DIGEST_BRIEF : HR_DIGEST_SHARP);
		else if (step == 3)
			put_tier(s, HR_TIER_HOUR, kind, HOURS,
				lean ? HR_DIGEST_LEAN : HR_DIGEST_BRIEF);
		must(s->ops->commit(s) == 0, "commit");
		s->ops->close(s);
		mb[step] = megabytes(path);
	}
	(void)printf("%s, %s: 10 s %s %.2f MB, 5 min 14 d %.2f MB, 1 h 2 years %.2f MB: %.2f MB "
		     "per VM\n",
		lean ? "lean" : "default", name[kind], lean ? "2 h" : "1 d", mb[1] - mb[0],
		mb[2] - mb[1], mb[3] - mb[2], mb[3] - mb[0]);
	(void)unlink(path);
}

/* --- stalls --- */

static void fill(const char *path, uint32_t hosts, uint64_t first_slot, uint64_t slots)
{
	struct hr_store *s = open_store(path);
	uint64_t n = 0;
	bool more;

	for (uint64_t slot = 0; slot < slots; slot++) {
		must(s->ops->begin(s) == 0, "begin");
		for (uint32_t h = 1; h <= hosts; h++) {
			unsigned k = (unsigned)(hr_rand_u64(&r) % POOL);
			struct hr_store_host host = {.no = h, .name = "vm"};

			memcpy(host.id, &h, sizeof(h));
			host.id[15] = 1;
			if (slot == 0)
				must(s->ops->put_host(s, &host) == 0, "host");
			must(s->ops->put_row(s, &(struct hr_store_row){.n = ++n,
							.host_no = h,
							.slot = first_slot + slot,
							.boot_ord = 1,
							.seq_first = slot,
							.seq_last = slot,
							.body = raw[h % 3 == 0][k],
							.len = raw_len[h % 3 == 0][k]}) == 0,
				"row");
		}
		must(s->ops->trim_journal(s, n + 1, UINT32_MAX, &more) == 0, "journal");
		must(s->ops->commit(s) == 0, "commit");
	}
	s->ops->close(s);
}

static double longest(struct hr_counters *c)
{
	uint64_t a = atomic_load(&c->stall_us[HR_STEP_ROLL_UP]);
	uint64_t b = atomic_load(&c->stall_us[HR_STEP_PACK]);

	return (double)(a > b ? a : b) / 1e3;
}

static void stall(const char *dir, uint32_t hosts)
{
	static struct hr_counters count;
	struct hr_writer_conf conf = {.max_hosts = hosts + 1,
		.windows_ms = HR_HOUR_MS,
		.five_min_ms = 14 * 24 * HR_HOUR_MS,
		.hours_ms = 730 * 24 * HR_HOUR_MS};
	uint64_t slots = 240, t, cpu, all, steps = 0;
	struct hr_board board;
	struct hr_writer *w;
	char path[4096], error[HR_STORE_ERROR_LEN];

	(void)snprintf(path, sizeof(path), "%s/stall.db", dir);
	fill(path, hosts, (hr_clock_wall_ms() - 3 * HR_HOUR_MS) / HR_STORE_SLOT_MS, slots);
	hr_model_conf_default(&conf.model);
	must(hr_board_init(&board) == 0, "board");
	w = hr_writer_open(&conf, open_store(path), &count, &board, error);
	must(w, error);
	cpu = hr_clock_cpu_us();
	t = hr_clock_mono_ns();
	while (hr_rollup_step(w)) {
		steps++;
		(void)w->store->ops->maintain(w->store);
	}
	cpu = hr_clock_cpu_us() - cpu;
	all = hr_clock_mono_ns() - t;
	(void)printf(
		"roll-up: %u hosts, %llu windows: %llu transactions in %.1f s, %.1f us of CPU per "
		"window, longest %.1f ms\n",
		hosts, (unsigned long long)slots * hosts, (unsigned long long)steps,
		(double)all / 1e9, (double)cpu / (double)(slots * hosts), longest(&count));
	for (steps = 1; hr_writer_expire(w); steps++)
		(void)w->store->ops->maintain(w->store);
	must(hr_writer_state(w) == HR_WRITER_OK, "expire");
	(void)printf("expiry: %llu rows in %llu transactions, longest %.1f ms\n",
		(unsigned long long)atomic_load(&count.v[HR_COUNT_EXPIRED]),
		(unsigned long long)steps,
		(double)atomic_load(&count.stall_us[HR_STEP_EXPIRY]) / 1e3);
	hr_writer_close(w);
	hr_board_done(&board);
	(void)unlink(path);
}

int main(int argc, char **argv)
{
	uint64_t hosts;

	bool is_stall = argc == 4 && strcmp(argv[2], "stall") == 0, lean;

	lean = argc > 2 && strcmp(argv[2], "lean") == 0;
	if (argc < 2 || (is_stall && !hr_num_u64(argv[3], 1, 100000, &hosts)) ||
		(!is_stall && argc > 3 + lean) ||
		(!is_stall && argc > 2 + lean &&
			!hr_num_u64(argv[2 + lean], 1, HR_BATCH_MAX, &per_post))) {
		(void)fputs("usage: tiers DIRECTORY [lean] [WINDOWS]\n"
			    "       tiers DIRECTORY stall HOSTS\n",
			stderr);
		return 2;
	}
	hr_log_init("tiers", HR_LOG_ERR);
	make_pool();
	if (is_stall) {
		stall(argv[1], (uint32_t)hosts);
		return 0;
	}
	for (int kind = 0; kind < 3; kind++)
		size_of(argv[1], kind, lean);
	return 0;
}
