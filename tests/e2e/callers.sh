#!/bin/bash
# Who calls /usr/sbin/postmulti without knowing that it is another one now:
# postfix(1), Debian's units, generator and init script, containers, and what
# administrators type.  Postfix's own is put back for each case, to compare.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

PLACE=/usr/sbin/postmulti
UNIT=/lib/systemd/system/postfix@.service
GENERATOR=/lib/systemd/system-generators/postfix-instance-generator
INIT=/etc/init.d/postfix
NAMES=(- postfix-a postfix-b)

# --- the two of them ---------------------------------------------------------

divert() {
	mv $PLACE $PLACE.theirs
	make -s -C "$SRC" O="$BUILD/usr" prefix=/usr DESTDIR= install \
		>/tmp/install.log 2>&1 || fail "$(cat /tmp/install.log)"
	mv $PLACE $PLACE.ours
	cmp -s $PLACE.ours $PLACE.theirs && fail "both are the same"
	[ -u /usr/libexec/postmulti/postmulti-exec ] || fail "no helpers"
}

side() { # ours or theirs
	ln -f "$PLACE.$1" $PLACE || fail "no $PLACE.$1"
}

# Runs a case with each; what was heard has to be equal.
both() { # FUNCTION [ARGUMENT...]
	local who
	for who in theirs ours; do
		side $who
		: >/tmp/said
		marked
		OURS_BEGAN=$BEGAN
		"$@"
		mv /tmp/said /tmp/said.$who
	done
	same "what was heard" /tmp/said.theirs /tmp/said.ours
}

# Process numbers differ, and "stop" says that it waits if it has to.
plain() {
	sed 's/PID: [0-9]*/PID: N/
		/waiting for the Postfix mail system to terminate$/d'
}

# Leaves in BEGAN the number of lines of the log once all that was sent until
# now is there.
marked() {
	mark=$((${mark:-0} + 1))
	logger -t mark "number $mark."
	wait_for 20 grep -q "number $mark\." "$LOG" || fail "the log is dead"
	BEGAN=$(wc -l <"$LOG")
}

# What Postfix's scripts told the log after line BEGAN; daemons talk whenever
# it suits them.
log_since() {
	local began=$BEGAN
	marked
	sed "1,${began}d" "$LOG" | sed -n \
		's/^.*\(postfix[^ /]*\/postfix-script\)\[[0-9]*\]: /log: \1: /p' |
		plain
}

note() { # COMMAND...: what it did
	{
		printf '%s\n' "\$ $*" "= $STATUS" "$OUT" | plain
		log_since
	} >>/tmp/said
}

# Notes what a command does on a terminal: exit status, output, log.
hear() { # COMMAND...
	age
	marked
	run_tty root "$@"
	note "$@"
}

# The same without a terminal, stdout alone.
hear_quietly() { # COMMAND...
	age
	marked
	run root "$@"
	note "$@"
}

# Since ours was put in place the masters said it that often.
masters_said() { # NUMBER REGEX
	said_so() {
		is "lines" "$(sed "1,${OURS_BEGAN}d" "$LOG" |
			grep -c "/master\[[0-9]*\]: $2")" "$1"
	}
	wait_for 20 eval "(said_so $1 '$2') >/dev/null" || said_so "$1" "$2"
}

heard() { # EXTENDED-REGEX: by both
	local who
	for who in theirs ours; do
		grep -Eq -- "$1" /tmp/said.$who || fail "$who did not say $1: $(
			cat /tmp/said.$who)"
	done
}

# --- what runs ---------------------------------------------------------------

# Asks nobody who would tell the log.
is_up() { # INSTANCE
	[ "$1" != - ] || set -- postfix
	[ -f "/etc/$1/main.cf" ] &&
		! /usr/lib/postfix/sbin/master -c "/etc/$1" -t 2>/dev/null
}

is_down() {
	! is_up "$1"
}

masters() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		readlink "$exe"
	done 2>/dev/null | grep -c '/master$'
}

all_up() {
	local name
	for name in "${NAMES[@]}"; do
		wait_for 10 is_up "$name" || fail "$name is not running"
	done
	is "masters" "$(masters)" ${#NAMES[@]}
}

all_down() {
	local name
	for name in "${NAMES[@]}"; do
		wait_for 10 is_down "$name" || fail "$name is running"
	done
	wait_for 10 [ "$(masters)" = 0 ] || fail "a master is left"
}

# Nobody may take postmulti itself for a daemon that runs.
none_stays() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		readlink "$exe"
	done 2>/dev/null | grep /postmulti && fail "this is still there"
	true
}

# --- postfix(1) --------------------------------------------------------------

by_postfix() {
	local step
	for step in status start status start reload flush check status \
		stop status stop; do
		hear /usr/sbin/postfix $step
		case $step in
		start | reload | flush) all_up ;;
		stop) all_down ;;
		esac
		none_stays
	done
}

postfix_everywhere() {
	both by_postfix
	masters_said 3 'daemon started'
	masters_said 3 'reload --'
	masters_said 3 'terminating on signal 15'
	heard 'postfix-off/postfix-script: the Postfix mail system is not running'
}

in_callers_cgroup() {
	local pid
	side ours
	works root /usr/sbin/postfix start
	for pid in /proc/[0-9]*; do
		case $(readlink "$pid/exe") in
		*/master) ;;
		*) continue ;;
		esac
		is "cgroup of ${pid#/proc/}" "$(cat "$pid/cgroup")" \
			"$(cat /proc/self/cgroup)"
		is "NoNewPrivs" "$(awk '/^NoNewPrivs/ { print $2 }' \
			"$pid/status")" 0
	done
	all_up
	works root /usr/sbin/postfix stop
	all_down
}

# --- Debian ------------------------------------------------------------------

generated() {
	cp -a /tmp/untouched.cf /etc/postfix/main.cf
	rm -rf /etc/postfix-* /var/spool/postfix-* /var/lib/postfix-* /tmp/units
	age
	works root $PLACE -e init
	age
	works root $PLACE -I postfix-x -G mta -e create
	age
	works root $PLACE -I postfix-y -a -e create
	age
	hear $GENERATOR /tmp/units
	is "exit status" "$STATUS" 0
	find /tmp/units -printf '%p %y %m %l\n' | sort >>/tmp/said
}

generator() {
	both quickly generated
	is "links" "$(grep -c 'postfix@.*\.service l .*/postfix@\.service$' \
		/tmp/said.ours)" 3
	heard 'postfix@-\.service'
	heard 'postfix@postfix-y\.service'
}

# Runs the words of a unit's setting, as systemd does it: without a shell.
by_unit() { # SETTING INSTANCE
	local line words
	while IFS= read -r line; do
		read -ra words <<<"${line//%i/$2}"
		hear_quietly env -i LANG=C.UTF-8 INVOCATION_ID=1 SYSTEMD_EXEC_PID=1 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			"${words[@]}"
	done < <(sed -n "s/^$1=//p" $UNIT)
}

# What configure-instance.sh puts into the chroot, without times.
chroot_of() { # INSTANCE
	local queue=/var/spool/$1
	[ "$1" != - ] || queue=/var/spool/postfix
	[ -s $queue/etc/resolv.conf ] || [ ! -s /etc/resolv.conf ] ||
		fail "no $queue/etc/resolv.conf"
	[ -s $queue/etc/services ] || fail "no $queue/etc/services"
	snapshot $queue/etc $queue/lib $queue/usr $queue/dev 2>/dev/null |
		sed "s|$queue|QUEUE|"
}

unit() { # INSTANCE
	by_unit ExecStartPre "$1"
	chroot_of "$1" >>/tmp/said
	by_unit ExecStart "$1"
	wait_for 10 is_up "$1" || fail "$1 is not running"
	is "masters" "$(masters)" 1
	by_unit ExecReload "$1"
	is_up "$1" || fail "$1 does not survive a reload"
	by_unit ExecStop "$1"
	wait_for 10 is_down "$1" || fail "$1 does not stop"
	none_stays
}

unit_lines() { # INSTANCE
	both unit "$1"
	is "commands that failed" "$(grep -c '^= [^0]' /tmp/said.ours)" 0
	is "commands" "$(grep -c '^= 0' /tmp/said.ours)" 4
	masters_said 1 'daemon started'
	masters_said 1 'reload --'
	masters_said 1 'terminating on signal 15'
}

unit_refused() { # INSTANCE
	local setting
	for setting in ExecStartPre ExecStart ExecReload ExecStop; do
		by_unit $setting "$1"
	done
	is_down "$1" || fail "$1 was started"
}

units_of_others() {
	both quickly unit_refused postfix-off
	both quickly unit_refused postfix-none
	is "commands" "$(grep -c '^= [01]$' /tmp/said.ours)" 4
	is "refused" "$(grep -c '^= 1$' /tmp/said.ours)" 4
}

by_init() {
	local step
	for step in status start status start reload flush check restart \
		status stop status stop; do
		hear $INIT $step
		case $step in
		start | restart | reload) all_up ;;
		stop) all_down ;;
		esac
	done
}

init_script() {
	both by_init
	heard '^postfix is running|postfix is running\.'
	heard 'postfix is not running'
	masters_said 6 'daemon started'
}

# --- administrators ----------------------------------------------------------

shell() { # COMMANDS
	hear_quietly /bin/sh -c "$1"
}

# shellcheck disable=SC2016
typed() {
	shell 'postmulti -l -a | awk '\''($3=="y") {print $1}'\'
	shell 'postmulti -l | grep "^postfix-b "'
	shell 'postmulti -l | awk '\''{ n = split($0, f, / +/)
		print n, f[1] "|" f[2] "|" f[3] "|" f[4] }'\'
	shell 'postmulti -l | perl -ne '\''chomp
		; print join("|", split(/ +/, $_, 4)), "\n"'\'
	shell 'for i in $(postmulti -l -g mta | cut -d " " -f 1); do
		echo "$i=$(postmulti -i $i -x postconf -hx queue_directory)"
		done'
	shell 'postmulti -xi /etc/postfix-a postqueue -p'
	shell 'postmulti -xi - postqueue -p'
	shell 'postmulti -x postqueue -p | grep -c "^[0-9A-Za-z]"'
	shell 'postmulti -x postqueue -j'
	shell 'postmulti -x postqueue -j | perl -MJSON::PP -ne '\''
		my $m = decode_json($_); $n{$m->{queue_name}}++;
		END { print "$_ $n{$_}\n" for sort keys %n }'\'
	shell 'postmulti -g mta -x postconf -h queue_directory | head -n1'
	shell 'postmulti -g mta -x postconf -h queue_directory data_directory |
		tail -n1'
	shell 'postmulti -i none -x postconf -h queue_directory'
	shell 'echo "$(postmulti -i a -x postconf -hx multi_instance_name)"'
	shell 'postmulti -i a -x sh -c "cd \$queue_directory && pwd"'
	shell 'postmulti -i - -x /usr/lib/postfix/sbin/master -t'
	shell 'postmulti -i postfix-off -x /usr/lib/postfix/sbin/master -t'
}

queued() { # NUMBER
	[ "$("$PLACE" -x postqueue -j | grep -c delay_reason)" = "$1" ]
}

# Mail in two queues, none of which can be delivered.
queue_mail() {
	local name dir
	side theirs
	for name in postfix postfix-a; do
		dir=/etc/$name
		postconf -c $dir -e defer_transports=smtp \
			authorized_submit_users=root
		age
		works root /usr/sbin/postfix -c $dir start
		for _ in 1 2; do
			as root /usr/sbin/sendmail -C $dir -f me@example.com \
				you@example.net <<<"Subject: for $name" ||
				fail "sendmail -C $dir refused"
		done
	done
	wait_for 20 queued 4 || fail "not in the queue: $(
		"$PLACE" -x postqueue -p)"
}

idioms() {
	queue_mail
	both typed
	heard '^postfix-a=/var/spool/postfix-a$'
	heard '^deferred 4$'
	heard '^-\|-\|y\|/etc/postfix$'
	heard '^-- .* in 2 Requests'
	/usr/sbin/postfix stop
	all_down
}

# --- containers --------------------------------------------------------------

# postmulti as the first process of a pid namespace; its number out here.
container() { # ARGUMENT...
	timeout -s KILL "$LIMIT" unshare --pid --fork --kill-child \
		--mount-proc env -i PATH="$PATH" $PLACE "$@" \
		>/tmp/container.out 2>&1 </dev/null &
	outer=$!
	wait_for 20 first_process || fail "no container"
	inner=$(first_process)
}

first_process() {
	grep -lP '^NSpid:\t\d+\t1$' /proc/[0-9]*/status 2>/dev/null |
		cut -d / -f 3 | grep .
}

master_process() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe") in
		*/master) basename "$(dirname "$exe")" ;;
		esac
	done 2>/dev/null | grep .
}

daemons() { # nobody of Postfix's own is there
	local exe
	for exe in /proc/[0-9]*/exe; do
		readlink "$exe"
	done 2>/dev/null | grep /usr/lib/postfix
}

ended() { # HOW: notes the exit status, and that master had said its farewell
	wait $outer
	printf '%s\n' "$1: exit status $?" >>/tmp/said
	# What master was just starting ends by the same signal, after it.
	wait_for 10 eval '! daemons >/dev/null' ||
		fail "$1: this is left: $(daemons)"
	is_down - || fail "$1: still up"
	marked
	sed "1,${logged}d" "$LOG" | sed -n \
		's/^.*master\[[0-9]*\]: \(.*signal\)/master: \1/p' >>/tmp/said
}

# Same with a terminal; what goes to descriptor $keys is typed there.
typing() { # COMMAND...
	rm -f /tmp/keys
	mkfifo /tmp/keys
	# The shell outlives ^C to tell the exit status.
	timeout -s KILL "$LIMIT" script -qec "trap : INT; $(printf '%q ' "$@")
		exit \$?" /dev/null </tmp/keys >/tmp/container.out 2>&1 &
	outer=$!
	exec {keys}>/tmp/keys
}

begun() { # COMMAND...
	age
	marked
	logged=$BEGAN
	"$@"
	started
}

# Told by the log: who asks by is_up has master's lock for a moment, and a master
# that just then wants it gives up.
started() {
	wait_for 20 eval "sed '1,${logged}d' '$LOG' |
		grep -q 'daemon started' - /tmp/container.out" ||
		fail "not running: $(cat /tmp/container.out)"
	is_up - || fail "not running"
}

# What both can do.
stopped_inside() {
	begun container -i - -p start-fg
	nsenter -t "$inner" -p -m /usr/sbin/postfix stop >/dev/null 2>&1
	ended "postfix stop"
	begun container -i - -p start-fg
	kill -TERM "$(master_process)"
	ended "SIGTERM to master"
}

foreground() {
	local sig
	cp -a /tmp/untouched.cf /etc/postfix/main.cf
	age
	both stopped_inside
	heard 'postfix stop: exit status 1'
	is "farewells" "$(grep -c '^master: terminating on signal' \
		/tmp/said.ours)" 2
	# Postfix's own, as the first process, is deaf.
	side ours
	for sig in TERM INT; do
		: >/tmp/said
		begun container -i - -p start-fg
		kill -HUP "$inner"
		reloaded
		kill -$sig "$inner"
		ended "SIG$sig"
		is "SIG$sig" "$(cat /tmp/said)" "SIG$sig: exit status 1
master: terminating on signal $(kill -l $sig)"
	done
}

reloaded() {
	wait_for 20 eval "sed '1,${logged}d' '$LOG' | grep -q 'master.*reload --'" ||
		fail "no reload"
}

# The terminal tells whoever is in its foreground, where master isn't: Postfix's
# own leaves it behind, or has it killed with the container.
typed_interrupt() {
	side ours
	: >/tmp/said
	cp -a /tmp/untouched.cf /etc/postfix/main.cf
	begun typing "$PLACE" -i - -p start-fg
	printf '\003' >&"$keys"
	ended "^C"
	begun typing unshare --pid --fork --kill-child --mount-proc \
		"$PLACE" -i - -p start-fg
	printf '\003' >&"$keys"
	ended "^C to a first process"
	is "what was heard" "$(cat /tmp/said)" "^C: exit status 1
master: terminating on signal 2
^C to a first process: exit status 1
master: terminating on signal 2"
}

# What containers do with their log.
told_on_stdout() {
	begun container -i - -p start-fg
	wait_for 20 grep -q 'daemon started' /tmp/container.out ||
		fail "nothing on stdout"
	kill -TERM "$(master_process)"
	ended "SIGTERM to master"
	sed -n 's/^.*\(daemon started\)/stdout: \1/p' /tmp/container.out \
		>>/tmp/said
}

foreground_stdout() {
	postconf -e maillog_file=/dev/stdout
	both told_on_stdout
	cp -a /tmp/untouched.cf /etc/postfix/main.cf
	heard 'stdout: daemon started'
}

# Sent when there is no master to pass it on to yet.
foreground_early() {
	side ours
	: >/tmp/said
	age
	marked
	logged=$BEGAN
	container -i - -p start-fg
	wait_for 20 eval "grep -qs start-fg /proc/[0-9]*/cmdline" ||
		fail "no start-fg"
	wait_for 20 pgrep_script || fail "no postfix-script"
	kill -TERM "$inner"
	wait $outer
	daemons && fail "this is left"
	is_down - || fail "still up"
}

pgrep_script() {
	grep -lz 'postfix-script$' /proc/[0-9]*/cmdline 2>/dev/null | grep -q .
}

# Reload; and not as the first process, where the kernel ends nobody for us.
foreground_outside() {
	local pid
	side ours
	age
	: >/tmp/said
	marked
	logged=$BEGAN
	"$TOOLS/asuser" root $PLACE -i - -p start-fg >/tmp/container.out 2>&1 \
		</dev/null &
	outer=$!
	started
	pid=$(master_process)
	kill -HUP $outer
	reloaded
	is "master after a reload" "$(master_process)" "$pid"
	kill -TERM $outer
	wait_for 20 [ ! -e "/proc/$pid" ] || fail "master goes on"
	ended SIGTERM
	is "what was heard" "$(cat /tmp/said)" "SIGTERM: exit status 1
master: terminating on signal 15"
}

refused_fg() {
	hear $PLACE -i - -p start-fg
	is "exit status" "$STATUS" 1
	hear $PLACE -p start-fg
	is "exit status" "$STATUS" 1
	all_down
}

foreground_refused() {
	cp -a /tmp/three.cf /etc/postfix/main.cf
	both quickly refused_fg
	heard 'fatal: start-fg does not support multi_instance_directories'
}

# --- the host ----------------------------------------------------------------

three() {
	local name
	cp -a /tmp/untouched.cf /etc/postfix/main.cf
	rm -rf /etc/postfix-* /var/spool/postfix-* /var/lib/postfix-*
	side ours
	works root $PLACE -e init
	for name in a b; do
		works root $PLACE -I postfix-$name -G mta -e create
		works root $PLACE -i $name -e enable
	done
	works root $PLACE -I postfix-off -e create
	cp -a /etc/postfix/main.cf /tmp/three.cf
	age
}

[ "${SUITE:-}" != original ] || {
	echo "SKIP: compares with the original by itself"
	exit 77
}
cp -a /etc/postfix/main.cf /tmp/untouched.cf
check "ours is /usr/sbin/postmulti, Postfix's own is diverted" divert
[ -x $PLACE.ours ] || finish
if [ -x $GENERATOR ]; then
	check "Debian's systemd generator finds the instances" generator
else
	skip_case "Debian's systemd generator" "no $GENERATOR"
fi
check "three instances and a disabled one are made" three
check "postfix start, status, reload, flush, check, stop reach all" \
	postfix_everywhere
check "daemons stay in the caller's cgroup" in_callers_cgroup
if [ -f $UNIT ]; then
	for name in "${NAMES[@]}"; do
		check "the lines of postfix@$name.service" unit_lines "$name"
	done
	check "those of a disabled and of an unknown instance" units_of_others
else
	skip_case "the lines of postfix@.service" "no $UNIT"
fi
if [ -x $INIT ] && [ -f /lib/lsb/init-functions ] &&
	type -P start-stop-daemon >/dev/null; then
	check "Debian's init script" init_script
else
	skip_case "Debian's init script" "it can't run here"
fi
if perl -MJSON::PP -e 1 2>/dev/null; then
	check "what administrators and their scripts type" idioms
else
	skip_case "what administrators and their scripts type" "no JSON::PP"
fi
check "start-fg with other instances is refused" foreground_refused
check "start-fg as first process: ends as Postfix's own, and on signals" \
	foreground
check "start-fg: ^C on a terminal, as first process and below others" \
	typed_interrupt
check "start-fg: maillog_file = /dev/stdout" foreground_stdout
check "start-fg: SIGTERM before master is there" foreground_early
check "start-fg below others: SIGHUP reloads, SIGTERM ends" foreground_outside
finish
