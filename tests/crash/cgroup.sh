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

# The journal limits the rate of a unit: she could fill hers first.
denied_outside() {
	local pid
	(
		echo $BASHPID >"$MINE"/cgroup.procs
		exec timeout 60 strace -f -o /tmp/trace -e trace=sendto \
			-e inject=sendto:delay_enter=3000000:when=1 -u alice \
			"$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	) >/tmp/hers.out 2>&1 &
	wait_for 20 grep -q sendto /tmp/trace ||
		fail "nothing is logged: $(cat /tmp/hers.out)"
	pid=$(sed -n '/sendto/s/^\([0-9]*\).*/\1/p' /tmp/trace | head -n 1)
	grep -q '^0::/$' "/proc/$pid/cgroup" ||
		fail "it logs from $(grep ^0: "/proc/$pid/cgroup")"
	wait
	grep -q '^err DENIED' /tmp/hers.out || fail "$(cat /tmp/hers.out)"
	rm -f /tmp/trace
}

install_suite
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/tmp/why || {
	echo "SKIP: no cgroup v2 here: $(cat /tmp/why)"
	exit 77
}
install_policy <<'EOP'
permit alice manage instance postfix-a
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
	check "config: a denial isn't logged from her cgroup" denied_outside \
		config op=config.enable sel.name=postfix-b
	check "exec: nor there" denied_outside exec op=exec.postfix \
		command=stop sel.name=postfix-b
else
	skip_case "denials" "strace doesn't work here"
fi
cleanup
check "nothing is left of her cgroup" [ ! -e $MINE ]
finish
