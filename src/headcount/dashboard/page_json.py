"""JSON form of pages.

Responsible for turning the values of a page into JSON: times with the offset of the time zone, durations in seconds.
Must not read the store.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from headcount.dashboard.sanitize import local
from headcount.kernel.attributes import values_of
from headcount.timestamps import format_datetime

_TIMES: Final = frozenset(
    {
        "at",
        "start",
        "end",
        "join",
        "join_time",
        "leave",
        "since",
        "first_join",
        "last_leave",
        "max_participants_at",
        "created",
        "received",
    }
)
_FIELD_NAMES: Final = {"participant_ms": "participant_seconds"}
"""Names of the REST API where they do not follow from the field."""
_ATTRIBUTES: Final = "attributes"


def json_response(value: Any, zone: ZoneInfo) -> Response:
    """Return a page's values as JSON."""
    body = msgspec.json.encode({"timezone": zone.key, **to_json(value, zone)})
    return Response(body, media_type="application/json")


def to_json(value: Any, zone: ZoneInfo) -> Any:
    """Return named tuples and dataclasses as objects, recursively. A field `x_ms` is a duration and becomes `x`.

    Attributes become an object with the keys of their sender.
    """
    if isinstance(value, Enum):
        return value.value
    fields = getattr(value, "_fields", None) or getattr(value, "__match_args__", None)
    if fields:
        value = {name: getattr(value, name) for name in fields}
    if isinstance(value, Mapping):
        return {
            _FIELD_NAMES.get(name, name.removesuffix("_ms")): _field(name, field, zone)
            for name, field in value.items()
        }
    if isinstance(value, list | tuple):
        return [to_json(item, zone) for item in value]
    return value


def _field(name: str, value: Any, zone: ZoneInfo) -> Any:
    if name == _ATTRIBUTES:
        return values_of(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if name in _TIMES:
            return format_datetime(local(value, zone))
        if name.endswith("_ms"):
            return value / 1_000
    return to_json(value, zone)
