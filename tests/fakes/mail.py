"""What would a mail server do? A real one (aiosmtpd) that fails on demand and writes a ledger.

Run it beside a campaign: `python -m tests.fakes.mail --port 0 --ledger FILE`; it prints its address as one line of
JSON. In a test: `FakeMail(ledger)`. A running one takes orders over SMTP itself: `XORDER {"next": ["421"]}`.

The ledger (tests/fakes/ledger.py) has a `mail` for each one taken, whatever was answered, and a `fault` for each fault.
"""

import argparse
import asyncio
import email
import email.policy
import json
import signal
import ssl
import sys
import threading
import warnings
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.fakes.serving import Faults, Served

USER = "duban"
PASSWORD = "fake:p@ss/word"

#: what is said, and at which step; `dropped` is a connection cut
FAULTS = {
    "421-greeting": ("greeting", "421 4.3.2 too busy"),
    "drop-greeting": ("greeting", "dropped"),
    "421-mail": ("mail", "421 4.3.2 closing"),
    "451-mail": ("mail", "451 4.3.0 not now"),
    "550-mail": ("mail", "550 5.7.1 we do not like this sender"),
    "552-mail": ("mail", "552 5.3.4 too big"),
    "450-rcpt": ("rcpt", "450 4.2.0 greylisted"),
    "452-rcpt": ("rcpt", "452 4.2.2 mailbox full"),
    "550-rcpt": ("rcpt", "550 5.1.1 no such user"),
    "554-relay": ("rcpt", "554 5.7.1 Relay access denied"),
    "drop-data": ("data", "dropped"),  #: before DATA is answered
    "421-data": ("data", "421 4.3.2 closing"),
    "554-data": ("data", "554 5.5.1 no valid recipients"),
    "drop-text": ("text", "dropped"),  #: while the text comes in
    "451-text": ("end", "451 4.3.0 not now"),
    "552-text": ("end", "552 5.3.4 too big"),
    "554-text": ("end", "554 5.7.1 looks like spam"),
    "drop-end": ("end", "dropped"),  #: after the final dot, not taken
    "drop-taken": ("taken", "dropped"),  #: after the final dot, taken
    "slow": ("end", "slow"),
    "slow-taken": ("taken", "slow"),
    "garbage-taken": ("taken", "hello"),
}

HEAD = BytesHeaderParser(policy=email.policy.default)
GREETING = frozenset(name for name, (step, _) in FAULTS.items() if step == "greeting")
LATER = frozenset(FAULTS) - GREETING | {""}


@dataclass
class Script(Faults):
    KNOWN = frozenset(FAULTS)


@dataclass(frozen=True)
class Mail:
    """What was taken."""

    sender: str
    to: list[str]
    content: bytes
    is_tls: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)  # type: ignore[return-value]


class FakeMail(Served):
    """The server; `context` with `is_tls` speaks TLS from the first byte, without it offers STARTTLS."""

    def __init__(
        self,
        ledger: Path,
        *,
        port: int = 0,
        context: ssl.SSLContext | None = None,
        is_tls: bool = False,
        needs_login: bool = False,
    ) -> None:
        super().__init__(ledger, port, context if is_tls else None)
        self.script = Script()
        self.mails: list[Mail] = []
        self.starttls = None if is_tls else context
        self.needs_login = needs_login

    def protocol(self) -> asyncio.BaseProtocol:
        with warnings.catch_warnings():
            # It warns of what some tests are about: passwords without TLS.
            warnings.simplefilter("ignore", UserWarning)
            return _Talk(self)

    def order(self, **orders: Any) -> None:
        """Tell it what to do from now on; see Script."""
        self.script.order(orders)


class _Talk(SMTP):
    """One connection. Faults of the greeting are drawn when somebody connects, others for each mail."""

    command_size_limit = 4096

    def __init__(self, fake: FakeMail) -> None:
        super().__init__(
            _Mailbox(),
            loop=fake.loop,
            hostname="mail.test",
            tls_context=fake.starttls,
            auth_required=fake.needs_login,
            auth_require_tls=fake.starttls is not None,
            authenticator=_authenticate,
            timeout=60,
        )
        self._fake = fake
        self._fault = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.transport is None:  # not the second time, over STARTTLS
            assert isinstance(transport, asyncio.Transport)
            self._line = transport
            self._fake.came(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._fake.went(self._line)
        super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        if isinstance(status, str) and status.startswith("220 mail.test"):
            self._fault = self._fake.script.draw(GREETING)
            words = await self._befall("greeting")
            if words:
                await super().push(words)
                self.transport.close()
                return
        await super().push(status)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        self._fault = self._fake.script.draw(LATER)
        words = await self._befall("mail")
        await (self.push(words) if words else super().smtp_MAIL(arg))

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        words = await self._befall("rcpt")
        await (self.push(words) if words else super().smtp_RCPT(arg))

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        words = await self._befall("data")
        if words:
            await self.push(words)
        elif FAULTS.get(self._fault, ("",))[0] == "text":
            await self.push("354 go on")
            await self._reader.read(64)
            await self._befall("text")
        else:
            await super().smtp_DATA(arg)

    async def take(self, session: Session, envelope: Envelope) -> str:
        """Take a mail: what to say."""
        words = await self._befall("end")
        if words:
            return words
        content = envelope.content
        assert isinstance(content, bytes)
        user = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
        is_tls = bool(session.ssl) or self._fake._context is not None
        mail = Mail(envelope.mail_from or "", list(envelope.rcpt_tos), content, is_tls, user)
        self._fake.mails.append(mail)
        # Once, and without the parts: with them it would take most of what the stand-in does.
        head = HEAD.parsebytes(content)
        self._fake.ledger.note(
            "mail",
            message_id=head["Message-ID"],
            to=mail.to,
            subject=head["Subject"],
            size=len(content),
            is_tls=is_tls,
            user=user,
            fault=self._fault,
        )
        return await self._befall("taken") or "250 2.0.0 taken"

    async def smtp_XORDER(self, arg: str) -> None:  # noqa: N802
        try:
            self._fake.script.order(json.loads(arg))
        except ValueError as err:
            await self.push(f"501 {err}")
        else:
            await self.push("250 so be it")

    async def _befall(self, step: str) -> str:
        """Let the fault happen if this is its step: what to say instead, "" for what is usual."""
        where, words = FAULTS.get(self._fault, ("", ""))
        if where != step:
            return ""
        self._fake.ledger.note("fault", fault=self._fault)
        if words == "slow":
            await asyncio.sleep(self._fake.script.hold_s)
            return "451 4.3.0 that took too long" if step == "end" else ""
        if words == "dropped":
            self._line.abort()
            raise ConnectionResetError("dropped, as ordered")
        if words.startswith("421"):
            self._fake.loop.call_later(0.05, self.transport.close)
        return words


class _Mailbox:
    """What aiosmtpd calls a handler."""

    async def handle_DATA(self, server: _Talk, session: Session, envelope: Envelope) -> str:  # noqa: N802
        return await server.take(session, envelope)

    async def handle_exception(self, error: Exception) -> str:
        return f"451 4.3.0 {type(error).__name__}"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=is_known, auth_data=data)


def main() -> None:
    """Serve until told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--ledger", type=Path, required=True)
    options.add_argument("--certificate", type=Path, help="PEM of key and chain: offer STARTTLS")
    options.add_argument("--login", action="store_true", help="serve only who logs in")
    options.add_argument(
        "--script", type=json.loads, default={}, help='JSON for the start: {"chances": {"421-mail": 0.1}}'
    )
    given = options.parse_args()
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    context = None
    if given.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate)
    with FakeMail(given.ledger, port=given.port, context=context, needs_login=given.login) as fake:
        fake.order(**given.script)
        told = {"host": "127.0.0.1", "port": fake.port, "user": USER, "password": PASSWORD}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
