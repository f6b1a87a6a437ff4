/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes that can be bought, as data: a text of tab-separated columns (see
 * deploy/sizes.tsv), '-' = not known.  Known are provider, family, name and
 * vCPUs of every row; each limit may be unknown and is then never taken for
 * unlimited or for doubled.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

#define HR_CATALOGUE_MAX 8192 /* rows of both files together */
#define HR_SIZE_NAME_LEN 40

enum hr_size_limit {
	HR_SIZE_NET_BASE = 0, /* bytes per second */
	HR_SIZE_NET_MAX,
	HR_SIZE_DISK_BASE_IOPS,
	HR_SIZE_DISK_MAX_IOPS,
	HR_SIZE_DISK_BASE_BYTES,
	HR_SIZE_DISK_MAX_BYTES,
	HR_SIZE_LIMIT_N,
};

struct hr_size_row {
	char provider[16], family[24], name[HR_SIZE_NAME_LEN];
	uint32_t vcpus;
	uint64_t mem_bytes; /* as sold; Linux sees up to 13 % less; 0 not known */
	char arch[12];
	double limit[HR_SIZE_LIMIT_N]; /* 0 not known */
	double price;                  /* as the operator told it; 0 not told, never guessed */
	char price_unit[16];           /* "USD/h" */
};

struct hr_catalogue {
	struct hr_size_row *row; /* sorted by provider, family, vCPUs, memory */
	uint32_t n;
};

/*
 * Adds the rows of @text to @row (room for HR_CATALOGUE_MAX, *n used).  False with "line N: ..." in
 * @err, *n unchanged: a wrong line must not quietly shorten a ladder.
 */
bool hr_catalogue_parse(
	const char *text, size_t len, struct hr_size_row *row, uint32_t *n, char err[160]);
/*
 * Prices of the operator: lines "provider, name, price, unit" with tabs between, '#' begins a
 * comment, no line of names.  @c is sorted.  False with "line N: ..." in @err when a line is wrong
 * or names a size that @c does not have: a price must not quietly be left out.
 */
bool hr_catalogue_prices(const char *text, size_t len, struct hr_catalogue *c, char err[160]);
/* Orders the rows; to be called once after parsing. */
void hr_catalogue_sort(struct hr_catalogue *c);

/* By name; @provider "" = any.  NULL: not in the catalogue. */
const struct hr_size_row *hr_catalogue_find(
	const struct hr_catalogue *c, const char *provider, const char *name);
/*
 * Whether a VM with @vcpus and @mem_bytes (MemTotal) can be of this size: what somebody told or DMI
 * says may be another one.  Linux sees 0.87 of the smallest sizes' memory, more of the others'.
 */
bool hr_catalogue_fits(const struct hr_size_row *row, uint32_t vcpus, uint64_t mem_bytes);
/* The family of a row: first row of it, and how many. */
const struct hr_size_row *hr_catalogue_family(
	const struct hr_catalogue *c, const struct hr_size_row *of, uint32_t *ret_n);
