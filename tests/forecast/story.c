/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: forecast_story DIRECTORY NAME SCENE NOW_S
 * The past of a made-up VM as bodies of POST /v1/summaries, DIRECTORY/NAME-000.post and so on, that
 * ends just before NOW_S (Unix, cut to a whole hour); what then changes in NAME-change.post.
 *   day, night  two days of minutes; day: 1 core and 500 requests/s from 8 to 20 h UTC, else a
 *               quarter and a fifth of it; night: 0.25 cores and 250 by day, 1.75 and 900 else
 *   full        28 days of hours with both vCPUs busy in every slot; then there are 4
 *   disk        28 days of hours at 500 requests/s of 1000; then 3000 are allowed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/num.h"
#include "proto/wire.h"
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#define DAY_S 86400

struct scene {
	const char *name;
	uint32_t days, every_s;
	uint64_t cap_iops;
	double cores[2], ops[2]; /* by day, else */
	bool full;
};

static const struct scene scenes[] = {
	{"day", 2, 60, 2000, {1, 0.25}, {500, 100}, false},
	{"night", 2, 60, 2000, {0.25, 1.75}, {250, 900}, false},
	{"full", 28, 3600, 0, {2, 2}, {0, 0}, true},
	{"disk", 28, 3600, 1000, {0.02, 0.02}, {500, 500}, false},
};

static struct {
	const char *dir, *name;
	const struct scene *scene;
	uint64_t seq;
	struct hr_facts facts;
	struct hr_wire_builder w;
	unsigned char body[HR_BODY_MAX];
	unsigned posts;
} st;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "forecast_story: %s\n", what);
	exit(1);
}

static void open_post(bool facts)
{
	unsigned char bytes[4096];
	uint8_t id[HR_HOST_ID_LEN] = {0x57};
	size_t n = strlen(st.name);

	memcpy(id + 1, st.name, n < 15 ? n : 15);
	must(hr_wire_batch_begin(&st.w, st.body, sizeof(st.body), id, 77), "no room");
	n = facts ? hr_wire_encode_facts(&st.facts, bytes, sizeof(bytes)) : 0;
	must(!facts || (n && hr_wire_batch_facts(&st.w, bytes, n)), "no room for facts");
}

static void close_post(const char *what)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s-%s.post", st.dir, st.name, what);
	f = fopen(path, "we");
	must(f && fwrite(st.body, 1, st.w.len, f) == st.w.len && fclose(f) == 0, path);
}

/* The window that ends at @end_s. */
static void window(uint64_t end_s)
{
	const struct scene *c = st.scene;
	unsigned off = (end_s - 1) % DAY_S / 3600 < 8 || (end_s - 1) % DAY_S / 3600 >= 20;
	struct hr_summary *s = fx_idle(st.seq);
	struct hr_dev_summary *d = &s->dev[0];
	uint32_t ms = c->every_s * 1000;
	unsigned char bytes[8192];
	size_t n;

	s->dur_ms = ms;
	s->t_end_ms = end_s * 1000;
	s->cpus = st.facts.cpus_online;
	s->ctr[HR_CTR_SLOT_N] = c->every_s * 119ULL;
	s->ctr[HR_CTR_ONCPU_NS] = (uint64_t)(c->cores[off] * 1e6 * ms);
	s->ctr[HR_CTR_BUSY_ALL_N] = c->full ? s->ctr[HR_CTR_SLOT_N] : 0;
	memset(&s->dist[HR_DIST_BUSY_1S], 0, sizeof(s->dist[0]));
	hr_hist_add(&s->dist[HR_DIST_BUSY_1S], (uint64_t)(1000 * c->cores[off]), c->every_s);
	n = (size_t)(c->ops[off] * c->every_s);
	d->ctr[HR_DCTR_IO_RD_N] = d->ctr[HR_DCTR_RD_N] = n;
	d->ctr[HR_DCTR_IO_RD_BYTES] = d->ctr[HR_DCTR_RD_BYTES] = n * 4096;
	d->ctr[HR_DCTR_L0_RD_US] = 300;
	if (n) {
		hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], (uint64_t)(c->ops[off] / 10), ms / 100);
		hr_hist_add(&d->dist[HR_DDIST_RD_LAT], 300, (uint32_t)n);
	}
	n = hr_wire_encode_summary(s, bytes, sizeof(bytes));
	must(n && hr_wire_batch_add(&st.w, bytes, n), "a window does not fit");
	st.seq++;
	free(s);
}

static void past(uint64_t now_s)
{
	uint64_t all = (uint64_t)st.scene->days * DAY_S / st.scene->every_s, at = 0;
	char no[8];

	while (at < all) {
		open_post(at == 0);
		for (unsigned i = 0; i < HR_BATCH_MAX && at < all; i++)
			window(now_s - (all - ++at) * st.scene->every_s);
		(void)snprintf(no, sizeof(no), "%03u", st.posts++);
		close_post(no);
	}
}

int main(int argc, char **argv)
{
	uint64_t now_s;

	must(argc == 5 && hr_num_u64(argv[4], 1000000000, 9000000000, &now_s),
		"see the top of tests/forecast/story.c");
	st.dir = argv[1];
	st.name = argv[2];
	for (unsigned i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		st.scene = strcmp(scenes[i].name, argv[3]) == 0 ? &scenes[i] : st.scene;
	must(st.scene, "no such scene");
	now_s = now_s / 3600 * 3600 - st.scene->every_s; /* the change is in the past, too */
	st.facts = fx_facts();
	(void)snprintf(st.facts.name, sizeof(st.facts.name), "%s", st.name);
	(void)snprintf(st.facts.provider, sizeof(st.facts.provider), "aws");
	(void)snprintf(st.facts.instance_type, sizeof(st.facts.instance_type), "m5.large");
	st.facts.mem_total_bytes = 7800 * FX_MIB; /* of 8 GiB sold */
	st.facts.dev[0].cap_iops = st.scene->cap_iops;
	past(now_s);
	if (st.scene->full)
		st.facts.cpus_online = st.facts.cpus_possible = 4;
	else
		st.facts.dev[0].cap_iops = 3000;
	open_post(true);
	window(now_s + st.scene->every_s);
	close_post("change");
	return 0;
}
