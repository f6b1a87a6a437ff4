/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per state change to stderr: "<N>event=... key=value".  The <N>
 * priority prefix is for journald and is left out on a terminal.  Never per
 * sample, never a secret.  Repeats of one event are limited to 10 a minute, and
 * the next line says how many were left out.
 */
#pragma once

enum hr_log_prio {
	HR_LOG_ERR = 3,
	HR_LOG_WARNING = 4,
	HR_LOG_NOTICE = 5,
	HR_LOG_INFO = 6,
	HR_LOG_DEBUG = 7,
};

void hr_log_init(const char *program, enum hr_log_prio max);
__attribute__((format(printf, 3, 4))) void hr_log(
	enum hr_log_prio prio, const char *event, const char *fmt, ...);
