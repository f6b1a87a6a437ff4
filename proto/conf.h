/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration from a key table over libinih.  One table per program makes the
 * parser, --print-config, the shipped .conf and the man page's table.  An
 * unknown section or key, a wrong value, a second value for a key, or a line
 * too long for libinih refuses the whole file with "file:line: what, what was
 * expected".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hr_conf_type {
	HR_CONF_U64 = 1,  /* uint64_t; min, max */
	HR_CONF_F64,      /* double */
	HR_CONF_BOOL,     /* bool: yes no true false on off 1 0 */
	HR_CONF_DURATION, /* uint64_t ns */
	HR_CONF_BYTES,    /* uint64_t */
	HR_CONF_RATIO,    /* double; "80%" */
	HR_CONF_TEXT,     /* char[size]; printable UTF-8 */
	HR_CONF_FILE,     /* the same: path of a file that must be there and readable; "" none */
};

struct hr_conf_key {
	const char *section;
	const char *key;
	enum hr_conf_type type;
	size_t offset;   /* into the program's config struct */
	size_t size;     /* HR_CONF_TEXT, HR_CONF_FILE: bytes with NUL */
	double min, max; /* numbers, in the base unit (ns, bytes, ratio) */
	const char *def; /* default as it would stand in the file */
	const char *doc; /* what it does and why this default: one or two sentences */
};

#define HR_CONF_KEYS_MAX    128
#define HR_CONF_ERR_LEN     512
#define HR_CONF_OVER_KEYS   32
#define HR_CONF_OVER_MAX    64 /* bits of a number */
#define HR_CONF_PATTERN_LEN 48 /* libinih cuts the name of a section at 49 bytes */

/*
 * A section that may stand any number of times, as [host "PATTERN"], with values that replace those
 * of another section's keys.  Which of them apply, in the order of the files, is the program's
 * matter.  The other section's values are the members of one struct, each of 8 bytes.
 */
struct hr_conf_over_head {
	char pattern[HR_CONF_PATTERN_LEN];
	uint64_t set; /* bit i: the i-th member has a value here */
};
struct hr_conf_over {
	const char *section; /* "host" */
	const char *of;      /* "model" */
	size_t from, size;   /* its values in the config struct */
	size_t n_at;         /* offset of a uint64_t: how many there are, <= HR_CONF_OVER_MAX */
	size_t at, stride;   /* of the first: head and, at the end, a struct as at @from */
};

struct hr_conf_table {
	const struct hr_conf_key *keys;
	size_t n;                        /* <= HR_CONF_KEYS_MAX */
	size_t conf_size;                /* bytes of the program's config struct */
	const struct hr_conf_over *over; /* NULL: none */
};

/* Where each value came from, for --print-config: "file:line" or "default". */
struct hr_conf_origin {
	char text[HR_CONF_KEYS_MAX][160];
	struct {
		char file[128];
		unsigned line[HR_CONF_OVER_KEYS];
	} over[HR_CONF_OVER_MAX];
};

/* Fills @conf with the table's defaults.  The table itself must be right: asserted. */
void hr_conf_defaults(const struct hr_conf_table *t, void *conf, struct hr_conf_origin *origin);

/*
 * Applies one file's text (NUL-terminated, @name for messages) over @conf.
 * 0, or -EINVAL with a message in @err and @conf untouched.
 */
int hr_conf_parse(const struct hr_conf_table *t, const char *name, const char *text, void *conf,
	struct hr_conf_origin *origin, char err[HR_CONF_ERR_LEN]);

/* Prints the merged configuration as a file: comments with origin, then key = value. Bytes written,
 * or 0 if @cap is too small. */
size_t hr_conf_print(const struct hr_conf_table *t, const void *conf,
	const struct hr_conf_origin *origin, bool with_docs, char *buf, size_t cap);

/* The value at @from as it would stand in a file.  Bytes as snprintf() has them. */
size_t hr_conf_value(const struct hr_conf_key *k, const void *from, char *buf, size_t cap);

/* The default of @k, a number, as it is in a config struct. */
uint64_t hr_conf_default_bits(const struct hr_conf_key *k);

/* The values of the overriding section @head of @t over @to, a struct as at over->from. */
void hr_conf_over_apply(
	const struct hr_conf_table *t, const struct hr_conf_over_head *head, void *to);

/*
 * For --print-config of one that the overriding sections @of (bit i: the i-th) apply to: their
 * values and origins become those of the other section, and they are gone.
 */
void hr_conf_over_fold(
	const struct hr_conf_table *t, uint64_t of, void *conf, struct hr_conf_origin *origin);
