/* SPDX-License-Identifier: Apache-2.0 */
/* The price of a message, where it is one; see light.h. */
#include "agent/core/light.h"

#define KEEP      0.99 /* of what was learned, a tick: a minute or so */
#define LIGHT     0.9  /* of all work, in short bursts */
#define READS_MIN 1000 /* from which on the price is known to a few percent */
#define PER_WAKE  0.25 /* messages, at least: nginx and pgbench have about one */

double hr_light_grow(const struct hr_light *l, const struct hr_slot_cpu *slot)
{
	double own = (double)slot->charge_ns, by_reads, by_wakes;

	if (l->reads < READS_MIN || !(l->wakes > 0) || l->reads < PER_WAKE * l->wakes ||
		l->light_us < LIGHT * l->burst_us)
		return own;
	by_reads = slot->reads * l->charge_ns / l->reads;
	by_wakes = slot->wakes * l->charge_ns / l->wakes;
	by_wakes = by_wakes < own ? by_wakes : own;
	return by_reads > by_wakes ? by_reads : by_wakes;
}

/* Of the bursts in whole buckets up to the limit, each as its bucket's middle. */
static double light_us(const struct hr_hist *h)
{
	double sum = 0;

	for (uint32_t i = 0; i < HR_BUCKETS && hr_hist_hi(h, i) <= HR_LIGHT_US; i++)
		sum += h->n[i] * ((double)hr_bucket_lo(i) + hr_hist_hi(h, i)) / 2;
	return sum;
}

void hr_light_learn(
	struct hr_light *l, const struct hr_slot_cpu *sum, const struct hr_hist *burst_cpu)
{
	l->charge_ns = KEEP * l->charge_ns + (double)sum->charge_ns;
	l->reads = KEEP * l->reads + sum->reads;
	l->wakes = KEEP * l->wakes + sum->wakes;
	l->burst_us = KEEP * l->burst_us + (double)burst_cpu->sum;
	l->light_us = KEEP * l->light_us + light_us(burst_cpu);
}
