"""Why is a matter due on that day, in the words of a page, day by day?

The same reckoning as rules/derivations.py tells in one English line; here in either language, with each day on the
way for a strip of days. Rules: R1. Caller: web/pages/.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from rules.derivations import Measure, Reckoning, Step, due_date, is_provisional, steps
from rules.workdays import ONE_DAY, SATURDAY, Calendar, add_months
from templates.console_texts import term

#: a longer way is told in its sentence alone
MOST_DAYS: Final = 45


@dataclass(frozen=True, slots=True)
class DayStep:
    """One day on the way, and what it counted for."""

    day: date
    counted: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why that day."""

    sentence: str
    provisional: bool
    counts: bool  #: the days are counted, not only passed over
    steps: tuple[DayStep, ...] = ()


def reason_of(how: Reckoning, calendar: Calendar, lang: str) -> Reason:
    """Return why a due date is what it is.

    >>> reason_of(Reckoning(Measure.WORKDAYS, date(2030, 4, 30), 2), Calendar(), "zh").sentence
    '自2030-04-30（不计当日）起第2个工作日，为2030-05-06。'
    """
    due = due_date(how, calendar)
    sentence = _chinese(how, due) if lang == "zh" else _english(how, due)
    way = _way(how, due, calendar)
    shown = tuple(DayStep(s.day, s.counted, _words(s, lang)) for s in way) if len(way) <= MOST_DAYS else ()
    return Reason(sentence, is_provisional(how.start, due, calendar), how.measure is Measure.WORKDAYS, shown)


def _way(how: Reckoning, due: date, calendar: Calendar) -> list[Step]:
    if how.measure is Measure.WORKDAYS:
        return steps(how.start, due, calendar)
    plain = _plain(how)
    is_moved = how.measure in (Measure.DAYS, Measure.MONTHS, Measure.PLANNED) and plain != due
    return steps(plain - ONE_DAY, due, calendar) if is_moved else []


def _plain(how: Reckoning) -> date:
    if how.measure is Measure.DAYS:
        return how.start + timedelta(days=how.count)
    return add_months(how.start, how.count) if how.measure in (Measure.MONTHS, Measure.CYCLE) else how.start


def _words(step: Step, lang: str) -> str:
    weekday = ("周" if lang == "zh" else "") + term("weekday", step.day.weekday(), lang)
    if step.counted is not None and step.day.weekday() >= SATURDAY:
        return f"{weekday}{'调休' if lang == 'zh' else ', works'}"
    return weekday if step.counted is not None or step.why == "weekend" else step.why


def _chinese(how: Reckoning, due: date) -> str:  # noqa: PLR0911 - a sentence for each measure
    plain = _plain(how)
    moved = f"，该日非工作日，顺延至{due}" if plain != due else ""
    match how.measure:
        case Measure.WORKDAYS:
            return f"自{how.start}（不计当日）起第{how.count}个工作日，为{due}。"
        case Measure.DAYS:
            return f"自{how.start}起{how.count}天，为{plain}{moved}。"
        case Measure.MONTHS:
            return f"自{how.start}起{how.count}个月，为{plain}{moved}。"
        case Measure.CYCLE:
            leave = f"，期间请假{how.leave}天，顺延至{due}" if how.leave else ""
            return f"自{how.start}起{how.count}个月，为{plain}{leave}；遇非工作日不顺延。"
        case Measure.PERIOD:
            return f"本周期的最后一天，为{due}；遇非工作日不顺延。"
        case Measure.PLANNED:
            return f"计划日期为{plain}{moved}。"
        case Measure.GIVEN:
            return f"交办或延期时指定为{due}。"


def _english(how: Reckoning, due: date) -> str:  # noqa: PLR0911 - likewise
    plain = _plain(how)
    moved = f", which is no workday, so {due}" if plain != due else ""
    match how.measure:
        case Measure.WORKDAYS:
            return f"Workday {how.count} after {how.start}, which is not counted: {due}."
        case Measure.DAYS:
            return f"{how.count} days after {how.start}: {plain}{moved}."
        case Measure.MONTHS:
            return f"{how.count} months after {how.start}: {plain}{moved}."
        case Measure.CYCLE:
            leave = f", moved by {how.leave} days of leave to {due}" if how.leave else ""
            return f"{how.count} months after {how.start}: {plain}{leave}; it does not move for holidays."
        case Measure.PERIOD:
            return f"The last day of the period, {due}; it does not move for holidays."
        case Measure.PLANNED:
            return f"Planned for {plain}{moved}."
        case Measure.GIVEN:
            return f"{due}, as given when it was assigned or extended."
