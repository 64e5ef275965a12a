"""BigBlueButton: checksums of other implementations, and the stays of its webhooks and analytics."""

import json
import warnings

import jwt
import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.bigbluebutton import SOURCE, parse
from support.source_payloads import NOON, iso, meeting_stays, ms
from support.source_requests import ask

SECRET = "a-shared-secret-of-any-length"
ADDRESS = "https://headcount.example/v1/ingest/bigbluebutton/TOKEN?src=1"
FIRST, SECOND = "a-1772449200000", "a-1772449500000"


def item(kind, at, participant=None, session=FIRST):
    meeting = {"internal-meeting-id": session, "external-meeting-id": "standup"}
    user = (
        {}
        if participant is None
        else {"user": {"internal-user-id": f"w_{participant}", "external-user-id": participant}}
    )
    about = {"meeting": meeting, **user}
    return {"data": {"type": "event", "id": kind, "attributes": about, "event": {"ts": ms(at)}}}


def events(*items):
    return [
        one
        for meeting_stays in items
        for one in parse(InboundRequest({}, json.dumps([meeting_stays]).encode()))
    ]


# How it is known.


def with_checksum(algorithm="sha1", how="theirs", address=ADDRESS):
    event = json.dumps([item("user-joined", 0, "änn & bob+carol *~'()"), item("user-left", 60, "ann")])
    answer = ask("bigbluebutton.mjs", address=address, secret=SECRET, event=event, algorithm=algorithm)[how]
    sign = "&" if "?" in address else "?"
    return InboundRequest({}, answer["body"].encode(), f"{address}{sign}checksum={answer['checksum']}", ms(0))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.partition("?")[0]])
@pytest.mark.process
def test_the_checksum_of_another_implementation_is_accepted(algorithm, address):
    found = verify_and_parse(SOURCE, with_checksum(algorithm, address=address), ["another", SECRET])
    assert [one.event.user_id for one in found] == ["änn & bob+carol *~'()", "ann"]


@pytest.mark.process
def test_the_checksum_of_a_bigbluebutton_client_library_is_accepted():
    assert len(verify_and_parse(SOURCE, with_checksum(how="library"), [SECRET])) == 2


@pytest.mark.process
def test_our_checksum_equals_theirs():
    theirs = with_checksum()
    ours = SOURCE.sign(InboundRequest({}, theirs.body, ADDRESS, ms(0)), SECRET)
    assert ours.url == theirs.url


@pytest.mark.parametrize("part", ["body", "address", "checksum", "secret"])
def test_a_request_changed_by_one_byte_is_rejected(part):
    genuine, secret = SOURCE.sign(InboundRequest({}, b"event=%5B%5D", ADDRESS, ms(0)), SECRET), SECRET
    assert verify_and_parse(SOURCE, genuine, [secret]) == []
    match part:
        case "body":
            genuine = genuine._replace(body=genuine.body + b"&")
        case "address":
            genuine = genuine._replace(url=genuine.url.replace("src=1", "src=2"))
        case "checksum":
            last = "0" if genuine.url[-1] != "0" else "1"
            genuine = genuine._replace(url=genuine.url[:-1] + last)
        case "secret":
            secret += "."
    with pytest.raises(VerificationFailed, match="public_url"):
        verify_and_parse(SOURCE, genuine, [secret])


@pytest.mark.parametrize(
    "url", ["", ADDRESS, ADDRESS + "&checksum=", ADDRESS + "&checksum=aa", "?checksum", "&=&="]
)
def test_a_request_without_a_checksum_is_rejected(url):
    with pytest.raises(VerificationFailed, match="no checksum"):
        verify_and_parse(SOURCE, InboundRequest({}, b"event=%5B%5D", url, ms(0)), [SECRET])


def test_the_secret_itself_is_accepted_as_a_token():
    shown = InboundRequest({"authorization": f"Bearer {SECRET}"}, b"event=%5B%5D", ADDRESS, ms(0))
    assert verify_and_parse(SOURCE, shown, [SECRET]) == []
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, shown, [SECRET[:-1]])


def with_token(expires, algorithm="HS512", secret=SECRET):
    with warnings.catch_warnings(action="ignore", category=jwt.InsecureKeyLengthWarning):
        claims = {} if expires is None else {"exp": NOON + expires}
        token = jwt.encode(claims, secret, algorithm=algorithm)
    return InboundRequest({"authorization": f"Bearer {token}"}, b"event=%5B%5D", ADDRESS, ms(0))


def test_the_token_of_analytics_is_valid_for_a_day():
    assert verify_and_parse(SOURCE, with_token(86_400), ["another", SECRET]) == []
    assert verify_and_parse(SOURCE, with_token(-59), [SECRET]) == []
    for wrong in (
        with_token(-61), with_token(None), with_token(60, "HS256"), with_token(60, secret="b"), with_token(60)._replace(
            headers={"authorization": "Bearer a.b.c"}
        ),
    ):  # fmt: skip
        with pytest.raises(VerificationFailed):
            verify_and_parse(SOURCE, wrong, [SECRET])


# Stays.

ANN, BOB = ("w_ann", 0, 60, "reported"), ("w_bob", 10, 90, "reported")


def join(participant, at, session=FIRST):
    return item("user-joined", at, participant, session)


def leave(participant, at, session=FIRST):
    return item("user-left", at, participant, session)


MET = [join("ann", 0), join("bob", 10), leave("ann", 60), leave("bob", 90)]


def test_webhooks_in_any_order_and_repeated_give_the_same_stays():
    assert meeting_stays(events(*MET)) == meeting_stays(events(*reversed(MET), *MET)) == [[ANN, BOB]]


def test_participants_who_are_present_at_the_end_leave_with_it():
    found = events(*MET[:3], item("meeting-ended", 90))
    assert meeting_stays(found) == [[ANN, ("w_bob", 10, 90, "room_ended")]]


def test_a_late_end_of_one_meeting_ends_no_stay_of_the_next():
    """The next meeting has already started in the same room."""
    found = events(
        join("ann", 0), item("meeting-created", 300, session=SECOND), join("bob", 310, SECOND),
        item("meeting-ended", 320), leave("bob", 400, SECOND),
    )  # fmt: skip
    assert meeting_stays(found) == [[("w_ann", 0, 300, "room_restarted")], [("w_bob", 310, 400, "reported")]]


def test_a_lost_end_is_replaced_when_the_meeting_is_created_again():
    found = events(*MET[:3], item("meeting-created", 300, session=SECOND))
    assert meeting_stays(found) == [[ANN, ("w_bob", 10, 300, "room_restarted")]]


def test_a_participant_who_joins_again_has_a_second_stay():
    found = events(
        join("ann", 0), join("bob", 10), leave("ann", 60), join("ann2", 70), item("meeting-ended", 90)
    )
    assert [entry[0] for entry in meeting_stays(found)[0]] == ["w_ann", "w_bob", "w_ann2"]


def test_a_lost_join_cannot_be_restored():
    assert meeting_stays(events(join("bob", 10), leave("ann", 60), leave("bob", 90))) == [[BOB]]


# Analytics, which are posted when the meeting has ended, in whole seconds.


def session(participant, joined, parted):
    moments = {"joins": joined, "lefts": parted}
    return {
        name: [{"timestamp": iso(at), "userid": f"w_{participant}"} for at in times]
        for name, times in moments.items()
    }


def analytics(finish, **stays):
    attendees = [
        {
            "ext_user_id": participant,
            "name": participant.title(),
            "sessions": {f"w_{participant}": session(participant, *stay)},
        }
        for participant, stay in stays.items()
    ]
    body = {
        "version": "1.0",
        "meeting_id": "standup",
        "internal_meeting_id": FIRST,
        "data": {"finish": iso(finish), "attendees": attendees},
    }
    return parse(InboundRequest({}, json.dumps(body).encode()))


def test_analytics_alone_give_the_meeting():
    assert meeting_stays(analytics(90, ann=([0], [60]), bob=([10], []))) == [
        [ANN, ("w_bob", 10, 90, "room_ended")]
    ]


def test_analytics_repair_what_webhooks_lost():
    """Ann's join, Bob's leave and the end were lost."""
    found = events(join("bob", 10.4), leave("ann", 60.7))
    assert meeting_stays([*found, *analytics(90, ann=([0], [60]), bob=([10], [90]))]) == [[ANN, BOB]]


def test_analytics_and_webhooks_of_the_same_stays_give_the_same_stays():
    live = events(
        join("ann", 0.7),
        join("bob", 10.2),
        leave("ann", 60.9),
        leave("bob", 90.1),
        item("meeting-ended", 95.3),
    )
    late = analytics(95, ann=([0], [60]), bob=([10], [90]))
    assert meeting_stays([*live, *late]) == meeting_stays([*late, *live]) == [[ANN, BOB]]


def test_a_leave_without_a_join_is_ignored():
    assert meeting_stays(analytics(90, ann=([], [20]), bob=([10], [90]))) == [[BOB]]


def test_a_leave_before_its_join_moves_to_the_join():
    """In older versions it is open which leave belongs to which join."""
    people = [
        {"ext_user_id": "ann", "joins": [iso(30)], "leaves": [iso(20)]},
        {"ext_user_id": "bob", "joins": [iso(10)], "leaves": [iso(90)]},
    ]
    body = {"internal_meeting_id": FIRST, "meeting_id": "r", "data": {"finish": iso(95), "attendees": people}}
    ((entry,),) = meeting_stays(parse(InboundRequest({}, json.dumps(body).encode())))
    assert entry[1:] == (10, 90, "reported")
