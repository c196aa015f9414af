# shellcheck shell=bash disable=SC2034
# What kill.sh and fail.sh share: every action, as root and as a delegate, on
# a host with two other instances, disturbed by build/tests/crashwalk.

crash_host() {
	install_suite
	install_policy <<-'EOF'
		permit alice manage,import,deport instance postfix-one
		permit alice manage,import,deport instance postfix-uno
	EOF
	cp -a /etc/postfix/main.cf /tmp/bare.cf
	works root "$POSTMULTI" -e init
	cp -a /etc/postfix/main.cf /tmp/primary.cf
}

crash_others() {
	fresh
	works root "$POSTMULTI" -I postfix-in -G mta -e create
	works root "$POSTMULTI" -I postfix-out -e create
	works root "$POSTMULTI" -i postfix-in -e enable
}

# What daemons leave in a queue, all of it without mail.
crash_used() { # NAME
	local queue=/var/spool/$1 data=/var/lib/$1
	mkfifo -m 622 $queue/public/qmgr
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(
	    Local => $ARGV[0], Listen => 1) or die' $queue/private/smtp
	chown postfix: $queue/public/qmgr $queue/private/smtp
	chmod 666 $queue/private/smtp
	install -d -o postfix -g root -m 700 $queue/deferred/A $queue/deferred/B
	install -m 600 /dev/null $queue/pid/unix.cleanup
	install -m 600 /dev/null $queue/pid/master.pid
	install -o postfix -g postfix -m 600 /dev/null $data/master.lock
	install -o postfix -g postfix -m 600 /dev/null $data/prng_exch
}

# Makes the tree that an action begins with; leaves the command in COMMAND and
# which instance it may touch in TOUCHED.
crash_scene() { # ACTION
	crash_others
	TOUCHED=postfix-one
	case $1 in
	init | create | deep) ;;
	*) works root "$POSTMULTI" -I postfix-one -e create ;;
	esac
	case $1 in
	init)
		fresh
		cp -a /tmp/bare.cf /etc/postfix/main.cf
		TOUCHED=-
		COMMAND=(-e init)
		;;
	create) COMMAND=(-I postfix-one -G grp -e create) ;;
	deep) # below directories that are made as well
		COMMAND=(-a -I postfix-one -e create
			queue_directory=/var/spool/postfix-one/a/queue
			data_directory=/var/lib/postfix-one/data)
		;;
	import)
		works root "$POSTMULTI" -i postfix-one -e deport
		COMMAND=(-I postfix-one -G grp -e import)
		;;
	repair) # of what has wrong owners; root's only
		works root "$POSTMULTI" -i postfix-one -e deport
		crash_used postfix-one
		rm /var/spool/postfix-one/{public/qmgr,private/smtp}
		chown root /var/spool/postfix-one/{active,deferred/A}
		chmod 755 /var/spool/postfix-one/hold
		rmdir /var/spool/postfix-one/saved
		COMMAND=(-I postfix-one -e import
			config_directory=/etc/postfix-one)
		;;
	assign) COMMAND=(-i postfix-one -I postfix-uno -G grp -e assign) ;;
	enable) COMMAND=(-i postfix-one -e enable) ;;
	disable)
		works root "$POSTMULTI" -i postfix-one -e enable
		COMMAND=(-i postfix-one -e disable)
		;;
	deport) COMMAND=(-i postfix-one -e deport) ;;
	destroy)
		crash_used postfix-one
		COMMAND=(-i postfix-one -e destroy)
		;;
	esac
	works root "$POSTMULTI" -l # the cache is there
}

crash_walk() { # kill|fail ACTION USER
	crash_scene "$2"
	LIMIT=${THOROUGH:+3000}
	LIMIT=${LIMIT:-280}
	run root "/mnt/src/$BUILD/tests/crashwalk" "$1" "$3" $TOUCHED \
		"$POSTMULTI" "$POSTMULTI" "${COMMAND[@]}"
	tail -n 1 <<<"$OUT" >/tmp/walk.sum
	[ "$STATUS" = 0 ] || fail "not as it should be"
}

CRASH_WALKS=(init:root create:root create:alice deep:root import:root
	import:alice repair:root assign:root assign:alice enable:root
	enable:alice disable:root disable:alice deport:root deport:alice
	destroy:root destroy:alice)

crash_walks() { # kill|fail TITLE USER [ACTION...]
	local walk action user points=0 calls=0 trees=0 commands=0 n
	for walk in "${CRASH_WALKS[@]}"; do
		action=${walk%:*} user=${walk#*:}
		[ "$user" = "$3" ] || continue
		[ $# = 3 ] || [[ " ${*:4} " = *" $action "* ]] || continue
		commands=$((commands + 1))
		: >/tmp/walk.sum
		check "$2: $action as $user" crash_walk "$1" "$action" "$user"
		[ -z "${VERBOSE:-}" ] || sed "s/^/# $action as $user: /" /tmp/walk.sum
		read -r -a n < <(tr -dc '0-9 \n' </tmp/walk.sum)
		calls=$((calls + 10#${n[0]:-0})) points=$((points + 10#${n[1]:-0}))
		trees=$((trees + 10#${n[2]:-0}))
	done
	[ $# != 3 ] || check "$2: no less than there was to walk" \
		eval "[ $points -ge 1000 ] && [ $trees -ge $((4 * commands)) ]"
	echo "#: $1: $points points in $calls calls of $commands commands, $trees different trees left, from each the command run again"
}
