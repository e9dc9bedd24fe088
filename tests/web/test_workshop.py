"""Is a change of the policy tried on the past before it is adopted, and does it hold from its day on?"""

from datetime import timedelta

import pytest

from replay.rehearsal import rehearse
from rules.facts import local_day
from store import audit, policies
from tests.web.browsers import NOW, Browser
from web.app import make_app


class AtOnce:
    """A rehearser without a process of its own."""

    def __init__(self, settings):
        self.settings = settings
        self.found = {}

    def begin(self, key, record, days, now, then):
        self.found[key] = rehearse(record, *days, now=now, then=then, settings=self.settings)

    def is_known(self, key):
        return key in self.found

    def has_broken_off(self, key):
        return self.found[key] is None

    def outcome(self, key):
        return self.found[key]


@pytest.fixture
def app(house):
    return make_app(house.services, house.desks, AtOnce(house.services.settings))


OF = {"town": {"office": "T1"}, "station": {"office": "V1"}, "deputy": {"deputy": "DA"}}


@pytest.fixture
def signed_in(browser):
    return lambda role: browser(role, **OF.get(role, {}))


def posted(browser, url, form):
    """The page that a form leads to."""
    answer = browser.post(url, form)
    return browser.get(answer.headers["location"]) if answer.status_code == 303 else answer


DAYS = {"first": f"{NOW.date() - timedelta(days=30)}", "last": f"{NOW.date() + timedelta(days=30)}"}


def test_a_change_is_tried_and_adopted_from_its_day_on(house, signed_in):
    operator = signed_in("operator")
    shown = posted(operator, "/policy/try", {**DAYS, "duty.town.reminders": "[7, 3, 1]", "sms_per_day": "1"})
    assert shown.status_code == 200
    assert "duty.town.reminders" in shown.text
    assert "sms_cost_yuan" in shown.text
    key = str(shown.url).rpartition("/")[2]
    begins = NOW.date() + timedelta(days=1)
    done = posted(operator, "/policy/adopt", {"key": key, "begins": f"{begins}", "reason": "一天只发一条"})
    assert "一天只发一条" in done.text
    with house.engine.begin() as connection:
        assert policies.in_force(connection, NOW.date()) is None
        (adopted,) = policies.adoptions(connection)
        assert dict(adopted.changes) == {"duty.town.reminders": "[7, 3, 1]", "sms_per_day": "1"}
        assert audit.latest(connection, 1)[0]["action"] == "policy-adopted"
        assert house.desks.of(connection).policy.sms_per_day is None
    house.clock.instant += timedelta(days=1)
    with house.engine.begin() as connection:
        assert local_day(house.clock.now()) == begins
        assert house.desks.of(connection).policy.sms_per_day == 1
        assert house.desks.of(connection).policy.duty.town.reminders == (7, 3, 1)


def test_each_try_is_of_the_record_as_it_is_then(house, signed_in):
    """Else somebody would adopt a change by the figures of another record."""
    operator, form = signed_in("operator"), {**DAYS, "sms_per_day": "1"}
    addresses = {operator.post("/policy/try", form).headers["location"] for _ in range(2)}
    assert len(addresses) == 2


def test_a_try_whose_process_ended_is_told_and_may_be_made_again(house, browser):
    class Killed(AtOnce):
        def begin(self, key, *_):
            self.found[key] = None

    operator = Browser(house, make_app(house.services, house.desks, Killed(None)), "operator", account="chen")
    address = operator.post("/policy/try", {**DAYS, "sms_per_day": "1"}).headers["location"]
    back = operator.get(address)
    assert (back.status_code, back.headers["location"]) == (303, "/policy")
    assert "试算中断" in operator.get("/policy").text


def test_an_hour_of_the_day_is_not_changed_for_a_day_that_has_begun(house, signed_in):
    operator = signed_in("operator")
    shown = posted(operator, "/policy/try", {**DAYS, "notify_at": "08:50"})
    key = str(shown.url).rpartition("/")[2]
    for begins, adopted in ((NOW.date(), 0), (NOW.date() + timedelta(days=1), 1)):
        posted(operator, "/policy/adopt", {"key": key, "begins": f"{begins}", "reason": "早十分钟"})
        with house.engine.begin() as connection:
            assert len(list(policies.adoptions(connection))) == adopted


def test_a_value_that_the_policy_does_not_admit_is_told_and_kept_in_the_form(signed_in):
    shown = posted(signed_in("operator"), "/policy/try", {**DAYS, "duty.period": "weekly"})
    assert shown.status_code == 422
    assert "weekly" in shown.text
    assert "duty.period" in shown.text


def test_nothing_is_tried_without_a_change(signed_in):
    assert posted(signed_in("operator"), "/policy/try", DAYS).status_code == 422


@pytest.mark.parametrize(
    ("begins", "reason", "words"),
    [
        (f"{NOW.date() - timedelta(days=1)}", "为何", "or later"),
        (f"{NOW.date() + timedelta(days=1)}", " ", "says why"),
        ("soon", "为何", "生效日期"),
    ],
)
def test_an_adoption_in_the_past_or_without_a_reason_is_refused(house, signed_in, begins, reason, words):
    operator = signed_in("operator")
    key = str(posted(operator, "/policy/try", {**DAYS, "hold_days": "5"}).url).rpartition("/")[2]
    assert words in posted(operator, "/policy/adopt", {"key": key, "begins": begins, "reason": reason}).text
    with house.engine.begin() as connection:
        assert policies.adoptions(connection) == []


def test_the_city_may_try_and_only_the_operator_adopts(signed_in):
    city = signed_in("municipal")
    shown = posted(city, "/policy/try", {**DAYS, "hold_days": "5"})
    key = str(shown.url).rpartition("/")[2]
    assert "/policy/adopt" not in shown.text
    adopting = {"key": key, "begins": f"{NOW.date() + timedelta(days=1)}", "reason": "为何"}
    assert city.post("/policy/adopt", adopting).status_code == 403


@pytest.mark.parametrize("role", ["town", "station", "deputy"])
def test_others_see_no_policy(signed_in, role):
    assert signed_in(role).get("/policy").status_code == 403
