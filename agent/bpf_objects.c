/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only includer of the skeletons: what differs between our BPF objects when
 * they are opened (constants, map sizes from possible CPUs and devices) and loaded
 * (where their mapped globals are).
 */
#include <string.h>
#include <sys/stat.h>

#include <bpf/libbpf.h>

#include "agent/bpf_parts.h"
#include "agent/kernel_probe.h"
#include "proto/base/clock.h"

#include "cpu.skel.h"
#include "disk.skel.h"
#include "mem.skel.h"
#include "net.skel.h"
#include "page.skel.h"
#include "task.skel.h"

static void *open_cpu(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_cpu_bpf *k = hr_cpu_bpf__open();

	if (!k)
		return NULL;
	p->obj = k->obj;
	k->bss->hr_tick_ns = hr_clock_tick_ns();
	if (b->facts.cast) /* fails for want of memory alone; then the kernel refuses the program */
		(void)hr_kernel_put_cast(&b->facts, k->progs.on_read_btf);
	(void)bpf_map__set_max_entries(k->maps.hr_cpu_cells, b->view.cpus);
	return k;
}

static int load_cpu(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_cpu_bpf *k = p->skel;
	int r = hr_cpu_bpf__load(k);

	if (r == 0) {
		b->stints_lost = &k->bss->hr_stints_lost;
		b->readers = k->bss->hr_readers;
	}
	return r;
}

static void *open_disk(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_disk_bpf *k = hr_disk_bpf__open();

	if (!k)
		return NULL;
	p->obj = k->obj;
	k->bss->hr_disks = b->view.disks;
	memcpy(k->bss->hr_op_class, b->facts.op_class, sizeof(b->facts.op_class));
	k->bss->hr_flags_sync = b->facts.flags_sync;
	k->bss->hr_flags_ahead = b->facts.flags_ahead;
	(void)bpf_map__set_max_entries(k->maps.hr_disk_cells, b->view.cpus * b->view.disks);
	return k;
}

static int load_disk(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_disk_bpf *k = p->skel;
	int r = hr_disk_bpf__load(k);

	if (r == 0) {
		p->ctl = &k->bss->hr_ctl;
		b->disk_ids = k->bss->hr_disk_ids;
	}
	return r;
}

static uint32_t own_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) == 0 ? (uint32_t)st.st_ino : 0;
}

static void *open_net(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_net_bpf *k = hr_net_bpf__open();

	if (!k)
		return NULL;
	p->obj = k->obj;
	k->bss->hr_netns = own_netns();
	k->bss->hr_nics = b->view.nics;
	k->bss->hr_tick_ns = hr_clock_tick_ns();
	k->rodata->hr_retrans_args = b->facts.hook[HR_HOOK_RETRANS].args;
	(void)bpf_map__set_max_entries(k->maps.hr_nic_cells, b->view.cpus * b->view.nics);
	if (b->rung[HR_HOOK_RECEIVE] == HR_RUNG_MISSING && b->rung[HR_HOOK_XMIT] == HR_RUNG_MISSING)
		(void)bpf_map__set_autocreate(k->maps.hr_nic_cells, false);
	return k;
}

static int load_net(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_net_bpf *k = p->skel;
	int r = hr_net_bpf__load(k);

	if (r == 0) {
		b->ifindex = k->bss->hr_ifindex;
		b->retransmits = &k->bss->hr_retransmits;
	}
	return r;
}

static void *open_mem(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_mem_bpf *k = hr_mem_bpf__open();

	if (!k)
		return NULL;
	p->obj = k->obj;
	(void)bpf_map__set_max_entries(k->maps.hr_mem_cells, b->view.cpus);
	if (b->rung[HR_HOOK_RECLAIM_END] == HR_RUNG_MISSING)
		(void)bpf_map__set_autocreate(k->maps.hr_mem_cells, false);
	return k;
}

static int load_mem(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_mem_bpf *k = p->skel;
	int r = hr_mem_bpf__load(k);

	if (r == 0)
		b->ooms = &k->bss->hr_ooms;
	return r;
}

static void *open_task(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_task_bpf *k = hr_task_bpf__open();

	(void)b;
	if (k)
		p->obj = k->obj;
	return k;
}

static int load_task(struct hr_bpf *b, struct hr_part *p)
{
	(void)b;
	return hr_task_bpf__load(p->skel);
}

static void *open_page(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_page_bpf *k = hr_page_bpf__open();

	if (!k)
		return NULL;
	p->obj = k->obj;
	k->bss->hr_page_where =
		(struct hr_page_where){.bytes = b->facts.page_bytes, .align = b->page_align};
	return k;
}

static int load_page(struct hr_bpf *b, struct hr_part *p)
{
	struct hr_page_bpf *k = p->skel;
	int r = hr_page_bpf__load(k);

	if (r == 0) {
		b->page_where = &k->bss->hr_page_where;
		b->page_seen = &k->bss->hr_page_seen;
		b->page_own = &k->bss->hr_page_own;
		b->page_again = &k->bss->hr_again;
		b->own_fd = bpf_program__fd(k->progs.look_at_own);
		b->page_fd = bpf_program__fd(k->progs.look_at_pages);
	}
	return r;
}

static void destroy_cpu(void *k)
{
	hr_cpu_bpf__destroy(k);
}

static void destroy_disk(void *k)
{
	hr_disk_bpf__destroy(k);
}

static void destroy_net(void *k)
{
	hr_net_bpf__destroy(k);
}

static void destroy_mem(void *k)
{
	hr_mem_bpf__destroy(k);
}

static void destroy_task(void *k)
{
	hr_task_bpf__destroy(k);
}

static void destroy_page(void *k)
{
	hr_page_bpf__destroy(k);
}

static const struct {
	void *(*open)(struct hr_bpf *b, struct hr_part *p); /* NULL with errno */
	int (*load)(struct hr_bpf *b, struct hr_part *p);
	void (*destroy)(void *skel);
} parts[HR_PART_N] = {
	[HR_PART_CPU] = {open_cpu, load_cpu, destroy_cpu},
	[HR_PART_DISK] = {open_disk, load_disk, destroy_disk},
	[HR_PART_NET] = {open_net, load_net, destroy_net},
	[HR_PART_MEM] = {open_mem, load_mem, destroy_mem},
	[HR_PART_TASK] = {open_task, load_task, destroy_task},
	[HR_PART_PAGE] = {open_page, load_page, destroy_page},
};

void *hr_part_open(struct hr_bpf *b, enum hr_part_id id)
{
	return parts[id].open(b, &b->part[id]);
}

int hr_part_load(struct hr_bpf *b, enum hr_part_id id)
{
	return parts[id].load(b, &b->part[id]);
}

void hr_part_destroy(enum hr_part_id id, void *skel)
{
	parts[id].destroy(skel);
}
