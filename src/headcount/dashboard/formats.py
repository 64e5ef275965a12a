"""JSON form of pages, and display names of people.

Responsible for turning the values of a page into JSON: times with the offset of the time zone, durations in seconds.
Must not read the store.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from headcount.dashboard.sanitize import local

_TIMES: Final = frozenset(
    {"at", "start", "end", "join", "leave", "since", "first_join", "last_leave", "created", "received"}
)
_NO_NAMES: Final[Mapping[str, str]] = {}


def json_response(value: Any, zone: ZoneInfo, names: Mapping[str, str] = _NO_NAMES) -> Response:
    """Return a page's values as JSON. `names` maps fields to their names in JSON where these differ."""
    body = msgspec.json.encode({"timezone": zone.key, **to_json(value, zone, names)})
    return Response(body, media_type="application/json")


def to_json(value: Any, zone: ZoneInfo, names: Mapping[str, str] = _NO_NAMES) -> Any:
    """Return named tuples and dataclasses as objects, recursively. A field `x_ms` is a duration and becomes `x`."""
    if isinstance(value, Enum):
        return value.value
    fields = getattr(value, "_fields", None) or getattr(value, "__match_args__", None)
    if fields:
        value = {name: getattr(value, name) for name in fields}
    if isinstance(value, Mapping):
        return {
            names.get(name, name.removesuffix("_ms")): _field(name, field, zone, names)
            for name, field in value.items()
        }
    if isinstance(value, list | tuple):
        return [to_json(item, zone, names) for item in value]
    return value


def _field(name: str, value: Any, zone: ZoneInfo, names: Mapping[str, str]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        if name in _TIMES:
            return local(value, zone).isoformat(timespec="milliseconds")
        if name.endswith("_ms"):
            return value / 1_000
    return to_json(value, zone, names)


class Named(Protocol):
    """A person, or a stay or entry of one."""

    @property
    def participant_id(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def user_name(self) -> str | None: ...


def name_of(person: Named) -> str:
    """Return the name of a person, else the user id, else the participant id."""
    return person.user_name or person.user_id or person.participant_id


def names_of(people: Iterable[Named]) -> list[str]:
    """Return the name of each person once, whatever the number of connections, in alphabetical order."""
    names = {person.user_id or person.participant_id: name_of(person) for person in people}
    return sorted(names.values(), key=str.casefold)
