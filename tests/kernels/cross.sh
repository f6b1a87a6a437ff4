# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by run, which sets top, build, cache and the stages' helpers
# Programs for arm64 built here: Debian's cross compiler (gcc-aarch64-linux-gnu), and an arm64 Debian's headers and
# libraries unpacked into the cache.  Nothing of it is installed.

cross=$build/arm64 # what it builds

# get_sysroot ARCH: $cache/sysroot-ARCH with all that deploy/packages.list wants for building and testing.
get_sysroot() {
	local arch=$1 dir=$cache/sysroot-$1 deb link want
	want=$(sed -nE 's/^(build|test) ([a-z0-9.+-]+-dev)$/\2/p' "$top/deploy/packages.list")
	[ "$(cat "$dir/complete" 2>/dev/null)" != "$want" ] || return 0 # made when less was wanted: made again
	refresh bookworm "$arch" || return 1
	rm -rf "$dir"
	mkdir -p "$dir"/usr/{lib,bin,sbin}
	for link in lib bin sbin; do ln -s "usr/$link" "$dir/$link"; done
	# shellcheck disable=SC2086  # a list
	apt_in bookworm "$arch" apt-get -qq -y --no-install-recommends --download-only -o Debug::NoLocking=1 install \
		$want >"$cache/download.log" 2>&1 ||
		{ tail -n 2 "$cache/download.log" >&2; return 1; }
	for deb in "$cache/apt/bookworm-$arch/cache/archives"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$dir" || return 1
	done
	while read -r link; do # absolute links would lead out of it
		ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$dir$(readlink "$link")")" "$link"
	done < <(find "$dir" -type l -lname '/*')
	echo "$want" >"$dir/complete"
}

# cross_build TARGET...: the tree for arm64 in $cross.
cross_build() {
	command -v aarch64-linux-gnu-gcc >/dev/null || { echo "needs gcc-aarch64-linux-gnu" >&2; return 1; }
	get_sysroot arm64 || return 1
	cmake -S "$top" -B "$cross" -G Ninja -DHR_WERROR=ON -DHR_SYSROOT="$cache/sysroot-arm64" \
		-DCMAKE_C_COMPILER_LAUNCHER="$(command -v ccache)" --toolchain "$top/deploy/aarch64.cmake" >"$cache/cross.log" 2>&1 &&
		ninja -C "$cross" "$@" >>"$cache/cross.log" 2>&1 && return 0
	grep -m 5 -E 'rror|FAILED' "$cache/cross.log" >&2
	echo "no cross build (log $cache/cross.log)" >&2
	return 1
}

# The whole tree, and its unit tests by qemu-aarch64 where that is installed.
stage_cross() {
	local why
	if ! why=$(cross_build all 2>&1); then
		case $why in needs*) result SKIP cross "${why##*$'\n'}" ;; *) echo "$why"; result FAIL cross ;; esac
		return
	fi
	result PASS "cross build for arm64"
	command -v qemu-aarch64 >/dev/null || { result SKIP "unit tests on arm64" "needs qemu-user"; return; }
	if HR_TEST_QUICK=1 ctest --test-dir "$cross" -R '^(unit|fuzz)/' --timeout 240 --no-tests=error >"$cache/cross-unit.log" 2>&1; then
		result PASS "unit tests on arm64: $(grep -o '[0-9]* tests failed out of [0-9]*' "$cache/cross-unit.log")"
	else
		grep -E 'Failed|Timeout|\*\*\*' "$cache/cross-unit.log"
		result FAIL "unit tests on arm64"
	fi
}
