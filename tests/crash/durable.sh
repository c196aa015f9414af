#!/bin/bash
# Nothing lost when the power fails: the writes of each command are recorded,
# and replayed as a crash would reorder them.  The model is in Crash.pm.
# usage: durable.sh [CASE...]

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
[ -n "$(type -P strace)" ] || {
	echo "SKIP: no program strace"
	exit 77
}
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

cp -a /etc/postfix/main.cf /tmp/pristine.cf
install_suite
border_policy
works root "$POSTMULTI" -e init
works root "$POSTMULTI" -I postfix-in -G mta -e create
cp -a /etc/postfix/main.cf /tmp/primary.cf
[ $# -gt 0 ] || set -- init create.alice create.root create.first \
	import.root assign.root enable.alice deport.root destroy.alice \
	destroy.root

# postfix-in is somebody else's, and stays.
again() {
	rm -rf /etc/postfix-out /var/spool/postfix-out /var/lib/postfix-out
	rm -rf /var/lib/postmulti
	cp -a /tmp/primary.cf /etc/postfix/main.cf
	rm -f /etc/postfix/main.cf.tmp
	install -d -m 700 /var/lib/postmulti /var/lib/postmulti/records
	LIMIT=120
	timeout -s KILL "$LIMIT" perl tests/crash/durable.pl "$1"
}

for name; do
	check "$name survives a power loss" again "$name"
	grep -E '^#: ' /tmp/case.log
done
finish
