"""Notifications: the outbox messages that follow from the changes of a room.

Joins and leaves are published at once (`PresenceMessages`), in domains with subscribers. Changes of meetings wait for the late grace period (R14):
`schedule_notifications` records what is due when, and `publish` compares the meeting then with what was published last.

Responsible for which messages are published, with their ids. Must not know the payload formats of subscribers, which
are those of `headcount.outbound.payloads`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from headcount.kernel.changes import Change, MeetingEnded, MeetingsCorrected, MeetingStarted, Reason
from headcount.kernel.events import Ms
from headcount.kernel.presence import Move, PresenceChange, resolved
from headcount.kernel.room import Room
from headcount.store.outbox import MeetingState, MessageType
from headcount.store.records import (
    BatchChanges,
    MeetingRow,
    NewMessage,
    PendingNotification,
    PublishedMeeting,
    RepeatableMessage,
)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class PresenceMessages:
    """The messages about joins and leaves of a room. They are made when iterated, because few domains subscribe to them.

    Those up to `imported_until` follow from imported history, and are not published. An id follows from the change
    alone: see `RepeatableMessage` for a change that a late event may repeat.
    """

    domain: str
    room: str
    changes: Sequence[Move | PresenceChange]
    imported_until: Ms
    created: Ms

    def __iter__(self) -> Iterator[NewMessage]:
        for change in resolved(self.changes):
            if change.at > self.imported_until:
                message = self._message(change)
                yield RepeatableMessage(*message) if change.late else message

    def _message(self, change: PresenceChange) -> NewMessage:
        stay = change.stay
        payload: dict[str, Any] = {
            "participant_id": stay.participant_id,
            "user_id": stay.user_id,
            "user_name": stay.user_name,
            "join": stay.join,
        }
        if not change.is_join:
            payload |= {"leave": change.at, "left_by": None if stay.left_by is None else stay.left_by.value}
        if stay.attributes is not None:
            payload["attributes"] = msgspec.Raw(stay.attributes.encode())
        who = f"{self.domain}\0{self.room}\0{stay.participant_id}\0{stay.join}"
        digest = blake2b(who.encode(), digest_size=8).hexdigest()
        # The time comes first, so that the index of ids grows at its end only.
        name = f"ptcpt-{'join' if change.is_join else 'left'}-{change.at}-{digest}"
        kind = MessageType.PARTICIPANT_JOINED if change.is_join else MessageType.PARTICIPANT_LEFT
        return _message(self.domain, name, kind, self.room, change.at, self.created, payload)


def schedule_notifications(
    batch: BatchChanges, room: Room, changes: Iterable[Change], now: Ms, late_grace: Ms
) -> None:
    """Record the notifications that become due about the meetings of these changes."""

    def schedule(name: str, start: Ms, happened: Ms, reason: str | None = None) -> None:
        due = max(now, happened + late_grace)
        key = (room.domain, name, due)
        known = batch.notifications.get(key)
        reason = reason or (known and known.reason)
        batch.notifications[key] = PendingNotification(room.domain, name, due, room.name, start, reason)

    for change in changes:
        match change:
            case MeetingStarted():
                schedule(change.id, change.start, change.at)
            case MeetingEnded():
                schedule(change.id, change.start, change.at)
            case MeetingsCorrected():
                happened = now - change.late_ms
                for meeting in (*change.meetings_before, *change.meetings_after):
                    if meeting.end is not None:
                        schedule(meeting.id, meeting.start, meeting.end)
                    schedule(meeting.id, meeting.start, happened, change.reason.value)


class Publication(NamedTuple):
    """The messages about one meeting, and what they have published of it."""

    messages: list[NewMessage]
    published: PublishedMeeting | None


def publish(notification: PendingNotification, state: MeetingState, horizon: Ms, created: Ms) -> Publication:
    """Return the messages that are due about a meeting. What happened after `horizon` is not published yet."""
    published, current = state.published, state.current
    if current is None:
        if published is None:
            return Publication([], None)
        return _withdraw(notification, state, published, horizon, created)
    messages = []
    if published is None or _is_withdrawn(published):
        revisions = 0 if published is None else published.revisions
        published = PublishedMeeting(
            current.domain, current.id, current.room, current.start, None, 0, 0, revisions
        )
        messages.append(_started(published, created))
    after = _published(current, state.participants, horizon, published.revisions)
    if published.end is not None and (after != published or notification.reason is not None):
        after = after._replace(revisions=published.revisions + 1)
        messages.append(_revised(notification, published, _summary(after), after, created))
    elif published.end is None and after.end is not None:
        reason = Reason.LEFT_ALONE if state.ended_by_reset else Reason.ROOM_EMPTY
        messages.append(_ended(after, reason, created))
    elif published.end is None:
        after = published
    return Publication(messages, after)


def _withdraw(
    notification: PendingNotification,
    state: MeetingState,
    published: PublishedMeeting,
    horizon: Ms,
    created: Ms,
) -> Publication:
    """Withdraw a published meeting that no longer exists. Another one may cover its start (R16)."""
    if _is_withdrawn(published):
        return Publication([], published)
    after = published._replace(
        end=published.start, max_participants=0, participants=0, revisions=published.revisions + 1
    )
    replacement = None
    if state.replacement is not None:
        replacement = _summary(_published(state.replacement, state.participants, horizon))
    return Publication([_revised(notification, published, replacement, after, created)], after)


def _is_withdrawn(published: PublishedMeeting) -> bool:
    """Return whether it was withdrawn, which is stored as a duration of 0; no meeting has that."""
    return published.end == published.start


def _started(meeting: PublishedMeeting, created: Ms) -> NewMessage:
    name = f"met-sta-{meeting.id}-{meeting.start // 1_000}{_revision(meeting)}"
    payload = {"id": meeting.id, "start": meeting.start}
    return _message(
        meeting.domain, name, MessageType.MEETING_STARTED, meeting.room, meeting.start, created, payload
    )


def _ended(meeting: PublishedMeeting, reason: Reason, created: Ms) -> NewMessage:
    assert meeting.end is not None
    name = f"met-end-{meeting.id}-{meeting.end // 1_000}{_revision(meeting)}"
    payload = _summary(meeting) | {"reason": reason.value}
    return _message(
        meeting.domain, name, MessageType.MEETING_ENDED, meeting.room, meeting.end, created, payload
    )


def _revision(meeting: PublishedMeeting) -> str:
    return f"-r{meeting.revisions}" if meeting.revisions else ""


def _revised(
    notification: PendingNotification,
    before: PublishedMeeting,
    replacement: dict[str, Any] | None,
    after: PublishedMeeting,
    created: Ms,
) -> NewMessage:
    payload = {
        "id": before.id,
        "reason": notification.reason or Reason.LATE_EVENT.value,
        "before": _summary(before),
        "after": replacement,
    }
    name = f"met-upd-{before.id}-{after.revisions}"
    return _message(
        before.domain, name, MessageType.MEETING_UPDATED, before.room, before.start, created, payload
    )


def _summary(meeting: PublishedMeeting) -> dict[str, Any]:
    return {
        "id": meeting.id,
        "start": meeting.start,
        "end": meeting.end,
        "max": meeting.max_participants,
        "people": meeting.participants,
    }


def _published(row: MeetingRow, participants: int, horizon: Ms, revisions: int = 0) -> PublishedMeeting:
    """Return what is published of a meeting: an end after `horizon` is not yet."""
    end = None if row.end is None or row.end > horizon else row.end
    return PublishedMeeting(
        row.domain, row.id, row.room, row.start, end, row.max_participants, participants, revisions
    )


def _message(
    domain: str, name: str, kind: MessageType, room: str, at: Ms, created: Ms, payload: dict[str, Any]
) -> NewMessage:
    return NewMessage(domain, name, kind.value, room, at, created, _encode(payload).decode())
