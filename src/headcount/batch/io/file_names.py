"""Names of files of events: single files, directories and patterns.

Responsible for the files that a name stands for, in alphabetical order, and for values in the names of partitioned
directories, like `room=blue`; and for the format that the ending of a name stands for. Must not know what is in a file.
"""

from collections.abc import Mapping, Sequence
from glob import glob
from os import PathLike, fspath
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from headcount.batch.io.text_files import STANDARD_INPUT
from headcount.errors import BadInput

_MAGIC: Final = "*?["
PARQUET: Final = "parquet"
CSV: Final = "csv"
NDJSON: Final = "ndjson"
_FORMAT_OF: Final = {".parquet": PARQUET, ".ndjson": NDJSON, ".jsonl": NDJSON, ".csv": CSV, ".tsv": CSV}
_FORMATS: Final = "Headcount reads .parquet, .ndjson, .jsonl, .csv and .tsv, all but .parquet also with .gz: rename or convert the file"


class EventFile(NamedTuple):
    """A file, and the values that the names of its directories contain."""

    where: str
    constants: Mapping[str, str]


class InputFile(NamedTuple):
    """A file that exists and is not empty, its format, and the values that the names of its directories contain."""

    where: str
    format: str
    constants: Mapping[str, str]


def input_files(paths: Sequence[str | PathLike[str]]) -> list[InputFile]:
    """Return the files of several names. Raise `BadInput` if one does not exist, is empty, or has no known format."""
    if not paths:
        raise BadInput("there are no files to read: name at least one")
    files = [file for path in paths for file in event_files(fspath(path), endings=tuple(_FORMAT_OF))]
    return [InputFile(file.where, _format_of(file.where), file.constants) for file in files]


def _format_of(where: str) -> str:
    if where == STANDARD_INPUT:
        return NDJSON
    path = Path(where)
    found = _FORMAT_OF.get(ending_of(path))
    if found is None:
        raise BadInput(f"has no known format: {_FORMATS}", where=where)
    _require_file(path, where)
    return found


def _require_file(path: Path, where: str) -> None:
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise BadInput(f"cannot be opened: {(error.strerror or str(error)).lower()}", where=where) from error
    if is_empty:
        raise BadInput("is empty", where=where)


def event_files(name: str, endings: Sequence[str]) -> list[EventFile]:
    """Return the files of a name: itself, all with one of these endings in a directory, or all that match a pattern.

    Hidden files, and those whose name begins with an underscore, are no data. Raise `BadInput` if there are none.
    """
    path = Path(name)
    if name == STANDARD_INPUT or path.is_file():
        return [EventFile(name, _partition_values(path))]
    if path.is_dir():
        return _in_directory(path, endings)
    if not any(mark in name for mark in _MAGIC):
        return [EventFile(name, {})]
    found = sorted(glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [file for match in found for file in _of_match(Path(match), endings)]
    if not files:
        raise BadInput("no file matches this pattern", where=name)
    return files


def _of_match(path: Path, endings: Sequence[str]) -> list[EventFile]:
    return _in_directory(path, endings) if path.is_dir() else [EventFile(str(path), _partition_values(path))]


def _in_directory(folder: Path, endings: Sequence[str]) -> list[EventFile]:
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and ending_of(path) in endings
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]
    if not files:
        raise BadInput(f"contains no files of events ({', '.join(endings)})", where=str(folder))
    return [EventFile(str(path), _partition_values(path)) for path in files]


def _partition_values(path: Path) -> dict[str, str]:
    pairs = (part.partition("=") for part in path.parts[:-1])
    return {unquote(name): unquote(value) for name, divider, value in pairs if divider and name and value}


def ending_of(path: Path) -> str:
    """Return the ending of a file in lower case, without .gz; a compressed Parquet file has none."""
    endings = [suffix.lower() for suffix in path.suffixes[-2:]]
    if endings[-1:] == [".gz"]:
        return endings[0] if len(endings) > 1 and endings[0] != ".parquet" else ""
    return endings[-1] if endings else ""
