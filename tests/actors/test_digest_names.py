"""Whom does a digest name? To the municipality what has climbed; a town all that is its own."""

from dataclasses import replace

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


def test_a_digest_to_a_town_counts_a_confidential_opinion_that_was_raised_past_it_and_names_it_no_more(engine):
    house = Installation(engine, start=builders.at("03-02 09:00").date())
    secret = replace(builders.petition("P1", recorded="03-02 09:30"), confidential=True)
    plain = builders.petition("P2", recorded="03-02 09:30")
    house.keep(builders.record(petitions=(secret, plain)))
    house.run("03-09 08:59")
    assert NAME in letters_to(house, "T1")[-1].body, "as long as it is the town's own"
    raised = [builders.event("03-09 09:30", "raised", ident, level="municipal") for ident in ("P1", "P2")]
    house.keep(builders.record(petition_events=raised))
    house.run("03-16 08:59")
    body = letters_to(house, "T1")[-1].body
    assert "逾期：2项" in body
    assert NAME not in body
    assert "群众意见P2号" in body


def letters_to(house, office):
    """The daily digests to an office."""
    with house.engine.begin() as connection:
        staff = {person.email for person in house.desks.of(connection).house.staff(office)}
    return [one for one in house.sandbox("email") if one.address in staff and "督办日报" in one.subject]
