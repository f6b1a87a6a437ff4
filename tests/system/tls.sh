#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates of the operator: clients need one of the right authority besides a token (mutual TLS), SIGHUP
# exchanges the collector's own without ending a connection, and one that does not fit changes nothing.
. "$(dirname "$0")/../lib/system.sh"
need openssl curl jq
umask 077
pki() { openssl "$@" 2>>"$tmp/openssl.log" || fail "openssl $1"; }
ca() { pki req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$tmp/$1.key" -out "$tmp/$1.crt"; }
leaf() { # NAME CA
	pki req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$tmp/$1.key" -out "$tmp/$1.csr"
	pki x509 -req -in "$tmp/$1.csr" -CA "$tmp/$2.crt" -CAkey "$tmp/$2.key" -CAcreateserial -days 2 -out "$tmp/$1.crt"
}
ca right
ca wrong
leaf first right
leaf second right
leaf client right
leaf stranger wrong
install_cert() { cp "$tmp/$1.crt" "$tmp/server.crt.new" && cp "$tmp/$1.key" "$tmp/server.key" && mv "$tmp/server.crt.new" "$tmp/server.crt"; }
install_cert first

write_conf
tls_port=$((port + 1))
cat >"$tmp/collector.conf" <<-END
	[collector]
	listen = 127.0.0.1:$port, tls:127.0.0.1:$tls_port
	state = $tmp/collector
	[tls]
	certificate = $tmp/server.crt
	key = $tmp/server.key
	client_ca = $tmp/right.crt
	loopback_open = no
END
"$bin/headroom-collector" --config "$tmp/collector.conf" >"$tmp/collector.log" 2>&1 &
collector=$!
register $collector
wait_for 20 "the collector" grep -q event=started "$tmp/collector.log"
"$bin/headroom" hosts token --name test --config "$tmp/collector.conf" 2>/dev/null | head -n 1 >"$tmp/token" || fail "no token"
printf 'header = "Authorization: Bearer %s"\n' "$(cat "$tmp/token")" >"$tmp/bearer"
# over_tls CURL-ARGUMENTS...: the status, 000 when there was no answer.
over_tls() { curl -ks --max-time 5 -o /dev/null -w '%{http_code}' "$@" "https://127.0.0.1:$tls_port/v1/fleet" || true; }
as() { echo --cert "$tmp/$1.crt" --key "$tmp/$1.key"; }
want() { # STATUS WHAT CURL-ARGUMENTS...
	local status=$1 what=$2 got
	shift 2
	got=$(over_tls "$@")
	[ "$got" = "$status" ] || fail "$what: $got instead of $status"
	say "$what: $got"
}
# shellcheck disable=SC2046  # two words each
{
	want 200 "a certificate of the authority and a token" $(as client) -K "$tmp/bearer"
	want 401 "a certificate without a token" $(as client)
	got=$(over_tls -K "$tmp/bearer")
	[ "$got" = 403 ] || [ "$got" = 000 ] || fail "a token without a certificate: $got"
	say "a token without a certificate: $got"
	got=$(over_tls $(as stranger) -K "$tmp/bearer")
	[ "$got" = 403 ] || [ "$got" = 000 ] || fail "a certificate of another authority: $got"
	say "a certificate of another authority: $got"
}

shown() { openssl s_client -connect "127.0.0.1:$tls_port" -cert "$tmp/client.crt" -key "$tmp/client.key" </dev/null 2>/dev/null | sed -n 's/^subject=CN *= *//p'; }
[ "$(shown)" = first ] || fail "the certificate is not the operator's: $(shown)"
# one connection from before to after the exchange
mkfifo "$tmp/words"
openssl s_client -quiet -connect "127.0.0.1:$tls_port" -cert "$tmp/client.crt" -key "$tmp/client.key" <"$tmp/words" >"$tmp/kept" 2>/dev/null &
register $!
exec 7>"$tmp/words"
request() { printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' >&7; }
answers() { [ "$(grep -ac '^HTTP/1.1 200' "$tmp/kept")" = "$1" ]; }
request
wait_for 10 "an answer on a kept connection" answers 1
install_cert second
kill -HUP "$collector"
wait_for 10 "the reload" grep -q event=reloaded "$tmp/collector.log"
[ "$(shown)" = second ] || fail "SIGHUP does not exchange the certificate: $(shown)"
request
wait_for 10 "an answer on the connection from before" answers 2
cp "$tmp/first.key" "$tmp/server.key" # not the certificate's
kill -HUP "$collector"
wait_for 10 "the refusal" grep -q 'event=reload_refused.*not the certificate' "$tmp/collector.log"
[ "$(shown)" = second ] || fail "a key that does not fit changed the certificate"
request
wait_for 10 "a third answer" answers 3
exec 7>&-
end "$collector"
pass "mutual TLS, certificate exchanged, a wrong one refused"
