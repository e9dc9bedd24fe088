"""What do residents of the made-up towns ask for, and which offices can do something about it?

Titles come from a small grammar: a theme, a village, a road. None names a person. Callers: opinions.py, projects.py.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple


class Theme(NamedTuple):
    """A sort of opinion: how it is put, and the departments that it belongs to (keys of places.py)."""

    titles: tuple[str, ...]
    town: str
    municipal: str
    works: str = ""  #: the project that can come of it


THEMES: Final = (
    Theme(("{v}村{r}路灯不亮，夜间出行不便", "请求在{v}村{r}加装路灯"), "building", "power", "{v}村{r}路灯安装"),
    Theme(("{v}村{r}路面破损，雨天积水", "{v}村{r}坑洼待修"), "building", "transport", "{v}村{r}路面修复"),
    Theme(("{v}村机耕路狭窄，农机会车难",), "farming", "agriculture", "{v}村机耕路拓宽"),
    Theme(("{v}村灌渠渗漏，晚造缺水", "{v}村水陂失修影响灌溉"), "farming", "water", "{v}村灌渠修缮"),
    Theme(("{v}村排水沟淤塞，暴雨内涝", "{r}下水道堵塞"), "building", "water", "{v}村排水沟清淤改造"),
    Theme(("{v}村自来水水压不足", "{v}村老旧供水管网漏损"), "services", "water", "{v}村供水管网改造"),
    Theme(("{v}村夏季电压低，常跳闸", "{v}村低压线路老化"), "building", "power", "{v}村配电台区增容"),
    Theme(("{r}垃圾收集点异味扰民", "{v}村垃圾清运不及时"), "environment", "streets", "{v}村垃圾收集点升级"),
    Theme(("{v}村鱼塘尾水直排河涌", "{v}村河涌水体发黑"), "environment", "ecology", "{v}村河涌整治"),
    Theme(("{r}夜间施工噪声扰民", "{v}村旁工厂噪声扰民"), "environment", "ecology"),
    Theme(("{v}村养殖场臭气扰民",), "environment", "agriculture"),
    Theme(("{v}小学门口上下学拥堵", "{v}小学路段缺斑马线"), "order", "traffic", "{v}小学门前交通设施完善"),
    Theme(("{r}路口视线受阻，事故多发", "请求在{r}路口设减速带"), "order", "traffic", "{r}路口减速设施安装"),
    Theme(("{r}违停严重，消防通道被占", "{v}社区停车难"), "order", "streets", "{v}社区公共停车位建设"),
    Theme(("{v}村公交班次少，老人看病不便", "请求公交延伸至{v}村"), "services", "transport"),
    Theme(("{v}村卫生站药品不全", "希望家庭医生定期到{v}村"), "services", "health", "{v}村卫生站改造"),
    Theme(("{v}村独居老人用餐不便，盼设长者饭堂",), "services", "welfare", "{v}村长者饭堂建设"),
    Theme(("{v}幼儿园学位紧张", "希望增加{v}片区公办学位"), "services", "schools"),
    Theme(("{v}村球场破旧，缺少健身器材",), "services", "schools", "{v}村文体广场建设"),
    Theme(("{v}小区外墙瓷砖脱落", "{v}小区电梯常停运"), "building", "housing", "{v}小区外墙修缮"),
    Theme(("{v}小区物业服务差，公共收益不公开",), "order", "housing"),
    Theme(("{r}流动摊贩占道经营", "{v}市场周边环境脏乱"), "order", "market", "{v}市场周边环境整治"),
    Theme(("{v}村撂荒地多，盼统一复耕", "{v}村农产品销路难"), "farming", "agriculture"),
    Theme(("{v}村山边有落石隐患", "{v}村边坡开裂，汛期担忧"), "building", "housing", "{v}村边坡加固"),
    Theme(("{v}村流浪犬多，老人小孩不敢出门", "{v}社区高空抛物时有发生"), "order", "market"),
)
ROADS: Final = ("村口路", "环村路", "学前路", "沿河路", "兴业路", "新风路", "文明巷", "和睦巷", "祠前路", "堤围路")


def put(rng: Random, form: str, villages: Sequence[str]) -> str:
    """Return a title's form with a village and a road in it."""
    return form.format(v=rng.choice(villages), r=rng.choice(ROADS))
