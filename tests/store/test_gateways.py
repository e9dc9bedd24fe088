"""Is a gateway that is ill given a rest, are its rate and the daily total kept, by all processes together?"""

import threading
from datetime import timedelta

import pytest

from rules.deliveries import Health
from store import gateways, optouts
from store.engine import make_engine
from tests.store.deliveries import DAY, NOW, SECOND

ILL, WELL = (True, "time-out"), (False, None)


def in_threads(engine, work):
    """Let eight threads on two engines, as two processes would, do some work; what they return, added up."""
    engines = [engine, make_engine(engine.url.render_as_string(hide_password=False))]
    barrier = threading.Barrier(8)
    given, failed = [], []

    def run(number):
        barrier.wait()
        try:
            for _ in range(5):
                with engines[number % 2].begin() as connection:
                    given.append(work(connection))
        except Exception as err:  # noqa: BLE001 - told below
            failed.append(err)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engines[1].dispose()
    assert failed == []
    return given


# Health ----------------------------------------------------------------------------------------


def test_a_gateway_that_was_never_ill_leaves_no_trace(connection):
    assert gateways.note_calls(connection, {"sms": [WELL, WELL]}, NOW) == []
    assert gateways.health(connection) == {}


def test_a_rest_and_turns_that_a_wrong_clock_has_set_are_forgotten(connection):
    ahead = NOW + timedelta(hours=40)
    gateways.note_calls(connection, {"sms": [ILL] * 5}, ahead)
    gateways.note_calls(connection, {"mail": [ILL] * 5}, NOW)
    gateways.take_turns(connection, "sms", 1.0, 1, ahead)
    assert gateways.take_turns(connection, "sms", 1.0, 1, NOW) == 0
    gateways.forget_ahead(connection, NOW)
    assert gateways.health(connection) == {"sms": Health(5), "mail": Health(5, NOW + 30 * SECOND)}
    assert gateways.take_turns(connection, "sms", 1.0, 1, NOW) == 1


def test_a_circuit_that_opens_is_told_once(connection):
    assert gateways.note_calls(connection, {"sms": [ILL] * 4, "email": [ILL]}, NOW) == []
    assert gateways.note_calls(connection, {"sms": [ILL]}, NOW) == ["sms"]
    assert gateways.health(connection) == {
        "sms": Health(5, NOW + 30 * SECOND),
        "email": Health(1),
    }
    assert gateways.note_calls(connection, {"sms": [ILL]}, NOW + 31 * SECOND) == [], "it was open already"
    assert gateways.health(connection)["sms"] == Health(6, NOW + 91 * SECOND)


def test_a_good_call_closes_the_circuit(connection):
    gateways.note_calls(connection, {"sms": [ILL] * 5}, NOW)
    gateways.note_calls(connection, {"sms": [WELL]}, NOW + 30 * SECOND)
    assert gateways.health(connection) == {"sms": Health()}
    assert gateways.note_calls(connection, {"sms": [ILL] * 5}, NOW) == ["sms"], "another illness is told again"


def test_illnesses_in_many_processes_are_counted_together(engine):
    opened = in_threads(engine, lambda c: gateways.note_calls(c, {"sms": [ILL]}, NOW))
    assert [names for names in opened if names] == [["sms"]], "one of them tells that the circuit has opened"
    with engine.begin() as connection:
        assert gateways.health(connection)["sms"].failures == 40


# Rates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.3, 0.57, 0.7, 0.9, 1 / 7, 1 / 3])
def test_one_message_leaves_at_any_rate_below_one_a_second(connection, rate):
    at = NOW
    for _ in range(5):
        assert gateways.take_turns(connection, "sms", rate, 3, at) == 1
        assert gateways.take_turns(connection, "sms", rate, 3, at) == 0
        at += SECOND / rate


def test_a_second_has_as_many_turns_as_the_rate(connection):
    assert gateways.take_turns(connection, "sms", 10, 7, NOW) == 7
    assert gateways.take_turns(connection, "sms", 10, 7, NOW) == 3
    assert gateways.take_turns(connection, "sms", 10, 7, NOW) == 0
    assert gateways.take_turns(connection, "sms", 10, 7, NOW + SECOND / 2) == 5
    assert gateways.take_turns(connection, "email", 10, 7, NOW) == 7, "each gateway has its own"


def test_turns_that_were_not_taken_are_not_saved_up(connection):
    gateways.take_turns(connection, "sms", 10, 1, NOW)
    assert gateways.take_turns(connection, "sms", 10, 99, NOW + timedelta(hours=1)) == 10


@pytest.mark.parametrize("rate", [0.1, 0.5, 1, 1.5, 3, 10])
def test_over_a_minute_the_rate_is_kept_and_used(connection, rate):
    given = sum(gateways.take_turns(connection, "sms", rate, 25, NOW + n * SECOND / 4) for n in range(241))
    ahead = max(rate, 1)
    assert 0.9 * rate * 60 <= given <= rate * 60 + ahead


def test_two_processes_share_the_turns_of_a_second(engine):
    assert sum(in_threads(engine, lambda c: gateways.take_turns(c, "sms", 50, 3, NOW))) == 50


# The daily total -------------------------------------------------------------------------------


def test_a_day_has_its_total_and_what_an_operator_allows_beyond(connection):
    assert gateways.used(connection, DAY) == 0
    assert gateways.take_quota(connection, DAY, 7, 10) == 7
    assert gateways.take_quota(connection, DAY, 7, 10) == 3
    assert gateways.take_quota(connection, DAY, 7, 10) == 0
    assert gateways.used(connection, DAY) == 10
    gateways.allow_more(connection, DAY, 10)
    assert gateways.take_quota(connection, DAY, 99, 10) == 10
    assert gateways.take_quota(connection, DAY + timedelta(days=1), 99, 10) == 10, "another day begins anew"


def test_a_total_that_was_made_smaller_takes_nothing_back(connection):
    gateways.take_quota(connection, DAY, 7, 10)
    assert gateways.take_quota(connection, DAY, 1, 5) == 0
    assert gateways.used(connection, DAY) == 7


def test_two_processes_share_the_total_of_a_day(engine):
    assert sum(in_threads(engine, lambda c: gateways.take_quota(c, DAY, 3, 50))) == 50


# Who wants no more -----------------------------------------------------------------------------


def test_an_address_is_out_on_its_channel_until_its_owner_comes_back(connection):
    for source in ("twilio", "reply"):
        optouts.add(connection, "sms", "13900000000", NOW, source)
    assert optouts.among(connection, "sms", ["13900000000", "13900000001"]) == {"13900000000"}
    assert optouts.among(connection, "email", ["13900000000"]) == set()
    assert optouts.among(connection, "sms", []) == set()
    optouts.remove(connection, "sms", "13900000000")
    assert optouts.among(connection, "sms", ["13900000000"]) == set()
