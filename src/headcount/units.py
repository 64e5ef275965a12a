"""Durations and sizes as text with their unit: `10s`, `1h 30m`, `4GB`.

Responsible for both directions and for the error messages. Must not know options, settings or pages. Durations are in ms,
sizes in bytes.
"""

import re
from fractions import Fraction
from typing import Final

from headcount.kernel.events import Ms

_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_BYTES: Final = {
    "B": 1,
    **{f"{prefix}B": 1_000**power for power, prefix in enumerate("KMGT", 1)},
    **{f"{prefix}IB": 1_024**power for power, prefix in enumerate("KMGT", 1)},
}
_PART: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([a-zµ]+)", re.IGNORECASE | re.ASCII)
_MAX: Final = 10**15


class InvalidQuantity(ValueError):
    """A text that is no duration or size. The message states what it must be, as the rest of a sentence about it."""


def parse_duration(text: str) -> Ms:
    """Return the duration of a text in ms, like `10s`, `1h 30m`, `2.5h`, `250ms` or `30d`; 0 needs no unit.

    It is rounded to a millisecond. Raise `InvalidQuantity`.
    """
    text = text.strip().lower()
    if text == "0":
        return 0
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    sizes = [_MS.get(unit, 0) for unit in units]
    is_whole = _PART.sub("", text).strip() == "" and bool(parts)
    if not is_whole or 0 in sizes or sizes != sorted(set(sizes), reverse=True):
        raise InvalidQuantity("must be a duration with its unit, like 10s, 5m or 1h 30m")
    return _limited(sum(Fraction(number) * size for (number, _), size in zip(parts, sizes, strict=True)))


def parse_size(text: str) -> int:
    """Return the size of a text in bytes, like `512MB`, `4GB`, `1.5GiB` or `8000000B`. Raise `InvalidQuantity`."""
    found = _PART.fullmatch(text.strip())
    unit = _BYTES.get(found[2].upper()) if found else None
    if found is None or unit is None:
        raise InvalidQuantity("must be a size with its unit, like 512MB, 4GB or 1.5GiB")
    return _limited(Fraction(found[1]) * unit)


def _limited(amount: Fraction | int) -> int:
    if amount > _MAX:
        raise InvalidQuantity("must be smaller")
    return round(amount)


def format_duration(ms: Ms) -> str:
    """Return a duration rounded down to its two largest units: `2d 3h`, `1h 50m`, `35m 25s`, `16s`."""
    return _duration(max(0, ms) // 1_000 * 1_000, 2)


def exact_duration(ms: Ms) -> str:
    """Return a duration with all of its units, to the millisecond: `1h 2m 3.5s`, `10m`, `0.2s`."""
    return _duration(max(0, ms), 4)


def _duration(ms: Ms, units: int) -> str:
    rest, parts = ms, []
    for unit in ("d", "h", "m"):
        number, rest = divmod(rest, _MS[unit])
        parts.append((f"{number:,}", unit))
    parts.append((f"{rest // 1_000}.{rest % 1_000:03}".rstrip("0").rstrip("."), "s"))
    first = next((index for index, (number, _) in enumerate(parts) if number != "0"), len(parts) - 1)
    shown = [f"{number}{unit}" for number, unit in parts[first : first + units] if number != "0"]
    return " ".join(shown) or "0s"


def format_size(size: int) -> str:
    """Return a size with the largest decimal unit in which it is exact to one digit: `8MB`, `1.5GB`, `999B`."""
    for unit in ("TB", "GB", "MB", "KB"):
        tenths, rest = divmod(size * 10, _BYTES[unit])
        if tenths >= 10 and not rest:
            return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 10 else ''}{unit}"
    return f"{size}B"
