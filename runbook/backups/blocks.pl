#!/usr/bin/perl
# Moves the bytes of a volume into a backup and back. Needs nothing but perl-base, which every Debian has.
#
#   blocks keep SIZE [START:LENGTH:MAP]...   print what is kept, `START LENGTH` a line: all but what is free
#   blocks sample VOLUME KEPT COUNT          write a few pieces of it, spread evenly, to standard output,
#                                            and how many bytes they are to the file COUNT
#   blocks gather VOLUME KEPT [raw]          write it to standard output
#   blocks check SIZE [raw]                  read a stream from standard input and see that it is whole
#   blocks scatter VOLUME [raw]              write a stream from standard input to its places; nobody else
#                                            may have the volume open
#   blocks compare VOLUME [raw]              see that the volume holds what the stream on standard input says
#   blocks json [WORD]...                    print a sidecar (see `json` below)
#   blocks lvm VOLUME START LENGTH           read the LVM physical volume in a partition: a map of its free extents,
#                                            and `lv NAME START LENGTH` for each volume that lies in one piece
#
# A MAP is what `partclone.FS -D` writes about one partition: lines `POSITION LENGTH ?` are free. The stream
# begins with `xen-runbook-blocks 1 SIZE COUNT` and COUNT lines `START LENGTH`; the bytes follow in that
# order. A raw stream is the volume itself, every byte of it, and nothing else.
use strict;
use warnings;
no warnings 'portable'; # volumes are larger than 4 GiB
use Fcntl qw(O_RDONLY O_RDWR O_EXCL SEEK_SET SEEK_END);

my $PIECE = 1 << 20;
my $F_SETPIPE_SZ = 1031;
my $BLKFLSBUF = 0x1261;
my ($began, $told) = (time, time);

sub fail { print STDERR "blocks: @_\n"; exit 1 }

# A line from time to time: how far, how fast, how long still. Often at first, seldom in the long run.
sub progress {
    my ($word, $done, $total) = @_;
    my $now = time;
    return if $done < $total && $now - $told < ($now - $began < 60 ? 2 : 10);
    $told = $now;
    my $seconds = $now - $began || 1;
    my $rate = $done / $seconds || 1;
    printf STDERR "%s: %d %% of %d MiB, %d MiB/s, %s left\n", $word, $total ? 100 * $done / $total : 100,
        $total >> 20, $rate / (1 << 20), spell(($total - $done) / $rate);
}

sub spell {
    my $s = int(shift);
    return $s < 120 ? "$s s" : $s < 7200 ? int($s / 60) . " min" : sprintf("%.1f h", $s / 3600);
}

sub open_volume {
    my ($path, $mode) = @_;
    sysopen(my $file, $path, $mode) or return;
    binmode $file;
    return $file;
}

sub size_of {
    my ($file) = @_;
    my $size = sysseek($file, 0, SEEK_END) or fail "the volume has no size: $!";
    return $size;
}

sub at { sysseek($_[0], $_[1], SEEK_SET) // fail "cannot go to byte $_[1]: $!" }

sub read_all {
    my ($file, $want) = @_;
    my $data = '';
    while (length $data < $want) {
        my $got = sysread($file, $data, $want - length $data, length $data) // fail "reading failed: $!";
        return $data unless $got;
    }
    return $data;
}

sub write_all {
    my ($file, $data) = @_;
    my $at = 0;
    while ($at < length $data) {
        $at += syswrite($file, $data, length($data) - $at, $at) // fail "writing failed: $!";
    }
}

# What partclone calls free, as [from, to), inside one partition.
sub free_of {
    my ($start, $length, $map) = @_;
    my @free;
    open(my $lines, '<', $map) or fail "$map: $!";
    while (<$lines>) {
        next unless /^0x([0-9A-Fa-f]+)\s+0x([0-9A-Fa-f]+)\s+\?\s*$/;
        my ($from, $to) = (hex $1, hex($1) + hex $2);
        fail "$map names free room outside its partition" if $to > $length;
        push @free, [$start + $from, $start + $to];
    }
    return @free;
}

sub keep {
    my ($size, @maps) = @_;
    my $at = 0;
    for my $free (sort { $a->[0] <=> $b->[0] } map { free_of(split /:/, $_, 3) } @maps) {
        fail "free room is named twice" if $free->[0] < $at;
        print "$at ", $free->[0] - $at, "\n" if $free->[0] > $at;
        $at = $free->[1];
    }
    print "$at ", $size - $at, "\n" if $size > $at;
}

sub kept_in {
    my ($file) = @_;
    open(my $lines, '<', $file) or fail "$file: $!";
    return map { [split] } <$lines>;
}

sub total { my $sum = 0; $sum += $_->[1] for @_; return $sum }

sub sample {
    my ($volume, $kept, $count) = @_;
    my $file = open_volume($volume, O_RDONLY) or fail "$volume: $!";
    my @kept = kept_in($kept);
    my ($step, $next, $passed, $piece, $sum) = (total(@kept) / 64, 0, 0, 1 << 18, 0);
    for my $extent (@kept) {
        my ($start, $length) = @$extent;
        while ($next < $passed + $length) {
            at($file, $start + int($next - $passed));
            my $data = read_all($file, min($piece, $passed + $length - int $next));
            write_all(\*STDOUT, $data);
            $sum += length $data;
            $next += $step > $piece ? $step : $piece;
        }
        $passed += $length;
    }
    open(my $note, '>', $count) or fail "$count: $!";
    print $note "$sum\n";
}

sub min { return $_[0] < $_[1] ? $_[0] : $_[1] }

sub gather {
    my ($volume, $kept, $raw) = @_;
    # Held for itself alone where that is possible: no guest can be started on it meanwhile.
    my $file = open_volume($volume, O_RDONLY | (-b $volume ? O_EXCL : 0)) || open_volume($volume, O_RDONLY)
        or fail "$volume: $!";
    my @kept = kept_in($kept);
    my ($done, $total) = (0, total(@kept));
    fcntl(STDOUT, $F_SETPIPE_SZ, $PIECE);
    unless ($raw) {
        my $head = "xen-runbook-blocks 1 " . size_of($file) . " " . @kept . "\n";
        write_all(\*STDOUT, $head . join('', map { "$_->[0] $_->[1]\n" } @kept));
    }
    for my $extent (@kept) {
        my ($start, $left) = @$extent;
        at($file, $start);
        while ($left > 0) {
            my $data = read_all($file, min($PIECE, $left));
            fail "$volume ends early, at byte ", $start + $extent->[1] - $left unless length $data;
            write_all(\*STDOUT, $data);
            $left -= length $data;
            $done += length $data;
            progress("backing up", $done, $total);
        }
    }
}

# The head of a stream: the size of the volume it was taken from, and what is kept of it.
sub head_of {
    my ($raw, $size) = @_;
    fcntl(STDIN, $F_SETPIPE_SZ, $PIECE);
    return ($size, [0, $size]) if $raw;
    my ($line, $at, @kept) = (line_in(), 0);
    my ($from, $count) = $line =~ /^xen-runbook-blocks 1 (\d+) (\d+)$/
        or fail "the stream is not one of used blocks";
    for (1 .. $count) {
        my ($start, $length) = line_in() =~ /^(\d+) (\d+)$/ or fail "the stream's list of blocks is broken";
        fail "the stream's list of blocks is not in order" if $start < $at || $start + $length > $from;
        $at = $start + $length;
        push @kept, [$start, $length];
    }
    return ($from, @kept);
}

my $ahead = '';

sub line_in {
    until ($ahead =~ /\n/) {
        my $got = sysread(STDIN, $ahead, 1 << 16, length $ahead) // fail "reading failed: $!";
        fail "the stream ends in its head" unless $got;
    }
    my $end = index($ahead, "\n");
    my $line = substr($ahead, 0, $end);
    substr($ahead, 0, $end + 1) = '';
    return $line;
}

sub bytes_in {
    my ($want) = @_;
    my $data = substr($ahead, 0, $want);
    substr($ahead, 0, length $data) = '';
    return $data . read_all(\*STDIN, $want - length $data);
}

# Hand each piece of the stream with its place to a function; the stream must end where its head says.
sub each_piece {
    my ($word, $do, @kept) = @_;
    my ($done, $total) = (0, total(@kept));
    for my $extent (@kept) {
        my ($at, $left) = @$extent;
        while ($left > 0) {
            my $data = bytes_in(min($PIECE, $left));
            fail "the stream ends early, after $done of $total bytes" unless length $data;
            $do->($at, $data);
            $at += length $data;
            $left -= length $data;
            $done += length $data;
            progress($word, $done, $total);
        }
    }
    fail "the stream is longer than its head says" if length bytes_in(1);
}

sub check {
    my ($size, $raw) = @_;
    my ($from, @kept) = head_of($raw, $size);
    fail "the stream is of a volume of $from bytes, not $size" if $from != $size;
    each_piece("reading", sub { }, @kept);
}

sub scatter {
    my ($volume, $raw) = @_;
    my $file = open_volume($volume, O_RDWR | (-b $volume ? O_EXCL : 0)) or fail "$volume: $!";
    my ($from, @kept) = head_of($raw, $raw);
    fail "$volume has ", size_of($file), " bytes, the backup is of $from" if size_of($file) < $from;
    each_piece("restoring", sub { at($file, $_[0]); write_all($file, $_[1]) }, @kept);
    require IO::Handle;
    $file->sync or fail "$volume: could not be brought to the disk: $!";
}

sub compare {
    my ($volume, $raw) = @_;
    my $file = open_volume($volume, O_RDONLY) or fail "$volume: $!";
    ioctl($file, $BLKFLSBUF, 0) if -b $volume; # what is read now comes from the disk
    my ($from, @kept) = head_of($raw, $raw);
    each_piece("comparing", sub {
        my ($at, $data) = @_;
        at($file, $at);
        fail "$volume differs from the backup between bytes $at and ", $at + length $data
            if read_all($file, length $data) ne $data;
    }, @kept);
}

sub text { my $t = shift; $t =~ s/([\\"])/\\$1/g; $t =~ s/\n/\\n/g; $t =~ s/([\x00-\x1f\x7f])/sprintf '\\u%04x', ord $1/ge; return "\"$t\"" }

sub content { open(my $f, '<', $_[0]) or fail "$_[0]: $!"; local $/; return scalar(<$f>) // '' }

# Words: key=TEXT, key:=NUMBER, key@=FILE (its text), key*=WORDS (a list), key%=FILE (a table, tabs between;
# its first line names the columns, those with `#` before their name are numbers).
sub json {
    my @rows;
    for (@_) {
        my ($key, $kind, $value) = /^(\w+)([:@*%]?)=(.*)$/s or fail "not a word for a sidecar: $_";
        $value = $kind eq ':' ? $value
            : $kind eq '@' ? text(content($value))
            : $kind eq '*' ? '[' . join(', ', map { text($_) } split ' ', $value) . ']'
            : $kind eq '%' ? table(split /\n/, content($value))
            : text($value);
        push @rows, "  \"$key\": $value";
    }
    print "{\n", join(",\n", @rows), "\n}\n";
}

sub table {
    my @columns = split /\t/, shift;
    my @objects = map {
        my @cells = split /\t/, $_, -1;
        "\n    {" . join(', ', map {
            my ($number, $name) = $columns[$_] =~ /^(#?)(.*)/;
            "\"$name\": " . ($number ? $cells[$_] : text($cells[$_]));
        } 0 .. $#columns) . '}';
    } @_;
    return '[' . join(',', @objects) . ']';
}

# ---------------------------------------------------------------------------------------------------- LVM
# The form is that of lvm2's label.h and format_text/layout.h. Whatever is not as foreseen ends this with a reason,
# and the caller keeps every byte.

my $LVM_CRC = 0xf597a6cf; # what lvm2 begins its checksums with (lib/misc/crc.h)

sub bytes_at { my ($file, $from, $count) = @_; at($file, $from); return read_all($file, $count) }

sub lvm_sum {
    my ($data) = @_;
    my $sum = $LVM_CRC;
    for my $byte (unpack 'C*', $data) {
        $sum ^= $byte;
        $sum = $sum & 1 ? ($sum >> 1) ^ 0xedb88320 : $sum >> 1 for 1 .. 8;
    }
    return $sum;
}

# The description of the volume group, as text, from the first metadata area that holds one.
sub lvm_text {
    my ($file, $start) = @_;
    my ($label) = grep { substr($_->[1], 0, 8) eq 'LABELONE' && substr($_->[1], 24, 8) eq 'LVM2 001' }
        map { [$_, bytes_at($file, $start + 512 * $_, 512)] } 0 .. 3;
    fail "no label of LVM is found in it" unless $label;
    my $areas = substr($label->[1], unpack('V', substr $label->[1], 20, 4) + 40);
    my @places = unpack 'Q<*', substr($areas, 0, 8 * int(length($areas) / 8));
    my @lists = ([], []); # of data, of metadata, each ended by a place that is nothing
    for my $list (@lists) {
        while (@places >= 2) {
            my ($from, $count) = splice @places, 0, 2;
            last unless $from || $count;
            push @$list, $from;
        }
    }
    for my $area (@{ $lists[1] }) {
        my $head = bytes_at($file, $start + $area, 512);
        my ($magic, $size, $offset, $length, $sum, $flags) = unpack 'x4 a16 x4 x8 Q< Q< Q< V V', $head;
        next if $magic ne " LVM2 x[5A%r0N*>" || !$length || $flags & 1 || $length > 1 << 22;
        my $rest = $size - $offset; # the area is a ring behind its head
        my $text = $length <= $rest ? bytes_at($file, $start + $area + $offset, $length)
            : bytes_at($file, $start + $area + $offset, $rest) . bytes_at($file, $start + $area + 512, $length - $rest);
        return $text if lvm_sum($text) == $sum;
    }
    fail "no whole description of its volume group is found in it";
}

# A section as a hash: words, lists of words as references to arrays, sections in it as hashes.
sub lvm_section {
    my ($text, $is_top) = @_;
    my %section;
    while (defined(my $name = lvm_word($text))) {
        return \%section if $name eq '}';
        my $next = lvm_word($text) // fail "the description of its volume group ends early";
        if ($next eq '{') { $section{$name} = lvm_section($text, 0) }
        elsif ($next eq '=') {
            my $value = lvm_word($text) // fail "the description of its volume group ends early";
            if ($value eq '[') {
                my @list;
                while (defined(my $word = lvm_word($text))) {
                    last if $word eq ']';
                    push @list, $word unless $word eq ',';
                }
                $value = \@list;
            }
            $section{$name} = $value;
        }
        else { fail "the description of its volume group cannot be understood" }
    }
    return \%section if $is_top;
    fail "the description of its volume group ends early";
}

sub lvm_word {
    my ($text) = @_;
    $$text =~ /\G(?:\s|#[^\n]*\n|\0)+/gc;
    return $1 if $$text =~ /\G"((?:[^"\\]|\\.)*)"/gc;
    return $1 if $$text =~ /\G([\w.+-]+|[{}=\[\],])/gc;
    return;
}

# Every word of a segment or volume, however deep, with the name it stands under.
sub lvm_words {
    my ($section) = @_;
    return map {
        my ($key, $value) = ($_, $section->{$_});
        ref $value eq 'HASH' ? lvm_words($value) : map { [$key, $_] } ref $value ? @$value : $value;
    } keys %$section;
}

sub lvm {
    my ($volume, $start, $length) = @_;
    my $file = open_volume($volume, O_RDONLY) or fail "$volume: $!";
    my $text = lvm_text($file, $start);
    my @groups = grep { ref eq 'HASH' } values %{ lvm_section(\$text, 1) };
    fail "the description of its volume group cannot be understood" unless @groups == 1;
    my ($group, $disks) = ($groups[0], $groups[0]{physical_volumes} // {});
    fail "its volume group lies on more than one disk" unless keys %$disks == 1;
    my ($name, $disk) = %$disks;
    my ($first, $extent) = (512 * $disk->{pe_start}, 512 * $group->{extent_size});
    fail "its volume group reaches behind its end" if $first + $extent * $disk->{pe_count} > $length;
    my @used = (0) x $disk->{pe_count};
    my $volumes = $group->{logical_volumes} // {};
    my (%meant, @windows);
    for my $lv (sort keys %$volumes) {
        my @segments = grep { ref eq 'HASH' } values %{ $volumes->{$lv} };
        for my $segment (@segments) {
            for my $pair (lvm_words($segment)) {
                fail "a volume in it is of a kind that is not known" if $pair->[1] eq $name && $pair->[0] ne 'stripes';
                $meant{ $pair->[1] } = 1;
            }
            my @stripes = @{ $segment->{stripes} // [] };
            my $pieces = $segment->{stripe_count} // 1;
            my $count = int(($segment->{extent_count} + $pieces - 1) / $pieces);
            while (my ($on, $from) = splice @stripes, 0, 2) {
                next if $on ne $name;
                fail "a volume in it reaches behind its end" if $from + $count > @used;
                $used[$_] = 1 for $from .. $from + $count - 1;
            }
        }
        my $only = $segments[0];
        push @windows, [$lv, $only->{stripes}[1], $only->{extent_count}]
            if @segments == 1 && $only->{type} eq 'striped' && $only->{stripe_count} == 1
            && grep { $_ eq 'VISIBLE' } @{ $volumes->{$lv}{status} // [] };
    }
    my $at = 0;
    while ($at < @used) {
        my $end = $at;
        $end++ while $end < @used && $used[$end] == $used[$at];
        printf "0x%X 0x%X ?\n", $first + $at * $extent, ($end - $at) * $extent unless $used[$at];
        $at = $end;
    }
    # What another volume is made of, such as the origin of a snapshot, is not what it seems to be from here.
    print "lv $_->[0] ", $start + $first + $_->[1] * $extent, ' ', $_->[2] * $extent, "\n"
        for grep { !$meant{ $_->[0] } } @windows;
}

my %commands = (
    keep => \&keep, sample => \&sample, gather => \&gather, check => \&check,
    scatter => \&scatter, compare => \&compare, json => \&json, lvm => \&lvm,
);
binmode STDIN;
binmode STDOUT;
my $command = $commands{shift @ARGV // ''} or fail "say one of: ", join ', ', sort keys %commands;
$command->(@ARGV);
close STDOUT or fail "writing failed: $!";
