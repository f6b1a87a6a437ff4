/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/cli/minutes.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/query.h"

#define PART_S (HR_QUERY_SPAN_MAX_MS / 1000) /* what one request may read */
#define PART   (PART_S / 60)

static bool part(const char *body, size_t len, struct hr_minutes *m, size_t at)
{
	json_t *o = json_loadb(body, len, 0, NULL), *list = json_object_get(o, "series"), *one;
	size_t i, k;

	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "resource"));
		json_t *values = json_object_get(one, "values"), *v;

		for (enum hr_history_series s = 0; name && s < HR_HISTORY_N; s++) {
			if (strcmp(name, hr_resource_name(hr_history_resource(s))) != 0)
				continue;
			json_array_foreach(values, k,
				v) if (json_is_number(v) && at + k < HR_MINUTES) m->v[s][at + k] =
				json_number_value(v);
		}
	}
	json_decref(o);
	return list != NULL;
}

int hr_minutes_read(const struct hr_cli *cli, const struct hr_cli_target *target, const char *host,
	uint64_t to_s, struct hr_minutes *ret)
{
	uint64_t from_s = to_s - HR_MINUTES * 60ULL;
	char what[128], err[HR_CLIENT_ERR_LEN];

	for (unsigned s = 0; s < HR_HISTORY_N; s++)
		for (size_t i = 0; i < HR_MINUTES; i++)
			ret->v[s][i] = NAN;
	for (size_t at = 0; at < HR_MINUTES; at += PART) {
		struct hr_reply reply;
		bool ok;

		(void)snprintf(what, sizeof(what), "/history?from=%llu&to=%llu&step=1m",
			(unsigned long long)from_s + at * 60ULL,
			(unsigned long long)from_s + at * 60ULL + PART_S);
		if (hr_client_get_host(target, host, what, &reply, err) != 0)
			return hr_cli_fail(cli, "%s", err);
		ok = part(reply.body, reply.len, ret, at);
		free(reply.body);
		if (!ok)
			return hr_cli_fail(cli, "the collector's history has no series");
	}
	return HR_EXIT_DONE;
}
