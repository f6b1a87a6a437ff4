/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page cache that was used again, where the kernel's own list of it (Active(file)) leaves out what
 * read(2) uses: with multi-generational LRU.  Elsewhere nothing is looked at.
 */
#pragma once

#include "agent/bpf_io.h"
#include "agent/core/pages.h"
#include "agent/core/raw.h"
#include "proto/facts.h"

struct hr_page_cache {
	uint64_t mem_total; /* when the frames were read; 0: to be read */
};

/*
 * Whether to load what looks (hr_bpf_opts.pages): where the kernel has multi-generational LRU, on
 * or off, since it can be switched later, when nothing can be loaded; and only at this machine.
 */
bool hr_page_cache_wanted(const char *root);

/*
 * What a look at page frames found, valid until the next; NULL where none is needed now, or none
 * can be had.  Says it in HR_SIG_MEMINFO's reason.  Frames are read again when MemTotal of @meminfo
 * changed, and after a look that failed.  @bpf may be NULL.
 */
const struct hr_page_seen *hr_page_cache_look(struct hr_page_cache *c, const char *root,
	struct hr_bpf *bpf, const struct hr_text *meminfo, struct hr_facts *facts);
