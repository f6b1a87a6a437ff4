/* SPDX-License-Identifier: Apache-2.0 */
/* Owner's clean-up at the end of a scope; hr_take_* hands the object on at the success line. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HR_CLEANUP(fn) __attribute__((cleanup(fn)))
#define HR_MUST_USE    __attribute__((warn_unused_result))

#define hr_take_ptr(p)                                                                             \
	({                                                                                         \
		__typeof__(p) *_pp = &(p), _v = *_pp;                                              \
		*_pp = NULL;                                                                       \
		_v;                                                                                \
	})
#define hr_take_fd(fd)                                                                             \
	({                                                                                         \
		int *_pf = &(fd), _v = *_pf;                                                       \
		*_pf = -1;                                                                         \
		_v;                                                                                \
	})

static inline void hr_freep(void *p)
{
	free(*(void **)p);
}

static inline void hr_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void hr_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}
