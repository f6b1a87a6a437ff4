# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by run, which sets cache
# Debian kernels and busybox for guests: resolved by apt from the archives this machine uses, unpacked into a cache
# outside the tree's files, never installed.  apt works on a state folder of its own for each suite and architecture.

# The configured address of an archive whose path ends in $1 (a mirror is used where one is set up).
archive() {
	# shellcheck disable=SC2016  # apt's variable
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed 's,/*$,,' | grep -m1 "/$1\$" || echo "http://deb.debian.org/$1"
}

# apt_in SUITE ARCH TOOL ARG...: an apt command that knows only that suite, for that architecture.
apt_in() {
	local dir=$cache/apt/$1-$2
	shift 2
	"$1" -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State="$dir/state" \
		-o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" -o APT::Architecture="${dir##*-}" \
		-o APT::Architectures="${dir##*-}" -o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=20 "${@:2}"
}

# The lists of a suite, at most a week old; the old ones where the archive cannot be reached.
refresh() {
	local suite=$1 arch=$2 dir=$cache/apt/$1-$2 key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -z "$(find "$dir/fresh" -mtime -7 2>/dev/null)" ] || return 0
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	touch "$dir/status"
	{
		echo "deb [arch=$arch signed-by=$key] $(archive debian) $suite main"
		case $suite in
		*-* | sid) ;;
		*) echo "deb [arch=$arch signed-by=$key] $(archive debian-security) $suite-security main" ;;
		esac
	} >"$dir/sources.list"
	if apt_in "$suite" "$arch" apt-get -qq update >"$dir/log" 2>&1; then
		touch "$dir/fresh"
	else
		[ -e "$dir/fresh" ] || { tail -n 2 "$dir/log" >&2; return 1; }
	fi
}

# download SUITE ARCH DIR PACKAGE...: unpacks packages into DIR.
download() {
	local suite=$1 arch=$2 dir=$3 tmp deb
	shift 3
	tmp=$(mktemp -d "$cache/deb.XXXXXX")
	if ! (cd "$tmp" && apt_in "$suite" "$arch" apt-get -qq download "$@") >"$cache/download.log" 2>&1; then
		tail -n 2 "$cache/download.log" >&2
		rm -rf "$tmp"
		return 1
	fi
	mkdir -p "$dir"
	for deb in "$tmp"/*.deb; do dpkg-deb -x "$deb" "$dir" || return 1; done
	rm -rf "$tmp"
}

# Packages that make up a kernel: from 6.19 on image, modules and settings come apart.
parts_of() {
	local suite=$1 arch=$2 package=$3 depends p
	depends=$(apt_in "$suite" "$arch" apt-cache --no-all-versions show "$package" 2>/dev/null) || return 1
	[ -n "$depends" ] || return 1
	echo "$package"
	depends=$(sed -n 's/^Depends: //p' <<<"$depends" | tr '|' ',' | tr ',' '\n' | sed 's/^ *//; s/[ (:].*//' |
		grep -E '^linux-(image|binary|modules)-[0-9]')
	for p in $depends; do parts_of "$suite" "$arch" "$p" || return 1; done
}

# candidates SUITE ARCH SERIES: images of that series (the cloud flavour), newest first.
candidates() {
	apt_in "$1" "$2" apt-cache pkgnames linux-image- |
		grep -E "^linux-image-${3//./\\.}[^0-9][0-9.+~a-z-]*-cloud-$2\$" | grep -v unsigned | sort -rV | head -n 8
}

# get_kernel NAME SUITE ARCH SERIES: $cache/NAME with vmlinuz, lib/modules and release.
# The newest of the series that the archive lists and really has.
get_kernel() {
	local dir=$cache/$1 suite=$2 arch=$3 series=$4 image parts new
	[ ! -e "$dir/release" ] || return 0
	refresh "$suite" "$arch" || return 1
	new=$dir.new
	for image in $(candidates "$suite" "$arch" "$series"); do
		parts=$(parts_of "$suite" "$arch" "$image") || continue
		rm -rf "$new"
		# shellcheck disable=SC2086  # a list
		download "$suite" "$arch" "$new" $parts || continue
		settle "$new" || continue
		rm -rf "$dir"
		mv "$new" "$dir"
		return 0
	done
	echo "no complete kernel $series for $arch in $suite" >&2
	return 1
}

# Puts what a package left in its several places where the runner looks.
settle() {
	local dir=$1 release f
	[ -d "$dir/lib/modules" ] || { mkdir -p "$dir/lib" && mv "$dir/usr/lib/modules" "$dir/lib/modules"; } || return 1
	release=$(basename "$dir"/lib/modules/*)
	for f in "$dir/boot/vmlinuz-$release" "$dir/lib/modules/$release/vmlinuz"; do
		[ ! -e "$f" ] || mv "$f" "$dir/vmlinuz"
	done
	[ -e "$dir/vmlinuz" ] || return 1
	rm -rf "${dir:?}/boot" "${dir:?}/usr"
	/sbin/depmod -b "$dir" "$release" && echo "$release" >"$dir/release"
}

# get_busybox ARCH: a static one at $cache/busybox-ARCH.
get_busybox() {
	[ ! -e "$cache/busybox-$1" ] || return 0
	refresh bookworm "$1" && download bookworm "$1" "$cache/busybox.new" busybox-static || return 1
	mv "$cache/busybox.new/bin/busybox" "$cache/busybox-$1" && rm -rf "$cache/busybox.new"
}
