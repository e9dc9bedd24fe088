"""How does duban run here: which database, broker, gateways, clock?

The defaults of config/duban.toml, over them the file named by DUBAN_CONFIG, over both the environment.
Source: INTERFACES "Settings". Callers: the processes of daemon/.
"""

import os
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from config.drill import parse_drill
from config.layers import at_path, defaults, laid_over, override, validated

BACKENDS: Final = ("sqlite", "postgresql")


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
    sms: Literal["sandbox"] = "sandbox"
    email: Literal["sandbox"] = "sandbox"

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, value: str) -> str:
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError:
            backend = ""
        if backend not in BACKENDS:
            raise ValueError("want sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE")
        return value

    @field_validator("clock")
    @classmethod
    def _clock_is_a_drill(cls, value: str | None) -> str | None:
        if value is not None:
            parse_drill(value)
        return value


#: setting → environment variable
VARIABLES: Final = {key: f"DUBAN_{key.upper()}" for key in Settings.model_fields}


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
