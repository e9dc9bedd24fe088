"""In which words is a reply by SMS answered?

Register numbers, places and days only; no resident's name, no text of an opinion (R5.10). Callers: intake/replies.py.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from rules.facts import VisitKind
from templates.texts import clean

LONGEST_NAME: Final = 30
KINDS: Final = {VisitKind.STATION: "进站", VisitKind.GRID: "入网格"}

HELP: Final = (
    "可回复：1 批示已逾期事项；到站 3月31日 12人 或 到格 3月31日 12人 登记履职（日期、人数可不填）；"
    "TD 退订短信；TS 恢复。"
)
NOTHING_OVERDUE: Final = "没有需要您单位批示的逾期事项。"
OPTED_OUT: Final = "已退订，不再向本号码发送短信。回复TS恢复。"
OPTED_IN: Final = "已恢复向本号码发送短信。回复TD退订。"
NO_DEPUTY: Final = "本号码未登记为代表，不能登记履职。"
AHEAD: Final = "日期不能晚于今天，未登记。"
NOT_HELD: Final = "未能登记，请与联络站或镇街人大办联系。"


def acknowledged(labels: Sequence[str]) -> str:
    """Tell which matters were acknowledged.

    >>> acknowledged(["GH2026-0123", "GH2026-0124"])
    '已登记批示：GH2026-0123等2项，暂缓上报。'
    """
    first = clean(labels[0], LONGEST_NAME)
    return f"已登记批示：{first}{f'等{len(labels)}项' if len(labels) > 1 else ''}，暂缓上报。"


def visit_recorded(kind: VisitKind, day: date, place: str, voters: int | None) -> str:
    """Tell which visit was recorded.

    >>> visit_recorded(VisitKind.STATION, date(2026, 3, 31), "旺龙村联络站", 12)
    '已登记：3月31日进站（旺龙村联络站），接待12人次。'
    """
    met = f"，接待{voters}人次" if voters is not None else ""
    return f"已登记：{day.month}月{day.day}日{KINDS[kind]}（{clean(place, LONGEST_NAME)}）{met}。"


def no_place(kind: VisitKind) -> str:
    """Tell that no place is known to which the deputy could have gone."""
    return f"没有查到您的{'联络站' if kind is VisitKind.STATION else '联系网格'}，未登记，请与镇街人大办联系。"
