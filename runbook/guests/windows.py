"""The answer file with which Windows installs itself in a guest (autounattend.xml, Windows' unattended setup).

Setup takes it from the root of any CD in a drive. What is answered here is what a guest of Xen needs: the disk by
its firmware, a shut-down at the power button, no half shut-down, Xen's drivers at the first log-in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree as xml

FOLDER = "xen-drivers"
"""Where the drivers lie on the disc."""
DRIVERS = ("xenbus", "xeniface", "xenvbd", "xenvif", "xennet")
"""Xen's driver packages for Windows: the bus with the clean shut-down behind it, disks, and network."""
_NAMESPACE = "urn:schemas-microsoft-com:unattend"
_WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
_DRIVES = "D E F G H"
_BYPASS = ("BypassTPMCheck", "BypassSecureBootCheck")


@dataclass(frozen=True)
class Answers:
    """What a person decides about a Windows. Both secrets stand in the file as they are: so does Windows want it."""

    computer: str
    edition: str
    """As the medium calls it, such as `Windows 11 Pro`."""
    user: str
    password: str = field(repr=False)
    firmware: Literal["bios", "uefi"] = "bios"
    key: str = field(default="", repr=False)
    """The product key; '' lets setup ask."""
    language: str = "en-US"
    keyboard: str = "0409:00000409"
    time_zone: str = "UTC"
    without_tpm: bool = False
    """Let setup pass over its demand for a TPM and Secure Boot, which no guest of xl has. Microsoft supports no such Windows 11."""


def answer_file(answers: Answers) -> str:
    """Return autounattend.xml. Every text goes through an XML writer, so none can be more than text."""
    xml.register_namespace("", _NAMESPACE)
    xml.register_namespace("wcm", _WCM)
    root = xml.Element(_tag("unattend"))
    before = _settings(root, "windowsPE")
    _languages(_component(before, "Microsoft-Windows-International-Core-WinPE"), answers, at_setup=True)
    _setup(_component(before, "Microsoft-Windows-Setup"), answers)
    special = _component(_settings(root, "specialize"), "Microsoft-Windows-Shell-Setup")
    _put(special, ComputerName=answers.computer, TimeZone=answers.time_zone)
    last = _settings(root, "oobeSystem")
    _languages(_component(last, "Microsoft-Windows-International-Core"), answers, at_setup=False)
    _first_log_in(_component(last, "Microsoft-Windows-Shell-Setup"), answers)
    xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def commands() -> tuple[str, ...]:
    """Return what runs at the first log-in: drivers, a full shut-down at the power button, and one restart.

    pnputil(1) asks nobody about signed drivers; the disc's letter is not known before.
    """
    find = f"for %d in ({_DRIVES}) do @if exist %d:\\{FOLDER}"
    return (
        f'cmd /c "{find} pnputil /add-driver %d:\\{FOLDER}\\*.inf /subdirs /install"',
        "powercfg /hibernate off",  # without it fast start-up is off as well, and a shut-down is a whole one
        "powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3",
        "powercfg /setactive scheme_current",
        "shutdown /r /t 5",
    )


def _setup(component: xml.Element, answers: Answers) -> None:
    if answers.without_tpm:
        key = r"HKLM\SYSTEM\Setup\LabConfig"
        _run(
            component, "RunSynchronous", (f"reg add {key} /v {name} /t REG_DWORD /d 1 /f" for name in _BYPASS)
        )
    disk = _add(_sub(component, "DiskConfiguration"), "Disk")
    _put(disk, DiskID="0", WillWipeDisk="true")
    parts = _partitions(answers.firmware)
    made, formed = _sub(disk, "CreatePartitions"), _sub(disk, "ModifyPartitions")
    for number, (kind, size, fmt, label) in enumerate(parts, 1):
        one = _add(made, "CreatePartition")
        _put(one, Order=str(number), Type=kind, **({"Size": size} if size else {"Extend": "true"}))
        if fmt:
            form = _add(formed, "ModifyPartition")
            _put(form, Order=str(number), PartitionID=str(number), Format=fmt, Label=label)
            _put(form, **({"Active": "true"} if label == "System" and answers.firmware == "bios" else {}))
    image = _sub(_sub(component, "ImageInstall"), "OSImage")
    _put(_add(_sub(image, "InstallFrom"), "MetaData"), Key="/IMAGE/NAME", Value=answers.edition)
    _put(_sub(image, "InstallTo"), DiskID="0", PartitionID=str(len(parts)))
    user = _sub(component, "UserData")
    if answers.key:
        _put(_sub(user, "ProductKey"), Key=answers.key, WillShowUI="OnError")
    _put(user, AcceptEula="true", FullName=answers.user)


def _partitions(firmware: str) -> tuple[tuple[str, str, str, str], ...]:
    """Return kind, size in MB ('' for the rest), format and label of each partition, as Microsoft lays a disk out."""
    if firmware == "uefi":
        return (("EFI", "260", "FAT32", "System"), ("MSR", "16", "", ""), ("Primary", "", "NTFS", "Windows"))
    return (("Primary", "350", "NTFS", "System"), ("Primary", "", "NTFS", "Windows"))


def _first_log_in(component: xml.Element, answers: Answers) -> None:
    _put(_sub(component, "OOBE"), HideEULAPage="true", HideWirelessSetupInOOBE="true", ProtectYourPC="3")
    account = _add(_sub(_sub(component, "UserAccounts"), "LocalAccounts"), "LocalAccount")
    _put(account, Name=answers.user, Group="Administrators")
    _put(_sub(account, "Password"), Value=answers.password, PlainText="true")
    logon = _sub(component, "AutoLogon")
    _put(logon, Enabled="true", LogonCount="1", Username=answers.user)
    _put(_sub(logon, "Password"), Value=answers.password, PlainText="true")
    _run(component, "FirstLogonCommands", commands())


def _languages(component: xml.Element, answers: Answers, *, at_setup: bool) -> None:
    if at_setup:
        _put(_sub(component, "SetupUILanguage"), UILanguage=answers.language)
    of = answers.language
    _put(component, InputLocale=answers.keyboard, SystemLocale=of, UILanguage=of, UserLocale=of)


def _run(component: xml.Element, kind: str, lines: Iterable[str]) -> None:
    name = "RunSynchronousCommand" if kind == "RunSynchronous" else "SynchronousCommand"
    word = "Path" if kind == "RunSynchronous" else "CommandLine"
    above = _sub(component, kind)
    for number, line in enumerate(lines, 1):
        _put(_add(above, name), Order=str(number), **{word: line})


def _settings(root: xml.Element, step: str) -> xml.Element:
    return xml.SubElement(root, _tag("settings"), {"pass": step})


def _component(settings: xml.Element, name: str) -> xml.Element:
    kind = {"processorArchitecture": "amd64", "publicKeyToken": "31bf3856ad364e35", "language": "neutral"}
    return xml.SubElement(settings, _tag("component"), {"name": name, **kind, "versionScope": "nonSxS"})


def _add(above: xml.Element, name: str) -> xml.Element:
    return xml.SubElement(above, _tag(name), {f"{{{_WCM}}}action": "add"})


def _sub(above: xml.Element, name: str) -> xml.Element:
    return xml.SubElement(above, _tag(name))


def _put(above: xml.Element, **values: str) -> None:
    for name, text in values.items():
        _sub(above, name).text = text


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
