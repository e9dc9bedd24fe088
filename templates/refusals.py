"""What does a refusal say to somebody who reads Chinese?

The rules and the record's checks say in English what they want; here is the same for the people at the console. What
has no sentence here is shown as it is. Source: docs/glossary.md. Caller: web/pages/forms.py.
"""

import re
from collections.abc import Callable
from typing import Final

from templates.console_texts import term

DAY: Final = r"(\d{4}-\d\d-\d\d)"
Words = Callable[..., str]


def _at_stage(stage: str, since: str, admitted: str) -> str:
    events = "、".join(term("event", name, "zh") for name in admitted.split(", "))
    return f"现处于{term('stage', stage, 'zh')}环节（{since}起），可办：{events}"


#: what is refused → the Chinese sentence, from what the pattern found
SENTENCES: Final[tuple[tuple[re.Pattern[str], Words], ...]] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (rf"is at stage \w+ since {DAY}: it admits nothing more", lambda d: f"已于{d}闭环，不能再办"),
        (rf"is at stage (\w+) since {DAY}: it admits ([\w, ]+?);", _at_stage),
        (r"no second extension", lambda: "本轮已延期过一次，不能再延期"),
        (rf"an extension on or before the due date, {DAY}", lambda d: f"延期须在期限当日（{d}）或之前提出"),
        (rf"a day after the due date, {DAY}", lambda d: f"应晚于现有期限{d}"),
        (rf"for a formal proposal, a day up to {DAY}", lambda d: f"代表建议最迟延至{d}"),
        (rf"a day from {DAY} on", lambda d: f"应为{d}或之后的日期"),
        (rf"a day after {DAY}", lambda d: f"应晚于{d}"),
        (rf"a day up to that of at, {DAY}", lambda d: f"不能晚于今天（{d}）"),
        (r"a formal proposal has its own due date", lambda: "代表建议有自己的期限，不再另填"),
        (r"a department under ", lambda: "应为本镇街或市级的承办单位"),
        (r"a level higher than (\w+)", lambda level: f"应高于现有层级（{term('petition_level', level, 'zh')}）"),
        (r"nothing: \w+ has no (\w+)", lambda _: "此环节不填这一项"),
        (r"(?:a value: \w+ needs|nothing is given)", lambda: "请填写此项"),
        (rf"a milestone that is not done; (\d+) of project .* is since {DAY}", lambda n, d: f"节点{n}已于{d}完成"),
        (r"milestone (\d+) of project .* done first", lambda n: f"须先完成节点{n}"),
        (r"another day than the one already planned", lambda: "与现有计划日期相同，请填另一天"),
        (r"; project .* has not broken ground", lambda: "尚未开工，不能登记巡查"),
        (r"an inspection between groundbreaking and acceptance", lambda: "项目已验收，不再巡查"),
        (r"an overdue matter; this one is (\w+)", lambda s: f"只有逾期事项可以批示；此事项{term('status', s, 'zh')}"),
        (r"an office that the matter climbs to", lambda: "应为此事项上报链上的机构"),
        (r"an open stage; the petition is closed", lambda: "此意见已闭环"),
        (rf"is before the first day, {DAY}", lambda d: f"不能早于起始日{d}"),
        (r"was recorded, (.+)$", lambda at: f"不能早于登记时间（{at}）"),
        (r"which is on record, out of order", lambda: "与已登记的后续环节先后冲突"),
        (r"is on record already", lambda: "此编号已被使用"),
        (r"is not a mainland mobile number", lambda: "应为11位手机号"),
        (r"is longer than (\d+) characters", lambda n: f"最多{n}个字"),
    )
)  # fmt: skip


def refusal_in(lang: str, problem: str) -> str:
    """Return what is refused and what is wanted, in a language.

    >>> refusal_in("zh", "does not hold; want a day from 2026-03-19 on")
    '应为2026-03-19或之后的日期'
    >>> refusal_in("zh", "petition P1 is at stage verify since 2026-03-19: it admits verified, raised; got handled")
    '现处于跟踪核实环节（2026-03-19起），可办：核实、提级'
    >>> refusal_in("en", "does not hold; want a day from 2026-03-19 on")
    'does not hold; want a day from 2026-03-19 on'
    """
    if lang == "zh":
        for pattern, words in SENTENCES:
            if found := pattern.search(problem):
                return words(*found.groups())
    return problem
