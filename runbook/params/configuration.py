"""How the freshly installed Debian is set up: the guide's template, every group switchable."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from runbook.params.installation import PublicKey
from runbook.params.names import AccountName, DomainName, LocaleName, PackageName, PersonName, ZoneOrNone
from runbook.params.types import Closed

Port = Annotated[int, Field(ge=1, le=65535)]


class Trim(Closed):
    """What tells a solid-state disk which of its blocks are free."""

    weekly: bool = True
    """Let `fstrim.timer` trim every mounted file system once a week."""
    removed_volumes: bool = False
    """Let LVM tell the disk about the blocks of a volume that is removed. A volume removed by
    mistake is then beyond rescue (lvm.conf(5), issue_discards)."""


class Clock(Closed):
    """The time zone, and what keeps the clock right."""

    zone: ZoneOrNone = ""
    """Such as Europe/Berlin; empty leaves it."""
    synchronise: Literal["keep", "timesyncd", "chrony"] = "keep"
    """`timesyncd` is small and asks others; `chrony` may also serve the guests."""


class Locales(Closed):
    """Languages and their formats beyond C.UTF-8, which every Debian has."""

    generate: tuple[LocaleName, ...] = ()
    """Such as en_GB.UTF-8; the others that are there stay."""
    default: LocaleName | Literal["", "C.UTF-8"] = ""
    """What programs use unless a user says otherwise; empty leaves it."""

    @model_validator(mode="after")
    def _default_exists(self) -> Locales:
        if self.default not in ("", "C.UTF-8", *self.generate):
            raise ValueError(f"the default locale {self.default} is not among those to generate")
        return self


class Firewall(Closed):
    """Which connections the host itself takes. Guests' traffic over the bridges is not touched."""

    kind: Literal["keep", "ssh-only"] = "keep"
    """`ssh-only`: ssh, ping, and answers to what the host asked; all else is dropped. Where ufw or firewalld filters, it
    is told which ports stay open, and its own rules stay."""
    ssh_port: Port = 22
    """Where the host's ssh server listens; refused when this session came in by another one."""
    open_tcp: tuple[Port, ...] = Field(default=(), examples=[[5900, 5910]])
    """More TCP ports that are open."""
    open_udp: tuple[Port, ...] = Field(default=(), examples=[[5353]])
    """More UDP ports that are open, such as 5353 for avahi."""


class User(Closed):
    """A person's account. It has no password: one logs in by key, and root may set one with `passwd`."""

    name: PersonName
    """What the person logs in as: small letters, digits, - and _."""
    groups: tuple[AccountName, ...] = ("sudo",)
    """More groups, such as sudo, and adm for reading the logs."""
    keys: Annotated[tuple[PublicKey, ...], Field(min_length=1)]
    """Public ssh keys that may log in."""


class Configuration(Closed):
    """The groups of notebook 03. What is empty, off or `keep` is left as it is."""

    package_groups: tuple[
        Literal[
            "hardware",
            "firmware",
            "archives",
            "network",
            "editor",
            "file-systems",
            "terminal",
            "tools",
            "building",
        ],
        ...,
    ] = ()
    """The guide's groups of packages, with the names that they have today."""
    more_packages: tuple[PackageName, ...] = Field(default=(), examples=[["tmux", "htop"]])
    """More packages of Debian."""
    gui: Literal["none", "minimal"] = "none"
    """`minimal`: X and a small GNOME that is started by hand; for a host with a screen of its own."""
    mail: Literal["keep", "remove"] = "keep"
    """`remove` takes exim4 away, with all of its parts and their configuration (H301)."""
    remove_os_prober: bool = True
    """os-prober looks for other systems, in the guests' volumes too, when the boot menu is written."""
    trim: Trim = Trim()
    set_names: bool = False
    """Make the machine call itself `host`, with `domain`."""
    domain: DomainName = ""
    """Such as home.arpa; the machine is `host`.`domain` then."""
    clock: Clock = Clock()
    locales: Locales = Locales()
    updates: Literal["keep", "security"] = "keep"
    """`security` installs Debian's security updates every day, but never Xen, a kernel or GRUB."""
    ssh: Literal["keep", "keys-only"] = "keep"
    """`keys-only`: nobody logs in with a password, root neither."""
    firewall: Firewall = Firewall()
    users: tuple[User, ...] = ()
    umask: Literal["", "002", "022", "027", "077"] = ""
    """Which rights new files do *not* get; the template chose 002. Empty leaves it."""

    @model_validator(mode="after")
    def _users_are_named_once(self) -> Configuration:
        names = [user.name for user in self.users]
        if twice := {name for name in names if names.count(name) > 1 or name == "root"}:
            raise ValueError(f"user {', '.join(sorted(twice))} is given more than once, or is root")
        return self
