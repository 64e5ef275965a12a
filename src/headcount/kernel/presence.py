"""Presence changes: joins and leaves published as soon as they are final, however short the stay (R1-R3a).

Responsible for the presence changes of live subscribers, who do not wait the ten seconds of R4, and for the
changes that correct what they have seen where a late event changes the past (R15). Must not know whether a stay
counts.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.rules import NEVER

Move = tuple[Ms, OpenStay, bool]
"""A time, a stay, and whether it opens (or closes) at that time."""


class PresenceChange(NamedTuple):
    """A join (`is_join`) or a leave at `at` ms; `stay.leave` is None for a join.

    `late`: a late event caused it, so it may repeat a change that was published before.
    """

    at: Ms
    stay: Stay
    is_join: bool
    late: bool = False


def joined(stay: Stay, *, late: bool = False) -> PresenceChange:
    """Return the join of `stay`."""
    if stay.leave is not None:
        stay = stay._replace(leave=None, left_by=None)
    return PresenceChange(stay.join, stay, True, late)


def left(stay: Stay, leave: Ms, *, late: bool = False) -> PresenceChange:
    """Return the leave of `stay` at `leave` ms."""
    return PresenceChange(leave, stay, False, late)


def resolved(changes: Iterable["Move | PresenceChange"]) -> Iterator[PresenceChange]:
    """Yield all changes as presence changes. Most are moves of reported events, because few are ever published."""
    for change in changes:
        if isinstance(change, PresenceChange):
            yield change
            continue
        at, stay, is_join = change
        if is_join:
            names = stay.names if stay.joined_as is None else stay.joined_as
            yield joined(Stay(stay.participant_id, stay.join, None, None, *names))
        else:
            yield left(stay.to_stay(), at)


def presence_corrections(
    before: Iterable[Stay], after: Iterable[Stay], open_now: Iterable[Stay]
) -> Iterator[PresenceChange]:
    """Yield what a subscriber who knows the stays `before` needs to know the stays `after`.

    `open_now` are the stays that are open now, whatever their participants did before.
    """
    old, new = _by_participant(before), _by_participant(after)
    open_by_participant = {stay.participant_id: stay for stay in open_now}
    for participant_id in sorted(old.keys() | new.keys()):
        was, now = old.get(participant_id, {}), new.get(participant_id, {})
        if was != now:
            since = [stay for stay in (open_by_participant.get(participant_id),) if stay is not None]
            yield from _corrections([*was.values(), *since], [*now.values(), *since])


def _corrections(was: list[Stay], now: list[Stay]) -> list[PresenceChange]:
    """Return the corrections for one participant; stays are in order of time, and only the last may be open."""
    known = {stay.join: stay for stay in was}
    moved = [stay for stay in was if stay.join not in {stay.join for stay in now}]
    changes = []
    for stay in now:
        before = known.get(stay.join) or next((old for old in moved if _overlap(old, stay)), None)
        if before is None:
            changes.append(joined(stay, late=True))
        if stay.leave is not None and (before is None or before.leave != stay.leave):
            changes.append(left(stay, stay.leave, late=True))
    seen_open = changes[-1].is_join if changes else _ends_open(was)
    if _ends_open(now) and not seen_open:
        changes.append(joined(now[-1], late=True))
    elif seen_open and not _ends_open(now):
        last = now[-1] if now else was[-1]._replace(leave=was[-1].join)
        changes.append(left(last, _end(last), late=True))
    return changes


def _ends_open(stays: list[Stay]) -> bool:
    return bool(stays) and stays[-1].leave is None


def _overlap(one: Stay, other: Stay) -> bool:
    return one.join <= _end(other) and other.join <= _end(one)


def _end(stay: Stay) -> Ms:
    return NEVER if stay.leave is None else stay.leave


def _by_participant(stays: Iterable[Stay]) -> dict[str, dict[Ms, Stay]]:
    found: dict[str, dict[Ms, Stay]] = {}
    for stay in stays:
        found.setdefault(stay.participant_id, {})[stay.join] = stay
    return found
