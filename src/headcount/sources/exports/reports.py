"""Reports: rows that say who came and left when, as portals give them for people to read.

They name no connection, so each row is one: it is called by who it is and when they came. Somebody who
came twice, or on two devices at once, is in two rows, and in our lists twice.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Final, NamedTuple, TypeVar

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.exports.api import ErrorCallback, ExportOptions
from headcount.sources.exports.local_times import Clock, Time, infer_clock, parse_local_time
from headcount.sources.exports.stays import Stay, stay_events
from headcount.timestamps import spoken

# A duration that is told in minutes is rounded, either way.
_ROUNDED_MS: Final[Ms] = 60_000

T = TypeVar("T")
U = TypeVar("U")


class Row(NamedTuple):
    """One row, as it is written.

    `leave` is empty where the report does not say it, `room_end` where it does not say when the meeting ended.
    """

    line: int
    room: str
    name: str
    email: str
    join: str
    leave: str
    room_end: str = ""
    lasted: Ms | None = None
    role: Role = Role.PERSON


class _Written(NamedTuple):
    """The times of a row, as they are written."""

    join: Time | Ms
    leave: Time | Ms | None


class _Span(NamedTuple):
    """The times of a row. Nobody may have said when they left."""

    join: Ms
    leave: Ms | None


class _Rows:
    """The rows of a report on their way to become stays. Those that fall behind are complained of, in their order."""

    def __init__(self) -> None:
        self._wrong: list[tuple[int, str]] = []

    def through(self, rows: Iterable[tuple[Row, T]], step: Callable[[Row, T], U]) -> list[tuple[Row, U]]:
        """The rows that can go this step."""
        kept = []
        for row, what in rows:
            try:
                kept.append((row, step(row, what)))
            except (BadInput, InvalidEvent) as error:
                self._wrong.append((row.line, str(error)))
        return kept

    def on_error(self, where: str, on_error: ErrorCallback) -> None:
        for line, reason in sorted(self._wrong):
            on_error(BadInput(reason, where=where, place=f"line {line}"))


def meeting_events(
    rows: Iterable[Row], where: str, options: ExportOptions, on_error: ErrorCallback
) -> list[ParsedEvent]:
    """What the rows of one report say."""
    rows = list(rows)
    if rows and not any(row.room for row in rows):
        raise BadInput("does not say which room it was: say it with --room NAME")
    on_their_way = _Rows()
    written = on_their_way.through(((row, None) for row in rows), _written)
    clock = infer_clock(_times(written), options)
    spans = on_their_way.through(written, lambda row, times: _span(row, times, clock))
    stays = _stays(spans, _ends(spans, clock))
    heard = on_their_way.through(stays, lambda _, stay: list(stay_events(stay)))
    on_their_way.on_error(where, on_error)
    return [one for _, all_of_it in heard for one in all_of_it]


def _written(row: Row, _: None) -> _Written:
    if not row.room:
        raise BadInput("does not say which room it was")
    if not row.name and not row.email:
        raise BadInput("says of nobody when they were in: it has neither a name nor an address")
    if not row.join:
        raise BadInput("does not say when they joined")
    return _Written(parse_local_time(row.join), parse_local_time(row.leave) if row.leave else None)


def _times(written: Iterable[tuple[Row, _Written]]) -> Iterator[Time | Ms]:
    for _, times in written:
        yield from (time for time in times if time is not None)


def _span(row: Row, times: _Written, clock: Clock) -> _Span:
    """When somebody was in. Where a time was there twice, the duration tells which one is meant."""
    joins = clock.moments(times.join)
    if times.leave is None:
        if len(joins) > 1:
            raise _there_twice(row, clock)
        return _Span(joins[0], None)
    fitting = [_Span(*both) for both in product(joins, clock.moments(times.leave)) if both[0] <= both[1]]
    if not fitting:
        raise BadInput(f"the leave, '{row.leave}', is before the join, '{row.join}'")
    agreeing = [span for span in fitting if _lasted(span, row)]
    if len(fitting) > 1 and len(agreeing) != 1:
        raise _there_twice(row, clock)
    return agreeing[0] if len(fitting) > 1 else fitting[0]


def _lasted(span: _Span, row: Row) -> bool:
    """Whether it lasted as long as its row says."""
    if row.lasted is None or span.leave is None:
        return False
    return abs(span.leave - span.join - row.lasted) <= _ROUNDED_MS


def _there_twice(row: Row, clock: Clock) -> BadInput:
    return BadInput(
        f"'{row.join}' is in an hour that was there twice in {clock.zone}, where clocks were set back:"
        " say which of both is meant by an offset, like --zone +02:00"
    )


def _ends(spans: Iterable[tuple[Row, _Span]], clock: Clock) -> dict[tuple[str, str], Ms]:
    """The last moment that the report tells of, for each meeting."""
    told: defaultdict[tuple[str, str], Ms] = defaultdict(int)
    for row, span in spans:
        meeting = (row.room, row.room_end)
        if meeting not in told:
            with suppress(BadInput):  # a report is worth reading without it
                told[meeting] = max(clock.moments(parse_local_time(row.room_end)))
        told[meeting] = max(told[meeting], span.join, span.leave or 0)
    return told


def _stays(spans: Sequence[tuple[Row, _Span]], ends: dict[tuple[str, str], Ms]) -> Iterator[tuple[Row, Stay]]:
    """Each row as a stay with a name of its own, the same whenever the report is read."""
    known: Counter[tuple[str, str, Ms]] = Counter()
    told = [(row, span, span.leave or ends[row.room, row.room_end]) for row, span in spans]
    for row, span, leave in sorted(told, key=lambda one: (one[1].join, one[2])):
        participant = row.email or row.name
        known[row.room, participant, span.join] += 1
        number = known[row.room, participant, span.join]
        again = f"/{number}" if number > 1 else ""
        yield (
            row,
            Stay(
                room=row.room,
                participant_id=f"{participant}/{spoken(span.join)}{again}",
                join=span.join,
                leave=leave,
                user_id=row.email or None,
                user_name=row.name,
                role=row.role,
                is_inferred=span.leave is None,
            ),
        )
