"""BigBlueButton: responses of `getMeetings` as documented, and the meetings that have ended."""

import hashlib

import pytest

from headcount.sources.polls.api import CredentialsRejected, PollFailed, PollResponse, PollResult
from headcount.sources.polls.bigbluebutton import POLL
from support.poll_requests import poll_result

SECRET = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
MEETING = """
    <meeting>
      <meetingName>Demo</meetingName>
      <meetingID>{id}</meetingID>
      <internalMeetingID>183f0bf3a0982a127bdb8161e0c44eb696b3e75c-1531241258036</internalMeetingID>
      <running>true</running>
      <participantCount>{count}</participantCount>
      <attendees>
        <attendee><userID>w_ftcrsyuh44oj</userID><fullName>Ann &amp; Bob</fullName><role>MODERATOR</role><meetingID>no</meetingID></attendee>
      </attendees>
      <metadata><meetingid>other</meetingid></metadata>
      <breakoutRooms><breakout>b-1</breakout></breakoutRooms>
      <isBreakout>false</isBreakout>
    </meeting>"""
NOBODY = (
    "<response><returncode>SUCCESS</returncode><meetings/><messageKey>noMeetings</messageKey>"
    "<message>no meetings were found on this server</message></response>"
)
WRONG = (
    "<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey>"
    "<message>Checksums do not match</message></response>"
)


def response(xml, status=200):
    return PollResponse(status, xml.encode())


def meetings(*found):
    inside = "".join(MEETING.format(id=one, count=number) for number, one in enumerate(found))
    return f"<?xml version='1.0' encoding='UTF-8'?>\n<response>\n<returncode>SUCCESS</returncode>\n<meetings>{inside}</meetings>\n</response>"


# The form of newer versions.
ALSO_WRONG = (
    "<response><returncode>FAILED</returncode><errors><error><key>checksumError</key><message>Checksums do not match</message></error>"
    "<error><key>other</key><message>And more</message></error></errors></response>"
)


class Server:
    """A server that accepts checksums of these hashes."""

    def __init__(self, xml, *algorithms, wrong=WRONG):
        self.xml, self.algorithms, self.wrong, self.asked = xml, algorithms, wrong, 0

    def __call__(self, ask):
        self.asked += 1
        path, _, checksum = ask.path.partition("?checksum=")
        assert (ask.method, path) == ("GET", "/getMeetings")
        signed = f"getMeetings{SECRET}".encode()
        return response(self.xml if checksum in self.hashes(signed) else self.wrong)

    def hashes(self, signed):
        return [hashlib.new(one, signed).hexdigest() for one in self.algorithms]


@pytest.mark.parametrize("wrong", [WRONG, ALSO_WRONG])
@pytest.mark.parametrize(("algorithm", "asked"), [("sha256", 1), ("sha1", 2), ("sha512", 3), ("sha384", 4)])
def test_a_hash_that_the_server_accepts_is_found(algorithm, asked, wrong):
    server = Server(meetings("Demo Meeting"), algorithm, wrong=wrong)
    assert poll_result(POLL, server, secret=SECRET) == PollResult([], frozenset({"Demo Meeting"}))
    assert server.asked == asked


def test_listed_meetings_are_unclear_regardless_of_their_counts():
    server = Server(meetings("empty", "one", "Tür &amp; <![CDATA[<Tor>]]>"), "sha256")
    assert poll_result(POLL, server, secret=SECRET).unclear_rooms == {"empty", "one", "Tür & <Tor>"}


def test_names_that_differ_in_spaces_match_the_active_room():
    """The server's template replaces several spaces by one."""
    server = Server(meetings("room of ann"), "sha256")
    found = poll_result(POLL, server, secret=SECRET, active_rooms=["room  of ann ", "room of bob"])
    assert found.unclear_rooms == {"room of ann", "room  of ann "}


@pytest.mark.parametrize(
    "xml", [NOBODY, "<response><returncode>SUCCESS</returncode><meetings></meetings></response>"]
)
def test_an_empty_list_means_that_all_meetings_have_ended(xml):
    assert poll_result(POLL, Server(xml, "sha256"), secret=SECRET) == PollResult([], frozenset())


@pytest.mark.parametrize("wrong", [WRONG, ALSO_WRONG])
def test_a_wrong_secret_is_reported_as_such(wrong):
    with pytest.raises(CredentialsRejected, match="refused the secret: Checksums do not match"):
        poll_result(POLL, Server(NOBODY, wrong=wrong), secret="other")


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><response><returncode>&b;</returncode></response>'


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (response("<html><body>It works!</body></html>"), "refused: without a reason"),
        (response("<html><p>It works!"), "is not what BigBlueButton answers"),
        (response(""), "is not what BigBlueButton answers"),
        (response('{"response": {}}'), "is not what BigBlueButton answers"),
        (response(BOMB), "declares a document type"),
        (response("<!DOCTYPE html><html/>"), "declares a document type"),
        (response("<response><returncode>&x;</returncode></response>"), "undefined entity"),
        (response("<response><returncode>SUCCESS</returncode></response>"), "lists no meetings"),
        (response(meetings("")), "some without an id"),
        (response(meetings("a").replace("</response>", "")), "is not what BigBlueButton answers"),
        (response("<response><returncode>FAILED</returncode><messageKey>busy</messageKey></response>"), "refused: busy"),
        (response("<meetings/>"), "refused: without a reason"),
        (response("", 404), "answered 404"),
        (response("", 401), "refused the key"),
    ],
)  # fmt: skip
def test_an_unusable_response_fails(answer, why):
    with pytest.raises(PollFailed, match=why):
        poll_result(POLL, lambda _: answer)
