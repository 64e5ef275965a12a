"""Together: the time during which every side of a meeting had somebody in, such as a host and a guest.

A side is a set of conditions on entries. Each side needs a person of its own: a person who fits two sides, as by two
connections with different roles, is not together with themselves. A person is a user, or a connection without a user id.
Responsible for the intervals and for whether their ends are inferred. Must not know how sides are written or how results
are shown. Times are in ms.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, combinations
from typing import Final, NamedTuple

from headcount.intervals import Interval, at_least, intersection, total_length, union
from headcount.kernel.attributes import Attributes, text_of, values_of
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import INFERRED

MAX_SIDES: Final = 4
"""Persons who fit several sides are counted for each combination of sides: more sides would take too long."""
ATTRIBUTE: Final = "attribute."
"""The beginning of the names of conditions on attributes."""

_LASTING_MS: Final[Ms] = 1


class Side(NamedTuple):
    """One side. An entry fits if it fits all conditions: it has one of their values.

    The conditions are `user_id`, `participant_id` and `attribute.KEY`. Without conditions, the side is everybody who fits
    no other side.
    """

    conditions: Mapping[str, frozenset[str]]


class SideTime(NamedTuple):
    """The time of a side, whatever the others. Both times are None without people; `last_leave` also while one is in."""

    people: int
    first_join: Ms | None
    last_leave: Ms | None
    attended_ms: Ms


class Span(NamedTuple):
    """An interval with all sides in. `end` is None if they still are.

    `is_inferred` is whether the end rests on an inferred leave: the sides were together for longer if it is wrong.
    """

    start: Ms
    end: Ms | None
    is_inferred: bool


@dataclass(frozen=True, slots=True)
class Together:
    """The sides in their order, and the disjoint spans of all of them in order, `together_ms` long."""

    sides: list[SideTime]
    spans: list[Span]
    together_ms: Ms


class RolesTogether(NamedTuple):
    """Two roles, the number of people with each, and their time together."""

    roles: tuple[str, str]
    people: tuple[int, int]
    spans: list[Span]
    together_ms: Ms


class _Stay(NamedTuple):
    """An entry: the sides that it fits, as bits, and its time. `until` is now while it lasts."""

    sides: int
    join: Ms
    until: Ms
    is_open: bool
    is_inferred: bool


_Person = list[_Stay]


def together(entries: Iterable[Entry], sides: Sequence[Side], now: Ms) -> Together:
    """Return when at least one person of each side was in. `entries` are all of a meeting, which lasts until now or ended."""
    people = _people(entries, sides, now)
    groups = _groups(people, len(sides))
    spans = _common(people, groups)
    # An end rests on some leaves if the sides are still together after it without them.
    while_open = _without_leaves(people, groups, spans, lambda stay: stay.is_open)
    without_inferred = _without_leaves(people, groups, spans, lambda stay: stay.is_open or stay.is_inferred)
    found = []
    for start, end in spans:
        is_open = _covers(while_open, end)
        found.append(Span(start, None if is_open else end, not is_open and _covers(without_inferred, end)))
    times = [_side_time(people, 1 << number) for number in range(len(sides))]
    return Together(times, found, total_length(spans))


def roles_together(entries: Sequence[Entry], most: int, now: Ms) -> list[RolesTogether]:
    """Return the time together of each two of the most frequent roles, at most `most`, which come first.

    There is none if fewer than two roles are known.
    """
    uses = Counter(entry.attributes for entry in entries)
    roles: Counter[str] = Counter()
    for attributes, times in uses.items():
        if (role := values_of(attributes).get("role")) is not None:
            roles[text_of(role)] += times
    frequent = sorted(roles, key=lambda role: (-roles[role], role))[:most]
    found = []
    for one, other in combinations(frequent, 2):
        time = together(
            entries, [Side({f"{ATTRIBUTE}role": frozenset({role})}) for role in (one, other)], now
        )
        people = (time.sides[0].people, time.sides[1].people)
        found.append(RolesTogether((one, other), people, time.spans, time.together_ms))
    return found


def _people(entries: Iterable[Entry], sides: Sequence[Side], now: Ms) -> list[_Person]:
    """Return the stays of each person who is on a side. Only such stays count as fit one."""
    fits = _matcher(sides)
    everybody_else = sum(1 << number for number, side in enumerate(sides) if not side.conditions)
    by_person: dict[tuple[bool, str], _Person] = {}
    for entry in entries:
        is_open = entry.leave is None
        until = now if entry.leave is None else entry.leave
        stay = _Stay(fits(entry), entry.join, until, is_open, entry.left_by in INFERRED)
        key = bool(entry.user_id), entry.user_id or entry.participant_id
        by_person.setdefault(key, []).append(stay)
    people = []
    for stays in by_person.values():
        own = [stay for stay in stays if stay.sides]
        if not own and everybody_else:
            own = [stay._replace(sides=everybody_else) for stay in stays]
        if own:
            people.append(own)
    return people


def _matcher(sides: Sequence[Side]) -> Callable[[Entry], int]:
    """Return the function from an entry to the sides whose conditions it fits, as bits."""
    wanted = {name for (conditions,) in sides for name in conditions if name.startswith(ATTRIBUTE)}
    of_attributes: dict[Attributes | None, Mapping[str, str]] = {None: {}}

    def fits(entry: Entry) -> int:
        known = of_attributes.get(entry.attributes)
        if known is None:
            known = of_attributes[entry.attributes] = {
                name: text_of(value)
                for key, value in values_of(entry.attributes).items()
                if (name := f"{ATTRIBUTE}{key}") in wanted
            }
        values = {"user_id": entry.user_id, "participant_id": entry.participant_id, **known}
        return sum(
            1 << number
            for number, (conditions,) in enumerate(sides)
            if conditions and all(values.get(name) in accepted for name, accepted in conditions.items())
        )

    return fits


def _groups(people: Iterable[_Person], sides: int) -> list[int]:
    """Return the groups of sides, as bits, that need as many persons as they have sides.

    If that holds for every group, each side has a person of its own (Hall's theorem). A group whose sides share no person
    needs no check of its own.
    """
    on_sides = {reduce(lambda bits, stay: bits | stay.sides, stays, 0) for stays in people}
    return [
        group
        for group in range(1, 1 << sides)
        if group.bit_count() == 1 or any((bits & group).bit_count() > 1 for bits in on_sides)
    ]


def _without_leaves(
    people: Sequence[_Person],
    groups: Sequence[int],
    spans: Sequence[Interval],
    lasts: Callable[[_Stay], bool],
) -> Sequence[Interval]:
    """Return the spans that follow if some stays, which `lasts` accepts, are a moment longer."""
    ends = {end for _, end in spans}
    if not any(stay.until in ends and lasts(stay) for stays in people for stay in stays):
        return spans
    longer = [
        [stay._replace(until=stay.until + _LASTING_MS) if lasts(stay) else stay for stay in stays]
        for stays in people
    ]
    return _common(longer, groups)


def _common(people: Sequence[_Person], groups: Iterable[int]) -> tuple[Interval, ...]:
    """Return when each group had enough persons in."""
    by_sides: dict[int, list[Interval]] = {}
    with_several: list[_Person] = []
    for stays in people:
        if len(stays) == 1:
            by_sides.setdefault(stays[0].sides, []).append(stays[0][1:3])
        else:
            with_several.append(stays)
    covered = (
        at_least(
            group.bit_count(),
            chain(
                chain.from_iterable(one for sides, one in by_sides.items() if sides & group),
                chain.from_iterable(_intervals(stays, group) for stays in with_several),
            ),
        )
        for group in groups
    )
    return reduce(intersection, covered)


def _intervals(stays: _Person, group: int) -> Sequence[Interval]:
    """Return when a person was in for one of the sides of a group: disjoint intervals."""
    return union((stay.join, stay.until) for stay in stays if stay.sides & group)


def _covers(spans: Sequence[Interval], at: Ms) -> bool:
    place = bisect_right(spans, at, key=lambda span: span[0])
    return place > 0 and at < spans[place - 1][1]


def _side_time(people: Iterable[_Person], bit: int) -> SideTime:
    on_side = [own for stays in people if (own := [stay for stay in stays if stay.sides & bit])]
    stays = [stay for own in on_side for stay in own]
    if not stays:
        return SideTime(0, None, None, 0)
    is_open = any(stay.is_open for stay in stays)
    return SideTime(
        len(on_side),
        min(stay.join for stay in stays),
        None if is_open else max(stay.until for stay in stays),
        total_length(union((stay.join, stay.until) for stay in stays)),
    )
