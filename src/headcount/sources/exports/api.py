"""Interface of an export format: the file, the operator's options, and the parser of one format.

A parser reads one whole file. It refuses a file that makes no sense (`BadInput`), and reports each row that makes none to a
callback, then goes on. Must not know whether a bad row ends the import, nor which roles count.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent
from headcount.sources.api import ParsedEvent


class SkippedRow(BadInput):
    """A row that can be read, but contains nothing to import: no error, and it never ends an import.

    `reason` follows the number of such rows, and is the same for all rows of a kind: "without times".
    """


ErrorCallback = Callable[[BadInput], None]
"""Called with the error of each row that cannot be read, including its place, and with each `SkippedRow`."""


class ExportOptions(NamedTuple):
    """The operator's answers to what a file leaves open.

    `room` is the name of its room. `timezone` applies to times that a file gives without one. `day_first` selects the day
    in 03/04/2026. `attributes` has the place of each mapped attribute by its key: a title or a JSON Pointer.
    """

    room: str = ""
    timezone: tzinfo | None = None
    day_first: bool | None = None
    attributes: Mapping[str, str] = {}


class ExportFile(NamedTuple):
    """Content of one file, decompressed, and its name in error messages."""

    content: bytes
    name: str = "the file"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format.

    `is_one_meeting`: a file holds one meeting, so the operator may name its room. `has_local_times`: its times may
    lack a time zone. `attribute_place` is what names the place of a mapped attribute, "" if none can be mapped.
    """

    kind: str
    parse: Callable[[ExportFile, ExportOptions, ErrorCallback], Iterable[ParsedEvent]]
    is_one_meeting: bool = False
    has_local_times: bool = False
    attribute_place: Literal["", "column", "pointer"] = ""


def parse_export(
    export_format: ExportFormat, file: ExportFile, options: ExportOptions, on_error: ErrorCallback
) -> list[ParsedEvent]:
    """Return the events of a file. Raise `BadInput` with the file's name if it cannot be read."""
    try:
        events = export_format.parse(file, options, on_error)
        return [one if one.item is None else one._replace(item=None) for one in events]
    except BadInput as error:
        raise BadInput(error.reason, where=error.where or file.name, place=error.place) from error
    except InvalidEvent as error:
        raise BadInput(f"has an impossible event: {error}", where=file.name) from error
