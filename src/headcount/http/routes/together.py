"""Together: how long the sides of a meeting, such as host and guest, were in it at the same time.

Responsible for the form of sides in the URL, and for the answer. It must not know when sides are together:
`headcount.reporting.together` does that.
"""

from typing import Annotated, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request

from headcount.http import params
from headcount.http.context import Answer, QueryContext
from headcount.http.errors import invalid
from headcount.http.operations import operation
from headcount.http.params import Param
from headcount.http.routes.meetings import MEETING_ID, REPLACED, find_meeting
from headcount.http.schemas import Count, Duration, LeaveTime, Meeting, Schema, UnixSeconds, doc
from headcount.http.serializer import Serializer, encode
from headcount.kernel.attributes import RESERVED
from headcount.reporting.together import ATTRIBUTE, MAX_SIDES, Side, SideTime, Together, together
from headcount.store.records import MeetingRow

ROLE: Final = Param(
    "role", params.TEXTS, "A side: participants with this role. Short for `attribute.role`. Repeatable.", None
)
USER_ID: Final = Param("user_id", params.TEXTS, "A side: this user. Repeatable.", None)
PARTICIPANT_ID: Final = Param("participant_id", params.TEXTS, "A side: this connection. Repeatable.", None)
OTHERS: Final = Param(
    "others", params.BOOLEAN, "`true` adds a side: everybody who is on no other side.", False
)
_ATTRIBUTES: Final = tuple(
    Param(
        f"{ATTRIBUTE}{key}",
        params.TEXTS,
        f"A side: participants with this value of the attribute `{key}`. Any other key can be given in the same way."
        " Repeatable.",
        None,
    )
    for key in RESERVED
    if key != ROLE.name
)
_SHORT: Final = tuple(param.name for param in (ROLE, USER_ID, PARTICIPANT_ID))

Conditions = dict[str, list[str]]
"""The accepted values of each condition, as requested."""


class TogetherSide(Schema):
    """The time of one side, whatever the others."""

    name: Annotated[str, doc("The name of the side in the request; else the value of its condition.")]
    conditions: Annotated[
        dict[str, list[str]], doc("The accepted values of each condition. Empty for `others`.")
    ]
    people: Annotated[Count, doc("Number of persons: users, and connections whose user is unknown.")]
    join_time: Annotated[
        UnixSeconds | None, doc("Time of the first join, in unix seconds; `null` without people.")
    ]
    leave_time: LeaveTime
    duration: Annotated[Duration, doc("Time with at least one of them in the meeting, in seconds.")]


class TogetherInterval(Schema):
    """An interval during which all sides were in the meeting."""

    start_time: Annotated[UnixSeconds, doc("Start, in unix seconds.")]
    end_time: Annotated[UnixSeconds | None, doc("End, in unix seconds; `null` while all sides are in.")]
    duration: Duration
    end_inferred: Annotated[
        bool,
        doc("Whether the end rests on an inferred leave, whose time is less certain than a reported one."),
    ]


class TogetherTime(Schema):
    """The time during which all sides were in the meeting. `duration` is rounded once, not for each interval."""

    start_time: Annotated[
        UnixSeconds | None, doc("Start of the first interval; `null` if the sides were never together.")
    ]
    end_time: Annotated[UnixSeconds | None, doc("End of the last interval; `null` while all sides are in.")]
    duration: Duration
    intervals: list[TogetherInterval]


class MeetingTogether(Meeting):
    """A meeting, its sides in the order of the request, and their time together."""

    sides: list[TogetherSide]
    together: TogetherTime


@operation(
    "GET", "/meetings/{id}/together", "getTimeTogether", "Get the time together", MeetingTogether,
    tag="Meetings", params=(MEETING_ID, ROLE, USER_ID, PARTICIPANT_ID, *_ATTRIBUTES, OTHERS), errors=(404,), headers=REPLACED,
)  # fmt: skip
def get_time_together(context: QueryContext, domain: str, request: Request) -> Answer:
    """Returns when all sides were in the meeting at the same time: 2 to 4 sides, such as `role=host&role=guest`.

    Each of `role`, `user_id`, `participant_id` and `attribute.KEY` is a side of its own. A name and a dot before them
    join conditions to one side: `clinician.role=host&clinician.role=cohost&patient.role=guest`. Values of the same
    condition are alternatives; different conditions must hold for the same stay. Each side needs a person of its own.
    """
    row, headers = find_meeting(context, domain, request)
    requested = sides_of(request.query_params)
    serializer = context.serializer()
    entries = context.meetings.entries([row])[row.id]
    found = together(entries, [_side(conditions) for _, conditions in requested], serializer.now)
    return encode(_answer(row, requested, found, serializer)), headers


OPERATIONS: Final = (get_time_together,)


def sides_of(query: QueryParams) -> list[tuple[str, Conditions]]:
    """Return the sides in a URL in its order, each with its name and conditions. Raise `ApiError` 400."""
    sides: dict[str | int | None, tuple[str, Conditions]] = {}
    for number, (param, text) in enumerate(query.multi_items()):
        if _is_condition(param):
            value = params.parse_text(param, text)
            sides[number] = value, {param: [value]}
        elif "." in param or param.startswith("attribute"):
            name, _, condition = param.partition(".")
            if not name or not _is_condition(condition):
                raise invalid(f'"{param[:99]}" must end in one of [{", ".join(_SHORT)}, {ATTRIBUTE}KEY]')
            _, conditions = sides.setdefault(name, (name, {}))
            conditions.setdefault(condition, []).append(params.parse_text(param, text))
    if OTHERS.get(query):
        sides[None] = OTHERS.name, {}
    if not 2 <= len(sides) <= MAX_SIDES:
        raise invalid(
            f"Name 2 to {MAX_SIDES} sides, for example role=host&role=guest [Received {len(sides)}]"
        )
    return list(sides.values())


def _is_condition(param: str) -> bool:
    return param in _SHORT or (param.startswith(ATTRIBUTE) and param != ATTRIBUTE)


def _side(conditions: Conditions) -> Side:
    by_name: dict[str, list[str]] = {}
    for name, values in conditions.items():
        by_name.setdefault(f"{ATTRIBUTE}role" if name == ROLE.name else name, []).extend(values)
    return Side({name: frozenset(values) for name, values in by_name.items()})


def _answer(
    row: MeetingRow, requested: list[tuple[str, Conditions]], found: Together, serializer: Serializer
) -> MeetingTogether:
    meeting = serializer.meeting(row)
    return MeetingTogether(
        meeting.id,
        meeting.room,
        meeting.start_time,
        meeting.duration,
        meeting.ongoing,
        meeting.max_participants,
        [
            _side_answer(name, conditions, time, row, serializer)
            for (name, conditions), time in zip(requested, found.sides, strict=True)
        ],
        _together_answer(found, row, serializer),
    )


def _side_answer(
    name: str, conditions: Conditions, time: SideTime, row: MeetingRow, serializer: Serializer
) -> TogetherSide:
    end = serializer.shown_end(row)
    if time.first_join is None:
        return TogetherSide(name, conditions, 0, None, None, 0)
    join = min(serializer.second(time.first_join), end)
    leave = None if time.last_leave is None else min(serializer.second(time.last_leave), end)
    duration = min(serializer.rounded(time.attended_ms), end - join)
    return TogetherSide(name, conditions, time.people, join, leave, duration)


def _together_answer(found: Together, row: MeetingRow, serializer: Serializer) -> TogetherTime:
    """Return the intervals within the meeting as it is shown, and all of them, rounded once (R12)."""
    if not found.spans:
        return TogetherTime(None, None, 0, [])
    end = serializer.shown_end(row)
    intervals = []
    for span in found.spans:
        start = min(serializer.second(span.start), end)
        stop = None if span.end is None else min(serializer.second(span.end), end)
        duration = min(serializer.duration(span.start, span.end), end - start)
        intervals.append(TogetherInterval(start, stop, duration, span.is_inferred))
    first, last = intervals[0], intervals[-1]
    duration = min(serializer.rounded(found.together_ms), end - first.start_time)
    return TogetherTime(first.start_time, last.end_time, duration, intervals)
