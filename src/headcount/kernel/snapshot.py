"""Snapshots: the state of a room as values that JSON can represent.

Responsible for encoding and decoding stays, moves and events of a room. Must not know when a snapshot is made or
where it is stored.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from headcount.kernel.events import Event, Inferred, Kind, Ms, implied_join
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.people import People
from headcount.kernel.rules import State
from headcount.kernel.sittings import Sittings

_FIELDS = tuple(field.name for field in fields(Event))


def encode_state(people: People, sittings: Sittings) -> dict[str, Any]:
    """Return participants and sittings as plain values. The first `open` of the stays are the open ones."""
    stays = list(people.open_stays.values())
    numbers = {id(stay): number for number, stay in enumerate(stays)}
    for _, stay, _ in people.moves:
        if id(stay) not in numbers:
            numbers[id(stay)] = len(stays)
            stays.append(stay)
    return {
        "stays": [[*stay.pack(), stay.counted, stay.names_before_leave] for stay in stays],
        "open": len(people.open_stays),
        "unconfirmed": [list(map(list, inferred_leave)) for inferred_leave in people.pack_unconfirmed()],
        "undecided": [[t, numbers[id(stay)], is_join] for t, stay, is_join in people.moves],
        "state": list(sittings.state),
        "meeting_id": sittings.meeting_id,
    }


def restore_state(snapshot: Mapping[str, Any], people: People, sittings: Sittings) -> None:
    """Restore what `encode_state` returned into an empty room."""
    stays = []
    for values in snapshot["stays"]:
        stay = OpenStay.unpack(values)
        stay.counted = values[-2]
        stay.names_before_leave = values[-1] and tuple(values[-1])
        stays.append(stay)
    people.open_stays = {stay.participant_id: stay for stay in stays[: snapshot["open"]]}
    people.restore_unconfirmed(snapshot["unconfirmed"])
    people.moves.extend((t, stays[number], is_join) for t, number, is_join in snapshot["undecided"])
    sittings.restore(State(*snapshot["state"]), snapshot["meeting_id"])


def encode_event(event: Event) -> list[Any]:
    """Return the fields of an event in their order."""
    return [getattr(event, name) for name in _FIELDS]


def decode_event(values: Sequence[Any]) -> Event:
    """Return the event that `encode_event` encoded."""
    event = dict(zip(_FIELDS, values, strict=True))
    event["kind"] = Kind(event["kind"])
    event["inferred"] = None if event["inferred"] is None else Inferred(event["inferred"])
    return Event(**event)


def as_finalized(events: Iterable[Event], since: Ms, finalized: Ms) -> Iterator[Event]:
    """Yield the events after `since` as a room received them that has finalized all up to `finalized`.

    A finalized leave has already added the join that it implies (R1): the two are two events. A join at or before
    `since` is part of the state at that time. A leave after `finalized` still implies its join.
    """
    for event in events:
        if event.at > finalized or event.joined_at is None:
            yield event
        else:
            if event.joined_at > since:
                yield implied_join(event)
            yield replace(event, joined_at=None)
