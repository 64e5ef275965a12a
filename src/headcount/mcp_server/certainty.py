"""Certainty: how sure an answer is, in numbers and in a sentence.

Responsible for both. Must not know tools.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from headcount.client import Meta
from headcount.client.models import RoomStay
from headcount.mcp_server.answers import Certainty
from headcount.mcp_server.masking import shorten

STALE_S: Final = 12 * 3_600
INFERRED: Final = ("snapshot", "timeout", "room_restarted")
"""How stays end whose leave was not reported."""


@dataclass(frozen=True, slots=True)
class Examined:
    """Numbers of stays. None stands for what was not examined."""

    number: int | None = None
    inferred: int | None = None
    unconfirmed: int | None = None
    possibly_stale: int | None = None


def examined(meta: Meta, stays: Sequence[RoomStay]) -> Examined:
    """Return the numbers of stays whose end is less certain than a report."""
    until = meta.complete_until
    inferred = [stay for stay in stays if stay.left_by in INFERRED]
    unconfirmed = [
        one for one in inferred if until is not None and (one.leave_time or 0) >= until.timestamp()
    ]
    stale = [stay for stay in stays if stay.leave_time is None and stay.duration > STALE_S]
    return Examined(len(stays), len(inferred), len(unconfirmed), len(stale))


def certainty(
    meta: Meta, end: datetime | None, ongoing: int, stays: Examined | None = None, revised: int | None = None
) -> Certainty:
    """Return the certainty of an answer about the time until `end`, or until now, with a number of ongoing things."""
    stays = stays or Examined()
    is_beyond = meta.complete_until is not None and (end is None or end > meta.complete_until)
    return Certainty(
        statement=_statement(meta, ongoing, stays, revised, is_beyond=is_beyond),
        complete_until=None if meta.complete_until is None else time_text(meta.complete_until),
        may_change=is_beyond or bool(ongoing) or bool(stays.unconfirmed),
        held_back_by=None if meta.held_back_by is None else shorten(meta.held_back_by),
        ongoing=ongoing,
        inferred=stays.inferred,
        unconfirmed=stays.unconfirmed,
        possibly_stale=stays.possibly_stale,
        revised=revised,
    )


def time_text(at: datetime | float) -> str:
    """Return a time as RFC 3339 in UTC, in whole seconds."""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _statement(meta: Meta, ongoing: int, stays: Examined, revised: int | None, *, is_beyond: bool) -> str:
    parts = []
    if meta.complete_until is not None:
        later = ", and what is later may change" if is_beyond else ", so the answer is complete"
        parts.append(f"All that was reported before {time_text(meta.complete_until)} is included{later}")
    if ongoing:
        parts.append(f"{ongoing} ongoing, measured until now")
    if stays.inferred:
        parts.append(f"{stays.inferred} with an end that was inferred, not reported")
    if stays.unconfirmed:
        parts.append(f"{stays.unconfirmed} of these may still be corrected")
    if stays.possibly_stale:
        parts.append(f"{stays.possibly_stale} possibly stale (connected for more than 12 hours)")
    if stays.number and stays.inferred == 0 and not ongoing:
        parts.append("every end was reported")
    if revised:
        parts.append(f"{revised} corrections after late events")
    return "; ".join(parts) + "." if parts else "Nothing limits this answer."
