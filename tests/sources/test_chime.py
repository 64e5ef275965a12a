"""Amazon Chime: the stays of its meeting events, in any order."""

import json
import random

import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.chime import SOURCE, parse
from support.source_payloads import iso, meeting_stays, ms


def notice(kind, at, participant=None, meeting="m1"):
    detail = {"eventType": f"chime:{kind}", "timestamp": ms(at), "meetingId": meeting}
    attendee = (
        {} if participant is None else {"attendeeId": participant, "externalUserId": f"user-{participant}"}
    )
    event = {
        "id": f"{kind}{at}{participant}{meeting}",
        "detail-type": "Chime Meeting State Change",
        "time": iso(at),
        "detail": {**detail, **attendee, "externalMeetingId": "standup"},
    }
    return parse(InboundRequest({}, json.dumps(event).encode()))


def join(participant, at, meeting="m1"):
    return notice("AttendeeJoined", at, participant, meeting)


def leave(participant, at, meeting="m1"):
    return notice("AttendeeLeft", at, participant, meeting)


def dropped(participant, at):
    return notice("AttendeeDropped", at, participant)


def end(at, meeting="m1"):
    return notice("MeetingEnded", at, meeting=meeting)


ANN = ("ann", 0, 60, "reported")


def test_a_leave_that_arrives_before_its_join_gives_the_same_stay():
    assert meeting_stays([*leave("ann", 60), *join("ann", 0)]) == [[ANN]]


def test_a_repeated_event_changes_nothing():
    assert meeting_stays([*join("ann", 0) * 3, *leave("ann", 60) * 2]) == [[ANN]]


def test_a_lost_leave_is_replaced_by_the_end_of_the_meeting():
    assert meeting_stays([*join("ann", 0), *end(90)]) == [[("ann", 0, 90, "room_ended")]]


def test_a_dropped_participant_who_comes_back_has_a_second_stay_with_the_same_id():
    events = [*join("ann", 0), *join("bob", 0), *dropped("ann", 60), *join("ann", 120), *leave("ann", 180)]
    events += leave("bob", 180)
    stays = [("ann", 0, 60, "timeout"), ("bob", 0, 180, "reported"), ("ann", 120, 180, "reported")]
    assert meeting_stays(events) == [stays]


@pytest.mark.parametrize("seed", range(20))
def test_an_attendee_who_changes_to_another_device_stays(seed):
    """The old device drops out after the new one has joined, and may do so before or after other events arrive."""
    events = [
        *join("ann", 0),
        *notice("AttendeeAuthorized", 29, "ann"),
        *join("ann", 30),
        *dropped("ann", 40),
    ]
    events += leave("ann", 60) + end(90)
    assert meeting_stays(random.Random(seed).sample(events, len(events))) == [[ANN]]


def test_an_attendee_who_drops_out_has_left_by_then_although_the_meeting_goes_on():
    events = [*join("ann", 0), *join("bob", 0), *dropped("ann", 60), *end(90)]
    assert meeting_stays(events) == [[("ann", 0, 60, "timeout"), ("bob", 0, 90, "room_ended")]]


def test_a_change_of_network_at_one_instant_is_no_second_stay():
    """From Wi-Fi to a cable: dropped and joined at once."""
    assert meeting_stays([*join("ann", 0), *dropped("ann", 30), *join("ann", 30), *leave("ann", 60)]) == [
        [ANN]
    ]


def test_the_end_of_one_meeting_ends_no_stay_of_another_with_the_same_external_id():
    events = [*join("ann", 0), *join("bob", 0, "m2"), *end(30), *leave("bob", 60, "m2")]
    assert meeting_stays(events) == [[("ann", 0, 30, "room_ended"), ("bob", 0, 60, "reported")]]


def test_a_stay_without_its_join_is_lost():
    """Leaves of Chime do not have the join time."""
    assert meeting_stays([*leave("ann", 60), *join("bob", 0), *leave("bob", 60)]) == [
        [("bob", 0, 60, "reported")]
    ]


def test_the_error_for_a_missing_token_names_where_to_set_it():
    with pytest.raises(VerificationFailed, match="the connection of EventBridge"):
        verify_and_parse(SOURCE, InboundRequest({}, b"{}"), ["token"])
