"""How defaults, files, the environment and options are laid over one another, and what a fault says."""

import pytest
from pydantic import BaseModel, ConfigDict

from config.layers import (
    WrongSettings,
    at_path,
    defaults,
    did_you_mean,
    keys_of,
    laid_over,
    override,
    toml_value,
    validated,
)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: int = 3


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = "x"
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"t": {"a": 1, "b": 2}}, {"t": {"b": 3}}, {"t": {"a": 1, "b": 3}}),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="a list is replaced as a whole"),
        pytest.param({"t": {"a": 1}}, {"t": 2}, {"t": 2}, id="a value in place of a table is left to validation"),
    ],
)
def test_a_layer_is_laid_over_another_key_by_key(below, above, merged):
    before = {k: dict(v) if isinstance(v, dict) else v for k, v in below.items()}
    assert laid_over(below, above) == merged
    assert below == before


def test_a_dotted_path_is_a_tree():
    assert at_path("a.b.c", 1) == {"a": {"b": {"c": 1}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("0.05", 0.05),
        ("true", True),
        ("[5, 10]", [5, 10]),
        ("'rolling'", "rolling"),
        ("rolling", "rolling"),
        pytest.param("09:00", "09:00", id="a time is left to validation"),
        pytest.param("2026-03-01", "2026-03-01", id="a day is left to validation"),
        pytest.param("{a = 1}", "{a = 1}", id="a table is no value"),
        ("", ""),
    ],
)
def test_a_value_of_an_option_is_read_as_toml_would(text, value):
    assert toml_value(text) == value


def test_the_keys_of_a_model_are_dotted_paths():
    assert list(keys_of(Outer)) == ["name", "inner.days"]


def test_no_file_named_overrides_nothing():
    assert override(None) == override("") == {}


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "none.toml"
    with pytest.raises(WrongSettings, match=r"none\.toml cannot be read .* name a TOML file"):
        override(missing)


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe = 1"], ids=["half a line", "no UTF-8"])
def test_a_file_that_is_not_toml_is_named(tmp_path, content):
    broken = tmp_path / "broken.toml"
    broken.write_bytes(content)
    with pytest.raises(WrongSettings, match=r"broken\.toml is not TOML"):
        override(broken)


def test_every_wrong_key_is_named_in_one_message():
    with pytest.raises(WrongSettings) as caught:
        validated(Outer, {"name": 5, "iner": {}, "inner": {"dys": 1, "days": "many"}})
    assert str(caught.value).splitlines()[0] == "4 wrong settings:"
    assert [line.split(":")[0].split("=")[0].split(" ")[0] for line in caught.value.lines] == [
        "name",
        "inner.days",
        "inner.dys",
        "iner",
    ]


def test_a_wrong_key_is_named_as_it_was_given():
    with pytest.raises(WrongSettings) as caught:
        validated(Outer, {"inner": {"days": "many"}}, {"inner.days": "DUBAN_DAYS"})
    assert str(caught.value).startswith("1 wrong setting: DUBAN_DAYS='many': ")


@pytest.mark.parametrize(
    ("word", "said"),
    [("inner.day", "; did you mean inner.days?"), ("zzz", "; want one of name, inner.days")],
    ids=["a near one", "nothing near"],
)
def test_the_nearest_key_is_proposed(word, said):
    assert did_you_mean(word, keys_of(Outer)) == said


@pytest.mark.parametrize("name", ["policy.toml", "duban.toml"])
def test_the_defaults_ship_with_the_package(name):
    assert defaults(name)
