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

#include "proto/num.h"
#include "proto/text.h"
#include "proto/units.h"

#define LINE_LEN_MAX 197 /* INI_MAX_LINE 200: "must be 3 more than the longest line" (ini.h) */

union value {
	uint64_t u64;
	double f64;
	bool b;
};

struct parse {
	const struct hr_conf_table *t;
	const char *name;
	const char *next; /* start of the next line */
	unsigned line;    /* number of the line libinih works on */
	bool store;       /* second pass */
	char *conf;
	struct hr_conf_origin *origin;
	unsigned seen[HR_CONF_KEYS_MAX]; /* line of the key's value; 0 = none yet */
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

/* --- values --- */

static uint64_t u64_of(double d)
{
	if (!(d > 0)) /* also the least of a signed real, which is no number of this kind */
		return 0;
	return d >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)d;
}

static bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*ret = strcmp(s, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

/*
 * " #" is refused: it is meant as a comment, and libinih knows only " ;" as one.  So is "=;x",
 * which is a value without the space that makes it a comment, and would be printed with one.
 */
static bool text_ok(const struct hr_conf_key *k, const char *s)
{
	size_t len = strlen(s);

	return len < k->size && hr_text_ok(s, len) && !strstr(s, " #") && s[0] != ';';
}

static bool parse_value(const struct hr_conf_key *k, const char *s, union value *ret)
{
	switch (k->type) {
	case HR_CONF_U64:
		return hr_num_u64(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_DURATION:
		return hr_num_duration(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_BYTES:
		return hr_num_bytes(s, u64_of(k->min), u64_of(k->max), &ret->u64);
	case HR_CONF_F64:
		return hr_num_f64(s, k->min, k->max, &ret->f64);
	case HR_CONF_RATIO:
		return hr_num_ratio(s, k->min, k->max, &ret->f64);
	case HR_CONF_BOOL:
		return parse_bool(s, &ret->b);
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		return text_ok(k, s);
	}
	return false;
}

static void store_value(
	const struct hr_conf_key *k, const char *s, const union value *v, char *conf)
{
	char *to = conf + k->offset;

	switch (k->type) {
	case HR_CONF_U64:
	case HR_CONF_DURATION:
	case HR_CONF_BYTES:
		memcpy(to, &v->u64, sizeof(v->u64));
		break;
	case HR_CONF_F64:
	case HR_CONF_RATIO:
		memcpy(to, &v->f64, sizeof(v->f64));
		break;
	case HR_CONF_BOOL:
		memcpy(to, &v->b, sizeof(v->b));
		break;
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		memset(to, 0, k->size);
		memcpy(to, s, strlen(s) + 1);
		break;
	}
}

/* --- values as text --- */

static size_t print_scaled(
	uint64_t v, const uint64_t *factors, const char *const *names, char *buf, size_t cap)
{
	unsigned i = 0;

	while (factors[i] > 1 && (v == 0 || v % factors[i] != 0))
		i++;
	return (size_t)snprintf(buf, cap, "%llu%s", (unsigned long long)(v / factors[i]), names[i]);
}

/* The shortest decimal that reads back as the same number. */
static size_t print_f64(double v, char *buf, size_t cap)
{
	double back;
	int n = 0;

	for (int digits = 1; digits <= 17; digits++) {
		n = snprintf(buf, cap, "%.*g", digits, v);
		if (hr_num_f64(buf, v, v, &back))
			break;
	}
	return (size_t)n;
}

static size_t print_value(const struct hr_conf_key *k, const char *from, char *buf, size_t cap)
{
	static const uint64_t ns[] = {86400 * HR_NS_PER_S, 3600 * HR_NS_PER_S, 60 * HR_NS_PER_S,
		HR_NS_PER_S, HR_NS_PER_MS, HR_NS_PER_US, 1};
	static const char *const ns_name[] = {"d", "h", "m", "s", "ms", "us", "ns"};
	static const uint64_t bytes[] = {1ULL << 40, 1ULL << 30, 1ULL << 20, 1ULL << 10, 1};
	static const char *const bytes_name[] = {"T", "G", "M", "K", ""};
	union value v = {0};

	switch (k->type) {
	case HR_CONF_U64:
		memcpy(&v.u64, from, sizeof(v.u64));
		return (size_t)snprintf(buf, cap, "%llu", (unsigned long long)v.u64);
	case HR_CONF_DURATION:
		memcpy(&v.u64, from, sizeof(v.u64));
		return print_scaled(v.u64, ns, ns_name, buf, cap);
	case HR_CONF_BYTES:
		memcpy(&v.u64, from, sizeof(v.u64));
		return print_scaled(v.u64, bytes, bytes_name, buf, cap);
	case HR_CONF_F64:
	case HR_CONF_RATIO:
		memcpy(&v.f64, from, sizeof(v.f64));
		return print_f64(v.f64, buf, cap);
	case HR_CONF_BOOL:
		memcpy(&v.b, from, sizeof(v.b));
		return (size_t)snprintf(buf, cap, "%s", v.b ? "yes" : "no");
	case HR_CONF_TEXT:
	case HR_CONF_FILE:
		return (size_t)snprintf(buf, cap, "%s", from);
	}
	return 0;
}

/* "from 1s to 1d": a bound is told in the unit in which it would be written. */
static void expected(const struct hr_conf_key *k, char *buf, size_t cap)
{
	static const char *const what[] = {
		[HR_CONF_U64] = "a number",
		[HR_CONF_F64] = "a number such as 1.5",
		[HR_CONF_DURATION] = "a duration such as 500ms, 10s, 5m, 24h or 14d",
		[HR_CONF_BYTES] = "a size such as 65536, 64K, 512M or 2G",
		[HR_CONF_RATIO] = "a share such as 80% or 0.8",
	};
	uint64_t lo = u64_of(k->min), hi = u64_of(k->max);
	bool is_real = k->type == HR_CONF_F64 || k->type == HR_CONF_RATIO;
	char min[32], max[32];

	if (k->type == HR_CONF_BOOL) {
		snprintf(buf, cap, "yes or no");
		return;
	}
	if (k->type == HR_CONF_TEXT || k->type == HR_CONF_FILE) {
		snprintf(buf, cap,
			"at most %zu bytes of printable text without ' #' and no ';' in front",
			k->size - 1);
		return;
	}
	print_value(k, is_real ? (const char *)&k->min : (const char *)&lo, min, sizeof(min));
	print_value(k, is_real ? (const char *)&k->max : (const char *)&hi, max, sizeof(max));
	snprintf(buf, cap, "%s, from %s to %s", what[k->type], min, max);
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

static int unknown(struct parse *p, const char *section, const char *key)
{
	char list[256] = "";
	size_t len = 0;

	if (*section == '\0')
		return fail(
			p, "key '%s' stands before any section, [section] was expected first", key);
	if (!has_section(p->t, section)) {
		for (size_t i = 0; i < p->t->n && len < sizeof(list); i++)
			if (i == 0 || strcmp(p->t->keys[i].section, p->t->keys[i - 1].section) != 0)
				len += (size_t)snprintf(list + len, sizeof(list) - len, " [%s]",
					p->t->keys[i].section);
		return fail(p, "unknown section [%s], expected one of%s", section, list);
	}
	for (size_t i = 0; i < p->t->n && len < sizeof(list); i++)
		if (strcmp(p->t->keys[i].section, section) == 0)
			len += (size_t)snprintf(
				list + len, sizeof(list) - len, " %s", p->t->keys[i].key);
	return fail(p, "unknown key '%s' in [%s], expected one of%s", key, section, list);
}

static int on_value(void *user, const char *section, const char *key, const char *text)
{
	struct parse *p = user;
	size_t i = find_key(p->t, section, key);
	const struct hr_conf_key *k = &p->t->keys[i];
	union value v = {0};
	char want[160];

	if (p->failed)
		return 0;
	if (i == p->t->n)
		return unknown(p, section, key);
	if (p->seen[i])
		return fail(p, "a second value for '%s', one was expected (line %u has it)", key,
			p->seen[i]);
	if (!parse_value(k, text, &v)) {
		expected(k, want, sizeof(want));
		return fail(p, "%s = '%s' is wrong, %s was expected", key, text, want);
	}
	p->seen[i] = p->line;
	if (!p->store)
		return 1;
	store_value(k, text, &v, p->conf);
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
	assert(t->n <= HR_CONF_KEYS_MAX);
	for (size_t i = 0; i < t->n; i++) {
		union value v = {0};
		bool ok = parse_value(&t->keys[i], t->keys[i].def, &v);

		assert(ok);
		(void)ok;
		store_value(&t->keys[i], t->keys[i].def, &v, conf);
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
		print_value(k, (const char *)conf + k->offset, value, sizeof(value));
		put(&o, "%s = %s\n", k->key, value);
	}
	return o.len < o.cap ? o.len : 0;
}
