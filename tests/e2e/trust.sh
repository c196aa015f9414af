#!/bin/bash
# Before a delegate's step touches an instance: everything root is about to
# work with must be root's, and be what it seems to be.  Each case plants one
# thing that isn't, and expects of each step one clear line, exit status 1 and
# nothing touched.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

CONFIG=/etc/postfix-box QUEUE=/var/spool/postfix-box DATA=/var/lib/postfix-box
COMMANDS=(start stop reload flush check status abort drain quick-stop)
ALL=create,import,destroy,deport,enable,disable,assign,start,stop,reload
ALL+=,flush,check,status,abort,drain,quick-stop

# --- what a case expects -----------------------------------------------------

# One line, fatal or a warning about a damaged instance, or one of each; they
# say what is wrong: $SAYS.  Of an instance whose main.cf can't be trusted no name
# is known: then the line says which directory that is.
UNNAMED="among those that can be read and trusted; not: /"
UNNAMED+="|permits alice to [a-z-]+ an instance without a name"
UNNAMED+="|No matching instances"

one_line() {
	is "exit status" "$STATUS" 1
	[ "$(grep -c '^postmulti: fatal: ' /tmp/run.err)" -le 1 ] &&
		[ "$(grep -c '^postmulti: warning: ' /tmp/run.err)" -le 1 ] ||
		fail "more than one line of a kind"
	grep -Ev '^postmulti: (fatal|warning): ' /tmp/run.err && fail "and more"
	err_has "$SAYS|$UNNAMED"
	! grep -Eq -- "$SAYS" <<<"$ERR" || : >/tmp/said
	[ -z "$OUT" ] || fail "something on stdout"
}

by_hand() { # HELPER KEY=VALUE...: the helper itself refuses, with a sentence
	run alice "$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	grep -Eq '^err [A-Z]+$' <<<"$OUT" || fail "no answer"
	grep -q '^err OK$' <<<"$OUT" && fail "it was permitted"
	grep -q '^exit 1$' <<<"$OUT" || fail "the exit status should be 1"
	grep -Eq "^error .*($SAYS|$UNNAMED)" <<<"$OUT" ||
		fail "should say: $SAYS"
	! grep -Eq "^error .*($SAYS)" <<<"$OUT" || : >/tmp/said
}

edits_refused() {
	local words
	for words in "-e enable" "-e disable" "-G other -e assign" \
		"-e deport" "-e destroy"; do
		# shellcheck disable=SC2086
		run alice "$POSTMULTI" -i postfix-box $words
		one_line
	done
	by_hand config op=config.enable sel.inode=$CONFIG
	by_hand config op=config.disable sel.inode=$CONFIG
	by_hand config op=config.assign sel.inode=$CONFIG group=other
	by_hand config op=config.deregister sel.inode=$CONFIG
}

destroy_refused() {
	run alice "$POSTMULTI" -i postfix-box -e destroy
	one_line
	by_hand dirs op=dirs.clear sel.inode=$CONFIG
}

commands_refused() {
	local word
	for word in check status; do
		run alice "$POSTMULTI" -i postfix-box -p $word
		one_line
	done
	for word in "${COMMANDS[@]}"; do
		by_hand exec op=exec.postfix sel.inode=$CONFIG command="$word"
	done
}

# Enough for what is looked at by one function for all commands.
check_refused() {
	run alice "$POSTMULTI" -i postfix-box -p check
	one_line
	by_hand exec op=exec.postfix sel.inode=$CONFIG command=start
}

all_refused() {
	edits_refused
	destroy_refused
	commands_refused
}

# As is everything below the ancestors that cases make untrustworthy.
picture() {
	snapshot /etc/postfix* /var/spool/postfix* /var/lib/postfix* \
		/var/lib/postmulti /srv/victim 2>/dev/null
	stat -c '%n %U:%G %a %i' /etc /var /var/spool /var/lib $CONFIG $QUEUE \
		$DATA
}

# PLANT makes something untrustworthy, EXPECT checks that it is refused.
planted() { # SAYS EXPECT PLANT [ARGUMENT...]
	local SAYS=$1 expect=$2
	shift 2
	# What is to be started has to be enabled, for the last of the refusals.
	[[ $expect != @(commands|check)_refused ]] || param "multi_instance_enable = yes"
	# The lock that is held while a queue is looked at may stay.
	install -m 600 /dev/null $QUEUE/pid/master.pid
	"$@" || fail "could not be planted: $*"
	age
	picture >/tmp/before
	rm -f /tmp/said
	"$expect"
	picture >/tmp/after
	same "state after $*" /tmp/before /tmp/after
	# A refusal for another reason is none of this.
	[ -e /tmp/said ] || fail "nobody said: $SAYS"
	[ ! -e /tmp/mark ] || fail "root ran something: $(cat /tmp/mark)"
}

DAEMONS=$(postconf -dh daemon_directory)
META=$(postconf -dh meta_directory)

rebuild() {
	local at
	for at in $CONFIG $QUEUE/active $QUEUE $DATA /srv/hers /var/spool \
		/var/lib; do
		while umount $at 2>/dev/null; do :; done
	done
	chown root:root /etc /var /var/spool /var/lib /etc/postfix \
		/etc/postfix/main.cf /usr/sbin/postfix
	chmod 755 /etc /var /var/spool /var/lib /etc/postfix /usr/sbin/postfix
	rm -rf /etc/postfix/main.cf /etc/postfix/main.cf.tmp
	chown root "$DAEMONS" "$DAEMONS"/{master,postfix-script,smtpd}
	chmod 755 "$DAEMONS" "$DAEMONS"/{master,postfix-script,smtpd}
	rm -rf "$META"/{main,master}.cf.proto
	cp -a /tmp/{main,master}.cf.proto "$META"
	chown -R root /etc/postfix/postfix-files* &&
		rm -rf /srv/* /etc/real /etc/victim /tmp/mark
	fresh
	mkdir -p /srv/victim/active
	echo precious >/srv/victim/file
	chmod 600 /srv/victim/file
	install -m 600 /srv/victim/file /etc/victim
	"$POSTMULTI" -I postfix-box -e create && age
}

case_of() { # TITLE SAYS EXPECT PLANT [ARGUMENT...]
	rebuild || exit 1
	check "$1" planted "${@:2}"
}

# Root isn't held up by what only root, or nobody, could gain by.
root_works() {
	works root "$POSTMULTI" -i postfix-box -e enable
	works root "$POSTMULTI" -i postfix-box -e disable
	is "multi_instance_enable" \
		"$(postconf -c $CONFIG -h multi_instance_enable)" no
	is "the victim" "$(cat /srv/victim/file)" precious
	is "the victim's mode" "$(stat -c %a:%U /srv/victim/file)" 600:root
	is "the linked file" "$(stat -c %a:%U:%s /etc/victim)" 600:root:9
}

case_root() { # TITLE PLANT [ARGUMENT...]
	rebuild || exit 1
	"${@:2}"
	age
	check "root all the same: $1" root_works
}

# --- what is planted -----------------------------------------------------------

# Each of the things that aren't root's own plain files.
thing() { # KIND PATH
	rm -rf "$2"
	case $1 in
	link) ln -s /srv/victim/file "$2" ;;
	dirlink) ln -s /srv/victim "$2" ;;
	dangling) ln -s /srv/nothing "$2" ;;
	hard) ln /etc/victim "$2" ;;
	fifo) mkfifo "$2" ;;
	socket) perl -MIO::Socket::UNIX -e \
		'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die' "$2" ;;
	device) mknod "$2" c 1 3 ;;
	foreign) install -m 600 -o carol /dev/null "$2" ;;
	group) install -m 664 -g carol /dev/null "$2" ;;
	open) install -m 666 /dev/null "$2" ;;
	foreigndir) install -d -o carol "$2" ;;
	opendir) install -d -m 777 "$2" ;;
	sticky) install -d -m 1777 "$2" ;;
	esac
}

deep() { # [KIND]
	mkdir -p $CONFIG/maps/more
	thing "${1:-foreign}" $CONFIG/maps/more/table
}

too_deep() {
	mkdir -p $CONFIG/1/2/3/4/5/6/7/8/9/10
	thing foreign $CONFIG/1/2/3/4/5/6/7/8/9/10/table
}

# main.cf or master.cf itself is one of those, with the contents it had.
becomes() { # KIND FILE
	cp -p "$2" /srv/copy
	case $1 in
	link) mv "$2" /srv/real && ln -s /srv/real "$2" ;;
	inside) mv "$2" $CONFIG/real.cf && ln -s real.cf "$2" ;;
	dir) rm "$2" && mkdir "$2" ;;
	missing) rm "$2" ;;
	hard) ln "$2" /etc/real ;;
	foreign) chown carol "$2" ;;
	group) chgrp carol "$2" && chmod 664 "$2" ;;
	open) chmod 666 "$2" ;;
	acl) setfacl -m u:carol:rw "$2" ;;
	fifo | socket | device) thing "$1" "$2" ;;
	esac
}

install_cf() {
	echo 'id >/tmp/mark' >$CONFIG/install.cf
}

param() { # LINE...: into the instance's main.cf
	printf '%s\n' "$@" >>$CONFIG/main.cf
}

shared_param() { # NAME
	install -d /srv/evil
	printf '#!/bin/sh\nid >/tmp/mark\n' >/srv/evil/postfix-script
	chmod 755 /srv/evil/postfix-script
	case $1 in
	mail_owner) param "$1 = carol" ;;
	setgid_group) param "$1 = carol" ;;
	import_environment) param "$1 = LD_PRELOAD PATH" ;;
	debugger_command) param "$1 = /srv/evil/postfix-script" ;;
	*) param "$1 = /srv/evil" ;;
	esac
}

# The directory has another owner or mode; or its name is a link to it.
foreign() { # DIRECTORY
	chown carol "$1"
}

open() { # DIRECTORY [MODE]
	chmod "${2:-777}" "$1"
}

linked() { # DIRECTORY
	mkdir -p /srv/real && mv "$1" /srv/real/box && ln -s /srv/real/box "$1"
}

acl() { # DIRECTORY
	setfacl -m u:carol:rwx "$1"
}

lexical() { # PARAMETER VALUE: one and the same directory, written otherwise
	sed -i "s|^$1 = .*|$1 = $2|" $CONFIG/main.cf
	grep -qxF "$1 = $2" $CONFIG/main.cf &&
		[[ $2 -ef $QUEUE || $2 -ef $DATA ]]
}

listed_as() { # ENTRY in the place of the directory's own
	sed -i "s|$CONFIG|$1|" /etc/postfix/main.cf
	[ "$1" -ef $CONFIG ]
}

replaced() { # DIRECTORY KIND: something else has its name
	mv "$1" /srv/real && thing "$2" "$1"
}

# The instance has its directory below one that carol can change.
below() { # PARAMETER KIND
	local at=/srv/hers
	case $2 in
	foreign) install -d -o carol $at ;;
	open) install -d -m 777 $at ;;
	sticky) install -d -m 1777 $at ;;
	linked) install -d /srv/real && ln -s /srv/real $at ;;
	mounted)
		install -d $at && install -d -o carol /srv/real &&
			mount --bind /srv/real $at
		;;
	esac
	case $1 in
	queue_directory) mv $QUEUE $at/box ;;
	data_directory) mv $DATA $at/box ;;
	esac
	sed -i "s|^$1 = .*|$1 = $at/box|" $CONFIG/main.cf
	grep -q "^$1 = $at/box" $CONFIG/main.cf
}

config_below() { # KIND
	install -d /srv/hers
	case $1 in
	foreign) chown carol /srv/hers ;;
	open) chmod 777 /srv/hers ;;
	sticky) chmod 1777 /srv/hers ;;
	linked) mv /srv/hers /srv/real && ln -s /srv/real /srv/hers ;;
	mounted)
		install -d -o carol /srv/real &&
			mount --bind /srv/real /srv/hers
		;;
	esac
	mv $CONFIG /srv/hers/box
	ln -s /srv/hers/box $CONFIG # for the test's own commands
	sed -i "s|$CONFIG|/srv/hers/box|" /etc/postfix/main.cf
}

# Another mount is on top of the directory.
mounted() { # DIRECTORY
	cp -a "$1" /srv/hers
	chown carol /srv/hers
	mount --bind /srv/hers "$1"
}

over() { # DIRECTORY: a copy that is carol's is mounted on it
	cp -a "$1" /srv/hers && chown carol /srv/hers &&
		mount --bind /srv/hers "$1"
}

twin() { # DIRECTORY: the same inode as another instance's, by a bind mount
	"$POSTMULTI" -I postfix-twin -e create >/dev/null && age &&
		mount --bind "${1/box/twin}" "$1"
}

twin_config() { # two entries of the list are one directory
	sed -i "s|^\(multi_instance_directories = .*\)$|\1 $CONFIG/.|" \
		/etc/postfix/main.cf
}

twin_param() { # PARAMETER: the same string as another instance's
	"$POSTMULTI" -I postfix-twin -e create >/dev/null && age &&
		sed -i "/^$1 =/s/box/twin/" $CONFIG/main.cf
}

primarys_param() { # PARAMETER: the primary's directory
	sed -i "/^$1 =/s/postfix-box/postfix/" $CONFIG/main.cf
}

files_d() {
	install -d -o carol /etc/postfix/postfix-files.d
}

files_entry() {
	install -d /etc/postfix/postfix-files.d
	install -o carol /dev/null /etc/postfix/postfix-files.d/more
}

# --- the rows --------------------------------------------------------------------

install_suite
install_policy <<EOF
permit alice $ALL instance postfix-box
permit alice $ALL instance postfix-new
permit alice $ALL instance postfix-imp
EOF
"$POSTMULTI" -e init && cp -a "$META"/{main,master}.cf.proto /tmp || exit 1
cp -a /etc/postfix/main.cf /tmp/primary.cf

# None of what follows is for another reason than the planted thing.
healthy() {
	local word
	for word in "-e enable" "-e disable" "-G other -e assign" \
		"-G - -e assign" "-p check"; do
		# shellcheck disable=SC2086
		works alice "$POSTMULTI" -i postfix-box $word
	done
	run alice "$POSTMULTI" -i postfix-box -p status
	is "status of a stopped instance" "$STATUS" 1
	works alice "$POSTMULTI" -i postfix-box -e destroy
	works alice "$POSTMULTI" -I postfix-box -e create
	works alice "$POSTMULTI" -i postfix-box -e deport
	works alice "$POSTMULTI" -I postfix-box -e import
}

rebuild || exit 1
check "a healthy instance: every step works" healthy

W="writable by group or others" O="must be root's"
LINK="symbolic link" PLAIN="neither a regular file nor a directory"

# Configuration directory: entries.
for kind in link dirlink dangling fifo socket device; do
	case_of "tmp-symlink: main.cf.tmp is a $kind" "main.cf.tmp.*$PLAIN" \
		all_refused thing $kind $CONFIG/main.cf.tmp
done
case_of "tmp: main.cf.tmp is a hard link" "main.cf.tmp.*hard links" \
	all_refused thing hard $CONFIG/main.cf.tmp
case_of "tmp: main.cf.tmp is another user's" "main.cf.tmp.*$O" \
	all_refused thing foreign $CONFIG/main.cf.tmp
case_of "tmp: main.cf.tmp has mode 0666" "main.cf.tmp.*$W" \
	all_refused thing open $CONFIG/main.cf.tmp
case_of "tmp: main.cf.tmp is writable by a group" "main.cf.tmp.*$W" \
	all_refused thing group $CONFIG/main.cf.tmp
case_of "tmp: master.cf.tmp is a symlink" "master.cf.tmp.*$PLAIN" \
	all_refused thing link $CONFIG/master.cf.tmp
for kind in link fifo socket device; do
	case_of "fifo-main: main.cf is a $kind" "main.cf" \
		all_refused becomes $kind $CONFIG/main.cf
	case_of "master.cf is a $kind" "master.cf.*$PLAIN" \
		all_refused becomes $kind $CONFIG/master.cf
done
for file in main.cf master.cf; do
	case_of "$file has a hard link elsewhere" "$file.*hard links" \
		all_refused becomes hard $CONFIG/$file
	case_of "$file is another user's" "$file.*$O" \
		all_refused becomes foreign $CONFIG/$file
	case_of "$file is writable by a group" "$file.*$W" \
		all_refused becomes group $CONFIG/$file
	case_of "$file is writable by all" "$file.*$W" \
		all_refused becomes open $CONFIG/$file
done
if [ -n "$(type -P setfacl)" ]; then
	case_of "main.cf is writable by an ACL" "main.cf.*$W" \
		all_refused becomes acl $CONFIG/main.cf
else
	skip_case "main.cf is writable by an ACL" "no setfacl"
fi
case_of "install-cf: install.cf is run by root's shell" "install.cf" \
	all_refused install_cf
case_of "an entry two levels down is another user's" "maps/more/table.*$O" \
	all_refused deep
case_of "a sub-directory is another user's" "maps.*$O" \
	all_refused thing foreigndir $CONFIG/maps
case_of "a sub-directory is writable by all" "maps.*$W" \
	all_refused thing opendir $CONFIG/maps
case_of "a sub-directory is a symlink" "maps.*$PLAIN" \
	all_refused thing dirlink $CONFIG/maps
case_of "a makedefs.out that isn't the package's is no exception" \
	"maps/makedefs.out.*$PLAIN" all_refused eval \
	"mkdir $CONFIG/maps; thing link $CONFIG/maps/makedefs.out"

# Shared parameters.
for name in command_directory daemon_directory meta_directory mail_owner \
	setgid_group sendmail_path mailq_path newaliases_path html_directory \
	manpage_directory sample_directory readme_directory shlib_directory \
	import_environment debugger_command multi_instance_wrapper \
	multi_instance_directories alternate_config_directories; do
	case_of "daemon-dir: $name isn't the primary's" \
		"main.cf.*$name.*differs from the primary's" \
		all_refused shared_param $name
done
case_of "daemon-dir: set twice, the last one counts" "daemon_directory.*differs" \
	all_refused param "daemon_directory = /usr/lib/postfix/sbin" \
	"daemon_directory = /srv/evil"
case_of "daemon-dir: on a continuation line" "daemon_directory.*differs" \
	all_refused param "daemon_directory =" "# a comment" "  /srv/evil"
# shellcheck disable=SC2016
case_of "daemon-dir: by another parameter" "daemon_directory.*differs" \
	all_refused param 'daemon_directory = $config_directory/evil'

# Ancestors.
# A delegate is told which instance can't be trusted, not what is wrong with it
# when its main.cf isn't: it may be none of hers.
rows() { # WHAT PATH PLANT...: each kind of an ancestor
	case_of "ancestors: $1 below another user's directory" "$2.*$O|not: $2/" \
		all_refused "${@:3}" foreign
	case_of "ancestors: $1 below a directory writable by all" "$2.*$W|not: $2/" \
		all_refused "${@:3}" open
	case_of "ancestors: $1 below a sticky one" "$2.*$W|not: $2/" \
		all_refused "${@:3}" sticky
	case_of "ancestors: $1 below a symlink" "$2.*$LINK|not: $2/" \
		all_refused "${@:3}" linked
	case_of "ancestors: $1 below another user's mount" "$2.*$O|not: $2/" \
		all_refused "${@:3}" mounted
}
rows "configuration" /srv/hers config_below
rows "queue" /srv/hers below queue_directory
rows "data" /srv/hers below data_directory
for at in $CONFIG $QUEUE; do
	case_of "$at is another user's" "$at.*$O|not: $at" all_refused foreign $at
	case_of "$at is writable by all" "$at.*$W|not: $at" all_refused open $at
	case_of "$at is writable by a group" "$at.*$W|not: $at" all_refused open $at 775
	case_of "$at is another user's mount" "$at.*$O|not: $at" all_refused mounted $at
done
case_of "$CONFIG is a symlink" "$CONFIG.*$LINK|not: $CONFIG" all_refused linked $CONFIG
for at in $QUEUE $DATA; do
	case_of "$at is a symlink" "$at.*($LINK|must be a directory)" \
		all_refused linked $at
	case_of "$at is a FIFO" "$at.*(not a directory|must be a directory)" \
		all_refused replaced $at fifo
done
case_of "$DATA is writable by all" "$DATA.*$W" all_refused open $DATA
case_of "$DATA is another user's" "$DATA.*must be a directory of postfix's" \
	commands_refused foreign $DATA
case_of "$DATA is root's" "$DATA.*must be a directory of postfix's" \
	commands_refused eval "chown root $DATA; chmod 700 $DATA"

# same-inode.
USED="in use by instance|conflicts with instance"
case_of "same-inode: the queue is another instance's, by a bind mount" \
	"in use by instance" all_refused twin $QUEUE
case_of "same-inode: the data is another instance's, by a bind mount" \
	"in use by instance" all_refused twin $DATA
case_of "same-inode: the configuration is another's, by a bind mount" \
	"postfix-twin|No instance named postfix-box" all_refused twin $CONFIG
case_of "same-inode: listed twice under two names" \
	"in use by instance" all_refused twin_config
for name in queue_directory data_directory; do
	case_of "$name is also another instance's" "$USED" \
		all_refused twin_param $name
	case_of "$name is also the primary's" "$USED" \
		all_refused primarys_param $name
done

# Queue sub-directories, before postfix(1) runs.
S="must be a directory of"
for sub in active maildrop pid private; do
	for kind in dirlink dangling fifo; do
		case_of "queue-symlink: $sub is a $kind" "$QUEUE/$sub.*$S" \
			commands_refused thing $kind $QUEUE/$sub
	done
	case_of "$sub is another user's" "$QUEUE/$sub.*$S" \
		commands_refused foreign $QUEUE/$sub
	case_of "$sub is writable by all" "$QUEUE/$sub.*$S" \
		commands_refused open $QUEUE/$sub
done
case_of "pid is the mail owner's" "$QUEUE/pid.*$S root's" \
	commands_refused chown postfix $QUEUE/pid
case_of "maildrop has another group" "$QUEUE/maildrop.*$S" \
	commands_refused chgrp carol $QUEUE/maildrop
for sub in active maildrop; do
	case_of "destroy: $sub is a symlink" "queue directory|$sub" \
		destroy_refused thing dirlink $QUEUE/$sub
done

# What Postfix does goes by $meta_directory/postfix-files.
case_of "postfix-files is another user's" "postfix-files.*$O" \
	commands_refused chown carol /etc/postfix/postfix-files
case_of "postfix-files.d is another user's" "postfix-files.d.*$O" \
	commands_refused files_d
case_of "a file in postfix-files.d is another user's" "more.*$O" \
	commands_refused files_entry
rm -rf /etc/postfix/postfix-files.d/more

# The rest of each table: other kinds, other places, other ways to write it.
for kind in hard fifo socket device link dangling open group; do
	case_of "two levels down: a $kind" "maps/more/table" \
		check_refused deep $kind
done
case_of "deeper than anybody looks" "too deep" check_refused too_deep
case_of "a sub-directory is sticky and writable" "maps.*$W" \
	check_refused thing sticky $CONFIG/maps
for file in main.cf master.cf; do
	case_of "$file is a link within the directory" "$file" \
		all_refused becomes inside $CONFIG/$file
done
case_of "main.cf is a directory" "main.cf|not: $CONFIG" \
	all_refused becomes dir $CONFIG/main.cf
case_of "main.cf is missing" "main.cf.*No such file" \
	all_refused becomes missing $CONFIG/main.cf
for at in $CONFIG $QUEUE $DATA; do
	case_of "$at is sticky and writable" "$at.*$W|not: $at" \
		all_refused open $at 1777
	if [ -n "$(type -P setfacl)" ]; then
		case_of "$at is writable by an ACL" "$at.*$W|not: $at" all_refused acl $at
	else
		skip_case "$at is writable by an ACL" "no setfacl"
	fi
done
case_of "$DATA is writable by a group" "$DATA.*$W" all_refused open $DATA 770
case_of "$DATA is another user's mount" "$DATA.*must be a directory of" \
	commands_refused mounted $DATA
case_of "$QUEUE/active is another user's mount" "active.*$S" \
	commands_refused mounted $QUEUE/active
for at in $QUEUE $DATA; do
	for kind in dangling socket device open; do
		case_of "$at is replaced: $kind" \
			"$at.*(not a directory|must be a directory|$LINK)" \
			all_refused replaced $at $kind
	done
done
for at in /../var/ /./ //; do
	case_of "ancestors: \"$at\" in queue_directory" \
		"queue_directory|main.cf.*/" all_refused \
		lexical queue_directory /var${at}spool/postfix-box
	case_of "ancestors: \"$at\" in data_directory" \
		"data_directory|main.cf.*/" all_refused \
		lexical data_directory /var${at}lib/postfix-box
	case_of "ancestors: \"$at\" in the list" \
		"not a usable absolute path|not: /etc" all_refused \
		listed_as /etc${at/var/etc}postfix-box
done
while IFS=: read -r sub _ owner _; do
	sub=${sub##*/}
	[[ " active maildrop pid private " != *" $sub "* ]] || continue
	case_of "queue-symlink: $sub is a link" "$QUEUE/$sub.*$S" \
		check_refused thing dirlink $QUEUE/$sub
	case_of "$sub is another user's" "$QUEUE/$sub.*$S $owner" \
		check_refused foreign $QUEUE/$sub
	case_of "$sub is writable by all" "$QUEUE/$sub.*$S" \
		check_refused open $QUEUE/$sub
done < <(sed -n 's|^\(\$queue_directory/[a-z]*\):d:\$*\([a-z_]*\):.*|\1:d:\2:|p' \
	/etc/postfix/postfix-files | sed 's/mail_owner/postfix/')
for kind in socket device; do
	case_of "queue-symlink: active is a $kind" "$QUEUE/active.*$S" \
		check_refused thing $kind $QUEUE/active
done
case_of "a program of Postfix's is another user's" "/usr/sbin/postfix.*$O" \
	commands_refused chown carol /usr/sbin/postfix
case_of "a program of Postfix's is writable by a group" "/usr/sbin/postfix.*$W" \
	commands_refused chmod 775 /usr/sbin/postfix
case_of "the daemons' directory is another user's" "$DAEMONS.*$O" \
	commands_refused chown carol "$DAEMONS"
for program in master postfix-script smtpd; do
	case_of "the daemons' directory: $program is another user's" \
		"$DAEMONS/$program.*$O" \
		commands_refused chown carol "$DAEMONS/$program"
	case_of "the daemons' directory: $program is writable by all" \
		"$DAEMONS/$program.*$W" \
		commands_refused chmod 777 "$DAEMONS/$program"
done

# The primary's, which the list is in.
P=/etc/postfix
case_of "primary: its directory is another user's" "$P.*$O" \
	all_refused foreign $P
case_of "primary: its directory is writable by all" "$P.*$W" all_refused open $P
case_of "primary: its directory is sticky" "$P.*$W" all_refused open $P 1777
for kind in link fifo socket device hard foreign group open; do
	case_of "primary: main.cf is a $kind" "$P/main.cf" \
		all_refused becomes $kind $P/main.cf
done
# Nobody but root could have planted it: replaced or refused, not followed.
replaced_tmp() {
	local SAYS=main.cf.tmp
	run alice "$POSTMULTI" -i postfix-box -e deport
	[ "$STATUS" -le 1 ] || fail "deport hangs or dies"
	[ "$STATUS" = 1 ] || { [ ! -e $P/main.cf.tmp ] && [ ! -L $P/main.cf.tmp ]; } ||
		fail "it is still there"
	[ "$STATUS" = 0 ] || one_line
	is "the victims" "$(stat -c %a:%U:%s:%h /srv/victim/file /etc/victim |
		tr '\n' ' ')" "$1"
	is "the list's file" "$(stat -c %F:%a:%U $P/main.cf)" \
		"regular file:644:root"
}
for kind in link dangling hard fifo open foreign; do
	rebuild || exit 1
	thing $kind $P/main.cf.tmp
	check "primary: main.cf.tmp is a $kind" replaced_tmp \
		"$(stat -c %a:%U:%s: /srv/victim/file)1 $(
			stat -c %a:%U:%s: /etc/victim)1 "
done
state_open() { # What only root may look into, for others to write
	local at=$1
	run alice "$POSTMULTI" -i postfix-box -e disable
	is "exit status with $at" "$STATUS" 1
	err_has "$at"
	chown root:root "$at"
	chmod "$2" "$at"
	works alice "$POSTMULTI" -i postfix-box -e disable
}
for at in /var/lib/postmulti /var/lib/postmulti/records; do
	rebuild || exit 1
	mode=$(stat -c %a $at)
	chown carol $at
	check "state: $at is another user's" state_open $at "$mode"
	chmod 777 $at
	check "state: $at is writable by all" state_open $at "$mode"
done

# --- create and import -----------------------------------------------------------

create_refused() {
	run alice "$POSTMULTI" -I postfix-new -e create
	one_line
	by_hand dirs op=dirs.make name=postfix-new
}

import_refused() {
	run alice "$POSTMULTI" -I postfix-imp -e import
	one_line
	by_hand dirs op=dirs.repair name=postfix-imp
}

# By what only the helper that would do it can see: the import has begun.
import_refused_late() {
	import_refused
	import_refused
	rm -f /var/lib/postmulti/records/,etc,postfix-imp
}

for at in /etc/postfix-new /var/spool/postfix-new /var/lib/postfix-new; do
	for kind in dirlink dangling fifo socket foreign foreigndir opendir; do
		case_of "create: $at is there, a $kind" "$at" \
			create_refused thing $kind $at
	done
	case_of "create: $at is there, root's own" "$at.*exists already" \
		create_refused install -d $at
done
case_of "create: /var/spool is another user's" "/var/spool.*$O" \
	create_refused foreign /var/spool
case_of "create: /var/lib is writable by all" "/var/lib.*$W" \
	create_refused open /var/lib
case_of "create: /etc is writable by a group" "/etc.*$W" \
	create_refused open /etc 775

case_of "create: /var/spool is sticky" "/var/spool.*$W" \
	create_refused open /var/spool 1777
case_of "create: /var/lib is another user's mount" "/var/lib.*$O" \
	create_refused over /var/lib
case_of "create: /var/spool is another user's mount" "/var/spool.*$O" \
	create_refused over /var/spool

# What a new instance is copied from: an entry of its master.cf is run as root.
for file in main.cf.proto master.cf.proto; do
	for kind in link dir fifo; do
		case_of "create: $file is a $kind" \
			"$file.*($PLAIN|symbolic link|regular file)" \
			create_refused becomes $kind "$META/$file"
	done
	case_of "create: $file has a hard link elsewhere" "$file.*hard links" \
		create_refused becomes hard "$META/$file"
	case_of "create: $file is another user's" "$file.*$O" \
		create_refused becomes foreign "$META/$file"
	case_of "create: $file is writable by a group" "$file.*$W" \
		create_refused becomes group "$META/$file"
	case_of "create: $file is writable by all" "$file.*$W" \
		create_refused becomes open "$META/$file"
done

# shellcheck disable=SC2120
to_import() { # PLANT [ARGUMENT...]
	"$POSTMULTI" -I postfix-imp -e create && age &&
		"$POSTMULTI" -i postfix-imp -e deport && age || return 1
	[ $# = 0 ] || "$@"
}

import_works() {
	to_import
	works alice "$POSTMULTI" -I postfix-imp -e import
}

imp_param() { # PARAMETER VALUE
	sed -i "s|^$1 = .*|$1 = $2|" /etc/postfix-imp/main.cf
}

rebuild || exit 1
check "import: a healthy instance" import_works
case_of "import: install.cf" "install.cf" import_refused \
	to_import eval 'echo "id >/tmp/mark" >/etc/postfix-imp/install.cf'
case_of "import: main.cf is another user's" "main.cf.*$O" import_refused \
	to_import chown carol /etc/postfix-imp/main.cf
case_of "import: main.cf has a hard link" "main.cf.*hard link" import_refused \
	to_import ln /etc/postfix-imp/main.cf /etc/real
case_of "import: main.cf.tmp is a symlink" "main.cf.tmp.*$PLAIN" \
	import_refused to_import thing link /etc/postfix-imp/main.cf.tmp
case_of "import: the directory is another user's" "postfix-imp.*$O" \
	import_refused to_import chown carol /etc/postfix-imp
case_of "import: daemon_directory isn't the primary's" "daemon_directory" \
	import_refused to_import eval \
	'echo daemon_directory=/srv/evil >>/etc/postfix-imp/main.cf'
case_of "import: the queue is the primary's" "$USED" import_refused \
	to_import imp_param queue_directory /var/spool/postfix
case_of "import: the data is another instance's" "$USED" import_refused \
	to_import imp_param data_directory $DATA
case_of "import: the data is a directory of root's" "/srv/victim" \
	import_refused_late to_import imp_param data_directory /srv/victim
case_of "import: the queue is a symlink" "postfix-imp.*$LINK" import_refused \
	to_import eval 'rm -rf /var/spool/postfix-imp;
	ln -s /srv/victim /var/spool/postfix-imp'
case_of "import: the data is below another user's directory" "/srv/hers.*$O" \
	import_refused to_import eval 'install -d -o carol /srv/hers;
	imp_param data_directory /srv/hers/data'

for kind in hard fifo socket device dangling open; do
	case_of "import: main.cf.tmp is a $kind" "main.cf.tmp" import_refused \
		to_import thing $kind /etc/postfix-imp/main.cf.tmp
done
for kind in link fifo device; do
	case_of "import: main.cf is a $kind" "main.cf" import_refused \
		to_import becomes $kind /etc/postfix-imp/main.cf
done
case_of "import: the directory is writable by all" "postfix-imp.*$W" \
	import_refused to_import open /etc/postfix-imp
case_of "import: the directory is a symlink" "postfix-imp.*$LINK" \
	import_refused to_import linked /etc/postfix-imp
case_of "import: the queue is another user's" "postfix-imp" \
	import_refused_late to_import foreign /var/spool/postfix-imp
case_of "import: the queue is writable by all" "postfix-imp" \
	import_refused_late to_import open /var/spool/postfix-imp
case_of "import: the queue is below another user's directory" "/srv/hers.*$O" \
	import_refused to_import eval 'install -d -o carol /srv/hers;
	imp_param queue_directory /srv/hers/queue'
case_of "import: the data is a FIFO" "postfix-imp" import_refused_late \
	to_import replaced /var/lib/postfix-imp fifo
case_of "import: the data is a symlink" "postfix-imp.*$LINK|not a directory" \
	import_refused to_import linked /var/lib/postfix-imp
case_of "import: a queue's sub-directory is a symlink" "postfix-imp/active" \
	import_refused_late to_import thing dirlink /var/spool/postfix-imp/active
case_of "import: a queue's sub-directory is another user's" \
	"postfix-imp/active" import_refused_late to_import foreign \
	/var/spool/postfix-imp/active

# --- root ------------------------------------------------------------------------

# Whoever may read a file can lock it; whoever owns it can have a lease, which
# holds an open(2) up for 45 seconds.
HELD="/etc/postfix /etc/postfix/main.cf $CONFIG $CONFIG/main.cf $QUEUE $DATA"

# shellcheck disable=SC2016
HOLD='use Fcntl; $SIG{IO} = "IGNORE"; my ($how, @files) = @ARGV;
	for (@files) {
		sysopen(my $f, $_, $how eq "lease" ? O_RDWR : O_RDONLY) or next;
		push @open, $f;
		if ($how eq "lease") {
			fcntl($f, 1024, F_WRLCK) or die "lease: $!";
		} else {
			flock($f, 6) or die "flock: $!";
		}
	}
	print scalar(@open), "\n"; close STDOUT; sleep 120'

held_by_carol() { # flock|lease FILE...
	rm -f /tmp/held
	as carol perl -e "$HOLD" "$@" >/tmp/held 2>/tmp/held.err &
	wait_for 20 [ -s /tmp/held ] || fail "nothing is held: $(cat /tmp/held.err)"
}

flocked() {
	local words
	trap 'pkill -KILL -u carol' EXIT
	# shellcheck disable=SC2086
	held_by_carol flock $HELD
	[ "$(cat /tmp/held)" -ge 4 ] || fail "only $(cat /tmp/held) are held"
	for words in "-e enable" "-e disable" "-G other -e assign" "-p check" \
		"-e deport"; do
		LIMIT=20
		# shellcheck disable=SC2086
		works alice "$POSTMULTI" --lock-timeout=1 -i postfix-box $words
	done
	is "the lock" "$(stat -c %a:%U /var/lib/postmulti/lock)" 600:root
	is "its directory" "$(stat -c %U:%A /var/lib/postmulti)" root:drwx------
}

leased() {
	local LIMIT=20 words
	local SAYS="main.cf.*temporarily unavailable|not: $CONFIG"
	trap 'pkill -KILL -u carol' EXIT
	chown carol $CONFIG/main.cf
	held_by_carol lease $CONFIG/main.cf
	is "leases" "$(cat /tmp/held)" 1
	run alice "$POSTMULTI" -i postfix-box -e enable
	one_line
	by_hand config op=config.enable sel.inode=$CONFIG
	by_hand exec op=exec.postfix sel.inode=$CONFIG command=check
	for words in "-l" "-i postfix-box -e enable" "doctor"; do
		# shellcheck disable=SC2086
		run root "$POSTMULTI" $words
		[ "$STATUS" -le 1 ] || fail "$words waits for the lease"
	done
	run alice "$POSTMULTI" -l
	[ "$STATUS" -le 1 ] || fail "-l waits for the lease"
}

rebuild || exit 1
check "flock-dos: carol holds locks on what she can read" flocked
rebuild || exit 1
check "lease: carol has one on a main.cf of hers" leased

for kind in link dangling hard fifo open; do
	case_root "main.cf.tmp is a $kind" thing $kind $CONFIG/main.cf.tmp
done
case_root "a map is another user's" deep
case_root "daemon_directory is its own" shared_param daemon_directory
case_root "the list has a symlink of root's" linked $CONFIG
case_root "the queue is below another user's directory" \
	below queue_directory foreign
rebuild
finish
