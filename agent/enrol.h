/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining a collector.  The agent makes its own secret and writes it down before it asks; the
 * collector is told only its SHA-256, against one use of the join string's token and over a
 * connection whose key the join string pins.  Asking again after a lost answer costs no use.
 *
 * STATE/enrolled (mode 0600): the collector's URL, its pin, this host's credential, a line each.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/secure.h"

struct hr_enrolled {
	char url[HR_ADDRESS_LEN + 16]; /* https://host:port */
	char pin[HR_PIN_TEXT];         /* as libcurl wants it */
	char secret[HR_SECRET_TEXT];
};

/* 0; 1: not enrolled; -errno with what, why and what to do in @err. */
int hr_enrol_load(const char *state, struct hr_enrolled *ret, char err[512]);

struct hr_enrol_opts {
	const char *state;
	const char *join; /* file with a join string (mode 0600), or "-" for standard input */
	const char *name; /* shown for this VM; "": its host name */
	const char *cert_file, *key_file; /* client certificate; "" none */
	uint64_t timeout_ns;
};
/* 0: enrolled, the file is there.  -errno: @err. */
int hr_enrol_join(const struct hr_enrol_opts *o, char err[512]);

/* The file's collector is the one meant: collector= is left at @default_url, or is the same. */
bool hr_enrol_applies(const struct hr_enrolled *e, const char *url, const char *default_url);
