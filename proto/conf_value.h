/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the keys of conf.h, for conf.c only. */
#pragma once

#include "proto/conf.h"

union hr_conf_number {
	uint64_t u64;
	double f64;
	bool b;
};

/* Whether @s is a value of @k; a number is in @ret then. */
bool hr_conf_read(const struct hr_conf_key *k, const char *s, union hr_conf_number *ret);
void hr_conf_store(
	const struct hr_conf_key *k, const char *s, const union hr_conf_number *v, char *to);
/* "a time ..., from 1s to 1d": a bound is told in the unit in which it would be written. */
void hr_conf_expected(const struct hr_conf_key *k, char *buf, size_t cap);
