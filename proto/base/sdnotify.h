/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's notification protocol: one datagram to $NOTIFY_SOCKET; nothing when that is unset. */
#pragma once

/* @state: lines as in sd_notify(3), e.g. "READY=1\nSTATUS=...". 0 or -errno. */
int hr_sd_notify(const char *state);
