/* SPDX-License-Identifier: Apache-2.0 */
/* Equality of domain types field by field: padding and unused tails do not count. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "proto/facts.h"
#include "proto/summary.h"

static inline bool hr_same_hist(const struct hr_hist *a, const struct hr_hist *b)
{
	return a->total == b->total && a->sum == b->sum && a->max == b->max &&
	       (a->total == 0 || a->shift == b->shift) && memcmp(a->n, b->n, sizeof(a->n)) == 0;
}

static inline bool hr_same_dev(const struct hr_dev_summary *a, const struct hr_dev_summary *b)
{
	if (a->dev != b->dev || a->have != b->have || memcmp(a->ctr, b->ctr, sizeof(a->ctr)) != 0)
		return false;
	for (int i = 0; i < HR_DDIST_N; i++)
		if (!hr_same_hist(&a->dist[i], &b->dist[i]))
			return false;
	return true;
}

static inline bool hr_same_top(const struct hr_top *a, const struct hr_top *b)
{
	return a->pid == b->pid && a->tid == b->tid && a->oncpu_ms == b->oncpu_ms &&
	       a->wait_ms == b->wait_ms && a->process_oncpu_ms == b->process_oncpu_ms &&
	       a->peers == b->peers && a->reads == b->reads && a->reads_late == b->reads_late &&
	       strcmp(a->comm, b->comm) == 0 && strcmp(a->process, b->process) == 0;
}

static inline bool hr_same_fs(const struct hr_fs *a, const struct hr_fs *b)
{
	return strcmp(a->mount, b->mount) == 0 && a->used_bytes == b->used_bytes &&
	       a->usable_bytes == b->usable_bytes && a->used_inodes == b->used_inodes &&
	       a->usable_inodes == b->usable_inodes;
}

static inline bool hr_same_summary(const struct hr_summary *a, const struct hr_summary *b)
{
	if (a->seq_first != b->seq_first || a->seq_last != b->seq_last ||
		a->t_end_ms != b->t_end_ms || a->dur_ms != b->dur_ms || a->lost != b->lost ||
		a->epoch != b->epoch || a->cpus != b->cpus || a->have != b->have ||
		a->n_dev != b->n_dev || a->n_top != b->n_top || a->n_group != b->n_group)
		return false;
	if (memcmp(a->ctr, b->ctr, sizeof(a->ctr)) != 0 ||
		memcmp(a->vq_bad, b->vq_bad, sizeof(a->vq_bad)) != 0)
		return false;
	if (hr_has(a, HR_SIG_REPLAY) && memcmp(&a->replay, &b->replay, sizeof(a->replay)) != 0)
		return false;
	for (int i = 0; i < HR_DIST_N; i++)
		if (!hr_same_hist(&a->dist[i], &b->dist[i]))
			return false;
	for (int i = 0; i < a->n_dev; i++)
		if (!hr_same_dev(&a->dev[i], &b->dev[i]))
			return false;
	for (int i = 0; i < a->n_group; i++)
		if (a->group[i].oncpu_ms != b->group[i].oncpu_ms ||
			a->group[i].wait_ms != b->group[i].wait_ms ||
			strcmp(a->group[i].name, b->group[i].name) != 0)
			return false;
	for (int i = 0; i < a->n_top; i++)
		if (!hr_same_top(&a->top[i], &b->top[i]))
			return false;
	if (a->n_fs != b->n_fs)
		return false;
	for (int i = 0; i < a->n_fs; i++)
		if (!hr_same_fs(&a->fs[i], &b->fs[i]))
			return false;
	return true;
}

static inline bool hr_same_dev_facts(const struct hr_dev_facts *a, const struct hr_dev_facts *b)
{
	return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
	       a->nr_requests == b->nr_requests && a->speed_mbps == b->speed_mbps &&
	       a->cap_iops == b->cap_iops && a->cap_bytes_per_s == b->cap_bytes_per_s &&
	       a->burst_iops == b->burst_iops && a->burst_bytes_per_s == b->burst_bytes_per_s &&
	       a->is_virtual == b->is_virtual;
}

static inline bool hr_same_facts(const struct hr_facts *a, const struct hr_facts *b)
{
	if (a->epoch != b->epoch || strcmp(a->name, b->name) != 0 ||
		strcmp(a->kernel, b->kernel) != 0 || strcmp(a->agent, b->agent) != 0 ||
		strcmp(a->hypervisor, b->hypervisor) != 0 ||
		strcmp(a->provider, b->provider) != 0 ||
		strcmp(a->instance_type, b->instance_type) != 0 ||
		strcmp(a->tight_cgroup, b->tight_cgroup) != 0)
		return false;
	if (a->cpus_online != b->cpus_online || a->cpus_possible != b->cpus_possible ||
		a->threads_per_core != b->threads_per_core ||
		a->mem_total_bytes != b->mem_total_bytes || a->map_bytes != b->map_bytes ||
		a->tight_cpu_m != b->tight_cpu_m || a->tight_mem_mib != b->tight_mem_mib ||
		a->shed != b->shed || a->n_dev != b->n_dev)
		return false;
	for (int i = 0; i < a->n_dev; i++)
		if (!hr_same_dev_facts(&a->dev[i], &b->dev[i]))
			return false;
	for (int i = 0; i < HR_SIG_N; i++)
		if (a->signal[i].rung != b->signal[i].rung ||
			strcmp(a->signal[i].reason, b->signal[i].reason) != 0)
			return false;
	return true;
}
