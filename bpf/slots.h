/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Time slots: slot number = ns >> HR_SLOT_SHIFT, kept in a ring.  Spreading an
 * interval over the slots it covers makes the sum over slots the time-weighted
 * concurrency (Little's law).  Same lines in BPF, agent and tests; the includer
 * provides uint32_t, uint64_t.
 */
#pragma once

#include "proto/limits.h"
