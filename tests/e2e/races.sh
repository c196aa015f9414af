#!/bin/bash
# Races played for real: while a step of root's or a delegate's is under way,
# whoever owns a directory on its path exchanges names there for links to what
# isn't theirs, some 100,000 times a second.  Whether the step then works or
# refuses is luck; that nothing outside was removed, chowned, chmodded or
# written isn't.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

ROUNDS=${ROUNDS:-20}
CONFIG=/etc/postfix-box QUEUE=/var/spool/postfix-box DATA=/var/lib/postfix-box
SWAPPER=$SRC/$BUILD/tests/swapper

# --- what must not change ----------------------------------------------------

# Root's, with all that the steps look for: names of queues, empty
# directories, sockets, FIFOs, files; and the same owned by the mail owner,
# where its own rights would do.
victims() {
	local at sub
	rm -rf /srv/root /srv/mail
	for at in /srv/root /srv/mail; do
		for sub in active deferred/A/B maildrop incoming pid private data; do
			mkdir -p $at/$sub/empty
			mkfifo $at/$sub/fifo
			echo precious >$at/$sub/file
			chmod 640 $at/$sub/file
		done
		touch $at/master.lock $at/prng_exch $at/pid/master.pid
	done
	chmod 700 /srv/root/active /srv/root/data
	chown -R postfix:postfix /srv/mail
	snapshot /srv/root /srv/mail >/tmp/victims
}

unharmed() {
	snapshot /srv/root /srv/mail >/tmp/victims.now
	same "the victims" /tmp/victims /tmp/victims.now
}

# --- the race ------------------------------------------------------------------

swaps=0 worked=0 refusals=0 pid=

# A pair of names is raced from here to settle; not in the first round (or
# rounds), which shows that without a race the step ends as it should.
race() { # USER A B...
	pid=
	[ "$i" -ge "${calm:-1}" ] || return 0
	rm -f /tmp/swaps
	"$SWAPPER" "$1" 30 "${@:2}" >/tmp/swaps &
	pid=$!
	wait_for 20 [ -s /tmp/swaps ] || fail "nothing is exchanged"
}

settle() {
	if [ -z "$pid" ]; then
		[ "${CALM:-0}" = any ] ||
			is "exit status without a race" "$STATUS" "${CALM:-0}"
		return
	fi
	kill "$pid"
	wait "$pid" || fail "nothing was exchanged"
	swaps=$((swaps + $(tail -n 1 /tmp/swaps)))
}

# Either way, but in an orderly one.
step() { # USER COMMAND...
	run "$@"
	case $STATUS in
	0) worked=$((worked + 1)) ;;
	1) refusals=$((refusals + 1)) ;;
	*) fail "neither worked nor refused" ;;
	esac
	[ "$STATUS" = 0 ] || grep -q '[a-z]' <<<"$ERR$(tail -n 1 "$LOG")" ||
		fail "refused without a word"
}

report() {
	[ "$swaps" -gt "$ROUNDS" ] || fail "only $swaps exchanges"
	echo "$swaps exchanges; $worked worked, $refusals were refused" >/tmp/note
}

raced() { # TITLE FUNCTION
	rm -f /tmp/note
	check "$@"
	[ ! -e /tmp/note ] || echo "#: ${1%%:*}: $(cat /tmp/note)"
}

# --- the mail owner ----------------------------------------------------------

box() { # [-e ACTION...]: a new instance
	fresh
	"$POSTMULTI" -I postfix-box -e create || fail "no instance"
	age
}

# Hash directories, and links to a victim for which they are exchanged; these
# wait where no step looks.  All are the mail owner's to rename.
hashes() {
	local sub
	rm -rf $HIDDEN
	install -d -m 700 -o postfix $HIDDEN
	for sub in active deferred incoming; do
		mkdir -p $QUEUE/$sub/A/B $QUEUE/$sub/A/C
		ln -s "$1" $HIDDEN/$sub
		chown -hR postfix $QUEUE/$sub $HIDDEN
	done
}

HIDDEN=/var/hidden HASHES=()
for sub in active deferred incoming; do
	HASHES+=("$QUEUE/$sub/A" "$HIDDEN/$sub")
done

# The queue directory is root's: what the mail owner can't rename needs no race.
not_its_own() {
	box
	local sub
	for sub in active deferred pid private; do
		as postfix mv -T $QUEUE/$sub $QUEUE/other 2>/dev/null &&
			fail "$sub could be renamed"
	done
	as postfix "$SWAPPER" postfix 1 $QUEUE/active $QUEUE/deferred &&
		fail "names in the queue could be exchanged"
	true
}

clear_hashes() { # VICTIM...
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		box
		hashes "${@:1+i%$#:1}"
		race postfix "${HASHES[@]}"
		step alice "$POSTMULTI" -i postfix-box -e destroy
		settle
		unharmed
	done
	report
}

# A link to another instance's queue: the mail owner may remove in there, the
# cleaner must not follow it there.
clear_other() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		box
		"$POSTMULTI" -I postfix-other -e create && age
		mkdir -p /var/spool/postfix-other/deferred/A/B
		mkfifo /var/spool/postfix-other/deferred/A/fifo
		chown -R postfix /var/spool/postfix-other/deferred
		snapshot /var/spool/postfix-other >/tmp/other
		hashes /var/spool/postfix-other/deferred
		race postfix "${HASHES[@]}"
		step alice "$POSTMULTI" -i postfix-box -e destroy
		settle
		snapshot /var/spool/postfix-other >/tmp/other.now
		same "the other queue" /tmp/other /tmp/other.now
	done
	report
}

# Data: what is removed there by name, and the directory's own names.
clear_data() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		box
		touch $DATA/master.lock $DATA/prng_exch
		ln -s /srv/root/master.lock $DATA/l
		ln -s /srv/root $DATA/p
		chown -h postfix $DATA/*
		race postfix $DATA/master.lock $DATA/l $DATA/prng_exch $DATA/p
		step alice "$POSTMULTI" -i postfix-box -e destroy
		settle
		unharmed
	done
	report
}

# Every other one is alice's.
import_it() {
	if [ $((i % 2)) = 0 ]; then
		step root "$POSTMULTI" -I postfix-box -e import \
			config_directory=$CONFIG
	else
		step alice "$POSTMULTI" -I postfix-box -e import
	fi
}

# Imported is a queue that is, by mistake, the mail owner's as a whole: until
# that is mended each of its sub-directories can be exchanged.  Only root may
# mend it.
repair_queue() {
	local i sub pairs=()
	for sub in active deferred maildrop private pid; do
		pairs+=("$QUEUE/$sub" "$HIDDEN/z-$sub")
	done
	for ((i = 0; i < ROUNDS; i++)); do
		box
		"$POSTMULTI" -i postfix-box -e deport && age
		hashes /srv/root
		for sub in active deferred maildrop private pid; do
			ln -s /srv/root/$sub $HIDDEN/z-$sub
		done
		chown -hR postfix $QUEUE $HIDDEN
		race postfix "${pairs[@]}" "${HASHES[@]}"
		import_it
		settle
		[ $((i % 2)) = 0 ] || is "alice's exit status" "$STATUS" 1
		unharmed
	done
	report
}

# As usual, root's: what is left to race are the hash directories, which
# import mends recursively.
repair_hashes() {
	local i calm=2
	for ((i = 0; i < ROUNDS; i++)); do
		box
		"$POSTMULTI" -i postfix-box -e deport && age
		hashes /srv/root
		race postfix "${HASHES[@]}"
		import_it
		settle
		unharmed
	done
	report
}

# The data directory too, whose entries no step mends.
repair_data() {
	local i calm=2
	for ((i = 0; i < ROUNDS; i++)); do
		box
		"$POSTMULTI" -i postfix-box -e deport && age
		touch $DATA/a $DATA/master.lock
		ln -s /srv/root/active $DATA/b
		ln -s /srv/root/master.lock $DATA/l
		chown -h postfix $DATA/*
		[ $((i % 2)) = 1 ] || chmod 755 $DATA # for root to mend
		race postfix $DATA/a $DATA/b $DATA/master.lock $DATA/l
		import_it
		settle
		is "the data directory" "$(stat -c %a:%U $DATA)" 700:postfix
		unharmed
	done
	report
}

# While one is looked at only.
looks() {
	local i words
	box
	hashes /srv/root/deferred
	touch $DATA/master.lock
	ln -s /srv/root/master.lock $DATA/l
	chown -h postfix $DATA/*
	snapshot $CONFIG >/tmp/config
	for ((i = 0; i < ROUNDS; i++)); do
		words="-i postfix-box -e destroy --dry-run"
		[ $((i % 2)) = 0 ] || words=doctor
		race postfix "${HASHES[@]}" $DATA/master.lock $DATA/l
		# shellcheck disable=SC2086
		step alice "$POSTMULTI" $words
		settle
		unharmed
	done
	snapshot $CONFIG >/tmp/config.now
	same "the configuration" /tmp/config /tmp/config.now
	report
}

# What root's shell, postsuper(1) and master(8) do there is Postfix's; that
# they are started on nothing but the checked instance is ours.
commands() {
	local i command CALM=any
	box
	"$POSTMULTI" -i postfix-box -e enable && age
	hashes /srv/root
	ln -s /srv/root $HIDDEN/private
	mkdir $QUEUE/private/a
	ln -s /srv/root/master.lock $HIDDEN/lock
	: >$DATA/master.lock
	chown -hR postfix $QUEUE/private $DATA $HIDDEN
	for ((i = 0; i <= (ROUNDS + 5) / 6; i++)); do
		for command in check start flush reload status stop; do
			race postfix "${HASHES[@]}" $QUEUE/private/a \
				$HIDDEN/private $DATA/master.lock $HIDDEN/lock
			step alice "$POSTMULTI" -i postfix-box -p $command
			settle
			unharmed
		done
	done
	report
	local running
	running=$(tr -dc 0-9 <$QUEUE/pid/master.pid)
	[ -z "$running" ] || kill -KILL "$running" 2>/dev/null
	true
}

# --- the owner of a foreign ancestor -------------------------------------------

# Everything of an instance's below a directory of carol's.  It was root who
# put it there, with a main.cf of root's.
hers() {
	fresh
	rm -rf /home/carol/*
	install -d -m 755 -o carol /home/carol/{c,q,d}
	chmod 711 /home/carol
	"$POSTMULTI" -I postfix-box -e create || fail "no instance"
	mv $CONFIG /home/carol/c/box
	mv $QUEUE /home/carol/q/box
	mv $DATA /home/carol/d/box
	sed -i "s|$CONFIG|/home/carol/c/box|" /etc/postfix/main.cf
	sed -i "s|$QUEUE|/home/carol/q/box|; s|$DATA|/home/carol/d/box|" \
		/home/carol/c/box/main.cf
	age && touch -d "1 hour ago" /home/carol/c/box/main.cf
}

PLACES=(/home/carol/q /home/carol/zq /home/carol/d /home/carol/zd)
INNER=(/home/carol/q/box /home/carol/q/z /home/carol/d/box /home/carol/d/z)

# The same names below the victims, so that a link is as good as the directory.
decoys() {
	local at
	for at in /srv/root/box /srv/mail/box; do
		mkdir -p $at/active $at/deferred $at/maildrop $at/pid
	done
	chown -R postfix /srv/mail/box
	ln -s /srv/root /home/carol/zq
	ln -s /srv/root /home/carol/zd
	ln -s /srv/root/active /home/carol/q/z
	ln -s /srv/root/active /home/carol/d/z
	chown -h carol /home/carol/z? /home/carol/?/z
	snapshot /srv/root /srv/mail >/tmp/victims
}

ancestor_import() { # NAME...: the pairs that are raced
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		hers
		"$POSTMULTI" -i postfix-box -e deport && age
		chown carol /home/carol/q/box
		decoys
		race carol "$@"
		step root "$POSTMULTI" -I postfix-box -e import \
			config_directory=/home/carol/c/box
		settle
		unharmed
	done
	report
	victims
}

ancestor_destroy() { # NAME...
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		hers
		decoys
		race carol "$@"
		step root "$POSTMULTI" -i postfix-box -e destroy
		settle
		unharmed
	done
	report
	victims
}

# Made there by root, while she exchanges what it is made in.
ancestor_create() {
	local i at
	for ((i = 0; i < ROUNDS; i++)); do
		fresh
		rm -rf /home/carol/*
		install -d -m 775 -o carol -g root /home/carol/{c,q,d}
		decoys
		ln -s /srv/root /home/carol/zc
		chown -h carol /home/carol/zc
		race carol "${PLACES[@]}" /home/carol/c /home/carol/zc
		step root "$POSTMULTI" -I postfix-hers -e create \
			config_directory=/home/carol/c/new \
			queue_directory=/home/carol/q/new \
			data_directory=/home/carol/d/new
		settle
		unharmed
	done
	report
	victims
}

# Another configuration of root's, for which hers is exchanged while root edits
# hers; in the directory she also has the names of the files.  A hard link, as
# if the kernel let her make it.
decoy_config() {
	rm -rf /home/carol/zc /srv/root/box
	mkdir -p /srv/root/box
	cp -p /home/carol/c/box/*.cf /srv/root/box
	echo precious >/srv/root/secret
	chmod 600 /srv/root/secret
	ln -s /srv/root /home/carol/zc
	ln -s /srv/root/box /home/carol/c/z
	chown -h carol /home/carol/zc /home/carol/c/z
	snapshot /srv/root /srv/mail >/tmp/victims
}

CONFIGS=(/home/carol/c /home/carol/zc /home/carol/c/box /home/carol/c/z)
EDITS=("-e enable" "-e disable" "-G other -e assign" "-e deport"
	"-e destroy")

ancestor_config() { # NAME...
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		hers
		decoy_config
		race carol "$@"
		# shellcheck disable=SC2086
		step root "$POSTMULTI" -i postfix-box ${EDITS[i % ${#EDITS[@]}]}
		settle
		unharmed
	done
	report
	victims
}

# The configuration directory itself is hers: main.cf.tmp and main.cf are links
# a moment later.
planted_tmp() { # KIND
	local i at=/home/carol/c/box
	for ((i = 0; i < ROUNDS; i++)); do
		hers
		decoy_config
		echo precious >/home/secret
		chmod 600 /home/secret
		# Root has no need of CAP_DAC_OVERRIDE to write there.
		chown carol:root $at
		chmod 775 $at
		install -m 600 /dev/null $at/main.cf.tmp
		case $1 in
		link) ln -s /srv/root/secret $at/t ;;
		hard) ln /home/secret $at/t ;;
		fifo) mkfifo -m 600 $at/t ;;
		main) ln -s /srv/root/box/main.cf $at/t ;;
		esac
		[ "$1" = hard ] || chown -h carol $at/t
		if [ "$1" = main ]; then
			race carol $at/main.cf $at/t
		else
			race carol $at/main.cf.tmp $at/t
		fi
		# shellcheck disable=SC2086
		step root "$POSTMULTI" --lock-timeout=2 -i postfix-box \
			${EDITS[i % 3]}
		settle
		unharmed
		is "the other name" "$(stat -c %a:%U:%s /home/secret)" 600:root:9
	done
	report
	victims
}

# A link of root's in a directory of carol's is followed, for root; one of hers
# that has its name a moment later isn't.
ancestor_link() { # ACTION...
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		hers
		[ "$1" = destroy ] || {
			"$POSTMULTI" -i postfix-box -e deport && age
			chown carol /home/carol/q/box
		}
		mv /home/carol/q /home/carol/real
		ln -s /home/carol/real /home/carol/q
		decoys
		race carol /home/carol/q /home/carol/zq
		if [ "$1" = destroy ]; then
			step root "$POSTMULTI" -i postfix-box -e destroy
		else
			step root "$POSTMULTI" -I postfix-box -e import \
				config_directory=/home/carol/c/box
		fi
		settle
		unharmed
	done
	report
	victims
}

# No race: root's link leads to where carol's goes on.  The walk ends there.
link_of_hers() {
	local words
	for words in "-I postfix-box -e import config_directory=/home/carol/c/box" \
		"-i postfix-box -e destroy"; do
		hers
		[[ $words != *import* ]] ||
			"$POSTMULTI" -i postfix-box -e deport && age
		mv /home/carol/q /home/carol/real
		ln -s /srv/root /home/carol/x
		chown -h carol /home/carol/x
		ln -s /home/carol/x /home/carol/q
		mkdir -p /srv/root/box/{active,pid,maildrop}
		snapshot /srv/root /srv/mail >/tmp/victims
		# shellcheck disable=SC2086
		refused root "$POSTMULTI" $words
		err_has 'symbolic link'
		unharmed
		rm -rf /srv/root/box
	done
	victims
}

# For a delegate there is nothing to win: refused each time.
ancestor_delegate() {
	local i CALM=1 words=("-e enable" "-e disable" "-e destroy" "-e deport"
		"-p check" "-p start" "-p stop")
	hers
	decoys
	snapshot /home/carol >/tmp/hers
	decoy_config
	for ((i = 0; i < ROUNDS; i++)); do
		race carol "${PLACES[@]}" "${INNER[@]}" "${CONFIGS[@]}"
		# shellcheck disable=SC2086
		step alice "$POSTMULTI" -i postfix-box ${words[i % ${#words[@]}]}
		settle
		is "status of round $i" "$STATUS" 1
		unharmed
	done
	report
	victims
}

# --- does a victim bleed? --------------------------------------------------------

# The same links without any race, and Postfix's own set-permissions: so the
# snapshots do tell.
control() {
	box
	rmdir $QUEUE/maildrop
	ln -s /srv/root/maildrop $QUEUE/maildrop
	quickly timeout -s KILL "$LIMIT" /usr/sbin/postfix -c $CONFIG \
		set-permissions >/dev/null 2>&1
	snapshot /srv/root /srv/mail >/tmp/victims.now
	cmp -s /tmp/victims /tmp/victims.now &&
		fail "set-permissions didn't follow the link"
	victims
}

install_suite
install_policy <<EOF
permit alice manage,deport,import,operate instance postfix-box
EOF
"$POSTMULTI" -e init || exit 1
cp -a /etc/postfix/main.cf /tmp/primary.cf
victims
check "control: what follows links changes the victims" control
check "the mail owner can't exchange the queue's sub-directories" not_its_own
raced "destroy: hash directories for links to root's and its own" \
	clear_hashes /srv/root/deferred /srv/mail/deferred
raced "destroy, other queue: hash directories for links to another queue" \
	clear_other
raced "destroy, data: files for links to root's" clear_data
raced "import, queue: sub-directories for links to root's" repair_queue
raced "import, hashes: hash directories for links to root's" repair_hashes
raced "import, data: files for links to root's" repair_data
raced "looks: destroy --dry-run and doctor" looks
raced "commands: start, stop and the others in a queue that is raced" commands
raced "ancestor, import: a directory of carol's above queue and data" \
	ancestor_import "${PLACES[@]}"
raced "ancestor, import of links: queue and data themselves" \
	ancestor_import "${INNER[@]}"
raced "ancestor, create: directories of carol's above all three" \
	ancestor_create
raced "ancestor, edit: a directory of carol's above the configuration" \
	ancestor_config "${CONFIGS[@]:0:2}"
raced "ancestor, edit of links: the configuration itself" \
	ancestor_config "${CONFIGS[@]:2:2}"
for kind in link hard fifo main; do
	raced "planted, $kind: main.cf.tmp or main.cf in carol's directory" \
		planted_tmp $kind
done
raced "ancestor, destroy: a directory of carol's above queue and data" \
	ancestor_destroy "${PLACES[@]}"
raced "ancestor, destroy of links: queue and data themselves" \
	ancestor_destroy "${INNER[@]}"
check "ancestor: a link of root's that leads to one of carol's" link_of_hers
raced "ancestor, import by a link of root's: exchanged for one of carol's" \
	ancestor_link import
raced "ancestor, destroy by a link of root's: exchanged for one of carol's" \
	ancestor_link destroy
raced "ancestor, delegate: refused each time" ancestor_delegate
rm -rf /home/carol/[cqdz]* $HIDDEN
fresh
finish
