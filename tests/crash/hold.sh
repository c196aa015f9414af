#!/bin/bash
# alice is in the group and may change her own instances; carol isn't.  Both
# try to hold up bob and root, who change other instances by the same main.cf:
# under each attack and after it theirs have to work, each within the time for
# which it waits for a lock.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

HOLD=$TOOLS/hold
STATE=/var/lib/postmulti
TMP=/etc/postfix/main.cf.tmp
ROUNDS=${ROUNDS:-4} # of each signal and each key, by each of two commands
SIGNALS=(STOP KILL INT QUIT HUP TERM TSTP TTIN TTOU USR1 USR2 ALRM VTALRM PROF
	PIPE XCPU XFSZ SEGV IO)
HERS=("$POSTMULTI" -i postfix-a -e enable)
attackers=() queued=() blocker=

# --- those who must not wait ---------------------------------------------------

# Each of them changes something.
others() {
	local word
	for word in enable disable; do
		works bob "$POSTMULTI" -i postfix-b -e $word
		works root "$POSTMULTI" -i postfix-c -e $word
	done
}

all_of_others() {
	local n name
	others
	n=$(wc -c </tmp/made)
	printf . >>/tmp/made
	name=postfix-r$n
	works bob "$POSTMULTI" -i postfix-b -G "group$n" -e assign
	works root "$POSTMULTI" -I "$name" -e create
	works root "$POSTMULTI" -i "$name" -e enable
	works root "$POSTMULTI" -l -i "$name"
	out_has "^$name .* y "
	works root "$POSTMULTI" -l -i postfix-b
	out_has "^postfix-b  *group$n  *n "
}

# --- attackers -----------------------------------------------------------------

# In the background; what it says is in the file $said.
attack() { # USER WHAT ARGUMENT...
	said=/tmp/said.${#attackers[@]}
	: >"$said" # not what an earlier one said
	trap undone EXIT
	LIMIT=300 as "$1" "$HOLD" "${@:2}" >"$said" 2>&1 </dev/null &
	attackers+=($!)
}

is_ready() {
	grep -qx ready "$said"
}

ready() {
	wait_for 60 is_ready || fail "the attack failed: $(cat "$said")"
}

# Ended, and what each has started with it.
withdrawn() {
	local pid
	for pid in "${attackers[@]}"; do
		pkill -KILL -P "$(pgrep -P "$(pgrep -P "$pid")")"
		pkill -KILL -P "$(pgrep -P "$pid")"
		wait "$pid"
	done
	attackers=()
} 2>/dev/null

undone() {
	withdrawn
	[ -z "$blocker" ] || out_of_the_way
}

# How often it struck while a helper of hers had the lock.
held=0 rounds=0
count_held() {
	local n of
	read -r _ n _ of < <(grep '^held' "$said")
	held=$((held + n)) rounds=$((rounds + of))
}

note() {
	echo "$*" >/tmp/note
}

attacked() { # TITLE FUNCTION...
	rm -f /tmp/note
	check "$@"
	[ ! -e /tmp/note ] || echo "#: ${1%%:*}: $(cat /tmp/note)"
}

# --- her helper, while it holds the lock -----------------------------------------

# It waits for main.cf.tmp, which is ours.
block() {
	(umask 077 && touch $TMP)
	flock -o $TMP sleep 120 &
	blocker=$!
	trap undone EXIT
	wait_for 10 eval '! flock -n $TMP true' || fail "$TMP isn't held"
}

in_the_way() { # COMMAND...: hers
	: >$STATE/lock
	block
	as alice "$@" >/tmp/hers.out 2>&1 </dev/null &
	hers=$!
	# Of a place on the CPU that is the last, it takes its time.
	wait_for 60 grep -q 'of postfix-a' $STATE/lock ||
		fail "nobody waits: $(cat /tmp/hers.out)"
	actor=$(sed 's/^pid \([0-9]*\) .*/\1/' $STATE/lock)
	judge=$(cat "/proc/$actor/task/$actor/children")
	judge=${judge%% *}
	front=$(awk '/^PPid/ { print $2 }' "/proc/$actor/status")
	[ -n "$judge" ] || fail "no judge"
	flock -n $STATE/lock true && fail "it isn't locked"
	true
}

out_of_the_way() {
	rm -f $TMP
	release
}

release() {
	kill -KILL "$blocker"
	pkill -KILL -P "$blocker"
	wait "$blocker"
	blocker=
} 2>/dev/null

# The others wait for her as long as she waits for us.
queue_up() {
	local i
	as bob "$POSTMULTI" -i postfix-b -e enable >/tmp/queued.0 2>&1 &
	queued=($!)
	as root "$POSTMULTI" -i postfix-c -e enable >/tmp/queued.1 2>&1 &
	queued+=($!)
	for i in 0 1; do
		wait_for 10 eval "helper_of ${queued[i]} >/dev/null" ||
			fail "nobody queues: $(cat /tmp/queued.$i)"
	done
}

# below timeout(1): the front-end, below it the helper, which is uid 0 for good
# once it waits
helper_of() { # JOB
	local pid
	pid=$(pgrep -P "$(pgrep -P "$(pgrep -P "$1")")") || return
	[ "$(awk '/^Uid/ { print $2, $3, $4 }' "/proc/$pid/status")" = "0 0 0" ] &&
		echo "$pid"
}

have_worked() {
	local i
	for i in 0 1; do
		wait "${queued[i]}" || fail "held up: $(cat /tmp/queued.$i)"
	done
	others
}

hers_worked() {
	wait "$hers" || fail "hers: $(cat /tmp/hers.out)"
}

# --- control -------------------------------------------------------------------

# Somebody who does hold them up.
really_held() {
	in_the_way "${HERS[@]}"
	refused bob "$POSTMULTI" --lock-timeout=1 -i postfix-b -e enable
	err_has 'locked by pid [0-9]+ \(enable of postfix-a\)'
	refused root "$POSTMULTI" --lock-timeout=1 -i postfix-c -e enable
	out_of_the_way
	hers_worked
	all_of_others
}

# --- signals ---------------------------------------------------------------------

to_holder() {
	local who
	for who in alice carol; do
		in_the_way "${HERS[@]}"
		queue_up
		run $who "$HOLD" send "$actor" "$judge" \
			"$(helper_of "${queued[0]}")" \
			"$(helper_of "${queued[1]}")"
		out_is sent
		# Her front-end she may stop: nobody waits for that.
		[ $who = carol ] ||
			as alice sh -c "kill -STOP $front" || fail "not stopped"
		out_of_the_way
		have_worked
		kill -CONT "$front"
		hers_worked
	done
	all_of_others
}

# Two attacks at once, by commands that change something, until all is done;
# what is stopped stays so.
both_at_once() { # WHAT ARGUMENT... with the number of rounds last
	local word one
	for word in enable disable; do
		attack alice "$@" "$(stat -c %i $STATE/lock)" \
			"$POSTMULTI" -v -v -i postfix-a -e $word
	done
	one=/tmp/said.$((${#attackers[@]} - 2))
	until is_ready && grep -qx ready "$one"; do
		others
		[ -d "/proc/${attackers[-1]}" ] || fail "$(cat "$said")"
	done
	count_held
	said=$one
	count_held
	others
}

at_any_moment() {
	local sig numbers
	for sig in "${SIGNALS[@]}"; do
		numbers+="$(kill -l "$sig") "
	done
	both_at_once signal "${numbers% }" $((ROUNDS * ${#SIGNALS[@]}))
	all_of_others
	note "$rounds rounds, in $held the helper held the lock throughout"
	[ $rounds -gt 100 ] || fail "$rounds rounds"
}

# Everything she may send one to, all the time, her own commands included.
to_everybody() {
	local who sig i
	for who in alice carol; do
		for sig in STOP KILL TERM; do
			attack $who flood "$(kill -l $sig)"
			ready
			for i in 1 2 3 4; do
				as alice "${HERS[@]}" >/dev/null 2>&1 &
				attackers+=($!)
				others
			done
			all_of_others
			withdrawn
		done
	done
}

# --- terminal --------------------------------------------------------------------

KEYS=($'\032' $'\003' $'\034' $'\023' $'\026\032\032' hup background)

# One after the other, while it holds the lock and goes on doing so.
on_holders_terminal() {
	local keys
	for keys in "${KEYS[@]}"; do
		block
		attack alice tty "$keys" 1 "$(stat -c %i $STATE/lock)" "${HERS[@]}"
		ready
		grep -qx 'held 1 of 1' "$said" || fail "$(cat "$said")"
		queue_up
		out_of_the_way
		have_worked
		withdrawn
	done
	all_of_others
}

on_terminal() {
	local keys
	for keys in "${KEYS[@]}"; do
		both_at_once tty "$keys" "$ROUNDS"
	done
	all_of_others
	note "$rounds rounds, in $held the helper held the lock throughout"
	[ $rounds -gt 40 ] || fail "$rounds rounds"
}

# --- limits ----------------------------------------------------------------------

limits() {
	local limit value passed=0 tried=0
	while read -r limit value; do
		for value in $value; do
			tried=$((tried + 1))
			run alice /usr/bin/prlimit "--$limit=$value:" \
				"$POSTMULTI" -i postfix-a -e \
				"$([ $((tried % 2)) = 0 ] && echo dis || echo en)able"
			[ "$STATUS" = 0 ] && passed=$((passed + 1))
		done
		others
	done <<-'EOF'
		cpu 0 1 10 11
		fsize 0 1 512 4096 16777215 16777216
		nofile 0 3 5 8 16 63 64
		as 0 4000000 20000000 100000000 134217728 140000000
		data 0 100000 4000000 67108864
		stack 0 16384 200000 524288
		nproc 0 1 2 3
		core unlimited
		locks 0
		sigpending 0
	EOF
	all_of_others
	note "$tried tried, with $passed of them hers worked"
	[ $passed -gt 5 ] && [ $passed -lt $tried ] ||
		fail "$passed of $tried worked"
}

# What would end it while it holds the lock: CPU time, of which its caller has
# used up as much as it liked before.
by_frame() { # WORDS...: what runs the helper
	printf '#!/bin/sh\nexec %s %s\n' "$*" "$HELPERS/postmulti-config" >/tmp/via
	chmod 755 /tmp/via
	works alice "$TOOLS/frame" /tmp/via op=config.enable sel.name=postfix-a
}

no_end_in_sight() {
	by_frame prlimit --cpu=11:11
	out_has '^err OK'
	by_frame prlimit --cpu=11:11 "$HOLD" burn
	out_has '^error .*CPU time left \(RLIMIT_CPU\) is under 10'
}

# --- place on the CPU ------------------------------------------------------------

# Of a process.
place() { # PID
	local stat
	stat=$(sed 's/.*) //' "/proc/$1/stat")
	# shellcheck disable=SC2086
	set -- "$1" $stat
	echo "nice ${18} policy ${40}"
	ionice -p "$1"
	taskset -p "$1" | sed 's/^pid [0-9]*//'
	sed 's/^.* nice/autogroup nice/' "/proc/$1/autogroup" 2>/dev/null
	sed 's/^/oom_score_adj /' "/proc/$1/oom_score_adj"
	sed 's/^/slack /' "/proc/$1/timerslack_ns"
}

session_of_its_own() { # PID
	[ "$(ps -o sid= "$1")" -eq "$1" ]
}

its_place() {
	local pid usual
	in_the_way "$HOLD" odd "${HERS[@]}"
	# Usual is a session of one's own: outside of any there is no autogroup.
	setsid sleep 60 &
	usual=$!
	wait_for 10 session_of_its_own "$usual"
	place "$usual" >/tmp/usual
	kill "$usual"
	place "$front" >/tmp/hers
	diff /tmp/usual /tmp/hers >/tmp/odd && fail "hers has a usual place"
	[ "$(grep -c '^>' /tmp/odd)" -ge 6 ] || fail "not odd: $(cat /tmp/odd)"
	for pid in "$actor" "$judge"; do
		place "$pid" >/tmp/its
		same "the place of $pid" /tmp/usual /tmp/its
		grep -q '^SigBlk:.0*$' "/proc/$pid/status" ||
			fail "$pid: some signals are blocked"
		session_of_its_own "$pid" ||
			fail "$pid is in its caller's session"
	done
	queue_up
	out_of_the_way
	have_worked
	hers_worked
	# Who leads a group of processes can't leave its session.
	by_hand leader config config.enable postfix-a
	wait_for 10 grep -qx 'ended 256' "$said" || fail "$(cat "$said")"
	grep -q "config.enable.*cannot leave the caller's session" "$LOG" ||
		fail "another reason"
}

# --- what nobody reads -----------------------------------------------------------

by_hand() { # HOW HELPER OPERATION NAME
	attack alice unread "$1" "$HELPERS/postmulti-$2" "$3" "$4"
	ready
	others
}

unread_reply() {
	local how n
	works alice "$POSTMULTI" -i postfix-a -e disable
	for how in full half open; do
		n=$(wc -c </tmp/made)
		by_hand $how config config.enable postfix-a
		[ $how = full ] && first=$said
		by_hand $how dirs dirs.make "postfix-alice-$how"
		by_hand $how exec exec.postfix postfix-a
		all_of_others
	done
	# Its step is done, and it did wait for somebody to read.
	grep -q '^multi_instance_enable = yes' /etc/postfix-a/main.cf ||
		fail "hers did nothing"
	said=$first
	wait_for 30 grep -qx 'ended 14' "$said" ||
		fail "not ended by SIGALRM: $(cat "$said")"
	others
}

full_pipes() {
	local front
	attack alice full "${HERS[0]}" -v -v "${HERS[@]:1}"
	ready
	all_of_others
	front=$(sed -n 's/^pid //p' "$said")
	[ "$(readlink "/proc/$front/exe")" = "$POSTMULTI" ] ||
		fail "it could write"
}

# --- locks -----------------------------------------------------------------------

held_by_lease() {
	dd if=/etc/postfix-carol/main.cf iflag=nonblock of=/dev/null \
		2>/dev/null && fail "carol has no lease"
	true
}

# Carol has an instance of her own, from root: leases of what is hers, which
# root's helpers and bob's have to read.
every_lock() {
	local who file
	chown -R carol /etc/postfix-carol
	for who in alice carol; do
		as $who touch /home/$who/mine
		attack $who locks /etc /usr/local /usr/sbin /usr/lib/postfix \
			/var/lib /var/cache /var/spool /var/log /run /dev /home
		ready
		for file in /etc/postfix /etc/postfix/main.cf \
			/etc/postfix-b/main.cf /etc/postfix-c \
			/etc/postmulti/policy.conf "$POSTMULTI"; do
			flock -n $file true && fail "$file isn't locked"
		done
		flock -n $STATE/lock true || fail "that lock is hers"
		[ $who = alice ] || held_by_lease
		all_of_others
		grep -q ' [1-9][0-9]* leases' "$said" || fail "$(cat "$said")"
		grep opened "$said" >>/tmp/opened
		withdrawn
	done
	note "$(paste -sd ';' /tmp/opened)"
}

# A lock file that is renamed to main.cf is anybody's to open and to lock, but
# who waits for it waits for main.cf.tmp.
renamed_lock() {
	local inode
	works bob "$POSTMULTI" -i postfix-b -e disable
	in_the_way "${HERS[@]}"
	queue_up
	# As postconf(1) -e does it.
	cat /etc/postfix/main.cf >$TMP
	chmod 644 $TMP && mv $TMP /etc/postfix/main.cf
	as carol flock /etc/postfix/main.cf sleep 60 &
	attackers=($!)
	inode=$(stat -c %i /etc/postfix/main.cf)
	wait_for 10 grep -q -e "-> FLOCK .*:$inode " /proc/locks ||
		fail "carol doesn't queue"
	release
	wait_for 10 grep -q "^[0-9]*: FLOCK .* WRITE .*:$inode " /proc/locks ||
		fail "carol doesn't hold it"
	have_worked
	hers_worked
	all_of_others
}

# --- the cleaner -----------------------------------------------------------------

# Stops each for six seconds, lets it do very little, and stops it again.
STOPPER='use Time::HiRes qw(sleep); $| = 1; print "ready\n";
	while (1) {
		for my $at (glob "/proc/[0-9]*/comm") {
			open my $f, "<", $at or next;
			my $name = <$f> // next;
			my ($pid) = $at =~ /([0-9]+)/;
			next if $name !~ /^postmulti-clean/;
			while (kill STOP => $pid) {
				for (my $s = 0; $s < 60 and -d "/proc/$pid"; $s++) {
					sleep 0.1;
				}
				kill CONT => $pid;
				sleep 0.0002;
			}
		}
	}'

# Who has taken over mail_owner can stop it, too, as long as it lives.
stopped_cleaner() {
	local n=0 name=postfix-alice-stop
	said=/tmp/said.stopper
	: >/tmp/hers.out
	trap undone EXIT
	LIMIT=300 as postfix perl -e "$STOPPER" >$said 2>&1 </dev/null &
	attackers+=($!)
	ready
	until grep -q 'took too long' /tmp/hers.out; do
		[ $((n += 1)) -le 50 ] || fail "it is never stopped"
		# One stopped after its last answer would keep the stopper.
		pkill -KILL -u postfix -f /postmulti-cleaner
		[ -d /etc/$name ] || works alice "$POSTMULTI" -I $name -e create
		: >$STATE/lock
		as alice "$POSTMULTI" -i $name -e destroy >/tmp/hers.out 2>&1 \
			</dev/null &
		hers=$!
		wait_for 10 eval "grep -q 'destroy of $name' $STATE/lock ||
			! kill -0 $hers 2>/dev/null"
		others
		wait $hers
	done
	withdrawn
	# No helper can, once it has done its work.
	pkill -KILL -u postfix -f /postmulti-cleaner
	all_of_others
	works alice "$POSTMULTI" -i $name -e destroy
}

# --- afterwards ------------------------------------------------------------------

helpers() {
	local exe
	for exe in /proc/[0-9]*/exe; do
		readlink "$exe"
	done 2>/dev/null | grep "^$HELPERS/"
}

none_left() {
	wait_for 30 eval '! helpers' || fail "$(helpers)"
	flock -n $STATE/lock true || fail "$(cat $STATE/lock)"
	all_of_others
}

install_suite
install -m 755 "$SRC/$BUILD/tests/hold" "$TOOLS"
install_policy <<'EOP'
permit alice manage,check instance postfix-a
permit alice manage       prefix postfix-alice- limit 90
permit bob   manage       instance postfix-b
EOP
: >/tmp/made
"$POSTMULTI" -e init || exit 1
for name in a b c carol; do
	"$POSTMULTI" -I postfix-$name -e create || exit 1
done
check "control: who has the lock does hold up the others" really_held
check "signals, holder: hers and theirs get none while they hold or wait" \
	to_holder
attacked "signals, own commands: each, to all processes, at any moment" \
	at_any_moment
check "signals, everybody: to all there are, without end" to_everybody
check "terminal, holder: stop, interrupt, no output, hang-up while it holds" \
	on_holders_terminal
attacked "terminal, own commands: stop, interrupt, quit, no output, hang-up, background" \
	on_terminal
attacked "limits: hers are low" limits
check "limits: enough CPU time is left, whatever was used up" no_end_in_sight
check "place: on CPU, disk, in memory and session it isn't the caller's" \
	its_place
check "unread: helpers run by hand, a reply without room, half a frame" \
	unread_reply
check "unread: all of stdin, stdout and stderr are full" full_pipes
attacked "locks: all that can be opened is locked, leased and watched" \
	every_lock
check "locks: of what was main.cf.tmp and is main.cf now" renamed_lock
check "cleaner: stopped by its user again and again" stopped_cleaner
check "no helper is left" none_left
finish
