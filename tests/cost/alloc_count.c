/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the agent: who allocates?  Counts calls of malloc and its kin by return address,
 * in a file that is mapped ($HR_ALLOC_TABLE), as long as the first word of it is not 0.
 * The file is read and judged by tests/system/allocations.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own, under the names that nobody replaces */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

#define PLACES 500

struct table {
	uint64_t on;
	int64_t live; /* bytes allocated less bytes freed, on or not */
	struct {
		uint64_t caller, n, bytes;
	} place[PLACES];
};

static struct table *table;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("HR_ALLOC_TABLE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p != MAP_FAILED)
		table = p;
}

static void *note(void *p, uintptr_t caller, size_t n)
{
	if (!table || !p)
		return p;
	__atomic_fetch_add(&table->live, (int64_t)malloc_usable_size(p), __ATOMIC_RELAXED);
	for (int i = 0; table->on && i < PLACES; i++) {
		if (table->place[i].caller != 0 && table->place[i].caller != caller)
			continue;
		table->place[i].caller = caller; /* the agent has one thread */
		table->place[i].n++;
		table->place[i].bytes += n;
		break;
	}
	return p;
}

static void forget(void *p)
{
	if (table && p)
		__atomic_fetch_sub(&table->live, (int64_t)malloc_usable_size(p), __ATOMIC_RELAXED);
}

#define CALLER (uintptr_t) __builtin_return_address(0)

void *malloc(size_t n)
{
	return note(__libc_malloc(n), CALLER, n);
}

void *calloc(size_t n, size_t size)
{
	return note(__libc_calloc(n, size), CALLER, n * size);
}

void *realloc(void *p, size_t n)
{
	void *q;

	forget(p);
	q = __libc_realloc(p, n);
	if (!q && n > 0 && p && table)
		__atomic_fetch_add(&table->live, (int64_t)malloc_usable_size(p), __ATOMIC_RELAXED);
	return note(q, CALLER, n);
}

void free(void *p)
{
	int saved = errno;

	forget(p);
	__libc_free(p);
	errno = saved;
}

int posix_memalign(void **ret, size_t align, size_t n)
{
	void *p = note(__libc_memalign(align, n), CALLER, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

void *aligned_alloc(size_t align, size_t n)
{
	return note(__libc_memalign(align, n), CALLER, n);
}

/* libcurl calls it: glibc's own would call malloc from glibc, and hide who wanted it. */
char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = note(__libc_malloc(n), CALLER, n);

	return p ? memcpy(p, s, n) : NULL;
}
