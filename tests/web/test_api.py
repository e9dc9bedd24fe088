"""What may a program read and write, and what is it told when it may not?"""

import json
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from store import audit, facts, tokens
from store.tokens import Token
from tests.web.browsers import BASE, RESIDENT, RESIDENT_MOBILE

API = f"{BASE}/api/v1"


class Program:
    """A program with a token."""

    def __init__(self, house, app, scope="write", town=None, name=None):
        self.house = house
        self.name = name or f"{scope}-{town or 'all'}"
        with house.engine.begin() as connection:
            made = Token(id=self.name, scope=scope, town=town, created_at=house.clock.now())
            self.secret = tokens.add(connection, made, actor="test")
        self.client = TestClient(
            app, base_url=API, headers={"Authorization": f"Bearer {self.secret}"}, follow_redirects=False
        )

    def get(self, path, **query):
        return self.client.get(path, params=query)

    def post(self, path, sent, key=None, **headers):
        given = headers | ({"Idempotency-Key": key} if key else {})
        return self.client.post(path, json=sent, headers=given)


@pytest.fixture
def program(house, app):
    return lambda scope="write", **given: Program(house, app, scope, **given)


@pytest.fixture
def writer(program):
    return program()


VISIT = {"deputy": "DA", "date": "2026-03-02", "kind": "grid", "place": "G1", "voters": 12}
PETITION = {"id": "P9", "town": "T1", "deputy": "DA", "level": "town", "title": "井盖缺失"}
EVENT = {"petition": "P1", "event": "assigned", "office": "DT"}
PROGRESS = {"project": "J1", "event": "done", "seq": 1, "date": "2026-03-02"}
WRITES = {"/visits": VISIT, "/petitions": PETITION, "/petition_events": EVENT, "/project_events": PROGRESS}


def rows(house, table):
    with house.engine.begin() as connection:
        return list(facts.load(connection, table))


@pytest.mark.parametrize("wrong", [0, 86400, "0", "0.0", "20260302", "2026-03-02T00:00:00", "2026-3-2", True])
def test_a_day_that_is_not_written_as_one_is_refused_and_nothing_is_recorded(writer, house, wrong):
    before = rows(house, "visits")
    answer = writer.post("/visits", VISIT | {"date": wrong})
    assert answer.status_code == 422
    assert "want a day such as 2026-03-31" in answer.text
    assert rows(house, "visits") == before
    assert writer.get("/matters", due_to=wrong).status_code == 422


def test_a_filter_that_is_given_twice_is_refused(writer):
    answer = writer.client.get("/matters?town=T1&town=T2")
    assert (answer.status_code, answer.json()["detail"]) == (422, "given more than once: town")


# Writing -----------------------------------------------------------------------------------


def test_a_visit_is_recorded_at_the_servers_own_time(writer, house):
    answer = writer.post("/visits", VISIT)
    assert answer.status_code == 201, answer.text
    made = next(visit for visit in rows(house, "visits") if visit.id == answer.json()["id"])
    assert (made.place, made.voters, made.recorded_at) == ("G1", 12, house.clock.now())


def test_an_opinion_goes_from_registration_to_a_department(writer, house):
    assert writer.post("/petitions", PETITION).status_code == 201
    assert writer.post("/petition_events", EVENT | {"petition": "P9"}).status_code == 201
    house.run("03-02 10:05", sends=False)
    stages = [m["stage"] for m in writer.get("/matters", subject="P9").json()["matters"]]
    assert sorted(stages) == ["accept", "assign"]


def test_the_progress_of_a_project_is_reported(writer, house):
    assert writer.post("/project_events", PROGRESS).status_code == 201
    assert [event.seq for event in rows(house, "project_events")] == [1]


def test_an_overdue_matter_is_acknowledged_and_its_climb_held(writer, house):
    house.run("03-10 10:00", sends=False)
    answer = writer.post("/acknowledgements", {"matter": "petition:P1:assign:1", "office": "MUN"})
    assert answer.status_code == 201, answer.text
    house.run("03-10 10:05", sends=False)
    told = writer.get("/matters/petition:P1:assign:1").json()
    assert [hold["office"] for hold in told["holds"]] == ["MUN"]


@pytest.mark.parametrize(
    ("path", "sent", "column"),
    [
        ("/petition_events", {"petition": "P1", "event": "verified", "result": "ok"}, "event"),
        ("/petition_events", {"petition": "P1", "event": "assigned"}, "office"),
        ("/visits", VISIT | {"place": "G-1"}, "place"),
        ("/visits", VISIT | {"date": "2026-03-03"}, "recorded_at"),
        ("/visits", VISIT | {"id": "DA-03-02-V1"}, "id"),
        ("/petitions", PETITION | {"id": "P1"}, "id"),
        ("/petitions", PETITION | {"petitioner_mobile": "12345"}, "petitioner_mobile"),
        ("/acknowledgements", {"matter": "petition:P1:assign:1", "office": "MUN"}, ""),
        ("/project_events", {"project": "J9", "event": "inspected"}, "project"),
    ],
)
def test_what_does_not_hold_is_refused_with_what_is_admitted_and_changes_nothing(writer, house, path, sent, column):
    before = house.dump()
    answer = writer.post(path, sent)
    assert answer.status_code == 409, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["faults"][0]["message"]
    assert not column or answer.json()["faults"][0]["column"] == column
    after = house.dump()
    assert after.pop("tokens") != before.pop("tokens")  # that it was used
    assert after == before


@pytest.mark.parametrize("field", ["deputi", "recorded_at"])
def test_a_field_that_there_is_not_is_refused(writer, field):
    answer = writer.post("/visits", VISIT | {field: "x"})
    assert (answer.status_code, answer.json()["faults"][0]["column"]) == (422, field)


def test_a_refusal_does_not_repeat_what_was_sent(writer):
    hostile = {"petitioner": RESIDENT, "petitioner_mobile": RESIDENT_MOBILE, "title": "某人住址", "level": "x"}
    for sent in (PETITION | hostile, PETITION | hostile | {"level": "town", "town": "T9"}):
        answer = writer.post("/petitions", sent)
        assert answer.status_code in (409, 422)
        assert not any(word in answer.text for word in (RESIDENT, RESIDENT_MOBILE, "某人住址"))


def test_every_write_is_in_the_audit_trail(writer, house):
    for path, sent in WRITES.items():
        assert writer.post(path, sent).status_code == 201
    with house.engine.begin() as connection:
        entries = audit.latest(connection, 4)
    assert {entry["actor"] for entry in entries} == {"token:write-all"}
    assert [entry["action"] for entry in reversed(entries)] == [
        "visit-recorded",
        "petition-registered",
        "petition-assigned",
        "project-done",
    ]


# Once --------------------------------------------------------------------------------------


def test_a_write_that_comes_again_with_its_key_gets_the_same_answer_and_is_done_once(writer, house):
    before = len(rows(house, "visits"))
    answers = [writer.post("/visits", VISIT, key="k1") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(rows(house, "visits")) == before + 1


def test_a_refusal_is_kept_under_its_key_too(writer, house):
    event = {"petition": "P1", "event": "accepted"}
    assert writer.post("/petition_events", event, key="k1").status_code == 409
    writer.post("/petition_events", EVENT)
    house.clock.instant += timedelta(minutes=1)
    assert writer.post("/petition_events", event, key="k1").status_code == 409
    assert writer.post("/petition_events", event, key="k2").status_code == 201


def test_a_key_stands_for_one_request(writer):
    assert writer.post("/visits", VISIT, key="k1").status_code == 201
    assert writer.post("/visits", VISIT | {"voters": 13}, key="k1").status_code == 409
    assert writer.post("/petitions", PETITION, key="k1").status_code == 409


def test_another_programs_key_is_another_key(program, house):
    before = len(rows(house, "visits"))
    for name in ("one", "other"):
        assert program(name=name).post("/visits", VISIT, key="k1").status_code == 201
    assert len(rows(house, "visits")) == before + 2


# Rights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer guessed"}, {"Authorization": "Basic eDp5"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_token_in_force_nothing_is_answered(app, given, method):
    answer = TestClient(app, base_url=API).request(method, "/matters", headers=given)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="duban"')


def test_a_signed_in_browser_is_no_token(browser):
    assert browser("operator").get("/api/v1/matters").status_code == 401


def test_a_revoked_token_is_out_at_once(writer, house):
    assert writer.get("/matters").status_code == 200
    with house.engine.begin() as connection:
        assert tokens.revoke(connection, writer.name, at=house.clock.now(), actor="test")
    assert writer.get("/matters").status_code == 401


@pytest.mark.parametrize("path", WRITES)
def test_a_token_to_read_writes_nothing(program, path):
    assert program("read").post(path, WRITES[path]).status_code == 403


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/visits", VISIT),
        ("/petitions", PETITION),
        ("/petitions", PETITION | {"town": "T2"}),  # a deputy of T1
        ("/petition_events", EVENT),
        ("/petition_events", EVENT | {"petition": "P-none"}),
        ("/project_events", PROGRESS),
        ("/acknowledgements", {"matter": "petition:P1:assign:1", "office": "T2"}),
        ("/acknowledgements", {"matter": "petition:P2:assign:1", "office": "MUN"}),
    ],
)
def test_a_token_of_one_town_changes_nothing_beyond_it(program, house, path, sent):
    before = house.dump()["audit"]
    other = program(town="T2")
    assert other.post(path, sent).status_code == 403
    assert len(house.dump()["audit"]) == len(before) + 1  # the token itself


def test_a_token_of_one_town_writes_in_it(program):
    mine = program(town="T1")
    for path, sent in WRITES.items():
        assert mine.post(path, sent).status_code == 201


def test_a_token_of_one_town_reads_that_town(program):
    reader = program("read", town="T2")
    assert {one["town"] for one in reader.get("/matters").json()["matters"]} == {"T2"}
    assert {one["matter"] for one in reader.get("/notices").json()["notices"]} == {"petition:P2:assign:1"}
    assert reader.get("/matters/petition:P1:assign:1").status_code == 404


def test_a_confidential_opinion_that_was_raised_is_no_more_its_towns_own(program, house, writer):
    """R5.10: what is said of the town may have gone up past it."""
    raised = {"petition": "P3", "event": "raised", "level": "municipal"}
    mine = program(town="T1")
    house.run("03-12 10:00", sends=False)
    assert reads(mine) == reads(writer) != (set(), set(), {404})
    assert mine.post("/petition_events", raised).status_code == 201
    house.run("03-19 10:00", sends=False)
    assert reads(mine) == (set(), set(), {404})
    assert mine.post("/petition_events", {"petition": "P3", "event": "withdrawn"}).status_code == 403
    matters, notices, statuses = reads(writer)
    assert (len(matters), len(notices) > 0, statuses) == (2, True, {200})


def test_at_level_municipal_a_town_reports_what_its_people_do_and_decides_no_more(program, writer):
    mine = program(town="T1")

    def report(by, event, **cells):
        return by.post("/petition_events", {"petition": "P1", "event": event, **cells}).status_code

    assert report(mine, "raised", level="municipal") == 201
    assert [report(mine, "assigned", office="DT"), report(mine, "withdrawn")] == [403, 403]
    assert report(mine, "handled") == 409, "what the stage does not admit is refused with the stage"
    assert report(writer, "assigned", office="DT") == 201
    assert [report(mine, "withdrawn"), report(mine, "accepted")] == [403, 201]
    assert report(mine, "extended", until="2026-12-01", note="等料") == 403
    assert report(mine, "handled") == 201


def reads(program):
    """What a program reads of P3: the matters and notices listed, and the answers to single ones."""
    matters = {one["matter"] for one in program.get("/matters", subject="P3").json()["matters"]}
    singly = ["petition:P3:assign:1", *matters]
    notices = [program.get("/notices", matter=matter).json()["notices"] for matter in singly]
    answers = {program.get(f"/matters/{matter}").status_code for matter in singly}
    return matters, {one["id"] for some in notices for one in some}, answers


# Reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"kind": "petition", "town": "T2"}, ["petition:P2:assign:1"]),
        ({"subject": "J1"}, ["milestone:J1:1", "milestone:J1:2"]),
        ({"responsible": "office:T2"}, ["petition:P2:assign:1"]),
        ({"status": "overdue"}, []),
        ({"due_from": "2026-06-01", "due_to": "2026-06-30"}, ["milestone:J1:2"]),
    ],
)
def test_matters_are_found_by_what_is_asked(program, query, ids):
    answer = program("read").get("/matters", **query)
    assert [one["matter"] for one in answer.json()["matters"]] == ids


@pytest.mark.parametrize("list_name", ["matters", "notices"])
def test_a_list_is_read_page_by_page_without_loss(program, house, list_name):
    house.run("03-12 10:00", sends=False)
    reader = program("read")
    whole = reader.get(f"/{list_name}").json()[list_name]
    assert len(whole) > 4
    read, cursor = [], None
    while True:
        page = reader.get(f"/{list_name}", limit=2, **({"cursor": cursor} if cursor else {})).json()
        read += page[list_name]
        cursor = page["next"]
        if cursor is None:
            break
    assert read == whole


@pytest.mark.parametrize("cursor", ["x", "W10=", "WyJ4IiwgInkiXQ==", "WzFd" * 100])
def test_a_made_up_cursor_is_refused(program, cursor):
    assert program("read").get("/matters", cursor=cursor).status_code == 404


def test_a_matter_is_explained_day_by_day(program):
    told = program("read").get("/matters/petition:P1:assign:1").json()
    assert (told["due"], told["status"], told["chain"]) == ("2026-03-05", "open", ["MUN", "DIR"])
    assert told["why"]
    assert [rung["rung"] for rung in told["rungs"]] == ["remind-2", "overdue", "climb-1", "climb-2", "event-assign"]


def test_nothing_that_is_read_holds_a_resident_or_an_opinions_words(program, house):
    house.run("03-12 10:00", sends=False)
    reader = program("read")
    said = reader.get("/matters", limit=200).text + reader.get("/notices", limit=200).text
    said += reader.get("/matters/petition:P3:assign:1").text
    assert not any(word in said for word in (RESIDENT, RESIDENT_MOBILE, "路灯", "举报", "噪音"))


# Form --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_json_is_refused(writer, content_type):
    answer = writer.client.post("/visits", content=json.dumps(VISIT), headers={"Content-Type": content_type})
    assert answer.status_code in (415, 422)


def test_a_body_that_is_too_large_is_refused(writer):
    answer = writer.post("/visits", VISIT | {"note": "字" * 300_000})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/visits", 405)])
def test_other_addresses_and_methods_are_refused_in_the_same_shape(writer, method, path, status):
    answer = writer.client.request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_document_is_open_to_all_and_names_every_operation(client):
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {*WRITES, "/acknowledgements", "/matters", "/matters/{matter}", "/notices"}
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"401", "422"} <= set(operation["responses"])
            assert operation["security"] == [{"HTTPBearer": []}]
