"""Does each notice read as an office would write it, within one segment where it can?"""

from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

import templates
from rules.derivations import Measure, Reckoning
from rules.facts import Channel, Contact, Deputy, MilestoneStage, Office, OfficeKind
from rules.ladders import RungKind
from rules.matters import Cause, MatterKind, Status
from rules.notices import Event
from rules.offices import House
from rules.petitions import Stage
from templates import terms
from templates.texts import units
from templates.wording import Wording, segments
from tests.templates.samples import (
    AFTER,
    BEFORE,
    CALENDAR,
    DEPUTY,
    DUE,
    EITHER,
    EVENTS,
    GRID,
    HOUSE,
    NOTICES,
    STATION,
    WORDING,
    contact,
    day_of,
    ended,
    inspection,
    milestone,
    notice,
    petition,
    visit,
)

FORBIDDEN = ("责令", "信访", "上访", "None", "{", "}", "deputy:", "office:", "，，", "。。", "，。", "  ")


def spell(each):
    return f"{each.matter.kind}-{each.matter.stage}-{each.rung}"


@pytest.mark.parametrize("each", NOTICES, ids=spell)
def test_every_rung_and_event_has_words(each):
    text = WORDING.sms([each], day_of(each))
    assert text.startswith("【鹤山人大】")
    assert text.endswith("。")
    assert "\n" not in text
    assert not [word for word in FORBIDDEN if word in text]
    if each.matter.kind is MatterKind.PETITION:
        assert "群众意见GH2030-0123号" in text


@pytest.mark.parametrize("each", NOTICES, ids=spell)
def test_an_sms_takes_one_segment_and_two_where_it_was_rerouted(each):
    assert segments(WORDING.sms([each], day_of(each))) <= (2 if each.rerouted else 1)


@pytest.mark.parametrize("each", NOTICES, ids=spell)
def test_every_rung_and_event_has_a_letter(each):
    email = WORDING.email([each], day_of(each))
    assert "2030年3月29日" in email.text
    assert not [word for word in FORBIDDEN[:-1] if word in email.text + email.subject]
    assert "旺龙" not in email.subject
    assert "李志明" not in email.subject
    assert WORDING.brief([each], day_of(each)) == WORDING.sms([each], day_of(each))


def test_no_event_and_no_stage_is_without_a_word():
    assert {each.rung for each in EVENTS} == set(Event)
    assert set(terms.HEADINGS) == {RungKind.OVERDUE, RungKind.CLIMB, *Event}
    assert set(terms.PETITION_ACTS) == set(Stage) - {Stage.CLOSED}
    assert set(terms.POINTS) == set(MilestoneStage)
    assert set(terms.KINDS) == set(terms.REMINDERS) == set(MatterKind)


# The texts --------------------------------------------------------------------------------

TEXTS = [
    (
        notice(visit(label="2030-03"), "remind-7"),
        "李志明代表：您好！3月进站、入网格履职尚未登记，请于3月29日前各完成1次。咨询：共和镇人大主席团。",
    ),
    (
        notice(visit((STATION,)), "remind-5"),
        "李志明代表：您好！您本季度已进站1次，尚缺入网格履职1次，请于3月29日前到联系网格开展并登记。咨询：共和镇人大主席团。",
    ),
    (
        notice(visit((GRID,)), "overdue"),
        "李志明代表：您好！您第一季度已入网格1次，尚缺进站履职1次，已过3月29日期限，请尽快到联络站开展并登记。",
    ),
    (
        notice(visit(label="2030-H1"), "climb-1"),
        (
            "督办提醒：李志明代表上半年尚缺进站、入网格履职各1次，期限3月29日，已逾期5个工作日，"
            "请共和镇人大主席团提醒督促其尽快补齐。"
        ),
    ),
    (
        notice(petition(Stage.HANDLE), "remind-2"),
        "办理提醒：群众意见GH2030-0123号将于3月29日到期，请共和镇农业农村办公室按期办结并登记。",
    ),
    (
        notice(petition(Stage.HANDLE), "overdue"),
        "逾期提醒：群众意见GH2030-0123号应于3月29日前办结，已逾期5个工作日，请共和镇农业农村办公室尽快办结并登记。",
    ),
    (
        notice(petition(Stage.HANDLE), "climb-1"),
        "督办提醒：群众意见GH2030-0123号已逾期5个工作日未办结，请共和镇人大主席团督促共和镇农业农村办公室办理。",
    ),
    (
        notice(petition(Stage.VERIFY), "climb-2"),
        "督办提醒：群众意见GH2030-0123号已逾期5个工作日未核实，请鹤山市人大常委会代表工委提醒李志明代表核实。",
    ),
    (
        notice(petition(Stage.FEEDBACK), "remind-2"),
        "李志明代表：您好！群众意见GH2030-0123号已有办理结果，请于3月29日前向群众反馈并登记。咨询：共和镇人大主席团。",
    ),
    (
        notice(petition(Stage.FEEDBACK, responsible="office:SP", town="SP"), "remind-2"),
        "办理提醒：群众意见GH2030-0123号将于3月29日到期，请沙坪街道人大工委按期反馈并登记。",
    ),
    (
        notice(petition(Stage.HANDLE, responsible="deputy:D1"), "overdue"),
        "李志明代表：您好！群众意见GH2030-0123号应于3月29日前办结，已逾期5个工作日，请尽快推动办结并登记。",
    ),
    (
        notice(milestone(), "remind-5"),
        "项目提醒：旺龙村道安全防护栏项目计划3月29日竣工，请鹤山市交通运输局按期推进并报送进度。",
    ),
    (
        notice(milestone(reckoned=Reckoning(Measure.PLANNED, date(2030, 3, 24))), "remind-5"),
        "项目提醒：旺龙村道安全防护栏项目计划3月24日竣工（期限3月29日），请鹤山市交通运输局按期推进并报送进度。",
    ),
    (
        notice(inspection(), "remind-3"),
        "李志明代表：您好！请到现场巡查旺龙村道安全防护栏项目，于3月29日前完成并登记。咨询：共和镇人大主席团。",
    ),
    (
        notice(petition(Stage.ASSIGN), Event.ASSIGN),
        "分办通知：群众意见GH2030-0123号已登记，请共和镇人大主席团于3月29日前分办。",
    ),
    (
        notice(petition(Stage.ACCEPT), Event.ASSIGNED),
        "签收通知：群众意见GH2030-0123号已分办，请共和镇农业农村办公室于3月29日前签收。",
    ),
    (
        notice(petition(Stage.VERIFY), Event.HANDLED),
        "李志明代表：您好！群众意见GH2030-0123号承办单位已办结，请代表核实，并于3月29日前登记结果。",
    ),
    (
        notice(petition(Stage.HANDLE, cause=Cause.REWORK), Event.REOPENED),
        "重办通知：群众意见GH2030-0123号经核实需重新办理，请共和镇农业农村办公室于3月29日前办结并登记。",
    ),
    (
        notice(petition(Stage.HANDLE, cause=Cause.DISSATISFIED), Event.REOPENED, contact("GH")),
        "重办通知：群众意见GH2030-0123号经反馈需重新办理，期限3月29日，请督促共和镇农业农村办公室按期办结。",
    ),
    (
        notice(milestone(slips=2), Event.REPLANNED),
        (
            "项目调整：项目旺龙村道安全防护栏项目竣工节点计划第2次调整，新期限3月29日，"
            "请鹤山市交通运输局抓紧推进，请贵单位关注。"
        ),
    ),
    (
        notice(ended(petition(Stage.HANDLE), Status.SETTLED, AFTER), Event.SETTLED),
        "督办结果：此前督办的群众意见GH2030-0123号（办理）已办结（4月5日），无需再督促。",
    ),
    (
        notice(ended(visit(), Status.EXCUSED), Event.SETTLED),
        "督办结果：此前督办的李志明代表第一季度履职已核准请假，无需再督促。",
    ),
    (
        notice(visit(), "remind-5", contact("GH"), rerouted=True),
        "履职提醒：李志明代表本季度尚缺进站、入网格履职各1次，期限3月29日。原收件代表无可用联系方式，转请贵单位处理。",
    ),
    (
        notice(milestone(label="学校项目"), "climb-2", contact("ZR"), rerouted=True),
        (
            "督办提醒：学校项目竣工节点已逾期5个工作日，请鹤山市人大常委会主任会议督促鹤山市交通运输局推进并报送进度。"
            "原收件单位无可用联系方式，转请贵单位处理。"
        ),
    ),
]


@pytest.mark.parametrize(("each", "text"), TEXTS, ids=lambda value: spell(value) if hasattr(value, "rung") else "")
def test_the_texts(each, text):
    shown = WORDING.sms([each], day_of(each))
    assert shown.replace("（原定3月29日）", "") == f"【鹤山人大】{text}"


@pytest.mark.parametrize(
    ("label", "rung", "words"),
    [
        ("2030-H1", "remind-30", "上半年"),
        ("2030-H2", "overdue", "下半年"),
        ("2030-Q2", "remind-5", "本季度"),
        ("2030-Q2", "overdue", "第二季度"),
        ("2030-03", "remind-2", "3月"),
        ("2030-03-09", "remind-2", "本周期"),
    ],
)
def test_the_period_in_words(label, rung, words):
    assert f"您好！{words}进站" in WORDING.sms([notice(visit(label=label), rung)], BEFORE)


@pytest.mark.parametrize(
    ("arrivals", "owed", "words"),
    [
        ((), (STATION, GRID), "本季度履职尚未登记，请于3月29日前进站或入网格完成1次并登记。"),
        ((), (GRID,), "您本季度入网格履职尚未登记，请于3月29日前到联系网格开展并登记。"),
        ((), (STATION,), "您本季度进站履职尚未登记，请于3月29日前到联络站开展并登记。"),
    ],
)
def test_where_one_arrival_is_enough_the_text_asks_for_one(arrivals, owed, words):
    assert words in EITHER.sms([notice(visit(arrivals, owed), "remind-5")], BEFORE)


def test_where_one_arrival_is_enough_the_town_reads_so_too():
    assert "尚缺履职1次（进站或入网格）" in EITHER.sms([notice(visit(), "climb-1")], AFTER)


@pytest.mark.parametrize(("status", "words"), list(terms.CLOSED.items()))
def test_a_settled_notice_says_how_it_ended(status, words):
    assert f"履职{words}" in WORDING.sms([notice(ended(visit(), status, None), Event.SETTLED)], AFTER)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2030, 3, 30), "已逾期，"),
        (date(2030, 4, 1), "已逾期1个工作日"),
        (date(2030, 4, 6), "已逾期5个工作日"),
        (date(2030, 5, 6), "已逾期24个工作日"),
    ],
)
def test_days_overdue_are_workdays(day, words):
    assert words in WORDING.sms([notice(petition(Stage.HANDLE), "overdue")], day)


def test_a_day_far_away_is_told_with_its_year():
    text = WORDING.sms([notice(petition(Stage.HANDLE, due=date(2028, 3, 1)), "overdue")], AFTER)
    assert "应于2028年3月1日前办结" in text


def test_the_signature_is_that_of_the_office():
    wording = Wording(HOUSE, calendar=CALENDAR, signature="鹤山市人民代表大会")
    assert wording.sms([notice(visit(), "overdue")], AFTER).startswith("【鹤山市人民代表大会】李志明")


# Fitting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("旺龙村道项目", "旺龙村道项目原定3月29日竣工，已逾期5个工作日，请鹤山市交通运输局加快推进"),
        ("旺龙村道" * 5, f"{'旺龙村道' * 5}原定3月29日竣工，已逾期5个工作日，请鹤山市交通运输局加快推进"),
        ("旺龙村道" * 6, f"{'旺龙村道' * 6}原定3月29日竣工，已逾期5个工作日，请责任单位加快推进"),
        ("旺龙村道" * 9, f"{('旺龙村道' * 9)[:24]}…原定3月29日竣工，已逾期5个工作日，请责任单位加快推进"),
    ],
    ids=["it fits", "it just fits", "the office's name goes", "the project's name is cut"],
)
def test_a_long_project_name_gives_way_step_by_step(label, words):
    text = WORDING.sms([notice(milestone(label=label), "overdue")], AFTER)
    assert words in text
    assert segments(text) == 1


def test_what_cannot_fit_one_segment_is_sent_in_full():
    text = WORDING.sms([notice(petition(Stage.HANDLE, label="9" * 40), "overdue")], AFTER)
    assert "9" * 40 in text
    assert "共和镇农业农村办公室" in text
    assert segments(text) == 2


# Merging ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "words"), [(1, ""), (2, "另有1项待办。"), (41, "另有40项待办。")])
def test_an_sms_tells_the_most_urgent_item_and_counts_the_others(count, words):
    first = notice(petition(Stage.HANDLE), "overdue")
    others = [notice(petition(Stage.HANDLE, label=f"N{i}"), "remind-2") for i in range(count - 1)]
    text = WORDING.sms([first, *others], AFTER)
    assert "GH2030-0123" in text
    assert "N0" not in text
    assert ("另有" in text) == bool(words)
    assert text.endswith(words)
    assert segments(text) == 1


def test_an_email_lists_every_item():
    items = [notice(petition(Stage.HANDLE, label=f"N{i}"), "climb-1", channel=Channel.EMAIL) for i in range(40)]
    email = WORDING.email(items, AFTER)
    assert email.subject == "【鹤山人大】督办提醒：群众意见N0号等40项"
    assert all(f"群众意见N{i}号" in email.text and f"群众意见N{i}号" in email.html for i in range(40))
    assert WORDING.brief(items, AFTER).endswith(f"（另有{len(items) - 1}项）")


def test_a_letter_reads_well():
    items = [
        notice(visit(), "overdue", channel=Channel.EMAIL),
        notice(inspection(), "remind-3", channel=Channel.EMAIL),
    ]
    assert WORDING.email(items, AFTER).text.splitlines() == [
        "李志明代表：您好！",
        "",
        "现有2项请您关注：",
        "",
        "1. 【逾期提醒】2030年第一季度进站、入网格履职截至2030年3月29日尚未登记，请尽快各补1次并登记。",
        "   期限：2030年3月29日",
        "2. 【巡查提醒】请到现场巡查旺龙村道安全防护栏项目，于2030年3月29日前完成并登记。",
        "   期限：2030年3月29日",
        "",
        "鹤山市人大常委会代表工委",
        "2030年4月5日",
        "",
        "本邮件由督办系统自动发出，请勿直接回复。",
    ]


# Hostile data ----------------------------------------------------------------------------

HOSTILE = [
    "{{7*7}}",
    "{% for x in '4' %}{{ x }}9{% endfor %}",
    "<svg onload=alert(1)>",
    "\"><script>alert('x')</script>",
    "旺龙\r\nBcc: all@example.cn\r\n\r\n正文",
    "龙" * 5000,
    "𠮷" * 5000,
    "\u202e\u2066旺龙\u200f\u2069",
    "【诈骗】旺龙",
    "旺\x00龙\x1b[31m\x7f",
    "\ud83d旺龙",
    "%s%n%(x)s",
    "",
]


class Tags(HTMLParser):
    """The elements of a page, and what it shows."""

    def __init__(self, page):
        super().__init__()
        self.found, self.shown = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.shown += data


PLAIN = {"html", "head", "meta", "title", "body", "p", "br", "b", "span", "table", "tr", "th", "td", "ul", "li"}


def hostile_house(text):
    return House(
        offices=[
            Office(id="DB", name=text, kind=OfficeKind.MUNICIPAL),
            Office(id="GH", name=text, kind=OfficeKind.TOWN, parent="DB"),
        ],
        contacts=[Contact(id="C", office="GH", name=text, mobile="13800000001")],
        deputies=[Deputy(id="D1", name=text, mobile="13800000002")],
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("rung", ["remind-2", "overdue", "climb-1", "event-settled"])
@pytest.mark.parametrize("make", [visit, milestone, inspection])
def test_hostile_data_is_inert(make, rung, text):
    house = hostile_house(text)
    wording = Wording(house, calendar=CALENDAR)
    of = make(label=text) if make is not visit else make()
    of = ended(of, Status.SETTLED, AFTER) if rung == "event-settled" else of
    person = house.route("deputy:D1", "GH").people[0] if of.responsible == "deputy:D1" else house.staff("GH")[0]
    each = notice(of, rung, person if not rung.startswith(("climb", "event")) else house.staff("GH")[0])
    sms, email = wording.sms([each], AFTER), wording.email([each], AFTER)
    for line in (sms, email.subject):
        assert line.isprintable()
        assert line.count("【") == line.count("】") == 1
    assert units(sms) <= 8 * 67
    assert "\r" not in email.text + email.html
    assert "\nBcc" not in email.text
    assert "49" not in sms + email.text + email.html
    assert Tags(email.html).found <= PLAIN
    assert len(email.text) < 1000
    for part in (sms, email.subject, email.text, email.html):
        part.encode()


def test_what_is_escaped_is_shown_as_it_stands():
    email = WORDING.email([notice(milestone(label="<b>{{7*7}}</b>&amp;"), "remind-5")], BEFORE)
    assert "<b>{{7*7}}</b>&amp;" in Tags(email.html).shown
    assert "<b>{{7*7}}</b>&amp;" in email.text


def test_templates_never_mark_data_as_safe():
    folder = Path(templates.__file__).parent
    for room in ("sms", "email", "digest"):
        files = list((folder / room).glob("*.j2"))
        assert files
        for file in files:
            source = file.read_text(encoding="utf-8")
            assert "safe" not in source
            assert "autoescape" not in source


def test_a_notice_to_nobody_has_words_for_the_operator():
    each = notice(visit(), "overdue", DEPUTY)
    nobody = type(each)(matter=each.matter, rung=each.rung, person=None, channel=None, verdict=each.verdict)
    assert "李志明代表" in WORDING.brief([nobody], AFTER)
    assert WORDING.email([nobody], DUE).subject == "【鹤山人大】逾期提醒：代表履职"
