"""Tools: the questions that agents can ask, each with its answer, a short text, and how sure it is.

Responsible for parameters, limits, masking and pages. Must not know transports, nor how a caller is authenticated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from headcount.client import AsyncClient, ExpectedUser, NotFound
from headcount.client.models import Meeting, Participant, RoomStay
from headcount.client.reports import Usage, UsageByRoom, UsageByValue
from headcount.mcp_server import answers
from headcount.mcp_server.certainty import STALE_S, Examined, certainty, examined, time_text
from headcount.mcp_server.explanation import end_of, explanation_of
from headcount.mcp_server.forms import meeting_summary, optional_time, past_stay, person_fields, present_stay
from headcount.mcp_server.masking import Names, shorten
from headcount.mcp_server.parameters import (
    TIME,
    At,
    End,
    Expected,
    Limit,
    MeetingId,
    Page,
    PersonId,
    Room,
    Start,
    day_of,
    offset_of,
    time_of,
    user_id_of,
)

_EXAMINED: Final = 1_000
"""Stays that are read to judge how sure an answer is."""
_SHOWN: Final = 10
"""People whose labels are in the short text."""


@dataclass(frozen=True, slots=True)
class Session:
    """The caller of a tool: a client with the caller's API key, and how people are named for this key."""

    client: AsyncClient
    names: Names


class Tools:
    """The tools. `session` returns the caller of a request, or raises `ToolError`."""

    def __init__(self, session: Callable[[Context[Any, Any]], Awaitable[Session]]) -> None:
        self._session = session

    async def who_is_in_room(
        self, ctx: Context[Any, Any], room: Room, limit: Limit = 50
    ) -> Annotated[CallToolResult, answers.RoomNow]:
        """Who is in a room right now, since when, and in total how many.

        Use it for questions about this moment. For a past moment use who_was_in_room_at.
        """
        caller = await self._session(ctx)
        presence, known = await asyncio.gather(
            caller.client.get_room_presence(room, limit=_EXAMINED, include_attributes=caller.names.shown),
            _is_known(caller.client, room),
        )
        shown = presence.data[:limit]
        stale = sum(one.duration > STALE_S for one in presence.data)
        answer = answers.RoomNow(
            room=room,
            asked_at=_now(),
            known=known,
            total_count=presence.total_count,
            people=[present_stay(caller.names, one) for one in shown],
            truncated=len(shown) < presence.total_count,
            certainty=certainty(presence.meta, None, presence.total_count, Examined(possibly_stale=stale)),
        )
        text = f"{_number(presence.total_count, 'person', 'people')} in the room {_quoted(room)} now"
        return _result(answer, f"{text}{_listed(answer.people)}.{_unknown(known=known)}")

    async def who_was_in_room_at(
        self,
        ctx: Context[Any, Any],
        room: Room,
        at: At,
        until: Annotated[
            str | None,
            Field(
                description=f"With it, everyone who was there between `at` and `until`. {TIME}",
                max_length=64,
            ),
        ] = None,
        limit: Limit = 50,
    ) -> Annotated[CallToolResult, answers.RoomThen]:
        """Who was in a room at a past moment, or at any time during a period, with the times of each stay.

        Stays of less than 10 seconds are not listed: they do not count.
        """
        caller = await self._session(ctx)
        start, end = time_of("at", at), None if until is None else time_of("until", until)
        client, shows = caller.client, caller.names.shown
        past = (
            client.get_room_presence_at(room, start, limit=_EXAMINED, include_attributes=shows)
            if end is None
            else client.get_room_presence_between(room, start, end, limit=_EXAMINED, include_attributes=shows)
        )
        presence, known = await asyncio.gather(past, _is_known(client, room))
        shown = presence.data[:limit]
        answer = answers.RoomThen(
            room=room,
            start=time_text(presence.at or presence.from_ or start),
            end=time_text(presence.at or presence.to or end or start),
            known=known,
            total_count=presence.total_count,
            people=[past_stay(caller.names, one) for one in shown],
            truncated=len(shown) < presence.total_count,
            certainty=certainty(
                presence.meta,
                end or start,
                sum(one.leave_time is None for one in presence.data),
                examined(presence.meta, presence.data),
            ),
        )
        when = f"at {answer.start}" if end is None else f"between {answer.start} and {answer.end}"
        text = f"{'Stays' if end else 'People'} in the room {_quoted(room)} {when}: {presence.total_count}"
        return _result(answer, f"{text}{_listed(answer.people)}.{_unknown(known=known)}")

    async def list_meetings(
        self,
        ctx: Context[Any, Any],
        room: Annotated[
            str | None, Field(description="Only meetings in this room.", min_length=1, max_length=512)
        ] = None,
        start: Start = None,
        end: End = None,
        ongoing: Annotated[
            bool | None, Field(description="true: only ongoing meetings; false: only ended ones.")
        ] = None,
        min_participants: Annotated[
            int | None, Field(description="Minimum peak number of participants.", ge=1)
        ] = None,
        min_duration_seconds: Annotated[int | None, Field(description="Minimum duration.", ge=0)] = None,
        order: Annotated[
            Literal["newest_first", "oldest_first"], Field(description="Order by start.")
        ] = "newest_first",
        limit: Limit = 20,
        page: Page = None,
    ) -> Annotated[CallToolResult, answers.MeetingList]:
        """Meetings that match filters: room, start, end, duration and peak number of participants.

        With `start` and `end`, meetings that overlap the period. `total_count` counts all matches on every page, so
        `limit` 1 is enough to count. Use attendance for the people of a meeting.
        """
        caller = await self._session(ctx)
        found = await caller.client.list_meetings(
            room=room,
            from_=None if start is None else time_of("start", start),
            to=None if end is None else time_of("end", end),
            ongoing=ongoing,
            min_participants=min_participants,
            min_duration=min_duration_seconds,
            order="asc" if order == "oldest_first" else "desc",
            limit=limit + 1,
            starting_after=page,
            no_participants=True,
        )
        listed, truncated = found.data[:limit], len(found.data) > limit
        answer = answers.MeetingList(
            total_count=found.total_count,
            meetings=[meeting_summary(one) for one in listed],
            truncated=truncated,
            next_page=listed[-1].id if truncated else None,
            certainty=certainty(
                found.meta, None if end is None else time_of("end", end), sum(one.ongoing for one in listed)
            ),
        )
        text = f"{_number(found.total_count, 'meeting')} in total, {len(listed)} listed."
        return _result(answer, text)

    async def explain_meeting(
        self, ctx: Context[Any, Any], meeting_id: MeetingId, limit: Limit = 50
    ) -> Annotated[CallToolResult, answers.MeetingExplanation]:
        """Why a meeting started and ended when it did: each join and leave, the rule behind it, and corrections.

        Use it if somebody doubts a meeting, its times, or who is counted.
        """
        caller = await self._session(ctx)
        found = await caller.client.explain_meeting(meeting_id)
        stays = await _stays_of(caller.client, found)
        answer = explanation_of(found, stays, caller.names, limit)
        text = f"The meeting {found.id} in the room {_quoted(found.room)}: {found.duration} s, {len(found.steps)} steps."
        if found.events_expired:
            text += " Retention has deleted its events."
        reasons = " ".join(one for one in (answer.started_because, answer.ended_because) if one)
        return _result(answer, f"{text} {reasons}".strip())

    async def attendance(
        self,
        ctx: Context[Any, Any],
        meeting_id: MeetingId,
        expected: Expected = None,
        starts_at: Annotated[str | None, Field(description=f"Scheduled start. {TIME}", max_length=64)] = None,
        ends_at: Annotated[str | None, Field(description=f"Scheduled end. {TIME}", max_length=64)] = None,
        limit: Limit = 50,
        page: Page = None,
    ) -> Annotated[CallToolResult, answers.Attendance]:
        """The people of a meeting, each with their first join, last leave, total time and part of the meeting.

        With `expected`, each has a status: present, late, left_early, partial, absent or unexpected.
        """
        caller = await self._session(ctx)
        client, offset = caller.client, offset_of(page)
        starts = None if starts_at is None else time_of("starts_at", starts_at)
        ends = None if ends_at is None else time_of("ends_at", ends_at)
        if expected:
            roster = [ExpectedUser(user_id=user_id_of(caller.names, one)) for one in expected]
            found = await client.create_attendance_report(meeting_id, roster, starts_at=starts, ends_at=ends)
        else:
            found = await client.get_attendance(meeting_id, starts_at=starts, ends_at=ends)
        stays = await _stays_of(client, found)
        shown = found.data[offset : offset + limit]
        following = offset + len(shown)
        counts = found.totals
        answer = answers.Attendance(
            meeting=meeting_summary(found),
            total_count=len(found.data),
            by_status=None
            if counts.expected is None
            else {
                name: getattr(counts, name) or 0
                for name in ("expected", "present", "late", "left_early", "partial", "absent", "unexpected")
            },
            people=[
                answers.Attendee(
                    **person_fields(caller.names, one.user_id, one.participant_id, one.user_name),
                    joined=optional_time(one.join_time),
                    left=optional_time(one.leave_time),
                    duration_seconds=one.duration,
                    attendance_ratio=one.attendance_ratio,
                    connections=one.connections,
                    status=one.status,
                )
                for one in shown
            ],
            truncated=following < len(found.data),
            next_page=str(following) if following < len(found.data) else None,
            certainty=certainty(found.meta, end_of(found), int(found.ongoing), examined(found.meta, stays)),
        )
        text = f"{_number(counts.people, 'person', 'people')} took part in the meeting {found.id} in the room {_quoted(found.room)}"
        return _result(answer, f"{text}{_listed(answer.people)}.")

    async def usage(
        self,
        ctx: Context[Any, Any],
        start: Annotated[str, Field(description=f"Start: a day like 2026-03-02, or {TIME}", max_length=64)],
        end: Annotated[
            str | None, Field(description=f"End, exclusive; a day, or {TIME} Default: now.", max_length=64)
        ] = None,
        group_by: Annotated[
            str,
            Field(
                description="`hour`, `day`, `month`, `room`, `total`; if names are shown, also `attribute.KEY`.",
                pattern=r"^(hour|day|month|room|total|attribute\..{1,256})$",
            ),
        ] = "day",
        timezone: Annotated[
            str,
            Field(
                description="IANA name of the time zone of days and hours, like Europe/Berlin.", max_length=64
            ),
        ] = "UTC",
        room: Annotated[
            str | None, Field(description="Only this room.", min_length=1, max_length=512)
        ] = None,
        limit: Limit = 50,
    ) -> Annotated[CallToolResult, answers.UsageReport]:
        """Number of meetings, total participant time and peak participants: by time, by room, or in total.

        A bucket that contains `start` or `end` counts completely. Use group_by `total` for one number.
        """
        caller = await self._session(ctx)
        found = await _usage(
            caller,
            day_of("start", start),
            None if end is None else day_of("end", end),
            group_by,
            timezone,
            room,
            limit,
        )
        totals = found.totals
        answer = answers.UsageReport(
            start=found.from_,
            end=found.to,
            timezone=found.timezone,
            group_by=group_by,
            meetings=totals.meetings,
            participant_seconds=totals.participant_seconds,
            max_participants=totals.max_participants,
            total_count=found.total_count,
            groups=[_group(one) for one in found.data[:limit]],
            truncated=found.total_count > limit,
            certainty=certainty(found.meta, datetime.fromisoformat(found.to), 0),
        )
        text = (
            f"From {found.from_} to {found.to}: {_number(totals.meetings, 'meeting')}, {totals.participant_seconds} participant-seconds,"
            f" at most {totals.max_participants} participants at once."
        )
        return _result(answer, text)

    async def person_history(
        self,
        ctx: Context[Any, Any],
        person: PersonId,
        start: Start = None,
        end: End = None,
        room: Annotated[
            str | None, Field(description="Only meetings in this room.", min_length=1, max_length=512)
        ] = None,
        limit: Limit = 20,
        page: Page = None,
    ) -> Annotated[CallToolResult, answers.PersonHistory]:
        """The meetings that a person took part in, newest first, with their join, leave and part of each meeting.

        Take the label of the person from who_is_in_room, who_was_in_room_at, attendance or explain_meeting.
        """
        caller = await self._session(ctx)
        user_id = user_id_of(caller.names, person)
        found = await caller.client.list_user_meetings(
            user_id,
            room=room,
            from_=None if start is None else time_of("start", start),
            to=None if end is None else time_of("end", end),
            limit=limit + 1,
            starting_after=page,
            no_participants=not caller.names.shown,
        )
        listed, truncated = found.data[:limit], len(found.data) > limit
        named = [one for meeting in listed for one in meeting.participants or () if one.user_id == user_id]
        answer = answers.PersonHistory(
            person=answers.Person(**person_fields(caller.names, user_id, None, _newest_name(named))),
            total_count=found.total_count,
            meetings=[
                answers.AttendedMeeting(
                    **meeting_summary(one).model_dump(),
                    joined=time_text(one.attended.join_time),
                    left=optional_time(one.attended.leave_time),
                    attended_seconds=one.attended.duration,
                    attendance_ratio=one.attended.attendance_ratio,
                )
                for one in listed
            ],
            truncated=truncated,
            next_page=listed[-1].id if truncated else None,
            certainty=certainty(
                found.meta,
                None if end is None else time_of("end", end),
                sum(one.attended.leave_time is None for one in listed),
            ),
        )
        return _result(
            answer,
            f"{answer.person.label}: {_number(found.total_count, 'meeting')} in total, {len(listed)} listed.",
        )


TOOLS: Final = {
    "who_is_in_room": "Who is in a room now",
    "who_was_in_room_at": "Who was in a room",
    "list_meetings": "List meetings",
    "explain_meeting": "Explain a meeting",
    "attendance": "Attendance of a meeting",
    "usage": "Usage",
    "person_history": "Meetings of a person",
}
"""The title of each tool by its name."""


def _result(answer: BaseModel, text: str) -> CallToolResult:
    sure: answers.Certainty = answer.certainty  # type: ignore[attr-defined]
    content = TextContent(type="text", text=f"{text} {sure.statement}")
    return CallToolResult(content=[content], structured_content=answer.model_dump(mode="json"))


async def _is_known(client: AsyncClient, room: str) -> bool:
    try:
        await client.get_room(room)
    except NotFound:
        return False
    return True


async def _stays_of(client: AsyncClient, meeting: Meeting) -> Sequence[RoomStay]:
    """Return stays in the room of a meeting while it took place, to judge how sure its end and its people are."""
    end = None if meeting.ongoing else meeting.start_time + max(meeting.duration, 1)
    found = await client.get_room_presence_between(meeting.room, meeting.start_time, end, limit=_EXAMINED)
    return found.data


async def _usage(
    caller: Session,
    start: str | datetime,
    end: str | datetime | None,
    group_by: str,
    timezone: str,
    room: str | None,
    limit: int,
) -> Usage | UsageByRoom | UsageByValue:
    client = caller.client
    match group_by:
        case "hour" | "day" | "month" | "total":
            return await client.get_usage(start, group_by=group_by, to=end, timezone=timezone, room=room)
        case "room":
            return await client.get_usage_by_room(start, to=end, timezone=timezone, room=room, limit=limit)
    if not caller.names.shown:
        raise ToolError(
            "Attributes are masked, like names: group by hour, day, month, room or total. The operator shows them with"
            " `headcount mcp --show-names`."
        )
    key = group_by.partition(".")[2]
    return await client.get_usage_by_attribute(key, start, to=end, timezone=timezone, room=room, limit=limit)


def _group(one: Any) -> answers.UsageGroup:
    name = getattr(one, "start", None) or getattr(one, "room", None) or getattr(one, "value", None)
    return answers.UsageGroup(
        group=name,
        meetings=one.meetings,
        participant_seconds=one.participant_seconds,
        max_participants=one.max_participants,
    )


def _newest_name(named: Sequence[Participant]) -> str | None:
    return next((one.user_name for one in named if one.user_name), None)


def _now() -> str:
    return time_text(datetime.now().astimezone())


def _quoted(room: str) -> str:
    return f'"{shorten(room)}"'


def _number(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"


def _listed(people: Sequence[answers.Person]) -> str:
    """Return the first people as the end of a sentence."""
    if not people:
        return ""
    first = ", ".join(one.name or one.label for one in people[:_SHOWN])
    return f": {first}, and {len(people) - _SHOWN} more" if len(people) > _SHOWN else f": {first}"


def _unknown(*, known: bool) -> str:
    return "" if known else " No event named this room: check its spelling with list_meetings."
