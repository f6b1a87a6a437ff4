/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct hr_bpf: shared by bpf_attach.c (which fills it) and bpf_read.c (which reads it),
 * nobody else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/bpf_io.h"
#include "agent/core/cells.h"
#include "agent/core/ladder.h"

struct bpf_link;
struct bpf_object;

/* One BPF object = one resource. */
enum hr_part_id {
	HR_PART_CPU,
	HR_PART_N,
};

struct hr_part {
	struct bpf_object *obj; /* NULL: not loaded */
	void *skel;
	struct hr_ctl *ctl; /* its horizon, mapped writable */
};

struct hr_bpf {
	struct hr_bpf_opts opts;
	struct hr_kernel_facts facts;
	enum hr_rung rung[HR_HOOK_N];
	struct bpf_link *link[HR_HOOK_N]; /* NULL: not attached */
	int prog_fd[HR_HOOK_N];           /* of the attached program, owned by its object; -1 */
	struct hr_part part[HR_PART_N];
	struct hr_cells_view view;
	struct hr_cells *cells;
	uint64_t have; /* HR_SIG_BIT: what a take delivers now */
	uint64_t map_bytes;
	int stats_fd; /* BPF_ENABLE_STATS while >= 0 */
};
