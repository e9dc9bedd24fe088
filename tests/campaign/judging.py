"""Was anything lost, doubled, or told at the wrong time?

The evidence is the gateways' ledgers alone. What should be in them is a replay of the facts as they were committed,
under the same policy: none of duban's own tables is read. Caller: tests/campaign/running.py.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from config.policies import load_policy
from config.settings import load_settings
from replay.engine import Replay, Sent
from replay.simulate import run_record
from rules.facts import Channel, Petition, PetitionEventKind
from rules.notices import Verdict as NoticeVerdict
from tests.campaign.record import CAP, Hours, Start, old_ones
from tests.campaign.writing import Journal
from tests.fakes.ledger import entries
from tests.fakes.mail import mails

#: Of a closure. A claim looks at the facts, commits, and hands over what it took for a second (CLAIM_HOLDS_S); then
#: there is the call itself. The rest is for a machine with more to do than it has processors.
TOLERANCE_S: Final = 3.0
#: a notice whose matter was open for longer than this should have left
PATIENCE_S: Final = 60.0

LABEL: Final = re.compile(r"群众意见(P\d+)号")
REGISTERED: Final = re.compile(r"群众意见(P\d+)号已登记")
ITEMS: Final = re.compile(r"等(\d+)项$")
OTHERS: Final = re.compile(r"另有(\d+)项待办")
DIGEST: Final = re.compile(r"督办[日周月]报")
#: heading of an e-mail → what it tells
HEADINGS: Final = {
    "签收通知": "event-assigned",
    "重办通知": "event-reopened",
    "分办通知": "event-assign",
    "核实通知": "event-handled",
}
OPENED_BY: Final = {
    "event-assigned": PetitionEventKind.ASSIGNED,
    "event-handled": PetitionEventKind.HANDLED,
    "event-reopened": PetitionEventKind.VERIFIED,
}
Entry = dict[str, Any]
Key = tuple[str, str]  #: number or address, words


@dataclass
class Verdict:
    """What was found; each list is empty if all is well."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    uncalled: list[str] = field(default_factory=list)  #: nothing on record calls for it
    late: list[str] = field(default_factory=list)  #: after the closure that made it wrong
    outside: list[str] = field(default_factory=list)  #: of the window
    held: list[str] = field(default_factory=list)  #: while an operator held all sending
    over_cap: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def wrongs(self, *, is_final: bool = True) -> dict[str, list[str]]:
        """Return what is wrong; before the end, what is lost is only not there yet."""
        kinds = ["twice", "uncalled", "late", "outside", "held", "over_cap"] + (["lost"] if is_final else [])
        return {kind: found for kind in kinds if (found := getattr(self, kind))}


@dataclass(frozen=True)
class Case:
    """All that is known outside of duban."""

    start: Start
    hours: Hours
    journal: Journal
    corrected: frozenset[str]  #: petitions of which an entry was taken back and made anew
    holds: list[tuple[float, float]]
    folder: Path
    until: float  #: the end of the troubles

    def replay(self) -> Replay:
        """Return what should have happened."""
        policy = load_policy(self.folder / "policy.toml", environ={})
        settings = load_settings({"DUBAN_CALENDAR": str(self.folder / "calendar")})
        record = self.start.record(self.journal.petitions, self.journal.events)
        return run_record(record, self.hours.today, self.hours.today, policy=policy, settings=settings)

    def spans(self) -> "Spans":
        return Spans(self.journal)


class Spans:
    """From when to when was a notice right? By the commits of the facts that opened and closed its matter."""

    def __init__(self, journal: Journal) -> None:
        self._facts: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for written in journal.written:
            fact = written.fact
            if isinstance(fact, Petition):
                self._facts[fact.id].append(("", written.committed))
            else:
                self._facts[fact.petition].append((fact.event, written.committed))

    def of(self, petition: str, rung: str) -> tuple[float | None, float | None]:
        """Return when the facts that opened and closed the matter of a notice were committed."""
        facts = self._facts.get(petition, [])
        if not rung.startswith("event-"):
            return None, facts[0][1] if facts else None
        opener = OPENED_BY.get(rung, "")
        for i, (kind, committed) in enumerate(facts):
            if kind == opener:
                return committed, facts[i + 1][1] if i + 1 < len(facts) else None
        return None, None


def judge(case: Case) -> Verdict:
    """Hold the ledgers against the replay."""
    return _Judge(case).run()


class _Judge:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.verdict = Verdict()
        self.spans = case.spans()
        self.sms = entries(case.folder / "twilio.jsonl", "message")
        self.mails = mails(case.folder / "mail.jsonl")
        self.latencies: list[float] = []
        self.superseded = 0
        self.latest = 0.0  #: after a closure
        people = case.start.people
        self.contacts = {f"contact:{c.id}": c for c in people.contacts()}
        self.deputies = {f"deputy:{d.id}": d for d in people.deputies()}
        self.refused = people.refused()
        self.capped = {f"+86{c.mobile}" for c in people.contacts() if c.office.startswith("M") and c.office != "MUN"}

    def run(self) -> Verdict:
        run = self.case.replay()
        sent = [s for s in run.sent if s.notice.verdict is NoticeVerdict.SENT]
        self._judge_sms([s for s in sent if s.notice.channel is Channel.SMS])
        self._judge_mail(sent)
        self._judge_digests(run)
        self._judge_times()
        self.verdict.figures = self._figures(sent)
        return self.verdict

    # SMS ---------------------------------------------------------------------------------

    def _judge_sms(self, sent: list[Sent]) -> None:
        expected: dict[Key, list[Sent]] = defaultdict(list)
        for each in sent:
            expected[self._mobile(each), each.text].append(each)
        told: dict[Key, list[Entry]] = defaultdict(list)
        for entry in self.sms:
            told[entry["to"], entry["body"]].append(entry)
        for key, found in told.items():
            if len(found) > 1:
                self.verdict.twice.append(f"SMS to {key[0]}, {len(found)} times: {key[1]}")
        uncalled = (key for key in told if key not in expected and key[0] not in self.capped)
        self.verdict.uncalled += [
            f"SMS to {to}: {words}" for to, words in uncalled if not self._is_of_correction(to, words)
        ]
        for key, notices in expected.items():
            if key[0] not in self.capped and key[0] not in self.refused:
                self._judge_one(key, notices, told.get(key, []))
        self._judge_cap()

    def _is_of_correction(self, to: str, words: str) -> bool:
        """Say whether a town is asked to assign an opinion that, while an entry was taken back, was not assigned."""
        registered = REGISTERED.search(words)
        if registered is None or registered[1] not in self.case.corrected:
            return False
        town = registered[1].replace("P", "T")  # each opinion is of a town of its own
        return to == f"+86{self.case.start.people.mobile_of(town)}"

    def _judge_one(self, key: Key, notices: list[Sent], found: list[Entry]) -> None:
        opened, closed = self._span(notices[0])
        if not found:
            self._miss(f"SMS to {key[0]}: {key[1]}", opened, closed)
            return
        since = max(opened or 0.0, notices[0].at.timestamp())
        self.latencies.append(found[0]["at"] - since)
        petition = _petition(notices[0])
        if len(notices) == 1 and not (petition in self.case.corrected and notices[0].notice.rung == "event-assign"):
            self._judge_lateness(f"SMS to {key[0]}: {key[1]}", found[0]["at"], closed)

    def _miss(self, what: str, opened: float | None, closed: float | None) -> None:
        since = max(opened or 0.0, self.case.hours.round_.timestamp() if opened is None else 0.0)
        if closed is None:
            self.verdict.lost.append(what)
        elif closed - since > PATIENCE_S:
            self.verdict.lost.append(f"{what} ({closed - since:.0f} s before its closure)")
        else:
            self.superseded += 1

    def _judge_lateness(self, what: str, at: float, closed: float | None) -> None:
        if closed is not None:
            self.latest = max(self.latest, at - closed)
            if at - closed > TOLERANCE_S:
                self.verdict.late.append(f"{what} ({at - closed:.1f} s after its closure)")

    def _judge_cap(self) -> None:
        by_number: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.sms:
            by_number[entry["to"]].append(entry)
        for number, found in by_number.items():
            if len(found) > CAP:
                self.verdict.over_cap.append(f"{len(found)} SMS to {number}")
        begun = Counter(e.office for e in self.case.journal.events if e.office and e.office.startswith("M"))
        for office, petitions in begun.items():
            number = f"+86{self.case.start.people.mobile_of(office)}"
            items = sum(1 + int(m[1]) if (m := OTHERS.search(e["body"])) else 1 for e in by_number.get(number, ()))
            if items < min(petitions, CAP) or items > petitions:
                self.verdict.lost.append(f"{items} of {petitions} notices by SMS to {number}, who may have {CAP} SMS")

    # E-mail ------------------------------------------------------------------------------

    def _judge_mail(self, sent: list[Sent]) -> None:
        due: dict[str, list[Sent]] = defaultdict(list)
        for each in sent:
            if each.notice.channel is Channel.EMAIL or self._mobile(each) in self.refused:
                due[self._email(each)].append(each)
        letters = [mail for mail in self._first_copies() if not DIGEST.search(mail["subject"])]
        for key, found in _by_key(letters).items():
            if len(found) > 1:
                self.verdict.twice.append(f"e-mail to {key[0]}, under {len(found)} ids: {key[1]}")
        items: Counter[str] = Counter()
        for mail in letters:
            items[mail["to"][0]] += int(m[1]) if (m := ITEMS.search(mail["subject"])) else 1
            self._judge_late_mail(mail)
        for address in items.keys() | due.keys():
            self._judge_address(address, due.get(address, []), items[address])

    def _judge_address(self, address: str, due: list[Sent], had: int) -> None:
        must = [each for each in due if self._span(each)[1] is None]
        if had > len(due):
            kind = self.verdict.twice if due else self.verdict.uncalled
            kind.append(f"e-mail to {address}: {had} items, {len(due)} expected")
        elif had < len(must):
            self.verdict.lost.append(f"e-mail to {address}: {had} items of {len(must)}, such as {must[0].text}")
        else:
            self.superseded += len(due) - had

    def _judge_late_mail(self, mail: Entry) -> None:
        label = LABEL.search(mail["subject"])
        rung = next((rung for heading, rung in HEADINGS.items() if heading in mail["subject"]), "")
        if label and not ITEMS.search(mail["subject"]) and rung:
            _, closed = self.spans.of(label[1], rung)
            if label[1] not in self.case.corrected:
                self._judge_lateness(f"e-mail to {mail['to'][0]}: {mail['subject']}", mail["at"], closed)

    def _first_copies(self) -> list[Entry]:
        """Return each e-mail once: a mailbox shows copies with one Message-ID as one."""
        return list({mail["message_id"]: mail for mail in reversed(self.mails)}.values())

    def _judge_digests(self, run: Replay) -> None:
        """Judge digests: each at most once; those of the towns of old for certain, whose numbers nothing moves."""
        digests = [mail for mail in self._first_copies() if DIGEST.search(mail["subject"])]
        found = Counter((mail["to"][0], DIGEST.search(mail["subject"])[0]) for mail in digests)  # type: ignore[index]
        for (address, kind), number in found.items():
            if number > 1:
                self.verdict.twice.append(f"{number} {kind} to {address}")
        must = {f"T{n}" for n in range(old_ones())} | {"MUN", "DIR"}
        for made in run.digests:
            contact = self.contacts[made.person.id]
            if contact.office in must and not any(address == contact.email for address, _ in found):
                self.verdict.lost.append(f"a digest to {contact.email}")

    # Time --------------------------------------------------------------------------------

    def _judge_times(self) -> None:
        opens = self.case.hours.opens.timestamp()
        for entry in (*self.sms, *self.mails):
            what = f"to {entry['to']}: {entry.get('body') or entry.get('subject')}"
            if entry["at"] < opens:
                self.verdict.outside.append(f"{what} ({opens - entry['at']:.1f} s before the window)")
            for since, until in self.case.holds:
                if since + TOLERANCE_S < entry["at"] < until:
                    self.verdict.held.append(f"{what} ({entry['at'] - since:.1f} s after hold)")

    def _silences(self, opens: float) -> Iterator[tuple[float, float]]:
        moments = sorted(e["at"] for e in (*self.sms, *self.mails) if e["at"] < self.case.until)
        yield from zip([opens, *moments], [*moments, max(self.case.until, opens)], strict=True)

    # Figures -----------------------------------------------------------------------------

    def _figures(self, sent: list[Sent]) -> dict[str, Any]:
        opens = self.case.hours.opens.timestamp()
        took = sorted(self.latencies) or [0.0]
        twentieths = quantiles(took, n=20) if len(took) > 1 else took * 19
        return {
            "facts": len(self.case.journal.written),
            "corrections": len(self.case.corrected),
            "notices expected": len(sent),
            "SMS taken": len(self.sms),
            "SMS whose taking was not told": sum("taken" in e["fault"] for e in self.sms),
            "e-mails taken": len(self.mails),
            "copies of e-mails with the same id": len(self.mails) - len(self._first_copies()),
            "superseded": self.superseded,
            "latest after a closure (s)": round(self.latest, 2),
            "longest silence (s)": round(max(until - since for since, until in self._silences(opens)), 1),
            "from fact to SMS (s): median, 95 %, longest": [
                round(took[len(took) // 2], 1), round(twentieths[18], 1), round(took[-1], 1)
            ],
        }  # fmt: skip

    def _span(self, sent: Sent) -> tuple[float | None, float | None]:
        return self.spans.of(_petition(sent), sent.notice.rung)

    def _mobile(self, sent: Sent) -> str:
        return f"+86{self._person(sent).mobile}"

    def _email(self, sent: Sent) -> str:
        return self._person(sent).email or ""

    def _person(self, sent: Sent) -> Any:
        assert sent.notice.person is not None
        ident = sent.notice.person.id
        return self.contacts.get(ident) or self.deputies[ident]


def _petition(sent: Sent) -> str:
    return sent.notice.matter.id.split(":")[1]


def _by_key(mails: Iterable[Entry]) -> Mapping[Key, list[Entry]]:
    found: dict[Key, list[Entry]] = defaultdict(list)
    for mail in mails:
        found[mail["to"][0], mail["subject"]].append(mail)
    return found
