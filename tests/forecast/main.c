/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: forecast_eval known [SEED [SERIES]] | refit [DIR] | week DIR | hours DIR | cross DIR |
 * store DIR DIR: plain CSV files
 */
#include "tests/forecast/eval.h"

#include <stdio.h>
#include <string.h>

#include "proto/num.h"

#define SERIES 6000 /* a hundred dates in the line that has fewest */
#define SEED   20261125

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const char *dir);
	} part[] = {{"week", eval_week}, {"hours", eval_hours}, {"cross", eval_cross},
		{"store", eval_store}, {"refit", eval_refit_recorded}};
	uint64_t seed = SEED, series = SERIES;

	if (argc >= 2 && argc <= 4 && strcmp(argv[1], "known") == 0 &&
		(argc < 3 || hr_num_u64(argv[2], 1, UINT64_MAX, &seed)) &&
		(argc < 4 || hr_num_u64(argv[3], 1, 1000000, &series)))
		return eval_known((unsigned)series, seed) ? 1 : 0;
	if (argc == 2 && strcmp(argv[1], "refit") == 0) {
		eval_refit();
		return 0;
	}
	for (unsigned i = 0; argc == 3 && i < sizeof(part) / sizeof(*part); i++)
		if (strcmp(argv[1], part[i].name) == 0) {
			part[i].run(argv[2]);
			return 0;
		}
	fprintf(stderr,
		"usage: %s known [SEED [SERIES]] | refit [DIR] | week DIR | hours DIR | cross DIR "
		"| "
		"store DIR\n",
		argv[0]);
	return 2;
}
