"""Scenarios: events in text files, with the meetings expected of them.

A title, a description, then the events, one line each; `----`; then the meetings.
Times are seconds, to the millisecond. A line, after `<time> <participant>`:

    0     Ann joins, user u-17, name Ann Smith, session s1
    60    Ann leaves, having joined at 3
    90    Ann leaves, inferred from snapshot
    100   room ends, session s1
    110   Bob joins, in lobby
    120   Cid joins, with role=host customer=acme

and, on lines of their own, `as of 45` and `rules min_stay 5, reset_alone 120`. A scenario without
`as of` is evaluated a day after its last event, and the default room is "room".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from headcount.kernel.attributes import canonical, values_of
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.meetings import Entry, Meeting
from headcount.kernel.rules import Rules
from headcount.kernel.stay_table import LeftBy
from support import TESTS


def ms(text: str) -> Ms:
    whole, _, part = text.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))


RULE = "\n----\n"
ROOM = "room"
SCENARIOS = sorted((TESTS / "scenarios").glob("*.txt"))
A_DAY = 24 * 3600 * 1000

EVENT_LINE = re.compile(
    r"(?P<at>\d+(?:\.\d{1,3})?) +(?P<who>\S+) (?P<verb>joins|leaves|ends)(?:, (?P<rest>.+))?"
)
VERBS = {"joins": Kind.JOIN, "leaves": Kind.LEAVE, "ends": Kind.END}
CLAUSES = {
    "having joined at ": ("joined_at", ms),
    "inferred from ": ("inferred", Inferred),
    "session ": ("source_session", str),
    "user ": ("user_id", str),
    "name ": ("user_name", str),
    "in ": ("room", str),
    "with ": ("attributes", lambda text: canonical(dict(pair.split("=") for pair in text.split()))),
}
LEFT_BY_TEXTS = {
    LeftBy.REPORTED: "left",
    LeftBy.ROOM_ENDED: "the room ended",
    LeftBy.SNAPSHOT: "missing (snapshot)",
    LeftBy.TIMEOUT: "given up (timeout)",
    LeftBy.ROOM_RESTARTED: "swept out (room_restarted)",
}


class ScenarioError(ValueError):
    """A scenario with a syntax error."""


@dataclass(frozen=True)
class Scenario:
    """The events and rules of a scenario, its `as of` time, and the expected meetings."""

    title: str
    events: tuple[Event, ...]
    rules: Rules
    as_of: Ms
    has_as_of: bool
    """Whether the scenario has an `as of` line."""
    expected: str

    def format(self, meetings: Iterable[Meeting]) -> str:
        return format_meetings(meetings, as_of=self.as_of if self.has_as_of else None)


def parse(text: str) -> Scenario:
    story, _, expected = text.partition(RULE)
    paragraphs = re.split(r"\n\s*\n", story.strip())
    if len(paragraphs) < 3:
        raise ScenarioError("a scenario has a title, a description and events, with blank lines between")
    events, rules, asked = _script(paragraphs[-1])
    if not events:
        raise ScenarioError("a scenario needs events")
    as_of = max(event.at for event in events) + A_DAY if asked is None else asked
    return Scenario(paragraphs[0], tuple(events), rules, as_of, asked is not None, expected.strip("\n"))


def with_expected(text: str, expected: str) -> str:
    """Return the text of a scenario with other expected meetings."""
    story, _, _ = text.partition(RULE)
    return f"{story.rstrip()}\n{RULE.lstrip()}{expected}\n"


def format_meetings(meetings: Iterable[Meeting], *, as_of: Ms | None = None) -> str:
    """Return meetings as text; `as_of` yields the duration of an ongoing one."""
    lines: list[str] = []
    for room, group in groupby(meetings, key=lambda meeting: meeting.room):
        if room != ROOM:
            lines.append(f"in {room}:")
        for meeting in group:
            lines += _meeting(meeting, as_of)
    return "\n".join(lines) or "no meeting"


def seconds(time: Ms) -> str:
    whole, part = divmod(time, 1000)
    return f"{whole}.{part:03}".rstrip("0").rstrip(".")


def _script(lines: str) -> tuple[list[Event], Rules, Ms | None]:
    events, rules, asked = [], Rules(), None
    for line in lines.splitlines():
        if line.startswith("as of "):
            asked = ms(line.removeprefix("as of "))
        elif line.startswith("rules "):
            rules = _rules(line.removeprefix("rules "))
        else:
            events.append(_event(line))
    return events, rules, asked


def _rules(text: str) -> Rules:
    changed = dict(rule.split() for rule in text.split(", "))
    return Rules(**{f"{name}_ms": ms(number) for name, number in changed.items()})


def _event(line: str) -> Event:
    found = EVENT_LINE.fullmatch(line.strip())
    if found is None:
        raise ScenarioError(f"unknown syntax: {line!r}")
    kind = VERBS[found["verb"]]
    if (kind is Kind.END) != (found["who"] == ROOM):
        raise ScenarioError(f"people join and leave, and a room ends: {line!r}")
    clauses = dict(_clause(clause) for clause in found["rest"].split(", ")) if found["rest"] else {}
    who = None if kind is Kind.END else found["who"]
    return Event(kind, at=ms(found["at"]), participant_id=who, **{"room": ROOM, **clauses})


def _clause(text: str) -> tuple[str, object]:
    for opening, (field, read) in CLAUSES.items():
        if text.startswith(opening):
            return field, read(text.removeprefix(opening))
    raise ScenarioError(f"unknown syntax: {text!r}")


def _meeting(meeting: Meeting, as_of: Ms | None) -> Iterator[str]:
    if meeting.end is None:
        yield f"[{seconds(meeting.start)}, ongoing) max {meeting.max_participants}"
    else:
        yield f"[{seconds(meeting.start)}, {seconds(meeting.end)}) max {meeting.max_participants}"
    rows = [(_participant(entry), _duration(entry, as_of), _left_by(entry)) for entry in meeting.participants]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for who, when, how in rows:
        yield f"    {who:{widths[0]}}  {when:{widths[1]}}  {how}"


def _participant(entry: Entry) -> str:
    attributes = " ".join(f"{key}={value}" for key, value in values_of(entry.attributes).items())
    known = [entry.user_name, entry.user_id and f"user {entry.user_id}", attributes or None]
    known = [text for text in known if text is not None]
    return f"{entry.participant_id} ({', '.join(known)})" if known else entry.participant_id


def _duration(entry: Entry, as_of: Ms | None) -> str:
    if entry.leave is not None:
        return f"{seconds(entry.join)} + {seconds(entry.leave - entry.join)}"
    if as_of is not None:
        return f"{seconds(entry.join)} + {seconds(as_of - entry.join)}"
    return f"{seconds(entry.join)} + ..."


def _left_by(entry: Entry) -> str:
    if entry.leave is None:
        return "is there"
    return "stays on" if entry.left_by is None else LEFT_BY_TEXTS[entry.left_by]
