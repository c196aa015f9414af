#!/bin/bash
# An edited main.cf is the one it was but for the edit: owner, group, mode, ACL
# and security label stay; and who may not read one is told so.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

PRIMARY=/etc/postfix/main.cf
FILE=/etc/postfix-out/main.cf
# What no other attribute tells from a label that an administrator gave.
LABEL=system_u:object_r:postfix_etc_t:s0

# All about a file but its content, times and number.
facts() { # FILE
	stat -c '%u:%g %a %F %h' "$1"
	getfacl -cpn "$1"
	getfattr -dm - -e hex "$1" 2>/dev/null | grep '='
}

remember() {
	facts $PRIMARY >/tmp/primary.before
	facts $FILE >/tmp/file.before
}

kept() { # FILE...: as remembered
	local file name
	for file; do
		name='file'
		[ "$file" != $PRIMARY ] || name=primary
		facts "$file" >/tmp/$name.after
		same "$file" /tmp/$name.before /tmp/$name.after
	done
}

written() { # FILE COMMAND...: it works, by a new file in place of the old one
	local file=$1 before
	before=$(stat -c %i "$file")
	age
	works "${@:2}"
	[ "$(stat -c %i "$file")" != "$before" ] || fail "$file wasn't written"
	[ ! -e "$file.tmp" ] || fail "$file.tmp is left"
}

# Every action that edits one of the two, by USER.
edits() { # USER
	local user=$1
	remember
	written $FILE "$user" "$POSTMULTI" -i out -e enable
	kept $FILE
	is "what was written" "$(sed -n 's/^multi_instance_enable = //p' \
		$FILE)" yes
	written $FILE "$user" "$POSTMULTI" -i out -e disable
	kept $FILE
	written $FILE root "$POSTMULTI" -i out -G other -e assign
	kept $FILE
	written $FILE root "$POSTMULTI" -i out -G mta -e assign
	kept $FILE
	written $PRIMARY "$user" "$POSTMULTI" -I postfix-new -G mta -e create
	kept $PRIMARY
	is "a new instance's" "$(stat -c '%u:%g %a' /etc/postfix-new/main.cf)" \
		"0:0 644"
	written $PRIMARY "$user" "$POSTMULTI" -i new -e destroy
	kept $PRIMARY
	written $PRIMARY root "$POSTMULTI" -i out -e deport
	kept $FILE $PRIMARY
	# Importing sets modes as "postfix set-permissions" does: see imported.
	cp -a $FILE /tmp/saved.cf
	written $PRIMARY root "$POSTMULTI" -e import \
		config_directory=/etc/postfix-out
	kept $PRIMARY
	cp -a /tmp/saved.cf $FILE
	written $PRIMARY root "$POSTMULTI" -i - -e disable
	kept $PRIMARY
	written $PRIMARY root "$POSTMULTI" -e init
	kept $PRIMARY
}

# Both are as after the set-up, with nothing special about them.
plain() {
	local file
	cp /tmp/primary.cf $PRIMARY
	cp /tmp/out.cf $FILE
	rm -rf /etc/postfix-new /var/spool/postfix-new /var/lib/postfix-new
	rm -f /var/lib/postmulti/records/*
	for file in $PRIMARY $FILE; do
		setfacl -b $file 2>/dev/null
		setfattr -x security.selinux $file 2>/dev/null
		chown root:root $file
		chmod 644 $file
	done
}

# A delegate has to be able to read the primary's.
primary_like() { # USER OWNER:GROUP MODE
	if [ "$1" = root ]; then
		chown "$2" $PRIMARY
		chmod "$3" $PRIMARY
	else
		chown root:postmulti $PRIMARY
		chmod 640 $PRIMARY
	fi
}

with_mode() { # USER OWNER:GROUP MODE
	plain
	primary_like "$@"
	chown "$2" $FILE
	chmod "$3" $FILE
	edits "$1"
	is "owner and mode" "$(stat -c '%U:%G %a' $FILE)" "$2 $3"
}

# Of an instance's alone: the primary's is root's.
with_owner() { # OWNER:GROUP MODE
	plain
	chown "$1" $FILE
	chmod "$2" $FILE
	edits root
	is "owner and mode" "$(stat -c '%U:%G %a' $FILE)" "$1 $2"
	snapshot /etc/postfix /etc/postfix-out >/tmp/before
	refused alice "$POSTMULTI" -i out -e enable
	err_has '/etc/postfix-out'
	snapshot /etc/postfix /etc/postfix-out >/tmp/after
	same "what was refused" /tmp/before /tmp/after
}

with_acl() { # USER ENTRIES
	plain
	primary_like "$1" root:mailadm 640
	chown root:mailadm $FILE
	chmod 640 $FILE
	setfacl -m "$2" $FILE $PRIMARY || fail "no ACL"
	[ "$(getfacl -cpn $FILE | grep -c '^[a-z]*:[0-9]')" = 2 ] ||
		fail "no ACL: $(getfacl -cpn $FILE)"
	edits "$1"
	[ "$(getfacl -cpn $FILE | grep -c '^[a-z]*:[0-9]')" = 2 ] ||
		fail "the ACL is gone: $(getfacl -cpn $FILE)"
	# bob reads by it, carol doesn't.
	as bob cat $FILE >/dev/null || fail "bob can't read it any more"
	as carol cat $FILE 2>/dev/null && fail "carol can read it"
	true
}

with_acl_and_owner() {
	plain
	chown carol:mailadm $FILE
	setfacl -m u:bob:rw,g:carol:r $FILE || fail "no ACL"
	edits root
	is owner "$(stat -c %U:%G $FILE)" carol:mailadm
}

# An ACL that lets somebody else write: root's business, no delegate's.
acl_writable() {
	plain
	setfacl -m u:bob:rw $FILE
	snapshot /etc/postfix /etc/postfix-out >/tmp/before
	refused alice "$POSTMULTI" -i out -e enable
	err_has '/etc/postfix-out'
	snapshot /etc/postfix /etc/postfix-out >/tmp/after
	same "what was refused" /tmp/before /tmp/after
	edits root
}

with_label() { # USER
	plain
	setfattr -n security.selinux -v "$LABEL" $FILE $PRIMARY ||
		fail "no label"
	primary_like "$1" root:mailadm 640
	chown root:mailadm $FILE
	chmod 640 $FILE
	edits "$1"
	getfattr --only-values -n security.selinux $FILE 2>/dev/null |
		tr -d '\0' | grep -qxF $LABEL || fail "the label is gone"
}

# The same bytes as postconf -e leaves, which keeps nothing.
as_postconf() {
	local setting
	plain
	for setting in yes no; do
		chown root:mailadm $FILE
		chmod 640 $FILE
		cp -a $FILE /tmp/copy.cf
		age
		postconf -c /etc/postfix-out -e multi_instance_enable=$setting
		cp $FILE /tmp/theirs.cf
		cp -a /tmp/copy.cf $FILE
		remember
		written $FILE alice "$POSTMULTI" -i out -e \
			"$([ $setting = yes ] && echo enable || echo disable)"
		same "main.cf" /tmp/theirs.cf $FILE
		kept $FILE
	done
}

# Owner and mode after an import are those Postfix's own import leaves, and so
# no less than "postfix set-permissions" gives; the rest stays.
imported() {
	plain
	chown carol:mailadm $FILE
	chmod 604 $FILE
	cp -a $FILE /tmp/saved.cf
	written $PRIMARY root "$POSTMULTI" -i out -e deport
	cp -a $PRIMARY /tmp/deported.cf
	age
	quickly works root "$ORIGINAL" -I postfix-mid -e import \
		config_directory=/etc/postfix-out
	stat -c '%U %a' $FILE >/tmp/theirs
	cp -a /tmp/saved.cf $FILE
	cp -a /tmp/deported.cf $PRIMARY
	written $FILE root "$POSTMULTI" -I postfix-mid -e import \
		config_directory=/etc/postfix-out
	stat -c '%U %a' $FILE >/tmp/ours
	same "owner and mode" /tmp/theirs /tmp/ours
	is "group" "$(stat -c %G $FILE)" mailadm
}

# --- reading -----------------------------------------------------------------

shown() { # USER
	works "$1" "$POSTMULTI" -l
	out_has '^postfix-out  *mta  *n  */etc/postfix-out$'
	out_has '^postfix-two '
	err_empty
	works "$1" "$POSTMULTI" -l -j -i postfix-out
	out_has '"name": "postfix-out","group": "mta"'
	works "$1" "$POSTMULTI" -l -g mta
	out_has '^postfix-out '
}

hidden() { # USER
	run "$1" "$POSTMULTI" -l
	is "$1's exit status" "$STATUS" 1
	is "lines" "$(grep -c '^postmulti: ' <<<"$ERR")" 1
	err_has '^postmulti: .*/etc/postfix-out/main.cf'
	# The others are listed; of this one nothing is told.
	out_has '^postfix-two '
	grep -Eq 'postfix-out .*mta|"mta"' <<<"$OUT" && fail "$1 is told"
	run "$1" "$POSTMULTI" -l -i postfix-two
	out_has '^postfix-two '
}

unreadable() { # OWNER:GROUP MODE
	plain
	chown "$1" $FILE
	chmod "$2" $FILE
	as alice cat $FILE 2>/dev/null && fail "alice can read it"
	shown root
	shown alice
	hidden carol
	hidden dave
}

# Who is let in by the file's own mode or ACL needs no rule.
readable_by() {
	plain
	chown root:mailadm $FILE
	chmod 640 $FILE
	shown bob
	hidden carol
}

# The primary's: without it nobody but root knows what there is.
unreadable_primary() {
	local user
	plain
	chmod 600 $PRIMARY
	shown root
	for user in alice carol dave; do
		run $user "$POSTMULTI" -l
		is "$user's exit status" "$STATUS" 1
		err_has '^postmulti: fatal: .*/etc/postfix/main.cf'
		is "lines" "$(grep -c '^postmulti: fatal: ' <<<"$ERR")" 1
		[ -z "$OUT" ] || fail "something was listed"
	done
}

[ "${SUITE:-}" != original ] || {
	echo "SKIP: Postfix's own keeps nothing"
	exit 77
}
install_suite
useradd -u 20005 -m -U dave
usermod -aG postmulti dave
groupadd -g 20200 mailadm
usermod -aG mailadm bob
install_policy <<-'EOF'
	permit alice create         group mta
	permit alice manage,operate instance postfix-out
	permit alice manage,operate instance postfix-new
EOF
"$POSTMULTI" -e init && "$POSTMULTI" -I postfix-out -G mta -e create &&
	"$POSTMULTI" -I postfix-two -e create || echo "not ok - setting up"
cp -a $PRIMARY /tmp/primary.cf
cp -a $FILE /tmp/out.cf

for user in root alice; do
	check "root:root 644, edited by $user" with_mode $user root:root 644
	check "root:mailadm 640, edited by $user" \
		with_mode $user root:mailadm 640
	check "root:root 600, edited by $user" with_mode $user root:root 600
done
check "root:mailadm 664, edited by root" with_mode root root:mailadm 664
check "carol:carol 644, edited by root, not by a delegate" \
	with_owner carol:carol 644
check "carol:carol 640, edited by root, not by a delegate" \
	with_owner carol:carol 640
check "carol:mailadm 664, edited by root, not by a delegate" \
	with_owner carol:mailadm 664
if setfacl -m u:bob:r $FILE 2>/dev/null; then
	for user in root alice; do
		check "an ACL, edited by $user" with_acl $user u:bob:r,g:20003:-
	done
	check "an ACL on another's file, edited by root" with_acl_and_owner
	check "an ACL that lets others write: root may, a delegate not" \
		acl_writable
else
	for title in "an ACL, edited by root" "an ACL, edited by alice" \
		"an ACL on another's file" "an ACL that lets others write"; do
		skip_case "$title" "no ACLs on this file system"
	done
fi
if setfattr -n security.selinux -v "$LABEL" $FILE 2>/dev/null; then
	for user in root alice; do
		check "a security label, edited by $user" with_label $user
	done
else
	skip_case "a security label, edited by root" "none can be set here"
	skip_case "a security label, edited by alice" "none can be set here"
fi
check "the same bytes as postconf -e" as_postconf
check "import leaves the owner and mode that Postfix's own leaves" imported
check "640 root:mailadm: -l shows it by a rule, else names it" \
	unreadable root:mailadm 640
check "600: -l shows it by a rule, else names it" unreadable root:root 600
check "640 root:mailadm: its group needs no rule" readable_by
check "the primary's is 600: a stranger is told so" unreadable_primary
finish
