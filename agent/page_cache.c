/* SPDX-License-Identifier: Apache-2.0 */
/* Whether page frames are looked at, and what is said of it; see page_cache.h. */
#include "agent/page_cache.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/procfs.h"
#include "agent/host_facts.h"
#include "agent/host_read.h"

/* "" where the kernel has no generations, or at another machine's files. */
static const char *generations(const char *root, char ret[32])
{
	ret[0] = '\0';
	if (!root[0])
		hr_host_read_line(root, "/sys/kernel/mm/lru_gen/enabled", ret, 32);
	return ret;
}

bool hr_page_cache_wanted(const char *root)
{
	char text[32];

	return generations(root, text)[0] != '\0';
}

static uint64_t mem_total(const struct hr_text *t)
{
	struct hr_procfs_meminfo m;

	if (t->len <= 0 || hr_procfs_meminfo(t->p, (size_t)t->len, &m) < 0)
		return 0;
	return m.have & 1ULL << HR_MEMINFO_TOTAL ? m.v[HR_MEMINFO_TOTAL] : 0;
}

static int read_frames(struct hr_bpf *bpf)
{
	struct hr_page_ranges ranges;
	int r = hr_host_read_zones("", &ranges);

	return r < 0 ? r : hr_bpf_pages_frames(bpf, &ranges);
}

static int sample(struct hr_page_cache *c, struct hr_bpf *bpf, uint64_t total,
	const struct hr_page_seen **ret_seen)
{
	int r = bpf ? hr_bpf_pages_learn(bpf) : -EOPNOTSUPP;

	if (r == 0 && (c->mem_total == 0 || c->mem_total != total))
		r = read_frames(bpf);
	if (r == 0)
		r = hr_bpf_pages(bpf, ret_seen);
	c->mem_total = r == 0 ? total : 0;
	return r;
}

const struct hr_page_seen *hr_page_cache_look(struct hr_page_cache *c, const char *root,
	struct hr_bpf *bpf, const struct hr_text *meminfo, struct hr_facts *facts)
{
	const struct hr_page_seen *seen = NULL;
	char why[HR_REASON_LEN] = "", text[32];
	int r;

	if (facts->signal[HR_SIG_MEMINFO].rung != HR_RUNG_FILE)
		return NULL;
	if (hr_pages_lru_gen(generations(root, text))) {
		r = sample(c, bpf, mem_total(meminfo), &seen);
		(void)snprintf(why, sizeof why, "cache used again: %s%s",
			r == 0 ? "by a sample of page frames" : "only what is mapped is known: ",
			r == 0 ? "" : hr_pages_why(r, strerror(-r)));
	}
	hr_host_facts_signal(facts, HR_SIG_MEMINFO, HR_RUNG_FILE, why);
	return seen;
}
