"""R6: every deputy in a grid, every grid with a deputy, and somebody to reach in every office."""

import pytest

from rules.coverage import coverage
from rules.facts import Channel, Grid
from tests.rules.builders import DEPUTIES, GRIDS, OFFICES, contact, day, deputy, house, office, seat, staff

#: seats that leave no gap in the house of the builders
WHOLE = (
    seat(id="S1"),
    seat(id="S2", deputy="DB", grid="G2"),
    seat(id="S3", deputy="DB", town="T2", station="V3", grid="G3"),
)


def gaps(seats=WHOLE, on="03-31", **tables):
    return [(f.gap.value, f.subject, f.town) for f in coverage(house(**tables), seats, day(on))]


def test_a_whole_house_has_no_gaps():
    assert gaps() == []


@pytest.mark.parametrize(
    ("of", "found"),
    [
        pytest.param(seat(id="S4", grid=None), [("seat-without-grid", "seat:S4", "T1")], id="no grid"),
        pytest.param(seat(id="S4", station=None), [], id="no station, but a central one"),
        pytest.param(
            seat(id="S4", town="T2", station=None, grid="G3"),
            [("seat-without-station", "seat:S4", "T2")],
            id="no station and no central one",
        ),
        pytest.param(
            seat(id="S4", town="T2", station=None, grid=None),
            [("seat-without-grid", "seat:S4", "T2"), ("seat-without-station", "seat:S4", "T2")],
            id="neither",
        ),
    ],
)
def test_a_seat_with_nowhere_to_go_is_a_gap(of, found):
    assert gaps((*WHOLE, of)) == found


@pytest.mark.parametrize(
    ("of", "found"),
    [
        pytest.param(seat(), [], id="a seat on the grid"),
        pytest.param(seat(grid="G1a"), [], id="a seat on a micro-grid covers the grid above"),
        pytest.param(seat(grid="G1aa"), [], id="a micro-grid under a micro-grid, too"),
        pytest.param(seat(grid="G2"), [("grid-without-deputy", "grid:G1", "T1")], id="a seat on another grid"),
        pytest.param(seat(begins="04-01"), [("grid-without-deputy", "grid:G1", "T1")], id="a term that has not begun"),
        pytest.param(seat(begins="03-31"), [], id="a term that begins today"),
        pytest.param(seat(ends="03-31"), [], id="a term that ends today"),
        pytest.param(seat(ends="03-30"), [("grid-without-deputy", "grid:G1", "T1")], id="a term that has ended"),
    ],
)
def test_a_grid_without_a_sitting_deputy_is_a_gap(of, found):
    assert gaps((of, *WHOLE[1:])) == found


def test_micro_grids_need_no_deputy_of_their_own():
    assert gaps(grids=(*GRIDS, Grid(id="G2a", name="二网格甲", town="T1", parent="G2"))) == []


@pytest.mark.parametrize(
    ("who", "town"),
    [("DIR", None), ("MUN", None), ("DM", None), ("T1", "T1"), ("DT", "T1"), ("DT2", "T2")],
)
def test_an_office_that_nobody_answers_for_is_a_gap(who, town):
    found = [("office-out-of-reach", f"office:{who}", town)]
    assert gaps(contacts=staff(without=[who])) == found
    assert gaps(contacts=staff(contact(who, on_duty=False))) == found
    assert gaps(contacts=staff(contact(who, mobile=None, email=None))) == found


def test_a_station_needs_no_contact():
    assert gaps(offices=(*OFFICES, office("V9", "station", "T1", "base"))) == []


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"mobile": "12345"}, ["unusable-address"]),
        ({"email": "t1@example"}, ["unusable-address"]),
        ({"mobile": "+86 138 0000 0001"}, []),
        ({"mobile": None}, []),
        ({"mobile": "12345", "email": None}, ["office-out-of-reach", "unusable-address"]),
    ],
)
def test_an_unusable_address_of_a_contact_is_a_gap_of_its_town(cells, found):
    subjects = {"unusable-address": "contact:CT1", "office-out-of-reach": "office:T1"}
    assert gaps(contacts=staff(contact("T1", **cells))) == [(gap, subjects[gap], "T1") for gap in found]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"mobile": None, "email": None}, ["deputy-out-of-reach"]),
        ({"mobile": "12345"}, ["unusable-address"]),
        ({"mobile": "12345", "email": None}, ["deputy-out-of-reach", "unusable-address"]),
        ({"email": None, "channels": (Channel.EMAIL,)}, ["deputy-out-of-reach"]),
        ({"email": None}, []),
    ],
)
def test_a_deputy_who_cannot_be_reached_is_a_gap(cells, found):
    people = (deputy("DA", **cells), *DEPUTIES[1:])
    assert gaps(deputies=people) == [(gap, "deputy:DA", "T1") for gap in found]


def test_a_deputy_without_a_sitting_seat_is_no_gap():
    gone = deputy("DC", mobile=None, email=None)
    assert gaps((*WHOLE, seat(id="S9", deputy="DC", ends="03-30")), deputies=(*DEPUTIES, gone)) == []
