#!/bin/bash
# The walk-through of Postfix's multi-instance guide, mail delivered, played by
# root and a delegate: the steps that the demo narrates.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

no_trace() {
	is "the primary's list" "$(postconf -h multi_instance_directories)" ""
	[ -d /var/lib/postmulti/records ] || fail "no place for records"
	[ -z "$(ls /var/lib/postmulti/records)" ] ||
		fail "a record is open: $(ls -l /var/lib/postmulti/records)"
}

audited() {
	local action
	for action in create enable start abort stop disable destroy; do
		grep -E "postmulti.*alice" "$LOG" | grep -qw -- "$action" ||
			fail "no line about alice and $action in the log: $(grep \
				postmulti "$LOG")"
	done
}

border_host
for step in "${BORDER_STEPS[@]}"; do
	read -r name who typed <<<"$step"
	check "$who: $typed" "border_$name"
done
if [ "${SUITE:-}" != original ]; then
	check "nothing is left on the list or in the records" no_trace
	check "the log says who did what" audited
fi
finish
