"""Parameters of the tools: their types with descriptions, and their values.

Responsible for errors that state how to correct an argument. Must not know tools.
"""

from datetime import datetime
from typing import Annotated, Final

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from headcount.mcp_server.masking import PREFIX, Names, shorten

Room = Annotated[
    str, Field(description="Exact name of the room, as list_meetings shows it.", min_length=1, max_length=512)
]
MeetingId = Annotated[
    str, Field(description="`id` of a meeting, from list_meetings.", min_length=1, max_length=200)
]
TIME: Final = "RFC 3339 with a time zone, such as 2026-03-02T09:00:00+01:00 or 2026-03-02T08:00:00Z."
At = Annotated[str, Field(description=f"A moment. {TIME}", max_length=64)]
Start = Annotated[str | None, Field(description=f"Start of the period, inclusive. {TIME}", max_length=64)]
End = Annotated[
    str | None, Field(description=f"End of the period, exclusive. Default: now. {TIME}", max_length=64)
]
Limit = Annotated[int, Field(description="Maximum number of results, at most 50.", ge=1, le=50)]
Page = Annotated[
    str | None,
    Field(description="`next_page` of the previous answer. Omit it for the first page.", max_length=200),
]
PersonId = Annotated[
    str,
    Field(
        description=f"`label` of a person from another answer ({PREFIX}…). If names are shown, also a user id.",
        min_length=1,
        max_length=512,
    ),
]
Expected = Annotated[
    list[Annotated[str, Field(max_length=512)]] | None,
    Field(
        description="Labels of the people who were expected. If names are shown, also user ids.",
        max_length=1_000,
    ),
]


def time_of(field: str, text: str) -> datetime:
    """Return a time. Raise `ToolError` if it is no time, or has no time zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ToolError(f"`{field}` is no time: write {TIME}") from None
    if at.tzinfo is None or "T" not in text.upper():
        raise ToolError(
            f"`{field}` has no time zone: write {TIME} Ask the user for the time zone if it is not clear."
        )
    return at


def day_of(field: str, text: str) -> str | datetime:
    try:
        is_day = len(text) == len("2026-03-02") and bool(datetime.fromisoformat(text))
    except ValueError:
        is_day = False
    return text if is_day else time_of(field, text)


def offset_of(page: str | None) -> int:
    if page is None:
        return 0
    if not (page.isascii() and page.isdigit() and len(page) < 10):
        raise ToolError("`page` must be `next_page` of the previous answer: omit it for the first page.")
    return int(page)


def user_id_of(names: Names, person: str) -> str:
    """Return the id of a user. Raise `ToolError` for a label that no answer had, and for an id if names are masked."""
    known = names.user_of(person)
    if known is not None:
        return known
    if names.shown and not person.startswith(PREFIX):
        return person
    hint = "take it from who_is_in_room, who_was_in_room_at, attendance or explain_meeting"
    if person.startswith(PREFIX):
        raise ToolError(
            f"No answer since the start of this server had the label {shorten(person, 40)} of a user: {hint}."
            " A person whose user is unknown has no history."
        )
    raise ToolError(f"Names are masked, so a person is asked for by label ({PREFIX}…): {hint}.")
