/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples as the body of a Prometheus remote write 1.0 request, before compression.  A request is
 * written series by series: by protobuf's rules messages set one behind the other are one message
 * with all their repeated fields.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/core/remote_conf.h"
#include "collector/core/series.h"

/* Bytes one sample takes at most: labels of this many bytes each, and what is around them. */
#define HR_WRITE_SERIES_MAX                                                                        \
	((HR_SERIES_LABELS_MAX + HR_REMOTE_LABELS_MAX + 1) *                                       \
			(HR_REMOTE_KEY_LEN + HR_SERIES_HOST_LEN + HR_REMOTE_VALUE_LEN + 16) +      \
		64)

/*
 * Appends one sample of @at_ms (Unix ms) with @more labels (NULL: none) to @buf.  Labels are put
 * in order of name; those with an empty value are left out.  Bytes written, or 0 when @cap is too
 * small.  A name occurs once among the series' own and @more: the caller's duty.
 */
size_t hr_write_request_put(const struct hr_series *s, const struct hr_remote_labels *more,
	int64_t at_ms, void *buf, size_t cap);

/* The NaN that ends a series: 0x7ff0000000000002, and no other one is taken for it. */
double hr_write_request_stale(void);
