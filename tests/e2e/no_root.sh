#!/bin/bash
# No way to root: with every action of every set permitted on one instance, a
# delegate tries to make root run or write something else; so does somebody
# who has taken over the mail owner.  Everything that root might be made to
# run leaves a mark, everything that it might be made to write is a victim.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

CONFIG=/etc/postfix-box QUEUE=/var/spool/postfix-box DATA=/var/lib/postfix-box
COMMANDS=(start status flush reload check stop)
ALL=create,import,destroy,deport,enable,disable,assign,start,stop,reload
ALL+=,flush,check,status,abort,drain,quick-stop
EVIL=/home/alice/evil MARKS=/tmp/marks
PROTOTYPE=$(/usr/sbin/postconf -h meta_directory)/master.cf.proto

# --- canaries --------------------------------------------------------------------

# Programs, shell files and a configuration of alice's, each of which leaves a
# mark when it is root that comes by; and victims that root alone may write.
canaries() {
	local name
	rm -rf $EVIL $MARKS
	mkdir -p $EVIL/bin $EVIL/etc
	mkdir -m 1777 $MARKS
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' 'if [ "$(/usr/bin/id -u)" = 0 ]; then' \
		"	: >$MARKS/\${0##*/}" 'fi' >$EVIL/mark
	for name in sh bash sed awk find ls tr sort cat rm chown chgrp chmod \
		mkdir cmp grep egrep kill sleep expr test env uname hostname touch \
		postfix postconf postlog postsuper postqueue postalias master \
		postfix-script post-install id logger; do
		cp $EVIL/mark $EVIL/bin/$name
	done
	# shellcheck disable=SC2016
	echo '[ "$(/usr/bin/id -u)" != 0 ] || : >'"$MARKS/sourced" >$EVIL/sourced
	echo "mark |$EVIL/bin/id" >$EVIL/aliases
	cp -r /etc/postfix/. $EVIL/etc
	cat >>$EVIL/etc/main.cf <<-EOF
		daemon_directory = $EVIL/bin
		command_directory = $EVIL/bin
		debugger_command = $EVIL/bin/sh
		multi_instance_wrapper = $EVIL/bin/sh
	EOF
	chmod -R 755 $EVIL
	chown -R alice $EVIL
	chmod 711 /home/alice
	mkdir -p /srv/victim
	echo precious >/srv/victim/file
	echo precious >/srv/victim/readable
	chmod 600 /srv/victim/file
	install -m 600 /srv/victim/file /var/victim # where queues are
}

no_mark() {
	[ -z "$(ls $MARKS)" ] || fail "root ran or read: $(ls $MARKS)"
	[ -z "$(find /tmp/ld.* -user root 2>/dev/null)" ] ||
		fail "root's ld.so obeyed"
}

# What root alone writes, the instance's own state left out.
state() {
	snapshot /etc/passwd /etc/shadow /etc/group /etc/ld.so.* /etc/cron* \
		/etc/postfix /etc/postmulti /usr/local/sbin $HELPERS /srv $EVIL \
		/usr/lib/postfix /usr/sbin/post* 2>/dev/null
	find /etc /root /home -maxdepth 1 -printf '%p %y %u:%g %m\n' | sort
}

# Neither a mark nor a trace.
harmless() { # COMMAND...
	state >/tmp/state
	"$@"
	no_mark
	state >/tmp/state.now
	same "what is root's, after $*" /tmp/state /tmp/state.now
}

# Environments with every name that means something to a shell, to ld.so, to
# Postfix, and every name that import_environment lets in.
hostile() {
	local name
	HOSTILE=("MAIL_CONFIG=$EVIL/etc" "PATH=$EVIL/bin:/usr/bin:/bin" IFS=/
		"BASH_ENV=$EVIL/sourced" "ENV=$EVIL/sourced" SHELLOPTS=xtrace BASHOPTS=extglob
		"PS4=\$(: >$MARKS/ps4)" "CDPATH=$EVIL" "SHELL=$EVIL/bin/sh"
		"PROMPT_COMMAND=: >$MARKS/prompt" GLOBIGNORE='*'
		LD_PRELOAD="$TOOLS/nosleep.so" "LD_LIBRARY_PATH=$EVIL"
		LD_AUDIT="$TOOLS/nosleep.so" LD_DEBUG=files LD_DEBUG_OUTPUT=/tmp/ld
		GLIBC_TUNABLES=glibc.malloc.check=3 "GCONV_PATH=$EVIL"
		"LOCPATH=$EVIL" "NLSPATH=$EVIL/%N" "MALLOC_TRACE=$MARKS/malloc"
		"RESOLV_HOST_CONF=$EVIL/sourced" "HOSTALIASES=$EVIL/sourced"
		"TMPDIR=$EVIL" "HOME=$EVIL" "PERL5LIB=$EVIL" "PYTHONPATH=$EVIL"
		MAIL_DEBUG=yes MAIL_VERBOSE=yes
		"MAIL_LOGTAG=$EVIL" "config_directory=$EVIL/etc"
		"daemon_directory=$EVIL/bin" "command_directory=$EVIL/bin"
		"meta_directory=$EVIL/etc" queue_directory=/srv/victim
		data_directory=/srv/victim mail_owner=alice setgid_group=alice
		"shlib_directory=$EVIL" "multi_instance_name=$EVIL")
	for name in sed find awk id cd test command exec; do
		HOSTILE+=("BASH_FUNC_$name%%=() { : >$MARKS/function-$name; }")
	done
	for name in $(/usr/sbin/postconf -h import_environment); do
		case ${name%%=*} in
		MAIL_CONFIG | MAIL_DEBUG | MAIL_LOGTAG) ;;
		*) HOSTILE+=("${name%%=*}=$EVIL/${name%%=*}") ;;
		esac
	done
}

with_hostile() { # COMMAND...: as alice
	run alice env "${HOSTILE[@]}" "$@"
}

# The same for the front-end, which goes no further with another MAIL_CONFIG.
front_hostile() { # ARGUMENT...
	run alice env -u MAIL_CONFIG "${HOSTILE[@]:1}" "$POSTMULTI" "$@"
}

# The canaries do sing: a shell of root's with that environment.
control() {
	local mark
	env "${HOSTILE[@]}" /bin/sh -c 'sed -n p </dev/null; exit 0'
	env BASH_ENV=$EVIL/sourced /bin/bash -c :
	env "BASH_FUNC_sed%%=() { : >$MARKS/function-sed; }" /bin/bash -c sed
	for mark in sed sourced function-sed; do
		[ -e $MARKS/$mark ] || fail "no mark $mark"
	done
	[ -n "$(find /tmp/ld.* -user root)" ] || fail "ld.so left nothing"
	rm -rf ${MARKS:?}/* /tmp/ld.*
}

figure() {
	[ ! -e /tmp/note ] || echo "#: no way to root: $(cat /tmp/note)"
	rm -f /tmp/note
}

# --- the instance ------------------------------------------------------------------

box() {
	fresh
	"$POSTMULTI" -I postfix-box -e create || exit 1
	age
	"$POSTMULTI" -i postfix-box -x postconf -e master_service_disable= \
		inet_interfaces=loopback-only inet_protocols=ipv4 alias_maps= \
		alias_database= authorized_submit_users=static:anyone "$@"
	"$POSTMULTI" -i postfix-box -x postconf -MX smtp/inet
	"$POSTMULTI" -i postfix-box -e enable
	age
}

master() { # its process id, or nothing
	tr -dc 0-9 <$QUEUE/pid/master.pid 2>/dev/null
}

started() {
	works alice "$POSTMULTI" -i postfix-box -p start
	/usr/sbin/postfix -c $CONFIG status 2>/dev/null || fail "isn't running"
}

# --- environment -----------------------------------------------------------------

environment_commands() {
	local word id
	with_hostile "$POSTMULTI" -i postfix-box -p start
	is "status with another MAIL_CONFIG" "$STATUS" 1
	for word in "${COMMANDS[@]}"; do
		front_hostile -i postfix-box -p "$word"
		[ "$STATUS" = 0 ] || fail "$word should have worked"
		[ "$word" != start ] || {
			id=$(master)
			cp "/proc/$id/environ" /tmp/environ
			readlink "/proc/$id/exe" "/proc/$id/fd/0" >/tmp/master
			cat "/proc/$id/maps" >>/tmp/master
		}
	done
	tr '\0' '\n' </tmp/environ | grep -aE "$EVIL|alice|victim|LD_|BASH" &&
		fail "that is in the master's environment"
	grep -q /usr/lib/postfix /tmp/master || fail "another master"
	grep -q '^/dev/null$' /tmp/master || fail "stdin isn't /dev/null"
	grep -E "nosleep|$EVIL" /tmp/master && fail "the master has it mapped"
	for word in start quick-stop start drain start abort; do
		front_hostile -i postfix-box -p $word
		wait_for 10 eval '[ "$word" = start ] || ! kill -0 "$(master)"'
	done
	[ -z "$(find $QUEUE $CONFIG $DATA -user alice)" ] || fail "alice's"
}

environment_helpers() {
	local word
	for word in "${COMMANDS[@]}"; do
		with_hostile "$TOOLS/frame" "$HELPERS/postmulti-exec" \
			op=exec.postfix sel.name=postfix-box command="$word"
		grep -q '^err OK' <<<"$OUT" || fail "$word should have worked"
	done
}

# Each name alone, so that none hides behind another: a program between frame
# and the helper sets it.
LD=(LD_{BIND_{NOW,NOT},DYNAMIC_WEAK,HWCAP_MASK,ORIGIN_PATH,POINTER_GUARD}
	LD_{PREFER_MAP_32BIT_EXEC,PROFILE,PROFILE_OUTPUT,SHOW_AUXV}
	LD_{USE_LOAD_BIAS,VERBOSE,WARN})

environment_names() {
	local each name
	"$POSTMULTI" -i postfix-box -p start
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' \
		'exec /usr/bin/env "$(cat /tmp/one)" \' \
		"	$HELPERS/postmulti-exec" >/tmp/one_name
	chmod 755 /tmp/one_name
	for each in "${HOSTILE[@]}" "${LD[@]/%/=$EVIL}" \
		"LD_PRELOAD=$EVIL/bin/id" "PATH=$EVIL/bin" PATH= IFS=a \
		"SHELLOPTS=verbose:errexit" POSIXLY_CORRECT=1 TZ=:$EVIL/sourced; do
		printf %s "$each" >/tmp/one
		run alice "$TOOLS/frame" /tmp/one_name op=exec.postfix \
			sel.name=postfix-box command=status
		grep -q '^err OK' <<<"$OUT" || fail "with $each"
		grep -q '^status 0$' <<<"$OUT" || fail "status with $each"
		[ -z "$(ls $MARKS)" ] || fail "$each: $(ls $MARKS)"
	done
	# With this one the C library lets no set-uid program begin.
	echo LD_TRACE_LOADED_OBJECTS=1 >/tmp/one
	run alice "$TOOLS/frame" /tmp/one_name op=exec.postfix \
		sel.name=postfix-box command=status
	grep -q '^none' <<<"$OUT" || fail "it began"
	# None that Postfix lets in was left out.
	for name in $(/usr/sbin/postconf -d -h import_environment) CANARY; do
		[[ " ${HOSTILE[*]}" = *" ${name%%=*}="* ]] || fail "not $name"
	done
	echo "$((${#HOSTILE[@]} + ${#LD[@]})) names in the environment" >/tmp/note
	"$POSTMULTI" -i postfix-box -p stop
}

environment_manage() {
	local words
	works alice "$POSTMULTI" -i postfix-box -e disable
	for words in "-i postfix-box -e destroy" "-I postfix-box -e create" \
		"-i postfix-box -e enable" "-i postfix-box -G x -e assign" \
		"-i postfix-box -e disable" "-i postfix-box -e deport" \
		"-I postfix-box -e import"; do
		# shellcheck disable=SC2086
		front_hostile $words
		[ "$STATUS" = 0 ] || fail "$words should have worked"
		grep -Eq 'evil|victim' $CONFIG/main.cf && fail "in main.cf"
	done
	[ -z "$(find /etc/postfix* $QUEUE $DATA -user alice)" ] || fail "alice's"
}

# --- sets ----------------------------------------------------------------------------

# Each set alone, with that environment: what is in it works, all else is
# denied, and no word more is taken.
declare -A MEANS=(
	[restart]=" stop start reload status check "
	[operate]=" stop start reload status check flush "
	[manage]=" create destroy enable disable assign "
)

asked() { # ACTION: leaves the answer in ANSWER
	local helper=config words=(sel.name=postfix-box)
	case $1 in
	enable | disable) words+=("op=config.$1") ;;
	assign) words+=(op=config.assign group=x) ;;
	deport) words+=(op=config.deregister) ;;
	destroy) helper=dirs words+=(op=dirs.clear) ;;
	create) helper=dirs words=(op=dirs.make name=postfix-new) ;;
	import) helper=dirs words=(op=dirs.repair name=postfix-new) ;;
	*) helper=exec words+=(op=exec.postfix "command=$1") ;;
	esac
	with_hostile "$TOOLS/frame" "$HELPERS/postmulti-$helper" "${words[@]}"
	ANSWER=$(sed -n 's/^err //p' <<<"$OUT")
}

# In an order in which each works: stopped before it is disabled, and that
# before it is destroyed.
set_alone() { # SET
	local action yes=0
	box
	trap policy EXIT
	install_policy <<-EOF
		permit alice $1 instance postfix-box
		permit alice $1 instance postfix-new
	EOF
	for action in start status reload flush check stop abort drain \
		quick-stop enable assign disable deport create import destroy; do
		asked $action
		if [[ ${MEANS[$1]} = *" $action "* ]]; then
			is "the answer to $action" "$ANSWER" OK
			yes=$((yes + 1))
		else
			is "the answer to $action" "$ANSWER" DENIED
		fi
	done
	is "actions that work" "$yes" "$(wc -w <<<"${MEANS[$1]}")"
	box
	words_refused
	no_mark
}

policy() {
	install_policy <<-EOF
		permit alice $ALL instance postfix-box
		permit alice $ALL instance postfix-new
	EOF
}

# --- words --------------------------------------------------------------------------

words_refused() {
	local words
	for words in "$EVIL/bin/id" "/bin/sh -c id" "/bin/sh" \
		"-c $EVIL/etc start" "-D start" "start $EVIL/bin/id" \
		"start start" "start-fg" "set-permissions" "upgrade-configuration" \
		"post-install create-missing" "tls all" "logrotate" "check-fatal" \
		"check-warn" "start_msg" "start;id" "START" "../../bin/sh" \
		"status -c$EVIL/etc"; do
		# shellcheck disable=SC2086
		refused alice "$POSTMULTI" -i postfix-box -p $words
	done
	refused alice "$POSTMULTI" -i postfix-box -p ''
	refused alice "$POSTMULTI" -i postfix-box -p " start"
	refused alice "$POSTMULTI" -i postfix-box -p $'start\nstop'
	[ -z "$(master)" ] || ! kill -0 "$(master)" 2>/dev/null ||
		fail "it was started"
}

no_answer() { # HELPER KEY=VALUE...
	run alice "$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	grep -q '^err OK' <<<"$OUT" && fail "it was permitted"
	true
}

# A frame has a number where the command is, and no room for more words.
words_by_hand() {
	local n
	for n in 0 1 2 3 4 5 6 7 17 18 255 256 4294967295 2147483648; do
		no_answer exec op=exec.postfix sel.name=postfix-box command=$n
	done
	for n in name group config queue data; do
		no_answer exec op=exec.postfix sel.name=postfix-box \
			command=status $n=postfix-evil
		no_answer exec op=exec.postfix sel.name=postfix-box \
			command=status $n=$EVIL/bin/id
	done
	no_answer exec op=exec.postfix sel.dir=$EVIL/etc command=status
	no_answer exec op=exec.postfix sel.inode=$EVIL/etc command=status
	no_answer exec op=exec.postfix sel.name=../home/alice/evil/etc \
		command=status
}

# Arguments of the helper itself: root's way to hand over words.
# shellcheck disable=SC2016
words_argv() {
	local helper words
	for helper in exec config dirs; do
		for words in "-- /bin/sh -c id" "-- $EVIL/bin/id" "start" "-c" ""; do
			run alice bash -c 'set -o pipefail
				head -c 4096 /dev/zero | "$0" "$@" 3<&0 </dev/null 4>&1 |
				tr -d "\0"' "$HELPERS/postmulti-$helper" ${words:-''}
			[ "$STATUS" != 0 ] || fail "served"
			[ -n "$words" ] || continue
			out_has 'helpers take no arguments'
		done
	done
}

# What stands in main.cf is a name or a group: no line's end, no blank.
names_refused() {
	local bad
	for bad in $'x\ndaemon_directory=/home/alice/evil/bin' "x y" '$x' '`id`' \
		'${config_directory}' "x,y" "x;y" "x#" "-x" ".x" "x/../../y" \
		$'x\r' "x'" 'x"' 'x\'; do
		refused alice "$POSTMULTI" -i postfix-box -G "$bad" -e assign
		refused alice "$POSTMULTI" -i postfix-box -I "postfix-$bad" -e assign
		refused alice "$POSTMULTI" -I "postfix-$bad" -e create
		no_answer config op=config.assign sel.name=postfix-box \
			group="${bad:0:127}"
		no_answer config op=config.assign sel.name=postfix-box \
			name="postfix-${bad:0:110}"
		no_answer dirs op=dirs.make name="postfix-${bad:0:110}"
	done
}

# Nor are there other parameters, by any way a user has.
parameters_refused() {
	local word
	for word in config_directory=$EVIL/etc queue_directory=/srv/victim \
		data_directory=/srv/victim daemon_directory=$EVIL/bin; do
		refused alice "$POSTMULTI" -I postfix-new -e create $word
		refused alice "$POSTMULTI" -I postfix-new -e import $word
		refused alice "$POSTMULTI" -i postfix-box -e assign $word
	done
	snapshot $CONFIG >/tmp/config
	for word in "postconf -e daemon_directory=$EVIL/bin" \
		"postconf -Me evil/unix=evil_unix_-_n_n_-_-_pipe" \
		"cp $EVIL/etc/main.cf $CONFIG/main.cf" \
		"cp $EVIL/etc/main.cf $CONFIG/main.cf.tmp" \
		"ln -sf $EVIL/etc/master.cf $CONFIG/master.cf" \
		"cp $EVIL/sourced $CONFIG/install.cf" "mkdir $CONFIG/maps" \
		"mv $CONFIG /etc/postfix-away" "chmod 777 $CONFIG" \
		"mv $QUEUE/pid $QUEUE/dip" "cp $EVIL/sourced $QUEUE/pid/master.pid" \
		"touch $QUEUE/quick-start" "mkdir $DATA/evil"; do
		# shellcheck disable=SC2086
		run alice "$POSTMULTI" -i postfix-box -x $word
		[ "$STATUS" != 0 ] || fail "alice may"
	done
	snapshot $CONFIG >/tmp/config.now
	same "the configuration" /tmp/config /tmp/config.now
}

# What root wrote into the instance's main.cf, for each parameter that can name a
# program, file, directory, table or account: here it names alice's.  Such as
# all instances share, and the instance's own directories, refuse the delegate;
# without a name she has no rule; the rest is root's word, and no command of
# hers makes root run or write what is named there.
SHARED=" command_directory daemon_directory meta_directory mail_owner
	setgid_group sendmail_path mailq_path newaliases_path html_directory
	manpage_directory sample_directory readme_directory shlib_directory
	import_environment debugger_command multi_instance_wrapper
	multi_instance_directories alternate_config_directories "

parameter_names() {
	/usr/sbin/postconf -d | awk '
		$1 ~ /_(director(y|ies)|path|commands?|program|wrapper|files?|dir)$/ ||
		$1 ~ /_(maps?|database|environment|owner|group|user|root|chroot)$/ ||
		$1 ~ /_(socket|prefixes|compressor|privs|transport|script|name)$/ ||
		$1 ~ /_(CAfile|CApath|source|extension|format|rights|policy)$/ ||
		$1 ~ /^(maillog|postlog|multi_instance|tls_|.*sasl)/ ||
		$3 ~ "/" { print $1 }' | grep -v '^multi_instance_enable$' | sort -u
}

hers() { # PARAMETER: what it is set to
	case $1 in
	alias_maps) echo "texthash:$EVIL/aliases" ;;
	*_maps | *_map | *_database) echo "texthash:$EVIL/sourced" ;;
	*_owner | *_group | *_user | *_privs) echo alice ;;
	*_directory | *_dir | *_root | *_chroot | *_CApath) echo $EVIL/etc ;;
	import_environment | export_environment) echo LD_PRELOAD PATH BASH_ENV ;;
	*) echo $EVIL/bin/id ;;
	esac
}

with_parameters() { # PARAMETER...
	local name
	cp -p /tmp/box.cf $CONFIG/main.cf
	for name; do
		sed -i "/^$name *=/d" $CONFIG/main.cf
		echo "$name = $(hers "$name")" >>$CONFIG/main.cf
	done
	age
}

ACCEPTED=/tmp/accepted

parameters_of_root() {
	local name error n=0
	cp -p $CONFIG/main.cf /tmp/box.cf
	: >$ACCEPTED
	for name in $(parameter_names); do
		with_parameters "$name"
		run alice "$TOOLS/frame" "$HELPERS/postmulti-exec" \
			op=exec.postfix sel.inode=$CONFIG command=status
		error=$(sed -n 's/^err //p' <<<"$OUT")
		n=$((n + 1))
		if [[ $SHARED =~ [[:space:]]${name}[[:space:]] ]]; then
			is "the answer with $name" "$error" UNTRUSTED
			out_has "$name differs from the primary's"
		elif [[ $name = @(queue|data)_directory ]]; then
			is "the answer with $name" "$error" UNTRUSTED
			out_has "must be root's"
		elif [ "$name" = multi_instance_name ]; then
			is "the answer with $name" "$error" DENIED
		else
			is "the answer with $name" "$error" OK
			echo "$name" >>$ACCEPTED
		fi
		[ -z "$(ls $MARKS)" ] || fail "$name: $(ls $MARKS)"
	done
	for name in $SHARED; do
		parameter_names | grep -qx "$name" || fail "$name wasn't tried"
	done
	cp -p /tmp/box.cf $CONFIG/main.cf
	age
	echo "$n parameters in main.cf, $((n - $(wc -l <$ACCEPTED)))" \
		"of them refused" >/tmp/note
}

# The rest with daemons: all at once, or in halves where Postfix doesn't start
# with one of them.  Whoever permits a log file there by the one parameter and
# names it by the other has it written by root: one of them is left out.
ran=0 SOUND=() stopped=

together() { # PARAMETER...
	with_parameters "$@"
	run alice "$POSTMULTI" -i postfix-box -p start
	if [ "$STATUS" != 0 ] || ! /usr/sbin/postfix -c $CONFIG status 2>/dev/null; then
		run alice "$POSTMULTI" -i postfix-box -p abort
		[ $# -gt 1 ] || {
			stopped+=" $1"
			return
		}
		together "${@:1:$#/2}"
		together "${@:$#/2+1}"
		return
	fi
	ran=$((ran + $#)) SOUND+=("$@")
	for word in check flush reload status flush; do
		run alice "$POSTMULTI" -i postfix-box -p $word
		entries_same
	done
	run alice "$POSTMULTI" -i postfix-box -p abort
	ended
}

ended() {
	wait_for 10 flock -n $QUEUE/pid/master.pid true || fail "it runs on"
}

# Those that Postfix starts with, all at once through everything else that a
# delegate can ask for, a message among it.
a_life() { # PARAMETER...
	local word words
	with_parameters "$@"
	for word in start stop start quick-stop start drain; do
		works alice "$POSTMULTI" -i postfix-box -p $word
		[ $word != start ] || message
		[ $word = start ] || ended
		no_mark
		entries_same
	done
	find $QUEUE/[a-oq-z]* -type f -delete # all but pid
	for words in "-i postfix-box -e disable" "-i postfix-box -G x -e assign" \
		"-i postfix-box -e deport" "-I postfix-box -e import" \
		"-i postfix-box -e destroy" "-I postfix-box -e create"; do
		# shellcheck disable=SC2086
		works alice "$POSTMULTI" $words
		no_mark
		[[ $words = *@(destroy|create) ]] || entries_same
	done
	cmp $CONFIG/master.cf "$PROTOTYPE" || fail "not the prototype"
	cp -p /tmp/entries $CONFIG/master.cf
}

# What is in master.cf is run as root: none of her actions writes it, but
# create, which copies the prototype.
entries_same() {
	cmp $CONFIG/master.cf /tmp/entries || fail "another master.cf"
}

# To somebody here and somebody elsewhere, so that maps are looked into.  With
# all parameters at once it isn't taken, or gets nowhere.
message() {
	run alice sh -c "echo | /usr/sbin/sendmail -C $CONFIG -f alice \
		mark@localhost mark@nowhere.invalid"
	[ "$STATUS" = 0 ] || return
	wait_for "${PATIENCE:-1}" nothing_moves && delivered=$((delivered + 1))
}

nothing_moves() { # all mail is gone or deferred
	[ -z "$(find $QUEUE/{maildrop,incoming,active} -type f)" ]
}

parameters_together() {
	local names delivered=0 maps but
	mapfile -t names < <(grep -vx maillog_file_prefixes $ACCEPTED)
	[ ${#names[@]} -gt 100 ] || fail "only ${#names[@]} names"
	cp -p $CONFIG/master.cf /tmp/entries
	together "${names[@]}"
	[ $ran -gt $((${#names[@]} * 3 / 4)) ] || fail "ran with $ran: $stopped"
	but='^(multi_instance_|alternate_config_)directories *='
	grep -Ev "$but" /etc/postfix/main.cf | sort >/tmp/primary
	cp -p /etc/postfix/main.cf /tmp/listed
	a_life "${SOUND[@]}"
	# With that one she may use no sender.
	mapfile -t maps < <(printf '%s\n' "${SOUND[@]}" |
		grep '_maps$' | grep -v local_login_sender)
	delivered=0
	PATIENCE=20 a_life "${maps[@]}"
	[ $delivered -gt 0 ] || fail "no message got anywhere"
	grep -q "postfix-box/local.*$EVIL/bin/id" "$LOG" || fail "no map was used"
	grep -Ev "$but" /etc/postfix/main.cf | sort >/tmp/primary.now
	same "the primary's main.cf" /tmp/primary /tmp/primary.now
	cp -p /tmp/listed /etc/postfix/main.cf
	find $EVIL -newer /tmp/box.cf -user root | grep . &&
		fail "root has written there"
	cp -p /tmp/box.cf $CONFIG/main.cf
	age
	echo "$ran parameters with daemons, $delivered messages;" \
		"Postfix doesn't start with${stopped:- none}" >/tmp/note
}

# An entry for root to run in what new instances' master.cf is copied from:
# while the file is carol's, no delegate's create copies it.
prototype_entry() {
	local step
	cp -p "$PROTOTYPE" /tmp/prototype
	trap 'cp -p /tmp/prototype "$PROTOTYPE"' EXIT
	echo "evil unix n n n 1 1 ../../../..$EVIL/bin/id" >>"$PROTOTYPE"
	works root "$POSTMULTI" -I postfix-new -e create
	works root "$POSTMULTI" -i postfix-new -e enable
	works root "$POSTMULTI" -i postfix-new -p start
	wait_for 20 [ -e $MARKS/id ] || fail "control: such an entry isn't run"
	for step in "-p stop" "-e disable" "-e destroy"; do
		# shellcheck disable=SC2086
		works root "$POSTMULTI" -i postfix-new $step
	done
	rm $MARKS/id
	chown carol "$PROTOTYPE"
	refused alice "$POSTMULTI" -I postfix-new -e create
	err_has "$PROTOTYPE"
	for step in "dirs op=dirs.make" "config op=config.install" \
		"config op=config.register"; do
		# shellcheck disable=SC2086
		no_answer $step name=postfix-new
	done
	[ ! -e /etc/postfix-new ] || fail "it was made"
	run alice "$POSTMULTI" -i postfix-new -p start
	[ "$STATUS" != 0 ] || fail "it was started"
	no_mark
}

# Whatever the umask, nothing that is made can be written by others, not for a
# moment: the directory itself is 0700 until it is right.
modes() {
	local mask
	for mask in 0 0777; do
		works alice "$POSTMULTI" -i postfix-box -e disable
		works alice "$POSTMULTI" -i postfix-box -e destroy
		run alice sh -c "umask $mask; exec $POSTMULTI -I postfix-box -e create"
		[ "$STATUS" = 0 ] || fail "create with umask $mask"
		works alice "$POSTMULTI" -i postfix-box -e enable
		find $CONFIG $QUEUE $DATA -perm /6022 ! -path $QUEUE/maildrop |
			grep . && fail "writable by others, or set-id"
		find $CONFIG ! -user root | grep . && fail "not root's"
		find $CONFIG $QUEUE $DATA -group alice | grep . && fail "alice's"
	done
	true
}

# --- descriptors 1 and 2 -------------------------------------------------------------

# Bash opens what is given and becomes the front-end; 2 by frame, which says on
# 1 what the helper said.
# shellcheck disable=SC2016
output_to() { # REDIRECTION for descriptor 1
	run alice bash -c 'eval "exec \"\$@\" '"$1"'"' bash "$POSTMULTI" \
		-i postfix-box -p status
}

# shellcheck disable=SC2016
errors_to() { # REDIRECTION for descriptor 2
	run alice bash -c 'eval "exec \"\$@\" '"$1"'"' bash "$TOOLS/frame" \
		"$HELPERS/postmulti-exec" op=exec.postfix sel.name=postfix-box \
		command=status
}

outputs_refused() {
	local to
	: >/tmp/hers
	chown alice /tmp/hers
	for to in '>/proc/self/mem' '<>/proc/self/mem' '</proc/self/status' \
		'>/proc/self/comm' '>/proc/self/oom_score_adj' \
		'</sys/kernel/uevent_seqnum' '</etc/passwd' '</srv/victim/readable' \
		'</tmp/hers' '>/dev/zero' '>/dev/full' '</dev/urandom' '</etc'; do
		output_to "1$to"
		[ "$STATUS" = 1 ] || fail "served with 1$to"
		err_has 'descriptor 1'
		errors_to "2$to"
		grep -q '^err UNTRUSTED' <<<"$OUT" || fail "served with 2$to"
		out_has 'descriptor 2'
	done
	for to in '1>/dev/null' '1</dev/null' '1>&-' '1>/tmp/hers' \
		'1>>/tmp/hers' '1> >(cat)'; do
		output_to "$to"
		grep -q 'descriptor 1' <<<"$ERR" && fail "refused"
	done
	[ "$(stat -c %U /tmp/hers)" = alice ] || fail "not hers any more"
}

# Sockets other than local ones, and O_PATH, which has no shell syntax.
# shellcheck disable=SC2016
outputs_strange() {
	local open
	for open in 'socket(F, 16, 3, 0)' 'socket(F, 2, 2, 0)' \
		'sysopen(F, "/etc/passwd", 0x200000)' \
		'sysopen(F, "/srv/victim/file", 0x200000)' \
		'sysopen(F, "/etc", 0x210000)'; do
		run alice perl -e 'use POSIX; no strict; my $open = shift;
			$^F = 255; eval $open or die "$open: $!";
			POSIX::dup2(fileno(F), 1); exec @ARGV' "$open" \
			"$POSTMULTI" -i postfix-box -p status
		[ "$STATUS" = 1 ] || fail "served with $open"
		err_has 'descriptor 1'
	done
}

# Postfix opens /dev/stdout again, by name and as root: what alice may only
# read must not be there.
stdout_log() {
	local file=/srv/victim/readable word
	box maillog_file=/dev/stdout
	for word in status check start; do
		run alice bash -c "exec $POSTMULTI -i postfix-box -p $word 1<$file"
		[ "$STATUS" = 1 ] || fail "served"
		is "the file" "$(cat $file)" precious
	done
	# So it would be, for whoever may write: the way exists.
	run alice bash -c "exec $POSTMULTI -i postfix-box -p status >/tmp/hers"
	box
}

# --- who has taken over the mail owner -------------------------------------------------

# What it can plant; each as itself, in directories of its own.
plant() { # KIND
	local sub
	for sub in active deferred incoming hold corrupt saved bounce defer \
		flush trace private; do
		case $1 in
		links) "${MAIL[@]}" ln -s /srv/victim/file $QUEUE/$sub/4ABCDEF ;;
		dirlinks) "${MAIL[@]}" ln -s /srv/victim $QUEUE/$sub/A ;;
		hardlinks)
			# The kernel may keep it from doing that itself.
			"${MAIL[@]}" ln /var/victim $QUEUE/$sub/7ABCDEF \
				2>/dev/null || ln /var/victim $QUEUE/$sub/7ABCDEF
			;;
		fifos) "${MAIL[@]}" mkfifo $QUEUE/$sub/5ABCDEF ;;
		shells)
			"${MAIL[@]}" cp /bin/true $QUEUE/$sub/su
			"${MAIL[@]}" chmod 6755 $QUEUE/$sub/su
			;;
		names)
			"${MAIL[@]}" touch "$QUEUE/$sub/;: >$MARKS/name;" \
				"$QUEUE/$sub/\$(: >$MARKS/name)" "$QUEUE/$sub/-exec" \
				"$QUEUE/$sub/"$'a\n/srv/victim' 2>/dev/null
			"${MAIL[@]}" mkdir -p "$QUEUE/$sub/ -delete" \
				"$QUEUE/$sub/\`id\`"
			;;
		deep) "${MAIL[@]}" mkdir -p $QUEUE/$sub/1/2/3/4/5/6/7/8/9/A/B/C/D/E/F ;;
		esac
	done
	case $1 in
	sockets)
		for sub in private/smtp private/rewrite public/pickup public/qmgr \
			public/cleanup; do
			"${MAIL[@]}" ln -sfn /srv/victim/file $QUEUE/$sub
		done
		;;
	data)
		for sub in master.lock prng_exch verify_cache.db; do
			"${MAIL[@]}" ln -sfn /srv/victim/file $DATA/$sub
		done
		;;
	datadir)
		"${MAIL[@]}" ln -s /srv/victim $DATA/dir
		"${MAIL[@]}" mkfifo $DATA/master.lock
		;;
	maildrop) "${MAIL[@]}" ln -s /srv/victim/file $QUEUE/maildrop/6ABCDEF ;;
	esac
	true
}
MAIL=(as postfix)

# Postfix may well refuse: whatever it does, it does it to nobody else.
taken_over() { # KIND
	local word
	plant "$1"
	[ -n "$(find $QUEUE $DATA -samefile /var/victim -o -user postfix \
		\( -type l -o -type p -o -name su -o -name '*-*' -o -name F \))" ] ||
		fail "nothing was planted"
	for word in check start flush reload status stop; do
		LIMIT=30 run alice "$POSTMULTI" -i postfix-box -p "$word"
		[ "$STATUS" -le 1 ] || fail "$word didn't end"
	done
	run alice "$POSTMULTI" -i postfix-box -p abort
	run alice "$POSTMULTI" -i postfix-box -e disable
	run alice "$POSTMULTI" -i postfix-box -e destroy
	[ "$STATUS" -le 1 ] || fail "destroy didn't end"
	[ -z "$(find $QUEUE -user root -perm /6000 2>/dev/null)" ] ||
		fail "root's and set-id"
	[ -z "$(find $CONFIG -user postfix 2>/dev/null)" ] || fail "it got in"
}

# Nor can it reach what root works with.
taken_over_root() {
	local word
	for word in "mv $QUEUE/active $QUEUE/x" "ln -s / $QUEUE/x" \
		"touch $QUEUE/quick-start" "touch $QUEUE/pid/master.pid" \
		"mv $DATA /var/lib/x" "touch $CONFIG/install.cf" \
		"touch /var/lib/postmulti/records/x" "mkdir $QUEUE/etc"; do
		# shellcheck disable=SC2086
		run postfix $word
		[ "$STATUS" != 0 ] || fail "the mail owner may"
	done
	for word in config dirs exec; do
		run postfix "$HELPERS/postmulti-$word"
		err_has "Permission denied"
	done
}

# --- the cases -------------------------------------------------------------------------

install_suite
policy
"$POSTMULTI" -e init || exit 1
age
/usr/sbin/postconf -e "$(/usr/sbin/postconf import_environment) CANARY LC_ALL"
age
cp -a /etc/postfix/main.cf /tmp/primary.cf
canaries
hostile
check "control: the canaries sing when root comes by" control
box
check "environment: a hostile one reaches no command" \
	harmless environment_commands
check "environment: nor by a hand-made frame" harmless environment_helpers
check "environment: nor by any one name" harmless environment_names
figure
# The list of instances changes: the primary's main.cf isn't compared here.
check "environment: nor do create, import, assign and destroy heed it" \
	eval 'environment_manage; no_mark'
for set in "${!MEANS[@]}"; do
	check "sets: $set, and nothing besides" set_alone $set
done
box
check "words: no program, option or argument for postfix(1)" \
	harmless words_refused
check "words: nor by a hand-made frame" harmless words_by_hand
check "words: nor as the helper's arguments" harmless words_argv
check "names: nothing but a name gets into main.cf" harmless names_refused
check "parameters: a delegate has no way to set one" harmless parameters_refused
box
check "parameters: root's main.cf that names what is alice's" \
	harmless parameters_of_root
figure
check "parameters: those that are root's word, with daemons" \
	harmless parameters_together
figure
check "master.cf: an entry in a prototype that is another user's" \
	prototype_entry
box
check "modes: the caller's umask is of no use" eval 'modes; no_mark'
box
check "output: proc, sysfs, devices, what is only read" harmless outputs_refused
check "output: netlink, network and O_PATH" harmless outputs_strange
check "output: /dev/stdout opened again is no file alice may not write" \
	eval 'stdout_log; no_mark'
check "mail owner: what root works with is out of its reach" \
	harmless taken_over_root
for kind in links dirlinks hardlinks fifos shells names deep sockets data \
	datadir maildrop; do
	box
	snapshot /srv/victim /var/victim >/tmp/victim
	check "mail owner: $kind planted before a delegate's commands" \
		eval "taken_over $kind; no_mark; snapshot /srv/victim /var/victim >/tmp/victim.now
			same 'the victim' /tmp/victim /tmp/victim.now"
done
fresh
finish
