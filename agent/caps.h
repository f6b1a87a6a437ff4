/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights of the agent: CAP_BPF and CAP_PERFMON to load and attach, none after.
 * Everything that runs later (map reads, iterators of held links, detaching,
 * /proc, netlink) works without any (ecosystem.md 5.1), so none is kept.
 *
 * The user id stays as it is: under systemd the unit already runs as
 * headroom-agent; started by hand as root it stays uid 0, but without a capability and
 * with no_new_privs uid 0 is only the owner of root's files.  Its bounding set is emptied too, so
 * no later exec gets anything back.
 */
#pragma once

/*
 * Gives up every capability of this process, for good, and verifies it.  0 or
 * -errno: then the caller must not go on (it would run with rights it says it has not).
 */
int hr_caps_drop(void);
