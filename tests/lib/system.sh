# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the system tests share: a collector and an agent of their own, load, and nothing left behind.
# A test sources this, works in $tmp, and ends with 'pass WHAT'.  Only processes, cgroups, loop devices and
# namespaces that the test registered here are ended; everything else on the machine is left alone.

set -eu
export LC_ALL=C
HR_TOP=${HR_TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
HR_BUILD=${HR_BUILD:-$HR_TOP/build}
bin=$HR_BUILD/bin
tmp=$(mktemp -d "${TMPDIR:-/tmp}/hr-test.XXXXXX")
port=$((12000 + $$ % 20000)) # below those that connections are given (ip_local_port_range begins at 32768)
url=http://127.0.0.1:$port
registered=() groups=() loops=() netns=() mounts=() at_exit=()
export busy='' others='' group='' db='' collector='' agent='' # results of the functions below

say() { printf '%s %s\n' "$(date +%T)" "$*"; }
pass() { say "passed: $*"; exit 0; }
skip() { echo "$*"; exit 77; }
fail() {
	local f
	for f in "$tmp"/*.log; do
		[ -s "$f" ] && { echo "---- $f"; tail -n 25 "$f"; }
	done
	[ ! -s "$tmp/answer.json" ] || { echo "---- answer"; cat "$tmp/answer.json"; echo; }
	echo "load average $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "FAILED: $*"
	exit 1
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }
need() {
	local c
	for c; do command -v "$c" >/dev/null || skip "$c is not installed"; done
}

# jq -e without any input succeeds (1.6): a question that got no answer would be a test passed.
jq() {
	local out status=0
	case " $* " in *' -e '*) ;; *) command jq "$@"; return ;; esac
	out=$(command jq "$@") || status=$?
	[ -n "$out" ] || return $((status ? status : 4))
	printf '%s\n' "$out"
	return $status
}

# register PID: to be ended with the test.
register() { registered+=("$1"); }

# alive PID: runs, and is not a zombie that nobody has waited for.
alive() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "${state:0:1}" != Z ]
}

# end PID [SIGNAL]: and wait until it is gone (10 s, then KILL).
end() {
	local i
	kill -s "${2:-TERM}" "$1" 2>/dev/null || return 0
	for ((i = 0; i < 100; i++)); do
		alive "$1" || break
		sleep 0.1
	done
	alive "$1" && { kill -KILL "$1" 2>/dev/null; say "pid $1 had to be killed"; return 1; }
	wait "$1" 2>/dev/null || true
}

# at_exit COMMAND: run when the test ends, however it does, before all else is undone.  A trap of its own would take its
# last command's status for the test's: two tests could not fail for that.
at_exit() { at_exit+=("$1"); }

cleanup() {
	local status=$? x
	trap - EXIT INT TERM
	set +e
	for x in "${at_exit[@]+"${at_exit[@]}"}"; do eval "$x"; done
	for x in "${registered[@]+"${registered[@]}"}"; do end "$x" >/dev/null 2>&1; done
	for x in "${netns[@]+"${netns[@]}"}"; do ip netns del "$x"; done
	for x in "${mounts[@]+"${mounts[@]}"}"; do umount "$x"; done
	for x in "${loops[@]+"${loops[@]}"}"; do losetup -d "$x"; done
	for x in "${groups[@]+"${groups[@]}"}"; do
		for _ in 1 2 3 4 5 6 7 8 9 10; do rmdir "$x" 2>/dev/null && break; sleep 0.2; done
	done
	rm -rf --one-file-system "$tmp" # should a test leave something mounted
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_for SECONDS WHAT COMMAND...: until COMMAND succeeds, else the test fails naming WHAT.
wait_for() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited in vain for: $what"
		sleep 0.5 # four scripts at a time ask: each curl and jq is some 15 ms of a CPU
	done
}

get() { curl -fsS --max-time 5 "$url$1"; }

write_conf() {
	cat >"$tmp/collector.conf" <<-END
		[collector]
		listen = 127.0.0.1:$port
		state = $tmp/collector
	END
	cat >"$tmp/agent.conf" <<-END
		[agent]
		collector = $url
		state = $tmp/agent
		name = tested
	END
	mkdir -p "$tmp/collector" "$tmp/agent"
	db=$tmp/collector/headroom.db
}

# start_collector / start_agent: pid in $collector / $agent; the log is kept over restarts.
start_collector() {
	"$bin/headroom-collector" --config "$tmp/collector.conf" >>"$tmp/collector.log" 2>&1 &
	collector=$!
	register "$collector"
	wait_for 10 "collector ready on port $port" get /readyz
}
start_agent() {
	"$bin/headroom-agent" --config "$tmp/agent.conf" >>"$tmp/agent.log" 2>&1 &
	agent=$!
	register "$agent"
}

sql() { sqlite3 -readonly "$db" "$1"; }

# new_cgroup CONTROLLER: a cgroup v1 directory of this test's own, in $group.
new_cgroup() {
	local root=/sys/fs/cgroup/$1
	[ -d "$root" ] && [ -e "$root/cgroup.procs" ] || skip "no cgroup v1 controller '$1' at $root"
	group=$root/hr-test-$$
	mkdir -p "$group" || skip "cannot create a cgroup in $root"
	groups+=("$group")
}

# new_unified_cgroup: the same in the unified hierarchy.
new_unified_cgroup() {
	local root
	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
	[ -n "$root" ] || skip "no unified cgroup hierarchy is mounted"
	group=$root/hr-test-$$
	mkdir -p "$group" || skip "cannot create a cgroup in $root"
	groups+=("$group")
}

# in_cgroup DIR COMMAND...: runs it there (in the background: add &).
in_cgroup() {
	local dir=$1
	shift
	# shellcheck disable=SC2016
	exec bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' _ "$dir" "$@"
}

# validate FILE: the answer against the schema in the tree.
validate() {
	local py=/usr/bin/python3
	[ -x $py ] || py=python3
	$py "$HR_TOP/tests/lib/validate.py" "$HR_TOP/tests/answer.schema.json" "$1" ||
		fail "the answer does not match tests/answer.schema.json"
}

# ask FILTER: jq over the answer at hand.
ask() { jq -r "$1" "$tmp/answer.json"; }

# holds FILTER WHAT: a jq expression over the answer that must be true.
holds() { jq -e "$1" "$tmp/answer.json" >/dev/null || fail "$2 (not true: $1)"; }

# busy_ticks: jiffies this VM has spent working, all CPUs; to know what noise a test ran in.
busy_ticks() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9 }' /proc/stat; }

# measure SECONDS [ARG...]: the answer of one measurement, validated, in $tmp/answer.json; $busy = CPUs busy
# in it, $others = those that neither this test nor what it started kept busy.
measure() {
	local for_s=$1 from own hz
	shift
	from=$(busy_ticks) own=$(own_ticks)
	hz=$(getconf CLK_TCK)
	"$bin/headroom" measure --for "${for_s}s" --json "$@" >"$tmp/answer.json" 2>"$tmp/measure.log" ||
		fail "headroom measure failed with status $?"
	busy=$(awk -v a="$from" -v b="$(busy_ticks)" -v s="$for_s" -v hz="$hz" 'BEGIN { printf "%.2f", (b - a) / hz / s }')
	others=$(awk -v b="$busy" -v own=$(($(own_ticks) - own)) -v s="$for_s" -v hz="$hz" 'BEGIN { o = b - own / hz / s; printf "%.2f", (o > 0 ? o : 0) }')
	validate "$tmp/answer.json"
	say "answer: $(ask '"\(.answer) \(.reason) binding=\(.binding.resource) \(.headroom | tojson)"') (CPUs busy $busy, by others $others)"
	say "sentence: $(ask .sentence)"
	say "advice: $(ask .advice)"
}

# own_ticks: jiffies of this test, all its descendants and those it has waited for.
own_ticks() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root=$$ '{
			pid = $1
			sub(/^[0-9]+ \(.*\) /, "")
			parent[pid] = $2
			ticks[pid] = $12 + $13 + $14 + $15
		}
		END {
			for (p in parent) {
				for (q = p; q != root && q in parent; q = parent[q]);
				if (q == root) sum += ticks[p]
			}
			print sum + 0
		}'
}

# attempts WANT COMMAND...: COMMAND measures; again, up to $tries (3) times, until the jq expression WANT holds.
# Somebody else's load is no fault of the answer: when others took a third of a CPU each time, skip.
attempts() {
	local want=$1 try quiet=0
	shift
	for ((try = 1; try <= ${tries:-3}; try++)); do
		"$@"
		jq -e "$want" "$tmp/answer.json" >/dev/null && return
		say "not as expected; others took $others CPUs, load $(cut -d' ' -f1 /proc/loadavg) (attempt $try)"
		awk -v o="$others" 'BEGIN { exit !(o < 0.33) }' && quiet=$((quiet + 1))
		[ $quiet -lt $((${tries:-3} - 1)) ] || return 0
	done
	[ $quiet -gt 0 ] || skip "never alone on this VM: others took $others CPUs; answer: $(ask .sentence)"
}
