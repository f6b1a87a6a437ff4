/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/wire.h"
#include "tests/unit/hr_same.h"
#include "tests/unit/hr_sample.h"

static struct hr_wire_arena arena;
static struct hr_summary a, b;
static struct hr_facts f, g;
static unsigned char buf[HR_BODY_MAX], body[HR_BODY_MAX + 1];
static const uint8_t host[HR_HOST_ID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void round_trip(const struct hr_summary *s)
{
	size_t len = hr_wire_encode_summary(s, buf, sizeof(buf));

	assert_true(len > 0);
	assert_int_equal(hr_wire_decode_summary(&arena, buf, len, &b), HR_WIRE_OK);
	assert_true(hr_same_summary(s, &b));
}

static void a_summary_is_the_bytes_of_the_schema(void **state)
{
	/*
	 * seq_first (1) 7, seq_last (2) 8, dur_ms (4) 20000 = a0 9c 01, cpus (7) 2, have (8)
	 * CPU_SLOTS = bit 0, ctr_set (9) bit 2 = 4 and 0, ctr (10) 300 = ac 02
	 */
	static const unsigned char want[] = {0x08, 7, 0x10, 8, 0x20, 0xa0, 0x9c, 0x01, 0x38, 2,
		0x40, 1, 0x4a, 2, 4, 0, 0x52, 2, 0xac, 0x02};
	size_t len;

	(void)state;
	assert_int_equal(HR_SIG_CPU_SLOTS, 0);
	assert_int_equal(HR_CTR_SWITCHES, 2);
	assert_true(HR_CTR_N > 64 && HR_CTR_N <= 128); /* two words in ctr_set */
	a = (struct hr_summary){.seq_first = 7, .seq_last = 8, .dur_ms = 20000, .cpus = 2};
	a.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS);
	a.ctr[HR_CTR_SWITCHES] = 300;
	a.ctr[HR_CTR_WAIT_NS] = 5; /* of a missing signal: not sent */
	len = hr_wire_encode_summary(&a, buf, sizeof(buf));
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void a_summary_comes_back_as_it_was(void **state)
{
	struct hr_rand r = hr_rand_seeded("wire");

	(void)state;
	for (int i = 0; i < 20; i++) {
		hr_sample_busy(&r, &a, 1000 + (uint64_t)i);
		round_trip(&a);
		hr_sample_idle(&r, &a, 1000 + (uint64_t)i);
		round_trip(&a);
	}
}

/* A random valid summary: any signals, devices, counters of any size, sparse distributions. */
static void random_summary(struct hr_rand *r, struct hr_summary *s)
{
	memset(s, 0, sizeof(*s));
	s->seq_first = hr_rand_bits(r, 39);
	s->seq_last = s->seq_first + hr_rand_below(r, 400);
	s->lost = (uint32_t)hr_rand_below(r, s->seq_last - s->seq_first + 1);
	s->t_end_ms = hr_rand_bits(r, 42);
	s->dur_ms = 1 + (uint32_t)hr_rand_below(r, HR_DUR_MAX_MS);
	s->epoch = (uint32_t)hr_rand_bits(r, 32);
	s->cpus = 1 + (uint32_t)hr_rand_below(r, HR_CPUS_MAX);
	s->have = hr_rand_u64(r) & ((1ULL << HR_SIG_N) - 1);
	for (int i = 0; i < HR_CTR_N; i++)
		if (hr_has(s, hr_ctr_signal((enum hr_ctr)i)) && hr_rand_below(r, 2))
			s->ctr[i] = hr_rand_bits(r, 56);
	for (int i = 0; i < HR_DIST_N; i++)
		if (hr_has(s, hr_dist_signal((enum hr_dist)i)))
			for (uint64_t n = hr_rand_below(r, 20); n > 0; n--)
				(void)hr_hist_add(&s->dist[i], hr_rand_bits(r, 33),
					(uint32_t)hr_rand_bits(r, 20));
	if (hr_has(s, HR_SIG_BURSTS))
		for (int i = 0; i < HR_VQ_GRID; i++)
			s->vq_bad[i % HR_VQ_ROWS][i] = (uint32_t)hr_rand_bits(r, 32);
	for (int i = 0; hr_has(s, HR_SIG_REPLAY) && i < HR_VQ_GRID; i++) {
		s->replay.tot[i % HR_VQ_ROWS][i] = (uint32_t)hr_rand_bits(r, 32);
		s->replay.late[i % HR_VQ_ROWS][i] =
			(uint32_t)hr_rand_below(r, 1 + (uint64_t)s->replay.tot[i % HR_VQ_ROWS][i]);
		s->replay.queued[i % HR_VQ_SIZES][i] = (uint32_t)hr_rand_bits(r, 32);
	}
	for (uint8_t i = 0; i < HR_DEVS_MAX; i++) {
		struct hr_dev_summary *d = &s->dev[s->n_dev];

		if (hr_rand_below(r, 2))
			continue;
		d->dev = i;
		d->have = hr_rand_u64(r) & ((1ULL << HR_SIG_N) - 1);
		for (int k = 0; k < HR_DCTR_N; k++)
			if (d->have & HR_SIG_BIT(hr_dctr_signal((enum hr_dctr)k)))
				d->ctr[k] = hr_rand_bits(r, 56);
		for (int k = 0; k < HR_DDIST_N; k++)
			if (d->have & HR_SIG_BIT(hr_ddist_signal((enum hr_ddist)k)))
				(void)hr_hist_add(&d->dist[k], hr_rand_bits(r, 32),
					(uint32_t)hr_rand_bits(r, 32));
		s->n_dev++;
	}
	if (hr_has(s, HR_SIG_FS)) {
		s->n_fs = (uint8_t)hr_rand_below(r, HR_FS_MAX + 1);
		for (int i = 0; i < s->n_fs; i++) {
			s->fs[i] = (struct hr_fs){"", hr_rand_bits(r, 56), hr_rand_bits(r, 56),
				hr_rand_bits(r, 56), hr_rand_bits(r, 56)};
			snprintf(s->fs[i].mount, sizeof(s->fs[i].mount), "/m%d", i);
		}
	}
	if (hr_has(s, HR_SIG_THREADS)) {
		s->n_top = (uint8_t)hr_rand_below(r, HR_TOP_MAX + 1);
		for (int i = 0; i < s->n_top; i++) {
			struct hr_top *t = &s->top[i];

			*t = (struct hr_top){(uint32_t)hr_rand_u64(r),
				(uint32_t)hr_rand_bits(r, 32), (uint32_t)hr_rand_bits(r, 32),
				(uint32_t)hr_rand_bits(r, 32), (uint32_t)hr_rand_bits(r, 32),
				(uint32_t)hr_rand_bits(r, 32), 0, 0, "", ""};
			if (hr_has(s, HR_SIG_READS)) {
				t->reads = (uint32_t)hr_rand_bits(r, 32);
				t->reads_late = (uint32_t)hr_rand_bits(r, 32);
			}
			snprintf(t->comm, sizeof(t->comm), "t%u", t->pid % 1000);
			/* never empty: an empty process name is sent as "like the thread" */
			snprintf(t->process, sizeof(t->process), "p%u", t->pid % 3);
		}
	}
}

static void any_valid_summary_comes_back_as_it_was(void **state)
{
	struct hr_rand r = hr_rand_seeded("wire/random");

	(void)state;
	for (int i = getenv("HR_TEST_QUICK") ? 240 : 0; i < 300; i++) {
		random_summary(&r, &a);
		memset(&b, 0x5a, sizeof(b)); /* nothing may shine through */
		round_trip(&a);
	}
}

static void missing_stays_missing_and_zero_stays_measured(void **state)
{
	(void)state;
	a = (struct hr_summary){.seq_first = 1, .seq_last = 1, .dur_ms = 10000, .cpus = 2};
	a.have = HR_SIG_BIT(HR_SIG_STEAL); /* measured: no steal at all */
	a.ctr[HR_CTR_SOFTNET_DROP_N] = 9;  /* not measured, whatever stands there */
	assert_true(hr_hist_add(&a.dist[HR_DIST_RTT_INFLATION], 5, 1));
	assert_true(hr_wire_decode_summary(&arena, buf,
			    hr_wire_encode_summary(&a, buf, sizeof(buf)), &b) == HR_WIRE_OK);
	assert_true(hr_has(&b, HR_SIG_STEAL));
	assert_true(b.ctr[HR_CTR_STEAL_MS] == 0);
	assert_false(hr_has(&b, HR_SIG_SOFTNET));
	assert_true(b.ctr[HR_CTR_SOFTNET_DROP_N] == 0);
	assert_true(b.dist[HR_DIST_RTT_INFLATION].total == 0);
}

static void facts_come_back_as_they_were(void **state)
{
	size_t len;

	(void)state;
	hr_sample_facts(&f);
	f.shed = 1u << HR_SHED_NET;
	f.dev[0].cap_iops = 3000;
	f.dev[0].burst_iops = 16000;
	f.dev[0].burst_bytes_per_s = 500 << 20;
	len = hr_wire_encode_facts(&f, buf, sizeof(buf));
	assert_true(len > 0 && len < 400);
	assert_int_equal(hr_wire_decode_facts(&arena, buf, len, &g), HR_WIRE_OK);
	assert_true(hr_same_facts(&f, &g));
	/* an older agent does not tell what the tight cgroup may use: unknown, not "no limit" */
	f.tight_cpu_m = f.tight_mem_mib = 0;
	assert_true(hr_wire_encode_facts(&f, buf, sizeof(buf)) < len);
	len = hr_wire_encode_facts(&f, buf, sizeof(buf));
	assert_int_equal(hr_wire_decode_facts(&arena, buf, len, &g), HR_WIRE_OK);
	assert_true(g.tight_cpu_m == 0 && g.tight_mem_mib == 0);
	/* nothing known at all */
	memset(&f, 0, sizeof(f));
	len = hr_wire_encode_facts(&f, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(hr_wire_decode_facts(&arena, buf, len, &g), HR_WIRE_OK);
	assert_true(hr_same_facts(&f, &g));
}

static void the_largest_facts_fit(void **state)
{
	size_t len;

	(void)state;
	memset(&f, 'x', sizeof(f)); /* every text full; numbers of all kinds */
	f.cpus_online = f.cpus_possible = f.threads_per_core = HR_CPUS_MAX;
	f.mem_total_bytes = f.map_bytes = HR_VALUE_MAX;
	f.n_dev = HR_DEVS_MAX;
	f.shed = 1;
	for (int i = 0; i < HR_DEVS_MAX; i++) {
		f.dev[i].kind = HR_DEV_DISK;
		f.dev[i].cap_iops = f.dev[i].cap_bytes_per_s = HR_VALUE_MAX;
		f.dev[i].burst_iops = f.dev[i].burst_bytes_per_s = HR_VALUE_MAX;
		f.dev[i].is_virtual = true;
		f.dev[i].name[HR_NAME_LEN - 1] = '\0';
	}
	for (int i = 0; i < HR_SIG_N; i++) {
		f.signal[i].rung = HR_RUNG_MISSING;
		f.signal[i].reason[HR_REASON_LEN - 1] = '\0';
	}
	f.name[HR_NAME_LEN - 1] = f.kernel[HR_NAME_LEN - 1] = f.agent[HR_NAME_LEN - 1] = '\0';
	f.hypervisor[HR_NAME_LEN - 1] = f.provider[HR_NAME_LEN - 1] = '\0';
	f.instance_type[HR_NAME_LEN - 1] = f.tight_cgroup[HR_NAME_LEN - 1] = '\0';
	len = hr_wire_encode_facts(&f, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(hr_wire_decode_facts(&arena, buf, len, &g), HR_WIRE_OK);
	assert_true(hr_same_facts(&f, &g));
	assert_int_equal(hr_wire_encode_facts(&f, buf, len - 1), 0); /* does not fit */
	assert_int_equal(hr_wire_encode_facts(&f, buf, len), len);
}

static void a_thread_may_call_itself_anything(void **state)
{
	size_t len;

	(void)state;
	a = (struct hr_summary){.seq_first = 1, .seq_last = 1, .dur_ms = 1, .cpus = 1};
	a.have = HR_SIG_BIT(HR_SIG_THREADS);
	a.n_top = 1;
	memcpy(a.top[0].comm, "evil\n\xff name\xc3", 12);
	memcpy(a.top[0].process, "\x1b[31m", 6);
	len = hr_wire_encode_summary(&a, buf, sizeof(buf));
	assert_int_equal(hr_wire_decode_summary(&arena, buf, len, &b), HR_WIRE_OK);
	assert_string_equal(b.top[0].comm, "evil?? name?");
	assert_string_equal(b.top[0].process, "?[31m");
}

/* A body of facts and @n idle windows. */
static size_t make_body(unsigned n)
{
	struct hr_rand r = {5};
	struct hr_wire_builder w;
	size_t len;

	hr_sample_facts(&f);
	len = hr_wire_encode_facts(&f, buf, sizeof(buf));
	assert_true(hr_wire_batch_begin(&w, body, sizeof(body), host, 77));
	assert_true(hr_wire_batch_facts(&w, buf, len));
	for (unsigned i = 0; i < n; i++) {
		hr_sample_idle(&r, &a, 100 + i);
		len = hr_wire_encode_summary(&a, buf, sizeof(buf));
		assert_true(hr_wire_batch_add(&w, buf, len));
	}
	return w.len;
}

static void a_batch_holds_what_was_put_in(void **state)
{
	struct hr_wire_batch w;
	size_t len = make_body(6), one_len;
	const void *one;

	(void)state;
	assert_int_equal(hr_wire_open(&arena, body, len, &w), HR_WIRE_OK);
	assert_memory_equal(w.head.host, host, sizeof(host));
	assert_true(w.head.boot == 77 && w.head.has_facts);
	assert_int_equal(w.head.n_summaries, 6);
	hr_wire_facts(&w, &g);
	assert_true(hr_same_facts(&f, &g));
	hr_wire_summary(&w, 5, &b);
	assert_true(hr_same_summary(&a, &b)); /* the last one made */
	hr_wire_summary(&w, 0, &b);
	assert_true(b.seq_first == 100);
	/* the bytes that the store keeps are what was added last */
	assert_int_equal(hr_wire_summary_bytes(body, len, 5, &one, &one_len), HR_WIRE_OK);
	assert_int_equal(one_len, hr_wire_encode_summary(&a, buf, sizeof(buf)));
	assert_memory_equal(one, buf, one_len);
	assert_int_equal(hr_wire_summary_bytes(body, len, 6, &one, &one_len), HR_WIRE_EMPTY);
}

static void a_full_batch_says_so(void **state)
{
	static const unsigned char two[] = {0x08, 1};
	static unsigned char big[40000];
	struct hr_wire_builder w;
	size_t len;

	(void)state;
	assert_true(hr_wire_batch_begin(&w, body, sizeof(body), host, 1));
	assert_int_equal(w.len, 29); /* host 18, boot 9, schema 2 */
	for (int i = 0; i < HR_BATCH_MAX; i++)
		assert_true(hr_wire_batch_add(&w, two, sizeof(two)));
	len = w.len;
	assert_false(hr_wire_batch_add(&w, two, sizeof(two)));
	assert_int_equal(w.len, len);
	assert_true(hr_wire_batch_begin(&w, body, sizeof(body), host, 1));
	assert_true(hr_wire_batch_add(&w, big, sizeof(big)));
	len = w.len;
	assert_false(hr_wire_batch_add(&w, big, sizeof(big)));
	assert_int_equal(w.len, len);
	assert_int_equal(w.n, 1);
	assert_false(hr_wire_batch_begin(&w, body, 28, host, 1));
}

static void every_cut_body_is_refused(void **state)
{
	struct hr_wire_batch w;
	size_t len = make_body(2), whole = 0;
	const void *one;
	size_t one_len;

	(void)state;
	assert_int_equal(hr_wire_summary_bytes(body, len, 1, &one, &one_len), HR_WIRE_OK);
	for (size_t i = 0; i < len; i++)
		if (hr_wire_open(&arena, body, i, &w) == HR_WIRE_OK)
			whole++;
	/* a body may end behind its facts or its first summary; any other cut is noticed */
	assert_int_equal(whole, 2);
}

/* As sent: what is lost beyond the aim is resolution of distributions, and never a count. */
static void beyond_the_aim_only_resolution_goes(void **state)
{
	struct hr_rand r = hr_rand_seeded("aim");
	static unsigned char whole[HR_BODY_MAX];
	size_t n, len;

	(void)state;
	hr_sample_idle(&r, &a, 8640);
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	len = hr_wire_encode_summary(&a, whole, sizeof(whole));
	assert_true(n == len && n <= HR_WINDOW_AIM);
	assert_memory_equal(buf, whole, n);
	for (int i = 0; i < 3; i++) {
		hr_sample_work(&r, &a, 8640, 80000, 1.3);
		assert_true(hr_wire_encode_summary(&a, whole, sizeof(whole)) > HR_WINDOW_AIM);
		n = hr_wire_encode_window(&a, buf, sizeof(buf));
		assert_true(n <= HR_WINDOW_AIM);
		assert_int_equal(hr_wire_decode_summary(&arena, buf, n, &b), HR_WIRE_OK);
		assert_true(b.dist[HR_DIST_RUNQ_WAIT].shift > 0);
		assert_int_equal(b.dist[HR_DIST_BUSY].shift, 0);
		assert_int_equal(b.dist[HR_DIST_RUNNABLE].shift, 0);
		for (int d = 0; d < HR_DIST_N; d++) {
			assert_true(hr_hist_coarsen(&a.dist[d], b.dist[d].shift));
			assert_true(hr_hist_valid(&b.dist[d]));
		}
		for (int d = 0; d < a.n_dev * HR_DDIST_N; d++)
			assert_true(hr_hist_coarsen(&a.dev[d / HR_DDIST_N].dist[d % HR_DDIST_N],
				b.dev[d / HR_DDIST_N].dist[d % HR_DDIST_N].shift));
		assert_true(hr_same_summary(&a, &b));
	}
}

/* The same distributions, and only the time on CPUs says whether the VM is idle. */
static void an_idle_vm_has_a_shorter_aim(void **state)
{
	struct hr_rand r = hr_rand_seeded("idle aim");
	size_t whole, n;

	(void)state;
	hr_sample_idle(&r, &a, 8640);
	for (double us = 100; us < 1e6; us *= 1.25) { /* and a tail of long ones: 41 buckets each */
		(void)hr_hist_add(&a.dist[HR_DIST_RUNQ_WAIT], (uint64_t)us, 2);
		(void)hr_hist_add(&a.dev[0].dist[HR_DDIST_WR_LAT], (uint64_t)us, 2);
	}
	a.dev[0].have |= HR_SIG_BIT(HR_SIG_DISK_IO);
	a.cpus = 2;
	a.dur_ms = 10000;
	a.ctr[HR_CTR_ONCPU_NS] = 2000000000; /* a tenth of 2 x 10 s */
	whole = hr_wire_encode_summary(&a, buf, sizeof(buf));
	assert_true(whole > HR_WINDOW_AIM_IDLE && whole <= HR_WINDOW_AIM);
	assert_int_equal(hr_wire_encode_window(&a, buf, sizeof(buf)), whole);
	a.ctr[HR_CTR_ONCPU_NS]--;
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	assert_true(n > 0 && n <= HR_WINDOW_AIM_IDLE);
	assert_int_equal(hr_wire_decode_summary(&arena, buf, n, &b), HR_WIRE_OK);
	assert_true(b.dist[HR_DIST_RUNQ_WAIT].shift > 0);
	a.have &= ~HR_SIG_BIT(HR_SIG_CPU_SLOTS); /* not known: not idle */
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	assert_int_equal(n, hr_wire_encode_summary(&a, body, sizeof(body)));
}

/* 100 ms of 10 s are a hundredth; the one below it makes room, and only where room is short. */
static void small_threads_make_room(void **state)
{
	static const struct hr_top at = {7, 7, 60, 40, 60, 0, 0, 0, "at", "at"};
	static const struct hr_top below = {8, 8, 99, 0, 99, 0, 0, 0, "below", "below"};
	struct hr_rand r = hr_rand_seeded("small threads");
	size_t n;

	(void)state;
	hr_sample_idle(&r, &a, 8640);
	a.dur_ms = 10000;
	a.have |= HR_SIG_BIT(HR_SIG_THREADS);
	a.n_top = 2;
	a.top[0] = at;
	a.top[1] = below;
	a.n_group = 2;
	a.group[0] = (struct hr_top_group){5000, 70, "db.service"};
	a.group[1] = (struct hr_top_group){100, 0, "/"};
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	assert_int_equal(hr_wire_decode_summary(&arena, buf, n, &b), HR_WIRE_OK);
	assert_int_equal(b.n_top, 2);
	assert_true(hr_same_summary(&a, &b)); /* the groups too */
	hr_sample_work(&r, &a, 8640, 80000, 1.3);
	a.dur_ms = 10000;
	a.n_top = 2;
	a.top[0] = below;
	a.top[1] = at;
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	assert_int_equal(hr_wire_decode_summary(&arena, buf, n, &b), HR_WIRE_OK);
	assert_int_equal(b.n_top, 1);
	assert_memory_equal(&b.top[0], &at, sizeof(at));
}

/* Eight busy disks do not fit the aim: written all the same, as coarse as it gets. */
static void what_cannot_meet_the_aim_is_sent_all_the_same(void **state)
{
	struct hr_rand r = hr_rand_seeded("beyond");
	size_t n, len;

	(void)state;
	hr_sample_busy(&r, &a, 8640);
	a.n_dev = 8;
	for (uint8_t i = 1; i < a.n_dev; i++) {
		a.dev[i] = a.dev[0];
		a.dev[i].dev = i;
	}
	len = hr_wire_encode_summary(&a, buf, sizeof(buf));
	n = hr_wire_encode_window(&a, buf, sizeof(buf));
	assert_true(n > HR_WINDOW_AIM && n < len);
	assert_int_equal(hr_wire_decode_summary(&arena, buf, n, &b), HR_WIRE_OK);
	assert_int_equal(b.dist[HR_DIST_RUNQ_WAIT].shift, 3);
	assert_int_equal(hr_wire_encode_window(&a, buf, 100), 0); /* no room at all */
}

/*
 * Sizes of one window on a 2-CPU VM with a disk and a network device (the aim is
 * 900 busy, 500 idle), before resolution is given up for it: so much of it is
 * needed is bounded here.
 */
static void windows_stay_small(void **state)
{
	struct hr_rand r = hr_rand_seeded("sizes");
	size_t idle = 0, busy = 0, all = 0, storm = 0, with_fs = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		size_t n;

		hr_sample_idle(&r, &a, 8640);
		n = hr_wire_encode_summary(&a, buf, sizeof(buf));
		idle = n > idle ? n : idle;
		hr_sample_busy(&r, &a, 8640);
		n = hr_wire_encode_summary(&a, buf, sizeof(buf));
		all = n > all ? n : all;
		/* the same CPU load, with the disk and the network of an idle window */
		hr_sample_idle(&r, &b, 8640);
		memcpy(a.dev, b.dev, sizeof(a.dev));
		memset(&a.dist[HR_DIST_RTT_INFLATION], 0, sizeof(struct hr_hist));
		n = hr_wire_encode_summary(&a, buf, sizeof(buf));
		busy = n > busy ? n : busy;
		/* each thirtieth has file systems, too; three are usual */
		a.n_fs = 3;
		a.fs[0] = (struct hr_fs){"/", 21000000000, 42000000000, 400000, 2600000};
		a.fs[1] = (struct hr_fs){"/boot", 90000000, 480000000, 350, 125000};
		a.fs[2] =
			(struct hr_fs){"/var/lib/postgresql", 300000000000, 500000000000, 9000, 0};
		n = hr_wire_encode_summary(&a, buf, sizeof(buf));
		with_fs = n > with_fs ? n : with_fs;
		a.n_fs = 0;
		hr_sample_work(&r, &a, 8640, 80000, 1.3);
		n = hr_wire_encode_summary(&a, buf, sizeof(buf));
		storm = n > storm ? n : storm;
	}
	printf("bytes: idle %zu, CPU busy %zu (with file systems %zu), all busy %zu, storm %zu\n",
		idle, busy, with_fs, all, storm);
	assert_true(idle <= 500);
	assert_true(busy <= 900);
	assert_true(with_fs <= 950); /* one window in 30: 4 bytes on the mean */
	assert_true(all <= 1080);
	assert_true(storm <= 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_summary_is_the_bytes_of_the_schema),
		cmocka_unit_test(a_summary_comes_back_as_it_was),
		cmocka_unit_test(any_valid_summary_comes_back_as_it_was),
		cmocka_unit_test(missing_stays_missing_and_zero_stays_measured),
		cmocka_unit_test(facts_come_back_as_they_were),
		cmocka_unit_test(the_largest_facts_fit),
		cmocka_unit_test(a_thread_may_call_itself_anything),
		cmocka_unit_test(a_batch_holds_what_was_put_in),
		cmocka_unit_test(a_full_batch_says_so),
		cmocka_unit_test(every_cut_body_is_refused),
		cmocka_unit_test(windows_stay_small),
		cmocka_unit_test(beyond_the_aim_only_resolution_goes),
		cmocka_unit_test(an_idle_vm_has_a_shorter_aim),
		cmocka_unit_test(small_threads_make_room),
		cmocka_unit_test(what_cannot_meet_the_aim_is_sent_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
