# load.pl setup | run SECONDS SEED | check NAME | selftest | figures
#
# The parts of load.sh, inside the host.

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use List::Util qw(first);
use Storable qw(store);
use Time::HiRes qw(time sleep);
use Load;
use LoadCheck;

sub spew {
	my ($file, $text) = @_;
	open my $fh, ">:raw", $file or die "$file: $!";
	print $fh $text or die "$file: $!";
	close $fh or die "$file: $!";
}

# --- a thousand instances ----------------------------------------------------------

# A directory and all below, under another name.
sub clone {
	my ($from, $to) = @_;
	my @st = lstat $from or die "$from: $!";
	if (-d _) {
		mkdir $to or die "$to: $!";
	} else {
		spew($to, Load::slurp($from));
	}
	chown $st[4], $st[5], $to or die "$to: $!";
	chmod $st[2] & 07777, $to or die "$to: $!";
	return if !-d $to;
	opendir my $dh, $from or die "$from: $!";
	clone("$from/$_", "$to/$_") for grep { !/^\.\.?$/ } readdir $dh;
}

sub instance {
	my ($name, $group) = @_;
	clone("$_/postfix-t0", "$_/$name") for @LoadCheck::PLACES;
	spew("/etc/$name/main.cf", Load::main_cf($name, $group));
}

sub group_of {
	return $_[0] % 2 ? "tenants" : "";
}

# postfix-t0 to t19 were made by create; the rest is written as it does.  That
# this is the same is shown with those.
sub setup {
	my @real = map { "postfix-t$_" } 0 .. 19;
	spew("$Load::DIR/template", Load::slurp("/etc/postfix-t0/main.cf"));
	for (1 .. 19) {
		my $text = Load::slurp("/etc/$real[$_]/main.cf");
		die "$real[$_]: main.cf is another" if $text ne
		    Load::main_cf($real[$_], group_of($_));
		die "$real[$_]: the tree is another" if
		    LoadCheck::tree($real[$_]) ne LoadCheck::tree($real[0]);
	}
	my @names = map { "postfix-t$_" } 0 .. 999 - @Load::SHARED;
	instance($names[$_], group_of($_)) for @real .. $#names;
	for (0 .. $#Load::SHARED) {
		my $name = $Load::SHARED[$_];
		instance($name, $_ < 2 ? "" : "pool");
	}
	my $list = join " ", map { "/etc/$_" } @names, @Load::SHARED;
	my $cf = Load::slurp("/etc/postfix/main.cf");
	my @now = $cf =~ /^multi_instance_directories = (.*)\n/mg;
	die "the list: @now" if "@now" ne
	    join " ", map { "/etc/$_" } @real;
	spew("/etc/postfix/main.cf",
	    Load::edit($cf, "multi_instance_directories", $list));
	spew("$Load::DIR/primary.cf", Load::slurp("/etc/postfix/main.cf"));
	spew("$Load::DIR/static.order", $list);
	spew("$Load::DIR/static.list", join "", map { Load::line($names[$_],
	    group_of($_), 0, "/etc/$names[$_]") . "\n" } 0 .. $#names);
	store {map { $_ => LoadCheck::traces($_) } @names},
	    "$Load::DIR/traces";
	my $n = () = `timeout 60 $Load::POSTMULTI -l 2>&1` =~ /\n/g;
	die "-l: $n lines" if $n != 1001;
}

# --- the run ----------------------------------------------------------------------

sub run {
	my ($seconds, $seed) = @_;
	my %pids;
	my $until = time + $seconds;
	unlink glob "$Load::DIR/done.*";
	for my $n (0 .. $#Load::CLIENTS) {
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			eval { Load->new($n)->client($seed, $until); 1 } and
			    exit 0;
			print "client $n: $@";
			exit 1;
		}
		$pids{$pid} = $n;
	}
	my $bad = 0;
	my $end = $until + 400;
	while (%pids && time < $end) {
		for my $pid (keys %pids) {
			next if waitpid($pid, 1) <= 0;
			$bad = 1 if $?;
			delete $pids{$pid};
		}
		sleep 0.02;
	}
	for (keys %pids) {
		print "client $pids{$_} does not end\n";
		kill "KILL", $_;
		$bad = 1;
	}
	return 1 if $bad;
	my $clients = LoadCheck::load();
	my @findings = map { @{$_->{findings}} } @$clients;
	print "$_\n" for @findings;
	for (@$clients) {
		print "client $_->{n} did nothing\n" if !@{$_->{journal}};
		$bad = 1 if !@{$_->{journal}};
	}
	return $bad || @findings > 0;
}

sub figures {
	my $clients = LoadCheck::load();
	my (%n, %ms, %result);
	my ($first, $last) = (9e99, 0);
	for (map { @{$_->{journal}} } @$clients) {
		$n{$_->{kind}}++;
		$result{$_->{result}}++;
		$ms{$_->{kind}} += 1000 * ($_->{end} - $_->{begin});
		$first = $_->{begin} if $_->{begin} < $first;
		$last = $_->{end} if $_->{end} > $last;
	}
	my $sum = 0;
	$sum += $_ for values %n;
	printf "#: %d commands of %d clients in %.0f s, %.1f a second; " .
	    "%d done, %d refused, %d lock timeouts\n", $sum, scalar @$clients,
	    $last - $first, $sum / ($last - $first), map { $_ // 0 }
	    @result{qw(ok refused busy)};
	printf "#: each kind, and its mean time: %s\n", join ", ", map {
	    sprintf "%d %s %.0f ms", $n{$_}, $_, $ms{$_} / $n{$_} }
	    sort keys %n;
	printf "#: in the end %d listed, %d deported, %d not there\n",
	    map { scalar LoadCheck::slots($clients, $_) } qw(list off none);
	LoadCheck::check_lists($clients);
	LoadCheck::check_contested($clients);
	LoadCheck::check_prize($clients);
	printf "#: %d contested writes, %d values seen, one name got %d " .
	    "times, %d pairs in order\n", $LoadCheck::nwritten,
	    $LoadCheck::nseen, $LoadCheck::nprizes, $LoadCheck::pairs;
	return 0;
}

# --- does the check see it? -----------------------------------------------------------

# Changes a file in its place; returns what undoes it.
sub changing {
	my ($file, $fn) = @_;
	my $old = Load::slurp($file);
	local $_ = $old;
	$fn->();
	die "$file: nothing to change\n" if $_ eq $old;
	spew($file, $_);
	return sub { spew($file, $old) };
}

sub making {
	my ($file) = @_;
	spew($file, "");
	return sub { unlink $file or die "$file: $!" };
}

sub in_list {
	my ($fn) = @_;
	return changing("/etc/postfix/main.cf", sub {
		my ($list) = /^multi_instance_directories = (.*)\n/m;
		my @list = split " ", $list;
		@list = $fn->(@list);
		$_ = Load::edit($_, "multi_instance_directories", "@list");
	});
}

# Two on the list that have an order; undef where chance left none.
sub ordered {
	my ($clients) = @_;
	for my $x (LoadCheck::slots($clients, "list")) {
		for my $y (LoadCheck::slots($clients, "list")) {
			return ($x, $y) if $x->{class} eq $y->{class} &&
			    $x->{span}[1] < $y->{span}[0];
		}
	}
	die "no two have an order\n";
}

sub swap {
	my ($x, $y) = map { "/etc/$_" } @_;
	return in_list(sub { map { $_ eq $x ? $y : $_ eq $y ? $x : $_ } @_ });
}

# A contested value put back to one that somebody else's replaced.
sub put_back {
	my ($clients) = @_;
	my @all = map { @{$_->{written}} } @$clients;
	for my $w (@all) {
		my ($dir) = $w->[0] =~ /^(\S+) group$/ or next;
		next if LoadCheck::value($w->[0]) eq $w->[1] ||
		    grep { $_ != $w && $_->[0] eq $w->[0] &&
		    $_->[1] eq $w->[1] } @all;
		my $later = first { $_->[0] eq $w->[0] &&
		    $_->[2] > $w->[3] } @all or next;
		return changing("$dir/main.cf", sub {
			s/^(multi_instance_group =).*/$1 $w->[1]/m });
	}
	die "nothing contested was replaced\n";
}

sub process {
	my ($comm) = @_;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		$0 = $comm;
		sleep 600;
		exit 0;
	}
	sleep 0.01 until (Load::slurp("/proc/$pid/comm") // "") =~
	    /^postmulti/;
	return sub { kill "KILL", $pid; waitpid $pid, 0 };
}

sub holding {
	open my $fh, "+<", "/var/lib/postmulti/lock" or die $!;
	flock $fh, 2 or die $!;
	return sub { close $fh };
}

sub observing {
	my ($clients, $what) = @_;
	my $w = first { $_->[0] =~ / group$/ } map { @{$_->{written}} }
	    @$clients or die "nothing contested was written\n";
	push @{$clients->[0]{observed}}, [$w->[0], "nobody-wrote-this",
	    time, time];
	return sub { pop @{$clients->[0]{observed}} };
}

sub two_prizes {
	my ($clients) = @_;
	push @{$clients->[$_]{prizes}}, ["ok", 9e10, 9e10 + 1] for 3, 4;
	return sub { pop @{$clients->[$_]{prizes}} for 3, 4 };
}

# What is done behind everybody's back, and the finding it has to make.
sub sabotage {
	my ($clients) = @_;
	my @listed = LoadCheck::slots($clients, "list");
	my $own = $listed[0] // die "nobody has an instance\n";
	my $none = first { 1 } LoadCheck::slots($clients, "none");
	my $dir = "/etc/$own->{slot}";
	return (
		["an enable or disable reverted", qr/main\.cf is not as/, sub {
			changing("$dir/main.cf", sub { $_ = Load::edit($_,
			    "multi_instance_enable", $own->{enabled} ? "no" :
			    "yes") }) }],
		["an assign reverted", qr/main\.cf is not as/, sub {
			changing("$dir/main.cf", sub { $_ = Load::edit($_,
			    "multi_instance_group", "older") }) }],
		["a create lost", qr/the list: .* is missing/, sub {
			in_list(sub { grep { $_ ne $dir } @_ }) }],
		["a destroy undone", qr/the list: .* is too much/, sub {
			in_list(sub { (@_, "/etc/postfix-gone") }) }],
		["one listed twice", qr/stands 2 times/, sub {
			in_list(sub { (@_, $dir) }) }],
		["two in another order", qr/order: postfix/, sub {
			swap(map { $_->{slot} } ordered($clients)) }],
		["two of the thousand exchanged", qr/order: the thousand/, sub {
			swap("postfix-t3", "postfix-t700") }],
		["a deport lost", qr/alternate.* is (missing|too much)/, sub {
			changing("/etc/postfix/main.cf", sub {
				$_ = Load::edit($_,
				    "alternate_config_directories", $dir) }) }],
		["a postconf -e lost", qr{postfix/main.cf: load_.* missing},
		    sub { changing("/etc/postfix/main.cf", sub {
				s/^load_.*\n//m }) }],
		["a postconf -e reverted", qr{postfix/main.cf: load_.* missing},
		    sub { changing("/etc/postfix/main.cf", sub {
				s/^(load_.*)\n/${1}9\n/m }) }],
		["somebody's setting lost", qr/what nobody touched/, sub {
			changing("/etc/postfix/main.cf", sub {
				s/^myhostname.*\n//m }) }],
		["a contested value put back", qr/was not the last one/, sub {
			put_back($clients) }],
		["a value that nobody wrote", qr/nobody-wrote-this/, sub {
			observing($clients) }],
		["one name for two", qr/4 have it/, sub {
			two_prizes($clients) }],
		["a queue left over", qr{/var/spool: .* is too much}, sub {
			mkdir "/var/spool/$none->{slot}" or die $!;
			sub { rmdir "/var/spool/$none->{slot}" } }],
		["a mode changed", qr/: tree/, sub {
			chmod 0700, "/var/spool/$own->{slot}" or die $!;
			sub { chmod 0755, "/var/spool/$own->{slot}" } }],
		["a temporary file left", qr/left: .*\.tmp/, sub {
			making("$dir/main.cf.tmp") }],
		["a record left", qr/left: .*records/, sub {
			making("/var/lib/postmulti/records/x") }],
		["a process left", qr/left: .*postmulti-judge/, sub {
			process("postmulti-judge") }],
		["the lock held", qr/left: the lock is held/, \&holding],
		["one of the thousand touched", qr/postfix-t7 was touched/, sub {
			chmod 0644, "/etc/postfix-t7/main.cf"; sub {} }],
	);
}

sub selftest {
	my $clients = LoadCheck::load();
	my $n = 0;
	for (sabotage($clients)) {
		my ($title, $pattern, $do) = @$_;
		my $undo = $do->();
		my @bad = map { $LoadCheck::CHECKS{$_}->($clients, 0) }
		    grep { $title =~ /thousand touched/ || $_ ne "untouched" }
		    grep { $_ ne "list" } sort keys %LoadCheck::CHECKS;
		$undo->();
		die "$title: was not noticed: @bad\n" if
		    !grep { $_ =~ $pattern } @bad;
		$n++;
	}
	print "#: $n kinds of loss made on purpose, each was noticed\n";
	return 0;
}

sub check {
	my ($name) = @_;
	my @bad = $LoadCheck::CHECKS{$name}->(LoadCheck::load());
	print "$_\n" for @bad;
	return @bad > 0;
}

my ($what, @args) = @ARGV;
$ENV{PATH} = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
my %parts = (setup => sub { setup(); 0 }, run => \&run, check => \&check,
	selftest => \&selftest, figures => \&figures);
exit($parts{$what}->(@args) ? 1 : 0);
