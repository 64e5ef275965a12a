"""Reconciliation: what a polled list of participants adds to what is known, as inferred events.

Responsible for the rules below. Must not know the store or the clock: lists, known presence and the memory of the previous
poll are arguments, events and the next memory are results.

A list is not the truth: it was made a little before or after what webhooks report, and may lag. So

* a participant has left once two consecutive lists lack them, and no event has mentioned them since before the first of the
  two; the time of the leave is when that list was requested;
* a listed participant that no event mentioned has joined: at the time that the list gives, or else when it was requested;
* an event after a list was requested is newer than the list, and stands;
* a participant whose leave the server reported has left, whatever a list that lags still shows: unless it lists them as
  having joined after that, or, where it gives no times, twice in a row.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources.polls.api import PresentParticipant

ParticipantKey = tuple[str, str]
"""A room, and the participant in it."""


class KnownPresence(NamedTuple):
    """What the log has of a participant.

    `mentioned_at` is the latest time at which, or of which, an event mentioned them. `left_at` is None while they are in the
    room. `is_reported` is whether the server reported it, rather than an inference.
    """

    mentioned_at: Ms
    left_at: Ms | None = None
    is_reported: bool = True


@dataclass(frozen=True, slots=True)
class PollMemory:
    """What one poll leaves to the next, with the time at which the first such list was requested.

    `missing_since` has participants who are in the room and not in the list, `returned_since` those who left and are listed.
    """

    missing_since: Mapping[ParticipantKey, Ms] = field(default_factory=dict)
    returned_since: Mapping[ParticipantKey, Ms] = field(default_factory=dict)


class Reconciled(NamedTuple):
    """Inferred joins and leaves, and the memory for the next poll."""

    joins: list[Event]
    leaves: list[Event]
    memory: PollMemory


def reconcile(
    listed: Iterable[PresentParticipant],
    known: Mapping[ParticipantKey, KnownPresence],
    memory: PollMemory,
    requested_at: Ms,
    unclear_rooms: Collection[str] = (),
) -> Reconciled:
    """Return what a list that was requested at `requested_at` adds.

    `known` has all participants in the rooms of this list, and all listed participants that an event ever mentioned.
    Nobody leaves a room that is unclear.
    """
    present = {(one.room, one.participant_id): one for one in listed}
    joins, leaves = [], []
    missing: dict[ParticipantKey, Ms] = {}
    returned: dict[ParticipantKey, Ms] = {}
    for key, participant in sorted(present.items()):
        presence, since = known.get(key), memory.returned_since.get(key)
        if presence is not None and since is not None and presence.mentioned_at >= since:
            since = None
        joined_at = _inferred_join(participant, presence, since, requested_at)
        if joined_at is None and _may_have_returned(participant, presence, requested_at):
            returned[key] = requested_at
        elif joined_at is not None and participant.has_joined:
            joins.append(_join(participant, joined_at))
    for key, presence in sorted(known.items()):
        if key in present or presence.left_at is not None or key[0] in unclear_rooms:
            continue
        first = memory.missing_since.get(key)
        if first is None or presence.mentioned_at >= first:
            missing[key] = requested_at
        else:
            leaves.append(Event(Kind.LEAVE, key[0], first, key[1], inferred=Inferred.SNAPSHOT))
    return Reconciled(joins, leaves, PollMemory(missing, returned))


def _inferred_join(
    participant: PresentParticipant, presence: KnownPresence | None, listed_since: Ms | None, requested_at: Ms
) -> Ms | None:
    """Return when a listed participant joined, if no event has it; None if they are known to be in, or to have left."""
    if presence is None:
        return requested_at if participant.joined_at is None else participant.joined_at
    if presence.left_at is None or presence.mentioned_at >= requested_at:
        return None
    if participant.joined_at is not None and participant.joined_at > presence.left_at:
        return participant.joined_at
    if not presence.is_reported:
        return requested_at
    return listed_since if participant.joined_at is None else None


def _may_have_returned(
    participant: PresentParticipant, presence: KnownPresence | None, requested_at: Ms
) -> bool:
    """Return whether a participant has left by an earlier report, and is listed by a server that gives no times."""
    return (
        presence is not None
        and presence.left_at is not None
        and participant.joined_at is None
        and presence.mentioned_at < requested_at
    )


def _join(participant: PresentParticipant, at: Ms) -> Event:
    return Event(
        Kind.JOIN, participant.room, at, participant.participant_id, participant.user_id, participant.user_name,
        participant.source_session, inferred=Inferred.SNAPSHOT, attributes=participant.attributes,
    )  # fmt: skip
