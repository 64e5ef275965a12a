"""Timeline of one room as text for a terminal.

Responsible for a line for each participant, with the meetings above and the number of participants and a time axis below.
Every stay is visible, however short; exact times are in the tables. Must not know how meetings are found. Times are UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry, Meeting
from headcount.terminal import cell_width, fit
from headcount.units import format_duration

MAX_PARTICIPANTS: Final = 40
MIN_WIDTH: Final = 30

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
_CELLS_PER_LABEL: Final = 10
_SAMPLE_DAY: Final = "2026-01-31"


class _Scale(NamedTuple):
    """Positions of times in [start, end) in a line of cells."""

    start: Ms
    end: Ms
    cells: int

    def cell(self, at: Ms, parts: int = 1) -> int:
        """Return the cell of a time; the half-cell, if each cell has 2 `parts`."""
        number = self.cells * parts
        return min(max((at - self.start) * number // (self.end - self.start), 0), number - 1)

    def span(self, start: Ms, end: Ms, parts: int = 1) -> range:
        """Return the cells that overlap [start, end); none if it is outside."""
        start, end = max(start, self.start), min(end, self.end)
        return range(self.cell(start, parts), self.cell(end - 1, parts) + 1) if start < end else range(0)


def timeline(meetings: Iterable[Meeting], start: Ms, end: Ms, width: int = 80) -> list[str]:
    """Return the meetings of one room in [start, end) ms, as lines of at most `width` cells, and at least `MIN_WIDTH`.

    An arrow marks participants who are still in at `end`. Of very many participants only the first to join have a line.
    """
    end = max(end, start + 1)
    visible = [
        meeting
        for meeting in meetings
        if meeting.start < end and (meeting.end is None or meeting.end > start)
    ]
    stays = _by_participant(visible, start, end)
    labels = _labels(stays)
    counts = list(_counts(stays.values(), end))
    up_to = f"Peak {max((n for _, _, n in counts), default=0):,}"
    not_shown = f"and {len(stays) - MAX_PARTICIPANTS:,} more" if len(stays) > MAX_PARTICIPANTS else ""
    margin = _margin([*labels.values(), not_shown, _SAMPLE_DAY], max(width, MIN_WIDTH))
    scale = _Scale(start, end, max(width, MIN_WIDTH) - margin - 2)
    lines = [("Meetings", _boundaries(visible, scale))]
    lines += [
        (labels[participant], _presence(stays[participant], scale))
        for participant in list(stays)[:MAX_PARTICIPANTS]
    ]
    if not_shown:
        lines.append((not_shown, ""))
    lines.append((up_to, _count_line(counts, scale)))
    lines += zip(("", _day(start)), _time_axis(scale), strict=True)
    return [f"{fit(label, margin)} {line}".rstrip() for label, line in lines]


def _by_participant(meetings: Iterable[Meeting], start: Ms, end: Ms) -> dict[str, list[Entry]]:
    """Visible entries by participant, in order of joins."""
    entries = [
        entry
        for meeting in meetings
        for entry in meeting.participants
        if entry.join < end and (entry.leave is None or entry.leave > start)
    ]
    stays: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.join, entry.participant_id)):
        stays.setdefault(entry.participant_id, []).append(entry)
    return stays


def _labels(stays: dict[str, list[Entry]]) -> dict[str, str]:
    """Labels of participants: the name, with the id if several have the same name."""
    names = {
        participant: next((entry.user_name for entry in entries if entry.user_name), None)
        for participant, entries in stays.items()
    }
    values = list(names.values())
    if len(values) <= MAX_PARTICIPANTS:
        ambiguous = {name for name in values if values.count(name) > 1}
    else:
        ambiguous = set(values)
    return {
        participant: _printable(
            participant if name is None else f"{name} ({participant})" if name in ambiguous else name
        )
        for participant, name in names.items()
    }


def _margin(labels: Iterable[str], width: int) -> int:
    """The width of the labels: as wide as the widest, and at most a third of the whole."""
    return min(max(map(cell_width, labels)), max(width // 3, len("and 12 more")))


def _boundaries(meetings: Iterable[Meeting], scale: _Scale) -> str:
    """A bracket for each meeting, with its duration if there is space."""
    cells = [" "] * scale.cells
    for meeting in meetings:
        end = scale.end if meeting.end is None else meeting.end
        span = scale.span(meeting.start, end)
        inside = (
            _duration(end - meeting.start).center(len(span) - 2, "━") if len(span) > 9 else "━" * len(span)
        )
        cells[span.start : span.stop] = list(f"┣{inside}"[: len(span) - 1] + "┫") if len(span) > 1 else ["┃"]
        if meeting.end is None:
            cells[span.stop - 1] = "▸"
    return "".join(cells)


def _duration(ms: Ms) -> str:
    return f" {format_duration(ms)} "


def _presence(entries: Iterable[Entry], scale: _Scale) -> str:
    halves = [False] * (2 * scale.cells)
    still_in = False
    for entry in entries:
        still_in = still_in or entry.leave is None
        for half in scale.span(entry.join, scale.end if entry.leave is None else entry.leave, parts=2):
            halves[half] = True
    blocks = [_HALVES[pair] for pair in zip(halves[::2], halves[1::2], strict=True)]
    return "".join(blocks) + ("▸" if still_in else "")


def _count_line(counts: Iterable[tuple[Ms, Ms, int]], scale: _Scale) -> str:
    """The peak of participants in each cell, as blocks of different height."""
    peaks = [0] * scale.cells
    for start, end, n in counts:
        for cell in scale.span(start, end):
            peaks[cell] = max(peaks[cell], n)
    largest = max(*peaks, 1)
    # Rounded up, so that one participant is visible.
    return "".join(_HEIGHTS[-(-n * 8 // largest)] for n in peaks)


def _counts(stays: Iterable[Sequence[Entry]], end: Ms) -> Iterator[tuple[Ms, Ms, int]]:
    """Yield intervals and the number of participants in each."""
    moves: dict[Ms, int] = {}
    for entries in stays:
        for entry in entries:
            leave = end if entry.leave is None else entry.leave
            moves[entry.join] = moves.get(entry.join, 0) + 1
            moves[leave] = moves.get(leave, 0) - 1
    times = sorted(moves)
    number = 0
    for start, until in zip(times, times[1:], strict=False):
        number += moves[start]
        yield start, until, number


def _time_axis(scale: _Scale) -> tuple[str, str]:
    """The axis with a tick at every round time, and the labels of the ticks."""
    step = _step(scale)
    ticks, labels = ["─"] * scale.cells, [" "] * scale.cells
    for at in range(-(-scale.start // step) * step, scale.end, step):
        cell = scale.cell(at)
        ticks[cell] = "┬"
        text = _tick_label(at, step)
        if cell + len(text) <= scale.cells:
            labels[cell : cell + len(text)] = text
    return "".join(ticks), "".join(labels)


def _step(scale: _Scale) -> Ms:
    """The smallest round duration between ticks that leaves enough space for their labels."""
    min_ms_cells = (scale.end - scale.start) * _CELLS_PER_LABEL
    return next((step for step in _STEPS if step * scale.cells >= min_ms_cells), _STEPS[-1])


def _tick_label(at: Ms, step: Ms) -> str:
    when = _EPOCH + timedelta(milliseconds=at)
    if step >= _DAY:
        return f"{when:%d %b}"
    return f"{when:%H:%M:%S}" if step < _MINUTE else f"{when:%H:%M}"


def _day(ms: Ms) -> str:
    return f"{_EPOCH + timedelta(milliseconds=ms):%Y-%m-%d}"


def _printable(text: str) -> str:
    """The text without control characters: names come from anywhere, and must not control the terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
