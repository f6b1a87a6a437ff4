#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Hard limits of CONTRIBUTING: a function has <= 100 lines and <= 6 parameters, a file <= 600 lines, a main.c <= 150.
set -eu
cd "$HR_TOP"
if ! ctags --version 2>/dev/null | grep -q 'Universal Ctags'; then
	echo "universal-ctags is not installed"
	exit 77
fi

# over DIR: prints what is too large, one a line.
over() {
	# A parameter list's commas + 1; a function pointer's own parameters are counted too, on purpose.
	# Callbacks of libmicrohttpd and GnuTLS have the signature these impose.
	find "$@" -name '*.[ch]' -print0 | xargs -0 -r ctags -x --languages=C --map-C=+.h --kinds-C=f --fields=+neS \
		--_xformat=$'%{name}\t%{input}\t%{line}\t%{end}\t%{signature}' |
		awk -F'\t' '
			$4 - $3 + 1 > 100 { print $2 ":" $3 ": " $1 "() has " $4 - $3 + 1 " lines, limit 100" }
			{ n = gsub(",", ",", $5) + 1; if (n > 6 && $5 !~ /struct MHD_Connection \*|gnutls_pk_algorithm_t/) print $2 ":" $3 ": " $1 "() has " n " parameters, limit 6" }'
	find "$@" \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' \) -print0 | xargs -0 -r awk '
		function judge() { if (n > limit) print file ": " n " lines, limit " limit }
		FNR == 1 { judge(); file = FILENAME; limit = file ~ /(^|\/)main\.c$/ ? 150 : 600 }
		{ n = FNR }
		END { judge() }'
}

# The check is checked: a planted function of 101 lines, one of 7 parameters, a file of 601 lines.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
{ echo 'int long_one(void)'; echo '{'; yes ';' | head -n 98; echo 'return 0;'; echo '}'; } >"$tmp/a.c"
{ echo 'int many(int a, int b, int c, int d, int e, int f, int g)'; echo '{ return 0; }'; } >"$tmp/b.c"
yes '/**/' | head -n 601 >"$tmp/c.h"
[ "$(over "$tmp" | wc -l)" = 3 ] || { over "$tmp"; echo "the check does not see the planted cases"; exit 1; }

found=$(over agent bpf proto collector tests)
[ -z "$found" ] || { echo "$found"; echo "$(wc -l <<<"$found") over the limit"; exit 1; }
find agent bpf proto collector -name '*.[ch]' -print0 | xargs -0 -r ctags -x --languages=C --kinds-C=f --fields=+ne \
	--_xformat='%{line} %{end}' | awk '{ print $2 - $1 + 1 }' | sort -n |
	awk '{ v[NR] = $1 } END { if (NR) print NR " functions: median " v[int((NR + 1) / 2)] ", p95 " v[int(NR * .95)] ", max " v[NR] " lines" }'
