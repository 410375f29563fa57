"""The files that GRUB's menu is made from, as a shell reads them: editors of other systems leave what it stumbles over."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

COMMANDS = (
    Ask.shell(
        "cr=$(printf '\\r'); "
        'for file in /etc/default/grub /etc/default/grub.d/*.cfg; do [ -f "$file" ] || continue; '
        'case $(head -c 3 -- "$file" | od -A n -t x1) in *"ef bb bf"*) echo "mark $file";; esac; '
        '! grep -q "$cr\\$" -- "$file" || echo "ends $file"; done; '
        'for file in /etc/grub.d/*; do [ -f "$file" ] && [ -x "$file" ] || continue; '
        '! head -n 1 -- "$file" | grep -q "^#!.*$cr\\$" || echo "ends $file"; done; true'
    ),
)


@dataclass(frozen=True)
class GrubSources:
    """What grub-mkconfig(8) does not get on with; nothing where nobody asked."""

    marked: tuple[str, ...] = ()
    """Files of GRUB's defaults that begin with a byte order mark."""
    ends: tuple[str, ...] = ()
    """Files with line ends of Windows, CR LF: of GRUB's defaults, and scripts whose first line has one."""


def parse(facts: Facts) -> GrubSources:
    r"""Return what the facts say.

    >>> from runbook.model.ask import Answer
    >>> said = "mark /etc/default/grub\nends /etc/default/grub\nends /etc/default/grub.d/my own.cfg\n"
    >>> parse(Facts({COMMANDS[0]: Answer(0, said)})).ends
    ('/etc/default/grub', '/etc/default/grub.d/my own.cfg')
    """
    said = facts[COMMANDS[0]].out if COMMANDS[0] in facts else ""
    rows = [line.partition(" ") for line in said.split("\n")]
    return GrubSources(*(tuple(path for what, _, path in rows if what == name) for name in ("mark", "ends")))
