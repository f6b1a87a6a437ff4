#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: slow
# The Debian packages install and ask nothing, the shipped files are the defaults, the programs run as their own users with
# the unit's rights and answer; a wrong configuration is refused; an upgrade keeps data and configuration and asks about an
# administrator's own changes only; remove keeps both, purge leaves nothing.
# Always: what build/ holds, packed as it is and installed in a copy-on-write copy of this machine.
# HR_PACKAGES=1: deploy/build-packages, lintian without error or warning, and a fresh Debian 12 tree (some minutes).
. "$(dirname "$0")/../lib/system.sh"
# shellcheck source=tests/packages/lib.sh
. "$HR_TOP/tests/packages/lib.sh"
need_root
need dh unshare jq curl setpriv
# Mounts and network of its own: nothing to take down, and port 7867 is free.
if [ -z "${HR_PACKAGES_INSIDE:-}" ]; then
	rmdir "$tmp"
	HR_PACKAGES_INSIDE=1 exec unshare --mount --net --propagation private "$0"
fi
ip link set lo up
root=$tmp/root out=$tmp/debs
mkdir "$root" "$out" "$tmp/copy"

if [ -n "${HR_PACKAGES:-}" ]; then
	need mmdebstrap lintian
	say "build"
	"$HR_TOP/deploy/build-packages" --quick --no-install --out "$out" >"$tmp/build.log" 2>&1 || fail "deploy/build-packages"
	say "lintian"
	lintian --fail-on error,warning --tag-display-limit 0 "$out"/*.changes >"$tmp/lintian.log" 2>&1 || fail "lintian"
	! grep -E '^[EW]: ' "$tmp/lintian.log" || fail "lintian has errors or warnings"
	say "debian tree"
	make_tree || skip "no Debian tree can be made here (offline?)"
	tar -x -C "$root" -f "$tree_tar"
	changed=$root
else
	[ -x "$bin/headroom" ] || skip "nothing is built in $HR_BUILD"
	! dpkg-query -W headroom-agent headroom-collector headroom >/dev/null 2>&1 || skip "headroom is installed on this machine"
	say "pack what is built"
	mkdir "$tmp/src"
	cp -r "$HR_TOP/deploy/debian" "$tmp/src/debian"
	(cd "$tmp/src" && HR_BUILT=$HR_BUILD DEB_BUILD_OPTIONS=noautodbgsym debian/rules binary) >"$tmp/build.log" 2>&1 || fail "debian/rules binary"
	mv "$tmp"/*.deb "$out/"
	mount -t tmpfs -o size=1G none "$tmp/copy" && mkdir "$tmp/copy/upper" "$tmp/copy/work"
	mount -t overlay -o "lowerdir=/,upperdir=$tmp/copy/upper,workdir=$tmp/copy/work" none "$root" || skip "no overlay file system here"
	changed=$tmp/copy/upper
fi
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs -o mode=1777 none "$root/tmp"
unmount_root() { umount -R -l "$root" "$root"/{proc,sys,dev,run,tmp} "$tmp/copy" 2>/dev/null; }
at_exit unmount_root
for m in proc sys dev; do mount --rbind /$m "$root/$m"; done
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
# Triggers are other packages' (man-db would read every page of this machine).
dpkg_in() { in_root dpkg --no-triggers --force-unsafe-io "$@"; }
in_root() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@" </dev/null; }
# Everything but what dpkg and the system itself write about having installed something, and directories that were there.
list() {
	(cd "$changed" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./var/log \
		-o -path ./var/lib/dpkg -o -path ./root -o -path ./var/cache -o -path './var/lib/systemd/deb-systemd-*' \) -prune -o -print | sort) |
		while read -r f; do # of a copy-on-write layer: not what only marks a removal, nor a directory that was there
			[ -e "$root/$f" ] || [ -L "$root/$f" ] || continue
			[ "$changed" = "$root" ] || [ ! -d "/$f" ] || continue
			echo "$f"
		done
}

tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id" # as the first boot would
list >"$tmp/before"
mkdir "$root/tmp/deb" "$root/tmp/next"
cp "$out"/headroom{,-agent,-collector}_*.deb "$root/tmp/deb/"
make_next "$out" "$root/tmp/next"
say "install"
dpkg_in -R -i /tmp/deb >"$tmp/install.log" 2>&1 || fail "the packages do not install"
for d in agent:headroom-agent:headroom-agent collector:headroom:headroom; do
	IFS=: read -r name user state <<<"$d"
	in_root headroom-"$name" --check-config || fail "headroom-$name refuses the shipped configuration"
	# shipped = defaults: nothing is set in it, and every key with its default stands in it
	conf=$root/etc/headroom/$name.conf
	! grep -qE '^[a-z_]+ *=' "$conf" || fail "$conf sets something"
	diff <(sed -nE 's/^#([a-z_]+ =.*)/\1/p' "$conf") <(in_root headroom-"$name" --config /dev/null --print-config |
		sed -nE 's/ +$//; /^[a-z_]+ =/p') || fail "$conf is not the key table"
	# and a reason: no key stands without a comment of its own above it
	awk '/^#[a-z_]+ =/ { if (!why) { print FILENAME ": " $0 ": no reason"; bad = 1 } why = 0; next } /^# ./ { why = 1 } END { exit bad }' "$conf" ||
		fail "a key of $conf has no reason"
	[ "$(in_root stat -c %U:%a "/var/lib/$state")" = "$user:750" ] || fail "/var/lib/$state is not $user's alone"
	[ -L "$root/etc/systemd/system/multi-user.target.wants/headroom-$name.service" ] || fail "headroom-$name is not enabled"
	# what a reload asks first: file and line of a mistake, and the program refuses to start with it
	printf '[%s]\n\nnosuchkey = 1\n' "$name" >"$root/etc/headroom/$name.conf.d/wrong.conf"
	for how in --check-config --print-config ''; do
		! in_root timeout 20 headroom-"$name" $how >"$tmp/wrong.log" 2>&1 || fail "headroom-$name $how takes a wrong key"
		grep -q "$name.conf.d/wrong.conf:3: .*nosuchkey" "$tmp/wrong.log" || fail "headroom-$name $how does not name file and line"
	done
	rm "$root/etc/headroom/$name.conf.d/wrong.conf"
	# a file that root can read and the service cannot fails the reload, so root is told before
	closed=$root/etc/headroom/$name.conf.d/closed.conf
	(umask 077; echo "[$name]" >"$closed")
	! in_root headroom-"$name" --check-config >"$tmp/wrong.log" 2>&1 || fail "headroom-$name --check-config takes a file of root's alone"
	grep -q "closed.conf: Permission denied.* user $user," "$tmp/wrong.log" || fail "headroom-$name does not say who cannot read: $(cat "$tmp/wrong.log")"
	[ "$name" = agent ] && file_key='[agent]\ntoken_file' || file_key='[alert]\nwebhook_secret_file'
	# shellcheck disable=SC2059  # the newline in it
	printf "$file_key = /etc/headroom/key\n" >"$closed" && chmod 644 "$closed"
	! in_root headroom-"$name" --check-config >"$tmp/wrong.log" 2>&1 || fail "headroom-$name --check-config takes a key file that is not there"
	grep -q '/etc/headroom/key: No such file' "$tmp/wrong.log" || fail "headroom-$name does not name the missing file: $(cat "$tmp/wrong.log")"
	(umask 077; echo 0123456789abcdef0123456789abcdef >"$root/etc/headroom/key")
	! in_root headroom-"$name" --check-config >"$tmp/wrong.log" 2>&1 || fail "headroom-$name --check-config takes a key file of root's alone"
	chown --reference="$root/var/lib/$state" "$root/etc/headroom/key"
	in_root headroom-"$name" --check-config || fail "headroom-$name --check-config refuses a key file of its user's"
	rm "$closed" "$root/etc/headroom/key"
done
# Grafana's provisioning names the folder that the package fills, and the boards are JSON with a data source to choose
boards=$root$(sed -n 's/^ *path: //p' "$root/usr/share/headroom/grafana/provisioning.yml")
for board in "$boards"/headroom-{fleet,vm}.json; do
	jq -e 'any(.templating.list[]; .type == "datasource" and .name == "DS_PROMETHEUS")' "$board" >/dev/null || fail "$board has no data source to choose"
done
# the same bytes from any folder: no program knows where it was built (a BPF object's line table did)
for program in sbin/headroom-agent sbin/headroom-collector bin/headroom; do
	! grep -qaF "$HR_TOP/" "$root/usr/$program" || fail "/usr/$program holds the path of its build"
done
for page in man1/headroom.1 man8/headroom-agent.8 man8/headroom-collector.8 man5/headroom-agent.conf.5 man5/headroom-collector.conf.5; do
	grep -qhF "$page.gz" "$root"/var/lib/dpkg/info/headroom*.list || fail "no man page $page"
done

say "run as the units do"
as() { # USER CAPS COMMAND...
	local user=$1 caps=$2
	shift 2
	exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
		--inh-caps="-all$caps" --ambient-caps="-all$caps" --bounding-set="-all$caps" "$@"
}
as headroom '' headroom-collector >"$tmp/collector.log" 2>&1 &
register $!
as headroom-agent ',+bpf,+perfmon' headroom-agent >"$tmp/agent.log" 2>&1 &
agent=$!
register "$agent"
answer() { (as headroom '' headroom status --json) >"$tmp/answer.json" 2>"$tmp/status.log" && jq -e .answer "$tmp/answer.json"; }
wait_for 60 "an answer from the installed collector" answer
validate "$tmp/answer.json"
for thread in "/proc/$agent/task/"*; do
	grep -q '^CapEff:[[:space:]]*0000000000000000$' "$thread/status" || fail "the agent's thread ${thread##*/} kept capabilities"
done
holds '[.resources[] | select(.resource == "cpu")] | length == 1' "no CPU in the answer"
say "enrol"
# what deploy/OPERATIONS.md says for a second machine, by the installed programs as their users; the network is this test's own
end "${registered[0]}" || fail "the collector does not end"
end "$agent" || fail "the agent does not end"
ip addr add 10.0.0.5/32 dev lo
printf '[collector]\nlisten = 127.0.0.1:7867, 10.0.0.5:7868\n' >"$root/etc/headroom/collector.conf.d/tls.conf"
as headroom '' headroom-collector >>"$tmp/collector.log" 2>&1 &
register $!
enrol() { (umask 077; in_root headroom hosts enrol "$@") >"$tmp/join" 2>"$tmp/enrol.log"; }
# this machine has history by now: it is known, and only a token of its own name gets it in
wait_for 20 "a join string" enrol
join() { chroot "$root" headroom-agent --join - <"$tmp/join" >"$tmp/join.log" 2>&1; } # root, as the administrator
! join || fail "a known machine joined by a stranger's token"
enrol --host "$(ask .host)" || fail "no join string for a known host"
join || fail "a machine does not join: $(cat "$tmp/join.log")"
[ "$(in_root stat -c %U:%a /var/lib/headroom-agent/enrolled)" = headroom-agent:600 ] || fail "the secret is not the agent's alone"
heard() { curl -fsS --max-time 5 http://127.0.0.1:7867/v1/hosts | jq -r '.hosts[0].heard_at'; }
before=$(heard)
as headroom-agent ',+bpf,+perfmon' headroom-agent >"$tmp/agent2.log" 2>&1 &
register $!
later_heard() { [ "$(heard)" != "$before" ]; }
wait_for 60 "a window over TLS" later_heard
grep -q 'event=collector url=https://10.0.0.5:7868 pinned=yes' "$tmp/agent2.log" || fail "not over TLS"
for p in "${registered[@]}"; do end "$p" || fail "pid $p does not end"; done
rm "$root/etc/headroom/collector.conf.d/tls.conf"

say "the PostgreSQL store"
if [ -e "$(echo "$out"/headroom-postgresql_*.deb)" ]; then
	conf=$root/etc/headroom/collector.conf.d/pg.conf
	printf '[collector]\ndatabase = postgresql:///headroom?host=/nowhere\n' >"$conf"
	collector_says() { (as headroom '' timeout 20 headroom-collector) 2>&1 | grep -q -- "$1"; }
	collector_says 'needs the package headroom-postgresql' || fail "without headroom-postgresql nobody names the package"
	cp "$out"/headroom-postgresql_*.deb "$root/tmp/" && in_root sh -c 'dpkg --no-triggers --force-unsafe-io -i /tmp/headroom-postgresql_*.deb' >"$tmp/pg.log" 2>&1 || fail "headroom-postgresql does not install"
	collector_says 'connection to server on socket "/nowhere/' || fail "headroom-postgresql is not loaded"
	rm "$conf"
	dpkg_in -P headroom-postgresql >"$tmp/pg.log" 2>&1 || fail "purge of headroom-postgresql"
fi

say "upgrade"
echo kept >"$root/var/lib/headroom-agent/kept"
printf '[agent]\nlog_level = 5\n' >"$root/etc/headroom/agent.conf.d/site.conf"
printf '\n[limits]\nhosts = 77\n' >>"$root/etc/headroom/collector.conf"
# nobody answers: dpkg stops at the file that both have changed, and at no other
! dpkg_in -R -i /tmp/next >"$tmp/upgrade.log" 2>&1 || fail "the administrator's change was not asked about"
[ "$(grep -c '^ ==> Modified' "$tmp/upgrade.log")" = 1 ] && grep -q "'/etc/headroom/collector.conf'" "$tmp/upgrade.log" || fail "other questions were asked"
dpkg_in --force-confold --configure headroom-collector >"$tmp/upgrade.log" 2>&1 || fail "the upgrade fails"
kept() {
	[ -s "$root/var/lib/headroom/headroom.db" ] && [ -e "$root/var/lib/headroom-agent/kept" ] &&
		grep -q 'hosts = 77' "$root/etc/headroom/collector.conf" && [ -e "$root/etc/headroom/agent.conf.d/site.conf" ]
}
kept || fail "the upgrade lost data or configuration"
grep -q 'a line of the next version' "$root/etc/headroom/agent.conf" || fail "an unchanged file is not the new one"
in_root headroom-collector --print-config | grep -qx 'hosts = 77' || fail "the kept configuration is not in effect"

say "remove, purge"
dpkg_in -r headroom headroom-agent headroom-collector >"$tmp/remove.log" 2>&1 || fail "remove"
kept || fail "remove took data or configuration"
for program in sbin/headroom-agent sbin/headroom-collector bin/headroom; do
	[ ! -e "$root/usr/$program" ] || fail "remove left /usr/$program"
done
dpkg_in -P headroom headroom-agent headroom-collector >"$tmp/purge.log" 2>&1 || fail "purge"
list >"$tmp/after"
left=$(comm -13 "$tmp/before" "$tmp/after" | grep -vE '^./etc/((passwd|group|g?shadow|subuid|subgid)-?|\.pwd\.lock)$' || true)
[ -z "$left" ] || fail "purge left: $left"
pass "packages build, install, answer, upgrade, and leave nothing"
