"""Reader of NDJSON: one JSON object per line, from a file or from standard input.

Responsible for decoding many lines at a time, and one by one where that fails, so that each invalid line has its
reason. Must not know which values are valid.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from headcount.batch.io.blocks import (
    AS_NAMED,
    ATTRIBUTE,
    COLUMNS,
    JSON_ATTRIBUTE,
    REQUIRED,
    Block,
    ColumnMap,
    Problem,
    TextLines,
)
from headcount.batch.io.schema import find_columns, require_columns
from headcount.batch.io.text_files import (
    LONGEST_LINE,
    UTF8_MARK,
    TextFile,
    opened,
    require_utf8,
    too_long_a_line,
    unpacked,
)
from headcount.errors import BadInput

_READ_AT_ONCE: Final = 1 << 23
_KEYS_OF_LINES: Final = 100
_ALWAYS: Final = ("room", "kind", "at")
_OTHER_JSON: Final = re.compile(rb"\s*(\[|\{\s*\n)")
_TIMES: Final = ("at", "joined_at")
_JSON_NAMES: Final = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}

_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


_TEXT: Final = _Number | str | None
_TYPES: Final[dict[str, Any]] = dict.fromkeys(COLUMNS, _TEXT) | {
    "inferred": bool | str | None,
    "attributes": msgspec.Raw,
}
_ATTRIBUTE_KEY: Final = re.compile(rb'"(attributes\.(?:[^"\\]|\\.)*)"\s*:')
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f]')
"""Characters that JSON escapes: msgspec finds no key with one of them."""
_UNTYPED: Final = msgspec.json.Decoder()
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Lines:
    """The decoder of lines for a mapping, and the field of a decoded line that has each column of events.

    `singles` has the field of each single attribute by its key. Raise `BadInput` for a key that cannot be found.
    """

    def __init__(self, mapping: ColumnMap, where: str) -> None:
        self.mapping = mapping
        self.fields: dict[str, str] = {}
        self.singles: dict[str, str] = {}
        by_key: dict[str, str] = {}
        for column in COLUMNS:
            self.fields[column] = by_key.setdefault(mapping.column(column), column)
        for number, (key, name) in enumerate(mapping.attributes.items()):
            self.singles[key] = by_key.setdefault(name, f"attribute_{number}")
        unreadable = next(filter(_ESCAPED.search, by_key), None)
        if unreadable is not None:
            raise BadInput(
                f"the key {unreadable!r} has a quote, a backslash or a control character: rename it, or put an attribute"
                ' into an object "attributes"',
                where=where,
            )
        times = _Number | float | str | None if mapping.time_unit else _TEXT
        types = _TYPES | dict.fromkeys(_TIMES, times)
        fields = [(name, types.get(name, msgspec.Raw), None) for name in by_key.values()]
        line = msgspec.defstruct("Line", fields, gc=False, rename={name: key for key, name in by_key.items()})
        self.decoder = msgspec.json.Decoder(line)
        self.no_line = line()

    def for_text(self, text: bytes, where: str) -> "_Lines":
        """Return a decoder for the single attributes, too, that a text has besides those of the mapping."""
        if f'"{ATTRIBUTE}'.encode() not in text:
            return self
        keys = {_UNTYPED.decode(b'"%b"' % key) for key in set(_ATTRIBUTE_KEY.findall(text))}
        new = keys - {*self.mapping.attributes.values(), *self.mapping.columns.values()}
        if not new:
            return self
        more = {name.removeprefix(ATTRIBUTE): name for name in sorted(new)}
        return _Lines(replace(self.mapping, attributes={**more, **self.mapping.attributes}), where)


def read_ndjson(path: str | Path, where: str, mapping: ColumnMap = AS_NAMED) -> Iterator[Block]:
    """Yield the lines of an NDJSON file, or of standard input if the path is '-'."""
    before = 0
    decoder = _Lines(mapping, where)
    with opened(path, where) as file:
        while text := _some_lines(file, is_first=not before):
            lines = text.removesuffix(b"\n").split(b"\n")
            if not before:
                decoder = _Lines(_with_keys(lines, where, mapping), where)
            decoder = decoder.for_text(text, where)
            yield _block(text, lines, before, file, decoder)
            before += len(lines)
    if not before:
        raise BadInput("is empty", where=where)


def _some_lines(file: TextFile, *, is_first: bool) -> bytes:
    """Return about `_READ_AT_ONCE` bytes, to the end of a line. Raises `BadInput` for a line that is too long."""
    with unpacked(file.where):
        text = file.plain.read(_READ_AT_ONCE)
        if is_first:
            require_utf8(text, file.where)
            text = text.removeprefix(UTF8_MARK)
            _require_lines(text, file.where)
        rest = file.plain.readline(LONGEST_LINE)
    if len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
        raise too_long_a_line(file.where)
    return text + rest


def _require_lines(beginning: bytes, where: str) -> None:
    """Raise `BadInput` if a file begins like a JSON list, or like an object on several lines."""
    match = _OTHER_JSON.match(beginning)
    if match is None:
        return
    found, command = (
        ("a JSON list", "jq -c '.[]'")
        if match[1] == b"["
        else ("JSON with objects on several lines", "jq -c .")
    )
    raise BadInput(
        f"is {found}, and must have one JSON object per line: convert it with {command} FILE > events.ndjson",
        where=where,
    )


def _with_keys(lines: list[bytes], where: str, mapping: ColumnMap) -> ColumnMap:
    """Return the mapping with the keys of the first lines. Raise `BadInput` if a column is missing in all of them."""
    found: dict[str, None] = {}
    for line in lines[:_KEYS_OF_LINES]:
        try:
            value = _UNTYPED.decode(line)
        except _UNDECODABLE:
            return mapping
        if not isinstance(value, dict):
            return mapping
        found |= dict.fromkeys(value)
    keys = find_columns(found, mapping)
    # A line may omit unknown values, such as the participant of an end.
    if not keys.keys() >= set(_ALWAYS) and found.keys() - {*keys.values(), "id"}:
        require_columns(list(found), where, mapping)
    singles = {name.removeprefix(ATTRIBUTE): keys.pop(name) for name in list(keys) if name not in COLUMNS}
    return replace(mapping, columns={**mapping.columns, **keys}, attributes={**singles, **mapping.attributes})


def _block(text: bytes, lines: list[bytes], before: int, file: TextFile, decoder: _Lines) -> Block:
    numbers: Sequence[int] = range(before + 1, before + 1 + len(lines))
    problems: list[Problem] = []
    events = _all_at_once(text, decoder)
    if len(events) != len(lines):
        numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip()]
        lines = [line for line in lines if line.strip()]
        events, problems = _one_by_one(lines, decoder)
    return Block(_rows(events, decoder), TextLines(file.where, lines, numbers), problems, file.share())


def _all_at_once(text: bytes, decoder: _Lines) -> list[Any]:
    try:
        return decoder.decoder.decode_lines(text)
    except _UNDECODABLE:
        return []


def _one_by_one(lines: list[bytes], decoder: _Lines) -> tuple[list[Any], list[Problem]]:
    events = [_decoded(line, decoder) for line in lines]
    undecodable = np.array([event is decoder.no_line for event in events], np.bool_)
    if not undecodable.any():
        return events, []
    return events, [Problem(undecodable, lambda row: _line_error(lines[row], decoder.mapping))]


def _decoded(line: bytes, decoder: _Lines) -> Any:
    try:
        return decoder.decoder.decode(line)
    except _UNDECODABLE:
        return decoder.no_line


def _rows(events: list[Any], decoder: _Lines) -> pa.Table:
    """Return the events as columns; optional ones only if they have values."""
    columns = {}
    for name in COLUMNS:
        found = list(map(attrgetter(decoder.fields[name]), events))
        if name in REQUIRED or any(value is not None for value in found):
            columns[name] = _COLUMN_OF.get(name, _text_column)(found)
    for key, field in decoder.singles.items():
        found = list(map(attrgetter(field), events))
        if any(value is not None for value in found):
            columns[JSON_ATTRIBUTE + key] = pa.array(map(_json, found), pa.binary())
    return pa.table(columns)


def _json(value: Any) -> bytes | None:
    """Return a value of a single attribute as JSON."""
    text = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    return None if text == b"null" else text


def _object_column(found: list[Any]) -> pa.Array:
    """Return objects as JSON texts. An object may be a JSON text in a string, as tables have it."""
    return pa.array(map(_object, found), pa.binary())


def _object(value: Any) -> bytes | None:
    if not isinstance(value, msgspec.Raw):
        return None if value is None else str(value).encode()
    text = bytes(value)
    return msgspec.json.decode(text, type=str).encode() if text.startswith(b'"') else text


def _text_column(found: list[str | int | None]) -> pa.Array:
    try:
        return pa.array(found, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([None if value is None else _text(value) for value in found], pa.string())


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _time_column(found: list[int | float | str | None]) -> pa.Array:
    """Return numbers if all values are, else text, which is parsed more slowly."""
    if any(isinstance(value, str) for value in found):
        return pa.array([None if value is None else str(value) for value in found], pa.string())
    return pa.array(found, pa.float64() if any(isinstance(value, float) for value in found) else pa.int64())


_COLUMN_OF: Final = dict.fromkeys(_TIMES, _time_column) | {"attributes": _object_column}


def _line_error(line: bytes, mapping: ColumnMap) -> str:
    """Return why a line cannot be decoded."""
    try:
        line.decode()
        found = _UNTYPED.decode(line)
    except UnicodeDecodeError:
        return "the line is not UTF-8 text: save the file as UTF-8"
    except RecursionError:
        return "the line is JSON that is nested too deeply"
    except msgspec.DecodeError as error:
        return f"the line is not JSON ({str(error).removeprefix('JSON is malformed: ')})"
    if not isinstance(found, dict):
        return f"the line must be a JSON object, not {_JSON_NAMES[type(found)]}"
    values = ((column, key, found.get(key)) for column in COLUMNS for key in [mapping.column(column)])
    return next(reason for one in values if (reason := _value_error(*one)))


def _value_error(column: str, name: str, value: Any) -> str:
    """Return why a value of a column has a wrong type, or an empty text."""
    if value is None or isinstance(value, str) or column == "attributes":
        return ""
    is_number = type(value) is int and abs(value) < 2**63
    if column == "inferred":
        allowed, is_allowed = "true, false or a word", isinstance(value, bool)
    elif column in _TIMES:
        allowed, is_allowed = "whole milliseconds since 1970 or RFC 3339 text", is_number
    else:
        allowed, is_allowed = "text or a whole number", is_number
    return "" if is_allowed else f"{name} must be {allowed}, not {_JSON_NAMES[type(value)]}"
