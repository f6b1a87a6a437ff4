// SPDX-License-Identifier: Apache-2.0
/* The only includer of remote_write.pb-c.h; protobuf-c allocates nothing when it packs. */
#include "collector/core/write_request.h"

#include <string.h>

#include "remote_write.pb-c.h"

#define LABELS_MAX (HR_SERIES_LABELS_MAX + HR_REMOTE_LABELS_MAX + 1)

struct labels {
	Prometheus__Label label[LABELS_MAX];
	Prometheus__Label *at[LABELS_MAX]; /* in order of name */
	size_t n;
};

/* In its place; at most a dozen, so the place is looked for one by one. */
static void insert(struct labels *l, const char *name, const char *value)
{
	Prometheus__Label *one = &l->label[l->n];
	size_t i = l->n;

	if (!value[0])
		return;
	prometheus__label__init(one);
	one->name = (char *)name; /* packing changes nothing */
	one->value = (char *)value;
	for (; i > 0 && strcmp(l->at[i - 1]->name, name) > 0; i--)
		l->at[i] = l->at[i - 1];
	l->at[i] = one;
	l->n++;
}

size_t hr_write_request_put(const struct hr_series *s, const struct hr_remote_labels *more,
	int64_t at_ms, void *buf, size_t cap)
{
	Prometheus__WriteRequest request = PROMETHEUS__WRITE_REQUEST__INIT;
	Prometheus__TimeSeries series = PROMETHEUS__TIME_SERIES__INIT, *one_series = &series;
	Prometheus__Sample sample = PROMETHEUS__SAMPLE__INIT, *one_sample = &sample;
	struct labels l = {.n = 0};

	insert(&l, "__name__", s->name);
	for (unsigned i = 0; i < s->n; i++)
		insert(&l, s->label[i].key, s->label[i].value);
	for (unsigned i = 0; more && i < more->n; i++)
		insert(&l, more->label[i].key, more->label[i].value);
	memcpy(&sample.value, &s->v, sizeof(s->v)); /* the bits: a NaN keeps its own */
	sample.timestamp = at_ms;
	series.n_labels = l.n;
	series.labels = l.at;
	series.n_samples = 1;
	series.samples = &one_sample;
	request.n_timeseries = 1;
	request.timeseries = &one_series;
	if (protobuf_c_message_get_packed_size(&request.base) > cap)
		return 0;
	return protobuf_c_message_pack(&request.base, buf);
}

double hr_write_request_stale(void)
{
	const uint64_t bits = 0x7ff0000000000002;
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}
