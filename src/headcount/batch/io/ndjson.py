"""Reader of NDJSON: one JSON object per line, from a file or from standard input.

Responsible for decoding many lines at a time, and one by one where that fails, so that each invalid line has its
reason. Must not know which values are valid.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from headcount.batch.io.blocks import COLUMNS, REQUIRED, Block, Problem, TextLines
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

_BOOLEAN_TEXTS: Final[dict[str | bool | None, str]] = {True: "true", False: "false"}

_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Line(msgspec.Struct, gc=False):
    room: str | None = None
    participant_id: str | None = None
    kind: str | None = None
    at: _Number | str | None = None
    user_id: str | None = None
    user_name: str | None = None
    domain: str | None = None
    source_session: str | None = None
    joined_at: _Number | str | None = None
    inferred: bool | str | None = None


_NO_LINE: Final = _Line()
_DECODER: Final = msgspec.json.Decoder(_Line)
_UNTYPED: Final = msgspec.json.Decoder()
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_ndjson(path: str | Path, where: str) -> Iterator[Block]:
    """Yield the lines of an NDJSON file, or of standard input if the path is '-'."""
    before = 0
    with opened(path, where) as file:
        while text := _some_lines(file):
            if not before:
                require_utf8(text, where)
                text = text.removeprefix(UTF8_MARK)
            lines = text.removesuffix(b"\n").split(b"\n")
            yield _block(text, lines, before, file)
            before += len(lines)
    if not before:
        raise BadInput("is empty", where=where)


def _some_lines(file: TextFile) -> bytes:
    """Return about `_READ_AT_ONCE` bytes, to the end of a line. Raises `BadInput` for a line that is too long."""
    with unpacked(file.where):
        text, rest = file.plain.read(_READ_AT_ONCE), file.plain.readline(LONGEST_LINE)
    if len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
        raise too_long_a_line(file.where)
    return text + rest


def _block(text: bytes, lines: list[bytes], before: int, file: TextFile) -> Block:
    numbers: Sequence[int] = range(before + 1, before + 1 + len(lines))
    problems: list[Problem] = []
    events = _all_at_once(text)
    if len(events) != len(lines):
        numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip()]
        lines = [line for line in lines if line.strip()]
        events, problems = _one_by_one(lines)
    return Block(_rows(events), TextLines(file.where, lines, numbers), problems, file.share())


def _all_at_once(text: bytes) -> list[_Line]:
    try:
        return _DECODER.decode_lines(text)
    except _UNDECODABLE:
        return []


def _one_by_one(lines: list[bytes]) -> tuple[list[_Line], list[Problem]]:
    events = [_decoded(line) for line in lines]
    undecodable = np.array([event is _NO_LINE for event in events], np.bool_)
    if not undecodable.any():
        return events, []
    return events, [Problem(undecodable, lambda row: _line_error(lines[row]))]


def _decoded(line: bytes) -> _Line:
    try:
        return _DECODER.decode(line)
    except _UNDECODABLE:
        return _NO_LINE


def _rows(events: list[_Line]) -> pa.Table:
    """Return the events as columns; optional ones only if they have values."""
    columns = {}
    for name in COLUMNS:
        found = list(map(attrgetter(name), events))
        if name in REQUIRED or any(value is not None for value in found):
            columns[name] = _time_column(found) if name in _TIMES else _text_column(found)
    return pa.table(columns)


def _text_column(found: list[str | bool | None]) -> pa.Array:
    has_booleans = any(isinstance(value, bool) for value in found)
    return pa.array(
        [_BOOLEAN_TEXTS.get(value, value) for value in found] if has_booleans else found, pa.string()
    )


def _time_column(found: list[int | str | None]) -> pa.Array:
    """Return numbers if all values are, else text, which is parsed more slowly."""
    if any(isinstance(value, str) for value in found):
        return pa.array([None if value is None else str(value) for value in found], pa.string())
    return pa.array(found, pa.int64())


def _line_error(line: bytes) -> str:
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
    return next(reason for name in COLUMNS if (reason := _value_error(name, found.get(name))))


def _value_error(name: str, value: Any) -> str:
    """Return why a value has a wrong type, or an empty text."""
    if value is None or isinstance(value, str):
        return ""
    if name == "inferred":
        allowed, is_allowed = "true, false or a word", isinstance(value, bool)
    elif name in _TIMES:
        allowed = "whole milliseconds since 1970 or RFC 3339 text"
        is_allowed = type(value) is int and abs(value) < 2**63
    else:
        allowed, is_allowed = "text", False
    return "" if is_allowed else f"{name} must be {allowed}, not {_JSON_NAMES[type(value)]}"
