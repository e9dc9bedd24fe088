"""How does an e-mail leave?

With smtplib over connections that are kept for the next message. All steps up to DATA go out as one where the server
offers so (RFC 2920). It answers each of them, and the text waits for the answers: what happens before is certain; from
the first byte of the text on, a silence leaves it open whether the message was taken. The Message-ID is that of the
message, not of the attempt: a mailbox shows both copies of one sent twice as one. Callers: config/services.py,
actors/sending.py.
"""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from email.errors import MessageError
from pathlib import Path
from time import monotonic
from typing import Any, Final

from channels.gateway import (
    CALL_TIMEOUT_S,
    CANNOT_TELL,
    Accepted,
    Found,
    Outcome,
    Outgoing,
    Refused,
    Report,
    Sought,
    Unsure,
    WhenUnknown,
)
from channels.lines import Pool, TimedSocket, dial, secure, tls_context, trouble
from channels.mime import content_of, sender_of
from channels.smtp_url import SmtpServer
from rules.offices import email_address

READY: Final = 220
AGREED: Final = range(200, 300)
REFUSED: Final = range(400, 600)
GO_ON: Final = 354
CLOSING: Final = 421
TOO_BIG: Final = 552
PERMANENT: Final = 500

# Some servers count what one connection sends, some hang up on old ones.
MOST_MESSAGES: Final = 100
MOST_AGE_S: Final = 300.0

#: a step, and the code that agrees to it; None: any that does
STEPS: Final = (("MAIL FROM", None), ("RCPT TO", None), ("DATA", GO_ON))
Reply = tuple[int, bytes]


class SmtpGateway:
    """The way out for e-mail; many threads may send at once."""

    name = "smtp"
    when_unknown = WhenUnknown.REPEAT

    def __init__(
        self, server: SmtpServer, *, sender: str, timeout_s: float = CALL_TIMEOUT_S, ca_file: Path | None = None
    ) -> None:
        """Send as `sender`, with or without a name before its address; `ca_file` stands in for the known authorities.

        Raises ValueError if `sender` is no address.
        """
        self._server = server
        self._from_line, self._address = sender_of(sender)
        self._domain = self._address.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._context = tls_context(ca_file)
        self._pool: Pool[_Line] = Pool()

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand the message over, once."""
        to = email_address(outgoing.address)
        if to is None or not (to.isascii() and to.isprintable()):
            return Refused(reason="the e-mail address cannot be written to")
        message_id = f"<duban-{outgoing.reference}@{self._domain}>"
        try:
            content = content_of(outgoing, to, self._from_line, message_id)
        except (ValueError, LookupError, MessageError) as err:
            return Refused(reason=f"no e-mail can be made of it: {type(err).__name__}")
        try:
            line, replies = self._ask(to, len(content), monotonic() + self._timeout_s)
        except _No as no:
            return no.refused
        return self._transact(line, replies, content, message_id)

    def find(self, sought: Sought) -> Found:
        """Mail servers keep no list that we could ask."""
        return CANNOT_TELL

    def look_up(self, provider_id: str) -> Report | None:
        """Likewise; what comes back is in the sender's mailbox."""
        return None

    def close(self) -> None:
        self._pool.drain()

    def _ask(self, to: str, size: int, until: float) -> tuple["_Line", Iterator[Reply]]:
        """Return a connection that answers, and what it will say to the steps before the text.

        Raises _No.
        """
        while (line := self._pool.take()) is not None:
            line.hurry(until)
            replies = line.ask(["RSET", *self._steps(line, to, size)])
            try:
                if next(replies)[0] in AGREED:
                    return line, replies
            except OSError:
                pass
            line.close()
        line = self._open(until)
        return line, line.ask(self._steps(line, to, size))

    def _steps(self, line: "_Line", to: str, size: int) -> list[str]:
        told = f" SIZE={size}" if line.has_extn("size") else ""
        return [f"MAIL FROM:<{self._address}>{told}", f"RCPT TO:<{to}>", "DATA"]

    def _open(self, until: float) -> "_Line":
        """Connect, greet, encrypt, log in.

        Raises _No.
        """
        line = _Line(self._server.host, self._domain, until, self._context if self._server.is_tls else None)
        try:
            _greet(line, self._server)
            self._encrypt(line, until)
            self._log_in(line)
        except BaseException as err:
            line.close()
            if isinstance(err, Exception):
                raise _No(_illness(err)) from err
            raise
        return line

    def _encrypt(self, line: "_Line", until: float) -> None:
        server = self._server
        if server.is_tls or server.starttls == "none":
            return
        if line.has_extn("starttls"):
            line.starttls(context=self._context)
            line.hurry(until)
            line.ehlo()
        elif server.starttls == "require":
            raise smtplib.SMTPNotSupportedError("does not offer STARTTLS, which is required")

    def _log_in(self, line: "_Line") -> None:
        server = self._server
        if server.user is None:
            return
        if not (isinstance(line.sock, ssl.SSLSocket) or server.is_loopback):
            raise smtplib.SMTPNotSupportedError("offers no TLS: the password stays here")
        line.login(server.user, server.password or "")

    def _transact(self, line: "_Line", replies: Iterator[Reply], content: bytes, message_id: str) -> Outcome:
        """Go through one message's steps; the connection is kept if it is still of use."""
        is_in_doubt = False
        try:
            for step, wanted in STEPS:
                _expect(next(replies), step, wanted)
            is_in_doubt = True
            # No line of ours begins with a dot, but this is what keeps the end of the text where it is.
            line.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            _expect(line.getreply(), "the text")
        except _No as no:
            if no.refused.code != str(CLOSING) and line.is_even():
                self._keep(line)
            else:
                line.close()
            return no.refused
        except Exception as err:  # noqa: BLE001 - whatever went wrong, the caller gets an outcome
            line.close()
            return Unsure(f"the mail server {_silence(err)} while it took the text") if is_in_doubt else _illness(err)
        except BaseException:
            line.close()
            raise
        self._keep(line)
        return Accepted(message_id)

    def _keep(self, line: "_Line") -> None:
        line.messages += 1
        if line.messages >= MOST_MESSAGES or monotonic() - line.opened >= MOST_AGE_S:
            line.close()
        else:
            self._pool.give(line)


class _Line(smtplib.SMTP):
    """A connection on which everything is over by an instant."""

    sock: Any

    def __init__(self, host: str, own_name: str, until: float, context: ssl.SSLContext | None) -> None:
        # Without a name of our own smtplib asks the resolver for one, which may take long.
        super().__init__(local_hostname=own_name)
        # Its starttls checks the certificate against this, and would set it only by connecting at once.
        self._host = host
        self._until = until
        self._context = context
        self.opened = monotonic()
        self.messages = 0
        self._owed = 0  #: replies that are still to come

    def ask(self, commands: Sequence[str]) -> Iterator[Reply]:
        """Yield the reply to each command; all are written at once if the server offers to take them so.

        Otherwise a command goes out when its reply is asked for: none does after one that was refused.
        """
        if not self.has_extn("pipelining"):
            for command in commands:
                yield self.docmd(command)
            return
        self.send("".join(f"{command}\r\n" for command in commands))
        self._owed = len(commands)
        while self._owed:
            reply = self.getreply()
            self._owed -= 1
            yield reply

    def is_even(self) -> bool:
        """Read what is still to come after a refusal; False if the connection cannot be used after it."""
        try:
            while self._owed:
                code, _ = self.getreply()
                self._owed -= 1
                if code in (GO_ON, CLOSING):  # it waits for a text although it has refused sender or recipient
                    return False
        except OSError:
            return False
        return True

    def hurry(self, until: float) -> None:
        self.sock.until = until

    def _get_socket(self, host: str, port: int, timeout: float) -> TimedSocket:
        plain = dial(host, port, self._until)
        return secure(plain, self._context, host) if self._context else plain


class _No(Exception):
    """The mail server, or the way to it, says no."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def _greet(line: _Line, server: SmtpServer) -> None:
    code, said = line.connect(server.host, server.port)
    if code != READY:
        raise smtplib.SMTPConnectError(code, said)
    line.ehlo_or_helo_if_needed()


def _expect(reply: tuple[int, bytes], step: str, wanted: int | None = None) -> None:
    """Raise _No if the server does not agree to a step: 4xx is for the time being, 5xx for good."""
    code, said = reply
    if code == wanted or (wanted is None and code in AGREED):
        return
    if code not in REFUSED:
        raise smtplib.SMTPResponseException(code, said)
    words = _words(said)
    # What the server holds against the sender would meet every message alike.
    is_ours = (step == "MAIL FROM" and code != TOO_BIG) or (step == "RCPT TO" and "relay" in words.lower())
    is_illness = is_ours or (code < PERMANENT and step != "RCPT TO") or code == CLOSING
    raise _No(
        Refused(
            reason=f"the mail server refused {step}: {code} {words}".rstrip(),
            code=str(code),
            is_lasting=code >= PERMANENT and not is_ours,
            is_illness=is_illness,
        )
    )


def _illness(err: Exception) -> Refused:
    """Return what a failure before DATA amounts to: nothing was taken, and no message is at fault."""
    code: int | None = None
    match err:
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=said):
            reason = f"refused the user or the password: {code} {_words(said)}"
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            reason = f"refused to serve: {code} {_words(said)}"
        case smtplib.SMTPNotSupportedError():
            reason = str(err)
        case UnicodeError():
            reason = "cannot be given a user or password with other characters than ASCII"
        case _:
            reason = _silence(err)
    return Refused(
        reason=f"the mail server {reason}", code=str(code) if code else None, is_lasting=False, is_illness=True
    )


def _silence(err: Exception) -> str:
    """Say what happened to the connection; smtplib hides it behind an exception of its own."""
    if isinstance(err, smtplib.SMTPServerDisconnected):
        err = err.__context__ if isinstance(err.__context__, OSError) else ConnectionResetError()
    return trouble(err)


def _words(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]
