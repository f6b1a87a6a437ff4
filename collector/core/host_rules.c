// SPDX-License-Identifier: Apache-2.0
/* Which constants a host is judged with; see host_rules.h. */
#include "collector/core/host_rules.h"

#include <string.h>

#include "collector/core/alert.h"
#include "proto/units.h"

void hr_model_keys_apply(const struct hr_model_keys *v, struct hr_model_conf *c)
{
	c->k_target = v->k_target;
	c->eps = v->eps;
	c->q = v->q;
	c->lookback_days = (uint32_t)v->lookback_days;
	c->min_history_h = hr_ns_to_s(v->min_history_ns) / 3600;
	c->wakeup_us = (double)v->wakeup_ns / 1e3;
	c->max_vcpus = (uint32_t)v->max_vcpus;
	c->max_mem_bytes = v->max_mem_bytes;
	c->m_lo = v->m_lo;
	c->m_hi = v->m_hi;
	c->m2_lo = v->m2_lo;
	c->m2_hi = v->m2_hi;
	c->steal_bad = v->steal_bad;
	c->stall_bad = v->stall_bad;
	c->throttled_bad = v->throttled_bad;
	c->drop_bad = v->drop_bad;
}

uint64_t hr_host_rules_of(const struct hr_host_rules *r, const char *name)
{
	uint64_t of = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (hr_alert_silenced(r->host[i].head.pattern, name))
			of |= 1ULL << i;
	return of;
}

static struct hr_model_keys keys_of(const struct hr_host_rules *r, uint64_t of)
{
	struct hr_model_keys v = *r->base;

	for (uint32_t i = 0; i < r->n; i++)
		if (of >> i & 1)
			hr_conf_over_apply(r->table, &r->host[i].head, &v);
	return v;
}

void hr_host_rules_apply(const struct hr_host_rules *r, uint64_t of, struct hr_model_conf *c)
{
	struct hr_model_keys v;

	if (!of || !r->table)
		return;
	v = keys_of(r, of);
	hr_model_keys_apply(&v, c);
}

/* The last section of @of that has the @bit-th key; -1: [model]. */
static int source(const struct hr_host_rules *r, uint64_t of, size_t bit)
{
	int last = -1;

	for (uint32_t i = 0; i < r->n; i++)
		if ((of >> i & 1) && (r->host[i].head.set >> bit & 1))
			last = (int)i;
	return last;
}

void hr_host_rules_say(const struct hr_host_rules *r, uint64_t of, struct hr_trace *t)
{
	const struct hr_conf_over *o = r->table ? r->table->over : NULL;
	struct hr_model_keys v;

	if (!o)
		return;
	v = keys_of(r, of);
	for (size_t i = 0; i < r->table->n; i++) {
		const struct hr_conf_key *k = &r->table->keys[i];
		char is[64], by[64];
		uint64_t shipped;
		size_t at;
		int from;

		if (strcmp(k->section, o->of) != 0) /* no other lies in hr_model_keys */
			continue;
		at = k->offset - o->from;
		from = source(r, of, at / 8);
		shipped = hr_conf_default_bits(k);
		if (memcmp(&shipped, (const char *)&v + at, sizeof(shipped)) == 0)
			continue;
		(void)hr_conf_value(k, (const char *)&v + at, is, sizeof(is));
		(void)hr_conf_value(k, &shipped, by, sizeof(by));
		if (from < 0)
			hr_trace_say(
				t, "constant %s = %s  (of [model]; by default %s)", k->key, is, by);
		else
			hr_trace_say(t, "constant %s = %s  (of [host \"%s\"]; by default %s)",
				k->key, is, r->host[from].head.pattern, by);
	}
}
