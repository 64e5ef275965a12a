"""Fields of vendors' payloads: times, names and bodies, converted to the kernel's types.

Each vendor has another unit of time, and a wrong unit puts a meeting into 1970. So each function names the unit of its
input and checks its result. Must not know the vendors.
"""

from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.timestamps import EARLIEST, TOO_LATE, InvalidTimestamp, from_seconds, parse_plausible_timestamp

T = TypeVar("T")


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Return the names and values of an `application/x-www-form-urlencoded` body, in order.

    Empty values stay. Bytes that are not UTF-8 become U+FFFD.
    """
    return parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace")


def valid_ms(at: float, field: str) -> Ms:
    """Return ms since 1970 between the years 2000 and 2100. Raise `BadInput` with the field for any other number."""
    if not EARLIEST <= at < TOO_LATE:  # false for NaN, too
        raise BadInput(
            f"{field} is not between the years 2000 and 2100: {f'{at:.0f}'[:30] if isinstance(at, float) else str(at)[:30]} ms since 1970"
        )
    return int(at)


def ms_from_seconds(value: float, field: str) -> Ms:
    """Return seconds since 1970, whole or fractional, as ms; finer digits are cut off."""
    valid_ms(value * 1_000, field)
    return from_seconds(value)


def ms_from_micros(value: int, field: str) -> Ms:
    """Return microseconds since 1970 as ms."""
    return valid_ms(value // 1_000, field)


def ms_from_nanos(value: int, field: str) -> Ms:
    """Return nanoseconds since 1970 as ms."""
    return valid_ms(value // 1_000_000, field)


def ms_from_rfc3339(text: str, field: str) -> Ms:
    """Return an RFC 3339 timestamp with a time zone, of any precision, as ms. Raise `BadInput`."""
    if text.lstrip("+-").isdigit():
        raise BadInput(f"{field} is a number, not a time as RFC 3339 writes it: {text[:50]!r}")
    try:
        return parse_plausible_timestamp(text)
    except InvalidTimestamp as error:
        raise BadInput(f"{field} {error}: {text[:50]!r}") from error


def ms_from_rfc3339_or(received_at: Ms, text: str | None, field: str) -> Ms:
    """Return an RFC 3339 timestamp as ms; if the vendor omits it, the time of receipt. Raise `BadInput`."""
    return ms_from_rfc3339(text, field) if text else valid_ms(received_at, "the moment when it was received")


def join_before(leave_at: Ms, joined_at: Ms | None) -> Ms | None:
    """Return the join time that a leave reports, or None if it is not before the leave.

    A join at the moment of the leave would undo the leave: a stay of no length does not exist (R2).
    """
    return joined_at if joined_at is not None and joined_at < leave_at else None


def user_name(text: str | None) -> str | None:
    """Return a user's name without U+0000; None if nothing is left.

    Users may enter anything, and their meeting must not be lost for it.
    """
    if not text:
        return None
    return text.replace(NUL, "") or None


def required(value: T | None, field: str, kind: str, vendor: str) -> T:
    """Return the value of a field. Raise `BadInput` if it is missing or empty in this kind of event."""
    if not value:
        raise BadInput(f"a '{kind}' of {vendor} without a {field}")
    return value


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, expected: str) -> T:
    """Return the decoded body of a request. Raise `BadInput` if it is not the `expected` payload."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is no {expected}: {error}") from error
