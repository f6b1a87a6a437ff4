#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: interrupted.sh SIM
# A simulation that is ended leaves no folder in memory, alone or with processes of its own.
set -eu
for jobs in 1 2; do
	said=$({ timeout -s TERM 1 "$1" --events 1e12 --jobs $jobs --verbose || true; } | grep '^in /')
	for d in ${said//in /}; do
		[ ! -e "$d" ] || { echo "left with --jobs $jobs: $d"; exit 1; }
	done
done
