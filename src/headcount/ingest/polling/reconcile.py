"""Reconciling: what a list of those present adds to what is known, told as inferred events.

A list is not the truth: it was made a little before or after what the webhooks tell, and may lag. So

* somebody is taken to have left once two lists in a row lack them, and nothing was said of them since
  before the first of the two; they left when that one was asked for;
* somebody whom nobody spoke of has come: when the list says, or else when it was asked for;
* what was said after a list was asked for is newer than the list, and stands;
* whom the server itself reported to have left has left, whatever a list that lags still says: unless
  it lists them as having joined after that, or, where it tells no times, twice in a row.

Pure: the lists, what is known and the memory of the list before come in, events and the next memory go out.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources.polls.api import PresentParticipant

Who = tuple[str, str]
"""A room, and the participant in it."""


class Known(NamedTuple):
    """What the log says of a participant.

    `said` is the latest moment at which, or of which, something was said of them. `left` is None while
    they are in. `surely` tells whether that they left is known from the server, and not guessed.
    """

    said: Ms
    left: Ms | None = None
    surely: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """What one poll leaves to the next: when the first list was asked for that lacked somebody who is in,
    or that held somebody who had left.
    """

    missing: Mapping[Who, Ms] = field(default_factory=dict)
    back: Mapping[Who, Ms] = field(default_factory=dict)


class Reconciled(NamedTuple):
    """Who came and who went without a word, and what the next poll must remember."""

    joins: list[Event]
    leaves: list[Event]
    memory: Memory


def reconcile(
    listed: Iterable[PresentParticipant],
    known: Mapping[Who, Known],
    memory: Memory,
    started: Ms,
    unclear: Collection[str] = (),
) -> Reconciled:
    """What a list that was asked for at `started` adds.

    `known` holds all who are in, in the rooms that this list speaks for, and all who are listed and were ever spoken of.
    Nobody leaves a room of which the list is `unclear`.
    """
    there = {(one.room, one.participant_id): one for one in listed}
    joins, leaves = [], []
    missing: dict[Who, Ms] = {}
    back: dict[Who, Ms] = {}
    for who, one in sorted(there.items()):
        told, since = known.get(who), memory.back.get(who)
        if told is not None and since is not None and told.said >= since:
            since = None
        came = _came(one, told, since, started)
        if came is None and _may_be_back(one, told, started):
            back[who] = started
        elif came is not None and one.has_joined:
            joins.append(_join(one, came))
    for who, told in sorted(known.items()):
        if who in there or told.left is not None or who[0] in unclear:
            continue
        first = memory.missing.get(who)
        if first is None or told.said >= first:
            missing[who] = started
        else:
            leaves.append(Event(Kind.LEAVE, who[0], first, who[1], inferred=Inferred.SNAPSHOT))
    return Reconciled(joins, leaves, Memory(missing, back))


def _came(one: PresentParticipant, told: Known | None, listed_since: Ms | None, started: Ms) -> Ms | None:
    """When somebody who is listed came, if nobody has said it; None if they are known to be in, or to have gone."""
    if told is None:
        return started if one.joined_at is None else one.joined_at
    if told.left is None or told.said >= started:
        return None
    if one.joined_at is not None and one.joined_at > told.left:
        return one.joined_at
    if not told.surely:
        return started
    return listed_since if one.joined_at is None else None


def _may_be_back(one: PresentParticipant, told: Known | None, started: Ms) -> bool:
    """Whether somebody has left for sure, and is listed all the same by a server that tells no times."""
    return told is not None and told.left is not None and one.joined_at is None and told.said < started


def _join(one: PresentParticipant, at: Ms) -> Event:
    return Event(
        Kind.JOIN, one.room, at, one.participant_id, one.user_id, one.user_name, one.source_session, inferred=Inferred.SNAPSHOT
    )  # fmt: skip
