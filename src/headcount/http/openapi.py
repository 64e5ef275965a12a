"""Openapi: the routes that answer, as an OpenAPI 3.1 document.

Parameters are those of `params.py`, so what is described is what is read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headcount.http import params
from headcount.http.params import Param
from headcount.reporting.roster import Status
from headcount.sources.api import Role

Schema = dict[str, Any]

TITLE: Final = "Headcount"
ABOUT: Final = (
    "Who was in the room, when, and for how long. The meeting and presence routes answer as Daily's do; what"
    " is not in Daily's API says so. Times are unix seconds, rounded down, unless they are written out."
)
_ERRORS: Final = {
    "400": "The request makes no sense, or no API key was sent",
    "401": "The API key is not valid",
    "403": "The API key may not do this",
    "404": "There is no such thing",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "The body is no text, or is packed",
    "429": "Too many requests with this key",
    "500": "Something went wrong on our side",
    "503": "The store cannot be reached just now",
}
_EVERYWHERE: Final = ("400", "401", "403", "429", "500", "503")


def document(prefix: str, version: str, extra_paths: Mapping[str, Any]) -> dict[str, Any]:
    """The document of all routes beneath `prefix`: those that answer, and `extra_paths`, in its own form.

    The keys of `extra_paths` are paths without the prefix.
    """
    paths = {**_paths(), **extra_paths}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version, "description": ABOUT, "license": _LICENSE},
        "servers": [{"url": prefix or "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": {code: _error(told) for code, told in _ERRORS.items()},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key with the scope `read`.",
                },
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "token",
                    "description": "The same, for a stream that a browser's `EventSource` reads.",
                },
            },
        },
    }


def operation(
    name: str, summary: str, told: str, answer: Schema, *, also: Iterable[str] = (), **more: Any
) -> dict[str, Any]:
    """One operation: what it is called, what it is for, and the schema of its answer."""
    responses = {
        "200": {
            "description": "OK",
            "content": {"application/json": {"schema": answer}},
            **more.pop("ok", {}),
        }
    }
    for code in sorted({*_EVERYWHERE, *also}):
        responses[code] = {"$ref": f"#/components/responses/{code}"}
    return {"operationId": name, "summary": summary, "description": told, **more, "responses": responses}


def ref(name: str) -> Schema:
    """A schema of the document by name."""
    return {"$ref": f"#/components/schemas/{name}"}


_LICENSE: Final = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_MOVED: Final = {
    "headers": {
        "Content-Location": {
            "description": "Where the meeting is, if a correction gave it another id than the one asked for.",
            "schema": {"type": "string"},
        }
    }
}
_ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The id of a meeting. One that a correction replaced leads to the meeting that took its place.",
    "schema": {"type": "string", "minLength": 1},
}
_ROOM: Final = {
    "name": "room",
    "in": "path",
    "required": True,
    "description": "The name of a room, percent-encoded.",
    "schema": {"type": "string", "minLength": 1},
}


_USER_ID: Final = {
    "name": "user",
    "in": "path",
    "required": True,
    "description": "The id of a user, percent-encoded.",
    "schema": {"type": "string", "minLength": 1},
}


def _paths() -> dict[str, Any]:
    return {
        "/meetings": _get(
            "meetings", "Meetings, newest first",
            "A page of the meetings that the filters let through. `total_count` counts all of them, on every page.",
            ref("Meetings"), asks=params.MEETINGS,
        ),
        "/meetings/{id}": _get(
            "meeting", "One meeting", "The meeting without its participants.", ref("Meeting"), _ID,
            also=("404",), ok=_MOVED,
        ),
        "/meetings/{id}/participants": _get(
            "participants", "Who took part in a meeting",
            "A page of those who took part, by `join_time`. When nobody is left the answer is 404.",
            ref("Participants"), _ID, asks=params.PARTICIPANTS, also=("404",), ok=_MOVED,
        ),
        "/meetings/{id}/explain": _get(
            "explain", "Why a meeting is as it is",
            "Why it began and ended, what was void, ignored and corrected, each by its rule, and the events"
            " behind it. Not in Daily's API.",
            ref("Explanation"), _ID, also=("404",), ok=_MOVED,
        ),
        "/meetings/{id}/attendance": {
            **_get(
                "attendance", "The attendance list of a meeting",
                "A line for each person: a user, or a connection of whose user nothing is known. With `expected`, what became of"
                " everybody. Not in Daily's API.",
                ref("AttendanceList"), _ID, asks=params.ATTENDANCE, also=("404",), ok=_MOVED,
            ),
            "post": operation(
                "attendance-of-roster", "The attendance list of a meeting, by a roster",
                "The same with a long roster, and with names of those who never came. The scope `read` is enough.",
                ref("AttendanceList"), parameters=[_ID], tags=["reading"], also=("404", "408", "413", "415"), ok=_MOVED,
                requestBody={"required": True, "content": {"application/json": {"schema": ref("Roster")}}},
            ),
        },
        "/users/{user}/meetings": _get(
            "user-meetings", "The meetings of a user",
            "As `/meetings`, for the user whose id is in the path, and in each what part they had: when they first came,"
            " last left, and were there in all, whatever they came with. Not in Daily's API.",
            ref("UserMeetings"), _USER_ID, asks=params.USER_MEETINGS,
        ),
        "/usage": _get(
            "usage", "How much was met",
            "Meetings that began, the time of all people in meetings, and the most at once, by hours, days or months of a zone,"
            " or by rooms. Not in Daily's API.",
            ref("Usage"), asks=params.USAGE,
        ),
        "/concurrency": _get(
            "concurrency", "How many were in at once",
            "The most at once, the moment when it was first reached, and the mean, by hours or days of a zone."
            " Not in Daily's API.",
            ref("Concurrency"), asks=params.CONCURRENCY,
        ),
        "/presence": _get(
            "presence", "Who is in now, by room",
            "A room in which nobody is has no key.",
            {"type": "object", "additionalProperties": {"type": "array", "minItems": 1, "items": ref("Present")}},
        ),
        "/rooms/{room}/presence": _get(
            "room-presence", "Who is in a room now",
            "`total_count` counts those whom `userId` and `userName` let through, whatever the limit. Nobody is in"
            " a room that is not known.",
            ref("RoomPresence"), _ROOM, asks=params.ROOM_PRESENCE,
        ),
        "/rooms/{room}/at": _get(
            "room-at", "Who was in a room at a moment",
            "With `from` and `to` instead of `time`: everybody who was in for some of that time. What is to come"
            " is not known: a later moment is taken as now. Not in Daily's API.",
            ref("Attendance"), _ROOM, asks=params.ROOM_AT,
        ),
        "/health/rooms": _get(
            "listQuarantinedRooms", "List quarantined rooms",
            "Rooms whose events could not be processed. Their events are stored, other rooms are not affected, and"
            " Headcount tries again at `retry_at`. At most 1,000 rooms. Headcount extension.",
            ref("QuarantinedRooms"),
        ),
    }  # fmt: skip


def _get(
    name: str,
    summary: str,
    told: str,
    answer: Schema,
    *path: Schema,
    asks: Iterable[Param[Any, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    parameters = [*path, *map(query, asks)]
    return {"get": operation(name, summary, told, answer, parameters=parameters, tags=["reading"], **more)}


def query(param: Param[Any, Any]) -> Schema:
    """A parameter as the document has it."""
    return {"name": param.name, "in": "query", "description": param.says, "schema": param.schema}


def _error(told: str) -> Schema:
    return {"description": told, "content": {"application/json": {"schema": ref("Error")}}}


# Schemas.


def _object(told: str, optional: Iterable[str] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": told,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _is(told: str, kind: str = "string", **more: Any) -> Schema:
    return {"type": kind, "description": told, **more}


def _or_null(told: str, kind: str = "string", **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": told, **more}


def _list(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


_COUNT: Final = {"type": "integer", "minimum": 0}
_SECONDS: Final = _is("Seconds, rounded down; until now, while it lasts.", "integer", minimum=0)
_SHARE: Final = _is("From 0 to 1, rounded down to four digits.", "number", minimum=0, maximum=1)
_USER: Final = _or_null("The user's id, if it is known.", minLength=1)
_NAME: Final = _or_null("The name shown, if it is known.", minLength=1)
_MOMENT: Final = _is("A moment in UTC, with milliseconds.", format="date-time")
_LEFT_BY: Final = _or_null(
    "How the stay ended; `null` while it lasts.",
    enum=["reported", "room_ended", "snapshot", "timeout", "superseded", None],
)


def _schemas() -> dict[str, Schema]:
    return {
        **_meeting_schemas(),
        **_attendance_schemas(),
        **_usage_schemas(),
        **_presence_schemas(),
        **_explain_schemas(),
    }


def _usage_schemas() -> dict[str, Schema]:
    bucket = {
        "start": _is("Where it begins, as clocks of the zone show it, with the offset.", format="date-time"),
        "start_time": _is("The same in unix seconds.", "integer"),
        "length": _is("How long it is, in seconds.", "integer", minimum=1),
    }
    used = {
        "meetings": _is("How many meetings began in it.", "integer", minimum=0),
        "participant_seconds": _is(
            "The time of all people in meetings, in seconds, rounded down once.", "integer", minimum=0
        ),
    }
    most = {"max_participants": _is("How many were in meetings at once, at most.", "integer", minimum=0)}
    crowd = {
        **most,
        "max_at": {
            **_MOMENT,
            "type": ["string", "null"],
            "description": "When first so many were; `null` if nobody was.",
        },
        "mean": _is(
            "How many were in on the mean, up to now; to four digits, rounded down.", "number", minimum=0
        ),
    }
    heading = {
        "timezone": _is("The zone."),
        "group": _is("What is told together."),
        "from": _is("Where the first bucket begins.", format="date-time"),
        "to": _is("Where the last one ends.", format="date-time"),
    }
    return {
        "UsageBucket": _object("What was met in a time.", **bucket, **used, **most),
        "UsageOfRoom": _object("What was met in a room.", room=_is("The name of the room."), **used, **most),
        "Usage": _object(
            "How much was met: by time in order, or by room, most time first, 10,000 rooms at most.",
            **heading,
            totals=_object("All of it.", **used, **most),
            total_count=_COUNT,
            data={"type": "array", "items": {"anyOf": [ref("UsageBucket"), ref("UsageOfRoom")]}},
        ),
        "ConcurrencyBucket": _object("How many were in at once.", **bucket, **crowd),
        "Concurrency": _object(
            "How many were in at once, in order of time.",
            **heading, totals=_object("Of all of it.", **crowd), total_count=_COUNT, data=_list("ConcurrencyBucket"),
        ),
    }  # fmt: skip


def _attendance_schemas() -> dict[str, Schema]:
    heading = _meeting_schemas()["Meeting"]["properties"]
    statuses = [str(status) for status in Status]
    fields = {param.name: param.schema for param in params.ATTENDANCE}
    expected = _object(
        "Somebody who was expected.",
        optional=["user_name"],
        user_id=_is("Who.", minLength=1),
        user_name=_or_null("Their name."),
    )
    return {
        "Roster": _object(
            "Who was expected, when, and what is asked of them: as the parameters of GET.",
            optional=["starts_at", "ends_at", "threshold", "late_after", "early_before"],
            expected={
                "type": "array", "maxItems": 10_000,
                "items": {"anyOf": [expected, _is("The id of a user.", minLength=1)]},
            },
            **{name: schema for name, schema in fields.items() if name != "expected"},
        ),
        "AttendanceList": _object(
            "Who was in a meeting, by their first join; then those who were expected and never came.",
            **heading,
            starts_at=_MOMENT, ends_at=_MOMENT,
            totals=_object(
                "How many people came; with `expected`, how many were expected, and how many have each status.",
                optional=["expected", *statuses],
                **dict.fromkeys(("people", "expected", *statuses), _COUNT),
            ),
            data=_list("Line"),
        ),
        "Line": _object(
            "A person in a meeting. What follows `share` is there with `expected` only.",
            optional=["status", "scheduled_duration", "scheduled_share", "late_by", "left_early_by"],
            user_id=_USER,
            participant_id=_or_null("The connection, where no user is known."),
            user_name=_NAME,
            connections=_is("With how many connections they came.", "integer", minimum=0),
            join_time=_or_null("When they first joined, unix seconds.", "integer"),
            leave_time=_or_null("When they last left, unix seconds; `null` while they are in.", "integer"),
            duration=_SECONDS,
            share=_SHARE,
            status=_is("What became of them.", enum=statuses),
            scheduled_duration=_is("Their seconds within the scheduled time.", "integer", minimum=0),
            scheduled_share=_SHARE,
            late_by=_or_null("Seconds after the start, if they were late; else 0.", "integer", minimum=0),
            left_early_by=_or_null("Seconds before the end, if they left early; else 0.", "integer", minimum=0),
        ),
    }  # fmt: skip


def _meeting_schemas() -> dict[str, Schema]:
    heading = {
        "id": _is("The id of the meeting."),
        "room": _is("The name of the room."),
        "start_time": _is("When it began, unix seconds.", "integer"),
        "duration": _SECONDS,
        "ongoing": _is("Whether somebody is in it now.", "boolean"),
        "max_participants": _is("How many were in it at once, at most.", "integer", minimum=1),
    }
    return {
        "Error": _object(
            "What went wrong.",
            error=_is("A word for programs; it does not change."),
            info=_is("A sentence for people."),
        ),
        "Meeting": _object("A meeting session.", **heading),
        "MeetingWithParticipants": _object(
            "A meeting session; `participants` is left out with `no_participants=true`.",
            optional=["participants"],
            **heading,
            participants=_list("Participant"),
        ),
        "Meetings": _object("A page of meetings.", total_count=_COUNT, data=_list("MeetingWithParticipants")),
        "Attended": _object(
            "One person's part in a meeting: the time in which any of their stays lasted.",
            join_time=_is("When they first joined, unix seconds.", "integer"),
            leave_time=_or_null("When they last left, unix seconds; `null` while they are in.", "integer"),
            duration=_SECONDS,
            share=_SHARE,
        ),
        "UserMeeting": _object(
            "A meeting session, and a user's part in it.",
            optional=["participants"],
            **heading,
            participants=_list("Participant"),
            attended=ref("Attended"),
        ),
        "UserMeetings": _object("A page of meetings.", total_count=_COUNT, data=_list("UserMeeting")),
        "Participant": _object(
            "Somebody's time in a meeting.",
            user_id=_USER,
            participant_id=_is("The id of the connection."),
            user_name=_NAME,
            join_time=_is("When they joined the meeting, unix seconds.", "integer"),
            duration=_SECONDS,
        ),
        "Participants": _object("A page of participants.", data={**_list("Participant"), "minItems": 1}),
    }


def _presence_schemas() -> dict[str, Schema]:
    return {
        "Present": _object(
            "Somebody who is in a room now.",
            room=_is("The name of the room."),
            id=_is("The id of the connection: its `participant_id`."),
            userId=_USER,
            userName=_NAME,
            mtgSessionId=_or_null("The id of the meeting that goes on; `null` while there is none yet."),
            joinTime=_MOMENT,
            duration=_SECONDS,
        ),
        "RoomPresence": _object("Who is in a room now.", total_count=_COUNT, data=_list("Present")),
        "Visit": _object(
            "Somebody's unbroken time in a room, whatever meetings it was part of.",
            user_id=_USER,
            participant_id=_is("The id of the connection."),
            user_name=_NAME,
            join_time=_is("When they joined, unix seconds.", "integer"),
            leave_time=_or_null("When they left, unix seconds; `null` while they are in.", "integer"),
            duration=_SECONDS,
            left_by=_LEFT_BY,
        ),
        "Attendance": _object(
            "Who was in a room at `time`, or from `from` to `to`, by the time of joining.",
            optional=["time", "from", "to"],
            room=_is("The name of the room."),
            total_count=_COUNT,
            data=_list("Visit"),
            time=_MOMENT,
            to=_MOMENT,
            **{"from": _MOMENT},
        ),
        "QuarantinedRoom": _object(
            "A room whose events could not be processed.",
            room=_is("The name of the room."),
            reason=_is("The error that stopped the room."),
            since=_MOMENT,
            attempts=_COUNT,
            retry_at=_MOMENT,
        ),
        "QuarantinedRooms": _object(
            "The quarantined rooms of the domain, the longest first.",
            total_count=_COUNT,
            data=_list("QuarantinedRoom"),
        ),
    }


def _explain_schemas() -> dict[str, Schema]:
    heading = _meeting_schemas()["Meeting"]["properties"]
    rule, because = _is("The number of the rule."), _is("Which case of it applied.")
    sentence = _is("The same as a sentence.")
    who = _or_null("Whom it is about.")
    event_kinds = ["join", "leave", "end"]
    return {
        "Step": _object(
            "Something that happened, and why.",
            what=_is("What it was.", enum=["began", "ended", "joined", "named", "left", "void", "ignored"]),
            time=_MOMENT, rule=rule, because=because, participant_id=who, sentence=sentence,
        ),
        "Correction": {
            **_object(
                "What was told otherwise before, and what holds in its place.",
                optional=["event", "stays_before", "stays_after", "meetings_before", "meetings_after"],
                time=_MOMENT, rule=rule, because=because,
                late_s=_is("How late the event came, in seconds.", "number"),
                sentence=sentence,
                event={"type": ["object", "null"]},
                **{f"{what}_{when}": {"type": "array", "items": {"type": "object"}}
                   for what in ("stays", "meetings") for when in ("before", "after")},
            ),
        },
        "SourceEvent": _object(
            "An event as it was reported.",
            kind=_is("What was reported.", enum=event_kinds), time=_MOMENT, participant_id=who,
            user_id=_USER, user_name=_NAME, source_session=_or_null("The source's own session."),
            joined_at={**_MOMENT, "type": ["string", "null"]},
            inferred=_or_null("How it is known, if nobody reported it."),
        ),
        "Explanation": _object(
            "Why a meeting is as it is.",
            **heading,
            superseded_ids=_is("Ids that lead here since corrections.", "array", items={"type": "string"}),
            began={"anyOf": [ref("Step"), {"type": "null"}]},
            ended={"anyOf": [ref("Step"), {"type": "null"}]},
            steps=_list("Step"),
            corrections=_list("Correction"),
            not_counted=_list("Bystander"),
            events=_list("SourceEvent"),
        ),
        "Bystander": _object(
            "Somebody who came or went and does not count: a recorder, say.",
            kind=_is("What was reported.", enum=event_kinds), time=_MOMENT, participant_id=who,
            user_id=_USER, user_name=_NAME, role=_is("What they are.", enum=[str(role) for role in Role]),
            sentence=_is("In words."),
        ),
    }  # fmt: skip
