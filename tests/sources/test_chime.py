"""Amazon Chime: what its meeting events come to, in any order."""

import json

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.chime import SOURCE, parse
from support.source_payloads import iso, ms, told


def notice(kind, at, who=None, meeting="m1"):
    detail = {"eventType": f"chime:{kind}", "timestamp": ms(at), "meetingId": meeting}
    attendee = {} if who is None else {"attendeeId": who, "externalUserId": f"user-{who}"}
    event = {
        "id": f"{kind}{at}{who}{meeting}",
        "detail-type": "Chime Meeting State Change",
        "time": iso(at),
        "detail": {**detail, **attendee, "externalMeetingId": "standup"},
    }
    return parse(InboundRequest({}, json.dumps(event).encode()))


def came(who, at, meeting="m1"):
    return notice("AttendeeJoined", at, who, meeting)


def left(who, at, meeting="m1"):
    return notice("AttendeeLeft", at, who, meeting)


def dropped(who, at):
    return notice("AttendeeDropped", at, who)


def ended(at, meeting="m1"):
    return notice("MeetingEnded", at, meeting=meeting)


ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_overtakes_its_join_tells_the_same():
    assert told([*left("ann", 60), *came("ann", 0)]) == [[ANN]]


def test_an_event_that_is_delivered_again_counts_once():
    assert told([*came("ann", 0) * 3, *left("ann", 60) * 2]) == [[ANN]]


def test_a_lost_leave_is_told_by_the_end_of_the_meeting():
    assert told([*came("ann", 0), *ended(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_somebody_who_was_dropped_and_comes_back_has_a_second_stay_under_the_same_id():
    heard = [*came("ann", 0), *came("bob", 0), *dropped("ann", 60), *came("ann", 120), *left("ann", 180)]
    heard += left("bob", 180)
    stays = [("ann", 0, 60, "reported"), ("bob", 0, 180, "reported"), ("ann", 120, 180, "reported")]
    assert told(heard) == [stays]


def test_another_network_of_the_same_instant_is_no_second_stay():
    """From Wi-Fi to a cable: dropped and joined at once."""
    assert told([*came("ann", 0), *dropped("ann", 30), *came("ann", 30), *left("ann", 60)]) == [[ANN]]


def test_the_end_of_one_meeting_closes_nobody_of_another_with_the_same_external_id():
    heard = [*came("ann", 0), *came("bob", 0, "m2"), *ended(30), *left("bob", 60, "m2")]
    assert told(heard) == [[("ann", 0, 30, "room_ended"), ("bob", 0, 60, "reported")]]


def test_a_lost_join_leaves_a_stay_out():
    """Leaves of Chime do not say when their join was."""
    assert told([*left("ann", 60), *came("bob", 0), *left("bob", 60)]) == [[("bob", 0, 60, "reported")]]


def test_a_request_without_the_token_says_where_to_set_it():
    with pytest.raises(VerificationFailed, match="the connection of EventBridge"):
        verify_and_parse(SOURCE, InboundRequest({}, b"{}"), ["token"])
