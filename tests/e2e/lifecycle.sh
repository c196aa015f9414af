#!/bin/bash
# Round trips of every action, and what they refuse.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

param() { # NAME PARAMETER
	border_param "/etc/$1" "$2"
}

listed() {
	border_param /etc/postfix multi_instance_directories
}

unchanged_by() { # COMMAND...: refused, and nothing is different
	# Whoever looks whether it runs locks pid/master.pid, as master does.
	snapshot_all | grep -v /pid/master.pid >/tmp/refused.before
	refused "$@"
	snapshot_all | grep -v /pid/master.pid >/tmp/refused.after
	same "a refusal changed something" /tmp/refused.before /tmp/refused.after
}

placement() {
	local name
	fresh
	for name in m z; do
		works root "$POSTMULTI" -I postfix-$name -e create
	done
	works root "$POSTMULTI" -I postfix-a -a -e create
	works root "$POSTMULTI" -I postfix-n -i postfix-z -e create
	works root "$POSTMULTI" -I postfix-b -i m -G grp -e create
	works root "$POSTMULTI" -I postfix-bb -g grp -e create
	is "the list" "$(listed)" "$(printf '/etc/postfix-%s ' a bb b m n z |
		sed 's/ $//')"
	for name in a bb b m n z; do
		works root "$POSTMULTI" -i postfix-$name -e destroy
		[ ! -e /etc/postfix-$name ] && [ ! -e /var/spool/postfix-$name ] &&
			[ ! -e /var/lib/postfix-$name ] || fail "something is left"
	done
	is "the list" "$(listed)" ""
	works root "$POSTMULTI" -l
	out_is "$(printf '%-15s %-15s %-9s %s' - - y /etc/postfix)"
}

assign() {
	fresh
	works root "$POSTMULTI" -I postfix-one -e create
	works root "$POSTMULTI" -i one -G grp -e assign
	is group "$(param postfix-one multi_instance_group)" grp
	works root "$POSTMULTI" -i one -I postfix-uno -e assign
	is name "$(param postfix-one multi_instance_name)" postfix-uno
	works root "$POSTMULTI" -l -i uno
	out_has '^postfix-uno  *grp  *n  */etc/postfix-one$'
	works root "$POSTMULTI" -i uno -G - -I postfix-one -e assign
	is group "$(param postfix-one multi_instance_group)" ""
	works root "$POSTMULTI" -i one -I - -e assign
	err_has 'warning: .*syslog_name'
	works root "$POSTMULTI" -i /etc/postfix-one -I postfix-one -e assign
	works root "$POSTMULTI" -I postfix-two -e create
	unchanged_by root "$POSTMULTI" -i two -I postfix-one -e assign
	err_has 'postfix-one'
	works root "$POSTMULTI" -i two -e destroy
}

enable_disable() {
	fresh
	works root "$POSTMULTI" -I postfix-one -e create
	works root "$POSTMULTI" -i one -e enable
	is enable "$(param postfix-one multi_instance_enable)" yes
	works root "$POSTMULTI" -i one -e disable
	is enable "$(param postfix-one multi_instance_enable)" no
	# After disabling the primary everything must still be undoable.
	works root "$POSTMULTI" -i - -e disable
	is primary "$(border_param /etc/postfix multi_instance_enable)" no
	works root "$POSTMULTI" -i - -e enable
	is primary "$(border_param /etc/postfix multi_instance_enable)" yes
}

deport_import() {
	fresh
	works root "$POSTMULTI" -I postfix-one -e create
	snapshot /etc/postfix /etc/postfix-one /var/spool/postfix-one \
		/var/lib/postfix-one >/tmp/before
	works root "$POSTMULTI" -i one -e deport
	is "the list" "$(listed)" ""
	is alternate "$(border_param /etc/postfix alternate_config_directories)" /etc/postfix-one
	[ -f /etc/postfix-one/main.cf ] || fail "deport removed files"
	unchanged_by root "$POSTMULTI" -i one -e enable
	works root "$POSTMULTI" -e import config_directory=/etc/postfix-one
	is "the list" "$(listed)" /etc/postfix-one
	is alternate "$(border_param /etc/postfix alternate_config_directories)" ""
	# But for the parameter that deport has added.
	sed -i '/^alternate_config_directories =/d' /etc/postfix/main.cf
	snapshot /etc/postfix /etc/postfix-one /var/spool/postfix-one \
		/var/lib/postfix-one >/tmp/after
	same "there and back" /tmp/before /tmp/after
	unchanged_by root "$POSTMULTI" -e import config_directory=/etc/postfix-one
}

destroy_running() {
	fresh
	border_create
	border_configure
	works alice "$POSTMULTI" -i postfix-out -e enable
	unchanged_by alice "$POSTMULTI" -i postfix-out -e destroy
	err_has 'enabled'
	age
	works alice "$POSTMULTI" -i postfix-out -p start
	works alice "$POSTMULTI" -i postfix-out -e disable
	refused alice "$POSTMULTI" -i postfix-out -e destroy
	err_has 'running|stop'
	border_up postfix-out || fail "it went down"
	# Disabled and still running: said, and how to stop it.
	refused alice "$POSTMULTI" -i postfix-out -p stop
	err_has 'disabled'
	works alice "$POSTMULTI" -i postfix-out -e enable
	age
	works alice "$POSTMULTI" -i postfix-out -p stop
	wait_for 10 eval '! border_up postfix-out' || fail "it doesn't stop"
	works alice "$POSTMULTI" -i postfix-out -e disable
	# What the daemons made is no obstacle.
	works alice "$POSTMULTI" -i postfix-out -e destroy
	[ -z "$(border_left postfix-out)" ] || fail "$(border_left postfix-out)"
}

destroy_queued() {
	local queue=/var/spool/postfix-out
	fresh
	border_create
	# As Postfix names and hashes them.
	install -d -o postfix -g root -m 700 $queue/deferred/A
	install -o postfix -m 700 /dev/null $queue/deferred/A/ABCDEF1234
	unchanged_by alice "$POSTMULTI" -i postfix-out -e destroy
	err_has '1 .*(deferred|message|mail)'
	unchanged_by root "$POSTMULTI" -i postfix-out -e destroy
	rm $queue/deferred/A/ABCDEF1234
	install -o carol -g postdrop -m 744 /dev/null $queue/maildrop/12345
	unchanged_by alice "$POSTMULTI" -i postfix-out -e destroy
	err_has 'maildrop|message|mail'
	rm $queue/maildrop/12345
	# An empty hash directory is no obstacle.
	works alice "$POSTMULTI" -i postfix-out -e destroy
	[ -z "$(border_left postfix-out)" ] || fail "$(border_left postfix-out)"
}

destroy_foreign() {
	fresh
	border_create
	echo keep >/etc/postfix-in/notes
	echo keep >/var/lib/postfix-in/notes
	works alice "$POSTMULTI" -i postfix-in -e destroy
	err_has 'warning: .*notes|warning: .*/etc/postfix-in'
	is "what stays" "$(border_left postfix-in | sort | tr '\n' ' ')" \
		"/etc/postfix-in /etc/postfix-in/notes /var/lib/postfix-in /var/lib/postfix-in/notes "
	works root "$POSTMULTI" -l
	grep -q postfix-in <<<"$OUT" && fail "still on the list"
	rm -r /etc/postfix-in /var/lib/postfix-in
}

create_refusals() {
	fresh
	works root "$POSTMULTI" -I postfix-one2 -e create
	unchanged_by root "$POSTMULTI" -I postfix-one2 -e create
	unchanged_by root "$POSTMULTI" -I postfix-x -e create \
		config_directory=/etc/postfix
	unchanged_by root "$POSTMULTI" -I postfix-x -e create \
		queue_directory=/var/spool/postfix
	unchanged_by root "$POSTMULTI" -I postfix-x -e create \
		data_directory=/var/lib/postfix-one2
	works root "$POSTMULTI" -i one2 -e destroy
}

# A complete directory is taken as it is by root, not by a delegate.
create_adopts() {
	fresh
	mkdir /etc/postfix-out
	cp /etc/postfix/master.cf /etc/postfix-out
	printf '%s\n' "queue_directory = /var/spool/postfix-out" \
		"data_directory = /var/lib/postfix-out" "compatibility_level = 3.6" \
		"# precious" >/etc/postfix-out/main.cf
	unchanged_by alice "$POSTMULTI" -I postfix-out -G mta -e create
	works root "$POSTMULTI" -I postfix-out -G mta -e create
	grep -q precious /etc/postfix-out/main.cf || fail "main.cf was replaced"
	is name "$(param postfix-out multi_instance_name)" postfix-out
	works alice "$POSTMULTI" -i postfix-out -e destroy
}

# One broken instance doesn't stop work on another.
damaged() {
	fresh
	works root "$POSTMULTI" -I postfix-bad -e create
	works root "$POSTMULTI" -I postfix-good -e create
	mv /etc/postfix-bad/main.cf /tmp/bad.cf
	works root "$POSTMULTI" -i good -e enable
	works root "$POSTMULTI" -i good -e disable
	run root "$POSTMULTI" -l
	is "exit status of -l" "$STATUS" 1
	out_has '^postfix-good '
	err_has '/etc/postfix-bad'
	mv /tmp/bad.cf /etc/postfix-bad/main.cf
	works root "$POSTMULTI" -i bad -e destroy
	works root "$POSTMULTI" -i good -e destroy
}

# At the same time: nothing is lost.
together() {
	local i pids=() status=0
	fresh
	for i in 1 2 3 4 5 6; do
		as root "$POSTMULTI" -I postfix-p$i -e create 2>/tmp/together.$i &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || status=1
	done
	[ $status = 0 ] || fail "$(cat /tmp/together.*)"
	is "instances listed" "$("$POSTMULTI" -l | wc -l)" 7
	for i in 1 2 3 4 5 6; do
		works root "$POSTMULTI" -i p$i -e destroy
	done
}

border_host
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf
check "create puts where it is told, destroy leaves nothing" placement
check "assign: name and group, cleared and taken back" assign
check "enable and disable, of the primary too" enable_disable
check "deport and import, there and back" deport_import
check "destroy refuses what is enabled or running" destroy_running
check "destroy refuses with queued mail, says how much is where" destroy_queued
check "destroy leaves what isn't Postfix's, and says so" destroy_foreign
check "create refuses what is taken" create_refusals
check "create adopts a complete directory, for root only" create_adopts
check "a damaged instance stops nobody else" damaged
check "six creates at once: all are there" together
finish
