"""Settings of the server, in one table. Each has a flag, a variable HEADCOUNT_..., a key in the TOML file and a line in the docs.

Responsible for reading and validating values. Must not know what a setting is for. A flag overrides a variable, a variable
overrides the file, the file overrides the default.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import available_timezones

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.limits import Limits
from headcount.store.database import mask_password


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = int(value)
        if str(value).strip() != str(number) or not least <= number <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return number

    return read


def _seconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number < 10**9:
        raise ValueError("must be a number of seconds, 0 or more")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must not be empty")
    return value


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return read


def _prefix(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith("/"):
        raise ValueError("must begin with a slash, like /v1, or be empty")
    return text


def _url(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// or http://")
    return text


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks from a text, separated by commas. Raise `ValueError`."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _networks(value: Any) -> str:
    text = str(value)
    try:
        networks(text)
    except ValueError:
        raise ValueError("must be networks divided by commas, like 10.1.0.0/16,fd00::/8") from None
    return text


def _zone(value: Any) -> str:
    name = str(value)
    if name != "UTC" and name not in available_timezones():
        raise ValueError("must be a time zone, like Europe/Berlin or UTC")
    return name


class Setting(NamedTuple):
    """One setting. `read` returns a valid value, or raises `ValueError` with the rest of a sentence."""

    name: str
    default: Any
    read: Callable[[Any], Any]
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "HEADCOUNT_" + self.name.upper()


TABLE: Final = (
    Setting("database", "headcount.db", _text, "Where everything is kept: a file, or postgresql://…"),
    Setting("synchronous", "full", _one_of("full", "normal"), "normal: a power cut may lose the last seconds."),
    Setting("host", "127.0.0.1", _text, "The address to listen on; 0.0.0.0 is every one of this machine."),
    Setting("port", 8080, _whole(0, 65_535), "The port to listen on; 0 takes a free one."),
    Setting("prefix", "/v1", _prefix, "What the paths of the API begin with."),
    Setting("public_url", "", _url, "The address by which others reach us, like https://headcount.example."),
    Setting("domain", "default", _text, "The domain of the key that the first start makes, and of new sources."),
    Setting("timezone", "UTC", _zone, "In whose days and hours the dashboard shows times to who chose no other."),
    Setting("min_stay_s", 10, _seconds, "A shorter stay is void (rule 4)."),
    Setting("start_alone_s", 30, _seconds, "So long must somebody alone stay to be a meeting (rule 6)."),
    Setting("reset_alone_s", 600, _seconds, "After so long left alone a new meeting begins (rule 7)."),
    Setting("settling_s", 15, _seconds, "What comes later than this is a correction (rule 15)."),
    Setting("shown_after_s", 0.2, _seconds, "So long is waited for events out of order before they show."),
    Setting("max_stay_s", 0, _seconds, "Close stays that nobody closed after so long; 0 never does."),
    Setting("granularity_s", 1, _whole(1, 3_600), "Round times in answers down to so many seconds (rule 12)."),
    Setting("max_body_bytes", 8_000_000, _whole(1_000, 10**9), "The largest body of a request."),
    Setting("max_events", 10_000, _whole(1, 10**6), "The most events in one request, participants in a list, or events in one delivery of a source."),
    Setting("max_name_length", 512, _whole(16, 1_024), "The longest name of a room or participant, in characters; in UTF-8 it may have 1,024 bytes."),
    Setting("request_s", 30, _whole(1, 3_600), "A request's head must come within so long, its body within as much again; then the store must answer within it."),
    Setting("reads_per_5s", 100, _whole(0, 10**9), "So many reads may a key make in 5 seconds; 0 any."),
    Setting("events_per_5s", 100_000, _whole(0, 10**9), "So many events may a key or a source send in 5 seconds; 0 any. A list counts its participants."),
    Setting("max_streams_per_domain", 1_000, _whole(1, 5_000), "The most open streams of a domain in one process."),
    Setting("max_open_rooms", 100_000, _whole(0, 10**9), "The most rooms of a domain that somebody is in at once; 0 any."),
    Setting("max_lag_s", 30, _seconds, "With the engine further behind than this, /readyz says no."),
    Setting("webhook_networks", "", _networks, "Networks of your own that webhooks may lead to, like 10.1.0.0/16,127.0.0.0/8."),
    Setting("webhook_ca_file", "", str, "Also trust webhooks whose certificates these authorities signed (a PEM file)."),
    Setting("keep_messages_days", 30, _whole(0, 36_500), "So long are messages and their deliveries kept; 0 for ever."),
    Setting("log_level", "info", _one_of("debug", "info", "warning", "error"), "How much is logged; debug logs every request."),
    Setting("log_format", "console", _one_of("console", "json"), "How log lines look."),
)  # fmt: skip
"""All settings, in the order in which they are listed."""

_BY_NAME: Final = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """Values, and the origin of each: default, file, variable or flag.

    `sources` are the tables `[[source]]` of the file, not yet validated.
    """

    values: Mapping[str, Any] = field(repr=False)
    origins: Mapping[str, str]
    sources: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def shown(self, name: str) -> str:
        """Return a value as text without passwords."""
        return mask_password(str(self.values[name]))

    def rules(self) -> Rules:
        """Return the thresholds of the rules. Raise `InvalidRules`."""
        names = ("min_stay_s", "start_alone_s", "reset_alone_s", "settling_s")
        return Rules(*(round(self.values[name] * 1_000) for name in names))

    def limits(self) -> Limits:
        """Return the limits of everything that accepts events."""
        names = ("max_body_bytes", "max_events", "max_name_length", "request_s")
        return Limits(*(self.values[name] for name in names))

    def shown_after(self) -> Ms:
        """Return the reorder window in ms."""
        shown_after: float = self.values["shown_after_s"]
        return round(shown_after * 1_000)

    def max_stay(self) -> Ms | None:
        """Return the age in ms after which an open stay is closed; None if never."""
        return round(self.values["max_stay_s"] * 1_000) or None


def read_settings(
    flags: Mapping[str, Any], variables: Mapping[str, str] | None = None, file: str | None = None
) -> Settings:
    """Return settings from flags (None if not given), variables and a TOML file.

    Raise `BadInput` with the setting, its origin, and what it must be.
    """
    environment = os.environ if variables is None else variables
    values, origins = {}, {}
    from_file = _read_file(file) if file else {}
    sources = _tables(from_file.pop("source", []), file)
    for setting in TABLE:
        values[setting.name], origins[setting.name] = _value(setting, flags, environment, from_file, file)
    return Settings(values, origins, sources)


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    variables: Mapping[str, str],
    from_file: Mapping[str, Any],
    file: str | None,
) -> tuple[Any, str]:
    if flags.get(setting.name) is not None:
        value, origin = flags[setting.name], setting.flag
    elif setting.variable in variables:
        value, origin = variables[setting.variable], setting.variable
    elif setting.name in from_file:
        value, origin = from_file[setting.name], str(file)
    else:
        return setting.default, "default"
    try:
        return setting.read(value), origin
    except (ValueError, TypeError, OverflowError) as error:
        problem = str(error) if "must" in str(error) else "is not a number"
        raise BadInput(
            f"{setting.name} (set by {origin}) {problem}, not {mask_password(repr(value))}"
        ) from error


def _tables(found: Any, file: str | None) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadInput("each source is a table of its own: [[source]]", where=file or "")
    return tuple(found)


def _read_file(file: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {(error.strerror or str(error)).lower()}", where=file) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is not TOML: {error}", where=file) from error
    unknown = sorted(found.keys() - _BY_NAME.keys() - {"source"})
    if unknown:
        raise BadInput(f"knows no setting '{unknown[0]}'; 'headcount config' lists all", where=file)
    return found


def url_of(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on this address."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host  # noqa: S104 - only named
    return f"http://{shown}:{port}"


def cannot_listen(host: str, port: int, error: OSError) -> BadInput:
    """Return the error for an address that cannot be listened on."""
    reason = (error.strerror or str(error)).lower()
    return BadInput(f"cannot listen on {host} port {port}: {reason}; choose another with --port")
