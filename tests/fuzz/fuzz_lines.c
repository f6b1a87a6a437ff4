/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short texts from outside that have a parser of their own; the first byte says which: the header
 * of an acknowledgement, a line of the alerts' file, labels and silenced names of a configuration,
 * mountinfo, and any bytes as a text to be shown.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "agent/core/ack.h"
#include "agent/core/mounts.h"
#include "collector/core/alert.h"
#include "collector/core/query.h"
#include "collector/core/remote_conf.h"
#include "proto/limits.h"
#include "proto/text.h"

#define UNTOUCHED 0xa5

static bool is_untouched(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const unsigned char *)p)[i] != UNTOUCHED)
			return false;
	return true;
}

static void check_ack(const char *s, size_t len)
{
	struct hr_ack a;

	memset(&a, UNTOUCHED, sizeof(a));
	if (!hr_ack_parse(s, len, &a)) {
		HR_FUZZ_CHECK(is_untouched(&a, sizeof(a)));
		return;
	}
	HR_FUZZ_CHECK(a.period_ms <= HR_ACK_PERIOD_MAX_MS && a.backlog <= HR_BATCH_MAX);
	HR_FUZZ_CHECK(a.period_ms == 0 || a.phase_ms < a.period_ms);
}

static void check_alert(const char *text)
{
	char id[2 * HR_HOST_ID_LEN + 1], id2[sizeof(id)], line[HR_ALERT_LINE_LEN];
	struct hr_alert_state s, back;
	enum hr_alert_rule rule, rule2;
	size_t n;

	memset(&s, UNTOUCHED, sizeof(s));
	if (!hr_alert_get(text, id, &rule, &s)) {
		HR_FUZZ_CHECK(is_untouched(&s, sizeof(s)));
		return;
	}
	HR_FUZZ_CHECK(strlen(id) == 2 * HR_HOST_ID_LEN && rule < HR_ALERT_N);
	n = hr_alert_put(id, rule, &s, line);
	if (n == 0) { /* nothing to keep */
		HR_FUZZ_CHECK(!s.firing && !s.told);
		return;
	}
	HR_FUZZ_CHECK(line[n - 1] == '\n');
	line[n - 1] = '\0';
	HR_FUZZ_CHECK(hr_alert_get(line, id2, &rule2, &back));
	HR_FUZZ_CHECK(strcmp(id, id2) == 0 && rule == rule2 && s.firing == back.firing &&
		      s.told == back.told && s.fired_ms == back.fired_ms &&
		      s.told_ms == back.told_ms);
}

static void check_labels(const char *text)
{
	struct hr_remote_labels l;
	char err[256] = "";

	if (!hr_remote_labels_parse(text, &l, err)) {
		HR_FUZZ_CHECK(err[0] && memchr(err, '\0', sizeof(err)));
		return;
	}
	HR_FUZZ_CHECK(l.n <= HR_REMOTE_LABELS_MAX);
	for (unsigned i = 0; i < l.n; i++) {
		HR_FUZZ_CHECK(l.label[i].key[0] && l.label[i].value[0]);
		for (unsigned k = 0; k < i; k++)
			HR_FUZZ_CHECK(strcmp(l.label[i].key, l.label[k].key) != 0);
	}
}

static void check_mounts(const char *s, size_t len)
{
	static struct hr_mounts m;

	hr_mounts_parse(s, len, &m);
	HR_FUZZ_CHECK(m.n <= HR_MOUNTS_MAX);
	for (uint32_t i = 0; i < m.n; i++) {
		HR_FUZZ_CHECK(
			m.m[i].path[0] == '/' && memchr(m.m[i].path, '\0', HR_MOUNT_PATH_MAX));
		for (uint32_t k = 0; k < i; k++)
			HR_FUZZ_CHECK(
				m.m[i].dev != m.m[k].dev || strcmp(m.m[i].path, m.m[k].path) != 0);
	}
}

/* What is shown is fit to be shown, and what was fit is unchanged. */
static void check_text(const char *text)
{
	char to[64];

	for (size_t cap = 1; cap <= sizeof(to); cap += 21) {
		hr_text_clean(text, to, cap);
		HR_FUZZ_CHECK(memchr(to, '\0', cap) && hr_text_ok(to, strlen(to)));
		if (hr_text_ok(text, strlen(text)) && strlen(text) < cap)
			HR_FUZZ_CHECK(strcmp(text, to) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *nul;
	uint64_t ms;

	if (size < 1)
		return 0;
	/* of its exact length and a NUL: a read beyond it is a report */
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 7) {
	case 0:
		check_ack(text, size - 1);
		break;
	case 1:
		check_alert(text);
		break;
	case 2:
		check_labels(text);
		break;
	case 3:
		check_mounts(text, size - 1);
		break;
	case 4:
		nul = memchr(text, '\0', size - 1);
		(void)hr_alert_silenced(text, nul ? nul + 1 : "db-1");
		HR_FUZZ_CHECK(hr_alert_silenced("*", text));
		break;
	case 5:
		if (hr_query_time(text, size - 1, &ms))
			HR_FUZZ_CHECK(ms < 253402300800000ULL); /* year 10000 */
		break;
	default:
		check_text(text);
	}
	free(text);
	return 0;
}
