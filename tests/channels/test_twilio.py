"""Does each answer of Twilio become the right outcome: taken, certainly not taken, or nobody can say?

The real SDK against a fake with a ledger: what was taken is what the ledger says.
"""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest

from channels import twilio_http
from channels.gateway import ABSENT, CANNOT_TELL, Accepted, Refused, Report, Sought, Status, Unsure
from channels.twilio import Signatures, status_report
from tests.channels.conftest import TEXT, certificate, sms
from tests.fakes.ledger import entries
from tests.fakes.twilio import TOKEN, FakeTwilio, signature


def taken(fake):
    return entries(fake.ledger.path, "message")


def sought(attempt="a1", address="13800000001", text=TEXT, since=None, known=()):
    since = since or datetime.now(UTC)
    return Sought(attempt=attempt, address=address, text=text, since=since, taken=frozenset(known))


# --- sending ------------------------------------------------------------------------------------


def test_a_text_that_twilio_takes_is_accepted_under_its_sid(fake, gateway):
    outcome = gateway.send(sms())
    [entry] = taken(fake)
    assert outcome == Accepted(entry["sid"], None)
    assert (entry["to"], entry["body"]) == ("+8613800000001", TEXT)


def test_segments_are_told_where_twilio_knows_the_sender(fake, connected):
    gateway = connected(messaging_service_sid=None, from_number="+12025550100")
    assert gateway.send(sms(text="字" * 71)).segments == 2
    assert fake.texts.by_sid[taken(fake)[0]["sid"]].sender == "+12025550100"


def test_the_attempt_travels_in_the_callbacks_address(fake, connected):
    connected(callback_url="http://127.0.0.1:9/webhooks/twilio/status").send(sms(attempt="a-77"))
    connected(callback_url="http://127.0.0.1:9/status?office=1").send(sms(attempt="a-78"))
    assert [entry["attempt"] for entry in taken(fake)] == ["a-77", "a-78"]


@pytest.mark.parametrize("address", ["13800000001", "+8613800000001", "+86 138 0000 0001", "138 0000 0001"])
def test_a_number_leaves_in_international_form(fake, gateway, address):
    assert isinstance(gateway.send(sms(address)), Accepted)
    assert taken(fake)[0]["to"] == "+8613800000001"


@pytest.mark.parametrize("address", ["+12025550100", "12800000001", "+85291234567", "8613800000001", "", "10086"])
def test_no_number_outside_the_mainland_is_ever_called(fake, gateway, address):
    outcome = gateway.send(sms(address))
    assert isinstance(outcome, Refused)
    assert outcome.is_lasting
    assert not outcome.is_illness
    assert fake.connections == 0


def test_a_text_that_cannot_be_written_down_is_refused(fake, gateway):
    outcome = gateway.send(sms(text="半个字 \ud842"))
    assert isinstance(outcome, Refused)
    assert outcome.is_lasting
    assert fake.connections == 0


@pytest.mark.parametrize(
    ("code", "is_lasting", "is_illness", "is_opt_out"),
    [
        (21610, True, False, True),
        (21211, True, False, False),
        (21217, True, False, False),
        (21614, True, False, False),
        (21408, True, False, False),
        (29999, True, False, False),
        pytest.param(20003, False, True, False, id="the account is ill, not the message"),
        pytest.param(21603, False, True, False, id="no sender"),
        pytest.param(20404, False, True, False, id="no such account"),
    ],
)
def test_a_refusal_says_whose_fault_it_is(fake, gateway, code, is_lasting, is_illness, is_opt_out):
    fake.order(refuse={"+8613800000001": code})
    outcome = gateway.send(sms())
    assert isinstance(outcome, Refused)
    assert outcome.code == str(code)
    assert (outcome.is_lasting, outcome.is_illness, outcome.is_opt_out) == (is_lasting, is_illness, is_opt_out)
    assert "13800000001" not in outcome.reason
    assert not taken(fake)


def test_a_wrong_token_is_the_accounts_illness(fake, connected):
    outcome = connected(auth_token="wrong").send(sms())
    assert outcome == Refused(
        reason="Twilio refused it (20003): wrong account SID or token, or the account is not active",
        code="20003",
        is_lasting=False,
        is_illness=True,
    )


def test_too_many_requests_say_when_to_come_back(fake, gateway):
    fake.order(next=["429"], retry_after_s=7)
    outcome = gateway.send(sms())
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness, outcome.retry_after_s) == (False, True, 7.0)
    assert not taken(fake)


@pytest.mark.parametrize(
    "fault", ["500", "503", "408", "reset", "close", "500-taken", "reset-taken", "close-taken", "garbage-taken"]
)
def test_what_is_not_surely_refused_is_unsure_and_not_tried_again(fake, gateway, fault):
    fake.order(next=[fault])
    outcome = gateway.send(sms())
    assert isinstance(outcome, Unsure)
    assert len(entries(fake.ledger.path, "request")) == 1
    assert len(taken(fake)) == (1 if fault.endswith("-taken") else 0)


@pytest.mark.parametrize("fault", ["silence", "silence-taken", "dribble-taken"])
def test_a_call_ends_in_time_however_the_server_drags_it_out(fake, connected, fault):
    gateway = connected(timeout_s=0.4)
    fake.order(next=[fault])
    begun = time.monotonic()
    assert gateway.send(sms()) == Unsure("Twilio did not answer in time")
    assert time.monotonic() - begun < 1.5


def test_an_answer_without_end_is_not_read_to_it(fake, gateway, monkeypatch):
    monkeypatch.setattr(twilio_http, "MOST_BYTES", 100)
    outcome = gateway.send(sms())
    assert isinstance(outcome, Unsure)
    assert len(taken(fake)) == 1


def test_a_reset_on_a_connection_used_before_is_unsure(fake, gateway):
    assert isinstance(gateway.send(sms()), Accepted)
    fake.order(next=["reset-taken"])
    assert isinstance(gateway.send(sms(attempt="a2")), Unsure)
    assert (fake.connections, len(taken(fake))) == (1, 2)
    assert isinstance(gateway.send(sms(attempt="a3")), Accepted)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(fake, gateway):
    assert isinstance(gateway.send(sms()), Accepted)
    fake.hang_up()
    while fake.open:
        time.sleep(0.01)
    assert isinstance(gateway.send(sms(attempt="a2")), Accepted)
    assert fake.connections == 2


def test_nobody_listening_is_certainly_not_taken(connected):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = connected(api_base=f"http://127.0.0.1:{port}").send(sms())
    assert outcome == Refused(reason="Twilio refused the connection", is_lasting=False, is_illness=True)


def test_a_name_that_is_not_known_is_certainly_not_taken(connected, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome = connected(api_base="http://api.twilio.invalid").send(sms())
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness) == (False, True)


def test_a_connection_that_never_opens_is_certainly_not_taken(connected):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(place)
        begun = time.monotonic()
        outcome = connected(api_base=f"http://127.0.0.1:{place[1]}", timeout_s=0.5).send(sms())
        for each in crowd:
            each.close()
    assert outcome == Refused(reason="Twilio did not answer in time", is_lasting=False, is_illness=True)
    assert time.monotonic() - begun < 2


def test_a_server_without_tls_where_tls_is_wanted_gets_nothing(fake, connected):
    outcome = connected(api_base=fake.url.replace("http:", "https:"), timeout_s=1.0).send(sms())
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness) == (False, True)


@pytest.fixture
def encrypted(tmp_path, authority):
    with FakeTwilio(tmp_path / "encrypted.jsonl", context=certificate(authority)) as server:
        yield server


def test_texts_go_over_tls_and_its_connection_serves_again(encrypted, connected, monkeypatch, ca_file):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    gateway = connected(api_base=encrypted.url, timeout_s=4.0)
    assert all(isinstance(gateway.send(sms(attempt=f"a{n}")), Accepted) for n in range(5))
    assert encrypted.connections == 1


def test_a_call_over_tls_ends_in_time_too(encrypted, connected, monkeypatch, ca_file):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    gateway = connected(api_base=encrypted.url, timeout_s=1.0)
    gateway.send(sms())
    encrypted.order(next=["dribble-taken"])
    begun = time.monotonic()
    assert gateway.send(sms()) == Unsure("Twilio did not answer in time")
    assert time.monotonic() - begun < 2


def test_a_certificate_that_does_not_hold_gets_nothing(encrypted, connected):
    outcome = connected(api_base=encrypted.url, timeout_s=4.0).send(sms())
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness) == (False, True)
    assert "certificate that does not hold" in outcome.reason
    assert not taken(encrypted)


def test_each_of_many_threads_gets_its_own_answer(fake, gateway):
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda n: gateway.send(sms(f"138{n:08d}", attempt=f"a{n}")), range(400)))
    to = {entry["sid"]: entry["to"] for entry in taken(fake)}
    assert [to[outcome.provider_id] for outcome in outcomes] == [f"+86138{n:08d}" for n in range(400)]
    assert fake.connections <= 8


def test_the_environment_does_not_turn_requests_elsewhere(fake, connected, monkeypatch):
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    assert isinstance(connected().send(sms()), Accepted)


def test_a_gateway_without_a_sender_is_refused_at_once(connected):
    with pytest.raises(ValueError, match="messaging service or a number"):
        connected(messaging_service_sid=None)


# --- finding again ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500-taken", "reset-taken", "silence-taken", "garbage-taken", "close-taken"])
@pytest.mark.parametrize("is_sent", [True, False])
def test_a_text_taken_without_an_answer_is_found_again(fake, connected, fault, is_sent):
    gateway = connected(timeout_s=0.4)
    fake.order(next=[fault], steps=[(0.0, "sent")] if is_sent else [])
    since = datetime.now(UTC)
    assert isinstance(gateway.send(sms()), Unsure)
    [entry] = taken(fake)
    found = gateway.find(sought(since=since))
    assert isinstance(found, Report)
    assert found.provider_id == entry["sid"]
    assert found.status is (Status.SENT if is_sent else Status.ACCEPTED)


@pytest.mark.parametrize("fault", ["500", "reset", "close"])
def test_a_text_that_was_never_taken_is_absent(fake, gateway, fault):
    fake.order(next=[fault])
    gateway.send(sms())
    assert gateway.find(sought()) is ABSENT


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"text": TEXT + "。"}, id="another text"),
        pytest.param({"address": "13800000002"}, id="another number"),
        pytest.param({"since": datetime.now(UTC) + timedelta(hours=1)}, id="claimed long after"),
    ],
)
def test_another_message_is_not_taken_for_the_one_sought(gateway, other):
    gateway.send(sms())
    assert gateway.find(sought(**other)) is ABSENT


def test_a_message_known_to_be_another_attempts_is_not_found_twice(gateway):
    first = gateway.send(sms(attempt="a1")).provider_id
    second = gateway.send(sms(attempt="a2")).provider_id
    assert gateway.find(sought("a1")).provider_id == first
    assert gateway.find(sought("a2", known={first})).provider_id == second
    assert gateway.find(sought("a3", known={first, second})) is ABSENT


def test_a_clock_two_minutes_ahead_of_twilios_finds_its_text(gateway):
    gateway.send(sms())
    assert isinstance(gateway.find(sought(since=datetime.now(UTC) + timedelta(seconds=110))), Report)


def test_a_text_sent_before_midnight_utc_is_found_after_it(fake, gateway):
    gateway.send(sms())
    [text] = fake.texts.by_sid.values()
    text.created = text.sent = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
    assert isinstance(gateway.find(sought(since=datetime(2026, 11, 24, 0, 0, 30, tzinfo=UTC))), Report)


def test_what_came_in_is_not_taken_for_what_went_out(fake, gateway):
    gateway.send(sms())
    [text] = fake.texts.by_sid.values()
    text.direction = "inbound"
    assert gateway.find(sought()) is ABSENT


def test_a_text_is_found_under_a_hundred_later_ones(fake, gateway):
    fake.order(steps=[(0.0, "sent")])
    since = datetime.now(UTC)
    sid = gateway.send(sms()).provider_id
    for n in range(120):
        gateway.send(sms(text=f"{TEXT}{n}", attempt=f"b{n}"))
    assert gateway.find(sought(since=since)).provider_id == sid


def test_a_list_too_long_to_be_read_tells_nothing(fake, gateway):
    fake.order(steps=[(0.0, "sent")])
    for n in range(301):
        gateway.send(sms(text=f"{TEXT}{n}", attempt=f"b{n}"))
    assert gateway.find(sought()) is CANNOT_TELL


def test_a_list_that_cannot_be_read_tells_nothing(fake, gateway, connected):
    fake.order(list_fails=True)
    assert gateway.find(sought()) is CANNOT_TELL
    assert connected(auth_token="wrong").find(sought()) is CANNOT_TELL
    fake.stop()
    assert gateway.find(sought()) is CANNOT_TELL


# --- what became of it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", Status.ACCEPTED),
        ("accepted", Status.ACCEPTED),
        ("scheduled", Status.ACCEPTED),
        ("sending", Status.ACCEPTED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("read", Status.DELIVERED),
        ("undelivered", Status.FAILED),
        ("failed", Status.FAILED),
        ("canceled", Status.FAILED),
        pytest.param("later invented", Status.ACCEPTED, id="a word that Twilio adds later"),
    ],
)
def test_looking_up_tells_how_far_it_has_come(fake, gateway, word, status):
    fake.order(steps=[(0.0, "sent")])
    sid = gateway.send(sms()).provider_id
    while fake.texts.by_sid[sid].status != "sent":
        time.sleep(0.01)
    fake.texts.by_sid[sid].status = word
    report = gateway.look_up(sid)
    assert (report.provider_id, report.status, report.cost, report.segments) == (sid, status, 0.05, 1)


def test_a_text_that_did_not_arrive_says_why(fake, gateway):
    sid = gateway.send(sms()).provider_id
    text = fake.texts.by_sid[sid]
    text.status, text.error = "undelivered", 30005
    report = gateway.look_up(sid)
    assert (report.code, report.reason) == ("30005", "undelivered (30005): nobody has that number")


def test_a_text_that_twilio_does_not_know_cannot_be_told_of(gateway):
    assert gateway.look_up("SM" + "f" * 32) is None


@pytest.mark.parametrize(
    ("params", "attempt", "report"),
    [
        (
            {"MessageSid": "SM1", "MessageStatus": "delivered"},
            "a1",
            Report(provider_id="SM1", status=Status.DELIVERED, attempt="a1"),
        ),
        (
            {"SmsSid": "SM1", "SmsStatus": "sent", "ErrorCode": ""},
            None,
            Report(provider_id="SM1", status=Status.SENT),
        ),
        (
            {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30007"},
            "",
            Report(
                provider_id="SM1",
                status=Status.FAILED,
                code="30007",
                reason="failed (30007): filtered by the carrier or by Twilio",
            ),
        ),
        ({"MessageSid": "SM1", "MessageStatus": "received"}, "a1", None),
        ({"MessageStatus": "delivered"}, "a1", None),
        ({}, None, None),
    ],
)
def test_a_status_callback_is_read(params, attempt, report):
    assert status_report(params, attempt) == report


# --- signatures ---------------------------------------------------------------------------------

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_twilios_own_example_of_a_signature_holds():
    assert Signatures(["12345"]).hold(URL, PARAMS, SIGNED)
    assert signature("12345", URL, PARAMS) == SIGNED


def test_either_token_holds_while_they_are_changed():
    assert Signatures(["new", "12345"]).hold(URL, PARAMS, SIGNED)
    assert Signatures(["12345", "new"]).hold(URL, PARAMS, SIGNED)


@pytest.mark.parametrize(
    ("tokens", "url", "params", "given"),
    [
        pytest.param([], URL, PARAMS, SIGNED, id="no token"),
        pytest.param([""], URL, PARAMS, signature("", URL, PARAMS), id="an empty token"),
        pytest.param(["other"], URL, PARAMS, SIGNED, id="another's token"),
        pytest.param(["12345"], URL, PARAMS, None, id="no signature"),
        pytest.param(["12345"], URL, PARAMS, "", id="an empty signature"),
        pytest.param(["12345"], URL, PARAMS, "签名" * 14, id="no signature at all"),
        pytest.param(["12345"], URL + "&attempt=a2", PARAMS, SIGNED, id="another address"),
        pytest.param(["12345"], URL, PARAMS | {"Digits": "1235"}, SIGNED, id="other words"),
        pytest.param(["12345"], URL, PARAMS | {"Body": "\udcff"}, SIGNED, id="what no form can hold"),
        pytest.param(["12345"], "https://mycompany.com:port/", PARAMS, SIGNED, id="no address at all"),
    ],
)
def test_anything_else_does_not_hold(tokens, url, params, given):
    assert not Signatures(tokens).hold(url, params, given)


# --- the fake itself ----------------------------------------------------------------------------


def test_callbacks_come_signed_and_name_the_attempt(fake, connected):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def listen():
            for _ in range(3):
                line, _ = listener.accept()
                with line:
                    data = b""
                    while b"\r\n\r\n" not in data or not data.endswith(b"2010-04-01"):
                        data += line.recv(65536)
                    heard.append(data.decode())
                    line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        listening = threading.Thread(target=listen)
        listening.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/twilio/status"
        connected(callback_url=url).send(sms(attempt="a-9"))
        listening.join(10)
    assert len(heard) == 3
    for each in heard:
        head, _, body = each.partition("\r\n\r\n")
        assert head.startswith("POST /webhooks/twilio/status?attempt=a-9 ")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        form = dict(parse_qsl(body))
        assert Signatures([TOKEN]).hold(f"{url}?attempt=a-9", form, headers["X-Twilio-Signature"])
