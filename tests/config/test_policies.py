"""The policy in force: defaults, a file, the environment, `--set`; and what a wrong key or value is told."""

import tomllib
from datetime import date, time
from pathlib import Path

import pytest

import config
from config.layers import WrongSettings
from config.policies import KEYS, full_key, load_policy
from rules.policy import Arrivals, Ladder, Period, Place, Policy, Window

SHIPPED = Path(config.__file__ or "").with_name("policy.toml")


def policy(*assignments, path=None, **environ):
    return load_policy(path, assignments, environ)


def complaint(*assignments, path=None, **environ):
    with pytest.raises(WrongSettings) as caught:
        policy(*assignments, path=path, **environ)
    (line,) = caught.value.lines
    return line


def written(tmp_path, text):
    path = tmp_path / "policy.toml"
    path.write_text(text, "utf-8")
    return path


# Defaults -------------------------------------------------------------------------------------------------


def test_the_shipped_file_says_what_the_code_would_without_it():
    assert policy() == Policy()


def test_the_shipped_file_names_every_setting():
    text = SHIPPED.read_text("utf-8")
    shipped = tomllib.loads(text.replace("# start_on", "start_on").replace("# sms_per_day", "sms_per_day"))

    def paths(tree, prefix=""):
        for key, value in tree.items():
            yield from paths(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]

    assert set(paths(shipped)) == set(KEYS) - {"duty"} - {key for key in KEYS if key.endswith("ladder")}


@pytest.mark.parametrize(
    ("value", "default"),
    [
        (lambda p: p.start_on, None),
        (lambda p: p.notify_at, time(9)),
        (lambda p: p.digest_at, time(8, 30)),
        (lambda p: p.send_window, Window(time(8, 30), time(20))),
        (lambda p: p.sms_per_day, None),
        (lambda p: p.hold_days, 3),
        (lambda p: p.soon_days, 4),
        (lambda p: p.duty.period, Period.CALENDAR),
        (lambda p: p.duty.arrivals, Arrivals.BOTH),
        (lambda p: p.duty.place, Place.ASSIGNED),
        (lambda p: [p.duty.of(level).months for level in ("province", "prefecture", "county", "town")], [6, 6, 3, 1]),
        (lambda p: p.ladder("province"), Ladder((30, 7), (5, 10))),
        (lambda p: p.ladder("prefecture"), Ladder((30, 7), (5, 10))),
        (lambda p: p.ladder("county"), Ladder((15, 5), (5, 10))),
        (lambda p: p.ladder("town"), Ladder((7, 2), (5, 10))),
        (lambda p: p.ladder("petition"), Ladder((2,), (3, 7, 12))),
        (lambda p: p.ladder("milestone"), Ladder((5,), (5, 10))),
        (lambda p: p.ladder("key_milestone"), Ladder((10, 3), (2, 5, 8))),
        (lambda p: p.ladder("inspection"), Ladder((3,), (5,))),
        (lambda p: [p.petition.days.handle(level) for level in ("self", "town", "municipal")], [5, 7, 15]),
        (lambda p: (p.petition.days.assign, p.petition.days.accept, p.petition.days.verify), (3, 2, 5)),
        (lambda p: (p.petition.days.feedback, p.petition.days.rework, p.petition.days.register_), (3, 10, 1)),
        (lambda p: (p.petition.proposal.months, p.petition.proposal.longest), (3, 6)),
        (lambda p: (p.project.inspection.every, p.project.inspection.key_every, p.project.slips), (30, 15, 2)),
    ],
)
def test_the_defaults_are_those_of_the_rules(value, default):
    assert value(policy()) == default


# Layers ---------------------------------------------------------------------------------------------------


def test_a_file_overrides_key_by_key(tmp_path):
    path = written(tmp_path, 'hold_days = 5\n[duty]\nperiod = "rolling"\n[petition.days]\nassign = 4\n')
    found = policy(path=path)
    assert (found.hold_days, found.duty.period, found.petition.days.assign) == (5, Period.ROLLING, 4)
    assert (found.soon_days, found.duty.place, found.petition.days.accept) == (4, Place.ASSIGNED, 2)


def test_the_file_may_be_named_by_the_environment(tmp_path):
    path = written(tmp_path, "hold_days = 5")
    assert policy(DUBAN_POLICY=str(path)).hold_days == 5


def test_a_file_named_on_the_command_line_goes_before_that_of_the_environment(tmp_path):
    path = written(tmp_path, "hold_days = 5")
    assert policy(path=path, DUBAN_POLICY="/nowhere.toml").hold_days == 5


def test_the_environment_goes_before_the_file_and_an_option_before_both(tmp_path):
    path = written(tmp_path, "hold_days = 5")
    assert policy(path=path, DUBAN_POLICY__HOLD_DAYS="6").hold_days == 6
    assert policy("hold_days=7", path=path, DUBAN_POLICY__HOLD_DAYS="6").hold_days == 7


def test_the_last_option_counts():
    assert policy("hold_days=7", "hold_days=8").hold_days == 8


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DUBAN_POLICY__DUTY__PERIOD", "rolling", lambda p: p.duty.period == "rolling"),
        ("DUBAN_POLICY__PETITION__CLIMB", "[4, 8]", lambda p: p.petition.climb == (4, 8)),
        ("DUBAN_POLICY__PETITION__DAYS__SELF", "6", lambda p: p.petition.days.self == 6),
        ("DUBAN_POLICY__NOTIFY_AT", "10:00", lambda p: p.notify_at == time(10)),
    ],
)
def test_a_variable_names_a_key_with_two_underscores_for_a_dot(name, text, value):
    assert value(policy(**{name: text}))


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("duty.period=rolling", lambda p: p.duty.period == "rolling"),
        ("period=rolling", lambda p: p.duty.period == "rolling"),
        ("arrivals=either", lambda p: p.duty.arrivals == "either"),
        ("place=any", lambda p: p.duty.place == "any"),
        (" place = any ", lambda p: p.duty.place == "any"),
        ("petition.reminders=[3, 1]", lambda p: p.petition.reminders == (3, 1)),
        ("project.milestone.climb=[]", lambda p: p.project.milestone.climb == ()),
        ("petition.days.register=2", lambda p: p.petition.days.register_ == 2),
        ("sms_per_day=2", lambda p: p.sms_per_day == 2),
        ("start_on=2026-03-01", lambda p: p.start_on == date(2026, 3, 1)),
        ("send_window=['07:00', '21:30']", lambda p: p.send_window == Window(time(7), time(21, 30))),
        ("duty.town.reminders=[5]", lambda p: p.ladder("town") == Ladder((5,), (5, 10))),
    ],
)
def test_an_option_sets_any_key(assignment, value):
    assert value(policy(assignment))


# Faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("petition.days.asign", "petition.days.asign is not a setting; did you mean petition.days.assign?"),
        ("peroid", "peroid is not a setting; did you mean duty.period?"),
        ("zz", "zz is not a setting; want one of start_on, notify_at, "),
        ("holddays", "holddays is not a setting; did you mean hold_days?"),
        pytest.param("months", "months is not a setting alone: it may be duty.province.months or", id="of many tables"),
    ],
)
def test_an_unknown_key_of_an_option_names_the_nearest(key, said):
    assert complaint(f"{key}=1").startswith(said)


def test_an_unknown_key_of_a_file_names_the_nearest(tmp_path):
    path = written(tmp_path, "[petition.days]\nasign = 4\n")
    expected = "petition.days.asign is not a setting; did you mean petition.days.assign?"
    assert complaint(path=path) == expected


def test_an_unknown_key_of_the_environment_is_named_as_it_was_given():
    said = complaint(DUBAN_POLICY__DUTY__PERIODS="rolling")
    assert said == "DUBAN_POLICY__DUTY__PERIODS is not a setting; did you mean duty.period?"


def test_an_option_without_a_value_shows_how_it_is_written():
    assert complaint("period") == "--set period: want KEY=VALUE, such as duty.period=rolling"


@pytest.mark.parametrize(
    ("assignment", "admitted"),
    [
        ("duty.period=weekly", "'calendar' or 'rolling'"),
        ("duty.arrivals=two", "'both' or 'either'"),
        ("duty.place=here", "'assigned' or 'any'"),
        ("duty.town.months=2", "1, 3 or 6"),
        ("hold_days=0", "greater than or equal to 1"),
        ("hold_days=367", "less than or equal to 366"),
        ("hold_days=some", "valid integer"),
        ("sms_per_day=0", "greater than or equal to 1"),
        ("petition.reminders=[1, 3]", "the most distant first, such as [30, 7]"),
        ("petition.reminders=[3, 3]", "different days"),
        ("petition.climb=[10, 5]", "the nearest first, such as [5, 10]"),
        ("send_window=['20:00', '08:30']", "must begin before it ends, such as ['08:30', '20:00']"),
        ("send_window=['08:30', '08:30']", "must begin before it ends"),
        ("notify_at=9 o'clock", "time"),
        ("start_on=yesterday", "date"),
    ],
)
def test_a_wrong_value_names_the_key_and_what_is_admitted(assignment, admitted):
    said = complaint(assignment)
    assert admitted in said
    assert assignment.partition("=")[0].rpartition(".")[2] in said, "the key is named"


@pytest.mark.parametrize(("value", "holds"), [("1", True), ("366", True), ("0", False), ("367", False)])
def test_days_are_from_one_to_366(value, holds):
    if holds:
        assert policy(f"soon_days={value}").soon_days == int(value)
    else:
        assert complaint(f"soon_days={value}").startswith("soon_days=")


@pytest.mark.parametrize(
    ("key", "full"), [("period", "duty.period"), ("slips", "project.slips"), ("hold_days", "hold_days")]
)
def test_a_key_needs_no_table_where_that_leaves_no_doubt(key, full):
    assert full_key(key) == full


def test_a_policy_never_changes():
    with pytest.raises(ValueError, match="frozen"):
        policy().hold_days = 5
