// SPDX-License-Identifier: Apache-2.0
/* What waits for the turn of a cold host (turns.c): slots with windows, and numbers of facts. */
#include <string.h>

#include "collector/writer_private.h"

#define SLOTS_NONE UINT32_MAX

static void note_n(struct hr_host *host, uint64_t n)
{
	if (host->unsaved_n == 0 || n < host->unsaved_n)
		host->unsaved_n = n;
}

/* Range @i takes in the one behind it, and the slots between them. */
static void join(struct hr_cold *c, unsigned i)
{
	if (c->slots[i + 1].hi > c->slots[i].hi)
		c->slots[i].hi = c->slots[i + 1].hi;
	memmove(&c->slots[i + 1], &c->slots[i + 2], (c->n_slots - i - 2u) * sizeof(c->slots[0]));
	c->n_slots--;
}

/* Never lost for want of room: slots between two ranges are looked at in vain. */
static void join_nearest(struct hr_cold *c)
{
	unsigned best = 0;

	for (unsigned i = 1; i + 1 < c->n_slots; i++)
		if (c->slots[i + 1].lo - c->slots[i].hi < c->slots[best + 1].lo - c->slots[best].hi)
			best = i;
	join(c, best);
}

static uint32_t short_slot(uint64_t slot)
{
	return slot < SLOTS_NONE ? (uint32_t)slot : SLOTS_NONE - 1;
}

static void note_slots(struct hr_cold *c, uint32_t lo, uint32_t hi)
{
	unsigned i = 0;

	while (i < c->n_slots && c->slots[i].hi + 1 < lo)
		i++;
	if (i < c->n_slots && hi + 1 >= c->slots[i].lo) {
		c->slots[i].lo = lo < c->slots[i].lo ? lo : c->slots[i].lo;
		c->slots[i].hi = hi > c->slots[i].hi ? hi : c->slots[i].hi;
		/* ranges that touch become one: a slot in two of them would be fed twice */
		while (i + 1u < c->n_slots && c->slots[i].hi + 1 >= c->slots[i + 1].lo)
			join(c, i);
		return;
	}
	if (c->n_slots == HR_PENDING_MAX) {
		join_nearest(c);
		note_slots(c, lo, hi); /* there is room now, or it lies inside */
		return;
	}
	memmove(&c->slots[i + 1], &c->slots[i], (c->n_slots - i) * sizeof(c->slots[0]));
	c->slots[i] = (struct hr_pending){lo, hi};
	c->n_slots++;
}

void hr_turn_note_row(
	struct hr_host *host, uint64_t n, uint64_t slot, const struct hr_strain *strain)
{
	note_n(host, n);
	hr_strain_join(&host->cold.now, strain);
	note_slots(&host->cold, short_slot(slot), short_slot(slot));
}

void hr_turn_note_bin(struct hr_host *host, uint64_t n, uint64_t slot)
{
	uint64_t first = slot - slot % HR_TIER_5MIN_SLOTS;

	note_n(host, n);
	host->cold.unseen = true;
	note_slots(&host->cold, short_slot(first), short_slot(first + HR_TIER_5MIN_SLOTS - 1));
}

/* Of more than there is room for, the first and the last: the journal is read between them. */
void hr_turn_note_facts(struct hr_host *host, uint64_t n)
{
	struct hr_cold *c = &host->cold;

	note_n(host, n);
	if (c->n_facts == HR_PENDING_MAX) {
		c->facts_many = true;
		c->n_facts--;
	}
	c->facts_n[c->n_facts++] = n;
}
