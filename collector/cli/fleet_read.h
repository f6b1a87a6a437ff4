/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/fleet as structs. */
#pragma once

#include <jansson.h>

#include "collector/core/fleet.h"

/* One of "hosts"; names are cleaned of control characters. */
void hr_fleet_read_row(const json_t *o, struct hr_fleet_row *r);
/* The whole document's counts. */
void hr_fleet_read_counts(const json_t *o, struct hr_fleet *f);
