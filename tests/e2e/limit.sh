#!/bin/bash
# limit N counts under the lock, and what it refuses leaves no trace; which
# files on disk are the policy.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

MINE=postfix-alice-

frame() { # HELPER KEY=VALUE...: as alice; sets ERRNAME
	run alice "$TOOLS/frame" "$HELPERS/postmulti-$1" "${@:2}"
	[ "$STATUS" = 0 ] || fail "frame failed"
	ERRNAME=$(sed -n 's/^err //p' <<<"$OUT")
}

records() {
	find /var/lib/postmulti/records -type f | wc -l
}

# What exists of alice's, in any of the places where something could be left.
count_is() { # N
	local place
	for place in /etc /var/spool /var/lib; do
		is "directories in $place" \
			"$(find $place -maxdepth 1 -name "$MINE*" | wc -l)" "$1"
	done
}

listed_is() { # N
	age
	is "instances on the list" "$(postconf -h multi_instance_directories |
		tr ' ,' '\n' | grep -c "^/etc/$MINE")" "$1"
}

# 50 at once: whoever comes too late is told so, and has left nothing.
parallel() {
	local n pids=() ok=0 pid
	fresh
	for n in $(seq 50); do
		as alice "$POSTMULTI" --lock-timeout=60 -I $MINE$n -e create \
			>"/tmp/out.$n" 2>&1 </dev/null &
		pids+=($!)
	done
	n=0
	for pid in "${pids[@]}"; do
		n=$((n + 1))
		if wait "$pid"; then
			ok=$((ok + 1))
			[ -f /etc/$MINE$n/master.cf ] || fail "$n isn't there"
		else
			grep -q 'allows 5 instances' "/tmp/out.$n" ||
				fail "$n: $(cat "/tmp/out.$n")"
			grep -q 'explain alice create' "/tmp/out.$n" ||
				fail "$n: no hint: $(cat "/tmp/out.$n")"
			compgen -G "/*/$MINE$n" && fail "a part of $n is left"
		fi
	done
	is "creates that worked" $ok 5
	is "records" "$(records)" 0
	count_is 5
	listed_is 5
}

state() { # denials are counted
	snapshot_all | grep -v /var/lib/postmulti/denials
}

no_trace() {
	state >/tmp/before
	refused alice "$POSTMULTI" -I ${MINE}sixth -e create
	err_has 'test.conf:1 allows 5 .*would be 6; see: postmulti-policy explain alice create postfix-alice-sixth$'
	frame dirs op=dirs.make name=${MINE}sixth
	is "the answer" "$ERRNAME" DENIED
	frame config op=config.install name=${MINE}sixth
	[ "$ERRNAME" != OK ] || fail "installed without a record"
	frame config op=config.register name=${MINE}sixth
	[ "$ERRNAME" != OK ] || fail "registered without a record"
	state >/tmp/after
	same "a refused create left something" /tmp/before /tmp/after
}

# Never registered, the records alone fill the limit.
frames() {
	local n made=0
	fresh
	for n in $(seq 20); do
		frame dirs op=dirs.make name=$MINE$n
		case $ERRNAME in
		OK) made=$((made + 1)) ;;
		DENIED) ;;
		*) fail "neither made nor denied" ;;
		esac
	done
	is "makes that worked" $made 5
	is "records" "$(records)" 5
	count_is 5
	for n in 1 5; do # once more, what is under way, makes no more of it
		frame dirs op=dirs.make name=$MINE$n
		is "the same again" "$ERRNAME" OK
	done
	frame dirs op=dirs.make name=${MINE}3 group=x
	[ "$ERRNAME" != OK ] || fail "the group of a record was changed"
	is "records" "$(records)" 5
	works alice "$POSTMULTI" -I ${MINE}3 -e create
	is "records" "$(records)" 4
	frame dirs op=dirs.make name=${MINE}6
	is "one of the five finished, a sixth" "$ERRNAME" DENIED
	works alice "$POSTMULTI" -i ${MINE}3 -e destroy
	frame dirs op=dirs.make name=${MINE}6
	is "one destroyed, another" "$ERRNAME" OK
	count_is 5
}

frames_at_once() {
	local n pids=()
	fresh
	for n in $(seq 30); do
		as alice "$TOOLS/frame" "$HELPERS/postmulti-dirs" op=dirs.make \
			lock_timeout=60 name=$MINE$n >"/tmp/out.$n" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "makes that worked" "$(cat /tmp/out.* | grep -c '^err OK$')" 5
	is "makes that were denied" "$(cat /tmp/out.* | grep -c '^err DENIED$')" 25
	is "records" "$(records)" 5
	count_is 5
}

# Half destroyed is not gone.
half_destroyed() {
	local n
	fresh
	for n in 1 2 3 4 5; do
		works alice "$POSTMULTI" -I $MINE$n -e create
	done
	frame dirs op=dirs.clear sel.name=${MINE}2
	is "clear" "$ERRNAME" OK
	frame dirs op=dirs.make name=${MINE}6
	is "after clear" "$ERRNAME" DENIED
	frame config op=config.remove sel.name=${MINE}2
	is "remove" "$ERRNAME" OK
	frame dirs op=dirs.make name=${MINE}6
	is "after remove" "$ERRNAME" DENIED
	frame dirs op=dirs.finish sel.name=${MINE}2
	is "finish" "$ERRNAME" OK
	frame dirs op=dirs.make name=${MINE}6
	is "after finish" "$ERRNAME" OK
}

# By a new name, or from outside, is a way in as well.
other_ways_in() {
	local n
	fresh
	install_policy <<-'EOF'
		permit alice manage,import,deport prefix postfix-alice- limit 2
		permit alice create,assign instance postfix-other
	EOF
	trap policy EXIT
	for n in 1 2; do
		works alice "$POSTMULTI" -I $MINE$n -e create
	done
	works alice "$POSTMULTI" -I postfix-other -e create
	refused alice "$POSTMULTI" -i postfix-other -I ${MINE}3 -e assign
	frame config op=config.assign sel.name=postfix-other name=${MINE}3
	is "assign into the prefix" "$ERRNAME" DENIED
	works alice "$POSTMULTI" -i ${MINE}1 -e deport
	works alice "$POSTMULTI" -I ${MINE}3 -e create
	refused alice "$POSTMULTI" -I ${MINE}1 -e import \
		config_directory=/etc/${MINE}1
	frame dirs op=dirs.repair name=${MINE}1
	is "import into the prefix" "$ERRNAME" DENIED
	# Within the prefix a new name makes no more.
	works alice "$POSTMULTI" -i ${MINE}3 -I ${MINE}4 -e assign
	is "records" "$(records)" 0
	listed_is 2
}

policy() {
	rm -rf /etc/postmulti/policy.d
	install_policy <<-'EOF'
		permit alice manage,operate prefix postfix-alice- limit 5
	EOF
}

# --- files ---------------------------------------------------------------------

D=/etc/postmulti/policy.d

rule_is() { # FILE:LINE: what decides, for the helpers and for the tool
	frame config op=config.disable sel.name=postfix-one
	is "the answer" "$ERRNAME" OK
	is "the helper's rule" "$(sed -n 's/^rule //p' <<<"$OUT")" "$1"
	works root postmulti-policy explain alice disable postfix-one
	out_is "permitted: $1"
}

nobody() { # REGEX: an error, which names the file
	frame config op=config.disable sel.name=postfix-one
	[ "$ERRNAME" != OK ] || fail "permitted"
	grep -Eq "^error .*$1" <<<"$OUT" || fail "the helper should say: $1"
	run root postmulti-policy check
	is "the status of check" "$STATUS" 1
	err_has "$1"
	works root "$POSTMULTI" -i postfix-one -e disable
}

put() { # FILE TEXT
	echo "$2" >"$1"
	chmod 644 "$1"
}

files() {
	local yes="permit alice disable instance postfix-one" file
	fresh
	works root "$POSTMULTI" -I postfix-one -e create
	cp -p /etc/postmulti/policy.conf /tmp/sample
	trap 'cp -p /tmp/sample /etc/postmulti/policy.conf; policy' EXIT
	rm -rf $D
	install -d -m 755 $D
	for file in a.conf ab.conf B.conf 10.conf 9.conf; do
		put "$D/$file" "$yes"
	done
	# Bytes, neither numbers nor a locale's letters.
	rule_is $D/10.conf:1
	rm $D/10.conf
	rule_is $D/9.conf:1
	rm $D/9.conf
	rule_is $D/B.conf:1
	rm $D/B.conf
	rule_is $D/a.conf:1
	put /etc/postmulti/policy.conf "$yes"
	rule_is /etc/postmulti/policy.conf:1
	cp -p /tmp/sample /etc/postmulti/policy.conf
	rm $D/a.conf
	rule_is $D/ab.conf:1
	for file in .hidden.conf .conf x.conf~ x.conf.dpkg-new x.CONF conf \
		README x.conf.d; do
		put "$D/$file" "no policy at all"
	done
	ln -s /nowhere $D/dangling
	mkfifo $D/fifo
	rule_is $D/ab.conf:1
	works root postmulti-policy check
	out_is "1 rule in 2 files"
	rm /etc/postmulti/policy.conf
	works root postmulti-policy check
	out_is "1 rule in 1 file"
	cp -p /tmp/sample /etc/postmulti/policy.conf
}

all_or_nothing() {
	local yes="permit alice disable instance postfix-one"
	trap 'cp -p /tmp/sample /etc/postmulti/policy.conf; policy' EXIT
	rm -rf $D
	install -d -m 755 $D
	put $D/50.conf "$yes"
	rule_is $D/50.conf:1
	put $D/zz.conf "permit bob stop anything"
	nobody "$D/zz.conf:1:17: "
	put $D/zz.conf "audit required"
	put $D/00.conf "audit required"
	nobody "$D/zz.conf:1:1: "
	rm $D/00.conf
	rule_is $D/50.conf:1
	chmod 664 $D/zz.conf
	nobody $D/zz.conf
	chown alice $D/zz.conf
	chmod 644 $D/zz.conf
	nobody $D/zz.conf
	rm $D/zz.conf
	ln -s $D/50.conf $D/zz.conf
	nobody $D/zz.conf
	rm $D/zz.conf
	ln $D/50.conf $D/zz.conf
	nobody $D/50.conf
	rm $D/zz.conf
	mkfifo -m 644 $D/zz.conf
	nobody $D/zz.conf
	rm $D/zz.conf
	mkdir $D/zz.conf
	nobody $D/zz.conf
	rmdir $D/zz.conf
	mknod -m 644 $D/zz.conf c 1 3 2>/dev/null && nobody $D/zz.conf
	rm -f $D/zz.conf
	put "$D/z z.conf" ""
	nobody $D
	rm "$D/z z.conf"
	printf 'permit bob stop any' >$D/zz.conf
	nobody "$D/zz.conf:1:20: "
	yes '# a comment' | head -c 300000 >$D/zz.conf
	nobody $D/zz.conf
	rm $D/zz.conf
	chmod 775 $D
	nobody $D
	chmod 755 $D
	chmod 775 /etc/postmulti
	nobody /etc/postmulti
	chmod 755 /etc/postmulti
	rule_is $D/50.conf:1
	put /etc/postmulti/policy.conf "permit"
	nobody /etc/postmulti/policy.conf:1:7:
}

# Exchanged for another file while it is read, some 10,000 times a second: each
# answer is by one of the two as a whole.  Each file has more than one read
# takes, and its rule is the last line.
replaced() {
	local i ok=0 denied=0 pid yes
	trap 'kill $pid 2>/dev/null; rm -f $D/other; policy' EXIT
	rm -rf $D
	install -d -m 755 $D
	yes=$(printf 'permit bob stop instance postfix-%0.100d\n' {1..900})
	put $D/50.conf "$yes
permit alice disable instance postfix-one"
	put $D/other "${yes/permit bob/permit alice}
deny alice disable instance postfix-one"
	rule_is $D/50.conf:901
	rm -f /tmp/swaps
	"$SRC/$BUILD/tests/swapper" root 60 $D/50.conf $D/other >/tmp/swaps &
	pid=$!
	wait_for 20 [ -s /tmp/swaps ] || fail "nothing is exchanged"
	for ((i = 0; i < 100 || (ok * denied == 0 && i < 5000); i++)); do
		frame config op=config.disable sel.name=postfix-one
		case $ERRNAME in
		OK)
			ok=$((ok + 1))
			out_has "^rule $D/50.conf:901\$"
			;;
		DENIED)
			denied=$((denied + 1))
			out_has "^error .*50.conf:901"
			;;
		*) fail "neither" ;;
		esac
	done
	kill $pid
	wait $pid || fail "nothing was exchanged"
	[ $ok -gt 0 ] && [ $denied -gt 0 ] || fail "one-sided: $ok, $denied"
	echo "$(tail -n 1 /tmp/swaps) exchanges: $ok permitted, $denied denied" \
		>/tmp/note
}

install_suite
policy
works root "$POSTMULTI" -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "50 creates at once make exactly 5 and leave nothing of the others" \
	parallel
check "a refused create leaves no trace" no_trace
check "hand-written dirs.make frames make no sixth" frames
check "nor do 30 of them at once" frames_at_once
check "an instance counts until it is wholly destroyed" half_destroyed
check "assign and import are ways into a prefix too" other_ways_in
check "which files of policy.d are read, and in what order" files
check "an error in any file: nobody but root" all_or_nothing
check "a file that is replaced while it is read" replaced
[ ! -e /tmp/note ] || echo "#: policy replaced: $(cat /tmp/note)"
finish
