/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel offers to BPF, read from its BTF and our capabilities: the input of
 * core/ladder.c. */
#pragma once

#include "agent/core/ladder.h"

/* Never fails: what cannot be read is absent in the facts. */
void hr_kernel_probe(struct hr_kernel_facts *ret_facts);

struct bpf_program;

/* Puts the kernel's cast (facts->cast) where @prog, not loaded yet, has HR_CALL_CAST.  0 or -errno.
 */
int hr_kernel_put_cast(const struct hr_kernel_facts *facts, struct bpf_program *prog);
