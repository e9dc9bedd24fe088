"""What are the invented people called, and how can they be reached?

Names are composed at random from common surnames and plain given-name syllables. Numbers come from ranges
that nobody mistakes for real ones: after the first three digits always 0000. Callers: all of intake/demo.
"""

from random import Random
from typing import Final

from intake.demo.chances import chance

SURNAMES: Final = tuple("李陈黄梁张冯吴麦任温罗林何谭邓刘周叶谢胡郭宋余钟杨曾黎苏区吕易胥源霍伍赖劳禤施甘")
FIRST_SYLLABLES: Final = tuple("柏岚筠榆穗澄屿澜芷禾沛恒允承启咏诗韵颂绮锦钰铭煜炜灿烁炯煦景晴朗昊昕旭")
LAST_SYLLABLES: Final = tuple("安宁平和顺达成立远博宏展延嘉怡悦欣慧敏娴雅静琳珊瑶琪莹玲婷妍松杉枫桐棠")
TRIES_FOR_A_NEW_NAME: Final = 4
TWO_SYLLABLES: Final = 0.9
BLOCK: Final = 10_000
#: first three digits by who has the number; the next of a row is used when a block of 10,000 is full
DEPUTY_PREFIXES: Final = ("138", "139", "137", "136", "135", "134", "133", "132", "131", "130")
CONTACT_PREFIXES: Final = ("199", "198", "197", "196", "195", "193", "192", "191", "190")
RESIDENT_PREFIXES: Final = ("188", "189", "187", "186", "185", "184", "183", "182", "181", "180")


def mobile(prefixes: tuple[str, ...], number: int) -> str:
    """Return the made-up mobile with that number.

    >>> mobile(DEPUTY_PREFIXES, 7), mobile(DEPUTY_PREFIXES, 10_007)
    ('13800000007', '13900000007')
    """
    block, last = divmod(number, BLOCK)
    return f"{prefixes[block % len(prefixes)]}0000{last:04d}"


class Names:
    """Composes people's names; the same one twice is rare, as in a town."""

    def __init__(self, rng: Random) -> None:
        """Start with no name given."""
        self._rng = rng
        self._given: set[str] = set()

    def new(self) -> str:
        """Return a name, one that nobody has yet if that is found soon."""
        name = self._compose()
        for _ in range(TRIES_FOR_A_NEW_NAME):
            if name not in self._given:
                break
            name = self._compose()
        self._given.add(name)
        return name

    def _compose(self) -> str:
        rng = self._rng
        middle = rng.choice(FIRST_SYLLABLES) if chance(rng, TWO_SYLLABLES) else ""
        return rng.choice(SURNAMES) + middle + rng.choice(LAST_SYLLABLES)

    def resident(self) -> str:
        """Return how a resident appears in the register: a name that need not be new."""
        return self._compose()
