#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files of older collectors are brought up to this one: whole, killed in the middle, and on a full disk; one with a full day.
set -eu
HR_TOP=${HR_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
"$HR_TOP/tests/failure/upgrade" --kills 4 --full 1
exec "$HR_TOP/tests/failure/upgrade" --day --kills 2 --full 0 "$HR_TOP/tests/data/store/schema-4.sql"
