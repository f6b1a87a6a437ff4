/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/num.h"

#define COLUMNS   15
#define LINE_MAX  320
#define VCPUS_MAX 4096

enum column {
	PROVIDER = 0,
	FAMILY,
	NAME,
	VCPUS,
	MEMORY_MIB,
	ARCH,
	GENERATION,
	FIRST_LIMIT, /* six, in the order of enum hr_size_limit */
};

static const char head[] =
	"provider\tfamily\tname\tvcpus\tmemory_mib\tarch\tgeneration\tnet_base_mbps\t"
	"net_max_mbps\tdisk_base_iops\tdisk_max_iops\tdisk_base_bytes_per_s\t"
	"disk_max_bytes_per_s\tsource\tdate";

static bool word(const char *from, char *to, size_t cap)
{
	size_t n = strlen(from);

	if (n == 0 || n >= cap)
		return false;
	for (size_t i = 0; i < n; i++)
		if (from[i] <= ' ' || from[i] > '~')
			return false;
	memcpy(to, from, n + 1);
	return true;
}

/* '-' is 0, unknown; 0 itself is no value of any column. */
static bool number(const char *s, uint64_t max, uint64_t *ret)
{
	*ret = 0;
	return strcmp(s, "-") == 0 || hr_num_u64(s, 1, max, ret);
}

static bool parse_row(char *line, struct hr_size_row *r, const char **ret_what)
{
	static const double scale[HR_SIZE_LIMIT_N] = {125000, 125000, 1, 1, 1, 1}; /* Mbit/s */
	char *f[COLUMNS], *p = line;
	uint64_t v;
	unsigned n = 0;

	for (; p && n < COLUMNS; n++) {
		f[n] = p;
		p = strchr(p, '\t');
		if (p)
			*p++ = '\0';
	}
	*ret_what = "expected 15 columns with tabs between";
	if (n != COLUMNS || p)
		return false;
	memset(r, 0, sizeof(*r));
	*ret_what = "provider, family, name and arch are words";
	if (!word(f[PROVIDER], r->provider, sizeof(r->provider)) ||
		!word(f[FAMILY], r->family, sizeof(r->family)) ||
		!word(f[NAME], r->name, sizeof(r->name)) ||
		!word(f[ARCH], r->arch, sizeof(r->arch)))
		return false;
	*ret_what = "vcpus: expected 1 to 4096";
	if (!hr_num_u64(f[VCPUS], 1, VCPUS_MAX, &v))
		return false;
	r->vcpus = (uint32_t)v;
	*ret_what = "memory_mib: expected MiB or '-'";
	if (!number(f[MEMORY_MIB], 1ULL << 30, &v))
		return false;
	r->mem_bytes = v * 1048576;
	*ret_what = "a limit: expected a number above 0 or '-'";
	for (unsigned i = 0; i < HR_SIZE_LIMIT_N; i++) {
		if (!number(f[FIRST_LIMIT + i], 1ULL << 50, &v))
			return false;
		r->limit[i] = (double)v * scale[i];
	}
	return true;
}

struct lines {
	const char *text;
	size_t len, at;
	uint32_t no; /* of the line that next_line gave */
};

static bool line_error(const struct lines *l, const char *what, char err[160])
{
	(void)snprintf(err, 160, "line %u: %s", l->no, what);
	return false;
}

/* The next line that is neither empty nor a comment: 1; 0 at the end, -1 with @err. */
static int next_line(struct lines *l, char line[LINE_MAX], char err[160])
{
	while (l->at < l->len) {
		const char *from = l->text + l->at, *end = memchr(from, '\n', l->len - l->at);
		size_t part = end ? (size_t)(end - from) : l->len - l->at;

		l->no++;
		if (part >= LINE_MAX || memchr(from, '\0', part)) {
			line_error(l, "line too long, or with a NUL", err);
			return -1;
		}
		memcpy(line, from, part);
		line[part] = '\0';
		l->at += part + 1;
		if (part > 0 && line[0] != '#')
			return 1;
	}
	return 0;
}

bool hr_catalogue_parse(
	const char *text, size_t len, struct hr_size_row *row, uint32_t *n, char err[160])
{
	struct lines l = {.text = text, .len = len};
	uint32_t used = *n;
	bool begun = false;
	char line[LINE_MAX];
	int r;

	while ((r = next_line(&l, line, err)) > 0) {
		const char *what = "more than 8192 sizes";

		if (!begun && strcmp(line, head) != 0)
			return line_error(&l, "expected the line of column names", err);
		if (!begun) {
			begun = true;
			continue;
		}
		if (used == HR_CATALOGUE_MAX || !parse_row(line, &row[used], &what))
			return line_error(&l, what, err);
		used++;
	}
	if (r < 0)
		return false;
	*n = used;
	return true;
}

static int by_size(const void *pa, const void *pb)
{
	const struct hr_size_row *a = pa, *b = pb;
	int d = strcmp(a->provider, b->provider);

	if (d == 0)
		d = strcmp(a->family, b->family);
	if (d == 0)
		d = (a->vcpus > b->vcpus) - (a->vcpus < b->vcpus);
	if (d == 0)
		d = (a->mem_bytes > b->mem_bytes) - (a->mem_bytes < b->mem_bytes);
	return d ? d : strcmp(a->name, b->name);
}

void hr_catalogue_sort(struct hr_catalogue *c)
{
	if (c->n)
		qsort(c->row, c->n, sizeof(*c->row), by_size);
}

const struct hr_size_row *hr_catalogue_find(
	const struct hr_catalogue *c, const char *provider, const char *name)
{
	for (uint32_t i = 0; c && name[0] && i < c->n; i++)
		if (strcmp(c->row[i].name, name) == 0 &&
			(!provider[0] || strcmp(c->row[i].provider, provider) == 0))
			return &c->row[i];
	return NULL;
}

bool hr_catalogue_fits(const struct hr_size_row *row, uint32_t vcpus, uint64_t mem_bytes)
{
	double sold = (double)row->mem_bytes, seen = (double)mem_bytes;

	return row->vcpus == vcpus && (sold <= 0 || (seen <= 1.02 * sold && seen >= 0.8 * sold));
}

const struct hr_size_row *hr_catalogue_family(
	const struct hr_catalogue *c, const struct hr_size_row *of, uint32_t *ret_n)
{
	const struct hr_size_row *first = of, *last = of;

	while (first > c->row && strcmp(first[-1].family, of->family) == 0 &&
		strcmp(first[-1].provider, of->provider) == 0)
		first--;
	while (last + 1 < c->row + c->n && strcmp(last[1].family, of->family) == 0 &&
		strcmp(last[1].provider, of->provider) == 0)
		last++;
	*ret_n = (uint32_t)(last - first) + 1;
	return first;
}

static bool price_line(char *line, struct hr_catalogue *c, const char **ret_what)
{
	char *f[4], *p = line;
	const struct hr_size_row *r;
	unsigned n = 0;
	double v;

	for (; p && n < 4; n++) {
		f[n] = p;
		p = strchr(p, '\t');
		if (p)
			*p++ = '\0';
	}
	*ret_what = "expected provider, name, price and unit with tabs between";
	if (n != 4 || p)
		return false;
	*ret_what = "price: expected a number above 0";
	if (!hr_num_f64(f[2], 1e-9, 1e12, &v))
		return false;
	*ret_what = "no such size in the catalogue or the ladder";
	r = hr_catalogue_find(c, f[0], f[1]);
	if (!r)
		return false;
	*ret_what = "unit: expected a word of at most 15 characters, like USD/h";
	if (!word(f[3], c->row[r - c->row].price_unit, sizeof(r->price_unit)))
		return false;
	c->row[r - c->row].price = v;
	return true;
}

bool hr_catalogue_prices(const char *text, size_t len, struct hr_catalogue *c, char err[160])
{
	struct lines l = {.text = text, .len = len};
	char line[LINE_MAX];
	int r;

	while ((r = next_line(&l, line, err)) > 0) {
		const char *what = NULL;

		if (!price_line(line, c, &what))
			return line_error(&l, what, err);
	}
	return r == 0;
}
