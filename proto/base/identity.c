/* SPDX-License-Identifier: Apache-2.0 */
/* Host id, boot id and name from files; the machine-id is only ever an input of the HMAC. */
#include "proto/base/identity.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "proto/base/fsio.h"

#define HOST_ID_KEY "headroom host id 1" /* a new derivation gets a new number */
#define ID_DIGITS   32                   /* machine-id and uuid: 128 bits */

/* Hex digits of @s in lower case without dashes; true when there are exactly 32 and not all 0 or
 * all f. */
static bool id_digits(const char *s, char out[ID_DIGITS + 1])
{
	size_t n = 0;

	for (; *s && *s != '\n'; s++) {
		char c = *s >= 'A' && *s <= 'F' ? (char)(*s + 32) : *s;

		if (c == '-')
			continue;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || n == ID_DIGITS)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	/* placeholders of broken firmware, not identities */
	return n == ID_DIGITS && strspn(out, "0") != ID_DIGITS && strspn(out, "f") != ID_DIGITS;
}

static int read_text(const char *root, const char *path, char *buf, size_t cap)
{
	char full[PATH_MAX];
	ssize_t r;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	r = hr_fs_read(full, buf, cap);
	return r < 0 ? (int)r : 0;
}

static int read_id(const char *root, const char *path, char out[ID_DIGITS + 1])
{
	char buf[128];
	int r = read_text(root, path, buf, sizeof(buf));

	if (r < 0)
		return r;
	return id_digits(buf, out) ? 0 : -EINVAL;
}

static int read_host(const char *root, uint8_t ret_host[HR_HOST_ID_LEN])
{
	char id[ID_DIGITS + 1];
	uint8_t mac[32];

	/* an image that has not booted yet holds "uninitialized" or nothing: then the firmware's id
	 */
	if (read_id(root, "/etc/machine-id", id) < 0 &&
		read_id(root, "/sys/class/dmi/id/product_uuid", id) < 0)
		return -ENOENT;
	if (gnutls_hmac_fast(
		    GNUTLS_MAC_SHA256, HOST_ID_KEY, strlen(HOST_ID_KEY), id, ID_DIGITS, mac) < 0)
		return -EIO;
	memcpy(ret_host, mac, HR_HOST_ID_LEN);
	return 0;
}

static int read_boot(const char *root, uint64_t *ret_boot)
{
	char id[ID_DIGITS + 1];
	uint64_t boot = 0;
	int r = read_id(root, "/proc/sys/kernel/random/boot_id", id);

	if (r < 0)
		return r;
	for (int i = 0; i < 16; i++)
		boot = boot << 4 | (uint64_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
	if (boot == 0)
		return -EINVAL;
	*ret_boot = boot;
	return 0;
}

int hr_identity_read(const char *root, struct hr_identity *ret)
{
	struct hr_identity me = {0};
	char name[256];
	int r;

	r = read_host(root, me.host);
	if (r == 0)
		r = read_boot(root, &me.boot);
	if (r == 0)
		r = read_text(root, "/proc/sys/kernel/hostname", name, sizeof(name));
	if (r < 0)
		return r;
	name[strcspn(name, "\n")] = '\0';
	snprintf(me.name, sizeof(me.name), "%.*s", (int)sizeof(me.name) - 1, name);
	*ret = me;
	return 0;
}

void hr_host_id_print(const uint8_t id[HR_HOST_ID_LEN], char out[2 * HR_HOST_ID_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < HR_HOST_ID_LEN; i++) {
		out[2 * i] = hex[id[i] >> 4];
		out[2 * i + 1] = hex[id[i] & 15];
	}
	out[2 * HR_HOST_ID_LEN] = '\0';
}
