"""How does duban run here: which database, broker, gateways, clock?

The defaults of config/duban.toml, over them the file named by DUBAN_CONFIG, over both the environment.
Source: INTERFACES "Settings". Callers: the processes of daemon/.
"""

import os
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.clock import parse_drill
from config.layers import at_path, defaults, laid_over, override, validated

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
TWILIO_API: Final = "https://api.twilio.com"


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
    email_from: str | None = None
    smtp_url: SecretStr | None = None
    public_url: str | None = None
    twilio_api: str = TWILIO_API
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_messaging_service_sid: str | None = None
    twilio_from: str | None = None

    @field_validator("clock")
    @classmethod
    def _clock_is_a_drill(cls, value: str | None) -> str | None:
        if value is not None:
            parse_drill(value)
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (urlsplit(value.get_secret_value()).scheme not in ("smtp", "smtps")):
            raise ValueError("want smtp://user:password@host:port")
        return value

    @model_validator(mode="after")
    def _gateways_are_whole(self) -> Self:
        if self.email == "smtp" and not (self.smtp_url and self.email_from):
            raise ValueError("email = smtp needs DUBAN_SMTP_URL and DUBAN_EMAIL_FROM")
        if self.sms == "twilio":
            sender = self.twilio_messaging_service_sid or self.twilio_from
            if not (self.twilio_account_sid and self.twilio_auth_token and sender):
                raise ValueError(
                    "sms = twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and "
                    "TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM"
                )
        if self.clock and self._leaves_the_machine():
            raise ValueError("a drill clock goes with gateways on this machine's loopback only; unset DUBAN_CLOCK")
        return self

    def _leaves_the_machine(self) -> bool:
        hosts = []
        if self.sms == "twilio":
            hosts.append(urlsplit(self.twilio_api).hostname)
        if self.email == "smtp" and self.smtp_url:
            hosts.append(urlsplit(self.smtp_url.get_secret_value()).hostname)
        return any(host not in LOOPBACK for host in hosts)


#: setting → environment variable
VARIABLES: Final = {
    key: key.upper() if key.startswith("twilio_") and key != "twilio_api" else f"DUBAN_{key.upper()}"
    for key in Settings.model_fields
}


def load_settings(environ: Mapping[str, str] | None = None, **given: object) -> Settings:
    """Return the settings in force; `given` (options of the command line) go before all others.

    Raises WrongSettings, which names every wrong key or value.
    """
    environ = os.environ if environ is None else environ
    set_here = {key: name for key, name in VARIABLES.items() if environ.get(name)}
    layers = [
        override(environ.get("DUBAN_CONFIG")),
        *(at_path(key, environ[name]) for key, name in set_here.items()),
        {key: value for key, value in given.items() if value is not None},
    ]
    return validated(Settings, reduce(laid_over, layers, defaults("duban.toml")), set_here)
