/* SPDX-License-Identifier: Apache-2.0 */
/* What [remote_write] of the configuration says, as far as text alone can be judged. */
#pragma once

#include <stdbool.h>

#include "collector/core/config.h"

#define HR_REMOTE_LABELS_MAX 8
#define HR_REMOTE_KEY_LEN    64
#define HR_REMOTE_VALUE_LEN  128

/* Labels that every series gets besides its own; each name once, none of headroom's own. */
struct hr_remote_labels {
	unsigned n;
	struct {
		char key[HR_REMOTE_KEY_LEN];
		char value[HR_REMOTE_VALUE_LEN];
	} label[HR_REMOTE_LABELS_MAX];
};

/* "cluster=eu-1, team=web" -> labels.  False with a message in @err. */
bool hr_remote_labels_parse(const char *text, struct hr_remote_labels *ret, char err[256]);

/*
 * Whether the section can be used: an address without a secret in it, a token only where nobody
 * listens, labels that do not clash.  Without a url nothing is looked at.
 */
bool hr_remote_conf_check(const struct hr_collector_config *c, char err[256]);
/* The section is the same in both; files may differ. */
bool hr_remote_conf_same(const struct hr_collector_config *a, const struct hr_collector_config *b);
