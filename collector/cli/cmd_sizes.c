/* SPDX-License-Identifier: Apache-2.0 */
/* headroom sizes [HOST]: the ladder of a VM's family with predicted headroom on each rung. */
#include "collector/cli/size_ask.h"
#include "collector/core/ladder_json.h"
#include "collector/core/render.h"

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

			hr_render_sizes(q.a->host, &q.vm, q.target, rung, n, o);
			r = hr_cli_print(&q.cli, o->buf);
		}
	}
	hr_size_ask_done(&q);
	return r;
}
