/* SPDX-License-Identifier: Apache-2.0 */
/* headroom sizes [HOST]: the ladder of a VM's family with predicted headroom on each rung. */
#include <stdio.h>
#include <string.h>

#include "collector/cli/size_ask.h"
#include "collector/core/ladder_json.h"
#include "collector/core/render.h"

static const char *mark(const struct hr_ladder_picks *p, int i)
{
	return i == p->current   ? "<- this size"
	       : i == p->next    ? "next"
	       : i == p->smaller ? "would do, too"
	       : i == p->ceiling ? "largest of the family"
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

static void text(const struct hr_size_ask *q, const struct hr_ladder_rung *rung, uint32_t n,
	struct hr_out *o)
{
	struct hr_ladder_picks p = hr_ladder_pick(rung, n);
	bool priced = false;
	uint32_t missing = 0;
	char names[64];

	hr_out_say(o, "%s: %s (%u vCPUs), predicted headroom by size of its family\n\n", q->a->host,
		q->vm.size->name, q->vm.vcpus);
	for (uint32_t i = 0; i < n; i++)
		priced |= rung[i].size->price > 0;
	hr_out_say(o, "  %-22s %6s %9s %9s %8s  %s%s\n", "size", "vCPUs", "memory", "at least",
		"likely", priced ? "       price  " : "", "binds there");
	for (uint32_t i = 0; i < n; i++) {
		char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], mem[HR_QUANTITY_LEN] = "-";
		char price[40] = "";

		if (rung[i].size->mem_bytes)
			hr_render_quantity((double)rung[i].size->mem_bytes, HR_UNIT_BYTES, mem);
		if (rung[i].size->price > 0)
			(void)snprintf(price, sizeof(price), "%6.4g %-5s  ", rung[i].size->price,
				rung[i].size->price_unit);
		else if (priced)
			(void)snprintf(price, sizeof(price), "%12s  ", "-");
		hr_out_say(o, "%c %-22s %6u %9s %9s %8s  %s%-9s %s\n",
			rung[i].current  ? '>'
			: rung[i].enough ? '+'
					 : ' ',
			rung[i].size->name, rung[i].size->vcpus, mem,
			hr_render_factor(&rung[i].headroom.at_least, lo),
			hr_render_factor(&rung[i].headroom.likely, mid), price,
			hr_resource_name(rung[i].binding), mark(&p, (int)i));
		missing |= rung[i].unknown;
	}
	hr_out_say(o, "\n");
	(void)snprintf(names, sizeof(names), "%.1f", q->target);
	hr_out_say(o, "+ carries %sx today's load or more.\n", names);
	unknown(missing, names);
	if (missing)
		hr_out_say(
			o, "Not in the catalogue, taken as on this size: limits of %s.\n", names);
	if (p.smaller >= 0 && p.current >= 0)
		saving(rung[p.smaller].size, rung[p.current].size, o);
	if (p.ceiling < 0)
		hr_out_say(o, "This is the largest size of its family.\n");
}

int hr_cmd_sizes(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"config", required_argument, NULL, 'c'}, {"as", required_argument, NULL, 'a'},
		{"catalogue", required_argument, NULL, 'f'}, {0}};
	static struct hr_ladder_rung rung[HR_LADDER_MAX];
	struct hr_size_ask q = {.cli = *cli};
	bool json = false;
	uint32_t n;
	int c, r;

	while ((c = hr_cli_option(&q.cli, argc, argv, ":", options)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'c')
			q.cli.config = optarg;
		else if (c == 'a')
			q.as = optarg;
		else if (c == 'f')
			q.catalogue = optarg;
		else
			return HR_EXIT_USAGE;
	}
	if (argc - optind > 1)
		return hr_cli_usage(&q.cli, "one HOST at most, got '%s' too", argv[optind + 1]);
	r = hr_size_ask(&q, optind < argc ? argv[optind] : NULL);
	if (r == HR_EXIT_DONE) {
		n = hr_ladder_climb(q.a, &q.vm, &q.sizes, 1, q.target, rung);
		if (json) {
			r = hr_size_print(&q.cli, hr_ladder_json(q.a, &q.vm, q.target, rung, n));
		} else {
			struct hr_out *o = hr_cli_out();

			text(&q, rung, n, o);
			r = hr_cli_print(&q.cli, o->buf);
		}
	}
	hr_size_ask_done(&q);
	return r;
}
