#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: built by one command, lintian without error or warning; in a fresh Debian 12 tree they install
# and ask nothing, the shipped files are the defaults, the programs run as their own users with the unit's rights and
# answer; an upgrade keeps data and configuration, remove keeps both, purge leaves nothing.
. "$(dirname "$0")/../lib/system.sh"
need_root
need mmdebstrap dh lintian ip jq
[ -n "${HR_PACKAGES:-}" ] || skip "only with HR_PACKAGES=1: it builds the packages and makes a Debian tree (some minutes)"

out=$HR_BUILD/packages base=$HR_BUILD/cache/bookworm.tar root=$tmp/root
say "build"
"$HR_TOP/deploy/build-packages" --quick --no-install >"$tmp/build.log" 2>&1 || fail "deploy/build-packages"
say "lintian"
lintian --fail-on error,warning --tag-display-limit 0 "$out"/*.changes >"$tmp/lintian.log" 2>&1 || fail "lintian"
! grep -E '^[EW]: ' "$tmp/lintian.log" || fail "lintian has errors or warnings"

# The tree holds what the packages depend on, so that installing them needs no network.
if [ ! -s "$base" ]; then
	say "debian tree"
	mkdir -p "${base%/*}"
	deps=$(for f in "$out"/headroom{,-agent,-collector}_*.deb; do dpkg-deb -f "$f" Depends; done | tr ',' '\n' |
		sed -E 's/[|(].*//; s/ //g' | grep -vE '^(libc6|)$' | sort -u | paste -sd,)
	rm -f "${base%.tar}.new.tar"
	timeout 240 mmdebstrap --variant=minbase --include="$deps,systemd-sysv" bookworm "${base%.tar}.new.tar" >"$tmp/mmdebstrap.log" 2>&1 ||
		skip "no Debian tree can be made here (offline?): $(grep -m 1 -E "^E:" "$tmp/mmdebstrap.log")"
	mv "${base%.tar}.new.tar" "$base"
fi
mkdir "$root"
tar -x -C "$root" -f "$base"
mount -t tmpfs -o mode=755 none "$root/run" && mounts+=("$root/run")
for m in proc sys dev; do mount --rbind --make-rslave /$m "$root/$m"; done
unmount() { for m in proc sys dev; do umount -R -l "$root/$m" 2>/dev/null; done; }
trap 'status=$?; set +e; unmount; (exit $status); cleanup' EXIT
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
in_root() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
# Everything but what dpkg and the system itself write about having installed something.
list() {
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/log \
		-o -path ./var/lib/dpkg -o -path ./var/cache -o -path './var/lib/systemd/deb-systemd-*' \) -prune -o -print | sort)
}

tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id" # as the first boot would
list >"$tmp/before"
mkdir "$root/tmp/deb" && cp "$out"/headroom{,-agent,-collector}_*.deb "$root/tmp/deb/"
say "install"
in_root sh -c 'dpkg -i /tmp/deb/*.deb' </dev/null >"$tmp/install.log" 2>&1 || { cat "$tmp/install.log"; fail "the packages do not install"; }
for d in agent:headroom-agent:headroom-agent collector:headroom:headroom; do
	IFS=: read -r name user state <<<"$d"
	in_root headroom-"$name" --check-config || fail "headroom-$name refuses the shipped configuration"
	# shipped = defaults: nothing is set in it, and every key with its default stands in it
	conf=$root/etc/headroom/$name.conf
	! grep -qE '^[a-z_]+ *=' "$conf" || fail "$conf sets something"
	diff <(sed -nE 's/^#([a-z_]+ =.*)/\1/p' "$conf") <(in_root headroom-"$name" --config /dev/null --print-config |
		sed -nE 's/ +$//; /^[a-z_]+ =/p') || fail "$conf is not the key table"
	[ "$(in_root stat -c %U:%a "/var/lib/$state")" = "$user:750" ] || fail "/var/lib/$state is not $user's alone"
	[ -L "$root/etc/systemd/system/multi-user.target.wants/headroom-$name.service" ] || fail "headroom-$name is not enabled"
	in_root systemd-analyze verify --man=no headroom-"$name".service >"$tmp/verify.log" 2>&1 || fail "systemd-analyze verify"
	! grep headroom "$tmp/verify.log" || fail "systemd-analyze verify complains"
done
for page in man1/headroom.1 man8/headroom-agent.8 man8/headroom-collector.8 man5/headroom-agent.conf.5 man5/headroom-collector.conf.5; do
	grep -qhF "$page.gz" "$root"/var/lib/dpkg/info/headroom*.list || fail "no man page $page"
done
say "run as the unit does"
netns+=("hr-pkg-$$")
ip netns add "hr-pkg-$$"
ip -n "hr-pkg-$$" link set lo up
as() { # USER CAPS COMMAND...
	local user=$1 caps=$2
	shift 2
	exec ip netns exec "hr-pkg-$$" chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
		--inh-caps="-all$caps" --ambient-caps="-all$caps" --bounding-set="-all$caps" "$@"
}
as headroom '' headroom-collector >"$tmp/collector.log" 2>&1 &
register $!
as headroom-agent ',+bpf,+perfmon' headroom-agent >"$tmp/agent.log" 2>&1 &
agent=$!
register "$agent"
answer() { (as headroom '' headroom status --json) >"$tmp/answer.json" 2>"$tmp/status.log" && jq -e .answer "$tmp/answer.json"; }
wait_for 40 "an answer from the installed collector" answer
validate "$tmp/answer.json"
grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$agent/status" || fail "the agent kept capabilities"
holds '[.resources[] | select(.resource == "cpu")] | length == 1' "no CPU in the answer"
for p in "${registered[@]}"; do end "$p" || fail "pid $p does not end"; done

say "upgrade, remove, purge"
echo kept >"$root/var/lib/headroom-agent/kept"
printf '[agent]\nlog_level = 5\n' >"$root/etc/headroom/agent.conf.d/site.conf"
printf '\n[limits]\nhosts = 77\n' >>"$root/etc/headroom/collector.conf"
for p in headroom headroom-agent headroom-collector; do
	rm -rf "$tmp/deb"
	dpkg-deb -R "$out/${p}"_*_*.deb "$tmp/deb"
	sed -i 's/^Version: .*/&+next/' "$tmp/deb/DEBIAN/control"
	dpkg-deb -b "$tmp/deb" "$root/tmp/deb/next-$p.deb" >/dev/null
done
in_root sh -c 'dpkg -i /tmp/deb/next-*.deb' </dev/null >"$tmp/upgrade.log" 2>&1 || fail "the upgrade fails or asks"
kept() {
	[ -s "$root/var/lib/headroom/headroom.db" ] && [ -e "$root/var/lib/headroom-agent/kept" ] &&
		grep -q 'hosts = 77' "$root/etc/headroom/collector.conf" && [ -e "$root/etc/headroom/agent.conf.d/site.conf" ]
}
kept || fail "the upgrade lost data or configuration"
in_root headroom-collector --print-config | grep -qx 'hosts = 77' || fail "the kept configuration is not in effect"
in_root dpkg -r headroom headroom-agent headroom-collector >"$tmp/remove.log" 2>&1 || fail "remove"
kept || fail "remove took data or configuration"
! in_root sh -c 'command -v headroom-agent headroom-collector headroom' || fail "remove left programs"
in_root dpkg -P headroom headroom-agent headroom-collector >"$tmp/purge.log" 2>&1 || fail "purge"
list >"$tmp/after"
left=$(comm -13 "$tmp/before" "$tmp/after" | grep -vE '^./etc/(passwd|group|g?shadow|subuid|subgid)-?$' || true)
[ -z "$left" ] || fail "purge left: $left"
pass "packages build, install, answer, upgrade, and leave nothing"
