"""What does the register say of each visit: where, what form, how many voters, when recorded?

The voters received and the opinions collected add up to the year's totals exactly. Rules: R3.4, R3.5.
Caller: municipality.py.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

from intake.demo.chances import chance, draw
from intake.demo.diary import Diary
from intake.demo.places import TownPlaces
from intake.demo.trips import Trip
from rules.facts import Visit, VisitForm, VisitKind
from rules.workdays import ONE_DAY

FORMS: Final[dict[VisitKind, dict[VisitForm, float]]] = {
    VisitKind.STATION: {VisitForm.RECEPTION: 7.0, VisitForm.MEETING: 2.0, VisitForm.OTHER: 1.0},
    VisitKind.GRID: {VisitForm.PATROL: 5.0, VisitForm.HOUSEHOLD: 4.5, VisitForm.OTHER: 0.5},
}
#: how many voters each form draws, compared with the others
DRAW: Final = {
    VisitForm.RECEPTION: 1.6,
    VisitForm.MEETING: 3.0,
    VisitForm.PATROL: 0.7,
    VisitForm.HOUSEHOLD: 1.1,
    VisitForm.OTHER: 0.2,
}
NOTES: Final = ("接待日值班", "随网格员巡查", "走访独居老人", "宣传惠民政策", "回访上月意见", "参加民生项目座谈")
#: chances: recorded on a later day; at the central station; in a micro-grid; at a place that does not count
RECORDED_LATER: Final = 0.14
AT_CENTRAL: Final = 0.25
IN_MICRO: Final = 0.4
ELSEWHERE: Final = 0.008


def write_visits(
    diary: Diary, towns: dict[str, TownPlaces], trips: Sequence[Trip], voters: int, opinions: int
) -> list[Visit]:
    """Return the register of the visits, with that many voters and opinions in all."""
    rng = diary.rng
    forms = [draw(rng, FORMS[trip.kind]) for trip in trips]
    received = _received(rng, forms, voters)
    heard = _heard(rng, received, opinions)
    return [
        Visit(
            id=f"V{i + 1:06d}",
            deputy=trip.seat.deputy,
            day=trip.day,
            kind=trip.kind,
            place=_place(rng, towns[trip.seat.town], trip),
            form=forms[i],
            voters=received[i],
            opinions=heard[i],
            note=rng.choice(NOTES) if chance(rng, 0.1) else None,
            recorded_at=_recorded(diary, trip),
        )
        for i, trip in enumerate(trips)
    ]


def _received(rng: Random, forms: Sequence[VisitForm], voters: int) -> Counter[int]:
    """Return how many voters came to each visit."""
    if not forms:
        return Counter()
    return Counter(rng.choices(range(len(forms)), cum_weights=list(accumulate(DRAW[form] for form in forms)), k=voters))


def _heard(rng: Random, received: Counter[int], opinions: int) -> Counter[int]:
    """Return how many opinions each visit collected: a voter has one at most."""
    voters = sorted(received.elements())
    return Counter(rng.sample(voters, min(opinions, len(voters))))


def _place(rng: Random, town: TownPlaces, trip: Trip) -> str:
    if chance(rng, ELSEWHERE):
        return _elsewhere(rng, town, trip.kind)
    if trip.kind is VisitKind.STATION:
        own = trip.seat.station
        return town.central.id if own is None or chance(rng, AT_CENTRAL) else own
    grid = trip.seat.grid or town.grids[0].id
    micros = town.micros.get(grid, ())
    return rng.choice(micros).id if micros and chance(rng, IN_MICRO) else grid


def _elsewhere(rng: Random, town: TownPlaces, kind: VisitKind) -> str:
    """Return a place of the town that may well be none of the seat's."""
    if kind is VisitKind.STATION:
        return rng.choice(town.bases or town.stations).id
    return rng.choice(town.grids).id


def _recorded(diary: Diary, trip: Trip) -> datetime:
    rng = diary.rng
    if not chance(rng, RECORDED_LATER):
        return diary.hour(trip.day)
    day = trip.day + rng.randint(1, 3) * ONE_DAY
    if day > diary.last:
        return diary.hour(trip.day)
    return diary.hour(day) + timedelta(minutes=rng.randint(0, 20))
