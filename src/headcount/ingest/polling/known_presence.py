"""Known presence: what the store has of the participants on a polled list, and of those missing there.

Responsible for combining tables and log. Must not know how a list was obtained. Tables may be a moment behind the log, and
do not show a participant in the first ten seconds. So where a list and the tables differ, the latest event of the log counts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from headcount.ingest.polling.reconcile import KnownPresence, ParticipantKey
from headcount.kernel.events import Inferred, Kind, Ms
from headcount.sources.polls.api import PresentParticipant
from headcount.store.presence import Presence, RecentEvent

_UNKNOWN_AFTER_MS: Final[Ms] = 86_400_000
"""A participant who is listed without a time, and whose latest event is older than this, counts as unknown."""
_INFERENCES: Final = (Inferred.SNAPSHOT, Inferred.TIMEOUT)
"""That a room restarted is not among them: the server reports it."""
# At one instant an end precedes joins (rule 1), and a participant who joins and leaves has left.
_ORDER: Final = {Kind.END: 0, Kind.JOIN: 1, Kind.LEAVE: 2}


def known_presence(
    store: Presence,
    domain: str,
    token: str,
    listed: Sequence[PresentParticipant],
    requested_at: Ms,
    other_rooms: Collection[str] = (),
) -> dict[ParticipantKey, KnownPresence]:
    """Return all participants in the rooms of a source and in some others, and all listed ones that an event mentions."""
    since = {
        (one.room, one.participant_id): requested_at - _UNKNOWN_AFTER_MS
        if one.joined_at is None
        else one.joined_at
        for one in listed
    }
    inside = store.open_joins(domain, token, other_rooms)
    found = {key: KnownPresence(join) for key, join in inside.items() if key in since}
    differing = {key: inside.get(key, since.get(key, requested_at)) for key in since.keys() ^ inside.keys()}
    for room, keys in groupby(sorted(differing), key=_room):
        found |= _from_log(store, domain, room, {key: differing[key] for key in keys}, inside)
    return found


def _from_log(
    store: Presence,
    domain: str,
    room: str,
    since: Mapping[ParticipantKey, Ms],
    inside: Mapping[ParticipantKey, Ms],
) -> dict[ParticipantKey, KnownPresence]:
    events = sorted(
        store.events_since(domain, room, min(since.values())),
        key=lambda event: (event.at, _ORDER[event.kind]),
    )
    found = {}
    for key in since:
        presence = latest_presence(key[1], events)
        if presence is not None:
            found[key] = presence
        elif key in inside:
            found[key] = KnownPresence(inside[key])
    return found


def latest_presence(participant: str, events: Iterable[RecentEvent]) -> KnownPresence | None:
    """Return the presence of a participant after the events of a room, in order; None if none mentions them."""
    presence: KnownPresence | None = None
    session: str | None = None
    for event in events:
        latest = max(event.at, event.received, presence.mentioned_at if presence is not None else 0)
        is_reported = event.inferred not in _INFERENCES
        if event.participant_id == participant:
            session = event.source_session or session
            presence = KnownPresence(latest, event.at if event.kind is Kind.LEAVE else None, is_reported)
        elif event.kind is Kind.END and presence is not None and presence.left_at is None:
            if None in (session, event.source_session) or session == event.source_session:
                presence = KnownPresence(latest, event.at, is_reported)
    return presence


def _room(key: ParticipantKey) -> str:
    return key[0]
