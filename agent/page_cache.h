/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page cache that was used again, where the kernel's own list of it (Active(file)) leaves out what
 * read(2) uses: with multi-generational LRU.  Elsewhere nothing is loaded and nothing looked at.
 */
#pragma once

#include "agent/bpf_io.h"
#include "agent/core/pages.h"
#include "proto/facts.h"

/* The frames to look at (hr_bpf_opts.pages); none where no look is needed, or not at this machine.
 */
struct hr_page_ranges hr_page_cache_frames(const char *root);

/*
 * What a look at them found, valid until the next; NULL where none is needed, or none can be had.
 * Says it in HR_SIG_MEMINFO's reason.  @bpf may be NULL.
 */
const struct hr_page_seen *hr_page_cache_look(
	const char *root, struct hr_bpf *bpf, struct hr_facts *facts);
