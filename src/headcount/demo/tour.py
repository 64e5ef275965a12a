"""Demo: what the product does, on two inputs, for somebody who has just cloned it.

Genuine output of a Jitsi server, in which nobody stays for long; and a sample that is made up, in
which everything happens. It uses what any user of the library could use.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple, TextIO

import click
import pyarrow as pa
import pyarrow.compute as pc

from headcount.batch.io.terminal import show, summary_lines
from headcount.batch.one_room import read_room
from headcount.batch.sessionize import sessionize
from headcount.batch.sessions import Sessions
from headcount.demo.sample import write_sample
from headcount.errors import BadInput
from headcount.kernel.events import Event, Ms
from headcount.kernel.replay import meetings_of
from headcount.kernel.rules import Rules
from headcount.reporting.explain.room import explain_room
from headcount.reporting.terminal_timeline import timeline
from headcount.sources import jitsi
from headcount.sources.captures import parse_capture
from headcount.terminal import visible_lines

SAMPLE_EVENTS: Final = 20_000

_RULES: Final = Rules()
_ONE_SECOND: Final = Rules(min_stay_ms=1_000, start_alone_ms=1_000)
_WIDTH: Final = 100
_MOST_ENTRIES: Final = 20


def demonstrate(capture: str, sample: str, out: TextIO) -> None:
    """Print what is found in captured requests of Jitsi, and in a sample, which is made if need be."""
    _genuine(capture, out)
    _tell(out, "")
    if not Path(sample).exists():
        _make(Path(sample))
    _made_up(sample, out)


def _genuine(capture: str, out: TextIO) -> None:
    with Path(capture).open("rb") as lines:
        events = [heard.event for heard in parse_capture(lines, jitsi.SOURCE, capture)]
    if not events:
        raise BadInput("holds no events", where=capture)
    found = sessionize(_table(events))
    _tell(out, f"1. Genuine output of a Jitsi server, {capture}")
    _tell(out, "", f"By the rules as they stand, {len(found.meetings)} meetings. This is why:", "")
    _tell(out, *explain_room(events, events[0].room, found.as_of))
    _tell(out, "", "If 1 second were enough for a stay and for a sitting, there would be meetings:", "")
    show(sessionize(_table(events), rules=_ONE_SECOND), None, out)


def _make(sample: Path) -> None:
    """Make up a sample, and put it in its place when it is whole."""
    sample.parent.mkdir(parents=True, exist_ok=True)
    aside = sample.with_name(f"{sample.name}.part")
    write_sample(aside, events=SAMPLE_EVENTS)
    aside.replace(sample)


def _made_up(sample: str, out: TextIO) -> None:
    sessions = sessionize(sample)
    _tell(out, f"2. A sample, made up but realistic, {sample}", "")
    show(sessions, None, out)
    _tell(out, "", *summary_lines(sessions.summary, _RULES))
    sitting = _one_with_resets(sessions)
    if sitting is None:
        return
    _tell(out, "", f"One sitting in {sitting.room}: left alone for 10 minutes, one begins anew (rule 7)", "")
    # Worked out once more by the kernel, one event after the other: it comes out the same.
    meetings = meetings_of(read_room(sample, sitting.room).events, as_of=sessions.as_of)
    _tell(out, *timeline(meetings, sitting.start, sitting.end, _WIDTH))
    _tell(out, "", f"Its whole story: headcount explain {sample} --room {sitting.room}")


def _tell(out: TextIO, *lines: str) -> None:
    for line in lines:
        click.echo(visible_lines(line), out)


def _table(events: Iterable[Event]) -> pa.Table:
    """Events as a table, as anybody would hand them to `sessionize`."""
    names = ("room", "participant_id", "kind", "at", "user_id", "user_name", "joined_at", "inferred")
    return pa.Table.from_pylist([{name: getattr(event, name) for name in names} for event in events])


class _Sitting(NamedTuple):
    """Meetings of one room, each beginning as the one before ended; `entries` are those of all."""

    room: str
    start: Ms
    end: Ms
    meetings: int
    entries: int


def _one_with_resets(sessions: Sessions) -> _Sitting | None:
    """The sitting with the most meetings of those that are small enough to look at."""
    small = [sitting for sitting in _sittings(sessions) if sitting.entries <= _MOST_ENTRIES]
    return max(small, key=lambda sitting: (sitting.meetings, sitting.entries), default=None)


def _sittings(sessions: Sessions) -> list[_Sitting]:
    """The sittings that are over."""
    over = sessions.meetings.filter(pc.is_valid(sessions.meetings["end"]))
    rows = over.select(["room", "start", "end", "participants"])
    moments = (rows[name].cast(pa.int64()).to_pylist() for name in ("start", "end"))
    sittings: dict[tuple[str, Ms], _Sitting] = {}
    for room, start, end, entries in zip(
        rows["room"].to_pylist(), *moments, rows["participants"].to_pylist(), strict=True
    ):
        before = sittings.pop((room, start), _Sitting(room, start, end, 0, 0))
        sittings[room, end] = before._replace(
            end=end, meetings=before.meetings + 1, entries=before.entries + entries
        )
    return list(sittings.values())
