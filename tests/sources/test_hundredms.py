"""100ms: the stays of its webhooks, in any order."""

import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.hundredms import SOURCE, parse
from support.source_payloads import iso, meeting_stays


def notice(kind, id_=None, **data):
    body = {"type": kind, "id": id_ or f"{kind}-{data}", "data": {"room_id": "r", **data}}
    return parse(InboundRequest({}, json.dumps(body).encode()))


def joined(peer, at, session="s1"):
    return notice("peer.join.success", peer_id=peer, joined_at=iso(at), session_id=session)


def leave(peer, join, at, session="s1"):
    return notice(
        "peer.leave.success", peer_id=peer, joined_at=iso(join), left_at=iso(at), session_id=session
    )


def opened(at, session="s1"):
    return notice("session.open.success", session_started_at=iso(at), session_id=session)


def closed(at, session="s1"):
    return notice("session.close.success", session_stopped_at=iso(at), session_id=session)


ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 0, 60), *joined("ann", 0)]) == [[ANN]]


def test_a_repeated_request_changes_nothing():
    assert meeting_stays([*joined("ann", 0) * 3, *leave("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_restored_by_its_leave():
    assert meeting_stays(leave("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_session():
    events = [*opened(0), *joined("ann", 0), *closed(90)]
    assert meeting_stays(events) == [[("ann", 0, 90, "room_ended")]]


def test_stale_stays_end_when_the_next_session_opens():
    events = [
        *joined("ghost", 0),
        *opened(300, "s2"),
        *joined("bob", 300, "s2"),
        *leave("bob", 300, 400, "s2"),
    ]
    assert meeting_stays(events) == [[("ghost", 0, 295, "room_restarted")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_ends_no_stay_of_the_next():
    events = [*joined("bob", 100, "s2"), *closed(110, "s1"), *leave("bob", 100, 200, "s2")]
    assert meeting_stays(events) == [[("bob", 100, 200, "reported")]]


def test_a_session_that_opens_a_little_after_its_first_join_ends_no_stay():
    events = [*joined("ann", 0), *opened(0.002)]
    assert meeting_stays(events, as_of=60) == [[("ann", 0, None, None)]]
    assert meeting_stays([*events, *leave("ann", 0, 60), *closed(60)]) == [[ANN]]


def test_a_leave_whose_join_time_is_the_leave_time_ends_the_stay():
    assert meeting_stays([*joined("ann", 0), *leave("ann", 60, 60)]) == [[ANN]]


def test_a_participant_who_comes_back_has_a_second_stay():
    events = [*joined("ann-1", 0), *leave("ann-1", 0, 60), *joined("ann-2", 30), *leave("ann-2", 30, 90)]
    assert meeting_stays(events) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_the_error_for_a_missing_token_names_where_to_set_it():
    with pytest.raises(VerificationFailed, match="in the dashboard"):
        verify_and_parse(SOURCE, InboundRequest({}, b"{}"), ["token"])
