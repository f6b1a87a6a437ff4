/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "name value" files and header/value line pairs, each driven by a table of
 * names.  The tables are the only place where kernel names are spelt.
 */
#include <errno.h>

#include "agent/core/procfs.h"
#include "agent/core/procfs_scan.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct hr_procfs_key *key_of(
	const struct hr_procfs_key *keys, size_t n, const struct scan_word *w)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i].name[0] == w->p[0] && word_is(w, keys[i].name))
			return &keys[i];
	return NULL;
}

/* What one file gave so far; @seen is a bit per key, so that a name cannot count twice. */
struct taken {
	uint64_t v[HR_PROCFS_KEYS_MAX], have, seen;
};

static bool take(struct taken *t, const struct hr_procfs_key *keys, const struct hr_procfs_key *k,
	uint64_t value)
{
	uint64_t bit = 1ULL << (k - keys);

	if (t->seen & bit || __builtin_add_overflow(t->v[k->field], value, &t->v[k->field]))
		return false;
	t->seen |= bit;
	t->have |= 1ULL << k->field;
	return true;
}

static void give(const struct taken *t, const struct hr_procfs_key *keys, size_t n,
	uint64_t *ret_values, uint64_t *ret_have)
{
	for (size_t i = 0; i < n; i++)
		ret_values[keys[i].field] = t->v[keys[i].field];
	*ret_have = t->have;
}

/* "value" or "value kB"; anything else behind a wanted name is not what we think it is. */
static bool kv_value(struct scan *s, uint64_t *ret)
{
	struct scan_word unit;

	if (!scan_u64(s, ret))
		return false;
	if (!scan_word(s, &unit))
		return true;
	return word_is(&unit, "kB") && !__builtin_mul_overflow(*ret, 1024, ret) &&
	       !scan_word(s, &unit);
}

int hr_procfs_kv(const char *buf, size_t len, const struct hr_procfs_key *keys, size_t n,
	uint64_t *ret_values, uint64_t *ret_have)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	const struct hr_procfs_key *k;
	struct taken t = {0};
	uint64_t value;
	struct scan line;
	struct scan_word w;

	while (scan_line(&r, &line)) {
		if (!scan_word(&line, &w))
			continue;
		if (w.p[w.n - 1] == ':')
			w.n--;
		k = w.n ? key_of(keys, n, &w) : NULL;
		if (!k)
			continue;
		if (!kv_value(&line, &value) || !take(&t, keys, k, value))
			return -EBADMSG;
	}
	give(&t, keys, n, ret_values, ret_have);
	return 0;
}

int hr_procfs_meminfo(const char *buf, size_t len, struct hr_procfs_meminfo *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"MemTotal", HR_MEMINFO_TOTAL},
		{"MemFree", HR_MEMINFO_FREE},
		{"MemAvailable", HR_MEMINFO_AVAILABLE},
		{"AnonPages", HR_MEMINFO_ANON},
		{"Active(file)", HR_MEMINFO_ACTIVE_FILE},
		{"Inactive(file)", HR_MEMINFO_INACTIVE_FILE},
		{"SwapTotal", HR_MEMINFO_SWAP_TOTAL},
		{"SwapFree", HR_MEMINFO_SWAP_FREE},
	};

	return hr_procfs_kv(buf, len, keys, N(keys), ret->v, &ret->have);
}

int hr_procfs_vmstat(const char *buf, size_t len, struct hr_procfs_vmstat *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"workingset_refault_anon", HR_VMSTAT_REFAULT_ANON}, /* 5.9+ */
		{"workingset_refault_file", HR_VMSTAT_REFAULT_FILE},
		{"workingset_refault", HR_VMSTAT_REFAULT_FILE}, /* until 5.8 */
		{"pswpin", HR_VMSTAT_SWAP_IN},
		{"pswpout", HR_VMSTAT_SWAP_OUT},
		{"pgmajfault", HR_VMSTAT_MAJFAULT},
		{"pgscan_direct", HR_VMSTAT_SCAN_DIRECT},
		{"pgscan_direct_dma", HR_VMSTAT_SCAN_DIRECT}, /* per zone until 4.7 */
		{"pgscan_direct_dma32", HR_VMSTAT_SCAN_DIRECT},
		{"pgscan_direct_normal", HR_VMSTAT_SCAN_DIRECT},
		{"pgscan_direct_movable", HR_VMSTAT_SCAN_DIRECT},
		{"pgscan_kswapd", HR_VMSTAT_SCAN_KSWAPD},
		{"pgscan_kswapd_dma", HR_VMSTAT_SCAN_KSWAPD},
		{"pgscan_kswapd_dma32", HR_VMSTAT_SCAN_KSWAPD},
		{"pgscan_kswapd_normal", HR_VMSTAT_SCAN_KSWAPD},
		{"pgscan_kswapd_movable", HR_VMSTAT_SCAN_KSWAPD},
		{"allocstall", HR_VMSTAT_ALLOCSTALL}, /* one for all zones until 4.9 */
		{"allocstall_dma", HR_VMSTAT_ALLOCSTALL},
		{"allocstall_dma32", HR_VMSTAT_ALLOCSTALL},
		{"allocstall_normal", HR_VMSTAT_ALLOCSTALL},
		{"allocstall_high", HR_VMSTAT_ALLOCSTALL},
		{"allocstall_movable", HR_VMSTAT_ALLOCSTALL},
		{"allocstall_device", HR_VMSTAT_ALLOCSTALL},
		{"oom_kill", HR_VMSTAT_OOM_KILL},
		{"drop_pagecache", HR_VMSTAT_DROP_CACHES},
		{"drop_slab", HR_VMSTAT_DROP_CACHES},
	};
	_Static_assert(N(keys) <= HR_PROCFS_KEYS_MAX, "a bit per name");

	return hr_procfs_kv(buf, len, keys, N(keys), ret->v, &ret->have);
}

/*
 * "Tcp: Name Name ...\nTcp: 1 2 ...\n" pairs.  Columns are matched by name; a
 * pair of unequal length is refused, because its values cannot be trusted to
 * belong to their names.  Values of other names may be negative (MaxConn -1).
 */
static bool pair(struct scan names, struct scan values, const struct hr_procfs_key *keys, size_t n,
	struct taken *t)
{
	struct scan_word a, b;
	uint64_t value;

	for (;;) {
		bool has_a = scan_word(&names, &a), has_b = scan_word(&values, &b);
		const struct hr_procfs_key *k;

		if (has_a != has_b)
			return false;
		if (!has_a)
			return true;
		k = key_of(keys, n, &a);
		if (!k)
			continue;
		if (!hr_num_u64_n(b.p, b.n, &value) || !take(t, keys, k, value))
			return false;
	}
}

/* All pairs of lines that begin with @prefix. */
static int pairs(struct hr_procfs_rows r, const char *prefix, const struct hr_procfs_key *keys,
	size_t n, struct taken *t)
{
	struct scan names, values;
	struct scan_word a, b;

	while (scan_line(&r, &names)) {
		if (!scan_word(&names, &a) || !word_is(&a, prefix))
			continue;
		if (!scan_line(&r, &values) || !scan_word(&values, &b) || !word_is(&b, prefix) ||
			!pair(names, values, keys, n, t))
			return -EBADMSG;
	}
	return 0;
}

int hr_procfs_netstat(const char *buf, size_t len, struct hr_procfs_netstat *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"ListenOverflows", HR_NETSTAT_LISTEN_OVERFLOWS},
		{"ListenDrops", HR_NETSTAT_LISTEN_DROPS},
		{"TCPToZeroWindowAdv", HR_NETSTAT_ZERO_WINDOW_ADV},
		{"TCPZeroWindowDrop", HR_NETSTAT_ZERO_WINDOW_DROP},
		{"RcvPruned", HR_NETSTAT_RCV_PRUNED},
		{"TCPBacklogDrop", HR_NETSTAT_BACKLOG_DROP},
		{"TCPReqQFullDrop", HR_NETSTAT_REQ_QFULL_DROP},
	};
	struct taken t = {0};
	int r = pairs(hr_procfs_rows(buf, len), "TcpExt:", keys, N(keys), &t);

	if (r == 0)
		give(&t, keys, N(keys), ret->v, &ret->have);
	return r;
}

int hr_procfs_snmp(const char *buf, size_t len, struct hr_procfs_snmp *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"OutSegs", HR_SNMP_OUT_SEGS},
		{"RetransSegs", HR_SNMP_RETRANS_SEGS},
	};
	struct taken t = {0};
	int r = pairs(hr_procfs_rows(buf, len), "Tcp:", keys, N(keys), &t);

	if (r == 0)
		give(&t, keys, N(keys), ret->v, &ret->have);
	return r;
}

int hr_procfs_cpustat(const char *buf, size_t len, struct hr_procfs_cpustat *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"nr_periods", HR_CPUSTAT_PERIODS},
		{"nr_throttled", HR_CPUSTAT_THROTTLED},
		{"throttled_usec", HR_CPUSTAT_THROTTLED_US},
		{"throttled_time", HR_CPUSTAT_THROTTLED_NS},
	};

	return hr_procfs_kv(buf, len, keys, N(keys), ret->v, &ret->have);
}

int hr_procfs_memevents(const char *buf, size_t len, struct hr_procfs_memevents *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"max", HR_MEMEVENTS_MAX},
		{"oom", HR_MEMEVENTS_OOM},
		{"oom_kill", HR_MEMEVENTS_OOM_KILL},
	};

	return hr_procfs_kv(buf, len, keys, N(keys), ret->v, &ret->have);
}

int hr_procfs_oom_control(const char *buf, size_t len, struct hr_procfs_memevents *ret)
{
	static const struct hr_procfs_key keys[] = {
		{"oom_kill", HR_MEMEVENTS_OOM_KILL}, /* 4.13+ */
	};

	return hr_procfs_kv(buf, len, keys, N(keys), ret->v, &ret->have);
}

static bool limit_word(struct scan *s, uint64_t *ret)
{
	struct scan_word w;

	if (!scan_word(s, &w))
		return false;
	if (word_is(&w, "max") || word_is(&w, "-1")) {
		*ret = UINT64_MAX;
		return true;
	}
	return hr_num_u64_n(w.p, w.n, ret);
}

int hr_procfs_value(const char *buf, size_t len, uint64_t *ret)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	struct scan s;
	struct scan_word rest;
	uint64_t v;

	if (!scan_line(&r, &s) || !limit_word(&s, &v) || scan_word(&s, &rest) || scan_line(&r, &s))
		return -EBADMSG;
	*ret = v;
	return 0;
}

int hr_procfs_cpu_max(const char *buf, size_t len, uint64_t *ret_quota_us, uint64_t *ret_period_us)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	struct scan s;
	uint64_t quota, period;

	if (!scan_line(&r, &s) || !limit_word(&s, &quota) || !scan_u64(&s, &period) || period == 0)
		return -EBADMSG;
	*ret_quota_us = quota;
	*ret_period_us = period;
	return 0;
}

/* A line of /proc/PID/cgroup, "ID:CONTROLLERS:PATH": its path when it is the group we account in.
 */
static bool cgroup_path(struct scan line, bool unified, struct scan *ret)
{
	const char *from = memchr(line.p, ':', (size_t)(line.end - line.p));
	const char *to = from ? memchr(from + 1, ':', (size_t)(line.end - from - 1)) : NULL;

	if (!to)
		return false;
	*ret = (struct scan){to + 1, line.end};
	if (to == from + 1)
		return unified;
	while (!unified && from < to) {
		const char *word = from + 1;

		for (from = word; from < to && *from != ',';)
			from++;
		if (from - word == 3 && memcmp(word, "cpu", 3) == 0)
			return true;
	}
	return false;
}

int hr_procfs_cgroup(const char *buf, size_t len, uint64_t *ret_id, char ret_name[HR_GROUP_LEN])
{
	struct scan line, path = {0};
	bool found = false;
	uint64_t id = 0xcbf29ce484222325ULL; /* FNV-1a */
	const char *name;
	size_t n;

	for (int unified = 1; unified >= 0; unified--) {
		struct hr_procfs_rows r = hr_procfs_rows(buf, len);
		bool got = false;

		while (!got && scan_line(&r, &line))
			got = cgroup_path(line, unified, &path);
		found = found || got;
		if (got && path.end - path.p > 1)
			break; /* not the root */
	}
	if (!found)
		return -EBADMSG;
	name = path.p;
	for (const char *p = path.p; p < path.end; p++) {
		id = (id ^ (unsigned char)*p) * 0x100000001b3ULL;
		if (*p == '/')
			name = p + 1;
	}
	n = (size_t)(path.end - name);
	memset(ret_name, 0, HR_GROUP_LEN);
	memcpy(ret_name, name, n < HR_GROUP_LEN ? n : HR_GROUP_LEN - 1);
	*ret_id = id ? id : 1;
	return 0;
}
