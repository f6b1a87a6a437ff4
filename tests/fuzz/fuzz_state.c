/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the small files of an agent's state directory: where it is enrolled, and what it
 * says of its own cost to the command line.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "agent/enrol.h"
#include "agent/status.h"

static char dir[32];
static const char *const names[] = {"enrolled", "status"};

static void clean(void)
{
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	HR_FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
}

static void check_enrolled(void)
{
	struct hr_enrolled e;
	char err[512] = "";
	int r = hr_enrol_load(dir, &e, err);

	HR_FUZZ_CHECK(r <= 0);
	if (r < 0) {
		HR_FUZZ_CHECK(err[0]);
		return;
	}
	HR_FUZZ_CHECK(memchr(e.url, '\0', sizeof(e.url)) && memchr(e.pin, '\0', sizeof(e.pin)) &&
		      memchr(e.secret, '\0', sizeof(e.secret)));
	HR_FUZZ_CHECK(strncmp(e.url, "https://", 8) == 0 && !strpbrk(e.url, "\n"));
	HR_FUZZ_CHECK(hr_enrol_applies(&e, e.url, "http://127.0.0.1:8126"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hr_status s;
	int r;

	if (!dir[0]) {
		(void)snprintf(dir, sizeof(dir), "%s/hr-fuzz-XXXXXX",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		HR_FUZZ_CHECK(mkdtemp(dir));
		(void)atexit(clean);
	}
	put("enrolled", data, size);
	check_enrolled();
	put("status", data, size);
	r = hr_status_read(dir, &s);
	HR_FUZZ_CHECK(r <= 0);
	if (r == 0)
		HR_FUZZ_CHECK(s.pid > 0 && s.pid <= INT_MAX && memchr(s.why, '\0', sizeof(s.why)));
	return 0;
}
