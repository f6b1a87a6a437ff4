/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/weekdays.h"

#include <math.h>

#define WEEK HR_WEEKDAYS

/* A missing day lies between its own weekday before and after. */
static double filled(const double *h, uint32_t n, uint32_t d)
{
	uint32_t back = WEEK, on = WEEK;

	if (!isnan(h[d]))
		return h[d];
	while (back <= d && isnan(h[d - back]))
		back += WEEK;
	while (d + on < n && isnan(h[d + on]))
		on += WEEK;
	if (back > d || d + on >= n)
		return NAN;
	return h[d - back] + (h[d + on] - h[d - back]) * back / (back + on);
}

#define WEEKS (HR_WEEKDAYS_MAX / WEEK + 2)
#define LANES 2 /* numbers that the machine compares at once */
#define SETS  4 /* of them hold a week */
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(LANES * sizeof(int64_t))));

static void order(lanes *a, lanes *b)
{
	masks less = *a < *b, x = (masks)*a, y = (masks)*b;

	*a = (lanes)((x & less) | (y & ~less));
	*b = (lanes)((y & less) | (x & ~less));
}

/*
 * The medians of all weekdays at once: rows are sorted against each other as far as the middle, all
 * columns side by side.  What a column does not have is above what it has.
 */
static void medians(lanes row[WEEKS][SETS], const uint32_t known[WEEK], double ret[WEEK])
{
	uint32_t most = 0;

	for (unsigned w = 0; w < WEEK; w++)
		most = known[w] > most ? known[w] : most;
	for (unsigned i = 0; i <= most / 2 && i < most; i++)
		for (unsigned j = i + 1; j < most; j++)
			for (unsigned s = 0; s < SETS; s++)
				order(&row[i][s], &row[j][s]);
	for (unsigned w = 0; w < WEEK; w++) {
		uint32_t n = known[w];
		double hi = row[n / 2][w / LANES][w % LANES];
		double lo = n ? row[(n - 1) / 2][w / LANES][w % LANES] : 0;

		ret[w] = n ? (hi + lo) / 2 : 0;
	}
}

void hr_weekdays(
	const double *h, uint32_t n, uint8_t first, double ret_season[HR_WEEKDAYS], double *ret_z)
{
	const lanes none = {INFINITY, INFINITY};
	double fill[HR_WEEKDAYS_MAX], mean = 0;
	uint32_t known[WEEK] = {0};
	lanes res[WEEKS][SETS];

	for (unsigned i = 0; i < WEEKS * SETS; i++)
		res[i / SETS][i % SETS] = none;
	for (uint32_t d = 0; d < n; d++)
		fill[d] = filled(h, n, d);
	for (uint32_t d = 3; n >= HR_WEEKDAYS_DAYS_MIN && d + 3 < n; d++) {
		uint32_t w = (first + d) % WEEK;
		double sum = 0;

		for (uint32_t i = d - 3; i <= d + 3; i++)
			sum += fill[i]; /* NaN: a mean over a hole has a weekday in it */
		if (!isnan(sum) && !isnan(h[d]))
			res[known[w]++][w / LANES][w % LANES] = h[d] - sum / WEEK;
	}
	medians(res, known, ret_season);
	for (unsigned w = 0; w < WEEK; w++)
		mean += ret_season[w] / WEEK;
	for (unsigned w = 0; w < WEEK; w++)
		ret_season[w] = known[w] ? ret_season[w] - mean : 0;
	for (uint32_t d = 0; d < n; d++)
		ret_z[d] = h[d] - ret_season[(first + d) % WEEK];
}
