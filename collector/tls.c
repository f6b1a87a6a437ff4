// SPDX-License-Identifier: Apache-2.0
/* Handshakes read the current set without a lock; sets that were exchanged live until the end. */
#include "collector/tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/base/fsio.h"
#include "proto/base/secure.h"
#include "proto/cleanup.h"

#define PEM_MAX   65536
#define CHAIN_MAX 8
#define YEARS     10 /* the pin, not the date, is what agents go by */

struct set {
	struct set *before;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n;
	gnutls_privkey_t key;
	uint8_t pin[HR_PIN_LEN];
};

static _Atomic(struct set *) current;
static char *client_ca;

static int fail(char *err, const char *what, const char *path, const char *why)
{
	(void)snprintf(err, HR_TLS_ERROR_LEN,
		"%s %.200s: %.150s; see [tls] in "
		"headroom-collector.conf(5)",
		what, path, why);
	return -EINVAL;
}

/* --- making one --- */

static int sign(gnutls_x509_privkey_t key, gnutls_x509_crt_t crt)
{
	static const char name[] = "headroom-collector";
	time_t now = time(NULL);
	uint8_t serial[16];
	int r = hr_random(serial, sizeof(serial)) < 0 ? GNUTLS_E_RANDOM_FAILED : 0;

	serial[0] &= 0x7f; /* positive */
#define DO(call) (r = r < 0 ? r : (call))
	DO(gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	DO(gnutls_x509_crt_set_version(crt, 3));
	DO(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
	DO(gnutls_x509_crt_set_activation_time(crt, now - 86400)); /* clocks of agents differ */
	DO(gnutls_x509_crt_set_expiration_time(crt, now + YEARS * 366L * 86400));
	DO(gnutls_x509_crt_set_dn_by_oid(
		crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, sizeof(name) - 1));
	DO(gnutls_x509_crt_set_subject_alt_name(
		crt, GNUTLS_SAN_DNSNAME, name, sizeof(name) - 1, GNUTLS_FSAN_SET));
	DO(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
	DO(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	DO(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
	DO(gnutls_x509_crt_set_key(crt, key));
	DO(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
#undef DO
	return r;
}

static int save(const char *path, const gnutls_datum_t *pem, mode_t mode, char *err)
{
	int r = hr_fs_replace(path, pem->data, pem->size, mode);

	return r == 0 ? 0 : fail(err, "cannot write", path, strerror(-r));
}

static int make(const char *key_path, const char *crt_path, char *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t key_pem = {0}, crt_pem = {0};
	int r = gnutls_x509_privkey_init(&key);

	if (r == 0)
		r = gnutls_x509_crt_init(&crt);
	if (r == 0)
		r = sign(key, crt);
	if (r == 0)
		r = gnutls_x509_privkey_export2_pkcs8(
			key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key_pem);
	if (r == 0)
		r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &crt_pem);
	if (r < 0) {
		r = fail(err, "cannot make", crt_path, gnutls_strerror(r));
	} else {
		/* the certificate last: where it is, its key is */
		r = save(key_path, &key_pem, 0600, err);
		if (r == 0)
			r = save(crt_path, &crt_pem, 0640, err);
	}
	if (key_pem.data)
		explicit_bzero(key_pem.data, key_pem.size);
	gnutls_free(key_pem.data);
	gnutls_free(crt_pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return r;
}

/* --- reading --- */

static void set_free(struct set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n; i++)
		gnutls_pcert_deinit(&s->chain[i]);
	gnutls_privkey_deinit(s->key);
	free(s);
}

/* Reads the chain and the leaf's pin. */
static int read_chain(struct set *s, const char *path, char *err)
{
	static char pem[PEM_MAX];
	ssize_t len = hr_fs_read(path, pem, sizeof(pem));
	gnutls_datum_t data = {(unsigned char *)pem, 0};
	gnutls_x509_crt_t crt[CHAIN_MAX];
	unsigned n = CHAIN_MAX;
	size_t pin_len = HR_PIN_LEN;
	int r;

	if (len < 0)
		return fail(err, "cannot read the certificate", path, strerror((int)-len));
	data.size = (unsigned)len;
	r = gnutls_x509_crt_list_import(
		crt, &n, &data, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (r < 1)
		return fail(err, "no certificate in", path, gnutls_strerror(r));
	r = gnutls_x509_crt_get_key_id(crt[0], GNUTLS_KEYID_USE_SHA256, s->pin, &pin_len);
	for (unsigned i = 0; i < n; i++) {
		if (r == 0) {
			r = gnutls_pcert_import_x509(&s->chain[s->n], crt[i], 0);
			s->n += r == 0;
		}
		gnutls_x509_crt_deinit(crt[i]);
	}
	return r == 0 ? 0 : fail(err, "cannot use the certificate", path, gnutls_strerror(r));
}

/* Reads the key and sees that it is the certificate's. */
static int read_key(struct set *s, const char *path, char *err)
{
	static char pem[PEM_MAX];
	long len = hr_secret_file_read(path, pem, sizeof(pem));
	gnutls_datum_t data = {(unsigned char *)pem, 0};
	gnutls_pubkey_t pub = NULL;
	uint8_t id[HR_PIN_LEN];
	size_t id_len = sizeof(id);
	int r;

	if (len < 0)
		return fail(err, "cannot use the key", path, hr_secret_file_why(len));
	data.size = (unsigned)len;
	r = gnutls_privkey_init(&s->key);
	if (r == 0)
		r = gnutls_privkey_import_x509_raw(s->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
	explicit_bzero(pem, sizeof(pem));
	if (r == 0)
		r = gnutls_pubkey_init(&pub);
	if (r == 0)
		r = gnutls_pubkey_import_privkey(pub, s->key, 0, 0);
	if (r == 0)
		r = gnutls_pubkey_get_key_id(pub, GNUTLS_KEYID_USE_SHA256, id, &id_len);
	gnutls_pubkey_deinit(pub);
	if (r < 0)
		return fail(err, "cannot use the key", path, gnutls_strerror(r));
	if (memcmp(id, s->pin, sizeof(id)) != 0)
		return fail(err, "cannot use the key", path, "it is not the certificate's");
	return 0;
}

static int read_ca(const char *path, char **ret, char *err)
{
	HR_CLEANUP(hr_freep) char *pem = malloc(PEM_MAX);
	ssize_t len = pem ? hr_fs_read(path, pem, PEM_MAX) : -ENOMEM;

	if (len < 0)
		return fail(err, "cannot read client_ca", path, strerror((int)-len));
	if (!strstr(pem, "-----BEGIN CERTIFICATE-----"))
		return fail(err, "no certificate in", path, "expected PEM");
	*ret = hr_take_ptr(pem);
	return 0;
}

int hr_tls_load(const struct hr_tls_conf *conf, char err[HR_TLS_ERROR_LEN])
{
	char key[512], crt[512];
	struct set *s = calloc(1, sizeof(*s));
	bool own = !conf->certificate[0] && !conf->key[0];
	struct stat st;
	int r = 0;

	(void)snprintf(key, sizeof(key), own ? "%s/tls.key" : "%s", own ? conf->state : conf->key);
	(void)snprintf(
		crt, sizeof(crt), own ? "%s/tls.crt" : "%s", own ? conf->state : conf->certificate);
	if (!s)
		r = fail(err, "cannot load", crt, strerror(ENOMEM));
	else if (!key[0] || !crt[0])
		r = fail(err, "one is missing:", "certificate= and key=", "both or none");
	if (r == 0 && own && stat(crt, &st) < 0 && errno == ENOENT)
		r = make(key, crt, err);
	if (r == 0)
		r = read_chain(s, crt, err);
	if (r == 0)
		r = read_key(s, key, err);
	if (r == 0 && conf->client_ca[0] && !client_ca)
		r = read_ca(conf->client_ca, &client_ca, err);
	if (r < 0) {
		set_free(s);
		return r;
	}
	s->before = atomic_load(&current);
	atomic_store(&current, s);
	return 0;
}

void hr_tls_done(void)
{
	struct set *s = atomic_exchange(&current, NULL);

	while (s) {
		struct set *before = s->before;

		set_free(s);
		s = before;
	}
	free(client_ca);
	client_ca = NULL;
}

void hr_tls_pin(uint8_t ret[HR_PIN_LEN])
{
	const struct set *s = atomic_load(&current);

	if (s)
		memcpy(ret, s->pin, HR_PIN_LEN);
	else
		memset(ret, 0, HR_PIN_LEN);
}

const char *hr_tls_client_ca(void)
{
	return client_ca;
}

bool hr_tls_client_ok(gnutls_session_t session)
{
	unsigned status = 1;

	return gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is the library's */
int hr_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *ca, int n_ca,
	const gnutls_pk_algorithm_t *algos, int n_algos, gnutls_pcert_st **pcert,
	unsigned int *pcert_len, gnutls_privkey_t *key)
{
	struct set *s = atomic_load(&current);

	(void)session;
	(void)ca;
	(void)n_ca;
	(void)algos;
	(void)n_algos;
	if (!s)
		return -1;
	*pcert = s->chain;
	*pcert_len = s->n;
	*key = s->key;
	return 0;
}
