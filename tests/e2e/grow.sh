#!/bin/bash
# No action changes what its caller may do: random policies, random creates,
# assigns, deports and imports by alice, and after each one what
# `postmulti-policy list` says that she may do.  usage: grow.sh [ROUNDS [SEED]]

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

install_suite
groupadd -f crew && gpasswd -a alice crew >/dev/null
groupadd -f others
works root "$POSTMULTI" -e init
for name in a ab b; do
	works root "$POSTMULTI" -I postfix-$name -e create
done
perl -c tests/e2e/grow.pl 2>/dev/null || fail "no tests/e2e/grow.pl"

check "what a delegate may do never grows" \
	perl tests/e2e/grow.pl "$TOOLS" "$HELPERS" "$@"
grep '^#: ' /tmp/case.log
finish
