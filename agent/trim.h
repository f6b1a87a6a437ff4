/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives back memory that only the start needed: freed heap (libbpf parses 5 MB of
 * BTF), and library pages mapped around each start-up fault.  Some 35
 * libraries come with libcurl; running, the agent uses few pages of them.
 */
#pragma once

/*
 * Once, when all is open and again after the first POST.  Pages still needed come back
 * from the page cache with a minor fault.  Never touches a mapping that holds a private
 * copy (relocations, data).
 */
void hr_trim_memory(void);
