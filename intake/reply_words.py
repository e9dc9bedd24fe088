"""What does somebody want who answers by SMS?

Full width or not, upper or lower case, with or without blanks. Caller: replies.py.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from rules.facts import VisitKind

LONGEST: Final = 200


class Wish(StrEnum):
    """What a reply asks for."""

    ACKNOWLEDGE = "acknowledge"
    VISIT = "visit"
    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says."""

    wish: Wish
    kind: VisitKind | None = None
    day: date | None = None  #: visits: unset for today
    voters: int | None = None


#: the first three are what people here answer to be left in peace; STOP and START are the carriers' own
WORDS: Final = {
    "1": Wish.ACKNOWLEDGE,
    **dict.fromkeys(("td", "r", "t", "stop", "退订"), Wish.OPT_OUT),
    **dict.fromkeys(("ts", "start", "恢复"), Wish.OPT_IN),
}
KINDS: Final = {"到站": VisitKind.STATION, "到格": VisitKind.GRID}
VISIT: Final = re.compile(
    r"(?P<kind>到站|到格)\s*"
    r"(?:(?:(?P<year>20\d\d)\s*[-/.年]\s*)?(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?)?"
    r"(?:[\s,、]*(?P<voters>\d{1,5})\s*人?次?)?"
)
ENDS: Final = " \t\r\n。.!！,、"
HELP: Final = Reply(Wish.HELP)


def read_reply(text: str, today: date) -> Reply:
    """Return what a text says; `today` tells the year of a day without one, which is never ahead.

    >>> read_reply("到站 ３月３１日 12人", date(2026, 4, 1))
    Reply(wish=<Wish.VISIT: 'visit'>, kind=<VisitKind.STATION: 'station'>, day=datetime.date(2026, 3, 31), voters=12)
    >>> read_reply("到格12-31", date(2026, 1, 2)).day
    datetime.date(2025, 12, 31)
    >>> read_reply(" Ｔｄ ", date(2026, 1, 2)).wish.value, read_reply("你好", date(2026, 1, 2)).wish.value
    ('opt-out', 'help')
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).strip(ENDS).casefold()
    if plain in WORDS:
        return Reply(WORDS[plain])
    found = VISIT.fullmatch(plain)
    if found is None:
        return HELP
    day = _day(found, today)
    if found["day"] and day is None:
        return HELP
    return Reply(Wish.VISIT, KINDS[found["kind"]], day, int(found["voters"]) if found["voters"] else None)


def _day(found: re.Match[str], today: date) -> date | None:
    """Return the day that was named, or None if there is no such day."""
    if not found["day"]:
        return None
    month, day = int(found["month"]), int(found["day"])
    years = [int(found["year"])] if found["year"] else [today.year, today.year - 1]
    for year in years:
        try:
            named = date(year, month, day)
        except ValueError:
            continue
        if found["year"] or named <= today:
            return named
    return None
