"""The proof of clean ends: a guest without Xen's drivers, started by hand, ends by itself when the host is restarted.

The guest is a PC to its system, as Windows is: dom0's own kernel with `nopv`, so that nothing in it knows of Xen. It
writes `up` to its disk, waits for the power button of its ACPI, writes `ended`, and switches itself off.
"""

from __future__ import annotations

from runbook.guests import ending
from runbook.testbed.console import Patience
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say
from runbook.testbed.remote import must, shell, stop_guests
from runbook.testbed.zoo.building import restart

NAME = "end-proof"
PATIENCE_S = 900

_MAKE = r"""set -eu
release=$(uname -r) work=/var/tmp/xen-runbook-end-proof root=/var/tmp/xen-runbook-end-proof/root
rm -rf "$work"; mkdir -p "$root/bin" "$root/modules"
cp "$(command -v busybox)" "$root/bin/busybox"
number=10
for file in $(for module in button ata_piix sd_mod; do modprobe --show-depends "$module"; done |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | grep -v /xen-pciback | awk '!seen[$0]++'); do
    module=${file##*/}
    case $file in
        *.xz) busybox xzcat "$file" ;;
        *.zst) zstd -dc "$file" ;;
        *) cat "$file" ;;
    esac >"$root/modules/$number-${module%%.ko*}.ko"
    number=$((number + 1))
done
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
for module in /modules/*; do insmod "$module"; done
until [ -b /dev/sda ]; do sleep 1; done
tell() { printf '%-4095s\n' "$1" | dd of=/dev/sda bs=4096 count=1 conv=fsync 2>/dev/null; }
tell up
until read -r count _ </sys/firmware/acpi/interrupts/ff_pwr_btn && [ "$count" -gt 0 ]; do sleep 1; done
tell ended
poweroff -f
INIT
chmod 755 "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$work/initramfs"
lvremove --yes --quiet GROUP/NAME 2>/dev/null || :
lvcreate --yes --quiet --wipesignatures n --size 4m --name NAME GROUP
dd if=/dev/zero of=/dev/GROUP/NAME bs=4096 count=1 conv=fsync status=none
cat >"$work/guest.cfg" <<CONFIG
name = "NAME"
type = "hvm"
memory = 256
vcpus = 1
kernel = "/boot/vmlinuz-$release"
ramdisk = "$work/initramfs"
cmdline = "console=ttyS0 quiet panic=1 nopv"
disk = [ "phy:/dev/GROUP/NAME,hda,w" ]
serial = "file:$work/console"
vga = "none"
vnc = 0
on_reboot = "destroy"
on_crash = "destroy"
CONFIG
xl create "$work/guest.cfg"
"""
_SAYS = "dd if=/dev/GROUP/NAME bs=4096 count=1 iflag=direct status=none | tr -d ' \\0\\n'"
_CONSOLE = "tail -n 20 /var/tmp/xen-runbook-end-proof/console"
_AWAY = "lvremove --yes --quiet GROUP/NAME; rm -rf /var/tmp/xen-runbook-end-proof"


def prove_ends(machine: Machine, group: str) -> None:
    """Prove it on a finished machine with `group` for its guests' volumes. Raises `CheckFailed` when it does not hold."""

    def on_it(script: str) -> str:
        return shell(machine, script.replace("GROUP", group).replace("NAME", NAME))

    # The others' disks are empty: no system is in them that could hear the button, and each would be waited for.
    stop_guests(machine)
    on_it(_MAKE)
    try:
        seconds = machine.wait_until(
            "a guest that writes to its disk",
            lambda: on_it(_SAYS).strip() == "up",
            Patience(total_s=PATIENCE_S),
        )
        say(f"a guest without Xen's drivers runs, started over ssh, after {seconds:.0f} s")
        plain = on_it("xl shutdown NAME 2>&1 || :").strip()
        must(
            "not available" in plain,
            "The guest has Xen's drivers, so this would prove nothing",
            plain or "`xl shutdown` without -F took it",
        )
        seconds = restart(machine)
        said, kept = on_it(_SAYS).strip(), on_it(f"cat {ending.KEPT}")
        must(
            said == "ended",
            "The guest was cut off when the host went down",
            f"its disk says '{said}'; {kept}",
        )
        must(f"ended {NAME}: " in kept, "How the guest ended was not kept", kept)
        line = next(line for line in kept.splitlines() if NAME in line)
        say(f"it ended by the power button before the host went down: {line}; back after {seconds:.0f} s")
    finally:
        say(f"its console: {on_it(f'{_CONSOLE} 2>/dev/null || :').strip()[-300:]}")
        on_it(f"xl destroy NAME 2>/dev/null || :; {_AWAY}")
