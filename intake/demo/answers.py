"""For which overdue visits and milestones does an office answer, and when?

A few a month, each after the matter's due date and before it is settled. Rules: R5.4. Caller: municipality.py.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from intake.demo.chances import chance
from intake.demo.diary import Diary
from intake.demo.places import MUNICIPAL
from intake.demo.works import SiteBook
from rules.duties import Span
from rules.facts import Acknowledgement, ProjectEventKind, Seat, local_day

#: an answer comes so many workdays after the due date, from the first to the last
SOONEST: Final = 4
LATEST: Final = 9
VISITS_ANSWERED: Final = 0.06
MILESTONES_ANSWERED: Final = 0.6


def answers(diary: Diary, unseen: Sequence[tuple[Seat, Span]], books: Sequence[SiteBook]) -> list[Acknowledgement]:
    """Return the acknowledgements of the year, in their order."""
    found = [*_for_visits(diary, unseen), *(answer for book in books for answer in _for_milestones(diary, book))]
    return sorted((answer for answer in found if answer.at < diary.end), key=lambda answer: (answer.at, answer.matter))


def _for_visits(diary: Diary, unseen: Sequence[tuple[Seat, Span]]) -> Iterator[Acknowledgement]:
    for seat, span in unseen:
        if chance(diary.rng, VISITS_ANSWERED):
            day = diary.workday(span.last, diary.rng.randint(SOONEST, LATEST))
            if seat.ends is None or day < seat.ends:
                matter = f"visit:{seat.id}:{span.label}"
                yield Acknowledgement(matter=matter, at=diary.hour(day), office=seat.town)


def _for_milestones(diary: Diary, book: SiteBook) -> Iterator[Acknowledgement]:
    """Answer for a milestone that was not reported done by then, nor planned anew."""
    project = book.project
    office = project.town if project.office.startswith(f"{project.town}-") else MUNICIPAL
    for event in book.events:
        if event.event is not ProjectEventKind.DONE or event.seq is None:
            continue
        due = diary.forward(book.planned[event.seq])
        day = diary.workday(due, diary.doubt + diary.rng.randint(SOONEST, LATEST))
        if day < _settled(event.day, local_day(event.at)) and chance(diary.rng, MILESTONES_ANSWERED):
            yield Acknowledgement(matter=f"milestone:{project.id}:{event.seq}", at=diary.hour(day), office=office)


def _settled(done: date | None, known: date) -> date:
    return min(done or known, known)
