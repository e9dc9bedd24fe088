"""What do the processes write into their logs?

One line for each thing that needs a look or that was done: names and numbers, never a message's words. A phone
number that slips in, be it in an error of a library, is masked. Callers: daemon/processes.py, daemon/up.py,
daemon/serving.py.
"""

import logging
import re
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final

import structlog

#: 138****5678
NUMBER: Final = re.compile(r"(?<!\d)(\+?86)?(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)")
ADDRESS: Final = re.compile(r"([\w.+-])[\w.+-]*(@[\w-]+\.[\w.-]+)")


TRACED_S: Final = 60.0  #: between two tracebacks of one failure
MOST_TRACED: Final = 100  #: failures that are remembered

_traced: dict[str, float] = {}  #: when the traceback of a failure was last written


def masked(text: str) -> str:
    """Return a text whose phone numbers and mail addresses cannot be read.

    >>> masked("no answer from 13812345678 or li.ming@example.cn")
    'no answer from 138****5678 or l***@example.cn'
    """
    return ADDRESS.sub(r"\1***\2", NUMBER.sub(r"\2****\4", text))


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _masked_within(value) for key, value in event.items()}


def _masked_within(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {_masked_within(key): _masked_within(of) for key, of in value.items()}
    return [_masked_within(one) for one in value] if isinstance(value, (list, tuple, set)) else value


def _is_to_be_traced(err: BaseException, where: str) -> bool:
    """Say whether a failure is written with its traceback.

    What fails each second while the database is away would fill the disk in a day or two.
    """
    now, failure = time.monotonic(), f"{where} {type(err).__name__} {err}"
    if failure in _traced and now - _traced[failure] < TRACED_S:
        return False
    if len(_traced) >= MOST_TRACED:
        _traced.clear()
    _traced[failure] = now
    return True


def _in_short(err: BaseException) -> str:
    return f"{type(err).__name__}: {str(err).partition(chr(10))[0]}"


def _trace_seldom(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.get("exc_info")
    err = sys.exc_info()[1] if given is True else given
    if isinstance(err, BaseException) and not _is_to_be_traced(err, event["event"]):
        event["exc_info"] = None
        event["why"] = _in_short(err)
    return event


class _Printer(structlog.PrintLogger):
    """Prints lines. One that cannot be written, the disk full or the reader gone, is lost, and ends no work."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def log_as_json() -> None:
    """Log in JSON lines, for a service."""
    _configure(logging.INFO, structlog.processors.JSONRenderer(ensure_ascii=False))


def log_plainly(level: int = logging.WARNING) -> None:
    """Log only what needs a look, for somebody at a terminal."""
    _configure(level, structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]))


def _configure(level: int, renderer: Any) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_seldom,
            structlog.processors.format_exc_info,
            _mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Printer(),
    )
    # Libraries log by the standard way; what they say is masked too.
    logging.basicConfig(level=logging.WARNING, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Masking("%(asctime)s %(levelname)s %(name)s %(message)s"))
        handler.addFilter(_trace_record_seldom)


class _Masking(logging.Formatter):
    """Masks the whole of what is written: a number may stand in a traceback alone."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _trace_record_seldom(record: logging.LogRecord) -> bool:
    err = record.exc_info[1] if record.exc_info else None
    if err is not None and not _is_to_be_traced(err, record.name):
        record.msg, record.args = f"{record.getMessage()} {_in_short(err)}", ()
        record.exc_info = record.exc_text = None
    return True
