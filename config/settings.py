"""How does duban run here: which database, broker, gateways, clock?

The defaults of config/duban.toml, over them the file named by DUBAN_CONFIG, over both the environment.
Source: INTERFACES "Settings". Callers: the processes of daemon/.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from channels.smtp_url import parse_smtp_url
from config.drill import parse_drill
from config.layers import WrongSettings, at_path, defaults, laid_over, override, validated
from rules.offices import email_address

#: database → its driver that is installed
DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg"}
Network = IPv4Network | IPv6Network
#: whom an SMS is from, as Twilio takes it: a number, a short one, WhatsApp's, or a name with a letter in it
NUMBER: Final = r"\+[1-9][0-9]{6,14}"
SENDER: Final = re.compile(rf"(?:whatsapp:)?{NUMBER}|[0-9]{{3,8}}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{{1,11}}", re.ASCII)
SHORTEST_KEY: Final = 32  #: characters of a key of the audit trail; 32 hexadecimal digits are 128 bits


class Settings(BaseModel):
    """config/duban.toml as a whole, the environment laid over it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str = "sqlite:///var/duban.db"
    redis_url: str | None = None
    signature: Annotated[str, Field(min_length=2, max_length=20)] = "鹤山人大"
    office_name: str = "鹤山市人大常委会代表工委"
    sms_price: Annotated[float, Field(ge=0)] = 0.05  #: yuan a segment
    calendar: Path | None = None  #: folder of yearly tables that go before the library's
    port: Annotated[int, Field(ge=0, le=65535)] = 8631
    clock: str | None = None  #: a drill
    sms: Literal["sandbox", "twilio"] = "sandbox"
    email: Literal["sandbox", "smtp"] = "sandbox"
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_auth_token_old: SecretStr | None = None  #: while tokens are changed, call-backs signed by either hold
    twilio_messaging_service_sid: str | None = None
    twilio_from: str | None = None
    twilio_api: str | None = None  #: base URL; unset: Twilio's own
    smtp_url: SecretStr | None = None
    email_from: str | None = None
    public_url: str | None = None  #: where gateways and browsers reach the web process
    trusted_proxies: str | None = None  #: addresses and networks with commas between
    operator_email: str | None = None  #: one address, or several with commas between
    ping_url: str | None = None  #: called after each daily audit that found nothing amiss
    audit_key: SecretStr | None = None  #: of the audit trail's chain; unset: a file under var/
    sms_per_second: Annotated[float, Field(gt=0)] | None = None
    email_per_second: Annotated[float, Field(gt=0)] | None = None
    sms_daily_total: Annotated[int, Field(ge=1)] = 100_000  #: beyond it SMS are held until an operator looks
    tries: Annotated[int, Field(ge=1, le=50)] = 8  #: of a message that is refused for the time being
    retry_s: Annotated[float, Field(gt=0)] = 30  #: first back-off; it doubles with each try
    unknown_ask_s: Annotated[float, Field(ge=0)] = 600  #: unknown for so long: ask the gateway
    unknown_again_s: Annotated[float, Field(ge=0)] = 300  #: absent for so long: one more try
    unknown_give_up_s: Annotated[float, Field(ge=0)] = 3600  #: unknown for so long: e-mail instead, and a task

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, value: str) -> str:
        if value.startswith("sqlite:///"):
            return value
        # What checks and simulates needs no database, and is spared the library's loading.
        from sqlalchemy.engine import make_url  # noqa: PLC0415
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: PLC0415

        try:
            url = make_url(value)
            is_known = url.get_driver_name() == DRIVERS.get(url.get_backend_name())
        except (ArgumentError, NoSuchModuleError):
            is_known = False
        if not is_known:
            raise ValueError("want sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_is_known(cls, value: str | None) -> str | None:
        if value is None:
            return None
        import redis  # noqa: PLC0415 - a tenth of a second, which whoever has no Redis is spared

        wanted = "want redis://host:port/0, or rediss:// for TLS; unset: a broker within duban up"
        try:
            redis.Redis.from_url(value).connection_pool.make_connection()  # opens nothing
            database = urlsplit(value).path.strip("/")
        except (ValueError, TypeError):  # the latter: an option that there is not
            raise ValueError(wanted) from None
        if database and not value.startswith("unix:") and not database.isdecimal():  # would count as 0
            raise ValueError(wanted)
        return value

    @field_validator("calendar")
    @classmethod
    def _calendar_is_a_folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"is {'a file' if value.exists() else 'not there'}; want the folder that holds the tables")
        return value

    @field_validator("clock")
    @classmethod
    def _clock_is_a_drill(cls, value: str | None) -> str | None:
        if value is not None:
            parse_drill(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_smtp_url(value.get_secret_value())
        return value

    @field_validator("email_from")
    @classmethod
    def _sender_is_an_address(cls, value: str | None) -> str | None:
        if value is not None:
            from channels.mime import sender_of  # noqa: PLC0415 - the library of e-mail, which few commands need

            sender_of(value)
        return value

    @field_validator("operator_email")
    @classmethod
    def _operators_have_addresses(cls, value: str | None) -> str | None:
        for word in _words(value or ""):
            if email_address(word) is None or not word.isascii():
                raise ValueError(f"{word!r} is no e-mail address; want addresses with commas between: a@b.cn,c@d.cn")
        return value

    @field_validator("twilio_from")
    @classmethod
    def _sender_is_one_of_twilios(cls, value: str | None) -> str | None:
        if value is not None and not SENDER.fullmatch(value):
            raise ValueError("want a number such as +8675012345678, or a name of up to 11 Latin letters and digits")
        return value

    @field_validator("audit_key")
    @classmethod
    def _audit_keys_are_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            audit_keys_in(value.get_secret_value())
        return value

    @field_validator("twilio_api", "public_url", "ping_url")
    @classmethod
    def _url_is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("want http://host:port or https://host")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_known(cls, value: str | None) -> str | None:
        networks = _networks(value or "")
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("would believe everybody: want the addresses of the proxies alone")
        return value

    @model_validator(mode="after")
    def _a_drill_stays_at_home(self) -> Self:
        """Refuse a drill whose messages would leave the machine: people would believe them."""
        abroad = [name for name, host, _ in self.gateway_addresses() if not is_loopback(host)]
        if self.clock is not None and abroad:
            raise ValueError(
                f"DUBAN_CLOCK sets a drill, and {' and '.join(abroad)} would leave this machine: "
                "want a gateway on 127.0.0.1 or the sandbox, or unset DUBAN_CLOCK"
            )
        return self

    def gateway_addresses(self) -> Iterator[tuple[str, str, int]]:
        """Yield the setting, host and port of each gateway outside of duban."""
        if self.sms == "twilio":
            url = urlsplit(self.twilio_api or TWILIO_API)
            yield "DUBAN_SMS=twilio", url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
        if self.email == "smtp" and self.smtp_url is not None:
            server = parse_smtp_url(self.smtp_url.get_secret_value())
            yield "DUBAN_EMAIL=smtp", server.host, server.port

    def proxies(self) -> "tuple[Network, ...]":
        """Return whose word on the origin of a request is believed."""
        return _networks(self.trusted_proxies or "")

    def operator_addresses(self) -> list[str]:
        """Return where the operators' mail goes."""
        return _words(self.operator_email or "")

    def lacking(self) -> list[str]:
        """Return what the gateways still need, one line each; nothing if they can send."""
        lines = []
        if self.sms == "twilio":
            needed = ["twilio_account_sid", "twilio_auth_token"]
            lines += [
                f"{VARIABLES[key]} is not set: DUBAN_SMS=twilio needs it" for key in needed if not getattr(self, key)
            ]
            if not (self.twilio_messaging_service_sid or self.twilio_from):
                lines.append("DUBAN_SMS=twilio needs TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM; neither is set")
        if self.email == "smtp":
            needed = ["smtp_url", "email_from"]
            lines += [
                f"{VARIABLES[key]} is not set: DUBAN_EMAIL=smtp needs it" for key in needed if not getattr(self, key)
            ]
        return lines


def audit_keys_in(words: str) -> list[str]:
    """Return the keys of the audit trail that a text holds, with blanks, lines or commas between; ValueError."""
    keys = re.split(r"[\s,]+", words.strip())
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ValueError(f"holds a key that is too short: want {SHORTEST_KEY} characters or more each")
    return keys


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _networks(words: str) -> "tuple[Network, ...]":
    try:
        return tuple(ip_network(word) for word in _words(words))
    except ValueError as err:
        raise ValueError(f"{err}; want addresses or networks with commas between: 127.0.0.1,10.1.0.0/16") from err


#: of two names of variables, both of which begin with DUBAN_ or both with TWILIO_
LIKENESS: Final = 0.9
TWILIO_API: Final = "https://api.twilio.com"
#: setting → environment variable
VARIABLES: Final = {
    key: key.upper() if key.startswith("twilio_") and key != "twilio_api" else f"DUBAN_{key.upper()}"
    for key in Settings.model_fields
}
#: what may hold a password is shown in no complaint
SECRET: Final = frozenset({"database_url", "redis_url", "smtp_url", "audit_key", "ping_url"}) | {
    key for key in Settings.model_fields if key.startswith("twilio_auth")
}


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("api.twilio.com")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(environ: Mapping[str, str] | None = None, *, sends: bool = True, **given: object) -> Settings:
    """Return the settings in force; `given` (options of the command line) go before all others.

    `sends`: whether this process hands messages to gateways, and so needs their credentials. A variable may also
    stand in a file that NAME_FILE names, or that systemd's LoadCredential= hands over under its name.
    Raises WrongSettings, which names every wrong key or value.
    """
    environ = os.environ if environ is None else environ
    if slips := list(_misspelt(environ)):
        raise WrongSettings(slips)
    found = {key: _variable(environ, name) for key, name in VARIABLES.items()}
    set_here = {key: text for key, text in found.items() if text}
    layers = [
        override(environ.get("DUBAN_CONFIG")),
        *(at_path(key, text) for key, text in set_here.items()),
        {key: value for key, value in given.items() if value is not None},
    ]
    names = {key: VARIABLES[key] for key in set_here}
    settings = validated(Settings, reduce(laid_over, layers, defaults("duban.toml")), names, SECRET)
    if sends and (lines := settings.lacking()):
        raise WrongSettings(lines)
    return settings


def _misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that must be meant for one of ours; other programs' own are passed over."""
    known = [*VARIABLES.values(), "DUBAN_CONFIG", "DUBAN_POLICY"]
    for name in environ:
        bare = name.removesuffix("_FILE")
        if name.startswith(("DUBAN_", "TWILIO_")) and not name.startswith("DUBAN_POLICY__") and bare not in known:
            near = difflib.get_close_matches(bare, known, n=1, cutoff=LIKENESS)
            if near and _is_a_slip(bare, near[0]):
                yield f"{name} is not a setting; did you mean {near[0]}?"


def _is_a_slip(name: str, ours: str) -> bool:
    """Say whether a name is ours, misspelt: Twilio's own differ from ours by a word, a slip by a letter.

    >>> [_is_a_slip(name, "TWILIO_ACCOUNT_SID") for name in ("TWILIO_ACCOUNT_SIDD", "TWILIO_SUBACCOUNT_SID")]
    [True, False]
    """
    return name.startswith("DUBAN_") or abs(len(name) - len(ours)) <= 1


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    """Return a variable's value, from a file where one is named; an empty one counts as not set."""
    if environ.get(name):
        return environ[name]
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    named = environ.get(f"{name}_FILE")
    file = Path(named) if named else Path(credentials) / name if credentials else None
    if file is None or (not named and not file.exists()):
        return None
    try:
        return file.read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as err:
        raise WrongSettings([f"{name}_FILE={str(file)!r} cannot be read: {err}"]) from err
