#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# machine: alone
# One thread that spins on an otherwise idle VM of several CPUs: the thread is the limit, named; more vCPUs are not.
. "$(dirname "$0")/../lib/system.sh"
need_root
need jq python3
[ "$(nproc)" -ge 2 ] || skip "one CPU: a spinning thread is the CPU's limit, too"

# A thread, not the process: its name differs from the process's, and the answer must say the thread's.
cat >"$tmp/spin.py" <<-'END'
	import ctypes, threading
	def spin():
	    ctypes.CDLL(None).prctl(15, b"hr-spinner", 0, 0, 0)  # PR_SET_NAME
	    while True:
	        pass
	threading.Thread(target=spin, daemon=True).start()
	threading.Event().wait(200)
END
python3 "$tmp/spin.py" >"$tmp/spin.log" 2>&1 &
register $!
sleep 2
attempts '.reason == "serial-thread" and .headroom.likely <= 1.1 and (.sentence | test("hr-spinner"))' measure 13
holds '.answer == "no" and .reason == "serial-thread"' "one thread is the limit"
holds '.binding.resource == "serial"' "the serial resource binds"
holds '.headroom.likely <= 1.1' "a thread that never sleeps carries no more"
holds '[.top[] | select(.thread == "hr-spinner")] | length > 0' "the thread is named in top"
holds '(.sentence + .advice) | test("hr-spinner")' "the thread is named in the words"
holds '[.bigger[] | select(.change | test("vcpu")) | select(.gain.likely != null and .gain.likely > 1.1)] | length == 0' \
	"more vCPUs are not said to help"
pass "one spinning thread: serial, named"
