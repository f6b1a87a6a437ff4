/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/secure.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

int hr_random(void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

bool hr_secret_hash(const uint8_t secret[HR_SECRET_LEN], uint8_t ret[HR_SHA256_LEN])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, HR_SECRET_LEN, ret) == 0;
}

bool hr_secret_same(const uint8_t a[HR_SHA256_LEN], const uint8_t b[HR_SHA256_LEN])
{
	return gnutls_memcmp(a, b, HR_SHA256_LEN) == 0;
}

bool hr_pin_print(const uint8_t pin[HR_PIN_LEN], char out[HR_PIN_TEXT])
{
	const gnutls_datum_t in = {(unsigned char *)pin, HR_PIN_LEN};
	gnutls_datum_t text = {0};
	int n;

	if (gnutls_base64_encode2(&in, &text) != 0)
		return false;
	n = snprintf(out, HR_PIN_TEXT, "sha256//%.*s", (int)text.size, (const char *)text.data);
	gnutls_free(text.data);
	return n > 0 && n < HR_PIN_TEXT;
}

long hr_secret_file_read(const char *path, char *buf, size_t cap)
{
	bool standard = strcmp(path, "-") == 0;
	HR_CLEANUP(hr_closep) int own = -1;
	size_t len = 0;
	struct stat st;
	int fd = STDIN_FILENO;

	if (!standard) {
		own = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		fd = own;
		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (!S_ISREG(st.st_mode))
			return -EINVAL;
		if (st.st_mode & (S_IRWXG | S_IRWXO))
			return -EPERM;
	}
	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buf[len] = '\0';
			return (long)len;
		}
		len += (size_t)n;
	}
	return -EFBIG;
}

const char *hr_secret_file_why(long r)
{
	return r == -EPERM   ? "others may read it; chmod 600 it"
	       : r == -EFBIG ? "it is too long to hold what is expected"
			     : strerror((int)-r);
}
