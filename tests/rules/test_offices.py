"""R2.2, R2.5, R3.4: who stands above whom, which numbers are usable, and where arrivals count."""

import pytest

from rules.offices import email_address, mainland_mobile
from tests.rules.builders import contact, house, office

HOUSE = house()


@pytest.mark.parametrize(
    ("responsible", "town", "chain"),
    [
        pytest.param("deputy:DA", "T1", ("T1", "MUN", "DIR"), id="a deputy: from the matter's town"),
        pytest.param("deputy:DA", "T2", ("T2", "MUN", "DIR"), id="whichever town that is"),
        pytest.param("office:DT", "T1", ("T1", "MUN", "DIR"), id="a town department"),
        pytest.param("office:DM", "T1", ("MUN", "DIR"), id="a municipal department"),
        pytest.param("office:T1", "T1", ("MUN", "DIR"), id="a town"),
        pytest.param("office:MUN", "T1", ("DIR",), id="municipal"),
        pytest.param("office:DIR", "T1", (), id="the root"),
    ],
)
def test_the_chain_of_who_is_responsible(responsible, town, chain):
    assert HOUSE.chain(responsible, town) == chain


@pytest.mark.parametrize(
    ("who", "town"),
    [("DIR", None), ("MUN", None), ("DM", None), ("T1", "T1"), ("DT", "T1"), ("V1", "T1"), ("V3", "T2"), ("X", None)],
)
def test_the_town_of_an_office(who, town):
    assert HOUSE.town_of(who) == town


def test_a_tree_that_turns_on_itself_is_climbed_once():
    turning = house(offices=(office("A", "town", "B"), office("B", "municipal", "A")))
    assert turning.ancestors("A") == ("B",)


def test_the_house_knows_its_head_offices():
    assert (HOUSE.municipal, HOUSE.directors) == ("MUN", "DIR")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800000001", "13800000001"),
        ("19912345678", "19912345678"),
        pytest.param("12800000001", None, id="12 is no mobile"),
        ("1380000000", None),
        ("138000000011", None),
        ("+8613800000001", "13800000001"),
        ("+86 138 0000 0001", "13800000001"),
        pytest.param("8613800000001", None, id="86 without a plus"),
        ("008613800000001", None),
        ("+85251234567", None),
        ("0750-8888888", None),
        ("138-0000-0001", None),
        pytest.param("138０００００００１", None, id="full-width digits"),
        ("", None),
        (None, None),
    ],
)
def test_a_mainland_number_has_eleven_digits_from_13_to_19(text, number):
    assert mainland_mobile(text) == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ct@example.cn", "ct@example.cn"),
        (" ct@example.cn ", "ct@example.cn"),
        ("c.t+x@mail.example.cn", "c.t+x@mail.example.cn"),
        ("ct@example", None),
        ("example.cn", None),
        ("ct@@example.cn", None),
        ("ct@example..cn", None),
        ("c t@example.cn", None),
        ("a@example.cn,b@example.cn", None),
        ("<ct@example.cn>", None),
        ("", None),
        (None, None),
    ],
)
def test_an_email_address_is_one_address(text, address):
    assert email_address(text) == address


@pytest.mark.parametrize(
    ("own", "town", "stations"),
    [
        ("V1", "T1", {"V1", "C1"}),
        pytest.param(None, "T1", {"C1"}, id="the central one serves a seat without its own"),
        ("V3", "T2", {"V3"}),
        (None, "T2", set()),
    ],
)
def test_the_stations_of_a_seat(own, town, stations):
    assert HOUSE.stations_for(own, town) == stations


@pytest.mark.parametrize(
    ("grid", "top", "under"),
    [
        ("G1", "G1", True),
        ("G1a", "G1", True),
        ("G1aa", "G1", True),
        ("G1aa", "G1a", True),
        ("G1", "G1a", False),
        ("G2", "G1", False),
        ("G9", "G1", False),
    ],
)
def test_a_micro_grid_lies_under_its_grid_at_any_depth(grid, top, under):
    assert HOUSE.is_under(grid, top) is under


def test_a_person_keeps_the_order_of_the_record():
    people = house(contacts=(contact("T1", "C9"), contact("T1", "C1"), contact("T1", "C5", on_duty=False)))
    assert [p.id for p in people.staff("T1")] == ["contact:C9", "contact:C1"]
