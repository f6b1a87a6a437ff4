/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of a VM's family as text: a line a size, within 80 columns for names up to 20 letters.
 */
#include <stdio.h>
#include <string.h>

#include "collector/core/ladder.h"
#include "collector/core/render.h"

#define NAME_MIN 8

static const char *mark(const struct hr_ladder_picks *p, int i)
{
	return i == p->current   ? "this"
	       : i == p->next    ? "next"
	       : i == p->smaller ? "enough"
	       : i == p->ceiling ? "largest"
				 : "";
}

/* "disk network" of the bits. */
static void unknown(uint32_t bits, char to[64])
{
	size_t n = 0;

	to[0] = '\0';
	for (unsigned r = 1; r < HR_RES_N && n < 48; r++)
		if (bits & 1U << r)
			n += (size_t)snprintf(to + n, 64 - n, "%s%s", n ? " " : "",
				hr_resource_name((enum hr_resource)r));
}

/* Money left on the table, where the operator's prices tell both. */
static void saving(const struct hr_size_row *to, const struct hr_size_row *now, struct hr_out *o)
{
	if (to->price > 0 && to->price < now->price && strcmp(to->price_unit, now->price_unit) == 0)
		hr_out_say(o, "%s would do, too: %.4g instead of %.4g %s.\n", to->name, to->price,
			now->price, now->price_unit);
}

/* What the columns have to hold. */
struct columns {
	int name;
	bool priced;
	const char *unit; /* of every price; NULL: they differ, each line says its own */
};

static struct columns columns_of(const struct hr_ladder_rung *rung, uint32_t n)
{
	struct columns c = {.name = NAME_MIN};

	for (uint32_t i = 0; i < n; i++) {
		const struct hr_size_row *s = rung[i].size;

		if ((int)strlen(s->name) > c.name)
			c.name = (int)strlen(s->name);
		if (s->price <= 0)
			continue;
		c.unit = !c.priced                                      ? s->price_unit
			 : c.unit && strcmp(c.unit, s->price_unit) == 0 ? c.unit
									: NULL;
		c.priced = true;
	}
	return c;
}

static void price(const struct columns *c, const struct hr_size_row *s, struct hr_out *o)
{
	char text[40] = "-";

	if (!c->priced)
		return;
	if (s->price > 0)
		(void)snprintf(
			text, sizeof(text), c->unit ? "%.4g" : "%.4g %s", s->price, s->price_unit);
	hr_out_say(o, c->unit ? "%8s  " : "%13s  ", text);
}

static void line(
	const struct columns *c, const struct hr_ladder_rung *r, const char *what, struct hr_out *o)
{
	char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], mem[HR_QUANTITY_LEN] = "-";

	if (r->size->mem_bytes)
		hr_render_quantity((double)r->size->mem_bytes, HR_UNIT_BYTES, mem);
	hr_out_say(o, "%c %-*s %5u %8s %8s %7s  ",
		r->current  ? '>'
		: r->enough ? '+'
			    : ' ',
		c->name, r->size->name, r->size->vcpus, mem,
		hr_render_factor(&r->headroom.at_least, lo),
		hr_render_factor(&r->headroom.likely, mid));
	price(c, r->size, o);
	hr_out_say(o, what[0] ? "%-7s  %s\n" : "%s\n", hr_resource_name(r->binding), what);
}

void hr_render_sizes(const char *host, const struct hr_ladder_vm *vm, double target,
	const struct hr_ladder_rung *rung, uint32_t n, struct hr_out *o)
{
	struct hr_ladder_picks p = hr_ladder_pick(rung, n);
	struct columns c = columns_of(rung, n);
	uint32_t missing = 0;
	char names[64];

	hr_out_say(o, "%s: %s (%u vCPUs), predicted headroom by size of its family\n\n", host,
		vm->size->name, vm->vcpus);
	hr_out_say(o, "  %-*s %5s %8s %8s %7s  ", c.name, "size", "vCPUs", "memory", "at least",
		"likely");
	if (c.priced)
		hr_out_say(o, c.unit ? "%8.8s  " : "%13.8s  ", c.unit ? c.unit : "price");
	hr_out_say(o, "binds there\n");
	for (uint32_t i = 0; i < n; i++) {
		line(&c, &rung[i], mark(&p, (int)i), o);
		missing |= rung[i].unknown;
	}
	hr_out_say(o, "\n+ carries %.1fx today's load or more.\n", target);
	unknown(missing, names);
	if (missing)
		hr_out_say(
			o, "Not in the catalogue, taken as on this size: limits of %s.\n", names);
	if (p.smaller >= 0 && p.current >= 0)
		saving(rung[p.smaller].size, rung[p.current].size, o);
	if (p.ceiling < 0)
		hr_out_say(o, "This is the largest size of its family.\n");
}
