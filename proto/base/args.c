/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/args.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/conffile.h"

#define PRINT_MAX 524288 /* 64 sections of a host with origins */

/* @wrote: what the last call said of it. */
static int written(const struct hr_args *a, bool wrote)
{
	if (wrote && fflush(stdout) == 0)
		return 0;
	(void)fprintf(stderr, "%s: cannot write the output: %s; free space, or write elsewhere\n",
		a->program, strerror(errno));
	return 1;
}

static int print_config(const struct hr_args *a, void *conf, struct hr_conf_origin *origin)
{
	static char text[PRINT_MAX];

	if (a->narrow && a->extra_value)
		a->narrow(conf, origin, a->extra_value);
	if (hr_conf_print(a->table, conf, origin, true, text, sizeof(text)) == 0)
		return 1;
	return written(a, fputs(text, stdout) >= 0);
}

/* What to do ('h', 'V', 'k', 'p', 0: run), or '?' after a message. */
static int read_options(struct hr_args *a, int argc, char **argv)
{
	struct option options[8] = {{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'}, {"print-config", no_argument, NULL, 'p'}};
	int what = 0, c, n = 5; /* a nameless one ends the array */

	if (a->extra)
		options[n++] = (struct option){a->extra, required_argument, NULL, 'x'};
	if (a->action)
		options[n] = (struct option){a->action, no_argument, NULL, 'a'};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			a->config = optarg;
			a->config_named = true;
		} else if (c == 'x') {
			a->extra_value = optarg;
		} else if (c == '?') {
			(void)fprintf(stderr, "%s: see --help\n", a->program);
			return '?';
		} else {
			what = c;
		}
	}
	if (optind == argc)
		return what;
	(void)fprintf(
		stderr, "%s: unexpected argument '%s'; see --help\n", a->program, argv[optind]);
	return '?';
}

/*
 * What root can read says nothing about what the service can: for the files of the service, root
 * looks at them as its user does.  True: this process is that user.
 */
static bool become(const struct hr_args *a)
{
	const struct passwd *pw = a->config_named || !a->user ? NULL : getpwnam(a->user);

	if (!pw)
		return false; /* somebody's own file, or not installed as a service */
	if (geteuid() != 0)
		return geteuid() == pw->pw_uid;
	return initgroups(a->user, pw->pw_gid) == 0 && setgid(pw->pw_gid) == 0 &&
	       setuid(pw->pw_uid) == 0;
}

/* The files that keys name: 0, or -errno of the first that cannot be read, told in @err. */
static int files_readable(const struct hr_args *a, const void *conf, char err[HR_CONF_ERR_LEN])
{
	for (size_t i = 0; i < a->table->n; i++) {
		const struct hr_conf_key *k = &a->table->keys[i];
		const char *path = (const char *)conf + k->offset;
		int why;

		if (k->type != HR_CONF_FILE || !path[0] || access(path, R_OK) == 0)
			continue;
		why = errno;
		(void)snprintf(err, HR_CONF_ERR_LEN, "%s = %.200s: %s, expected a readable file",
			k->key, path, strerror(why));
		return -why;
	}
	return 0;
}

/* --check-config: exit status. */
static int check_config(const struct hr_args *a, void *conf, struct hr_conf_origin *origin)
{
	bool service = become(a), denied;
	char err[HR_CONF_ERR_LEN];
	int r = hr_conffile_load(a->table, a->config, a->config_named, conf, origin, err);

	if (r == 0 && a->check && !a->check(conf, err))
		r = -EINVAL;
	if (r == 0 && (service || geteuid() == 0))
		r = files_readable(a, conf, err);
	if (r == 0)
		return 0;
	denied = service && r == -EACCES;
	(void)fprintf(stderr, "%s: %s%s%s%s\n", a->program, err, denied ? " by user " : "",
		denied ? a->user : "",
		denied ? ", as which the service runs: chmod 644, or chown a key (mode 600) to it"
		       : "");
	return 1;
}

int hr_args_read(struct hr_args *a, int argc, char **argv, void *conf)
{
	static struct hr_conf_origin origin;
	char err[HR_CONF_ERR_LEN];
	int what = read_options(a, argc, argv);

	if (what == '?')
		return 2;
	if (a->narrow && a->extra_value && what != 'p') {
		(void)fprintf(stderr, "%s: --%s goes with --print-config only; see --help\n",
			a->program, a->extra);
		return 2;
	}
	if (what == 'h')
		return written(a, fputs(a->usage, stdout) >= 0);
	if (what == 'V')
		return written(a, printf("%s " HR_VERSION "\n", a->program) >= 0);
	if (what == 'k')
		return check_config(a, conf, &origin);
	if (hr_conffile_load(a->table, a->config, a->config_named, conf, &origin, err) < 0 ||
		(a->check && !a->check(conf, err))) {
		(void)fprintf(stderr, "%s: %s\n", a->program, err);
		return 1;
	}
	a->act = what == 'a';
	return what == 'p' ? print_config(a, conf, &origin) : HR_ARGS_RUN;
}
