"""The program that proves a device, run for real with a make-believe Xen: what it builds, keeps, clears."""

import json
import os
import re
import shutil
import subprocess

import pytest

from runbook.guests import probe
from runbook.model.ask import Answer, Facts
from runbook.params.host import Device

CARD, ID = "0000:00:05.0", "8086:10d3"
SAID = {
    "pci": "0000:00:05.0",
    "id": ID,
    "driver": "e1000e",
    "module": "e1000e",
    "mac": "52:54:00:12:34:58",
    "address": "10.0.3.15/24",
    "gateway": "10.0.3.2",
    "sent": 4,
    "received": 4,
    "seconds": 94,
}
COMMANDS = {
    "uname": 'case "$*" in -r) echo 6.12.9-test ;; esac',
    "sleep": "exec /bin/sleep 0.1",
    "modinfo": "echo e1000e.fw; echo missing.fw",
    "modprobe": """case $2 in
    button) echo "insmod $ROOT/button.ko" ;;
    *)
        echo "insmod $ROOT/ptp.ko.xz "
        echo "insmod $ROOT/xen-pciback.ko.xz hide=(0000:00:05.0)"
        echo "insmod $ROOT/e1000e.ko"
        ;;
esac
""",
    "busybox": 'case $1 in xzcat) cat "$2"; echo unpacked ;; cpio) tar -cf - -T - --no-recursion ;; esac',
    "xl": """echo "xl $*" >>$ROOT/log
case $1 in
    create)
        cp "$2" $ROOT/config
        cp "${2%/*}/initramfs" $ROOT/initramfs
        [ ! -e $ROOT/broken ] || exit 1
        cat $ROOT/serial >"$(sed -n 's/^serial = "file:\\(.*\\)"/\\1/p' "$2")"
        grep -qE 'panic|Power down' $ROOT/serial || touch $ROOT/up
        ;;
    domid) [ -e $ROOT/up ] && echo 7 ;;
    destroy) rm -f $ROOT/up ;;
esac
""",
}


class Dom0:
    """A folder that looks like dom0 to the program, and the make-believe commands before the real ones."""

    def __init__(self, root):
        self.root = root
        for folder in (
            "bin",
            "var/tmp",
            f"sys/bus/pci/devices/{CARD}",
            "sys/hypervisor/version",
            "lib/firmware",
        ):
            (root / folder).mkdir(parents=True)
        for path, text in {
            f"sys/bus/pci/devices/{CARD}/modalias": "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00\n",
            "sys/hypervisor/version/major": "4\n",
            "sys/hypervisor/version/minor": "20\n",
            "sys/hypervisor/version/extra": ".5-pre\n",
            "lib/firmware/e1000e.fw": "firmware",
            "ptp.ko.xz": "ptp ",
            "e1000e.ko": "e1000e",
            "button.ko": "button",
        }.items():
            (root / path).write_text(text)
        for name, body in COMMANDS.items():
            file = root / "bin" / name
            file.write_text(f"#!/bin/sh\n{body.replace('$ROOT', str(root))}\n")
            file.chmod(0o755)

    def says(self, text):
        (self.root / "serial").write_text(text)

    def run(self, *more):
        """Run the program as the step's action does; return status, standard output and error."""
        program = self.root / "probe"
        program.write_text(probe.program())
        env = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "PROBE_ROOT": str(self.root)}
        done = subprocess.run(
            ["sh", str(program), CARD, ID, *more],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def unpacked(self):
        """Return the folder with what the guest's initramfs holds."""
        folder = self.root / "unpacked"
        folder.mkdir()
        with (self.root / "initramfs").open("rb") as image:
            tar = subprocess.run(["gzip", "-dc"], stdin=image, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-xf", "-", "-C", str(folder)], input=tar, check=True)
        return folder

    @property
    def kept(self):
        file = self.root / f"var/lib/xen-runbook/probe/{CARD}.json"
        return file.read_text() if file.exists() else None

    @property
    def log(self):
        return (self.root / "log").read_text().splitlines()

    def is_clean(self):
        """Return True when no guest runs and nothing temporary is left."""
        return not (self.root / "up").exists() and not list((self.root / "var/tmp").iterdir())


@pytest.fixture
def dom0(tmp_path):
    return Dom0(tmp_path)


def line(**values):
    return f"\r\nXEN-RUNBOOK-PROBE {json.dumps({**SAID, **values}, separators=(',', ':'))}\r\n"


def test_what_the_guest_says_is_kept_and_reads_as_a_proof(dom0):
    """A good line becomes a proof with the versions of Xen and Linux."""
    progress = "XEN-RUNBOOK-PROGRESS DHCP lease through it: 10.0.3.15/24\r\n"
    dom0.says(f"boot noise\r\n{progress}{line()}{line()}")
    status, out, err = dom0.run("relaxed", "1", "20")
    assert (status, err) == (0, "")
    assert "DHCP lease through it: 10.0.3.15/24\n" in out
    assert "boot noise" not in out
    version = "/sys/hypervisor/version"
    versions = f"{version}/extra:.5-pre\n{version}/major:4\n{version}/minor:20\n"
    facts = Facts(
        {
            probe.COMMANDS[1]: Answer(0, f"{probe.RESULTS}/{CARD}.json:{dom0.kept}"),
            probe.COMMANDS[2]: Answer(0, versions),
            probe.COMMANDS[3]: Answer(0, "6.12.9-test\n"),
        }
    )
    proofs = probe.parse(facts)
    proof = proofs.by_bdf[CARD]
    assert (proof.wanted_module, proof.mac) == ("e1000e", "52:54:00:12:34:58")
    assert (proof.address, proof.received) == ("10.0.3.15/24", 4)
    assert (proof.xen, proof.kernel, proofs.is_stale(proof)) == ("4.20.5-pre", "6.12.9-test", False)
    assert dom0.is_clean()


def test_the_guest_gets_the_card_and_nothing_else(dom0):
    """The configuration names one device with its options, no disk and no virtual network card."""
    dom0.says(line())
    dom0.run("relaxed", "1", "20")
    config = (dom0.root / "config").read_text()
    assert f'name = "{probe.domain_name(Device(bdf=CARD, id=ID, what="a card"))}"' in config
    assert f'pci = [ "{CARD},rdm_policy=relaxed,permissive=1" ]' in config
    assert 'kernel = "/boot/vmlinuz-6.12.9-test"' in config
    assert not re.search(r"^(disk|vif)", config, re.MULTILINE)


def test_the_initramfs_holds_the_drivers_in_order_without_pciback(dom0):
    """Drivers are unpacked and numbered in load order, with their firmware; dom0's own pciback stays out."""
    dom0.says(line())
    dom0.run("strict", "0", "20")
    folder = dom0.unpacked()
    files = sorted(path.name for path in (folder / "modules").iterdir())
    assert files == ["10-button.ko", "11-ptp.ko", "12-e1000e.ko"]
    assert (folder / "modules/11-ptp.ko").read_text() == "ptp unpacked\n"
    assert (folder / "lib/firmware/e1000e.fw").read_text() == "firmware"
    assert (folder / "wanted").read_text() == f"id={ID}\n"
    for name in ("init", "lease"):
        assert os.access(folder / name, os.X_OK)
        subprocess.run(["sh", "-n", str(folder / name)], check=True)


@pytest.mark.parametrize("answer", ["echo builtin button", "exit 1"])
def test_a_button_without_a_file_of_its_own_stops_nothing(dom0, answer):
    """Where the button's driver is built in, or this kernel has none, the card's drivers alone are packed."""
    modprobe = dom0.root / "bin/modprobe"
    modprobe.write_text(modprobe.read_text().replace(f'echo "insmod {dom0.root}/button.ko"', answer))
    dom0.says(line())
    status, out, _ = dom0.run("strict", "0", "20")
    assert (status, "the guest's driver is e1000e;" in out) == (0, True)
    files = sorted(path.name for path in (dom0.unpacked() / "modules").iterdir())
    assert files == ["10-ptp.ko", "11-e1000e.ko"]


def test_the_guest_switches_itself_off_when_its_button_is_pressed(dom0):
    """What the guest runs beside its work waits while ACPI has counted no press, and ends the guest at the first."""
    dom0.says(line())
    dom0.run("strict", "0", "20")
    init = (dom0.unpacked() / "init").read_text()
    listens = re.search(r"^hears_the_button\(\) \{.*?^\}\n", init, re.MULTILINE | re.DOTALL)[0]
    assert "button=/sys/firmware/acpi/interrupts/ff_pwr_btn\n" in init
    assert re.search(r"^\[ ! -e \"\$button\" \] \|\| hears_the_button &$", init, re.MULTILINE)
    counter = dom0.root / "ff_pwr_btn"
    counter.write_text("       0     EN     enabled      unmasked\n")
    script = f'button={counter}; say() {{ echo "$*"; }}; poweroff() {{ echo "off $*"; }}\n{listens}hears_the_button'
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as waits:
        with pytest.raises(subprocess.TimeoutExpired):
            waits.wait(1)
        counter.write_text("       1     EN     enabled      unmasked\n")
        assert waits.communicate(timeout=20)[0] == "the power button was pressed\noff -f\n"


def test_a_guest_that_was_switched_off_is_not_started_again(dom0):
    """The host that goes down has ended the guest: that is said, and no second one is started."""
    dom0.says("XEN-RUNBOOK-PROGRESS the power button was pressed\r\nreboot: Power down\r\n")
    got, _, err = dom0.run("strict", "0", "20")
    assert (got, "the guest was switched off before it had proven its device" in err) == (2, True)
    assert sum(entry.startswith("xl create") for entry in dom0.log) == 1
    assert dom0.is_clean()


@pytest.mark.parametrize(
    ("tty", "status", "words"),
    [
        (line(received=0), 1, f"the guest has no traffic through {CARD}"),
        ("XEN-RUNBOOK-PROGRESS Linux runs\r\nKernel panic\r\n", 2, "the guest ended without a word"),
    ],
)
def test_a_guest_without_traffic_fails_and_is_removed(dom0, tty, status, words):
    """The status tells what happened, the console is kept, nothing is left running."""
    dom0.says(tty)
    got, _, err = dom0.run("strict", "0", "20")
    assert (got, words in err) == (status, True)
    assert (dom0.root / f"var/lib/xen-runbook/probe/{CARD}.console").read_text() == tty.replace("\r\n", "\n")
    assert dom0.is_clean()


def test_a_silent_guest_ends_with_the_time_out(dom0):
    """A guest that says nothing is removed after the time-out, and that is the message."""
    dom0.says("XEN-RUNBOOK-PROGRESS Linux runs\r\n")
    got, _, err = dom0.run("strict", "0", "1")
    assert (got, "did not report within 1 s" in err) == (3, True)
    assert dom0.is_clean()


def test_a_guest_that_cannot_start_leaves_nothing(dom0):
    """When xl refuses the guest, its words are shown and nothing is kept."""
    (dom0.root / "broken").touch()
    got, _, err = dom0.run("strict", "0", "20")
    assert (got, "xl could not start the guest" in err, dom0.kept) == (2, True, None)
    assert dom0.is_clean()


def test_a_card_without_a_driver_is_said_before_a_guest_is_built(dom0):
    """A card that this Linux cannot drive ends with its address and id."""
    shutil.copy(dom0.root / "bin/uname", dom0.root / "bin/modprobe")
    got, _, err = dom0.run("strict", "0", "20")
    assert (got, f"has no driver for {CARD} ({ID})" in err) == (2, True)
    assert dom0.is_clean()


def test_a_guest_left_by_a_killed_run_is_removed_first(dom0):
    """A probe guest of the same name is cleared, or it would keep the card."""
    (dom0.root / "up").touch()
    dom0.says(line())
    assert dom0.run("strict", "0", "20")[0] == 0
    verbs = [entry.split()[1] for entry in dom0.log if entry.startswith("xl")]
    assert verbs.index("destroy") < verbs.index("create")


def test_a_proof_removes_the_console_of_an_earlier_failure(dom0):
    """What a failed attempt left is gone as soon as the card is proven."""
    dom0.says(line(received=0))
    dom0.run("strict", "0", "20")
    left = dom0.root / f"var/lib/xen-runbook/probe/{CARD}.console"
    assert left.exists()
    dom0.says(line())
    dom0.run("strict", "0", "20")
    assert not left.exists()


def test_a_guest_that_dies_at_its_start_is_started_again(dom0):
    """The first guest panics, the second reports: the proof counts, and both starts are told."""
    dom0.says("Kernel panic\r\n")
    later = dom0.root / "later"
    later.write_text(line())
    xl = dom0.root / "bin/xl"
    xl.write_text(xl.read_text() + f"s=$?; [ $1 != create ] || cp {later} {dom0.root}/serial; exit $s\n")
    got, out, _ = dom0.run("strict", "0", "20")
    assert (got, "starting it again" in out) == (0, True)
    assert sum(entry.startswith("xl create") for entry in dom0.log) == 2
    assert dom0.is_clean()
