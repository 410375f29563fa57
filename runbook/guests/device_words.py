"""The words inside one device of an xl.cfg: of a disk, a network card, a passed-through device, others.

Source: xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5), xl.cfg(5), and
xl's own parsers, 4.17 and 4.20, which the tests ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.guests.devices import words_of
from runbook.guests.syntax import Config
from runbook.model.plan import Finding

_DISK: dict[str, str] = {
    "format": "raw|qcow|qcow2|vhd|qed|empty|",
    "access": "r|ro|rw|w|",
    "devtype": "cdrom|disk",
    "backendtype": "phy|tap|qdisk|standalone",
    "specification": "xen|virtio",
    "vdev": ".+",
    "backend": ".*",
    "script": ".*",
    "grant_usage": "[01]",
}
_DISK_FLAGS = frozenset({
    "cdrom", "direct-io-safe", "discard", "no-discard", "trusted", "untrusted", "colo", "no-colo",
})  # fmt: skip
_PREFIXES = frozenset({
    "raw", "qcow", "qcow2", "vhd", "iscsi", "nbd", "enbd", "drbd", "tapdisk", "tap", "tap2", "aio",
    "ioemu", "file", "phy",
})  # fmt: skip
_CARD = frozenset({
    "type", "mac", "bridge", "gatewaydev", "netdev", "ip", "script", "backend", "vifname", "model", "rate",
    "accel", "devid", "mtu", "vlan",
})  # fmt: skip
_CARD_FLAGS = frozenset({"trusted", "untrusted"})
_PCI: dict[str, str] = {
    "permissive": "[01]",
    "msitranslate": "[01]",
    "seize": "[01]",
    "power_mgmt": "[01]",
    "rdm_policy": "strict|relaxed",
}
_OTHERS: dict[str, str] = {
    "irqs": r"\d+",
    "ioports": r"[0-9a-fA-F]{1,4}(?:-[0-9a-fA-F]{1,4})?",
    "iomem": r"[0-9a-fA-F]+,[0-9a-fA-F]+(?:@[0-9a-fA-F]+)?",
    "usbctrl": r"(?:(?:type=(?:auto|pv|devicemodel|qusb)|version=\d+|ports=\d+|backend=[^,]*+),? *)*",
    "usbdev": r"(?:(?:type=hostdev|hostbus=\d+|hostaddr=\d+|controller=\d+|port=\d+),? *)*",
    "channel": r".*\bconnection=(?:pty\b.*|socket\b.*path=.*)|.*path=.*connection=socket.*",
    "vtpm": r".*\bbackend=.+",
    "p9": r"(?:(?:tag|security_model|path|backend|type|max-files|max-open-files|max-space|auto-delete)=[^,]*+,? *)+",
    "smbios": r"[a-z0-9_-]+=.*",
    "mca_caps": "lmce",
}


def wrong(config: Config) -> list[Finding]:
    """Return a finding for each device with a word that xl refuses or skips."""
    found = [f for spec in config.items("disk") for f in _disk(spec)]
    found += [f for spec in config.items("vif") for f in _card(spec)]
    found += [f for spec in config.items("pci") for f in _passed(spec)]
    return [*found, *_others(config), *_reserved(config)]


def _disk(spec: str) -> Iterator[Finding]:
    """Say what xl-disk-configuration(5) does not allow; `target=` takes the rest of the text."""
    before, named, target = spec.partition("target=")
    options = words_of(before)
    for key, value in options.items():
        if not re.fullmatch(_DISK.get(key, "(?!)"), value):
            known = f"write {_DISK[key]}" if key in _DISK else f"known are {', '.join(_DISK)}"
            yield _bad_disk(spec, f"there is no {key}={value}", known)
    parts = [part.strip() for part in before.split(",")]
    if named or parts[-1] == "":
        parts = parts[:-1]
    places = [part for part in parts if "=" not in part and part not in _DISK_FLAGS]
    if named:
        places.insert(0, target.strip())
    yield from _disk_in_order(spec, options, *places)


def _disk_in_order(spec: str, options: dict[str, str], target: str = "", *rest: str) -> Iterator[Finding]:
    """Say what is wrong with the words that count by their place: target, format, drive, access."""
    prefix = re.match(r"([a-z][a-z0-9]*):/", target)
    if prefix and prefix[1] not in _PREFIXES:
        yield _bad_disk(spec, f"there is no {prefix[1]}:", "write the path alone")
    # With the format told already, or an old prefix such as `phy:`, the drive comes next.
    kind, drive, access, *more = [*([""] if prefix or "format" in options else []), *rest, "", "", ""]
    if not target and "empty" not in (kind, options.get("format")) and "cdrom" not in spec:
        yield _bad_disk(spec, "it has no target", "name the volume or file that it is")
    if not re.fullmatch(_DISK["format"], kind):
        yield _bad_disk(spec, f"there is no format {kind}", "write raw")
    if not (drive or "vdev" in options):
        yield _bad_disk(spec, "it is no drive", "add vdev=hda, or hdb and so on")
    if not re.fullmatch(_DISK["access"], access):
        yield _bad_disk(spec, f"there is no access {access}", "write r or rw")
    if any(more):
        yield _bad_disk(spec, "there are too many words", f"remove `{more[0]}`")


def _bad_disk(spec: str, what: str, do: str) -> Finding:
    return _fail(f"the disk `{spec}`: {what}", do, "xl-disk-configuration(5)")


def _card(spec: str) -> Iterator[Finding]:
    manual = "xl-network-configuration(5)"
    parts = [part.strip() for part in spec.split(",") if part.strip()]
    for part in parts:
        key, equals, _ = part.partition("=")
        if not (key in _CARD or key.startswith("colo")) if equals else part not in _CARD_FLAGS:
            yield _fail(
                f"the network card `{spec}`: there is no option {key}",
                f"known are {', '.join(sorted(_CARD))}",
                manual,
            )
    options = words_of(spec)
    if options.get("type", "ioemu") not in ("ioemu", "vif"):
        yield _fail(f"the network card `{spec}`: type cannot be `{options['type']}`", "remove it", manual)
    rate = options.get("rate", "1MB/s")
    if not re.fullmatch(r"[1-9]\d*[GMK]?[Bb]/s(?:@\d+(?:ms|us|s))?", rate):
        yield _fail(f"the network card `{spec}`: rate cannot be `{rate}`", "write it like 10Mb/s", manual)


def _passed(spec: str) -> Iterator[Finding]:
    manual = "xl-pci-configuration(5)"
    for key, value in words_of(spec).items():
        if key in _PCI and not re.fullmatch(_PCI[key], value):
            yield _fail(f"`{spec}`: {key} cannot be `{value}`", f"write {_PCI[key]}", manual)
    for part in spec.split(",")[1:]:
        if "=" not in part:
            yield _fail(f"`{spec}`: `{part.strip()}` has no value", f"write {part.strip()}=1", manual)


def _others(config: Config) -> Iterator[Finding]:
    for key, pattern in _OTHERS.items():
        for spec in config.items(key):
            if not re.fullmatch(pattern, spec):
                yield _fail(f"{key} has `{spec}`", f"see {key} in xl.cfg(5) for its form", "xl.cfg(5)")


def _reserved(config: Config) -> Iterator[Finding]:
    value = config.text("rdm")
    if value and not re.fullmatch(
        r"(?:strategy=\w+|policy=(?:strict|relaxed))(?:, *(?:strategy|policy)=\w+)?", value
    ):
        yield _fail(f'rdm is "{value}"', 'write "strategy=host,policy=relaxed"', "xl.cfg(5)")


def _fail(what: str, do: str, source: str) -> Finding:
    return Finding("fail", what, "xl refuses the file, or skips the word without stopping", do, source)
