/* SPDX-License-Identifier: Apache-2.0 */
/* Birth-death chain of N tasks; see closed.h. */
#include "collector/core/closed.h"

#include <math.h>

#define TASKS_MAX 2000

/*
 * CPUs busy of @c.  @n tasks, @sleep: mean sleep over mean work: p[i] = p[i-1] (n - i + 1) / sleep
 * / min(i, c).
 */
static double busy_of(unsigned n, double sleep, unsigned c)
{
	double p = 1, sum = 1, busy = 0;

	for (unsigned i = 1; i <= n; i++) {
		unsigned served = i < c ? i : c;

		p *= (n - i + 1) / sleep / served;
		sum += p;
		busy += p * served;
		if (sum > 1e200) { /* all of it is relative */
			p /= sum;
			busy /= sum;
			sum = 1;
		}
	}
	return busy / sum;
}

/* Little: the tasks that sleep, n - runnable, are sleep x busy in number. */
double hr_closed_gain(unsigned c, double busy, double runnable, double tasks)
{
	unsigned n = (unsigned)ceil(fmin(fmax(fmax(tasks, runnable), 1), TASKS_MAX));
	double sleep;

	if (c == 0 || !(busy > 0) || !(runnable > busy))
		return 1;
	sleep = fmax((n - runnable) / busy, 1e-6);
	return fmin(fmax(busy_of(n, sleep, 2 * c) / busy_of(n, sleep, c), 1), 2);
}
