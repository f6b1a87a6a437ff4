#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Files of older collectors are brought up to this one: whole, killed in the middle, and on a full disk.
set -eu
HR_TOP=${HR_TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
exec "$HR_TOP/tests/failure/upgrade" --kills 8
