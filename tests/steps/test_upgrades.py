"""Chapter 11 on the testbed's machine: kept, installed, tried once, proved, and every way in which a new pair fails."""

import re

import pytest

from runbook.facts import grub, proved_pair
from runbook.model.ask import MISSING, Answer
from runbook.params import with_upgrades
from runbook.steps.debian_configuration.schedule_updates import HELD
from runbook.steps.first_boot import keep_proved_pair, make_xen_default
from runbook.steps.shared import kept_pair, upgrades
from runbook.steps.upgrades import (
    boot_updates_once,
    install_updates,
    list_updates,
    make_updates_default,
    prove_next_boot,
    prove_updates,
)
from tests.steps.machine import XEN as ENTRY
from tests.steps.machine import built_once, carry, faults, sample, stops
from tests.steps.test_first_boot import booted
from tests.steps.upgrade_machine import KERNEL, NEW, OLD, PARAMS, XEN, UpgradeMachine

INSTALL = with_upgrades(PARAMS, "install")
REQUIRE = with_upgrades(PARAMS, "require")


@built_once
def proved() -> UpgradeMachine:
    """Return a machine that went through 05 to 07, with the pair kept and Xen the default."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    for step in (make_xen_default, keep_proved_pair):
        carry(machine, step, PARAMS)
    return machine


def test_what_was_proved_is_kept_and_the_default_stays():
    """Hypervisor, kernel and RAM disk are kept, with an entry that has every word that was proved; Xen stays the default."""
    machine = proved()
    assert [machine.disk[f"proved/{kind}"] for kind in proved_pair.KEPT] == ["xen 1", "linux 1", "ram disk 1"]
    menu = grub.parse(machine.facts(grub.COMMANDS))
    kept = menu.entry(proved_pair.ID)
    assert kept is not None
    assert menu.xen is not None
    assert (kept.xen_options, kept.kernel_options) == (menu.xen.xen_options, menu.xen.kernel_options)
    assert machine.saved_entry == ENTRY
    assert carry(machine, keep_proved_pair, PARAMS) == []


def test_of_two_names_of_one_hypervisor_the_menus_is_kept():
    """The kept entry loads kept files alone, whatever other name the running hypervisor has in /boot too."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    carry(machine, make_xen_default, PARAMS)
    machine.disk = {"xen-4.19.gz": "xen 1", **machine.disk}
    carry(machine, keep_proved_pair, PARAMS)
    kept = grub.parse(machine.facts(grub.COMMANDS)).entry(proved_pair.ID)
    assert [command[1].partition("/proved/")[2] for command in kept.commands[:2]] == ["xen.gz", "vmlinuz"]


def test_who_may_choose_the_entry_is_copied():
    """Under GRUB's password the kept entry asks for one where Debian's own does, and only there; it shows no old names."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    carry(machine, make_xen_default, PARAMS)
    head = "--class xen $menuentry_id_option 'xen-gnulinux-simple"
    text = machine.files[grub.CONFIG]
    machine.files[grub.CONFIG] = text.replace(head, f"--unrestricted --users 'a b' {head}")
    planned = keep_proved_pair.plan(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS)))
    (entry,) = [
        action.content for action in planned.actions if getattr(action, "path", "") == proved_pair.ENTRY
    ]
    assert " --class os --unrestricted --users 'a b' --class xen $menuentry_id_option 'xen-proved' {" in entry
    assert "echo" not in entry


def test_a_pair_that_is_kept_is_not_called_one_that_cannot_be():
    """An update replaced the hypervisor on the disk, and what runs is the kept one: 07 has nothing to say."""
    machine = proved()
    machine.disk["xen-4.20-amd64.gz"] = "another"
    assert keep_proved_pair.check(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS))) == []


def test_the_kept_kernel_is_nothing_that_apt_removes():
    """apt is told to keep the kernel of the kept pair, and of the one before; without that the check fails."""
    machine = proved()
    old, new = (rf"^linux-(image|modules)-6[.]12[.]{n}[+]deb13-amd64$" for n in (117, 120))
    assert re.findall('"(.*)"', machine.files[kept_pair.NEVER_REMOVED]) == [old]
    assert re.match(old, f"linux-image-{OLD}")
    del machine.files[kept_pair.NEVER_REMOVED]
    (found,) = keep_proved_pair.check(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS)))
    assert found.why == "apt may remove its kernel as one that is needed no more"
    carry(machine, keep_proved_pair, PARAMS)
    machine.waiting = KERNEL
    for step in (install_updates, boot_updates_once):
        carry(machine, step, INSTALL)
    machine.state = "running"
    carry(machine, make_updates_default, INSTALL)
    assert re.findall('"(.*)"', machine.files[kept_pair.NEVER_REMOVED]) == [new, old]
    assert carry(machine, keep_proved_pair, PARAMS) == []


def test_another_word_alone_is_tried_once():
    """A word that somebody adds to the menu is what an upgrade starts once: nothing is left that only warns."""
    machine = proved()
    path = "/etc/default/grub.d/zzz.cfg"
    machine.files[path] = 'GRUB_CMDLINE_XEN="$GRUB_CMDLINE_XEN smt=off"\n'
    machine._update_grub()
    carry(machine, install_updates, INSTALL)
    assert machine.saved_entry == proved_pair.ID
    carry(machine, boot_updates_once, INSTALL)
    assert "smt=off" in machine.xl_info
    assert faults(machine, keep_proved_pair, PARAMS) == ["The pair that runs is not kept as it runs"]
    machine.state = "running"
    carry(machine, make_updates_default, INSTALL)
    assert faults(machine, keep_proved_pair, PARAMS) == []


def test_a_running_pair_with_other_words_is_not_the_kept_one():
    """Somebody changed the words in GRUB's editor: it cannot be kept, and it is said which words they are."""
    machine = proved()
    machine.xl_info = machine.xl_info.replace(" iommu=required", " iommu=required smt=off")
    (found,) = keep_proved_pair.check(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS)))
    assert (found.level, found.what) == ("warn", "The pair that runs cannot be kept")
    assert found.why.endswith("the hypervisor runs with smt=off")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("xen-4.20-amd64.gz", "the hypervisor that runs is in no file of /boot"),
        ("initrd.img-6.12.117+deb13-amd64", "its initial RAM disk was made anew"),
    ],
)
def test_what_was_replaced_since_the_boot_is_not_kept(name, why):
    """A file that is not the one that runs was not proved: nothing is kept under its name, and it is said why."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    carry(machine, make_xen_default, PARAMS)
    machine.disk[name] = "another"
    found = keep_proved_pair.check(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS)))
    assert [(f.level, f.what) for f in found] == [("warn", "The pair that runs cannot be kept")]
    assert why in found[0].why
    assert keep_proved_pair.plan(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS))).actions == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("xen-4.20-amd64.gz", "another hypervisor (xen-4.20-amd64.gz)"),
        ("initrd.img-6.12.117+deb13-amd64", "another initial RAM disk (initrd.img-6.12.117+deb13-amd64)"),
        ("vmlinuz-6.12.117+deb13-amd64", "another kernel (vmlinuz-6.12.117+deb13-amd64)"),
    ],
)
def test_a_next_boot_that_nobody_proved_is_told(name, told):
    """Each file that changes behind the back is a warning, and a failure for those who asked for one."""
    machine = proved()
    assert prove_next_boot.check(PARAMS, machine.facts(prove_next_boot.asks(PARAMS))) == []
    machine.disk[name] = "another"
    what = f"The next boot would start something that nobody proved: {told}"
    assert faults(machine, prove_next_boot, PARAMS, "warn") == [what]
    assert faults(machine, prove_next_boot, REQUIRE) == [what]


def test_another_word_of_the_menu_is_told():
    """A word that somebody adds to the Xen entry was not proved either."""
    machine = proved()
    text = machine.files[grub.CONFIG]
    machine.files[grub.CONFIG] = text.replace(" iommu=required", " iommu=required smt=off", 1)
    (what,) = faults(machine, prove_next_boot, PARAMS, "warn")
    assert what.endswith("other words for the hypervisor: smt=off")


def test_the_kept_entry_itself_is_a_proved_boot():
    """Whoever has the kept pair started is told nothing, whatever was installed beside it."""
    machine = proved()
    machine.disk["xen-4.20-amd64.gz"] = "another"
    machine.saved_entry = proved_pair.ID
    assert prove_next_boot.check(PARAMS, machine.facts(prove_next_boot.asks(PARAMS))) == []
    assert carry(machine, make_xen_default, PARAMS) == []


def test_a_kept_kernel_without_modules_is_no_way_back():
    """When the kept kernel's package was removed, the kept pair would not find its disk, and nothing relies on it."""
    machine = proved()
    machine.bare = "bare kept"
    assert faults(machine, prove_next_boot, PARAMS, "warn") == [
        "Nobody can say whether the next boot is a proved one"
    ]


def test_a_host_that_does_not_answer_is_not_known():
    """A host whose shell gave no answer is told to keep its pair, and nothing crashes."""
    machine = proved()
    facts = dict(machine.facts(prove_next_boot.asks(PARAMS)))
    facts |= {proved_pair._PAIR: Answer(127, "", "sh: not found")}
    facts[next(a for a in facts if a.argv == (proved_pair.ENTRY,))] = Answer(MISSING)
    from runbook.model.ask import Facts

    (found,) = prove_next_boot.check(PARAMS, Facts(facts))
    assert (found.level, found.what) == ("warn", "Nobody can say whether the next boot is a proved one")


@pytest.mark.parametrize("step", [make_xen_default, install_updates, make_updates_default])
def test_a_choice_that_grub_does_not_read_waits_for_set_boot_menu(step):
    """With another default than the saved entry nothing is installed, and nothing chosen that would not be started."""
    machine = proved()
    machine.waiting = XEN
    machine.files[grub.CONFIG] = machine.files[grub.CONFIG].replace("${saved_entry}", "0")
    assert ("wait", "GRUB does not start the saved entry") in stops(machine, step, INSTALL)
    (found,) = [f for f in step.plan(INSTALL, machine.facts(step.asks(INSTALL))).stops if "GRUB" in f.what]
    assert found.after == "set_boot_menu"


@pytest.mark.parametrize(
    ("lists", "what"), [(3, "The package lists are older than a day"), (0, "apt has no package lists yet")]
)
def test_old_lists_are_no_proof_that_nothing_waits(lists, what):
    """apt answers from its lists: with old ones, or none, an upgrade waits, and a look says that more may wait."""
    machine = proved()
    machine.lists, machine.lists_are_fresh = lists, False
    assert stops(machine, install_updates, INSTALL) == [("wait", what)]
    told = (
        "More may wait than is listed here"
        if lists
        else "Nobody can say what waits: apt has no package lists"
    )
    assert faults(machine, list_updates, PARAMS, "warn") == [told]
    assert faults(machine, list_updates, REQUIRE, "warn" if lists else "fail") == [told]


@pytest.mark.parametrize(
    ("cut", "why"), [("install", "xen-4.20-amd64.gz is not what runs"), ("boot", "what is installed runs")]
)
def test_an_upgrade_that_was_cut_is_named_by_the_next_look(cut, why):
    """The old pair starts, and nothing waits for apt any more: only the note of the upgrade tells what is left to do."""
    machine = proved()
    machine.waiting = XEN
    carry(machine, install_updates, INSTALL)
    if cut == "boot":
        carry(machine, boot_updates_once, INSTALL)
    (found,) = prove_next_boot.check(PARAMS, machine.facts(prove_next_boot.asks(PARAMS)))
    assert (found.level, found.what) == ("warn", "An upgrade was begun and not ended")
    assert why in found.why
    assert faults(machine, prove_next_boot, REQUIRE) == [found.what]


def test_where_a_pair_cannot_be_kept_07_and_11_lead_on():
    """Neither sends to the other: with plain Debian to come back to it is an upgrade, without it a start while one looks."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    carry(machine, make_xen_default, PARAMS)
    machine.disk["xen-4.20-amd64.gz"] = "xen 2"

    def told() -> set[str]:
        found = [
            f
            for s in (keep_proved_pair, prove_next_boot)
            for f in s.check(PARAMS, machine.facts(s.asks(PARAMS)))
        ]
        return {f.do for f in found}

    (do,) = told()
    assert do.startswith("`runbook upgrade PARAMS --apply`")
    assert install_updates.plan(INSTALL, machine.facts(install_updates.asks(INSTALL))).actions
    machine.files[grub.CONFIG] = machine.files[grub.CONFIG].replace("/vmlinuz-6.12.117", "/vmlinuz-6.12.100")
    (do,) = told()
    assert do.startswith("start the host anew while you look")


def test_modules_that_are_gone_are_told():
    """A kept pair whose kernel has no modules is there, and it is said why it is no way back."""
    machine = proved()
    machine.bare = "bare kept"
    (found,) = prove_next_boot.check(PARAMS, machine.facts(prove_next_boot.asks(PARAMS)))
    assert found.why == "the kept kernel's modules are gone from /lib/modules, so it would not find its disk"


def test_a_machine_that_cannot_start_something_once_is_refused_before_the_packages():
    """A BIOS with /boot on LVM has no way to try the new pair: nothing is installed that could only wait there."""
    machine = proved()
    machine.waiting, machine.boot_on = XEN, "/dev/mapper/vg-boot ext4"
    assert ("refuse", "GRUB could not clear a choice for once on this /boot") in stops(
        machine, install_updates, INSTALL
    )


def test_without_being_asked_nothing_is_planned():
    """A run of all notebooks changes nothing, whatever waits."""
    machine = proved()
    machine.waiting = XEN + KERNEL
    for step in (prove_next_boot, list_updates, install_updates, boot_updates_once, make_updates_default):
        assert step.plan(PARAMS, machine.facts(step.asks(PARAMS))).actions == ()


def test_asked_with_nothing_waiting_nothing_is_planned():
    """An upgrade of a host on which nothing waits plans nothing."""
    machine = proved()
    for step in (list_updates, install_updates, boot_updates_once, make_updates_default):
        assert step.plan(INSTALL, machine.facts(step.asks(INSTALL))).actions == (), step.__name__


def test_an_older_pair_is_upgraded():
    """Installed beside the proved pair, started once, made the default, and kept; the pair before stays in the menu."""
    machine = proved()
    machine.waiting = XEN + KERNEL
    done = carry(machine, install_updates, INSTALL)
    assert [title.split()[1] for title in done] == ["grub-set-default", upgrades.BEGUN, "apt-get"]
    assert machine.saved_entry == proved_pair.ID
    done = carry(machine, boot_updates_once, INSTALL)
    assert [title.split()[:2] for title in done][:1] == [["run", "grub-reboot"]]
    assert machine.runs == {"xen.gz": "xen 2", "vmlinuz": "linux 2", "initrd.img": "ram disk 2"}
    machine.state = "running"
    carry(machine, prove_updates, INSTALL)
    carry(machine, make_updates_default, INSTALL)
    assert machine.saved_entry == ENTRY
    assert machine.disk["proved/xen.gz"] == "xen 2"
    assert machine.disk["proved-before/xen.gz"] == "xen 1"
    assert upgrades.BEGUN not in machine.files
    assert prove_next_boot.check(PARAMS, machine.facts(prove_next_boot.asks(PARAMS))) == []


@pytest.mark.parametrize("waiting", [XEN, KERNEL])
def test_a_new_pair_that_panics_leaves_the_old_one(waiting):
    """The old pair runs again, is what starts, and the report says which part of the new one was not proved."""
    machine = proved()
    machine.waiting, machine.new_pair = waiting, "panics"
    carry(machine, install_updates, INSTALL)
    machine.apply(boot_updates_once.plan(INSTALL, machine.facts(boot_updates_once.asks(INSTALL))))
    assert machine.runs == {"xen.gz": "xen 1", "vmlinuz": "linux 1", "initrd.img": "ram disk 1"}
    (what,) = faults(machine, boot_updates_once, INSTALL)
    assert what.startswith("The new pair did not come up, or not for long: Xen 4.20")
    (found,) = boot_updates_once.check(INSTALL, machine.facts(boot_updates_once.asks(INSTALL)))
    assert ("another hypervisor" if waiting == XEN else f"another kernel (vmlinuz-{NEW})") in found.why
    assert machine.saved_entry == proved_pair.ID
    assert carry(machine, make_xen_default, PARAMS) == [], "07 does not make the pair that failed the default"
    (wait,) = make_updates_default.plan(INSTALL, machine.facts(make_updates_default.asks(INSTALL))).stops
    assert wait.after == "boot_updates_once"


def test_what_was_installed_by_hand_is_tried_once_too():
    """After `apt upgrade` by hand the kept pair becomes what starts, and what is there is started once."""
    machine = proved()
    machine.waiting = XEN + KERNEL
    machine._upgrade()
    assert faults(machine, prove_next_boot, PARAMS, "warn")
    assert [title.split()[1] for title in carry(machine, install_updates, INSTALL)] == [
        "grub-set-default",
        upgrades.BEGUN,
    ]
    carry(machine, boot_updates_once, INSTALL)
    assert machine.runs["xen.gz"] == "xen 2"


@pytest.mark.parametrize(
    ("change", "level", "what"),
    [
        ({"audit": "The following packages are only half configured:\n xen-utils-4.20\n"}, "refuse", "An installation was interrupted"),
        ({"locks": "254:0 1460958 /var/lib/dpkg/lock\n1: POSIX  ADVISORY  WRITE 8532 fe:00:1460958 0 EOF\n"}, "refuse", "Another program is installing packages"),
        ({"room": {"/var/cache/apt/archives": 9000, "/usr": 9000, "/boot": 40}}, "refuse", "/boot has 40 MiB free; about 66 MiB are needed"),
        ({"room": {"/var/cache/apt/archives": 5, "/usr": 9000, "/boot": 400}}, "refuse", "/var/cache/apt/archives has 5 MiB free; about 20 MiB are needed"),
        ({"waiting": XEN + "Remv qemu-system-xen [1] (2)\n"}, "refuse", "The upgrade would remove qemu-system-xen"),
        ({"waiting": "error Unmet dependencies.\n"}, "refuse", "apt cannot say what it would install"),
        ({"tells_build": False}, "refuse", "Nobody can say which hypervisor runs"),
    ],
)  # fmt: skip
def test_what_keeps_an_upgrade_from_beginning(change, level, what):
    """What would leave half an upgrade is refused before the first package."""
    machine = proved()
    machine.waiting = XEN + KERNEL
    machine.__dict__.update(change)
    assert (level, what) in stops(machine, install_updates, INSTALL)


def test_a_kernel_without_its_ram_disk_is_not_started():
    """A kernel that an installation left without its RAM disk, or its modules, is refused before the restart."""
    machine = proved()
    machine.waiting = KERNEL
    carry(machine, install_updates, INSTALL)
    machine.bare = f"bare initrd.img {NEW}"
    found = stops(machine, boot_updates_once, INSTALL)
    assert found == [("wait", "What waits is not installed yet")] or found == [
        ("refuse", f"Linux {NEW} has no initial RAM disk")
    ]
    assert [f.what for f in install_updates.check(INSTALL, machine.facts(install_updates.asks(INSTALL)))] == [
        f"Linux {NEW} has no initial RAM disk"
    ]


def test_a_pair_that_is_not_kept_yet_waits_for_07():
    """Without a kept pair an upgrade waits for the step that keeps it."""
    machine = UpgradeMachine.of(booted())
    machine.state, machine.waiting = "running", XEN
    carry(machine, make_xen_default, PARAMS)
    assert stops(machine, install_updates, INSTALL) == [("wait", "The pair that runs is not kept yet")]


def test_where_nothing_can_be_kept_plain_debian_is_the_way_back():
    """An update replaced the hypervisor before it was kept: plain Debian with the running kernel is what starts."""
    machine = UpgradeMachine.of(booted())
    machine.state = "running"
    carry(machine, make_xen_default, PARAMS)
    machine.disk["xen-4.20-amd64.gz"] = "xen 2"
    back = kept_pair.way_back(machine.facts(install_updates.asks(INSTALL)))
    assert back is not None
    assert back.is_linux
    carry(machine, install_updates, INSTALL)
    assert machine.saved_entry == back.path


def test_a_boot_that_nobody_proved_fails_the_check():
    """A power cut started a RAM disk that a package had made anew: 07 says so, proves what runs, and keeps it."""
    machine = proved()
    machine.disk["initrd.img-6.12.117+deb13-amd64"] = "made anew"
    machine.runs["initrd.img"] = "made anew"
    assert faults(machine, keep_proved_pair, PARAMS) == ["The pair that runs is not kept as it runs"]
    (found,) = keep_proved_pair.check(PARAMS, machine.facts(keep_proved_pair.asks(PARAMS)))
    assert found.why == "the initial RAM disk that runs is not the kept one"
    carry(machine, keep_proved_pair, PARAMS)
    assert machine.disk["proved/initrd.img"] == "made anew"


def test_what_waits_is_rated():
    """A hole through which guests get out warns, and fails for those who ask; what others mend is only listed."""
    machine = proved()
    libc = "Inst libc6 [2.41-12] (2.41-13 Debian-Security:13/stable-security [amd64])\n"
    more = "Inst nano [8.4-1] (8.4-2 Debian:13.8/stable [amd64])\n"
    told = "about xen-hypervisor-4.20-amd64 known\nfix XSA-480\nfix CVE-2026-1\ndate Fri, 20 Nov 2026 10:00:00 +0000\n"
    machine.waiting = XEN + libc + more + told + "about libc6 unknown\n"
    found = list_updates.check(PARAMS, machine.facts(list_updates.asks(PARAMS)))
    assert [(f.level, f.what) for f in found] == [
        ("warn", "A new hypervisor waits: xen-hypervisor-4.20-amd64 4.20.4-1 → 4.20.5-1, since 20 Nov 2026"),
        ("info", "A new C library waits: libc6 2.41-12 → 2.41-13"),
        ("info", "1 other package can be upgraded"),
    ]
    assert found[0].why == "it comes from the archive of security updates; it mends XSA-480, CVE-2026-1"
    assert "not known: apt got no changelog" in found[1].why
    planned = list_updates.plan(REQUIRE, machine.facts(list_updates.asks(REQUIRE)))
    assert planned.findings == tuple(found)
    assert planned.stops == ()
    levels = [f.level for f in list_updates.check(REQUIRE, machine.facts(list_updates.asks(REQUIRE)))]
    assert levels == ["fail", "info", "info"]


@pytest.mark.parametrize(
    ("waiting", "what"),
    [
        ("error Unmet dependencies.\n", "apt cannot say what waits"),
        (
            "hold xen-hypervisor-4.20-amd64\nhold nano\n",
            "On hold, and never upgraded: xen-hypervisor-4.20-amd64",
        ),
    ],
)
def test_what_cannot_be_told_or_never_comes_is_said(waiting, what):
    """An apt that cannot say, and a package of the pair on hold, are warnings: silence would read as nothing waiting."""
    machine = proved()
    machine.waiting = waiting
    assert faults(machine, list_updates, PARAMS, "warn") == [what]


def test_old_lists_are_fetched_only_for_an_upgrade():
    """A look at the host changes nothing, not even its package lists."""
    machine = proved()
    machine.lists_are_fresh = False
    assert list_updates.plan(PARAMS, machine.facts(list_updates.asks(PARAMS))).actions == ()
    assert carry(machine, list_updates, INSTALL) == ["run apt-get -qq -o APT::Update::Error-Mode=any update"]


PAIR = """xen-hypervisor-4.20-amd64 xen-hypervisor-common xen-system-amd64 xen-utils-4.20 xen-utils-common xenstore-utils
libxencall1 libxenmisc4.20 libxenstore4 qemu-system-xen qemu-system-common qemu-system-data seabios ipxe-qemu ovmf
linux-image-amd64 linux-image-6.12.118+deb13-amd64 linux-base grub-common grub-efi-amd64 grub-efi-amd64-signed shim-signed
intel-microcode amd64-microcode initramfs-tools initramfs-tools-core firmware-misc-nonfree"""


@pytest.mark.parametrize("name", PAIR.split())
def test_no_night_upgrade_touches_the_pair(name):
    """What boots, and what guests stand on, is held back from unattended upgrades, as their own `re.match` reads the list."""
    assert any(re.match(pattern, name) for pattern in HELD)


def test_every_package_of_a_host_that_makes_the_pair_is_held_back():
    """Of the packages that an installation of Xen brings, those of Xen, QEMU and the firmware are all on the list."""
    brought = re.findall(r"(?m)^Inst (\S+)", sample("apt-simulate.txt"))
    ours = [name for name in brought if re.search("xen|qemu|seabios|ipxe|ovmf|grub", name)]
    assert len(ours) > 8
    assert [name for name in ours if not any(re.match(pattern, name) for pattern in HELD)] == []
