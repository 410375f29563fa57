"""Paths: of files here on the controller, and there on the host."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def controller_path(text: str) -> str:
    """Return a path on the controller. Raises `ValueError` for what is none."""
    if not text.strip() or any(len(part.encode()) > 255 for part in text.split("/")):
        raise ValueError(
            f"'{text[:40]}' is not a path; write one that is relative to the project, or from / on"
        )
    return text


def tarball_path(text: str) -> str:
    """Return the whole path of a tar archive on the controller. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"/.*\.tar\.(xz|gz|zst)", text) or _climbs(text):
        raise ValueError(
            f"'{text}' is not the path of a tar archive; write the whole path of a .tar.xz, .tar.gz or .tar.zst"
        )
    return controller_path(text)


def iso_path(text: str) -> str:
    """Return an absolute path that can stand in an xl.cfg. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"/[^\"\\\x00-\x1f]+", text) or _climbs(text) or text.endswith("/"):
        raise ValueError(
            f"'{text}' is not a file on the host; write its path from / on, like /srv/iso/debian.iso"
        )
    return controller_path(text)


def image_path(text: str) -> str:
    """Return the whole path of a disk image on the controller. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"/[^\"\\\x00-\x1f]+\.(qcow2|img|raw)", text) or _climbs(text):
        raise ValueError(
            f"'{text}' is not the path of a disk image; write the whole path of a .qcow2, .img or .raw"
        )
    return controller_path(text)


def _climbs(text: str) -> bool:
    return ".." in text.split("/")


ControllerPath = Annotated[str, AfterValidator(controller_path)]
TarballPath = Annotated[str, AfterValidator(tarball_path)]
IsoPath = Annotated[str, AfterValidator(iso_path)]
