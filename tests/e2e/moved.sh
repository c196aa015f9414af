#!/bin/bash
# Nothing about the installed Postfix is built in: one whose directories, user
# and group were all changed in main.cf is managed as Postfix's own would.
# The original finds postconf(1) by command_directory.  Ours knows its place
# from the build, since it has to run it before any main.cf is read: there it
# stays, the rest moves.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

NEW=/srv/mta
CF=$NEW/conf-a

# --- in the source -----------------------------------------------------------

# The strings of our C files and headers, comments left out: "FILE STRING" a
# line.
strings_of() { # FILE...
	local file
	for file; do
		gcc -fpreprocessed -dD -E -P -x c "$file" 2>/dev/null |
			grep -v '^#include' | grep -Eo '"([^"\\]|\\.)*"' |
			sed "s|^\"|$file |; s|\"\$||"
	done
}

# Values that postconf -d has for this machine's Postfix, and what every
# installation has in common.
known_defaults() {
	postconf -d | sed -n 's/^[a-z_]*_\(directory\|path\) = \(\/.*\)/\2/p'
	printf '%s\n' /var/spool /var/lib/postfix /usr/libexec/postfix \
		/usr/lib/postfix /etc/postfix /usr/local
	postconf -dh mail_owner setgid_group default_privs
}

no_string() {
	local value
	strings_of {bin,helpers,helpers/*,libcommon,policy}/*.[ch] >/tmp/strings
	[ "$(wc -l </tmp/strings)" -gt 1000 ] || fail "where is the source"
	# A default PATH is the system's; argv[0] is a program's name; in the
	# log something has to stand until main.cf's syslog_name is known.
	grep -Ev ' (PATH=)?(/[a-z/]*bin:)+/[a-z/]*bin$' /tmp/strings |
		grep -Ev '^(helpers/exec|libcommon/log)\.c postfix$' \
			>/tmp/strings.left
	known_defaults | sort -u >/tmp/defaults
	for value in /etc/postfix /var/spool/postfix /usr/sbin postdrop postfix; do
		grep -qxF $value /tmp/defaults || fail "$value is no default here"
	done
	while IFS= read -r value; do
		case $value in
		/*) grep -E "^[^ ]* (.*[^a-z])?$value(/|[^a-z]|\$)" /tmp/strings.left ;;
		*) grep -E "^[^ ]* $value\$" /tmp/strings.left ;;
		esac && fail "$value is built in"
	done </tmp/defaults
	# No other absolute path but the kernel's, those of system sockets, the
	# package managers that doctor asks, and our own policy's.
	sed -En 's/^[^ ]* (\/[a-z]+\/.*)/\1/p' /tmp/strings.left |
		grep -Ev '^/(dev|proc|run|sys)/|^/usr/bin/(dpkg(-query)?|rpm)$' |
		grep -vx /etc/postmulti && fail "a path is built in"
	true
}

# Nor any other value, whatever it is the default of.  Left out: what is a word
# of the language, of proto.h, the name of a program or of a queue, too, and
# the two that no_string leaves out.
words() {
	printf '%s\n' default start postconf postlog bounce defer flush trace
}

no_default() {
	local value
	strings_of {bin,helpers,helpers/*,libcommon,policy}/*.[ch] >/tmp/strings
	grep -Ev '^(helpers/exec|libcommon/log)\.c postfix$' /tmp/strings |
		sed 's/^[^ ]* //' >/tmp/strings.left
	[ "$(wc -l </tmp/strings.left)" -gt 1000 ] || fail "where is the source"
	postconf -d | sed 's/^[^=]*= *//' | grep -E '.{5}' | sort -u \
		>/tmp/defaults
	[ "$(wc -l </tmp/defaults)" -gt 200 ] || fail "where are the defaults"
	# Each is needed, or hides what it shouldn't.
	for value in $(words); do
		grep -qxF "$value" /tmp/defaults || fail "$value is no default"
	done
	words | sort >/tmp/words
	comm -23 /tmp/defaults /tmp/words >/tmp/defaults.left
	grep -xFf /tmp/defaults.left /tmp/strings.left && fail "built in"
	true
}

# What isn't C but installed or run by "make install", without comments.
no_script() {
	local value
	sed 's/#.*//; s|/usr/sbin/nologin||' helpers/install helpers/uninstall policy/policy.conf \
		>/tmp/scripts
	grep -q install /tmp/scripts || fail "no scripts"
	known_defaults | grep ^/ | sort -u >/tmp/defaults
	while IFS= read -r value; do
		grep -E "(^|[^a-z])$value(/|[^a-z]|\$)" /tmp/scripts &&
			fail "$value is built in"
	done </tmp/defaults
	true
}

# And what the compiler made of it all, without the names of source files.
no_binary() {
	local file value
	known_defaults | grep ^/ | sort -u >/tmp/defaults
	for file in "$POSTMULTI" "$POSTMULTI-policy" $HELPERS/*; do
		strip -o /tmp/stripped "$file" || fail "strip"
		strings -n 3 /tmp/stripped
	done | grep -Ev '^(PATH=)?(/[a-z/]*bin:)+/[a-z/]*bin$' >/tmp/strings
	grep -q '/usr/sbin/postconf' /tmp/strings || fail "no strings"
	# Where postconf(1) is, and our own places.
	sed -E 's|/usr/sbin/postconf||g
		s|/usr/local/s?bin/postmulti||g
		s|/usr/local/libexec/postmulti||g
		/^\/usr\/local\/sbin$/d' /tmp/strings >/tmp/strings.left
	while IFS= read -r value; do
		grep -E "(^|[^a-z])$value(/|[^a-z]|\$)" /tmp/strings.left &&
			fail "$value is built in"
	done </tmp/defaults
	true
}

# PATH_POSTCONF is the one thing the Makefile says.
no_definition() {
	make -s -p -n 2>/dev/null | sed -n 's/^DEFINES = //p' | head -n 1 |
		grep -o -- '-D[A-Z_]*' | sort -u >/tmp/definitions
	grep -q PATH_POSTCONF /tmp/definitions || fail "no definitions"
	printf -- '-D%s\n' PATH_POSTCONF PATH_SBIN PATH_HELPERS PATH_POLICY \
		PATH_STATE PATH_CACHE SYSTEM_USER VERSION _GNU_SOURCE |
		LC_ALL=C sort -u >/tmp/expected
	comm -23 /tmp/definitions /tmp/expected | grep -v -x -- -D_FORTIFY_SOURCE |
		grep . && fail "another definition"
	true
}

# --- the host ----------------------------------------------------------------

# Moved, not copied: whoever looks at the old places fails.
move() {
	local file
	groupadd -g 20100 mailer && groupadd -g 20101 dropper &&
		useradd -u 20100 -g mailer -d /nonexistent -s /bin/false mailer ||
		fail "no accounts"
	mkdir -p $NEW/bin $NEW/meta $NEW/spool $NEW/data
	# The original runs postconf, postlog and the rest of it there.
	sed -n 's/^$command_directory\/\([a-z]*\):f:.*/\1/p' \
		/etc/postfix/postfix-files | while IFS= read -r file; do
		mv "/usr/sbin/$file" $NEW/bin/
	done
	cp -a $NEW/bin/postconf $NEW/bin/postmulti /usr/sbin/
	mv /usr/lib/postfix/sbin $NEW/daemons
	mv /var/spool/postfix $NEW/spool/primary
	mv /var/lib/postfix $NEW/data/primary
	for file in /etc/postfix/{main.cf.proto,master.cf.proto} \
		/etc/postfix/{postfix-files,dynamicmaps.cf}{,.d} \
		/etc/postfix/{postfix-script,post-install,makedefs.out}; do
		[ ! -e "$file" ] && [ ! -L "$file" ] || mv "$file" $NEW/meta/
	done
	cat >>/etc/postfix/main.cf <<-EOF
		command_directory = $NEW/bin
		daemon_directory = $NEW/daemons
		meta_directory = $NEW/meta
		queue_directory = $NEW/spool/primary
		data_directory = $NEW/data/primary
		mail_owner = mailer
		setgid_group = dropper
	EOF
	age
	find $NEW -user postfix -exec chown -h mailer {} +
	find $NEW -group postdrop -exec chgrp -h dropper {} +
	run_tty root $NEW/bin/postfix set-permissions
	is "postfix set-permissions" "$STATUS" 0
	run_tty root $NEW/bin/postfix check
	is "postfix check" "$STATUS" 0
	# About Debian's link, which leaves the directory, it always does.
	grep -v makedefs.out <<<"$OUT" | grep . && fail "postfix check complains"
	is "a moved queue" "$(stat -c '%U:%G' $NEW/spool/primary/maildrop)" \
		mailer:dropper
	[ ! -e /var/spool/postfix ] && [ ! -e /var/lib/postfix ] &&
		[ ! -e /usr/lib/postfix/sbin ] && [ ! -e /usr/sbin/postfix ] ||
		fail "not moved"
	cp -a /etc/postfix/main.cf /tmp/moved.cf
}

state() {
	snapshot /etc/postfix* $NEW/spool $NEW/data $NEW/conf-*
	find /var/spool /var/lib /usr/lib/postfix -maxdepth 1 -name 'postfix*'
}

begin() {
	rm -rf /etc/postfix-* $NEW/conf-* $NEW/spool/postfix-* \
		$NEW/data/postfix-* $NEW/queue-*
	rm -f /var/lib/postmulti/records/*
	cp -a /tmp/moved.cf /etc/postfix/main.cf
	age
}

# Runs the commands, one a line, by USER with the postmulti named first.
play() { # USER POSTMULTI COMMANDS
	local line
	begin
	while IFS= read -r line; do
		eval "set -- \"\$1\" \"\$2\" $line"
		run_tty "$@"
		[ "$STATUS" = 0 ] || fail "should have worked"
		age
		[ ! -f $CF/main.cf ] || touch -d '1 hour ago' $CF/main.cf
	done <<<"$3"
}

# Ours isn't in command_directory: its wrapper is named by its own path.
equal() { # USER COMMANDS
	quickly play root "$ORIGINAL" "-e init
$2"
	state >/tmp/theirs
	play root "$POSTMULTI" "-e init"
	sed -i "s|$POSTMULTI -p|\${command_directory}/postmulti -p|" \
		/etc/postfix/main.cf
	age
	cp -a /etc/postfix/main.cf /tmp/begun.cf
	cp -a /tmp/moved.cf /tmp/moved.saved
	cp -a /tmp/begun.cf /tmp/moved.cf
	play "$1" "$POSTMULTI" "$2"
	cp -a /tmp/moved.saved /tmp/moved.cf
	state >/tmp/ours
	same "the tree" /tmp/theirs /tmp/ours
}

# --- life cycle --------------------------------------------------------------

mailbox_has() {
	grep -q "^Subject: $1" /var/mail/mark
}

# Alice does all but configure.
lives() {
	local name=postfix-out
	begin
	works root "$POSTMULTI" -e init
	works alice "$POSTMULTI" -I $name -G mta -e create
	works root "$POSTMULTI" -i $name -x postconf -e \
		master_service_disable= inet_interfaces=loopback-only \
		inet_protocols=ipv4 mynetworks=127.0.0.0/8 alias_maps= \
		alias_database= mydestination=example.com \
		myhostname=out.example.com local_recipient_maps=unix:passwd.byname
	works root "$POSTMULTI" -i $name -x postconf -MX smtp/inet
	works root "$POSTMULTI" -i $name -x postconf -M \
		"127.0.0.1:10026/inet=127.0.0.1:10026 inet n - n - - smtpd"
	works root "$POSTMULTI" -i $name -x postconf -F "*/*/chroot = n"
	works alice "$POSTMULTI" -i $name -e enable
	age
	works alice "$POSTMULTI" -i $name -p start
	wait_for 10 $NEW/bin/postfix -c /etc/$name status 2>/dev/null ||
		fail "not running"
	is "its program" "$(readlink "/proc/$(tr -dc 0-9 \
		<$NEW/spool/$name/pid/master.pid)/exe")" $NEW/daemons/master
	works alice "$POSTMULTI" -i $name -p status
	smtp_send 10026 mark@example.com "moved" || fail "not accepted"
	wait_for 20 mailbox_has moved || fail "not delivered"
	works alice "$POSTMULTI" -i $name -p reload
	works alice "$POSTMULTI" -i $name -p flush
	works alice "$POSTMULTI" -i $name -p check
	refused alice "$POSTMULTI" -i $name -e destroy
	works alice "$POSTMULTI" -i $name -p stop
	wait_for 10 eval "! $NEW/bin/postfix -c /etc/$name status" ||
		fail "does not stop"
	works alice "$POSTMULTI" -i $name -e disable
	works alice "$POSTMULTI" -i $name -e destroy
	[ -z "$(find /etc/$name $NEW/spool/$name $NEW/data/$name \
		2>/dev/null)" ] || fail "something is left"
	works root "$POSTMULTI" -l
	out_is "$(printf '%-15s %-15s %-9s %s' - - y /etc/postfix)"
}

# What a command of USER's finds in its environment, by POSTMULTI.
found() { # USER POSTMULTI INSTANCE
	as "$1" /usr/bin/env -i PATH=/usr/bin "$2" -i "$3" -x /usr/bin/env |
		grep -Ev '^(_|MAIL_LOGTAG)=' | sort
}

told() {
	local file
	begin
	works root "$POSTMULTI" -e init
	works root "$POSTMULTI" -I postfix-out -e create
	age
	for file in - out; do
		found alice "$ORIGINAL" $file >/tmp/theirs
		found alice "$POSTMULTI" $file >/tmp/ours
		same "environment" /tmp/theirs /tmp/ours
		grep -qx "daemon_directory=$NEW/daemons" /tmp/ours ||
			fail "not the moved daemon_directory"
		grep -qx "command_directory=$NEW/bin" /tmp/ours ||
			fail "not the moved command_directory"
		# What main.cf says decides no PATH of root's.
		found root "$ORIGINAL" $file | sed "s|$NEW/bin|/usr/sbin|" \
			>/tmp/theirs
		found root "$POSTMULTI" $file >/tmp/ours
		same "root's environment" /tmp/theirs /tmp/ours
	done
	grep -qx "queue_directory=$NEW/spool/postfix-out" /tmp/ours ||
		fail "not beside the moved queue"
}

# The queue is taken for what it is by its new owner: mail counts as mail.
refuses_mail() {
	begin
	works root "$POSTMULTI" -e init
	works alice "$POSTMULTI" -I postfix-out -G mta -e create
	install -d -o mailer -g root -m 700 $NEW/spool/postfix-out/deferred/A
	install -o mailer -m 700 /dev/null \
		$NEW/spool/postfix-out/deferred/A/ABCDEF1234
	refused alice "$POSTMULTI" -i postfix-out -e destroy
	err_has '1 .*(deferred|message|mail)'
	rm $NEW/spool/postfix-out/deferred/A/ABCDEF1234
	works alice "$POSTMULTI" -i postfix-out -e destroy
}

check "no path and no default of Postfix is in our source" no_string
check "nor any other of its defaults" no_default
check "nor in what is installed besides, or installs it" no_script
check "the Makefile defines postconf's place, and else our own" no_definition
install_suite
install_policy <<-'EOF'
	permit alice create           group mta
	permit alice manage,operate   instance postfix-out
EOF
check "nor in the programs as they are installed" no_binary
check "Postfix's directories, user and group are moved" move
[ -f /tmp/moved.cf ] || finish
check "create, as Postfix's own" equal root '-I postfix-out -G mta -e create'
check "create by a delegate" equal alice '-I postfix-out -G mta -e create'
check "create with three directories" equal root \
	"-I postfix-a -e create config_directory=$CF \
	queue_directory=$NEW/queue-a data_directory=$NEW/data/a"
check "enable, assign, clear the group, disable" equal root \
	'-I postfix-out -G one -e create
-i postfix-out -e enable
-i postfix-out -G two -I postfix-new -e assign
-i postfix-new -e disable
-i postfix-new -G - -e assign'
check "deport and import" equal root '-I postfix-out -e create
-i postfix-out -e deport
-e import config_directory=/etc/postfix-out'
check "destroy" equal root '-I postfix-out -e create
-I postfix-two -e create
-i postfix-out -e destroy'
check "what -x tells its command" told
check "a delegate's whole life cycle, with mail" lives
check "destroy sees the mail of the moved owner" refuses_mail
finish
