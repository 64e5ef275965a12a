"""Tables of the export of a person: the types of their rows.

The fields of a type are the columns of its table. Their descriptions are part of the export and of the API.

Responsible for the columns. Must not know where the rows come from.
"""

from functools import cache
from typing import Annotated, Final, get_args, get_type_hints

import msgspec
from msgspec import Meta, Raw

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_OBJECT: Final = {"type": "object", "additionalProperties": True}


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row of a table."""


class ExportedParticipant(Row):
    """The participants that the person was. All other tables are about them."""

    room: Annotated[str, Meta(description="Name of the room.")]
    participant_id: Annotated[str, Meta(description="Id of the participant in the room.")]


class ExportedEntry(Row):
    """Entries of the event log: what sources, programs and imports reported about the person."""

    room: Annotated[str, Meta(description="Name of the room.")]
    kind: Annotated[
        str, Meta(description="Kind of the entry: `join`, `leave`, `end`, or `snapshot`, a list of those present.")
    ]  # fmt: skip
    at: Annotated[Time, Meta(description="Time of the event.")]
    received_at: Annotated[
        Time | None,
        Meta(description="Time when Headcount received it; null if the archive of a cluster has it."),
    ]
    participant_id: Annotated[str | None, Meta(description="Id of the participant; null in a snapshot.")]
    user_id: Annotated[str | None, Meta(description="Id of the user, if it was reported.")]
    user_name: Annotated[str | None, Meta(description="Name of the user, if it was reported.")]
    attributes: Annotated[Raw, Meta(description="Attributes of the participant; null if there are none.",
                                    extra_json_schema={**_OBJECT, "nullable": True})]  # fmt: skip
    snapshot: Annotated[Raw, Meta(description="What a snapshot lists about the person; null otherwise.",
                                  extra_json_schema={"type": "array", "items": _OBJECT, "nullable": True})]  # fmt: skip
    source_session: Annotated[str | None, Meta(description="The source's own id of the session.")]
    joined_at: Annotated[Time | None, Meta(description="Time of the join, if a leave contains it.")]
    inferred: Annotated[
        str | None, Meta(description="How Headcount inferred the event; null if it was reported.")
    ]
    event_id: Annotated[str | None, Meta(description="Id that the sender gave the event.")]
    origin: Annotated[
        str | None,
        Meta(
            description="How it came into the log: `live`, `imported` or `inferred`; null if the archive of a cluster has it."
        ),
    ]
    sender: Annotated[str | None, Meta(description="Source, API key or file that it came from.")]
    sha256: Annotated[
        str | None, Meta(description="SHA-256 of the request or file that it was in, in hexadecimal.")
    ]


class ExportedStay(Row):
    """Stays: each time from a join to a leave."""

    room: Annotated[str, Meta(description="Name of the room.")]
    join: Annotated[Time, Meta(description="Time of the join.")]
    leave: Annotated[Time | None, Meta(description="Time of the leave; null while it lasts.")]
    duration_seconds: Annotated[float | None, Meta(description="Duration in seconds; null while it lasts.")]
    left_by: Annotated[
        str | None,
        Meta(
            description="How it ended: `reported`, `room_ended`, `snapshot`, `timeout` or `room_restarted`."
        ),
    ]
    participant_id: Annotated[str, Meta(description="Id of the participant.")]
    user_id: Annotated[str | None, Meta(description="Id of the user, if known.")]
    user_name: Annotated[str | None, Meta(description="Name of the user, if known.")]
    attributes: Annotated[Raw, Meta(description="Attributes of the participant; null if there are none.",
                                    extra_json_schema={**_OBJECT, "nullable": True})]  # fmt: skip
    counts: Annotated[
        bool, Meta(description="Whether it is part of meetings and counts. A stay that is too short is not.")
    ]


class ExportedMeeting(Row):
    """Meetings that the person attended, without their other participants."""

    id: Annotated[str, Meta(description="Id of the meeting.")]
    room: Annotated[str, Meta(description="Name of the room.")]
    start: Annotated[Time, Meta(description="Start of the meeting.")]
    end: Annotated[Time | None, Meta(description="End of the meeting; null while it lasts.")]
    duration_seconds: Annotated[float | None, Meta(description="Duration in seconds; null while it lasts.")]


class ExportedCorrection(Row):
    """Corrections of the person's stays after late events."""

    room: Annotated[str, Meta(description="Name of the room.")]
    corrected_at: Annotated[Time, Meta(description="Time of the correction.")]
    reason: Annotated[str, Meta(description="Reason of the correction.")]
    late_by_seconds: Annotated[float, Meta(description="How late the event arrived, in seconds.")]
    change: Annotated[
        Raw,
        Meta(
            description="The late event, if it is about the person, and the person's stays before and after it. Times"
            " are milliseconds since 1970.",
            extra_json_schema=_OBJECT,
        ),
    ]


class ExportedExclusion(Row):
    """Joins and leaves of the person in a role that does not count, such as a recorder."""

    room: Annotated[str, Meta(description="Name of the room.")]
    at: Annotated[Time, Meta(description="Time of the event.")]
    kind: Annotated[str, Meta(description="Kind of the event: `join` or `leave`.")]
    role: Annotated[str, Meta(description="The role.")]
    participant_id: Annotated[str, Meta(description="Id of the participant.")]
    user_id: Annotated[str | None, Meta(description="Id of the user, if known.")]
    user_name: Annotated[str | None, Meta(description="Name of the user, if known.")]


class ExportedMessage(Row):
    """Messages to webhooks and streams about joins and leaves of the person."""

    id: Annotated[str, Meta(description="Id of the message.")]
    type: Annotated[str, Meta(description="Type of the event.")]
    room: Annotated[str, Meta(description="Name of the room.")]
    at: Annotated[Time, Meta(description="Time of the event.")]
    created_at: Annotated[Time, Meta(description="Time when the message was written.")]
    payload: Annotated[
        Raw,
        Meta(
            description="Content of the message. Times are milliseconds since 1970.",
            extra_json_schema=_OBJECT,
        ),
    ]


class ExportedDelivery(Row):
    """Attempts to deliver these messages to webhook endpoints: who received the data."""

    message_id: Annotated[str, Meta(description="Id of the message.")]
    endpoint: Annotated[str, Meta(description="Id of the webhook endpoint.")]
    recipient: Annotated[str, Meta(description="Host of the endpoint.")]
    at: Annotated[
        Time | None, Meta(description="Time of the attempt; null if the message waits for its first one.")
    ]
    delivered: Annotated[bool, Meta(description="Whether the endpoint answered 200.")]
    status: Annotated[int | None, Meta(description="HTTP status of the response; null without one.")]
    response: Annotated[str | None, Meta(description="Beginning of the response.")]
    error: Annotated[str | None, Meta(description="Why there was no response.")]


class ExportedDeadLetter(Row):
    """Requests of sources that could not be parsed and mention an id, a name or an address of the person.

    Their bodies may contain data of others, and are not exported.
    """

    number: Annotated[int, Meta(description="Number of the dead letter.")]
    source: Annotated[str, Meta(description="Name of the source.")]
    received_at: Annotated[Time, Meta(description="Time when it was received.")]


class ExportedShare(Row):
    """Valid shared links to meetings and rooms in which the person is or was."""

    name: Annotated[str, Meta(description="Name of the link.")]
    subject_kind: Annotated[str, Meta(description="Whether it shows a `meeting` or a `room`.")]
    subject: Annotated[str, Meta(description="Id of the meeting, or name of the room.")]
    shows_names: Annotated[bool, Meta(description="Whether it shows names, or numbers in their place.")]
    created_at: Annotated[Time, Meta(description="Time when it was created.")]
    expires_at: Annotated[Time, Meta(description="Time when it expires.")]


class ExportedAccess(Row):
    """Accesses to the person: when what was read, exported or changed. Who did it is not exported."""

    at: Annotated[Time, Meta(description="Time of the access, of the first one if there were several.")]
    action: Annotated[str, Meta(description="What was done, such as `person.read`.")]
    actor_type: Annotated[
        str, Meta(description="Who did it: `key`, `session`, `share`, `command_line` or `system`.")
    ]
    detail: Annotated[str, Meta(description="Route of the request, or the command.")]
    requests: Annotated[int, Meta(description="Number of accesses that are alike.")]


TABLES: Final[dict[str, type[Row]]] = {
    "participants": ExportedParticipant,
    "log_entries": ExportedEntry,
    "stays": ExportedStay,
    "meetings": ExportedMeeting,
    "corrections": ExportedCorrection,
    "excluded_participants": ExportedExclusion,
    "messages": ExportedMessage,
    "deliveries": ExportedDelivery,
    "dead_letters": ExportedDeadLetter,
    "shared_links": ExportedShare,
    "accesses": ExportedAccess,
}
"""The tables of an export, in its order."""


@cache
def columns(table: type[Row]) -> tuple[str, ...]:
    return table.__struct_fields__


def descriptions(table: type[Row]) -> dict[str, str]:
    """Return the description of each column."""
    hints = get_type_hints(table, include_extras=True)
    return {
        name: next(one.description for one in get_args(hints[name])[1:] if isinstance(one, Meta)) or ""
        for name in columns(table)
    }
