"""What does an error of Twilio mean: is it the message's fault, the recipient's wish, or the account's illness?

Source: Twilio's error and warning dictionary, for those that can meet a text to a mainland mobile. Callers:
channels/twilio.py.
"""

import re
from typing import Final

OPTED_OUT: Final = 21610

#: another try would be refused alike: the recipient or the text is at fault
LASTING: Final = {
    21211: "the number is not a valid one",
    21214: "the number cannot be reached",
    21217: "the number does not seem to be a valid one",
    21408: "the account may not send to this region",
    OPTED_OUT: "the recipient has opted out",
    21612: "there is no way from this sender to that number",
    21614: "the number is not a mobile",
    21617: "the text is too long",
    21635: "the number is a landline",
    60410: "the number is blocked against fraud",
}

#: the account or its set-up is ill: every message would be refused, and none is at fault
ILLNESSES: Final = {
    14107: "the rate of the sender is exceeded",
    20003: "wrong account SID or token, or the account is not active",
    20005: "the account is not active",
    20008: "these are test credentials",
    20404: "there is no such account",
    20429: "too many requests",
    21212: "the sender is not a valid one",
    21603: "there is no sender",
    21606: "the sender is not one of this account's",
    21611: "the sender's queue is full",
    21659: "the sender is not one of this account's",
    21660: "the sender does not belong to this account",
    21701: "there is no such messaging service",
    21703: "the messaging service has no sender",
    21705: "the messaging service is not a valid one",
    30001: "the queue is full",
    30002: "the account is suspended",
    63038: "the account's daily limit is reached",
}

#: why a message that Twilio took did not arrive
UNDELIVERED: Final = {
    30003: "the handset cannot be reached",
    30004: "the message is blocked",
    30005: "nobody has that number",
    30006: "the number is a landline or its carrier cannot be reached",
    30007: "filtered by the carrier or by Twilio",
    30008: "the carrier gives no reason",
    30010: "the message costs more than the limit",
    30011: "the number's country does not take such messages",
    30017: "the carrier's network is congested",
    30022: "the carrier's rate is exceeded",
    30036: "it waited longer than its time of validity",
    30410: "the carrier did not answer in time",
    30450: "delivery is blocked",
    30454: "the country's limit is reached",
}

_HTTP_ILLNESSES: Final = frozenset({401, 403, 404, 407, 429})
_DIGITS: Final = re.compile(r"\d{7,}")


def is_illness(code: int, http_status: int) -> bool:
    """Say whether a refusal tells of the account rather than of the message."""
    return code not in LASTING and (code in ILLNESSES or http_status in _HTTP_ILLNESSES)


def refusal(code: int, said: str) -> str:
    """Return why Twilio did not take a message; what Twilio itself says may hold the number, which is masked.

    >>> refusal(21610, "")
    'Twilio refused it (21610): the recipient has opted out'
    >>> refusal(29999, "The number +8613800000001 is odd")
    'Twilio refused it (29999): The number +… is odd'
    """
    known = LASTING.get(code) or ILLNESSES.get(code) or UNDELIVERED.get(code)
    return f"Twilio refused it ({code}): {known or _DIGITS.sub('…', said)}"


def undelivered(status: str, code: str | None) -> str:
    """Return why a message did not arrive.

    >>> undelivered("undelivered", "30005"), undelivered("canceled", None)
    ('undelivered (30005): nobody has that number', 'canceled')
    """
    if not code:
        return status
    number = int(code) if code.isascii() and code.isdecimal() else 0
    known = UNDELIVERED.get(number) or LASTING.get(number) or ILLNESSES.get(number)
    return f"{status} ({code}): {known}" if known else f"{status} ({code})"
