/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting a host, in every store. */
#include "tests/io/store_world.h"

struct found {
	unsigned rows, events, hosts;
	uint32_t row_host;
	char name[HR_NAME_LEN];
};

static int find_row(void *arg, const struct hr_store_row *r)
{
	struct found *v = arg;

	v->rows++;
	v->row_host = r->host_no;
	return 0;
}

static int find_event(void *arg, const struct hr_store_event *e)
{
	(void)e;
	((struct found *)arg)->events++;
	return 0;
}

static int find_host(void *arg, const struct hr_store_host *h)
{
	struct found *v = arg;

	v->hosts++;
	memcpy(v->name, h->name, sizeof(v->name));
	return 0;
}

static void put_at(struct hr_store *s, uint64_t n, uint32_t host_no, uint64_t slot, uint32_t ord)
{
	const struct hr_store_row r = {.n = n,
		.host_no = host_no,
		.slot = slot,
		.boot_ord = ord,
		.seq_first = n,
		.seq_last = n,
		.body = "body",
		.len = 4};

	assert_int_equal(s->ops->put_row(s, &r), 0);
}

/* Host 7 has windows far apart and two in one slot; host 8 shares that slot. */
static void a_forgotten_host_leaves_nothing_and_takes_nothing_of_another(void **state)
{
	struct hr_store *s = ((struct world *)*state)->s;
	struct hr_store_host a = {.no = 7, .id = {1}, .name = "a"},
			     b = {.no = 8, .id = {2}, .name = "b"};
	uint64_t slot = 0, rows = 0;
	struct found v = {0};

	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->put_host(s, &a), 0);
	assert_int_equal(s->ops->put_host(s, &b), 0);
	put_at(s, 1, 7, 3, 1);
	put_at(s, 2, 7, 100, 1);
	put_at(s, 3, 7, 100, 2);
	put_at(s, 4, 8, 100, 1);
	put_at(s, 5, 7, 200000000, 1);
	put_at(s, 6, 7, 100, 3);
	put_at(s, 7, 7, 101, 3);
	if (s->ops->pack) { /* five in four tables, or three and a pack */
		bool waits;

		assert_int_equal(s->ops->pack(s, 7, 3, UINT64_MAX, &waits), 0);
	}
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->forget(s, 7), 0);
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->journal(s, find_event, &v), 0);
	assert_int_equal(v.events, 1);
	/* four slots hold windows: one each time, and the end of each of five tables */
	for (int i = 0; i < 10 && slot != HR_STORE_PURGED; i++) {
		assert_int_equal(s->ops->begin(s), 0);
		assert_int_equal(s->ops->purge(s, 7, &slot, 1, &rows), 0);
		assert_int_equal(s->ops->commit(s), 0);
	}
	assert_true(slot == HR_STORE_PURGED);
	assert_int_equal(rows, 6);
	assert_int_equal(s->ops->range(s, 0, 0, HR_STORE_SLOT_MAX, find_row, &v), 0);
	assert_int_equal(v.rows, 1);
	assert_int_equal(v.row_host, 8);
	assert_int_equal(s->ops->hosts(s, find_host, &v), 0);
	assert_string_equal(v.name, "b"); /* the last: by number */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(a_forgotten_host_leaves_nothing_and_takes_nothing_of_another),
	};

	return run_world("store_forget", tests, sizeof(tests) / sizeof(tests[0]));
}
