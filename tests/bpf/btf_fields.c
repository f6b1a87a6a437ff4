/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every struct.field that our BPF objects name exists in the running kernel, and
 * so does every enumerator: a misspelt one compiles, and fails only at load.
 * Usage: btf_fields TYPO.o OBJECT.o...  [HR_BTF=file: another kernel's BTF]
 * Left out: our own types (hr_*), ___ flavours (they are asked for at run time) and
 * the argument types of libbpf's macros.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "tests/bpf/live.h"

static bool has_member(const struct btf *btf, const struct btf_type *t, const char *name)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *n = btf__name_by_offset(btf, m[i].name_off);
		const struct btf_type *inner = btf__type_by_id(btf, m[i].type);

		if (strcmp(n, name) == 0)
			return true;
		while (btf_is_mod(inner) || btf_is_typedef(inner))
			inner = btf__type_by_id(btf, inner->type);
		if (!*n && btf_is_composite(inner) && has_member(btf, inner, name))
			return true;
	}
	return false;
}

static bool has_enumerator(const struct btf *btf, const char *name)
{
	__u32 n = btf__type_cnt(btf);

	for (__u32 id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!btf_is_enum(t))
			continue;
		for (int i = 0; i < btf_vlen(t); i++)
			if (strcmp(btf__name_by_offset(btf, btf_enum(t)[i].name_off), name) == 0)
				return true;
	}
	return false;
}

/* Fields and enumerators of one object that the kernel lacks; each is printed. */
static int missing(const struct btf *obj, const struct btf *kernel, int *checked)
{
	__u32 n = btf__type_cnt(obj);
	int bad = 0;

	for (__u32 id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(obj, id), *k;
		const char *name = btf__name_by_offset(obj, t->name_off);
		int kid;

		if (btf_is_enum(t)) {
			for (int i = 0; *name && strncmp(name, "hr_", 3) != 0 && i < btf_vlen(t);
				i++) {
				const char *e = btf__name_by_offset(obj, btf_enum(t)[i].name_off);

				if (!strstr(e, "cgrp_id") && strncmp(e, "PG_", 3) != 0)
					continue; /* ours, or libbpf's */
				++*checked;
				if (!has_enumerator(kernel, e))
					bad += printf("no enumerator %s\n", e) > 0;
			}
			continue;
		}
		if (!btf_is_struct(t) || !*name || strncmp(name, "hr_", 3) == 0 ||
			strstr(name, "___") || btf_vlen(t) == 0)
			continue;
		kid = btf__find_by_name_kind(kernel, name, BTF_KIND_STRUCT);
		if (kid < 0) {
			bad += printf("no struct %s\n", name) > 0;
			continue;
		}
		k = btf__type_by_id(kernel, (__u32)kid);
		for (int i = 0; i < btf_vlen(t); i++) {
			const char *m = btf__name_by_offset(obj, btf_members(t)[i].name_off);

			++*checked;
			if (!has_member(kernel, k, m))
				bad += printf("no field %s.%s\n", name, m) > 0;
		}
	}
	return bad;
}

static int check(const char *path, const struct btf *kernel, int *checked)
{
	struct btf *obj = btf__parse_elf(path, NULL);
	int bad;

	if (!obj) {
		printf("%s: %s\n", path, strerror(errno));
		return -1;
	}
	bad = missing(obj, kernel, checked);
	btf__free(obj);
	return bad;
}

int main(int argc, char **argv)
{
	const char *other = getenv("HR_BTF");
	struct btf *kernel = other ? btf__parse(other, NULL) : btf__load_vmlinux_btf();
	int bad = 0, checked = 0, none = 0;

	if (!kernel) {
		printf("SKIP: no kernel BTF (%s)\n", other ? other : "/sys/kernel/btf/vmlinux");
		return 77;
	}
	if (argc < 3)
		return 2;
	printf("planted: ");
	if (check(argv[1], kernel, &none) != 1) {
		printf("FAILED: the checker must find exactly the one planted typo in %s\n",
			argv[1]);
		return 1;
	}
	for (int i = 2; i < argc; i++)
		bad += check(argv[i], kernel, &checked) != 0;
	btf__free(kernel);
	printf("%d fields and enumerators of %d objects checked\n", checked, argc - 2);
	if (checked < 20) {
		printf("FAILED: the objects name more than that\n");
		return 1;
	}
	return bad ? 1 : 0;
}
