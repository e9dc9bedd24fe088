"""Does a secret or a resident show where nobody should find it?

Daemon, worker and web run as they would in an office, on a real PostgreSQL in the role of the services and a real
Valkey, with words in the record and in the settings that are found nowhere else. Things go well, and go wrong. Then
everything that those processes left behind is looked through.
"""

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
import redis
from sqlalchemy import select
from sqlalchemy.engine import make_url
from twilio.request_validator import RequestValidator

from intake.exporting import write_record
from rules.facts import SHANGHAI
from store import accounts, tokens
from store.accounts import Account, Role
from store.engine import make_engine, reading
from store.schema import messages
from store.tokens import Token
from tests.campaign.record import write_calendar
from tests.daemon.conftest import opened, typed
from tests.fakes import mail, twilio
from tests.fakes.ledger import entries
from tests.rules import builders
from tests.web.browsers import csrf_in

WAIT_S = 60.0
#: whom an opinion is about, and what it says
RESIDENT, TITLE, NOTE, RESIDENT_MOBILE = "康霁翀", "康霁翀家门前路灯", "康霁翀本人来电", "13711112222"
RESIDENTS = [RESIDENT, TITLE, NOTE, RESIDENT_MOBILE]
#: who is told, and where
MOBILES = {"CT1": "13722223333", "CDT": "13722224444", "DA": "13722225555"}
MAILBOX = "canary.t1@example.cn"
SECRETS = {
    "DUBAN_AUDIT_KEY": "canary-audit-key-0123456789abcdef0123",
    "TWILIO_AUTH_TOKEN": twilio.TOKEN,
}
DATABASE_PASSWORD, PASSWORD, GUESSED = "canary-database-password", "canary account password", "canary wrong guess"


def record_of(now):
    """An opinion that is due soon, and the people of its town."""
    people = {"CT1": {"mobile": MOBILES["CT1"], "email": MAILBOX}, "CDT": {"mobile": MOBILES["CDT"]}}
    contacts = [builders.contact(o.office, **people.get(o.id, {})) for o in builders.CONTACTS]
    known = {"title": TITLE, "petitioner": RESIDENT, "petitioner_mobile": RESIDENT_MOBILE}
    opinion = builders.replace(builders.petition(), recorded_at=now - timedelta(hours=1), **known)
    return builders.record(
        contacts=contacts,
        deputies=(builders.deputy("DA", mobile=MOBILES["DA"]), builders.deputy("DB")),
        petitions=(opinion, builders.replace(opinion, id="P2")),
    )


@pytest.fixture
def office(service_url, own_valkey, tmp_path, monkeypatch):
    """An office with its processes running: its secrets in files, as systemd hands them over."""
    now = datetime.now(SHANGHAI)
    write_calendar(tmp_path / "calendar", now.date())
    (tmp_path / "policy.toml").write_text(
        f'start_on = {now.date()}\nsend_window = ["00:00", "23:59:59"]\ndigest_at = "00:00"\n', encoding="utf-8"
    )
    with ExitStack() as stack:
        post = stack.enter_context(mail.FakeMail(tmp_path / "mail.jsonl", needs_login=True))
        port = free_port()
        public = f"http://127.0.0.1:{port}"
        sms = stack.enter_context(twilio.FakeTwilio(tmp_path / "sms.jsonl", connect_to=public))
        sms.script.order({"refuse": {f"+86{MOBILES['CDT']}": 21614}})
        secrets = SECRETS | {
            "DUBAN_DATABASE_URL": make_url(service_url)
            .set(password=DATABASE_PASSWORD)
            .render_as_string(hide_password=False),
            "DUBAN_SMTP_URL": f"smtp://{mail.USER}:fake%3Ap%40ss%2Fword@127.0.0.1:{post.port}?starttls=none",
        }
        folder = tmp_path / "credentials"
        folder.mkdir()
        for name, secret in secrets.items():
            (folder / name).write_text(secret, encoding="utf-8")
        settings = {
            "CREDENTIALS_DIRECTORY": str(folder),
            "DUBAN_REDIS_URL": own_valkey.url,
            "DUBAN_POLICY": str(tmp_path / "policy.toml"),
            "DUBAN_CALENDAR": str(tmp_path / "calendar"),
            "DUBAN_PORT": str(port),
            "DUBAN_PUBLIC_URL": public,
            "DUBAN_SMS": "twilio",
            "DUBAN_TWILIO_API": sms.url,
            "TWILIO_ACCOUNT_SID": twilio.ACCOUNT,
            "TWILIO_MESSAGING_SERVICE_SID": twilio.SERVICE,
            "DUBAN_EMAIL": "smtp",
            "DUBAN_EMAIL_FROM": "duban@example.cn",
            "DUBAN_RETRY_S": "0.5",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        write_record(record_of(now), tmp_path / "record")
        with opened(monkeypatch):
            assert typed("import", tmp_path / "record").status == 0
        yield stack.enter_context(running(Office(tmp_path, secrets, public, own_valkey)))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Office:
    """Where the processes of an office leave their traces."""

    def __init__(self, folder, secrets, public, valkey):
        self.folder, self.secrets, self.public, self.valkey = folder, secrets, public, valkey
        self.log = folder / "processes.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.engine = make_engine(secrets["DUBAN_DATABASE_URL"])

    def wait(self, what, ask):
        until = time.monotonic() + WAIT_S
        while not ask():
            assert time.monotonic() < until, f"{what}: not within {WAIT_S:g} s\n{self.log.read_text('utf-8')[-3000:]}"
            assert self.process.poll() is None, self.log.read_text("utf-8")[-3000:]
            time.sleep(0.05)

    def states(self):
        with reading(self.engine) as connection:
            return {row.state for row in connection.execute(select(messages.c.state))}

    def alter(self, statement):
        """Break something, as a superuser: the services' role may not."""
        url = make_url(self.secrets["DUBAN_DATABASE_URL"])
        with psycopg.connect(host=str(url.query["host"]), user="postgres", dbname=url.database) as connection:
            connection.execute(statement.encode())


@contextmanager
def running(office):
    """Run web, daemon and worker, each told to log everything."""
    words = [sys.executable, "-m", "tests.trust.loud", "web", "daemon", "worker"]
    with office.log.open("ab") as log:
        office.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield office
    finally:
        office.process.terminate()
        status = office.process.wait(30)
        office.engine.dispose()
    assert status == 0


def of_processes(office, file):
    """Return what /proc tells of our processes and of those that they have started."""
    ours, found = {office.process.pid}, []
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if int(folder.name) in ours or parent in ours:
                ours.add(int(folder.name))
                found.append((folder / file).read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue  # it has ended meanwhile
    assert len(found) >= 4
    return "\n".join(found)


def open_doors(office):
    """Make an account and a token, as the commands do; return the token's secret."""
    at = datetime.now(SHANGHAI)
    with office.engine.begin() as connection:
        made = Account(id="li.ming", name="李明", role=Role.OPERATOR, created_at=at)
        assert accounts.add(connection, made, PASSWORD, actor="test")
        return tokens.add(connection, Token(id="system", scope="write", created_at=at), actor="test")


def use_console(client, answers):
    """Sign in, and look at what is there, what is not, and what fails."""
    for password in (GUESSED, PASSWORD):
        form = {"csrf": csrf_in(client.get("/sign-in").text), "account": "li.ming", "password": password}
        answers.append(client.post("/sign-in", data=form))
    for path in ("/nowhere", f"/petitions/{RESIDENT}", f"/messages?person={RESIDENT_MOBILE}&x={TITLE}"):
        client.get(path)
    answers += [client.post("/sending", data={"held": RESIDENT}), client.get("/policy/tried/x")]
    return client.cookies["duban_session"]


def use_api(client, secret, answers):
    """Write what holds, what does not, and what the database refuses."""
    opinion = {"id": "P8", "town": "T1", "deputy": "DA", "level": "town", "title": TITLE, "petitioner": RESIDENT}
    given = {"Authorization": f"Bearer {secret}"}
    for sent in (opinion, opinion | {"id": "P8"}, opinion | {"level": TITLE}, opinion | {"id": "TRAP"}):
        answers.append(client.post("/api/v1/petitions", json=sent, headers=given))
    answers.append(client.post("/api/v1/petitions", content=f"{{{TITLE}".encode(), headers=given))
    answers.append(client.get("/api/v1/matters", headers={"Authorization": "Bearer canary-guessed-token"}))
    assert [answer.status_code for answer in answers[-6:]] == [201, 409, 422, 500, 422, 401]


def send_in(office, client, text):
    """Let somebody send an SMS, with Twilio's signature and without."""
    address = "/webhooks/twilio/inbound"
    params = {"MessageSid": f"SM{'1' * 32}", "From": f"+86{MOBILES['DA']}", "Body": text, "To": "+8610000000000"}
    signature = RequestValidator(twilio.TOKEN).compute_signature(f"{office.public}{address}", params)
    statuses = [
        client.post(address, data=params, headers={"X-Twilio-Signature": s}).status_code for s in (signature, "x")
    ]
    assert statuses == [200, 403]


def test_no_secret_and_no_resident_shows_where_nobody_should_find_one(office):
    answers = []
    office.wait("the console", lambda: is_listening(office.public))
    office.alter("ALTER TABLE petitions ADD CONSTRAINT trap CHECK (id <> 'TRAP')")
    secret = open_doors(office)
    with httpx2.Client(base_url=office.public, timeout=30, headers={"Connection": "close"}) as client:
        session = use_console(client, answers)
        client.cookies.clear()
        use_api(client, secret, answers)
        send_in(office, client, NOTE)
        office.wait("an SMS", lambda: entries(office.folder / "sms.jsonl", "message"))
        office.wait("a letter", lambda: entries(office.folder / "mail.jsonl", "mail"))
        office.wait("all to be settled", lambda: office.states() & {"due", "sending"} == set())
        watched = [client.get(path) for path in ("/healthz", "/readyz", "/metrics", "/nowhere", "/api/v1/nowhere")]

    hidden = [*RESIDENTS, *MOBILES.values(), MAILBOX, *office.secrets.values(), DATABASE_PASSWORD, PASSWORD, GUESSED]
    hidden += [mail.PASSWORD, "fake%3Ap%40ss%2Fword", secret, session, "canary-guessed-token"]
    said = {
        "logs": office.log.read_text("utf-8"),
        "process lists": of_processes(office, "cmdline"),
        "environments": of_processes(office, "environ"),
        "Redis, now": kept_in_redis(office.valkey),
        "Redis, ever": "".join(f.read_text("utf-8", "replace") for f in office.valkey.folder.rglob("*.aof")),
        "answers": "".join(f"{answer.headers}{answer.text}" for answer in watched),
    }
    for where, text in said.items():
        assert text, where
        assert not [word for word in hidden if word in text], where
    assert "Traceback" in said["logs"]  # the trap has sprung, and what it caught is not shown
    assert "petitions" in said["logs"]
    shown = "".join(answer.text for answer in answers)
    assert not [word for word in (*RESIDENTS, *office.secrets.values(), GUESSED, session) if word in shown]
    assert not [word for word in RESIDENTS if word in told(office)]


def is_listening(public):
    try:
        return httpx2.get(f"{public}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def kept_in_redis(valkey):
    """Return all keys with their values."""
    with redis.Redis.from_url(valkey.url) as client:
        return "\n".join(f"{key!r} {client.dump(key)!r}" for key in client.scan_iter()) or "empty"


def told(office):
    """Return all that went out by SMS and e-mail: subjects, words, files."""
    sent = entries(office.folder / "sms.jsonl") + mail.mails(office.folder / "mail.jsonl")
    return json.dumps(sent, ensure_ascii=False)
