#!/bin/bash
# postmulti doctor and destroy --dry-run: each kind of trouble is made for
# real, found, and gone once the command that doctor names was run, or --fix.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

start() { # two instances, nothing wrong
	fresh
	works root $POSTMULTI -I postfix-a -G g -e create
	works root $POSTMULTI -I postfix-b -e create
}

finds() { # REGEX: as root, exit status 1; only that finding, nothing changed
	changes_nothing run root $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has "$1"
	out_has '^1 found, 0 mended'
	# The line below a finding is the command that repairs it.
	REPAIR=$(grep -A1 -E "$1" <<<"$OUT" | sed -n '2s/^    //p')
	[ -n "$REPAIR" ] || fail "no command that repairs it"
}

says() { # what repairs the only finding
	[ "$(grep -c '^    .' <<<"$OUT")" = 1 ] || fail "not one command"
	[ -z "${1:-}" ] || out_has "^    $1"
}

clean() {
	works root $POSTMULTI doctor
	out_has '^nothing found: '
}

typed() { # the command doctor named, by root
	(PATH=${POSTMULTI%/*}:$PATH eval "$REPAIR") || fail "$REPAIR: failed"
}

each_typed() { # all commands doctor named
	while IFS= read -r REPAIR; do
		typed
	done < <(sed -n 's/^    //p' <<<"$OUT")
}

repaired() { # by that command
	typed
	clean
}

fixed() { # by --fix
	works root $POSTMULTI doctor --fix
	out_has '^1 found, 1 mended'
	clean
}

# What it is, when it last changed, what is in it.
everything() {
	snapshot_all
	find /etc/postfix* /etc/postmulti /var/lib/postmulti* \
		/var/cache/postmulti /run \
		! -type s -printf '%p %y %u:%g %m %C@ %l\n' 2>/dev/null | sort
}

changes_nothing() {
	everything >/tmp/before
	"$@"
	everything >/tmp/after
	same "the tree" /tmp/before /tmp/after
}

# How a delegate's request goes; the instance is alice's.
serves_alice() {
	age
	as alice $POSTMULTI -i al -e enable >/dev/null 2>&1 </dev/null
}

case_nothing() {
	start
	changes_nothing clean
	changes_nothing works alice $POSTMULTI doctor
	changes_nothing works carol $POSTMULTI doctor
	out_has '^not looked into: the directories of 2 instances'
}

# Nor does it make what isn't there.
case_nothing_made() {
	local user
	start
	works root $POSTMULTI -I postfix-al -e create
	rm -rf /var/lib/postmulti /run/postmulti-denials
	changes_nothing clean
	[ ! -e /var/lib/postmulti ] || fail "there it is"
	rm -rf /var/cache/postmulti
	for user in root alice mark carol; do
		changes_nothing run $user $POSTMULTI doctor
		is "exit status of $user" "$STATUS" 1
		out_has '^1 found, 0 mended'
		out_has '^defaults: /var/cache/postmulti/defaults: missing'
		out_has '^not looked for: what only the helpers can see'
		[ ! -e /var/cache/postmulti ] || fail "$user: made"
		[ ! -e /run/postmulti-denials ] || fail "$user: a denial"
	done
	REPAIR=$(sed -n 's/^    \(postmulti -l.*\)/\1/p' <<<"$OUT")
	repaired
	for user in alice mark carol; do
		changes_nothing works $user $POSTMULTI doctor
		[ ! -e /run/postmulti-denials ] || fail "$user: a denial"
	done
}

case_damaged() {
	start
	rm /etc/postfix-b/main.cf
	finds '^damaged: /etc/postfix-b: .*main\.cf: No such'
	typed
	run root $POSTMULTI doctor
	! grep -q '^damaged' <<<"$OUT" || fail "still damaged"
}

# Of two in conflict the first has the other's main.cf: what is its own isn't
# told to be removed, though no main.cf names it.
case_damaged_other() {
	start
	cp /etc/postfix-b/main.cf /etc/postfix-a/main.cf
	finds '^damaged: /etc/postfix-b: .* conflicts with .*/etc/postfix-a'
}

# What is no path, no step takes away: the list is written without it.
case_unusable() {
	local entry
	for entry in etc/postfix-r '/etc/post"fix' /etc/../etc/postfix-b; do
		start
		sed -i "s|^multi_instance_directories = |&$entry |" \
			/etc/postfix/main.cf
		finds '^damaged: .*: not a usable absolute path; mend it in'
		repaired
		is "the list" "$(postconf -h multi_instance_directories)" \
			"/etc/postfix-a /etc/postfix-b"
	done
}

# Root may choose paths that mean something to a shell.
case_odd_path() {
	local odd='/etc/postfix-c;id&(d)'
	start
	works root $POSTMULTI -I postfix-c -e create config_directory="$odd"
	install -m 600 /dev/null "$odd/main.cf.tmp"
	finds '^temporary: /etc/postfix-c;.*/main.cf.tmp'
	repaired
	rm "$odd/main.cf"
	run root $POSTMULTI doctor
	out_has '^damaged: /etc/postfix-c;'
	REPAIR=$(grep -A1 '^damaged: ' <<<"$OUT" | sed -n '2s/^    //p')
	typed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
	rm -r "$odd"
}

case_half_made() { # ACTION: cut short between its steps
	start
	case $1 in
	create) set -- -I postfix-c -G h -e create ;;
	destroy) set -- -i b -e destroy ;;
	esac
	# The second step can't be started: as if we had died there.
	mv $HELPERS/postmulti-config /tmp/config
	run root $POSTMULTI "$@"
	mv /tmp/config $HELPERS/postmulti-config
	is "exit status" "$STATUS" 1
	finds '^half-made: /etc/postfix-[bc]: a (create|destroy) of postfix-[bc], begun by uid 0 at .* under way'
}

case_half_made_repaired() { # ACTION
	case_half_made "$1"
	repaired
}

# --fix leaves alone what may be going on just now.
case_half_made_fixed() { # ACTION
	case_half_made "$1"
	run root $POSTMULTI doctor --fix
	out_has '^1 found, 0 mended'
	sed -i 's/^time .*/time 1700000000/' /var/lib/postmulti/records/*
	fixed
	works root $POSTMULTI -l
	case $1 in
	create) out_has '^postfix-c +h +n +/etc/postfix-c$' ;;
	destroy) [ ! -e /etc/postfix-b ] || fail "there it is" ;;
	esac
}

# A delegate finishes what it began, and nobody else is told.
case_half_made_delegate() {
	start
	mv $HELPERS/postmulti-config /tmp/config
	run alice $POSTMULTI -I postfix-al -e create
	mv /tmp/config $HELPERS/postmulti-config
	sed -i 's/^time .*/time 1700000000/' /var/lib/postmulti/records/*
	run mark $POSTMULTI doctor --fix
	! grep -q half-made <<<"$OUT" || fail "mark is told"
	run alice $POSTMULTI doctor --fix
	is "exit status" "$STATUS" 0
	out_has '^half-made: /etc/postfix-al: a create of postfix-al'
	out_has '^1 found, 1 mended'
	works alice $POSTMULTI -l
	out_has '^postfix-al '
}

case_record() {
	start
	echo rubbish >/var/lib/postmulti/records/,etc,postfix-q
	finds '^record: /var/lib/postmulti/records/,etc,postfix-q: cannot be read'
	repaired
	mkdir /var/lib/postmulti/records/,etc,postfix-q
	finds '^record: /var/lib/postmulti/records/,etc,postfix-q: cannot be read'
	repaired
}

case_twice() {
	start
	postconf -e "multi_instance_directories = /etc/postfix-a, /etc/postfix-b /etc/postfix-a"
	finds '^listed twice: /etc/postfix-a: stands more than once'
	fixed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
}

# The primary has no place on its own list.
case_listed_primary() {
	start
	postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix /etc/postfix-b"
	finds '^listed twice: /etc/postfix: the primary itself stands in '
	fixed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
}

# A helper that can't be started mends nothing, and that is said.
case_twice_no_helper() {
	start
	postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix-b /etc/postfix-a"
	mv $HELPERS/postmulti-config /tmp/config
	changes_nothing run root $POSTMULTI doctor --fix
	mv /tmp/config $HELPERS/postmulti-config
	is "exit status" "$STATUS" 1
	out_has '^listed twice: /etc/postfix-a'
	out_has ' 0 mended$'
	! grep -q '^    mended' <<<"$OUT" || fail "said to be mended"
	err_has 'postmulti-config'
}

case_two_names() {
	start
	mkdir /etc/postfix-same
	mount --bind /etc/postfix-a /etc/postfix-same
	postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix-b /etc/postfix-same"
	trap 'umount /etc/postfix-same; rmdir /etc/postfix-same' EXIT
	finds '^listed twice: /etc/postfix-same: is the same directory as /etc/postfix-a'
	says
	typed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
	[ -s /etc/postfix-a/main.cf ] || fail "it is gone"
	run root $POSTMULTI doctor
	! grep -q '^listed twice' <<<"$OUT" || fail "still listed twice"
}

case_primary_two_names() {
	start
	ln -s /etc/postfix /etc/postfix-link
	postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix-link /etc/postfix-b"
	finds '^listed twice: /etc/postfix-link: is the same directory as /etc/postfix$'
	typed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
	[ -s /etc/postfix/main.cf ] || fail "it is gone"
	rm /etc/postfix-link
	clean
}

case_owner_cf() {
	start
	chmod g+w /etc/postfix-a/master.cf
	finds '^owner: /etc/postfix-a/master.cf: owner uid 0, mode 0664: whoever can write'
	repaired
}

# Each by --fix and by the command.
case_owner_queue() { # NAME
	local way name=$1
	for way in fixed repaired; do
		start
		chmod 755 /var/spool/$name/active
		finds "^owner: /var/spool/$name/active: owner [0-9]+:[0-9]+, mode 0755, should be postfix, mode 0700"
		$way
		chown alice /var/spool/$name/incoming
		finds "^owner: /var/spool/$name/incoming: owner 20001:[0-9]+, mode 0700, should be postfix, mode 0700"
		$way
		[ $name = postfix ] || { # whose every start makes it
			rmdir /var/spool/$name/hold
			finds "^missing: /var/spool/$name/hold"
			$way
		}
		chgrp root /var/spool/$name/maildrop
		finds "^owner: /var/spool/$name/maildrop: .* should be postfix:postdrop, mode 0730"
		$way
		chmod 777 /var/spool/$name
		finds "^owner: /var/spool/$name: .* mode 0777, should be root, mode 0755"
		$way
		chown root /var/lib/$name
		finds "^owner: /var/lib/$name: owner uid 0, mode 0[0-7]*, should be postfix"
		$way
		chmod 777 /var/lib/$name
		finds "^owner: /var/lib/$name: owner uid [0-9]+, mode 0777, should be postfix, mode 0700"
		$way
	done
}

case_missing() {
	local way dir
	for way in fixed repaired; do
		for dir in /var/spool/postfix-a /var/lib/postfix-a; do
			start
			rm -r $dir
			finds "^missing: $dir: not there"
			[ $way != repaired ] || each_typed
			[ $way = repaired ] || fixed
			clean
			[ -d $dir ] || fail "no $dir"
		done
	done
	start
	rm /etc/postfix-a/master.cf
	finds '^missing: /etc/postfix-a/master.cf: not there'
	repaired
	same "master.cf" /etc/postfix/master.cf.proto /etc/postfix-a/master.cf
}

# Something else in the place of a directory.
case_no_directory() {
	local dir
	for dir in /var/spool/postfix-a /var/lib/postfix-a; do
		start
		rm -r $dir
		echo text >$dir
		finds "^untrusted: $dir: not a directory"
		repaired
		is "what was there" "$(cat $dir.old)" text
		start
		rm -r $dir
		ln -s /nowhere $dir
		run root $POSTMULTI doctor
		is "exit status" "$STATUS" 1
		out_has "^untrusted: $dir: a symbolic link"
		REPAIR=$(grep -A1 "^untrusted: $dir: " <<<"$OUT" |
			sed -n '2s/^    //p')
		repaired
		[ -d $dir ] && [ ! -L $dir ] || fail "no $dir"
	done
	start
	mv /etc/postfix-a /srv/real-a
	ln -s /srv/real-a /etc/postfix-a
	trap 'rm -r /srv/real-a' EXIT
	finds '^untrusted: /etc/postfix-a: a symbolic link'
	typed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/srv/real-a /etc/postfix-b"
	works root $POSTMULTI -i a -e enable
}

# What set-permissions would follow goes out of the way first.
case_other_kind() {
	local queue=/var/spool/postfix-a file
	for file in deferred maildrop pid pid/master.pid; do
		start
		rm -rf /srv/target && mkdir /srv/target
		[ ! -d $queue/$file ] || rmdir $queue/$file
		ln -s /srv/target $queue/$file
		snapshot /srv/target >/tmp/target
		finds "^untrusted: $queue/$file: not of the kind that Postfix"
		refused root $POSTMULTI -i a -e destroy --dry-run
		err_has "$queue/${file%%/*}.*postmulti doctor"
		refused root $POSTMULTI -i a -e destroy
		err_has "$queue/${file%%/*}.*postmulti doctor"
		repaired
		snapshot /srv/target >/tmp/after
		same "what it led to" /tmp/target /tmp/after
		rm $queue/$file.old
		works root $POSTMULTI -i a -e destroy
		[ ! -e $queue ] || fail "the queue is there"
	done
}

# Nothing is begun where main.cf can't be changed in the end.
case_not_editable() {
	local dir words
	for dir in /etc/postfix /etc/postfix-a; do
		start
		mkdir $dir/main.cf.tmp
		for words in "destroy --dry-run" destroy deport enable; do
			# shellcheck disable=SC2086
			refused root $POSTMULTI -i a -e $words
			err_has "$dir/main.cf.tmp: a directory.*: remove it"
		done
		[ -d /var/spool/postfix-a/active ] || fail "begun"
		run root $POSTMULTI -i a -p status
		! grep -q main.cf.tmp <<<"$ERR" || fail "no change, but refused"
		finds "^temporary: $dir/main.cf.tmp: a directory"
		repaired
		works root $POSTMULTI -i a -e destroy
	done
}

# Where no helper would keep a record or take a lock.
case_state() {
	local state=/var/lib/postmulti
	start
	serves_root
	chmod 777 $state/records
	finds "^owner: $state/records: owner uid 0, mode 0777"
	repaired
	chown alice $state
	finds "^owner: $state: owner uid 20001, mode 0700"
	repaired
	rmdir $state/records && echo text >$state/records
	finds "^owner: $state/records: "
	repaired
	rm -f $state/lock && mkdir $state/lock
	finds "^temporary: $state/lock: a directory"
	repaired
	serves_root
}

serves_root() {
	works root $POSTMULTI -i a -e enable
	works root $POSTMULTI -i a -e disable
}

case_cache() {
	start
	chown alice /var/cache/postmulti
	run root $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has '^owner: /var/cache/postmulti: owner uid 20001'
	each_typed
	clean
}

# What the helpers refuse everybody but root for, as they do, is found, and
# they do it no more when it is repaired.
untrusted() { # REGEX
	! serves_alice || fail "they serve alice: the test shows nothing"
	finds "$1"
	repaired
	serves_alice || fail "they don't serve alice yet"
}

case_untrusted() {
	local in=/etc/postfix-al
	start
	works root $POSTMULTI -I postfix-al -e create
	serves_alice || fail "they don't serve alice"
	trap 'rm -rf /etc/target /var/lib/real-al /var/spool/real' EXIT
	install -o alice /dev/null $in/virtual
	untrusted "^owner: $in/virtual: owner uid 20001, mode 0755: whoever can write"
	mkdir -p $in/a/b
	chmod 775 $in/a/b
	untrusted "^owner: $in/a/b: owner uid 0, mode 0775"
	chown alice $in
	untrusted "^owner: $in: owner uid 20001"
	chmod 777 /var/spool
	untrusted '^owner: /var/spool: owner uid 0, mode 0777'
	ln $in/virtual $in/a/again
	run root $POSTMULTI doctor
	out_has "^untrusted: $in/virtual: has more than one name"
	out_has "^untrusted: $in/a/again: has more than one name"
	rm $in/a/again
	echo text >/etc/target
	ln /etc/target $in/linked || fail "no link"
	untrusted "^untrusted: $in/linked: has more than one name"
	is "its text" "$(cat $in/linked)" text
	ln -s /etc/target $in/symbolic
	untrusted "^untrusted: $in/symbolic: a symbolic link"
	[ -f $in/symbolic ] && [ "$(cat $in/symbolic)" = text ] ||
		fail "its text is lost"
	ln -s /etc/shadow $in/alices
	chown -h alice $in/alices
	untrusted "^untrusted: $in/alices: a symbolic link"
	[ ! -e $in/alices ] || fail "followed"
	mkfifo $in/a/fifo
	untrusted "^untrusted: $in/a/fifo: neither a regular file"
	: >$in/install.cf
	untrusted "^untrusted: $in/install.cf: obsolete"
	mv /var/lib/postfix-al /var/lib/real-al
	ln -s real-al /var/lib/postfix-al
	untrusted '^untrusted: /var/lib/postfix-al: a symbolic link'
	rm /var/lib/postfix-al
	mkdir /var/spool/real
	mv /var/spool/postfix-al /var/spool/real/al
	ln -s real/al /var/spool/postfix-al
	untrusted '^untrusted: /var/spool/postfix-al: a symbolic link'
}

# No name is typed by root that says more than a name.
case_untrusted_name() {
	start
	touch '/etc/postfix-a/a;id' $'/etc/postfix-a/b\e[31m'
	chown alice /etc/postfix-a/[ab]?*
	run root $POSTMULTI doctor
	out_has '^owner: /etc/postfix-a/a;id: '
	out_has '^owner: /etc/postfix-a/b\?\[31m: '
	is "commands" "$(grep '^    ' <<<"$OUT" | sort -u)" \
		"    look at it by hand: its name is not safe to paste"
}

# The link's own name is safe, what lies below it isn't: quoted it is.
case_unsafe_below() {
	start
	mkdir /srv/way
	trap 'rm -rf /srv/way /srv/gone /tmp/ran' EXIT
	works root $POSTMULTI -I postfix-odd -e create \
		'queue_directory=/srv/way/q;id>/tmp/ran'
	mv /srv/way /srv/gone
	ln -s gone /srv/way
	finds '^untrusted: /srv/way: a symbolic link'
	repaired
	is "the queue" "$(postconf -c /etc/postfix-odd -h queue_directory)" \
		'/srv/gone/q;id>/tmp/ran'
	[ ! -e /tmp/ran ] || fail "it was run"
}

case_temporary() {
	start
	: >/etc/postfix-a/main.cf.tmp
	chmod 600 /etc/postfix-a/main.cf.tmp
	finds '^temporary: /etc/postfix-a/main.cf.tmp'
	fixed
	: >/etc/postfix/main.cf.tmp
	finds '^temporary: /etc/postfix/main.cf.tmp'
	repaired
	install -m 600 /dev/null /etc/postfix-a/master.cf.tmp
	finds '^temporary: /etc/postfix-a/master.cf.tmp: left by an editor of master.cf'
	repaired
	install -m 600 /dev/null /var/lib/postmulti/records/tmp
	finds '^temporary: /var/lib/postmulti/records/tmp: left by a create'
	repaired
	mkdir /etc/postfix-a/.tmp
	finds '^temporary: /etc/postfix-a/.tmp'
	repaired
	mkdir -p /etc/postfix-a/main.cf.tmp/x
	finds '^temporary: /etc/postfix-a/main.cf.tmp: a directory'
	repaired
	works root $POSTMULTI -i a -e enable
}

# What an editor has locked isn't stale.
case_temporary_locked() {
	local editor
	start
	install -m 600 /dev/null /etc/postfix-a/main.cf.tmp
	flock /etc/postfix-a/main.cf.tmp sleep 60 &
	editor=$!
	wait_for 10 grep -q " WRITE $editor " /proc/locks || fail "no lock"
	run root $POSTMULTI doctor
	pkill -P $editor
	rm -f /etc/postfix-a/main.cf.tmp
	is "exit status" "$STATUS" 0
	# Nor what is written under the lock of all changes.
	install -m 600 /dev/null /var/lib/postmulti/records/tmp
	flock /var/lib/postmulti/lock sleep 60 &
	editor=$!
	wait_for 10 grep -q " WRITE $editor " /proc/locks || fail "no lock"
	run root $POSTMULTI doctor
	pkill -P $editor
	rm -f /var/lib/postmulti/records/tmp
	is "exit status" "$STATUS" 0
}

# But it is when anybody could open it, and who holds it is no editor.
case_temporary_taken() {
	local holder
	start
	install -m 644 /dev/null /etc/postfix-a/main.cf.tmp
	as carol flock /etc/postfix-a/main.cf.tmp sleep 60 &
	wait_for 10 sh -c '! flock -n /etc/postfix-a/main.cf.tmp true' ||
		fail "no lock"
	holder=$(pgrep -u carol -x flock)
	finds "^temporary: /etc/postfix-a/main.cf.tmp: .* locked by pid $holder,"
	repaired
	pkill -u carol
	works root $POSTMULTI -i a -e enable
}

case_leftover() {
	start
	works root $POSTMULTI -I postfix-c -e create
	works root $POSTMULTI -i c -e deport
	clean # known as an alternate directory
	postconf -e alternate_config_directories=
	run root $POSTMULTI doctor
	# Its queue and data aren't told: who types all, would import it, and
	# then remove them.
	finds '^leftover: /etc/postfix-c: '
	repaired
	works root $POSTMULTI -i c -e deport
	postconf -e alternate_config_directories=
	rm -r /etc/postfix-c
	run root $POSTMULTI doctor
	out_has '^leftover: /var/spool/postfix-c: .* with 0 messages in it$'
	out_has '^leftover: /var/lib/postfix-c: '
	each_typed
	clean
	mkdir -p /etc/postfix-other /var/spool/postfix-other /var/lib/postfix-other
	clean # others have such directories, too
	rmdir /etc/postfix-other /var/spool/postfix-other /var/lib/postfix-other
}

leftover() { # DIRECTORY: the command for it, of several findings
	run root $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has "^leftover: $1: "
	REPAIR=$(grep -A1 "^leftover: $1: " <<<"$OUT" | sed -n '2s/^    //p')
}

# No mail goes by a command that is told.
case_leftover_mail() {
	local queue=/var/spool/postfix-b mail=/tmp/mail file
	start
	rm /etc/postfix-b/main.cf
	works root $POSTMULTI -i /etc/postfix-b -e destroy
	[ -d $queue/deferred ] || fail "no leftover"
	for file in maildrop/1 incoming/2 active/3 deferred/4 hold/5 \
		corrupt/6 saved/7 deferred/A/B/8; do
		install -D -o postfix /dev/null $queue/$file
		leftover $queue
		out_has "^leftover: $queue: .* with 1 message in it$"
		is "command" "$REPAIR" "find $queue/${file%%/*} -type f"
		typed >$mail
		is "what it shows" "$(cat $mail)" $queue/$file
		[ -e $queue/$file ] || fail "it is gone"
		# Who can't see it is told no other.
		run carol $POSTMULTI doctor
		! grep -q "rm -r $queue" <<<"$OUT" || fail "carol is told to remove it"
		run alice $POSTMULTI doctor
		! grep -q "rm -r $queue" <<<"$OUT" || fail "alice is told to remove it"
		rm $queue/$file
	done
	install -o postfix /dev/null $queue/hold/9
	install -o postfix /dev/null $queue/deferred/10
	leftover $queue
	out_has "^leftover: $queue: .* with 2 messages in it$"
	typed | sort >$mail
	printf '%s\n' $queue/deferred/10 $queue/hold/9 >/tmp/expected
	same "what it shows" $mail /tmp/expected
	rm $queue/deferred/10 $queue/hold/9
	leftover $queue
	out_has "^leftover: $queue: .* with 0 messages in it$"
	typed
	[ ! -e $queue ] || fail "still there"
	leftover /var/lib/postfix-b
	typed
	[ ! -e /var/lib/postfix-b ] || fail "still there"
	clean
}

case_helpers() {
	start
	chmod 755 $HELPERS/postmulti-{config,dirs,exec}
	run carol $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	is findings "$(grep -c '^helpers: .* and mode 0755, should be root:postmulti and 4754' <<<"$OUT")" 3
	eval "$(sed -n 's/^    \(chown root:postmulti .*\)/\1/p' <<<"$OUT")"
	clean
	chgrp root $HELPERS/postmulti-dirs
	chmod 4755 $HELPERS/postmulti-dirs
	finds '^helpers: .*postmulti-dirs: owner 0:0 and mode 4755'
	repaired
	mv $HELPERS/postmulti-judge /tmp/judge
	run carol $POSTMULTI doctor
	out_has '^helpers: .*postmulti-judge: No such file'
	mv /tmp/judge $HELPERS/postmulti-judge
	clean
}

case_nosuid() {
	start
	mount --bind $HELPERS $HELPERS || fail "no bind mount"
	trap 'umount $HELPERS' EXIT
	mount -o remount,bind,nosuid $HELPERS || fail "not nosuid"
	run carol $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	is findings "$(grep -c '^helpers: .* mounted nosuid' <<<"$OUT")" 3
	out_has '^    mount that file system without nosuid$'
}

case_policy() {
	start
	echo 'permit nobody' >/etc/postmulti/policy.d/z.conf
	finds '^policy: nobody but root is permitted anything: /etc/postmulti/policy.d/z.conf:1:'
	run alice $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has '^policy: '
	says 'postmulti-policy check$'
	rm /etc/postmulti/policy.d/z.conf
	clean
}

case_defaults() {
	local user
	start
	# Readable to root alone: what isn't known yet is not damaged.
	chmod 600 /etc/postfix-a/main.cf
	for user in carol alice root; do
		rm -f /var/cache/postmulti/defaults
		run $user $POSTMULTI doctor
		is "exit status" "$STATUS" 1
		out_has '^1 found, 0 mended'
		out_has '^defaults: /var/cache/postmulti/defaults: missing'
		says "postmulti -l"
	done
	finds '^defaults: '
	repaired
	rm /var/cache/postmulti/defaults
	fixed
	chmod 644 /etc/postfix-a/main.cf
	works carol $POSTMULTI doctor
}

case_script() {
	local script
	start
	script=$(postconf -h daemon_directory)/postmulti-script
	[ -x /usr/bin/dpkg ] || fail "no dpkg to ask"
	cp -a "$script" /tmp/script
	echo '# local change' >>"$script"
	run root $POSTMULTI doctor
	cp -a /tmp/script "$script"
	out_has "^script: $script differs from the package's"
	says "move what was changed"
	clean
}

case_init() {
	start
	postconf -X multi_instance_wrapper
	finds '^init: /etc/postfix: multi_instance_wrapper is empty'
	repaired
}

case_session() {
	start
	run carol setpriv --no-new-privs $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has '^session: this process has no_new_privs'
	says 'look for NoNewPrivileges='
}

# A command of USER's as on a kernel without that system call.
without() { # CALL USER ARGUMENT...
	run root "$SRC/$BUILD/tests/without" "$1" "$TOOLS/asuser" "$2" \
		$POSTMULTI "${@:3}"
}

# What is said of the helpers is so.
case_kernel() {
	local user landlock=landlock_create_ruleset
	start
	works root $POSTMULTI -I postfix-al -e create
	trap 'rm -f /etc/postmulti/policy.d/z.conf' EXIT
	for user in root alice; do
		without prctl=22 $user doctor # PR_SET_SECCOMP
		is "exit status" "$STATUS" 1
		out_has '^kernel: no seccomp filters'
		out_has '^    boot a kernel with CONFIG_SECCOMP_FILTER$'
		without $landlock $user doctor
		is "exit status" "$STATUS" 1
		out_has '^kernel: no Landlock: .* nobody but root$'
		out_has '^    boot Linux .* or write "confinement reduced"'
	done
	without $landlock root -i al -e enable
	is "root's exit status" "$STATUS" 0
	without $landlock alice -i al -e disable
	is "alice's exit status" "$STATUS" 1
	err_has 'no Landlock: nobody but root .*"confinement reduced"'
	echo 'confinement reduced' >/etc/postmulti/policy.d/z.conf
	without $landlock alice -i al -e disable
	is "alice's exit status" "$STATUS" 0
	is "enabled" "$(postconf -c /etc/postfix-al -h multi_instance_enable)" no
}

case_primary() {
	start
	mv /etc/postfix/main.cf /tmp/main.cf
	run root $POSTMULTI doctor
	cp -a /tmp/main.cf /etc/postfix/main.cf
	is "exit status" "$STATUS" 1
	out_has '^primary: .*/etc/postfix/main.cf'
	says 'repair that file first'
}

case_usage() {
	local words
	for words in "doctor a" "-a doctor" "doctor -i a" "-l --fix" \
		"-x --fix true"; do
		# shellcheck disable=SC2086
		refused carol $POSTMULTI $words
	done
	works root $POSTMULTI -x echo doctor
	out_has '^doctor$'
}

# --- destroy --dry-run ---------------------------------------------------------

# What was said would go is gone, and all that was said would stay is there.
case_dry_run() { # USER
	local name=b i
	start
	[ "$1" = root ] || {
		name=al
		works alice $POSTMULTI -I postfix-al -e create
	}
	works root $POSTMULTI -i $name -e enable
	age
	works root $POSTMULTI -i $name -p start
	works root $POSTMULTI -i $name -p stop
	works root $POSTMULTI -i $name -e disable
	install -d -o postfix -m 700 /var/spool/postfix-$name/deferred/{A,B}
	touch /var/spool/postfix-$name/private/foreign \
		"/var/spool/postfix-$name/a file" /var/lib/postfix-$name/cache.db \
		/etc/postfix-$name/virtual
	for i in $(seq 60); do
		touch /var/lib/postfix-$name/some-rather-long-foreign-name-"$i"
	done
	find /etc/postfix-$name /var/spool/postfix-$name \
		/var/lib/postfix-$name | sort >/tmp/all
	changes_nothing works "$1" $POSTMULTI -i $name -e destroy --dry-run
	sed -n 's/^would go:   //p' <<<"$OUT" | sort >/tmp/go
	sed -n 's/^would stay: //p' <<<"$OUT" | sort >/tmp/stay
	sort /tmp/go /tmp/stay >/tmp/told
	same "what is told of" /tmp/all /tmp/told
	[ "$(wc -l </tmp/go)" -gt 40 ] || fail "too little would go"
	works "$1" $POSTMULTI -i $name -e destroy
	find /etc/postfix-$name /var/spool/postfix-$name \
		/var/lib/postfix-$name | sort >/tmp/left
	same "what stayed" /tmp/stay /tmp/left
}

case_dry_run_refused() {
	start
	works root $POSTMULTI -i b -e enable
	refused root $POSTMULTI -i b -e destroy --dry-run
	err_has 'Cannot remove enabled'
	age
	works root $POSTMULTI -i b -p start
	works root $POSTMULTI -i b -e disable
	refused root $POSTMULTI -i b -e destroy --dry-run
	err_has 'would be refused: .* is not stopped'
	age
	postfix -c /etc/postfix-b stop
	install -o postfix -m 700 /dev/null /var/spool/postfix-b/hold/0123456789A
	refused root $POSTMULTI -i b -e destroy --dry-run
	err_has 'would be refused: messages in the queue \(1 in hold\)'
	refused bob $POSTMULTI -i b -e destroy --dry-run
}

install_suite
install_policy <<-EOF
	permit alice manage,operate  prefix postfix-al
	permit bob   status          any
EOF
usermod -aG postmulti mark
works root $POSTMULTI -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "a healthy host: nothing found, nothing changed" case_nothing
check "nothing there: nothing made" case_nothing_made
check "damaged" case_damaged
for action in create destroy; do
	check "a $action cut short: its command finishes it" \
		case_half_made_repaired $action
	check "a $action cut short: --fix finishes it" case_half_made_fixed $action
done
check "a create cut short: the delegate's own --fix" case_half_made_delegate
check "a record that cannot be read" case_record
check "damaged: the one that is in the right" case_damaged_other
check "damaged: what is no path" case_unusable
check "damaged: a path that needs quotes" case_odd_path
check "listed twice" case_twice
check "the primary is listed" case_listed_primary
check "listed twice, no helper to mend it" case_twice_no_helper
check "one directory, two names" case_two_names
check "the primary by another name" case_primary_two_names
check "a .cf file that others may write" case_owner_cf
for name in postfix-a postfix; do
	check "$name: queue and data: owners, modes, missing" \
		case_owner_queue $name
done
check "a directory or master.cf is missing" case_missing
check "a file or a link instead of a directory" case_no_directory
check "what the helpers refuse a delegate for" case_untrusted
check "a file or a link instead of what Postfix makes" case_other_kind
check "a directory instead of main.cf.tmp" case_not_editable
check "where records and the lock are" case_state
check "where the cache of defaults is" case_cache
check "names that are no names" case_untrusted_name
check "what lies below a link is quoted" case_unsafe_below
check "stale temporary files" case_temporary
check "an editor at work" case_temporary_locked
check "a dead editor's file that carol locked" case_temporary_taken
check "leftovers" case_leftover
check "leftovers: mail" case_leftover_mail
check "helpers that lost their set-uid bit" case_helpers
check "helpers on a file system mounted nosuid" case_nosuid
check "policy errors" case_policy
check "no cache of defaults" case_defaults
check "a changed postmulti-script" case_script
check "multi-instance support is off" case_init
check "no_new_privs" case_session
check "no seccomp, no Landlock" case_kernel
check "no primary" case_primary
check "usage" case_usage
check "destroy --dry-run: exactly what goes and stays, root" case_dry_run root
check "destroy --dry-run: exactly what goes and stays, delegate" \
	case_dry_run alice
check "destroy --dry-run: what would refuse it" case_dry_run_refused
finish
