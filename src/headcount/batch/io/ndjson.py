"""Reader of NDJSON: one JSON object per line, from a file or from standard input.

Responsible for decoding many lines at a time, and one by one where that fails, so that each invalid line has its
reason. Must not know which values are valid.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from headcount.batch.io.blocks import Block, Problem, TextLines
from headcount.batch.io.event_columns import AS_NAMED, JSON_ATTRIBUTE, ColumnMap
from headcount.batch.io.json_lines import (
    TIMES,
    LineDecoder,
    columns_of,
    decode_line,
    decode_lines,
    line_error,
    some_lines,
    text_of,
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
    events = decode_lines(text, decoder)
    if len(events) != len(lines):
        numbers = [number for number, line in zip(numbers, lines, strict=True) if line.strip()]
        lines = [line for line in lines if line.strip()]
        events, problems = _one_by_one(lines, decoder)
    return Block(_rows(events, decoder), TextLines(file.where, lines, numbers), problems, file.share())


def _one_by_one(lines: list[bytes], decoder: LineDecoder) -> tuple[list[Any], list[Problem]]:
    events = [decode_line(line, decoder) for line in lines]
    undecodable = np.array([event is decoder.no_line for event in events], np.bool_)
    if not undecodable.any():
        return events, []
    return events, [Problem(undecodable, lambda row: line_error(lines[row], decoder.mapping))]


def _rows(events: list[Any], decoder: LineDecoder) -> pa.Table:
    """Return the events as columns."""
    return pa.table({name: _column(name, found) for name, found in columns_of(events, decoder).items()})


def _column(name: str, found: list[Any]) -> pa.Array:
    if name in TIMES:
        return _time_column(found)
    if name == "attributes" or name.startswith(JSON_ATTRIBUTE):
        return pa.array(found, pa.binary())
    return _text_column(found)


def _text_column(found: list[str | int | None]) -> pa.Array:
    try:
        return pa.array(found, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([None if value is None else text_of(value) for value in found], pa.string())


def _time_column(found: list[int | float | str | None]) -> pa.Array:
    """Return numbers if all values are, else text, which is parsed more slowly."""
    if any(isinstance(value, str) for value in found):
        return pa.array([None if value is None else str(value) for value in found], pa.string())
    return pa.array(found, pa.float64() if any(isinstance(value, float) for value in found) else pa.int64())
