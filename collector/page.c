// SPDX-License-Identifier: Apache-2.0
/*
 * GET / and /<file>: regular files of one directory, by names without a slash or a
 * leading dot (http_check.c), never through a symbolic link; dygraphs comes from where
 * its own package puts it.  The policy forbids
 * everything but our own scripts, styles and requests.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/serve_private.h"
#include "proto/cleanup.h"

#define FILE_MAX (4 * 1024 * 1024)

static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
			     "img-src 'self'; connect-src 'self'; base-uri 'none'; "
			     "form-action 'none'; frame-ancestors 'none'";

static const char built_in[] =
	"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>headroom</title>\n"
	"<h1>headroom</h1>\n<p>The page's files are not installed (page= in [collector]). The "
	"answers are at <a href=\"/v1/fleet\">/v1/fleet</a>, the metrics at "
	"<a href=\"/metrics\">/metrics</a>.</p>\n";

static const char *type_of(const char *name)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".json", "application/json"},
		{".svg", "image/svg+xml"},
		{".png", "image/png"},
		{".txt", "text/plain; charset=utf-8"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(dot, types[i].end) == 0)
			return types[i].type;
	}
	return NULL; /* nothing else is served */
}

static enum MHD_Result send_page(struct hr_request *r, struct MHD_Response *p, const char *type)
{
	if (p) {
		(void)MHD_add_response_header(p, "Content-Type", type);
		(void)MHD_add_response_header(p, "Content-Security-Policy", policy);
		(void)MHD_add_response_header(p, "Referrer-Policy", "no-referrer");
		(void)MHD_add_response_header(p, "Cache-Control", "no-cache");
	}
	return hr_reply(r, 200, p);
}

/* An open regular file of the page, or -1. */
static int open_file(const char *dir, const char *name, uint64_t *ret_size)
{
	char path[512];
	struct stat st;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		close(fd);
		return -1;
	}
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

static const char *dir_of(const struct hr_request *r)
{
	const struct hr_serve_conf *c = &r->door->serve->conf;
	bool plots =
		strcmp(r->v.id, "dygraph.min.js") == 0 || strcmp(r->v.id, "dygraph.min.css") == 0;

	return plots ? c->plots_dir : c->page_dir;
}

enum MHD_Result hr_page_get(struct hr_request *r)
{
	static const struct hr_refusal none = {
		404, "not-found", "There is nothing at this path.", 0};
	const char *type = type_of(r->v.id);
	struct MHD_Response *p;
	uint64_t size = 0;
	int fd = type ? open_file(dir_of(r), r->v.id, &size) : -1;

	if (fd >= 0) {
		p = MHD_create_response_from_fd(size, fd); /* closes it at the end */
		if (!p)
			close(fd);
		return send_page(r, p, type);
	}
	if (strcmp(r->v.id, "index.html") != 0)
		return hr_reply_problem(r, &none);
	p = MHD_create_response_from_buffer(
		sizeof(built_in) - 1, (void *)built_in, MHD_RESPMEM_PERSISTENT);
	return send_page(r, p, "text/html; charset=utf-8");
}
