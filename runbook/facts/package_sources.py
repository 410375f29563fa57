"""Which package sources answer, asked the way apt fetches: its own helper, with its proxies and its certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

LIMIT_S = 60
"""Seconds that one source may take; all are asked at once. A host at work (a build, an update) was seen to need more than 20."""

# A source is proven by its InRelease (or, where only that is missing, its Release), the file that every update begins with.
# What answers is only counted: its address is nobody's business. Names and words in an address's user part are left out.
_SOURCES = Ask.shell(f"""\
h=/usr/lib/apt/apt-helper l=/var/lib/apt/lists
[ -x $h ] || exit 0
d=$(mktemp -d) || exit
apt-get indextargets --no-release-info --format '$(BASE_URI)' 'Created-By: Packages' 2>$d/parse | sort -u >$d/all
i=0
while read -r b; do i=$((i+1)); (
  whose=unknown n=$(echo "$b" | sed 's,^[a-z+]*:/*,,; s,/$,,; s,/,_,g')
  for f in $l/${{n}}_InRelease $l/${{n}}_Release; do [ ! -e $f ] || {{ whose=other; grep -qx 'Origin: Debian' $f && whose=debian; break; }}; done
  for f in InRelease Release; do
    timeout {LIMIT_S} $h -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=8 -o Acquire::https::Timeout=8 \\
      -o APT::Sandbox::User=root download-file "$b$f" $d/$i.$f >/dev/null 2>$d/$i.err; s=$?
    [ $s != 0 ] || {{ echo answers; exit; }}
    grep -qiE '404|not found' $d/$i.err || break
  done
  [ $s != 124 ] || echo 'E: no answer within {LIMIT_S} seconds' >$d/$i.err
  echo "silent $whose $b $(sed -n 's/^E: //p' $d/$i.err | head -n1)" | sed 's,//[^/@ ]*@,//,g'
) >$d/$i.out & done <$d/all
wait
sed -n 's/^E: /broken /p' $d/parse
cat $d/*.out 2>/dev/null | sort
rm -r $d""")

COMMANDS = (_SOURCES, Ask.read("/etc/resolv.conf"))


@dataclass(frozen=True)
class Silent:
    """A source that does not answer."""

    uri: str
    is_debian: bool
    """True for an archive of Debian's own: its lists say so or, where there are none yet, its address does."""
    why: str
    """In apt's own words."""

    @property
    def is_unresolved(self) -> bool:
        """True when no name server knows its name, or none is there to be asked."""
        return "resolv" in self.why.lower()


@dataclass(frozen=True)
class Sources:
    """The package sources of a host."""

    answering: int
    silent: tuple[Silent, ...]
    broken: str
    """Why apt cannot read what its sources are; '' when it can."""
    has_name_servers: bool
    """False when /etc/resolv.conf names none, or is not there."""


def parse(facts: Facts) -> Sources:
    r"""Return the sources of the facts.

    >>> said = "silent unknown http://mirror.example/debian/dists/trixie/ Temporary failure resolving 'mirror.example'"
    >>> silent("answers\nanswers\n" + said)[0].is_debian
    True
    """
    text = facts[_SOURCES].out
    servers = re.search(r"(?m)^\s*nameserver\s+\S", facts.text("/etc/resolv.conf") or "")
    return Sources(
        answering=text.splitlines().count("answers"),
        silent=silent(text),
        broken=next(iter(re.findall(r"(?m)^broken (.*)$", text)), ""),
        has_name_servers=servers is not None,
    )


def silent(text: str) -> tuple[Silent, ...]:
    """Return the sources that did not answer."""
    # A source on a disc has blanks in its name.
    rows = re.findall(r"(?m)^silent (debian|other|unknown) (\S+?:.*?/) (.*)$", text)
    return tuple(Silent(uri, whose == "debian" or (whose == "unknown" and _is_debian(uri)), _said(uri, why))
                 for whose, uri, why in rows)  # fmt: skip


def _is_debian(uri: str) -> bool:
    """Return whether an address is one that Debian's own archives have: the folder `debian` right below the name.

    >>> _is_debian("http://mirror.example/debian/dists/trixie/"), _is_debian("https://dl.example/linux/debian/dists/trixie/")
    (True, False)
    """
    return re.match(r"[a-z+]+://(?:[^/]*\bdebian\.org/|[^/]+/debian(?:-security)?/)", uri) is not None


def _said(uri: str, why: str) -> str:
    """Return apt's words without the address that stands in them."""
    words = re.sub(r"^Failed to fetch \S+\s+", "", why).strip()
    return (
        "it is a disc" if uri.startswith("cdrom:") else words or "it did not answer, and apt did not say why"
    )
