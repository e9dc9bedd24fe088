"""What if a request is not what a browser or a program sends? It is refused, and nothing fails inside.

The same on SQLite and PostgreSQL, which cannot be asked for what SQLite can.
"""

from base64 import urlsafe_b64encode
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from store import accounts
from store.accounts import LONGEST_PASSWORD
from tests.actors.installations import Installation
from tests.web.browsers import BASE, NOW, Browser, csrf_in, small_record
from tests.web.test_api import VISIT, Program
from web.app import make_app

FORM = "application/x-www-form-urlencoded"
HALF = "\ud800"  #: half a character: no encoding holds it, JSON's escapes do
ADDRESSES = [
    *(f"/{kind}/{ident}" for kind in ("petitions", "duty", "projects", "matters") for ident in ("%00", "%ED%A0%80")),
    "/matters/petition:%00:assign:1",
    "/matters/visit:S1:2026-99",
    "/matters/inspection:J1:99999999999999999999",
    "/messages/99999999999999999999",
    "/report/%00",
    "/report/0000-00",
    "/report/9999-12",
    "/policy/tried/%00",
    "/register/%00",
    "/register/reception?deputy=%00",
    "/petitions?q=%00&deputy=%00",
    "/petitions?page=99999999999999999999",
    "/audit?actor=%00&subject=%ED%A0%80",
    "/messages?person=%00&matter=%00&day=99999-01-01",
    "/sandbox?person=%00&letter=99999999999",
    "/findings?kind=%00",
    "/first?token=%00",
    "/static/x/%00",
]
#: what the form of each page needs to get as far as it can
FORMS = {
    "/register/opinion": {
        "ticket": "c" * 24,
        "number": "N1",
        "town": "T1",
        "level": "town",
        "title": "x",
        "deputy": "",
        "found_on": "",
    },
    "/register/reception": {"ticket": "a" * 24, "deputy": "DA", "date": "2026-03-02", "place": "V1", "voters": "1"},
    "/register/leave": {"ticket": "b" * 24, "deputy": "DA", "from": "2026-03-02", "to": "2026-03-03", "reason": ""},
    "/petitions/P1/events": {"event": "assigned", "office": "DT", "until": "", "note": "", "at": ""},
    "/petitions/%00/resident": {"x": ""},
    "/projects/J1/events": {"event": "done", "seq": "1", "date": "", "reason": ""},
    "/matters/%00/acknowledge": {"office": "MUN"},
    "/messages/99999999999999/retry": {"x": ""},
    "/policy/try": {"first": "", "last": ""},
    "/policy/adopt": {"key": "", "begins": "", "reason": ""},
    "/sign-in": {"account": "", "password": "", "next": ""},
    "/first": {"token": "", "account": "", "name": ""},
    "/password": {"present": "", "password": "", "again": ""},
    "/text-size": {"next": ""},
}
WORDS = ["\x00", HALF, "x" * 50_000, "9" * 5000, "0001-01-01T00:00"]
BODIES = [
    b"[" * 200_000,
    b'{"a":' * 40_000,
    b"\xff\xfe",
    b"null",
    b"[]",
    b"",
    b'{"voters": NaN, "date": 1e400}',
    b'{"voters": ' + b"9" * 5000 + b"}",
    b'{"deputy": "\\ud800"}',
    b'{"deputy":"DA","date":"2026-03-02","kind":"grid","place":"G1","note":"\\ud800"}',
    b'{"deputy":"DA","date":"2026-03-02","kind":"grid","place":"\\udc00"}',
    b'{"id":"\\u0000","deputy":"DA","date":"2026-03-02","kind":"grid","place":"G1"}',
    b'{"id":"v","deputy":"DA","date":"0001-01-01","kind":"grid","place":"G1"}',
    b'{"id":"v","deputy":"DA","date":1e300,"kind":"grid","place":"G1"}',
]
CURSORS = [b"[" * 290, b'["2026-01-01","\\ud800"]', b"[1e999]", b"[true]", b"[-1]", b'["x","y"]', b"\xff"]
FLASHES = [b"[" * 12_000, b'[["done","\\ud800"]]', b'{"a":1}', b"1", b"\xff"]


@pytest.fixture
def house(engine):
    made = Installation(engine, start=NOW.date())
    made.keep(small_record())
    made.run("03-02 09:59", sends=False)
    return made


def encoded(words):
    return urlencode({name: word.encode("utf-8", "surrogatepass") for name, word in words.items()})


def test_no_odd_request_fails_inside(house, app):
    """Starlette's test client raises what would have been a 500."""
    operator, program = Browser(house, app, "operator", account="chen"), Program(house, app)
    for address in ADDRESSES:
        assert operator.get(address).status_code in (200, 303, 404), address
    for path, fields in FORMS.items():
        send_odd_forms(operator, path, fields)
    for path in ("/visits", "/petitions", "/petition_events", "/project_events", "/acknowledgements", "/nothing"):
        send_odd_bodies(program, path)
    for cursor in CURSORS:
        for path in ("/matters", "/notices"):
            assert program.get(path, cursor=urlsafe_b64encode(cursor).decode()).status_code == 404, cursor
    for flash in FLASHES:
        cookie = {"Cookie": f"duban_flash={urlsafe_b64encode(flash).decode()}"}
        assert TestClient(app, base_url=BASE).get("/sign-in", headers=cookie).status_code == 200, flash[:20]
    assert [row for row in house.dump()["visits"] if row[0] == "v"] == []
    # Else the odd ones might have been refused for another reason.
    assert program.post("/visits", VISIT | {"id": "v"}).status_code == 201


def send_odd_forms(operator, path, fields):
    for field in fields:
        for word in WORDS:
            body = encoded({"csrf": operator.csrf} | fields | {field: word})
            answer = operator.client.post(path, content=body, headers={"Content-Type": FORM})
            assert answer.status_code in (303, 401, 404, 409, 422, 429), (path, field, word[:20])


def send_odd_bodies(program, path):
    for body in BODIES:
        for kind in ("application/json", "text/plain"):
            answer = program.client.post(path, content=body, headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500, (path, body[:40], kind)
            assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_in_another_dress_changes_nothing(small, operator):
    before = small.dump()
    for kind in ("multipart/form-data", "text/plain", "application/json", "", f"{FORM}; charset=utf-16"):
        answer = operator.client.post("/sign-out", content=b'csrf=1&x={"csrf":"1"}', headers={"Content-Type": kind})
        assert answer.status_code in (400, 403), kind
    assert small.dump() == before


PARTS = "multipart/form-data; boundary=x"
#: charsets that a sender may name for a part: slow, unknown, or giving half characters
CHARSETS = ("punycode", "undefined", "idna", "unicode_escape", "utf-7", "nothing")


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/webhooks/twilio/status", "/webhooks/twilio/inbound"])
@pytest.mark.parametrize("charset", CHARSETS)
def test_a_form_in_parts_is_not_even_read(small, operator, monkeypatch, path, charset):
    monkeypatch.setattr("starlette.requests.MultiPartParser", None)
    part = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{operator.csrf}\\ud800\r\n--x--\r\n'
    kind = f"{PARTS}; charset={charset}"
    assert operator.client.post(path, content=part, headers={"Content-Type": kind}).status_code == 403


@pytest.mark.parametrize("path", ["/sign-out", "/webhooks/twilio/status"])
def test_a_form_of_very_many_fields_is_refused(operator, path):
    body = "&".join(f"a{n}=1" for n in range(2000))
    assert operator.client.post(path, content=body, headers={"Content-Type": FORM}).status_code == 400


@pytest.fixture
def small(sqlite_engine):
    return Installation(sqlite_engine, start=NOW.date())


@pytest.fixture
def operator(small):
    return Browser(small, make_app(small.services, small.desks), "operator", account="chen")


def test_a_password_beyond_the_longest_costs_no_hash(operator, monkeypatch):
    """A hash takes 64 MiB and a core: a stranger buys none with a password that nobody can have."""
    hashed = []
    monkeypatch.setattr(accounts, "_hasher", Counting(hashed))
    client = TestClient(operator.client.app, base_url=BASE, follow_redirects=False)
    for length in (LONGEST_PASSWORD, LONGEST_PASSWORD + 1, 100_000):
        page = client.get("/sign-in").text
        data = {"csrf": csrf_in(page), "account": "chen", "password": "x" * length}
        assert client.post("/sign-in", data=data).status_code == 401
    assert [len(password) for password in hashed] == [LONGEST_PASSWORD]
    new = {"present": "x" * 1000, "password": "y" * 1000, "again": "y" * 1000}
    assert operator.post("/password", new).status_code == 422
    assert len(hashed) == 1


class Counting:
    """A hasher that notes what it is given, and finds nothing right."""

    def __init__(self, hashed):
        self.hashed = hashed

    def verify(self, _known, password):
        self.hashed.append(password)
        return False
