/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of one host as named series: one list for GET /metrics and for remote write, so
 * that both say the same under the same name.  A number that is not known has no sample.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

#define HR_SERIES_LABELS_MAX 6

struct hr_label {
	const char *key, *value;
};

/* One sample.  Texts belong to the caller; a label's value may be empty, and is not escaped. */
struct hr_series {
	const char *name;
	unsigned n; /* labels, "host" first */
	struct hr_label label[HR_SERIES_LABELS_MAX];
	double v; /* finite */
};

struct hr_series_host {
	const char *label; /* value of the label host */
	const struct hr_answer *answer;
	uint64_t heard_ms; /* last new window, Unix ms; 0: none since the start */
};

/* With room for "name@id". */
#define HR_SERIES_HOST_LEN (HR_NAME_LEN + 2 * HR_HOST_ID_LEN + 2)
/* The label host: the name; of a @twin, whose name another host has too, name@id. */
void hr_series_host_label(
	const char *name, const char *id, bool twin, char ret_label[HR_SERIES_HOST_LEN]);

typedef void (*hr_series_fn)(void *arg, const struct hr_series *s);

enum hr_series_kind {
	HR_SERIES_GAUGE = 0,
	HR_SERIES_INFO,     /* 1, and what it says is in its labels */
	HR_SERIES_MEASURED, /* a gauge; by remote write only: it would double a scrape */
};

struct hr_series_family {
	const char *name, *help;
	enum hr_series_kind kind;
	enum hr_unit unit; /* of demand and capacity */
	void (*each)(const struct hr_series_family *f, const struct hr_series_host *h,
		hr_series_fn fn, void *arg);
};
const struct hr_series_family *hr_series_families(size_t *ret_n);

/*
 * Of @a what decides which series it has, numbers left out: two answers of one shape have the
 * same series.  *@ret_shape is an answer again, with other numbers; it must be zeroed before.
 */
void hr_series_shape(const struct hr_answer *a, struct hr_answer *ret_shape);
