#!/bin/sh
# Proves one passed-through network card: starts a tiny guest that has this card and nothing else,
# and keeps what the guest itself says about it.
#
#   probe BDF VENDOR:DEVICE [RDM_POLICY [PERMISSIVE [TIMEOUT_S]]]
#
# The guest is dom0's own kernel with an initramfs of busybox and the card's driver. It asks for a
# DHCP lease through the card, pings the gateway, says so in one line on its serial port, and is
# removed again in every case. The line is kept in /var/lib/xen-runbook/probe/BDF.json.
# It ends at once when its power button is pressed, as the host does before it goes down, and is not started again.
#
# Exit status: 0 proven, 1 the guest has the card and no traffic went through it,
# 2 the guest could not be built or started, 3 it said nothing in time.
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
at=${PROBE_ROOT:-} # the tests put another root in front of every path

bdf=$1
id=$2
rdm=${3:-strict}
permissive=${4:-0}
limit=${5:-900}
release=$(uname -r)
name=probe-$(echo "$bdf" | sed 's/[:.]/-/g')
results=$at/var/lib/xen-runbook/probe
work=$(mktemp -d "$at/var/tmp/xen-runbook-probe.XXXXXX")
console=$work/console

cleanup() {
    status=$?
    trap - EXIT
    if is_there; then xl destroy "$name" || true; fi
    # A failure leaves what the guest's console said.
    if [ "$status" != 0 ] && [ -s "$console" ]; then cp "$console" "$results/$bdf.console"; fi
    rm -rf "$work"
    exit "$status"
}

fail() {
    echo "probe: $2" >&2
    [ ! -s "$console" ] || { echo "probe: the guest's console ended with:" >&2; tail -n 15 "$console" >&2; }
    exit "$1"
}

# The files of a driver, in the order in which they are loaded. xen-pciback is dom0's
# part: a softdep in modprobe.d names it before every driver of a hidden device.
files_of() {
    modprobe --show-depends "$1" |
        sed -n 's/^insmod \([^ ]*\).*/\1/p' | grep -v '/xen-pciback\.ko' | awk '!seen[$0]++'
}

unpack() {
    case $1 in
        *.xz) busybox xzcat "$1" ;;
        *.gz) busybox zcat "$1" ;;
        *.zst) zstd -dc "$1" ;;
        *) cat "$1" ;;
    esac
}

build() {
    root=$work/root
    mkdir -p "$root/bin" "$root/modules" "$root/lib/firmware"
    cp "$(command -v busybox)" "$root/bin/busybox"
    files=$(files_of "$(cat "$at/sys/bus/pci/devices/$bdf/modalias")") || files=
    [ -n "$files" ] || fail 2 "Linux $release has no driver for $bdf ($id)"
    number=10
    for file in $(files_of button || :) $files; do # where the button's driver is built in, it has no file
        module=${file##*/}
        module=${module%%.ko*}
        unpack "$file" >"$root/modules/$number-$module.ko"
        number=$((number + 1))
        for blob in $(modinfo -F firmware "$file"); do
            [ -e "$at/lib/firmware/$blob" ] || continue
            mkdir -p "$(dirname "$root/lib/firmware/$blob")"
            cp -L "$at/lib/firmware/$blob" "$root/lib/firmware/$blob"
        done
    done
    echo "id=$id" >"$root/wanted"
    write_init >"$root/init"
    write_lease >"$root/lease"
    chmod 755 "$root/init" "$root/lease"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$work/initramfs"
    echo "the guest's driver is $module; its initramfs has $(($(wc -c <"$work/initramfs") / 1024)) KiB"
}

# The guest's first and only program. What it says after XEN-RUNBOOK- is for the reader below.
write_init() {
    cat <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
dmesg -n 1
. /wanted
say() { echo "XEN-RUNBOOK-PROGRESS $*"; }
waits_for() { # SECONDS COMMAND…: true as soon as the command is
    left=$1
    shift
    until "$@"; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 1
    done
}
# The button's driver switches the event on, and ACPI counts the presses (Linux, ABI/testing/sysfs-firmware-acpi).
hears_the_button() {
    until read -r count _ <"$button" && [ "$count" -gt 0 ]; do sleep 1; done 2>/dev/null
    say "the power button was pressed"
    poweroff -f
}
has_link() { [ "$(cat "/sys/class/net/$nic/carrier" 2>/dev/null)" = 1 ]; }

say "Linux $(uname -r) runs in the guest"
for module in /modules/*; do insmod "$module" || say "could not load $module"; done
button=/sys/firmware/acpi/interrupts/ff_pwr_btn
[ ! -e "$button" ] || hears_the_button &
pci='' seen='' driver='' module='' mac='' address='' gateway='' sent=0 received=0
for path in /sys/bus/pci/devices/*; do
    read -r vendor <"$path/vendor"
    read -r product <"$path/device"
    if [ "${vendor#0x}:${product#0x}" = "$id" ]; then pci=$path seen=${vendor#0x}:${product#0x}; fi
done
if [ -z "$pci" ]; then
    say "the guest has no device $id"
elif ! waits_for 30 [ -d "$pci/net" ]; then
    say "no driver made a network card of $id"
else
    nic=$(ls "$pci/net" | head -n 1)
    driver=$(basename "$(readlink "$pci/driver")")
    module=$(basename "$(readlink "$pci/driver/module")")
    mac=$(cat "$pci/net/$nic/address")
    say "the guest has $id at ${pci##*/}, driver $driver, MAC $mac"
    ip link set "$nic" up
    waits_for 60 has_link || say "no link on $nic: is the cable plugged in?"
    udhcpc -i "$nic" -f -n -q -t 10 -T 4 -s /lease >/dev/null
    [ ! -e /leased ] || . /leased
    say "DHCP lease through it: ${address:-none}"
    if [ -n "$gateway" ]; then
        ping -c 4 -W 5 "$gateway" >/ping
        sent=$(sed -n 's/^\([0-9]*\) packets transmitted.*/\1/p' /ping)
        received=$(sed -n 's/.*transmitted, \([0-9]*\) packets received.*/\1/p' /ping)
        say "ping of $gateway: ${received:-0} of ${sent:-0} came back"
    fi
fi
read -r seconds _ </proc/uptime
for _ in 1 2 3; do # a serial line may lose characters
    printf '\nXEN-RUNBOOK-PROBE {"pci":"%s","id":"%s","driver":"%s","module":"%s","mac":"%s","address":"%s","gateway":"%s","sent":%s,"received":%s,"seconds":%s}\n' \
        "${pci##*/}" "$seen" "$driver" "$module" "$mac" "$address" "$gateway" "${sent:-0}" "${received:-0}" "${seconds%.*}"
    sleep 2
done
poweroff -f
INIT
}

# What busybox's udhcpc calls; without a router in the lease, the server that gave it is pinged.
write_lease() {
    cat <<'LEASE'
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
gateway=${router%% *}
[ -z "$gateway" ] || ip route add default via "$gateway" dev "$interface"
printf 'address=%s\ngateway=%s\n' "$ip/${mask:-24}" "${gateway:-$serverid}" >/leased
LEASE
}

write_config() {
    cat <<CONFIG
name = "$name"
type = "hvm"
memory = 256
maxmem = 256
vcpus = 1
kernel = "/boot/vmlinuz-$release"
ramdisk = "$work/initramfs"
cmdline = "console=ttyS0 quiet panic=1"
pci = [ "$bdf,rdm_policy=$rdm,permissive=$permissive" ]
serial = "file:$console"
vga = "none"
vnc = 0
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
CONFIG
}

# The serial port goes to a file: nobody has to read while the guest speaks, and no word is lost.
start() {
    if is_there; then xl destroy "$name"; fi
    write_config >"$work/probe.cfg"
    : >"$console"
    xl create "$work/probe.cfg" || fail 2 "xl could not start the guest"
    echo "the guest runs"
}

is_there() { xl domid "$name" >/dev/null 2>&1; }
was_switched_off() { grep -q 'XEN-RUNBOOK-PROGRESS the power button' "$console"; }
has_reported() { grep -q 'XEN-RUNBOOK-PROBE {.*}' "$console"; }

show_progress() {
    total=$(wc -l <"$console")
    [ "$total" -gt "$shown" ] || return 0
    sed -n "$((shown + 1)),$total{s/\r//g;s/.*XEN-RUNBOOK-PROGRESS //p}" "$console"
    shown=$total
}

wait_for_line() {
    shown=0
    until has_reported; do
        is_there || has_reported || return 1
        [ "$(date +%s)" -lt "$deadline" ] || fail 3 "the guest did not report within $limit s"
        show_progress
        sleep 3
    done
    show_progress
}

keep_result() {
    said=$(sed -n 's/.*XEN-RUNBOOK-PROBE \({.*}\).*/\1/p' "$console" | head -n 1)
    xen=$(cd "$at/sys/hypervisor/version" && echo "$(cat major).$(cat minor)$(cat extra)")
    printf '{"bdf":"%s","id":"%s","module":"%s","xen":"%s","kernel":"%s","guest":%s}\n' \
        "$bdf" "$id" "$module" "$xen" "$release" "$said" >"$results/$bdf.json.new"
    mv "$results/$bdf.json.new" "$results/$bdf.json"
    echo "$said"
    case $said in
        *'"received":0'*) fail 1 "the guest has no traffic through $bdf" ;;
    esac
    rm -f "$results/$bdf.console"
}

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"
deadline=$(($(date +%s) + limit))
build
# A guest that dies before it says a word is started again, twice: emulated machines do that.
tries=3
until start && wait_for_line; do
    ! was_switched_off || fail 2 "the guest was switched off before it had proven its device"
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail 2 "the guest ended without a word about its device"
    echo "the guest ended without a word about its device; starting it again"
done
keep_result
