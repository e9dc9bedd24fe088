"""In which words does the console let people in?

Callers: web/signing_in.py.
"""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "account": ("账号", "Account"),
    "name": ("姓名", "Name"),
    "password": ("密码", "Password"),
    "new_password": ("新密码", "New password"),
    "again": ("再输一次", "Once more"),
    "present": ("现在的密码", "Present password"),
    "first": ("设立第一个管理员", "The first operator"),
    "first_hint": (
        "本地址只能使用一次。管理员可以用命令 duban account add 为其他人开设账号。",
        "This address works once. An operator makes accounts for others by duban account add.",
    ),
    "create": ("设立并登录", "Create and sign in"),
    "change": ("修改密码", "Change password"),
    "must_change": ("初始密码由他人设定，请先改成自己的密码。", "Somebody else chose your password: please change it."),
    "length_hint": ("至少 10 个字符；可以是一句话。", "At least 10 characters; a sentence will do."),
    "account_hint": (
        "2 至 40 个字母、数字、汉字，可含点和横线。",
        "2 to 40 letters or digits, also dots and hyphens.",
    ),
    "wrong": ("账号或密码不正确。", "The account or the password is wrong."),
    "too_many": ("尝试次数过多，请 15 分钟后再试。", "Too many tries: please wait 15 minutes."),
    "bad_name": (
        "请填写账号和姓名；账号为 2 至 40 个字符。",
        "Please give an account (2 to 40 characters) and a name.",
    ),
    "bad_length": ("密码须为 10 至 200 个字符。", "A password has 10 to 200 characters."),
    "holds_name": ("密码不能包含账号。", "The password must not hold the account's name."),
    "not_same": ("两次输入的密码不一致。", "The two passwords differ."),
    "wrong_present": ("现在的密码不正确。", "The present password is wrong."),
    "same_as_before": ("新密码不能与原密码相同。", "The new password must differ from the old one."),
    "welcome": ("管理员已设立。", "The first operator is set up."),
    "changed": ("密码已修改。", "The password is changed."),
}


def said(lang: str) -> dict[str, str]:
    """Return the words of one language, `zh` or `en`."""
    return {key: chinese if lang == "zh" else english for key, (chinese, english) in WORDS.items()}
