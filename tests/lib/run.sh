# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which sets top, logs, only
# Stages, results, and the three kinds of test tests/run knows: a build, a ctest, a script.

stage_name='' stage_at=0
now_ms() { local t=${EPOCHREALTIME/./}; echo $((t / 1000)); }

stage_end() {
	[ -n "$stage_name" ] || return 0
	local ms=$(($(now_ms) - stage_at))
	printf 'TIME %s %d.%01d s\n' "$stage_name" $((ms / 1000)) $((ms % 1000 / 100)) | tee -a "$logs/times"
	stage_name=''
}

stage() {
	stage_end
	stage_name=$1 stage_at=$(now_ms)
	echo "==== $1 (load $(cut -d' ' -f1-3 /proc/loadavg))"
}

# result PASS|FAIL|SKIP NAME [REST]: the one line per test, and the only thing that is counted.
result() {
	echo "$1 $2${3:-}" | tee -a "$logs/results"
}

count() { grep -c "^$1 " "$logs/results" || true; }

finish() {
	stage_end
	local passed failed skipped
	passed=$(count PASS) failed=$(count FAIL) skipped=$(count SKIP)
	if [ "$failed" != 0 ]; then
		echo "==== failed"
		grep '^FAIL ' "$logs/results"
	elif [ $((passed + skipped)) = 0 ]; then
		echo "tests/run: no test matches '$only'" >&2
		failed=1
	fi
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
	exit
}

# What cannot go on without NAME: show the log's end, count one failure, stop.
fail_now() {
	tail -n 40 "$2" >&2
	result FAIL "$1" " (log $2)"
	finish
}

matches() { [[ $1 =~ $only ]]; }

# wants_ccache DIR: the gcc build is compiled again by system/quickstart. Another one gains by ccache only if there was
# something in it when this run began; else it costs half as much again.
wants_ccache() {
	command -v ccache >/dev/null || return 1
	[ -n "${ccache_files:-}" ] || ccache_files=$(ccache --print-stats 2>/dev/null | awk '$1 == "files_in_cache" { print $2 }')
	[ "$1" = build ] || [ "${ccache_files:-0}" -gt 500 ]
}

# build_tree DIR CMAKE-ARG...: configure and build; log in build/logs/build-*.log
build_tree() {
	local dir=$1 log
	shift
	log=$logs/build-$(case $dir in build) echo gcc ;; *) echo "${dir##*/}" ;; esac).log
	local launcher=(-DCMAKE_C_COMPILER_LAUNCHER=)
	! wants_ccache "$dir" || launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
	{ cmake -S "$top" -B "$dir" -G Ninja "${launcher[@]}" "$@" && ninja -C "$dir" -k 0; } >"$log" 2>&1
}

# run_ctests DIR PREFIX REGEX [LOG]: each ctest of DIR whose name matches (with a ! before it: does not) is one
# result, named PREFIX + its name.
run_ctests() {
	local dir=$1 prefix=$2 regex=${3#!} invert='' log junit verdict name why names
	[ "$regex" = "$3" ] || invert=-v
	log=$logs/${4:-ctest${prefix:+-${prefix%/}}}.log junit=${log%.log}.xml
	names=$(ctest --test-dir "$dir" -N 2>/dev/null | sed -n 's/^ *Test *#[0-9]*: //p' |
		grep -E $invert -- "$regex" | while read -r name; do matches "$prefix$name" && echo "$name"; done)
	[ -n "$names" ] || return 0
	# ctest wants one regular expression: the exact names, dots and pluses taken literally
	# (unlike --only's, which has been applied to prefix + name).
	# shellcheck disable=SC2001,SC2016
	names=$(sed 's/[][*.+?^$(){}|\\]/\\&/g' <<<"$names" | paste -sd'|')
	rm -f "$junit"
	ctest --test-dir "$dir" -R "^($names)\$" -j2 --timeout 240 --output-on-failure \
		--output-junit "$junit" >"$log" 2>&1
	if [ ! -s "$junit" ]; then
		tail -n 20 "$log" >&2
		result FAIL "${prefix}ctest" " (log $log)"
		return
	fi
	while IFS=$'\t' read -r verdict name why; do
		case $verdict in
		PASS) result PASS "$prefix$name" ;;
		SKIP) result SKIP "$prefix$name" ": ${why:-no reason given (log $log)}" ;;
		*) result FAIL "$prefix$name" " (${why:+$why; }log $log)" ;;
		esac
	done < <(python3 "$top/tests/lib/junit.py" "$junit")
}

# run_script SCRIPT: one result; its log ends with the exit status, the time it took and the CPU time of it and its children.
run_script() {
	local script=$1 name log status from why
	name=$(basename "$(dirname "$script")")/$(basename "$script" .sh)
	log=$logs/${name//\//-}.log
	from=$(now_ms)
	TIMEFORMAT='cpu %U + %S s'
	{ time timeout --kill-after=20 "${HR_TEST_TIMEOUT:-600}" "$script" >"$log" 2>&1 </dev/null; } 2>"$log.cpu"
	status=$?
	why=$(tail -n 1 "$log")
	echo "exit status $status after $(($(now_ms) - from)) ms, $(tail -n 1 "$log.cpu")" >>"$log"
	rm -f "$log.cpu"
	case $status in
	0) result PASS "$name" ;;
	77) result SKIP "$name" ": $why" ;;
	124 | 137) result FAIL "$name" " (out of time; log $log)" ;;
	*)
		{ grep -E '^(FAIL|FAILED)[ :]' "$log" | tail -n 10; tail -n 15 "$log"; } | sed 's/^/    /'
		result FAIL "$name" " ($why; log $log)"
		;;
	esac
}

# Whole-VM measurements and judgements of time need the machine to themselves; all others bear company.
machine() { sed -n 2,6p "$1" | grep -q "^# machine: $2\$"; }
alone() { machine "$1" alone; }

# The scripts of a kind, those that take longest first.
scripts() {
	local script
	for script in "$top/tests/$1"/*.sh; do
		[ -e "$script" ] || continue
		machine "$script" slow && echo "0 $script" || echo "1 $script"
	done | sort -s -k1,1 | cut -d' ' -f2-
}

# run_scripts KIND all|alone|shared [JOBS]: tests/KIND/*.sh of that class, JOBS at a time (default 1).
run_scripts() {
	local script jobs=${3:-1} running=0
	for script in $(scripts "$1"); do
		matches "$1/$(basename "$script" .sh)" || continue
		case $2 in
		alone) alone "$script" || continue ;;
		shared) ! alone "$script" || continue ;;
		esac
		if [ "$jobs" = 1 ]; then
			run_script "$script"
			continue
		fi
		[ $running -lt "$jobs" ] || { wait -n; running=$((running - 1)); }
		run_script "$script" &
		running=$((running + 1))
	done
	[ $running = 0 ] || wait
}

# Files git does not know and does not ignore: a build must leave none.
untracked() {
	git -c safe.directory='*' -C "$top" status --porcelain --untracked-files=all 2>/dev/null || true
}
