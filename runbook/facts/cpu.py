"""The processor: model, threads, hardware virtualisation; and what Xen says of them."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import xl
from runbook.model.ask import Ask, Facts

_CPUINFO = Ask.shell(
    "awk '/^processor/{n++} n==1&&/^(vendor_id|model name|flags|vmx flags)/{print}"
    ' END{print "threads : " n}\' /proc/cpuinfo'
)

COMMANDS = (_CPUINFO, xl.INFO)


@dataclass(frozen=True)
class Cpu:
    """The processor as the running kernel sees it. Under Xen, dom0's kernel sees fewer flags."""

    model: str
    threads: int
    """Hardware threads of the machine (under Xen: what the hypervisor counts, not dom0's share)."""
    virtualisation: str
    """`vmx` (Intel), `svm` (AMD) or '' when the kernel does not see it."""
    nested_paging: str
    """`ept` (Intel), `npt` (AMD) or ''."""
    xen_caps: tuple[str, ...]
    """The words of `virt_caps` in `xl info`; () when no Xen answers."""


def parse(facts: Facts) -> Cpu:
    """Return the processor of the facts.

    >>> xl.fields("vendor_id\\t: AuthenticAMD\\nmodel name\\t: AMD EPYC Processor")["model name"]
    'AMD EPYC Processor'
    """
    info = xl.fields(facts[_CPUINFO].out)
    flags = {*info.get("flags", "").split(), *info.get("vmx flags", "").split()}
    xen = xl.info(facts)
    return Cpu(
        model=" ".join(info.get("model name", "an unknown processor").split()),
        threads=int(xen.get("nr_cpus") or info.get("threads") or 0),
        virtualisation=next((flag for flag in ("vmx", "svm") if flag in flags), ""),
        nested_paging=next((flag for flag in ("ept", "npt") if flag in flags), ""),
        xen_caps=tuple(xen.get("virt_caps", "").split()),
    )
