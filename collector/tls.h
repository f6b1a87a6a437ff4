/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's certificate: the operator's files, or a self-signed one made at the first
 * start with TLS (tls.key, mode 0600, and tls.crt in the state directory).  Agents know it by
 * its pin, the SHA-256 of its SubjectPublicKeyInfo, so a renewed certificate with the same key
 * stays known.  One per process: the library's callback has no argument.
 */
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/secret.h"

#define HR_TLS_ERROR_LEN 512
/* 1.3 only, AEAD and forward secrecy of 128 bits and more. */
#define HR_TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3"

struct hr_tls_conf {
	const char *state;
	const char *certificate, *key; /* "" both: the self-signed one */
	const char *client_ca;         /* "" none: clients need no certificate */
};

/*
 * Loads, or makes, key and certificate; called again (SIGHUP) it exchanges them for new
 * connections.  0, or -errno with what, why and what to do in @err, and nothing changed.
 */
int hr_tls_load(const struct hr_tls_conf *conf, char err[HR_TLS_ERROR_LEN]);
void hr_tls_done(void);
void hr_tls_pin(uint8_t ret[HR_PIN_LEN]);
/* PEM text of client_ca, or NULL. */
const char *hr_tls_client_ca(void);
/* Has the client shown a certificate that client_ca signed? */
bool hr_tls_client_ok(gnutls_session_t session);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
int hr_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *ca, int n_ca,
	const gnutls_pk_algorithm_t *algos, int n_algos, gnutls_pcert_st **pcert,
	unsigned int *pcert_len, gnutls_privkey_t *key);
