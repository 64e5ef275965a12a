"""Timeline: a picture of one room in the terminal.

One line for each participant, with a block where they were in; above them the meetings, below them
how many were in and a clock. A picture is for the eye: who was in for the smallest part of a
half-cell is seen in it. Exact times are in the tables. Times are UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry, Meeting

MOST_PARTICIPANTS: Final = 40
NARROWEST: Final = 30

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEIGHTS: Final = " ▁▂▃▄▅▆▇█"
_HALVES: Final = {(False, False): " ", (True, False): "▌", (False, True): "▐", (True, True): "█"}
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(seconds * 1_000 for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)
_ROOM_FOR_A_LABEL: Final = 10
_DAY_SHOWN: Final = "2026-01-31"


class _Scale(NamedTuple):
    """Which cell of a line a moment in [start, end) is in."""

    start: Ms
    end: Ms
    cells: int

    def cell(self, at: Ms, parts: int = 1) -> int:
        """The cell that holds `at`; the half-cell, if there are 2 `parts` to each."""
        many = self.cells * parts
        return min(max((at - self.start) * many // (self.end - self.start), 0), many - 1)

    def span(self, start: Ms, end: Ms, parts: int = 1) -> range:
        """The cells that [start, end) touches; none if it is outside."""
        start, end = max(start, self.start), min(end, self.end)
        return range(self.cell(start, parts), self.cell(end - 1, parts) + 1) if start < end else range(0)


def timeline(meetings: Iterable[Meeting], start: Ms, end: Ms, width: int = 80) -> list[str]:
    """A picture of the meetings of one room in [start, end) ms, as lines at most `width` cells wide.

    Who is still in at `end` is marked by an arrow. Of very many participants only the first to
    come are drawn, and the rest counted. Below `NARROWEST` cells there is no picture, so it is
    as wide as that.
    """
    end = max(end, start + 1)
    shown = [
        meeting
        for meeting in meetings
        if meeting.start < end and (meeting.end is None or meeting.end > start)
    ]
    stays = _by_participant(shown, start, end)
    labels = _labels(stays)
    people = list(_steps(stays.values(), end))
    up_to = f"up to {max((n for _, _, n in people), default=0):,}"
    not_drawn = f"and {len(stays) - MOST_PARTICIPANTS:,} more" if len(stays) > MOST_PARTICIPANTS else ""
    margin = _margin([*labels.values(), not_drawn, _DAY_SHOWN], max(width, NARROWEST))
    scale = _Scale(start, end, max(width, NARROWEST) - margin - 2)
    lines = [("meetings", _boundaries(shown, scale))]
    lines += [(labels[who], _presence(stays[who], scale)) for who in list(stays)[:MOST_PARTICIPANTS]]
    if not_drawn:
        lines.append((not_drawn, ""))
    lines.append((up_to, _head_count(people, scale)))
    lines += zip(("", _day(start)), _clock(scale), strict=True)
    return [f"{_fitted(label, margin)} {line}".rstrip() for label, line in lines]


def _by_participant(meetings: Iterable[Meeting], start: Ms, end: Ms) -> dict[str, list[Entry]]:
    """Everybody's entries that can be seen, in the order of coming."""
    seen = [
        entry
        for meeting in meetings
        for entry in meeting.participants
        if entry.join < end and (entry.leave is None or entry.leave > start)
    ]
    stays: dict[str, list[Entry]] = {}
    for entry in sorted(seen, key=lambda entry: (entry.join, entry.participant_id)):
        stays.setdefault(entry.participant_id, []).append(entry)
    return stays


def _labels(stays: dict[str, list[Entry]]) -> dict[str, str]:
    """What everybody is called: the name, with the id where several share it."""
    names = {
        who: next((entry.user_name for entry in entries if entry.user_name), None)
        for who, entries in stays.items()
    }
    told = list(names.values())
    shared = {name for name in told if told.count(name) > 1} if len(told) <= MOST_PARTICIPANTS else set(told)
    return {
        who: _printable(who if name is None else f"{name} ({who})" if name in shared else name)
        for who, name in names.items()
    }


def _margin(labels: Iterable[str], width: int) -> int:
    """How wide the labels are: no wider than they need, and never more than a third of the picture."""
    return min(max(map(cell_len, labels)), max(width // 3, len("and 12 more")))


def _fitted(label: str, margin: int) -> str:
    return (
        set_cell_size(label, margin) if cell_len(label) <= margin else f"{set_cell_size(label, margin - 1)}…"
    )


def _boundaries(meetings: Iterable[Meeting], scale: _Scale) -> str:
    """A bracket for each meeting, with its length in it if there is room."""
    cells = [" "] * scale.cells
    for meeting in meetings:
        end = scale.end if meeting.end is None else meeting.end
        span = scale.span(meeting.start, end)
        inside = _length(end - meeting.start).center(len(span) - 2, "━") if len(span) > 9 else "━" * len(span)
        cells[span.start : span.stop] = list(f"┣{inside}"[: len(span) - 1] + "┫") if len(span) > 1 else ["┃"]
        if meeting.end is None:
            cells[span.stop - 1] = "▸"
    return "".join(cells)


def _length(ms: Ms) -> str:
    return f" {timedelta(seconds=ms // 1_000)} "


def _presence(entries: Iterable[Entry], scale: _Scale) -> str:
    halves = [False] * (2 * scale.cells)
    still_in = False
    for entry in entries:
        still_in = still_in or entry.leave is None
        for half in scale.span(entry.join, scale.end if entry.leave is None else entry.leave, parts=2):
            halves[half] = True
    blocks = [_HALVES[pair] for pair in zip(halves[::2], halves[1::2], strict=True)]
    return "".join(blocks) + ("▸" if still_in else "")


def _head_count(people: Iterable[tuple[Ms, Ms, int]], scale: _Scale) -> str:
    """How many were in at most within each cell, as heights."""
    most = [0] * scale.cells
    for start, end, n in people:
        for cell in scale.span(start, end):
            most[cell] = max(most[cell], n)
    peak = max(*most, 1)
    # Rounded up: whoever is there is seen.
    return "".join(_HEIGHTS[-(-n * 8 // peak)] for n in most)


def _steps(stays: Iterable[Sequence[Entry]], end: Ms) -> Iterator[tuple[Ms, Ms, int]]:
    """From when to when how many were in."""
    moves: dict[Ms, int] = {}
    for entries in stays:
        for entry in entries:
            leave = end if entry.leave is None else entry.leave
            moves[entry.join] = moves.get(entry.join, 0) + 1
            moves[leave] = moves.get(leave, 0) - 1
    moments = sorted(moves)
    people = 0
    for start, until in zip(moments, moments[1:], strict=False):
        people += moves[start]
        yield start, until, people


def _clock(scale: _Scale) -> tuple[str, str]:
    """An axis with a tick at every round time, and what the times are."""
    step = _step(scale)
    ticks, times = ["─"] * scale.cells, [" "] * scale.cells
    for at in range(-(-scale.start // step) * step, scale.end, step):
        cell = scale.cell(at)
        ticks[cell] = "┬"
        told = _told(at, step)
        if cell + len(told) <= scale.cells:
            times[cell : cell + len(told)] = told
    return "".join(ticks), "".join(times)


def _step(scale: _Scale) -> Ms:
    """The smallest round span whose ticks stand far enough apart for their labels."""
    enough = (scale.end - scale.start) * _ROOM_FOR_A_LABEL
    return next((step for step in _STEPS if step * scale.cells >= enough), _STEPS[-1])


def _told(at: Ms, step: Ms) -> str:
    moment = _EPOCH + timedelta(milliseconds=at)
    if step >= _DAY:
        return f"{moment:%d %b}"
    return f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}"


def _day(ms: Ms) -> str:
    return f"{_EPOCH + timedelta(milliseconds=ms):%Y-%m-%d}"


def _printable(text: str) -> str:
    """Names come from anywhere, and must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
