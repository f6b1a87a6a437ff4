/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts as text: what stands in them, and that a host's name can neither break JSON nor a mail's
 * header. */
#include "tests/unit/hr_cmocka.h"

#include <jansson.h>
#include <string.h>

#include "collector/core/alert_text.h"

#define NOW 1800000000000ULL /* 2027-01-15T08:00:00Z */

static struct hr_fleet_row row;

static struct hr_alert_note note_of(const char *name, enum hr_alert_event event)
{
	memset(&row, 0, sizeof(row));
	(void)snprintf(row.name, sizeof(row.name), "%s", name);
	memset(row.id, 'a', sizeof(row.id) - 1);
	row.kind = HR_ANSWER_RESIZE;
	row.reason = HR_REASON_BIGGER_SIZE_HELPS;
	row.binding = HR_RES_CPU;
	row.headroom.has = true;
	row.headroom.at_least = (struct hr_opt){.has = true, .v = 0.875};
	return (struct hr_alert_note){.rule = HR_ALERT_LOW,
		.event = event,
		.fired_ms = NOW - 60000,
		.sentence = "CPU binds.",
		.advice = "Take the next size.",
		.row = &row};
}

static const char *at(const json_t *o, const char *a, const char *b)
{
	const json_t *v = json_object_get(o, a);

	return json_string_value(b ? json_object_get(v, b) : v);
}

static void alertmanager_gets_identity_without_numbers(void **state)
{
	struct hr_alert_note n = note_of("db-1", HR_ALERT_NOTHING);
	char *text = hr_alert_text_manager(&n, 1, NOW, "https://h.example/");
	json_t *list = json_loads(text, 0, NULL);
	const json_t *o = json_array_get(list, 0);

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(at(o, "labels", "alertname"), "HeadroomLow");
	assert_string_equal(at(o, "labels", "host"), "db-1");
	assert_string_equal(at(o, "labels", "severity"), "warning");
	assert_int_equal(json_object_size(json_object_get(o, "labels")), 5);
	assert_string_equal(at(o, "annotations", "at_least"), "0.875");
	assert_string_equal(at(o, "annotations", "reason"), "bigger-size-helps");
	assert_string_equal(at(o, "startsAt", NULL), "2027-01-15T07:59:00Z");
	assert_string_equal(at(o, "endsAt", NULL), "2027-01-15T08:04:00Z"); /* four minutes on */
	assert_string_equal(at(o, "generatorURL", NULL),
		"https://h.example/?host=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	json_decref(list);
	free(text);
}

static void an_end_ends_now_and_the_webhook_says_what_happened(void **state)
{
	struct hr_alert_note n = note_of("db-1", HR_ALERT_RESOLVED);
	char *text = hr_alert_text_webhook(&n, 1, NOW, "");
	json_t *doc = json_loads(text, 0, NULL);
	const json_t *o = json_array_get(json_object_get(doc, "alerts"), 0);

	(void)state;
	assert_string_equal(at(doc, "schema", NULL), "headroom.alerts/1");
	assert_string_equal(at(o, "status", NULL), "resolved");
	assert_string_equal(at(o, "endsAt", NULL), "2027-01-15T08:00:00Z");
	assert_null(json_object_get(o, "generatorURL"));
	json_decref(doc);
	free(text);
}

static void a_silent_agent_is_not_advised_by_its_last_answer(void **state)
{
	struct hr_alert_note n = note_of("db-1", HR_ALERT_FIRED);
	const struct hr_alert_mail m = {
		.from = "a@b", .to = "c@d", .page = "", .date = "Fri, 15 Jan 2027 08:00:00 +0000"};
	static char mail[4096];
	char *text;
	json_t *list;

	(void)state;
	n.rule = HR_ALERT_QUIET;
	text = hr_alert_text_manager(&n, 1, NOW, "");
	list = json_loads(text, 0, NULL);
	assert_non_null(strstr(at(json_array_get(list, 0), "annotations", "advice"),
		"systemctl status headroom-agent"));
	assert_true(hr_alert_text_mail(&m, &n, 1, mail, sizeof(mail)) > 0);
	assert_non_null(strstr(mail, "db-1: its agent is silent\r\n  Is the VM up? "));
	assert_null(strstr(mail, "next size"));
	json_decref(list);
	free(text);
}

static void a_name_cannot_add_a_header_to_a_mail(void **state)
{
	struct hr_alert_note n = note_of("x\r\nBcc: all@example.org\r\n\r\n\xff", HR_ALERT_FIRED);
	struct hr_alert_mail m = {.from = "a@b", .to = "c@d", .page = "", .date = "now"};
	char buf[4096] = "";
	size_t len = hr_alert_text_mail(&m, &n, 1, buf, sizeof(buf));

	(void)state;
	assert_int_equal(len, strlen(buf));
	assert_null(strstr(buf, "\r\nBcc:"));
	assert_null(strchr(buf, '\xff'));
	assert_non_null(
		strstr(buf, "\r\nSubject: headroom: firing: x??Bcc: all@example.org????? "));
}

static void a_mail_that_is_full_counts_the_rest(void **state)
{
	struct hr_alert_note n = note_of("db-1", HR_ALERT_FIRED), many[200];
	struct hr_alert_mail m = {.from = "a@b", .to = "c@d", .page = "http://p", .date = "now"};
	char buf[4096] = "";
	size_t len;
	unsigned told = 0, rest = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		many[i] = n;
	len = hr_alert_text_mail(&m, many, 200, buf, sizeof(buf));
	assert_true(len > 0 && len < sizeof(buf));
	for (const char *p = buf; (p = strstr(p, "\r\nfiring: ")) != NULL; p++)
		told++;
	assert_int_equal(sscanf(strstr(buf, "\r\nand "), "\r\nand %u more", &rest), 1);
	assert_int_equal(told + rest, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alertmanager_gets_identity_without_numbers),
		cmocka_unit_test(an_end_ends_now_and_the_webhook_says_what_happened),
		cmocka_unit_test(a_silent_agent_is_not_advised_by_its_last_answer),
		cmocka_unit_test(a_name_cannot_add_a_header_to_a_mail),
		cmocka_unit_test(a_mail_that_is_full_counts_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
