"""Knowing: what the store knows of those whom a list names, and of those whom it lacks.

Its tables may be a moment behind the log, and do not show who came less than ten seconds ago. So where
a list and the tables differ, the log is asked, and its last word counts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from headcount.ingest.polling.reconcile import Known, Who
from headcount.kernel.events import Inferred, Kind, Ms
from headcount.sources.polls.api import PresentParticipant
from headcount.store.presence import Presence, RecentEvent

_LONG_BEFORE: Final[Ms] = 86_400_000
"""Who is listed without a time, and was last spoken of longer ago than this, counts as unknown."""
_GUESSES: Final = (Inferred.SNAPSHOT, Inferred.TIMEOUT)
"""That a room began anew is the server's own word."""
# At one instant an end comes before joins (rule 1), and somebody who joins and leaves has left.
_ORDER: Final = {Kind.END: 0, Kind.JOIN: 1, Kind.LEAVE: 2}


def known(
    polls: Presence,
    domain: str,
    token: str,
    listed: Sequence[PresentParticipant],
    started: Ms,
    also: Collection[str] = (),
) -> dict[Who, Known]:
    """Who is in, in the rooms that a source has spoken of and in some others; and of those listed, all of whom anything was said."""
    since = {
        (one.room, one.participant_id): started - _LONG_BEFORE if one.joined_at is None else one.joined_at
        for one in listed
    }
    inside = polls.open_joins(domain, token, also)
    found = {who: Known(join) for who, join in inside.items() if who in since}
    unclear = {who: inside.get(who, since.get(who, started)) for who in since.keys() ^ inside.keys()}
    for room, people in groupby(sorted(unclear), key=_room):
        found |= _as_told(polls, domain, room, {who: unclear[who] for who in people}, inside)
    return found


def _as_told(
    polls: Presence, domain: str, room: str, since: Mapping[Who, Ms], inside: Mapping[Who, Ms]
) -> dict[Who, Known]:
    said = sorted(
        polls.events_since(domain, room, min(since.values())), key=lambda one: (one.at, _ORDER[one.kind])
    )
    found = {}
    for who in since:
        told = last_word(who[1], said)
        if told is not None:
            found[who] = told
        elif who in inside:
            found[who] = Known(inside[who])
    return found


def last_word(participant: str, said: Iterable[RecentEvent]) -> Known | None:
    """How somebody stands after all that was said in a room, in order; None if they were not spoken of."""
    told: Known | None = None
    session: str | None = None
    for one in said:
        latest = max(one.at, one.received, told.said if told is not None else 0)
        surely = one.inferred not in _GUESSES
        if one.participant_id == participant:
            session = one.source_session or session
            told = Known(latest, one.at if one.kind is Kind.LEAVE else None, surely)
        elif one.kind is Kind.END and told is not None and told.left is None:
            if None in (session, one.source_session) or session == one.source_session:
                told = Known(latest, one.at, surely)
    return told


def _room(who: Who) -> str:
    return who[0]
