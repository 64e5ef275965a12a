"""Lines of NDJSON: their decoding for a column mapping, and the errors of single lines.

Responsible for the decoder of the columns that a file has, and for the reason why a line cannot be decoded. Must not know
which values are valid.
"""

import re
from dataclasses import replace
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from headcount.batch.io.column_map import find_columns, require_columns
from headcount.batch.io.event_columns import ATTRIBUTE, COLUMNS, JSON_ATTRIBUTE, REQUIRED, ColumnMap
from headcount.batch.io.text_files import (
    LONGEST_LINE,
    UTF8_MARK,
    TextFile,
    require_utf8,
    too_long_a_line,
    unpacked,
)
from headcount.errors import BadInput

_READ_AT_ONCE: Final = 1 << 23
_KEYS_OF_LINES: Final = 100
_ALWAYS: Final = ("room", "kind", "at")
_OTHER_JSON: Final = re.compile(rb"\s*(\[|\{\s*\n)")
TIMES: Final = ("at", "joined_at")
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
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class LineDecoder:
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
        types = _TYPES | dict.fromkeys(TIMES, times)
        fields = [(name, types.get(name, msgspec.Raw), None) for name in by_key.values()]
        line = msgspec.defstruct("Line", fields, gc=False, rename={name: key for key, name in by_key.items()})
        self.decoder = msgspec.json.Decoder(line)
        self.no_line = line()

    def for_text(self, text: bytes, where: str) -> "LineDecoder":
        """Return a decoder for the single attributes, too, that a text has besides those of the mapping."""
        if f'"{ATTRIBUTE}'.encode() not in text:
            return self
        keys = {_UNTYPED.decode(b'"%b"' % key) for key in set(_ATTRIBUTE_KEY.findall(text))}
        new = keys - {*self.mapping.attributes.values(), *self.mapping.columns.values()}
        if not new:
            return self
        more = {name.removeprefix(ATTRIBUTE): name for name in sorted(new)}
        return LineDecoder(replace(self.mapping, attributes={**more, **self.mapping.attributes}), where)


def some_lines(file: TextFile, *, is_first: bool) -> bytes:
    """Return about `_READ_AT_ONCE` bytes, to the end of a line. Raises `BadInput` for a line that is too long."""
    with unpacked(file.where):
        text = file.plain.read(_READ_AT_ONCE)
        if is_first:
            require_utf8(text, file.where)
            text = text.removeprefix(UTF8_MARK)
            require_lines(text, file.where)
        rest = file.plain.readline(LONGEST_LINE)
    if len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
        raise too_long_a_line(file.where)
    return text + rest


def require_lines(beginning: bytes, where: str) -> None:
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


def with_keys(lines: list[bytes], where: str, mapping: ColumnMap) -> ColumnMap:
    """Return the mapping with the keys of the first lines. Raise `BadInput` if a column is missing in all of them."""
    found: dict[str, None] = {}
    for line in lines[:_KEYS_OF_LINES]:
        try:
            value = _UNTYPED.decode(line)
        except UNDECODABLE:
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


def decode_lines(text: bytes, decoder: LineDecoder) -> list[Any]:
    """Return the events of all lines; none if one cannot be decoded. Blank lines may be missing."""
    try:
        return decoder.decoder.decode_lines(text)
    except UNDECODABLE:
        return []


def decode_line(line: bytes, decoder: LineDecoder) -> Any:
    try:
        return decoder.decoder.decode(line)
    except UNDECODABLE:
        return decoder.no_line


def decoded_columns(data: bytes, where: str, mapping: ColumnMap) -> dict[str, list[Any]] | None:
    """Return the columns of a whole file; None if a line cannot be decoded."""
    require_utf8(data, where)
    text = data.removeprefix(UTF8_MARK)
    require_lines(text, where)
    if not text:
        raise BadInput("is empty", where=where)
    lines = text.removesuffix(b"\n").split(b"\n")
    decoder = LineDecoder(with_keys(lines, where, mapping), where).for_text(text, where)
    events = decode_lines(text, decoder)
    if len(events) != len(lines):
        events = [decode_line(line, decoder) for line in lines if line.strip()]
    if any(event is decoder.no_line for event in events):
        return None
    return columns_of(events, decoder)


def columns_of(events: list[Any], decoder: LineDecoder) -> dict[str, list[Any]]:
    """Return decoded lines as columns, optional ones only if they have values. Attributes are JSON texts."""
    columns = {}
    for name in COLUMNS:
        found = list(map(attrgetter(decoder.fields[name]), events))
        if name in REQUIRED or any(value is not None for value in found):
            columns[name] = list(map(_object, found)) if name == "attributes" else found
    for key, field in decoder.singles.items():
        found = list(map(attrgetter(field), events))
        if any(value is not None for value in found):
            columns[JSON_ATTRIBUTE + key] = list(map(_json, found))
    return columns


def text_of(value: str | int) -> str:
    """Return a value of a column of texts as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: Any) -> bytes | None:
    """Return a value of a single attribute as JSON."""
    text = bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
    return None if text == b"null" else text


def _object(value: Any) -> bytes | None:
    """Return an object as JSON text. It may be a JSON text in a string, as tables have it."""
    if not isinstance(value, msgspec.Raw):
        return None if value is None else str(value).encode()
    text = bytes(value)
    return msgspec.json.decode(text, type=str).encode() if text.startswith(b'"') else text


def line_error(line: bytes, mapping: ColumnMap) -> str:
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
    elif column in TIMES:
        allowed, is_allowed = "whole milliseconds since 1970 or RFC 3339 text", is_number
    else:
        allowed, is_allowed = "text or a whole number", is_number
    return "" if is_allowed else f"{name} must be {allowed}, not {_JSON_NAMES[type(value)]}"
