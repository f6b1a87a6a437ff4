/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/cli/size_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/cli/client.h"
#include "collector/cli/conf.h"
#include "collector/core/answer_json.h"
#include "collector/core/config.h"
#include "collector/sizes_file.h"
#include "proto/base/conffile.h"

int hr_size_ask_other(const struct hr_size_ask *q, const char *host, struct hr_answer **ret)
{
	struct hr_cli_target target;
	struct hr_reply reply;
	char err[HR_CLIENT_ERR_LEN];
	int r = hr_cli_target(&q->cli, &target);

	if (r != HR_EXIT_DONE)
		return r;
	if (hr_client_get_host(&target, host, "/answer", &reply, err) != 0)
		return hr_cli_fail(&q->cli, "%s", err);
	r = hr_reply_answer(&q->cli, &reply, ret);
	free(reply.body);
	return r;
}

/* Where the sizes are: --catalogue, else the collector's configuration, else its default. */
static int load(struct hr_size_ask *q)
{
	const char *path = q->cli.config ? q->cli.config : HR_CLI_COLLECTOR_CONF;
	struct hr_collector_config c;
	char err[HR_SIZES_ERR_LEN];

	if (access(path, R_OK) != 0 ||
		hr_conffile_load(hr_collector_config_table(), path, false, &c, NULL, err) < 0)
		(void)hr_conffile_load(
			hr_collector_config_table(), "/dev/null", false, &c, NULL, err);
	if (q->catalogue) {
		c.ladder[0] = '\0';
		if (access(q->catalogue, R_OK) != 0)
			return hr_cli_fail(
				&q->cli, "cannot read %s; see --catalogue", q->catalogue);
	}
	if (hr_sizes_load(&(struct hr_sizes_paths){q->catalogue ? q->catalogue : c.catalogue,
				  c.ladder, q->catalogue ? "" : c.prices},
		    &q->sizes, err) < 0)
		return hr_cli_fail(&q->cli, "%s", err);
	if (q->sizes.n == 0 && (!q->here || q->as))
		return hr_cli_fail(&q->cli,
			"no sizes are known: %s is not there; name a file with --catalogue",
			c.catalogue);
	return HR_EXIT_DONE;
}

static int find_target(struct hr_size_ask *q)
{
	struct hr_model_conf model;
	int r = hr_cli_model_conf(&q->cli, q->a->host, &model, NULL);

	q->target = model.k_target;
	return r;
}

/* The VM says enough of its present size itself; the catalogue's row of it only adds its name. */
static int own_size(struct hr_size_ask *q)
{
	if (q->vm.size && hr_catalogue_fits(q->vm.size, q->vm.vcpus, q->vm.mem_bytes))
		return HR_EXIT_DONE;
	q->own = (struct hr_size_row){.vcpus = q->vm.vcpus, .mem_bytes = q->vm.mem_bytes};
	q->vm.size = &q->own;
	return HR_EXIT_DONE;
}

static int named_size(struct hr_size_ask *q, const char *name)
{
	if (!q->a->size.has)
		return hr_cli_fail(&q->cli,
			"the collector does not know the size of %s yet; its "
			"agent sends it within the hour",
			q->a->host);
	if (!q->vm.size && name[0])
		return hr_cli_fail(&q->cli,
			"size '%s' is not in the catalogue; add it to your own ladder ([sizes] in "
			"collector.conf)",
			name);
	if (!q->vm.size)
		return hr_cli_fail(&q->cli,
			"which size %s has is not written where the agent can read it; say it with "
			"--as NAME, or for good with instance_type = NAME in its agent.conf",
			q->a->host);
	if (!hr_catalogue_fits(q->vm.size, q->vm.vcpus, q->vm.mem_bytes))
		return hr_cli_fail(&q->cli,
			"%s has %u vCPUs and %.1f GiB, and size %s %u and %.1f GiB: it is another "
			"size; say which with --as NAME",
			q->a->host, q->vm.vcpus, (double)q->vm.mem_bytes / 1073741824,
			q->vm.size->name, q->vm.size->vcpus,
			(double)q->vm.size->mem_bytes / 1073741824);
	return HR_EXIT_DONE;
}

int hr_size_ask(struct hr_size_ask *q, const char *host)
{
	int r = load(q);
	const char *name;

	if (r == HR_EXIT_DONE)
		r = hr_size_ask_other(q, host, &q->a);
	if (r == HR_EXIT_DONE)
		r = find_target(q);
	if (r != HR_EXIT_DONE)
		return r;
	name = q->as ? q->as : q->a->size.name;
	q->vm = (struct hr_ladder_vm){
		.size = hr_catalogue_find(&q->sizes, q->as ? "" : q->a->size.provider, name),
		.vcpus = q->a->size.vcpus,
		.mem_bytes = q->a->size.mem_bytes};
	return q->here && !q->as ? own_size(q) : named_size(q, name);
}

void hr_size_ask_done(struct hr_size_ask *q)
{
	free(q->a);
	hr_sizes_done(&q->sizes);
}

int hr_size_print(const struct hr_cli *cli, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(8)) : NULL;
	int r = text ? hr_cli_print(cli, text) : hr_cli_fail(cli, "out of memory");

	if (r == HR_EXIT_DONE)
		r = hr_cli_print(cli, "\n");
	free(text);
	json_decref(o);
	return r;
}
