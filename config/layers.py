"""Which value does each setting have, once defaults, a file and the environment are laid over one another?

Source: INTERFACES "Settings". Callers: config/policies.py, config/settings.py.
"""

import difflib
import os
import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
Tree = dict[str, Any]


class WrongSettings(ValueError):
    """Some settings are wrong: each line names the key, the value and what is admitted."""

    def __init__(self, lines: list[str]) -> None:
        """Join the lines to one message."""
        many = "\n".join([f"{len(lines)} wrong settings:", *(f"  - {line}" for line in lines)])
        super().__init__(many if len(lines) > 1 else f"1 wrong setting: {lines[0]}")
        self.lines = lines


def defaults(name: str) -> Tree:
    """Return the defaults that ship with duban, from config/`name`."""
    return tomllib.loads(files("config").joinpath(name).read_text("utf-8"))


def override(path: str | os.PathLike[str] | None) -> Tree:
    """Return what a file of overrides says; nothing if none is named."""
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as err:
        raise WrongSettings([f"{path} cannot be read ({err.strerror}); name a TOML file"]) from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise WrongSettings([f"{path} is not TOML: {err}"]) from err


def laid_over(below: Tree, above: Mapping[str, Any]) -> Tree:
    """Return `below` with the values of `above` in place of its own, key by key.

    >>> laid_over({"duty": {"period": "calendar", "place": "any"}}, {"duty": {"period": "rolling"}})
    {'duty': {'period': 'rolling', 'place': 'any'}}
    """
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = laid_over(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return merged


def at_path(path: str, value: object) -> Tree:
    """Return a tree with one value at a dotted path.

    >>> at_path("duty.period", "rolling")
    {'duty': {'period': 'rolling'}}
    """
    head, _, rest = path.partition(".")
    return {head: at_path(rest, value) if rest else value}


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every setting of a model."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{path}.")
        else:
            yield path


def toml_value(text: str) -> object:
    """Read a value as TOML would: a number, a list, true; any other text stands for itself.

    >>> toml_value("[5, 10]"), toml_value("2"), toml_value("rolling"), toml_value("09:00")
    ([5, 10], 2, 'rolling', '09:00')
    """
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, (int, float, list, bool, str)) else text


def validated(
    model: type[Model], tree: Tree, sources: Mapping[str, str] | None = None, secret: Container[str] = ()
) -> Model:
    """Return the settings, or raise WrongSettings that names every wrong key.

    `sources`: where a key was given in another name, such as an environment variable; `secret`: keys whose value is
    not shown where it may hold a password.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as err:
        raise WrongSettings(list(_lines(model, err, sources or {}, secret))) from None


def _lines(
    model: type[BaseModel], err: ValidationError, sources: Mapping[str, str], secret: Container[str]
) -> Iterator[str]:
    known = list(keys_of(model))
    for error in err.errors(include_url=False):
        path = ".".join(str(part) for part in error["loc"])
        name = sources.get(path, path)
        if error["type"] == "extra_forbidden":
            yield f"{name} is not a setting{did_you_mean(path, known)}"
        else:
            yield f"{name}{_shown(path, error['input'], secret)}: {error['msg'].removeprefix('Value error, ')}".lstrip(
                ": "
            )


def _shown(path: str, value: object, secret: Container[str]) -> str:
    """Return a wrong value as a complaint shows it; nothing of what may hold a password."""
    if (
        isinstance(value, (dict, BaseModel))
        or (path in secret and ("@" in str(value) or "password" in str(value).lower()))
        or path.endswith(("_token", "_key"))
    ):
        return ""
    return f"={value!r}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` with the nearest known word; where none is near, all of them.

    >>> did_you_mean("duty.perod", ["duty.period", "notify_at"]), did_you_mean("zz", ["port", "sms"])
    ('; did you mean duty.period?', '; want one of port, sms')
    >>> did_you_mean("peroid", ["duty.period", "notify_at"])
    '; did you mean duty.period?'
    """
    known = list(known)
    named = {key.rpartition(".")[2]: key for key in known} | {key: key for key in known}
    near = difflib.get_close_matches(word, list(named), n=1)
    if near:
        return f"; did you mean {named[near[0]]}?"
    return f"; want one of {', '.join(known)}"
