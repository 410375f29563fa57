"""What `hide_devices` asks besides the survey, answered as on a host where all is ready for it."""

from __future__ import annotations

from runbook.facts import files, modules
from runbook.model.ask import MISSING, Answer, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps.xen_configuration import hide_devices
from tests.machines.answers import Seen
from tests.survey.machines import params

_UPDATE = "/usr/sbin/update-initramfs"
_IMAGES = "kernel vmlinuz-6.12.1-amd64 9000000\nimage initrd.img-6.12.1-amd64 40000000\n"


def wanted(now: Seen, *bdfs: str, **more: object) -> HostParams:
    """Return parameters that hide some devices of a machine, each pinned by its id."""
    ids = {d.bdf: d.id for d in now.form.devices}
    policy = {m.device.bdf: "relaxed" if m.needs_rdm else "strict" for g in now.groups for m in g.members}
    return params(*({"bdf": b, "id": ids[b], "rdm_policy": policy.get(b, "strict")} for b in bdfs), **more)


def plan(now: Seen, *bdfs: str) -> Plan:
    """Return the plan of 06 that hides some devices of a machine."""
    asked = wanted(now, *bdfs)
    return hide_devices.plan(asked, _facts(now, asked))


def _facts(now: Seen, asked: HostParams) -> Facts:
    claims, images, *read = modules.commands(asked)
    lines = []
    for bdf in sorted(d.bdf for d in asked.passthrough.devices):
        device = now.read.device(bdf)
        lines += (
            [f"= {bdf} {device.id} {device.driver}", f"claims {' '.join(device.modules)}"] if device else []
        )
    there = {
        claims: Answer(0, "\n".join([*lines, "pciback"]) + "\n"), images: Answer(0, _IMAGES),
        **{ask: Answer(MISSING) for ask in read},
        files.commands(_UPDATE)[0]: Answer(0, f"755 root:root f {_UPDATE}\n"),
    }  # fmt: skip
    missing = {
        ask: Answer(127) for ask in hide_devices.asks(asked) if ask not in now.facts and ask not in there
    }
    return Facts({**now.facts, **missing, **there})
