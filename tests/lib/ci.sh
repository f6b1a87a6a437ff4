# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by tests/run, which sets top, logs
# What --ci adds: the other compiler, sanitizers, valgrind, clang-tidy, a clean tree.

# ci_build NAME CMAKE-ARG...: a build of its own under build/ci/; its success is a result.
ci_build() {
	local name=$1
	shift
	stage "build-$name"
	if build_tree "build/ci/$name" -DHR_WERROR=ON "$@"; then
		result PASS "build/$name"
		return 0
	fi
	grep -E -A 4 'error:|FAILED:|warning:' "$logs/build-$name.log" | head -n 40
	result FAIL "build/$name" " (log $logs/build-$name.log)"
	return 1
}

# Each unit test's program under valgrind: an invalid access, an uninitialised branch or a leak fails.
ci_valgrind() {
	local name cmd log
	stage valgrind
	while IFS=$'\t' read -r name cmd; do
		matches "valgrind/$name" || continue
		printf '%s\t%s\n' "$name" "$cmd"
	done < <(ctest --test-dir build --show-only=json-v1 -R '^unit/' |
		jq -r '.tests[] | select(.command) | [.name, .command[0]] | @tsv') >"$logs/valgrind.list"
	# shellcheck disable=SC2016  # expanded by the inner shell
	xargs -a "$logs/valgrind.list" -P2 -d '\n' -n1 bash -c '
		IFS=$'"'\t'"' read -r name cmd <<<"$2"
		log=$1/valgrind-${name//\//-}.log
		cd build && HR_TEST_QUICK=1 timeout 240 valgrind -q --error-exitcode=9 --leak-check=full \
			--errors-for-leak-kinds=definite,indirect "$cmd" >"$log" 2>&1
		echo "exit status $?" >>"$log"' _ "$logs"
	while IFS=$'\t' read -r name cmd; do
		log=$logs/valgrind-${name//\//-}.log
		if [ "$(tail -n 1 "$log")" = 'exit status 0' ]; then
			result PASS "valgrind/$name"
		else
			grep -m 5 '^==' "$log"
			result FAIL "valgrind/$name" " ($(tail -n 1 "$log"); log $log)"
		fi
	done <"$logs/valgrind.list"
}

# clang-tidy over every C file of ours in the clang build's list of commands (the clang build has
# just proved that it parses); a file's log is kept, its findings are its failure.  The analyzer walks 12,000 nodes
# of a function instead of 225,000 (five files: 2.6 s, 4.4 at 30,000; HR_TIDY_NODES=225000 for all of it).  What is shipped is
# looked at: tests run under the sanitizers anyway (HR_TIDY_TESTS=1 for them too).
ci_tidy() {
	local list=$logs/tidy.list file log where='proto|agent|collector'
	[ -z "${HR_TIDY_TESTS:-}" ] || where+='|tests'
	stage clang-tidy
	jq -r '.[].file' build/ci/clang/compile_commands.json | sort -u |
		grep -E "^$top/($where)/.*\.c$" |
		while read -r file; do ! matches "tidy/${file#"$top"/}" || echo "$file"; done >"$list"
	# shellcheck disable=SC2016  # expanded by the inner shell
	timeout 420 xargs -a "$list" -P2 -d '\n' -n1 bash -c '
		name=${4#"$2"/}
		log=$1/tidy-${name//\//-}.log
		clang-tidy-14 -p build/ci/clang --quiet --extra-arg=-Xclang --extra-arg=-analyzer-config \
			--extra-arg=-Xclang --extra-arg="max-nodes=$3" "$4" >"$log" 2>&1
		echo "exit status $?" >>"$log"' _ "$logs" "$top" "${HR_TIDY_NODES:-12000}"
	while read -r file; do
		file=${file#"$top"/}
		log=$logs/tidy-${file//\//-}.log
		if [ "$(tail -n 1 "$log" 2>/dev/null)" = 'exit status 0' ]; then
			result PASS "tidy/$file"
		else
			grep -m 3 -E 'error:|warning:' "$log"
			result FAIL "tidy/$file" " ($(tail -n 1 "$log" 2>/dev/null || echo 'out of time'); log $log)"
		fi
	done <"$list"
}

# A build and a test run leave nothing behind that git does not ignore.
ci_untracked() {
	local left
	matches check/untracked || return 0
	left=$(comm -13 <(sort <<<"$1") <(untracked | sort))
	if [ -n "$left" ]; then
		echo "$left"
		result FAIL check/untracked " (the build or the tests left files)"
	else
		result PASS check/untracked
	fi
}

# One clang build is both the second compiler's warnings and the sanitizers (asserts on); clang-tidy reads its commands.
ci_stages() {
	if ci_build clang -DCMAKE_C_COMPILER=clang-14 -DHR_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug \
		-DCMAKE_C_FLAGS_DEBUG=-gline-tables-only -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=gold; then
		stage ctest-asan
		UBSAN_OPTIONS=print_stacktrace=1 run_ctests build/ci/clang asan/ '^(unit|io|fuzz)/'
		ci_tidy
	fi
	ci_valgrind
}
