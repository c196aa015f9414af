#!/bin/bash
# Decisions: taken in the helper, from the kernel's uid, a fresh look-up of
# groups and the instance on disk; whatever the front-end or the caller says.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

frame() { # USER HELPER KEY=VALUE...; sets ERRNAME
	run "$1" "$TOOLS/frame" "$HELPERS/postmulti-$2" "${@:3}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	errname
}

errname() {
	ERRNAME=$(sed -n 's/^err //p' <<<"$OUT")
}

answer() { # REGEX USER HELPER KEY=VALUE...
	frame "${@:2}"
	grep -Eqx "$1" <<<"$ERRNAME" || fail "'${*:2}': should be $1"
}

permits() { # USER: what the first rule of every policy here is about
	answer OK "$1" config op=config.enable sel.name=postfix-one
	answer OK "$1" config op=config.disable sel.name=postfix-one
}

policy() { # lines on stdin
	rm -f /etc/postmulti/policy.d/*
	install_policy
}

# Two instances, one and two; two is in the group locked.
instances() {
	fresh
	works root "$POSTMULTI" -I postfix-one -e create
	works root "$POSTMULTI" -I postfix-two -G locked -e create
}

# Whoever looks whether it runs locks pid/master.pid; denials are counted.
state() {
	snapshot_all | grep -v -e /pid/master.pid -e /var/lib/postmulti/denials
}

untouched() { # COMMAND...
	state >/tmp/before
	"$@"
	state >/tmp/after
	same "state after $*" /tmp/before /tmp/after
}

# --- who asks -------------------------------------------------------------------

# Neither a field nor an unused byte says who is asking.
no_uid_field() {
	local field
	instances
	policy <<-'EOF'
		permit alice enable,disable instance postfix-one
		permit #0 enable,disable instance postfix-one
	EOF
	permits alice
	answer DENIED bob config op=config.enable sel.name=postfix-one
	grep -nE '^\s.*\b(uid|gid|pid|user|caller|permitted)\b.*;' \
		libcommon/proto.h && fail "a frame has a field for that"
	# Wherever an id could be put: all must be zero.
	for field in unused=20001 unused=1 pad=1 index=20001 place=1 \
		command=20001 name=alice group=alice config=/etc/alice \
		queue=/var/alice data=/var/alice before.name=postfix-alice \
		before.dir=/alice sel.dir=/alice; do
		answer PROTOCOL bob config op=config.enable \
			sel.name=postfix-one "$field"
	done
	# The environment and names in argv are nobody's identity either.
	run bob env USER=alice LOGNAME=alice SUDO_UID=20001 UID=0 HOME=/root \
		"$TOOLS/frame" "$HELPERS/postmulti-config" \
		op=config.enable sel.name=postfix-one
	errname
	is "the answer with alice's environment" "$ERRNAME" DENIED
}

no_account() {
	instances
	policy <<-'EOF'
		permit #29999 enable,disable instance postfix-one
		permit alice enable,disable any
	EOF
	with_ids 29999 29999 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "by its number" "$ERRNAME" OK
	with_ids 29999 29999 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-two
	is "on another instance" "$ERRNAME" DENIED
	with_ids 29998 29998 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "another number" "$ERRNAME" DENIED
	# With alice's groups, whoever it is.
	with_ids 29998 20001 "20001 $(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "another number with alice's group" "$ERRNAME" DENIED
	# It could be anybody: a deny of somebody is a deny of it.
	echo "deny bob enable instance postfix-one" \
		>/etc/postmulti/policy.d/deny.conf
	with_ids 29999 29999 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "with a deny of a name" "$ERRNAME" DENIED
	with_ids 29999 29999 "$(gid postmulti)" config op=config.disable \
		sel.name=postfix-one
	is "with a deny of another action" "$ERRNAME" OK
}

# One uid, two names: only the first in the data base is ever seen.
two_names() {
	instances
	cp /etc/passwd /tmp/passwd
	cp /etc/group /tmp/group
	trap 'cp /tmp/passwd /etc/passwd; cp /tmp/group /etc/group' EXIT
	echo "twin:x:20001:20001::/home/alice:/bin/sh" >>/etc/passwd
	sed -i 's/^postmulti:.*/&,twin/' /etc/group
	policy <<-'EOF'
		permit twin enable,disable instance postfix-one
	EOF
	answer DENIED alice config op=config.enable sel.name=postfix-one
	answer DENIED twin config op=config.enable sel.name=postfix-one
	policy <<-'EOF'
		permit alice enable,disable instance postfix-one
	EOF
	permits alice
	permits twin
	policy <<-'EOF'
		permit #20001 enable,disable instance postfix-one
	EOF
	permits alice
	permits twin
	# A name that leads to another uid than it came from is no name.
	policy <<-'EOF'
		permit carol enable,disable instance postfix-one
		permit bob enable,disable instance postfix-one
		permit #20003 status any
	EOF
	usermod -aG postmulti carol
	permits carol
	sed -i 's/^carol:x:20003:/carol:x:20002:/; /^bob:/d' /etc/passwd
	echo "carol:x:20003:20003::/home/carol:/bin/sh" >>/etc/passwd
	with_ids 20003 20003 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "uid 20003, whose name is uid 20002's" "$ERRNAME" DENIED
	with_ids 20002 20002 "$(gid postmulti)" config op=config.enable \
		sel.name=postfix-one
	is "uid 20002, whose name is its own" "$ERRNAME" OK
}

# --- groups -----------------------------------------------------------------------

gid() {
	getent group "$1" | cut -d: -f3
}

# A frame from a process with exactly these ids, as no login gives them.
with_ids() { # UID GID "GROUPS" HELPER KEY=VALUE...; sets ERRNAME
	# Not by asuser, which needs a data base of users.
	RAN="uid $1, gid $2, groups $3: ${*:4}"
	# shellcheck disable=SC2016
	timeout -s KILL "$LIMIT" perl -e '
		my ($uid, $gid, $groups) = splice @ARGV, 0, 3;
		$! = 0; $) = "$gid $groups"; $! and die "setgroups: $!";
		$( = $gid; $! and die "setgid: $!";
		require POSIX;
		POSIX::setgid($gid); POSIX::setuid($uid);
		$< == $uid && $> == $uid && $( == $gid or die "ids";
		exec @ARGV or die "exec: $!";
	' "$1" "$2" "$3" "$TOOLS/frame" "$HELPERS/postmulti-$4" "${@:5}" \
		>/tmp/run.out 2>/tmp/run.err </dev/null
	STATUS=$?
	OUT=$(cat /tmp/run.out) ERR=$(cat /tmp/run.err)
	[ "$STATUS" = 0 ] || fail "frame failed"
	errname
}

groups_of_process() {
	local pm crew
	instances
	groupadd -f crew
	pm=$(gid postmulti) crew=$(gid crew)
	policy <<-'EOF'
		permit :crew enable,disable instance postfix-one
	EOF
	# Not a member, but the process has the group: started before the
	# removal, by sg(1) with a password, or by a stashed set-gid program.
	answer DENIED alice config op=config.enable sel.name=postfix-one
	with_ids 20001 20001 "$pm $crew" config op=config.enable \
		sel.name=postfix-one
	is "permit, a supplementary group kept" "$ERRNAME" DENIED
	with_ids 20001 "$crew" "$pm" config op=config.enable sel.name=postfix-one
	is "permit, the real gid kept" "$ERRNAME" DENIED
	# A member, but the process is older.
	gpasswd -a alice crew >/dev/null
	with_ids 20001 20001 "$pm" config op=config.enable sel.name=postfix-one
	is "permit, a new member" "$ERRNAME" OK
	policy <<-'EOF'
		permit alice enable,disable instance postfix-one
		deny :crew enable instance postfix-one
	EOF
	with_ids 20001 20001 "$pm" config op=config.enable sel.name=postfix-one
	is "deny, a member whose process is older" "$ERRNAME" DENIED
	gpasswd -d alice crew >/dev/null
	answer OK alice config op=config.enable sel.name=postfix-one
	with_ids 20001 20001 "$pm $crew" config op=config.enable \
		sel.name=postfix-one
	is "deny, a supplementary group kept" "$ERRNAME" DENIED
	with_ids 20001 "$crew" "$pm" config op=config.enable sel.name=postfix-one
	is "deny, the real gid kept" "$ERRNAME" DENIED
	sed "s/:crew/:#$crew/" /etc/postmulti/policy.d/test.conf >/tmp/p
	policy </tmp/p
	with_ids 20001 20001 "$pm $crew" config op=config.enable \
		sel.name=postfix-one
	is "deny by number, a supplementary group kept" "$ERRNAME" DENIED
}

# Made while bob was in the groups, used when he isn't any more.
stashed_gid() {
	instances
	groupadd -f crew
	policy <<-'EOF'
		permit :crew enable,disable instance postfix-one
	EOF
	for group in postmulti crew; do
		install -o bob -g $group -m 2755 "$TOOLS/frame" /home/bob/$group
	done
	chmod 755 /home/bob
	trap 'gpasswd -a bob postmulti >/dev/null; chmod 700 /home/bob' EXIT
	gpasswd -a bob crew >/dev/null
	permits bob
	gpasswd -d bob crew >/dev/null
	gpasswd -d bob postmulti >/dev/null
	# It does get him to the helper, and nothing further.
	run bob /home/bob/postmulti "$HELPERS/postmulti-config" \
		op=config.enable sel.name=postfix-one
	errname
	is "with the stashed group of the helpers" "$ERRNAME" DENIED
	run bob /home/bob/crew "$HELPERS/postmulti-config" \
		op=config.enable sel.name=postfix-one
	grep -q '^exit 126$' <<<"$OUT" || fail "it ran"
	gpasswd -a bob postmulti >/dev/null
	run bob /home/bob/crew "$HELPERS/postmulti-config" \
		op=config.enable sel.name=postfix-one
	errname
	is "with the stashed group of the rule" "$ERRNAME" DENIED
}

broken_service() { # LINE for nsswitch.conf
	sed -i "/^${1%%:*}:/d" /etc/nsswitch.conf
	echo "$1" >>/etc/nsswitch.conf
}

mend() {
	cp /tmp/nsswitch /etc/nsswitch.conf
	rm -rf /etc/group /etc/passwd
	cp /tmp/group /etc/group
	cp /tmp/passwd /etc/passwd
}

# Every way in which nobody can say who is in which group.
name_service() {
	local how what
	instances
	groupadd -f crew
	cp /etc/nsswitch.conf /tmp/nsswitch
	cp /etc/group /tmp/group
	cp /etc/passwd /tmp/passwd
	trap mend EXIT
	policy <<-'EOF'
		permit alice enable,disable instance postfix-one
		permit #20001 status instance postfix-one
		deny :crew stop any
	EOF
	for how in "broken_service 'group: nothere'" \
		"broken_service 'group:'" \
		"broken_service 'group: nothere [UNAVAIL=return] files'" \
		"rm /etc/group; mkdir /etc/group" "rm /etc/group" \
		": >/etc/group" "gid_gone crew"; do
		permits alice
		eval "$how"
		for what in enable disable; do
			with_ids 20001 20001 "$GID" config op=config.$what \
				sel.name=postfix-one
			is "$what after $how" "$ERRNAME" DENIED
			grep -q 'error .*crew' <<<"$OUT" || fail "doesn't say why"
		done
		mend
	done
	# Nobody has a name: only what is about the number goes on, and a deny
	# of somebody is a deny of everybody.
	policy <<-'EOF'
		permit alice enable,disable instance postfix-one
		permit #20001 enable,disable instance postfix-two
		permit :crew enable,disable instance postfix-one
	EOF
	gpasswd -a alice crew >/dev/null
	for how in "broken_service 'passwd: nothere'" "rm /etc/passwd" \
		"rm /etc/passwd; mkdir /etc/passwd" ": >/etc/passwd"; do
		eval "$how"
		with_ids 20001 20001 "$GID $(sed -n 's/^crew:x:\([0-9]*\).*/\1/p' \
			/tmp/group)" config op=config.enable sel.name=postfix-one
		is "without names, after $how" "$ERRNAME" DENIED
		mend
	done
	gpasswd -d alice crew >/dev/null
	policy <<-'EOF'
		permit #20001 enable,disable instance postfix-one
		deny bob stop any
	EOF
	permits alice
}

gid_gone() { # GROUP
	sed -i "/^$1:/d" /etc/group
}

# A deny by number needs the look-up as much as one by name.
name_service_numbers() {
	local crew
	instances
	groupadd -f crew
	gpasswd -a alice crew >/dev/null
	crew=$(gid crew)
	cp /etc/nsswitch.conf /tmp/nsswitch
	trap 'cp /tmp/nsswitch /etc/nsswitch.conf' EXIT
	policy <<-EOF
		permit alice enable,disable instance postfix-one
		deny :#$crew enable instance postfix-one
	EOF
	answer DENIED alice config op=config.enable sel.name=postfix-one
	broken_service "group: nothere"
	with_ids 20001 20001 "$GID" config op=config.enable sel.name=postfix-one
	[ "$ERRNAME" != OK ] || fail "permitted without a name service"
}

# --- the instance, as it is under the lock -----------------------------------------

set_param() { # INSTANCE-DIRECTORY PARAMETER VALUE: as an editor would
	sed -i "/^$2 *=/d" "/etc/$1/main.cf"
	[ -z "$3" ] || echo "$2 = $3" >>"/etc/$1/main.cf"
}

# What alice asks for waits for the lock while root does something.
while_waiting() { # "HELPER KEY=VALUE..." COMMAND...; sets ERRNAME
	local words logged lock
	read -ra words <<<"$1"
	shift
	exec {lock}<>/var/lib/postmulti/lock
	flock -x "$lock" || fail "no lock"
	logged=$(grep -c 'event=decided.*uid=20001' "$LOG")
	as alice "$TOOLS/frame" "$HELPERS/postmulti-${words[0]}" \
		"${words[@]:1}" >/tmp/late 2>&1 {lock}>&- &
	wait_for 10 more_decided "$logged" || fail "it doesn't wait"
	"$@"
	exec {lock}>&-
	wait $!
	OUT=$(cat /tmp/late) RAN="${words[*]}, meanwhile $*" STATUS=0 ERR=
	errname
}

more_decided() {
	[ "$(grep -c 'event=decided.*uid=20001' "$LOG")" -gt "$1" ]
}

enabled_is() { # DIRECTORY yes|no
	age
	is "multi_instance_enable of $1" \
		"$(postconf -c "/etc/$1" -h multi_instance_enable)" "$2"
}

swap_names() {
	set_param postfix-two multi_instance_group ""
	set_param postfix-one multi_instance_name postfix-two
	set_param postfix-two multi_instance_name postfix-one
}

changed_meanwhile() {
	local by="sel.name=postfix-one"
	local inode="sel.inode=/etc/postfix-one"
	policy <<-'EOF'
		permit alice enable,disable,destroy,assign instance postfix-one
		permit alice create instance postfix-new
		permit alice create group free
		deny alice enable,disable,destroy,assign,create group locked
	EOF
	instances
	while_waiting "config op=config.enable $by" true
	is "with nothing changed" "$ERRNAME" OK
	instances
	while_waiting "config op=config.enable $by" \
		set_param postfix-one multi_instance_name postfix-eins
	is "renamed, asked for by name" "$ERRNAME" NOTFOUND
	enabled_is postfix-one no
	instances
	while_waiting "config op=config.enable $inode" \
		set_param postfix-one multi_instance_name postfix-eins
	is "renamed, asked for by inode" "$ERRNAME" DENIED
	enabled_is postfix-one no
	for op in enable disable; do
		instances
		while_waiting "config op=config.$op $by" \
			set_param postfix-one multi_instance_group locked
		is "regrouped, $op" "$ERRNAME" DENIED
		enabled_is postfix-one no
	done
	instances
	while_waiting "config op=config.assign $by group=-" \
		set_param postfix-one multi_instance_group locked
	is "regrouped, assign" "$ERRNAME" DENIED
	instances
	while_waiting "dirs op=dirs.clear $by" \
		set_param postfix-one multi_instance_group locked
	is "regrouped, destroy" "$ERRNAME" DENIED
	[ -d /var/spool/postfix-one ] || fail "the queue is gone"
	instances
	while_waiting "config op=config.enable $by" swap_names
	is "another one has the name now" "$ERRNAME" BUSY
	enabled_is postfix-one no
	enabled_is postfix-two no
	instances
	set_param postfix-one multi_instance_enable yes
	while_waiting "config op=config.disable $by" rm /etc/postfix-one/main.cf
	[ "$ERRNAME" != OK ] || fail "without a main.cf"
	instances
	while_waiting "dirs op=dirs.make name=postfix-new" \
		set_param postfix-two multi_instance_name postfix-new
	is "the name was taken meanwhile" "$ERRNAME" CONFLICT
	[ ! -e /etc/postfix-new ] || fail "something was made"
	instances
	while_waiting "dirs op=dirs.make name=postfix-new" \
		install -d -m 755 /etc/postfix-new
	is "the directory was made meanwhile" "$ERRNAME" CONFLICT
	[ ! -e /var/spool/postfix-new ] || fail "something was made"
	rmdir /etc/postfix-new
}

more_policy() { # NAME RULE
	echo "$2" >"/etc/postmulti/policy.d/$1.conf"
	chmod 644 "/etc/postmulti/policy.d/$1.conf"
}

# What counts is the policy once the lock is held, too.
policy_meanwhile() {
	local by="config op=config.enable sel.name=postfix-one"
	local yes="permit alice enable,disable,create instance postfix-one"
	instances
	groupadd -f crew
	policy <<<"$yes"
	while_waiting "$by" more_policy a "deny alice enable any"
	is "denied meanwhile" "$ERRNAME" DENIED
	out_has '^error refused by .*/a.conf:1'
	policy <<<"$yes"
	while_waiting "$by" rm /etc/postmulti/policy.d/test.conf
	is "not permitted any more" "$ERRNAME" DENIED
	policy <<<"$yes"
	while_waiting "$by" more_policy a "deny bob stop anything"
	is "an error meanwhile" "$ERRNAME" SYNTAX
	# The second line says what it is about as the first one does.
	grep 'event=done.*uid=20001' "$LOG" | tail -n 1 |
		grep -q ' action=enable instance=postfix-one .*result=failed' ||
		fail "the last line doesn't say what"
	# A group that nobody has looked up is nobody's to decide about.
	policy <<<"$yes"
	while_waiting "$by" more_policy a "deny :crew enable any"
	is "a new group meanwhile" "$ERRNAME" BUSY
	policy <<<"$yes"
	while_waiting "$by" chmod 666 /etc/postmulti/policy.d/test.conf
	is "writable by all meanwhile" "$ERRNAME" UNTRUSTED
	enabled_is postfix-one no
	policy <<<"$yes"
	while_waiting "$by" more_policy a "permit bob status any"
	is "what isn't about her" "$ERRNAME" OK
}

# Both may create it: whoever began goes on with it, and nobody else.
of_another() {
	local step
	instances
	policy <<-'EOF'
		permit alice create,import,destroy prefix postfix-n
		permit bob create,import,destroy prefix postfix-n
	EOF
	answer OK alice dirs op=dirs.make name=postfix-new
	for step in "dirs op=dirs.make" "config op=config.install" \
		"config op=config.register"; do
		# shellcheck disable=SC2086
		untouched answer CONFLICT bob $step name=postfix-new
		out_has '^error .*create was begun by uid 20001'
	done
	untouched answer 'NOTFOUND|CONFLICT' bob dirs op=dirs.clear \
		sel.name=postfix-new
	untouched answer 'NOTFOUND|CONFLICT' bob dirs op=dirs.repair \
		name=postfix-new
	answer OK alice config op=config.install name=postfix-new
	untouched answer CONFLICT bob config op=config.register name=postfix-new
	answer OK alice config op=config.register name=postfix-new
	# Once it is there it is as much hers as his.
	answer OK bob dirs op=dirs.clear sel.name=postfix-new
}

# Changes one's group between a check's first decision and root; false when it
# came too early or too late for that.  Its judge isn't delayed.
regroup_in_between() {
	local changed began
	instances
	cat >/tmp/slow <<-EOF
		#!/bin/sh
		exec strace -qq -ttt -u alice -e trace=setresuid -o /tmp/trace \
			-e inject=setresuid:delay_enter=1500000 \
			$HELPERS/postmulti-exec
	EOF
	chmod 755 /tmp/slow
	timeout -s KILL "$LIMIT" "$TOOLS/frame" /tmp/slow op=exec.postfix \
		sel.name=postfix-one command=check >/tmp/late 2>&1 &
	sleep 0.5
	set_param postfix-one multi_instance_group locked
	changed=${EPOCHREALTIME/./}
	wait $!
	OUT=$(cat /tmp/late) RAN="delayed check" STATUS=0 ERR=
	errname
	began=$(sed -n 's/\([0-9]*\)\.\([0-9]*\) .*DELAYED.*/\1\2/p' /tmp/trace)
	[ -n "$began" ] || fail "nothing was delayed"
	[ "$began" -lt "$changed" ] && [ "$changed" -lt $((began + 1400000)) ]
}

# postfix(1) is run without the lock: a caller who stops the helper before it
# is root, and goes on when the instance isn't the same, gains nothing.
changed_before_start() {
	instances
	policy <<-'EOF'
		permit alice check,status instance postfix-one
		deny alice check,status group locked
	EOF
	answer OK alice exec op=exec.postfix sel.name=postfix-one command=check
	wait_for 1 regroup_in_between || fail "no attempt came in time"
	is "regrouped before it began" "$ERRNAME" DENIED
}

# --- what a caller may not do to its own permissions -----------------------------

escape_deny() {
	instances
	policy <<-'EOF'
		permit alice manage,operate any
		deny alice stop group locked
		deny alice start instance postfix-one
	EOF
	untouched answer DENIED alice config op=config.assign \
		sel.name=postfix-two group=-
	untouched answer DENIED alice config op=config.assign \
		sel.name=postfix-two group=other
	untouched answer DENIED alice config op=config.assign \
		sel.name=postfix-two name=postfix-three group=-
	untouched answer DENIED alice config op=config.assign \
		sel.inode=/etc/postfix-two group=-
	untouched answer DENIED alice config op=config.assign \
		sel.name=postfix-one name=postfix-uno
	untouched answer DENIED alice config op=config.assign \
		sel.name=postfix-one group=locked
	# What changes no permission goes.
	answer OK alice config op=config.assign sel.name=postfix-one group=free
	answer OK alice config op=config.assign sel.name=postfix-two \
		name=postfix-deux
	refused alice "$POSTMULTI" -i deux -G - -e assign
	err_has 'locked|stop'
	err_has 'explain -G - alice assign postfix-deux$'
}

# Off the list and on again is no way round either.
deport_import() {
	instances
	policy <<-'EOF'
		permit alice deport,import,stop,status any
		deny alice stop group locked
	EOF
	answer DENIED alice exec op=exec.postfix sel.name=postfix-two command=stop
	frame alice config op=config.deregister sel.name=postfix-two
	if [ "$ERRNAME" = OK ]; then
		answer DENIED alice dirs op=dirs.repair name=postfix-two group=-
		answer DENIED alice dirs op=dirs.repair name=postfix-two group=x
	fi
	answer 'DENIED|NOTFOUND' alice exec op=exec.postfix \
		sel.name=postfix-two command=stop
}

# --- what a frame may hold -----------------------------------------------------------

hex() { # TEXT
	printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}

# Each of the 256 bytes in the middle of each text: one asuser for all.
every_byte() { # HELPER FIELD ALLOWED KEY=VALUE...
	local helper=$1 field=$2 allowed=$3 n=0 byte c got
	shift 3
	# shellcheck disable=SC2016
	LIMIT=240 run alice bash -c 'for ((i = 0; i < 256; i++)); do
		printf "%d " $i
		"$1" "$2" "hex.$3=$(printf "%s%02x%s" "$4" $i "$5")" "${@:6}" |
			sed -n "/^none/p; s/^err //p"
	done' - "$TOOLS/frame" "$HELPERS/postmulti-$helper" "$field" \
		"$(hex postfix-zz)" "$(hex zz)" "$@"
	while read -r byte got; do
		n=$((n + 1))
		# shellcheck disable=SC2059
		c=$(printf "\\x$(printf %x "$byte")" | tr -d '\0')
		if [ -n "$c" ] && [[ $c = [A-Za-z0-9] || $allowed = *"$c"* ]]; then
			[[ $got =~ ^(DENIED|NOTFOUND)$ ]] ||
				fail "byte $byte in $field: $got"
		else
			is "the answer to byte $byte in $field" "$got" PROTOCOL
		fi
	done <<<"$OUT"
	is "answers" $n 256
}

all_bytes() {
	local step field
	instances
	policy <<-'EOF'
		permit alice status instance postfix-one
	EOF
	for step in dirs.make dirs.repair config.install config.register; do
		untouched every_byte ${step%.*} name ._- op=$step
		untouched every_byte ${step%.*} group ._- op=$step \
			name=postfix-zz
	done
	for field in name group; do
		untouched every_byte config $field ._- op=config.assign \
			sel.name=postfix-one
	done
	# Root may have given an existing one any of postconf(5)'s characters.
	untouched every_byte config sel.name '!@%-_=+:.' op=config.enable
	untouched every_byte config before.name '!@%-_=+:.' op=config.register \
		name=postfix-zz place=2
}

odd_names() {
	local name
	instances
	policy <<-'EOF'
		permit alice manage prefix postfix-o
	EOF
	for name in . .. postfix- postfix postfix-/ one /etc/postfix-one \
		Postfix-one " postfix-one" "postfix-one " POSTFIX-ONE \
		postfix-../postfix-one "$(printf 'postfix-o%0119d' 0)" \
		"$(printf 'postfix-o%0250d' 0)"; do
		[ ${#name} -le 128 ] || continue
		answer 'PROTOCOL|DENIED|NOTFOUND' alice dirs op=dirs.make \
			"name=$name"
		answer 'PROTOCOL|DENIED|NOTFOUND' alice config op=config.assign \
			sel.name=postfix-one "name=$name"
		answer 'PROTOCOL|DENIED|NOTFOUND' alice config op=config.enable \
			"sel.name=$name"
	done
	# A new instance without a name has nowhere to be.
	answer 'PROTOCOL|DENIED|SYNTAX' alice dirs op=dirs.make
	answer 'PROTOCOL|DENIED|SYNTAX' alice dirs op=dirs.make name=-
	answer 'PROTOCOL|DENIED|SYNTAX' alice dirs op=dirs.repair
	answer 'PROTOCOL|DENIED|SYNTAX' alice dirs op=dirs.repair name=-
}

no_directories() {
	local kind field op
	ln -sfn /etc /home/alice/link
	for kind in / /etc /etc/postfix /etc/postfix-new /etc/postfix-one \
		/nowhere /home/alice /home/alice/link /etc/../etc/postfix-new \
		// . .. etc/postfix-new "/etc/postfix new" /dev/null \
		/proc/self/fd /etc/postfix-new/ "/$(printf '%0200d' 0)"; do
		for field in config queue data; do
			for op in dirs.make dirs.repair; do
				answer PROTOCOL alice dirs op=$op \
					name=postfix-new "$field=$kind"
			done
			for op in config.install config.register; do
				answer PROTOCOL alice config op=$op \
					name=postfix-new "$field=$kind"
			done
		done
		answer PROTOCOL alice config op=config.enable "sel.dir=$kind"
		answer PROTOCOL alice dirs op=dirs.clear "sel.dir=$kind"
		answer PROTOCOL alice exec op=exec.postfix command=status \
			"sel.dir=$kind"
		answer PROTOCOL alice config op=config.register place=2 \
			name=postfix-new "before.dir=$kind"
	done
	for field in config queue data; do
		refused alice "$POSTMULTI" -I postfix-new -e create \
			${field}_directory=/var/new
	done
}

directories() {
	instances
	policy <<-'EOF'
		permit alice manage,operate,import,deport any
	EOF
	untouched no_directories
	[ ! -e /etc/postfix-new ] || fail "something was made"
	# With none at all, it is the primary's siblings.
	answer OK alice dirs op=dirs.make name=postfix-new
	[ -d /etc/postfix-new ] && [ -d /var/spool/postfix-new ] &&
		[ -d /var/lib/postfix-new ] || fail "not the siblings"
}

install_suite
GID=$(gid postmulti)
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "nothing in a frame claims a uid" no_uid_field
check "a uid without an account" no_account
check "two names for one uid, one name for two" two_names
check "groups: fresh for permit, fresh or the kernel's for deny" \
	groups_of_process
check "a stashed set-gid program gains nothing" stashed_gid
check "a name service that can't answer" name_service
check "a name service that can't answer, and a deny by number" \
	name_service_numbers
check "renamed or regrouped between the check and the lock" changed_meanwhile
check "a policy that is changed between the check and the lock" policy_meanwhile
check "what one began another can't go on with" of_another
check "regrouped between the check and postfix(1)" changed_before_start
check "nobody escapes a deny by a new name or group" escape_deny
check "nor by deport and import" deport_import
check "every byte in every name" all_bytes
check "names that aren't one" odd_names
check "delegates have no directory arguments" directories
finish
