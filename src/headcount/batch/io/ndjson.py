"""Reader of NDJSON: one JSON object per line, from a file or from standard input.

Responsible for decoding many lines at a time, and one by one where that fails, so that each invalid line has its
reason. Must not know which values are valid.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from headcount.batch.io.blocks import Block, Problem, TextLines
from headcount.batch.io.event_columns import AS_NAMED, COLUMNS, JSON_ATTRIBUTE, REQUIRED, ColumnMap
from headcount.batch.io.json_lines import (
    TIMES,
    UNDECODABLE,
    LineDecoder,
    decode_line,
    line_error,
    some_lines,
    with_keys,
)
from headcount.batch.io.text_files import (
    TextFile,
    opened,
)
from headcount.errors import BadInput


def read_ndjson(path: str | Path, where: str, mapping: ColumnMap = AS_NAMED) -> Iterator[Block]:
    """Yield the lines of an NDJSON file, or of standard input if the path is '-'."""
    before = 0
    decoder = LineDecoder(mapping, where)
    with opened(path, where) as file:
        while text := some_lines(file, is_first=not before):
            lines = text.removesuffix(b"\n").split(b"\n")
            if not before:
                decoder = LineDecoder(with_keys(lines, where, mapping), where)
            decoder = decoder.for_text(text, where)
            yield _block(text, lines, before, file, decoder)
            before += len(lines)
    if not before:
        raise BadInput("is empty", where=where)


def _block(text: bytes, lines: list[bytes], before: int, file: TextFile, decoder: LineDecoder) -> Block:
    numbers: Sequence[int] = range(before + 1, before + 1 + len(lines))
    problems: list[Problem] = []
    events = _all_at_once(text, decoder)
    if len(events) != len(lines):
        numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip()]
        lines = [line for line in lines if line.strip()]
        events, problems = _one_by_one(lines, decoder)
    return Block(_rows(events, decoder), TextLines(file.where, lines, numbers), problems, file.share())


def _all_at_once(text: bytes, decoder: LineDecoder) -> list[Any]:
    try:
        return decoder.decoder.decode_lines(text)
    except UNDECODABLE:
        return []


def _one_by_one(lines: list[bytes], decoder: LineDecoder) -> tuple[list[Any], list[Problem]]:
    events = [decode_line(line, decoder) for line in lines]
    undecodable = np.array([event is decoder.no_line for event in events], np.bool_)
    if not undecodable.any():
        return events, []
    return events, [Problem(undecodable, lambda row: line_error(lines[row], decoder.mapping))]


def _rows(events: list[Any], decoder: LineDecoder) -> pa.Table:
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


_COLUMN_OF: Final = dict.fromkeys(TIMES, _time_column) | {"attributes": _object_column}
