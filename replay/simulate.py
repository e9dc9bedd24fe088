"""What does `duban simulate` write, and how does it read?

Source: INTERFACES "duban simulate". Callers: daemon/commands/record.py, tests, the policy workshop.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from json.encoder import encode_basestring as quoted
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from config.calendars import load_calendar
from config.letterhead import wording_of
from config.settings import Settings
from replay.engine import Made, Replay, Sent, replay
from replay.summary import summarise, summary_page
from rules.dockets import Desk
from rules.facts import SHANGHAI, Record
from rules.matters import Matter, MatterKind
from rules.offices import House
from rules.policy import Policy

Line = dict[str, Any]
encoded: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


@lru_cache(maxsize=16_384)
def local_iso(at: datetime) -> str:
    """Return an instant as the record's readers write it, such as `2026-03-31T09:00:00+08:00`."""
    return at.astimezone(SHANGHAI).isoformat()


def notice_line(sent: Sent) -> str:
    """Return the line of notices.jsonl of one notice.

    Written out by hand: an encoder that has to look at each key and value takes three times as long.
    """
    notice = sent.notice
    matter, person = notice.matter, notice.person
    return (
        f'{{"at": "{local_iso(sent.at)}", '
        f'"matter": {quoted(matter.id)}, '
        f'"rung": {quoted(notice.rung)}, '
        f'"due": "{matter.due.isoformat()}", '
        f'"to": {quoted(person.id) if person else "null"}, '
        f'"office": {quoted(person.office) if person and person.office is not None else "null"}, '
        f'"channel": {quoted(notice.channel) if notice.channel else "null"}, '
        f'"status": {quoted(notice.verdict)}, '
        f'"rerouted": {"true" if notice.rerouted else "false"}, '
        f'"text": {quoted(sent.text)}}}'
    )


def digest_line(made: Made) -> Line:
    """Return what the line of digests.jsonl of one digest says."""
    return {
        "at": local_iso(made.at),
        "digest": made.digest.kind,
        "period": made.digest.period,
        "office": made.digest.office,
        "to": made.person.id,
        "due_soon": made.counts.due_soon,
        "overdue": made.counts.overdue,
    }


def matter_line(matter: Matter, day: date) -> Line:
    """Return what the line of matters.jsonl of one matter says, as it stands on `day`."""
    line: Line = {
        "matter": matter.id,
        "opened": matter.opened.isoformat(),
        "due": matter.due.isoformat(),
        "settled": matter.settled.isoformat() if matter.settled else None,
        "status": matter.status_on(day),
        "responsible": matter.responsible,
    }
    if matter.kind is MatterKind.VISIT:
        line["arrivals"] = matter.arrivals
    return line


def _order_of_notice(sent: Sent) -> tuple[str, str, str, str]:
    """Return what sorts the notices of one instant: texts in code-point order, null as an empty one."""
    notice = sent.notice
    return notice.matter.id, notice.rung, notice.person.id if notice.person else "", notice.channel or ""


def _order_of_digest(made: Made) -> tuple[str, str, str]:
    return made.digest.kind, made.digest.office, made.person.id


def notice_lines(run: Replay) -> Iterator[str]:
    """Yield the lines of notices.jsonl, one at a time: ten municipalities' of a year would fill half a gigabyte."""
    for _, leaving in groupby(run.sent, attrgetter("at")):
        yield from map(notice_line, sorted(leaving, key=_order_of_notice))


def digest_lines(run: Replay) -> Iterator[str]:
    """Yield the lines of digests.jsonl."""
    for _, made in groupby(run.digests, attrgetter("at")):
        yield from (encoded(digest_line(one)) for one in sorted(made, key=_order_of_digest))


def matter_lines(run: Replay) -> Iterator[str]:
    """Yield the lines of matters.jsonl, as of the last second of the run."""
    return (encoded(matter_line(matter, run.last)) for matter in sorted(run.matters(), key=attrgetter("id")))


def run_record(record: Record, first: date, last: date, *, policy: Policy, settings: Settings) -> Replay:
    """Replay a record from `first` 00:00 to `last` 24:00; `first` is the day the system is taken into use."""
    calendar = load_calendar(settings.calendar)
    house = House(record.offices, record.contacts, record.grids, record.deputies)
    desk = Desk(house, calendar, policy.model_copy(update={"start_on": first}), first)
    wording = wording_of(desk, settings)
    return replay(record, desk, last, wording.brief)


def write_run(run: Replay, folder: Path, *, sms_price: float) -> dict[str, Any]:
    """Write the files of a simulation into `folder`, and return the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "notices.jsonl", notice_lines(run))
    _write_lines(folder / "digests.jsonl", digest_lines(run))
    _write_lines(folder / "matters.jsonl", matter_lines(run))
    summary = summarise(run, sms_price=sms_price)
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "summary.html").write_text(summary_page(summary), "utf-8")
    return summary


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def summary_lines(summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Return the summary for people."""
    messages = summary["messages"]
    notices, digests = (sum(summary[kind].values()) for kind in ("notices", "digests"))
    sms = f"{messages['sms']} SMS ({summary['sms_segments']} segments, {summary['sms_cost_yuan']:.2f} yuan)"
    yield f"{summary['from']} to {summary['to']}: {notices} notices, {digests} digests"
    yield f"  {sms}, {messages['email']} e-mails"
    yield "  matters: " + ", ".join(f"{name} {count}" for name, count in summary["matters"].items())
    yield f"  details: {folder / 'summary.html'}"
