"""Which offices, stations and grids does the made-up municipality have, and who answers for them?

The shape is Heshan's: ten towns and streets, 10 central stations, 70 of villages and industries, 8 practice
bases, 197 grids and 858 micro-grids, by population. People and villages are invented. Rules: R2.1, R2.4.
Caller: municipality.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from intake.demo.chances import apportion, chance
from intake.demo.people import CONTACT_PREFIXES, Names, mobile
from rules.facts import Channel, Contact, Grid, Office, OfficeKind, StationKind

DIRECTORS: Final = "440784-ZRHY"
MUNICIPAL: Final = "440784-DBGW"
STATIONS: Final = 70
BASES: Final = 8
GRIDS: Final = 197
MICRO_GRIDS: Final = 858
#: every so manieth of the 70 stations serves an industry
INDUSTRY_EVERY: Final = 5
DIGITS: Final = "零一二三四五六七八九"
TEN: Final = 10
HUNDRED: Final = 100


class TownShape(NamedTuple):
    """A town or street as the census knows it (2020)."""

    code: str
    name: str
    population: int
    is_street: bool = False


TOWNS: Final = (
    TownShape("440784001", "沙坪", 240_614, is_street=True),
    TownShape("440784101", "龙口", 32_680),
    TownShape("440784102", "雅瑶", 34_208),
    TownShape("440784103", "古劳", 33_748),
    TownShape("440784104", "桃源", 34_077),
    TownShape("440784105", "鹤城", 37_398),
    TownShape("440784106", "共和", 44_638),
    TownShape("440784107", "址山", 33_367),
    TownShape("440784108", "宅梧", 26_340),
    TownShape("440784112", "双合", 13_614),
)
POPULATIONS: Final = tuple(town.population for town in TOWNS)
#: key → name: the departments of every town, and those of the municipality
TOWN_DEPARTMENTS: Final = {
    "farming": "农业农村办",
    "building": "规划建设办",
    "order": "综合治理办",
    "services": "公共服务办",
    "environment": "生态环保办",
}
MUNICIPAL_DEPARTMENTS: Final = {
    "water": "市水利局",
    "housing": "市住建局",
    "schools": "市教育局",
    "transport": "市交通局",
    "power": "市供电局",
    "agriculture": "市农业农村局",
    "ecology": "市生态环境局",
    "health": "市卫健局",
    "streets": "市城管局",
    "traffic": "市交警大队",
    "welfare": "市民政局",
    "market": "市市场监管局",
}
VILLAGE_FIRST: Final = tuple("东西南北上下新松竹梅莲禾石坪岭榕桂云霞泰")
VILLAGE_LAST: Final = tuple("岗塘坑围溪湾坊朗园湖")
INDUSTRIES: Final = ("水暖卫浴", "印刷包装", "家具制造", "电子信息", "食品加工", "茶叶种植", "新材料", "物流")
BASE_THEMES: Final = ("乡村振兴", "生态治水", "营商环境", "基层治理", "文化传承", "民生服务", "侨乡联络", "科技创新")


@dataclass(frozen=True, slots=True)
class TownPlaces:
    """A town or street with all that hangs under it; `index` is that of its shape in TOWNS."""

    index: int
    office: Office
    name: str
    is_street: bool
    departments: dict[str, Office]
    central: Office
    stations: tuple[Office, ...]  #: of villages and industries
    bases: tuple[Office, ...]
    villages: tuple[str, ...]
    grids: tuple[Grid, ...]
    micros: dict[str, tuple[Grid, ...]]  #: id of a grid → the micro-grids under it

    @property
    def id(self) -> str:
        """The id of the town office."""
        return self.office.id


@dataclass(slots=True)
class Places:
    """The whole organisation."""

    directors: Office
    municipal: Office
    departments: dict[str, Office]
    towns: list[TownPlaces] = field(default_factory=list)

    @property
    def offices(self) -> Iterator[Office]:
        """All offices, parents before children."""
        yield from (self.directors, self.municipal, *self.departments.values())
        yield from (town.office for town in self.towns)
        for town in self.towns:
            yield from (*town.departments.values(), town.central, *town.stations, *town.bases)

    @property
    def grids(self) -> Iterator[Grid]:
        """All grids, those of a town before their micro-grids."""
        for town in self.towns:
            for grid in town.grids:
                yield grid
                yield from town.micros[grid.id]


def numeral(number: int) -> str:
    """Return the Chinese numeral up to 99, then digits.

    >>> numeral(8), numeral(10), numeral(21), numeral(120)
    ('八', '十', '二十一', '120')
    """
    if number >= HUNDRED:
        return str(number)
    tens, ones = divmod(number, TEN)
    head = "" if tens == 0 else "十" if tens == 1 else f"{DIGITS[tens]}十"
    return head + (DIGITS[ones] if ones or not tens else "")


# Offices and grids --------------------------------------------------------------------------------


def build_places(rng: Random, scale: int) -> Places:
    """Return the organisation: one municipality with `scale` times Heshan's towns."""
    places = Places(
        directors=Office(id=DIRECTORS, name="鹤山市人大常委会主任会议", kind=OfficeKind.DIRECTORS),
        municipal=Office(id=MUNICIPAL, name="鹤山市人大常委会代表工委", kind=OfficeKind.MUNICIPAL, parent=DIRECTORS),
        departments={
            key: Office(id=f"440784-B{i:02d}", name=name, kind=OfficeKind.DEPARTMENT, parent=MUNICIPAL)
            for i, (key, name) in enumerate(MUNICIPAL_DEPARTMENTS.items(), 1)
        },
    )
    stations, bases = apportion(STATIONS, POPULATIONS, least=3), _bases()
    grids, micros = apportion(GRIDS, POPULATIONS, least=5), apportion(MICRO_GRIDS, POPULATIONS, least=20)
    for copy in range(1, scale + 1):
        for i in range(len(TOWNS)):
            places.towns.append(_town(rng, i, copy, stations[i], bases[i], apportion(micros[i], [1] * grids[i])))
    return places


def _bases() -> list[int]:
    return [1 if i < BASES else 0 for i in range(len(TOWNS))]


def _town(rng: Random, index: int, copy: int, stations: int, bases: int, micros: Sequence[int]) -> TownPlaces:
    shape = TOWNS[index]
    code, suffix = (shape.code, "") if copy == 1 else (f"{shape.code}-{copy}", numeral(copy))
    street, town = f"{shape.name}{suffix}人大街道工委", f"{shape.name}镇{suffix}人大主席团"
    office = Office(id=code, name=street if shape.is_street else town, kind=OfficeKind.TOWN, parent=MUNICIPAL)
    villages = rng.sample([a + b for a in VILLAGE_FIRST for b in VILLAGE_LAST], max(stations, len(micros)))
    grids = tuple(
        Grid(id=f"{code}-W{i:02d}", name=f"{villages[i - 1]}网格", town=code) for i in range(1, len(micros) + 1)
    )
    return TownPlaces(
        index=index,
        office=office,
        name=shape.name + suffix,
        is_street=shape.is_street,
        departments={
            key: Office(id=f"{code}-B{i}", name=f"{shape.name}{suffix}{name}", kind=OfficeKind.DEPARTMENT, parent=code)
            for i, (key, name) in enumerate(TOWN_DEPARTMENTS.items(), 1)
        },
        central=_station(code, 0, f"{shape.name}{suffix}中心联络站", StationKind.CENTRAL),
        stations=tuple(_own_station(rng, code, i, villages[i - 1]) for i in range(1, stations + 1)),
        bases=tuple(
            _station(code, 90 + i, f"{shape.name}{suffix}{BASE_THEMES[(index + i) % BASES]}实践基地", StationKind.BASE)
            for i in range(bases)
        ),
        villages=tuple(villages),
        grids=grids,
        micros={grid.id: tuple(_micros(grid, count)) for grid, count in zip(grids, micros, strict=True)},
    )


def _station(code: str, number: int, name: str, kind: StationKind) -> Office:
    return Office(id=f"{code}-L{number:02d}", name=name, kind=OfficeKind.STATION, parent=code, station_kind=kind)


def _own_station(rng: Random, code: str, number: int, village: str) -> Office:
    if number % INDUSTRY_EVERY:
        return _station(code, number, f"{village}村联络站", StationKind.VILLAGE)
    return _station(code, number, f"{rng.choice(INDUSTRIES)}产业联络站", StationKind.INDUSTRY)


def _micros(grid: Grid, count: int) -> Iterator[Grid]:
    for i in range(1, count + 1):
        name = f"{grid.name.removesuffix('网格')}第{numeral(i)}微网格"
        yield Grid(id=f"{grid.id}-{i:02d}", name=name, town=grid.town, parent=grid.id)


# The people who answer for offices ----------------------------------------------------------------

TITLES: Final[dict[OfficeKind, tuple[str, ...]]] = {
    OfficeKind.DIRECTORS: ("主任", "副主任"),
    OfficeKind.MUNICIPAL: ("联络员", "主任"),
    OfficeKind.TOWN: ("人大办主任", "主席"),
    OfficeKind.DEPARTMENT: ("负责人",),
    OfficeKind.STATION: ("站长",),
}
#: heads of an office, who read e-mail; the others are told by default
READS_EMAIL: Final = ("主席", "工委主任", "主任")
#: who cannot be told anything, so that notices are rerouted and R6 has findings
OFF_DUTY: Final = ("440784107-B4", "440784102-L01")
WITHOUT_ADDRESS: Final = ("440784-B05",)
#: a town that still has another contact
SECOND_OFF_DUTY: Final = "440784108"


def build_contacts(rng: Random, places: Places, names: Names) -> list[Contact]:
    """Return the contacts of every office: two or three above, one in a department or station."""
    found: list[Contact] = []
    for office in places.offices:
        for i, title in enumerate(_titles(office)):
            found.append(_contact(rng, len(found) + 1, office.id, title, names, is_second=i > 0))
    return found


def _titles(office: Office) -> tuple[str, ...]:
    titles = TITLES[office.kind]
    if office.kind is OfficeKind.TOWN and office.name.endswith("街道工委"):
        return (*titles[:1], "工委主任")
    return titles


def _contact(rng: Random, number: int, office: str, title: str, names: Names, *, is_second: bool) -> Contact:
    ident = f"C{number:04d}"
    reachable = office not in WITHOUT_ADDRESS
    return Contact(
        id=ident,
        office=office,
        name=names.new(),
        title=title,
        mobile=mobile(CONTACT_PREFIXES, number) if reachable else None,
        email=f"{ident.lower()}@example.cn" if reachable else None,
        channels=_channels(rng, title),
        on_duty=not (office in OFF_DUTY or (office == SECOND_OFF_DUTY and is_second)),
    )


def _channels(rng: Random, title: str) -> tuple[Channel, ...]:
    if title in READS_EMAIL:
        return (Channel.EMAIL,)
    return (Channel.SMS,) if chance(rng, 0.04) else ()
