/* SPDX-License-Identifier: Apache-2.0 */
/* What steps aside and when it is tried again; see detour.h. */
#include "agent/core/detour.h"

enum hr_detour_turn hr_detour_next(
	struct hr_detour *d, uint64_t now_ns, bool fresh, uint32_t n_aside)
{
	bool closed = hr_detour_closed(d);

	d->unproven = 0;
	d->probing = n_aside > 0 && (closed ? !fresh || now_ns < d->fresh_ns
					    : now_ns >= d->probe_ns || (!fresh && d->sift > 0));
	if (d->probing) {
		d->probe_ns = now_ns + HR_DETOUR_PROBE_NS;
		return HR_DETOUR_PROBE;
	}
	if (closed)
		d->fresh_ns = now_ns + HR_DETOUR_FRESH_NS;
	return d->refused > 0 ? HR_DETOUR_NEWEST : HR_DETOUR_QUEUE;
}

bool hr_detour_unproven(struct hr_detour *d)
{
	return ++d->unproven >= HR_DETOUR_TRIES || d->refused > 0;
}

void hr_detour_aside(struct hr_detour *d, uint64_t now_ns, uint32_t n_aside, bool refused)
{
	if (!d->probing)
		d->sift = refused ? d->sift : n_aside;
	else if (d->sift > 0)
		d->sift--;
	if (d->refused == 0 && !d->probing)
		d->probe_ns = now_ns + HR_DETOUR_PROBE_NS;
	if (++d->refused == HR_DETOUR_CLOSED) /* one aside, then a fresh one, by turns */
		d->fresh_ns = now_ns + HR_DETOUR_PROBE_NS / 2 * 3;
}

bool hr_detour_taken(struct hr_detour *d, uint64_t now_ns, uint32_t n_aside)
{
	bool closed = hr_detour_closed(d);

	d->refused = 0;
	if (d->probing && (closed || d->sift == 0)) {
		d->sift = 0;
		return true;
	}
	if (d->probing)
		d->sift--;
	else if (closed)
		d->sift = n_aside;
	if (d->sift > n_aside)
		d->sift = n_aside;
	if (d->sift > 0 && !d->probing)
		d->probe_ns = now_ns;
	return false;
}
