#!/bin/bash
# What attacks on earlier versions found, each as a case that stays: steps
# taken up again after somebody else changed things, helpers stopped or left
# waiting by their caller, what exec inherits, and what is said and logged.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

HOSTILE=$SRC/$BUILD/tests/hostile
RECORDS=/var/lib/postmulti/records
JOURNAL=/run/systemd/journal/socket

# --- asking helpers by hand --------------------------------------------------

asked() { # USER HELPER KEY=VALUE...
	run "$1" "$TOOLS/frame" "$HELPERS/postmulti-$2" "${@:3}"
	[ "$STATUS" = 0 ] || fail "frame failed"
}

answers() { # ERRORS USER HELPER KEY=VALUE...
	asked "${@:2}"
	grep -Eq "^err ($1)$" <<<"$OUT" || fail "the answer should be $1"
}

says() { # EXTENDED-REGEX: the answer's sentence
	grep -Eq "^error .*($1)" <<<"$OUT" || fail "the error should say: $1"
}

# A program that starts the helper in another way: for frame, in its place.
via() { # COMMAND-LINE
	printf '#!/bin/sh\n%s\n' "$1" >/tmp/via
	chmod 755 /tmp/via
}

hostile() { # HELPER COMMAND [ARGUMENT...]: by alice, when frame says
	via "exec $HOSTILE ${*:2} $HELPERS/postmulti-$1"
}

# --- state -------------------------------------------------------------------

no_record() {
	is "open records" "$(ls -A $RECORDS)" ""
}

record_has() { # NAME REGEX
	grep -Eq "$2" "$RECORDS/,etc,$1" ||
		fail "the record of $1: $(cat "$RECORDS/,etc,$1" 2>&1)"
}

# Nothing but the lock of master.pid is different.
untouched() { # COMMAND...
	snapshot_all | grep -v /pid/master.pid >/tmp/before
	"$@"
	snapshot_all | grep -v /pid/master.pid >/tmp/after
	same "state after $*" /tmp/before /tmp/after
}

param() { # NAME LINE
	echo "$2" >>"/etc/$1/main.cf"
}

listed() {
	age
	postconf -h multi_instance_directories
}

up() { # NAME
	postfix -c "/etc/$1" status 2>/dev/null
}

# What a failed case left behind must not fail the next one.
end_strays() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe") in
		"$HOSTILE" | "$TOOLS/frame" | "$HELPERS"/* | */strace)
			kill -KILL "$(cut -d/ -f3 <<<"$exe")"
			;;
		esac
	done 2>/dev/null
}

made() { # NAME...: by alice, on an empty host
	local name
	end_strays
	fresh
	rm -rf /run/postmulti-denials /srv/* /tmp/go
	for name; do
		works alice "$POSTMULTI" -I "$name" -e create
	done
}

# A destroy that fails when maildrop is gone already: private isn't the mail
# owner's to read.
half_destroyed() { # NAME
	chown root:root "/var/spool/$1/private"
	chmod 700 "/var/spool/$1/private"
	run alice "$POSTMULTI" -i "$1" -e destroy
	is "exit status of the first destroy" "$STATUS" 1
	[ ! -e "/var/spool/$1/maildrop" ] || fail "nothing was begun"
	record_has "$1" '^directories begun$'
}

mended() { # NAME
	chown postfix "/var/spool/$1/private"
}

quiet_net() { # NAME: it can be started here
	local p
	for p in "master_service_disable =" "inet_interfaces = loopback-only" \
		"inet_protocols = ipv4" "alias_maps =" "alias_database =" \
		"syslog_name = $1" "myhostname = $1.example.com"; do
		postconf -c "/etc/$1" -e "$p"
	done
	postconf -c "/etc/$1" -MX smtp/inet
	age
}

# --- 1, 2: a destroy that didn't end -------------------------------------------

# What root did to the instance since is what counts, whatever name is given.
half_then_changed() {
	local how
	made postfix-a-1
	half_destroyed postfix-a-1
	untouched answers STATE alice config op=config.remove \
		sel.name=postfix-a-1
	postconf -c /etc/postfix-a-1 -e multi_instance_name=postfix-prod \
		multi_instance_enable=yes
	for how in sel.name=postfix-prod sel.inode=/etc/postfix-a-1; do
		untouched answers 'DENIED' alice config op=config.remove "$how"
		untouched answers 'DENIED' alice dirs op=dirs.clear "$how"
	done
	for how in config.remove dirs.clear dirs.finish; do
		untouched answers 'DENIED|STATE|CONFLICT' alice "${how%.*}" \
			op=$how sel.name=postfix-a-1
	done
}

# The same when the directories were all cleared.
cleared_then_changed() { # PARAMETER=VALUE WANTED
	local step
	made postfix-a-1
	answers OK alice dirs op=dirs.clear sel.name=postfix-a-1
	record_has postfix-a-1 '^directories done$'
	postconf -c /etc/postfix-a-1 -e "$1"
	for step in config.remove dirs.clear dirs.finish; do
		untouched answers "$2" alice ${step%.*} op=$step \
			sel.name=postfix-a-1
	done
	[ -f /etc/postfix-a-1/main.cf ] || fail "main.cf is gone"
	is "the list" "$(listed)" /etc/postfix-a-1
}

# And when it runs: master makes what is missing of the queue.
cleared_then_started() {
	made postfix-a-1
	quiet_net postfix-a-1
	answers OK alice dirs op=dirs.clear sel.name=postfix-a-1
	postconf -c /etc/postfix-a-1 -e multi_instance_name=postfix-prod
	install -d -m 755 /var/spool/postfix-a-1
	install -d -m 700 -o postfix /var/lib/postfix-a-1
	age
	postfix -c /etc/postfix-a-1 start 2>/dev/null
	wait_for 10 up postfix-a-1 || fail "it doesn't run"
	answers 'DENIED|STATE|CONFLICT' alice config op=config.remove \
		sel.name=postfix-a-1
	answers 'DENIED|STATE|CONFLICT' alice dirs op=dirs.clear \
		sel.name=postfix-a-1
	up postfix-a-1 || fail "it went down"
	[ -f /etc/postfix-a-1/main.cf ] || fail "main.cf is gone"
	postfix -c /etc/postfix-a-1 stop 2>/dev/null
}

refused_destroy() { # PLANT
	made postfix-a-1
	eval "$1"
	untouched refused alice "$POSTMULTI" -i a-1 -e destroy
	no_record
	works root "$POSTMULTI" -i a-1 -e enable
	works root "$POSTMULTI" -i a-1 -e disable
}

# --- 3, 4, 5: stopped, or overtaken --------------------------------------------

# Root's own work while a delegate's helpers are held up.
root_goes_on() {
	local setting
	for setting in enable disable enable; do
		works root timeout 40 "$POSTMULTI" -i prod -e $setting
	done
	works root timeout 40 postconf -e "mail_name = $RANDOM"
}

stopped_of() { # PROGRAM: how many of it are stopped
	local proc n=0
	for proc in /proc/[0-9]*; do
		[ "$(readlink "$proc/exe")" = "$HELPERS/$1" ] &&
			grep -q '^State:	T' "$proc/status" && n=$((n + 1))
	done 2>/dev/null
	echo $n
}

none_left() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		[[ $(readlink "$exe") != "$HELPERS"/* ]] || return 1
	done
}

# Forty helpers are stopped, each a bit later on its way than the one before.
stopped() { # WHO
	made postfix-a-1
	works root "$POSTMULTI" -I postfix-prod -e create
	hostile config stop "$1" 40 150 /tmp/go
	as alice "$TOOLS/frame" /tmp/via op=config.enable \
		sel.name=postfix-a-1 >/tmp/out 2>&1 &
	wait_for 50 grep -q '^held' /tmp/out || fail "$(cat /tmp/out)"
	root_goes_on
	if [ "$1" = pty ]; then
		is "judges stopped by ^Z" "$(stopped_of postmulti-judge)" 0
		[ "$(stopped_of postmulti-config)" != 0 ] || fail "^Z does nothing"
	else
		grep -q '^held 0$' /tmp/out && fail "none was stopped"
	fi
	touch /tmp/go
	wait
	is "answers" "$(sed '0,/^held/d' /tmp/out |
		grep -Ec '^(held|free) ([0-9]+|none)$')" 40
	wait_for 30 none_left || fail "helpers are left"
	works alice "$POSTMULTI" -i a-1 -e disable
}

# Runs a helper, traced so that one of the two is held up at a system call.
held_up() { # USER HELPER actor|judge INJECTION KEY=VALUE...
	local pid
	# What the last case left there would be taken for an answer.
	rm -f /tmp/go /tmp/trace /tmp/attached /tmp/out
	hostile "$2" late /tmp/go
	as "$1" "$TOOLS/frame" /tmp/via "${@:5}" >/tmp/out 2>&1 &
	frame=$!
	wait_for 10 grep -q '^actor' /tmp/out || fail "no helper"
	pid=$(sed -n "s/.*$3 \([0-9]*\).*/\1/p" /tmp/out)
	timeout 60 strace -o /tmp/trace -p "$pid" -e "inject=$4" 2>/tmp/attached &
	strace=$!
	wait_for 10 grep -q attached /tmp/attached || fail "not traced"
	touch /tmp/go
}

end_held_up() {
	wait $frame
	OUT=$(cat /tmp/out)
	wait $strace
}

# The judge is told that it is permitted and to become root, and doesn't.
judge_never_ready() {
	local frame strace
	made postfix-a-1
	works root "$POSTMULTI" -I postfix-prod -e create
	held_up alice config judge setresuid:delay_enter=12000000 \
		op=config.enable sel.name=postfix-a-1
	wait_for 10 grep -q setresuid /tmp/trace || fail "$(cat /tmp/out)"
	root_goes_on
	end_held_up
	grep -q '^err OK' /tmp/out && fail "it was done"
	age
	is "multi_instance_enable" "$(postconf -c /etc/postfix-a-1 -h \
		multi_instance_enable)" no
}

# To look whether it runs is to lock master.pid: by then it is out of reach.
never_held_looking() {
	local frame strace pid actor
	made postfix-a-1
	install -m 600 /dev/null /var/spool/postfix-a-1/pid/master.pid
	held_up alice dirs judge flock:delay_enter=3000000 \
		op=dirs.inspect sel.name=postfix-a-1
	wait_for 10 grep -q flock /tmp/trace || fail "$(cat /tmp/out)"
	pid=$(sed -n 's/.*judge \([0-9]*\).*/\1/p' /tmp/out)
	kill -0 "$pid" || fail "it has ended already"
	as alice /bin/kill -0 "$pid" && fail "she can stop it"
	# As those who wait for a lock: out of her cgroup and her session.
	actor=$(sed -n 's/^actor \([0-9]*\).*/\1/p' /tmp/out)
	is "session" "$(ps -o sid= -p "$actor" | tr -d ' ')" "$actor"
	end_held_up
	grep -q '^err OK' /tmp/out || fail "$(cat /tmp/out)"
}

no_master() {
	[ -z "$(pgrep -x master)" ] || fail "a master runs"
}

revoke() {
	mv /etc/postmulti/policy.d/test.conf /tmp/test.conf
	trap 'mv /tmp/test.conf /etc/postmulti/policy.d' EXIT
	works root "$POSTMULTI" -i a-1 -e disable
}

# Stopped before they are root's, gone on with after everything was revoked.
revoked_while_stopped() {
	made postfix-a-1
	quiet_net postfix-a-1
	works alice "$POSTMULTI" -i a-1 -e enable
	age
	hostile exec stop both 40 40 /tmp/go
	# Only those that were faster may have done it: with "status" they do
	# nothing.
	as alice "$TOOLS/frame" /tmp/via op=exec.postfix command=status \
		sel.name=postfix-a-1 >/tmp/out 2>&1 &
	wait_for 50 grep -q '^held' /tmp/out || fail "$(cat /tmp/out)"
	grep -q '^held 0$' /tmp/out && fail "none was stopped"
	revoke
	touch /tmp/go
	wait
	grep '^held 0$' <(sed 0,/^held/d /tmp/out) && fail "one was served"
	wait_for 30 none_left || fail "helpers are left"
}

# The same at the last moment there is: permitted, and about to be root's.
revoked_at_the_door() {
	local frame strace
	made postfix-a-1
	quiet_net postfix-a-1
	works alice "$POSTMULTI" -i a-1 -e enable
	age
	# With the verdict in its hands it looks mail_owner up.
	held_up alice exec actor openat:delay_enter=6000000:when=1 \
		op=exec.postfix command=start sel.name=postfix-a-1
	wait_for 10 grep -q openat /tmp/trace || fail "$(cat /tmp/out)"
	revoke
	end_held_up
	grep -q '^err DENIED' /tmp/out || fail "$(cat /tmp/out)"
	no_master
}

waits_for_lock() { # PID
	local fd
	for fd in "/proc/$1/fd"/*; do
		[ "$(readlink "$fd")" != /var/lib/postmulti/lock ] || return 0
	done
	return 1
}

# All was prepared for an instance that is another one once the lock is ours.
overtaken() {
	local actor
	made postfix-a-1
	: >/tmp/go
	hostile dirs late /tmp/go
	exec 8<>/var/lib/postmulti/lock
	flock 8
	as alice "$TOOLS/frame" /tmp/via op=dirs.clear sel.name=postfix-a-1 \
		lock_timeout=60 >/tmp/out 2>&1 8>&- &
	wait_for 10 grep -q '^actor' /tmp/out || fail "no helper"
	actor=$(sed -n 's/^actor \([0-9]*\).*/\1/p' /tmp/out)
	wait_for 20 waits_for_lock "$actor" || fail "$(cat /tmp/out)"
	kill -STOP "$actor"
	exec 8>&-
	works alice "$POSTMULTI" -i a-1 -e destroy
	works alice "$POSTMULTI" -I postfix-a-1 -e create
	snapshot /etc/postfix-a-1 /var/spool/postfix-a-1 /var/lib/postfix-a-1 |
		grep -v /pid/master.pid >/tmp/before
	kill -CONT "$actor"
	wait
	grep -q '^err BUSY' /tmp/out || fail "$(cat /tmp/out)"
	snapshot /etc/postfix-a-1 /var/spool/postfix-a-1 /var/lib/postfix-a-1 |
		grep -v /pid/master.pid >/tmp/after
	same "the new one" /tmp/before /tmp/after
	no_record
}

# --- 6, 7: whose it is -----------------------------------------------------------

import_of() { # NAME: by hand, as alice, with no group
	untouched answers "DENIED|UNTRUSTED|CONFLICT" alice dirs \
		op=dirs.repair name="$1" group=-
	untouched answers "DENIED|CONFLICT" alice config op=config.register \
		name="$1" group=-
	no_record
}

import_sheds_nothing() {
	made postfix-a-1
	works root "$POSTMULTI" -i a-1 -G locked -e assign
	works root "$POSTMULTI" -i a-1 -e deport
	import_of postfix-a-1
	refused alice "$POSTMULTI" -I postfix-a-1 -G - -e import
	works root "$POSTMULTI" -I postfix-a-1 -e import
	works root "$POSTMULTI" -i a-1 -I postfix-prod -G prod -e assign
	works root "$POSTMULTI" -i prod -e deport
	import_of postfix-a-1
}

import_foreign_data() {
	made postfix-a-1
	install -d -m 755 -o daemon -g daemon /var/lib/otherapp
	echo x >/var/lib/otherapp/file
	works root "$POSTMULTI" -i a-1 -e deport
	postconf -c /etc/postfix-a-1 -e data_directory=/var/lib/otherapp
	age
	stat -c '%U:%G %a' /var/lib/otherapp{,/file} >/tmp/before
	asked alice dirs op=dirs.repair name=postfix-a-1
	grep -q '^err OK' <<<"$OUT" && fail "it was mended"
	stat -c '%U:%G %a' /var/lib/otherapp{,/file} >/tmp/after
	same "the foreign directory" /tmp/before /tmp/after
	rm -r /var/lib/otherapp
}

# Off the list, with a record: its data directory has been another's since.
record_of_anothers() {
	made postfix-a-1
	answers OK alice dirs op=dirs.clear sel.name=postfix-a-1
	answers OK alice config op=config.remove sel.name=postfix-a-1
	works root "$POSTMULTI" -I postfix-new -e create
	install -d -m 700 -o postfix /var/lib/postfix-a-1
	postconf -c /etc/postfix-new -e data_directory=/var/lib/postfix-a-1
	install -m 600 -o postfix /dev/null /var/lib/postfix-a-1/master.lock
	age
	untouched answers 'CONFLICT|BUSY' alice dirs op=dirs.clear \
		sel.name=postfix-a-1
	[ -f /var/lib/postfix-a-1/master.lock ] || fail "a file is gone"
}

# What an open record has is taken, for root too.
record_reserves() {
	local words
	made postfix-a-1
	answers OK alice dirs op=dirs.clear sel.name=postfix-a-1
	answers OK alice config op=config.remove sel.name=postfix-a-1
	for words in queue_directory=/var/spool/postfix-a-1 \
		data_directory=/var/lib/postfix-a-1; do
		untouched refused root "$POSTMULTI" -I postfix-new -e create $words
		err_has 'unfinished destroy'
	done
	untouched refused root "$POSTMULTI" -I postfix-a-1 -e create \
		config_directory=/etc/postfix-n queue_directory=/var/spool/postfix-n \
		data_directory=/var/lib/postfix-n
	err_has 'unfinished destroy'
	works root "$POSTMULTI" -I postfix-new -e create
	untouched refused root "$POSTMULTI" -i new -I postfix-a-1 -e assign
}

# --- 8 ---------------------------------------------------------------------------

never_read() {
	made postfix-a-1
	hostile config unread
	run alice "$TOOLS/frame" /tmp/via op=config.enable sel.name=postfix-a-1
	out_has 'ended by signal 14'
	wait_for 10 none_left || fail "somebody still waits"
}

# --- 9: root's odd cases -----------------------------------------------------------

bad_name() {
	made postfix-a-1
	param postfix-a-1 "multi_instance_name = wrong name"
	works root "$POSTMULTI" -i /etc/postfix-a-1 -e destroy
	[ ! -e /etc/postfix-a-1 ] || fail "it is there"
	is "the list" "$(listed)" ""
	no_record
}

# A name that root wrote into main.cf and that -I refuses: rules can't say it,
# but its group.
odd_name() {
	made postfix-a-1
	param postfix-a-1 "multi_instance_name = a-1"
	refused alice "$POSTMULTI" -i a-1 -e enable
	err_has 'no rule permits alice to enable a-1'
	works root "$POSTMULTI" -i a-1 -e assign -G named
	works alice "$POSTMULTI" -i a-1 -e enable
	logged run alice "$POSTMULTI" -i /etc/postfix-a-1 -p status
	grep -q 'status of a-1 by uid .*: exit status 1$' <<<"$NEW" ||
		fail "$NEW"
	works alice "$POSTMULTI" -i a-1 -e disable
	refused alice "$POSTMULTI" -i a-1 -e destroy
	works root "$POSTMULTI" -i a-1 -e destroy
	is "the list" "$(listed)" ""
}

leftover_maincf() {
	made
	mkdir /etc/postfix-c
	echo "# left over" >/etc/postfix-c/main.cf
	chgrp mailadm /etc/postfix-c/main.cf
	works root "$POSTMULTI" -I postfix-c -e create
	is "owner" "$(stat -c %U /etc/postfix-c/main.cf)" root
	[ -f /etc/postfix-c/master.cf ] || fail "no master.cf"
	no_record
	works root "$POSTMULTI" -i c -e enable
}

foreign_maincf() {
	made postfix-a-1
	chown daemon:mailadm /etc/postfix-a-1/main.cf
	works root "$POSTMULTI" -i a-1 -e enable
	is "owner" "$(stat -c %U:%G /etc/postfix-a-1/main.cf)" daemon:mailadm
	is "enabled" "$(postconf -c /etc/postfix-a-1 -h multi_instance_enable)" yes
}

# --- 10: what is handed to exec ------------------------------------------------------

STATUS_OF=(op=exec.postfix command=status sel.name=postfix-a-1)
START=(op=exec.postfix command=start sel.name=postfix-a-1)

exec_ready() {
	made postfix-a-1
	quiet_net postfix-a-1
	works alice "$POSTMULTI" -i a-1 -e enable
	age
}

bad_descriptors() {
	local fd kind
	exec_ready
	install -m 600 /dev/null /etc/victim
	for fd in 1 2; do
		for kind in "opath /etc/victim" "read /etc/passwd" inet "dir /tmp"; do
			hostile exec "fd $fd $kind"
			run alice "$TOOLS/frame" /tmp/via "${START[@]}"
			grep -q '^err UNTRUSTED' <<<"$OUT" || fail "$fd $kind: accepted"
			says "descriptor $fd"
		done
		hostile exec "fd $fd opath /dev/null"
		run alice "$TOOLS/frame" /tmp/via "${STATUS_OF[@]}"
		grep -q '^err OK' <<<"$OUT" || fail "/dev/null: refused"
	done
	no_master
	[ ! -s /etc/victim ] || fail "written to"
}

# Refused by name, or raised where root may.
low_limit() { # ULIMIT-OPTION VALUE RLIMIT PROC-NAME NEED
	local pid got
	exec_ready
	via "ulimit -$1 $2 || exit 5; exec $HELPERS/postmulti-exec"
	run alice "$TOOLS/frame" /tmp/via "${START[@]}"
	if grep -q '^err LIMIT' <<<"$OUT"; then
		says "$3"
		no_master
		return
	fi
	grep -q '^err OK' <<<"$OUT" || fail "neither started nor its limit"
	wait_for 10 up postfix-a-1 || fail "not started"
	pid=$(tr -dc 0-9 </var/spool/postfix-a-1/pid/master.pid)
	got=$(sed -n "s/^$4  *\([^ ]*\).*/\1/p" "/proc/$pid/limits")
	[ "$got" = unlimited ] || [ "$got" -ge "$5" ] || fail "$3: $got"
	kill "$pid"
}

nothing_inherited() {
	local script=/usr/lib/postfix/sbin/postfix-script pid what
	exec_ready
	cp -p $script /tmp/script
	trap 'cp -p /tmp/script $script' EXIT
	sed -i "2i $HOSTILE show >/tmp/inherited" $script
	via "$HOSTILE show >/tmp/odd; exec $HOSTILE state $HELPERS/postmulti-exec"
	run alice "$TOOLS/frame" /tmp/via "${START[@]}"
	grep -q '^err OK' <<<"$OUT" || fail "not started"
	is "what postfix(1) has" "$(tr '\n' ' ' </tmp/inherited)" \
		"slack 50000 personality 0 thp 0 mdwe 0 filter 33 keyring other \
mempolicy 0 securebits 0 "
	wait_for 10 up postfix-a-1 || fail "not started"
	pid=$(tr -dc 0-9 </var/spool/postfix-a-1/pid/master.pid)
	for what in timerslack_ns:50000 personality:00000000 \
		coredump_filter:00000033; do
		is "master's ${what%:*}" "$(cat "/proc/$pid/${what%:*}")" \
			"${what#*:}"
	done
	is "its THP" "$(sed -n 's/^THP_enabled:\t//p' "/proc/$pid/status")" 1
	kill "$pid"
}

# Inheritable capabilities, as pam_cap(8) and AmbientCapabilities= give them to
# users, come on top of a bounding set.
no_capability_of_hers() { # WORD: capabilities
	local pid
	made postfix-a-1
	quiet_net postfix-a-1
	works alice "$POSTMULTI" -i a-1 -e enable
	age
	trap 'rm -f /etc/postmulti/policy.d/bound.conf' EXIT
	echo "capabilities $1" >/etc/postmulti/policy.d/bound.conf
	RAN=setpriv
	setpriv --inh-caps +sys_module "$TOOLS/asuser" alice \
		grep '^CapInh:.*0000000000010000$' /proc/self/status ||
		fail "not inheritable"
	timeout 60 setpriv --inh-caps +sys_module "$TOOLS/asuser" alice \
		"$TOOLS/frame" $HELPERS/postmulti-exec "${START[@]}" |
		grep '^err OK' || fail "not started"
	wait_for 10 up postfix-a-1 || fail "not started"
	pid=$(tr -dc 0-9 </var/spool/postfix-a-1/pid/master.pid)
	is "inheritable" "$(sed -n 's/^CapInh:\t//p' "/proc/$pid/status")" \
		0000000000000000
	is "permitted" "$(sed -n 's/^CapPrm:\t//p' "/proc/$pid/status")" \
		"$(sed -n 's/^CapBnd:\t//p' "/proc/$pid/status")"
	kill "$pid"
}

# That nothing_inherited would have shown it.
inherited_by_others() {
	via "exec $HOSTILE state /tmp/shows"
	printf '#!/bin/sh\nexec %s show >/tmp/odd\n' "$HOSTILE" >/tmp/shows
	chmod 755 /tmp/shows
	run alice "$TOOLS/frame" /tmp/via "${STATUS_OF[@]}"
	grep -q '^thp 1$' /tmp/odd && grep -q '^filter 7f$' /tmp/odd &&
		! grep -q '^slack 50000$' /tmp/odd ||
		fail "not odd: $(cat /tmp/odd)"
}

mdwe() {
	exec_ready
	hostile exec mdwe
	run alice "$TOOLS/frame" /tmp/via "${STATUS_OF[@]}"
	grep -q '^err PRIVILEGE' <<<"$OUT" || fail "accepted"
	says 'memory-deny-write-execute'
}

data_below_hers() {
	exec_ready
	install -d -o alice /srv/alice
	install -d -m 700 -o postfix /srv/alice/data
	postconf -c /etc/postfix-a-1 -e data_directory=/srv/alice/data
	age
	untouched answers UNTRUSTED alice exec "${START[@]}"
	says /srv/alice
	no_master
}

# --- 11: what messages say -------------------------------------------------------------

printable() {
	LC_ALL=C grep -q '[^ -~]' <<<"$OUT$ERR" && fail "garbage"
	true
}

names_the_file() {
	made postfix-a-1
	cp -p /etc/postfix-a-1/main.cf /tmp/main.cf
	param postfix-a-1 "daemon_directory = /tmp"
	refused alice "$POSTMULTI" -i a-1 -e enable
	err_has 'fatal: /etc/postfix-a-1/main.cf[:0-9]*: daemon_directory'
	answers UNTRUSTED alice config op=config.enable sel.name=postfix-a-1
	grep -q '^error /etc/postfix-a-1/main.cf' <<<"$OUT" || fail "which file"
	printable
	cp -p /tmp/main.cf /etc/postfix-a-1/main.cf
	param postfix-a-1 "queue_directory = relative"
	answers '[A-Z]*' root config op=config.enable sel.dir=/etc/postfix-a-1
	grep -q '^err OK' <<<"$OUT" && fail "it was enabled"
	grep -Eq '^error /etc/postfix-a-1/main.cf.*queue_directory' <<<"$OUT" ||
		fail "which file"
	printable
	answers '[A-Z]*' root config op=config.read index=1
	grep -Eq '^error /etc/postfix-a-1/main.cf.*queue_directory' <<<"$OUT" ||
		fail "which file"
	printable
}

trailing_slash() {
	local slashed="/etc/postfix-a-1// /etc/postfix-a-2/"
	made postfix-a-1 postfix-a-2
	sed -i "s|^\(multi_instance_directories = \).*|\1$slashed|" \
		/etc/postfix/main.cf
	age
	works root "$POSTMULTI" -l
	works root "$POSTMULTI" -i a-2 -e enable
	works root "$POSTMULTI" -i a-2 -e disable
	works alice "$POSTMULTI" -i a-1 -e destroy
	is "the list" "$(listed)" /etc/postfix-a-2
	[ ! -e /etc/postfix-a-1 ] || fail "it is there"
	works root "$POSTMULTI" -i a-2 -e deport
	is "the list" "$(listed)" ""
	no_record
}

tells_no_content() {
	local who line
	made postfix-a-1 postfix-a-2
	trap 'rm -f /etc/postmulti/policy.d/secret.conf' EXIT
	install -m 600 /dev/null /etc/postmulti/policy.d/secret.conf
	echo "permit bob S3cret any" >/etc/postmulti/policy.d/secret.conf
	asked alice config op=config.enable sel.name=postfix-a-1
	says 'secret.conf:1:'
	grep -q S3cret <<<"$OUT" && fail "told"
	rm /etc/postmulti/policy.d/secret.conf
	cp -p /etc/postfix-a-2/main.cf /tmp/main.cf
	for line in 'queue_directory = relative S3cret' 'S3cret pass word' \
		'multi_instance_name = S3cret name' 'daemon_directory = /S3cret' \
		'queue_directory = ${S3cret'; do
		cp -p /tmp/main.cf /etc/postfix-a-2/main.cf
		param postfix-a-2 "$line"
		chmod 640 /etc/postfix-a-2/main.cf
		for who in alice bob; do
			asked $who config op=config.enable sel.name=postfix-none
			grep -q S3cret <<<"$OUT" && fail "told $who: $line"
			asked $who config op=config.enable sel.inode=/etc/postfix-a-2
			grep -q S3cret <<<"$OUT" && fail "told $who: $line"
			asked $who config op=config.read index=2
			grep -q S3cret <<<"$OUT" && fail "told $who: $line"
			asked $who exec op=exec.postfix command=status \
				sel.name=postfix-a-2
			grep -q S3cret <<<"$OUT" && fail "told $who: $line"
		done
	done
	true
}

# --- 12: directories ---------------------------------------------------------------------

one_for_two() { # KEY=VALUE...
	made
	mkdir -p /srv
	untouched answers CONFLICT root dirs op=dirs.make name=postfix-x "$@"
	[ -z "$(ls -A /srv)" ] || fail "something was made: $(ls -A /srv)"
	no_record
}

cleaned_by_hand() {
	made
	answers OK alice dirs op=dirs.make name=postfix-a-1
	record_has postfix-a-1 '^directories done$'
	rm -rf /etc/postfix-a-1 /var/spool/postfix-a-1 /var/lib/postfix-a-1
	works alice "$POSTMULTI" -I postfix-a-1 -e create
	no_record
	works alice "$POSTMULTI" -i a-1 -e destroy
}

# --- 13: while something is open ----------------------------------------------------------

open_record() {
	local words
	made postfix-a-1
	quiet_net postfix-a-1
	half_destroyed postfix-a-1
	for words in "-e enable" "-e disable" "-e deport" "-G x -e assign" \
		"-I postfix-a-9 -e assign"; do
		# shellcheck disable=SC2086
		untouched refused alice "$POSTMULTI" -i a-1 $words
		err_has 'destroy.*run that again first'
		# shellcheck disable=SC2086
		untouched refused root "$POSTMULTI" -i a-1 $words
		err_has 'destroy.*run that again first'
	done
	postconf -c /etc/postfix-a-1 -e multi_instance_enable=yes
	age
	run alice "$POSTMULTI" -i a-1 -p start
	is "exit status" "$STATUS" 1
	err_has 'run that again first'
	for words in start start-fg; do
		run root "$POSTMULTI" -i a-1 -p $words
		[ "$STATUS" != 0 ] || fail "started"
		err_has 'run that again first'
	done
	no_master
	postconf -c /etc/postfix-a-1 -e multi_instance_enable=no
	age
	mended postfix-a-1
	works alice "$POSTMULTI" -i a-1 -e destroy
	no_record
}

# --- 14: what is left -------------------------------------------------------------------

many_foreign() {
	local i dir queue=/var/spool/postfix-a-1
	made postfix-a-1
	# Sixty are more than a reply has room for.
	for i in $(seq 60); do
		echo x >$queue/private/some-rather-long-foreign-file-name-$i
	done
	touch /var/lib/postfix-a-1/foreign /etc/postfix-a-1/transport \
		$queue/foreign
	works alice "$POSTMULTI" -i a-1 -e destroy
	for dir in /etc/postfix-a-1 $queue $queue/private \
		/var/lib/postfix-a-1; do
		err_has "warning: $dir: please verify contents"
	done
	is "foreign files kept" "$(find $queue/private -type f | wc -l)" 60
	is "foreign files named" "$(grep -c "^postmulti: warning: \
$queue/private/some-rather-long-foreign-file-name-[0-9]*: not Postfix's" \
		/tmp/run.err)" 60
	[ -z "$(grep -v '^postmulti: ' /tmp/run.err)" ] || fail "a torn line"
}

newline_in_name() {
	made postfix-a-1
	touch "/var/spool/postfix-a-1/private/b
postmulti: fatal: forged"
	works alice "$POSTMULTI" -i a-1 -e destroy
	err_has 'private/b.n *postmulti: ?.*forged|private/b\\n'
	[ -z "$(grep '^postmulti: fatal' <<<"$ERR")" ] || fail "forged"
	is "lines about it" "$(grep -c forged <<<"$ERR")" 1
}

# --- 15: the log ----------------------------------------------------------------------

# Leaves in NEW what the log got by a command.
logged() { # COMMAND...
	local before
	before=$(wc -l <"$LOG")
	"$@"
	logger -t mark "end of $*"
	wait_for 10 eval "tail -n +$((before + 1)) '$LOG' | grep -q 'mark.*end of'" ||
		fail "the log is dead"
	NEW=$(tail -n +$((before + 1)) "$LOG" | grep -v ' mark')
}

events() { # EVENT
	grep "event=$1 " <<<"$NEW"
}

two_lines() {
	local step id
	made
	logged works alice "$POSTMULTI" -I postfix-a-1 -e create
	logged works alice "$POSTMULTI" -i a-1 -e enable
	is "lines of decided" "$(events decided | grep -c step=config.enable)" 1
	is "lines of done" "$(events "done" | grep -c step=config.enable)" 1
	is "their ids" "$(grep -o ' id=[^ ]*' <<<"$NEW" | sort -u | wc -l)" 1
	events "done" | grep -q 'uid=20001 user=alice .*result=permitted' ||
		fail "$NEW"
	logged works alice "$POSTMULTI" -i a-1 -e disable
	logged works alice "$POSTMULTI" -i a-1 -e destroy
	for step in dirs.clear config.remove dirs.finish; do
		id=$(events decided | grep "step=$step" | grep -o ' id=[^ ]*')
		is "ids of $step" "$(wc -w <<<"$id")" 1
		is "done with it" "$(events "done" | grep "step=$step" |
			grep -c -- "$id ")" 1
	done
	is "events" "$(grep -c 'event=' <<<"$NEW")" 6
}

roots_words() {
	made postfix-a-1
	logged run root "$POSTMULTI" -i a-1 -p /bin/sh -c 'exit 7
event=done forged'
	events decided | grep -q 'words="/bin/sh -c exit 7' || fail "$NEW"
	events "done" | grep -q 'status=7 ' || fail "$NEW"
	grep -q '^event=done forged' <<<"$NEW" && fail "forged"
	is "events" "$(grep -c ' event=' <<<"$NEW")" 2
}

denials() {
	local i
	made
	many() {
		for i in $(seq 14); do
			asked bob config op=config.enable sel.name=postfix-a-1
		done
	}
	logged many
	is "denials logged" "$(events "done" | grep -c uid=20002)" 10
	# A minute later: the file says when it began.
	perl -e 'open my $f, "+<", $ARGV[0] or die; sysread $f, my $b, 8;
		seek $f, 0, 0; syswrite $f, pack("q", unpack("q", $b) - 61)' \
		/run/postmulti-denials/20002 || fail "no state"
	logged asked bob config op=config.enable sel.name=postfix-a-1
	events "done" | grep -q 'suppressed=4' || fail "$NEW"
	# Root's are all there.
	many() {
		for i in $(seq 12); do
			asked root config op=config.enable sel.name=postfix-none
		done
	}
	logged many
	is "root's logged" "$(events "done" | grep -c ' uid=0 ')" 12
}

no_forged_line() {
	local hex
	made
	hex=$(printf 'postfix-a\npostmulti-config[1]: event=done uid=0' |
		od -An -v -tx1 | tr -d ' \n')
	logged asked alice config op=config.enable "hex.sel.name=$hex"
	grep -q '^postmulti-config\[1\]' <<<"$NEW" && fail "forged"
	grep -q 'uid=0 *$' <<<"$NEW" && fail "forged"
	logged asked alice dirs op=dirs.make "hex.name=$hex"
	grep -q '^postmulti-config\[1\]' <<<"$NEW" && fail "forged"
	mkdir "/etc/postfix-x
event=done uid=0" && postconf -e "multi_instance_directories=/etc/postfix-x
event=done"
	age
	logged asked alice config op=config.enable sel.name=postfix-a-1
	grep -q '^ *event=done' <<<"$NEW" && fail "forged"
	rm -r /etc/postfix-x*
}

logd_pid() {
	pgrep -x logd
}

logd() { # start or stop
	if [ "$1" = stop ]; then
		kill "$(logd_pid)"
		wait_for 10 eval '[ -z "$(logd_pid)" ]'
	else
		"$TOOLS/logd" /dev/log "$LOG" 8>&-
	fi
}

without_a_log() {
	made postfix-a-1
	logd stop
	trap 'logd start; rm -f /etc/postmulti/policy.d/audit.conf' EXIT
	works alice "$POSTMULTI" -i a-1 -e enable
	echo "audit required" >/etc/postmulti/policy.d/audit.conf
	untouched answers STATE alice config op=config.disable \
		sel.name=postfix-a-1
	says 'audit'
	logd start
	works alice "$POSTMULTI" -i a-1 -e disable
	trap - EXIT
	rm /etc/postmulti/policy.d/audit.conf
}

# Its old socket is all the helper has: no line, and no harm.
log_restarted() {
	local actor
	made postfix-a-1
	: >/tmp/go
	hostile config late /tmp/go
	exec 8<>/var/lib/postmulti/lock
	flock 8
	as alice "$TOOLS/frame" /tmp/via op=config.enable sel.name=postfix-a-1 \
		lock_timeout=60 >/tmp/out 2>&1 8>&- &
	wait_for 10 grep -q '^actor' /tmp/out || fail "no helper"
	actor=$(sed -n 's/^actor \([0-9]*\).*/\1/p' /tmp/out)
	wait_for 20 waits_for_lock "$actor" || fail "$(cat /tmp/out)"
	logd stop
	logd start
	exec 8>&-
	wait "$(jobs -p)"
	grep -q '^err OK' /tmp/out || fail "$(cat /tmp/out)"
	grep -q '^exit 0' /tmp/out || fail "$(cat /tmp/out)"
}

# One datagram a line, newlines as "|".
FAKE='
	use IO::Socket::UNIX; use Socket;
	my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Type => SOCK_DGRAM)
		or die "$ARGV[0]: $!";
	chmod 0666, $ARGV[0];
	open my $out, ">", $ARGV[1] or die; $out->autoflush(1);
	$SIG{ALRM} = sub { exit }; alarm 120;
	while (defined $s->recv(my $d, 65536)) { $d =~ s/\n/|/g; print $out "$d\n" }
'

journal_fields() {
	local field
	made postfix-a-1
	mkdir -p ${JOURNAL%/*}
	perl -e "$FAKE" $JOURNAL /tmp/journal &
	trap 'kill $!; rm -f $JOURNAL' EXIT
	wait_for 10 test -S $JOURNAL || fail "no socket"
	works alice "$POSTMULTI" -i a-1 -e enable
	wait_for 10 grep -q 'POSTMULTI_EVENT=done' /tmp/journal ||
		fail "$(cat /tmp/journal)"
	for field in POSTMULTI_EVENT=decided POSTMULTI_ACTION=enable \
		POSTMULTI_INSTANCE=postfix-a-1 POSTMULTI_USER=alice \
		POSTMULTI_UID=20001 POSTMULTI_RESULT=permitted \
		SYSLOG_IDENTIFIER=postmulti-config PRIORITY=6 \
		SYSLOG_FACILITY=10; do
		tr '|' '\n' </tmp/journal | grep -qx "$field" || fail "no $field"
	done
	wait_for 10 grep -q 'SYSLOG_IDENTIFIER=postfix/' /tmp/journal ||
		fail "nothing for the mail log"
	# A newline would begin another field.
	run root "$POSTMULTI" -i a-1 -p /bin/sh -c 'exit 0
POSTMULTI_UID=4711'
	wait_for 10 grep -q 'POSTMULTI_WORDS' /tmp/journal || fail "no words"
	tr '|' '\n' </tmp/journal | grep -q '^POSTMULTI_UID=4711' && fail forged
	true
}

mail_log() {
	made postfix-a-1
	logged works alice "$POSTMULTI" -i a-1 -e enable
	grep -q '^postfix/postmulti-config\[[0-9]*\]: config.enable: .*postfix-a-1' \
		<<<"$NEW" || fail "$NEW"
	postconf -e syslog_name=mta
	age
	logged works alice "$POSTMULTI" -i a-1 -e disable
	grep -q '^mta/postmulti-config\[[0-9]*\]: config.disable: .*postfix-a-1' \
		<<<"$NEW" || fail "$NEW"
}

# --- all of them --------------------------------------------------------------

[ "${SUITE:-}" != original ] || {
	echo "SKIP: Postfix's own has no helpers"
	exit 77
}
install_suite
groupadd -g 20200 mailadm
install_policy <<-'EOF'
	permit alice manage,operate,deport,import prefix postfix-a-
	permit alice enable,disable,operate group named
	deny alice stop group locked
	deny alice destroy group kept
EOF
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "destroy failed half-way, changed since: judged as it is now" \
	half_then_changed
check "destroy cleared all, renamed since: the old name is no way in" \
	cleared_then_changed multi_instance_name=postfix-prod \
	'DENIED|STATE|CONFLICT'
check "destroy cleared all, regrouped since: a deny of its group counts" \
	cleared_then_changed multi_instance_group=kept DENIED
check "destroy cleared all, enabled since" \
	cleared_then_changed multi_instance_enable=yes STATE
check "destroy cleared all, renamed and started since" cleared_then_started
check "refused for what is in maildrop: no record" refused_destroy \
	'mkfifo /var/spool/postfix-a-1/maildrop/x'
check "refused for a queue it can't read: no record" refused_destroy \
	'chown root:root /var/spool/postfix-a-1/hold'
check "refused for queued mail: no record" refused_destroy \
	'install -m 700 -o postfix /dev/null /var/spool/postfix-a-1/deferred/A'
check "judges stopped by their caller hold no lock" stopped judge
check "nor do actors and judges" stopped both
check "^Z stops no judge" stopped pty
if strace -o /dev/null -f -u alice true 2>/dev/null; then
	check "a judge that never becomes root holds no lock" judge_never_ready
	check "revoked when it was permitted already: nothing is started" \
		revoked_at_the_door
	check "while it looks whether an instance runs nobody stops a judge" \
		never_held_looking
else
	for title in "a judge that never becomes root" "revoked late" \
		"stopped while it looks"; do
		skip_case "$title" "strace doesn't work here"
	done
fi
check "stopped, revoked, continued: nobody is served" revoked_while_stopped
check "destroyed and made anew before the lock: nothing is removed" overtaken
check "import sheds no group and takes nothing renamed" import_sheds_nothing
check "import gives away no foreign directory" import_foreign_data
check "a record whose data directory is another's now" record_of_anothers
check "an open record's name and directories are taken" record_reserves
check "a reply nobody reads" never_read
check "root destroys by directory what has no valid name" bad_name
check "an instance whose name -I refuses" odd_name
check "root creates over a left-over main.cf" leftover_maincf
check "root's enable keeps a foreign owner" foreign_maincf
check "exec: output that is none" bad_descriptors
check "exec: CPU time" low_limit t 60 RLIMIT_CPU "Max cpu time" 100000
check "exec: file size" low_limit f 40960 RLIMIT_FSIZE "Max file size" \
	100000000
check "exec: address space" low_limit v 400000 RLIMIT_AS \
	"Max address space" 1000000000
check "exec: open files" low_limit n 140 RLIMIT_NOFILE "Max open files" 1024
check "exec: other state of the caller's isn't passed on" nothing_inherited
check "exec: that it otherwise would be" inherited_by_others
for word in reduced default; do
	check "exec: nor are her inheritable capabilities, \"$word\"" \
		no_capability_of_hers $word
done
if "$HOSTILE" mdwe /bin/true 2>/dev/null </dev/null 3<&0 4>&1; then
	check "exec: memory-deny-write-execute" mdwe
else
	skip_case "exec: memory-deny-write-execute" "this kernel has none"
fi
check "exec: a data directory below one of the caller's" data_below_hers
check "errors name the file" names_the_file
check "trailing slashes in the list" trailing_slash
check "nobody is told what stands in a bad file" tells_no_content
check "config is queue" one_for_two config=/srv/x queue=/srv/x data=/srv/d
check "config is data" one_for_two config=/srv/x queue=/srv/q data=/srv/x
check "queue is data" one_for_two config=/srv/x queue=/srv/q data=/srv/q
check "all are one" one_for_two config=/srv/x queue=/srv/x data=/srv/x
check "create after half of one was removed by hand" cleaned_by_hand
check "while a destroy is open nothing else is done" open_record
check "sixty foreign files hide no directory" many_foreign
check "a newline in a file's name" newline_in_name
check "log: two lines with one id for each step" two_lines
check "log: root's words" roots_words
check "log: denials beyond ten a minute are counted" denials
check "log: no line is forged by a name" no_forged_line
check "log: none there, and audit required" without_a_log
check "log: restarted meanwhile" log_restarted
check "log: fields for the journal" journal_fields
check "log: the mail log too" mail_log
finish
