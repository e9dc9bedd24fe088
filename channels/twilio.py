"""How does a text leave through Twilio, and what does Twilio tell about it later?

With the official SDK, over an HTTP client of our own. Twilio has no key that would make a second request harmless:
what is not surely refused is Unsure, and `find` looks for it in the account's list. Source: FINDINGS "Sending once".
Callers: config/services.py, actors/sending.py, actors/settling.py, web/webhooks.py.
"""

import http.client
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from channels.gateway import (
    ABSENT,
    CALL_TIMEOUT_S,
    CANNOT_TELL,
    Accepted,
    Found,
    Outcome,
    Outgoing,
    Refused,
    Report,
    Sought,
    Status,
    Unsure,
    WhenUnknown,
)
from channels.lines import tls_context, trouble
from channels.twilio_codes import LASTING, OPTED_OUT, is_illness, refusal, undelivered
from channels.twilio_http import NotReached, Throttled, TwilioHttp
from rules.offices import mainland_mobile

API: Final = "https://api.twilio.com"
REQUEST_TIMEOUT: Final = 408
CLIENT_ERRORS: Final = range(400, 500)
# Clocks differ, and Twilio's list knows whole seconds.
SKEW: Final = timedelta(minutes=2)
MOST_LISTED: Final = 300  #: a person has two a day; beyond that something is wrong, and nothing can be told
NEWEST: Final = 100

STATUSES: Final = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.SENT,
    "partially_delivered": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}


class TwilioGateway:
    """The way out for SMS; many threads may send at once."""

    name = "twilio"
    when_unknown = WhenUnknown.ASK_LATER

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        messaging_service_sid: str | None = None,
        from_number: str | None = None,
        api_base: str | None = None,
        callback_url: str | None = None,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """Send as the messaging service or from the number; `callback_url` gets `?attempt=<id>`, None asks for none."""
        if not (messaging_service_sid or from_number):
            raise ValueError("want a messaging service or a number to send from")
        base = (api_base or API).rstrip("/")
        self._http = TwilioHttp(base, timeout_s, tls_context())
        client = Client(account_sid, auth_token, http_client=self._http)
        # Read from the environment by the SDK, these would turn requests away from the base.
        client.edge = client.region = None
        client.api.base_url = base
        self._messages: Any = client.messages
        self._sender = (
            {"messaging_service_sid": messaging_service_sid} if messaging_service_sid else {"from_": from_number}
        )
        self._callback_url = callback_url

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand the text over, once."""
        to = _e164(outgoing.address)
        if to is None:
            return Refused(reason="the number is not a mainland mobile")
        extras = self._sender | self._callback(outgoing.attempt)
        try:
            message = self._messages.create(to=to, body=outgoing.text, **extras)
        except (TwilioRestException, TwilioServiceException) as err:
            return _answered(err)
        except Exception as err:  # noqa: BLE001 - whatever went wrong, the caller gets an outcome
            return _unanswered(err)
        if not message.sid:
            return Unsure("Twilio's answer names no message")
        return Accepted(message.sid, _count(message.num_segments))

    def find(self, sought: Sought) -> Found:
        """Look for the text among those that went to that number.

        Asked by day first. A text that waits in Twilio's queue has no day yet, so the newest are looked through too
        before it is called absent: a wrong "absent" would be a second message.
        """
        to = _e164(sought.address)
        if to is None:
            return ABSENT
        day = (sought.since.astimezone(UTC) - timedelta(days=1)).date().isoformat()
        try:
            dated = self._messages.page(to=to, date_sent_after=day, page_size=MOST_LISTED)
            found = _match(dated, sought)
            if found is None and dated.next_page_url is not None:
                return CANNOT_TELL
            found = found or _match(self._messages.page(to=to, page_size=NEWEST), sought)
        except Exception:  # noqa: BLE001 - whatever the SDK raises, nothing has been told
            return CANNOT_TELL
        return _report(found) if found is not None else ABSENT

    def look_up(self, provider_id: str) -> Report | None:
        """Ask how far a text has come."""
        try:
            return _report(self._messages(provider_id).fetch())
        except Exception:  # noqa: BLE001 - likewise
            return None

    def close(self) -> None:
        self._http.close()

    def _callback(self, attempt: str) -> dict[str, str]:
        if self._callback_url is None:
            return {}
        joint = "&" if "?" in self._callback_url else "?"
        return {"status_callback": f"{self._callback_url}{joint}{urlencode({'attempt': attempt})}"}


class Signatures:
    """Knows whether a call-back is Twilio's; two tokens hold while they are changed."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._validators = [RequestValidator(token) for token in tokens if token]

    def hold(self, url: str, params: Mapping[str, str], signature: str | None) -> bool:
        """Say whether `signature` is that of one of the tokens for the public `url`; without tokens none is."""
        if not signature:
            return False
        try:
            return any(each.validate(url, params, signature) for each in self._validators)
        except ValueError:  # an address or characters that Twilio would never sign
            return False


def status_report(params: Mapping[str, str], attempt: str | None) -> Report | None:
    """Return what a status call-back tells; None if it is not one.

    >>> status_report({"MessageSid": "SM1", "MessageStatus": "delivered"}, "a1").status
    <Status.DELIVERED: 'delivered'>
    """
    sid = params.get("MessageSid") or params.get("SmsSid")
    word = params.get("MessageStatus") or params.get("SmsStatus") or ""
    if not sid or word not in STATUSES:
        return None
    return _told(sid, word, attempt=attempt or None, code=params.get("ErrorCode"))


def _e164(address: str) -> str | None:
    digits = mainland_mobile(address)
    return f"+86{digits}" if digits else None


def _answered(err: TwilioRestException | TwilioServiceException) -> Outcome:
    """Judge an answer that is not 2xx: only a client error is surely a no."""
    http_status, code = _number(err.status), _number(err.code)
    if http_status not in CLIENT_ERRORS or http_status == REQUEST_TIMEOUT:
        return Unsure(f"Twilio answered {http_status}", str(code))
    said = getattr(err, "msg", None) or getattr(err, "detail", None) or getattr(err, "title", "")
    is_ill = is_illness(code, http_status)
    return Refused(
        reason=refusal(code, str(said).removeprefix("Unable to create record: ")),
        code=str(code),
        is_lasting=code in LASTING or not is_ill,
        is_illness=is_ill,
        is_opt_out=code == OPTED_OUT,
    )


def _unanswered(err: Exception) -> Outcome:
    """Judge a call that brought no answer to be judged by."""
    if isinstance(err, NotReached):
        return Refused(reason=str(err), is_lasting=False, is_illness=True)
    if isinstance(err, Throttled):
        reason, wait_s = "Twilio wants fewer requests", err.retry_after_s
        return Refused(reason=reason, code="429", is_lasting=False, is_illness=True, retry_after_s=wait_s)
    if isinstance(err, UnicodeEncodeError):  # nothing is decoded strictly, so this was before anything was written
        return Refused(reason="the text has characters that cannot be sent")
    if isinstance(err, (OSError, http.client.HTTPException)):
        return Unsure(f"Twilio {trouble(err)}")
    return Unsure(f"Twilio's answer cannot be read: {type(err).__name__}")


def _match(listed: Iterable[Any], sought: Sought) -> Any | None:
    """Return the earliest text that can be the one sought; the list has the newest first."""
    text = _plain(sought.text)
    mine = [
        each
        for each in listed
        if each.sid not in sought.taken
        and str(each.direction).startswith("outbound")
        and _plain(each.body or "") == text
        and _created(each) >= sought.since - SKEW
    ]
    return min(reversed(mine), key=_created, default=None)


def _created(message: Any) -> datetime:
    created: datetime = message.date_created
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _report(message: Any) -> Report:
    """Return what the list tells of a text."""
    return _told(
        message.sid,
        # A status that Twilio has added since: the text is there all the same.
        message.status if message.status in STATUSES else "accepted",
        code=str(message.error_code) if message.error_code else None,
        segments=_count(message.num_segments),
        cost=abs(float(message.price)) if message.price else None,
    )


def _told(sid: str, word: str, *, code: str | None, **others: Any) -> Report:
    status = STATUSES[word]
    if status is not Status.FAILED:
        return Report(provider_id=sid, status=status, **others)
    return Report(provider_id=sid, status=status, code=code or None, reason=undelivered(word, code), **others)


def _count(segments: str | None) -> int | None:
    """Return Twilio's count of segments: 0 says that no sender, hence no encoding, is chosen yet."""
    return _number(segments) or None


def _number(given: object) -> int:
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() else 0
