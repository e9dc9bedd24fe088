"""What does each of the console's pages show to whom, and what do its forms change?"""

import csv
import io
import re
from datetime import date, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import insert, select

from rules.facts import PetitionLevel
from store import audit, facts, findings
from store.schema import FACTS, matters
from store.schema import findings as findings_table
from tests.rules import builders
from tests.rules.builders import at, leave, record
from tests.web.browsers import RESIDENT, RESIDENT_MOBILE

ROLES = {
    "operator": {},
    "municipal": {},
    "town": {"office": "T1"},
    "station": {"office": "V1"},
    "deputy": {"deputy": "DA"},
}
ALL = tuple(ROLES)
SUPERVISORS = ("operator", "municipal", "town")
PAGES = [
    ("/", SUPERVISORS),
    ("/duty", ALL),
    ("/duty/S1", ("operator", "town", "station", "deputy")),
    ("/petitions", ALL),
    ("/petitions/P1", ("operator", "town", "station", "deputy")),
    ("/projects", ALL),
    ("/projects/J1", ALL),
    ("/matters", ALL),
    ("/matters/visit:S1:2026-03", ("operator", "town", "station", "deputy")),
    ("/matters/milestone:J1:1", ALL),
    ("/register", ("operator", "town", "station", "deputy")),
    ("/register/opinion", ("operator", "town", "station", "deputy")),
    ("/register/reception?deputy=DA", ("operator", "town", "station", "deputy")),
    ("/register/log?deputy=DA", ("operator", "town", "station", "deputy")),
    ("/register/leave?deputy=DA", ("operator", "town", "station", "deputy")),
    ("/messages", (*SUPERVISORS, "deputy")),
    ("/sandbox", ("operator",)),
    ("/findings", SUPERVISORS),
    ("/audit", ("operator", "municipal")),
    ("/report", ("operator", "municipal")),
    ("/report/2026-03", ("operator", "municipal")),
]


@pytest.fixture
def somebody(browser):
    return lambda role: browser(role, **ROLES[role])


def entries(house):
    with house.engine.begin() as connection:
        return [(row["action"], row["subject"]) for row in reversed(audit.latest(connection, 100))]


def row_of(house, table, ident):
    with house.engine.begin() as connection:
        return connection.execute(select(FACTS[table]).where(FACTS[table].c.id == ident)).first()


def count(house, table):
    with house.engine.begin() as connection:
        return len(list(facts.load(connection, table)))


# Who sees what -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("page", "roles"), PAGES)
def test_a_page_is_there_for_its_roles_alone(somebody, role, page, roles):
    answer = somebody(role).get(page)
    if role in roles:
        assert answer.status_code == 200
        assert "督办" in answer.text
    elif page == "/":
        assert (answer.status_code, answer.headers["location"]) == (303, "/duty")
    else:
        assert answer.status_code in (403, 404)


@pytest.mark.parametrize("page", [page for page, _ in PAGES])
def test_nobody_sees_a_page_without_signing_in(client, page):
    answer = client.get(page)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


FORMS = [
    "/petitions/P2/events",
    "/petitions/P2/resident",
    "/projects/J1/events",
    "/matters/visit:S2:2026-03/acknowledge",
    "/register/reception",
    "/register/log",
    "/register/leave",
    "/register/opinion",
    "/messages/1/retry",
    "/sending",
    "/findings/1/done",
]


@pytest.mark.parametrize("page", FORMS)
def test_a_form_that_is_not_ours_changes_nothing(somebody, house, page):
    browser = somebody("operator")
    before = house.dump()
    assert browser.client.post(page, data={"event": "withdrawn", "held": "yes"}).status_code == 403
    assert house.dump() == before


@pytest.mark.parametrize("role", ["town", "station", "deputy"])
@pytest.mark.parametrize(
    "page",
    [
        "/petitions/P2",
        "/petitions/P2?format=csv",
        "/duty/S2",
        "/matters/visit:S2:2026-03",
        "/matters/petition:P2:assign:1",
        "/petitions/%50%32",
        "/sandbox/letters/1",
    ],
)
def test_no_address_leads_to_another_town(somebody, role, page):
    assert somebody(role).get(page).status_code in (403, 404)


@pytest.mark.parametrize("role", ["town", "station", "deputy"])
@pytest.mark.parametrize(
    "page",
    ["/", "/duty", "/petitions", "/petitions?town=T2", "/petitions?q=噪音", "/petitions?deputy=DB", "/projects",
     "/matters", "/matters?town=T2", "/register", "/register?q=代表DB", "/messages", "/messages?person=deputy:DB",
     "/findings?town=T2"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["", "csv"])
def test_a_list_shows_nothing_of_another_town(somebody, role, page, form):
    browser = somebody(role)
    answer = browser.get(page, params={"format": form} if form else None)
    text = answer.text.replace(browser.csrf, "").replace(quote("代表DB"), "")  # random letters may spell anything
    for word in ("P2", "噪音扰民", "S2", "机构T2", "deputy:DB"):
        assert word not in text


@pytest.mark.parametrize("role", ["town", "station", "deputy"])
@pytest.mark.parametrize(
    ("page", "data"),
    [
        ("/petitions/P2/events", {"event": "withdrawn"}),
        ("/petitions/P2/resident", {}),
        ("/matters/visit:S2:2026-03/acknowledge", {"office": "T2"}),
        ("/register/reception", {"deputy": "DB", "ticket": "a" * 24, "date": "2026-03-02", "place": "V3"}),
        ("/register/leave", {"deputy": "DB", "ticket": "a" * 24, "from": "2026-03-02", "to": "2026-03-09"}),
        ("/messages/1/retry", {}),
        ("/sending", {"held": "yes"}),
        ("/findings/1/done", {}),
    ],
)
def test_no_form_changes_another_town(somebody, house, role, page, data):
    browser = somebody(role)
    before = house.dump()
    assert browser.post(page, data).status_code in (403, 404, 422)
    assert house.dump() == before


def names(text: str, ident: str) -> bool:
    """Say whether an id stands on a page, and not just in some random token."""
    # Beside Chinese it stands alone as well: only letters of a token make another word of it.
    return re.search(rf"(?<![\w-]){ident}(?![\w-])", text, re.ASCII) is not None


def test_the_municipality_has_counts_of_all_towns_but_only_what_climbed(somebody):
    browser = somebody("municipal")
    assert "机构T1" in browser.get("/").text
    assert "机构T2" in browser.get("/duty").text
    assert not names(browser.get("/petitions").text, "P1")


@pytest.mark.parametrize(("role", "reads"), [("operator", False), ("station", False), ("town", True), ("deputy", True)])
def test_a_confidential_opinion_is_its_number_alone_to_outsiders(somebody, role, reads):
    browser = somebody(role)
    pages = [browser.get(page).text for page in ("/petitions", "/petitions/P3", "/petitions?format=csv")]
    assert all(names(text, "P3") for text in pages)
    assert all(("举报某干部" in text) is reads for text in pages)
    assert names(browser.get("/petitions?q=举报").text, "P3") is reads
    row = next(line for line in pages[2].splitlines() if line.startswith("P3,"))
    assert (len(set(row.split(","))) > 3) is reads, "number, 保密, and nothing else"
    for asked in ("deputy=DA", "stage=assign", "status=open", "level=town"):
        assert names(browser.get(f"/petitions?{asked}").text, "P3") is reads, asked
    assert names(browser.get("/matters").text, "P3") is reads
    assert browser.get("/matters/petition:P3:assign:1").status_code == (200 if reads else 404)


def test_the_resident_shows_after_a_look_that_is_on_record(somebody, house):
    browser = somebody("town")
    for page in ("/petitions/P1", "/petitions", "/petitions?format=csv", "/petitions?format=xlsx"):
        content = browser.get(page).content
        assert RESIDENT.encode() not in content
        assert RESIDENT_MOBILE.encode() not in content
    before = len(entries(house))
    shown = browser.post("/petitions/P1/resident").text
    assert RESIDENT in shown
    assert RESIDENT_MOBILE in shown
    assert entries(house)[before:] == [("look", "petition:P1")]


def test_a_confidential_resident_is_not_shown_to_operators(somebody, house):
    answer = somebody("operator").post("/petitions/P3/resident")
    assert answer.status_code == 404
    assert ("look", "petition:P3") not in entries(house)


# An opinion's way --------------------------------------------------------------------------


def test_an_opinion_goes_round_the_closed_loop(somebody, house):
    town, deputy = somebody("town"), somebody("deputy")
    steps = [
        (town, {"event": "assigned", "office": "DT", "note": "请尽快"}),
        (town, {"event": "accepted"}),
        (town, {"event": "handled", "note": "已修好"}),
        (deputy, {"event": "verified", "result": "ok"}),
        (deputy, {"event": "fed_back", "result": "satisfied"}),
    ]
    for minute, (browser, data) in enumerate(steps, 1):
        house.clock.instant = at("03-02 10:00") + timedelta(minutes=minute)
        answer = browser.post("/petitions/P1/events", data)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/petitions/P1"), answer.text
    text = town.get("/petitions/P1").text
    assert text.count('class="done"><b>') == 6
    assert "已修好" in text
    house.run("03-02 10:06")
    assert "/petitions/P1" not in town.get("/petitions?status=open").text
    assert "/petitions/P1" in town.get("/petitions?status=closed").text
    assert [action for action, _ in entries(house)].count("petition-event") == 5


def matter_in(page):
    """Return the open matter that the forms of a page carry."""
    found = re.search(r'name="matter" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def report_in_turn(house, steps, ident="P1"):
    for browser, data in steps:
        house.clock.instant += timedelta(minutes=1)
        assert browser.post(f"/petitions/{ident}/events", data).status_code == 303, data


TO_HANDLE = ({"event": "assigned", "office": "DT"}, {"event": "accepted"})


def lines_of(browser, query=""):
    """Return the rows of the opinions' file: by number, what stands under each heading."""
    rows = csv.DictReader(io.StringIO(browser.get(f"/petitions?format=csv{query}").text.removeprefix("\ufeff")))
    return {row["编号"]: row for row in rows}


def register(house, *opinions):
    with house.engine.begin() as connection:
        facts.upsert(connection, "petitions", opinions)


RAISED = {"event": "raised", "level": "municipal"}
DISSATISFIED = (
    {"event": "handled"}, {"event": "verified", "result": "ok"}, {"event": "fed_back", "result": "dissatisfied"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("ident", "steps", "level", "said"),
    [
        ("P1", [], "town", "镇街"),
        ("P1", [RAISED], "municipal", "市级"),
        ("P1", [*TO_HANDLE, *DISSATISFIED, *DISSATISFIED], "municipal", "市级"),
        ("P4", [], "self", "自行解决"),
        ("P4", [{"event": "raised", "level": "town"}], "town", "镇街"),
        ("P4", [RAISED], "municipal", "市级"),
    ],
)
def test_an_opinion_is_listed_and_found_at_its_present_level(somebody, house, ident, steps, level, said):
    register(house, builders.petition("P4", level="self", recorded="03-02 09:30"))
    town, operator = somebody("town"), somebody("operator")
    report_in_turn(house, [(town, step) for step in steps], ident)
    house.run("03-02 10:30")
    assert lines_of(operator)[ident]["层级"] == said
    for asked in ("self", "town", "municipal"):
        assert (ident in lines_of(operator, f"&level={asked}")) is (asked == level), asked


def test_a_new_opinion_is_in_hand_before_the_next_step_has_reckoned_it(somebody, house):
    register(house, builders.petition("P4", recorded="03-02 09:30"))
    town = somebody("town")
    assert {lines_of(town)["P4"][name] for name in ("环节", "状态")} == {"待推算"}
    assert "P4" in lines_of(town, "&status=open")
    assert "P4" not in lines_of(town, "&status=closed")
    assert "P4" not in lines_of(town, "&stage=closed")
    assert "待推算" in town.get("/petitions").text
    house.run("03-02 10:30")
    assert lines_of(town)["P4"]["状态"] == "进行中"


def test_a_withdrawn_opinion_is_told_apart_from_one_that_went_all_the_way(somebody, house):
    town = somebody("town")
    report_in_turn(house, [(town, {"event": "withdrawn", "note": "误登"})])
    head = town.get("/petitions/P1").text.partition('id="loop"')[0]
    assert "已撤回" in head
    assert "已闭环" not in head
    house.run("03-02 10:30")
    for query in ("", "&status=closed", "&stage=closed"):
        assert {lines_of(town, query)["P1"][name] for name in ("环节", "状态")} == {"已撤回"}, query
    assert "P1" not in lines_of(town, "&status=open")
    assert 'badge grey"><i aria-hidden="true">–</i>已撤回' in town.get("/petitions").text


def test_the_page_tells_why_the_date_is_what_it_is(somebody):
    text = somebody("town").get("/petitions/P1").text
    assert "自2026-03-02（不计当日）起第3个工作日，为2026-03-05。" in text
    assert text.count("<em>第") == 3
    assert "逾期提示责任方" in text
    assert "将提示" in text


def test_only_what_the_stage_admits_is_offered(somebody):
    text = somebody("town").get("/petitions/P1").text
    offered = [kind for kind in ("assigned", "accepted", "handled", "raised", "withdrawn", "acknowledged", "verified")
               if f'name="event" value="{kind}"' in text]  # fmt: skip
    assert offered == ["assigned", "raised", "withdrawn"]
    assert 'name="event"' not in somebody("deputy").get("/petitions/P1").text


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        ({"event": "handled", "note": "打好的字"}, 409, "现处于“任务分办”环节，可办：交办、提级、撤回"),
        ({"event": "assigned", "note": "打好的字"}, 422, "请填写此项"),
        ({"event": "assigned", "office": "DT2", "note": "打好的字"}, 422, "请从列表中选择"),
        ({"event": "assigned", "office": "DT", "until": "2026-02-01", "note": "打好的字"}, 409, "2026-03-02"),
        ({"event": "assigned", "office": "DT", "until": "x", "note": "打好的字"}, 422, "日期应如"),
        ({"event": "assigned", "office": "DT", "at": "2027-01-01T09:00", "note": "打好的字"}, 422, "不能晚于现在"),
        ({"event": "assigned", "office": "DT", "at": "2026-03-01T09:00", "note": "打好的字"}, 409, "不能早于"),
        ({"event": "withdrawn", "note": "打好的字" + "长" * 3000}, 422, "最多2000个字"),
        ({"event": "nonsense"}, 422, "请从列表中选择"),
        ({}, 422, "请填写此项"),
    ],
)
def test_what_is_refused_changes_nothing_and_loses_nothing(somebody, house, data, status, says):
    browser = somebody("town")
    before = house.dump()
    answer = browser.post("/petitions/P1/events", data)
    assert answer.status_code == status
    assert says in answer.text
    assert not re.search("want|does not", answer.text), "in the words of the page"
    assert house.dump() == before
    if "note" in data:
        assert "打好的字" in answer.text


def test_whoever_comes_second_is_told_the_present_stage_and_keeps_what_was_typed(somebody, browser, house):
    first, second = somebody("town"), browser("town", office="T1", account="town-two")
    report_in_turn(house, [(first, step) for step in TO_HANDLE])
    shown = matter_in(second.get("/petitions/P1").text)
    report_in_turn(house, [(first, {"event": "handled", "matter": shown})])
    before = house.dump()
    late = {"event": "extended", "until": "2026-05-06", "note": "等材料<b>", "matter": shown}
    answer = second.post("/petitions/P1/events", late)
    assert answer.status_code == 409
    assert "P1 已有新进展：现处于“跟踪核实”环节，可办：核实、撤回" in answer.text
    assert "2026-05-06" in answer.text
    assert "等材料&lt;b&gt;" in answer.text
    english = second.post("/petitions/P1/events?lang=en", late).text
    assert "P1 has moved on: it is at the stage Verification, which admits: Verified, Withdrawn" in english
    assert house.dump() == before


def test_a_form_of_an_earlier_round_does_not_act_on_a_later_one(somebody, house):
    town, deputy = somebody("town"), somebody("deputy")
    report_in_turn(house, [(town, step) for step in (*TO_HANDLE, {"event": "handled"})])
    shown = matter_in(deputy.get("/petitions/P1").text)
    assert shown == "petition:P1:verify:1"
    report_in_turn(house, [(deputy, {"event": "verified", "result": "rework"}), (town, {"event": "handled"})])
    old = {"event": "verified", "result": "ok", "note": "看过了", "matter": shown}
    answer = deputy.post("/petitions/P1/events", old)
    assert answer.status_code == 409
    assert "看过了</textarea>" in answer.text
    assert matter_in(answer.text) == "petition:P1:verify:2"
    report_in_turn(house, [(deputy, old | {"matter": "petition:P1:verify:2"})])


def test_a_form_that_is_sent_after_the_end_is_told_so(somebody, house):
    town = somebody("town")
    shown = matter_in(town.get("/petitions/P1").text)
    report_in_turn(house, [(town, {"event": "withdrawn", "matter": shown})])
    answer = town.post("/petitions/P1/events", {"event": "assigned", "office": "DT", "note": "快办", "matter": shown})
    assert answer.status_code == 409
    assert "可办：无" in answer.text
    assert "机构DT" in answer.text
    assert "快办" in answer.text


def test_an_overdue_opinion_is_acknowledged_by_the_office_above(somebody, house):
    house.run("03-06 10:00")
    municipal, operator = somebody("municipal"), somebody("operator")
    assert municipal.get("/petitions/P1").status_code == 404  # it has not climbed
    assert 'value="acknowledged"' in operator.get("/petitions/P1").text
    answer = operator.post("/petitions/P1/events", {"event": "acknowledged", "office": "MUN", "note": "已知"})
    assert answer.status_code == 303
    house.clock.instant += timedelta(minutes=1)
    assert "上报暂缓至 2026-03-11" in operator.get("/matters/petition:P1:assign:1").text


@pytest.mark.parametrize(("ident", "detail"), [("P1", {"event": "withdrawn"}), ("P3", {})])
def test_the_trail_does_not_tell_which_act_it_was_on_a_confidential_opinion(somebody, house, ident, detail):
    report_in_turn(house, [(somebody("town"), {"event": "withdrawn"})], ident)
    with house.engine.begin() as connection:
        last = audit.latest(connection, 1)[0]
    assert (last["action"], last["subject"], last["detail"]) == ("petition-event", f"petition:{ident}", detail)


def offered_in(page):
    return re.findall(r'name="event" value="([^"]+)"', page)


TO_MUNICIPAL = ({"event": "assigned", "office": "DM"}, {"event": "accepted"})


@pytest.mark.parametrize(
    ("steps", "towns", "municipals"),
    [
        ([], [], ["assigned", "withdrawn"]),
        (TO_MUNICIPAL[:1], [], ["accepted", "returned", "handled", "withdrawn"]),
        (TO_MUNICIPAL, [], ["handled", "extended", "withdrawn"]),
        ([*TO_MUNICIPAL, {"event": "handled"}], ["verified"], ["verified", "withdrawn"]),
        (TO_HANDLE[:1], ["accepted", "returned", "handled"], ["accepted", "returned", "handled", "withdrawn"]),
        (TO_HANDLE, ["handled"], ["handled", "extended", "withdrawn"]),
    ],
)
def test_a_town_does_not_act_for_the_municipal_office(somebody, house, steps, towns, municipals):
    town, municipal, operator = somebody("town"), somebody("municipal"), somebody("operator")
    report_in_turn(house, [(town, RAISED), *((operator, step) for step in steps)])
    house.run("03-02 10:30")
    assert offered_in(town.get("/petitions/P1").text) == towns
    assert offered_in(municipal.get("/petitions/P1").text) == municipals
    before = house.dump()
    for kind in set(municipals) - set(towns):
        sent = {"event": kind, "office": "DM", "until": "2026-04-01", "note": "打好的字"}
        answer = town.post("/petitions/P1/events", sent)
        assert answer.status_code == 403
        assert "不由您办理" in answer.text
        assert "打好的字" in answer.text
    assert house.dump() == before


def test_a_raised_opinion_comes_to_the_municipality(somebody):
    assert somebody("town").post("/petitions/P1/events", {"event": "raised", "level": "municipal"}).status_code == 303
    # The municipal office's own matter is stored with the next step; the facts are shown at once.


# Matters -----------------------------------------------------------------------------------


def test_an_overdue_matter_is_acknowledged_in_an_offices_own_name(somebody, house):
    house.run("04-02 10:00")
    town = somebody("town")
    matter = "/matters/milestone:J1:1"
    assert town.post(f"{matter}/acknowledge", {"office": "MUN"}).status_code == 422
    assert town.post(f"{matter}/acknowledge", {"office": "T1"}).status_code == 303
    assert ("acknowledge", "milestone:J1:1") in entries(house)
    assert f'action="{matter}/acknowledge"' not in town.get(matter).text, "an office's first counts"
    assert town.post(f"{matter}/acknowledge", {"office": "T1"}).status_code == 422
    assert count(house, "acknowledgements") == 1


def test_a_matter_that_is_in_time_is_not_acknowledged(somebody, house):
    assert somebody("town").post("/matters/milestone:J1:1/acknowledge", {"office": "T1"}).status_code == 422
    assert count(house, "acknowledgements") == 0


def test_a_period_from_before_the_use_is_counted_and_found_as_what_it_is(house, somebody):
    """It is on the board of its period and in the list on demand, and nowhere among what is to be done (R5.3)."""
    with house.engine.begin() as connection:
        found = {"kind": "visit", "label": "2026-01", "due": date(2026, 1, 31), "silent": True, "missed_from": None}
        row = connection.execute(select(matters).where(matters.c.id == "visit:S1:2026-03")).mappings().one()
        early = dict(row) | found | {"id": "visit:S1:2026-01", "opened": date(2026, 1, 1), "closed": None}
        connection.execute(insert(matters).values(early))
    operator = somebody("operator")
    board = operator.get("/duty?period=2026-01&status=overdue").text
    assert "/matters/visit%3AS1%3A2026-01" in board
    assert "/matters/visit%3AS1%3A2026-01" not in operator.get("/matters?status=overdue").text
    assert "/matters/visit%3AS1%3A2026-01" in operator.get("/matters?status=overdue&before=yes").text


def test_an_excused_period_says_so_among_its_facts(house, somebody):
    house.keep(record(leaves=(leave("03-01", "03-31", who="DA"),)))
    house.run("03-02 10:01", sends=False)
    page = somebody("operator").get("/matters/visit:S1:2026-03").text
    assert "准假" in page.partition("依据")[2]


@pytest.mark.parametrize("matter", ["milestone:J1:9", "milestone:J9:1", "nonsense", "petition:P1", ":::", "a/b/c"])
def test_a_matter_that_is_not_there_is_404(somebody, matter):
    assert somebody("operator").get(f"/matters/{matter}").status_code == 404


# Projects ----------------------------------------------------------------------------------


def test_a_project_goes_from_groundbreaking_to_acceptance(somebody, house):
    town, deputy = somebody("town"), somebody("deputy")
    steps = [
        (town, {"event": "replan", "seq": "2", "date": "2026-07-15", "reason": "连续降雨"}),
        (town, {"event": "done", "seq": "1"}),
        (deputy, {"event": "inspected"}),
        (town, {"event": "done", "seq": "2", "date": ""}),
    ]
    for minute, (browser, data) in enumerate(steps, 1):
        house.clock.instant = at("03-02 10:00") + timedelta(minutes=minute)
        assert browser.post("/projects/J1/events", data).status_code == 303
    text = town.get("/projects/J1").text
    assert "连续降雨" in text
    assert "2026-06-30" in text
    assert text.count("已办结") == 3  # two milestones, one inspection
    assert "已取消" in text  # the inspection that acceptance ends


def test_a_replan_that_puts_the_plan_out_of_order_is_recorded_with_a_warning(somebody):
    town = somebody("town")
    late = town.post("/projects/J1/events", {"event": "replan", "seq": "1", "date": "2026-07-15", "reason": "连续降雨"})
    assert late.status_code == 303
    page = town.get("/projects/J1").text
    assert "节点2的计划日期早于节点1" in page
    assert "2026-07-15" in page


@pytest.mark.parametrize(
    ("role", "data", "status"),
    [
        ("town", {"event": "done", "seq": "2"}, 409),
        ("town", {"event": "done"}, 422),
        ("town", {"event": "replan", "seq": "1", "date": "2026-05-01"}, 422),
        ("town", {"event": "replan", "seq": "1", "date": "2026-03-31", "reason": "无"}, 409),
        ("town", {"event": "inspected"}, 409),
        ("deputy", {"event": "done", "seq": "1"}, 422),
        ("municipal", {"event": "inspected"}, 422),
    ],
)
def test_progress_that_does_not_hold_is_refused(somebody, house, role, data, status):
    browser = somebody(role)
    before = house.dump()
    answer = browser.post("/projects/J1/events", data)
    assert answer.status_code == status
    assert "没有保存" in answer.text
    assert not re.search("want|does not", answer.text), "in the words of the page"
    assert house.dump() == before


# The register ------------------------------------------------------------------------------

RECEPTION = {
    "ticket": "0123456789abcdef01234567",
    "deputy": "DA",
    "date": "2026-03-02",
    "place": "G1",
    "voters": "7",
    "note": "雨天",
    "title": "井盖破损",
    "number": "GH2026-0001",
    "level": "town",
    "petitioner": "居民乙",
    "petitioner_mobile": "13700000002",
}
OF_AN_OPINION = ("title", "number", "level", "petitioner", "petitioner_mobile")
WITHOUT_OPINION = {k: v for k, v in RECEPTION.items() if k not in OF_AN_OPINION}


@pytest.mark.parametrize("role", ["operator", "town", "station", "deputy"])
def test_one_form_records_the_visit_and_the_opinion_raised(somebody, house, role):
    browser = somebody(role)
    assert browser.post("/register/reception", RECEPTION).status_code == 303
    visit = row_of(house, "visits", f"W{RECEPTION['ticket']}")
    assert (visit.deputy, visit.day, visit.kind, visit.place) == ("DA", date(2026, 3, 2), "grid", "G1")
    assert (visit.form, visit.voters, visit.opinions) == ("reception", 7, 1)
    opinion = row_of(house, "petitions", "GH2026-0001")
    assert (opinion.town, opinion.deputy, opinion.found_on) == ("T1", "DA", date(2026, 3, 2))
    assert opinion.level == PetitionLevel.TOWN
    assert ("petition", "petition:GH2026-0001") in entries(house)


def test_a_form_sent_twice_records_once(somebody, house):
    browser = somebody("town")
    plain = {k: v for k, v in RECEPTION.items() if k not in ("title", "number")}
    before = count(house, "visits")
    for _ in range(2):
        assert browser.post("/register/log", plain | {"form": "patrol"}).status_code == 303
    assert count(house, "visits") == before + 1


@pytest.mark.parametrize(
    ("sort", "lang", "named"),
    [
        ("reception", "zh", ["日期：请填写此项", "地点：请选择地点", "事项：请填写此项", "登记编号：请填写此项"]),
        ("leave", "zh", ["起：请填写此项", "止（含）：请填写此项"]),
        ("opinion", "zh", ["登记编号：请填写此项", "层级：请填写此项", "事项：请填写此项"]),
        ("opinion", "en", ["Register number: This is needed", "Subject: This is needed"]),
    ],
)
def test_the_list_of_what_is_wrong_names_the_fields(somebody, sort, lang, named):
    browser = somebody("town")
    browser.get(f"/register?lang={lang}")
    text = browser.post(f"/register/{sort}", {"ticket": "5" * 24, "deputy": "DA", "petitioner": "居民乙"}).text
    for words in named:
        assert f">{words}</a>" in text


def test_a_work_log_says_what_sort_of_work_it_was(somebody, house):
    browser = somebody("town")
    for form in ("", "nonsense"):
        answer = browser.post("/register/log", WITHOUT_OPINION | {"form": form})
        assert answer.status_code == 422
        assert 'href="#form"' in answer.text
    assert count(house, "visits") == 2


@pytest.mark.parametrize("sort", ["reception", "log", "leave", "opinion"])
def test_a_form_without_its_ticket_comes_back_and_records_nothing(somebody, house, sort):
    browser = somebody("town")
    before = house.dump()
    answer = browser.post(f"/register/{sort}", {"deputy": "DA"})
    assert answer.status_code == 422
    assert "页面已过期" in answer.text
    assert 'href="#ticket"' not in answer.text
    assert house.dump() == before


@pytest.mark.parametrize("sort", ["reception", "log"])
def test_another_visit_alike_is_asked_about_once(somebody, house, sort):
    """DA has been to V1 on that day: two people may have written down the same reception."""
    browser = somebody("town")
    alike = WITHOUT_OPINION | {"place": "V1", "form": "patrol"}
    answer = browser.post(f"/register/{sort}", alike)
    assert answer.status_code == 422
    assert "已有一条记录" in answer.text
    assert count(house, "visits") == 2
    hidden = re.search(r'type="hidden" name="again" value="(\w+)"', answer.text)
    assert browser.post(f"/register/{sort}", alike | {"again": hidden[1]}).status_code == 303
    assert count(house, "visits") == 3
    assert 'name="again"' not in browser.get(f"/register/{sort}?deputy=DA").text


def test_a_reception_sent_twice_says_that_it_is_on_record_and_promises_nothing_new(somebody, house):
    browser = somebody("town")
    assert browser.post("/register/reception", RECEPTION).status_code == 303
    before = house.dump()
    for number in (RECEPTION["number"], "GH2026-0002"):
        again = browser.post("/register/reception", RECEPTION | {"number": number})
        assert again.status_code == 303
        page = browser.get(again.headers["location"]).text
        assert "此表已登记过，没有重复登记" in page
        assert number not in page
    assert house.dump() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"date": "2026-03-03"}, "date"),
        ({"date": ""}, "date"),
        ({"place": ""}, "place"),
        ({"place": "V3"}, "place"),
        ({"place": "other", "other": "不存在"}, "other"),
        ({"voters": "-1"}, "voters"),
        ({"voters": "1e9"}, "voters"),
        ({"number": "P1"}, "number"),
        ({"level": "province"}, "level"),
        ({"petitioner_mobile": "12345"}, "petitioner_mobile"),
        ({"title": "长" * 201}, "title"),
        ({"title": ""}, "title"),
        ({"ticket": "../../x"}, ""),
    ],
)
def test_a_reception_that_does_not_hold_records_neither_visit_nor_opinion(somebody, house, changes, field):
    browser = somebody("town")
    before = house.dump()
    answer = browser.post("/register/reception", RECEPTION | changes)
    assert answer.status_code == 422
    assert house.dump() == before
    assert not field or f'href="#{field}"' in answer.text
    assert "雨天" in answer.text
    assert "居民乙" in answer.text


@pytest.mark.parametrize(
    "given", [{"petitioner": "居民乙"}, {"petitioner_mobile": "13700000002"}, {"confidential": "yes"}]
)
def test_whatever_is_told_of_an_opinion_is_not_dropped_for_want_of_its_subject(somebody, house, given):
    answer = somebody("town").post("/register/reception", RECEPTION | dict.fromkeys(OF_AN_OPINION, "") | given)
    assert answer.status_code == 422
    assert 'href="#title"' in answer.text
    assert count(house, "visits") == 2


def test_a_reception_at_which_nothing_was_raised_asks_for_no_opinion(somebody, house):
    prefilled = {"number": "GH2026-0001", "level": "town"}
    assert somebody("town").post("/register/reception", WITHOUT_OPINION | prefilled).status_code == 303
    assert row_of(house, "visits", f"W{RECEPTION['ticket']}").opinions is None
    assert row_of(house, "petitions", "GH2026-0001") is None


@pytest.mark.parametrize(
    ("text", "kind"), [("V2", "station"), ("机构V2", "station"), ("二网格", "grid"), ("G1aa", "grid")]
)
def test_another_place_is_named_by_id_or_name(somebody, house, text, kind):
    data = WITHOUT_OPINION | {"place": "other", "other": text}
    assert somebody("town").post("/register/reception", data).status_code == 303
    assert row_of(house, "visits", f"W{RECEPTION['ticket']}").kind == kind


def test_a_leave_is_recorded(somebody, house):
    data = {
        "ticket": "f" * 24,
        "deputy": "DA",
        "from": "2026-03-02",
        "to": "2026-03-20",
        "reason": "学习",
        "approver": "某",
    }
    browser = somebody("town")
    assert browser.post("/register/leave", data).status_code == 303
    assert row_of(house, "leaves", f"L{'f' * 24}").reason == "学习"
    assert "学习" in browser.get("/duty/S1").text
    wrong = browser.post("/register/leave", data | {"ticket": "e" * 24, "to": "2026-03-01"})
    assert wrong.status_code == 409
    assert "学习" in wrong.text


LEAVE = {"ticket": "6" * 24, "deputy": "DA", "from": "2026-03-02", "to": "2026-03-20"}


@pytest.mark.parametrize(("role", "status"), [("deputy", 422), ("station", 303), ("town", 303), ("operator", 303)])
def test_a_deputys_own_leave_names_who_approved_it(somebody, house, role, status):
    browser = somebody(role)
    answer = browser.post("/register/leave", LEAVE | {"approver": " "})
    assert answer.status_code == status
    assert ('href="#approver"' in answer.text) is (status == 422)
    assert browser.post("/register/leave", LEAVE | {"approver": "机构T1"}).status_code == 303
    assert count(house, "leaves") == 1


OPINION = {
    "ticket": "9" * 24,
    "number": "GH2026-0009",
    "town": "T1",
    "level": "town",
    "title": "路面塌陷",
    "deputy": "DA",
}


@pytest.mark.parametrize(
    ("path", "data", "entry"),
    [
        ("/petitions/P1/events", {"event": "assigned", "office": "DT"}, ("petition-event", "petition:P1")),
        ("/projects/J1/events", {"event": "done", "seq": "1"}, ("project-event", "project:J1")),
        ("/register/log", WITHOUT_OPINION | {"form": "patrol"}, ("visit", f"visit:W{RECEPTION['ticket']}")),
        ("/register/leave", LEAVE, ("leave", f"leave:L{LEAVE['ticket']}")),
        ("/register/opinion", OPINION, ("petition", "petition:GH2026-0009")),
    ],
)
def test_what_the_console_records_is_in_the_trail(somebody, house, path, data, entry):
    assert somebody("town").post(path, data).status_code == 303
    assert entries(house)[-1] == entry


@pytest.mark.parametrize(
    ("role", "changes", "status"),
    [
        ("town", {}, 303),
        ("town", {"ticket": ""}, 422),
        ("town", {"number": "."}, 422),
        ("town", {"number": ".."}, 422),
        ("town", {"deputy": "代表DA"}, 303),
        ("town", {"deputy": ""}, 303),
        ("town", {"deputy": "没有此人"}, 422),
        ("town", {"deputy": "DB"}, 422),
        ("station", {"deputy": "DB"}, 422),
        ("town", {"town": "T2"}, 303),  # a town registers in its own town, whatever is sent
        ("operator", {"town": "T2"}, 303),
        ("operator", {"town": ""}, 422),
        ("station", {"deputy": ""}, 422),
        ("deputy", {"deputy": "DB"}, 303),  # a deputy registers for himself, whatever is sent
        ("municipal", {}, 403),
    ],
)
def test_an_opinion_is_registered(somebody, house, role, changes, status):
    answer = somebody(role).post("/register/opinion", OPINION | changes)
    assert answer.status_code == status
    made = row_of(house, "petitions", (OPINION | changes)["number"])
    assert (made is not None) is (status == 303)
    if made is not None and role != "operator":
        assert made.town == "T1"
        assert made.deputy in ("DA", None)


def test_an_opinion_sent_twice_is_registered_once_and_says_so(somebody, house):
    browser = somebody("town")
    refused = browser.post("/register/opinion", OPINION | {"title": ""})
    assert refused.status_code == 422
    assert browser.post("/register/opinion", OPINION).status_code == 303
    before = house.dump()
    for number in (OPINION["number"], "GH2026-0010"):
        again = browser.post("/register/opinion", OPINION | {"number": number})
        assert (again.status_code, again.headers["location"]) == (303, f"/petitions/{OPINION['number']}")
        assert "此表已登记过，没有重复登记" in browser.get(again.headers["location"]).text
    assert house.dump() == before


def test_a_ticket_is_that_of_whoever_was_given_it(somebody, house):
    assert somebody("town").post("/register/opinion", OPINION).status_code == 303
    answer = somebody("operator").post("/register/opinion", OPINION | {"number": "GH2026-0010"})
    assert answer.headers["location"] == "/petitions/GH2026-0010"


def test_nothing_but_a_ticket_of_ours_is_taken_for_an_opinion(somebody, monkeypatch):
    browser = somebody("town")
    monkeypatch.setattr("store.idempotency.take", None)
    for ticket in ("", "x", "长" * 5000):
        assert browser.post("/register/opinion", OPINION | {"ticket": ticket}).status_code == 422


def test_a_number_that_another_opinion_has_is_refused_with_one_that_is_free(somebody, house):
    browser = somebody("town")
    assert browser.post("/register/opinion", OPINION).status_code == 303
    answer = browser.post("/register/opinion", OPINION | {"ticket": "8" * 24, "title": "另一件事"})
    assert answer.status_code == 422
    assert "此编号已被使用，可改用GH2026-0010" in answer.text
    assert count(house, "petitions") == 4


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "\u3000", "\u2009", "\r\n"])
def test_a_blank_of_any_sort_keeps_words_apart(somebody, house, blank):
    title = f"\u3000行一{blank}列二\x07{blank}"
    assert somebody("town").post("/register/opinion", OPINION | {"title": title}).status_code == 303
    assert row_of(house, "petitions", OPINION["number"]).title == "行一 列二"


def test_the_opinions_form_carries_a_ticket_of_its_own(somebody):
    browser = somebody("town")
    tickets = re.findall(
        r'name="ticket" value="([0-9a-f]{24})"', "".join(browser.get("/register/opinion").text for _ in "12")
    )
    assert len(set(tickets)) == 2


def test_a_central_station_records_for_every_deputy_of_its_town_and_reads_no_more_of_them(browser, house):
    """R3.4: an arrival there counts for every seat of the town."""
    central = browser("station", office="C1")
    page = central.get("/register").text
    assert names(page, "DA")
    assert not names(page, "DB")
    assert 'value="C1"' in central.get("/register/reception?deputy=DA").text
    assert central.post("/register/reception", RECEPTION | {"place": "C1"}).status_code == 303
    assert row_of(house, "visits", f"W{RECEPTION['ticket']}").place == "C1"
    made = central.post("/register/opinion", OPINION)
    assert made.headers["location"] == "/register"
    assert OPINION["number"] in central.get("/register").text
    for address in ("/duty/S1", "/petitions/GH2026-0009", "/petitions/P1", "/matters/visit:S1:2026-03", "/projects/J1"):
        assert central.get(address).status_code == 404, address
    assert central.post("/register/reception", RECEPTION | {"ticket": "7" * 24, "deputy": "DB"}).status_code == 404


@pytest.mark.parametrize("station", ["V1", "C1"])
def test_a_station_finds_the_visit_to_the_grid_that_it_has_recorded(browser, house, station):
    staff = browser("station", office=station)
    assert "一网格" not in staff.get("/register").text
    assert staff.post("/register/reception", WITHOUT_OPINION).status_code == 303
    assert "一网格" in staff.get("/register").text


def test_a_station_of_a_village_records_for_its_own_deputies_alone(browser):
    village = browser("station", office="V2")
    assert not names(village.get("/register").text, "DA")
    assert village.post("/register/reception", RECEPTION).status_code == 404


def test_the_register_proposes_the_next_number(somebody):
    browser = somebody("town")
    browser.post("/register/reception", RECEPTION | {"number": "GH2026-0041"})
    assert 'value="GH2026-0042"' in browser.get("/register/opinion").text


# Messages, levers, findings ------------------------------------------------------------------


def test_a_message_shows_its_words_and_attempts(somebody, house):
    house.run("03-31 10:00")
    operator, deputy = somebody("operator"), somebody("deputy")
    assert "代表DA" in operator.get("/sandbox?person=deputy:DA").text
    assert "代表DB" not in deputy.get("/messages").text
    first = house.messages()[0]
    assert operator.get(f"/messages/{first.id}").status_code == 200
    assert operator.get("/messages/999999").status_code == 404
    assert operator.get(f"/messages/{2**40}").status_code == 404


def test_a_town_is_told_that_sending_is_held(somebody):
    town, operator = somebody("town"), somebody("operator")
    assert "全部发送已暂停" not in town.get("/").text
    operator.post("/sending", {"held": "yes"})
    page = town.get("/").text
    assert "全部发送已暂停，由系统管理员恢复" in page
    assert "到发送时段自动发出" not in page
    assert 'href="/messages?state=held"' in page


def test_an_operator_holds_and_releases_all_sending(somebody, house):
    operator = somebody("operator")
    operator.post("/sending", {"held": "yes"})
    assert "已暂停" in operator.get("/messages").text
    assert "全部发送已暂停" in operator.get("/").text
    operator.post("/sending", {"held": "no"})
    assert "发送正常" in operator.get("/messages").text
    assert [action for action, _ in entries(house)][-2:] == ["hold", "release"]


def test_an_operator_gives_a_failed_message_one_more_try(somebody, house):
    house.run("03-24 10:00")
    ident = house.messages()[-1].id
    house.sql("UPDATE messages SET state = 'failed', reason = '号码停机' WHERE id = :id", id=ident)
    operator = somebody("operator")
    assert "号码停机" in operator.get("/messages?state=failed").text
    assert operator.post(f"/messages/{ident}/retry").status_code == 303
    assert next(m.state for m in house.messages() if m.id == ident) == "due"
    operator.post(f"/messages/{ident}/retry")
    assert [entry for entry in entries(house) if entry[0] == "retry"] == [("retry", f"message:{ident}")]


def test_a_finding_is_dealt_with_once(somebody, house):
    with house.engine.begin() as connection:
        findings.note(connection, "clock", "clock", "时钟偏差", house.clock.now())
        ident = connection.execute(select(findings_table.c.id)).scalar_one()
    operator = somebody("operator")
    assert "时钟偏差" in operator.get("/findings").text
    for _ in range(2):
        assert operator.post(f"/findings/{ident}/done").status_code == 303
    assert "时钟偏差" not in operator.get("/findings").text
    assert "时钟偏差" in operator.get("/findings?closed=yes").text
    assert [action for action, _ in entries(house)].count("finding-done") == 1


def test_coverage_is_reckoned_from_the_organisation(somebody):
    text = somebody("operator").get("/findings").text
    assert "网格无在任代表" in text
    assert names(text, "G2")


def test_a_letter_stands_in_a_frame_that_may_do_nothing(somebody, house):
    house.run("04-02 10:00")
    letter = next(kept for kept in house.sandbox("email") if kept.html)
    answer = somebody("operator").get(f"/sandbox/letters/{letter.id}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "sandbox;" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


# Reading -----------------------------------------------------------------------------------


def test_the_console_speaks_english_and_remembers_it(somebody):
    browser = somebody("operator")
    assert '<html lang="zh-CN">' in browser.get("/duty").text
    assert '<html lang="en">' in browser.get("/duty?lang=en").text
    text = browser.get("/duty").text
    assert "The 631 board" in text
    assert "进站" not in text


def test_letters_are_large_for_who_likes_them_so(somebody):
    browser = somebody("town")
    answer = browser.post("/text-size", {"next": "/petitions?q=1"})
    assert answer.headers["location"] == "/petitions?q=1"
    assert 'class="large"' in browser.get("/petitions").text
    assert browser.post("/text-size", {"next": "https://example.com/"}).headers["location"] == "/"
    assert 'class="large"' not in browser.get("/petitions").text


def test_an_answer_to_a_form_offers_nothing_that_would_lose_what_was_typed(somebody):
    """Its address takes forms alone: letters and language change where a page can be asked for again."""
    browser = somebody("town")
    assert 'action="/text-size"' in browser.get("/register/opinion").text
    for refused in (browser.post("/register/opinion"), browser.post("/petitions/P1/events")):
        assert refused.status_code == 422
        assert 'action="/text-size"' not in refused.text
        assert "hreflang" not in refused.text


@pytest.mark.parametrize("page", ["/duty", "/petitions", "/projects", "/matters", "/messages", "/findings", "/audit"])
@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=99999999999999999999", "page=x", "q=%00", "q=%25_", "q=" + "长" * 500, "town=T9",
        "status=x", "level=x", "kind=x", "rank=x", "rank=2", "status=overdue", "soon=2026-13-01", "day=0000-00-00",
        "period=x", "period=2026-Q1", "stage=closed", "stage=handle", "state=failed", "gap=x", "format=pdf",
        "matter=x", "actor=x", "action=look", "key=yes",
    ],
)  # fmt: skip
def test_an_odd_query_is_passed_over(somebody, page, query):
    assert somebody("operator").get(f"{page}?{query}").status_code == 200
