// SPDX-License-Identifier: Apache-2.0
/* The one symbol of headroom-postgresql.so. */
#include "collector/store_module.h"
#include "collector/store_pg.h"

__attribute__((visibility("default"))) extern const struct hr_store_module hr_store_module;

const struct hr_store_module hr_store_module = {
	.abi = HR_STORE_MODULE_ABI,
	.open = hr_store_pg_open,
	.check = hr_store_pg_check,
	.side = hr_side_pg_open,
};
