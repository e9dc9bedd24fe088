"""Does a digest tell its numbers first, and what they are made of?"""

from dataclasses import replace

import pytest

from rules.digests import Counts, DigestKind
from rules.petitions import Stage
from templates.wording import segments
from tests.templates.samples import AFTER, BEFORE, MATTERS, VIEW, WORDING, inspection, milestone, petition, visit
from tests.templates.test_wording import HOSTILE, PLAIN, Tags


@pytest.mark.parametrize(
    ("kind", "period", "title"),
    [
        (DigestKind.DAILY, "2030-04-05", "督办日报（2030年4月5日）"),
        (DigestKind.WEEKLY, "2030-W04", "督办周报（2030年第4周）"),
        (DigestKind.MONTHLY, "2030-03", "督办月报（2030年3月）"),
    ],
)
def test_the_subject_has_the_period_and_the_numbers(kind, period, title):
    email = WORDING.digest_email(replace(VIEW, kind=kind, period=period))
    assert email.subject == f"【鹤山人大】{title}：即将到期5项，逾期3项"


def test_the_text_of_a_digest():
    view = replace(VIEW, worst=WORDING.lines([visit(), petition(Stage.HANDLE), milestone()], AFTER))
    assert WORDING.digest_email(view).text.splitlines() == [
        "鹤山市人大常委会代表工委：您好！",
        "",
        "督办周报（2030年第14周）",
        "",
        "即将到期：5项",
        "逾期：3项",
        "",
        "逾期事项，按督办进度",
        "- 已提示责任方：2项",
        "- 已上报第1级：1项",
        "",
        "各镇街",
        "- 共和镇人大主席团：即将到期5项，逾期1项",
        "- 沙坪街道人大工委：即将到期0项，逾期2项",
        "",
        "已逐级督办、逾期最久的事项",
        "- 旺龙村道安全防护栏项目竣工节点，鹤山市交通运输局，期限2030年3月29日，逾期5个工作日",
        "- 群众意见GH2030-0123号（办理），共和镇农业农村办公室，期限2030年3月29日，逾期5个工作日",
        "- 李志明代表2030年第一季度履职，李志明代表，期限2030年3月29日，逾期5个工作日",
        "",
        "网格覆盖与联系方式",
        "- 席位S9没有网格",
        "",
        "鹤山市人大常委会代表工委",
        "2030年4月5日",
        "",
        "本邮件由督办系统自动发出，请勿直接回复。",
    ]


def test_both_forms_tell_the_same():
    email = WORDING.digest_email(VIEW)
    shown = Tags(email.html).shown
    for words in ("共和镇人大主席团", "沙坪街道人大工委", "席位S9没有网格", "已上报第1级", "旺龙村道安全防护栏项目"):
        assert words in email.text
        assert words in shown


def test_bars_are_as_long_as_their_numbers():
    html = WORDING.digest_email(VIEW).html
    assert html.count('width="160"') == 2  # the most overdue rung, and the town with the most due soon
    assert 'width="80"' in html
    assert 'width="64"' in html
    assert "<img" not in html
    assert "<svg" not in html


def test_a_digest_without_anything_is_short():
    view = replace(VIEW, counts=Counts(), rungs=(), towns=(), worst=(), findings=())
    email = WORDING.digest_email(view)
    assert "即将到期：0项" in email.text
    assert "镇街" not in email.text
    assert "网格覆盖" not in email.html


def test_zero_counts_have_no_bar():
    view = replace(VIEW, rungs=(), towns=(("共和镇人大主席团", Counts()),))
    assert "bgcolor" not in WORDING.digest_email(view).html


def test_many_findings_are_cut_and_counted():
    email = WORDING.digest_email(replace(VIEW, findings=tuple(f"席位S{i:02}没有网格" for i in range(25))))
    assert "席位S19" in email.text
    assert "席位S20" not in email.text
    assert "另有5项" in email.text
    assert "另有5项" in email.html


def test_the_oldest_come_first_and_only_those_overdue():
    assert WORDING.lines(MATTERS, BEFORE) == ()
    old = petition(Stage.HANDLE, label="OLD", due=BEFORE)
    assert [line.late for line in WORDING.lines([*MATTERS, old], AFTER, most=2)] == [10, 5]


@pytest.mark.parametrize(("overdue", "words"), [(3, "督促办理。"), (0, "知悉。")])
def test_the_digest_as_an_sms_has_the_numbers_alone(overdue, words):
    text = WORDING.digest_sms(replace(VIEW, counts=Counts(5, overdue)))
    assert text.startswith(f"【鹤山人大】督办周报（2030年第14周）：即将到期5项，逾期{overdue}项，请")
    assert text.endswith(words)
    assert segments(text) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_data_is_inert_in_digests(text):
    line = WORDING.lines([milestone(label=text)], AFTER)
    view = replace(VIEW, office=text, towns=((text, Counts(1, 1)),), worst=line, findings=(text,))
    email = WORDING.digest_email(view)
    assert Tags(email.html).found <= PLAIN
    assert "\r" not in email.text + email.html
    assert "\nBcc" not in email.text
    assert email.subject.isprintable()
    assert WORDING.digest_sms(view).count("【") == 1
    email.html.encode()


@pytest.mark.parametrize(
    "label", ["GH-2026-9001", "2026-13-45", "2026-03-09", "G325-鹤山-13段", "A-B", "-", "--", "Q-9"]
)
def test_a_number_or_a_name_of_whatever_shape_is_told_as_it_is(label):
    many = [petition(Stage.HANDLE, label=label), milestone(label=label), inspection(label=label)]
    for matter, line in zip(many, (WORDING.lines([matter], AFTER)[0] for matter in many), strict=True):
        assert label in line.name, matter.id


def test_every_rung_has_a_name():
    email = WORDING.digest_email(replace(VIEW, rungs=(("climb-2", 1), ("climb-1", 2), ("overdue", 3), ("", 4))))
    assert "- 已上报第2级：1项\n- 已上报第1级：2项\n- 已提示责任方：3项\n- 尚未提示：4项\n" in email.text
