#!/bin/bash
# What make install puts where, and that make uninstall takes it away again.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"

PLACES=(/usr/local /etc/postmulti /usr/lib/sysusers.d /etc/sysusers.d)

accounts() {
	grep -h postmulti /etc/passwd /etc/group
}

make_it() { # TARGET VARIABLE=VALUE...
	make -s -C "$SRC" "$@" >/tmp/make.log 2>&1 || fail "$(cat /tmp/make.log)"
}

places() {
	find "${PLACES[@]}" -printf '%p %y %U:%G %m %s %T@ %l\n' 2>/dev/null |
		sort
}

under_destdir() {
	places >/tmp/before
	accounts >/tmp/accounts
	make_it install DESTDIR=/tmp/dest prefix=/usr/local
	places >/tmp/after
	same "the host" /tmp/before /tmp/after
	accounts | diff - /tmp/accounts || fail "it made an account"
	[ -z "$(accounts)" ] || fail "there was an account: $(accounts)"
	local file
	for file in usr/local/sbin/postmulti usr/local/sbin/postmulti-policy \
		usr/local/libexec/postmulti/postmulti-{config,dirs,exec} \
		etc/postmulti/policy.conf; do
		[ -f /tmp/dest/$file ] || fail "no $file below DESTDIR"
	done
	[ ! -e /tmp/dest/var/cache/postmulti/defaults ] ||
		fail "a cache of this host's defaults is below DESTDIR"
}

other_prefix() {
	make_it install DESTDIR=/tmp/dest2 prefix=/opt/pm
	[ -x /tmp/dest2/opt/pm/sbin/postmulti ] || fail "prefix is ignored"
	[ ! -e /tmp/dest2/usr/local ] || fail "something is below usr/local"
}

modes() {
	local name
	for name in config dirs exec; do
		is "postmulti-$name" \
			"$(stat -c '%U:%G %a %F' $HELPERS/postmulti-$name)" \
			"root:postmulti 4754 regular file"
	done
	is "what others can write" "$(find $HELPERS -perm /022)" ""
	is "set-uid files" "$(find $HELPERS -perm /6000 | wc -l)" 3
	for name in postmulti postmulti-policy; do
		is $name "$(stat -c '%U:%G %a %F' /usr/local/sbin/$name)" \
			"root:root 755 regular file"
	done
	for name in / /usr /usr/local /usr/local/sbin /usr/local/libexec \
		$HELPERS /etc/postmulti; do
		case $(stat -c '%u %A' $name) in
		"0 drwx"?"-x"?"-x") ;;
		"0 drwxr-"*) ;;
		*) fail "$name: $(stat -c '%U:%G %A' $name)" ;;
		esac
	done
	[ -z "$(find / -xdev -path /proc -prune -o -newer /tmp/started \
		-perm /6000 -type f ! -path "$HELPERS/*" -print)" ] ||
		fail "another file is set-id"
}

group_and_user() {
	getent group postmulti >/dev/null || fail "no group postmulti"
	getent passwd postmulti >/dev/null || fail "no user postmulti"
	[ "$(id -u postmulti)" != 0 ] || fail "postmulti is root"
	case $(getent passwd postmulti) in
	*/nologin | */false) ;;
	*) fail "postmulti can log in: $(getent passwd postmulti)" ;;
	esac
}

sample_policy() {
	is policy.conf "$(stat -c '%U:%G %a' /etc/postmulti/policy.conf)" \
		"root:root 644"
	grep -Ev '^[[:space:]]*(#|$)' /etc/postmulti/policy.conf &&
		fail "the sample delegates something"
	works carol /usr/local/sbin/postmulti-policy check
}

manuals() {
	local page
	for page in man1/postmulti.1 man1/postmulti-policy.1 \
		man5/postmulti.policy.5 man8/postmulti-{config,dirs,exec}.8; do
		page=/usr/local/share/man/$page
		is "$page" "$(stat -c '%U:%G %a' $page)" "root:root 644"
		[ -s $page ] || fail "$page is empty"
	done
}

# Right away, without anybody having run anything as root before.
ready() {
	install_suite
	echo "permit alice create prefix postfix-a" >>/etc/postmulti/policy.conf
	works root /usr/sbin/postmulti -e init
	works alice "$POSTMULTI" -I postfix-alice -e create
	works root "$POSTMULTI" -i postfix-alice -e destroy
	is "state directory" "$(stat -c '%U:%G %a' /var/lib/postmulti)" \
		"root:root 700"
}

hardened() {
	local file
	type -P readelf >/dev/null || return 0
	for file in /usr/local/sbin/postmulti $HELPERS/*; do
		readelf -hld "$file" >/tmp/elf
		grep -q 'Type: *DYN' /tmp/elf || fail "$file is no PIE"
		grep -q GNU_RELRO /tmp/elf || fail "$file: no RELRO"
		grep -Eq 'BIND_NOW|FLAGS_1.*NOW' /tmp/elf || fail "$file: lazy"
		grep -Eq 'RPATH|RUNPATH' /tmp/elf && fail "$file has a run path"
		grep -A 1 GNU_STACK /tmp/elf | grep -q 'RWE' &&
			fail "$file has an executable stack"
	done
	true
}

# What somebody opened before the upgrade isn't set-uid any more after it.
again() {
	exec 8<$HELPERS/postmulti-config
	echo "# mine" >>/etc/postmulti/policy.conf
	make_it install DESTDIR= prefix=/usr/local
	is "mode of the old helper" "$(stat -Lc %a /proc/self/fd/8)" 0
	exec 8<&-
	modes
	grep -q "# mine" /etc/postmulti/policy.conf || fail "policy overwritten"
	getent group postmulti | grep -q alice || fail "alice is out of the group"
}

# Files only: an empty directory of the system's may stay.
files() {
	places | grep -v ' d ' | grep -v '/etc/postmulti/'
}

uninstalled() {
	make_it uninstall DESTDIR= prefix=/usr/local
	files >/tmp/left
	same "the host" /tmp/untouched /tmp/left
	[ ! -e $HELPERS ] || fail "$HELPERS is still there"
	[ -f /etc/postmulti/policy.conf ] || fail "the edited policy is gone"
	hash -r
	is "postmulti in PATH" "$(type -P postmulti)" /usr/sbin/postmulti
}

files >/tmp/untouched
touch /tmp/started
check "under DESTDIR: everything below it, no account" under_destdir
check "under another prefix" other_prefix
make -s -C "$SRC" install DESTDIR= prefix=/usr/local || exit 1
check "owners and modes of programs" modes
check "hardening of programs" hardened
check "the group and the system user" group_and_user
check "the sample policy is valid and delegates nothing" sample_policy
check "manual pages" manuals
check "a delegate can work at once" ready
check "installing again: policy and members stay, old helpers are dead" again
check "uninstall" uninstalled
finish
