// SPDX-License-Identifier: Apache-2.0
#include "collector/core/remote_conf.h"

#include <stdio.h>
#include <string.h>

/* Labels of headroom's own series (series.c, metrics.c), and those Prometheus keeps for itself. */
static bool is_own(const char *key)
{
	static const char *const own[] = {"answer", "binding", "bound", "device", "host", "host_id",
		"part", "reason", "resource", "source", "stat", "version"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(own[i], key) == 0)
			return true;
	return strncmp(key, "__", 2) == 0;
}

static bool is_name(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return s[0] && strchr(letters, s[0]) && strspn(s, rest) == strlen(s);
}

/* One "key=value" of @len bytes, no spaces around it. */
static bool parse_one(const char *p, size_t len, struct hr_remote_labels *ret, char err[256])
{
	const char *eq = memchr(p, '=', len);
	size_t k = eq ? (size_t)(eq - p) : 0, v = eq ? len - k - 1 : 0;

	if (k == 0 || v == 0 || k >= HR_REMOTE_KEY_LEN || v >= HR_REMOTE_VALUE_LEN) {
		snprintf(err, 256, "labels '%.*s': expected NAME=VALUE",
			(int)(len < 100 ? len : 100), p);
		return false;
	}
	if (ret->n == HR_REMOTE_LABELS_MAX) {
		snprintf(err, 256, "labels: at most %d", HR_REMOTE_LABELS_MAX);
		return false;
	}
	memcpy(ret->label[ret->n].key, p, k);
	ret->label[ret->n].key[k] = '\0';
	memcpy(ret->label[ret->n].value, eq + 1, v);
	ret->label[ret->n].value[v] = '\0';
	if (!is_name(ret->label[ret->n].key) || is_own(ret->label[ret->n].key)) {
		snprintf(err, 256,
			"labels '%.63s': expected letters, digits and _, and no label of "
			"headroom's "
			"own series",
			ret->label[ret->n].key);
		return false;
	}
	for (unsigned i = 0; i < ret->n; i++) {
		if (strcmp(ret->label[i].key, ret->label[ret->n].key) == 0) {
			snprintf(err, 256, "labels '%.63s': twice", ret->label[i].key);
			return false;
		}
	}
	ret->n++;
	return true;
}

bool hr_remote_labels_parse(const char *text, struct hr_remote_labels *ret, char err[256])
{
	const char *p = text + strspn(text, " ");

	*ret = (struct hr_remote_labels){.n = 0};
	while (*p) {
		size_t whole = strcspn(p, ","), len = whole;

		while (len > 0 && p[len - 1] == ' ')
			len--;
		if (!parse_one(p, len, ret, err))
			return false;
		p += whole;
		p += *p == ',';
		p += strspn(p, " ");
	}
	return true;
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* The host of an address as it stands in an URL: this machine, so nobody listens. */
static bool is_loopback(const char *host, size_t len)
{
	static const char *const same[] = {"localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (len == strlen(same[i]) && strncmp(host, same[i], len) == 0)
			return true;
	return begins(host, "127.") && strspn(host, "0123456789.") == len;
}

bool hr_remote_conf_check(const struct hr_collector_config *c, char err[256])
{
	const char *url = c->remote_url;
	bool tls = begins(url, "https://");
	const char *host = url + strlen(tls ? "https://" : "http://");
	struct hr_remote_labels labels;
	size_t len, name;

	if (!url[0])
		return true;
	if ((!tls && !begins(url, "http://")) || (len = strcspn(host, "/?#")) == 0 ||
		url[strcspn(url, " \"")]) {
		snprintf(
			err, 256, "[remote_write] url '%.100s': expected http:// or https://", url);
		return false;
	}
	if (memchr(host, '@', len)) {
		snprintf(err, 256,
			"[remote_write] url: expected no user and password in it; use token_file");
		return false;
	}
	name = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	if (c->remote_token_file[0] && !tls && !is_loopback(host, name < len ? name : len)) {
		snprintf(err, 256,
			"[remote_write] token_file: expected https:// in url; a token in the clear "
			"is everybody's");
		return false;
	}
	return hr_remote_labels_parse(c->remote_labels, &labels, err);
}

bool hr_remote_conf_same(const struct hr_collector_config *a, const struct hr_collector_config *b)
{
	return strcmp(a->remote_url, b->remote_url) == 0 &&
	       strcmp(a->remote_labels, b->remote_labels) == 0 &&
	       strcmp(a->remote_token_file, b->remote_token_file) == 0 &&
	       strcmp(a->remote_ca_file, b->remote_ca_file) == 0 &&
	       a->remote_interval_ns == b->remote_interval_ns &&
	       a->remote_timeout_ns == b->remote_timeout_ns && a->remote_hosts == b->remote_hosts &&
	       a->remote_queue_bytes == b->remote_queue_bytes;
}
