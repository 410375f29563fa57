"""What the host starts: kernels, hypervisor, the kept pair, and the boot menu without the versions in its names."""

from __future__ import annotations

import re

from runbook.drift.answers import runs, scripts
from runbook.drift.named import Things, listed, without_versions
from runbook.facts import grub, proved_pair, xl
from runbook.model.ask import Facts

_KERNELS = "-name 'vmlinuz-*' -printf 'kernel"


def kernel(facts: Facts) -> Things:
    """Return the running kernel, its command line, the installed ones, and its flags of the guide."""
    found = {}
    for _, answer in runs(facts, "uname", "-r"):
        found["runs"] = answer.out.strip()
    for answer in scripts(facts, _KERNELS):
        images = re.findall(r"(?m)^kernel vmlinuz-(\S+) (\d+)$", answer.out)
        found["installed"] = listed(f"{name} ({size} bytes)" for name, size in sorted(images))
    for answer in scripts(facts, "/boot/config-$(uname -r)"):
        for off, flag, value in re.findall(r"(?m)^(# )?(CONFIG_\w+)[= ](.*)$", answer.out):
            found[flag] = "n" if off else value
    words = (facts.text("/proc/cmdline") or "").split()
    found["command line"] = " ".join(
        w for w in words if w != "placeholder" and not w.startswith("BOOT_IMAGE")
    )
    return {"kernel": found}


def hypervisor(facts: Facts) -> Things:
    """Return version, command line and images of Xen."""
    info = xl.info(facts)
    words = [word for word in info.get("xen_commandline", "").split() if word != "placeholder"]
    found = {"runs": info.get("xen_version", "no"), "command line": " ".join(words)}
    for answer in [a for _, a in runs(facts, "find", "/boot", "-maxdepth", "1", "-name", "xen-*.gz")]:
        found["images"] = listed(sorted(answer.out.split()))
    return {"Xen": found}


def kept_pair(facts: Facts) -> Things:
    """Return which files of /boot the pair is that was kept when it had been proved, and whether it runs."""
    found = {}
    for answer in scripts(facts, f"d={proved_pair.FOLDER};"):
        kept = re.findall(r"(?m)^kept \S+ (\S+)$", answer.out)
        found["is"] = listed(sorted(kept)) if kept else "none"
        found["runs"] = "yes" if "runs kept" in answer.out.splitlines() else "no"
    return {"kept pair": found}


def menu(facts: Facts) -> Things:
    """Return what GRUB starts by itself, and the boot options of its first Debian and Xen entries."""
    boot_menu = grub.parse(facts)
    found = {
        "default": without_versions(boot_menu.default),
        "saved entry": without_versions(boot_menu.saved_entry) or "none",
        "once": without_versions(boot_menu.next_entry) or "none",
    }
    for name, entry in (("Debian", boot_menu.linux), ("Xen", boot_menu.xen)):
        found[f"{name}'s boot options"] = " ".join(entry.kernel_options) if entry else "no such entry"
    found["hypervisor's boot options"] = (
        " ".join(boot_menu.xen.xen_options) if boot_menu.xen else "no such entry"
    )
    return {"boot menu": found}
