/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that fail when told to: those of SQLite on its files, by a VFS in front of the system's,
 * and those for memory, of everybody in this process (fault_memory.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum fault_what {
	FAULT_FILE_IO =
		0,       /* SQLITE_IOERR and what belongs to the call; a write leaves half behind */
	FAULT_FILE_FULL, /* writes say SQLITE_FULL, the others succeed */
	FAULT_MEMORY,    /* NULL */
	FAULT_OURS,      /* NULL, but only where a file of ours asks, not a library */
	FAULT_WHAT_N,
};

struct fault_calls {
	enum fault_what what;
	uint64_t at; /* the call that fails, from 1; 0: none, only counted */
	bool forever;
	bool armed;     /* else nothing is counted */
	uint64_t calls; /* since it was armed */
	bool hit;
};
extern struct fault_calls fault_calls;

/* Whether the call at hand, of kind @what, is to fail. */
bool fault_here(enum fault_what what);

/* The VFS becomes SQLite's default.  False: SQLite refuses it. */
bool fault_file_begin(void);
