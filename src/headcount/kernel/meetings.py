"""Meetings, their entries and their ids (R9-R11, R16).

Responsible for clipping stays to meetings, the order of entries, and the id. Must not know how stays and
meetings are found.
"""

from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.kernel.names import require_names
from headcount.kernel.stay_table import LeftBy

MEETING_IDS: UUID = uuid5(NAMESPACE_URL, "urn:headcount:meeting")
"""The namespace of meeting ids (R16)."""
_MEETING_IDS = MEETING_IDS.bytes


def meeting_id(domain: str, room: str, start: Ms) -> str:
    """Return the id of the meeting of `room` that began at `start` ms (R16).

    It is the UUIDv5, in `MEETING_IDS`, of the UTF-8 text domain, U+0000, room, U+0000,
    start in decimal digits. Raises `InvalidName` if domain or room contains U+0000,
    because two meetings could then have the same id.
    """
    require_names(domain, room)
    text = f"{domain}\0{room}\0{start}".encode()
    digits = sha1(_MEETING_IDS + text, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


class Stay(NamedTuple):
    """One participant's unbroken time in a room: [join, leave), ms; leave is None while it lasts."""

    participant_id: str
    join: Ms
    leave: Ms | None = None
    left_by: LeftBy | None = None
    user_id: str | None = None
    user_name: str | None = None
    attributes: Attributes | None = None


class Entry(NamedTuple):
    """A stay clipped to one meeting (R11).

    `leave` is None while the participant is in the meeting. `left_by` is the way the stay
    ended; it is None while it lasts, and where a reset ended the entry and the stay continued.
    """

    participant_id: str
    user_id: str | None
    user_name: str | None
    join: Ms
    leave: Ms | None
    left_by: LeftBy | None
    attributes: Attributes | None = None


class Meeting(NamedTuple):
    """A meeting session, [start, end) in ms; `end` is None while it is ongoing (R9-R11)."""

    id: str
    domain: str
    room: str
    start: Ms
    end: Ms | None
    max_participants: int
    participants: tuple[Entry, ...] = ()

    @property
    def ongoing(self) -> bool:
        return self.end is None


def carries_into(stay: Stay, start: Ms) -> bool:
    """Return whether `stay` was open when a meeting began at `start`: a reset began it, and the stay continued (R7)."""
    return stay.join < start and (stay.leave is None or stay.leave > start)


def clip_stay(stay: Stay, start: Ms, end: Ms | None) -> Entry | None:
    """Return the entry of `stay` in a meeting [start, end), or None where they do not overlap (R11)."""
    if (stay.leave is not None and stay.leave <= start) or (end is not None and stay.join >= end):
        return None
    continues = end is not None and (stay.leave is None or stay.leave > end)
    return Entry(
        stay.participant_id,
        stay.user_id,
        stay.user_name,
        max(stay.join, start),
        end if continues else stay.leave,
        None if continues else stay.left_by,
        stay.attributes,
    )


def entries(stays: Iterable[Stay], start: Ms, end: Ms | None) -> tuple[Entry, ...]:
    """Return the entries of a meeting [start, end), by join time, then `participant_id` (R11)."""
    found = [entry for stay in stays if (entry := clip_stay(stay, start, end)) is not None]
    return tuple(sorted(found, key=lambda entry: (entry.join, entry.participant_id)))
