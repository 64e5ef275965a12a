"""Terminal: text from anywhere, made fit to be shown where control characters mean something.

A room may be called what moves the cursor, paints the screen or turns the direction of a line, and an operator who
lists rooms must see what is there. This module does not know who prints.
"""

import re
from typing import Final

# C0 and C1 (line breaks among them), the marks that turn directions, breaks of lines and paragraphs, lone surrogates.
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CONTROLS_IN_LINES: Final = re.compile(_CONTROLS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def visible(text: str) -> str:
    r"""Return the text on one line, with each control character written as JSON may write it, like `\u001b`."""
    return _CONTROLS.sub(_escaped, text)


def visible_lines(text: str) -> str:
    """Return the same of a text that has lines and tabs of its own."""
    return _CONTROLS_IN_LINES.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
