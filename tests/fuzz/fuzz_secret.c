/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials, Authorization values and join strings: what is taken has one spelling only, so
 * printing it gives the input back, and its address is one that an URL can hold.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "proto/secret.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void check_join(const char *s, size_t len)
{
	struct hr_join j;
	char again[HR_JOIN_TEXT];

	if (!hr_join_parse(s, len, &j))
		return;
	HR_FUZZ_CHECK(memchr(j.address, '\0', sizeof(j.address)));
	HR_FUZZ_CHECK(strchr(j.address, ':') && !strpbrk(j.address, "/@?#%\\ \"'"));
	hr_join_print(&j, again);
	while (len > 0 && is_space(s[len - 1]))
		len--;
	while (len > 0 && is_space(*s)) {
		s++;
		len--;
	}
	HR_FUZZ_CHECK(strlen(again) == len && memcmp(again, s, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of its exact length: a read beyond it is a report */
	char *s = malloc(size ? size : 1), text[HR_SECRET_TEXT];
	struct hr_secret v, w;

	if (!s)
		return 0;
	if (size)
		memcpy(s, data, size);
	if (hr_secret_parse(s, size, &v)) {
		hr_secret_print(&v, text);
		HR_FUZZ_CHECK(strlen(text) == size && memcmp(text, s, size) == 0);
	}
	if (hr_secret_bearer(s, size, &v)) {
		HR_FUZZ_CHECK(size > 7 && memcmp(s, "Bearer ", 7) == 0);
		HR_FUZZ_CHECK(hr_secret_parse(s + 7, size - 7, &w));
		HR_FUZZ_CHECK(memcmp(v.secret, w.secret, sizeof(v.secret)) == 0);
	}
	check_join(s, size);
	free(s);
	return 0;
}
