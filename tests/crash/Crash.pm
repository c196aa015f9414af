package Crash;

# What a power loss leaves on disk, from a log of strace.
#
# The model: a file system with a volatile cache.  Every change belongs to one
# inode: bytes, length, owner and mode to the file's own; names (create, mkdir,
# rename, unlink, rmdir) to the directory's.  fsync of an inode makes durable
# what was changed of it before, and nothing else: not a new file's name, not
# what lies below a directory.  Until then each change is durable or not by
# itself, whatever is with the others, and of a write perhaps only the first
# half; a rename is one change.  No file system is as bad, each is bad in
# some of these ways.
#
# A file's owner and mode are one place on disk, its inode, and become durable
# in their order.
#
# A state is a reference to a hash: path => [type, mode, uid, gid, content],
# where content is a number that Crash::bytes knows, the same for the same
# bytes.
#
#	my $log = Crash::read_log($file);
#	my $sim = Crash->new($scan_before);
#	$sim->replay($log, sub { my ($state, $at) = @_ ... });
#
# calls back once for each different set of changes that may have survived a
# crash before, between or after the calls logged.

use strict;
use warnings;
use Fcntl ':mode';

# The directories with what is looked at in them; all that is below.
our %ROOTS = (
	"/etc" => qr/^postfix(-.*)?$/,
	"/var/spool" => qr/^postfix-/,
	"/var/lib" => qr/^(postfix-|postmulti$)/,
);
# Of the primary's directory only what a postmulti may change.
my $primary = qr/^(main|master)\.cf(\.tmp)?$/;

sub unhex {
	my ($s) = @_;
	$s =~ s/\\x([0-9a-f]{2})/chr hex $1/ge;
	return $s;
}

# --- what files hold ------------------------------------------------------------

my @bytes = ("");
my %number = ("" => 0);

sub number {
	my ($bytes) = @_;
	return $number{$bytes} //= push(@bytes, $bytes) - 1;
}

sub bytes {
	return $bytes[$_[0]];
}

# --- what is on disk ------------------------------------------------------------

my %types = (S_IFREG, "f", S_IFDIR, "d", S_IFLNK, "l", S_IFSOCK, "s",
    S_IFIFO, "p");

sub scan_into {
	my ($state, $path) = @_;
	my @st = lstat $path or return;
	my $type = $types{S_IFMT($st[2])} // die "$path: what is this?";
	my $data = "";
	if ($type eq "f") {
		open my $fh, "<:raw", $path or die "$path: $!";
		local $/;
		$data = <$fh> // "";
	}
	$state->{$path} = [$type, S_IMODE($st[2]), @st[4, 5], number($data)];
	return if $type ne "d";
	opendir my $dh, $path or die "$path: $!";
	for my $name (readdir $dh) {
		next if $name =~ /^\.\.?$/ ||
		    ($path eq "/etc/postfix" && $name !~ $primary);
		scan_into($state, "$path/$name");
	}
}

sub scan {
	my %state;
	for my $root (keys %ROOTS) {
		opendir my $dh, $root or die "$root: $!";
		scan_into(\%state, "$root/$_")
		    for grep { $_ =~ $ROOTS{$root} } readdir $dh;
	}
	return \%state;
}

# --- the log --------------------------------------------------------------------

# The calls that change something, or may; the rest isn't logged.
our @CALLS = qw(open openat openat2 creat mkdir mkdirat rename renameat
    renameat2 unlink unlinkat rmdir link linkat symlink symlinkat mknod mknodat
    write pwrite64 writev pwritev pwritev2 lseek ftruncate truncate fallocate
    copy_file_range sendfile splice fsync fdatasync sync syncfs
    sync_file_range chmod fchmod fchmodat chown lchown fchown fchownat setxattr
    lsetxattr fsetxattr removexattr lremovexattr fremovexattr io_uring_setup);

my $fd = qr/(\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?/;
my $str = qr/"([^"]*)"/;

sub below {
	my ($dir, $name) = @_;
	($dir, $name) = (unhex($dir), unhex($name));
	return $name =~ m{^/} ? $name : $name eq "." ? $dir : "$dir/$name";
}

# A call as [kind, path, ...], undef where it is none of ours to know.
sub parse_call {
	my ($call, $args, $ret) = @_;

	if ($call =~ /^(open|openat|openat2|creat)$/) {
		return unless $ret =~ /^(\d+)<([^>]*)>/;
		my ($n, $path) = ($1, unhex($2));
		my ($mode) = $args =~ /mode=(0\d+)/;
		($mode) = $args =~ /, (0\d+)$/ unless defined $mode;
		return ["open", $path, $n, scalar($args =~ /O_CREAT/ ||
			$call eq "creat"), scalar($args =~ /O_TRUNC/ ||
			$call eq "creat"), oct($mode // 0)];
	}
	return ["mkdir", unhex($1), oct $2]
	    if $call eq "mkdir" && $args =~ /^$str, (\d+)/;
	return ["mkdir", below($2, $4), oct $5]
	    if $call eq "mkdirat" && $args =~ /^$fd, $str, (\d+)/;
	return ["unlink", unhex($1)]
	    if $call =~ /^(unlink|rmdir)$/ && $args =~ /^$str/;
	return ["unlink", below($2, $4)]
	    if $call eq "unlinkat" && $args =~ /^$fd, $str/;
	return ["rename", unhex($1), unhex($2)]
	    if $call eq "rename" && $args =~ /^$str, $str/;
	return ["rename", below($2, $4), below($6, $8)]
	    if $call eq "renameat" && $args =~ /^$fd, $str, $fd, $str/;
	# From here on descriptors; what has no name any more can't come back.
	return if $args =~ /^$fd/ && ($3 || $2 !~ m{^(/|\\x2f)});
	return ["write", unhex($2), $1, unhex($4), $ret]
	    if $call eq "write" && $args =~ /^$fd, $str, \d+$/;
	return ["seek", unhex($2), $1, $ret]
	    if $call eq "lseek" && $args =~ /^$fd/;
	return ["truncate", unhex($2), $4]
	    if $call eq "ftruncate" && $args =~ /^$fd, (\d+)/;
	return ["mode", unhex($2), oct $4]
	    if $call eq "fchmod" && $args =~ /^$fd, (\d+)/;
	return ["owner", unhex($2), $4, $5]
	    if $call eq "fchown" && $args =~ /^$fd, (-?\d+), (-?\d+)/;
	return ["sync", unhex($2)]
	    if $call =~ /^(fsync|fdatasync)$/ && $args =~ /^$fd/;
	return ["unknown", unhex($args)];
}

# All calls that succeeded, in the order in which they ended.
sub read_log {
	my ($file) = @_;
	my (@log, %begun);
	open my $fh, "<", $file or die "$file: $!";
	while (<$fh>) {
		my ($pid, $rest) = /^(\d+) +(.*)$/ or next;
		if ($rest =~ /^(.*) <unfinished \.\.\.>$/) {
			$begun{$pid} = $1;
			next;
		}
		$rest = (delete($begun{$pid}) // "") . $1
		    if $rest =~ /^<\.\.\. \w+ resumed>(.*)$/;
		my ($call, $args, $ret) =
		    $rest =~ /^(\w+)\((.*)\) += (-?\d+.*)$/ or next;
		next if $ret =~ /^-/;
		my $op = parse_call($call, $args, $ret) or next;
		push @log, {pid => $pid, call => $call, op => $op};
	}
	return \@log;
}

# --- the model --------------------------------------------------------------------

# One copy of the file system: names by directory, attributes by inode.  The
# inodes of the initial tree are numbered by path, new ones follow.
sub copy {
	my ($fs) = @_;
	return {
		names => {map { $_ => {%{$fs->{names}{$_}}} }
		    keys %{$fs->{names}}},
		inode => {map { $_ => [@{$fs->{inode}{$_}}] }
		    keys %{$fs->{inode}}},
	};
}

sub new {
	my ($class, $scan) = @_;
	my $fs = {names => {}, inode => {}};
	$fs->{names}{$_} = {} for keys %ROOTS;
	for my $path (sort keys %$scan) {
		my ($dir, $name) = $path =~ m{^(.*)/([^/]+)$};
		$fs->{inode}{$path} = [@{$scan->{$path}}];
		$fs->{names}{$path} = {} if $scan->{$path}[0] eq "d";
		$fs->{names}{$dir}{$name} = $path;
	}
	return bless {cache => $fs, disk => copy($fs), pending => [],
	    position => {}, next => 1, points => 0, combinations => 0,
	    seen => {}, done => []}, $class;
}

sub flatten_dir {
	my ($fs, $state, $dir, $path) = @_;
	my $names = $fs->{names}{$dir};
	for my $name (keys %$names) {
		my $inode = $names->{$name} // next;
		$state->{"$path/$name"} = [@{$fs->{inode}{$inode}}];
		flatten_dir($fs, $state, $inode, "$path/$name")
		    if $fs->{names}{$inode};
	}
}

sub flatten {
	my ($fs) = @_;
	my %state;
	flatten_dir($fs, \%state, $_, $_) for keys %ROOTS;
	return \%state;
}

# The inode that a path means now.
sub find {
	my ($self, $path) = @_;
	for my $root (keys %ROOTS) {
		next unless $path =~ m{^\Q$root\E(?:/(.*))?$};
		my $at = $root;
		for my $name (split m{/}, $1 // "") {
			$at = $self->{cache}{names}{$at}{$name} // return;
		}
		return $at;
	}
	return;
}

# The directory's inode and the name.  A change outside of what we look at is
# an error: the model would be silent about it.
sub split_path {
	my ($self, $path) = @_;
	my ($dir, $name) = $path =~ m{^(.*)/([^/]+)$};
	my $inode = $self->find($dir);
	die "$path was changed, which is not looked at\n"
	    if !defined $inode || ($ROOTS{$dir} && $name !~ $ROOTS{$dir}) ||
	    ($dir eq "/etc/postfix" && $name !~ $primary);
	return ($inode, $name);
}

# A change: {inode it belongs to, names => {name => inode} or what of the
# inode, with its new value}.
sub apply {
	my ($fs, $c, $torn) = @_;
	if ($c->{names}) {
		my $names = $fs->{names}{$c->{inode}};
		$names->{$_} = $c->{names}{$_} for keys %{$c->{names}};
		return;
	}
	my $i = $fs->{inode}{$c->{inode}};
	$i->[1] = $c->{mode} if defined $c->{mode};
	$i->[2] = $c->{uid} if defined $c->{uid};
	$i->[3] = $c->{gid} if defined $c->{gid};
	return if !defined $c->{length} && !defined $c->{bytes};
	$i->[4] = $c->{made}{$torn ? 1 : 0}{$i->[4]} //=
	    number(changed($c, $torn, bytes($i->[4])));
}

sub changed {
	my ($c, $torn, $data) = @_;
	if (defined $c->{length}) {
		return length $data > $c->{length} ?
		    substr($data, 0, $c->{length}) :
		    $data . "\0" x ($c->{length} - length $data);
	}
	my $bytes = $c->{bytes};
	$bytes = substr $bytes, 0, length($bytes) / 2 if $torn;
	$data .= "\0" x ($c->{at} - length $data) if length $data < $c->{at};
	substr($data, $c->{at}, length $bytes) = $bytes;
	return $data;
}

sub change {
	my ($self, $inode, %what) = @_;
	my $c = {inode => $inode, id => $self->{next}++, %what};
	apply($self->{cache}, $c);
	push @{$self->{pending}}, $c;
}

# A new inode: both copies know it, no name leads to it on disk.
sub make {
	my ($self, $path, $type, $mode) = @_;
	my ($dir, $name) = $self->split_path($path);
	my $inode = "new" . $self->{next}++;
	for my $fs ($self->{cache}, $self->{disk}) {
		$fs->{inode}{$inode} = [$type, $mode, 0, 0, 0];
		$fs->{names}{$inode} = {} if $type eq "d";
	}
	$self->change($dir, names => {$name => $inode});
}

sub sync {
	my ($self, $inode) = @_;
	my @rest;
	for my $c (@{$self->{pending}}) {
		if ($c->{inode} eq $inode) {
			apply($self->{disk}, $c);
			push @{$self->{done}}, $c->{id};
		} else {
			push @rest, $c;
		}
	}
	my $n = @{$self->{pending}} - @rest;
	$self->{pending} = \@rest;
	return $n;
}

# Takes one logged call; returns whether it could make a difference.
sub step {
	my ($self, $log) = @_;
	my ($kind, $path, @arg) = @{$log->{op}};
	my $fd = "$log->{pid} " . ($arg[0] // "");

	if ($kind eq "unknown") {
		die "$log->{call}($path): not in the model\n"
		    if $path =~ m{/(etc|var/spool|var/lib)/} ||
		    $log->{call} =~ /^(sync|io_uring)/;
		return 0;
	}
	if ($kind eq "open") {
		my (undef, $create, $truncate, $mode) = @arg;
		return 0 unless $path =~ m{^/(etc|var/(spool|lib))/};
		$self->{position}{$fd} = 0;
		my $inode = $self->find($path);
		if (!defined $inode && $create) {
			$self->make($path, "f", $mode);
		} elsif (defined $inode && $truncate) {
			$self->change($inode, length => 0);
		} else {
			return 0;
		}
	} elsif ($kind eq "mkdir") {
		# The model's record of which directory is which is its path.
		die "$path: made a second time\n" if $self->{made}{$path}++;
		$self->make($path, "d", $arg[0]);
	} elsif ($kind eq "unlink") {
		my ($dir, $name) = $self->split_path($path);
		$self->change($dir, names => {$name => undef});
	} elsif ($kind eq "rename") {
		my ($dir, $from) = $self->split_path($path);
		my ($dir2, $to) = $self->split_path($arg[0]);
		die "rename between directories\n" if $dir ne $dir2;
		$self->change($dir, names => {$to => $self->find($path),
		    $from => undef});
	} else {
		my $inode = $self->find($path);
		if (!defined $inode) {
			return 0 unless $kind =~ /^(mode|owner|truncate)$/ ||
			    ($kind eq "write" && $path =~ m{^/(etc|var)/} &&
				$path !~ m{^/var/log/});
			die "$path was changed, which is not looked at\n";
		}
		if ($kind eq "seek") {
			$self->{position}{$fd} = $arg[1];
			return 0;
		} elsif ($kind eq "write") {
			my $at = $self->{position}{$fd};
			$self->change($inode, at => $at,
			    bytes => substr $arg[1], 0, $arg[2]);
			$self->{position}{$fd} += $arg[2];
		} elsif ($kind eq "truncate") {
			$self->change($inode, length => $arg[0]);
		} elsif ($kind eq "mode") {
			$self->change($inode, mode => $arg[0]);
		} elsif ($kind eq "owner") {
			$self->change($inode,
			    uid => $arg[0] < 0 ? undef : $arg[0],
			    gid => $arg[1] < 0 ? undef : $arg[1]);
		} elsif ($kind eq "sync") {
			return $self->sync($inode);
		}
	}
	return 1;
}

# Losing a change of owner or mode loses the later ones of the same inode.
sub lose_later {
	my ($pending, $way) = @_;
	my %lost;
	for my $c (@$pending) {
		next unless defined $c->{mode} || exists $c->{uid};
		$way->{$c->{id}} = "lost" if $lost{$c->{inode}};
		$lost{$c->{inode}} = 1 if $way->{$c->{id}};
	}
	return $way;
}

# The combinations: all survives, nothing does, one or two changes are lost (or
# torn), one alone survives.
sub combinations {
	my ($pending, $pairs) = @_;
	my @ways = ({});
	my @losses;
	for my $c (@$pending) {
		push @losses, [$c->{id}, "lost"];
		push @losses, [$c->{id}, "torn"]
		    if defined $c->{bytes} && length $c->{bytes} > 1;
	}
	for my $i (0 .. $#losses) {
		my ($id, $how) = @{$losses[$i]};
		push @ways, {$id => $how};
		for my $j ($pairs ? $i + 1 .. $#losses : ()) {
			push @ways, {$id => $how,
			    $losses[$j][0] => $losses[$j][1]}
			    if $losses[$j][0] != $id;
		}
	}
	push @ways, {map { $_->{id} => "lost" } @$pending};
	for my $one (@$pending) {
		push @ways, {map { $_->{id} => "lost" }
		    grep { $_ != $one } @$pending};
	}
	return @ways;
}

# Calls back with each state that a crash now can leave and that no earlier
# crash could.
sub crash {
	my ($self, $each, $where, $pairs, $last) = @_;
	$self->{points}++;
	for my $way (combinations($self->{pending}, $pairs)) {
		$self->{combinations}++;
		lose_later($self->{pending}, $way);
		my $key = join " ", sort(@{$self->{done}},
		    map { !$way->{$_->{id}} ? $_->{id} :
			$way->{$_->{id}} eq "torn" ? "$_->{id}t" : () }
		    @{$self->{pending}});
		next if $self->{seen}{$key}++ && !$last;
		# Undone below: cheaper than a copy for each.
		my $disk = $self->{disk};
		my (%names, %inode);
		for my $c (@{$self->{pending}}) {
			my $i = $c->{inode};
			$names{$i} //= {%{$disk->{names}{$i}}}
			    if $disk->{names}{$i};
			$inode{$i} //= [@{$disk->{inode}{$i}}]
			    if $disk->{inode}{$i};
			my $how = $way->{$c->{id}} // "";
			apply($disk, $c, $how eq "torn") if $how ne "lost";
		}
		my $state = flatten($disk);
		$disk->{names}{$_} = $names{$_} for keys %names;
		$disk->{inode}{$_} = $inode{$_} for keys %inode;
		$each->($state, $where, $last);
	}
}

# Options: pairs => 0 leaves combinations of two out; skip => N takes the N-th
# logged call out, and is silent about crashes before it.
sub replay {
	my ($self, $log, $each, %o) = @_;
	my $pairs = $o{pairs} // 1;
	my $from = $o{skip} // 0;
	$self->crash($each, "before the first call", $pairs) if !$from;
	for my $i (0 .. $#$log) {
		next if defined $o{skip} && $o{skip} == $i;
		my $where = "after call " . ($i + 1) . ", $log->[$i]{call} " .
		    $log->[$i]{op}[1];
		$self->crash($each, $where, $pairs)
		    if $self->step($log->[$i]) && $i >= $from;
	}
	# The command has said that it is done.
	$self->crash($each, "after the last call", $pairs, 1);
	return flatten($self->{cache});
}

1;
