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

finds() { # REGEX: as root, exit status 1; only that finding
	run root $POSTMULTI doctor
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

repaired() { # the command doctor named, typed by root
	(PATH=${POSTMULTI%/*}:$PATH eval "$REPAIR") || fail "$REPAIR: failed"
	clean
}

fixed() { # by --fix
	works root $POSTMULTI doctor --fix
	out_has '^1 found, 1 mended'
	clean
}

changes_nothing() {
	snapshot_all >/tmp/before
	"$@"
	snapshot_all >/tmp/after
	same "the tree" /tmp/before /tmp/after
}

case_nothing() {
	start
	changes_nothing clean
	works alice $POSTMULTI doctor
	works carol $POSTMULTI doctor
	out_has '^not looked into: the directories of 2 instances'
}

case_damaged() {
	start
	rm /etc/postfix-b/main.cf
	changes_nothing finds '^damaged: /etc/postfix-b: .*main\.cf: No such'
	(PATH=${POSTMULTI%/*}:$PATH eval "$REPAIR") || fail "$REPAIR: failed"
	run root $POSTMULTI doctor
	! grep -q '^damaged' <<<"$OUT" || fail "still damaged"
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
	changes_nothing finds '^half-made: /etc/postfix-[bc]: a (create|destroy) of postfix-[bc], begun by uid 0 at .* under way'
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
}

case_twice() {
	start
	postconf -e "multi_instance_directories = /etc/postfix-a, /etc/postfix-b /etc/postfix-a"
	finds '^listed twice: /etc/postfix-a: stands more than once'
	fixed
	is "the list" "$(postconf -h multi_instance_directories)" \
		"/etc/postfix-a /etc/postfix-b"
}

case_two_names() {
	start
	mkdir /etc/postfix-same
	mount --bind /etc/postfix-a /etc/postfix-same
	postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix-b /etc/postfix-same"
	run root $POSTMULTI doctor
	umount /etc/postfix-same
	rmdir /etc/postfix-same
	is "exit status" "$STATUS" 1
	out_has '^listed twice: /etc/postfix-same: is the same directory as /etc/postfix-a'
	says
}

case_owner_cf() {
	start
	chmod g+w /etc/postfix-a/master.cf
	finds '^owner: /etc/postfix-a/master.cf: owner uid 0, mode 0664: whoever can write'
	repaired
}

case_owner_queue() {
	start
	chmod 755 /var/spool/postfix-a/active
	finds '^owner: /var/spool/postfix-a/active: owner [0-9]+:[0-9]+, mode 0755, should be postfix, mode 0700'
	fixed
	rmdir /var/spool/postfix-a/hold
	finds '^missing: /var/spool/postfix-a/hold'
	fixed
	chgrp root /var/spool/postfix-a/maildrop
	finds '^owner: /var/spool/postfix-a/maildrop: .* should be postfix:postdrop, mode 0730'
	fixed
	chown root /var/lib/postfix-a
	finds '^owner: /var/lib/postfix-a: owner uid 0, should be postfix'
	fixed
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
	mkdir /etc/postfix-a/.tmp
	finds '^temporary: /etc/postfix-a/.tmp'
	repaired
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
	out_has '^leftover: /etc/postfix-c: '
	out_has '^leftover: /var/spool/postfix-c: .*look for mail'
	out_has '^leftover: /var/lib/postfix-c: '
	REPAIR=$(sed -n 's/^    \(.* -e import [^,]*\), or: .*/\1/p' <<<"$OUT")
	repaired
	mkdir -p /etc/postfix-other /var/spool/postfix-other /var/lib/postfix-other
	clean # others have such directories, too
	rmdir /etc/postfix-other /var/spool/postfix-other /var/lib/postfix-other
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
	start
	rm /var/cache/postmulti/defaults
	run carol $POSTMULTI doctor
	is "exit status" "$STATUS" 1
	out_has '^defaults: /var/cache/postmulti/defaults: missing'
	says "postmulti -l"
	works root $POSTMULTI -l
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
check "damaged" case_damaged
for action in create destroy; do
	check "a $action cut short: its command finishes it" \
		case_half_made_repaired $action
	check "a $action cut short: --fix finishes it" case_half_made_fixed $action
done
check "a create cut short: the delegate's own --fix" case_half_made_delegate
check "a record that cannot be read" case_record
check "listed twice" case_twice
check "one directory, two names" case_two_names
check "a .cf file that others may write" case_owner_cf
check "queue and data directories: owners, modes, missing" case_owner_queue
check "stale temporary files" case_temporary
check "an editor at work" case_temporary_locked
check "a dead editor's file that carol locked" case_temporary_taken
check "leftovers" case_leftover
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
