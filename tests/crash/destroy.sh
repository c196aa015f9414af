#!/bin/bash
# Destroy is safe: against a start, a submission and the mail owner at the same
# moment, with mail in any queue, and for whatever isn't Postfix's.  Everything
# is played: real daemons, real submissions through postdrop, real mounts.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

ROUNDS=${ROUNDS:-100} # of each race
NAME=postfix-box
CONFIG=/etc/$NAME QUEUE=/var/spool/$NAME DATA=/var/lib/$NAME
OUTSIDE=/srv/outside HIDDEN=/var/hidden
SWAPPER=$SRC/$BUILD/tests/swapper
RECORDS=/var/lib/postmulti/records
QUEUES=(maildrop incoming active deferred hold corrupt saved)

# --- the instance --------------------------------------------------------------

box() { # a new instance that anybody may submit to
	fresh
	"$POSTMULTI" -I $NAME -e create || fail "no instance"
	sed -i 's/^authorized_submit_users.*/& static:anyone/' $CONFIG/main.cf
	age
}

listed() {
	grep -q "^multi_instance_directories.*$CONFIG\$" /etc/postfix/main.cf
}

masters() { # any there is: the host's own Postfix is never started
	pgrep -x master | tr '\n' ' '
}

no_masters() {
	[ -z "$(masters)" ]
}

destroyed() { # wholly
	listed && fail "still on the list"
	[ -z "$(ls $RECORDS 2>/dev/null)" ] || fail "a record is left"
	[ -z "$(masters)" ] || fail "a master is left: $(ps -eo pid,args)"
	local left
	left=$(find $CONFIG $QUEUE $DATA 2>/dev/null)
	[ -z "$left" ] || fail "something is left: $left"
}

whole() { # neither removed nor changed but for what runs and queues there
	local sub
	listed || fail "not on the list any more"
	[ -s $CONFIG/main.cf ] && [ -s $CONFIG/master.cf ] || fail "no .cf files"
	for sub in "${QUEUES[@]}" private public pid bounce defer flush trace; do
		[ -d $QUEUE/$sub ] || fail "no $QUEUE/$sub"
	done
	[ -d $DATA ] || fail "no $DATA"
}

stop() {
	local pid
	pid=$(tr -dc 0-9 <$QUEUE/pid/master.pid)
	kill -TERM "${pid:-none}" || fail "no master to stop"
	wait_for 10 no_masters || fail "the master doesn't stop"
}

# --- kinds of instances that ran -------------------------------------------------

# Everything that the Postfix system makes: hash directories two deep, sockets
# and FIFOs, pid files, locks, randomness, a left-over of quick-stop.
ran() { # USER COMMAND: how it was stopped
	box
	printf '%s\n' "hash_queue_names = incoming active deferred hold defer bounce" \
		"hash_queue_depth = 2" "mydestination = example.com" \
		"inet_interfaces = loopback-only" "inet_protocols = ipv4" \
		"local_recipient_maps =" "alias_maps =" \
		"default_transport = error:not here" >>$CONFIG/main.cf
	postconf -c $CONFIG -F '*/*/chroot = n'
	"$POSTMULTI" -i $NAME -e enable
	age
	works "$1" "$POSTMULTI" -i $NAME -p start
	: >/var/mail/mark
	echo hello | as carol sendmail -C $CONFIG mark@example.com ||
		fail "not submitted"
	wait_for 20 grep -q hello /var/mail/mark || fail "not delivered"
	wait_for 20 idle || fail "not idle: $(find $QUEUE -type f)"
	[ -S $QUEUE/private/smtp ] && [ -e $QUEUE/public/pickup ] &&
		[ -s $QUEUE/pid/master.pid ] && [ -e $DATA/master.lock ] ||
		fail "the daemons made nothing"
	[ -n "$(find $QUEUE/incoming $QUEUE/active -mindepth 2 -type d)" ] ||
		fail "no hash directories: the test shows nothing"
	works "$1" "$POSTMULTI" -i $NAME -p "$2"
	wait_for 10 no_masters || fail "the master doesn't stop"
	"$POSTMULTI" -i $NAME -e disable && age
	works "$1" "$POSTMULTI" -i $NAME -e destroy
	err_empty
	destroyed
}

idle() {
	[ -z "$(find $QUEUE/{maildrop,incoming,active,deferred} -type f)" ]
}

# --- mail in the queue -----------------------------------------------------------

# What a message says in quotes is typed as it stands.
follow() { # PATTERN: the quoted command that matches it
	local command
	command=$(grep -o '"[^"]*"' <<<"$ERR" | tr -d '"' | grep -- "$1") ||
		fail "no command $1 is told"
	timeout "$LIMIT" sh -c "$command" || fail "doesn't work: $command"
}

submit() { # SUBJECT
	printf 'Subject: %s\n\nHello.\n' "$1" |
		as carol sendmail -C $CONFIG mark@example.com 2>/dev/null
}

# Real messages, moved as Postfix moves them.
in_queue() { # QUEUE N
	local i file
	for ((i = 0; i < $2; i++)); do
		submit "$1 $i" || fail "not submitted"
		[ "$1" != maildrop ] || continue
		file=$(echo $QUEUE/maildrop/*)
		chown postfix "$file" && chmod 700 "$file"
		mv "$file" $QUEUE/"$1"/
	done
}

# --dry-run is refused for the same and advises the same.
same_advice() { # USER, after the refusal
	local advice=${ERR##*): }
	refused "$1" "$POSTMULTI" -i $NAME -e destroy --dry-run
	is "what --dry-run advises" "${ERR##*): }" "$advice"
}

queued() { # USER QUEUE
	box
	in_queue "$2" 3
	snapshot $CONFIG $QUEUE $DATA >/tmp/before
	refused "$1" "$POSTMULTI" -i $NAME -e destroy
	snapshot $CONFIG $QUEUE $DATA >/tmp/after
	same "what is refused" /tmp/before /tmp/after
	err_has "3 messages in the queue \(3 in $2\)"
	[[ $2 = @(corrupt|saved) ]] || err_has "enable, start, flush"
	is "messages" "$(find $QUEUE/"$2" -type f | wc -l)" 3
	whole
	same_advice "$1"
	case $2 in
	corrupt | saved) follow '^find' ;;
	*) follow 'postsuper.* -d ALL' ;;
	esac
	works "$1" "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# Each of the two is a reason, and nothing is touched.
running() { # USER
	box
	works "$1" "$POSTMULTI" -i $NAME -e enable
	age
	works "$1" "$POSTMULTI" -i $NAME -p start
	snapshot $CONFIG $QUEUE $DATA >/tmp/before
	refused "$1" "$POSTMULTI" -i $NAME -e destroy
	err_has 'Cannot remove enabled'
	snapshot $CONFIG $QUEUE $DATA >/tmp/after
	same "what is enabled" /tmp/before /tmp/after
	works "$1" "$POSTMULTI" -i $NAME -e disable
	snapshot $CONFIG $QUEUE $DATA >/tmp/before
	refused "$1" "$POSTMULTI" -i $NAME -e destroy
	err_has 'is not stopped'
	snapshot $CONFIG $QUEUE $DATA >/tmp/after
	same "what runs" /tmp/before /tmp/after
	whole
	postfix -c $CONFIG status 2>/dev/null || fail "it runs no more"
	[ -z "$(ls $RECORDS)" ] || fail "a record is left"
	stop
	works "$1" "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# Nobody knows whether there is mail in what can't be read.
unreadable() {
	box
	chown root $QUEUE/hold
	refused alice "$POSTMULTI" -i $NAME -e destroy
	err_has "$QUEUE/hold: is not mail_owner's to read"
	whole
	follow 'set-permissions'
	works alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# Its main.cf doesn't tell its queue any more, but it runs.
damaged_runs() {
	local words
	box
	works root "$POSTMULTI" -i $NAME -e enable
	age
	works root "$POSTMULTI" -i $NAME -p start
	echo junk >$CONFIG/main.cf
	snapshot /etc/postfix $CONFIG $QUEUE $DATA >/tmp/before
	for words in "destroy --dry-run" deport destroy; do
		# shellcheck disable=SC2086
		refused root "$POSTMULTI" -i $CONFIG -e $words
		err_has 'is not stopped'
	done
	snapshot /etc/postfix $CONFIG $QUEUE $DATA >/tmp/after
	same "what runs" /tmp/before /tmp/after
	[ -z "$(ls $RECORDS)" ] || fail "a record is left"
	follow '^kill'
	wait_for 10 no_masters || fail "the master doesn't stop"
	works root "$POSTMULTI" -i $CONFIG -e destroy
	[ ! -e $CONFIG ] && [ -d $QUEUE/active ] || fail "not destroyed"
	listed && fail "still on the list"
	true
}

queued_everywhere() {
	local queue n=0 list=
	box
	for queue in deferred hold incoming active corrupt saved maildrop; do
		in_queue $queue $((n += 1))
	done
	refused alice "$POSTMULTI" -i $NAME -e destroy
	list="7 in maildrop, 3 in incoming, 4 in active, 1 in deferred, "
	err_has "28 messages.*\(${list}2 in hold, 5 in corrupt, 6 in saved\)"
	whole
	same_advice alice
	follow 'postsuper.* -d ALL'
	follow '^find'
	works alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# Who fills a queue could have the others wait for the lock as long as it takes
# to count: no more are than say so.
thousands() {
	local i
	box
	for i in 1 2 3 4 5 6; do
		mkdir $QUEUE/deferred/$i
		(cd $QUEUE/deferred/$i && seq -f "${i}A%.0f" 400 | xargs touch)
	done
	(cd $QUEUE/maildrop && seq -f 1A%.0f 1000 | xargs touch)
	(cd $QUEUE/hold && seq -f 1A%.0f 999 | xargs touch)
	chown -R postfix: $QUEUE/{deferred/*,maildrop/*,hold/*}
	refused alice "$POSTMULTI" -i $NAME -e destroy
	list="at least 1000 in maildrop, at least 1000 in deferred, "
	err_has "at least 2999 messages.*\(${list}999 in hold\)"
	refused alice "$POSTMULTI" -i $NAME -e destroy --dry-run
	err_has "\(1000 in maildrop, 2400 in deferred, 999 in hold\)"
	is "messages" "$(find $QUEUE -path "*A*" -type f | wc -l)" 4399
	whole
}

# The other advice: delivered, those on hold after their release.
delivered() {
	box
	printf '%s\n' "mydestination = example.com" "local_recipient_maps =" \
		"inet_interfaces = loopback-only" "inet_protocols = ipv4" \
		"alias_maps =" >>$CONFIG/main.cf
	postconf -c $CONFIG -F '*/*/chroot = n'
	age
	: >/var/mail/mark
	for queue in hold maildrop; do
		submit "late $queue" || fail "not submitted"
		[ $queue = maildrop ] ||
			postsuper -c $CONFIG -h ALL || fail "not held"
	done
	refused alice "$POSTMULTI" -i $NAME -e destroy
	err_has "2 messages"
	[[ $ERR != *" in hold"* ]] || follow 'postsuper.* -H ALL'
	works alice "$POSTMULTI" -i $NAME -e enable && age
	works alice "$POSTMULTI" -i $NAME -p start
	works alice "$POSTMULTI" -i $NAME -p flush
	wait_for 20 grep -q "late hold" /var/mail/mark &&
		wait_for 20 grep -q "late maildrop" /var/mail/mark ||
		fail "not delivered: $(find $QUEUE -type f)"
	wait_for 20 idle || fail "not idle"
	works alice "$POSTMULTI" -i $NAME -p stop
	wait_for 10 no_masters || fail "the master doesn't stop"
	works alice "$POSTMULTI" -i $NAME -e disable && age
	works alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# --- what isn't Postfix's ----------------------------------------------------------

# Outside: of several owners and modes, with all that a destroy looks for, and
# old, so that a touch shows.  No regular files where those would be messages.
outside() {
	local owner at
	rm -rf $OUTSIDE
	for owner in root postfix carol; do
		for at in $OUTSIDE/$owner $OUTSIDE/none/$owner; do
			mkdir -p $at/A/B $at/private $at/pid $at/active/0
			mkfifo $at/fifo $at/A/fifo
			perl -MSocket -e 'socket S, AF_UNIX, SOCK_STREAM, 0;
				bind S, sockaddr_un $ARGV[0] or die' $at/private/socket
			[ $at = $OUTSIDE/none/$owner ] || {
				echo precious | tee $at/file $at/master.lock \
					$at/prng_exch $at/pid/master.pid \
					$at/A/ABCDEF >/dev/null
				chmod 604 $at/file
			}
			chown -hR $owner $at
			chmod 701 $at/A
		done
	done
	find $OUTSIDE -exec touch -h -d '2020-02-02 02:02:02' {} +
	guard >/tmp/outside
}

guard() {
	find $OUTSIDE -printf '%p %y %U:%G %m %n %T@ %C@ %s %l\n' | sort
	find $OUTSIDE -type f -print0 | sort -z | xargs -0 -r sha256sum
}

untouched() {
	guard >/tmp/outside.now
	same outside /tmp/outside /tmp/outside.now
}

# One of each kind.  In a queue a regular file is a message.
plant() { # DIRECTORY
	local socket
	mkdir -p "$1/dir/empty" "$1/dir/A/B"
	ln -s $OUTSIDE/root "$1/link"
	ln -s $OUTSIDE/root/file "$1/"$'link\nof two lines'
	ln -s $OUTSIDE/postfix "$1/link"$'\e[31mred\r\177'
	mknod "$1/device" c 1 3
	case $1 in
	*/deferred | */hold | */active) ;;
	*)
		echo mine >"$1/notes"
		ln "$1/notes" "$1/"$'hard\nlink'
		echo mine >"$1/dir/notes"
		;;
	esac
	mkfifo "$1/fifo"
	chmod 622 "$1/fifo"
	for socket in socket auth login; do
		perl -MSocket -e 'socket S, AF_UNIX, SOCK_STREAM, 0;
			bind S, sockaddr_un $ARGV[0] or die' "$1/$socket"
	done
	# Modes and owners as Dovecot's may have.
	chmod 600 "$1/auth" && chown daemon "$1/auth"
	chmod 660 "$1/login" && chown postfix: "$1/login"
	chmod 666 "$1/socket"
	# The mail owner's too, who could remove it.
	chown -hR postfix "$1/dir" "$1/link"
}

planted() { # DIRECTORY
	local before=/tmp/planted.before after=/tmp/planted.after n depth=9
	box
	outside
	find "$1" -mindepth 1 | sort >/tmp/own
	plant "$1"
	find "$1" -mindepth 1 -printf '%p %y %U:%G %m %n %l %s\0' |
		grep -zvFf /tmp/own | sort -z >$before
	works root "$POSTMULTI" -i $NAME -e destroy
	untouched
	find "$1" -mindepth 1 -printf '%p %y %U:%G %m %n %l %s\0' |
		sort -z >$after
	same "what was planted" $before $after
	listed && fail "still on the list"
	# Each line a warning, nothing raw in it.
	grep -v '^postmulti: warning: [ -~]*$' <<<"$ERR" &&
		fail "another line, or raw bytes in it"
	# A directory that isn't Postfix's is named, not what is in it.
	case $1 in
	"$CONFIG" | "$DATA" | "$QUEUE")
		err_has "warning: $1: please verify"
		depth=1
		;;
	*/pid) depth=1 ;;
	esac
	n=$(find "$1" -mindepth 1 -maxdepth $depth -print0 | tr -dc '\0' | wc -c)
	is "what is named" "$(grep -cF "warning: $1/" <<<"$ERR")" "$n"
}

# --- what --dry-run says ------------------------------------------------------------

# All there is, a line each: names as they are told.
all_of_it() {
	find $CONFIG $QUEUE $DATA -print0 2>/dev/null | sort -z |
		perl -0ne 'chomp; s/\n/\\n/g; s/\r/\\r/g;
			s/([^ -~])/sprintf "\\%03o", ord $1/eg; print "$_\n"'
}

# What goes and what stays, exactly; "stay: DIR/" is all that is in DIR, too.
foretold() { # COMMAND... with which something is changed before
	box
	outside
	"$@" || fail "not made"
	all_of_it >/tmp/all
	snapshot $CONFIG $QUEUE $DATA >/tmp/before
	works root "$POSTMULTI" -i $NAME -e destroy --dry-run
	snapshot $CONFIG $QUEUE $DATA >/tmp/after
	same "what --dry-run left" /tmp/before /tmp/after
	sed -n 's/^would go:   //p' <<<"$OUT" >/tmp/go
	sed -n 's/^would stay: //p' <<<"$OUT" >/tmp/stay
	: >/tmp/more
	while IFS= read -r dir; do
		[ "${dir%/}" = "$dir" ] || awk -v "d=$dir" \
			'index($0, d) == 1' /tmp/all >>/tmp/more
	done </tmp/stay
	sed 's|/$||' /tmp/stay | sort - /tmp/more >/tmp/stays
	sort /tmp/go /tmp/stays >/tmp/told
	sort /tmp/all >/tmp/there
	run root "$POSTMULTI" -i $NAME -e destroy
	all_of_it | sort >/tmp/left
	undo
	is "exit status" "$STATUS" 0
	same "what is told of" /tmp/told /tmp/there
	diff /tmp/stays /tmp/left || fail "not what was told to stay"
	untouched
}

undo() {
	local at
	for at in $QUEUE/saved $QUEUE/deferred/A $QUEUE/private/A $DATA/A $CONFIG \
		$QUEUE $DATA; do
		! mounted_at $at || umount $at
	done
}

# A file system in place of one of the three, what it holds in it.
mount_base() { # DIRECTORY
	cp -a "$1" /tmp/base && mount -t tmpfs -o mode=755 tmpfs "$1" &&
		cp -a /tmp/base/. "$1" && rm -r /tmp/base
}

mount_base_used() { # DIRECTORY
	mount_base "$1" && plant "$1"
}

mount_below() {
	install -d -o postfix $QUEUE/deferred/A $QUEUE/private/A $DATA/A
	for at in $QUEUE/saved $QUEUE/deferred/A $QUEUE/private/A $DATA/A; do
		mount -t tmpfs tmpfs $at && chown postfix $at && mkdir $at/x &&
			chown postfix $at/x || return 1
	done
}

unfinished_edit() {
	install -m 600 /dev/null $CONFIG/main.cf.tmp
}

# As if it had run, with what looks like Postfix's.
odd() {
	install -d -o postfix -m 700 $QUEUE/deferred/A $QUEUE/deferred/A/B \
		$QUEUE/deferred/long $QUEUE/flush/x $DATA/prng_exch
	: >$QUEUE/quick-start && : >$QUEUE/pid/unix.foo && : >$DATA/master.lock
	chown postfix $DATA/master.lock
	mkdir -p $QUEUE/pid/inet.dir/a $QUEUE/A/B $CONFIG/A/B $CONFIG/master.d
}

# Too many to name: how many and where.
each_named() { # DIRECTORY: every one of 500, once
	sed -n "s|.* \($1/file[0-9]*\): not Postfix's, left alone|\1|p" <<<"$ERR" |
		sort >/tmp/named
	find "$1" -type f | sort >/tmp/there
	same "what is named" /tmp/there /tmp/named
}

hundreds() {
	local i
	box
	for ((i = 0; i < 500; i++)); do
		echo mine >$QUEUE/private/file$i
	done
	works alice "$POSTMULTI" -i $NAME -e destroy
	err_has "$CONFIG: 500 files in its queue and data directories "
	err_has "$QUEUE/private: "
	is "files" "$(find $QUEUE -type f | wc -l)" 500
	each_named $QUEUE/private
}

# The same 500 beside main.cf and in data: the directory is named.
hundreds_elsewhere() {
	local at i
	for at in $CONFIG $DATA; do
		box
		for ((i = 0; i < 500; i++)); do
			echo mine >$at/file$i
		done
		works alice "$POSTMULTI" -i $NAME -e destroy
		err_has "warning: $at: "
		is "files" "$(find $at -type f | wc -l)" 500
		each_named $at
	done
}

# --- mounts ------------------------------------------------------------------------

mounted_at() {
	grep -qF " $1 " /proc/self/mountinfo
}

# A mount stays, so does what is in it; status 0 where that is no mail.
mounted() { # DIRECTORY STATUS SOURCE
	box
	outside
	mkdir -p "$1"
	if [ "$3" = tmpfs ]; then
		mount -t tmpfs tmpfs "$1" || fail "no tmpfs"
		mkdir "$1/A" && mkfifo "$1/fifo" && chown -R postfix "$1"
	else
		mount --bind "$3" "$1" || fail "no bind mount"
	fi
	run root "$POSTMULTI" -i $NAME -e destroy
	local status=$STATUS left mounted=yes
	mounted_at "$1" || mounted=no
	left=$(find "$1" | wc -l)
	umount "$1"
	is "still mounted" $mounted yes
	is "exit status" "$status" "$2"
	untouched
	[ "$3" != tmpfs ] || is "files in the tmpfs" "$left" 3
	[ "$2" = 1 ] || err_has "${1%/[A-Z]}"
	[ "$2" = 1 ] || return 0
	[ "$3" != $OUTSIDE/postfix ] || err_has '5 messages in the queue'
	# Refused is unharmed, and it works without the mount.
	whole
	works root "$POSTMULTI" -i $NAME -e destroy
	listed && fail "still on the list"
	true
}

mounts() {
	local at
	for at in $CONFIG/A $DATA/A $QUEUE/A $QUEUE/private/A $QUEUE/flush \
		$QUEUE/defer/A $QUEUE/public; do
		mounted $at 0 tmpfs
		mounted $at 0 $OUTSIDE/postfix
		mounted $at 0 $OUTSIDE/root
	done
	for at in $QUEUE/deferred $QUEUE/active/A $QUEUE/hold/dir; do
		mounted $at 0 tmpfs
		mounted $at 0 $OUTSIDE/none/postfix
		# Files there may be mail.
		mounted $at 1 $OUTSIDE/postfix
	done
	for at in $QUEUE/maildrop $QUEUE/pid; do
		mounted $at 1 $OUTSIDE/none/root/A
	done
}

# --- a start at the same time ----------------------------------------------------

now() { # in ms
	echo $((${EPOCHREALTIME/./} / 1000))
}

pause() { # MILLISECONDS
	sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

starter() { # KIND
	case $1 in
	*postmulti) exec timeout -s KILL "$LIMIT" "$TOOLS/asuser" alice \
		"$POSTMULTI" -i $NAME -p start ;;
	*) exec timeout -s KILL "$LIMIT" postfix -c $CONFIG start ;;
	esac </dev/null >/tmp/start.out 2>&1
}

gone=0 kept=0 remade=0 up=0

# What may be left of a destroyed one is empty directories, made again by a
# start that had read main.cf before.
all_gone() {
	no_masters || fail "destroyed, but it runs: $(ps -eo pid,args)"
	listed && fail "destroyed, but still on the list"
	[ ! -e $CONFIG ] || fail "destroyed, but there is $CONFIG"
	[ -z "$(ls $RECORDS)" ] || fail "destroyed, but a record is left"
	[ -z "$(find $QUEUE $DATA ! -type d 2>/dev/null)" ] ||
		fail "destroyed, but: $(find $QUEUE $DATA ! -type d)"
	[ ! -e $QUEUE ] || remade=$((remade + 1))
	gone=$((gone + 1))
}

# A start that made the queue again while destroy was between two of its steps
# may have failed for want of it, or run with the new one.
again() { # DESTROYER
	no_masters || stop
	works "$1" "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

all_there() { # DESTROYER
	kept=$((kept + 1))
	if grep -q 'fatal: .*is not cleared, run the destroy again' <<<"$ERR"; then
		no_masters || whole
		again "$1"
		return
	fi
	grep -q 'fatal: .*\(stopped\|running\)' <<<"$ERR" ||
		fail "refused for another reason"
	whole
	if no_masters; then
		age
		timeout "$LIMIT" postfix -c $CONFIG start >/dev/null 2>&1 ||
			fail "kept, but can't be started"
	else
		up=$((up + 1))
	fi
	postfix -c $CONFIG status 2>/dev/null || fail "kept, but doesn't run"
	again "$1"
}

# What disable and destroy edit doesn't hold the start up for two seconds.
keep_aged() {
	while sleep 0.05; do
		touch -c -d '1 hour ago' /etc/postfix/main.cf $CONFIG/main.cf
	done 2>/dev/null
}

start_race() {
	local i kind pid took=0 by at kinds=(whole quick postmulti) ager
	keep_aged &
	ager=$!
	trap 'kill $ager' EXIT
	for ((i = 0; i < ROUNDS; i++)); do
		kind=${kinds[i % 3]}
		by=alice
		[ $((i % 2)) = 0 ] || by=root
		box
		# Without its checks the start is soon at the lock.
		[ $kind != quick ] || : >$QUEUE/quick-start
		[ $kind != postmulti ] || {
			"$POSTMULTI" -i $NAME -e enable && age
		}
		[ $took -gt 0 ] || took=$(measure)
		at=$((RANDOM % took))
		[ $kind != quick ] || at=$((at / 3))
		starter $kind &
		pid=$!
		pause $at
		[ $kind != postmulti ] || works $by "$POSTMULTI" -i $NAME -e disable
		run $by "$POSTMULTI" -i $NAME -e destroy
		wait $pid
		case $STATUS in
		0) all_gone ;;
		1) all_there $by ;;
		*) fail "round $i: neither destroyed nor refused" ;;
		esac
	done
	[ $gone -gt 0 ] && [ $kept -gt 0 ] ||
		fail "one-sided: $gone destroyed, $kept refused"
	echo "$ROUNDS rounds: $gone destroyed ($remade with queue" \
		"directories made again by the start), $kept refused" \
		"($up running)" >/tmp/note
}

measure() { # how long a start takes, in ms
	local begun
	begun=$(now)
	timeout "$LIMIT" postfix -c $CONFIG start >/dev/null 2>&1
	echo $(($(now) - begun))
	stop >/dev/null
}

# Between two steps, and as long as it likes.  Without its queue directory it
# can't start, so this one keeps it.
start_between() {
	box
	echo mine >$QUEUE/notes
	works root "$TOOLS/frame" $HELPERS/postmulti-dirs op=dirs.clear \
		sel.name=$NAME
	out_has 'err OK'
	[ ! -e $QUEUE/maildrop ] || fail "not cleared"
	age
	timeout "$LIMIT" postfix -c $CONFIG start >/dev/null 2>&1 ||
		fail "can't be started again"
	whole
	run root "$TOOLS/frame" $HELPERS/postmulti-config op=config.remove \
		sel.name=$NAME
	out_has 'error .*not stopped'
	refused alice "$POSTMULTI" -i $NAME -e destroy
	whole
	postfix -c $CONFIG status 2>/dev/null || fail "it doesn't run"
	stop
	rm $QUEUE/notes
	works alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# A start that came no further than making directories.
checked_between() {
	box
	echo mine >$QUEUE/notes
	works root "$TOOLS/frame" $HELPERS/postmulti-dirs op=dirs.clear \
		sel.name=$NAME
	timeout "$LIMIT" postfix -c $CONFIG check >/dev/null 2>&1
	[ -d $QUEUE/maildrop ] || fail "the queue isn't made again"
	run root "$TOOLS/frame" $HELPERS/postmulti-config op=config.remove \
		sel.name=$NAME
	out_has 'error .*is not cleared, run the destroy again'
	rm $QUEUE/notes
	works alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# At the end of a destroy, when its lock has lost its name: there is nothing to
# run with by then.  strace holds it there, without a limit to be missed.
start_late() {
	local pid status
	box
	[ -z "${1:-}" ] || : >$QUEUE/quick-start
	strace -f -qq -o /dev/null -P $QUEUE/pid -e trace=unlinkat \
		-e inject=unlinkat:delay_exit=4000000 \
		"$POSTMULTI" -i $NAME -e destroy </dev/null >/tmp/out 2>&1 &
	pid=$!
	wait_for 20 [ ! -e $QUEUE/pid/master.pid ] || fail "not reached"
	age
	timeout "$LIMIT" postfix -c $CONFIG start >/tmp/start 2>&1
	status=$?
	wait $pid
	if [ $status = 0 ]; then
		no_masters && fail "started, and gone: $(cat /tmp/start /tmp/out)"
		whole
		stop
	else
		no_masters || fail "it runs"
	fi
	run alice "$POSTMULTI" -i $NAME -e destroy
	destroyed
}

# What the helper did in which order: the lock outlasts all that it guards, and
# so does its name but for pid and what that is in.
lock_last() {
	local dirs
	box
	: >$QUEUE/pid/unix.local
	dirs=$(find $QUEUE -mindepth 1 -type d ! -name pid | wc -l)
	timeout -s KILL "$LIMIT" strace -f -y -qq -o /tmp/trace \
		-e trace=flock,close,unlinkat "$POSTMULTI" -i $NAME -e destroy ||
		fail "not destroyed"
	destroyed
	sed -En "s|^[0-9]+ +||
		s|^flock\(.*<$QUEUE/pid/master.pid>, (.*)\) .*|flock \1|p
		s|^close\(.*<$QUEUE/pid/master.pid.*|close|p
		s|^unlinkat\(.*<($QUEUE.*)>, \"(.*)\",.* = 0|gone \1/\2|p
		s|^unlinkat\(.*<(/var/[a-z]*)>, \"($NAME)\",.* = 0|gone \1/\2|p
		" /tmp/trace >/tmp/order
	is "first" "$(head -n 1 /tmp/order)" "flock LOCK_EX|LOCK_NB"
	is "last, of $(cat /tmp/order)" "$(tail -n 5 /tmp/order)" \
		"$(printf '%s\n' "gone $DATA" "gone $QUEUE/pid/master.pid" \
			"gone $QUEUE/pid" "gone $QUEUE" close)"
	is "lines between" "$(sed '1d' /tmp/order | head -n -5 |
		grep -c "^gone $QUEUE/[a-z]*$")" "$dirs"
	is "lines" "$(wc -l </tmp/order)" $((dirs + 7)) # and unix.local
}

# --- a submission at the same time -------------------------------------------------

# Says in a file of its own that its message was accepted.
submitter() { # NUMBER MILLISECONDS
	pause "$2"
	submit "message $1" && : >"/tmp/accepted/$1"
}

submission_race() {
	local i n each=4 span=24 bias=0 by accepted number
	local gone=0 kept=0 taken=0 failed=0
	box
	for ((i = 0; i < ROUNDS; i++)); do
		[ -d $QUEUE/maildrop ] || box
		by=alice
		[ $((i % 2)) = 0 ] || by=root
		rm -rf /tmp/accepted && mkdir /tmp/accepted
		for ((n = 0; n < each; n++)); do
			submitter $i.$n. $((RANDOM % span)) &
		done 2>/dev/null
		# Nearer to the edge each time.
		pause $((bias < 0 ? 0 : bias))
		run $by "$POSTMULTI" -i $NAME -e destroy
		# One that was too late tries again every ten seconds.
		pause 60
		pkill -KILL -u carol
		wait
		accepted=$(ls /tmp/accepted | wc -l)
		taken=$((taken + accepted))
		failed=$((failed + each - accepted))
		for number in /tmp/accepted/*; do
			[ -e "$number" ] || continue
			number=${number##*/}
			grep -rqF "message $number" $QUEUE 2>/dev/null ||
				fail "round $i: message $number is lost," \
					"destroy's status was $STATUS"
		done
		if [ "$STATUS" = 0 ]; then
			gone=$((gone + 1)) bias=$((bias + 2))
			[ "$accepted" = 0 ] || fail "round $i: accepted, then destroyed"
			destroyed
		else
			kept=$((kept + 1)) bias=$((bias - 2))
			err_has 'in the queue|may just have been submitted'
			whole
			find $QUEUE/maildrop -type f -delete
		fi
		[ $bias -ge -4 ] || bias=0 span=$((span + 4))
	done
	[ $gone -gt 0 ] && [ $kept -gt 0 ] && [ $taken -gt 0 ] &&
		[ $failed -gt 0 ] || fail "one-sided: $gone, $kept, $taken, $failed"
	echo "$ROUNDS rounds: $gone destroyed, $kept refused;" \
		"$taken submissions accepted, $failed not" >/tmp/note
}

# --- the mail owner at the same time -----------------------------------------------

swaps=0

swapped() { # DIRECTORY...: entries of these, real ones for links to outside
	local i at sub pairs pid worked=0
	for ((i = 0; i < (ROUNDS + 9) / 10; i++)); do
		box
		outside
		rm -rf $HIDDEN
		install -d -m 700 -o postfix $HIDDEN
		pairs=()
		for at; do
			sub=$HIDDEN/${at##*/}
			mkdir -p $sub $at/A/B $at/A/C
			mkfifo -m 622 $at/p $at/A/p
			: >$sub/lock
			ln -s $OUTSIDE/root $sub/A
			ln -s $OUTSIDE/postfix/A $sub/B
			ln -s $OUTSIDE/carol/fifo $sub/p
			pairs+=("$at/A" "$sub/A" "$at/A/B" "$sub/B" "$at/p" "$sub/p")
			[ $at != $DATA ] || {
				: >$at/master.lock
				: >$at/prng_exch
				ln -s $OUTSIDE/postfix/master.lock $sub/m
				ln -s $OUTSIDE/carol/prng_exch $sub/r
				pairs+=("$at/master.lock" "$sub/m" \
					"$at/prng_exch" "$sub/r")
			}
			chown -hR postfix $at/* $HIDDEN
		done
		rm -f /tmp/swaps
		"$SWAPPER" postfix 30 "${pairs[@]}" >/tmp/swaps &
		pid=$!
		wait_for 20 [ -s /tmp/swaps ] || fail "nothing is exchanged"
		run alice "$POSTMULTI" -i $NAME -e destroy
		kill $pid
		wait $pid || fail "nothing was exchanged"
		swaps=$((swaps + $(tail -n 1 /tmp/swaps)))
		[ "$STATUS" -le 1 ] || fail "neither destroyed nor refused"
		untouched
		if [ "$STATUS" = 0 ]; then
			worked=$((worked + 1))
		else
			works alice "$POSTMULTI" -i $NAME -e destroy
			untouched
		fi
		listed && fail "still on the list"
	done
	[ $swaps -gt 1000 ] || fail "only $swaps exchanges"
	echo "$swaps exchanges in $i rounds, $worked destroyed at once," \
		"the others by the next command" >/tmp/note
}

noted() { # TITLE FUNCTION [ARGUMENT...]
	rm -f /tmp/note
	check "$@"
	[ ! -e /tmp/note ] || echo "#: ${1%%:*}: $(cat /tmp/note)"
}

install_suite
install_policy <<EOF
permit alice manage,operate instance $NAME
permit alice quick-stop,abort instance $NAME
EOF
"$POSTMULTI" -e init || exit 1
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "an instance that ran leaves nothing behind" ran alice stop
check "nor does one that was ended by abort" ran root abort
check "nor one that was ended by quick-stop" ran root quick-stop
for queue in "${QUEUES[@]}"; do
	check "refused with mail in $queue, and the advice works" \
		queued alice $queue
done
for user in root alice; do
	check "refused while enabled, and while it runs: $user" running $user
done
check "refused while it runs, though it is damaged" damaged_runs
check "refused with a queue that can't be read, and the advice works" unreadable
check "refused with mail in every queue, and the advice works" queued_everywhere
check "thousands of messages: no more are counted than need be" thousands
check "the other advice works: enable, start, flush" delivered
for at in $CONFIG $DATA $QUEUE $QUEUE/{deferred,hold,flush,private,public,pid}; do
	check "what isn't Postfix's stays and is named: $at" planted $at
done
for at in $CONFIG $DATA $QUEUE $QUEUE/{deferred,flush,private,public,pid}; do
	check "--dry-run: exactly what goes and stays: $at" foretold plant $at
done
for at in $CONFIG $DATA $QUEUE; do
	check "--dry-run: a mount at $at" foretold mount_base $at
	check "--dry-run: a mount at $at with more" \
		foretold mount_base_used $at
done
check "--dry-run: mounts below" foretold mount_below
check "--dry-run: what an edit of main.cf left" foretold unfinished_edit
check "--dry-run: what looks like Postfix's" foretold odd
check "500 files: how many there are, and where" hundreds
check "500 files beside main.cf and in data" hundreds_elsewhere
check "mounts stay, and what is in them" mounts
noted "start: at the same time as destroy, neither half" start_race
if strace -o /dev/null -f true 2>/dev/null; then
	check "start: when the lock's file is gone" start_late
	check "quick start: when the lock's file is gone" start_late quick
	check "the lock outlasts what it guards" lock_last
else
	skip_case "start: when the lock's file is gone" "strace doesn't work here"
	skip_case "the lock outlasts what it guards" "strace doesn't work here"
fi
check "start: between two steps of destroy" start_between
check "check: between two steps of destroy" checked_between
noted "submission: at the same time as destroy, nothing lost" submission_race
noted "swapped, queues: hash directories for links, nothing outside changes" \
	swapped $QUEUE/{incoming,active,deferred,hold,corrupt,saved}
noted "swapped, logs: the same in bounce, defer, flush and trace" \
	swapped $QUEUE/{bounce,defer,flush,trace}
noted "swapped, sockets: the same in private, public and data" \
	swapped $QUEUE/private $QUEUE/public $DATA
fresh
finish
