"""The processor: model, threads, hardware virtualisation; and what Xen says of them."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.ask import Ask, Facts

_CPUINFO = Ask.shell(
    "awk '/^processor/{n++} n==1&&/^(vendor_id|model name|flags|vmx flags)/{print}"
    ' END{print "threads : " n}\' /proc/cpuinfo'
)
XL_INFO = Ask.run("xl", "info")

COMMANDS = (_CPUINFO, XL_INFO)


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

    >>> fields("vendor_id\\t: AuthenticAMD\\nmodel name\\t: AMD EPYC Processor")["model name"]
    'AMD EPYC Processor'
    """
    info = fields(facts[_CPUINFO].out)
    flags = {*info.get("flags", "").split(), *info.get("vmx flags", "").split()}
    xen = xl_info(facts)
    return Cpu(
        model=" ".join(info.get("model name", "an unknown processor").split()),
        threads=int(xen.get("nr_cpus") or info.get("threads") or 0),
        virtualisation=next((flag for flag in ("vmx", "svm") if flag in flags), ""),
        nested_paging=next((flag for flag in ("ept", "npt") if flag in flags), ""),
        xen_caps=tuple(xen.get("virt_caps", "").split()),
    )


def xl_info(facts: Facts) -> dict[str, str]:
    """Return the `name : value` lines of `xl info`, none when Xen is not running.

    >>> fields("virt_caps              : pv hvm hvm_directio pv_directio hap")["virt_caps"]
    'pv hvm hvm_directio pv_directio hap'
    """
    answer = facts[XL_INFO]
    return fields(answer.out) if answer.ok else {}


def fields(text: str) -> dict[str, str]:
    """Return the `name : value` lines of a text as a mapping; the first of a name counts."""
    result: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            result.setdefault(name.strip(), value.strip())
    return result
