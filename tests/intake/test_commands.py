"""Is a single fact checked as an import checks its row? (R4.3, R5.4, R8)"""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from intake import commands
from intake.faults import Refused
from intake.importing import import_record
from rules.facts import (
    Acknowledgement,
    Leave,
    Petition,
    PetitionEvent,
    PetitionEventKind,
    PetitionLevel,
    ProjectEvent,
    ProjectEventKind,
    Visit,
    VisitKind,
)
from rules.policy import Policy
from rules.workdays import Calendar
from store import facts
from tests.intake.records import LOOP, PETITION, PLAN, PROJECT, write

TERMS: dict[str, Any] = {"calendar": Calendar(), "policy": Policy()}
VISIT = Visit(
    id="V1",
    deputy="DA",
    day=date(2026, 3, 5),
    kind=VisitKind.STATION,
    place="ST1",
    note="  走访\r\n两户 ",
    recorded_at=datetime(2026, 3, 5, 4, tzinfo=UTC),
)
NEW = Petition(
    id="P2",
    town="T1",
    level=PetitionLevel.TOWN,
    title="修路",
    petitioner_mobile="+86 139 7000 0001",
    recorded_at=datetime(2026, 3, 9, 2, tzinfo=UTC),
)


@pytest.fixture
def town(database, tmp_path):
    """A town with a petition that is being handled and a project."""
    base = {
        "petitions": PETITION,
        "petition_events": "".join(LOOP.splitlines(keepends=True)[:2]),
        "projects": PROJECT,
        "milestones": PLAN,
    }
    report = import_record(write(tmp_path / "in", base), database, **TERMS)
    assert report.faults == ()
    with database.begin() as connection:
        yield connection


def event(kind, day, hour=10, **cells):
    return PetitionEvent(petition="P1", at=datetime(2026, 3, day, hour - 8, tzinfo=UTC), event=kind, **cells)


def refusal(command, *args):
    with pytest.raises(Refused) as refused:
        command(*args, **TERMS)
    return str(refused.value)


def test_a_visit_is_recorded_with_its_text_in_order(town):
    recorded = commands.record_visit(town, VISIT, **TERMS)
    assert recorded == replace(VISIT, note="走访\n两户")
    assert list(facts.load(town, "visits")) == [recorded]


def test_a_visit_to_nowhere_is_refused_and_nothing_is_recorded(town):
    assert refusal(commands.record_visit, town, replace(VISIT, place="ST-1", deputy="DX")) == (
        "column deputy: 'DX' is not a deputy\ncolumn place: 'ST-1' is not a station; did you mean 'ST1'?"
    )
    assert list(facts.load(town, "visits")) == []


def test_a_visit_recorded_before_its_day_is_refused(town):
    assert "is before the day of the visit" in refusal(
        commands.record_visit, town, replace(VISIT, day=date(2026, 3, 6))
    )


def test_a_leave_is_recorded(town):
    leave = Leave(
        id="L1",
        deputy="DA",
        begins=date(2026, 3, 1),
        ends=date(2026, 3, 9),
        recorded_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert commands.record_leave(town, leave, **TERMS) == leave
    assert "is before the first day" in refusal(commands.record_leave, town, replace(leave, ends=date(2026, 2, 1)))


def test_a_petition_is_registered_with_the_phone_as_it_is_kept(town):
    assert commands.register_petition(town, NEW, **TERMS).petitioner_mobile == "13970000001"
    told = refusal(commands.register_petition, town, replace(NEW, petitioner_mobile="1397"))
    assert told.startswith("column petitioner_mobile: '…' is not a mainland mobile number; want 11 digits from 13")


def test_an_event_moves_the_petition_on(town):
    assert commands.report_petition_event(town, event(PetitionEventKind.HANDLED, 12), **TERMS).position == 0
    assert [e.event for e in facts.load(town, "petition_events")] == ["assigned", "accepted", "handled"]


def test_an_event_out_of_order_is_refused_with_the_stage_and_what_it_admits(town):
    assert refusal(commands.report_petition_event, town, event(PetitionEventKind.VERIFIED, 12)) == (
        "petition P1 is at stage handle since 2026-03-11: it admits handled, raised, extended, withdrawn; got verified"
    )


def test_an_event_behind_those_on_record_is_refused(town):
    assert "which is on record, out of order" in refusal(
        commands.report_petition_event, town, event(PetitionEventKind.WITHDRAWN, 10, hour=9)
    )


def test_reporting_an_event_again_changes_nothing(town):
    handled = event(PetitionEventKind.HANDLED, 12)
    first = commands.report_petition_event(town, handled, **TERMS)
    assert commands.report_petition_event(town, handled, **TERMS) == first
    assert len(list(facts.load(town, "petition_events"))) == 3


def test_two_offices_acknowledge_at_one_instant(town):
    for office in ("T1", "MUN", "T1"):
        word = event(PetitionEventKind.ACKNOWLEDGED, 24, office=office)
        commands.report_petition_event(town, word, **TERMS)
    words = [e for e in facts.load(town, "petition_events") if e.event is PetitionEventKind.ACKNOWLEDGED]
    assert [(word.office, word.position) for word in words] == [("T1", 0), ("MUN", 1)]


def test_an_acknowledgement_that_does_not_hold_is_refused(town):
    word = Acknowledgement(matter="petition:P1:handle:1", at=datetime(2026, 3, 20, 1, tzinfo=UTC), office="T1")
    assert refusal(commands.acknowledge, town, word) == (
        "column matter: 'petition:P1:handle:1' does not hold; want an overdue matter; this one is open"
    )
    late = replace(word, at=datetime(2026, 3, 23, 1, tzinfo=UTC))
    assert commands.acknowledge(town, late, **TERMS) == late
    assert "is not the id of a matter" in refusal(commands.acknowledge, town, replace(word, matter="P1"))


def test_an_acknowledgement_of_a_visit_is_judged_by_the_visits_on_record(town):
    word = Acknowledgement(matter="visit:S1:2026-02", at=datetime(2026, 3, 3, 1, tzinfo=UTC), office="T1")
    assert commands.acknowledge(town, word, **TERMS) == word
    for ident, place, kind in (("V1", "ST1", VisitKind.STATION), ("V2", "G1", VisitKind.GRID)):
        visit = replace(
            VISIT, id=ident, place=place, kind=kind, day=date(2026, 1, 5), recorded_at=datetime(2026, 1, 5, tzinfo=UTC)
        )
        commands.record_visit(town, visit, **TERMS)
    assert "this one is met" in refusal(commands.acknowledge, town, replace(word, matter="visit:S1:2026-01"))


def test_two_milestones_are_done_at_one_instant(town):
    at = datetime(2026, 4, 20, 1, tzinfo=UTC)
    for seq in (1, 2):
        commands.report_project_event(
            town, ProjectEvent(project="J1", at=at, event=ProjectEventKind.DONE, seq=seq), **TERMS
        )
    assert [(e.seq, e.position) for e in facts.load(town, "project_events")] == [(1, 0), (2, 1)]
    again = ProjectEvent(project="J1", at=datetime(2026, 4, 21, tzinfo=UTC), event=ProjectEventKind.DONE, seq=2)
    assert "column event: 'done' is out of order: want a milestone that is not done" in refusal(
        commands.report_project_event, town, again
    )
