"""Is there a page or an API address that was forgotten? Every route of the application is walked, as everybody.

A new route with a new sort of id fails here until this walk knows how to ask for it.
"""

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rules.facts import Channel, Record
from store import facts, findings
from store.engine import make_engine
from store.schema import FACTS
from tests.actors.installations import Installation
from tests.rules import builders
from tests.rules.builders import at, day
from tests.web.browsers import BASE, Browser
from tests.web.test_api import Program
from web.app import make_app

#: stands in every word of the town that the lookers do not belong to
THEIRS = "XA-"
#: in the words of the opinion of their own town that was raised, and is confidential
SECRET = "XC-"
#: the resident, wherever he is named, and the digits of his number
RESIDENT, RESIDENT_MOBILE = "XR-", "13712345678"
#: in their project, which the municipality sees, and in their people, who are told of it
PUBLIC_WORK, PEOPLE = "XA-W", "XA-N"
MUTATING = ("POST", "PUT", "PATCH", "DELETE")


def of_their_town(record: Record) -> Record:
    """Return the record with every word about T1's deputy, opinion and project marked."""
    known = {"petitioner": f"{RESIDENT}名", "petitioner_mobile": RESIDENT_MOBILE}
    theirs = builders.petition("XA-P1", recorded="03-02 09:30", who="XA-DA")
    ours = replace(theirs, id="P2", town="T2", deputy="DB", title="噪音扰民", **known)
    raised = replace(ours, id="P3", title=f"{SECRET}举报", petitioner=f"{RESIDENT}{SECRET}", confidential=True)
    seat = builders.seat(id="XA-S1", deputy="XA-DA")
    project = replace(builders.project("XA-J1", recorded="03-02 09:00", deputy="XA-DA"), name=f"{PUBLIC_WORK}项目")
    leave = replace(builders.leave("03-03", "03-04", who="XA-DA"), id="XA-L", reason="XA-病", approver="XA-准")
    return replace(
        record,
        contacts=[replace(c, name=f"{PEOPLE}{c.id}") if c.office in ("T1", "DT") else c for c in builders.CONTACTS],
        deputies=(replace(builders.deputy("XA-DA"), name=f"{PEOPLE}代表"), builders.deputy("DB")),
        seats=(seat, builders.seat(id="S2", deputy="DB", town="T2", station="V3", grid="G3")),
        leaves=(leave,),
        visits=(
            replace(builders.visit("03-02", who="XA-DA"), id="XA-V1", note="XA-走访"),
            builders.visit("03-02", "V3", who="DB"),
        ),
        petitions=(replace(theirs, title="XA-路灯", **known), ours, raised),
        petition_events=(
            builders.event("03-02 09:40", "assigned", "XA-P1", office="DT", note="XA-交办"),
            builders.event("03-02 09:50", "raised", "P3", level="municipal", note=f"{SECRET}提级"),
            builders.event("03-02 09:55", "assigned", "P3", office="DM", note=f"{SECRET}交办"),
        ),
        projects=(project,),
        milestones=(
            replace(builders.milestone(1, "groundbreaking", "03-03", "XA-J1"), name=f"{PUBLIC_WORK}开工"),
            replace(builders.milestone(2, "acceptance", "06-30", "XA-J1"), name=f"{PUBLIC_WORK}验收"),
        ),
    )


@pytest.fixture(scope="module")
def walked_file(sqlite_with_schema, tmp_path_factory) -> Path:
    """A database in which reminders have gone out, and nothing has climbed yet."""
    file: Path = tmp_path_factory.mktemp("walked") / "duban.sqlite"
    shutil.copy(sqlite_with_schema, file)
    house = Installation(make_engine(f"sqlite:///{file}"), start=day("03-02"))
    house.keep(of_their_town(builders.record()))
    house.run("03-06 10:00")
    with house.engine.begin() as connection:
        findings.note(connection, "test", f"{THEIRS}1", f"{THEIRS}x", house.clock.now())
    house.engine.dispose()
    return file


@pytest.fixture
def house(walked_file, tmp_path) -> Iterator[Installation]:
    file = tmp_path / "house.sqlite"
    shutil.copy(walked_file, file)
    made = Installation(make_engine(f"sqlite:///{file}"), start=day("03-02"))
    made.clock.instant = at("03-06 10:00")
    yield made
    made.engine.dispose()


@pytest.fixture
def app(house):
    return make_app(house.services, house.desks)


def walked(routes, prefix=""):
    """Yield every path of the application with the methods that it takes."""
    for route in routes:
        path = prefix + (getattr(route, "path", None) or "")
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from walked(inner, path)
        else:
            yield path, set(route.methods)


def test_the_walk_comes_to_pages_and_programs_alike(app):
    """An application within the application, or a new way to mount one, must not drop out of it."""
    paths = [path for path, _ in walked(app.routes)]
    told = TestClient(app, base_url=BASE).get("/api/v1/openapi.json").json()["paths"]
    assert {path.replace(":path", "") for path in paths if path.startswith("/api/")} >= {f"/api/v1{p}" for p in told}
    assert {"/", "/petitions/{petition:path}/events", "/webhooks/twilio/inbound", "/metrics"} <= set(paths)
    assert len(paths) > 50


def filled(path, ids):
    """Yield a path with each of the ids that may stand in it; a sort of id that is not known is an error."""
    names = re.findall(r"{(\w+)(?::\w+)?}", path)
    for words in product(*(ids[name] for name in names)):
        given = path
        for word in words:
            given = re.sub(r"{\w+(?::\w+)?}", word, given, count=1)
        yield given


def ids_of(house, mark):
    """Return the ids that stand in addresses: those of one town, by the mark in them, or all."""
    with house.engine.begin() as connection:
        matters = [row[0] for row in connection.exec_driver_sql("SELECT id FROM matters ORDER BY id")]
        carrying = "SELECT DISTINCT message FROM notices WHERE message IS NOT NULL AND matter LIKE ?"
        messages = [str(row[0]) for row in connection.exec_driver_sql(carrying, (f"%{mark}%",))]
    return {
        "matter": [matter for matter in matters if mark in matter],
        "petition": [f"{mark}P1"],
        "project": [f"{mark}J1"],
        "seat": [f"{mark}S1"],
        "message": messages,
        "finding": ["1"],
        "letter": ["1", "2"],
        "sort": ["reception", "log", "leave"],
        "period": ["2026-03", "2026"],
        "key": ["0" * 16],
        "digest": ["x"],
        "name": ["console.css"],
    }


def words_of(answer):
    """Return all that an answer says: a workbook is a ZIP of texts."""
    if answer.content[:2] != b"PK":
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        return "".join(book.read(name).decode() for name in book.namelist())


# Changing something ------------------------------------------------------------------------


def test_no_route_takes_a_change_from_a_page_that_is_not_ours(house, app):
    """A new route cannot be forgotten: whatever it is, a cookie alone moves nothing (CSRF)."""
    victim, other = (Browser(house, app, "operator", account=name) for name in ("victim", "other"))
    before = house.dump()
    ids = ids_of(house, THEIRS)
    forged = [
        {"data": {}},
        {"data": {"csrf": "猜"}},
        {"data": {"csrf": other.csrf}},
        {"data": {}, "headers": {"X-CSRF-Token": other.csrf}},
        {"params": {"csrf": victim.csrf}},
        {"json": {"csrf": victim.csrf}},
        {"data": {}, "headers": {"Cookie": f"duban_session={victim.secret}; duban_csrf=planted; csrf=planted"}},
    ]
    tried = 0
    for path, methods in walked(app.routes):
        address = next(filled(path, ids))
        for method in MUTATING:
            for how in forged if method in methods else forged[:1]:
                status = victim.client.request(method, address, **how).status_code
                assert status in refusals(path, method, methods), (method, address, how, status)
                tried += method in methods
    assert tried > 100
    after = house.dump()
    assert {table for table in after if after[table] != before[table]} == set()


def refusals(path, method, methods):
    """Return how a forged request may be refused."""
    if path.endswith("/openapi.json"):
        return (405,)
    if path.startswith("/api/"):
        return (401,)  # cookies count for nothing there
    if path.startswith(("/static/", "/healthz", "/readyz", "/metrics")):
        return (405,)
    if path.startswith("/webhooks/") and method not in methods:
        return (405,)
    return (403,)


# Looking at what is another's ---------------------------------------------------------------

LISTS = (
    "",
    "?format=csv",
    "?format=xlsx",
    "?q=XA",
    "?town=T1",
    "?deputy=XA-DA",
    "?person=deputy:XA-DA",
    "?status=overdue",
)
#: of another town, and of the municipality
STRANGERS = {
    "town": ({"office": "T2"}, (THEIRS,), ()),
    "station": ({"office": "V3"}, (THEIRS, SECRET), ()),
    "deputy": ({"deputy": "DB"}, (THEIRS,), ()),
    # It sees every project, and whom it was told to; and the trail names what was changed.
    "municipal": ({}, (THEIRS,), (PUBLIC_WORK, PEOPLE, "XA-J1", "XA-1")),
}


def looks(house, app):
    """Yield every address that can be looked at, with the ids of the other town in it."""
    ids = ids_of(house, THEIRS)
    assert ids["matter"]
    assert ids["message"]
    for path, methods in walked(app.routes):
        if "GET" in methods and not path.startswith(("/api/", "/static/")):
            yield from ((address, "{" in path) for address in filled(path, ids))


@pytest.mark.parametrize("role", STRANGERS)
def test_nobody_finds_what_is_another_towns(house, app, role):
    of, hidden, open_ = STRANGERS[role]
    stranger = Browser(house, app, role, account="stranger", **of)
    seen = 0
    for address, has_id in looks(house, app):
        for query in ("",) if has_id else LISTS:
            answer = stranger.get(address + query)
            assert answer.status_code in (200, 303, 403, 404), (address, query)
            said = words_of(answer)
            for word in (*open_, query.rpartition("=")[2], "deputy:XA-DA", "deputy%3AXA-DA"):
                said = said.replace(word, "") if word else said
            if answer.status_code == 200:
                assert not [word for word in hidden if word in said], (address, query)
                seen += 1
    assert seen > 20


def test_every_role_has_its_own_where_a_stranger_has_nothing(house, app):
    """The control: the walk would find the words if they were shown."""
    owners = [("town", {"office": "T1"}), ("station", {"office": "V1"}), ("deputy", {"deputy": "XA-DA"})]
    for role, of in owners:
        owner = Browser(house, app, role, account=f"own-{role}", **of)
        for address in ("/petitions/XA-P1", "/duty/XA-S1", "/projects/XA-J1", "/petitions", "/petitions?format=xlsx"):
            assert THEIRS in words_of(owner.get(address)), (role, address)


@pytest.mark.parametrize(("role", "of"), [("operator", {}), ("town", {"office": "T2"}), ("station", {"office": "V3"})])
def test_a_confidential_opinion_shows_by_its_number_alone(house, app, role, of):
    """R5.10: to whoever is not in its chain; the town is not once it has been raised, an operator never is."""
    looker = Browser(house, app, role, account="looker", **of)
    assert "P3" in looker.get("/petitions").text
    ids = ids_of(house, "P3") | {"petition": ["P3"]}
    for path, methods in walked(app.routes):
        if "GET" in methods and not path.startswith(("/api/", "/static/")):
            for address in filled(path, ids):
                assert SECRET not in words_of(looker.get(address)), address
    for path in ("/petitions/P3/resident", "/petitions/P3/events"):
        assert looker.post(path, {"event": "withdrawn"}).status_code == 404
    assert SECRET in Browser(house, app, "deputy", deputy="DB", account="its-deputy").get("/petitions/P3").text


@pytest.mark.parametrize(
    ("role", "of", "reads"),
    [("operator", {}, False), ("town", {"office": "T2"}, False), ("municipal", {}, True)],
)
def test_what_a_message_says_of_a_confidential_opinion_is_left_out(house, app, role, of, reads):
    """R5.10: to whom it went and what became of it is for whoever must bring what failed; its words are not."""
    house.run("03-10 10:00")
    looker = Browser(house, app, role, account="looker", **of)
    rows = {row["编号"]: row for row in csv.DictReader(io.StringIO(looker.get("/messages?format=csv").text[1:]))}
    carrying = set(ids_of(house, "petition:P3:")["message"]) & set(rows)
    assert carrying
    assert all(row["收件人"] and row["渠道"] and row["状态"] for row in rows.values())
    assert {kind for row in rows.values() if "P3" in row["主题"] + row["正文"] for kind in [row["种类"]]} == (
        {"督办提醒", "督办简报"} if reads else set()
    )
    # As a word: the secret of a form may hold any two letters.
    assert bool(re.search(r"\bP3\b", looker.get("/messages").text, re.ASCII)) is reads
    for ident in carrying:
        assert ("petition:P3:" in looker.get(f"/messages/{ident}").text) is reads
    asked = looker.get("/messages?format=csv&matter=petition:P3:assign:2").text
    assert (asked.count("\n") > 1) is reads, "what is not shown cannot be asked for either"


@pytest.mark.parametrize(("role", "of"), [("operator", {}), ("municipal", {}), ("town", {"office": "T2"})])
def test_no_look_shows_the_resident_who_has_not_been_asked_for(house, app, role, of):
    looker = Browser(house, app, role, account="looker", **of)
    ids = ids_of(house, "") | {"petition": ["XA-P1", "P2", "P3"], "project": ["XA-J1"], "seat": ["XA-S1", "S2"]}
    for path, methods in walked(app.routes):
        if "GET" in methods and not path.startswith(("/api/", "/static/")):
            for address in filled(path, ids):
                said = words_of(looker.get(address))
                assert RESIDENT not in said, address
                assert RESIDENT_MOBILE not in said, address


# Changing what is another's -----------------------------------------------------------------

#: what each form needs to get as far as it can; a new one is sent empty
FORMS = {
    "/register/opinion": {
        "ticket": "a" * 24, "number": "N1", "town": "T1", "level": "town", "title": "x", "deputy": "XA-DA",
    },
    "/register/{sort:str}": {
        "ticket": "a" * 24, "deputy": "XA-DA", "date": "2026-03-05", "place": "V1", "from": "2026-03-05",
        "to": "2026-03-05",
    },
    "/petitions/{petition:path}/events": {"event": "accepted"},
    "/projects/{project:path}/events": {"event": "done", "seq": "1", "date": "2026-03-05"},
    "/matters/{matter:path}/acknowledge": {"office": "T2"},
    "/sending": {"held": "yes"},
}  # fmt: skip
#: these concern nobody but whoever sends them
ONES_OWN = ("/sign-in", "/sign-out", "/first", "/password", "/text-size")
KEPT = (*FACTS, "messages", "findings", "installation", "adoptions")


@pytest.mark.parametrize("role", ["town", "station", "deputy"])
def test_nobody_changes_what_is_another_towns(house, app, role):
    stranger = Browser(house, app, role, account="stranger", **STRANGERS[role][0])
    is_own = ("/register/opinion",) if role == "deputy" else ()
    before, ids = house.dump(), ids_of(house, THEIRS)
    for path, methods in walked(app.routes):
        if "POST" in methods and not path.startswith(("/api/", "/webhooks/", *ONES_OWN, *is_own)):
            for address in filled(path, ids):
                answer = stranger.post(address, FORMS.get(path, {}))
                assert answer.status_code in (403, 404, 422), (address, answer.status_code)
    after = house.dump()
    assert {table for table in KEPT if after.get(table) != before.get(table)} == set()


def test_a_deputys_opinion_is_his_own_and_in_his_town_whatever_his_form_says(house, app):
    deputy = Browser(house, app, "deputy", account="stranger", deputy="DB")
    assert deputy.post("/register/opinion", FORMS["/register/opinion"]).status_code == 303
    with house.engine.begin() as connection:
        made = next(petition for petition in facts.load(connection, "petitions") if petition.id == "N1")
    assert (made.town, made.deputy) == ("T2", "DB")


# Programs ----------------------------------------------------------------------------------

SENT = {
    "/visits": {"deputy": "XA-DA", "date": "2026-03-05", "kind": "station", "place": "V1"},
    "/petitions": {"id": "N1", "town": "T1", "level": "town", "title": "x"},
    "/petition_events": {"petition": "XA-P1", "event": "accepted"},
    "/project_events": {"project": "XA-J1", "event": "done", "seq": 1},
    "/acknowledgements": {"matter": "petition:XA-P1:accept:1", "office": "T2"},
}


def test_a_program_of_one_town_finds_and_changes_nothing_of_another(house, app):
    program = Program(house, app, town="T2")
    before, ids = house.dump(), ids_of(house, THEIRS)
    for path, methods in walked(app.routes):
        if not path.startswith("/api/v1/") or path.endswith("openapi.json"):
            continue
        asked = path.removeprefix("/api/v1")
        for address in filled(asked, ids):
            if "GET" in methods:
                answer = program.get(address)
                assert answer.status_code == (404 if "{" in asked else 200), address
                assert THEIRS not in answer.text
            for query in ({"town": "T1"}, {"subject": "XA-P1"}, {"responsible": "office:DT"}, {"to": "deputy:XA-DA"}):
                answer = program.get(address, **query)
                assert THEIRS not in answer.text.replace("deputy:XA-DA", ""), (address, query)
            if "POST" in methods:
                assert program.post(address, SENT[asked]).status_code == 403, address
    assert {table for table in KEPT if house.dump().get(table) != before.get(table)} == set()


def test_a_program_never_reads_the_words_of_an_opinion(house, app):
    """R5.10: matters and notices name opinions by their number, to a program with all rights as well."""
    program = Program(house, app)
    ids = ids_of(house, "")
    for path, methods in walked(app.routes):
        if path.startswith("/api/v1/") and "GET" in methods:
            for address in filled(path.removeprefix("/api/v1"), ids):
                said = program.get(address).text
                assert not [word for word in (SECRET, RESIDENT, RESIDENT_MOBILE, "XA-路灯", "噪音") if word in said]


def test_what_left_names_no_resident_and_no_title(house):
    for channel in Channel:
        assert house.sandbox(channel)
        for kept in house.sandbox(channel):
            said = f"{kept.subject}{kept.body}{kept.html}"
            assert not [word for word in (SECRET, RESIDENT, RESIDENT_MOBILE, "XA-路灯", "噪音") if word in said]
