"""What stands on the screen while duban runs: towns, lights, messages in full?"""

import re
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from daemon.view import Scene, StepLog, Town, draw
from rules.digests import Counts
from store.sandbox import Kept

NOW = datetime(2026, 3, 31, 1, 0, 5, tzinfo=UTC)
NAMES = ["沙坪人大街道工委", "龙口镇人大主席团", "雅瑶镇人大主席团", "古劳镇人大主席团", "桃源镇人大主席团"]
SHORT = "【鹤山人大】签收通知：群众意见GH2026-0151号已分办，请龙口公共服务办于3月10日前签收。"
LONG = (
    "【鹤山人大】李甲代表：您好！您本月（3月）的进站入网任务尚缺：进站、入网，请于3月31日前完成并登记。"
    "另有2项待办，详见督办平台。咨询：桃源镇人大主席团。"
)
WIDTHS = [120, 100]


def kept(number, body, channel="sms", subject=None):
    return Kept(number, NOW, channel, "deputy:DA", "13811110001", subject, body, None, number, f"a{number}")


def scene(**given: Any) -> Scene:
    shown: dict[str, Any] = {
        "now": NOW,
        "day_kind": "工作日",
        "speed": 60.0,
        "held": False,
        "towns": [Town(name, 100 + n, Counts(due_soon=10 + n, overdue=n)) for n, name in enumerate(NAMES)],
        "states": {"accepted": 276},
        "phones": [],
        "mails": [],
        "steps": [],
        "coming": NOW,
    }
    return Scene(**(shown | given))


def drawn(shown, width=120):
    console = Console(record=True, width=width, height=40, file=StringIO(), force_terminal=True)
    console.print(draw(shown))
    return console.export_text(styles=False)


def coloured(shown):
    console = Console(width=120, file=StringIO(), force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as capture:
        console.print(draw(shown))
    return capture.get()


def codes(line):
    """The numbers of a line, each with the colour that it has."""
    return [(code, number) for code, number in re.findall(r"\x1b\[(\d+)m *(\d+)\x1b", line)]


def cells_of(line):
    """The cells of a line; a Chinese character takes two, of which the second is empty."""
    return [part for character in line for part in (character, *[""] * (cell_len(character) - 1))]


def phone_texts(text):
    """What the phones at the foot say, each joined to one line again."""
    lines = [cells_of(line) for line in text.splitlines()]
    top = max(number for number, cells in enumerate(lines) if "╭" in cells)
    edges = [place for place, cell in enumerate(lines[top]) if cell in {"╭", "╮"}]
    phones = zip(edges[::2], edges[1::2], strict=True)
    inside = [
        [cells[left + 1 : right] for cells in lines[top + 1 :] if cells[left : left + 1] == ["│"]]
        for left, right in phones
    ]
    return ["".join("".join(cells).strip() for cells in phone) for phone in inside]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_town_stands_there_with_its_three_lights(width):
    text = drawn(scene(), width)
    for n, name in enumerate(NAMES):
        (line,) = (line for line in text.splitlines() if name in line)
        # In hand and calm: those open less those that are due soon or overdue.
        assert line.split()[1:4] == [str(100 + n - 10 - 2 * n), str(10 + n), str(n)]
    assert "● 在办" in text
    assert "● 将到期" in text
    assert "● 逾期" in text


def test_a_light_that_is_out_is_dim_and_one_that_burns_is_coloured():
    lines = coloured(scene()).splitlines()
    (calm,) = (line for line in lines if NAMES[0] in line)
    (late,) = (line for line in lines if NAMES[3] in line)
    assert codes(calm) == [("32", "90"), ("33", "10"), ("2", "0")]
    assert codes(late) == [("32", "87"), ("33", "13"), ("31", "3")]


def test_the_clock_tells_local_time_weekday_kind_of_day_and_speed():
    head = drawn(scene()).splitlines()[1]
    assert "2026-03-31 星期二 09:00:05  工作日  ×60" in head
    assert "×" not in drawn(scene(speed=1.0)).splitlines()[1]


def test_it_is_plain_to_see_that_sending_is_held():
    assert "暂停发送" in drawn(scene(held=True))
    assert "暂停发送" not in drawn(scene())


def test_before_anything_happens_the_screen_says_what_will_come():
    text = drawn(scene())
    assert "还没有短信" in text
    assert "还没有邮件" in text
    assert "等待第一个时点" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_short_message_stands_on_the_phone_in_full(width, count):
    text = drawn(scene(phones=[("李甲", kept(n, SHORT)) for n in range(count)]), width)
    assert phone_texts(text) == [SHORT] * count


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_long_message_stands_on_the_phone_in_full(width, count):
    text = drawn(scene(phones=[("李甲", kept(n, LONG)) for n in range(count)]), width)
    assert phone_texts(text) == [LONG] * count


def test_a_mail_shows_whom_it_went_to_and_its_subject():
    text = drawn(scene(mails=[("陈四", kept(1, "…", "email", "【鹤山人大】逾期提醒"))]))
    assert "03-31 09:00  陈四  【鹤山人大】逾期提醒" in text


def test_a_step_is_told_by_what_it_did_and_one_that_did_nothing_is_not():
    steps = StepLog()
    steps(NOW, 2, 0, 38, 33)
    steps(NOW, 0, 0, 0, 0)
    assert list(steps.lines) == ["03-31 09:00  督办通知 38，生成消息 33，核算 2"]
    assert steps.lines[0] in drawn(scene(steps=list(steps.lines)))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width):
    shown = scene(phones=[("李甲", kept(1, LONG))] * 3, mails=[("陈四", kept(2, "…", "email", LONG))] * 4)
    assert max(map(cell_len, drawn(shown, width).splitlines())) <= width
