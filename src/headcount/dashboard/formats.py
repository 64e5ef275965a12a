"""Plain: what a page shows as JSON. Moments are written with the offset of the zone, lengths are seconds."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from headcount.dashboard.sanitize import local

_MOMENTS: Final = frozenset(
    {"at", "start", "end", "join", "leave", "since", "first_join", "last_leave", "created", "received"}
)
_LENGTHS: Final = frozenset({"time", "length", "late", "person_time", "in_it"})


def answer(told: Any, zone: ZoneInfo) -> Response:
    """A page's values as JSON."""
    body = msgspec.json.encode({"timezone": zone.key, **plain(told, zone)})
    return Response(body, media_type="application/json")


def plain(value: Any, zone: ZoneInfo) -> Any:
    """Named tuples and dataclasses as objects, down to the last."""
    if isinstance(value, Enum):
        return value.value
    fields = getattr(value, "_fields", None) or getattr(value, "__match_args__", None)
    if fields:
        value = {name: getattr(value, name) for name in fields}
    if isinstance(value, Mapping):
        return {name: _field(name, one, zone) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, zone) for one in value]
    return value


def _field(name: str, value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if name in _MOMENTS:
            return local(value, zone).isoformat(timespec="milliseconds")
        if name in _LENGTHS:
            return value / 1_000
    return plain(value, zone)


class Somebody(Protocol):
    """A person, or a stay or an entry of theirs."""

    @property
    def participant_id(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def user_name(self) -> str | None: ...


def name_of(somebody: Somebody) -> str:
    """Their name; the best that there is in its place."""
    return somebody.user_name or somebody.user_id or somebody.participant_id


def names_of(those: Iterable[Somebody]) -> list[str]:
    """Each person once, however many connections they have, in the order of their names."""
    names = {one.user_id or one.participant_id: name_of(one) for one in those}
    return sorted(names.values(), key=str.casefold)
