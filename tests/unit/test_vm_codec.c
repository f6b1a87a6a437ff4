/* SPDX-License-Identifier: Apache-2.0 */
/* Persisted state of a VM: comes back whole, and damaged or hostile bytes are refused. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

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
	size_t n = hr_vm_encode(vm, a, sizeof(a));

	(void)state;
	assert_true(n > 100 && n <= sizeof(a));
	back = hr_vm_decode(&c, a, n, &no_memory);
	assert_non_null(back);
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

/* Day 0, no units, 22 groups, five minutes of nothing, no cells: a byte of 0 each. */
#define NO_DAYS 29
/* No hour, no file system. */
#define NO_MORE 2
/* 4 x 12 loads not replayed, no pool. */
#define NO_REPLAYS 49
/* No hot cgroup. */
#define NO_GROUPS 1
/* What the tight cgroup may use, among the facts. */
#define NO_LIMITS 2
#define NO_ALL    (NO_DAYS + NO_MORE + NO_REPLAYS + NO_GROUPS)

/* The state's bytes without @k of them, the first that differs from @other's; the length left. */
static size_t without(unsigned char *a, const unsigned char *other, size_t n, size_t k)
{
	size_t at = 5;

	while (a[at] == other[at])
		at++;
	memmove(a + at, a + at + k, n - at - k);
	return n - k;
}

/* As version 9 wrote it: without the signal of what is read, and what a thread of its minute read.
 */
static size_t encode_9(struct hr_vm *vm, unsigned char *a, size_t cap)
{
	size_t n = hr_vm_encode(vm, a, cap);
	unsigned char *other = malloc(cap);

	assert_non_null(other);
	if (vm->open.n_use > 0) { /* from behind, so that what is before it stays in its place */
		assert_int_equal(vm->open.n_use, 1);
		vm->open.use[0].reads = 1;
		hr_vm_encode(vm, other, cap);
		vm->open.use[0].reads = 0;
		n = without(a, other, n, 4);
	}
	if (vm->has_facts) {
		uint8_t rung = vm->facts.signal[HR_SIG_READS].rung;

		assert_string_equal(vm->facts.signal[HR_SIG_READS].reason, "");
		vm->facts.signal[HR_SIG_READS].rung = rung ^ 1;
		hr_vm_encode(vm, other, cap);
		vm->facts.signal[HR_SIG_READS].rung = rung;
		n = without(a, other, n, 2);
	}
	a[4] = 9;
	free(other);
	return n;
}

static void bytes_of_older_versions_are_read_and_what_they_lack_begins_anew(void **state)
{
	static const size_t lack[] = {[2] = NO_ALL,
		[3] = NO_ALL - NO_DAYS,
		[4] = NO_REPLAYS + NO_GROUPS,
		[5] = NO_GROUPS,
		[6] = 0};
	struct hr_model_conf c = conf();
	struct hr_facts f = fx_facts();
	struct hr_vm *vm = hr_vm_new(&c), *back;
	static unsigned char a[65536], zero[NO_ALL], b[65536];
	bool no_memory;
	size_t n, now, at = 5;

	(void)state;
	assert_non_null(vm);
	f.tight_cpu_m = 1; /* where it is stored */
	hr_vm_facts(vm, &f, FX_T0_MS);
	n = encode_9(vm, b, sizeof(b));
	f.tight_cpu_m = 0;
	hr_vm_facts(vm, &f, FX_T0_MS);
	assert_int_equal(encode_9(vm, a, sizeof(a)), n);
	while (a[at] == b[at])
		at++;
	now = n + 2;
	assert_memory_equal(a + n - 4 - sizeof(zero), zero, sizeof(zero));
	for (unsigned version = 2; version <= 6; version++) {
		size_t len = n - lack[version] - NO_LIMITS + 4; /* of FNV-1a */

		memcpy(b, a, at);
		memcpy(b + at, a + at + NO_LIMITS, len - at - 8);
		b[4] = (unsigned char)version;
		sign(b, len);
		back = hr_vm_decode(&c, b, len, &no_memory);
		assert_non_null(back);
		assert_int_equal(hr_vm_encode(back, b, sizeof(b)), now);
		assert_int_equal(b[4], 10);
		hr_vm_free(back);
	}
	a[4] = 11; /* of a newer program */
	sign(a, n);
	assert_null(hr_vm_decode(&c, a, n, &no_memory));
	hr_vm_free(vm);
}

/* Version 7 had each cell by itself: two of them in place of none. */
static void cells_of_version_7_are_read(void **state)
{
	static const unsigned char older[] = {2, /* cells: day, track, code, n */
		0xa0, 0x9c, 0x01, 0x00, 0x24, 0x06, 0xa0, 0x9c, 0x01, 0xa3, 0x01, 0x84, 0x01, 0x2c};
	struct hr_model_conf c = conf();
	struct hr_vm *vm = hr_vm_new(&c), *back;
	static unsigned char a[65536], b[65536];
	size_t n = encode_9(vm, a, sizeof(a)), at = n - 4 - NO_ALL - 1, len;
	bool no_memory;

	(void)state;
	assert_int_equal(a[at], 0);
	memcpy(b, a, at);
	memcpy(b + at, older, sizeof(older));
	memcpy(b + at + sizeof(older), a + at + 1, n - at - 1);
	len = n + sizeof(older) - 1 + 4; /* of FNV-1a */
	b[4] = 7;
	sign(b, len);
	back = hr_vm_decode(&c, b, len, &no_memory);
	assert_non_null(back);
	for (unsigned again = 0; again < 2; again++) { /* and written and read as of today */
		struct hr_vm *was = back;

		assert_int_equal(back->back.n, 2);
		assert_memory_equal(back->back.cell,
			((struct hr_cell[]){{20000, 0, 36, 6}, {20000, 163, 132, 44}}),
			2 * sizeof(struct hr_cell));
		len = hr_vm_encode(back, b, sizeof(b));
		assert_int_equal(b[4], 10);
		back = hr_vm_decode(&c, b, len, &no_memory);
		assert_non_null(back);
		hr_vm_free(was);
	}
	hr_vm_free(back);
	hr_vm_free(vm);
}

/* Version 9 knew nothing of what is read; version 8 had another checksum, too. */
static void bytes_of_versions_8_and_9_are_read(void **state)
{
	struct hr_vm *vm = vm_of(12), *back;
	struct hr_model_conf c = conf();
	static unsigned char a[65536], b[65536];
	size_t now, n;
	bool no_memory;

	(void)state;
	vm->facts.signal[HR_SIG_READS].rung = 0;
	now = hr_vm_encode(vm, a, sizeof(a));
	for (unsigned char version = 8; version <= 9; version++) {
		size_t tail = version == 8 ? 4 : 0; /* FNV-1a is longer */

		n = encode_9(vm, b, sizeof(b));
		b[4] = version;
		sign(b, n + tail);
		back = hr_vm_decode(&c, b, n + tail, &no_memory);
		assert_non_null(back);
		assert_int_equal(hr_vm_encode(back, b, sizeof(b)), now);
		assert_memory_equal(a, b, now);
		hr_vm_free(back);
	}
	n = encode_9(vm, b, sizeof(b));
	sign(b, n);
	b[4] = 8; /* the new one's checksum is not that of the old */
	assert_null(hr_vm_decode(&c, b, n, &no_memory));
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
		cmocka_unit_test(bytes_of_older_versions_are_read_and_what_they_lack_begins_anew),
		cmocka_unit_test(cells_of_version_7_are_read),
		cmocka_unit_test(bytes_of_versions_8_and_9_are_read),
		cmocka_unit_test(cells_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
