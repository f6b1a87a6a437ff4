/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives back memory that only the start needed: freed heap (libbpf parses 5 MB of
 * BTF), and library pages mapped around each start-up fault.  Some 35
 * libraries come with libcurl; running, the agent uses few pages of them.  What it does use stays
 * in memory, or a VM that is short of it would not be measured.
 */
#pragma once

#include <stdbool.h>

/*
 * Once, when all is open and again after the first POST.  Pages still needed come back
 * from the page cache with a minor fault.  Never touches a mapping that holds a private
 * copy (relocations, data).
 */
void hr_trim_memory(void);

/*
 * What is mapped now, as far as it is touched now or later, is not taken by reclaim: a tick that
 * waits for a page of its own may be later than the 1.8 s that its ring of slots holds, and then
 * the window has no signal of the CPU.  What is used for the first time where memory is short is
 * waited for all the same.  Needs RLIMIT_MEMLOCK or CAP_IPC_LOCK; false: neither is there (errno),
 * and all works as before.
 */
bool hr_stay_in_memory(void);
