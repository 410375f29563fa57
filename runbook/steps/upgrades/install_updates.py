"""Everything that waits is installed, with the proved pair kept and started by itself until the new one is proved."""

from __future__ import annotations

from runbook.actions import Action, Foreseen, Run, WriteFile
from runbook.facts import boot_next, grub, packages, proved_pair, space, system, waiting_updates, xen
from runbook.facts.packages import Packages
from runbook.facts.waiting_updates import Waiting
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, boot_menu, kept_pair, room, upgrades

TITLE = "Install what waits, beside the pair that was proved"
GUIDE = (
    "The template: an unattended upgrade of everything, and what it brought started next (H304, H308, H618)"
)
RISK = "disruptive"

_PATHS = (packages.DOWNLOADS, "/usr", "/boot")
_KEEP_OURS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_INSTALL = (
    "apt-get",
    "-qq",
    "-y",
    "-o",
    "Dpkg::Use-Pty=0",
    *_KEEP_OURS,
    "--no-remove",
    "-o",
    "APT::Get::AutomaticRemove=0",
    "dist-upgrade",
)
_SIZES = Ask.shell(
    "apt-get --print-uris -qq -o Debug::NoLocking=1 -y dist-upgrade 2>/dev/null"
    " | sed -n 's/^.[^ ]*. [^ ]* \\([0-9]*\\) .*/\\1/p'; true"
)
SPARE_MIB = 16


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not upgrades.is_asked(params):
        return ()
    own = (*system.COMMANDS, *kept_pair.COMMANDS, *waiting_updates.COMMANDS, *packages.STATE)
    return (*own, *boot_next.COMMANDS, _SIZES, *space.commands(*_PATHS), Ask.read(upgrades.BEGUN))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Make the proved pair what starts by itself, then install; nothing when nothing waits and what is there runs.

    The order is the point: an installation that breaks off, or loses its power, comes up as it was.
    """
    if not upgrades.is_asked(params):
        return upgrades.unasked(params)
    waiting, back = waiting_updates.parse(facts), kept_pair.way_back(facts)
    now, menu, new = packages.state(facts), grub.parse(facts), upgrades.new_pair(facts)
    if waits := [*upgrades.not_under_xen(facts), *_old_lists(now)]:
        seen = Foreseen("install what waits", f"$ {' '.join(_INSTALL)}", "it is known then what waits")
        return Plan((seen,), tuple(waits))
    if not waiting.updates and not waiting.error and new is None:
        return Plan(note="Nothing waits, and what is installed runs.")
    stops = [*_refusals(waiting, now), *_way_back(facts), *_room(facts, waiting)]
    if stops or back is None:
        return Plan(findings=(*stops, *upgrades.unread_default(menu)))
    actions = list[Action]()
    if menu.entry(menu.saved_entry) != back:
        undo = boot_menu.default_again(menu.saved_entry)
        why = "what starts by itself, until the new pair is proved"
        actions.append(Run(("grub-set-default", back.path), why, undo=undo))
    if actions or waiting.updates:
        ran = "".join(f"{guest.name}\n" for guest in xen.parse(facts).guests)
        if facts.text(upgrades.BEGUN) is None:
            actions.append(WriteFile(upgrades.BEGUN, ran))
    if waiting.updates:
        actions.append(Run(_INSTALL, _delta(waiting), timeout_s=7200))
    note = "Nothing is started anew; the next step does it."
    return Plan(tuple(actions), tuple(upgrades.unread_default(menu)), note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Everything is installed, what starts by itself is the proved pair, and the new kernel has what it needs."""
    if not upgrades.is_asked(params):
        return []
    waiting, menu, new = waiting_updates.parse(facts), grub.parse(facts), upgrades.new_pair(facts)
    found = [*apt.unfinished(packages.state(facts).broken)]
    if waiting.updates:
        names = ", ".join(u.name for u in waiting.updates[:4])
        do = "read what apt said, and see `apt-get -s dist-upgrade` on the host"
        found.append(Finding("fail", f"Not everything was installed: {names}", "apt lists it still", do))
    if new is None:
        return found
    back = kept_pair.way_back(facts)
    if back is None or menu.default != "${saved_entry}" or menu.entry(menu.saved_entry) != back:
        what = "What starts by itself is not the proved pair"
        do = next((f.do for f in upgrades.unread_default(menu)), "run the step install_updates in mode apply")
        found.append(Finding("fail", what, f"the saved entry is '{menu.saved_entry}'", do, "H618"))
    return [*found, *kept_pair.bare(facts, new)]


def _old_lists(now: Packages) -> list[Finding]:
    """Return that apt would answer from old lists: nothing that came since is in them."""
    if now.has_fresh_lists:
        return []
    what = "The package lists are older than a day" if now.lists else "apt has no package lists yet"
    do = "run the step list_updates in mode apply first; it fetches them"
    return [Finding("wait", what, "what came since is not in them", do, after="list_updates")]


def _refusals(waiting: Waiting, now: Packages) -> list[Finding]:
    found = list(apt.obstacles(now))
    if waiting.error:
        do = "run `apt-get -s dist-upgrade` on the host and correct what it names, then run again"
        found.append(
            Finding("refuse", "apt cannot say what it would install", waiting.error, do, "apt-get(8)")
        )
    if waiting.removed:
        found.append(
            Finding(
                "refuse",
                f"The upgrade would remove {', '.join(waiting.removed)}",
                "an upgrade within a release removes nothing that is in use; another source, or a hold, stands behind it",
                "see `apt-get -s dist-upgrade` on the host; remove the package yourself if nobody needs it, then run again",
                "apt-get(8), --no-remove",
            )
        )
    return found


def _way_back(facts: Facts) -> list[Finding]:
    """Return why there is nothing to come back to: neither a kept pair, nor plain Debian with the kernel that runs."""
    if not proved_pair.parse(facts).tells_build:
        what, do = (
            "Nobody can say which hypervisor runs",
            "upgrade by hand, with a screen or a serial console at hand",
        )
        return [Finding("refuse", what, kept_pair.unkept(facts), do, "xl(1), info")]
    if not kept_pair.is_kept(facts) and kept_pair.actions(facts):
        what, why = "The pair that runs is not kept yet", "it is the way back from an upgrade"
        do = "run 07_first_boot in mode apply first; its last step keeps it"
        return [Finding("wait", what, why, do, "H618", after="keep_proved_pair")]
    menu, once = grub.parse(facts), boot_next.parse(facts)
    if kept_pair.way_back(facts) is not None:
        can_choose = menu.can_write_choice or not once.obstacle
        return [] if can_choose else [boot_menu.choice_would_stay(grub.place(facts), once)]
    return [
        Finding(
            "refuse",
            "There is nothing to come back to",
            f"{kept_pair.unkept(facts) or 'no pair is kept'}, and the menu has no entry of plain Debian with the kernel that "
            "runs",
            "start the host anew while you look, prove what came up with 07_first_boot, then run again",
            "H618",
        )
    ]


def _room(facts: Facts, waiting: Waiting) -> list[Finding]:
    sizes = [int(word) for word in facts[_SIZES].out.split() if word.isdecimal()]
    boot: list[Finding] = []
    if waiting.of("kernel") or waiting.of("hypervisor"):
        need = proved_pair.parse(facts).size_mib + SPARE_MIB
        boot = room.lacking(facts, "/boot", need, "a second pair beside the one that was proved")
    return [*room.for_packages(facts, sum(sizes)), *boot]


def _delta(waiting: Waiting) -> str:
    """Return what will be installed, a line a package."""
    lines = [f"{u.name} {u.new}" + (f" ({u.old} before)" if u.old else "") for u in waiting.updates]
    return "\n  # ".join(lines)
