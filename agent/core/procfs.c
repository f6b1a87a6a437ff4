/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of files with a shape of their own; "name value" files are in procfs_kv.c. */
#include "agent/core/procfs.h"

#include <errno.h>

#include "agent/core/procfs_scan.h"

struct hr_procfs_rows hr_procfs_rows(const char *buf, size_t len)
{
	return (struct hr_procfs_rows){buf, buf + len};
}

/* ---- /proc/stat ---- */

/* user..steal; guest and guest_nice that follow are contained in user and nice. */
static bool cpu_times(struct scan *s, struct hr_procfs_cpu *ret)
{
	uint64_t *const to[] = {&ret->user, &ret->nice, &ret->system, &ret->idle, &ret->iowait,
		&ret->irq, &ret->softirq, &ret->steal};

	return scan_u64s(s, to, sizeof(to) / sizeof(to[0]));
}

/* A cpuN line: @digits is N. */
static bool cpu_line(const struct scan_word *digits, struct scan *s, struct hr_procfs_stat *ret)
{
	struct hr_procfs_cpu c;
	uint64_t n;

	if (!hr_num_u64_n(digits->p, digits->n, &n) || !cpu_times(s, &c))
		return false;
	ret->cpus++;
	ret->have |= HR_PROCFS_STAT_CPUS;
	if (n >= HR_CPUS_MAX)
		return true; /* counted, without a share of its own */
	while (ret->irq_n <= n)
		ret->irq[ret->irq_n++] = UINT64_MAX;
	if (ret->irq[n] != UINT64_MAX)
		return false;
	ret->irq[n] = c.irq + c.softirq;
	return true;
}

static bool once(uint32_t *have, uint32_t bit)
{
	if (*have & bit)
		return false;
	*have |= bit;
	return true;
}

static bool stat_line(struct scan *line, struct hr_procfs_stat *ret)
{
	struct scan_word w;

	if (!scan_word(line, &w))
		return true;
	if (w.n >= 3 && memcmp(w.p, "cpu", 3) == 0) {
		struct scan_word digits = {w.p + 3, w.n - 3};

		if (digits.n > 0)
			return cpu_line(&digits, line, ret);
		return once(&ret->have, HR_PROCFS_STAT_CPU) && cpu_times(line, &ret->total);
	}
	if (word_is(&w, "ctxt"))
		return once(&ret->have, HR_PROCFS_STAT_CTXT) && scan_u64(line, &ret->ctxt);
	if (word_is(&w, "procs_running"))
		return once(&ret->have, HR_PROCFS_STAT_RUNNING) &&
		       scan_u64(line, &ret->procs_running);
	return true;
}

int hr_procfs_stat(const char *buf, size_t len, struct hr_procfs_stat *ret)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	struct scan line;

	ret->have = 0;
	ret->cpus = 0;
	ret->irq_n = 0;
	while (scan_line(&r, &line))
		if (!stat_line(&line, ret)) {
			ret->have = 0;
			return -EBADMSG;
		}
	return 0;
}

/* ---- /proc/diskstats ---- */

/* 14 columns since 2.6, 18 since 4.18 (discards), 20 since 5.5 (flushes); later ones are skipped.
 */
static bool disk_row(struct scan *s, struct hr_procfs_disk *d)
{
	uint64_t merged;
	uint64_t *const base[] = {&d->rd_n, &merged, &d->rd_sectors, &d->rd_ms, &d->wr_n, &merged,
		&d->wr_sectors, &d->wr_ms, &d->inflight, &d->io_ms, &d->weighted_ms};
	uint64_t *const discard[] = {&d->discard_n, &merged, &d->discard_sectors, &d->discard_ms};
	uint64_t *const flush[] = {&d->flush_n, &d->flush_ms};
	struct scan_word w;
	struct scan probe;

	if (!scan_u32(s, &d->major) || !scan_u32(s, &d->minor) || !scan_word(s, &w) ||
		!word_copy(&w, d->name, sizeof(d->name)) ||
		!scan_u64s(s, base, sizeof(base) / sizeof(base[0])))
		return false;
	probe = *s;
	if (!scan_word(&probe, &w))
		return true;
	if (!scan_u64s(s, discard, sizeof(discard) / sizeof(discard[0])))
		return false;
	d->has_discard = true;
	probe = *s;
	if (!scan_word(&probe, &w))
		return true;
	if (!scan_u64s(s, flush, sizeof(flush) / sizeof(flush[0])))
		return false;
	d->has_flush = true;
	return true;
}

int hr_procfs_diskstats_next(struct hr_procfs_rows *rows, struct hr_procfs_disk *ret)
{
	struct hr_procfs_disk d = {0};
	struct scan line;

	if (!scan_line(rows, &line))
		return 0;
	if (!disk_row(&line, &d))
		return -EBADMSG;
	*ret = d;
	return 1;
}

/* ---- /proc/net/dev ---- */

/* "  eth0: 1 2 ...": the number may touch the colon. */
static bool netdev_row(struct scan *s, struct hr_procfs_netdev *d)
{
	uint64_t skip;
	uint64_t *const to[] = {&d->rx_bytes, &d->rx_packets, &d->rx_errors, &d->rx_drops, &skip,
		&skip, &skip, &skip, &d->tx_bytes, &d->tx_packets, &d->tx_errors, &d->tx_drops};
	const char *colon = memchr(s->p, ':', (size_t)(s->end - s->p));
	struct scan name;
	struct scan_word w;

	if (!colon)
		return false;
	name = (struct scan){s->p, colon};
	s->p = colon + 1;
	return scan_word(&name, &w) && word_copy(&w, d->name, sizeof(d->name)) &&
	       scan_u64s(s, to, sizeof(to) / sizeof(to[0]));
}

int hr_procfs_netdev_next(struct hr_procfs_rows *rows, struct hr_procfs_netdev *ret)
{
	struct hr_procfs_netdev d = {0};
	struct scan line;

	do {
		if (!scan_line(rows, &line))
			return 0;
	} while (memchr(line.p, '|', (size_t)(line.end - line.p))); /* the two header lines */
	if (!netdev_row(&line, &d))
		return -EBADMSG;
	*ret = d;
	return 1;
}

/* ---- /proc/net/softnet_stat ---- */

static bool scan_hex(struct scan *s, uint32_t *ret)
{
	struct scan_word w;
	uint64_t v;
	char text[9];

	if (!scan_word(s, &w) || !word_copy(&w, text, sizeof(text)) ||
		!hr_num_hex_u64(text, 0, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Columns: 1 processed, 2 dropped, 3 squeezed, .. 12 backlog length, 13 CPU. */
static bool softnet_row(struct scan *s, struct hr_procfs_softnet *ret)
{
	uint32_t col[13];
	struct scan_word w;
	size_t n;

	for (n = 0; n < 13; n++) {
		struct scan probe = *s;

		if (!scan_word(&probe, &w))
			break;
		if (!scan_hex(s, &col[n]))
			return false;
	}
	if (n < 3)
		return false;
	ret->rows++;
	ret->dropped += col[1];
	ret->squeezed += col[2];
	if (n == 13)
		ret->cpu_sum += (uint64_t)col[12] + 1;
	return true;
}

int hr_procfs_softnet(const char *buf, size_t len, struct hr_procfs_softnet *ret)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	struct hr_procfs_softnet v = {0};
	struct scan line;

	while (scan_line(&r, &line))
		if (!softnet_row(&line, &v))
			return -EBADMSG;
	if (v.rows == 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

/* ---- pressure ---- */

/* "avg10=0.00 avg60=0.00 avg300=0.00 total=123": only total is exact. */
static bool psi_total(struct scan *s, uint64_t *ret)
{
	static const char name[] = "total=";
	struct scan_word w;
	bool seen = false;

	while (scan_word(s, &w)) {
		if (w.n < sizeof(name) - 1 || memcmp(w.p, name, sizeof(name) - 1) != 0)
			continue;
		if (seen || !hr_num_u64_n(w.p + sizeof(name) - 1, w.n - (sizeof(name) - 1), ret))
			return false;
		seen = true;
	}
	return seen;
}

static bool psi_line(struct scan *s, struct hr_procfs_psi *ret)
{
	struct scan_word w;
	bool *has;
	uint64_t *us;

	if (!scan_word(s, &w))
		return true;
	if (word_is(&w, "some")) {
		has = &ret->has_some;
		us = &ret->some_us;
	} else if (word_is(&w, "full")) {
		has = &ret->has_full;
		us = &ret->full_us;
	} else {
		return true;
	}
	if (*has)
		return false;
	*has = true;
	return psi_total(s, us);
}

int hr_procfs_psi(const char *buf, size_t len, struct hr_procfs_psi *ret)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	struct hr_procfs_psi v = {0};
	struct scan line;

	while (scan_line(&r, &line))
		if (!psi_line(&line, &v))
			return -EBADMSG;
	*ret = v;
	return 0;
}

/* ---- /proc/PID ---- */

/* "pid (comm) state ppid ...": comm may hold anything, ") " too; the last ')' ends it (proc(5)). */
int hr_procfs_taskstat(const char *buf, size_t len, struct hr_procfs_taskstat *ret)
{
	struct hr_procfs_taskstat v = {0};
	struct hr_procfs_rows r = {buf, buf + len};
	const char *open = memchr(buf, '(', len), *close;
	struct scan s;
	struct scan_word w;
	size_t n;

	close = open ? memrchr(buf, ')', len) : NULL;
	if (!close || close < open)
		return -EBADMSG;
	s = (struct scan){buf, open};
	if (!scan_u32(&s, &v.pid))
		return -EBADMSG;
	n = (size_t)(close - open - 1);
	if (n >= sizeof(v.comm))
		n = sizeof(v.comm) - 1; /* kernel threads print longer names here */
	memcpy(v.comm, open + 1, n);

	r.p = close + 1;
	if (!scan_line(&r, &s) || !scan_word(&s, &w) || w.n != 1)
		return -EBADMSG;
	v.state = w.p[0];
	for (int field = 4; field <= 22; field++) { /* utime 14, stime 15, starttime 22 */
		uint64_t *to = field == 14   ? &v.utime
			       : field == 15 ? &v.stime
			       : field == 22 ? &v.start
					     : NULL;

		if (to ? !scan_u64(&s, to) : !scan_word(&s, &w))
			return -EBADMSG;
	}
	*ret = v;
	return 0;
}

int hr_procfs_schedstat(const char *buf, size_t len, uint64_t *ret_oncpu_ns, uint64_t *ret_wait_ns)
{
	struct hr_procfs_rows r = hr_procfs_rows(buf, len);
	uint64_t oncpu, wait;
	struct scan s;

	if (!scan_line(&r, &s) || !scan_u64(&s, &oncpu) || !scan_u64(&s, &wait))
		return -EBADMSG;
	*ret_oncpu_ns = oncpu;
	*ret_wait_ns = wait;
	return 0;
}
