#!/bin/bash
# Who may do what: a stranger, a member without a rule, a member with rules;
# through the front-end and with frames written by hand.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

# Nothing on disk is different afterwards.
untouched() { # COMMAND...
	snapshot_all >/tmp/before
	"$@"
	snapshot_all >/tmp/after
	same "state after $*" /tmp/before /tmp/after
}

one_line() {
	is "lines on stderr" "$(wc -l </tmp/run.err)" 1
	[ -z "$OUT" ] || fail "something on stdout"
	err_has '^postmulti: fatal: .*(permi|polic|member|group|root)'
}

EVERYTHING=(
	"-e init"
	"-I postfix-new -e create"
	"-I postfix-in -G mta -e create"
	"-e import config_directory=/etc/postfix-lost"
	"-i postfix-three -e enable"
	"-i postfix-three -e disable"
	"-i postfix-three -G x -e assign"
	"-i postfix-three -e deport"
	"-i postfix-three -e destroy"
	"-i postfix-four -p start"
	"-i postfix-four -p status"
	"-i postfix-four -p flush"
	"-i postfix-four -p set-permissions"
	"-i - -p stop"
)

refuse_everything() { # USER
	local words
	for words in "${EVERYTHING[@]}"; do
		# shellcheck disable=SC2086
		refused "$1" "$POSTMULTI" $words
		one_line
	done
}

# -l and -x need no right at all.
reads() { # USER
	works "$1" "$POSTMULTI" -l
	out_has '^postfix-three  *- '
	works "$1" "$POSTMULTI" -i three -x id -un
	out_is "$1"
	works "$1" "$POSTMULTI" -i three -x /usr/sbin/postconf -h queue_directory
	out_is /var/spool/postfix-three
	works "$1" "$POSTMULTI" -i three -x grep -E '^(Uid|Cap(Prm|Eff|Amb))' \
		/proc/self/status
	out_is "Uid:$(printf '\t%s' "$(id -u "$1")"{,,,})
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapAmb:	0000000000000000"
}

member_with_rules() {
	refused alice "$POSTMULTI" -i postfix-four -p stop
	one_line
	refused alice "$POSTMULTI" -i postfix-three -e disable
	one_line
	refused alice "$POSTMULTI" -I postfix-new -G mta -e create
	one_line
	refused alice "$POSTMULTI" -e init
	one_line
	refused alice "$POSTMULTI" -I postfix-out -G else -e create
	refused alice "$POSTMULTI" -I postfix-out -e create \
		config_directory=/etc/elsewhere
	refused alice "$POSTMULTI" -i postfix-four -p /bin/sh -c id
	refused alice "$POSTMULTI" -i postfix-four -p set-permissions
}

not_on_a_list() {
	local helper
	for helper in config dirs exec; do
		run carol "$HELPERS/postmulti-$helper"
		is "exit status of a stranger's postmulti-$helper" "$STATUS" 127
		err_has "Permission denied"
	done
	as carol "$TOOLS/frame" "$HELPERS/postmulti-exec" op=exec.postfix \
		sel.name=postfix-three command=status >/tmp/out 2>&1
	grep -q "Permission denied" /tmp/out || fail "$(cat /tmp/out)"
	grep -q '^exit 126$' /tmp/out || fail "$(cat /tmp/out)"
}

# A helper's answer to a hand-made frame.
answer() { # EXTENDED-REGEX USER HELPER KEY=VALUE...
	local wanted=$1
	run "$2" "$TOOLS/frame" "$HELPERS/postmulti-$3" "${@:4}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	grep -Eq "^err ($wanted)$" <<<"$OUT" || fail "the answer should be $wanted"
	# An honest refusal comes with one sentence.
	if grep -q '^err' <<<"$OUT" && ! grep -q '^err OK' <<<"$OUT"; then
		grep -q '^error ..' <<<"$OUT" || fail "no sentence"
	fi
}

# Refused, whatever the reply; a frame may also get no reply at all.
no_answer() { # USER HELPER KEY=VALUE...
	run "$1" "$TOOLS/frame" "$HELPERS/postmulti-$2" "${@:3}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	grep -Eq '^(none|err [A-Z]+)$' <<<"$OUT" || fail "what is this"
	grep -q '^err OK$' <<<"$OUT" && fail "it was permitted"
	grep -q '^exit 0$' <<<"$OUT" && grep -q '^none' <<<"$OUT" &&
		fail "no reply and exit status 0"
	true
}

TARGET=postfix-three

hand_denied() { # USER: on instance TARGET
	local op
	for op in enable disable deregister; do
		answer DENIED "$1" config op=config.$op sel.name=$TARGET
	done
	answer DENIED "$1" config op=config.assign sel.name=$TARGET group=x
	answer DENIED "$1" config op=config.init
	answer DENIED "$1" dirs op=dirs.make name=postfix-new group=mta
	answer DENIED "$1" dirs op=dirs.repair name=postfix-new
	answer DENIED "$1" dirs op=dirs.clear sel.name=$TARGET
	# Later steps: there may be no first one.
	local later="DENIED|NOTFOUND|STATE|CONFLICT"
	answer $later "$1" config op=config.install name=postfix-new group=mta
	answer $later "$1" config op=config.register name=postfix-new group=mta
	answer $later "$1" config op=config.remove sel.name=$TARGET
	answer $later "$1" dirs op=dirs.finish sel.name=$TARGET
	for op in start stop reload flush check status abort drain quick-stop; do
		answer DENIED "$1" exec op=exec.postfix sel.name=$TARGET command=$op
	done
	answer DENIED "$1" exec op=exec.postfix sel.inode=/etc/postfix command=stop
	answer DENIED "$1" exec op=exec.postfix sel.inode=/etc/$TARGET command=stop
}

hand_read_denied() {
	answer "DENIED" bob config op=config.read index=1
	answer "DENIED" bob config op=config.read index=0
}

# The reply names the rule that decided.
hand_rule() {
	answer OK alice config op=config.enable sel.name=postfix-out
	out_has '^rule .*test.conf:[0-9]+'
	answer OK alice config op=config.disable sel.name=postfix-out
	answer OK alice config op=config.disable sel.name=postfix-out
	out_has '^unchanged 1$'
	answer DENIED alice exec op=exec.postfix sel.name=postfix-out command=abort
}

hand_root_fields() {
	local refuse="PROTOCOL|DENIED"
	answer "$refuse" alice config op=config.enable sel.dir=/etc/postfix-out
	answer "$refuse" alice exec op=exec.postfix sel.dir=/etc/postfix-out \
		command=status
	answer "$refuse" alice exec op=exec.postfix sel.name=postfix-out command=0
	answer "$refuse" alice dirs op=dirs.make name=postfix-in group=mta \
		config=/etc/postfix-in
	answer "$refuse" alice dirs op=dirs.make name=postfix-in group=mta \
		queue=/etc
	answer "$refuse" alice dirs op=dirs.make name=postfix-in group=mta \
		data=/home/alice
	answer "$refuse" alice config op=config.install name=postfix-in \
		group=mta config=/etc/postfix-in
	answer "$refuse" alice config op=config.register name=postfix-in \
		group=mta queue=/var/spool/postfix
}

hand_malformed() {
	local good=(op=config.enable sel.name=postfix-out) bytes
	for bytes in 0 1 4 32 4095; do
		no_answer alice config "${good[@]}" cut=$bytes
	done
	no_answer alice config "${good[@]}" pad=1
	no_answer alice config "${good[@]}" unused=1
	no_answer alice config "${good[@]}" version=0
	no_answer alice config "${good[@]}" version=1
	no_answer alice config "${good[@]}" flags=0x80000000
	no_answer alice config "${good[@]}" place=7
	no_answer alice config "${good[@]}" group=x
	no_answer alice config "${good[@]}" command=start
	no_answer alice config "${good[@]}" index=1
	no_answer alice config "${good[@]}" sel.inode=/etc/postfix-out
	no_answer alice config op=0
	no_answer alice config op=99
	no_answer alice config op=exec.postfix sel.name=postfix-out command=status
	no_answer alice dirs "${good[@]}"
	no_answer alice exec "${good[@]}"
	no_answer alice config op=config.enable
	no_answer alice config op=config.enable sel.name=out
	no_answer alice config op=config.enable sel.name=-
	no_answer alice config op=config.enable sel.name=postfix-nobody
	no_answer alice config op=config.enable "sel.name=$(printf '%0128d' 0)"
	no_answer alice exec op=exec.postfix sel.name=postfix-out command=99
	no_answer alice dirs op=dirs.make name=postfix-../../tmp group=mta
	no_answer alice dirs op=dirs.make 'name=postfix-in,out' group=mta
	no_answer alice dirs op=dirs.make name=in group=mta
}

hand_trailing() {
	local good=(op=config.enable sel.name=postfix-out)
	no_answer alice config "${good[@]}" extra=1
	no_answer alice config "${good[@]}" extra=4096
}

# Steps of create and destroy without the step before them.
hand_out_of_order() {
	no_answer alice config op=config.register name=postfix-in group=mta
	no_answer alice config op=config.install name=postfix-in group=mta
	no_answer alice dirs op=dirs.finish sel.name=postfix-out
	no_answer alice config op=config.remove sel.name=postfix-out
}

hand_slow() {
	# The frame is never completed: the helper gives up by itself.
	run alice timeout -s KILL 45 "$TOOLS/frame" "$HELPERS/postmulti-config" \
		op=config.enable sel.name=postfix-out cut=100 wait=1
	[ "$STATUS" = 0 ] || fail "the helper waits for ever"
	grep -q '^err OK' <<<"$OUT" && fail "permitted"
	true
}

bad_policy() {
	trap 'rm -f /etc/postmulti/policy.d/typo.conf' EXIT
	echo "permit alice everything any" >/etc/postmulti/policy.d/typo.conf
	answer '[A-Z]+' alice config op=config.enable sel.name=postfix-out
	grep -q '^err OK' <<<"$OUT" && fail "permitted with a broken policy"
	out_has 'typo.conf:1'
	refused alice "$POSTMULTI" -i postfix-out -e enable
	err_has 'typo.conf:1'
	works root "$POSTMULTI" -i postfix-out -e enable
	works root "$POSTMULTI" -i postfix-out -e disable
	rm /etc/postmulti/policy.d/typo.conf
	answer OK alice config op=config.enable sel.name=postfix-out
	answer OK alice config op=config.disable sel.name=postfix-out
	chmod 666 /etc/postmulti/policy.d/test.conf
	refused alice "$POSTMULTI" -i postfix-out -e enable
	chmod 644 /etc/postmulti/policy.d/test.conf
}

# Removed from the group, a process that still has it gains nothing by it; and
# a rule for the group is not for her any more.
fresh_groups() {
	groupadd -f staffers
	usermod -aG staffers bob
	echo "permit :staffers enable,disable instance postfix-out" \
		>/etc/postmulti/policy.d/staffers.conf
	works bob "$POSTMULTI" -i postfix-out -e enable
	works bob "$POSTMULTI" -i postfix-out -e disable
	as bob sh -c "until [ -e /tmp/go ]; do sleep 0.05; done
		exec '$TOOLS/frame' '$HELPERS/postmulti-config' op=config.enable \
		sel.name=postfix-out" >/tmp/late 2>&1 &
	sleep 0.3
	gpasswd -d bob staffers >/dev/null
	touch /tmp/go
	wait $!
	rm -f /tmp/go /etc/postmulti/policy.d/staffers.conf
	grep -q '^err DENIED' /tmp/late || fail "$(cat /tmp/late)"
}

# Of many selected instances every one is tried, the refused ones are named.
many_selected() {
	run alice "$POSTMULTI" -a -p check
	is "exit status" "$STATUS" 1
	err_has '(^|[^a-z])postfix-three: .*no rule'
	err_has '(^|[^a-z])postfix-four: .*no rule'
	grep -q 'postfix-out.*no rule' <<<"$ERR" && fail "her own was refused"
	grep 'uid=20001.*action=check.*postfix-out' "$LOG" |
		grep -q permitted || fail "her own was not tried"
}

# start of a disabled instance is a check.
start_is_check() {
	trap 'rm -f /etc/postmulti/policy.d/bob.conf' EXIT
	echo "permit bob start instance postfix-three" \
		>/etc/postmulti/policy.d/bob.conf
	refused bob "$POSTMULTI" -i three -p start
	err_has 'check'
	err_has 'disabled'
	echo "permit bob check instance postfix-three" \
		>>/etc/postmulti/policy.d/bob.conf
	works bob "$POSTMULTI" -i three -p start
	/usr/sbin/postfix -c /etc/postfix-three status 2>/dev/null &&
		fail "it was started"
	true
}

limited() {
	trap 'rm -f /etc/postmulti/policy.d/bob.conf' EXIT
	echo "permit bob manage prefix postfix-bob- limit 2" \
		>/etc/postmulti/policy.d/bob.conf
	works bob "$POSTMULTI" -I postfix-bob-1 -e create
	works bob "$POSTMULTI" -I postfix-bob-2 -e create
	refused bob "$POSTMULTI" -I postfix-bob-3 -e create
	err_has 'limit|at most|2'
	[ ! -e /etc/postfix-bob-3 ] || fail "something was made"
	works bob "$POSTMULTI" -i postfix-bob-1 -e destroy
	works bob "$POSTMULTI" -I postfix-bob-3 -e create
	works bob "$POSTMULTI" -i postfix-bob-3 -e destroy
	works bob "$POSTMULTI" -i postfix-bob-2 -e destroy
}

# A main.cf that only root can read: its facts are for who has a rule on it.
unreadable() {
	trap 'chmod 644 /etc/postfix-out/main.cf' EXIT
	chmod 640 /etc/postfix-out/main.cf
	works alice "$POSTMULTI" -l -i postfix-out
	out_has '^postfix-out  *mta  *n  */etc/postfix-out$'
	works root "$POSTMULTI" -l -i postfix-out
	run carol "$POSTMULTI" -l
	is "a stranger's exit status" "$STATUS" 1
	out_has '^postfix-three '
	err_has '/etc/postfix-out'
	grep -q mta <<<"$OUT" && fail "she is told its group"
	true
}

border_host
works root "$POSTMULTI" -e init
works root "$POSTMULTI" -I postfix-three -e create
works root "$POSTMULTI" -I postfix-four -e create
works root "$POSTMULTI" -i four -e enable
works alice "$POSTMULTI" -I postfix-out -G mta -e create

check "a stranger can use -l and -x" reads carol
check "a member without a rule can use -l and -x" reads bob
check "a stranger gets one clear line for the rest" \
	untouched refuse_everything carol
check "a member without a rule gets one clear line for the rest" \
	untouched refuse_everything bob
check "a member with rules gets it for what they don't give" \
	untouched member_with_rules
check "a stranger can't run a helper" not_on_a_list
check "many selected: all are tried, the refused ones named" many_selected
check "start of a disabled instance needs the right to check" start_is_check
check "limit" limited
check "what only root can read" unreadable
check "by hand: a member without a rule is denied everything" \
	untouched hand_denied bob
check "by hand: so is she on an instance with rules for others" \
	eval 'TARGET=postfix-out; untouched hand_denied bob'
check "by hand: so is a member with rules for others" \
	untouched hand_denied alice
check "by hand: reading needs a rule" untouched hand_read_denied
check "by hand: what is permitted works, and says which rule" hand_rule
check "by hand: fields that are root's are refused" untouched hand_root_fields
check "by hand: malformed frames are refused" untouched hand_malformed
check "by hand: bytes behind the frame are refused" untouched hand_trailing
check "by hand: later steps without the first are refused" \
	untouched hand_out_of_order
check "by hand: an unfinished frame ends by itself" untouched hand_slow
check "an error in the policy: nobody but root may do anything" bad_policy
check "group rules look the group up afresh" fresh_groups
finish
