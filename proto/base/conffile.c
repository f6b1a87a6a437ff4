/* SPDX-License-Identifier: Apache-2.0 */
/* FILE and FILE.d/<name>.conf; see conffile.h. */
#include "proto/base/conffile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/fsio.h"
#include "proto/cleanup.h"

struct load {
	const struct hr_conf_table *t;
	void *conf;
	struct hr_conf_origin *origin;
	char *text;
	char *err;
};

static int load_one(struct load *l, const char *path, bool must_exist)
{
	ssize_t n = hr_fs_read(path, l->text, HR_CONFFILE_MAX);

	if (n == -ENOENT && !must_exist)
		return 0;
	if (n < 0) {
		(void)snprintf(l->err, HR_CONF_ERR_LEN, "%.300s: %s, expected a readable file%s",
			path, strerror((int)-n), n == -EFBIG ? " of at most 64 KiB" : "");
		return (int)n;
	}
	if (strlen(l->text) != (size_t)n) {
		(void)snprintf(
			l->err, HR_CONF_ERR_LEN, "%.300s: holds a NUL byte, expected text", path);
		return -EINVAL;
	}
	return hr_conf_parse(l->t, path, l->text, l->conf, l->origin, l->err);
}

static int is_conf(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static int load_dir(struct load *l, const char *path)
{
	char dir[PATH_MAX], file[PATH_MAX];
	struct dirent **names;
	int n, r = 0;

	if (snprintf(dir, sizeof dir, "%s.d", path) >= (int)sizeof dir)
		return -ENAMETOOLONG;
	n = scandir(dir, &names, is_conf, alphasort);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		r = -errno;
		(void)snprintf(l->err, HR_CONF_ERR_LEN, "%.300s: %s, expected a readable directory",
			dir, strerror(-r));
		return r;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0 && snprintf(file, sizeof file, "%s/%s", dir, names[i]->d_name) >=
				      (int)sizeof file)
			r = -ENAMETOOLONG;
		if (r == 0)
			r = load_one(l, file, true);
		free(names[i]);
	}
	free(names);
	return r;
}

int hr_conffile_load(const struct hr_conf_table *t, const char *path, bool must_exist, void *conf,
	struct hr_conf_origin *origin, char err[HR_CONF_ERR_LEN])
{
	HR_CLEANUP(hr_freep) char *text = malloc(HR_CONFFILE_MAX);
	HR_CLEANUP(hr_freep) void *scratch = calloc(1, t->conf_size);
	struct load l = {.t = t, .conf = scratch, .origin = origin, .text = text, .err = err};
	int r;

	(void)snprintf(err, HR_CONF_ERR_LEN, "%.300s: cannot be read", path);
	if (!text || !scratch)
		return -ENOMEM;
	hr_conf_defaults(t, scratch, origin);
	r = load_one(&l, path, must_exist);
	if (r == 0)
		r = load_dir(&l, path);
	if (r == 0)
		memcpy(conf, scratch, t->conf_size);
	return r;
}
