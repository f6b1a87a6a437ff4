/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts as receivers read them: Alertmanager's v2 array, the webhook's document
 * (the same alerts, with what happened), and a mail.  Labels are the identity and
 * hold no numbers; numbers are annotations.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/core/alert.h"
#include "collector/core/answer.h"

struct hr_alert_note {
	enum hr_alert_rule rule;
	enum hr_alert_event event; /* NOTHING: still firing, told before */
	uint64_t fired_ms;
	char sentence[HR_TEXT_LEN], advice[HR_TEXT_LEN]; /* of the answer */
	const struct hr_fleet_row *row;
};

/* How long Alertmanager keeps an alert that is not sent again: four times the period of sending. */
#define HR_ALERT_RESEND_MS 60000ULL
#define HR_ALERT_END_MS    (4 * HR_ALERT_RESEND_MS)

/* @page: the page's address for links, "" none.  malloc'd text, or NULL: out of memory. */
char *hr_alert_text_manager(
	const struct hr_alert_note *note, size_t n, uint64_t now_ms, const char *page);
char *hr_alert_text_webhook(
	const struct hr_alert_note *note, size_t n, uint64_t now_ms, const char *page);

struct hr_alert_mail {
	const char *from, *to, *page;
	const char *date; /* RFC 5322, made by the caller, who has the clock */
};
/* Header and body with CRLF.  @buf holds at least 4 KiB; notes that do not fit are counted in its
 * last line. */
size_t hr_alert_text_mail(const struct hr_alert_mail *m, const struct hr_alert_note *note, size_t n,
	char *buf, size_t cap);
