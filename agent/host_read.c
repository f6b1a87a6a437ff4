/* SPDX-License-Identifier: Apache-2.0 */
/* Kept descriptors on /proc and /sys; see host_read.h. */
#include "agent/host_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/machine.h"
#include "proto/base/fsio.h"
#include "proto/cleanup.h"
#include "proto/units.h"

/*
 * Room per file.  The pages come from one anonymous mapping and cost memory only
 * once they are written, so the sizes are those of the largest machine handled:
 * /proc/stat has some 100 bytes per CPU (4096) and 2-11 per interrupt.
 */
#define STAT_ROOM  (1024 * 1024)
#define OTHER_ROOM (256 * 1024)
#define ROOM       (STAT_ROOM + (HR_FILE_N - 1) * OTHER_ROOM)
#define SMALL_ROOM 4096
#define ZONES_ROOM (1024 * 1024) /* some 100 bytes per zone and CPU */
/* The start's last trim is 25 s after it. */
#define MEMORY_FIRST_NS (26 * HR_NS_PER_S)
#define MEMORY_EVERY_NS (60 * HR_NS_PER_S)
#define FNV_START       0xcbf29ce484222325ULL

struct hr_host_read {
	char *room;
	char *buf[HR_FILE_N];
	size_t cap[HR_FILE_N];
	int fd[HR_FILE_N];
	int err[HR_FILE_N];  /* -errno of the open */
	long len[HR_FILE_N]; /* of the texts last read */
	int fd_online, fd_smaps, fd_events;
	uint32_t possible;                 /* CPUs; fixed at boot */
	uint64_t events;                   /* hash of the text last read there; 0 none */
	uint64_t memory_ns, private_bytes; /* when the memory is read again; as last read */
	char small[SMALL_ROOM];
};

static const char *const file_path[HR_FILE_N] = {
	[HR_FILE_STAT] = "/proc/stat",
	[HR_FILE_MEMINFO] = "/proc/meminfo",
	[HR_FILE_VMSTAT] = "/proc/vmstat",
	[HR_FILE_DISKSTATS] = "/proc/diskstats",
	[HR_FILE_NET_DEV] = "/proc/net/dev",
	[HR_FILE_NETSTAT] = "/proc/net/netstat",
	[HR_FILE_SNMP] = "/proc/net/snmp",
	[HR_FILE_SOFTNET] = "/proc/net/softnet_stat",
	[HR_FILE_PSI_CPU] = "/proc/pressure/cpu",
	[HR_FILE_PSI_MEMORY] = "/proc/pressure/memory",
	[HR_FILE_PSI_IO] = "/proc/pressure/io",
};

static int open_under(const char *root, const char *path)
{
	char full[PATH_MAX];
	int n, fd;

	n = snprintf(full, sizeof full, "%s%s", root, path);
	if (n < 0 || (size_t)n >= sizeof full)
		return -ENAMETOOLONG;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint32_t read_possible(struct hr_host_read *h, const char *root)
{
	HR_CLEANUP(hr_closep) int fd = open_under(root, "/sys/devices/system/cpu/possible");
	ssize_t n = fd < 0 ? fd : hr_fs_pread(fd, h->small, sizeof h->small);
	uint32_t possible = 0;

	if (n > 0)
		(void)hr_machine_cpulist_count(h->small, (size_t)n, &possible);
	return possible;
}

int hr_host_read_open(struct hr_host_read **ret_host, const char *root)
{
	struct hr_host_read *h = calloc(1, sizeof *h);
	char *at;

	if (!h)
		return -ENOMEM;
	h->fd_online = h->fd_smaps = h->fd_events = -1;
	for (int i = 0; i < HR_FILE_N; i++)
		h->fd[i] = -1;
	at = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	if (at == MAP_FAILED) {
		free(h);
		return -ENOMEM;
	}
	h->room = at;
	for (int i = 0; i < HR_FILE_N; i++) {
		h->buf[i] = at;
		h->cap[i] = i == HR_FILE_STAT ? STAT_ROOM : OTHER_ROOM;
		at += h->cap[i];
		h->fd[i] = open_under(root, file_path[i]);
		h->err[i] = h->fd[i] < 0 ? h->fd[i] : 0;
		h->len[i] = -ENODATA;
	}
	if (h->fd[HR_FILE_STAT] < 0) {
		int r = h->err[HR_FILE_STAT];

		hr_host_read_close(h);
		return r;
	}
	h->fd_online = open_under(root, "/sys/devices/system/cpu/online");
	h->possible = read_possible(h, root);
	h->fd_smaps = open_under(root, "/proc/self/smaps_rollup");
	h->fd_events = open_under(root, "/sys/kernel/uevent_seqnum");
	*ret_host = h;
	return 0;
}

void hr_host_read_close(struct hr_host_read *h)
{
	if (!h)
		return;
	for (int i = 0; i < HR_FILE_N; i++)
		hr_closep(&h->fd[i]);
	hr_closep(&h->fd_online);
	hr_closep(&h->fd_smaps);
	hr_closep(&h->fd_events);
	(void)munmap(h->room, ROOM);
	free(h);
}

static bool wanted(enum hr_host_texts which, int file)
{
	return which == HR_TEXTS_ALL || file < HR_FILE_VMSTAT ||
	       (which == HR_TEXTS_DEVICES &&
		       (file == HR_FILE_DISKSTATS || file == HR_FILE_NET_DEV));
}

void hr_host_read_files(
	struct hr_host_read *h, enum hr_host_texts which, struct hr_text ret_text[HR_FILE_N])
{
	for (int i = 0; i < HR_FILE_N; i++) {
		long n = h->err[i];

		if (!wanted(which, i))
			continue;
		if (n == 0)
			n = hr_fs_pread(h->fd[i], h->buf[i], h->cap[i]);
		h->len[i] = n;
		ret_text[i].p = h->buf[i];
		ret_text[i].len = n;
	}
}

/* FNV-1a: only equality matters, nobody attacks the names of one's own devices. */
static uint64_t fnv(uint64_t hash, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)p[i]) * 0x100000001b3ULL;
	return hash;
}

/*
 * @field: how many blank-separated words stand before the name; @numbers: and they
 * belong to it (major and minor of a disk).  In net/dev the name is the first word
 * and ends at ':'; its two title lines hash the same each time.
 */
static uint64_t names_hash(uint64_t hash, const char *p, size_t len, int field, bool numbers)
{
	const char *end = p + len;

	while (p < end) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		const char *q = p, *name;

		if (!line_end)
			line_end = end;
		for (int skip = 0;; skip++) {
			while (q < line_end && *q == ' ')
				q++;
			name = q;
			while (q < line_end && *q != ' ' && *q != ':')
				q++;
			if (skip == field)
				break;
			if (numbers)
				hash = fnv(hash, name, (size_t)(q - name) + 1);
		}
		hash = fnv(hash, name, (size_t)(q - name));
		hash = fnv(hash, "\n", 1);
		p = line_end + 1;
	}
	return hash;
}

uint64_t hr_host_read_names(const struct hr_host_read *h)
{
	uint64_t hash = FNV_START;

	if (h->len[HR_FILE_DISKSTATS] > 0)
		hash = names_hash(hash, h->buf[HR_FILE_DISKSTATS],
			(size_t)h->len[HR_FILE_DISKSTATS], 2, true);
	if (h->len[HR_FILE_NET_DEV] > 0)
		hash = names_hash(
			hash, h->buf[HR_FILE_NET_DEV], (size_t)h->len[HR_FILE_NET_DEV], 0, false);
	return hash;
}

void hr_host_read_cpus(struct hr_host_read *h, struct hr_host_cpus *ret_cpus)
{
	ssize_t n;

	*ret_cpus = (struct hr_host_cpus){.possible = h->possible};
	if (h->fd_online < 0)
		return;
	n = hr_fs_pread(h->fd_online, h->small, sizeof h->small);
	if (n > 0 && hr_machine_cpulist_count(h->small, (size_t)n, &ret_cpus->online) == 0)
		ret_cpus->online_hash = fnv(FNV_START, h->small, (size_t)n);
}

bool hr_host_read_stirred(struct hr_host_read *h)
{
	uint64_t was = h->events;
	ssize_t n = h->fd_events < 0 ? 0 : hr_fs_pread(h->fd_events, h->small, sizeof h->small);

	h->events = n > 0 ? fnv(FNV_START, h->small, (size_t)n) : 0;
	return h->events == 0 || h->events != was;
}

static uint64_t kib_of(const char *text, const char *name)
{
	const char *p = strstr(text, name);
	uint64_t v = 0;

	if (!p)
		return 0;
	for (p += strlen(name); *p == ' '; p++)
		;
	for (; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

uint64_t hr_host_read_private_bytes(struct hr_host_read *h, uint64_t now_ns)
{
	if (now_ns < h->memory_ns)
		return h->private_bytes;
	h->memory_ns = now_ns + (h->memory_ns == 0 ? MEMORY_FIRST_NS : MEMORY_EVERY_NS);
	h->private_bytes = 0;
	if (h->fd_smaps >= 0 && hr_fs_pread(h->fd_smaps, h->small, sizeof h->small) > 0)
		h->private_bytes = 1024 * (kib_of(h->small, "Private_Clean:") +
						  kib_of(h->small, "Private_Dirty:"));
	return h->private_bytes;
}

/* Read to its end: a zone is a record of more than half a page (fsio.c). */
int hr_host_read_zones(const char *root, struct hr_page_ranges *ret_ranges)
{
	HR_CLEANUP(hr_closep) int fd = open_under(root, "/proc/zoneinfo");
	HR_CLEANUP(hr_freep) char *text = malloc(ZONES_ROOM);
	size_t n = 0;
	ssize_t r = 1;

	*ret_ranges = (struct hr_page_ranges){0};
	if (fd < 0)
		return fd;
	while (text && n < ZONES_ROOM && (r = read(fd, text + n, ZONES_ROOM - n)) > 0)
		n += (size_t)r;
	if (!text || r != 0)
		return !text ? -ENOMEM : r < 0 ? -errno : -E2BIG;
	return hr_pages_zones(text, n, ret_ranges);
}

void hr_host_read_line(const char *root, const char *path, char *ret, size_t cap)
{
	HR_CLEANUP(hr_closep) int fd = open_under(root, path);

	ret[0] = '\0';
	if (fd < 0 || hr_fs_pread(fd, ret, cap) < 0) {
		ret[0] = '\0';
		return;
	}
	ret[strcspn(ret, "\n")] = '\0';
}
