"""BigBlueButton: checksums as others sum them up, and what its webhooks come to."""

import json
import warnings

import jwt
import pytest

from headcount.sources.api import InboundRequest, VerificationFailed, verify_and_parse
from headcount.sources.bigbluebutton import SOURCE, parse
from support.source_payloads import NOON, iso, ms, told
from support.source_requests import ask

SECRET = "a-shared-secret-of-any-length"
ADDRESS = "https://headcount.example/v1/ingest/bigbluebutton/TOKEN?src=1"
FIRST, SECOND = "a-1772449200000", "a-1772449500000"


def item(kind, at, who=None, session=FIRST):
    meeting = {"internal-meeting-id": session, "external-meeting-id": "standup"}
    user = {} if who is None else {"user": {"internal-user-id": f"w_{who}", "external-user-id": who}}
    about = {"meeting": meeting, **user}
    return {"data": {"type": "event", "id": kind, "attributes": about, "event": {"ts": ms(at)}}}


def heard(*items):
    return [one for told in items for one in parse(InboundRequest({}, json.dumps([told]).encode()))]


# How it is known.


def summed(algorithm="sha1", how="theirs", address=ADDRESS):
    event = json.dumps([item("user-joined", 0, "änn & bob+carol *~'()"), item("user-left", 60, "ann")])
    said = ask("bigbluebutton.mjs", address=address, secret=SECRET, event=event, algorithm=algorithm)[how]
    sign = "&" if "?" in address else "?"
    return InboundRequest({}, said["body"].encode(), f"{address}{sign}checksum={said['checksum']}", ms(0))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.partition("?")[0]])
def test_the_checksum_of_another_implementation_fits(algorithm, address):
    found = verify_and_parse(SOURCE, summed(algorithm, address=address), ["another", SECRET])
    assert [one.event.user_id for one in found] == ["änn & bob+carol *~'()", "ann"]


def test_what_a_client_library_of_bigbluebutton_sums_up_fits():
    assert len(verify_and_parse(SOURCE, summed(how="library"), [SECRET])) == 2


def test_we_sum_up_as_they_do():
    theirs = summed()
    ours = SOURCE.sign(InboundRequest({}, theirs.body, ADDRESS, ms(0)), SECRET)
    assert ours.url == theirs.url


@pytest.mark.parametrize("part", ["body", "address", "checksum", "secret"])
def test_what_is_changed_by_one_byte_is_refused(part):
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
def test_without_a_checksum_nothing_is_read(url):
    with pytest.raises(VerificationFailed, match="no checksum"):
        verify_and_parse(SOURCE, InboundRequest({}, b"event=%5B%5D", url, ms(0)), [SECRET])


def test_the_secret_itself_may_be_shown():
    shown = InboundRequest({"authorization": f"Bearer {SECRET}"}, b"event=%5B%5D", ADDRESS, ms(0))
    assert verify_and_parse(SOURCE, shown, [SECRET]) == []
    with pytest.raises(VerificationFailed):
        verify_and_parse(SOURCE, shown, [SECRET[:-1]])


def with_token(expires, algorithm="HS512", secret=SECRET):
    with warnings.catch_warnings(action="ignore", category=jwt.InsecureKeyLengthWarning):
        claims = {} if expires is None else {"exp": NOON + expires}
        token = jwt.encode(claims, secret, algorithm=algorithm)
    return InboundRequest({"authorization": f"Bearer {token}"}, b"event=%5B%5D", ADDRESS, ms(0))


def test_the_token_of_analytics_holds_for_a_day():
    assert verify_and_parse(SOURCE, with_token(86_400), ["another", SECRET]) == []
    assert verify_and_parse(SOURCE, with_token(-59), [SECRET]) == []
    for wrong in (
        with_token(-61), with_token(None), with_token(60, "HS256"), with_token(60, secret="b"), with_token(60)._replace(
            headers={"authorization": "Bearer a.b.c"}
        ),
    ):  # fmt: skip
        with pytest.raises(VerificationFailed):
            verify_and_parse(SOURCE, wrong, [SECRET])


# What it comes to.

ANN, BOB = ("w_ann", 0, 60, "reported"), ("w_bob", 10, 90, "reported")


def came(who, at, session=FIRST):
    return item("user-joined", at, who, session)


def left(who, at, session=FIRST):
    return item("user-left", at, who, session)


MET = [came("ann", 0), came("bob", 10), left("ann", 60), left("bob", 90)]


def test_webhooks_in_any_order_and_again_tell_the_same():
    assert told(heard(*MET)) == told(heard(*reversed(MET), *MET)) == [[ANN, BOB]]


def test_who_is_in_at_the_end_leaves_with_it():
    found = heard(*MET[:3], item("meeting-ended", 90))
    assert told(found) == [[ANN, ("w_bob", 10, 90, "room_ended")]]


def test_the_end_of_one_meeting_leaves_those_of_the_next():
    """The end is told late: the next one is held in the same room already."""
    found = heard(
        came("ann", 0), item("meeting-created", 300, session=SECOND), came("bob", 310, SECOND),
        item("meeting-ended", 320), left("bob", 400, SECOND),
    )  # fmt: skip
    assert told(found) == [[("w_ann", 0, 300, "superseded")], [("w_bob", 310, 400, "reported")]]


def test_a_lost_end_is_told_when_the_meeting_is_held_again():
    found = heard(*MET[:3], item("meeting-created", 300, session=SECOND))
    assert told(found) == [[ANN, ("w_bob", 10, 300, "superseded")]]


def test_who_joins_anew_has_a_second_stay():
    found = heard(
        came("ann", 0), came("bob", 10), left("ann", 60), came("ann2", 70), item("meeting-ended", 90)
    )
    assert [entry[0] for entry in told(found)[0]] == ["w_ann", "w_bob", "w_ann2"]


def test_a_lost_join_cannot_be_told():
    assert told(heard(came("bob", 10), left("ann", 60), left("bob", 90))) == [[BOB]]


# Analytics, which are posted when the meeting is over, and tell whole seconds.


def session(who, joined, parted):
    moments = {"joins": joined, "lefts": parted}
    return {
        name: [{"timestamp": iso(at), "userid": f"w_{who}"} for at in times]
        for name, times in moments.items()
    }


def analytics(finish, **stays):
    attendees = [
        {"ext_user_id": who, "name": who.title(), "sessions": {f"w_{who}": session(who, *stay)}}
        for who, stay in stays.items()
    ]
    body = {
        "version": "1.0",
        "meeting_id": "standup",
        "internal_meeting_id": FIRST,
        "data": {"finish": iso(finish), "attendees": attendees},
    }
    return parse(InboundRequest({}, json.dumps(body).encode()))


def test_analytics_alone_tell_the_meeting():
    assert told(analytics(90, ann=([0], [60]), bob=([10], []))) == [[ANN, ("w_bob", 10, 90, "room_ended")]]


def test_analytics_mend_what_webhooks_lost():
    """Ann's join, Bob's leave and the end were lost."""
    found = heard(came("bob", 10.4), left("ann", 60.7))
    assert told([*found, *analytics(90, ann=([0], [60]), bob=([10], [90]))]) == [[ANN, BOB]]


def test_analytics_and_webhooks_of_the_same_stays_are_the_same_stays():
    live = heard(
        came("ann", 0.7), came("bob", 10.2), left("ann", 60.9), left("bob", 90.1), item("meeting-ended", 95.3)
    )
    late = analytics(95, ann=([0], [60]), bob=([10], [90]))
    assert told([*live, *late]) == told([*late, *live]) == [[ANN, BOB]]


def test_a_leave_without_a_join_is_passed_over():
    assert told(analytics(90, ann=([], [20]), bob=([10], [90]))) == [[BOB]]


def test_a_leave_before_its_join_is_at_the_join():
    """Older ones do not say which leave is of which join."""
    people = [
        {"ext_user_id": "ann", "joins": [iso(30)], "leaves": [iso(20)]},
        {"ext_user_id": "bob", "joins": [iso(10)], "leaves": [iso(90)]},
    ]
    body = {"internal_meeting_id": FIRST, "meeting_id": "r", "data": {"finish": iso(95), "attendees": people}}
    ((entry,),) = told(parse(InboundRequest({}, json.dumps(body).encode())))
    assert entry[1:] == (10, 90, "reported")
