"""Column mapping: which column of an input is which column of an event, and which of its values is which kind.

Responsible for reading and validating a mapping: from the arguments of the library, from texts like `room=room_name`, or
from a TOML file; and for finding the columns among the names of an input. Must not know formats, or the values of a column.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from headcount.batch.io.event_columns import AS_NAMED, ATTRIBUTE, COLUMNS, REQUIRED, ColumnMap
from headcount.errors import BadInput

KINDS: Final = ("join", "leave", "end")
IGNORE: Final = "ignore"
"""The kind of rows that are no joins, leaves or ends, and are skipped without an error."""
TIME_UNITS: Final = ("s", "ms", "us", "ns")

_KIND_PREFIX: Final = "kind."
_HOW: Final = "write pairs like room=room_name,kind=event,kind.join=joined, or name a .toml file"
_HOW_ATTRIBUTE: Final = "write --attribute KEY=COLUMN, like customer=account_name"
_LIKELY_PARTS: Final = {
    "leave": ("leave", "left", "exit", "disconnect", "logout", "quit"),
    "join": ("join", "enter", "connect", "login"),
}
_IGNORED_SHOWN: Final = 4
_SYNONYMS: Final = {
    "room": "room_name roomname room_id roomid meeting meeting_name conference conference_name channel channel_name",
    "participant_id": "participant participantid participant_sid connection_id connection session_id sid user_id user",
    "kind": "event event_type event_name type action name",
    "at": "timestamp ts time event_time created_at occurred_at datetime date",
}


def column_map(
    columns: Mapping[str, str] | None = None,
    kinds: Mapping[str, Any] | None = None,
    time_unit: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> ColumnMap:
    """Return the mapping of these arguments of the library.

    `columns` has the column of the input by the column of events. `kinds` has a value, or several, by join, leave, end or
    ignore. `time_unit` is 's', 'ms', 'us' or 'ns'. `attributes` has the column of the input by the key of an attribute. Raise
    `BadInput` for unknown names, and for a value of two kinds.
    """
    columns, kinds, attributes = columns or {}, kinds or {}, attributes or {}
    for name, column in columns.items():
        if name not in COLUMNS:
            raise BadInput(f"column map: events have no column '{name}'; they have {', '.join(COLUMNS)}")
        if not isinstance(column, str) or not column:
            raise BadInput(f"column map: the column for '{name}' must be a name, not {column!r}")
    for key, column in attributes.items():
        if not key or not isinstance(column, str) or not column:
            raise BadInput(
                f"attribute map: the column for the attribute '{key}' must be a name: {_HOW_ATTRIBUTE}"
            )
    if time_unit not in (None, *TIME_UNITS):
        raise BadInput(f"the time unit must be one of {', '.join(TIME_UNITS)}, not '{time_unit}'")
    return ColumnMap(dict(columns), _kind_by_value(kinds), time_unit, attributes=dict(attributes))


def _kind_by_value(kinds: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, values in kinds.items():
        if kind not in (*KINDS, IGNORE):
            raise BadInput(f"kind map: '{kind}' is no kind of event; use join, leave, end or ignore")
        for value in [values] if isinstance(values, str | int) else values:
            text = str(value)
            if found.setdefault(text, kind) != kind:
                raise BadInput(f"kind map: the value '{text}' is mapped to {found[text]} and to {kind}")
    return found


def parse_map(
    texts: Iterable[str], time_unit: str | None = None, attributes: Iterable[str] = ()
) -> ColumnMap:
    """Return the mapping of texts like `room=room_name,kind.join=joined|entered`, or of TOML files with these texts as names.

    `attributes` are texts like `customer=account_name`. A later text overrides an earlier one. Raise `BadInput`.
    """
    singles: dict[str, str] = {}
    columns: dict[str, str] = {}
    kinds: dict[str, Any] = {}
    for text in texts:
        if text.lower().endswith(".toml") and "=" not in text:
            in_file = _read_file(text)
            columns |= in_file.get("columns", {})
            kinds |= in_file.get("kinds", {})
            singles |= in_file.get("attributes", {})
            time_unit = time_unit or in_file.get("time_unit")
        else:
            for pair in filter(None, (pair.strip() for pair in text.split(","))):
                name, _, value = pair.partition("=")
                if not value:
                    raise BadInput(f"column map: '{pair}' has no value: {_HOW}")
                if name.startswith(_KIND_PREFIX):
                    kinds[name.removeprefix(_KIND_PREFIX)] = value.split("|")
                else:
                    columns[name] = value
    for text in attributes:
        key, _, name = text.partition("=")
        if not key or not name:
            raise BadInput(f"attribute map: '{text}' is incomplete: {_HOW_ATTRIBUTE}")
        singles[key] = name
    return column_map(columns, kinds, time_unit, singles)


def _read_file(path: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - few mappings are files

    try:
        found = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot be opened: {(error.strerror or str(error)).lower()}", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"is not TOML: {error}", where=path) from error
    for key, value in found.items():
        if key not in ("columns", "kinds", "attributes", "time_unit"):
            raise BadInput(
                f"'{key}' is unknown; a column map has [columns], [kinds], [attributes] and time_unit",
                where=path,
            )
        if key != "time_unit" and not isinstance(value, dict):
            raise BadInput(f"'{key}' must be a table: write [{key}]", where=path)
    return found


def suggestion(missing: Iterable[str], names: Iterable[str]) -> str:
    """Return how to map missing columns of events to those of an input, with likely ones filled in."""
    by_word = {name.casefold().replace("-", "_").replace(" ", "_"): name for name in names}
    pairs = []
    for column in missing:
        likely = next(
            (by_word[word] for word in (column, *_SYNONYMS.get(column, "").split()) if word in by_word),
            "COLUMN",
        )
        pairs.append(f"{column}={likely}")
    return f"If they have other names, use --map {_quoted(','.join(pairs))} (in Python: columns={{…}})"


def suggested_kinds(values: Iterable[str]) -> str:
    """Return how to map values to kinds, with likely ones filled in."""
    likely: dict[str, list[str]] = {"join": [], "leave": [], IGNORE: []}
    for value in values:
        word = value.casefold()
        kind = next(
            (kind for kind, parts in _LIKELY_PARTS.items() if any(part in word for part in parts)), IGNORE
        )
        likely[kind].append(value)
    pairs = [f"kind.{kind}={'|'.join(likely[kind]) or 'VALUE'}" for kind in ("join", "leave")]
    is_short = likely["join"] and likely["leave"] and 0 < len(likely[IGNORE]) <= _IGNORED_SHOWN
    pairs += [f"kind.{IGNORE}={'|'.join(likely[IGNORE])}"] if is_short else []
    return f"Use --map {_quoted(','.join(pairs))} (in Python: kinds={{…}})"


def _quoted(text: str) -> str:
    """Return a text as one word of a command."""
    return f"'{text}'" if any(letter in text for letter in " |") else text


def require_columns(names: Sequence[str], where: str, mapping: ColumnMap = AS_NAMED) -> dict[str, str]:
    """Return the columns to read, by the column of events that each is. Raise `BadInput` if one is missing or duplicated."""
    wanted = find_columns(names, mapping)
    missing = [
        column
        for column in dict.fromkeys((*REQUIRED, *mapping.columns))
        if column not in wanted and mapping.column(column) not in mapping.constants
    ]
    if missing:
        raise BadInput(_missing_columns(missing, names, mapping), where=where)
    for key, name in mapping.attributes.items():
        if ATTRIBUTE + key not in wanted:
            raise BadInput(
                f"there is no column '{name}' for the attribute '{key}'; the columns are: {', '.join(names)}. Correct --attribute"
                " (in Python: attributes={…})",
                where=where,
            )
    for name, count in Counter(names).items():
        if count > 1 and name in wanted.values():
            raise BadInput(f"there are {count} columns named '{name}': rename all but one", where=where)
    return wanted


def find_columns(names: Iterable[str], mapping: ColumnMap) -> dict[str, str]:
    """Return the names of an input's columns by the column of events that each is. Case and surrounding spaces do not matter.

    A name that is equal wins over similar ones. Of several similar ones none is found.
    """
    exact, similar = set(names), defaultdict(list)
    for name in exact:
        similar[_plain(name)].append(name)
    found = {}
    for column in COLUMNS:
        name = mapping.column(column)
        candidates = [name] if name in exact else similar[_plain(name)]
        if len(candidates) == 1:
            found[column] = candidates[0]
    for key, name in mapping.attributes.items():
        candidates = [name] if name in exact else similar[_plain(name)]
        if len(candidates) == 1:
            found[ATTRIBUTE + key] = candidates[0]
    used = {*mapping.attributes.values(), *mapping.columns.values()}
    for name in sorted(exact - used):
        if _plain(name).startswith(ATTRIBUTE):
            found.setdefault(ATTRIBUTE + name.strip()[len(ATTRIBUTE) :], name)
    return found


def _plain(name: str) -> str:
    return name.strip().casefold()


def _missing_columns(missing: Sequence[str], names: Sequence[str], mapping: ColumnMap) -> str:
    shown = ", ".join(f"'{mapping.column(column)}'" for column in missing)
    are = f"column {shown} is missing" if len(missing) == 1 else f"columns {shown} are missing"
    existing = ", ".join(names) or "none at all"
    return f"{are}; the columns are: {existing}. {suggestion(missing, names)}"
