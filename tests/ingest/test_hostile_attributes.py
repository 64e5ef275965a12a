"""Hostile attributes at every entrance of Headcount's own JSON: a clear error, and nothing is stored.

A source's event is never refused for an attribute: see `tests/sources`.
"""

import asyncio
import json

import httpx2 as httpx
import pytest

from support.entrances import NOW, Entrances

DEEP = "[" * 900 + "]" * 900
HOSTILE = {
    "a list": ("[1]", "must be an object"),
    "a text": ('"host"', "must be an object"),
    "a list as a value": ('{"a":[1]}', "'a' must be a string, a number or a boolean, not a list"),
    "an object as a value": ('{"a":{"b":1}}', "'a' must be a string, a number or a boolean, not an object"),
    "deep": (f'{{"a":{DEEP}}}', "'a' must be a string, a number or a boolean, not a list"),
    "a key twice": ('{"a":1,"a":2}', "has the key 'a' more than once"),
    "a reserved key twice": ('{"role":"host","role":"guest"}', "has the key 'role' more than once"),
    "an infinite number": ('{"a":1e999}', "'a' must be a finite number"),
    "a number of 5,000 digits": (f'{{"a":{"9" * 5_000}}}', "'a' must be a finite number"),
    "a number beyond 64 bits": ('{"a":9223372036854775808}', "beyond 64 bits: send it as a string"),
    "an empty key": ('{"":1}', "must not have an empty key"),
    "a long key": (f'{{"{"k" * 65}":1}}', "must be at most 64 characters [Received 65]"),
    "a long value": (f'{{"a":"{"v" * 513}"}}', "value of 'a' must be at most 512 characters [Received 513]"),
    "many keys": (
        json.dumps({f"k{n}": 1 for n in range(33)}),
        "at most 32 keys (max_attributes) [Received 33]",
    ),
    "U+0000 in a key": ('{"a\\u0000":1}', "contains the character U+0000"),
    "U+0000 in a value": ('{"a":"\\u0000"}', "contains the character U+0000"),
}
NOT_JSON = {
    "NaN": '{"a":NaN}',
    "an infinity": '{"a":Infinity}',
    "half a character": '{"a":"\\ud800"}',
    "a comment": '{"a":1/*b*/}',
    "deeper than any parser reads": f'{{"a":{"[" * 100_000}{"]" * 100_000}}}',
}


@pytest.fixture(scope="module")
def entrances(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = Entrances(tmp_path_factory.mktemp("hostile"), monkeypatch)
        yield made
        made.stop()


def answers(entrances, attributes):
    """Return status, answer and stored entries of each entrance, by its name."""
    event = f'{{"room":"r","kind":"join","participant_id":"p","at":{NOW // 1_000},"attributes":{attributes}}}'
    snapshot = f'{{"participants":[{{"participant_id":"p","attributes":{attributes}}}]}}'
    key = {"authorization": f"Bearer {entrances.key}"}
    requests = {
        "single": ("/v1/events", event, key),
        "array": ("/v1/events", f"[{event}]", key),
        "lines": ("/v1/events", event, key | {"content-type": "application/x-ndjson"}),
        "snapshot": ("/v1/rooms/r/snapshot", snapshot, key),
    }

    return {name: asyncio.run(post(entrances, *request)) for name, request in requests.items()}


async def post(entrances, path, body, headers):
    """Return status, message and stored entries of a request."""

    async def app(scope, receive, send):
        await entrances.app({**scope, "state": {}}, receive, send)

    entrances.entries = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.post(path, content=body, headers=headers)
    return answer.status_code, answer.json().get("info", ""), entrances.entries


@pytest.mark.parametrize("case", HOSTILE)
def test_an_attribute_that_cannot_be_stored_is_refused_with_its_reason(entrances, case):
    attributes, reason = HOSTILE[case]
    for entrance, (status, info, entries) in answers(entrances, attributes).items():
        assert status == 400, entrance
        assert reason in info, entrance
        assert len(info) < 300, entrance
        assert entries == [], entrance


@pytest.mark.parametrize("case", NOT_JSON)
def test_what_is_not_json_is_refused(entrances, case):
    for entrance, (status, info, entries) in answers(entrances, NOT_JSON[case]).items():
        assert (status, entries) == (400, []), entrance
        assert len(info) < 300, entrance


@pytest.mark.parametrize("attributes", ["null", "{}", '{"a":null,"b":""}'])
def test_attributes_without_a_value_are_none(entrances, attributes):
    for entrance, (status, _, entries) in answers(entrances, attributes).items():
        assert (status, len(entries)) == (200, 1), entrance
        assert entries[0].attributes is None, entrance


def test_an_end_has_no_attributes(entrances):
    body = '{"room":"r","kind":"end","attributes":{"role":"host"}}'
    key = {"authorization": f"Bearer {entrances.key}"}
    status, info, entries = asyncio.run(post(entrances, "/v1/events", body, key))
    assert (status, entries) == (400, [])
    assert "an end applies to the whole room" in info
