/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of wire.c: the distributions of a summary, the virtual queue and the replay, which
 * travel as one string of bits (field bits of headroom.proto), or in what is stored of older
 * agents as bits, vq and replay apart.
 */
#pragma once

#include "proto/summary.h"
#include "proto/wire.h"

struct Headroom__Summary;

/* @m is unpacked and its devices are checked. */
enum hr_wire_error hr_wire_check_bits(const struct Headroom__Summary *m);
/*
 * The same checks, and what passes is in @ret, whose signals and devices are filled in already:
 * decoding distributions is a third of what a window costs, so that is done once.
 */
enum hr_wire_error hr_wire_take_bits(const struct Headroom__Summary *m, struct hr_summary *ret);
