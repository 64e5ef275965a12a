"""Declared sources: tables `[sources.NAME]` of the settings file, and variables `HEADCOUNT_SOURCE_NAME_KEY`.

A variable overrides the key of the table with the same name.

Responsible for reading them and for storing them at the start of the server. Must not know HTTP or vendors' payloads.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import structlog

from headcount.errors import BadInput
from headcount.ingest.source_config import OPTIONS, validate
from headcount.kernel.events import Ms
from headcount.secret_files import read_variable
from headcount.settings import SOURCE_VARIABLES, Settings, suggest
from headcount.sources.registry import source_kinds
from headcount.store.sources import SourceRow, Sources
from headcount.telemetry.logging import security_event

DECLARED_KEYS: Final = ("kind", "domain", "name", "secrets", "token", *OPTIONS)
"""Keys of a table `[sources.NAME]`. The variables are named like them, except for SECRET."""
_VARIABLE_KEYS: Final = {("SECRET" if key == "secrets" else key.upper()): key for key in DECLARED_KEYS}
_LISTS: Final = ("include_roles", "exclude_roles")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")
_FLAG: Final = re.compile(r"--(poll-interval|poll-key|poll|secret|attribute|include-role|exclude-role)\b")
log = structlog.get_logger("headcount")


class Declared(NamedTuple):
    """A valid source without times, and where it is declared. The token is empty if one is to be generated."""

    row: SourceRow
    where: str
    origin: str


def declared_sources(settings: Settings) -> list[Declared]:
    """Return the declared sources. Raise `BadInput` with the place and how to fix it."""
    tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in settings.sources.items()}
    origins: dict[str, dict[str, str]] = {name: {} for name in tables}
    for name, key, variable, value in _variables(settings.source_variables):
        known = next((one for one in tables if _as_variable(one) == name), None)
        source = name.lower().replace("_", "-") if known is None else known
        tables.setdefault(source, {})[key] = value
        origins.setdefault(source, {})[key] = variable
    found = [_declared(name, table, origins[name], settings["domain"]) for name, table in tables.items()]
    _require_different(found)
    return found


def sync_declared_sources(
    sources: Sources, declared: list[Declared], new_token: Callable[[], str], now: Ms
) -> None:
    """Create and update the declared sources. Others stay: one that is not declared any more is a source like any other.

    `new_token` returns a random token. Raise `BadInput` if a token is that of another source.
    """
    done = sources.declare([one.row for one in declared], new_token, now)
    for name, rows in (("source_created", done.created), ("source_changed", done.changed)):
        for row in rows:
            security_event(name, domain=row.domain, source=row.name, kind=row.kind, declared=True)
    for row in done.released:
        log.warning(
            "a source is not declared any more and stays: delete it with 'headcount source delete'",
            domain=row.domain,
            source=row.name,
        )


def _require_different(declared: list[Declared]) -> None:
    """Raise `BadInput` if two sources have the same name in a domain, or the same token."""
    seen: dict[tuple[str, ...], Declared] = {}
    for one in declared:
        row = one.row
        for what, key in (("name and domain", (row.domain, row.name)), ("token", (row.token,))):
            other = seen.setdefault(key, one) if all(key) else one
            if other is not one:
                raise BadInput(f"has the same {what} as {other.where}: give it another one", where=one.where)


def _as_variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _variables(variables: Mapping[str, str]) -> list[tuple[str, str, str, Any]]:
    """Return the name of the source as in the variable, the key, the variable and its value for each variable."""
    found: dict[tuple[str, str], None] = {}
    for variable in sorted(variables):
        found[_split(variable)] = None
    return [
        (name, _VARIABLE_KEYS[key], read[1], _value(_VARIABLE_KEYS[key], read[0], read[1]))
        for name, key in found
        if (read := read_variable(variables, f"{SOURCE_VARIABLES}{name}_{key}"))
    ]


def _split(variable: str) -> tuple[str, str]:
    rest = variable.removeprefix(SOURCE_VARIABLES).removesuffix("_FILE")
    for key in sorted(_VARIABLE_KEYS, key=len, reverse=True):
        name = rest.removesuffix(f"_{key}")
        if name and name != rest:
            return name, key
    name, _, unknown = rest.partition("_")
    close = suggest(unknown, _VARIABLE_KEYS) or f". Keys are {', '.join(_VARIABLE_KEYS)}"
    raise BadInput(
        f"expected {SOURCE_VARIABLES}NAME_KEY, and there is no key '{unknown or name}'{close}", where=variable
    )


def _value(key: str, text: str, variable: str) -> Any:
    """Return the value of a variable as the file would have it."""
    if key == "secrets":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if key in _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if key == "poll_interval_s":
        return float(text) if re.fullmatch(r"[\d.]*\d", text.strip()) else text.strip()
    if key == "attributes":
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if not all(separator for _, separator, _ in pairs):
            raise BadInput(
                "expected KEY=POINTER separated by commas, such as customer=/room/metadata/customer",
                where=variable,
            )
        return {name.strip(): pointer.strip() for name, _, pointer in pairs}
    if key == "mapping":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"is not JSON: {error}", where=variable) from error
    return text.strip()


def _declared(name: str, table: Mapping[str, Any], origins: Mapping[str, str], domain: str) -> Declared:
    origin = ", ".join(origins.values()) or f"[sources.{name}]"
    where = f"source '{name}' ({origin})" if origins else origin
    unknown = sorted(table.keys() - set(DECLARED_KEYS))
    if unknown:
        close = suggest(unknown[0], DECLARED_KEYS) or f". Keys are {', '.join(DECLARED_KEYS)}"
        raise BadInput(f"there is no key '{unknown[0]}'{close}", where=where)
    kind = _kind(name, table)
    secrets, token = table.get("secrets", []), str(table.get("token", ""))
    if not isinstance(secrets, list) or not all(isinstance(secret, str) for secret in secrets):
        raise BadInput('secrets: expected a list of texts, such as ["KEY:SECRET"]', where=where)
    if "token" in table and not _TOKEN.fullmatch(token):
        raise BadInput(
            "token: expected A to Z, a to z, 0 to 9 and -._~ only, because it is a part of the address",
            where=origins.get("token", where),
        )
    options = {key: table[key] for key in OPTIONS if key in table}
    row = SourceRow(
        token, kind, str(table.get("domain", domain)), str(table.get("name", name)), tuple(secrets), options, declared=True,
    )  # fmt: skip
    try:
        return Declared(validate(row), where, origin)
    except BadInput as error:
        raise BadInput(_in_terms_of(name, error.reason, is_variable=bool(origins)), where=where) from error


def _kind(name: str, table: Mapping[str, Any]) -> str:
    """Return the kind; without one, the name is the kind."""
    kind = str(table.get("kind", name))
    if "kind" not in table and name not in source_kinds():
        raise BadInput(
            f"has no kind: set HEADCOUNT_SOURCE_{_as_variable(name)}_KIND (in a file: kind) to one of {', '.join(source_kinds())}",
            where=f"source '{name}'",
        )
    return kind


def _in_terms_of(name: str, reason: str, *, is_variable: bool) -> str:
    """Return an error of a command with the variables, or the keys of the file, instead of flags."""

    def replaced(flag: re.Match[str]) -> str:
        key = {"attribute": "attributes", "include-role": "include_roles", "exclude-role": "exclude_roles"}.get(
            flag[1], flag[1].replace("-", "_")
        )  # fmt: skip
        key = "poll_interval_s" if key == "poll_interval" else key
        if is_variable:
            return f"{SOURCE_VARIABLES}{_as_variable(name)}_{key.upper()}"
        return "secrets" if key == "secret" else key

    return _FLAG.sub(replaced, reason)
