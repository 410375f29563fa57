# What a volume holds that blkid(8) does not know, one line; nothing of it is changed. Needs nothing but perl-base.
#
#   perl holds.pl VOLUME
#
#   nothing            the first and the last MiB are empty, and so is every other place that was read
#   leftovers OFFSET   something stands at this byte, and nobody has written to the volume since LVM made it
#   half MARK          the first MiB is empty but for the mark of `install-system`, which stands there as long as it writes
#   data OFFSET        something stands at this byte; 0 where it could not be read
use strict;
use warnings;
no warnings 'portable'; # volumes are larger than 4 GiB
use Fcntl qw(O_RDONLY SEEK_SET SEEK_END);

my ($MIB, $PIECE, $PLACES) = (1 << 20, 1 << 16, 128);
my $MARK = $MIB - 4096;
# What lvcreate(8) wipes of a new volume is 4 KiB, and some KiB more for each old signature (seen: 8 and 267 sectors).
my ($LEAST, $MOST) = (8, 2048);
# How many seconds may lie between the time that LVM notes for a new volume and the moment when udev meets its device.
my $MEETING = 30;

sub say_it { print "HOLDS=@_\n"; exit }

my $volume = $ARGV[0];
sysopen(my $disk, $volume, O_RDONLY) or say_it('data', 0);
my $size = sysseek($disk, 0, SEEK_END) or say_it('data', 0);

# Returns where the first byte that is not 0 stands in a piece, undef when there is none.
sub first_in {
    my ($start, $length) = @_;
    $start = $size - $length if $start + $length > $size;
    ($length, $start) = ($length + $start, 0) if $start < 0;
    my ($text, $have) = ('', 0);
    defined sysseek($disk, $start, SEEK_SET) or return $start;
    while ($have < $length) {
        my $more = sysread($disk, $text, $length - $have, $have) or return $start + $have;
        $have += $more;
    }
    return $text =~ /[^\0]/ ? $start + $-[0] : undef;
}

# Since LVM made the volume it has been there without a break, in this life of the host, and no more was written to it
# than LVM does. After `lvchange -an`, or a restart, the kernel counts anew, and nobody knows; that the device is no older
# than that is told by udev, which notes when it first met it, in microseconds since the start.
sub is_untouched {
    open(my $lvs, '-|', 'lvs', '--noheadings', '--separator', '|', '--config', 'report/time_format="%s"',
        '-o', 'lv_time,origin', $volume) or return 0;
    my ($made) = (<$lvs> // '') =~ /^\s*(\d+)\|\s*$/ or return 0;
    open(my $stat, '<', '/proc/stat') or return 0;
    my ($booted) = map { /^btime (\d+)/ ? $1 : () } <$stat>;
    my $number = (stat $volume)[6];
    my ($major, $minor) = (($number >> 8) & 0xfff, ($number & 0xff) | (($number >> 12) & 0xfff00));
    open(my $counts, '<', "/sys/dev/block/$major:$minor/stat") or return 0;
    open(my $udev, '-|', 'udevadm', 'info', '--query=property', "--name=$volume") or return 0;
    my ($met) = map { /^USEC_INITIALIZED=(\d+)/ ? $1 / 1e6 + $booted : () } <$udev>;
    return 0 if !defined $met || abs($met - $made) > $MEETING;
    my $written = (split ' ', <$counts> // '')[6] // 0; # in sectors of 512 bytes (Linux, block/stat)
    return $made > $booted && $written >= $LEAST && $written <= $MOST;
}

my $found = first_in(0, $MIB);
if (defined $found && $found == $MARK) {
    my $block = '';
    sysseek($disk, $MARK, SEEK_SET);
    sysread($disk, $block, 4096);
    say_it('half', $1) if $block =~ /^xen-runbook: half a system: ([0-9A-Za-z-]+)\n\0+$/;
}
# Behind the first MiB: what begins at the usual places of a first partition, where ext2-4 and btrfs keep copies of their
# first block, a GPT its second one and RAID and DRBD their metadata; and as many places more, spread evenly. What is
# longer than the distance between two of those cannot hide.
my $step = int($size / $PLACES / 4096) * 4096;
my @places = (
    [$MIB, $MIB / 4], [$size - $MIB, $MIB],
    (map { [$_ * $MIB, $PIECE], [($_ + 1) * $MIB, $PIECE] } 8, 16, 32, 64, 128, 512, 262144),
    (map { [$_ * $step, $PIECE] } 1 .. $PLACES - 1),
);
for my $place (@places) {
    last if defined $found;
    $found = first_in(@$place) if $place->[0] < $size;
}
say_it('nothing') if !defined $found;
say_it(is_untouched() && ($found >= 4096) ? 'leftovers' : 'data', $found);
