/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a configuration file.  Refused: a message with file and line, and
 * nothing has changed.  Accepted: what is printed from it reads back as the same.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "proto/conf.h"

struct conf {
	uint64_t u64, ns, bytes;
	double f64, ratio;
	bool flag;
	char text[40];
};

#define AT(m) offsetof(struct conf, m)
static const struct hr_conf_key keys[] = {
	{"a", "u64", HR_CONF_U64, AT(u64), 0, 1, 18446744073709551615.0, "5", "Any number."},
	{"a", "ns", HR_CONF_DURATION, AT(ns), 0, 0, 1e19, "10s", "Any time."},
	{"a", "bytes", HR_CONF_BYTES, AT(bytes), 0, 0, 1e19, "64M", "Any size."},
	{"b", "f64", HR_CONF_F64, AT(f64), 0, -1e300, 1e300, "1.3", "Any real number."},
	{"b", "ratio", HR_CONF_RATIO, AT(ratio), 0, 0, 10, "80%", "Any share."},
	{"b", "flag", HR_CONF_BOOL, AT(flag), 0, 0, 0, "yes", "Any switch."},
	{"b", "text", HR_CONF_TEXT, AT(text), 40, 0, 0, "some text", "Any text."},
};
static const struct hr_conf_table table = {
	keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct conf)};

static void check_print(const struct conf *c)
{
	static char text[4096], text2[4096];
	char err[HR_CONF_ERR_LEN];
	struct conf back;

	memset(&back, 0, sizeof(back));
	hr_conf_defaults(&table, &back, NULL);
	HR_FUZZ_CHECK(hr_conf_print(&table, c, NULL, true, text, sizeof(text)) > 0);
	HR_FUZZ_CHECK(hr_conf_parse(&table, "printed", text, &back, NULL, err) == 0);
	HR_FUZZ_CHECK(memcmp(c, &back, sizeof(back)) == 0);
	HR_FUZZ_CHECK(hr_conf_print(&table, &back, NULL, true, text2, sizeof(text2)) > 0);
	HR_FUZZ_CHECK(strcmp(text, text2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hr_conf_origin origin;
	char err[HR_CONF_ERR_LEN] = "";
	struct conf c, before;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	memset(&c, 0, sizeof(c)); /* padding too: compared as memory */
	hr_conf_defaults(&table, &c, &origin);
	memcpy(&before, &c, sizeof(c));
	if (hr_conf_parse(&table, "f.conf", text, &c, &origin, err) == 0) {
		check_print(&c);
	} else {
		HR_FUZZ_CHECK(memcmp(&c, &before, sizeof(c)) == 0);
		HR_FUZZ_CHECK(strncmp(err, "f.conf:", 7) == 0 && strstr(err, "expected"));
	}
	free(text);
	return 0;
}
