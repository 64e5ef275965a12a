"""Logging: one line an event, for people or for machines. Secrets are not logged: nobody hands them over."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from headcount.terminal import visible, visible_lines


def set_up_logging(level: str, form: str) -> None:
    """Log from `level` on to standard error, as `console` or `json`."""
    numeric = getattr(logging, level.upper())
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    # JSON escapes what is no plain text itself.
    processors = [] if form == "json" else [_make_visible]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *processors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_VisibleFormatter("%(message)s"))
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler])


def _make_visible(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show control characters in what is logged. A traceback keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible_lines(value) if name == "exception" else visible(value)
    return event


class _VisibleFormatter(logging.Formatter):
    """Shows control characters in what libraries log."""

    def format(self, record: logging.LogRecord) -> str:
        return visible_lines(super().format(record))
