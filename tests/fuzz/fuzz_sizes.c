/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a catalogue of sizes, and what follows a line "%prices" as an operator's prices: a
 * wrong line adds nothing and is named, and what is taken is within its bounds.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <math.h>
#include <string.h>

#include "collector/core/catalogue.h"

#define PRICES "\n%prices\n"

static struct hr_size_row row[HR_CATALOGUE_MAX];

static void check_row(const struct hr_size_row *r)
{
	HR_FUZZ_CHECK(r->provider[0] && memchr(r->provider, '\0', sizeof(r->provider)));
	HR_FUZZ_CHECK(r->family[0] && memchr(r->family, '\0', sizeof(r->family)));
	HR_FUZZ_CHECK(r->name[0] && memchr(r->name, '\0', sizeof(r->name)));
	HR_FUZZ_CHECK(memchr(r->arch, '\0', sizeof(r->arch)));
	HR_FUZZ_CHECK(memchr(r->price_unit, '\0', sizeof(r->price_unit)));
	HR_FUZZ_CHECK(r->vcpus >= 1);
	for (unsigned i = 0; i < HR_SIZE_LIMIT_N; i++)
		HR_FUZZ_CHECK(isfinite(r->limit[i]) && r->limit[i] >= 0);
	HR_FUZZ_CHECK(isfinite(r->price) && r->price >= 0);
}

static const char *find(const char *text, size_t len)
{
	const size_t n = sizeof(PRICES) - 1;

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(text + i, PRICES, n) == 0)
			return text + i;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of its exact length: a read beyond it is a report */
	char *text = malloc(size ? size : 1), err[160] = "";
	struct hr_catalogue c = {.row = row};
	const char *cut;
	size_t len;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	cut = find(text, size);
	len = cut ? (size_t)(cut - text) + 1 : size;
	if (!hr_catalogue_parse(text, len, row, &c.n, err))
		HR_FUZZ_CHECK(c.n == 0 && strncmp(err, "line ", 5) == 0 &&
			      memchr(err, '\0', sizeof(err)));
	HR_FUZZ_CHECK(c.n <= HR_CATALOGUE_MAX);
	hr_catalogue_sort(&c);
	if (cut) {
		const char *prices = cut + sizeof(PRICES) - 1;

		err[0] = '\0';
		if (!hr_catalogue_prices(prices, size - (size_t)(prices - text), &c, err))
			HR_FUZZ_CHECK(strncmp(err, "line ", 5) == 0);
	}
	for (uint32_t i = 0; i < c.n; i++) {
		check_row(&row[i]);
		HR_FUZZ_CHECK(hr_catalogue_find(&c, row[i].provider, row[i].name));
	}
	free(text);
	return 0;
}
