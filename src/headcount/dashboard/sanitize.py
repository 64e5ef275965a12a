"""Texts: names that come from anywhere, made fit to be shown, and moments as clocks of a zone show them.

Knows what XML forbids and what turns the direction of a line. Does not know where a text goes, so it
escapes nothing.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from headcount.kernel.events import Ms

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_STEERING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAKS: Final = re.compile("[\t\n\r\x85\u2028\u2029 ]+")
_INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


def harmless(text: str) -> str:
    """The text, with a sign in place of everything that XML forbids or that is no character at all."""
    return _FORBIDDEN.sub(_INSTEAD, text)


def one_line(text: str) -> str:
    """The text on one line, with nothing in it that could turn the words after it around."""
    return _STEERING.sub("", _BREAKS.sub(" ", harmless(text))).strip()


def local(ms: Ms, zone: tzinfo) -> datetime:
    """What calendars and clocks of the zone show at a moment."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)


def spoken(ms: Ms, zone: tzinfo) -> str:
    """The same as people read it: 2026-01-31 09:00:00."""
    return local(ms, zone).strftime("%Y-%m-%d %H:%M:%S")
