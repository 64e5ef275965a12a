"""Replay of one room: its meetings and changes from all its events at once.

Responsible for folding a complete history. Must not know late events or time that passes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from headcount.kernel.changes import Change
from headcount.kernel.checkpoints import Start
from headcount.kernel.events import Event, Ms, with_implied_join
from headcount.kernel.journal import FIRST_MARK
from headcount.kernel.meetings import Meeting, Stay
from headcount.kernel.refold import Stretch
from headcount.kernel.rules import Rules


def meetings_of(
    events: Iterable[Event], *, as_of: Ms, domain: str = "default", rules: Rules | None = None
) -> list[Meeting]:
    """Return the meetings of the one room of `events`, as of `as_of` ms, by start (R13, R14).

    The events may be in any order and repeated. Those after `as_of` do not exist.
    """
    return _meetings(_fold(events, as_of, domain, rules or Rules()))


def changes_of(
    events: Iterable[Event], *, as_of: Ms, domain: str = "default", rules: Rules | None = None
) -> list[Change]:
    """Return the changes that a room publishes if all `events` arrive in time, in the order of the facts."""
    stretch = _fold(events, as_of, domain, rules or Rules())
    return sorted([*stretch.changes, *stretch.sittings.undecided_leaves()], key=lambda change: change.at)


class Derived(NamedTuple):
    """The meetings of a room, all its stays, what its events changed, and how many inferred leaves were overridden.

    `counted` are the stays that count, in no order. `empty` are the times from which on
    nobody was in the room and every inferred leave was confirmed, and `is_closed` is whether that is so at the end.
    """

    meetings: list[Meeting]
    stays: list[Stay]
    changes: list[Change]
    overrides: int
    counted: list[Stay]
    is_closed: bool
    empty: list[Ms]


def derive(events: Iterable[Event], *, as_of: Ms, domain: str, rules: Rules) -> Derived:
    """Return the meetings of the one room of `events`, as `meetings_of`, with what explains them."""
    stretch = _fold(events, as_of, domain, rules)
    meetings = _meetings(stretch)
    counted = list(stretch.projection.stays.values())
    people = stretch.people
    is_closed = people.is_empty() and not people.unconfirmed
    empty = [mark.at for mark in stretch.marks if not mark.unconfirmed]
    return Derived(
        meetings, stretch.all_stays(), stretch.changes, people.overrides, counted, is_closed, empty
    )


def _meetings(stretch: Stretch) -> list[Meeting]:
    return stretch.projection.apply(stretch.sittings.undecided_leaves()).meetings(
        stretch.sittings.state.max_participants
    )


class Replay(NamedTuple):
    """All stays of a room in order of time, those that are too short included, its meetings, and the changes."""

    stays: list[Stay]
    meetings: list[Meeting]
    changes: list[Change]


def replay(events: Iterable[Event], *, as_of: Ms, rules: Rules | None = None) -> Replay:
    """Return everything that the `events` of one room lead to, as of `as_of` ms."""
    stretch = _fold(events, as_of, "default", rules or Rules())
    return Replay(stretch.all_stays(), list(stretch.meetings().values()), stretch.changes)


def _fold(events: Iterable[Event], as_of: Ms, domain: str, rules: Rules) -> Stretch:
    facts = [fact for event in events if event.at <= as_of for fact in with_implied_join(event)]
    facts.sort(key=lambda event: event.at)
    room = facts[0].room if facts else ""
    return Stretch(domain, room, rules, Start.at_mark(FIRST_MARK), facts, as_of)
