"""What would Twilio do? A stand-in for its Messages API that keeps state, fails on demand and writes a ledger.

Run it beside a campaign: `python -m tests.fakes.twilio --port 0 --ledger FILE`; it prints its address as one line of
JSON. In a test: `FakeTwilio(ledger)`. `POST /control` takes what `order` takes, so that a running one can be told to
fail; `POST /control/inbound` lets somebody send an SMS in.

The ledger (tests/fakes/ledger.py) has a `message` for each text taken, whatever was answered, a `request` for each
request to send, a `callback` for each status call-back and an `inbound` for each SMS sent in.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
import signal
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.fakes.serving import Faults, Served

ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "fake-twilio-token"
SERVICE = "MG" + "0" * 31 + "1"

#: what may befall a request to send: (is the message taken?, what is answered)
FAULTS = {
    "429": (False, "429"),
    "500": (False, "500"),
    "500-taken": (True, "500"),
    "503": (False, "503"),
    "silence": (False, "silence"),
    "silence-taken": (True, "silence"),
    "reset": (False, "reset"),
    "reset-taken": (True, "reset"),
    "close": (False, "close"),
    "close-taken": (True, "close"),
    "garbage-taken": (True, "garbage"),
    "dribble-taken": (True, "dribble"),
    "408": (False, "408"),
}
REFUSALS = {
    20003: (401, "Authenticate"),
    21211: (400, "The 'To' number {to} is not a valid phone number."),
    21408: (403, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}."),
    21603: (400, "A 'From' phone number is required."),
    21602: (400, "Message body is required."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21614: (400, "'To' number {to} is not a valid mobile number"),
    20404: (404, "The requested resource was not found"),
}
MOBILE = re.compile(r"\+861[3-9]\d{9}")
COLLECTION = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-f]{32})/Messages(?:/((?:SM|MM)[0-9a-f]{32}))?\.json")


@dataclass
class Script(Faults):
    """What is to go wrong, and how status call-backs behave."""

    KNOWN = frozenset(FAULTS)

    refuse: dict[str, int] = field(default_factory=dict)  #: number → error code
    fates: dict[str, tuple[str, int | None]] = field(default_factory=dict)  #: number → last status, error code
    retry_after_s: int = 2
    list_fails: bool = False  #: the Messages list answers 500
    lost: float = 0.0  #: chance that a call-back is never made
    doubled: float = 0.0
    reordered: float = 0.0
    late_s: float = 0.0  #: call-backs come up to so much later
    steps: tuple[tuple[float, str], ...] = ((0.0, "queued"), (0.05, "sent"), (0.1, "delivered"))


@dataclass
class Text:
    """A message that was taken."""

    sid: str
    to: str
    sender: str | None
    service: str | None
    body: str
    callback: str | None
    created: datetime
    direction: str = "outbound-api"
    status: str = "accepted"
    error: int | None = None
    sent: datetime | None = None
    price: str | None = None


class Texts:
    """All that was taken, and what of it a list shows."""

    def __init__(self) -> None:
        self.by_sid: dict[str, Text] = {}
        self._by_to: dict[str, list[Text]] = defaultdict(list)
        self._numbers = itertools.count(1)

    def new_sid(self) -> str:
        return f"SM{next(self._numbers):032x}"

    def add(self, text: Text) -> None:
        self.by_sid[text.sid] = text
        self._by_to[text.to].append(text)

    def listed(self, query: Mapping[str, str]) -> Iterator[Text]:
        """Yield the newest first, as filtered; a text that has not been sent has no day to be filtered by."""
        to = query.get("To")
        for text in reversed(self._by_to[to] if to else list(self.by_sid.values())):
            day = text.sent.date().isoformat() if text.sent else ""
            if query.get("From") not in {None, text.sender}:
                continue
            if "DateSent>" in query and not (day and day >= query["DateSent>"][:10]):
                continue
            if "DateSent<" in query and not (day and day <= query["DateSent<"][:10]):
                continue
            if "DateSent" in query and day != query["DateSent"][:10]:
                continue
            yield text


class FakeTwilio(Served):
    """The server."""

    def __init__(
        self,
        ledger: Path,
        *,
        port: int = 0,
        connect_to: str | None = None,
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """Listen; `connect_to` is where call-backs really go while the public URL is what is signed."""
        super().__init__(ledger, port, context, host)
        self.script = Script()
        self.texts = Texts()
        self._connect_to = connect_to

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}:{self.port}"

    def protocol(self) -> asyncio.BaseProtocol:
        return _Talk(self)

    def order(self, **orders: Any) -> None:
        """Tell it what to do from now on; see Script."""
        self.script.order(orders)

    def receive(self, url: str, sender: str, body: str, sid: str | None = None) -> tuple[int, str]:
        """Let somebody send an SMS in: what the webhook at `url` answered."""
        waiting = asyncio.run_coroutine_threadsafe(self.inbound(url, sender, body, sid), self.loop)
        return waiting.result(15)

    async def inbound(self, url: str, sender: str, body: str, sid: str | None = None) -> tuple[int, str]:
        sid = sid or self.texts.new_sid()
        form = {
            "MessageSid": sid,
            "SmsSid": sid,
            "AccountSid": ACCOUNT,
            "MessagingServiceSid": SERVICE,
            "From": sender,
            "To": "+12025550100",
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "ApiVersion": "2010-04-01",
        }
        status, said = await self._post(url, form)
        self.ledger.note("inbound", sid=sid, sender=sender, body=body, answered=status)
        return status, said

    def accept(self, form: Mapping[str, str], fault: str) -> Text:
        """Take a message, write it down, and let its statuses follow."""
        text = Text(
            sid=self.texts.new_sid(),
            to=form["To"],
            sender=form.get("From"),
            service=form.get("MessagingServiceSid"),
            body=form["Body"],
            callback=form.get("StatusCallback"),
            created=datetime.now(UTC).replace(microsecond=0),
        )
        self.texts.add(text)
        attempt = dict(parse_qsl(urlsplit(text.callback).query)).get("attempt") if text.callback else None
        self.ledger.note("message", sid=text.sid, to=text.to, body=text.body, attempt=attempt, fault=fault)
        last, error = self.script.fates.get(text.to, (None, None))
        steps = list(self.script.steps)
        if last is not None:
            steps[-1] = (steps[-1][0], last)
        for after_s, status in steps:
            step = (text, status, error if status == last else None)
            if after_s > 0:
                self.loop.call_later(after_s, self._advance, *step)
            else:
                self._advance(*step)
        self._call_back(text, steps, error)
        return text

    def _advance(self, text: Text, status: str, error: int | None) -> None:
        text.status, text.error = status, error
        if status == "sent":
            text.sent = datetime.now(UTC).replace(microsecond=0)
            text.price = "-0.05000"

    def _call_back(self, text: Text, steps: list[tuple[float, str]], error: int | None) -> None:
        if text.callback is None:
            return
        script, draw = self.script, self.script.dice.random
        moments = [after_s + draw() * script.late_s for after_s, _ in steps]
        if draw() < script.reordered:
            moments.reverse()
        for moment, (_, status) in zip(moments, steps, strict=True):
            if draw() < script.lost:
                self.ledger.note("callback", sid=text.sid, status=status, answered="lost")
                continue
            for _ in range(2 if draw() < script.doubled else 1):
                self.loop.call_later(moment, self._start, text, status, error if status == steps[-1][1] else None)

    def _start(self, text: Text, status: str, error: int | None) -> None:
        self.start(self._tell(text, status, error))

    async def _tell(self, text: Text, status: str, error: int | None) -> None:
        form = {
            "MessageSid": text.sid,
            "SmsSid": text.sid,
            "AccountSid": ACCOUNT,
            "From": text.sender or "+12025550100",
            "To": text.to,
            "MessageStatus": status,
            "SmsStatus": status,
            "ApiVersion": "2010-04-01",
        }
        if error:
            form["ErrorCode"] = str(error)
        answered, _ = await self._post(text.callback or "", form)
        self.ledger.note("callback", sid=text.sid, status=status, answered=answered)

    async def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        """Post a signed form; 0 if nobody answered. Nothing leaves this machine."""
        public, target = urlsplit(url), urlsplit(self._connect_to or url)
        if target.hostname not in {"127.0.0.1", "localhost"}:
            return 0, ""
        body = urlencode(form).encode()
        path = public.path + (f"?{public.query}" if public.query else "")
        head = (
            f"POST {path or '/'} HTTP/1.1\r\nHost: {public.netloc}\r\nConnection: close\r\n"
            f"X-Twilio-Signature: {signature(TOKEN, url, form)}\r\nUser-Agent: TwilioProxy/1.1\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(target.hostname, target.port or 80)
                try:
                    writer.write(head.encode() + body)
                    answer = await reader.read()
                finally:
                    writer.close()
        except OSError:
            return 0, ""
        status, _, rest = answer.partition(b"\r\n")
        words = status.split(b" ")
        return int(words[1]) if len(words) > 1 else 0, rest.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")


class _Talk(asyncio.Protocol):
    """One connection, kept alive."""

    transport: asyncio.Transport

    def __init__(self, fake: FakeTwilio) -> None:
        self._fake = fake
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._fake.came(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fake.went(self.transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, target, _ = lines[0].split(" ")
            self._route(method, urlsplit(target), headers, rest[:length])

    def _route(self, method: str, target: Any, headers: dict[str, str], body: bytes) -> None:
        if target.path.startswith("/control"):
            self._control(target.path, json.loads(body or b"{}"))
            return
        place = COLLECTION.fullmatch(target.path)
        if place is None or place[1] != ACCOUNT:
            self._refuse(20404)
        elif headers.get("authorization") != BASIC:
            self._refuse(20003)
        elif method == "POST":
            self._create(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        elif place[2]:
            text = self._fake.texts.by_sid.get(place[2])
            self._answer(200, as_json(text)) if text else self._refuse(20404)
        else:
            self._list(target.path, dict(parse_qsl(target.query)))

    def _control(self, path: str, orders: dict[str, Any]) -> None:
        if path == "/control/inbound":
            self._fake.start(self._inbound(orders))
            return
        try:
            self._fake.script.order(orders)
        except ValueError as err:
            self._answer(400, {"message": str(err)})
        else:
            self._answer(200, {})

    async def _inbound(self, orders: dict[str, Any]) -> None:
        status, said = await self._fake.inbound(orders["url"], orders["from"], orders["body"], orders.get("sid"))
        self._answer(200, {"answered": status, "body": said})

    def _create(self, form: dict[str, str]) -> None:
        fake = self._fake
        code = _why_not(form, fake.script)
        if code is not None:
            fake.ledger.note("request", to=form.get("To"), answered=code)
            self._refuse(code, to=form.get("To", ""))
            return
        fault = fake.script.draw()
        is_taken, answer = FAULTS[fault] if fault else (True, "201")
        fake.ledger.note("request", to=form["To"], answered=answer)
        text = fake.accept(form, fault) if is_taken else None
        self._misbehave(answer, text)

    def _misbehave(self, answer: str, text: Text | None) -> None:
        match answer:
            case "201" | "dribble":
                content = _response(201, as_json(text))
                self.transport.write(content) if answer == "201" else self._dribble(content)
            case "429":
                extra = f"Retry-After: {self._fake.script.retry_after_s}\r\n"
                self._answer(429, _error(20429, 429, "Too Many Requests"), extra)
            case "408" | "500" | "503":
                self._answer(int(answer), _error(20500, int(answer), "An internal server error has occurred"))
            case "garbage":
                self.transport.write(_response(201, None, content=b"<html>created</html>"))
            case "silence":
                self._fake.loop.call_later(self._fake.script.hold_s, self.transport.abort)
            case "reset":
                connection: socket.socket = self.transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.transport.abort()
            case "close":
                self.transport.close()

    def _dribble(self, content: bytes) -> None:
        """A byte each tenth of a second: no single read takes long."""
        if content and not self.transport.is_closing():
            self.transport.write(content[:1])
            self._fake.loop.call_later(0.1, self._dribble, content[1:])

    def _list(self, path: str, query: dict[str, str]) -> None:
        if self._fake.script.list_fails:
            self._answer(500, _error(20500, 500, "An internal server error has occurred"))
            return
        size, page = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
        found = list(itertools.islice(self._fake.texts.listed(query), page * size, (page + 1) * size + 1))
        following = urlencode(query | {"Page": str(page + 1)})
        more = f"{path}?{following}" if len(found) > size else None
        here = f"{path}?{urlencode(query)}"
        listed = [as_json(text) for text in found[:size]]
        self._answer(
            200,
            {
                "messages": listed,
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + len(listed),
                "uri": here,
                "first_page_uri": here,
                "next_page_uri": more,
                "previous_page_uri": None,
            },
        )

    def _refuse(self, code: int, to: str = "") -> None:
        status, words = REFUSALS.get(code, (400, "Refused"))
        self._answer(status, _error(code, status, words.format(to=to)))

    def _answer(self, status: int, content: Any, extra: str = "") -> None:
        self.transport.write(_response(status, content, extra))


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Sign as Twilio does: written from its documentation, not with the SDK that the tests check by it."""
    signed = url + "".join(key + form[key] for key in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()


def as_json(text: Text | None) -> dict[str, Any]:
    """Describe a message as Twilio does."""
    assert text is not None
    units = len(text.body.encode("utf-16-le")) // 2
    here = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{text.sid}"
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": text.body,
        "date_created": format_datetime(text.created),
        "date_sent": format_datetime(text.sent) if text.sent else None,
        "date_updated": format_datetime(text.sent or text.created),
        "direction": text.direction,
        "error_code": text.error,
        "error_message": None,
        "from": text.sender,
        "messaging_service_sid": text.service,
        "num_media": "0",
        # A service has not chosen its sender yet, so there is no encoding to count by.
        "num_segments": "0" if text.service and not text.sent else str(1 if units <= 70 else -(-units // 67)),
        "price": text.price,
        "price_unit": "USD",
        "sid": text.sid,
        "status": text.status,
        "subresource_uris": {"media": f"{here}/Media.json"},
        "to": text.to,
        "uri": f"{here}.json",
    }


def _why_not(form: Mapping[str, str], script: Script) -> int | None:
    to = form.get("To", "")
    if not MOBILE.fullmatch(to):
        return 21211
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return 21603
    return script.refuse.get(to) if form.get("Body") else 21602


def _error(code: int, status: int, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def _response(status: int, given: Any, extra: str = "", content: bytes | None = None) -> bytes:
    body = json.dumps(given).encode() if content is None else content
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


def main() -> None:
    """Serve until told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", default="127.0.0.1", help="another only inside a network namespace of a test")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--ledger", type=Path, required=True)
    options.add_argument(
        "--connect-to", help="where call-backs go, whatever their public address: http://127.0.0.1:8631"
    )
    options.add_argument("--script", type=json.loads, default={}, help='JSON for the start: {"chances": {"500": 0.1}}')
    given = options.parse_args()
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    with FakeTwilio(given.ledger, port=given.port, connect_to=given.connect_to, host=given.host) as fake:
        fake.script.order(given.script)
        print(json.dumps({"url": fake.url, "account": ACCOUNT, "token": TOKEN, "service": SERVICE}), flush=True)  # noqa: T201
        stop.wait()


if __name__ == "__main__":
    main()
