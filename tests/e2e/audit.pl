#!/usr/bin/perl
# What a log daemon got from the helpers, as tap keeps it.
# usage: audit.pl FILE [COMMAND]
#
#   (none)           every message is well-formed: says how many of which kind
#   has KEY=VALUE... a line that has all of these values, decoded; KEY= alone
#                    for one that hasn't the key; says which it was (its id)
#   show             the lines, decoded, for a person
#
# Whatever the command, the first malformed message is the end.

use strict;
use warnings;

my ($file, $command, @want) = @ARGV;
my %first = (n => "\n", t => "\t", r => "\r", b => "\b", a => "\a", f => "\f",
    v => "\x0b", s => " ", '"' => '"', '\\' => '\\');
my @order = qw(event id uid user loginuid tty step action instance group
    directory new_name new_group rule result words cut detail status changed duration_ms
    suppressed further);
my %place = map { $order[$_] => $_ } 0 .. $#order;
my $who;

sub bad { die "$file: @_\nin: $who\n" }

# The reverse of vis(3), strictly: nothing that it doesn't write.
sub unvis {
	my ($text) = @_;
	my $out = "";
	while ($text =~ /\G(?:\\([0-7]{3})|\\([ntrbafvs"\\])|([^\\"\x00-\x1f\x7f-\xff]))/gc) {
		$out .= defined $1 ? chr oct $1 : defined $2 ? $first{$2} : $3;
	}
	bad("not a vis-encoded value: $text")
	    if (pos($text) // 0) != length $text;
	return $out;
}

# key=value, values with a blank in quotes, in their order, each key once.
sub pairs {
	my ($text) = @_;
	my (%got, $last);
	while ($text =~ /\G([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "]*(?:\\"[^ "]*)*))(?: (?=.)|$)/gc) {
		my ($key, $value) = ($1, $2 // $3);
		my $at = $place{$key} // bad("no such key: $key");
		bad("$key isn't in its place") if defined $last && $at <= $last;
		bad("$key is empty") if $value eq "";
		bad("$key has a blank without quotes")
		    if !defined $2 && $value =~ / /;
		$last = $at;
		$got{$key} = unvis($value);
	}
	bad("not pairs: " . substr $text, pos($text) // 0)
	    if (pos($text) // 0) != length $text;
	return \%got;
}

sub number { return defined $_[0] && $_[0] =~ /^(?:0|[1-9][0-9]*)$/ }

# What every line must say.
sub complete {
	my ($l) = @_;
	my $done = ($l->{event} // "") eq "done";
	bad("no event") if !$done && ($l->{event} // "") ne "decided";
	bad("the id") if ($l->{id} // "") !~ /^[0-9]+\.[0-9]{6}-[0-9]+$/;
	bad("the uid") if !number($l->{uid});
	bad("no $_") for grep { !defined $l->{$_} } "action", "result";
	bad("the result") if $l->{result} !~ /^(?:permitted|denied|failed)$/;
	# What the kernel has for one that was never set is no uid.
	bad("the loginuid") if defined $l->{loginuid} &&
	    (!number($l->{loginuid}) || $l->{loginuid} >= 4294967295);
	bad("the tty")
	    if defined $l->{tty} && $l->{tty} !~ m{^/dev/(?:pts/[0-9]+|char/[0-9]+:[0-9]+)$};
	for (qw(status duration_ms suppressed)) {
		bad($_) if defined $l->{$_} != $done ||
		    $done && !number($l->{$_});
	}
	bad("changed") if $done && $l->{changed} !~ /^(?:yes|no)$/;
	return if $l->{result} ne "permitted";
	bad("no $_") for grep { !defined $l->{$_} } "step", "directory", "rule";
	bad("the rule") if $l->{uid} eq "0" ? $l->{rule} ne "root" :
	    $l->{rule} !~ m{^/etc/postmulti/[^ ]+:[1-9][0-9]*$};
}

my (%count, %ids, @lines);

sub audit_line {
	my ($text, $priority, $uid, $ident) = @_;
	my $l = pairs($text);
	complete($l);
	bad("priority $priority")
	    if $priority != ($l->{result} eq "permitted" ? 6 : 5);
	bad("sent by uid $uid") if $uid != 0;
	bad("by $ident") if $ident !~ /^postmulti-(?:config|dirs|exec)$/;
	$count{"$l->{event} $l->{result}"}++;
	$count{suppressed} += $l->{suppressed} // 0;
	$count{"uid $l->{uid} told"} +=
	    ($l->{suppressed} // 0) + ($l->{result} ne "permitted");
	$count{"uid $l->{uid} $l->{event}"}++ if $l->{result} eq "permitted";
	if ($l->{event} eq "decided") {
		bad("an id twice") if $ids{$l->{id}};
		$ids{$l->{id}} = $l;
	} elsif (my $d = delete $ids{$l->{id}}) {
		for (qw(uid user loginuid tty step action instance group directory
		    new_name new_group rule words)) {
			# What is refused under the lock may have no instance.
			bad("$_ is different") if $l->{result} eq "permitted" &&
			    ($d->{$_} // "") ne ($l->{$_} // "");
		}
		$count{pairs}++;
	} else {
		bad("done, but never decided") if $l->{result} eq "permitted";
	}
	push @lines, $l;
}

sub mail_line {
	my ($text, $priority, $facility, $uid, $ident) = @_;
	bad("sent by uid $uid") if $uid != 0;
	bad("not one line") if $text =~ /[^\x20-\x7e]/;
	bad("mail priority $priority") if $priority != 6 && $priority != 4;
	bad("text") if $text !~ /^[a-z]+\.[a-z]+: .* of .* by uid [0-9]+: ./;
	$count{mail}++;
	push @lines, {ident => $ident, facility => $facility,
	    priority => $priority, text => $text};
}

# The native protocol: NAME=value and a newline; names as journald takes them.
sub journal {
	my ($data, $uid) = @_;
	my %f;
	bad("no newline at the end") if $data !~ /\n\z/;
	for (split /\n/, $data) {
		/^([A-Z][A-Z0-9_]{0,63})=([\x20-\x7e]*)$/ or bad("field: $_");
		bad("$1 twice") if defined $f{$1};
		$f{$1} = $2;
	}
	for (qw(MESSAGE PRIORITY SYSLOG_FACILITY SYSLOG_IDENTIFIER SYSLOG_PID)) {
		bad("no $_") if !defined $f{$_};
	}
	if ($f{SYSLOG_FACILITY} != 10) {
		return mail_line(@f{qw(MESSAGE PRIORITY SYSLOG_FACILITY)},
		    $uid, $f{SYSLOG_IDENTIFIER});
	}
	audit_line($f{MESSAGE}, $f{PRIORITY}, $uid, $f{SYSLOG_IDENTIFIER});
	my %own = map { my $k = $_; $k =~ s/^POSTMULTI_// ?
	    (lc $k => unvis($f{$_})) : () } keys %f;
	my $l = $lines[-1];
	for (keys %own, keys %$l) {
		bad("$_ of fields and message")
		    if ($own{$_} // "") ne ($l->{$_} // "");
	}
	$count{journal}++;
}

open my $fh, "<", $file or die "$file: $!\n";
while (<$fh>) {
	chomp;
	$who = $_;
	my ($uid, $data) = /^([0-9]+) (.*)$/s or die "tap: $_\n";
	$data =~ s/\\x(..)/chr hex $1/ge;
	if ($data =~ /^<([0-9]+)>([^ \[]+)\[[0-9]+\]: (.*)\z/s) {
		my ($p, $ident, $text) = ($1, $2, $3);
		next if $ident =~ m{^postfix[^/]*/(?!postmulti-)};
		next if $ident eq "mark";
		if ($p >> 3 == 10) {
			audit_line($text, $p & 7, $uid, $ident);
		} else {
			mail_line($text, $p & 7, $p >> 3, $uid, $ident);
		}
	} elsif ($data =~ /^(?:MESSAGE|[A-Z_]+)=/) {
		journal($data, $uid);
	} elsif ($data !~ /^<[0-9]+>(?:[A-Z][a-z]{2} [ 0-9:]+ )?(?:postfix|root|mark)/) {
		bad("whose message is that?");
	}
}

if (!defined $command) {
	$count{open} = keys %ids;
	print join(", ", map { "$_ $count{$_}" } sort keys %count), "\n";
} elsif ($command eq "has") {
	for my $l (@lines) {
		next if grep { my ($k, $v) = split /=/, $_, 2;
		    ($l->{$k} // "") ne $v } @want;
		print $l->{id} // "mail", "\n";
		exit 0;
	}
	die "no line has @want\n";
} else {
	for my $l (@lines) {
		print join(" ", map { "$_=[$l->{$_}]" } sort keys %$l), "\n";
	}
}
