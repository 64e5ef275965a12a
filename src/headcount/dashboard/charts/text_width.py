"""Widths: how wide a text will about be, so that nothing overlaps. Rather too wide than too narrow."""

from typing import Final
from unicodedata import combining, east_asian_width

_NARROW: Final = frozenset("iljtfrI1.,:;'|!()[] -")
_BROAD: Final = frozenset("mwMW@%&")
_REST: Final = "…"


def width_of(words: str, size: float = 11) -> float:
    """How wide the words are, in letters of a size."""
    return size * sum(map(_share, words))


def fitted(words: str, width: float, size: float = 11) -> str:
    """The words, or as many letters of them as there is room for and three dots."""
    if width_of(words, size) <= width:
        return words
    room, kept = width - size * _share(_REST), 0
    for letter in words:
        room -= size * _share(letter)
        if room < 0:
            break
        kept += 1
    return words[:kept].rstrip() + _REST


def _share(letter: str) -> float:
    if combining(letter):
        return 0
    if east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF:
        return 1.2
    if letter in _NARROW:
        return 0.4
    if letter in _BROAD:
        return 0.95
    return 0.72 if letter.isupper() else 0.62
