"""Which words does the console use for the terms of the rules, in Chinese and in English?

Sentences stand in the templates, in both languages side by side; here are the terms that several pages share.
Source: docs/glossary.md. Caller: web/pages/.
"""

from collections.abc import Mapping
from typing import Final

Pair = tuple[str, str]  #: Chinese, English

TERMS: Final[Mapping[str, Mapping[str, Pair]]] = {
    "kind": {
        "visit": ("代表履职", "Visits"),
        "petition": ("群众意见", "Opinions"),
        "milestone": ("项目节点", "Milestones"),
        "inspection": ("现场巡查", "Inspections"),
    },
    "status": {
        "open": ("进行中", "Open"),
        "overdue": ("逾期", "Overdue"),
        "met": ("已完成", "Met"),
        "late": ("已补齐", "Late"),
        "missed": ("未完成", "Missed"),
        "excused": ("准假", "Excused"),
        "cancelled": ("已取消", "Cancelled"),
        "settled": ("已办结", "Settled"),
        "closed": ("已闭环", "Closed"),
        "withdrawn": ("已撤回", "Withdrawn"),
        "unreckoned": ("待推算", "Not reckoned yet"),
    },
    "level": {
        "province": ("省代表", "Province"),
        "prefecture": ("江门市代表", "Prefecture"),
        "county": ("鹤山市代表", "County"),
        "town": ("镇代表", "Town"),
    },
    "petition_level": {
        "self": ("自行解决", "By the deputy"),
        "town": ("镇街", "Town"),
        "municipal": ("市级", "Municipal"),
    },
    "stage": {
        "assign": ("任务分办", "Assignment"),
        "accept": ("签收", "Acceptance"),
        "handle": ("协同处置", "Handling"),
        "verify": ("跟踪核实", "Verification"),
        "feedback": ("结果反馈", "Feedback"),
        "closed": ("已闭环", "Closed"),
        "withdrawn": ("已撤回", "Withdrawn"),
        "unreckoned": ("待推算", "Not reckoned yet"),
    },
    "milestone": {
        "approved": ("立项", "Approved"),
        "funded": ("资金落实", "Funded"),
        "groundbreaking": ("开工", "Groundbreaking"),
        "progress": ("进度", "Progress"),
        "completion": ("竣工", "Completion"),
        "acceptance": ("验收", "Acceptance"),
        "feedback": ("结果反馈", "Feedback"),
    },
    "event": {
        "registered": ("登记", "Registered"),
        "assigned": ("交办", "Assigned"),
        "accepted": ("签收", "Accepted"),
        "returned": ("退回", "Returned"),
        "raised": ("提级", "Raised"),
        "extended": ("延期", "Extended"),
        "handled": ("办结", "Handled"),
        "verified": ("核实", "Verified"),
        "fed_back": ("反馈", "Fed back"),
        "withdrawn": ("撤回", "Withdrawn"),
        "acknowledged": ("批示", "Acknowledged"),
        "done": ("完成", "Done"),
        "replan": ("调整", "Replanned"),
        "inspected": ("巡查", "Inspected"),
    },
    "result": {
        "ok": ("属实", "Confirmed"),
        "rework": ("重办", "Rework"),
        "satisfied": ("满意", "Satisfied"),
        "basically": ("基本满意", "Basically satisfied"),
        "dissatisfied": ("不满意", "Dissatisfied"),
    },
    "visit": {"station": ("进站", "Station"), "grid": ("入网格", "Grid")},
    "form": {
        "reception": ("现场接访", "Reception"),
        "meeting": ("见面会", "Meeting"),
        "patrol": ("巡查走访", "Patrol"),
        "household": ("入户服务", "Household visit"),
        "other": ("其他", "Other"),
    },
    "channel": {"sms": ("短信", "SMS"), "email": ("邮件", "E-mail")},
    "message_kind": {
        "notices": ("督办提醒", "Notices"),
        "digest": ("督办简报", "Digest"),
        "operator": ("运维通知", "For the operator"),
    },
    "state": {
        "due": ("待发送", "Due"),
        "held": ("暂停中", "Held"),
        "sending": ("发送中", "Sending"),
        "accepted": ("已提交", "Accepted"),
        "delivered": ("已送达", "Delivered"),
        "failed": ("失败", "Failed"),
        "unknown": ("结果不明", "Unknown"),
        "superseded": ("已作废", "Superseded"),
        "expired": ("已过时", "Expired"),
        "undeliverable": ("无法送达", "Undeliverable"),
        "waiting": ("待发出", "Waiting"),
        "bundled": ("已编入消息", "In a message"),
        "recorded": ("仅记录", "Recorded"),
    },
    "rung_state": {
        "sent": ("已提示", "Told"),
        "skipped": ("由后一级代替", "Gave way"),
        "undeliverable": ("无人可送达", "Nobody could be reached"),
        "dropped": ("不需要：事项立项时已过此日", "Dropped: it would come before the matter opened"),
        "before-start": ("不提示：早于启用日", "Never: before the system was taken into use"),
        "closed": ("不再提示：事项已结束", "Never: the matter is closed"),
        "gave-way": ("由后一级代替", "Gave way"),
        "to-come": ("将提示", "To come"),
    },
    "outcome": {
        "accepted": ("网关已受理", "Accepted"),
        "refused": ("网关拒绝", "Refused"),
        "unknown": ("无答复", "Unknown"),
        "dropped": ("未发出", "Dropped"),
    },
    "gap": {
        "seat-without-grid": ("席位未编入网格", "Seat without a grid"),
        "seat-without-station": ("席位无站可进", "Seat without a station"),
        "grid-without-deputy": ("网格无在任代表", "Grid without a deputy"),
        "office-out-of-reach": ("单位无可联系的在岗联系人", "Office without a reachable contact"),
        "deputy-out-of-reach": ("代表无可用联系方式", "Deputy who cannot be reached"),
        "unusable-address": ("手机号或邮箱无效", "Unusable number or address"),
    },
    "finding": {
        "coverage": ("覆盖缺口", "Coverage"),
        "undeliverable": ("无法送达", "Undeliverable"),
        "unknown": ("结果不明", "Unknown outcome"),
        "failed": ("发送失败", "Failed"),
        "calendar": ("日历", "Calendar"),
        "clock": ("时钟", "Clock"),
        "record": ("卷宗", "Record"),
    },
    "role": {
        "operator": ("管理员", "Operator"),
        "municipal": ("代表工委", "Municipal office"),
        "town": ("镇街人大", "Town office"),
        "station": ("联络站", "Station"),
        "deputy": ("代表", "Deputy"),
    },
    "audit": {
        "signed-in": ("登录", "Signed in"),
        "look": ("查看群众信息", "Looked at a resident's data"),
        "hold": ("暂停发送", "Held sending"),
        "release": ("恢复发送", "Released sending"),
        "retry": ("重发", "Retried"),
        "visit": ("登记履职", "Recorded a visit"),
        "leave": ("登记请假", "Recorded a leave"),
        "petition": ("登记意见", "Registered an opinion"),
        "petition-event": ("办理意见", "Reported on an opinion"),
        "project-event": ("项目进展", "Reported on a project"),
        "acknowledge": ("批示", "Acknowledged"),
        "finding-done": ("处理待办", "Dealt with a finding"),
        "export": ("导出", "Exported"),
    },
    "weekday": {
        "0": ("一", "Mon"), "1": ("二", "Tue"), "2": ("三", "Wed"), "3": ("四", "Thu"), "4": ("五", "Fri"),
        "5": ("六", "Sat"), "6": ("日", "Sun"),
    },
}  # fmt: skip


def term(group: str, value: object, lang: str) -> str:
    """Return a term in a language; what has no word is shown as it is.

    >>> term("status", "overdue", "zh"), term("status", "overdue", "en"), term("finding", "other", "zh")
    ('逾期', 'Overdue', 'other')
    """
    pair = TERMS[group].get(str(value))
    return str(value) if pair is None else pair[lang != "zh"]


def rung_in_words(rung: str, lang: str) -> str:
    """Return what a rung or an event notice is called.

    >>> rung_in_words("climb-2", "zh"), rung_in_words("remind-7", "zh"), rung_in_words("event-assigned", "en")
    ('上报第2级', '到期前7天提醒', 'Notice: assigned')
    """
    kind, _, rest = rung.partition("-")
    match kind:
        case "remind":
            return (f"到期前{rest}天提醒", f"Reminder, {rest} before")[lang != "zh"]
        case "overdue":
            return ("逾期提示责任方", "Overdue: told to whoever is responsible")[lang != "zh"]
        case "climb":
            return (f"上报第{rest}级", f"Climb to office {rest}")[lang != "zh"]
        case _:
            return (f"通知：{EVENTS.get(rest, rest)}", f"Notice: {rest}")[lang != "zh"]


EVENTS: Final = {
    "assign": "待分办",
    "assigned": "已交办",
    "handled": "请核实",
    "reopened": "重新办理",
    "replanned": "项目再次延后",
    "settled": "督办结果",
}


def rank_in_words(rank: int, lang: str) -> str:
    """Return how far an overdue matter has climbed.

    >>> rank_in_words(-1, "zh"), rank_in_words(0, "zh"), rank_in_words(2, "en")
    ('尚未提示', '已提示责任方', 'climbed to office 2')
    """
    if rank < 0:
        return ("尚未提示", "not told yet")[lang != "zh"]
    if rank == 0:
        return ("已提示责任方", "told to whoever is responsible")[lang != "zh"]
    return (f"已上报第{rank}级", f"climbed to office {rank}")[lang != "zh"]
