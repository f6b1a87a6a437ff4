/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel BTF and process capabilities -> struct hr_kernel_facts.  A tracepoint
 * exists when the BTF has the typedef btf_trace_NAME; its arity is the length of
 * that function prototype less the tracepoint's own data pointer.  Version
 * numbers are not asked: stable kernels backport (kernel-signals rule 2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "agent/kernel_probe.h"
#include "proto/cleanup.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static void btf_freep(struct btf **b)
{
	btf__free(*b);
}

static bool effective(const struct __user_cap_data_struct *d, int cap)
{
	return d[cap >> 5].effective & (1u << (cap & 31));
}

static void probe_caps(struct hr_kernel_facts *f)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	memset(d, 0, sizeof(d));
	if (syscall(SYS_capget, &h, d) != 0)
		return;
	f->cap_sys_admin = effective(d, CAP_SYS_ADMIN);
	f->cap_bpf = f->cap_sys_admin || effective(d, CAP_BPF);
	f->cap_perfmon = f->cap_sys_admin || effective(d, CAP_PERFMON);
}

/* "none integrity [confidentiality]"; only the last mode forbids BPF to read kernel memory. */
static void probe_lockdown(struct hr_kernel_facts *f)
{
	HR_CLEANUP(hr_closep) int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	f->locked_down = strstr(text, "[confidentiality]") != NULL;
}

/* Type of a member of the struct @id; negative: no such member. */
static int member_type(const struct btf *btf, int id, const char *member)
{
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);
	const struct btf_member *m;

	if (!t || !btf_is_struct(t))
		return -1;
	m = btf_members(t);
	for (int i = 0; i < btf_vlen(t); i++)
		if (strcmp(btf__name_by_offset(btf, m[i].name_off), member) == 0)
			return (int)m[i].type;
	return -1;
}

static bool has_member(const struct btf *btf, const char *type, const char *member)
{
	return member_type(btf, btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT), member) >= 0;
}

/* When data came last, in a struct without a name. */
static bool has_receive_times(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "inet_connection_sock", BTF_KIND_STRUCT);

	return member_type(btf, member_type(btf, id, "icsk_ack"), "lrcvtime") >= 0;
}

static uint32_t struct_bytes(const struct btf *btf, const char *type)
{
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);

	return id < 0 ? 0 : btf__type_by_id(btf, (__u32)id)->size;
}

/* enum req_op, up to 5.19 req_opf (ff07a02e9e8e); the numbers moved even inside 5.10 stable. */
static void probe_ops(const struct btf *btf, uint8_t ret_class[HR_OPS_N])
{
	static const struct {
		const char *name;
		enum hr_op op;
	} names[] = {
		{"REQ_OP_READ", HR_OP_READ},
		{"REQ_OP_WRITE", HR_OP_WRITE},
		{"REQ_OP_WRITE_ZEROES", HR_OP_WRITE},
		{"REQ_OP_ZONE_APPEND", HR_OP_WRITE},
		{"REQ_OP_DISCARD", HR_OP_DISCARD},
		{"REQ_OP_SECURE_ERASE", HR_OP_DISCARD},
		{"REQ_OP_FLUSH", HR_OP_FLUSH},
	};
	int id = btf__find_by_name_kind(btf, "req_op", BTF_KIND_ENUM);
	const struct btf_type *t;

	if (id < 0)
		id = btf__find_by_name_kind(btf, "req_opf", BTF_KIND_ENUM);
	if (id < 0)
		return;
	t = btf__type_by_id(btf, (__u32)id);
	for (int i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, btf_enum(t)[i].name_off);
		int value = btf_enum(t)[i].val;

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(name, names[k].name) == 0 && value >= 0 && value < HR_OPS_N)
				ret_class[value] = (uint8_t)names[k].op;
	}
}

/* enum req_flag_bits numbers the bits of cmd_flags; their places move with the enum. */
static void probe_flags(const struct btf *btf, struct hr_kernel_facts *f)
{
	int id = btf__find_by_name_kind(btf, "req_flag_bits", BTF_KIND_ENUM);
	const struct btf_type *t;
	uint32_t sync = 0, with = 0;

	if (id < 0)
		return;
	t = btf__type_by_id(btf, (__u32)id);
	for (int i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, btf_enum(t)[i].name_off);
		int bit = btf_enum(t)[i].val;

		if (bit < HR_OP_BITS || bit > 31)
			continue;
		if (strcmp(name, "__REQ_SYNC") == 0)
			sync = 1u << bit;
		else if (strcmp(name, "__REQ_FUA") == 0 || strcmp(name, "__REQ_PREFLUSH") == 0)
			with |= 1u << bit;
		else if (strcmp(name, "__REQ_RAHEAD") == 0)
			f->flags_ahead = 1u << bit;
	}
	if (sync && f->flags_ahead)
		f->flags_sync = sync | with;
}

static uint32_t function_id(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);

	return id < 0 ? 0 : (uint32_t)id;
}

static void probe_hook(const struct btf *btf, enum hr_hook h, struct hr_hook_facts *ret)
{
	const struct btf_type *t;
	char name[96];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", hr_hook_name(h));
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	if (!t || !btf_is_ptr(t))
		return;
	t = btf__type_by_id(btf, t->type);
	if (!t || !btf_is_func_proto(t) || btf_vlen(t) < 1 || btf_vlen(t) > 13)
		return;
	ret->exists = true;
	ret->args = (uint8_t)(btf_vlen(t) - 1);
}

void hr_kernel_probe(struct hr_kernel_facts *ret_facts)
{
	HR_CLEANUP(btf_freep) struct btf *btf = NULL;

	memset(ret_facts, 0, sizeof(*ret_facts));
	probe_caps(ret_facts);
	probe_lockdown(ret_facts);
	btf = btf__load_vmlinux_btf();
	if (!btf)
		return;
	ret_facts->has_btf = true;
	ret_facts->sched_info = has_member(btf, "sched_info", "run_delay");
	ret_facts->request_times = has_member(btf, "request", "start_time_ns");
	ret_facts->receive_times = has_receive_times(btf);
	ret_facts->cast = function_id(btf, "bpf_rdonly_cast");
	/* The guard of tracepoints' programs and this function came with one commit, 05b24ff9b2cf
	 * (6.1). */
	ret_facts->no_nesting = function_id(btf, "bpf_prog_inc_misses_counter") != 0;
	probe_ops(btf, ret_facts->op_class);
	probe_flags(btf, ret_facts);
	ret_facts->page_bytes = struct_bytes(btf, "page");
	for (int h = 0; h < HR_HOOK_N; h++)
		if (h != HR_HOOK_TASKS)
			probe_hook(btf, (enum hr_hook)h, &ret_facts->hook[h]);
	ret_facts->hook[HR_HOOK_TASKS].exists =
		btf__find_by_name_kind(btf, "bpf_iter__task", BTF_KIND_STRUCT) >= 0;
}

int hr_kernel_put_cast(const struct hr_kernel_facts *facts, struct bpf_program *prog)
{
	size_t n = bpf_program__insn_cnt(prog);
	HR_CLEANUP(hr_freep) struct bpf_insn *insn = malloc(n * sizeof(*insn));

	if (!insn)
		return -ENOMEM;
	memcpy(insn, bpf_program__insns(prog), n * sizeof(*insn));
	for (size_t i = 0; i < n; i++)
		if (insn[i].code == (BPF_JMP | BPF_CALL) && insn[i].src_reg == 0 &&
			insn[i].imm == HR_CALL_CAST) {
			insn[i].src_reg = BPF_PSEUDO_KFUNC_CALL;
			insn[i].imm = (int32_t)facts->cast;
		}
	return bpf_program__set_insns(prog, insn, n);
}
