"""What would a mail server do? One of our own that fails on demand and writes a ledger.

Run it beside a campaign: `python -m tests.fakes.mail --port 0 --ledger FILE`; it prints its address as one line of
JSON. In a test: `FakeMail(ledger)`. A running one takes orders over SMTP itself: `XORDER {"next": ["421"]}`.

The ledger (tests/fakes/ledger.py) has a `mail` for each one taken, whatever was answered, and a `fault` for each fault.
A mail is noted with its head as it came; `mails` reads out what stands in it. Benches send by the thousand: one entry
and two answers are all that a mail costs here. That duban suits a server made by others too is told by
tests/channels/test_smtp.py, with aiosmtpd.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import re
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from tests.fakes.ledger import entries
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

HEAD = HeaderParser(policy=email.policy.default)
ADDRESS = re.compile(r"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)
END = b"\r\n.\r\n"
MOST_SIZE = 32 << 20
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


def mails(ledger: Path) -> list[dict[str, Any]]:
    """Return the mails on a ledger, with `message_id` and `subject`."""
    found = []
    for entry in entries(ledger, "mail"):
        head = HEAD.parsestr(entry.pop("head"))
        found.append(entry | {"message_id": head["Message-ID"], "subject": head["Subject"]})
    return found


class FakeMail(Served):
    """The server; `context` with `is_tls` speaks TLS from the first byte, without it offers STARTTLS.

    `pipelines`: it offers to take several commands at once (RFC 2920).
    """

    def __init__(
        self,
        ledger: Path,
        *,
        port: int = 0,
        context: ssl.SSLContext | None = None,
        is_tls: bool = False,
        needs_login: bool = False,
        pipelines: bool = True,
    ) -> None:
        super().__init__(ledger, port, context if is_tls else None)
        self.script = Script()
        self.mails: list[Mail] = []
        self.starttls = None if is_tls else context
        self.needs_login = needs_login
        self.pipelines = pipelines

    def protocol(self) -> asyncio.BaseProtocol:
        return _Talk(self)

    def order(self, **orders: Any) -> None:
        """Tell it what to do from now on; see Script."""
        self.script.order(orders)


class _Talk(asyncio.Protocol):
    """One connection. Faults of the greeting are drawn when somebody connects, others for each mail."""

    def __init__(self, fake: FakeMail) -> None:
        self._fake = fake
        self._fault = ""
        self._is_tls = fake._context is not None
        self._user: str | None = None
        self._came = bytearray()
        self._answers: list[str] = []
        self._is_waiting = False  #: for a silence, or for TLS, to be over
        self._next: Callable[[str], None] = self._command  #: what the next line is
        self._is_text = False
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._to: list[str] = []

    # The connection --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line = self._first = transport
        self._fake.came(transport)
        self._fault = self._fake.script.draw(GREETING)
        words = self._befall("greeting")
        self._say(words or "220 mail.test ESMTP")
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self._fake.went(self._first)

    def data_received(self, data: bytes) -> None:
        self._came += data
        self._go_on()

    def _go_on(self) -> None:
        """Read what has come, and answer it as one."""
        while not (self._is_waiting or self._line.is_closing()):
            if not (self._take_text() if self._is_text else self._take_line()):
                break
        self._flush()

    def _take_line(self) -> bool:
        line, end, rest = self._came.partition(b"\n")
        if end:
            self._came = rest
            self._next(line.rstrip(b"\r").decode("ascii", "replace"))
        return bool(end)

    def _say(self, *words: str) -> None:
        self._answers += words

    def _flush(self) -> None:
        if self._answers and not self._line.is_closing():
            self._line.write("".join(f"{words}\r\n" for words in self._answers).encode())
        self._answers = []

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        """Be silent, then go on."""
        self._is_waiting = True

        def over() -> None:
            self._is_waiting = False
            then()
            self._go_on()

        self._fake.loop.call_later(seconds, over)

    def _befall(self, step: str) -> str:
        """Let the fault happen if this is its step: what to say instead, "" for what is usual or for nothing more."""
        where, words = FAULTS.get(self._fault, ("", ""))
        if where != step or words == "slow":
            return ""
        self._fake.ledger.note("fault", fault=self._fault)
        if words == "dropped":
            self._flush()
            self._line.abort()
            return ""
        if words.startswith("421"):
            self._fake.loop.call_later(0.05, self._line.close)
        return words

    def _is_slow(self, step: str) -> bool:
        if FAULTS.get(self._fault, ()) != (step, "slow"):
            return False
        self._fake.ledger.note("fault", fault=self._fault)
        return True

    # Commands --------------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        verb, _, arg = line.partition(" ")
        does = COMMANDS.get(verb.upper())
        if does is None:
            self._say(f"500 5.5.2 {verb[:20]!r} is no command")
        else:
            does(self, arg.strip())

    def _ehlo(self, arg: str) -> None:
        fake = self._fake
        offers = ["mail.test", f"SIZE {MOST_SIZE}", "8BITMIME"]
        offers += ["PIPELINING"] * fake.pipelines
        offers += ["STARTTLS"] * (fake.starttls is not None and not self._is_tls)
        offers += ["AUTH PLAIN"] * self._may_log_in()
        self._forget()
        self._say(*(f"250-{offer}" for offer in offers), "250 HELP")

    def _helo(self, arg: str) -> None:
        self._forget()
        self._say("250 mail.test")

    def _mail(self, arg: str) -> None:
        self._fault = self._fake.script.draw(LATER)
        words = self._befall("mail")
        found = ADDRESS.match(arg)
        if words:
            self._say(words)
        elif self._fake.needs_login and self._user is None:
            self._say("530 5.7.0 log in first")
        elif found is None or self._sender is not None:
            self._say("503 5.5.1 one sender" if found else "501 5.5.4 MAIL FROM:<address>")
        else:
            self._sender = found[1]
            self._say("250 2.1.0 OK")

    def _rcpt(self, arg: str) -> None:
        words = self._befall("rcpt") if self._sender is not None else "503 5.5.1 MAIL comes first"
        found = ADDRESS.match(arg)
        if not words and found:
            self._to.append(found[1])
        self._say(words or ("250 2.1.5 OK" if found else "501 5.5.4 RCPT TO:<address>"))

    def _data(self, arg: str) -> None:
        if not self._to:
            self._say("503 5.5.1 RCPT comes first")
            return
        words = self._befall("data")
        self._is_text = not words
        self._say(words or "354 go on")

    def _rset(self, arg: str) -> None:
        self._forget()
        self._say("250 2.0.0 OK")

    def _noop(self, arg: str) -> None:
        self._say("250 2.0.0 OK")

    def _quit(self, arg: str) -> None:
        self._say("221 2.0.0 bye")
        self._flush()
        self._line.close()

    def _order(self, arg: str) -> None:
        try:
            self._fake.script.order(json.loads(arg))
        except ValueError as err:
            self._say(f"501 {err}")
        else:
            self._say("250 so be it")

    # The text --------------------------------------------------------------------------------

    def _take_text(self) -> bool:
        """Take the text if all of it has come."""
        if self._came and FAULTS.get(self._fault, ("",))[0] == "text":
            self._befall("text")
            return False
        is_empty = self._came.startswith(END[2:])
        end = 0 if is_empty else self._came.find(END)
        if end < 0:
            return False
        behind = END[2:] if is_empty else END
        text = bytes(self._came[: end + len(behind) - 3])
        del self._came[: end + len(behind)]
        self._is_text = False
        if text.startswith(b"."):
            text = text[1:]
        self._end(text.replace(b"\r\n.", b"\r\n"))
        return True

    def _end(self, content: bytes) -> None:
        sender, to = self._sender or "", self._to
        self._forget()
        if self._is_slow("end"):
            self._pause(self._fake.script.hold_s, lambda: self._say("451 4.3.0 that took too long"))
            return
        words = self._befall("end")
        if words or self._line.is_closing():
            self._say(words)  # to nobody, where it was cut off
            return
        self._fake.mails.append(Mail(sender, to, content, self._is_tls, self._user))
        head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        self._fake.ledger.note(
            "mail", head=head, to=to, size=len(content), is_tls=self._is_tls, user=self._user, fault=self._fault
        )
        if self._is_slow("taken"):
            self._pause(self._fake.script.hold_s, lambda: self._say("250 2.0.0 taken"))
        else:
            self._say(self._befall("taken") or "250 2.0.0 taken")

    # TLS and login ---------------------------------------------------------------------------

    def _starttls(self, arg: str) -> None:
        if self._fake.starttls is None or self._is_tls:
            self._say("503 5.5.1 there is no TLS to be had")
            return
        self._say("220 2.0.0 go on")
        self._flush()
        self._is_waiting = True
        self._fake.start(self._secure(self._fake.starttls))

    async def _secure(self, context: ssl.SSLContext) -> None:
        self._came.clear()  # what came in the clear counts for nothing
        try:
            line = await self._fake.loop.start_tls(self._line, self, context, server_side=True)
        except OSError:  # it does not trust us
            self._line.abort()
            return
        assert line is not None
        self._line, self._is_tls, self._is_waiting = line, True, False
        self._forget()
        self._go_on()

    def _may_log_in(self) -> bool:
        return self._is_tls or self._fake.starttls is None

    def _auth(self, arg: str) -> None:
        how, _, first = arg.partition(" ")
        if not self._may_log_in():
            self._say("538 5.7.11 not in the clear")
        elif how.upper() != "PLAIN":
            self._say("504 5.5.4 PLAIN")
        elif first:
            self._know(first)
        else:
            self._next = self._know
            self._say("334 ")

    def _know(self, told: str) -> None:
        self._next = self._command
        if told == base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode():
            self._user = USER
            self._say("235 2.7.0 welcome")
        else:
            self._say("535 5.7.8 who is that?")


COMMANDS: dict[str, Callable[[_Talk, str], None]] = {
    "EHLO": _Talk._ehlo,
    "HELO": _Talk._helo,
    "MAIL": _Talk._mail,
    "RCPT": _Talk._rcpt,
    "DATA": _Talk._data,
    "RSET": _Talk._rset,
    "NOOP": _Talk._noop,
    "QUIT": _Talk._quit,
    "STARTTLS": _Talk._starttls,
    "AUTH": _Talk._auth,
    "XORDER": _Talk._order,
}


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
