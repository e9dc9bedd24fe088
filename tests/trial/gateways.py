"""What do the gateways of a trial take, and what do they tell? Their ledger alone knows what left.

The SMS gateway is one as Twilio: no second copy is recognised, call-backs tell what became of a text, and a list can
be asked. The mail server is one as SMTP: a copy with the same Message-ID is shown once. Callers: worlds.py.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

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
from rules.facts import Channel
from tests.trial.faults import Chance
from tests.trial.hub import Hub

LAG_S: Final = 240.0  #: a list may lag behind by so much: less than the time between two looks at it
SKEW: Final = timedelta(minutes=5)
SILENT: Final = 0.5  #: of the messages that were taken without an answer: where one is lost, the call-backs are too
LATEST_S: Final = 300.0  #: a gateway that has not answered takes a message at most so much later


@dataclass(slots=True)
class Taken:
    """A message that a gateway has taken: it has left."""

    at: datetime
    listed_at: datetime
    provider_id: str
    outgoing: Outgoing
    status: Status = Status.ACCEPTED


class Provider:
    """What stands outside: it lives on whatever becomes of duban."""

    def __init__(self, hub: Hub, chance: Chance, tell: Callable[[Report], None]) -> None:
        """`tell`: posts a call-back."""
        self.hub = hub
        self.chance = chance
        self.tell = tell
        self.on_call: Callable[[Outgoing], None] = lambda _outgoing: None
        self.ledger: list[Taken] = []
        self.by_id: dict[str, Taken] = {}
        self.by_address: dict[str, list[Taken]] = defaultdict(list)
        self.repeated: set[int] = set()  #: e-mails of which a copy came
        self.copies: dict[int, list[str]] = defaultdict(list)  #: texts of an e-mail, by message
        self.out_until: dict[str, datetime] = {}  #: by channel, when an outage ends
        self.delivered: set[int] = set()  #: messages of which the arrival has been told, and the word was committed
        self.silent: set[str] = set()  #: attempts of which no word comes, as no answer came
        self.opted_out: dict[str, datetime] = {}
        self.told_opted_out: dict[str, str] = {}  #: attempt → address of which the gateway told that it wants no more

    def strikes(self, kind: str, where: str) -> bool:
        return self.chance.strikes(kind, self.hub.now, where)

    def take(self, outgoing: Outgoing, in_s: float) -> str:
        """Take a message some time from now; return the id that it will have."""
        provider_id = f"{outgoing.channel}-{outgoing.attempt}"
        self.hub.after(in_s, lambda: self._take(outgoing, provider_id))
        return provider_id

    def _take(self, outgoing: Outgoing, provider_id: str) -> None:
        now = self.hub.now
        if outgoing.channel == Channel.EMAIL:
            self.copies[outgoing.message].append(outgoing.text)
            if len(self.copies[outgoing.message]) > 1:
                self.repeated.add(outgoing.message)
                return  # the same Message-ID: the mailbox shows one
        lag = LAG_S * self.chance.next("lag", now) if self.strikes("list lags", provider_id) else 0.0
        taken = Taken(now, now + timedelta(seconds=lag), provider_id, outgoing)
        self.ledger.append(taken)
        self.by_id[provider_id] = taken
        self.by_address[outgoing.address].append(taken)
        if outgoing.channel == Channel.SMS:
            self._follow(taken)

    def _follow(self, taken: Taken) -> None:
        """Let the carrier do its part, and tell of it: mostly in order, at times not at all."""
        now, where = self.hub.now, taken.provider_id
        sent = self.chance.between(0.2, 5, "carrier", now)
        ended = self.chance.between(1, 120, "carrier", now)
        last = Status.FAILED if self.strikes("not delivered", where) else Status.DELIVERED
        for status, seconds in ((Status.SENT, min(sent, ended)), (last, ended)):
            self.hub.after(seconds, lambda status=status: self._become(taken, status))

    def _become(self, taken: Taken, status: Status) -> None:
        taken.status = status
        where = f"{status} of {taken.provider_id}"
        if taken.outgoing.attempt in self.silent or self.strikes("word lost", where):
            return
        late = self.chance.between(60, 6 * 3600, "late", self.hub.now) if self.strikes("word late", where) else 0.1
        report = self.report(taken, status)
        self.hub.after(late, lambda: self.tell(report))
        if self.strikes("word doubled", where):
            self.hub.after(late + self.chance.between(0, 600, "late", self.hub.now), lambda: self.tell(report))

    @staticmethod
    def report(taken: Taken, status: Status | None = None) -> Report:
        status = status or taken.status
        is_lost = status is Status.FAILED
        return Report(
            provider_id=taken.provider_id,
            status=status,
            attempt=taken.outgoing.attempt,
            reason="the number is out of service" if is_lost else None,
        )


class TrialGateway:
    """How one process reaches a provider; each call is a boundary before and after."""

    def __init__(self, provider: Provider, channel: Channel, pause: Callable[[str], None]) -> None:
        self.name = "sms" if channel is Channel.SMS else "mail"
        self.when_unknown = WhenUnknown.ASK_LATER if channel is Channel.SMS else WhenUnknown.REPEAT
        self._provider = provider
        self._pause = pause

    def send(self, outgoing: Outgoing) -> Outcome:
        self._provider.on_call(outgoing)
        self._pause("before a call")
        outcome, seconds = self._answer(outgoing)
        self._provider.hub.sleep(seconds)
        self._pause("after a call")
        return outcome

    def _answer(self, outgoing: Outgoing) -> tuple[Outcome, float]:
        """Return what the caller will hear, and after how many seconds."""
        provider, where = self._provider, f"message {outgoing.message}"
        latency = provider.chance.between(0.02, 0.3, "latency", provider.hub.now)
        refused = self._refusal(outgoing, where)
        if refused is not None:
            return refused, latency
        late = provider.chance.between(CALL_TIMEOUT_S, LATEST_S, "late", provider.hub.now)
        silent = Unsure("timed out"), CALL_TIMEOUT_S
        if provider.strikes("no answer", where):
            return silent
        if provider.strikes("took late, no answer", where):
            provider.take(outgoing, late)
            return silent
        provider_id = provider.take(outgoing, latency / 2)
        if not provider.strikes("took, no answer", where):
            return Accepted(provider_id, 1), latency
        if provider.chance.next("silent", provider.hub.now) < SILENT:
            provider.silent.add(outgoing.attempt)
        return silent

    def _refusal(self, outgoing: Outgoing, where: str) -> Refused | None:
        provider = self._provider
        if outgoing.channel == Channel.SMS:
            if outgoing.address in provider.opted_out or provider.strikes("opted out", where):
                provider.opted_out.setdefault(outgoing.address, provider.hub.now)
                provider.told_opted_out[outgoing.attempt] = outgoing.address
                return Refused(reason="the recipient wants no more", is_opt_out=True)
            if provider.strikes("refused", where):
                return Refused(reason="no such number")
        if provider.strikes("throttled", where):
            return Refused(reason="fewer", code="429", is_lasting=False, is_illness=True, retry_after_s=20)
        if provider.hub.now < provider.out_until.get(outgoing.channel, provider.hub.now):
            return Refused(reason="connection refused", is_lasting=False, is_illness=True)
        if provider.strikes("ill", where):
            return Refused(reason="connection refused", is_lasting=False, is_illness=True)
        return None

    def find(self, sought: Sought) -> Found:
        """Match by address and words, as Twilio's list must be: it knows no attempts."""
        self._pause("before a question")
        provider = self._provider
        if provider.strikes("list out of reach", sought.attempt):
            return CANNOT_TELL
        taken = next(filter(lambda taken: self._fits(taken, sought), provider.by_address[sought.address]), None)
        report = provider.report(taken) if taken else ABSENT
        self._pause("after a question")
        return report

    def _fits(self, taken: Taken, sought: Sought) -> bool:
        is_listed = taken.listed_at <= self._provider.hub.now and taken.provider_id not in sought.taken
        return is_listed and taken.outgoing.text == sought.text and taken.outgoing.at >= sought.since - SKEW

    def look_up(self, provider_id: str) -> Report | None:
        self._pause("before a question")
        provider = self._provider
        if provider.strikes("list out of reach", provider_id):
            return None
        taken = provider.by_id.get(provider_id)
        return provider.report(taken) if taken else None

    def close(self) -> None:
        """Hold nothing."""
