"""Forms: what a reader of history is given, what it gives, and what it leaves open.

A reader looks at one whole file. What makes no sense as a whole it refuses (`BadInput`); of a row that
makes none it complains, and goes on with the next. Whether a complaint is the end of it is not for a
reader to say, nor who counts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent
from headcount.sources.api import ParsedEvent

ErrorCallback = Callable[[BadInput], None]
"""Is told of each row that cannot be read, with its place."""


class ExportOptions(NamedTuple):
    """What the operator says of files, where they leave it open themselves.

    `room` is what the room is called. `zone` is where clocks showed the times that a file gives without
    a zone; `day_first` says which of 03/04/2026 is the day.
    """

    room: str = ""
    zone: tzinfo | None = None
    day_first: bool | None = None


class ExportFile(NamedTuple):
    """One file, unpacked, and what it is called in complaints."""

    raw: bytes
    where: str = "the file"


Read = Callable[[ExportFile, ExportOptions, ErrorCallback], Iterable[ParsedEvent]]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One form of history.

    `tells_one_meeting`: a file tells of one meeting, and so the operator may say what its room is
    called. `has_local_times`: its times may be without a zone.
    """

    kind: str
    read: Read
    tells_one_meeting: bool = False
    has_local_times: bool = False


def parse_export(
    form: ExportFormat, file: ExportFile, asked: ExportOptions, complain: ErrorCallback
) -> list[ParsedEvent]:
    """All that a file says. Raises `BadInput` with the file's name if it cannot be read."""
    try:
        return list(form.read(file, asked, complain))
    except BadInput as error:
        raise BadInput(error.reason, where=error.where or file.where, place=error.place) from error
    except InvalidEvent as error:
        raise BadInput(f"tells what cannot be: {error}", where=file.where) from error
