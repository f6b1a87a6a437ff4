// SPDX-License-Identifier: Apache-2.0
/* malloc and its kin of the whole process, libraries included, in front of the C library's. */
#include <errno.h>
#include <stdlib.h>

#include "tests/failure/fault_file.h"

/* glibc's own names for what is hidden here. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

/* Of the linker: where this program's own code begins and ends. */
extern const char __executable_start[], etext[];

static bool none_left(const char *caller)
{
	bool ours = caller >= __executable_start && caller < etext;

	if (!fault_here(FAULT_MEMORY) && !(ours && fault_here(FAULT_OURS)))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return none_left(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return none_left(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return none_left(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
