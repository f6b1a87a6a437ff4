/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the catalogue of sizes and the operator's own ladder; see core/catalogue.h. */
#pragma once

#include "collector/core/catalogue.h"

#define HR_SIZES_FILE_MAX (2 * 1024 * 1024) /* bytes */
#define HR_SIZES_ERR_LEN  512

/* The catalogue may be missing (then there is none); "" is none, what else is named must exist. */
struct hr_sizes_paths {
	const char *catalogue, *ladder, *prices;
};

/* 0 with *ret to be given to hr_sizes_done(), or -errno with "file: line N: what" in @err. */
int hr_sizes_load(
	const struct hr_sizes_paths *path, struct hr_catalogue *ret, char err[HR_SIZES_ERR_LEN]);
void hr_sizes_done(struct hr_catalogue *c);
