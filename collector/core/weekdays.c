/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/weekdays.h"

#include <math.h>
#include <string.h>

#include "collector/core/rank.h"

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

void hr_weekdays(
	const double *h, uint32_t n, uint8_t first, double ret_season[HR_WEEKDAYS], double *ret_z)
{
	double res[WEEK][HR_WEEKDAYS_MAX / WEEK + 2], fill[HR_WEEKDAYS_MAX], mean = 0;
	uint32_t known[WEEK] = {0};

	memset(ret_season, 0, WEEK * sizeof(*ret_season));
	for (uint32_t d = 0; d < n; d++)
		fill[d] = filled(h, n, d);
	for (uint32_t d = 3; n >= HR_WEEKDAYS_DAYS_MIN && d + 3 < n; d++) {
		uint32_t w = (first + d) % WEEK;
		double sum = 0;

		for (uint32_t i = d - 3; i <= d + 3; i++)
			sum += fill[i]; /* NaN: a mean over a hole has a weekday in it */
		if (!isnan(sum) && !isnan(h[d]))
			res[w][known[w]++] = h[d] - sum / WEEK;
	}
	for (unsigned w = 0; w < WEEK; w++)
		ret_season[w] = known[w] ? hr_rank_median(res[w], known[w]) : 0;
	for (unsigned w = 0; w < WEEK; w++)
		mean += ret_season[w] / WEEK;
	for (unsigned w = 0; w < WEEK; w++)
		ret_season[w] = known[w] ? ret_season[w] - mean : 0;
	for (uint32_t d = 0; d < n; d++)
		ret_z[d] = h[d] - ret_season[(first + d) % WEEK];
}
