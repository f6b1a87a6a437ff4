/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any JSON as a fleet's document, as the command line reads it from whatever speaks HTTP: each row
 * is within its bounds, and what is printed of them can be shown on a terminal.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "collector/cli/fleet_read.h"
#include "collector/core/render.h"
#include "proto/text.h"

#define ROWS   32
#define NOW_MS 1795528800000ULL

static struct hr_fleet_row row[ROWS];
static const struct hr_fleet_row *at[ROWS];

static void check_row(const struct hr_fleet_row *r)
{
	HR_FUZZ_CHECK(hr_text_ok(r->id, strlen(r->id)) && hr_text_ok(r->name, strlen(r->name)) &&
		      hr_text_ok(r->device, strlen(r->device)));
	HR_FUZZ_CHECK(r->kind < HR_ANSWER_N && r->reason < HR_REASON_N && r->binding < HR_RES_N);
}

static void draw(const json_t *doc, size_t n)
{
	static char text[4096 + ROWS * 256];
	struct hr_fleet f;
	struct hr_out o;

	hr_fleet_read_counts(doc, &f);
	hr_out_init(&o, text, sizeof(text), 80, false);
	hr_render_fleet(&f, at, n, NOW_MS, &o);
	HR_FUZZ_CHECK(o.len < sizeof(text) && strlen(text) == o.len);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		HR_FUZZ_CHECK(hr_text_ok(line, (size_t)(end - line)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = json_loadb((const char *)data, size, 0, NULL);
	const json_t *hosts = json_object_get(doc, "hosts");
	size_t n = json_array_size(hosts);

	if (n > ROWS)
		n = ROWS;
	for (size_t i = 0; i < n; i++) {
		hr_fleet_read_row(json_array_get(hosts, i), &row[i]);
		check_row(&row[i]);
		at[i] = &row[i];
	}
	if (doc)
		draw(doc, n);
	json_decref(doc);
	return 0;
}
