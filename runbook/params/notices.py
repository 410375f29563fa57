"""Who is told when a run has ended: by mail, or by a call of an address of the web."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from runbook.params.secrets import SecretReference
from runbook.params.types import Closed, name_of

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|\[::1\])"


def is_loopback(host: str) -> bool:
    """Return whether a machine's name means this one and no other.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("relay.example.org")
    (True, True, False)
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def web_address(text: str) -> str:
    """Return an https address, an http one of this very machine, or nothing. Raises `ValueError` for others."""
    if text and not re.fullmatch(rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9._~%/?&=+,:@-]*)?", text):
        raise ValueError(f"'{text}' is not an address to call; write it like https://example.org/hook")
    if text.startswith("http:") and not is_loopback(urlsplit(text).hostname or ""):
        raise ValueError(
            f"'{text}' would be called in the clear; write https, http only of this very machine"
        )
    return text


WebAddress = Annotated[str, AfterValidator(web_address)]
_MAIL = r"[A-Za-z0-9_][A-Za-z0-9._%+=-]{0,63}@" + _HOST
MailAddress = Annotated[
    str,
    AfterValidator(name_of("mailbox", _MAIL, "write it like ops@example.org, without a name or brackets")),
]
SenderAddress = Annotated[
    str,
    AfterValidator(
        name_of("mailbox", rf"|{_MAIL}", "write it like ops@example.org, without a name or brackets")
    ),
]
MailServer = Annotated[
    str,
    AfterValidator(
        name_of("mail server", rf"|{_HOST}(?::[0-9]{{1,5}})?", "write it like smtp.example.org:587")
    ),
]
MailUser = Annotated[
    str,
    AfterValidator(
        name_of(
            "mail server's user", r"|[A-Za-z0-9][A-Za-z0-9._%+=@-]{0,127}", "one word, as the server knows it"
        )
    ),
]


class Notice(Closed):
    """Somebody who is told when a run has ended, one that only planned excepted, and what `runbook watch` has to say."""

    about: Literal["all", "runs", "watch"] = "all"
    """`runs`: only of runs; `watch`: only of what is not well, and of what is well again."""
    when: Literal["always", "changed", "failed"] = "always"
    """Of runs. `changed`: if a step changed something, or the run did not complete; `failed`: only if it did not complete."""
    mail: tuple[MailAddress, ...] = Field(default=(), examples=[["ops@example.org"]])
    """Mailboxes that get a mail of a few lines."""
    sender: SenderAddress = Field(default="", examples=["xen@example.org"])
    """From whom the mail is; empty for the first mailbox itself."""
    server: MailServer = Field(default="", examples=["smtp.example.org:587"])
    """A mail server, always by STARTTLS but on this very machine; empty for the controller's sendmail(8)."""
    user: MailUser = Field(default="", examples=["xen"])
    """Who logs in to the mail server; empty where it asks nobody."""
    password: SecretReference = Field(default="", examples=["file:~/.config/smtp-password"])
    """Where that user's password is: env:NAME, file:PATH or command:…."""
    webhook: WebAddress = Field(default="", examples=["https://example.org/hook"])
    """An address that is called by POST, with JSON of a few fields."""
    form: Literal["json", "ntfy"] = "json"
    """`ntfy`: the address is a topic of ntfy's, and gets the words that a mail has."""
    webhook_at: SecretReference = Field(default="", examples=["env:HOOK_ADDRESS"])
    """Where such an address is that is a secret itself, as with most chats."""

    @model_validator(mode="after")
    def _goes_one_way(self) -> Notice:
        ways = [name for name in ("mail", "webhook", "webhook_at") if getattr(self, name)]
        if len(ways) != 1:
            said = f"this has {' and '.join(ways)}" if ways else "this has none"
            raise ValueError(f"a notice has one of mail, webhook and webhook_at; {said}")
        if self.form == "ntfy" and self.mail:
            raise ValueError("`form: ntfy` is for a webhook; a mail has its own form")
        if (self.user or self.password) and not (self.server and self.user and self.password):
            raise ValueError(
                "who logs in to a mail server has server, user and password; one of them is missing"
            )
        return self

    @property
    def whereto(self) -> str:
        """Where it goes, as a person is told it; an address that is a secret is not in it."""
        if self.mail:
            return f"mail to {', '.join(self.mail)} by {self.server or 'sendmail'}"
        return f"call of {self.webhook or f'the address at {self.webhook_at}'}"
