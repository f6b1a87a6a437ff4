#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Alerts reach a signed webhook, a mailbox and (if installed) a real Alertmanager, once per change of state; a dead and a
# slow receiver delay neither ingest nor the others; what was refused for now comes later; a restart repeats nothing.
. "$(dirname "$0")/../lib/system.sh"
need_root
need curl jq python3 sqlite3

hook=$((port + 1)) smtp=$((port + 2)) am=$((port + 3))
secret=0123456789abcdef0123456789abcdef
printf '%s\n' $secret >"$tmp/secret" && chmod 600 "$tmp/secret"
python3 "$HR_TOP/tests/lib/receiver.py" $hook $smtp "$tmp/got" $secret >"$tmp/receiver.log" 2>&1 &
register $!
write_conf
alert_conf() { # WEBHOOK-PATH
	sed -i '/^\[alert\]/,$d' "$tmp/collector.conf"
	cat >>"$tmp/collector.conf" <<-END
		[alert]
		silent = 8s
		wait = 1s
		remind = 0s
		link = http://headroom.example
		webhook = http://127.0.0.1:$hook/$1
		webhook_secret_file = $tmp/secret
		alertmanager = http://127.0.0.1:$am
		smtp = smtp://127.0.0.1:$smtp
		mail_to = ops@example.org, second@example.org
	END
}
got() { [ -e "$tmp/got" ] && jq -s -e "$1" "$tmp/got"; }
fires='select(.path == "/later" and .status == 200) | .body.alerts[] | select(.labels.alertname == "HeadroomAgentSilent")'

alert_conf later
start_collector
start_agent
has_window() { [ "$(sql "select count(*) from w10")" -gt 0 ]; }
wait_for 30 "the agent's first window" has_window
say "the agent ends: it is silent 8 s later"
end "$agent"
wait_for 40 "the webhook's alert after two refusals" got "[.[] | $fires | select(.status == \"firing\")] | length == 1"
got '[.[] | select(.path == "/later")] | all(.signature == "good")' >/dev/null || fail "a wrong signature"
got "[.[] | $fires][0] | .labels.host == \"tested\" and (.generatorURL | startswith(\"http://headroom.example/?host=\")) and .endsAt > .startsAt" >/dev/null ||
	fail "the alert lacks something: $(tail -n 1 "$tmp/got")"
wait_for 20 "the mail" got '[.[] | select(.path == "mail")] | length == 1'
got '[.[] | select(.path == "mail")][0] | (.to | length == 2) and (.body | test("\r\nSubject: headroom: firing: tested: its agent is silent\r\n"))' >/dev/null ||
	fail "the mail is wrong: $(grep '"mail"' "$tmp/got")"
grep -q 'event=receiver_away to=alertmanager' "$tmp/collector.log" || fail "the dead Alertmanager is not told"

if command -v prometheus-alertmanager >/dev/null; then
	printf 'route:\n  receiver: none\nreceivers:\n  - name: none\n' >"$tmp/am.yml"
	prometheus-alertmanager --config.file="$tmp/am.yml" --storage.path="$tmp/am" --web.listen-address=127.0.0.1:$am \
		--cluster.listen-address= >"$tmp/am.log" 2>&1 &
	register $!
	in_am() { # jq -e takes no input for success
		curl -fsS --max-time 5 "http://127.0.0.1:$am/api/v2/alerts" >"$tmp/am.json" 2>/dev/null && jq -e "$1" "$tmp/am.json"
	}
	wait_for 100 "the alert in the real Alertmanager" in_am 'map(select(.labels.alertname == "HeadroomAgentSilent" and .labels.host == "tested" and .status.state == "active")) | length == 1'
	say "Alertmanager: $(in_am '.[0].annotations | .summary + ", " + .advice')"
else
	say "no prometheus-alertmanager here: that part is left out"
fi

say "a restart repeats nothing"
end "$collector"
start_collector
sleep 8
got "[.[] | $fires | select(.status == \"firing\")] | length == 1" >/dev/null || fail "the restart told it again"

say "a slow webhook delays neither ingest nor the mail"
alert_conf slow
kill -HUP "$collector"
wait_for 10 "the reload" grep -q event=reloaded "$tmp/collector.log"
start_agent
wait_for 40 "the mail that it is over" got '[.[] | select(.path == "mail")] | length == 2'
got '[.[] | select(.path == "mail")][1].body | test("resolved: tested")' >/dev/null || fail "the second mail is not the end"
before=$(get /v1/hosts/tested | jq -r .heard_at)
later_heard() { [ "$(get /v1/hosts/tested | jq -r .heard_at)" != "$before" ]; }
wait_for 30 "windows while the webhook hangs" later_heard
from=$(date +%s%N)
end "$collector"
took=$((($(date +%s%N) - from) / 1000000))
[ $took -le 5000 ] || fail "SIGTERM took $took ms with a hanging receiver, promised 5 s"

say "a secret that others may read is refused"
chmod 644 "$tmp/secret"
status=0
"$bin/headroom-collector" --config "$tmp/collector.conf" >"$tmp/out" 2>&1 || status=$?
[ $status = 1 ] && grep -q 'chmod 600' "$tmp/out" || fail "a readable secret: status $status, $(cat "$tmp/out")"
pass "alerts arrive once, signed, and hold nothing up"
