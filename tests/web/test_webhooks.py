"""Who is believed that says it is Twilio, and what does a reply by SMS do?"""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator

from intake.replies import MOST_ANSWERS
from rules.facts import Channel
from store import audit, facts, optouts
from store.schema_service import attempts
from tests.rules import builders
from tests.rules.builders import day
from web.app import make_app

PUBLIC = "https://duban.example"
TOKEN, OLD = "12345", "before"
DEPUTY, TOWN, MUNICIPAL = "+8613900000001", "+8613800000011", "+8613800000012"


def numbers(record):
    mobiles = {"CT1": TOWN, "CMUN": MUNICIPAL}
    contacts = [replace(c, mobile=mobiles.get(c.id)) for c in record.contacts]
    deputies = [replace(d, mobile=DEPUTY if d.id == "DA" else None) for d in record.deputies]
    return replace(record, contacts=contacts, deputies=deputies)


class Twilio:
    """Calls as Twilio does, signed."""

    def __init__(self, house):
        house.services.settings = house.services.settings.model_copy(
            update={
                "public_url": PUBLIC,
                "twilio_auth_token": SecretStr(TOKEN),
                "twilio_auth_token_old": SecretStr(OLD),
            }
        )
        self.house = house
        self.client = TestClient(make_app(house.services, house.desks), base_url=PUBLIC)
        self.sids = 0

    def call(self, path, params, token=TOKEN, **headers):
        signature = RequestValidator(token).compute_signature(f"{PUBLIC}{path}", params)
        given = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"} | headers
        return self.client.post(path, content=urlencode(params), headers=given)

    def sends_in(self, text, sender=DEPUTY, sid=None, **more):
        """Bring a reply in, and return what is answered."""
        self.sids += 1
        params = {"MessageSid": sid or f"SM{self.sids:032}", "From": sender, "Body": text, "To": "+8610000000000"}
        answer = self.call("/webhooks/twilio/inbound", params | more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/xml")
        found = re.fullmatch(r"<\?xml[^>]*\?><Response>(?:<Message>(.*)</Message>)?</Response>", answer.text)
        assert found is not None, answer.text
        return found[1]


def give_numbers(house):
    """Give everybody of the small record a number of his own."""
    with house.engine.begin() as connection:
        record = numbers(builders.record())
        facts.upsert(connection, "contacts", record.contacts)
        facts.upsert(connection, "deputies", record.deputies)
    house.run("03-02 10:01", sends=False)


@pytest.fixture
def twilio(house):
    give_numbers(house)
    return Twilio(house)


def visits_of(house, deputy="DA"):
    with house.engine.begin() as connection:
        made, _ = facts.facts_of_deputies(connection, [deputy])
    return [visit for visit in made if visit.id.startswith("SMS-")]


def rows(house, table):
    return house.dump()[table]


# Signatures --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/webhooks/twilio/status?attempt=a1", "/webhooks/twilio/inbound"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Twilio-Signature": ""}, 403),
        ({"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}, 403),
        ({}, 200),
    ],
)
def test_only_what_is_signed_is_heard(twilio, path, headers, status):
    answer = twilio.call(path, {"MessageSid": "SM1", "MessageStatus": "sent"}, **headers)
    assert answer.status_code == status or (status == 200 and answer.status_code == 204)


def test_the_old_token_holds_while_tokens_are_changed_and_no_other(twilio):
    params = {"MessageSid": "SM1", "MessageStatus": "sent"}
    statuses = [twilio.call("/webhooks/twilio/status", params, token=t).status_code for t in (TOKEN, OLD, "guessed")]
    assert statuses == [204, 204, 403]


@pytest.mark.parametrize("missing", ["twilio_auth_token", "public_url"])
def test_without_a_token_or_a_public_address_nothing_is_heard(twilio, missing):
    update = {missing: None, "twilio_auth_token_old": None}
    twilio.house.services.settings = twilio.house.services.settings.model_copy(update=update)
    assert twilio.call("/webhooks/twilio/inbound", {"MessageSid": "SM1"}).status_code == 403


def test_a_changed_query_breaks_the_signature(twilio):
    params = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/status?attempt=a1", params)
    answer = twilio.call("/webhooks/twilio/status?attempt=a2", params, **{"X-Twilio-Signature": signature})
    assert answer.status_code == 403


@pytest.mark.parametrize("change", [{"Body": "到站"}, {"From": MUNICIPAL}, {"MessageSid": "SM2"}, {"Extra": "x"}])
def test_a_changed_word_breaks_the_signature(twilio, change):
    params = {"MessageSid": "SM1", "From": DEPUTY, "Body": "到格"}
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/inbound", params)
    answer = twilio.call("/webhooks/twilio/inbound", params | change, **{"X-Twilio-Signature": signature})
    assert answer.status_code == 403
    assert visits_of(twilio.house) == []


SID = f"SMf{'0123456789abcde' * 2}f"


def heard(twilio, text):
    """Twilio's own call, with most of what it tells, and its signature: what somebody may have caught."""
    params = {"AccountSid": "AC1", "Body": text, "From": DEPUTY, "MessageSid": SID, "NumMedia": "0", "To": "+8610"}
    assert twilio.call("/webhooks/twilio/inbound", params).status_code == 200
    return params, RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/webhooks/twilio/inbound", params)


#: Twilio signs names and values run together: each of these has the signature of the call that was caught
CUT_OTHERWISE = {
    "a longer id": {"MessageSid": f"{SID}NumMedia0", "To": "+8610"},
    "a longer id, and nothing after it": {"MessageSid": f"{SID}NumMedia0To+8610"},
    "a shorter id": {"MessageSid": "SM", SID[2:3]: f"{SID[3:]}NumMedia0To+8610"},
    "an id of one letter": {"MessageSid": "S", SID[1:3]: f"{SID[3:]}NumMedia0To+8610"},
    "another name for the id": {"MessageSi": f"d{SID}", "NumMedia": "0", "To": "+8610"},
}


@pytest.mark.parametrize("cut", CUT_OTHERWISE)
def test_a_caught_call_that_is_cut_otherwise_records_nothing(twilio, cut):
    caught, signature = heard(twilio, "到站")
    params = {name: caught[name] for name in ("AccountSid", "Body", "From")} | CUT_OTHERWISE[cut]
    assert RequestValidator(TOKEN).validate(f"{PUBLIC}/webhooks/twilio/inbound", params, signature)
    twilio.house.clock.instant += timedelta(days=1)
    before = twilio.house.dump()
    assert twilio.call("/webhooks/twilio/inbound", params).status_code in (200, 403)
    assert twilio.house.dump() == before


def test_a_name_that_comes_twice_is_refused(twilio):
    params, signature = heard(twilio, "到站")
    body = urlencode([*params.items(), ("Body", "TD")])
    answer = twilio.call("/webhooks/twilio/inbound", params, **{"X-Twilio-Signature": signature})
    assert answer.status_code == 200
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    assert twilio.client.post("/webhooks/twilio/inbound", content=body, headers=headers).status_code == 403


# Delivery reports --------------------------------------------------------------------------


@pytest.fixture
def sent(twilio):
    """A message on its way: its attempt's id."""
    house = twilio.house
    house.send_due()
    with house.engine.begin() as connection:
        return connection.exec_driver_sql("SELECT id, message FROM attempts ORDER BY id LIMIT 1").one()


def state_of(house, message):
    return next(row.state for row in house.messages() if row.id == message)


@pytest.mark.parametrize("order", [("sent", "delivered"), ("delivered", "sent"), ("delivered", "delivered", "sent")])
def test_reports_are_applied_whatever_their_order_and_number(twilio, sent, order):
    for status in order:
        params = {"MessageSid": "SM9", "MessageStatus": status}
        assert twilio.call(f"/webhooks/twilio/status?attempt={sent.id}", params).status_code == 204
    assert state_of(twilio.house, sent.message) == "delivered"


def test_a_report_under_another_id_leaves_that_of_the_message(twilio, sent):
    known = known_as(twilio.house, sent.id)
    assert known is not None
    params = {"MessageSid": "SM9", "MessageStatus": "delivered"}
    assert twilio.call(f"/webhooks/twilio/status?attempt={sent.id}", params).status_code == 204
    assert known_as(twilio.house, sent.id) == known


def known_as(house, attempt):
    """Return a gateway's id for an attempt."""
    with house.engine.begin() as connection:
        return connection.execute(select(attempts.c.provider_id).where(attempts.c.id == attempt)).scalar()


def test_a_report_of_an_attempt_that_nobody_made_changes_nothing(twilio):
    before = rows(twilio.house, "messages")
    params = {"MessageSid": "SM9", "MessageStatus": "failed", "ErrorCode": "30003"}
    assert twilio.call("/webhooks/twilio/status?attempt=nobody", params).status_code == 204
    assert rows(twilio.house, "messages") == before


# Replies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "on", "place", "voters"),
    [
        ("到站", "station", "03-02", "V1", None),
        ("到格", "grid", "03-02", "G1", None),
        ("到站 3月1日 12人", "station", "03-01", "V1", 12),
        ("到站3月1日12", "station", "03-01", "V1", 12),
        ("到格 2026-03-01", "grid", "03-01", "G1", None),
        ("到格　３－１　８", "grid", "03-01", "G1", 8),
        ("到站 2026年3月1日", "station", "03-01", "V1", None),
        ("到站 15", "station", "03-02", "V1", 15),
        ("到站。", "station", "03-02", "V1", None),
    ],
)
def test_a_deputy_records_a_visit(twilio, text, kind, on, place, voters):
    answer = twilio.sends_in(text)
    assert answer is not None
    assert answer.startswith("已登记")
    (made,) = visits_of(twilio.house)
    assert (made.kind, made.day, made.place, made.voters) == (kind, day(on), place, voters)
    assert made.recorded_at == twilio.house.clock.now()


def test_the_visit_meets_the_duty(twilio):
    twilio.sends_in("到格")
    twilio.house.run("03-02 10:05", sends=False)
    matter = next(row for row in rows(twilio.house, "matters") if row[0] == "visit:S1:2026-03")
    assert "met" in matter


def test_a_seat_without_a_station_of_its_own_goes_to_the_central_one(twilio):
    with twilio.house.engine.begin() as connection:
        facts.upsert(connection, "seats", [builders.seat(station=None)])
    assert "机构C1" in twilio.sends_in("到站")


def test_a_name_that_looks_like_xml_is_words_in_the_answer(twilio):
    with twilio.house.engine.begin() as connection:
        stations = [replace(o, name="A&B<Message>") for o in builders.record().offices if o.id == "V1"]
        facts.upsert(connection, "offices", stations)
    twilio.house.run("03-02 10:05", sends=False)
    assert "A&amp;B&lt;Message&gt;" in twilio.sends_in("到站")


def test_a_deputy_without_a_grid_is_told_so(twilio):
    with twilio.house.engine.begin() as connection:
        facts.upsert(connection, "seats", [builders.seat(grid=None)])
    assert "未登记" in twilio.sends_in("到格")
    assert visits_of(twilio.house) == []


@pytest.mark.parametrize("text", ["到站 2026-03-03", "到站 2027-01-01"])
def test_a_visit_is_not_recorded_ahead(twilio, text):
    assert "不能晚于今天" in twilio.sends_in(text)
    assert visits_of(twilio.house) == []


def test_a_day_without_a_year_is_the_last_one_of_that_name(twilio):
    with twilio.house.engine.begin() as connection:
        facts.upsert(connection, "seats", [builders.seat(begins="2025-01-01")])
    twilio.sends_in("到站 3月3日")
    assert [visit.day for visit in visits_of(twilio.house)] == [day("2025-03-03")]


def test_an_official_who_is_no_deputy_records_no_visit(twilio):
    assert "未登记为代表" in twilio.sends_in("到站", sender=TOWN)


def test_a_reply_that_comes_twice_acts_once_and_is_answered_alike(twilio):
    one, other = (twilio.sends_in("到站 12", sid="SMsame") for _ in range(2))
    assert one == other
    assert len(visits_of(twilio.house)) == 1


@pytest.mark.parametrize("text", ["1", "到站", "到格", "TD"])
def test_a_call_that_is_played_again_days_later_does_nothing(twilio, text):
    twilio.house.run("03-10 10:00")
    sender = MUNICIPAL if text == "1" else DEPUTY
    first = twilio.sends_in(text, sender=sender, sid="SMagain")
    if text == "TD":
        twilio.sends_in("TS")
    twilio.house.clock.instant += timedelta(days=3)
    before = twilio.house.dump()
    assert twilio.sends_in(text, sender=sender, sid="SMagain") == first
    assert twilio.house.dump() == before


def test_a_correction_changes_the_visit_and_adds_none(twilio):
    twilio.sends_in("到站")
    twilio.sends_in("到站 12")
    assert [visit.voters for visit in visits_of(twilio.house)] == [12]


# Acknowledging -----------------------------------------------------------------------------


@pytest.fixture
def late(twilio):
    """The opinions are not assigned; the climb has told the municipal office."""
    twilio.house.run("03-10 10:00")
    return twilio


def holds(house):
    with house.engine.begin() as connection:
        return sorted((word.matter, word.office) for word in facts.load(connection, "acknowledgements"))


@pytest.mark.parametrize("text", ["1", " １ ", "1。"])
def test_an_official_acknowledges_what_the_last_message_told_him(late, text):
    answer = late.sends_in(text, sender=MUNICIPAL)
    assert answer.startswith("已登记批示")
    assert holds(late.house) == [(f"petition:P{n}:assign:1", "MUN") for n in (1, 2, 3)]


def test_an_official_who_is_off_duty_is_a_stranger(late):
    with late.house.engine.begin() as connection:
        contacts = [replace(c, on_duty=False) for c in numbers(builders.record()).contacts if c.id == "CMUN"]
        facts.upsert(connection, "contacts", contacts)
    late.house.run("03-10 10:01", sends=False)
    assert late.sends_in("1", sender=MUNICIPAL) is None
    assert holds(late.house) == []


def test_whoever_is_late_himself_acknowledges_nothing(late):
    assert "没有需要" in late.sends_in("1", sender=TOWN)
    assert holds(late.house) == []


def test_a_deputy_acknowledges_nothing(late):
    assert "没有需要" in late.sends_in("1")


def test_an_acknowledgement_holds_the_climb(late):
    late.sends_in("1", sender=MUNICIPAL)
    late.house.run("03-13 10:00")
    climbs = [line for line in late.house.told("03-11 00:00") if line[2].startswith("climb")]
    assert [line for line in climbs if line[0] < "03-13"] == []


# Opting out, help, strangers ---------------------------------------------------------------


@pytest.mark.parametrize("text", ["TD", "td", "ＴＤ", "R", "STOP", "Stop", "退订"])
def test_whoever_wants_no_more_sms_gets_none_until_he_asks_again(twilio, text):
    house = twilio.house
    assert "已退订" in twilio.sends_in(text)
    with house.engine.begin() as connection:
        assert optouts.among(connection, Channel.SMS, [DEPUTY.removeprefix("+86")]) == {DEPUTY.removeprefix("+86")}
    assert "已恢复" in twilio.sends_in("TS")
    assert rows(house, "optouts") == []


def test_what_a_reply_has_done_is_in_the_trail(twilio):
    for text in ("到站", "TD", "TS"):
        twilio.sends_in(text)
    with twilio.house.engine.begin() as connection:
        done = [(entry["action"], entry["actor"]) for entry in reversed(audit.latest(connection, 3))]
    assert done == [(action, "deputy:DA") for action in ("visit-recorded", "sms-stopped", "sms-resumed")]


def test_twilios_own_answer_is_not_doubled(twilio):
    assert twilio.sends_in("STOP", OptOutType="STOP") is None
    assert len(rows(twilio.house, "optouts")) == 1


def test_anything_else_gets_one_help_text_a_day(twilio):
    assert [bool(twilio.sends_in(text)) for text in ("你好", "2", "到站 32月")] == [True, False, False]
    twilio.house.clock.instant += timedelta(days=1)
    assert twilio.sends_in("?") is not None


def test_nobody_gets_more_than_so_many_answers_a_day(twilio):
    """Each answer is paid for: a telephone that sends without end must not cost without end."""
    answers = [twilio.sends_in(f"到站 {n}") for n in range(MOST_ANSWERS + 5)]
    assert [bool(answer) for answer in answers] == [*[True] * MOST_ANSWERS, *[False] * 5]
    assert [visit.voters for visit in visits_of(twilio.house)] == [MOST_ANSWERS + 4]
    twilio.house.clock.instant += timedelta(days=1)
    assert twilio.sends_in("到站") is not None


def test_a_stranger_gets_no_answer_and_changes_nothing(twilio):
    before = twilio.house.dump()
    for text in ("到站", "1", "TD", "你好"):
        assert twilio.sends_in(text, sender="+8613711112222") is None
        assert twilio.sends_in(text, sender="+14155550100") is None
    after = twilio.house.dump()
    assert len(after.pop("replies")) == 8
    before.pop("replies")
    assert after == before


def test_the_words_of_a_message_are_never_kept(twilio):
    words = "我是居民甲电话13712349999投诉"
    twilio.sends_in(words)
    twilio.sends_in("到站 " + words)
    dump = repr(twilio.house.dump())
    assert "13712349999" not in dump
    assert "投诉" not in dump


@pytest.mark.parametrize("sid", ["", "x" * 5000, "SM<svg>"])
def test_a_reply_without_a_proper_id_is_passed_over(twilio, sid):
    params = {"MessageSid": sid, "From": DEPUTY, "Body": "到站"}
    assert twilio.call("/webhooks/twilio/inbound", params).status_code == 200
    assert visits_of(twilio.house) == []
