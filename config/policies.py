"""Which policy is in force?

The defaults of config/policy.toml, over them the file named by DUBAN_POLICY or `--policy`, the environment
(DUBAN_POLICY__DUTY__PERIOD=rolling), and `--set`. Callers: the processes, `duban simulate`.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final

from config.layers import (
    Tree,
    WrongSettings,
    at_path,
    defaults,
    did_you_mean,
    keys_of,
    laid_over,
    override,
    toml_value,
    validated,
)
from rules.policy import Policy

PREFIX: Final = "DUBAN_POLICY__"
KEYS: Final = tuple(keys_of(Policy))


def full_key(key: str) -> str:
    """Return the dotted path of a key that may be given without its table, where that leaves no doubt.

    >>> full_key("period"), full_key("petition.days.assign")
    ('duty.period', 'petition.days.assign')
    """
    if key in KEYS:
        return key
    ends = [known for known in KEYS if known.endswith(f".{key}")]
    if len(ends) == 1:
        return ends[0]
    doubt = f" alone: it may be {' or '.join(ends)}" if ends else did_you_mean(key, KEYS)
    raise WrongSettings([f"{key} is not a setting{doubt}"])


def _setting(assignment: str) -> Tree:
    key, equals, value = assignment.partition("=")
    if not equals:
        raise WrongSettings([f"--set {assignment}: want KEY=VALUE, such as duty.period=rolling"])
    return at_path(full_key(key.strip()), toml_value(value.strip()))


def load_policy(
    path: str | os.PathLike[str] | None = None,
    assignments: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Policy:
    """Return the policy in force; raise WrongSettings for a wrong key or value."""
    environ = os.environ if environ is None else environ
    named = {k: k.removeprefix(PREFIX).lower().replace("__", ".") for k in environ if k.startswith(PREFIX)}
    layers = [
        override(path or environ.get("DUBAN_POLICY")),
        *(at_path(key, toml_value(environ[name])) for name, key in named.items()),
        *(_setting(assignment) for assignment in assignments),
    ]
    tree = reduce(laid_over, layers, defaults("policy.toml"))
    return validated(Policy, tree, {key: name for name, key in named.items()})


def with_changes(policy: Policy, changes: Mapping[str, str]) -> Policy:
    """Return a policy with some keys changed, their values written as in a file of settings.

    Raises WrongSettings for a wrong key or value.
    """
    layers = [at_path(full_key(key), toml_value(value)) for key, value in changes.items()]
    return validated(Policy, reduce(laid_over, layers, policy.model_dump(mode="json", by_alias=True)))


def as_changes(policy: Policy) -> dict[str, str]:
    """Return every key with its value, written as in a file of settings; one that is not set has an empty value."""
    tree = policy.model_dump(mode="json", by_alias=True)
    return {key: _written(reduce(lambda part, name: part[name], key.split("."), tree)) for key in KEYS}


def _written(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
