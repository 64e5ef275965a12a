"""Forms: bodies as browsers send them (`application/x-www-form-urlencoded`)."""

import re
from typing import Final

_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def fields(body: bytes) -> list[tuple[str, str]]:
    """Names and values in their order; what is no UTF-8 is replaced, what is empty stays."""
    pairs = (part.partition(b"=") for part in body.split(b"&") if part)
    return [(_text(name), _text(value)) for name, _, value in pairs]


def _text(raw: bytes) -> str:
    plain = raw.replace(b"+", b" ")
    return _ESCAPED.sub(lambda escaped: bytes((int(escaped[1], 16),)), plain).decode(errors="replace")
