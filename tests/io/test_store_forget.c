/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting a host, in the SQLite file and in memory. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/store.h"

struct seen {
	unsigned rows, events, hosts;
	uint32_t row_host;
	char name[HR_NAME_LEN];
};

static int see_row(void *arg, const struct hr_store_row *r)
{
	struct seen *v = arg;

	v->rows++;
	v->row_host = r->host_no;
	return 0;
}

static int see_event(void *arg, const struct hr_store_event *e)
{
	(void)e;
	((struct seen *)arg)->events++;
	return 0;
}

static int see_host(void *arg, const struct hr_store_host *h)
{
	struct seen *v = arg;

	v->hosts++;
	memcpy(v->name, h->name, sizeof(v->name));
	return 0;
}

static void put(struct hr_store *s, uint64_t n, uint32_t host_no, uint64_t slot, uint32_t ord)
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
static void forget_in(struct hr_store *s)
{
	struct hr_store_host a = {.no = 7, .id = {1}, .name = "a"},
			     b = {.no = 8, .id = {2}, .name = "b"};
	uint64_t slot = 0, rows = 0;
	struct seen v = {0};

	assert_non_null(s);
	if (!s)
		return; /* for those who do not know that an assertion ends the test */
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->put_host(s, &a), 0);
	assert_int_equal(s->ops->put_host(s, &b), 0);
	put(s, 1, 7, 3, 1);
	put(s, 2, 7, 100, 1);
	put(s, 3, 7, 100, 2);
	put(s, 4, 8, 100, 1);
	put(s, 5, 7, 200000000, 1);
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->begin(s), 0);
	assert_int_equal(s->ops->forget(s, 7), 0);
	assert_int_equal(s->ops->commit(s), 0);
	assert_int_equal(s->ops->journal(s, see_event, &v), 0);
	assert_int_equal(v.events, 1);
	/* three slots hold windows: one each time, and the end of each of four tables */
	for (int i = 0; i < 8 && slot != HR_STORE_PURGED; i++) {
		assert_int_equal(s->ops->begin(s), 0);
		assert_int_equal(s->ops->purge(s, 7, &slot, 1, &rows), 0);
		assert_int_equal(s->ops->commit(s), 0);
	}
	assert_true(slot == HR_STORE_PURGED);
	assert_int_equal(rows, 4);
	assert_int_equal(s->ops->range(s, 0, 0, HR_STORE_SLOT_MAX, see_row, &v), 0);
	assert_int_equal(v.rows, 1);
	assert_int_equal(v.row_host, 8);
	assert_int_equal(s->ops->hosts(s, see_host, &v), 0);
	assert_string_equal(v.name, "b"); /* the last: by number */
	s->ops->close(s);
}

static void a_forgotten_host_leaves_nothing_and_takes_nothing_of_another(void **state)
{
	char dir[] = "/tmp/hr-forget-XXXXXX", path[64], cmd[64];
	const struct hr_store_sqlite_conf conf = {.path = path};
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
	struct hr_store *s;

	(void)state;
	forget_in(hr_store_mem_open());
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/t.db", dir);
	s = hr_store_sqlite_open(&conf, note, error);
	if (!s)
		fail_msg("open: %s", error);
	forget_in(s);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forgotten_host_leaves_nothing_and_takes_nothing_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
