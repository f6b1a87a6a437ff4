/* SPDX-License-Identifier: Apache-2.0 */
/* What secrets need of GnuTLS, the kernel and the file system. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/secret.h"

#define HR_SHA256_LEN 32

int hr_random(void *buf, size_t len); /* from the kernel; 0 or -errno */
/* What the collector keeps of a secret.  False: GnuTLS failed. */
bool hr_secret_hash(const uint8_t secret[HR_SECRET_LEN], uint8_t ret[HR_SHA256_LEN]);
/* In a time that does not depend on where they differ. */
bool hr_secret_same(const uint8_t a[HR_SHA256_LEN], const uint8_t b[HR_SHA256_LEN]);

/* "sha256//<base64>", as libcurl's CURLOPT_PINNEDPUBLICKEY wants a pin. */
#define HR_PIN_TEXT 64
bool hr_pin_print(const uint8_t pin[HR_PIN_LEN], char out[HR_PIN_TEXT]);

/*
 * A file that holds a secret: read like hr_fs_read(), but -EPERM when group or others may read
 * or write it.  "-" is standard input.  Bytes read or -errno.
 */
long hr_secret_file_read(const char *path, char *buf, size_t cap);
/* In words, what -errno of it means for this file and what to do. */
const char *hr_secret_file_why(long r);
