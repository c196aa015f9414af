#!/bin/bash
# What our actions leave on disk equals what Postfix's own leave: path by path,
# type, owner, group, mode, link target and content.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
install_suite
# shellcheck source=tests/host/border.sh
. tests/host/border.sh
border_policy

# Runs the commands, one a line, by USER with the postmulti named first.
play() { # USER POSTMULTI COMMANDS
	local line
	fresh
	rm -rf /srv/mail
	mkdir -p /srv/mail
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		eval "set -- \"\$1\" \"\$2\" $line"
		run_tty "$@"
		[ "$STATUS" = 0 ] || fail "should have worked"
		age
	done <<<"$3"
}

state() {
	snapshot /etc/postfix* /var/spool/postfix* /var/lib/postfix* /srv/mail
}

equal() { # USER COMMANDS
	quickly play root "$ORIGINAL" "$2"
	state >/tmp/theirs
	grep -h "" /etc/postfix*/main.cf >/tmp/theirs.cf
	play "$1" "$POSTMULTI" "$2"
	state >/tmp/ours
	if ! cmp -s /tmp/theirs /tmp/ours; then
		# Which lines, not only which file.
		grep -h "" /etc/postfix*/main.cf | sort >/tmp/ours.cf
		sort /tmp/theirs.cf | diff -U0 - /tmp/ours.cf
	fi
	same "the tree" /tmp/theirs /tmp/ours
}

init_only() {
	local side
	for side in "$ORIGINAL" "$POSTMULTI"; do
		cp -a /tmp/untouched.cf /etc/postfix/main.cf
		age
		quickly run_tty root "$side" -e init
		is "exit status of $side -e init" "$STATUS" 0
		sed "s|$POSTMULTI -p|\${command_directory}/postmulti -p|" \
			/etc/postfix/main.cf | sort >"/tmp/init.${side//\//_}"
		stat -c '%U:%G %a' /etc/postfix/main.cf >>"/tmp/init.${side//\//_}"
	done
	same main.cf "/tmp/init.${ORIGINAL//\//_}" "/tmp/init.${POSTMULTI//\//_}"
}

explicit_primary() {
	cp -a /tmp/primary.cf /tmp/primary.saved
	cat >>/tmp/primary.cf <<-'EOF'
		mail_owner = postfix
		sendmail_path = /usr/sbin/sendmail
		html_directory = no
	EOF
	equal root '-I postfix-cmp -e create'
	mv /tmp/primary.saved /tmp/primary.cf
}

cp -a /etc/postfix/main.cf /tmp/untouched.cf
check "init" init_only
cp -a /tmp/untouched.cf /etc/postfix/main.cf
"$ORIGINAL" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "create with name and group" equal root '-I postfix-cmp -G mta -e create'
check "create by a delegate" equal alice '-I postfix-out -G mta -e create'
check "create without a name" equal root "-e create $(printf ' %s' \
	config_directory=/etc/postfix-cmp queue_directory=/var/spool/postfix-cmp \
	data_directory=/var/lib/postfix-cmp)"
check "create with three directories" equal root \
	"-I postfix-cmp -e create $(printf ' %s' \
	config_directory=/etc/postfix-elsewhere queue_directory=/srv/mail/q \
	data_directory=/srv/mail/d)"
check "create first, last and before another" equal root \
	'-I postfix-b -e create
	-I postfix-a -a -e create
	-I postfix-ab -i postfix-b -e create'
check "create where the primary sets shared parameters" explicit_primary
check "enable, assign, disable, clear the group" equal root \
	'-I postfix-cmp -G one -e create
	-i postfix-cmp -e enable
	-i postfix-cmp -G two -I postfix-new -e assign
	-i postfix-new -e disable
	-i postfix-new -G - -e assign'
check "deport and import" equal root \
	'-I postfix-cmp -G one -e create
	-i postfix-cmp -e deport
	-e import config_directory=/etc/postfix-cmp'
check "import with another name and group" equal root \
	'-I postfix-cmp -G one -e create
	-i postfix-cmp -e deport
	-I postfix-new -G two -e import config_directory=/etc/postfix-cmp'
check "destroy what never ran" equal root \
	'-I postfix-cmp -e create
	-I postfix-other -e create
	-i postfix-cmp -e destroy'
finish
