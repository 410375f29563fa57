"""How the freshly installed Debian is set up: the guide's template, every group switchable."""

from __future__ import annotations

from typing import Literal

from runbook.params.types import Closed


class Configuration(Closed):
    """The groups of notebook 03. What is empty or off is left as it is."""

    time_zone: str = ""
    locales: tuple[str, ...] = ()
    domain: str = ""
    package_groups: tuple[str, ...] = ()
    mail: Literal["keep", "remove"] = "keep"
    trim: bool = True
    firewall: Literal["none", "ssh-only"] = "none"
    gui: Literal["none", "minimal"] = "none"
