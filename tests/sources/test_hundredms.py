"""100ms: what its webhooks come to, in order and out of it."""

import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.hundredms import SOURCE, parse
from support.source_payloads import iso, told


def notice(kind, id_=None, **data):
    body = {"type": kind, "id": id_ or f"{kind}-{data}", "data": {"room_id": "r", **data}}
    return parse(InboundRequest({}, json.dumps(body).encode()))


def joined(peer, at, session="s1"):
    return notice("peer.join.success", peer_id=peer, joined_at=iso(at), session_id=session)


def left(peer, came, at, session="s1"):
    return notice(
        "peer.leave.success", peer_id=peer, joined_at=iso(came), left_at=iso(at), session_id=session
    )


def opened(at, session="s1"):
    return notice("session.open.success", session_started_at=iso(at), session_id=session)


def closed(at, session="s1"):
    return notice("session.close.success", session_stopped_at=iso(at), session_id=session)


ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 0, 60), *joined("ann", 0)]) == [[ANN]]


def test_a_delivery_that_is_repeated_counts_once():
    assert told([*joined("ann", 0) * 3, *left("ann", 0, 60) * 2]) == [[ANN]]


def test_a_lost_join_is_told_by_its_leave():
    assert told(left("ann", 0, 60)) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_session():
    heard = [*opened(0), *joined("ann", 0), *closed(90)]
    assert told(heard) == [[("ann", 0, 90, "room_ended")]]


def test_whoever_was_forgotten_is_gone_when_the_next_session_opens():
    heard = [*joined("ghost", 0), *opened(300, "s2"), *joined("bob", 300, "s2"), *left("bob", 300, 400, "s2")]
    assert told(heard) == [[("ghost", 0, 295, "superseded")], [("bob", 300, 400, "reported")]]


def test_a_late_end_of_the_last_session_closes_nobody_of_the_next():
    heard = [*joined("bob", 100, "s2"), *closed(110, "s1"), *left("bob", 100, 200, "s2")]
    assert told(heard) == [[("bob", 100, 200, "reported")]]


def test_a_session_that_opens_a_little_after_its_first_join_takes_nobody_away():
    heard = [*joined("ann", 0), *opened(0.002)]
    assert told(heard, as_of=60) == [[("ann", 0, None, None)]]
    assert told([*heard, *left("ann", 0, 60), *closed(60)]) == [[ANN]]


def test_a_leave_whose_join_is_the_leave_is_a_leave_all_the_same():
    assert told([*joined("ann", 0), *left("ann", 60, 60)]) == [[ANN]]


def test_somebody_who_comes_back_has_a_second_stay():
    heard = [*joined("ann-1", 0), *left("ann-1", 0, 60), *joined("ann-2", 30), *left("ann-2", 30, 90)]
    assert told(heard) == [[("ann-1", 0, 60, "reported"), ("ann-2", 30, 90, "reported")]]


def test_a_request_without_the_token_says_where_to_set_it():
    with pytest.raises(VerificationFailed, match="in the dashboard"):
        verify_and_parse(SOURCE, InboundRequest({}, b"{}"), ["token"])
