"""Payloads that list several people or events: one that cannot be read is reported, and costs no other one."""

import json

import pytest

from headcount import BadInput, Kind
from headcount.sources import generic
from headcount.sources.api import InboundRequest, parse_trusted
from headcount.sources.registry import SOURCES

NOW = 1_772_442_000_000
S = NOW // 1_000
BAD = (None, 3, "x", [], {})


def jitsi(*occupants):
    return {"event_name": "muc-room-destroyed", "room_jid": "r@c", "destroyed_at": S + 60, "all_occupants": list(occupants)}  # fmt: skip


def bigbluebutton_item(user):
    attributes = {"meeting": {"external-meeting-id": "r"}, "user": {"internal-user-id": user}}
    return {"data": {"id": "user-joined", "attributes": attributes, "event": {"ts": NOW}}}


def analytics(*attendees):
    data = {"finish": "2026-03-02T10:00:00Z", "attendees": list(attendees)}
    return {"internal_meeting_id": "m", "meeting_id": "r", "data": data}


def attendee(user):
    at = "2026-03-02T09:00:00Z"
    return {"ext_user_id": user, "sessions": [{"joins": [{"timestamp": at, "userid": f"w_{user}"}]}]}


def janus_event(participant):
    data = {"event": "joined", "room": 1, "id": participant}
    return {"type": 64, "timestamp": NOW * 1_000, "event": {"plugin": "janus.plugin.videoroom", "data": data}}


MAPPED = generic.mapped_source(
    {"kind": {"at": "/what", "join": ["in"]}, "room": "/room", "participant_id": "/who", "events": "/batch"}
)
# The source, the payload with the listed items, a good item, and an item that lacks what is needed.
LISTS = {
    "jitsi": (SOURCES["jitsi"], jitsi, {"occupant_jid": "ann", "joined_at": S, "name": 1234}, {"occupant_jid": "bob", "joined_at": True}),
    "bigbluebutton": (SOURCES["bigbluebutton"], lambda *items: list(items), bigbluebutton_item("ann"), bigbluebutton_item(True)),
    "analytics": (SOURCES["bigbluebutton"], analytics, attendee("ann"), {"joins": ["yesterday"]}),
    "janus": (SOURCES["janus"], lambda *items: list(items), janus_event("ann"), janus_event(None)),
    "generic": (SOURCES["generic"], lambda *items: list(items), {"room": "r", "kind": "join", "participant_id": 7}, {"room": "r", "kind": "join"}),
    "mapped": (MAPPED, lambda *items: {"batch": list(items)}, {"what": "in", "room": "r", "who": "ann"}, {"what": "in", "room": "r"}),
}  # fmt: skip
every_list = pytest.mark.parametrize("name", LISTS)


def parsed(source, payload):
    problems = []
    request = InboundRequest(
        {"content-type": "application/json"}, json.dumps(payload).encode(), received_at=NOW
    )
    return parse_trusted(source, request, problems.append), problems


@every_list
def test_an_item_that_cannot_be_read_costs_no_other_one(name):
    source, payload, good, lacking = LISTS[name]
    alone, none = parsed(source, payload(good))
    assert alone
    assert none == []
    for bad in (lacking, *BAD):
        for items in ([bad, good], [good, bad], [bad, good, bad]):
            events, problems = parsed(source, payload(*items))
            assert events == alone
            has_nothing = (name == "mapped" and bad in BAD) or (name == "analytics" and bad == {})
            assert len(problems) == (0 if has_nothing else items.count(bad))


@every_list
def test_the_error_names_the_item(name):
    source, payload, good, lacking = LISTS[name]
    with pytest.raises(BadInput, match=r"\[1\]: "):
        parse_trusted(
            source, InboundRequest({}, json.dumps(payload(good, lacking)).encode(), received_at=NOW)
        )


def test_the_end_of_a_jitsi_room_is_used_whatever_its_occupants_are():
    for occupants in ([None], [{"occupant_jid": 5, "joined_at": "soon"}], {"a": 1}, "x", 5, None):
        events, _ = parsed(SOURCES["jitsi"], jitsi() | {"all_occupants": occupants})
        assert [one.event.kind for one in events] == [Kind.END]
