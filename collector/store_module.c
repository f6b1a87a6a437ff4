// SPDX-License-Identifier: Apache-2.0
/* Finds headroom-postgresql.so: beside the program in a build directory, else where it is
 * installed. */
#include "collector/store_module.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "headroom-postgresql.so"

static bool beside_program(char to[4096])
{
	ssize_t n = readlink("/proc/self/exe", to, 4095 - sizeof(FILE_NAME));
	char *slash;

	if (n <= 0)
		return false;
	to[n] = '\0';
	slash = strrchr(to, '/');
	if (!slash)
		return false;
	memcpy(slash + 1, FILE_NAME, sizeof(FILE_NAME));
	return access(to, R_OK) == 0;
}

const struct hr_store_module *hr_store_module_load(char error[HR_STORE_ERROR_LEN])
{
	char path[4096];
	const struct hr_store_module *m;
	void *lib;

	if (!beside_program(path))
		(void)snprintf(path, sizeof(path), "%s/%s", HR_MODULE_DIR, FILE_NAME);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		(void)snprintf(error, HR_STORE_ERROR_LEN,
			"database in [collector] needs the package headroom-postgresql: %.300s",
			dlerror());
		return NULL;
	}
	m = dlsym(lib, HR_STORE_MODULE_SYMBOL);
	if (m && m->abi == HR_STORE_MODULE_ABI)
		return m;
	(void)snprintf(error, HR_STORE_ERROR_LEN,
		"%.300s is of another version: install headroom-collector and headroom-postgresql "
		"of "
		"the same one",
		path);
	(void)dlclose(lib);
	return NULL;
}
