"""How is a gap in coverage told? Rules: R6. Callers: digests, `duban doctor`, `duban status`."""

from typing import Final

from rules.coverage import Finding, Gap
from rules.offices import House

WORDS: Final = {
    Gap.SEAT_WITHOUT_GRID: "代表席位未编入网格",
    Gap.SEAT_WITHOUT_STATION: "代表席位无联络站可进",
    Gap.GRID_WITHOUT_DEPUTY: "网格无在任代表",
    Gap.OFFICE_OUT_OF_REACH: "单位无可联系的在岗联系人",
    Gap.DEPUTY_OUT_OF_REACH: "代表无可用联系方式",
    Gap.UNUSABLE_ADDRESS: "手机号或邮箱无效",
}


def gap_in_words(finding: Finding, house: House) -> str:
    """Return one line: what is missing, and where; no number or address."""
    kind, _, ident = finding.subject.partition(":")
    if kind == "office" and ident in house.offices:
        name = house.offices[ident].name
    elif kind == "grid" and ident in house.grids:
        name = house.grids[ident].name
    else:
        name = ident
    return f"{WORDS[finding.gap]}：{name}（{finding.subject}）"
