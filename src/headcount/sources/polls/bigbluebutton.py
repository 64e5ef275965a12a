"""BigBlueButton: `getMeetings`, by the shared secret. It tells which meetings are over, and of no other who is in.

* Whoever is in is listed by the id of their user, not by that of their connection, which webhooks have; so nobody can be matched.
* How many are in lags by a minute, and is 0 while all are in breakout rooms; so counts say nothing. A meeting that is not listed is over.
* A meeting is listed from when it is created, before anybody can join.
* Which hashes a server takes for a checksum is a setting (`supportedChecksumAlgorithms`): one that it does not take is answered as a
  wrong secret is.
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
# What went wrong is told in one of two forms.
_KEYS: Final = ("response/messageKey", "response/errors/error/key")
_MESSAGES: Final = ("response/message", "response/errors/error/message")
_DEEPEST: Final = 4


class Told:
    """What an answer says, read as it goes by: its code, what went wrong, and the ids of its meetings.

    A document that declares anything of its own, entities above all, is not read.
    """

    def __init__(self, xml: bytes) -> None:
        self.code = ""
        self.keys: list[str] = []
        self.messages: list[str] = []
        self.meetings: list[str] = []
        self.lists = False
        self._path: list[str] = []
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._says
        parser.Parse(xml, True)

    def _begins(self, name: str, _: object) -> None:
        self._path.append(name)
        where = self._where()
        self.lists |= where == _MEETINGS
        if where == _MEETING:
            self.meetings.append("")
        elif where in _KEYS:
            self.keys.append("")
        elif where in _MESSAGES:
            self.messages.append("")

    def _ends(self, _: str) -> None:
        self._path.pop()

    def _says(self, text: str) -> None:
        where = self._where()
        if where == _ID:
            self.meetings[-1] += text
        elif where == _CODE:
            self.code += text
        elif where in _KEYS:
            self.keys[-1] += text
        elif where in _MESSAGES:
            self.messages[-1] += text

    def _where(self) -> str:
        # What is deeper is of no interest.
        return "/".join(self._path) if len(self._path) <= _DEEPEST else ""


def ask(access: PollContext) -> PollSteps:
    """Which meetings are not over."""
    for algorithm in _ALGORITHMS:
        checksum = hashlib.new(algorithm, (_CALL + access.secret).encode(), usedforsecurity=False).hexdigest()
        (answer,) = yield [PollRequest("GET", f"/{_CALL}?checksum={checksum}")]
        told = _told(answer)
        if "checksumError" not in told.keys:
            return PollResult([], _unclear(told, access.rooms))
    raise CredentialsRejected(f"BigBlueButton refused the secret: {_reason(told)}")


def _unclear(told: Told, known: Collection[str]) -> frozenset[str]:
    """The meetings that are listed."""
    if told.code.strip() != "SUCCESS":
        raise PollFailed(f"BigBlueButton refused: {_reason(told)}")
    if not told.lists or not all(one.strip() for one in told.meetings):
        raise PollFailed("BigBlueButton lists no meetings, or some without an id")
    there = {_compressed(one) for one in told.meetings}
    return frozenset(there | {room for room in known if _compressed(room) in there})


def _compressed(name: str) -> str:
    """Spaces as the answer has them: its template makes one of several. So two names may be one there; a meeting too many does no harm."""
    return " ".join(name.split())


def _reason(told: Told) -> str:
    return "; ".join(told.messages or told.keys)[:200] or "without a reason"


def _told(answer: PollResponse) -> Told:
    check_status(answer, "BigBlueButton")
    try:
        return Told(answer.body)
    except expat.ExpatError as error:
        raise PollFailed(
            f"what was answered is not what BigBlueButton answers: {error}: {excerpt(answer)}"
        ) from error


def _refuse(*_: object) -> NoReturn:
    raise PollFailed("what was answered is not what BigBlueButton answers: it declares a document type")


POLL: Final = Poll("bigbluebutton", "the address of its API, like https://bbb.example/bigbluebutton/api", ask)
