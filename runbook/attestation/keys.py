"""The operator's signing key: Ed25519, in OpenSSH's own format, so that an existing ssh key will do."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from runbook.controller import plain
from runbook.controller.allowed import config_folder
from runbook.errors import ParamsError
from runbook.text.printable import printable

ENV = "RUNBOOK_SIGNING_KEY"
"""The environment variable that names an OpenSSH private key file."""
_LINE = re.compile(r"(?![#@])(?:\S+\s+)?(ssh-ed25519 [A-Za-z0-9+/=]+)(?:\s.*)?")
_LARGEST = 64 << 10
_MAKE = f"name another with {ENV}, or make one: runbook report key"


@dataclass(frozen=True)
class PublicKey:
    """The public part: `line` is `ssh-ed25519 AAAA…`, without a comment."""

    line: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as `ssh-keygen -l` shows it.

        >>> PublicKey("ssh-ed25519 AAAA").fingerprint
        'SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw'
        """
        digest = hashlib.sha256(base64.b64decode(self.line.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def has_signed(self, signature: bytes, data: bytes) -> bool:
        """Return whether this key made that signature of the data. Raises `ValueError` when it is no key."""
        key = load_ssh_public_key(self.line.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the key is not an Ed25519 key")
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The private part."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        encoded = self.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return PublicKey(encoded.decode())

    def sign(self, data: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self.private.sign(data)


def default_path() -> Path:
    """Return where the project's own key is: `~/.config/xen-host-runbook/signing-key`."""
    return config_folder() / "signing-key"


def place() -> Path | None:
    """Return the file of the operator's key, None when there is none: reports are then not signed."""
    if named := os.environ.get(ENV):
        return Path(named).expanduser()
    return default_path() if default_path().exists() else None


def operator() -> SigningKey | None:
    """Return the operator's key, None when there is none.

    Raises `ParamsError` for a file that is no key, not Ed25519, has a passphrase or is open to others.
    """
    path = place()
    return None if path is None else load(path)


def load(path: Path) -> SigningKey:
    """Return the key of an OpenSSH private key file. Raises `ParamsError` as `operator` does."""
    try:
        with plain.opened(path, follow=True) as file:
            data, mode = file.read(_LARGEST), os.fstat(file.fileno()).st_mode
    except plain.NotPlain as error:
        raise _wrong(path, str(error), _MAKE) from None
    except OSError as error:
        raise _wrong(path, error.strerror or str(error), _MAKE) from None
    if mode & 0o077:
        raise _wrong(path, "others can read it", f"chmod 600 {path}")
    try:
        key = load_ssh_private_key(data, None)
    except Exception as error:  # its kinds differ between the library's releases
        why = f"it is no OpenSSH private key ({error})"
        if "password" in str(error):
            why = "it has a passphrase, and nobody is there to type it when a run ends"
        raise _wrong(path, why, _MAKE) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong(path, "it is not an Ed25519 key", _MAKE)
    return SigningKey(key)


def make(path: Path | None = None) -> Path:
    """Make the project's own key, readable by its owner alone, with the public part beside it in `.pub`.

    `path` is another file for it. Raises `FileExistsError` for one that is there.
    """
    path, key = path or default_path(), SigningKey(Ed25519PrivateKey.generate())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    path.with_name(f"{path.name}.pub").write_text(f"{key.public.line} xen-host-runbook\n", encoding="utf-8")
    return path


def own() -> list[PublicKey]:
    """Return the operator's public key, [] when there is none. Raises `ParamsError` as `operator` does."""
    path = place()
    if path is None:
        return []
    beside = path.with_name(f"{path.name}.pub")
    return given(str(beside)) if beside.exists() else [load(path).public]


def comment() -> str:
    """Return what the operator's key is called: the comment of its public part, '' when there is none."""
    path = place()
    try:
        line = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError):
        return ""
    return line.partition("ssh-ed25519 ")[2].strip().partition(" ")[2]


def given(text: str) -> list[PublicKey]:
    """Return the Ed25519 keys of a public key, of a file of public keys, or of an allowed_signers file.

    Lines with options, such as a time until which a key holds, are not understood and left out, and so are
    comments, revoked keys and those of authorities.
    Raises `ParamsError` when nothing is left.

    >>> [key.line for key in given("ops@example.org ssh-ed25519 AAAA a comment")]
    ['ssh-ed25519 AAAA']
    """
    if "ssh-ed25519 " in text:
        lines = [text]
    else:
        try:
            lines = plain.read(Path(text).expanduser(), follow=True).decode().splitlines()
        except (OSError, ValueError, RuntimeError) as error:
            raise ParamsError(f"There is no public key in {printable(text)}", why=printable(error)) from None
    found = [PublicKey(match[1]) for line in lines if (match := _LINE.fullmatch(line.strip()))]
    try:
        for key in found:
            key.fingerprint  # noqa: B018 - proves that it can be decoded
    except binascii.Error:
        found = []
    if not found:
        raise ParamsError(
            "There is no Ed25519 public key",
            where=printable(text),
            do="give a line or a file such as ssh-ed25519 AAAA…, as `runbook report key` prints it",
        )
    return found


def _wrong(path: Path, why: str, do: str) -> ParamsError:
    return ParamsError("Reports cannot be signed with this key", where=str(path), why=why, do=do)
