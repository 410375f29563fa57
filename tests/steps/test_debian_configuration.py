"""Chapter 03 on what a real Debian 13 said before and after its run (samples/configuration-*.json), and on broken ones."""

import json
from pathlib import Path

import pytest

from runbook.actions import InstallPackages, Remove, Run, Switch, WriteFile
from runbook.facts import (
    accounts,
    apt_settings,
    firewall,
    firewalld,
    listening,
    os_prober,
    packages,
    removals,
    services,
    ssh_server,
    trim,
    ufw,
)
from runbook.facts.storage import asks
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import load
from runbook.params.model import HostParams
from runbook.steps import debian_configuration as chapter
from runbook.steps import name_of
from runbook.steps.debian_configuration import (
    add_firmware_component,
    add_users,
    close_ports,
    fetch_package_lists,
    generate_locales,
    install_packages,
    remove_packages,
    require_ssh_keys,
    schedule_updates,
    set_clock,
    set_names,
    set_umask,
    start_without_screen,
    trim_disks,
)
from runbook.steps.shared import edits, own_filters, wanted_packages, ways_in
from runbook.steps.shared.apt import UPDATE
from tests.recorded import AGAIN, Said, gathers, last
from tests.recorded import FIRST as FIRST_RUN
from tests.steps.machine import like_testbed
from tests.storage_answers import loop, lsblk, node

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent / "samples"
LOADED = load(ROOT / "params/testbed.yml").model_dump()
NONE = Answer(1)


def params(**changes):
    """Return the testbed's parameters with parts of `configuration` exchanged."""
    return HostParams.model_validate(LOADED | {"configuration": LOADED["configuration"] | changes})


PARAMS = params()
OFF = HostParams.model_validate(
    LOADED | {"configuration": {"remove_os_prober": False, "trim": {"weekly": False}}}
)


def said(name):
    """Return what the real machine said, by question; the samples are of a machine with its packages."""
    text = (SAMPLES / f"configuration-{name}.json").read_text(encoding="utf-8")
    recorded = gathers(FIRST_RUN, chapter.NOTEBOOK)[0] if name == "before" else last(AGAIN, chapter.NOTEBOOK)
    return Said({key: Answer(*answer) for key, answer in (recorded | json.loads(text)).items()})


BEFORE, AFTER = said("before"), said("after")
# LVM's section was there already when the first sample was taken.
BEFORE["< /etc/lvm/lvmlocal.conf"] = Answer(0, edits.with_section(AFTER["< /etc/lvm/lvmlocal.conf"].out, ""))
BEFORE[trim.LVM.key] = Answer(0, "issue_discards=0\nscan_lvs=0\n")
# What was first asked later: that machine's menu has no other system, its sshd no Match, and it serves ssh alone.
for _machine in (BEFORE, AFTER):
    _machine[add_firmware_component._ORIGINS.key] = _machine[apt_settings._SOURCES.key] = Answer(0)
    _machine[listening._SOCKETS.key] = Answer(
        0, 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))\n'
    )
    _machine[listening._ADDR.key] = Answer(0, (SAMPLES / "ip-addr.json").read_text(encoding="utf-8"))
    _machine[ssh_server._FILES.key] = Answer(
        0, "/etc/ssh/sshd_config:Include /etc/ssh/sshd_config.d/*.conf\n"
    )
    _machine |= dict.fromkeys((ask.key for ask in ufw.COMMANDS), Answer(MISSING))
    _machine[firewalld.OPEN.key] = Answer(0)
    _machine["< /boot/grub/grub.cfg"] = Answer(0, (SAMPLES / "grub-bare.cfg").read_text(encoding="utf-8"))


def facts(step, asked=PARAMS, machine=AFTER, changes=None):
    """Return a machine's answers to a step's questions, some exchanged; a question nobody knows fails."""
    changes = changes or {}
    return Facts(
        {ask: changes[ask] if ask in changes else machine[ask.key] for ask in step.asks(asked)} | changes
    )


def plan(step, asked=PARAMS, machine=AFTER, changes=None):
    return step.plan(asked, facts(step, asked, machine, changes))


def check(step, asked=PARAMS, machine=AFTER, changes=None):
    found = step.check(asked, facts(step, asked, machine, changes))
    assert all(f.do for f in found if f.level != "info")
    return [(f.level, f.what) for f in found if f.level != "info"]


def stops(step, asked=PARAMS, machine=AFTER, changes=None):
    """Return what stops a plan; each says why and what to do."""
    planned = plan(step, asked, machine, changes)
    assert all(f.do and f.why for f in planned.stops)
    return [(f.level, f.what) for f in planned.stops]


FIRST = {
    "add_firmware_component": [],
    "fetch_package_lists": [],
    "remove_packages": [],
    "install_packages": [],
    "start_without_screen": [],
    "trim_disks": ["write /etc/lvm/lvmlocal.conf", "run systemctl enable --now fstrim.timer"],
    "set_names": ["write /etc/hosts"],
    "set_clock": [
        "run timedatectl set-timezone Europe/Berlin",
        "run systemctl enable --now systemd-timesyncd.service",
    ],
    "generate_locales": ["write /etc/locale.gen", "run locale-gen", "write /etc/default/locale"],
    "set_umask": ["write /etc/login.defs"],
    "schedule_updates": ["write /etc/apt/apt.conf.d/52xen-runbook"],
    "add_users": [
        "run useradd --create-home --shell /bin/bash ana",
        "run usermod --append --groups sudo,adm ana",
        "run install -d -m 0700 -o ana -g ana /home/ana/.ssh",
        "write /home/ana/.ssh/authorized_keys",
    ],
    "require_ssh_keys": [f"replace {ssh_server.DROP_IN}, with the old one back after 180 s unless confirmed"],
    "close_ports": [
        "replace /etc/nftables.conf, with the old one back after 180 s unless confirmed",
        "run systemctl enable nftables.service",
    ],
}


@pytest.mark.parametrize("step", [step for step in chapter.STEPS if name_of(step) in FIRST], ids=name_of)
def test_first_run(step):
    """On the fresh machine with its packages, each step plans what was then really done, and nothing stops it."""
    planned = plan(step, machine=BEFORE)
    titles = [a.title for a in planned.actions]
    assert titles == FIRST[name_of(step)]
    assert planned.stops == ()


@pytest.mark.parametrize("step", chapter.STEPS, ids=name_of)
def test_already_right(step):
    """On the finished machine no step plans anything and no check finds a fault."""
    assert plan(step).actions == ()
    assert check(step) == []


@pytest.mark.parametrize("step", chapter.STEPS, ids=name_of)
def test_what_is_off_is_left_alone(step):
    """With everything off or `keep`, the unfinished machine is left as it is."""
    missing = {
        ask: Answer(MISSING) if ask.kind == "read" else Answer(0)
        for ask in step.asks(OFF)
        if ask.key not in BEFORE
    }
    assert plan(step, OFF, BEFORE, missing).actions == ()
    assert check(step, OFF, BEFORE, missing) == []


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (set_names, "/etc/hosts says 'testbed', not 'testbed.home.arpa'"),
        (generate_locales, "There is no locale en_GB.UTF-8"),
        (set_umask, "/etc/login.defs does not say UMASK 002"),
        (schedule_updates, "apt's setting Unattended-Upgrade::Automatic-Reboot is not as asked"),
        (add_users, "The account ana is not complete"),
        (require_ssh_keys, "sshd says passwordauthentication yes"),
        (close_ports, "The rules in force are not those asked for"),
    ],
)
def test_what_is_not_done_is_a_fault(step, what):
    """The check of each step sees the unfinished machine."""
    assert ("fail", what) in check(step, machine=BEFORE)


def wanted():
    return tuple(wanted_packages.wanted(PARAMS))


STATUS = packages._status(wanted(), ("dpkg",))
SIMULATION = packages._simulation(wanted())
FEWER = {STATUS: Answer(0, AFTER[STATUS.key].out.replace("ii |nftables|", "un |nftables|"))}
APT = "Inst nftables (1.1.3-1 Debian:13.7/stable [amd64])\nsize 90000\n"
LISTS = {packages._LISTS: Answer(0, "list\nfresh\n")}


def test_missing_packages_are_installed_at_once():
    """One action names what is missing, and apt's own words say what comes."""
    planned = plan(install_packages, changes=FEWER | LISTS | {SIMULATION: Answer(0, APT)})
    assert planned.actions == (InstallPackages(("nftables",), ("nftables 1.1.3-1",)),)
    assert (planned.note, planned.stops) == ("1 MiB to download.", ())
    assert check(install_packages, changes=FEWER) == [("fail", "The package nftables is not installed")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({packages._LISTS: Answer(0, "")}, ("wait", "apt has no package lists yet")),
        (
            LISTS | {SIMULATION: Answer(100, "", "E: Unable to locate package zoo\n")},
            ("refuse", "apt finds no package zoo"),
        ),
        (
            LISTS | {SIMULATION: Answer(100, "", "E: Unable to correct problems, you have held broken packages.\n")},
            ("refuse", "apt cannot install these packages together"),
        ),
        (
            LISTS | {SIMULATION: Answer(0, "size 999000000000\n")},
            ("refuse", "/usr has "),
        ),
    ],
)  # fmt: skip
def test_apt_must_be_able_to_install(changes, expected):
    """Lists, names, dependencies and room are looked at before apt is let loose (H303)."""
    level, what = stops(install_packages, changes=FEWER | changes)[-1]
    assert (level, what.startswith(expected[1])) == (expected[0], True)


def test_what_apt_would_take_away_is_a_loss():
    """A service that cannot be there beside what is asked for, such as a second one for the clock, does not go unsaid."""
    ask = packages._simulation(tuple(wanted_packages.wanted(PARAMS)))
    told = "Remv chrony [4.6.1-3]\nInst systemd-timesyncd (257.7-1 Debian:13.1/stable [amd64])\n"
    status = packages._status(tuple(wanted_packages.wanted(PARAMS)), wanted_packages._OTHERS)
    changes = {ask: Answer(0, told), status: Answer(1)}
    planned = plan(install_packages, machine=BEFORE, changes=changes)
    assert [f.what for f in planned.losses] == ["With what is installed here apt would remove chrony"]
    assert planned.actions
    # What an installation would take away is no reason not to remove a mail server.
    assert plan(remove_packages, machine=BEFORE, changes=changes).losses == ()


def test_lists_are_fetched_only_when_needed():
    """Missing lists are fetched if something is to be installed; fresh ones, and a finished host, need none."""
    update = (Run(UPDATE, "this host has none yet", timeout_s=900),)
    none = FEWER | {packages._LISTS: Answer(0, ""), SIMULATION: Answer(100)}
    assert plan(fetch_package_lists, changes=none).actions == update
    assert check(fetch_package_lists, changes=none) == [("fail", "apt has no package lists")]
    assert plan(fetch_package_lists, changes=none | LISTS).actions == ()
    assert plan(fetch_package_lists, changes={packages._LISTS: Answer(0, "")}).actions == ()


EXIM = """\
ii |exim4
ii |exim4-base
ii |exim4-config
un |exim4-config-2
ii |exim4-daemon-light
ii |os-prober
Purg bsd-mailx [8.1.2-0.20220412cvs-1.1]
Purg exim4 [4.98.2-1+deb13u5]
Purg exim4-daemon-light [4.98.2-1+deb13u5]
Purg exim4-base [4.98.2-1+deb13u5]
Purg exim4-config [4.98.2-1+deb13u5]
Purg os-prober [1.83]
"""
PURGE = removals._simulation(remove_packages.patterns(PARAMS))


def test_every_part_of_exim_goes():
    """The parts that the guide's command left go by name (H301), and what goes with them is said."""
    planned = plan(remove_packages, changes={PURGE: Answer(0, EXIM)})
    names = ("exim4", "exim4-base", "exim4-config", "exim4-daemon-light", "os-prober")
    assert planned.actions[0].argv[-5:] == names
    assert planned.actions[0].undo[-7:] == ("--no-install-recommends", *names, "bsd-mailx")
    assert [(f.level, f.what) for f in planned.findings] == [("warn", "With it goes bsd-mailx")]
    assert len(check(remove_packages, changes={PURGE: Answer(0, EXIM)})) == 5


@pytest.mark.parametrize(
    ("lines", "stays"),
    [
        ("/etc/default/grub.d/me.cfg:GRUB_DISABLE_OS_PROBER=false\n", "/etc/default/grub.d/me.cfg"),
        ("/etc/default/grub:  export GRUB_DISABLE_OS_PROBER='false'\n", "/etc/default/grub"),
        (
            "/etc/default/grub:GRUB_DISABLE_OS_PROBER=false\n/etc/default/grub.d/z.cfg:GRUB_DISABLE_OS_PROBER=true\n",
            "",
        ),
        ("", ""),
    ],
)
def test_os_prober_stays_where_its_owner_switched_it_on(lines, stays):
    """Debian leaves it off, so that word is a person's; the mail server goes nevertheless, and the plan says what stays."""
    changes = {PURGE: Answer(0, EXIM), os_prober.COMMANDS[0]: Answer(0, lines)}
    planned = plan(remove_packages, changes=changes)
    assert (planned.actions[0].argv[-1] == "os-prober") == (not stays)
    assert planned.actions[0].argv[-5 if not stays else -4] == "exim4"
    kept = [f.what for f in planned.findings if f.what.startswith("os-prober stays")]
    assert kept == ([f"os-prober stays: {stays} switches it on"] if stays else [])
    assert len(check(remove_packages, changes=changes)) == (4 if stays else 5)


def test_configuration_left_behind_is_purged_too():
    """A package that was removed and not purged is still there for dpkg."""
    changes = {PURGE: Answer(0, "rc |exim4-config\nPurg exim4-config [4.98.2-1]\n")}
    (purge,) = plan(remove_packages, changes=changes).actions
    assert (purge.argv[-1], purge.undo) == ("exim4-config", ())


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(0, EXIM + "Inst postfix (3.10 Debian [amd64])\n"), "apt would install postfix instead"),
        (Answer(100, EXIM[:10], "E: Held packages\n"), "apt cannot remove these packages"),
    ],
)
def test_removing_that_does_something_else_is_refused(answer, what):
    """Neither another mail server nor a broken system is what was asked for."""
    assert stops(remove_packages, changes={PURGE: answer}) == [("refuse", what)]


@pytest.mark.parametrize(
    ("step", "changes", "what"),
    [
        (generate_locales, {"< /etc/locale.gen": Answer(MISSING)}, "locales is not installed"),
        (close_ports, {"nft list tables": Answer(127)}, "nftables is not installed"),
        (
            schedule_updates,
            {"find /usr/bin/unattended-upgrade": NONE},
            "unattended-upgrades is not installed",
        ),
        (set_clock, {"systemctl show": Answer(0)}, "systemd-timesyncd is not installed"),
    ],
)
def test_a_step_waits_for_its_package(step, changes, what):
    """What is configured has to be installed first."""
    found = {
        ask: answer for ask in step.asks(PARAMS) for key, answer in changes.items() if ask.key.startswith(key)
    }
    assert found
    assert stops(step, changes=found) == [("wait", what)]


def test_firmware_is_offered_by_both_kinds_of_sources():
    """Debian's own entries get the component, once, and entries of others do not."""
    asked = params(package_groups=["firmware"])
    old = "deb http://deb.example/debian trixie main  # own\ndeb http://other.example/x stable contrib\n"
    new = "Types: deb\nURIs: http://deb.example/debian\nSuites: trixie\nComponents: main\n\nTypes: deb\nSuites: x\nComponents: main\n"
    first, second = (Answer(0, old), Answer(0, new))
    answers = (Answer(0, "f:" + old), Answer(0), first, second)
    changes = dict(zip(add_firmware_component.asks(asked), answers, strict=True))
    one, two, update = plan(add_firmware_component, asked, changes=changes).actions
    assert one.content.splitlines()[0] == "deb http://deb.example/debian trixie main non-free-firmware  # own"
    assert two.content.count("non-free-firmware") == 1
    assert update.argv == UPDATE
    assert one.content.splitlines()[1] == old.splitlines()[1]
    assert check(add_firmware_component, asked, changes=changes) == [
        ("fail", "No package source offers non-free-firmware")
    ]
    done = dict(zip(add_firmware_component.asks(asked),
                    (Answer(0, "f:" + one.content), Answer(0), Answer(0, one.content), Answer(0, two.content)), strict=True))  # fmt: skip
    assert plan(add_firmware_component, asked, changes=done).actions == ()
    assert check(add_firmware_component, asked, changes=done) == []


def test_the_processor_decides_its_updates():
    """A real Intel machine gets Intel's; a virtual one none."""
    real = Facts({wanted_packages.CPU: Answer(0, "vendor_id\t: GenuineIntel\nflags\t: vmx\n")})
    virtual = Facts({wanted_packages.CPU: Answer(0, "vendor_id\t: AuthenticAMD\nflags\t: svm hypervisor\n")})
    assert (wanted_packages.microcode(real), wanted_packages.microcode(virtual)) == ("intel-microcode", "")


def test_a_desktop_does_not_start_by_itself():
    """With a desktop installed, the boot ends at the text login; that is undone by one command."""
    asked = params(gui="minimal")
    changes = {start_without_screen._DEFAULT: Answer(0, "graphical.target\n")}
    action = plan(start_without_screen, asked, changes=changes).actions[0]
    assert (action.argv[-1], action.undo[-1]) == ("multi-user.target", "graphical.target")
    assert len(check(start_without_screen, asked, changes=changes)) == 1


def block(name, kind, *children, at=(), discards=1024, fstype="ext4"):
    return node(name, kind, *children, at=at, disc_max=discards, fstype=fstype)


def disks(*volumes):
    part = block("vda3", "part", *volumes, fstype="LVM2_member")
    return {asks.LSBLK: Answer(0, lsblk(block("vda", "disk", part, fstype=None)))}


def test_a_weekly_run_that_skips_volumes_is_a_fault():
    """What the template's job did, skip every volume (H306), is seen; covered volumes are content."""
    changes = disks(block("xen-root", "lvm", at=["/"]), block("xen-var", "lvm", at=["/var/log"]))
    assert check(trim_disks, changes=changes) == [("fail", "The weekly run does not reach /var/log")]
    dry = "/: 0 B (dry run) trimmed on /dev/mapper/xen-root\n/var/log: 1 GiB trimmed on /dev/mapper/xen-var\n"
    assert check(trim_disks, changes=changes | {trim._DRY: Answer(0, dry)}) == []


def test_a_window_into_a_guests_disk_is_not_the_hosts_to_trim():
    """A partition of a guest that 09 has mounted read-only is left out: the weekly run does not have to reach it."""
    seen = json.loads(BEFORE[asks.LSBLK.key].out)["blockdevices"]
    window = block("loop0", "loop", at=["/mnt/comm"], discards=2**31)
    changes = {
        asks.LSBLK: Answer(0, lsblk(*seen, window)),
        asks.LOOPS: Answer(0, json.dumps({"loopdevices": [loop("loop0", "/dev/dm-1")]})),
    }
    assert "/mnt/comm" not in str(check(trim_disks, changes=changes))


def test_a_layer_that_keeps_it_to_itself_is_told():
    """A disk that could be trimmed below a volume that cannot is worth a warning."""
    changes = disks(block("crypt-home", "crypt", at=["/home"], discards=0))
    assert check(trim_disks, changes=changes) == [("warn", "/home cannot be trimmed although the disk could")]


def test_trim_btrfs_subvolumes():
    """fstrim takes a file system once, whichever of its subvolumes it finds first; a bind mount is no other case."""
    part = block("vda3", "part", at=["/home", "/", "/var/log"], fstype="btrfs")
    changes = {asks.LSBLK: Answer(0, lsblk(block("vda", "disk", part, fstype=None)))}
    dry = {trim._DRY: Answer(0, "/: 0 B (dry run) trimmed on /dev/vda3\n")}
    assert check(trim_disks, changes=changes | dry) == []
    assert check(trim_disks, changes=changes | {trim._DRY: Answer(0)}) == [
        ("fail", "The weekly run does not reach /, /home, /var/log")
    ]


def test_trim_notrim_option():
    """What fstab takes out of the weekly run is left out on purpose."""
    part = block("sda1", "part", at=["/backup"])
    changes = {asks.LSBLK: Answer(0, lsblk(block("sda", "disk", part, fstype=None))), trim._DRY: Answer(0)}
    fstab = {trim._FSTAB: Answer(0, "UUID=1 /backup ext4 defaults,X-fstrim.notrim 0 2\n")}
    assert check(trim_disks, changes=changes | fstab) == []
    assert check(trim_disks, changes=changes) == [("fail", "The weekly run does not reach /backup")]


def test_lvm_is_asked_and_not_its_file():
    """A setting that another file overrides is a fault, however the file looks (H307)."""
    changes = {trim.LVM: Answer(0, "issue_discards=0\nscan_lvs=1\n")}
    assert [what for _, what in check(trim_disks, changes=changes)] == [
        "LVM's setting devices/issue_discards is 0, not 1",
        "LVM's setting devices/scan_lvs is 1, not 0",
    ]
    assert plan(trim_disks, changes={trim.LVM: Answer(127)}).actions == ()


def test_what_somebody_switched_on_in_lvm_is_a_loss():
    """A setting that is not LVM's own is named before it goes, and is kept where the parameters ask for it."""
    scanning = {trim.LVM: Answer(0, "issue_discards=1\nscan_lvs=1\n")}
    assert [f.what for f in plan(trim_disks, changes=scanning).losses] == [
        "LVM's setting devices/scan_lvs=1 of this host would be 0"
    ]
    kept = {trim.LVM: Answer(0, "issue_discards=1\nscan_lvs=0\n")}
    assert plan(trim_disks, changes=kept).losses == ()
    fresh = {trim.LVM: Answer(0, "issue_discards=0\nscan_lvs=0\n")}
    assert plan(trim_disks, changes=fresh).losses == ()


def test_a_timer_that_is_off_is_enabled():
    """The weekly run needs its timer, now and at each start."""
    show = services.commands(trim.TIMER)[1]
    off = {
        show: Answer(0, "Id=fstrim.timer\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n")
    }
    assert [a.title for a in plan(trim_disks, changes=off).actions] == [
        "run systemctl enable --now fstrim.timer"
    ]
    assert ("fail", "fstrim.timer does not start at boot") in check(trim_disks, changes=off)


@pytest.mark.parametrize(
    ("step", "unit", "way"),
    [
        (trim_disks, "fstrim.timer", "configuration.trim.weekly: false"),
        (set_clock, "systemd-timesyncd.service", "configuration.clock.synchronise: keep"),
        (close_ports, "nftables.service", "kind: keep"),
    ],
)
def test_what_its_owner_masked_is_not_enabled(step, unit, way):
    """systemd would refuse in the middle of the run; both ways on are told."""
    asked = params(firewall={"kind": "ssh-only"})
    show = next(a for a in step.asks(asked) if a.key.startswith("systemctl show") and unit in a.key)
    masked = f"\n\nId={unit}\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
    changes = {show: Answer(0, BEFORE[show.key].out + masked)}
    (found,) = plan(step, asked, machine=BEFORE, changes=changes).stops
    assert (found.level, found.what) == ("refuse", f"{unit} is masked on this host")
    assert f"systemctl unmask {unit}" in found.do
    assert way in found.do


@pytest.mark.parametrize(
    ("active", "enabled", "undo"),
    [
        ("inactive", "disabled", "disable --now fstrim.timer"),
        ("active", "disabled", "disable fstrim.timer"),
        ("inactive", "enabled", "stop fstrim.timer"),
    ],
)
def test_the_way_back_of_a_timer_switches_off_only_what_was_off(active, enabled, undo):
    """A timer that ran, or started at boot, still does so when the step is taken back."""
    state = f"Id=fstrim.timer\nLoadState=loaded\nActiveState={active}\nUnitFileState={enabled}\n"
    planned = plan(trim_disks, changes={services.commands(trim.TIMER)[1]: Answer(0, state)})
    assert planned.actions[0].undo == ("systemctl", *undo.split())


def test_the_way_back_of_the_packet_filter_does_not_load_what_was_not_in_force():
    """Debian's own file would flush every table: the old rules come back only if they were the runbook's."""
    switch = close_ports._switch(PARAMS)
    back = switch.inverse(Facts({Ask.read(switch.path): Answer(0, "#!/usr/sbin/nft -f\nflush ruleset\n")}))
    assert (back.enter, back.leave) == (switch.back, switch.leave)


def test_the_rights_of_a_folder_of_keys_come_back():
    """A folder that others could write to is as it was when the step is taken back."""
    there = Answer(0, "775 ana:users d /home/ana/.ssh\n600 ana:ana f /home/ana/.ssh/authorized_keys\n")
    ask = next(a for a in add_users.asks(PARAMS) if a.key.startswith("find /home/ana/.ssh"))
    make = plan(add_users, changes={ask: there}).actions[0]
    assert make.undo == ("install", "-d", "-m", "0775", "-o", "ana", "-g", "users", "/home/ana/.ssh")


def test_an_unknown_zone_is_refused():
    """A zone that this host has no file of is not set."""
    asked = params(clock={"zone": "Asia/Tokyo"})
    new = {ask: Answer(1) for ask in set_clock.asks(asked) if ask.key not in AFTER}
    assert stops(set_clock, asked, changes=new) == [("refuse", "The host knows no time zone Asia/Tokyo")]


def test_two_keepers_of_one_clock_are_warned_of():
    """chrony beside timesyncd is seen."""
    ask = next(a for a in set_clock.asks(PARAMS) if a.key.startswith("systemctl show"))
    both = (
        AFTER[ask.key].out
        + "\nId=chrony.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
    )
    assert ("warn", "chrony.service also keeps the clock") in check(set_clock, changes={ask: Answer(0, both)})


def test_a_umask_that_pam_is_told_itself_counts():
    """The module takes its own word before the file's (pam_umask(8))."""
    line = "session optional\t\t\tpam_umask.so umask=077\n"
    assert check(set_umask, changes={Ask.read("/etc/pam.d/common-session"): Answer(0, line)}) == [
        ("fail", "/etc/pam.d/common-session tells pam_umask umask=077")
    ]


def test_pam_is_told_where_it_does_not_read_the_umask():
    """Debian 12 has no pam_umask in its sessions; the line comes in a marked section, once (H312)."""
    text = "session\toptional\tpam_systemd.so\n"
    ask = next(a for a in set_umask.asks(PARAMS) if "pam.d" in a.key)
    action = plan(set_umask, changes={ask: Answer(0, text)}).actions[0]
    assert action.content.startswith(text)
    assert plan(set_umask, changes={ask: Answer(0, action.content)}).actions == ()
    assert check(set_umask, changes={ask: Answer(0, text)}) == [
        ("fail", "/etc/pam.d/common-session has no pam_umask")
    ]


def test_a_file_that_adds_to_the_updates_is_seen():
    """apt adds lists up: one more origin in a later file is a fault."""
    more = AFTER[apt_settings._DUMP.key].out + "Unattended-Upgrade::Origins-Pattern:: origin=Other\n"
    assert check(schedule_updates, changes={apt_settings._DUMP: Answer(0, more)}) == [
        ("fail", "apt's setting Unattended-Upgrade::Origins-Pattern is not as asked")
    ]


def test_a_host_that_restarted_by_itself_is_told_that_it_will_not():
    """Its owner counted on it; with guests on it that is over."""
    dump = apt_settings._DUMP
    for value, told in (("true", True), ("1", True), ("false", False)):
        changes = {dump: Answer(0, f"{BEFORE[dump.key].out}Unattended-Upgrade::Automatic-Reboot {value}\n")}
        found = [f.what for f in plan(schedule_updates, machine=BEFORE, changes=changes).findings]
        assert ("This host will not restart by itself after an update any more" in found) is told


def test_names_that_cloud_init_writes_anew_are_told():
    """They would hold until the next start alone."""
    text = "# Your system has configured 'manage_etc_hosts' as True.\n127.0.1.1 old.lan old\n127.0.0.1 localhost\n"
    changes = {Ask.read("/etc/hosts"): Answer(0, text)}
    found = plan(set_names, machine=BEFORE, changes=changes).findings
    assert [(f.level, f.what.partition(" anew")[0]) for f in found] == [
        ("warn", "cloud-init writes /etc/hosts")
    ]
    assert plan(set_names, machine=BEFORE).findings == ()


def test_keys_and_groups_of_an_account_stay():
    """A second key and another group are left alone; a missing key and group are added."""
    keys = next(a for a in add_users.asks(PARAMS) if a.kind == "read")
    group = {accounts._GROUPS: Answer(0, "sudo:x:27:\nadm:x:4:ana\ndialout:x:20:ana\n")}
    usermod, write = plan(add_users, changes=group | {keys: Answer(0, "ssh-rsa AAAAother me\n")}).actions
    assert usermod.argv == ("usermod", "--append", "--groups", "sudo", "ana")
    assert usermod.undo[:2] == ("sh", "-ec")
    assert usermod.undo[2].endswith("|| gpasswd --delete ana sudo")  # unless that was done by hand already
    assert write.content.startswith("ssh-rsa AAAAother me\nssh-ed25519 ")
    assert (write.mode, write.owner) == ("0600", "ana:ana")


def test_a_service_account_is_not_taken_over():
    """A name that belongs to the system is refused, and so is a group that does not exist."""
    asks = add_users.asks(PARAMS)
    system = {asks[0]: Answer(0, "ana:x:33:33:x:/var/www:/usr/sbin/nologin\n")}
    assert stops(add_users, changes=system) == [("refuse", "ana is no person's account of this runbook")]
    none = {accounts._GROUPS: Answer(0, "adm:x:4:\n")}
    assert stops(add_users, changes=none) == [("wait", "There is no group sudo")]
    none = {accounts._GROUPS: Answer(0, "sudo:x:27:\n")}
    assert stops(add_users, changes=none) == [("refuse", "There is no group adm")]


SSHD = BEFORE["/usr/sbin/sshd -T"].out


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({ssh_server._KEYS: Answer(1, "0\n")}, "No key may log in as root"),
        (
            {ssh_server._EFFECTIVE: Answer(0, SSHD.replace("pubkeyauthentication yes", "pubkeyauthentication no"))},
            "The ssh server takes no keys",
        ),
        (
            {ssh_server._EFFECTIVE: Answer(0, SSHD.replace("permitrootlogin without-password", "permitrootlogin no"))},
            "The ssh server says that root may not log in at all, and this session is root's",
        ),
        (
            {ssh_server._EFFECTIVE: Answer(255, "", "/etc/ssh/sshd_config: line 3: Bad configuration option: Prot\n")},
            "The ssh server does not accept its own configuration",
        ),
    ],
)  # fmt: skip
def test_nobody_is_locked_out(changes, what):
    """Passwords are not taken away from a host on which the keys would not do."""
    assert stops(require_ssh_keys, machine=BEFORE, changes=changes) == [("refuse", what)]


OURS = ssh_server.DROP_IN


def sshd_reads(*files):
    """Return the answer that these files of sshd's are, each a name with its lines."""
    rows = ((f"/etc/ssh/{name}", lines.splitlines()) for name, lines in files)
    return {
        ssh_server._FILES: Answer(0, "".join(f"{path}:{line}\n" for path, lines in rows for line in lines))
    }


INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ([("sshd_config", "UsePAM yes\n#" + INCLUDE)], f"The ssh server does not read {OURS}"),
        ([("sshd_config", "Match User ana\n  X11Forwarding no\n" + INCLUDE)], f"The ssh server does not read {OURS}"),
        (
            [("sshd_config", "PasswordAuthentication Yes\n" + INCLUDE)],
            "The ssh server reads passwordauthentication Yes in /etc/ssh/sshd_config before ours",
        ),
        (
            [("sshd_config", INCLUDE), ("sshd_config.d/01-lan.conf", "PasswordAuthentication yes\n")],
            "The ssh server reads passwordauthentication yes in /etc/ssh/sshd_config.d/01-lan.conf before ours",
        ),
        ([("sshd_config", INCLUDE + "PasswordAuthentication yes\n")], ""),
        ([("sshd_config", "include sshd_config.d/*\n"), ("sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n")], ""),
        ([("sshd_config", INCLUDE), ("sshd_config.d/01-sftp.conf", "Match Group sftp\n  PasswordAuthentication no\n")], ""),
    ],
)  # fmt: skip
def test_a_file_that_sshd_does_not_read_first_is_not_written(files, what):
    """What stands before ours goes on to count: it is named beforehand, with the file that it is in."""
    found = stops(require_ssh_keys, machine=BEFORE, changes=sshd_reads(*files))
    assert found == ([("refuse", what)] if what else [])
    former = "/etc/ssh/sshd_config:ChallengeResponseAuthentication yes\n/etc/ssh/sshd_config:" + INCLUDE
    assert list(ssh_server.ahead(former)) == ["kbdinteractiveauthentication"]


def test_a_match_block_behind_an_empty_line_is_seen():
    """As in most files."""
    changes = sshd_reads(
        (
            "sshd_config",
            f"\n{INCLUDE}\n# for the scanner\n\nMatch User scan\n\n\tPasswordAuthentication yes\n",
        )
    )
    assert stops(require_ssh_keys, machine=BEFORE, changes=changes) == [
        ("refuse", "Passwords are taken by `Match User scan`")
    ]


def test_what_sshd_takes_in_from_elsewhere_is_told():
    """Nobody read it, so nobody says that it takes no passwords."""
    changes = sshd_reads(("sshd_config", INCLUDE + "Include /srv/ssh/*.conf\n"))
    (found,) = plan(require_ssh_keys, machine=BEFORE, changes=changes).findings
    assert (found.level, found.what) == ("warn", "sshd takes in /srv/ssh/*.conf, which was not read here")
    assert ("warn", found.what) in check(require_ssh_keys, changes=changes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("authorizedkeysfile", "/etc/ssh/keys/%u"),
        ("authorizedkeyscommand", "/usr/bin/sss_ssh_authorizedkeys"),
        ("trustedusercakeys", "/etc/ssh/user_ca.pub"),
    ],
)
def test_keys_that_lie_elsewhere_are_no_reason_to_write_one_into_a_home(key, value):
    """Nobody can count them: the new connection shows whether one lets its owner in."""
    none = next(a for a in require_ssh_keys.asks(PARAMS) if "authorized_keys" in a.key)
    told = BEFORE["/usr/sbin/sshd -T"].out
    other = "".join(line for line in told.splitlines(keepends=True) if not line.startswith(f"{key} "))
    changes = {none: Answer(1, "0\n"), ssh_server._EFFECTIVE: Answer(0, f"{other}{key} {value}\n")}
    (action,) = plan(require_ssh_keys, machine=BEFORE, changes=changes).actions
    assert "which key or certificate" in action.doubt
    assert stops(require_ssh_keys, machine=BEFORE, changes={none: Answer(1, "0\n")}) == [
        ("refuse", "No key may log in as root")
    ]


def test_a_match_block_may_say_yes_in_capitals():
    """sshd does not care (sshd_config(5))."""
    changes = sshd_reads(("sshd_config", INCLUDE + "Match User ana\n  passwordauthentication YES\n"))
    assert stops(require_ssh_keys, machine=BEFORE, changes=changes) == [
        ("refuse", "Passwords are taken by `Match User ana`")
    ]


def test_the_ssh_server_is_switched_with_a_way_back():
    """sshd checks the file first; there is no old file, so the way back removes the new one."""
    action = plan(require_ssh_keys, machine=BEFORE).actions[0]
    assert isinstance(action, Switch)
    assert "/etc/ssh/sshd_config | /usr/sbin/sshd -t" in action.check[2]
    assert action.is_new


@pytest.mark.parametrize("step", [require_ssh_keys, close_ports])
def test_an_unconfirmed_switch_is_done_again(step):
    """While the old file's copy is there, nobody confirmed the new one."""
    kept = next(ask for ask in step.asks(PARAMS) if ask.key.endswith(".xen-runbook-old"))
    assert [type(a) for a in plan(step, changes={kept: Answer(0, "old\n")}).actions] == [Switch]


LISTED = firewall.listed(close_ports.rules(PARAMS))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({LISTED: Answer(1, "", "Error: Operation not supported\n")}, "nft does not accept the rules"),
        (
            {"< /etc/nftables.conf": Answer(0, "table inet x {\n\tchain input {\n\t\ttcp dport 80 accept\n\t}\n}\n")},
            "/etc/nftables.conf has rules that are not ours",
        ),
        (
            {"printenv SSH_CONNECTION": Answer(0, "10.0.2.2 51234 10.0.2.15 2222\n")},
            "This session came in by port 2222, not 22",
        ),
        (
            {"/usr/sbin/sshd -T": Answer(0, SSHD.replace("port 22\n", "port 2222\n", 1))},
            "The ssh server listens on port 2222, not 22",
        ),
    ],
)  # fmt: skip
def test_the_door_is_not_closed_on_oneself(changes, what):
    """Rules of others, another port, or a kernel that cannot filter: refused beforehand."""
    found = {a: v for a in close_ports.asks(PARAMS) for k, v in changes.items() if k in (a, a.key)}
    assert ("refuse", what) in stops(close_ports, machine=BEFORE, changes=found)


def test_rules_of_somebody_beside_ours_are_not_replaced_either():
    """Our own table in the file says nothing of what else its owner wrote there."""
    ours = close_ports.rules(PARAMS)
    for more in ('include "/etc/nftables.d/*.nft"', "table ip nat {\n\tchain post {\n\t\tmasquerade\n\t}\n}"):
        for text in (f"{ours}\n{more}\n", f"{more}\n{ours}"):
            found = stops(close_ports, machine=BEFORE, changes={Ask.read(firewall.FILE): Answer(0, text)})
            assert found == [("refuse", "/etc/nftables.conf has rules that are not ours")]
    wider = close_ports.rules(params(firewall={"kind": "ssh-only", "open_tcp": [8443]}))
    assert stops(close_ports, machine=BEFORE, changes={Ask.read(firewall.FILE): Answer(0, wider)}) == []


@pytest.mark.parametrize(
    ("line", "through", "level", "what"),
    [
        ('tcp LISTEN 0 128 0.0.0.0:2022 0.0.0.0:* users:(("sshd",pid=9,fd=3))', "", "refuse",
         "The ssh server listens on port 2022 as well, which would be shut"),
        ('tcp LISTEN 0 9 *:2222 *:* users:(("dropbear",pid=9,fd=3))', "", "refuse", "The ssh server listens on port 2222 as well, which would be shut"),
        ('udp UNCONN 0 0 0.0.0.0:1194 0.0.0.0:* users:(("openvpn",pid=9,fd=6))', "tun0", "refuse",
         "This session came in through tun0, and UDP 1194 would be shut"),
        ('tcp LISTEN 0 9 0.0.0.0:443 0.0.0.0:* users:(("ocserv-main",pid=9,fd=6))', "vpns0", "refuse",
         "This session came in through vpns0, and TCP 443 would be shut"),
        ('udp UNCONN 0 0 0.0.0.0:1194 0.0.0.0:* users:(("openvpn",pid=9,fd=6))', "", "warn", "What listens now would be shut: udp 1194 (openvpn)"),
        ('udp UNCONN 0 0 0.0.0.0:41641 0.0.0.0:* users:(("tailscaled",pid=9,fd=6))', "tailscale0", "warn",
         "What listens now would be shut: udp 41641 (tailscaled)"),
        ('tcp LISTEN 0 9 0.0.0.0:8080 0.0.0.0:* users:(("docker-proxy",pid=9,fd=4))', "", "warn",
         "What containers publish stays open: tcp 8080 (docker-proxy)"),
        ('tcp LISTEN 0 9 [::ffff:127.0.0.1]:8005 *:* users:(("java",pid=9,fd=4))', "", "", ""),
    ],
)  # fmt: skip
def test_each_way_in_is_known_by_who_listens(line, through, level, what):
    """A second ssh server, and what carries the tunnel of this session, stay; what stays open whatever we do is told so."""
    rows = json.loads(BEFORE[listening._ADDR.key].out)
    tunnel = {
        "ifname": through,
        "link_type": "none",
        "addr_info": [{"family": "inet", "local": "10.8.0.1", "prefixlen": 24}],
    }
    changes = {listening._SOCKETS: Answer(0, f"{BEFORE[listening._SOCKETS.key].out}{line}\n")}
    if through:
        changes[listening._ADDR] = Answer(0, json.dumps([*rows, tunnel]))
        changes[listening._SESSION] = Answer(0, "10.8.0.2 51234 10.8.0.1 22\n")
    found = plan(close_ports, machine=BEFORE, changes=changes).findings
    assert [(f.level, f.what) for f in found] == ([(level, what)] if what else [])


def test_what_comes_without_a_port_is_told_of():
    """Tunnels of the kernel's that are up, IPsec by who negotiates its keys, and raw sockets: no rule for a port lets them in."""
    assert listening.RAW in close_ports.asks(PARAMS)
    rows = [
        {"ifname": "gre1", "link_type": "gre", "flags": ["UP"], "addr_info": []},
        {"ifname": "tunl0", "link_type": "ipip", "flags": ["NOARP"], "addr_info": []},
    ]
    facts = Facts(
        {
            listening._ADDR: Answer(0, json.dumps(rows)),
            listening._SESSION: Answer(1),
            listening._SOCKETS: Answer(
                0, 'udp UNCONN 0 0 0.0.0.0:500 0.0.0.0:* users:(("charon",pid=9,fd=6))'
            ),
            listening.RAW: Answer(0, 'UNCONN 0 0 0.0.0.0:112 0.0.0.0:* users:(("keepalived",pid=8,fd=9))'),
        }
    )
    server = ssh_server.SshServer({"port": ("22",)}, "", 1, "")
    found = ways_in.shut(params(firewall={"kind": "ssh-only"}), server, listening.parse(facts))
    assert [(f.level, f.what) for f in found][1:] == [
        (
            "warn",
            "What comes by protocols without ports would be shut: GRE (gre1), ESP (charon), VRRP (keepalived)",
        )
    ]


def test_a_dhcp_client_takes_what_has_ports():
    """The recorded host's takes UDP and ICMPv6 raw, as every one does: no protocol without ports is shut for it."""
    text = BEFORE[listening.RAW.key].out
    assert ":17 " in text
    assert "dhcpcd" in text
    assert list(listening.raw(text)) == []


def test_another_packet_filter_is_refused():
    """Two filters close what the other opens: one that has no words of its own, or whose words nobody could read."""
    for unit in ("netfilter-persistent", "shorewall", "ufw", "firewalld"):
        assert stops(close_ports, machine=BEFORE, changes=with_filter(unit)) == [
            ("refuse", f"{unit}.service also filters packets")
        ]


def with_filter(*units, **files):
    """Return the answers of a host on which these units run, and what ufw's files say."""
    ask = next(a for a in close_ports.asks(PARAMS) if a.key.startswith("systemctl show"))
    rows = [f"\nId={u}.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n" for u in units]
    said = dict(zip(ufw.COMMANDS, files.values(), strict=False))
    return {ask: Answer(0, BEFORE[ask.key].out + "".join(rows))} | {a: Answer(0, t) for a, t in said.items()}


ON, DROPS = "ENABLED=yes\n", 'DEFAULT_INPUT_POLICY="DROP"\n'
SSH_RULE = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"


def test_ufw_that_is_switched_off_filters_nothing():
    """Debian starts its unit on every host that has the package: our own rules are put in force then."""
    off = with_filter("ufw", conf="ENABLED=no\n", defaults=DROPS, rules="")
    assert isinstance(plan(close_ports, machine=BEFORE, changes=off).actions[0], Switch)
    assert stops(close_ports, machine=BEFORE, changes=off) == []


@pytest.mark.parametrize(("rules", "told"), [
    ("", [("ufw", "allow", "22/tcp")]),
    (SSH_RULE, []),
    (SSH_RULE.replace("any 0.0.0.0/0 in", "any 192.168.1.0/24 in"), []),
    (SSH_RULE.replace("allow tcp", "limit tcp").replace(" in", " OpenSSH - in"), []),
    (SSH_RULE.replace("allow", "deny"), [("ufw", "allow", "22/tcp")]),
    (SSH_RULE.replace(" 22 ", " 20:25 "), []),
    (SSH_RULE.replace(" in\n", " in_eno1 comment=73736820696e\n"), [("ufw", "allow", "22/tcp")]),
])  # fmt: skip
def test_ufw_is_told_in_its_own_words_and_nothing_is_made_wider(rules, told):
    """What a rule is about already, were it for some senders alone, is left; no rules of ours stand beside ufw's."""
    on = with_filter("ufw", conf=ON, defaults=DROPS, rules=rules)
    planned = plan(close_ports, machine=BEFORE, changes=on)
    assert [a.argv for a in planned.actions] == told
    assert planned.stops == ()
    assert [a.undo for a in planned.actions] == [("ufw", "delete", *words[1:]) for words in told]
    assert [level for level, _ in check(close_ports, machine=BEFORE, changes=on)] == ["fail"] * len(told)


def test_a_filter_that_lets_in_what_no_rule_is_about_is_refused():
    """It would close nothing; the move is its own word for that."""
    wide = with_filter("ufw", conf=ON, defaults=DROPS.replace("DROP", "ACCEPT"), rules=SSH_RULE)
    assert stops(close_ports, machine=BEFORE, changes=wide) == [
        ("refuse", "ufw lets in what no rule of it is about")
    ]
    zone = "default public\ntarget public ACCEPT\nnow public 22/tcp\nkept public 22/tcp\n"
    open_zone = with_filter("firewalld") | {firewalld.OPEN: Answer(0, zone)}
    assert stops(close_ports, machine=BEFORE, changes=open_zone) == [
        ("refuse", "firewalld lets in what no rule of it is about")
    ]
    closed = with_filter("firewalld") | {firewalld.OPEN: Answer(0, zone.replace("ACCEPT", "default"))}
    assert plan(close_ports, machine=BEFORE, changes=closed).actions == ()
    assert check(close_ports, machine=BEFORE, changes=closed) == []


ZONES = "default public\ntarget public default\nnow public 22/tcp\nkept public 22/tcp\n"


def test_a_card_in_a_zone_that_accepts_all_is_open_whatever_the_default_one_says():
    """It need not be the default zone; what another program has there, or a tunnel that its owner trusts, is no way in."""
    trusted = f"{ZONES}target trusted ACCEPT\nbound trusted wg0\nbound docker docker0\ntarget docker ACCEPT\n"
    quiet = with_filter("firewalld") | {firewalld.OPEN: Answer(0, trusted)}
    assert stops(close_ports, machine=BEFORE, changes=quiet) == []
    wide = quiet | {firewalld.OPEN: Answer(0, f"{trusted}bound trusted eno1 card\n")}
    what = "firewalld lets in all that comes by eno1: its zone trusted accepts what no rule is about"
    assert stops(close_ports, machine=BEFORE, changes=wide) == [("refuse", what)]
    assert check(close_ports, machine=BEFORE, changes=wide) == [("refuse", what)]
    (found,) = plan(close_ports, machine=BEFORE, changes=wide).stops
    assert found.do.startswith(
        "run `firewall-cmd --permanent --zone=public --change-interface=eno1` and the same without `--permanent`"
    )


def test_the_move_that_closes_all_lets_ssh_in_first():
    """Nothing was done yet when it is refused: without the port, who carried the move out would be shut out."""
    wide = with_filter("ufw", conf=ON, defaults=DROPS.replace("DROP", "ACCEPT"), rules="")
    (found,) = plan(close_ports, machine=BEFORE, changes=wide).stops
    assert found.do.startswith("run `ufw allow 22/tcp; ufw default deny incoming`")
    zone = with_filter("firewalld") | {firewalld.OPEN: Answer(0, "default trusted\ntarget trusted ACCEPT\n")}
    (found,) = plan(close_ports, machine=BEFORE, changes=zone).stops
    assert found.do.startswith(
        "run `firewall-cmd --permanent --zone=trusted --add-port=22/tcp; firewall-cmd --permanent --zone=trusted "
        "--set-target=default; firewall-cmd --reload`"
    )


def with_guests(rules="", zones=ZONES):
    """Return what ufw and firewalld are told where a bridge has its way out by the host, of its ports alone."""
    asked = like_testbed(
        network={"bridges": [{"name": "xenbr0", "ipv4": "192.168.150.1/24", "nat": True}]},
        configuration={"firewall": {"kind": "ssh-only"}},
        guests=[],
        management={},
    )
    said = {
        ask: Answer(0, text) for ask, text in zip(ufw.COMMANDS, (ON, DROPS, rules + SSH_RULE), strict=True)
    }
    facts = Facts(
        {**dict.fromkeys(close_ports.asks(asked), Answer(0)), **said, firewalld.OPEN: Answer(0, zones)}
    )
    return [
        [" ".join(a.argv) for a in own_filters.plan(name, asked, facts).actions]
        for name in ("ufw", "firewalld")
    ]


def test_a_rule_for_some_senders_does_not_let_guests_ask():
    """They ask from their own network, and for an address from none at all: the rule is for somebody else."""
    told, _ = with_guests()
    assert told == [
        "ufw allow in on xenbr0 to any port 67 proto udp",
        "ufw allow in on xenbr0 to any port 53",
    ]
    rule = "### tuple ### allow any 53,67 {} any {} in\n"
    for to, sender in (("0.0.0.0/0", "192.168.1.0/24"), ("10.0.0.5", "0.0.0.0/0")):
        assert with_guests(rule.format(to, sender))[0] == told
    assert with_guests(rule.replace(" any {}", " 1024 {}").format("0.0.0.0/0", "0.0.0.0/0"))[0] == told
    assert with_guests(rule.format("0.0.0.0/0", "0.0.0.0/0"))[0] == []


def test_a_zone_that_does_not_rule_the_bridge_does_not_let_guests_ask():
    """Neither does a rich rule for some senders; a zone that accepts all needs no word."""
    ports = ("67/udp", "53/udp", "53/tcp")
    _, told = with_guests()
    assert told == [
        f"firewall-cmd {how}--zone=public --add-port={p}" for p in ports for how in ("", "--permanent ")
    ]
    for kind in ("now", "kept"):
        elsewhere = f"{kind} home 67/udp 53/udp 53/tcp\n"
        rich = (
            f'rich-{kind} public rule family="ipv4" source address="10.0.0.0/8" service name="dns" accept\n'
        )
        assert with_guests(zones=f"{ZONES}{elsewhere}{rich}")[1] == told
    bound = f"{ZONES}bound home xenbr0\n"
    assert with_guests(zones=bound)[1] == [line.replace("public", "home") for line in told]
    assert (
        with_guests(zones=f"{bound}now home 67/udp 53/udp 53/tcp\nkept home 67/udp 53/udp 53/tcp\n")[1] == []
    )
    assert with_guests(zones=f"{ZONES}bound trusted xenbr0\ntarget trusted ACCEPT\n")[1] == []
    rich = 'rich-{} public rule service name="{}" accept limit value="9/s"\n'
    both = "".join(rich.format(kind, name) for kind in ("now", "kept") for name in ("dns", "dhcp"))
    assert with_guests(zones=f"{ZONES}{both}")[1] == []


def test_rules_that_were_flushed_come_back():
    """A right file that is not in force is put in force, and the check had seen it."""
    flushed = {firewall._NOW: Answer(1, "", "Error: No such file or directory\n")}
    assert [type(a) for a in plan(close_ports, changes=flushed).actions] == [Switch]
    assert check(close_ports, changes=flushed) == [("fail", "The rules in force are not those asked for")]


def test_more_ports_can_be_opened():
    """Ports of the parameters stand beside ssh's; guests' traffic meets no rule at all."""
    text = close_ports.rules(params(firewall={"kind": "ssh-only", "open_tcp": [5900], "open_udp": [5353]}))
    assert "tcp dport { 22, 5900 } accept" in text
    assert "udp dport { 5353 } accept" in text
    assert "hook forward" not in text


def test_match_blocks_stay_and_each_way_on_leads_on():
    """With `keep` nobody asks; a block that takes no passwords stands in nobody's way; one that does is left once it says no."""
    blocks = INCLUDE + "Match Address 10.0.0.0/8\n    PasswordAuthentication {}\n"
    taking, not_taking = (sshd_reads(("sshd_config", blocks.format(word))) for word in ("yes", "no"))
    (found,) = plan(require_ssh_keys, machine=BEFORE, changes=taking).stops
    assert "take what says yes to passwords out of that block" in found.do
    assert "or set `configuration.ssh: keep`" in found.do
    assert [type(a) for a in plan(require_ssh_keys, machine=BEFORE, changes=not_taking).actions] == [Switch]
    assert plan(require_ssh_keys, machine=BEFORE, changes=not_taking).stops == ()
    assert plan(require_ssh_keys, params(ssh="keep"), machine=BEFORE).actions == ()


def test_ways_back():
    """A switch is undone by the old file, or by removing the new one and putting the rest in force."""
    switch = Switch("ssh", "/x", "new\n", enter="load", leave="stop")
    from runbook.model.ask import Ask

    old = Facts({Ask.read("/x"): Answer(0, "old\n")})
    assert switch.inverse(old) == Switch("ssh", "/x", "old\n", enter="load", leave="stop")
    undo = switch.inverse(Facts({Ask.read("/x"): Answer(MISSING)}))
    assert undo.argv == ("sh", "-c", "stop; rm -f -- /x; load")


def test_edits_are_made_once():
    """Of several lines that say the same, one stays; a section replaces itself and can go."""
    assert edits.with_line("LANG=a\nLC=b\nLANG=c\n", r"LANG=.*", "LANG=x") == "LANG=x\nLC=b\n"
    once = edits.with_section("a", "b\n")
    assert edits.with_section(once, "c\n") == once.replace("b\n", "c\n")


@pytest.mark.parametrize("step", chapter.STEPS, ids=name_of)
def test_actions_have_inverses(step):
    """What the chapter does can be undone, or names no way back on purpose."""
    read = facts(step, machine=BEFORE)
    for action in step.plan(PARAMS, read).actions:
        assert isinstance(action.inverse(read), Run | WriteFile | Remove | Switch | type(None))
