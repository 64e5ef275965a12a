"""Types of settings: how a value is read, shown and described.

Responsible for valid values, and for errors that state what was expected. Must not know which settings there are.
"""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from headcount.kernel.names import NUL
from headcount.limits import ATTRIBUTE_KEY_BYTES, length_problem
from headcount.units import exact_duration, format_size, parse_duration, parse_size

MAX_USAGE_ATTRIBUTES: Final = 16


class Kind(NamedTuple):
    """Type of a setting: its name and limits in the docs, the unit of a bare number, and how a value is read and shown.

    `read` returns a valid value, or raises `ValueError` with what was expected.
    """

    type: str
    limits: str
    read: Callable[[Any], Any]
    show: Callable[[Any], str] = str
    unit: str = ""

    @property
    def metavar(self) -> str:
        """The placeholder of a value in help."""
        return {"integer": "N", "time zone": "ZONE", "networks": "CIDR,…", "keys": "KEY,…"}.get(
            self.type, self.type.upper()
        )


def whole(least: int, most: int) -> Kind:
    def read(value: Any) -> int:
        try:
            number = int(value)
        except (ValueError, TypeError, OverflowError):
            number = None
        if number is None or str(value).strip() != str(number) or not least <= number <= most:
            raise ValueError(f"expected a whole number from {least:,} to {most:,}")
        return number

    return Kind("integer", f"{least:,} to {most:,}", read)


def duration(least: str, most: str = "", *, unit: str = "s", is_whole: bool = False) -> Kind:
    """Duration; the value is a number of seconds, or of days if `unit` is d."""
    unit_ms = parse_duration(f"1{unit}")
    least_ms, most_ms = parse_duration(least), parse_duration(most or "11574d")
    bounds = f"from {least} to {most}" if most else f"of {least} or more"
    example = "such as 30d" if unit == "d" else "such as 15s or 2m"

    def read(value: Any) -> float:
        number = _number(value, unit_ms, parse_duration)
        if number is None or not least_ms <= number * unit_ms <= most_ms:
            raise ValueError(f"expected a duration {bounds}, {example}")
        if is_whole and number != int(number):
            raise ValueError(f"expected a whole number of {'days' if unit == 'd' else 'seconds'} {bounds}")
        return int(number) if number == int(number) else number

    return Kind(
        "duration",
        f"{least} to {most}" if most else f"{least} or more",
        read,
        (lambda value: f"{value}d") if unit == "d" else (lambda value: exact_duration(round(value * 1_000))),
        unit,
    )


def size(least: str, most: str) -> Kind:
    """Size in bytes."""

    def read(value: Any) -> int:
        number = _number(value, 1, parse_size)
        if number is None or not parse_size(least) <= number <= parse_size(most) or number != int(number):
            raise ValueError(f"expected a size from {least} to {most}, such as 8MB")
        return int(number)

    return Kind("size", f"{least} to {most}", read, format_size, "B")


def _number(value: Any, unit: int, parse: Callable[[str], int]) -> float | None:
    """Return a number, or a text with a unit as a number of `unit`; None if it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        pass
    try:
        return parse(str(value)) / unit
    except ValueError:
        return None


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text that is not empty")
    return value


def database(value: Any) -> str:
    address = text(value)
    if "//" in address and "@" in address and "://" not in address:
        raise ValueError("expected the path of a file, or a URL such as postgresql://USER:PASSWORD@HOST/NAME")
    return address


def one_of(*words: str) -> Kind:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(
                f"expected {' or '.join(words)}" if len(words) == 2 else f"expected one of {', '.join(words)}"
            )
        return str(value)

    return Kind("choice", ", ".join(f"`{word}`" for word in words), read)


def path_prefix(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith("/"):
        raise ValueError("expected a path that starts with a slash, such as /v1, or nothing")
    return text


def url(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("expected a URL that starts with https:// or http://")
    return text


def topic(value: Any) -> str:
    """Return the URL of a Kafka topic, or nothing."""
    text = str(value)
    parts = urlsplit(text)
    if text and (
        parts.scheme != "kafka" or not parts.netloc or "@" in parts.netloc or "/" in parts.path.strip("/")
    ):
        raise ValueError(
            "expected kafka://HOST:PORT/TOPIC, such as kafka://broker.example:9092/headcount.events, with further"
            " options of the client as ?security.protocol=SASL_SSL"
        )
    return text


def room_url(value: Any) -> str:
    text = str(value)
    if text and not (text.startswith(("https://", "http://")) and "{room}" in text):
        raise ValueError(
            "expected a URL that starts with https:// or http:// and contains {room},"
            " such as https://meet.example/{room}"
        )
    return text


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks from a text, separated by commas. Raise `ValueError`."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def network_list(value: Any) -> str:
    text = str(value)
    try:
        networks(text)
    except ValueError:
        raise ValueError("expected networks separated by commas, such as 10.1.0.0/16,fd00::/8") from None
    return text


def attribute_keys(value: Any) -> tuple[str, ...]:
    """Return keys of attributes, from a list or a text that separates them by commas."""
    keys = value.split(",") if isinstance(value, str) else value
    if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
        raise ValueError("expected keys of attributes separated by commas, such as customer,role")
    keys = tuple(dict.fromkeys(key.strip() for key in keys if key.strip()))
    if len(keys) > MAX_USAGE_ATTRIBUTES:
        raise ValueError(f"expected at most {MAX_USAGE_ATTRIBUTES} keys")
    for key in keys:
        if NUL in key or "," in key or length_problem(key, max_bytes=ATTRIBUTE_KEY_BYTES):
            raise ValueError(
                f"expected keys of at most {ATTRIBUTE_KEY_BYTES} bytes without commas and U+0000"
            )
    return keys


def file(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a path")  # noqa: TRY004 - reported with its origin, like all others
    return value


def zone(value: Any) -> str:
    name = str(value)
    if name != "UTC" and name not in available_timezones():
        raise ValueError("expected an IANA time zone, such as Europe/Berlin or UTC")
    return name
