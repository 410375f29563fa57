"""Where the makers of boards keep the settings in their menus, as data.

Names differ between models and years of one maker; they are the usual places, to search by, not
a promise. ASRock's are those of the guide's board, a Z77 Extreme9.
"""

from __future__ import annotations

SETTINGS = (
    "virtualisation",
    "iommu",
    "interrupt-remapping",
    "boot-mode",
    "secure-boot",
    "disk-mode",
    "primary-display",
    "usb-legacy",
    "above-4g",
    "resizable-bar",
    "power-loss",
)

ANYWHERE = {
    "virtualisation": "Intel Virtualization Technology, VT-x, VMX or SVM Mode, near the processor's settings",
    "iommu": "VT-d, Intel VT for Directed I/O, AMD-Vi or IOMMU, near the chipset's settings",
    "interrupt-remapping": "Interrupt Remapping or x2APIC, next to VT-d",
    "boot-mode": "CSM or Legacy Boot, in the boot menu; off means UEFI",
    "secure-boot": "Secure Boot, in the boot or security menu",
    "disk-mode": "SATA Mode: AHCI; Intel RST and VMD off",
    "primary-display": "Primary Display, Primary Graphics Adapter or Initial Display Output: onboard",
    "usb-legacy": "Legacy USB Support or Legacy USB 3.0, in the USB menu",
    "above-4g": "Above 4G Decoding, in the PCI menu",
    "resizable-bar": "Re-Size BAR or Smart Access Memory, in the PCI menu",
    "power-loss": "Restore on AC Power Loss, in the power menu",
}

_MAKERS = {
    "asrock": {
        "virtualisation": "Advanced > CPU Configuration > Intel Virtualization Technology (SVM Mode)",
        "iommu": "Advanced > North Bridge (Chipset) Configuration > VT-d (AMD: AMD CBS > NBIO > IOMMU)",
        "boot-mode": "Boot > CSM",
        "secure-boot": "Security > Secure Boot",
        "disk-mode": "Advanced > Storage Configuration > SATA Mode",
        "primary-display": "Advanced > North Bridge (Chipset) Configuration > Primary Graphics Adapter",
        "usb-legacy": "Advanced > USB Configuration > Legacy USB Support, Legacy USB 3.0 Support",
        "above-4g": "Advanced > Chipset Configuration > Above 4G Decoding",
        "resizable-bar": "Advanced > Chipset Configuration > C.A.M. (Clever Access Memory)",
        "power-loss": "Advanced > Chipset Configuration > Restore on AC/Power Loss",
    },
    "asus": {
        "virtualisation": "Advanced > CPU Configuration > Intel (VMX) Virtualization Technology (SVM Mode)",
        "iommu": "Advanced > System Agent Configuration > VT-d (AMD: Advanced > AMD CBS > IOMMU)",
        "boot-mode": "Boot > CSM > Launch CSM",
        "secure-boot": "Boot > Secure Boot > OS Type: Other OS",
        "disk-mode": "Advanced > PCH Storage (SATA) Configuration > SATA Mode Selection",
        "primary-display": "Advanced > System Agent Configuration > Graphics Configuration > Primary Display",
        "usb-legacy": "Advanced > USB Configuration > Legacy USB Support",
        "above-4g": "Advanced > PCI Subsystem Settings > Above 4G Decoding",
        "resizable-bar": "Advanced > PCI Subsystem Settings > Re-Size BAR Support",
        "power-loss": "Advanced > APM Configuration > Restore AC Power Loss",
    },
    "gigabyte": {
        "virtualisation": "Tweaker > Advanced CPU Settings > SVM Mode (VMX)",
        "iommu": "Settings > Miscellaneous > VT-d (IOMMU)",
        "boot-mode": "Boot > CSM Support",
        "secure-boot": "Boot > Secure Boot",
        "disk-mode": "Settings > IO Ports > SATA Configuration > SATA Mode Selection",
        "primary-display": "Settings > IO Ports > Initial Display Output",
        "usb-legacy": "Settings > IO Ports > USB Configuration > Legacy USB Support",
        "above-4g": "Settings > IO Ports > Above 4G Decoding",
        "resizable-bar": "Settings > IO Ports > Re-Size BAR Support",
        "power-loss": "Settings > Platform Power > AC BACK",
    },
    "msi": {
        "virtualisation": "OC > CPU Features > Intel Virtualization Tech (SVM Mode)",
        "iommu": "OC > CPU Features > Intel VT-D Tech (IOMMU)",
        "boot-mode": "Settings > Advanced > Windows OS Configuration > BIOS UEFI/CSM Mode",
        "secure-boot": "Settings > Security > Secure Boot",
        "disk-mode": "Settings > Advanced > Integrated Peripherals > SATA Mode",
        "primary-display": "Settings > Advanced > Integrated Graphics Configuration > Initiate Graphic Adapter",
        "usb-legacy": "Settings > Advanced > USB Configuration > Legacy USB Support",
        "above-4g": "Settings > Advanced > PCI Subsystem Settings > Above 4G memory",
        "resizable-bar": "Settings > Advanced > PCI Subsystem Settings > Re-Size BAR Support",
        "power-loss": "Settings > Advanced > Power Management Setup > Restore after AC Power Loss",
    },
    "supermicro": {
        "virtualisation": "Advanced > CPU Configuration > Intel Virtualization Technology (SVM Mode)",
        "iommu": "Advanced > Chipset Configuration > North Bridge > IIO > Intel VT for Directed I/O",
        "boot-mode": "Boot > Boot Mode Select",
        "secure-boot": "Security > Secure Boot",
        "disk-mode": "Advanced > SATA Configuration > Configure SATA as",
        "primary-display": "Advanced > PCIe/PCI/PnP Configuration > VGA Priority",
        "usb-legacy": "Advanced > USB Configuration > Legacy USB Support",
        "above-4g": "Advanced > PCIe/PCI/PnP Configuration > Above 4G Decoding",
        "power-loss": "Advanced > Boot Feature > Restore on AC Power Loss",
    },
    "dell": {
        "virtualisation": "Virtualization Support > Virtualization",
        "iommu": "Virtualization Support > VT for Direct I/O",
        "boot-mode": "General > Boot Sequence > Boot List Option",
        "secure-boot": "Secure Boot > Secure Boot Enable",
        "disk-mode": "System Configuration > SATA Operation",
        "primary-display": "Video > Primary Display",
        "usb-legacy": "System Configuration > USB Configuration > Enable USB Boot Support",
        "power-loss": "Power Management > AC Recovery",
    },
    "hp": {
        "virtualisation": "Advanced > System Options > Virtualization Technology (VTx)",
        "iommu": "Advanced > System Options > Virtualization Technology for Directed I/O (VTd)",
        "boot-mode": "Advanced > Secure Boot Configuration > Legacy Support",
        "secure-boot": "Advanced > Secure Boot Configuration > Secure Boot",
        "disk-mode": "Advanced > System Options > SATA Emulation",
        "power-loss": "Advanced > Boot Options > After Power Loss",
    },
    "lenovo": {
        "virtualisation": "Security (Advanced) > Virtualization > Intel Virtualization Technology",
        "iommu": "Security (Advanced) > Virtualization > Intel VT-d Feature",
        "boot-mode": "Startup > UEFI/Legacy Boot, CSM Support",
        "secure-boot": "Security > Secure Boot",
        "disk-mode": "Devices > ATA Drive Setup > Configure SATA as",
        "primary-display": "Devices > Video Setup > Select Active Video",
        "usb-legacy": "Devices > USB Setup > USB Legacy Support",
        "power-loss": "Power > After Power Loss",
    },
}  # fmt: skip


def maker_of(board: str) -> str:
    """Return the maker whose menus fit a board's name as the firmware gives it, 'other' when none does.

    >>> maker_of("ASRock Z77 Extreme9"), maker_of("ASUSTeK COMPUTER INC. PRIME Z790-P"), maker_of("QEMU")
    ('asrock', 'asus', 'other')
    """
    makers = {"asrock": "asrock", "asustek": "asus", "giga": "gigabyte", "micro-star": "msi", "msi": "msi",
             "supermicro": "supermicro", "dell": "dell", "hewlett": "hp", "hp": "hp", "lenovo": "lenovo"}  # fmt: skip
    first = board.lower().replace("_", " ").split(" ")[0]
    return next((maker for word, maker in makers.items() if first.startswith(word)), "other")


def place(maker: str, setting: str) -> str:
    """Return where a maker keeps a setting, or what to look for when that is not known."""
    return _MAKERS.get(maker, {}).get(setting) or ANYWHERE[setting]
