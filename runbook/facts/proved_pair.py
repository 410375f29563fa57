"""The hypervisor and the kernel that run, the pair that was kept when it had been proved, and what of /boot is either.

The running hypervisor's build id (xl(1), `info`) stands in its image, the kernel's version of the build in the head of
its own: what runs is known by what is in a file, whatever the file is called. Linux tells that id, too, in
/sys/hypervisor/properties/buildid, but as bare bytes, and only up to the first zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runbook.facts import grub
from runbook.facts.grub import Entry
from runbook.facts.grub_menu import entries
from runbook.model.ask import Ask, Facts

FOLDER, BEFORE = "/boot/proved", "/boot/proved-before"
"""Of the pair that was proved last, and of the one before it."""
ENTRY = f"{FOLDER}/entry"
ID = "xen-proved"
"""The id of its entry in GRUB's menu."""
SCRIPT = "/etc/grub.d/42_xen_proved"
KEPT = ("xen.gz", "vmlinuz", "initrd.img")
"""What the folder holds: hypervisor, kernel, initial RAM disk."""
_PAIR = Ask.shell(
    f"d={FOLDER}; k=$(uname -r); v=$(uname -v); h=$(xl info 2>/dev/null | sed -n 's/^build_id *: *//p')\n"
    "case $h in *[!0-9a-f]*) h=;; esac\n"
    "while read -r n t; do [ $n = btime ] && b=$t; done </proc/stat\n"
    "cd /boot 2>/dev/null || exit 0\n"
    'same() { [ "$1" -ef "$2" ] || cmp -s "$1" "$2"; }\n'
    """has() { [ -n "$h" ] && gzip -dc "$1" 2>/dev/null | perl -0777 -ne 'BEGIN { $h = pack "H*", shift } exit(index($_, $h) < 0)' "$h"; }\n"""
    '[ -n "$h" ] || echo tells nothing; ! grep -saqF "$v" $d/vmlinuz || ! has $d/xen.gz || echo runs kept\n'
    "r=$(sed -n \"s/^menuentry '[^']* and Linux \\([^']*\\)'.*/\\1/p\" $d/entry 2>/dev/null)\n"
    '[ -z "$r" ] || [ -d "/lib/modules/$r" ] || echo bare kept\n'
    'for f in xen-*.gz; do [ -f "$f" ] || continue; ! same "$f" $d/xen.gz || echo "kept xen.gz $f"\n'
    ' ! has "$f" || echo "runs xen.gz $f"; done\n'
    'for f in vmlinuz-*; do [ -f "$f" ] || continue; r=${f#vmlinuz-}; ! same "$f" $d/vmlinuz || echo "kept vmlinuz $f"\n'
    ' [ "$r" != "$k" ] || ! grep -aqF "$v" "$f" || echo "runs vmlinuz $f"\n'
    ' [ -d "/lib/modules/$r" ] || echo "bare modules $r"; [ -f "initrd.img-$r" ] || echo "bare initrd.img $r"; done\n'
    'for f in initrd.img-*; do [ -f "$f" ] || continue; ! same "$f" $d/initrd.img || echo "kept initrd.img $f"; done\n'
    'i=initrd.img-$k; [ ! -f "$i" ] || [ -n "$(find "$i" -newermt @$b)" ] || echo "runs initrd.img $i"\n'
    'stat -c "size %s" "vmlinuz-$k" "$i" 2>/dev/null; true'
)

COMMANDS = (_PAIR, Ask.read(ENTRY), *grub.COMMANDS)


@dataclass(frozen=True)
class Files:
    """Names of files in /boot by what they are, such as `{"xen.gz": "xen-4.20-amd64.gz"}`."""

    by_kind: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, kind: str, name: str) -> bool:
        """Return whether the file of that name is this one."""
        return name in self.by_kind.get(kind, ())

    def first(self, kind: str) -> str:
        """Return the first file of a kind, '' where there is none."""
        return next(iter(self.by_kind.get(kind, ())), "")

    @property
    def lacks(self) -> tuple[str, ...]:
        """The kinds of which there is no file."""
        return tuple(kind for kind in KEPT if not self.by_kind.get(kind))


@dataclass(frozen=True)
class Pair:
    """The running pair, and the kept one."""

    runs: Files
    """The files of /boot that the running system was started from; a RAM disk that was made anew since is none."""
    kept: Files
    """The files of /boot that are, byte by byte, those of the kept pair."""
    tells_build: bool
    """False where nobody runs that has a build id, or Xen does not tell it."""
    is_kept_running: bool
    """True when the hypervisor and the kernel that run are the kept ones."""
    entry: Entry | None
    """The kept pair's entry, with its words; None where none is kept, or its kernel's modules are gone."""
    text: str
    """That entry as it lies on the host."""
    bare: tuple[tuple[str, str], ...]
    """What a kernel lacks, `initrd.img` or `modules`, and which kernel."""
    size_mib: int
    """What the running kernel and its RAM disk take in /boot."""


def parse(facts: Facts) -> Pair:
    """Return both pairs of the facts.

    >>> _files("runs", [["runs", "xen.gz", "xen-4.20-amd64.gz"], ["kept", "xen.gz", "xen-4.20-amd64.gz"]])
    Files(by_kind={'xen.gz': ('xen-4.20-amd64.gz',)})
    """
    lines = [line.split() for line in facts[_PAIR].out.splitlines()]
    text = facts.text(ENTRY) or ""
    is_whole = ["bare", "kept"] not in lines
    return Pair(
        runs=_files("runs", lines),
        kept=_files("kept", lines),
        tells_build=["tells", "nothing"] not in lines and bool(lines),
        is_kept_running=["runs", "kept"] in lines,
        entry=next(iter(entries(text)), None) if is_whole else None,
        text=text,
        bare=tuple((w[1], w[2]) for w in lines if w[:1] == ["bare"] and len(w) == 3),
        size_mib=-(-sum(int(w[1]) for w in lines if w[:1] == ["size"] and w[1].isdecimal()) // 2**20),
    )


def images(entry: Entry) -> dict[str, str]:
    """Return the file names that a Xen entry loads, by kind; what it does not load is left out.

    >>> menu = "menuentry 'X' {\\n multiboot2 /xen-4.20-amd64.gz a\\n module2 /vmlinuz-6 b\\n module2 --nounzip /initrd.img-6\\n}"
    >>> images(entries(menu)[0])
    {'xen.gz': 'xen-4.20-amd64.gz', 'vmlinuz': 'vmlinuz-6', 'initrd.img': 'initrd.img-6'}
    """
    found: dict[str, str] = {}
    for command in entry.commands:
        name = command[-1 if "--nounzip" in command else 1].rpartition("/")[2] if len(command) > 1 else ""
        if command[0].startswith("multiboot"):
            found["xen.gz"] = name
        elif "--nounzip" in command:
            found["initrd.img"] = name
        elif command[0].startswith("module"):
            found.setdefault("vmlinuz", name)
    return found


def _files(word: str, lines: list[list[str]]) -> Files:
    found: dict[str, tuple[str, ...]] = {}
    for words in lines:
        if words[:1] == [word] and len(words) == 3:
            found[words[1]] = (*found.get(words[1], ()), words[2])
    return Files(found)
