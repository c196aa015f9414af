#!/bin/bash
# The command line that Postfix's own users and their scripts rely on.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

pm() { # EXPECTED-STATUS ARGUMENT...: by root
	run root "$POSTMULTI" "${@:2}"
	[ "$STATUS" = "$1" ] || fail "exit status should be $1"
}

list_before_init() {
	pm 0 -l
	out_is "$(printf '%-15s %-15s %-9s %s' - - y /etc/postfix)"
	err_empty
	refused root "$POSTMULTI" -I postfix-a -e create
	err_has 'postmulti -e init'
	refused root "$POSTMULTI" -i - -e disable
	err_has 'postmulti -e init'
}

line() {
	printf '%-15s %-15s %-9s %s\n' "$@"
}

list() {
	pm 0 -l
	out_is "$(line - - y /etc/postfix
		line postfix-one mta y /etc/postfix-one
		line postfix-two mta n /etc/postfix-two
		line - - n /etc/postfix-nameless
		line postfix-with-a-rather-long-name other n \
			/etc/postfix-with-a-rather-long-name)"
	err_empty
	local all=$OUT
	pm 0 -l -R
	out_is "$(tac <<<"$all")"
	pm 0 -R -R -l
	out_is "$all"
	pm 0 -la
	out_is "$all"
	pm 0 -a -a -l
	out_is "$all"
	pm 0 -l -g mta
	out_is "$(sed -n 2,3p <<<"$all")"
	pm 0 -R -l -g mta
	out_is "$(sed -n 2,3p <<<"$all" | tac)"
	for selection in postfix-one one /etc/postfix-one; do
		pm 0 -l -i $selection
		out_is "$(sed -n 2p <<<"$all")"
	done
	pm 0 -l -i -
	out_is "$(sed -n 1p <<<"$all")"
	pm 0 -l -i /etc/postfix-nameless
	out_is "$(sed -n 4p <<<"$all")"
	# Nothing matches: nothing said.
	for selection in "-g none" "-g -" "-g m" "-i none" "-i /etc/none" \
		"-i nameless" "-i postfix-on"; do
		# shellcheck disable=SC2086
		pm 0 -l $selection
		out_is ""
		err_empty
	done
}

json() {
	pm 0 -l -j -i one
	grep -Eqx '\{"name": "postfix-one","group": "mta","enabled": "y","config_directory": "/etc/postfix-one"(,"[a-z_]+": .*)?\}' \
		<<<"$OUT" || fail "not 3.11's line"
	pm 0 -j -l
	is lines "$(wc -l <<<"$OUT")" 5
	head -n 1 <<<"$OUT" | grep -q \
		'^{"name": "-","group": "-","enabled": "y","config_directory": "/etc/postfix"' ||
		fail "the primary's line"
	perl -MJSON::PP -e1 2>/dev/null || return 0
	perl -MJSON::PP -ne 'decode_json($_)' <<<"$OUT" || fail "no JSON"
}

x_status() {
	pm 0 -x true
	pm 1 -x false
	pm 1 -x sh -c 'exit 3'
	pm 1 -x sh -c 'kill -9 $$'
	pm 1 -x /no/such/program
	# One failing child, but all are tried.
	# shellcheck disable=SC2016
	pm 1 -x sh -c 'echo "$config_directory"; [ -z "$multi_instance_name" ]'
	is "instances tried" "$(wc -l <<<"$OUT")" 5
	refused root "$POSTMULTI" -g none -x true
	refused root "$POSTMULTI" -i none -x true
	refused root "$POSTMULTI" -x
}

x_environment() {
	export KEPT="a b" MAIL_VERBOSE_NOT=1
	# Clustered, and the command's own options are its own.
	pm 0 -xi one env
	local wanted
	for wanted in MAIL_CONFIG=/etc/postfix-one MAIL_LOGTAG=.+ \
		command_directory=/usr/sbin daemon_directory=/usr/lib/postfix/sbin \
		config_directory=/etc/postfix-one \
		queue_directory=/var/spool/postfix-one \
		data_directory=/var/lib/postfix-one \
		multi_instance_name=postfix-one multi_instance_group=mta \
		multi_instance_enable=yes 'KEPT=a b' PATH=/usr/sbin:.+; do
		out_has "^$wanted\$"
	done
	grep -q '^MAIL_VERBOSE=' <<<"$OUT" && fail "MAIL_VERBOSE without -v"
	pm 0 -v -i two -x env
	out_has '^MAIL_VERBOSE=$'
	out_has '^multi_instance_enable=no$'
	pm 0 -i - -x env
	out_has '^multi_instance_name=$'
	out_has '^multi_instance_enable=yes$'
	# The same variables as Postfix's own, no other.
	age
	env -i A=1 PATH=/usr/bin "$ORIGINAL" -i one -x /usr/bin/env |
		grep -v '^\(_\|MAIL_LOGTAG\)=' | sort >/tmp/theirs
	env -i A=1 PATH=/usr/bin "$POSTMULTI" -i one -x /usr/bin/env |
		grep -v '^\(_\|MAIL_LOGTAG\)=' | sort >/tmp/ours
	same environment /tmp/theirs /tmp/ours
}

x_streams() {
	(cd /usr/share && "$POSTMULTI" -i one -x pwd) >/tmp/out || fail "failed"
	is cwd "$(cat /tmp/out)" /usr/share
	is stdin "$(echo hello | "$POSTMULTI" -i one -x cat)" hello
	is arguments "$("$POSTMULTI" -xi one printf '<%s>' -p -x 'a b' '')" \
		"<-p><-x><a b><>"
	pm 0 -i one -x sh -c 'echo out; echo err >&2'
	out_is out
	is stderr "$ERR" err
	is "stdout of postconf" \
		"$("$POSTMULTI" -i one -x postconf -hx queue_directory)" \
		/var/spool/postfix-one
}

p_commands() {
	run_tty root "$POSTMULTI" -i one -p status
	is "status of a stopped one" "$STATUS" 1
	out_has 'not running'
	refused root "$POSTMULTI" -g none -p status
	refused root "$POSTMULTI" -p
	# Root may pass what postfix(1) takes, programs included.
	pm 0 -i one -p /bin/sh -c "echo \$config_directory; id -u"
	out_is $'/etc/postfix-one\n0'
	# stop skips disabled ones; start checks them.
	pm 0 -i two -p start
	/usr/sbin/postfix -c /etc/postfix-two status 2>/dev/null &&
		fail "a disabled instance was started"
	true
}

USAGE=(
	"" "-z" "-l -p status" "-e init -l" "-x" "-a -i one -l" "-a -g mta -l"
	"-i one -g mta -l" "-i one -i two -l" "-g mta -g mta -l" "-p -R status"
	"-R -e init" "-I postfix-x -l" "-G mta -l" "-I postfix-x -i one -e enable"
	"-e enable" "-e disable" "-e assign" "-e destroy" "-e deport" "-a -e enable"
	"-e nonsense" "-e" "-i" "-j -e init" "-j -x true" "-l extra" "-e init extra"
	"-I postfix-x -I postfix-y -e create" "-G a -G b -i one -e assign"
	"-I nopostfix -e create" "-I postfix- -e create/" "-I postfix-a/b -e create"
	"-i one -e enable queue_directory=/x" "-e import queue_directory=/x"
	"-I postfix-x -e create config_directory=relative"
	"-I postfix-x -e create config_directory=/" "-I postfix-x -e create foo=bar"
	"-I postfix-x -e create config_directory=/etc/a,b"
	"-I postfix-x -i - -e create" "-i - -e destroy" "-i - -e deport"
	"-i none -e enable" "-I postfix-one -e create" "-i two -I postfix-one -e assign"
	"-e create" "-e import" "-e import config_directory=/etc/none"
	"-I postfix-x -e create config_directory=/etc/postfix-one"
	"-I postfix-x -e create queue_directory=/var/spool/postfix-one"
	"-I postfix-x -e create data_directory=/var/lib/postfix"
	"--nonsense" "-l --jobs=none"
)

usage() {
	local words
	snapshot_all >/tmp/before
	for words in "${USAGE[@]}"; do
		# shellcheck disable=SC2086
		run root "$POSTMULTI" $words
		[ "$STATUS" = 1 ] || fail "should have failed with 1: $words"
		err_has '^postmulti: (fatal|warning): '
		[ -z "$OUT" ] || fail "something on stdout: $words"
	done
	run root "$POSTMULTI" -I postfix-x -e create \
		'config_directory=/etc/post fix'
	[ "$STATUS" = 1 ] || fail "a blank in a directory"
	snapshot_all >/tmp/after
	same "a usage error changed something" /tmp/before /tmp/after
}

# Ours fails whenever Postfix's own does, and the other way round.
usage_agrees() {
	local words bad=
	for words in "${USAGE[@]}"; do
		case $words in
		# Ours is stricter, or has more, on purpose.
		*j* | *--* | *a,b*) continue ;;
		esac
		age
		# shellcheck disable=SC2086
		quickly run root "$ORIGINAL" $words
		[ "$STATUS" = 1 ] || bad="$bad
$words: $STATUS"
	done
	[ -z "$bad" ] || fail "the original doesn't fail:$bad"
}

dry_run() {
	local words
	snapshot_all >/tmp/before
	for words in "-e init" "-I postfix-x -G mta -e create" \
		"-i two -e enable" "-i one -e disable" "-i two -G x -e assign" \
		"-i two -e deport" "-i two -e destroy" "-i one -p start" \
		"-e create config_directory=/etc/y queue_directory=/y data_directory=/z"; do
		# shellcheck disable=SC2086
		pm 0 --dry-run $words
		[ -n "$OUT$ERR" ] || fail "no plan: $words"
	done
	pm 0 --dry-run -I postfix-x -e create
	out_has 'dirs\.make|postmulti-dirs'
	out_has 'config\.register|postmulti-config'
	snapshot_all >/tmp/after
	same "a dry run changed something" /tmp/before /tmp/after
	/usr/sbin/postfix -c /etc/postfix-one status 2>/dev/null &&
		fail "a dry run started something"
	true
}

help_and_version() {
	run carol "$POSTMULTI" --help
	is "exit status" "$STATUS" 0
	err_empty
	local option
	for option in -a -e -g -i -j -G -I -l -p -R -v -x --dry-run --help \
		--version; do
		grep -q -- "$option\b" <<<"$OUT" || fail "--help has no $option"
	done
	run carol "$POSTMULTI" --version
	is "exit status" "$STATUS" 0
	is lines "$(wc -l <<<"$OUT")" 1
	out_has 'postmulti.* [0-9]+\.[0-9]+'
}

mail_config() {
	works root env MAIL_CONFIG=/etc/postfix "$POSTMULTI" -l
	refused root env MAIL_CONFIG=/etc/postfix-one "$POSTMULTI" -l
	refused root env MAIL_CONFIG=/etc/postfix/ "$POSTMULTI" -l
	refused carol env MAIL_CONFIG=/tmp "$POSTMULTI" -l
	works root env MAIL_CONFIG=/etc/postfix "$POSTMULTI" -i one -e enable
}

no_effect() {
	works root "$POSTMULTI" -i one -e enable
	snapshot_all >/tmp/before
	stat -c '%i %Y %Z' /etc/postfix*/main.cf >>/tmp/before
	works root "$POSTMULTI" -i one -e enable
	works root "$POSTMULTI" -i two -e disable
	works root "$POSTMULTI" -i one -I postfix-one -G mta -e assign
	works root "$POSTMULTI" -e init
	snapshot_all >/tmp/after
	stat -c '%i %Y %Z' /etc/postfix*/main.cf >>/tmp/after
	same "an action without effect wrote" /tmp/before /tmp/after
}

logged() {
	local lines
	lines=$(wc -l <"$LOG")
	run root "$POSTMULTI" -i none -e enable
	sed "1,${lines}d" "$LOG" | grep -q "postmulti.*fatal: " ||
		fail "the mail log has no line: $(tail -n 3 "$LOG")"
}

# On stderr alone, the same for a delegate, whose rule is told.
verbose() { # USER
	local lines=0 mode v
	for mode in "-i two -e enable" "-i one -p check"; do
		lines=0
		for v in -v -vv "-v -v -v"; do
			# shellcheck disable=SC2086
			works "$1" "$POSTMULTI" $v $mode
			out_is ""
			err_has "^postmulti: (config.enable|exec.postfix): .*, by "
			[ "$(wc -l <<<"$ERR")" -gt $lines ] ||
				fail "no more with $v than with less"
			lines=$(wc -l <<<"$ERR")
		done
		err_has "running $HELPERS/postmulti-(config|exec), "
		err_has '^postmulti: /etc/postfix-one: name "postfix-one", group "mta", enabled yes, queue_directory /var/spool/postfix-one, '
		works "$1" "$POSTMULTI" $mode
		err_empty
	done
	[ "$1" = root ] || err_is_by_rule "$1"
}

err_is_by_rule() {
	run "$1" "$POSTMULTI" -v -i one -p check
	err_has 'by /etc/postmulti/policy.d/test.conf:1'
}

# Not in command_directory: main.cf has to say where it is.
wrapper() {
	is "multi_instance_wrapper" "$(postconf -h multi_instance_wrapper)" \
		"$POSTMULTI -p --"
}

delegates_words() {
	local words
	for words in /bin/sh /usr/bin/env "-- -x" set-permissions "status x" \
		"start -v" ./status nonsense; do
		# shellcheck disable=SC2086
		refused alice "$POSTMULTI" -i one -p $words
		err_has 'only root may run this'
	done
}

# Bob may start but not check.
start_disabled() {
	works root "$POSTMULTI" -i two -e disable
	refused bob "$POSTMULTI" -i two -p start
	err_has 'it is disabled, so "check" would run instead of "start"'
}

# ^C on a terminal while the first of two instances is being checked.
interrupted() {
	local script=/usr/lib/postfix/sbin/postfix-script keys pid status
	rm -f /tmp/go /tmp/held /tmp/keys
	mv $script $script.real
	cat >$script <<-END
		#!/bin/sh
		echo "\$1 \$config_directory" >>/tmp/held
		until [ -e /tmp/go ]; do sleep 0.1; done
		exec $script.real "\$@"
	END
	chmod 755 $script
	mkfifo /tmp/keys
	timeout -s KILL "$LIMIT" script -qec "trap : INT
		$TOOLS/asuser alice $POSTMULTI -g mta -p check; exit \$?" \
		/dev/null </tmp/keys >/tmp/tty 2>&1 &
	pid=$!
	exec {keys}>/tmp/keys
	wait_for 20 [ -s /tmp/held ] || fail "not begun: $(cat /tmp/tty)"
	printf '\003' >&"$keys"
	# The terminal echoes it once it has told everybody.
	wait_for 20 grep -q '\^C' /tmp/tty || fail "not typed: $(cat /tmp/tty)"
	touch /tmp/go
	wait $pid
	status=$?
	exec {keys}>&-
	mv $script.real $script
	is "exit status" "$status" 1
	grep -q '^check /etc/postfix-one$' /tmp/held || fail "not begun"
	grep postfix-two /tmp/held && fail "the next one was begun"
	grep -q 'fatal: interrupted: "check" was finished for postfix-one, and not begun for postfix-two' \
		/tmp/tty || fail "not said: $(cat /tmp/tty)"
}

no_waiting() {
	local start=$EPOCHREALTIME
	run root "$POSTMULTI" -z
	[ $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) -lt 900 ] ||
		fail "an error takes a second, as Postfix's own does"
}

install_suite
check "before init" list_before_init
"$POSTMULTI" -e init && "$POSTMULTI" -I postfix-one -G mta -e create &&
	"$POSTMULTI" -I postfix-two -G mta -e create &&
	"$POSTMULTI" -e create config_directory=/etc/postfix-nameless \
		queue_directory=/var/spool/postfix-nameless \
		data_directory=/var/lib/postfix-nameless &&
	"$POSTMULTI" -I postfix-with-a-rather-long-name -G other -e create &&
	"$POSTMULTI" -i one -e enable || echo "not ok - setting up"
age
check "-l: format, order, selection" list
check "-l -j" json
check "-x: exit statuses" x_status
check "-x: environment" x_environment
check "-x: directory, streams, arguments" x_streams
check "-p: exit statuses, what is skipped, root's programs" p_commands
check "usage errors: status 1, one fatal line, nothing changed" usage
check "usage errors: Postfix's own fails on the same" usage_agrees
check "--dry-run shows a plan and changes nothing" dry_run
check "--help and --version" help_and_version
check "MAIL_CONFIG" mail_config
check "actions without effect write nothing" no_effect
check "fatal messages are in the mail log too" logged
check "errors come at once" no_waiting
install_policy <<-'EOF'
	permit alice manage,operate   group mta
	permit bob start              group mta
EOF
check "more -v, more detail" verbose root
check "more -v, more detail, for a delegate" verbose alice
check "init: by our own path" wrapper
check "-p by a delegate: one of postfix(1)'s own words" delegates_words
check "-p start of a disabled one, without leave to check" start_disabled
check "^C by a delegate: what was begun is finished, and no more" interrupted
finish
