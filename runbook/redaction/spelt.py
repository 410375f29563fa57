"""Secrets by how they are spelt: what stands behind a word such as `password`, whoever wrote it."""

from __future__ import annotations

import re

_NAME = r"""(?: [\w-]* (?<!no) (?:passwd|password|passphrase|psk|secret|token) \d?
    | (?:[\w-]*[_-])? (?:pass|passcode) \d?
    | [\w-]+ [_-] pwd
    | [\w-]* (?:api|access|secret|account|application|auth|encryption|master|tsig|cf|license|signing|storage) [_-]? key (?:[_-]?id)?
    | [\w-]* wep [_-] key \d?
    | (?! CONFIG_ | [\w]*PUB) (?-i: (?:[A-Z0-9]+_)+ KEY ) )"""
"""A name of a secret. `pass` and `pwd` only as words of their own, for `bypass` and a shell's `PWD` are none."""
# A network's `Token=` is half an address, nsswitch.conf(5)'s `passwd:` names services, and `$name` is a script's.
_NO_VALUE = r"""(?! ["']? (?: eui64 | prefixstable | static: | [0-9a-f:]*:: | (?:files|compat|db|nis|systemd)\b
    | \$\( | \$\{? [A-Za-z_]\w* \}? (?=["'\s;]|$) ) )"""
_TEXT = r"""" (?:[^"\\\n]|\\.)+ " | ' (?:[^'\n]|'\\'')+ ' | \\" [^"\\\n]+ \\" """
#: A whole line, whose value may hold blanks and commas; and a whole assignment between quotes, as systemd has it.
LINE = re.compile(
    rf"(?imx) ( ^ [ \t]* (?:export[ \t]+|set[ \t]+)? {_NAME} [ \t]* = [ \t]* ) {_NO_VALUE} ( [^\s\"'\[{{] [^\n]* )"
)
QUOTED = re.compile(
    rf"(?imx) (?:(?<=[\s=])|^) ( \" {_NAME} = (?=[^\"\n]) | ' {_NAME} = (?=[^'\n]) ) {_NO_VALUE} ( (?<!')[^\"\n]+ | [^'\n]+ )"
)
ASSIGNED = re.compile(
    rf"""(?ix) (?<![\w-]) ( (?:\\?["'])? {_NAME} (?:\\?["'])? (?: [ \t]* [:=] [ \t]* | (?<!\bpass) [ \t]+ (?=["']) ) ) {_NO_VALUE}
        ( {_TEXT} | [^\s,;"'\[{{]+ )"""
)
# netplan's and networkd's WireGuard keys are 32 bytes in base64; ifupdown's wireless words stand before a blank.
NETWORK = re.compile(
    r"""(?imx) ( ^ [ \t]* (?:wpa-(?:psk|passwd|password|pin|wep-key\d?|private-key-passwd)|wireless-key\d?) [ \t]+ (?=\S)
        | (?<![\w-]) (?:private|shared|preshared)? -?_? keys? \s* [:=] \s* (?=["']?[\w+/]{43}=)
        | (?<![\w-]) (?:private|shared) \s* : \s* (?=["']?[\w+/]{43}=) ) (\S+)"""
)
"""What the files of network managers hold beside."""
# apt_preferences(5) begins with `Pin:`, too: a number of four digits and more is somebody's.
PIN = re.compile(
    r"""(?ix) (?<![\w-]) ( "? (?:[\w-]*[_-])? pin "? [ \t]* [:=] [ \t]* ["']? ) (\d{4,16}) (?![\w.])"""
)
HEADER = re.compile(
    r"""(?ix) \b ( (?:proxy-)? authorization ["']? [ \t]* [:=] [ \t]* ["']? (?: (?:bearer|basic|token|digest|apikey|negotiate) [ \t]+ )? )
        ( [^\s"']+ (?: [ \t]+ [^\s"']+ (?=["']) )? )"""
)
"""What a program is let in by at a server (RFC 9110)."""
_WORD = r"""( " [^"\n]+ " | ' [^'\n]+ ' | [^\s"'|;&]+ )"""
PROGRAMS = tuple(
    re.compile(rf"(?imx) ( {head} ) {_WORD}")
    for head in (
        r"\b sshpass [ \t]+ (?:-\w[ \t]+)*? -p [ \t]*",
        r"\b (?:mysql|mariadb)\w* (?:-\w+)? [ \t] (?:[^\n|;&]{0,400}?[ \t])?? -p (?=[^\s-])",
        r"\b curl [ \t] (?:[^\n|;&]{0,400}?[ \t])?? (?: -u [ \t]* | --(?:proxy-)?user [ \t=]+ ) [\"']? (?!https?:) [^\s:\"'|;&]+ :",
        r"\b (?:smbclient|smbget|rpcclient|net) [ \t] (?:[^\n|;&]{0,400}?[ \t])?? (?: -U [ \t]* | --user [ \t=]+ ) [\"']? [^\s%\"'|;&]+ %",
        r"\b (?:ldap(?:search|modify|add|delete|whoami)) [ \t] (?:[^\n|;&]{0,400}?[ \t])?? -w [ \t]*",
        r"\b redis-cli [ \t] (?:[^\n|;&]{0,400}?[ \t])?? -a [ \t]*",
        r"\b ipmitool [ \t] (?:[^\n|;&]{0,400}?[ \t])?? -P [ \t]*",
        r"\b nsupdate [ \t] (?:[^\n|;&]{0,400}?[ \t])?? -y [ \t]* [\"']? (?:[\w-]+:)? [\w.-]+ :",
    )
)
"""Programs that are told a secret on their command line, as their manual pages say."""
# GRUB's own words (`info grub`, security), which PAM's lines of the same beginning are not; a program's option; the keys of
# dhcpd.conf(5) and named.conf(5); netrc(5) and msmtp(1).
SPOKEN = re.compile(
    r"""(?imx) ( ^ [ \t]* password (?:_pbkdf2)? [ \t]+ (?! (?:required|requisite|sufficient|optional|include|substack|\[) ) \S+ [ \t]+
        | (?<![\w-]) --? (?:password|passwd|passphrase|token|secret|psk|api-?key|auth-?key) [ \t]+ (?=["']?\w)
        | \b secret [ \t]+ ["']? (?=[\w+/]+={0,2}["']?[ \t]*;)
        | \b login [ \t]+ \S+ [ \t]+ password [ \t]+
        | ^ [ \t]* (?:password|passphrase|secret|token) [ \t]+ (?=[^\s=:]\S*[ \t]*$)
        | \b (?= grub\.pbkdf2\.) ) ([^\s;]+)"""
)
"""What stands behind a word without a sign between."""
FORMS = re.compile(
    r"""(?x) () ( \b (?:AKIA|ASIA)[0-9A-Z]{16} \b | \b gh[opsu]_\w{36,} | \b glpat-[\w-]{20,} | \b xox[abprs]-[\w-]{10,}
        | \b AGE-SECRET-KEY-1\w{50,} | \b eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+ )"""
)
"""What is known by its own form, wherever it stands."""
PATTERNS = (HEADER, QUOTED, LINE, ASSIGNED, NETWORK, PIN, *PROGRAMS, SPOKEN, FORMS)
"""All of them: the second group of each is the secret, the first what stands before it."""


def holds(text: str) -> bool:
    """Return whether a text holds a secret by its spelling.

    >>> holds("      password: open-sesame\\n"), holds("PrivateKey=" + "A" * 43 + "=\\n"), holds("[IPv6AcceptRA]\\nToken=eui64")
    (True, True, False)
    """
    return any(pattern.search(text) for pattern in PATTERNS)
