/* SPDX-License-Identifier: Apache-2.0 */
/* headroom-collector --check-store: reads all of a database, also beside a running collector. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes what it finds to @to, a line each.  True: the file is sound, and every tier accounts for
 * every window that was acknowledged.
 */
bool hr_check_store(const char *path, FILE *to);
