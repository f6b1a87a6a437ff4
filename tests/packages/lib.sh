# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Shared by tests/packages/vm, tests/packages/run and tests/system/packages.sh: a fresh Debian 12 as a tar, made once of Debian
# packages and kept outside the checkout (sets tree_cache and tree_tar, defines make_tree), and the next version of our packages.

tree_cache=${HR_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/headroom-vm}
# What a small server has, what our packages depend on (so that installing them needs no network), and tools for tests. PostgreSQL
# is for headroom-postgresql, and starts only where a test says so.
tree_packages=systemd-sysv,dbus,udev,kmod,linux-image-cloud-amd64,initramfs-tools,iproute2,procps,curl,jq,sqlite3,stress-ng
tree_packages+=,libbpf1,libelf1,zlib1g,libprotobuf-c1,libcurl3-gnutls,libinih1,libmicrohttpd12,libgnutls30,libsqlite3-0,libsnappy1v5
tree_packages+=,libjansson4,libjs-dygraphs,bash-completion,postgresql-15
mkdir -p "$tree_cache"
tree_cache=$(cd "$tree_cache" && pwd)
tree_tar=$tree_cache/debian12-$(sha256sum <<<"$tree_packages" | cut -c1-12).tar

# make_tree: the tar is there, or 1 with the reason on standard error.
make_tree() {
	local new=$tree_tar.new.tar
	(
		flock 9
		[ ! -s "$tree_tar" ] || exit 0
		echo "making a Debian 12 tree (some minutes, once): $tree_tar" >&2
		rm -f "$new"
		timeout 1500 mmdebstrap --variant=minbase --include="$tree_packages" bookworm "$new" >"$tree_tar.log" 2>&1 || {
			grep -m 1 '^E:' "$tree_tar.log" >&2
			exit 1
		}
		mv "$new" "$tree_tar"
	) 9>"$tree_cache/lock"
}

# make_next DEBS OUT: the packages in DEBS as the next version, whose shipped configuration says something else.
make_next() {
	local p deb x
	x=$(mktemp -d)
	for p in headroom headroom-agent headroom-collector; do
		for deb in "$1/${p}"_[0-9]*.deb; do
			rm -rf "${x:?}/$p"
			dpkg-deb -R "$deb" "$x/$p"
			sed -i 's/^Version: .*/&+next/' "$x/$p/DEBIAN/control"
			for conf in "$x/$p"/etc/headroom/*.conf; do
				[ ! -e "$conf" ] || echo '# a line of the next version' >>"$conf"
			done
			(cd "$x/$p" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
			dpkg-deb --root-owner-group -Zgzip -b "$x/$p" "$2/next-$p.deb" >/dev/null
		done
	done
	rm -rf "$x"
}
