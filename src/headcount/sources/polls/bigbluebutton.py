"""BigBlueButton: `getMeetings`, with the shared secret. It lists the meetings that have not ended, but no usable participants.

* Participants are listed by the id of their user, while webhooks have the id of their connection; so nobody can be matched.
* The number of participants lags by a minute, and is 0 while all are in breakout rooms; so counts mean nothing. A meeting that
  is not listed has ended.
* A meeting is listed once it is created, before anybody can join.
* The hashes that a server accepts for a checksum are a setting (`supportedChecksumAlgorithms`). For any other hash the
  response is the same as for a wrong secret.
"""

import hashlib
from collections.abc import Collection
from typing import Final, NoReturn
from xml.parsers import expat

from headcount.sources.polls.api import (
    CredentialsRejected,
    Poll,
    PollContext,
    PollFailed,
    PollRequest,
    PollResponse,
    PollResult,
    PollSteps,
    check_status,
    excerpt,
)

_CALL: Final = "getMeetings"
_ALGORITHMS: Final = ("sha256", "sha1", "sha512", "sha384")
_CODE: Final = "response/returncode"
_MEETINGS: Final = "response/meetings"
_MEETING: Final = f"{_MEETINGS}/meeting"
_ID: Final = f"{_MEETING}/meetingID"
# Errors have one of two forms.
_ERROR_KEYS: Final = ("response/messageKey", "response/errors/error/key")
_ERROR_MESSAGES: Final = ("response/message", "response/errors/error/message")
_MAX_DEPTH: Final = 4


class MeetingList:
    """Response of `getMeetings`: its code, its errors, and the ids of its meetings.

    A document with a document type is refused, since that could declare entities.
    """

    def __init__(self, xml: bytes) -> None:
        self.code = ""
        self.error_keys: list[str] = []
        self.error_messages: list[str] = []
        self.meeting_ids: list[str] = []
        self.has_meetings = False
        self._path: list[str] = []
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._start_element
        parser.EndElementHandler = self._end_element
        parser.CharacterDataHandler = self._text
        parser.Parse(xml, True)

    def _start_element(self, name: str, _: object) -> None:
        self._path.append(name)
        path = self._current_path()
        self.has_meetings |= path == _MEETINGS
        if path == _MEETING:
            self.meeting_ids.append("")
        elif path in _ERROR_KEYS:
            self.error_keys.append("")
        elif path in _ERROR_MESSAGES:
            self.error_messages.append("")

    def _end_element(self, _: str) -> None:
        self._path.pop()

    def _text(self, text: str) -> None:
        path = self._current_path()
        if path == _ID:
            self.meeting_ids[-1] += text
        elif path == _CODE:
            self.code += text
        elif path in _ERROR_KEYS:
            self.error_keys[-1] += text
        elif path in _ERROR_MESSAGES:
            self.error_messages[-1] += text

    def _current_path(self) -> str:
        # Deeper elements are not needed.
        return "/".join(self._path) if len(self._path) <= _MAX_DEPTH else ""


def poll(context: PollContext) -> PollSteps:
    """Yield one request per hash until one is accepted; return the meetings that have not ended as unclear."""
    for algorithm in _ALGORITHMS:
        checksum = hashlib.new(
            algorithm, (_CALL + context.secret).encode(), usedforsecurity=False
        ).hexdigest()
        (response,) = yield [PollRequest("GET", f"/{_CALL}?checksum={checksum}")]
        meeting_list = _meeting_list(response)
        if "checksumError" not in meeting_list.error_keys:
            return PollResult([], _unclear(meeting_list, context.active_rooms))
    raise CredentialsRejected(f"BigBlueButton refused the secret: {_reason(meeting_list)}")


def _unclear(meeting_list: MeetingList, active_rooms: Collection[str]) -> frozenset[str]:
    """Return the meetings that are listed, as the response and as Headcount names them."""
    if meeting_list.code.strip() != "SUCCESS":
        raise PollFailed(f"BigBlueButton refused: {_reason(meeting_list)}")
    if not meeting_list.has_meetings or not all(
        meeting_id.strip() for meeting_id in meeting_list.meeting_ids
    ):
        raise PollFailed("BigBlueButton lists no meetings, or some without an id")
    listed = {_normalize_spaces(meeting_id) for meeting_id in meeting_list.meeting_ids}
    return frozenset(listed | {room for room in active_rooms if _normalize_spaces(room) in listed})


def _normalize_spaces(name: str) -> str:
    """Return the name with single spaces, as the response has it.

    Two names may become one. That leaves one meeting too many open, which does no harm.
    """
    return " ".join(name.split())


def _reason(meeting_list: MeetingList) -> str:
    return "; ".join(meeting_list.error_messages or meeting_list.error_keys)[:200] or "without a reason"


def _meeting_list(response: PollResponse) -> MeetingList:
    check_status(response, "BigBlueButton")
    try:
        return MeetingList(response.body)
    except expat.ExpatError as error:
        raise PollFailed(
            f"what was answered is not what BigBlueButton answers: {error}: {excerpt(response)}"
        ) from error


def _refuse(*_: object) -> NoReturn:
    raise PollFailed("what was answered is not what BigBlueButton answers: it declares a document type")


POLL: Final = Poll(
    "bigbluebutton", "the address of its API, like https://bbb.example/bigbluebutton/api", poll
)
