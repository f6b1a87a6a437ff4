/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would our BPF objects load on that kernel?  Every CO-RE relocation of every object
 * is looked up in the field manifest of every kernel, without that kernel: a field
 * that is read must exist there with a width libbpf can adapt, unless the object asks
 * first; tracepoints must exist with the arguments we read (tests/kernels/expect).
 * Usage: static EXPECT TYPO.o OBJECT.o... -- MANIFEST...
 * TYPO.o names a field that no kernel has: not to find it there is a failure.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <gelf.h>
#include <linux/bpf.h>

#include "proto/num.h"

static const char *arg_expect; /* file of expectations */

/* --- manifests ------------------------------------------------------------- */

#define LINES 4096
static struct manifest {
	const char *path;
	char *line[LINES]; /* "KIND NAME NUMBER" */
	int n;
} manifest;

static void manifest_read(const char *path)
{
	char text[256];
	FILE *f = fopen(path, "r");

	for (int i = 0; i < manifest.n; i++)
		free(manifest.line[i]);
	manifest.path = path;
	manifest.n = 0;
	while (f && manifest.n < LINES && fgets(text, sizeof(text), f))
		manifest.line[manifest.n++] = strdup(text);
	if (f)
		fclose(f);
}

/* The number behind KIND NAME; -1: this kernel has no such thing. */
static long look_up(const char *kind, const char *name)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "%s %s ", kind, name);

	for (int i = 0; i < manifest.n; i++) {
		const char *number = manifest.line[i] + n;
		uint64_t v;

		if (strncmp(manifest.line[i], key, (size_t)n) == 0)
			return hr_num_u64_n(number, strcspn(number, "\n"), &v) ? (long)v : -1;
	}
	return -1;
}

/* Whether the kernel has a struct @name: a field of it is in its manifest. */
static bool has_type(const char *name)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "field %s.", name);

	for (int i = 0; i < manifest.n; i++)
		if (strncmp(manifest.line[i], key, (size_t)n) == 0)
			return true;
	return false;
}

/* --- objects --------------------------------------------------------------- */

struct object {
	const char *path;
	struct btf *btf;
	char *ext; /* section .BTF.ext */
	size_t ext_len;
};

static bool object_read(struct object *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf;
	Elf_Scn *s = NULL;
	size_t names;

	memset(o, 0, sizeof(*o));
	o->path = path;
	o->btf = btf__parse_elf(path, NULL);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!o->btf || !elf || elf_getshdrstrndx(elf, &names) != 0)
		return false;
	while ((s = elf_nextscn(elf, s))) {
		GElf_Shdr h;
		Elf_Data *d;

		if (!gelf_getshdr(s, &h) ||
			strcmp(elf_strptr(elf, names, h.sh_name), ".BTF.ext") != 0)
			continue;
		d = elf_getdata(s, NULL);
		o->ext = malloc(d->d_size);
		memcpy(o->ext, d->d_buf, d->d_size);
		o->ext_len = d->d_size;
	}
	elf_end(elf);
	close(fd);
	return o->ext;
}

struct relocation {
	enum bpf_core_relo_kind kind;
	char name[192];           /* STRUCT.MEMBER..., flavour taken off; or the enumerator */
	const struct btf_type *t; /* of the last member */
	__u32 id;
};

static const struct btf_type *bare(const struct btf *btf, __u32 *id)
{
	const struct btf_type *t = btf__type_by_id(btf, *id);

	while (btf_is_mod(t) || btf_is_typedef(t)) {
		*id = t->type;
		t = btf__type_by_id(btf, *id);
	}
	return t;
}

/* Takes the next number of "0:MEMBER:INDEX..." off *text; false at its end, or where it is none. */
static bool next_index(const char **text, uint64_t *ret)
{
	size_t n = strcspn(*text, ":");

	if (!hr_num_u64_n(*text, n, ret))
		return false;
	*text += n + ((*text)[n] == ':');
	return true;
}

/* Follows that string through the object's own types; false when it does not lead anywhere. */
static bool decode(const struct object *o, const struct bpf_core_relo *r, struct relocation *ret)
{
	const char *access = btf__name_by_offset(o->btf, r->access_str_off);
	const struct btf_type *t;
	char *flavour;
	uint64_t i;

	ret->kind = r->kind;
	ret->id = r->type_id;
	t = bare(o->btf, &ret->id);
	if (!next_index(&access, &i))
		return false;
	if (r->kind == BPF_CORE_ENUMVAL_EXISTS || r->kind == BPF_CORE_ENUMVAL_VALUE) {
		if (i >= btf_vlen(t))
			return false;
		snprintf(ret->name, sizeof(ret->name), "%s",
			btf__name_by_offset(o->btf, btf_enum(t)[i].name_off));
		return true;
	}
	snprintf(ret->name, sizeof(ret->name), "%s", btf__name_by_offset(o->btf, t->name_off));
	flavour = strstr(ret->name, "___");
	if (flavour)
		*flavour = '\0';
	while (next_index(&access, &i)) {
		if (btf_is_array(t)) {
			ret->id = btf_array(t)->type;
		} else if (btf_is_composite(t) && i < btf_vlen(t)) {
			const struct btf_member *m = &btf_members(t)[i];
			size_t n = strlen(ret->name);

			snprintf(ret->name + n, sizeof(ret->name) - n, ".%s",
				btf__name_by_offset(o->btf, m->name_off));
			ret->id = m->type;
		}
		t = bare(o->btf, &ret->id);
	}
	ret->t = t;
	return *access == '\0';
}

__attribute__((noreturn)) static void broken(const struct object *o)
{
	printf("FAILED: %s: its relocations cannot be read\n", o->path);
	exit(1);
}

/* Calls @each for every relocation; the sum of what it returns. */
static int for_each(const struct object *o, int (*each)(const struct object *, struct relocation *))
{
	__u32 hdr_len, off, len, rec;
	const char *p, *end;
	int sum = 0;

	/* magic, version, flags; hdr_len; func_info off, len; line_info off, len; core_relo off,
	 * len */
	if (!o->ext || o->ext_len < 32)
		broken(o);
	memcpy(&hdr_len, o->ext + 4, 4);
	if (hdr_len < 32)
		broken(o);
	memcpy(&off, o->ext + 24, 4);
	memcpy(&len, o->ext + 28, 4);
	if (len == 0)
		return 0;
	if (hdr_len + off + len > o->ext_len)
		broken(o);
	p = o->ext + hdr_len + off;
	end = p + len;
	memcpy(&rec, p, 4);
	p += 4;
	while (p + 8 <= end) {
		__u32 n;

		memcpy(&n, p + 4, 4);
		p += 8;
		for (; n > 0 && p + rec <= end; n--, p += rec) {
			struct bpf_core_relo r;
			struct relocation x;

			memset(&x, 0, sizeof(x));
			memcpy(&r, p, sizeof(r));
			if (!decode(o, &r, &x))
				broken(o);
			sum += each(o, &x);
		}
	}
	return sum;
}

/* --- the judgement --------------------------------------------------------- */

static char asked[64][192]; /* fields of the object that it asks for before it reads them */
static int n_asked, n_checked;

static int note_asked(const struct object *o, struct relocation *r)
{
	(void)o;
	if (r->kind == BPF_CORE_FIELD_EXISTS && n_asked < 64)
		snprintf(asked[n_asked++], sizeof(asked[0]), "%s", r->name);
	return 0;
}

/* libbpf adapts a load to another width only where the value is unsigned or a pointer. */
static bool width_fits(const struct object *o, const struct relocation *r, long bytes)
{
	long own;

	if (bytes == 0 || !(btf_is_int(r->t) || btf_is_ptr(r->t)))
		return true;
	own = (long)btf__resolve_size(o->btf, r->id);
	return own == bytes || btf_is_ptr(r->t) || !(btf_int_encoding(r->t) & BTF_INT_SIGNED);
}

static int judge(const struct object *o, struct relocation *r)
{
	const char *slash = strrchr(o->path, '/');
	long bytes;

	if (r->kind == BPF_CORE_FIELD_EXISTS || r->kind == BPF_CORE_ENUMVAL_EXISTS ||
		r->kind == BPF_CORE_TYPE_EXISTS)
		return 0; /* absence is an answer */
	n_checked++;
	if (r->kind == BPF_CORE_ENUMVAL_VALUE) {
		if (look_up("value", r->name) >= 0)
			return 0;
		printf("%s: %s: no enumerator %s\n", manifest.path, slash + 1, r->name);
		return 1;
	}
	if (r->kind == BPF_CORE_TYPE_ID_TARGET) {
		if (has_type(r->name))
			return 0;
		printf("%s: %s: no type %s\n", manifest.path, slash + 1, r->name);
		return 1;
	}
	bytes = look_up("field", r->name);
	if (bytes >= 0 && width_fits(o, r, bytes))
		return 0;
	for (int i = 0; i < n_asked && bytes < 0; i++)
		if (strcmp(asked[i], r->name) == 0)
			return 0;
	printf("%s: %s: %s %s\n", manifest.path, slash + 1,
		bytes < 0 ? "no field" : "another width of a signed field", r->name);
	return 1;
}

static int judge_object(const struct object *o)
{
	n_asked = 0;
	for_each(o, note_asked);
	return for_each(o, judge);
}

/* "any field A B...": one exists.  Returns the number of things wrong. */
static int judge_any(char *names)
{
	char *save = NULL, copy[256];

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *name = strtok_r(names, " \n", &save); name; name = strtok_r(NULL, " \n", &save))
		if (look_up("field", name) >= 0)
			return 0;
	printf("%s: none of %s", manifest.path, copy);
	return 1;
}

static int judge_expectations(const char *path)
{
	char line[256], name[128];
	FILE *f = fopen(path, "r");
	int bad = 0, lines = 0, n;

	while (f && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		lines++;
		if (strncmp(line, "any field ", 10) == 0) {
			bad += judge_any(line + 10);
		} else if (sscanf(line, "tracepoint %127s %d", name, &n) == 2) {
			if (look_up("tracepoint", name) < n)
				bad += printf("%s: no tracepoint %s with %d arguments\n",
					       manifest.path, name, n) > 0;
		} else if (sscanf(line, "value %127s", name) == 1) {
			if (look_up("value", name) < 0)
				bad += printf("%s: no enumerator %s\n", manifest.path, name) > 0;
		}
	}
	if (f)
		fclose(f);
	return lines ? bad : 1;
}

/* An optional field that no kernel of the matrix has is a misspelt one. */
static int judge_optional(char **manifests, int n)
{
	char line[256], name[128];
	FILE *f = fopen(arg_expect, "r");
	int bad = 0;

	while (f && fgets(line, sizeof(line), f)) {
		bool found = false;

		if (sscanf(line, "optional field %127s", name) != 1)
			continue;
		for (int i = 0; i < n && !found; i++) {
			manifest_read(manifests[i]);
			found = look_up("field", name) >= 0;
		}
		if (!found)
			bad += printf("no kernel has the optional %s\n", name) > 0;
	}
	if (f)
		fclose(f);
	return bad;
}

/* Each field that an object asks for is in the file of expectations: its absence was thought of. */
static int note_unexpected(const struct object *o, struct relocation *r)
{
	char line[256], word[sizeof(r->name) + 1];
	bool found = false;
	FILE *f;

	if (r->kind != BPF_CORE_FIELD_EXISTS)
		return 0;
	(void)snprintf(word, sizeof(word), "%s ", r->name);
	f = fopen(arg_expect, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = ' ';
		found |= line[0] != '#' && strstr(line, word);
	}
	if (f)
		fclose(f);
	if (found)
		return 0;
	printf("%s asks for %s: say in %s what happens without it\n", o->path, r->name, arg_expect);
	return 1;
}

int main(int argc, char **argv)
{
	struct object o[16] = {0};
	int n = 0, i = 2, bad = 0;

	if (argc < 6)
		return 2;
	arg_expect = argv[1];
	for (; i < argc && n < 16 && strcmp(argv[i], "--") != 0; i++)
		if (!object_read(&o[n++], argv[i])) {
			printf("FAILED: %s: not a BPF object with types\n", argv[i]);
			return 1;
		}
	if (i + 1 >= argc) {
		printf("FAILED: no manifests\n");
		return 1;
	}
	for (int k = 1; k < n; k++)
		bad += for_each(&o[k], note_unexpected);
	i++;
	bad += judge_optional(argv + i, argc - i);
	for (; i < argc; i++) {
		int here = 0;

		manifest_read(argv[i]);
		if (look_up("field", "pid.level") < 0 || judge_object(&o[0]) != 1) {
			printf("FAILED: %s: exactly the planted field must be missing\n", argv[i]);
			return 1;
		}
		n_checked = 0;
		for (int k = 1; k < n; k++)
			here += judge_object(&o[k]);
		here += judge_expectations(arg_expect);
		printf("%s: %d relocations of %d objects, %d wrong\n", argv[i], n_checked, n - 1,
			here);
		bad += here + (n_checked < 40);
	}
	printf(bad ? "FAILED\n" : "all objects fit all kernels\n");
	return bad ? 1 : 0;
}
