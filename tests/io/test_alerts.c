/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of alerts between two looks: states stay with their hosts, whoever comes and goes.
 * What is told is read from the file that carries states over a restart.
 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>
#include <unistd.h>

#include "collector/alerts.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"

#define LARGE 100000

static uint64_t now_ms = 1800000000000;

/* The clock of the code under test, linked before the library's. */
uint64_t hr_clock_wall_ms(void)
{
	return now_ms;
}

uint64_t hr_clock_mono_ns(void)
{
	return now_ms * 1000000;
}

static struct {
	struct hr_collector_config conf;
	struct hr_board board;
	struct hr_alerts *alerts;
	char text[8192];
} t;

static void open_alerts(void)
{
	char error[512];

	if (hr_alerts_open(&t.alerts, &t.conf, &t.board, NULL, error) < 0)
		fail_msg("%s", error);
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	hr_log_init("test", HR_LOG_ERR);
	t.conf.alert_at_least = 1.1;
	(void)snprintf(t.conf.state, sizeof(t.conf.state), "/tmp/hr-alerts-XXXXXX");
	assert_non_null(mkdtemp(t.conf.state));
	assert_int_equal(hr_board_init(&t.board), 0);
	open_alerts();
	return 0;
}

static int teardown(void **state)
{
	char cmd[sizeof(t.conf.state) + 16];

	(void)state;
	hr_alerts_close(t.alerts);
	hr_board_done(&t.board);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t.conf.state);
	assert_int_equal(system(cmd), 0);
	return 0;
}

/* A host of a list: its number, the letter that is its id, its headroom. */
struct one {
	uint32_t no;
	char id;
	double headroom;
};

static void put_list(const struct one *one, uint32_t n)
{
	struct hr_snapshot *s = hr_snapshot_new(n);

	assert_non_null(s);
	for (uint32_t i = 0; i < n; i++) {
		struct hr_fleet_row row = {.kind = HR_ANSWER_YES, .at_ms = now_ms};

		memset(row.id, one[i].id, sizeof(row.id) - 1);
		(void)snprintf(row.name, sizeof(row.name), "%c", one[i].id);
		row.headroom.has = true;
		row.headroom.at_least = (struct hr_opt){.has = true, .v = one[i].headroom};
		s->view[i] = hr_view_of_row(one[i].no, &row);
		assert_non_null(s->view[i]);
		s->by_name[i] = s->by_id[i] = i;
	}
	hr_snapshot_index(s);
	hr_board_put(&t.board, s);
}

#define LOOK(...)                                                                                  \
	do {                                                                                       \
		const struct one list_[] = {__VA_ARGS__};                                          \
		now_ms += 60000;                                                                   \
		put_list(list_, sizeof(list_) / sizeof(list_[0]));                                 \
		hr_alerts_tick(t.alerts);                                                          \
	} while (0)

/* When the alert of host @id, which is firing and told, began; 0: it is neither. */
static uint64_t fired(char id)
{
	char name[sizeof(t.conf.state) + 16], word[2 * HR_HOST_ID_LEN + 1], *line;
	size_t len;
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s/alerts", t.conf.state);
	f = fopen(name, "r");
	if (!f)
		return 0;
	len = fread(t.text, 1, sizeof(t.text) - 1, f);
	t.text[len] = '\0';
	(void)fclose(f);
	memset(word, id, sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	line = strstr(t.text, word);
	if (!line)
		return 0;
	assert_null(strstr(line + 1, word));
	assert_memory_equal(line + sizeof(word) - 1, " HeadroomLow 1 1 ", 17);
	return strtoull(line + sizeof(word) - 1 + 17, NULL, 10);
}

static void an_alert_stays_with_its_host_while_others_come_and_go(void **state)
{
	uint64_t b;

	(void)state;
	LOOK({1, 'a', 3}, {2, 'b', 1}, {5, 'c', 3});
	b = now_ms;
	assert_int_equal(fired('b'), b);
	assert_int_equal(fired('a'), 0);
	/* as many as before, each at another place */
	LOOK({2, 'b', 1}, {5, 'c', 1}, {6, 'd', 3});
	assert_int_equal(fired('b'), b);
	assert_int_equal(fired('c'), now_ms);
	assert_int_equal(fired('d'), 0);
	LOOK({2, 'b', 1}, {3, 'e', 1}, {4, 'f', 3}, {5, 'c', 3}, {6, 'd', 3});
	assert_int_equal(fired('b'), b);
	assert_int_equal(fired('e'), now_ms);
	assert_int_equal(fired('c'), 0);
	LOOK({5, 'c', 1});
	assert_int_equal(fired('b'), 0);
	assert_int_equal(fired('c'), now_ms);
}

/* As of several collectors on one database, when it was put back from a copy. */
static void a_host_with_the_number_of_another_has_none_of_its_alerts(void **state)
{
	uint64_t b;

	(void)state;
	LOOK({1, 'a', 1}, {2, 'b', 1});
	b = now_ms;
	LOOK({1, 'c', 1}, {2, 'b', 1});
	assert_int_equal(fired('b'), b);
	assert_int_equal(fired('c'), now_ms);
	assert_int_equal(fired('a'), 0);
}

static void a_start_goes_on_from_what_was_told_also_of_hosts_that_come_later(void **state)
{
	uint64_t first;

	(void)state;
	LOOK({1, 'a', 1}, {2, 'b', 1});
	first = now_ms;
	hr_alerts_close(t.alerts);
	open_alerts();
	LOOK({1, 'a', 1});
	LOOK({1, 'a', 1}, {2, 'b', 1}, {3, 'c', 1}); /* c changes something: the file is new */
	assert_int_equal(fired('a'), first);
	assert_int_equal(fired('b'), first);
	assert_int_equal(fired('c'), now_ms);
}

/* At 100 000 hosts the list is new each 10 s, and so often it is looked at. */
static void a_large_fleet_is_looked_at_as_often_as_its_list_is_made(void **state)
{
	struct one *list = calloc(LARGE, sizeof(*list));
	uint64_t at;

	(void)state;
	assert_non_null(list);
	for (uint32_t i = 0; i < LARGE; i++)
		list[i] = (struct one){i + 1, 'a', 3};
	now_ms += 60000;
	put_list(list, LARGE);
	hr_alerts_tick(t.alerts);
	at = now_ms;
	list[LARGE / 2] = (struct one){LARGE / 2 + 1, 'b', 1};
	put_list(list, LARGE);
	for (; now_ms < at + 9900; now_ms += 100) {
		hr_alerts_tick(t.alerts);
		assert_int_equal(fired('b'), 0);
	}
	now_ms = at + 10000;
	hr_alerts_tick(t.alerts);
	assert_int_equal(fired('b'), now_ms);
	at = now_ms;
	now_ms += 10000;
	hr_alerts_tick(t.alerts);
	assert_int_equal(fired('b'), at);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_alert_stays_with_its_host_while_others_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_host_with_the_number_of_another_has_none_of_its_alerts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_start_goes_on_from_what_was_told_also_of_hosts_that_come_later, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_large_fleet_is_looked_at_as_often_as_its_list_is_made, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
