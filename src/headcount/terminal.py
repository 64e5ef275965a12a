"""Escaping of text for terminals and spreadsheets.

The name of a room may contain characters that move the cursor, change colors or reverse the direction of a line, and an
operator who lists rooms must see them. It may also be a text that a spreadsheet would run as a formula. Responsible for
the escaping. Must not know what prints the text.
"""

import re
from typing import Final

# C0 and C1 (line breaks among them), the marks of direction, separators of lines and paragraphs, lone surrogates.
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CONTROLS_IN_LINES: Final = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
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


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
