"""A small spring of 2026, of which every figure is reckoned by hand in test_figures.py.

Seats: S1 to S3 of DA and DB, S4 of DC on leave, S5 of DD who does nothing; towns T1 and T2 as in tests/rules/builders.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from rules.facts import Record, Visit
from rules.ladders import Fired
from rules.lookback import look_back, month_of, year_of
from rules.reports import Report, report
from tests.rules.builders import (
    DEPUTIES,
    at,
    day,
    deputy,
    desk,
    event,
    house,
    leave,
    milestone,
    petition,
    progress,
    project,
    record,
    seat,
    visit,
)

JUNE = "06-30 12:00"
PEOPLE = (*DEPUTIES, deputy("DC"), deputy("DD"))
SEATS = (
    seat(),
    seat(id="S2", deputy="DB", town="T2", station="V3", grid="G3"),
    seat(id="S3", deputy="DB", level="county", town="T2", station="V3", grid="G3", begins="01-01"),
    seat(id="S4", deputy="DC"),
    seat(id="S5", deputy="DD"),
)


def received(of: Visit, voters: int, opinions: int) -> Visit:
    return replace(of, voters=voters, opinions=opinions)


VISITS = (
    received(visit("03-05"), 10, 2),
    received(visit("03-20", "G1"), 5, 1),
    visit("03-21", "G3"),  # not DA's grid: no arrival, a visit all the same, of T2
    received(visit("03-10", "V3", who="DB"), 7, 0),
    visit("03-30", "V3", recorded="04-03 10:00", who="DB"),
    visit("04-08", "G3", recorded="05-02 10:00", who="DB"),
)
PETITIONS = (
    petition("P1"),
    replace(petition("P2", "self"), found_on=day("03-06")),  # a Friday: Monday the 9th is one workday later
    replace(petition("P3", "self"), found_on=day("03-05")),
    replace(petition("P4", who="DB"), town="T2"),
)
EVENTS = (
    event("03-10 09:00", "assigned", office="DT"),
    event("03-11 09:00", "accepted"),
    event("03-12 09:00", "handled"),
    event("03-13 09:00", "verified", result="ok"),
    event("03-16 09:00", "fed_back", result="satisfied"),
    event("03-10 09:00", "handled", "P2"),
    event("03-11 09:00", "fed_back", "P2", result="dissatisfied"),
    event("03-12 09:00", "handled", "P2"),
    event("04-01 09:00", "fed_back", "P2", result="basically"),
    event("03-25 09:00", "withdrawn", "P4"),
)
PROJECTS = (
    project("J1", is_key=True),
    project("J2"),
    project("J3", town="T2", office="DT2"),
    project("J4"),
)
MILESTONES = (
    milestone(1, "approved", "03-10", "J1"),
    milestone(2, "acceptance", "03-20", "J1"),
    milestone(3, "feedback", "05-20", "J1"),
    milestone(1, "approved", "03-10", "J2"),
    milestone(1, "approved", "03-10", "J3"),
    milestone(1, "approved", "03-10", "J4"),
    milestone(2, "funded", "04-10", "J4"),
)
PROGRESS = (
    progress("03-10 09:00", "done", 1, ident="J1"),
    progress("03-21 09:00", "done", 2, date="03-19", ident="J1"),
    progress("03-05 09:00", "replan", 1, date="04-10", reason="雨季", ident="J2"),
    progress("03-12 09:00", "done", 1, ident="J4"),
)
SPRING = record(
    deputies=PEOPLE,
    seats=SEATS,
    visits=VISITS,
    leaves=[leave("03-01", "03-31", who="DC")],
    petitions=PETITIONS,
    petition_events=EVENTS,
    projects=PROJECTS,
    milestones=MILESTONES,
    project_events=PROGRESS,
)


def reported(
    on: str = "2026-03",
    made: str = JUNE,
    of: Record = SPRING,
    fired: Mapping[str, Collection[Fired]] | None = None,
    **settings: object,
) -> Report:
    """Return the report on a month, or a year, made at an instant."""
    period = month_of(on) if "-" in on else year_of(on)
    within = desk(within=house(of.contacts, of.deputies, of.offices, of.grids), **settings)
    return report(period, of, look_back(of, within, period, at(made)), fired or {}, within)
