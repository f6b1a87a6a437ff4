/* SPDX-License-Identifier: Apache-2.0 */
/* Whether page frames are looked at, and what is said of it; see page_cache.h. */
#include "agent/page_cache.h"

#include <errno.h>
#include <stdio.h>

#include "agent/host_facts.h"
#include "agent/host_read.h"

static bool needed(const char *root)
{
	char text[32];

	if (root[0])
		return false;
	hr_host_read_line(root, "/sys/kernel/mm/lru_gen/enabled", text, sizeof text);
	return hr_pages_lru_gen(text);
}

struct hr_page_ranges hr_page_cache_frames(const char *root)
{
	struct hr_page_ranges r = {0};

	if (needed(root))
		(void)hr_host_read_zones(root, &r); /* not to be read: no frames */
	return r;
}

const struct hr_page_seen *hr_page_cache_look(
	const char *root, struct hr_bpf *bpf, struct hr_facts *facts)
{
	const struct hr_page_seen *seen = NULL;
	char why[HR_REASON_LEN] = "";
	int r = -EOPNOTSUPP;

	if (facts->signal[HR_SIG_MEMINFO].rung != HR_RUNG_FILE)
		return NULL;
	if (needed(root)) {
		r = bpf ? hr_bpf_pages_learn(bpf) : r;
		r = r == 0 ? hr_bpf_pages(bpf, &seen) : r;
		(void)snprintf(why, sizeof why, "cache used again: %s%s",
			r == 0 ? "by a sample of page frames" : "only what is mapped is known: ",
			r == 0 ? "" : hr_pages_why(r));
	}
	hr_host_facts_signal(facts, HR_SIG_MEMINFO, HR_RUNG_FILE, why);
	return seen;
}
