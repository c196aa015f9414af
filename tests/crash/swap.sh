#!/bin/bash
# Whatever in its queue the mail owner exchanges for a link, at any system call
# of a destroy, nothing outside is removed or changed.  What destroy.sh races,
# here at each moment there is.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

NAME=postfix-box
QUEUE=/var/spool/$NAME DATA=/var/lib/$NAME
OUTSIDE=/var/lib/postfix-outside HIDDEN=/var/spool/postfix-hidden

# One branch that whoever follows a link would take for hash directories of
# the queue's and remove: all the mail owner's, no file that could be mail.
# And one of root's, with files.
outside() {
	rm -rf $OUTSIDE
	mkdir -p $OUTSIDE/{owner,root}/A/{B,C} $OUTSIDE/owner/D $OUTSIDE/files
	mkfifo $OUTSIDE/files/fifo $OUTSIDE/root/fifo
	echo precious | tee $OUTSIDE/files/{master.lock,ABCDEF} \
		$OUTSIDE/root/{master.lock,A/ABCDEF} >/dev/null
	chown -R postfix $OUTSIDE/{owner,files}
}

pairs=()

swap() { # ENTRY TARGET: one for a link to the other
	local link=$HIDDEN/${#pairs[@]}
	ln -s "$OUTSIDE/$2" $link
	chown -h postfix "$1" $link
	pairs+=("$1" "$link")
}

scene() {
	fresh
	works root "$POSTMULTI" -I $NAME -e create
	outside
	rm -rf $HIDDEN
	install -d -m 700 -o postfix $HIDDEN
	mkdir -p $QUEUE/incoming/{A/{B,C},D} $QUEUE/defer/{A/B,D} \
		$QUEUE/private/A $DATA/A
	chown -R postfix $QUEUE/{incoming,defer}/* $QUEUE/private/A $DATA/A
	mkfifo $QUEUE/private/smtp
	: >$DATA/master.lock
	# What is deeper comes first.
	swap $QUEUE/incoming/A/B owner
	swap $QUEUE/incoming/A owner
	swap $QUEUE/incoming/D root
	swap $QUEUE/defer/A owner/A
	swap $QUEUE/defer/D root
	swap $QUEUE/private/A files
	swap $QUEUE/private/smtp files/fifo
	swap $DATA/A files
	swap $DATA/master.lock files/master.lock
}

walk() { # USER
	local points
	: >/tmp/walk.sum
	scene
	LIMIT=280
	run root "$SRC/$BUILD/tests/swapwalk" "$1" postfix $OUTSIDE \
		"${pairs[@]}" -- "$POSTMULTI" -i $NAME -e destroy
	tail -n 1 <<<"$OUT" >/tmp/walk.sum
	[ "$STATUS" = 0 ] || fail "not as it should be"
	read -r points _ </tmp/walk.sum
	# Less is another walk than this one.
	[ "$points" -ge 300 ] || fail "only $points points"
}

install_suite
install_policy <<EOF
permit alice manage instance $NAME
EOF
"$POSTMULTI" -e init || exit 1
cp -a /etc/postfix/main.cf /tmp/primary.cf

check "exchanged for links at every call of a destroy: nothing outside changes" walk alice
echo "#: swapped at every call: $(cat /tmp/walk.sum)"
finish
