"""Wording: a message of the outbox as the text that is sent, in the form of Daily's webhooks.

The text is, byte for byte, what JavaScript's JSON.stringify makes of the same object, so that a receiver may
check a signature over what it received, or over what it parsed and wrote again. Times are seconds since the
epoch with milliseconds. What is not Daily's comes after what is.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from headcount.kernel.events import Ms
from headcount.store.outbox import Message, MessageType

VERSION: Final = "1.0.0"
_PERMISSIONS: Final = {"hasPresence": True, "canSend": True, "canReceive": {"base": True}, "canAdmin": False}
"""Daily's consumers expect them; nobody tells us of them."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Said = dict[str, Any]


def text_of(message: Message) -> str:
    """The body of the request that delivers a message."""
    payload = _PAYLOADS[message.type](json.loads(message.payload), message.room)
    told = {
        "version": VERSION,
        "type": message.type,
        "id": message.id,
        "payload": payload,
        "event_ts": seconds(message.created),
    }
    return stringified(told)


def stringified(value: Any) -> str:
    """JSON as JavaScript writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text if _SURROGATE.search(text) is None else _escaped(text)


def _escaped(text: str) -> str:
    """Halves of a character are escaped, for they cannot be sent; two that fit are the character."""
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", paired)


def seconds(ms: Ms) -> int | float:
    """Milliseconds as seconds, in the shortest form."""
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def _started(said: Said, room: str) -> Said:
    return {"start_ts": seconds(said["start"]), "meeting_id": said["id"], "room": room}


def _ended(said: Said, room: str) -> Said:
    return {
        "start_ts": seconds(said["start"]),
        "end_ts": seconds(said["end"]),
        "meeting_id": said["id"],
        "room": room,
        **_measures(said),
        "because": said["because"],
    }


def _revised(said: Said, room: str) -> Said:
    return {
        "meeting_id": said["id"],
        "room": room,
        "because": said["because"],
        "before": _seen(said["before"]),
        "after": None if said["after"] is None else _seen(said["after"]),
    }


def _seen(meeting: Said) -> Said:
    return {
        "meeting_id": meeting["id"],
        "start_ts": seconds(meeting["start"]),
        "end_ts": None if meeting["end"] is None else seconds(meeting["end"]),
        **_measures(meeting),
    }


def _measures(meeting: Said) -> Said:
    ended = meeting["end"] is not None
    return {
        "duration": seconds(meeting["end"] - meeting["start"]) if ended else None,
        "max_participants": meeting["max"],
        "participants": meeting["people"],
    }


def _joined(said: Said, room: str) -> Said:
    return {
        "room": room,
        "user_id": said["user_id"] or said["participant_id"],
        "user_name": said["user_name"],
        "session_id": said["participant_id"],
        "joined_at": seconds(said["join"]),
        "will_eject_at": None,
        "owner": False,
        "permissions": _PERMISSIONS,
    }


def _left(said: Said, room: str) -> Said:
    stayed = seconds(said["leave"] - said["join"])
    return _joined(said, room) | {"duration": stayed, "left_by": said["left_by"]}


_PAYLOADS: Final[dict[str, Callable[[Said, str], Said]]] = {
    MessageType.MEETING_STARTED: _started,
    MessageType.MEETING_ENDED: _ended,
    MessageType.MEETING_REVISED: _revised,
    MessageType.PARTICIPANT_JOINED: _joined,
    MessageType.PARTICIPANT_LEFT: _left,
}
