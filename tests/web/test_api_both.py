"""Does the web process do the same on SQLite and PostgreSQL? One way through each of its parts."""

import threading

import pytest
from starlette.testclient import TestClient

from intake import commands
from intake.replies import take_reply
from store import accounts, audit, sessions
from tests.actors.installations import Installation
from tests.rules.builders import event
from tests.store.between import Other
from tests.web.browsers import BASE, NOW, PASSWORD, Browser, csrf_in, small_record
from tests.web.test_api import VISIT, Program
from tests.web.test_health import numbers
from tests.web.test_webhooks import DEPUTY, MUNICIPAL, Twilio, give_numbers, holds, visits_of
from web.app import make_app
from web.signing_in import TRIES_PER_ACCOUNT


@pytest.fixture
def house(engine):
    return house_on(engine)


def house_on(engine):
    made = Installation(engine, start=NOW.date())
    made.keep(small_record())
    made.run("03-02 09:59", sends=False)
    return made


def installed_for_replies(engine):
    made = house_on(engine)
    give_numbers(made)
    return made


def test_a_write_is_done_once_and_lists_are_read_to_their_end(house, app):
    program = Program(house, app)
    assert len({program.post("/visits", VISIT, key="k").text for _ in range(2)}) == 1
    house.run("03-12 10:00", sends=False)
    for name in ("matters", "notices"):
        whole = program.get(f"/{name}").json()[name]
        page = program.get(f"/{name}", limit=3).json()
        rest = program.get(f"/{name}", cursor=page["next"]).json()[name]
        assert [*page[name], *rest] == whole
    assert program.get("/matters/petition:P1:assign:1").json()["status"] == "overdue"
    assert program.post("/visits", VISIT | {"note": "a\x00b"}).status_code == 409


@pytest.mark.parametrize("query", ["level=municipal", "level=town", "status=open", "status=closed", "stage=closed"])
def test_opinions_are_found_by_how_they_stand(house, app, query):
    town = Browser(house, app, "town", account="town", office="T1")
    assert town.post("/petitions/P1/events", {"event": "raised", "level": "municipal"}).status_code == 303
    house.run("03-02 10:30", sends=False)
    is_found = "/petitions/P1" in town.get(f"/petitions?{query}").text
    assert is_found is (query in ("level=municipal", "status=open"))


def test_messages_are_listed_without_what_is_confidential(house, app):
    house.run("03-06 10:00")
    operator = Browser(house, app, "operator", account="operator")
    lists = [operator.get(f"/messages?format=csv{query}") for query in ("", "&matter=petition:P3:assign:1")]
    assert [answer.status_code for answer in lists] == [200, 200]
    assert "（保密）" in lists[0].text
    assert "P3" not in lists[0].text
    assert lists[1].text.count("\n") == 1
    pages = [operator.get(f"/messages/{message.id}") for message in house.messages()]
    assert {page.status_code for page in pages} == {200}
    assert not [page for page in pages if "P3" in page.text]


def test_people_come_in_and_tries_are_counted(house, app):
    operator = Browser(house, app, "operator", account="chen")
    assert operator.post("/sign-out").status_code == 303
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    statuses = []
    for password in [*["wrong wrong"] * TRIES_PER_ACCOUNT, PASSWORD]:
        data = {"csrf": csrf_in(client.get("/sign-in").text), "account": "chen\x00", "password": password}
        statuses.append(client.post("/sign-in", data=data).status_code)
    assert statuses == [*[401] * TRIES_PER_ACCOUNT, 429]


def test_a_reply_acknowledges_and_the_numbers_tell(house):
    give_numbers(house)
    twilio = Twilio(house)
    house.run("03-10 10:00")
    assert twilio.sends_in("到站").startswith("已登记")
    assert twilio.sends_in("1", sender=MUNICIPAL).startswith("已登记批示")
    assert [office for _, office in holds(house)] == ["MUN"] * 3
    client = TestClient(make_app(house.services, house.desks), base_url=BASE)
    assert numbers(client)["duban_replies", "acknowledge", "acknowledged"] == 1
    assert client.get("/readyz").json()["reasons"] == []


def reply(house, ident, text, sender=DEPUTY):
    """Return what takes a reply in a transaction."""
    desk = house.desks
    return lambda c: take_reply(c, desk.of(c), ident=ident, sender=sender, text=text, at=house.clock.now())


def test_a_reply_that_acknowledges_and_who_reports_of_one_of_the_matters_do_not_wait_for_each_other(postgres_engine):
    house = installed_for_replies(postgres_engine)
    house.run("03-10 10:00")
    terms = {"calendar": house.services.calendar, "policy": house.services.policy}

    def withdraw(connection):
        commands.report_petition_event(connection, event("03-10 10:00", "withdrawn", "P3"), **terms)
        audit.append(connection, at=house.clock.now(), actor="account:one", action="petition-event", subject="P3")

    withdrawn = Other(postgres_engine, withdraw)
    with postgres_engine.begin() as connection:
        withdrawn.begin_after(connection, "INSERT INTO audit")
        assert reply(house, "SM1", "1", MUNICIPAL)(connection).startswith("已登记批示")
    withdrawn.end()
    assert [office for _, office in holds(house)] == ["MUN"] * 3


def test_of_two_replies_at_once_the_second_corrects_the_visit_of_the_first(postgres_engine):
    house = installed_for_replies(postgres_engine)
    second = Other(postgres_engine, reply(house, "SM2", "到站 5"))
    with postgres_engine.begin() as connection:
        reply(house, "SM1", "到站 3")(connection)
        assert not second.begin(), "it waits for the first"
    second.end()
    assert [visit.voters for visit in visits_of(house)] == [5]


def test_of_two_replies_at_once_the_second_is_counted_after_the_first(postgres_engine):
    house = installed_for_replies(postgres_engine)
    second = Other(postgres_engine, reply(house, "SM2", "?"))
    with postgres_engine.begin() as connection:
        assert reply(house, "SM1", "?")(connection)
        second.begin()
    assert second.end() is None, "one help a day"


def test_tries_that_come_all_at_once_are_counted_like_those_one_by_one(house, app, monkeypatch):
    """Each is on record before it is judged, or a crowd would be judged before anybody counted it."""
    Browser(house, app, "operator", account="chen")
    judged = []
    monkeypatch.setattr(accounts, "holds", lambda *_: judged.append(1) or False)
    gate = threading.Barrier(4 * TRIES_PER_ACCOUNT)

    def guess():
        client = TestClient(app, base_url=BASE, follow_redirects=False)
        data = {"csrf": csrf_in(client.get("/sign-in").text), "account": "chen", "password": "wrong wrong"}
        gate.wait()
        client.post("/sign-in", data=data)

    crowd = [threading.Thread(target=guess) for _ in range(gate.parties)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(judged) <= TRIES_PER_ACCOUNT


@pytest.fixture
def reset(house, monkeypatch):
    """An operator gives an account another password in the moment in which the present one has been looked at."""

    def look(known, password):
        is_right = holds_password(known, password)
        with house.engine.begin() as connection:
            terms = {"must_change": True, "at": house.clock.now(), "actor": "operator:test"}
            accounts.set_password(connection, "li.ming", "another one by now", **terms)
        return is_right

    holds_password = accounts.holds
    monkeypatch.setattr(accounts, "holds", look)


def test_who_signs_in_while_his_password_is_reset_is_not_let_in(house, app, reset):
    Browser(house, app, "operator", account="li.ming")
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    page = client.get("/sign-in")
    answer = client.post("/sign-in", data={"csrf": csrf_in(page.text), "account": "li.ming", "password": PASSWORD})
    assert answer.status_code == 401
    assert house.dump()["sessions"] == []


def test_who_changes_his_password_while_it_is_reset_does_not_undo_the_reset(house, app, reset):
    thief = Browser(house, app, "operator", account="li.ming")
    form = {"present": PASSWORD, "password": "a thief has this", "again": "a thief has this"}
    assert thief.post("/password", form).status_code == 422
    with house.engine.begin() as connection:
        known = accounts.password_of(connection, "li.ming")
    assert accounts._hasher.verify(known, "another one by now")
    assert house.dump()["sessions"] == []


def test_who_signs_in_does_not_wait_for_who_ends_old_sessions_and_waits_for_the_trail(postgres_engine):
    house = Installation(postgres_engine, start=NOW.date())
    app = make_app(house.services, house.desks)
    Browser(house, app, "operator", account="old")
    Browser(house, app, "operator", account="li.ming")
    house.clock.instant += sessions.IDLE
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    form = {"csrf": csrf_in(client.get("/sign-in").text), "account": "li.ming", "password": PASSWORD}
    signed_in = Other(postgres_engine, lambda _: client.post("/sign-in", data=form))
    with postgres_engine.begin() as connection:
        signed_in.begin_after(connection, "DELETE FROM sessions")
        assert accounts.disable(connection, "old", at=house.clock.now(), actor="operator:test")
    assert signed_in.end().status_code == 303
