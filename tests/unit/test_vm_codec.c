/* SPDX-License-Identifier: Apache-2.0 */
/* Persisted state of a VM: comes back whole, and damaged or hostile bytes are refused. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <math.h>

#include "collector/core/crc32.h"
#include "collector/core/vm_state.h"

static struct hr_model_conf conf(void)
{
	struct hr_model_conf c;

	hr_model_conf_default(&c);
	c.min_history_h = 0;
	return c;
}

/* An hour of windows with some variety, the last minute open. */
static struct hr_vm *vm_of(unsigned windows)
{
	struct hr_model_conf c = conf();
	struct hr_facts f = fx_facts();
	struct hr_vm *vm = hr_vm_new(&c);

	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (unsigned i = 0; i < windows; i++) {
		struct hr_summary *s = fx_idle(i);

		s->ctr[HR_CTR_ONCPU_NS] += i * 1000000ULL;
		for (unsigned g = 4; g < HR_VQ_GRID; g++)
			s->vq_bad[0][g] = i % 7 * g;
		s->dev[0].ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = i;
		hr_hist_add(&s->dev[0].dist[HR_DDIST_OPS_100MS], i, 100);
		s->n_group = 2;
		s->group[0] = (struct hr_top_group){900 + i, 30, "db.service"};
		s->group[1] = (struct hr_top_group){100, 0, "/"};
		hr_vm_add(vm, s);
		free(s);
	}
	return vm;
}

static void a_decoded_vm_gives_the_same_answer_and_the_same_bytes(void **state)
{
	bool no_memory;
	struct hr_vm *vm = vm_of(361), *back;
	struct hr_model_conf c = conf();
	static unsigned char a[65536], b[65536];
	struct hr_answer *x = calloc(2, sizeof(*x));
	size_t n;

	(void)state;
	vm->open.replay.tot[1][3] = vm->open.replay.queued[1][3] = 7;
	vm->pool.slices = 1;
	vm->pool.queued[1][4] = 5;
	vm->pool.queued_n = 8;
	n = hr_vm_encode(vm, a, sizeof(a));
	assert_true(n > 100 && n <= sizeof(a));
	back = hr_vm_decode(&c, a, n, &no_memory);
	assert_non_null(back);
	assert_int_equal(back->open.replay.queued[1][3], 7);
	assert_true(back->pool.queued[1][4] == 5 && back->pool.queued_n == 8);
	assert_int_equal(hr_vm_encode(back, b, sizeof(b)), n);
	assert_memory_equal(a, b, n);
	hr_vm_answer(vm, "vm", FX_T0_MS + 3700000, &x[0]);
	hr_vm_answer(back, "vm", FX_T0_MS + 3700000, &x[1]);
	fx_same_answer(&x[0], &x[1]);
	assert_true(x[0].headroom.has);
	print_message("state of an hour: %zu bytes stored, %zu bytes held\n", n, hr_vm_bytes(vm));
	free(x);
	hr_vm_free(vm);
	hr_vm_free(back);
}

static void a_small_buffer_is_told_the_size(void **state)
{
	struct hr_vm *vm = vm_of(12);
	static unsigned char a[65536], b[16];
	size_t n = hr_vm_encode(vm, a, sizeof(a));

	(void)state;
	assert_int_equal(hr_vm_encode(vm, b, sizeof(b)), n);
	assert_int_equal(hr_vm_encode(vm, NULL, 0), n);
	assert_int_equal(hr_vm_encode(vm, a, n), n);
	hr_vm_free(vm);
}

static void damaged_bytes_are_refused(void **state)
{
	bool no_memory;
	struct hr_vm *vm = vm_of(12);
	struct hr_model_conf c = conf();
	static unsigned char a[65536];
	size_t n = hr_vm_encode(vm, a, sizeof(a));

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_true(!hr_vm_decode(&c, a, i, &no_memory) && !no_memory);
	for (size_t i = 0; i < n; i++) {
		a[i] ^= 0x10;
		assert_true(!hr_vm_decode(&c, a, n, &no_memory) && !no_memory);
		a[i] ^= 0x10;
	}
	hr_vm_free(vm);
}

/* So that a forger's bytes reach the checks behind the checksum: of version 9, and of those before.
 */
static void sign(unsigned char *p, size_t n)
{
	size_t tail = p[4] >= 9 ? 4 : 8;
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < n - tail; i++)
		h = (h ^ p[i]) * 1099511628211ULL; /* FNV-1a 64 */
	if (tail == 4)
		h = hr_crc32(p, n - tail);
	for (unsigned i = 0; i < tail; i++)
		p[n - tail + i] = (unsigned char)(h >> (8 * i));
}

static void forged_bytes_do_no_harm(void **state)
{
	struct hr_rand r = hr_rand_seeded("forged_bytes");
	struct hr_vm *vm = vm_of(12);
	struct hr_model_conf c = conf();
	static unsigned char a[65536], b[65536];
	struct hr_answer *x = calloc(1, sizeof(*x));
	size_t n = hr_vm_encode(vm, a, sizeof(a));
	unsigned taken = 0;
	bool no_memory;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		size_t len = n;
		struct hr_vm *back;

		memcpy(b, a, n);
		for (uint64_t k = 1 + hr_rand_below(&r, 4); k > 0; k--)
			b[5 + hr_rand_below(&r, n - 9)] = (unsigned char)hr_rand_u64(&r);
		if (hr_rand_below(&r, 4) == 0)
			len = 13 + hr_rand_below(&r, n - 13);
		sign(b, len);
		back = hr_vm_decode(&c, b, len, &no_memory);
		assert_false(no_memory); /* damage, however it looks */
		if (!back)
			continue;
		taken++;
		hr_vm_answer(back, "vm", FX_T0_MS, x);
		assert_true(!x->headroom.at_least.has ||
			    (x->headroom.at_least.v > 0 && x->headroom.at_least.v <= 8));
		hr_vm_free(back);
	}
	assert_true(taken > 0);
	free(x);
	hr_vm_free(vm);
}

#define OLDEST 2
#define NEWEST 12

/* What the program of then wrote of vm_of(12), by the last tree of each version. */
static size_t state_of_version(unsigned version, unsigned char *ret, size_t cap)
{
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), HR_STATES "/version-%u", version);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(ret, 1, cap, f);
	fclose(f);
	assert_true(n > 500 && n < cap);
	assert_int_equal(ret[4], version);
	return n;
}

/* The same two minutes, whatever wrote them, and the open one is that of its windows. */
static void bytes_of_older_versions_are_read(void **state)
{
	struct hr_model_conf c = conf();
	struct hr_vm *now = vm_of(12);
	static unsigned char a[65536];
	bool no_memory;

	(void)state;
	for (unsigned version = OLDEST; version < NEWEST; version++) {
		size_t n = state_of_version(version, a, sizeof(a));
		struct hr_vm *back = hr_vm_decode(&c, a, n, &no_memory), *again;

		assert_non_null(back);
		assert_string_equal(back->facts.name, now->facts.name);
		assert_int_equal(back->closed, now->closed);
		assert_int_equal(back->first_ms, now->first_ms);
		assert_int_equal(back->last_ms, now->last_ms);
		assert_int_equal(back->back.n > 0, now->back.n > 0);
		assert_int_equal(back->open.covered_ms, now->open.covered_ms);
		assert_int_equal(back->open.ctr[HR_CTR_ONCPU_NS], now->open.ctr[HR_CTR_ONCPU_NS]);
		if (version <= 10)
			assert_true(!(back->pool.queued_n > 0));
		assert_true(!(back->limit[0].run.n > 0));
		if (version >= 5) /* from then on there is a pool */
			assert_true(fabsf(back->pool.vq_tot - now->pool.vq_tot) < 1);
		if (version > 7) /* their counters were in another order */
			assert_int_equal(back->open.dev[0].ctr[HR_DCTR_WIN_CLEAN_OPS_MAX],
				now->open.dev[0].ctr[HR_DCTR_WIN_CLEAN_OPS_MAX]);
		assert_memory_equal(back->open.vq_bad, now->open.vq_bad, sizeof(now->open.vq_bad));
		n = hr_vm_encode(back, a, sizeof(a)); /* and written and read as of today */
		assert_int_equal(a[4], NEWEST);
		again = hr_vm_decode(&c, a, n, &no_memory);
		assert_non_null(again);
		hr_vm_free(again);
		hr_vm_free(back);
	}
	hr_vm_free(now);
}

static void token_buckets_come_back_as_they_were(void **state)
{
	struct hr_model_conf c = conf();
	struct hr_vm *vm = vm_of(12), *back;
	static unsigned char a[65536];
	bool no_memory;

	(void)state;
	vm->limit[0].saved[0] = 720;
	vm->limit[0].spent[1] = 0.5;
	vm->limit[0].high = (struct hr_run){600, {36000, 144000}};
	vm->limit[0].high_ms = FX_T0_MS;
	vm->facts.dev[0].burst_iops = 16000;
	vm->facts.dev[1].burst_bytes_per_s = HR_VALUE_MAX;
	back = hr_vm_decode(&c, a, hr_vm_encode(vm, a, sizeof(a)), &no_memory);
	assert_non_null(back);
	assert_true(vm->limit[0].run.n > 0);
	assert_memory_equal(&back->limit[0], &vm->limit[0], sizeof(vm->limit[0]));
	assert_true(back->facts.dev[0].burst_iops == 16000);
	assert_true(back->facts.dev[0].burst_bytes_per_s == 0);
	assert_true(back->facts.dev[1].burst_bytes_per_s == HR_VALUE_MAX);
	hr_vm_free(back);
	hr_vm_free(vm);
}

static void bytes_of_a_newer_version_or_with_the_checksum_of_another_are_refused(void **state)
{
	struct hr_model_conf c = conf();
	struct hr_vm *vm = vm_of(12);
	static unsigned char a[65536];
	bool no_memory;
	size_t n = hr_vm_encode(vm, a, sizeof(a));

	(void)state;
	a[4] = NEWEST + 1;
	sign(a, n);
	assert_null(hr_vm_decode(&c, a, n, &no_memory));
	n = state_of_version(9, a, sizeof(a));
	a[4] = 8; /* FNV-1a until then */
	assert_null(hr_vm_decode(&c, a, n, &no_memory));
	n = state_of_version(1 + OLDEST, a, sizeof(a));
	a[4] = OLDEST - 1;
	sign(a, n);
	assert_null(hr_vm_decode(&c, a, n, &no_memory));
	hr_vm_free(vm);
}

static void cells_come_back_as_they_were(void **state)
{
	struct hr_rand r = hr_rand_seeded("cells");
	struct hr_model_conf c = conf();
	static unsigned char a[65536];
	bool no_memory;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		struct hr_vm *vm = hr_vm_new(&c), *back;
		uint16_t day = (uint16_t)hr_rand_below(&r, UINT16_MAX - 10);
		size_t n;

		for (uint64_t i = hr_rand_below(&r, 600); i > 0; i--)
			assert_true(hr_lookback_add(&vm->back,
				(uint16_t)(day + hr_rand_below(&r, 10)),
				(uint8_t)hr_rand_below(&r, TRACK_N), (uint8_t)hr_rand_bits(&r, 8),
				1 + (uint32_t)hr_rand_bits(&r, 31)));
		n = hr_vm_encode(vm, a, sizeof(a));
		back = hr_vm_decode(&c, a, n, &no_memory);
		assert_non_null(back);
		assert_int_equal(back->back.n, vm->back.n);
		if (vm->back.n > 0)
			assert_memory_equal(back->back.cell, vm->back.cell,
				vm->back.n * sizeof(struct hr_cell));
		hr_vm_free(back);
		hr_vm_free(vm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decoded_vm_gives_the_same_answer_and_the_same_bytes),
		cmocka_unit_test(a_small_buffer_is_told_the_size),
		cmocka_unit_test(damaged_bytes_are_refused),
		cmocka_unit_test(forged_bytes_do_no_harm),
		cmocka_unit_test(bytes_of_older_versions_are_read),
		cmocka_unit_test(token_buckets_come_back_as_they_were),
		cmocka_unit_test(
			bytes_of_a_newer_version_or_with_the_checksum_of_another_are_refused),
		cmocka_unit_test(cells_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
