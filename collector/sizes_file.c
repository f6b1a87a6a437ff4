/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sizes_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/fsio.h"

static int add_file(
	const char *path, bool must, char *text, struct hr_catalogue *c, char err[HR_SIZES_ERR_LEN])
{
	ssize_t n = hr_fs_read(path, text, HR_SIZES_FILE_MAX);
	char why[160];

	if (n == -ENOENT && !must)
		return 0;
	if (n < 0) {
		(void)snprintf(err, HR_SIZES_ERR_LEN,
			"cannot read the sizes in %s: %s; correct the path in [sizes]", path,
			strerror((int)-n));
		return (int)n;
	}
	if (!hr_catalogue_parse(text, (size_t)n, c->row, &c->n, why)) {
		(void)snprintf(err, HR_SIZES_ERR_LEN, "%s: %s", path, why);
		return -EINVAL;
	}
	return 0;
}

static int add_prices(
	const char *path, char *text, struct hr_catalogue *c, char err[HR_SIZES_ERR_LEN])
{
	ssize_t n = hr_fs_read(path, text, HR_SIZES_FILE_MAX);
	char why[160];

	if (n < 0) {
		(void)snprintf(err, HR_SIZES_ERR_LEN,
			"cannot read the prices in %s: %s; correct the path in [sizes]", path,
			strerror((int)-n));
		return (int)n;
	}
	if (hr_catalogue_prices(text, (size_t)n, c, why))
		return 0;
	(void)snprintf(err, HR_SIZES_ERR_LEN, "%s: %s", path, why);
	return -EINVAL;
}

int hr_sizes_load(
	const struct hr_sizes_paths *path, struct hr_catalogue *ret, char err[HR_SIZES_ERR_LEN])
{
	struct hr_catalogue c = {.row = calloc(HR_CATALOGUE_MAX, sizeof(*c.row))};
	char *text = malloc(HR_SIZES_FILE_MAX);
	int r = -ENOMEM;

	if (c.row && text) {
		r = path->catalogue[0] ? add_file(path->catalogue, false, text, &c, err) : 0;
		if (r == 0 && path->ladder[0])
			r = add_file(path->ladder, true, text, &c, err);
		if (r == 0)
			hr_catalogue_sort(&c);
		if (r == 0 && path->prices[0])
			r = add_prices(path->prices, text, &c, err);
	} else {
		(void)snprintf(err, HR_SIZES_ERR_LEN, "out of memory");
	}
	free(text);
	if (r < 0) {
		free(c.row);
		return r;
	}
	*ret = c;
	return 0;
}

void hr_sizes_done(struct hr_catalogue *c)
{
	free(c->row);
	*c = (struct hr_catalogue){0};
}
