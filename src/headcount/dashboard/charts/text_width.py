"""Estimated widths of texts, so that labels do not overlap.

Responsible for estimates that are too wide rather than too narrow. Must not know where a text is shown.
"""

from typing import Final
from unicodedata import combining, east_asian_width

_NARROW: Final = frozenset("iljtfrI1.,:;'|!()[] -")
_WIDE: Final = frozenset("mwMW@%&")
_ELLIPSIS: Final = "…"


def width_of(text: str, size: float = 11) -> float:
    """Return the width of a text in a font size."""
    return size * sum(map(_em, text))


def fitted(text: str, width: float, size: float = 11) -> str:
    """Return the text, or its start and an ellipsis if it is too wide."""
    if width_of(text, size) <= width:
        return text
    space, length = width - size * _em(_ELLIPSIS), 0
    for character in text:
        space -= size * _em(character)
        if space < 0:
            break
        length += 1
    return text[:length].rstrip() + _ELLIPSIS


def _em(character: str) -> float:
    if combining(character):
        return 0
    if east_asian_width(character) in "WF" or ord(character) > 0xFFFF:
        return 1.2
    if character in _NARROW:
        return 0.4
    if character in _WIDE:
        return 0.95
    return 0.72 if character.isupper() else 0.62
