#!/bin/bash
# Many at once: nobody's change is lost, and whoever comes too late is told
# why.  The first four are the races that Postfix's own postmulti loses.  Each
# is run by root and by a delegate.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

ROUNDS=20 FEW=3
P=postfix-alice-
WHO=root

# --- many at once --------------------------------------------------------------

pids=() names=()

begin() {
	pids=() names=()
	rm -f /tmp/out.* /tmp/times.*
}

# What it says is in /tmp/out.NAME; when it ran, and its exit status, in
# /tmp/times.NAME.
start() { # NAME ARGUMENT...
	local name=$1
	shift
	names+=("$name")
	{
		began=$EPOCHREALTIME
		as $WHO "$POSTMULTI" --lock-timeout=60 "$@" \
			>"/tmp/out.$name" 2>&1 </dev/null
		status=$?
		echo "$name $began $EPOCHREALTIME $status" >"/tmp/times.$name"
		exit $status
	} &
	pids+=($!)
}

won=() lost=()

# Everybody else says why, in one line.
settle() {
	local i
	won=() lost=()
	for i in "${!pids[@]}"; do
		if wait "${pids[i]}"; then
			won+=("${names[i]}")
		else
			is "status of ${names[i]}" $? 1
			is "fatal: lines of ${names[i]}" \
				"$(grep -c fatal: "/tmp/out.${names[i]}")" 1
			[ "$(grep -vc 'warning: .*finishing what was' \
				"/tmp/out.${names[i]}")" = 1 ] ||
				fail "${names[i]}: $(cat "/tmp/out.${names[i]}")"
			lost+=("${names[i]}")
		fi
	done
}

# What those are told who are too late to create or destroy ${P}one.  Nothing
# of it has the text of an error number, or says that it runs.
REASONS="No instance named ${P}one|\
new (config_directory|multi_instance_name)=[^ ]*${P}one is already in use by |\
no create or import of it is under way \(is it registered already\?\)|\
a (create|destroy) was begun by uid [0-9]+: the same command by the same user|\
(changed by somebody else|removed|replaced) meanwhile, run the command again|\
${P}one: no destroy was begun|\
${P}one: is still on the list of instances|\
${P}one: is not the directory whose destroy was begun|\
${P}one: its queue is not cleared, run the destroy again|\
/etc/${P}one: \"${P}one\" not found"

told() { # NAME...: each is told one of the reasons, and nothing else
	local name
	for name; do
		[ "$(grep -Ec "^postmulti: fatal: .*($REASONS)" \
			"/tmp/out.$name")" = 1 ] &&
			[ "$(grep -vc 'warning: .*finishing what was' \
				"/tmp/out.$name")" = 1 ] ||
			fail "$name doesn't say why: $(cat "/tmp/out.$name")"
	done
}

all_won() {
	settle
	[ ${#lost[@]} = 0 ] ||
		fail "lost: ${lost[*]}: $(cat "/tmp/out.${lost[0]}")"
	[ ${#won[@]} -gt 0 ] || fail "nobody ran"
}

made() { # NAME...
	local name
	for name; do
		works $WHO "$POSTMULTI" -I "$name" -e create
	done
}

# --- what is there afterwards ---------------------------------------------------

LIST=

# The line in main.cf as it stands: single blanks, nothing twice.
read_list() {
	LIST=$(sed -n 's/^multi_instance_directories = //p' \
		/etc/postfix/main.cf)
	[ "$(grep -c '^multi_instance_directories' /etc/postfix/main.cf)" -le 1 ] ||
		fail "several lists"
	[[ ! $LIST =~ \ \ |,|\ $ ]] || fail "not single blanks: '$LIST'"
	LIST=$(tr ' ' '\n' <<<"$LIST" | sed '/^$/d')
	[ -z "$(sort <<<"$LIST" | uniq -d)" ] || fail "listed twice: $LIST"
}

# The list, the directories, and what -l says are these and no others.
exactly() { # NAME...
	local name place
	read_list
	is "the list" "$(sort <<<"$LIST")" \
		"$(for name; do echo "/etc/$name"; done | sort)"
	for place in /etc /var/spool /var/lib; do
		is "what is in $place" "$(find $place -maxdepth 1 \
			-name 'postfix-*' -printf '%f\n' | sort)" \
			"$(printf '%s\n' "$@" | sort)"
	done
	for name; do
		tree "$name"
	done
	is "records" "$(find /var/lib/postmulti/records -type f | wc -l)" 0
	is "main.cf.tmp left" "$(find /etc/postfix* -name '*.tmp')" ""
	works root "$POSTMULTI" -l
	is "lines of -l" "$(wc -l <<<"$OUT")" $(($# + 1))
}

# As that of one which was made alone, but for the name.
tree() { # NAME
	local at
	for at in /etc /var/spool /var/lib; do
		find "$at/$1" ! -name master.pid -printf '%P %y %u:%g %m\n'
	done | sort >/tmp/tree
	[ -s /tmp/model ] || cp /tmp/tree /tmp/model
	same "the tree of $1" /tmp/model /tmp/tree
	is "main.cf of $1" "$(sed -n 's/^queue_directory = //p' \
		"/etc/$1/main.cf")" "/var/spool/$1"
	is "master.cf of $1" "$(cmp /etc/postfix/master.cf.proto \
		"/etc/$1/master.cf" 2>&1)" ""
}

# And so is the whole main.cf, where nothing but a create changed it.
alike() { # NAME...
	local name
	for name; do
		sed "s/$name/NAME/g" "/etc/$name/main.cf" >/tmp/main.cf
		[ -s /tmp/model.cf ] || cp /tmp/main.cf /tmp/model.cf
		same "main.cf of $name" /tmp/model.cf /tmp/main.cf
	done
}

model() {
	fresh
	rm -f /tmp/model /tmp/model.cf
	made postfix-alice-model
	tree postfix-alice-model
	alike postfix-alice-model
	[ "$(grep -c NAME /tmp/model.cf)" -ge 3 ] ||
		fail "no model: $(cat /tmp/model.cf)"
	[ "$(wc -l </tmp/model)" -gt 15 ] || fail "no model: $(cat /tmp/model)"
}

few() { # FUNCTION ARGUMENT...
	local ROUNDS=$FEW
	rounds "$@"
}

rounds() { # FUNCTION ARGUMENT...
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		fresh
		begin
		"$@" || fail "round $i"
	done
}

# --- the original's four ---------------------------------------------------------

creates() {
	local n
	for n in {1..20}; do
		start $P$n -I $P$n -e create
	done
	all_won
	exactly "${names[@]}"
	alike "${names[@]}"
}

# Each of the ten sets the primary's group: the last one's stands.
creates_and_assigns() {
	local n group
	for n in {1..10}; do
		[ "$n" = 10 ] || start $P$n -I $P$n -e create
		start "assign-$n" -i - -G "group$n" -e assign
	done
	all_won
	exactly ${P}{1..9}
	group=$(postconf -h multi_instance_group)
	[[ $group =~ ^group([1-9]|10)$ ]] || fail "the primary's group: $group"
}

one_name() {
	local n
	made ${P}{1..5}
	age
	for n in {1..5}; do
		start $P$n -i $P$n -I ${P}same -e assign
	done
	settle
	is "winners" "${#won[@]}" 1
	for n in "${lost[@]}"; do
		grep -q "${P}same" "/tmp/out.$n" || fail "$(cat "/tmp/out.$n")"
	done
	is "who has the name" "$(grep -l "^multi_instance_name = ${P}same$" \
		/etc/$P*/main.cf)" "/etc/${won[0]}/main.cf"
	exactly ${P}{1..5}
}

destroys_and_creates() {
	local n
	made ${P}{1..5}
	for n in {1..5}; do
		start $P$n -i $P$n -e destroy
		start $P$((n + 5)) -I $P$((n + 5)) -e create
	done
	all_won
	exactly ${P}{6..10}
}

# --- more of them -----------------------------------------------------------------

# Whoever had ended before another began stands before it.
serial() {
	read_list
	cat /tmp/times.* >/tmp/times
	sed 's|^/etc/||' <<<"$LIST" | perl -e '
		open my $t, "<", "/tmp/times" or die;
		my (%b, %e);
		while (<$t>) { my ($n, $b, $e) = split; $b{$n} = $b; $e{$n} = $e }
		chomp(my @list = <STDIN>);
		my ($pairs, $wrong) = (0, 0);
		for my $i (0 .. $#list) {
			for my $j ($i + 1 .. $#list) {
				my ($x, $y) = @list[$i, $j];
				$pairs++ if $e{$x} < $b{$y};
				$wrong++ if $e{$y} < $b{$x};
			}
		}
		die "$wrong pairs out of order\n" if $wrong;
		print "$pairs\n";' || fail "not a serialisation"
}

fifty() {
	local n
	fresh
	begin
	for n in {1..50}; do
		start $P$n -I $P$n -e create
	done
	all_won
	exactly "${names[@]}"
	alike "${names[@]}"
	serial >/tmp/pairs || exit 1
}

# Ten at a time, each five, one after the other: at least a hundred pairs have
# an order.
lanes() {
	local lane n lanes=()
	fresh
	begin
	for lane in {1..10}; do
		(
			for n in {1..5}; do
				start $P$lane.$n -I $P$lane.$n -e create
				wait "${pids[-1]}" || exit 1
			done
		) &
		lanes+=($!)
	done
	for lane in "${lanes[@]}"; do
		wait "$lane" || fail "a create failed: $(cat /tmp/out.*)"
	done
	exactly ${P}{1..10}.{1..5}
	serial >/tmp/pairs || exit 1
	[ "$(cat /tmp/pairs)" -ge 100 ] || fail "only $(cat /tmp/pairs) pairs"
}

# The one who wins may have finished before another looks: then the others
# are told that the name is taken; all the same nobody else may think he made
# it.
same_name() {
	local n
	for n in {1..20}; do
		start "try-$n" -I ${P}one -e create
	done
	settle
	is "winners" "${#won[@]}" 1
	is "losers" "${#lost[@]}" 19
	told "${lost[@]}"
	exactly ${P}one
}

# 25 times, and until both a create and a destroy were done.
by_turns() { # NAME ARGUMENT...
	local n name=$1
	for n in {1..500}; do
		start "$name-$n" "${@:2}"
		! wait "${pids[-1]}" || touch "/tmp/done.${name%%-*}"
		[ "$n" -lt 25 ] || [ ! -e /tmp/done.create ] ||
			[ ! -e /tmp/done.destroy ] || return 0
	done
}

those() { # KIND STATUS: names of commands
	cat /tmp/times.* | sed -n "s/^\($1-[^ ]*\) .* $2\$/\1/p"
}

# Whoever makes the last step of a create or destroy, and nobody else, has
# done it, whoever made the steps before: so the two alternate, and the last
# one that was done is what is seen.
create_against_destroy() {
	local n lanes=() created destroyed list=() losers
	rm -f /tmp/done.*
	for n in 1 2; do
		by_turns create-$n -I ${P}one -e create &
		lanes+=($!)
		by_turns destroy-$n -i ${P}one -e destroy &
		lanes+=($!)
	done
	wait "${lanes[@]}"
	mapfile -t losers < <(those '[a-z]*' 1)
	told "${losers[@]}"
	created=$(those create 0 | wc -l)
	destroyed=$(those destroy 0 | wc -l)
	is "how many won or lost" $((created + destroyed + ${#losers[@]})) \
		"$(find /tmp -maxdepth 1 -name 'times.*' | wc -l)"
	[ "$created" -gt 0 ] && [ "$destroyed" -gt 0 ] ||
		fail "one-sided: $created creates, $destroyed destroys"
	# The last ones may have disturbed each other: one more finishes it.
	if [ -n "$(find /var/lib/postmulti/records -type f)" ]; then
		if as $WHO "$POSTMULTI" -i ${P}one -e destroy; then
			destroyed=$((destroyed + 1))
		else
			works $WHO "$POSTMULTI" -I ${P}one -e create
			created=$((created + 1))
		fi
	fi
	[ ! -e /etc/${P}one ] || list=("${P}one")
	is "$created creates and $destroyed destroys leave" \
		$((created - destroyed)) ${#list[@]}
	exactly "${list[@]}"
	echo "$created $destroyed" >>/tmp/turns
}

# --- and postconf -e --------------------------------------------------------------

# Until /tmp/stop is there: a parameter of its own each time, and a counter.
editor() { # LETTER
	local n=0
	until [ -e /tmp/stop ]; do
		n=$((n + 1))
		LD_PRELOAD=$TOOLS/nosleep.so timeout -s KILL 60 postconf -e \
			"edit_$1_$n = $n" "count_$1 = $n" || exit 1
	done
	echo $n >"/tmp/edits.$1"
}

mixed() {
	local n edits=0 letter editors=() pair=()
	rm -f /tmp/stop /tmp/edits.*
	made ${P}{1..10} ${P}x{1..5}
	for letter in a b; do
		editor $letter &
		editors+=($!)
	done
	for n in {1..5}; do
		start $P$n -i $P$n -e destroy
		start $P$((n + 5)) -i $P$((n + 5)) -e enable
		start ${P}new$n -I ${P}new$n -e create
		start "same-$n" -i ${P}x$n -I ${P}same -e assign
		start "group-$n" -i - -G "group$n" -e assign
		start "primary-$n" -i - -e enable
		start "one-$n" -I ${P}one -e create
	done
	start pair -I ${P}pair -e create
	start destroy-pair -i ${P}pair -e destroy
	settle
	touch /tmp/stop
	for n in "${editors[@]}"; do
		wait "$n" || fail "postconf -e failed"
	done
	for n in "${lost[@]}"; do
		case $n in
		same-*) ;;
		one-*) told "$n" ;;
		destroy-pair) # was too early
			pair=("${P}pair")
			grep -q "No instance named ${P}pair" "/tmp/out.$n" ||
				fail "$n: $(cat "/tmp/out.$n")"
			;;
		*) fail "$n lost: $(cat "/tmp/out.$n")" ;;
		esac
	done
	is "losers" "${#lost[@]}" $((4 + 4 + ${#pair[@]}))
	is "of one name" "$(printf '%s\n' "${won[@]}" | grep -c '^one-')" 1
	is "with a name" "$(printf '%s\n' "${won[@]}" | grep -c '^same-')" 1
	exactly ${P}{6..10} ${P}x{1..5} ${P}new{1..5} ${P}one "${pair[@]}"
	for letter in a b; do
		n=$(cat /tmp/edits.$letter)
		[ "$n" -gt 0 ] || fail "no edits"
		is "edits of $letter" "$(grep -c \
			"^edit_${letter}_\([0-9]*\) = \1$" /etc/postfix/main.cf)" "$n"
		is "the counter" "$(sed -n "s/^count_$letter = //p" \
			/etc/postfix/main.cf)" "$n"
		edits=$((edits + n))
	done
	is "enabled" "$(grep -l '^multi_instance_enable = yes' \
		/etc/$P*/main.cf | wc -l)" 5
	[[ $(postconf -h multi_instance_group) =~ ^group[1-5]$ ]] ||
		fail "no group"
	echo $edits >>/tmp/edits
}

# --- bounded waits, and who holds the lock -------------------------------------------

holder=

hold() { # FILE [SECONDS]
	flock -o "$1" sleep "${2:-100}" &
	holder=$!
	wait_for 10 sh -c "! flock -n '$1' true" || fail "$1 isn't held"
}

let_go() {
	kill "$holder"
	wait "$holder" 2>/dev/null
	pkill -P "$holder" 2>/dev/null
	true
}

busy_with() { # REGULAR-EXPRESSION FILE...: -e enable fails so, changes nothing
	local want=$1
	snapshot_all | grep -v '/var/lib/postmulti/lock' >/tmp/before
	refused $WHO "$POSTMULTI" --lock-timeout=1 -i ${P}one -e enable
	err_has "$want"
	snapshot_all | grep -v '/var/lib/postmulti/lock' >/tmp/after
	same "what was busy changed" /tmp/before /tmp/after
}

# One that waits for main.cf.tmp holds the global lock meanwhile.
who_holds() {
	local waiter actor
	fresh
	made ${P}one
	(umask 077 && touch /etc/postfix/main.cf.tmp)
	hold /etc/postfix/main.cf.tmp
	busy_with "main.cf.tmp: locked by pid $holder, postconf -e or another"
	as bob "$POSTMULTI" --lock-timeout=60 -I postfix-bob-one -e create \
		>/tmp/out 2>&1 &
	waiter=$!
	wait_for 10 grep -q 'create of postfix-bob-one' \
		/var/lib/postmulti/lock || fail "nobody waits: $(cat /tmp/out)"
	actor=$(sed 's/^pid \([0-9]*\) .*/\1/' /var/lib/postmulti/lock)
	grep -q postmulti "/proc/$actor/comm" || fail "pid $actor is another's"
	busy_with "/lock: locked by pid $actor \(create of postfix-bob-one\)"
	let_go
	wait "$waiter" || fail "the waiter: $(cat /tmp/out)"
	is "the lock" "$(cat /var/lib/postmulti/lock)" ""
	(umask 077 && touch /etc/${P}one/main.cf.tmp)
	hold /etc/${P}one/main.cf.tmp
	busy_with "one/main.cf.tmp: locked by pid $holder, postconf -e or"
	let_go
	hold /var/lib/postmulti/lock
	busy_with '/lock: locked by another program, try again later'
	let_go
	works $WHO "$POSTMULTI" -i ${P}one -e enable
	exactly ${P}one postfix-bob-one
}

decided() { # LINES STEP N: after so many lines of the log, N times
	[ "$(tail -n +$(($1 + 1)) "$LOG" |
		grep -c "event=decided .*step=$2 ")" -ge "$3" ]
}

# While it removes a queue a destroy has the lock that master(8) has while it
# runs.  Whoever comes meanwhile waits to see which it is, unless the policy
# says no.
another_destroys() {
	local kind step logged master
	for kind in destroy:dirs.clear deport:config.deregister; do
		step=${kind#*:} kind=${kind%:*}
		fresh
		begin
		made ${P}one
		hold /var/spool/${P}one/pid/master.pid
		master=$holder
		refused $WHO "$POSTMULTI" -i ${P}one -e $kind
		err_has 'is not stopped'
		hold /var/lib/postmulti/lock
		run bob "$TOOLS/frame" "$HELPERS/postmulti-${step%.*}" \
			"op=$step" sel.name=${P}one
		out_has '^err DENIED'
		logged=$(wc -l <"$LOG")
		start one -i ${P}one -e $kind
		wait_for 30 decided "$logged" "$step" 1 ||
			fail "doesn't wait: $(cat /tmp/out.one)"
		kill "$master"
		wait_for 10 flock -n /var/spool/${P}one/pid/master.pid true ||
			fail "still locked"
		let_go
		all_won
		is "the list" "$(read_list && echo "$LIST")" ""
	done
}

# Interrupted between two steps, and then the queue is there again: it is
# locked by who goes on, or by a master(8).
another_goes_on() {
	fresh
	made ${P}one
	(umask 077 && touch /etc/${P}one/main.cf.tmp)
	hold /etc/${P}one/main.cf.tmp
	refused $WHO "$POSTMULTI" --lock-timeout=1 -i ${P}one -e destroy
	let_go
	mkdir -p /var/spool/${P}one/pid
	hold /var/spool/${P}one/pid/master.pid
	refused $WHO "$POSTMULTI" -i ${P}one -e destroy --dry-run
	err_has 'is not stopped, or is being destroyed right now$'
	let_go
	works $WHO "$POSTMULTI" -i ${P}one -e destroy --dry-run
	works $WHO "$POSTMULTI" -i ${P}one -e destroy
}

now() { # in hundredths of a second, whatever is done to the clock
	local up
	read -r up _ </proc/uptime
	echo "${up/./}"
}

# One who waits in vain; says so when it gives up, and how long it took.
waiter() { # USER NAME COMMAND...
	local began
	began=$(now)
	LIMIT=200 as "$1" "${@:3}" >"/tmp/out.$2" 2>&1 </dev/null
	echo "$2 $(($(now) - began))" >>/tmp/given.up
}

took() { # SECONDS NAME...: so long at least
	local name least=$(($1 * 100 - 10))
	for name in "${@:2}"; do
		[ "$(sed -n "s/^$name //p" /tmp/given.up)" -ge $least ] ||
			fail "not $1 s: $(cat /tmp/given.up)"
	done
}

# Without a word 10 s, and whoever asks for more than 60 s no longer than that:
# no less by the clock, and no more since others who began seconds later, and
# ask for little more or for 60 s, give up after them, however slow all is.
waits() {
	local name logged pids=() enable=(-i "${P}one" -e enable)
	fresh
	made ${P}one
	hold /var/lib/postmulti/lock 190
	logged=$(wc -l <"$LOG")
	: >/tmp/given.up
	waiter root 4 "$POSTMULTI" --lock-timeout=4 "${enable[@]}" &
	pids+=($!)
	waiter root root "$POSTMULTI" "${enable[@]}" &
	pids+=($!)
	waiter alice alice "$POSTMULTI" "${enable[@]}" &
	pids+=($!)
	waiter alice frame "$TOOLS/frame" "$HELPERS/postmulti-config" \
		op=config.enable sel.name=${P}one &
	pids+=($!)
	waiter alice day "$POSTMULTI" --lock-timeout=86400 "${enable[@]}" &
	pids+=($!)
	waiter root thousand "$POSTMULTI" --lock-timeout=1000 "${enable[@]}" &
	pids+=($!)
	waiter alice clamped "$TOOLS/frame" "$HELPERS/postmulti-config" \
		op=config.enable sel.name=${P}one lock_timeout=4000000 &
	pids+=($!)
	wait_for 30 decided "$logged" config.enable 7 || fail "not all wait"
	sleep 4
	waiter alice 12 "$POSTMULTI" --lock-timeout=12 "${enable[@]}" &
	pids+=($!)
	sleep 4
	waiter alice late "$POSTMULTI" --lock-timeout=60 "${enable[@]}" &
	pids+=($!)
	wait "${pids[@]}"
	kill -0 "$holder" || fail "the lock was free: $(cat /tmp/given.up)"
	let_go
	for name in 4 root alice frame 12 day thousand clamped late; do
		grep -q 'locked by another program' "/tmp/out.$name" ||
			fail "$name: $(cat "/tmp/out.$name")"
	done
	took 10 root alice frame
	took 60 day thousand clamped late
	# Those that wait for as long may give up in any order.
	is "the order" "$(sed 's/ .*//; s/root\|alice\|frame/10/
		s/day\|thousand\|clamped/60/' /tmp/given.up | paste -sd ' ')" \
		"4 10 10 10 12 60 60 60 late"
	works root "$POSTMULTI" -l
	out_has "^${P}one .* n "
}

# --- all of it ------------------------------------------------------------------

install_suite
install_policy <<EOF
permit alice manage,deport prefix $P
permit alice manage primary
permit bob   manage prefix postfix-bob-
EOF
"$POSTMULTI" -e init || exit 1
cp -a /etc/postfix/main.cf /tmp/primary.cf
for WHO in root alice; do
	rm -f /tmp/pairs /tmp/edits /tmp/turns
	check "$WHO: an instance made alone is the model" model
	check "$WHO: 20 creates at once, $ROUNDS rounds" rounds creates
	check "$WHO: 9 creates and 10 assigns on the primary, $ROUNDS rounds" \
		rounds creates_and_assigns
	check "$WHO: one name to 5 instances, $ROUNDS rounds" rounds one_name
	check "$WHO: 5 destroys and 5 creates, $ROUNDS rounds" \
		rounds destroys_and_creates
	check "$WHO: 50 creates at once" fifty
	check "$WHO: 10 times 5 creates, the list is in their order" lanes
	echo "#: $WHO: $(cat /tmp/pairs) pairs of creates had an order, and kept it"
	check "$WHO: the same name 20 times, one wins" rounds same_name
	check "$WHO: two create and two destroy it, 25 times each, $FEW rounds" \
		few create_against_destroy
	awk -v who=$WHO '{ made += $1; gone += $2 } END { print "#: " who ": " \
		made " creates and " gone " destroys in turn" }' /tmp/turns
	check "$WHO: all of it, and postconf -e meanwhile, $FEW rounds" few mixed
	echo "#: $WHO: $(($(paste -sd + /tmp/edits))) postconf -e meanwhile, none was lost"
	check "$WHO: whoever waits in vain is told for whom" who_holds
	check "$WHO: a destroy's lock is not taken for a master's" \
		another_destroys
	check "$WHO: --dry-run can't tell the two" another_goes_on
done
check "waits end: after 10 s by default, after 60 s whatever is asked for" \
	waits
finish
