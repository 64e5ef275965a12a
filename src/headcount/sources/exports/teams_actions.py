"""Teams: the attendance list of 2020, which has a line for each join and leave.

The lines are in any order, and the list was downloaded during the meeting: participants without a leave were still present.
The actions are Joined before, which is the start of the download, Joined, and Left. In another language they are recognized by their
order: each participant starts with a join. Where the order leaves a doubt, the list is refused.
Must not know where the list is in the file.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from headcount.errors import BadInput
from headcount.sources.exports.api import ErrorCallback, ExportOptions, SkippedRow
from headcount.sources.exports.local_times import LocalTime, parse_local_time, time_reader
from headcount.sources.exports.reports import IDENTICAL, WITHOUT_TIMES, Row, has_time

_JOINS: Final = frozenset({"joined", "joined before"})
_LEAVES: Final = frozenset({"left"})


class Action(NamedTuple):
    """One line as text."""

    line: int
    participant: str
    word: str
    time: str


class _Report(Protocol):
    """Called with a line that gives no event, the reason, and the kind of error."""

    def __call__(self, action: Action, reason: str, kind: type[BadInput] = ...) -> None:
        """Report the line."""


class _TimedAction(NamedTuple):
    """A line with its local time."""

    at: datetime
    action: Action

    @property
    def word(self) -> str:
        return self.action.word.lower()


def action_rows(
    actions: Iterable[Action], room: str, file_name: str, options: ExportOptions, on_error: ErrorCallback
) -> list[Row]:
    """Return a row for each join: a leave belongs to the earliest join of that name without one, in order of time."""

    def report(action: Action, reason: str, kind: type[BadInput] = BadInput) -> None:
        on_error(kind(reason, where=file_name, place=f"line {action.line}"))

    timed = _timed(_with_time(actions, report), options, report)
    joins, leaves = _meaning(timed)
    rows: list[Row] = []
    open_rows: defaultdict[str, list[int]] = defaultdict(list)
    seen: set[Action] = set()
    repeated: defaultdict[str, list[Action]] = defaultdict(list)
    for _, action in sorted(timed, key=lambda item: (item.at, item.word in leaves)):
        line, participant, word, time = action
        is_repeated = action._replace(line=0) in seen
        seen.add(action._replace(line=0))
        if is_repeated:
            repeated[participant if word.lower() in joins else ""].append(action)
        elif word.lower() in joins:
            open_rows[participant].append(len(rows))
            rows.append(Row(line, room, participant, "", time, ""))
        elif word.lower() not in leaves:
            report(action, f"'{word}' is neither Joined nor Left: download it in English")
        elif open_rows[participant]:
            join = open_rows[participant].pop(0)
            rows[join] = rows[join]._replace(leave=time)
        elif repeated[participant]:  # so the repeated join was of another device
            other = repeated[participant].pop(0)
            rows.append(Row(other.line, room, participant, "", other.time, time))
        else:
            report(action, f"'{participant}' left, but has no join")
    for action in (action for of_participant in repeated.values() for action in of_participant):
        report(action, IDENTICAL, SkippedRow)
    return rows


def _with_time(actions: Iterable[Action], report: _Report) -> Iterator[Action]:
    """Return the lines with a time; the others are skipped."""
    for action in actions:
        if has_time(action.time):
            yield action
        else:
            report(action, WITHOUT_TIMES, SkippedRow)


def _timed(actions: Iterable[Action], options: ExportOptions, report: _Report) -> list[_TimedAction]:
    """Return the lines with a time; the others are reported."""
    parsed: list[tuple[Action, LocalTime]] = []
    timed: list[_TimedAction] = []
    for action in actions:
        try:
            parsed.append((action, parse_local_time(action.time)))
        except BadInput as error:
            report(action, error.reason)
    day_first = time_reader((time for _, time in parsed), options).day_first
    for action, time in parsed:
        try:
            timed.append(_TimedAction(time.to_datetime(day_first=day_first), action))
        except BadInput as error:
            report(action, error.reason)
    return timed


def _meaning(timed: Sequence[_TimedAction]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words for joins and for leaves. Raise `BadInput` if neither they nor their order are clear."""
    words = {item.word for item in timed}
    if not words or words & (_JOINS | _LEAVES):
        return _JOINS, _LEAVES
    of_participants: defaultdict[str, list[str]] = defaultdict(list)
    distinct = {item.action._replace(line=0): item for item in timed}.values()
    for item in sorted(distinct, key=lambda item: item.at):
        of_participants[item.action.participant].append(item.word)
    joins = frozenset(words_in_order[0] for words_in_order in of_participants.values())
    leaves = frozenset(words - joins)
    alternate = all(
        (word in leaves) == bool(at % 2)
        for words_in_order in of_participants.values()
        for at, word in enumerate(words_in_order)
    )
    if not alternate or len(leaves) > 1 or not _are_all_joins(timed, joins):
        raise BadInput(
            f"has actions such as '{timed[0].action.word}', which are neither Joined nor Left, and their order does not show"
            " which of them are joins. Download it in English"
        )
    return joins, leaves


def _are_all_joins(timed: Sequence[_TimedAction], joins: frozenset[str]) -> bool:
    """Return whether words with which participants start can only be Joined and Joined before, which has one time, the first."""
    first = min(item.at for item in timed)
    later = {item.word for item in timed if item.word in joins and item.at > first}
    return len(later) == 1 and len(joins) <= 2
