/* SPDX-License-Identifier: Apache-2.0 */
/* All or nothing, and one spelling of everything: a credential has no second form. */
#include "proto/secret.h"

#include <stdio.h>
#include <string.h>

#define ID_HEX     (2 * HR_HOST_ID_LEN)
#define SECRET_HEX (2 * HR_SECRET_LEN)

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hr_hex_parse(const char *s, size_t len, uint8_t *ret, size_t n)
{
	if (len != 2 * n)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (digit(s[i]) < 0)
			return false;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)(digit(s[2 * i]) << 4 | digit(s[2 * i + 1]));
	return true;
}

void hr_hex_print(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

bool hr_secret_parse(const char *s, size_t len, struct hr_secret *ret)
{
	struct hr_secret v = {0};

	if (len != 5 + ID_HEX + 1 + SECRET_HEX || memcmp(s, "hr1", 3) != 0 || s[4] != '.' ||
		s[5 + ID_HEX] != '.' ||
		(s[3] != HR_SECRET_AGENT && s[3] != HR_SECRET_READ && s[3] != HR_SECRET_ENROL) ||
		!hr_hex_parse(s + 5, ID_HEX, v.id, sizeof(v.id)) ||
		!hr_hex_parse(s + 6 + ID_HEX, SECRET_HEX, v.secret, sizeof(v.secret)))
		return false;
	v.kind = (enum hr_secret_kind)s[3];
	*ret = v;
	return true;
}

void hr_secret_print(const struct hr_secret *s, char out[HR_SECRET_TEXT])
{
	char id[HR_HEX_LEN(HR_HOST_ID_LEN)], secret[HR_HEX_LEN(HR_SECRET_LEN)];

	hr_hex_print(s->id, sizeof(s->id), id);
	hr_hex_print(s->secret, sizeof(s->secret), secret);
	(void)snprintf(out, HR_SECRET_TEXT, "hr1%c.%s.%s", (char)s->kind, id, secret);
}

bool hr_secret_bearer(const char *value, size_t len, struct hr_secret *ret)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	return len > n && memcmp(value, scheme, n) == 0 && hr_secret_parse(value + n, len - n, ret);
}

static bool address_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == ':' || c == '[' || c == ']';
}

/* "host:port" with a port of 1..65535; brackets only as a pair around all of the host. */
static bool address_ok(const char *s, size_t len)
{
	size_t host = len;
	unsigned long port = 0;

	if (len >= HR_ADDRESS_LEN)
		return false;
	while (host > 0 && s[host - 1] != ':')
		host--;
	if (host < 2 || len - host == 0 || len - host > 5)
		return false;
	for (size_t i = host; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		port = port * 10 + (unsigned long)(s[i] - '0');
	}
	host--; /* without the colon */
	for (size_t i = 0; i < host; i++) {
		bool edge = (i == 0 && s[i] == '[') || (i == host - 1 && s[i] == ']');

		if (!address_char(s[i]) || ((s[i] == '[' || s[i] == ']') && !edge) ||
			(s[i] == ':' && s[0] != '['))
			return false;
	}
	return port >= 1 && port <= 65535 && (s[0] == '[') == (s[host - 1] == ']') &&
	       (s[0] != '[' || host > 2);
}

bool hr_join_parse(const char *s, size_t len, struct hr_join *ret)
{
	const size_t tail = 1 + 2 * HR_PIN_LEN + 1 + ID_HEX + 1 + SECRET_HEX;
	struct hr_join j = {.token.kind = HR_SECRET_ENROL};
	const char *p;

	while (len > 0 && strchr(" \t\r\n", s[len - 1]) && s[len - 1] != '\0')
		len--;
	while (len > 0 && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')) {
		s++;
		len--;
	}
	if (len <= 4 + tail || memcmp(s, "hr1.", 4) != 0 || !address_ok(s + 4, len - 4 - tail))
		return false;
	memcpy(j.address, s + 4, len - 4 - tail);
	p = s + len - tail;
	if (p[0] != '.' || p[1 + 2 * HR_PIN_LEN] != '.' || p[2 + 2 * HR_PIN_LEN + ID_HEX] != '.' ||
		!hr_hex_parse(p + 1, 2 * HR_PIN_LEN, j.pin, sizeof(j.pin)) ||
		!hr_hex_parse(p + 2 + 2 * HR_PIN_LEN, ID_HEX, j.token.id, sizeof(j.token.id)) ||
		!hr_hex_parse(p + 3 + 2 * HR_PIN_LEN + ID_HEX, SECRET_HEX, j.token.secret,
			sizeof(j.token.secret)))
		return false;
	*ret = j;
	return true;
}

void hr_join_print(const struct hr_join *j, char out[HR_JOIN_TEXT])
{
	char pin[HR_HEX_LEN(HR_PIN_LEN)], id[HR_HEX_LEN(HR_HOST_ID_LEN)];
	char secret[HR_HEX_LEN(HR_SECRET_LEN)];

	hr_hex_print(j->pin, sizeof(j->pin), pin);
	hr_hex_print(j->token.id, sizeof(j->token.id), id);
	hr_hex_print(j->token.secret, sizeof(j->token.secret), secret);
	(void)snprintf(out, HR_JOIN_TEXT, "hr1.%s.%s.%s.%s", j->address, pin, id, secret);
}
