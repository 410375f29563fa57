"""The installer as an image: boots on UEFI from a stick, asks nothing, installs one host."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runbook import releases
from runbook.controller.apt_sources import AptSource, mirror_options, own_sources
from runbook.errors import ParamsError, Refused, RunbookError
from runbook.installation import cpio, pieces, preseed, scripts, stick
from runbook.installation.archive import Archive, contents
from runbook.installation.layout import layout
from runbook.params import HostParams
from runbook.params.secrets import password_hash

Say = Callable[[str], None]
NETBOOT = "./usr/lib/debian-installer/images/{debian}/amd64/text/debian-installer/amd64/"
GRUB = "./usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"
#: GRUB as one EFI program; the first package has it since Debian 13, the second had it before.
GRUB_PACKAGES = "grub-efi-amd64-(unsigned|bin)"
TOOLS = {"apt-get": "apt", "dpkg-deb": "dpkg"} | stick.TOOLS


@dataclass(frozen=True)
class Image:
    """A finished image."""

    path: Path
    sha256: str
    size_mib: int
    taken_from_packages: tuple[str, ...]
    """The installer's components that the mirror lacks and ordinary packages stand in for."""


def build(params: HostParams, out: Path, work: Path, say: Say) -> Image:
    """Write the installer's image of one host to `out`; packages are kept under `work`.

    Raises `RunbookError`: a tool or package is missing, the parameters leave no way to log in.
    """
    _require(params)
    if out.exists() and not out.is_file():
        raise ParamsError(
            f"{out} is no file",
            why="the image is written to a file first",
            do="copy it to the stick afterwards",
        )
    release = releases.get(params.release)
    sources = _sources(params)
    archive = Archive(work / f"archive-{params.release}", sources)
    say("fetching the package lists")
    suite = archive.update(release.suite)
    if suite:
        say(f"the mirror's list of installer components is whole under the name {suite} only; it is used")
    secret = _hash(params)
    say(f"fetching the installer of Debian {release.debian}")
    kernel, initrd = _netboot(archive, release.debian)
    base = list(cpio.unpack(initrd))
    completion = pieces.complete(archive, base, say)
    answers = preseed.Answers(_mirror(params, sources, suite), secret, completion.has_modules)
    added = pieces.beside(base, [*completion.entries, *_answers(params, answers)])
    say("writing the image")
    boot = {
        "grubx64.efi": _grub(archive),
        "grub.cfg": menu(params).encode(),
        "linux": kernel,
        "initrd.gz": initrd + bytes(-len(initrd) % 4) + cpio.pack(added),
    }
    stick.write(out, boot, work)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    return Image(out, digest, out.stat().st_size // stick.MIB, completion.names)


def menu(params: HostParams) -> str:
    """Return GRUB's menu: one entry, started by itself, that says what will be overwritten."""
    wanted = params.installation
    own = "auto=true priority=critical"
    if any("ttyS" in option for option in wanted.kernel_options):
        # A serial line is read as a log: plain lines, no screen(1) that draws on it, and one language.
        own += " DEBIAN_FRONTEND=text TERM=dumb DEBCONF_DROP_TRANSLATIONS=1"
    name = f"hostname={params.host} domain={wanted.domain}"
    options = " ".join(("---", *wanted.kernel_options, "quiet"))
    return (
        "set timeout=10\nset default=0\nterminal_input console\nterminal_output console\n"
        f"menuentry 'Install Debian on {params.host}: {wanted.disk} is overwritten' {{\n"
        f"  linux /linux {own} {name} {options}\n  initrd /initrd.gz\n}}\n"
        "menuentry 'Do nothing; go on with the next disk' {\n  exit 1\n}\n"
    )


def _require(params: HostParams) -> None:
    if releases.get(params.release).reproduction:
        raise Refused(
            f"{params.release} is here to be studied, not to be installed",
            why="it has had no security updates for years, and its installer no mirror",
            do="set `release: trixie`",
        )
    method = params.installation.method
    if method != "preseed":
        raise ParamsError(
            f"{params.host} is not to be installed by the unattended installer",
            why=f"installation.method is '{method}'",
            do="set `method: preseed`, and say in `installation` what the disk is and how it is divided",
        )
    if not params.installation.authorized_keys:
        raise ParamsError(
            f"Nobody could log in to {params.host} after the installation",
            why="installation.authorized_keys is empty, and the runbook comes in as root by key",
            do="give it the line of your .pub file; `ssh-keygen -t ed25519` makes a pair",
        )
    missing = sorted(
        {package for tool, package in TOOLS.items() if not shutil.which(tool, path=stick.search_path())}
    )
    if missing:
        raise RunbookError(
            "The installer's image needs programs that are not here",
            why=f"missing: {', '.join(missing)}",
            do=f"install them: apt-get install {' '.join(missing)}",
        )


def _sources(params: HostParams) -> tuple[AptSource, ...]:
    """Where packages come from: the parameters' mirror, else the controller's own source."""
    release, mirror = params.release, params.installation.mirror
    if mirror:
        return (AptSource((mirror,), (release, f"{release}-updates"), ("main",)),)
    try:
        return own_sources(release)
    except RunbookError as error:
        raise RunbookError(
            error.what, where=error.where, why=error.why, do="name a mirror in installation.mirror"
        ) from error


def _mirror(params: HostParams, sources: Sequence[AptSource], components_of: str) -> preseed.Mirror:
    def first(suite: str) -> str:
        return next((source.uris[0].rstrip("/") for source in sources if suite in source.suites), "")

    return preseed.Mirror(first(params.release), first(f"{params.release}-security"), components_of)


def _hash(params: HostParams) -> str:
    reference = params.installation.root_password_hash
    return password_hash(reference) if reference else preseed.LOCKED


def _netboot(archive: Archive, debian: str) -> tuple[bytes, bytes]:
    folder = NETBOOT.format(debian=debian)
    package = archive.package(f"debian-installer-{debian}-netboot-amd64")
    return _read(package, folder + "linux"), _read(package, folder + "initrd.gz")


def _grub(archive: Archive) -> bytes:
    for about in sorted(archive.about(GRUB_PACKAGES), key=lambda found: found["Package"], reverse=True):
        package = archive.package(about["Package"])
        try:
            return _read(package, GRUB)
        except RunbookError:
            continue
    raise RunbookError("GRUB's EFI program is in no package", where=GRUB_PACKAGES, why=f"none has {GRUB}")


def _read(package: Path, name: str) -> bytes:
    with contents(package) as tar:
        try:
            found = tar.extractfile(name)
        except KeyError:
            found = None
        if found is None:
            raise RunbookError(f"{package.name} is not as expected", why=f"it has no {name}")
        return found.read()


def _answers(params: HostParams, answers: preseed.Answers) -> list[cpio.Entry]:
    disk_layout = layout(params)
    keys = "".join(f"{key}\n" for key in params.installation.authorized_keys)
    before = scripts.before_partitioning(
        disk_layout, preseed.least_disk_mib(disk_layout), params.installation.overwrite, stick.NAME
    )
    options = () if params.installation.mirror else mirror_options()
    hook = cpio.file("lib/post-base-installer.d/60runbook", scripts.apt_options(options), 0o755)
    return [
        *([hook] if options else []),
        cpio.file("preseed.cfg", preseed.preseed(params, answers), 0o600),
        cpio.file("runbook/early.sh", scripts.early(answers.has_modules), 0o755),
        cpio.file("runbook/before_partitioning.sh", before, 0o755),
        cpio.file("runbook/late.sh", scripts.late(disk_layout), 0o755),
        cpio.file("runbook/authorized_keys", keys, 0o600),
    ]
