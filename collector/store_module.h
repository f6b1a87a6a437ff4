/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in a file of its own, loaded when the configuration names a database: so that a collector
 * with SQLite needs no other database's library.
 */
#pragma once

#include <stdio.h>

#include "collector/store_side.h"
#include "collector/store.h"

#define HR_STORE_MODULE_ABI    2 /* of store.h and this; program and module are of one build */
#define HR_STORE_MODULE_SYMBOL "hr_store_module"

struct hr_store_module {
	unsigned abi;
	/* NULL: not possible, @error has what, why and what to do. */
	struct hr_store *(*open)(const char *database, char error[HR_STORE_ERROR_LEN]);
	/* --check-store; true: sound. */
	bool (*check)(const char *database, FILE *to);
	/* What is shared beside windows; NULL as for open. */
	struct hr_side *(*side)(const char *database, char error[HR_STORE_ERROR_LEN]);
};

/* NULL: not installed or not of this build, said in @error.  Never unloaded. */
const struct hr_store_module *hr_store_module_load(char error[HR_STORE_ERROR_LEN]);
