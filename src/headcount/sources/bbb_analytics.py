"""BigBlueButton: what it posts to `meta_analytics-callback-url` when a meeting is over.

It is made of the recording's events, in whole seconds. What is peculiar:

* Newer ones keep the joins and leaves of each connection, in a list or by its id; a leave is missing where somebody
  was still in at the end.
* Older ones only have those of each person. What belongs together is not said then: each leave is taken for that of the
  earliest join which has none yet, and what comes of it is called by the person and the join.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.bbb_meetings import Meeting, Span
from headcount.timestamps import spoken


class Happened(msgspec.Struct):
    """A join or a leave of a connection."""

    timestamp: str
    userid: str


class Session(msgspec.Struct):
    """The joins and leaves of a connection."""

    joins: list[Happened] = []
    lefts: list[Happened] = []


class Attendee(msgspec.Struct):
    """Somebody, with all of their connections."""

    ext_user_id: str = ""
    name: str = ""
    sessions: list[Session] | dict[str, Session] = []
    joins: list[str] = []
    leaves: list[str] = []


class Data(msgspec.Struct):
    """What is told of a meeting."""

    attendees: list[Attendee]
    finish: str


class Analytics(msgspec.Struct):
    """A meeting that is over."""

    internal_meeting_id: str
    data: Data
    meeting_id: str = ""


def meeting_of(told: Analytics) -> Meeting:
    """The meeting. Raises `BadInput` for a time that is none."""
    spans = [span for attendee in told.data.attendees for span in _spans(attendee)]
    return Meeting(
        told.meeting_id,
        told.internal_meeting_id,
        spans,
        fields.ms_from_rfc3339(told.data.finish, "data.finish"),
    )


def _spans(attendee: Attendee) -> Iterator[Span]:
    sessions = attendee.sessions if isinstance(attendee.sessions, list) else attendee.sessions.values()
    for session in sessions:
        joins = _moments([join.timestamp for join in session.joins], "joins")
        lefts = _moments([left.timestamp for left in session.lefts], "lefts")
        for joined, left in _of_a_connection(joins, lefts):
            yield Span(session.joins[0].userid, attendee.ext_user_id, attendee.name, joined, left)
    if sessions:
        return
    for joined, left in _of_a_person(_moments(attendee.joins, "joins"), _moments(attendee.leaves, "leaves")):
        connection = f"{attendee.ext_user_id or attendee.name}/{spoken(joined)}"
        yield Span(connection, attendee.ext_user_id, attendee.name, joined, left)


def _moments(texts: Sequence[str], field: str) -> list[Ms]:
    return sorted(fields.ms_from_rfc3339(text, field) for text in texts)


def _of_a_connection(joins: Sequence[Ms], lefts: Sequence[Ms]) -> Iterator[tuple[Ms, Ms | None]]:
    """From a join to the next leave; another join in between changes nothing, nor does a leave without one."""
    since = None
    for at, is_join in sorted([*((left, False) for left in lefts), *((join, True) for join in joins)]):
        if is_join:
            since = at if since is None else since
        elif since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, None


def _of_a_person(joins: Sequence[Ms], lefts: Sequence[Ms]) -> Iterator[tuple[Ms, Ms | None]]:
    """Each join and its leave, if there is one. A leave too many is of a join that nobody recorded."""
    for joined, left in zip_longest(joins, lefts):
        if joined is not None:
            yield joined, left
