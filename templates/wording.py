"""Which words does a person read, in an SMS, an e-mail or a digest?

The words stand in the .j2 files beside this module and in terms.py; here they are chosen, and made to fit.
Data is only ever a value: it is never read as a template, holds no control characters or line breaks, and is
escaped in HTML. Rules: R2.4, R5.9, R5.10, R7. Callers: actors/, replay/, the console's previews.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from jinja2.runtime import Context

from rules.facts import Channel
from rules.ladders import RungKind
from rules.matters import Matter, MatterKind, Status
from rules.notices import Event, Notice
from rules.offices import House, Person
from rules.workdays import ONE_DAY, Calendar
from templates import terms
from templates.letters import DigestLine, DigestView, Email
from templates.texts import MOST_SEGMENTS, PART, SINGLE, clean, cut, segments, units

__all__ = ["DigestLine", "DigestView", "Email", "Wording", "segments"]

Words = dict[str, object]
#: heading, sentence, due date, whether it is overdue
Item = tuple[str, str, str, bool]

NAME: Final = 20  #: UTF-16 units that a person's name may take
OFFICE: Final = 40
SMS_LABEL: Final = 40
EMAIL_LABEL: Final = 120
SHORTEST_LABEL: Final = 8  #: a project's name cut further than this tells nothing
SUBJECT: Final = 120
FINDING: Final = 120
MOST_FINDINGS: Final = 20
#: an SMS drops in this order: courtesy and repeated dates; names of those responsible; the reader's own office
SQUEEZES: Final = (0, 1, 2, 3)
KEPT_NAMES: Final = SQUEEZES[:2]  #: steps that drop no names
#: a date further away than this is told with its year
FAR: Final = timedelta(days=180)
PROJECTS: Final = frozenset({MatterKind.MILESTONE, MatterKind.INSPECTION})
RUNGS: Final = frozenset({RungKind.REMIND, RungKind.OVERDUE, RungKind.CLIMB})
URGENT: Final = frozenset({RungKind.OVERDUE, RungKind.CLIMB})


@cache
def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("templates", package_path="."),
        undefined=StrictUndefined,
        autoescape=autoescape,  # noqa: S701 - SMS is no HTML; what ends in .html.j2 escapes, see _template
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _template(name: str) -> Template:
    """Return a template, compiled once. Only names that end in .html.j2 escape."""
    return _environment(autoescape=name.endswith(".html.j2")).get_template(name)


def _sheet(words: Words) -> Context:
    """Return a context that reads `words` as they stand: several sentences are made from one.

    Making a context costs as much as filling in a sentence; Template.render makes one each time, and copies.
    """
    return Context(_environment(autoescape=False), words, None, {})


def _line(name: str, sheet: Context) -> str:
    """Return the one line that a text template gives."""
    return "".join(_template(name).root_render_func(sheet)).replace("\n", "")


def _page(name: str, words: Words) -> str:
    """Return the text or HTML that a template gives."""
    template = _template(name)
    return "".join(template.root_render_func(template.new_context(words, shared=True)))


class Wording:
    """The words of one municipality."""

    def __init__(
        self,
        house: House,
        *,
        calendar: Calendar,
        signature: str = "鹤山人大",
        full_name: str = "鹤山市人大常委会代表工委",
        either: bool = False,
    ) -> None:
        """Take the organisation, the calendar that counts days overdue, and who signs.

        `either`: one arrival a period is enough (R3.3).
        """
        self._house = house
        self._calendar = calendar
        self._signature = clean(signature, OFFICE)
        self._full_name = clean(full_name, OFFICE)
        self._either = either
        self._workdays_late = lru_cache(maxsize=16_384)(self._count_late)

    def brief(self, notices: Sequence[Notice], day: date) -> str:
        """Return the SMS, or in one line what an e-mail says: its most urgent item and the number of the others.

        For lists of notices: an e-mail's full text beside each of its hundreds of items would fill gigabytes.
        """
        if notices[0].channel is not Channel.EMAIL:
            return self.sms(notices, day)
        heading, body, _, _ = self._item(notices[0], day)
        others = f"（另有{len(notices) - 1}项）" if len(notices) > 1 else ""
        return f"【{heading}】{body}{others}"

    # SMS ---------------------------------------------------------------------------------

    def sms(self, notices: Sequence[Notice], day: date) -> str:
        """Return the one SMS for notices of one person, the most urgent first (R5.9).

        It is shortened step by step until it fits one segment. What cannot fit is sent in full instead.
        """
        words = self._words(notices[0], day, SMS_LABEL, terms.short_date)
        words["others"] = len(notices) - 1
        return next((text for text in _messages(words) if units(text) <= SINGLE), None) or _in_full(words)

    # E-mail ------------------------------------------------------------------------------

    def email(self, notices: Sequence[Notice], day: date) -> Email:
        """Return the one e-mail for notices of one person, which lists them all (R5.9)."""
        return self._letter("email/letter", "email/subject.txt.j2", self._letter_words(notices, day))

    def _letter_words(self, notices: Sequence[Notice], day: date) -> Words:
        person = notices[0].person
        items = [self._item(notice, day) for notice in notices]
        return {
            "heading": items[0][0],
            "topic": _topic(notices[0].matter),
            "addressee": self._addressee(person),
            "is_deputy": person is not None and person.office is None,
            "items": items,
            "today": terms.long_date(day),
            "signature": self._signature,
            "full_name": self._full_name,
        }

    def _item(self, notice: Notice, day: date) -> Item:
        words = self._words(notice, day, EMAIL_LABEL, terms.long_date)
        words["squeeze"] = 0
        return (
            str(words["heading"]),
            _body(words, _sheet(words)),
            terms.long_date(notice.matter.due),
            words["rung"] in URGENT,
        )

    def _letter(self, template: str, subject: str, words: Words) -> Email:
        words["subject"] = line = cut(_line(subject, _sheet(words)), SUBJECT)
        return Email(line, _page(f"{template}.txt.j2", words), _page(f"{template}.html.j2", words))

    def _addressee(self, person: Person | None) -> str:
        if person is None:
            return ""
        return self._office(person.office) if person.office is not None else f"{clean(person.name, NAME)}代表"

    # Digests -----------------------------------------------------------------------------

    def digest_email(self, view: DigestView) -> Email:
        """Return a digest: numbers first, then tables with bars, the most overdue matters, coverage (R7.1)."""
        towns = [(clean(name, OFFICE), counts) for name, counts in view.towns]
        words = self._digest_words(view) | {
            "today": terms.long_date(view.day),
            "rungs": [(terms.rung_name(rung), count) for rung, count in view.rungs],
            "most_of_rungs": max((count for _, count in view.rungs), default=0),
            "kinds": view.kinds,
            "most_of_kinds": max((n for _, c, new in view.kinds for n in (c.due_soon, c.overdue, new)), default=0),
            "towns": towns,
            "most_of_towns": max((n for _, counts in towns for n in (counts.due_soon, counts.overdue)), default=0),
            "worst": [(line.name, line.office, terms.long_date(line.due), line.late) for line in view.worst],
            "findings": [clean(finding, FINDING) for finding in view.findings[:MOST_FINDINGS]],
            "more_findings": max(len(view.findings) - MOST_FINDINGS, 0),
        }
        return self._letter("digest/digest", "digest/subject.txt.j2", words)

    def digest_sms(self, view: DigestView) -> str:
        """Return a digest for somebody who has no e-mail (R5.5): the numbers alone."""
        return cut(_line("sms/digest.j2", _sheet(self._digest_words(view))), MOST_SEGMENTS * PART)

    def lines(self, matters: Iterable[Matter], day: date, most: int = 10) -> tuple[DigestLine, ...]:
        """Return the most overdue of `matters` as a digest lists them, the oldest due date first."""
        overdue = (m for m in matters if m.status_on(day) is Status.OVERDUE and not m.silent)
        return tuple(self._digest_line(m, day) for m in sorted(overdue, key=lambda m: (m.due, m.id))[:most])

    def _digest_line(self, matter: Matter, day: date) -> DigestLine:
        words = self._about(matter, EMAIL_LABEL)
        if matter.kind is MatterKind.VISIT:  # other labels are numbers and names, of any shape
            words["period"] = terms.full_period(matter.label)
        return DigestLine(
            name=_line("sms/name.j2", _sheet(words)),
            office=str(words["who"]),
            due=matter.due,
            late=self._workdays_late(matter.due, day),
        )

    def _digest_words(self, view: DigestView) -> Words:
        return {
            "signature": self._signature,
            "full_name": self._full_name,
            "title": terms.DIGESTS[view.kind],
            "period": terms.digest_period(view.kind, view.period),
            "office": clean(view.office, OFFICE),
            "counts": view.counts,
        }

    # What the templates are told ---------------------------------------------------------

    def _words(self, notice: Notice, day: date, most: int, told: Callable[[date], str]) -> Words:
        """Return all that the sentences may say of a notice; `most`: units that a label may take."""
        matter, person = notice.matter, notice.person
        rung, _, number = notice.rung.partition("-")
        is_far = abs(matter.due - day) >= FAR
        words = self._about(matter, most)
        words |= {
            "signature": self._signature,
            "rung": rung,
            "event": notice.rung,
            "heading": terms.REMINDERS[matter.kind] if rung == RungKind.REMIND else terms.HEADINGS[_sort(notice.rung)],
            "reader": self._reader(notice, rung),
            "name": clean(person.name, NAME) if person else "",
            "climber": self._climber(matter, int(number)) if rung == RungKind.CLIMB else "",
            "town": self._office(matter.town),
            "due": terms.long_date(matter.due) if is_far else told(matter.due),
            "late": self._late(matter.due, day),
            "rerouted": notice.rerouted,
        }
        if matter.kind is MatterKind.VISIT:
            words |= self._visit(matter, rung, is_long=is_far or told is terms.long_date)
        elif matter.kind is MatterKind.MILESTONE:
            words["planned"] = told(matter.reckoned.start)
            words["slips"] = matter.slips
        if rung not in RUNGS:
            words |= _happened(matter, told)
        if notice.rung == Event.SETTLED:
            words["name_of"] = _line("sms/name.j2", _sheet(words))
        return words

    def _about(self, matter: Matter, most: int) -> Words:
        """Return what a matter is called, and who is responsible."""
        sort, _, ident = matter.responsible.partition(":")
        is_deputy = sort == "deputy"
        words: Words = {
            "kind": matter.kind,
            "stage": matter.stage,
            "label": clean(matter.label, most),
            "deputy": is_deputy,
            "who": self._deputy(ident) if is_deputy else self._office(ident),
        }
        if matter.kind is MatterKind.PETITION:
            words["act"], words["done"], words["doer"] = terms.PETITION_ACTS[matter.stage]
        elif matter.kind is MatterKind.MILESTONE:
            words["point"], words["doing"] = terms.POINTS[matter.stage]
        return words

    def _visit(self, matter: Matter, rung: str, *, is_long: bool) -> Words:
        """Return which arrivals are missing: owed and not made (R3.8)."""
        missing = [kind for kind in matter.owed if kind not in matter.arrivals]
        made = [kind for kind in matter.owed if kind in matter.arrivals]
        two = "either" if self._either else "both"
        lack = terms.ARRIVALS[missing[0]] if missing else terms.Arrival("", "")
        calls = terms.full_period if is_long else terms.current_period if rung == RungKind.REMIND else terms.period
        return {
            "period": calls(matter.label),
            "want": ("nothing", "one", two)[len(missing)],
            "made": terms.ARRIVALS[made[0]].name if made else "",
            "lack": lack.name,
            "place": lack.place,
        }

    def _reader(self, notice: Notice, rung: str) -> str:
        """Say in which voice to speak: to the deputy, to whoever is responsible, or to an office above (R2.3)."""
        person = notice.person
        if person is not None and person.office is None:
            return "deputy"
        if rung == RungKind.CLIMB:
            return "above"
        is_own = person is None or notice.rerouted or notice.matter.responsible == f"office:{person.office}"
        return "office" if is_own or rung in RUNGS else "above"

    def _climber(self, matter: Matter, number: int) -> str:
        chain = self._house.chain(matter.responsible, matter.town)
        return self._office(chain[number - 1]) if number <= len(chain) else ""

    def _office(self, office: str) -> str:
        row = self._house.offices.get(office)
        return clean(row.name if row else office, OFFICE)

    def _deputy(self, deputy: str) -> str:
        row = self._house.deputies.get(deputy)
        return f"{clean(row.name if row else deputy, NAME)}代表"

    def _late(self, due: date, day: date) -> str:
        count = self._workdays_late(due, day)
        return f"已逾期{count}个工作日" if count else "已逾期"

    def _count_late(self, due: date, day: date) -> int:
        """Return the workdays after `due` up to and including `day` (R1.3)."""
        span = range((day - due).days)
        return sum(self._calendar.is_workday(due + (i + 1) * ONE_DAY) for i in span)


def _sort(rung: str) -> str:
    """Return the key of terms.HEADINGS for a rung or event."""
    return RungKind.CLIMB if rung.startswith(RungKind.CLIMB) else rung


def _body(words: Words, sheet: Context) -> str:
    """Return the sentence, with a word on why it comes to this office if it was rerouted (R2.4)."""
    body = _line(f"sms/{words['kind'] if words['rung'] in RUNGS else 'event'}.j2", sheet)
    return body + _line("sms/rerouted.j2", sheet) if words["rerouted"] else body


def _messages(words: Words) -> Iterator[str]:
    """Yield the SMS in full, then shorter and shorter; a rerouted one keeps its names."""
    sheet = _sheet(words)
    text = ""
    steps = KEPT_NAMES if words["rerouted"] else SQUEEZES
    for squeeze in steps:
        text = _message(words, sheet, squeeze)
        yield text
    if words["kind"] in PROJECTS:
        label = str(words["label"])
        words["label"] = cut(label, max(units(label) + SINGLE - units(text), SHORTEST_LABEL))
        yield _message(words, sheet, steps[-1])
        words["label"] = label


def _in_full(words: Words) -> str:
    return cut(_message(words, _sheet(words), 0), MOST_SEGMENTS * PART)


def _message(words: Words, sheet: Context, squeeze: int) -> str:
    words["squeeze"] = squeeze
    words["body"] = _body(words, sheet)
    return _line("sms/message.j2", sheet)


def _happened(matter: Matter, told: Callable[[date], str]) -> Words:
    return {
        "cause": matter.cause,
        "reopened_by": terms.REOPENED_BY.get(matter.cause, ""),
        "closed": terms.CLOSED.get(matter.closed, "已办结") if matter.closed else "已办结",
        "settled": told(matter.settled) if matter.settled else "",
    }


def _topic(matter: Matter) -> str:
    """Return what a subject line may say: the kind, and an opinion's register number (R5.10)."""
    kind = terms.KINDS[matter.kind]
    return f"{kind}{clean(matter.label, SMS_LABEL)}号" if matter.kind is MatterKind.PETITION else kind
