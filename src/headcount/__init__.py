"""Headcount: exact meeting sessions from join and leave events.

    from headcount import sessionize
    sessions = sessionize("calls.parquet")
    sessions.meetings        # a pyarrow.Table
    sessions.to_daily()      # Daily's meeting objects

The kernel needs only Python. `sessionize` needs the extra `headcount[batch]`.
"""

from typing import TYPE_CHECKING, Any

from headcount.errors import BadInput, HeadcountError, MissingExtra
from headcount.kernel.events import Event, Inferred, InvalidEvent, Kind
from headcount.kernel.meetings import Entry, Meeting, meeting_id
from headcount.kernel.names import InvalidName
from headcount.kernel.room import Room
from headcount.kernel.rules import InvalidRules, Rules

if TYPE_CHECKING:
    from headcount.batch.sessionize import sessionize
    from headcount.batch.sessions import Sessions, Summary

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

_BATCH = {"sessionize": "sessionize", "Sessions": "sessions", "Summary": "sessions"}


def __getattr__(name: str) -> Any:
    """Load Numba and Arrow on first use: the kernel does not need them."""
    if name not in _BATCH:
        raise AttributeError(f"module 'headcount' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - loaded only if used

    try:
        return getattr(import_module(f"headcount.batch.{_BATCH[name]}"), name)
    except ModuleNotFoundError as missing:
        raise MissingExtra("batch", missing.name or "") from missing
