"""Reader of small CSV and NDJSON files as events of the kernel, without Arrow.

Responsible for files in which every row is surely valid, read exactly as the readers of large files read them. Anything else,
such as an invalid row or text that is not UTF-8, is left to those readers, which alone write error messages about rows. Must not
know what the events mean.
"""

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from headcount.batch.io.column_map import require_columns
from headcount.batch.io.csv_records import read_header
from headcount.batch.io.event_columns import COLUMNS, ColumnMap
from headcount.batch.io.file_names import CSV, PARQUET, InputFile, input_files
from headcount.batch.io.small_values import Unsure, attribute_texts, inferred_marks, kinds_of, texts, times
from headcount.batch.io.text_files import STANDARD_INPUT, STANDARD_INPUT_NAME, opened, unpacked, unread
from headcount.kernel.events import Event, InvalidEvent
from headcount.kernel.names import NUL

SMALL_BYTES: Final = 1 << 23
"""Maximum size of all files together, unpacked. The reader of NDJSON looks for columns in as many bytes."""

SMALL_EVENTS: Final = 50_000
"""Maximum number of events for which compiled code is not worth loading, or even compiling: measured in decision 44."""
_BYTES_PER_EVENT: Final = 2_000
"""Memory for one event as an object, and its share of the result, measured."""

Source: TypeAlias = Any
"""A path or several, '-' for NDJSON on standard input, or anything with `__arrow_c_stream__`."""
_Columns: TypeAlias = Mapping[str, Sequence[Any]]


class FileEvents(NamedTuple):
    """The events of one file, each with its domain, if it has one."""

    where: str
    events: list[tuple[str | None, Event]]


def may_be_small(source: Source, max_memory: int | None) -> bool:
    """Return whether the events may be few: by the size of files, where it is known, and by the memory for them."""
    if max_memory is not None and max_memory < SMALL_EVENTS * _BYTES_PER_EVENT:
        return False
    sizes = [Path(file.where).stat().st_size for file in _files_of(source) if file.where != STANDARD_INPUT]
    return sum(sizes) <= SMALL_BYTES


def _files_of(source: Source) -> list[InputFile]:
    """Return the files of a source; none if it is a table."""
    paths = [source] if isinstance(source, str | PathLike) else source
    if not isinstance(paths, Sequence) or not all(isinstance(path, str | PathLike) for path in paths):
        return []
    return input_files(paths)


def read_small(source: Source, mapping: ColumnMap) -> list[FileEvents] | None:
    """Return the events of small files; None if they are not small, or if a row is not surely valid.

    Raise `BadInput` for files that do not exist, have no known format or lack a column.
    """
    files = _files_of(source)
    names = [file.where for file in files]
    if names == [STANDARD_INPUT]:
        return _read_standard_input(mapping)
    if not files or STANDARD_INPUT in names or any(file.format == PARQUET for file in files):
        return None
    try:
        return list(_events_of(files, mapping))
    except Unsure:
        return None


def _read_standard_input(mapping: ColumnMap) -> list[FileEvents] | None:
    """Return the events of standard input; None if it must be read otherwise, which can begin at its beginning again."""
    data = sys.stdin.buffer.read(SMALL_BYTES + 1)
    if len(data) <= SMALL_BYTES and data.count(b"\n") <= SMALL_EVENTS:
        with suppress(Unsure):
            columns = _ndjson_columns(data, STANDARD_INPUT_NAME, mapping)
            return [FileEvents(STANDARD_INPUT_NAME, list(_events(columns, mapping)))]
    unread(data)
    return None


def _events_of(files: Sequence[InputFile], mapping: ColumnMap) -> Iterator[FileEvents]:
    left, rows = SMALL_BYTES, SMALL_EVENTS
    for file in files:
        with opened(Path(file.where), file.where) as opened_file, unpacked(file.where):
            data = opened_file.plain.read(left + 1)
        left -= len(data)
        rows -= data.count(b"\n")
        if left < 0 or rows < 0:
            raise Unsure
        own = replace(mapping, constants=file.constants) if file.constants else mapping
        columns = (_csv_columns if file.format == CSV else _ndjson_columns)(data, file.where, own)
        yield FileEvents(file.where, list(_events(_with_constants(columns, own), own)))


def _csv_columns(data: bytes, where: str, mapping: ColumnMap) -> _Columns:
    dialect, names = read_header(Path(where), where)
    wanted = require_columns(names, where, mapping)
    try:
        records = csv.reader(
            StringIO(data.decode("utf-8-sig"), newline=""),
            delimiter=dialect.delimiter,
            skipinitialspace=dialect.is_spaced,
            strict=True,
        )
        if dialect.is_named:
            next(records)
        _, *rows = filter(None, records)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unsure from error
    if any(len(row) != len(names) for row in rows):
        raise Unsure
    by_name = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    return {column: by_name.get(name, ()) for column, name in wanted.items()}


def _ndjson_columns(data: bytes, where: str, mapping: ColumnMap) -> _Columns:
    from headcount.batch.io.json_lines import decoded_columns  # noqa: PLC0415 - only NDJSON needs a decoder of JSON

    found = decoded_columns(data, where, mapping)
    if found is None:
        raise Unsure
    return found


def _with_constants(columns: _Columns, mapping: ColumnMap) -> _Columns:
    """Return the columns with those that the path of the file contains, unless it has values of its own."""
    if not mapping.constants:
        return columns
    if not columns:
        raise Unsure
    size = len(next(iter(columns.values())))
    constants = {
        column: [mapping.constants[mapping.column(column)]] * size
        for column in COLUMNS
        if mapping.column(column) in mapping.constants
        and all(value is None for value in columns.get(column, ()))
    }
    return {**columns, **constants}


def _events(columns: _Columns, mapping: ColumnMap) -> Iterator[tuple[str | None, Event]]:
    kinds = kinds_of(columns["kind"], mapping)
    nothing = [None] * len(kinds)
    domains, rooms, participants, user_ids, user_names, sessions = (
        texts(columns[name]) if name in columns else nothing for name in _TEXTS
    )
    at, joined_at = (
        times(columns[name], mapping.time_unit) if name in columns else nothing
        for name in ("at", "joined_at")
    )
    inferred = inferred_marks(columns["inferred"]) if "inferred" in columns else nothing
    attributes = attribute_texts(columns, kinds) or nothing
    rows = zip(
        domains, kinds, rooms, at, participants, user_ids, user_names, sessions, joined_at, inferred, nothing, attributes,
        strict=True,
    )  # fmt: skip
    try:
        for domain, kind, room, time, *others in rows:
            if kind is None:
                continue
            if time is None or (domain is not None and NUL in domain):
                raise Unsure
            yield domain, Event(kind, room, time, *others)
    except InvalidEvent as error:
        raise Unsure from error


_TEXTS: Final = ("domain", "room", "participant_id", "user_id", "user_name", "source_session")
