"""Telling: what the world is to be told, from what a room told us.

Who comes and goes is told at once (`arrival_messages`). What becomes of meetings waits until it is published
(R14): `note` writes down that something is to be told, and when; `tell` says it then, by comparing what is so with
what was told before. What is told is in our own words; `headcount.wording` knows the world's.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from headcount.kernel.changes import Because, Change, MeetingEnded, MeetingsCorrected, MeetingStarted
from headcount.kernel.events import Ms
from headcount.kernel.presence import PresenceChange
from headcount.kernel.room import Room
from headcount.store.outbox import MeetingState, MessageType
from headcount.store.records import (
    BatchChanges,
    MeetingRow,
    NewMessage,
    PendingNotification,
    PublishedMeeting,
)

_text = msgspec.json.Encoder().encode


def arrival_messages(
    room: Room, doors: Iterable[PresenceChange], created: Ms, cursor: int
) -> Iterator[NewMessage]:
    """What is told of who came and who went. `cursor` tells apart what is told again in another round."""
    for door in doors:
        stay = door.stay
        said = {
            "participant_id": stay.participant_id,
            "user_id": stay.user_id,
            "user_name": stay.user_name,
            "join": stay.join,
        }
        if not door.is_join:
            said |= {"leave": door.at, "left_by": None if stay.left_by is None else stay.left_by.value}
        who = f"{room.domain}\0{room.name}\0{stay.participant_id}\0{stay.join}"
        digest = blake2b(who.encode(), digest_size=8).hexdigest()
        again = f"-{cursor}" if door.late else ""
        # The time comes first, so that the index of ids grows at its end and not everywhere.
        name = f"ptcpt-{'join' if door.is_join else 'left'}-{door.at}-{digest}{again}"
        kind = MessageType.PARTICIPANT_JOINED if door.is_join else MessageType.PARTICIPANT_LEFT
        yield _message(room.domain, name, kind, room.name, door.at, created, said)


def note(batch: BatchChanges, room: Room, changes: Iterable[Change], now: Ms, published_ms: Ms) -> None:
    """Write down that something is to be told of the meetings that these changes are about."""

    def later(name: str, start: Ms, fact: Ms, because: str | None = None) -> None:
        due = max(now, fact + published_ms)
        key = (room.domain, name, due)
        known = batch.to_tell.get(key)
        because = because or (known and known.because)
        batch.to_tell[key] = PendingNotification(room.domain, name, due, room.name, start, because)

    for change in changes:
        match change:
            case MeetingStarted():
                later(change.id, change.start, change.at)
            case MeetingEnded():
                later(change.id, change.start, change.at)
            case MeetingsCorrected():
                fact = now - change.late_ms
                for meeting in (*change.meetings_before, *change.meetings_after):
                    if meeting.end is not None:
                        later(meeting.id, meeting.start, meeting.end)
                    later(meeting.id, meeting.start, fact, change.because.value)


class Publication(NamedTuple):
    """What is said of one meeting, and what the world knows of it then."""

    messages: list[NewMessage]
    known: PublishedMeeting | None


def tell(about: PendingNotification, seen: MeetingState, horizon: Ms, created: Ms) -> Publication:
    """What is to be said of a meeting now. What happened after `horizon` is not published yet."""
    known, now = seen.told, seen.now
    if now is None:
        return _withdrawn(about, seen, horizon, created) if known is not None else Publication([], None)
    messages = []
    if known is None or _is_withdrawn(known):
        revisions = 0 if known is None else known.revisions
        known = PublishedMeeting(now.domain, now.id, now.room, now.start, None, 0, 0, revisions)
        messages.append(_started(known, created))
    after = _as_told(now, seen.people, horizon, known.revisions)
    if known.end is not None and (after != known or about.because is not None):
        after = after._replace(revisions=known.revisions + 1)
        messages.append(_revised(about, known, _seen(after), after, created))
    elif known.end is None and after.end is not None:
        messages.append(_ended(after, Because.LEFT_ALONE if seen.reset else Because.EMPTY, created))
    elif known.end is None:
        after = known
    return Publication(messages, after)


def _withdrawn(about: PendingNotification, seen: MeetingState, horizon: Ms, created: Ms) -> Publication:
    """There is no such meeting any more; another one may cover its start (R16)."""
    known = seen.told
    assert known is not None
    after = known._replace(end=known.start, max_participants=0, participants=0, revisions=known.revisions + 1)
    if _is_withdrawn(known):
        return Publication([], known)
    instead = None if seen.covering is None else _seen(_as_told(seen.covering, seen.people, horizon))
    return Publication([_revised(about, known, instead, after, created)], after)


def _is_withdrawn(known: PublishedMeeting) -> bool:
    """No meeting has no length; one that was told of and is no more is kept so."""
    return known.end == known.start


def _started(known: PublishedMeeting, created: Ms) -> NewMessage:
    name = f"met-sta-{known.id}-{known.start // 1_000}{_again(known)}"
    said = {"id": known.id, "start": known.start}
    return _message(known.domain, name, MessageType.MEETING_STARTED, known.room, known.start, created, said)


def _ended(known: PublishedMeeting, because: Because, created: Ms) -> NewMessage:
    assert known.end is not None
    name = f"met-end-{known.id}-{known.end // 1_000}{_again(known)}"
    said = _seen(known) | {"because": because.value}
    return _message(known.domain, name, MessageType.MEETING_ENDED, known.room, known.end, created, said)


def _again(known: PublishedMeeting) -> str:
    return f"-r{known.revisions}" if known.revisions else ""


def _revised(
    about: PendingNotification,
    before: PublishedMeeting,
    instead: dict[str, Any] | None,
    after: PublishedMeeting,
    created: Ms,
) -> NewMessage:
    said = {
        "id": before.id,
        "because": about.because or Because.LATE_EVENT.value,
        "before": _seen(before),
        "after": instead,
    }
    name = f"met-rev-{before.id}-{after.revisions}"
    return _message(
        before.domain, name, MessageType.MEETING_REVISED, before.room, before.start, created, said
    )


def _seen(known: PublishedMeeting) -> dict[str, Any]:
    return {
        "id": known.id,
        "start": known.start,
        "end": known.end,
        "max": known.max_participants,
        "people": known.participants,
    }


def _as_told(row: MeetingRow, people: int, horizon: Ms, revisions: int = 0) -> PublishedMeeting:
    """A meeting as the world is to know it: an end after `horizon` is not published yet."""
    end = None if row.end is None or row.end > horizon else row.end
    return PublishedMeeting(
        row.domain, row.id, row.room, row.start, end, row.max_participants, people, revisions
    )


def _message(
    domain: str, name: str, kind: MessageType, room: str, at: Ms, created: Ms, said: dict[str, Any]
) -> NewMessage:
    return NewMessage(domain, name, kind.value, room, at, created, _text(said).decode())
