/* SPDX-License-Identifier: Apache-2.0 */
/* Device discovery under /sys; see host_dev.h. */
#include "agent/host_dev.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core/machine.h"
#include "agent/core/sort.h"
#include "agent/host_dir.h"
#include "agent/host_read.h"
#include "proto/num.h"

/* Devices seen of one class before the limit is applied: names are sorted first. */
#define SEEN_MAX 256

/* One number of a file under @root/sys/<class>/<name>/; 0 when there is none. */
static uint64_t sys_u64(const char *root, const char *class, const char *name, const char *leaf)
{
	char path[PATH_MAX], text[64];
	uint64_t v;

	if ((size_t)snprintf(path, sizeof path, "/sys/%s/%s/%s", class, name, leaf) >= sizeof path)
		return 0;
	hr_host_read_line(root, path, text, sizeof text);
	return hr_num_u64(text, 0, UINT64_MAX, &v) ? v : 0;
}

static uint32_t sys_u32(const char *root, const char *class, const char *name, const char *leaf)
{
	uint64_t v = sys_u64(root, class, name, leaf);

	return v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* The target of a link of a device, "" when there is none. */
static void sys_link(const char *root, const char *path, char *ret, size_t cap)
{
	char full[PATH_MAX];
	ssize_t n = -1;

	if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) < sizeof full)
		n = readlink(full, ret, cap - 1);
	ret[n > 0 ? n : 0] = '\0';
}

static bool exists(const char *root, const char *path)
{
	char full[PATH_MAX];

	return (size_t)snprintf(full, sizeof full, "%s%s", root, path) < sizeof full &&
	       access(full, F_OK) == 0;
}

/* Whether the directory @path under @root has an entry. */
static bool has_entries(const char *root, const char *path)
{
	struct hr_host_dir dir;
	char full[PATH_MAX];
	bool any;

	if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full)
		return false;
	hr_host_dir_init(&dir, open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	any = hr_host_dir_next(&dir) != NULL;
	hr_host_dir_done(&dir);
	return any;
}

static bool disk_wanted(const struct hr_host_dev_opts *o, const char *name)
{
	char parent[PATH_MAX], slaves[PATH_MAX];
	struct hr_machine_disk d = {.name = name};

	if (hr_machine_listed(o->exclude, name))
		return false;
	if (hr_machine_listed(o->include, name))
		return true;
	(void)snprintf(parent, sizeof parent, "/sys/block/%s/device", name);
	(void)snprintf(slaves, sizeof slaves, "/sys/block/%s/slaves", name);
	d.has_parent = exists(o->root, parent);
	d.has_slaves = has_entries(o->root, slaves);
	d.hidden = sys_u32(o->root, "block", name, "hidden") != 0;
	d.removable = sys_u32(o->root, "block", name, "removable") != 0;
	d.sectors = sys_u64(o->root, "block", name, "size");
	return hr_machine_disk_counts(&d);
}

static bool disk_read(const struct hr_host_dev_opts *o, const char *name, struct hr_host_dev *d)
{
	char path[PATH_MAX], link[PATH_MAX], dev[32];
	unsigned major, minor;

	if ((size_t)snprintf(path, sizeof path, "/sys/block/%s", name) >= sizeof path)
		return false;
	sys_link(o->root, path, link, sizeof link);
	if (!disk_wanted(o, name))
		return false;
	if ((size_t)snprintf(path, sizeof path, "/sys/block/%s/dev", name) >= sizeof path)
		return false;
	hr_host_read_line(o->root, path, dev, sizeof dev);
	if (sscanf(dev, "%9u:%9u", &major, &minor) != 2)
		return false;
	d->facts.kind = HR_DEV_DISK;
	d->major = major;
	d->minor = minor;
	d->facts.nr_requests = sys_u32(o->root, "block", name, "queue/nr_requests");
	d->facts.is_virtual = strstr(link, "/virtio") || strstr(link, "/vbd-");
	return true;
}

static bool nic_wanted(const struct hr_host_dev_opts *o, const char *name)
{
	char path[PATH_MAX];
	struct hr_machine_nic n = {.name = name};

	if (hr_machine_listed(o->exclude, name))
		return false;
	if (hr_machine_listed(o->include, name))
		return true;
	n.type = sys_u32(o->root, "class/net", name, "type");
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
	n.has_parent = exists(o->root, path);
	/* A VF under its synthetic twin (hv_netvsc): the twin's counters hold its packets. */
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/master/device", name);
	return !exists(o->root, path) && hr_machine_nic_counts(&n);
}

static bool nic_read(const struct hr_host_dev_opts *o, const char *name, struct hr_host_dev *d)
{
	char path[PATH_MAX], link[PATH_MAX];
	const char *driver;

	if (!nic_wanted(o, name))
		return false;
	d->ifindex = sys_u32(o->root, "class/net", name, "ifindex");
	if (d->ifindex == 0)
		return false;
	d->facts.kind = HR_DEV_NIC;
	d->facts.speed_mbps = sys_u32(o->root, "class/net", name, "speed"); /* "-1" is no number */
	(void)snprintf(path, sizeof path, "/sys/class/net/%s/device/driver", name);
	sys_link(o->root, path, link, sizeof link);
	driver = strrchr(link, '/');
	/* without one it is a veth, a tunnel, a bridge: 10000 Mbit/s, whatever its peer carries */
	d->facts.is_virtual = !driver || hr_machine_driver_virtual(driver + 1);
	return true;
}

struct seen {
	uint32_t n;
	char name[SEEN_MAX][HR_NAME_LEN];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void list_names(const char *root, const char *path, struct seen *ret)
{
	struct hr_host_dir dir;
	const struct dirent64 *e;
	char full[PATH_MAX];

	ret->n = 0;
	if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full)
		return;
	hr_host_dir_init(&dir, open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	while (ret->n < SEEN_MAX && (e = hr_host_dir_next(&dir))) {
		size_t n = strlen(e->d_name);

		if (n < HR_NAME_LEN)
			memcpy(ret->name[ret->n++], e->d_name, n + 1);
	}
	hr_host_dir_done(&dir);
	hr_sort(ret->name, ret->n, sizeof *ret->name, by_name);
}

static bool same_dev(const struct hr_host_dev *a, const struct hr_host_dev *b)
{
	return a->facts.kind == b->facts.kind && strcmp(a->facts.name, b->facts.name) == 0 &&
	       a->major == b->major && a->minor == b->minor && a->ifindex == b->ifindex;
}

static void take_limit(const char *limits, struct hr_dev_facts *f)
{
	struct hr_machine_told t;

	hr_machine_limit(limits, f->name, &t);
	f->cap_iops = t.ops;
	f->cap_bytes_per_s = t.bytes_per_s;
	f->burst_iops = t.burst_ops;
	f->burst_bytes_per_s = t.burst_bytes_per_s;
}

/* Appends the devices of one kind to @found, at most @max of them. */
static void find(const struct hr_host_dev_opts *o, enum hr_dev_kind kind, uint32_t max,
	struct hr_host_devs *found)
{
	static const char *const dir[] = {
		[HR_DEV_DISK] = "/sys/block", [HR_DEV_NIC] = "/sys/class/net"};
	struct seen seen;
	uint32_t n = 0;

	list_names(o->root, dir[kind], &seen);
	for (uint32_t i = 0; i < seen.n; i++) {
		struct hr_host_dev d = {0};

		memcpy(d.facts.name, seen.name[i], sizeof d.facts.name);
		if (kind == HR_DEV_DISK ? !disk_read(o, seen.name[i], &d)
					: !nic_read(o, seen.name[i], &d))
			continue;
		take_limit(o->limits, &d.facts);
		if (n == max) {
			found->left_out++;
			continue;
		}
		found->dev[found->n++] = d;
		n++;
	}
}

bool hr_host_dev_scan(const struct hr_host_dev_opts *opts, struct hr_host_devs *devs)
{
	struct hr_host_devs found = {0}, next = {0};
	bool taken[HR_DEVS_MAX] = {false};
	bool changed;

	find(opts, HR_DEV_DISK, HR_DISKS_MAX, &found);
	find(opts, HR_DEV_NIC, HR_NICS_MAX, &found);
	next.left_out = found.left_out;
	for (uint32_t i = 0; i < devs->n; i++) {
		for (uint32_t j = 0; j < found.n; j++) {
			if (taken[j] || !same_dev(&devs->dev[i], &found.dev[j]))
				continue;
			next.dev[next.n++] = found.dev[j];
			taken[j] = true;
			break;
		}
	}
	changed = next.n != devs->n;
	for (uint32_t j = 0; j < found.n; j++) {
		if (taken[j])
			continue;
		next.dev[next.n++] = found.dev[j];
		changed = true;
	}
	*devs = next;
	return changed;
}

uint32_t hr_host_dev_count(const struct hr_host_devs *devs, enum hr_dev_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < devs->n; i++)
		n += devs->dev[i].facts.kind == kind;
	return n;
}
