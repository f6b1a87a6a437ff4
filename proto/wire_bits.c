/* SPDX-License-Identifier: Apache-2.0 */
/* Distributions and grids of a summary, in both forms; see wire_bits.h. */
#include "proto/wire_bits.h"

#include <string.h>

#include "headroom.pb-c.h"
#include "proto/grid_bits.h"
#include "proto/hist_bits.h"

#define CELLS ((size_t)HR_VQ_ROWS * HR_VQ_GRID)

/* Summaries of the older form have their distributions alone in a field, without groups. */
static bool older(const Headroom__Summary *m)
{
	return !m->has_bits;
}

static struct hr_bits bits_of(const Headroom__Summary *m)
{
	if (older(m))
		return (struct hr_bits){m->dist.data, m->dist.len, 0};
	return (struct hr_bits){m->bits.data, m->bits.len, 0};
}

static bool get_dist(const Headroom__Summary *m, struct hr_bits *b, struct hr_hist *ret)
{
	return older(m) ? hr_hist_get_plain(b, ret) : hr_hist_get(b, ret);
}

/* What follows the distributions.  Nothing in @ret but for grids that are there. */
struct grids {
	uint32_t vq[HR_VQ_ROWS][HR_VQ_GRID];
	struct hr_replay_sum replay;
};

static bool get_grids(struct hr_bits *b, struct grids *ret)
{
	uint64_t there;

	memset(ret, 0, sizeof(*ret));
	if (!hr_bits_get(b, 1, &there) || (there && !hr_grid_get(b, ret->vq)))
		return false;
	return hr_bits_get(b, 1, &there) &&
	       (!there || (hr_grid_get(b, ret->replay.late) && hr_grid_get(b, ret->replay.tot)));
}

static enum hr_wire_error check_grids(struct hr_bits *b, struct grids *ret)
{
	if (!get_grids(b, ret))
		return HR_WIRE_COLUMNS;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned i = 0; i < HR_VQ_GRID; i++)
			if (ret->replay.late[r][i] >
				ret->replay.tot[r][i]) /* more than there are */
				return HR_WIRE_VALUE;
	return HR_WIRE_OK;
}

/* Grids of the older form: columns of 48, and twice 48 numbers. */
static enum hr_wire_error check_older_grids(const Headroom__Summary *m)
{
	if ((m->n_vq != 0 && m->n_vq != CELLS) || (m->n_replay != 0 && m->n_replay != 2 * CELLS))
		return HR_WIRE_COLUMNS;
	for (size_t i = 0; i < m->n_replay / 2; i++)
		if (m->replay[i] > m->replay[CELLS + i]) /* more late than there are */
			return HR_WIRE_VALUE;
	return HR_WIRE_OK;
}

/* Rows of growth inside bursts; those of independent growth are not sent, whatever is there. */
static bool get_queued(const Headroom__Summary *m, struct hr_replay_sum *ret)
{
	struct hr_bits b = {m->queued.data, m->queued.len, 0};
	uint32_t v[HR_VQ_ROWS][HR_VQ_GRID];

	if (!m->has_queued)
		return true;
	if (!hr_grid_get(&b, v) || !hr_bits_done(&b))
		return false;
	memcpy(ret->queued, v, sizeof(ret->queued));
	return true;
}

static bool is_form(const Headroom__Summary *m)
{
	if (older(m) ? m->has_queued : m->has_dist || m->n_vq || m->n_replay)
		return false;
	return m->n_dist_set == 0 || m->n_dist_set == m->n_dev + 1;
}

enum hr_wire_error hr_wire_check_bits(const Headroom__Summary *m)
{
	struct hr_bits b = bits_of(m);
	enum hr_wire_error e;
	struct grids g;

	if (!is_form(m))
		return HR_WIRE_COLUMNS;
	for (size_t i = 0; i < m->n_dist_set; i++)
		for (uint32_t set = m->dist_set[i]; set != 0; set &= set - 1)
			if (!hr_hist_pass(&b, older(m)))
				return HR_WIRE_HIST;
	e = older(m) ? check_older_grids(m) : check_grids(&b, &g);
	if (e != HR_WIRE_OK)
		return e;
	return hr_bits_done(&b) && get_queued(m, &g.replay) ? HR_WIRE_OK : HR_WIRE_COLUMNS;
}

/* Where distribution @id goes; NULL when it is newer than this program or its signal is missing. */
static struct hr_hist *dist_place(struct hr_summary *s, size_t word, unsigned id)
{
	struct hr_dev_summary *d;

	if (word == 0) {
		if (id >= HR_DIST_N || !hr_has(s, hr_dist_signal((enum hr_dist)id)))
			return NULL;
		return &s->dist[id];
	}
	d = &s->dev[word - 1];
	if (id >= HR_DDIST_N || !(d->have & HR_SIG_BIT(hr_ddist_signal((enum hr_ddist)id))))
		return NULL;
	return &d->dist[id];
}

static void copy_grids(const struct grids *g, struct hr_summary *ret)
{
	if (hr_has(ret, HR_SIG_BURSTS))
		memcpy(ret->vq_bad, g->vq, sizeof(ret->vq_bad));
	if (hr_has(ret, HR_SIG_REPLAY))
		ret->replay = g->replay;
}

static void copy_older_grids(const Headroom__Summary *m, struct hr_summary *ret)
{
	struct grids g = {0};

	for (size_t i = 0; i < m->n_vq; i++)
		g.vq[i / HR_VQ_GRID][i % HR_VQ_GRID] = m->vq[i];
	for (size_t i = 0; i < m->n_replay / 2; i++) {
		g.replay.late[i / HR_VQ_GRID][i % HR_VQ_GRID] = m->replay[i];
		g.replay.tot[i / HR_VQ_GRID][i % HR_VQ_GRID] = m->replay[CELLS + i];
	}
	copy_grids(&g, ret);
}

enum hr_wire_error hr_wire_take_bits(const Headroom__Summary *m, struct hr_summary *ret)
{
	struct hr_bits b = bits_of(m);
	enum hr_wire_error e;
	struct hr_hist unused;
	struct grids g;

	if (!is_form(m))
		return HR_WIRE_COLUMNS;
	for (size_t i = 0; i < m->n_dist_set; i++) {
		for (uint32_t set = m->dist_set[i]; set != 0; set &= set - 1) {
			struct hr_hist *h = dist_place(ret, i, (unsigned)__builtin_ctz(set));

			if (!get_dist(m, &b, h ? h : &unused))
				return HR_WIRE_HIST;
		}
	}
	e = older(m) ? check_older_grids(m) : check_grids(&b, &g);
	if (e != HR_WIRE_OK)
		return e;
	if (older(m)) /* from before there was such a field */
		copy_older_grids(m, ret);
	else if (!get_queued(m, &g.replay))
		return HR_WIRE_COLUMNS;
	else
		copy_grids(&g, ret);
	return hr_bits_done(&b) ? HR_WIRE_OK : HR_WIRE_COLUMNS;
}
