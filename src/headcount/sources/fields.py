"""Said: times and names as vendors write them, made into ours.

Every vendor has another unit, and a mistaken unit makes a meeting of 1970. So each number says
its unit here, and what comes out is looked at before it is believed.
"""

from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.timestamps import EARLIEST, TOO_LATE, UnreadableMoment, sensible_moment

_LONGEST_NAME = 512
T = TypeVar("T")


def form(body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of an `application/x-www-form-urlencoded` body, in order.

    Empty values stay. Bytes that are not UTF-8 become U+FFFD.
    """
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace")


def sensible(at: float, field: str) -> Ms:
    """Milliseconds, if a meeting can have been then. Raises `BadInput` with the field."""
    if not EARLIEST <= at < TOO_LATE:  # false for what is no number, too
        raise BadInput(
            f"{field} is not between the years 2000 and 2100: {f'{at:.0f}'[:30] if isinstance(at, float) else str(at)[:30]} ms since 1970"
        )
    return int(at)


def seconds(value: float, field: str) -> Ms:
    """Seconds since 1970, whole or not, as ms; what is finer is cut off."""
    if isinstance(value, int):
        return sensible(value * 1_000, field)
    # A float of seconds is a little below or above its millisecond.
    return sensible(value * 1_000 + 0.001 if value == value else value, field)  # noqa: PLR0124 - not for NaN


def micros(value: int, field: str) -> Ms:
    """Microseconds since 1970 as ms."""
    return sensible(value // 1_000, field)


def nanos(value: int, field: str) -> Ms:
    """Nanoseconds since 1970 as ms."""
    return sensible(value // 1_000_000, field)


def rfc3339(text: str, field: str) -> Ms:
    """RFC 3339 with its zone, however fine, as ms. Raises `BadInput`."""
    if text.lstrip("+-").isdigit():
        raise BadInput(f"{field} is a number, not a time as RFC 3339 writes it: {text[:50]!r}")
    try:
        return sensible_moment(text)
    except UnreadableMoment as error:
        raise BadInput(f"{field} {error}: {text[:50]!r}") from error


def rfc3339_or(received: Ms, text: str | None, field: str) -> Ms:
    """A time that a vendor may leave out: then it is when the delivery was received. Raises `BadInput`."""
    return rfc3339(text, field) if text else sensible(received, "the moment when it was received")


def join_before(at: Ms, joined: Ms | None) -> Ms | None:
    """The join that a leave at `at` tells of; None if it is no earlier.

    Believed, that one would undo the leave: who comes and goes at one instant neither came nor went (R2).
    """
    return joined if joined is not None and joined < at else None


def name(text: str | None) -> str | None:
    """Somebody's name as it can be kept: U+0000 taken out, not endlessly long, None if nothing is left.

    People write what they like; their meeting must not be lost for it.
    """
    if not text:
        return None
    return text.replace(NUL, "")[:_LONGEST_NAME] or None


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes, vendor: str) -> T:
    """The body of a delivery. Raises `BadInput` if it is not what this vendor sends."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is no {vendor}: {error}") from error
