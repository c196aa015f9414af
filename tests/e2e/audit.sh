#!/bin/bash
# The audit trail as a whole: what is written before and after each step, to
# whom, in which form, how many lines; and what happens when nobody takes them.
# usage: audit.sh [COMMANDS [SEED]]

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

COMMANDS=${1:-240} SEED=${2:-$RANDOM}
TAP=$SRC/$BUILD/tests/tap
FILE=/tmp/tap
JOURNAL=/run/systemd/journal/socket
LOCK=/var/lib/postmulti/lock

# --- the log daemon ----------------------------------------------------------

log_stop() {
	local pid
	for pid in $(pgrep -x 'tap|logd'); do
		kill "$pid"
	done
	wait_for 10 no_daemon || fail "a log daemon doesn't end"
	rm -f /dev/log $JOURNAL
}

no_daemon() {
	[ -z "$(pgrep -x 'tap|logd')" ]
}

log_start() { # [SOCKET [FILE]]: from an empty file on
	log_stop
	rm -f $FILE
	mkdir -p ${JOURNAL%/*}
	"$TAP" "${1:-/dev/log}" "${2:-$FILE}" 8>&- || fail "no log daemon"
}

# All that was sent is there: a datagram socket keeps its order.
settle() { # [SOCKET]
	MARK=$((${MARK:-0} + 1))
	perl -MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0) &&
		connect(S, sockaddr_un($ARGV[0])) or die "$!";
		send(S, $ARGV[1], 0) or die "$!"' "${1:-/dev/log}" \
		"<13>mark[1]: $MARK." || fail "the log is dead"
	wait_for 20 grep -q "mark.1.: $MARK\.\$" $FILE || fail "no mark"
}

has() { # KEY=VALUE...: a line with these; sets ID
	ID=$(perl tests/e2e/audit.pl $FILE has "$@" 2>&1) ||
		fail "$ID: $(perl tests/e2e/audit.pl $FILE show 2>&1 | tail -n 6)"
}

has_not() {
	! perl tests/e2e/audit.pl $FILE has "$@" >/dev/null 2>&1 ||
		fail "there is a line with $*"
}

# Counts, each as "KEY N"; every message there has the form it should.
counts() {
	SUM=$(perl tests/e2e/audit.pl $FILE 2>&1) || fail "$SUM"
}

count() { # KEY
	sed -n "s/.*\(^\|, \)$1 \([0-9]*\)\(,.*\|$\)/\2/p" <<<"$SUM"
}

counted() { # KEY NUMBER
	local n
	n=$(count "$1")
	is "$1 ($SUM)" "${n:-0}" "$2"
}

# --- the host ------------------------------------------------------------------

asked() { # USER HELPER KEY=VALUE...; sets ERRNAME
	run "$1" "$TOOLS/frame" "$HELPERS/postmulti-$2" "${@:3}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	ERRNAME=$(sed -n 's/^err //p' <<<"$OUT")
}

answers() { # ERROR USER HELPER KEY=VALUE...
	asked "${@:2}"
	is "the answer" "$ERRNAME" "$1"
}

# One instance of alice's and one of root's, an empty log, no denials so far.
made() {
	log_start
	fresh
	rm -rf /run/postmulti-denials /etc/postmulti/policy.d/audit.conf
	works root "$POSTMULTI" -I postfix-a-1 -e create
	works root "$POSTMULTI" -I postfix-b-1 -e create
	age
	log_start
}

state() {
	snapshot_all | grep -v -e /pid/master.pid
}

enabled_is() { # DIRECTORY yes|no
	age
	is "multi_instance_enable of $1" \
		"$(postconf -c "/etc/$1" -h multi_instance_enable)" "$2"
}

# Alice's enable waits for the lock, decided already, while COMMAND runs.
while_waiting() { # COMMAND...
	exec 8<>$LOCK
	flock -x 8 || fail "no lock"
	as alice "$TOOLS/frame" "$HELPERS/postmulti-config" op=config.enable \
		sel.name=postfix-a-1 lock_timeout=60 >/tmp/late 2>&1 8>&- &
	LATE=$!
	wait_for 20 grep -q 'event=decided' $FILE || fail "it doesn't wait"
	"$@"
	exec 8>&-
	wait $LATE
	grep -q '^exit 0' /tmp/late || fail "$(cat /tmp/late)"
}

# A minute has gone by for the file that counts.
later() { # UID
	perl -e 'open my $f, "+<", $ARGV[0] or die; sysread $f, my $b, 8;
		seek $f, 0, 0; syswrite $f, pack("q", unpack("q", $b) - 61)' \
		"/run/postmulti-denials/$1" || fail "nothing counted for $1"
}

# --- two lines -------------------------------------------------------------------

before_and_after() {
	local ms
	made
	while_waiting waiting_still
	settle
	has event=done uid=20001 step=config.enable
	is "the id of done" "$ID" "$DECIDED"
	ms=$(sed -n 's/.*event=done.* duration_ms=\([0-9]*\).*/\1/p' $FILE)
	[ "$ms" -ge 1000 ] && [ "$ms" -le $((LIMIT * 1000)) ] ||
		fail "a step that waited a second took $ms ms"
	if [ "$(cat /proc/self/loginuid)" = 4294967295 ]; then
		! grep loginuid= $FILE || fail "nobody has logged in"
	fi
	enabled_is postfix-a-1 yes
	counts
	counted pairs 1
	counted "decided permitted" 1
	counted "done permitted" 1
	counted mail 1
}

waiting_still() {
	settle
	has event=decided uid=20001 step=config.enable
	DECIDED=$ID
	has_not event=done
	enabled_is postfix-a-1 no
	sleep 1
}

# Each kind of step, by root and by a delegate: two lines and one for mail.
every_step() {
	local who n=0 words
	made
	while read -r who words; do
		# shellcheck disable=SC2086
		run $who "$POSTMULTI" $words
		n=$((n + 1))
	done <<-'EOF'
		root -e init
		alice -I postfix-a-2 -e create
		alice -i a-2 -e enable
		alice -i a-2 -e disable
		alice -i a-2 -e deport
		alice -I postfix-a-2 -e import
		alice -i a-2 -I postfix-a-3 -e assign
		alice -i a-1 -p status
		alice -i a-3 -e destroy
		root -I postfix-r -G mta -e create
		root -i postfix-r -e enable
		root -i postfix-r -e assign -G msa
		root -i postfix-r -p status
		root -i postfix-r -e disable
		root -i postfix-r -e deport
		root -I postfix-r -e import
		root -i postfix-r -e destroy
	EOF
	settle
	counts
	for step in config.init config.install config.register \
		config.deregister config.assign config.enable config.disable \
		config.remove dirs.make dirs.repair dirs.clear dirs.finish \
		exec.postfix; do
		has event=decided uid=0 user=root rule=root step=$step
		has event=done uid=0 user=root rule=root step=$step
		[ $step != config.init ] || continue
		has event=decided uid=20001 user=alice step=$step
		has event=done uid=20001 user=alice step=$step
	done
	for words in create import enable disable assign deport destroy; do
		has uid=20001 event=done action=$words result=permitted
		has uid=0 event=done action=$words result=permitted
	done
	has uid=20001 action=enable instance=postfix-a-2 \
		directory=/etc/postfix-a-2 status=0 changed=yes \
		rule=/etc/postmulti/policy.d/test.conf:1
	# The group it is in, and what an assign makes of it: not what stays.
	has uid=20001 action=assign event=decided instance=postfix-a-2 \
		new_name=postfix-a-3 new_group=
	has uid=20001 action=assign event=done instance=postfix-a-2 \
		new_name=postfix-a-3 new_group=
	has uid=0 action=assign event=done instance=postfix-r group=mta \
		new_name= new_group=msa
	has uid=0 action=create event=decided step=dirs.make \
		instance=postfix-r group=mta
	has uid=0 action=destroy event=done instance=postfix-r group=msa
	has uid=20001 action=enable event=done new_name= new_group=
	has uid=20001 action=status event=done status=1
	has uid=0 action=status words=status event=done status=1
	is "lines without the other" "$(count open)" 0
	is "done and decided" "$(count "done permitted")" \
		"$(count "decided permitted")"
	is "lines for mail" "$(count mail)" "$(count "done permitted")"
	[ "$(count pairs)" -gt $n ] || fail "only $SUM"
	echo "#: $(count pairs) steps of $n commands, each decided and done"
}

# What is refused and what fails: one line, notice, and a warning for mail.
refusals() {
	made
	answers DENIED alice config op=config.enable sel.name=postfix-b-1
	answers NOTFOUND alice config op=config.enable sel.name=postfix-no
	answers NOTFOUND root config op=config.enable sel.name=postfix-no
	answers PROTOCOL alice config op=config.enable
	answers DENIED carol config op=config.enable sel.name=postfix-a-1
	answers DENIED bob config op=config.disable sel.name=postfix-a-1
	settle
	has event=done result=denied uid=20001 action=enable rule= \
		instance=postfix-b-1 directory=/etc/postfix-b-1
	has event=done result=failed uid=20001 step=config.enable action=none
	has event=done result=denied uid=20002 user=bob action=disable \
		instance=postfix-a-1 rule=/etc/postmulti/policy.d/test.conf:3
	has priority=4 facility=2 ident=postfix/postmulti-config \
		"text=config.enable: enable of postfix-b-1 by uid 20001: refused: no rule permits alice to enable postfix-b-1"
	counts
	counted "decided permitted" 0
	counted "done denied" 3
	counted "done failed" 3
}

# The front-end, too, could tell from the policy: what it refuses is logged all
# the same, and what nothing would be changed by needs a rule as well.
refused_commands() {
	local words n=0 action step
	made
	works root "$POSTMULTI" -i b-1 -e enable
	log_start
	while read -r action step words; do
		# shellcheck disable=SC2086
		refused bob "$POSTMULTI" $words
		err_has 'see: postmulti-policy explain .*bob '"$action"
		n=$((n + 1))
		settle
		has event=done result=denied uid=20002 user=bob \
			action="$action" step="$step" rule=
		counted_denials $n
	done <<-'EOF'
		create dirs.make -I postfix-c-1 -e create
		enable config.enable -i b-1 -e enable
		assign config.assign -i b-1 -G locked -e assign
		deport config.deregister -i a-1 -e deport
		destroy dirs.clear -i a-1 -e destroy
		stop exec.postfix -i b-1 -p stop
		reload exec.postfix -i b-1 -p reload
	EOF
	# Of many, each.
	run bob "$POSTMULTI" -a -p flush
	settle
	counted_denials $((n + 2)) # the primary is one of them
	# What isn't begun isn't logged either.
	refused bob "$POSTMULTI" --dry-run -i b-1 -p reload
	refused bob "$POSTMULTI" --dry-run -i b-1 -e disable
	refused bob "$POSTMULTI" -i b-1 -I postfix-b-1 -e assign
	err_has 'no rule permits bob to assign'
	settle
	counted_denials $((n + 2))
	works root "$POSTMULTI" -i b-1 -e disable
}

counted_denials() { # NUMBER
	counts
	counted "done denied" "$1"
}

# --- one line whatever is in it -----------------------------------------------------

ODD=(
	$'exit 0\n<86>postmulti-exec[1]: event=done uid=0'
	$'\e]0;title\a\e[31mred\x7f\x01\x1f'
	$'\xe2\x80\xae\xe2\x81\xa6gnp.exe \xc2\x9b31m\xff\xfe'
	'a=b result=denied uid=0'
	'say "hello" "'
	'back\slash \n \" \'
	$'tab\tcr\rff\fvt\vbs\b'
	' lead and trail '
	'result=permitted'
	'"'
	'\'
	''
)

odd_words() {
	local word
	made
	for word in "${ODD[@]}"; do
		run root "$POSTMULTI" -i a-1 -p "$word" more
	done
	for word in "${ODD[@]}"; do
		run root "$POSTMULTI" -i a-1 -p /bin/sh -c 'exit 3' "$word"
	done
	settle
	counts
	counted open 0
	for word in "${ODD[@]}"; do
		has event=decided uid=0 "words=/bin/sh -c exit 3 $word"
		has event=done uid=0 "words=/bin/sh -c exit 3 $word" status=3
		[ -z "$word" ] || has event=done "words=$word more" "action=$word"
	done
	grep -q ' cut=' $FILE && fail "something was cut"
	# Longer than there is room for: all the other keys are there.
	log_start
	word=$(head -c 20000 /dev/zero | tr '\0' '\377')
	run root "$POSTMULTI" -i a-1 -p "$word" "$word"
	settle
	counts
	counted pairs 1
	has event=done uid=0 instance=postfix-a-1 rule=root result=permitted \
		cut=words
	# The last byte that fits, and one more.
	log_start
	run root "$POSTMULTI" -i a-1 -p /bin/true "$(printf '%0245d' 0)"
	settle
	grep -q ' cut=' $FILE && fail "255 bytes were cut"
	run root "$POSTMULTI" -i a-1 -p /bin/true "$(printf '%0246d' 0)"
	settle
	is "lines that were cut" "$(grep -c ' cut=words' $FILE)" 2
}

# Names as root may give them, and what stands in main.cf by other hands.
odd_names() {
	local name long dir
	made
	long=postfix-$(printf '%0110d' 1)
	for name in 'postfix-!@%-_=+:.x' 'postfix-a=b' 'postfix-result=denied' \
		"$long"; do
		works root "$POSTMULTI" -I "$name" -e create
		works root "$POSTMULTI" -i "$name" -e enable
		settle
		has event=decided uid=0 action=create "instance=$name" \
			step=config.register
		has event=done uid=0 action=enable "instance=$name" \
			"directory=/etc/$name"
	done
	for name in "${ODD[@]}"; do
		sed -i '/^multi_instance_name/d' /etc/postfix-a-1/main.cf
		printf 'multi_instance_name = postfix-%s\n' "$name" \
			>>/etc/postfix-a-1/main.cf
		run root "$POSTMULTI" -i /etc/postfix-a-1 -e disable
		asked root config op=config.enable sel.dir=/etc/postfix-a-1
		asked bob config op=config.enable sel.inode=/etc/postfix-a-1
		run root "$POSTMULTI" -i /etc/postfix-a-1 -p status
	done
	for dir in "${ODD[@]}"; do
		postconf -e "multi_instance_directories = /etc/postfix-$dir"
		run root "$POSTMULTI" -a -p status
		asked root config op=config.enable sel.name=postfix-a-1
	done
	settle
	counts
	counted open 0
}

# Each byte in each text, as no front-end would send it.
odd_frames() {
	local byte field who n=0
	made
	for field in sel.name name group before.name; do
		for byte in 01 07 08 0a 0d 1b 20 22 24 25 2a 2f 3d 5c 7f 80 9b \
			e280ae ff; do
			for who in root alice; do
				rm -rf /run/postmulti-denials
				asked $who config op=config.assign \
					"hex.$field=706f73746669782d${byte}61"
				n=$((n + 1))
				[ -n "$ERRNAME" ] || fail "no answer"
			done
		done
	done
	settle
	counts
	counted "done failed" $n
	for byte in step=config.assign event=done result=failed; do
		has "$byte"
	done
	echo "#: $n frames with odd bytes, $n lines"
}

# --- who it was -------------------------------------------------------------------

# The terminal is the kernel's word, whatever descriptors lead to.
terminal() {
	local title
	made
	cat >/tmp/session <<-EOF
		tty >/tmp/tty
		tty <$1 >/tmp/tty2
		"$TOOLS/frame" $HELPERS/postmulti-config op=config.enable \
			sel.name=postfix-a-1 <$1 >/tmp/out 2>/tmp/err
	EOF
	rm -f /tmp/tty /tmp/tty2
	title="$TOOLS/asuser alice /bin/bash /tmp/session"
	timeout -s KILL "$LIMIT" script -qec "$title" /dev/null </dev/null \
		>/dev/null 2>&1
	settle
	grep -q '^/dev/pts/[0-9]*$' /tmp/tty || fail "no terminal"
	has event=decided uid=20001 "tty=$(cat /tmp/tty)"
	has event=done uid=20001 "tty=$(cat /tmp/tty)"
	log_start
	answers OK alice config op=config.disable sel.name=postfix-a-1
	settle
	has event=done uid=20001 tty=
}

# Its name in /proc is the caller's choice; so are argv[0] and environment.
disguised() {
	local name
	made
	mkdir -p /tmp/d && chmod 777 /tmp/d
	for name in ') S 1 1 1 34816 1 ' $'x\n) S 1 1 1 1025 1' 'a b' \
		$'\e[31m'; do
		rm -f "/tmp/d/$name"
		ln -s $HELPERS/postmulti-config "/tmp/d/$name"
		run alice env -i TZ=/etc/shadow USER=root LOGNAME=root \
			SUDO_USER=bob SUDO_UID=0 MAIL_LOGTAG=forged LC_ALL=C.UTF-8 \
			LANG=$'x\ny' TTY=/dev/tty1 "$TOOLS/frame" "/tmp/d/$name" \
			op=config.enable sel.name=postfix-a-1
		grep -q '^err OK' <<<"$OUT" || fail "not served as ${name@Q}"
	done
	settle
	counts
	counted pairs 4
	has_not uid=0
	has uid=20001 user=alice tty= step=config.enable
	has ident=postfix/postmulti-config
}

loginuid() {
	made
	(
		echo 20003 >/proc/self/loginuid
		exec "$TOOLS/asuser" alice "$TOOLS/frame" \
			$HELPERS/postmulti-config op=config.enable \
			sel.name=postfix-a-1
	) >/tmp/out 2>&1
	settle
	has event=decided uid=20001 user=alice loginuid=20003
	has event=done uid=20001 user=alice loginuid=20003
}

no_account() {
	made
	run alice perl -e 1
	perl -e '$) = "20009 20009 " . getgrnam("postmulti"); $( = 20009;
		$< = $> = 20009; exec @ARGV' "$TOOLS/frame" \
		$HELPERS/postmulti-config op=config.enable \
		sel.name=postfix-a-1 >/tmp/out 2>&1
	grep -q '^err DENIED' /tmp/out || fail "$(cat /tmp/out)"
	settle
	has event=done result=denied uid=20009 user=
}

# --- to whom ----------------------------------------------------------------------

# As Postfix's own programs on this host: the primary's main.cf.
mail_log() {
	made
	postconf -e syslog_facility=local3 syslog_name=mta%1
	age
	works alice "$POSTMULTI" -i a-1 -e enable
	answers DENIED alice config op=config.enable sel.name=postfix-b-1
	settle
	has facility=19 ident=mta%1/postmulti-config priority=6 \
		"text=config.enable: enable of postfix-a-1 by uid 20001: done"
	has facility=19 ident=mta%1/postmulti-config priority=4
	log_start
	works alice "$POSTMULTI" -i a-1 -e enable
	run alice "$POSTMULTI" -i a-1 -p status
	settle
	has "text=config.enable: enable of postfix-a-1 by uid 20001: nothing to do"
	has "text=exec.postfix: status of postfix-a-1 by uid 20001: exit status 1"
	# A facility that doesn't exist, an instance's own: mail's.
	postconf -e syslog_facility=nonsense
	postconf -c /etc/postfix-a-1 -e syslog_facility=local5 \
		syslog_name=postfix-a-1
	age
	log_start
	works alice "$POSTMULTI" -i a-1 -e disable
	settle
	has facility=2 ident=mta%1/postmulti-config
	has_not facility=21
	# A name that would begin another line, or another field.
	printf 'syslog_name = x\x1b\x01"y"\n' >>/etc/postfix/main.cf
	age
	for SOCKET in /dev/log $JOURNAL; do
		log_start "$SOCKET"
		run root "$POSTMULTI" -i a-1 -e enable
		run root "$POSTMULTI" -i a-1 -e disable
		settle "$SOCKET"
		counts
		[ "$(count pairs)" -gt 0 ] || fail "$SUM"
	done
}

journal() {
	local word
	made
	log_start $JOURNAL
	works alice "$POSTMULTI" -i a-1 -e enable
	answers DENIED alice config op=config.enable sel.name=postfix-b-1
	for word in "${ODD[@]}"; do
		run root "$POSTMULTI" -i a-1 -p /bin/sh -c 'exit 3' "$word" \
			$'\nPOSTMULTI_UID=4711\nMESSAGE=forged'
	done
	settle $JOURNAL
	counts
	counted pairs $((1 + ${#ODD[@]}))
	counted "done denied" 1
	counted journal $((3 + 2 * ${#ODD[@]}))
	counted mail $((2 + ${#ODD[@]}))
	for word in "${ODD[@]}"; do
		has event=done status=3 uid=0 "words=/bin/sh -c exit 3 $word "$'\nPOSTMULTI_UID=4711\nMESSAGE=forged'
	done
	# With both there it is the journal alone.
	log_start $JOURNAL
	"$TAP" /dev/log /tmp/other
	works alice "$POSTMULTI" -i a-1 -e disable
	settle $JOURNAL
	has event=done action=disable
	is "in the other log" "$(grep -c event= /tmp/other)" 0
}

# --- when nobody takes it ------------------------------------------------------------

# Done all the same, and the lock is free afterwards.
served() {
	works alice "$POSTMULTI" -i a-1 -e enable
	enabled_is postfix-a-1 yes
	works root "$POSTMULTI" -i a-1 -e disable
	enabled_is postfix-a-1 no
	rm -f /tmp/acted
	works root "$POSTMULTI" -i a-1 -p /bin/sh -c 'echo >/tmp/acted'
	[ -e /tmp/acted ] || fail "root's command wasn't run"
	rm /tmp/acted
	answers DENIED alice config op=config.enable sel.name=postfix-b-1
	flock -n $LOCK true || fail "the lock is held"
}

# Nothing at all is touched, by root neither, before it is refused.
required() {
	echo "audit required" >/etc/postmulti/policy.d/audit.conf
	chmod 644 /etc/postmulti/policy.d/audit.conf
	state >/tmp/before
	answers STATE alice config op=config.enable sel.name=postfix-a-1
	grep -q '^error .*audit required' <<<"$OUT" || fail "why?"
	answers STATE alice dirs op=dirs.make name=postfix-a-2
	answers STATE alice dirs op=dirs.clear sel.name=postfix-a-1
	answers STATE alice exec op=exec.postfix sel.name=postfix-a-1 \
		command=status
	answers STATE alice exec op=exec.postfix sel.name=postfix-a-1 \
		command=check
	answers STATE root config op=config.enable sel.name=postfix-a-1
	answers STATE root dirs op=dirs.make name=postfix-r
	LIMIT=5 run root "$POSTMULTI" -i a-1 -p /bin/sh -c 'touch /tmp/acted'
	[ ! -e /tmp/acted ] || fail "root's command was run"
	state >/tmp/after
	same "what is refused" /tmp/before /tmp/after
	flock -n $LOCK true || fail "the lock is held"
	log_start
	works alice "$POSTMULTI" -i a-1 -e enable
	works alice "$POSTMULTI" -i a-1 -e disable
	works alice "$POSTMULTI" -I postfix-a-2 -e create
	works alice "$POSTMULTI" -i a-2 -e destroy
	rm /etc/postmulti/policy.d/audit.conf
}

no_daemon_at_all() {
	made
	log_stop
	served
	required
}

# Its socket is there and nobody at the other end.
dead_socket() {
	made
	log_stop
	perl -MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0);
		bind(S, sockaddr_un("/dev/log")) or die'
	chmod 666 /dev/log
	served
	required
}

# A daemon that doesn't read: the socket is full, and sending would block.
full() { # SOCKET
	made
	log_start "$1" -
	served
	required
}

# Who is nobody keeps the socket full: no line is lost by that, and nobody is
# refused.
FLOOD='fork; fork; fork; socket(S, AF_UNIX, SOCK_DGRAM, 0) &&
	connect(S, sockaddr_un("/dev/log")) or die "$!";
	1 while send(S, "<13>flood[1]: x", 0)'

flooded() {
	local i toggle
	made
	echo "audit required" >/etc/postmulti/policy.d/audit.conf
	chmod 644 /etc/postmulti/policy.d/audit.conf
	LIMIT=100 as mark perl -MSocket -e "$FLOOD" >/tmp/flood 2>&1 &
	trap 'pkill -KILL -u mark' EXIT
	wait_for 20 grep -q flood $FILE || fail "no flood: $(cat /tmp/flood)"
	for i in 1 2 3 4 5 6 7 8; do
		toggle=enable
		[ $((i % 2)) = 1 ] || toggle=disable
		works alice "$POSTMULTI" -i a-1 -e $toggle
		answers DENIED alice config op=config.$toggle \
			sel.name=postfix-b-1
	done
	pgrep -u mark perl >/dev/null || fail "the flood ended: $(cat /tmp/flood)"
	pkill -KILL -u mark
	wait_for 20 eval '! pgrep -u mark >/dev/null'
	settle
	echo "#: $(grep -c flood $FILE) lines of somebody else's meanwhile"
	grep -v flood $FILE >/tmp/ours
	mv /tmp/ours $FILE
	counts
	counted pairs 8
	counted "decided permitted" 8
	counted "done denied" 8
}

# Whoever can log can write such a line, but not whose it is: the kernel tells
# the daemon that.
forged() {
	local at
	for at in /dev/log $JOURNAL; do
		made
		log_start $at
		works alice "$POSTMULTI" -i a-1 -e enable
		settle $at
		grep 'event=decided' $FILE >/tmp/true
		is "lines to copy" "$(wc -l </tmp/true)" 1
		log_start $at
		works alice perl -MSocket -e 'open F, "/tmp/true" and
			<F> =~ /^0 (.*)$/ or die "no line"; $_ = $1; s/\\x(..)/chr hex $1/ge;
			socket(S, AF_UNIX, SOCK_DGRAM, 0) &&
			connect(S, sockaddr_un($ARGV[0])) && send(S, $_, 0) or
			die "$!"' $at
		settle $at
		! perl tests/e2e/audit.pl $FILE >/tmp/out 2>&1 ||
			fail "taken for a helper's: $(cat /tmp/out)"
		grep -q ': sent by uid 20001$' /tmp/out || fail "$(cat /tmp/out)"
		# Nothing else is wrong with it.
		sed -i 's/^20001 /0 /' $FILE
		counts
		counted "decided permitted" 1
	done
}

# Connected to one that is restarted before the second line: never again.
restarted() {
	made
	while_waiting log_start
	enabled_is postfix-a-1 yes
	settle
	has_not event=done
	works alice "$POSTMULTI" -i a-1 -e disable
	settle
	counts
	counted pairs 1
	made
	while_waiting log_stop
	enabled_is postfix-a-1 yes
	made
	while_waiting log_start /dev/log -
	enabled_is postfix-a-1 yes
}

# What a program could call is what it has from the C library; and no library
# besides these is there to log for it.
no_syslog() {
	local program n=0
	for program in "$HELPERS"/postmulti-*; do
		n=$((n + 1))
		readelf -sW --dyn-syms "$program" | awk '{ print $8 }' |
			cut -d@ -f1 | sort -u >/tmp/symbols
		grep -qx __stack_chk_fail /tmp/symbols || fail "no symbols: $program"
		grep -Ex '_*v?syslog(_chk)?|openlog|closelog' /tmp/symbols &&
			fail "$program has that"
	done
	[ $n -ge 4 ] || fail "only $n programs"
	for program in "$HELPERS"/postmulti-* "$POSTMULTI" "$POSTMULTI-policy"; do
		readelf -dW "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' \
			>/tmp/needed
		grep -q '^libc\.so\.' /tmp/needed || fail "needs no libc: $program"
		! grep -Ev '^(lib(bsd|md|cap|seccomp|c)|ld-linux.*)\.so\.[0-9]+$' \
			/tmp/needed || fail "$program needs that"
	done
}

# No socket is made or connected once "decided" is sent, nor by a denial.
never_again() {
	local calls
	made
	timeout -s KILL "$LIMIT" strace -f -s 300 -u alice -qq -o /tmp/strace \
		-e trace=socket,connect,sendto "$TOOLS/frame" \
		$HELPERS/postmulti-config op=config.enable \
		sel.name=postfix-a-1 >/tmp/out 2>&1
	grep -q '^err OK' /tmp/out || fail "$(cat /tmp/out)"
	calls=$(sed -n '/event=decided/,$p' /tmp/strace)
	[ "$(grep -c sendto <<<"$calls")" = 3 ] || fail "$calls"
	! grep -E 'socket|connect' <<<"$calls" || fail "a new socket"
}

# --- denials -----------------------------------------------------------------------

limited() {
	local i
	made
	for i in $(seq 14); do
		answers DENIED bob config op=config.enable sel.name=postfix-b-1
	done
	for i in $(seq 12); do
		answers PROTOCOL carol dirs op=99
	done
	answers DENIED alice config op=config.enable sel.name=postfix-b-1
	settle
	counts
	counted "done denied" 11
	counted "done failed" 10
	counted suppressed 0
	counted "uid 20002 told" 10
	has uid=20002 further=counted
	has uid=20003 further=counted
	has uid=20001 result=denied further=
	for i in 20002 20003; do
		later $i
	done
	answers DENIED bob config op=config.enable sel.name=postfix-b-1
	answers PROTOCOL carol dirs op=99
	settle
	has uid=20002 suppressed=4
	has uid=20003 suppressed=2
	counts
	counted suppressed 6
	counted "uid 20002 told" 15
	counted "uid 20003 told" 13
}

# Whoever holds the file that counts keeps no line away and nobody waiting.
held_counter() {
	made
	answers DENIED bob config op=config.enable sel.name=postfix-b-1
	exec 9<>/run/postmulti-denials/20002
	flock -x 9 || fail "no lock"
	LIMIT=20 answers DENIED bob config op=config.enable sel.name=postfix-b-1
	exec 9>&-
	settle
	counts
	counted "done denied" 2
}

# A caller who stops and kills his helpers takes back nothing that was
# answered: who got an answer is in the log or counted.
killed() {
	local i answered=0 at
	made
	for i in $(seq 60); do
		at=$(printf '0.0%02d' $((i % 15)))
		as bob timeout -s KILL "$at" "$TOOLS/frame" \
			$HELPERS/postmulti-config op=config.enable \
			sel.name=postfix-b-1 >/tmp/out 2>&1
		pkill -KILL -u bob 2>/dev/null
		! grep -q '^err DENIED' /tmp/out || answered=$((answered + 1))
	done
	later 20002
	answers DENIED bob config op=config.enable sel.name=postfix-b-1
	answered=$((answered + 1))
	settle
	counts
	[ "$(count "uid 20002 told")" -ge $answered ] ||
		fail "$answered answers, $SUM"
	echo "#: killed at random: $answered answers, $(count "uid 20002 told") told"
}

# --- all of them, counted --------------------------------------------------------------

# A random series; what each answer says is what the log must say.
random_one() { # SLOT: one caller's; prints "USER ERROR" for each answer
	local who ops i words toggle
	case $1 in
	0) who=alice ;;
	1) who=bob ;;
	2) who=carol ;;
	*) who=root ;;
	esac
	RANDOM=$((SEED + $1))
	ops=("config op=config.enable sel.name=postfix-a-1"
		"config op=config.disable sel.name=postfix-a-1"
		"config op=config.enable sel.name=postfix-b-1"
		"config op=config.disable sel.inode=/etc/postfix-b-1"
		"config op=config.assign sel.name=postfix-a-1 group=g1"
		"config op=config.assign sel.name=postfix-b-1 group=locked"
		"config op=config.deregister sel.name=postfix-none"
		"config op=config.enable sel.name=x hex.name=0a"
		"config op=99"
		"config cut=17"
		"config op=config.enable sel.name=postfix-a-1 extra=1"
		"config op=config.remove sel.name=postfix-a-1"
		"config op=config.read index=1"
		"config op=config.read index=0"
		"dirs op=dirs.make name=postfix-zz"
		"dirs op=dirs.finish sel.name=postfix-a-1"
		"dirs op=dirs.make version=7 name=postfix-a-9"
		"exec op=exec.postfix sel.name=postfix-a-1 command=status"
		"exec op=exec.postfix sel.name=postfix-b-1 command=stop"
		"exec op=config.enable sel.name=postfix-a-1")
	for ((i = 0; i < COMMANDS / 4; i++)); do
		if [ $((RANDOM % 4)) = 0 ]; then
			toggle=disable
			[ $((RANDOM % 2)) = 0 ] || toggle=enable
			if as $who "$POSTMULTI" -i a-1 -e $toggle >/tmp/o$1 2>&1 \
				</dev/null; then
				echo "$who OK"
			elif grep -q 'refused' /tmp/o$1; then
				echo "$who DENIED"
			else
				echo "$who ? $toggle: $(cat /tmp/o$1)"
			fi
			continue
		fi
		read -ra words <<<"${ops[RANDOM % ${#ops[@]}]}"
		as $who "$TOOLS/frame" "$HELPERS/postmulti-${words[0]}" \
			"${words[@]:1}" </dev/null >/tmp/o$1 2>&1
		echo "$who $(sed -n 's/^err //p' /tmp/o$1)"
	done
}

random() {
	local slot uid who ok other lines=0
	echo "seed $SEED, $COMMANDS commands"
	made
	for slot in 0 1 2 3; do
		random_one $slot >/tmp/answers.$slot &
	done
	wait
	for uid in 20001 20002 20003; do
		later $uid
		who=$(getent passwd $uid | cut -d: -f1)
		answers DENIED "$who" config op=config.enable \
			sel.name=postfix-b-1
		echo "$who DENIED" >>/tmp/answers.0
	done
	settle
	counts
	! grep -hv '^[a-z]* [A-Z]*$' /tmp/answers.? || fail "without an answer"
	for who in alice bob carol root; do
		uid=$(id -u $who)
		ok=$(cat /tmp/answers.? | grep -c "^$who OK$")
		other=$(cat /tmp/answers.? | grep "^$who " | grep -vc ' OK$')
		counted "uid $uid done" "$ok"
		counted "uid $uid told" "$other"
		[ "$other" -gt 10 ] || fail "only $other refused to $who"
		lines=$((lines + ok + other))
	done
	[ "$(count "uid 0 done")" -gt 5 ] && [ "$(count "uid 20001 done")" -gt 5 ] ||
		fail "hardly anything was permitted: $SUM"
	[ "$(count suppressed)" -gt 0 ] || fail "nothing was suppressed"
	counted open 0
	is "answers" $lines "$(cat /tmp/answers.? | wc -l)"
	echo "#: $lines commands: $SUM"
}

# --- all of them --------------------------------------------------------------

[ "${SUITE:-}" != original ] || {
	echo "SKIP: Postfix's own has no helpers"
	exit 77
}
install_suite
usermod -aG postmulti carol
install_policy <<-'EOF'
	permit alice manage,operate,deport,import prefix postfix-a-
	permit bob status instance postfix-a-1
	deny bob disable any
EOF
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

figures() {
	grep '^#: ' /tmp/case.log
}

check "decided before it acts, done after, with one id" before_and_after
check "every step, root's and a delegate's" every_step && figures
check "what is refused and what fails" refusals
check "what the front-end could refuse is in the log" refused_commands
check "root's words, whatever they are: one line, and readable again" odd_words
check "odd names and main.cf files" odd_names
check "odd bytes in frames" odd_frames && figures
check "the terminal, and descriptors that lead nowhere" terminal /dev/null
check "the terminal, by /dev/tty" terminal /dev/tty
check "argv, environment and the program's name say nothing" disguised
if (echo 20003 >/proc/self/loginuid) 2>/dev/null; then
	check "the login uid" loginuid
else
	skip_case "the login uid" "it can't be set here"
fi
check "a uid without an account" no_account
check "the mail log, by the primary's facility and name" mail_log
check "the journal: its protocol, fields and message the same" journal
if [ -n "$(type -P readelf)" ]; then
	check "no helper has syslog(3), nothing is linked to libsystemd" \
		no_syslog
else
	skip_case "no helper has syslog(3), nothing is linked to libsystemd" \
		"no readelf"
fi
check "a line that a caller sends is the caller's" forged
check "no log daemon" no_daemon_at_all
check "a dead socket" dead_socket
check "a daemon that doesn't read" full /dev/log
check "a journal that doesn't read" full $JOURNAL
check "a daemon that somebody else keeps busy" flooded && figures
check "a daemon restarted, gone or full between the lines" restarted
if strace -o /dev/null -f -u alice true 2>/dev/null; then
	check "no socket after the first line" never_again
else
	skip_case "no socket after the first line" "strace doesn't work here"
fi
check "denials: ten a minute for each uid, the rest is counted" limited
check "denials: a counter that somebody holds" held_counter
check "denials: helpers killed by their caller" killed && figures
check "random commands by four callers, every answer in the log" random &&
	figures
finish
