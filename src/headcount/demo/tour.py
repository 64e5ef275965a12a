"""Tour: sessionization of two inputs, for people who have just cloned the repository.

Responsible for showing real output of a Jitsi server, with short stays only, and a generated sample, in which everything
happens. Must use only what every user of the library can use.
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
from headcount.terminal import escape_controls_in_lines

SAMPLE_EVENTS: Final = 20_000

_RULES: Final = Rules()
_ONE_SECOND: Final = Rules(min_stay_ms=1_000, start_alone_ms=1_000)
_WIDTH: Final = 100
_MAX_ENTRIES: Final = 20


def demonstrate(capture: str, sample: str, out: TextIO) -> None:
    """Print the meetings in captured requests of Jitsi, and in a sample, which is generated if there is none."""
    _show_capture(capture, out)
    _print(out, "")
    if not Path(sample).exists():
        _generate(Path(sample))
    _show_sample(sample, out)


def _show_capture(capture: str, out: TextIO) -> None:
    content = Path(capture).read_bytes()
    events = [parsed.event for parsed in parse_capture(content, jitsi.SOURCE, capture)]
    if not events:
        raise BadInput("holds no events", where=capture)
    sessions = sessionize(_table(events))
    _print(out, f"1. Genuine output of a Jitsi server, {capture}")
    _print(out, "", f"By the rules as they stand, {len(sessions.meetings)} meetings. This is why:", "")
    _print(out, *explain_room(events, events[0].room, sessions.as_of))
    _print(out, "", "If 1 second were enough for a stay and for a sitting, there would be meetings:", "")
    show(sessionize(_table(events), rules=_ONE_SECOND), None, out)


def _generate(sample: Path) -> None:
    """Generate a sample, and move it to its path when it is complete."""
    sample.parent.mkdir(parents=True, exist_ok=True)
    partial = sample.with_name(f"{sample.name}.part")
    write_sample(partial, events=SAMPLE_EVENTS)
    partial.replace(sample)


def _show_sample(sample: str, out: TextIO) -> None:
    sessions = sessionize(sample)
    _print(out, f"2. A sample, generated but realistic, {sample}", "")
    show(sessions, None, out)
    _print(out, "", *summary_lines(sessions.summary, _RULES))
    sitting = _sitting_with_resets(sessions)
    if sitting is None:
        return
    _print(
        out,
        "",
        f"One sitting in {sitting.room}: left alone for 10 minutes, a new meeting starts (rule 7)",
        "",
    )
    # The kernel computes the same meetings from one event after the other.
    meetings = meetings_of(read_room(sample, sitting.room).events, as_of=sessions.as_of)
    _print(out, *timeline(meetings, sitting.start, sitting.end, _WIDTH))
    _print(out, "", f"Its explanation: headcount explain {sample} --room {sitting.room}")


def _print(out: TextIO, *lines: str) -> None:
    for line in lines:
        click.echo(escape_controls_in_lines(line), out)


def _table(events: Iterable[Event]) -> pa.Table:
    """Events as a table for `sessionize`."""
    names = ("room", "participant_id", "kind", "at", "user_id", "user_name", "joined_at", "inferred")
    return pa.Table.from_pylist([{name: getattr(event, name) for name in names} for event in events])


class _Sitting(NamedTuple):
    """Meetings of one room, each starting when the one before ended. `entries` is the number of entries of all."""

    room: str
    start: Ms
    end: Ms
    meetings: int
    entries: int


def _sitting_with_resets(sessions: Sessions) -> _Sitting | None:
    """The sitting with the most meetings, of those that are small enough to show."""
    small = [sitting for sitting in _sittings(sessions) if sitting.entries <= _MAX_ENTRIES]
    return max(small, key=lambda sitting: (sitting.meetings, sitting.entries), default=None)


def _sittings(sessions: Sessions) -> list[_Sitting]:
    """All sittings that have ended."""
    ended = sessions.meetings.filter(pc.is_valid(sessions.meetings["end"]))
    rows = ended.select(["room", "start", "end", "participants"])
    times = (rows[name].cast(pa.int64()).to_pylist() for name in ("start", "end"))
    sittings: dict[tuple[str, Ms], _Sitting] = {}
    for room, start, end, entries in zip(
        rows["room"].to_pylist(), *times, rows["participants"].to_pylist(), strict=True
    ):
        before = sittings.pop((room, start), _Sitting(room, start, end, 0, 0))
        sittings[room, end] = before._replace(
            end=end, meetings=before.meetings + 1, entries=before.entries + entries
        )
    return list(sittings.values())
