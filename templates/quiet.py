"""What does the operator read each workday: that all is quiet, or what to look at?

Caller: actors/watching.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape

from templates.letters import Email

#: state of a message → how the operator reads it
STATES = {
    "accepted": "已交网关",
    "delivered": "已送达",
    "failed": "失败",
    "unknown": "结果不明",
    "undeliverable": "无法送达",
    "held": "暂停",
    "due": "待发",
    "sending": "发送中",
    "superseded": "已不适用",
    "expired": "已过期",
}


@dataclass(frozen=True, slots=True)
class Quiet:
    """What the daily watch found."""

    day: date
    amiss: tuple[str, ...]
    messages: Mapping[str, int]  #: messages of the day by state
    open_findings: int
    checkpoint: str | None = None  #: of the audit trail: kept by its readers, it proves that nothing was cut off


def quiet_mail(quiet: Quiet) -> Email:
    """Put the outcome of a watch into words; the first line says it all.

    >>> quiet_mail(Quiet(date(2026, 3, 31), (), {"delivered": 3}, 0)).subject
    '【督办】2026-03-31 一切正常 all quiet'
    """
    verdict = f"{len(quiet.amiss)}项需要查看 look at {len(quiet.amiss)}" if quiet.amiss else "一切正常 all quiet"
    sent = "、".join(f"{STATES.get(state, state)}{count}" for state, count in sorted(quiet.messages.items())) or "无"
    lines = [
        verdict,
        *(f"· {line}" for line in quiet.amiss),
        f"今日消息：{sent}",
        f"待处理事项：{quiet.open_findings}（duban status，或控制台“待办”）",
        *([f"审计存证 checkpoint：{quiet.checkpoint}"] if quiet.checkpoint else []),
    ]
    html = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return Email(f"【督办】{quiet.day.isoformat()} {verdict}", "\n".join(lines), html)
