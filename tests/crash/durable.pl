# durable.pl CASE: what tests/crash/durable.sh does for one command, on its
# host: the command is recorded, each state that a power loss leaves is
# judged, and from each kind of state the same command is run again.
#
# Prints what is wrong and ends with status 1, or prints one line of figures.

use strict;
use warnings;
use Fcntl ':mode';
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use lib dirname(__FILE__);
use Crash;

my $postmulti = "/usr/local/sbin/postmulti";
my $asuser = "$ENV{TOOLS}/asuser";
my $name = "postfix-out";
my @dirs = ("/etc/$name", "/var/spool/$name", "/var/lib/$name");
my $main = "/etc/postfix/main.cf";
my $state_dir = "/var/lib/postmulti";
my $record = "$state_dir/records/,etc,$name";

# What becomes of a command: its arguments, who runs it, how the host is
# before, the action that its records name, and calls without which it must
# be found unsafe: "which file's or directory's fsync" => "what is then wrong".
my %cases = (
	"init" => {args => "-e init", user => "root", before => \&pristine,
	    needs => {"$main.tmp" => "neither old nor new",
		"/etc/postfix" => "done, but"}},
	"create.alice" => {args => "-I $name -G mta -e create",
	    user => "alice", before => \&none, record => "create",
	    needs => create_needs()},
	"create.root" => {args => "-I $name -G mta -e create",
	    user => "root", before => \&none, record => "create",
	    needs => create_needs()},
	"create.first" => {args => "-I $name -G mta -e create",
	    user => "alice", before => \&never_used, record => "create",
	    needs => {"/var/lib" => "no record",
		$state_dir => "no record"}},
	"import.root" => {args => "-e import config_directory=/etc/$name",
	    user => "root", before => \&deported, record => "import",
	    needs => {"$main.tmp" => "neither old nor new",
		"/etc/postfix" => "done, but",
		"$state_dir/records" => "done, but"}},
	"assign.root" =>
	    {args => "-i /etc/$name -I postfix-new -G other -e assign",
	    user => "root", before => \&created,
	    needs => {"/etc/$name/main.cf.tmp" => "neither old nor new",
		"/etc/$name" => "done, but"}},
	"enable.alice" => {args => "-i $name -e enable", user => "alice",
	    before => \&created,
	    needs => {"/etc/$name/main.cf.tmp" => "neither old nor new",
		"/etc/$name" => "done, but"}},
	"deport.root" => {args => "-i $name -e deport", user => "root",
	    before => \&created,
	    needs => {"$main.tmp" => "neither old nor new",
		"/etc/postfix" => "done, but"}},
	"destroy.alice" => {args => "-i $name -e destroy", user => "alice",
	    before => \&used, record => "destroy", needs => destroy_needs()},
	"destroy.root" => {args => "-i $name -e destroy", user => "root",
	    before => \&used, record => "destroy", needs => destroy_needs()},
);

sub create_needs {
	return {
		"/etc/$name/main.cf.tmp" => "neither old nor new",
		"$main.tmp" => "neither old nor new",
		"$state_dir/records/tmp" => "not whole",
		"$state_dir/records" => "no record",
		"/etc" => "is not complete",
		"/var/spool" => "is not complete",
		"/var/lib" => "is not complete",
		"/etc/$name" => "is not complete",
		"/var/spool/$name" => "is not complete",
		"/var/spool/$name/maildrop" => "is not complete",
		"/var/lib/$name" => "is not complete",
		"/etc/postfix" => "no record",
	};
}

sub destroy_needs {
	return {
		"$main.tmp" => "neither old nor new",
		"$state_dir/records/tmp" => "not whole",
		"$state_dir/records" => "no record",
		"/etc/postfix" => "no record",
		"/etc" => "no record",
		"/var/spool" => "record says done",
		"/var/lib" => "record says done",
	};
}

# --- the host -------------------------------------------------------------------

sub slurp {
	open my $fh, "<", $_[0] or die "$_[0]: $!";
	local $/;
	return <$fh>;
}

sub must {
	my $out = qx{timeout -s KILL 60 @_ 2>&1 </dev/null};
	die "@_: $out" if $? != 0;
}

sub pristine {
	must("cp -a /tmp/pristine.cf $main");
}

sub none { }

sub created {
	must("$postmulti -I $name -G mta -e create");
}

sub deported {
	created();
	must("$postmulti -i $name -e deport");
}

sub never_used {
	remove_tree($state_dir);
}

# An instance that has really run: sockets, FIFOs, locks are in its queue.
sub used {
	created();
	my $cf = "/etc/$name/master.cf";
	my $text = join "\n", grep {
		/^(pickup|cleanup|qmgr|rewrite|error)\s/ } split /\n/,
	    slurp($cf);
	open my $fh, ">", $cf or die "$cf: $!";
	print $fh "$text\n";
	close $fh or die "$cf: $!";
	must("$postmulti -i $name -e enable");
	must("find /etc/postfix* -maxdepth 1 -name '*.cf'",
	    "-exec touch -d '1 hour ago' {} +");
	must("$postmulti -i $name -p start");
	must("$postmulti -i $name -p stop");
	must("$postmulti -i $name -e disable");
	die "it has no socket in its queue\n"
	    unless grep { S_ISSOCK((lstat $_)[2]) }
	    glob "/var/spool/$name/p*/*";
}

# Makes the disk what a state says.  Directories are others than they were, so
# records are told which: as if theirs had kept their numbers.
sub materialise {
	my ($state) = @_;

	remove_tree(@dirs, $state_dir, {safe => 0});
	unlink $main, "$main.tmp";
	for my $path (sort { ($a =~ /^\Q$state_dir\E/) <=>
	    ($b =~ /^\Q$state_dir\E/) || $a cmp $b } keys %$state) {
		my ($type, $mode, $uid, $gid) = @{$state->{$path}};
		my $data = content($state, $path);
		next if $type eq "d" && -d $path; # not about them
		if ($type eq "d") {
			mkdir $path or die "$path: $!";
		} elsif ($type eq "f") {
			next if -e $path;
			$data =~ s{^(\w+) (\d+) ([1-9]\d*) (/\S+)$}{
			    my @st = lstat $4;
			    "$1 $2 " . ($st[1] // 1 << 40) . " $4"}gem
			    if $path =~ m{/records/};
			open my $fh, ">:raw", $path or die "$path: $!";
			print $fh $data;
			close $fh or die "$path: $!";
		} elsif ($type eq "s") {
			next if -e $path;
			IO::Socket::UNIX->new(Local => $path, Listen => 1) or
			    die "$path: $!";
		} elsif ($type eq "p") {
			next if -e $path;
			mkfifo($path, 0600) or die "$path: $!";
		} else {
			die "$path: a $type";
		}
		chown $uid, $gid, $path or die "$path: $!";
		chmod $mode, $path or die "$path: $!";
	}
}

# --- judging a state ----------------------------------------------------------------

# What nobody misses: temporary files, which are taken over; the lock; the
# directories that hold nothing but records.
sub strip {
	my ($state) = @_;
	return {map { $_ => $state->{$_} } grep {
		!m{/main\.cf\.tmp$|/records/tmp$|^\Q$state_dir\E(/lock|/records)?$}
	} keys %$state};
}

sub line {
	my ($path, $e) = @_;
	return "$path @$e";
}

sub text {
	my ($state) = @_;
	return join "\n", map { line($_, $state->{$_}) } sort keys %$state;
}

sub content {
	my ($state, $path) = @_;
	return $state->{$path} ? Crash::bytes($state->{$path}[4]) : "";
}

sub listed {
	my ($state) = @_;
	my ($list) = content($state, $main) =~
	    /^multi_instance_directories[ \t]*=(.*(?:\n[ \t].*)*)/m;
	return split " ", $list // "";
}

sub trees_of {
	my ($dir) = @_;
	my ($n) = $dir =~ m{/([^/]+)$};
	return qr{^(/etc|/var/spool|/var/lib)/\Q$n\E(/|$)};
}

my $whole = qr{\Apostmulti\ record\ 1\n
    action\ (create|import|destroy)\n
    directories\ (begun|done)\n
    uid\ \d+\n time\ \d+\n name\ \S+\n group\ \S+\n
    config\ \d+\ \d+\ /etc/postfix-out\n
    queue\ \d+\ \d+\ /var/spool/postfix-out\n
    data\ \d+\ \d+\ /var/lib/postfix-out\n\z}x;

# $c: the case with its states before and after.  Each thing wrong as a line.
sub judge {
	my ($c, $state, $last) = @_;
	my ($before, $after) = @$c{qw(old new)};
	my (%record, @bad);
	my $say = sub { push @bad, join "", @_ };

	# Nothing but what it was or what it becomes.
	my %cf = map { $_ => 1 } grep { m{/(main|master)\.cf$} }
	    keys %$state, keys %$before, keys %$after;
	for my $path (sort keys %cf) {
		my ($is, @may) = map { $_->{$path} ?
		    line($path, $_->{$path}) : "" } $state, $before, $after;
		$say->("$path: neither old nor new: ",
		    length content($state, $path), " bytes") unless grep { $is eq $_ } @may;
	}
	for my $path (grep { m{^\Q$state_dir\E/records/,} }
	    sort keys %$state) {
		my $e = $state->{$path};
		if (content($state, $path) =~ $whole &&
		    "@$e[0 .. 3]" eq "f 384 0 0") {
			$record{$path} = [$1, $2];
		} else {
			$say->("$path: not whole");
		}
	}
	my $known = ($record{$record} // [""])->[0];
	# Who is on the list is there, all of it.
	my %was = map { $_ => $before } listed($before);
	my %will = map { $_ => $after } listed($after);
	for my $dir (listed($state)) {
		my $like = $will{$dir} // $was{$dir} // {};
		my $trees = trees_of($dir);
		next if $dir eq "/etc/$name" && $known eq "destroy";
		$say->("$dir: registered, is not complete: $_")
		    for grep { $_ =~ $trees && !same_entry($_, $state, $like) &&
			!m{/(main|master)\.cf$} && !m{\.tmp$} } sort keys %$like;
		$say->("$dir: registered, is not complete: no $_")
		    for grep { !$state->{"$dir/$_"} } qw(main.cf master.cf);
	}
	# What was begun is done, was not begun, or is known.
	my $is = text(strip($state));
	my $new = $is eq $c->{new_text};
	if ($is ne $c->{old_text} && !$new &&
	    $known ne ($c->{record} // "none")) {
		$say->("$dirs[0]: half-way, and no record of it: ",
		    join ", ", map { s/ .*//r }
		    difference($is, $c->{new_text}));
	}
	# A record that says more than is so would have it skipped.
	if ($known eq "create" && $record{$record}[1] eq "done") {
		$say->("record says done: $_")
		    for grep { m{^(/etc|/var/spool|/var/lib)/\Q$name\E(/|$)} &&
			$after->{$_}[0] eq "d" && !same_entry($_, $state,
			    $after) } sort keys %$after;
	} elsif ($known eq "destroy" && $record{$record}[1] eq "done") {
		$say->("record says done: $_")
		    for grep { m{^(/var/spool|/var/lib)/\Q$name\E(/|$)} }
		    sort keys %$state;
	}
	# Nobody else's.
	my $other = qr{^(?!\Q$main\E|\Q$state_dir\E|
	    (?:/etc|/var/spool|/var/lib)/\Q$name\E(?:/|$))}x;
	$say->("$_: not about it, and changed")
	    for grep { $_ =~ $other && !m{\.tmp$} &&
		!same_entry($_, $state, $before) } sort keys %$before;
	$say->("$dirs[0]: said to be done, but may be lost: ",
	    join ", ", difference($is, $c->{new_text})) if $last && !$new;
	return @bad;
}

sub same_entry {
	my ($path, $x, $y) = @_;
	return defined $x->{$path} && defined $y->{$path} &&
	    line($path, $x->{$path}) eq line($path, $y->{$path});
}

sub difference {
	my ($x, $y) = map { {map { $_ => 1 } split /\n/, $_} } @_;
	return ((map { "is $_" } grep { !$y->{$_} } sort keys %$x),
	    map { "should be $_" } grep { !$x->{$_} } sort keys %$y);
}

# The kind of a state: sub-directories of the queue that Postfix treats alike
# count as none, one, several; what else differs is another kind.
sub kind {
	my ($c, $state) = @_;
	my (@lines, %alike);
	my $sub = qr{^/var/spool/\Q$name\E/(?!maildrop$|pid$|pid/)};
	for my $path (keys %{{%$state, %{$c->{old}}, %{$c->{new}}}}) {
		my $e = $state->{$path};
		my $line = $e ? line($path, $e) : "$path -";
		if ($path =~ $sub) {
			# Whether as it was or shall be, else how it is.
			my ($o, $n) = map { $_->{$path} ?
			    line($path, $_->{$path}) : "$path -" }
			    @$c{qw(old new)};
			my ($type) = map { $_->[0] } grep { $_ } $e,
			    $c->{old}{$path}, $c->{new}{$path};
			my $how = $line eq $n ? "new" : $line eq $o ? "old" :
			    substr $line, length $path;
			$alike{"$type $how"}++;
		} else {
			push @lines, $line;
		}
	}
	push @lines, map { "$_ " . ($alike{$_} > 1 ? "many" : 1) }
	    keys %alike;
	return join "\n", sort @lines;
}

# --- the test of one case -----------------------------------------------------------

sub record_run {
	my ($c) = @_;
	my $log = "/tmp/strace.log";
	my $calls = join ",", map { "?$_" } @Crash::CALLS;
	my $out = qx{timeout -s KILL 100 strace -f -y -xx -s 10000000 \\
	    -u $c->{user} -e signal=none -e trace=$calls -o $log \\
	    $postmulti $c->{args} 2>&1 </dev/null};
	die "$c->{args}: status $?: $out" if $? != 0;
	return Crash::read_log($log);
}

sub simulate {
	my ($c, $log, %o) = @_;
	my $sim = Crash->new($c->{old});
	my (%states, @bad);
	my $end = $sim->replay($log, sub {
		my ($state, $where, $last) = @_;
		my $text = text($state);
		return if !$last && $states{$text};
		$states{$text} //= $state;
		my $wrong = $last ? [judge($c, $state, 1)] :
		    ($c->{judged}{$text} //= [judge($c, $state, 0)]);
		push @bad, map { "$where: $_" } @$wrong;
	}, %o);
	return {sim => $sim, states => \%states, bad => \@bad, end => $end};
}

# Temporary files that are still there don't outlive the next change.
sub left_over {
	my ($c) = @_;
	my $scan = Crash::scan();
	my %left = map { $_ => 1 } grep { m{/main\.cf\.tmp$|/records/tmp$} }
	    keys %$scan;
	my @next;

	return if !%left;
	push @next, "-i - -e disable", "-i - -e enable" if $left{"$main.tmp"};
	push @next, grep({ $_ eq "/etc/$name" } listed($scan)) ?
	    ("-i /etc/$name -e disable", "-i /etc/$name -e enable") :
	    "-e import config_directory=/etc/$name"
	    if $left{"/etc/$name/main.cf.tmp"};
	push @next, "-I postfix-next -e create", "-i postfix-next -e destroy"
	    if $left{"$state_dir/records/tmp"};
	$c->{leftovers}++;
	must("$postmulti $_") for @next;
	return map { "$_ stays for ever" } grep { -e $_ } keys %left;
}

# The same command on a disk as a crash has left it.
sub again {
	my ($c, $state) = @_;
	materialise($state);
	my $out = qx{timeout -s KILL 60 $asuser $c->{user} \\
	    $postmulti $c->{args} 2>&1 </dev/null};
	my $status = $?;
	my $after = text(strip(Crash::scan()));
	my @bad;
	push @bad, difference($after, $c->{new_text})
	    if $after ne $c->{new_text};
	# What is done can't be done again; the command may say so.
	push @bad, "status $status: $out"
	    if $status != 0 && text(strip($state)) ne $c->{new_text};
	push @bad, left_over($c) if !@bad;
	return @bad;
}

# Each fsync that made something durable, taken out of the log by itself.
# Returns how many there are and those whose loss goes unnoticed.
sub without_fsync {
	my ($c, $log) = @_;
	my (%found, @unseen);
	my $n = 0;
	for my $i (0 .. $#$log) {
		next if $log->[$i]{op}[0] ne "sync" || !$log->[$i]{made};
		my $path = $log->[$i]{op}[1];
		my $r = simulate($c, $log, skip => $i, pairs => 0);
		$n++;
		push @unseen, $path if !@{$r->{bad}};
		$found{$path} = join "\n", $found{$path} // (), @{$r->{bad}};
	}
	return ($n, \%found, @unseen);
}

my ($case) = @ARGV;
my $c = $cases{$case} or die "no case $case\n";
my @bad;

$c->{before}->();
$c->{old} = Crash::scan();
my $log = record_run($c);
$c->{new} = Crash::scan();
die "no main.cf there\n" if !$c->{old}{$main} || !$c->{new}{$main};
$_->{text} = text(strip($_->{state}))
    for my ($o, $n) = ({state => $c->{old}}, {state => $c->{new}});
@$c{qw(old_text new_text)} = ($o->{text}, $n->{text});
die "it changed nothing\n" if $c->{old_text} eq $c->{new_text};

# The log is all that happened: replayed without a crash it ends as the disk.
my $r = simulate($c, $log);
if (text($r->{end}) ne text($c->{new})) {
	print map { "the replay isn't what happened: $_\n" }
	    difference(text($r->{end}), text($c->{new}));
	exit 1;
}
push @bad, @{$r->{bad}};

# Which fsyncs there are to take out.
my $sim = Crash->new($c->{old});
$_->{made} = $sim->step($_) for @$log;
my ($fsyncs, $found, @unseen) = without_fsync($c, $log);
for my $path (sort keys %{$c->{needs}}) {
	push @bad, "without fsync of $path: nothing seen of " .
	    "\"$c->{needs}{$path}\", but: " . ($found->{$path} // "no such")
	    if ($found->{$path} // "") !~ /\Q$c->{needs}{$path}\E/;
}

my %kinds;
$kinds{kind($c, $r->{states}{$_})} //= $r->{states}{$_}
    for sort keys %{$r->{states}};
for my $k (sort keys %kinds) {
	my @wrong = again($c, $kinds{$k});
	next if !@wrong;
	push @bad, "run again: " . join("; ", @wrong) . "; from: " .
	    join ", ", difference(text($kinds{$k}), $c->{new_text});
}

printf "#: %s: %d crash points, %d combinations, %d states, none wrong; " .
    "run again from %d kinds (%d left a temporary file); %d of %d fsyncs missed when taken out\n",
    $case, $r->{sim}{points}, $r->{sim}{combinations},
    scalar keys %{$r->{states}}, scalar keys %kinds, $c->{leftovers} // 0, $fsyncs - @unseen,
    $fsyncs if !@bad;
my %seen;
print "not missed: ", join(" ", grep { !$seen{$_}++ } @unseen), "\n"
    if @unseen;
printf "%d wrong, the first ones:\n", scalar @bad if @bad;
print map { substr($_, 0, 1500) . "\n" } @bad[0 .. ($#bad < 20 ? $#bad : 20)];
exit(@bad ? 1 : 0);
