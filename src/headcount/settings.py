"""Settings of the server, in one table. Each has a flag, a variable HEADCOUNT_..., a key in the TOML file and a line in the docs.

Responsible for reading and validating values. Must not know what a setting is for. A flag overrides a variable, a variable
overrides the file, the file overrides the default.
"""

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from shlex import quote
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import available_timezones

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.names import NUL
from headcount.kernel.rules import Rules
from headcount.limits import ATTRIBUTE_KEY_BYTES, Limits, length_problem
from headcount.secret_files import read_variable
from headcount.store.database import file_of, mask_password
from headcount.store.encryption import KEY_VARIABLE, Keyring
from headcount.units import exact_duration, format_size, parse_duration, parse_size

_MAX_USAGE_ATTRIBUTES: Final = 16
DEFAULT_TOPIC: Final = "headcount.events"
SOURCE_VARIABLES: Final = "HEADCOUNT_SOURCE_"
"""Beginning of the variables that declare sources."""
ADMIN_KEY_VARIABLE: Final = "HEADCOUNT_ADMIN_KEY"


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


def _whole(least: int, most: int) -> Kind:
    def read(value: Any) -> int:
        try:
            number = int(value)
        except (ValueError, TypeError, OverflowError):
            number = None
        if number is None or str(value).strip() != str(number) or not least <= number <= most:
            raise ValueError(f"expected a whole number from {least:,} to {most:,}")
        return number

    return Kind("integer", f"{least:,} to {most:,}", read)


def _duration(least: str, most: str = "", *, unit: str = "s", is_whole: bool = False) -> Kind:
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


def _size(least: str, most: str) -> Kind:
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


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text that is not empty")
    return value


def _database(value: Any) -> str:
    text = _text(value)
    if "//" in text and "@" in text and "://" not in text:
        raise ValueError("expected the path of a file, or a URL such as postgresql://USER:PASSWORD@HOST/NAME")
    return text


def _one_of(*words: str) -> Kind:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(
                f"expected {' or '.join(words)}" if len(words) == 2 else f"expected one of {', '.join(words)}"
            )
        return str(value)

    return Kind("choice", ", ".join(f"`{word}`" for word in words), read)


def _path_prefix(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith("/"):
        raise ValueError("expected a path that starts with a slash, such as /v1, or nothing")
    return text


def _url(value: Any) -> str:
    text = str(value).rstrip("/")
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("expected a URL that starts with https:// or http://")
    return text


def _topic(value: Any) -> str:
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


def _room_url(value: Any) -> str:
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


def _networks(value: Any) -> str:
    text = str(value)
    try:
        networks(text)
    except ValueError:
        raise ValueError("expected networks separated by commas, such as 10.1.0.0/16,fd00::/8") from None
    return text


def _attribute_keys(value: Any) -> tuple[str, ...]:
    """Return keys of attributes, from a list or a text that separates them by commas."""
    keys = value.split(",") if isinstance(value, str) else value
    if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
        raise ValueError("expected keys of attributes separated by commas, such as customer,role")
    keys = tuple(dict.fromkeys(key.strip() for key in keys if key.strip()))
    if len(keys) > _MAX_USAGE_ATTRIBUTES:
        raise ValueError(f"expected at most {_MAX_USAGE_ATTRIBUTES} keys")
    for key in keys:
        if NUL in key or "," in key or length_problem(key, max_bytes=ATTRIBUTE_KEY_BYTES):
            raise ValueError(
                f"expected keys of at most {ATTRIBUTE_KEY_BYTES} bytes without commas and U+0000"
            )
    return keys


def _file(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a path")  # noqa: TRY004 - reported with its origin, like all others
    return value


def _zone(value: Any) -> str:
    name = str(value)
    if name != "UTC" and name not in available_timezones():
        raise ValueError("expected an IANA time zone, such as Europe/Berlin or UTC")
    return name


class TopicUrl(NamedTuple):
    """Where a topic is. `options` are further options of the Kafka client, such as `security.protocol`."""

    servers: str
    topic: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def dead_letters(self) -> str:
        """The topic of the records that cannot be read."""
        return f"{self.topic}.dead-letters"

    @property
    def late(self) -> str:
        """The topic of the entries that are older than what is known of their rooms."""
        return f"{self.topic}.late"

    @property
    def inferred(self) -> str:
        """The topic of what the shards infer: the archive has it, too."""
        return f"{self.topic}.inferred"


class Setting(NamedTuple):
    """One setting."""

    name: str
    default: Any
    kind: Kind
    help: str

    @property
    def flag(self) -> str:
        """The flag. It has no unit, because its value has one."""
        return "--" + re.sub(r"(_s|_bytes|_days)$", "", self.name).replace("_", "-")

    @property
    def variable(self) -> str:
        return "HEADCOUNT_" + self.name.upper()

    def show(self, value: Any) -> str:
        """Return a value as the flag takes it, without passwords."""
        return mask_password(self.kind.show(value))


TABLE: Final = (
    Setting("database", "headcount.db", Kind("text", "path or postgresql:// URL", _database), "Database: the path of an SQLite file, or a postgresql:// URL"),
    Setting("durability", "full", _one_of("full", "normal"), "Durability of commits; with `normal`, a power failure may lose the last seconds"),
    Setting("encryption_key_file", "", Kind("path", "file of keys", _file), "File of the keys that encrypt the secrets of sources and webhooks in the database; without it, they are in plain text"),
    Setting("log", "", Kind("URL", "kafka://HOST:PORT/TOPIC", _topic), "Kafka topic that receives the events instead of the database; a live query on a cluster processes it"),
    Setting("engine", "on", _one_of("on", "off"), "Whether this server processes events; `off` if a live query on a cluster does"),
    Setting("archive", "", Kind("path", "directory or s3:// URL", _file), "Archive of the events of a cluster: the live query writes it, and servers read it for explanations and exports"),
    Setting("host", "127.0.0.1", Kind("text", "", _text), "Address to listen on; 0.0.0.0 listens on every interface"),
    Setting("port", 8080, _whole(0, 65_535), "Port to listen on; 0 selects a free port"),
    Setting("api_prefix", "/v1", Kind("path", "", _path_prefix), "Path prefix of the REST API"),
    Setting("public_url", "", Kind("URL", "http:// or https://", _url), "URL under which clients reach the server, such as https://headcount.example"),
    Setting("trusted_proxies", "127.0.0.0/8,::1/128", Kind("networks", "CIDR, separated by commas", _networks), "Networks of reverse proxies; Headcount believes the headers X-Forwarded-For, -Proto, -Host and -Prefix only from these"),
    Setting("room_url", "", Kind("URL", "http:// or https://, with {room}", _room_url), "URL of a room in answers about rooms, such as https://meet.example/{room}"),
    Setting("domain", "default", Kind("text", "", _text), "Domain of the first API key, and default domain of sources, webhooks and imports"),
    Setting("timezone", "UTC", Kind("time zone", "IANA name", _zone), "Default time zone of the dashboard"),
    Setting("min_stay_s", 10, _duration("0s"), "Minimum duration of a stay; shorter stays are ignored (rule 4)"),
    Setting("start_alone_s", 30, _duration("0s"), "Minimum time that one person alone must stay to start a meeting (rule 6)"),
    Setting("reset_alone_s", 600, _duration("1s"), "Time alone after which a new meeting starts (rule 7)"),
    Setting("late_grace_s", 15, _duration("0s"), "Late grace period; events that arrive later cause a correction (rule 15)"),
    Setting("reorder_window_s", 0.2, _duration("0s"), "Delay before new events become visible, so that out-of-order events can be sorted"),
    Setting("stale_after_s", 0, _duration("0s"), "Age at which an open stay is closed because its leave event was probably lost; 0s disables this"),
    Setting("granularity_s", 1, _duration("1s", "1h", is_whole=True), "Granularity of times in answers; times are rounded down to it (rule 12)"),
    Setting("max_body_bytes", 8_000_000, _size("1KB", "1GB"), "Maximum size of a request body"),
    Setting("max_events", 10_000, _whole(1, 10**6), "Maximum number of events in a request, participants in a snapshot, and events in an inbound request of a source"),
    Setting("max_name_length", 512, _whole(16, 1_024), "Maximum length of a room name or participant name, in characters; in UTF-8, the limit is 1,024 bytes"),
    Setting("max_attributes", 32, _whole(1, 256), "Maximum number of attributes of an event"),
    Setting("max_attribute_key_length", 64, _whole(1, 256), "Maximum length of the key of an attribute, in characters; in UTF-8, the limit is 256 bytes"),
    Setting("max_attribute_value_length", 512, _whole(1, 2_048), "Maximum length of an attribute that is a string, in characters; in UTF-8, the limit is 2,048 bytes"),
    Setting("usage_attributes", ("customer", "role", "kind"), Kind("keys", f"at most {_MAX_USAGE_ATTRIBUTES}, separated by commas", _attribute_keys, ",".join), "Attributes of which usage is stored by value; usage by any other attribute is computed on request"),
    Setting("request_timeout_s", 30, _duration("1s", "1h"), "Timeout of the request headers, of the body, and of the database"),
    Setting("reads_per_5s", 100, _whole(0, 10**9), "Maximum number of read requests per API key in 5 seconds; 0 is no limit"),
    Setting("events_per_5s", 100_000, _whole(0, 10**9), "Maximum number of events per API key or source in 5 seconds; a snapshot counts its participants; 0 is no limit"),
    Setting("max_streams_per_domain", 1_000, _whole(1, 5_000), "Maximum number of open streams per domain and process"),
    Setting("max_open_rooms", 100_000, _whole(0, 10**9), "Maximum number of active rooms per domain; 0 is no limit"),
    Setting("ready_max_lag_s", 30, _duration("0s"), "Maximum processing lag at which /readyz reports ready"),
    Setting("webhook_allowed_networks", "", Kind("networks", "CIDR, separated by commas", _networks), "Private networks that webhooks may connect to, such as 10.1.0.0/16,127.0.0.0/8"),
    Setting("webhook_ca_file", "", Kind("path", "PEM file", _file), "File of additional certificate authorities to trust for webhooks"),
    Setting("webhook_retention_days", 30, _duration("0d", "36500d", unit="d", is_whole=True), "Retention of webhook messages and their deliveries; 0d keeps them forever"),
    Setting("erasure_list", "", Kind("path", "file", _file), "File with the list of erasures, which 'restore' and 'import' apply again; by default beside an SQLite database, with the ending .erasures"),
    Setting("access_log", "on", _one_of("on", "off"), "Whether the access log records who reads meetings and people, signs in, exports, erases or changes keys"),
    Setting("access_log_retention_days", 365, _duration("0d", "36500d", unit="d", is_whole=True), "Retention of the access log; 0d keeps it forever"),
    Setting("log_level", "info", _one_of("debug", "info", "warning", "error"), "Log level; `debug` logs every request"),
    Setting("log_format", "console", _one_of("console", "json"), "Log format"),
)  # fmt: skip
"""All settings, in the order in which they are listed."""

_BY_NAME: Final = {setting.name: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """Values, and the origin of each: `default`, the file, the variable or the flag.

    `sources` are the tables `[sources.NAME]` of the file, and `source_variables` the variables that declare sources; both are not
    yet validated. `admin_key` is a declared key and where it is from. It and `encryption_key` are from variables only: a flag would
    show them to other users of the machine, and a file of settings is often readable to them.
    """

    values: Mapping[str, Any] = field(repr=False)
    origins: Mapping[str, str]
    sources: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    admin_key: tuple[str, str] | None = field(default=None, repr=False)
    encryption_key: str = field(default="", repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def shown(self, name: str) -> str:
        """Return a value as text without passwords."""
        return _BY_NAME[name].show(self.values[name])

    def database(self) -> str:
        """Return where the database is: an absolute path, or a URL without its password."""
        path = file_of(self.values["database"])
        return self.shown("database") if path is None else str(path.absolute())

    def command(self, words: str) -> str:
        """Return the complete command for a hint, such as `headcount key create --database /srv/headcount.db`.

        It starts with the program as it was started. The path of the database is absolute, unless that of the program is relative.
        If the command prints an address of the server, the flags that change the address are part of it.
        """
        started, path = program(), file_of(self.values["database"])
        if path is None:
            is_in_file = self.origins["database"].endswith("_FILE")
            database = "" if is_in_file else ' --database "$HEADCOUNT_DATABASE"'
        else:
            database = f" --database {quote(str(path if _is_relative(started) else path.absolute()))}"
        flags = [
            f" {_BY_NAME[name].flag} {quote(_BY_NAME[name].kind.show(self.values[name]))}"
            for name in _address_settings(words)
            if self.origins[name] != "default"
            and self.values[name] != 0
            and _BY_NAME[name].flag not in words.split()
        ]
        if self.values["encryption_key_file"]:
            key_file = Path(self.values["encryption_key_file"])
            flags.append(
                f" --encryption-key-file {quote(str(key_file if _is_relative(started) else key_file.absolute()))}"
            )
        return f"{started} {words}{database}{''.join(flags)}"

    def keyring(self) -> Keyring:
        """Return the keys that encrypt secrets. Raise `BadInput` if they cannot be read."""
        return Keyring(self.encryption_key, file=self.values["encryption_key_file"])

    def rules(self) -> Rules:
        """Return the thresholds of the rules. Raise `InvalidRules`."""
        names = ("min_stay_s", "start_alone_s", "reset_alone_s", "late_grace_s")
        return Rules(*(round(self.values[name] * 1_000) for name in names))

    def limits(self) -> Limits:
        """Return the limits of everything that accepts events."""
        names = (
            "max_body_bytes",
            "max_events",
            "max_name_length",
            "request_timeout_s",
            "max_attributes",
            "max_attribute_key_length",
            "max_attribute_value_length",
        )
        return Limits(*(self.values[name] for name in names))

    def topic(self) -> TopicUrl | None:
        """Return the topic that receives the events, or None."""
        parts = urlsplit(self.values["log"])
        if not parts.netloc:
            return None
        return TopicUrl(parts.netloc, parts.path.strip("/") or DEFAULT_TOPIC, tuple(parse_qsl(parts.query)))

    def reorder_window(self) -> Ms:
        """Return the reorder window in ms."""
        reorder_window: float = self.values["reorder_window_s"]
        return round(reorder_window * 1_000)

    def stale_after(self) -> Ms | None:
        """Return the age in ms after which an open stay is closed; None if never."""
        return round(self.values["stale_after_s"] * 1_000) or None


def read_settings(
    flags: Mapping[str, Any], variables: Mapping[str, str] | None = None, file: str | None = None
) -> Settings:
    """Return settings from flags (None if not given), variables and a TOML file.

    Raise `BadInput` with the setting, its origin, and what it must be.
    """
    environment = os.environ if variables is None else variables
    values, origins = {}, {}
    from_file = _read_file(file) if file else {}
    sources = _tables(from_file.pop("sources", {}), file)
    for setting in TABLE:
        values[setting.name], origins[setting.name] = _value(setting, flags, environment, from_file, file)
    return Settings(
        values,
        origins,
        sources,
        {name: value for name, value in environment.items() if name.startswith(SOURCE_VARIABLES)},
        read_variable(environment, ADMIN_KEY_VARIABLE),
        _encryption_key(environment, values, origins),
    )


def _encryption_key(
    variables: Mapping[str, str], values: Mapping[str, Any], origins: Mapping[str, str]
) -> str:
    key = variables.get(KEY_VARIABLE)
    if key is None:
        return ""
    if not key.strip():
        raise BadInput(
            "is empty: set it to a key of 'headcount encryption generate-key', or remove the variable",
            where=KEY_VARIABLE,
        )
    if values["encryption_key_file"]:
        raise BadInput(
            f"is set in addition to {origins['encryption_key_file']}: remove one of them", where=KEY_VARIABLE
        )
    return key


def _value(
    setting: Setting,
    flags: Mapping[str, Any],
    variables: Mapping[str, str],
    from_file: Mapping[str, Any],
    file: str | None,
) -> tuple[Any, str]:
    if flags.get(setting.name) is not None:
        value, origin = flags[setting.name], setting.flag
    elif (found := _variable(setting, variables)) is not None:
        value, origin = found
    elif setting.name in from_file:
        value, origin = from_file[setting.name], f"{file}, {setting.name}"
    else:
        return setting.default, "default"
    try:
        if origin == setting.flag:
            _require_unit(setting, value)
        return setting.kind.read(value), origin
    except ValueError as error:
        hint = ""
        if origin == "HEADCOUNT_PORT" and str(value).startswith("tcp://"):
            hint = (
                ". Kubernetes sets this variable for a service named headcount: set enableServiceLinks: false"
            )
        raise BadInput(f"{error}, got {mask_password(repr(value))}{hint}", where=origin) from error


def _variable(setting: Setting, variables: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the value of a setting's variable and its name. The URL of a database may be in a file, because it contains a password."""
    if setting.name == "database":
        return read_variable(variables, setting.variable)
    return (variables[setting.variable], setting.variable) if setting.variable in variables else None


def _require_unit(setting: Setting, value: Any) -> None:
    """Raise `ValueError` for a flag with a number other than 0 that needs a unit."""
    unit, text = setting.kind.unit, str(value).strip()
    if unit and text != "0" and re.fullmatch(r"[\d.]+", text):
        raise ValueError(f"expected a {setting.kind.type} with a unit, such as {text}{unit}")


def _tables(found: Any, file: str | None) -> Mapping[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise BadInput("expected a table for each source, [sources.NAME]", where=f"{file}, sources")
    return found


def _read_file(file: str) -> dict[str, Any]:
    try:
        found = tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be read: {(error.strerror or str(error)).lower()}", where=file) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"is not TOML: {error}", where=file) from error
    unknown = sorted(found.keys() - _BY_NAME.keys() - {"sources"})
    if unknown:
        raise BadInput(
            f"there is no setting '{unknown[0]}'{suggest(unknown[0], _BY_NAME)}; 'headcount config' lists all",
            where=file,
        )
    return found


def program() -> str:
    """Return how this program was started: `headcount`, or its path if the shell would not find it."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name in ("headcount", "cli"):
        return f"{_shown_path(sys.executable)} -m headcount"
    if started.name != "headcount" or shutil.which("headcount") == str(started.absolute()):
        return "headcount"
    return _shown_path(sys.argv[0])


def _is_relative(started: str) -> bool:
    """Return whether a hint works in this directory only, because the program is below it."""
    return started != "headcount" and not started.lstrip("'").startswith("/")


def _address_settings(words: str) -> tuple[str, ...]:
    """Return the settings that change what a command prints about the address of the server."""
    match words.split():
        case ["login-link", *_]:
            return ("host", "port", "public_url")
        case ["source", "create" | "list" | "show" | "update" | "test", *_]:
            return ("host", "port", "api_prefix", "public_url")
    return ()


def _shown_path(path: str) -> str:
    """Return a path, relative if it is below the current directory."""
    absolute, here = Path(path).absolute(), Path.cwd()
    return quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'X'?" for the known word closest to an unknown one, or ''."""
    close = get_close_matches(word, list(known), 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def url_of(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on this address."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host  # noqa: S104 - only named
    return f"http://{shown}:{port}"


def cannot_listen(host: str, port: int, error: OSError) -> BadInput:
    """Return the error for an address that cannot be listened on."""
    reason = (error.strerror or str(error)).lower()
    return BadInput(f"cannot listen on {host} port {port}: {reason}; choose another port with --port")
