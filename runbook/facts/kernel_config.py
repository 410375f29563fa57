"""How the kernels of the host were configured: Debian's and one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runbook.builds.kernel import guide_flags, names_now
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams

_RUNNING = Ask.run("uname", "-r")
_LINE = re.compile(r"(?:# )?(CONFIG_\w+)(?:=(.*)| is not set)")


@dataclass(frozen=True)
class Kernels:
    """The kernels of the host."""

    running: str
    """`uname -r`."""
    config: Mapping[str, str]
    """The guide's flags in the running kernel: y, m, n or a value; a flag that is missing is not known to it."""
    own: Mapping[str, str]
    """Version by name of the packages of one's own kernels that are installed whole."""
    own_config: Mapping[str, str]
    """The whole configuration of the newest own kernel."""
    newest: str
    """Debian's newest kernel on the host, '' when there is none."""
    base: str
    """Its configuration, when the parameters start from it."""
    builtin: bool
    """True when xen-pciback is built into the running kernel."""

    def own_release(self, digest: str) -> str:
        """Return what `uname -r` will say under the kernel of a recipe, '' when it is not installed."""
        return next(
            (
                name.removeprefix("linux-image-")
                for name, version in self.own.items()
                if name.startswith("linux-image-") and version.endswith(f"+{digest}")
            ),
            "",
        )


def commands(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the kernels."""
    if not params.kernel.build:
        return (_RUNNING, _flags())
    suffix = params.kernel.suffix
    return (
        _RUNNING,
        _flags(),
        _packages(suffix),
        _own(suffix),
        _debian(suffix, params.kernel.base),
        _BUILTIN,
    )


def parse(facts: Facts, params: HostParams) -> Kernels:
    """Return the kernels of the facts.

    >>> values("CONFIG_XEN=y\\n# CONFIG_HZ_1000 is not set\\nCONFIG_HZ=250")
    {'CONFIG_XEN': 'y', 'CONFIG_HZ_1000': 'n', 'CONFIG_HZ': '250'}
    """
    running, config = facts[_RUNNING].out.strip(), values(facts[_flags()].out)
    if not params.kernel.build:
        return Kernels(running, config, {}, {}, "", "", builtin=False)
    suffix = params.kernel.suffix
    rows = (line.split("|") for line in facts[_packages(suffix)].out.splitlines() if line.count("|") == 2)
    newest, _, base = facts[_debian(suffix, params.kernel.base)].out.partition("\n")
    return Kernels(
        running=running,
        config=config,
        own={name: version for status, name, version in rows if status.startswith("ii")},
        own_config=values(facts[_own(suffix)].out),
        newest=newest.removeprefix("/boot/config-"),
        base=base,
        builtin=facts[_BUILTIN].ok,
    )


def values(text: str) -> dict[str, str]:
    """Return the values of a configuration; quotes of a string stay."""
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {match[1]: "n" if match[2] is None else match[2] for match in found if match}


_BUILTIN = Ask.shell("grep -q /xen-pciback.ko /lib/modules/$(uname -r)/modules.builtin")


def _flags() -> Ask:
    guide = (flag.removeprefix("CONFIG_") for flag, _ in guide_flags())
    names = "|".join(dict.fromkeys((*guide, *names_now())))
    return Ask.shell(f"grep -E '^(# )?CONFIG_({names})[= ]' /boot/config-$(uname -r)")


def _packages(suffix: str) -> Ask:
    shape = "${db:Status-Abbrev}|${Package}|${Version}\\n"
    return Ask.run("dpkg-query", "-W", "-f", shape, f"linux-image-*{suffix}", f"linux-headers-*{suffix}")


def _own(suffix: str) -> Ask:
    return Ask.shell(f'f=$(ls -v /boot/config-*{suffix} 2>/dev/null | tail -n1); [ -z "$f" ] || cat "$f"')


def _debian(suffix: str, base: str) -> Ask:
    """Debian's newest, not the running one: after the first start that is one's own, and a kernel
    must not be built from itself for ever."""
    newest = f"f=$(ls -v /boot/config-* 2>/dev/null | grep -v -e '{suffix}$' | tail -n1); echo \"$f\""
    return Ask.shell(f'{newest}; [ -z "$f" ] || cat "$f"' if base == "running" else newest)
