/* SPDX-License-Identifier: Apache-2.0 */
/* headroom whatif [HOST] --load x2 [--size NAME] [--add HOST2]: a planned growth, judged
 * beforehand. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/minutes.h"
#include "collector/cli/size_ask.h"
#include "collector/core/ladder_json.h"
#include "collector/core/json_util.h"
#include "collector/core/merge.h"
#include "collector/core/render.h"
#include "proto/base/clock.h"
#include "proto/num.h"

#define TIGHT 0.005 /* share of minutes above the demand that is compared, as q of the model */

struct plan {
	struct hr_size_ask q;
	double load;
	const char *size, *add;
	struct hr_answer *other;
	struct hr_bounds merged; /* with the other's load, on this size */
	/* both hosts' recorded minutes; ratio: tight minutes alone / together */
	uint32_t minutes;
	struct hr_opt ratio, memory_peak;
	enum hr_resource ratio_of;
	struct hr_ladder_rung rung;
	bool json;
};

static int options(struct plan *p, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"config", required_argument, NULL, 'c'}, {"as", required_argument, NULL, 'a'},
		{"catalogue", required_argument, NULL, 'f'}, {"load", required_argument, NULL, 'l'},
		{"size", required_argument, NULL, 's'}, {"add", required_argument, NULL, '+'}, {0}};
	int c;

	while ((c = hr_cli_option(&p->q.cli, argc, argv, ":", options)) != -1) {
		const char *x = optarg;

		if (c == 'j')
			p->json = true;
		else if (c == 'c')
			p->q.cli.config = optarg;
		else if (c == 'a')
			p->q.as = optarg;
		else if (c == 'f')
			p->q.catalogue = optarg;
		else if (c == 's')
			p->size = optarg;
		else if (c == '+')
			p->add = optarg;
		else if (c != 'l')
			return HR_EXIT_USAGE;
		else if (!hr_num_f64(x[0] == 'x' ? x + 1 : x, 0.1, 100, &p->load))
			return hr_cli_usage(&p->q.cli, "--load %s: expected x0.1 to x100", optarg);
	}
	if (argc - optind > 1)
		return hr_cli_usage(&p->q.cli, "one HOST at most, got '%s' too", argv[optind + 1]);
	if (!p->add && p->load <= 0)
		return hr_cli_usage(&p->q.cli, "nothing is planned: give --load or --add "
					       "(today's load on other sizes: headroom sizes)");
	if (p->load <= 0)
		p->load = 1;
	p->q.here = !p->size;
	return HR_EXIT_DONE;
}

/* What the recorded minutes of both say; without enough of them there is no likely figure. */
static void compare(struct plan *p, struct hr_minutes *m)
{
	for (enum hr_history_series s = 0; s < HR_HISTORY_N; s++) {
		uint32_t minutes;
		struct hr_opt ratio;

		if (s == HR_HISTORY_MEMORY) { /* recorded as what is left: need is the rest */
			for (size_t i = 0; i < HR_MINUTES; i++) {
				m[0].v[s][i] = (double)p->q.a->size.mem_bytes - m[0].v[s][i];
				m[1].v[s][i] = (double)p->other->size.mem_bytes - m[1].v[s][i];
			}
			p->memory_peak = hr_merge_peak(m[0].v[s], 1, m[1].v[s], HR_MINUTES);
			continue;
		}
		ratio = hr_merge_ratio(m[0].v[s], p->load, m[1].v[s], HR_MINUTES, TIGHT, &minutes);
		if (s == HR_HISTORY_CPU)
			p->minutes = minutes;
		if (s == HR_HISTORY_CPU ? ratio.has
					: p->ratio.has && ratio.has && ratio.v < p->ratio.v) {
			p->ratio = ratio;
			p->ratio_of = hr_history_resource(s);
		}
	}
}

static int add_minutes(struct plan *p, const char *host)
{
	uint64_t to_s = hr_clock_wall_ms() / 60000 * 60;
	struct hr_cli_target target;
	struct hr_minutes *m;
	int r = hr_cli_target(&p->q.cli, &target);

	if (r != HR_EXIT_DONE)
		return r;
	m = malloc(2 * sizeof(*m));
	if (!m)
		return hr_cli_fail(&p->q.cli, "out of memory");
	r = hr_minutes_read(&p->q.cli, &target, host, to_s, &m[0]);
	if (r == HR_EXIT_DONE)
		r = hr_minutes_read(&p->q.cli, &target, p->add, to_s, &m[1]);
	if (r == HR_EXIT_DONE)
		compare(p, m);
	free(m);
	return r;
}

/* likely shrinks as the tight minutes grew; what their memory needs together must fit. */
static void take_minutes(struct plan *p, const struct hr_size_row *to)
{
	struct hr_bounds *k = &p->rung.headroom;
	double mem = to->mem_bytes ? (double)to->mem_bytes : (double)p->q.a->size.mem_bytes;

	if (!p->ratio.has || !k->likely.has) {
		k->likely.has = false;
		return;
	}
	k->likely.v *= p->ratio.v;
	if (p->memory_peak.has && p->memory_peak.v > mem && mem > 0) {
		k->likely.v = fmin(k->likely.v, mem / p->memory_peak.v);
		p->rung.binding = HR_RES_MEMORY;
	}
	k->likely.v = fmax(k->likely.v, k->at_least.has ? k->at_least.v : 0);
}

/* The rung; with --add its headroom is cut by what the other host's load takes. */
static int judge(struct plan *p)
{
	const struct hr_size_row *to = p->q.vm.size;

	if (p->size)
		to = hr_catalogue_find(&p->q.sizes, to->provider, p->size);
	if (!to)
		return hr_cli_fail(&p->q.cli, "size '%s' is not in the catalogue", p->size);
	hr_ladder_rung(p->q.a, &p->q.vm, to, p->load, &p->rung);
	if (p->add) {
		const struct hr_opt *now = &p->q.a->headroom.at_least,
				    *lo = &p->rung.headroom.at_least;

		p->merged = hr_ladder_merge(p->q.a, p->other);
		if (!p->merged.has || !now->has)
			return hr_cli_fail(&p->q.cli,
				"CPU and memory of %s and %s must both be known to add their "
				"loads; see "
				"'headroom status' of each",
				p->q.a->host, p->other->host);
		if (lo->has) {
			p->rung.headroom.at_least.v =
				lo->v * fmin(p->merged.at_least.v / now->v, 1);
			p->rung.headroom.at_most.has = false;
			p->rung.headroom.capped = false;
			take_minutes(p, to);
		}
	}
	p->rung.enough =
		p->rung.headroom.at_least.has && p->rung.headroom.at_least.v >= p->q.target;
	return HR_EXIT_DONE;
}

static void text(const struct plan *p, struct hr_out *o)
{
	char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], line[512], vcpus[32] = "";
	const struct hr_bounds *k = &p->rung.headroom;
	bool fits = k->at_least.has && k->at_least.v >= 1;
	const struct hr_size_row *on = p->rung.size;

	if (on->vcpus)
		(void)snprintf(vcpus, sizeof(vcpus), " (%u vCPUs)", on->vcpus);
	(void)snprintf(line, sizeof(line), "%s at %.3gx its load%s%s on %s%s:", p->q.a->host,
		p->load, p->add ? ", with the load of " : "", p->add ? p->other->host : "",
		on->name[0] ? on->name : "the VM as it is", vcpus);
	hr_out_wrap(o, "", line);
	hr_out_tone(o, p->rung.enough ? HR_TONE_GOOD : fits ? HR_TONE_WARN : HR_TONE_BAD);
	hr_out_say(o, "%s",
		!k->at_least.has ? "not known"
		: p->rung.enough ? "fits, with headroom left"
		: fits           ? "fits, without the target headroom"
				 : "does not surely fit");
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "  at least %s, likely %s of that load; %s binds\n",
		hr_render_factor(&k->at_least, lo), hr_render_factor(&k->likely, mid),
		hr_resource_name(p->rung.binding));
	if (p->add && p->ratio.has) {
		(void)snprintf(line, sizeof(line),
			"At least: both hosts at their tightest at once. Likely: their recorded %s "
			"added minute by minute, %u minutes of the last %u days; together the "
			"tight "
			"minutes need %.2fx what they need alone. A CPU there is taken to be as "
			"fast "
			"as a CPU here.",
			hr_resource_name(p->ratio_of), p->minutes, HR_MINUTES_DAYS,
			1 / fmax(p->ratio.v, 1e-3));
		hr_out_wrap(o, "", line);
	} else if (p->add) {
		(void)snprintf(line, sizeof(line),
			"Both hosts at their tightest at the same time was assumed: only %u "
			"minutes "
			"of both are recorded, and a day of them is needed for a likely figure.",
			p->minutes);
		hr_out_wrap(o, "", line);
	}
	(void)snprintf(line, sizeof(line),
		"From %.3g days of measurement, %s confidence at best in what was never seen: a "
		"growth beyond the load seen so far can meet limits that are not known.",
		p->q.a->window.seconds / 86400, p->load > 2 ? "low" : "medium");
	hr_out_wrap(o, "", line);
}

int hr_cmd_whatif(const struct hr_cli *cli, int argc, char **argv)
{
	static struct plan p;
	int r;

	p = (struct plan){.q.cli = *cli};
	r = options(&p, argc, argv);
	if (r != HR_EXIT_DONE)
		return r;
	r = hr_size_ask(&p.q, optind < argc ? argv[optind] : NULL);
	if (r == HR_EXIT_DONE && p.add)
		r = hr_size_ask_other(&p.q, p.add, &p.other);
	if (r == HR_EXIT_DONE && p.add)
		r = add_minutes(&p, optind < argc ? argv[optind] : NULL);
	if (r == HR_EXIT_DONE)
		r = judge(&p);
	if (r == HR_EXIT_DONE && p.json) {
		json_t *o = json_pack("{s:s, s:s, s:f, s:s?, s:f, s:o}", "schema",
			"headroom.whatif/1", "host", p.q.a->host, "load", p.load, "added",
			p.add ? p.other->host : NULL, "target", p.q.target, "size",
			hr_ladder_rung_json(&p.rung));

		if (o && p.add) {
			json_object_set_new(o, "minutes", json_integer(p.minutes));
			json_object_set_new(o, "tight_minutes_ratio", hr_json_opt(p.ratio));
		}
		r = hr_size_print(&p.q.cli, o);
	} else if (r == HR_EXIT_DONE) {
		struct hr_out *o = hr_cli_out();

		text(&p, o);
		r = hr_cli_print(&p.q.cli, o->buf);
	}
	free(p.other);
	hr_size_ask_done(&p.q);
	return r;
}
