// SPDX-License-Identifier: Apache-2.0
/* The failing VFS.  sqlite.org/vfs.html; what each method may return: sqlite3.h. */
#include "tests/failure/fault_file.h"

#include <sqlite3.h>
#include <stdlib.h>

struct fault_calls fault_calls;

bool fault_here(enum fault_what what)
{
	struct fault_calls *f = &fault_calls;

	if (!f->armed || f->what != what)
		return false;
	f->calls++;
	if (f->at == 0 || (f->forever ? f->calls < f->at : f->calls != f->at))
		return false;
	f->hit = true;
	return true;
}

static bool io_fails(void)
{
	return fault_here(FAULT_FILE_IO);
}

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this struct */
};

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static sqlite3_vfs *system_vfs;
static sqlite3_vfs vfs;

static int f_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	return io_fails() ? SQLITE_IOERR_READ : real(f)->pMethods->xRead(real(f), buf, n, at);
}

/* A write that fails may have been begun. */
static int f_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	bool io = io_fails();

	if (io || fault_here(FAULT_FILE_FULL)) {
		(void)real(f)->pMethods->xWrite(real(f), buf, n / 2, at);
		return io ? SQLITE_IOERR_WRITE : SQLITE_FULL;
	}
	return real(f)->pMethods->xWrite(real(f), buf, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return io_fails() ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	return io_fails() ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return io_fails() ? SQLITE_IOERR_FSTAT : real(f)->pMethods->xFileSize(real(f), ret);
}

static int f_lock(sqlite3_file *f, int level)
{
	return io_fails() ? SQLITE_IOERR_LOCK : real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_reserved(sqlite3_file *f, int *ret)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), ret);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int f_device(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
	return io_fails() ? SQLITE_IOERR_SHMMAP
			  : real(f)->pMethods->xShmMap(real(f), page, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return io_fails() && !(flags & SQLITE_SHM_UNLOCK)
		       ? SQLITE_IOERR_SHMLOCK
		       : real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int delete_it)
{
	return real(f)->pMethods->xShmUnmap(real(f), delete_it);
}

static int f_fetch(sqlite3_file *f, sqlite3_int64 at, int n, void **ret)
{
	return real(f)->pMethods->xFetch(real(f), at, n, ret);
}

static int f_unfetch(sqlite3_file *f, sqlite3_int64 at, void *p)
{
	return real(f)->pMethods->xUnfetch(real(f), at, p);
}

static const sqlite3_io_methods methods = {.iVersion = 3,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_unlock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_device,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
	.xFetch = f_fetch,
	.xUnfetch = f_unfetch};

static int v_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *ret_flags)
{
	struct file *file = (struct file *)f;
	int r;

	(void)v;
	f->pMethods = NULL;
	if (io_fails())
		return SQLITE_CANTOPEN;
	file->real = (sqlite3_file *)(file + 1);
	r = system_vfs->xOpen(system_vfs, name, file->real, flags, ret_flags);
	if (r == SQLITE_OK)
		f->pMethods = &methods;
	return r;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
	(void)v;
	return io_fails() ? SQLITE_IOERR_DELETE : system_vfs->xDelete(system_vfs, name, sync);
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
	(void)v;
	return io_fails() ? SQLITE_IOERR_ACCESS : system_vfs->xAccess(system_vfs, name, flags, ret);
}

bool fault_file_begin(void)
{
	system_vfs = sqlite3_vfs_find(NULL);
	if (!system_vfs)
		return false;
	vfs = *system_vfs; /* the rest goes to the system's as it is */
	vfs.pNext = NULL;
	vfs.zName = "hr-fault";
	vfs.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
	vfs.xOpen = v_open;
	vfs.xDelete = v_delete;
	vfs.xAccess = v_access;
	return sqlite3_vfs_register(&vfs, 1) == SQLITE_OK;
}
