// SPDX-License-Identifier: Apache-2.0
/* Addresses were checked to be loopback by core/config.c; see listen.h. */
#include "collector/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define ERROR_LEN     512
#define ADMIN_BACKLOG 8
#define BACKLOG       511 /* a fleet that comes back at once; the kernel cuts it to somaxconn */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill(const struct hr_listen *l, union address *a)
{
	memset(a, 0, sizeof(*a));
	if (l->v6) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(l->port);
		return inet_pton(AF_INET6, l->host, &a->v6.sin6_addr) == 1 ? sizeof(a->v6) : 0;
	}
	a->v4.sin_family = AF_INET;
	a->v4.sin_port = htons(l->port);
	return inet_pton(AF_INET, l->host, &a->v4.sin_addr) == 1 ? sizeof(a->v4) : 0;
}

static int fail(const struct hr_listen *l, int err, char *error)
{
	const char *todo = err == EADDRINUSE
				   ? "another program (a second collector?) has this port: "
				     "stop it, or choose another in listen="
			   : err == EACCES ? "ports below 1024 need rights: choose a higher one in "
					     "listen="
			   : err == EADDRNOTAVAIL || err == EAFNOSUPPORT
				   ? "this machine has no such address: take it out of listen="
				   : "see listen= in [collector]";

	/* of the default list IPv6 is only an offer */
	if (l->optional && (err == EADDRNOTAVAIL || err == EAFNOSUPPORT))
		return -EAFNOSUPPORT;
	(void)snprintf(error, ERROR_LEN, "cannot listen on %s%s%s port %u: %s; %s",
		l->v6 ? "[" : "", l->host, l->v6 ? "]" : "", l->port, strerror(err), todo);
	return err == EAFNOSUPPORT ? -EADDRNOTAVAIL : -err;
}

int hr_listen_open(const struct hr_listen *l, uint16_t *ret_port, char *error)
{
	union address a;
	socklen_t len = fill(l, &a);
	HR_CLEANUP(hr_closep) int fd = -1;
	int on = 1;

	if (len == 0)
		return fail(l, EADDRNOTAVAIL, error);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(l, errno, error);
	/* a restart must not wait for connections of the one before to time out */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->v6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a.any, len) < 0 || listen(fd, BACKLOG) < 0 ||
		getsockname(fd, &a.any, &len) < 0)
		return fail(l, errno, error);
	*ret_port = ntohs(l->v6 ? a.v6.sin6_port : a.v4.sin_port);
	return hr_take_fd(fd);
}

int hr_listen_admin(const char *path, char *error)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	HR_CLEANUP(hr_closep) int fd = -1;
	mode_t mask;
	int r;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= (int)sizeof(a.sun_path)) {
		(void)snprintf(error, ERROR_LEN,
			"%.300s is longer than the %zu bytes a socket's path may have: choose a "
			"shorter state= in [collector]",
			path, sizeof(a.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* never, not even for a moment, open to others */
	mask = umask(0177);
	if (fd >= 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	else
		r = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
				    listen(fd, ADMIN_BACKLOG) == 0
			    ? 0
			    : -errno;
	(void)umask(mask);
	if (r < 0) {
		(void)snprintf(error, ERROR_LEN,
			"cannot listen on %.300s: %s; make its directory writable for this user",
			path, strerror(-r));
		return r;
	}
	return hr_take_fd(fd);
}
