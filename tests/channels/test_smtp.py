"""Does each answer of a mail server become the right outcome, and does the mail arrive as it was written?

A real mail server with its own ledger; certificates are made for the test.
"""

import contextlib
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime

import pytest
from aiosmtpd.smtp import SMTP

from channels.gateway import CANNOT_TELL, Accepted, Attachment, Refused, Sought, Unsure
from channels.smtp import SmtpGateway
from channels.smtp_url import SmtpServer, parse_smtp_url
from tests.channels.conftest import certificate, email
from tests.fakes.mail import PASSWORD, USER, FakeMail, mails
from tests.fakes.serving import Served

SENDER = "鹤山市人大常委会代表工委 <duban@heshan.example.cn>"
ID = "<duban-test-7@heshan.example.cn>"


@pytest.fixture
def serve(tmp_path):
    """Start mail servers; they end with the test."""
    started = []

    def start(**how):
        started.append(FakeMail(tmp_path / f"mail-{len(started)}.jsonl", **how).__enter__())
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def connect(ca_file):
    """Make gateways; they are closed at the end."""
    made = []

    def to(fake, *, timeout_s=2.0, trusted=True, sender=SENDER, **server):
        values = {"host": "127.0.0.1", "port": fake.port if fake else 0} | server
        made.append(
            SmtpGateway(SmtpServer(**values), sender=sender, timeout_s=timeout_s, ca_file=ca_file if trusted else None)
        )
        return made[-1]

    yield to
    for each in made:
        each.close()


@pytest.fixture(params=[True, False], ids=["all steps at once", "step by step"])
def fake(serve, request):
    return serve(pipelines=request.param)


@pytest.fixture
def gateway(fake, connect):
    return connect(fake)


def is_illness(outcome):
    return isinstance(outcome, Refused) and (outcome.is_lasting, outcome.is_illness) == (False, True)


# --- what arrives -------------------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_written(fake, gateway):
    assert gateway.send(email()) == Accepted(ID)
    [mail] = fake.mails
    assert (mail.sender, mail.to) == ("duban@heshan.example.cn", ["lee@example.cn"])
    message = mail.message
    assert message["Subject"] == "督办提醒：1 项"
    assert message["From"].addresses[0].display_name == "鹤山市人大常委会代表工委"
    assert message["To"] == "lee@example.cn"
    assert message["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(message["Date"]) == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert message.get_body(("plain",)).get_content().splitlines() == ["您好！", ".一行以点开头"]
    assert message.get_body(("html",)).get_content().strip() == "<p>您好！</p>"
    assert mail.content.isascii()


@pytest.mark.parametrize("text", ["plain ascii\n.\n..\n.hidden\nend", "一" * 3000, "", "\r\n.\r\nDATA\r\n"])
def test_dots_and_long_lines_survive_the_way(fake, gateway, text):
    assert isinstance(gateway.send(email(text=text, html=None)), Accepted)
    [mail] = fake.mails
    assert mail.message.get_content().splitlines() == text.splitlines()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("subject", ["督办" * 60, "a" * 300, "鹤山市 mixed 文字 " * 12, None, "𠮷" * 40])
def test_long_subjects_survive_the_way(fake, gateway, subject):
    assert isinstance(gateway.send(email(subject=subject)), Accepted)
    assert fake.mails[0].message["Subject"] == (subject or "").strip()


def test_attachments_survive_the_way(fake, gateway):
    content = bytes(range(256)) * 40
    sheet = Attachment(name="2026年11月 月报.xlsx", content_type="application/vnd.ms-excel", content=content)
    gateway.send(email(attachments=(sheet,)))
    [found] = fake.mails[0].message.iter_attachments()
    assert (found.get_filename(), found.get_content_type()) == ("2026年11月 月报.xlsx", "application/vnd.ms-excel")
    assert found.get_content() == content


def test_a_mail_sent_twice_has_one_message_id(fake, gateway):
    gateway.send(email(attempt="a1"))
    gateway.send(email(attempt="a2"))
    assert [entry["message_id"] for entry in mails(fake.ledger.path)] == [ID, ID]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85"])
def test_a_subject_cannot_bring_a_header_of_its_own(fake, gateway, end):
    gateway.send(email(subject=f"督办{end}Bcc: everybody@example.cn"))
    [mail] = fake.mails
    assert mail.message["Bcc"] is None
    assert mail.to == ["lee@example.cn"]
    assert mail.message["Subject"] == "督办 Bcc: everybody@example.cn"


@pytest.mark.parametrize(
    "address",
    [
        "lee@example.cn\r\nRCPT TO:<everybody@example.cn>",
        "lee@example.cn\nBcc: everybody@example.cn",
        "lee@example.cn>, <everybody@example.cn",
        "lee@example.cn,everybody@example.cn",
        "lee\x00@example.cn",
        "李@example.cn",
        "lee",
        "",
    ],
)
def test_an_address_cannot_bring_another(fake, gateway, address):
    outcome = gateway.send(email(address))
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness) == (True, False)
    assert fake.connections == 0


def test_a_text_that_cannot_be_written_down_is_refused(fake, gateway):
    outcome = gateway.send(email(text="半个字 \ud842"))
    assert isinstance(outcome, Refused)
    assert outcome.is_lasting
    assert fake.connections == 0


def test_an_attachment_cannot_bring_a_header_of_its_own(fake, gateway):
    odd = Attachment(name="a\r\nBcc: everybody@example.cn", content_type="text/x-a\r\nBcc: b@example.cn", content=b"a")
    gateway.send(email(attachments=(odd,)))
    assert all(not re.search(rb"(?im)^bcc:", mail.content) for mail in fake.mails)


@pytest.mark.parametrize("kind", ["sheet", "", "text/plain; charset=utf-7", "text/x-a\r\nBcc: b@example.cn"])
def test_an_attachment_of_no_type_is_refused(fake, gateway, kind):
    outcome = gateway.send(email(attachments=(Attachment(name="a", content_type=kind, content=b"a"),)))
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, fake.connections) == (True, 0)


def test_no_id_can_bring_a_header_of_its_own(fake, gateway):
    outcome = gateway.send(replace(email(), reference="7\r\nBcc: everybody@example.cn"))
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, fake.connections) == (True, 0)


def test_a_mail_is_without_faults(fake, gateway):
    sheet = Attachment(name="a" * 200 + ".xlsx", content_type="application/vnd.ms-excel", content=b"\r\n.\r\n" * 999)
    gateway.send(email(subject="督办提醒：" + "很长的题目" * 30, text="一\r二\r\n三\n", attachments=(sheet,)))
    [mail] = fake.mails
    assert [part.defects for part in mail.message.walk()] == [[]] * 5
    assert mail.message.get_body(("plain",)).get_payload(decode=True) == "一\r\n二\r\n三\r\n".encode()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 78
    assert b"\n" not in mail.content.replace(b"\r\n", b"")


# --- outcomes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "is_lasting", "is_illness", "code"),
    [
        ("421-mail", False, True, "421"),
        ("451-mail", False, True, "451"),
        pytest.param("550-mail", False, True, "550", id="it does not like the sender"),
        pytest.param("552-mail", True, False, "552", id="too big by its size"),
        ("450-rcpt", False, False, "450"),
        ("452-rcpt", False, False, "452"),
        ("550-rcpt", True, False, "550"),
        pytest.param("554-relay", False, True, "554", id="it does not relay for us"),
        ("421-data", False, True, "421"),
        ("554-data", True, False, "554"),
        ("451-text", False, True, "451"),
        ("552-text", True, False, "552"),
        ("554-text", True, False, "554"),
    ],
)
def test_a_refusal_says_whether_to_come_again_and_whose_fault_it_is(fake, gateway, fault, is_lasting, is_illness, code):
    fake.order(next=[fault])
    outcome = gateway.send(email())
    assert isinstance(outcome, Refused)
    assert (outcome.is_lasting, outcome.is_illness, outcome.code) == (is_lasting, is_illness, code)
    assert not fake.mails
    assert isinstance(gateway.send(email()), Accepted)


@pytest.mark.parametrize("fault", ["421-greeting", "drop-greeting", "drop-data"])
def test_what_fails_before_the_text_is_certainly_not_taken(fake, gateway, fault):
    fake.order(next=[fault])
    assert is_illness(gateway.send(email()))
    assert not fake.mails


def test_chances_reach_greetings_and_mails_alike(fake, gateway):
    fake.order(chances={"421-greeting": 1.0})
    assert is_illness(gateway.send(email()))
    fake.order(chances={"550-rcpt": 1.0}, next=[""])
    assert isinstance(gateway.send(email()), Accepted)
    assert gateway.send(email()).code == "550"


@pytest.mark.parametrize("fault", ["drop-text", "drop-end", "drop-taken", "slow", "slow-taken", "garbage-taken"])
def test_a_silence_after_the_text_has_begun_is_unsure(fake, connect, fault):
    gateway = connect(fake, timeout_s=0.5)
    fake.order(next=[fault], hold_s=1.5)
    begun = time.monotonic()
    # Longer than the buffers of the kernel: the server is cut off in the middle.
    assert isinstance(gateway.send(email(text="一" * 40_000)), Unsure)
    assert time.monotonic() - begun < 1.5
    assert len(fake.mails) == fault.endswith("-taken")
    assert isinstance(gateway.send(email()), Accepted)


def test_nobody_listening_is_certainly_not_taken(fake, connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = connect(fake, port=port).send(email())
    assert is_illness(outcome)
    assert outcome.reason == "the mail server refused the connection"


def test_a_server_that_dribbles_does_not_hold_the_call(connect, fake):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def dribble():
            line, _ = listener.accept()
            with line:
                try:
                    for _ in range(40):
                        line.sendall(b"2")
                        time.sleep(0.1)
                except OSError:
                    pass

        with ThreadPoolExecutor(1) as threads:
            threads.submit(dribble)
            begun = time.monotonic()
            outcome = connect(fake, port=listener.getsockname()[1], timeout_s=0.5).send(email())
            assert time.monotonic() - begun < 1.5
    assert is_illness(outcome)


def test_a_mail_server_keeps_no_list(gateway):
    sought = Sought(attempt="a", address="a@b.cn", text="", since=datetime(2026, 1, 1, tzinfo=UTC), taken=frozenset())
    assert gateway.find(sought) is CANNOT_TELL
    assert gateway.look_up(ID) is None


# --- connections --------------------------------------------------------------------------------


def test_a_connection_serves_many_mails(fake, gateway):
    for n in range(20):
        assert gateway.send(email(message=n)) == Accepted(f"<duban-test-{n}@heshan.example.cn>")
    assert fake.connections == 1


def test_no_connection_serves_more_than_a_hundred(fake, gateway):
    for n in range(101):
        gateway.send(email(message=n))
    assert (fake.connections, len(fake.mails)) == (2, 101)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used(fake, gateway):
    gateway.send(email())
    fake.hang_up()
    while fake.open:
        time.sleep(0.01)
    assert isinstance(gateway.send(email()), Accepted)
    assert fake.connections == 2


def test_many_threads_send_at_once(fake, connect):
    gateway = connect(fake, timeout_s=30.0)  # on a busy machine one of them may have to wait
    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(lambda n: gateway.send(email(message=n)), range(60)))
    assert [outcome for outcome in outcomes if not isinstance(outcome, Accepted)] == []
    assert {outcome.provider_id for outcome in outcomes} == {mail.message["Message-ID"] for mail in fake.mails}
    assert len(fake.mails) == 60
    assert fake.connections <= 6


# --- all steps at once --------------------------------------------------------------------------


class Scripted:
    """A mail server that says what is written down for each command, and keeps what it hears, as it comes."""

    def __init__(self, listener, answers):
        self._listener = listener
        self._answers = {b"EHLO": b"250-s\r\n250 PIPELINING"} | answers
        self.heard = []

    def serve(self, connections=1):
        for _ in range(connections):
            line, _ = self._listener.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(b"220 s\r\n")
                self._talk(line)

    def _talk(self, line):
        is_text = False
        while came := line.recv(1 << 16):
            self.heard.append(came)
            if is_text:
                is_text = not came.endswith(b"\r\n.\r\n")
                said = [] if is_text else [b"250 taken"]
            else:
                said = [self._answers.get(each[:4].upper(), b"250 OK") for each in came.splitlines()]
                is_text = said[-1].startswith(b"354")
            line.sendall(b"".join(each + b"\r\n" for each in said))


@pytest.fixture
def script():
    """Start scripted servers, each for some connections."""
    with contextlib.ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor())

        def start(connections=1, **answers):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            served = Scripted(listener, {verb.encode(): said for verb, said in answers.items()})
            threads.submit(served.serve, connections)
            return served, listener.getsockname()[1]

        yield start


def test_all_steps_before_the_text_go_out_as_one(script, connect):
    served, port = script(DATA=b"354 go on")
    gateway = connect(None, port=port)
    assert gateway.send(email()) == gateway.send(email()) == Accepted(ID)
    gateway.close()
    _ehlo, first, _text, second, _text = served.heard
    assert first == b"MAIL FROM:<duban@heshan.example.cn>\r\nRCPT TO:<lee@example.cn>\r\nDATA\r\n"
    assert second == b"RSET\r\n" + first


@pytest.mark.parametrize(
    ("answers", "code", "is_lasting"),
    [
        pytest.param(
            {"RCPT": b"550 no such user", "DATA": b"354 go on"}, "550", True, id="it wants a text all the same"
        ),
        pytest.param({"MAIL": b"451 not now", "RCPT": b"421 closing", "DATA": b"503 no"}, "451", False, id="it closes"),
        pytest.param({"MAIL": b"451 not now", "RCPT": b"503 no", "DATA": b"354 go on"}, "451", False, id="no sender"),
    ],
)
def test_after_a_refusal_nothing_is_sent_on_a_connection_that_waits_for_a_text(
    script, connect, answers, code, is_lasting
):
    served, port = script(2, **answers)
    gateway = connect(None, port=port)
    for _ in range(2):
        outcome = gateway.send(email())
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.is_lasting) == (code, is_lasting)
    gateway.close()
    assert [came[:4] for came in served.heard] == [b"ehlo", b"MAIL"] * 2


def test_a_refusal_keeps_the_connection_where_all_is_answered(script, connect):
    served, port = script(1, RCPT=b"550 no such user", DATA=b"554 no valid recipients")
    gateway = connect(None, port=port)
    assert [gateway.send(email()).code for _ in range(3)] == ["550"] * 3
    gateway.close()
    assert [came[:4] for came in served.heard] == [b"ehlo", b"MAIL", b"RSET", b"RSET"]


def test_a_text_is_not_sent_before_it_is_asked_for(script, connect):
    served, port = script(1, DATA=b"250 and now?")
    outcome = connect(None, port=port).send(email())
    assert is_illness(outcome)
    assert len(served.heard) == 2


class Theirs(Served):
    """A mail server made by others; `offers` are lines of its answer to EHLO beside its own."""

    def __init__(self, ledger, offers):
        super().__init__(ledger, 0)
        self.taken = []
        self._offers = offers

    def protocol(self):
        return SMTP(self, hostname="mail.test", loop=self.loop)

    async def handle_EHLO(self, server, session, envelope, hostname, answers):  # noqa: N802 - aiosmtpd's names
        session.host_name = hostname
        return [*answers[:-1], *self._offers, answers[-1]]

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.taken.append(envelope)
        return "250 OK"


@pytest.mark.parametrize("offers", [[], ["250-PIPELINING"]])
def test_a_server_made_by_others_takes_our_mail(connect, tmp_path, offers):
    with Theirs(tmp_path / "ledger", offers) as server:
        gateway = connect(server)
        ids = [gateway.send(email(text="一\n.\n二", message=n)).provider_id for n in range(3)]
        gateway.close()
    assert ids == [f"<duban-test-{n}@heshan.example.cn>" for n in range(3)]
    letters = [message_from_bytes(each.content, policy=policy.default) for each in server.taken]
    assert [letter["Message-ID"] for letter in letters] == ids
    assert [each.rcpt_tos for each in server.taken] == [["lee@example.cn"]] * 3
    for letter in letters:
        assert letter.get_body(("plain",)).get_content().splitlines() == ["一", ".", "二"]


# --- TLS and login ------------------------------------------------------------------------------


def test_a_login_goes_over_tls_once_a_connection(serve, connect, authority):
    fake = serve(context=certificate(authority), needs_login=True)
    gateway = connect(fake, user=USER, password=PASSWORD, starttls="require")
    assert [gateway.send(email(message=n)) for n in range(3)] == [
        Accepted(f"<duban-test-{n}@heshan.example.cn>") for n in range(3)
    ]
    assert fake.connections == 1
    assert all(mail.is_tls and mail.user == USER for mail in fake.mails)


def test_tls_from_the_first_byte_on(serve, connect, authority):
    fake = serve(context=certificate(authority), is_tls=True)
    gateway = connect(fake, is_tls=True)
    assert gateway.send(email()) == gateway.send(email()) == Accepted(ID)
    assert (fake.connections, fake.mails[0].is_tls) == (1, True)


@pytest.mark.parametrize("starttls", ["require", "opportunistic"])
@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        pytest.param("mail.example.cn", True, id="another's name"),
        pytest.param("127.0.0.1", False, id="an unknown authority"),
    ],
)
@pytest.mark.parametrize("is_tls", [True, False])
def test_a_certificate_that_does_not_hold_gets_nothing(serve, connect, authority, starttls, name, trusted, is_tls):
    fake = serve(context=certificate(authority, name), is_tls=is_tls)
    outcome = connect(fake, starttls=starttls, trusted=trusted, is_tls=is_tls).send(email())
    assert is_illness(outcome)
    assert "certificate that does not hold" in outcome.reason
    assert not fake.mails


def test_starttls_that_is_required_but_not_offered_gets_nothing(fake, connect):
    outcome = connect(fake, starttls="require").send(email())
    assert is_illness(outcome)
    assert "STARTTLS" in outcome.reason
    assert not fake.mails


def test_starttls_is_taken_where_it_is_offered_and_left_where_it_is_not_wanted(serve, connect, authority):
    fake = serve(context=certificate(authority))
    connect(fake, starttls="opportunistic").send(email())
    connect(fake, starttls="none").send(email())
    assert [mail.is_tls for mail in fake.mails] == [True, False]


def test_a_wrong_password_is_the_accounts_illness(serve, connect, authority):
    fake = serve(context=certificate(authority), needs_login=True)
    outcome = connect(fake, user=USER, password="wrong-secret", starttls="require").send(email())
    assert is_illness(outcome)
    assert outcome.code == "535"
    assert "wrong-secret" not in outcome.reason


def test_a_password_never_goes_in_clear_over_the_net(fake, connect, monkeypatch):
    monkeypatch.setattr(SmtpServer, "is_loopback", False)
    outcome = connect(fake, user=USER, password=PASSWORD).send(email())
    assert is_illness(outcome)
    assert "offers no TLS" in outcome.reason


def test_a_password_may_go_in_clear_on_this_machine(serve, connect):
    fake = serve(needs_login=True)
    assert isinstance(connect(fake, user=USER, password=PASSWORD).send(email()), Accepted)


# --- the setting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "server"),
    [
        (
            "smtp://duban:p%40ss%2Fw%3Ard@mail.example.cn:2525?starttls=require",
            SmtpServer(host="mail.example.cn", port=2525, user="duban", password="p@ss/w:rd", starttls="require"),
        ),
        ("smtp://127.0.0.1", SmtpServer(host="127.0.0.1", port=587)),
        ("smtp://relay:25/?starttls=none", SmtpServer(host="relay", port=25, starttls="none")),
        ("smtps://u%40x.cn:p@h", SmtpServer(host="h", port=465, user="u@x.cn", password="p", is_tls=True)),
        ("smtp://[::1]:25", SmtpServer(host="::1", port=25)),
    ],
)
def test_a_server_is_named_by_a_url(url, server):
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.cn",
        "http://u:secret@h",
        "smtp://",
        "smtp://u:secret@h:port",
        "smtp://u:se/cret@h",
        "smtp://u:secret@h:99999",
        "smtp://u:secret@h?starttls=yes",
        "smtp://u:secret@h?tls=1",
        "smtp://u:secret@h?starttls",
        "smtp://u:secret@h/path",
        "smtp://u:secret@h#x",
        "smtp://u@h",
        "smtp://u:secret@[::1",
    ],
)
def test_a_wrong_url_is_refused_without_being_quoted(url):
    with pytest.raises(ValueError, match="want smtp://user:password@host:587") as refused:
        parse_smtp_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_password_is_not_shown():
    assert "secret" not in repr(parse_smtp_url("smtp://u:secret@h"))


@pytest.mark.parametrize("sender", ["", "duban", "a@example.cn, b@example.cn", "a@example.cn\r\nBcc: b@example.cn"])
def test_a_sender_must_be_one_address(sender):
    with pytest.raises(ValueError, match=r"address|linefeed|carriage"):
        SmtpGateway(SmtpServer(host="h", port=25), sender=sender)
