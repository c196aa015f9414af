package Differential;

# Runs the same shell lines on two throw-away hosts, where /usr/sbin/postmulti
# is Postfix's own on one and ours on the other, and tells what differs: exit
# status, stdout, what is said on the terminal, and the tree (see `side`).
#
# A difference is one line of text, such as
#
#	status: original 0, ours 1
#	stdout original: LINE
#	stderr ours: LINE
#	tree: only ours has PATH
#	tree: PATH: original TYPE+MODE OWNER:GROUP, ours ...
#	tree: PATH: original's line: LINE
#
# and is explained when a regular expression of the table `known` matches it.

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(known_read case_read play compare explain);

my $here = dirname(__FILE__);
my $tmp = tempdir(CLEANUP => 1);

sub escape {
	my ($s) = @_;
	$s =~ s/([\\\x00-\x1f\x7f-\xff])/sprintf '\\x%02x', ord $1/ge;
	return $s;
}

sub unescape {
	my ($s) = @_;
	$s =~ s/\\x([0-9a-f]{2})/chr hex $1/ge;
	return $s;
}

# --- the table of known differences ----------------------------------------------

# tag => {reason, expressions => [[TEXT, COMPILED]...]}, in file order.
sub known_read {
	my (@rows, $row);
	open my $f, '<', "$here/known" or die "$here/known: $!\n";
	while (<$f>) {
		chomp;
		next if /^#/ || /^\s*$/;
		if (/^([a-z-]+): (.+)/) {
			push @rows, $row = {tag => $1, reason => $2,
			    expressions => []};
		} elsif (/^\t(.+)/ && $row) {
			push @{$row->{expressions}}, {text => $1,
			    re => qr/^(?:$1)$/, shown => 0};
		} else {
			die "$here/known:$.: neither a tag nor an expression\n";
		}
	}
	return @rows;
}

# --- cases ---------------------------------------------------------------------

# A case is a list of shell lines, each of which is compared.  A line that
# begins with "! " has to fail (with Postfix's own), all others to succeed; one
# that ends in a backslash goes on in the next.  "#" begins a comment, the
# first of which is the title, and "%" a directive:
#
#	%from CASE	begin with the tree that CASE left (default: init)
#	%as USER	not as root
#	%known TAG...	differences that show, by their names in `known`
#	%real		with daemons: without the library that skips delays
#	%pipe		stderr is a pipe and not a terminal
sub case_read {
	my ($name) = @_;
	my $job = {name => $name, lines => [], fails => [], known => [],
	    from => $name eq 'init' ? 'fresh' : 'init'};
	my $file = "$here/cases/$name";
	open my $f, '<', $file or die "$file: $!\n";
	local $_;
	while (<$f>) {
		chomp;
		$_ .= <$f> =~ s/^\s+//r, chomp while s/\\$//;
		if (/^#\s*(.*)/ || /^\s*$/) {
			$job->{title} //= $1;
		} elsif (/^%known (.*)/) {
			push @{$job->{known}}, split ' ', $1;
		} elsif (/^%(from|as) (\S+)$/) {
			$job->{$1 eq 'as' ? 'user' : $1} = $2;
		} elsif (/^%(real|pipe)$/) {
			$job->{$1} = 1;
		} elsif (/^%/) {
			die "$file:$.: unknown directive\n";
		} else {
			push @{$job->{fails}}, s/^! // ? 1 : 0;
			push @{$job->{lines}}, $_;
		}
	}
	$job->{title} // die "$file: the first line is no title\n";
	@{$job->{lines}} or die "$file: no lines\n";
	return $job;
}

# --- running ---------------------------------------------------------------------

sub write_jobs {
	my ($file, @jobs) = @_;
	open my $f, '>', $file or die "$file: $!\n";
	for my $job (@jobs) {
		print $f "job $job->{name}\n";
		for (qw(from user real pipe keep)) {
			print $f "$_ $job->{$_}\n" if defined $job->{$_};
		}
		print $f 'line ', escape($_), "\n" for @{$job->{lines}};
		print $f "end\n";
	}
	close $f or die "$file: $!\n";
}

sub start {
	my ($side, $file, @jobs) = @_;
	write_jobs("$file.jobs", @jobs);
	my $pid = fork // die "fork: $!\n";
	return $pid if $pid;
	open STDIN, '<', "$file.jobs" or die;
	open STDOUT, '>', "$file.out" or die;
	open STDERR, '>', "$file.err" or die;
	exec "$here/../host/enter", 'tests/differential/side', $side
	    or die "enter: $!\n";
}

# One record each for `ready` and for every job: {name, steps => [...]}.
sub results {
	my ($file) = @_;
	my (@results, $job, $step);
	open my $f, '<', "$file.out" or die "$file.out: $!\n";
	while (<$f>) {
		chomp;
		my ($word, @rest) = map { unescape($_) } split /\t/, $_, -1;
		if ($word eq 'job' || $word eq 'ready') {
			push @results, $job = {name => $rest[0], steps => []};
			$step = {changes => {}};
			push @{$job->{steps}}, $step if $word eq 'ready';
		} elsif ($word eq 'status') {
			$step = {status => $rest[0], changes => {}};
			push @{$job->{steps}}, $step;
		} elsif ($word eq 'out' || $word eq 'err') {
			$step->{$word} = $rest[0];
		} elsif ($word eq '+') {
			$step->{changes}{$rest[0]} = [@rest[1, 2]];
		} elsif ($word eq '-') {
			$step->{changes}{$rest[0]} = undef;
		} elsif ($word eq 'end') {
			$job->{ended} = 1;
		} else {
			die "$_\n"; # enter's SKIP
		}
	}
	return @results;
}

sub complain {
	my ($file) = @_;
	for ("$file.out", "$file.err") {
		open my $f, '<', $_ or next;
		/^SKIP: / and print and exit 77 while <$f>;
	}
	open my $f, '<', "$file.err" or die;
	die "a side failed:\n", <$f>;
}

# Runs jobs on both sides, split over so many pairs of hosts, all of which run
# those that others start from; a list of [job, original's result, our result],
# for each pair the tree of the start first.
sub play {
	my ($pairs, $bases, @jobs) = @_;
	my (@running, @played);
	for my $n (1 .. $pairs) {
		my @share = (@$bases,
		    @jobs[grep { $_ % $pairs == $n - 1 } 0 .. $#jobs]);
		my %pid = map { $_ => start($_, "$tmp/$n.$_", @share) }
		    qw(original ours);
		push @running, [\%pid, "$tmp/$n", @share];
	}
	my $failed;
	for (@running) {
		my ($pid, $file) = @$_;
		for my $side (qw(original ours)) {
			waitpid $pid->{$side}, 0;
			$failed //= "$file.$side" if $?;
		}
	}
	complain($failed) if $failed;
	for (@running) {
		my (undef, $file, @share) = @$_;
		my @left = results("$file.original");
		my @right = results("$file.ours");
		@left == @right && @left == @share + 1 or
		    die "a side did not do all its jobs\n";
		push @played, [$_, shift @left, shift @right]
		    for {name => 'fresh', lines => ['']}, @share;
	}
	return @played;
}

# --- comparing -------------------------------------------------------------------

# The rows' expressions that match a difference, by tag.
sub matching {
	my ($difference, @rows) = @_;
	my %found;
	for my $row (@rows) {
		my @match = grep { $difference =~ $_->{re} }
		    @{$row->{expressions}};
		$found{$row->{tag}} = \@match if @match;
	}
	return %found;
}

# Which tags explain a command's differences, and those that none does.  Another
# exit status needs a message that the same row explains.
sub explain {
	my ($differences, @rows) = @_;
	my (@bad, %tags);
	for (sort { ($a =~ /^status/) <=> ($b =~ /^status/) } @$differences) {
		my %found = matching($_, @rows);
		if (/^status/) {
			$tags{$_} or delete $found{$_} for keys %found;
		}
		push @bad, $_ if !%found;
		for my $tag (keys %found) {
			$tags{$tag} = 1;
			$_->{shown}++ for @{$found{$tag}};
		}
	}
	return (\%tags, @bad);
}

# What one list of lines has and the other hasn't.
sub set_difference {
	my ($a, $b) = @_;
	my %count;
	$count{$_}++ for @$b;
	return grep { !$count{$_} || !$count{$_}-- } @$a;
}

sub lines {
	my ($text) = @_;
	$text =~ s/PID: \d+/PID: N/g;
	$text =~ s/ pid \d+/ pid N/g;
	# Whether it is quick enough not to say this.
	$text =~ s/^\S+: waiting for the Postfix mail system to terminate\n//mg;
	my @lines = split /\n/, $text, -1;
	pop @lines if @lines && $lines[-1] eq '';
	push @lines, '(no newline at the end)' if $text =~ /[^\n]\z/;
	return @lines;
}

sub compare_text {
	my ($what, $left, $right) = @_;
	my @left = lines($left);
	my @right = lines($right);
	my @only = set_difference(\@left, \@right);
	my @ours = set_difference(\@right, \@left);
	my %only = map { $_ => 1 } @only, @ours;
	# The same sentence from postmulti-script and from postmulti.
	my @script = map { s{^\S+/postmulti-script(?=: )}{postmulti}r } @only;
	my @later = set_difference(\@script, \@ours);
	my @same = set_difference(\@script, \@later);
	@ours = set_difference(\@ours, \@same);
	my %later;
	$later{$_}++ for @later;
	@only = grep { my $as = s{^\S+/postmulti-script(?=: )}{postmulti}r;
		$later{$as} && $later{$as}-- } @only;
	my @different = ((map { "$what: from postmulti-script: $_" } @same),
	    (map { "$what original: $_" } @only),
	    (map { "$what ours: $_" } @ours));
	push @different, "$what: the order of lines"
	    if join("\n", grep { !$only{$_} } @left) ne
	    join("\n", grep { !$only{$_} } @right);
	return @different;
}

# Postfix appends parameters in random order: between the lines that are alike
# those that a command has added may stand in any order, but not pass a comment
# or a line that was there before.
sub compare_main_cf {
	my ($path, $l, $r) = @_;
	my @left = split /^/, $l->[1];
	my @right = split /^/, $r->[1];
	my @only = set_difference(\@left, \@right);
	my @ours = set_difference(\@right, \@left);
	return ((map { "tree: $path: original's line: $_" } @only),
	    (map { "tree: $path: our line: $_" } @ours)) if @only || @ours;
	return () if $l->[3] == $r->[3] &&
	    by_block($l->[2], @left) eq by_block($r->[2], @right);
	return "tree: $path: the order of lines";
}

my $setting = qr/^\w+ = ?.*\n\z/;

# The lines with each block of added settings sorted.
sub by_block {
	my ($added, @lines) = @_;
	my ($text, @block) = ('');
	for (@lines, '') {
		if (/$setting/ && $added->{$_}) {
			push @block, $_;
			next;
		}
		$text .= join('', sort @block) . $_;
		@block = ();
	}
	return $text;
}

# What a main.cf has become: which of its settings a command has added, now or
# before, and whether those that it had before are in another order.
sub history {
	my ($was, $content) = @_;
	my @old = split /^/, $was->[1] // '';
	my @new = split /^/, $content;
	my $before = $was->[2] // {};
	my %added = map { $_ => 1 } grep { $before->{$_} } @new;
	$added{$_} = 1 for set_difference(\@new, \@old);
	my @kept = grep { /$setting/ } set_difference(\@new,
	    [set_difference(\@new, \@old)]);
	for (@old) {
		shift @kept if @kept && $_ eq $kept[0];
	}
	return (\%added, @kept ? 1 : 0);
}

sub compare_path {
	my ($path, $left, $right) = @_;
	return () if !$left && !$right;
	return "tree: only original has $path" if !$right;
	return "tree: only ours has $path" if !$left;
	my @different = $left->[0] eq $right->[0] ? () :
	    "tree: $path: original $left->[0], ours $right->[0]";
	return @different if $left->[1] eq $right->[1];
	return (@different, "tree: $path: the content") if $path !~ m{/main\.cf$};
	return (@different,
	    map { chomp; $_ } compare_main_cf($path, $left, $right));
}

my %trees = (original => {}, ours => {});
my $proto = '/etc/postfix/main.cf.proto';

sub apply {
	my ($tree, $changes) = @_;
	my $first = !%$tree;
	$_->[3] = 0 for grep { $_->[3] } values %$tree;
	for (keys %$changes) {
		if ($changes->{$_} && m{/main\.cf$}) {
			# A new one is a copy, with settings added.
			my $was = $first ? $changes->{$_} :
			    $tree->{$_} // $tree->{$proto};
			$tree->{$_} = [@{$changes->{$_}},
			    history($was, $changes->{$_}[1])];
		} elsif ($changes->{$_}) {
			$tree->{$_} = $changes->{$_};
		} else {
			delete $tree->{$_};
		}
	}
}

# Differences of each step of a job, as a list of lists.  Keeps the trees of
# jobs that others start from.
sub compare {
	my ($job, $left, $right) = @_;
	my %theirs = %{$trees{original}{$job->{from} // ''} // {}};
	my %ours = %{$trees{ours}{$job->{from} // ''} // {}};
	my @different;
	for my $i (0 .. $#{$job->{lines}}) {
		my ($l, $r) = ($left->{steps}[$i], $right->{steps}[$i]);
		$l && $r && $left->{ended} && $right->{ended} or
		    die "$job->{name}: a side stopped in the middle\n";
		apply(\%theirs, $l->{changes});
		apply(\%ours, $r->{changes});
		my %paths = (%{$l->{changes}}, %{$r->{changes}});
		my @found;
		if (defined $l->{status}) {
			push @found, "status: original $l->{status}, ours " .
			    $r->{status} if $l->{status} ne $r->{status};
			push @found, compare_text('stdout', $l->{out}, $r->{out});
			push @found, compare_text('stderr', $l->{err}, $r->{err});
		}
		push @found, compare_path($_, $theirs{$_}, $ours{$_})
		    for sort keys %paths;
		# Two empty trees would be equal, too.
		$theirs{$_} && $ours{$_} or push @found, "tree: no $_"
		    for qw(/etc/postfix/master.cf /var/spool/postfix);
		push @different, \@found;
	}
	if ($job->{keep} || $job->{name} eq 'fresh') {
		$trees{original}{$job->{name}} = \%theirs;
		$trees{ours}{$job->{name}} = \%ours;
	}
	return @different;
}

1;
