# shellcheck shell=bash disable=SC2034
# What the scripts of the end-to-end tests share.  A script begins with
#
#	. "$(dirname "$0")/../host/lib.sh"
#	in_host "$0" "$@"
#
# and is from then on root on a host of its own (see enter).  Each case is a
# function run by `check TITLE FUNCTION`: in a subshell, so that `fail` ends
# the case and not the script.  Every command is bounded.

set -u
export LC_ALL=C

HELPERS=/usr/local/libexec/postmulti
POSTMULTI=/usr/local/sbin/postmulti
ORIGINAL=/usr/sbin/postmulti
LIMIT=${LIMIT:-60} # seconds for one command

in_host() {
	[ -z "${INSIDE:-}" ] || return 0
	local here
	here=$(cd "$(dirname "$1")" && pwd) || exit 1
	case $here in
	*/tests) set -- "tests/$(basename "$1")" "${@:2}" ;;
	*) set -- "tests/$(basename "$here")/$(basename "$1")" "${@:2}" ;;
	esac
	cd "${here%%/tests*}" || exit 1
	exec tests/host/enter /bin/bash "$@"
}

# --- cases -------------------------------------------------------------------

cases=0 failures=0

check() { # TITLE FUNCTION [ARGUMENT...]
	local title=$1 log=/tmp/case.log
	shift
	cases=$((cases + 1))
	if ("$@") >$log 2>&1; then
		echo "ok $cases - $title"
		return 0
	fi
	failures=$((failures + 1))
	echo "not ok $cases - $title"
	sed 's/^/# /' $log
}

skip_case() { # TITLE REASON
	cases=$((cases + 1))
	echo "ok $cases - $1 # SKIP $2"
}

finish() {
	echo "1..$cases"
	[ $failures = 0 ]
	exit
}

fail() {
	echo "$*"
	[ -z "${RAN:-}" ] || printf '%s\n' "last command: $RAN" \
		"status: $STATUS" "stdout: $OUT" "stderr: $ERR"
	tail -n 5 "$LOG" 2>/dev/null | cut -c 1-200 | sed 's/^/log: /'
	exit 1
}

# --- commands ----------------------------------------------------------------

as() { # USER COMMAND [ARGUMENT...]
	[ "${SUITE:-}" != original ] || set -- root "${@:2}"
	timeout -s KILL "$LIMIT" "$TOOLS/asuser" "$@"
}

# Runs a command as USER; leaves STATUS, OUT and ERR.
run() { # USER COMMAND [ARGUMENT...]
	local logged
	logged=$(wc -l <"$LOG")
	RAN=$*
	as "$@" >/tmp/run.out 2>/tmp/run.err </dev/null
	STATUS=$?
	# Without a terminal Postfix's own tells only the log.
	[ "${SUITE:-}" != original ] || sed -n "1,${logged}d
		s/^.* \(postmulti\)[^ ]*: /\1: /p" "$LOG" >>/tmp/run.err
	OUT=$(cat /tmp/run.out) ERR=$(cat /tmp/run.err)
}

# Postfix's own programs as an oracle, without their delays.
quickly() { # COMMAND...
	local status
	echo "$TOOLS/nosleep.so" >/etc/ld.so.preload
	"$@"
	status=$?
	rm -f /etc/ld.so.preload
	return $status
}

# The same on a terminal of its own: Postfix's own programs talk only to one.
run_tty() { # USER COMMAND [ARGUMENT...]
	RAN=$*
	[ "${SUITE:-}" != original ] || set -- root "${@:2}"
	timeout -s KILL "$LIMIT" script -qec "$(printf '%q ' "$TOOLS/asuser" \
		"$@")" /dev/null </dev/null 2>/dev/null >/tmp/run.out
	STATUS=$?
	OUT=$(tr -d '\r' </tmp/run.out) ERR=
}

works() { # USER COMMAND...: exit status 0
	run "$@"
	[ "$STATUS" = 0 ] || fail "should have worked"
}

# Exit status 1 and a message of one line, as Postfix's programs give it.
refused() { # USER COMMAND...
	run "$@"
	[ "$STATUS" = 1 ] || fail "should have failed with status 1"
	[ "$(grep -c fatal: <<<"$ERR")" = 1 ] || fail "not one fatal: line"
}

out_is() {
	[ "$OUT" = "$1" ] || fail "stdout should be: $1"
}

out_has() {
	grep -Eq -- "$1" <<<"$OUT" || fail "stdout should match: $1"
}

err_has() {
	grep -Eq -- "$1" <<<"$ERR" || fail "stderr should match: $1"
}

err_empty() {
	[ -z "$ERR" ] || fail "stderr should be empty"
}

is() { # WHAT ACTUAL EXPECTED
	[ "$2" = "$3" ] || fail "$1 is '$2', should be '$3'"
}

wait_for() { # SECONDS COMMAND...: bounded, true as soon as COMMAND is
	local rest=$(($1 * 20))
	shift
	until "$@"; do
		[ $((rest -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

# --- files -------------------------------------------------------------------

# Path, type, owner, group, mode and link target of everything below, then the
# hashes of all files.  The order of lines in a main.cf is left out: Postfix
# appends some parameters in random order.
snapshot() { # DIRECTORY or FILE...
	local file
	find "$@" -printf '%p %y %u:%g %m %l\n' | sort
	find "$@" -type f ! -name main.cf -print0 | sort -z |
		xargs -0 -r sha256sum
	find "$@" -type f -name main.cf | sort | while IFS= read -r file; do
		sort "$file" | sha256sum | sed "s|-\$|$file|"
	done
}

# Everything a postmulti may change.
snapshot_all() {
	snapshot /etc/postfix* /var/spool/postfix* /var/lib/postfix* \
		/etc/postmulti /var/lib/postmulti* 2>/dev/null
}

same() { # WHAT FILE FILE: both there, not empty, equal
	[ -s "$2" ] || fail "$1: $2 is empty"
	[ -s "$3" ] || fail "$1: $3 is empty"
	diff -U0 "$2" "$3" || fail "$1: $2 and $3 differ"
}

# No change of a main.cf is younger than the two seconds for which Postfix
# lets one cool down: saves waiting, changes nothing else.
age() {
	find /etc/postfix* -maxdepth 1 -name main.cf -exec \
		touch -d '1 hour ago' {} +
}

# No secondary, no record: as after init.  /tmp/primary.cf is the primary's
# main.cf as it was then.
fresh() {
	local pid
	for pid in /var/spool/postfix-*/pid/master.pid; do
		[ ! -f "$pid" ] || kill -KILL "$(tr -dc 0-9 <"$pid")" 2>/dev/null
	done
	rm -rf /etc/postfix-* /var/spool/postfix-* /var/lib/postfix-*
	rm -f /var/lib/postmulti/records/*
	cp -a /tmp/primary.cf /etc/postfix/main.cf
	age
}

# --- mail --------------------------------------------------------------------

smtp_reply() {
	local line
	while IFS= read -r -t 20 -u "$smtp" line; do
		[ "${line:3:1}" = - ] || break
	done
	[ "${line:0:1}" = "$1" ] || {
		echo "SMTP: wanted $1.., got: ${line:-nothing}"
		return 1
	}
}

smtp_command() { # FIRST-DIGIT LINE
	printf '%s\r\n' "$2" >&"$smtp"
	smtp_reply "$1"
}

smtp_send() { # PORT RECIPIENT SUBJECT
	local smtp status=1
	exec {smtp}<>"/dev/tcp/127.0.0.1/$1" || return 1
	smtp_reply 2 && smtp_command 2 "EHLO client.example.com" &&
		smtp_command 2 "MAIL FROM:<sender@example.net>" &&
		smtp_command 2 "RCPT TO:<$2>" && smtp_command 3 DATA &&
		smtp_command 2 "From: sender@example.net
To: $2
Subject: $3

Hello.
." && smtp_command 2 QUIT && status=0
	exec {smtp}>&-
	return $status
}

# --- the suite ---------------------------------------------------------------

# SUITE=original tries the tests themselves: with Postfix's own postmulti, by
# root whoever is asked for.
install_suite() {
	if [ "${SUITE:-}" = original ]; then
		POSTMULTI=$ORIGINAL
		return
	fi
	make -s -C "$SRC" install DESTDIR= prefix=/usr/local \
		>/tmp/install.log 2>&1 || {
		cat /tmp/install.log
		echo "not ok 1 - make install"
		exit 1
	}
	usermod -aG postmulti alice && usermod -aG postmulti bob
}

# What alice may do, in a file beside the sample; lines on stdin.
install_policy() {
	install -d -m 755 /etc/postmulti/policy.d
	cat >/etc/postmulti/policy.d/test.conf
	chmod 644 /etc/postmulti/policy.d/test.conf
}

# Alice runs two instances of group mta, nothing else.  She may put them into
# the group since a rule lets her create by that group, and gains nothing by it
# since she may do the same to them by name.
border_policy() {
	install_policy <<-'EOF'
		permit alice create           group mta
		permit alice manage,operate   instance postfix-out
		permit alice manage,operate   instance postfix-in
	EOF
}
