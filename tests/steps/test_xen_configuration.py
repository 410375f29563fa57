"""Chapter 06, but for the network: each step for the first time, again, refused, and broken afterwards."""

import subprocess

import pytest

from runbook.actions import Reboot, Remove, Run, WriteFile
from runbook.facts import grub, modules, soft_dependencies
from runbook.model.ask import Ask
from runbook.steps import xen_configuration
from runbook.steps.shared import boot_menu, hidden_by_hand
from runbook.steps.xen_configuration import (
    allow_xl_by_sudo,
    boot_xen_once,
    enable_services,
    hide_devices,
    set_boot_menu,
    stop_saving_guests,
)
from runbook.steps.xen_installation import install_xen
from tests.steps.machine import (
    DEVICES,
    PLAIN,
    ROOT,
    XEN,
    Machine,
    built_once,
    carry,
    faults,
    like_testbed,
    sample,
    stops,
)

PARAMS = like_testbed()
NONE = like_testbed(passthrough={"devices": []}, guests=[], management={})
DEFAULTS = "/etc/default/xendomains"
UEFI = (
    "uefi\nhas efibootmgr\nhas grub-mkstandalone\nhas modules\nesp sda 1\nfs_uuid 1f2e\n"
    "abstraction diskfilter mdraid1x\npath /grub\n"
)
REBUILD = "run update-initramfs -u -k all"


@built_once
def _installed() -> Machine:
    machine = Machine()
    carry(machine, install_xen, PARAMS)
    return machine


def installed(**changes: object) -> Machine:
    """Return a machine on which chapter 05 was run."""
    machine = _installed()
    for name, value in changes.items():
        setattr(machine, name, value)
    return machine


def with_files(files: dict[str, str]) -> Machine:
    """Return a machine on which chapter 05 was run, with these files beside its own."""
    machine = installed()
    machine.files |= files
    return machine


@built_once
def configured() -> Machine:
    """Return a machine that is ready to boot Xen."""
    machine = installed()
    for step in (hide_devices, set_boot_menu, enable_services):
        carry(machine, step, PARAMS)
    return machine


@built_once
def under_xen() -> Machine:
    """Return a machine that has booted Xen once."""
    machine = configured()
    carry(machine, boot_xen_once, PARAMS)
    return machine


def test_the_chapter_in_order():
    """Everything that can be prepared comes before the restart, which is last."""
    assert xen_configuration.STEPS[-1] is boot_xen_once
    assert xen_configuration.STEPS.index(hide_devices) < xen_configuration.STEPS.index(set_boot_menu)


class TestStopSavingGuests:
    def test_both_settings_are_emptied_and_the_rest_is_kept(self):
        """Two lines of Debian's own file change, no other."""
        machine = installed()
        assert carry(machine, stop_saving_guests, PARAMS) == [f"write {DEFAULTS}"]
        before, after = sample("default-xendomains.txt").splitlines(), machine.files[DEFAULTS].splitlines()
        assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [
            ("XENDOMAINS_SAVE=/var/lib/xen/save", "XENDOMAINS_SAVE="),
            ("XENDOMAINS_RESTORE=true", "XENDOMAINS_RESTORE="),
        ]

    def test_false_still_means_yes(self):
        """The guide's `false` is a value, so Debian's script would restore (H602)."""
        machine = installed(files={DEFAULTS: "XENDOMAINS_SAVE=\nXENDOMAINS_RESTORE=false\n"})
        assert faults(machine, stop_saving_guests, PARAMS) == [f"XENDOMAINS_RESTORE is 'false' in {DEFAULTS}"]
        assert carry(machine, stop_saving_guests, PARAMS) == [f"write {DEFAULTS}"]

    def test_already_empty(self):
        """Nothing is written, quoted or not."""
        machine = installed(files={DEFAULTS: "XENDOMAINS_SAVE=\nXENDOMAINS_RESTORE=\n"})
        assert carry(machine, stop_saving_guests, PARAMS) == []

    def test_missing_settings_are_added(self):
        """A file without the lines, and without an end of line, gets them."""
        assert stop_saving_guests.emptied("A=1") == "A=1\nXENDOMAINS_SAVE=\nXENDOMAINS_RESTORE=\n"

    def test_xen_must_be_installed(self):
        """Without the package's file the step waits."""
        assert stops(Machine(), stop_saving_guests, PARAMS) == [("wait", f"{DEFAULTS} is not there yet")]
        assert faults(Machine(), stop_saving_guests, PARAMS, "wait")


class TestHideDevices:
    def test_first_run(self):
        """Options, one soft dependency a module in order, the early module, then new RAM disks."""
        machine = installed()
        early = machine.files[modules.EARLY]
        assert carry(machine, hide_devices, PARAMS) == [
            f"write {modules.OPTIONS}",
            f"write {modules.EARLY}",
            REBUILD,
        ]
        assert machine.files[modules.OPTIONS].splitlines()[1:] == [
            "options xen-pciback hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)",
            "softdep e1000e pre: xen-pciback",
            "softdep snd_hda_intel pre: xen-pciback",
            "softdep xhci_pci pre: xen-pciback",
        ]
        assert machine.files[modules.EARLY] == early + "xen-pciback\n"

    def test_nothing_changes_once_the_devices_are_hidden(self):
        """Under Xen the driver is pciback; the soft dependencies stay those of the modules."""
        machine = under_xen()
        assert {driver for _, driver, _ in machine.devices.values()} == {"pciback"}
        assert carry(machine, hide_devices, PARAMS) == []

    def test_an_interrupted_rebuild_is_made_up_for(self):
        """Right files and an old RAM disk: only the rebuild is planned, and the check sees it too."""
        machine = configured()
        machine.images += "stale initrd.img-6.12\n"
        assert faults(machine, hide_devices, PARAMS) == [
            "initrd.img-6.12 is older than the files it is made from"
        ]
        assert carry(machine, hide_devices, PARAMS) == [REBUILD]

    def test_no_devices_means_no_files(self):
        """What was hidden before is taken out of all three places."""
        machine = configured()
        assert carry(machine, hide_devices, NONE) == [
            f"remove {modules.OPTIONS}",
            f"write {modules.EARLY}",
            REBUILD,
        ]
        assert "xen-pciback" not in machine.files[modules.EARLY]
        assert carry(installed(), hide_devices, NONE) == []

    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            (
                {"devices": {k: v for k, v in DEVICES.items() if "05" not in k}},
                "There is no device at 0000:00:05.0 (network card for ipfire)",
            ),
            (
                {"devices": DEVICES | {"0000:00:05.0": ("8086:2922", "ahci", "ahci")}},
                "At 0000:00:05.0 is 8086:2922, not 8086:10d3 (network card for ipfire)",
            ),
            ({"modules": "pciback\nbuiltin e1000e\n"}, "The driver e1000e is built into this kernel"),
            ({"modules": ""}, "The running kernel has no module xen-pciback"),
            ({"modes": {}}, "This host does not make its initial RAM disk with initramfs-tools"),
            ({"room": {"/boot": 40}}, "/boot has 40 MiB free; about 53 MiB are needed"),
        ],
    )  # fmt: skip
    def test_dangers_are_refused(self, changes, what):
        """A moved card, a driver that cannot be held back, a host of another kind: nothing is written."""
        machine = installed(**changes)
        assert stops(machine, hide_devices, PARAMS) == [("refuse", what)]
        assert hide_devices.plan(PARAMS, machine.facts(hide_devices.asks(PARAMS))).actions == ()

    def test_a_host_without_ram_disk_is_a_fault(self):
        """There is nothing in which devices could be hidden."""
        machine = configured()
        machine.images = "kernel vmlinuz-6.12 1\n"
        assert faults(machine, hide_devices, PARAMS) == ["There is no initial RAM disk in /boot"]

    KVM = "# the router's card\noptions vfio-pci ids=8086:10d3\nsoftdep e1000e pre: vfio-pci\n"
    REALTEK = "softdep r8169 pre: realtek\n"

    def test_what_goes_before_a_driver_already_goes_on_to(self):
        """Of several soft dependencies of a module the first counts, so ours says what theirs says, in front of theirs."""
        devices = DEVICES | {"0000:00:06.0": ("1b36:000d", "r8169", "r8169")}
        machine = installed(devices=devices)
        machine.files["/etc/modprobe.d/vfio.conf"] = self.KVM
        machine.files["/lib/modules/6.12/modules.softdep"] = self.REALTEK
        assert f"write {hide_devices.FIRST}" in carry(machine, hide_devices, PARAMS)
        assert machine.files[hide_devices.FIRST].splitlines()[1:] == [
            "softdep e1000e pre: xen-pciback vfio-pci",
            "softdep r8169 pre: xen-pciback realtek",
            "softdep vfio-pci pre: xen-pciback",
        ]
        assert machine.files["/etc/modprobe.d/vfio.conf"] == self.KVM
        assert carry(machine, hide_devices, PARAMS) == []

    def test_what_stood_in_front_goes_with_its_reason(self):
        """Once the owner took the lines out, or nothing is hidden any more, our file in front is gone too."""
        for params, text in ((PARAMS, ""), (NONE, self.KVM)):
            machine = with_files({"/etc/modprobe.d/vfio.conf": self.KVM})
            carry(machine, hide_devices, PARAMS)
            machine.files["/etc/modprobe.d/vfio.conf"] = text
            assert f"remove {hide_devices.FIRST}" in carry(machine, hide_devices, params)
            assert hide_devices.FIRST not in machine.files

    def test_vfio_by_name_in_the_ram_disk_waits_too(self):
        """A host whose RAM disk loads vfio-pci by its name has xen-pciback before it, and keeps the name."""
        machine = with_files({modules.EARLY: "vfio\nvfio_pci # for the router\n"})
        carry(machine, hide_devices, PARAMS)
        assert machine.files[hide_devices.FIRST].splitlines()[1:] == ["softdep vfio-pci pre: xen-pciback"]
        assert machine.files[modules.EARLY].startswith("vfio\nvfio_pci # for the router\n")

    def test_pci_stub_waits_as_vfio_pci_does(self):
        """Before vfio-pci there was pci-stub: by name in the RAM disk, or by a soft dependency, ours comes first."""
        lines = ["softdep e1000e pre: xen-pciback pci-stub", "softdep pci-stub pre: xen-pciback"]
        by_name = with_files({modules.EARLY: "pci_stub\n"})
        found = {
            f.what: f.do for f in hide_devices.plan(PARAMS, by_name.facts(hide_devices.asks(PARAMS))).findings
        }
        assert (
            "grep -r pci.stub" in found[f"pci-stub takes devices at the boot: {modules.EARLY} names pci_stub"]
        )
        assert all("driverctl list-overrides" in move for what, move in found.items() if "takes" in what)
        carry(by_name, hide_devices, PARAMS)
        assert by_name.files[hide_devices.FIRST].splitlines()[1:] == lines[1:]
        by_line = with_files({"/etc/modprobe.d/stub.conf": "softdep e1000e pre: pci_stub\n"})
        carry(by_line, hide_devices, PARAMS)
        assert by_line.files[hide_devices.FIRST].replace("pci_stub", "pci-stub").splitlines()[1:] == lines
        assert carry(by_line, hide_devices, PARAMS) == []

    def test_a_file_that_sorts_before_ours_is_refused(self):
        """Nothing that is written could come before it: its owner moves the line, and then the step goes on."""
        early, late = "/etc/modprobe.d/00-kvm.conf", "/etc/modprobe.d/local.conf"
        machine = with_files({early: self.KVM})
        what = f"{early} has the first word on what is loaded before e1000e"
        assert stops(machine, hide_devices, PARAMS) == [("refuse", what)]
        assert carry(with_files({late: self.KVM}), hide_devices, PARAMS)

    def test_an_older_capture_answers_nothing_about_it(self):
        """A question that is not among the answers is not known: the plan is what it was."""
        machine = installed()
        new = (*soft_dependencies.COMMANDS, Ask.read(hide_devices.FIRST))
        asks = tuple(ask for ask in hide_devices.asks(PARAMS) if ask not in new)
        assert hide_devices.plan(PARAMS, machine.facts(asks)) == hide_devices.plan(
            PARAMS, machine.facts(hide_devices.asks(PARAMS))
        )

    def test_the_early_modules_of_others_stay(self):
        """Adding and taking away leaves the rest of the file as it was."""
        text = "# mine\nraid1\n"
        assert hidden_by_hand.early(hidden_by_hand.early(text, wanted=True), wanted=False) == text
        assert hidden_by_hand.early("xen_pciback\n", wanted=True) == "xen_pciback\n"

    def test_what_its_owner_hides_by_hand_is_named_and_all_else_stays(self):
        """Their list gives way to the parameters', each device that it alone has is a loss; other words and lines stay."""
        own = "# my card\noptions xen-pciback permissive \\\n hide=(0000:00:05.0)(0a:00.0)\nsoftdep nvme pre: xen-pciback\nblacklist nouveau\n"
        early = "raid1\nxen-pciback hide=(0b:00.*)\n"
        for asked, devices in ((PARAMS, True), (NONE, False)):
            machine = Machine(files={modules.OPTIONS: own, "/etc/initramfs-tools/modules": early})
            planned = hide_devices.plan(asked, machine.facts(hide_devices.asks(asked)))
            first = "0000:0a:00.0" if devices else "0000:00:05.0, 0000:0a:00.0"
            assert [f.what for f in planned.losses] == [
                f"{modules.OPTIONS} hides {first} by hand, and would not any more",
                "/etc/initramfs-tools/modules hides 0000:0b:00.* by hand, and would not any more",
            ]
            carry(machine, hide_devices, asked)
            kept = ["# my card", "options xen-pciback permissive", "blacklist nouveau"]
            lines = machine.files[modules.OPTIONS].splitlines()
            assert lines[-3:] == kept
            assert ("hide=" in lines[1]) is devices
            assert machine.files["/etc/initramfs-tools/modules"] == (
                "raid1\nxen-pciback\n" if devices else "raid1\n"
            )
            assert not hide_devices.plan(asked, machine.facts(hide_devices.asks(asked))).losses

    def test_what_another_file_hides_is_told(self):
        """Of two lists one counts: what xen-pciback holds, and neither the parameters nor our own list name, may come loose."""
        one = PARAMS.passthrough.devices[0].model_dump()
        asked = like_testbed(passthrough={"devices": [one]}, guests=[], management={})
        told = "xen-pciback holds 0000:00:06.0, 0000:00:07.0, which the parameters do not name"
        for ours, said in (
            (None, [told]),
            (f"{hidden_by_hand.HEAD}\noptions xen-pciback hide=(0000:00:06.0)(0000:00:07.0)\n", []),
        ):
            machine = Machine(files={} if ours is None else {modules.OPTIONS: ours})
            machine.is_dom0 = True
            planned = hide_devices.plan(asked, machine.facts(hide_devices.asks(asked)))
            assert [f.what for f in planned.findings if f.what.startswith("xen-pciback holds")] == said

    def test_a_file_by_hand_that_hides_nothing_stays_as_it_is(self):
        """Nobody asks for a device, and nothing is taken from anybody."""
        own = "\noptions  xen_pciback permissive=1\n"
        machine = Machine(files={modules.OPTIONS: own})
        assert carry(machine, hide_devices, NONE) == []
        assert machine.files[modules.OPTIONS] == own


class TestSetBootMenu:
    def test_first_run(self):
        """The safe default comes first, then the words, then the menu."""
        machine = installed()
        assert carry(machine, set_boot_menu, PARAMS) == [
            f"run grub-set-default {PLAIN}",
            f"write {boot_menu.OPTIONS_FILE}",
            "run update-grub",
        ]
        xen = grub.parse(machine.facts(grub.COMMANDS)).xen
        assert xen is not None
        assert xen.xen_options == (
            "dom0_mem=2048M,max:2048M", "com1=115200,8n1", "console=com1",
            "dom0_max_vcpus=2", "iommu=required", "ucode=scan",
        )  # fmt: skip
        assert xen.kernel_options == (
            f"root=UUID={ROOT}", "ro", "console=ttyS0,115200n8", "console=hvc0", "quiet",
            "xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)", "panic=30",
        )  # fmt: skip

    def test_recovery_sees_its_console_and_hides_nothing(self):
        """The recovery entry has dom0's memory and the consoles, and no device is hidden in it."""
        machine = configured()
        recovery = next(e for e in grub.parse(machine.facts(grub.COMMANDS)).recoveries if e.is_xen)
        assert recovery.xen_options == ("dom0_mem=2048M,max:2048M", "com1=115200,8n1", "console=com1")
        assert recovery.kernel_options[-2:] == ("console=ttyS0,115200n8", "console=hvc0")

    def test_already_right(self):
        """Nothing is done with plain Debian the default, nor later with Xen."""
        machine = configured()
        assert carry(machine, set_boot_menu, PARAMS) == []
        machine.saved_entry = XEN
        assert carry(machine, set_boot_menu, PARAMS) == []

    def test_new_words_are_unproved(self):
        """When the words change, plain Debian becomes the default again before they are written."""
        machine = configured()
        machine.saved_entry = XEN
        more = like_testbed(dom0={"memory_mib": 3072})
        assert carry(machine, set_boot_menu, more)[0] == f"run grub-set-default {PLAIN}"
        assert machine.saved_entry == PLAIN

    def test_a_menu_older_than_its_sources_is_generated_anew(self):
        """Somebody edited a file and forgot update-grub; the default is left alone."""
        machine = configured()
        machine.saved_entry, machine.newer = XEN, "/etc/default/grub\n"
        assert carry(machine, set_boot_menu, PARAMS) == ["run update-grub"]
        assert machine.saved_entry == XEN

    def test_an_interrupted_run_is_gone_on_with(self):
        """Words written but no menu generated: the second run generates it."""
        machine = configured()
        machine.files[grub.CONFIG] = machine.files[grub.CONFIG].replace("iommu=required", "")
        assert carry(machine, set_boot_menu, PARAMS) == ["run update-grub"]

    @pytest.mark.parametrize("saved", ["xen-gnulinux-simple-other", "uefi-firmware", ""])
    def test_an_unknown_default_is_made_plain(self, saved):
        """An entry of another disk, the firmware's menu or none at all is no default for a server."""
        machine = configured()
        machine.saved_entry = saved
        assert faults(machine, set_boot_menu, PARAMS) == (
            [f"The default entry '{saved}' is neither plain Debian nor Xen"] if saved else []
        )
        assert carry(machine, set_boot_menu, PARAMS) == [f"run grub-set-default {PLAIN}"]

    @pytest.mark.parametrize(
        "entry",
        [
            "menuentry 'Ubuntu' --id other {\n linux /boot/vmlinuz root=UUID=aaaa ro quiet\n}\n",
            "menuentry 'A live system' --id other {\n linux (loop)/live/vmlinuz boot=live\n}\n",
            "menuentry 'Memory test' --id other {\n linux /boot/memtest86+x64.bin\n}\n",
        ],
    )
    def test_what_is_only_loaded_as_linux_is_no_default_either(self, entry):
        """A kernel of another system that was saved as the default is no way back; that it gives way is told."""
        machine = configured()
        machine.files[grub.CONFIG] += entry
        machine.saved_entry = "other"
        (fault,) = faults(machine, set_boot_menu, PARAMS)
        assert fault == "The default entry 'other' is neither plain Debian nor Xen"
        planned = set_boot_menu.plan(PARAMS, machine.facts(set_boot_menu.asks(PARAMS)))
        assert [f.what.partition("' ")[2] for f in planned.findings] == [
            "starts by itself now; 'Debian GNU/Linux' will"
        ]
        assert carry(machine, set_boot_menu, PARAMS) == [f"run grub-set-default {PLAIN}"]

    @pytest.mark.parametrize(
        "entry",
        [
            "menuentry 'My own' --id own {{\n multiboot2 /boot/xen-4.17.gz smt=off\n module2 /vmlinuz root=UUID={} ro\n}}\n",
            "menuentry 'tboot' --id own {{\n multiboot2 /boot/tboot.gz\n module2 /vmlinuz root=UUID={} ro\n}}\n",
            "menuentry 'Hurd' --id own {{\n multiboot /boot/gnumach-1.8-486.gz\n module /hurd/ext2fs.static ext2fs\n}}\n",
        ],
    )
    def test_another_entry_on_top_is_not_taken_for_debians_own_of_xen(self, entry):
        """What a person wrote, or what is started the same way, does not get GRUB's settings, and is not started."""
        machine = configured()
        own = entry.format(ROOT)
        machine.files[grub.CONFIG] = own + machine.files[grub.CONFIG]
        assert carry(machine, set_boot_menu, PARAMS) == []
        assert grub.parse(machine.facts(grub.COMMANDS)).xen.id == XEN
        # Where there is no other, what a person wrote for Xen is the entry.
        machine.files[grub.CONFIG] = own
        only = grub.parse(machine.facts(grub.COMMANDS)).xen
        assert (only.title if only else None) == ("My own" if "xen-" in own else None)

    def test_words_that_a_later_file_adds_are_missed(self):
        """A file behind ours gives plain Debian words that Xen's entry does not get; before ours it gives them to both."""
        late = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX net.ifnames=0"\n'
        for name, lacks in (("zzz", True), ("50-local", False)):
            machine = configured()
            machine.files[f"/etc/default/grub.d/{name}.cfg"] = late
            machine._update_grub()
            menu = machine.files[grub.CONFIG]
            plain = "\tlinux\t/vmlinuz-6.12.117+deb13-amd64 root=UUID="
            machine.files[grub.CONFIG] = menu.replace(
                f"{plain}{ROOT} ro ", f"{plain}{ROOT} ro net.ifnames=0 "
            )
            assert machine.files[grub.CONFIG] != menu
            told = ["Plain Debian is started with net.ifnames=0, and Xen's dom0 is not"]
            assert faults(machine, set_boot_menu, PARAMS, "warn") == (told if lacks else [])

    def test_a_list_of_hidden_devices_in_the_owners_file_is_refused(self):
        """Devices that a person hid by GRUB's defaults are named; with the word taken out, as the refusal says, it goes on."""
        machine, defaults = installed(), "/etc/default/grub"
        machine.files[defaults] = 'GRUB_CMDLINE_LINUX="quiet xen_pciback.hide=(0000:00:05.0)"\n'
        assert stops(machine, set_boot_menu, PARAMS) == [
            ("refuse", "/etc/default/grub hides devices as well: xen_pciback.hide=(0000:00:05.0)")
        ]
        machine.files[defaults] = 'GRUB_CMDLINE_LINUX="quiet"\n'
        assert "run update-grub" in carry(machine, set_boot_menu, PARAMS)

    @pytest.mark.parametrize("name", ["LINUX_XEN_REPLACE_DEFAULT", "LINUX_XEN_REPLACE", "LINUX"])
    @pytest.mark.parametrize(
        "word",
        [
            f"xen-pciback.hide={boot_menu.hide_list(PARAMS)}",
            "xen-pciback.hide=(05:00.0)",
            "xen_pciback.hide=(05:00.0)",
        ],
    )
    def test_a_list_of_hidden_devices_in_the_menu_is_refused(self, name, word):
        """Whichever file has it: beside the parameters' list, or in recovery; the move leads on, and then Xen starts once."""
        machine, file = installed(), "/etc/default/grub.d/by-hand.cfg"
        machine.files[file] = f'GRUB_CMDLINE_{name}="quiet {word}"\n'
        machine._update_grub()
        if name != "LINUX_XEN_REPLACE_DEFAULT" or word not in boot_menu.kernel_normal(PARAMS):
            what = f"The boot menu of this host hides devices as well: {word}"
            assert stops(machine, set_boot_menu, PARAMS) == [("refuse", what)]
            machine.files[file] = f'GRUB_CMDLINE_{name}="quiet"\n'
            machine.newer = file
            assert set_boot_menu.plan(PARAMS, machine.facts(set_boot_menu.asks(PARAMS))).stops == ()
            machine._update_grub()
        for step in (hide_devices, set_boot_menu, boot_xen_once):
            carry(machine, step, PARAMS)
        assert [carry(machine, step, PARAMS) for step in (set_boot_menu, boot_xen_once)] == [[], []]

    def test_another_list_of_our_own_is_no_hindrance(self):
        """A device less in the parameters: what the menu hides now is what the runbook's own file said."""
        machine, fewer = configured(), list(PARAMS.model_dump()["passthrough"]["devices"])[:2]
        less = like_testbed(passthrough={"devices": fewer}, guests=[], management={})
        assert f"write {boot_menu.OPTIONS_FILE}" in carry(machine, set_boot_menu, less)

    def test_words_that_are_in_recovery_as_well_stay_there(self):
        """What the owner gave every entry of Xen is a word of the parameters by then; recovery keeps it nevertheless."""
        words = "dom0_mem=2048M,max:2048M com1=115200,8n1 console=com1"
        more = {**PARAMS.model_dump()["xen"], "options": ["com1=115200,8n1", "console=com1", "spec-ctrl=no"]}
        params, file = like_testbed(xen=more), "/etc/default/grub.d/by-hand.cfg"

        def recovery():
            return next(e for e in grub.parse(machine.facts(grub.COMMANDS)).recoveries if e.is_xen)

        machine = installed()
        machine.files[file] = f'GRUB_CMDLINE_XEN="{words} spec-ctrl=no"\n'
        machine._update_grub()
        assert "spec-ctrl=no" in recovery().xen_options
        carry(machine, set_boot_menu, params)
        assert "spec-ctrl=no" in recovery().xen_options
        assert [faults(machine, set_boot_menu, params), carry(machine, set_boot_menu, params)] == [[], []]
        machine.files[file] = f'GRUB_CMDLINE_XEN="{words}"\nGRUB_CMDLINE_XEN_DEFAULT="spec-ctrl=no"\n'
        del machine.files[boot_menu.OPTIONS_FILE]
        machine._update_grub()
        carry(machine, set_boot_menu, params)
        assert "${GRUB_CMDLINE_XEN}" not in machine.files[boot_menu.OPTIONS_FILE]

    @pytest.mark.parametrize("word", ["vfio-pci.ids=8086:10d3", "pci_stub.ids=8086:10d3"])
    def test_a_word_for_a_driver_that_takes_devices_may_stay_or_go(self, word):
        """KVM's word is told of, with both moves, and with a menu in which it does not stand nothing is said."""
        machine = installed()
        menu = machine.files[grub.CONFIG]
        machine.files[grub.CONFIG] = menu.replace(" quiet", f" quiet {word}")
        (found,) = set_boot_menu.plan(PARAMS, machine.facts(set_boot_menu.asks(PARAMS))).findings
        assert (found.level, found.what) == ("warn", f"dom0's kernel is told {word}")
        assert "xen-pciback loaded before it" in found.why
        assert found.do.startswith("leave it where KVM is still used on plain Debian; else take the word out")
        machine.files[grub.CONFIG] = menu
        assert set_boot_menu.plan(PARAMS, machine.facts(set_boot_menu.asks(PARAMS))).findings == ()

    def test_a_way_back_must_exist(self):
        """A menu without plain Debian is refused."""
        machine = installed()
        machine.files[grub.CONFIG] = "menuentry 'x' $menuentry_id_option 'x' {\n\tchainloader /x\n}\n"
        assert stops(machine, set_boot_menu, PARAMS) == [
            ("refuse", "The boot menu has no entry for plain Debian")
        ]

    def test_xen_must_be_installed(self):
        """Without a hypervisor in /boot the step waits."""
        assert stops(Machine(), set_boot_menu, PARAMS) == [("wait", "There is no hypervisor in /boot yet")]

    @pytest.mark.parametrize(
        ("old", "new", "fault"),
        [
            ("dom0_mem=2048M,max:2048M", "", "The Xen entry lacks dom0_mem=2048M,max:2048M"),
            (
                "(0000:00:07.0)",
                "",
                "The Xen entry lacks xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)",
            ),
            ("${saved_entry}", "0", "GRUB's default is '0', not the saved entry"),
            ("/xen-4.20-amd64.gz", "/xen-4.20-amd64.efi", "The menu has no entry that starts Xen"),
            (
                "ro single",
                "ro single xen-pciback.hide=(0000:00:05.0)",
                "The recovery entry 'Debian GNU/Linux, with Linux 6.12.117+deb13-amd64 (recovery mode)' "
                "hides devices",
            ),
        ],
    )
    def test_the_generated_menu_is_read(self, old, new, fault):
        """Whatever was written, only what stands in grub.cfg counts (H610)."""
        machine = configured()
        machine.files[grub.CONFIG] = machine.files[grub.CONFIG].replace(old, new)
        assert fault in faults(machine, set_boot_menu, PARAMS)
        assert carry(machine, set_boot_menu, PARAMS) == ["run update-grub"]

    def test_a_file_behind_ours_that_sets_the_default_can_be_found(self):
        """Running the step again would not help: the move says how the file is found, and what becomes of it."""
        machine = configured()
        machine.files[grub.CONFIG] = machine.files[grub.CONFIG].replace("${saved_entry}", "0")
        (finding,) = set_boot_menu.check(PARAMS, machine.facts(set_boot_menu.asks(PARAMS)))
        assert "`grep -n GRUB_DEFAULT= /etc/default/grub.d/*.cfg` shows the file" in finding.do

    def test_a_list_that_was_emptied_must_be_gone(self):
        """A hide list that stays in the menu after the last device is taken out is a fault (H611)."""
        assert faults(configured(), set_boot_menu, NONE) == [
            "The Xen entry still has xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)"
        ]

    def test_no_recovery_is_only_warned_of(self):
        """Some people switch it off."""
        machine = configured()
        text = machine.files[grub.CONFIG]
        machine.files[grub.CONFIG] = text.replace("-recovery-", "-other-").replace("ro single", "ro")
        assert faults(machine, set_boot_menu, PARAMS, "warn") == ["The menu has no recovery entry"]

    def test_each_word_stands_where_it_belongs(self):
        """Consoles and dom0's memory are for recovery too, everything else is not."""
        params = like_testbed(
            dom0={"memory_mib": 1024, "max_vcpus": 1, "kernel_options": ["nosmt", "console=hvc0"]},
            xen={"iommu": "yes", "options": ["smt=no", "com1=115200,8n1", "console=com1,vga"]},
        )
        hide = "xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)"
        assert boot_menu.options_file(params).splitlines()[1:] == [
            "GRUB_DEFAULT=saved",
            'GRUB_CMDLINE_XEN="dom0_mem=1024M,max:1024M com1=115200,8n1 console=com1,vga"',
            'GRUB_CMDLINE_XEN_DEFAULT="dom0_max_vcpus=1 iommu=yes ucode=scan smt=no"',
            'GRUB_CMDLINE_LINUX_XEN_REPLACE="${GRUB_CMDLINE_LINUX_XEN_REPLACE:-${GRUB_CMDLINE_LINUX}} console=hvc0"',
            'GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="${GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT:-'
            f'${{GRUB_CMDLINE_LINUX_DEFAULT}}}} {hide} panic=30 nosmt"',
        ]
        assert not [line for line in boot_menu.options_file(NONE).splitlines() if "hide" in line]

    def test_the_file_is_shell_that_keeps_what_the_host_has(self):
        """A real shell reads the words behind those of the host's own configuration."""
        script = 'GRUB_CMDLINE_LINUX="a=1"; GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n'
        script += boot_menu.options_file(PARAMS) + 'echo "$GRUB_CMDLINE_LINUX_XEN_REPLACE"; '
        script += 'echo "$GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"'
        said = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True).stdout
        assert said.splitlines() == [
            "a=1 console=hvc0",
            " ".join(["quiet splash", *boot_menu.kernel_normal(PARAMS)]),
        ]

    def test_words_for_the_xen_entry_alone_are_kept(self):
        """What the owner wrote in the place of Linux's words for Xen's entries stays there, before ours."""
        script = (
            'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="earlyprintk=xen"\n'
        )
        script += boot_menu.options_file(PARAMS) + 'echo "$GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT"'
        said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        assert said.split() == ["earlyprintk=xen", *boot_menu.kernel_normal(PARAMS)]


class TestEnableServices:
    def test_first_run(self):
        """The watchdog's unit is written and enabled; without Xen it is not started."""
        machine = installed()
        assert carry(machine, enable_services, PARAMS) == [
            f"write {enable_services.UNIT_FILE}",
            "run systemctl daemon-reload",
            "run systemctl enable xen-watchdog.service",
        ]
        text = machine.files[enable_services.UNIT_FILE]
        assert "ExecStart=/usr/sbin/xenwatchdogd 600 300\n" in text
        assert "ConditionPathExists=/proc/xen/capabilities\n" in text

    def test_already_right(self):
        """Nothing is done before Xen's first boot, nor after it."""
        assert carry(configured(), enable_services, PARAMS) == []
        assert carry(under_xen(), enable_services, PARAMS) == []

    def test_what_somebody_switched_off_under_xen_is_a_loss(self):
        """Before Xen's first boot nobody has decided anything; where it runs, starting guests with the host is asked for anew."""
        name = "xendomains.service"
        found = []
        for machine in (configured(), under_xen()):
            machine.units[name] = ("inactive", "disabled")
            plan = enable_services.plan(PARAMS, machine.facts(enable_services.asks(PARAMS)))
            assert f"run systemctl enable {name}" in [action.title for action in plan.actions]
            found.append([(f.level, f.what) for f in plan.findings])
        assert found == [[], [("loss", f"{name} was switched off, and would start with the host")]]

    def test_under_xen_a_new_time_counts_at_once(self):
        """A changed unit is read and restarted where Xen runs."""
        machine = under_xen()
        assert carry(machine, enable_services, like_testbed(services={"watchdog_timeout_s": 60})) == [
            f"write {enable_services.UNIT_FILE}",
            "run systemctl daemon-reload",
            "run systemctl restart xen-watchdog.service",
        ]

    def test_the_way_back_ends_a_watch_that_the_step_began(self):
        """A watchdog that was started is stopped again; one that was stopped and removed starts again."""
        machine = under_xen()
        machine.units[enable_services.UNIT] = ("inactive", "enabled")
        (start,) = enable_services.plan(PARAMS, machine.facts(enable_services.asks(PARAMS))).actions
        assert start.undo == ("systemctl", "stop", enable_services.UNIT)
        without = like_testbed(services={"watchdog": False})
        end, *_ = enable_services.plan(without, machine.facts(enable_services.asks(without))).actions
        assert end.undo == ("systemctl", "enable", "--now", enable_services.UNIT)

    def test_no_watchdog(self):
        """It is stopped and taken away; a host that never had one is left alone."""
        without = like_testbed(services={"watchdog": False})
        machine = under_xen()
        assert faults(machine, enable_services, without) == ["xen-watchdog.service is still there"]
        assert carry(machine, enable_services, without) == [
            "run systemctl disable --now xen-watchdog.service",
            f"remove {enable_services.UNIT_FILE}",
            "run systemctl daemon-reload",
        ]
        assert carry(installed(), enable_services, without) == []

    def test_a_watchdog_by_hand_stays_or_is_named(self):
        """A unit that its owner wrote is neither removed nor written over unsaid; with the time asked for it is right."""
        own = "[Unit]\nDescription=Xen-watchdog\n[Service]\nExecStart=/usr/sbin/xenwatchdogd {} 15\n[Install]\nWantedBy=multi-user.target\n"
        for seconds, watchdog, is_lost in ((30, False, False), (600, True, False), (30, True, True)):
            machine = installed()
            machine.files[enable_services.UNIT_FILE] = text = own.format(seconds)
            machine.units[enable_services.UNIT] = ("active", "enabled")
            asked = like_testbed(services={"watchdog": watchdog, "watchdog_timeout_s": 600})
            planned = enable_services.plan(asked, machine.facts(enable_services.asks(asked)))
            assert bool(planned.losses) is is_lost
            assert bool(planned.actions) is is_lost
            if not is_lost:
                assert faults(machine, enable_services, asked) == []
                assert machine.files[enable_services.UNIT_FILE] == text
            else:
                assert planned.losses[0].what.endswith("was written by hand, and would be replaced")
                carry(machine, enable_services, asked)

    def test_a_service_of_xens_that_is_masked_is_told(self):
        """Nothing could enable it."""
        machine = installed()
        machine.units["xendomains.service"] = ("inactive", "masked")
        assert stops(machine, enable_services, PARAMS) == [
            ("refuse", "xendomains.service is masked on this host")
        ]

    def test_a_disabled_service_is_enabled(self):
        """What the package enabled and somebody disabled is found and mended."""
        machine = configured()
        machine.units["xendomains.service"] = ("inactive", "disabled")
        assert faults(machine, enable_services, PARAMS) == ["xendomains.service does not start at boot"]
        assert carry(machine, enable_services, PARAMS) == ["run systemctl enable xendomains.service"]

    def test_a_second_watchdog_is_warned_of(self):
        """Two watchdogs restart the machine for each other's reasons."""
        machine = configured()
        machine.units["watchdog.service"] = ("active", "enabled")
        assert faults(machine, enable_services, PARAMS, "warn") == [
            "The package watchdog also watches this host"
        ]
        alone = like_testbed(services={"watchdog": False})
        assert faults(machine, enable_services, alone, "warn") == []
        assert faults(configured(), enable_services, PARAMS, "warn") == []

    def test_completion_is_mentioned_when_it_is_missing(self):
        """It comes with the packages; without it nothing stops."""
        machine = configured()
        assert faults(machine, enable_services, PARAMS, "info") == []
        del machine.modes["/usr/share/bash-completion/completions/xl"]
        assert faults(machine, enable_services, PARAMS, "info") == ["bash does not complete xl's commands"]

    def test_xen_must_be_installed(self):
        """Without the services the step waits."""
        assert stops(Machine(), enable_services, PARAMS) == [("wait", "Xen's services are not there yet")]


class TestAllowXlBySudo:
    @pytest.mark.parametrize("kind", ["read-only", "full"])
    def test_the_file_is_checked_before_it_is_in_place(self, kind):
        """visudo sees the new file first, and sudo's mode is kept."""
        params = like_testbed(services={"sudo_xl": kind})
        machine = Machine()
        planned = allow_xl_by_sudo.plan(params, machine.facts(allow_xl_by_sudo.asks(params)))
        (write,) = planned.actions
        assert isinstance(write, WriteFile)
        assert (write.mode, write.check) == ("0440", ("/usr/sbin/visudo", "-cf"))
        assert carry(machine, allow_xl_by_sudo, params) == ["write /etc/sudoers.d/xl"]
        assert carry(machine, allow_xl_by_sudo, params) == []

    def test_read_only_has_no_wildcard_and_no_bare_xl(self):
        """Each command is given with all its arguments."""
        rule = (allow_xl_by_sudo.content(PARAMS) or "").splitlines()[1]
        commands = rule.partition("NOPASSWD: ")[2].split(", ")
        assert "/usr/sbin/xl list" in commands
        assert "*" not in rule
        assert all(command.startswith("/usr/sbin/xl ") for command in commands)

    def test_full_is_warned_of(self):
        """It equals root (H644)."""
        params = like_testbed(services={"sudo_xl": "full"})
        planned = allow_xl_by_sudo.plan(params, Machine().facts(allow_xl_by_sudo.asks(params)))
        assert [(f.level, f.source) for f in planned.findings] == [("warn", "H644")]
        assert (allow_xl_by_sudo.content(params) or "").endswith("NOPASSWD: /usr/sbin/xl\n")

    def test_none_removes_the_file(self):
        """And a host without it, or without sudo, is left alone."""
        none = like_testbed(services={"sudo_xl": "none"})
        machine = Machine()
        carry(machine, allow_xl_by_sudo, PARAMS)
        assert faults(machine, allow_xl_by_sudo, none) == ["/etc/sudoers.d/xl is still there"]
        planned = allow_xl_by_sudo.plan(none, machine.facts(allow_xl_by_sudo.asks(none)))
        assert planned.actions == (Remove("/etc/sudoers.d/xl"),)
        assert carry(machine, allow_xl_by_sudo, none) == ["remove /etc/sudoers.d/xl"]
        assert carry(Machine(modes={}), allow_xl_by_sudo, none) == []

    @pytest.mark.parametrize(
        ("content", "mode", "fault"),
        [
            (f"{allow_xl_by_sudo._SHOWS}\n%sudo ALL=(ALL) ALL\n", "0440", "is not as the parameters say"),
            (None, "0644", "has mode 0644; sudo wants 0440"),
        ],
    )
    def test_a_changed_file_is_seen_and_mended(self, content, mode, fault):
        """Other text or another mode is a fault, and the step writes it anew."""
        machine = Machine()
        carry(machine, allow_xl_by_sudo, PARAMS)
        machine.files[allow_xl_by_sudo.FILE] = content or machine.files[allow_xl_by_sudo.FILE]
        machine.modes[allow_xl_by_sudo.FILE] = mode
        assert faults(machine, allow_xl_by_sudo, PARAMS) == [f"/etc/sudoers.d/xl {fault}"]
        assert carry(machine, allow_xl_by_sudo, PARAMS) == ["write /etc/sudoers.d/xl"]

    def test_a_persons_rule_is_neither_removed_nor_written_over(self):
        """A file of that name that a person wrote stays; moved away, as the refusal says, ours is written beside it."""
        machine, path = Machine(), allow_xl_by_sudo.FILE
        machine.files[path], machine.modes[path] = "ana ALL=(root) NOPASSWD: /usr/sbin/xl list\n", "0440"
        none = like_testbed(services={"sudo_xl": "none"})
        assert carry(machine, allow_xl_by_sudo, none) == []
        (finding,) = allow_xl_by_sudo.plan(PARAMS, machine.facts(allow_xl_by_sudo.asks(PARAMS))).stops
        assert f"mv {path} {path}-by-hand" in finding.do
        machine.files[f"{path}-by-hand"], machine.modes[f"{path}-by-hand"] = (
            machine.files.pop(path),
            machine.modes.pop(path),
        )
        assert carry(machine, allow_xl_by_sudo, PARAMS) == [f"write {path}"]

    def test_sudo_must_read_the_folder(self):
        """A sudoers file without the include line makes the rule void."""
        machine = Machine()
        carry(machine, allow_xl_by_sudo, PARAMS)
        machine.includes = "0\n"
        assert faults(machine, allow_xl_by_sudo, PARAMS) == ["/etc/sudoers does not include /etc/sudoers.d"]

    def test_sudo_must_be_installed(self):
        """A rule without sudo is refused."""
        nobody = like_testbed(configuration={})
        assert stops(Machine(modes={}), allow_xl_by_sudo, nobody) == [("refuse", "sudo is not installed")]


class TestBootXenOnce:
    def test_first_boot(self):
        """The choice for once, the restart, and the wait for Xen's services."""
        machine = configured()
        assert carry(machine, boot_xen_once, PARAMS) == [
            f"run grub-reboot {XEN}",
            "reboot into Xen, once",
            "run sh -c 'systemctl is-system-running --wait || true'",
        ]
        assert machine.is_dom0
        assert machine.saved_entry == PLAIN
        assert {driver for _, driver, _ in machine.devices.values()} == {"pciback"}

    def test_xen_runs_already(self):
        """Nothing is restarted."""
        assert carry(under_xen(), boot_xen_once, PARAMS) == []

    @pytest.mark.parametrize(
        ("params", "steps"),
        [
            (like_testbed(dom0={"memory_mib": 3072}), (set_boot_menu,)),
            (like_testbed(xen={"options": []}), (set_boot_menu,)),
            (NONE, (hide_devices, set_boot_menu)),
        ],
        ids=["more memory", "a word less", "no devices"],
    )
    def test_a_change_needs_another_boot(self, params, steps):
        """Xen with other words, or dom0 with another list, is restarted, with plain Debian behind it."""
        machine = under_xen()
        for step in steps:
            carry(machine, step, params)
        assert "reboot into Xen, once" in carry(machine, boot_xen_once, params)
        assert machine.saved_entry == PLAIN

    def test_a_device_that_was_added_while_xen_ran(self):
        """A driver still holds it and the RAM disk is new: a restart helps."""
        machine = under_xen()
        machine.devices["0000:00:05.0"] = ("8086:10d3", "e1000e", "e1000e")
        machine.images += "new initrd.img-6.12\n"
        planned = boot_xen_once.plan(PARAMS, machine.facts(boot_xen_once.asks(PARAMS)))
        assert planned.note == "Why: 0000:00:05.0 is still used by e1000e."

    def test_no_endless_restarts(self):
        """A device that stays with its driver after a boot with the newest RAM disk is left to the proof."""
        machine = under_xen()
        machine.devices["0000:00:05.0"] = ("8086:10d3", "e1000e", "e1000e")
        assert carry(machine, boot_xen_once, PARAMS) == []

    @pytest.mark.parametrize(
        ("break_it", "what"),
        [
            (lambda m: m.files.pop(modules.OPTIONS), "The step hide_devices is not done yet"),
            (lambda m: m.files.pop(boot_menu.OPTIONS_FILE), "The step set_boot_menu is not done yet"),
            (lambda m: m.devices.clear(), "The step hide_devices is not done yet"),
        ],
    )
    def test_earlier_steps_come_first(self, break_it, what):
        """Without the hide list or the menu's words nothing is restarted."""
        machine = configured()
        break_it(machine)
        assert stops(machine, boot_xen_once, PARAMS) == [("wait", what)]

    def test_a_choice_that_would_stay_is_refused(self):
        """On LVM GRUB cannot clear it: each later boot would be Xen."""
        machine = configured()
        machine.boot_on = "/dev/mapper/xen-root ext4"
        assert stops(machine, boot_xen_once, PARAMS) == [
            ("refuse", "GRUB could not clear a choice for once on this /boot")
        ]

    def test_the_firmware_starts_it_once_where_grub_cannot(self):
        """On RAID a machine with UEFI gets a GRUB of its own for this start; nothing of it is needed where GRUB can."""
        machine = configured()
        machine.boot_on, machine.firmware = "/dev/md0 ext4", UEFI
        actions = boot_xen_once.plan(PARAMS, machine.facts(boot_xen_once.asks(PARAMS))).actions
        assert [type(a) for a in actions] == [Run, Run, Reboot, Run]
        assert f"next_entry='{XEN}'" in actions[0].argv[-1]
        assert actions[1].argv[-2:] == ("/dev/sda", "1")
        machine.boot_on = "/dev/vda2 ext4"
        first = boot_xen_once.plan(PARAMS, machine.facts(boot_xen_once.asks(PARAMS))).actions[0]
        assert first.argv == ("grub-reboot", XEN)

    def test_a_choice_that_the_firmware_kept_is_a_fault(self):
        """It should have forgotten it before the start."""
        machine = under_xen()
        machine.firmware = UEFI + "BootNext: 0007\n"
        assert faults(machine, boot_xen_once, PARAMS) == [
            "The firmware still has a choice for the next start: 0007"
        ]

    def test_running_guests_are_named(self):
        """They will be shut down, which is said before."""
        machine = under_xen()
        machine.xl_list += "ipfire    4   256     1     -b----      10.1\n"
        carry(machine, set_boot_menu, like_testbed(xen={"options": []}))
        params = like_testbed(xen={"options": []})
        planned = boot_xen_once.plan(params, machine.facts(boot_xen_once.asks(params)))
        assert [(f.level, f.what) for f in planned.findings] == [
            ("warn", "Running guests will be shut down: ipfire")
        ]
        assert any(isinstance(action, Reboot) for action in planned.actions)

    def test_plain_debian_came_back(self):
        """It is a fault that says that the machine is safe, and where to look."""
        machine = configured()
        (found,) = boot_xen_once.check(PARAMS, machine.facts(boot_xen_once.asks(PARAMS)))
        assert (found.level, found.what) == ("fail", "The host runs plain Debian, not Xen")
        assert "the safe default brought plain Debian back" in found.why
        assert "VT-d or AMD-Vi" in found.do

    def test_a_choice_that_was_not_used(self):
        """A choice that is still there tells that this GRUB never ran."""
        machine = configured()
        machine.next_entry = XEN
        (found,) = boot_xen_once.check(PARAMS, machine.facts(boot_xen_once.asks(PARAMS)))
        assert "was not used" in found.why

    def test_a_choice_that_stayed(self):
        """Under Xen, a choice that GRUB did not clear is a fault."""
        machine = under_xen()
        machine.next_entry = XEN
        assert faults(machine, boot_xen_once, PARAMS) == [f"The choice for once is still there: {XEN}"]


class TestHidingNeverTakesWhatDom0Needs:
    """The survey's refusals hold in this notebook too, for whoever starts with it (H616)."""

    def test_the_disk_controller_is_not_hidden(self) -> None:
        """The controller of / is refused and nothing is planned."""
        disk = {"bdf": "0000:00:08.0", "id": "1af4:1001", "what": "disk"}
        params = like_testbed(passthrough={"devices": [disk]}, guests=(), management={})
        machine = Machine()
        machine.devices["0000:00:08.0"] = ("1af4:1001", "virtio-pci", "virtio_pci")
        planned = hide_devices.plan(params, machine.facts(hide_devices.asks(params)))
        assert planned.actions == ()
        assert any(f.level == "refuse" and "must stay with dom0" in f.what for f in planned.stops)


def test_ram_disks_that_a_package_left_behind_are_explained():
    """With no device to hide either, the plan says why it makes the RAM disks anew, not only that it does."""
    machine = installed()
    machine.images += "stale initrd.img-6.12\n"
    planned = hide_devices.plan(NONE, machine.facts(hide_devices.asks(NONE)))
    assert [action.title.split()[1] for action in planned.actions] == ["update-initramfs"]
    assert "changed after the initial RAM disks were made" in planned.note
