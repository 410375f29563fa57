"""The component non-free-firmware among the package sources: microcode and the cards' firmware."""

from __future__ import annotations

import re

from runbook.actions import Run, WriteFile
from runbook.facts import apt_settings
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared.apt import UPDATE

TITLE = "Add the firmware component to the package sources"
GUIDE = "The template: it installed firmware-linux-nonfree from wheezy's non-free"
RISK = "safe"
COMPONENT = "non-free-firmware"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*apt_settings.SOURCES, _ORIGINS, *(Ask.read(p) for p in _FILES)) if _is_asked(params) else ()


_FILES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
"""Where Debian's installers write Debian's own sources; others belong to somebody else."""


_ORIGINS = Ask.shell("grep -lsx 'Origin: Debian' /var/lib/apt/lists/*Release; true")


def plan(params: HostParams, facts: Facts) -> Plan:
    """Add the word where Debian's own sources lack it, and fetch the lists anew."""
    if not _is_asked(params):
        return Plan(unasked="configuration.package_groups does not have `firmware`")
    changed = {path: new for path in _FILES if (new := _new(params, facts, path)) is not None}
    if not changed:
        return Plan()
    writes = (WriteFile(path, text) for path, text in changed.items())
    return Plan((*writes, Run(UPDATE, "the lists of the new component", timeout_s=900)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Some source offers the component."""
    if not _is_asked(params) or any(COMPONENT in text for text in apt_settings.sources(facts).values()):
        return []
    return [
        Finding(
            "fail",
            f"No package source offers {COMPONENT}",
            f"neither {' nor '.join(_FILES)} names {params.release}, so nothing was added",
            f"add the word {COMPONENT} behind `main` where your sources name Debian",
            "sources.list(5)",
        )
    ]


def with_component(text: str, release: str, known: tuple[str, ...] = ()) -> str:
    """Return a file of sources, in either form, with the component wherever it offers Debian's own `main`.

    `known` are the archives whose lists say that they are Debian's. Archives of others have no such component,
    and what is switched off is nobody's business.

    >>> with_component("deb http://deb.example/debian trixie main\\n", "trixie")
    'deb http://deb.example/debian trixie main non-free-firmware\\n'
    >>> with_component("URIs: http://deb.example/debian\\nSuites: trixie\\nComponents: main\\n", "trixie")
    'URIs: http://deb.example/debian\\nSuites: trixie\\nComponents: main non-free-firmware\\n'
    """
    suite = rf"\b(?:{release}|stable)(?:-updates|-security)?\b"
    line = re.compile(
        rf"(?m)^(deb(?:-src)?\s+(?:\[[^]]*\]\s+)?(\S+)\s+{suite}\s+(?=.*\bmain\b)[^#\n]*?)(\s*(?:#.*)?)$"
    )

    def added(found: re.Match[str]) -> str:
        is_right = COMPONENT in found[1] or not is_debian(found[2], known)
        return found[0] if is_right else f"{found[1]} {COMPONENT}{found[3]}"

    stanzas = re.split(r"(\n\s*\n)", line.sub(added, text))
    for i, stanza in enumerate(stanzas):
        fields = dict(re.findall(r"(?m)^(\w[\w-]*):((?:.*)(?:\n[ \t]+.*)*)", stanza))
        uris = fields.get("URIs", "").split()
        is_off = fields.get("Enabled", "yes").strip().lower() in (
            "no",
            "false",
            "off",
            "0",
            "without",
            "disable",
        )
        if is_off or not uris or not all(is_debian(uri, known) for uri in uris):
            continue
        components = fields.get("Components", "")
        if (
            re.search(suite, fields.get("Suites", ""))
            and COMPONENT not in stanza
            and "main" in components.split()
        ):
            stanzas[i] = stanza.replace(f"Components:{components}", f"Components:{components} {COMPONENT}")
    return "".join(stanzas)


def is_debian(uri: str, known: tuple[str, ...]) -> bool:
    """Return whether an archive is Debian's own: its lists say so, or, where there are none yet, its address does.

    >>> is_debian("http://mirror.example/debian/", ()), is_debian("https://dl.example/php/", ())
    (True, False)
    >>> is_debian("https://vpn.example/debian", ("mirror.example_debian",))
    False
    """
    address = re.sub(r"^[a-z+]+:/*", "", uri).rstrip("/")
    if known and not uri.startswith(("mirror", "cdrom")):
        return address.replace("/", "_") in known
    return re.search(r"/debian(-security)?(/|$)|(^|[./])debian\.org/", address + "/") is not None


def _new(params: HostParams, facts: Facts, path: str) -> str | None:
    """Return a file's new text, None when it is not there or right."""
    old = facts.text(path)
    new = None if old is None else with_component(old, params.release, _known(facts))
    return None if new == old else new


def _known(facts: Facts) -> tuple[str, ...]:
    """Return the archives whose fetched lists say `Origin: Debian`, as apt names their files."""
    names = (path.rpartition("/")[2] for path in facts[_ORIGINS].out.splitlines())
    return tuple(dict.fromkeys(name.partition("_dists_")[0] for name in names))


def _is_asked(params: HostParams) -> bool:
    return "firmware" in params.configuration.package_groups
