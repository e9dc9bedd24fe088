"""Which made-up matters press on the counts? Any state, any due date near a day; every field can be given."""

import random
from datetime import date, timedelta
from typing import Any

from rules.derivations import Measure, Reckoning
from rules.facts import VisitKind
from rules.matters import Cause, Hold, Matter, MatterKind, Status, subject_of

TODAY = date(2026, 3, 31)
CLOSED = (Status.MET, Status.LATE, Status.EXCUSED, Status.CANCELLED, Status.SETTLED)


def matter(ident: str, **cells: Any) -> Matter:
    """Return an open matter of town T1, due today."""
    given: dict[str, Any] = {
        "id": ident,
        "kind": MatterKind(ident.partition(":")[0]),
        "subject": subject_of(ident).id,
        "town": "T1",
        "responsible": "deputy:DA",
        "ladder": "town",
        "cause": Cause.PERIOD,
        "opened": date(2026, 3, 1),
        "due": TODAY,
        "reckoned": Reckoning(Measure.PERIOD, TODAY),
        "began": date(2026, 3, 1),
    }
    return Matter(**given | cells)


#: every field differs from its default
FULL = matter(
    "petition:P:1:handle:2",
    responsible="office:D1",
    ladder="petition",
    stage="handle",
    cause=Cause.DISSATISFIED,
    reckoned=Reckoning(Measure.CYCLE, date(2026, 1, 30), 3, 12),
    began=date(2026, 3, 7),
    closed=Status.CANCELLED,
    settled=date(2026, 4, 2),
    missed_from=date(2026, 5, 1),
    silent=True,
    owed=(VisitKind.STATION, VisitKind.GRID),
    arrivals=(VisitKind.GRID,),
    slips=2,
    holds=(Hold("T1", date(2026, 3, 31), date(2026, 4, 9)), Hold("MUN", date(2026, 3, 20), date(2026, 3, 25))),
    label="O'Brien 100% 𠮷",
)


def random_matters(seed: int, count: int) -> list[Matter]:
    """Return open, overdue, missed, silent and closed matters of three towns, due around today."""
    rng = random.Random(seed)

    def near() -> date:
        return TODAY + timedelta(days=rng.randint(-12, 12))

    return [
        matter(
            f"visit:S{number}:2026-03",
            town=f"T{rng.randint(1, 3)}",
            due=near(),
            closed=rng.choice((None, None, None, rng.choice(CLOSED))),
            missed_from=rng.choice((None, None, near(), TODAY)),
            silent=rng.random() < 0.15,
        )
        for number in range(count)
    ]
