"""Do our requests, and the answers of our own fake, keep to Twilio's public description of its API?"""

from datetime import UTC, datetime

import pytest

from channels.gateway import Accepted, Refused, Report, Sought, Status
from tests.channels.conftest import TEXT, sms
from tests.fakes.prism import CannotBeHad, Prism
from tests.fakes.twilio import FakeTwilio

#: text and day of a message in the list that the description shows
TWILIOS_EXAMPLE = ("testing", datetime(2019, 5, 24, 17, 44, 46, tzinfo=UTC))


def started(*how):
    try:
        return Prism(*how)
    except CannotBeHad as err:
        pytest.skip(f"NOT CHECKED AGAINST TWILIO'S OWN CONTRACT: {err}")


@pytest.fixture(scope="module")
def contract():
    """Twilio as its own description and examples say."""
    with started("mock") as prism:
        yield prism


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """Our fake, and Prism before it."""
    with (
        FakeTwilio(tmp_path_factory.mktemp("fake") / "twilio.jsonl") as fake,
        started("proxy", fake.url) as prism,
    ):
        yield fake, prism


def sought(text=TEXT, since=None):
    since = since or datetime.now(UTC)
    return Sought(attempt="a1", address="13800000001", text=text, since=since, taken=frozenset())


@pytest.mark.parametrize(
    "sender", [{}, {"messaging_service_sid": None, "from_number": "+12025550100"}], ids=["service", "number"]
)
@pytest.mark.parametrize("callback", [None, "https://duban.example.cn/webhooks/twilio/status"])
def test_the_contract_admits_what_we_ask(contract, connected, sender, callback):
    gateway = connected(api_base=contract.url, callback_url=callback, timeout_s=8.0, **sender)
    assert gateway.send(sms()) == Accepted("SM" + "a" * 32, 1)
    found = gateway.find(sought(*TWILIOS_EXAMPLE))
    assert isinstance(found, Report)
    assert found.provider_id.startswith("SM")
    told = gateway.look_up("SM" + "b" * 32)
    assert (told.provider_id[:2], told.segments, told.cost) == ("SM", 1, 0.0075)


def test_the_contract_is_in_force(contract, connected):
    gateway = connected(api_base=contract.url, messaging_service_sid="no service", timeout_s=8.0)
    assert isinstance(gateway.send(sms()), Refused)


def test_the_fake_keeps_to_the_contract(watched, connected):
    fake, prism = watched
    fake.order(steps=[(0.0, "sent")])
    gateway = connected(api_base=prism.url, timeout_s=8.0)
    outcome = gateway.send(sms())
    assert isinstance(outcome, Accepted)
    assert gateway.find(sought()).provider_id == outcome.provider_id
    assert gateway.look_up(outcome.provider_id).status is Status.SENT
    assert prism.violations() == []


def test_a_departure_from_the_contract_would_be_seen(watched, connected):
    fake, prism = watched
    gateway = connected(api_base=prism.url, timeout_s=8.0)
    sid = gateway.send(sms(attempt="a2")).provider_id
    fake.texts.by_sid[sid].status = "lost in thought"
    gateway.look_up(sid)
    assert any("status" in each for each in prism.violations())
