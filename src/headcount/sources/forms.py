"""Forms: bodies as browsers send them (`application/x-www-form-urlencoded`)."""

import re
from collections.abc import Iterable
from typing import Final

_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_PLAIN: Final = re.compile(rb"[^0-9A-Za-z*._-]")


def fields(body: bytes) -> list[tuple[str, str]]:
    """Names and values in their order; what is no UTF-8 is replaced, what is empty stays."""
    pairs = (part.partition(b"=") for part in body.split(b"&") if part)
    return [(_text(name), _text(value)) for name, _, value in pairs]


def form_of(pairs: Iterable[tuple[str, str]]) -> bytes:
    """A form of these names and values."""
    return b"&".join(_escaped(name) + b"=" + _escaped(value) for name, value in pairs)


def _escaped(text: str) -> bytes:
    return _PLAIN.sub(lambda found: b"+" if found[0] == b" " else b"%%%02X" % found[0][0], text.encode())


def _text(raw: bytes) -> str:
    plain = raw.replace(b"+", b" ")
    return _ESCAPED.sub(lambda escaped: bytes((int(escaped[1], 16),)), plain).decode(errors="replace")
