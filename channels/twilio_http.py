"""How do the SDK's requests get to Twilio?

Its own HTTP client will not do: its limit of time holds for each read, its exceptions do not always tell whether the
request was written, and it goes on using connections that a firewall has long forgotten. This one fills the place that
the SDK has for other clients. Why: docs/adr/0013-gateways.md. Caller: channels/twilio.py.
"""

import http.client
import logging
import ssl
from base64 import b64encode
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response

from channels.lines import Pool, dial, secure, trouble

TOO_MANY_REQUESTS: Final = 429
PORTS: Final = {"https": 443, "http": 80}
MOST_BYTES: Final = 16 * 1024 * 1024  #: of an answer; a page of the Messages list has about one megabyte


class NotReached(Exception):
    """Nothing of the request was written: Twilio certainly knows nothing of it."""


class Throttled(Exception):
    """Twilio took nothing: too many requests."""

    def __init__(self, body: str, retry_after_s: float | None) -> None:
        super().__init__(body)
        self.retry_after_s = retry_after_s


class _Line(http.client.HTTPConnection):
    """A connection that is opened by us and, once closed, never again by itself."""

    auto_open = 0
    sock: Any


class TwilioHttp(HttpClient):  # type: ignore[misc] # the SDK is untyped
    """One request, one answer, all within `timeout_s`; connections are used again; for many threads."""

    def __init__(self, base_url: str, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=timeout_s)
        parts = urlsplit(base_url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{base_url!r} is no base URL; want https://api.twilio.com")
        self._host = parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._authority = parts.netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._context = context if parts.scheme == "https" else None
        self._pool: Pool[_Line] = Pool()

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: object,
    ) -> Response:
        """Ask once; the SDK's own limit of time and its redirects are not for us.

        Raises NotReached, Throttled, or OSError and HTTPException where nobody can say what became of the request.
        """
        until = monotonic() + self._timeout_s
        body = urlencode(data, doseq=True).encode("ascii") if data else None
        line = self._pool.take() or self._open(until)
        try:
            line.sock.until = until
            line.request(method, _target(uri, params), body, self._headers(headers, auth))
            answer = line.getresponse()
            text = _text(answer)
        except BaseException:
            line.close()
            raise
        if answer.will_close:
            line.close()
        else:
            self._pool.give(line)
        if answer.status == TOO_MANY_REQUESTS:
            raise Throttled(text, _seconds(answer.headers["Retry-After"]))
        return Response(answer.status, text, answer.headers)

    def close(self) -> None:
        """Let connections go."""
        self._pool.drain()

    def _open(self, until: float) -> _Line:
        line = _Line(self._host, self._port)
        try:
            plain = dial(self._host, self._port, until)
            line.sock = secure(plain, self._context, self._host) if self._context else plain
        except OSError as err:
            raise NotReached(f"Twilio {trouble(err)}") from err
        return line

    def _headers(self, given: dict[str, str] | None, auth: tuple[str, str] | None) -> dict[str, str]:
        headers = {"Host": self._authority, **(given or {})}
        if auth:
            headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode("ascii")
        return headers


def _text(answer: http.client.HTTPResponse) -> str:
    text = answer.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise http.client.HTTPException(f"an answer of more than {MOST_BYTES} bytes")
    return text.decode("utf-8", "replace")


def _target(uri: str, params: dict[str, object] | None) -> str:
    parts = urlsplit(uri)
    query = "&".join(each for each in (parts.query, urlencode(params, doseq=True) if params else "") if each)
    return f"{parts.path}?{query}" if query else parts.path


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date there is not heeded: it would need a clock.

    >>> _seconds("7"), _seconds("Fri, 31 Dec 2027 23:59:59 GMT"), _seconds(None)
    (7.0, None, None)
    """
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else None
