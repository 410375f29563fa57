"""Words inside one device of an xl.cfg that xl skips, or reads as something else than they say.

Source: xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5), xl.cfg(5), and
xl's own parsers, 4.17 and 4.20, which the tests ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.guests import disk_spec, pci_spec, vif_spec
from runbook.guests.refusals_devices import texts
from runbook.guests.syntax import Config
from runbook.model.plan import Finding


def wrong(config: Config, release: str) -> list[Finding]:
    """Return a finding for each device with a word that the release's xl skips."""
    found = [f for spec in texts(config, "disk") for f in _disk(spec, release)]
    found += [f for spec in texts(config, "vif") for f in _card(spec, release)]
    found += [f for spec in texts(config, "pci") for f in _passed(spec)]
    return [*found, *_channels(config), *_reserved(config)]


def _disk(spec: str, release: str) -> Iterator[Finding]:
    read = disk_spec.parse(spec, release)
    manual = "xl-disk-configuration(5)"
    if read.wrong:
        return
    if not read.target and not read.is_cdrom and read.format != "empty":
        yield _skipped(f"the disk `{spec}`: it has no target", "name the volume or file that it is", manual)
    if not read.vdev:
        yield _skipped(f"the disk `{spec}`: it is no drive", "add vdev=hda, or hdb and so on", manual)


def _card(spec: str, release: str) -> Iterator[Finding]:
    manual = "xl-network-configuration(5)"
    for word in vif_spec.parse(spec, release).skipped:
        key = word.partition("=")[0]
        if key == "mac":
            continue  # of an address more is said elsewhere
        if key == "type":
            what, do = f"type cannot be `{word.partition('=')[2]}`", "write ioemu or vif, or remove it"
        elif key == "vlan":
            what, do = (
                "Xen 4.17 knows no vlan",
                "remove it, and let the bridge's own port set the VLAN (bridge(8))",
            )
        else:
            what, do = f"there is no option {key}", f"known are {', '.join(sorted(vif_spec.keys(release)))}"
        yield _skipped(f"the network card `{spec}`: {what}", do, manual)


def _passed(spec: str) -> Iterator[Finding]:
    for key, value in pci_spec.parse(spec).options.items():
        if key in ("permissive", "msitranslate", "seize", "power_mgmt") and value not in ("0", "1"):
            what = f"`{spec}`: {key} cannot be `{value}`"
            yield _skipped(what, f"write {key}=1 or {key}=0", "xl-pci-configuration(5)")


def _channels(config: Config) -> Iterator[Finding]:
    for spec in texts(config, "channel"):
        for word in filter(None, spec.split(",")):
            key = word.partition("=")[0].strip()
            if key not in ("backend", "name", "path", "connection"):
                yield _skipped(
                    f"channel has `{spec}`: there is no {key}", "see channel in xl.cfg(5)", "xl.cfg(5)"
                )


def _reserved(config: Config) -> Iterator[Finding]:
    value = config.text("rdm")
    if value and not re.fullmatch(
        r"(?:strategy=\w+|policy=(?:strict|relaxed))(?:, *(?:strategy|policy)=\w+)?", value
    ):
        yield _skipped(f'rdm is "{value}"', 'write "strategy=host,policy=relaxed"', "xl.cfg(5)")


def _skipped(what: str, do: str, source: str) -> Finding:
    return Finding("fail", what, "xl skips the word, or reads another, without stopping", do, source)
