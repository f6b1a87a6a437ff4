/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key table over libinih.  The lines are handed to libinih by a reader of ours,
 * because libinih itself tells no line number to its handler, cuts a line at
 * 200 bytes and still uses what is left, takes an indented line as a further
 * value of the key above, and ignores what stands behind "[section]".  The
 * reader counts lines, drops indentation and comment lines, and refuses the rest.
 *
 * A file is gone through twice: all of it is checked, then all of it is stored,
 * so a refused file has changed nothing.
 */
#include "proto/conf.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/conf_value.h"
#include "proto/text.h"

#define SECTION_LEN_MAX 49  /* MAX_SECTION 50 of libinih */
#define LINE_LEN_MAX    197 /* INI_MAX_LINE 200: "must be 3 more than the longest line" (ini.h) */

struct parse {
	const struct hr_conf_table *t;
	const char *name;
	const char *next; /* start of the next line */
	unsigned line;    /* number of the line libinih works on */
	bool store;       /* second pass */
	char *conf;
	struct hr_conf_origin *origin;
	unsigned seen[HR_CONF_KEYS_MAX]; /* line of the key's value; 0 = none yet */
	uint64_t n_over; /* overriding sections so far, those of earlier files too */
	char pattern[HR_CONF_PATTERN_LEN]; /* of the last one */
	unsigned seen_over[HR_CONF_OVER_KEYS];
	bool failed;
	char *err; /* the first message only: libinih goes on after an error */
};

__attribute__((format(printf, 2, 3))) static int fail(struct parse *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (p->failed)
		return 0;
	p->failed = true;
	n = snprintf(p->err, HR_CONF_ERR_LEN, "%s:%u: ", p->name, p->line);
	if (n >= 0 && n < HR_CONF_ERR_LEN) {
		va_start(ap, fmt);
		vsnprintf(p->err + n, HR_CONF_ERR_LEN - (size_t)n, fmt, ap);
		va_end(ap);
	}
	hr_text_clean(p->err, p->err, HR_CONF_ERR_LEN); /* it quotes the file */
	return 0;                                       /* what libinih takes as an error */
}

/* --- a file --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* What libinih would drop silently: anything but a comment behind the bracket. */
static bool section_line_ok(const char *line, size_t len)
{
	const char *end = line + len, *p = memchr(line, ']', len);

	if (!p)
		return false;
	for (p++; p < end && is_blank(*p); p++)
		;
	return p == end || *p == ';' || *p == '#';
}

/* fgets for libinih: one line of the text, NULL at its end or after a line that is refused. */
static char *read_line(char *buf, int cap, void *user)
{
	struct parse *p = user;
	const char *line = p->next;
	size_t len;

	if (*line == '\0' || p->failed)
		return NULL;
	p->line++;
	len = strcspn(line, "\n");
	p->next = line + len + (line[len] == '\n');
	while (len > 0 && is_blank(*line)) {
		line++;
		len--;
	}
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	if (len > 0 && (*line == '#' || *line == ';'))
		len = 0; /* comments may be as long as they like */
	if (len > LINE_LEN_MAX || (int)len + 2 > cap) {
		fail(p, "the line has %zu bytes, at most %d were expected", len, LINE_LEN_MAX);
		return NULL;
	}
	if (len > 0 && *line == '[' && !section_line_ok(line, len)) {
		fail(p, "'%.*s' is not a section, [name] on a line of its own was expected",
			(int)len, line);
		return NULL;
	}
	if (len > 0 && *line == '[' && strcspn(line + 1, "]") > SECTION_LEN_MAX) {
		fail(p, "the name of the section has %zu bytes, at most %d were expected",
			strcspn(line + 1, "]"), SECTION_LEN_MAX);
		return NULL;
	}
	memcpy(buf, line, len);
	buf[len] = '\n';
	buf[len + 1] = '\0';
	return buf;
}

static bool has_section(const struct hr_conf_table *t, const char *section)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->keys[i].section, section) == 0)
			return true;
	return false;
}

static size_t find_key(const struct hr_conf_table *t, const char *section, const char *key)
{
	size_t i = 0;

	while (i < t->n &&
		(strcmp(t->keys[i].section, section) != 0 || strcmp(t->keys[i].key, key) != 0))
		i++;
	return i;
}

static int unknown_section(struct parse *p, const char *section)
{
	const struct hr_conf_over *o = p->t->over;
	char list[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < p->t->n && len < sizeof(list); i++)
		if (i == 0 || strcmp(p->t->keys[i].section, p->t->keys[i - 1].section) != 0)
			len += (size_t)snprintf(
				list + len, sizeof(list) - len, " [%s]", p->t->keys[i].section);
	if (o && len < sizeof(list))
		(void)snprintf(list + len, sizeof(list) - len, " [%s \"PATTERN\"]", o->section);
	return fail(p, "unknown section [%s], expected one of%s", section, list);
}

/* @of: the section that has the keys that may stand in @section. */
static int unknown(struct parse *p, const char *section, const char *of, const char *key)
{
	char list[256] = "";
	size_t len = 0;

	if (*section == '\0')
		return fail(
			p, "key '%s' stands before any section, [section] was expected first", key);
	if (!has_section(p->t, of))
		return unknown_section(p, section);
	for (size_t i = 0; i < p->t->n && len < sizeof(list); i++)
		if (strcmp(p->t->keys[i].section, of) == 0)
			len += (size_t)snprintf(
				list + len, sizeof(list) - len, " %s", p->t->keys[i].key);
	return fail(p, "unknown key '%s' in [%s], expected one of%s", key, section, list);
}

/* The value of a key, which was not given before; @ret. */
static bool on_text(struct parse *p, const struct hr_conf_key *k, const char *text, unsigned *seen,
	union hr_conf_number *ret)
{
	char want[160];

	if (*seen) {
		fail(p, "a second value for '%s', one was expected (line %u has it)", k->key,
			*seen);
		return false;
	}
	if (!hr_conf_read(k, text, ret)) {
		hr_conf_expected(k, want, sizeof(want));
		fail(p, "%s = '%s' is wrong, %s was expected", k->key, text, want);
		return false;
	}
	*seen = p->line;
	return true;
}

/* --- sections that override --- */

static struct hr_conf_over_head *over_at(const struct hr_conf_over *o, void *conf, uint64_t i)
{
	return (void *)((char *)conf + o->at + i * o->stride);
}

static uint64_t over_n(const struct hr_conf_table *t, const void *conf)
{
	uint64_t n = 0;

	if (t->over)
		memcpy(&n, (const char *)conf + t->over->n_at, sizeof(n));
	return n;
}

static bool is_over(const struct hr_conf_over *o, const char *section)
{
	size_t n = o ? strlen(o->section) : 0;

	return o && strncmp(section, o->section, n) == 0 &&
	       (section[n] == ' ' || section[n] == '"' || section[n] == '\0');
}

/* PATTERN of 'host "PATTERN"'. */
static bool read_pattern(
	const struct hr_conf_over *o, const char *section, char ret[HR_CONF_PATTERN_LEN])
{
	size_t n = strlen(o->section), len = strlen(section);
	const char *from = section + n + 2;

	if (len < n + 4 || section[n] != ' ' || section[n + 1] != '"' || section[len - 1] != '"')
		return false;
	len -= n + 3;
	if (len >= HR_CONF_PATTERN_LEN || memchr(from, '"', len) || !hr_text_ok(from, len) ||
		strspn(from, ", ") >= len)
		return false;
	memcpy(ret, from, len);
	ret[len] = '\0';
	return true;
}

/* One that follows one of the same pattern, as of the file before, goes on with it. */
static bool enter_over(struct parse *p, const char *section)
{
	const struct hr_conf_over *o = p->t->over;
	char pattern[HR_CONF_PATTERN_LEN] = "";

	if (!read_pattern(o, section, pattern)) {
		fail(p, "[%s] names none, [%s \"PATTERN\"] was expected, such as [%s \"db-*\"]",
			section, o->section, o->section);
		return false;
	}
	if (strcmp(pattern, p->pattern) == 0)
		return true;
	if (p->n_over == HR_CONF_OVER_MAX) {
		fail(p, "[%s] is one too many, at most %d of them were expected", section,
			HR_CONF_OVER_MAX);
		return false;
	}
	p->n_over++;
	memcpy(p->pattern, pattern, sizeof(pattern));
	memset(p->seen_over, 0, sizeof(p->seen_over));
	return true;
}

static void store_over(
	struct parse *p, const struct hr_conf_key *k, unsigned bit, const union hr_conf_number *v)
{
	const struct hr_conf_over *o = p->t->over;
	uint64_t i = p->n_over - 1;
	struct hr_conf_over_head *head = over_at(o, p->conf, i);
	char *values = (char *)head + o->stride - o->size;

	memcpy(p->conf + o->n_at, &p->n_over, sizeof(p->n_over));
	memcpy(head->pattern, p->pattern, sizeof(head->pattern));
	head->set |= 1ULL << bit;
	hr_conf_store(k, "", v, values + (k->offset - o->from));
	if (!p->origin)
		return;
	(void)snprintf(p->origin->over[i].file, sizeof(p->origin->over[i].file), "%s", p->name);
	p->origin->over[i].line[bit] = p->line;
}

static int on_over(struct parse *p, const char *section, const char *key, const char *text)
{
	const struct hr_conf_over *o = p->t->over;
	size_t i = find_key(p->t, o->of, key);
	union hr_conf_number v = {0};
	unsigned bit;

	if (!enter_over(p, section))
		return 0;
	if (i == p->t->n)
		return unknown(p, section, o->of, key);
	bit = (unsigned)((p->t->keys[i].offset - o->from) / 8);
	assert(bit < HR_CONF_OVER_KEYS && o->size <= 8 * HR_CONF_OVER_KEYS);
	if (!on_text(p, &p->t->keys[i], text, &p->seen_over[bit], &v))
		return 0;
	if (p->store)
		store_over(p, &p->t->keys[i], bit, &v);
	return 1;
}

void hr_conf_over_apply(
	const struct hr_conf_table *t, const struct hr_conf_over_head *head, void *to)
{
	const struct hr_conf_over *o = t->over;
	const char *values = (const char *)head + o->stride - o->size;

	for (size_t at = 0; at < o->size; at += 8)
		if (head->set >> (at / 8) & 1)
			memcpy((char *)to + at, values + at, 8);
}

void hr_conf_over_fold(
	const struct hr_conf_table *t, uint64_t of, void *conf, struct hr_conf_origin *origin)
{
	const struct hr_conf_over *o = t->over;
	uint64_t n = over_n(t, conf), none = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct hr_conf_over_head *head = over_at(o, conf, i);

		if (!(of >> i & 1))
			continue;
		hr_conf_over_apply(t, head, (char *)conf + o->from);
		for (size_t k = 0; k < t->n; k++) {
			size_t bit = (t->keys[k].offset - o->from) / 8;

			if (strcmp(t->keys[k].section, o->of) == 0 && head->set >> bit & 1)
				(void)snprintf(origin->text[k], sizeof(origin->text[k]), "%s:%u",
					origin->over[i].file, origin->over[i].line[bit]);
		}
	}
	if (o)
		memcpy((char *)conf + o->n_at, &none, sizeof(none));
}

static int on_value(void *user, const char *section, const char *key, const char *text)
{
	struct parse *p = user;
	size_t i = find_key(p->t, section, key);
	const struct hr_conf_key *k = &p->t->keys[i];
	union hr_conf_number v = {0};

	if (p->failed)
		return 0;
	if (is_over(p->t->over, section))
		return on_over(p, section, key, text);
	if (i == p->t->n)
		return unknown(p, section, section, key);
	if (!on_text(p, k, text, &p->seen[i], &v))
		return 0;
	if (!p->store)
		return 1;
	hr_conf_store(k, text, &v, p->conf + k->offset);
	if (p->origin)
		snprintf(p->origin->text[i], sizeof(p->origin->text[i]), "%s:%u", p->name, p->line);
	return 1;
}

static bool pass(struct parse *p, const char *text, bool store)
{
	int r;

	p->next = text;
	p->line = 0;
	p->store = store;
	memset(p->seen, 0, sizeof(p->seen));
	memset(p->seen_over, 0, sizeof(p->seen_over));
	memset(p->pattern, 0, sizeof(p->pattern));
	p->n_over = over_n(p->t, p->conf);
	if (p->n_over > 0)
		memcpy(p->pattern, over_at(p->t->over, p->conf, p->n_over - 1)->pattern,
			sizeof(p->pattern));
	r = ini_parse_stream(read_line, p, on_value, p);
	if (r != 0 && !p->failed) { /* libinih's own refusal: it returns the line's number */
		p->line = r > 0 ? (unsigned)r : p->line;
		fail(p, "not understood, 'key = value' or '[section]' was expected");
	}
	return !p->failed;
}

int hr_conf_parse(const struct hr_conf_table *t, const char *name, const char *text, void *conf,
	struct hr_conf_origin *origin, char err[HR_CONF_ERR_LEN])
{
	struct parse p = {.t = t, .name = name, .conf = conf, .origin = origin, .err = err};

	assert(t->n <= HR_CONF_KEYS_MAX);
	if (!pass(&p, text, false))
		return -EINVAL;
	return pass(&p, text, true) ? 0 : -EINVAL;
}

void hr_conf_defaults(const struct hr_conf_table *t, void *conf, struct hr_conf_origin *origin)
{
	const struct hr_conf_over *o = t->over;

	assert(t->n <= HR_CONF_KEYS_MAX);
	if (o) {
		memset((char *)conf + o->n_at, 0, sizeof(uint64_t));
		memset((char *)conf + o->at, 0, HR_CONF_OVER_MAX * o->stride);
	}
	for (size_t i = 0; i < t->n; i++) {
		union hr_conf_number v = {0};
		bool ok = hr_conf_read(&t->keys[i], t->keys[i].def, &v);

		assert(ok);
		(void)ok;
		hr_conf_store(&t->keys[i], t->keys[i].def, &v, (char *)conf + t->keys[i].offset);
		if (origin)
			snprintf(origin->text[i], sizeof(origin->text[i]), "default");
	}
}

/* --- printing --- */

struct out {
	char *buf;
	size_t cap, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (o->len >= o->cap)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->len, o->cap - o->len, fmt, ap);
	va_end(ap);
	o->len = n < 0 ? o->cap : o->len + (size_t)n;
}

/* Comment lines of at most 90 bytes, broken at spaces. */
static void put_doc(struct out *o, const char *doc)
{
	while (*doc) {
		size_t len = strlen(doc), cut = len;

		if (len > 88) {
			for (cut = 88; cut > 0 && doc[cut] != ' '; cut--)
				;
			if (cut == 0)
				cut = strcspn(doc, " ");
		}
		put(o, "# %.*s\n", (int)cut, doc);
		doc += cut;
		doc += strspn(doc, " ");
	}
}

static void put_over(struct out *o, const struct hr_conf_table *t, const void *conf,
	const struct hr_conf_origin *origin)
{
	uint64_t n = over_n(t, conf);
	char value[256];

	for (uint64_t i = 0; i < n; i++) {
		const char *item = (const char *)conf + t->over->at + i * t->over->stride;
		const struct hr_conf_over_head *head = (const void *)item;

		put(o, "\n[%s \"%s\"]\n", t->over->section, head->pattern);
		for (size_t k = 0; k < t->n; k++) {
			size_t at = t->keys[k].offset - t->over->from;

			if (strcmp(t->keys[k].section, t->over->of) != 0 ||
				!(head->set >> (at / 8) & 1))
				continue;
			if (origin)
				put(o, "# %s:%u\n", origin->over[i].file,
					origin->over[i].line[at / 8]);
			hr_conf_value(&t->keys[k], item + t->over->stride - t->over->size + at,
				value, sizeof(value));
			put(o, "%s = %s\n", t->keys[k].key, value);
		}
	}
}

size_t hr_conf_print(const struct hr_conf_table *t, const void *conf,
	const struct hr_conf_origin *origin, bool with_docs, char *buf, size_t cap)
{
	struct out o = {buf, cap, 0};
	char value[256];

	for (size_t i = 0; i < t->n; i++) {
		const struct hr_conf_key *k = &t->keys[i];

		if (i == 0 || strcmp(k->section, t->keys[i - 1].section) != 0)
			put(&o, "%s[%s]\n", i == 0 ? "" : "\n", k->section);
		if (with_docs) {
			put(&o, "\n");
			put_doc(&o, k->doc);
		}
		if (origin)
			put(&o, "# %s\n", origin->text[i]);
		hr_conf_value(k, (const char *)conf + k->offset, value, sizeof(value));
		put(&o, "%s = %s\n", k->key, value);
	}
	put_over(&o, t, conf, origin);
	return o.len < o.cap ? o.len : 0;
}
