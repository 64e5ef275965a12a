"""Headcount: exact meeting sessions from join and leave events.

    from headcount import sessionize
    sessions = sessionize("calls.parquet")
    sessions.meetings        # a pyarrow.Table
    sessions.to_daily()      # Daily's meeting objects

Small CSV and NDJSON files need only Python. Large and Parquet files, and Arrow tables, need the extra `headcount[batch]`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headcount.batch.sessionize import sessionize
    from headcount.batch.sessions import Sessions, Summary
    from headcount.errors import BadInput, HeadcountError, MissingExtra
    from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind
    from headcount.kernel.meetings import Entry, Meeting, meeting_id
    from headcount.kernel.names import InvalidName
    from headcount.kernel.room import Room
    from headcount.kernel.rules import InvalidRules, Rules

__all__ = [
    "BadInput",
    "Entry",
    "Event",
    "HeadcountError",
    "Inferred",
    "InvalidEvent",
    "InvalidName",
    "InvalidRules",
    "Kind",
    "Meeting",
    "MissingExtra",
    "Room",
    "Rules",
    "Sessions",
    "Summary",
    "meeting_id",
    "sessionize",
]

_MODULES = {
    "batch.sessionize": ("sessionize",),
    "batch.sessions": ("Sessions", "Summary"),
    "errors": ("BadInput", "HeadcountError", "MissingExtra"),
    "kernel.events": ("Event", "Inferred", "InvalidEvent", "Kind"),
    "kernel.meetings": ("Entry", "Meeting", "meeting_id"),
    "kernel.names": ("InvalidName",),
    "kernel.room": ("Room",),
    "kernel.rules": ("InvalidRules", "Rules"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a module when a name of it is first used, so that importing the package costs nothing."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'headcount' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - loaded only if used

    found = globals()[name] = getattr(import_module(f"headcount.{_MODULE_OF[name]}"), name)
    return found
