"""Doors: who came and who went, told as soon as it is settled, however short they stay (R1-R3a).

Lists and counts wait until somebody's ten seconds are over (R4); whoever watches the door does not.
Where the past turns out otherwise (R15), only what a watcher has not seen is told: that somebody is
in who was thought out, that somebody is out who was thought in, that a visit ended at another time.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.rules import NEVER


class Door(NamedTuple):
    """Somebody came (`coming`) or went at `at`; `stay.leave` is None where they came.

    `late`: it was told by something that came late, and may have been told before.
    """

    at: Ms
    stay: Stay
    coming: bool
    late: bool = False


def came(stay: Stay, *, late: bool = False) -> Door:
    return Door(stay.join, stay._replace(leave=None, left_by=None), True, late)


def went(stay: Stay, leave: Ms, *, late: bool = False) -> Door:
    return Door(leave, stay, False, late)


def otherwise(before: Iterable[Stay], after: Iterable[Stay], inside: Iterable[Stay]) -> Iterator[Door]:
    """What a watcher who was told of the stays `before` must be told now that they are those `after`.

    `inside` are those who came since and are in now, whatever came before.
    """
    old, new = _by_participant(before), _by_participant(after)
    in_now = {stay.participant_id: stay for stay in inside}
    for who in sorted(old.keys() | new.keys()):
        was, now = old.get(who, {}), new.get(who, {})
        if was != now:
            since = [stay for stay in (in_now.get(who),) if stay is not None]
            yield from _otherwise([*was.values(), *since], [*now.values(), *since])


def _otherwise(was: list[Stay], now: list[Stay]) -> list[Door]:
    """The same for one participant; stays are in order of time, and only the last may last."""
    known = {stay.join: stay for stay in was}
    moved = [stay for stay in was if stay.join not in {stay.join for stay in now}]
    doors = []
    for stay in now:
        before = known.get(stay.join) or next((old for old in moved if _overlap(old, stay)), None)
        if before is None:
            doors.append(came(stay, late=True))
        if stay.leave is not None and (before is None or before.leave != stay.leave):
            doors.append(went(stay, stay.leave, late=True))
    seen_in = doors[-1].coming if doors else _lasts(was)
    if _lasts(now) and not seen_in:
        doors.append(came(now[-1], late=True))
    elif seen_in and not _lasts(now):
        gone = now[-1] if now else was[-1]._replace(leave=was[-1].join)
        doors.append(went(gone, _end(gone), late=True))
    return doors


def _lasts(stays: list[Stay]) -> bool:
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
