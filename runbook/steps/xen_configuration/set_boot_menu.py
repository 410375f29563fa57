"""GRUB's menu: the Xen entry gets its words, plain Debian stays what starts until Xen has been proved."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import releases
from runbook.actions import Action, Run, WriteFile
from runbook.facts import grub, grub_sources
from runbook.facts.grub import Grub
from runbook.facts.grub_menu import Entry
from runbook.facts.xen import HIDES
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.releases import xen
from runbook.steps.shared import boot_menu, owners_words, safe_default

TITLE = "Give the Xen entry its options and keep plain Debian the default"
GUIDE = (
    "“Xen Configuration”: moved /etc/grub.d/20_linux_xen and edited it by sed; dom0_mem is lost that "
    "way (H610–H612)"
)
RISK = "disruptive"

_FOR_SHOW = ("ro", "rw", "quiet", "splash")
_FILES = ((boot_menu.KEEP_DEFAULT_FILE, boot_menu.KEEP_DEFAULT), (boot_menu.OPTIONS_FILE, None))


def asks(params: HostParams) -> tuple[Ask, ...]:
    files = (Ask.read(owners_words.DEFAULTS), *(Ask.read(path) for path, _ in _FILES))
    return (*grub.COMMANDS, *grub_sources.COMMANDS, *files)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Two files of our own, never /etc/grub.d; then the menu is generated and, in check, read.

    Plain Debian becomes the default *first*: whatever is interrupted, the next boot is safe.
    """
    now = grub.parse(facts)
    waits = () if now.hypervisors else (_not_installed(params),)
    # Before Xen is there the menu may be another one than it finds then; what the parameters say stays.
    refused = boot_menu.unreadable(grub_sources.parse(facts))
    findings = refused or ([] if waits else _no_way_back(now))
    if findings:
        return Plan(findings=(*waits, *findings))
    told = owners_words.read(params, now, facts)
    options = boot_menu.options_file(params, beside=told.are_kept)
    contents = [(path, text or options) for path, text in _FILES]
    if waits:  # the first one is written together with Xen
        contents.remove((boot_menu.KEEP_DEFAULT_FILE, boot_menu.KEEP_DEFAULT))
    writes = [WriteFile(path, text) for path, text in contents if facts.text(path) != text]
    outdated = bool(waits or writes or now.newer_sources or _wrong(params, now))
    actions: list[Action] = []
    safe = safe_default.missing(now, words_change=bool(writes))
    if safe:
        actions.append(safe_default.choose(safe, now))
    actions += writes
    if outdated:
        actions.append(Run(("update-grub",), "writes /boot/grub/grub.cfg anew", timeout_s=900, again=True))
    if not actions:
        return Plan(findings=waits)
    said = (*waits, *safe_default.gives_way(now, safe), *told.findings)
    return Plan(tuple(actions), said, "It takes effect at the next boot.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The generated menu holds every word, a plain entry, and a recovery entry that hides nothing."""
    now = grub.parse(facts)
    if not now.hypervisors:
        return [_not_installed(params)]
    found = [*_no_way_back(now), *_wrong(params, now), *_unlike_plain(now, facts)]
    if not safe_default.is_known(now, now.entry(now.saved_entry)):
        found.append(
            Finding(
                "fail",
                f"The default entry '{now.saved_entry}' is neither plain Debian nor Xen",
                "nobody can say what the next power failure would start",
                "run the step set_boot_menu in mode apply",
                "H618, H619",
            )
        )
    if not now.recoveries:
        found.append(
            Finding(
                "warn",
                "The menu has no recovery entry",
                "GRUB_DISABLE_RECOVERY is set; recovery starts Debian without hiding any device",
                "remove GRUB_DISABLE_RECOVERY from /etc/default/grub and run `update-grub`",
            )
        )
    return found


def _no_way_back(now: Grub) -> list[Finding]:
    if now.linux:
        return []
    return [
        Finding(
            "refuse",
            "The boot menu has no entry for plain Debian",
            "it is the way back when Xen does not start; without it a failure needs a rescue system",
            f"run `update-grub` and look for a line with gnulinux-simple in {grub.CONFIG}; install "
            "linux-image-amd64",
            "H618",
        )
    ]


def _wrong(params: HostParams, now: Grub) -> list[Finding]:
    """Return what the generated menu lacks or has too much."""
    if now.xen is None:
        return [
            _fail(
                "The menu has no entry that starts Xen",
                "neither its title nor its place matters, its image does",
            )
        ]
    return [*_lost(params, now.xen), *_left(params, now, now.xen)]


def _lost(params: HostParams, xen_entry: Entry) -> Iterator[Finding]:
    for what, words, has in (
        ("hypervisor", (*boot_menu.xen_always(params), *boot_menu.xen_normal(params)), xen_entry.xen_options),
        (
            "kernel",
            (*boot_menu.kernel_normal(params), *boot_menu.kernel_always(params)),
            xen_entry.kernel_options,
        ),
    ):
        lost = [word for word in words if word not in has]
        if lost:
            yield _fail(
                f"The Xen entry lacks {' '.join(lost)}", f"it stands not on the {what}'s line", "H610"
            )


def _left(params: HostParams, now: Grub, xen_entry: Entry) -> Iterator[Finding]:
    hides = [w for w in xen_entry.kernel_options if w.startswith(HIDES)]
    too_much = [w for w in hides if w not in boot_menu.kernel_normal(params)]
    if too_much:
        yield _fail(
            f"The Xen entry still has {' '.join(too_much)}", "that is not the list of the parameters", "H611"
        )
    hiding = [e.title for e in now.recoveries if any(w.startswith(HIDES) for w in e.kernel_options)]
    if hiding:
        yield _fail(
            f"The recovery entry '{hiding[0]}' hides devices",
            "a wrong address locks recovery out too",
            "H616",
        )
    if now.default != "${saved_entry}":
        yield _fail(
            f"GRUB's default is '{now.default}', not the saved entry",
            f"the menu is older than {boot_menu.OPTIONS_FILE}, or a file that is read behind it sets GRUB_DEFAULT",
            "H619",
            f"run `update-grub`; where that is not enough, `grep -n GRUB_DEFAULT= {boot_menu.FOLDER}/*.cfg` shows the file: take "
            "the line out of it, or give it a name that sorts in front of ours, such as 50-local.cfg, and run `update-grub`",
        )


def _unlike_plain(now: Grub, facts: Facts) -> Iterator[Finding]:
    """Words of Linux's that did not come to Xen's entry: our file gives it those that it finds, and is not the last one."""
    if now.linux is None or now.xen is None or "_XEN_REPLACE" in (facts.text(owners_words.DEFAULTS) or ""):
        return
    has = {*now.xen.kernel_options, *_FOR_SHOW}
    if lost := [w for w in now.linux.kernel_options if w not in has and not w.startswith("root=")]:
        yield Finding(
            "warn",
            f"Plain Debian is started with {' '.join(lost)}, and Xen's dom0 is not",
            f"a file of {boot_menu.FOLDER} that sorts behind {boot_menu.OPTIONS_FILE} adds to GRUB_CMDLINE_LINUX…, or a "
            "GRUB_CMDLINE_LINUX_XEN_REPLACE… of this host leaves it out on purpose",
            f"see with `ls {boot_menu.FOLDER}`: give such a file a name that sorts in front, such as 50-local.cfg, and run "
            "`update-grub`; or name the words under dom0.kernel_options",
            "H610",
        )


def _fail(what: str, why: str, source: str = "", do: str = "") -> Finding:
    again = f"run `update-grub`, read what it says, and compare {boot_menu.OPTIONS_FILE} with {grub.CONFIG}"
    return Finding("fail", what, why, do or again, source)


def _not_installed(params: HostParams) -> Finding:
    return Finding(
        "wait",
        "There is no hypervisor in /boot yet",
        "GRUB makes a Xen entry only for an installed Xen",
        "run the notebook 05_xen_installation first",
        after=xen.supply(params.xen.source, releases.get(params.release)).step,
    )
