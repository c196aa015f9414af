#!/bin/bash
# Who holds privilege: never the front-end, unless root started it; every
# change is made by a helper.

# shellcheck source=tests/host/lib.sh
. "$(dirname "$0")/../host/lib.sh"
in_host "$0" "$@"
# shellcheck source=tests/host/border.sh
. tests/host/border.sh

# Prints "PROGRAM real effective saved fs" for each process of ours seen while
# COMMAND runs.  Status before exe: the front-end may become a helper between
# the two, never the other way round.
# shellcheck disable=SC2016
SAMPLER='
	my ($pid, %seen) = fork // die "fork: $!";
	unless ($pid) { exec @ARGV or die "$ARGV[0]: $!" }
	while (waitpid($pid, 1) == 0) {
		for my $proc (glob "/proc/[0-9]*") {
			my $exe = readlink "$proc/exe" or next;
			$exe =~ m{^/usr/local/\S*/(postmulti\S*)} or next;
			my $name = $1;
			open my $fh, "<", "$proc/status" or next;
			my ($ids) = join("", <$fh>) =~ /^Uid:\s*(.*)$/m or next;
			# The ids belong to that program if it is still the same.
			$exe eq (readlink("$proc/exe") // "") or next;
			$ids =~ s/\s+/ /g;
			$seen{"$name $ids"} = 1;
		}
	}
	print "$_\n" for sort keys %seen;
	exit($? >> 8);
'

sampled() { # COMMAND...: as alice, its processes in /tmp/seen
	run root perl -e "$SAMPLER" "$TOOLS/asuser" alice "$@"
	[ "$STATUS" = 0 ] || fail "should have worked"
	grep '^postmulti' <<<"$OUT" >>/tmp/seen
}

never_uid_0() {
	: >/tmp/seen
	local name
	for name in postfix-out postfix-in; do
		sampled "$POSTMULTI" -I $name -G mta -e create
	done
	border_configure
	for name in postfix-out postfix-in; do
		sampled "$POSTMULTI" -i $name -e enable
	done
	age
	sampled "$POSTMULTI" -g mta -p start
	sampled "$POSTMULTI" -g mta -p status
	sampled "$POSTMULTI" -g mta -p reload
	sampled "$POSTMULTI" -g mta -p stop
	sampled "$POSTMULTI" -g mta -x sleep 0.1
	sort -u /tmp/seen
	grep -q '^postmulti 20001' /tmp/seen || fail "the front-end wasn't seen"
	grep -v '^postmulti 20001 20001 20001 20001$' /tmp/seen |
		grep '^postmulti ' && fail "the front-end had another uid"
	for name in config dirs exec; do
		grep -Eq "^postmulti-$name (20001|0) 0 0 0" /tmp/seen ||
			fail "postmulti-$name was not seen with euid 0"
	done
}

# From a trace, "PROGRAM CALL" for each call that changed something below /etc
# or /var, or started a program; a forked process is what its parent is.
# shellcheck disable=SC2016
CHANGES='
	my (%exe, %parent, %begun, @calls);
	while (<>) {
		my ($pid, $text) = /^(\d+)\s+(.*)$/ or next;
		if ($text =~ s/<unfinished \.\.\.>$//) {
			$begun{$pid} = $text;
			next;
		}
		$text =~ s/^<\.\.\. \w+ resumed>/delete $begun{$pid}/e;
		my ($call, $rest) = $text =~ /^(\w+)(.*)$/ or next;
		my ($ret) = $rest =~ /= (-?\d+)[^=]*$/ or next;
		next if $ret < 0;
		# The child may have been seen before the call that made it.
		if ($call =~ /^(clone|clone3|fork|vfork)$/) {
			$parent{$ret} = $pid;
		} else {
			push @calls, [$pid, $call, $rest];
		}
	}
	sub who {
		my ($pid) = @_;
		return $exe{$pid} // ($parent{$pid} ? who($parent{$pid}) : "none");
	}
	for (@calls) {
		my ($pid, $call, $rest) = @$_;
		if ($call eq "execve") {
			my ($path) = $rest =~ m{^\("([^"]*)"} or next;
			$path =~ s{.*/}{};
			print who($pid), " execve $path\n";
			$exe{$pid} = $path;
			next;
		}
		next if $call =~ /^open/ &&
			$rest !~ /O_CREAT|O_WRONLY|O_RDWR|O_TMPFILE/;
		next if $call =~ /^open/ && $rest =~ m{"/dev/};
		print who($pid), " $call\n";
	}
'
CALLS=execve,clone,clone3,fork,vfork,open,openat,openat2,creat,mkdir,mkdirat
CALLS+=,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink
CALLS+=,symlinkat,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown
CALLS+=,fchownat,truncate,ftruncate,setuid,setreuid,setresuid

traced() { # COMMAND...: as alice, its changes in /tmp/changes
	timeout -s KILL "$LIMIT" strace -f -u alice -e "trace=$CALLS" \
		-o /tmp/trace "$@" >/tmp/trace.out 2>&1 </dev/null ||
		fail "should have worked: $* $(cat /tmp/trace.out)"
	perl -e "$CHANGES" /tmp/trace >>/tmp/changes
}

only_helpers_change() {
	: >/tmp/changes
	traced "$POSTMULTI" -I postfix-out -G mta -e create
	traced "$POSTMULTI" -i postfix-out -e enable
	traced "$POSTMULTI" -i postfix-out -e disable
	traced "$POSTMULTI" -i postfix-out -e destroy
	sort /tmp/changes | uniq -c
	grep '^postmulti ' /tmp/changes | grep -v '^postmulti execve postmulti-' |
		grep . && fail "the front-end itself changed something"
	local line
	for line in 'postmulti execve postmulti-config' \
		'postmulti execve postmulti-dirs' 'postmulti-config rename' \
		'postmulti-dirs mkdir'; do
		grep -q "^$line" /tmp/changes || fail "no '$line'"
	done
	# The judge gives ids away, nothing else.
	grep -Ev '^(none|postmulti|postmulti-config|postmulti-dirs) ' /tmp/changes |
		grep -v '^postmulti-judge setresuid$' |
		grep . && fail "another program was at work"
	true
}

files() {
	is "mode of the front-end" "$(stat -c '%U:%G %a %F' "$POSTMULTI")" \
		"root:root 755 regular file"
	[ -z "$(getcap "$POSTMULTI" $HELPERS/* 2>/dev/null)" ] ||
		fail "a program has file capabilities"
}

# A master that a delegate started is as one that root started.
nothing_leaks() {
	local pid
	border_create
	border_configure
	border_enable
	border_start
	pid=$(tr -dc 0-9 </var/spool/postfix-out/pid/master.pid)
	is NoNewPrivs "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")" 0
	is "its uids" "$(awk '/^Uid/ { print $2, $3, $4 }' "/proc/$pid/status")" \
		"0 0 0"
	is "its groups" "$(awk '/^Gid/ { print $2, $3, $4 }' "/proc/$pid/status")" \
		"0 0 0"
	tr '\0' '\n' <"/proc/$pid/environ" >/tmp/environ
	grep -E 'alice|^(LEAK|HOME=/home|SUITE|TOOLS|INSIDE|BASH_)' /tmp/environ &&
		fail "the delegate's environment is in the master's"
	local fd
	for fd in "/proc/$pid/fd"/*; do
		readlink "$fd"
	done | grep -E '/tmp/leak|/home' && fail "a foreign descriptor"
	# Submission through set-gid postdrop, by a user without any rights.
	as carol /usr/sbin/sendmail -C /etc/postfix-in -f carol@example.net \
		mark@example.com <<<"Subject: by postdrop" ||
		fail "sendmail refused"
	wait_for 20 grep -q "^Subject: by postdrop" "$MAILBOX" ||
		fail "mail submitted with sendmail didn't arrive"
	border_stop
}

border_host
check "front-end is a plain file, helpers have no file capabilities" files
"$POSTMULTI" -e init || exit 1
if type -P strace >/dev/null && strace -f -u alice true 2>/dev/null; then
	check "traced: each change is a helper's" only_helpers_change
else
	skip_case "traced: each change is a helper's" "strace doesn't work here"
fi
exec 9>/tmp/leak
export LEAK=alice
check "a master started by a delegate inherits nothing of hers" nothing_leaks
exec 9>&-
border_disable >/dev/null && border_destroy >/dev/null
check "sampled: only helpers ever have uid 0" never_uid_0
finish
