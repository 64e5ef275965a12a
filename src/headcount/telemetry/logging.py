"""Logging: one line per event, for people or for machines.

Responsible for the form of the log and for security events, whose names begin with `security.`. Must never be given a
secret. The actor of a request (`set_actor`) is part of all its security events.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from headcount.terminal import escape_controls, escape_controls_in_lines

_MAX_REFUSALS: Final = 20
_REFUSALS_S: Final = 10.0
"""The most refusals that are logged in `_REFUSALS_S` seconds; the others are counted."""

_actor: ContextVar[Mapping[str, Any]] = ContextVar("actor")


class _StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Handler that writes to the current standard error."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None: ...


class _LineLogger:
    """Logger that structlog writes lines with."""

    def msg(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error from `level` on, as `console` or `json`, including libraries, warnings and crashes."""
    numeric = getattr(logging, level.upper())
    is_json = form == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"), pad_event_to=0
        )
    )
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # JSON escapes control characters already.
    processors += [] if is_json else [_escape]
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: _LineLogger(),
        cache_logger_on_first_use=True,
    )
    handler = _StandardErrorHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(is_json)
    if is_json:
        sys.excepthook = _log_crash
        threading.excepthook = lambda crash: _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def as_json(event: str, *, level: str = "info", **context: Any) -> str:
    """Return a line in the form of the JSON log, for messages that are printed at any level."""
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)(
        None, level, {"event": event, "level": level, **context}
    )
    return str(structlog.processors.JSONRenderer()(None, level, stamped))


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    logging.getLogger("headcount").critical("uncaught exception", exc_info=(kind, error or kind(), trace))


def set_actor(**actor: Any) -> None:
    """Set the actor of the current task or thread: `client`, `key_id`, `domain`, `via`."""
    _actor.set({**_actor.get({}), **actor})


def security_event(name: str, **context: Any) -> None:
    """Log a security event for audits. Never pass a secret."""
    structlog.get_logger("headcount.security").info(f"security.{name}", **{**_actor.get({}), **context})


class RefusalLog:
    """Log of refusals with a limited rate, so that a client with many cannot fill the disk."""

    def __init__(self, limit: int = _MAX_REFUSALS, interval_s: float = _REFUSALS_S) -> None:
        self._limit = limit
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._window_start_s = -interval_s
        self._logged = 0
        self._suppressed = 0

    def log(self, name: str, context: Mapping[str, Any], now_s: float) -> None:
        with self._lock:
            if now_s - self._window_start_s >= self._interval_s:
                self._window_start_s, self._logged = now_s, 0
            if self._logged >= self._limit:
                self._suppressed += 1
                return
            self._logged += 1
            suppressed, self._suppressed = self._suppressed, 0
        more = {"suppressed": suppressed} if suppressed else {}
        security_event(name, **context, **more)


_refusals: Final = RefusalLog()


def log_refusal(name: str, **context: Any) -> None:
    """Log that access was refused. `suppressed` is the number of earlier refusals that were not logged."""
    _refusals.log(name, context, time.monotonic())


def _escape(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters in all values. A traceback keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escape_controls_in_lines(value) if name == "exception" else escape_controls(value)
    return event
