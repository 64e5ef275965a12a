"""Janus: its Admin API, by which one request asks a plugin without a session; by the server's `admin_secret`.

* The server says what it is called (`info`), as its events do, and rooms are named alike.
* `list` leaves out rooms that are private. Those in which somebody is, as far as we know, are asked by their number, too; so a private
  room is found by events alone.
* Whether rooms have numbers or texts is a setting of each plugin. A number of which we know only its digits is asked as both.
* No times, and no `opaque_id`: somebody whose join was lost has no user id.
* Whoever only watches is on no list.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from headcount.sources import fields
from headcount.sources.janus import PLACES, beginning_of
from headcount.sources.polls.api import (
    CredentialsRejected,
    Poll,
    PollContext,
    PollFailed,
    PollRequest,
    PollResponse,
    PollResult,
    PollSteps,
    PresentParticipant,
    decode_response,
    json_body,
)

_UNAUTHORIZED: Final = 403
_NO_SUCH_PLUGIN: Final = 460
_NO_SUCH_ROOM: Final = {
    "janus.plugin.videoroom": (426, 430),
    "janus.plugin.audiobridge": (485, 484),
    "janus.plugin.textroom": (417, 414),
}
"""No room of this name, and no name of a room: a text where rooms have numbers, or the other way round."""
_LONGEST_NUMBER: Final = 18

Id = int | str


class Room(msgspec.Struct):
    """`num_participants` is the size of the very table that `listparticipants` shows."""

    room: Id
    num_participants: int | None = None


class Participant(msgspec.Struct):
    """`id` is that of the events; in a TextRoom `username`."""

    id: Id | None = None
    username: Id | None = None
    display: Any = None


class Told(msgspec.Struct):
    """What a plugin answers: which of the fields are there depends on what it was asked, and on whether it went well."""

    rooms: list[Room] | None = msgspec.field(default=None, name="list")
    participants: list[Participant] | None = None
    error_code: int = 0
    error: str = ""


class Wrong(msgspec.Struct):
    code: int = 0
    reason: str = ""


class Outcome(msgspec.Struct):
    """What the server answers: always with a status of 200."""

    janus: str
    error: Wrong | None = None
    response: Told | None = None
    name: str = msgspec.field(default="", name="server-name")


class Place(NamedTuple):
    """A room that is asked."""

    plugin: str
    room: Id
    called: str
    is_empty: bool = False


_DECODER: Final = msgspec.json.Decoder(Outcome)


def ask(access: PollContext) -> PollSteps:
    """Who is in, in all rooms that are listed or known."""
    (info,) = yield [_call(access, janus="info")]
    beginning = beginning_of(_outcome(info).name)
    if not beginning:
        raise PollFailed("Janus does not say what it is called: give it a server_name")
    lists = yield [_message(access, plugin, request="list") for plugin in PLACES]
    there = _listed(beginning, lists)
    called = {place.called for place in there}
    hidden = [
        place for name in sorted(access.rooms) if name not in called for place in _known(beginning, name)
    ]
    places = [place for place in there if not place.is_empty] + hidden
    answers = yield [
        _message(access, one.plugin, request="listparticipants", room=one.room) for one in places
    ]
    present: list[PresentParticipant] = []
    unclear = {name for name in access.rooms if not name.startswith(beginning)}
    for place, answer in zip(places, answers, strict=True):
        people = _people(place, answer)
        if people is None:
            unclear.add(place.called)
        else:
            present += people
    return PollResult(present, frozenset(unclear))


def _listed(beginning: str, lists: Sequence[PollResponse]) -> list[Place]:
    return [
        Place(plugin, one.room, f"{beginning}{place}{one.room}", one.num_participants == 0)
        for (plugin, place), answer in zip(PLACES.items(), lists, strict=True)
        for one in _rooms(answer)
    ]


def _rooms(answer: PollResponse) -> list[Room]:
    outcome = _outcome(answer)
    if outcome.error is not None and outcome.error.code == _NO_SUCH_PLUGIN:
        return []
    told = _told(outcome)
    if told.rooms is None:
        raise PollFailed(f"Janus lists no rooms: {told.error_code} {told.error}".rstrip())
    return told.rooms


def _known(beginning: str, name: str) -> Iterator[Place]:
    """A room that is not listed, by the name that we have for it; none if it is of another server."""
    if not name.startswith(beginning):
        return
    rest = name.removeprefix(beginning)
    # The beginning of VideoRoom's is empty, so it is the last that fits.
    plugin = max((one for one in PLACES if rest.startswith(PLACES[one])), key=lambda one: len(PLACES[one]))
    room = rest.removeprefix(PLACES[plugin])
    yield Place(plugin, room, name)
    if room.isascii() and room.isdigit() and len(room) <= _LONGEST_NUMBER:
        yield Place(plugin, int(room), name)


def _people(place: Place, answer: PollResponse) -> list[PresentParticipant] | None:
    """Who is in a room; None if the server does not tell."""
    outcome = _outcome(answer)
    if outcome.error is not None and outcome.error.code == _NO_SUCH_PLUGIN:
        return []
    told = _told(outcome)
    if told.participants is not None:
        return [_present(place, who) for who in told.participants]
    return [] if told.error_code in _NO_SUCH_ROOM[place.plugin] else None


def _present(place: Place, who: Participant) -> PresentParticipant:
    name = who.display or who.username
    known_as = who.username if who.id is None else who.id
    return PresentParticipant(
        place.called,
        "" if known_as is None else str(known_as),
        user_name=fields.name(name if isinstance(name, str) else None),
    )


def _told(outcome: Outcome) -> Told:
    if outcome.response is None:
        wrong = outcome.error or Wrong(0, "no response")
        raise PollFailed(f"Janus answered with an error: {wrong.code} {wrong.reason}")
    return outcome.response


def _outcome(answer: PollResponse) -> Outcome:
    outcome = decode_response(_DECODER, answer, "Janus")
    if outcome.error is not None and outcome.error.code == _UNAUTHORIZED:
        raise CredentialsRejected(f"Janus refused the key ({_UNAUTHORIZED}): {outcome.error.reason}")
    return outcome


def _message(access: PollContext, plugin: str, **request: Any) -> PollRequest:
    # TextRoom wants a transaction of its own.
    told = {"transaction": "headcount", **request}
    return _call(access, janus="message_plugin", plugin=plugin, request=told)


def _call(access: PollContext, **told: Any) -> PollRequest:
    named = {"transaction": access.chance or "headcount", "admin_secret": access.secret, **told}
    return PollRequest("POST", "", {"content-type": "application/json"}, json_body(named))


POLL: Final = Poll(
    "janus",
    "the address of Janus' Admin API, like http://127.0.0.1:7088/admin",
    ask,
    key="the admin_secret of janus.jcfg",
)
