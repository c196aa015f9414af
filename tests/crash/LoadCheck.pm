package LoadCheck;

# Whether what is there after load.sh's clients is what it has to be.  Each
# check returns what it found wrong, a line each.

use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:flock S_IMODE);
use File::Find;
use Storable qw(retrieve);
use Time::HiRes qw(time sleep);
use Load;

our @PLACES = qw(/etc /var/spool /var/lib);
my $open = qr/multi_instance_(?:directories|group|enable)|alternate_config_directories/;

sub load {
	return [map { retrieve "$Load::DIR/done.$_" } 0 .. $#Load::CLIENTS];
}

sub slots {
	my ($clients, @places) = @_;
	return grep { my $s = $_; grep { $s->{place} eq $_ } @places }
	    map { @{$_->{slots}} } @$clients;
}

# --- files ----------------------------------------------------------------------

sub below {
	my ($dir, $fn) = @_;
	return if !-d $dir;
	find {no_chdir => 1, wanted => sub { $fn->($File::Find::name) }}, $dir;
}

# Paths, owners and modes of one instance, without its name.
sub tree {
	my ($name) = @_;
	my @lines;
	for my $place (@PLACES) {
		below("$place/$name", sub {
			my @st = lstat $_[0];
			push @lines, sprintf "%s %o %d:%d", $_[0] =~
			    s/^\Q$place\/$name\E/$place/r, @st[2, 4, 5];
		});
	}
	return join "\n", sort @lines;
}

# The same with all that a change leaves traces in.
sub traces {
	my ($name) = @_;
	my $text = "";
	for my $place (@PLACES) {
		below("$place/$name", sub {
			my @st = Time::HiRes::lstat $_[0];
			$text .= join " ", $_[0], @st[1 .. 5, 7, 9, 10];
			$text .= " " . sha256_hex(Load::slurp($_[0])) if -f _;
			$text .= "\n";
		});
	}
	return sha256_hex($text);
}

# The values of a list in main.cf; there must be one line at most, as a
# postmulti writes it.
sub list_of {
	my ($param, $bad) = @_;
	my @values = Load::slurp("/etc/postfix/main.cf") =~ /^$param =(.*)\n/mg;
	push @$bad, "$param stands " . @values . " times" if @values > 1;
	my $value = $values[0] // return;
	push @$bad, "$param: not single blanks"
	    if $value !~ /^ (?:\S+(?: \S+)*)?$/;
	return split " ", $value;
}

sub compare_sets {
	my ($what, $is, $want) = @_;
	my (%is, %want);
	$is{$_}++ for @$is;
	$want{$_} = 1 for @$want;
	return ((map { "$what: $_ stands $is{$_} times" }
		grep { $is{$_} > 1 } sort keys %is),
	    (map { "$what: $_ is missing" }
		grep { !$is{$_} } sort keys %want),
	    (map { "$what: $_ is too much" }
		grep { !$want{$_} } sort keys %is));
}

# --- checks -----------------------------------------------------------------------

# Who was done before another began stands before it; -a the other way round;
# the thousand stand as they stood.
sub check_order {
	my ($clients, $list) = @_;
	my %at;
	@at{@$list} = 0 .. $#$list;
	my @static = grep { m{/postfix-(t|shared-)\d+$} } @$list;
	my @bad = join(" ", @static) eq Load::slurp("$Load::DIR/static.order") ?
	    () : ("order: the thousand");
	my $first = $at{"/etc/postfix-t0"} // 0;
	my $middle = $at{"/etc/$Load::PLACE"} // 0;
	my $last = $at{"/etc/$Load::SHARED[-1]"} // 0;
	my @of = slots($clients, "list");
	our $pairs = 0;
	for my $x (@of) {
		my ($cl, $i) = ($x->{class}, $at{"/etc/$x->{slot}"} // next);
		push @bad, "order: $x->{slot} at $i, asked for $cl" unless
		    $cl eq "last" ? $i > $last : $cl eq "first" ? $i < $first :
		    $i < $middle && $i > $at{"/etc/postfix-t499"};
		for my $y (@of) {
			next if $y->{class} ne $cl ||
			    $x->{span}[1] >= $y->{span}[0];
			$pairs++;
			my $k = $at{"/etc/$y->{slot}"} // next;
			push @bad, "order: $x->{slot} and $y->{slot}"
			    if $cl eq "first" ? $i < $k : $i > $k;
		}
	}
	return @bad;
}

sub check_lists {
	my ($clients) = @_;
	my @bad;
	my @list = list_of("multi_instance_directories", \@bad);
	my @off = list_of("alternate_config_directories", \@bad);
	push @bad, compare_sets("the list", \@list, [
	    split(" ", Load::slurp("$Load::DIR/static.order")),
	    map { "/etc/$_->{slot}" } slots($clients, "list")]);
	push @bad, compare_sets("alternate_config_directories", \@off,
	    [map { "/etc/$_->{slot}" } slots($clients, "off")]);
	return (@bad, check_order($clients, \@list));
}

sub check_instances {
	my ($clients) = @_;
	my @bad;
	my $proto = Load::slurp("/etc/postfix/master.cf.proto");
	my $tree = tree("postfix-t1");
	for my $s (slots($clients, "list", "off")) {
		my $is = Load::slurp("/etc/$s->{slot}/main.cf") // "missing";
		push @bad, "$s->{slot}/main.cf is not as it should be:\n" .
		    tail($is) . "but:\n" . tail($s->{text})
		    if $is ne $s->{text};
		push @bad, "$s->{slot}: master.cf" if $proto ne
		    (Load::slurp("/etc/$s->{slot}/master.cf") // "");
		push @bad, "$s->{slot}: tree" if tree($s->{slot}) ne $tree;
	}
	my @names = map { $_->{slot} } slots($clients, "list", "off");
	my @static = split " ", Load::slurp("$Load::DIR/static.order") =~
	    s{/etc/}{}gr;
	for my $place (@PLACES) {
		push @bad, compare_sets($place, [map { s{.*/}{}r }
		    glob "$place/postfix-*"], [@names, @static]);
	}
	return @bad;
}

sub tail {
	my @lines = split /^/, $_[0];
	return join "", @lines > 8 ? @lines[-8 .. -1] : @lines;
}

# A main.cf that many edited: what nobody touched, line by line, and each
# client's parameters.
sub check_params {
	my ($clients, $name, $base) = @_;
	my $is = Load::slurp("/etc/$name/main.cf") // "";
	my @want = map { my $p = $_->{params}{$name} // {};
	    map { "$_ = $p->{$_}\n" } keys %$p } @$clients;
	my @set = $is =~ /^(load_.*\n)/mg;
	my @bad = compare_sets("$name/main.cf", [map { s/\n//r } @set],
	    [map { s/\n//r } @want]);
	s/^(?:load_|(?:$open) =).*\n//mg for $is, $base;
	push @bad, "$name/main.cf: what nobody touched" if $is ne $base;
	return @bad;
}

sub check_shared {
	my ($clients) = @_;
	my @bad = check_params($clients, "postfix",
	    Load::slurp("$Load::DIR/primary.cf"));
	my @st = lstat "/etc/postfix/main.cf";
	push @bad, "postfix/main.cf: owner or mode"
	    if S_IMODE($st[2]) != 0644 || $st[4] || $st[5];
	my $tree = tree("postfix-t1");
	for (@Load::SHARED) {
		push @bad, check_params($clients, $_, Load::main_cf($_, ""));
		push @bad, "$_: tree" if tree($_) ne $tree;
		for my $param (qw(enable group)) {
			my $n = () = Load::slurp("/etc/$_/main.cf") =~
			    /^multi_instance_$param =/mg;
			push @bad, "$_: $param stands $n times" if $n > 1;
		}
	}
	return @bad;
}

sub value {
	my ($what) = @_;
	my ($dir, $param) = split " ", $what;
	my ($value) = Load::slurp("$dir/main.cf") =~
	    /^multi_instance_$param = (.*)\n/m;
	return $value // ($param eq "enable" ? "no" : "");
}

# Each value that was seen, at last in the files, was written by somebody, and
# not wholly before another was.  [what, value, begin, end]
sub check_contested {
	my ($clients) = @_;
	my (%written, @bad);
	push @{$written{$_->[0]}}, $_ for map { @{$_->{written}} } @$clients;
	my $now = time;
	my @seen = ((map { @{$_->{observed}} } @$clients),
	    map { [$_, value($_), $now, $now] } keys %written);
	our ($nwritten, $nseen) = (0, scalar @seen);
	$nwritten += @$_ for values %written;
	for my $r (@seen) {
		my ($what, $value, $begin, $end) = @$r;
		my @all = ([$what, initial($what), 0, 0],
		    @{$written{$what} // []});
		# The latest begin of a write that was done before.
		my $last = 0;
		for (@all) {
			$last = $_->[2] if $_->[3] < $begin && $_->[2] > $last;
		}
		next if grep { $_->[1] eq $value && $_->[2] <= $end &&
		    $_->[3] >= $last } @all;
		push @bad, "$what: '$value' was not the last one at $begin";
	}
	return @bad;
}

sub initial {
	my ($what) = @_;
	return $what =~ / enable$/ ? "no" :
	    $what =~ m{^/etc/postfix-shared-[23] } ? "pool" : "";
}

# Who surely had it: from the end of getting it to the begin of giving it back.
# Nobody else can have got it then, and who was refused came when somebody may
# have had it.
sub check_prize {
	my ($clients) = @_;
	my (@had, @refused, @bad);
	for my $c (@$clients) {
		my $got;
		for my $p (@{$c->{prizes}}) {
			my ($what, $begin, $end) = @$p;
			push @refused, $p if $what eq "refused";
			push @had, $got = [$begin, $end, 9e99, 9e99, $c->{n}]
			    if $what eq "ok";
			@$got[2, 3] = ($begin, $end) if $what eq "free";
		}
	}
	our $nprizes = @had;
	for my $x (@had) {
		for my $y (@had) {
			push @bad, "$Load::PRIZE: $x->[4] and $y->[4] have it"
			    if $x != $y && $x->[1] < $y->[2] &&
			    $y->[1] < $x->[2];
		}
	}
	for my $r (@refused) {
		push @bad, "$Load::PRIZE: refused, but nobody has it" unless
		    grep { $_->[0] < $r->[2] && $r->[1] < $_->[3] } @had;
	}
	return @bad;
}

sub check_untouched {
	my $before = retrieve "$Load::DIR/traces";
	my @bad = keys %$before < 990 ? ("too few were looked at") : ();
	for (sort keys %$before) {
		push @bad, "$_ was touched" if traces($_) ne $before->{$_};
	}
	return @bad;
}

sub processes {
	my @found;
	for my $dir (glob "/proc/[0-9]*") {
		my $exe = readlink("$dir/exe") // "";
		my $comm = Load::slurp("$dir/comm") // "";
		chomp $comm;
		push @found, "$dir $comm $exe" if "$comm $exe" =~ /postmulti/;
	}
	return @found;
}

sub check_leftovers {
	my ($clients, $patience) = @_;
	my @bad;
	my $until = time + ($patience // 10);
	sleep 0.05 while processes() && time < $until;
	push @bad, "left: $_" for processes(), glob("/etc/postfix*/*.tmp"),
	    glob("/var/lib/postmulti/records/*"),
	    grep { !m{/(lock|records)$} } glob "/var/lib/postmulti/*";
	my $lock = "/var/lib/postmulti/lock";
	push @bad, "left: the lock says " . Load::slurp($lock) if -s $lock;
	open my $fh, "+<", $lock or return "$lock: $!";
	flock $fh, LOCK_EX | LOCK_NB or push @bad, "left: the lock is held";
	close $fh;
	return @bad;
}

# What -l says, line by line.
sub check_list_option {
	my ($clients) = @_;
	my @bad;
	my %of = map { ("/etc/$_->{slot}" => Load::line(@$_{qw(name group
	    enabled)}, "/etc/$_->{slot}")) } slots($clients, "list");
	$of{s/.* //r} = $_
	    for split /\n/, Load::slurp("$Load::DIR/static.list");
	for ("", map { "-$_" } @Load::SHARED) {
		my $name = $_ =~ s/^-//r;
		my $dir = $name eq "" ? "/etc/postfix" : "/etc/$name";
		$of{$dir} = Load::line($name eq "" ? "-" : $name,
		    value("$dir group"), value("$dir enable") eq "yes", $dir);
	}
	my @want = map { ($of{$_} // "?") . "\n" } "/etc/postfix",
	    list_of("multi_instance_directories", \@bad);
	my $is = `timeout 60 $Load::POSTMULTI -l 2>&1`;
	push @bad, "-l: exit status $?" if $?;
	push @bad, "-l shows another list" if $is ne join "", @want;
	return @bad;
}

our %CHECKS = (
	lists => \&check_lists,
	instances => \&check_instances,
	shared => \&check_shared,
	contested => \&check_contested,
	prize => \&check_prize,
	untouched => \&check_untouched,
	leftovers => \&check_leftovers,
	list => \&check_list_option,
);

1;
