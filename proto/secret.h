/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and join strings as text.  Pure: what is random or hashed is made elsewhere.
 *
 *   credential   hr1a.<id>.<secret>   a: an agent's (id = its host id), r: reads, e: enrols
 *   join string  hr1.<address>.<pin>.<id>.<secret>   split from the right: addresses have dots
 *
 * id is 32, pin and secret are 64 lower-case hex digits; nothing before, between or behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define HR_SECRET_LEN  32 /* bytes: 256 random bits need no slow hash */
#define HR_PIN_LEN     32 /* SHA-256 of the certificate's SubjectPublicKeyInfo */
#define HR_ADDRESS_LEN 96 /* "host:port" or "[v6]:port", with NUL */
#define HR_SECRET_TEXT 104
#define HR_JOIN_TEXT   300
#define HR_HEX_LEN(n)  (2 * (n) + 1)

enum hr_secret_kind {
	HR_SECRET_NONE = 0,
	HR_SECRET_AGENT = 'a',
	HR_SECRET_READ = 'r',
	HR_SECRET_ENROL = 'e',
};

struct hr_secret {
	enum hr_secret_kind kind;
	uint8_t id[HR_HOST_ID_LEN];
	uint8_t secret[HR_SECRET_LEN];
};

/* Exactly @n bytes from 2n lower-case hex digits, and back with a NUL. */
bool hr_hex_parse(const char *s, size_t len, uint8_t *ret, size_t n);
void hr_hex_print(const uint8_t *p, size_t n, char *out);

/* @len bytes, no NUL needed.  False: not exactly a credential, *ret untouched. */
bool hr_secret_parse(const char *s, size_t len, struct hr_secret *ret);
void hr_secret_print(const struct hr_secret *s, char out[HR_SECRET_TEXT]);
/* The value of an Authorization header of the form "Bearer CREDENTIAL". */
bool hr_secret_bearer(const char *value, size_t len, struct hr_secret *ret);

struct hr_join {
	char address[HR_ADDRESS_LEN]; /* letters, digits, - . : [ ], with a port */
	uint8_t pin[HR_PIN_LEN];
	struct hr_secret token; /* kind ENROL */
};
/* One join string; spaces and newlines around it are left out.  False: it is none. */
bool hr_join_parse(const char *s, size_t len, struct hr_join *ret);
void hr_join_print(const struct hr_join *j, char out[HR_JOIN_TEXT]);
