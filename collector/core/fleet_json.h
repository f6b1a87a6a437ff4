/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet as JSON: GET /v1/fleet (headroom.fleet/1), /v1/hosts (headroom.hosts/1)
 * and /v1/hosts/{id} (headroom.host/1).  A row stands the same way in all three:
 *
 *   { "host": "vm-17", "host_id": "32 hex digits", "at": time, "heard_at": time,
 *     "answer": "yes", "reason": "headroom-left", "binding": {"resource", "device"},
 *     "headroom": {"at_least", "likely", "at_most"} | null,
 *     "days_left": {"at_least", "likely"} | null }
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/fleet.h"

struct hr_fleet_page {
	uint64_t at_ms;
	double target;                /* [model] target: the factor wanted; in headroom.fleet/1 */
	const struct hr_fleet *fleet; /* of all hosts, whatever the page shows */
	const struct hr_fleet_row *const *row;
	size_t n;
	uint32_t matches; /* rows that fit the filter, over all pages */
	bool has_next;
	uint32_t next; /* cursor of the page after this one */
};

/* Each allocates: the text is the caller's to free(); NULL: out of memory. */
char *hr_fleet_json(const struct hr_fleet_page *p);
char *hr_fleet_hosts_json(const struct hr_fleet_page *p);
char *hr_fleet_host_json(const struct hr_fleet_row *row);
