# What a hostile source would try while it is built. Each try says HELD or BROKE, with a name.
# None would do harm to the machine if it broke.
my ($pid, $port, $abstract, $outside, $file) = @ARGV;

sub said { my ($name, $broke) = @_; print $broke ? "BROKE $name\n" : "HELD $name\n"; }
sub reads { open(my $handle, '<', $_[0]) or return 0; return defined(sysread($handle, my $some, 1)); }
sub writes { open(my $handle, '>', $_[0]) or return 0; my $done = syswrite($handle, $_[1]); return defined($done) && $done; }
sub names { opendir(my $handle, $_[0]) or return (); return grep { !/^\.\.?$/ } readdir($handle); }

said("a file of outside", reads($file));
said("the passwords of outside", reads("/etc/shadow") || reads("/proc/1/root/etc/shadow"));
said("a folder of outside", -e $outside);
said("a process of outside", kill(0, $pid) || -e "/proc/$pid");
said("other processes at all", (grep { /^\d+$/ && $_ != $$ && $_ != 1 && $_ != getppid() } names("/proc")) > 1);
said("memory of the kernel", reads("/proc/kcore") || reads("/dev/mem") || reads("/dev/kmsg"));
said("the crash handler of the kernel", open(my $core, '>>', "/proc/sys/kernel/core_pattern"));
said("the reset key", writes("/proc/sysrq-trigger", "?"));
said("a device node", !system("mknod /tmp/disk b 254 0 2>/dev/null"));
said("a mount", !system("mount -t tmpfs none /tmp 2>/dev/null"));
said("a bind mount", !system("mount --bind / /tmp 2>/dev/null"));
said("what is given, opened for writing", !system("mount -o remount,rw,bind /mnt 2>/dev/null") || writes("/mnt/resolv.conf", "x"));
open(my $is, '<', "/proc/sys/kernel/hostname");
chomp(my $hostname = <$is>);
said("the name of the machine", syscall(170, $hostname, length $hostname) == 0);
said("a namespace of users inside", syscall(272, 0x10000000) == 0);
said("a namespace of mounts inside", syscall(272, 0x00020000) == 0);
my ($image, $options) = ("no module", "");
said("a module of the kernel", syscall(175, $image, length $image, $options) == 0 || $! == 8);

# socket(AF_INET, SOCK_STREAM) and AF_UNIX, by number: the root has no modules of Perl.
my ($inet, $unix);
said("the network of outside", socket($inet, 2, 1, 0) && connect($inet, pack("S n C4 x8", 2, $port, 127, 0, 0, 1)));
said("a socket of outside", socket($unix, 1, 1, 0) && connect($unix, pack("S a*", 1, "\0$abstract")));
open(my $net, '<', '/proc/net/dev');
said("a network card", grep { /^\s*(?!lo)\w+:/ } <$net>);

my %known = map { $_ => 1 } qw(null zero full random urandom tty pts shm ptmx fd stdin stdout stderr);
said("a device of outside", grep { !$known{$_} } names("/dev"));
said("a secret of the environment", exists $ENV{RUNBOOK_TEST_SECRET});

# The old way out of a chroot: a folder held open while the root moves below it.
mkdir "/tmp/deeper";
opendir(my $held, "/");
if (chroot("/tmp/deeper")) {
    chdir($held);
    chdir("..") for 1 .. 64;
    chroot(".");
}
said("the way out of a chroot", -e $outside || -e $file || reads("/etc/shadow"));
