"""Payloads of outgoing messages: a message of the outbox as JSON, in the form of Daily's webhooks.

Responsible for fields, their order and the bytes. Must not know where a payload is sent.

Messages of Daily's types have exactly Daily's fields, and Headcount's fields after them if `extensions` is set. The
attributes of a participant are the last of these, and absent if none is known.

The text is, byte for byte, what JavaScript's JSON.stringify makes of the same object, so that a receiver may check the
signature of what it received, or of what it parsed and stringified again. Times are Unix seconds with milliseconds.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from headcount.kernel.attributes import Value
from headcount.kernel.events import Ms
from headcount.store.outbox import Message, MessageType

VERSION: Final = "1.0.0"
_PERMISSIONS: Final = {"hasPresence": True, "canSend": True, "canReceive": {"base": True}, "canAdmin": False}
"""Daily's consumers expect them; no source reports them."""

_MAX_EXACT: Final = 2**53 - 1
_MIN_POWER: Final = -6
_MAX_POWER: Final = 20
"""The powers of ten between which JavaScript writes numbers without an exponent."""
_INDEX: Final = re.compile("0|[1-9][0-9]{0,9}")
_MAX_INDEX: Final = 2**32 - 2
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Fields = dict[str, Any]


def encode(message: Message, *, extensions: bool) -> str:
    """Return the body of the request that delivers a message."""
    facts = json.loads(message.payload)
    payload = _PAYLOADS[message.type](facts, message.room)
    if extensions and message.type in _EXTENSIONS:
        payload |= _EXTENSIONS[message.type](facts)
    text = to_json(payload)
    if extensions and "attributes" in facts:
        text = f'{text[:-1]},"attributes":{_attributes(facts["attributes"])}}}'
    head = to_json({"version": VERSION, "type": message.type, "id": message.id})
    return f'{head[:-1]},"payload":{text},"event_ts":{to_json(seconds(message.created))}}}'


def to_json(value: Any) -> str:
    """Return a value as JSON, as JavaScript writes it."""
    text = _encode(value)
    return text if _SURROGATE.search(text) is None else _escaped(text)


def _escaped(text: str) -> str:
    """Join surrogate pairs, and escape lone surrogates, which UTF-8 cannot encode."""
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", paired)


def seconds(ms: Ms) -> int | float:
    """Return milliseconds as seconds, in the shortest form."""
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def _attributes(values: Mapping[str, Value]) -> str:
    """Return attributes as JSON, as JavaScript writes them: keys that are indexes of an array come first, by number."""
    if not any(map(_INDEX.fullmatch, values)) and all(map(_is_written_alike, values.values())):
        return to_json(values)
    indexes = sorted((key for key in values if _INDEX.fullmatch(key) and int(key) <= _MAX_INDEX), key=int)
    keys = [*indexes, *(key for key in values if key not in set(indexes))]
    return "{" + ",".join(f"{to_json(key)}:{_value(values[key])}" for key in keys) + "}"


def _is_written_alike(value: Value) -> bool:
    """Return whether Python and JavaScript write a value alike."""
    return isinstance(value, str | bool) or (isinstance(value, int) and abs(value) <= _MAX_EXACT)


def _value(value: Value) -> str:
    if isinstance(value, int) and abs(value) > _MAX_EXACT:
        return f'"{value}"'  # as a number, receivers in JavaScript would get another one
    text = to_json(value)
    if not isinstance(value, float):
        return text
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text.removesuffix(".0")
    power = int(exponent)
    in_full = _MIN_POWER <= power <= _MAX_POWER
    return format(Decimal(text), "f") if in_full else f"{mantissa}e{power:+d}"


def _started(facts: Fields, room: str) -> Fields:
    return {"start_ts": seconds(facts["start"]), "meeting_id": facts["id"], "room": room}


def _ended(facts: Fields, room: str) -> Fields:
    return {
        "start_ts": seconds(facts["start"]),
        "end_ts": seconds(facts["end"]),
        "meeting_id": facts["id"],
        "room": room,
    }


def _ended_extensions(facts: Fields) -> Fields:
    return {**_measures(facts), "reason": facts["reason"]}


def _updated(facts: Fields, room: str) -> Fields:
    return {
        "meeting_id": facts["id"],
        "room": room,
        "reason": facts["reason"],
        "before": _meeting(facts["before"]),
        "after": None if facts["after"] is None else _meeting(facts["after"]),
    }


def _meeting(meeting: Fields) -> Fields:
    return {
        "meeting_id": meeting["id"],
        "start_ts": seconds(meeting["start"]),
        "end_ts": None if meeting["end"] is None else seconds(meeting["end"]),
        **_measures(meeting),
    }


def _measures(meeting: Fields) -> Fields:
    ended = meeting["end"] is not None
    return {
        "duration": seconds(meeting["end"] - meeting["start"]) if ended else None,
        "max_participants": meeting["max"],
        "participants": meeting["people"],
    }


def _joined(facts: Fields, room: str) -> Fields:
    return {
        "room": room,
        "user_id": facts["user_id"] or facts["participant_id"],
        "user_name": facts["user_name"],
        "session_id": facts["participant_id"],
        "joined_at": seconds(facts["join"]),
        "will_eject_at": None,
        "owner": False,
        "permissions": _PERMISSIONS,
    }


def _left(facts: Fields, room: str) -> Fields:
    return _joined(facts, room) | {"duration": seconds(facts["leave"] - facts["join"])}


def _left_extensions(facts: Fields) -> Fields:
    return {"left_by": facts["left_by"]}


_PAYLOADS: Final[dict[str, Callable[[Fields, str], Fields]]] = {
    MessageType.MEETING_STARTED: _started,
    MessageType.MEETING_ENDED: _ended,
    MessageType.MEETING_UPDATED: _updated,
    MessageType.PARTICIPANT_JOINED: _joined,
    MessageType.PARTICIPANT_LEFT: _left,
}
_EXTENSIONS: Final[dict[str, Callable[[Fields], Fields]]] = {
    MessageType.MEETING_ENDED: _ended_extensions,
    MessageType.PARTICIPANT_LEFT: _left_extensions,
}
