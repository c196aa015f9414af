#!/bin/bash
# A delegate freezes her own cgroup while a helper of hers holds the global
# lock: the helper isn't in it any more, and nobody else waits.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

ROUNDS=30
# Not of this host alone: other hosts of the same machine see it.
MINE=/sys/fs/cgroup/postmulti-test-$(tr -d - </proc/sys/kernel/random/uuid)
holder=

cleanup() {
	echo 0 >"$MINE"/cgroup.freeze
	echo 1 >"$MINE"/cgroup.kill
	wait_for 10 rmdir "$MINE"
} 2>/dev/null

# Hers: she may move processes, freeze and thaw.
delegated() {
	mkdir $MINE && chown alice $MINE "$MINE"/cgroup.procs \
		"$MINE"/cgroup.freeze
}

hers() { # COMMAND...: as alice, in her cgroup
	(
		echo $BASHPID >"$MINE"/cgroup.procs
		as alice "$@"
	) >/tmp/hers.out 2>&1 &
}

freeze() { # 1 or 0, by alice
	as alice /bin/sh -c "echo $1 >$MINE/cgroup.freeze" || fail "freeze $1"
}

in_the_way() { # her helper holds the global lock, and waits for main.cf.tmp
	(umask 077 && touch /etc/postfix/main.cf.tmp)
	flock -o /etc/postfix/main.cf.tmp sleep 60 &
	holder=$!
	wait_for 10 sh -c '! flock -n /etc/postfix/main.cf.tmp true' ||
		fail "main.cf.tmp isn't held"
	hers "$POSTMULTI" --lock-timeout=60 -i postfix-a -e enable
	wait_for 10 grep -q 'enable of postfix-a' /var/lib/postmulti/lock ||
		fail "nobody waits: $(cat /tmp/hers.out)"
	actor=$(sed 's/^pid \([0-9]*\) .*/\1/' /var/lib/postmulti/lock)
	judge=$(cat "/proc/$actor/task/$actor/children")
	judge=${judge%% *}
	[ -n "$judge" ] || fail "no judge"
}

out_of_the_way() {
	pkill -P "$holder"
	wait "$holder" 2>/dev/null
	rm -f /etc/postfix/main.cf.tmp
	holder=
}

others() { # nobody waits for her
	works bob "$POSTMULTI" -i postfix-b -e "$1"
	works root "$POSTMULTI" -i postfix-c -e "$1"
}

moved_out() {
	local actor judge pid
	in_the_way
	grep -q . "$MINE"/cgroup.procs || fail "nobody is in her cgroup"
	for pid in "$actor" "$judge"; do
		grep -q '^0::/$' "/proc/$pid/cgroup" ||
			fail "$pid: $(cat "/proc/$pid/cgroup")"
		grep -qx "$pid" "$MINE"/cgroup.procs && fail "$pid is in hers"
	done
	freeze 1
	wait_for 10 grep -q 'frozen 1' "$MINE"/cgroup.events || fail "not frozen"
	out_of_the_way
	others enable
	grep -q '^multi_instance_enable = yes' /etc/postfix-a/main.cf ||
		fail "her own helper didn't finish"
	freeze 0
	wait || fail "hers: $(cat /tmp/hers.out)"
}

# At any moment: it is frozen before it holds the lock, or not at all.
any_moment() {
	local i word
	for ((i = 0; i < ROUNDS; i++)); do
		word=$([ $((i % 2)) = 0 ] && echo disable || echo enable)
		hers "$POSTMULTI" -i postfix-a -e $word
		sleep "0.0$((RANDOM % 40 + 10))"
		freeze 1
		others $word
		freeze 0
		wait
	done
}

# The journal limits the rate of a unit: she could fill hers first.  Each of the
# helper's lines is held up until it was seen where it comes from.
logged_outside() { # LINES REPLY HELPER WORD...
	local lines=$1 reply=$2 n=0 pid
	shift 2
	: >/tmp/trace
	(
		echo $BASHPID >"$MINE"/cgroup.procs
		exec timeout 60 strace -f -o /tmp/trace -e trace=sendto \
			-s 64 -e inject=sendto:delay_enter=3000000 -u alice \
			"$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	) >/tmp/hers.out 2>&1 &
	while [ $((n += 1)) -le "$lines" ]; do
		wait_for 20 sent "$n" ||
			fail "not logged: $(cat /tmp/hers.out)"
		pid=$(sed -n '/sendto.*event=/s/^\([0-9]*\).*/\1/p' /tmp/trace |
			sed -n "${n}p")
		grep -q '^0::/$' "/proc/$pid/cgroup" ||
			fail "line $n is from $(grep ^0: "/proc/$pid/cgroup")"
	done
	wait
	grep -q "^err $reply" /tmp/hers.out || fail "$(cat /tmp/hers.out)"
}

sent() { # NUMBER
	[ "$(grep -c 'sendto.*event=' /tmp/trace)" -ge "$1" ]
}

# What she starts has what she may use, and goes when she goes.
started_inside() {
	local pid
	hers "$POSTMULTI" -i postfix-a -p start
	wait
	read -r pid </var/spool/postfix-a/pid/master.pid
	grep -q "${MINE##*/}\$" "/proc/$pid/cgroup" ||
		fail "$(cat "/proc/$pid/cgroup" /tmp/hers.out)"
	works alice "$POSTMULTI" -i postfix-a -p stop
}

install_suite
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/tmp/why || {
	echo "SKIP: no cgroup v2 here: $(cat /tmp/why)"
	exit 77
}
install_policy <<'EOP'
permit alice manage,operate instance postfix-a
permit bob   manage instance postfix-b
EOP
"$POSTMULTI" -e init || exit 1
for name in a b c; do
	"$POSTMULTI" -I postfix-$name -e create || exit 1
done
trap cleanup EXIT
delegated || exit 1
check "a helper that holds the lock isn't in its caller's cgroup" moved_out
check "frozen at any moment, $ROUNDS rounds: nobody else waits" any_moment
if strace -o /dev/null -f -u alice true 2>/dev/null; then
	check "config: a denial isn't logged from her cgroup" logged_outside \
		1 DENIED config op=config.enable sel.name=postfix-b
	check "exec: nor there" logged_outside 1 DENIED exec op=exec.postfix \
		command=stop sel.name=postfix-b
	check "exec: nor is what was permitted, before and after" \
		logged_outside 2 OK exec op=exec.postfix command=check \
		sel.name=postfix-a
else
	skip_case "denials" "strace doesn't work here"
fi
"$POSTMULTI" -i postfix-a -e enable
check "what she starts is in her cgroup" started_inside
cleanup
check "nothing is left of her cgroup" [ ! -e $MINE ]
finish
