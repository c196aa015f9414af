# shellcheck shell=bash disable=SC2034
# The border mail server of Postfix's multi-instance guide, as steps that the
# demo narrates and the end-to-end tests check: mail comes in through
# postfix-in on port 10025, which relays to postfix-out on port 10026, which
# delivers to a mailbox.  Root makes the host and configures; the delegate does
# the rest.
#
# A step is a function border_STEP.  It runs its commands, verifies what they
# did, ends with `fail` if anything isn't as it should be, and leaves in SAID
# what came back, in one line.  SUITE=original plays it with Postfix's own
# postmulti and root as the delegate: that proves the host, not the suite.

MAILBOX=/var/mail/mark
DELEGATE=alice

border_host() {
	[ "${SUITE:-}" != original ] || DELEGATE=root
	install_suite
	border_policy
}

# STEP, who does it, what is typed (for the reader)
BORDER_STEPS=(
	"init      root     postmulti -e init"
	"create    delegate postmulti -I postfix-out -G mta -e create; the same for postfix-in"
	"configure root     postmulti -i postfix-out -x postconf -e ...; postfix-in -> 127.0.0.1:10026"
	"enable    delegate postmulti -i postfix-out -e enable; the same for postfix-in"
	"list      delegate postmulti -l"
	"start     delegate postmulti -g mta -p start"
	"status    delegate postmulti -g mta -p status"
	"mail      anybody  SMTP to 127.0.0.1:10025, RCPT TO:<mark@example.com>"
	"flush     delegate postmulti -g mta -p flush"
	"reload    delegate postmulti -g mta -p reload"
	"denied_command  delegate postmulti -i postfix-out -p abort"
	"denied_instance delegate postmulti -i - -p stop"
	"denied_shell    delegate postmulti -p /bin/sh -c id"
	"stop      delegate postmulti -g mta -p stop"
	"disable   delegate postmulti -i postfix-in -e disable; the same for postfix-out"
	"destroy   delegate postmulti -i postfix-in -e destroy; the same for postfix-out"
)

# What an instance's main.cf says, without the wait for it to cool down.
border_param() { # CONFIG-DIRECTORY PARAMETER
	age
	postconf -c "$1" -h "$2"
}

border_init() {
	works root "$POSTMULTI" -e init
	is multi_instance_enable "$(border_param /etc/postfix \
		multi_instance_enable)" yes
	SAID=$(postconf multi_instance_wrapper)
	grep -q "postmulti -p --$" <<<"$SAID" || fail "no wrapper: $SAID"
}

border_create() {
	local name part
	for name in postfix-out postfix-in; do
		works "$DELEGATE" "$POSTMULTI" -I $name -G mta -e create
		for part in /etc/$name/{main,master}.cf \
			/var/spool/$name/maildrop /var/lib/$name; do
			[ -e $part ] || fail "$part was not made"
		done
	done
	SAID="multi_instance_directories = $(border_param /etc/postfix \
		multi_instance_directories)"
	is "the list" "${SAID#* = }" "/etc/postfix-out /etc/postfix-in"
}

border_postconf() { # INSTANCE POSTCONF-ARGUMENT...
	works root "$POSTMULTI" -i "$1" -x postconf "${@:2}"
}

border_configure() {
	local port=10026 name
	for name in postfix-out postfix-in; do
		border_postconf $name -e "myhostname = ${name#postfix-}.example.com" \
			"master_service_disable =" "inet_interfaces = loopback-only" \
			"inet_protocols = ipv4" "mynetworks = 127.0.0.0/8" \
			"alias_maps =" "alias_database =" "syslog_name = $name"
		border_postconf $name -MX smtp/inet
		border_postconf $name -M \
			"127.0.0.1:$port/inet=127.0.0.1:$port inet n - n - - smtpd"
		border_postconf $name -F "*/*/chroot = n"
		port=$((port - 1))
	done
	age
	border_postconf postfix-out -e "mydestination = example.com" \
		"local_recipient_maps = unix:passwd.byname" "relayhost ="
	# Local users may submit: through postfix-in.
	border_postconf postfix-in -X authorized_submit_users
	border_postconf postfix-in -e "mydestination =" \
		"relayhost = [127.0.0.1]:10026"
	age
	works root "$POSTMULTI" -g mta -x postconf -h myhostname
	out_is $'out.example.com\nin.example.com'
	SAID="out.example.com delivers, in.example.com relays to it"
}

border_enable() {
	local name
	for name in postfix-out postfix-in; do
		works "$DELEGATE" "$POSTMULTI" -i $name -e enable
		is "multi_instance_enable of $name" \
			"$(border_param /etc/$name multi_instance_enable)" yes
	done
	age
	SAID="multi_instance_enable = yes in both"
}

border_list() {
	works "$DELEGATE" "$POSTMULTI" -l
	out_is "$(printf '%-15s %-15s %-9s %s\n' - - y /etc/postfix \
		postfix-out mta y /etc/postfix-out \
		postfix-in mta y /etc/postfix-in)"
	SAID=$OUT
}

border_up() { # NAME: its own Postfix says so
	postfix -c "/etc/$1" status 2>/dev/null
}

border_start() {
	run_tty "$DELEGATE" "$POSTMULTI" -g mta -p start
	[ "$STATUS" = 0 ] || fail "did not start"
	wait_for 10 border_up postfix-out || fail "postfix-out is not running"
	wait_for 10 border_up postfix-in || fail "postfix-in is not running"
	out_has "starting the Postfix mail system"
	SAID=$OUT
}

border_status() {
	run_tty "$DELEGATE" "$POSTMULTI" -g mta -p status
	[ "$STATUS" = 0 ] || fail "status says it is not running"
	[ "$(grep -c 'is running: PID: [0-9]' <<<"$OUT")" = 2 ] ||
		fail "not two instances running"
	SAID=$OUT
}

border_mail() {
	local subject="message $RANDOM"
	smtp_send 10025 mark@example.com "$subject" || fail "not accepted"
	wait_for 20 grep -q "^Subject: $subject" $MAILBOX || fail "not delivered"
	wait_for 20 border_idle || fail "a queue is not empty"
	SAID=$(sed -n '/^Received:/,/^[^ \tR]/p' $MAILBOX | grep -E -A 1 '^Received:' |
		sed '/^--/d' | paste -d ' ' - - | tr -s '\t ' ' ' |
		sed 's/ (.*by/ ... by/; s/ with .*//')
	[ "$(grep -Eoc "by (out|in).example.com" <<<"$SAID")" = 2 ] ||
		fail "came another way: $(cat $MAILBOX)"
}

border_idle() {
	[ -z "$(find /var/spool/postfix-{in,out}/{maildrop,incoming,active,deferred} \
		-type f)" ]
}

border_flush() {
	run_tty "$DELEGATE" "$POSTMULTI" -g mta -p flush
	[ "$STATUS" = 0 ] || fail "flush failed"
	SAID="exit status 0, queues empty"
}

border_reload() {
	local seen
	seen=$(grep -c 'master.*reload' "$LOG")
	run_tty "$DELEGATE" "$POSTMULTI" -g mta -p reload
	[ "$STATUS" = 0 ] || fail "reload failed"
	out_has "refreshing the Postfix mail system"
	SAID=$OUT
	border_reloaded() {
		[ "$(grep -c 'master.*reload' "$LOG")" -ge $((seen + 2)) ]
	}
	wait_for 10 border_reloaded || fail "the masters did not reload"
}

border_denied() { # ARGUMENT...
	[ "$DELEGATE" != root ] || {
		SAID="(root may)"
		return
	}
	refused "$DELEGATE" "$POSTMULTI" "$@"
	[ -z "$OUT" ] || fail "it printed something"
	SAID=$ERR
	border_up postfix-out || fail "postfix-out went down"
}

border_denied_command() {
	border_denied -i postfix-out -p abort
}

border_denied_instance() {
	border_denied -i - -p stop
}

border_denied_shell() {
	border_denied -p /bin/sh -c id
}

border_stop() {
	run_tty "$DELEGATE" "$POSTMULTI" -g mta -p stop
	[ "$STATUS" = 0 ] || fail "stop failed"
	border_up postfix-out && fail "postfix-out still runs"
	border_up postfix-in && fail "postfix-in still runs"
	out_has "stopping the Postfix mail system"
	SAID=$OUT
}

border_disable() {
	local name
	for name in postfix-in postfix-out; do
		works "$DELEGATE" "$POSTMULTI" -i $name -e disable
		is "multi_instance_enable of $name" \
			"$(border_param /etc/$name multi_instance_enable)" no
	done
	age
	SAID="multi_instance_enable = no in both"
}

border_left() { # NAME
	find "/etc/$1" "/var/spool/$1" "/var/lib/$1" 2>/dev/null
}

border_destroy() {
	local name
	for name in postfix-in postfix-out; do
		works "$DELEGATE" "$POSTMULTI" -i $name -e destroy
		[ ! -e /etc/$name/main.cf ] || fail "/etc/$name/main.cf is there"
		# Postfix's own leaves what the daemons made.
		[ "${SUITE:-}" != original ] || continue
		[ -z "$(border_left $name)" ] ||
			fail "something is left: $(border_left $name)"
	done
	is "the list" "$(border_param /etc/postfix multi_instance_directories)" ""
	works "$DELEGATE" "$POSTMULTI" -l
	SAID=$OUT
}
