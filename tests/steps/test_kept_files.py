"""Keep or refuse for every file that is not the network's: what was in force before a step is in force after it.

What is in force is read by the program that reads it where it is here (a shell, apt-config), else by a reader of the
test's own. What the parameters themselves ask for is left out, and nothing else is.
"""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runbook.facts import apt_settings, firewall
from runbook.steps.debian_configuration import (
    add_firmware_component,
    add_users,
    generate_locales,
    schedule_updates,
    set_names,
    set_umask,
    trim_disks,
)
from runbook.steps.shared import boot_menu, edits, hidden_by_hand, owners_words
from runbook.steps.xen_configuration import stop_saving_guests
from tests.steps.machine import Machine, like_testbed

STEPS = Path(__file__).parents[2] / "runbook" / "steps"
PARAMS = like_testbed()
OWN, NEW_SYSTEM = "own", "of a system that it installs"
NETWORK = (
    "test_kept_network, test_kept_networkd, test_kept_netplan, test_kept_netplan_nm, test_network_manager"
)
WRITERS = {
    "debian_configuration/add_firmware_component": "test_package_sources",
    "debian_configuration/add_users": "test_keys_of_people",
    "debian_configuration/close_ports": "test_rules_of_somebody_are_never_replaced",
    "debian_configuration/generate_locales": "test_locales",
    "debian_configuration/require_ssh_keys": OWN,  # a drop-in; sshd itself is asked of the whole, before and afterwards
    "debian_configuration/schedule_updates": "test_what_is_held_back_from_upgrades",
    "debian_configuration/set_names": "test_names_of_addresses",
    "debian_configuration/set_umask": "test_logins",
    "debian_configuration/trim_disks": "test_a_section_of_ours_leaves_all_else_as_it_is",
    "debian_installation/configure_base": NEW_SYSTEM,
    "debian_installation/install_base": NEW_SYSTEM,
    "debian_installation/install_boot_loader": NEW_SYSTEM,
    "debian_installation/install_system": NEW_SYSTEM,
    "guests/install_systems": OWN,
    "guests/prove_passthrough": OWN,
    "guests/write_guest_configs": OWN,  # files by hand are taken in, or the plan names them: tests/steps/test_kept_guests.py
    "introduction/keep_survey": OWN,
    "kernel/install_kernel": OWN,
    "management/expire_backups": OWN,
    "management/schedule_backups": OWN,
    "shared/clean_ends": OWN,
    "shared/kept_pair": OWN,
    "upgrades/install_updates": OWN,
    "shared/mount_marks": OWN,
    "shared/writers/ifupdown": NETWORK,
    "shared/writers/netplan": NETWORK,
    "shared/writers/network_manager": NETWORK,
    "shared/writers/networkd": NETWORK,
    "shared/xen_present": OWN,
    "xen_configuration/allow_xl_by_sudo": OWN,
    "xen_configuration/configure_bridges": NETWORK,
    "xen_configuration/enable_services": OWN,
    "xen_configuration/end_guests_cleanly": OWN,
    "xen_configuration/hide_devices": "test_modules_of_the_initial_ram_disk",
    "xen_configuration/lead_guests_out": OWN,
    "xen_configuration/pass_bridged_packets": OWN,
    "xen_configuration/set_boot_menu": "test_words_of_the_boot_menu",
    "xen_configuration/stop_saving_guests": "test_settings_of_xendomains",
}
"""Each module that writes a file, with the test of what it keeps; `own` are files that nobody else writes."""


def test_every_step_that_writes_a_file_is_in_the_table():
    """A new one says whose its file is; one that changes a file of others names the test that holds it."""
    found = set()
    for path in STEPS.rglob("*.py"):
        calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
        names = {getattr(call.func, "id", "") for call in calls}
        if names & {"WriteFile", "NetworkFile", "Switch", "ReplaceNetwork"}:
            found.add(str(path.relative_to(STEPS).with_suffix("")))
    assert sorted(found) == sorted(WRITERS)
    tests = {name for name in globals() if name.startswith("test_")}
    assert {
        t for t in WRITERS.values() if t.startswith("test_") and " " not in t and t not in NETWORK
    } <= tests


ODD = st.sampled_from(
    ["", " ", "\t", "# a comment", "#", "# a\x0cUMASK 077", "# é\u2028LANG=C", "   # indented"]
)


def files_of(*lines):
    """Return files of such lines among comments and blanks, with a line feed at the end or without."""
    one = st.one_of(ODD, *(st.sampled_from(each) if isinstance(each, list) else each for each in lines))
    return st.tuples(st.lists(one, max_size=7), st.booleans()).map(
        lambda found: "\n".join(found[0]) + ("\n" if found[1] and found[0] else "")
    )


def plain(text):
    """Return the lines that are no comments, as words."""
    return [line.split() for line in text.split("\n") if line.split() and not line.split()[0].startswith("#")]


def remarks(text):
    return [line for line in text.split("\n") if line.strip().startswith("#")]


NAMES = ["127.0.0.1\tlocalhost", "127.0.1.1 nas.lan nas git", "127.0.1.1\tgit # the forge", "10.0.0.5 nas.lan nas  # by cable",
         "::1 ip6-localhost", "127.0.1.1\ttestbed.old testbed", "10.0.0.7 testbed.lan testbed", "127.0.1.1"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(files_of(NAMES))
def test_names_of_addresses(text):
    """Every name goes on leading to its address, but for the host's own: those with which Debian's line begins."""
    new = set_names.hosts(PARAMS, text)
    before = {(row[0], name) for row in map(_uncommented, plain(text)) for name in row[1:]}
    after = {(row[0], name) for row in map(_uncommented, plain(new)) for name in row[1:]}
    first = next((_uncommented(row) for row in plain(text) if row[0] == "127.0.1.1"), [])
    own = [
        PARAMS.host,
        *(first[2:3] if first[1:2] and first[1].startswith(f"{''.join(first[2:3])}.") else ()),
    ]
    lost = {name for _, name in before - after}
    assert {
        name for name in lost if not any(name == one or name.startswith(f"{one}.") for one in own)
    } == set()
    assert remarks(text) == remarks(new)
    assert [w.partition("#")[2] for w in text.split("\n") if w.partition("#")[2]] == [
        w.partition("#")[2] for w in new.split("\n") if w.partition("#")[2]
    ]
    assert set_names.hosts(PARAMS, new) == new


def _uncommented(row):
    return row[: next((i for i, word in enumerate(row) if word.startswith("#")), len(row))]


SOURCES = [
    "deb http://deb.example/debian trixie main contrib # ours",
    "deb [arch=amd64 signed-by=/k.gpg] https://dl.example/php/ trixie main",
    "deb-src http://deb.example/debian trixie main", "deb http://deb.example/debian-security trixie-security main non-free-firmware",
    "#deb http://deb.example/debian trixie main", "deb cdrom:[Debian]/ trixie main",
]  # fmt: skip
STANZAS = ["Types: deb", "URIs: http://deb.example/debian", "Suites: trixie trixie-updates", "Components: main", "Components: main\n contrib",
           "Components: main\n# not this\n non-free", "Signed-By: /k.gpg", "Enabled: no", "\n", "URIs: https://dl.example/php/"]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        files_of(SOURCES),
        st.lists(st.sampled_from(STANZAS), max_size=9).map(lambda found: "\n".join(found) + "\n"),
    )
)
def test_package_sources(text):
    """Only one word is added, at ends of lines that offered `main`; all else stays to the byte."""
    new = add_firmware_component.with_component(text, "trixie")
    assert new.replace(f" {add_firmware_component.COMPONENT}", "") == text.replace(
        f" {add_firmware_component.COMPONENT}", ""
    )
    assert "php/ trixie main non-free" not in new
    assert remarks(text) == remarks(new)
    assert add_firmware_component.with_component(new, "trixie") == new


DEFS = [
    "UMASK\t\t022",
    "  UMASK 077",
    "#UMASK 077",
    "PASS_MAX_DAYS 90",
    "ENCRYPT_METHOD YESCRYPT",
    "UMASKED yes",
]
PAM = [
    "session required pam_unix.so",
    "session optional pam_umask.so umask=027",
    "session [default=1] pam_permit.so",
    "@include other",
]


@settings(max_examples=150, deadline=None)
@given(files_of(DEFS), files_of(PAM))
def test_logins(defs, pam):
    """Of login.defs only the one value changes, of PAM's stack nothing goes and nothing moves."""
    machine = Machine(files={set_umask._DEFS: defs, set_umask._PAM: pam})
    params = like_testbed(configuration={"umask": "002"})
    for action in set_umask.plan(params, machine.facts(set_umask.asks(params))).actions:
        machine.files[action.path] = action.content
    new_defs, new_pam = machine.files[set_umask._DEFS], machine.files[set_umask._PAM]
    kept = [row for row in plain(new_defs) if row[0] != "UMASK"]
    assert kept == [row for row in plain(defs) if row[0] != "UMASK"]
    assert remarks(defs) == remarks(new_defs)
    assert plain(new_pam)[: len(plain(pam))] == plain(pam)
    assert len(plain(new_pam)) <= len(plain(pam)) + 1


KEYS = [
    "ssh-ed25519 AAAAC3Nz me@home",
    'from="10.0.0.*",command="borg serve" ssh-rsa AAAAB3Nz backup',
    "# old: ssh-rsa AAAAB4",
    "ssh-rsa AAAAB4",
]


@settings(max_examples=150, deadline=None)
@given(files_of(KEYS), st.lists(st.sampled_from(["ssh-ed25519 AAAAC3Nz x", "ssh-rsa AAAAB9"]), max_size=2))
def test_keys_of_people(text, keys):
    """Every key that let somebody in does so afterwards, with what it was bound to."""
    new = add_users.with_keys(text, tuple(keys))
    assert new.split("\n")[: len(edits.lines_of(text))] == edits.lines_of(text)
    assert add_users.with_keys(new, tuple(keys)) == new


LOCALES = [
    "de_DE.UTF-8 UTF-8",
    "# en_GB.UTF-8 UTF-8",
    "en_GB ISO-8859-1",
    "#fr_FR@euro ISO-8859-15",
    "C.UTF-8 UTF-8",
]


@settings(max_examples=150, deadline=None)
@given(files_of(LOCALES))
def test_locales(text):
    """Every language that is made goes on being made, and so is the one that is asked for."""
    new = generate_locales.listed(text, ("en_GB.UTF-8", "de_DE.UTF-8"))
    assert {tuple(row) for row in plain(text)} <= {tuple(row) for row in plain(new)}
    assert [r for r in remarks(text) if "en_GB.UTF-8" not in r] == [
        r for r in remarks(new) if "en_GB.UTF-8" not in r
    ]
    assert {("en_GB.UTF-8", "UTF-8"), ("de_DE.UTF-8", "UTF-8")} <= {tuple(row) for row in plain(new)}


@settings(max_examples=150, deadline=None)
@given(files_of(["devices {", '\tfilter = [ "a|.*|" ]', "}", "global { use_lvmlockd = 0 }"]))
def test_a_section_of_ours_leaves_all_else_as_it_is(text):
    """lvmlocal.conf, and whatever else gets a marked section: without it the file is as it was."""
    new = edits.with_section(text, trim_disks._section(PARAMS))
    rest = edits.with_section(new, "")
    assert rest.rstrip("\n") == text.rstrip("\n")
    assert edits.with_section(new, trim_disks._section(PARAMS)) == new


MODULES = ["raid1", "xen-pciback", "xen_pciback hide=(0000:01:00.0)", "  vfio_pci ids=10de:1c82 # kvm", "aes"]


@settings(max_examples=150, deadline=None)
@given(files_of(MODULES), st.booleans())
def test_modules_of_the_initial_ram_disk(text, wanted):
    """Only the line of xen-pciback comes and goes."""
    new = hidden_by_hand.early(text, wanted=wanted)
    assert [row for row in plain(new) if row[0].replace("_", "-") != "xen-pciback"] == [
        row for row in plain(text) if row[0].replace("_", "-") != "xen-pciback"
    ]
    assert remarks(text) == remarks(new)
    assert wanted == any(row[0].replace("_", "-") == "xen-pciback" for row in plain(new))


RULES = ["tcp dport 22 accept", 'include "/etc/nftables.d/*.nft"', "define LAN = 10.0.0.0/8", "policy drop;", "delete table inet own",
         "type filter hook input priority filter; policy drop;", "elements = { 10.0.0.1 }", "chain input { tcp dport 22 accept; }"]  # fmt: skip
SHIPPED = "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RULES), st.integers(0, 9), st.sampled_from(["", "  ", "\t\t"]))
def test_rules_of_somebody_are_never_replaced(rule, place, indent):
    """nftables.conf with one line more than Debian ships has an owner: closing ports refuses there."""
    lines = SHIPPED.split("\n")
    assert not firewall.has_rules(SHIPPED)
    assert firewall.has_rules("\n".join([*lines[:place], indent + rule, *lines[place:]]))


def variables(script, names):
    """Return what a shell that read a script has in some variables."""
    shown = "".join(f'; printf "%s\\0" "${{{name}-UNSET}}"' for name in names)
    ran = subprocess.run(["sh", "-c", f"{script}\n:{shown}"], capture_output=True, text=True, check=False)
    return dict(zip(names, ran.stdout.split("\0"), strict=False)) if not ran.stderr else None


XENDOMAINS = ["XENDOMAINS_SAVE=/var/lib/xen/save", "export XENDOMAINS_RESTORE=true # after a crash", 'XENDOMAINS_AUTO="/etc/xen/auto"',
              "XENDOMAINS_SAVE='a b'; XENDOMAINS_STOP_MAXWAIT=600", "XENDOMAINS_RESTORE=", "  XENDOMAINS_SYSRQ=s", 'XENDOMAINS_SAVE="a\\"b" && X=1']  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(files_of(XENDOMAINS))
def test_settings_of_xendomains(text):
    """A real shell finds the two settings empty and all others as they were."""
    names = ("XENDOMAINS_AUTO", "XENDOMAINS_STOP_MAXWAIT", "XENDOMAINS_SYSRQ", "X", *stop_saving_guests.KEYS)
    new = stop_saving_guests.emptied(text)
    before, after = variables(text, names), variables(new, names)
    assume(before is not None)
    assert after == before | dict.fromkeys(stop_saving_guests.KEYS, "")
    assert remarks(text) == remarks(new)
    assert not any(stop_saving_guests._values(new).get(key) for key in stop_saving_guests.KEYS)
    assert stop_saving_guests.emptied(new) == new


GRUB = ["GRUB_TIMEOUT=5", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"', "GRUB_CMDLINE_LINUX='net.ifnames=0'", "GRUB_CMDLINE_XEN=com2=9600",
        'export GRUB_CMDLINE_XEN_DEFAULT="loglvl=all console=com2,vga"', 'GRUB_CMDLINE_LINUX_XEN_REPLACE="earlyprintk=xen"',
        "GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT='a=1 b=2'", "GRUB_DISABLE_OS_PROBER=false", 'GRUB_CMDLINE_XEN="$GRUB_CMDLINE_XEN spec-ctrl=no"',
        'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX iommu=pt"']  # fmt: skip
XEN = ("GRUB_CMDLINE_XEN", "GRUB_CMDLINE_XEN_DEFAULT")
LINUX = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")


@settings(max_examples=80, deadline=None)
@given(files_of(GRUB))
def test_words_of_the_boot_menu(text):
    """A real shell reads every word that was Xen's, Linux's, or dom0's under Xen, after our files as before."""
    kept = bool(owners_words._words(text))
    ours = boot_menu.KEEP_DEFAULT + boot_menu.options_file(PARAMS, beside=kept)
    replaced = tuple(f"GRUB_CMDLINE_LINUX_XEN_REPLACE{more}" for more in ("", "_DEFAULT"))
    names = (*XEN, *LINUX, *replaced, "GRUB_TIMEOUT", "GRUB_DISABLE_OS_PROBER")
    before, after = variables(text, names), variables(f"{text}\n{ours}", names)
    assume(before is not None)
    for name in XEN:
        assert set(before[name].replace("UNSET", "").split()) <= set(after[name].split())
    for name, linux in zip(replaced, LINUX, strict=True):
        under_xen = before[name] if before[name] not in ("", "UNSET") else before[linux]
        assert set(under_xen.replace("UNSET", "").split()) <= set(after[name].split())
    for name in (*LINUX, "GRUB_TIMEOUT", "GRUB_DISABLE_OS_PROBER"):
        assert after[name] == before[name]


APT = ['Unattended-Upgrade::Package-Blacklist { "nvidia-driver"; "docker-ce"; };', 'APT::Periodic::AutocleanInterval "7";',
       'Unattended-Upgrade::Mail "root";', 'Unattended-Upgrade::Origins-Pattern:: "origin=Docker";', 'Unattended-Upgrade::Package-Blacklist:: "ceph";',
       'Unattended-Upgrade::Automatic-Reboot "true";', "#clear Unattended-Upgrade::Package-Blacklist;"]  # fmt: skip


@pytest.mark.skipif(not shutil.which("apt-config"), reason="apt-config reads the files as apt does")
@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(APT), max_size=5))
def test_what_is_held_back_from_upgrades(tmp_path_factory, lines):
    """apt itself holds back all that it held back, and has every setting that the parameters do not ask for."""
    folder = tmp_path_factory.mktemp("apt")
    (folder / "50unattended-upgrades").write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = _dumped(folder)
    ours = folder / "52xen-runbook"
    ours.write_text(schedule_updates.content(apt_settings.Unattended(before)), encoding="utf-8")
    after = _dumped(folder)
    held = schedule_updates._HELD_BACK
    assert set(before.get(held, ())) <= set(after[held])
    asked = {*schedule_updates._VALUES, schedule_updates._ORIGINS, held}
    assert {k: v for k, v in before.items() if k not in asked} == {
        k: v for k, v in after.items() if k not in asked
    }
    again = schedule_updates.content(apt_settings.Unattended(after))
    assert again == ours.read_text(encoding="utf-8")


def _dumped(folder):
    """Return apt's settings of one folder, in the words of the question that the step asks."""
    config = folder.parent / f"{folder.name}.conf"
    config.write_text(f'Dir::Etc::parts "{folder}";\nDir::Etc::main "/dev/null";\n', encoding="utf-8")
    argv = apt_settings._DUMP.argv
    ran = subprocess.run(
        argv, env={**os.environ, "APT_CONFIG": str(config)}, capture_output=True, text=True, check=True
    )
    return apt_settings.settings(re.sub(r"(?m)^Dir::.*\n", "", ran.stdout))
