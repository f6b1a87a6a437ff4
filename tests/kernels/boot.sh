# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # sourced by run, which sets cache, here, build and the stages' helpers
# A throw-away machine: a Debian kernel, an initramfs of busybox, our programs and the libraries they need, two
# virtio disks (the first at a known limit), one card.  Nothing of it needs root, KVM or a disk image.

guest_mem=320M       # most of it the initramfs; asserted against what the answer says
guest_iops=200       # of /dev/vda: QEMU holds it within a few percent below 500/s under emulation
# stages may set, beside these: guest_append (what init is told), guest_disks (1 or 2), guest_possible (CPUs), and
guest_qemu=() # what QEMU is told
guest_programs=(headroom tests/bpf_test_cpu tests/bpf_test_io tests/bpf_test_life tests/bpf_test_pages
	tests/bpf_test_reads tests/bpf_test_unix)

# add_libraries ROOT PROGRAM ARCH: the loader and the shared libraries it needs.
add_libraries() {
	local root=$1 program=$2 lib
	if [ "$3" = arm64 ]; then
		add_foreign "$root" "$program"
		return
	fi
	while read -r lib; do
		[ -e "$root$lib" ] || install -D -m755 "$lib" "$root$lib"
	done < <(ldd "$program" | grep -oE '/[^ ]+')
}

# The same of a program that cannot be asked: what it names, from the sysroot, and what that names.
add_foreign() { # ROOT FILE
	local name from=$cache/sysroot-arm64/usr/lib/aarch64-linux-gnu
	while read -r name; do
		case $name in ld-linux*) name=lib/$name ;; *) name=lib/aarch64-linux-gnu/$name ;; esac
		[ ! -e "$1/$name" ] || continue
		install -D -m755 "$from/${name##*/}" "$1/$name" || return 1
		add_foreign "$1" "$from/${name##*/}" || return 1
	done < <(readelf -dl "$2" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p; s,.*interpreter: .*/([^]/]*)\],\1,p')
}

# add_modules ROOT KERNEL NAME...: uncompressed, and the order to load them in.
add_modules() {
	local root=$1 dir=$2 release path name module
	shift 2
	release=$(cat "$dir/release")
	mkdir -p "$root/modules"
	: >"$root/modules/order"
	for module in "$@"; do
		while read -r _ path _; do
			name=$(basename "$path" | sed 's/\.ko.*/.ko/')
			[ ! -e "$root/modules/$name" ] || continue
			case $path in *.xz) xz -dc "$path" ;; *.zst) zstd -dcq "$path" ;; *) cat "$path" ;; esac >"$root/modules/$name"
			echo "$name" >>"$root/modules/order"
		done < <(/sbin/modprobe -n --show-depends -d "$dir" -S "$release" "$module" 2>/dev/null | grep ^insmod)
	done
}

make_initramfs() { # KERNEL-NAME ARCH OUT
	local root=$cache/root.$$ p from=$build strip=strip
	[ "$2" != arm64 ] || from=$cross strip=aarch64-linux-gnu-strip
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,test,tmp,lib64}
	cp "$cache/busybox-$2" "$root/bin/busybox"
	install -m755 "$here/guest" "$root/init"
	echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"
	for p in "${guest_programs[@]}"; do
		[ -e "$from/$p" ] || p=bin/$p
		install -m755 -s --strip-program="$strip" "$from/$p" "$root/test/" || return 1
		add_libraries "$root" "$from/$p" "$2" || return 1
	done
	add_modules "$root" "$cache/$1" virtio_pci virtio_blk virtio_net veth
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$3"
	rm -rf "$root"
}

# qemu NAME ARCH CPUS INITRAMFS LOG: the console in LOG; ends with the machine or after HR_GUEST_SECONDS (270).
qemu() {
	local arch=$2 cpus=$3 cpu=max machine=(qemu-system-x86_64 -machine q35) tty=ttyS0 disk limit=,throttling.iops-total=$guest_iops
	# QEMU before 8 garbles flags around cmpxchg16b and Linux 6.12 dies of it in every other boot; later
	# kernels need that instruction (map storage), so it is taken from 6.12 to 6.17 alone.
	case $1 in 6.1[2-7]-amd64) ! qemu-system-x86_64 --version | grep -q 'version [1-7]\.' || cpu=max,-cx16 ;; esac
	if [ "$arch" = arm64 ]; then
		machine=(qemu-system-aarch64 -machine virt) cpu=max,pauth-impdef=on,sve=off tty=ttyAMA0
	fi
	for ((disk = 0; disk < ${guest_disks:-2}; disk++)); do
		rm -f "$5.disk$disk" && truncate -s 64M "$5.disk$disk"
		machine+=(-drive "if=none,id=d$disk,format=raw,cache=unsafe,file=$5.disk$disk$limit"
			-device "virtio-blk-pci,drive=d$disk")
		limit='' # of the first one alone
	done
	timeout --foreground -k 5 "${HR_GUEST_SECONDS:-270}" "${machine[@]}" -accel tcg,thread=single -cpu "$cpu" \
		-smp "$cpus,maxcpus=${guest_possible:-$((cpus + 2))}" -m "$guest_mem" -nodefaults \
		-no-user-config -no-reboot -display none -serial stdio -kernel "$cache/$1/vmlinuz" -initrd "$4" \
		-append "console=$tty panic=-1 quiet loglevel=1 no_timer_check ${guest_append:-}" \
		-netdev user,id=n0,restrict=on -device virtio-net-pci,netdev=n0,romfile= "${guest_qemu[@]}" </dev/null >"$5" 2>&1
	rm -f "$5.disk0" "$5.disk1"
	tr -d '\r' <"$5" >"$5.text" && mv "$5.text" "$5"
}

# of NAME: the JSON that the guest printed under that name.
of() { sed -n "s/^HR-JSON $1 //p" "$log"; }

# expects WHAT JSON-NAME JQ-EXPRESSION: of the one object of that name; jq is content with none.
expects() {
	if of "$2" | jq -en "[inputs] | length == 1 and (.[0] | $3)" >/dev/null 2>&1; then
		result PASS "$title: $1"
	else
		result FAIL "$title: $1" "$(of "$2" | jq -c '.answer // .signals' 2>/dev/null | cut -c1-300)"
	fi
}

judge_tests() { # what the guest's own tests said
	local verdict name
	while read -r _ verdict name; do
		result "${verdict%:}" "$title: ${name%%: *}" "$([ "$verdict" = SKIP ] && echo "${name#*: }")"
	done < <(grep -E '^HR: (PASS|FAIL|SKIP) ' "$log")
}

meminfo_says() { # WHAT JSON-NAME REASON
	expects "$1" "$2" "[.signals[] | select(.signal == \"meminfo\") | .rung, (.reason // \"\")] == [\"file\", \"$3\"]"
}
judge_pages() {
	local again='cache used again:'
	if grep -q '^HR: lru_gen 0x.*[13579bdf]$' "$log"; then
		meminfo_says "a sample of page frames" doctor "$again by a sample of page frames"
		meminfo_says "none where it is not learned what marks used pages" doctor-no-files \
			"$again only what is mapped is known: what marks used pages not seen"
	else
		meminfo_says "no sample of page frames where none is needed" doctor ''
	fi
}

judge() { # KERNEL CPUS
	local rate
	judge_tests
	expects "the best rung everywhere" doctor '[.signals[] | select(.rung == "tp_btf") | .signal] | contains(["cpu_slots", "disk_io", "net_io", "reclaim", "tcp_retrans", "oom", "reads"])'
	judge_pages
	expects "raw_tp forced" doctor-raw_tp '[.signals[] | select(.rung == "tp_btf")] == [] and ([.signals[] | select(.rung == "raw_tp") | .signal] | contains(["cpu_slots", "disk_io", "net_io", "reads"]))'
	expects "files forced" doctor-file '[.signals[] | select(.rung == "tp_btf" or .rung == "raw_tp" or .rung == "iter")] == [] and ([.signals[] | select(.rung == "file")] | length > 10)'
	expects "without BTF: files, and one reason" doctor-nobtf '[.signals[] | select(.signal == "cpu_slots") | .rung == "missing" and (.reason | test("no kernel BTF"))] == [true]'
	expects "without BTF: an answer that names what is missing" answer-nobtf '.answer != "yes" and ([.resources[].missing[]?] | length > 0)'
	expects "$2 vCPUs" answer "[.resources[] | select(.resource == \"cpu\") | .capacity.value] == [$2]"
	[ "$2" != 4 ] || expects "a CPU less in mid-measure" answer-fewer '[.resources[] | select(.resource == "cpu") | .capacity.value] == [3]'
	expects "memory as provisioned ($guest_mem)" answer "[.resources[] | select(.resource == \"memory\") | .capacity.value / 1048576 | . > 220 and . <= 320] == [true]"
	# The host is busy with other tests: how far the disk got is what the guest's own counter says, rarely all it may.
	rate=$(awk '/^HR: vda / { printf "%.1f", $3 / ($5 - $4) }' "$log")
	echo "disk: $rate requests/s by the guest's counter, $guest_iops allowed"
	expects "the demand of the limited disk (at most $guest_iops/s)" answer "[.resources[] | select(.resource == \"disk\" and .device == \"vda\") | .demand | .unit == \"iops\" and .mean > 0.8 * $rate and .mean < 1.2 * $rate and .mean < 1.15 * $guest_iops] == [true]"
	expects "its capacity: learned, or bounded from below" answer "[.resources[] | select(.resource == \"disk\" and .device == \"vda\") | .capacity | .source != \"unknown\" and .unit == \"iops\" and .value > 0.8 * $rate] == [true]"
	expects "no headroom is claimed for it" answer '.answer != "yes" and ([.resources[] | select(.resource == "disk" and .device == "vda") | .headroom.at_least < 1.05] == [true])'
}

boot_one() { # KERNEL CPUS
	local name=$1 cpus=$2 arch title="$1, $2 vCPUs" log=$cache/boot-$1-$2.log at=$SECONDS tries
	arch=${name##*-}
	# a machine that does not come up is emulation's fault now and then; what has begun is never repeated
	for tries in 1 2 3; do
		qemu "$name" "$arch" "$cpus" "$cache/initramfs-$name" "$log"
		grep -q '^HR: up ' "$log" && break
	done
	if ! grep -q '^HR: end' "$log"; then
		tail -n 15 "$log"
		result FAIL "$title" "did not come to its end in $((SECONDS - at)) s, $tries starts (log $log)"
	fi
	grep -E '^HR: (up|free)' "$log"
	judge "$name" "$cpus"
	echo "TIME $title $((SECONDS - at)) s"
}

stage_boot() { # kernels may carry their number of vCPUs: NAME:2
	local k c tool
	for tool in qemu-system-x86_64 cpio modprobe jq; do
		PATH=$PATH:/sbin command -v $tool >/dev/null || { result SKIP boot "needs $tool"; return; }
	done
	for k in "${kernels[@]}"; do
		c=${k#*:} k=${k%%:*}
		[ "$c" != "$k" ] || c='1 4'
		if [ "${k##*-}" = arm64 ]; then
			arm64_ready || continue
		fi
		fetched "$k" || continue
		get_busybox "${k##*-}" || { result SKIP "boot $k" "no busybox for it"; continue; }
		make_initramfs "$k" "${k##*-}" "$cache/initramfs-$k" || { result FAIL "boot $k" "no initramfs"; continue; }
		for c in $c; do boot_one "$k" "$c"; done
		rm -f "$cache/initramfs-$k"
	done
}

arm64_ready() {
	local why
	command -v qemu-system-aarch64 >/dev/null || { result SKIP "boot arm64" "needs qemu-system-arm"; return 1; }
	why=$(cross_build bin/headroom "${guest_programs[@]:1}" 2>&1) && return 0
	case $why in needs*) result SKIP "boot arm64" "${why##*$'\n'}" ;; *) echo "$why"; result FAIL "boot arm64" ;; esac
	return 1
}
