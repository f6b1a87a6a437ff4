// SPDX-License-Identifier: Apache-2.0
/* Adding up windows; what a digest is in digest.h. */
#include "collector/core/digest.h"

#include <stdlib.h>
#include <string.h>

void hr_digest_done(struct hr_digest *d)
{
	for (uint32_t i = 0; i < HR_DIGEST_PIECES; i++)
		free(d->piece[i].s);
	free(d->scratch);
	*d = (struct hr_digest){0};
}

void hr_digest_clear(struct hr_digest *d)
{
	d->windows = d->samples = d->bare_windows = d->bare_samples = 0;
	d->n = 0;
}

static void copy(struct hr_summary *to, const struct hr_summary *from)
{
	memcpy(to, from, offsetof(struct hr_summary, dev));
	memcpy(to->dev, from->dev, from->n_dev * sizeof(from->dev[0]));
	to->n_dev = from->n_dev;
	to->n_top = 0;
	to->n_group = 0;
	to->n_fs = 0; /* levels, not kept here */
	memset(to->vq_bad, 0, sizeof(to->vq_bad));
	memset(&to->replay, 0, sizeof(to->replay));
}

/* A sum in one group of buckets must fit 32 bits, or the row could not be written. */
static bool fits(const struct hr_summary *into, const struct hr_summary *s)
{
	for (uint32_t i = 0; i < HR_DIST_N; i++)
		if (into->dist[i].total + s->dist[i].total > UINT32_MAX)
			return false;
	for (uint8_t k = 0; k < into->n_dev && k < s->n_dev; k++)
		for (uint32_t i = 0; i < HR_DDIST_N; i++)
			if (into->dev[k].dist[i].total + s->dev[k].dist[i].total > UINT32_MAX)
				return false;
	return true;
}

bool hr_digest_add(
	struct hr_digest *d, uint32_t boot_ord, uint64_t windows, const struct hr_summary *s)
{
	uint64_t samples = hr_digest_samples(s);
	uint32_t i = 0;

	while (i < d->n && (d->piece[i].boot_ord != boot_ord || !fits(d->piece[i].s, s) ||
				   !hr_summary_fold(d->piece[i].s, s)))
		i++;
	if (i == HR_DIGEST_PIECES) {
		d->bare_windows += windows;
		d->bare_samples += samples;
	} else if (i == d->n) {
		struct hr_digest_piece *p = &d->piece[i];

		if (!p->s && !(p->s = malloc(sizeof(*p->s))))
			return false;
		copy(p->s, s);
		p->boot_ord = boot_ord;
		p->windows = windows;
		d->n++;
	} else {
		d->piece[i].windows += windows;
	}
	d->windows += windows;
	d->samples += samples;
	return true;
}
