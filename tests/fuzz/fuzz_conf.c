/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a configuration file.  Refused: a message with file and line, and
 * nothing has changed.  Accepted: what is printed from it reads back as the same.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "proto/conf.h"

struct over {
	uint64_t u64, ns;
	double ratio;
};

struct over_item {
	struct hr_conf_over_head head;
	struct over v;
};

struct conf {
	uint64_t u64, ns, bytes;
	double f64, ratio;
	bool flag;
	char text[40];
	struct over o;
	uint64_t n_items;
	struct over_item item[HR_CONF_OVER_MAX];
};

#define AT(m) offsetof(struct conf, m)
static const struct hr_conf_key keys[] = {
	{"a", "u64", HR_CONF_U64, AT(u64), 0, 1, 18446744073709551615.0, "5", "Any number."},
	{"a", "ns", HR_CONF_DURATION, AT(ns), 0, 0, 1e19, "10s", "Any time."},
	{"a", "bytes", HR_CONF_BYTES, AT(bytes), 0, 0, 1e19, "64M", "Any size."},
	{"o", "u64", HR_CONF_U64, AT(o.u64), 0, 1, 100, "5", "A number."},
	{"o", "ns", HR_CONF_DURATION, AT(o.ns), 0, 0, 1e19, "10s", "A time."},
	{"o", "ratio", HR_CONF_RATIO, AT(o.ratio), 0, 0, 1, "1%", "A share."},
	{"b", "f64", HR_CONF_F64, AT(f64), 0, -1e300, 1e300, "1.3", "Any real number."},
	{"b", "ratio", HR_CONF_RATIO, AT(ratio), 0, 0, 10, "80%", "Any share."},
	{"b", "flag", HR_CONF_BOOL, AT(flag), 0, 0, 0, "yes", "Any switch."},
	{"b", "text", HR_CONF_TEXT, AT(text), 40, 0, 0, "some text", "Any text."},
};
/* [h "PATTERN"], any number of times, over [o]. */
static const struct hr_conf_over over = {.section = "h",
	.of = "o",
	.from = AT(o),
	.size = sizeof(struct over),
	.n_at = AT(n_items),
	.at = AT(item),
	.stride = sizeof(struct over_item)};
static const struct hr_conf_table table = {.keys = keys,
	.n = sizeof(keys) / sizeof(keys[0]),
	.conf_size = sizeof(struct conf),
	.over = &over};

static void check_print(const struct conf *c)
{
	static char text[65536], text2[65536];
	char err[HR_CONF_ERR_LEN];
	static struct conf back;

	memset(&back, 0, sizeof(back));
	hr_conf_defaults(&table, &back, NULL);
	HR_FUZZ_CHECK(hr_conf_print(&table, c, NULL, true, text, sizeof(text)) > 0);
	HR_FUZZ_CHECK(hr_conf_parse(&table, "printed", text, &back, NULL, err) == 0);
	HR_FUZZ_CHECK(memcmp(c, &back, sizeof(back)) == 0);
	HR_FUZZ_CHECK(hr_conf_print(&table, &back, NULL, true, text2, sizeof(text2)) > 0);
	HR_FUZZ_CHECK(strcmp(text, text2) == 0);
}

/* Of all that override only their values are left, each within its bounds. */
static void check_fold(const struct conf *c, struct hr_conf_origin *origin)
{
	static struct conf one;
	static char text[65536];

	memcpy(&one, c, sizeof(one));
	hr_conf_over_fold(&table, UINT64_MAX, &one, origin);
	HR_FUZZ_CHECK(one.n_items == 0 && one.o.u64 >= 1 && one.o.u64 <= 100);
	HR_FUZZ_CHECK(one.o.ratio >= 0 && one.o.ratio <= 1);
	HR_FUZZ_CHECK(hr_conf_print(&table, &one, origin, true, text, sizeof(text)) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hr_conf_origin origin;
	char err[HR_CONF_ERR_LEN] = "";
	static struct conf c, before;
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
		check_fold(&c, &origin);
	} else {
		HR_FUZZ_CHECK(memcmp(&c, &before, sizeof(c)) == 0);
		HR_FUZZ_CHECK(strncmp(err, "f.conf:", 7) == 0 && strstr(err, "expected"));
	}
	free(text);
	return 0;
}
