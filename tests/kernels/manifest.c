/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel's BTF -> its field manifest: what the list of types names, as text that
 * can stand in the tree where 5 MB of BTF cannot.  Usage: manifest BTF TYPES.
 * Lines: "field STRUCT.MEMBER[.MEMBER] BYTES" (0: composite or bit field; anonymous
 * members are looked through), "tracepoint NAME ARGUMENTS", "value ENUMERATOR N".
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

static const struct btf_type *bare(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (btf_is_mod(t) || btf_is_typedef(t))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static void print_members(const struct btf *btf, const struct btf_type *t, const char *path)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, m[i].name_off);
		const struct btf_type *inner = bare(btf, m[i].type);
		bool scalar = btf_is_int(inner) || btf_is_ptr(inner) || btf_is_enum(inner);

		if (!*name && btf_is_composite(inner))
			print_members(btf, inner, path);
		else if (*name)
			printf("field %s.%s %lld\n", path, name,
				scalar && btf_member_bitfield_size(t, (__u32)i) == 0
					? (long long)btf__resolve_size(btf, m[i].type)
					: 0);
	}
}

/* The type of member @name, anonymous ones looked through; NULL: none. */
static const struct btf_type *member(
	const struct btf *btf, const struct btf_type *t, const char *name)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *n = btf__name_by_offset(btf, m[i].name_off);
		const struct btf_type *inner = bare(btf, m[i].type), *found;

		if (*n && strcmp(n, name) == 0)
			return inner;
		if (!*n && btf_is_composite(inner) && (found = member(btf, inner, name)))
			return found;
	}
	return NULL;
}

/* @path: STRUCT[.MEMBER...]; @whole: all members of it, else it alone. */
static void print_struct(const struct btf *btf, char *path, bool whole)
{
	char *dot = strchr(path, '.'), *rest = dot;
	const struct btf_type *t;
	int id;

	if (dot)
		*dot = '\0';
	id = btf__find_by_name_kind(btf, path, BTF_KIND_STRUCT);
	t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);
	if (dot)
		*dot = '.';
	while (t && rest) {
		char name[64];
		size_t n = strcspn(rest + 1, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, rest + 1);
		t = member(btf, t, name);
		rest = rest[1 + n] ? rest + 1 + n : NULL;
	}
	if (t && !whole)
		printf("field %s %u\n", path, btf_is_ptr(t) ? 8 : btf_is_int(t) ? t->size : 0);
	else if (t && btf_is_composite(t))
		print_members(btf, t, path);
}

static void print_enum(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	for (int i = 0; t && i < btf_vlen(t); i++)
		printf("value %s %d\n", btf__name_by_offset(btf, btf_enum(t)[i].name_off),
			btf_enum(t)[i].val);
}

static void print_tracepoint(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char type[96];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return;
	t = bare(btf, (__u32)id);
	t = btf_is_ptr(t) ? bare(btf, t->type) : t;
	if (btf_is_func_proto(t))
		printf("tracepoint %s %d\n", name, btf_vlen(t) - 1); /* less its own data */
}

int main(int argc, char **argv)
{
	char line[160], kind[16], name[64];
	struct btf *btf;
	FILE *f;

	if (argc != 3)
		return 2;
	btf = btf__parse(argv[1], NULL);
	f = fopen(argv[2], "r");
	if (!btf || !f) {
		fprintf(stderr, "%s: %s\n", btf ? argv[2] : argv[1], strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || sscanf(line, "%15s %63s", kind, name) != 2)
			continue;
		if (strcmp(kind, "enum") == 0)
			print_enum(btf, name);
		else if (strcmp(kind, "tracepoint") == 0)
			print_tracepoint(btf, name);
		else
			print_struct(btf, name, strcmp(kind, "field") != 0);
	}
	fclose(f);
	btf__free(btf);
	return 0;
}
