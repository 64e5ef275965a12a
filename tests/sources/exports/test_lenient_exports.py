"""JSON exports: names of any type, and a person who cannot be read costs no other one."""

import json

import pytest

from headcount.sources.exports.api import ExportFile, ExportOptions, parse_export
from headcount.sources.exports.registry import EXPORT_FORMATS

MS = 1_772_442_000_000
ISO = "2026-03-02T09:00:00Z"


def dashboard(*people):
    users = {
        str(number): person
        if not isinstance(person, dict)
        else {"intIds": {f"w_{number}": {"registeredOn": MS, "leftOn": person.get("until", MS + 60_000)}}}
        | person
        for number, person in enumerate(people)
    }
    return {"intId": "m", "extId": "r", "users": users, "endedOn": MS + 90_000}


def analytics(*people):
    attendees = [
        person
        if not isinstance(person, dict)
        else {
            "ext_user_id": person.get("extId"),
            "name": person.get("name"),
            "joins": [ISO],
            "leaves": [person.get("until", ISO)],
        }
        for person in people
    ]
    return {"internal_meeting_id": "m", "meeting_id": "r", "data": {"finish": ISO, "attendees": attendees}}


def daily(*people):
    participants = [
        person
        if not isinstance(person, dict)
        else {"participant_id": number, "join_time": MS // 1_000, "duration": person.get("until", 60), "user_id": person.get("extId"), "user_name": person.get("name")}
        for number, person in enumerate(people)
    ]  # fmt: skip
    return {"data": [{"room": "r", "participants": participants}]}


EXPORTS = {
    "dashboard": ("bbb-dashboard", dashboard),
    "analytics": ("bbb-dashboard", analytics),
    "daily": ("daily-meetings", daily),
}
every_export = pytest.mark.parametrize("name", EXPORTS)


def parsed(name, *people):
    kind, content = EXPORTS[name]
    errors = []
    file = ExportFile(json.dumps(content(*people)).encode(), "history")
    events = parse_export(EXPORT_FORMATS[kind], file, ExportOptions(), errors.append)
    return [one.event for one in events if one.event.participant_id], errors


@every_export
@pytest.mark.parametrize(
    ("value", "text"), [(42, "42"), (42.0, "42"), (True, None), ({}, None), (None, None), ([], None)]
)
def test_names_and_ids_may_have_any_type(name, value, text):
    (event,), errors = parsed(name, {"extId": value, "name": value})
    assert (event.user_id, event.user_name, errors) == (text, text, [])


@every_export
@pytest.mark.parametrize("bad", [None, 3, "x", [], {"until": "soon"}, {"until": {"a": 1}}])
def test_a_person_who_cannot_be_read_costs_no_other_one(name, bad):
    events, errors = parsed(name, bad, {"name": "Ann"})
    assert [event.user_name for event in events] == ["Ann"]
    assert len(errors) == 1
