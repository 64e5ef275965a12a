"""Settings of the server, in one table. Each has a flag, a variable HEADCOUNT_..., a key in the TOML file and a line in the docs.

Responsible for reading and validating values. Must not know what a setting is for. A flag overrides a variable, a variable
overrides the file, the file overrides the default.
"""

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from headcount import setting_types as types
from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.kernel.rules import Rules
from headcount.limits import Limits
from headcount.secret_files import read_variable
from headcount.store.database import file_of, mask_password
from headcount.store.encryption import KEY_VARIABLE, Keyring

DEFAULT_TOPIC: Final = "headcount.events"
SOURCE_VARIABLES: Final = "HEADCOUNT_SOURCE_"
"""Beginning of the variables that declare sources."""
ADMIN_KEY_VARIABLE: Final = "HEADCOUNT_ADMIN_KEY"


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
    kind: types.Kind
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
    Setting("database", "headcount.db", types.Kind("text", "path or postgresql:// URL", types.database), "Database: the path of an SQLite file, or a postgresql:// URL"),
    Setting("durability", "full", types.one_of("full", "normal"), "Durability of commits; with `normal`, a power failure may lose the last seconds"),
    Setting("encryption_key_file", "", types.Kind("path", "file of keys", types.file), "File of the keys that encrypt the secrets of sources and webhooks in the database; without it, they are in plain text"),
    Setting("log", "", types.Kind("URL", "kafka://HOST:PORT/TOPIC", types.topic), "Kafka topic that receives the events instead of the database; a live query on a cluster processes it"),
    Setting("engine", "on", types.one_of("on", "off"), "Whether this server processes events; `off` if a live query on a cluster does"),
    Setting("archive", "", types.Kind("path", "directory or s3:// URL", types.file), "Archive of the events of a cluster: the live query writes it, and servers read it for explanations and exports"),
    Setting("host", "127.0.0.1", types.Kind("text", "", types.text), "Address to listen on; 0.0.0.0 listens on every interface"),
    Setting("port", 8080, types.whole(0, 65_535), "Port to listen on; 0 selects a free port"),
    Setting("api_prefix", "/v1", types.Kind("path", "", types.path_prefix), "Path prefix of the REST API"),
    Setting("public_url", "", types.Kind("URL", "http:// or https://", types.url), "URL under which clients reach the server, such as https://headcount.example"),
    Setting("trusted_proxies", "127.0.0.0/8,::1/128", types.Kind("networks", "CIDR, separated by commas", types.network_list), "Networks of reverse proxies; Headcount believes the headers X-Forwarded-For, -Proto, -Host and -Prefix only from these"),
    Setting("room_url", "", types.Kind("URL", "http:// or https://, with {room}", types.room_url), "URL of a room in answers about rooms, such as https://meet.example/{room}"),
    Setting("domain", "default", types.Kind("text", "", types.text), "Domain of the first API key, and default domain of sources, webhooks and imports"),
    Setting("timezone", "UTC", types.Kind("time zone", "IANA name", types.zone), "Default time zone of the dashboard"),
    Setting("min_stay_s", 10, types.duration("0s"), "Minimum duration of a stay; shorter stays are ignored (rule 4)"),
    Setting("start_alone_s", 30, types.duration("0s"), "Minimum time that one person alone must stay to start a meeting (rule 6)"),
    Setting("reset_alone_s", 600, types.duration("1s"), "Time alone after which a new meeting starts (rule 7)"),
    Setting("late_grace_s", 15, types.duration("0s"), "Late grace period; events that arrive later cause a correction (rule 15)"),
    Setting("reorder_window_s", 0.2, types.duration("0s"), "Delay before new events become visible, so that out-of-order events can be sorted"),
    Setting("stale_after_s", 0, types.duration("0s"), "Age at which an open stay is closed because its leave event was probably lost; 0s disables this"),
    Setting("granularity_s", 1, types.duration("1s", "1h", is_whole=True), "Granularity of times in answers; times are rounded down to it (rule 12)"),
    Setting("max_body_bytes", 8_000_000, types.size("1KB", "1GB"), "Maximum size of a request body"),
    Setting("max_events", 10_000, types.whole(1, 10**6), "Maximum number of events in a request, participants in a snapshot, and events in an inbound request of a source"),
    Setting("max_name_length", 512, types.whole(16, 1_024), "Maximum length of a room name or participant name, in characters; in UTF-8, the limit is 1,024 bytes"),
    Setting("max_attributes", 32, types.whole(1, 256), "Maximum number of attributes of an event"),
    Setting("max_attribute_key_length", 64, types.whole(1, 256), "Maximum length of the key of an attribute, in characters; in UTF-8, the limit is 256 bytes"),
    Setting("max_attribute_value_length", 512, types.whole(1, 2_048), "Maximum length of an attribute that is a string, in characters; in UTF-8, the limit is 2,048 bytes"),
    Setting("usage_attributes", ("customer", "role", "kind"), types.Kind("keys", f"at most {types.MAX_USAGE_ATTRIBUTES}, separated by commas", types.attribute_keys, ",".join), "Attributes of which usage is stored by value; usage by any other attribute is computed on request"),
    Setting("request_timeout_s", 30, types.duration("1s", "1h"), "Timeout of the request headers, of the body, and of the database"),
    Setting("reads_per_5s", 100, types.whole(0, 10**9), "Maximum number of read requests per API key in 5 seconds; 0 is no limit"),
    Setting("events_per_5s", 100_000, types.whole(0, 10**9), "Maximum number of events per API key or source in 5 seconds; a snapshot counts its participants; 0 is no limit"),
    Setting("max_streams_per_domain", 1_000, types.whole(1, 5_000), "Maximum number of open streams per domain and process"),
    Setting("max_open_rooms", 100_000, types.whole(0, 10**9), "Maximum number of active rooms per domain; 0 is no limit"),
    Setting("ready_max_lag_s", 30, types.duration("0s"), "Maximum processing lag at which /readyz reports ready"),
    Setting("webhook_allowed_networks", "", types.Kind("networks", "CIDR, separated by commas", types.network_list), "Private networks that webhooks may connect to, such as 10.1.0.0/16,127.0.0.0/8"),
    Setting("webhook_ca_file", "", types.Kind("path", "PEM file", types.file), "File of additional certificate authorities to trust for webhooks"),
    Setting("webhook_retention_days", 30, types.duration("0d", "36500d", unit="d", is_whole=True), "Retention of webhook messages and their deliveries; 0d keeps them forever"),
    Setting("erasure_list", "", types.Kind("path", "file", types.file), "File with the list of erasures, which 'restore' and 'import' apply again; by default beside an SQLite database, with the ending .erasures"),
    Setting("access_log", "on", types.one_of("on", "off"), "Whether the access log records who reads meetings and people, signs in, exports, erases or changes keys"),
    Setting("access_log_retention_days", 365, types.duration("0d", "36500d", unit="d", is_whole=True), "Retention of the access log; 0d keeps it forever"),
    Setting("log_level", "info", types.one_of("debug", "info", "warning", "error"), "Log level; `debug` logs every request"),
    Setting("log_format", "console", types.one_of("console", "json"), "Log format"),
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
