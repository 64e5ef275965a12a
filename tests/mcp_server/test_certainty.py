"""How sure an answer is: the numbers, the sentence, and whether it may change."""

from datetime import UTC, datetime, timedelta

import pytest

from headcount.client import Meta
from headcount.client.models import RoomStay
from headcount.mcp_server.certainty import Examined, certainty, examined

T0 = 1_767_225_600
UNTIL = datetime.fromtimestamp(T0 + 1_000, UTC)
META = Meta(complete_until=UNTIL, held_back_by="source/livekit/production")


def stay(leave, left_by, duration=60):
    times = {"join_time": T0, "leave_time": leave, "duration": duration}
    return RoomStay(user_id=None, participant_id="c", user_name=None, left_by=left_by, **times)


def test_stays_are_counted_by_how_their_end_is_known():
    stays = [
        stay(T0 + 60, "reported"),
        stay(T0 + 70, "room_ended"),
        stay(T0 + 80, "snapshot"),
        stay(T0 + 1_000, "timeout"),
        stay(T0 + 2_000, "room_restarted"),
        stay(T0 + 2_000, "reported"),
        stay(None, None),
        stay(None, None, 12 * 3_600 + 1),
    ]
    assert examined(META, stays) == Examined(8, 3, 2, 1)


@pytest.mark.parametrize(
    ("end", "ongoing", "stays", "may_change", "parts"),
    [
        (UNTIL, 0, Examined(2, 0, 0, 0), False, ("so the answer is complete", "every end was reported")),
        (UNTIL + timedelta(seconds=1), 0, None, True, ("what is later may change",)),
        (None, 0, None, True, ("what is later may change",)),
        (UNTIL, 1, None, True, ("1 ongoing, measured until now",)),
        (UNTIL, 0, Examined(3, 2, 0, 0), False, ("2 with an end that was inferred",)),
        (UNTIL, 0, Examined(3, 2, 1, 0), True, ("1 of these may still be corrected",)),
        (UNTIL, 1, Examined(1, 0, 0, 1), True, ("1 possibly stale",)),
    ],
)
def test_an_answer_may_change_if_it_reaches_beyond_what_is_complete(end, ongoing, stays, may_change, parts):
    found = certainty(META, end, ongoing, stays)
    assert found.may_change == may_change
    assert all(part in found.statement for part in parts), found.statement
    assert (found.complete_until, found.held_back_by) == ("2026-01-01T00:16:40Z", "source/livekit/production")
    assert (found.inferred, found.unconfirmed) == (
        (stays.inferred, stays.unconfirmed) if stays else (None, None)
    )
