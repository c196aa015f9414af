package Load;

# What the clients of load.sh do, and what each knows of the instances that it
# alone works on: text and place of every main.cf, as they have to be.  What
# several work on is journalled with times instead, and judged by LoadCheck.

use strict;
use warnings;
use Fcntl ':flock';
use POSIX ();
use Storable qw(store retrieve);
use Time::HiRes qw(time sleep);

our $DIR = "/tmp/load";
our $POSTMULTI = "/usr/local/sbin/postmulti";
my $LIMIT = 150;	# seconds for one command

# Each has five slots, /etc/postfix-USER-NUMBER-0 and so on; those of alice
# have a limit of four.
our @CLIENTS = qw(root root root alice alice alice bob bob);
our $SLOTS = 5;
our @SHARED = map { "postfix-shared-$_" } 0 .. 3;
our $PRIZE = "postfix-prize";
our $PLACE = "postfix-t500";	# what -i places new ones before

sub slurp {
	my ($file) = @_;
	open my $fh, "<:raw", $file or return;
	local $/;
	return scalar(<$fh>) // "";
}

# As edit.c and postconf -e: in its place, or at the end.
sub edit {
	my ($text, $param, $value) = @_;
	my $line = "$param = $value\n";
	return $text if $text =~ s/^\Q$param\E =.*\n/$line/m;
	return $text . $line;
}

# As create writes it, from another one's.
sub main_cf {
	my ($name, $group) = @_;
	our $template //= slurp("$DIR/template");
	my $text = $template =~ s/postfix-t0\b/$name/gr;
	return $group eq "" ? $text :
	    edit($text, "multi_instance_group", $group);
}

# --- running commands ---------------------------------------------------------

# Leaves status, out and err; each waits no longer than LIMIT.
sub command {
	my ($c, $kind, $user, @argv) = @_;
	my $file = "$DIR/client.$c->{n}";
	my $begin = time;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDIN, "<", "/dev/null" or POSIX::_exit(126);
		open STDOUT, ">", "$file.out" or POSIX::_exit(126);
		open STDERR, ">", "$file.err" or POSIX::_exit(126);
		exec "timeout", "-s", "KILL", $LIMIT, "$ENV{TOOLS}/asuser",
		    $user, @argv or POSIX::_exit(126);
	}
	waitpid $pid, 0;
	my %r = (kind => $kind, argv => "$user: @argv", begin => $begin,
	    end => time, status => $? & 127 ? 128 + ($? & 127) : $? >> 8);
	$c->{out} = slurp("$file.out");
	$c->{err} = slurp("$file.err");
	my $fatal = () = $c->{err} =~ /fatal:/g;
	$r{result} = $r{status} == 0 ? "ok" :
	    $r{status} != 1 || $fatal != 1 ? "broken" :
	    $c->{err} =~ /try again later|cannot be locked/ ? "busy" :
	    "refused";
	push @{$c->{journal}}, \%r;
	return \%r;
}

sub finding {
	my ($c, $r, $text) = @_;
	push @{$c->{findings}}, "client $c->{n}, command " .
	    @{$c->{journal}} . ", $r->{argv}: $text, status $r->{status}: " .
	    substr($c->{err}, 0, 1000);
	return;
}

sub postmulti {
	my ($c, $kind, @args) = @_;
	unshift @args, "--lock-timeout=1"
	    if $kind ne "list" && $kind ne "postconf -h" && rand() < 0.15;
	return command($c, $kind, $c->{user}, $POSTMULTI, @args);
}

# True when the command did what it should and that was to succeed.  A lock
# timeout leaves everything as it was; where there are several steps, the same
# command again finishes what was begun.
sub expect {
	my ($c, $want, $steps, $kind, @args) = @_;
	my ($r, $begin);
	for (1 .. 30) {
		$r = postmulti($c, $kind, @args);
		$begin //= $r->{begin};
		last if $r->{result} ne "busy" || !$steps;
	}
	$c->{span} = [$begin, $r->{end}];
	return if $r->{result} eq "busy" && !$steps;
	return finding($c, $r, "should be $want, is $r->{result}")
	    if $r->{result} ne $want;
	return $r->{result} eq "ok";
}

# --- the instances of one client ---------------------------------------------------

sub listed {
	my ($c) = @_;
	return grep { $_->{place} eq "list" } @{$c->{slots}};
}

sub taken {
	my ($c, $name, $by) = @_;
	return grep { $_ != $by && $_->{name} eq $name } listed($c);
}

sub full {
	my ($c) = @_;
	return $c->{limit} && listed($c) >= $c->{limit};
}

sub selector {
	my ($c, $s) = @_;
	return $s->{slot} if $s->{place} ne "list";
	return $s->{name} =~ s/^postfix-//r if rand() < 0.3;
	return "/etc/$s->{slot}" if $c->{user} eq "root" && rand() < 0.3;
	return $s->{name};
}

sub set {
	my ($s, $param, $value) = @_;
	$s->{text} = edit($s->{text}, "multi_instance_$param", $value);
}

sub create {
	my ($c, $s, $class) = @_;
	# What root's create finds complete it takes.
	return import_it($c, $s)
	    if $s->{place} eq "off" && $c->{user} eq "root";
	my $want = $s->{place} eq "none" && !full($c) ? "ok" : "refused";
	my $group = rand() < 0.5 ? "" : "g" . int rand 3;
	$class //= (qw(last last last first before))[int rand 5];
	expect($c, $want, 1, "create", "-I", $s->{slot},
	    $group ne "" ? ("-G", $group) : (),
	    $class eq "first" ? "-a" :
	    $class eq "before" ? ("-i", $PLACE) : (), "-e", "create") or return;
	@$s{qw(place name group enabled class span)} = ("list", $s->{slot},
	    $group, 0, $class, $c->{span});
	$s->{text} = main_cf($s->{slot}, $group);
}

sub destroy {
	my ($c, $s) = @_;
	my $want = $s->{place} eq "list" && !$s->{enabled} ? "ok" : "refused";
	expect($c, $want, 1, "destroy", "-i", selector($c, $s), "-e",
	    "destroy") or return;
	$s->{place} = "none";
}

sub toggle {
	my ($c, $s) = @_;
	my $on = int rand 2;
	my $what = $on ? "enable" : "disable";
	expect($c, $s->{place} eq "list" ? "ok" : "refused", 0, $what,
	    "-i", selector($c, $s), "-e", $what) or return;
	set($s, "enable", $on ? "yes" : "no") if $s->{enabled} != $on;
	$s->{enabled} = $on;
}

sub assign {
	my ($c, $s) = @_;
	my $how = 1 + int rand 3;
	my $name = rand() < 0.4 ? $s->{slot} : "$c->{prefix}x" . int rand 3;
	# Nobody but root may enter a group that a rule names.
	my $group = $c->{user} ne "root" && rand() < 0.1 ? "pool" :
	    rand() < 0.2 ? "-" : "g" . int rand 3;
	my $want = $s->{place} eq "list" &&
	    !($how & 1 && taken($c, $name, $s)) &&
	    !($how & 2 && $group eq "pool") ? "ok" : "refused";
	expect($c, $want, 0, $how == 1 ? "assign -I" : $how == 2 ? "assign -G" :
	    "assign -I -G", "-i", selector($c, $s),
	    $how & 1 ? ("-I", $name) : (), $how & 2 ? ("-G", $group) : (),
	    "-e", "assign") or return;
	$group = "" if $group eq "-";
	set($s, "name", $s->{name} = $name)
	    if $how & 1 && $s->{name} ne $name;
	set($s, "group", $s->{group} = $group)
	    if $how & 2 && $s->{group} ne $group;
}

sub deport {
	my ($c, $s) = @_;
	# She could not import it again.
	return if $c->{user} eq "alice" && $s->{name} ne $s->{slot};
	my $want = $s->{place} eq "list" && !$s->{enabled} &&
	    $c->{user} ne "bob" ? "ok" : "refused";
	expect($c, $want, 0, "deport", "-i", selector($c, $s), "-e",
	    "deport") or return;
	@$s{qw(place span)} = ("off", $c->{span});
}

# Only root imports one that was renamed.
sub import_it {
	my ($c, $s) = @_;
	my $named = $c->{user} ne "root" || rand() < 0.5;
	my $name = $named ? $s->{slot} : $s->{name};
	my $want = $s->{place} eq "off" && !full($c) &&
	    !taken($c, $name, $s) &&
	    ($c->{user} eq "root" || $s->{name} eq $name) ? "ok" : "refused";
	return if $s->{place} ne "off" && !$named;
	expect($c, $want, 1, "import", $named ? ("-I", $name) : (), "-e",
	    "import", $c->{user} eq "root" ?
	    "config_directory=/etc/$s->{slot}" : ()) or return;
	set($s, "name", $s->{name} = $name) if $s->{name} ne $name;
	@$s{qw(place class span)} = ("list", "last", $c->{span});
}

sub deport_and_import {
	my ($c, $s) = @_;
	deport($c, $s) if $s->{place} ne "off" || rand() < 0.1;
	import_it($c, $s) if $s->{place} eq "off" && rand() < 0.7;
}

# A parameter of root's own in the main.cf of an instance of its own.
sub edit_own {
	my ($c, $s) = @_;
	return if $s->{place} eq "none" || $c->{user} ne "root";
	my ($param, $value) = ("load_" . int rand 3, int rand 1000);
	my $r = command($c, "postconf -e", "root", "env",
	    "LD_PRELOAD=$ENV{TOOLS}/nosleep.so", "postconf", "-c",
	    "/etc/$s->{slot}", "-e", "$param = $value");
	return finding($c, $r, "failed") if $r->{status};
	$s->{text} = edit($s->{text}, $param, $value);
}

# --- what everybody sees ----------------------------------------------------------

sub get {
	my ($c, $s) = @_;
	return if $s->{place} ne "list";
	my $r = postmulti($c, "postconf -h", "-i", selector($c, $s), "-x",
	    "env", "LD_PRELOAD=$ENV{TOOLS}/nosleep.so", "postconf", "-h",
	    "multi_instance_name", "queue_directory");
	my $want = "$s->{name}\n/var/spool/$s->{slot}\n";
	finding($c, $r, "wrong: $c->{out}") if $r->{status} ||
	    $c->{err} =~ /^postmulti/m || $c->{out} ne $want;
}

sub observe {
	my ($c, $r, $what, $value) = @_;
	push @{$c->{observed}}, [$what, $value, $r->{begin}, $r->{end}];
}

# A line of -l as the model has it.
sub line {
	my ($name, $group, $enabled, $dir) = @_;
	return sprintf "%-15s %-15s %-9s %s", $name, $group eq "" ? "-" : $group,
	    $enabled ? "y" : "n", $dir;
}

# The thousand as they were; one's own as they are now; of the others only that
# they are whole.
sub list {
	my ($c) = @_;
	my $r = postmulti($c, "list", "-l");
	return finding($c, $r, "failed") if $r->{status} || $c->{err} ne "";
	my (%line, @static);
	for (split /\n/, $c->{out}) {
		my ($name, $group, $enabled, $dir) =
		    /^(\S+) +(\S+) +([yn]) +(\S+)$/ or return finding($c, $r, "what is this: $_");
		return finding($c, $r, "twice: $_") if exists $line{$dir};
		$line{$dir} = $_;
		push @static, $_ if $dir =~ m{^/etc/postfix-t\d+$};
		observe($c, $r, "$dir group", $group eq "-" ? "" : $group)
		    if $dir =~ m{^/etc/postfix(-shared-\d)?$};
		observe($c, $r, "$dir enable", $enabled eq "y" ? "yes" : "no")
		    if $dir =~ m{^/etc/postfix-shared-\d$};
	}
	our $static //= slurp("$DIR/static.list");
	return finding($c, $r, "another one of the thousand")
	    if $static ne join "", map { "$_\n" } @static;
	for my $s (@{$c->{slots}}) {
		my $is = $line{"/etc/$s->{slot}"} // "";
		my $want = $s->{place} ne "list" ? "" : line(@$s{qw(name group
		    enabled)}, "/etc/$s->{slot}");
		finding($c, $r, "'$is' should be '$want'") if $is ne $want;
	}
}

# Never permitted, never possible.
sub refused {
	my ($c, $s) = @_;
	my $t = "postfix-t" . int rand 900;
	my @root = (["-I", $t, "-e", "create"], ["-i", "-", "-e", "destroy"],
	    ["-i", "nobody-has-that-name", "-e", "enable"],
	    ["-i", $t, "-I", "postfix-t900", "-e", "assign"],
	    ["-e", "import", "config_directory=/etc/$t"]);
	my @other = (["-i", $t, "-e", "enable"], ["-i", $t, "-e", "destroy"],
	    ["-i", "-", "-G", "mine", "-e", "assign"],
	    ["-I", "postfix-other", "-e", "create"],
	    ["-i", $SHARED[2], "-G", "g1", "-e", "assign"], ["-e", "init"]);
	my @of = $c->{user} eq "root" ? @root : @other;
	expect($c, "refused", 0, "refused", @{$of[int rand @of]});
}

# --- what several work on ---------------------------------------------------------

sub wrote {
	my ($c, $what, $value) = @_;
	push @{$c->{written}}, [$what, $value, @{$c->{span}}];
}

sub contested_group {
	my ($c, $n) = @_;
	my $group = "c" . int rand 100;
	expect($c, "ok", 0, "contested", "-i", $SHARED[$n], "-G", $group,
	    "-e", "assign") or return;
	wrote($c, "/etc/$SHARED[$n] group", $group);
}

sub contested {
	my ($c) = @_;
	my $n = int rand($c->{user} eq "root" ? 5 : 4);
	if ($n == 4) {
		my $group = "c" . int rand 100;
		expect($c, "ok", 0, "contested", "-i", "-", "-G", $group, "-e",
		    "assign") and wrote($c, "/etc/postfix group", $group);
	} elsif ($n < 2 && rand() < 0.6) {
		contested_group($c, $n);
	} else {
		my $on = int rand 2;
		expect($c, "ok", 0, "contested", "-i", $SHARED[$n], "-e",
		    $on ? "enable" : "disable") and
		    wrote($c, "/etc/$SHARED[$n] enable", $on ? "yes" : "no");
	}
}

# One name that all of root's clients want; who has it keeps it for a while.
sub prize {
	my ($c, $s) = @_;
	my $holds = $c->{prize};
	if ($holds) {
		expect($c, "ok", 0, "contested name", "-i", $PRIZE, "-I",
		    $holds->{slot}, "-e", "assign") or return;
		$c->{prize} = undef;
		set($holds, "name", $holds->{name} = $holds->{slot});
		push @{$c->{prizes}}, ["free", @{$c->{span}}];
		return;
	}
	return if $s->{place} ne "list";
	my $r = postmulti($c, "contested name", "-i", selector($c, $s), "-I",
	    $PRIZE, "-e", "assign");
	return if $r->{result} eq "busy";
	push @{$c->{prizes}}, [$r->{result}, $r->{begin}, $r->{end}];
	if ($r->{result} eq "ok") {
		$c->{prize} = $s;
		set($s, "name", $s->{name} = $PRIZE);
	} elsif ($r->{result} ne "refused" ||
	    $c->{err} !~ /$PRIZE (is already in use|conflicts)/) {
		finding($c, $r, "neither taken nor got");
	}
}

# Each has parameters of its own in the primary's main.cf and the shared ones':
# new ones, other values, and gone again.
sub edit_shared {
	my ($c, undef, $dir) = @_;
	my $param = "load_$c->{n}_" . int rand 12;
	my $gone = !defined $dir && rand() < 0.2;
	$dir //= (("postfix") x 4, @SHARED[0, 1])[int rand 6];
	$gone &&= exists $c->{params}{$dir}{$param};
	my $value = int rand 100000;
	my $r = command($c, "postconf -e", "root", "env",
	    "LD_PRELOAD=$ENV{TOOLS}/nosleep.so", "postconf", "-c", "/etc/$dir",
	    $gone ? ("-X", $param) : ("-e", "$param = $value"));
	return finding($c, $r, "failed") if $r->{status};
	if ($gone) {
		delete $c->{params}{$dir}{$param};
	} else {
		$c->{params}{$dir}{$param} = $value;
	}
}

# Somebody holds the lock for longer than a command waits: it says so, and has
# changed nothing.
sub held {
	my ($c, $s) = @_;
	return if $s->{place} ne "list";
	open my $fh, "+<", "/var/lib/postmulti/lock" or die "the lock: $!";
	my $until = time + 30;
	until (flock $fh, LOCK_EX | LOCK_NB) {
		return if time > $until;
		sleep 0.01;
	}
	my $what = $s->{enabled} ? "disable" : "enable";
	my $r = command($c, "held", "root", $POSTMULTI, "--lock-timeout=1",
	    "-i", $s->{name}, "-e", $what);
	close $fh;
	finding($c, $r, "should be busy, is $r->{result}")
	    if $r->{result} ne "busy";
}

# --- a client ----------------------------------------------------------------------

my @mix = ([\&list, 10], [\&get, 10], [\&create, 20], [\&destroy, 14],
    [\&toggle, 14], [\&assign, 12], [\&deport_and_import, 8], [\&refused, 8],
    [\&contested, 22]);
my @root_mix = (@mix, [\&prize, 8], [\&edit_shared, 20], [\&edit_own, 8],
    [\&held, 1]);

sub pick {
	my ($mix) = @_;
	my $sum = 0;
	$sum += $_->[1] for @$mix;
	my $n = rand $sum;
	for (@$mix) {
		return $_->[0] if ($n -= $_->[1]) < 0;
	}
	return $mix->[0][0];
}

# Mostly one where it can be done.
sub slot {
	my ($c, $what) = @_;
	my $place = $what == \&create ? "none" : "list";
	my @fit = grep { $_->{place} eq $place || ($_->{place} eq "off" &&
	    $what == \&deport_and_import) } @{$c->{slots}};
	my $of = @fit && rand() < 0.85 ? \@fit : $c->{slots};
	return $of->[int rand @$of];
}

sub new {
	my ($class, $n) = @_;
	my $user = $CLIENTS[$n];
	my $prefix = "postfix-$user-$n-";
	return bless {n => $n, user => $user, prefix => $prefix,
	    limit => $user eq "alice" ? 4 : 0, journal => [], findings => [],
	    observed => [], written => [], prizes => [], params => {},
	    slots => [map { {slot => "$prefix$_", place => "none",
		enabled => 0, name => "$prefix$_", group => ""} }
		0 .. $SLOTS - 1]}, $class;
}

# However slow the machine is, this is done: two have an order, a contested
# value is replaced, the lock is waited for in vain.
sub finale {
	my ($c) = @_;
	create($c, $_, "last") for @{$c->{last}};
	held($c, $c->{last}[0]);
	edit_shared($c, undef, "postfix");
	push @{$c->{slots}}, @{$c->{last}};
	my $before = @{$c->{written}};
	for (1 .. 30) {
		last if @{$c->{written}} >= $before + 2 || @{$c->{findings}};
		contested_group($c, 0);
	}
}

# One that has found something is in no state to go on.
sub client {
	my ($c, $seed, $until) = @_;
	srand $seed * 100 + $c->{n};
	my $mix = $c->{user} eq "root" ? \@root_mix : \@mix;
	$c->{last} = [splice @{$c->{slots}}, -2] if $c->{n} == 0;
	while (time < $until && !@{$c->{findings}}) {
		my $what = pick($mix);
		my $s = slot($c, $what);
		next if $c->{prize} && $s == $c->{prize} &&
		    $what != \&prize && $what != \&list && $what != \&get;
		$what->($c, $s);
	}
	finale($c) if $c->{n} == 0;
	store {%$c}, "$DIR/done.$c->{n}";
}

1;
