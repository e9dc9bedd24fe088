"""What does a terminal show while duban runs?

The clock, the lights of the towns, the last steps, and messages as a phone and a mailbox would show them. It reads
the database and changes nothing. Callers: `duban up`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from actors.steps import next_instant
from rules.digests import Counts
from rules.dockets import Desk
from rules.facts import SHANGHAI, Channel, OfficeKind, local_day
from store import outbox, projection, sandbox
from store.ahead import look_ahead
from store.sandbox import Kept

PHONES: Final = 3
MAILS: Final = 6
STEPS: Final = 8
PHONE_WIDTH: Final = 44
WEEKDAYS: Final = "一二三四五六日"
STATES: Final = {
    "due": "待发",
    "sending": "在发",
    "accepted": "已发出",
    "failed": "失败",
    "superseded": "已失效",
    "undeliverable": "无法送达",
    "unknown": "结果不明",
}
GREEN, YELLOW, RED = "green", "yellow", "red"


@dataclass(frozen=True, slots=True)
class Town:
    """A town office with its matters by light: green open, yellow due soon, red overdue."""

    name: str
    live: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Scene:
    """What is on the screen at one moment."""

    now: datetime
    day_kind: str
    speed: float
    held: bool
    towns: Sequence[Town]
    states: dict[str, int]
    phones: Sequence[tuple[str, Kept]]  #: name of the person, message
    mails: Sequence[tuple[str, Kept]]
    steps: Sequence[str]
    coming: datetime  #: when something is due next


class StepLog:
    """The last steps that did something, in words."""

    def __init__(self) -> None:
        """Start empty."""
        self.lines: deque[str] = deque(maxlen=STEPS)

    def __call__(self, at: datetime, reckoned: int, digests: int, notices: int, messages: int) -> None:
        """Note a step, unless all it did was to reckon anew."""
        # Messages are made by a step: whether they leave is not known then.
        parts = {"简报": digests, "督办通知": notices, "生成消息": messages, "核算": reckoned}
        said = "，".join(f"{what} {count}" for what, count in parts.items() if count)
        if digests or notices or messages:
            self.lines.append(f"{at.astimezone(SHANGHAI):%m-%d %H:%M}  {said}")


def look(connection: Connection, desk: Desk, now: datetime, speed: float, steps: StepLog) -> Scene:
    """Read what is to be shown."""
    day = local_day(now)
    house, calendar = desk.house, desk.calendar
    counts = projection.count_by_town(connection, day, calendar.workdays(day, desk.policy.soon_days))
    live = projection.live_by_town(connection, day)
    kind = "工作日" if calendar.is_workday(day) else calendar.holiday(day) or "休息日"

    def named(kept: list[Kept]) -> list[tuple[str, Kept]]:
        people = ((house.person(one.person), one) for one in kept)
        return [(person.name if person else one.person, one) for person, one in people]

    return Scene(
        now=now,
        day_kind=kind,
        speed=speed,
        held=outbox.held_because(connection) is not None,
        towns=[
            Town(office.name, live.get(office.id, 0), counts.get(office.id, Counts()))
            for office in house.offices.values()
            if office.kind is OfficeKind.TOWN
        ],
        states=outbox.count_by_state(connection),
        phones=named(sandbox.latest(connection, Channel.SMS, PHONES)),
        mails=named(sandbox.latest(connection, Channel.EMAIL, MAILS)),
        steps=list(steps.lines),
        coming=next_instant(look_ahead(connection), desk),
    )


def draw(scene: Scene) -> RenderableType:
    """Return the screen."""
    middle = Table.grid(padding=(0, 2), expand=True)
    middle.add_row(_lights(scene), Group(_steps(scene), _mails(scene)))
    return Group(_head(scene), middle, _phones(scene), Text("Ctrl-C 结束；再次启动从此处继续", style="dim"))


def _head(scene: Scene) -> RenderableType:
    local = scene.now.astimezone(SHANGHAI)
    states = "  ".join(f"{STATES.get(state, state)} {count}" for state, count in sorted(scene.states.items())) or "—"
    held = Text("  暂停发送", style="bold red") if scene.held else Text()
    speed = f"  ×{scene.speed:g}" if scene.speed != 1 else ""
    clock = Text(f"{local:%Y-%m-%d} 星期{WEEKDAYS[local.weekday()]} {local:%H:%M:%S}", style="bold")
    coming = f"{scene.coming.astimezone(SHANGHAI):%m-%d %H:%M}"
    line = Text.assemble(clock, f"  {scene.day_kind}{speed}  下一时点 {coming}  消息：{states}", held)
    return Panel(line, title="督办 duban", box=box.ROUNDED)


def _lights(scene: Scene) -> RenderableType:
    table = Table(title="各镇街督办事项", box=box.SIMPLE, pad_edge=False)
    table.add_column("镇街")
    for title, colour in (("● 在办", GREEN), ("● 将到期", YELLOW), ("● 逾期", RED)):
        table.add_column(Text(title, style=colour), justify="right")
    for town in scene.towns:
        counts = town.counts
        calm = town.live - counts.due_soon - counts.overdue
        cells = ((calm, GREEN), (counts.due_soon, YELLOW), (counts.overdue, RED))
        table.add_row(town.name, *(Text(str(n), style=colour if n else "dim") for n, colour in cells))
    return table


def _steps(scene: Scene) -> RenderableType:
    return Panel(Text("\n".join(scene.steps) or "等待第一个时点……"), title="最近的时点", box=box.SIMPLE)


def _mails(scene: Scene) -> RenderableType:
    lines = [
        Text(f"{_at(kept)}  {name}  {kept.subject or ''}", no_wrap=True, overflow="ellipsis")
        for name, kept in scene.mails
    ]
    return Panel(Group(*lines) if lines else Text("还没有邮件", style="dim"), title="邮箱", box=box.SIMPLE)


def _phones(scene: Scene) -> RenderableType:
    phones = Table.grid(padding=(0, 1))
    if not scene.phones:
        return Panel(Text("还没有短信", style="dim"), title="手机", width=PHONE_WIDTH)
    phones.add_row(*(_phone(name, kept) for name, kept in scene.phones))
    return phones


def _phone(name: str, kept: Kept) -> RenderableType:
    # Chinese has no blanks to break at: fold at the edge, as a phone does.
    words = Text(kept.body, overflow="fold", no_wrap=False)
    return Panel(words, title=f"{name} {_at(kept)}", box=box.ROUNDED, width=PHONE_WIDTH)


def _at(kept: Kept) -> str:
    return f"{kept.at.astimezone(SHANGHAI):%m-%d %H:%M}"
