#!/bin/bash
# A file system that is really full: each change says so and loses nothing, and
# the same command works once there is room.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

# Everything a command writes to lies on one small tmpfs.
small_disk() {
	local dir
	mkdir -p /mnt/small
	mount -t tmpfs -o size=2m,mode=755 tmpfs /mnt/small
	for dir in /etc/postfix /etc/postfix-a /var/lib/postmulti; do
		[ -d "$dir" ] || continue
		cp -a "$dir" "/mnt/small/$(basename "$dir")"
		mount --bind "/mnt/small/$(basename "$dir")" "$dir"
	done
}

big_disk() {
	umount -l /etc/postfix /etc/postfix-a /var/lib/postmulti /mnt/small \
		2>/dev/null
	return 0
}

fill() {
	dd if=/dev/zero of=/mnt/small/ballast bs=4k 2>/dev/null
	! echo x >/mnt/small/more 2>/dev/null || fail "it isn't full"
	rm -f /mnt/small/more
}

full() { # ACTION: as root and, where she may, as alice
	local user
	for user in root alice; do
		[ "$1/$user" != init/alice ] || continue
		big_disk
		fresh
		works root $POSTMULTI -I postfix-a -G g -e create
		case $1 in
		disable) works root $POSTMULTI -i a -e enable ;;
		import) works root $POSTMULTI -i a -e deport ;;
		init)
			fresh
			cp -a /tmp/bare.cf /etc/postfix/main.cf
			;;
		esac
		small_disk
		set_words "$1"
		fill
		snapshot_all >/tmp/before
		refused $user $POSTMULTI "${WORDS[@]}"
		err_has 'No space left on device'
		snapshot_all | grep -v /var/lib/postmulti/lock >/tmp/after
		grep -v /var/lib/postmulti/lock /tmp/before >/tmp/was
		same "the tree" /tmp/was /tmp/after
		rm /mnt/small/ballast
		works $user $POSTMULTI "${WORDS[@]}"
		works root $POSTMULTI doctor
	done
	big_disk
}

# What create began elsewhere, where there was room, is finished.
half_full() {
	local words=(-a -I postfix-b -e create config_directory=/mnt/small/b)
	fresh
	works root $POSTMULTI -I postfix-a -e create
	mkdir -p /mnt/small
	mount -t tmpfs -o size=2m,mode=755 tmpfs /mnt/small
	fill
	snapshot /etc/postfix /etc/postfix-a >/tmp/before
	refused root $POSTMULTI "${words[@]}"
	err_has 'No space left on device'
	snapshot /etc/postfix /etc/postfix-a >/tmp/after
	same "what others have" /tmp/before /tmp/after
	[ -d /var/spool/postfix-b ] || fail "nothing was begun"
	run root $POSTMULTI doctor
	out_has '^half-made: /mnt/small/b: '
	rm /mnt/small/ballast
	works root $POSTMULTI "${words[@]}"
	works root $POSTMULTI doctor
	works root $POSTMULTI -l
	out_has '^postfix-b .* n +/mnt/small/b$'
	big_disk
}

set_words() {
	case $1 in
	init) WORDS=(-e init) ;;
	import) WORDS=(-I postfix-a -e import) ;;
	create) WORDS=(-I postfix-b -e create) ;;
	assign) WORDS=(-i a -I postfix-c -e assign) ;;
	*) WORDS=(-i a -e "$1") ;;
	esac
}

install_suite
install_policy <<-EOF
	permit alice manage,deport,import instance postfix-a
	permit alice manage,deport  instance postfix-b
	permit alice manage,deport  instance postfix-c
EOF
cp -a /etc/postfix/main.cf /tmp/bare.cf
works root $POSTMULTI -e init
cp -a /etc/postfix/main.cf /tmp/primary.cf

for action in init create import assign enable disable deport destroy; do
	check "$action on a full disk" full $action
done
check "create where only its own directory is full" half_full
finish
