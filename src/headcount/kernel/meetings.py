"""Meetings: the objects that the world sees, and how they are named.

Knows rules 9-11 and 16: what an entry of a meeting is, how it is clipped, the order of
entries, the id. Knows nothing of how stays and meetings were found.
"""

from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from headcount.kernel.events import Ms
from headcount.kernel.names import require_names
from headcount.kernel.stay_table import LeftBy

MEETING_IDS: UUID = uuid5(NAMESPACE_URL, "urn:headcount:meeting")
"""The namespace of meeting ids (R16)."""
_MEETING_IDS = MEETING_IDS.bytes


def meeting_id(domain: str, room: str, start: Ms) -> str:
    """The id of the meeting of `room` that began at `start` ms (R16).

    It is the UUIDv5, in `MEETING_IDS`, of the UTF-8 text domain, U+0000, room, U+0000,
    start in decimal digits. Anybody can work it out again. Raises `InvalidName` if domain or
    room holds U+0000, because then two meetings could come to one id.
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


class Entry(NamedTuple):
    """A stay as one meeting shows it: clipped to the meeting (R11).

    `leave` is None while the participant is in the meeting. `left_by` says how the stay
    ended; it is None while it lasts, and where the entry ends because the meeting was
    reset and the stay went on.
    """

    participant_id: str
    user_id: str | None
    user_name: str | None
    join: Ms
    leave: Ms | None
    left_by: LeftBy | None


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
    """Whether `stay` was under way when a meeting began at `start`: a reset began it, and one went on (R7)."""
    return stay.join < start and (stay.leave is None or stay.leave > start)


def clipped(stay: Stay, start: Ms, end: Ms | None) -> Entry | None:
    """What a meeting [start, end) shows of `stay`, or None where they do not overlap (R11)."""
    if (stay.leave is not None and stay.leave <= start) or (end is not None and stay.join >= end):
        return None
    goes_on = end is not None and (stay.leave is None or stay.leave > end)
    return Entry(
        stay.participant_id,
        stay.user_id,
        stay.user_name,
        max(stay.join, start),
        end if goes_on else stay.leave,
        None if goes_on else stay.left_by,
    )


def entries(stays: Iterable[Stay], start: Ms, end: Ms | None) -> tuple[Entry, ...]:
    """The participants of a meeting [start, end), by join time, then `participant_id` (R11)."""
    shown = [entry for stay in stays if (entry := clipped(stay, start, end)) is not None]
    return tuple(sorted(shown, key=lambda entry: (entry.join, entry.participant_id)))
