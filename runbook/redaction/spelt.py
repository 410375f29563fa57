"""Secrets by how they are spelt: what stands behind a word such as `password`, whoever wrote it."""

from __future__ import annotations

import re

ASSIGNED = re.compile(
    r"""(?ix) (?<![\w-]) ( "? [\w-]* (?<!no) (?:passwd|password|passphrase|psk|secret|token)
        "? (?: \s* [:=] \s* | \ (?=["']) ) ) (" [^"\n]+ " | ' [^'\n]+ ' | [^\s,;"'\[{]+ )"""
)
# netplan's and networkd's WireGuard keys are 32 bytes in base64; ifupdown's wireless words stand before a blank.
NETWORK = re.compile(
    r"""(?imx) ( ^ \s* (?:wpa-(?:psk|passwd|password)|wireless-key\d?) [ \t]+ (?=\S)
        | (?<![\w-]) (?:private|shared|preshared)? -?_? keys? \s* [:=] \s* (?=["']?[\w+/]{43}=)
        | (?<![\w-]) (?:private|shared) \s* : \s* (?=["']?[\w+/]{43}=) ) (\S+)"""
)
"""What the files of network managers hold beside."""

# GRUB's own words (`info grub`, security), which PAM's lines of the same beginning are not; and a program's option.
SPOKEN = re.compile(
    r"""(?imx) ( ^ [ \t]* password (?:_pbkdf2)? [ \t]+ (?! (?:required|requisite|sufficient|optional|include|substack|\[) ) \S+ [ \t]+
        | (?<![\w-]) --? (?:password|passwd|passphrase|token|secret|psk) [ \t]+ (?=["']?\w)
        | \b (?= grub\.pbkdf2\.) ) (\S+)"""
)
"""What stands behind a word without a sign between."""


def holds(text: str) -> bool:
    """Return whether a text holds a secret by its spelling.

    >>> holds("      password: open-sesame\\n"), holds("PrivateKey=" + "A" * 43 + "=\\n"), holds("[IPv6AcceptRA]\\nToken=eui64")
    (True, True, False)
    """
    # A network's `Token=` is half an address, and no secret.
    spelt = any(not re.search(r"(?i)token\W*$", match[1]) for match in ASSIGNED.finditer(text))
    return spelt or NETWORK.search(text) is not None
