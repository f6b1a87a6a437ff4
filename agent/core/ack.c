/* SPDX-License-Identifier: Apache-2.0 */
/* Headroom-Ack header; see ack.h. */
#include "agent/core/ack.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/num.h"

enum key {
	KEY_SEQ,
	KEY_PHASE,
	KEY_PERIOD,
	KEY_BACKLOG,
	KEY_N,
};

static const char *const names[KEY_N] = {"seq", "phase", "period", "backlog"};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Number of the key in [p, p + n), KEY_N when it is none of ours. */
static enum key key_of(const char *p, size_t n)
{
	for (int k = 0; k < KEY_N; k++)
		if (strlen(names[k]) == n && memcmp(p, names[k], n) == 0)
			return (enum key)k;
	return KEY_N;
}

bool hr_ack_parse(const char *text, size_t len, struct hr_ack *ret)
{
	uint64_t v[KEY_N] = {0};
	unsigned have = 0;
	const char *p = text, *end = text + len;

	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p)), *eq, *last;
		enum key k;

		if (!stop)
			stop = end;
		last = stop;
		while (p < last && blank(*p))
			p++;
		while (p < last && blank(last[-1]))
			last--;
		eq = p < last ? memchr(p, '=', (size_t)(last - p)) : NULL;
		if (!eq)
			return false;
		k = key_of(p, (size_t)(eq - p));
		if (k < KEY_N) {
			if (have & 1u << k || !hr_num_u64_n(eq + 1, (size_t)(last - eq - 1), &v[k]))
				return false;
			have |= 1u << k;
		}
		p = stop + 1;
	}
	if (!(have & 1u << KEY_SEQ) || v[KEY_PERIOD] > HR_ACK_PERIOD_MAX_MS ||
		(v[KEY_PERIOD] > 0 && v[KEY_PHASE] >= v[KEY_PERIOD]))
		return false;
	*ret = (struct hr_ack){.seq = v[KEY_SEQ],
		.phase_ms = v[KEY_PHASE],
		.period_ms = v[KEY_PERIOD],
		.backlog = v[KEY_BACKLOG] > HR_BATCH_MAX ? HR_BATCH_MAX : (uint32_t)v[KEY_BACKLOG],
		.has_backlog = have & 1u << KEY_BACKLOG};
	return true;
}
