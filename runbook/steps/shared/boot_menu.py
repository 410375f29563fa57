"""The words of the Xen entry in GRUB's menu, and the two files that make GRUB write them."""

from __future__ import annotations

from runbook.facts.boot_next import ESP, BootNext
from runbook.facts.grub import Grub
from runbook.facts.grub_sources import GrubSources
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared import byte_order_mark

FOLDER = "/etc/default/grub.d"
KEEP_DEFAULT_FILE = f"{FOLDER}/00-xen-passthrough.cfg"
KEEP_DEFAULT = """\
# Read before Debian's own xen.cfg, which would make Xen the default entry by its title.
XEN_OVERRIDE_GRUB_DEFAULT=0
"""
OPTIONS_FILE = f"{FOLDER}/zz-xen-passthrough.cfg"
_CONSOLE = ("console=", "com1=", "com2=", "vga=", "dbgp=", "ehci-dbgp=")


def xen_always(params: HostParams) -> tuple[str, ...]:
    """Return the hypervisor's words in every entry, recovery too: dom0's memory and the consoles.

    Without `max:` dom0 may grow over all memory (H613); without its console nobody sees a recovery.
    """
    mib = params.dom0.memory_mib
    return (f"dom0_mem={mib}M,max:{mib}M", *(w for w in params.xen.options if w.startswith(_CONSOLE)))


def xen_normal(params: HostParams) -> tuple[str, ...]:
    """Return the hypervisor's further words in all but the recovery entries."""
    own = (f"dom0_max_vcpus={params.dom0.max_vcpus}", f"iommu={params.xen.iommu}", "ucode=scan")
    return (*own, *(w for w in params.xen.options if not w.startswith(_CONSOLE)))


def kernel_always(params: HostParams) -> tuple[str, ...]:
    """Return dom0's consoles: words of its kernel in every Xen entry."""
    return tuple(w for w in params.dom0.kernel_options if w.startswith("console="))


def kernel_normal(params: HostParams) -> tuple[str, ...]:
    """Return the further words of dom0's kernel: the hide list, and a restart 30 s after a panic (H618).

    The way back from a wrong hide list is the plain Debian entry, where xen-pciback does not load (H616).
    """
    hidden = hide_list(params)
    others = tuple(w for w in params.dom0.kernel_options if not w.startswith("console="))
    return (*((f"xen-pciback.hide={hidden}",) if hidden else ()), "panic=30", *others)


def hide_list(params: HostParams) -> str:
    """Return the devices as the parameter `hide=` takes them, sorted: `(0000:03:00.0)(0000:03:00.1)`."""
    return "".join(f"({bdf})" for bdf in sorted(d.bdf for d in params.passthrough.devices))


def foreseen_entry(now: Grub) -> str:
    """Return the name of the Xen entry; before Xen is there the one that Debian's scripts will make of the plain entry's.

    /etc/grub.d/20_linux_xen puts `xen-` before the id that 10_linux gives.

    >>> foreseen_entry(Grub((), "", "", "", (), (), can_write_choice=True))
    'xen-gnulinux-simple-…'
    """
    if now.xen is not None:
        return now.xen.path
    return f"xen-{now.linux.path}" if now.linux else "xen-gnulinux-simple-…"


def options_file(params: HostParams, *, beside: bool = False) -> str:
    """Return the drop-in that gives the Xen entries their options and lets a saved entry be the default.

    `beside` keeps the options that other files give Xen. Ours stand behind them: of two the later counts.
    """
    always, normal = ("${GRUB_CMDLINE_XEN} ", "${GRUB_CMDLINE_XEN_DEFAULT} ") if beside else ("", "")
    lines = [
        "# Changed by the runbook; the words come from params dom0, xen and passthrough.",
        "GRUB_DEFAULT=saved",
        f'GRUB_CMDLINE_XEN="{always}{" ".join(xen_always(params))}"',
        f'GRUB_CMDLINE_XEN_DEFAULT="{normal}{" ".join(xen_normal(params))}"',
    ]
    for more, words in (("", kernel_always(params)), ("_DEFAULT", kernel_normal(params))):
        # What its owner put in the place of Linux's words stays there; else Linux's own stay.
        own, linux = f"GRUB_CMDLINE_LINUX_XEN_REPLACE{more}", f"GRUB_CMDLINE_LINUX{more}"
        if words:
            lines.append(f'{own}="${{{own}:-${{{linux}}}}} {" ".join(words)}"')
    return "\n".join(lines) + "\n"


def default_again(saved: str) -> tuple[str, ...]:
    """Return the command that makes an entry the saved default again, '' for none."""
    return ("grub-set-default", saved) if saved else ("grub-editenv", "-", "unset", "saved_entry")


def not_under_xen(now: Grub) -> Finding:
    """Return why the host may have come up without Xen, and what to look at."""
    if now.next_entry:
        why = (
            f"the entry chosen for once, {now.next_entry}, was not used: the machine was not restarted, "
            "or not by this GRUB"
        )
        do = (
            "run the step boot_xen_once in mode apply; if it was, see with `efibootmgr -v` which boot "
            "loader the firmware starts"
        )
    else:
        why = (
            "no entry is chosen for once, so either Xen was never started, or it was and gave up; "
            "in both cases the safe default brought plain Debian back, and nothing is lost"
        )
        do = (
            "if Xen was started: read its last words on the screen or the serial console; with "
            "iommu=required it stops when "
            "the firmware has VT-d or AMD-Vi off, and Secure Boot keeps GRUB from loading it. Then run "
            "06_xen_configuration again"
        )
    return Finding("fail", "The host runs plain Debian, not Xen", why, do, "H618")


def unreadable(now: GrubSources) -> list[Finding]:
    """Return a reason to refuse for each file by which `update-grub` would end, or write what nobody meant."""
    ends = "`update-grub` ends before it writes a menu, and Xen's packages, which run it, stay half installed"
    return [
        *byte_order_mark.refused(now.marked, ends),
        *byte_order_mark.windows_ends(
            now.ends, f"{ends}; where it does not, the words that it writes end with a sign that nobody sees"
        ),
    ]


def no_grub(seen: str) -> Finding:
    """Return that this host cannot be given a menu entry for Xen, and how it comes to one."""
    return Finding(
        "refuse",
        "This host does not boot with GRUB",
        f"{seen}; Xen is started by an entry of GRUB's menu, for once at first, and the way back to plain Debian is "
        "GRUB's too",
        "run `apt-get install grub-efi-amd64` and `grub-install` (`grub-pc`, and `grub-install /dev/…` with the disk, on a "
        "machine that starts the BIOS way), then `update-grub`; restart the host, see with `efibootmgr` that `debian` "
        "stands first in BootOrder, then run again",
        "H618",
    )


def by_the_firmware(place: str) -> Finding:
    """Return that this host's GRUB can start nothing for once only, and the firmware does it instead."""
    return Finding(
        "info",
        "Xen's first start is chosen by the firmware, not by GRUB",
        f"/boot is on {place}, where GRUB could not clear a choice for once; UEFI forgets its own before it starts "
        "what it names",
        "nothing; 06_xen_configuration makes an entry of the firmware's for it",
        "H618",
    )


def choice_would_stay(place: str, once: BootNext) -> Finding:
    """Return that neither this host's GRUB nor its firmware can start something once, and how the host comes to it."""
    return Finding(
        "refuse",
        "GRUB could not clear a choice for once on this /boot",
        f"/boot is on {place}, and GRUB writes only to plain partitions, not to LVM, RAID, btrfs or ZFS; the firmware "
        f"cannot choose for once either: {once.obstacle}. Every later boot would start Xen, with no way back",
        _way_to_once(once),
        "H618",
    )


def _way_to_once(once: BootNext) -> str:
    """Return what to do so that a choice for once can be made, and cleared."""
    if once.missing and once.is_uefi:
        names = " ".join(sorted({_PACKAGES.get(name, name) for name in once.missing}))
        return f"run `apt-get install {names}` on the host: the firmware can choose for once then; run again"
    if once.is_uefi and not all(once.esp):
        return (
            f"mount the EFI system partition at {ESP} with a line in /etc/fstab (`lsblk -o NAME,FSTYPE,PARTTYPENAME` "
            "shows it); the firmware can choose for once then; run again"
        )
    return (
        "put /boot on a plain partition of its own with ext4, 1 GiB: make it on the disk that the machine starts from, "
        "`mkfs.ext4` it, `cp -a /boot/.` to it, give it a line in /etc/fstab and mount it, then `grub-install` (with the "
        "disk, on a machine that starts the BIOS way) and `update-grub`; run again"
    )


_PACKAGES = {"grub-mkstandalone": "grub-common"}
