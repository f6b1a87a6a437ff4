// SPDX-License-Identifier: Apache-2.0
/* Hosts by number and by id (open addressing; ids are HMAC output, so their first bytes are a
 * hash). */
#include "collector/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/snapshot.h"

static uint32_t hash(const uint8_t id[HR_HOST_ID_LEN])
{
	uint64_t a, b;

	memcpy(&a, id, 8);
	memcpy(&b, id + 8, 8);
	/* a hostile sender chooses its id: mix all of it, so that runs need real work */
	a = (a ^ (b << 1 | b >> 63)) * 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(a >> 32);
}

static void fill_slots(const struct hr_hosts *h, uint32_t *slot, uint32_t n_slots)
{
	for (uint32_t i = 0; i < h->n; i++) {
		uint32_t s = hash(h->by_no[i]->id) & (n_slots - 1);

		while (slot[s] != 0)
			s = (s + 1) & (n_slots - 1);
		slot[s] = i + 1;
	}
}

static int grow_slots(struct hr_hosts *h, uint32_t n_slots)
{
	uint32_t *slot = calloc(n_slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	fill_slots(h, slot, n_slots);
	free(h->slot);
	h->slot = slot;
	h->n_slots = n_slots;
	return 0;
}

int hr_hosts_init(struct hr_hosts *h, uint32_t max)
{
	*h = (struct hr_hosts){.max = max, .next_no = 1};
	return grow_slots(h, 64);
}

static void free_host(struct hr_host *host)
{
	hr_vm_free(host->vm);
	hr_view_unref(host->view);
	hr_host_drop_boots(host);
	free(host->boot);
	free(host);
}

void hr_hosts_done(struct hr_hosts *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		free_host(h->by_no[i]);
	free(h->by_no);
	free(h->slot);
	*h = (struct hr_hosts){0};
}

struct hr_host *hr_hosts_find(const struct hr_hosts *h, const uint8_t id[HR_HOST_ID_LEN])
{
	for (uint32_t s = hash(id) & (h->n_slots - 1); h->slot[s] != 0;
		s = (s + 1) & (h->n_slots - 1)) {
		struct hr_host *host = h->by_no[h->slot[s] - 1];

		if (memcmp(host->id, id, HR_HOST_ID_LEN) == 0)
			return host;
	}
	return NULL;
}

uint32_t hr_hosts_from(const struct hr_hosts *h, uint32_t no)
{
	uint32_t lo = 0, hi = h->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (h->by_no[mid]->no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct hr_host *hr_hosts_by_no(const struct hr_hosts *h, uint32_t no)
{
	uint32_t i = hr_hosts_from(h, no);

	return i < h->n && h->by_no[i]->no == no ? h->by_no[i] : NULL;
}

/* Numbers ascend when one process gives them; with others, one that it learns of may lie between.
 */
static void insert(struct hr_hosts *h, struct hr_host *host)
{
	uint32_t i = h->n;

	for (; i > 0 && h->by_no[i - 1]->no > host->no; i--)
		h->by_no[i] = h->by_no[i - 1];
	h->by_no[i] = host;
	h->n++;
	memset(h->slot, 0, h->n_slots * sizeof(*h->slot));
	fill_slots(h, h->slot, h->n_slots);
}

struct hr_host *hr_hosts_add(struct hr_hosts *h, const uint8_t id[HR_HOST_ID_LEN], uint32_t no)
{
	struct hr_host *host;
	uint32_t s;

	if (h->n >= h->max || (no == 0 && h->next_no > HR_STORE_HOST_MAX))
		return NULL;
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? 2 * h->cap : 64;
		struct hr_host **p = realloc(h->by_no, cap * sizeof(struct hr_host *));

		if (!p)
			return NULL;
		h->by_no = p;
		h->cap = cap;
	}
	if (2 * (h->n + 1) > h->n_slots && grow_slots(h, 2 * h->n_slots) < 0)
		return NULL;
	host = calloc(1, sizeof(*host));
	if (!host)
		return NULL;
	memcpy(host->id, id, HR_HOST_ID_LEN);
	host->no = no ? no : h->next_no;
	if (h->n > 0 && host->no < h->by_no[h->n - 1]->no) {
		insert(h, host);
		return host;
	}
	h->next_no = host->no + 1;
	h->by_no[h->n++] = host;
	s = hash(id) & (h->n_slots - 1);
	while (h->slot[s] != 0)
		s = (s + 1) & (h->n_slots - 1);
	h->slot[s] = h->n;
	return host;
}

void hr_hosts_undo_add(struct hr_hosts *h)
{
	struct hr_host *host = h->by_no[h->n - 1];

	/* the last one put in lies at the end of its run: nothing is found through it */
	for (uint32_t s = hash(host->id) & (h->n_slots - 1);; s = (s + 1) & (h->n_slots - 1)) {
		if (h->slot[s] == h->n) {
			h->slot[s] = 0;
			break;
		}
	}
	h->n--;
	h->next_no = host->no;
	free_host(host);
}

void hr_hosts_remove(struct hr_hosts *h, struct hr_host *host)
{
	uint32_t i = 0;

	while (h->by_no[i] != host)
		i++;
	memmove(&h->by_no[i], &h->by_no[i + 1], (h->n - i - 1) * sizeof(struct hr_host *));
	h->n--;
	/* every index behind it moved */
	memset(h->slot, 0, h->n_slots * sizeof(*h->slot));
	fill_slots(h, h->slot, h->n_slots);
	free_host(host);
}

struct hr_boot *hr_host_boot(const struct hr_host *host, uint64_t boot)
{
	/* the newest boot is nearly always the one */
	for (uint32_t i = host->n_boots; i > 0; i--) {
		if (host->boot[i - 1].now.boot == boot)
			return &host->boot[i - 1];
	}
	return NULL;
}

#define POSTS_A_SECOND 1000U
#define WINDOW_MS      10000U
#define PERIOD_MOST_MS (10ULL * WINDOW_MS) /* all are back within it after a restart */

uint64_t hr_hosts_period_ms(uint32_t hosts, uint64_t least_ms)
{
	uint64_t a_window = POSTS_A_SECOND * WINDOW_MS / 1000; /* hosts that post once in one */
	uint64_t ms = (hosts + a_window - 1) / a_window * WINDOW_MS;

	ms = ms < PERIOD_MOST_MS ? ms : PERIOD_MOST_MS;
	return ms > least_ms ? ms : least_ms;
}

#define PHASE_BLOCK 64U /* rows of 64 hosts are some 50 KB: a dozen pages written in order */

uint64_t hr_hosts_phase_ms(uint32_t no, uint32_t hosts, uint64_t period_ms)
{
	uint64_t size = 1, places = 1, at = 0;
	uint64_t i = no - 1;

	while (size < PHASE_BLOCK && size < hosts)
		size *= 2;
	while (places * size < hosts)
		places *= 2;
	for (uint64_t bit = places / 2, block = i / size; bit > 0; bit /= 2, block /= 2)
		at += block & 1 ? bit : 0;
	return period_ms * (at * size + i % size) / (places * size);
}

void hr_boot_get(const struct hr_host *host, const struct hr_boot *b, struct hr_store_boot *ret_v)
{
	const struct hr_boot_kept *k = &b->now;

	/* member by member: what lies behind the gaps that there are is left as it is */
	ret_v->host_no = host->no;
	ret_v->boot = k->boot;
	ret_v->ord = k->ord;
	ret_v->offset_ms = k->offset_ms;
	ret_v->first_ms = k->first_ms;
	ret_v->windows = k->windows;
	ret_v->heard_ms = k->heard_ms;
	ret_v->seq.any = k->any;
	ret_v->seq.high = k->high;
	ret_v->seq.bits = k->bits;
	ret_v->seq.floor = k->floor;
	ret_v->seq.n_gaps = k->n_gaps;
	if (k->n_gaps > 0)
		memcpy(ret_v->seq.gap, k->gap, k->n_gaps * sizeof(k->gap[0]));
}

/* What is committed may share the gaps. */
static void free_gaps(struct hr_boot *b)
{
	if (!b->before || b->before->gap != b->now.gap)
		free(b->now.gap);
	b->now.gap = NULL;
	b->now.n_gaps = 0;
}

static void free_boot(struct hr_boot *b)
{
	free_gaps(b);
	if (b->before)
		free(b->before->gap);
	free(b->before);
	b->before = NULL;
}

bool hr_boot_set(struct hr_boot *b, const struct hr_store_boot *v)
{
	size_t len = v->seq.n_gaps * sizeof(v->seq.gap[0]);
	struct hr_hostseq_gap *gap = b->now.gap;

	if (v->seq.n_gaps != b->now.n_gaps || (len > 0 && memcmp(gap, v->seq.gap, len) != 0)) {
		gap = len > 0 ? malloc(len) : NULL;
		if (len > 0 && !gap)
			return false;
		if (gap)
			memcpy(gap, v->seq.gap, len);
		free_gaps(b);
	}
	b->now = (struct hr_boot_kept){.boot = v->boot,
		.high = v->seq.high,
		.bits = v->seq.bits,
		.floor = v->seq.floor,
		.offset_ms = v->offset_ms,
		.first_ms = v->first_ms,
		.windows = v->windows,
		.heard_ms = v->heard_ms,
		.gap = gap,
		.ord = v->ord,
		.n_gaps = v->seq.n_gaps,
		.any = v->seq.any};
	return true;
}

bool hr_boot_hold(struct hr_boot *b)
{
	if (b->before || !b->is_stored)
		return true;
	b->before = malloc(sizeof(*b->before));
	if (b->before)
		*b->before = b->now;
	return b->before;
}

void hr_boot_settle(struct hr_boot *b, bool durable)
{
	if (durable && b->touched) {
		b->is_stored = true;
		if (b->before && b->before->gap != b->now.gap)
			free(b->before->gap);
	} else if (b->before) {
		free_gaps(b);
		b->now = *b->before;
	} else if (!b->is_stored) { /* nothing of it is stored: it keeps only its names */
		free_gaps(b);
		b->now = (struct hr_boot_kept){
			.boot = b->now.boot, .ord = b->now.ord, .offset_ms = b->now.offset_ms};
	}
	b->touched = false;
	free(b->before);
	b->before = NULL;
}

int64_t hr_host_offset(const struct hr_host *host, uint32_t boot_ord)
{
	for (uint32_t i = 0; i < host->n_boots; i++) {
		if (host->boot[i].now.ord == boot_ord)
			return host->boot[i].now.offset_ms;
	}
	return 0;
}

struct hr_boot *hr_host_oldest_boot(const struct hr_host *host, uint64_t now_ms)
{
	struct hr_boot *oldest = NULL;

	for (uint32_t i = 0; i < host->n_boots; i++) {
		struct hr_boot *b = &host->boot[i];

		if (!b->touched && !b->going && (!oldest || b->now.heard_ms < oldest->now.heard_ms))
			oldest = b;
	}
	return oldest && oldest->now.heard_ms + HR_BOOT_KEEP_MS < now_ms ? oldest : NULL;
}

void hr_host_drop_boot(struct hr_host *host, uint64_t boot)
{
	struct hr_boot *b = hr_host_boot(host, boot);

	if (!b)
		return;
	free_boot(b);
	memmove(b, b + 1, (size_t)(&host->boot[host->n_boots] - (b + 1)) * sizeof(*b));
	host->n_boots--;
}

void hr_host_drop_boots(struct hr_host *host)
{
	for (uint32_t i = 0; i < host->n_boots; i++)
		free_boot(&host->boot[i]);
	host->n_boots = 0;
}

struct hr_boot *hr_host_add_boot(struct hr_host *host, uint64_t boot, uint32_t ord)
{
	struct hr_boot *b;
	uint32_t staying = 0;

	for (uint32_t i = 0; i < host->n_boots; i++)
		staying += !host->boot[i].going;
	if (staying >= HR_BOOTS_MAX)
		return NULL;
	if (host->n_boots == host->cap_boots) {
		/* most have one */
		uint32_t cap = host->cap_boots ? 2 * host->cap_boots : 1;
		struct hr_boot *p = realloc(host->boot, cap * sizeof(*p));

		if (!p)
			return NULL;
		host->boot = p;
		host->cap_boots = cap;
	}
	b = &host->boot[host->n_boots++];
	*b = (struct hr_boot){.now = {.boot = boot}};
	b->now.ord = ord ? ord : host->last_ord + 1;
	if (b->now.ord > host->last_ord)
		host->last_ord = b->now.ord;
	return b;
}
