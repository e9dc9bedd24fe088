"""What does `duban simulate` write, and how does it read?

Source: INTERFACES "duban simulate". Callers: daemon/cli, tests, the policy workshop.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

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


@lru_cache(maxsize=16_384)
def local_iso(at: datetime) -> str:
    """Return an instant as the record's readers write it, such as `2026-03-31T09:00:00+08:00`."""
    return at.astimezone(SHANGHAI).isoformat()


def notice_line(sent: Sent) -> Line:
    """Return the line of notices.jsonl of one notice."""
    notice = sent.notice
    return {
        "at": local_iso(sent.at),
        "matter": notice.matter.id,
        "rung": notice.rung,
        "due": notice.matter.due.isoformat(),
        "to": notice.person.id if notice.person else None,
        "office": notice.person.office if notice.person else None,
        "channel": notice.channel,
        "status": notice.verdict,
        "rerouted": notice.rerouted,
        "text": sent.text,
    }


def digest_line(made: Made) -> Line:
    """Return the line of digests.jsonl of one digest."""
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
    """Return the line of matters.jsonl of one matter, as it stands on `day`."""
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


def in_order(lines: Iterable[Line], *keys: str) -> list[Line]:
    """Sort lines by some of their keys; null sorts as empty, texts in code-point order."""
    return sorted(lines, key=lambda line: [line[key] or "" for key in keys])


def notice_lines(run: Replay) -> list[Line]:
    """Return the lines of notices.jsonl."""
    return in_order(map(notice_line, run.sent), "at", "matter", "rung", "to", "channel")


def digest_lines(run: Replay) -> list[Line]:
    """Return the lines of digests.jsonl."""
    return in_order(map(digest_line, run.digests), "at", "digest", "office", "to")


def matter_lines(run: Replay) -> list[Line]:
    """Return the lines of matters.jsonl, as of the last second of the run."""
    return in_order((matter_line(m, run.last) for m in run.matters()), "matter")


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


def _write_lines(path: Path, lines: Iterable[Line]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_encoded(lines))


def _encoded(lines: Iterable[Line]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
    return (encode(line) + "\n" for line in lines)


def summary_lines(summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Return the summary for people."""
    messages = summary["messages"]
    notices, digests = (sum(summary[kind].values()) for kind in ("notices", "digests"))
    sms = f"{messages['sms']} SMS ({summary['sms_segments']} segments, {summary['sms_cost_yuan']:.2f} yuan)"
    yield f"{summary['from']} to {summary['to']}: {notices} notices, {digests} digests"
    yield f"  {sms}, {messages['email']} e-mails"
    yield "  matters: " + ", ".join(f"{name} {count}" for name, count in summary["matters"].items())
    yield f"  details: {folder / 'summary.html'}"
