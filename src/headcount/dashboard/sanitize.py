"""Sanitizing of texts from sources, and local times.

Responsible for removing characters that XML forbids or that change the direction of a line. Must not know where a text
is shown, so it escapes nothing.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from headcount.kernel.events import Ms

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_DIRECTION_MARKS: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAKS: Final = re.compile("[\t\n\r\x85\u2028\u2029 ]+")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def harmless(text: str) -> str:
    """Return the text with a replacement for each code point that XML forbids or that is not a character."""
    return _FORBIDDEN.sub(_REPLACEMENT, text)


def one_line(text: str) -> str:
    """Return the text on one line, without marks that change the direction of the text after it."""
    return _DIRECTION_MARKS.sub("", _BREAKS.sub(" ", harmless(text))).strip()


def local(ms: Ms, zone: tzinfo) -> datetime:
    """Return a time in a time zone."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)


def local_text(ms: Ms, zone: tzinfo) -> str:
    """Return a time in a time zone as text: 2026-01-31 09:00:00."""
    return local(ms, zone).strftime("%Y-%m-%d %H:%M:%S")
