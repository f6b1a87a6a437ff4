// SPDX-License-Identifier: Apache-2.0
/*
 * When a cold host has its turn.
 *
 * Turns come in rounds, and each host has its place in a round by its place in the table, so they
 * are spread over all of it also when the fleet appeared at once.  A host is due in each round, but
 * for one that is calm: its last turn found that nothing can come of windows like those it has
 * seen, and no window came that is beyond them (core/strain.h).  That one is due in one of as many
 * rounds as conf.calm_ns has.  So a host that gets worse has its turn when it would have
 * had it anyway.
 */
#include "collector/writer_private.h"
#include "proto/units.h"

/* Between two turns of a host, per cold host: 5 min at 100 000 */
#define TURN_HOST_NS 3000000ULL
#define BLOCK        16   /* at most: neighbours, which post one after the other */
#define BLOCKS       8    /* at least, of each round */
#define FAR          1.25 /* times a threshold: more than a step of a strain (core/strain.h) */
#define FAR_DAYS     2    /* likewise, of days that are left */

static uint64_t round_ns(const struct hr_writer *w)
{
	uint64_t ns = (w->hosts.n - w->n_hot) * TURN_HOST_NS;

	return ns > w->conf.answer_ns ? ns : w->conf.answer_ns;
}

/* Rounds between two turns of a calm host. */
static uint64_t calm_rounds(const struct hr_writer *w, uint64_t round)
{
	uint64_t n = round ? (w->conf.calm_ns + round / 2) / round : 1;

	return n > 1 ? n : 1;
}

uint64_t hr_turn_longest_ns(const struct hr_writer *w)
{
	uint64_t ns = w->n_hot < w->hosts.n ? round_ns(w) : 0;

	return ns * calm_rounds(w, ns);
}

static bool has_news(const struct hr_cold *c)
{
	return c->calm == HR_CALM_NOT || c->unseen || c->n_facts > 0 ||
	       hr_strain_beyond(&c->now, &c->known);
}

/* How long a place at @at of a @period is past. */
static uint64_t since(uint64_t now, uint64_t period, uint64_t at)
{
	return (now + (period - at)) % period;
}

/*
 * Of those that are calm since the same round not all have their turn in the same one.  But
 * neighbours do: a page that holds windows of both is read once then.
 */
static uint64_t round_of(const struct hr_writer *w, uint32_t place, uint64_t rounds)
{
	uint64_t block = w->hosts.n / (rounds * BLOCKS);

	block = block > BLOCK ? BLOCK : block;
	return place / (block ? block : 1) % rounds;
}

bool hr_turn_is_due(const struct hr_writer *w, uint32_t place, uint64_t now)
{
	const struct hr_host *host = w->hosts.by_no[place];
	const struct hr_cold *c = &host->cold;
	uint64_t round, rounds, at, age;

	if (!c->is || !host->is_stored || (c->n_slots == 0 && c->n_facts == 0 && host->view))
		return false;
	if (!host->view || c->turned_ns == 0)
		return true;
	round = round_ns(w);
	age = now - c->turned_ns;
	if (round == 0)
		return true;
	at = (uint64_t)((double)round * place / w->hosts.n);
	if (age < since(now, round, at))
		return false; /* it had its turn in this round */
	rounds = calm_rounds(w, round);
	return age >= since(now, rounds * round, at + round_of(w, place, rounds) * round) ||
	       has_news(c);
}

static bool near(const struct hr_opt *v, double threshold, double far)
{
	return v->has && v->v >= threshold && v->v < threshold * far;
}

/*
 * What the alerts, and the verdict of its kind, will not be changed by more of the same.  @worst:
 * the least headroom of a minute of this turn.
 */
uint8_t hr_turn_calm(
	const struct hr_writer *w, double target, const struct hr_answer *a, double worst)
{
	double limit = target, low = w->conf.alert_at_least;
	const struct hr_opt *k = &a->headroom.at_least;

	if (a->days_left.has && w->conf.alert_days > 0 &&
		near(&a->days_left.at_least, w->conf.alert_days, FAR_DAYS))
		return HR_CALM_NOT;
	if (!k->has)
		return HR_CALM_NOT;
	if (low > 0 && k->v < low)
		return HR_CALM_LOW;
	limit = (low > limit ? low : limit) * FAR;
	return k->v >= limit && worst >= limit ? HR_CALM_WIDE : HR_CALM_NOT;
}

/* @was had a turn at @now that found @calm. */
struct hr_cold hr_turn_settled(const struct hr_cold *was, uint8_t calm, uint64_t now)
{
	struct hr_cold c = {.is = true, .turned_ns = now, .calm = calm};

	/* facts: what was known is of another machine; unseen windows were judged by this turn */
	if (calm != HR_CALM_NOT && calm == was->calm && was->n_facts == 0)
		c.known = was->known;
	if (calm != HR_CALM_NOT)
		hr_strain_join(&c.known, &was->now);
	return c;
}
