# grow.pl TOOLS HELPERS [ROUNDS [SEED]]: what tests/e2e/grow.sh does, on its host.
#
# What alice may do is worked out here a second time, in a few lines that have
# nothing in common with policy/decide.c; the tool must agree after each step, and
# what `explain` says of a step before it is what the helper then does.

use strict;
use warnings;
use JSON::PP;

my ($tools, $helpers, $rounds, $seed) = @ARGV;
$rounds ||= 120;
$seed //= 1;
srand $seed;

my @actions = qw(create import destroy deport enable disable assign start stop
    reload flush check status abort drain quick-stop);
my @restart = qw(stop start reload status check);
my %sets = (restart => \@restart, operate => [@restart, "flush"],
    manage => [qw(create destroy enable disable assign)]);
# Whether a rule speaks of alice, uid 20001, in group crew.
my %alice = (alice => 1, bob => 0, ":crew" => 1, ":others" => 0,
    "#20001" => 1);
my @names = map { "postfix-$_" } qw(a ab b new newer abc);
my @groups = ("", "g", "h", "free");
my @fixed = qw(a ab b);
my ($list_before, %main_cf, @rules, $text, %count);

sub pick { $_[rand @_] }
sub slurp { open my $fh, "<", $_[0] or die "$_[0]: $!"; local $/; <$fh> }

sub spew {
	my ($path, $content) = @_;
	open my $fh, ">", $path or die "$path: $!";
	print $fh $content;
	close $fh or die "$path: $!";
}

# --- the policy, once more ------------------------------------------------------

sub random_policy {
	my @which = ("any", "primary", "group g", "group g", "group h",
		"instance postfix-a", "instance postfix-b",
		"instance postfix-new", "prefix postfix-a", "prefix postfix-ab",
		"prefix postfix-n", "prefix postfix-new");
	my @what = (qw(stop stop stop start start status destroy import),
	    qw(restart operate manage assign create), pick(@actions),
	    "create,assign", "manage,start", "assign,create,stop", "import",
	    "assign,import");
	@rules = ();
	# Few who may do nothing: most policies let alice make and name some.
	push @rules, {deny => 0, who => pick("alice", ":crew", "#20001"),
	    what => pick("manage", "create,assign", "assign,create,stop",
		("create,assign,import,deport") x 3),
	    which => pick("any", "any", "any", "prefix postfix-n",
		"prefix postfix-a")} if rand() < 0.95;
	push @rules, {deny => rand() < 0.3, who => pick(sort keys %alice),
	    what => pick(@what), which => pick(@which)} for 0 .. rand 6;
	for my $r (@rules) {
		$r->{limit} = !$r->{deny} && $r->{which} =~ /^prefix/ &&
		    rand() < 0.3 ? " limit " . pick(1 .. 4) : "";
		$r->{can} = {map { $_ => 1 } map { @{$sets{$_} // [$_]} }
		    split /,/, $r->{what}};
	}
	$text = join "", map { ($_->{deny} ? "deny" : "permit") .
	    " $_->{who} $_->{what} $_->{which}$_->{limit}\n" } @rules;
	spew("/etc/postmulti/policy.d/test.conf", $text);
}

sub applies {
	my ($r, $i) = @_;
	my ($kind, $arg) = split / /, $r->{which};
	return $i->{primary} if $kind eq "primary";
	return !$i->{primary} if $kind eq "any";
	return $i->{group} eq $arg if $kind eq "group";
	return $i->{name} eq $arg if $kind eq "instance";
	return index($i->{name}, $arg) == 0;
}

sub may {
	my ($i) = @_;
	my %may;
	for my $a (@actions) {
		my @on = grep { $_->{can}{$a} && $alice{$_->{who}} &&
		    applies($_, $i) } @rules;
		$may{$a} = 1 if @on && !grep { $_->{deny} } @on;
	}
	return \%may;
}

# A group that any rule names is entered and left by who has a rule for that.
sub check_groups {
	my ($step, $action, $from, $to) = @_;
	return if $from->{group} eq $to->{group};
	for my $i ($from, $to) {
		my @named = grep { $_->{which} eq "group $i->{group}" } @rules;
		my @mine = grep { !$_->{deny} && $_->{can}{$action} &&
		    $alice{$_->{who}} } @named;
		broken("after $step: $i->{group} isn't hers")
		    if @named && (!@mine || !may($i)->{$action});
	}
}

# --- the host ---------------------------------------------------------------------

sub param {
	my ($cf, $name) = @_;
	return $cf =~ /^\Q$name\E *= *(.*?) *$/m ? $1 : "";
}

# Directory => name, group of what is on the list, by its main.cf.
sub on_disk {
	my %now;
	my $list = param(slurp("/etc/postfix/main.cf"),
	    "multi_instance_directories");
	for my $dir ("/etc/postfix", split /[ ,]+/, $list) {
		my $cf = slurp("$dir/main.cf");
		$now{$dir} = {name => param($cf, "multi_instance_name"),
		    group => param($cf, "multi_instance_group"),
		    primary => $dir eq "/etc/postfix"};
	}
	return \%now;
}

sub set_param {
	my ($cf, $name, $value) = @_;
	$cf =~ s/^\Q$name\E *=.*\n//m;
	return $cf . ($value eq "" ? "" : "$name = $value\n");
}

sub reset_host {
	my @left = grep { !m{/postfix(-a|-ab|-b)?$} } glob
	    "/etc/postfix* /var/spool/postfix* /var/lib/postfix*";
	system("rm", "-rf", @left) if @left;
	unlink glob "/var/lib/postmulti/records/*";
	spew("/etc/postfix/main.cf", $list_before);
	spew("/etc/postfix-$_/main.cf", set_param($main_cf{$_},
	    "multi_instance_group", pick(@groups))) for @fixed;
}

sub as_alice {
	my $pid = open my $fh, "-|";
	defined $pid or die "fork: $!";
	if (!$pid) {
		open STDERR, ">&", \*STDOUT;
		exec "timeout", "-s", "KILL", 60, "$tools/asuser", "alice", @_;
		die "exec: $!";
	}
	local $/;
	my $out = <$fh>;
	close $fh;
	return $out // "";
}

sub frame {
	my ($helper, @words) = @_;
	my $out = as_alice("$tools/frame", "$helpers/postmulti-$helper", @words);
	$out =~ /^err (\w+)$/m or broken("no answer to @words: $out");
	return ($1, $out);
}

sub broken {
	print "$_[0]\nSeed $seed; the policy was\n$text";
	exit 1;
}

# What `explain` says, before anything is done.
sub told {
	my @words = @_;
	my $out = as_alice("/usr/local/sbin/postmulti-policy", "explain", @words);
	$out =~ /^(permitted|denied): (.*)$/m or
	    broken("explain @words: $out");
	return {yes => $1 eq "permitted", words => "explain @words: $out"};
}

sub as_told {
	my ($told, $err, $out) = @_;
	# Where a directory is taken it comes to nothing, however many there are.
	broken("$told->{words}but then: $out")
	    if $told->{yes} ? $err eq "DENIED" : $err !~ /^(DENIED|CONFLICT)$/;
	$count{$told->{yes} ? "told_yes" : "told_no"}++;
}

# --- steps --------------------------------------------------------------------------

%count = (assigned => 0, created => 0, imported => 0, refused => 0,
    told_no => 0, told_yes => 0, unpermitted => 0);

# By P8, or since no rule permits what was asked: both have to be seen.
sub denied {
	my ($out) = @_;
	$count{$out =~ /no rule permits|refused by/ ? "unpermitted" :
	    "refused"}++;
	return 0;
}

sub assign {
	my ($now) = @_;
	my $dir = pick(sort keys %$now);
	my @words = rand() < 0.5 && $now->{$dir}{name} ne "" ?
	    ("sel.name=$now->{$dir}{name}") : ("sel.inode=$dir");
	push @words, "name=" . pick(@names, "-") if rand() < 0.5;
	push @words, "group=" . (pick(@groups) || "-")
	    if @words == 1 || rand() < 0.6;
	my $told = told((map { /^(name|group)=(.*)/ ?
	    ($1 eq "name" ? "-I" : "-G", $2) : () } @words), "alice", "assign",
	    $dir);
	my ($err, $out) = frame("config", "op=config.assign", @words);
	as_told($told, $err, $out);
	return denied($out) if $err eq "DENIED";
	$count{assigned}++ if $err eq "OK" && $out !~ /^unchanged 1$/m;
	check_groups("assign @words", "assign", $now->{$dir}, on_disk()->{$dir});
	return "assign @words";
}

sub create {
	my ($now, $allowed) = @_;
	my $name = pick(@names);
	my @words = ("name=$name");
	my $group = pick(@groups);
	push @words, "group=$group" if $group ne "";
	my $told = told($group ne "" ? ("-G", $group) : (), "alice", "create",
	    $name);
	my ($err, $out) = frame("dirs", "op=dirs.make", @words);
	as_told($told, $err, $out);
	return denied($out) if $err eq "DENIED";
	return "" if $err ne "OK";
	for my $op (qw(config.install config.register)) {
		($err, $out) = frame("config", "op=$op", @words);
		broken("$op @words: $out") if $err ne "OK";
	}
	$count{created}++;
	check_groups("create @words", "create", {name => $name, group => "",
	    primary => 0}, on_disk()->{"/etc/$name"});
	$allowed->{"/etc/$name"} = may({name => $name, group => "",
	    primary => 0});
	return "create @words";
}

# Off the list, and out of sight of `list` until it is imported.
sub deport {
	my ($now, $gone) = @_;
	my @dirs = grep { !$now->{$_}{primary} } sort keys %$now;
	my $dir = pick(@dirs) // return 0;
	my $told = told("alice", "deport", $dir);
	my ($err, $out) = frame("config", "op=config.deregister",
	    "sel.inode=$dir");
	as_told($told, $err, $out);
	return denied($out) if $err eq "DENIED";
	broken("deport of $dir: $out") if $err ne "OK";
	$gone->{$dir} = $now->{$dir};
	return "deport of $dir";
}

# With the name of its directory, since a delegate has no other way to say
# which; its main.cf may say another.  The second step is asked for a group of
# its own.
sub reimport {
	my ($now, $gone) = @_;
	my $dir = pick(sort keys %$gone);
	my $is = $gone->{$dir};
	my ($name) = $dir =~ m{([^/]+)$};
	my @words = ("name=$name");
	push @words, "group=" . (pick(@groups) || "-") if rand() < 0.7;
	my ($group) = map { /^group=(.*)/ ? $1 : () } @words;
	my $told = told("-G", $group // ($is->{group} || "-"), "alice", "import",
	    $name);
	my ($err, $out) = frame("dirs", "op=dirs.repair", @words);
	# Its name and group as they are count as well, and aren't listed.
	as_told($told, $err, $out) if !$told->{yes} || $err ne "DENIED";
	return denied($out) if $err eq "DENIED";
	return "" if $err ne "OK";
	my $second = pick(@groups);
	my @second = rand() < 0.5 || $second eq "" ? @words :
	    ("name=$name", "group=$second");
	($err, $out) = frame("config", "op=config.register", @second);
	# Not with that group; as it was begun it goes on.
	($err, $out) = frame("config", "op=config.register", @words)
	    if $err ne "OK" && "@second" ne "@words";
	broken("import @words: $out") if $err ne "OK";
	$count{imported}++;
	delete $gone->{$dir};
	my $to = on_disk()->{$dir};
	check_groups("import @words", "import", $_, $to)
	    for $is, {name => $name, group => "", primary => 0};
	return "import @words, @second";
}

sub check_list {
	my ($now, $allowed, $step) = @_;
	my %got;
	for (split /\n/, as_alice("/usr/local/sbin/postmulti-policy", "list",
	    "--json")) {
		my $row = eval { decode_json($_) } or broken("not JSON: $_");
		$got{$row->{config_directory}} = {map { $_ => 1 }
		    @{$row->{actions}}} if defined $row->{config_directory};
	}
	for my $dir (sort keys %$now) {
		my $want = may($now->{$dir});
		my $has = $got{$dir} // {};
		"@{[sort keys %$want]}" eq "@{[sort keys %$has]}" or
		    broken("$dir: list says @{[sort keys %$has]}, should be " .
		    "@{[sort keys %$want]}");
		$allowed->{$dir}{$_} or broken("after $step: may now $_ $dir")
		    for sort keys %$has;
		delete $got{$dir};
	}
	broken("list has @{[keys %got]}") if %got;
}

$list_before = slurp("/etc/postfix/main.cf");
$main_cf{$_} = slurp("/etc/postfix-$_/main.cf") for @fixed;
mkdir "/etc/postmulti/policy.d";
for my $round (1 .. $rounds) {
	random_policy();
	reset_host();
	my $now = on_disk();
	my %allowed = map { $_ => may($now->{$_}) } keys %$now;
	my %gone;
	check_list($now, \%allowed, "nothing");
	for (1 .. 14) {
		my $which = rand();
		my $step = $which < 0.2 ? create($now, \%allowed) :
		    $which < 0.4 ? deport($now, \%gone) :
		    $which < 0.8 && %gone ? reimport($now, \%gone) :
		    assign($now) or next;
		$now = on_disk();
		check_list($now, \%allowed, $step);
	}
}
my $summary = join ", ", map { "$count{$_} $_" } sort keys %count;
print "#: $rounds policies: $summary\n";
# The property must not hold for want of cases.
for (keys %count) {
	broken("too few: $summary") if $count{$_} < $rounds / 4;
}
