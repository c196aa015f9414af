#!/bin/bash
# postmulti-policy: check, explain, list.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

TOOL=/usr/local/sbin/postmulti-policy
D=/etc/postmulti/policy.d

policy() { # lines on stdin
	rm -rf $D
	install_policy
}

fails() { # USER ARGUMENT...: exit status 1, and soon
	LIMIT=10 run "$1" $TOOL "${@:2}"
	is "exit status" "$STATUS" 1
}

candidate() { # lines on stdin, alice's own file
	cat >/tmp/desk.conf
	chmod 644 /tmp/desk.conf
	chown alice: /tmp/desk.conf
}

warns() { # REGEX: of alice's candidate, which is correct but for that
	works alice $TOOL check /tmp/desk.conf
	err_has "$1"
}

silent() { # about everything but the file's owner
	works alice $TOOL check /tmp/desk.conf
	is "warnings" "$(grep -cv 'not owned by root\|owned by uid' \
		<<<"$ERR")" 0
}

# --- check -----------------------------------------------------------------------

# The mark stands below the word, tabs or not.
error_at() { # LINE COLUMN WORD
	local caret source
	fails alice check /tmp/desk.conf
	err_has "^/tmp/desk.conf:$1:$2: "
	source=$(tail -n 2 <<<"$ERR" | head -n 1)
	caret=$(tail -n 1 <<<"$ERR")
	is "the line shown" "$source" "$(sed -n "$1p" /tmp/desk.conf)"
	is "the mark" "${caret//[$' \t']/}" ^
	is "the mark's column" ${#caret} "$2"
	[ -z "$3" ] || is "what is marked" "${source:$((${#caret} - 1)):${#3}}" "$3"
	is "tabs before the mark" "${caret//[^$'\t']/}" \
		"$(head -c "$(($2 - 1))" <<<"$source" | tr -dc '\t')"
}

places() {
	candidate <<<"permit alice everything any"
	error_at 1 14 everything
	candidate <<-'EOF'
		# a desk
		permit	:desk	restart	anything
	EOF
	error_at 2 22 anything
	candidate <<<"permit alice start,stpo any"
	error_at 1 20 stpo
	candidate <<<"permit alice start"
	error_at 1 19 ""
	candidate <<<"permit alice start any limit 5"
	error_at 1 24 limit
	# Several files are one policy.
	candidate <<<"audit required"
	cp /tmp/desk.conf /tmp/more.conf
	chmod 644 /tmp/more.conf
	fails alice check /tmp/desk.conf /tmp/more.conf
	err_has '^/tmp/more.conf:1:1: '
	# A line of a thousand characters: no mark below what isn't shown.
	{
		printf 'permit alice start any %0600d\n' 7
	} | candidate
	fails alice check /tmp/desk.conf
	err_has '^/tmp/desk.conf:1:24: '
	printf 'permit alice start any\x1b]0;x\x07\n' | candidate
	fails alice check /tmp/desk.conf
	err_has '^/tmp/desk.conf:1:23: .*0x1b'
	[[ $ERR != *$'\e'* && $ERR != *$'\a'* ]] || fail "control characters"
}

warnings() {
	groupadd -f desk
	candidate <<<"permit :desk restart any"
	silent
	candidate <<<"permit nobodyatall start any"
	warns '^/tmp/desk.conf:1: warning: .*no user "nobodyatall"'
	candidate <<<"permit #54321 start any"
	warns '^/tmp/desk.conf:1: warning: .*uid 54321'
	candidate <<<"permit :nosuchgroup start any"
	warns '^/tmp/desk.conf:1: warning: .*"nosuchgroup" doesn.t exist'
	candidate <<<"deny :nosuchgroup start any"
	fails alice check /tmp/desk.conf
	err_has '^/tmp/desk.conf:1: .*"nosuchgroup" doesn.t exist'
	trap 'sed -i /^twin:/d /etc/passwd' EXIT
	echo "twin:x:20001:20001::/home/alice:/bin/sh" >>/etc/passwd
	candidate <<<"permit twin start any"
	warns '^/tmp/desk.conf:1: warning: .*"twin".*"alice".*#20001'
	candidate <<<"permit alice start any"
	warns '^/tmp/desk.conf:1: warning: .*"alice".*"twin".*#20001'
}

# Each rule that nothing can come of, and its nearest neighbour.
never() {
	local permit deny gid
	gid=$(getent group desk | cut -d: -f3)
	while IFS='|' read -r permit deny; do
		printf '%s\n' "$permit" "${deny//;/$'\n'}" |
			sed "s/GID/$gid/" | candidate
		warns '^/tmp/desk.conf:1: warning: .*never match'
	done <<-'EOF'
		permit alice start any|deny alice start any
		permit alice start any|deny alice start,stop any
		permit alice start,stop any|deny alice start any;deny alice stop any
		permit alice start instance postfix-a|deny alice start any
		permit alice start group mta|deny alice start any
		permit alice start prefix postfix-ab|deny alice start prefix postfix-a
		permit alice start instance postfix-ab|deny alice start prefix postfix-a
		permit alice start instance postfix-a|deny alice start instance postfix-a
		permit alice start group mta|deny alice start group mta
		permit alice start primary|deny alice start primary
		permit alice start any|deny #20001 start any
		permit #20001 start any|deny alice start any
		permit :desk start any|deny :desk start any
		permit :desk start any|deny :#GID start any
		permit :#GID start any|deny :desk start any
		permit alice operate any|deny alice restart any;deny alice flush any
		permit root start any|
		permit #0 start any|
		deny root stop any|
		permit alice create,import primary|
		permit alice destroy primary|
		deny alice deport,create primary|
	EOF
	while IFS='|' read -r permit deny; do
		printf '%s\n' "$permit" "${deny//;/$'\n'}" | candidate
		silent
	done <<-'EOF'
		permit alice start any|deny bob start any
		permit alice start,stop any|deny alice start any
		permit alice start primary|deny alice start any
		permit alice start any|deny alice start primary
		permit alice start any|deny alice start instance postfix-a
		permit alice start prefix postfix-a|deny alice start prefix postfix-ab
		permit alice start prefix postfix-a|deny alice start instance postfix-a
		permit alice start group mta|deny alice start group msa
		permit alice start group mta|deny alice start prefix postfix-a
		permit alice start any|deny :desk start any
		permit :desk start any|deny alice start any
		permit alice create,start primary|
		permit :#0 start any|
		permit alice assign,enable primary|
	EOF
}

rejected_files() {
	candidate <<<"permit alice start any"
	warns '/tmp/desk.conf.*reject'
	chown root: /tmp/desk.conf
	works alice $TOOL check /tmp/desk.conf
	err_empty
	out_is "1 rule in 1 file"
	chmod 666 /tmp/desk.conf
	warns '/tmp/desk.conf.*reject'
	chmod 660 /tmp/desk.conf
	fails alice check /tmp/desk.conf
	err_has 'Permission denied'
	works root $TOOL check /tmp/desk.conf
	err_has '/tmp/desk.conf.*reject'
	# Where it is in force it is an error.
	policy <<<"permit alice start any"
	works root $TOOL check
	out_is "1 rule in 2 files"
	chmod 664 $D/test.conf
	fails root check
	err_has "$D/test.conf"
	chmod 644 $D/test.conf
	chown alice $D/test.conf
	fails root check
	err_has "$D/test.conf"
	# And as nobody else can read it, root learns what to do.
	chown root:root $D/test.conf
	chmod 600 $D/test.conf
	fails root check
	err_has "$D/test.conf.*Permission denied"
	err_has 'postmulti.*0644|0644.*postmulti'
	chmod 640 $D/test.conf
	chgrp postmulti $D/test.conf
	works root $TOOL check
	works alice $TOOL check
	fails carol check
	chmod 644 $D/test.conf
	rm -rf /etc/postmulti.not
	mv /etc/postmulti /etc/postmulti.not
	works root $TOOL check
	out_has 'only root'
	mv /etc/postmulti.not /etc/postmulti
}

# Whatever lies there, root's answer comes at once.
hostile() {
	local what
	rm -rf /tmp/bad
	mkdir -m 755 /tmp/bad
	mkfifo /tmp/bad/fifo
	mknod -m 666 /tmp/bad/zero c 1 5
	ln -s /tmp/bad/fifo /tmp/bad/link
	ln -s loop /tmp/bad/loop
	truncate -s 1T /tmp/bad/sparse || truncate -s 1G /tmp/bad/sparse
	head -c 300000 /dev/urandom >/tmp/bad/random
	head -c 1000 /dev/zero >/tmp/bad/nul
	perl -e 'use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0);
		bind(S, sockaddr_un("/tmp/bad/socket")) or die'
	yes 'permit alice start any' | head -n 1025 >/tmp/bad/rules
	for what in /tmp/bad/* /tmp/bad /tmp/bad/nothing /proc/kmsg \
		/proc/self/mem /dev/tty; do
		fails root check "$what"
		[ -n "$ERR" ] || fail "no word about $what"
		[ "$(wc -c <<<"$ERR")" -lt 1000 ] || fail "too many words"
	done
	for what in fifo zero link loop sparse random nul socket rules; do
		policy <<<"permit alice start any"
		cp -a "/tmp/bad/$what" $D/bad.conf 2>/dev/null ||
			cp -a --sparse=always /tmp/bad/$what $D/bad.conf
		fails root check
		fails root explain alice start postfix-one
		fails alice list
		err_has "$D/bad.conf"
		rm $D/bad.conf
		rm -f /etc/postmulti/policy.conf.was
		mv /etc/postmulti/policy.conf /etc/postmulti/policy.conf.was
		cp -a "/tmp/bad/$what" /etc/postmulti/policy.conf
		fails root check
		err_has "/etc/postmulti/policy.conf"
		rm /etc/postmulti/policy.conf
		mv /etc/postmulti/policy.conf.was /etc/postmulti/policy.conf
	done
	policy <<<"permit alice start any"
	works root $TOOL check
}

# --- explain ----------------------------------------------------------------------

explains() { # USER "ARGUMENTS" EXPECTED-LINE
	local words
	read -ra words <<<"$2"
	run "$1" $TOOL explain "${words[@]}"
	out_is "$3"
	is "exit status" "$STATUS" "$([[ $3 = permitted* ]]; echo $?)"
}

explain() {
	local f=$D/test.conf who
	policy <<-'EOF'
		permit alice start,stop any
		# nothing here
		deny alice stop instance postfix-two
		permit bob status group mta
		permit :crew flush any
	EOF
	groupadd -f crew
	gpasswd -a alice crew >/dev/null
	for who in alice root; do
		explains $who "alice start postfix-one" "permitted: $f:1"
		explains $who "alice start one" "permitted: $f:1"
		explains $who "alice start /etc/postfix-one" "permitted: $f:1"
		explains $who "#20001 start postfix-one" "permitted: $f:1"
		explains $who "alice stop postfix-two" "denied: $f:3"
		explains $who "alice flush one" "permitted: $f:5"
		explains $who "alice status postfix-one" \
			"denied: no rule permits it"
		explains $who "alice start -" "denied: no rule permits it"
		explains $who "-G mta alice start postfix-not" "permitted: $f:1"
	done
	explains root "bob status postfix-two" "permitted: $f:4"
	explains root "bob status postfix-one" "denied: no rule permits it"
	explains root "carol start postfix-one" "denied: no rule permits it"
	explains root "root abort -" "permitted: root is never asked"
	explains bob "-G mta bob status postfix-new" "permitted: $f:4"
	explains bob "-G - bob status postfix-new" "denied: no rule permits it"
	for who in bob carol; do
		fails $who explain alice start postfix-one
		err_has 'only root may ask about others'
		[ -z "$OUT" ] || fail "it was told all the same"
		fails $who explain root start postfix-one
		err_has 'only root'
	done
	explains carol "carol start postfix-one" "denied: no rule permits it"
	gpasswd -d alice crew >/dev/null
	explains alice "alice flush one" "denied: no rule permits it"
	while IFS='|' read -r words what; do
		# shellcheck disable=SC2086
		fails root explain $words
		[ -z "$OUT" ] || fail "something on stdout"
		err_has "$what"
	done <<-'EOF'
		nobodyatall start one|there is no user "nobodyatall"
		#x start one|isn't a uid
		#4294967295 start one|isn't a uid
		#-1 start one|isn't a uid
		alice restart one|isn't an action
		alice init one|isn't an action
		alice /bin/sh one|isn't an action
		alice start postfix-nowhere|there is no instance
		alice start|usage
		alice start one two|usage
		-x alice start one|usage
	EOF
	explains root "#54321 start one" "denied: no rule permits it"
	err_has 'no account'
}

# What would come of it counts, as with the helpers.
explain_change() {
	local f=$D/test.conf words
	policy <<-'EOF'
		permit alice assign group mta
		permit alice assign,create,destroy prefix postfix-a
		permit alice create group mta
		permit alice import any
		permit carol start any
		permit :crew start any
		permit bob assign any
	EOF
	while IFS='|' read -r who words text; do
		explains $who "$words" "$text"
	done <<-EOF
		alice|alice assign two|permitted: $f:1
		alice|-G mta alice assign two|permitted: $f:1
		alice|-G - alice assign two|denied: no rule permits it
		alice|-G other alice assign two|denied: no rule permits it
		alice|-I postfix-three alice assign two|permitted: $f:1
		alice|-I postfix-a2 -G - alice assign two|denied: afterwards you might destroy "postfix-a2", which you may not now
		bob|bob assign one|permitted: $f:7
		bob|-I - bob assign one|permitted: $f:7
		bob|-I nine bob assign one|denied: others than root choose names of letters, digits, '.', '_' and '-' after 'postfix-', not "nine"
		bob|-I postfix-n+1 bob assign one|denied: others than root choose names of letters, digits, '.', '_' and '-' after 'postfix-', not "postfix-n+1"
		bob|-G n+1 bob assign one|denied: others than root choose groups of letters, digits, '.', '_' and '-', not "n+1"
		alice|alice create postfix-a!b|denied: others than root choose names of letters, digits, '.', '_' and '-' after 'postfix-', not "postfix-a!b"
		alice|-G x/y alice create postfix-ab|denied: others than root choose groups of letters, digits, '.', '_' and '-', not "x/y"
		alice|-G x/y alice import postfix-b|permitted: $f:4
		alice|-G mta alice create postfix-a3|permitted: $f:2
		alice|alice create postfix-two|denied: no rule permits it
		alice|alice create postfix-a1|permitted: $f:2
		root|carol start one|denied: $f:5 permits it, but carol isn't in group postmulti and can't run the helpers
		carol|carol start one|denied: $f:5 permits it, but carol isn't in group postmulti and can't run the helpers
		root|carol stop one|denied: no rule permits it
	EOF
	# The refusals that are new here are the helpers', too.
	refused alice "$POSTMULTI" -i two -G - -e assign
	refused alice "$POSTMULTI" -i two -G other -e assign
	err_has 'explain -G other alice assign postfix-two$'
	works alice "$POSTMULTI" -i two -I postfix-three -e assign
	works root "$POSTMULTI" -i three -I postfix-two -e assign
	refused alice "$POSTMULTI" -I postfix-a!b -e create
	refused bob "$POSTMULTI" -i one -G n+1 -e assign
	refused alice "$POSTMULTI" -I postfix-two -e create
	refused carol "$POSTMULTI" -i one -p start
	err_has 'only members of group postmulti'
	works carol $TOOL list
	err_has 'carol isn.t in group postmulti'
	out_has '^postfix-one .*start'
	# Removed from it, or not yet in it.
	gpasswd -d alice postmulti >/dev/null
	explains root "alice create postfix-a1" "denied: $f:2 permits it, but alice isn't in group postmulti and can't run the helpers"
	gpasswd -a alice postmulti >/dev/null
	explains root "alice create postfix-a1" "permitted: $f:2"
	# Who gives the name up gives up what the name permits.
	policy <<-'EOF'
		permit alice assign prefix postfix-o
	EOF
	refused alice "$POSTMULTI" -i one -I - -e assign
	err_has 'explain -I - alice assign postfix-one$'
	explains alice "-I - alice assign postfix-one" \
		"denied: no rule permits it"
	# One that has the new name already counts as well.
	works root "$POSTMULTI" -I postfix-o2 -e create
	policy <<-'EOF'
		permit alice assign prefix postfix-o
		permit alice assign prefix postfix-o2 limit 1
	EOF
	refused alice "$POSTMULTI" -i one -I postfix-o2 -e assign
	run alice "$TOOLS/frame" "$HELPERS/postmulti-config" op=config.assign \
		sel.name=postfix-one name=postfix-o2
	out_has '^err DENIED'
	explains alice "-I postfix-o2 alice assign postfix-one" \
		"denied: $f:2 allows 1 instances whose names begin with postfix-o2, and there would be 2"
	works root "$POSTMULTI" -i o2 -e destroy
}

# The tool and the helpers say the same, denied or not.
same_as_helpers() {
	local op yes no=0 n=0
	policy <<-'EOF'
		permit alice operate any
		deny alice stop,check instance postfix-two
		permit alice abort group mta
	EOF
	for name in postfix-one postfix-two; do
		for op in flush check status abort drain; do
			n=$((n + 1))
			run alice $TOOL explain alice $op $name
			yes=$STATUS
			run alice "$TOOLS/frame" "$HELPERS/postmulti-exec" \
				op=exec.postfix sel.name=$name command=$op
			if [ "$yes" = 0 ]; then
				grep -q '^err DENIED' <<<"$OUT" && fail "$op $name"
			else
				no=$((no + 1))
				grep -q '^err DENIED' <<<"$OUT" || fail "$op $name"
			fi
		done
	done
	[ $no -gt 2 ] && [ $no -lt $n ] || fail "$no of $n"
}

# A refusal ends with the question that explains it; asked, it is answered.
hints() {
	local words hint
	policy <<-'EOF'
		permit alice create,assign prefix postfix-alice- limit 1
		permit alice check instance postfix-one
		permit bob status group mta
		deny alice abort any
	EOF
	works root "$POSTMULTI" -i one -e enable
	works root "$POSTMULTI" -i two -e enable
	works root "$POSTMULTI" -I postfix-three -e create
	works root "$POSTMULTI" -I postfix-complete -e create
	works root "$POSTMULTI" -i postfix-complete -e deport
	while read -r words; do
		# shellcheck disable=SC2086
		refused alice "$POSTMULTI" $words
		hint=$(sed -n 's/.*; see: \(postmulti-policy explain .*\)$/\1/p' \
			<<<"$ERR" | tail -n 1)
		[ -n "$hint" ] || fail "no hint"
		# shellcheck disable=SC2086
		run alice /usr/local/sbin/$hint
		out_has '^denied: '
	done <<-'EOF'
		-I postfix-new -e create
		-I postfix-alice-2 -G mta -e create
		-i postfix-two -e enable
		-i postfix-two -e disable
		-i postfix-three -e deport
		-i postfix-three -e destroy
		-i postfix-one -G mta -e assign
		-i postfix-one -I postfix-nine -e assign
		-I postfix-complete -e import
		-i one -p stop
		-i one -p abort
		-i two -p check
		-i one -p drain
		-i - -p status
		-i - -e disable
	EOF
	works alice "$POSTMULTI" -I postfix-alice-1 -e create
	# By what no rule says alone: a limit, and what would come of it.
	while IFS=: read -r words hint; do
		# shellcheck disable=SC2086
		refused alice "$POSTMULTI" $words
		err_has "see: postmulti-policy explain $hint\$"
		# shellcheck disable=SC2086
		run alice "$TOOL" explain $hint
		out_has '^denied: '
	done <<-'EOF'
		-I postfix-alice-2 -e create:alice create postfix-alice-2
		-I postfix-alice-2 -G mta -e create:-G mta alice create postfix-alice-2
		-i alice-1 -G mta -e assign:-G mta alice assign postfix-alice-1
		-i alice-1 -I postfix-nine -e assign:-I postfix-nine alice assign postfix-alice-1
	EOF
	run alice "$TOOL" explain -I postfix-alice-9 alice assign postfix-alice-1
	out_has '^permitted: '
	works root "$POSTMULTI" -i alice-1 -e destroy
	# Of many each has its own.
	run alice "$POSTMULTI" -a -p status
	is "hints" "$(grep -c 'see: postmulti-policy explain alice status' \
		<<<"$ERR")" 4
	works root "$POSTMULTI" -i one -e disable
	works root "$POSTMULTI" -i two -e disable
	works root "$POSTMULTI" -i three -e destroy
}

# --- list -----------------------------------------------------------------------

# shellcheck disable=SC2016
JSON='
	use JSON::PP;
	my $n = 0;
	while (my $line = <STDIN>) {
		my $row = decode_json($line);
		my @keys = sort keys %$row;
		"@keys" eq "actions config_directory group name" or
		    "@keys" eq "actions prefix" ||
		    "@keys" eq "actions instance" or die "keys: @keys";
		ref $row->{actions} eq "ARRAY" && @{$row->{actions}} or
		    die "actions: $line";
		my ($kind) = grep { defined $row->{$_} } qw(name prefix instance);
		print join(" ", $kind, $row->{$kind},
		    $row->{group} // "", join(",", @{$row->{actions}})), "\n";
		$n++;
	}
'

list() {
	policy <<-'EOF'
		permit alice start,stop any
		deny alice stop instance postfix-two
		permit alice manage prefix postfix-alice- limit 5
		permit alice manage instance postfix-new
		permit alice create,enable instance postfix-one
		permit alice status primary
		permit bob status group mta
	EOF
	works alice $TOOL list
	is "the list" "$(sed 's/  */ /g' <<<"$OUT")" "- - status
postfix-one - create,enable,start,stop
postfix-two mta start
postfix-alice-... - create
postfix-new - create"
	works alice $TOOL list --json
	perl -e "$JSON" <<<"$OUT" >/tmp/rows || fail "not JSON"
	is "the rows" "$(cat /tmp/rows)" "name - - status
name postfix-one - create,enable,start,stop
name postfix-two mta start
prefix postfix-alice-  create
instance postfix-new  create"
	works bob $TOOL list --json
	is "bob's rows" "$(perl -e "$JSON" <<<"$OUT")" \
		"name postfix-two mta status"
	works carol $TOOL list --json
	out_is ""
	works root $TOOL list --json
	is "root's rows" "$(perl -e "$JSON" <<<"$OUT" | cut -d, -f1)" \
		"name - - create
name postfix-one - create
name postfix-two mta create"
	fails alice list more
	fails alice list --xml
}

# What stands in main.cf files of others is text, whatever it is.
hostile_list() {
	local value
	policy <<<"permit alice start any"
	cp -p /etc/postfix-two/main.cf /tmp/two.cf
	trap 'cp -p /tmp/two.cf /etc/postfix-two/main.cf; fresh_two' EXIT
	for value in 'a"b' 'a\b' $'a\eb' $'a\xffb' '{"name":1}' 'a b' \
		"$(printf '%0500d' 1)"; do
		sed -i '/^multi_instance_group/d' /etc/postfix-two/main.cf
		printf 'multi_instance_group = %s\n' "$value" \
			>>/etc/postfix-two/main.cf
		for who in alice root; do
			LIMIT=10 run $who $TOOL list --json
			perl -e "$JSON" <<<"$OUT" >/tmp/rows || fail "not JSON"
			grep -q '^name postfix-one' /tmp/rows ||
				fail "the other instance isn't there"
			[[ $OUT != *$'\e'* ]] || fail "control characters"
		done
	done
	cp -p /tmp/two.cf /etc/postfix-two/main.cf
	mv /etc/postfix-two/main.cf /tmp/two.real
	for what in fifo sparse link loop zero; do
		rm -rf /etc/postfix-two/main.cf
		cp -a /tmp/bad/$what /etc/postfix-two/main.cf
		LIMIT=20 run root $TOOL list --json
		[ "$STATUS" -lt 2 ] || fail "it hangs or dies on a $what"
		perl -e "$JSON" <<<"$OUT" >/tmp/rows || fail "not JSON"
		LIMIT=20 run root $TOOL explain alice start postfix-one
		[ "$STATUS" -lt 2 ] || fail "it hangs or dies on a $what"
	done
}

fresh_two() {
	rm -rf /etc/postfix-two/main.cf
	cp -p /tmp/two.cf /etc/postfix-two/main.cf
}

install_suite
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf
works root "$POSTMULTI" -I postfix-one -e create
works root "$POSTMULTI" -I postfix-two -G mta -e create

check "check: file, line, column and a mark" places
check "check: users, groups and uids that don't exist or are shared" warnings
check "check: rules that can never match" never
check "check: files that the helpers reject" rejected_files
check "check: FIFO, device, huge, random: an answer at once" hostile
check "explain: for oneself, for others, and what it can't" explain
check "explain: what would come of it" explain_change
check "explain says what the helpers do" same_as_helpers
check "a refused command ends with the question to ask" hints
check "list: text and JSON" list
check "list: hostile instances" hostile_list
finish
