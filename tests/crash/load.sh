#!/bin/bash
# A thousand instances and eight clients, root and two delegates, who do at
# random what can be done, at once: no update is lost, nothing is left over.
# What each works on alone has to end as its model says, byte by byte; what
# several work on, as the last of them, or one of the last, said.
# usage: load.sh [SECONDS [SEED]]

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
[ -n "${INSIDE:-}" ] ||
	set -- "${1:-${LOAD_SECONDS:-60}}" "${2:-${LOAD_SEED:-$RANDOM}}"
in_host "$0" "$@"

SECONDS_OF_LOAD=$1 SEED=$2

part() { # NAME [ARGUMENT...]
	timeout -s KILL 700 perl tests/crash/load.pl "$@" ||
		fail "load.pl $*: status $?, seed $SEED"
}

thousand() {
	local n group
	works root "$POSTMULTI" -e init
	for n in {0..19}; do
		group=()
		[ $((n % 2)) = 0 ] || group=(-G tenants)
		works root "$POSTMULTI" -I "postfix-t$n" "${group[@]}" -e create
	done
	part setup
}

churn() { # NAME
	local n
	for n in {1..15}; do
		as root "$POSTMULTI" --lock-timeout=60 -I "$1" -e create &&
			as root "$POSTMULTI" --lock-timeout=60 -i "$1" \
				-e destroy || exit 1
	done
}

# One that is destroyed between the look at the list and the look at its
# main.cf is not there; it isn't damaged.
nothing_damaged() {
	local n pids=() looks=0
	for n in 1 2 3; do
		churn postfix-churn-$n >/tmp/churn.$n 2>&1 &
		pids+=($!)
	done
	while kill -0 "${pids[@]}" 2>/dev/null; do
		works alice "$POSTMULTI" -l
		err_empty
		looks=$((looks + 1))
	done
	for n in "${pids[@]}"; do
		wait "$n" || fail "churn: $(cat /tmp/churn.*)"
	done
	[ $looks -gt 10 ] || fail "only $looks looks"
	echo "#: $looks times -l while others created and destroyed"
}

install_suite
# Three clients are alice's, each with a prefix and a limit of its own, two are
# bob's, who may not deport.  The group pool is named, so nobody but root may
# enter or leave it.
install_policy <<'EOF'
permit alice manage,import,deport   prefix postfix-alice-3-  limit 4
permit alice manage,import,deport   prefix postfix-alice-4-  limit 4
permit alice manage,import,deport   prefix postfix-alice-5-  limit 4
permit bob   manage                 prefix postfix-bob-
permit alice enable,disable,assign  instance postfix-shared-0
permit alice enable,disable,assign  instance postfix-shared-1
permit bob   enable,disable,assign  instance postfix-shared-0
permit bob   enable,disable,assign  instance postfix-shared-1
permit alice enable,disable         instance postfix-shared-2
permit alice enable,disable         instance postfix-shared-3
permit bob   enable,disable         group pool
EOF
mkdir -m 700 /tmp/load

check "1,000 instances, 20 of them by create, the rest the same" thousand
[ $failures = 0 ] || finish
check "what is being destroyed is not listed as damaged" nothing_damaged
grep '^#: ' /tmp/case.log
check "8 clients, $SECONDS_OF_LOAD s, seed $SEED: all did as their models say" \
	part run "$SECONDS_OF_LOAD" "$SEED"
check "nobody and nothing is left over, the lock is free" part check leftovers
check "the lists have all and no others, once, in order" part check lists
check "each main.cf and each tree is what its client's model says" \
	part check instances
check "no setting of anybody's is lost in what all edited" part check shared
check "contested values are those of a serialisation" part check contested
check "a contested name had one owner at a time" part check prize
check "the rest of the thousand is untouched" part check untouched
check "-l says the same" part check list
part figures
check "each kind of loss made on purpose is noticed" part selftest
grep '^#: ' /tmp/case.log
finish
