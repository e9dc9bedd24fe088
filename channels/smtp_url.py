"""Which mail server does a URL name, and how does it want to be spoken to?

Apart from smtp.py, since settings are read by every command and few of them send. Callers: smtp.py, config/.
"""

import ipaddress
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

StartTls = Literal["require", "opportunistic", "none"]
START_TLS: Final[dict[str, StartTls]] = {each: each for each in ("require", "opportunistic", "none")}
PORTS: Final = {"smtp": 587, "smtps": 465}
WANTED: Final = "want smtp://user:password@host:587?starttls=require"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """A mail server that takes messages from us, and how it wants to be spoken to."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    is_tls: bool = False  #: from the first byte on (smtps)
    starttls: StartTls = "opportunistic"  #: where it is offered, certificates are checked all the same

    @property
    def is_loopback(self) -> bool:
        """Say whether nothing leaves this machine on the way to it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_smtp_url(text: str) -> SmtpServer:
    """Return the server that a URL names; smtps:// speaks TLS from the first byte on.

    Raises ValueError, which never quotes the URL: there may be a password in it.

    >>> parse_smtp_url("smtp://duban:s%40fe@mail.example.cn?starttls=require")
    SmtpServer(host='mail.example.cn', port=587, user='duban', is_tls=False, starttls='require')
    """
    try:
        parts = urlsplit(text)
        port, options = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError(WANTED) from None
    starttls = START_TLS.get(options.pop("starttls", "opportunistic"))
    is_clear = bool(parts.hostname) and parts.scheme in PORTS and parts.path in {"", "/"} and not parts.fragment
    if not is_clear or starttls is None or options or (parts.username and parts.password is None):
        raise ValueError(WANTED)
    return SmtpServer(
        host=parts.hostname or "",
        port=port or PORTS[parts.scheme],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        is_tls=parts.scheme == "smtps",
        starttls=starttls,
    )
