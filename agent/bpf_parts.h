/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct hr_bpf: shared by bpf_attach.c (which fills it) and bpf_read.c (which reads it),
 * nobody else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/bpf_io.h"
#include "agent/core/cells.h"
#include "agent/core/ladder.h"
#include "agent/core/reads.h"

struct bpf_link;
struct bpf_object;

/* One BPF object = one resource. */
enum hr_part_id {
	HR_PART_CPU,
	HR_PART_DISK,
	HR_PART_NET,
	HR_PART_MEM,
	HR_PART_TASK,
	HR_PART_PAGE, /* no hook: run when asked */
	HR_PART_N,
};

struct hr_part {
	struct bpf_object *obj; /* NULL: not loaded */
	void *skel;
	struct hr_ctl *ctl; /* its horizon, mapped writable; NULL: in its cells, or none */
};

struct hr_bpf {
	struct hr_bpf_opts opts;
	struct hr_kernel_facts facts;
	enum hr_rung rung[HR_HOOK_N];
	struct bpf_link *link[HR_HOOK_N]; /* NULL: not attached */
	int prog_fd[HR_HOOK_N];           /* of the attached program, owned by its object; -1 */
	struct hr_part part[HR_PART_N];
	struct hr_cells_view view;
	struct hr_cpu_cell *cpu_cell; /* = view.cpu, to tell each CPU the horizon */
	struct hr_cells *cells;
	struct hr_open_end *open_end;   /* [view.cpus] */
	uint64_t horizon, record_until; /* as last told to the CPUs */
	uint64_t resyncs;               /* switches missed so far, all CPUs */
	struct hr_disk_id *disk_ids;    /* [HR_DISKS_MAX], mapped; what each disk of the cells is */
	uint32_t *ifindex;              /* [HR_NICS_MAX], mapped */
	struct ring_buffer *ring;       /* of recorded stints; NULL: no recorder */
	const uint64_t *stints_lost;    /* mapped */
	uint64_t prev_lost;
	hr_bpf_stint_fn *stint_fn; /* while the ring is read */
	void *stint_arg;
	uint64_t page_align;              /* of the struct page of frame 0 */
	struct hr_page_where *page_where; /* mapped, as the rest; NULL: not loaded */
	struct hr_page_seen *page_seen;
	struct hr_page_own *page_own;
	uint64_t *page_again;            /* marks of a page that is used again */
	bool pages_learned;              /* these are known */
	int page_fd, own_fd;             /* of its programs, owned by their object; < 0 why not */
	const struct hr_reader *readers; /* mapped; NULL: not loaded */
	struct hr_reads reads;
	const uint64_t *retransmits, *ooms; /* mapped; NULL: not loaded */
	uint64_t prev_retransmits, prev_ooms;
	struct hr_bpf_dev dev[HR_DEVS_MAX]; /* as last assigned */
	uint32_t blind;                     /* bit per device number that found no room */
	uint64_t have;                      /* HR_SIG_BIT: what a take delivers now */
	uint64_t map_bytes;
	bool taken;   /* a base has been set */
	int stats_fd; /* BPF_ENABLE_STATS while >= 0 */
};

/* bpf_objects.c: the skeleton of an object.  Open: NULL with errno; load: 0 or -errno. */
void *hr_part_open(struct hr_bpf *b, enum hr_part_id id);
int hr_part_load(struct hr_bpf *b, enum hr_part_id id);
void hr_part_destroy(enum hr_part_id id, void *skel);

/* bpf_pages.c: loads what looks at page frames, if it is asked for. */
void hr_bpf_pages_start(struct hr_bpf *b);
