"""A record on disk, replayed by the product: its lines without the words, as `duban simulate` would write them."""

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from config.calendars import load_calendar
from config.policies import load_policy
from config.settings import load_settings
from intake.checking import check
from replay.engine import Replay
from replay.simulate import digest_lines, matter_lines, notice_lines, run_record

Line = dict[str, Any]


class Lines(NamedTuple):
    notices: list[Line]
    digests: list[Line]
    matters: list[Line]


def replayed(folder: Path, first: date, last: date, settings: Iterable[str] = ()) -> Replay:
    """Replay the record in a folder, which may have no fault, as `duban simulate` does."""
    policy = load_policy(None, settings, {}).model_copy(update={"start_on": first})
    checked = check(folder, calendar=load_calendar(), policy=policy)
    assert checked.faults == ()
    return run_record(checked.record, first, last, policy=policy, settings=load_settings({}))


def lines_of(run: Replay) -> Lines:
    """Return the lines of a run as a reader of its files gets them."""
    return Lines(*(as_read(lines) for lines in (notice_lines(run), digest_lines(run), matter_lines(run))))


def as_read(lines: Iterable[str]) -> list[Line]:
    """Return lines as JSON gives them back, without their words."""
    return [{k: v for k, v in json.loads(line).items() if k != "text"} for line in lines]
