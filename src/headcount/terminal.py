"""Escaping of text for terminals and spreadsheets, and its width in a terminal.

The name of a room may contain characters that move the cursor, change colors or reverse the direction of a line, and an
operator who lists rooms must see them. It may also be a text that a spreadsheet would run as a formula. Responsible for
the escaping and the widths. Must not know what prints the text.
"""

import re
from itertools import pairwise
from typing import Final
from unicodedata import category, east_asian_width

# C0 and C1 (line breaks among them), the marks of direction, separators of lines and paragraphs, lone surrogates.
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CONTROLS_IN_LINES: Final = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_NO_WIDTH: Final = ("Mn", "Me", "Cf", "Cc", "Zl", "Zp")
_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_FORMULA_STARTS: Final = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - full-width characters start formulas, too


def escape_controls(text: str) -> str:
    r"""Return the text on one line, with each control character escaped as in JSON, like `\u001b`."""
    return _CONTROLS.sub(_escape, text)


def escape_controls_in_lines(text: str) -> str:
    """Return the text with control characters escaped, except line breaks and tabs."""
    return _CONTROLS_IN_LINES.sub(_escape, text)


def escape_formula(text: str) -> str:
    """Return the text with an apostrophe before it if a spreadsheet would run it as a formula, as OWASP advises."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def cell_width(text: str) -> int:
    """Return the number of cells that a text takes in a terminal. An emoji of several characters counts as its first one."""
    if text.isascii():
        return len(text)
    return sum(_width(before, letter) for before, letter in pairwise(f" {text}"))


def fit(text: str, width: int) -> str:
    """Return a text in exactly this many cells: padded, or cut with an ellipsis."""
    if cell_width(text) <= width:
        return text + " " * (width - cell_width(text))
    kept = text[: width - 1]
    while cell_width(kept) > width - 1:
        kept = kept[:-1]
    return f"{kept}…" + " " * (width - 1 - cell_width(kept))


def _width(before: str, letter: str) -> int:
    if letter == _EMOJI_STYLE:
        return 1 if category(before) == "So" and east_asian_width(before) not in "WF" else 0
    if (
        before == _JOINER or category(letter) in _NO_WIDTH or "\u1160" <= letter <= "\u11ff"
    ):  # Hangul letters that join the one before
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
