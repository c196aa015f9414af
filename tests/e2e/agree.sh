#!/bin/bash
# Postfix's own programs see what we made as we do.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

# Both print the same and end the same way, for everybody.
same_answer() { # ARGUMENT...
	local user theirs status
	age
	for user in root alice bob carol; do
		quickly run $user "$ORIGINAL" "$@"
		theirs=$OUT status=$STATUS
		run $user "$POSTMULTI" "$@"
		is "stdout for $user" "$OUT" "$theirs"
		is "exit status for $user" "$STATUS" "$status"
	done
}

made() {
	border_init
	border_create
	works root "$POSTMULTI" -I postfix-three -e create
	works root "$POSTMULTI" -e create config_directory=/etc/postfix-four \
		queue_directory=/var/spool/postfix-four \
		data_directory=/var/lib/postfix-four
	works root "$POSTMULTI" -I postfix-five -G other -a -e create
	is "number of instances" "$("$ORIGINAL" -l | wc -l)" 6
}

listed() {
	same_answer -l
	[ -n "$OUT" ] || fail "empty list"
	local arguments
	for arguments in "-l -R" "-l -a" "-l -g mta" "-l -g none" "-l -g -" \
		"-l -i postfix-out" "-l -i out" "-l -i -" "-R -R -l" \
		"-l -i /etc/postfix-four" "-l -i postfix-none"; do
		# shellcheck disable=SC2086
		same_answer $arguments
	done
}

listed_mixed() {
	works root "$POSTMULTI" -i postfix-out -e enable
	works root "$POSTMULTI" -i postfix-five -e enable
	same_answer -l
	grep -q "postfix-out  *mta  *y" <<<"$OUT" || fail "not enabled: $OUT"
	grep -q "postfix-in  *mta  *n" <<<"$OUT" || fail "not disabled: $OUT"
	works root "$POSTMULTI" -i postfix-out -e disable
	works root "$POSTMULTI" -i postfix-five -e disable
}

statuses() { # EXPECTED: of ours, Postfix's own and postfix -c
	local name mine theirs direct
	for name in postfix-out postfix-in; do
		run_tty root "$POSTMULTI" -i $name -p status
		mine=$OUT
		is "our status of $name" "$STATUS" "$1"
		run_tty root "$ORIGINAL" -i $name -p status
		theirs=$OUT
		is "its own status of $name" "$STATUS" "$1"
		run_tty root /usr/sbin/postfix -c /etc/$name status
		direct=$OUT
		[ "$STATUS" = "$1" ] || [ "$1$STATUS" = 11 ] ||
			fail "postfix -c /etc/$name status: $STATUS, not $1"
		is "what they say" "$mine" "$theirs"
		is "what postfix says" "$direct" "$mine"
		run_tty alice "$POSTMULTI" -i $name -p status
		is "alice's status of $name" "$STATUS" "$1"
		is "what alice is told" "$OUT" "$mine"
	done
}

running() {
	border_configure
	border_enable
	statuses 1
	border_start
	statuses 0
}

whole_host() {
	border_stop
	# Asks the wrapper, which is ours: nobody started the primary.
	run_tty root /usr/sbin/postfix status
	is "exit status of postfix status" "$STATUS" 1
	out_has "not running"
	out_has "postfix-out.*is not running"
	works root /usr/sbin/postfix start
	wait_for 10 /usr/sbin/postfix -c /etc/postfix status 2>/dev/null ||
		fail "postfix start did not start the primary"
	# 1 since the disabled ones, which status reports too, don't run.
	run_tty root /usr/sbin/postfix status
	is "exit status of postfix status" "$STATUS" 1
	is "instances running" "$(grep -c 'is running: PID' <<<"$OUT")" 3
	works root /usr/sbin/postfix stop
	statuses 1
}

checked() {
	local dir
	for dir in /etc/postfix-{out,in,three,four,five}; do
		run_tty root /usr/sbin/postfix -c $dir check
		is "postfix -c $dir check" "$STATUS" 0
		[ -z "$OUT" ] || fail "postfix -c $dir check complains: $OUT"
	done
}

taken_over() {
	age
	run_tty root "$ORIGINAL" -i postfix-three -G their -e assign
	is "its own assign" "$STATUS" 0
	works root "$POSTMULTI" -l -g their
	out_has postfix-three
	works root "$POSTMULTI" -i postfix-three -G ours -e assign
	age
	works root "$ORIGINAL" -l -g ours
	out_has postfix-three
	run_tty root "$ORIGINAL" -i postfix-three -e destroy
	is "its own destroy" "$STATUS" 0
	works root "$POSTMULTI" -l
	grep -q three <<<"$OUT" && fail "still on the list"
	same_answer -l
}

border_host
check "five instances of each kind are made" made
check "-l, with every selection, for everybody" listed
check "-l with enabled and disabled instances" listed_mixed
check "postfix check has nothing to say about them" checked
check "status, stopped and running, of every program" running
check "postfix start, status and stop reach all through our wrapper" whole_host
check "each takes over what the other made" taken_over
finish
