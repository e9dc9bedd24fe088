"""Whom does a digest name? To the municipality what has climbed; a town all that is its own."""

import pytest

from tests.actors.installations import Installation
from tests.rules import builders

NAME = "群众意见P1号"


@pytest.mark.parametrize(
    ("day", "office", "is_named"),
    [
        pytest.param("03-09", "T1", True, id="overdue since Friday: its town"),
        pytest.param("03-09", "MUN", False, id="overdue since Friday: the municipality counts it"),
        pytest.param("03-16", "MUN", True, id="has climbed"),
    ],
)
def test_a_digest_to_the_municipality_names_only_what_has_climbed(engine, day, office, is_named):
    house = Installation(engine, start=builders.at("03-02 09:00").date())
    house.keep(builders.record(petitions=(builders.petition("P1", recorded="03-02 09:30"),)))
    house.run(f"{day} 08:59")
    kind = "督办日报" if office == "T1" else "督办周报"
    with engine.begin() as connection:
        staff = {person.email for person in house.desks.of(connection).house.staff(office)}
    letters = [one for one in house.sandbox("email") if one.address in staff and kind in one.subject]
    assert letters
    assert "逾期：1项" in letters[-1].body
    assert (NAME in letters[-1].body) is is_named
