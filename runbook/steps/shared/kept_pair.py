"""The pair of hypervisor and kernel that was proved, kept in a folder of its own with an entry of GRUB's menu.

Debian gives a new hypervisor the old one's file name, so the file that was proved is gone with the first update. What
is kept is a second name of the same file, which takes no room until an update replaces the first; where the file system
knows no second names (FAT) it is a copy. The entry is copied from the menu, with every word that was proved, and with who may
choose it: where GRUB asks for a password, one that lost `--unrestricted` would wait for somebody at the keyboard.
"""

from __future__ import annotations

import re

from runbook.actions import Action, Run, WriteFile
from runbook.facts import grub, proved_pair, started_words, xen
from runbook.facts.grub import Entry
from runbook.facts.proved_pair import BEFORE, ENTRY, FOLDER, ID, KEPT, SCRIPT
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.steps.shared import running_pair
from runbook.steps.shared.running_pair import Wanted

NEVER_REMOVED = "/etc/apt/apt.conf.d/53xen-runbook-proved"
COMMANDS = (*proved_pair.COMMANDS, *xen.COMMANDS, Ask.read(SCRIPT), Ask.read(NEVER_REMOVED))
TEXT = f"""\
#!/bin/sh
# Changed by the runbook: the entry of the hypervisor and the kernel that were proved last, and of those before them.
cat {FOLDER}/entry {BEFORE}/entry 2>/dev/null || true
"""
MENU = Run(("update-grub",), "the menu gets the entry of what is kept", timeout_s=900, again=True)
_KEEP = f"""d={FOLDER}; rm -rf $d.new $d.old; mkdir $d.new; cd /boot
for n in {" ".join(KEPT)}; do ln "$1" $d.new/$n 2>/dev/null || cp -p "$1" $d.new/$n; shift; done
(cd $d.new && sha256sum {" ".join(KEPT)} >SHA256SUMS); sync
[ ! -d $d ] || mv $d $d.old; mv $d.new $d"""
_FORGET = f"{_KEEP}\nrm -rf $d.old; sync"
# The entry of the pair before is that pair's own, led to where it lies now.
_SET_ASIDE = f"""{_KEEP}
[ ! -d $d.old ] || {{ rm -rf {BEFORE}; mv $d.old {BEFORE}; cd {BEFORE}
sed -i 's,/proved/,/proved-before/,g; s/{ID}/{ID}-before/; s/Proved: /Proved before: /' entry; }}; sync"""

_TAKE_BACK = f"""[ -d {BEFORE} ] || exit 0; rm -rf {FOLDER}; mv {BEFORE} {FOLDER}; cd {FOLDER}
sed -i 's,/proved-before/,/proved/,g; s/{ID}-before/{ID}/; s/Proved before: /Proved: /' entry; sync"""


def actions(facts: Facts, *, is_before_kept: bool = False) -> tuple[Action, ...]:
    """Return what keeps the running pair, () where it is kept as it is, or cannot be (`unkept`).

    With `is_before_kept` the pair that was kept until now stays beside it.
    """
    wanted, pair = running_pair.wanted(facts), proved_pair.parse(facts)
    if wanted is None:
        return ()
    is_same = not _exchanged(wanted, facts)
    found: list[Action] = []
    if not is_same:
        files = (wanted.files[kind] for kind in KEPT)
        argv = ("sh", "-euc", _SET_ASIDE if is_before_kept else _FORGET, "sh", *files)
        undo: tuple[str, ...] = ("rm", "-rf", "--", FOLDER)
        if pair.text:  # what was kept before is there no more, unless it was set aside
            undo = ("sh", "-euc", _TAKE_BACK) if is_before_kept else ()
        found.append(Run(argv, "a second name for each file; an update replaces the first", 300, undo))
    if not is_same or pair.text != wanted.text:
        found.append(WriteFile(ENTRY, wanted.text))
    if facts.text(SCRIPT) != TEXT:
        found.append(WriteFile(SCRIPT, TEXT, mode="0755"))
    if found or grub.parse(facts).entry(ID) is None:
        found.append(MENU)
    text = _never_removed(wanted.kernel, facts, is_set_aside=is_before_kept and not is_same)
    return (*found, *([WriteFile(NEVER_REMOVED, text)] if facts.text(NEVER_REMOVED) != text else []))


def unkept(facts: Facts) -> str:
    """Return why the running pair cannot be kept, '' when it can, or is."""
    pair = proved_pair.parse(facts)
    if running_pair.wanted(facts) is not None or is_kept(facts):
        return ""
    if not pair.tells_build:
        return "Xen does not say which build it is (`xl info`, build_id), so nobody knows its file"
    told = {
        "xen.gz": "the hypervisor that runs is in no file of /boot: an update replaced it",
        "vmlinuz": "the kernel that runs is in no file of /boot: an update replaced it",
        "initrd.img": "its initial RAM disk was made anew after the boot",
    }
    if pair.runs.lacks:
        return "; ".join(told[kind] for kind in pair.runs.lacks)
    entry = grub.parse(facts).xen
    how = started_words.differences(entry, xen.parse(facts)) if entry else []
    return f"no entry of the menu starts it with the words that it was started with: {'; '.join(how) or 'none starts it'}"


def is_kept(facts: Facts) -> bool:
    """Return whether the pair that runs is the one that is kept, words and all, with an entry of the menu that starts it."""
    pair = proved_pair.parse(facts)
    if pair.entry is None or grub.parse(facts).entry(ID) is None or not pair.is_kept_running:
        return False
    return started_words.is_started_with(pair.entry, xen.parse(facts))


def other(facts: Facts) -> str:
    """Return in what the kept pair is another than the one that runs, or not kept whole; '' when it is not."""
    wanted, pair, menu = running_pair.wanted(facts), proved_pair.parse(facts), grub.parse(facts)
    if wanted is None:
        return ""
    if not pair.text:
        return f"nothing is kept in {FOLDER}, and an update would replace what runs"
    names = {"xen.gz": "the hypervisor", "vmlinuz": "the kernel", "initrd.img": "the initial RAM disk"}
    found = [f"{names[kind]} that runs is not the kept one" for kind in _exchanged(wanted, facts)]
    if pair.entry is not None:
        found += [
            f"{how}, unlike the kept one" for how in started_words.differences(pair.entry, xen.parse(facts))
        ]
    if not found and (pair.text != wanted.text or facts.text(SCRIPT) != TEXT or menu.entry(ID) is None):
        found.append("the menu's entry of it is missing, or is not what the menu says today of the same pair")
    if not found and facts.text(NEVER_REMOVED) != _never_removed(wanted.kernel, facts, is_set_aside=False):
        found.append("apt may remove its kernel as one that is needed no more")
    return "; ".join(found)


def what_next(facts: Facts) -> str:
    """Return what a person does about a pair that cannot be kept: what leads on depends on what there is to come back to."""
    if not proved_pair.parse(facts).tells_build:
        return "upgrade by hand, with a screen or a serial console at hand"
    if way_back(facts) is not None:
        return (
            "`runbook upgrade PARAMS --apply` starts what is installed once, proves it and keeps it; until then there is a "
            "way back"
        )
    return "start the host anew while you look, then run 07_first_boot in mode apply: it proves what came up, and keeps it"


def way_back(facts: Facts) -> Entry | None:
    """Return the entry that starts what is proved: the kept pair's, else plain Debian with the kernel that runs."""
    menu, pair = grub.parse(facts), proved_pair.parse(facts)
    if pair.entry is not None and (kept := menu.entry(ID)):
        return kept
    kernel = pair.runs.first("vmlinuz")
    plain = [e for e in menu.entries if menu.is_plain(e) and e.image.endswith(f"/{kernel}")]
    return next((e for e in plain if kernel[8:] in e.id), next(iter(plain), None)) if kernel else None


def unproved(entry: Entry, facts: Facts) -> list[str]:
    """Return in what an entry differs from the pair that was proved, [] when it starts exactly that."""
    pair, found = proved_pair.parse(facts), proved_pair.images(entry)
    if entry.id == ID or pair.entry is None:
        return []
    names = {
        "xen.gz": "another hypervisor",
        "vmlinuz": "another kernel",
        "initrd.img": "another initial RAM disk",
    }
    wrong = [
        f"{names[kind]} ({found.get(kind) or 'none'})"
        for kind in KEPT
        if not pair.kept.has(kind, found.get(kind, ""))
    ]
    for what, mine, its in (
        ("the hypervisor", entry.xen_options, pair.entry.xen_options),
        ("the kernel", entry.kernel_options, pair.entry.kernel_options),
    ):
        if sorted(mine) != sorted(its):
            more = [w for w in mine if w not in its] or [f"without {w}" for w in its if w not in mine]
            wrong.append(f"other words for {what}: {' '.join(more) or 'another number of them'}")
    return wrong


def bare(facts: Facts, entry: Entry) -> list[Finding]:
    """Return what is missing for an entry's kernel: its RAM disk, or its modules."""
    kernel = proved_pair.images(entry).get("vmlinuz", "").removeprefix("vmlinuz-")
    told = {"initrd.img": "initial RAM disk", "modules": "modules"}
    lacks = [told[what] for what, which in proved_pair.parse(facts).bare if which == kernel and what in told]
    if not lacks and proved_pair.images(entry).get("initrd.img"):
        return []
    return [
        Finding(
            "refuse",
            f"Linux {kernel or 'of the first Xen entry'} has no {' and no '.join(lacks or ['initial RAM disk'])}",
            "its package was not installed to its end; started so, it would not find its disk",
            f"run `apt-get install --reinstall linux-image-{kernel}` and `update-initramfs -c -k {kernel}` on the host, "
            "then run again",
            "initramfs-tools(7)",
        )
    ]


def _exchanged(wanted: Wanted, facts: Facts) -> list[str]:
    """Return of which kinds the kept file is another than the running one."""
    kept = proved_pair.parse(facts).kept
    return [kind for kind in KEPT if not kept.has(kind, wanted.files[kind])]


def _never_removed(kernel: str, facts: Facts, *, is_set_aside: bool) -> str:
    """Return apt's settings by which the kernels of both kept pairs stay, with their modules (apt-get(8), autoremove).

    apt itself keeps the running kernel and the two newest ones. The file lists the kept one first, then the one before.
    """
    listed = re.findall(r'"([^"]*)"', facts.text(NEVER_REMOVED) or "")
    name = re.sub("([.+])", r"[\1]", running_pair.plain(kernel))
    before = listed if is_set_aside else listed[1:]
    lines = "".join(f'  "{pattern}";\n' for pattern in (f"^linux-(image|modules)-{name}$", *before[:1]))
    head = "// Changed by the runbook: the kernels of the pairs that were proved stay, with their modules."
    return f"{head}\nAPT::NeverAutoRemove {{\n{lines}}};\n"
