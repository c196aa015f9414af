#!/bin/bash
# Damaged instances: each kind alone and three of ten, damage of the list, of
# what is reached by links, and of the primary.  Nobody is kept from working
# with the others, each damaged one is named, nothing hangs, nothing is opened
# that shouldn't be, and root can take away what is damaged.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

LIMIT=10
D=/etc/postfix-m-4 # the damaged one, in group lo
RECORDS=/var/lib/postmulti/records
OPENED=$SRC/$BUILD/tests/opened
STATE=/tmp/state

# --- kinds of damage ---------------------------------------------------------

declare -A WHY=(
	[missing]='open @/main\.cf: No such file or directory'
	[empty]='queue_directory=.* conflicts with instance /etc/postfix, .*'
	[truncated]='queue_directory=.* conflicts with instance /etc/postfix, .*'
	[garbage]='@/main\.cf:[0-9]+: not of the form "name = value"'
	[enable]='@/main\.cf: bad boolean .* multi_instance_enable = perhaps'
	[name]='@/main\.cf: multi_instance_name = my post: not a valid .*'
	[group]='@/main\.cf: multi_instance_group = a b: not a valid .*'
	[recursive]='@/main\.cf:[0-9]+:[0-9]+: .*refers to itself'
	[unclosed]='@/main\.cf:[0-9]+:[0-9]+: .*'
	[relative]='@/main\.cf: queue_directory = spool: not a usable .*'
	[nul]='@/main\.cf: queue_directory = /: not a usable .*'
	[long]='@/main\.cf: queue_directory: too long.*'
	[big]='@/main\.cf: larger than [0-9]+ bytes'
	[directory]='@/main\.cf: not a regular file'
	[fifo]='@/main\.cf: not a regular file'
	[device]='@/main\.cf: not a regular file'
	[socket]='@/main\.cf: not a regular file'
	[dangling]='open @/main\.cf: No such file or directory'
	[self]='@/main\.cf: is a symbolic link'
	[gone]='open @/main\.cf: No such file or directory'
	[dirfile]='open @/main\.cf: Not a directory'
	[dirfifo]='open @/main\.cf: Not a directory'
	[dirself]='@/main\.cf: is a symbolic link'
	[dupname]='multi_instance_name=.* conflicts with .*/etc/postfix-m-3, .*'
	[queue]='queue_directory=.* conflicts with instance /etc/postfix-m-3, .*'
	[data]='data_directory=.* conflicts with instance /etc/postfix-m-3, .*'
	[itself]='queue_directory=.* conflicts with instance @, config_.*'
)
mapfile -t KINDS < <(printf '%s\n' "${!WHY[@]}" | sort)

# Which of an instance's things are known when it is damaged so: its names,
# its queue directory and its data directory as its own.
knows() { # WHAT KIND
	case $1/$2 in
	names/dupname | names/queue | names/data | names/itself | \
		queue/dupname | queue/data | data/dupname | data/queue | \
		data/truncated | \
		data/itself) ;;
	*) return 1 ;;
	esac
}

bytes() { # the same "garbage" each time
	perl -e 'srand 5; print pack "C*", map { 1 + int rand 255 } 1 .. 3000'
}

damage() { # KIND DIRECTORY
	local f=$2/main.cf
	case $1 in
	missing) rm "$f" ;;
	empty) : >"$f" ;;
	truncated) truncate -s 20000 "$f" ;;
	garbage) bytes >"$f" ;;
	enable) echo 'multi_instance_enable = perhaps' ;;
	name) echo 'multi_instance_name = my post' ;;
	group) echo 'multi_instance_group = a b' ;;
	recursive)
		echo 'queue_directory = $data_directory'
		echo 'data_directory = ${queue_directory}'
		;;
	unclosed) echo 'queue_directory = ${x' ;;
	relative) echo 'queue_directory = spool' ;;
	nul) printf 'queue_directory = /\0var/spool/x\n' ;;
	long) printf 'queue_directory = /%05000d\n' 1 ;;
	big) head -c 5000000 /dev/zero | tr '\0' '#' ;;
	directory) rm "$f" && mkdir "$f" ;;
	fifo) rm "$f" && mkfifo "$f" ;;
	device) rm "$f" && mknod -m 666 "$f" c 1 3 ;;
	socket) rm "$f" && perl -MIO::Socket::UNIX -e \
		'IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1)' "$f" ;;
	dangling) rm "$f" && ln -s /nowhere "$f" ;;
	self) rm "$f" && ln -s main.cf "$f" ;;
	gone) rm -r "$2" ;;
	dirfile) rm -r "$2" && echo x >"$2" ;;
	dirfifo) rm -r "$2" && mkfifo "$2" ;;
	dirself) rm -r "$2" && ln -s "${2##*/}" "$2" ;;
	dupname) echo 'multi_instance_name = postfix-m-3' ;;
	queue) echo 'queue_directory = /var/spool/postfix-m-3' ;;
	data) echo 'data_directory = /var/lib/postfix-m-3' ;;
	itself) echo "queue_directory = $2" ;;
	esac >/tmp/more
	[ ! -s /tmp/more ] || cat /tmp/more >>"$f"
}

# --- the host ----------------------------------------------------------------

# Ten instances; m-0 runs, and is left alone when the others are put back.
ten() {
	local n group=lo
	fresh
	for n in 0 1 2 3 4 5 6 7 8 9; do
		[ $n != 5 ] || group=hi
		works root "$POSTMULTI" -I postfix-m-$n -G $group -e create
	done
	works root "$POSTMULTI" -i m-0 -e enable
	works root "$POSTMULTI" -i m-1 -e enable
	age
	works root "$POSTMULTI" -i m-0 -p start
	works root "$POSTMULTI" -l
	err_empty
	cp /tmp/run.out /tmp/healthy
	works root "$POSTMULTI" -l -j
	cp /tmp/run.out /tmp/healthy.json
	is "instances" "$(wc -l </tmp/healthy)" 11
	rm -rf $STATE
	mkdir -p $STATE/etc $STATE/var/spool $STATE/var/lib
	for n in 1 2 3 4 5 6 7 8 9; do
		cp -a /etc/postfix-m-$n $STATE/etc
		cp -a /var/spool/postfix-m-$n $STATE/var/spool
		cp -a /var/lib/postfix-m-$n $STATE/var/lib
	done
	cp -a /etc/postfix/main.cf $STATE/main.cf
}

put_back() {
	rm -rf /etc/postfix-[!m]* /etc/postfix-m-[!0] /var/spool/postfix-m-[!0] \
		/var/lib/postfix-m-[!0] /etc/postfix/main.cf /srv/* \
		"${RECORDS:?}"/*
	cp -a $STATE/main.cf /etc/postfix/main.cf
	cp -a $STATE/etc/. /etc
	cp -a $STATE/var/. /var
}

# Everything but what is damaged, what runs, and the list.
others() { # REGEX of damaged numbers
	snapshot_all | grep -Ev "postfix-m-(0|$1)(/| |\$)|/etc/postfix/main\.cf|\
/var/lib/postmulti|/pid/master\.pid"
}

listed() {
	sed -n 's/^multi_instance_directories = //p' /etc/postfix/main.cf
}

dirs_of() { # FILE: the last column, as the list has it
	awk 'NR > 1 { printf "%s%s", sep, $4; sep = " " }' "$1"
}

without() { # FILE DIRECTORY...: lines of -l or of -l -j
	local file=$1
	shift
	grep -Ev "($(IFS='|'; echo "$*"))(\"}|\$)" "$file"
}

# --- what is expected --------------------------------------------------------

lines_of_err() {
	[ -z "$ERR" ] && echo 0 || wc -l <<<"$ERR"
}

reason() { # KIND DIRECTORY: extended regular expression
	local why="${WHY[$1]}"
	echo "${why//@/$2}"
}

# Exit status 1 and one line that is fatal; nothing on stdout.
one_line() { # REGEX USER COMMAND...
	run "${@:2}"
	is "exit status" "$STATUS" 1
	is "lines on stderr" "$(lines_of_err)" 1
	err_has "^postmulti: fatal: .*($1)"
	[ -z "$OUT" ] || fail "something on stdout"
}

quiet() { # USER COMMAND...: works, and says nothing about anybody
	works "$@"
	err_empty
}

# One warning for each damaged one, in the list's order, which says what to do.
warned() { # KIND DIRECTORY [KIND DIRECTORY...]
	local n=0
	is "exit status" "$STATUS" 1
	while [ $# -gt 0 ]; do
		n=$((n + 1))
		sed -n ${n}p <<<"$ERR" | grep -Eq "^postmulti: warning: \
instance $2 is damaged: (instance $2, )?$(reason "$1" "$2"); mend it, or as \
root run \"postmulti -i $2 -e deport\"$" || fail "no line about $1 at $2"
		shift 2
	done
	is "lines on stderr" "$(lines_of_err)" $n
}

# -l and -l -j: the others as ever, the damaged ones where they belong.
lists() { # USER KIND DIRECTORY [KIND DIRECTORY...]
	local user=$1 dirs=() i
	shift
	for ((i = 2; i <= $#; i += 2)); do
		dirs+=("${!i}")
	done
	run "$user" "$POSTMULTI" -l
	warned "$@"
	out_is "$(without /tmp/healthy "${dirs[@]}")"
	run "$user" "$POSTMULTI" -l -j
	warned "$@"
	out_json "$@"
}

# Each line an object whose members have the names and order they must have.
JSON='
	my ($healthy, %kind) = @ARGV;
	open my $f, "<", $healthy or die;
	my @want = <$f>;
	my @got = <STDIN>;
	@got == @want && @got > 1 or die "not as many lines\n";
	for my $i (0 .. $#got) {
		my $o = decode_json($got[$i]);
		my $was = decode_json($want[$i]);
		my $kind = $kind{$was->{config_directory}};
		if (!$kind) {
			$got[$i] eq $want[$i] or die "not the same: $got[$i]";
			next;
		}
		my ($names, $why) = split /:/, $kind, 2;
		my @names = $names eq "" ? ("-", "-") : split / /, $names;
		my $on = "n";
		my $re = qr/^\{"name": "\Q$names[0]\E","group": "\Q$names[1]\E",/;
		$got[$i] =~ $re or die "names: $got[$i]";
		join(",", $got[$i] =~ /"(\w+)": "/g) eq
		    "name,group,enabled,config_directory,damaged"
			or die "members: $got[$i]";
		$o->{enabled} eq $on && keys(%$o) == 5 &&
		    $o->{config_directory} eq $was->{config_directory}
			or die "values: $got[$i]";
		$o->{damaged} =~ /^(instance \Q$o->{config_directory}\E, )?$why$/
			or die "reason: $got[$i]";
	}
'
out_json() { # KIND DIRECTORY...
	local args=() names
	while [ $# -gt 0 ]; do
		names=
		! knows names "$1" || names="${2##*/} $(group_of "$2")"
		[ "$1" != dupname ] || names="postfix-m-3 $(group_of "$2")"
		args+=("$2" "$names:$(reason "$1" "$2")")
		shift 2
	done
	perl -MJSON::PP -e "$JSON" /tmp/healthy.json "${args[@]}" \
		<<<"$OUT" || fail "not the JSON it should be"
}

group_of() { # DIRECTORY
	awk -v d="$1" '$4 == d { print $2 }' /tmp/healthy
}

# --- one damaged instance -----------------------------------------------------

others_listed() {
	local user
	for user in root alice bob; do
		lists $user "$1" $D
	done
	run root "$POSTMULTI" -l -R
	warned "$1" $D
	out_is "$(without /tmp/healthy $D | tac)"
}

# What Postfix's own says of the others, where it says anything.
as_original() {
	local status
	age_regular
	quickly timeout -s KILL 2 "$ORIGINAL" -l >/tmp/original 2>/dev/null
	status=$?
	echo "$status" >>/tmp/original.status
	[ $status = 0 ] || return 0
	is "the others, by Postfix's own" "$(without /tmp/original $D)" \
		"$(without /tmp/healthy $D)"
}

age_regular() {
	find /etc/postfix* -maxdepth 1 -name main.cf -type f -exec \
		touch -d '1 hour ago' {} +
}

# Commands for many: all healthy ones, exit status 1.
others_run() {
	local before
	for user in root alice bob; do
		run $user "$POSTMULTI" -x /bin/sh -c 'echo $config_directory'
		warned "$1" $D
		out_is "$(without /tmp/healthy $D | awk '{ print $4 }')"
	done
	before=$(wc -l <"$LOG")
	run root "$POSTMULTI" -g lo -p status
	warned "$1" $D
	wait_for 5 eval "[ \$(tail -n +$((before + 1)) $LOG |
		grep -c 'mail system is \(not \)*running') = 4 ]" ||
		fail "status of some was not asked"
	one_line 'only members of group postmulti' bob "$POSTMULTI" \
		-i m-0 -p status
	# Another group's, or nobody knows.
	run root "$POSTMULTI" -g hi -x /bin/true
	if knows names "$1"; then
		is "exit status" "$STATUS" 0
		err_empty
	else
		warned "$1" $D
	fi
	run bob "$POSTMULTI" -l -i m-4
	if [ "$1" = dupname ]; then
		is "exit status" "$STATUS" 0
		run bob "$POSTMULTI" -l -i m-3
	fi
	warned "$1" $D
}

# Each healthy one by itself: nothing is said of the damaged one.
others_change() {
	local user
	for user in root alice; do
		quiet $user "$POSTMULTI" -i m-0 -p status
		quiet $user "$POSTMULTI" -i m-1 -e disable
		quiet $user "$POSTMULTI" -i m-1 -e enable
		quiet $user "$POSTMULTI" -i m-6 -G other -e assign
		quiet $user "$POSTMULTI" -i m-6 -G hi -e assign
	done
}

others_alone() {
	others_change
	quiet alice "$POSTMULTI" -I postfix-m-x -e create
	quiet alice "$POSTMULTI" -l -i m-x
	quiet root "$POSTMULTI" -i m-x -e destroy
	quiet bob "$POSTMULTI" -i m-0 -x /bin/true
	quiet bob "$POSTMULTI" -i m-6 -l -j
}

# Explained by doctor, to whoever asks, with the command that takes it away.
explained() {
	local user
	for user in root alice bob; do
		run $user "$POSTMULTI" doctor
		is "exit status of doctor" "$STATUS" 1
		out_has "^damaged: $D: (instance $D, )?$(reason "$1" $D)"
		grep -A1 '^damaged: ' <<<"$OUT" |
			grep -qx "    postmulti -i $D -e deport" ||
			fail "no command"
		! grep -q "rm -r /var/[a-z]*/${D##*/}$" <<<"$OUT" ||
			fail "what may be its queue is to be removed"
	done
}

# What needs it whole, and what is root's alone.
refuses() {
	local user words
	# shellcheck disable=SC2119
	snapshot_all >/tmp/before
	for user in root alice; do
		for words in "-e enable" "-G x -e assign" \
			"-I postfix-m-y -e assign"; do
			# shellcheck disable=SC2086
			one_line "$D is damaged: .*; mend it" \
				$user "$POSTMULTI" -i $D $words
		done
	done
	if ! knows names "$1" && [ "$1" != empty ] && [ "$1" != truncated ]; then
		one_line "$D is damaged: .*; mend it" root "$POSTMULTI" \
			-i $D -e disable
	fi
	for user in alice carol; do
		for words in deport destroy; do
			[ "$1" != dupname ] || continue
			run $user "$POSTMULTI" -i $D -e $words
			is "exit status" "$STATUS" 1
			is "fatal lines" "$(grep -c ': fatal: ' /tmp/run.err)" 1
			err_has "only root may $words it|is already in use by|\
carol may not $words"
		done
	done
	for words in deport destroy; do
		run bob "$POSTMULTI" -i $D -e $words
		is "exit status" "$STATUS" 1
		is "fatal lines" "$(grep -c ': fatal: ' /tmp/run.err)" 1
	done
	if [ "$1" != dupname ] && [ -e $D ]; then
		by_hand config op=config.deregister sel.inode=$D
		by_hand dirs op=dirs.clear sel.inode=$D
		by_hand config op=config.enable sel.inode=$D
		by_hand exec op=exec.postfix command=status sel.inode=$D
	fi
	snapshot_all >/tmp/after
	same "state after refusals" /tmp/before /tmp/after
}

# Carol may do it to any instance, but not to m-4.
by_hand() { # HELPER KEY=VALUE...
	run carol "$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	is "exit status of frame" "$STATUS" 0
	grep -Eq '^err [A-Z]+$' <<<"$OUT" || fail "no answer"
	grep -q '^err OK$' <<<"$OUT" && fail "permitted"
	grep -q '^error .' <<<"$OUT" || fail "no reason"
}

deported() {
	snapshot_all | grep -v '/etc/postfix/main\.cf' >/tmp/before
	works root "$POSTMULTI" -i $D -e deport
	is "lines on stderr" "$(lines_of_err)" 1
	err_has "warning: instance $D is damaged: "
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy |
		sed "s| $D||")"
	snapshot_all | grep -v '/etc/postfix/main\.cf' >/tmp/after
	same "all else after deport" /tmp/before /tmp/after
	quiet root "$POSTMULTI" -l
	cp -a $STATE/main.cf /etc/postfix/main.cf
}

destroyed() {
	local what at
	others 4 >/tmp/before
	snapshot /var/spool/postfix-m-4 >/tmp/before.queue
	snapshot /var/lib/postfix-m-4 >/tmp/before.data
	works root "$POSTMULTI" -i $D -e destroy
	others 4 >/tmp/after
	same "the others after destroy" /tmp/before /tmp/after
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy |
		sed "s| $D||")"
	is "open records" "$(ls -A $RECORDS)" ""
	case $1 in
	directory) [ -d $D/main.cf ] && rmdir $D/main.cf $D ;;
	dirfile) [ -f $D ] && rm $D ;;
	dirfifo) [ -p $D ] && rm $D ;;
	dirself) [ -L $D ] && rm $D ;;
	*) false ;;
	esac && err_has "warning: $D: (left alone|please verify)"
	[ ! -e $D ] && [ ! -L $D ] || fail "something is left in $D"
	for what in queue data; do
		if knows $what "$1"; then
			[ "$what" = data ] || [ ! -e /var/spool/postfix-m-4 ] ||
				fail "the queue is there"
			[ "$what" = queue ] || [ ! -e /var/lib/postfix-m-4 ] ||
				fail "the data directory is there"
			continue
		fi
		err_has "warning: $D: of its queue and data directories those"
		if [ $what = queue ]; then
			at=/var/spool/postfix-m-4
		else
			at=/var/lib/postfix-m-4
		fi
		snapshot $at >/tmp/after.$what
		same "its $what directory" /tmp/before.$what /tmp/after.$what
		err_has "warning: $at: left alone, it may have been $D's: "
	done
	case $1 in
	queue) at=/var/spool/postfix-m-3 ;;
	data) at=/var/lib/postfix-m-3 ;;
	empty | truncated) at=/var/spool/postfix ;;
	*) at= ;;
	esac
	[ -z "$at" ] || err_has "warning: $at: left alone, it is not $D's alone"
	one_line "No instance named $D" root "$POSTMULTI" -i $D -e destroy
	quiet root "$POSTMULTI" -l
}

# What can be watched for being opened, and mustn't be.
watch() { # FILE: leaves WATCHER
	"$OPENED" "$1" >/tmp/opened 2>&1 &
	WATCHER=$!
	wait_for 5 grep -qx watching /tmp/opened || fail "$(cat /tmp/opened)"
}

watched() {
	kill "$WATCHER"
	wait "$WATCHER" 2>/dev/null
	sed 1d /tmp/opened
}

alone() { # KIND
	local f=$D/main.cf WATCHER=
	put_back
	damage "$1" $D
	case $1 in
	fifo | device) watch $f ;;
	dirfifo) watch $D ;;
	esac
	others_listed "$1"
	others_run "$1"
	others_alone
	explained "$1"
	refuses "$1"
	deported
	[ -z "$WATCHER" ] || is "opened" "$(watched)" ""
	destroyed "$1"
	# Whoever may remove it may also take it up again afterwards.
	damage_for_original "$1"
}

damage_for_original() {
	put_back
	damage "$1" $D
	as_original
}

watch_works() {
	put_back
	watch /etc/postfix-m-1/main.cf
	works bob "$POSTMULTI" -l
	[ -n "$(watched)" ] || fail "opening main.cf was not seen"
}

# --- three of ten -------------------------------------------------------------

three() { # KIND KIND KIND
	local a=/etc/postfix-m-2 b=/etc/postfix-m-5 c=/etc/postfix-m-9 user dir
	put_back
	damage "$1" $a
	damage "$2" $b
	damage "$3" $c
	set -- "$1" $a "$2" $b "$3" $c
	others '[259]' >/tmp/before
	for user in root alice; do
		lists $user "$@"
	done
	run alice "$POSTMULTI" -x /bin/sh -c 'echo $config_directory'
	warned "$@"
	out_is "$(without /tmp/healthy $a $b $c | awk '{ print $4 }')"
	quiet alice "$POSTMULTI" -i m-0 -p status
	quiet alice "$POSTMULTI" -i m-1 -e disable
	quiet alice "$POSTMULTI" -i m-1 -e enable
	quiet alice "$POSTMULTI" -I postfix-m-x -e create
	quiet alice "$POSTMULTI" -i m-x -e destroy
	for dir in $a $b $c; do
		works root "$POSTMULTI" -i $dir -e destroy
	done
	others '[259]' >/tmp/after
	same "the others" /tmp/before /tmp/after
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy |
		sed "s| $a||; s| $b||; s| $c||")"
	is "open records" "$(ls -A $RECORDS)" ""
	quiet root "$POSTMULTI" -l
}

all_threes() {
	local i
	for ((i = 0; i < ${#KINDS[@]}; i += 3)); do
		check "three of ten: ${KINDS[i]}, ${KINDS[i + 1]}, ${KINDS[i + 2]}" \
			three "${KINDS[@]:i:3}"
	done
}

up() { # NUMBER
	"$TOOLS/asuser" root postfix -c /etc/postfix-m-$1 status 2>/dev/null
}

# Really started and stopped, by a delegate and by root.
started() {
	local user
	put_back
	damage fifo /etc/postfix-m-2
	damage garbage /etc/postfix-m-5
	damage dupname /etc/postfix-m-9
	age_regular
	set -- fifo /etc/postfix-m-2 garbage /etc/postfix-m-5 \
		dupname /etc/postfix-m-9
	works root "$POSTMULTI" -i m-1 -p start
	up 0 && up 1 || fail "they should run"
	for user in alice root; do
		run $user "$POSTMULTI" -p stop
		is "exit status of stop" "$STATUS" 1
		is "named" "$(grep -c 'is damaged: ' /tmp/run.err)" 3
		! up 0 && ! up 1 || fail "still running"
		run $user "$POSTMULTI" -g lo -p start
		is "exit status of start" "$STATUS" 1
		is "named" "$(grep -c 'is damaged: ' /tmp/run.err)" 2
		up 0 && up 1 || fail "not started"
	done
	quiet alice "$POSTMULTI" -i m-1 -p stop
}

# --- what is reached by a link -------------------------------------------------

# Readable and so not damaged; but nobody edits what a link leads to, and who
# removes the instance removes the link.
link_to_file() { # TARGET
	local user
	put_back
	mv $D/main.cf "$1"
	ln -s "$1" $D/main.cf
	stat -c '%n %u %a %s %Y' "$1" >/tmp/before
	for user in root alice bob; do
		quiet $user "$POSTMULTI" -l
		out_is "$(cat /tmp/healthy)"
		quiet $user "$POSTMULTI" -x /bin/true
	done
	for words in "-e enable" "-G x -e assign"; do
		# shellcheck disable=SC2086
		one_line "$D/main.cf: not a regular file|Permission denied" \
			root "$POSTMULTI" -i m-4 $words
		[ -L $D/main.cf ] || fail "the link is gone"
		# shellcheck disable=SC2086
		one_line 'not: /etc/postfix-m-4' alice "$POSTMULTI" -i m-4 $words
	done
	for words in deport destroy; do
		one_line 'not: /etc/postfix-m-4' alice "$POSTMULTI" -i m-4 \
			-e $words
	done
	works root "$POSTMULTI" -i m-4 -e destroy
	stat -c '%n %u %a %s %Y' "$1" >/tmp/after
	same "what the link leads to" /tmp/before /tmp/after
	[ ! -e /var/spool/postfix-m-4 ] && [ ! -e /var/lib/postfix-m-4 ] ||
		fail "a directory is left"
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
	is "open records" "$(ls -A $RECORDS)" ""
}

# A link that isn't root's is followed by nobody with power.
foreign_link() { # ACTION
	put_back
	mv $D /srv/moved
	ln -s /srv/moved $D
	chown -h alice $D
	snapshot /srv/moved /var/spool/postfix-m-4 /var/lib/postfix-m-4 \
		>/tmp/before
	one_line 'symbolic link|not: /etc' root "$POSTMULTI" -i $D -e enable
	one_line 'not: /etc' alice "$POSTMULTI" -i $D -e deport
	works root "$POSTMULTI" -i $D -e "$1"
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
	is "open records" "$(ls -A $RECORDS)" ""
	[ "$1" = deport ] || err_has "warning: $D: left alone"
	[ -L $D ] || fail "the link is gone"
	snapshot /srv/moved /var/spool/postfix-m-4 /var/lib/postfix-m-4 \
		>/tmp/after
	same "what the link leads to" /tmp/before /tmp/after
}

# Root's own link is followed for root, as ever; it stays and is named.
roots_link() {
	put_back
	mv $D /srv/moved
	ln -s /srv/moved $D
	quiet root "$POSTMULTI" -l
	out_is "$(cat /tmp/healthy)"
	quiet root "$POSTMULTI" -i $D -e enable
	quiet root "$POSTMULTI" -i $D -e disable
	one_line "not: $D" alice "$POSTMULTI" -i m-4 -e enable
	works root "$POSTMULTI" -i $D -e destroy
	err_has "warning: $D: please verify"
	[ -L $D ] && [ -d /srv/moved ] && [ ! -e /srv/moved/main.cf ] &&
		[ ! -e /srv/moved/master.cf ] || fail "$(ls -l $D/ $D)"
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
}

# Not damaged to root, who can read it.
foreign_owner() {
	local user
	put_back
	chown daemon $D/main.cf
	chmod 600 $D/main.cf
	WHY[foreign]='open @/main\.cf: Permission denied'
	for user in alice bob; do
		lists $user foreign $D
		run $user "$POSTMULTI" -x /bin/sh -c 'echo $config_directory'
		warned foreign $D
		out_is "$(without /tmp/healthy $D | awk '{ print $4 }')"
	done
	quiet alice "$POSTMULTI" -i m-1 -e enable
	one_line 'only root may deport it' alice "$POSTMULTI" -i $D -e deport
	one_line 'only root may destroy it' carol "$POSTMULTI" -i $D -e destroy
	by_hand config op=config.deregister sel.inode=$D
	quiet root "$POSTMULTI" -l
	out_is "$(cat /tmp/healthy)"
	quiet root "$POSTMULTI" -i m-4 -e enable
	quiet root "$POSTMULTI" -i m-4 -e disable
	is "owner" "$(stat -c '%U %a' $D/main.cf)" "daemon 600"
	works root "$POSTMULTI" -i m-4 -e destroy
	[ ! -e $D ] && [ ! -e /var/spool/postfix-m-4 ] || fail "it is there"
}

# --- in conflict with another --------------------------------------------------

# The one whose queue is claimed runs: no reason to keep the claimant.
claims_running() { # ACTION
	put_back
	echo 'queue_directory = /var/spool/postfix-m-0' >>$D/main.cf
	works root "$POSTMULTI" -i $D -e "$1"
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
	up 0 || fail "not running any more"
	quiet alice "$POSTMULTI" -i m-0 -p status
}

# Enabled ones aren't removed, so it can be disabled although it is damaged.
conflict_enabled() {
	put_back
	echo 'data_directory = /var/lib/postfix-m-3' >>$D/main.cf
	echo 'multi_instance_enable = yes' >>$D/main.cf
	run root "$POSTMULTI" -i $D -e destroy
	is "exit status" "$STATUS" 1
	err_has 'Cannot remove enabled instances'
	works root "$POSTMULTI" -i $D -e disable
	works root "$POSTMULTI" -i $D -e destroy
	err_has "of its queue and data directories those"
	[ ! -e $D ] && [ ! -e /var/spool/postfix-m-4 ] || fail "it is there"
	[ -d /var/lib/postfix-m-3 ] && [ -d /var/lib/postfix-m-4 ] ||
		fail "a data directory is gone"
}

# By directory, who may do it to an instance of that name.
duplicate_deported() {
	put_back
	damage dupname $D
	one_line 'No instance named' bob "$POSTMULTI" -i postfix-m-4 -e deport
	works alice "$POSTMULTI" -i $D -e deport
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
	quiet alice "$POSTMULTI" -i m-3 -e enable
}

# --- the list ------------------------------------------------------------------

bad_entry() { # ENTRY REGEX-AS-SHOWN
	local user
	put_back
	sed -i "s|^\(multi_instance_directories = .*\) $D|\1 $1 $D|" \
		/etc/postfix/main.cf
	grep -q "m-3 $1 $D" /etc/postfix/main.cf || fail "no such entry"
	for user in root alice bob; do
		run $user "$POSTMULTI" -l
		is "exit status" "$STATUS" 1
		out_is "$(cat /tmp/healthy)"
		is "lines on stderr" "$(lines_of_err)" 1
		err_has "^postmulti: warning: instance $2 is damaged: \
multi_instance_directories: .*; mend multi_instance_directories in \
/etc/postfix/main.cf$"
		run $user "$POSTMULTI" -l -j
		is "exit status" "$STATUS" 1
		perl -MJSON::PP -ne 'my $o = decode_json($_);
			exists $o->{damaged} == ($. == 6) or die "line $.\n";
			END { $. == 12 or die "$. lines\n" }' <<<"$OUT" ||
			fail "not the JSON it should be"
	done
	others_change
	# A list with such an entry isn't written again.
	snapshot_all | grep -v '/pid/master\.pid' >/tmp/before
	for words in enable deport destroy; do
		run root "$POSTMULTI" -i "$1" -e $words
		is "exit status" "$STATUS" 1
		is "fatal lines" "$(grep -c ': fatal: ' /tmp/run.err)" 1
		err_has 'mend multi_instance_directories|No instance named'
	done
	one_line 'repair main\.cf first' root "$POSTMULTI" -i m-4 -e deport
	# Nor is anything begun that would end with it.
	for words in "-i m-4 -e destroy" "-I postfix-m-x -e create"; do
		# shellcheck disable=SC2086
		one_line 'repair main\.cf first' root "$POSTMULTI" $words
	done
	run root "$POSTMULTI" -i m-4 -e destroy --dry-run
	is "exit status of --dry-run" "$STATUS" 1
	err_has 'would be refused: .* repair main\.cf first|already in use by'
	snapshot_all | grep -v '/pid/master\.pid' >/tmp/after
	same "state after refusals" /tmp/before /tmp/after
	sed -i "s|^\(multi_instance_directories = .*\) $1 |\1 |" \
		/etc/postfix/main.cf
	quiet root "$POSTMULTI" -i m-4 -e deport
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
}

# As with Postfix's own: listed twice, both entries go together.
twice() {
	local line
	put_back
	sed -i "s|^\(multi_instance_directories = .*\)|\1 $D|" \
		/etc/postfix/main.cf
	quiet alice "$POSTMULTI" -l
	line=$(grep "$D\$" /tmp/healthy)
	out_is "$(cat /tmp/healthy; echo "$line")"
	age_regular
	quickly "$ORIGINAL" -l >/tmp/original 2>/dev/null ||
		fail "Postfix's own refuses"
	out_is "$(cat /tmp/original)"
	quiet alice "$POSTMULTI" -i m-4 -e enable
	quiet alice "$POSTMULTI" -i m-4 -e disable
	works root "$POSTMULTI" -i m-4 -e destroy
	is "the list" "$(listed)" "$(dirs_of /tmp/healthy | sed "s| $D||")"
	[ ! -e $D ] && [ ! -e /var/spool/postfix-m-4 ] || fail "it is there"
}

# --- the primary ----------------------------------------------------------------

primary() { # KIND REGEX
	local user words f=/etc/postfix/main.cf WATCHER=
	put_back
	case $1 in
	unreadable) chown daemon $f && chmod 600 $f ;;
	list) echo 'multi_instance_directories = $multi_instance_directories' \
		>>$f ;;
	*) damage "$1" /etc/postfix ;;
	esac
	[ ! -p $f ] || watch $f
	snapshot_all | grep -v 'postfix-m-0[ /]' >/tmp/before
	for user in root alice bob; do
		[ "$1/$user" != unreadable/root ] || continue
		for words in "-l" "-l -j" "-p status" "-x /bin/true" \
			"-i m-1 -e enable" "-i m-1 -G x -e assign" \
			"-I postfix-m-x -e create" "-i m-1 -e destroy" \
			"-i $D -e deport" "-e init"; do
			# shellcheck disable=SC2086
			one_line "$2" $user "$POSTMULTI" $words
		done
	done
	for words in config.enable config.deregister; do
		by_hand config op=$words sel.name=postfix-m-1
	done
	by_hand dirs op=dirs.clear sel.name=postfix-m-1
	by_hand exec op=exec.postfix command=status sel.name=postfix-m-1
	snapshot_all | grep -v 'postfix-m-0[ /]' >/tmp/after
	same "state with a damaged primary" /tmp/before /tmp/after
	[ -z "$WATCHER" ] || is "opened" "$(watched)" ""
	[ "$1" != unreadable ] || {
		quiet root "$POSTMULTI" -l
		out_is "$(cat /tmp/healthy)"
		quiet root "$POSTMULTI" -i m-1 -e disable
		is "owner" "$(stat -c '%U %a' $f)" "daemon 600"
	}
}

# An edit would put a file in the link's place, with the link's mode.
linked_primary() {
	put_back
	mv /etc/postfix/main.cf /etc/postfix/real.cf
	ln -s real.cf /etc/postfix/main.cf
	quiet root "$POSTMULTI" -l
	out_is "$(cat /tmp/healthy)"
	quiet root "$POSTMULTI" -i m-1 -e disable
	one_line 'main.cf: not a regular file' root "$POSTMULTI" -i m-4 -e deport
	[ -L /etc/postfix/main.cf ] || fail "the link is gone"
	is "owner and mode" "$(stat -c '%u %a' /etc/postfix/real.cf)" "0 644"
	rm /etc/postfix/real.cf
}

# --- all of them --------------------------------------------------------------

[ "${SUITE:-}" != original ] || {
	echo "SKIP: Postfix's own stops at the first damaged instance"
	exit 77
}
perl -MJSON::PP -e 1 2>/dev/null || {
	echo "SKIP: no JSON::PP"
	exit 77
}
install_suite
gpasswd -d bob postmulti >/dev/null && usermod -aG postmulti carol
install_policy <<-'EOT'
	permit alice manage,operate,deport prefix postfix-m-
	permit carol manage,operate,deport any
	deny carol manage,operate,deport instance postfix-m-4
EOT
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf
check "ten instances, one running" ten
check "what is opened is seen" watch_works
: >/tmp/original.status
for kind in "${KINDS[@]}"; do
	check "alone: $kind" alone "$kind"
done
all_threes
check "three of ten: started and stopped" started
check "main.cf is a link to a file elsewhere" link_to_file /srv/elsewhere.cf
check "main.cf is a link to a file beside it" link_to_file $D/real.cf
check "the directory is somebody's link: deport" foreign_link deport
check "the directory is somebody's link: destroy" foreign_link destroy
check "the directory is root's link" roots_link
check "main.cf is another user's and private" foreign_owner
check "a running one's queue is claimed: deport" claims_running deport
check "a running one's queue is claimed: destroy" claims_running destroy
check "in conflict and enabled: disabled, then destroyed" conflict_enabled
check "in conflict by name: deported by who may" duplicate_deported
check "listed: a relative path" bad_entry etc/postfix-m-r etc/postfix-m-r
check "listed: odd characters" bad_entry '/etc/postfix-{m}' \
	'/etc/postfix-\{m\}'
check "listed: a way up" bad_entry /etc/../etc/postfix-m-4 \
	/etc/\\.\\./etc/postfix-m-4
check "listed: a path too long" bad_entry "/$(printf %0300d 1)" '/0+/'
check "listed twice" twice
for kind in missing garbage fifo device directory dangling recursive; do
	check "the primary: $kind" primary $kind \
		'/etc/postfix/main\.cf[:0-9]*: '
done
check "the primary: unreadable" primary unreadable \
	'/etc/postfix/main\.cf: Permission denied'
check "the primary: a list that refers to itself" primary list \
	'/etc/postfix/main\.cf:[0-9:]* .*refers to itself'
check "the primary: main.cf is a link" linked_primary
put_back
echo "#: ${#KINDS[@]} kinds of damage; Postfix's own postmulti -l fails or" \
	"hangs with $(grep -vcx 0 /tmp/original.status) of them"
finish
