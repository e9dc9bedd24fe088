"""A value that is made fast is what the same dataclass would have been."""

from copy import deepcopy
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from rules.making import made_fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    town: str
    level: str = "town"
    seats: int


@made_fast
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    town: str
    level: str = "town"
    seats: int


@made_fast
@dataclass(frozen=True, slots=True)
class Placed:
    town: str
    seats: int = 1
    level: str = field(default="town", kw_only=True)


GIVEN = [{"town": "T1", "seats": 3}, {"town": "T1", "seats": 3, "level": "county"}, {"town": "T1", "seats": None}]


@pytest.mark.parametrize("given", GIVEN)
def test_it_holds_what_the_plain_one_holds(given):
    slow, quick = Slow(**given), Quick(**given)
    assert [getattr(quick, f.name) for f in fields(Quick)] == [getattr(slow, f.name) for f in fields(Slow)]
    assert hash(quick) == hash(slow)
    assert repr(quick) == repr(slow).replace("Slow", "Quick")
    assert quick == Quick(**given)
    assert replace(quick, seats=4) == Quick(**{**given, "seats": 4})
    assert deepcopy(quick) == quick  # as it goes to another process


def test_positions_and_names_stay_apart():
    assert Placed("T1") == Placed("T1", 1, level="town")
    assert Placed("T1", 2, level="county").level == "county"
    with pytest.raises(TypeError, match="positional"):
        Placed("T1", 2, "county")


def test_it_cannot_be_changed():
    one = Quick(town="T1", seats=3)
    with pytest.raises(FrozenInstanceError):
        one.seats = 4
    with pytest.raises(FrozenInstanceError):
        del one.seats
    assert one.seats == 3


@pytest.mark.parametrize("wrong", [{"town": "T1"}, {"town": "T1", "seats": 3, "grid": "G1"}, {}])
def test_fields_that_are_missing_or_unknown_are_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"Quick\.__init__"):
        Quick(**wrong)


def test_a_class_whose_fields_are_not_simply_given_is_refused():
    @dataclass(frozen=True, slots=True)
    class Listing:
        rows: list[str] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Doubled:
        count: int

        def __post_init__(self) -> None:
            object.__setattr__(self, "count", 2 * self.count)

    @dataclass(frozen=True, slots=True)
    class Hidden:
        count: int = field(init=False)

    for kind in (Listing, Doubled, Hidden):
        with pytest.raises(TypeError, match=kind.__name__):
            made_fast(kind)
