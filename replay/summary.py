"""How much would have been sent, to whom, at what cost, and what would have been overdue?

Source: INTERFACES "duban simulate" (summary.json, summary.html). Callers: replay/simulate.py.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final

from replay.charts import bar_chart
from replay.engine import Replay
from rules.facts import Channel, local_day
from rules.matters import Matter
from rules.notices import Verdict
from rules.workdays import ONE_DAY
from templates.pages import page
from templates.wording import segments

Summary = dict[str, Any]
WEEK: Final = timedelta(days=7)


def summarise(run: Replay, *, sms_price: float) -> Summary:
    """Return the figures of a run; costs in yuan."""
    messages = _messages(run)
    sms = [text for (_, _, channel), (_, text) in messages.items() if channel is Channel.SMS]
    parts = sum(segments(text) for text in sms)
    return {
        "from": run.desk.start_on.isoformat(),
        "to": run.last.isoformat(),
        "notices": _tally(sent.notice.verdict for sent in run.sent),
        "by_rung": _tally(sent.notice.rung for sent in run.sent if sent.notice.verdict is Verdict.SENT),
        "messages": {"sms": len(sms), "email": len(messages) - len(sms)},
        "sms_segments": parts,
        "sms_cost_yuan": round(parts * sms_price, 2),
        "digests": _tally(made.digest.kind for made in run.digests),
        "matters": _tally(matter.status_on(run.last) for matter in run.matters()),
        "messages_by_day": _by_day(messages),
        "overdue_by_town_and_week": _overdue(run),
    }


def _tally(words: Iterable[str]) -> dict[str, int]:
    return {str(word): count for word, count in sorted(Counter(words).items())}


def _messages(run: Replay) -> dict[tuple[Any, str, Channel], tuple[str, str]]:
    """Return each message once, with the kind of its first item: (at, person, channel) → (kind, text)."""
    found: dict[tuple[Any, str, Channel], tuple[str, str]] = {}
    for sent in run.sent:
        notice = sent.notice
        if notice.verdict is Verdict.SENT and notice.person and notice.channel:
            key = (sent.at, notice.person.id, notice.channel)
            if key not in found:
                found[key] = (notice.rung.partition("-")[0], sent.text)
    return found


def _by_day(messages: dict[tuple[Any, str, Channel], tuple[str, str]]) -> list[dict[str, Any]]:
    counts: dict[date, Counter[str]] = {}
    leaving = Counter((at, kind, channel) for (at, _, channel), (kind, _) in messages.items())
    for (at, kind, channel), count in leaving.items():
        counts.setdefault(local_day(at), Counter())[f"{kind} {channel}"] += count
    return [{"day": day.isoformat(), **dict(sorted(counts[day].items()))} for day in sorted(counts)]


def _overdue(run: Replay) -> list[dict[str, Any]]:
    """Return, for the Sunday of each week, how many matters of each town were overdue then."""
    sunday = _sunday_on_or_after(run.desk.start_on)
    weeks: dict[date, Counter[str]] = {}
    while sunday <= run.last:
        weeks[sunday] = Counter()
        sunday += WEEK
    for matter in run.matters():
        if not matter.silent:
            for sunday in _sundays_overdue(matter, run.last):
                if sunday in weeks:
                    weeks[sunday][matter.town] += 1
    return [{"week": f"{day:%G-W%V}", **dict(sorted(towns.items()))} for day, towns in weeks.items()]


def _sundays_overdue(matter: Matter, last: date) -> Iterator[date]:
    """Yield the Sundays on which a matter was known and overdue."""
    ended = min(d for d in (matter.settled, matter.missed_from, last + ONE_DAY) if d is not None)
    sunday = _sunday_on_or_after(max(matter.due + ONE_DAY, matter.began))
    while sunday < ended:
        yield sunday
        sunday += WEEK


def _sunday_on_or_after(day: date) -> date:
    return day + timedelta(days=6 - day.weekday())


def _names(rows: Iterable[dict[str, Any]], label: str) -> list[str]:
    return sorted({key for row in rows for key in row} - {label})


def summary_page(summary: Summary) -> str:
    """Return the summary as a page that needs nothing else: tables, and charts as inline SVG."""
    days, weeks = summary["messages_by_day"], summary["overdue_by_town_and_week"]
    return page(
        "summary.html.j2",
        summary=summary,
        messages_chart=bar_chart(days, "day", _names(days, "day")),
        overdue_chart=bar_chart(weeks, "week", _names(weeks, "week")),
    )
