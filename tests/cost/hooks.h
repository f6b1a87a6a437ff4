/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The things that are compared: no program, an empty one, headroom's own objects
 * (the very files that are built into the agent), a tool of somebody else.  Each
 * can be put on and taken off in milliseconds, so that visits alternate.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum load {
	LOAD_SWITCH,
	LOAD_BLOCK,
	LOAD_PACKET,
	LOAD_READ,  /* from here on: the object of LOAD_SWITCH */
	LOAD_LATE,  /* reads of data that waited */
	LOAD_UNIX,  /* messages of UNIX sockets */
	LOAD_OTHER, /* what the hook on them sees of other ones */
	LOAD_N
};

#define HOOKS_PROGS_MAX 16

struct bpf_object;
struct bpf_link;

/* One thing to compare. */
struct mode {
	const char *name;
	const char *command; /* somebody else's tool; NULL: an object of ours, or nothing */
	const char *dir; /* of another build of headroom's *.bpf.o; NULL: the one of hooks_where */
	struct bpf_object *obj;
	uint64_t nr_link;
	struct bpf_link *link[HOOKS_PROGS_MAX];
	int pid; /* of the tool while it is on */
};

struct hooks_where {
	const char *dir;       /* of headroom's *.bpf.o */
	const char *empty;     /* empty.bpf.o */
	uint32_t major, minor; /* LOAD_BLOCK: the disk */
	uint32_t ifindex;      /* LOAD_PACKET: the device */
};

/* Loads what @m->name stands for (see cost_hooks.c).  Exits on failure. */
void hooks_load(struct mode *m, enum load load, const struct hooks_where *w);
void hooks_on(struct mode *m, enum load load);
void hooks_off(struct mode *m);

/* Run time and runs of all programs of a mode that is on, as the kernel counts them. */
void hooks_stats(const struct mode *m, uint64_t *ret_ns, uint64_t *ret_n);

/* Bytes of the maps of headroom's objects with @cpus possible CPUs, @disks disks and @nics NICs. */
uint64_t hooks_map_bytes(const char *dir, uint32_t cpus, uint32_t disks, uint32_t nics);
