/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What collectors on one database share beside windows: credentials, and which of them tells
 * alerts.  A connection of its own, so that neither waits for the writer's transactions.  Calls
 * may come from several threads; each may wait some seconds for a server that does not answer.
 */
#pragma once

#include "collector/auth_keep.h"

struct hr_side {
	const struct hr_side_ops *ops;
	struct hr_auth_keep auth; /* closed with the side, not by hr_auth_close() */
};

struct hr_side_ops {
	/* Whether this collector is the one that tells; tries to become it. */
	bool (*elected)(struct hr_side *s);
	/* States of alerts, as the one that told last left them; malloc'd, NULL: not readable. */
	char *(*alerts)(struct hr_side *s, size_t *ret_len);
	/*
	 * Keeps them, durably.  False: not kept, or not the elected one any more: by the session
	 * that holds the lock, so true means that nobody else was elected before it.
	 */
	bool (*put_alerts)(struct hr_side *s, const char *text, size_t len);
	void (*close)(struct hr_side *s);
};
