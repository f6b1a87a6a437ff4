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
#include "collector/core/json_util.h"
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
	struct hr_model_conf model;
	char err[HR_SIZES_ERR_LEN];
	int r = hr_cli_model_conf(&q->cli, &model);

	if (r != HR_EXIT_DONE)
		return r;
	q->target = model.k_target;
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
	if (q->sizes.n == 0)
		return hr_cli_fail(&q->cli,
			"no sizes are known: %s is not there; name a file with --catalogue",
			c.catalogue);
	return HR_EXIT_DONE;
}

int hr_size_ask(struct hr_size_ask *q, const char *host)
{
	int r = load(q);
	const char *name;

	if (r == HR_EXIT_DONE)
		r = hr_size_ask_other(q, host, &q->a);
	if (r != HR_EXIT_DONE)
		return r;
	name = q->as ? q->as : q->a->size.name;
	q->vm = (struct hr_ladder_vm){
		.size = hr_catalogue_find(&q->sizes, q->as ? "" : q->a->size.provider, name),
		.vcpus = q->a->size.vcpus,
		.mem_bytes = q->a->size.mem_bytes};
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
			"--as NAME",
			q->a->host);
	/* Linux sees 0.87 of the smallest sizes' memory, more of the others' */
	if (q->vm.size->vcpus != q->vm.vcpus ||
		(q->vm.size->mem_bytes &&
			((double)q->vm.mem_bytes > 1.02 * (double)q->vm.size->mem_bytes ||
				(double)q->vm.mem_bytes < 0.8 * (double)q->vm.size->mem_bytes)))
		return hr_cli_fail(&q->cli,
			"%s has %u vCPUs and %.1f GiB, and size %s %u and %.1f GiB: it is another "
			"size; say which with --as NAME",
			q->a->host, q->vm.vcpus, (double)q->vm.mem_bytes / 1073741824,
			q->vm.size->name, q->vm.size->vcpus,
			(double)q->vm.size->mem_bytes / 1073741824);
	return HR_EXIT_DONE;
}

void hr_size_ask_done(struct hr_size_ask *q)
{
	free(q->a);
	hr_sizes_done(&q->sizes);
}

json_t *hr_size_rung_json(const struct hr_ladder_rung *r)
{
	json_t *o = json_object(), *unknown = json_array();

	json_object_set_new(o, "name", json_string(r->size->name));
	json_object_set_new(o, "vcpus", json_integer(r->size->vcpus));
	json_object_set_new(o, "memory_bytes",
		r->size->mem_bytes ? json_integer((json_int_t)r->size->mem_bytes) : json_null());
	json_object_set_new(o, "headroom", hr_json_bounds(&r->headroom));
	json_object_set_new(
		o, "binding", r->binding ? json_string(hr_resource_name(r->binding)) : json_null());
	json_object_set_new(o, "current", json_boolean(r->current));
	json_object_set_new(o, "enough", json_boolean(r->enough));
	for (unsigned i = 1; i < HR_RES_N; i++)
		if (r->unknown & 1U << i)
			json_array_append_new(
				unknown, json_string(hr_resource_name((enum hr_resource)i)));
	json_object_set_new(o, "unknown", unknown);
	json_object_set_new(o, "price",
		r->size->price > 0 ? json_pack("{s:f, s:s}", "value", r->size->price, "unit",
					     r->size->price_unit)
				   : json_null());
	return o;
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
