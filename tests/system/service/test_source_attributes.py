"""Attributes from sources end to end: read from payloads, mapped by command and in the settings file, shown on meetings."""

import json

import pytest

from support.livekit_source import KEY, added, meetings, now, person, sent, webhook
from support.poll_vendor import LiveKit
from support.running_service import Running, headcount, new_store

CUSTOMER = "customer=/room/metadata/customer"


def join(service, path, room, name, *, metadata='{"customer": "acme"}', **more):
    began = now() // 1_000 - 600
    who = person(name, began, **more)
    payload = webhook("participant_joined", room, createdAt=str(began), participant=who)
    body = json.loads(payload.body)
    body["room"]["metadata"] = metadata
    accepted = sent(service, path, payload._replace(body=json.dumps(body).encode())).json()
    assert accepted["accepted"] == 1, accepted


def attributes(service, room):
    service.client().post("/events?wait=true", json={"room": f"wait-{room}", "kind": "end"})
    params = {"room": room, "include": "attributes"}
    (meeting,) = service.client().get("/meetings", params=params).json()["data"]
    return {one["user_id"]: one["attributes"] for one in meeting["participants"]}


def test_attributes_of_a_source_show_on_the_meeting_on_request(service):
    path = added(service, "livekit", "--name", "with-map", "--secret", KEY, "--attribute", CUSTOMER)
    join(service, path, "mapped", "ann", attributes={"role": "host"}, metadata='{"customer": "acme"}')
    join(service, path, "mapped", "bot", kind="AGENT", metadata="no JSON")
    assert attributes(service, "mapped") == {
        "ann": {"customer": "acme", "role": "host"},
        "bot": {"kind": "bot"},
    }
    (meeting,) = meetings(service, "mapped")
    assert not any("attributes" in one for one in meeting["participants"])


def test_mapped_attributes_are_replaced_and_removed_by_command(tmp_path):
    flags = ("--database", new_store(tmp_path / "x.db"))
    headcount("source", "create", "livekit", "--secret", KEY, "--attribute", CUSTOMER, *flags)

    def shown():
        found = headcount("source", "show", "livekit", *flags).stdout.splitlines()
        return [line.split(None, 1)[1] for line in found if line.strip().startswith("attributes")]

    assert shown() == ['{"customer": "/room/metadata/customer"}']
    headcount("source", "update", "livekit", "--attribute", "a=/b", "--attribute", "c=/d=e", *flags)
    assert shown() == ['{"a": "/b", "c": "/d=e"}']
    refused = headcount("source", "update", "livekit", "--attribute", "a=b", *flags, check=False)
    assert (refused.returncode, shown()) == (2, ['{"a": "/b", "c": "/d=e"}'])
    headcount("source", "update", "livekit", "--no-attributes", *flags)
    assert shown() == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("customer", "--attribute: expected KEY=POINTER, such as customer=/room/metadata/customer, got 'customer'"),
        ("customer=room", "attribute 'customer': expected a JSON Pointer, which starts with a slash"),
        ("=/room", "a key must not be empty"),
        ("a=/b~", "write ~0 for a tilde and ~1 for a slash"),
    ],
)  # fmt: skip
def test_a_malformed_attribute_is_refused(tmp_path, option, message):
    flags = ("--secret", KEY, "--attribute", option, "--database", new_store(tmp_path / "x.db"))
    refused = headcount("source", "create", "livekit", *flags, check=False)
    assert refused.returncode == 2
    assert message in refused.stderr.replace("\n", " ")


def test_attributes_can_be_mapped_in_the_settings_file(tmp_path):
    config = tmp_path / "headcount.toml"
    table = '[sources.livekit]\ntoken = "fixed"\nsecrets = ["{}"]\nattributes = {{ customer = "{}" }}\n'
    config.write_text(table.format(KEY, "/room/metadata/customer"))
    service = Running(tmp_path)
    service.start("--config", config)
    join(service, "/v1/ingest/livekit/fixed", "declared", "ann")
    assert attributes(service, "declared") == {"ann": {"customer": "acme"}}
    service.stop()
    config.write_text(table.format(KEY, "room"))
    asked = ("serve", "--database", service.database, "--config", config, "--port", "0")
    refused = headcount(*asked, check=False).stderr
    assert "[sources.livekit]" in refused
    assert "expected a JSON Pointer" in refused


def test_a_poll_shows_attributes(tmp_path):
    server, flags = LiveKit(), ("--database", new_store(tmp_path / "x.db"))
    try:
        server.join("blue", "ann", attributes={"role": "host"}, metadata='{"team": {"name": "red"}}')
        server.join("blue", "phone", kind="SIP")
        mapped = ("--attribute", "team=/participant/metadata/team/name")
        headcount("source", "create", "livekit", "--secret", KEY, "--poll", server.url, *mapped, *flags)
        found = json.loads(headcount("source", "poll", "livekit", "--json", *flags).stdout)
        assert [one["attributes"] for one in found["participants"]] == [
            {"role": "host", "team": "red"},
            {"kind": "phone"},
        ]
        assert '{"role":"host","team":"red"}' in headcount("source", "poll", "livekit", *flags).stdout
    finally:
        server.close()
