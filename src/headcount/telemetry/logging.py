"""Logging: one line an event, for people or for machines. Secrets are not logged: nobody hands them over.

Security events have names that begin with `security.`. Who acts (`acting`) is noted where a request begins, and
stands in all events of that request.
"""

import logging
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from headcount.terminal import escape_controls, escape_controls_in_lines

_REFUSALS: Final = 20
_REFUSALS_S: Final = 10.0
"""So many refusals are logged in so long, and of the others how many there were."""

_acting: ContextVar[Mapping[str, Any]] = ContextVar("acting")


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None: ...


class _Lines:
    """What structlog writes with."""

    def msg(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def set_up_logging(level: str, form: str) -> None:
    """Log from `level` on to standard error, as `console` or `json`: what libraries, warnings and crashes say, too."""
    numeric = getattr(logging, level.upper())
    is_json = form == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    alike: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # JSON escapes what is no plain text itself.
    alike += [] if is_json else [_make_visible]
    structlog.configure(
        processors=[*alike, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=True,
    )
    handler = _ToStandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *alike],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(is_json)
    if is_json:
        sys.excepthook = _crashed
        threading.excepthook = lambda crash: _crashed(crash.exc_type, crash.exc_value, crash.exc_traceback)


def as_json(event: str, *, level: str = "info", **what: Any) -> str:
    """A line as the JSON log has them, for what must be printed whatever level is logged."""
    stamped = structlog.processors.TimeStamper(fmt="iso", utc=True)(
        None, level, {"event": event, "level": level, **what}
    )
    return str(structlog.processors.JSONRenderer()(None, level, stamped))


def _crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    logging.getLogger("headcount").critical("uncaught exception", exc_info=(kind, error or kind(), trace))


def acting(**who: Any) -> None:
    """Note who acts in the task or thread that runs: `client`, `key_id`, `domain`, `via`."""
    _acting.set({**_acting.get({}), **who})


def security_event(name: str, **what: Any) -> None:
    """Log that something happened that whoever audits the service asks for. Never give it a secret."""
    structlog.get_logger("headcount.security").info(f"security.{name}", **{**_acting.get({}), **what})


class Refusals:
    """Logs refusals, a few at a time: whoever makes many must not fill the disk."""

    def __init__(self, most: int = _REFUSALS, seconds: float = _REFUSALS_S) -> None:
        self._most = most
        self._seconds = seconds
        self._lock = threading.Lock()
        self._began = -seconds
        self._logged = 0
        self._suppressed = 0

    def log(self, name: str, what: Mapping[str, Any], now: float) -> None:
        with self._lock:
            if now - self._began >= self._seconds:
                self._began, self._logged = now, 0
            if self._logged >= self._most:
                self._suppressed += 1
                return
            self._logged += 1
            suppressed, self._suppressed = self._suppressed, 0
        more = {"suppressed": suppressed} if suppressed else {}
        security_event(name, **what, **more)


_refusals: Final = Refusals()


def refused_somebody(name: str, **what: Any) -> None:
    """Log that somebody was not let in. `suppressed` counts those before that were not logged."""
    _refusals.log(name, what, time.monotonic())


def _make_visible(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show control characters in what is logged. A traceback keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escape_controls_in_lines(value) if name == "exception" else escape_controls(value)
    return event
