/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer's JSON, as the command line reads it from whatever speaks HTTP: refused
 * with a reason, or taken, and then written and read again it is the same text.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "collector/core/answer_json.h"

static struct hr_answer a, b;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1), *one, *two, err[160] = "";
	uint64_t ms;
	char *s;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	s = strndup(text, size < 40 ? size : 40);
	if (s && hr_rfc3339_parse(s, &ms)) {
		char again[HR_RFC3339_LEN];

		hr_rfc3339(ms, again);
		HR_FUZZ_CHECK(strncmp(again, s, 19) == 0);
	}
	free(s);
	if (!hr_answer_from_json(text, size, &a, err)) {
		HR_FUZZ_CHECK(err[0] && memchr(err, '\0', sizeof(err)));
		free(text);
		return 0;
	}
	one = hr_answer_json(&a, false);
	HR_FUZZ_CHECK(one);
	HR_FUZZ_CHECK(hr_answer_from_json(one, strlen(one), &b, err));
	two = hr_answer_json(&b, false);
	HR_FUZZ_CHECK(two && strcmp(one, two) == 0);
	free(one);
	free(two);
	free(text);
	return 0;
}
