/* SPDX-License-Identifier: Apache-2.0 */
/* usage: forecast_eval known | refit | week DIR | hours DIR | cross DIR | store DIR  (DIR: plain
 * CSV files)
 */
#include "tests/forecast/eval.h"

#include <stdio.h>
#include <string.h>

#define SERIES 2000

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const char *dir);
	} part[] = {{"week", eval_week}, {"hours", eval_hours}, {"cross", eval_cross},
		{"store", eval_store}};

	if (argc == 2 && strcmp(argv[1], "known") == 0)
		return eval_known(SERIES) ? 1 : 0;
	if (argc == 2 && strcmp(argv[1], "refit") == 0) {
		eval_refit();
		return 0;
	}
	for (unsigned i = 0; argc == 3 && i < sizeof(part) / sizeof(*part); i++)
		if (strcmp(argv[1], part[i].name) == 0) {
			part[i].run(argv[2]);
			return 0;
		}
	fprintf(stderr, "usage: %s known | refit | week DIR | hours DIR | cross DIR | store DIR\n",
		argv[0]);
	return 2;
}
