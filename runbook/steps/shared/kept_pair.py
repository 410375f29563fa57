"""The pair of hypervisor and kernel that was proved, kept in a folder of its own with an entry of GRUB's menu.

Debian gives a new hypervisor the old one's file name, so the file that was proved is gone with the first update. What
is kept is a second name of the same file, which takes no room until an update replaces the first; where the file system
knows no second names (FAT) it is a copy. The entry is copied from the menu, with every word that was proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.actions import Action, Run, WriteFile
from runbook.facts import grub, proved_pair, xen
from runbook.facts.grub import Entry
from runbook.facts.proved_pair import BEFORE, ENTRY, FOLDER, ID, KEPT, SCRIPT, Pair
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding

COMMANDS = (*proved_pair.COMMANDS, *xen.COMMANDS, Ask.read(SCRIPT))
TEXT = f"""\
#!/bin/sh
# Changed by the runbook: the entry of the hypervisor and the kernel that were proved last, and of those before them.
cat {FOLDER}/entry {BEFORE}/entry 2>/dev/null || true
"""
MENU = Run(("update-grub",), "the menu gets the entry of what is kept", timeout_s=900, again=True)
_ENTRY = re.compile(r"(?ms)^[ \t]*(menuentry [^\n]*)\{\n(.*?)\n[ \t]*\}$")
_FIRMWARE_WORDS = ("no-real-mode", "edd=off")
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
    text, pair = wanted(facts), proved_pair.parse(facts)
    if not text:
        return ()
    files = [pair.runs.first(kind) for kind in KEPT]
    is_same = all(pair.kept.has(kind, name) for kind, name in zip(KEPT, files, strict=True))
    found: list[Action] = []
    if not is_same:
        argv = ("sh", "-euc", _SET_ASIDE if is_before_kept else _FORGET, "sh", *files)
        undo: tuple[str, ...] = ("rm", "-rf", "--", FOLDER)
        if pair.text:  # what was kept before is there no more, unless it was set aside
            undo = ("sh", "-euc", _TAKE_BACK) if is_before_kept else ()
        found.append(Run(argv, "a second name for each file; an update replaces the first", 300, undo))
    if not is_same or pair.text != text:
        found.append(WriteFile(ENTRY, text))
    if facts.text(SCRIPT) != TEXT:
        found.append(WriteFile(SCRIPT, TEXT, mode="0755"))
    menu = grub.parse(facts)
    if found or menu.entry(ID) is None:
        found.append(MENU)
    return tuple(found)


def wanted(facts: Facts) -> str:
    """Return the entry that the running pair gets, '' where not all of it is known (`unkept`)."""
    pair, running = proved_pair.parse(facts), xen.parse(facts)
    if not running.version or pair.runs.lacks:
        return ""
    block = next(_blocks(facts), "")
    title = f"Proved: Xen {_plain(running.full_version)} and Linux {_plain(pair.runs.first('vmlinuz')[8:])}"
    head = f"menuentry '{title}' --class xen $menuentry_id_option '{ID}' {{"
    return f"{head}\n{_led(block, pair)}\n}}\n" if block else ""


def unkept(facts: Facts) -> str:
    """Return why the running pair cannot be kept, '' when it can."""
    pair = proved_pair.parse(facts)
    if not pair.tells_build:
        return "Xen does not say which build it is (`xl info`, build_id), so nobody knows its file"
    told = {
        "xen.gz": "the hypervisor that runs is in no file of /boot: an update replaced it",
        "vmlinuz": "the kernel that runs is in no file of /boot: an update replaced it",
        "initrd.img": "its initial RAM disk was made anew after the boot",
    }
    if pair.runs.lacks:
        return "; ".join(told[kind] for kind in pair.runs.lacks)
    return "" if wanted(facts) else "no entry of the menu starts it with the words that it was started with"


def is_kept(facts: Facts) -> bool:
    """Return whether the pair that runs is the one that is kept, with an entry of the menu that starts it."""
    pair = proved_pair.parse(facts)
    return pair.entry is not None and grub.parse(facts).entry(ID) is not None and pair.is_kept_running


def is_running(entry: Entry, facts: Facts) -> bool:
    """Return whether what an entry starts is what runs, file by file."""
    pair, found = proved_pair.parse(facts), proved_pair.images(entry)
    return all(pair.runs.has(kind, found.get(kind, "")) for kind in KEPT)


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


def _blocks(facts: Facts) -> Iterator[str]:
    """Yield the lines of each entry that starts what runs, with the words that it was started with."""
    running = xen.parse(facts)
    xen_words = sorted(w for w in running.commandline if w not in _FIRMWARE_WORDS)
    for head, body in re.findall(_ENTRY, facts.text(grub.CONFIG) or ""):
        entry = grub.entries(f"{head}{{\n{body}\n}}\n")[0]
        if entry.id == ID or not entry.is_xen or entry.is_recovery or not is_running(entry, facts):
            continue
        if sorted(entry.xen_options) == xen_words and sorted(entry.kernel_options) == sorted(
            running.kernel_commandline
        ):
            yield body


def _led(block: str, pair: Pair) -> str:
    """Return the lines of an entry, led to what is kept."""
    lines = [line.strip() for line in block.splitlines()]
    for kind in KEPT:
        name = re.escape(pair.runs.first(kind))
        lines = [re.sub(rf"(\s)(\S*/){name}(?=\s|$)", rf"\1\2proved/{kind}", line) for line in lines]
    return "\n".join(f"\t{line}" for line in lines)


def _plain(text: str) -> str:
    """Return a version as GRUB's language can have it within quotes.

    >>> _plain("4.20.5-pre'; reboot")
    '4.20.5-prereboot'
    """
    return re.sub(r"[^A-Za-z0-9.+~_-]", "", text)
